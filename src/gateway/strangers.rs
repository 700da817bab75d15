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
use crate::base::secret::Secret;
use crate::gateway::digest::Digests;
use crate::login::attempt::Attempt;
use crate::login::throttle::lockout::{Ask, Bounds, Rows, Whence, may_ask};
use crate::login::throttle::{Failures, Limits};

/// Most names that are remembered; the one that was still for longest makes room.
const MOST_NAMES: usize = 50_000;
/// How long a name is remembered after its last failure: as long as the longest wait that can be configured.
const AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Nobody has no place where he always is.
const WHENCE: Whence = Whence { familiar: false, has_familiar: false };

/// Counts failures of names that nobody has.
pub(in crate::gateway) struct Strangers {
    digests: Digests,
    names: Mutex<BoundedMap<u64, Stranger>>,
}

/// What is known of one name.
struct Stranger {
    counts: Counts,
    /// Passwords that were asked about, by their digests, and until when they are known to be wrong; no more than may
    /// be asked about meanwhile. Only where the directory locks accounts, as with an account.
    wrong: Vec<(u64, Instant)>,
}

/// The rows that an account has, as far as nobody can have them.
#[derive(Debug, Clone, Copy)]
struct Counts {
    strange: Failures,
    directory: Failures,
}

impl Counts {
    const NONE: Self = Self { strange: Failures::NONE, directory: Failures::NONE };

    const fn rows(self) -> Rows {
        Rows { strange: self.strange, directory: self.directory, ..Rows::NONE }
    }

    fn after_wrong(self, terms: &Terms<'_>, now: Now) -> Self {
        let rows = self.rows().after_wrong(WHENCE, terms.limits, &terms.bounds, now.unix);
        Self { strange: rows.strange, directory: rows.directory }
    }

    fn may_ask(self, terms: &Terms<'_>, now: Now) -> bool {
        may_ask(&self.rows(), terms.limits, &terms.bounds, WHENCE, now.unix) == Ask::Yes
    }
}

/// What holds for an account of the same directory.
pub(in crate::gateway) struct Terms<'a> {
    /// How wrong passwords are answered.
    pub(in crate::gateway) limits: &'a Limits,
    /// How many may reach the directory.
    pub(in crate::gateway) bounds: Bounds,
    /// The directory locks accounts: one password counts there once, and is asked about once.
    pub(in crate::gateway) locks: bool,
}

/// What was known of a name before it was asked about once more.
pub(in crate::gateway) struct Before {
    name: u64,
    counts: Counts,
    wrong: usize,
}

/// Whether somebody may be asked about a name that nobody has.
pub(in crate::gateway) enum Asking {
    /// Yes, and it is counted; with what to give back when nobody could be asked.
    Yes(Option<Before>),
    /// No: an account with as many failures would have to wait.
    Wait,
    /// No: the same password was wrong a short while ago.
    WrongAgain,
}

impl Strangers {
    /// Nobody has failed.
    pub(in crate::gateway) fn new(random: &dyn Random) -> Self {
        Self { digests: Digests::new(random), names: Mutex::new(BoundedMap::new(MOST_NAMES, AGE)) }
    }

    /// Whether the directory may be asked about the name of this login, which leads to nobody; counts it before it is,
    /// since the answer can only be "no" and parallel tries must not have more of them.
    pub(in crate::gateway) fn ask(
        &self,
        attempt: &Attempt,
        password: &Secret,
        terms: &Terms<'_>,
        now: Now,
    ) -> Asking {
        let (directory, name) = (attempt.client.directory.as_bytes(), attempt.name.prepared().as_bytes());
        let name = self.digests.of(b"name", &[directory, name]);
        let password = self.digests.of(b"password", &[password.expose()]);
        match name.zip(password) {
            Some((name, password)) => self.count(name, password, terms, now),
            None => Asking::Yes(None),
        }
    }

    fn count(&self, name: u64, password: u64, terms: &Terms<'_>, now: Now) -> Asking {
        let mut names = self.lock();
        // Put in anew, so that whoever is still tried is never the oldest.
        let stranger = names.remove(&name, now.steady);
        let mut stranger = stranger.unwrap_or(Stranger { counts: Counts::NONE, wrong: Vec::new() });
        stranger.wrong.retain(|(_, until)| now.steady < *until);
        let asking = if !stranger.counts.may_ask(terms, now) {
            Asking::Wait
        } else if terms.locks && stranger.wrong.iter().any(|(wrong, _)| *wrong == password) {
            Asking::WrongAgain
        } else {
            let before = Before { name, counts: stranger.counts, wrong: stranger.wrong.len() };
            stranger.counts = stranger.counts.after_wrong(terms, now);
            if let Some(until) = now.steady.checked_add(terms.bounds.window).filter(|_| terms.locks) {
                stranger.wrong.push((password, until));
            }
            Asking::Yes(Some(before))
        };
        names.insert(name, stranger, now.steady);
        asking
    }

    /// The directory gave no answer. As with an account this counts when it may have seen the password, up to one below
    /// the limit, and not at all when it has not (B-087).
    pub(in crate::gateway) fn unanswered(
        &self,
        before: &Before,
        was_asked: bool,
        terms: &Terms<'_>,
        now: Now,
    ) {
        let mut names = self.lock();
        let Some(stranger) = names.get_mut(&before.name, now.steady) else { return };
        stranger.wrong.truncate(before.wrong);
        let is_free = before.counts.after_wrong(terms, now).may_ask(terms, now);
        if !(was_asked && is_free) {
            stranger.counts = before.counts;
        }
    }

    /// Drops what is too old.
    pub(in crate::gateway) fn tidy(&self, now: Instant) {
        self.lock().expire(now);
    }

    fn lock(&self) -> MutexGuard<'_, BoundedMap<u64, Stranger>> {
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
    use crate::login::throttle::Lockout;
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

    const LIMITS: Limits = Limits::PASSWORD;

    fn terms(lockout: Option<Lockout>) -> Terms<'static> {
        let bounds = Bounds::of(&LIMITS, lockout, Duration::from_secs(22));
        Terms { limits: &LIMITS, bounds, locks: lockout.is_some() }
    }

    fn ask(
        strangers: &Strangers,
        name: &str,
        password: &str,
        terms: &Terms<'_>,
        clock: &ManualClock,
    ) -> Asking {
        strangers.ask(&attempt(name), &Secret::copied(password.as_bytes()), terms, clock.now())
    }

    fn asked(strangers: &Strangers, name: &str, clock: &ManualClock) -> bool {
        matches!(ask(strangers, name, "guess", &terms(None), clock), Asking::Yes(_))
    }

    /// A day of guesses, one in each minute, at a name that nobody has and at an account; how many the directory hears.
    fn like_an_account(lockout: Option<Lockout>) -> u32 {
        let ((strangers, clock), terms) = (strangers(), terms(lockout));
        let (mut account, mut heard) = (Rows::NONE, 0);
        for minute in 0..24 * 60 {
            let now = clock.now();
            let may = may_ask(&account, &LIMITS, &terms.bounds, WHENCE, now.unix) == Ask::Yes;
            if may {
                account = account.after_wrong(WHENCE, &LIMITS, &terms.bounds, now.unix);
                heard += 1;
            }
            let asking = ask(&strangers, "nobody", &format!("guess {minute}"), &terms, &clock);
            assert_eq!(matches!(asking, Asking::Yes(_)), may, "minute {minute}");
            clock.advance(Duration::from_secs(60));
        }
        heard
    }

    #[test]
    fn a_name_that_nobody_has_waits_like_an_account_does_d_100() {
        let strict = Lockout { threshold: 3, window: Duration::from_secs(2 * 60 * 60), counted: 0 };
        let (without, with) = (like_an_account(None), like_an_account(Some(strict)));
        assert!(without > 40, "{without}: four, and one in each half of an hour");
        assert!((10..=26).contains(&with), "{with}: two in somewhat more than two hours");
    }

    #[test]
    fn each_name_waits_by_itself_however_it_is_spelt() {
        let (strangers, clock) = strangers();
        assert_eq!((0..10).filter(|_| asked(&strangers, "nobody", &clock)).count(), 4);
        assert!(asked(&strangers, "nobody else", &clock));
        assert!(!asked(&strangers, "NOBODY", &clock));
    }

    #[test]
    fn one_password_is_asked_about_once_where_the_directory_locks_accounts_and_else_each_time() {
        let (strangers, clock) = strangers();
        let locks = terms(Some(Lockout { threshold: 5, window: Duration::from_secs(1800), counted: 0 }));
        assert!(matches!(ask(&strangers, "nobody", "old", &locks, &clock), Asking::Yes(_)));
        for _ in 0..100 {
            assert!(matches!(ask(&strangers, "nobody", "old", &locks, &clock), Asking::WrongAgain));
        }
        for n in 0..3 {
            assert!(matches!(ask(&strangers, "nobody", &format!("{n}"), &locks, &clock), Asking::Yes(_)));
        }
        assert!(
            matches!(ask(&strangers, "nobody", "old", &locks, &clock), Asking::Wait),
            "as with an account"
        );
        clock.advance(locks.bounds.window + Duration::from_millis(1));
        assert!(
            matches!(ask(&strangers, "nobody", "old", &locks, &clock), Asking::Yes(_)),
            "its time is over"
        );
        let (strangers, clock) = (Strangers::new(&SeededRandom::new(1)), clock);
        assert_eq!(
            (0..4).filter(|_| asked(&strangers, "nobody", &clock)).count(),
            4,
            "nothing is locked there"
        );
    }

    #[test]
    fn a_directory_that_was_not_asked_counts_nothing_and_one_that_is_silent_never_makes_anybody_wait() {
        let (strangers, clock) = strangers();
        let terms = terms(Some(Lockout { threshold: 9, window: Duration::from_secs(600), counted: 0 }));
        let try_once = |name: &str, was_asked| {
            let Asking::Yes(Some(before)) = ask(&strangers, name, "same", &terms, &clock) else {
                return false;
            };
            strangers.unanswered(&before, was_asked, &terms, clock.now());
            true
        };
        for _ in 0..100 {
            assert!(try_once("a", false) && try_once("b", true));
        }
        let left = |name: &str| {
            let asked =
                |n: &u32| matches!(ask(&strangers, name, &format!("{n}"), &terms, &clock), Asking::Yes(_));
            (0..10).filter(asked).count()
        };
        assert_eq!((left("a"), left("b")), (4, 1), "one below the limit is counted");
    }

    #[test]
    fn a_million_made_up_names_leave_a_bounded_memory_d_112() {
        let (strangers, clock) = strangers();
        for n in 0..1_000_000 {
            let asking = strangers.count(n, 0, &terms(None), clock.now());
            assert!(matches!(asking, Asking::Yes(Some(_))));
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
