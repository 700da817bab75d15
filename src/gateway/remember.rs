//! What was shown a short while ago: confirmed factors that count again (B-046), passwords of exempt accounts, and
//! passwords that a directory which locks accounts has found wrong (B-087).
//!
//! An application that binds on every page would ask for a code on every page. Where its client allows it, a factor
//! that was confirmed counts again when all of the password field, the code's digits among it, comes once more from
//! the same place for the same subject. The password is verified at the directory each time and the rules are asked
//! each time; what is spared is the code alone. No password and no code is kept, only a digest under a key that is
//! drawn at the start and never leaves the process.

mod bare;
mod by_rule;
mod last_known;

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::base::bounded::BoundedMap;
use crate::base::cidr::canonical;
use crate::base::random::{self, Random};
use crate::base::secret::Secret;
use crate::base::shards::{SHARDS, Shards};
use crate::base::spread::Spreading;
use crate::gateway::remember::by_rule::{LONGEST as LONGEST_PLACE, Places};
use crate::gateway::remember::last_known::{LONGEST as LONGEST_KNOWN, LastKnown, Next};
use crate::login::factor::{Enrolment, FactorKind, FactorKinds};
use crate::login::flow::Flow;
use crate::login::identity::{Account, Pseudonym, Standing};

/// No factor counts again for longer, whatever a client says.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How long it is known that a field was used up, or that a password was right for an exempt account: an application
/// may send the one, or rest from the other, for a working day.
const SPENT: Duration = Duration::from_secs(12 * 60 * 60);
/// Most subjects of whom something is remembered; the oldest makes room.
const MOST_SUBJECTS: usize = 50_000;
/// Most wrong passwords that are remembered; the oldest makes room.
const MOST_WRONG: usize = 50_000;
/// How long they are at most.
const WRONG: Duration = Duration::from_secs(24 * 60 * 60);
/// Most things that are remembered of one of them; the oldest makes room.
const MOST_OF_ONE: usize = 8;

/// What is remembered of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// A factor of this kind was confirmed with the password field.
    Factor(FactorKind),
    /// The password field was right for an exempt account.
    ExemptPassword,
}

/// What is known of a login that is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Known {
    /// As [`crate::login::step::Record::remembered`].
    pub(super) factor: Option<FactorKind>,
    /// As [`crate::login::step::Record::spent`].
    pub(super) spent: bool,
    /// As [`crate::login::step::Record::familiar`].
    pub(super) password: bool,
}

/// Digests of what was shown, by subject.
pub(super) struct Memory {
    /// Without one nothing that was typed is remembered.
    key: Option<Hmac<Sha256>>,
    marks: Marks,
    subjects: Shards<Subjects>,
    /// Digests of wrong passwords, each until when it is known.
    wrong: Mutex<BoundedMap<[u8; 32], Instant>>,
    places: Shards<Places>,
    last_known: Shards<LastKnown>,
    /// Behind whom of these the store is asked next.
    next_known: Mutex<Next>,
    /// Wrong passwords of which the store was to hear later,
    owed: AtomicU64,
    /// and how many there were when it had heard of all of them.
    heard: AtomicU64,
}

/// What was shown of each subject.
type Subjects = BoundedMap<Pseudonym, Vec<Entry>, Spreading>;

struct Entry {
    /// Of the field, and of where it came from.
    print: [u8; 32],
    /// Of what must not have changed.
    state: Mark,
    kept: Kept,
    since: Instant,
    /// Something has changed since: it never counts again, not even when the change is taken back.
    over: bool,
}

impl Memory {
    /// An empty memory with a key of its own. When there is no randomness it stays empty.
    pub(super) fn new(random: &dyn Random) -> Self {
        let key = random::bytes::<32>(random).ok().map(|bytes| Secret::new(bytes.to_vec()));
        let key = key.and_then(|key| <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose()).ok());
        if key.is_none() {
            tracing::warn!(
                event = "login.nothing-remembered",
                "no randomness for a key: no login is remembered"
            );
        }
        Self {
            key,
            marks: Marks::default(),
            subjects: Shards::new(|| BoundedMap::hashed(MOST_SUBJECTS / SHARDS, SPENT)),
            wrong: Mutex::new(BoundedMap::new(MOST_WRONG, WRONG)),
            places: Shards::new(|| BoundedMap::hashed(MOST_SUBJECTS / SHARDS, LONGEST_PLACE)),
            last_known: Shards::new(|| BoundedMap::hashed(MOST_SUBJECTS / SHARDS, LONGEST_KNOWN)),
            next_known: Mutex::default(),
            owed: AtomicU64::new(0),
            heard: AtomicU64::new(0),
        }
    }

    /// What is known of this login; `enrolments` are those that its subject has now.
    pub(super) fn recall(&self, flow: &Flow, enrolments: &[Enrolment], now: Instant) -> Known {
        let Some(subject) = flow.subject() else { return Known::default() };
        let number = subject.pseudonym.number();
        if self.subjects.look(number).is_none_or(|known| known.get(&subject.pseudonym, now).is_none()) {
            return Known::default();
        }
        let Some(print) = self.print(flow) else { return Known::default() };
        let state = self.state(&subject.account, enrolments, FactorKinds::NONE);
        let mut subjects = self.subjects.put(number);
        let Some(entries) = subjects.get_mut(&subject.pseudonym, now) else { return Known::default() };
        entries.iter_mut().for_each(|entry| entry.over |= entry.state != state);
        let mut known = Known::default();
        for entry in entries.iter().filter(|entry| equal(&entry.print, &print)) {
            let age = now.saturating_duration_since(entry.since);
            match entry.kept {
                Kept::Factor(kind) if !entry.over && age < life(flow) => known.factor = Some(kind),
                Kept::Factor(_) => known.spent = true,
                Kept::ExemptPassword => known.password |= !entry.over && age < SPENT,
            }
        }
        known
    }

    /// Remembers what a login that was granted has shown, if all of it stood in the password field. A factor only
    /// where the client allows it; its time does not begin anew when it counts again.
    pub(super) fn keep(&self, flow: &Flow, kept: Kept, now: Instant) {
        let allowed = match kept {
            Kept::Factor(_) => !life(flow).is_zero(),
            Kept::ExemptPassword => true,
        };
        let Some(subject) = flow.subject().filter(|_| allowed) else { return };
        let Some(print) = self.print(flow) else { return };
        let state = self.state(&subject.account, flow.enrolments(), FactorKinds::NONE);
        let mut subjects = self.subjects.put(subject.pseudonym.number());
        let mut entries = subjects.remove(&subject.pseudonym, now).unwrap_or_default();
        entries.retain(|entry| {
            let again = entry.kept == kept && equal(&entry.print, &print);
            !again && now.saturating_duration_since(entry.since) < SPENT
        });
        if entries.len() >= MOST_OF_ONE {
            entries.remove(0);
        }
        // Most have one, and there are tens of thousands of them.
        entries.reserve_exact(1);
        entries.push(Entry { print, state, kept, since: now, over: false });
        subjects.insert(subject.pseudonym.clone(), entries, now);
    }

    /// The directory found the password of this login wrong: its subject's factors no longer count again, and this
    /// password is no longer known.
    pub(super) fn wrong(&self, flow: &Flow, now: Instant) {
        let Some(subject) = flow.subject() else { return };
        self.end_places(&subject.pseudonym, now);
        // None behind a question, and of a proof; that the password was wrong is as true there.
        let print = self.print(flow);
        let Some(mut subjects) = self.subjects.look(subject.pseudonym.number()) else { return };
        for entry in subjects.get_mut(&subject.pseudonym, now).into_iter().flatten() {
            entry.over |= match entry.kept {
                Kept::Factor(_) => true,
                Kept::ExemptPassword => print.is_some_and(|print| equal(&entry.print, &print)),
            };
        }
    }

    /// Whether the directory has found this password wrong a short while ago, and the account has had no other since.
    pub(super) fn is_known_wrong(
        &self,
        flow: &Flow,
        account: Option<&Account>,
        password: &Secret,
        now: Instant,
    ) -> bool {
        let Some(digest) = self.wrong_digest(flow, account, password) else { return false };
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.get(&digest, now).is_some_and(|until| now < *until)
    }

    /// Remembers that the directory has found this password wrong, for as long as that counts there.
    pub(super) fn keep_wrong(&self, flow: &Flow, account: Option<&Account>, password: &Secret, now: Instant) {
        let Some(digest) = self.wrong_digest(flow, account, password) else { return };
        let until = now.checked_add(flow.bounds().window).unwrap_or(now);
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, until, now);
    }

    /// Only of a directory that locks accounts: it tells a wrong password from an account that is locked. And only
    /// where it tells when the password changes, or a new one could be taken for wrong.
    fn wrong_digest(&self, flow: &Flow, account: Option<&Account>, password: &Secret) -> Option<[u8; 32]> {
        let account = account.filter(|account| account.lockout.is_some() && !account.stamp.is_empty())?;
        let mut digest = Digest::new(self.key.as_ref()?, b"wrong");
        digest.part(flow.subject()?.pseudonym.as_str().as_bytes());
        digest.part(&account.stamp);
        digest.part(password.expose());
        Some(digest.end())
    }

    /// Nothing that was shown of a subject counts again.
    pub(super) fn end(&self, who: &Pseudonym, now: Instant) {
        self.end_places(who, now);
        self.end_recent(who, now);
        let Some(mut subjects) = self.subjects.look(who.number()) else { return };
        subjects.get_mut(who, now).into_iter().flatten().for_each(|entry| entry.over = true);
    }

    /// Drops what is too old.
    pub(super) fn tidy(&self, now: Instant) {
        self.subjects.tidy(|subjects| left(subjects, now));
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).expire(now);
        self.places.tidy(|places| left(places, now));
        self.tidy_last_known(now);
    }

    /// Digest of the password field with where it came from; `None` when there is no field.
    fn print(&self, flow: &Flow) -> Option<[u8; 32]> {
        let (field, subject, attempt) = (flow.field()?, flow.subject()?, flow.attempt());
        let mut digest = Digest::new(self.key.as_ref()?, b"print");
        digest.part(attempt.client.name.as_bytes());
        digest.part(&octets(Some(attempt.origin.peer)));
        digest.part(&octets(attempt.origin.user));
        digest.part(&attempt.device);
        digest.part(subject.pseudonym.as_str().as_bytes());
        digest.part(field.expose());
        Some(digest.end())
    }

    /// What must stay as it is: password, standing, groups, factors, and which of them are locked where that counts.
    fn state(&self, account: &Account, enrolments: &[Enrolment], locked: FactorKinds) -> Mark {
        // In whatever order they are told. They are random, so they do not cancel each other out.
        let ids = enrolments.iter().map(|one| u128::from_ne_bytes(one.id.0));
        let ids = ids.fold(0, |all, id| all ^ id);
        self.marks.of(&(&account.stamp, standing(account.standing), ids, &account.groups, locked))
    }
}

/// Drops what is too old; whether something is left.
fn left<V>(known: &mut BoundedMap<Pseudonym, V, Spreading>, now: Instant) -> bool {
    known.expire(now);
    !known.is_empty()
}

/// Tells apart what is no secret: one number for equal things, another for others. Its key is drawn at the start and never
/// leaves the process.
#[derive(Default)]
struct Marks(RandomState);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) struct Mark(u64);

impl Marks {
    fn of(&self, what: &impl Hash) -> Mark {
        Mark(self.0.hash_one(what))
    }
}

/// HMAC over parts that cannot run into each other.
struct Digest(Hmac<Sha256>);

impl Digest {
    fn new(key: &Hmac<Sha256>, label: &[u8]) -> Self {
        let mut digest = Self(key.clone());
        digest.part(label);
        digest
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
    }

    fn end(self) -> [u8; 32] {
        self.0.finalize().into_bytes().into()
    }
}

/// How long a confirmed factor counts again at the client of this login, as its settings are now.
fn life(flow: &Flow) -> Duration {
    flow.attempt().client.remember.unwrap_or_default().min(LONGEST)
}

fn equal(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

fn octets(address: Option<IpAddr>) -> Vec<u8> {
    match address.map(canonical) {
        None => Vec::new(),
        Some(IpAddr::V4(address)) => address.octets().to_vec(),
        Some(IpAddr::V6(address)) => address.octets().to_vec(),
    }
}

const fn standing(standing: Standing) -> u8 {
    match standing {
        Standing::Active => 0,
        Standing::Disabled => 1,
        Standing::Expired => 2,
        Standing::Locked => 3,
        Standing::MustChange => 4,
        Standing::PasswordExpired => 5,
        Standing::OutsideHours => 6,
    }
}
