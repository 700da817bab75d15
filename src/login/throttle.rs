//! Failures so far → go on, wait, or stay locked. Values in, values out; the store keeps them.

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
    /// Only an administrator can release it.
    pub locked: bool,
}

impl Failures {
    /// None at all.
    pub const NONE: Self = Self { row: 0, wait_until: UnixTime(0), day: 0, today: 0, locked: false };
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
}

impl Limits {
    /// For wrong codes (C-003): five free, then 15 minutes and growing, locked after 20 on one day.
    pub const FACTOR: Self = Self {
        free: 5,
        first_wait: Duration::from_secs(15 * 60),
        longest_wait: Duration::from_secs(24 * 60 * 60),
        per_day: 20,
    };

    /// For wrong passwords; never locks. A directory that locks accounts forgets failures only when none came
    /// for its whole observation window, 30 minutes as Windows proposes it: four, then one in each such
    /// window, stay below the lowest usual threshold of five (B-087).
    pub const PASSWORD: Self = Self {
        free: 4,
        first_wait: Duration::from_secs(30 * 60),
        longest_wait: Duration::from_secs(30 * 60),
        per_day: 0,
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
}

impl Default for FlowLimits {
    fn default() -> Self {
        Self { password: Limits::PASSWORD, factor: Limits::FACTOR }
    }
}

/// Whether a further try may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// Yes.
    Yes,
    /// Not before this time.
    NotBefore(UnixTime),
    /// Not until an administrator releases it.
    Locked,
}

/// Whether a further try may be looked at, at `now`.
///
/// A wait that ends further ahead than the longest wait there is comes from a clock that was wrong; it
/// does not hold (D-116).
#[must_use]
pub fn allowed(failures: &Failures, now: UnixTime, limits: &Limits) -> Allowed {
    if failures.locked {
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
    let day = now.seconds().div_euclid(24 * 60 * 60);
    let today = if day == failures.day { failures.today.saturating_add(1) } else { 1 };
    let row = failures.row.saturating_add(1);
    let beyond = row.saturating_sub(limits.free);
    let wait_until = if row >= limits.free {
        let factor = 2u32.saturating_pow(beyond.min(31));
        now.plus(limits.first_wait.saturating_mul(factor).min(limits.longest_wait))
    } else {
        failures.wait_until.min(now)
    };
    let too_many = today >= limits.per_day || row >= Limits::MOST_IN_A_ROW;
    let locked = failures.locked || (limits.per_day > 0 && too_many);
    Failures { row, wait_until, day, today, locked }
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
    fn a_wait_from_a_clock_that_was_years_ahead_does_not_hold() {
        let failures =
            Failures { row: 9, wait_until: T0.plus(Duration::from_secs(999_999_999)), ..Failures::NONE };
        assert_eq!(allowed(&failures, T0, &Limits::FACTOR), Allowed::Yes);
    }
}
