//! What to do with a datagram of accounting, and once its record is kept. No sockets, no clock, no randomness.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;
use crate::base::clock::Now;
use crate::frontend::radius::accounting::report::{Report, SaysNothing, read};
use crate::frontend::radius::clients::{ClientTable, RadiusClient, Which};
use crate::frontend::radius::counters::{Counters, Dropped, Sent};
use crate::frontend::radius::duplicates::{Answer, Duplicates, Key, Print, Seen, Serial, Whole};
use crate::frontend::radius::session::Outgoing;
use crate::wire::radius::authenticator::Proof;
use crate::wire::radius::build::{Buffer, DoesNotFit, ReplyBuilder, ReplyTo};
use crate::wire::radius::dictionary::{EAP_MESSAGE, MESSAGE_AUTHENTICATOR};
use crate::wire::radius::packet::{Code, MAX_LEN, Packet};

/// Status-Server requests of one client that one socket answers in a second.
const PROBES_PER_SECOND: u32 = 50;
/// Clients whose Status-Server requests are counted.
const MOST_PROBERS: usize = 4096;

/// A datagram as it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// When.
    pub now: Now,
    /// To which of our addresses.
    pub local: Option<IpAddr>,
    /// From whom.
    pub peer: SocketAddr,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// What to do with a datagram.
#[must_use]
#[derive(Debug)]
pub enum Action {
    /// Nothing.
    Drop(Dropped),
    /// Send this back.
    Send(Arc<[u8]>),
    /// Keep this and say to [`Session::on_kept`] whether it is durable.
    Keep(Ticket, Box<Report>),
}

/// A record that waits to be kept.
#[must_use]
pub struct Ticket {
    client: Arc<RadiusClient>,
    which: Which,
    to: ReplyTo,
    key: Key,
    serial: Serial,
}

impl Ticket {
    /// Whose record it is.
    #[must_use]
    pub fn client(&self) -> &Arc<str> {
        &self.client.client.name
    }

    /// Who sent the record.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.key.peer
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("client", &self.client.client.name).finish_non_exhaustive()
    }
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

    /// Takes a datagram.
    pub fn on_datagram(&mut self, clients: &ClientTable, arrival: &Arrival<'_>) -> Action {
        self.counters.received();
        self.take(clients, arrival).unwrap_or_else(|why| {
            self.counters.dropped(why);
            Action::Drop(why)
        })
    }

    fn take(&mut self, clients: &ClientTable, arrival: &Arrival<'_>) -> Result<Action, Dropped> {
        let client = clients.get(arrival.peer.ip()).ok_or(Dropped::UnknownClient)?;
        let packet = Packet::parse(arrival.bytes)?;
        match packet.code() {
            Code::AccountingRequest => self.on_record(client, &packet, arrival),
            Code::StatusServer => self.on_probe(client, &packet, arrival.now.steady),
            _ => Err(Dropped::UnexpectedCode),
        }
    }

    /// Status-Server on the port for accounting is answered as accounting is.
    fn on_probe(
        &mut self,
        client: &Arc<RadiusClient>,
        packet: &Packet<'_>,
        now: Instant,
    ) -> Result<Action, Dropped> {
        if !packet.has(MESSAGE_AUTHENTICATOR) {
            return Err(Dropped::Unsigned);
        }
        let (Proof::Valid, which) = client.check(packet) else { return Err(Dropped::WrongSignature) };
        let name = &client.client.name;
        match self.probes.get_mut(name, now) {
            Some(count) if *count >= PROBES_PER_SECOND => return Err(Dropped::ProbedTooOften),
            Some(count) => *count = count.saturating_add(1),
            None => self.probes.insert(name.clone(), 1, now),
        }
        let bytes = acknowledge(&mut self.buffer, client, which, &ReplyTo::from(packet))?;
        self.counters.sent(Sent::Status);
        Ok(Action::Send(bytes))
    }

    fn on_record(
        &mut self,
        client: &Arc<RadiusClient>,
        packet: &Packet<'_>,
        arrival: &Arrival<'_>,
    ) -> Result<Action, Dropped> {
        let which = proven(client, packet).ok_or(Dropped::WrongSignature)?;
        // RFC 3579 section 3.3: never in accounting.
        if packet.has(EAP_MESSAGE) {
            return Err(Dropped::BadAttribute);
        }
        let now = arrival.now.steady;
        let key = Key { peer: arrival.peer, local: arrival.local, identifier: packet.identifier() };
        // The authenticator is computed over all of the packet, so it tells records apart by itself.
        let print = Print::new(*packet.authenticator(), []);
        match self.duplicates.look(&key, print, now) {
            Seen::InWork => return Err(Dropped::InWork),
            Seen::Answered(bytes) => {
                self.counters.sent(Sent::Repeated);
                return Ok(Action::Send(bytes));
            }
            Seen::New => {}
        }
        let report = match read(packet, client, arrival.peer, arrival.now) {
            Ok(report) => report,
            Err(SaysNothing) => return Err(Dropped::AccountingUnusable),
        };
        let serial =
            self.duplicates.begin(key, print, Whole::of(packet.bytes()), now).map_err(|_| Dropped::Busy)?;
        let ticket = Ticket { client: client.clone(), which, to: ReplyTo::from(packet), key, serial };
        Ok(Action::Keep(ticket, Box::new(report)))
    }

    /// Takes whether a record was kept. What was not, gets no answer, so that the device sends it again.
    pub fn on_kept(&mut self, ticket: &Ticket, now: Now, kept: bool) -> Option<Outgoing> {
        if !kept {
            return self.silence(ticket, Dropped::Unable);
        }
        let written = acknowledge(&mut self.buffer, &ticket.client, ticket.which, &ticket.to);
        let bytes = match written {
            Ok(bytes) => bytes,
            Err(why) => return self.silence(ticket, why),
        };
        let (client, life) = (&ticket.client.client.name, ticket.client.answer_memory);
        let answer = Answer { client, bytes: bytes.clone(), life };
        if !self.duplicates.answer(ticket.key, ticket.serial, answer, now.steady) {
            self.counters.dropped(Dropped::Superseded);
            return None;
        }
        self.counters.sent(Sent::Accounting);
        Some(Outgoing { peer: ticket.key.peer, local: ticket.key.local, bytes })
    }

    fn silence(&mut self, ticket: &Ticket, why: Dropped) -> Option<Outgoing> {
        self.duplicates.drop_unanswered(&ticket.key, ticket.serial);
        self.counters.dropped(why);
        None
    }
}

/// Which of the client's secrets the record was made with.
fn proven(client: &RadiusClient, packet: &Packet<'_>) -> Option<Which> {
    if client.secret.proves_notice(packet) {
        return Some(Which::Current);
    }
    let before = client.previous_secret.as_ref()?;
    before.proves_notice(packet).then_some(Which::Previous)
}

fn acknowledge(
    buffer: &mut Buffer,
    client: &RadiusClient,
    which: Which,
    to: &ReplyTo,
) -> Result<Arc<[u8]>, Dropped> {
    ReplyBuilder::new(buffer, Code::AccountingResponse, to)
        .and_then(|reply| reply.sign(client.secret(which)))
        .map(Arc::from)
        .map_err(|DoesNotFit| Dropped::DoesNotFit)
}
