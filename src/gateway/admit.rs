//! How many logins at once and how often, in all, per client, per source and per subject.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::base::cidr::Prefix;
use crate::base::clock::Clock;
use crate::login::attempt::Origin;
use crate::login::client::Client;
use crate::login::identity::Pseudonym;

/// The numbers of admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// Logins at once, all clients together.
    pub at_once: usize,
    /// Logins at once of one client.
    pub at_once_per_client: usize,
    /// New requests of one client in a second.
    pub client_per_second: NonZeroU32,
    /// New logins from one user address (IPv6: from one /64) at one client in a minute.
    pub source_per_minute: NonZeroU32,
    /// New logins of one subject in a minute.
    pub subject_per_minute: NonZeroU32,
}

/// Why a login was not even begun. The client hears nothing, so that it tries another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No place left at all.
    Full,
    /// No place left for this client.
    ClientFull,
    /// This client asks too often.
    ClientRate,
    /// This user address asks too often.
    SourceRate,
}

impl Refused {
    /// All of them, for metrics.
    pub const ALL: [Self; 4] = [Self::Full, Self::ClientFull, Self::ClientRate, Self::SourceRate];

    /// The fixed word in metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ClientFull => "client-full",
            Self::ClientRate => "client-rate",
            Self::SourceRate => "source-rate",
        }
    }
}

/// Most subjects whose rate is remembered, and most user addresses for each client; beyond, all new ones
/// share one (D-112).
const MOST_SUBJECTS: usize = 100_000;
const MOST_SOURCES: usize = 20_000;

/// Gives places to logins.
pub struct Admission {
    limits: AdmissionLimits,
    running: Arc<AtomicUsize>,
    clients: HashMap<Arc<str>, Gate>,
    subjects: Keyed<Pseudonym>,
}

struct Gate {
    running: Arc<AtomicUsize>,
    /// Of each client by itself, so that no client can fill another's (D-121).
    sources: Keyed<Option<Prefix>>,
    rate: RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>,
}

/// A place of one running login; it is given back when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Place {
    all: Arc<AtomicUsize>,
    client: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::AcqRel);
        self.client.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Admission {
    /// Admission for these clients.
    #[must_use]
    pub fn new(
        limits: AdmissionLimits,
        clients: impl IntoIterator<Item = Arc<str>>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let ticks = Ticks { clock: clock.clone(), origin: clock.now().steady };
        let gate = || Gate {
            running: Arc::default(),
            sources: Keyed::new(MOST_SOURCES, Quota::per_minute(limits.source_per_minute), ticks.clone()),
            rate: RateLimiter::new(
                Quota::per_second(limits.client_per_second),
                InMemoryState::default(),
                ticks.clone(),
            ),
        };
        Self {
            limits,
            running: Arc::default(),
            clients: clients.into_iter().map(|name| (name, gate())).collect(),
            subjects: Keyed::new(MOST_SUBJECTS, Quota::per_minute(limits.subject_per_minute), ticks.clone()),
        }
    }

    /// A place for a new login.
    ///
    /// A user address that the client did not give, or that is no address, falls into one bucket per client,
    /// so that nobody escapes the limit by making addresses up (D-110). Where the client has no way to give one,
    /// only its own limits count.
    ///
    /// # Errors
    ///
    /// [`Refused`]: no place, or too often.
    pub fn enter(&self, client: &Client, origin: &Origin) -> Result<Place, Refused> {
        let place = self.resume(&client.name)?;
        let gate = self.clients.get(&client.name).ok_or(Refused::ClientFull)?;
        let has_source = client.can.tells_address || origin.user.is_some();
        // The source first: one that floods takes nothing from the others behind its client.
        if has_source && !gate.sources.allows(&origin.user.map(|address| Prefix::around(address, 32, 64))) {
            return Err(Refused::SourceRate);
        }
        if gate.rate.check().is_err() {
            return Err(Refused::ClientRate);
        }
        Ok(place)
    }

    /// A place for the reply to a question: only the numbers at once count, so that under a flood of new
    /// logins those who have begun can finish.
    ///
    /// # Errors
    ///
    /// [`Refused::Full`] or [`Refused::ClientFull`].
    pub fn resume(&self, client: &Arc<str>) -> Result<Place, Refused> {
        let gate = self.clients.get(client).ok_or(Refused::ClientFull)?;
        take(&gate.running, self.limits.at_once_per_client).ok_or(Refused::ClientFull)?;
        if take(&self.running, self.limits.at_once).is_none() {
            gate.running.fetch_sub(1, Ordering::AcqRel);
            return Err(Refused::Full);
        }
        Ok(Place { all: self.running.clone(), client: gate.running.clone() })
    }

    /// Whether this is what `limits` and `clients` would make: then a reload keeps it, with all that it
    /// remembers.
    #[must_use]
    pub fn is_for(&self, limits: &AdmissionLimits, clients: &[Arc<str>]) -> bool {
        self.limits == *limits
            && self.clients.len() == clients.len()
            && clients.iter().all(|name| self.clients.contains_key(name))
    }

    /// Whether this subject may log in once more in this minute.
    #[must_use]
    pub fn subject_may(&self, who: &Pseudonym) -> bool {
        self.subjects.allows(who)
    }

    /// Logins that run now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// Forgets keys whose limits have recovered; to be called every few seconds.
    pub fn tidy(&self) {
        self.clients.values().for_each(|gate| gate.sources.tidy());
        self.subjects.tidy();
    }
}

fn take(counter: &AtomicUsize, most: usize) -> Option<()> {
    let room = |running: usize| (running < most).then(|| running.saturating_add(1));
    counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).ok().map(|_| ())
}

/// A rate limit per key with a bound on the number of keys.
struct Keyed<K: Hash + Eq + Clone> {
    most: usize,
    keys: RateLimiter<K, DashMapStateStore<K>, Ticks, NoOpMiddleware<Duration>>,
    /// Of all keys for which there is no room.
    overflow: RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>,
    /// `len` walks all shards of the map; it is read when the map is tidied.
    full: std::sync::atomic::AtomicBool,
    added: AtomicUsize,
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    fn new(most: usize, quota: Quota, ticks: Ticks) -> Self {
        Self {
            most,
            keys: RateLimiter::new(quota, DashMapStateStore::default(), ticks.clone()),
            overflow: RateLimiter::new(quota, InMemoryState::default(), ticks),
            full: false.into(),
            added: AtomicUsize::new(0),
        }
    }

    fn allows(&self, key: &K) -> bool {
        if self.full.load(Ordering::Relaxed) {
            return self.overflow.check().is_ok();
        }
        if self.added.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.tidy();
            if self.full.load(Ordering::Relaxed) {
                return self.overflow.check().is_ok();
            }
        }
        self.keys.check_key(key).is_ok()
    }

    fn tidy(&self) {
        self.keys.retain_recent();
        self.keys.shrink_to_fit();
        let len = self.keys.len();
        self.added.store(len, Ordering::Relaxed);
        self.full.store(len >= self.most, Ordering::Relaxed);
    }
}

/// Our clock as governor reads it.
#[derive(Clone)]
struct Ticks {
    clock: Arc<dyn Clock>,
    origin: Instant,
}

impl GovernorClock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.clock.now().steady.saturating_duration_since(self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{ManualClock, UnixTime};
    use std::net::IpAddr;

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    fn client(name: &Arc<str>) -> Client {
        use crate::login::client::{Capabilities, CodeEntry, PrimaryKind, Typed, WhenUnable};
        Client {
            name: name.clone(),
            directory: "staff".into(),
            primary: PrimaryKind::Directory,
            entry: CodeEntry { challenge: true, typed: Typed::Nothing },
            prompt: "Code:".into(),
            can: Capabilities { prompts: true, prompts_relayed: false, tells_address: true },
            login_timeout: Duration::from_secs(20),
            challenge_life: Duration::from_secs(60),
            reject_delay: Duration::ZERO,
            when_unable: WhenUnable::Silence,
            remember: None,
            ..Client::new("", "")
        }
    }

    fn admission(clock: &Arc<ManualClock>) -> (Admission, Arc<str>) {
        let limits = AdmissionLimits {
            at_once: 3,
            at_once_per_client: 2,
            client_per_second: number(100),
            source_per_minute: number(5),
            subject_per_minute: number(2),
        };
        let clock: Arc<dyn Clock> = clock.clone();
        (Admission::new(limits, ["vpn".into(), "wifi".into()], &clock), "vpn".into())
    }

    fn from(user: Option<&str>) -> Origin {
        Origin { peer: IpAddr::from([192, 0, 2, 1]), user: user.map(|a| a.parse().unwrap()) }
    }

    #[test]
    fn one_client_cannot_take_all_places_and_places_come_back() {
        let (admission, vpn) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
        let wifi: Arc<str> = "wifi".into();
        let first = admission.resume(&vpn).unwrap();
        let _second = admission.resume(&vpn).unwrap();
        assert_eq!(admission.resume(&vpn).unwrap_err(), Refused::ClientFull);
        let _third = admission.resume(&wifi).unwrap();
        assert_eq!(admission.resume(&wifi).unwrap_err(), Refused::Full);
        drop(first);
        assert!(admission.resume(&wifi).is_ok());
        assert_eq!(admission.running(), 2);
    }

    #[test]
    fn a_source_is_limited_alone_and_recovers() {
        let clock = Arc::new(ManualClock::at(UnixTime(0)));
        let (admission, vpn) = admission(&clock);
        let tries =
            |user| (0..6).map(|_| admission.enter(&client(&vpn), &from(user)).map(drop)).collect::<Vec<_>>();
        assert_eq!(tries(Some("203.0.113.7")).last(), Some(&Err(Refused::SourceRate)));
        assert_eq!(admission.enter(&client(&vpn), &from(Some("203.0.113.8"))).map(drop), Ok(()));
        clock.advance(Duration::from_secs(60));
        assert_eq!(admission.enter(&client(&vpn), &from(Some("203.0.113.7"))).map(drop), Ok(()));
    }

    #[test]
    fn all_addresses_of_one_ipv6_network_and_all_unknown_ones_share_a_bucket_d_110() {
        let (admission, vpn) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
        for n in 0..5 {
            assert!(admission.enter(&client(&vpn), &from(Some(&format!("2001:db8::{n}")))).is_ok());
            assert!(admission.enter(&client(&vpn), &from(None)).is_ok());
        }
        assert_eq!(
            admission.enter(&client(&vpn), &from(Some("2001:db8::ffff"))).map(drop),
            Err(Refused::SourceRate)
        );
        assert_eq!(admission.enter(&client(&vpn), &from(None)).map(drop), Err(Refused::SourceRate));
    }

    #[test]
    fn a_client_that_cannot_tell_addresses_has_no_bucket_of_unknown_ones() {
        let (admission, vpn) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
        let mut wiki = client(&vpn);
        wiki.can.tells_address = false;
        for _ in 0..6 {
            assert_eq!(admission.enter(&wiki, &from(None)).map(drop), Ok(()));
        }
        let tries = (0..6).map(|_| admission.enter(&wiki, &from(Some("203.0.113.7"))).map(drop));
        assert_eq!(tries.last(), Some(Err(Refused::SourceRate)), "one it tells all the same is limited");
    }

    #[test]
    fn a_subject_is_limited_whatever_its_source() {
        let (admission, _) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
        let (a, b) = (Pseudonym::new("a").unwrap(), Pseudonym::new("b").unwrap());
        assert!(admission.subject_may(&a) && admission.subject_may(&a));
        assert!(!admission.subject_may(&a));
        assert!(admission.subject_may(&b));
    }

    #[test]
    fn a_flood_of_made_up_keys_stays_bounded_d_112() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(UnixTime(0)));
        let ticks = Ticks { clock: clock.clone(), origin: clock.now().steady };
        let keyed = Keyed::new(1000, Quota::per_minute(number(5)), ticks);
        let passed = (0..2000).filter(|n| keyed.allows(n)).count();
        assert!(keyed.keys.len() <= 1000);
        assert!(passed <= 1000 + 5, "{passed}");
    }

    #[test]
    fn a_source_that_floods_takes_nothing_from_the_others_behind_its_client() {
        let clock = Arc::new(ManualClock::at(UnixTime(0)));
        let (admission, vpn) = admission(&clock);
        for _ in 0..1000 {
            let _turned_away = admission.enter(&client(&vpn), &from(Some("203.0.113.7"))).map(drop);
        }
        assert_eq!(admission.enter(&client(&vpn), &from(Some("203.0.113.8"))).map(drop), Ok(()));
    }

    #[test]
    fn a_reload_keeps_what_is_remembered_when_the_numbers_and_clients_stay() {
        let (admission, _) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
        let limits = admission.limits;
        assert!(admission.is_for(&limits, &["wifi".into(), "vpn".into()]));
        assert!(!admission.is_for(&limits, &["vpn".into()]));
        assert!(!admission.is_for(&limits, &["vpn".into(), "lan".into()]));
        let other = AdmissionLimits { at_once: 4, ..limits };
        assert!(!admission.is_for(&other, &["wifi".into(), "vpn".into()]));
    }
}
