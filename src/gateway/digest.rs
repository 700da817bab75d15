//! Short keyed digests: what is counted by them can be told apart, and nobody who reads the memory of another process
//! or a record of it learns what it was.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::base::random::{self, Random};
use crate::base::secret::Secret;

/// A key that is drawn at the start and never leaves the process.
pub(in crate::gateway) struct Digests {
    /// Without one there are no digests.
    key: Option<Hmac<Sha256>>,
}

impl Digests {
    /// Draws a key. When there is no randomness there are no digests, and the log says so.
    pub(in crate::gateway) fn new(random: &dyn Random) -> Self {
        let key = random::bytes::<32>(random).ok().map(|bytes| Secret::new(bytes.to_vec()));
        let key = key.and_then(|key| <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose()).ok());
        if key.is_none() {
            tracing::warn!(
                event = "login.unwatched",
                "no randomness for a key: nobody who guesses is noticed beyond the account that he guesses at"
            );
        }
        Self { key }
    }

    /// The digest of `parts`, which cannot run into each other; 64 bits, which is enough to tell a few hundred
    /// thousand things apart. `label` says what they are.
    pub(in crate::gateway) fn of(&self, label: &'static [u8], parts: &[&[u8]]) -> Option<u64> {
        let mut mac = self.key.as_ref()?.clone();
        mac.update(label);
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        digest.first_chunk().copied().map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::{NoRandomness, SeededRandom};

    struct Nothing;

    impl Random for Nothing {
        fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
            Err(NoRandomness)
        }
    }

    #[test]
    fn equal_things_have_one_digest_under_one_key_and_another_under_the_next() {
        let (one, other) = (Digests::new(&SeededRandom::new(1)), Digests::new(&SeededRandom::new(2)));
        assert_eq!(one.of(b"name", &[b"alice"]), one.of(b"name", &[b"alice"]));
        assert_ne!(one.of(b"name", &[b"alice"]), other.of(b"name", &[b"alice"]));
        assert!(one.of(b"name", &[b"alice"]).is_some());
    }

    #[test]
    fn parts_do_not_run_into_each_other_and_a_label_keeps_kinds_apart() {
        let digests = Digests::new(&SeededRandom::new(1));
        let all = [
            digests.of(b"name", &[b"ab", b"c"]),
            digests.of(b"name", &[b"a", b"bc"]),
            digests.of(b"name", &[b"abc"]),
            digests.of(b"password", &[b"abc"]),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn without_randomness_there_is_no_digest() {
        assert_eq!(Digests::new(&Nothing).of(b"name", &[b"alice"]), None);
    }
}
