//! Counts what came of logins; read by the metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::gateway::admit::Refused;
use crate::login::verdict::{FaultKind, Reason, Verdict};

/// Upper ends of the histogram of login times, in milliseconds; one more bucket holds the rest.
pub const BUCKETS_MS: [u64; 10] = [1, 2, 5, 10, 25, 100, 500, 1000, 5000, 30_000];

/// Counters of all verdicts since the start.
#[derive(Debug)]
pub struct Tally {
    accepted: [AtomicU64; BASES.len()],
    rejected: [AtomicU64; Reason::ALL.len()],
    unable: [AtomicU64; FaultKind::ALL.len()],
    refused: [AtomicU64; Refused::ALL.len()],
    asked: AtomicU64,
    times: [AtomicU64; BUCKETS_MS.len() + 1],
    time_sum_us: AtomicU64,
}

/// Words for the ways of being let in, in the order of the counters.
const BASES: [&str; 8] = [
    "confirmed",
    "rule-asks-none",
    "grace",
    "exempt",
    "remembered",
    "fault-first-factor",
    "fault-recent",
    "fault-factor",
];

impl Default for Tally {
    fn default() -> Self {
        Self {
            accepted: zeros(),
            rejected: zeros(),
            unable: zeros(),
            refused: zeros(),
            asked: AtomicU64::new(0),
            times: zeros(),
            time_sum_us: AtomicU64::new(0),
        }
    }
}

fn zeros<const N: usize>() -> [AtomicU64; N] {
    std::array::from_fn(|_| AtomicU64::new(0))
}

impl Tally {
    /// Counts the end of a login that took `elapsed`.
    pub fn verdict(&self, verdict: &Verdict, elapsed: Duration) {
        let (counters, code): (&[AtomicU64], usize) = match verdict {
            Verdict::Accept(grant) => (&self.accepted, place(&BASES, &grant.basis().code())),
            Verdict::Reject(reason) => (&self.rejected, place(&Reason::ALL, reason)),
            Verdict::Unable(kind) => (&self.unable, place(&FaultKind::ALL, kind)),
        };
        one_more(counters, code);
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        one_more(&self.times, BUCKETS_MS.iter().position(|end| ms <= *end).unwrap_or(BUCKETS_MS.len()));
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.time_sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Counts a login that was not begun.
    pub fn refused(&self, why: Refused) {
        one_more(&self.refused, place(&Refused::ALL, &why));
    }

    /// Counts a question.
    pub fn asked(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// All counters of verdicts as (outcome, reason, number).
    #[must_use]
    pub fn verdicts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let accepted = BASES.iter().zip(&self.accepted).map(|(code, n)| ("accept", *code, n));
        let rejected = Reason::ALL.iter().zip(&self.rejected).map(|(r, n)| ("reject", r.code(), n));
        let unable = FaultKind::ALL.iter().zip(&self.unable).map(|(k, n)| ("unable", k.code(), n));
        let refused = Refused::ALL.iter().zip(&self.refused).map(|(r, n)| ("refused", r.code(), n));
        let all = accepted.chain(rejected).chain(unable).chain(refused);
        all.map(|(outcome, code, n)| (outcome, code, n.load(Ordering::Relaxed))).collect()
    }

    /// Number of questions.
    #[must_use]
    pub fn questions(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// The histogram of login times: number per bucket (see [`BUCKETS_MS`]), and the sum in microseconds.
    #[must_use]
    pub fn times(&self) -> (Vec<u64>, u64) {
        let buckets = self.times.iter().map(|n| n.load(Ordering::Relaxed)).collect();
        (buckets, self.time_sum_us.load(Ordering::Relaxed))
    }
}

fn place<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|other| other == one).unwrap_or(0)
}

fn one_more(counters: &[AtomicU64], at: usize) {
    if let Some(counter) = counters.get(at) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_is_counted_under_its_own_words() {
        let tally = Tally::default();
        tally.verdict(&Verdict::Reject(Reason::WrongCode), Duration::from_millis(3));
        tally.verdict(&Verdict::Unable(FaultKind::TimedOut), Duration::from_secs(3600));
        tally.refused(Refused::SourceRate);
        let counted: Vec<_> = tally.verdicts().into_iter().filter(|(_, _, n)| *n > 0).collect();
        let expected =
            [("reject", "wrong-code", 1), ("unable", "timed-out", 1), ("refused", "source-rate", 1)];
        assert_eq!(counted, expected);
        assert_eq!(tally.times().0, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
