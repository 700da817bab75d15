//! Drives a flow with events made from random bytes; the body of a fuzz target and of a property test.

mod dice;
pub mod guard;
mod made;
pub mod rules;
mod seen;

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{Clock, ManualClock, UnixTime};
use crate::login::attempt::{Answer, Attempt};
use crate::login::client::PrimaryKind;
use crate::login::credential::PrimaryCredential;
use crate::login::factor::{FactorKind, FactorKinds, FactorOutcome};
use crate::login::flow::Flow;
use crate::login::flow::fuzz::dice::Dice;
use crate::login::flow::fuzz::made::{faults, heard, name, outcome, policy, record, subject, typed};
use crate::login::flow::fuzz::seen::{Seen, Terms};
use crate::login::policy::fault::FaultRule;
use crate::login::relay::{Method, Passage};
use crate::login::step::{Changed, Event, Outcome, PrimaryOutcome, Step, Work};
use crate::login::throttle::FlowLimits;
use crate::login::verdict::{Basis, Fault, FaultKind, Verdict};

/// What a flow waits for, as far as the invariant cares.
#[derive(PartialEq)]
enum Asked {
    Subject,
    Record,
    Password,
    Upstream,
    Change,
    Code,
    Else,
}

impl Asked {
    const fn by(work: &Work) -> Self {
        match work {
            Work::FindSubject => Self::Subject,
            Work::Recall { .. } => Self::Record,
            Work::VerifyPrimary(Some(_), _) => Self::Password,
            Work::AskUpstream(_) => Self::Upstream,
            Work::ChangePassword(..) => Self::Change,
            Work::Check(..) => Self::Code,
            Work::VerifyPrimary(None, _)
            | Work::CountWrongPassword(_)
            | Work::ForgetWrongPasswords(_)
            | Work::NoteLogin(_)
            | Work::Remember { .. } => Self::Else,
        }
    }
}

/// How somebody got in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// [`Basis::code`].
    pub basis: &'static str,
    /// Who found the first credential right: "directory", "client", "proof", or the upstream by "password",
    /// "chap" of any kind or "eap".
    pub primary: &'static str,
    /// A new password was chosen.
    pub changed: bool,
    /// The upstream asked something first.
    pub asked: bool,
}

/// Runs one login made of `bytes`; returns how it was granted, if it was.
///
/// # Panics
///
/// When somebody gets in without having shown what the rules demand or as somebody else, when a wrong password is not
/// counted or one is tried that must wait, when a password is changed without a factor, when work is done for nobody,
/// when an answer of the upstream outlives a no, or when there are two verdicts.
#[allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a failed invariant is what the fuzzer looks for"
)]
pub fn drive(bytes: &[u8]) -> Option<Way> {
    let mut dice = Dice(bytes.iter());
    let faults = faults(&mut dice);
    run(dice, faults, true, &mut |_| {})
}

/// What happens in a login made of `bytes` where nothing is ever away, step by step; with fault modes, or without any.
#[cfg(test)]
pub(super) fn undisturbed(bytes: &[u8], has_modes: bool) -> Vec<String> {
    let faults = if has_modes { made::every_mode() } else { Vec::new() };
    let mut steps = Vec::new();
    run(Dice(bytes.iter()), faults, false, &mut |step| steps.push(format!("{step:?}")));
    steps
}

/// The same, with what is away only where `can_break` is set. `tell` hears of each step.
fn run(
    mut dice: Dice<'_>,
    faults: Vec<FaultRule>,
    can_break: bool,
    tell: &mut dyn FnMut(&Step),
) -> Option<Way> {
    let clock = ManualClock::at(UnixTime::from_seconds(1_800_000_000));
    let (requirement, mut policy, exempt_here) = policy(&mut dice);
    policy.faults = faults.clone();
    let attempt = made::attempt(&mut dice, &clock);
    let mut flow = Flow::new(attempt.clone(), Arc::new(policy), FlowLimits::default());
    let terms = Terms { requirement, exempt_here, attempt, faults, can_break };
    let (mut seen, mut granted) = (Seen::default(), None);
    let mut event = Event::Began;
    let mut left = 96_u8;
    while left > 0 {
        left -= 1;
        if dice.below(24) == 23 {
            clock.jump_to(UnixTime::from_seconds(1_800_000_000 - i64::from(dice.roll()) * 1000));
            clock.advance(Duration::from_secs(u64::from(dice.roll())));
        }
        if dice.below(48) == 47 {
            flow.call_off();
            seen.called_off = true;
        }
        let now = clock.now();
        let step = flow.advance(event, now);
        tell(&step);
        seen.only_what_is_owed(&step);
        event = match step {
            Step::Done(verdict) => {
                seen.check_end(&verdict, &flow, &terms);
                if let Verdict::Accept(grant) = &verdict {
                    granted = Some(way(grant.basis(), &seen, &terms));
                }
                seen.verdicts += usize::from(!matches!(verdict, Verdict::Unable(FaultKind::Internal)));
                assert!(seen.verdicts <= 1, "two verdicts");
                flow.end();
                // A few more, against the end.
                left = left.min(4);
                anything(&mut dice, &terms, &Asked::Else, &mut seen)
            }
            Step::Ask(prompt) => {
                seen.check_question(&prompt, &terms);
                reply(&mut dice, &terms, &mut seen)
            }
            Step::Do(work) => {
                seen.check_work(&work, &flow, &terms, now);
                if work.may_stop() && dice.below(48) == 47 {
                    Event::CalledOff
                } else if dice.below(24) > 0 {
                    fitting(&work, &mut dice, &terms, &mut seen)
                } else {
                    anything(&mut dice, &terms, &Asked::by(&work), &mut seen)
                }
            }
        };
    }
    granted
}

fn way(basis: Basis, seen: &Seen, terms: &Terms) -> Way {
    let Attempt { client, credential, .. } = &terms.attempt;
    let primary = match (client.primary, credential) {
        (_, PrimaryCredential::Proven) => "proof",
        (PrimaryKind::CheckedByClient, _) => "client",
        (PrimaryKind::Directory, _) => "directory",
        (PrimaryKind::Upstream, PrimaryCredential::Relayed(Method::Eap)) => "eap",
        (PrimaryKind::Upstream, PrimaryCredential::Relayed(_)) => "chap",
        (PrimaryKind::Upstream, _) => "password",
    };
    Way { basis: basis.code(), primary, changed: seen.changed, asked: seen.rounds > 0 }
}

fn answer(dice: &mut Dice<'_>, terms: &Terms, seen: &mut Seen) -> Event {
    let attempt = &terms.attempt;
    let text = typed(dice, seen.answers.last());
    seen.answers.push(text.clone());
    Event::Answered(Answer {
        client: attempt.client.clone(),
        name: name("alice"),
        device: Box::default(),
        text,
        passage: attempt.passage.as_ref().map(|_| Passage::new(())),
    })
}

fn reply(dice: &mut Dice<'_>, terms: &Terms, seen: &mut Seen) -> Event {
    match dice.below(32) {
        0 => Event::TimedOut,
        1 => anything(dice, terms, &Asked::Else, seen),
        2 => Event::CalledOff,
        _ => answer(dice, terms, seen),
    }
}

/// An event that may come at a wrong time. It counts as shown only when it happens to be the outcome of the
/// work that was asked for.
fn anything(dice: &mut Dice<'_>, terms: &Terms, asked: &Asked, seen: &mut Seen) -> Event {
    match dice.below(12) {
        11 => Event::Worked(Outcome::Slowed),
        10 => {
            let heard = heard(dice);
            if *asked == Asked::Upstream {
                seen.heard(&heard, terms);
            }
            Event::Worked(Outcome::Upstream(Ok(heard)))
        }
        9 => {
            seen.changed |= *asked == Asked::Change;
            Event::Worked(Outcome::Changed(Ok(Changed::Done)))
        }
        8 => Event::CalledOff,
        0 => Event::Began,
        1 => Event::TimedOut,
        2 => answer(dice, terms, seen),
        3 => {
            seen.primary_right |= *asked == Asked::Password;
            Event::Worked(Outcome::Primary(Ok(PrimaryOutcome::Correct)))
        }
        4 => {
            if *asked == Asked::Code {
                seen.confirmed = true;
                seen.confirmed_kinds = seen.confirmed_kinds.with(FactorKind::Totp);
            }
            Event::Worked(Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp))))
        }
        5 => {
            let asked = *asked == Asked::Record;
            seen.store_away &= !asked;
            Event::Worked(record(dice, asked.then_some(seen)))
        }
        6 => Event::Worked(Outcome::Counted(Ok(()))),
        _ => {
            let asked = *asked == Asked::Subject;
            Event::Worked(subject(dice, asked.then_some(seen)))
        }
    }
}

fn fitting(work: &Work, dice: &mut Dice<'_>, terms: &Terms, seen: &mut Seen) -> Event {
    let fault = || Fault::new(FaultKind::StoreUnavailable, "made up");
    let broken = dice.below(24) == 23 && terms.can_break;
    if broken && dice.coin() && matches!(work, Work::VerifyPrimary(Some(_), _) | Work::AskUpstream(_)) {
        seen.was_unanswered(terms);
        let fault = fault().after_asking();
        let at_upstream = matches!(work, Work::AskUpstream(_));
        let outcome = if at_upstream { Outcome::Upstream(Err(fault)) } else { Outcome::Primary(Err(fault)) };
        return Event::Worked(outcome);
    }
    Event::Worked(match work {
        Work::FindSubject if broken => Outcome::Subject(Err(fault())),
        Work::FindSubject => subject(dice, Some(seen)),
        Work::Recall { .. } | Work::Remember { .. } => recalled(work, broken, dice, seen),
        Work::VerifyPrimary(..) | Work::AskUpstream(_) if !broken && dice.below(16) == 15 => Outcome::Slowed,
        Work::VerifyPrimary(..) if broken => Outcome::Primary(Err(fault())),
        Work::VerifyPrimary(account, _) => {
            let said = outcome(dice);
            let due = matches!(said, PrimaryOutcome::MustChange | PrimaryOutcome::PasswordExpired);
            seen.primary_right |= account.is_some() && (said == PrimaryOutcome::Correct || due);
            seen.must_change |= account.is_some() && due;
            seen.owes_a_count = account.is_some() && said == PrimaryOutcome::Wrong;
            Outcome::Primary(Ok(said))
        }
        Work::AskUpstream(_) if broken => Outcome::Upstream(Err(fault())),
        Work::AskUpstream(_) => {
            let heard = heard(dice);
            seen.heard(&heard, terms);
            Outcome::Upstream(Ok(heard))
        }
        Work::ChangePassword(..) if broken => Outcome::Changed(Err(fault())),
        Work::ChangePassword(..) => Outcome::Changed(Ok(match dice.below(8) {
            0 => Changed::Refused,
            1 => Changed::WrongOld,
            2 => Changed::Unsupported,
            _ => {
                seen.changed = true;
                Changed::Done
            }
        })),
        Work::CountWrongPassword(_) | Work::ForgetWrongPasswords(_) | Work::NoteLogin(_) => {
            Outcome::Counted(if broken { Err(fault()) } else { Ok(()) })
        }
        Work::Check(_, _, tried, _) => Outcome::Factor(checked(*tried, broken, dice, seen)),
    })
}

/// What is known of the subject, or was known last.
fn recalled(work: &Work, broken: bool, dice: &mut Dice<'_>, seen: &mut Seen) -> Outcome {
    if !matches!(work, Work::Remember { .. }) {
        seen.store_away = broken;
        let away = || Fault::new(FaultKind::StoreUnavailable, "made up");
        return if broken { Outcome::Record(Err(away())) } else { record(dice, Some(seen)) };
    }
    let known = dice.below(4) < 3;
    match record(dice, Some(seen)) {
        Outcome::Record(Ok(record)) if known => Outcome::Remembered(Some(record)),
        Outcome::Record(_)
        | Outcome::Remembered(_)
        | Outcome::Slowed
        | Outcome::Subject(_)
        | Outcome::Primary(_)
        | Outcome::Counted(_)
        | Outcome::Upstream(_)
        | Outcome::Changed(_)
        | Outcome::Factor(_) => Outcome::Remembered(None),
    }
}

fn checked(
    tried: FactorKinds,
    broken: bool,
    dice: &mut Dice<'_>,
    seen: &mut Seen,
) -> Result<FactorOutcome, Fault> {
    if broken {
        let (others, fault) = (dice.coin(), Fault::new(FaultKind::KeyMissing, "made up"));
        seen.not_checked(tried, others);
        return Err(if others { fault.after_asking() } else { fault });
    }
    Ok(match dice.below(8) {
        0 => FactorOutcome::Wrong,
        1 => FactorOutcome::Locked,
        2 => FactorOutcome::Replayed(FactorKind::Totp),
        3 => FactorOutcome::TooOften,
        _ => {
            let kind = tried.iter().next().unwrap_or(FactorKind::Totp);
            seen.confirmed = true;
            seen.confirmed_kinds = seen.confirmed_kinds.with(kind);
            FactorOutcome::Confirmed(kind)
        }
    })
}
