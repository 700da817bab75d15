//! Several servers as one: the first that is up is asked, the next when it does not answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::{AbortHandle, JoinSet};

use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::login::verdict::Fault;
use crate::upstream::radius::health::Standing;
use crate::upstream::radius::line::Response;
use crate::upstream::radius::request::Request;
use crate::upstream::radius::server::{Server, Tally, Which};
use crate::upstream::radius::settings::{MOST_SERVERS, Settings};
use crate::upstream::radius::trouble::{forgotten, lifeless, lost, unhelped};
use crate::wire::radius::authenticator::SharedSecret;

/// The servers of one upstream.
pub struct Servers {
    name: Arc<str>,
    secret: SharedSecret,
    nas_identifier: Box<str>,
    servers: Vec<Arc<Server>>,
    clock: Arc<dyn Clock>,
    watchers: Vec<AbortHandle>,
}

/// How one server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Its address and port.
    pub address: SocketAddr,
    /// What is thought of it.
    pub standing: Standing,
    /// Requests that it has before it at the moment.
    pub underway: usize,
    /// What was counted.
    pub tally: Tally,
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.watchers.iter().for_each(AbortHandle::abort);
    }
}

impl Servers {
    /// Starts a watcher for each server, so it must be called inside a runtime. Where Status-Server is to be used,
    /// each server is asked once at once, to learn whether it knows it.
    #[must_use]
    pub fn start(settings: &Settings, clock: &Arc<dyn Clock>, random: &Arc<dyn Random>) -> Self {
        let addresses = settings.servers.iter().take(MOST_SERVERS);
        let servers: Vec<_> =
            addresses.map(|address| Arc::new(Server::new(settings, *address, clock, random))).collect();
        let watchers =
            servers.iter().map(|server| tokio::spawn(server.clone().keep_watch()).abort_handle()).collect();
        Self {
            name: settings.name.clone(),
            secret: settings.secret.clone(),
            nas_identifier: settings.nas_identifier.clone(),
            servers,
            clock: clock.clone(),
            watchers,
        }
    }

    /// Name of the upstream.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The secret shared with its servers.
    #[must_use]
    pub const fn secret(&self) -> &SharedSecret {
        &self.secret
    }

    /// NAS-Identifier of our own requests.
    #[must_use]
    pub const fn nas_identifier(&self) -> &str {
        &self.nas_identifier
    }

    /// How its servers are doing, in the order of preference.
    pub fn status(&self) -> impl Iterator<Item = Status> + '_ {
        self.servers.iter().map(|server| Status {
            address: server.which().address(),
            standing: server.standing(),
            underway: server.line().underway(),
            tally: server.tally(),
        })
    }

    /// Asks one server after the other, never two at once: the next only when one had its time or cannot be
    /// reached. With `stay` that server alone is asked: a State means something to the one that gave it.
    ///
    /// Returns the reply and who gave it.
    ///
    /// # Errors
    ///
    /// A fault when no reply that counts came until `until`.
    pub async fn ask(
        &self,
        request: &Request<'_>,
        stay: Option<Which>,
        until: Instant,
    ) -> Result<(Response, Which), Fault> {
        if let Some(which) = stay {
            return self.ask_again(request, which, until).await;
        }
        let mut tried = Vec::new();
        for server in self.in_order() {
            if self.clock.now().steady >= until {
                break;
            }
            match server.ask(request, until).await {
                Ok(response) => return Ok((response, server.which())),
                Err(trouble) => tried.push((server.which().address(), trouble)),
            }
            if tried.last().is_some_and(|(_, trouble)| !trouble.leaves_to_others()) {
                break;
            }
        }
        Err(unhelped(&self.name, &tried))
    }

    async fn ask_again(
        &self,
        request: &Request<'_>,
        which: Which,
        until: Instant,
    ) -> Result<(Response, Which), Fault> {
        // Settings may have been changed in the middle of a conversation; then its server may be gone.
        let Some(server) = self.servers.iter().find(|server| server.which() == which) else {
            return Err(forgotten(&self.name, which.address()));
        };
        match server.ask(request, until).await {
            Ok(response) => Ok((response, which)),
            Err(trouble) => Err(lost(&self.name, which.address(), trouble)),
        }
    }

    /// Asks all servers at once for a sign of life: which of them answer.
    ///
    /// # Errors
    ///
    /// A fault when none answers in the time that probes have.
    pub async fn probe(&self) -> Result<Vec<(Which, bool)>, Fault> {
        let mut probes = JoinSet::new();
        for (at, server) in self.servers.iter().cloned().enumerate() {
            probes.spawn(async move { (at, server.which(), server.probe().await) });
        }
        let mut probed = probes.join_all().await;
        probed.sort_by_key(|(at, _, _)| *at);
        if probed.iter().any(|(_, _, answer)| answer.is_ok()) {
            return Ok(probed.into_iter().map(|(_, which, answer)| (which, answer.is_ok())).collect());
        }
        let troubles =
            probed.into_iter().filter_map(|(_, which, answer)| Some((which.address(), answer.err()?)));
        Err(lifeless(&self.name, &troubles.collect::<Vec<_>>()))
    }

    /// Those that are worth asking first; among equals as configured.
    fn in_order(&self) -> impl Iterator<Item = &Arc<Server>> {
        let mut ranked: Vec<_> =
            self.servers.iter().enumerate().map(|(at, server)| (server.rank(), at, server)).collect();
        ranked.sort_by_key(|(rank, at, _)| (*rank, *at));
        ranked.into_iter().map(|(_, _, server)| server)
    }
}
