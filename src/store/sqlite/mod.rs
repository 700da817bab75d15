//! The embedded store: what logins do is decided in memory and written into a journal, and SQLite is the system of record.
//!
//! * **Hot**: marks that are used up, failures, days and networks of logins. They are decided in memory
//!   (`settle`), several at a time (`group`), by whoever comes first and without a thread in between (`hot`),
//!   and appended to a journal beside the file (`journal`). A thread brings that to the disk within a second, and at once
//!   what is not bound to time or was done by an administrator (`flush`).
//! * **Cold**: subjects, enrolments, validity, keys, sessions. They are transactions of SQLite in one thread, durable
//!   when they return (`writer`, `desk`; write-ahead log, `synchronous=FULL`); what comes at the same time shares
//!   one commit.
//! * **Folding**: the journal is written into the tables when nothing has come for two seconds, when it is long, and at the
//!   end (`fold`). Its records say how things are and not what to add, so to replay one twice is to replay it once.
//! * **Memory** holds the subjects that were asked for, and what is not in the tables yet (`ledger`, `shelf`).
//!
//! Other processes may open the same file: the command line does while the daemon runs. Who writes to the journal holds
//! its lock and reads first what others wrote; who reads sees by the length of the file that there is something new (`seen`).
//! Before somebody changes the tables of a subject he says so in the journal, and again when it is done: in between, and for
//! good if he ends there, nobody answers from memory about that subject. What any other program writes to the tables is
//! noticed by SQLite's log.
//!
//! What was written survives the end of the process at once, and a loss of power when it is on the disk. If the system was
//! started anew since and the journal was not closed, up to a second of it may be lost: then time-based codes of then
//! count as used for everybody (`floor`).

mod bytes;
mod changes;
mod deed;
mod desk;
mod fault;
mod file;
mod floor;
mod flush;
mod fold;
mod group;
mod history;
mod hot;
mod index;
mod job;
mod journal;
mod known;
mod ledger;
mod line;
mod migrate;
mod names;
mod open;
mod readers;
mod reading;
mod rows;
mod schema;
mod seen;
mod sessions;
mod settle;
mod shelf;
mod size;
mod warm;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use async_trait::async_trait;
use rusqlite::params;

use crate::base::clock::{Clock, SystemClock, UnixTime};
use crate::gateway::ports::{
    Adopted, Counted, Moment, NewEnrolment, NewSubject, Soon, Store, SubjectDigest, SubjectRow, Totals,
    WrongPassword,
};
use crate::login::factor::{EnrolmentId, FactorOutcome, Proof, Sealed, Try};
use crate::login::identity::Pseudonym;
use crate::login::step::Record;
use crate::login::throttle::Limits;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::deed::{Deed, Done};
use crate::store::sqlite::file::Role;
use crate::store::sqlite::flush::Thread;
use crate::store::sqlite::hot::Hot;
use crate::store::sqlite::open::Circumstances;
use crate::store::sqlite::readers::Readers;
use crate::store::sqlite::writer::{About, Place, Writer};

pub use crate::store::sqlite::schema::{Field, INVENTORY, Nature};
pub use crate::store::sqlite::size::Size;

/// The store in one file, with a journal beside it.
pub struct Sqlite {
    hot: Arc<Hot>,
    // Whatever asks the writer for something goes before it does.
    _flusher: Thread,
    writer: Writer,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // The last connection that closes folds SQLite's log, and that should be the writer's.
        self.hot.readers.close();
    }
}

impl Sqlite {
    /// Opens the store at `path`, and makes it, readable by its owner alone, if there is none. Brings an
    /// older schema up to date. Its folder must exist. Takes the same time however much it holds.
    ///
    /// # Errors
    ///
    /// A fault that says what is wrong with folder, file, schema or journal.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        Self::open_with(path, Size::default())
    }

    /// The same with other sizes.
    ///
    /// # Errors
    ///
    /// As [`Sqlite::open`].
    pub fn open_with(path: &Path, size: Size) -> Result<Self, Fault> {
        Self::open_in(path, size, Arc::new(SystemClock), floor::boot())
    }

    /// The same in a certain run of the system, as which `boot` is known.
    fn open_in(
        path: &Path,
        size: Size,
        clock: Arc<dyn Clock>,
        boot: Option<[u8; 16]>,
    ) -> Result<Self, Fault> {
        let path: Arc<Path> = file::prepare(path)?.into();
        let role = Role::Writer { max_pages: size.max_pages, patience: size.patience };
        let mut connection = file::connect(&path, role)?;
        migrate::migrate(&mut connection)?;
        let place = Place { path, role, generation: Arc::new(AtomicU64::new(0)) };
        let world = Circumstances { clock: &*clock, boot, memory: size.memory };
        let opened = open::open(&mut connection, &place, world)?;
        let readers = Readers::new(place.clone(), size.readers);
        let hot = Arc::new(Hot::new(opened, readers, &size, (clock, boot)));
        let writer = Writer::start(place, connection, hot.clone(), size.queue)?;
        let closed = || Fault::new(FaultKind::Internal, "the store was closed while it was opened");
        let flusher = Thread::start(hot.clone(), writer.orders().ok_or_else(closed)?)?;
        Ok(Self { hot, _flusher: flusher, writer })
    }
}

#[async_trait]
impl Store for Sqlite {
    fn is_behind(&self) -> bool {
        self.hot.is_behind()
    }

    fn pseudonym<'a>(&'a self, digest: &'a SubjectDigest) -> Soon<'a, Result<Option<Pseudonym>, Fault>> {
        self.pseudonym_since(digest, self.moment())
    }

    fn moment(&self) -> Moment {
        self.hot.seen.moment()
    }

    fn pseudonym_since<'a>(
        &'a self,
        digest: &'a SubjectDigest,
        since: Moment,
    ) -> Soon<'a, Result<Option<Pseudonym>, Fault>> {
        self.hot.pseudonym(digest, since)
    }

    async fn adopt(&self, subject: NewSubject) -> Result<Adopted, Fault> {
        self.writer.write("cannot remember a subject", move |db| rows::adopt(db, &subject)).await
    }

    fn recall<'a>(&'a self, who: &'a Pseudonym) -> Soon<'a, Result<Record, Fault>> {
        self.recall_since(who, self.moment())
    }

    fn recall_since<'a>(&'a self, who: &'a Pseudonym, since: Moment) -> Soon<'a, Result<Record, Fault>> {
        self.hot.recall(who, since)
    }

    async fn settle(
        &self,
        who: &Pseudonym,
        tries: &[Try],
        now: UnixTime,
        limits: &Limits,
        standing: Proof,
    ) -> Result<FactorOutcome, Fault> {
        let deed = Deed::Settle { tries: tries.to_vec(), now, limits: *limits, standing };
        match self.hot.submit(who, deed).await? {
            Done::Settled(outcome) => Ok(outcome),
            other => Err(mixed_up(other)),
        }
    }

    async fn count_wrong_password(
        &self,
        who: &Pseudonym,
        now: UnixTime,
        how: &WrongPassword,
    ) -> Result<(), Fault> {
        self.hot.submit(who, Deed::CountWrongPassword { now, how: *how }).await.map(drop)
    }

    async fn forget_failures(&self, who: &Pseudonym, what: Counted, release: bool) -> Result<bool, Fault> {
        match self.hot.submit(who, Deed::ForgetFailures { what, release }).await? {
            Done::Changed(changed) => Ok(changed),
            other => Err(mixed_up(other)),
        }
    }

    async fn enrol(&self, who: &Pseudonym, enrolment: NewEnrolment) -> Result<(), Fault> {
        let about = Some(About::Changes(who.clone()));
        let who = who.clone();
        self.writer
            .write_about(about, "cannot remember an enrolment", move |db| {
                rows::put_enrolment(db, &who, &enrolment)
            })
            .await
    }

    async fn revoke(&self, who: &Pseudonym, enrolment: EnrolmentId) -> Result<bool, Fault> {
        let about = Some(About::Changes(who.clone()));
        let who = who.clone();
        self.writer
            .write_about(about, "cannot forget an enrolment", move |db| {
                db.prepare_cached("DELETE FROM enrolment WHERE pseudonym = ?1 AND id = ?2")?
                    .execute(params![who.as_str(), enrolment.0])
                    .map(|rows| rows > 0)
            })
            .await
    }

    async fn forget(&self, who: &Pseudonym) -> Result<bool, Fault> {
        let about = Some(About::Forgets(who.clone()));
        let who = who.clone();
        self.writer
            .write_about(about, "cannot forget a subject", move |db| {
                db.prepare_cached("DELETE FROM subject WHERE pseudonym = ?1")?
                    .execute(params![who.as_str()])
                    .map(|rows| rows > 0)
            })
            .await
    }

    async fn set_validity(
        &self,
        who: &Pseudonym,
        from: Option<UnixTime>,
        until: Option<UnixTime>,
    ) -> Result<bool, Fault> {
        let about = Some(About::Changes(who.clone()));
        let who = who.clone();
        self.writer
            .write_about(about, "cannot set when a subject may log in", move |db| {
                history::set_validity(db, &who, from, until)
            })
            .await
    }

    async fn note_login(
        &self,
        who: &Pseudonym,
        day: i64,
        network: Option<SubjectDigest>,
        keep_days: u32,
    ) -> Result<(), Fault> {
        self.hot.submit(who, Deed::NoteLogin { day, network, keep_days }).await.map(drop)
    }

    async fn forget_networks_but(&self, who: &Pseudonym, key: u32) -> Result<u64, Fault> {
        match self.hot.submit(who, Deed::ForgetNetworksBut { key }).await? {
            Done::Removed(many) => Ok(many),
            other => Err(mixed_up(other)),
        }
    }

    async fn subjects(&self, after: Option<&Pseudonym>, limit: usize) -> Result<Vec<SubjectRow>, Fault> {
        self.hot.readers.read("cannot list subjects", |db| rows::subjects_after(db, after, limit))
    }

    async fn subject(&self, who: &Pseudonym) -> Result<Option<SubjectRow>, Fault> {
        self.hot.readers.read("cannot read a subject", |db| rows::subject_of(db, who))
    }

    async fn rekey_subject(
        &self,
        before: &SubjectRow,
        digest: SubjectDigest,
        identity: Sealed,
    ) -> Result<bool, Fault> {
        let before = before.clone();
        let about = Some(About::Changes(before.pseudonym.clone()));
        self.writer
            .write_about(about, "cannot re-seal a subject", move |db| {
                // OR IGNORE: the digest may belong to somebody by now; then it is not as it was.
                db.prepare_cached(
                    "UPDATE OR IGNORE subject
                     SET digest_key = ?2, digest = ?3, identity_key = ?4, identity = ?5
                     WHERE pseudonym = ?1 AND digest_key = ?6 AND digest = ?7
                         AND identity_key = ?8 AND identity = ?9",
                )?
                .execute(params![
                    before.pseudonym.as_str(),
                    digest.key_id,
                    digest.digest,
                    identity.key_id,
                    identity.bytes,
                    before.digest.key_id,
                    before.digest.digest,
                    before.identity.key_id,
                    before.identity.bytes,
                ])
                .map(|rows| rows > 0)
            })
            .await
    }

    async fn rekey_enrolment(&self, id: EnrolmentId, before: &Sealed, after: Sealed) -> Result<bool, Fault> {
        let before = before.clone();
        let doing = "cannot re-seal an enrolment";
        let Some(who) = self.hot.readers.read(doing, |db| rows::owner_of(db, id))? else { return Ok(false) };
        let about = Some(About::Changes(who));
        self.writer
            .write_about(about, doing, move |db| {
                db.prepare_cached(
                    "UPDATE enrolment SET seed_key = ?2, seed = ?3 WHERE id = ?1 AND seed_key = ?4 AND seed = ?5",
                )?
                .execute(params![id.0, after.key_id, after.bytes, before.key_id, before.bytes])
                .map(|rows| rows > 0)
            })
            .await
    }

    async fn signing_clients(&self) -> Result<Vec<Box<str>>, Fault> {
        self.hot.readers.read("cannot read the clients that sign", |db| {
            let mut all = db.prepare_cached("SELECT name FROM signing_client")?;
            let names = all.query_map([], |row| row.get::<_, String>(0).map(String::into_boxed_str))?;
            names.collect()
        })
    }

    async fn note_signing_client(&self, name: &str) -> Result<(), Fault> {
        let name = name.to_owned();
        self.writer
            .write("cannot remember that a client signs", move |db| {
                db.prepare_cached("INSERT OR IGNORE INTO signing_client (name) VALUES (?1)")?
                    .execute(params![name])
                    .map(drop)
            })
            .await
    }

    async fn totals(&self) -> Result<Totals, Fault> {
        self.hot.readers.read("cannot read the totals", |db| {
            db.prepare_cached(
                "SELECT (SELECT amount FROM tally WHERE what = 'subject'),
                        (SELECT amount FROM tally WHERE what = 'enrolment')",
            )?
            .query_row([], |row| {
                // The schema keeps both at 0 or more.
                let amount = |column| row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0));
                Ok(Totals { subjects: amount(0)?, enrolments: amount(1)? })
            })
        })
    }

    async fn probe(&self) -> Result<(), Fault> {
        self.writer
            .write("cannot write to the store", |db| {
                // Writes the header page although nothing in it changes. An empty transaction would not touch
                // the disk, and neither does an UPDATE that leaves a row as it is.
                db.pragma_update(None, "application_id", schema::APPLICATION_ID)
            })
            .await?;
        let Some(nobody) = Pseudonym::new("-") else { return Ok(()) };
        self.hot.submit(&nobody, Deed::Probe).await.map(drop)
    }
}

/// Somebody was told what came of another's deed.
fn mixed_up(done: Done) -> Fault {
    Fault::new(FaultKind::Internal, format!("the store answered {done:?} to something else"))
}

#[cfg(test)]
mod tests;
