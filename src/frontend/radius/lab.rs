//! Clients, devices and packets for the tests of this front end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{Clock, ManualClock, Now, UnixTime};
use crate::base::secret::Secret;
use crate::frontend::radius::clients::{ClientTable, RadiusClient};
use crate::frontend::radius::counters::{Counters, Dropped, Sent};
use crate::frontend::radius::session::{Action, Outgoing, Session, Ticket};
use crate::frontend::radius::translate::{Arrival, Fresh};
use crate::gateway::drive::{Ended, Reply};
use crate::login::attempt::{Answer, Attempt, AttemptId, ChallengeId};
use crate::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed, WhenUnable};
use crate::login::flow::Flow;
use crate::login::identity::{Account, Pseudonym, Subject};
use crate::login::policy::{Condition, Options, Place, Policy, Requirement, Rule};
use crate::login::step::{Event, Outcome, Record, Step};
use crate::login::telling::Telling;
use crate::login::throttle::FlowLimits;
use crate::login::verdict::Verdict;
use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::build::RequestBuilder;
use crate::wire::radius::dictionary::{MESSAGE_AUTHENTICATOR, USER_NAME};
use crate::wire::radius::packet::{Code, HEADER_LEN, MAX_LEN, Packet};

pub(crate) const DEVICE: [u8; 4] = [10, 0, 0, 1];

pub(crate) fn secret(text: &str) -> SharedSecret {
    SharedSecret::new(Secret::copied(text.as_bytes())).unwrap()
}

pub(crate) fn client(name: &str) -> Client {
    Client {
        name: name.into(),
        directory: "main".into(),
        primary: PrimaryKind::Directory,
        entry: CodeEntry { challenge: true, typed: Typed::Appended { digits: 6 } },
        prompt: "Code?".into(),
        can: Capabilities { prompts: true, prompts_relayed: false, tells_address: true },
        login_timeout: Duration::from_secs(10),
        challenge_life: Duration::from_secs(60),
        reject_delay: Duration::ZERO,
        when_unable: WhenUnable::Silence,
        remember: None,
        ..Client::new("", "")
    }
}

pub(crate) fn radius_client(name: &str) -> RadiusClient {
    RadiusClient::new(Arc::new(client(name)), secret("s3cret"))
}

/// A real grant: of a login whose rule asks for no second factor.
pub(crate) fn accepted() -> Reply {
    granted(None)
}

/// The same, of a client with these rules.
pub(crate) fn granted(telling: Option<Telling>) -> Reply {
    let clock = ManualClock::at(UnixTime::from_seconds(1_800_000_000));
    let checked = Client { primary: PrimaryKind::CheckedByClient, telling, ..client("vpn") };
    let rule = Rule {
        name: "all".into(),
        when: Condition::ALWAYS,
        then: Requirement::None,
        options: Options::default(),
    };
    let attempt = Attempt {
        id: AttemptId([1; 8]),
        client: Arc::new(checked),
        name: crate::login::identity::LoginName::parse(b"anna").unwrap(),
        credential: crate::login::credential::PrimaryCredential::CheckedByClient(None),
        origin: crate::login::attempt::Origin { peer: IpAddr::from(DEVICE), user: None },
        device: Box::default(),
        listener: None,
        hint: None,
        place: Place::NOWHERE,
        passage: None,
        began: clock.now(),
    };
    let mut flow = Flow::new(
        attempt,
        Arc::new(Policy { rules: vec![rule].into(), ..Policy::default() }),
        FlowLimits::default(),
    );
    let account = Account::new("main", b"", "anna");
    let subject = Subject { pseudonym: Pseudonym::new("p-1").unwrap(), account: Arc::new(account) };
    let mut step = flow.advance(Event::Began, clock.now());
    let known = Outcome::known(Record::default());
    for outcome in [Outcome::Subject(Ok(Some(subject))), known, Outcome::Counted(Ok(()))] {
        assert!(matches!(step, Step::Do(_)), "{step:?}");
        step = flow.advance(Event::Worked(outcome), clock.now());
    }
    match step {
        Step::Done(Verdict::Accept(grant)) => Reply::Accept(grant),
        other => panic!("{other:?}"),
    }
}

/// A reply with nothing beside it.
pub(crate) const fn bare(reply: Reply) -> Ended {
    Ended { reply, session: None, who: None, held: None, badge: None }
}

/// Attributes of a request: type and value.
pub(crate) type Extra<'a> = &'a [(u8, &'a [u8])];

/// A signed Access-Request of anna, with her password and `extra`.
pub(crate) fn request(identifier: u8, authenticator: u8, extra: Extra<'_>) -> Vec<u8> {
    signed_with(&secret("s3cret"), Code::AccessRequest, identifier, authenticator, Some(b"hunter2"), extra)
}

pub(crate) fn signed_with(
    secret: &SharedSecret,
    code: Code,
    identifier: u8,
    authenticator: u8,
    password: Option<&[u8]>,
    extra: Extra<'_>,
) -> Vec<u8> {
    let mut buffer = [0; MAX_LEN];
    let mut request = RequestBuilder::new(&mut buffer, code, identifier, [authenticator; 16]).unwrap();
    if let Some(password) = password {
        request.attribute(USER_NAME, b"anna").unwrap();
        request.password(password, secret).unwrap();
    }
    for (kind, value) in extra {
        request.attribute(*kind, value).unwrap();
    }
    request.sign(secret).unwrap().to_vec()
}

/// The same packet without its Message-Authenticator, as old devices send it.
pub(crate) fn unsigned(packet: &[u8]) -> Vec<u8> {
    let parsed = Packet::parse(packet).unwrap();
    let kept: Vec<u8> = parsed
        .attributes()
        .filter(|a| a.kind != MESSAGE_AUTHENTICATOR)
        .flat_map(|a| a.whole.to_vec())
        .collect();
    let length = u16::try_from(HEADER_LEN + kept.len()).unwrap().to_be_bytes();
    [&packet[..2], &length, parsed.authenticator(), &kept].concat()
}

/// One socket's session with a clock moved by hand and one client.
pub(crate) struct Bench {
    pub(crate) session: Session,
    pub(crate) clients: ClientTable,
    pub(crate) clock: ManualClock,
    pub(crate) counters: Arc<Counters>,
}

impl Bench {
    pub(crate) fn new(client: RadiusClient) -> Self {
        let mut clients = ClientTable::default();
        clients.add(client, ["10.0.0.0/24".parse().unwrap()]).map_err(|(p, _)| p).unwrap();
        let counters = Arc::new(Counters::default());
        let clock = ManualClock::at(UnixTime::from_seconds(1_800_000_000));
        Self { session: Session::new(counters.clone()), clients, clock, counters }
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Action {
        self.send_from(SocketAddr::from((DEVICE, 40_000)), bytes)
    }

    pub(crate) fn send_from(&mut self, peer: SocketAddr, bytes: &[u8]) -> Action {
        let local = Some(IpAddr::from([10, 0, 0, 254]));
        let (listener, fresh) = (&Arc::from("0.0.0.0:1812"), Fresh::new([7; 26]));
        let arrival = Arrival { now: self.now(), local, listener, peer, bytes, fresh };
        self.session.on_datagram(&self.clients, &arrival)
    }

    pub(crate) fn begun(&mut self, bytes: &[u8]) -> (Ticket, Attempt) {
        match self.send(bytes) {
            Action::Begin(ticket, attempt) => (ticket, *attempt),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn resumed(&mut self, bytes: &[u8]) -> (Ticket, ChallengeId, Answer) {
        match self.send(bytes) {
            Action::Resume(ticket, id, answer) => (ticket, id, *answer),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn dropped(&mut self, bytes: &[u8]) -> Dropped {
        match self.send(bytes) {
            Action::Drop(why) => why,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn reply(&mut self, ticket: &Ticket, reply: Reply) -> Option<Outgoing> {
        self.ended(ticket, &bare(reply))
    }

    pub(crate) fn ended(&mut self, ticket: &Ticket, ended: &Ended) -> Option<Outgoing> {
        self.session.on_reply(ticket, self.clock.now(), ended)
    }

    pub(crate) fn count(&self, why: Dropped) -> u64 {
        self.counters.all_dropped().find(|(word, _)| *word == why).unwrap().1
    }

    pub(crate) fn sent(&self, what: Sent) -> u64 {
        self.counters.all_sent().find(|(word, _)| *word == what).unwrap().1
    }
}
