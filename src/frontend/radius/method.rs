//! The one way to log in that a request offers, and the form that its answer has to have.

use crate::frontend::radius::clients::RadiusClient;
use crate::frontend::radius::counters::{Dropped, Refusal};
use crate::login::relay::Method;
use crate::wire::radius::chap::Chap;
use crate::wire::radius::dictionary::{
    ARAP_PASSWORD, CHAP_PASSWORD, EAP_MESSAGE, MICROSOFT, MS_CHAP_CPW_1, MS_CHAP_CPW_2, MS_CHAP_RESPONSE,
    MS_CHAP2_CPW, MS_CHAP2_RESPONSE, STATE, USER_NAME, USER_PASSWORD,
};
use crate::wire::radius::eap::{Eap, EapCode};
use crate::wire::radius::mschap::{MsChap, Version};
use crate::wire::radius::packet::Packet;

/// A way to log in that a client may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A password in User-Password.
    Pap,
    /// A proof that an upstream checks.
    Relayed(Method),
}

impl Way {
    /// The words of `methods` in the configuration.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("pap", Self::Pap),
        ("chap", Self::Relayed(Method::Chap)),
        ("ms-chap", Self::Relayed(Method::MsChap)),
        ("ms-chap-v2", Self::Relayed(Method::MsChap2)),
        ("eap", Self::Relayed(Method::Eap)),
    ];
}

/// What a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// A password, still hidden.
    Password(&'a [u8]),
    /// Something else, of a form that has been checked.
    Proof(Method),
}

/// Why an Access-Request is no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It gets Access-Reject, or silence if it proved nothing.
    Refused(Refusal),
    /// It gets no answer.
    Dropped(Dropped),
}

impl From<Refusal> for Unfit {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Finds what `packet` shows, if that is one thing and `client` may use it.
///
/// # Errors
///
/// [`Unfit`] for everything else. What a client may not use is refused before it is looked into (E-010).
pub fn shown<'a>(packet: &Packet<'a>, client: &RadiusClient) -> Result<Shown<'a>, Unfit> {
    match only(packet)? {
        // A reply to a question of ours is typed, however the login began.
        Only::Password(hidden) if packet.has(STATE) || client.may_use(Way::Pap) => {
            Ok(Shown::Password(hidden))
        }
        Only::Password(_) => Err(Refusal::Pap.into()),
        Only::Chap => chap(packet, client),
        Only::MsChap => ms_chap(packet, client),
        Only::Eap if client.may_use(Way::Relayed(Method::Eap)) => eap(packet),
        Only::Eap => Err(Refusal::Eap.into()),
    }
}

/// The one thing that a request shows, not looked into yet.
enum Only<'a> {
    Password(&'a [u8]),
    Chap,
    MsChap,
    Eap,
}

fn only<'a>(packet: &Packet<'a>) -> Result<Only<'a>, Refusal> {
    let there = [
        packet.find(USER_PASSWORD).map(Only::Password),
        packet.has(CHAP_PASSWORD).then_some(Only::Chap),
        packet.has(EAP_MESSAGE).then_some(Only::Eap),
        has_ms_chap(packet).then_some(Only::MsChap),
    ];
    let mut there = there.into_iter().flatten();
    match (there.next(), there.next(), packet.has(ARAP_PASSWORD)) {
        (Some(only), None, false) => Ok(only),
        (None, _, true) => Err(Refusal::Arap),
        (None, _, false) => Err(Refusal::NoMethod),
        (Some(_), _, _) => Err(Refusal::TwoMethods),
    }
}

fn has_ms_chap(packet: &Packet<'_>) -> bool {
    let kinds = [MS_CHAP_RESPONSE, MS_CHAP2_RESPONSE, MS_CHAP_CPW_1, MS_CHAP_CPW_2, MS_CHAP2_CPW];
    packet.pieces().any(|piece| piece.vendor == MICROSOFT && kinds.contains(&piece.kind))
}

/// A proof that is made from the password begins a login and cannot be a reply to a question.
fn begins(packet: &Packet<'_>, method: Method) -> Result<Shown<'static>, Unfit> {
    if packet.has(STATE) { Err(Refusal::ProofWithState.into()) } else { Ok(Shown::Proof(method)) }
}

fn chap(packet: &Packet<'_>, client: &RadiusClient) -> Result<Shown<'static>, Unfit> {
    if !client.may_use(Way::Relayed(Method::Chap)) {
        return Err(Refusal::Chap.into());
    }
    match Chap::read(packet) {
        Ok(Some(_)) => begins(packet, Method::Chap),
        Ok(None) | Err(_) => Err(Refusal::Malformed.into()),
    }
}

/// A new password is refused as a whole: it would be changed without a second factor.
fn ms_chap(packet: &Packet<'_>, client: &RadiusClient) -> Result<Shown<'static>, Unfit> {
    let may = |method| client.may_use(Way::Relayed(method));
    if !may(Method::MsChap) && !may(Method::MsChap2) {
        return Err(Refusal::MsChap.into());
    }
    let Ok(Some(login)) = MsChap::read(packet) else { return Err(Refusal::Malformed.into()) };
    let method = method_of(login.version);
    if !may(method) {
        return Err(Refusal::MsChap.into());
    }
    if login.changes_password {
        return Err(Refusal::NewPassword.into());
    }
    begins(packet, method)
}

const fn method_of(version: Version) -> Method {
    match version {
        Version::V1 => Method::MsChap,
        Version::V2 => Method::MsChap2,
    }
}

/// A device speaks for the peer, so it sends responses; only a response to the question for an identity may
/// begin a conversation.
fn eap(packet: &Packet<'_>) -> Result<Shown<'static>, Unfit> {
    let message = match Eap::read(packet) {
        Ok(Some(Eap::Message(message))) => message,
        Ok(Some(Eap::Start)) if !packet.has(STATE) => return Ok(Shown::Proof(Method::Eap)),
        Ok(Some(Eap::Start) | None) => return Err(Refusal::Malformed.into()),
        Err(_) => return Err(Unfit::Dropped(Dropped::BadEap)),
    };
    match message.code() {
        EapCode::Response if packet.has(STATE) || message.identity().is_some() => {
            Ok(Shown::Proof(Method::Eap))
        }
        EapCode::Response => Err(Refusal::EapWithoutState.into()),
        EapCode::Request => Err(Refusal::EapRequest.into()),
        EapCode::Success | EapCode::Failure | EapCode::Other(_) => Err(Unfit::Dropped(Dropped::BadEap)),
    }
}

/// What the answer to a request has to look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Nothing is demanded.
    Plain,
    /// A rejection says why in MS-CHAP's own words.
    MsChap {
        /// Of which of both.
        version: Version,
        /// The identifier of what it answers.
        identifier: u8,
    },
    /// Every answer carries EAP, and no text beside it.
    Eap {
        /// The identifier of the last response.
        identifier: u8,
        /// User-Name as it came, for the accept.
        name: Box<[u8]>,
    },
}

impl Shape {
    /// Looks at a request; whether it is a login that can be used does not matter.
    #[must_use]
    pub fn of(packet: &Packet<'_>, client: &RadiusClient) -> Self {
        if let Some(first) = packet.find(EAP_MESSAGE) {
            let identifier = match Eap::read(packet) {
                Ok(Some(Eap::Message(message))) => message.identifier(),
                _ => first.get(1).copied().unwrap_or_default(),
            };
            return Self::Eap { identifier, name: packet.find(USER_NAME).unwrap_or_default().into() };
        }
        match MsChap::read(packet) {
            Ok(Some(login)) if client.may_use(Way::Relayed(method_of(login.version))) => {
                Self::MsChap { version: login.version, identifier: login.identifier }
            }
            _ => Self::Plain,
        }
    }
}
