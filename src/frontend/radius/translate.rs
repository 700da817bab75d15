//! From RADIUS to a login: Access-Request → [`Attempt`] or [`Answer`]. Attribute numbers stop existing beyond this
//! file; the way back is in [`crate::frontend::radius::answer`].

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::base::cidr::canonical;
use crate::base::clock::Now;
use crate::base::secret::Secret;
use crate::frontend::radius::address::Station;
use crate::frontend::radius::clients::{RadiusClient, Which};
use crate::frontend::radius::counters::Refusal;
use crate::frontend::radius::method::{Shown, Unfit, shown};
use crate::login::attempt::{Answer, Attempt, AttemptId, ChallengeId, Origin};
use crate::login::client::PrimaryKind;
use crate::login::credential::PrimaryCredential;
use crate::login::policy::Place;
use crate::login::relay::Passage;
use crate::upstream::radius::passage::Forwarded;
use crate::wire::radius::dictionary::{
    NAS_IDENTIFIER, NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, SERVICE_TYPE, STATE, USER_NAME,
};
use crate::wire::radius::packet::Packet;
use crate::wire::radius::password::{BadPassword, reveal};

/// A datagram as it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// When.
    pub now: Now,
    /// To which of our addresses.
    pub local: Option<IpAddr>,
    /// Where it came in: the address that is listened on, as the settings have it.
    pub listener: &'a Arc<str>,
    /// From whom.
    pub peer: SocketAddr,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Randomness for it alone.
    pub fresh: Fresh,
}

/// Random bytes for one request and its answer.
#[derive(Clone, Copy)]
pub struct Fresh {
    /// A name, used if a login begins.
    pub id: AttemptId,
    /// Where the salts of hidden values begin.
    pub salt: [u8; 2],
    /// For an MS-CHAP-Error, whose form demands a challenge.
    pub challenge: [u8; 16],
}

impl Fresh {
    /// How many random bytes it takes.
    pub const LEN: usize = 26;

    /// Deals out `random`.
    #[must_use]
    pub fn new(random: [u8; Self::LEN]) -> Self {
        let (mut id, mut salt, mut challenge) = ([0; 8], [0; 2], [0; 16]);
        let parts = [&mut id[..], &mut salt, &mut challenge];
        let mut rest = &random[..];
        for part in parts {
            let Some((front, behind)) = rest.split_at_checked(part.len()) else { break };
            part.copy_from_slice(front);
            rest = behind;
        }
        Self { id: AttemptId(id), salt, challenge }
    }
}

impl std::fmt::Debug for Fresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fresh(…)")
    }
}

/// What an Access-Request asks for.
#[derive(Debug)]
pub enum Asked {
    /// A new login.
    Login(Attempt),
    /// To go on with one.
    Answer(ChallengeId, Answer),
}

/// Service-Type of a request that asks to authorise without logging in (RFC 5176 section 3.2).
const AUTHORIZE_ONLY: [u8; 4] = [0, 0, 0, 17];
/// Service-Type of a request that asks about a calling station (RFC 2865 section 5.6).
const CALL_CHECK: [u8; 4] = [0, 0, 0, 10];
/// Takes an Access-Request apart. Whether it is authentic has been looked at before.
///
/// # Errors
///
/// [`Unfit`] for what is no login.
pub fn read(
    packet: &Packet<'_>,
    client: &RadiusClient,
    which: Which,
    arrival: &Arrival<'_>,
) -> Result<Asked, Unfit> {
    if packet.all(SERVICE_TYPE).any(|value| value == AUTHORIZE_ONLY || value == CALL_CHECK) {
        return Err(Refusal::ServiceType.into());
    }
    let shown = shown(packet, client)?;
    let name = packet.find(USER_NAME).and_then(|name| client.client.renaming.read(name).ok());
    let name = name.ok_or(Refusal::BadName)?;
    let state = match packet.find(STATE) {
        Some(state) => Some(ChallengeId::read(state).ok_or(Refusal::ForeignState)?),
        None => None,
    };
    let (password, proof) = match shown {
        Shown::Password(hidden) => (password(hidden, packet, client, which)?, None),
        Shown::Proof(method) => (Secret::new(Vec::new()), Some(method)),
    };
    let (device, of) = (device(packet), client.client.clone());
    let relays = client.client.primary == PrimaryKind::Upstream;
    let passage = relays.then(|| Passage::new(Forwarded::read(packet, None)));
    if let Some(id) = state {
        return Ok(Asked::Answer(id, Answer { client: of, name, device, text: password, passage }));
    }
    let credential = match (proof, client.client.primary) {
        (Some(method), _) => PrimaryCredential::Relayed(method),
        (None, PrimaryKind::Directory | PrimaryKind::Upstream) => PrimaryCredential::Password(password),
        (None, PrimaryKind::CheckedByClient) => PrimaryCredential::CheckedByClient(Some(password)),
    };
    let station = Station::of(packet);
    let user = station.user_address(packet, &client.address_from);
    let origin = Origin { peer: canonical(arrival.peer.ip()), user };
    let (id, began) = (arrival.fresh.id, arrival.now);
    Ok(Asked::Login(Attempt {
        id,
        client: of,
        name,
        credential,
        origin,
        device,
        listener: Some(arrival.listener.clone()),
        hint: hint(&station),
        place: Place::NOWHERE,
        passage,
        began,
    }))
}

/// What the device tells of the user's own: Calling-Station-Id (RFC 2865 section 5.31) where it is no address, such as a
/// MAC address, which comes in many spellings (RFC 3580 section 3.21).
fn hint(station: &Station<'_>) -> Option<Box<[u8]>> {
    // An address may have a port behind it, another one each time.
    station.written.filter(|_| !station.is_address()).and_then(hint_of)
}

fn hint_of(station: &[u8]) -> Option<Box<[u8]>> {
    let text = std::str::from_utf8(station).unwrap_or_default().trim();
    if station.is_empty() || text.parse::<IpAddr>().is_ok() {
        return None;
    }
    let bare: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_mac = bare.len() == 12 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(if is_mac { bare.to_ascii_lowercase().into_bytes().into() } else { station.into() })
}

fn password(
    hidden: &[u8],
    packet: &Packet<'_>,
    client: &RadiusClient,
    which: Which,
) -> Result<Secret, Refusal> {
    let secret = client.secret(which).raw();
    let plain = reveal(hidden, secret, packet.authenticator()).map_err(|error| match error {
        BadPassword::NulInside | BadPassword::Length(_) => Refusal::NulInPassword,
    })?;
    client.charset.read(plain).ok_or(Refusal::PasswordNotText)
}

/// What else tells one device behind a client from another, in an order of ours.
fn device(packet: &Packet<'_>) -> Box<[u8]> {
    let kinds = [NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, NAS_IDENTIFIER];
    let mut out = Vec::new();
    for attribute in kinds.into_iter().flat_map(|kind| packet.whole(kind)) {
        out.extend_from_slice(attribute.whole);
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::radius::packet::HEADER_LEN;

    #[test]
    fn a_device_is_known_by_what_stays_the_same() {
        let hint = |station: &str| {
            let value = station.as_bytes();
            let head = [31, u8::try_from(value.len() + 2).unwrap()];
            let length = u16::try_from(HEADER_LEN + 2 + value.len()).unwrap().to_be_bytes();
            let bytes = [&[1, 0][..], &length, &[0; 16], &head, value].concat();
            hint(&Station::of(&Packet::parse(&bytes).unwrap()))
        };
        for address in ["", "192.0.2.1", "192.0.2.1:50000", "192.0.2.1[4500]", "2001:db8::1[4500]", "0.0.0.0"]
        {
            assert_eq!(hint(address), None, "{address}");
        }
        let one: Option<Box<[u8]>> = Some(b"0a1b2c3d4e5f".as_slice().into());
        for mac in ["0A-1B-2C-3D-4E-5F", "0a:1b:2c:3d:4e:5f", "0a1b.2c3d.4e5f"] {
            assert_eq!(hint(mac), one, "{mac}");
        }
        assert_eq!(hint("a telephone"), Some(b"a telephone".as_slice().into()));
    }
}
