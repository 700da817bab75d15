//! What else is to be shown beside the first credential, and what of it was.
//!
//! A demand is a list of clauses; each is met by one confirmed factor of its kinds. A factor counts for every clause that
//! names its kind; for what is left, one of a kind that was not shown in this login is asked for.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::Now;
use crate::login::attempt::Answer;
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, FactorKind, FactorKinds, FactorOutcome, Proof};
use crate::login::flow::stage::Stage;
use crate::login::flow::{Flow, later, reject, unable};
use crate::login::identity::Standing;
use crate::login::policy::{Clause, Clauses, Demand};
use crate::login::step::{Before, Prompt, Step, Work};
use crate::login::throttle::{Allowed, Failures, allowed};
use crate::login::verdict::{Basis, Fault, FaultKind, Reason};

/// Most questions for a code in one login.
const MOST_QUESTIONS: u8 = 3;

/// What of a demand is still to be done.
pub(super) enum Left {
    /// Nothing, for this reason.
    Nothing(Basis),
    /// These clauses.
    Open(Clauses),
}

impl Flow {
    /// No factor counts again for longer, whatever a rule says.
    pub const LONGEST_MEMORY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// The password is right; what else?
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
        match self.factors(now) {
            Ok(basis) => self.accept(basis, now),
            Err(step) => step,
        }
    }

    /// Why what was shown is enough; as `Err`, what is to be done about what is left, or why nothing can be.
    pub(super) fn factors(&mut self, now: Now) -> Result<Basis, Step> {
        if let Some(faulty) = self.faulty {
            return self.factors_in_fault(faulty, now);
        }
        let open = match self.left(now)? {
            Left::Nothing(basis) => return Ok(basis),
            Left::Open(open) => open,
        };
        let wanted = self.wanted(&open);
        if self.typed.is_none() {
            let Some(kind) = self.counts_here(&open, wanted, now) else { return Err(self.ask(now)) };
            self.factor = Some(kind);
            return Ok(Basis::Remembered(kind));
        }
        if let Some(kind) = self.counts_again(&open, wanted, now) {
            self.factor = Some(kind);
            return Ok(Basis::Remembered(kind));
        }
        if self.record.spent && self.field().is_some() {
            return Err(reject(Reason::ReplayedCode));
        }
        Err(self.check(wanted))
    }

    /// Holds what was typed against the enrolments of these kinds.
    pub(super) fn check(&mut self, wanted: FactorKinds) -> Step {
        let Some(code) = self.typed.as_ref().map(|typed| Code::read(typed.expose())) else {
            return unable(FaultKind::Internal);
        };
        let Some(code) = code else { return reject(Reason::NotACode) };
        let enrolments = self.record.enrolments.iter().map(Enrolment::kind);
        let fitting: FactorKinds =
            enrolments.filter(|kind| wanted.contains(*kind) && code.fits(*kind)).collect();
        if fitting.is_empty() && self.faulty.is_some() {
            // Once more the code that cannot be checked.
            return reject(Reason::WrongCode);
        }
        let Some(subject) = &self.subject else { return unable(FaultKind::Internal) };
        let who = subject.pseudonym.clone();
        self.typed = None;
        self.checking = fitting;
        self.factor = self.checking.only();
        self.stage = Stage::Checking;
        Step::Do(Work::Check(who, code, fitting, self.proof_of_codes()))
    }

    /// What of the demand is left, if something can be done about it.
    pub(super) fn left(&self, now: Now) -> Result<Left, Step> {
        let Some(decision) = &self.decision else { return Err(unable(FaultKind::Internal)) };
        let clauses = match &decision.demand {
            Demand::Refuse(_) => return Err(reject(Reason::RefusedByRule)),
            Demand::Show(clauses) if clauses.is_empty() => {
                let exempt = decision.exemption.is_some();
                return Ok(Left::Nothing(if exempt { Basis::Exempt } else { Basis::RuleAsksNone }));
            }
            Demand::Show(clauses) => clauses,
        };
        let open = self.open(clauses);
        if open.is_empty() {
            let last = self.shown_last.ok_or_else(|| unable(FaultKind::Internal))?;
            return Ok(Left::Nothing(Basis::Confirmed(last)));
        }
        let fitting = |clause: &Clause| self.wanted(std::slice::from_ref(clause));
        if open.iter().any(|clause| fitting(clause).is_empty()) {
            // Grace is for who has nothing yet, not for who has another factor than the rule asks for.
            let nothing_yet = self.record.enrolments.is_empty();
            let lasts = |clause: &Clause| clause.grace_until.is_some_and(|until| now.unix < until);
            let grace = nothing_yet && clauses.iter().all(lasts);
            return if grace { Ok(Left::Nothing(Basis::Grace)) } else { Err(reject(Reason::NotEnrolled)) };
        }
        if open.iter().any(|clause| fitting(clause).iter().all(|kind| self.is_locked(kind, now))) {
            return Err(reject(Reason::FactorLocked));
        }
        Ok(Left::Open(open))
    }

    /// The clauses that nothing meets that was shown in this login and is still enrolled: the rules and what is enrolled
    /// may have changed since.
    pub(super) fn open(&self, clauses: &[Clause]) -> Clauses {
        let counts = self.shown.and(self.enrolled_kinds());
        clauses.iter().filter(|clause| clause.kinds.and(counts).is_empty()).copied().collect()
    }

    /// The kinds that would meet one of `open`: enrolled, and not shown yet.
    pub(super) fn wanted(&self, open: &[Clause]) -> FactorKinds {
        let named = open.iter().fold(FactorKinds::NONE, |all, clause| all.or(clause.kinds));
        self.enrolled_kinds().without(self.shown).and(named)
    }

    pub(super) fn enrolled_kinds(&self) -> FactorKinds {
        self.record.enrolments.iter().map(Enrolment::kind).collect()
    }

    /// The kind that was confirmed a short while ago with this very password field, if it meets all that is left and
    /// could be confirmed now (B-046). A reply to a question is never in that field.
    fn counts_again(&self, open: &[Clause], wanted: FactorKinds, now: Now) -> Option<FactorKind> {
        self.field()?;
        let kind = self.record.remembered?;
        let meets_all = open.iter().all(|clause| clause.kinds.contains(kind));
        (meets_all && wanted.contains(kind) && !self.is_locked(kind, now)).then_some(kind)
    }

    /// A kind that was confirmed before at this place, if the rule says that this counts again and for long enough, and
    /// all that was confirmed then meets all that is left and could be confirmed now.
    fn counts_here(&self, open: &[Clause], wanted: FactorKinds, now: Now) -> Option<FactorKind> {
        let life = self.remembered_for()?.min(Self::LONGEST_MEMORY);
        let before = self.record.before.filter(|before| before.age < life)?;
        self.meets_all(before, open, wanted, now)
    }

    /// One of the kinds that were confirmed before, if together they meet all that is left and could be confirmed now.
    pub(super) fn meets_all(
        &self,
        before: Before,
        open: &[Clause],
        wanted: FactorKinds,
        now: Now,
    ) -> Option<FactorKind> {
        let counts = |kind: &FactorKind| wanted.contains(*kind) && !self.is_locked(*kind, now);
        let kinds: FactorKinds = before.kinds.iter().filter(counts).collect();
        let meets_all = open.iter().all(|clause| !clause.kinds.and(kinds).is_empty());
        kinds.iter().next().filter(|_| meets_all)
    }

    pub(super) fn ask(&mut self, now: Now) -> Step {
        let prompt = self.attempt.client.prompt.clone();
        // Whoever is asked for one more code must not think that the first was wrong.
        let text = match self.shown.and(self.enrolled_kinds()).iter().count() {
            0 => prompt,
            before => format!("{}. {prompt}", before.saturating_add(1)).into(),
        };
        self.ask_this(text, now)
    }

    pub(super) fn ask_this(&mut self, text: Arc<str>, now: Now) -> Step {
        if !self.can_be_asked() || self.questions >= MOST_QUESTIONS {
            return reject(self.not_asked());
        }
        self.questions = self.questions.saturating_add(1);
        self.deadline = later(now.steady, self.attempt.client.challenge_life);
        self.stage = Stage::Asking;
        Step::Ask(Prompt { text, relay: None })
    }

    pub(super) fn answered(&mut self, answer: Answer, now: Now) -> Step {
        if now.steady >= self.deadline {
            return reject(Reason::AnswerLate);
        }
        if let Some(reason) = self.doomed {
            return reject(reason);
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
                self.shown = self.shown.with(kind);
                self.shown_last = Some(kind);
                self.go_on(now)
            }
            Ok(FactorOutcome::Wrong) => reject(Reason::WrongCode),
            Ok(FactorOutcome::Replayed(kind)) => {
                self.factor = Some(kind);
                reject(Reason::ReplayedCode)
            }
            Ok(FactorOutcome::Locked) => reject(Reason::FactorLocked),
            Ok(FactorOutcome::TooOften) => reject(Reason::TooManyCodes),
            Err(fault) => self.not_checked(&fault, now),
        }
    }

    /// The code is settled; what is left?
    pub(super) fn go_on(&mut self, now: Now) -> Step {
        match self.factors(now) {
            Ok(_) if !self.primary_done => self.password(false, now),
            Ok(basis) => self.accept(basis, now),
            Err(step) => step,
        }
    }

    /// Whether a code is that of somebody who has shown nothing else, and whether it comes from where his subject is known
    /// (C-004).
    pub(super) const fn proof_of_codes(&self) -> Proof {
        match (self.primary_done, self.whence().familiar) {
            (true, _) => Proof::Proven,
            (false, true) => Proof::Familiar,
            (false, false) => Proof::Unproven,
        }
    }

    pub(super) fn is_locked(&self, kind: FactorKind, now: Now) -> bool {
        let limits = &self.limits.factor;
        let of_kind = self.record.codes.iter().filter(|(counted, _)| *counted == kind);
        let by_kind = of_kind.map(|(_, failures)| allowed(failures, now.unix, limits));
        match self.proof_of_codes() {
            Proof::Proven | Proof::Familiar => by_kind.into_iter().any(|allowed| allowed != Allowed::Yes),
            // As the store settles it: strangers have waits of their own.
            Proof::Unproven => {
                let strangers = self.record.unproven.unwrap_or(Failures::NONE);
                by_kind.into_iter().any(|allowed| allowed == Allowed::Locked)
                    || allowed(&strangers, now.unix, limits) != Allowed::Yes
            }
        }
    }
}
