//! Users in a TOML file, for small sites and tests.
//!
//! ```toml
//! [[user]]
//! id = "1f0c54ab-5a39-4a4e-8b26-5b7f2f0d9a11"
//! name = "alice"
//! password = "$argon2id$…"
//! groups = ["VPN Users"]
//! ```

mod careful;
mod explain;
mod gathered;
mod groupings;
mod hash;
mod index;
mod packed;
mod scan;
mod straight;
mod stream;

use std::fmt;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use data_encoding::HEXLOWER_PERMISSIVE;
use tokio::sync::Semaphore;

use crate::base::report::Complaints;
use crate::base::secret::Secret;
use crate::base::turnstile::Turnstile;
use crate::directory::file::gathered::Gathered;
use crate::directory::file::groupings::{Combined, Groupings};
use crate::directory::file::hash::{Hash, Scratch};
pub use crate::directory::file::hash::{HashFault, hash_password};
use crate::directory::file::index::Index;
use crate::directory::file::packed::{Packed, User};
use crate::directory::file::straight::{LONGEST_PART, Parts, Straight};
use crate::gateway::ports::{After, Directory, Soon, Verified};
use crate::login::identity::{Account, Attributes, LoginName, NameForm, Standing};
use crate::login::step::PrimaryOutcome;
use crate::login::verdict::{Fault, FaultKind};

/// `[[user]]`
pub const USER: &[&str] =
    &["id", "name", "aliases", "password", "groups", "disabled", "number", "attributes"];

/// The users of a file, each with an id, names and a number that no other has.
#[derive(Clone)]
pub struct Users {
    users: Packed,
    groups: Groupings,
    names: Index,
    ids: Index,
    nobody: Hash,
    /// What most have, in one place for all of them.
    no_attributes: Attributes,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.len())
    }
}

impl Users {
    /// Reads a file of `length` bytes with at most so many threads at once, without having its text in memory. `None`
    /// says nothing: the file is to be read as a whole, if anything in it is wrong or doubtful.
    #[must_use]
    pub fn straight(file: &File, length: usize, threads: usize) -> Option<Self> {
        stream::users(file, length, threads)
    }

    /// Reads the text of a file, which is source number `source`; what is wrong is added to `out`.
    #[must_use]
    pub fn read(source: usize, text: &str, out: &mut Complaints) -> Self {
        let mut twice = Vec::new();
        let mut straight = Straight::new(source, Gathered::with_room_for(text.len()));
        if straight.all(Parts::of(text)).is_ok() {
            let ((gathered, doubts), users);
            (gathered, doubts) = straight.finish();
            (users, twice) = gathered.finish(true);
            if twice.is_empty() {
                doubts.warnings.into_iter().for_each(|doubt| out.warn(doubt));
                return users;
            }
        }
        if text.len() <= LONGEST_PART {
            return explain::whole(source, text, out);
        }
        explain::parts(source, text, &twice, out);
        Gathered::default().finish(true).0
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.users.len()
    }

    /// There are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them have no number of the site's own.
    #[must_use]
    pub const fn without_number(&self) -> usize {
        self.len().saturating_sub(self.users.numbered())
    }

    /// Whether somebody is in a group, which is named by its key.
    #[must_use]
    pub fn has_group(&self, key: &str) -> bool {
        self.groups.has(key)
    }

    /// Whether somebody has an attribute, which is named in lower case.
    #[must_use]
    pub fn has_attribute(&self, name: &str) -> bool {
        self.users.has_attribute(name)
    }

    fn named(&self, name: &LoginName) -> Option<User<'_>> {
        // Nobody here has a distinguished name, whatever somebody is called.
        if matches!(name.form(), NameForm::Distinguished(_)) {
            return None;
        }
        let name = name.prepared();
        self.names.find(&self.users, name.as_bytes(), |user| user.names().any(|theirs| theirs == name))
    }

    fn behind(&self, account: &Account) -> Option<User<'_>> {
        let id: &[u8; 16] = account.id.first_chunk().filter(|id| id.len() == account.id.len())?;
        self.ids.find(&self.users, id, |user| user.id == id)
    }

    fn account(&self, user: &User<'_>, directory: &Arc<str>, combined: &Combined) -> Option<Account> {
        Some(Account {
            directory: Arc::clone(directory),
            id: user.id.as_slice().into(),
            display: user.name.into(),
            // He is found by his id.
            handle: Box::default(),
            groups: combined.get(user.groups, &self.groups),
            standing: if user.is_disabled() { Standing::Disabled } else { Standing::Active },
            number: user.number.map(Into::into),
            aliases: Vec::new(),
            stamp: user.stamp()?,
            lockout: None,
            attributes: user.attributes().map_or_else(|| Arc::clone(&self.no_attributes), Arc::new),
        })
    }
}

/// The 16 bytes of a UUID in its usual form of 36 characters; not the one that is all zero.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let mut digits = [0; 32];
    let mut places = digits.iter_mut();
    for (at, byte) in text.bytes().enumerate() {
        match (at, byte) {
            (8 | 13 | 18 | 23, b'-') => {}
            (8 | 13 | 18 | 23, _) => return None,
            _ => *places.next()? = byte,
        }
    }
    let mut id = [0; 16];
    let is_whole = places.len() == 0;
    HEXLOWER_PERMISSIVE.decode_mut(&digits, &mut id).ok()?;
    (is_whole && id != [0; 16]).then_some(id)
}

/// The directory that such a file is. A reload makes a new one.
#[derive(Debug)]
pub struct FileDirectory {
    name: Arc<str>,
    users: Arc<Users>,
    hashing: Arc<Semaphore>,
    turnstile: Arc<Turnstile>,
    combined: Combined,
    /// At most one for each place of `hashing`.
    memory: Arc<Mutex<Vec<Scratch>>>,
}

impl FileDirectory {
    /// The directory `name` with these `users`; at most `threads` passwords (at least one) are hashed at the
    /// same time, each on a thread for blocking work.
    #[must_use]
    pub fn new(name: Arc<str>, users: Arc<Users>, threads: usize) -> Self {
        let threads = threads.clamp(1, 64);
        let (hashing, turnstile) = (Arc::new(Semaphore::new(threads)), Arc::new(Turnstile::new(threads)));
        let combined = Combined::of(&users.groups);
        Self { name, users, hashing, turnstile, combined, memory: Arc::default() }
    }

    fn fault(&self, kind: FaultKind, what: &str) -> Fault {
        Fault::new(kind, format!("directory \"{}\": {what}", self.name))
    }

    /// The place is kept until the hash is done, even when nobody waits for it any more.
    async fn fits(&self, hash: Hash, password: Secret, until: Instant) -> Result<bool, Fault> {
        let until = tokio::time::Instant::from_std(until);
        let late =
            |_| self.fault(FaultKind::Overloaded, "too many passwords are being checked to finish in time");
        let place =
            tokio::time::timeout_at(until, Arc::clone(&self.hashing).acquire_owned()).await.map_err(late)?;
        let place = place.map_err(|_| self.fault(FaultKind::Internal, "password checks have ended"))?;
        let memory = Arc::clone(&self.memory);
        let work = tokio::task::spawn_blocking(move || {
            let idle = || memory.lock().unwrap_or_else(PoisonError::into_inner);
            let mut scratch = idle().pop().unwrap_or_default();
            let fits = hash.fits(&password, &mut scratch);
            idle().push(scratch);
            drop(place);
            fits
        });
        let done = tokio::time::timeout_at(until, work).await.map_err(late)?;
        let fits = done.map_err(|_| self.fault(FaultKind::Internal, "a password check broke off"))?;
        fits.map_err(|fault| self.fault(FaultKind::Internal, &fault.to_string()))
    }
}

#[async_trait]
impl Directory for FileDirectory {
    fn find<'a>(&'a self, name: &'a LoginName, _until: Instant) -> Soon<'a, Result<Option<Account>, Fault>> {
        Soon::Now(Ok(self
            .users
            .named(name)
            .and_then(|user| self.users.account(&user, &self.name, &self.combined))))
    }

    async fn verify(
        &self,
        account: Option<&Account>,
        password: &Secret,
        _after: After,
        until: Instant,
    ) -> Result<Verified, Fault> {
        if password.is_empty() || password.expose().contains(&0) {
            return Ok(PrimaryOutcome::Wrong.into());
        }
        let user = account.and_then(|account| self.users.behind(account));
        let hash = user.and_then(|user| user.hash().ok()).unwrap_or_else(|| self.users.nobody.clone());
        let fits = self.fits(hash, password.clone(), until).await?;
        let outcome = match user {
            Some(user) if fits && user.is_disabled() => PrimaryOutcome::Disabled,
            Some(_) if fits => PrimaryOutcome::Correct,
            Some(_) | None => PrimaryOutcome::Wrong,
        };
        Ok(outcome.into())
    }

    async fn probe(&self, _until: Instant) -> Result<(), Fault> {
        Ok(())
    }

    fn turnstile(&self, _account: Option<&Account>) -> Option<&Arc<Turnstile>> {
        Some(&self.turnstile)
    }
}

#[cfg(test)]
mod tests;
