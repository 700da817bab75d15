//! Plays the appliance: a small RADIUS client for `login` and `demo`, so that a gateway can be tried
//! without one.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::base::clock::{Clock, SystemClock};
use crate::base::random::{self, SystemRandom};
use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::build::RequestBuilder;
use crate::wire::radius::dictionary::{CALLING_STATION_ID, NAS_IDENTIFIER, REPLY_MESSAGE, STATE, USER_NAME};
use crate::wire::radius::packet::{Code, MAX_LEN, Packet};

/// A device that asks one gateway.
pub(super) struct Appliance {
    /// Where the gateway listens.
    pub(super) server: SocketAddr,
    /// What both know.
    pub(super) secret: SharedSecret,
    /// What the user's address is said to be.
    pub(super) from: Option<IpAddr>,
    /// How long one try waits.
    pub(super) timeout: Duration,
    /// Tries in all; a try repeats the same packet.
    pub(super) tries: u32,
}

/// What the gateway said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Access-Accept.
    Accept,
    /// Access-Reject, with its text.
    Reject(String),
    /// Access-Challenge: its text, and the State to send back.
    Challenge(String, Vec<u8>),
    /// Nothing, after all tries.
    Nothing,
}

impl Appliance {
    /// Sends one Access-Request and waits for its reply. A reply that does not prove the secret, or has no
    /// Message-Authenticator, is treated as if it had not come.
    ///
    /// # Errors
    ///
    /// What the system says about the socket, or that name or password do not fit in a packet.
    pub(super) fn ask(&self, user: &str, password: &[u8], state: Option<&[u8]>) -> io::Result<Said> {
        let [identifier] = random::bytes::<1>(&SystemRandom).map_err(io::Error::other)?;
        let authenticator: [u8; 16] = random::bytes(&SystemRandom).map_err(io::Error::other)?;
        let mut buffer = [0; MAX_LEN];
        let too_long = |_| io::Error::new(ErrorKind::InvalidInput, "name or password is too long for RADIUS");
        let mut request = RequestBuilder::new(&mut buffer, Code::AccessRequest, identifier, authenticator)
            .map_err(too_long)?;
        request.attribute(USER_NAME, user.as_bytes()).map_err(too_long)?;
        request.password(password, &self.secret).map_err(too_long)?;
        request.attribute(NAS_IDENTIFIER, b"doorward-login").map_err(too_long)?;
        if let Some(from) = self.from {
            request.attribute(CALLING_STATION_ID, from.to_string().as_bytes()).map_err(too_long)?;
        }
        if let Some(state) = state {
            request.attribute(STATE, state).map_err(too_long)?;
        }
        let packet = request.sign(&self.secret).map_err(too_long)?;
        self.exchange(packet, identifier, &authenticator)
    }

    fn exchange(&self, packet: &[u8], identifier: u8, authenticator: &[u8; 16]) -> io::Result<Said> {
        let any: SocketAddr =
            if self.server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(self.server)?;
        let mut reply = [0; MAX_LEN];
        for _ in 0..self.tries {
            // A closed port is reported on the next call; it means the same as silence.
            let _sent = socket.send(packet);
            let until = SystemClock.now().steady.checked_add(self.timeout);
            loop {
                let now = SystemClock.now().steady;
                let left = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
                if left.is_zero() {
                    break;
                }
                socket.set_read_timeout(Some(left))?;
                let Ok(length) = socket.recv(&mut reply) else { continue };
                let datagram = reply.get(..length).unwrap_or_default();
                if let Some(said) = self.read(datagram, identifier, authenticator) {
                    return Ok(said);
                }
            }
        }
        Ok(Said::Nothing)
    }

    fn read(&self, datagram: &[u8], identifier: u8, authenticator: &[u8; 16]) -> Option<Said> {
        let packet = Packet::parse(datagram).ok()?;
        if packet.identifier() != identifier || self.secret.check_reply(&packet, authenticator, true).is_err()
        {
            return None;
        }
        let text: Vec<u8> = packet.all(REPLY_MESSAGE).flatten().copied().collect();
        let text = String::from_utf8_lossy(&text).into_owned();
        match packet.code() {
            Code::AccessAccept => Some(Said::Accept),
            Code::AccessReject => Some(Said::Reject(text)),
            Code::AccessChallenge => Some(Said::Challenge(text, packet.find(STATE)?.to_vec())),
            _ => None,
        }
    }
}
