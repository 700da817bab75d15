//! The sockets for RADIUS or for its accounting that are open, by the address in the settings.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::daemon::Stopped;
use crate::daemon::serving::Serving;
use crate::frontend::radius::accounting;
use crate::frontend::radius::socket::{self, Listener};
use crate::frontend::radius::udp::Front;

/// Opens and closes sockets.
pub struct Listeners {
    trade: Trade,
    homes: Vec<Handle>,
    drain: Duration,
    open: HashMap<SocketAddr, Open>,
    tasks: Serving<SocketAddr>,
}

/// What sockets are for.
pub enum Trade {
    /// Logins.
    Logins(Arc<Front>),
    /// Accounting.
    Accounting(Arc<accounting::udp::Front>),
}

impl Trade {
    /// The section of the settings that has the addresses.
    const fn section(&self) -> &'static str {
        match self {
            Self::Logins(_) => "radius",
            Self::Accounting(_) => "accounting",
        }
    }

    fn opened(&self, address: SocketAddr, sockets: usize) {
        match self {
            Self::Logins(_) => {
                tracing::info!(event = "radius.listening", %address, sockets, "RADIUS is answered");
            }
            Self::Accounting(_) => {
                tracing::info!(event = "accounting.listening", %address, sockets, "accounting is answered");
            }
        }
    }

    fn closed(&self, address: SocketAddr) {
        match self {
            Self::Logins(_) => {
                tracing::info!(event = "radius.closed", %address, "RADIUS is answered here no longer");
            }
            Self::Accounting(_) => {
                tracing::info!(event = "accounting.closed", %address, "accounting is answered here no longer");
            }
        }
    }
}

/// Sockets that are bound but not served yet.
#[derive(Debug)]
pub struct Bound {
    wanted: Vec<SocketAddr>,
    fresh: Vec<(SocketAddr, Vec<Listener>)>,
}

struct Open {
    stop: watch::Sender<bool>,
    bound: SocketAddr,
}

impl Listeners {
    /// None open yet. Every address gets a socket in each of `homes`, the runtimes that serve them.
    #[must_use]
    pub fn new(trade: Trade, homes: Vec<Handle>, drain: Duration) -> Self {
        Self { trade, homes, drain, open: HashMap::new(), tasks: Serving::default() }
    }

    /// Binds what is wanted and not open yet; nothing is served by that.
    ///
    /// # Errors
    ///
    /// [`Stopped::System`] when an address cannot be bound.
    pub fn bind(&self, wanted: &[SocketAddr]) -> Result<Bound, Stopped> {
        let mut fresh = Vec::new();
        let new = || wanted.iter().filter(|address| !self.open.contains_key(address));
        for address in new() {
            self.must_be_free(*address).map_err(|error| self.cannot_bind(*address, &error))?;
        }
        for address in new() {
            let listeners =
                socket::bind(*address, &self.homes).map_err(|error| self.cannot_bind(*address, &error))?;
            fresh.push((*address, listeners));
        }
        Ok(Bound { wanted: wanted.to_vec(), fresh })
    }

    /// Our sockets share an address among themselves. That another program shares it with us, and gets a part of
    /// our packets, must not happen, so whether it is free is tried with a socket that shares nothing. Where a
    /// port of our own is open already, that cannot be told.
    fn must_be_free(&self, address: SocketAddr) -> std::io::Result<()> {
        if address.port() == 0 || self.open.values().any(|open| open.bound.port() == address.port()) {
            return Ok(());
        }
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())
    }

    /// Serves what was bound and closes what is no longer wanted. Sockets that stay lose nothing.
    pub fn change(&mut self, bound: Bound) {
        for (address, listeners) in bound.fresh {
            self.serve(address, listeners);
        }
        // Their tasks end when they have drained.
        self.open.retain(|address, open| {
            let wanted = bound.wanted.contains(address);
            if !wanted {
                self.trade.closed(open.bound);
            }
            wanted
        });
    }

    fn serve(&mut self, address: SocketAddr, listeners: Vec<Listener>) {
        let stop = watch::Sender::new(false);
        let bound = listeners.first().and_then(|l| l.local_addr().ok()).unwrap_or(address);
        self.trade.opened(bound, listeners.len());
        for (listener, home) in listeners.into_iter().zip(&self.homes) {
            let (stop, drain) = (stop.subscribe(), self.drain);
            match &self.trade {
                Trade::Logins(front) => {
                    self.tasks.spawn_on(home, address, listener.serve(front.clone(), stop, drain));
                }
                Trade::Accounting(front) => {
                    self.tasks.spawn_on(home, address, listener.serve_accounting(front.clone(), stop, drain));
                }
            }
        }
        self.open.insert(address, Open { stop, bound });
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.open.values().map(|open| open.bound).collect()
    }

    /// Waits for a task that ended though its address is still wanted, which is a mistake of ours.
    pub async fn ended(&mut self) -> String {
        match self.tasks.ended(|address| self.open.contains_key(address)).await {
            Ok(address) => format!("the task that serves {address} ended by itself"),
            Err(error) => format!("a task that serves RADIUS broke: {error}"),
        }
    }

    /// Closes all and waits for their logins. Returns how many logins were cut off after `drain`.
    pub async fn stop(self, drain: Duration) -> usize {
        for open in self.open.values() {
            open.stop.send_replace(true);
        }
        self.tasks.stopped(drain).await
    }
}

impl Listeners {
    fn cannot_bind(&self, address: SocketAddr, error: &std::io::Error) -> Stopped {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => "; another program has it: see \"ss -lunp\"",
            std::io::ErrorKind::AddrNotAvailable => "; this machine does not have the address",
            std::io::ErrorKind::PermissionDenied => {
                "; ports below 1024 need CAP_NET_BIND_SERVICE without PrivateUsers=, as in low-ports.conf"
            }
            _ => "",
        };
        Stopped::System(format!(
            "{}.listen: {address} cannot be bound: {error}{advice}",
            self.trade.section()
        ))
    }
}
