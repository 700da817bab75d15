//! Drives a flow under rules that demand several things, in an honest world: what is confirmed was shown, what is recalled
//! is so. The promises are written down here without a look at how the flow keeps them.

mod made;

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{Clock, ManualClock, Now, UnixTime};
use crate::base::secret::Secret;
use crate::login::attempt::{Answer, Attempt};
use crate::login::client::{Order, PrimaryKind};
use crate::login::credential::{PrimaryCredential, split};
use crate::login::factor::{Enrolment, FactorKind, FactorKinds, FactorOutcome, Proof};
use crate::login::flow::Flow;
use crate::login::flow::fuzz::dice::Dice;
use crate::login::flow::fuzz::made::name;
use crate::login::flow::fuzz::rules::made::{Demanded, attempt, record, rules, subject};
use crate::login::relay::{Heard, Held, Passage, Said};
use crate::login::step::{Event, History, Outcome, PrimaryOutcome, Record, Step, Work};
use crate::login::throttle::FlowLimits;
use crate::login::verdict::{Basis, Grant, Reason, Verdict};

const T0: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// How a login ended, so that a test can tell that the promises were put to the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// [`Basis::code`], or nothing for a rejection.
    pub basis: Option<&'static str>,
    /// [`Reason::code`] of a rejection.
    pub reason: Option<&'static str>,
    /// The code came before the password.
    pub code_first: bool,
    /// How many factors were confirmed in it.
    pub shown: usize,
}

/// A login and the truth about it.
struct World<'a> {
    dice: Dice<'a>,
    /// Everybody does as he should, and everything is enrolled.
    obliging: bool,
    clock: ManualClock,
    demanded: Demanded,
    attempt: Attempt,
    record: Record,
    /// When that was recalled.
    recalled: UnixTime,
    /// When it was settled why somebody is let in, where more was to be done then.
    settled: Option<UnixTime>,
    shown: FactorKinds,
    password_sent: bool,
    password_right: bool,
    questions: usize,
}

/// Runs one login made of `bytes`.
///
/// # Panics
///
/// When somebody gets in without each of the factors that the rules demand, when a password is sent before the code
/// where the code comes first, when a name alone tells a stranger something there, when somebody gets in outside of the
/// time for which he may, or stays longer than the rules say, and when a factor is asked for that helps nobody.
#[allow(clippy::missing_panics_doc, reason = "a failed invariant is what the fuzzer looks for")]
pub fn drive(bytes: &[u8]) -> Option<End> {
    run(bytes, false)
}

/// The same where everybody does as he should: whoever has what is demanded is let in.
///
/// # Panics
///
/// When he is not.
#[allow(clippy::missing_panics_doc, reason = "a failed invariant is what the fuzzer looks for")]
pub fn oblige(bytes: &[u8]) -> Option<End> {
    let end = run(bytes, true);
    let end_basis = end.and_then(|end| end.basis);
    let mut dice = Dice(bytes.iter());
    let (demanded, _) = rules(&mut dice);
    let possible = !demanded.refused && demanded.clauses.iter().all(|(kinds, _)| !kinds.is_empty());
    assert_eq!(
        end_basis.is_some(),
        possible,
        "who has everything is let in wherever somebody can be: {end:?}"
    );
    end
}

fn run(bytes: &[u8], obliging: bool) -> Option<End> {
    let mut dice = Dice(bytes.iter());
    let clock = ManualClock::at(T0);
    let (demanded, policy) = rules(&mut dice);
    let attempt = attempt(&mut dice, obliging, clock.now());
    let mut flow = Flow::new(attempt.clone(), Arc::new(policy), FlowLimits::default());
    let mut world = World {
        dice,
        obliging,
        clock,
        demanded,
        attempt,
        record: Record::default(),
        recalled: T0,
        settled: None,
        shown: FactorKinds::NONE,
        password_sent: false,
        password_right: false,
        questions: 0,
    };
    let mut event = Event::Began;
    for _ in 0..64_u8 {
        let now = world.clock.now();
        let step = flow.advance(event, now);
        if !world.obliging {
            let pause = if world.dice.below(24) == 23 { u64::from(world.dice.roll()) } else { 1 };
            world.clock.advance(Duration::from_secs(pause));
        }
        event = match step {
            Step::Done(verdict) => return Some(world.end(&verdict, now)),
            Step::Ask(_) => world.asked(),
            Step::Do(work) => world.work(&work, now),
        };
    }
    None
}

impl World<'_> {
    /// What of the demand the factors that were shown and are enrolled do not meet.
    fn open(&self) -> Vec<FactorKinds> {
        let counts = self.shown.and(self.enrolled());
        let kinds = self.demanded.clauses.iter().map(|(kinds, _)| *kinds);
        kinds.filter(|kinds| kinds.and(counts).is_empty()).collect()
    }

    fn enrolled(&self) -> FactorKinds {
        self.record.enrolments.iter().map(Enrolment::kind).collect()
    }

    fn is_code_first(&self) -> bool {
        self.attempt.client.order == Order::FactorFirst
            && self.attempt.client.primary != PrimaryKind::CheckedByClient
    }

    /// Everything that is demanded beside the password was shown, or stands for it, at `at`.
    fn is_met(&self, at: UnixTime) -> bool {
        self.open().is_empty() || self.grace(at) || self.counts_again() || self.counts_here()
    }

    fn grace(&self, at: UnixTime) -> bool {
        let lasts = |until: Option<UnixTime>| until.is_some_and(|until| at < until);
        self.record.enrolments.is_empty() && self.demanded.clauses.iter().all(|(_, until)| lasts(*until))
    }

    /// One factor was confirmed with this very field, and is all that is left.
    fn counts_again(&self) -> bool {
        let whole_field = self.questions == 0 && self.code_in_field();
        self.record.remembered.is_some_and(|kind| {
            whole_field
                && self.enrolled().contains(kind)
                && self.open().iter().all(|open| open.contains(kind))
        })
    }

    /// Those that were confirmed at this place are all that is left, and the rules say that they count.
    fn counts_here(&self) -> bool {
        let Some(life) = self.demanded.remember.map(|life| life.min(Flow::LONGEST_MEMORY)) else {
            return false;
        };
        self.record.before.is_some_and(|before| {
            let kinds = before.kinds.and(self.enrolled());
            before.age < life && self.open().iter().all(|open| !open.and(kinds).is_empty())
        })
    }

    fn code_in_field(&self) -> bool {
        match &self.attempt.credential {
            PrimaryCredential::Password(field) => split(field, &self.attempt.client.entry).code.is_some(),
            PrimaryCredential::CheckedByClient(code) => code.as_ref().is_some_and(|code| !code.is_empty()),
            PrimaryCredential::Relayed(_) | PrimaryCredential::Proven => false,
        }
    }

    #[allow(clippy::panic, reason = "a failed invariant is what the fuzzer looks for")]
    fn work(&mut self, work: &Work, now: Now) -> Event {
        Event::Worked(match work {
            Work::FindSubject => {
                let nobody = !self.obliging && self.recalled == T0 && self.dice.below(16) == 15;
                Outcome::Subject(Ok((!nobody).then(subject)))
            }
            Work::Recall { .. } => {
                self.record = record(&mut self.dice, self.obliging);
                self.recalled = self.clock.now().unix;
                Outcome::known(self.record.clone())
            }
            Work::VerifyPrimary(None, _) => {
                let asks_something = !self.demanded.clauses.is_empty();
                assert!(!(self.is_code_first() && asks_something), "the password of nobody before the code");
                Outcome::Primary(Ok(PrimaryOutcome::Wrong))
            }
            Work::VerifyPrimary(Some(_), password) => {
                self.sends(password, now);
                Outcome::Primary(Ok(self.judged()))
            }
            Work::AskUpstream(password) => {
                password.iter().for_each(|password| self.sends(password, now));
                let judged = self.judged();
                let said = if judged == PrimaryOutcome::Correct {
                    Said::Yes { name: None }
                } else {
                    Said::No(judged)
                };
                Outcome::Upstream(Ok(Heard { said, held: Held::new("held") }))
            }
            Work::Check(_, code, against, proof) => {
                self.is_of_use(*against, *proof);
                assert!(against.iter().all(|kind| code.fits(kind)), "a code that cannot be one of these");
                Outcome::Factor(Ok(self.checked(*against)))
            }
            Work::NoteLogin(_) => {
                self.settled = Some(now.unix);
                Outcome::Counted(Ok(()))
            }
            Work::CountWrongPassword(_) | Work::ForgetWrongPasswords(_) => Outcome::Counted(Ok(())),
            Work::Remember { .. } | Work::ChangePassword(..) => {
                panic!("{work:?} where nothing is away and no password has expired")
            }
        })
    }

    /// The password leaves the house.
    fn sends(&mut self, password: &Secret, now: Now) {
        assert!(!password.is_empty());
        assert!(self.is_valid(), "a password of somebody who may not log in now");
        let met = self.is_met(now.unix);
        assert!(
            met || !self.is_code_first(),
            "a password before the code: {:?} of {:?}",
            self.open(),
            self.shown
        );
        assert!(!self.password_sent, "the password is sent once");
        self.password_sent = true;
    }

    fn judged(&mut self) -> PrimaryOutcome {
        self.password_right = self.obliging || self.dice.below(8) > 0;
        if self.password_right { PrimaryOutcome::Correct } else { PrimaryOutcome::Wrong }
    }

    /// A factor is tried that would meet something that is left, and was not shown before.
    fn is_of_use(&self, kinds: FactorKinds, proof: Proof) {
        for kind in kinds.iter() {
            assert!(!self.shown.contains(kind), "{kind:?} is asked for twice");
            assert!(self.open().iter().any(|open| open.contains(kind)), "{kind:?} helps nobody");
            assert!(self.enrolled().contains(kind));
        }
        assert!(self.is_valid(), "a code of somebody who may not log in now");
        let alone = self.is_code_first() && !self.password_right && !self.record.history.familiar;
        assert_eq!(
            proof == Proof::Unproven,
            alone,
            "a stranger's wrong code locks the factor, or the owner's does not"
        );
    }

    fn checked(&mut self, kinds: FactorKinds) -> FactorOutcome {
        let Some(kind) = kinds.iter().nth(usize::from(self.dice.below(3))).or_else(|| kinds.iter().next())
        else {
            return FactorOutcome::Wrong;
        };
        match if self.obliging { 9 } else { self.dice.below(10) } {
            0 => FactorOutcome::Wrong,
            1 => FactorOutcome::Replayed(kind),
            _ => {
                self.shown = self.shown.with(kind);
                FactorOutcome::Confirmed(kind)
            }
        }
    }

    fn asked(&mut self) -> Event {
        self.questions += 1;
        assert!(self.questions <= 3, "more questions than there are factors");
        assert!(
            self.password_right || self.is_code_first() || self.is_trusted(),
            "a question before the password"
        );
        let client = &self.attempt.client;
        assert!(client.can.prompts && client.entry.challenge);
        let is_late = !self.obliging && self.dice.below(24) == 23;
        self.clock.advance(Duration::from_secs(if is_late { 121 } else { 5 }));
        if is_late && self.dice.coin() {
            return Event::TimedOut;
        }
        let digits = if self.obliging { self.wants_digits() } else { self.dice.coin() };
        let text: &[u8] = if digits { b"123456" } else { b"ABCDEFGHIJKLMNOP" };
        Event::Answered(Answer {
            client: client.clone(),
            name: name("alice"),
            device: Box::default(),
            text: Secret::copied(text),
            passage: self.attempt.passage.as_ref().map(|_| Passage::new(())),
        })
    }

    /// What is left could be met by digits; what is left anyhow meets what is wider.
    fn wants_digits(&self) -> bool {
        let digits: FactorKinds = [FactorKind::Totp, FactorKind::Hotp].into_iter().collect();
        let mut left = self.open();
        let all = left.clone();
        left.retain(|open| !all.iter().any(|other| other != open && other.and(*open) == *other));
        left.iter().any(|open| digits.iter().any(|kind| open.contains(kind) && !self.shown.contains(kind)))
    }

    fn is_trusted(&self) -> bool {
        self.attempt.client.primary == PrimaryKind::CheckedByClient
    }

    /// It may log in, as of when that was recalled.
    fn is_valid(&self) -> bool {
        let History { valid_from, valid_until, .. } = &self.record.history;
        valid_from.is_none_or(|from| from <= self.recalled)
            && valid_until.is_none_or(|until| self.recalled < until)
    }

    fn end(&self, verdict: &Verdict, now: Now) -> End {
        let end = |basis, reason| End {
            basis,
            reason,
            code_first: self.is_code_first(),
            shown: self.shown.iter().count(),
        };
        match verdict {
            Verdict::Accept(grant) => {
                self.check(grant, now);
                end(Some(grant.basis().code()), None)
            }
            Verdict::Reject(reason) => {
                self.tells_nothing(*reason);
                end(None, Some(reason.code()))
            }
            Verdict::Unable(kind) => {
                assert!(
                    *kind == crate::login::verdict::FaultKind::TimedOut,
                    "{kind:?} where nothing is away"
                );
                end(None, None)
            }
        }
    }

    fn check(&self, grant: &Grant, now: Now) {
        assert!(!self.demanded.refused, "let in where a rule refuses");
        assert!(self.password_right || self.is_trusted(), "let in without a first credential");
        assert!(self.is_valid(), "let in outside of the time for which he may");
        let settled = self.settled.unwrap_or(now.unix);
        let holds = match grant.basis() {
            Basis::RuleAsksNone => self.demanded.clauses.is_empty(),
            Basis::Confirmed(kind) => self.open().is_empty() && self.shown.contains(kind),
            Basis::Grace => self.grace(settled),
            Basis::Remembered(kind) => {
                self.enrolled().contains(kind) && (self.counts_again() || self.counts_here())
            }
            Basis::Exempt | Basis::FaultFirstFactor | Basis::FaultRecent(_) | Basis::FaultFactor(_) => false,
        };
        assert!(
            holds,
            "let in by {:?}: {:?} is left of {:?}",
            grant.basis(),
            self.open(),
            self.demanded.clauses
        );
        let ends = self.record.history.valid_until.map(|until| until.since(now.unix));
        for most in [ends, self.demanded.session].into_iter().flatten() {
            assert!(
                grant.session().is_some_and(|session| session <= most),
                "a session that goes on for longer"
            );
        }
    }

    /// Where the code comes first, who types a name is asked for a code, whoever that is and whatever is known of him,
    /// as long as nothing was sent.
    fn tells_nothing(&self, reason: Reason) {
        let client = &self.attempt.client;
        let can_ask = client.can.prompts && client.entry.challenge && !self.code_in_field();
        let asks_something = !self.demanded.refused && !self.demanded.clauses.is_empty();
        if self.is_code_first() && can_ask && asks_something && !self.password_sent {
            assert!(self.questions > 0, "a name that is typed is answered with {reason:?}");
        }
    }
}

#[cfg(test)]
mod tests;
