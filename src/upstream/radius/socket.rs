//! One UDP socket to one server: sends requests, and a task of its own pairs what comes back with them.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::base::random::{self, NoRandomness, Random};
use crate::upstream::radius::request::Kind;
use crate::upstream::radius::waiting::{Ended, Heard, Outcome, Refused, Waiting};
use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::packet::MAX_LEN;

/// Pause after the system refused to give us anything.
const AFTER_FAULT: Duration = Duration::from_millis(100);

/// What a socket hears of, for whoever counts it.
pub(super) type Listener = Arc<dyn Fn(Heard) + Send + Sync>;

/// Whom a socket talks to.
pub(super) struct Peer {
    /// Its address and port; nothing from elsewhere reaches us.
    pub(super) address: SocketAddr,
    /// The secret shared with it.
    pub(super) secret: SharedSecret,
    /// Its replies must carry Message-Authenticator.
    pub(super) signed_only: bool,
}

/// A socket that is read until it is dropped.
pub(super) struct Socket {
    shared: Arc<Shared>,
    reader: AbortHandle,
    home: runtime::Id,
}

struct Shared {
    udp: UdpSocket,
    waiting: Mutex<Waiting>,
    /// It may have lost its way to the server, as after a change of addresses; no new request goes through it.
    retired: AtomicBool,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoSocket {
    #[error("{0}")]
    System(#[from] io::Error),
    #[error("{0}")]
    Random(#[from] NoRandomness),
}

impl Socket {
    /// Opens a socket that takes datagrams of `peer` alone, and reads it from now on. Must be called inside a
    /// runtime.
    ///
    /// The system draws the source port from its own generator, among those that the administrator has not reserved
    /// . What keeps strangers from answering is the authenticator, not the port.
    pub(super) fn open(peer: Arc<Peer>, random: &dyn Random, listener: Listener) -> Result<Self, NoSocket> {
        let [first] = random::bytes(random)?;
        let any: SocketAddr = match peer.address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let udp = std::net::UdpSocket::bind(any)?;
        udp.connect(peer.address)?;
        udp.set_nonblocking(true)?;
        let udp = UdpSocket::from_std(udp)?;
        let waiting = Mutex::new(Waiting::new(first));
        let shared = Arc::new(Shared { udp, waiting, retired: AtomicBool::new(false) });
        let home = Handle::current();
        let reader = home.spawn(read(shared.clone(), peer, listener)).abort_handle();
        Ok(Self { shared, reader, home: home.id() })
    }

    /// The runtime that reads it.
    pub(super) const fn home(&self) -> runtime::Id {
        self.home
    }

    /// Takes an identifier; `None` when all are in use or no request goes through this socket any more.
    pub(super) fn begin(self: &Arc<Self>, kind: Kind) -> Option<Place> {
        if self.is_retired() {
            return None;
        }
        let (identifier, reply) = self.shared.waiting().begin(kind)?;
        Some(Place { socket: self.clone(), identifier, reply })
    }

    /// From now on no new request goes through it; those that wait are not touched.
    pub(super) fn retire(&self) {
        self.shared.retired.store(true, Ordering::Relaxed);
    }

    /// No new request goes through it.
    pub(super) fn is_retired(&self) -> bool {
        self.shared.retired.load(Ordering::Relaxed)
    }

    /// No request waits.
    pub(super) fn is_idle(&self) -> bool {
        self.shared.waiting().is_idle()
    }
}

/// A request's place on a socket: its identifier is its own until this is dropped.
pub(super) struct Place {
    socket: Arc<Socket>,
    identifier: u8,
    reply: oneshot::Receiver<Outcome>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.socket.shared.waiting().end(self.identifier);
    }
}

impl Place {
    /// The identifier.
    pub(super) const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// The socket.
    pub(super) const fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// From now on a reply to a request with this authenticator counts.
    pub(super) fn aim(&self, authenticator: [u8; 16]) {
        self.socket.shared.waiting().aim(self.identifier, authenticator);
    }

    /// Sends the same bytes, be it the first time or again.
    pub(super) async fn send(&self, packet: &[u8]) -> io::Result<()> {
        let udp = &self.socket.shared.udp;
        match udp.send(packet).await {
            // The error belongs to an earlier datagram, and this one was not sent.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                udp.send(packet).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    /// The reply that counts, or why there will be none. Waits for as long as it takes.
    pub(super) async fn reply(&mut self) -> Outcome {
        // The sender is kept by the table until it is used.
        (&mut self.reply).await.unwrap_or(Err(Ended::NotListening))
    }

    /// Why the last reply did not count, if one came.
    pub(super) fn refused(&self) -> Option<Refused> {
        self.socket.shared.waiting().refused(self.identifier)
    }
}

async fn read(shared: Arc<Shared>, peer: Arc<Peer>, listener: Listener) {
    // One more than a packet may have: what is longer is cut, and its length field shows it.
    let mut buffer = vec![0; MAX_LEN.saturating_add(1)];
    loop {
        match shared.udp.recv(&mut buffer).await {
            Ok(length) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                let heard = shared.waiting().hear(datagram, &peer.secret, peer.signed_only);
                listener(heard);
            }
            // A connected socket is told when a datagram found no listener (ICMP "port unreachable").
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                shared.waiting().end_all(Ended::NotListening);
            }
            // Any other says something about the way, not about the server: the requests that wait have their time
            // for it to pass, new ones get a new socket.
            Err(_) => {
                shared.retired.store(true, Ordering::Relaxed);
                tokio::time::sleep(AFTER_FAULT).await;
            }
        }
    }
}
