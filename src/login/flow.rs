//! The state machine of a login: an event in, the next step out. The only place that can make a [`Grant`].
//!
//! Order: what the rules refuse without knowing anybody; find the subject; recall what is known about it;
//! what the rules say now; the first credential; the second factor. A name that leads to no account takes
//! the same way, against nobody, so that it costs the same (D-100).
//!
//! After a question everything but the first credential is looked at again: an account that was disabled
//! or a rule whose hours ended meanwhile keeps the user out.

mod stage;

use std::sync::Arc;
use std::time::Instant;

use crate::base::clock::Now;
use crate::base::secret::Secret;
use crate::login::attempt::{Answer, Attempt};
use crate::login::client::PrimaryKind;
use crate::login::credential::{Code, PrimaryCredential, split};
use crate::login::factor::{Enrolment, FactorKind, FactorKinds, FactorOutcome};
use crate::login::flow::stage::Stage;
use crate::login::identity::{Standing, Subject};
use crate::login::policy::{Decision, Facts, Policy, Requirement};
use crate::login::step::{Event, Outcome, PrimaryOutcome, Prompt, Record, Step, Trail, Work};
use crate::login::throttle::{Allowed, Failures, FlowLimits, allowed};
use crate::login::verdict::{Basis, Fault, FaultKind, Grant, Reason, Verdict};

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
    decision: Option<Decision>,
    typed: Option<Secret>,
    primary_done: bool,
    /// Why the name leads to nobody.
    nobody: Reason,
    factor: Option<FactorKind>,
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
            decision: None,
            typed: None,
            primary_done: false,
            nobody: Reason::UnknownSubject,
            factor: None,
        }
    }

    /// The login itself.
    #[must_use]
    pub const fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// When to report [`Event::TimedOut`]: the end of this round, or of the time to reply.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What there is to write down about it.
    #[must_use]
    pub fn trail(&self) -> Trail {
        Trail {
            pseudonym: self.subject.as_ref().map(|s| s.pseudonym.clone()),
            rule: self.decision.as_ref().and_then(|d| d.rule.clone()),
            factor: self.factor,
            stage: self.stage.word(),
        }
    }

    /// Takes one event and says what to do next. The only place where a login moves on.
    ///
    /// An event that does not fit the stage ends the login as unable; it never helps anybody in.
    pub fn advance(&mut self, event: Event, now: Now) -> Step {
        let step = match (self.stage, event) {
            (Stage::Ended, _) => return Step::Done(Verdict::Unable(FaultKind::Internal)),
            (Stage::Asking, Event::TimedOut) => reject(Reason::AnswerLate),
            (_, Event::TimedOut) => unable(FaultKind::TimedOut),
            (_, Event::CalledOff) => reject(Reason::CalledOff),
            (Stage::Fresh, Event::Began) => self.begin(now),
            (Stage::Finding, Event::Worked(Outcome::Subject(found))) => self.found(found),
            (Stage::VerifyingNobody, Event::Worked(Outcome::Primary(outcome))) => match outcome {
                Ok(_) => reject(self.nobody),
                Err(fault) => unable(fault.kind),
            },
            (Stage::Recalling, Event::Worked(Outcome::Record(record))) => match record {
                Ok(record) => self.recalled(record, now),
                // Silence would tell this name from one that nobody has.
                Err(fault) if fault.kind == FaultKind::Overloaded && !self.primary_done => {
                    reject(Reason::TooManyLogins)
                }
                Err(fault) => unable(fault.kind),
            },
            (Stage::Verifying, Event::Worked(Outcome::Primary(outcome))) => match outcome {
                Ok(outcome) => self.verified(outcome, now),
                Err(fault) => unable(fault.kind),
            },
            (Stage::Counting, Event::Worked(Outcome::Counted(counted))) => match counted {
                Ok(()) => reject(Reason::WrongPassword),
                Err(fault) => unable(fault.kind),
            },
            (Stage::Forgetting, Event::Worked(Outcome::Counted(counted))) => match counted {
                Ok(()) => self.second(now),
                Err(fault) => unable(fault.kind),
            },
            (Stage::Asking, Event::Answered(answer)) => self.answered(answer, now),
            (Stage::Checking, Event::Worked(Outcome::Factor(outcome))) => self.checked(outcome, now),
            (_, Event::Began | Event::Worked(_) | Event::Answered(_)) => unable(FaultKind::Internal),
        };
        if let Step::Done(_) = step {
            self.typed = None;
        }
        step
    }

    /// Marks the end; the driver calls it once the verdict is out.
    pub fn end(&mut self) {
        self.stage = Stage::Ended;
    }

    fn begin(&mut self, now: Now) -> Step {
        let early = self.policy.decide(&self.facts(now));
        if early.as_ref().is_some_and(|d| d.requirement == Requirement::Refuse) {
            self.decision = early;
            return reject(Reason::RefusedByRule);
        }
        if let PrimaryCredential::Password(password) = &self.attempt.credential {
            // A NUL ends the password for some directories, whatever stands behind it.
            if password.expose().contains(&0) {
                return reject(Reason::BadPassword);
            }
            if password.is_empty() {
                return reject(Reason::EmptyPassword);
            }
        }
        self.stage = Stage::Finding;
        Step::Do(Work::FindSubject)
    }

    fn found(&mut self, found: Result<Option<Subject>, Fault>) -> Step {
        let subject = match found {
            Ok(Some(subject)) => subject,
            Ok(None) => return self.nobody(Reason::UnknownSubject),
            Err(fault) if fault.kind == FaultKind::UnclearAccount => {
                return self.nobody(Reason::AccountUnclear);
            }
            Err(fault) => return unable(fault.kind),
        };
        if self.subject.as_ref().is_some_and(|before| before.pseudonym != subject.pseudonym) {
            return reject(Reason::SubjectChanged);
        }
        let who = subject.pseudonym.clone();
        self.subject = Some(subject);
        self.stage = Stage::Recalling;
        Step::Do(Work::Recall(who))
    }

    /// No such account, or none that is clear: the same work is done against nobody.
    fn nobody(&mut self, why: Reason) -> Step {
        if self.primary_done {
            return reject(Reason::SubjectChanged);
        }
        self.nobody = why;
        match (&self.attempt.client.primary, &self.attempt.credential) {
            (PrimaryKind::Directory, PrimaryCredential::Password(field)) => {
                let password = split(field, &self.attempt.client.entry).password;
                self.stage = Stage::VerifyingNobody;
                Step::Do(Work::VerifyPrimary(None, password))
            }
            (PrimaryKind::Directory | PrimaryKind::CheckedByClient, _) => reject(why),
        }
    }

    fn recalled(&mut self, record: Record, now: Now) -> Step {
        self.record = record;
        // Who has shown his password may finish, however often a stranger types his name meanwhile.
        if self.record.over_rate && !self.primary_done {
            return reject(Reason::TooManyLogins);
        }
        let Some(decision) = self.policy.decide(&self.facts(now)) else {
            return unable(FaultKind::Internal);
        };
        let requirement = decision.requirement;
        self.decision = Some(decision);
        if requirement == Requirement::Refuse {
            return reject(Reason::RefusedByRule);
        }
        if self.primary_done {
            return self.second(now);
        }
        let Some(subject) = &self.subject else { return unable(FaultKind::Internal) };
        match (&self.attempt.client.primary, &self.attempt.credential) {
            (PrimaryKind::CheckedByClient, PrimaryCredential::CheckedByClient(code)) => {
                // An empty field is "no code yet" here; an empty reply to a question is a wrong code (D-027).
                self.typed = code.clone().filter(|code| !code.is_empty());
                self.primary_done = true;
                self.second(now)
            }
            (PrimaryKind::Directory, PrimaryCredential::Password(field)) => {
                let password_failures = self.record.password.unwrap_or(Failures::NONE);
                if allowed(&password_failures, now.unix, &self.limits.password) != Allowed::Yes {
                    return reject(Reason::PasswordThrottled);
                }
                // Where no code is asked for, none is cut off.
                let password = if requirement == Requirement::None {
                    field.clone()
                } else {
                    let parts = split(field, &self.attempt.client.entry);
                    self.typed = parts.code;
                    parts.password
                };
                if password.is_empty() {
                    return reject(Reason::EmptyPassword);
                }
                let account = subject.account.clone();
                self.stage = Stage::Verifying;
                Step::Do(Work::VerifyPrimary(Some(account), password))
            }
            (PrimaryKind::CheckedByClient | PrimaryKind::Directory, PrimaryCredential::Proven) => {
                self.primary_done = true;
                self.second(now)
            }
            (PrimaryKind::CheckedByClient | PrimaryKind::Directory, _) => unable(FaultKind::Internal),
        }
    }

    fn verified(&mut self, outcome: PrimaryOutcome, now: Now) -> Step {
        let Some(who) = self.subject.as_ref().map(|s| s.pseudonym.clone()) else {
            return unable(FaultKind::Internal);
        };
        match outcome {
            PrimaryOutcome::Correct => {
                self.primary_done = true;
                if self.record.password.is_some_and(|failures| failures.row > 0) {
                    self.stage = Stage::Forgetting;
                    return Step::Do(Work::ForgetWrongPasswords(who));
                }
                self.second(now)
            }
            PrimaryOutcome::Wrong => {
                self.stage = Stage::Counting;
                Step::Do(Work::CountWrongPassword(who))
            }
            PrimaryOutcome::MustChange => reject(Reason::MustChangePassword),
            PrimaryOutcome::Disabled => reject(Reason::AccountDisabled),
            PrimaryOutcome::Expired => reject(Reason::AccountExpired),
            PrimaryOutcome::Locked => reject(Reason::AccountLocked),
            PrimaryOutcome::Restricted => reject(Reason::AccountRestricted),
        }
    }

    /// The first credential is right; what else?
    fn second(&mut self, now: Now) -> Step {
        let (Some(subject), Some(decision)) = (&self.subject, &self.decision) else {
            return unable(FaultKind::Internal);
        };
        match subject.account.standing {
            Standing::Active => {}
            Standing::Disabled => return reject(Reason::AccountDisabled),
            Standing::Expired => return reject(Reason::AccountExpired),
            Standing::Locked => return reject(Reason::AccountLocked),
            Standing::MustChange => return reject(Reason::MustChangePassword),
        }
        let kinds = match decision.requirement {
            Requirement::None => return self.accept(Basis::RuleAsksNone, now),
            Requirement::Refuse => return reject(Reason::RefusedByRule),
            Requirement::OneOf(kinds) => kinds,
        };
        let enrolled: Vec<&Enrolment> =
            self.record.enrolments.iter().filter(|e| kinds.contains(e.kind())).collect();
        if enrolled.is_empty() {
            // Grace is for who has nothing yet, not for who has another factor than the rule asks for.
            let nothing_yet = self.record.enrolments.is_empty();
            let grace = nothing_yet && decision.grace_until.is_some_and(|until| now.unix < until);
            return if grace { self.accept(Basis::Grace, now) } else { reject(Reason::NotEnrolled) };
        }
        if enrolled.iter().all(|e| self.is_locked(e.kind(), now)) {
            return reject(Reason::FactorLocked);
        }
        let Some(typed) = self.typed.take() else { return self.ask(now) };
        let Some(code) = Code::read(typed.expose()) else { return reject(Reason::NotACode) };
        let fitting: Vec<Enrolment> = enrolled.into_iter().filter(|e| code.fits(e.kind())).cloned().collect();
        self.factor = fitting.iter().map(Enrolment::kind).collect::<FactorKinds>().only();
        let who = subject.pseudonym.clone();
        self.stage = Stage::Checking;
        Step::Do(Work::Check(who, code, fitting))
    }

    fn ask(&mut self, now: Now) -> Step {
        let client = &self.attempt.client;
        if !(client.entry.challenge && client.can.prompts) {
            return reject(Reason::CodeMissing);
        }
        let text = client.prompt.clone();
        self.deadline = later(now.steady, client.challenge_life);
        self.stage = Stage::Asking;
        Step::Ask(Prompt { text })
    }

    fn answered(&mut self, answer: Answer, now: Now) -> Step {
        if now.steady >= self.deadline {
            return reject(Reason::AnswerLate);
        }
        self.typed = Some(answer.text);
        self.deadline = later(now.steady, self.attempt.client.login_timeout);
        self.stage = Stage::Finding;
        Step::Do(Work::FindSubject)
    }

    fn checked(&mut self, outcome: Result<FactorOutcome, Fault>, now: Now) -> Step {
        match outcome {
            Ok(FactorOutcome::Confirmed(kind)) => {
                self.factor = Some(kind);
                self.accept(Basis::Confirmed(kind), now)
            }
            Ok(FactorOutcome::Wrong) => reject(Reason::WrongCode),
            Ok(FactorOutcome::Replayed(kind)) => {
                self.factor = Some(kind);
                reject(Reason::ReplayedCode)
            }
            Ok(FactorOutcome::Locked) => reject(Reason::FactorLocked),
            Err(fault) => unable(fault.kind),
        }
    }

    fn accept(&self, basis: Basis, now: Now) -> Step {
        let ends = self.decision.as_ref().and_then(|decision| decision.ends);
        Step::Done(Verdict::Accept(Grant::new(basis, ends.map(|end| end.since(now.unix)))))
    }

    fn facts(&self, now: Now) -> Facts<'_> {
        Facts {
            client: &self.attempt.client.name,
            user: self.attempt.origin.user,
            at: now.unix,
            subject: self.subject.as_ref().map(|s| (&s.pseudonym, &s.account.groups)),
        }
    }

    fn is_locked(&self, kind: FactorKind, now: Now) -> bool {
        self.record.codes.iter().any(|(counted, failures)| {
            *counted == kind && allowed(failures, now.unix, &self.limits.factor) != Allowed::Yes
        })
    }
}

fn later(from: Instant, by: std::time::Duration) -> Instant {
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
