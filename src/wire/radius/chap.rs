//! CHAP in a request (RFC 2865 sections 2.2, 5.3 and 5.40).

use crate::wire::radius::dictionary::{CHAP_CHALLENGE, CHAP_PASSWORD};
use crate::wire::radius::packet::Packet;

/// Shortest challenge, in bytes (RFC 2865 section 5.40).
pub const MIN_CHALLENGE: usize = 5;

/// What a device says of a CHAP login.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Chap<'a> {
    /// The identifier that goes into the hash.
    pub identifier: u8,
    /// What the peer answered: MD5 over identifier, password and challenge.
    pub response: &'a [u8; 16],
    /// What the peer was asked: CHAP-Challenge, or the Request Authenticator.
    pub challenge: &'a [u8],
    /// The challenge is the Request Authenticator. Whoever passes the login on with another authenticator has
    /// to put it into a CHAP-Challenge.
    pub by_authenticator: bool,
}

/// A CHAP-Challenge of a length that must not be: the request is to be rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the chap-challenge has {0} bytes, it must have at least 5")]
pub struct BadChallenge(pub usize);

impl<'a> Chap<'a> {
    /// Reads the CHAP login of a request; `None` if it has no CHAP-Password.
    ///
    /// # Errors
    ///
    /// [`BadChallenge`]. The length of CHAP-Password was checked with the packet.
    pub fn read(packet: &Packet<'a>) -> Result<Option<Self>, BadChallenge> {
        let password = packet.find(CHAP_PASSWORD).and_then(<[u8]>::split_first);
        let Some((identifier, response)) = password else { return Ok(None) };
        let Ok(response) = response.try_into() else { return Ok(None) };
        let sent = packet.find(CHAP_CHALLENGE);
        if let Some(short) = sent.filter(|challenge| challenge.len() < MIN_CHALLENGE) {
            return Err(BadChallenge(short.len()));
        }
        Ok(Some(Self {
            identifier: *identifier,
            response,
            challenge: sent.unwrap_or(packet.authenticator()),
            by_authenticator: sent.is_none(),
        }))
    }
}

/// An answer to a challenge can be tried against many passwords, so it is not shown.
impl std::fmt::Debug for Chap<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chap").field("by_authenticator", &self.by_authenticator).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test code")]
mod tests {
    use super::*;
    use crate::wire::radius::vectors::RFC_2865_7_2_REQUEST;

    fn with(attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
        [&[1, 0][..], &length, &[6; 16], attributes].concat()
    }

    #[test]
    fn a_094_the_challenge_of_rfc_2865_section_7_2_is_its_authenticator() {
        let packet = Packet::parse(&RFC_2865_7_2_REQUEST).unwrap();
        let chap = Chap::read(&packet).unwrap().unwrap();
        assert_eq!((chap.identifier, chap.response[0]), (0x16, 0xe9));
        assert_eq!((chap.challenge, chap.by_authenticator), (&packet.authenticator()[..], true));
    }

    #[test]
    fn a_094_a_chap_challenge_goes_before_the_authenticator_and_has_five_bytes() {
        let password = [&[3, 19, 9][..], &[7; 16]].concat();
        for length in 0..=253u8 {
            let challenge = [&[60, length.saturating_add(2)][..], &vec![1; length.into()]].concat();
            let bytes = with(&[&password[..], &challenge].concat());
            let got = Chap::read(&Packet::parse(&bytes).unwrap()).map(|chap| {
                let chap = chap.unwrap();
                (chap.challenge.len(), chap.by_authenticator)
            });
            let length = usize::from(length);
            let expected = if length < 5 { Err(BadChallenge(length)) } else { Ok((length, false)) };
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_request_without_a_chap_password_is_no_chap_login() {
        assert_eq!(Chap::read(&Packet::parse(&with(&[60, 2])).unwrap()), Ok(None));
    }

    #[test]
    fn debug_output_shows_nothing_that_can_be_tried_against_passwords() {
        let packet = Packet::parse(&RFC_2865_7_2_REQUEST).unwrap();
        let chap = Chap::read(&packet).unwrap().unwrap();
        assert_eq!(format!("{chap:?}"), "Chap { by_authenticator: true, .. }");
    }
}
