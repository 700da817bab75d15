//! Body of the fuzz target of an LDAP connection: a session is driven by a script of messages, ends of logins,
//! answers of the directory and jumps in time, while a model of a few lines watches what it wants done.
//!
//! What must hold, whatever the script: a bind succeeds only with a grant that the flow of a login made for it; nothing
//! is passed on for nobody, or with more rights than the grant gives; while a bind is pending nothing is passed on or
//! answered; ids stay unique; what is remembered stays small; after its end a session does nothing.

#[path = "ldap_script.rs"]
mod ldap_script;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use doorward::base::clock::{Clock, ManualClock, Now, UnixTime};
use doorward::frontend::ldap::clients::{
    Allowed, ConnectionIs, Exempt, ExternalName, KnownBy, LdapClient, Root,
};
use doorward::frontend::ldap::counters::{Closed, Counters, Operation, Refusal};
use doorward::frontend::ldap::limits::LdapLimits;
use doorward::frontend::ldap::session::{Action, Conduct, Passing, Person, Session, Ticket};
use doorward::gateway::admit::Refused;
use doorward::gateway::drive::Reply;
use doorward::login::attempt::{Attempt, AttemptId};
use doorward::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed, WhenUnable};
use doorward::login::credential::PrimaryCredential;
use doorward::login::factor::{
    Enrolment, EnrolmentId, FactorKind, FactorOutcome, OtpAlgorithm, Parameters, Progress, Sealed,
};
use doorward::login::flow::Flow;
use doorward::login::identity::{Account, Groups, Pseudonym, Standing, Subject};
use doorward::login::policy::{Condition, Exemption, Options, Policy, Requirement, Rule};
use doorward::login::step::{Event, Outcome, PrimaryOutcome, Record, Step, Work};
use doorward::login::throttle::FlowLimits;
use doorward::login::verdict::{Basis, Fault, FaultKind, Verdict};
use doorward::wire::ldap::ask::{Request, abandoned};
use doorward::wire::ldap::frame::BadFrame;
use doorward::wire::ldap::message::{LdapResult, Message, op};

use ldap_script::{DN, Dice, message};

/// Most operations that may run.
const OPERATIONS: usize = 4;

/// What a script got the session to do, so that a test can tell that the target gets anywhere.
pub(crate) type Reached = BTreeSet<&'static str>;

/// Plays a script to its end.
///
/// # Panics
///
/// When a promise of the session is broken.
pub(crate) fn session(script: &[u8]) -> Reached {
    let mut dice = Dice::new(script);
    let mut reached = Reached::default();
    while !dice.is_used_up() {
        Play::new(&mut dice).run(&mut dice, &mut reached);
    }
    reached
}

/// Somebody who was let in, as the model knows it.
struct Somebody {
    has_upstream: bool,
    exempt: Option<Allowed>,
    remembered: bool,
}

struct Play {
    session: Session,
    client: Arc<LdapClient>,
    counters: Arc<Counters>,
    clock: ManualClock,
    policy: Arc<Policy>,
    /// Every login that was ever begun and has not ended: those that were called off run on.
    logins: Vec<(Ticket, Attempt)>,
    begun: HashSet<Ticket>,
    /// The id of every message, by the name that a login would have had by it.
    sent: HashMap<AttemptId, u32>,
    granted: u64,
    reached: Reached,
    // The model.
    encrypted: bool,
    starting_tls: bool,
    closed: bool,
    binding: Option<(u32, Ticket)>,
    bound: Option<Somebody>,
    outstanding: HashSet<u32>,
}

/// The record of what an exempt account did: message, operation, why it was refused.
type Recorded = (u32, Operation, Option<Refusal>);

fn is_refusal((_, _, refused): Recorded) -> bool {
    refused.is_some()
}

/// What came of a login: what the session is told, and whether it lets anybody in.
struct End {
    reply: Reply,
    person: Option<Person>,
}

impl Play {
    fn new(dice: &mut Dice<'_>) -> Self {
        let (encrypted, knows) = (dice.below(4) > 0, dice.below(16) > 0);
        let client = Arc::new(client(dice));
        let counters = Arc::new(Counters::default());
        let conduct = conduct(dice, encrypted, counters.clone());
        Self {
            session: Session::new(conduct, knows.then(|| client.clone())),
            client,
            counters,
            clock: ManualClock::at(UnixTime::from_seconds(1_800_000_000)),
            policy: Arc::new(policy(dice)),
            logins: Vec::new(),
            begun: HashSet::new(),
            sent: HashMap::new(),
            granted: 0,
            reached: Reached::default(),
            encrypted,
            starting_tls: false,
            closed: false,
            binding: None,
            bound: None,
            outstanding: HashSet::new(),
        }
    }

    /// Plays until the connection has ended, and a little longer.
    fn run(mut self, dice: &mut Dice<'_>, reached: &mut Reached) {
        let mut after = 0;
        while !dice.is_used_up() && after < 4 {
            after += u8::from(self.closed);
            match dice.below(32) {
                0..=14 => self.message(dice),
                15..=22 => self.end(dice),
                23..=28 => self.answer(dice),
                29 => self.clock.advance(Duration::from_secs(u64::from(dice.roll()))),
                30 => self.tls(dice),
                _ => self.trouble(dice),
            }
            self.check();
        }
        reached.append(&mut self.reached);
    }

    fn message(&mut self, dice: &mut Dice<'_>) {
        let whole = message(dice);
        let before = self.binding;
        let fresh = AttemptId((self.sent.len() as u64).to_be_bytes());
        self.sent.insert(fresh, Message::read(&whole).map_or(0, |message| message.id));
        let mut out = Vec::new();
        self.session.on_message(self.clock.now(), fresh, &whole, &mut out);
        if let Some((_, ticket)) = before.filter(|_| !out.is_empty()) {
            let is_off = matches!(out[0], Action::CallOff(off) if off == ticket);
            assert!(is_off, "a bind is pending, and this was done: {out:?}");
        }
        self.watch(out, &whole, None);
    }

    /// A login ends, not always the one that is waited for.
    fn end(&mut self, dice: &mut Dice<'_>) {
        if self.logins.is_empty() {
            return;
        }
        let at = usize::from(dice.roll()) % self.logins.len();
        let (ticket, attempt) = self.logins.swap_remove(at);
        let now = self.clock.now();
        let mut out = Vec::new();
        if dice.below(8) == 0 {
            let why = dice.pick(&Refused::ALL);
            let waited = self.binding.is_some_and(|(_, waiting)| waiting == ticket);
            self.session.on_refused(now, ticket, why, &mut out);
            assert_eq!(waited, !out.is_empty(), "{out:?}");
            return self.watch(out, &[], None);
        }
        let reply = match log_in(dice, attempt, &self.policy, now) {
            Verdict::Accept(grant) => Reply::Accept(grant),
            Verdict::Reject(reason) => Reply::Reject(reason),
            Verdict::Unable(kind) => Reply::Unable(kind),
        };
        let person = Person {
            name: dice.pick(&["", DN]).into(),
            has_upstream: dice.below(4) > 0,
            schema: Some("cn=Subschema".into()),
            who: Pseudonym::new("p-1"),
        };
        let end = End { reply, person: (dice.below(16) > 0).then_some(person) };
        self.session.on_ended(now, ticket, &end.reply, end.person.clone(), &mut out);
        if self.binding.is_none_or(|(_, waiting)| waiting != ticket) {
            assert!(out.is_empty(), "nobody waits for this login: {out:?}");
            if matches!(end.reply, Reply::Accept(_)) {
                self.reached.insert("late");
            }
        }
        self.watch(out, &[], Some(end));
    }

    /// The head of a message of the directory, hostile or not.
    fn answer(&mut self, dice: &mut Dice<'_>) {
        let tags = [0x64, 0x65, 0x73, 0x79, 0x78, 0x61, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x7e];
        let tag = if dice.below(8) == 0 { dice.roll() } else { dice.pick(&tags) };
        let id = if dice.below(32) == 0 { 0 } else { dice.earlier_id() };
        let waited = self.outstanding.contains(&id);
        match self.session.on_answer(id, tag) {
            Passing::Pass => {
                assert!(waited && tag != op::BIND_RESPONSE, "nobody asked for {tag:#x} of {id}");
                self.reached.insert("passed");
            }
            Passing::Skip(_) => {}
            Passing::Broken(why) => {
                let mut out = Vec::new();
                self.session.on_closing(why, &mut out);
                self.watch(out, &[], None);
            }
        }
        // Which answer is the last is the session's to say; it never makes one outstanding.
        let outstanding = self.session.outstanding();
        assert!(outstanding <= self.outstanding.len());
        if waited && outstanding < self.outstanding.len() {
            self.outstanding.remove(&id);
        }
    }

    fn tls(&mut self, dice: &mut Dice<'_>) {
        let conduct = conduct(dice, true, self.counters.clone());
        self.session.on_tls(conduct, Some(self.client.clone()));
        if self.starting_tls && !self.closed {
            (self.starting_tls, self.encrypted) = (false, true);
            self.reached.insert("tls");
        }
    }

    fn trouble(&mut self, dice: &mut Dice<'_>) {
        let mut out = Vec::new();
        match dice.below(16) {
            0 => self.session.on_closing(Closed::PlaintextBehindStartTls, &mut out),
            1 => self.session.on_closing(Closed::DirectoryLost, &mut out),
            2 => self.session.on_bad_frame(&BadFrame::Overfull, &mut out),
            3 => self.session.on_closing(dice.pick(Closed::ALL), &mut out),
            4..=9 => {
                let id = dice.earlier_id();
                self.session.on_unrecorded(id, &mut out);
                assert_eq!(!out.is_empty(), self.outstanding.remove(&id) && answers(&out), "{out:?}");
            }
            _ => {}
        }
        self.watch(out, &[], None);
    }

    /// Watches what the session wants done. `end`: what it was told just now.
    fn watch(&mut self, out: Vec<Action>, whole: &[u8], mut end: Option<End>) {
        let mut recorded: Option<Recorded> = None;
        for action in out {
            assert!(!self.closed, "done after the end: {action:?}");
            let is_forward = matches!(action, Action::Forward | Action::ForwardQueued(_));
            assert!(is_forward || recorded.is_none_or(is_refusal), "recorded and not done: {action:?}");
            let next = match &action {
                Action::Record(operation) => Some((operation.id, operation.operation, operation.refused)),
                _ => None,
            };
            match action {
                Action::Send(bytes) => self.sent(&bytes, &mut end),
                Action::Forward => self.forwarded(whole, recorded),
                Action::ForwardQueued(queued) => {
                    self.forwarded(&queued, recorded);
                    self.reached.insert("queued");
                }
                Action::Begin(ticket, attempt) => self.began(ticket, *attempt),
                Action::CallOff(ticket) => {
                    let (_, waiting) =
                        self.binding.take().expect("a login is called off, and none is pending");
                    assert_eq!(ticket, waiting);
                    self.reached.insert("called-off");
                }
                Action::Release { reusable } => {
                    let somebody = self.bound.take().expect("nobody is let go of");
                    assert!(somebody.has_upstream && (!reusable || self.outstanding.is_empty()));
                    self.outstanding.clear();
                    if reusable {
                        self.reached.insert("reused");
                    }
                }
                Action::StartTls => {
                    assert!(!self.encrypted && self.binding.is_none() && self.outstanding.is_empty());
                    (self.starting_tls, self.bound) = (true, None);
                }
                Action::Close(_) => {
                    assert!(self.binding.is_none());
                    assert!(
                        self.bound.as_ref().is_none_or(|somebody| !somebody.has_upstream),
                        "not let go of"
                    );
                    (self.closed, self.bound) = (true, None);
                    self.outstanding.clear();
                }
                Action::Record(_) => {
                    assert!(self.bound.as_ref().is_some_and(|somebody| somebody.exempt.is_some()));
                }
                Action::PasswordExposed => {
                    assert!(!self.encrypted);
                    self.reached.insert("exposed");
                }
            }
            recorded = next;
        }
        assert!(recorded.is_none_or(is_refusal), "recorded and not done");
    }

    fn sent(&mut self, bytes: &[u8], end: &mut Option<End>) {
        assert!(!self.starting_tls, "in the open, behind the consent to TLS");
        let message = Message::read(bytes).expect("what we send is a message");
        match message.operation.tag {
            op::SEARCH_ENTRY => return,
            op::BIND_RESPONSE => {}
            _ => return assert!(self.binding.is_none(), "an answer while a bind is pending"),
        }
        let code = LdapResult::read(&message.operation).expect("a result").code;
        if let (Some((id, _)), Some(end)) = (self.binding, end.take()) {
            assert_eq!(message.id, id);
            self.binding = None;
            let Reply::Accept(grant) = &end.reply else {
                return assert!(!code.is_success(), "success without a grant");
            };
            assert!(code.is_success());
            self.granted += 1;
            self.reached.insert("granted");
            let allowed = |name: &Arc<str>| self.client.exempt.get(name).map(|exempt| exempt.allowed);
            self.bound = Some(Somebody {
                has_upstream: end.person.is_some_and(|person| person.has_upstream),
                exempt: grant.exemption().map(|name| allowed(name).unwrap_or(Allowed { search: false })),
                remembered: matches!(grant.basis(), Basis::Remembered(_)),
            });
        } else {
            assert!(!code.is_success(), "success without a grant");
            // A new bind took the identity of one without a connection of his own, or was refused its place.
            self.bound = None;
            self.binding = self.binding.filter(|(id, _)| *id != message.id);
            self.outstanding.clear();
        }
    }

    fn began(&mut self, ticket: Ticket, attempt: Attempt) {
        assert!(self.begun.insert(ticket), "a ticket is given once");
        assert!(self.binding.is_none() && !self.starting_tls);
        match &attempt.credential {
            PrimaryCredential::Password(password) => assert!(!password.is_empty(), "B-041"),
            PrimaryCredential::Proven => {
                assert!(self.encrypted);
                self.reached.insert("external");
            }
            PrimaryCredential::CheckedByClient(_) => panic!("no LDAP client checks passwords itself"),
            PrimaryCredential::Relayed(_) => panic!("no LDAP client has an upstream"),
        }
        assert!(self.bound.as_ref().is_none_or(|somebody| !somebody.has_upstream), "B-021");
        self.bound = None;
        self.outstanding.clear();
        assert!(self.logins.iter().all(|(_, other)| other.id != attempt.id), "two logins of one name");
        self.binding = Some((self.sent[&attempt.id], ticket));
        self.logins.push((ticket, attempt));
    }

    fn forwarded(&mut self, whole: &[u8], recorded: Option<Recorded>) {
        assert!(self.binding.is_none(), "passed on while a bind is pending");
        let somebody = self.bound.as_ref().expect("passed on for nobody");
        assert!(somebody.has_upstream);
        let message = Message::read(whole).expect("what is passed on is a message");
        let kind = Request::of(message.operation.tag);
        assert!(!matches!(kind, Request::Bind | Request::Unbind));
        if kind == Request::Abandon {
            let id = abandoned(&message.operation).expect("what is passed on can be read");
            self.reached.insert("abandoned");
            return assert!(self.outstanding.remove(&id), "nothing to abandon");
        }
        if let Some(allowed) = somebody.exempt {
            assert!(allowed.search && matches!(kind, Request::Search | Request::Compare));
            assert_eq!(recorded, Some((message.id, Operation::from(kind), None)), "not recorded");
            self.reached.insert("recorded");
        }
        assert!(!self.client.read_only || !kind.writes());
        let text = String::from_utf8_lossy(message.operation.whole);
        if kind == Request::Extended {
            assert!(!text.contains("1.3.6.1.4.1.1466.20037") && !text.contains("113556.1.4.1781"));
            assert!(!text.contains("1.3.6.1.4.1.4203.1.11.1") || (self.encrypted && !somebody.remembered));
        }
        self.reached.insert("forwarded");
        assert!(message.id != 0 && self.outstanding.insert(message.id), "an id that is in use");
    }

    fn check(&self) {
        assert!(self.session.outstanding() <= OPERATIONS);
        let (messages, octets) = self.session.queued();
        assert!(messages <= 16 && octets <= 64 * 1024);
        assert!(messages == 0 || self.binding.is_some(), "nothing waits but for a bind");
        assert_eq!(self.session.is_binding(), self.binding.is_some());
        assert_eq!(self.session.is_bound(), self.bound.is_some());
        assert_eq!(self.session.outstanding(), self.outstanding.len());
        assert_eq!(self.session.wants_messages(), !self.closed && !self.starting_tls);
        assert_eq!(self.counters.all_closed().map(|(_, count)| count).sum::<u64>(), u64::from(self.closed));
        let (success, count) = self.counters.all_bound().next().expect("results are counted");
        assert_eq!((success.code(), count), ("success", self.granted));
    }
}

fn answers(out: &[Action]) -> bool {
    matches!(out, [Action::Send(_)])
}

// ---- the world ----------------------------------------------------------------------------------------

fn client(dice: &mut Dice<'_>) -> LdapClient {
    LdapClient {
        client: Arc::new(Client {
            name: "wiki".into(),
            directory: "main".into(),
            primary: PrimaryKind::Directory,
            entry: CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } },
            prompt: "?".into(),
            can: Capabilities { prompts: false, prompts_relayed: false, tells_address: dice.coin() },
            login_timeout: Duration::from_secs(600),
            challenge_life: Duration::from_secs(60),
            reject_delay: Duration::ZERO,
            when_unable: WhenUnable::Reject,
            remember: None,
            ..Client::new("", "")
        }),
        known_by: KnownBy::default(),
        root: Root {
            naming_contexts: vec!["dc=x".into()],
            active_directory: dice.coin(),
            has_entries: dice.coin(),
        },
        read_only: dice.below(4) == 0,
        drops_references: dice.coin(),
        connection_is: ConnectionIs::Application,
        external: dice.coin().then_some(ExternalName::Email),
        exempt: HashMap::from([(Arc::from("reader"), exempt(dice.coin()))]),
    }
}

fn exempt(search: bool) -> Exempt {
    let definition = Exemption {
        name: "reader".into(),
        account: "cn=reader".into(),
        clients: vec!["wiki".into()],
        sources: Vec::new(),
        ..Exemption::new("", "")
    };
    Exempt { allowed: Allowed { search }, definition }
}

fn conduct(dice: &mut Dice<'_>, encrypted: bool, counters: Arc<Counters>) -> Conduct {
    let names: &[&str] = if encrypted && dice.coin() { &["email:anna@example.org", "dns:a"] } else { &[] };
    Conduct {
        encrypted,
        start_tls: !encrypted && dice.below(4) > 0,
        plain_binds: dice.coin(),
        peer: [10, 0, 0, 7].into(),
        listener: "inner".into(),
        certificate: names.iter().map(|name| Box::from(*name)).collect(),
        limits: LdapLimits { operations: OPERATIONS, ..LdapLimits::default() },
        counters,
    }
}

fn policy(dice: &mut Dice<'_>) -> Policy {
    let everybody = Rule {
        name: "all".into(),
        when: Condition::ALWAYS,
        then: dice.pick(&[Requirement::None, Requirement::Refuse]),
        options: Options::default(),
    };
    let exemption = Exemption {
        name: dice.pick(&["reader", "elsewhere"]).into(),
        account: DN.into(),
        clients: vec!["wiki".into()],
        sources: vec!["10.0.0.0/8".parse().unwrap()],
        ..Exemption::new("", "")
    };
    Policy {
        rules: (dice.below(6) == 0).then_some(everybody).into_iter().collect(),
        exemptions: if dice.below(3) == 0 { vec![exemption] } else { Vec::new() },
        ..Policy::default()
    }
}

/// A login as the gateway would run it, with made-up results.
fn log_in(dice: &mut Dice<'_>, attempt: Attempt, policy: &Arc<Policy>, now: Now) -> Verdict {
    let mut flow = Flow::new(attempt, policy.clone(), FlowLimits::default());
    let mut event = Event::Began;
    loop {
        let work = match flow.advance(event, now) {
            Step::Done(verdict) => return verdict,
            Step::Ask(_) => return Verdict::Unable(FaultKind::Internal),
            Step::Do(work) => work,
        };
        event = Event::Worked(match work {
            // It takes nothing of what the seeds are made of.
            Work::NoteLogin(_) => Outcome::Counted(Ok(())),
            work => outcome(dice, &work),
        });
    }
}

fn outcome(dice: &mut Dice<'_>, work: &Work) -> Outcome {
    let fault = Fault::new(FaultKind::DirectoryUnreachable, "made up");
    let (bad, broken) = (dice.below(16) == 0, dice.below(32) == 0);
    match work {
        Work::FindSubject if broken => Outcome::Subject(Err(fault)),
        Work::FindSubject => Outcome::Subject(Ok((!bad).then(subject))),
        Work::Recall { .. } if broken => Outcome::Record(Err(fault)),
        Work::Recall { .. } => Outcome::known(record(dice)),
        Work::VerifyPrimary(..) if broken => Outcome::Primary(Err(fault)),
        Work::VerifyPrimary(..) if bad => Outcome::Primary(Ok(PrimaryOutcome::Wrong)),
        Work::VerifyPrimary(..) => Outcome::Primary(Ok(PrimaryOutcome::Correct)),
        Work::Check(..) if bad => Outcome::Factor(Ok(FactorOutcome::Wrong)),
        Work::Check(..) => Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp))),
        Work::CountWrongPassword(_) | Work::ForgetWrongPasswords(_) => Outcome::Counted(Ok(())),
        Work::NoteLogin(_) => panic!("done without dice"),
        Work::AskUpstream(_) | Work::ChangePassword(..) | Work::Remember { .. } => {
            panic!("no work of an LDAP login without fault modes")
        }
    }
}

fn subject() -> Subject {
    let account = Account {
        directory: "main".into(),
        id: Box::from(&b"1"[..]),
        display: "anna".into(),
        handle: DN.into(),
        groups: Groups::new().into(),
        standing: Standing::Active,
        number: None,
        aliases: vec![DN.into()],
        stamp: Box::default(),
        lockout: None,
        attributes: Default::default(),
    };
    Subject { pseudonym: Pseudonym::new("p-1").unwrap(), account: Arc::new(account) }
}

fn record(dice: &mut Dice<'_>) -> Record {
    let enrolment = Enrolment {
        id: EnrolmentId([1; 16]),
        parameters: Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 },
        sealed: Sealed { key_id: 1, bytes: Box::default() },
        progress: Progress::UNUSED,
        created: UnixTime(0),
    };
    let remembered = (dice.below(4) == 0).then_some(FactorKind::Totp);
    Record { enrolments: vec![enrolment], remembered, ..Record::default() }
}
