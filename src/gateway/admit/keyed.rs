//! A rate limit for each of many keys, with a bound on their number (D-112).

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::base::clock::Clock;
use crate::base::spread::Spreading;

/// A rate limit without keys.
pub(in crate::gateway) type Rate = RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>;

/// A rate limit without keys that begins with all of its quota.
pub(in crate::gateway) fn rate(quota: Quota, ticks: &Ticks) -> Rate {
    RateLimiter::new(quota, InMemoryState::default(), ticks.clone())
}

/// A rate limit per key with a bound on the number of keys.
///
/// Of a key no more is kept than a keyed hash of 64 bits, so that nothing is copied for a login and no names lie about:
/// two keys out of a hundred thousand have one hash once in four thousand million tables, and then they share a limit.
pub(in crate::gateway) struct Keyed {
    most: usize,
    hasher: RandomState,
    keys: RateLimiter<u64, States, Ticks, NoOpMiddleware<Duration>>,
    /// Of all keys for which there is no room.
    overflow: Rate,
    /// `len` walks all shards of the map; it is read when the map is tidied.
    full: AtomicBool,
    added: AtomicUsize,
}

/// By hashes, which need no further one.
type States = DashMapStateStore<u64, Spreading>;

impl Keyed {
    /// Nothing used up yet; beyond `most` keys, all new ones share one quota.
    pub(in crate::gateway) fn new(most: usize, quota: Quota, ticks: &Ticks) -> Self {
        Self {
            most,
            hasher: RandomState::new(),
            keys: RateLimiter::new(quota, States::default(), ticks.clone()),
            overflow: rate(quota, ticks),
            full: false.into(),
            added: AtomicUsize::new(0),
        }
    }

    /// Whether `key` may once more; takes it from its quota.
    pub(in crate::gateway) fn allows(&self, key: &impl Hash) -> bool {
        self.allows_hash(self.hash(key))
    }

    /// A number for `key` that nobody can foresee who chooses it.
    pub(in crate::gateway) fn hash(&self, key: &impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    /// As [`Keyed::allows`], by what [`Keyed::hash`] gives.
    pub(in crate::gateway) fn allows_hash(&self, hash: u64) -> bool {
        if self.full.load(Ordering::Relaxed) {
            return self.overflow.check().is_ok();
        }
        if self.added.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.tidy();
            if self.full.load(Ordering::Relaxed) {
                return self.overflow.check().is_ok();
            }
        }
        self.keys.check_key(&hash).is_ok()
    }

    /// Forgets keys whose quota is whole again.
    pub(in crate::gateway) fn tidy(&self) {
        self.keys.retain_recent();
        self.keys.shrink_to_fit();
        let len = self.keys.len();
        self.added.store(len, Ordering::Relaxed);
        self.full.store(len >= self.most, Ordering::Relaxed);
    }
}

/// Our clock as governor reads it: several times in a login, for which one look is enough.
#[derive(Clone)]
pub(in crate::gateway) struct Ticks {
    clock: Arc<dyn Clock>,
    origin: Instant,
    /// What it was at the last look, in nanoseconds since `origin`; shared by all copies.
    seen: Arc<AtomicU64>,
}

impl Ticks {
    /// `clock`, from now on.
    pub(in crate::gateway) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { clock: clock.clone(), origin: clock.now().steady, seen: Arc::default() }
    }

    /// Looks at the clock; what is asked of the limits from now on is as of this moment.
    pub(in crate::gateway) fn look(&self) {
        self.note(self.clock.now().steady);
    }

    /// The same of somebody who has just looked.
    pub(in crate::gateway) fn note(&self, now: Instant) {
        let nanos = now.saturating_duration_since(self.origin).as_nanos();
        self.seen.fetch_max(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl GovernorClock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.seen.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{ManualClock, UnixTime};
    use std::num::NonZeroU32;

    #[test]
    fn a_flood_of_made_up_keys_stays_bounded_d_112() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(UnixTime(0)));
        let quota = Quota::per_minute(NonZeroU32::new(5).unwrap());
        let keyed = Keyed::new(1000, quota, &Ticks::new(&clock));
        let passed = (0..2000).filter(|n| keyed.allows(n)).count();
        assert!(keyed.keys.len() <= 1000);
        assert!(passed <= 1000 + 5, "{passed}");
    }

    #[test]
    fn a_key_whose_quota_is_whole_again_is_forgotten() {
        let clock = Arc::new(ManualClock::at(UnixTime(0)));
        let dynamic: Arc<dyn Clock> = clock.clone();
        let quota = Quota::per_minute(NonZeroU32::new(5).unwrap());
        let ticks = Ticks::new(&dynamic);
        let keyed = Keyed::new(1000, quota, &ticks);
        assert!((0..100).all(|n| keyed.allows(&n)));
        keyed.tidy();
        assert_eq!(keyed.keys.len(), 100);
        clock.advance(Duration::from_secs(60));
        ticks.look();
        keyed.tidy();
        assert_eq!(keyed.keys.len(), 0);
    }

    #[test]
    fn keys_beyond_the_bound_share_one_quota_until_there_is_room_again_d_112() {
        let clock = Arc::new(ManualClock::at(UnixTime(0)));
        let dynamic: Arc<dyn Clock> = clock.clone();
        let quota = Quota::per_minute(NonZeroU32::new(2).unwrap());
        let ticks = Ticks::new(&dynamic);
        let keyed = Keyed::new(3, quota, &ticks);
        assert!((0..3).all(|n| keyed.allows(&n)));
        keyed.tidy();
        assert_eq!([10, 11, 12].map(|n| keyed.allows(&n)), [true, true, false], "two for all of them");
        clock.advance(Duration::from_secs(30));
        ticks.look();
        assert_eq!([13, 14].map(|n| keyed.allows(&n)), [true, false], "one comes back after half a minute");
        clock.advance(Duration::from_secs(60));
        ticks.look();
        keyed.tidy();
        assert!(keyed.allows(&12) && keyed.allows(&13), "those before are forgotten: there is room");
        assert_eq!([12, 12].map(|n| keyed.allows(&n)), [true, false], "and each has a quota of its own");
    }
}
