//! The listening sockets, and what all connections share.

mod socket;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::base::cidr::canonical;
use crate::base::clock::{Clock, UnixTime};
use crate::base::random::Random;
use crate::frontend::complaints::{Complaints, Said};
use crate::frontend::ldap::clients::{Caller, ClientTable, LdapClient};
use crate::frontend::ldap::conversation::{Conversation, Opening};
use crate::frontend::ldap::counters::{Closed, Counters};
use crate::frontend::ldap::limits::LdapLimits;
use crate::frontend::ldap::listener::{Encryption, ListenerSettings, PlainBinds};
use crate::frontend::ldap::no_tls::NoTls;
use crate::frontend::ldap::operations::ExemptOperation;
use crate::frontend::ldap::places::{Place, Places};
use crate::frontend::ldap::session::Conduct;
use crate::frontend::ldap::stream::{Stream, proxied};
use crate::gateway::drive::Gateway;
use crate::gateway::ports::{AuditRecord, ExemptLogin};
use crate::login::verdict::Fault;
use crate::net::certificate;

pub use crate::frontend::ldap::listen::socket::bind;

/// A listener as it is served.
pub type Door = ListenerSettings;

/// Pause after the system had no room for a connection.
const AFTER_FAULT: Duration = Duration::from_millis(100);

/// What all connections share.
pub struct Front {
    pub(super) clients: ArcSwap<ClientTable>,
    pub(super) limits: ArcSwap<LdapLimits>,
    pub(super) gateway: Arc<Gateway>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) counters: Arc<Counters>,
    places: Arc<Places>,
    complaints: Complaints,
    reloads: AtomicU64,
    /// In milliseconds since 1970; [`i64::MAX`] for none.
    certificate_ends: AtomicI64,
}

impl Front {
    /// A front end for these clients, with these limits.
    #[must_use]
    pub fn new(
        clients: ClientTable,
        limits: LdapLimits,
        gateway: Arc<Gateway>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            clients: ArcSwap::from_pointee(clients),
            limits: ArcSwap::from_pointee(limits),
            gateway,
            clock,
            random,
            counters: Arc::default(),
            places: Arc::default(),
            complaints: Complaints::default(),
            reloads: AtomicU64::new(0),
            certificate_ends: AtomicI64::new(i64::MAX),
        }
    }

    /// Exchanges clients and limits. Connections that are open keep the limits that they began with; one whose client
    /// has changed or is gone ends with its next message.
    pub fn reload(&self, clients: ClientTable, limits: LdapLimits) {
        self.clients.store(Arc::new(clients));
        self.limits.store(Arc::new(limits));
        self.reloads.fetch_add(1, Ordering::Release);
    }

    /// How often clients were exchanged.
    pub(super) fn reloads(&self) -> u64 {
        self.reloads.load(Ordering::Acquire)
    }

    /// The clients as they are now.
    #[must_use]
    pub fn clients(&self) -> Arc<ClientTable> {
        self.clients.load_full()
    }

    /// The counters of all listeners.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Remembers when the first certificate of the listeners ends, for the metrics.
    pub fn note_certificate(&self, ends: Option<UnixTime>) {
        self.certificate_ends.store(ends.map_or(i64::MAX, |ends| ends.0), Ordering::Relaxed);
    }

    /// When that is.
    #[must_use]
    pub fn certificate_ends(&self) -> Option<UnixTime> {
        let ends = self.certificate_ends.load(Ordering::Relaxed);
        (ends != i64::MAX).then_some(UnixTime(ends))
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.places.taken()
    }

    /// Who is on a connection, as far as it has told, and how it is to be treated.
    pub(super) fn who(
        &self,
        door: &Door,
        peer: IpAddr,
        stream: &Stream,
        limits: &LdapLimits,
    ) -> (Conduct, Option<Arc<LdapClient>>) {
        let encrypted = matches!(stream, Stream::Tls(_));
        let names = stream.certificate().and_then(certificate::names).map(|names| names.all);
        let names: Arc<[Box<str>]> = names.unwrap_or_default().into();
        let caller = Caller { address: peer, listener: &door.name, certificate: &names };
        let client = self.clients.load().find(&caller).cloned();
        let conduct = Conduct {
            encrypted,
            start_tls: !encrypted && matches!(door.encryption, Encryption::StartTls(_)),
            plain_binds: door.plain == PlainBinds::Loopback && peer.is_loopback(),
            peer,
            listener: door.name.clone(),
            certificate: names,
            limits: *limits,
            counters: self.counters.clone(),
        };
        (conduct, client)
    }

    /// Records what an exempt account was refused.
    pub(super) fn record(&self, operation: &ExemptOperation) -> Result<(), Fault> {
        self.gateway.note(&self.record_of(operation))
    }

    /// Records what an exempt account is about to do, together with what else is recorded at the moment.
    pub(super) fn record_soon(
        &self,
        operation: &ExemptOperation,
    ) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let (gateway, record) = (self.gateway.clone(), self.record_of(operation));
        async move { gateway.note_soon(record).await }
    }

    fn record_of(&self, operation: &ExemptOperation) -> AuditRecord {
        let (outcome, reason) = match operation.refused {
            Some(why) => ("reject", why.code()),
            None => ("done", "allowed"),
        };
        let login = ExemptLogin {
            attempt: operation.attempt,
            client: operation.client.clone(),
            who: operation.who.clone(),
            exemption: operation.exemption.clone(),
            source: operation.source,
        };
        let at = self.clock.now().unix;
        login.operation(at, operation.operation.code(), outcome, reason)
    }

    /// Says once a minute what happens to connections of a client, or to those of strangers.
    pub(super) fn complain(&self, client: Option<&Arc<str>>, peer: IpAddr, cause: &'static str, what: &str) {
        if self.complaints.is_news(&mut Said::default(), client, cause, self.clock.now().steady) {
            let client = client.map_or("", |name| &**name);
            tracing::warn!(event = "ldap.refused", client, %peer, reason = cause, "{what}");
        }
    }

    /// Says once a minute why a connection ended before anybody could log in on it.
    pub(super) fn tell_end(&self, door: &Door, peer: IpAddr, why: Closed, no_tls: Option<NoTls>) {
        let (reason, cause) = (why.code(), no_tls.map(NoTls::code));
        let now = self.clock.now().steady;
        if self.complaints.is_news(&mut Said::default(), None, cause.unwrap_or(reason), now) {
            let listener = &*door.name;
            let what = no_tls.map_or_else(|| advice(why), NoTls::advice);
            tracing::warn!(event = "ldap.refused", client = "", listener, %peer, reason, cause, "{what}");
        }
    }
}

/// Takes connections until `stop` holds `true` or its sender is gone; then waits up to `drain` for the binds that
/// are pending. Returns how many connections were cut off in the middle of one.
pub async fn serve(
    listener: TcpListener,
    door: Arc<ArcSwap<Door>>,
    front: Arc<Front>,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
) -> usize {
    let mut running = JoinSet::new();
    let (given, told) = (stop.clone(), told_to_stop(&mut stop));
    // Once for all connections, since each beginning of it takes a lock.
    let mut told = pin!(told);
    loop {
        tokio::select! {
            biased;
            () = &mut told => break,
            Some(_ended) = running.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => {
                    let guest = Guest { front: front.clone(), door: door.load_full(), stop: given.clone(), drain };
                    guest.arrive(tcp, peer, &mut running);
                }
                Err(fault) => {
                    if front.complaints.is_news(&mut Said::default(), None, "accept", front.clock.now().steady) {
                        tracing::error!(event = "ldap.accept", %fault, "the system gave no connection");
                    }
                    tokio::time::sleep(AFTER_FAULT).await;
                }
            },
        }
    }
    drop(listener);
    let mut cut_off = 0usize;
    while let Some(ended) = running.join_next().await {
        cut_off = cut_off.saturating_add(usize::from(ended.is_ok_and(|in_time| !in_time)));
    }
    cut_off
}

/// Nobody left who could tell us counts as being told.
async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    let _either = stop.wait_for(|stop| *stop).await;
}

/// Does `work` until it is done, or, for `None`, until we are told to stop.
async fn unless_stopped<T>(stop: &watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    let mut waiting = stop.clone();
    let (mut told, mut work) = (pin!(told_to_stop(&mut waiting)), pin!(work));
    let mut asked = false;
    poll_fn(|context| {
        // Once asked it wakes us. Asking in every turn of every connection would take a lock that all of them share.
        if asked && !matches!(stop.has_changed(), Ok(false)) && told.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        let done = work.as_mut().poll(context).map(Some);
        // What is done at once, such as to welcome somebody without TLS, need not ask.
        if done.is_ready() || std::mem::replace(&mut asked, true) {
            return done;
        }
        told.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// What a connection is given when it comes.
struct Guest {
    front: Arc<Front>,
    door: Arc<Door>,
    stop: watch::Receiver<bool>,
    drain: Duration,
}

impl Guest {
    fn arrive(self, tcp: TcpStream, peer: SocketAddr, running: &mut JoinSet<bool>) {
        let limits = **self.front.limits.load();
        let peer = canonical(peer.ip());
        match self.front.places.enter(limits.connections) {
            Some(place) => {
                self.front.counters.opened();
                running.spawn(self.attend(tcp, peer, place, limits));
            }
            None => self.turn_away(peer, Closed::ConnectionsFull, None),
        }
    }

    /// Counts a connection that was closed before anything was said, and says so once a minute for each cause, or
    /// the noise of strangers would hide the application that has a wrong setting.
    fn turn_away(&self, peer: IpAddr, why: Closed, no_tls: Option<NoTls>) {
        self.front.counters.closed(why);
        self.front.tell_end(&self.door, peer, why, no_tls);
    }

    /// Serves one connection; `false` when it was cut off in the middle of a bind.
    async fn attend(self, tcp: TcpStream, peer: IpAddr, place: Place, limits: LdapLimits) -> bool {
        let began = self.front.clock.now().steady;
        // On the heap, so that a connection does not keep the room for a handshake to its end.
        let welcome = Box::pin(self.welcome(tcp, peer, place, limits, began));
        let welcome = tokio::time::timeout(limits.first_message, welcome);
        let Some(welcomed) = unless_stopped(&self.stop, welcome).await else { return true };
        let mut conversation = match welcomed.unwrap_or(Err((peer, Closed::FirstMessageLate, None))) {
            Ok(conversation) => conversation,
            Err((peer, why, no_tls)) => {
                self.turn_away(peer, why, no_tls);
                return true;
            }
        };
        match unless_stopped(&self.stop, conversation.run()).await {
            Some(()) => true,
            None => conversation.wind_down(self.drain).await,
        }
    }

    /// What comes before the first message: the header of a balancer, the question who may ask from there, TLS.
    async fn welcome(
        &self,
        mut tcp: TcpStream,
        mut peer: IpAddr,
        mut place: Place,
        limits: LdapLimits,
        began: std::time::Instant,
    ) -> Result<Box<Conversation>, (IpAddr, Closed, Option<NoTls>)> {
        if self.door.proxies.iter().any(|prefix| prefix.contains(peer)) {
            match proxied(&mut tcp).await {
                Ok(Some(source)) => peer = canonical(source.ip()),
                Ok(None) => {}
                Err(_) => return Err((peer, Closed::ProxyHeader, None)),
            }
        }
        if !self.front.clients.load().may_know(peer, &self.door.name) {
            return Err((peer, Closed::UnknownClient, None));
        }
        if !place.claim(peer, limits.connections_per_source) {
            return Err((peer, Closed::SourceFull, None));
        }
        let mut stream = Stream::Plain(tcp);
        if let Encryption::Tls(tls) = &self.door.encryption {
            let no_tls = |fault: io::Error| (peer, Closed::Handshake, Some(NoTls::of(&fault)));
            stream = stream.encrypt(tls.config.clone()).await.map_err(no_tls)?;
        }
        let (front, door) = (self.front.clone(), self.door.clone());
        let opening = Opening { front, door, place, peer, stream, began, limits };
        Conversation::new(opening).map(Box::new).ok_or((peer, Closed::UnknownClient, None))
    }
}

/// What happened before anything was said, and whose move it is.
const fn advice(why: Closed) -> &'static str {
    match why {
        Closed::UnknownClient => {
            "no client has this address at this listener: add it to a [[client]], if it should"
        }
        Closed::ProxyHeader => {
            "a balancer in proxy-protocol-from sends no PROXY header, or a broken one: switch it on there"
        }
        Closed::ConnectionsFull => "all places are taken: see ldap.connections",
        Closed::SourceFull => {
            "one address has all its places: an application that does not close, or a flood; see ldap.connections-per-source"
        }
        Closed::FirstMessageLate => {
            "a connection was made and nothing said on it in ldap.first-message-timeout"
        }
        _ => "a connection was closed before anything was said",
    }
}

#[cfg(test)]
mod tests;
