//! Several servers as one: the first that is up is asked, the next when it does not answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;

use crate::base::clock::Clock;
use crate::base::secret::Secret;
use crate::base::turnstile::Turnstile;
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::bound::Answered;
use crate::upstream::ldap::connection::Answer;
use crate::upstream::ldap::dial::Endpoint;
use crate::upstream::ldap::discovery::{Discovery, Sought};
use crate::upstream::ldap::roster::Roster;
use crate::upstream::ldap::server::{Access, MAX_BINDS};
use crate::upstream::ldap::trouble::{BindTrouble, Trouble, unhelped};
use crate::upstream::srv::Seed;
use crate::wire::ldap::request::Search;

/// Longest name of a schema's entry, in bytes.
const LONGEST_SCHEMA: usize = 1024;

/// Where the servers of a directory come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The administrator has listed them, in the order of preference.
    Listed(Vec<Endpoint>),
    /// DNS names them.
    Dns(Sought),
}

/// The servers of one directory.
pub(crate) struct Pool {
    roster: Arc<Roster>,
    discovery: Option<Discovery>,
    binds: Semaphore,
    turnstile: Arc<Turnstile>,
    schema: Mutex<Option<Arc<str>>>,
}

impl Pool {
    /// Starts a watcher for each server and for DNS, so it must be called inside a runtime; nothing is connected yet.
    /// Which of several equal servers that DNS names comes first depends on `seed`.
    pub(crate) fn start(access: Access, source: Source, seed: Seed, clock: Arc<dyn Clock>) -> Self {
        let roster = Arc::new(Roster::new(Arc::new(access), clock));
        let discovery = match source {
            Source::Listed(endpoints) => {
                roster.replace(&endpoints);
                None
            }
            Source::Dns(sought) => Some(Discovery::start(sought, seed, roster.clone())),
        };
        let (binds, turnstile) = (Semaphore::new(MAX_BINDS), Arc::new(Turnstile::new(MAX_BINDS)));
        Self { roster, discovery, binds, turnstile, schema: Mutex::default() }
    }

    /// Name of the directory.
    pub(crate) fn directory(&self) -> &Arc<str> {
        &self.roster.access().directory
    }

    /// Where logins queue before they bind.
    pub(crate) const fn turnstile(&self) -> &Arc<Turnstile> {
        &self.turnstile
    }

    pub(super) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Time of day and steady time.
    pub(crate) fn clock(&self) -> &dyn Clock {
        self.roster.clock()
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
    ) -> Result<(Answer, Endpoint), Fault> {
        self.ready(until).await?;
        let (mut tried, mut last) = (0_usize, None);
        for server in self.roster.in_order() {
            if self.clock().now().steady >= until {
                break;
            }
            tried = tried.saturating_add(1);
            match server.search(request, until).await {
                Ok(answer) => return Ok((answer, server.endpoint().clone())),
                Err(trouble) => last = Some((server, trouble)),
            }
        }
        Err(self.unhelped(tried, last.as_ref().map(|(server, trouble)| (server.endpoint(), trouble.clone()))))
    }

    /// One user's bind, at one server. Another one is asked only when the first cannot have seen the
    /// password (B-087).
    pub(crate) async fn bind(
        &self,
        name: &str,
        password: &Secret,
        until: Instant,
    ) -> Result<Answered, Fault> {
        let permit = match self.binds.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) => {
                tokio::time::timeout_at(until.into(), self.binds.acquire()).await.ok().and_then(Result::ok)
            }
        };
        let Some(_permit) = permit else {
            let what =
                format!("directory \"{}\": {MAX_BINDS} binds were running all the time", self.directory());
            return Err(Fault::new(FaultKind::Overloaded, what));
        };
        self.ready(until).await?;
        let (mut tried, mut last) = (0_usize, None);
        for server in self.roster.in_order() {
            if self.clock().now().steady >= until {
                break;
            }
            tried = tried.saturating_add(1);
            match server.bind(name, password, until).await {
                Ok(answered) => return Ok(answered),
                Err(BindTrouble::NotAsked(trouble)) => last = Some((server, trouble)),
                Err(BindTrouble::Asked(trouble)) => {
                    let fault = unhelped(self.directory(), tried, Some((server.endpoint(), trouble)));
                    return Err(fault.after_asking());
                }
            }
        }
        Err(self.unhelped(tried, last.as_ref().map(|(server, trouble)| (server.endpoint(), trouble.clone()))))
    }

    /// Whether any server answers now.
    pub(crate) async fn probe(&self, until: Instant) -> Result<(), Fault> {
        self.ready(until).await?;
        let (mut tried, mut last) = (0_usize, None);
        for server in self.roster.in_order() {
            tried = tried.saturating_add(1);
            match server.probe(until).await {
                Ok(()) => return Ok(()),
                Err(trouble) => last = Some((server, trouble)),
            }
        }
        Err(self.unhelped(tried, last.as_ref().map(|(server, trouble)| (server.endpoint(), trouble.clone()))))
    }

    /// Each server, and whether it answered when it was last asked, in the order of preference.
    pub(crate) fn servers(&self) -> Vec<(Endpoint, bool)> {
        self.roster.all()
    }

    /// DNS has named servers, or nobody asks it.
    pub(super) async fn ready(&self, until: Instant) -> Result<(), Fault> {
        match &self.discovery {
            None => Ok(()),
            Some(discovery) => discovery.ready(until).await,
        }
    }

    pub(super) fn unhelped(&self, tried: usize, last: Option<(&Endpoint, Trouble)>) -> Fault {
        let fault = unhelped(self.directory(), tried, last);
        match &self.discovery {
            None => fault,
            Some(discovery) => discovery.unhelped(fault),
        }
    }
}
