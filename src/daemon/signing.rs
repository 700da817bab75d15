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
}

impl Signing {
    /// What the store remembers.
    ///
    /// # Errors
    ///
    /// A fault of the store.
    pub async fn read(store: Arc<dyn Store>) -> Result<Self, Fault> {
        let remembered = store.signing_clients().await?.into_iter().collect();
        Ok(Self { store, remembered })
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
            match noted {
                Ok(Ok(())) => {
                    self.remembered.insert(name);
                }
                Ok(Err(fault)) => tracing::warn!(event = "radius.signing", "{fault}"),
                Err(_) => tracing::warn!(event = "radius.signing", "the store did not answer in time"),
            }
        }
    }
}
