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
    /// Ten to the power of its digits.
    modulus: u32,
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
        Some(Self { value, modulus: 10u32.checked_pow(digits.into())? })
    }

    /// Whether it is the code of `number`; in constant time (C-007). Leading zeros are the reader's matter.
    pub(super) fn is(&self, seed: &Keyed, number: u64) -> bool {
        let code = seed.value(number).and_then(|value| value.checked_rem(self.modulus));
        code.is_some_and(|code| code.ct_eq(&self.value).into())
    }
}

/// A seed with the half of the work behind it that is the same for every number.
pub(super) enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Box<Hmac<Sha512>>),
}

impl Keyed {
    /// Never `None`: there is no seed that does not fit.
    pub(super) fn new(algorithm: OtpAlgorithm, seed: &Secret) -> Option<Self> {
        Some(match algorithm {
            OtpAlgorithm::Sha1 => Self::Sha1(keyed(seed)?),
            OtpAlgorithm::Sha256 => Self::Sha256(keyed(seed)?),
            OtpAlgorithm::Sha512 => Self::Sha512(Box::new(keyed(seed)?)),
        })
    }

    /// The truncated value of `number`, 31 bits.
    pub(super) fn value(&self, number: u64) -> Option<u32> {
        match self {
            Self::Sha1(mac) => value(mac, number),
            Self::Sha256(mac) => value(mac, number),
            Self::Sha512(mac) => value(mac, number),
        }
    }
}

fn keyed<D: EagerHash>(seed: &Secret) -> Option<Hmac<D>> {
    <Hmac<D> as KeyInit>::new_from_slice(seed.expose()).ok()
}

fn value<D: EagerHash>(mac: &Hmac<D>, number: u64) -> Option<u32>
where
    Hmac<D>: Mac + Clone,
{
    truncate(&mac.clone().chain_update(number.to_be_bytes()).finalize().into_bytes())
}

/// Dynamic truncation: four bytes from where the last half-byte points, without the top bit.
fn truncate(mac: &[u8]) -> Option<u32> {
    let offset = usize::from(mac.last()? & 0x0f);
    let four: [u8; 4] = mac.get(offset..)?.first_chunk().copied()?;
    Some(u32::from_be_bytes(four) & 0x7fff_ffff)
}
