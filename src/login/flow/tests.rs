use super::*;
use crate::base::clock::{Clock, ManualClock, UnixTime};
use crate::login::attempt::{Answer, AttemptId, Origin};
use crate::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed};
use crate::login::factor::{
    Enrolment, EnrolmentId, FactorKinds, FactorOutcome, OtpAlgorithm, Parameters, Progress, Sealed,
};
use crate::login::identity::{Account, LoginName, Pseudonym, Standing};
use crate::login::policy::{Condition, Exemption, Network, Options, Place, Requirement, Rule};
use crate::login::relay::{Heard, Method, Passage, Said};
use crate::login::step::{Changed, PrimaryOutcome};
use crate::login::throttle::Failures;
use crate::login::verdict::Fault;
use std::net::IpAddr;
use std::time::Duration;

mod called_off;
mod change;
mod code_first;
mod eap;
mod exempt;
mod faulty;
mod first;
mod history;
mod random;
mod relayed;
mod second;
mod several;
mod telling;

const ALIAS: &str = "cn=svc-wiki,ou=services,dc=example,dc=org";

/// What stands in for the device's first request.
const FIRST: &str = "the first request";
const T0: UnixTime = UnixTime::from_seconds(1_800_000_000);

struct Case {
    clock: ManualClock,
    client: Client,
    policy: Policy,
    credential: PrimaryCredential,
    user: Option<IpAddr>,
}

fn case() -> Case {
    Case {
        clock: ManualClock::at(T0),
        client: Client {
            entry: CodeEntry { challenge: true, typed: Typed::Nothing },
            prompt: "Code:".into(),
            can: Capabilities { prompts: true, prompts_relayed: false, tells_address: true },
            reject_delay: Duration::ZERO,
            ..Client::new("vpn-1", "staff")
        },
        policy: Policy::default(),
        credential: password("hunter2"),
        user: None,
    }
}

fn password(text: &str) -> PrimaryCredential {
    PrimaryCredential::Password(Secret::copied(text.as_bytes()))
}

fn name() -> LoginName {
    LoginName::parse(b"alice").unwrap()
}

impl Case {
    fn begin(&self) -> (Flow, Step) {
        let attempt = Attempt {
            id: AttemptId([1; 8]),
            client: Arc::new(self.client.clone()),
            name: name(),
            credential: self.credential.clone(),
            origin: Origin { peer: IpAddr::from([192, 0, 2, 1]), user: self.user },
            device: Box::default(),
            listener: None,
            hint: None,
            place: Place::NOWHERE,
            passage: (self.client.primary == PrimaryKind::Upstream).then(|| Passage::new(FIRST)),
            began: self.clock.now(),
        };
        let mut flow = Flow::new(attempt, Arc::new(self.policy.clone()), FlowLimits::default());
        let step = flow.advance(Event::Began, self.clock.now());
        (flow, step)
    }

    /// That somebody is let in is written down where it must be.
    fn worked(&self, flow: &mut Flow, outcome: Outcome) -> Step {
        match flow.advance(Event::Worked(outcome), self.clock.now()) {
            Step::Do(Work::NoteLogin(_)) => {
                flow.advance(Event::Worked(Outcome::Counted(Ok(()))), self.clock.now())
            }
            step @ (Step::Do(_) | Step::Ask(_) | Step::Done(_)) => step,
        }
    }

    fn answer(&self, flow: &mut Flow, text: &str) -> Step {
        let answer = Answer {
            client: Arc::new(self.client.clone()),
            name: name(),
            device: Box::default(),
            text: Secret::copied(text.as_bytes()),
            passage: (self.client.primary == PrimaryKind::Upstream).then(|| Passage::new(text.to_owned())),
        };
        flow.advance(Event::Answered(answer), self.clock.now())
    }
}

fn subject_with(standing: Standing, id: &str) -> Subject {
    Subject {
        pseudonym: Pseudonym::new(id).unwrap(),
        account: Arc::new(Account {
            standing,
            aliases: vec![ALIAS.into()],
            ..Account::new("staff", b"1", "alice")
        }),
    }
}

fn found() -> Outcome {
    Outcome::Subject(Ok(Some(subject_with(Standing::Active, "p1"))))
}

fn enrolment(parameters: Parameters) -> Enrolment {
    Enrolment {
        id: EnrolmentId([7; 16]),
        parameters,
        sealed: Sealed { key_id: 1, bytes: Box::default() },
        progress: Progress::UNUSED,
        created: T0,
    }
}

fn totp() -> Enrolment {
    enrolment(Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 })
}

fn record(enrolments: Vec<Enrolment>) -> Outcome {
    Outcome::known(Record { enrolments, ..Record::default() })
}

fn primary(outcome: PrimaryOutcome) -> Outcome {
    Outcome::Primary(Ok(outcome))
}

fn rejected(step: &Step) -> Option<Reason> {
    match step {
        Step::Done(Verdict::Reject(reason)) => Some(*reason),
        Step::Do(_) | Step::Ask(_) | Step::Done(_) => None,
    }
}

fn basis(step: &Step) -> Option<Basis> {
    match step {
        Step::Done(Verdict::Accept(grant)) => Some(grant.basis()),
        Step::Do(_) | Step::Ask(_) | Step::Done(_) => None,
    }
}

/// Up to the moment where the password is right.
fn up_to_second(case: &Case, enrolments: Vec<Enrolment>) -> (Flow, Step) {
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(enrolments));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    (flow, step)
}

/// A case whose account is exempt at its client, from the network that it comes from.
fn exempt_case() -> Case {
    let mut case = case();
    case.policy.exemptions.push(Exemption {
        name: "wiki-service".into(),
        account: ALIAS.into(),
        clients: vec!["vpn-1".into()],
        sources: vec!["192.0.2.0/24".parse().unwrap()],
        ..Exemption::new("", "")
    });
    case
}

fn failures(row: u32) -> Failures {
    let wait_until = if row < 4 { UnixTime(0) } else { T0.plus(Duration::from_secs(60)) };
    Failures { row, wait_until, ..Failures::NONE }
}

/// A case whose users type their codes behind the password.
fn typed_case() -> Case {
    let mut case = case();
    case.client.entry = CodeEntry { challenge: true, typed: Typed::Appended { digits: 6 } };
    case.credential = password("hunter2123456");
    case
}

fn remembering(enrolments: Vec<Enrolment>, kind: FactorKind) -> Record {
    Record { enrolments, remembered: Some(kind), ..Record::default() }
}

fn with_record(case: &Case, known: Record) -> (Flow, Step) {
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, Outcome::known(known));
    assert!(matches!(step, Step::Do(Work::VerifyPrimary(Some(_), _))), "the password is asked for: {step:?}");
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    (flow, step)
}

/// A client whose upstream checks what its users show.
fn upstream_case() -> Case {
    let mut case = case();
    case.client.primary = PrimaryKind::Upstream;
    case.client.upstream = Some("nps".into());
    case
}

fn heard(said: Said, answer: &'static str) -> Outcome {
    Outcome::Upstream(Ok(Heard { said, held: Held::new(answer) }))
}

/// The upstream agrees and names nobody.
fn yes() -> Outcome {
    heard(Said::Yes { name: None }, "accept")
}

/// The upstream confirms this name.
fn yes_to(name: &str) -> Outcome {
    heard(Said::Yes { name: Some(LoginName::parse(name.as_bytes()).unwrap()) }, "accept")
}

fn more() -> Outcome {
    heard(Said::More, "challenge")
}

fn no(outcome: PrimaryOutcome) -> Outcome {
    heard(Said::No(outcome), "reject")
}

/// What the flow keeps of what the upstream answered.
fn kept(flow: &Flow) -> Option<&'static str> {
    flow.held().and_then(|held| held.get::<&'static str>()).copied()
}

/// Changes the first of its rules.
fn edit(case: &mut Case, change: impl FnOnce(&mut Rule)) {
    let mut rules = case.policy.rules.to_vec();
    change(&mut rules[0]);
    case.policy.rules = rules.into();
}

fn rule(then: Requirement) -> Rule {
    Rule { name: "only".into(), when: Condition::ALWAYS, then, options: Options::default() }
}
