//! Failures so far → go on, wait, or stay locked. Values in, values out; the store keeps them.

pub mod lockout;

pub use crate::login::throttle::lockout::{Lockout, LockoutRule};

use std::time::Duration;

use crate::base::clock::UnixTime;

/// Failures that are remembered about one subject and one thing (its password, or one kind of factor).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    /// In a row, since the last success.
    pub row: u32,
    /// No further try before this.
    pub wait_until: UnixTime,
    /// Which day (UTC, counted from the epoch) `today` belongs to.
    pub day: i64,
    /// On that day.
    pub today: u32,
    /// Only an administrator can release it, or [`Limits::release_after`].
    pub locked: bool,
    /// When the last one came; 0 for never.
    pub last: UnixTime,
}

impl Failures {
    /// None at all.
    pub const NONE: Self =
        Self { row: 0, wait_until: UnixTime(0), day: 0, today: 0, locked: false, last: UnixTime(0) };

    /// How many of them a directory still counts at `now` that forgets when none came for longer than `window`.
    ///
    /// A last one that lies further ahead than the window comes from a clock that was wrong; it does not hold (D-116).
    #[must_use]
    pub fn directory_row(&self, now: UnixTime, window: Duration) -> u32 {
        if now.since(self.last) > window || self.last.since(now) > window { 0 } else { self.row }
    }

    /// When the lock opens by itself; never one that came from a hundred failures in a row (C-003).
    #[must_use]
    pub fn released_at(&self, limits: &Limits) -> Option<UnixTime> {
        limits.release_after.filter(|_| self.row < Limits::MOST_IN_A_ROW).map(|after| self.last.plus(after))
    }

    fn is_released(&self, now: UnixTime, limits: &Limits) -> bool {
        self.released_at(limits).is_some_and(|then| now >= then)
    }
}

/// How failures are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Failures in a row before the first wait.
    pub free: u32,
    /// The first wait; each further failure doubles it.
    pub first_wait: Duration,
    /// No wait is longer.
    pub longest_wait: Duration,
    /// Failures on one day before it stays locked; 0 means never.
    pub per_day: u32,
    /// How long after the last failure the lock of a day opens by itself; `None` leaves it to an administrator. The row
    /// goes on, and so do its waits.
    pub release_after: Option<Duration>,
}

impl Limits {
    /// For wrong codes (C-003): five free, then 15 minutes and growing, locked after 20 on one day.
    pub const FACTOR: Self = Self {
        free: 5,
        first_wait: Duration::from_secs(15 * 60),
        longest_wait: Duration::from_secs(24 * 60 * 60),
        per_day: 20,
        release_after: None,
    };

    /// For wrong passwords; never locks. A directory that locks accounts forgets failures only when none came
    /// for its whole observation window, 30 minutes as Windows proposes it: four, then one in each such
    /// window, stay below the lowest usual threshold of five (B-087).
    pub const PASSWORD: Self = Self {
        free: 4,
        first_wait: Duration::from_secs(30 * 60),
        longest_wait: Duration::from_secs(30 * 60),
        per_day: 0,
        release_after: None,
    };

    /// Failures in a row after which only an administrator helps, however patient the guesser (C-003).
    const MOST_IN_A_ROW: u32 = 100;
}

/// The limits a flow judges by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowLimits {
    /// For wrong passwords.
    pub password: Limits,
    /// For wrong codes.
    pub factor: Limits,
    /// How many days a network is familiar after a login from there; 0: none is.
    pub remember_networks: u32,
}

impl Default for FlowLimits {
    fn default() -> Self {
        Self { password: Limits::PASSWORD, factor: Limits::FACTOR, remember_networks: 30 }
    }
}

/// Whether a further try may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Yes.
    Yes,
    /// Not before this time.
    NotBefore(UnixTime),
    /// Not until an administrator releases it, or the time of [`Limits::release_after`] is over.
    Locked,
}

/// Whether a further try may be looked at, at `now`.
///
/// A wait that ends further ahead than the longest wait there is comes from a clock that was wrong; it
/// does not hold (D-116).
#[must_use]
pub fn allowed(failures: &Failures, now: UnixTime, limits: &Limits) -> Allowed {
    if failures.locked && !failures.is_released(now, limits) {
        return Allowed::Locked;
    }
    if failures.wait_until > now && failures.wait_until <= now.plus(limits.longest_wait) {
        return Allowed::NotBefore(failures.wait_until);
    }
    Allowed::Yes
}

/// The failures after one more, at `now`.
#[must_use]
pub fn after_failure(failures: &Failures, now: UnixTime, limits: &Limits) -> Failures {
    let day = day_of(now);
    let was_locked = failures.locked && !failures.is_released(now, limits);
    let goes_on = day == failures.day && failures.locked == was_locked;
    let today = if goes_on { failures.today.saturating_add(1) } else { 1 };
    let row = failures.row.saturating_add(1);
    let beyond = row.saturating_sub(limits.free);
    let wait_until = if row >= limits.free {
        let factor = 2u32.saturating_pow(beyond.min(31));
        now.plus(limits.first_wait.saturating_mul(factor).min(limits.longest_wait))
    } else {
        failures.wait_until.min(now)
    };
    let too_many = today >= limits.per_day || row >= Limits::MOST_IN_A_ROW;
    let locked = was_locked || (limits.per_day > 0 && too_many);
    Failures { row, wait_until, day, today, locked, last: now }
}

/// The failures that a directory may have counted, after one more at `now`: the row begins anew when none came for
/// longer than `window`. It neither waits nor locks; who asks the directory judges by
/// [`Failures::directory_row`].
#[must_use]
pub fn after_directory_failure(failures: &Failures, now: UnixTime, window: Duration) -> Failures {
    let day = day_of(now);
    let today = if day == failures.day { failures.today.saturating_add(1) } else { 1 };
    let row = failures.directory_row(now, window).saturating_add(1);
    Failures { row, day, today, last: now, ..Failures::NONE }
}

/// The day (UTC, counted from the epoch) of a time.
#[must_use]
pub const fn day_of(at: UnixTime) -> i64 {
    at.seconds().div_euclid(24 * 60 * 60)
}

/// The failures after a success: the row ends, the count of the day stays, so that a thief who takes turns
/// with the owner still runs into the day's limit.
#[must_use]
pub const fn after_success(failures: &Failures) -> Failures {
    Failures { row: 0, wait_until: UnixTime(0), ..*failures }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: UnixTime = UnixTime::from_seconds(1_800_000_000);

    #[test]
    fn five_wrong_codes_in_a_row_begin_a_wait_that_doubles_c_003() {
        let mut failures = Failures::NONE;
        for _ in 0..4 {
            failures = after_failure(&failures, T0, &Limits::FACTOR);
            assert_eq!(allowed(&failures, T0, &Limits::FACTOR), Allowed::Yes);
        }
        failures = after_failure(&failures, T0, &Limits::FACTOR);
        let minutes = |n: u64| T0.plus(Duration::from_secs(n * 60));
        assert_eq!(allowed(&failures, T0, &Limits::FACTOR), Allowed::NotBefore(minutes(15)));
        assert_eq!(allowed(&failures, minutes(15), &Limits::FACTOR), Allowed::Yes);
        failures = after_failure(&failures, minutes(15), &Limits::FACTOR);
        assert_eq!(failures.wait_until, minutes(45));
    }

    #[test]
    fn twenty_failures_on_one_day_lock_even_with_successes_between() {
        let mut failures = Failures::NONE;
        for _ in 0..19 {
            failures = after_success(&after_failure(&failures, T0, &Limits::FACTOR));
        }
        assert_eq!(allowed(&failures, T0, &Limits::FACTOR), Allowed::Yes);
        failures = after_failure(&failures, T0, &Limits::FACTOR);
        assert_eq!(allowed(&failures, T0, &Limits::FACTOR), Allowed::Locked);
        let next_year = T0.plus(Duration::from_secs(365 * 86_400));
        assert_eq!(allowed(&failures, next_year, &Limits::FACTOR), Allowed::Locked);
    }

    #[test]
    fn a_hundred_failures_in_a_row_lock_whatever_time_lies_between_c_003() {
        let mut failures = Failures::NONE;
        for n in 0..100 {
            assert!(!failures.locked, "after {n}");
            let at = T0.plus(Duration::from_secs(n * 2 * 86_400));
            failures = after_failure(&failures, at, &Limits::FACTOR);
        }
        assert!(failures.locked);
    }

    #[test]
    fn whoever_guesses_as_fast_as_we_let_him_never_locks_an_account_of_active_directory_b_087() {
        const THRESHOLD: u32 = 5;
        const WINDOW: Duration = Duration::from_secs(30 * 60);
        let (mut ours, mut bad, mut last) = (Failures::NONE, 0, T0);
        for second in 0..3 * 86_400 {
            let now = T0.plus(Duration::from_secs(second));
            if allowed(&ours, now, &Limits::PASSWORD) != Allowed::Yes {
                continue;
            }
            // badPwdCount begins anew when badPasswordTime lies a window back (MS-SAMR 3.1.1.8.7).
            bad = if now.since(last) >= WINDOW { 1 } else { bad + 1 };
            last = now;
            assert!(bad < THRESHOLD, "after {second} s");
            ours = after_failure(&ours, now, &Limits::PASSWORD);
        }
        assert!(ours.row > THRESHOLD, "he did try");
    }

    #[test]
    fn wrong_passwords_never_lock_for_good() {
        let mut failures = Failures::NONE;
        for _ in 0..1000 {
            failures = after_failure(&failures, T0, &Limits::PASSWORD);
        }
        assert_eq!(failures.wait_until, T0.plus(Limits::PASSWORD.longest_wait));
        assert!(!failures.locked);
    }

    #[test]
    fn a_lock_of_a_day_opens_by_itself_only_when_its_time_is_over() {
        let limits = Limits { release_after: Some(Duration::from_secs(3600)), ..Limits::FACTOR };
        let mut failures = Failures::NONE;
        for _ in 0..20 {
            failures = after_success(&after_failure(&failures, T0, &limits));
        }
        let before = T0.plus(Duration::from_millis(3_599_999));
        let then = T0.plus(Duration::from_secs(3600));
        assert_eq!(allowed(&failures, before, &limits), Allowed::Locked);
        assert_eq!(allowed(&failures, then, &limits), Allowed::Yes);
        assert_eq!(allowed(&failures, then, &Limits::FACTOR), Allowed::Locked);
        let next = after_failure(&failures, then, &limits);
        assert_eq!((next.locked, next.today, next.last), (false, 1, then), "the same day begins anew");
        let held = after_failure(&failures, before, &limits);
        assert_eq!((held.locked, held.today), (true, 21), "a failure in the lock prolongs it");
        assert_eq!(allowed(&held, then, &limits), Allowed::Locked);
    }

    #[test]
    fn waits_go_on_after_a_lock_opened_by_itself_and_a_hundred_in_a_row_never_open_c_003() {
        let limits = Limits { release_after: Some(Duration::from_secs(60)), ..Limits::FACTOR };
        let (mut failures, mut now, mut tries) = (Failures::NONE, T0, 0);
        while allowed(&failures, now, &limits) == Allowed::Yes {
            failures = after_failure(&failures, now, &limits);
            tries += 1;
            // As patient as he must be.
            now = failures.wait_until.max(now).plus(Duration::from_secs(60));
        }
        assert_eq!(tries, 100);
        let years = now.plus(Duration::from_secs(10 * 365 * 86_400));
        assert_eq!(allowed(&failures, years, &limits), Allowed::Locked);
        assert!(now.since(T0) > Duration::from_secs(80 * 86_400), "a try a day once the waits have grown");
    }

    #[test]
    fn a_row_of_the_directory_begins_anew_when_none_came_for_longer_than_its_window() {
        const WINDOW: Duration = Duration::from_secs(1800);
        let one = after_directory_failure(&Failures::NONE, T0, WINDOW);
        let edge = T0.plus(WINDOW);
        let two = after_directory_failure(&one, edge, WINDOW);
        assert_eq!((one.row, two.row, two.today), (1, 2, 2), "to the millisecond");
        let late = edge.plus(WINDOW).plus(Duration::from_millis(1));
        assert_eq!((two.directory_row(edge, WINDOW), two.directory_row(late, WINDOW)), (2, 0));
        assert_eq!(after_directory_failure(&two, late, WINDOW).row, 1);
        let many = (0..1000).fold(two, |row, _| after_directory_failure(&row, edge, WINDOW));
        assert_eq!((many.row, many.locked, many.wait_until), (1002, false, UnixTime(0)));
    }

    #[test]
    fn a_row_of_the_directory_that_lies_years_ahead_does_not_hold_d_116() {
        const WINDOW: Duration = Duration::from_secs(1800);
        let ahead = after_directory_failure(&Failures::NONE, T0.plus(WINDOW), WINDOW);
        assert_eq!(
            ahead.directory_row(T0, WINDOW),
            1,
            "a clock that was set back a little gives nothing away"
        );
        let years = after_directory_failure(&Failures::NONE, T0.plus(1000 * WINDOW), WINDOW);
        assert_eq!(years.directory_row(T0, WINDOW), 0);
    }

    #[test]
    fn a_wait_from_a_clock_that_was_years_ahead_does_not_hold() {
        let failures =
            Failures { row: 9, wait_until: T0.plus(Duration::from_secs(999_999_999)), ..Failures::NONE };
        assert_eq!(allowed(&failures, T0, &Limits::FACTOR), Allowed::Yes);
    }
}
