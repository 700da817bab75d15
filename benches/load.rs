//! The asking side: many devices behind one socket, a bounded number of requests under way at any time.

use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::secret::Secret;
use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::build::RequestBuilder;
use doorward::wire::radius::dictionary::{CALLING_STATION_ID, USER_NAME};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::lab;

/// One reply in so many is checked with the shared secret; all are checked for what they say.
const SAMPLE: usize = 16;
/// A request that was not answered in this time is sent again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// So often; then it counts as lost.
const MOST_SENDS: u8 = 4;
/// Datagrams taken in one call, and room for each: the kernel may join those of one sender.
const BATCH: usize = 8;
const ROOM: usize = 65_535;

/// A request, ready to be sent from one of the addresses of loopback.
pub struct Shot {
    pub from: Ipv4Addr,
    pub bytes: Vec<u8>,
}

/// What came of a volley.
#[derive(Default)]
pub struct Score {
    /// From the first request to the last reply.
    pub elapsed: Duration,
    /// Of every answered request, from when it was first sent; in rising order.
    pub waits: Vec<Duration>,
    /// Replies that said something else than expected, or did not prove the secret.
    pub wrong: usize,
    /// Requests that were never answered.
    pub lost: usize,
    /// Requests that had to be sent more than once.
    pub again: usize,
}

impl Score {
    /// Answers in a second.
    pub fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The wait that half of the requests did not exceed, in microseconds.
    pub fn p50(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The wait that this part of the requests did not exceed, in microseconds.
    pub fn quantile(&self, part: f64) -> f64 {
        let at = (self.waits.len() as f64 * part) as usize;
        self.waits
            .get(at.min(self.waits.len().saturating_sub(1)))
            .map_or(0.0, |wait| wait.as_secs_f64() * 1e6)
    }
}

/// The lab's shared secret.
pub fn secret() -> SharedSecret {
    SharedSecret::new(Secret::copied(lab::SECRET.as_bytes())).unwrap()
}

/// A Status-Server request.
pub fn probe(from: Ipv4Addr, identifier: u8, secret: &SharedSecret) -> Shot {
    let mut buffer = [0; MAX_LEN];
    let request = RequestBuilder::new(&mut buffer, Code::StatusServer, identifier, authenticator()).unwrap();
    Shot { from, bytes: request.sign(secret).unwrap().to_vec() }
}

/// An Access-Request with PAP, for a user who comes from an address of his own.
pub fn login(
    from: Ipv4Addr,
    identifier: u8,
    user: (&str, Ipv4Addr),
    password: &str,
    secret: &SharedSecret,
) -> Shot {
    let mut buffer = [0; MAX_LEN];
    let mut request =
        RequestBuilder::new(&mut buffer, Code::AccessRequest, identifier, authenticator()).unwrap();
    request.attribute(USER_NAME, user.0.as_bytes()).unwrap();
    request.password(password.as_bytes(), secret).unwrap();
    request.attribute(CALLING_STATION_ID, user.1.to_string().as_bytes()).unwrap();
    Shot { from, bytes: request.sign(secret).unwrap().to_vec() }
}

fn authenticator() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// How a volley is fired.
#[derive(Clone, Copy)]
pub struct Manner {
    /// Requests under way at any time.
    pub window: usize,
    /// What every reply must say; `None` takes any bytes that carry the request's identifier.
    pub expect: Option<Code>,
    /// After this no further request is sent.
    pub limit: Duration,
}

/// Sends all `shots`, each as soon as there is room in the window, and waits for their replies. No two shots
/// may have the same address and identifier.
pub fn fire(server: SocketAddr, shots: &[Shot], manner: Manner) -> Score {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { Volley::new(server, shots, manner).run().await })
}

/// A request under way.
struct Flight {
    shot: usize,
    first: Instant,
    sends: u8,
}

struct Volley<'a> {
    server: SocketAddr,
    shots: &'a [Shot],
    manner: Manner,
    secret: SharedSecret,
    socket: UdpSocket,
    state: UdpSocketState,
    flying: HashMap<(IpAddr, u8), Flight>,
    /// When to look whether a request was answered; one entry for each sending, in rising order.
    due: VecDeque<(Instant, (IpAddr, u8))>,
    next: usize,
    score: Score,
}

impl<'a> Volley<'a> {
    fn new(server: SocketAddr, shots: &'a [Shot], manner: Manner) -> Self {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let state = UdpSocketState::new((&socket).into()).unwrap();
        Self {
            server,
            shots,
            manner,
            secret: secret(),
            socket: UdpSocket::from_std(socket).unwrap(),
            state,
            flying: HashMap::new(),
            due: VecDeque::new(),
            next: 0,
            score: Score { waits: Vec::with_capacity(shots.len()), ..Score::default() },
        }
    }

    async fn run(mut self) -> Score {
        // Until the runtime has heard from the kernel once it takes the socket for blocked.
        self.socket.writable().await.unwrap();
        let began = SystemClock.now().steady;
        let end = began + self.manner.limit;
        let mut buffers: [Vec<u8>; BATCH] = std::array::from_fn(|_| vec![0; ROOM]);
        loop {
            let now = SystemClock.now().steady;
            while now < end && self.flying.len() < self.manner.window && self.next < self.shots.len() {
                self.send_next();
            }
            if self.flying.is_empty() {
                break;
            }
            let wait = tokio::time::timeout(AGAIN_AFTER / 4, self.socket.readable()).await;
            if let Ok(ready) = wait {
                ready.unwrap();
                self.take(&mut buffers);
            }
            self.send_again();
        }
        self.score.elapsed = SystemClock.now().steady - began;
        self.score.lost += self.shots.len() - self.next;
        self.score.waits.sort_unstable();
        self.score
    }

    fn send_next(&mut self) {
        let shot = self.next;
        self.next += 1;
        let key = (IpAddr::V4(self.shots[shot].from), self.shots[shot].bytes[1]);
        let first = SystemClock.now().steady;
        let other = self.flying.insert(key, Flight { shot, first, sends: 1 });
        assert!(other.is_none(), "two requests with one address and identifier");
        self.due.push_back((first + AGAIN_AFTER, key));
        self.send(shot);
    }

    /// What the kernel does not take now counts as lost on the way.
    fn send(&self, shot: usize) {
        let Shot { from, bytes } = &self.shots[shot];
        let transmit = Transmit {
            destination: self.server,
            ecn: None,
            contents: bytes,
            segment_size: None,
            src_ip: Some(IpAddr::V4(*from)),
        };
        let sent =
            self.socket.try_io(Interest::WRITABLE, || self.state.try_send((&self.socket).into(), &transmit));
        if let Err(fault) = sent {
            assert_eq!(fault.kind(), io::ErrorKind::WouldBlock, "{fault}");
        }
    }

    fn send_again(&mut self) {
        let now = SystemClock.now().steady;
        while let Some((due, key)) = self.due.front().copied().filter(|(due, _)| *due <= now) {
            self.due.pop_front();
            let Some(flight) = self.flying.get_mut(&key) else { continue };
            if flight.sends >= MOST_SENDS {
                self.flying.remove(&key);
                self.score.lost += 1;
                continue;
            }
            self.score.again += usize::from(flight.sends == 1);
            flight.sends += 1;
            let shot = flight.shot;
            self.due.push_back((due + AGAIN_AFTER, key));
            self.send(shot);
        }
    }

    fn take(&mut self, buffers: &mut [Vec<u8>; BATCH]) {
        let mut metas = [RecvMeta::default(); BATCH];
        let mut slices = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
        let received = self
            .socket
            .try_io(Interest::READABLE, || self.state.recv((&self.socket).into(), &mut slices, &mut metas));
        let count = match received {
            Ok(count) => count,
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return,
            Err(fault) => panic!("{fault}"),
        };
        let now = SystemClock.now().steady;
        for (buffer, meta) in buffers.iter().zip(&metas).take(count) {
            for reply in buffer[..meta.len].chunks(meta.stride.max(1)) {
                self.judge(now, meta.dst_ip.unwrap(), reply);
            }
        }
    }

    fn judge(&mut self, now: Instant, to: IpAddr, reply: &[u8]) {
        // The second answer to a request that was sent twice finds nobody.
        let Some(flight) = self.flying.remove(&(to, reply[1])) else { return };
        let request = &self.shots[flight.shot].bytes;
        self.score.waits.push(now.saturating_duration_since(flight.first));
        let Some(expect) = self.manner.expect else { return };
        let right = match Packet::parse(reply) {
            Ok(packet) if packet.code() == expect => {
                let authenticator: [u8; 16] = request[4..20].try_into().unwrap();
                !flight.shot.is_multiple_of(SAMPLE)
                    || self.secret.check_reply(&packet, &authenticator, true).is_ok()
            }
            _ => false,
        };
        self.score.wrong += usize::from(!right);
    }
}
