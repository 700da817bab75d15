//! The only reader of time: the system's, or one moved by hand.

use std::cell::Cell;
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
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the steady clock")]
    fn now(&self) -> Now {
        let steady = Instant::now();
        // A thread at its end remembers nothing any more.
        let micros = READ.try_with(|read| time_of_day(read, steady, day_now)).unwrap_or_else(|_| day_now());
        Now { steady, unix: UnixTime(micros.div_euclid(1000)) }
    }
}

/// How long the time of day goes on by the steady clock: a login asks for the time about a dozen times.
const GOES_ON: Duration = Duration::from_millis(1);

thread_local! {
    /// When the time of day was read last, and what it was in microseconds.
    static READ: Cell<Option<(Instant, i64)>> = const { Cell::new(None) };
}

/// Microseconds of the time of day at `steady`. A clock that is set shows it within [`GOES_ON`].
fn time_of_day(read: &Cell<Option<(Instant, i64)>>, steady: Instant, day: impl FnOnce() -> i64) -> i64 {
    if let Some((then, micros)) = read.get()
        && let Some(since) = steady.checked_duration_since(then)
        && since < GOES_ON
    {
        return micros.saturating_add(i64::from(since.subsec_micros()));
    }
    let micros = day();
    read.set(Some((steady, micros)));
    micros
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the time of day")]
fn day_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    i64::try_from(since).unwrap_or(i64::MAX)
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
    fn the_time_of_day_is_read_again_after_a_millisecond() {
        let (read, start) = (Cell::new(None), SystemClock.now().steady);
        let after = |micros| start + Duration::from_micros(micros);
        assert_eq!(time_of_day(&read, after(0), || 5_000_000), 5_000_000);
        assert_eq!(time_of_day(&read, after(999), || unreachable!()), 5_000_999);
        assert_eq!(time_of_day(&read, after(1000), || 9_000_000), 9_000_000, "it was set meanwhile");
        assert_eq!(time_of_day(&read, after(1500), || unreachable!()), 9_000_500);
        assert_eq!(time_of_day(&read, after(1499), || 9_000_499), 9_000_499);
        assert_eq!(time_of_day(&read, start, || 7), 7, "a time before the last one is read anew");
    }

    #[test]
    fn seconds_before_the_epoch_round_down() {
        assert_eq!(UnixTime(-1).seconds(), -1);
        assert_eq!(UnixTime(999).seconds(), 0);
    }
}
