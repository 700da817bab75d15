//! Clients, messages and logins for the tests of this front end.

mod messages;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{Clock, ManualClock, Now, UnixTime};
use crate::base::secret::Secret;
use crate::frontend::ldap::clients::{Allowed, ConnectionIs, Exempt, KnownBy, LdapClient, Root};
use crate::frontend::ldap::counters::{Closed, Counters, Refusal};
use crate::frontend::ldap::limits::LdapLimits;
use crate::frontend::ldap::session::{Action, Conduct, Person, Session, Ticket};
use crate::gateway::drive::Reply;
use crate::login::attempt::{Attempt, AttemptId, Origin};
use crate::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed, WhenUnable};
use crate::login::credential::PrimaryCredential;
use crate::login::factor::{
    Enrolment, EnrolmentId, FactorKind, FactorKinds, FactorOutcome, OtpAlgorithm, Parameters, Progress,
    Sealed,
};
use crate::login::flow::Flow;
use crate::login::identity::{Account, LoginName, Pseudonym, Subject};
use crate::login::policy::{
    Condition, Exemption, Options, Place, Policy, Requirement, Rule, TimeWindow, Window,
};
use crate::login::step::{Event, Outcome, PrimaryOutcome, Record, Step, Work};
use crate::login::throttle::FlowLimits;
use crate::login::verdict::Verdict;
use crate::wire::ldap::ask::Request;
use crate::wire::ldap::message::{Message, op};

pub(crate) use messages::*;

pub(crate) const PEER: [u8; 4] = [10, 0, 0, 7];
pub(crate) const ANNA: &str = "uid=anna,ou=people,dc=example,dc=org";

pub(crate) fn client() -> LdapClient {
    LdapClient {
        client: Arc::new(Client {
            name: "wiki".into(),
            directory: "main".into(),
            primary: PrimaryKind::Directory,
            entry: CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } },
            prompt: "Code?".into(),
            can: Capabilities { prompts: false, prompts_relayed: false, tells_address: false },
            login_timeout: Duration::from_secs(20),
            challenge_life: Duration::from_secs(60),
            reject_delay: Duration::ZERO,
            when_unable: WhenUnable::Reject,
            remember: None,
            ..Client::new("", "")
        }),
        known_by: KnownBy::default(),
        root: Root {
            naming_contexts: vec!["dc=example,dc=org".into()],
            active_directory: false,
            has_entries: true,
        },
        read_only: false,
        drops_references: false,
        connection_is: ConnectionIs::Application,
        external: None,
        exempt: HashMap::from([exemption("reader", true), exemption("binder", false)]),
    }
}

fn exemption(name: &str, search: bool) -> (Arc<str>, Exempt) {
    let name: Arc<str> = name.into();
    let definition = Exemption {
        name: name.clone(),
        account: "cn=service".into(),
        clients: vec!["wiki".into()],
        sources: vec![],
        ..Exemption::new("", "")
    };
    (name, Exempt { allowed: Allowed { search }, definition })
}

pub(crate) fn tls() -> Conduct {
    Conduct {
        encrypted: true,
        start_tls: false,
        plain_binds: false,
        peer: PEER.into(),
        listener: "inner".into(),
        certificate: Arc::from([]),
        limits: LdapLimits::default(),
        counters: Arc::default(),
    }
}

pub(crate) fn open() -> Conduct {
    Conduct { encrypted: false, start_tls: true, ..tls() }
}

// ---- logins -----------------------------------------------------------------------------------------

pub(crate) fn clock() -> ManualClock {
    ManualClock::at(UnixTime::from_seconds(1_800_000_000))
}

fn attempt(now: Now) -> Attempt {
    Attempt {
        id: AttemptId([1; 8]),
        client: client().client,
        name: LoginName::parse(b"anna").unwrap(),
        credential: PrimaryCredential::Password(Secret::copied(b"hunter2123456")),
        origin: Origin { peer: PEER.into(), user: None },
        device: Box::default(),
        listener: None,
        hint: None,
        place: Place::NOWHERE,
        passage: None,
        began: now,
    }
}

/// Runs a login in which everything that is asked for goes well.
pub(crate) fn log_in(attempt: Attempt, policy: Policy, record: &Record, now: Now) -> Verdict {
    let account =
        Account { aliases: vec![ANNA.into()], handle: ANNA.into(), ..Account::new("main", b"", "anna") };
    let subject = Subject { pseudonym: Pseudonym::new("p-1").unwrap(), account: Arc::new(account) };
    let mut flow = Flow::new(attempt, Arc::new(policy), FlowLimits::default());
    let mut event = Event::Began;
    loop {
        let work = match flow.advance(event, now) {
            Step::Done(verdict) => return verdict,
            Step::Ask(_) => panic!("a question"),
            Step::Do(work) => work,
        };
        event = Event::Worked(match work {
            Work::FindSubject => Outcome::Subject(Ok(Some(subject.clone()))),
            Work::Recall { .. } => Outcome::known(record.clone()),
            Work::VerifyPrimary(..) => Outcome::Primary(Ok(PrimaryOutcome::Correct)),
            Work::Check(..) => Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp))),
            Work::CountWrongPassword(_) | Work::ForgetWrongPasswords(_) | Work::NoteLogin(_) => {
                Outcome::Counted(Ok(()))
            }
            Work::AskUpstream(_) | Work::ChangePassword(..) | Work::Remember { .. } => {
                panic!("no work of this login")
            }
        });
    }
}

pub(crate) fn enrolled() -> Record {
    let enrolment = Enrolment {
        id: EnrolmentId([1; 16]),
        parameters: Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 },
        sealed: Sealed { key_id: 1, bytes: Box::default() },
        progress: Progress::UNUSED,
        created: UnixTime(0),
    };
    Record { enrolments: vec![enrolment], ..Record::default() }
}

fn reply(verdict: Verdict) -> Reply {
    match verdict {
        Verdict::Accept(grant) => Reply::Accept(grant),
        Verdict::Reject(reason) => Reply::Reject(reason),
        Verdict::Unable(kind) => Reply::Unable(kind),
    }
}

/// A real grant, after a code.
pub(crate) fn accepted() -> Reply {
    let now = clock().now();
    reply(log_in(attempt(now), Policy::default(), &enrolled(), now))
}

/// A real grant that ends with the hours of its rule, ten minutes from now.
pub(crate) fn accepted_for_ten_minutes() -> Reply {
    use jiff::civil::{Weekday, time};
    let now = clock().now();
    let days = vec![Weekday::Friday];
    let window =
        TimeWindow { days, from: time(7, 0, 0, 0), to: time(8, 10, 0, 0), zone: jiff::tz::TimeZone::UTC };
    let when = Condition::Time(vec![Arc::new(Window { name: "".into(), hours: vec![window] })]);
    let then = Requirement::OneOf(FactorKinds::ALL);
    let rule = Rule { name: "hours".into(), when, then, options: Options::default() };
    reply(log_in(attempt(now), Policy { rules: vec![rule].into(), ..Policy::default() }, &enrolled(), now))
}

/// A real grant on the strength of an earlier code.
pub(crate) fn remembered() -> Reply {
    let now = clock().now();
    let record = Record { remembered: Some(FactorKind::Totp), ..enrolled() };
    reply(log_in(attempt(now), Policy::default(), &record, now))
}

/// A real grant of this exemption.
pub(crate) fn exempt(name: &str) -> Reply {
    let now = clock().now();
    let exemption = Exemption {
        name: name.into(),
        account: ANNA.into(),
        clients: vec!["wiki".into()],
        sources: vec!["10.0.0.0/24".parse().unwrap()],
        ..Exemption::new("", "")
    };
    let policy = Policy { exemptions: vec![exemption], ..Policy::default() };
    reply(log_in(attempt(now), policy, &Record::default(), now))
}

pub(crate) fn anna() -> Person {
    Person { name: ANNA.into(), has_upstream: true, schema: None, who: Pseudonym::new("p-1") }
}

// ---- a connection -----------------------------------------------------------------------------------

/// A connection and the time.
pub(crate) struct Lab {
    pub(crate) session: Session,
    pub(crate) counters: Arc<Counters>,
    pub(crate) clock: ManualClock,
    messages: u8,
}

impl Lab {
    pub(crate) fn of(conduct: Conduct, client: Option<LdapClient>) -> Self {
        let counters = conduct.counters.clone();
        let session = Session::new(conduct, client.map(Arc::new));
        Self { session, counters, clock: clock(), messages: 0 }
    }

    /// Under TLS, and nobody is bound.
    pub(crate) fn new() -> Self {
        Self::of(tls(), Some(client()))
    }

    /// Under TLS, and anna is bound.
    pub(crate) fn bound() -> Self {
        Self::bound_with(client(), &accepted())
    }

    pub(crate) fn bound_with(client: LdapClient, reply: &Reply) -> Self {
        let mut lab = Self::of(tls(), Some(client));
        lab.let_in(1, reply);
        lab
    }

    /// Binds under this message id, successfully.
    pub(crate) fn let_in(&mut self, id: i64, reply: &Reply) {
        let ticket = self.begin(id);
        let out = self.end(ticket, reply, Some(anna()));
        assert_eq!(only_sent(&out), (u32::try_from(id).unwrap(), op::BIND_RESPONSE, 0));
    }

    pub(crate) fn send(&mut self, whole: &[u8]) -> Vec<Action> {
        self.messages = self.messages.wrapping_add(1);
        let mut out = Vec::new();
        self.session.on_message(self.clock.now(), AttemptId([self.messages; 8]), whole, &mut out);
        out
    }

    /// Sends a bind that becomes a login.
    pub(crate) fn begin(&mut self, id: i64) -> Ticket {
        let out = self.send(&bind(id, ANNA, b"hunter2123456"));
        begun(&out)
    }

    pub(crate) fn end(&mut self, ticket: Ticket, reply: &Reply, person: Option<Person>) -> Vec<Action> {
        let mut out = Vec::new();
        self.session.on_ended(self.clock.now(), ticket, reply, person, &mut out);
        out
    }

    pub(crate) fn close(&mut self, why: Closed) -> Vec<Action> {
        let mut out = Vec::new();
        self.session.on_closing(why, &mut out);
        out
    }

    pub(crate) fn refused(&self, why: Refusal) -> u64 {
        self.counters.all_refused().find(|(word, _)| *word == why).unwrap().1
    }

    /// The request is refused with this code, in an answer of its own kind, and nothing else happens.
    #[track_caller]
    pub(crate) fn refuses(&mut self, whole: &[u8], code: u32, why: Refusal) {
        let (before, outstanding) = (self.refused(why), self.session.outstanding());
        let out = self.send(whole);
        let message = Message::read(whole).unwrap();
        let kind = Request::of(message.operation.tag);
        assert_eq!(only_sent(&out), (message.id, kind.answer().unwrap(), code));
        assert_eq!(self.refused(why), before + 1, "{}", why.code());
        assert_eq!(self.session.outstanding(), outstanding, "nothing waits for an answer");
    }

    /// The request is passed on.
    #[track_caller]
    pub(crate) fn forwards(&mut self, whole: &[u8]) {
        let out = self.send(whole);
        assert!(matches!(out[..], [Action::Forward]), "{out:?}");
    }

    /// The connection ends with this notice, or with none.
    #[track_caller]
    pub(crate) fn ends(&mut self, out: &[Action], why: Closed, notice: Option<u32>) {
        let sent: Vec<_> = out.iter().filter_map(sent).collect();
        let expected: Vec<_> = notice.map(|code| (0, op::EXTENDED_RESPONSE, code)).into_iter().collect();
        assert_eq!(sent, expected);
        assert!(matches!(out.last(), Some(Action::Close(closed)) if *closed == why), "{out:?}");
        assert!(!self.session.wants_messages() && !self.session.is_bound());
        assert!(self.send(&search(90)).is_empty() && self.close(Closed::Idle).is_empty(), "it has ended");
        assert_eq!(self.counters.all_closed().map(|(_, count)| count).sum::<u64>(), 1);
    }
}

fn sent(action: &Action) -> Option<(u32, u8, u32)> {
    match action {
        Action::Send(bytes) => Some(result(bytes)),
        _ => None,
    }
}

#[track_caller]
pub(crate) fn only_sent(out: &[Action]) -> (u32, u8, u32) {
    match out {
        [Action::Send(bytes)] => result(bytes),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn begun(out: &[Action]) -> Ticket {
    match out.last() {
        Some(Action::Begin(ticket, _)) => *ticket,
        _ => panic!("{out:?}"),
    }
}
