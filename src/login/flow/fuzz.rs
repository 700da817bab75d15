//! Drives a flow with events made from random bytes; the body of a fuzz target and of a property test.

mod dice;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::cidr::Prefix;
use crate::base::clock::{Clock, ManualClock, UnixTime};
use crate::login::attempt::{Answer, Attempt, AttemptId, Origin};
use crate::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed, WhenUnable};
use crate::login::credential::PrimaryCredential;
use crate::login::factor::{
    Enrolment, EnrolmentId, FactorKind, FactorKinds, FactorOutcome, OtpAlgorithm, Parameters, Progress,
    Sealed,
};
use crate::login::flow::Flow;
use crate::login::flow::fuzz::dice::Dice;
use crate::login::identity::{Account, Groups, LoginName, Pseudonym, Standing, Subject};
use crate::login::policy::{Conditions, Exemption, Policy, Requirement, Rule};
use crate::login::step::{Event, Outcome, PrimaryOutcome, Record, Step, Work};
use crate::login::throttle::{Failures, FlowLimits};
use crate::login::verdict::{Basis, Fault, FaultKind, Verdict};

/// What a flow waits for, as far as the invariant cares.
#[derive(PartialEq)]
enum Asked {
    Subject,
    Record,
    Password,
    Code,
    Else,
}

impl Asked {
    const fn by(work: &Work) -> Self {
        match work {
            Work::FindSubject => Self::Subject,
            Work::Recall { .. } => Self::Record,
            Work::VerifyPrimary(Some(_), _) => Self::Password,
            Work::Check(..) => Self::Code,
            Work::VerifyPrimary(None, _)
            | Work::AskUpstream(_)
            | Work::ChangePassword(..)
            | Work::CountWrongPassword(_)
            | Work::ForgetWrongPasswords(_) => Self::Else,
        }
    }
}

/// What the invariant is judged by.
#[derive(Default)]
struct Seen {
    password_correct: bool,
    /// A password was wrong, and has not been counted.
    owes_a_count: bool,
    confirmed: bool,
    /// The account that was found is one that an exemption names.
    named: bool,
    remembered: Option<FactorKind>,
    answered: bool,
    called_off: bool,
    verdicts: usize,
}

/// What holds for the whole login.
struct Terms {
    requirement: Requirement,
    /// The exemption is for this client and this source.
    exempt_here: bool,
    /// Somebody else has checked the password.
    trusted: bool,
    has_field: bool,
}

/// Runs one login made of `bytes`; returns why it was granted, if it was.
///
/// # Panics
///
/// When somebody gets in without having shown what the rules demand, when a wrong password is not counted, when work
/// is done for nobody, or when there are two verdicts.
#[allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a failed invariant is what the fuzzer looks for"
)]
pub fn drive(bytes: &[u8]) -> Option<Basis> {
    let mut dice = Dice(bytes.iter());
    let clock = ManualClock::at(UnixTime::from_seconds(1_800_000_000));
    let (requirement, policy, exempt_here) = policy(&mut dice);
    let attempt = attempt(&mut dice, &clock);
    let proven = matches!(attempt.credential, PrimaryCredential::Proven);
    let terms = Terms {
        requirement,
        exempt_here,
        trusted: proven || attempt.client.primary == PrimaryKind::CheckedByClient,
        has_field: matches!(attempt.credential, PrimaryCredential::Password(_)),
    };
    let mut flow = Flow::new(attempt.clone(), Arc::new(policy), FlowLimits::default());
    let (mut seen, mut granted) = (Seen::default(), None);
    let mut event = Event::Began;
    for _ in 0..48 {
        if dice.below(8) == 0 {
            clock.jump_to(UnixTime::from_seconds(1_800_000_000 - i64::from(dice.roll()) * 1000));
            clock.advance(Duration::from_secs(u64::from(dice.roll())));
        }
        if dice.below(32) == 31 {
            flow.call_off();
            seen.called_off = true;
        }
        let step = flow.advance(event, clock.now());
        only_what_is_owed(&step, &mut seen);
        event = match step {
            Step::Done(verdict) => {
                judge(&verdict, &seen, &terms);
                if let Verdict::Accept(grant) = &verdict {
                    granted = Some(grant.basis());
                }
                seen.verdicts += usize::from(!matches!(verdict, Verdict::Unable(FaultKind::Internal)));
                assert!(seen.verdicts <= 1, "two verdicts");
                flow.end();
                anything(&mut dice, &attempt, &Asked::Else, &mut seen)
            }
            Step::Ask(_) => reply(&mut dice, &attempt, &mut seen),
            Step::Do(work) if work.may_stop() && dice.below(32) == 31 => Event::CalledOff,
            Step::Do(work) if dice.below(16) > 0 => fitting(&work, &mut dice, &mut seen),
            Step::Do(work) => anything(&mut dice, &attempt, &Asked::by(&work), &mut seen),
        };
    }
    granted
}

/// Whoever hangs up saves himself the answer and no count, and costs nobody anything more.
fn only_what_is_owed(step: &Step, seen: &mut Seen) {
    let counts = matches!(step, Step::Do(Work::CountWrongPassword(_)));
    assert!(counts || !seen.owes_a_count, "a wrong password was not counted");
    seen.owes_a_count = false;
    let owed = match step {
        Step::Do(work) => matches!(work, Work::CountWrongPassword(_) | Work::ForgetWrongPasswords(_)),
        Step::Ask(_) => false,
        Step::Done(verdict) => !matches!(verdict, Verdict::Accept(_)),
    };
    assert!(owed || !seen.called_off, "{step:?} for nobody");
}

fn judge(verdict: &Verdict, seen: &Seen, terms: &Terms) {
    let Verdict::Accept(grant) = verdict else { return };
    assert!(seen.password_correct || terms.trusted, "let in without a password");
    let exempt = terms.exempt_here && seen.named;
    assert_eq!(grant.exemption().is_some(), exempt, "an exemption counts wherever it fits, and nowhere else");
    let shown = match (terms.requirement, grant.basis()) {
        (Requirement::Refuse, _) => false,
        (Requirement::None | Requirement::OneOf(_), Basis::Exempt) => exempt,
        (Requirement::None, Basis::RuleAsksNone) => !exempt,
        (Requirement::OneOf(_), Basis::Grace) => !exempt,
        (Requirement::OneOf(_), Basis::Confirmed(_)) => seen.confirmed,
        (Requirement::OneOf(kinds), Basis::Remembered(kind)) => {
            kinds.contains(kind) && seen.remembered == Some(kind) && terms.has_field && !seen.answered
        }
        (Requirement::None | Requirement::OneOf(_), _) => false,
    };
    assert!(shown, "let in by {:?} where {:?} is demanded", grant.basis(), terms.requirement);
}

fn policy(dice: &mut Dice<'_>) -> (Requirement, Policy, bool) {
    let kinds: FactorKinds = FactorKind::ALL.into_iter().filter(|_| dice.coin()).collect();
    let then = match dice.below(4) {
        0 => Requirement::None,
        1 => Requirement::Refuse,
        _ => Requirement::OneOf(kinds),
    };
    let grace_until = dice.coin().then(|| UnixTime::from_seconds(1_800_000_000 + i64::from(dice.roll())));
    let rule = Rule { name: "only".into(), when: Conditions::default(), then, grace_until };
    let (client_fits, source_fits) = (dice.coin(), dice.coin());
    let source = if source_fits { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::from([127, 0, 0, 2]) };
    let exemption = Exemption {
        name: "service".into(),
        account: "named".into(),
        clients: vec![if client_fits { "client" } else { "other" }.into()],
        sources: vec![Prefix::around(source, 32, 128)],
    };
    let exemptions = if dice.coin() { vec![exemption] } else { Vec::new() };
    let here = client_fits && source_fits && !exemptions.is_empty();
    (then, Policy { rules: vec![rule], exemptions }, here)
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
        can: Capabilities { prompts: dice.coin(), prompts_relayed: false, tells_address: dice.coin() },
        login_timeout: Duration::from_secs(20),
        challenge_life: Duration::from_secs(120),
        reject_delay: Duration::ZERO,
        when_unable: WhenUnable::Silence,
        remember: None,
        ..Client::new("", "")
    };
    let credential = if dice.below(8) == 0 {
        PrimaryCredential::Proven
    } else if dice.below(8) > 0 && client.primary == PrimaryKind::CheckedByClient {
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
        passage: None,
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
        2 => Event::CalledOff,
        _ => {
            seen.answered = true;
            Event::Answered(Answer {
                client: attempt.client.clone(),
                name: name(),
                device: Box::default(),
                text: dice.text(),
                passage: None,
            })
        }
    }
}

/// An event that may come at a wrong time. It counts as shown only when it happens to be the outcome of the
/// work that was asked for.
fn anything(dice: &mut Dice<'_>, attempt: &Attempt, asked: &Asked, seen: &mut Seen) -> Event {
    match dice.below(9) {
        8 => Event::CalledOff,
        0 => Event::Began,
        1 => Event::TimedOut,
        2 => {
            let text = dice.text();
            seen.answered = true;
            Event::Answered(Answer {
                client: attempt.client.clone(),
                name: name(),
                device: Box::default(),
                text,
                passage: None,
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
        5 => {
            let asked = *asked == Asked::Record;
            Event::Worked(record(dice, asked.then_some(seen)))
        }
        6 => Event::Worked(Outcome::Counted(Ok(()))),
        _ => {
            let asked = *asked == Asked::Subject;
            Event::Worked(subject(dice, asked.then_some(seen)))
        }
    }
}

fn fitting(work: &Work, dice: &mut Dice<'_>, seen: &mut Seen) -> Event {
    let fault = || Fault::new(FaultKind::StoreUnavailable, "made up");
    let broken = dice.below(12) == 0;
    Event::Worked(match work {
        Work::FindSubject if broken => Outcome::Subject(Err(fault())),
        Work::FindSubject => subject(dice, Some(seen)),
        Work::Recall { .. } if broken => Outcome::Record(Err(fault())),
        Work::Recall { .. } => record(dice, Some(seen)),
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
            seen.owes_a_count = outcome == PrimaryOutcome::Wrong && account.is_some();
            Outcome::Primary(Ok(outcome))
        }
        Work::AskUpstream(_) => Outcome::Upstream(Err(fault())),
        Work::ChangePassword(..) => Outcome::Changed(Err(fault())),
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
fn subject(dice: &mut Dice<'_>, seen: Option<&mut Seen>) -> Outcome {
    let standing = match dice.below(8) {
        0 => Standing::Disabled,
        1 => Standing::Locked,
        _ => Standing::Active,
    };
    let pseudonym = Pseudonym::new(if dice.below(8) == 0 { "p2" } else { "p1" }).unwrap();
    let named = dice.coin();
    if let Some(seen) = seen {
        seen.named = named;
    }
    let account = Account {
        directory: "directory".into(),
        id: Box::from(&b"1"[..]),
        display: "Alice".into(),
        handle: "alice".into(),
        groups: Groups::new(),
        standing,
        number: None,
        aliases: if named { vec!["named".into()] } else { vec!["nam".into(), "NAMED".into()] },
        stamp: Box::default(),
        attributes: Default::default(),
    };
    let found = dice.below(8) > 0;
    Outcome::Subject(Ok(found.then(|| Subject { pseudonym, account: Arc::new(account) })))
}

fn record(dice: &mut Dice<'_>, seen: Option<&mut Seen>) -> Outcome {
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
    let remembered = FactorKind::ALL.into_iter().find(|_| dice.below(4) == 0);
    if let Some(seen) = seen {
        seen.remembered = remembered;
    }
    Outcome::Record(Ok(Record {
        enrolments,
        password: dice.coin().then_some(failures),
        codes: if dice.coin() { vec![(FactorKind::Totp, failures)] } else { vec![] },
        over_rate: dice.below(12) == 0,
        remembered,
        spent: dice.below(8) == 7,
        familiar: dice.coin(),
    }))
}
