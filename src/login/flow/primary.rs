//! Up to the right password: who it is, what is known about him, what the rules say, the first credential.

use crate::base::clock::Now;
use crate::login::client::PrimaryKind;
use crate::login::credential::{PrimaryCredential, split};
use crate::login::factor::Enrolment;
use crate::login::flow::guarded::TIME_TO_COUNT;
use crate::login::flow::stage::Stage;
use crate::login::flow::{Flow, later, reject, unable};
use crate::login::identity::Subject;
use crate::login::policy::{Exempted, Input};
use crate::login::step::{PrimaryOutcome, Record, Step, Work};
use crate::login::verdict::{Fault, FaultKind, Reason};

impl Flow {
    pub(super) fn begin(&mut self, now: Now) -> Step {
        if let Some(refusal) = self.policy.refuses(&self.facts(now)) {
            let say = refusal.demand.said();
            self.decision = Some(refusal);
            // Nobody was looked up yet: it is no word about anybody.
            return reject(Reason::refused(say));
        }
        let is_relayed = matches!(self.attempt.credential, PrimaryCredential::Relayed(_));
        if is_relayed && self.attempt.client.primary != PrimaryKind::Upstream {
            return unable(FaultKind::Internal);
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
        if self.is_eap() {
            return self.ask_upstream(None);
        }
        self.stage = Stage::Finding;
        Step::Do(Work::FindSubject)
    }

    pub(super) fn found(&mut self, found: Result<Option<Subject>, Fault>, now: Now) -> Step {
        let subject = match found {
            Ok(Some(subject)) => subject,
            Ok(None) => return self.nobody(Reason::UnknownSubject, now),
            Err(fault) if fault.kind == FaultKind::UnclearAccount => {
                return self.nobody(Reason::AccountUnclear, now);
            }
            Err(fault) => return unable(fault.kind),
        };
        if self.subject.as_ref().is_some_and(|before| before.pseudonym != subject.pseudonym) {
            return reject(Reason::SubjectChanged);
        }
        let who = subject.pseudonym.clone();
        self.subject = Some(subject);
        let (missed, fits) = match self.policy.exempted(&self.facts(now)) {
            Exempted::Elsewhere(exemption) => (Some(exemption.name.clone()), false),
            Exempted::Here(_) => (None, true),
            Exempted::Unnamed => (None, false),
        };
        self.missed = missed;
        self.exempt = fits && self.policy.refuses(&self.facts(now)).is_none();
        self.stage = Stage::Recalling;
        Step::Do(Work::Recall { who, exempt: self.exempt })
    }

    /// No such account, or none that is clear: the same work is done against nobody.
    fn nobody(&mut self, why: Reason, now: Now) -> Step {
        if self.subject.is_some() {
            return reject(Reason::SubjectChanged);
        }
        self.nobody = why;
        if let Some(step) = self.nobody_code_first(why, now) {
            return step;
        }
        match (&self.attempt.client.primary, &self.attempt.credential) {
            (PrimaryKind::Directory, PrimaryCredential::Password(field)) => {
                let password = split(field, &self.attempt.client.entry).password;
                self.stage = Stage::VerifyingNobody;
                Step::Do(Work::VerifyPrimary(None, password))
            }
            // An upstream is not asked about somebody whom we cannot keep from being locked there.
            (PrimaryKind::Directory | PrimaryKind::CheckedByClient | PrimaryKind::Upstream, _) => reject(why),
        }
    }

    /// What is known about the subject could not be had.
    pub(super) fn not_recalled(&mut self, fault: &Fault, now: Now) -> Step {
        // Silence would tell this name from one that nobody has. To the application that an exempt account belongs
        // to, a "no" would say that its password is wrong.
        if fault.kind == FaultKind::Overloaded && !self.primary_done && !self.exempt {
            return self.veiled(Reason::TooManyLogins, now);
        }
        self.recall_without_store(fault.kind, now).unwrap_or_else(|| unable(fault.kind))
    }

    pub(super) fn recalled(&mut self, record: Record, now: Now) -> Step {
        self.store_is_back();
        self.record = record;
        self.read_code();
        self.enrolled = Input::Known(self.record.enrolments.iter().map(Enrolment::kind).collect());
        self.past = Input::Known(self.past(now));
        self.judged(now)
    }

    /// What the rules say, now that as much is known of the subject as there is.
    pub(super) fn judged(&mut self, now: Now) -> Step {
        // Who has shown his password, or answers a question, may finish, however often a stranger types his name
        // meanwhile.
        let has_begun = self.primary_done || self.answered || self.agreed;
        let unhurried = has_begun || self.exempt || self.record.remembered.is_some();
        let Some(decision) = self.policy.decide(&self.facts(now)) else {
            return unable(FaultKind::Internal);
        };
        let (is_refused, asks_nothing) = (decision.demand.is_refusal(), decision.demand.is_nothing());
        self.decision = Some(decision);
        if self.record.over_rate && !unhurried {
            return self.veiled(Reason::TooManyLogins, now);
        }
        if !self.is_valid(now) {
            return self.veiled(Reason::OutsideValidity, now);
        }
        if is_refused {
            return self.veiled(Reason::RefusedByRule, now);
        }
        if self.primary_done {
            return self.second(now);
        }
        if std::mem::take(&mut self.agreed) {
            return self.verified(PrimaryOutcome::Correct, now);
        }
        match (&self.attempt.client.primary, &mut self.attempt.credential) {
            (PrimaryKind::CheckedByClient, PrimaryCredential::CheckedByClient(code)) => {
                // An empty field is "no code yet" here; an empty reply to a question is a wrong code (D-027).
                self.typed = code.take().filter(|code| !code.is_empty());
                self.primary_done = true;
                self.second(now)
            }
            (PrimaryKind::Directory | PrimaryKind::Upstream, PrimaryCredential::Password(_)) => {
                self.code_then_password(asks_nothing, now)
            }
            (PrimaryKind::Upstream, PrimaryCredential::Relayed(_)) => self.proof(now),
            (
                PrimaryKind::CheckedByClient | PrimaryKind::Directory | PrimaryKind::Upstream,
                PrimaryCredential::Proven,
            ) => {
                self.primary_done = true;
                self.second(now)
            }
            (PrimaryKind::CheckedByClient | PrimaryKind::Directory | PrimaryKind::Upstream, _) => {
                unable(FaultKind::Internal)
            }
        }
    }

    pub(super) fn password(&mut self, asks_nothing: bool, now: Now) -> Step {
        let (Some(subject), PrimaryCredential::Password(field)) = (&self.subject, &self.attempt.credential)
        else {
            return unable(FaultKind::Internal);
        };
        let (field, account) = (field.clone(), subject.account.clone());
        if let Some(reason) = self.must_wait(now) {
            return reject(reason);
        }
        if let Some(reply) = self.reply.take() {
            return self.ask_upstream(Some(reply));
        }
        // Where no code is asked for, none is cut off.
        let password = if asks_nothing {
            field
        } else {
            let parts = split(&field, &self.attempt.client.entry);
            if !self.is_code_first() {
                self.typed = parts.code;
            }
            parts.password
        };
        if password.is_empty() {
            return reject(Reason::EmptyPassword);
        }
        if self.attempt.client.primary == PrimaryKind::Upstream {
            return self.ask_upstream(Some(password));
        }
        if self.attempt.client.new_password.is_some() {
            self.sent = Some(password.clone());
        }
        self.stage = Stage::Verifying;
        Step::Do(Work::VerifyPrimary(Some(account), password))
    }

    /// A proof that was made from the password.
    fn proof(&mut self, now: Now) -> Step {
        if let Some(reason) = self.must_wait(now) {
            return reject(reason);
        }
        let reply = self.reply.take();
        self.ask_upstream(reply)
    }

    pub(super) fn verified(&mut self, outcome: PrimaryOutcome, now: Now) -> Step {
        let Some(who) = self.subject.as_ref().map(|s| s.pseudonym.clone()) else {
            return unable(FaultKind::Internal);
        };
        match outcome {
            PrimaryOutcome::Correct => self.right(now),
            PrimaryOutcome::Wrong => {
                self.stage = Stage::Counting;
                self.leave_time_to_count(now);
                Step::Do(Work::CountWrongPassword(who))
            }
            PrimaryOutcome::WrongAgain => reject(Reason::WrongPassword),
            PrimaryOutcome::MustChange => self.expired(Reason::MustChangePassword, now),
            PrimaryOutcome::PasswordExpired => self.expired(Reason::PasswordExpired, now),
            PrimaryOutcome::OutsideHours => reject(Reason::OutsideHours),
            PrimaryOutcome::WrongWorkstation => reject(Reason::WrongWorkstation),
            PrimaryOutcome::Disabled => reject(Reason::AccountDisabled),
            PrimaryOutcome::Expired => reject(Reason::AccountExpired),
            PrimaryOutcome::Locked => reject(Reason::AccountLocked),
            PrimaryOutcome::Restricted => reject(Reason::AccountRestricted),
        }
    }

    /// Somebody may have seen the password and said nothing. It may have been wrong and may count there, so it counts
    /// here (B-087), but never as the one that makes its owner wait: an upstream that is down for an hour must not keep
    /// everybody out for half an hour more. Of an application, whose logins run side by side, none counts.
    pub(super) fn unanswered(&mut self, kind: FaultKind, was_asked: bool, now: Now) -> Step {
        let is_free = self.one_more_is_free(now);
        match &self.subject {
            Some(subject) if was_asked && is_free && !self.exempt => {
                let who = subject.pseudonym.clone();
                self.stage = Stage::CountingUnanswered(kind);
                self.leave_time_to_count(now);
                Step::Do(Work::CountWrongPassword(who))
            }
            Some(_) | None => unable(kind),
        }
    }

    /// An answer that comes at the last moment is counted all the same.
    fn leave_time_to_count(&mut self, now: Now) {
        self.deadline = self.deadline.max(later(now.steady, TIME_TO_COUNT));
    }

    /// The password is right.
    pub(super) fn right(&mut self, now: Now) -> Step {
        let Some(subject) = &self.subject else { return unable(FaultKind::Internal) };
        self.primary_done = true;
        self.sent = None;
        if !self.keeps_failures && self.has_failed() && !self.must_not_write() {
            self.stage = Stage::Forgetting;
            return Step::Do(Work::ForgetWrongPasswords(subject.pseudonym.clone()));
        }
        self.second(now)
    }
}
