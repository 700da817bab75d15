//! The LDAP listeners that are open, by name and address in the settings.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::base::clock::{Now, UnixTime};
use crate::daemon::Stopped;
use crate::daemon::serving::Serving;
use crate::frontend::ldap::listen::{self, Front};
use crate::frontend::ldap::listener::ListenerSettings;

/// A certificate that ends within this time is talked about, once a day.
const SOON_MS: i64 = 14 * DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const SAY_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// A listener's name and one of its addresses. The name, because port 0 means another port each time.
type Key = (Arc<str>, SocketAddr);

/// Opens and closes listeners.
pub struct Doors {
    front: Arc<Front>,
    homes: Vec<Handle>,
    drain: Duration,
    open: HashMap<Key, Open>,
    tasks: Serving<Key>,
    /// When it was last said that a certificate ends.
    said: Option<Instant>,
}

/// Listeners that are bound but not served yet.
#[derive(Debug)]
pub struct Bound {
    wanted: HashMap<Key, Arc<ListenerSettings>>,
    fresh: Vec<(Key, Vec<TcpListener>)>,
}

struct Open {
    stop: watch::Sender<bool>,
    bound: SocketAddr,
    settings: Arc<ArcSwap<ListenerSettings>>,
}

impl Doors {
    /// None open yet. Every address gets a socket in each of `homes`, the runtimes that serve them.
    #[must_use]
    pub fn new(front: Arc<Front>, homes: Vec<Handle>, drain: Duration) -> Self {
        Self { front, homes, drain, open: HashMap::new(), tasks: Serving::default(), said: None }
    }

    /// Binds what is wanted and not open yet; nothing is served by that.
    ///
    /// # Errors
    ///
    /// [`Stopped::System`] when an address cannot be bound.
    pub fn bind(&self, wanted: &[Arc<ListenerSettings>]) -> Result<Bound, Stopped> {
        let each = |settings: &Arc<ListenerSettings>| {
            let with_settings = |address: &SocketAddr| ((settings.name.clone(), *address), settings.clone());
            settings.listen.iter().map(with_settings).collect::<Vec<_>>()
        };
        let wanted: HashMap<_, _> = wanted.iter().flat_map(each).collect();
        let mut fresh = Vec::new();
        for key in wanted.keys().filter(|key| !self.open.contains_key(*key)) {
            let (name, address) = key;
            let listeners = listen::bind(*address, &self.homes);
            let listeners = listeners.map_err(|error| cannot_bind(name, *address, &error))?;
            fresh.push((key.clone(), listeners));
        }
        Ok(Bound { wanted, fresh })
    }

    /// Serves what was bound, closes what is no longer wanted, and gives the others their new settings; what is
    /// under way ends as it began.
    pub fn change(&mut self, bound: Bound) {
        self.open.retain(|key, open| match bound.wanted.get(key) {
            Some(settings) => {
                open.settings.store(settings.clone());
                true
            }
            None => {
                tracing::info!(event = "ldap.closed", address = %open.bound, "LDAP is answered here no longer");
                false
            }
        });
        for (key, listeners) in bound.fresh {
            if let Some(settings) = bound.wanted.get(&key) {
                self.serve(key, listeners, settings.clone());
            }
        }
        self.front.note_certificate(self.certificate_ends());
    }

    fn serve(&mut self, key: Key, listeners: Vec<TcpListener>, settings: Arc<ListenerSettings>) {
        let bound = listeners.first().and_then(|one| one.local_addr().ok()).unwrap_or(key.1);
        let name = &*settings.name;
        tracing::info!(event = "ldap.listening", listener = name, address = %bound, "LDAP is answered");
        let stop = watch::Sender::new(false);
        let settings = Arc::new(ArcSwap::new(settings));
        for (listener, home) in listeners.into_iter().zip(&self.homes) {
            let (settings, front) = (settings.clone(), self.front.clone());
            let serving = listen::serve(listener, settings, front, stop.subscribe(), self.drain);
            self.tasks.spawn_on(home, key.clone(), serving);
        }
        self.open.insert(key, Open { stop, bound, settings });
    }

    /// Where they listen.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.open.values().map(|open| open.bound)
    }

    /// When the first of their certificates ends; `None` where there is none.
    #[must_use]
    pub fn certificate_ends(&self) -> Option<UnixTime> {
        let ends = |open: &Open| open.settings.load().encryption.tls().map(|tls| tls.expires);
        self.open.values().filter_map(ends).min()
    }

    /// Says once a day that a certificate ends soon, or has ended: nobody reads the settings again for that.
    pub fn watch_certificates(&mut self, now: Now) {
        let first = |open: &Open| {
            let settings = open.settings.load();
            settings.encryption.tls().map(|tls| (tls.expires, settings.name.clone()))
        };
        let Some((ends, listener)) = self.open.values().filter_map(first).min() else { return };
        let left_ms = ends.0.saturating_sub(now.unix.0);
        let said_lately =
            self.said.is_some_and(|said| now.steady.saturating_duration_since(said) < SAY_AGAIN);
        if left_ms < SOON_MS && !said_lately {
            self.said = Some(now.steady);
            let days_left = left_ms.div_euclid(DAY_MS);
            tracing::warn!(
                event = "tls.certificate-ends",
                listener = &*listener,
                days_left,
                "the certificate of this listener ends soon or has ended; replace the file, then reload, or restart after a new key that is a credential"
            );
        }
    }

    /// Waits for a task that ended though its address is still wanted, which is a mistake of ours.
    pub async fn ended(&mut self) -> String {
        match self.tasks.ended(|key| self.open.contains_key(key)).await {
            Ok((name, _)) => format!("the task that serves listener \"{name}\" ended by itself"),
            Err(error) => format!("a task that serves LDAP broke: {error}"),
        }
    }

    /// Closes all and waits for the binds that are pending. Returns how many were cut off after `drain`.
    pub async fn stop(self, drain: Duration) -> usize {
        for open in self.open.values() {
            open.stop.send_replace(true);
        }
        self.tasks.stopped(drain).await
    }
}

fn cannot_bind(name: &str, address: SocketAddr, error: &std::io::Error) -> Stopped {
    let advice = match error.kind() {
        std::io::ErrorKind::AddrInUse => "; another program has it: see \"ss -ltnp\"",
        std::io::ErrorKind::AddrNotAvailable => "; this machine does not have the address",
        std::io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE without PrivateUsers=, as in low-ports.conf"
        }
        _ => "",
    };
    Stopped::System(format!("listener \"{name}\": {address} cannot be bound: {error}{advice}"))
}
