//! Drives a flow with events made from random bytes; the body of a fuzz target and of a property test.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{Clock, ManualClock, UnixTime};
use crate::base::secret::Secret;
use crate::login::attempt::{Answer, Attempt, AttemptId, Origin};
use crate::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed, WhenUnable};
use crate::login::credential::PrimaryCredential;
use crate::login::factor::{
    Enrolment, EnrolmentId, FactorKind, FactorKinds, FactorOutcome, OtpAlgorithm, Parameters, Progress,
    Sealed,
};
use crate::login::flow::Flow;
use crate::login::identity::{Account, Groups, LoginName, Pseudonym, Standing, Subject};
use crate::login::policy::{Conditions, Policy, Requirement, Rule};
use crate::login::step::{Event, Outcome, PrimaryOutcome, Record, Step, Work};
use crate::login::throttle::{Failures, FlowLimits};
use crate::login::verdict::{Basis, Fault, FaultKind, Verdict};

/// Takes bytes one by one; zeros when they are used up.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn roll(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn below(&mut self, n: u8) -> u8 {
        self.roll().checked_rem(n).unwrap_or(0)
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    fn text(&mut self) -> Secret {
        const TEXTS: [&[u8]; 8] =
            [b"", b"pw", b"pw123456", b"123456", b"pw,123456", b"a\0b", b"ABCDEFGHIJKLMNOP", b"\xff\xfe"];
        let at = usize::from(self.below(8));
        Secret::copied(TEXTS.get(at).copied().unwrap_or(b""))
    }
}

/// What a flow waits for, as far as the invariant cares.
#[derive(PartialEq)]
enum Asked {
    Password,
    Code,
    Else,
}

impl Asked {
    const fn by(work: &Work) -> Self {
        match work {
            Work::VerifyPrimary(Some(_), _) => Self::Password,
            Work::Check(..) => Self::Code,
            Work::VerifyPrimary(None, _)
            | Work::FindSubject
            | Work::Recall(_)
            | Work::CountWrongPassword(_)
            | Work::ForgetWrongPasswords(_) => Self::Else,
        }
    }
}

/// What the invariant is judged by.
#[derive(Default)]
struct Seen {
    password_correct: bool,
    confirmed: bool,
    verdicts: usize,
}

/// Runs one login made of `bytes`.
///
/// # Panics
///
/// When somebody gets in without having shown what the rules demand, or when there are two verdicts.
#[allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a failed invariant is what the fuzzer looks for"
)]
pub fn drive(bytes: &[u8]) {
    let mut dice = Dice(bytes.iter());
    let clock = ManualClock::at(UnixTime::from_seconds(1_800_000_000));
    let (requirement, policy) = policy(&mut dice);
    let attempt = attempt(&mut dice, &clock);
    let trusted = attempt.client.primary == PrimaryKind::CheckedByClient;
    let mut flow = Flow::new(attempt.clone(), Arc::new(policy), FlowLimits::default());
    let mut seen = Seen::default();
    let mut event = Event::Began;
    for _ in 0..48 {
        if dice.below(8) == 0 {
            clock.jump_to(UnixTime::from_seconds(1_800_000_000 - i64::from(dice.roll()) * 1000));
            clock.advance(Duration::from_secs(u64::from(dice.roll())));
        }
        event = match flow.advance(event, clock.now()) {
            Step::Done(verdict) => {
                judge(&verdict, &seen, requirement, trusted);
                seen.verdicts += usize::from(!matches!(verdict, Verdict::Unable(FaultKind::Internal)));
                assert!(seen.verdicts <= 1, "two verdicts");
                flow.end();
                anything(&mut dice, &attempt, &Asked::Else, &mut seen)
            }
            Step::Ask(_) => reply(&mut dice, &attempt, &mut seen),
            Step::Do(work) if dice.below(16) > 0 => fitting(&work, &mut dice, &mut seen),
            Step::Do(work) => anything(&mut dice, &attempt, &Asked::by(&work), &mut seen),
        };
    }
}

fn judge(verdict: &Verdict, seen: &Seen, requirement: Requirement, trusted: bool) {
    let Verdict::Accept(grant) = verdict else { return };
    assert!(seen.password_correct || trusted, "let in without a password");
    let shown = match (requirement, grant.basis()) {
        (Requirement::None, Basis::RuleAsksNone) => true,
        (Requirement::OneOf(_), Basis::Grace) => true,
        (Requirement::OneOf(_), Basis::Confirmed(_)) => seen.confirmed,
        (Requirement::None | Requirement::OneOf(_) | Requirement::Refuse, _) => false,
    };
    assert!(shown, "let in by {:?} where {requirement:?} is demanded", grant.basis());
}

fn policy(dice: &mut Dice<'_>) -> (Requirement, Policy) {
    let kinds: FactorKinds = FactorKind::ALL.into_iter().filter(|_| dice.coin()).collect();
    let then = match dice.below(4) {
        0 => Requirement::None,
        1 => Requirement::Refuse,
        _ => Requirement::OneOf(kinds),
    };
    let grace_until = dice.coin().then(|| UnixTime::from_seconds(1_800_000_000 + i64::from(dice.roll())));
    let rule = Rule { name: "only".into(), when: Conditions::default(), then, grace_until };
    (then, Policy { rules: vec![rule], ..Policy::default() })
}

fn attempt(dice: &mut Dice<'_>, clock: &ManualClock) -> Attempt {
    let typed = match dice.below(3) {
        0 => Typed::Nothing,
        1 => Typed::Appended { digits: 6 },
        _ => Typed::Separated { separator: b',' },
    };
    let client = Client {
        name: "client".into(),
        directory: "directory".into(),
        primary: if dice.coin() { PrimaryKind::Directory } else { PrimaryKind::CheckedByClient },
        entry: CodeEntry { challenge: dice.coin(), typed },
        prompt: "?".into(),
        can: Capabilities { prompts: dice.coin(), tells_address: dice.coin() },
        login_timeout: Duration::from_secs(20),
        challenge_life: Duration::from_secs(120),
        reject_delay: Duration::ZERO,
        when_unable: WhenUnable::Silence,
        remember: None,
    };
    let credential = if dice.below(8) > 0 && client.primary == PrimaryKind::CheckedByClient {
        PrimaryCredential::CheckedByClient(dice.coin().then(|| dice.text()))
    } else {
        PrimaryCredential::Password(dice.text())
    };
    Attempt {
        id: AttemptId([0; 8]),
        client: Arc::new(client),
        name: name(),
        credential,
        origin: Origin { peer: IpAddr::from([127, 0, 0, 1]), user: None },
        device: Box::default(),
        began: clock.now(),
    }
}

#[allow(clippy::unwrap_used, reason = "a constant")]
fn name() -> LoginName {
    LoginName::parse(b"alice").unwrap()
}

fn reply(dice: &mut Dice<'_>, attempt: &Attempt, seen: &mut Seen) -> Event {
    match dice.below(8) {
        0 => Event::TimedOut,
        1 => anything(dice, attempt, &Asked::Else, seen),
        _ => Event::Answered(Answer {
            client: attempt.client.clone(),
            name: name(),
            device: Box::default(),
            text: dice.text(),
        }),
    }
}

/// An event that may come at a wrong time. It counts as shown only when it happens to be the outcome of the
/// work that was asked for.
fn anything(dice: &mut Dice<'_>, attempt: &Attempt, asked: &Asked, seen: &mut Seen) -> Event {
    match dice.below(8) {
        0 => Event::Began,
        1 => Event::TimedOut,
        2 => {
            let text = dice.text();
            Event::Answered(Answer {
                client: attempt.client.clone(),
                name: name(),
                device: Box::default(),
                text,
            })
        }
        3 => {
            seen.password_correct |= *asked == Asked::Password;
            Event::Worked(Outcome::Primary(Ok(PrimaryOutcome::Correct)))
        }
        4 => {
            seen.confirmed |= *asked == Asked::Code;
            Event::Worked(Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp))))
        }
        5 => Event::Worked(record(dice)),
        6 => Event::Worked(Outcome::Counted(Ok(()))),
        _ => Event::Worked(subject(dice)),
    }
}

fn fitting(work: &Work, dice: &mut Dice<'_>, seen: &mut Seen) -> Event {
    let fault = || Fault::new(FaultKind::StoreUnavailable, "made up");
    let broken = dice.below(12) == 0;
    Event::Worked(match work {
        Work::FindSubject if broken => Outcome::Subject(Err(fault())),
        Work::FindSubject => subject(dice),
        Work::Recall(_) if broken => Outcome::Record(Err(fault())),
        Work::Recall(_) => record(dice),
        Work::VerifyPrimary(..) if broken => Outcome::Primary(Err(fault())),
        Work::VerifyPrimary(account, _) => {
            let outcome = match dice.below(8) {
                0 => PrimaryOutcome::Wrong,
                1 => PrimaryOutcome::MustChange,
                2 => PrimaryOutcome::Disabled,
                3 => PrimaryOutcome::Locked,
                _ => PrimaryOutcome::Correct,
            };
            seen.password_correct |= outcome == PrimaryOutcome::Correct && account.is_some();
            Outcome::Primary(Ok(outcome))
        }
        Work::CountWrongPassword(_) | Work::ForgetWrongPasswords(_) => {
            Outcome::Counted(if broken { Err(fault()) } else { Ok(()) })
        }
        Work::Check(..) if broken => Outcome::Factor(Err(fault())),
        Work::Check(..) => Outcome::Factor(Ok(match dice.below(4) {
            0 => FactorOutcome::Wrong,
            1 => FactorOutcome::Locked,
            2 => FactorOutcome::Replayed(FactorKind::Totp),
            _ => {
                seen.confirmed = true;
                FactorOutcome::Confirmed(FactorKind::Totp)
            }
        })),
    })
}

#[allow(clippy::unwrap_used, reason = "constants")]
fn subject(dice: &mut Dice<'_>) -> Outcome {
    let standing = match dice.below(8) {
        0 => Standing::Disabled,
        1 => Standing::Locked,
        _ => Standing::Active,
    };
    let pseudonym = Pseudonym::new(if dice.below(8) == 0 { "p2" } else { "p1" }).unwrap();
    let account = Account {
        directory: "directory".into(),
        id: Box::from(&b"1"[..]),
        display: "Alice".into(),
        handle: "alice".into(),
        groups: Groups::new(),
        standing,
        number: None,
        aliases: Vec::new(),
        stamp: Box::default(),
    };
    let found = dice.below(8) > 0;
    Outcome::Subject(Ok(found.then(|| Subject { pseudonym, account: Arc::new(account) })))
}

fn record(dice: &mut Dice<'_>) -> Outcome {
    let kinds = [
        Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 },
        Parameters::Hotp { digits: 6 },
        Parameters::Recovery,
    ];
    let chosen = kinds.into_iter().filter(|_| dice.coin());
    let enrolments = chosen.map(|parameters| Enrolment {
        id: EnrolmentId([1; 16]),
        parameters,
        sealed: Sealed { key_id: 1, bytes: Box::default() },
        progress: Progress::UNUSED,
        created: UnixTime(0),
    });
    let enrolments = enrolments.collect();
    let row = u32::from(dice.below(6));
    let failures = Failures { row, wait_until: UnixTime::from_seconds(1_800_000_000), ..Failures::NONE };
    Outcome::Record(Ok(Record {
        enrolments,
        password: dice.coin().then_some(failures),
        codes: if dice.coin() { vec![(FactorKind::Totp, failures)] } else { vec![] },
        over_rate: dice.below(12) == 0,
        remembered: None,
    }))
}
