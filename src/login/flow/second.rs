//! The password is right; what else?

use crate::base::clock::Now;
use crate::login::attempt::Answer;
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, FactorKind, FactorKinds, FactorOutcome};
use crate::login::flow::stage::Stage;
use crate::login::flow::{Flow, later, reject, unable};
use crate::login::identity::Standing;
use crate::login::policy::{Clause, Demand};
use crate::login::step::{Prompt, Step, Work};
use crate::login::throttle::{Allowed, allowed};
use crate::login::verdict::{Basis, Fault, FaultKind, Reason};

impl Flow {
    pub(super) fn second(&mut self, now: Now) -> Step {
        let Some(subject) = &self.subject else { return unable(FaultKind::Internal) };
        match subject.account.standing {
            Standing::Active => {}
            Standing::Disabled => return reject(Reason::AccountDisabled),
            Standing::Expired => return reject(Reason::AccountExpired),
            Standing::Locked => return reject(Reason::AccountLocked),
            Standing::OutsideHours => return reject(Reason::OutsideHours),
            Standing::MustChange | Standing::PasswordExpired if self.change.is_some() => {}
            Standing::MustChange => return reject(Reason::MustChangePassword),
            Standing::PasswordExpired => return reject(Reason::PasswordExpired),
        }
        if let Some(change) = self.change_agreed() {
            return change;
        }
        let (Some(subject), Some(decision)) = (&self.subject, &self.decision) else {
            return unable(FaultKind::Internal);
        };
        let clauses = match &decision.demand {
            Demand::Show(clauses) if clauses.is_empty() && decision.exemption.is_some() => {
                return self.accept(Basis::Exempt, now);
            }
            Demand::Show(clauses) if clauses.is_empty() => return self.accept(Basis::RuleAsksNone, now),
            Demand::Refuse(_) => return reject(Reason::RefusedByRule),
            Demand::Show(clauses) => clauses,
        };
        let in_all = |kind: &FactorKind| clauses.iter().all(|clause| clause.kinds.contains(*kind));
        let kinds: FactorKinds = FactorKind::ALL.into_iter().filter(in_all).collect();
        let enrolled: Vec<&Enrolment> =
            self.record.enrolments.iter().filter(|e| kinds.contains(e.kind())).collect();
        if enrolled.is_empty() {
            // Grace is for who has nothing yet, not for who has another factor than the rule asks for.
            let nothing_yet = self.record.enrolments.is_empty();
            let lasts = |clause: &Clause| clause.grace_until.is_some_and(|until| now.unix < until);
            let grace = nothing_yet && clauses.iter().all(lasts);
            return if grace { self.accept(Basis::Grace, now) } else { reject(Reason::NotEnrolled) };
        }
        if enrolled.iter().all(|e| self.is_locked(e.kind(), now)) {
            return reject(Reason::FactorLocked);
        }
        let Some(typed) = self.typed.take() else { return self.ask(now) };
        if let Some(kind) = self.counts_again(&enrolled, now) {
            self.factor = Some(kind);
            return self.accept(Basis::Remembered(kind), now);
        }
        if self.record.spent && self.field().is_some() {
            return reject(Reason::ReplayedCode);
        }
        let Some(code) = Code::read(typed.expose()) else { return reject(Reason::NotACode) };
        let fitting: Vec<Enrolment> = enrolled.into_iter().filter(|e| code.fits(e.kind())).cloned().collect();
        self.factor = fitting.iter().map(Enrolment::kind).collect::<FactorKinds>().only();
        let who = subject.pseudonym.clone();
        self.stage = Stage::Checking;
        Step::Do(Work::Check(who, code, fitting))
    }

    /// The kind that was confirmed a short while ago with this very password field, if a rule still asks for it and
    /// it could be confirmed now (B-046). A reply to a question is never in that field.
    fn counts_again(&self, enrolled: &[&Enrolment], now: Now) -> Option<FactorKind> {
        self.field()?;
        let kind = self.record.remembered?;
        (enrolled.iter().any(|e| e.kind() == kind) && !self.is_locked(kind, now)).then_some(kind)
    }

    fn ask(&mut self, now: Now) -> Step {
        let client = &self.attempt.client;
        if !self.can_be_asked() {
            return reject(self.not_asked());
        }
        let text = client.prompt.clone();
        self.deadline = later(now.steady, client.challenge_life);
        self.stage = Stage::Asking;
        Step::Ask(Prompt { text, relay: None })
    }

    pub(super) fn answered(&mut self, answer: Answer, now: Now) -> Step {
        if now.steady >= self.deadline {
            return reject(Reason::AnswerLate);
        }
        self.typed = Some(answer.text);
        self.answered = true;
        self.deadline = later(now.steady, self.attempt.client.login_timeout);
        self.stage = Stage::Finding;
        Step::Do(Work::FindSubject)
    }

    pub(super) fn checked(&mut self, outcome: Result<FactorOutcome, Fault>, now: Now) -> Step {
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

    fn is_locked(&self, kind: FactorKind, now: Now) -> bool {
        self.record.codes.iter().any(|(counted, failures)| {
            *counted == kind && allowed(failures, now.unix, &self.limits.factor) != Allowed::Yes
        })
    }
}
