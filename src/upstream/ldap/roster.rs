//! The servers that a directory has at the moment. They may come and go while questions run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::task::AbortHandle;

use crate::base::clock::Clock;
use crate::upstream::ldap::dial::Endpoint;
use crate::upstream::ldap::server::{Access, Server};

/// Servers in the order of preference.
pub(crate) struct Roster {
    access: Arc<Access>,
    clock: Arc<dyn Clock>,
    list: ArcSwap<Vec<Arc<Watched>>>,
}

/// A server and the task that watches it while it is in the list. Whoever asks holds the server alone, so that a
/// question ends well at a server that has left the list.
struct Watched {
    server: Arc<Server>,
    watcher: AbortHandle,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Roster {
    /// Nobody yet.
    pub(crate) fn new(access: Arc<Access>, clock: Arc<dyn Clock>) -> Self {
        Self { access, clock, list: ArcSwap::default() }
    }

    /// From now on these, in this order. Those that were there stay as they are, with their connections and with what
    /// is known of them. Must be called inside a runtime, since new servers are watched, and by one task at a time.
    pub(crate) fn replace(&self, endpoints: &[Endpoint]) {
        let before = self.list.load_full();
        let list = endpoints.iter().map(|endpoint| {
            let known = before.iter().find(|watched| watched.server.endpoint() == endpoint);
            known.cloned().unwrap_or_else(|| Arc::new(self.watched(endpoint.clone())))
        });
        self.list.store(Arc::new(list.collect()));
    }

    fn watched(&self, endpoint: Endpoint) -> Watched {
        let server = Arc::new(Server::new(self.access.clone(), endpoint, self.clock.clone()));
        let watcher = tokio::spawn(server.clone().keep_watch()).abort_handle();
        Watched { server, watcher }
    }

    /// What all of them have in common.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Time of day and steady time.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Each server, and whether it answered when it was last asked, in the order of preference.
    pub(crate) fn all(&self) -> Vec<(Endpoint, bool)> {
        let list = self.list.load();
        list.iter().map(|one| (one.server.endpoint().clone(), one.server.is_up())).collect()
    }

    /// Those that are up first, each group by preference. Nearly always the first of all is up and the only one that is
    /// asked; the others are looked at when their turn comes.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = Arc<Server>> + use<> {
        let list = self.list.load_full();
        let first = list.first().map(|one| one.server.clone()).filter(|server| server.is_up());
        let asked = usize::from(first.is_some());
        let others = move || {
            let servers = list.iter().skip(asked).map(|one| one.server.clone());
            let (up, down): (Vec<_>, Vec<_>) = servers.partition(|server| server.is_up());
            up.into_iter().chain(down)
        };
        first.into_iter().chain(std::iter::once_with(others).flatten())
    }
}
