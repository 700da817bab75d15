//! What becomes of a login when nobody can check its second factor: refused, unless somebody has said otherwise for a
//! limited time.

use std::sync::Arc;
use std::time::Duration;

use crate::login::factor::FactorKinds;
use crate::login::policy::condition::{Condition, Validity};
use crate::login::policy::facts::Facts;
use crate::login::policy::truth::Truth;

/// What is done in place of refusing, for whom, and until when: one `[[on-fault]]`.
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

/// What is done when a factor cannot be checked. The first credential is verified in each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultMode {
    /// Another factor stands in for the one that cannot be checked. It must be enrolled, and is asked for. No help where
    /// it is not known what is enrolled.
    Use {
        /// One of these kinds.
        kinds: FactorKinds,
        /// The question for it; the client's own without one.
        prompt: Option<Arc<str>>,
    },
    /// A factor that was confirmed no longer ago, at the same client and from the same network, counts again.
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

    /// Whether it helps where it is not even known what is enrolled, since the store is away.
    #[must_use]
    pub const fn helps_without_store(&self) -> bool {
        match self.then {
            FaultMode::Use { .. } => false,
            FaultMode::RecentConfirmation(_) | FaultMode::FirstFactorOnly => true,
        }
    }
}
