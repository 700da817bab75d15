//! What may have been lost with the power, and which codes count as used because of it.
//!
//! A time-based code is accepted before its mark is on the disk: the system has it, which outlives this process, but not a
//! loss of power. When power may have been lost, every step that somebody can have used then counts as used, for
//! everybody. That takes a minute or two of waiting and no code can be good twice (C-001, D-118).

use std::fs;
use std::time::Duration;

use crate::base::clock::UnixTime;
use crate::login::factor::{Mark, Parameters};

/// How far the step of a code may be from the time at which it is accepted (C-027).
const LARGEST_DRIFT: i64 = 2;
/// How long before and after the last change that is known others may have been made that are not. They are flushed
/// within a second, and wait for that themselves where it takes more than five.
const AROUND: Duration = Duration::from_secs(60);

/// The steps that count as used for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Floor {
    /// Those that could be accepted at this time, and all before them.
    pub(super) until: Option<UnixTime>,
    /// Those that could be accepted around this time: the clock may have come back with an earlier one. All before
    /// them would be too much, since a clock that once was years ahead would keep everybody out for years (D-116).
    pub(super) around: Option<UnixTime>,
}

impl Floor {
    /// Whether a mark counts as used.
    pub(super) fn spends(&self, mark: Mark, parameters: &Parameters) -> bool {
        let (Mark::Step { step, .. }, Parameters::Totp { period, .. }) = (mark, parameters) else {
            return false;
        };
        let of = |at: UnixTime| at.seconds().checked_div_euclid(i64::from(*period)).unwrap_or(i64::MAX);
        let highest = |at: UnixTime| of(at).saturating_add(LARGEST_DRIFT);
        self.until.is_some_and(|at| step <= highest(at))
            || self.around.is_some_and(|at| {
                let before = UnixTime(at.0.saturating_sub(millis(AROUND)));
                step >= of(before).saturating_sub(LARGEST_DRIFT) && step <= highest(at.plus(AROUND))
            })
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Which run of the system this is; `None` where it does not say, and then each is taken for another one.
pub(super) fn boot() -> Option<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    data_encoding::HEXLOWER.decode(digits.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::factor::OtpAlgorithm;

    const T0: UnixTime = UnixTime::from_seconds(1_800_000_000);
    const HERE: i64 = 60_000_000;

    fn totp(period: u8) -> Parameters {
        Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period }
    }

    fn step(step: i64) -> Mark {
        Mark::Step { step, drift: 0 }
    }

    #[test]
    fn no_step_that_could_be_accepted_by_then_is_good_and_the_next_one_is() {
        let floor = Floor { until: Some(T0), around: None };
        for (number, spent) in [(0, true), (HERE, true), (HERE + 2, true), (HERE + 3, false)] {
            assert_eq!(floor.spends(step(number), &totp(30)), spent, "{number}");
        }
        assert!(floor.spends(step(HERE / 2 + 2), &totp(60)) && !floor.spends(step(HERE / 2 + 3), &totp(60)));
        assert!(!Floor::default().spends(step(0), &totp(30)));
    }

    #[test]
    fn a_clock_that_comes_back_earlier_makes_no_code_of_before_good_again_c_028() {
        let earlier = UnixTime::from_seconds(T0.seconds() - 86_400);
        let floor = Floor { until: Some(earlier), around: Some(T0) };
        for number in HERE - 4..=HERE + 4 {
            assert!(floor.spends(step(number), &totp(30)), "{number}");
        }
        assert!(!floor.spends(step(HERE + 5), &totp(30)));
        assert!(!floor.spends(step(HERE - 5), &totp(30)), "and nothing before it is kept out for that");
    }

    #[test]
    fn what_is_not_bound_to_time_has_no_floor() {
        let floor = Floor { until: Some(T0), around: Some(T0) };
        assert!(!floor.spends(Mark::Counter(1), &Parameters::Hotp { digits: 6 }));
        assert!(!floor.spends(Mark::Index(1), &Parameters::Recovery));
    }

    #[test]
    fn the_system_says_which_run_it_is() {
        assert_eq!(boot(), boot());
        assert!(boot().is_some(), "Linux says so");
    }
}
