//! Orders to devices: end this session (RFC 5176).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::base::cidr::canonical;
use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::frontend::radius::clients::ClientTable;
use crate::gateway::ports::sessions::{Fate, OpenSession, Orders};
use crate::gateway::ports::{Place, Vault};
use crate::upstream::radius::{Kind, Line, Pace, Request, Response, Trouble};
use crate::wire::radius::attribute::Attributes;
use crate::wire::radius::dictionary::{
    ACCT_SESSION_ID, ERROR_CAUSE, EVENT_TIMESTAMP, NAS_IDENTIFIER, NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, entry,
};
use crate::wire::radius::packet::Code;

/// How long a device may take for one order, copies included. Who orders waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an order that met a passing trouble waits before it is given again; every further time twice as long.
const PAUSE: Duration = Duration::from_secs(1);

/// What tells one device from another.
const DEVICE: [u8; 3] = [NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, NAS_IDENTIFIER];
/// What a session is known by to every device.
const LEAST: [u8; 4] = [NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, NAS_IDENTIFIER, ACCT_SESSION_ID];

/// Session-Context-Not-Found (RFC 5176 section 3.5).
const NO_SUCH_SESSION: u32 = 503;

/// Gives orders to the devices of our clients.
pub struct Devices {
    clients: ClientTable,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pace: Pace,
    pause: Duration,
}

impl Devices {
    /// Knows the devices of `clients`, and opens with `vault` what their sessions are known by.
    #[must_use]
    pub fn new(
        clients: ClientTable,
        vault: Arc<dyn Vault>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { clients, vault, clock, random, pace: Pace::new(PATIENCE), pause: PAUSE }
    }

    /// The same, with another rhythm: how copies of an order follow each other, and how long the first pause is after
    /// a device could not carry it out.
    #[must_use]
    pub fn with_rhythm(self, pace: Pace, pause: Duration) -> Self {
        Self { pace, pause, ..self }
    }

    /// The way to the device of `session`, and what it knows the session by.
    ///
    /// It is told where its accounting comes from, and only if that address is still the client's: with the client's
    /// secret nobody else is to hear of its sessions.
    fn prepare(&self, session: &OpenSession) -> Result<(Line, Zeroizing<Vec<u8>>), Fate> {
        let not = |why: &str| Fate::NotTold(why.to_owned());
        let place = session.key.place();
        let marks =
            self.vault.open(Place::Session(&place), &session.marks).map_err(|fault| not(&fault.what))?;
        let damaged = || not("what its device knows it by cannot be read");
        let (address, marks) = marks.expose().split_first_chunk::<16>().ok_or_else(damaged)?;
        let address = canonical(IpAddr::from(*address));
        let client = self.clients.get(address).filter(|client| client.client.name == session.key.client);
        let Some(client) = client else {
            return Err(not("its device is at no address of the client any more"));
        };
        let Some(port) = client.disconnect_port else {
            return Err(not("its client takes no orders; where the device does, set disconnect-port"));
        };
        let line = Line::new(
            SocketAddr::new(address, port),
            client.secret.clone(),
            false,
            self.pace.clone(),
            self.clock.clone(),
            self.random.clone(),
        );
        Ok((line, with_device(marks, address)))
    }

    async fn give(&self, line: &Line, marks: &[u8]) -> Said {
        let now = self.clock.now();
        let attributes = dated(marks, now.unix.seconds());
        let request = Request { kind: Kind::Disconnect, attributes: &attributes, password: None };
        let until = now.steady.checked_add(self.pace.server).unwrap_or(now.steady);
        match line.ask(&request, until).await {
            Ok(response) if response.code() == Code::DisconnectAck => Said::Done,
            Ok(response) => Said::No(cause(&response)),
            Err(trouble) => Said::Nothing(trouble),
        }
    }

    /// Gives an order again while the device says that it cannot carry it out now, as long as it may take.
    async fn insist(&self, line: &Line, marks: &[u8]) -> Said {
        let began = self.clock.now().steady;
        let mut pause = self.pause;
        loop {
            let said = self.give(line, marks).await;
            let Said::No(cause) = &said else { return said };
            let spent = self.clock.now().steady.saturating_duration_since(began);
            if !passes(*cause) || spent.saturating_add(pause) >= self.pace.server {
                return said;
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
    }
}

#[async_trait]
impl Orders for Devices {
    async fn end(&self, session: &OpenSession) -> Fate {
        let (line, marks) = match self.prepare(session) {
            Ok(prepared) => prepared,
            Err(fate) => return fate,
        };
        let address = line.address();
        let full = self.insist(&line, &marks).await;
        let Said::No(cause) = full else { return full.fate(address) };
        let least = least(&marks);
        if !is_about_marks(cause) || least.len() == marks.len() {
            return full.fate(address);
        }
        // Some devices compare what they ought to overlook, or refuse what they do not know: once more with the least.
        match self.insist(&line, &least).await {
            Said::Done => Fate::Ended,
            Said::No(Some(NO_SUCH_SESSION)) => Fate::Gone,
            Said::No(_) | Said::Nothing(_) => full.fate(address),
        }
    }
}

/// What a device said to an order.
#[derive(Debug, Clone, Copy)]
enum Said {
    Done,
    /// Disconnect-NAK with its Error-Cause.
    No(Option<u32>),
    Nothing(Trouble),
}

impl Said {
    fn fate(self, address: SocketAddr) -> Fate {
        match self {
            Self::Done => Fate::Ended,
            Self::No(Some(NO_SUCH_SESSION)) => Fate::Gone,
            Self::No(cause) => Fate::Refused(format!("{address} refused: {}", worded(cause))),
            Self::Nothing(trouble) => Fate::Silent(format!("{address}: {trouble}; {}", advice(trouble))),
        }
    }
}

/// What to look at.
const fn advice(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Refused { .. } => {
            "compare the client's secret here with the one that the device has for orders"
        }
        Trouble::NotListening => "check disconnect-port, and that the device takes orders (RFC 5176)",
        Trouble::Silent { .. } | Trouble::NoSign => {
            "check that the device takes orders (RFC 5176) from this machine's address, and with the client's secret"
        }
        Trouble::Unsendable(_) | Trouble::Full | Trouble::DoesNotFit | Trouble::NoRandomness => {
            "check this machine's network and packet filter"
        }
    }
}

fn cause(response: &Response) -> Option<u32> {
    let value = response.packet()?.find(ERROR_CAUSE)?;
    value.try_into().ok().map(u32::from_be_bytes)
}

fn worded(cause: Option<u32>) -> String {
    let Some(number) = cause else { return "no cause given".to_owned() };
    match entry(ERROR_CAUSE).and_then(|entry| entry.value_name(number)) {
        Some(name) => format!("{name} ({number})"),
        None => format!("cause {number}"),
    }
}

/// Whether the device may do it when it is told again: it or a proxy before it was in trouble, or it did not say.
const fn passes(cause: Option<u32>) -> bool {
    matches!(cause, None | Some(502 | 505 | 506))
}

/// Whether it may do it when it is told with fewer attributes (RFC 5176 section 3.5).
const fn is_about_marks(cause: Option<u32>) -> bool {
    matches!(cause, Some(401 | 404 | 407 | NO_SUCH_SESSION))
}

/// A device that does not say who it is, is where its packets come from.
fn with_device(marks: &[u8], address: IpAddr) -> Zeroizing<Vec<u8>> {
    // Here and below, the capacity is enough: a name that is moved would stay behind.
    let mut out = Zeroizing::new(Vec::with_capacity(marks.len().saturating_add(18)));
    if !Attributes::new(marks, 0).any(|attribute| DEVICE.contains(&attribute.kind)) {
        match address {
            IpAddr::V4(v4) => {
                out.extend_from_slice(&[NAS_IP_ADDRESS, 6]);
                out.extend_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                out.extend_from_slice(&[NAS_IPV6_ADDRESS, 18]);
                out.extend_from_slice(&v6.octets());
            }
        }
    }
    out.extend_from_slice(marks);
    out
}

fn least(marks: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(marks.len()));
    Attributes::new(marks, 0)
        .filter(|attribute| LEAST.contains(&attribute.kind))
        .for_each(|attribute| out.extend_from_slice(attribute.whole));
    out
}

/// With Event-Timestamp, so that an order which somebody recorded is worth nothing later (RFC 5176 section 6.3).
fn dated(marks: &[u8], seconds: i64) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(marks.len().saturating_add(6)));
    out.extend_from_slice(marks);
    out.extend_from_slice(&[EVENT_TIMESTAMP, 6]);
    out.extend_from_slice(&u32::try_from(seconds).unwrap_or(u32::MAX).to_be_bytes());
    out
}

#[cfg(test)]
mod tests;
