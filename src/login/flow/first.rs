//! The code before the password (D-101, D-108): whoever has no factor of a name makes no server hear a password, so a
//! portal that is sprayed locks nobody and tells nothing.
//!
//! What a stranger may see must not depend on the name: where a code would be asked for, it is asked for also of a name
//! that nobody has, of somebody without a factor or with one that is locked, and of somebody whom a rule refuses; the
//! answer then ends the login. Where the rules ask somebody for nothing, or give him time to enrol, his password is
//! looked at as elsewhere: there is no code that could come before it.

use crate::base::clock::Now;
use crate::login::client::{Order, PrimaryKind};
use crate::login::credential::{PrimaryCredential, split};
use crate::login::flow::{Flow, reject};
use crate::login::identity::{Groups, Pseudonym};
use crate::login::policy::{Facts, Input};
use crate::login::step::Step;
use crate::login::verdict::{Reason, Verdict};

impl Flow {
    /// The code comes before the password in this login.
    pub(super) fn is_code_first(&self) -> bool {
        let client = &self.attempt.client;
        client.order == Order::FactorFirst
            && matches!(client.primary, PrimaryKind::Directory | PrimaryKind::Upstream)
            && matches!(self.attempt.credential, PrimaryCredential::Password(_))
    }

    /// Nothing was shown and nothing was asked: whatever happens now is seen by anybody who types a name.
    fn is_seen_by_strangers(&self) -> bool {
        self.is_code_first() && !self.answered && !self.primary_done && self.shown.is_empty()
    }

    /// Finds the code in the password field, before anything else is looked at.
    pub(super) fn read_code(&mut self) {
        if let PrimaryCredential::Password(field) = &self.attempt.credential
            && self.is_seen_by_strangers()
        {
            self.typed = split(field, &self.attempt.client.entry).code;
        }
    }

    /// Goes on to the password as soon as what is demanded beside it was shown.
    pub(super) fn code_then_password(&mut self, asks_nothing: bool, now: Now) -> Step {
        if self.is_code_first() {
            if !asks_nothing && self.has_code_alone() {
                return reject(Reason::EmptyPassword);
            }
            match self.factors(now) {
                Ok(_) => {}
                Err(Step::Done(Verdict::Reject(reason))) => return self.veiled(reason, now),
                Err(step) => return step,
            }
        }
        self.password(asks_nothing, now)
    }

    fn has_code_alone(&self) -> bool {
        match &self.attempt.credential {
            PrimaryCredential::Password(field) => {
                split(field, &self.attempt.client.entry).password.is_empty()
            }
            PrimaryCredential::CheckedByClient(_)
            | PrimaryCredential::Relayed(_)
            | PrimaryCredential::Proven => false,
        }
    }

    /// What becomes of a name that nobody has; `None` where the password comes first.
    pub(super) fn nobody_code_first(&mut self, why: Reason, now: Now) -> Option<Step> {
        if !self.is_code_first() || self.asks_strangers_for_nothing(now) {
            return None;
        }
        self.read_code();
        Some(self.veiled(why, now))
    }

    /// Whether the rules would ask somebody for nothing who is in no group and of whom nothing is known.
    fn asks_strangers_for_nothing(&self, now: Now) -> bool {
        let (Some(nobody), none) = (Pseudonym::new("nobody"), Groups::new()) else { return false };
        let facts = Facts {
            subject: Input::Known((&nobody, &none)),
            past: Input::Unknown,
            enrolled: Input::Unknown,
            ..self.facts(now)
        };
        self.policy.decide(&facts).is_some_and(|decision| decision.demand.is_nothing())
    }

    /// Rejects for this reason. Where a rejection now would tell a stranger something of the name, the question is put all
    /// the same, and the answer ends the login.
    pub(super) fn veiled(&mut self, reason: Reason, now: Now) -> Step {
        let asks_nothing = self.decision.as_ref().is_some_and(|decision| decision.demand.is_nothing());
        let would_ask = !asks_nothing && self.typed.is_none() && self.can_be_asked();
        if self.is_seen_by_strangers() && would_ask {
            self.doomed = Some(reason);
            return self.ask(now);
        }
        reject(reason)
    }
}
