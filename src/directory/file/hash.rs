//! argon2id hashes of passwords in the PHC string format (RFC 9106).

use std::fmt;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use data_encoding::BASE64_NOPAD;
use subtle::ConstantTimeEq;

use crate::base::random::{NoRandomness, Random, bytes};
use crate::base::secret::Secret;

/// Most memory a hash may ask for, in KiB.
const MOST_MEMORY: u32 = 256 * 1024;
/// Most passes a hash may ask for.
const MOST_PASSES: u32 = 16;
/// Most lanes a hash may ask for.
const MOST_LANES: u32 = 16;
/// Less memory than this, in KiB, makes a stolen file cheap to try.
const LITTLE_MEMORY: u32 = 7 * 1024;

/// Octets of the cost in a stamp.
const STAMP: usize = 12;

/// As long as the salts of most hashes.
const NOBODYS_SALT: [u8; 16] = [0x5a; 16];

/// What a password must give.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(in crate::directory) struct Hash {
    params: Params,
    /// `None` for nobody's.
    due: Option<(Salt, Output)>,
}

/// Memory in KiB, passes and lanes: what the time of a check depends on.
pub(in crate::directory) type Cost = (u32, u32, u32);

/// What there is to keep of a hash that says no more than its cost, a salt and an output.
#[derive(Clone, Copy)]
pub(in crate::directory) struct Kept<'a> {
    /// What it costs.
    pub(in crate::directory) cost: Cost,
    /// The salt.
    pub(in crate::directory) salt: &'a [u8],
    /// The output.
    pub(in crate::directory) output: &'a [u8],
}

impl Kept<'_> {
    /// The same as a hash; `None` for what was never one.
    pub(in crate::directory) fn hash(&self) -> Option<Hash> {
        let (memory, passes, lanes) = self.cost;
        let params = Params::new(memory, passes, lanes, Some(self.output.len())).ok()?;
        let (salt, output) = (Salt::new(self.salt).ok()?, Output::new(self.output).ok()?);
        Some(Hash { params, due: Some((salt, output)) })
    }

    /// As [`Hash::stamp`].
    pub(in crate::directory) fn stamp(&self) -> Box<[u8]> {
        let (memory, passes, lanes) = self.cost;
        // What comes out depends on the rest (RFC 9106 section 3.2), and half of it tells that as well as all of it.
        let half = self.output.get(..self.output.len() / 2).unwrap_or_default();
        let mut stamp = Vec::with_capacity(STAMP.saturating_add(self.salt.len()).saturating_add(half.len()));
        for number in [memory, passes, lanes] {
            stamp.extend_from_slice(&number.to_be_bytes());
        }
        stamp.extend_from_slice(self.salt);
        stamp.extend_from_slice(half);
        stamp.into()
    }
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
        match usual(text) {
            Some(hash) => Ok(hash),
            None => Self::read_any(text),
        }
    }

    /// Reads any hash that can be used, however its parameters are written.
    fn read_any(text: &str) -> Result<Self, BadHash> {
        let parsed = PasswordHash::new(text).map_err(|_| BadHash::Form)?;
        if parsed.algorithm.as_str() != "argon2id" || parsed.version != Some(Version::V0x13.into()) {
            return Err(BadHash::Kind);
        }
        let params = Params::try_from(&parsed).map_err(|_| BadHash::Form)?;
        if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES {
            return Err(BadHash::TooCostly);
        }
        let due = parsed.salt.zip(parsed.hash).ok_or(BadHash::Kind)?;
        Ok(Self { params, due: Some(due) })
    }

    /// A hash of the same cost that no password gives.
    pub(in crate::directory) fn of_nobody(like: Option<&Self>) -> Self {
        let params = like.map_or(Params::DEFAULT, |hash| hash.params.clone());
        Self { params, due: None }
    }

    /// What the time of a check depends on.
    pub(in crate::directory) const fn cost(&self) -> Cost {
        (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
    }

    /// What there is to keep of it; `None` when it says more than that.
    pub(in crate::directory) fn kept(&self) -> Option<Kept<'_>> {
        let more = !self.params.keyid().is_empty() || !self.params.data().is_empty();
        let (salt, output) = self.due.as_ref().filter(|(salt, _)| !more && salt.len() >= Salt::MIN_LENGTH)?;
        Some(Kept { cost: self.cost(), salt, output: output.as_bytes() })
    }

    /// The salt, and what must come out with it.
    fn due(&self) -> (&[u8], Option<&[u8]>) {
        match &self.due {
            Some((salt, output)) => (salt, Some(output.as_bytes())),
            None => (&NOBODYS_SALT, None),
        }
    }

    /// Another value for every other hash, and not the hash itself.
    pub(in crate::directory) fn stamp(&self) -> Box<[u8]> {
        let (salt, output) = self.due();
        Kept { cost: self.cost(), salt, output: output.unwrap_or_default() }.stamp()
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
        // Nobody has no output; what is typed for him costs as much as what anybody types.
        let (salt, expected) = self.due();
        let mut output = vec![0; expected.map_or(Params::DEFAULT_OUTPUT_LEN, <[u8]>::len)];
        let blocks = scratch.blocks(self.params.block_count())?;
        argon2
            .hash_password_into_with_memory(password.expose(), salt, &mut output, blocks)
            .map_err(|_| HashFault::Argon2)?;
        Ok(expected.is_some_and(|expected| output.ct_eq(expected).into()))
    }
}

/// Reads a hash as [`hash_password`] and other programs write it; `None` says nothing. A million of them are read at a
/// start, and the general way takes each apart into parameters with names.
fn usual(text: &str) -> Option<Hash> {
    let (memory, rest) = decimal(text.strip_prefix("$argon2id$v=19$m=")?)?;
    let (passes, rest) = decimal(rest.strip_prefix(",t=")?)?;
    let (lanes, rest) = decimal(rest.strip_prefix(",p=")?)?;
    let (salt, output) = rest.strip_prefix('$')?.split_once('$')?;
    let (mut of_salt, mut of_output) = ([0; Salt::MAX_LENGTH], [0; Output::MAX_LENGTH]);
    let salt = Salt::new(unpadded(salt, &mut of_salt)?).ok()?;
    let output = Output::new(unpadded(output, &mut of_output)?).ok()?;
    let cheap = memory <= MOST_MEMORY && passes <= MOST_PASSES && lanes <= MOST_LANES;
    let params = Params::new(memory, passes, lanes, Some(output.len())).ok().filter(|_| cheap)?;
    Some(Hash { params, due: Some((salt, output)) })
}

/// The number that `text` begins with, and the rest. No zero, and none in front.
fn decimal(text: &str) -> Option<(u32, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at_checked(end)?;
    let number = digits.parse().ok()?;
    (!digits.starts_with('0')).then_some((number, rest))
}

fn unpadded<'a>(text: &str, room: &'a mut [u8]) -> Option<&'a [u8]> {
    let length = BASE64_NOPAD.decode_len(text.len()).ok()?;
    let room = room.get_mut(..length)?;
    let length = BASE64_NOPAD.decode_mut(text.as_bytes(), room).ok()?;
    room.get(..length)
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

    proptest::proptest! {
        #[test]
        fn a_hash_as_most_are_written_is_the_same_hash_however_it_is_read(
            cost in ("[1-9][0-9]{0,5}|0|07", "[1-9][0-9]?|0", "[1-9][0-9]?|0"),
            salt in proptest::collection::vec(proptest::prelude::any::<u8>(), 6..50),
            output in proptest::collection::vec(proptest::prelude::any::<u8>(), 8..68),
            change in proptest::option::weighted(0.3, (proptest::prelude::any::<proptest::sample::Index>(), "[a-z0-9=$,+/]?")),
        ) {
            let (m, t, p) = cost;
            let (salt, output) = (BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&output));
            let mut text = format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${output}");
            if let Some((at, with)) = change {
                let at = at.index(text.len());
                text.replace_range(at..=at, &with);
            }
            if let Some(hash) = usual(&text) {
                assert_eq!(Hash::read_any(&text), Ok(hash), "{text}");
            }
            if let Ok(hash) = Hash::read(&text)
                && let Some(kept) = hash.kept()
            {
                assert_eq!(kept.hash().as_ref(), Some(&hash), "{text}");
                assert_eq!(kept.stamp(), hash.stamp());
            }
        }
    }

    #[test]
    fn the_usual_form_is_read_without_a_detour_and_every_other_with_one() {
        let text = hash_password(&Secret::copied(b"x"), &SeededRandom::new(1)).unwrap();
        assert!(usual(&text).is_some());
        for odd in [text.replace("m=19456,t=2", "t=2,m=19456"), text.replace(",p=1", ",p=1,keyid=c29tZQ")] {
            assert!(usual(&odd).is_none() && Hash::read(&odd).is_ok(), "{odd}");
        }
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
