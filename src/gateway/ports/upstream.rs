//! Servers that check a credential in our stead.

use std::time::Instant;

use async_trait::async_trait;

use crate::base::secret::Secret;
use crate::gateway::ports::ServerState;
use crate::login::relay::{Heard, Held, Passage};
use crate::login::verdict::Fault;

/// What an upstream is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What the device's request brought.
    pub passage: &'a Passage,
    /// A password in place of the one that it brought.
    pub password: Option<&'a Secret>,
    /// What the upstream answered last in this login; its servers take turns only between logins.
    pub earlier: Option<&'a Held>,
}

/// Checks credentials: a RADIUS server, or several that stand in for each other.
#[async_trait]
pub trait Upstream: Send + Sync {
    /// Asks one server after the other until one answers; never two at once.
    ///
    /// # Errors
    ///
    /// A fault when none answers before `until`, or none that can be believed.
    async fn ask(&self, question: Question<'_>, until: Instant) -> Result<Heard, Fault>;

    /// Which servers answer now, in the order of preference, for `doorward check --connect`.
    ///
    /// # Errors
    ///
    /// The fault that a login would meet when none does.
    async fn probe(&self, until: Instant) -> Result<Vec<ServerState>, Fault>;

    /// Its servers as they are known now, in the order of preference.
    fn servers(&self) -> Vec<ServerState>;
}
