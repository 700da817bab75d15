//! Body of the fuzz target for accounting, called by `fuzz/` and by `tests/fuzz_bodies.rs`.

use std::sync::Arc;
use std::time::Duration;

use doorward::base::clock::{Clock, ManualClock, UnixTime};
use doorward::base::secret::Secret;
use doorward::frontend::radius::accounting::session::{Action, Arrival, Session, Ticket};
use doorward::frontend::radius::clients::{ClientTable, RadiusClient};
use doorward::frontend::radius::counters::{Counters, Dropped};
use doorward::login::client::Client;
use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::build::{NoticeBuilder, RequestBuilder};
use doorward::wire::radius::dictionary::{ACCT_SESSION_ID, ACCT_STATUS_TYPE, CLASS, PROXY_STATE};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};

fn secret() -> SharedSecret {
    SharedSecret::new(Secret::copied(b"fuzz")).unwrap()
}

/// Drives the session of an accounting socket by a script. Whatever happens, nothing unproven is kept or answered, no
/// copy of a record is kept while the first is, every answer proves itself to its request, and what could not be kept
/// is not answered.
pub(crate) fn session(script: &[u8]) {
    let mut play = Play::new();
    let mut rest = script;
    while let Some((&what, tail)) = rest.split_first() {
        let (argument, tail) = tail.split_at(tail.len().min(usize::from(what >> 4)));
        rest = tail;
        match what & 7 {
            0 => play.receive(argument, false),
            1 | 2 => play.record(argument),
            3 => play.repeat(),
            4 => play.kept(true),
            5 => play.kept(false),
            6 => play.probe(argument),
            _ => play.clock.advance(Duration::from_secs(argument.iter().map(|b| u64::from(*b)).sum())),
        }
        play.check();
    }
}

struct Play {
    session: Session,
    clients: ClientTable,
    clock: ManualClock,
    counters: Arc<Counters>,
    received: u64,
    last: Option<(Vec<u8>, bool)>,
    waiting: Vec<(Ticket, Vec<u8>)>,
}

impl Play {
    fn new() -> Self {
        let client = RadiusClient::new(Arc::new(Client::new("vpn", "main")), secret());
        let mut clients = ClientTable::default();
        clients.add(client, ["10.0.0.1".parse().unwrap()]).map_err(|(prefix, _)| prefix).unwrap();
        let counters = Arc::new(Counters::default());
        Self {
            session: Session::new(counters.clone()),
            clients,
            clock: ManualClock::at(UnixTime::from_seconds(1_800_000_000)),
            counters,
            received: 0,
            last: None,
            waiting: Vec::new(),
        }
    }

    /// `genuine`: it was made with the right secret.
    fn receive(&mut self, bytes: &[u8], genuine: bool) {
        let peer = ([10, 0, 0, 1], 4000).into();
        let arrival = Arrival { now: self.clock.now(), local: None, peer, bytes };
        self.received += 1;
        match self.session.on_datagram(&self.clients, &arrival) {
            Action::Drop(_) => {}
            Action::Send(reply) => {
                assert!(genuine, "an answer to nobody");
                proves_itself(&reply, bytes);
            }
            Action::Keep(ticket, report) => {
                assert!(genuine, "a record of nobody");
                assert_eq!(*report.whole, *Packet::parse(bytes).unwrap().attribute_bytes());
                self.received += 1;
                let copy = self.session.on_datagram(&self.clients, &arrival);
                assert!(matches!(copy, Action::Drop(Dropped::InWork)), "{copy:?}");
                self.waiting.push((ticket, bytes.to_vec()));
            }
        }
        self.last = Some((bytes.to_vec(), genuine));
    }

    /// A record with the right secret: identifier, what happened, which session, what else.
    fn record(&mut self, argument: &[u8]) {
        let at = |n: usize| argument.get(n).copied().unwrap_or(0);
        let mut buffer = [0; MAX_LEN];
        let mut notice = NoticeBuilder::new(&mut buffer, Code::AccountingRequest, at(0) % 4).unwrap();
        if at(1) < 200 {
            notice.attribute(ACCT_STATUS_TYPE, &u32::from(at(1) % 16).to_be_bytes()).unwrap();
        }
        if at(2) < 200 {
            notice.attribute(ACCT_SESSION_ID, &[at(2)]).unwrap();
        }
        for (n, kind) in argument.iter().skip(3).zip([CLASS, PROXY_STATE, 79, 4, 31, 46]) {
            notice.attribute(kind, &[*n]).unwrap();
        }
        let bytes = notice.sign(&secret()).unwrap().to_vec();
        self.receive(&bytes, true);
    }

    fn probe(&mut self, argument: &[u8]) {
        let at = |n: usize| argument.get(n).copied().unwrap_or(0);
        let mut buffer = [0; MAX_LEN];
        let code = if at(1) % 4 == 3 { Code::AccessRequest } else { Code::StatusServer };
        let probe = RequestBuilder::new(&mut buffer, code, at(0) % 4, [at(2); 16]).unwrap();
        let bytes = probe.sign(&secret()).unwrap().to_vec();
        self.receive(&bytes, true);
    }

    /// The last packet once more, or with one bit turned when its length is even.
    fn repeat(&mut self) {
        let Some((bytes, genuine)) = self.last.clone() else { return };
        if bytes.len() % 2 == 1 {
            return self.receive(&bytes, genuine);
        }
        let mut turned = bytes.clone();
        if let Some(last) = turned.last_mut() {
            *last ^= 1;
        }
        self.receive(&turned, false);
        self.last = Some((bytes, genuine));
    }

    /// The oldest record was kept, or could not be.
    fn kept(&mut self, kept: bool) {
        if self.waiting.is_empty() {
            return;
        }
        let (ticket, request) = self.waiting.remove(0);
        let outgoing = self.session.on_kept(&ticket, self.clock.now(), kept);
        assert!(kept || outgoing.is_none(), "an acknowledgement of what was not kept");
        if let Some(outgoing) = outgoing {
            proves_itself(&outgoing.bytes, &request);
        }
    }

    fn check(&self) {
        assert_eq!(self.counters.all_received(), self.received);
        let dropped: u64 = self.counters.all_dropped().map(|(_, count)| count).sum();
        let sent: u64 = self.counters.all_sent().map(|(_, count)| count).sum();
        let waiting = u64::try_from(self.waiting.len()).unwrap();
        assert_eq!(dropped + sent + waiting, self.received, "each packet has one end");
    }
}

fn proves_itself(reply: &[u8], request: &[u8]) {
    let reply = Packet::parse(reply).unwrap();
    let request = Packet::parse(request).unwrap();
    assert_eq!((reply.code(), reply.identifier()), (Code::AccountingResponse, request.identifier()));
    assert_eq!(secret().check_reply(&reply, request.authenticator(), false), Ok(()));
    assert!(reply.all(PROXY_STATE).eq(request.all(PROXY_STATE)));
}
