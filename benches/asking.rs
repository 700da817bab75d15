//! The asking side over LDAP: connections that each have one request under way at a time, as fast as they are
//! answered or at a fixed rate.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::frame::{CHUNK, Inbox, MAX_MESSAGE, cut};
use doorward::wire::ldap::message::{LdapResult, Message, op};
use doorward::wire::ldap::request::{Scope, Search, Selection, search, simple_bind, unbind};
use doorward::wire::ldap::result::ResultCode;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::histogram::Histogram;
use crate::load::Score;

/// What is answered sooner or not at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// One request, and the operation that ends its answer.
#[derive(Clone)]
pub struct Ask {
    bytes: Vec<u8>,
    ends_with: u8,
}

/// A simple bind.
pub fn bind(name: &str, password: &str) -> Ask {
    let bytes = simple_bind(1, name, password.as_bytes()).unwrap().to_vec();
    Ask { bytes, ends_with: op::BIND_RESPONSE }
}

/// A search for one attribute that is called `1.1`, hence for none.
pub fn look(base: &str, scope: Scope, filter: &Filter<'_>) -> Ask {
    let attributes = Selection::NOTHING;
    let request = Search { base, scope, size_limit: 0, time_limit: 0, filter, attributes, page: None };
    Ask { bytes: search(2, &request).to_vec(), ends_with: op::SEARCH_DONE }
}

/// What anybody may ask before a bind.
pub fn root() -> Ask {
    look("", Scope::Base, &Filter::Present("objectClass"))
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// One connection.
pub struct Peer {
    stream: Box<dyn Duplex>,
    chunk: Vec<u8>,
}

/// What came in answer to a request.
#[derive(Default, Clone, Copy)]
pub struct Answered {
    pub success: bool,
    pub messages: usize,
    pub octets: usize,
}

/// Where to connect, and whether with TLS.
#[derive(Clone)]
pub struct Door {
    pub address: SocketAddr,
    pub tls: Option<Arc<ClientConfig>>,
}

impl Door {
    pub const fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// LDAPS; each connection makes a whole handshake.
    pub fn tls(address: SocketAddr, ca_pem: &[u8]) -> Self {
        let mut config = Arc::unwrap_or_clone(doorward::net::tls::client(Some(ca_pem)).unwrap());
        config.resumption = rustls::client::Resumption::disabled();
        Self { address, tls: Some(Arc::new(config)) }
    }
}

impl Peer {
    pub async fn connect(door: &Door) -> Self {
        let tcp = TcpStream::connect(door.address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let stream: Box<dyn Duplex> = match &door.tls {
            None => Box::new(tcp),
            Some(config) => {
                let name = "localhost".try_into().unwrap();
                let tls = tokio_rustls::TlsConnector::from(config.clone());
                Box::new(tls.connect(name, tcp).await.unwrap())
            }
        };
        Self { stream, chunk: Vec::new() }
    }

    /// Asks one thing and reads to the end of its answer.
    pub async fn ask(&mut self, ask: &Ask) -> Answered {
        self.stream.write_all(&ask.bytes).await.unwrap();
        self.chunk.resize(4 * CHUNK, 0);
        let mut answered = Answered::default();
        let mut have = 0;
        loop {
            let count = self.stream.read(&mut self.chunk[have..]).await.unwrap();
            assert!(count > 0, "the connection was ended");
            answered.octets += count;
            have += count;
            let mut at = 0;
            while let Some(length) = cut(&self.chunk[at..have], MAX_MESSAGE).unwrap() {
                let message = Message::read(&self.chunk[at..at + length]).unwrap();
                at += length;
                if message.operation.tag == ask.ends_with {
                    let result = LdapResult::read(&message.operation).unwrap();
                    answered.success = result.code == ResultCode::SUCCESS;
                    return answered;
                }
                answered.messages += 1;
            }
            self.chunk.copy_within(at..have, 0);
            have -= at;
        }
    }

    /// Keeps no more memory than a connection that only waits.
    pub fn rest(&mut self) {
        self.chunk = Vec::new();
    }

    /// Says goodbye and waits until the other side has closed.
    pub async fn leave(mut self) {
        self.stream.write_all(&unbind(3)).await.unwrap();
        self.stream.flush().await.unwrap();
        let mut end = [0; 64];
        // TLS tells of its end by an error as well.
        while let Ok(1..) = self.stream.read(&mut end).await {}
    }
}

/// Where somebody who takes turns gets connections from.
pub enum Line {
    /// This one serves for all.
    Kept(Box<Peer>),
    /// Each turn connects, asks, unbinds, and waits for the end.
    New(Door),
}

/// Has these take the `turns`, each whoever is free; a turn is the requests that one user makes. Its time is from
/// its first octet, or from the begin of its connection, to its last. Gives the connections that are kept back.
pub fn take_turns(
    runtime: &tokio::runtime::Runtime,
    lines: Vec<Line>,
    turns: Vec<Vec<Ask>>,
) -> (Score, Answered, Vec<Line>) {
    runtime.block_on(async move {
        let turns = Arc::new(Turns { all: turns, next: AtomicUsize::new(0) });
        let began = SystemClock.now().steady;
        let work = |line| tokio::spawn(work_off(line, turns.clone()));
        let tasks: Vec<_> = lines.into_iter().map(work).collect();
        let (mut score, mut sum, mut lines) = (Score::default(), Answered::default(), Vec::new());
        for task in tasks {
            let (done, line) = task.await.unwrap();
            lines.push(line);
            score.waits.join(&done.waits);
            score.wrong += done.wrong;
            sum.messages += done.sum.messages;
            sum.octets += done.sum.octets;
        }
        score.elapsed = SystemClock.now().steady - began;
        (score, sum, lines)
    })
}

struct Turns {
    all: Vec<Vec<Ask>>,
    next: AtomicUsize,
}

#[derive(Default)]
struct Done {
    waits: Histogram,
    wrong: usize,
    sum: Answered,
}

async fn work_off(mut line: Line, turns: Arc<Turns>) -> (Done, Line) {
    let mut done = Done::default();
    while let Some(turn) = turns.all.get(turns.next.fetch_add(1, Ordering::Relaxed)) {
        let began = SystemClock.now().steady;
        match &mut line {
            Line::Kept(peer) => take_turn(peer, turn, &mut done).await,
            Line::New(door) => {
                let mut peer = Peer::connect(door).await;
                take_turn(&mut peer, turn, &mut done).await;
                peer.leave().await;
            }
        }
        done.waits.add(SystemClock.now().steady - began);
    }
    (done, line)
}

async fn take_turn(peer: &mut Peer, turn: &[Ask], done: &mut Done) {
    let mut success = true;
    for ask in turn {
        let answered = tokio::time::timeout(PATIENCE, peer.ask(ask)).await.expect("an answer in time");
        success &= answered.success;
        done.sum.messages += answered.messages;
        done.sum.octets += answered.octets;
    }
    done.wrong += usize::from(!success);
}

/// Opens so many connections, each of which asks what `first` says for it, and holds them. The runtime must live as
/// long as they do.
pub fn open_many(
    runtime: &tokio::runtime::Runtime,
    door: &Door,
    count: usize,
    first: impl Fn(usize) -> Vec<Ask>,
) -> Vec<Peer> {
    const AT_ONCE: usize = 64;
    runtime.block_on(async {
        let mut peers = Vec::with_capacity(count);
        for begin in (0..count).step_by(AT_ONCE) {
            let open = |n| {
                let (door, asks) = (door.clone(), first(n));
                tokio::spawn(async move {
                    let mut peer = Peer::connect(&door).await;
                    for ask in &asks {
                        assert!(peer.ask(ask).await.success, "connection {n}");
                    }
                    peer.rest();
                    peer
                })
            };
            let tasks: Vec<_> = (begin..count.min(begin + AT_ONCE)).map(open).collect();
            for task in tasks {
                peers.push(task.await.unwrap());
            }
        }
        peers
    })
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Asks at a fixed rate, from as many threads as there are connections, each of which sends at times of its own and
/// then waits for its answer. An answer's time runs from when its request should have been sent, so that one that is late
/// makes those after it late as well.
pub fn ask_paced(address: SocketAddr, asks: &[Ask], rate: f64, connections: usize) -> Score {
    let began = SystemClock.now().steady + Duration::from_millis(20);
    let waits: Vec<(Histogram, usize)> = std::thread::scope(|scope| {
        let one = |first: usize| {
            let mine = asks.iter().enumerate().skip(first).step_by(connections);
            scope.spawn(move || {
                // The kernel may wake this thread when it should, and not up to 50 us later.
                let _exact = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut waits = (Histogram::default(), 0);
                for (n, ask) in mine {
                    let due = began + Duration::from_secs_f64(n as f64 / rate);
                    std::thread::sleep(due.saturating_duration_since(SystemClock.now().steady));
                    stream.write_all(&ask.bytes).unwrap();
                    let success = read_result(&mut stream);
                    waits.0.add(SystemClock.now().steady - due);
                    waits.1 += usize::from(!success);
                }
                waits
            })
        };
        let threads: Vec<_> = (0..connections).map(one).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut score = Score { elapsed: SystemClock.now().steady - began, ..Score::default() };
    for (some, wrong) in waits {
        score.waits.join(&some);
        score.wrong += wrong;
    }
    score
}

fn read_result(stream: &mut std::net::TcpStream) -> bool {
    let (mut inbox, mut chunk) = (Inbox::new(CHUNK), [0; 512]);
    loop {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the connection was ended");
        inbox.push(&chunk[..count]).unwrap();
        if let Some(whole) = inbox.take().unwrap() {
            let message = Message::read(whole).unwrap();
            return LdapResult::read(&message.operation).unwrap().code == ResultCode::SUCCESS;
        }
    }
}
