//! Response Authenticator (RFC 2865 section 3) and Message-Authenticator (RFC 3579 section 3.2).

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::base::secret::Secret;
use crate::wire::radius::dictionary::MESSAGE_AUTHENTICATOR;
use crate::wire::radius::packet::Packet;

/// A secret shared with one peer, with what can be computed from it once.
#[derive(Clone)]
pub struct SharedSecret {
    raw: Secret,
    mac: Hmac<Md5>,
}

/// A shared secret has no bytes; anybody could compute with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the shared secret is empty")]
pub struct EmptySecret;

/// What a packet's Message-Authenticator says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The packet has none.
    Absent,
    /// It was made with this secret over exactly these bytes.
    Valid,
    /// It was not.
    Wrong,
}

/// Why a reply from a server does not count. The request it seems to answer stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthentic {
    /// It has no Message-Authenticator although one is required.
    #[error("the reply has no message-authenticator")]
    Unsigned,
    /// Its Response Authenticator does not fit.
    #[error("the response authenticator does not fit; the shared secrets may differ")]
    ResponseAuthenticator,
    /// Its Message-Authenticator does not fit.
    #[error("the message-authenticator does not fit; the shared secrets may differ")]
    MessageAuthenticator,
}

impl SharedSecret {
    /// Prepares `raw` for use.
    ///
    /// # Errors
    ///
    /// [`EmptySecret`] if it has no bytes.
    pub fn new(raw: Secret) -> Result<Self, EmptySecret> {
        if raw.is_empty() {
            return Err(EmptySecret);
        }
        let mac = Hmac::new_from_slice(raw.expose()).map_err(|_| EmptySecret)?;
        Ok(Self { raw, mac })
    }

    /// The secret itself.
    #[must_use]
    pub const fn raw(&self) -> &Secret {
        &self.raw
    }

    /// Judges the Message-Authenticator of a request: Access-Request or Status-Server, whose own
    /// authenticator goes into the computation. Where the attribute stands does not matter.
    #[must_use]
    pub fn check_request(&self, packet: &Packet<'_>) -> Proof {
        self.check(packet, packet.authenticator())
    }

    /// Judges a reply to the request that had `request_authenticator`.
    ///
    /// # Errors
    ///
    /// [`NotAuthentic`]: the reply must then be treated as if it had not come.
    pub fn check_reply(
        &self,
        reply: &Packet<'_>,
        request_authenticator: &[u8; 16],
        require_message_authenticator: bool,
    ) -> Result<(), NotAuthentic> {
        if require_message_authenticator && !reply.has(MESSAGE_AUTHENTICATOR) {
            return Err(NotAuthentic::Unsigned);
        }
        let expected = self.response_authenticator(reply.bytes(), request_authenticator);
        if !bool::from(expected.ct_eq(reply.authenticator())) {
            return Err(NotAuthentic::ResponseAuthenticator);
        }
        match self.check(reply, request_authenticator) {
            Proof::Absent | Proof::Valid => Ok(()),
            Proof::Wrong => Err(NotAuthentic::MessageAuthenticator),
        }
    }

    /// Whether an Accounting-Request, Disconnect-Request or CoA-Request was made with this secret over
    /// exactly these bytes (RFC 2866 section 3, RFC 5176 section 2.3). A Message-Authenticator that is there
    /// must be right as well; none is needed, as the authenticator itself depends on the secret.
    #[must_use]
    pub fn proves_notice(&self, packet: &Packet<'_>) -> bool {
        let expected = self.response_authenticator(packet.bytes(), &[0; 16]);
        let computed = bool::from(expected.ct_eq(packet.authenticator()));
        computed && self.check(packet, &[0; 16]) != Proof::Wrong
    }

    fn check(&self, packet: &Packet<'_>, authenticator: &[u8; 16]) -> Proof {
        let Some(attribute) = packet.first(MESSAGE_AUTHENTICATOR) else { return Proof::Absent };
        let at = attribute.offset.saturating_add(2);
        let mac = self.prepared(packet.bytes(), authenticator, at);
        match mac.verify_slice(attribute.value) {
            Ok(()) => Proof::Valid,
            Err(_) => Proof::Wrong,
        }
    }

    /// HMAC-MD5 over `packet` with `authenticator` in its header and zeros in place of the 16 bytes at
    /// `value_at` (RFC 3579 section 3.2).
    #[must_use]
    pub fn message_authenticator(
        &self,
        packet: &[u8],
        authenticator: &[u8; 16],
        value_at: usize,
    ) -> [u8; 16] {
        self.prepared(packet, authenticator, value_at).finalize().into_bytes().into()
    }

    fn prepared(&self, packet: &[u8], authenticator: &[u8; 16], value_at: usize) -> Hmac<Md5> {
        let mut mac = self.mac.clone();
        // Requests have it in its place.
        if packet.get(4..20) == Some(authenticator) {
            mac.update(packet.get(..value_at).unwrap_or_default());
        } else {
            mac.update(packet.get(..4).unwrap_or_default());
            mac.update(authenticator);
            mac.update(packet.get(20..value_at).unwrap_or_default());
        }
        mac.update(&[0; 16]);
        mac.update(packet.get(value_at.saturating_add(16)..).unwrap_or_default());
        mac
    }

    /// The Message-Authenticator of a packet that is about to be sent and has zeros in its place, with the authenticator of
    /// the request in its header.
    pub(super) fn mac_of(&self, packet: &[u8]) -> [u8; 16] {
        self.mac.clone().chain_update(packet).finalize().into_bytes().into()
    }

    /// The Response Authenticator of a reply that has the authenticator of its request in its place.
    pub(super) fn seal_of(&self, reply: &[u8]) -> [u8; 16] {
        Md5::new().chain_update(reply).chain_update(self.raw.expose()).finalize().into()
    }

    /// MD5 over code, identifier, length, Request Authenticator, attributes and secret (RFC 2865
    /// section 3); what stands in `reply` where its authenticator belongs is not looked at.
    #[must_use]
    pub fn response_authenticator(&self, reply: &[u8], request_authenticator: &[u8; 16]) -> [u8; 16] {
        let mut hash = Md5::new();
        hash.update(reply.get(..4).unwrap_or_default());
        hash.update(request_authenticator);
        hash.update(reply.get(20..).unwrap_or_default());
        hash.update(self.raw.expose());
        hash.finalize().into()
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test code")]
mod tests {
    use super::*;
    use crate::wire::radius::build::NoticeBuilder;
    use crate::wire::radius::packet::{Code, MAX_LEN};
    use crate::wire::radius::vectors::{RFC_2865_7_1_ACCEPT, RFC_2865_7_1_REQUEST, STATUS_SERVER, secret};

    #[test]
    fn the_accept_of_rfc_2865_section_7_1_is_authentic() {
        let request = Packet::parse(&RFC_2865_7_1_REQUEST).unwrap();
        let accept = Packet::parse(&RFC_2865_7_1_ACCEPT).unwrap();
        let secret = secret("xyzzy5461");
        assert_eq!(secret.check_reply(&accept, request.authenticator(), false), Ok(()));
        assert_eq!(
            secret.check_reply(&accept, request.authenticator(), true),
            Err(NotAuthentic::Unsigned),
            "A-044"
        );
        assert_eq!(
            secret.check_reply(&accept, &[7; 16], false),
            Err(NotAuthentic::ResponseAuthenticator),
            "an answer to another request"
        );
    }

    #[test]
    fn a_033_the_status_server_of_rfc_5997_section_6_1_proves_its_sender() {
        let packet = Packet::parse(&STATUS_SERVER).unwrap();
        assert_eq!(secret("xyzzy5461").check_request(&packet), Proof::Valid);
        assert_eq!(secret("xyzzy5462").check_request(&packet), Proof::Wrong, "A-035");
    }

    #[test]
    fn a_035_every_changed_bit_is_noticed() {
        let secret = secret("xyzzy5461");
        for bit in 0..STATUS_SERVER.len() * 8 {
            let mut bytes = STATUS_SERVER;
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(packet) = Packet::parse(&bytes) {
                assert_ne!(secret.check_request(&packet), Proof::Valid, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_134_every_changed_bit_of_an_accounting_request_is_noticed() {
        let secret = secret("xyzzy5461");
        let mut buffer = [0; MAX_LEN];
        let mut notice = NoticeBuilder::new(&mut buffer, Code::AccountingRequest, 9).unwrap();
        notice.attribute(44, b"session").unwrap();
        let sent = notice.sign(&secret).unwrap().to_vec();
        assert!(secret.proves_notice(&Packet::parse(&sent).unwrap()));
        for bit in 0..sent.len() * 8 {
            let mut bytes = sent.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!Packet::parse(&bytes).is_ok_and(|packet| secret.proves_notice(&packet)), "bit {bit}");
        }
    }

    #[test]
    fn a_message_authenticator_in_a_notice_must_be_right_even_when_the_authenticator_is() {
        let secret = secret("s");
        let mut bytes = [&[40, 1, 0, 38][..], &[0; 16], &[80, 18], &[7; 16]].concat();
        let authenticator = secret.response_authenticator(&bytes, &[0; 16]);
        bytes[4..20].copy_from_slice(&authenticator);
        assert!(!secret.proves_notice(&Packet::parse(&bytes).unwrap()));
    }

    #[test]
    fn a_030_an_empty_secret_is_refused() {
        assert!(SharedSecret::new(Secret::copied(b"")).is_err());
    }

    #[test]
    fn a_031_a_secret_longer_than_a_block_of_the_hash_works() {
        let long = secret(&"s".repeat(200));
        assert_ne!(long.message_authenticator(&STATUS_SERVER, &[0; 16], 22), [0; 16]);
    }
}
