//! The value behind a one-time code, from a seed and a number (RFC 4226 section 5.3).

use hmac::digest::block_api::EagerHash;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::base::secret::Secret;
use crate::login::factor::OtpAlgorithm;

/// What was typed, as a number of exactly `digits` digits, to be held against several values.
pub(super) struct Typed {
    value: u32,
    digits: u8,
}

impl Typed {
    /// `None` when `code` has another number of digits: its length is no secret.
    pub(super) fn new(code: &Secret, digits: u8) -> Option<Self> {
        if code.len() != usize::from(digits) || !(6..=8).contains(&digits) {
            return None;
        }
        let value = code.expose().iter().try_fold(0u32, |value, byte| {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
            value.checked_mul(10)?.checked_add(digit.into())
        })?;
        Some(Self { value, digits })
    }

    /// Whether it is the code of `number`; in constant time (C-007).
    pub(super) fn is(&self, algorithm: OtpAlgorithm, seed: &Secret, number: u64) -> bool {
        code(algorithm, seed, number, self.digits).is_some_and(|code| code.ct_eq(&self.value).into())
    }
}

/// The code of `number` as a value below 10 to the power of `digits`; leading zeros are the reader's matter.
pub(super) fn code(algorithm: OtpAlgorithm, seed: &Secret, number: u64, digits: u8) -> Option<u32> {
    let truncated = match algorithm {
        OtpAlgorithm::Sha1 => truncate(&mac::<Sha1>(seed, number)?),
        OtpAlgorithm::Sha256 => truncate(&mac::<Sha256>(seed, number)?),
        OtpAlgorithm::Sha512 => truncate(&mac::<Sha512>(seed, number)?),
    };
    truncated?.checked_rem(10u32.checked_pow(digits.into())?)
}

fn mac<D: EagerHash>(seed: &Secret, number: u64) -> Option<Vec<u8>> {
    let mut mac = <Hmac<D> as KeyInit>::new_from_slice(seed.expose()).ok()?;
    mac.update(&number.to_be_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// Dynamic truncation: four bytes from where the last half-byte points, without the top bit.
fn truncate(mac: &[u8]) -> Option<u32> {
    let offset = usize::from(mac.last()? & 0x0f);
    let four: [u8; 4] = mac.get(offset..)?.first_chunk().copied()?;
    Some(u32::from_be_bytes(four) & 0x7fff_ffff)
}
