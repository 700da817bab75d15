//! When a subject may log in, and when and where from it did.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Result, Row, params};

use crate::base::clock::UnixTime;
use crate::gateway::ports::SubjectDigest;
use crate::login::identity::Pseudonym;
use crate::login::step::{History, KnownNetwork};
use crate::store::sqlite::known::{HalfDigest, Known};
use crate::store::sqlite::rows;

/// What is remembered of a subject, and its digest; `None` of an unknown one.
pub(super) fn history_of(db: &Connection, who: &Pseudonym) -> Result<Option<(HalfDigest, History)>> {
    // Two statements: joining the two tables takes twice as long.
    let found = db
        .prepare_cached(
            "SELECT created, valid_from, valid_until, last_day, digest_key, digest FROM subject WHERE pseudonym = ?1",
        )?
        .query_row([who.as_str()], history)
        .optional()?;
    let Some((digest, mut history)) = found else { return Ok(None) };
    history.networks = db
        .prepare_cached("SELECT digest_key, digest, day FROM known_network WHERE pseudonym = ?1")?
        .query_map([who.as_str()], network)?
        .collect::<Result<_>>()?;
    history.has_networks = !history.networks.is_empty();
    Ok(Some((digest, history)))
}

fn history(row: &Row<'_>) -> Result<(HalfDigest, History)> {
    let digest = HalfDigest::of(&SubjectDigest { key_id: row.get(4)?, digest: row.get(5)? });
    let history = History {
        first_seen: Some(UnixTime(row.get(0)?)),
        valid_from: row.get::<_, Option<i64>>(1)?.map(UnixTime),
        valid_until: row.get::<_, Option<i64>>(2)?.map(UnixTime),
        last_day: row.get(3)?,
        ..History::default()
    };
    Ok((digest, history))
}

/// So many subjects behind `after`, in the order of their ids, with nothing but their histories.
pub(super) fn histories_after(db: &Connection, after: &str, many: usize) -> Result<Vec<(Pseudonym, Known)>> {
    db.prepare_cached(
        "SELECT created, valid_from, valid_until, last_day, digest_key, digest, pseudonym FROM subject
         WHERE pseudonym > ?1 ORDER BY pseudonym LIMIT ?2",
    )?
    .query_map(params![after, i64::try_from(many).unwrap_or(i64::MAX)], |row| {
        let (digest, history) = history(row)?;
        let known = Known { digest, history, enrolments: Vec::new(), failures: Vec::new() };
        Ok((rows::pseudonym(row, 6)?, known))
    })?
    .collect()
}

/// Networks of subjects behind one and up to another, in the order of their ids.
pub(super) fn networks_between(db: &Connection) -> Result<CachedStatement<'_>> {
    db.prepare_cached(
        "SELECT digest_key, digest, day, pseudonym FROM known_network
         WHERE pseudonym > ?1 AND pseudonym <= ?2 ORDER BY pseudonym, digest, digest_key",
    )
}

pub(super) fn network(row: &Row<'_>) -> Result<KnownNetwork> {
    Ok(KnownNetwork { key_id: row.get(0)?, digest: row.get(1)?, day: row.get(2)? })
}

pub(super) fn set_validity(
    db: &Connection,
    who: &Pseudonym,
    from: Option<UnixTime>,
    until: Option<UnixTime>,
) -> Result<bool> {
    db.prepare_cached("UPDATE subject SET valid_from = ?2, valid_until = ?3 WHERE pseudonym = ?1")?
        .execute(params![who.as_str(), from.map(|at| at.0), until.map(|at| at.0)])
        .map(|rows| rows > 0)
}
