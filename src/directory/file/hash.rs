//! argon2id hashes of passwords in the PHC string format (RFC 9106).

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use data_encoding::BASE64_NOPAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::base::random::{NoRandomness, Random, bytes};
use crate::base::secret::Secret;

/// Most memory a hash may ask for, in KiB.
const MOST_MEMORY: u32 = 256 * 1024;
/// Most passes a hash may ask for.
const MOST_PASSES: u32 = 16;
/// Less memory than this, in KiB, makes a stolen file cheap to try.
const LITTLE_MEMORY: u32 = 7 * 1024;

/// What a password must give.
#[derive(Clone)]
pub(in crate::directory) struct Hash {
    params: Params,
    salt: Box<[u8]>,
    output: Box<[u8]>,
}

/// The memory of one hash at a time, kept from one to the next.
///
/// Handed back to the system's allocator, every thread that ever hashed would keep its own share of it: with
/// a few hundred threads for blocking work that is gigabytes.
#[derive(Default)]
pub(in crate::directory) struct Scratch(Vec<Block>);

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scratch({} KiB)", self.0.len())
    }
}

impl Scratch {
    /// As many blocks, grown once to what the costliest hash needs.
    fn blocks(&mut self, count: usize) -> Result<&mut [Block], HashFault> {
        let more = count.saturating_sub(self.0.len());
        self.0.try_reserve_exact(more).map_err(|_| HashFault::Argon2)?;
        self.0.resize(count.max(self.0.len()), Block::default());
        self.0.get_mut(..count).ok_or(HashFault::Argon2)
    }
}

/// Why a text is not a hash that we check passwords against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::directory) enum BadHash {
    /// Not a PHC string at all.
    #[error("it does not have the form of a hash")]
    Form,
    /// Something else than argon2id in its version 19, or without salt or output.
    #[error("it is not a whole argon2id hash of version 19")]
    Kind,
    /// So costly that a few logins would stop the program.
    #[error("it asks for more than {MOST_MEMORY} KiB or {MOST_PASSES} passes")]
    TooCostly,
}

/// Why a password could not be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    /// There is no salt.
    #[error("{0}")]
    NoRandomness(#[from] NoRandomness),
    /// The memory it needs was not there, or the password is longer than 4 GiB.
    #[error("argon2 could not hash the password")]
    Argon2,
}

impl Hash {
    /// Reads `$argon2id$v=19$m=…,t=…,p=…$salt$output`.
    pub(in crate::directory) fn read(text: &str) -> Result<Self, BadHash> {
        let parsed = PasswordHash::new(text).map_err(|_| BadHash::Form)?;
        if parsed.algorithm.as_str() != "argon2id" || parsed.version != Some(Version::V0x13.into()) {
            return Err(BadHash::Kind);
        }
        let params = Params::try_from(&parsed).map_err(|_| BadHash::Form)?;
        if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES || params.p_cost() > 16 {
            return Err(BadHash::TooCostly);
        }
        let (Some(salt), Some(output)) = (parsed.salt, parsed.hash) else { return Err(BadHash::Kind) };
        Ok(Self { params, salt: salt.as_ref().into(), output: output.as_bytes().into() })
    }

    /// A hash of the same cost that no password gives.
    pub(in crate::directory) fn of_nobody(like: Option<&Self>) -> Self {
        let params = like.map_or(Params::DEFAULT, |hash| hash.params.clone());
        Self { params, salt: Box::new([0x5a; 16]), output: Box::new([]) }
    }

    /// Memory, passes and lanes: what the time of a check depends on.
    pub(in crate::directory) const fn cost(&self) -> (u32, u32, u32) {
        (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
    }

    /// Another value for every other hash, and not the hash itself.
    pub(in crate::directory) fn stamp(&self) -> Box<[u8]> {
        let (memory, passes, lanes) = self.cost();
        let cost = [memory, passes, lanes].map(u32::to_be_bytes);
        let salt = Sha256::digest(&self.salt);
        Sha256::new()
            .chain_update(cost.as_flattened())
            .chain_update(salt)
            .chain_update(&self.output)
            .finalize()[..]
            .into()
    }

    /// Whether the hash is cheap to try.
    pub(in crate::directory) const fn is_weak(&self) -> bool {
        self.params.m_cost() < LITTLE_MEMORY
    }

    /// Whether `password` gives this hash. Takes tens of milliseconds and the memory of its cost; not for
    /// a thread that serves.
    pub(in crate::directory) fn fits(
        &self,
        password: &Secret,
        scratch: &mut Scratch,
    ) -> Result<bool, HashFault> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        // Nobody's hash is empty; it costs as much as any other.
        let length = if self.output.is_empty() { Params::DEFAULT_OUTPUT_LEN } else { self.output.len() };
        let mut output = vec![0; length];
        let blocks = scratch.blocks(self.params.block_count())?;
        argon2
            .hash_password_into_with_memory(password.expose(), &self.salt, &mut output, blocks)
            .map_err(|_| HashFault::Argon2)?;
        Ok(bool::from(output.ct_eq(&self.output)))
    }
}

/// The hash of `password` as it stands in a users file: argon2id, 19 MiB, 2 passes, 16 bytes of salt.
///
/// # Errors
///
/// [`HashFault`] without randomness or memory.
pub fn hash_password(password: &Secret, random: &dyn Random) -> Result<String, HashFault> {
    let salt: [u8; 16] = bytes(random)?;
    let params = Params::DEFAULT;
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.expose(), &salt, &mut output)
        .map_err(|_| HashFault::Argon2)?;
    let (salt, output) = (BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&output));
    Ok(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${output}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::SeededRandom;

    #[test]
    fn what_was_hashed_fits_and_nothing_else_does() {
        let text = hash_password(&Secret::copied(b"hunter2"), &SeededRandom::new(1)).unwrap();
        let hash = Hash::read(&text).unwrap();
        assert!(hash.fits(&Secret::copied(b"hunter2"), &mut Scratch::default()).unwrap());
        assert!(!hash.fits(&Secret::copied(b"hunter3"), &mut Scratch::default()).unwrap());
        assert!(!hash.is_weak());
    }

    #[test]
    fn the_hash_of_another_implementation_fits() {
        // The phc-winner-argon2 reference tool: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32`
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(
            Hash::read(text).unwrap().fits(&Secret::copied(b"password"), &mut Scratch::default()).unwrap()
        );
    }

    #[test]
    fn nobody_has_a_password_and_the_same_cost() {
        let text = hash_password(&Secret::copied(b"x"), &SeededRandom::new(1)).unwrap();
        let nobody = Hash::of_nobody(Hash::read(&text).ok().as_ref());
        assert_eq!(nobody.cost(), Hash::read(&text).unwrap().cost());
        assert!(!nobody.fits(&Secret::copied(b""), &mut Scratch::default()).unwrap());
    }

    #[test]
    fn what_an_earlier_hash_left_in_memory_changes_nothing() {
        let dear = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let dear = Hash::read(dear).unwrap();
        let cheap = hash_password(&Secret::copied(b"hunter2"), &SeededRandom::new(1)).unwrap();
        let cheap = Hash::read(&cheap).unwrap();
        let mut scratch = Scratch::default();
        for _ in 0..2 {
            assert!(dear.fits(&Secret::copied(b"password"), &mut scratch).unwrap());
            assert!(!dear.fits(&Secret::copied(b"hunter2"), &mut scratch).unwrap());
            assert!(cheap.fits(&Secret::copied(b"hunter2"), &mut scratch).unwrap());
            assert!(!cheap.fits(&Secret::copied(b"password"), &mut scratch).unwrap());
        }
        assert_eq!(scratch.0.len(), 65_536, "no more than the costliest needs");
    }

    #[test]
    fn hashes_that_cannot_be_used_are_told_apart() {
        let rest = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for (text, why) in [
            ("hunter2".to_owned(), BadHash::Form),
            ("$2y$05$abcdefghijklmnopqrstuv".to_owned(), BadHash::Form),
            (format!("$argon2i$v=19$m=65536,t=2,p=1{rest}"), BadHash::Kind),
            (format!("$argon2id$v=16$m=65536,t=2,p=1{rest}"), BadHash::Kind),
            ("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ".to_owned(), BadHash::Kind),
            (format!("$argon2id$v=19$m=999999,t=2,p=1{rest}"), BadHash::TooCostly),
            (format!("$argon2id$v=19$m=65536,t=99,p=1{rest}"), BadHash::TooCostly),
        ] {
            assert_eq!(Hash::read(&text).err(), Some(why), "{text}");
        }
    }
}
