//! The embedded store: one SQLite file, one writer with group commit, a few readers.
//!
//! A write is durable when it returns (write-ahead log, `synchronous=FULL`); what comes at the same time
//! shares one commit. Other processes may open the same file: the command line does while the daemon runs.

mod fault;
mod file;
mod history;
mod migrate;
mod readers;
mod rows;
mod schema;
mod sessions;
mod settle;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::params;

use crate::base::clock::UnixTime;
use crate::gateway::ports::{
    Adopted, Counted, NewEnrolment, NewSubject, Store, SubjectDigest, SubjectRow, Totals, WrongPassword,
};
use crate::login::factor::{EnrolmentId, FactorOutcome, Proof, Sealed, Try};
use crate::login::identity::Pseudonym;
use crate::login::step::Record;
use crate::login::throttle::{Limits, after_success};
use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::file::Role;
use crate::store::sqlite::readers::Readers;
use crate::store::sqlite::writer::{Place, Writer};

pub use crate::store::sqlite::schema::{Field, INVENTORY, Nature};

/// The store in one file.
#[derive(Debug)]
pub struct Sqlite {
    // Readers go first: the last connection that closes folds the log, and that should be the writer's.
    readers: Readers,
    writer: Writer,
}

/// How much a [`Sqlite`] takes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Writes that may wait for the disk; further ones are refused.
    pub queue: usize,
    /// Connections that read.
    pub readers: usize,
    /// Most pages of 4 KiB that the file may have; `None` for as many as the disk takes.
    pub max_pages: Option<u32>,
    /// How long a write waits while another process writes.
    pub patience: Duration,
}

impl Default for Size {
    fn default() -> Self {
        Self { queue: 8192, readers: 2, max_pages: None, patience: Duration::from_secs(3) }
    }
}

impl Sqlite {
    /// Opens the store at `path`, and makes it, readable by its owner alone, if there is none. Brings an
    /// older schema up to date. Its folder must exist. Takes the same time however much it holds.
    ///
    /// # Errors
    ///
    /// A fault that says what is wrong with folder, file or schema.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        Self::open_with(path, Size::default())
    }

    /// The same with other sizes.
    ///
    /// # Errors
    ///
    /// As [`Sqlite::open`].
    pub fn open_with(path: &Path, size: Size) -> Result<Self, Fault> {
        let path: Arc<Path> = file::prepare(path)?.into();
        let role = Role::Writer { max_pages: size.max_pages, patience: size.patience };
        let mut connection = file::connect(&path, role)?;
        migrate::migrate(&mut connection)?;
        let place = Place { path, role, generation: Arc::new(AtomicU64::new(0)) };
        let readers = Readers::new(place.clone(), size.readers);
        Ok(Self { readers, writer: Writer::start(place, connection, size.queue)? })
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn pseudonym(&self, digest: &SubjectDigest) -> Result<Option<Pseudonym>, Fault> {
        self.readers.read("cannot look a subject up", |db| rows::pseudonym_of(db, digest))
    }

    async fn adopt(&self, subject: NewSubject) -> Result<Adopted, Fault> {
        self.writer
            .write("cannot remember a subject", move |db| {
                if let Some(known) = rows::pseudonym_of(db, &subject.digest)? {
                    return Ok(Adopted::Known(known));
                }
                let newest = rows::newest_key(db)?;
                if newest > subject.digest.key_id {
                    return Ok(Adopted::Outdated(newest));
                }
                let added = db
                    .prepare_cached(
                        "INSERT INTO subject (pseudonym, digest_key, digest, identity_key, identity, created)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (pseudonym) DO NOTHING",
                    )?
                    .execute(params![
                        subject.pseudonym.as_str(),
                        subject.digest.key_id,
                        subject.digest.digest,
                        subject.identity.key_id,
                        subject.identity.bytes,
                        subject.created.0,
                    ])?;
                Ok(if added == 1 { Adopted::New } else { Adopted::Taken })
            })
            .await
    }

    async fn recall(&self, who: &Pseudonym) -> Result<Record, Fault> {
        self.readers.read("cannot read what is known about a subject", |db| {
            let tx = db.unchecked_transaction()?;
            let mut record = Record {
                enrolments: rows::enrolments_of(&tx, who)?,
                history: history::history_of(&tx, who)?,
                ..Record::default()
            };
            for (what, failures) in rows::failures_of(&tx, who)? {
                match what {
                    Counted::Password => record.password = Some(failures),
                    Counted::FamiliarPassword => record.familiar_password = Some(failures),
                    Counted::Directory => record.directory = Some(failures),
                    Counted::Unproven => record.unproven = Some(failures),
                    Counted::Factor(kind) => record.codes.push((kind, failures)),
                }
            }
            Ok(record)
        })
    }

    async fn settle(
        &self,
        who: &Pseudonym,
        tries: &[Try],
        now: UnixTime,
        limits: &Limits,
        standing: Proof,
    ) -> Result<FactorOutcome, Fault> {
        let (who, tries, limits) = (who.clone(), tries.to_vec(), *limits);
        self.writer
            .write("cannot settle a code", move |db| settle::settle(db, &who, &tries, now, &limits, standing))
            .await
    }

    async fn count_wrong_password(
        &self,
        who: &Pseudonym,
        now: UnixTime,
        how: &WrongPassword,
    ) -> Result<(), Fault> {
        let (who, how) = (who.clone(), *how);
        self.writer
            .write("cannot count a wrong password", move |db| {
                settle::count_wrong_password(db, &who, now, &how)
            })
            .await
    }

    async fn forget_failures(&self, who: &Pseudonym, what: Counted, release: bool) -> Result<bool, Fault> {
        let who = who.clone();
        self.writer
            .write("cannot forget failures", move |db| {
                let Some(before) = rows::failures_in(db, &who, what)? else { return Ok(false) };
                if release {
                    rows::drop_failures(db, &who, what)?;
                    return Ok(true);
                }
                let after = after_success(&before);
                if after == before {
                    return Ok(false);
                }
                rows::put_failures(db, &who, what, &after)?;
                Ok(true)
            })
            .await
    }

    async fn enrol(&self, who: &Pseudonym, enrolment: NewEnrolment) -> Result<(), Fault> {
        let who = who.clone();
        self.writer
            .write("cannot remember an enrolment", move |db| rows::put_enrolment(db, &who, &enrolment))
            .await
    }

    async fn revoke(&self, who: &Pseudonym, enrolment: EnrolmentId) -> Result<bool, Fault> {
        let who = who.clone();
        self.writer
            .write("cannot forget an enrolment", move |db| {
                db.prepare_cached("DELETE FROM enrolment WHERE pseudonym = ?1 AND id = ?2")?
                    .execute(params![who.as_str(), enrolment.0])
                    .map(|rows| rows > 0)
            })
            .await
    }

    async fn forget(&self, who: &Pseudonym) -> Result<bool, Fault> {
        let who = who.clone();
        self.writer
            .write("cannot forget a subject", move |db| {
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
        let who = who.clone();
        self.writer
            .write("cannot set when a subject may log in", move |db| {
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
        let who = who.clone();
        let doing = "cannot note a login";
        let known = self
            .writer
            .write(doing, move |db| history::note_login(db, &who, day, network, keep_days))
            .await?;
        let unknown = || Fault::new(FaultKind::Internal, format!("{doing}: the subject is unknown"));
        if known { Ok(()) } else { Err(unknown()) }
    }

    async fn forget_networks_but(&self, who: &Pseudonym, key: u32) -> Result<u64, Fault> {
        let who = who.clone();
        self.writer
            .write("cannot forget networks", move |db| history::forget_networks_but(db, &who, key))
            .await
    }

    async fn subjects(&self, after: Option<&Pseudonym>, limit: usize) -> Result<Vec<SubjectRow>, Fault> {
        self.readers.read("cannot list subjects", |db| rows::subjects_after(db, after, limit))
    }

    async fn subject(&self, who: &Pseudonym) -> Result<Option<SubjectRow>, Fault> {
        self.readers.read("cannot read a subject", |db| rows::subject_of(db, who))
    }

    async fn rekey_subject(
        &self,
        before: &SubjectRow,
        digest: SubjectDigest,
        identity: Sealed,
    ) -> Result<bool, Fault> {
        let before = before.clone();
        self.writer
            .write("cannot re-seal a subject", move |db| {
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
        self.writer
            .write("cannot re-seal an enrolment", move |db| {
                db.prepare_cached(
                    "UPDATE enrolment SET seed_key = ?2, seed = ?3 WHERE id = ?1 AND seed_key = ?4 AND seed = ?5",
                )?
                .execute(params![id.0, after.key_id, after.bytes, before.key_id, before.bytes])
                .map(|rows| rows > 0)
            })
            .await
    }

    async fn signing_clients(&self) -> Result<Vec<Box<str>>, Fault> {
        self.readers.read("cannot read the clients that sign", |db| {
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
        self.readers.read("cannot read the totals", |db| {
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
            .await
    }
}

#[cfg(test)]
mod tests;
