//! Printed codes, each good once (C-080).
//!
//! The sealed value is `version (1) ‖ salt (16) ‖ ten hashes of 16 bytes`. A code has 80 random bits, so a
//! fast salted hash is enough: there is nothing to guess (NIST SP 800-63B, look-up secrets).

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::base::clock::UnixTime;
use crate::base::random::{NoRandomness, Random, bytes};
use crate::base::secret::Secret;
use crate::gateway::ports::{Place, SecondFactor, Vault};
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, FactorKind, Mark};
use crate::login::verdict::{Fault, FaultKind};

/// Codes in a set.
pub const CODES: u8 = 10;

const VERSION: u8 = 1;
const SALT: usize = 16;
const HASH: usize = 16;

/// Judges recovery codes.
pub struct Recovery {
    vault: Arc<dyn Vault>,
}

impl Recovery {
    /// Opens hashes with `vault`.
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>) -> Self {
        Self { vault }
    }
}

impl SecondFactor for Recovery {
    fn kind(&self) -> FactorKind {
        FactorKind::Recovery
    }

    fn judge(&self, enrolment: &Enrolment, code: &Code, _now: UnixTime) -> Result<Option<Mark>, Fault> {
        let (FactorKind::Recovery, Code::Recovery(typed)) = (enrolment.kind(), code) else { return Ok(None) };
        let opened = self.vault.open(Place::Seed(enrolment.id), &enrolment.sealed)?;
        place_in(&opened, typed).ok_or_else(|| {
            Fault::new(
                FaultKind::Internal,
                "a set of recovery codes is not in the form that this version knows",
            )
        })
    }
}

/// A fresh set: the codes as they are shown, `xxxx-xxxx-xxxx-xxxx`, and what is to be sealed.
pub(super) fn fresh_set(random: &dyn Random) -> Result<(Vec<Secret>, Secret), NoRandomness> {
    let salt: [u8; SALT] = bytes(random)?;
    let mut kept = Vec::with_capacity(LENGTH);
    kept.push(VERSION);
    kept.extend_from_slice(&salt);
    let mut shown = Vec::new();
    for _ in 0..CODES {
        let code = Secret::new(data_encoding::BASE32_NOPAD.encode(&bytes::<10>(random)?).into_bytes());
        kept.extend_from_slice(&hash(&salt, &code).ok_or(NoRandomness)?);
        shown.push(grouped(&code));
    }
    Ok((shown, Secret::new(kept)))
}

/// Where in the set the code is; the outer `None` means that `set` is not one. All hashes are compared.
fn place_in(set: &Secret, typed: &Secret) -> Option<Option<Mark>> {
    let (version, rest) = set.expose().split_first()?;
    let (salt, hashes) = rest.split_at_checked(SALT)?;
    if *version != VERSION || set.len() != LENGTH {
        return None;
    }
    let wanted = hash(salt, typed)?;
    let mut found = Choice::from(0);
    let mut place = 0;
    for (hash, index) in hashes.chunks(HASH).zip(0u8..) {
        let same = hash.ct_eq(&wanted);
        place.conditional_assign(&index, same);
        found |= same;
    }
    Some(bool::from(found).then_some(Mark::Index(place)))
}

fn hash(salt: &[u8], code: &Secret) -> Option<[u8; HASH]> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(salt).ok()?;
    mac.update(code.expose());
    mac.finalize().into_bytes().first_chunk().copied()
}

/// In groups of four, lower case: easier to read from paper.
fn grouped(code: &Secret) -> Secret {
    let mut text = Vec::with_capacity(24);
    for (group, number) in code.expose().chunks(4).zip(0..) {
        if number > 0 {
            text.push(b'-');
        }
        text.extend(group.iter().map(u8::to_ascii_lowercase));
    }
    Secret::new(text)
}

const LENGTH: usize = 1 + SALT + HASH * CODES as usize;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::SeededRandom;
    use crate::login::factor::{EnrolmentId, Parameters, Progress, Sealed};
    use crate::store::seal::KeyRing;

    fn judge(set: &Secret, typed: &[u8]) -> Result<Option<Mark>, Fault> {
        let vault = Arc::new(KeyRing::generate(Arc::new(SeededRandom::new(1))).unwrap());
        let id = EnrolmentId([1; 16]);
        let sealed: Sealed = vault.seal(Place::Seed(id), set).unwrap();
        let enrolment = Enrolment {
            id,
            parameters: Parameters::Recovery,
            sealed,
            progress: Progress::UNUSED,
            created: UnixTime(0),
        };
        Recovery::new(vault).judge(&enrolment, &Code::read(typed).unwrap(), UnixTime(0))
    }

    #[test]
    fn each_of_the_ten_codes_is_found_at_its_place_as_it_is_shown_and_in_capitals() {
        let (codes, set) = fresh_set(&SeededRandom::new(5)).unwrap();
        assert_eq!(codes.len(), 10);
        for (code, place) in codes.iter().zip(0u8..) {
            assert_eq!(judge(&set, code.expose()), Ok(Some(Mark::Index(place))));
            assert_eq!(judge(&set, &code.expose().to_ascii_uppercase()), Ok(Some(Mark::Index(place))));
        }
    }

    #[test]
    fn codes_are_shown_in_four_groups_of_four() {
        let (codes, _) = fresh_set(&SeededRandom::new(5)).unwrap();
        for code in codes {
            let text = code.expose_str().unwrap();
            assert!(text.split('-').all(|group| group.len() == 4) && text.len() == 19, "{text}");
        }
    }

    #[test]
    fn a_code_of_another_set_and_a_code_of_a_generator_fit_nothing() {
        let (_, set) = fresh_set(&SeededRandom::new(5)).unwrap();
        let (others, _) = fresh_set(&SeededRandom::new(6)).unwrap();
        assert_eq!(judge(&set, others[0].expose()), Ok(None));
        assert_eq!(judge(&set, b"123456"), Ok(None));
    }

    #[test]
    fn the_sealed_value_holds_no_code_and_two_sets_share_no_salt() {
        let (codes, set) = fresh_set(&SeededRandom::new(5)).unwrap();
        let (_, other) = fresh_set(&SeededRandom::new(6)).unwrap();
        assert_eq!(set.len(), 1 + 16 + 160);
        let code = codes[0].expose_str().unwrap().replace('-', "").to_ascii_uppercase();
        assert!(!set.expose().windows(4).any(|part| part == &code.as_bytes()[..4]));
        assert_ne!(set.expose()[1..17], other.expose()[1..17]);
    }

    #[test]
    fn a_set_of_an_unknown_form_is_a_fault_and_not_a_wrong_code() {
        let (codes, set) = fresh_set(&SeededRandom::new(5)).unwrap();
        let mut newer = set.expose().to_vec();
        newer[0] = 2;
        for bad in [&newer[..], &set.expose()[..set.len() - 1], b""] {
            let fault = judge(&Secret::copied(bad), codes[0].expose()).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Internal);
        }
    }
}
