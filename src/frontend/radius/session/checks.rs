//! Whether a datagram is a request of somebody who may ask: all checks before anything is remembered.

use std::sync::Arc;

use crate::frontend::radius::clients::{ClientTable, RadiusClient, Which};
use crate::frontend::radius::counters::Dropped;
use crate::frontend::radius::translate::Arrival;
use crate::wire::radius::authenticator::Proof;
use crate::wire::radius::dictionary::{EAP_MESSAGE, MESSAGE_AUTHENTICATOR, PROXY_STATE};
use crate::wire::radius::packet::{Code, Packet};

/// Proxies that a request may have passed; more of them mean that it runs in a circle.
const MOST_PROXIES: usize = 5;

/// A request whose sender is as sure as his settings demand.
pub(super) struct Checked<'a> {
    pub(super) packet: Packet<'a>,
    pub(super) client: &'a Arc<RadiusClient>,
    pub(super) which: Which,
    pub(super) proven: bool,
}

impl Checked<'_> {
    /// Length of a request that proved nothing.
    pub(super) fn unproven(&self) -> Option<usize> {
        if self.proven { None } else { Some(self.packet.bytes().len()) }
    }
}

/// Who sent it, its form, and whether the proof that is demanded is there.
pub(super) fn form<'a>(
    clients: &'a ClientTable,
    arrival: &Arrival<'a>,
) -> Result<(&'a Arc<RadiusClient>, Packet<'a>), Dropped> {
    let client = clients.get(arrival.peer.ip()).ok_or(Dropped::UnknownClient)?;
    let packet = Packet::parse(arrival.bytes)?;
    demand_signature(&packet, client)?;
    Ok((client, packet))
}

/// All further checks before anything is remembered.
pub(super) fn check<'a>(client: &'a Arc<RadiusClient>, packet: Packet<'a>) -> Result<Checked<'a>, Dropped> {
    let (proof, which) = client.check(&packet);
    if proof == Proof::Wrong {
        return Err(Dropped::WrongSignature);
    }
    let proven = proof == Proof::Valid;
    if proven && shows_that_it_signs(&packet) {
        client.note_signed();
    }
    if packet.proxies_passed() > MOST_PROXIES {
        return Err(Dropped::ProxyLoop);
    }
    Ok(Checked { packet, client, which, proven })
}

/// Status-Server and EAP must be signed by every device (RFC 5997 section 3, RFC 3579 section 3.2), so they
/// say nothing about the logins of this one: a device that signs nothing else would be shut out.
fn shows_that_it_signs(packet: &Packet<'_>) -> bool {
    packet.code() == Code::AccessRequest && !packet.has(EAP_MESSAGE)
}

/// Whether Message-Authenticator is there where it must be; costs no cryptography.
fn demand_signature(packet: &Packet<'_>, client: &RadiusClient) -> Result<(), Dropped> {
    let signed = packet.has(MESSAGE_AUTHENTICATOR);
    match packet.code() {
        Code::StatusServer if !signed => Err(Dropped::Unsigned),
        Code::AccessRequest if !signed => {
            if client.requires_message_authenticator() {
                Err(Dropped::Unsigned)
            } else if client.limit_proxy_state && packet.has(PROXY_STATE) {
                Err(Dropped::UnsignedProxyState)
            } else if packet.has(EAP_MESSAGE) {
                Err(Dropped::UnsignedEap)
            } else {
                Ok(())
            }
        }
        Code::StatusServer | Code::AccessRequest => Ok(()),
        Code::AccessAccept
        | Code::AccessReject
        | Code::AccessChallenge
        | Code::AccountingRequest
        | Code::AccountingResponse
        | Code::DisconnectRequest
        | Code::DisconnectAck
        | Code::DisconnectNak
        | Code::CoaRequest
        | Code::CoaAck
        | Code::CoaNak
        | Code::ProtocolError
        | Code::Other(_) => Err(Dropped::UnexpectedCode),
    }
}
