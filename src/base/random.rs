//! The only source of randomness: the system's, or a seeded one for tests.

use std::sync::Mutex;

use sha2::{Digest, Sha256};

/// Gives unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills `out`.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] when the system cannot give any; whoever needed it must not go on.
    fn fill(&self, out: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The system's source of randomness failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no randomness")]
pub struct NoRandomness;

/// `N` fresh bytes.
///
/// # Errors
///
/// As [`Random::fill`].
pub fn bytes<const N: usize>(random: &dyn Random) -> Result<[u8; N], NoRandomness> {
    let mut out = [0; N];
    random.fill(&mut out)?;
    Ok(out)
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(out).map_err(|_| NoRandomness)
    }
}

/// The same bytes in every run; for tests and fuzzing only.
#[derive(Debug)]
pub struct SeededRandom(Mutex<(u64, u64)>);

impl SeededRandom {
    /// A sequence that depends on `seed` alone.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl Random for SeededRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoRandomness> {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in out.chunks_mut(32) {
            let mut hash = Sha256::new();
            hash.update(state.0.to_be_bytes());
            hash.update(state.1.to_be_bytes());
            state.1 = state.1.wrapping_add(1);
            for (to, from) in chunk.iter_mut().zip(hash.finalize()) {
                *to = from;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_bytes_repeat_between_runs_and_differ_within_one() {
        let (a, b) = (SeededRandom::new(7), SeededRandom::new(7));
        let first: [u8; 40] = bytes(&a).unwrap();
        assert_eq!(first, bytes(&b).unwrap());
        assert_ne!(first, bytes(&a).unwrap());
    }
}
