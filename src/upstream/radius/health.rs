//! Whether a server is worth asking. No sockets, no clock.

use std::time::{Duration, Instant};

use crate::upstream::radius::pace::Pace;
use crate::upstream::radius::trouble::Trouble;

/// So many Status-Server requests in a row without answer show that a server that used to answer them is down, or
/// that one that never did does not know them.
const MISSED: u8 = 3;

/// What is thought of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It answers.
    Up,
    /// It let one request or probe pass. It may have dropped it on purpose, as servers do with what they do not
    /// like; others are preferred until it has shown itself.
    Doubtful,
    /// It is of no use.
    Down,
}

/// What changed for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It answers again.
    Up,
    /// It does not answer any more.
    Down,
}

/// What a server has shown so far.
#[derive(Debug)]
pub(super) struct Health {
    standing: Standing,
    heard: Option<Instant>,
    answers_status: bool,
    missed: u8,
    rests_until: Option<Instant>,
}

impl Health {
    /// Nothing is known, which counts as up.
    pub(super) const fn new() -> Self {
        Self { standing: Standing::Up, heard: None, answers_status: false, missed: 0, rests_until: None }
    }

    /// What is thought of it.
    pub(super) const fn standing(&self) -> Standing {
        self.standing
    }

    /// A reply that counts came.
    pub(super) fn answered(&mut self, now: Instant) -> Option<Change> {
        self.heard = Some(now);
        if self.answers_status {
            self.missed = 0;
        }
        self.rests_until = None;
        match std::mem::replace(&mut self.standing, Standing::Up) {
            Standing::Down => Some(Change::Up),
            Standing::Up | Standing::Doubtful => None,
        }
    }

    /// It answered a Status-Server request: from now on these tell whether it is up.
    pub(super) fn answered_status(&mut self, now: Instant) -> Option<Change> {
        self.answers_status = true;
        self.answered(now)
    }

    /// A request that began at `began` came to nothing although it had all its time.
    ///
    /// One silence among answers to others says nothing. One silence alone makes a server doubtful; probes decide,
    /// or, for a server that does not know them, the next request.
    pub(super) fn failed(
        &mut self,
        trouble: Trouble,
        began: Instant,
        now: Instant,
        pace: &Pace,
    ) -> Option<Change> {
        if self.heard.is_some_and(|heard| heard >= began) || !trouble.is_a_sign() {
            return None;
        }
        self.rests_until = now.checked_add(pace.rest);
        let gone = matches!(trouble, Trouble::NotListening | Trouble::Unsendable(_));
        match self.standing {
            Standing::Up if !gone => self.doubt(),
            Standing::Doubtful if !gone && self.answers_status => None,
            Standing::Up | Standing::Doubtful => self.fall(),
            Standing::Down => None,
        }
    }

    /// A Status-Server request that began at `began` came to nothing.
    pub(super) fn missed_status(&mut self, trouble: Trouble, began: Instant) -> Option<Change> {
        self.missed = self.missed.saturating_add(1);
        if self.heard.is_some_and(|heard| heard >= began) || !trouble.is_a_sign() {
            return None;
        }
        let gone = matches!(trouble, Trouble::NotListening | Trouble::Unsendable(_));
        match self.standing {
            Standing::Up | Standing::Doubtful if gone => self.fall(),
            Standing::Up if self.answers_status => self.doubt(),
            Standing::Doubtful if self.answers_status && self.missed >= MISSED => self.fall(),
            Standing::Up | Standing::Doubtful | Standing::Down => None,
        }
    }

    fn doubt(&mut self) -> Option<Change> {
        self.standing = Standing::Doubtful;
        None
    }

    fn fall(&mut self) -> Option<Change> {
        self.standing = Standing::Down;
        Some(Change::Down)
    }

    /// Its place among the servers of an upstream: lower ones are asked first. A server that no probe can bring back
    /// gets one request in its old place after each rest.
    pub(super) fn rank(&mut self, now: Instant, pace: &Pace) -> u8 {
        let own = match self.standing {
            Standing::Up => return 0,
            Standing::Doubtful => 1,
            Standing::Down => 2,
        };
        let rested = self.rests_until.is_none_or(|until| now >= until);
        if rested && !self.answers_status {
            self.rests_until = now.checked_add(pace.rest);
            return 0;
        }
        own
    }

    /// How long to wait before the next sign of life is asked for.
    pub(super) const fn patience(&self, pace: &Pace) -> Duration {
        match self.standing {
            Standing::Up if !self.answers_status && self.missed >= MISSED => pace.rarely,
            Standing::Up => pace.calm,
            Standing::Doubtful | Standing::Down => pace.worried,
        }
    }

    /// A sign of life is to be asked for: not from a server that has just shown that it lives, unless it is to be
    /// learned whether it knows Status-Server at all.
    pub(super) fn is_due(&self, now: Instant, pace: &Pace) -> bool {
        let recent = self.heard.is_some_and(|heard| now.saturating_duration_since(heard) < pace.calm);
        !(recent && self.answers_status && self.standing == Standing::Up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, SystemClock};

    const SILENT: Trouble = Trouble::Silent { copies: 1, waited: Duration::from_secs(5) };

    struct At(Instant, Pace);

    impl At {
        fn start() -> Self {
            Self(SystemClock.now().steady, Pace::new(Duration::from_secs(5)))
        }

        fn s(&self, seconds: u64) -> Instant {
            self.0 + Duration::from_secs(seconds)
        }
    }

    #[test]
    fn a_server_that_knows_status_server_is_down_only_after_three_probes_in_a_row() {
        let at = At::start();
        let mut health = Health::new();
        assert_eq!(health.answered_status(at.s(0)), None);
        assert_eq!(health.failed(SILENT, at.s(1), at.s(6), &at.1), None);
        assert_eq!((health.standing(), health.rank(at.s(6), &at.1)), (Standing::Doubtful, 1));
        assert_eq!(health.failed(SILENT, at.s(1), at.s(6), &at.1), None, "more silence decides nothing");
        assert_eq!(health.missed_status(SILENT, at.s(6)), None);
        assert_eq!(health.missed_status(SILENT, at.s(9)), None);
        assert_eq!(health.missed_status(SILENT, at.s(12)), Some(Change::Down));
        assert_eq!(health.rank(at.s(600), &at.1), 2, "probes bring it back, not logins");
        assert_eq!(health.patience(&at.1), at.1.worried);
        assert_eq!(health.answered_status(at.s(601)), Some(Change::Up));
        assert_eq!(health.rank(at.s(601), &at.1), 0);
    }

    #[test]
    fn a_probe_that_is_answered_clears_a_server_that_dropped_a_request() {
        let at = At::start();
        let mut health = Health::new();
        health.answered_status(at.s(0));
        health.failed(SILENT, at.s(1), at.s(6), &at.1);
        assert_eq!(health.answered_status(at.s(6)), None, "it was never down, so nothing is said");
        assert_eq!(health.standing(), Standing::Up);
    }

    #[test]
    fn a_server_without_status_server_is_judged_by_requests_and_tried_again_after_each_rest() {
        let at = At::start();
        let mut health = Health::new();
        for _ in 0..3 {
            assert_eq!(health.missed_status(SILENT, at.s(0)), None);
        }
        assert_eq!(health.standing(), Standing::Up, "it never answered a probe, so none says anything");
        assert_eq!(health.patience(&at.1), at.1.rarely);
        assert_eq!(health.answered(at.s(0)), None);
        assert_eq!(health.patience(&at.1), at.1.rarely, "answers to requests do not make it know probes");
        assert_eq!(health.failed(SILENT, at.s(1), at.s(6), &at.1), None);
        assert_eq!(health.rank(at.s(7), &at.1), 1);
        assert_eq!(health.failed(SILENT, at.s(7), at.s(12), &at.1), Some(Change::Down));
        assert_eq!(health.rank(at.s(41), &at.1), 2);
        assert_eq!(health.rank(at.s(42), &at.1), 0, "one request tries it");
        assert_eq!(health.rank(at.s(42), &at.1), 2, "the others do not wait for it");
        assert_eq!(health.answered(at.s(43)), Some(Change::Up));
    }

    #[test]
    fn one_silence_among_answers_says_nothing() {
        let at = At::start();
        let mut health = Health::new();
        health.answered(at.s(3));
        assert_eq!(health.failed(SILENT, at.s(1), at.s(6), &at.1), None);
        assert_eq!(health.standing(), Standing::Up);
    }

    #[test]
    fn a_port_that_nobody_listens_at_is_down_at_once_and_told_of_once() {
        let at = At::start();
        let mut health = Health::new();
        assert_eq!(health.failed(Trouble::NotListening, at.s(1), at.s(1), &at.1), Some(Change::Down));
        assert_eq!(health.failed(Trouble::NotListening, at.s(2), at.s(2), &at.1), None);
        assert_eq!(health.missed_status(Trouble::NotListening, at.s(3)), None);
    }

    #[test]
    fn our_own_troubles_say_nothing_about_a_server() {
        let at = At::start();
        let mut health = Health::new();
        for trouble in [Trouble::Full, Trouble::DoesNotFit, Trouble::NoRandomness] {
            assert_eq!(health.failed(trouble, at.s(1), at.s(6), &at.1), None);
            assert_eq!(health.missed_status(trouble, at.s(6)), None);
        }
        assert_eq!(health.standing(), Standing::Up);
    }

    #[test]
    fn a_server_that_has_just_answered_is_not_probed_once_it_is_known_to_know_probes() {
        let at = At::start();
        let mut health = Health::new();
        health.answered(at.s(0));
        assert!(health.is_due(at.s(1), &at.1), "does it know them?");
        health.answered_status(at.s(1));
        assert!(!health.is_due(at.s(2), &at.1));
        assert!(health.is_due(at.s(31), &at.1));
    }
}
