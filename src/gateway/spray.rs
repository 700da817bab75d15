//! Notices who tries many names: one source with many names, one password with many names, one name from many sources
//! (D-109). What is over a limit is slowed, not closed: behind it there may be people who live here.
//!
//! Only failed logins count, those with a wrong password and those with a name that nobody has; a wrong code does not,
//! and a success takes nothing back. Those that nobody was asked about, since their account waits, count for the name
//! alone: a handful of guesses makes an account wait, long before they have come from many sources. Names, passwords and
//! sources are kept as keyed digests, for a window of minutes, and never leave the process. Of each of them no more is kept
//! than it takes to know that it is over its limit.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::Quota;

use crate::base::bounded::BoundedMap;
use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::base::secret::Secret;
use crate::gateway::admit::keyed::{Keyed, Ticks};
use crate::gateway::admit::source_of;
use crate::gateway::digest::Digests;
use crate::login::attempt::Attempt;
use crate::login::identity::Pseudonym;

/// From when on somebody is slowed. A number of 0 switches its detector off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SprayLimits {
    /// How long a failed login counts.
    pub window: Duration,
    /// Names that failed from one source at one client.
    pub names_per_source: u32,
    /// Names that failed with one password.
    pub names_per_password: u32,
    /// Sources from which one name failed.
    pub sources_per_name: u32,
    /// What is over a limit may still log in so often in a minute.
    pub slowed_per_minute: NonZeroU32,
}

impl Default for SprayLimits {
    /// What holds where nothing is said; docs/configuration.md says why these.
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10 * 60),
            names_per_source: 20,
            names_per_password: 10,
            sources_per_name: 10,
            slowed_per_minute: NonZeroU32::new(6).unwrap_or(NonZeroU32::MIN),
        }
    }
}

/// What is seen when somebody tries many names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    /// Many names from one source.
    NamesFromSource,
    /// Many names with one password.
    NamesWithPassword,
    /// Many sources on one name.
    SourcesOnName,
}

impl Sign {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::NamesFromSource, Self::NamesWithPassword, Self::SourcesOnName];

    const fn most(self, limits: &SprayLimits) -> u32 {
        match self {
            Self::NamesFromSource => limits.names_per_source,
            Self::NamesWithPassword => limits.names_per_password,
            Self::SourcesOnName => limits.sources_per_name,
        }
    }
}

/// A login whose password is about to be sent, or was.
#[derive(Clone, Copy)]
pub(in crate::gateway) struct Tried<'a> {
    /// What was typed, where, from where.
    pub(in crate::gateway) attempt: &'a Attempt,
    /// Whose name it is; nobody's when there is none.
    pub(in crate::gateway) who: Option<&'a Pseudonym>,
    /// The password without its code; `None` where it is not known here.
    pub(in crate::gateway) password: Option<&'a Secret>,
    /// The subject logs in from there all the time.
    pub(in crate::gateway) familiar: bool,
}

/// How fast a login may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// As always.
    Normal,
    /// Not now: the directory is not asked.
    Slowed(Sign),
}

/// Somebody who is over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Which limit.
    pub sign: Sign,
    /// Tells this source, password or name from others; means nothing outside the process.
    pub key: u64,
}

/// Most sources, passwords and names of which something is kept, each; the one that was still for longest makes room.
/// At the highest rate that one client may have, a source has 100 s until its next try before others push it out.
const MOST_KEYS: usize = 50_000;
/// Most of them that are slowed at the same time by themselves; beyond, all new ones share one allowance.
const MOST_SLOWED: usize = 10_000;

/// Watches failed logins.
pub struct Spray {
    limits: SprayLimits,
    digests: Digests,
    origin: Instant,
    /// Nothing is over a limit from then on; in milliseconds since `origin`.
    calm_from: AtomicU64,
    tables: Mutex<Tables>,
    slowed: Keyed,
    ticks: Ticks,
}

struct Tables {
    sources: BoundedMap<u64, Marks>,
    passwords: BoundedMap<u64, Marks>,
    names: BoundedMap<u64, Marks>,
}

/// What was tried under one key: digests, each with the time when it was last.
type Marks = Vec<Mark>;

#[derive(Clone, Copy)]
struct Mark {
    digest: u64,
    at: u64,
}

/// The digests of one login.
struct Prints {
    source: Option<u64>,
    password: Option<u64>,
    name: Option<u64>,
}

impl Prints {
    const fn key(&self, sign: Sign) -> Option<u64> {
        match sign {
            Sign::NamesFromSource => self.source,
            Sign::NamesWithPassword => self.password,
            Sign::SourcesOnName => self.name,
        }
    }

    const fn value(&self, sign: Sign) -> Option<u64> {
        match sign {
            Sign::NamesFromSource | Sign::NamesWithPassword => self.name,
            Sign::SourcesOnName => self.source,
        }
    }
}

impl Tables {
    const fn of(&mut self, sign: Sign) -> &mut BoundedMap<u64, Marks> {
        match sign {
            Sign::NamesFromSource => &mut self.sources,
            Sign::NamesWithPassword => &mut self.passwords,
            Sign::SourcesOnName => &mut self.names,
        }
    }
}

impl Spray {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: SprayLimits, clock: &Arc<dyn Clock>, random: &dyn Random) -> Self {
        let table = || BoundedMap::new(MOST_KEYS, limits.window);
        let ticks = Ticks::new(clock);
        Self {
            limits,
            digests: Digests::new(random),
            origin: clock.now().steady,
            calm_from: AtomicU64::new(0),
            tables: Mutex::new(Tables { sources: table(), passwords: table(), names: table() }),
            slowed: Keyed::new(MOST_SLOWED, Quota::per_minute(limits.slowed_per_minute), &ticks),
            ticks,
        }
    }

    /// Whether this is what `limits` would make: then a reload keeps it, with all that it has seen.
    #[must_use]
    pub fn is_for(&self, limits: &SprayLimits) -> bool {
        self.limits == *limits
    }

    /// How long a failed login counts.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.limits.window
    }

    /// Whether the directory may be asked about this login. What is over a limit uses up one of its few logins.
    pub(in crate::gateway) fn look(&self, tried: &Tried<'_>, now: Instant) -> Speed {
        let at = self.since(now);
        // Nearly always, and then it costs nothing.
        if at >= self.calm_from.load(Ordering::Relaxed) {
            return Speed::Normal;
        }
        self.ticks.note(now);
        let prints = self.prints(tried);
        // In a place where somebody logs in all the time he is slowed only by its source: whoever tries many names from it is
        // in that very place.
        let is_slowed = |sign: Sign| match sign {
            // People whom their client gives no address share one source: a stranger who fails with a few names would close
            // the client to all of them. What he does is told; password and names are slowed as ever.
            Sign::NamesFromSource => tried.attempt.origin.user.is_some(),
            Sign::NamesWithPassword | Sign::SourcesOnName => !tried.familiar,
        };
        let over = |sign: Sign| {
            let key = prints.key(sign).filter(|_| is_slowed(sign))?;
            self.is_over(sign, key, now).then_some(key)
        };
        for sign in Sign::ALL {
            if over(sign).is_some_and(|key| !self.slowed.allows(&(sign, key))) {
                return Speed::Slowed(sign);
            }
        }
        Speed::Normal
    }

    /// Counts a login that failed, as far as it is one of `signs`; tells who is over a limit now, each time that he fails.
    pub(in crate::gateway) fn failed(&self, tried: &Tried<'_>, signs: &[Sign], now: Instant) -> Vec<Found> {
        self.count(&self.prints(tried), signs, now)
    }

    fn count(&self, prints: &Prints, signs: &[Sign], now: Instant) -> Vec<Found> {
        let mut found = Vec::new();
        let mut tables = self.lock();
        for sign in signs.iter().copied() {
            let most = usize::try_from(sign.most(&self.limits)).unwrap_or(usize::MAX);
            let (Some(key), Some(value)) = (prints.key(sign), prints.value(sign)) else { continue };
            if most == 0 {
                continue;
            }
            let table = tables.of(sign);
            let mut marks = table.remove(&key, now).unwrap_or_default();
            self.mark(&mut marks, value, most, now);
            if marks.len() >= most {
                found.push(Found { sign, key });
            }
            // Put in anew, so that whoever is still at it is never the oldest.
            table.insert(key, marks, now);
        }
        if !found.is_empty() {
            let calm_from = self.since(now).saturating_add(millis(self.limits.window));
            self.calm_from.fetch_max(calm_from, Ordering::Relaxed);
        }
        found
    }

    /// Drops what is too old.
    pub(in crate::gateway) fn tidy(&self, now: Instant) {
        let mut tables = self.lock();
        Sign::ALL.into_iter().for_each(|sign| tables.of(sign).expire(now));
        drop(tables);
        self.ticks.note(now);
        self.slowed.tidy();
    }

    fn is_over(&self, sign: Sign, key: u64, now: Instant) -> bool {
        let most = usize::try_from(sign.most(&self.limits)).unwrap_or(usize::MAX);
        let is_young = self.young(now);
        let mut tables = self.lock();
        let marks = tables.of(sign).get(&key, now);
        most > 0 && marks.is_some_and(|marks| marks.iter().filter(|mark| is_young(mark)).count() >= most)
    }

    /// Puts `digest` among `marks`, of which at most `most` are kept.
    fn mark(&self, marks: &mut Marks, digest: u64, most: usize, now: Instant) {
        let is_young = self.young(now);
        marks.retain(|mark| mark.digest != digest && is_young(mark));
        // They are in the order of their times.
        let too_many = marks.len().saturating_add(1).saturating_sub(most);
        marks.drain(..too_many);
        marks.push(Mark { digest, at: self.since(now) });
    }

    fn young(&self, now: Instant) -> impl Fn(&Mark) -> bool + use<> {
        let (at, window) = (self.since(now), millis(self.limits.window));
        move |mark| at.saturating_sub(mark.at) < window
    }

    fn prints(&self, tried: &Tried<'_>) -> Prints {
        let attempt = tried.attempt;
        let source = source_of(&attempt.client, &attempt.origin).and_then(|source| {
            let written = source.map_or_else(String::new, |prefix| prefix.to_string());
            self.digests.of(b"source", &[attempt.client.name.as_bytes(), written.as_bytes()])
        });
        let name = match tried.who {
            // However it is spelt.
            Some(who) => self.digests.of(b"subject", &[who.as_str().as_bytes()]),
            None => {
                let (directory, name) = (attempt.client.directory.as_bytes(), attempt.name.prepared());
                self.digests.of(b"name", &[directory, name.as_bytes()])
            }
        };
        let password = tried.password.and_then(|password| self.digests.of(b"password", &[password.expose()]));
        Prints { source, password, name }
    }

    fn since(&self, now: Instant) -> u64 {
        millis(now.saturating_duration_since(self.origin))
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
