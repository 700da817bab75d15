//! Rows to values and back. Every statement is written once, here, and kept prepared by its connection.

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{CachedStatement, Connection, Error, OptionalExtension, Result, Row, params};

use crate::base::clock::UnixTime;
use crate::gateway::ports::{Adopted, Counted, NewEnrolment, NewSubject, SubjectDigest, SubjectRow};
use crate::login::factor::{Enrolment, EnrolmentId, FactorKind, OtpAlgorithm, Parameters, Progress, Sealed};
use crate::login::identity::Pseudonym;
use crate::login::step::KnownNetwork;
use crate::login::throttle::Failures;

macro_rules! enrolment_columns {
    () => {
        "id, kind, algorithm, digits, period, seed_key, seed, last, drift, used, last_used, created"
    };
}

macro_rules! subject_columns {
    () => {
        "pseudonym, digest_key, digest, identity_key, identity, created"
    };
}

pub(super) fn pseudonym_of(db: &Connection, digest: &SubjectDigest) -> Result<Option<Pseudonym>> {
    db.prepare_cached("SELECT pseudonym FROM subject WHERE digest = ?1 AND digest_key = ?2")?
        .query_row(params![digest.digest, digest.key_id], |row| pseudonym(row, 0))
        .optional()
}

/// As [`crate::gateway::ports::Store::adopt`] says.
pub(super) fn adopt(db: &Connection, subject: &NewSubject) -> Result<Adopted> {
    if let Some(known) = pseudonym_of(db, &subject.digest)? {
        return Ok(Adopted::Known(known));
    }
    let newest = newest_key(db)?;
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
}

/// The newest key that a digest was ever made with.
pub(super) fn newest_key(db: &Connection) -> Result<u32> {
    db.prepare_cached("SELECT number FROM newest_key")?.query_row([], |row| row.get(0))
}

pub(super) fn subject_of(db: &Connection, who: &Pseudonym) -> Result<Option<SubjectRow>> {
    db.prepare_cached(concat!("SELECT ", subject_columns!(), " FROM subject WHERE pseudonym = ?1"))?
        .query_row([who.as_str()], subject)
        .optional()
}

pub(super) fn subjects_after(
    db: &Connection,
    after: Option<&Pseudonym>,
    limit: usize,
) -> Result<Vec<SubjectRow>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // No pseudonym is empty, so all of them stand behind the empty text.
    db.prepare_cached(concat!(
        "SELECT ",
        subject_columns!(),
        " FROM subject WHERE pseudonym > ?1 ORDER BY pseudonym LIMIT ?2"
    ))?
    .query_map(params![after.map_or("", Pseudonym::as_str), limit], subject)?
    .collect()
}

pub(super) fn enrolments_of(db: &Connection, who: &Pseudonym) -> Result<Vec<Enrolment>> {
    let mut all: Vec<Enrolment> = db
        .prepare_cached(concat!("SELECT ", enrolment_columns!(), " FROM enrolment WHERE pseudonym = ?1"))?
        .query_map([who.as_str()], enrolment)?
        .collect::<Result<_>>()?;
    in_order(&mut all);
    Ok(all)
}

/// Puts somebody's enrolments in the order in which they were made. Setting up a sorter in the database takes longer than
/// all the rest of reading them.
pub(super) fn in_order(all: &mut [Enrolment]) {
    all.sort_unstable_by_key(|enrolment| (enrolment.created, enrolment.id.0));
}

/// Enrolments of subjects behind one and up to another, in the order of their ids.
pub(super) fn enrolments_between(db: &Connection) -> Result<CachedStatement<'_>> {
    db.prepare_cached(concat!(
        "SELECT ",
        enrolment_columns!(),
        ", pseudonym FROM enrolment WHERE pseudonym > ?1 AND pseudonym <= ?2 ORDER BY pseudonym"
    ))
}

/// Whose an enrolment is.
pub(super) fn owner_of(db: &Connection, id: EnrolmentId) -> Result<Option<Pseudonym>> {
    db.prepare_cached("SELECT pseudonym FROM enrolment WHERE id = ?1")?
        .query_row([id.0], |row| pseudonym(row, 0))
        .optional()
}

/// Writes progress. It never goes back, whatever is written in whatever order (C-001).
pub(super) fn put_progress(
    db: &Connection,
    who: &Pseudonym,
    id: EnrolmentId,
    progress: &Progress,
) -> Result<()> {
    db.prepare_cached(
        "UPDATE enrolment SET last = max(last, ?3), drift = ?4, used = used | ?5,
             last_used = coalesce(max(coalesce(last_used, ?6), ?6), last_used)
         WHERE pseudonym = ?1 AND id = ?2",
    )?
    .execute(params![
        who.as_str(),
        id.0,
        progress.last,
        progress.drift,
        progress.used,
        progress.last_used.map(|at| at.0),
    ])
    .map(drop)
}

/// Writes the networks that are remembered of somebody, in place of those that were.
pub(super) fn put_networks(db: &Connection, who: &Pseudonym, networks: &[KnownNetwork]) -> Result<()> {
    db.prepare_cached("DELETE FROM known_network WHERE pseudonym = ?1")?.execute([who.as_str()])?;
    let mut insert = db.prepare_cached(
        "INSERT INTO known_network (pseudonym, digest_key, digest, day)
         SELECT pseudonym, ?2, ?3, ?4 FROM subject WHERE pseudonym = ?1",
    )?;
    for network in networks {
        insert.execute(params![who.as_str(), network.key_id, network.digest, network.day])?;
    }
    Ok(())
}

pub(super) fn put_enrolment(db: &Connection, who: &Pseudonym, new: &NewEnrolment) -> Result<()> {
    let (algorithm, digits, period) = match new.parameters {
        Parameters::Totp { algorithm, digits, period } => {
            (Some(algorithm_word(algorithm)), Some(digits), Some(period))
        }
        Parameters::Hotp { digits } => (None, Some(digits), None),
        Parameters::Recovery => (None, None, None),
    };
    let kind = new.parameters.kind().word();
    if new.replaces {
        db.prepare_cached("DELETE FROM enrolment WHERE pseudonym = ?1 AND kind = ?2")?
            .execute(params![who.as_str(), kind])?;
    }
    db.prepare_cached(concat!(
        "INSERT INTO enrolment (pseudonym, ",
        enrolment_columns!(),
        ")
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    ))?
    .execute(params![
        who.as_str(),
        new.id.0,
        kind,
        algorithm,
        digits,
        period,
        new.sealed.key_id,
        new.sealed.bytes,
        new.progress.last,
        new.progress.drift,
        new.progress.used,
        new.progress.last_used.map(|at| at.0),
        new.created.0,
    ])?;
    Ok(())
}

pub(super) fn failures_of(db: &Connection, who: &Pseudonym) -> Result<Vec<(Counted, Failures)>> {
    db.prepare_cached(
        "SELECT what, streak, wait_until, day, today, locked, last FROM failure WHERE pseudonym = ?1",
    )?
    .query_map([who.as_str()], counted_failures)?
    .collect()
}

/// Failures of subjects behind one and up to another, in the order of their ids.
pub(super) fn failures_between(db: &Connection) -> Result<CachedStatement<'_>> {
    db.prepare_cached(
        "SELECT what, streak, wait_until, day, today, locked, last, pseudonym FROM failure
         WHERE pseudonym > ?1 AND pseudonym <= ?2 ORDER BY pseudonym",
    )
}

pub(super) fn counted_failures(row: &Row<'_>) -> Result<(Counted, Failures)> {
    let what = row.get_ref(0)?.as_str().map_err(|why| odd(0, why))?;
    Ok((Counted::from_word(what).ok_or_else(|| unknown(0))?, failures(row)?))
}

/// Writes a row of failures; of nobody, when nobody has this id any more.
pub(super) fn put_failures(db: &Connection, who: &Pseudonym, what: Counted, f: &Failures) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO failure (pseudonym, what, streak, wait_until, day, today, locked, last)
         SELECT pseudonym, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM subject WHERE pseudonym = ?1
         ON CONFLICT (pseudonym, what) DO UPDATE SET streak = excluded.streak,
             wait_until = excluded.wait_until, day = excluded.day, today = excluded.today,
             locked = excluded.locked, last = excluded.last",
    )?
    .execute(params![
        who.as_str(),
        what.word(),
        f.row,
        f.wait_until.0,
        f.day,
        f.today,
        f.locked,
        f.last.0,
    ])?;
    Ok(())
}

pub(super) fn drop_failures(db: &Connection, who: &Pseudonym, what: Counted) -> Result<()> {
    db.prepare_cached("DELETE FROM failure WHERE pseudonym = ?1 AND what = ?2")?
        .execute(params![who.as_str(), what.word()])?;
    Ok(())
}

fn subject(row: &Row<'_>) -> Result<SubjectRow> {
    Ok(SubjectRow {
        pseudonym: pseudonym(row, 0)?,
        digest: SubjectDigest { key_id: row.get(1)?, digest: row.get(2)? },
        identity: Sealed { key_id: row.get(3)?, bytes: row.get::<_, Vec<u8>>(4)?.into() },
        created: UnixTime(row.get(5)?),
    })
}

pub(super) fn enrolment(row: &Row<'_>) -> Result<Enrolment> {
    let text = |column: usize| row.get_ref(column)?.as_str_or_null().map_err(|why| odd(column, why));
    let kind = text(1)?.and_then(FactorKind::from_word).ok_or_else(|| unknown(1))?;
    let parameters = match kind {
        FactorKind::Totp => Parameters::Totp {
            algorithm: text(2)?.and_then(algorithm).ok_or_else(|| unknown(2))?,
            digits: row.get(3)?,
            period: row.get(4)?,
        },
        FactorKind::Hotp => Parameters::Hotp { digits: row.get(3)? },
        FactorKind::Recovery => Parameters::Recovery,
    };
    Ok(Enrolment {
        id: EnrolmentId(row.get(0)?),
        parameters,
        sealed: Sealed { key_id: row.get(5)?, bytes: row.get::<_, Vec<u8>>(6)?.into() },
        progress: Progress {
            last: row.get(7)?,
            drift: row.get(8)?,
            used: row.get(9)?,
            last_used: row.get::<_, Option<i64>>(10)?.map(UnixTime),
        },
        created: UnixTime(row.get(11)?),
    })
}

fn failures(row: &Row<'_>) -> Result<Failures> {
    Ok(Failures {
        row: row.get(1)?,
        wait_until: UnixTime(row.get(2)?),
        day: row.get(3)?,
        today: row.get(4)?,
        locked: row.get(5)?,
        last: UnixTime(row.get(6)?),
    })
}

pub(super) fn pseudonym(row: &Row<'_>, column: usize) -> Result<Pseudonym> {
    let text = row.get_ref(column)?.as_str().map_err(|why| odd(column, why))?;
    Pseudonym::new(text).ok_or_else(|| unknown(column))
}

const fn algorithm_word(algorithm: OtpAlgorithm) -> &'static str {
    match algorithm {
        OtpAlgorithm::Sha1 => "sha1",
        OtpAlgorithm::Sha256 => "sha256",
        OtpAlgorithm::Sha512 => "sha512",
    }
}

fn algorithm(word: &str) -> Option<OtpAlgorithm> {
    [OtpAlgorithm::Sha1, OtpAlgorithm::Sha256, OtpAlgorithm::Sha512]
        .into_iter()
        .find(|algorithm| algorithm_word(*algorithm) == word)
}

/// A word that this version does not know; which one stays out of the error.
fn unknown(column: usize) -> Error {
    odd(column, FromSqlError::InvalidType)
}

fn odd(column: usize, why: FromSqlError) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, Box::new(why))
}
