//! One connection from its first octet to its last: octets in, the session's actions out, a login at the side, a
//! directory behind. One task does all of it, so nothing here is locked and a peer holds up nobody but itself.

mod act;
mod login;
mod record;
mod time;

use std::future::{Future, poll_fn};
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Sleep;

use crate::base::clock::Now;
use crate::base::random;
use crate::frontend::ldap::conversation::login::Login;
use crate::frontend::ldap::conversation::record::Recording;
use crate::frontend::ldap::counters::Closed;
use crate::frontend::ldap::limits::LdapLimits;
use crate::frontend::ldap::listen::{Door, Front};
use crate::frontend::ldap::outgoing::Outgoing;
use crate::frontend::ldap::places::Place;
use crate::frontend::ldap::relay::{CHUNK, Relay};
use crate::frontend::ldap::session::{Action, Session};
use crate::frontend::ldap::stream::Stream;
use crate::gateway::asker::Ended;
use crate::login::attempt::AttemptId;
use crate::login::verdict::Fault;
use crate::wire::ldap::frame::{BadFrame, Inbox};

/// Events of one connection without a pause, each of up to [`CHUNK`] octets of either side: 16 of them take less time
/// than some logins.
const AT_ONCE: u32 = 16;

/// What the task of a connection was woken for.
enum Event {
    /// Octets of the client have come.
    Heard,
    /// The client has hung up, or cannot be written to.
    Gone,
    /// Everything for the client has left, and something was to happen then.
    Flushed,
    /// The login has ended; nobody knows how when it broke.
    LoggedIn(Option<Ended>),
    /// What an exempt account is about to do is in the record, or cannot be.
    Recorded(Result<(), Fault>),
    /// Octets of the directory have come.
    Answered,
    /// The directory is gone, or of no further use.
    Lost(Closed),
    /// Messages that had to wait can be taken now.
    Room,
    /// It is time to look at the limits.
    Time,
}

/// Since when.
struct Since {
    began: Instant,
    /// The first whole message has come.
    heard: bool,
    /// A message has begun and is not whole.
    message: Option<Instant>,
    /// Octets came from either side.
    traffic: Instant,
    /// The client takes nothing.
    stalled: Option<Instant>,
}

/// What a connection begins with.
pub(super) struct Opening {
    pub(super) front: Arc<Front>,
    pub(super) door: Arc<Door>,
    pub(super) place: Place,
    /// Whose connection it is, a balancer looked through.
    pub(super) peer: IpAddr,
    pub(super) stream: Stream,
    /// When it was accepted.
    pub(super) began: Instant,
    pub(super) limits: LdapLimits,
}

/// One connection.
pub(super) struct Conversation {
    front: Arc<Front>,
    door: Arc<Door>,
    place: Place,
    peer: IpAddr,
    limits: LdapLimits,
    stream: Stream,
    inbox: Inbox,
    session: Session,
    relay: Relay,
    to_client: Outgoing,
    actions: Vec<Action>,
    /// How often clients had been exchanged when this one was last looked at.
    reloads: u64,
    login: Option<Login>,
    recording: Option<Box<Recording>>,
    /// Drawn when the last one was used up.
    id: Option<AttemptId>,
    since: Since,
    timer: Pin<Box<Sleep>>,
    /// TLS begins when what was said before has left.
    start_tls: bool,
    closing: Option<Closed>,
    /// The client has half of a message of the directory, which cannot be finished: nothing more is sent.
    mute: bool,
    stopping: bool,
    /// Whose turn it is when both sides have something.
    directory_first: bool,
    /// Something of the client waits that could not be taken.
    held_up: bool,
}

impl Conversation {
    /// `None` when nobody who may ask is on it.
    pub(super) fn new(opening: Opening) -> Option<Self> {
        let Opening { front, door, place, peer, stream, began, limits } = opening;
        let reloads = front.reloads();
        let (conduct, client) = front.who(&door, peer, &stream, &limits);
        if client.is_none() && matches!(stream, Stream::Tls(_)) {
            return None;
        }
        let due = began.checked_add(limits.first_message).unwrap_or(began);
        Some(Self {
            session: Session::new(conduct, client),
            inbox: Inbox::new(limits.size_before_bind),
            relay: Relay::none(),
            to_client: Outgoing::default(),
            actions: Vec::new(),
            reloads,
            login: None,
            recording: None,
            id: None,
            since: Since { began, heard: false, message: None, traffic: began, stalled: None },
            timer: Box::pin(tokio::time::sleep_until(due.into())),
            start_tls: false,
            closing: None,
            mute: false,
            stopping: false,
            directory_first: false,
            held_up: false,
            front,
            door,
            place,
            peer,
            limits,
            stream,
        })
    }

    /// Talks to its end.
    pub(super) async fn run(&mut self) {
        let mut busy = 0_u32;
        loop {
            if self.stopping && self.closing.is_none() && !self.session.is_binding() {
                self.farewell(Closed::Shutdown);
            }
            let mut waited = false;
            let event = poll_fn(|cx| {
                let event = self.poll_event(cx);
                waited |= event.is_pending();
                event
            });
            let event = event.await;
            // Read once for all that comes of it: a clock costs more than what it is asked for here.
            let mut now = self.front.clock.now();
            match event {
                Event::Heard | Event::Answered => self.since.traffic = now.steady,
                Event::Gone => return self.farewell(Closed::HungUp),
                // Both on the heap, so that a connection that waits does not keep their room.
                Event::Flushed if self.closing.is_some() => return Box::pin(self.leave()).await,
                Event::Flushed => {
                    Box::pin(self.encrypt()).await;
                    now = self.front.clock.now();
                }
                Event::LoggedIn(ended) => self.logged_in(now, ended),
                Event::Recorded(outcome) => self.recorded(&outcome),
                Event::Lost(why) => self.farewell(why),
                Event::Room => {}
                Event::Time => {
                    if self.is_out_of_time(now.steady) {
                        return;
                    }
                }
            }
            self.act(&[]);
            self.keep_up_with_settings();
            self.take_messages(now);
            self.set_timer(now.steady);
            busy = if waited { 0 } else { busy.saturating_add(1) };
            if busy >= AT_ONCE {
                // Others of this thread have logins to make while a long answer goes through here.
                busy = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Ends as soon as no bind is pending, and after `drain` whatever is pending; `false` when that was a bind.
    pub(super) async fn wind_down(&mut self, drain: Duration) -> bool {
        self.stopping = true;
        tokio::time::timeout(drain, self.run()).await.is_ok() || !self.session.is_binding()
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let mut took = 0;
        let wrote = self.to_client.poll(&mut self.stream, cx, &mut took);
        if took > 0 {
            self.front.counters.sent_octets(u64::try_from(took).unwrap_or(u64::MAX));
        }
        match wrote {
            Poll::Ready(Err(_)) => return Poll::Ready(Event::Gone),
            Poll::Ready(Ok(())) => {
                self.since.stalled = None;
                if self.closing.is_some() || self.start_tls {
                    return Poll::Ready(Event::Flushed);
                }
            }
            Poll::Pending if took > 0 || self.since.stalled.is_none() => {
                self.since.stalled = Some(self.front.clock.now().steady);
                self.set_timer(self.front.clock.now().steady);
            }
            Poll::Pending => {}
        }
        if self.closing.is_none() && !self.start_tls {
            if let Some(login) = &mut self.login
                && let Poll::Ready(ended) = login.poll(cx)
            {
                return Poll::Ready(Event::LoggedIn(ended));
            }
            if let Some(recording) = &mut self.recording {
                // Nothing is read meanwhile, so that what waits for it never comes in the middle of a message.
                if let Poll::Ready(outcome) = recording.poll(cx) {
                    return Poll::Ready(Event::Recorded(outcome));
                }
                return self.timer.as_mut().poll(cx).map(|()| Event::Time);
            }
            self.directory_first = !self.directory_first;
            let sides: [fn(&mut Self, &mut Context<'_>) -> Poll<Event>; 2] = if self.directory_first {
                [Self::poll_directory, Self::poll_client]
            } else {
                [Self::poll_client, Self::poll_directory]
            };
            for side in sides {
                if let Poll::Ready(event) = side(self, cx) {
                    return Poll::Ready(event);
                }
            }
            // Nobody else would wake us for what was said while one of the sides did not read.
            if self.held_up && !self.is_blocked() {
                return Poll::Ready(Event::Room);
            }
        }
        self.timer.as_mut().poll(cx).map(|()| Event::Time)
    }

    fn poll_directory(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let Self { relay, session, to_client, .. } = self;
        let wants_answers = !to_client.is_enough();
        let answered = relay.poll(cx, wants_answers, to_client, &mut |id, tag| session.on_answer(id, tag));
        answered.map(|answered| answered.map_or_else(Event::Lost, |()| Event::Answered))
    }

    /// Reads as long as there is something to do with what comes. A peer that is not read any more is slowed down
    /// by the network, which is all that happens to it.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        // What waits is taken first, so that there is always room for what is read.
        let must_wait = self.held_up || self.is_blocked();
        if must_wait && self.inbox.waiting() >= CHUNK.min(self.session.most_octets()) {
            return Poll::Pending;
        }
        let mut space = [const { MaybeUninit::uninit() }; CHUNK];
        let mut chunk = ReadBuf::uninit(&mut space);
        match Pin::new(&mut self.stream).poll_read(cx, &mut chunk) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) if !chunk.filled().is_empty() => {
                self.hear(chunk.filled());
                Poll::Ready(Event::Heard)
            }
            Poll::Ready(_) => Poll::Ready(Event::Gone),
        }
    }

    fn hear(&mut self, octets: &[u8]) {
        self.front.counters.received_octets(u64::try_from(octets.len()).unwrap_or(u64::MAX));
        if let Err(bad) = self.inbox.push(octets) {
            self.bad_frame(&bad);
        } else if !self.place.has_room(self.held()) {
            self.farewell(Closed::MemoryFull);
        }
    }

    /// Octets of the client that are here: of messages that are not whole, of those that are recorded first, and of
    /// those that the directory does not take.
    fn held(&self) -> usize {
        let recorded_first = self.recording.as_ref().map_or(0, |recording| recording.octets());
        self.inbox.waiting().saturating_add(recorded_first).saturating_add(self.relay.waiting())
    }

    /// No message can be taken now: the client does not read, the directory does not, or the client has half of an
    /// answer, which nothing may come between.
    fn is_blocked(&self) -> bool {
        !self.session.wants_messages()
            || self.recording.is_some()
            || self.to_client.is_enough()
            || self.relay.is_backed_up()
            || self.relay.is_in_a_message()
    }

    fn take_messages(&mut self, now: Now) {
        while self.closing.is_none() && !self.start_tls && !self.is_blocked() {
            self.inbox.set_limit(self.session.most_octets());
            let Some(fresh) = self.fresh_id() else {
                self.farewell(Closed::Fault);
                return;
            };
            // Taken out for the time, so that it can be read while everything else changes.
            let mut inbox = std::mem::replace(&mut self.inbox, Inbox::new(0));
            let taken = match inbox.take() {
                Ok(Some(whole)) => {
                    self.since.heard = true;
                    self.since.message = None;
                    self.session.on_message(now, fresh, whole, &mut self.actions);
                    self.act(whole);
                    if self.session.is_binding() {
                        // It may be kept for a bind that waits; another one needs a name of its own.
                        self.id = None;
                    }
                    Ok(true)
                }
                Ok(None) => Ok(false),
                Err(bad) => Err(bad),
            };
            inbox.wipe_taken();
            self.inbox = inbox;
            match taken {
                Ok(true) => {}
                Ok(false) => break,
                Err(bad) => self.bad_frame(&bad),
            }
        }
        if self.held() == 0 {
            self.place.give_room_back();
        }
        self.held_up = self.inbox.waiting() > 0 && self.is_blocked();
        let unfinished = self.inbox.waiting() > 0 && !self.held_up;
        self.since.message = unfinished.then(|| self.since.message.unwrap_or(now.steady));
    }

    fn fresh_id(&mut self) -> Option<AttemptId> {
        if self.id.is_none() {
            self.id = random::bytes(&*self.front.random).map(AttemptId).ok();
        }
        self.id
    }

    fn bad_frame(&mut self, bad: &BadFrame) {
        self.mute = self.relay.is_in_a_message();
        self.session.on_bad_frame(bad, &mut self.actions);
        self.act(&[]);
    }
}
