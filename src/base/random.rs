//! The only source of randomness: the system's, or a seeded one for tests.

use std::cell::RefCell;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::base::clock::{Clock, SystemClock};

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

/// The operating system's generator. Each thread stretches what it gets of it with a generator of its own, so that a
/// login costs no system call for its ids; what is longer than an id, such as keys, is the system's itself.
///
/// A process that forks would have both halves draw the same: this program does not.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoRandomness> {
        if out.len() > LONGEST {
            return system(out);
        }
        let stretched = STRETCHED.try_with(|one| match one.try_borrow_mut() {
            Ok(mut one) => one.fill(out, &SystemClock, system),
            Err(_) => system(out),
        });
        // A thread at its end has no generator any more.
        stretched.unwrap_or_else(|_| system(out))
    }
}

fn system(out: &mut [u8]) -> Result<(), NoRandomness> {
    getrandom::fill(out).map_err(|_| NoRandomness)
}

thread_local! {
    static STRETCHED: RefCell<Stretched> = const { RefCell::new(Stretched::EMPTY) };
}

/// Bytes that are handed out of the generator at most.
const LONGEST: usize = 64;
/// Bytes that are made at once: the next key, and what is handed out.
const POOL: usize = 512;
const KEY: usize = 32;
/// After so many pools, 64 KiB, the system is asked again,
const POOLS: u32 = 128;
/// and after this time, which is looked at when a pool is used up.
const SEED_LIFE: Duration = Duration::from_secs(60);

/// `ChaCha20` that forgets: each pool is made with a key of its own, which is gone once the pool is made, and what was
/// handed out is erased. Whoever reads the memory learns nothing of what was drawn before
/// (Bernstein, "Fast-key-erasure random-number generators").
struct Stretched {
    pool: [u8; POOL],
    /// How much of the pool has been handed out; its front is the next key.
    used: usize,
    pools_left: u32,
    seeded: Option<Instant>,
}

impl Stretched {
    const EMPTY: Self = Self { pool: [0; POOL], used: POOL, pools_left: 0, seeded: None };

    fn fill(
        &mut self,
        out: &mut [u8],
        clock: &dyn Clock,
        draw: impl FnOnce(&mut [u8]) -> Result<(), NoRandomness>,
    ) -> Result<(), NoRandomness> {
        if POOL.saturating_sub(self.used) < out.len() {
            self.refill(clock.now().steady, draw)?;
        }
        let end = self.used.saturating_add(out.len());
        let fresh = self.pool.get_mut(self.used..end).ok_or(NoRandomness)?;
        out.copy_from_slice(fresh);
        fresh.zeroize();
        self.used = end;
        Ok(())
    }

    fn refill(
        &mut self,
        now: Instant,
        draw: impl FnOnce(&mut [u8]) -> Result<(), NoRandomness>,
    ) -> Result<(), NoRandomness> {
        let mut key = Zeroizing::new([0; KEY]);
        let is_young = self.seeded.is_some_and(|then| now.saturating_duration_since(then) < SEED_LIFE);
        if self.pools_left == 0 || !is_young {
            draw(&mut *key)?;
            (self.seeded, self.pools_left) = (Some(now), POOLS);
        }
        // What the system gives anew is added to what was there.
        key.iter_mut().zip(&self.pool).for_each(|(to, from)| *to ^= from);
        ChaCha20Rng::from_seed(*key).fill_bytes(&mut self.pool);
        self.pools_left = self.pools_left.saturating_sub(1);
        self.used = KEY;
        Ok(())
    }
}

impl Drop for Stretched {
    fn drop(&mut self) {
        self.pool.zeroize();
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
    use std::collections::HashSet;

    use super::*;
    use crate::base::clock::{ManualClock, UnixTime};

    fn clock() -> ManualClock {
        ManualClock::at(UnixTime(0))
    }

    /// What the system gives in these tests: another byte each time, and how often it was asked.
    struct Source(u8);

    impl Source {
        fn draw(&mut self, out: &mut [u8]) -> Result<(), NoRandomness> {
            self.0 += 1;
            out.fill(self.0);
            Ok(())
        }
    }

    fn drawn(one: &mut Stretched, clock: &ManualClock, source: &mut Source) -> [u8; LONGEST] {
        let mut out = [0; LONGEST];
        one.fill(&mut out, clock, |out| source.draw(out)).unwrap();
        out
    }

    #[test]
    fn nothing_is_drawn_twice_by_whichever_thread() {
        let draw = || (0..2_000).map(|_| bytes::<16>(&SystemRandom).unwrap()).collect::<Vec<_>>();
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let different: HashSet<_> = all.iter().collect();
        assert_eq!((all.len(), different.len()), (8_000, 8_000));
        let long: [[u8; 100]; 2] = [bytes(&SystemRandom).unwrap(), bytes(&SystemRandom).unwrap()];
        assert_ne!(long[0], long[1]);
    }

    #[test]
    fn the_system_is_asked_again_after_64_kib() {
        let (mut one, clock, mut source) = (Stretched::EMPTY, clock(), Source(0));
        let mut out = 0;
        while source.0 < 3 {
            drawn(&mut one, &clock, &mut source);
            out += LONGEST;
            assert!(out <= 128 * 1024, "{out}");
        }
        assert!(out > 100 * 1024, "{out}");
    }

    #[test]
    fn the_system_is_asked_again_after_a_minute() {
        let (mut one, clock, mut source) = (Stretched::EMPTY, clock(), Source(0));
        let pool = |one: &mut Stretched, source: &mut Source| {
            (0..POOL / LONGEST).for_each(|_| assert_ne!(drawn(one, &clock, source), [0; LONGEST]));
            source.0
        };
        assert_eq!(pool(&mut one, &mut source), 1);
        clock.advance(SEED_LIFE - Duration::from_secs(1));
        assert_eq!(pool(&mut one, &mut source), 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(pool(&mut one, &mut source), 2);
    }

    #[test]
    fn without_the_system_nothing_is_given_and_it_is_asked_at_the_next_time() {
        let (mut one, clock, mut out) = (Stretched::EMPTY, clock(), [0; 16]);
        assert_eq!(one.fill(&mut out, &clock, |_| Err(NoRandomness)), Err(NoRandomness));
        assert_eq!(out, [0; 16]);
        assert_eq!(one.fill(&mut out, &clock, |out| Source(0).draw(out)), Ok(()));
        assert_ne!(out, [0; 16]);
        one.pools_left = 0;
        one.used = POOL;
        let before = out;
        assert_eq!(one.fill(&mut out, &clock, |_| Err(NoRandomness)), Err(NoRandomness), "no old seed");
        assert_eq!(out, before);
    }

    #[test]
    fn what_was_given_is_not_kept_and_cannot_be_made_again() {
        let (mut one, clock, mut source) = (Stretched::EMPTY, clock(), Source(0));
        let given = drawn(&mut one, &clock, &mut source);
        let again = |pool: &[u8]| pool.windows(8).any(|part| given.windows(8).any(|other| part == other));
        assert!(!again(&one.pool));
        let (_, key) = (one.used = POOL, one.pool[..KEY].to_vec());
        drawn(&mut one, &clock, &mut source);
        assert_ne!(key, one.pool[..KEY], "the key has gone with its pool");
        assert!(!again(&one.pool));
    }

    #[test]
    fn seeded_bytes_repeat_between_runs_and_differ_within_one() {
        let (a, b) = (SeededRandom::new(7), SeededRandom::new(7));
        let first: [u8; 40] = bytes(&a).unwrap();
        assert_eq!(first, bytes(&b).unwrap());
        assert_ne!(first, bytes(&a).unwrap());
    }
}
