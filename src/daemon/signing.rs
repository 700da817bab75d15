//! Remembers across restarts which clients have shown that they sign their requests: from then on an
//! unsigned request of such a client is a forgery.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::frontend::radius::udp::Front;
use crate::gateway::ports::Store;
use crate::login::verdict::Fault;

/// How long the store may take; signals wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is remembered already.
pub struct Signing {
    store: Arc<dyn Store>,
    remembered: BTreeSet<Box<str>>,
    /// The last try failed; it has been said, and is not said again with every round.
    failing: bool,
}

impl Signing {
    /// What the store remembers.
    ///
    /// # Errors
    ///
    /// A fault of the store.
    pub async fn read(store: Arc<dyn Store>) -> Result<Self, Fault> {
        let remembered = store.signing_clients().await?.into_iter().collect();
        Ok(Self { store, remembered, failing: false })
    }

    /// Tells the clients what is remembered of them; after each start and reload.
    pub fn tell(&self, front: &Front) {
        for client in front.clients().iter().filter(|client| self.remembered.contains(&*client.client.name)) {
            client.note_signed();
        }
    }

    /// Remembers those who have signed since.
    pub async fn learn(&mut self, front: &Front) {
        let fresh: Vec<Box<str>> = front
            .clients()
            .iter()
            .filter(|client| client.has_signed() && !self.remembered.contains(&*client.client.name))
            .map(|client| Box::from(&*client.client.name))
            .collect();
        for name in fresh {
            let noted = tokio::time::timeout(PATIENCE, self.store.note_signing_client(&name)).await;
            let trouble = match noted {
                Ok(Ok(())) => {
                    self.remembered.insert(name);
                    self.failing = false;
                    continue;
                }
                Ok(Err(fault)) => fault.what,
                Err(_) => "the store did not answer in time".to_owned(),
            };
            if !self.failing {
                tracing::warn!(event = "radius.signing", "{trouble}");
            }
            self.failing = true;
        }
    }
}
