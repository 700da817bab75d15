//! Between RADIUS and a login: Access-Request → [`Attempt`] or [`Answer`]; what the gateway says → reply.
//! Attribute numbers stop existing beyond this file.

use std::net::{IpAddr, SocketAddr};

use crate::base::cidr::canonical;
use crate::base::clock::Now;
use crate::base::secret::Secret;
use crate::frontend::radius::address::user_address;
use crate::frontend::radius::clients::{RadiusClient, Which};
use crate::frontend::radius::counters::{Dropped, Refusal, Sent};
use crate::gateway::drive::Reply;
use crate::login::attempt::{Answer, Attempt, AttemptId, ChallengeId, Origin};
use crate::login::client::{PrimaryKind, WhenUnable};
use crate::login::credential::PrimaryCredential;
use crate::login::identity::LoginName;
use crate::login::step::Prompt;
use crate::login::verdict::{FaultKind, Grant, REJECTED_TEXT, Reason};
use crate::wire::radius::attribute::vendor_attributes;
use crate::wire::radius::build::{Buffer, DoesNotFit, ReplyBuilder, ReplyTo};
use crate::wire::radius::dictionary::{
    ARAP_PASSWORD, CHAP_PASSWORD, EAP_MESSAGE, MICROSOFT, MS_CHAP_RESPONSE, MS_CHAP2_RESPONSE,
    NAS_IDENTIFIER, NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, PROMPT, REPLY_MESSAGE, SERVICE_TYPE, SESSION_TIMEOUT,
    STATE, USER_NAME, USER_PASSWORD, VENDOR_SPECIFIC,
};
use crate::wire::radius::packet::{Code, Packet};
use crate::wire::radius::password::{BadPassword, reveal};

/// A datagram as it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// When.
    pub now: Now,
    /// To which of our addresses.
    pub local: Option<IpAddr>,
    /// From whom.
    pub peer: SocketAddr,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// A fresh name, used if a login begins with it.
    pub id: AttemptId,
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
/// The value of Prompt that keeps the reply from being shown (RFC 2869 section 5.10).
const NO_ECHO: [u8; 4] = [0; 4];
/// What a challenge says when its prompt is empty: clients hang without a Reply-Message (E-002).
const BARE_PROMPT: &str = "Code:";

/// Takes an Access-Request apart. Whether it is authentic has been looked at before.
///
/// # Errors
///
/// The [`Refusal`] for what is no login: Access-Reject, or silence if the request proved nothing.
pub fn read(
    packet: &Packet<'_>,
    client: &RadiusClient,
    which: Which,
    arrival: &Arrival<'_>,
) -> Result<Asked, Refusal> {
    if packet.all(SERVICE_TYPE).any(|value| value == AUTHORIZE_ONLY || value == CALL_CHECK) {
        return Err(Refusal::ServiceType);
    }
    let hidden = password_attribute(packet)?;
    let name = packet.find(USER_NAME).and_then(|name| LoginName::parse(name).ok()).ok_or(Refusal::BadName)?;
    let state = match packet.find(STATE) {
        Some(state) => Some(ChallengeId::read(state).ok_or(Refusal::ForeignState)?),
        None => None,
    };
    let password = password(hidden, packet, client, which)?;
    let (device, of) = (device(packet), client.client.clone());
    if let Some(id) = state {
        return Ok(Asked::Answer(id, Answer { client: of, name, device, text: password, passage: None }));
    }
    let credential = match client.client.primary {
        PrimaryKind::Directory | PrimaryKind::Upstream => PrimaryCredential::Password(password),
        PrimaryKind::CheckedByClient => PrimaryCredential::CheckedByClient(Some(password)),
    };
    let user = user_address(packet, &client.address_from);
    let origin = Origin { peer: canonical(arrival.peer.ip()), user };
    Ok(Asked::Login(Attempt {
        id: arrival.id,
        client: of,
        name,
        credential,
        origin,
        device,
        passage: None,
        began: arrival.now,
    }))
}

/// The hidden User-Password, if that is the one way to log in that the request offers.
fn password_attribute<'a>(packet: &Packet<'a>) -> Result<&'a [u8], Refusal> {
    let methods = [
        (packet.has(CHAP_PASSWORD), Refusal::Chap),
        (packet.has(ARAP_PASSWORD), Refusal::Arap),
        (packet.has(EAP_MESSAGE), Refusal::Eap),
        (has_ms_chap(packet), Refusal::MsChap),
    ];
    let mut others = methods.iter().filter(|(there, _)| *there).map(|(_, refusal)| *refusal);
    match (packet.find(USER_PASSWORD), others.next(), others.next()) {
        (Some(hidden), None, _) => Ok(hidden),
        (None, None, _) => Err(Refusal::NoMethod),
        (None, Some(only), None) => Err(only),
        (Some(_), Some(_), _) | (None, Some(_), Some(_)) => Err(Refusal::TwoMethods),
    }
}

fn has_ms_chap(packet: &Packet<'_>) -> bool {
    packet
        .all(VENDOR_SPECIFIC)
        .filter_map(vendor_attributes)
        .flatten()
        .any(|piece| piece.vendor == MICROSOFT && matches!(piece.kind, MS_CHAP_RESPONSE | MS_CHAP2_RESPONSE))
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
    client.charset.read(&plain).ok_or(Refusal::PasswordNotText)
}

/// What else tells one device behind a client from another, in an order of ours.
fn device(packet: &Packet<'_>) -> Box<[u8]> {
    let mut out = Vec::new();
    for kind in [NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, NAS_IDENTIFIER] {
        for attribute in packet.attributes().filter(|attribute| attribute.kind == kind) {
            out.extend_from_slice(attribute.whole);
        }
    }
    out.into()
}

/// Whom a reply is for, and with which secret it is signed.
#[derive(Clone, Copy)]
pub struct Addressee<'a> {
    /// Who asked.
    pub client: &'a RadiusClient,
    /// With which of his secrets.
    pub which: Which,
    /// What the reply takes over from the request.
    pub to: &'a ReplyTo,
    /// Length of the request, if it did not prove who sent it.
    pub unproven: Option<usize>,
}

/// Writes what the gateway says as a packet. The one table from outcomes to replies; every accept needs
/// a [`Grant`].
///
/// # Errors
///
/// [`Dropped`] when the device is to hear nothing.
pub fn write<'b>(
    buffer: &'b mut Buffer,
    addressee: &Addressee<'_>,
    reply: &Reply,
) -> Result<(Sent, &'b [u8]), Dropped> {
    let (sent, written) = match reply {
        Reply::Accept(grant) => (Sent::Accept, accept(buffer, addressee, grant)),
        Reply::Reject(reason) => (Sent::Reject, reject(buffer, addressee, *reason)),
        Reply::Ask(id, prompt) => (Sent::Challenge, challenge(buffer, addressee, *id, prompt)),
        Reply::Unable(kind) => {
            if is_silent(*kind, addressee.client.client.when_unable) {
                return Err(Dropped::Unable);
            }
            (Sent::Reject, plain_reject(buffer, addressee))
        }
    };
    written.map(|bytes| (sent, bytes)).map_err(|DoesNotFit| Dropped::DoesNotFit)
}

/// A rejection would keep the device from trying its next server: for want of a place it is never sent
/// for other faults only where the client is set to hear it.
const fn is_silent(kind: FaultKind, when_unable: WhenUnable) -> bool {
    match kind {
        FaultKind::Overloaded => true,
        FaultKind::DirectoryUnreachable
        | FaultKind::DirectoryRefusedUs
        | FaultKind::DirectoryConfusing
        | FaultKind::UnclearAccount
        | FaultKind::UpstreamUnreachable
        | FaultKind::UpstreamConfusing
        | FaultKind::StoreUnavailable
        | FaultKind::AuditUnavailable
        | FaultKind::KeyMissing
        | FaultKind::TimedOut
        | FaultKind::Internal => match when_unable {
            WhenUnable::Silence => true,
            WhenUnable::Reject => false,
        },
    }
}

/// A session ends with the hours of the rule that let it in; where there is no room to say so, the
/// device hears nothing.
fn accept<'b>(buffer: &'b mut Buffer, to: &Addressee<'_>, proof: &Grant) -> Result<&'b [u8], DoesNotFit> {
    let mut reply = ReplyBuilder::new(buffer, Code::AccessAccept, to.to)?;
    keep_small(&mut reply, to)?;
    if let Some(session) = proof.session() {
        let seconds = u32::try_from(session.as_secs()).unwrap_or(u32::MAX).max(1);
        reply.attribute(SESSION_TIMEOUT, &seconds.to_be_bytes())?;
    }
    reply.sign(to.client.secret(to.which))
}

/// The same bytes for every reason, so that none can be told from another (A-063, A-067, D-100).
fn reject<'b>(buffer: &'b mut Buffer, to: &Addressee<'_>, _reason: Reason) -> Result<&'b [u8], DoesNotFit> {
    plain_reject(buffer, to)
}

fn plain_reject<'b>(buffer: &'b mut Buffer, to: &Addressee<'_>) -> Result<&'b [u8], DoesNotFit> {
    let mut reply = ReplyBuilder::new(buffer, Code::AccessReject, to.to)?;
    keep_small(&mut reply, to)?;
    // The text is optional: where there is no room the device gets the bare rejection.
    let _left_out = reply.text(REPLY_MESSAGE, REJECTED_TEXT);
    reply.sign(to.client.secret(to.which))
}

fn challenge<'b>(
    buffer: &'b mut Buffer,
    to: &Addressee<'_>,
    id: ChallengeId,
    prompt: &Prompt,
) -> Result<&'b [u8], DoesNotFit> {
    let mut reply = ReplyBuilder::new(buffer, Code::AccessChallenge, to.to)?;
    // A directory has just found the password right, which proves as much as can be had. Where the device
    // itself checks passwords, nothing has proved anything yet.
    match to.client.client.primary {
        PrimaryKind::Directory | PrimaryKind::Upstream => {}
        PrimaryKind::CheckedByClient => keep_small(&mut reply, to)?,
    }
    reply.attribute(STATE, id.text().as_bytes())?;
    let text = if prompt.text.trim().is_empty() { BARE_PROMPT } else { &prompt.text };
    reply.text(REPLY_MESSAGE, text)?;
    if to.client.hide_answer {
        reply.attribute(PROMPT, &NO_ECHO)?;
    }
    reply.sign(to.client.secret(to.which))
}

/// A request that proved nothing gets no answer longer than itself (D-124).
fn keep_small(reply: &mut ReplyBuilder<'_, '_>, to: &Addressee<'_>) -> Result<(), DoesNotFit> {
    to.unproven.map_or(Ok(()), |length| reply.at_most(length))
}

/// Writes the Access-Reject for a request that is no login. To EAP it speaks EAP: a failure, and no text
/// beside it.
///
/// # Errors
///
/// [`Dropped`] when there is no room for it.
pub fn refuse<'b>(
    buffer: &'b mut Buffer,
    addressee: &Addressee<'_>,
    refusal: Refusal,
    packet: &Packet<'_>,
) -> Result<&'b [u8], Dropped> {
    let failure = match (refusal, packet.find(EAP_MESSAGE)) {
        (Refusal::Eap, Some([_code, identifier, ..])) => Some([4, *identifier, 0, 4]),
        _ => None,
    };
    let written = match failure {
        Some(failure) => eap_failure(buffer, addressee, &failure),
        None => plain_reject(buffer, addressee),
    };
    written.map_err(|DoesNotFit| Dropped::DoesNotFit)
}

fn eap_failure<'b>(
    buffer: &'b mut Buffer,
    to: &Addressee<'_>,
    failure: &[u8; 4],
) -> Result<&'b [u8], DoesNotFit> {
    let mut reply = ReplyBuilder::new(buffer, Code::AccessReject, to.to)?;
    reply.attribute(EAP_MESSAGE, failure)?;
    reply.sign(to.client.secret(to.which))
}

/// Whether a request that is no login is dropped instead of refused when it did not prove who sent it:
/// where the contents could as well be noise, from a wrong secret or from anybody.
#[must_use]
pub const fn is_noise_without_proof(refusal: Refusal) -> bool {
    match refusal {
        Refusal::TwoMethods
        | Refusal::NoMethod
        | Refusal::Eap
        | Refusal::NulInPassword
        | Refusal::PasswordNotText => true,
        Refusal::Chap
        | Refusal::MsChap
        | Refusal::Arap
        | Refusal::ServiceType
        | Refusal::BadName
        | Refusal::ForeignState => false,
    }
}

/// Writes the answer to Status-Server: an Access-Accept without any authorization.
///
/// # Errors
///
/// [`Dropped`] when the request's Proxy-State leaves no room.
pub fn alive<'b>(buffer: &'b mut Buffer, addressee: &Addressee<'_>) -> Result<&'b [u8], Dropped> {
    ReplyBuilder::new(buffer, Code::AccessAccept, addressee.to)
        .and_then(|reply| reply.sign(addressee.client.secret(addressee.which)))
        .map_err(|DoesNotFit| Dropped::DoesNotFit)
}
