//! One server: its connections, and whether it is worth asking.
//!
//! Searches of all logins share one connection that is bound as the service account; each thread that serves logins by
//! itself has its own, so that no answer has to wake another. A user's bind changes whose connection it is, so binds
//! have connections of their own, one bind at a time, and nothing else is ever asked on them. They are kept for all
//! threads together, and each thread prefers those that it has made.

mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::base::clock::Clock;
use crate::base::secret::Secret;
use crate::login::verdict::Fault;
use crate::upstream::dns::Dns;
use crate::upstream::ldap::bound::Answered;
use crate::upstream::ldap::connection::{Answer, Broken, Connection, Step, Stream, protocol};
use crate::upstream::ldap::dial::{Endpoint, Protection, dial};
use crate::upstream::ldap::link::{Home, Link};
use crate::upstream::ldap::trouble::{BindTrouble, Trouble, service_refused, silent};
use crate::wire::ldap::message::{LdapResult, op};
use crate::wire::ldap::request::{Search, search, simple_bind};
use crate::wire::ldap::result::ResultCode;

/// Most binds of a directory at once; further ones wait, each within its own time.
pub(crate) const MAX_BINDS: usize = 64;
/// Most bind connections that are kept for the next bind: as many as there may be binds at once. With fewer, a
/// rush of logins pays for a handshake in every other bind.
const MAX_IDLE: usize = MAX_BINDS;
/// How long one is kept. Short, because what lies between may forget it without a word; Active Directory
/// itself closes after 900 s (B-094).
const IDLE_LIFE: Duration = Duration::from_secs(60);
/// A refused service account is not tried more often, so that its own directory does not lock it.
const REFUSED_FOR: Duration = Duration::from_secs(30);

/// What all servers of a directory have in common.
#[derive(Debug)]
pub(crate) struct Access {
    /// Name of the directory, for faults and logs.
    pub(crate) directory: Arc<str>,
    /// How connections are protected.
    pub(crate) protection: Protection,
    /// Who knows the addresses of its servers.
    pub(crate) dns: Dns,
    /// Who we are when we search; nobody when `None`.
    pub(crate) service: Option<Service>,
    /// How long one server may take for a request before the next is asked.
    pub(crate) server_timeout: Duration,
}

/// The service account.
#[derive(Debug)]
pub(crate) struct Service {
    /// Its distinguished name, or any form in which Active Directory takes it.
    pub(crate) name: Box<str>,
    /// Its password.
    pub(crate) password: Secret,
}

#[derive(Debug)]
enum Health {
    Up,
    Down,
    /// Until then the same fault is given without asking.
    Refused(Instant, Fault),
}

/// One server of a directory.
pub(crate) struct Server {
    access: Arc<Access>,
    endpoint: Endpoint,
    clock: Arc<dyn Clock>,
    /// One for each thread that has searched; there are no more threads than the program has begun with.
    shared: Mutex<Vec<(Home, Arc<Connection>)>>,
    dialing: tokio::sync::Mutex<()>,
    /// At most [`MAX_IDLE`], with the time since when.
    idle: Mutex<Vec<(Instant, Link)>>,
    health: Mutex<Health>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    pub(crate) fn new(access: Arc<Access>, endpoint: Endpoint, clock: Arc<dyn Clock>) -> Self {
        Self {
            access,
            endpoint,
            clock,
            shared: Mutex::default(),
            dialing: tokio::sync::Mutex::default(),
            idle: Mutex::default(),
            health: Mutex::new(Health::Up),
        }
    }

    /// Where it listens, for faults.
    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// It answered when it was last asked.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*locked(&self.health), Health::Up)
    }

    /// One search as the service account. A connection that had died unnoticed is replaced once (B-094).
    pub(crate) async fn search(&self, request: &Search<'_>, until: Instant) -> Result<Answer, Trouble> {
        let asked = self.search_unjudged(request, until).await;
        self.judge(asked.as_ref().err());
        asked
    }

    async fn search_unjudged(&self, request: &Search<'_>, until: Instant) -> Result<Answer, Trouble> {
        let had_its_time = self.has_its_time(until);
        let until = self.limit(until);
        loop {
            let found = self.searcher(until).await;
            let (connection, fresh) = found.map_err(|trouble| trouble.after(had_its_time))?;
            match self.search_on(&connection, fresh, request, (until, had_its_time)).await {
                Ok(answer) => return Ok(answer),
                Err(Some(trouble)) => return Err(trouble),
                Err(None) => {}
            }
        }
    }

    /// One search on this connection. Without a trouble it had ended before, which says nothing about the server; one
    /// that is `fresh` cannot have.
    async fn search_on(
        &self,
        connection: &Connection,
        fresh: bool,
        request: &Search<'_>,
        (until, had_its_time): (Instant, bool),
    ) -> Result<Answer, Option<Trouble>> {
        let before = connection.received();
        let asked = connection.request(op::SEARCH_DONE, until.into(), |id| Some(search(id, request))).await;
        match asked {
            Ok(answer) => able(answer).map_err(Some),
            Err(Broken::Transport(_) | Broken::Disconnected(_)) if !fresh => {
                connection.close();
                Err(None)
            }
            // One slow search among others that are answered says nothing about the server.
            Err(Broken::Late(step)) if had_its_time && connection.received() == before => {
                connection.close();
                Err(Some(silent(step).into()))
            }
            Err(broken) => Err(Some(self.access.protection.hint(broken).into())),
        }
    }

    /// One simple bind, answered with whatever the server says.
    ///
    /// The request is sent a second time only when a kept connection turns out to be dead; a server that
    /// took it and does not answer may have counted it already (B-087).
    pub(crate) async fn bind(
        self: &Arc<Self>,
        name: &str,
        password: &Secret,
        until: Instant,
    ) -> Result<Answered, BindTrouble> {
        let had_its_time = self.has_its_time(until);
        let (mut link, mut fresh) = match self.binder(until).await {
            Ok(link) => link,
            Err(trouble) => {
                let trouble = trouble.after(had_its_time);
                self.judge(Some(&trouble));
                return Err(BindTrouble::NotAsked(trouble));
            }
        };
        loop {
            let build = |id| simple_bind(id, name, password.expose());
            match link.ask(op::BIND_RESPONSE, until.into(), build).await {
                Ok(answer) => {
                    self.judge(None);
                    return Ok(Answered::new(answer, link, self.clone()));
                }
                Err(Broken::Transport(_) | Broken::Disconnected(_)) if !fresh => {
                    fresh = true;
                    let redialed = self.dial(self.limit(until)).await;
                    let stream = redialed.map_err(|broken| {
                        let trouble = Trouble::Broken(broken).after(had_its_time);
                        self.judge(Some(&trouble));
                        BindTrouble::NotAsked(trouble)
                    })?;
                    link = Link::new(stream, Home::here());
                }
                Err(broken) => {
                    let broken = self.access.protection.hint(broken);
                    let trouble = Trouble::Broken(broken).after(had_its_time);
                    self.judge(Some(&trouble));
                    return Err(BindTrouble::Asked(trouble));
                }
            }
        }
    }

    /// Whether it answers now, by a look at its root entry (B-095).
    pub(crate) async fn probe(&self, until: Instant) -> Result<(), Trouble> {
        self.search(&ROOT, until).await.map(drop)
    }

    /// One server may not use up all of a login's time.
    pub(super) fn limit(&self, until: Instant) -> Instant {
        self.clock.now().steady.checked_add(self.access.server_timeout).map_or(until, |own| own.min(until))
    }

    /// A login that has less time left than a server may take cannot tell a slow server from a dead one.
    pub(super) fn has_its_time(&self, until: Instant) -> bool {
        until.saturating_duration_since(self.clock.now().steady) >= self.access.server_timeout
    }

    fn current(&self, home: Home) -> Option<Arc<Connection>> {
        let shared = locked(&self.shared);
        let ours = shared.iter().find(|(whose, connection)| *whose == home && !connection.is_closed());
        ours.map(|(_, connection)| connection.clone())
    }

    /// The shared connection, and whether it was made just now.
    async fn searcher(&self, until: Instant) -> Result<(Arc<Connection>, bool), Trouble> {
        let home = Home::here();
        if let Some(connection) = self.current(home) {
            return Ok((connection, false));
        }
        self.refused_lately()?;
        let turn = tokio::time::timeout_at(until.into(), self.dialing.lock()).await;
        let _turn = turn.map_err(|_| Broken::Late(Step::Turn))?;
        if let Some(connection) = self.current(home) {
            return Ok((connection, true));
        }
        // Whoever dialled before us may have been refused.
        self.refused_lately()?;
        let connection = Arc::new(self.serving(until).await?);
        let mut shared = locked(&self.shared);
        shared.retain(|(whose, connection)| *whose != home && !connection.is_closed());
        shared.push((home, connection.clone()));
        Ok((connection, true))
    }

    /// A new connection, bound as the service account.
    pub(super) async fn serving(&self, until: Instant) -> Result<Connection, Trouble> {
        let connection = Connection::start(self.dial(until).await?);
        if let Some(service) = &self.access.service {
            let build = |id| simple_bind(id, &service.name, service.password.expose());
            let answer = connection.request(op::BIND_RESPONSE, until.into(), build).await;
            let answer = answer.map_err(|broken| self.access.protection.hint(broken))?;
            let message = answer.last()?;
            let result = LdapResult::read(&message.operation).map_err(protocol)?;
            if let Some(trouble) = service_refused(&self.access.directory, &self.endpoint, &result) {
                return Err(trouble);
            }
        }
        Ok(connection)
    }

    async fn dial(&self, until: Instant) -> Result<Stream, Broken> {
        let within = until.saturating_duration_since(self.clock.now().steady);
        dial(&self.endpoint, &self.access.dns, &self.access.protection, within).await
    }

    async fn binder(&self, until: Instant) -> Result<(Link, bool), Trouble> {
        let (home, now) = (Home::here(), self.clock.now().steady);
        while let Some((since, mut link)) = self.take_idle(home) {
            if is_fresh(since, now) && !link.is_over() {
                return Ok((link, false));
            }
        }
        Ok((Link::new(self.dial(self.limit(until)).await?, home), true))
    }

    /// One that was made here if there is one: any other costs less than a new one all the same.
    fn take_idle(&self, home: Home) -> Option<(Instant, Link)> {
        let mut idle = locked(&self.idle);
        match idle.iter().rposition(|(_, link)| link.home() == home) {
            Some(ours) => Some(idle.remove(ours)),
            None => idle.pop(),
        }
    }

    /// Keeps a connection for the next bind, unless there are enough.
    pub(super) fn keep(&self, mut link: Link) {
        if link.is_over() {
            return;
        }
        let mut idle = locked(&self.idle);
        if idle.len() < MAX_IDLE {
            idle.push((self.clock.now().steady, link));
        }
    }

    pub(super) fn refused_lately(&self) -> Result<(), Trouble> {
        match &*locked(&self.health) {
            Health::Refused(until, fault) if self.clock.now().steady < *until => {
                Err(Trouble::Refused(fault.clone()))
            }
            Health::Up | Health::Down | Health::Refused(..) => Ok(()),
        }
    }

    /// Remembers what a request told about the server, and logs a change once.
    pub(super) fn judge(&self, trouble: Option<&Trouble>) {
        let mut health = locked(&self.health);
        match trouble {
            None => {
                if !matches!(*health, Health::Up) {
                    info!(event = "directory.server-up", directory = %self.access.directory, server = %self.endpoint, "the server answers again");
                    *health = Health::Up;
                }
            }
            // Our own queue and our own haste say nothing about the server.
            Some(Trouble::Broken(Broken::Full | Broken::Unsendable | Broken::Late(_))) => {}
            Some(Trouble::Broken(broken)) => {
                if matches!(*health, Health::Up) {
                    warn!(event = "directory.server-down", directory = %self.access.directory, server = %self.endpoint, cause = %broken, "the server is of no use: {broken}");
                }
                *health = Health::Down;
            }
            Some(Trouble::Refused(fault)) => {
                if matches!(*health, Health::Refused(until, _) if self.clock.now().steady < until) {
                    return;
                }
                warn!(event = "directory.server-refused", directory = %self.access.directory, server = %self.endpoint, "{fault}");
                let now = self.clock.now().steady;
                *health = Health::Refused(now.checked_add(REFUSED_FOR).unwrap_or(now), fault.clone());
            }
        }
    }
}

/// A look at the root entry, which every server has.
const ROOT: Search<'_> = Search::presence("");

fn is_fresh(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < IDLE_LIFE
}

/// A server that says that it is busy or unavailable has not answered the question.
fn able(answer: Answer) -> Result<Answer, Trouble> {
    let code = {
        let message = answer.last()?;
        LdapResult::read(&message.operation).map_err(protocol)?.code
    };
    if matches!(code, ResultCode::BUSY | ResultCode::UNAVAILABLE) {
        return Err(Broken::Disconnected(code).into());
    }
    Ok(answer)
}
