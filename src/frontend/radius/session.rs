//! What to do with a datagram, and with what the gateway says. No sockets, no clock, no randomness.
//!
//! Order of the checks: who sent it; its form; its code; whether the proof that is demanded is there; whether it is alike,
//! octet by octet, to one that was taken a short while ago; only then any cryptography; whether it asks for the
//! same as one that was; what it asks for. A datagram that fails the proof touches nothing that is remembered.

mod checks;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;
use crate::base::clock::Now;
use crate::frontend::radius::answer::{Addressee, alive, refuse, write};
use crate::frontend::radius::clients::{ClientTable, RadiusClient, Which};
use crate::frontend::radius::counters::{Counters, Dropped, Refusal, Sent};
use crate::frontend::radius::duplicates::{self, Duplicates, Key, Print, Seen, Serial, Whole};
use crate::frontend::radius::method::{Shape, Unfit};
use crate::frontend::radius::session::checks::{Checked, check, form};
use crate::frontend::radius::translate::{Arrival, Asked, Fresh, read};
use crate::gateway::drive::{Ended, Reply};
use crate::login::attempt::{Answer, Attempt, ChallengeId};
use crate::login::verdict::REJECTED_TEXT;
use crate::wire::radius::build::{Buffer, ReplyTo};
use crate::wire::radius::dictionary::{
    CHAP_CHALLENGE, CHAP_PASSWORD, EAP_MESSAGE, MICROSOFT, STATE, USER_NAME, USER_PASSWORD, VENDOR_SPECIFIC,
};
use crate::wire::radius::packet::{Code, MAX_LEN, Packet};

/// Status-Server requests of one client that one socket answers in a second.
const PROBES_PER_SECOND: u32 = 50;
/// Clients whose Status-Server requests are counted.
const MOST_PROBERS: usize = 4096;

/// What to do with a datagram.
#[must_use]
#[derive(Debug)]
pub enum Action {
    /// Nothing.
    Drop(Dropped),
    /// Send this back.
    Send(Arc<[u8]>),
    /// Send this back; it refuses what was no login.
    Refuse(Refusal, Arc<[u8]>),
    /// Begin a login and bring what the gateway says to [`Session::on_reply`].
    Begin(Ticket, Box<Attempt>),
    /// Go on with a login, likewise.
    Resume(Ticket, ChallengeId, Box<Answer>),
}

/// A request that waits for its answer. It is to be brought back once: with a reply, or to be forgotten.
#[must_use]
pub struct Ticket {
    client: Arc<RadiusClient>,
    which: Which,
    to: ReplyTo,
    unproven: Option<usize>,
    shape: Shape,
    fresh: Fresh,
    key: Key,
    serial: Serial,
    came: Instant,
}

impl Ticket {
    /// Where the request came from.
    pub(super) const fn peer(&self) -> SocketAddr {
        self.key.peer
    }

    /// Whether its device waits no longer.
    pub(super) fn is_given_up(&self, now: Now) -> bool {
        now.steady.saturating_duration_since(self.came) > self.client.client.login_timeout
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("client", &self.client.client.name).finish_non_exhaustive()
    }
}

impl Ticket {
    /// Who asked.
    #[must_use]
    pub fn client(&self) -> &Arc<RadiusClient> {
        &self.client
    }
}

/// A packet on its way out.
#[derive(Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// To whom.
    pub peer: SocketAddr,
    /// From which of our addresses: the one that was asked.
    pub local: Option<IpAddr>,
    /// What.
    pub bytes: Arc<[u8]>,
}

/// What one socket remembers.
pub struct Session {
    duplicates: Duplicates,
    probes: BoundedMap<Arc<str>, u32>,
    counters: Arc<Counters>,
    buffer: Box<Buffer>,
}

impl Session {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new(counters: Arc<Counters>) -> Self {
        Self {
            duplicates: Duplicates::default(),
            probes: BoundedMap::new(MOST_PROBERS, Duration::from_secs(1)),
            counters,
            buffer: Box::new([0; MAX_LEN]),
        }
    }

    /// Requests that wait for their answer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.duplicates.running()
    }

    /// Takes a datagram.
    pub fn on_datagram(&mut self, clients: &ClientTable, arrival: &Arrival<'_>) -> Action {
        self.counters.received();
        let action = self.judged(clients, arrival).unwrap_or_else(Action::Drop);
        match &action {
            Action::Drop(why) => self.counters.dropped(*why),
            Action::Refuse(why, _) => self.counters.refused(*why),
            Action::Send(_) | Action::Begin(..) | Action::Resume(..) => {}
        }
        action
    }

    fn judged(&mut self, clients: &ClientTable, arrival: &Arrival<'_>) -> Result<Action, Dropped> {
        let (client, packet) = form(clients, arrival)?;
        let seen = Sight::of(&packet, arrival);
        if packet.code() == Code::AccessRequest
            && let Some(action) =
                self.repeated(self.duplicates.look_exactly(&seen.key, seen.whole, arrival.now.steady))
        {
            return action;
        }
        let request = check(client, packet)?;
        match request.packet.code() {
            Code::AccessRequest => self.on_access_request(&request, &seen, arrival),
            Code::StatusServer => self.on_probe(&request, arrival),
            _ => Err(Dropped::UnexpectedCode),
        }
    }

    /// What becomes of a copy.
    fn repeated(&self, seen: Seen) -> Option<Result<Action, Dropped>> {
        match seen {
            Seen::InWork => Some(Err(Dropped::InWork)),
            Seen::Answered(bytes) => {
                self.counters.sent(Sent::Repeated);
                Some(Ok(Action::Send(bytes)))
            }
            Seen::New => None,
        }
    }

    /// Status-Server never becomes a login, and its answer says nothing but that we live.
    fn on_probe(&mut self, request: &Checked<'_>, arrival: &Arrival<'_>) -> Result<Action, Dropped> {
        let (name, now) = (&request.client.client.name, arrival.now.steady);
        match self.probes.get_mut(name, now) {
            Some(count) if *count >= PROBES_PER_SECOND => return Err(Dropped::ProbedTooOften),
            Some(count) => *count = count.saturating_add(1),
            None => self.probes.insert(name.clone(), 1, now),
        }
        let to = ReplyTo::from(&request.packet);
        let bytes = alive(&mut self.buffer, request.client, request.which, &to)?.into();
        self.counters.sent(Sent::Status);
        Ok(Action::Send(bytes))
    }

    fn on_access_request(
        &mut self,
        request: &Checked<'_>,
        seen: &Sight,
        arrival: &Arrival<'_>,
    ) -> Result<Action, Dropped> {
        let now = arrival.now.steady;
        let packet = &request.packet;
        let (key, print) = (seen.key, print(packet));
        if let Some(action) = self.repeated(self.duplicates.look(&key, print, now)) {
            return action;
        }
        let asked = match read(packet, request.client, request.which, arrival) {
            Ok(asked) => Ok(asked),
            Err(Unfit::Dropped(why)) => return Err(why),
            Err(Unfit::Refused(refusal)) if !request.proven && is_noise_without_proof(refusal) => {
                return Err(Dropped::UnsignedUnusable);
            }
            Err(Unfit::Refused(refusal)) => Err(refusal),
        };
        let begun = self.duplicates.begin(key, print, seen.whole, now);
        let serial = begun.map_err(|_| Dropped::Busy)?;
        let ticket = Ticket {
            client: request.client.clone(),
            which: request.which,
            to: ReplyTo::from(packet),
            unproven: request.unproven(),
            shape: Shape::of(packet, request.client),
            fresh: arrival.fresh,
            key,
            serial,
            came: now,
        };
        match asked {
            Ok(Asked::Login(attempt)) => Ok(Action::Begin(ticket, Box::new(attempt))),
            Ok(Asked::Answer(id, answer)) => Ok(Action::Resume(ticket, id, Box::new(answer))),
            Err(refusal) => self.refuse(&ticket, refusal, now),
        }
    }

    fn refuse(&mut self, ticket: &Ticket, refusal: Refusal, now: Instant) -> Result<Action, Dropped> {
        match refuse(&mut self.buffer, &ticket.addressee(), REJECTED_TEXT) {
            Ok(bytes) => {
                let bytes: Arc<[u8]> = bytes.into();
                self.duplicates.answer(ticket.key, ticket.serial, ticket.keep(&bytes), now);
                self.counters.sent(Sent::Reject);
                Ok(Action::Refuse(refusal, bytes))
            }
            Err(why) => {
                self.duplicates.drop_unanswered(&ticket.key, ticket.serial);
                Err(why)
            }
        }
    }

    /// Takes what the gateway says about a request. `None`: the device hears nothing.
    pub fn on_reply(&mut self, ticket: &Ticket, now: Now, ended: &Ended) -> Option<Outgoing> {
        if is_late(ticket, now, &ended.reply) {
            return self.silence(ticket, Dropped::Late);
        }
        let (sent, bytes): (Sent, Arc<[u8]>) = match write(&mut self.buffer, &ticket.addressee(), ended) {
            Ok((sent, bytes)) => (sent, bytes.into()),
            Err(why) => return self.silence(ticket, why),
        };
        if !self.duplicates.answer(ticket.key, ticket.serial, ticket.keep(&bytes), now.steady) {
            self.counters.dropped(Dropped::Superseded);
            return None;
        }
        self.counters.sent(sent);
        Some(Outgoing { peer: ticket.key.peer, local: ticket.key.local, bytes })
    }

    /// Forgets a request that gets no answer: a copy of it will be taken for a new one.
    pub fn forget(&mut self, ticket: &Ticket, why: Dropped) {
        let _nothing_to_send = self.silence(ticket, why);
    }

    fn silence(&mut self, ticket: &Ticket, why: Dropped) -> Option<Outgoing> {
        self.duplicates.drop_unanswered(&ticket.key, ticket.serial);
        self.counters.dropped(why);
        None
    }
}

impl Ticket {
    fn addressee(&self) -> Addressee<'_> {
        Addressee {
            client: &self.client,
            which: self.which,
            to: &self.to,
            unproven: self.unproven,
            shape: &self.shape,
            fresh: &self.fresh,
        }
    }

    fn keep(&self, bytes: &Arc<[u8]>) -> duplicates::Answer<'_> {
        let (client, life) = (&self.client.client.name, self.client.answer_memory);
        duplicates::Answer { client, bytes: bytes.clone(), life }
    }
}

/// What a request asks for: a copy of it asks for the same. What may stand more than once does so in the same order.
fn print(packet: &Packet<'_>) -> Print {
    let single = [USER_NAME, USER_PASSWORD, STATE, CHAP_PASSWORD];
    let single = single.into_iter().filter_map(|kind| packet.first(kind));
    let several = [CHAP_CHALLENGE, EAP_MESSAGE].into_iter().flat_map(|kind| packet.whole(kind));
    let vendors = packet.whole(VENDOR_SPECIFIC);
    let microsofts = vendors.filter(|attribute| attribute.value.starts_with(&MICROSOFT.to_be_bytes()));
    let question = single.chain(several).chain(microsofts);
    Print::new(*packet.authenticator(), question.map(|attribute| attribute.whole))
}

/// Whether a request that is no login is dropped instead of refused when it did not prove who sent it:
/// where the contents could as well be noise, from a wrong secret or from anybody.
const fn is_noise_without_proof(refusal: Refusal) -> bool {
    match refusal {
        Refusal::TwoMethods
        | Refusal::NoMethod
        | Refusal::Eap
        | Refusal::EapRequest
        | Refusal::EapWithoutState
        | Refusal::Malformed
        | Refusal::NulInPassword
        | Refusal::PasswordNotText => true,
        Refusal::Pap
        | Refusal::Chap
        | Refusal::MsChap
        | Refusal::Arap
        | Refusal::NewPassword
        | Refusal::ProofWithState
        | Refusal::ServiceType
        | Refusal::BadName
        | Refusal::ForeignState => false,
    }
}

/// An accept or a question that comes when the device has given up would leave it and the user at odds; a
/// rejection does no harm.
fn is_late(ticket: &Ticket, now: Now, reply: &Reply) -> bool {
    match reply {
        Reply::Accept(_) | Reply::Ask(..) => ticket.is_given_up(now),
        Reply::Reject(_) | Reply::Unable(_) => false,
    }
}

/// By what a request is found again.
struct Sight {
    key: Key,
    whole: Whole,
}

impl Sight {
    fn of(packet: &Packet<'_>, arrival: &Arrival<'_>) -> Self {
        let key = Key { peer: arrival.peer, local: arrival.local, identifier: packet.identifier() };
        Self { key, whole: Whole::of(packet.bytes()) }
    }
}

#[cfg(test)]
mod tests;
