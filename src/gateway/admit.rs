//! How many logins at once and how often: in all, per client, per source, per realm and per subject; and how many
//! codes of a subject.

pub(in crate::gateway) mod keyed;
mod limits;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use governor::Quota;

use crate::base::cidr::Prefix;
use crate::base::clock::Clock;
use crate::base::spread::SpreadMap;
use crate::gateway::admit::keyed::{Keyed, Rate, Ticks, rate};
pub use crate::gateway::admit::limits::{AdmissionLimits, CodesPerMinute};
use crate::gateway::ports::Moment;
use crate::login::attempt::{Attempt, Origin};
use crate::login::client::Client;
use crate::login::factor::{FactorKind, Proof};
use crate::login::identity::{LoginName, NameForm, Pseudonym};

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
    /// Too many logins of this user address run.
    SourceFull,
    /// Names of this realm come too often.
    RealmRate,
    /// All clients together ask too often.
    Rate,
    /// So much waits for the store that only those who have begun go on.
    StoreBehind,
}

impl Refused {
    /// All of them, for metrics.
    pub const ALL: [Self; 8] = [
        Self::Full,
        Self::ClientFull,
        Self::ClientRate,
        Self::SourceRate,
        Self::SourceFull,
        Self::RealmRate,
        Self::Rate,
        Self::StoreBehind,
    ];

    /// The fixed word in metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ClientFull => "client-full",
            Self::ClientRate => "client-rate",
            Self::SourceRate => "source-rate",
            Self::SourceFull => "source-full",
            Self::RealmRate => "realm-rate",
            Self::Rate => "rate",
            Self::StoreBehind => "store-behind",
        }
    }
}

/// Most subjects whose rate is remembered, most realms, and most user addresses for each client; beyond, all new ones
/// share one (D-112).
const MOST_SUBJECTS: usize = 100_000;
const MOST_REALMS: usize = 10_000;
const MOST_SOURCES: usize = 20_000;

/// Gives places to logins.
pub struct Admission {
    limits: AdmissionLimits,
    ticks: Ticks,
    running: Arc<AtomicUsize>,
    answering: Arc<AtomicUsize>,
    rate: Rate,
    clients: HashMap<Arc<str>, Gate>,
    /// Names without a realm are one.
    realms: Keyed,
    subjects: Keyed,
    /// Those of strangers by themselves, or they would keep the owner out (C-004).
    codes: [(FactorKind, Keyed); FactorKind::ALL.len()],
}

struct Gate {
    running: Arc<AtomicUsize>,
    answering: Arc<AtomicUsize>,
    /// Of each client by itself, so that no client can fill another's (D-121).
    sources: Keyed,
    here: Arc<Sources>,
    rate: Rate,
}

/// Running logins by the keyed hash of the user address; only of those that run, so there are never more than places.
type Sources = Mutex<SpreadMap<usize>>;

/// A place of one running login; it is given back when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Place {
    all: Arc<AtomicUsize>,
    client: Arc<AtomicUsize>,
    source: Option<Seat>,
    /// Where several begin together.
    pub(in crate::gateway) since: Option<Since>,
}

/// What others wrote before must be known to all who begin together; taken by [`Gateway::since`].
///
/// [`Gateway::since`]: crate::gateway::drive::Gateway::since
#[derive(Debug, Clone, Copy)]
pub struct Since {
    pub(in crate::gateway) moment: Moment,
    /// When that was.
    pub(in crate::gateway) taken: Instant,
}

impl Place {
    /// That of a login which begins now, together with others.
    pub fn with(mut self, since: Since) -> Self {
        self.since = Some(since);
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::AcqRel);
        self.client.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One of the logins from one user address.
#[derive(Debug)]
struct Seat {
    here: Arc<Sources>,
    source: u64,
}

impl Seat {
    fn take(here: &Arc<Sources>, source: u64, most: usize) -> Option<Self> {
        let mut sources = here.lock().unwrap_or_else(PoisonError::into_inner);
        let running = sources.entry(source).or_default();
        // An entry that was just made has room: the least limit is one.
        if *running >= most.max(1) {
            return None;
        }
        *running = running.saturating_add(1);
        Some(Self { here: here.clone(), source })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut sources = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = sources.get_mut(&self.source) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                sources.remove(&self.source);
            }
        }
    }
}

/// Where a user comes from, as limits count it: an IPv4 address, or the /64 network of an IPv6 address, since whoever
/// has one of its addresses has them all. What the client did not give, or what is no address, is one source of that
/// client, so that nobody escapes by making addresses up (D-110). `None` where the client has no way to give one: its
/// people cannot be told apart.
pub(in crate::gateway) fn source_of(client: &Client, origin: &Origin) -> Option<Option<Prefix>> {
    let has_source = client.can.tells_address || origin.user.is_some();
    has_source.then(|| origin.user.map(|address| Prefix::around(address, 32, 64)))
}

impl Admission {
    /// Admission for these clients.
    #[must_use]
    pub fn new(
        limits: AdmissionLimits,
        clients: impl IntoIterator<Item = Arc<str>>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let ticks = Ticks::new(clock);
        let gate = || Gate {
            running: Arc::default(),
            answering: Arc::default(),
            sources: Keyed::new(MOST_SOURCES, Quota::per_minute(limits.source_per_minute), &ticks),
            here: Arc::default(),
            rate: rate(Quota::per_second(limits.client_per_second), &ticks),
        };
        let codes = |(kind, number)| (kind, Keyed::new(MOST_SUBJECTS, Quota::per_minute(number), &ticks));
        Self {
            limits,
            running: Arc::default(),
            answering: Arc::default(),
            rate: rate(Quota::per_second(limits.per_second), &ticks),
            clients: clients.into_iter().map(|name| (name, gate())).collect(),
            ticks: ticks.clone(),
            realms: Keyed::new(MOST_REALMS, Quota::per_minute(limits.realm_per_minute), &ticks),
            subjects: Keyed::new(MOST_SUBJECTS, Quota::per_minute(limits.subject_per_minute), &ticks),
            codes: limits.codes_per_minute.0.map(codes),
        }
    }

    /// A place for a new login with this name.
    ///
    /// A user address that the client did not give, or that is no address, falls into one bucket per client,
    /// so that nobody escapes the limit by making addresses up (D-110). Where the client has no way to give one,
    /// only its own limits count.
    ///
    /// # Errors
    ///
    /// [`Refused`]: no place, or too often.
    pub fn enter(&self, client: &Client, origin: &Origin, name: &LoginName) -> Result<Place, Refused> {
        self.ticks.look();
        self.entered(client, origin, name)
    }

    /// As [`Admission::enter`] of a login that has come now, so that the clock need not be asked again.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn enter_now(&self, attempt: &Attempt) -> Result<Place, Refused> {
        self.ticks.note(attempt.began.steady);
        self.entered(&attempt.client, &attempt.origin, &attempt.name)
    }

    fn entered(&self, client: &Client, origin: &Origin, name: &LoginName) -> Result<Place, Refused> {
        let gate = self.clients.get(&client.name).ok_or(Refused::ClientFull)?;
        let mut place = self.place(&self.running, &gate.running)?;
        // The source first: one that floods takes nothing from the others behind its client. Then the client, which
        // takes nothing from the others of its realm, and so on outwards.
        if let Some(source) = source_of(client, origin).map(|source| gate.sources.hash(&source)) {
            if !gate.sources.allows_hash(source) {
                return Err(Refused::SourceRate);
            }
            let seat = Seat::take(&gate.here, source, self.limits.at_once_per_source);
            place.source = Some(seat.ok_or(Refused::SourceFull)?);
        }
        if gate.rate.check().is_err() {
            return Err(Refused::ClientRate);
        }
        if !self.realms.allows(&realm_of(name)) {
            return Err(Refused::RealmRate);
        }
        if self.rate.check().is_err() {
            return Err(Refused::Rate);
        }
        Ok(place)
    }

    /// A place for the reply to a question that waits for it: only the numbers at once count, and new logins have none of
    /// these places, so that under a flood of them those who have begun can finish. Nor does the number of its
    /// source count: only so many questions can be open as logins were begun from there.
    ///
    /// # Errors
    ///
    /// [`Refused::Full`] or [`Refused::ClientFull`].
    pub fn resume(&self, client: &Arc<str>) -> Result<Place, Refused> {
        let gate = self.clients.get(client).ok_or(Refused::ClientFull)?;
        self.place(&self.answering, &gate.answering)
    }

    /// A place for the reply to a question that nobody has asked, or not for long: it counts among the new logins of its
    /// client, for each is judged and recorded like one and needs nothing that was begun before.
    ///
    /// # Errors
    ///
    /// [`Refused::Full`], [`Refused::ClientFull`] or [`Refused::ClientRate`].
    pub fn stray(&self, client: &Arc<str>) -> Result<Place, Refused> {
        self.ticks.look();
        let gate = self.clients.get(client).ok_or(Refused::ClientFull)?;
        let place = self.place(&self.running, &gate.running)?;
        if gate.rate.check().is_err() {
            return Err(Refused::ClientRate);
        }
        Ok(place)
    }

    fn place(&self, all: &Arc<AtomicUsize>, client: &Arc<AtomicUsize>) -> Result<Place, Refused> {
        take(client, self.limits.at_once_per_client).ok_or(Refused::ClientFull)?;
        if take(all, self.limits.at_once).is_none() {
            client.fetch_sub(1, Ordering::AcqRel);
            return Err(Refused::Full);
        }
        Ok(Place { all: all.clone(), client: client.clone(), source: None, since: None })
    }

    /// Whether this is what `limits` and `clients` would make: then a reload keeps it, with all that it
    /// remembers.
    #[must_use]
    pub fn is_for(&self, limits: &AdmissionLimits, clients: &[Arc<str>]) -> bool {
        self.limits == *limits
            && self.clients.len() == clients.len()
            && clients.iter().all(|name| self.clients.contains_key(name))
    }

    /// Logins of one subject that may run or wait for their turn.
    #[must_use]
    pub const fn subject_at_once(&self) -> usize {
        self.limits.at_once_per_subject
    }

    /// Whether this subject may log in once more in this minute.
    #[must_use]
    pub fn subject_may(&self, who: &Pseudonym, now: Instant) -> bool {
        self.ticks.note(now);
        // A keyed hash already, as all keys are here.
        self.subjects.allows_hash(who.number())
    }

    /// Whether one more code of this subject may be compared with factors of this kind in this minute; after `proof`.
    #[must_use]
    pub fn code_may(&self, who: &Pseudonym, kind: FactorKind, proof: Proof, now: Instant) -> bool {
        self.ticks.note(now);
        let hash = match proof {
            Proof::Proven => who.number(),
            Proof::Familiar => who.number().rotate_left(32),
            Proof::Unproven => !who.number(),
        };
        self.codes.iter().filter(|(of, _)| *of == kind).all(|(_, codes)| codes.allows_hash(hash))
    }

    /// Logins that run now, replies to questions among them.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Acquire).saturating_add(self.answering.load(Ordering::Acquire))
    }

    /// Forgets keys whose limits have recovered; to be called every few seconds.
    pub fn tidy(&self) {
        self.ticks.look();
        self.clients.values().for_each(|gate| gate.sources.tidy());
        self.realms.tidy();
        self.subjects.tidy();
        self.codes.iter().for_each(|(_, codes)| codes.tidy());
    }
}

fn take(counter: &AtomicUsize, most: usize) -> Option<()> {
    let room = |running: usize| (running < most).then(|| running.saturating_add(1));
    counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).ok().map(|_| ())
}

/// The realm of a name (RFC 7542): what stands behind the last at sign, or before the backslash.
fn realm_of(name: &LoginName) -> Option<&str> {
    match name.form() {
        NameForm::Principal(_, realm) | NameForm::Domain(realm, _) => Some(realm),
        NameForm::Plain(_) | NameForm::Distinguished(_) => None,
    }
}

#[cfg(test)]
mod tests;
