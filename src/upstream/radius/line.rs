//! The way to one server: sends one request until it is answered or its time is over.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

use crate::base::clock::Clock;
use crate::base::random::{self, Random};
use crate::upstream::radius::pace::{Copies, Pace};
use crate::upstream::radius::request::{EMPTY, Kind, Request};
use crate::upstream::radius::socket::{Listener, NoSocket, Peer, Place, Socket};
use crate::upstream::radius::trouble::Trouble;
use crate::upstream::radius::waiting::Ended;
use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::packet::{Code, Packet};

/// Most requests that one server has before it at once; further ones wait, each within its own time.
const MOST_REQUESTS: usize = 1024;
/// Most sockets to one server in use: twice what these requests need, so that sockets that were retired are not
/// missed, and some for each runtime. A runtime that gets none any more shares those of others.
const MOST_SOCKETS: usize = 32;

/// A reply that proved itself.
pub struct Response {
    bytes: Box<[u8]>,
    request_authenticator: [u8; 16],
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("code", &self.code()).finish_non_exhaustive()
    }
}

impl Response {
    pub(super) const fn new(bytes: Box<[u8]>, request_authenticator: [u8; 16]) -> Self {
        Self { bytes, request_authenticator }
    }

    /// What it says.
    #[must_use]
    pub fn code(&self) -> Code {
        self.packet().map_or(Code::Other(0), |packet| packet.code())
    }

    /// The packet; it was read once already, so there is one.
    #[must_use]
    pub fn packet(&self) -> Option<Packet<'_>> {
        Packet::parse(&self.bytes).ok()
    }

    /// The Request Authenticator of the request that it answers: what it hides is hidden with it.
    #[must_use]
    pub const fn request_authenticator(&self) -> &[u8; 16] {
        &self.request_authenticator
    }
}

/// The way to one server.
pub struct Line {
    peer: Arc<Peer>,
    pace: Pace,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    listener: Listener,
    places: Semaphore,
    sockets: Mutex<Vec<Arc<Socket>>>,
}

/// One request on its way.
struct Underway<'a> {
    place: Place,
    packet: &'a [u8],
    copies: Copies<'a>,
    began: Instant,
}

impl Line {
    /// A way to the server at `address`. No socket is opened yet.
    #[must_use]
    pub fn new(
        address: SocketAddr,
        secret: SharedSecret,
        signed_only: bool,
        pace: Pace,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self::heard_by(Peer { address, secret, signed_only }, pace, clock, random, Arc::new(|_| ()))
    }

    /// The same; `listener` hears of every datagram.
    pub(super) fn heard_by(
        peer: Peer,
        pace: Pace,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        listener: Listener,
    ) -> Self {
        let (places, sockets) = (Semaphore::new(MOST_REQUESTS), Mutex::default());
        Self { peer: Arc::new(peer), pace, clock, random, listener, places, sockets }
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.peer.address
    }

    /// The secret shared with it.
    #[must_use]
    pub fn secret(&self) -> &SharedSecret {
        &self.peer.secret
    }

    /// Sends `request` until its reply comes, at most until `until` and no longer than one server may take. Copies
    /// are sent as A-119 says; dropping the future ends them. To be called inside a runtime.
    ///
    /// # Errors
    ///
    /// [`Trouble`] when there is no reply that counts.
    pub async fn ask(&self, request: &Request<'_>, until: Instant) -> Result<Response, Trouble> {
        let began = self.clock.now().steady;
        let until = began.checked_add(self.pace.server).map_or(until, |own| own.min(until));
        self.exchange(request, self.pace.copies(), began, until).await
    }

    /// Asks for a sign of life: one Status-Server request, never a copy of it.
    pub(super) async fn ask_once(&self, request: &Request<'_>) -> Result<Response, Trouble> {
        let began = self.clock.now().steady;
        let until = began.checked_add(self.pace.probe).unwrap_or(began);
        let once = Pace { copies: 1, ..self.pace.clone() };
        self.exchange(request, once.copies(), began, until).await
    }

    async fn exchange(
        &self,
        request: &Request<'_>,
        copies: Copies<'_>,
        began: Instant,
        until: Instant,
    ) -> Result<Response, Trouble> {
        let _permit = self.permit(until).await?;
        let place = self.place(request.kind)?;
        let mut buffer = Box::new(EMPTY);
        let fresh = random::bytes(&*self.random)?;
        let packet = request.write(&mut buffer, place.identifier(), fresh, &self.peer.secret)?;
        let authenticator = packet.get(4..20).and_then(|bytes| bytes.try_into().ok()).unwrap_or(fresh);
        place.aim(authenticator);
        let mut underway = Underway { place, packet, copies, began };
        let asked = self.send_until_answered(&mut underway, until).await;
        if matches!(asked, Err(Trouble::Silent { .. } | Trouble::Unsendable(_))) {
            self.retire(underway.place.socket());
        }
        asked.map(|bytes| Response::new(bytes, authenticator))
    }

    async fn send_until_answered(
        &self,
        underway: &mut Underway<'_>,
        until: Instant,
    ) -> Result<Box<[u8]>, Trouble> {
        loop {
            self.send(underway).await?;
            let wait = underway.copies.sent(&*self.random)?;
            let now = self.clock.now().steady;
            let again = wait.and_then(|wait| now.checked_add(wait)).map_or(until, |again| again.min(until));
            match timeout_at(again.into(), underway.place.reply()).await {
                Ok(Ok(bytes)) => return Ok(bytes),
                Ok(Err(Ended::NotListening)) => return Err(Trouble::NotListening),
                Err(_) if again < until => {}
                Err(_) => return Err(self.unanswered(underway)),
            }
        }
    }

    async fn send(&self, underway: &Underway<'_>) -> Result<(), Trouble> {
        match underway.place.send(underway.packet).await {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Trouble::NotListening),
            Err(error) => Err(Trouble::Unsendable(error.kind())),
        }
    }

    fn unanswered(&self, underway: &Underway<'_>) -> Trouble {
        let copies = underway.copies.count();
        let waited = self.clock.now().steady.saturating_duration_since(underway.began);
        match underway.place.refused() {
            Some(why) => Trouble::Refused { copies, why },
            None => Trouble::Silent { copies, waited },
        }
    }

    async fn permit(&self, until: Instant) -> Result<SemaphorePermit<'_>, Trouble> {
        match timeout_at(until.into(), self.places.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Trouble::Full),
        }
    }

    /// An identifier on the first socket that is read here and has one left, a new socket when none has. A reply that
    /// another thread reads has to wake this one, which costs more than reading it.
    fn place(&self, kind: Kind) -> Result<Place, Trouble> {
        let here = Handle::current().id();
        let mut sockets = self.sockets();
        sockets.retain(|socket| !socket.is_retired());
        let mut ours = sockets.iter().filter(|socket| socket.home() == here);
        if let Some(place) = ours.find_map(|socket| socket.begin(kind)) {
            return Ok(place);
        }
        if sockets.len() >= MOST_SOCKETS {
            return sockets.iter().find_map(|socket| socket.begin(kind)).ok_or(Trouble::Full);
        }
        let opened = Socket::open(self.peer.clone(), &*self.random, self.listener.clone());
        let socket = Arc::new(opened.map_err(|error| match error {
            NoSocket::System(error) => Trouble::Unsendable(error.kind()),
            NoSocket::Random(none) => Trouble::from(none),
        })?);
        let place = socket.begin(kind).ok_or(Trouble::Full)?;
        sockets.push(socket);
        Ok(place)
    }

    /// A socket on which nobody answers may have lost its way, as after a change of our own addresses or of what
    /// translates them in between: the next request goes through a new one, from a new port.
    fn retire(&self, silent: &Arc<Socket>) {
        silent.retire();
        self.sockets().retain(|socket| !Arc::ptr_eq(socket, silent));
    }

    /// Closes the sockets that a rush of requests left behind, all but the first of each runtime.
    pub(super) fn tidy(&self) {
        let mut homes = Vec::new();
        self.sockets().retain(|socket| {
            let first = !homes.contains(&socket.home());
            if first {
                homes.push(socket.home());
            }
            first || !socket.is_idle()
        });
    }

    fn sockets(&self) -> MutexGuard<'_, Vec<Arc<Socket>>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that have their place at the moment.
    pub(super) fn underway(&self) -> usize {
        MOST_REQUESTS.saturating_sub(self.places.available_permits())
    }

    /// Whether a request that has until `until` has all the time that a server may take: then no answer is a sign.
    pub(super) fn has_its_time(&self, until: Instant) -> bool {
        until.saturating_duration_since(self.clock.now().steady) >= self.pace.server
    }
}
