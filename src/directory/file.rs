//! Users in a TOML file, for small sites and tests.
//!
//! ```toml
//! [[user]]
//! id = "1f0c54ab-5a39-4a4e-8b26-5b7f2f0d9a11"
//! name = "alice"
//! password = "$argon2id$…"
//! groups = ["VPN Users"]
//! ```

mod hash;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::base::report::{Complaint, Complaints, Place};
use crate::base::secret::Secret;
use crate::base::table::{Reader, Table, Written, parse};
use crate::base::turnstile::Turnstile;
use crate::directory::file::hash::{Hash, Scratch};
pub use crate::directory::file::hash::{HashFault, hash_password};
use crate::directory::group_name;
use crate::gateway::ports::{After, Directory, Verified};
use crate::login::identity::{Account, Attributes, Groups, LoginName, NameForm, Pseudonym, Standing};
use crate::login::step::PrimaryOutcome;
use crate::login::verdict::{Fault, FaultKind};

/// `[[user]]`
pub const USER: &[&str] =
    &["id", "name", "aliases", "password", "groups", "disabled", "number", "attributes"];

/// The users of a file, each with an id, names and a number that no other has.
#[derive(Clone)]
pub struct Users {
    list: Vec<User>,
    by_name: HashMap<Box<str>, usize>,
    by_handle: HashMap<Box<str>, usize>,
    nobody: Hash,
}

#[derive(Clone)]
struct User {
    id: [u8; 16],
    handle: Box<str>,
    name: Box<str>,
    hash: Hash,
    groups: Groups,
    disabled: bool,
    number: Option<Box<str>>,
    attributes: Attributes,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.list.len())
    }
}

impl Users {
    /// Reads the users from the tables of a file; what is wrong is added to `out`.
    #[must_use]
    pub fn read(table: &Table, out: &mut Complaints) -> Self {
        let mut root = Reader::new(table, "the users file", &["user"], out);
        let mut gathered = Gathered::default();
        for table in root.tables("user") {
            // Without the name: what is said here ends up in the log (F-007).
            let mut reader = Reader::new(table, "user", USER, root.out());
            gathered.add(&mut reader);
        }
        gathered.finish(out)
    }

    /// Reads the text of a file; for tests and tools. The complaints are about source number 0.
    #[must_use]
    pub fn parse(text: &str, out: &mut Complaints) -> Self {
        let table = parse(0, text, out);
        Self::read(&table, out)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// There are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many of them have no number of the site's own.
    #[must_use]
    pub fn without_number(&self) -> usize {
        self.list.iter().filter(|user| user.number.is_none()).count()
    }

    /// Whether somebody is in a group, which is named by its key.
    #[must_use]
    pub fn has_group(&self, key: &str) -> bool {
        self.list.iter().any(|user| user.groups.contains(key))
    }

    /// Whether somebody has an attribute, which is named in lower case.
    #[must_use]
    pub fn has_attribute(&self, name: &str) -> bool {
        self.list.iter().any(|user| user.attributes.contains_key(name))
    }

    fn named(&self, name: &LoginName) -> Option<&User> {
        // Nobody here has a distinguished name, whatever somebody is called.
        if matches!(name.form(), NameForm::Distinguished(_)) {
            return None;
        }
        self.by_name.get(name.prepared()).and_then(|at| self.list.get(*at))
    }

    fn behind(&self, account: &Account) -> Option<&User> {
        self.by_handle.get(&account.handle).and_then(|at| self.list.get(*at))
    }
}

/// What was read so far, and where it stands.
#[derive(Default)]
struct Gathered {
    list: Vec<User>,
    places: Vec<Place>,
    by_name: HashMap<Box<str>, usize>,
    by_handle: HashMap<Box<str>, usize>,
    seen: HashMap<(&'static str, Box<str>), Place>,
}

impl Gathered {
    fn add(&mut self, reader: &mut Reader<'_, '_>) {
        let id = self.id(reader);
        let name = reader.need_text("name", "the login name");
        let mut names = Vec::new();
        let aliases = reader.texts("aliases").unwrap_or_default();
        for text in name.iter().chain(&aliases) {
            names.extend(self.login_name(reader, text));
        }
        let hash = password(reader);
        let groups = reader.texts("groups").unwrap_or_default();
        let groups =
            groups.iter().map(|group| group_name(group.value)).filter(|key| !key.is_empty()).collect();
        let disabled = reader.flag("disabled", false);
        let number = self.number(reader);
        let attributes = attributes(reader);
        let (Some((id, handle)), Some(name), Some(hash)) = (id, name, hash) else { return };
        let at = self.list.len();
        self.by_name.extend(names.into_iter().map(|name| (name, at)));
        self.by_handle.insert(handle.clone(), at);
        self.places.push(reader.whole_table().place.clone());
        self.list.push(User {
            id,
            handle,
            name: name.value.into(),
            hash,
            groups,
            disabled,
            number,
            attributes,
        });
    }

    /// Whether `key` is new; if not, complains and points to the other.
    fn first(&mut self, reader: &mut Reader<'_, '_>, kind: &'static str, key: &str, place: &Place) -> bool {
        match self.seen.get(&(kind, Box::from(key))) {
            Some(other) => {
                let what = format!("{}: this {kind} is another user's already", reader.who());
                reader.out().error(Complaint::wrong(place, what).see(other).hint("every user has one alone"));
                false
            }
            None => {
                self.seen.insert((kind, key.into()), place.clone());
                true
            }
        }
    }

    fn id(&mut self, reader: &mut Reader<'_, '_>) -> Option<([u8; 16], Box<str>)> {
        const HINT: &str = "uuidgen makes one; it stays with the person whatever else changes";
        let text = reader.need_text("id", HINT)?;
        let Some(id) = uuid(text.value) else {
            reader.wrong(&text.place, "id is not a UUID", HINT);
            return None;
        };
        let handle: Box<str> = text.value.to_ascii_lowercase().into();
        self.first(reader, "id", &handle, &text.place).then_some((id, handle))
    }

    fn login_name(&mut self, reader: &mut Reader<'_, '_>, text: &Written<&str>) -> Option<Box<str>> {
        match LoginName::parse(text.value.as_bytes()) {
            Ok(name) => {
                self.first(reader, "name", name.prepared(), &text.place).then(|| name.prepared().into())
            }
            Err(bad) => {
                reader.wrong(&text.place, bad.to_string(), "nobody could log in by it");
                None
            }
        }
    }

    fn number(&mut self, reader: &mut Reader<'_, '_>) -> Option<Box<str>> {
        let text = reader.text("number")?;
        if Pseudonym::new(text.value).is_none() {
            let hint = "1 to 64 of the letters a-z and A-Z, digits, \"-\", \"_\" and \".\"";
            reader.wrong(&text.place, "number cannot be an anonymous id", hint);
        }
        self.first(reader, "number", text.value, &text.place).then(|| text.value.into())
    }

    fn finish(self, out: &mut Complaints) -> Users {
        let first = self.list.first().map(|user| &user.hash);
        let usual = first.map(Hash::cost);
        for (user, place) in self.list.iter().zip(&self.places) {
            if user.hash.is_weak() {
                let what = "user: the hash is cheap to try for whoever gets this file";
                out.warn(Complaint::wrong(place, what).hint("doorward hash-password makes a better one"));
            }
            if Some(user.hash.cost()) != usual {
                let what = "user: the hash costs more or less than that of the first user";
                let hint =
                    "the time of an answer then tells who exists; doorward hash-password makes equal ones";
                out.warn(Complaint::wrong(place, what).hint(hint));
            }
        }
        let nobody = Hash::of_nobody(first);
        Users { list: self.list, by_name: self.by_name, by_handle: self.by_handle, nobody }
    }
}

/// What reply rules can tell of the user, by names in lower case.
fn attributes(reader: &mut Reader<'_, '_>) -> Attributes {
    let Some(table) = reader.table("attributes") else { return Attributes::default() };
    let names: Vec<&str> = table.entries.keys().map(String::as_str).collect();
    let mut inner = Reader::new(table, "user: attributes", &names, reader.out());
    let mut all = BTreeMap::new();
    for name in names {
        let texts = inner.texts(name).unwrap_or_default();
        let values: Vec<Box<[u8]>> = texts.iter().map(|text| text.value.as_bytes().into()).collect();
        if all.insert(name.to_ascii_lowercase().into(), values).is_some()
            && let Some((place, _)) = table.entries.get(name)
        {
            inner.wrong(place, "this attribute stands twice, in other letter cases", "remove one of them");
        }
    }
    Arc::new(all)
}

fn password(reader: &mut Reader<'_, '_>) -> Option<Hash> {
    const HINT: &str = "doorward hash-password asks for the password and prints its hash";
    let text = reader.need_text("password", HINT)?;
    match Hash::read(text.value) {
        Ok(hash) => Some(hash),
        Err(bad) => {
            reader.wrong(&text.place, format!("password is not a hash we can use: {bad}"), HINT);
            None
        }
    }
}

/// The 16 bytes of a UUID in its usual form of 36 characters; not the one that is all zero.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let shape = [8, 4, 4, 4, 12];
    let fits = text.split('-').map(str::len).eq(shape);
    let digits: String = text.to_ascii_lowercase().split('-').collect();
    let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).ok().filter(|_| fits)?;
    <[u8; 16]>::try_from(bytes).ok().filter(|id| *id != [0; 16])
}

/// The directory that such a file is. A reload makes a new one.
#[derive(Debug)]
pub struct FileDirectory {
    name: Arc<str>,
    users: Arc<Users>,
    hashing: Arc<Semaphore>,
    turnstile: Arc<Turnstile>,
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
        Self { name, users, hashing, turnstile, memory: Arc::default() }
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
    async fn find(&self, name: &LoginName, _until: Instant) -> Result<Option<Account>, Fault> {
        Ok(self.users.named(name).map(|user| Account {
            directory: Arc::clone(&self.name),
            id: user.id.into(),
            display: user.name.clone(),
            handle: user.handle.clone(),
            groups: user.groups.clone(),
            standing: if user.disabled { Standing::Disabled } else { Standing::Active },
            number: user.number.clone(),
            aliases: Vec::new(),
            stamp: user.hash.stamp(),
            lockout: None,
            attributes: Arc::clone(&user.attributes),
        }))
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
        let hash = user.map_or(&self.users.nobody, |user| &user.hash).clone();
        let fits = self.fits(hash, password.clone(), until).await?;
        let outcome = match user {
            Some(user) if fits && user.disabled => PrimaryOutcome::Disabled,
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
