//! The state machine of a login: an event in, the next step out. The only place that can make a [`Grant`].
//!
//! Order: what the rules refuse without knowing anybody; find the subject; recall what is known about it;
//! what the rules say now; the first credential; the second factor. A name that leads to no account takes
//! the same way, against nobody, so that it costs the same (D-100).
//!
//! After a question everything but the first credential is looked at again: an account that was disabled
//! or a rule whose hours ended meanwhile keeps the user out.
//!
//! When nobody waits for the verdict any more, only what is owed is still done: what a directory or a factor was
//! asked before is counted, and nobody is let in.

mod change;
mod faulty;
mod first;
mod guarded;
mod history;
mod primary;
mod relayed;
mod second;
mod stage;
mod view;

pub use crate::login::flow::guarded::Forgiven;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::clock::Now;
use crate::base::secret::Secret;
use crate::login::attempt::Attempt;
use crate::login::credential::PrimaryCredential;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::flow::change::Change;
use crate::login::flow::faulty::Faulty;
use crate::login::flow::stage::Stage;
use crate::login::identity::{LoginName, Subject};
use crate::login::policy::rule::sooner;
use crate::login::policy::{Decision, Facts, First, Input, Past, Policy};
use crate::login::relay::Held;
use crate::login::step::{Event, Outcome, Record, Step, Work};
use crate::login::telling::{Told, Untold};
use crate::login::throttle::FlowLimits;
use crate::login::verdict::{Basis, FaultKind, Grant, Reason, Verdict};

/// One login on its way.
#[derive(Debug)]
pub struct Flow {
    attempt: Attempt,
    policy: Arc<Policy>,
    limits: FlowLimits,
    deadline: Instant,
    stage: Stage,
    subject: Option<Subject>,
    record: Record,
    /// What the record says of the time before; pending until it is there.
    past: Input<Past>,
    /// The kinds of factors in the record; pending until it is there.
    enrolled: Input<FactorKinds>,
    decision: Option<Decision>,
    typed: Option<Secret>,
    primary_done: bool,
    /// A reply to a question came.
    answered: bool,
    /// An exemption fits.
    exempt: bool,
    /// An exemption names the account, but not here.
    missed: Option<Arc<str>>,
    /// A right password does not end the row of wrong ones.
    keeps_failures: bool,
    /// That the subject is let in was written down.
    noted: bool,
    /// Nobody waits for the verdict.
    called_off: bool,
    /// Why the name leads to nobody.
    nobody: Reason,
    factor: Option<FactorKind>,
    /// Kinds of factors that were confirmed in this login.
    shown: FactorKinds,
    /// The last of them.
    shown_last: Option<FactorKind>,
    /// Kinds of factors that the last code was held against.
    checking: FactorKinds,
    /// What cannot be checked, and what holds in its place.
    faulty: Option<Faulty>,
    /// Questions for a code.
    questions: u8,
    /// Why the answer to the question lets nobody in, whatever it is.
    doomed: Option<Reason>,
    /// What the upstream answered last.
    held: Option<Held>,
    /// Whom the upstream confirms, where that is not the name that was typed.
    confirmed: Option<LoginName>,
    /// The upstream has agreed, and it is still to be seen whether it means the same person.
    agreed: bool,
    /// Questions that the upstream has asked.
    rounds: u8,
    /// The reply to the upstream's question.
    reply: Option<Secret>,
    /// The password that the directory was asked about.
    sent: Option<Secret>,
    /// A password that must be changed.
    change: Option<Change>,
}

impl Flow {
    /// A login that has not begun; hand it [`Event::Began`]. It keeps `policy` and `limits` to its end.
    #[must_use]
    pub fn new(attempt: Attempt, policy: Arc<Policy>, limits: FlowLimits) -> Self {
        let deadline = later(attempt.began.steady, attempt.client.login_timeout);
        Self {
            attempt,
            policy,
            limits,
            deadline,
            stage: Stage::Fresh,
            subject: None,
            record: Record::default(),
            past: Input::Pending,
            enrolled: Input::Pending,
            decision: None,
            typed: None,
            primary_done: false,
            answered: false,
            exempt: false,
            missed: None,
            keeps_failures: false,
            noted: false,
            called_off: false,
            nobody: Reason::UnknownSubject,
            factor: None,
            shown: FactorKinds::NONE,
            shown_last: None,
            checking: FactorKinds::NONE,
            faulty: None,
            questions: 0,
            doomed: None,
            held: None,
            confirmed: None,
            agreed: false,
            rounds: 0,
            reply: None,
            sent: None,
            change: None,
        }
    }

    /// Nobody waits for the verdict any more: from now on only what is owed is done.
    pub const fn call_off(&mut self) {
        self.called_off = true;
    }

    /// Takes one event and says what to do next. The only place where a login moves on.
    ///
    /// An event that does not fit the stage ends the login as unable; it never helps anybody in.
    pub fn advance(&mut self, event: Event, now: Now) -> Step {
        if self.stage == Stage::Ended {
            self.held = None;
            return Step::Done(Verdict::Unable(FaultKind::Internal));
        }
        let slowed = matches!(event, Event::Worked(Outcome::Slowed));
        let step = if slowed { self.slowed() } else { self.next(event, now) };
        let step = if self.called_off { owed(step) } else { step };
        if let Step::Ask(_) = &step
            && (self.primary_done || !self.is_code_first())
        {
            // Whatever is asked next at an upstream comes with the answer; thousands may wait meanwhile. Only where the
            // password waits for the code, what came with it is still to be sent.
            self.attempt.passage = None;
        }
        if let Step::Done(verdict) = &step {
            (self.typed, self.reply, self.sent, self.change) = (None, None, None, None);
            if !matches!(verdict, Verdict::Accept(_)) {
                self.held = None;
            }
        }
        step
    }

    fn next(&mut self, event: Event, now: Now) -> Step {
        match (self.stage, event) {
            (
                Stage::Asking | Stage::AskingRelayed | Stage::AskingNew | Stage::AskingAgain,
                Event::TimedOut,
            ) => reject(Reason::AnswerLate),
            // Its time ran out while somebody had the password.
            (Stage::Verifying | Stage::Relaying, Event::TimedOut) => {
                self.unanswered(FaultKind::TimedOut, true, now)
            }
            (_, Event::TimedOut) => unable(FaultKind::TimedOut),
            (
                Stage::Fresh
                | Stage::Finding
                | Stage::Confirming
                | Stage::Recalling
                | Stage::Remembering
                | Stage::Asking
                | Stage::AskingRelayed
                | Stage::AskingNew
                | Stage::AskingAgain,
                Event::CalledOff,
            ) => reject(Reason::CalledOff),
            // It waited for its turn, and its device has given up: nothing may be used up for it.
            (Stage::Fresh, Event::Began) if now.steady >= self.deadline => unable(FaultKind::TimedOut),
            (Stage::Fresh, Event::Began) => self.begin(now),
            (Stage::Finding, Event::Worked(Outcome::Subject(found))) => self.found(found, now),
            (Stage::Confirming, Event::Worked(Outcome::Subject(found))) => self.found_confirmed(found, now),
            (Stage::VerifyingNobody, Event::Worked(Outcome::Primary(outcome))) => match outcome {
                Ok(_) => reject(self.nobody),
                Err(fault) => unable(fault.kind),
            },
            (Stage::Recalling, Event::Worked(Outcome::Record(Ok(record)))) => self.recalled(*record, now),
            (Stage::Recalling, Event::Worked(Outcome::Record(Err(fault)))) => self.not_recalled(&fault, now),
            (Stage::Remembering, Event::Worked(Outcome::Remembered(known))) => self.remembered(known, now),
            (Stage::Verifying, Event::Worked(Outcome::Primary(outcome))) => match outcome {
                Ok(outcome) => self.verified(outcome, now),
                Err(fault) => self.unanswered(fault.kind, fault.was_asked(), now),
            },
            (Stage::CountingUnanswered(kind), Event::Worked(Outcome::Counted(_))) => unable(kind),
            (Stage::Counting, Event::Worked(Outcome::Counted(counted))) => match counted {
                Ok(()) => reject(Reason::WrongPassword),
                Err(fault) => unable(fault.kind),
            },
            (Stage::Forgetting, Event::Worked(Outcome::Counted(counted))) => match counted {
                Ok(()) => self.second(now),
                Err(fault) => unable(fault.kind),
            },
            (Stage::Noting(basis, _), Event::Worked(Outcome::Counted(counted))) => match counted {
                Ok(()) => self.accept_noted(basis, now),
                Err(fault) => unable(fault.kind),
            },
            (Stage::Asking, Event::Answered(answer)) => self.answered(answer, now),
            (Stage::AskingRelayed, Event::Answered(answer)) => self.relayed_answer(answer, now),
            (Stage::AskingNew, Event::Answered(answer)) => self.new_password(answer, now),
            (Stage::AskingAgain, Event::Answered(answer)) => self.new_password_again(&answer, now),
            (Stage::Relaying, Event::Worked(Outcome::Upstream(heard))) => self.heard(heard, now),
            (Stage::Changing, Event::Worked(Outcome::Changed(changed))) => self.changed(changed, now),
            (Stage::Checking, Event::Worked(Outcome::Factor(outcome))) => self.checked(outcome, now),
            (_, Event::Began | Event::Worked(_) | Event::Answered(_) | Event::CalledOff) => {
                unable(FaultKind::Internal)
            }
        }
    }

    /// Marks the end; the driver calls it once the verdict is out.
    pub fn end(&mut self) {
        self.stage = Stage::Ended;
    }

    fn accept_noted(&mut self, basis: Basis, now: Now) -> Step {
        self.noted = true;
        self.accept(basis, now)
    }

    fn accept(&mut self, basis: Basis, now: Now) -> Step {
        if !self.primary_done {
            return unable(FaultKind::Internal);
        }
        if self.change.is_some() {
            return self.change_after(basis, now);
        }
        let told = match (&self.attempt.client.telling, &self.subject) {
            (None, _) => Ok(Told::default()),
            (Some(telling), Some(subject)) => telling.tell(&subject.account, self.reply_rules()),
            (Some(_), None) => Err(Untold),
        };
        let Ok(told) = told else { return reject(Reason::ReplyIncomplete) };
        if let Some(note) = self.note(basis, now) {
            return note;
        }
        let decision = self.decision.as_ref();
        let exemption = decision.and_then(|decision| decision.exemption.clone());
        let offer = decision.filter(|_| basis == Basis::Grace).and_then(|decision| decision.offer.clone());
        let session = self.session(now);
        Step::Done(Verdict::Accept(Grant::new(basis, session, exemption, told, offer, self.fault_mode())))
    }

    /// How long the session may last: whatever ends first.
    fn session(&self, now: Now) -> Option<Duration> {
        let decision = self.decision.as_ref();
        let hours = decision.and_then(|decision| self.policy.ends(decision, &self.facts(now)));
        let ends = sooner(sooner(hours, self.record.history.valid_until), self.fault_ends());
        let ends = ends.map(|end| end.since(now.unix));
        sooner(ends, decision.and_then(|decision| decision.session))
    }

    /// The reply rules that the deciding rule names; `None`: all.
    fn reply_rules(&self) -> Option<&[Arc<str>]> {
        self.decision.as_ref()?.reply.as_deref()
    }

    fn facts(&self, now: Now) -> Facts<'_> {
        let attempt = &self.attempt;
        let subject = self.subject.as_ref();
        Facts {
            listener: attempt.listener.as_deref().into(),
            source: Some(attempt.origin.peer),
            user: attempt.origin.user.into(),
            place: attempt.place,
            first: Input::Known(first(&attempt.credential)),
            subject: subject.map_or(Input::Pending, |s| Input::Known((&s.pseudonym, &*s.account.groups))),
            aliases: subject.map_or(&[], |s| &s.account.aliases),
            past: self.past,
            enrolled: self.enrolled,
            ..Facts::of(&attempt.client, now.unix)
        }
    }
}

/// What is left of a step when nobody waits for the verdict: to count what somebody was asked. Nobody is let in,
/// and nobody is asked anything more.
fn owed(step: Step) -> Step {
    match step {
        Step::Do(Work::CountWrongPassword(_) | Work::ForgetWrongPasswords(_))
        | Step::Done(Verdict::Reject(_) | Verdict::Unable(_)) => step,
        Step::Do(
            Work::FindSubject
            | Work::Recall { .. }
            | Work::Remember { .. }
            | Work::VerifyPrimary(..)
            | Work::AskUpstream(_)
            | Work::ChangePassword(..)
            | Work::NoteLogin(_)
            | Work::Check(..),
        )
        | Step::Ask(_)
        | Step::Done(Verdict::Accept(_)) => reject(Reason::CalledOff),
    }
}

/// The kind of the first credential.
const fn first(credential: &PrimaryCredential) -> First {
    match credential {
        PrimaryCredential::Password(_) => First::Password,
        PrimaryCredential::CheckedByClient(_) => First::Trusted,
        PrimaryCredential::Relayed(method) => First::Relayed(*method),
        PrimaryCredential::Proven => First::Certificate,
    }
}

fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by).unwrap_or(from)
}

const fn reject(reason: Reason) -> Step {
    Step::Done(Verdict::Reject(reason))
}

const fn unable(kind: FaultKind) -> Step {
    Step::Done(Verdict::Unable(kind))
}

/// Random logins, for tests and fuzzing.
#[cfg(any(test, fuzzing))]
pub mod fuzz;

#[cfg(test)]
mod tests;
