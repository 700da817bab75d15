//! The sockets: datagrams in, packets out, logins handed to the gateway.
//!
//! One task owns one socket and everything it remembers, so nothing here is locked. What can be answered
//! at once is answered by that task; a login runs in a task of its own and its reply comes back.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::base::clock::{Clock, Now};
use crate::base::random::{self, Random};
use crate::frontend::complaints::{Complaints, Said};
use crate::frontend::radius::clients::ClientTable;
use crate::frontend::radius::counters::{Counters, Dropped, Refusal};
use crate::frontend::radius::session::{Action, Outgoing, Session, Ticket};
use crate::frontend::radius::socket::{Buffers, Datagram, Listener};
use crate::frontend::radius::translate::{Arrival, Fresh};
use crate::gateway::admit::Refused;
use crate::gateway::drive::{Asker, Ended, Gateway};
use crate::login::attempt::{Answer, Attempt, ChallengeId};

/// Pause after the kernel refused to give us anything.
const AFTER_FAULT: Duration = Duration::from_millis(100);

/// What all sockets share.
pub struct Front {
    clients: ArcSwap<ClientTable>,
    gateway: Arc<Gateway>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    counters: Arc<Counters>,
    complaints: Complaints,
}

impl Front {
    /// A front end for these clients.
    #[must_use]
    pub fn new(
        clients: ClientTable,
        gateway: Arc<Gateway>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let clients = ArcSwap::from_pointee(clients);
        Self { clients, gateway, clock, random, counters: Arc::default(), complaints: Complaints::default() }
    }

    /// Exchanges the clients. Requests that are being worked on are answered under the settings they came
    /// under; what clients have shown is kept.
    pub fn reload(&self, clients: ClientTable) {
        clients.learn_from(&self.clients.load());
        self.clients.store(Arc::new(clients));
    }

    /// The clients as they are now.
    #[must_use]
    pub fn clients(&self) -> Arc<ClientTable> {
        self.clients.load_full()
    }

    /// The counters of all sockets.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl Listener {
    /// Serves until `stop` holds `true` or its sender is gone; then reads no more and waits up to `drain`
    /// for the logins that run. Returns how many were cut off.
    pub async fn serve(self, front: Arc<Front>, mut stop: watch::Receiver<bool>, drain: Duration) -> usize {
        let mut desk = Desk::new(self, front);
        loop {
            tokio::select! {
                biased;
                () = told_to_stop(&mut stop) => break,
                Some(done) = desk.running.join_next() => desk.finished(done),
                ready = desk.listener.readable() => {
                    if let Err(fault) = ready.and_then(|()| desk.read()) {
                        tracing::error!(event = "radius.read", %fault, "reading the RADIUS socket met a fault of the system");
                        tokio::time::sleep(AFTER_FAULT).await;
                    }
                }
            }
        }
        desk.drain(drain).await
    }
}

/// Nobody left who could tell us counts as being told.
pub(super) async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    let _either = stop.wait_for(|stop| *stop).await;
}

/// The task of one socket.
struct Desk {
    listener: Arc<Listener>,
    front: Arc<Front>,
    session: Session,
    running: JoinSet<(Ticket, Ended)>,
    /// Drawn when the last one was used up.
    fresh: Option<Fresh>,
    buffers: Buffers,
    said: Said,
}

impl Desk {
    fn new(listener: Listener, front: Arc<Front>) -> Self {
        Self {
            session: Session::new(front.counters.clone()),
            listener: Arc::new(listener),
            front,
            running: JoinSet::new(),
            fresh: None,
            buffers: Buffers::new(),
            said: Said::default(),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let (listener, front) = (self.listener.clone(), self.front.clone());
        let mut buffers = std::mem::take(&mut self.buffers);
        let result = listener.read(&mut buffers, &*front.clock, |now, datagram| self.take(now, datagram));
        self.buffers = buffers;
        result
    }

    fn take(&mut self, now: Now, datagram: Datagram<'_>) {
        let Datagram { peer, local, bytes } = datagram;
        let Some(fresh) = self.fresh() else {
            self.front.counters.dropped(Dropped::Lost);
            return;
        };
        let listener = self.listener.clone();
        let arrival = Arrival { now, local, listener: listener.name(), peer, bytes, fresh };
        let action = self.session.on_datagram(&self.front.clients.load(), &arrival);
        if !matches!(action, Action::Drop(_) | Action::Send(_)) {
            self.fresh = None;
        }
        match action {
            Action::Drop(why) => self.complain(now, peer.ip(), why),
            Action::Send(bytes) => self.send(now, peer, local, &bytes),
            Action::Refuse(why, bytes) => {
                self.send(now, peer, local, &bytes);
                self.explain(now, peer.ip(), why);
            }
            Action::Begin(ticket, attempt) => self.begin(now, ticket, attempt),
            Action::Resume(ticket, id, answer) => self.resume(now, ticket, id, answer),
        }
    }

    fn fresh(&mut self) -> Option<Fresh> {
        if self.fresh.is_none() {
            self.fresh = random::bytes(&*self.front.random).map(Fresh::new).ok();
        }
        self.fresh
    }

    fn begin(&mut self, now: Now, ticket: Ticket, attempt: Box<Attempt>) {
        match self.front.gateway.admission().enter(&attempt.client, &attempt.origin, &attempt.name) {
            Ok(place) => {
                let gateway = self.front.gateway.clone();
                self.running.spawn(async move {
                    let ended = gateway.begin(*attempt, place, Asker::patient()).await;
                    (ticket, ended)
                });
            }
            Err(refused) => self.turn_away(now, &ticket, refused),
        }
    }

    fn resume(&mut self, now: Now, ticket: Ticket, id: ChallengeId, answer: Box<Answer>) {
        match self.front.gateway.admission().resume(&answer.client.name) {
            Ok(place) => {
                let gateway = self.front.gateway.clone();
                self.running.spawn(async move {
                    let ended = gateway.resume(id, *answer, now, place).await;
                    (ticket, ended)
                });
            }
            Err(refused) => self.turn_away(now, &ticket, refused),
        }
    }

    /// No place: the device hears nothing, so that it tries another node.
    fn turn_away(&mut self, now: Now, ticket: &Ticket, refused: Refused) {
        self.front.gateway.tally().refused(refused);
        self.session.forget(ticket, now, refused.into());
    }

    /// A login has come to its end, or to a question.
    fn finished(&mut self, done: Result<(Ticket, Ended), JoinError>) {
        let now = self.front.clock.now();
        match done {
            Ok((ticket, ended)) => {
                if let Some(Outgoing { peer, local, bytes }) = self.session.on_reply(&ticket, now, &ended) {
                    self.send(now, peer, local, &bytes);
                }
            }
            Err(fault) => {
                self.front.counters.dropped(Dropped::Lost);
                tracing::error!(
                    event = "radius.lost",
                    panicked = fault.is_panic(),
                    "a login ended by a fault of the program; its device hears nothing"
                );
            }
        }
    }

    /// Sends a packet from the address that was asked. If the kernel does not take it, the device's
    /// next copy of the request gets it.
    fn send(&mut self, now: Now, peer: SocketAddr, local: Option<IpAddr>, bytes: &[u8]) {
        let sent = self.listener.send(peer, local, bytes);
        if let Err(fault) = sent {
            self.front.counters.dropped(Dropped::NotSent);
            if self.is_news(now, peer.ip(), Dropped::NotSent.code()) {
                tracing::warn!(event = "radius.not-sent", %peer, bytes = bytes.len(), %fault, "the system did not take an answer");
            }
        }
    }

    async fn drain(mut self, drain: Duration) -> usize {
        let deadline = tokio::time::sleep(drain);
        tokio::pin!(deadline);
        while !self.running.is_empty() {
            tokio::select! {
                biased;
                Some(done) = self.running.join_next() => self.finished(done),
                () = &mut deadline => break,
            }
        }
        self.running.len()
    }

    /// Says once a minute why packets of a client are dropped. Strangers share one line.
    fn complain(&mut self, now: Now, peer: IpAddr, why: Dropped) {
        // The device does what it should.
        if why != Dropped::InWork && self.is_news(now, peer, why.code()) {
            tracing::warn!(event = "radius.dropped", %peer, reason = why.code(), "a packet was dropped without an answer: {}", advice(why));
        }
    }

    fn explain(&mut self, now: Now, peer: IpAddr, why: Refusal) {
        if self.is_news(now, peer, why.code()) {
            tracing::warn!(event = "radius.refused", %peer, reason = why.code(), "a request was no login that can be checked here");
        }
    }

    fn is_news(&mut self, now: Now, peer: IpAddr, cause: &'static str) -> bool {
        let clients = self.front.clients.load();
        let client = clients.get(peer).map(|client| &client.client.name);
        self.front.complaints.is_news(&mut self.said, client, cause, now.steady)
    }
}

impl From<Refused> for Dropped {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::AdmissionFull,
            Refused::ClientFull => Self::AdmissionClientFull,
            Refused::ClientRate => Self::AdmissionClientRate,
            Refused::SourceRate => Self::AdmissionSourceRate,
            Refused::SourceFull => Self::AdmissionSourceFull,
            Refused::RealmRate => Self::AdmissionRealmRate,
            Refused::Rate => Self::AdmissionRate,
        }
    }
}

/// Whose move it is.
const fn advice(why: Dropped) -> &'static str {
    match why {
        Dropped::UnknownClient => "no client is configured for this address",
        Dropped::Unsigned => {
            "it has no message-authenticator; update the device, or set message-authenticator for this client"
        }
        Dropped::WrongSignature => "its message-authenticator does not fit; compare the shared secrets",
        Dropped::UnsignedProxyState => {
            "it came through a proxy and has no message-authenticator; update the proxy"
        }
        Dropped::ProxyLoop => "it has passed too many proxies; look for two that send to each other",
        Dropped::UnsignedUnusable => {
            "it makes no sense and has no message-authenticator; compare the shared secrets"
        }
        _ => "see the reason's entry in the manual",
    }
}

#[cfg(test)]
mod tests;
