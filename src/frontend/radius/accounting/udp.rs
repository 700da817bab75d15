//! The sockets of accounting: records in, acknowledgements out once they are kept.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::base::clock::{Clock, Now};
use crate::frontend::complaints::{Complaints, Said};
use crate::frontend::radius::accounting::book::Book;
use crate::frontend::radius::accounting::relay::Relay;
use crate::frontend::radius::accounting::report::Report;
use crate::frontend::radius::accounting::session::{Action, Arrival, Session, Ticket};
use crate::frontend::radius::clients::ClientTable;
use crate::frontend::radius::counters::{Counters, Dropped};
use crate::frontend::radius::session::Outgoing;
use crate::frontend::radius::socket::{Buffers, Datagram, Listener};
use crate::frontend::radius::udp::told_to_stop;
use crate::login::verdict::Fault;

/// Pause after the kernel refused to give us anything.
const AFTER_FAULT: Duration = Duration::from_millis(100);
/// Records of one socket that are being kept at once; further ones are dropped, and come again.
const MOST_AT_ONCE: usize = 1024;
/// The same of one client, so that its flood leaves room for what others send (D-121).
const MOST_OF_A_CLIENT: usize = MOST_AT_ONCE / 4;

/// What all sockets share.
pub struct Front {
    clients: ArcSwap<ClientTable>,
    relay: ArcSwap<Option<Relay>>,
    book: Book,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    complaints: Complaints,
}

impl Front {
    /// A front end that keeps records in `book`.
    #[must_use]
    pub fn new(clients: ClientTable, relay: Option<Relay>, book: Book, clock: Arc<dyn Clock>) -> Self {
        Self {
            clients: ArcSwap::from_pointee(clients),
            relay: ArcSwap::from_pointee(relay),
            book,
            clock,
            counters: Arc::default(),
            complaints: Complaints::default(),
        }
    }

    /// Exchanges clients and relay.
    pub fn reload(&self, clients: ClientTable, relay: Option<Relay>) {
        self.clients.store(Arc::new(clients));
        self.relay.store(Arc::new(relay));
    }

    /// The counters of all sockets.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The book.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// A record counts when the server that it is passed on to has it and it is in the book.
    async fn keep(&self, report: &Report) -> Result<(), Fault> {
        let relay = self.relay.load_full();
        if let Some(relay) = &*relay {
            relay.pass(report).await?;
        }
        self.book.keep(report).await
    }
}

impl Listener {
    /// Serves accounting until `stop` holds `true` or its sender is gone; then reads no more and waits up to `drain`
    /// for the records that are being kept. Returns how many were cut off.
    pub async fn serve_accounting(
        self,
        front: Arc<Front>,
        mut stop: watch::Receiver<bool>,
        drain: Duration,
    ) -> usize {
        let mut desk = Desk::new(self, front);
        loop {
            tokio::select! {
                biased;
                () = told_to_stop(&mut stop) => break,
                Some(done) = desk.running.join_next() => desk.finished(done),
                ready = desk.listener.readable() => {
                    if let Err(fault) = ready.and_then(|()| desk.read()) {
                        tracing::error!(event = "accounting.read", %fault, "reading the accounting socket met a fault of the system");
                        tokio::time::sleep(AFTER_FAULT).await;
                    }
                }
            }
        }
        desk.drain(drain).await
    }
}

/// How many records of each client are being kept: as many as there are copies of its seat beside ours.
#[derive(Default)]
struct Seats(HashMap<Arc<str>, Arc<()>>);

impl Seats {
    /// A place, which is given back when it is dropped; `None` when there is none in all or none for `client`.
    fn take(&mut self, client: &Arc<str>) -> Option<Arc<()>> {
        let taken = |seat: &Arc<()>| Arc::strong_count(seat).saturating_sub(1);
        // Clients whose last record is kept are forgotten, and a reload's old names with them.
        self.0.retain(|_, seat| taken(seat) > 0);
        let all: usize = self.0.values().map(taken).sum();
        let own = self.0.get(client).map_or(0, taken);
        let has_room = all < MOST_AT_ONCE && own < MOST_OF_A_CLIENT;
        has_room.then(|| self.0.entry(client.clone()).or_default().clone())
    }
}

/// The task of one socket.
struct Desk {
    listener: Arc<Listener>,
    front: Arc<Front>,
    session: Session,
    running: JoinSet<(Ticket, Result<(), Fault>)>,
    seats: Seats,
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
            seats: Seats::default(),
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
        let arrival = Arrival { now, local, peer, bytes };
        match self.session.on_datagram(&self.front.clients.load(), &arrival) {
            Action::Drop(why) => self.complain(now, peer.ip(), why),
            Action::Send(bytes) => self.send(now, &Outgoing { peer, local, bytes }),
            Action::Keep(ticket, report) => match self.seats.take(ticket.client()) {
                Some(seat) => {
                    let front = self.front.clone();
                    self.running.spawn(async move {
                        let kept = front.keep(&report).await;
                        drop(seat);
                        (ticket, kept)
                    });
                }
                None => {
                    let _nothing_to_send = self.session.on_kept(&ticket, now, false);
                }
            },
        }
    }

    fn finished(&mut self, done: Result<(Ticket, Result<(), Fault>), JoinError>) {
        let now = self.front.clock.now();
        match done {
            Ok((ticket, kept)) => {
                // The device sends it again and again; once a minute is enough to be told.
                if let Err(fault) = &kept
                    && self.is_news(now, ticket.peer().ip(), fault.kind.code())
                {
                    tracing::warn!(event = "accounting.fault", fault = fault.kind.code(), "{fault}");
                }
                if let Some(outgoing) = self.session.on_kept(&ticket, now, kept.is_ok()) {
                    self.send(now, &outgoing);
                }
            }
            Err(fault) => {
                self.front.counters.dropped(Dropped::Lost);
                tracing::error!(
                    event = "accounting.lost",
                    panicked = fault.is_panic(),
                    "keeping a record ended by a fault of the program; its device sends it again"
                );
            }
        }
    }

    fn send(&mut self, now: Now, outgoing: &Outgoing) {
        let Outgoing { peer, local, bytes } = outgoing;
        if let Err(fault) = self.listener.send(*peer, *local, bytes) {
            self.front.counters.dropped(Dropped::NotSent);
            if self.is_news(now, peer.ip(), Dropped::NotSent.code()) {
                tracing::warn!(event = "accounting.not-sent", %peer, %fault, "the system did not take an answer");
            }
        }
    }

    /// Says once a minute why records of a client are dropped. Strangers share one line.
    fn complain(&mut self, now: Now, peer: IpAddr, why: Dropped) {
        if why != Dropped::InWork && self.is_news(now, peer, why.code()) {
            let advice = match why {
                Dropped::WrongSignature => "its authenticator does not fit; compare the shared secrets",
                Dropped::UnknownClient => "no client is configured for this address",
                _ => "see the reason's entry in the manual",
            };
            tracing::warn!(event = "accounting.dropped", %peer, reason = why.code(), "a packet for accounting was dropped without an answer: {advice}");
        }
    }

    fn is_news(&mut self, now: Now, peer: IpAddr, cause: &'static str) -> bool {
        let clients = self.front.clients.load();
        let client = clients.get(peer).map(|client| &client.client.name);
        self.front.complaints.is_news(&mut self.said, client, cause, now.steady)
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_client_takes_the_places_of_the_others_and_each_place_comes_back_d_121() {
        let mut seats = Seats::default();
        let fill = |seats: &mut Seats, name: &str| {
            let name: Arc<str> = name.into();
            (0..MOST_AT_ONCE).map_while(|_| seats.take(&name)).collect::<Vec<_>>()
        };
        let first = fill(&mut seats, "a");
        assert_eq!(first.len(), MOST_OF_A_CLIENT);
        let others = ["b", "c", "d"].map(|name| fill(&mut seats, name));
        assert!(others.iter().all(|taken| taken.len() == MOST_OF_A_CLIENT));
        assert!(fill(&mut seats, "e").is_empty(), "all of them are taken");
        drop(first);
        assert_eq!(fill(&mut seats, "e").len(), MOST_OF_A_CLIENT);
        drop(others);
        assert!(
            fill(&mut seats, "f").len() == MOST_OF_A_CLIENT && seats.0.len() == 1,
            "the rest is forgotten"
        );
    }
}
