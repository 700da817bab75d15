//! Gives out anonymous ids, and is the only place that can turn one back into a name (F-002, F-004, D-103).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::bounded::BoundedMap;
use crate::base::clock::Clock;
use crate::base::random::{Random, bytes};
use crate::base::secret::Secret;
use crate::base::shards::{SHARDS, Shards};
use crate::base::spread::Spreading;
use crate::gateway::ports::{
    Adopted, Audit, Moment, Naming, NewSubject, Place, Soon, Store, SubjectDigest, Vault,
};
use crate::login::identity::{Account, Pseudonym, Subject};
use crate::login::verdict::{Fault, FaultKind};
use crate::subjects::act::{Act, Acts};

/// Gives accounts their anonymous ids.
pub struct Names {
    store: Arc<dyn Store>,
    vault: Arc<dyn Vault>,
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
    numbered: BTreeSet<Arc<str>>,
    /// Ids of accounts that were looked up a short while ago, for when the store is away.
    seen: Shards<BoundedMap<SubjectDigest, Pseudonym, Spreading>>,
}

/// The person behind a pseudonym. No `Debug` output of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// Which configured directory.
    pub directory: Box<str>,
    /// The directory's immutable id.
    pub id: Box<[u8]>,
    /// The name when the account was first seen.
    pub display: Box<str>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(…)")
    }
}

/// Subjects on which it is tried whether the keys are those of the store.
const TRIED_WITH_KEYS: usize = 16;

/// Most accounts whose ids are known without the store; the one that was not seen for longest makes room.
const MOST_SEEN: usize = 50_000;
/// How long they are known.
const SEEN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How often it is put down that one was seen.
const OFTEN: Duration = Duration::from_secs(60);

/// How often a fresh random id may turn out to be taken; with 95 random bits once is already a miracle.
const TRIES: usize = 4;

impl Names {
    /// `numbered` are the directories whose accounts bring an anonymous number of their own.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        vault: Arc<dyn Vault>,
        random: Arc<dyn Random>,
        clock: Arc<dyn Clock>,
        numbered: BTreeSet<Arc<str>>,
    ) -> Self {
        let seen = Shards::new(|| BoundedMap::hashed(MOST_SEEN / SHARDS, SEEN));
        Self { store, vault, random, clock, numbered, seen }
    }

    /// The id of an account that was seen before; `None` when it was not. Gives out nothing new.
    ///
    /// # Errors
    ///
    /// A fault of the store.
    pub async fn known(&self, account: &Account) -> Result<Option<Pseudonym>, Fault> {
        let digests = self.vault.digests(&account.directory, &account.id);
        Ok(self.look_up(&digests).await?.map(|(pseudonym, _)| pseudonym))
    }

    /// As [`Names::known`], for somebody who is shown the id. It leads from a name to all records of a person, so it is
    /// recorded like the way back (F-008).
    ///
    /// # Errors
    ///
    /// A fault of store or audit.
    pub async fn shown(&self, account: &Account, audit: &Arc<dyn Audit>) -> Result<Option<Pseudonym>, Fault> {
        let Some(who) = self.known(account).await? else { return Ok(None) };
        let acts = Acts { audit: audit.clone(), clock: self.clock.clone() };
        let deed = async { Ok(Some(who.clone())) };
        acts.carry_out(Act::of("admin.show", Some(&who)), deed, |_| "shown").await
    }

    /// The person behind `who`; `None` for an unknown id. Asking is an act of its own and recorded (F-008).
    ///
    /// # Errors
    ///
    /// A fault of store, audit or key.
    pub async fn name_of(&self, who: &Pseudonym, audit: &Arc<dyn Audit>) -> Result<Option<Person>, Fault> {
        let acts = Acts { audit: audit.clone(), clock: self.clock.clone() };
        let deed = async {
            let Some(row) = self.store.subject(who).await? else { return Ok(None) };
            let identity = self.vault.open(Place::Identity(who), &row.identity)?;
            read_identity(&identity).map(Some)
        };
        let act = Act::of("admin.name", Some(who));
        acts.carry_out(act, deed, |person| if person.is_some() { "named" } else { "unknown" }).await
    }

    /// The people behind several ids, for a question about all of them that names nobody; ids that lead to nobody are left
    /// out. Recorded once, not for each of them.
    ///
    /// # Errors
    ///
    /// As [`Names::name_of`].
    pub async fn people(
        &self,
        whose: impl IntoIterator<Item = Pseudonym>,
        audit: &Arc<dyn Audit>,
    ) -> Result<Vec<(Pseudonym, Person)>, Fault> {
        let acts = Acts { audit: audit.clone(), clock: self.clock.clone() };
        let deed = async {
            let mut found = Vec::new();
            for who in whose {
                let Some(row) = self.store.subject(&who).await? else { continue };
                let identity = self.vault.open(Place::Identity(&who), &row.identity)?;
                found.push((who, read_identity(&identity)?));
            }
            Ok(found)
        };
        acts.carry_out(Act::of("admin.replay", None), deed, |_| "looked-up").await
    }

    /// Under which of the digests the account is known, and that digest.
    async fn look_up(&self, digests: &[SubjectDigest]) -> Result<Option<(Pseudonym, SubjectDigest)>, Fault> {
        for digest in digests {
            if let Some(pseudonym) = self.store.pseudonym(digest).await? {
                return Ok(Some((pseudonym, *digest)));
            }
        }
        Ok(None)
    }

    /// Moves an account that was found under an old key to the newest one. When somebody else does the same
    /// at the same time, his move counts.
    async fn renew(&self, account: &Account, who: &Pseudonym, newest: SubjectDigest) -> Result<(), Fault> {
        let Some(before) = self.store.subject(who).await? else { return Ok(()) };
        let identity = self.vault.seal(Place::Identity(who), &write_identity(account))?;
        self.store.rekey_subject(&before, newest, identity).await?;
        Ok(())
    }

    async fn adopt(&self, account: &Account, digest: SubjectDigest) -> Result<Pseudonym, Fault> {
        let numbered = self.numbered.contains(&account.directory);
        for _ in 0..TRIES {
            let pseudonym = if numbered { own_number(account)? } else { self.random_id()? };
            let identity = self.vault.seal(Place::Identity(&pseudonym), &write_identity(account))?;
            let created = self.clock.now().unix;
            let new = NewSubject { digest, pseudonym: pseudonym.clone(), identity, created };
            match self.store.adopt(new).await? {
                Adopted::New => return Ok(pseudonym),
                Adopted::Known(known) => return Ok(known),
                Adopted::Outdated(newest) => return Err(outdated(newest)),
                Adopted::Taken if numbered => {
                    return Err(confusing(account, "belongs to another account too"));
                }
                Adopted::Taken => {}
            }
        }
        Err(Fault::new(
            FaultKind::Internal,
            format!("{TRIES} fresh random ids were all taken: look at the randomness"),
        ))
    }

    /// The id that the account has in the store, which it gets there if it has none.
    async fn stored(
        &self,
        account: &Account,
        digests: &[SubjectDigest],
        newest: SubjectDigest,
    ) -> Result<Pseudonym, Fault> {
        let Some((known, digest)) = self.look_up(digests).await? else {
            return self.adopt(account, newest).await;
        };
        if digest.key_id != newest.key_id {
            self.renew(account, &known, newest).await?;
        }
        Ok(known)
    }

    /// The subject, whose id is what came of asking the store, or the one under which it was seen a short while ago.
    fn named(
        &self,
        account: Account,
        newest: SubjectDigest,
        stored: Result<Pseudonym, Fault>,
    ) -> Result<Subject, Fault> {
        let now = self.clock.now().steady;
        let pseudonym = match stored {
            Ok(pseudonym) => {
                let mut seen = self.seen.put(newest.number());
                if seen.renew(&newest, OFTEN, now).is_none_or(|known| *known != pseudonym) {
                    seen.insert(newest, pseudonym.clone(), now);
                }
                pseudonym
            }
            Err(fault) if fault.kind == FaultKind::StoreUnavailable => {
                let seen = self.seen.look(newest.number());
                seen.and_then(|seen| seen.get(&newest, now).cloned()).ok_or(fault)?
            }
            Err(fault) => return Err(fault),
        };
        Ok(Subject { pseudonym, account: Arc::new(account) })
    }

    fn random_id(&self) -> Result<Pseudonym, Fault> {
        let unable = |what: String| Fault::new(FaultKind::Internal, what);
        let random: [u8; 12] =
            bytes(&*self.random).map_err(|why| unable(format!("made no anonymous id: {why}")))?;
        let mut text = data_encoding::BASE32_NOPAD.encode(&random).to_ascii_lowercase();
        text.truncate(19);
        text.insert(0, 'p');
        Pseudonym::new(&text).ok_or_else(|| unable("made no anonymous id".into()))
    }
}

impl Naming for Names {
    /// An id stays for ever: an account that has one keeps it, whatever number its directory gives later. Where the store
    /// is away, that of an account which was looked up a short while ago is known.
    fn subject(&self, account: Account) -> Soon<'_, Result<Subject, Fault>> {
        self.subject_since(account, self.store.moment())
    }

    fn subject_since(&self, account: Account, since: Moment) -> Soon<'_, Result<Subject, Fault>> {
        let digests = self.vault.digests(&account.directory, &account.id);
        let Some(newest) = digests.first().copied() else {
            let fault = Fault::new(FaultKind::KeyMissing, "there is no key to find accounts by");
            return Soon::Now(Err(fault));
        };
        // Nearly everybody is known under the newest key.
        if let Soon::Now(Ok(Some(known))) = self.store.pseudonym_since(&newest, since) {
            return Soon::Now(self.named(account, newest, Ok(known)));
        }
        Soon::later(async move {
            let stored = self.stored(&account, &digests, newest).await;
            self.named(account, newest, stored)
        })
    }
}

/// Whether `vault` opens what lies in `store`. Keys of another store open nothing; so it is tried on a few
/// subjects, and one is enough: a single damaged record must not keep the whole service away. A store without
/// subjects belongs to any keys.
///
/// # Errors
///
/// A fault of the store, or [`FaultKind::KeyMissing`].
pub async fn opens(store: &dyn Store, vault: &dyn Vault) -> Result<(), Fault> {
    let mut outcome = Ok(());
    for row in store.subjects(None, TRIED_WITH_KEYS).await? {
        outcome = vault.open(Place::Identity(&row.pseudonym), &row.identity).map(|_| ());
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The number that the site keeps for this account.
fn own_number(account: &Account) -> Result<Pseudonym, Fault> {
    let Some(number) = account.number.as_deref() else {
        return Err(confusing(account, "is missing"));
    };
    Pseudonym::new(number)
        .ok_or_else(|| confusing(account, "is not 1 to 64 letters, digits, dashes, underscores and dots"))
}

/// Without this a person would get a second id, and leave factors, locks and failures behind with the first.
fn outdated(newest: u32) -> Fault {
    Fault::new(
        FaultKind::KeyMissing,
        format!(
            "gave out no anonymous id: the store is in use under key {newest}, which is not among our keys; \
             reload, or restart where the key file is a credential"
        ),
    )
}

fn confusing(account: &Account, what: &str) -> Fault {
    Fault::new(
        FaultKind::UnclearAccount,
        format!(
            "directory \"{}\": the anonymous number of an account {what}; correct it in the directory",
            account.directory
        ),
    )
}

/// `version (1) ‖ directory ‖ id ‖ display`, each behind its length in four bytes (D-022).
fn write_identity(account: &Account) -> Secret {
    let mut out = vec![VERSION];
    for field in [account.directory.as_bytes(), &account.id, account.display.as_bytes()] {
        out.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(field);
    }
    Secret::new(out)
}

/// The way back from [`write_identity`].
///
/// # Errors
///
/// A fault for anything else.
pub(super) fn read_identity(identity: &Secret) -> Result<Person, Fault> {
    take_apart(identity.expose()).ok_or_else(|| {
        Fault::new(FaultKind::Internal, "a sealed identity is not in the form that this version knows")
    })
}

fn take_apart(bytes: &[u8]) -> Option<Person> {
    let (version, rest) = bytes.split_first()?;
    let (directory, rest) = field(rest)?;
    let (id, rest) = field(rest)?;
    let (display, rest) = field(rest)?;
    (*version == VERSION && rest.is_empty()).then_some(())?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Box::from);
    Some(Person { directory: text(directory)?, id: id.into(), display: text(display)? })
}

fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests;
