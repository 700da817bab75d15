//! Several servers as one: the first that is up is asked, the next when it does not answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::base::clock::Clock;
use crate::base::secret::Secret;
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::bound::Answered;
use crate::upstream::ldap::connection::Answer;
use crate::upstream::ldap::dial::Endpoint;
use crate::upstream::ldap::server::{Access, MAX_BINDS, Server};
use crate::upstream::ldap::trouble::{BindTrouble, unhelped};
use crate::wire::ldap::request::Search;

/// Longest name of a schema's entry, in bytes.
const LONGEST_SCHEMA: usize = 1024;

/// The servers of one directory.
pub(crate) struct Pool {
    access: Arc<Access>,
    servers: Vec<Arc<Server>>,
    clock: Arc<dyn Clock>,
    binds: Semaphore,
    schema: Mutex<Option<Arc<str>>>,
    watchers: Vec<AbortHandle>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.watchers.iter().for_each(AbortHandle::abort);
    }
}

impl Pool {
    /// Servers in the order of preference. Starts a watcher for each, so it must be called inside a runtime;
    /// nothing is connected yet.
    pub(crate) fn start(access: Access, endpoints: Vec<Endpoint>, clock: Arc<dyn Clock>) -> Self {
        let access = Arc::new(access);
        let new = |endpoint| Arc::new(Server::new(access.clone(), endpoint, clock.clone()));
        let servers: Vec<_> = endpoints.into_iter().map(new).collect();
        let watchers =
            servers.iter().map(|server| tokio::spawn(server.clone().keep_watch()).abort_handle()).collect();
        let (binds, schema) = (Semaphore::new(MAX_BINDS), Mutex::default());
        Self { access, servers, clock, binds, schema, watchers }
    }

    /// Name of the directory.
    pub(crate) fn directory(&self) -> &Arc<str> {
        &self.access.directory
    }

    /// Time of day and steady time.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Name of the entry that holds the schema of accounts (RFC 4512 section 4.2), once one of them has told it.
    pub(crate) fn schema(&self) -> Option<Arc<str>> {
        self.known_schema().clone()
    }

    /// An account has told where its schema is.
    pub(crate) fn learn_schema(&self, name: &str) {
        let mut known = self.known_schema();
        if name.len() <= LONGEST_SCHEMA && known.as_deref() != Some(name) {
            *known = Some(name.into());
        }
    }

    fn known_schema(&self) -> MutexGuard<'_, Option<Arc<str>>> {
        self.schema.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One search, and the server that answered it.
    pub(crate) async fn search(
        &self,
        request: &Search<'_>,
        until: Instant,
    ) -> Result<(Answer, &Endpoint), Fault> {
        let (mut tried, mut last) = (0_usize, None);
        for server in self.in_order() {
            if self.clock.now().steady >= until {
                break;
            }
            tried = tried.saturating_add(1);
            match server.search(request, until).await {
                Ok(answer) => return Ok((answer, server.endpoint())),
                Err(trouble) => last = Some((server.endpoint(), trouble)),
            }
        }
        Err(unhelped(&self.access.directory, tried, last))
    }

    /// One user's bind, at one server. Another one is asked only when the first cannot have seen the
    /// password (B-087).
    pub(crate) async fn bind(
        &self,
        name: &str,
        password: &Secret,
        until: Instant,
    ) -> Result<Answered, Fault> {
        let permit = tokio::time::timeout_at(until.into(), self.binds.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            let what =
                format!("directory \"{}\": {MAX_BINDS} binds were running all the time", self.directory());
            return Err(Fault::new(FaultKind::Overloaded, what));
        };
        let (mut tried, mut last) = (0_usize, None);
        for server in self.in_order() {
            if self.clock.now().steady >= until {
                break;
            }
            tried = tried.saturating_add(1);
            match server.bind(name, password, until).await {
                Ok(answered) => return Ok(answered),
                Err(BindTrouble::NotAsked(trouble)) => last = Some((server.endpoint(), trouble)),
                Err(BindTrouble::Asked(trouble)) => {
                    return Err(unhelped(&self.access.directory, tried, Some((server.endpoint(), trouble))));
                }
            }
        }
        Err(unhelped(&self.access.directory, tried, last))
    }

    /// Whether any server answers now.
    pub(crate) async fn probe(&self, until: Instant) -> Result<(), Fault> {
        let (mut tried, mut last) = (0_usize, None);
        for server in self.in_order() {
            tried = tried.saturating_add(1);
            match server.probe(until).await {
                Ok(()) => return Ok(()),
                Err(trouble) => last = Some((server.endpoint(), trouble)),
            }
        }
        Err(unhelped(&self.access.directory, tried, last))
    }

    /// Those that are up first, each group as configured.
    fn in_order(&self) -> impl Iterator<Item = &Arc<Server>> {
        let (up, down): (Vec<_>, Vec<_>) = self.servers.iter().partition(|server| server.is_up());
        up.into_iter().chain(down)
    }
}
