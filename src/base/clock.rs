//! The only reader of time: the system's, or one moved by hand.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time on both clocks, read together.
///
/// `steady` never jumps and drives deadlines, limits and ages (D-116). `unix` is the time of day and
/// drives one-time codes, time windows, certificates and the audit, nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time.
    pub steady: Instant,
    /// Time of day.
    pub unix: UnixTime,
}

impl Now {
    /// How far the time of day was set since `before`, in milliseconds, forward being positive: what it gained
    /// beyond the time that has passed.
    #[must_use]
    pub fn jumped_since(self, before: Self) -> i64 {
        let passed = self.steady.saturating_duration_since(before.steady);
        self.unix.0.saturating_sub(before.unix.plus(passed).0)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time moved forward.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long from `earlier` to this time; nothing when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Both clocks, read together.
    fn now(&self) -> Now;
}

/// The system's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clocks")]
    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        Now { steady: Instant::now(), unix: UnixTime(i64::try_from(unix).unwrap_or(i64::MAX)) }
    }
}

/// A clock that moves only when told to; for tests, `explain --at` and fuzzing.
#[derive(Debug)]
pub struct ManualClock(Mutex<Now>);

impl ManualClock {
    /// Starts at `unix` and an arbitrary steady instant.
    #[must_use]
    pub fn at(unix: UnixTime) -> Self {
        Self(Mutex::new(Now { steady: SystemClock.now().steady, unix }))
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        now.steady = now.steady.checked_add(by).unwrap_or(now.steady);
        now.unix = now.unix.plus(by);
    }

    /// Sets the time of day alone, backwards too, as a careless administrator or a bad NTP server would.
    pub fn jump_to(&self, unix: UnixTime) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).unix = unix;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_may_jump_back_while_the_steady_clock_does_not() {
        let clock = ManualClock::at(UnixTime::from_seconds(1_000));
        let before = clock.now();
        clock.jump_to(UnixTime::from_seconds(10));
        assert_eq!(clock.now().unix.seconds(), 10);
        assert_eq!(clock.now().steady, before.steady);
        assert_eq!(clock.now().unix.since(before.unix), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_was_set_shows_by_how_much_and_one_that_runs_shows_nothing_d_116() {
        let clock = ManualClock::at(UnixTime::from_seconds(1_000));
        let before = clock.now();
        clock.advance(Duration::from_secs(7));
        assert_eq!(clock.now().jumped_since(before), 0);
        clock.jump_to(UnixTime::from_seconds(1_107));
        assert_eq!(clock.now().jumped_since(before), 100_000);
        clock.jump_to(UnixTime::from_seconds(907));
        assert_eq!(clock.now().jumped_since(before), -100_000);
    }

    #[test]
    fn seconds_before_the_epoch_round_down() {
        assert_eq!(UnixTime(-1).seconds(), -1);
        assert_eq!(UnixTime(999).seconds(), 0);
    }
}
