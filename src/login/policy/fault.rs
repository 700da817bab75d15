//! What becomes of a login when its second factor cannot be asked about: refused, unless somebody has said otherwise for
//! a limited time.

use std::sync::Arc;
use std::time::Duration;

use crate::login::factor::FactorKinds;
use crate::login::policy::condition::{Condition, Validity};
use crate::login::policy::facts::Facts;
use crate::login::policy::truth::Truth;

/// What is done in place of refusing, for whom, and until when.
#[derive(Debug, Clone)]
pub struct FaultRule {
    /// Its name in audit and `explain`.
    pub name: Arc<str>,
    /// Who answers for it.
    pub owner: Arc<str>,
    /// Why it is there.
    pub reason: Arc<str>,
    /// For whom; what cannot be told does not count.
    pub when: Condition,
    /// From when to when.
    pub valid: Validity,
    /// What is done.
    pub then: FaultMode,
}

/// What is done when a factor cannot be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultMode {
    /// Another factor that is checked here counts too.
    Use(FactorKinds),
    /// A factor that was confirmed no longer ago counts again.
    RecentConfirmation(Duration),
    /// The first credential is enough.
    FirstFactorOnly,
}

impl FaultRule {
    /// Whether it is for this login.
    #[must_use]
    pub fn fits(&self, facts: &Facts<'_>) -> bool {
        self.valid.contains(facts.at) && self.when.look(facts) == Truth::Yes
    }
}
