//! The asking side: many devices behind one socket, a bounded number of requests under way at any time.

use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice, IoSliceMut};
use std::iter::Peekable;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroU64;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::secret::Secret;
use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::build::RequestBuilder;
use doorward::wire::radius::dictionary::{CALLING_STATION_ID, STATE, USER_NAME};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};
use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, sendmmsg, setsockopt};
use quinn_udp::{RecvMeta, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::histogram::Histogram;
use crate::lab;

/// One reply in so many is checked with the shared secret; all are checked for what they say.
const SAMPLE: usize = 16;
/// A request that was not answered in this time is sent again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// So often; then it counts as lost.
const MOST_SENDS: u8 = 4;
/// Datagrams sent and taken in one call, and room for each: the kernel may join those of one sender.
pub const BATCH: usize = 32;
const ROOM: usize = 65_535;
/// Octets of replies that may wait for us.
const ROOM_FOR_REPLIES: usize = 32 << 20;
/// Nothing is sent for longer, unless said.
pub const LONGEST: Duration = Duration::from_secs(20);

/// A request, ready to be sent from one of the addresses of loopback.
#[derive(Clone)]
pub struct Shot {
    pub from: Ipv4Addr,
    pub bytes: Vec<u8>,
}

/// What came of a volley.
#[derive(Default)]
pub struct Score {
    /// From the first request to the last reply.
    pub elapsed: Duration,
    /// Of every answered request, from when it was first sent, or from when it should have been sent.
    pub waits: Histogram,
    /// At a fixed rate, how much later than planned requests were sent.
    pub lateness: Histogram,
    /// Replies that said something else than expected, or did not prove the secret.
    pub wrong: usize,
    /// Requests that were never answered.
    pub lost: usize,
    /// Requests that had to be sent more than once.
    pub again: usize,
    /// Requests that are any of these, each of them once: many a lost one was sent more than once before.
    pub failed: usize,
    /// When they are kept: the reply to each shot, in the order of the shots.
    pub replies: Vec<Vec<u8>>,
}

impl Score {
    /// Answers in a second.
    pub fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.elapsed.as_secs_f64()
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

/// An Access-Request with PAP, for a user who comes from an address of his own; with a State it is an answer.
pub fn login(
    from: Ipv4Addr,
    identifier: u8,
    user: (&str, Ipv4Addr),
    password: &str,
    state: Option<&[u8]>,
    secret: &SharedSecret,
) -> Shot {
    let mut buffer = [0; MAX_LEN];
    let mut request =
        RequestBuilder::new(&mut buffer, Code::AccessRequest, identifier, authenticator()).unwrap();
    request.attribute(USER_NAME, user.0.as_bytes()).unwrap();
    request.password(password.as_bytes(), secret).unwrap();
    request.attribute(CALLING_STATION_ID, user.1.to_string().as_bytes()).unwrap();
    if let Some(state) = state {
        request.attribute(STATE, state).unwrap();
    }
    Shot { from, bytes: request.sign(secret).unwrap().to_vec() }
}

fn authenticator() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// How a volley is fired.
#[derive(Clone, Copy, Default)]
pub struct Manner<'a> {
    /// Requests under way at any time.
    pub window: usize,
    /// So many are sent in a second, evenly and whatever is answered meanwhile; `None` sends as soon as there is room.
    pub rate: Option<f64>,
    /// Looks so often, and no oftener: what is due then leaves together, and what has come is taken together. Whoever asks much
    /// at a rate would take a core otherwise, to wake up for each request and each reply.
    pub tick: Option<Duration>,
    /// What every reply must say; `None` takes any bytes that carry the request's identifier.
    pub expect: Option<Code>,
    /// What every reply must be, octet by octet; over again where there are more.
    pub alike: Option<&'a [Vec<u8>]>,
    /// Whether to hand the replies back.
    pub keep: bool,
    /// After this no further request is sent; nothing sends for longer than [`LONGEST`].
    pub limit: Option<Duration>,
}

/// Sends all `shots`, each as soon as there is room in the window or when its time has come, and waits for their replies.
/// No two shots that are under way at one time may have the same address and identifier.
pub fn fire(server: SocketAddr, shots: &[Shot], manner: Manner<'_>) -> Score {
    fire_from(&mut Sender::new(server), shots.iter().cloned(), manner)
}

/// The same with a socket that others used before, so that a copy of a request is one. Each shot is made when its time
/// has come.
pub fn fire_from(sender: &mut Sender, shots: impl Iterator<Item = Shot>, manner: Manner<'_>) -> Score {
    Volley::new(sender, shots, manner).run()
}

/// A request under way.
struct Flight {
    /// Which one it is, and itself.
    number: usize,
    shot: Shot,
    first: Instant,
    /// When it will be sent again.
    again: Instant,
    sends: u8,
}

struct Volley<'a, I: Iterator<Item = Shot>> {
    shots: Peekable<I>,
    manner: Manner<'a>,
    secret: SharedSecret,
    began: Instant,
    sender: &'a mut Sender,
    state: UdpSocketState,
    flying: HashMap<(Ipv4Addr, u8), Flight>,
    /// When to look whether a request was answered; one entry for each sending, in rising order.
    due: VecDeque<(Instant, (Ipv4Addr, u8))>,
    next: usize,
    score: Score,
}

impl<'a, I: Iterator<Item = Shot>> Volley<'a, I> {
    fn new(sender: &'a mut Sender, shots: I, manner: Manner<'a>) -> Self {
        let state = UdpSocketState::new((&sender.socket).into()).unwrap();
        // The kernel may wake this thread when it should, and not up to 50 us later.
        let _exact = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        Self {
            shots: shots.peekable(),
            manner,
            secret: secret(),
            began: now(),
            sender,
            state,
            flying: HashMap::new(),
            due: VecDeque::new(),
            next: 0,
            score: Score::default(),
        }
    }

    fn run(mut self) -> Score {
        let mut buffers: [Vec<u8>; BATCH] = std::array::from_fn(|_| vec![0; ROOM]);
        let end = self.began + self.manner.limit.unwrap_or(LONGEST);
        loop {
            let now = now();
            if now < end {
                self.send_next(now);
            }
            let over = now >= end || !self.is_more_to_send();
            if self.flying.is_empty() && over {
                break;
            }
            match self.manner.tick {
                Some(tick) => std::thread::sleep(tick.saturating_sub(now.elapsed())),
                None => self.wait(if over { None } else { self.planned(self.next) }),
            }
            while self.take(&mut buffers) == BATCH {}
            self.send_again();
        }
        self.score.elapsed = now() - self.began;
        let left = self.shots.by_ref().count();
        self.lose(left);
        self.score
    }

    /// Whether a shot is left. While the next one's time has not come it is not made: at a fixed rate there may be any
    /// number of them.
    fn is_more_to_send(&mut self) -> bool {
        self.planned(self.next).is_some_and(|at| at > now()) || self.shots.peek().is_some()
    }

    /// When a shot should leave; `None` where there is no plan.
    fn planned(&self, shot: usize) -> Option<Instant> {
        Some(self.began + Duration::from_secs_f64(shot as f64 / self.manner.rate?))
    }

    /// Sends what there is room for, or what is due, in runs of one sender.
    fn send_next(&mut self, now: Instant) {
        let mut run: Vec<Shot> = Vec::with_capacity(BATCH);
        loop {
            let is_due = self.planned(self.next + run.len()).is_none_or(|at| at <= now);
            let is_room = self.flying.len() + run.len() < self.manner.window && run.len() < BATCH;
            let from = run.first().map(|shot| shot.from);
            let next = if is_due && is_room {
                self.shots.next_if(|shot| from.is_none_or(|from| from == shot.from))
            } else {
                None
            };
            match next {
                Some(shot) => run.push(shot),
                None if run.is_empty() => return,
                None => self.launch(&mut run, now),
            }
        }
    }

    fn launch(&mut self, run: &mut Vec<Shot>, now: Instant) {
        self.sender.send(run);
        for shot in run.drain(..) {
            let (number, again) = (self.next, now + AGAIN_AFTER);
            let first = self.planned(number).unwrap_or(now);
            if self.manner.rate.is_some() {
                self.score.lateness.add(now.saturating_duration_since(first));
            }
            let key = (shot.from, shot.bytes[1]);
            let other = self.flying.insert(key, Flight { number, shot, first, again, sends: 1 });
            // One that was not answered until its identifier came round again, which only load that goes on has time for.
            let goes_on = self.manner.rate.is_some() || self.manner.limit.is_some();
            assert!(other.is_none() || goes_on, "two requests with one address and identifier");
            self.lose(usize::from(other.is_some()));
            self.due.push_back((again, key));
            self.next += 1;
        }
    }

    fn send_again(&mut self) {
        let now = now();
        while let Some((due, key)) = self.due.front().copied().filter(|(due, _)| *due <= now) {
            self.due.pop_front();
            // It may have been answered, and its identifier given to another one.
            let Some(flight) = self.flying.get_mut(&key).filter(|flight| flight.again == due) else {
                continue;
            };
            if flight.sends >= MOST_SENDS {
                self.flying.remove(&key);
                self.lose(1);
                continue;
            }
            self.score.again += usize::from(flight.sends == 1);
            flight.sends += 1;
            flight.again = now + AGAIN_AFTER;
            self.due.push_back((flight.again, key));
            self.sender.send(std::slice::from_ref(&flight.shot));
        }
    }

    /// So many will not be answered any more.
    fn lose(&mut self, requests: usize) {
        self.score.lost += requests;
        self.score.failed += requests;
    }

    /// Until something can be read, or until then.
    fn wait(&self, until: Option<Instant>) {
        let most = now() + AGAIN_AFTER / 4;
        let time = until.map_or(most, |until| until.min(most)).saturating_duration_since(now());
        let time = Timespec::try_from(time).unwrap();
        let mut sockets = [PollFd::new(&self.sender.socket, PollFlags::IN)];
        match poll(&mut sockets, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(fault) => panic!("{fault}"),
        }
    }

    /// Takes what has come, as far as there is room for; how much that was.
    fn take(&mut self, buffers: &mut [Vec<u8>; BATCH]) -> usize {
        let mut metas = [RecvMeta::default(); BATCH];
        let mut slices = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
        let count = match self.state.recv((&self.sender.socket).into(), &mut slices, &mut metas) {
            Ok(count) => count,
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => return 0,
            Err(fault) => panic!("{fault}"),
        };
        let now = now();
        for (buffer, meta) in buffers.iter().zip(&metas).take(count) {
            let Some(IpAddr::V4(to)) = meta.dst_ip else { panic!("a reply to nobody") };
            for reply in buffer[..meta.len].chunks(meta.stride.max(1)) {
                self.judge(now, to, reply);
            }
        }
        count
    }

    fn judge(&mut self, now: Instant, to: Ipv4Addr, reply: &[u8]) {
        // The second answer to a request that was sent twice finds nobody.
        let Some(flight) = self.flying.remove(&(to, reply[1])) else { return };
        let request = &flight.shot.bytes;
        self.score.waits.add(now.saturating_duration_since(flight.first));
        if self.manner.keep {
            self.score.replies.resize(self.score.replies.len().max(flight.number + 1), Vec::new());
            self.score.replies[flight.number] = reply.to_vec();
        }
        let is_alike = self.manner.alike.is_none_or(|alike| alike[flight.number % alike.len()] == reply);
        let says = |expect: Code| match Packet::parse(reply) {
            Ok(packet) if packet.code() == expect => {
                let authenticator: [u8; 16] = request[4..20].try_into().unwrap();
                !flight.number.is_multiple_of(SAMPLE)
                    || self.secret.check_reply(&packet, &authenticator, true).is_ok()
            }
            _ => false,
        };
        let is_right = is_alike && self.manner.expect.is_none_or(says);
        self.score.wrong += usize::from(!is_right);
        self.score.failed += usize::from(!is_right || flight.sends > 1);
    }
}

/// A socket that sends from any address of loopback, many datagrams in one call.
pub struct Sender {
    socket: UdpSocket,
    server: SockaddrIn,
    headers: MultiHeaders<SockaddrIn>,
}

impl Sender {
    pub fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        // A burst of replies must not be lost on our side. Only somebody with privileges may have more than is allowed.
        if setsockopt(&socket, RcvBufForce, &ROOM_FOR_REPLIES).is_err() {
            let _as_much_as_allowed = setsockopt(&socket, RcvBuf, &ROOM_FOR_REPLIES);
        }
        let SocketAddr::V4(server) = server else { panic!("{server}: loopback of IPv4 alone is asked") };
        let room = nix::cmsg_space!(in_pktinfo);
        Self { socket, server: server.into(), headers: MultiHeaders::preallocate(BATCH, Some(room)) }
    }

    /// Where it hears.
    pub fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Sends these, at most [`BATCH`] and all from the address of the first. What the kernel does not take now counts as
    /// lost on the way.
    pub fn send(&mut self, shots: &[Shot]) {
        let from = u32::from(shots[0].from).to_be();
        let info = in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: in_addr { s_addr: from },
            ipi_addr: in_addr { s_addr: 0 },
        };
        let slices: Vec<[IoSlice<'_>; 1]> = shots.iter().map(|shot| [IoSlice::new(&shot.bytes)]).collect();
        let to = vec![Some(self.server); shots.len()];
        let control = [ControlMessage::Ipv4PacketInfo(&info)];
        let sent = sendmmsg(
            self.socket.as_raw_fd(),
            &mut self.headers,
            &slices,
            to,
            control,
            MsgFlags::MSG_DONTWAIT,
        );
        match sent.map(|_sent| ()) {
            Ok(()) | Err(Errno::EAGAIN | Errno::ENOBUFS) => {}
            Err(fault) => panic!("{fault}"),
        }
    }
}

fn now() -> Instant {
    SystemClock.now().steady
}
