//! The sockets: datagrams in, packets out, logins handed to the gateway.
//!
//! One task owns one socket, everything it remembers and the logins that came in by it, so nothing here is locked and
//! nothing changes threads: what a datagram costs is mostly what it takes to wake somebody.

mod advice;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::task::coop::unconstrained;
use tokio::time::Sleep;

use crate::base::clock::{Clock, Now};
use crate::base::random::{self, Random};
use crate::frontend::complaints::{Complaints, Said};
use crate::frontend::radius::clients::ClientTable;
use crate::frontend::radius::counters::{Counters, Dropped, Refusal};
use crate::frontend::radius::running::{Panicked, Running};
use crate::frontend::radius::session::{Action, Outgoing, Session, Ticket};
use crate::frontend::radius::socket::{Buffers, Datagram, Listener};
use crate::frontend::radius::translate::{Arrival, Fresh};
use crate::frontend::radius::udp::advice::advice;
use crate::gateway::admit::{Place, Refused};
use crate::gateway::drive::{Asker, Ended, Gateway};
use crate::login::attempt::{Answer, Attempt, ChallengeId};

/// Pause after the kernel refused to give us anything.
const AFTER_FAULT: Duration = Duration::from_millis(100);
/// Calls to the kernel in one turn.
const READS: usize = 16;
/// New logins that begin in one turn; fewer than one turn can read, so that replies to questions overtake them when
/// there is more to do than gets done.
const BEGINS: usize = 64;
/// Packets that leave together; more of them leave before the turn is over.
const LEAVE: usize = 32;
/// New logins of one socket that wait for their turn: what comes in half a second at 33,000 a second, or in longer at fewer,
/// while a worker waits for its core or the disk. Each of them has its place already, so that where `logins` or
/// `logins-per-client` is less it is they that turn logins away.
const MOST_NEW: usize = 16_384;

/// What all sockets share.
pub struct Front {
    clients: ArcSwap<ClientTable>,
    gateway: Arc<Gateway>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    counters: Arc<Counters>,
    complaints: Complaints,
}

impl Front {
    /// A front end for these clients.
    #[must_use]
    pub fn new(
        clients: ClientTable,
        gateway: Arc<Gateway>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let clients = ArcSwap::from_pointee(clients);
        Self { clients, gateway, clock, random, counters: Arc::default(), complaints: Complaints::default() }
    }

    /// Exchanges the clients. Requests that are being worked on are answered under the settings they came
    /// under; what clients have shown is kept.
    pub fn reload(&self, clients: ClientTable) {
        clients.learn_from(&self.clients.load());
        self.clients.store(Arc::new(clients));
    }

    /// The clients as they are now.
    #[must_use]
    pub fn clients(&self) -> Arc<ClientTable> {
        self.clients.load_full()
    }

    /// The counters of all sockets.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl Listener {
    /// Serves until `stop` holds `true` or its sender is gone; then reads no more and waits up to `drain`
    /// for the logins that run. Returns how many were cut off.
    ///
    /// Logins are polled by this task and not counted against its share of the runtime, which therefore has to have
    /// short turns.
    pub async fn serve(self, front: Arc<Front>, mut stop: watch::Receiver<bool>, drain: Duration) -> usize {
        let (mut desk, mut told) = (Desk::new(&self, &front, log_in), pin!(told_to_stop(&mut stop)));
        let told_or_turn = poll_fn(|cx| {
            if told.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            desk.turn(cx);
            Poll::Pending
        });
        unconstrained(told_or_turn).await;
        unconstrained(desk.drain(drain)).await
    }
}

/// Nobody left who could tell us counts as being told.
pub(super) async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    let _either = stop.wait_for(|stop| *stop).await;
}

/// What the gateway is to do for a request.
enum Job {
    Begin(Box<Attempt>, Place),
    Resume(ChallengeId, Box<Answer>, Now, Place),
}

async fn log_in(gateway: &Gateway, job: Job) -> Ended {
    match job {
        Job::Begin(attempt, place) => gateway.begin(*attempt, place, Asker::patient()).await,
        Job::Resume(id, answer, came, place) => gateway.resume(id, *answer, came, place).await,
    }
}

/// The task of one socket. A turn reads a bounded number of datagrams, begins a bounded number of logins, lets those
/// that have been woken go on, and leaves the rest to the next turn.
struct Desk<'f, F> {
    office: Office<'f>,
    log_in: fn(&'f Gateway, Job) -> F,
    running: Running<Ticket, F>,
    /// New logins, which come after replies to questions.
    new: VecDeque<(Ticket, Box<Attempt>, Place)>,
    most_new: usize,
    buffers: Buffers,
    /// After a fault of the system nothing is read for a while.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<'f, F: Future<Output = Ended>> Desk<'f, F> {
    fn new(listener: &'f Listener, front: &'f Front, log_in: fn(&'f Gateway, Job) -> F) -> Self {
        let counters = front.counters.of_a_socket();
        let session = Session::new(counters.clone());
        Self {
            office: Office {
                listener,
                front,
                session,
                counters,
                outbox: Vec::new(),
                fresh: None,
                said: Said::default(),
            },
            log_in,
            running: Running::new(),
            new: VecDeque::new(),
            most_new: MOST_NEW,
            buffers: Buffers::new(),
            pause: None,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) {
        let more = self.read(cx);
        self.go_on(cx, more);
    }

    /// Reads and answers what can be answered at once; `false` when nothing more is there.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(cx).is_pending() {
                return false;
            }
            self.pause = None;
        }
        let mut buffers = std::mem::take(&mut self.buffers);
        let more = self.read_into(&mut buffers, cx);
        self.buffers = buffers;
        more
    }

    fn read_into(&mut self, buffers: &mut Buffers, cx: &mut Context<'_>) -> bool {
        let Office { listener, front, .. } = self.office;
        let clients = front.clients.load();
        for _ in 0..READS {
            let take = |now, datagram: Datagram<'_>| {
                if let Some((ticket, job)) = self.office.take(&clients, now, datagram) {
                    self.queue(now, ticket, job);
                }
            };
            match listener.poll_receive(cx, buffers, &*front.clock, take) {
                Poll::Ready(Ok(())) => {}
                Poll::Pending => return false,
                Poll::Ready(Err(fault)) => {
                    tracing::error!(event = "radius.read", %fault, "reading the RADIUS socket met a fault of the system");
                    self.pause = Some(Box::pin(tokio::time::sleep(AFTER_FAULT)));
                    break;
                }
            }
        }
        true
    }

    /// A reply to a question is taken up at once. A new login waits until everything that was read has been looked at,
    /// and goes away when too many wait: its device asks again, or asks another node.
    fn queue(&mut self, now: Now, ticket: Ticket, job: Job) {
        match job {
            Job::Resume(..) => self.begin(now, ticket, job),
            Job::Begin(attempt, place) if self.new.len() < self.most_new => {
                self.new.push_back((ticket, attempt, place));
            }
            Job::Begin(..) => self.office.turn_away(now, &ticket, Dropped::Shed),
        }
    }

    fn begin(&mut self, now: Now, ticket: Ticket, job: Job) {
        let (log_in, gateway) = (self.log_in, &*self.office.front.gateway);
        if let Some((ticket, done)) = self.running.begin(ticket, || log_in(gateway, job)) {
            self.office.finished(now, &ticket, done);
        }
    }

    /// Begins new logins. Whoever waited until its device gave up goes away too: its code is still good for its next try,
    /// which may be at another node.
    fn begin_new(&mut self, now: Now) {
        let since = self.office.front.gateway.since(now);
        for _ in 0..BEGINS {
            let Some((ticket, attempt, place)) = self.new.pop_front() else { break };
            if ticket.is_given_up(now) {
                self.office.turn_away(now, &ticket, Dropped::Shed);
            } else {
                self.begin(now, ticket, Job::Begin(attempt, place.with(since)));
            }
        }
    }

    /// Begins new logins and lets the running ones go on; `again` asks for another turn.
    fn go_on(&mut self, cx: &Context<'_>, again: bool) {
        // Once for all of them: nobody is late by what a turn lasts.
        let now = self.office.front.clock.now();
        self.begin_new(now);
        let Self { running, office, .. } = self;
        running.go_on(|ticket, done| office.finished(now, &ticket, done));
        office.send_off(now);
        if again || !self.new.is_empty() {
            cx.waker().wake_by_ref();
        } else {
            self.running.rest(cx);
        }
    }

    fn left(&self) -> usize {
        self.running.len().saturating_add(self.new.len())
    }

    async fn drain(mut self, drain: Duration) -> usize {
        let mut deadline = pin!(tokio::time::sleep(drain));
        poll_fn(|cx| {
            self.go_on(cx, false);
            if self.left() == 0 { Poll::Ready(()) } else { deadline.as_mut().poll(cx) }
        })
        .await;
        self.left()
    }
}

/// What answers the packets of one socket, and what it remembers of them.
struct Office<'f> {
    listener: &'f Listener,
    front: &'f Front,
    session: Session,
    counters: Arc<Counters>,
    /// What leaves when the turn is over, at the latest.
    outbox: Vec<Outgoing>,
    /// Drawn when the last one was used up.
    fresh: Option<Fresh>,
    said: Said,
}

impl Office<'_> {
    /// Answers what can be answered at once, and gives back what the gateway has to do.
    fn take(&mut self, clients: &ClientTable, now: Now, datagram: Datagram<'_>) -> Option<(Ticket, Job)> {
        let Datagram { peer, local, bytes } = datagram;
        let Some(fresh) = self.fresh() else {
            self.counters.dropped(Dropped::Lost);
            return None;
        };
        let arrival = Arrival { now, local, listener: self.listener.name(), peer, bytes, fresh };
        let action = self.session.on_datagram(clients, &arrival);
        if !matches!(action, Action::Drop(_) | Action::Send(_)) {
            self.fresh = None;
        }
        match action {
            Action::Drop(why) => self.complain(now, peer.ip(), why),
            Action::Send(bytes) => self.send(now, Outgoing { peer, local, bytes }),
            Action::Refuse(why, bytes) => {
                self.send(now, Outgoing { peer, local, bytes });
                self.explain(now, peer.ip(), why);
            }
            Action::Begin(ticket, attempt) => match self.front.gateway.admit(&attempt) {
                Ok(place) => return Some((ticket, Job::Begin(attempt, place))),
                Err(refused) => self.refuse(now, &ticket, refused),
            },
            Action::Resume(ticket, id, answer) => {
                match self.front.gateway.admit_reply(id, &answer.client.name) {
                    Ok(place) => return Some((ticket, Job::Resume(id, answer, now, place))),
                    Err(refused) => self.refuse(now, &ticket, refused),
                }
            }
        }
        None
    }

    fn fresh(&mut self) -> Option<Fresh> {
        if self.fresh.is_none() {
            self.fresh = random::bytes(&*self.front.random).map(Fresh::new).ok();
        }
        self.fresh
    }

    fn refuse(&mut self, now: Now, ticket: &Ticket, refused: Refused) {
        self.front.gateway.tally().refused(refused);
        self.turn_away(now, ticket, refused.into());
    }

    /// No place: the device hears nothing, so that it tries another node.
    fn turn_away(&mut self, now: Now, ticket: &Ticket, why: Dropped) {
        self.session.forget(ticket, why);
        self.complain(now, ticket.peer().ip(), why);
    }

    /// A login has come to its end, or to a question.
    fn finished(&mut self, now: Now, ticket: &Ticket, done: Result<Ended, Panicked>) {
        match done {
            Ok(ended) => {
                if let Some(outgoing) = self.session.on_reply(ticket, now, &ended) {
                    self.send(now, outgoing);
                }
            }
            Err(Panicked) => {
                self.session.forget(ticket, Dropped::Lost);
                tracing::error!(
                    event = "radius.lost",
                    panicked = true,
                    "a login ended by a fault of the program; its device hears nothing"
                );
            }
        }
    }

    /// Sends a packet, with others of the same turn.
    fn send(&mut self, now: Now, outgoing: Outgoing) {
        self.outbox.push(outgoing);
        if self.outbox.len() >= LEAVE {
            self.send_off(now);
        }
    }

    /// Sends what waits. If the kernel does not take a packet, the device's next copy of the request gets it.
    fn send_off(&mut self, now: Now) {
        let mut outbox = std::mem::take(&mut self.outbox);
        self.listener.send_all(&outbox, |Outgoing { peer, bytes, .. }, fault| {
            self.counters.dropped(Dropped::NotSent);
            if self.is_news(now, peer.ip(), Dropped::NotSent.code()) {
                tracing::warn!(event = "radius.not-sent", %peer, bytes = bytes.len(), %fault, "the system did not take an answer");
            }
        });
        outbox.clear();
        self.outbox = outbox;
    }

    /// Says once a minute why packets of a client are dropped. Strangers share one line.
    fn complain(&mut self, now: Now, peer: IpAddr, why: Dropped) {
        // The device does what it should.
        if why != Dropped::InWork && self.is_news(now, peer, why.code()) {
            tracing::warn!(event = "radius.dropped", %peer, reason = why.code(), "a packet was dropped without an answer: {}", advice(why));
        }
    }

    fn explain(&mut self, now: Now, peer: IpAddr, why: Refusal) {
        if self.is_news(now, peer, why.code()) {
            tracing::warn!(event = "radius.refused", %peer, reason = why.code(), "a request was no login that can be checked here");
        }
    }

    fn is_news(&mut self, now: Now, peer: IpAddr, cause: &'static str) -> bool {
        let clients = self.front.clients.load();
        let client = clients.get(peer).map(|client| &client.client.name);
        self.front.complaints.is_news(&mut self.said, client, cause, now.steady)
    }
}

#[cfg(test)]
mod tests;
