//! Failures of names that nobody has. They cost what an account's cost: so many wrong passwords are asked about, against
//! nobody, and then none until a wait is over. Else the time of an answer, or what the directory hears, would tell who
//! has an account here (D-100).
//!
//! They are kept in memory, by a keyed digest of the name: a row in the store for each made-up name would be a way to
//! fill a disk.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;
use crate::base::clock::Now;
use crate::base::random::Random;
use crate::gateway::digest::Digests;
use crate::login::attempt::Attempt;
use crate::login::throttle::{Allowed, Failures, Limits, after_failure, allowed};

/// Most names that are remembered; the one that was still for longest makes room.
const MOST_NAMES: usize = 50_000;
/// How long a name is remembered after its last failure: as long as the longest wait that can be configured.
const AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Counts failures of names that nobody has.
pub(in crate::gateway) struct Strangers {
    digests: Digests,
    names: Mutex<BoundedMap<u64, Failures>>,
}

/// What was known of a name before it was asked about once more.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) struct Before {
    name: u64,
    failures: Failures,
}

/// Whether somebody may be asked about a name that nobody has.
#[derive(Debug)]
pub(in crate::gateway) enum Asking {
    /// Yes, and it is counted; with what to give back when nobody could be asked.
    Yes(Option<Before>),
    /// No: an account with as many failures would have to wait.
    No,
}

impl Strangers {
    /// Nobody has failed.
    pub(in crate::gateway) fn new(random: &dyn Random) -> Self {
        Self { digests: Digests::new(random), names: Mutex::new(BoundedMap::new(MOST_NAMES, AGE)) }
    }

    /// Whether the directory may be asked about the name of this login, which leads to nobody; counts it before it is,
    /// since the answer can only be "no" and parallel tries must not have more of them.
    pub(in crate::gateway) fn ask(&self, attempt: &Attempt, now: Now, limits: &Limits) -> Asking {
        let (directory, name) = (attempt.client.directory.as_bytes(), attempt.name.prepared().as_bytes());
        match self.digests.of(b"name", &[directory, name]) {
            Some(name) => self.count(name, now, limits),
            None => Asking::Yes(None),
        }
    }

    fn count(&self, name: u64, now: Now, limits: &Limits) -> Asking {
        let mut names = self.lock();
        let failures = names.get(&name, now.steady).copied().unwrap_or(Failures::NONE);
        if allowed(&failures, now.unix, limits) != Allowed::Yes {
            return Asking::No;
        }
        // Put in anew, so that whoever is still tried is never the oldest.
        names.remove(&name, now.steady);
        names.insert(name, after_failure(&failures, now.unix, limits), now.steady);
        Asking::Yes(Some(Before { name, failures }))
    }

    /// The directory gave no answer. As with an account this counts when it may have seen the password, up to one below
    /// the limit, and not at all when it has not (B-087).
    pub(in crate::gateway) fn unanswered(&self, before: Before, was_asked: bool, now: Now, limits: &Limits) {
        let is_free = before.failures.row.saturating_add(1) < limits.free;
        if !(was_asked && is_free)
            && let Some(failures) = self.lock().get_mut(&before.name, now.steady)
        {
            *failures = before.failures;
        }
    }

    /// Drops what is too old.
    pub(in crate::gateway) fn tidy(&self, now: Instant) {
        self.lock().expire(now);
    }

    fn lock(&self) -> MutexGuard<'_, BoundedMap<u64, Failures>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, ManualClock, UnixTime};
    use crate::base::random::SeededRandom;
    use crate::login::attempt::{AttemptId, Origin};
    use crate::login::client::Client;
    use crate::login::credential::PrimaryCredential;
    use crate::login::identity::LoginName;
    use std::net::IpAddr;
    use std::sync::Arc;

    fn attempt(name: &str) -> Attempt {
        Attempt {
            id: AttemptId([0; 8]),
            client: Arc::new(Client::new("vpn", "staff")),
            name: LoginName::parse(name.as_bytes()).unwrap(),
            credential: PrimaryCredential::Proven,
            origin: Origin { peer: IpAddr::from([192, 0, 2, 1]), user: None },
            device: Box::default(),
            listener: None,
            hint: None,
            place: crate::login::policy::Place::NOWHERE,
            passage: None,
            began: ManualClock::at(UnixTime(0)).now(),
        }
    }

    fn strangers() -> (Strangers, ManualClock) {
        (Strangers::new(&SeededRandom::new(1)), ManualClock::at(UnixTime::from_seconds(1_800_000_000)))
    }

    fn asked(strangers: &Strangers, name: &str, clock: &ManualClock) -> bool {
        matches!(strangers.ask(&attempt(name), clock.now(), &Limits::PASSWORD), Asking::Yes(_))
    }

    #[test]
    fn a_name_that_nobody_has_waits_like_an_account_does() {
        let (strangers, clock) = strangers();
        let mut account = Failures::NONE;
        for minute in 0..24 * 60 {
            let now = clock.now().unix;
            let may = allowed(&account, now, &Limits::PASSWORD) == Allowed::Yes;
            if may {
                account = after_failure(&account, now, &Limits::PASSWORD);
            }
            assert_eq!(asked(&strangers, "nobody", &clock), may, "minute {minute}");
            clock.advance(Duration::from_secs(60));
        }
        assert!(account.row > 40, "one in each half of an hour");
        assert!(asked(&strangers, "nobody else", &clock));
        assert!(!asked(&strangers, "NOBODY", &clock), "however it is spelt");
    }

    #[test]
    fn a_directory_that_was_not_asked_counts_nothing_and_one_that_is_silent_never_makes_anybody_wait() {
        let (strangers, clock) = strangers();
        let try_once = |name: &str, was_asked| {
            let Asking::Yes(Some(before)) = strangers.ask(&attempt(name), clock.now(), &Limits::PASSWORD)
            else {
                return false;
            };
            strangers.unanswered(before, was_asked, clock.now(), &Limits::PASSWORD);
            true
        };
        for _ in 0..100 {
            assert!(try_once("a", false) && try_once("b", true));
        }
        let left = |name: &str| (0..10).filter(|_| asked(&strangers, name, &clock)).count();
        assert_eq!((left("a"), left("b")), (4, 1), "one below the limit is counted");
    }

    #[test]
    fn a_million_made_up_names_leave_a_bounded_memory_d_112() {
        let (strangers, clock) = strangers();
        for n in 0..1_000_000 {
            assert!(matches!(strangers.count(n, clock.now(), &Limits::PASSWORD), Asking::Yes(Some(_))));
        }
        assert_eq!(strangers.lock().len(), MOST_NAMES);
    }

    #[test]
    fn what_is_too_old_is_dropped() {
        let (strangers, clock) = strangers();
        assert!(asked(&strangers, "nobody", &clock));
        clock.advance(AGE);
        strangers.tidy(clock.now().steady);
        assert_eq!(strangers.lock().len(), 0);
    }
}
