//! How often and how long a request is sent, and how often a server is asked for a sign of life.

use std::time::Duration;

use crate::base::random::{self, NoRandomness, Random};

/// The rhythm of requests and probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// How long the first copy of a request waits for its answer before the second is sent; each further copy waits
    /// twice as long as the one before (RFC 5080 section 2.2.1).
    pub first: Duration,
    /// No copy waits longer.
    pub longest: Duration,
    /// Most copies of a request that one server gets.
    pub copies: u8,
    /// How long one server may take, copies included, before the next is asked.
    pub server: Duration,
    /// How long a Status-Server request waits for its answer; it has no copies.
    pub probe: Duration,
    /// How often a server that has said nothing else is asked for a sign of life (RFC 3539 section 3.4.1).
    pub calm: Duration,
    /// The same for a server that did not answer.
    pub worried: Duration,
    /// The same for a server that answers requests and has never answered Status-Server.
    pub rarely: Duration,
    /// How long a server that cannot be asked for a sign of life is left alone before a request tries it again.
    pub rest: Duration,
}

impl Pace {
    /// The rhythm of A-119 and RFC 3539 for servers that may take `server` each, at most 30 s.
    #[must_use]
    pub fn new(server: Duration) -> Self {
        let seconds = Duration::from_secs;
        Self {
            first: seconds(2),
            longest: seconds(16),
            copies: 5,
            server: server.min(seconds(30)),
            probe: seconds(3),
            calm: seconds(30),
            worried: seconds(6),
            rarely: seconds(3600),
            rest: seconds(30),
        }
    }

    /// Begins to count the copies of one request.
    pub(super) const fn copies(&self) -> Copies<'_> {
        Copies { pace: self, sent: 0 }
    }

    /// `base` and up to a tenth more or less, so that what began together does not stay together.
    pub(super) fn jittered(base: Duration, random: &dyn Random) -> Result<Duration, NoRandomness> {
        let draw = u32::from(u16::from_be_bytes(random::bytes(random)?));
        // Nine tenths, and 0 to 65,535 of the 65,535 parts of two tenths.
        let tenth = base.checked_div(10).unwrap_or_default();
        let floor = tenth.saturating_mul(9);
        let spread = tenth.saturating_mul(2).saturating_mul(draw).checked_div(65_535).unwrap_or_default();
        Ok(floor.saturating_add(spread))
    }
}

/// The copies of one request.
#[derive(Debug)]
pub(super) struct Copies<'a> {
    pace: &'a Pace,
    sent: u8,
}

impl Copies<'_> {
    /// One more was sent. How long it waits for its answer before the next; `None` after the last, which waits as
    /// long as the server may take.
    pub(super) fn sent(&mut self, random: &dyn Random) -> Result<Option<Duration>, NoRandomness> {
        let doubled = 1_u32.checked_shl(self.sent.into()).unwrap_or(u32::MAX);
        self.sent = self.sent.saturating_add(1);
        if self.sent >= self.pace.copies {
            return Ok(None);
        }
        let base = self.pace.first.saturating_mul(doubled).min(self.pace.longest);
        Pace::jittered(base, random).map(Some)
    }

    /// How many were sent.
    pub(super) const fn count(&self) -> u8 {
        self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::SeededRandom;

    #[test]
    fn a_119_waits_double_from_2_to_16_seconds_with_a_tenth_of_jitter_and_five_copies() {
        let pace = Pace::new(Duration::from_secs(30));
        for seed in 0..50 {
            let random = SeededRandom::new(seed);
            let mut copies = pace.copies();
            for base in [2000_u128, 4000, 8000, 16_000] {
                let wait = copies.sent(&random).unwrap().unwrap().as_millis();
                assert!((base * 9 / 10..=base * 11 / 10).contains(&wait), "{wait} ms for {base}");
            }
            assert_eq!(copies.sent(&random).unwrap(), None, "the fifth copy waits for what is left");
            assert_eq!(copies.count(), 5);
        }
    }

    #[test]
    fn a_119_no_server_takes_more_than_30_seconds() {
        assert_eq!(Pace::new(Duration::from_secs(300)).server, Duration::from_secs(30));
        assert_eq!(Pace::new(Duration::from_secs(5)).server, Duration::from_secs(5));
    }

    #[test]
    fn jitter_reaches_both_ends_and_not_beyond() {
        struct Fixed(u8);
        impl Random for Fixed {
            fn fill(&self, out: &mut [u8]) -> Result<(), NoRandomness> {
                out.fill(self.0);
                Ok(())
            }
        }
        let base = Duration::from_secs(10);
        assert_eq!(Pace::jittered(base, &Fixed(0)).unwrap(), Duration::from_secs(9));
        assert_eq!(Pace::jittered(base, &Fixed(255)).unwrap(), Duration::from_secs(11));
    }
}
