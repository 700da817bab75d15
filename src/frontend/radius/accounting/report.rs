//! What an Accounting-Request says, as far as we use it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::base::cidr::canonical;
use crate::base::clock::Now;
use crate::base::secret::Secret;
use crate::frontend::radius::address::Station;
use crate::frontend::radius::clients::RadiusClient;
use crate::gateway::ports::sessions::SessionKey;
use crate::wire::radius::dictionary::{
    ACCT_INPUT_GIGAWORDS, ACCT_INPUT_OCTETS, ACCT_MULTI_SESSION_ID, ACCT_OUTPUT_GIGAWORDS,
    ACCT_OUTPUT_OCTETS, ACCT_SESSION_ID, ACCT_SESSION_TIME, ACCT_STATUS_TYPE, CALLED_STATION_ID,
    CALLING_STATION_ID, CLASS, FRAMED_IP_ADDRESS, NAS_IDENTIFIER, NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, NAS_PORT,
    NAS_PORT_ID, USER_NAME,
};
use crate::wire::radius::packet::Packet;

/// What tells devices behind one client apart.
const DEVICE: [u8; 3] = [NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, NAS_IDENTIFIER];
/// What devices recognise a session by (RFC 5176 section 3).
const MARKS: [u8; 11] = [
    NAS_IP_ADDRESS,
    NAS_IPV6_ADDRESS,
    NAS_IDENTIFIER,
    NAS_PORT,
    NAS_PORT_ID,
    ACCT_SESSION_ID,
    ACCT_MULTI_SESSION_ID,
    USER_NAME,
    CALLING_STATION_ID,
    CALLED_STATION_ID,
    FRAMED_IP_ADDRESS,
];
/// Class attributes that are looked at; ours is one of them.
const MOST_CLASSES: usize = 8;

/// What happened to a session (RFC 2866 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It began.
    Start,
    /// It is still open.
    Interim,
    /// It ended.
    Stop,
    /// The device has begun anew or goes down: it has no sessions.
    Device,
    /// Something else that is told of, such as tunnels.
    Else,
}

impl Kind {
    const fn of(number: u32) -> Self {
        match number {
            1 => Self::Start,
            2 => Self::Stop,
            3 => Self::Interim,
            7 | 8 => Self::Device,
            _ => Self::Else,
        }
    }
}

/// One record.
#[derive(Debug)]
pub struct Report {
    /// What happened.
    pub kind: Kind,
    /// To which session.
    pub key: SessionKey,
    /// When we got to know.
    pub came: Now,
    /// The values of Class; one of them may be our note.
    pub classes: Vec<Box<[u8]>>,
    /// Address of the device, 16 bytes, then the whole attributes that it recognises the session by.
    pub marks: Secret,
    /// The user's own address, where it is told.
    pub user: Option<IpAddr>,
    /// How long it has been open, in seconds.
    pub seconds: Option<u32>,
    /// Octets from the user and to him.
    pub octets: (u64, u64),
    /// The whole attributes as they came, for a server that they are passed on to.
    pub whole: Box<[u8]>,
}

/// Why a record says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaysNothing;

/// Reads a record; that it is authentic has been looked at before.
///
/// # Errors
///
/// [`SaysNothing`] without Acct-Status-Type, or about a session without Acct-Session-Id (RFC 2866 section 5.5).
pub fn read(
    packet: &Packet<'_>,
    client: &RadiusClient,
    peer: SocketAddr,
    came: Now,
) -> Result<Report, SaysNothing> {
    let kind = Kind::of(number(packet, ACCT_STATUS_TYPE).ok_or(SaysNothing)?);
    let session = match (packet.find(ACCT_SESSION_ID), kind) {
        (Some(id), _) => id,
        (None, Kind::Device | Kind::Else) => &[],
        (None, Kind::Start | Kind::Interim | Kind::Stop) => return Err(SaysNothing),
    };
    let name = &client.client.name;
    Ok(Report {
        kind,
        key: SessionKey {
            client: Arc::clone(name),
            device: device(packet, peer),
            session: digest(&[session]),
        },
        came,
        classes: packet.all(CLASS).take(MOST_CLASSES).map(Box::from).collect(),
        marks: marks(packet, peer),
        user: Station::of(packet).user_address(packet, &client.address_from),
        seconds: number(packet, ACCT_SESSION_TIME),
        octets: (
            octets(packet, ACCT_INPUT_GIGAWORDS, ACCT_INPUT_OCTETS),
            octets(packet, ACCT_OUTPUT_GIGAWORDS, ACCT_OUTPUT_OCTETS),
        ),
        whole: packet.attribute_bytes().into(),
    })
}

/// A device that does not say who it is, is where its packets come from.
fn device(packet: &Packet<'_>, peer: SocketAddr) -> [u8; 16] {
    let mut told: Vec<&[u8]> =
        packet.attributes().filter(|a| DEVICE.contains(&a.kind)).map(|a| a.whole).collect();
    told.sort_unstable();
    if told.is_empty() { digest(&[&address(peer)]) } else { digest(&told) }
}

fn marks(packet: &Packet<'_>, peer: SocketAddr) -> Secret {
    let chosen = || packet.attributes().filter(|attribute| MARKS.contains(&attribute.kind));
    let length = chosen().map(|attribute| attribute.whole.len()).sum::<usize>();
    // The capacity is enough: a name that is moved would stay behind.
    let mut out = Vec::with_capacity(length.saturating_add(16));
    out.extend_from_slice(&address(peer));
    chosen().for_each(|attribute| out.extend_from_slice(attribute.whole));
    Secret::new(out)
}

fn address(peer: SocketAddr) -> [u8; 16] {
    match canonical(peer.ip()) {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let whole: [u8; 32] = hash.finalize().into();
    whole.first_chunk().copied().unwrap_or_default()
}

fn number(packet: &Packet<'_>, kind: u8) -> Option<u32> {
    packet.find(kind)?.try_into().ok().map(u32::from_be_bytes)
}

fn octets(packet: &Packet<'_>, giga: u8, low: u8) -> u64 {
    let part = |kind| number(packet, kind).map_or(0, u64::from);
    part(giga).checked_shl(32).unwrap_or(0) | part(low)
}
