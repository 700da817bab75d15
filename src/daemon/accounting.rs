//! Accounting, from its settings to its sockets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::base::clock::Now;
use crate::config::settings::Settings;
use crate::daemon::listeners::{Bound, Listeners, Trade};
use crate::daemon::stock::Stock;
use crate::daemon::{Stopped, assemble, workers};
use crate::frontend::radius::accounting::book::Book;
use crate::frontend::radius::accounting::udp::Front;
use crate::login::verdict::Fault;

/// How often sessions are looked for that nothing was heard of for too long.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// The sockets for accounting, and what they share.
pub(in crate::daemon) struct Accounting {
    front: Arc<Front>,
    listeners: Listeners,
    life: Duration,
    tidied: Option<Instant>,
}

impl Accounting {
    /// Nothing is served yet; what will be is served by the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// A fault for what the check of the settings should have found.
    pub(in crate::daemon) fn new(settings: &Settings, stock: &Stock) -> Result<Self, Fault> {
        let book =
            Book { sessions: stock.sessions.clone(), vault: stock.keys.clone(), audit: stock.audit.clone() };
        let (clients, relay) = (assemble::clients(settings)?, assemble::accounting_relay(settings, stock)?);
        let front = Arc::new(Front::new(clients, relay, book, stock.clock.clone()));
        let trade = Trade::Accounting(front.clone());
        // Beside the workers, so that a rush of records does not stand in the way of logins.
        let homes = vec![Handle::current(); workers::count(settings.radius.workers)];
        let listeners = Listeners::new(trade, homes, settings.drain_timeout);
        Ok(Self { front, listeners, life: settings.accounting.session_life, tidied: None })
    }

    /// What all its sockets share.
    pub(in crate::daemon) const fn front(&self) -> &Arc<Front> {
        &self.front
    }

    /// Binds what the settings want and is not open yet; nothing is served by that.
    ///
    /// # Errors
    ///
    /// As [`Listeners::bind`].
    pub(in crate::daemon) fn bind(&self, settings: &Settings) -> Result<Bound, Stopped> {
        self.listeners.bind(&settings.accounting.listen)
    }

    /// Serves what was bound.
    pub(in crate::daemon) fn change(&mut self, bound: Bound) {
        self.listeners.change(bound);
    }

    /// Everything that can fail of a reload.
    ///
    /// # Errors
    ///
    /// As [`Accounting::new`] and [`Accounting::bind`].
    pub(in crate::daemon) fn prepare(&self, settings: &Settings, stock: &Stock) -> Result<Prepared, Stopped> {
        Ok(Prepared {
            clients: assemble::clients(settings)?,
            relay: assemble::accounting_relay(settings, stock)?,
            sockets: self.bind(settings)?,
            life: settings.accounting.session_life,
        })
    }

    /// What was prepared holds from now on.
    pub(in crate::daemon) fn reload(&mut self, prepared: Prepared) {
        self.front.reload(prepared.clients, prepared.relay);
        self.listeners.change(prepared.sockets);
        self.life = prepared.life;
    }

    /// Waits for a task that ended by itself, which is a mistake of ours.
    pub(in crate::daemon) async fn ended(&mut self) -> String {
        self.listeners.ended().await
    }

    /// Now and then forgets the sessions that nothing was heard of; in a task of its own, as the store may be slow.
    pub(in crate::daemon) fn tidy(&mut self, now: Now) {
        let due = self.tidied.is_none_or(|last| now.steady.saturating_duration_since(last) >= TIDY_EVERY);
        if !due || self.listeners.addresses().is_empty() {
            return;
        }
        self.tidied = Some(now.steady);
        let (front, life) = (self.front.clone(), self.life);
        tokio::spawn(async move {
            match front.book().tidy(now.unix, life).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(
                    event = "accounting.silent-sessions",
                    count,
                    "sessions that nothing was heard of for session-life are taken for ended"
                ),
                Err(fault) => {
                    tracing::warn!(event = "accounting.fault", fault = fault.kind.code(), "{fault}");
                }
            }
        });
    }

    /// Closes all sockets and waits for what is being kept. Returns how much was cut off after `drain`.
    pub(in crate::daemon) async fn stop(self, drain: Duration) -> usize {
        self.listeners.stop(drain).await
    }
}

/// What a reload has made and nothing uses yet.
pub(in crate::daemon) struct Prepared {
    clients: crate::frontend::radius::clients::ClientTable,
    relay: Option<crate::frontend::radius::accounting::relay::Relay>,
    sockets: Bound,
    life: Duration,
}
