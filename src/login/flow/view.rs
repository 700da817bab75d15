//! What can be seen of a flow from outside.

use std::time::{Duration, Instant};

use crate::base::secret::Secret;
use crate::login::attempt::Attempt;
use crate::login::credential::PrimaryCredential;
use crate::login::factor::{Enrolment, FactorKinds};
use crate::login::flow::Flow;
use crate::login::identity::{LoginName, Subject};
use crate::login::policy::{Facts, Input, Seen};
use crate::login::relay::Held;
use crate::login::step::{Record, Trail};

impl Flow {
    /// The login itself.
    #[must_use]
    pub const fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Whose login it is, once that is known.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    /// The account is exempt, and shows a password that was right a short while ago, from the same place.
    #[must_use]
    pub const fn is_known_application(&self) -> bool {
        self.exempt && self.record.familiar
    }

    /// The subject logs in from there all the time.
    #[must_use]
    pub const fn is_familiar(&self) -> bool {
        self.record.history.familiar || self.is_known_application()
    }

    /// The factors of the subject, as they were recalled.
    #[must_use]
    pub fn enrolments(&self) -> &[Enrolment] {
        &self.record.enrolments
    }

    /// The kinds of factors that were confirmed in this login.
    #[must_use]
    pub const fn shown(&self) -> FactorKinds {
        self.shown
    }

    /// What is remembered about the subject, as it was recalled.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// How long what is confirmed now counts again at the same place, as the rules say.
    #[must_use]
    pub fn remembered_for(&self) -> Option<Duration> {
        self.decision.as_ref()?.remember
    }

    /// The whole password field, as long as all that was shown stands in it: not once a question was answered.
    #[must_use]
    pub const fn field(&self) -> Option<&Secret> {
        match &self.attempt.credential {
            PrimaryCredential::Password(field) if !self.answered => Some(field),
            PrimaryCredential::Password(_)
            | PrimaryCredential::CheckedByClient(_)
            | PrimaryCredential::Proven
            | PrimaryCredential::Relayed(_) => None,
        }
    }

    /// The name under which the account is looked up: the one that the upstream confirms, or the one that was typed.
    #[must_use]
    pub fn name(&self) -> &LoginName {
        self.confirmed.as_ref().unwrap_or(&self.attempt.name)
    }

    /// What the upstream answered last.
    #[must_use]
    pub const fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    /// Gives it away, for the reply to the client.
    pub const fn take_held(&mut self) -> Option<Held> {
        self.held.take()
    }

    /// When to report [`crate::login::step::Event::TimedOut`]: the end of this round, or of the time to reply.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What there is to write down about it.
    #[must_use]
    pub fn trail(&self) -> Trail {
        // Of all that the facts say, only the time depends on when that is asked.
        let facts = Facts { listener: Input::Unknown, ..self.facts(self.attempt.began) };
        let seen = Seen::of(&facts, self.decision.as_ref(), self.policy.named_groups());
        Trail {
            seen: Some(Seen { listener: self.attempt.listener.clone(), ..seen }),
            pseudonym: self.subject.as_ref().map(|s| s.pseudonym.clone()),
            rule: self.decision.as_ref().and_then(|d| d.rule.clone()),
            exemption: self.decision.as_ref().and_then(|d| d.exemption.clone()),
            missed: self.missed.clone(),
            on_fault: self.fault_mode(),
            factor: self.factor,
            shown: self.shown,
            stage: self.stage.word(),
        }
    }
}
