//! When a subject may log in, and when and where from it did.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::base::clock::UnixTime;
use crate::gateway::ports::{MOST_NETWORKS, SubjectDigest};
use crate::login::identity::Pseudonym;
use crate::login::step::{History, KnownNetwork};
use crate::store::sqlite::rows;

/// What is remembered of a subject; nothing for an unknown one.
pub(super) fn history_of(db: &Connection, who: &Pseudonym) -> Result<History> {
    // Two statements: joining the two tables takes twice as long.
    let found = db
        .prepare_cached(
            "SELECT created, valid_from, valid_until, last_day FROM subject WHERE pseudonym = ?1",
        )?
        .query_row([who.as_str()], history)
        .optional()?;
    let Some(mut history) = found else { return Ok(History::default()) };
    history.networks = db
        .prepare_cached("SELECT digest_key, digest, day FROM known_network WHERE pseudonym = ?1")?
        .query_map([who.as_str()], network)?
        .collect::<Result<_>>()?;
    history.has_networks = !history.networks.is_empty();
    Ok(history)
}

fn history(row: &Row<'_>) -> Result<History> {
    Ok(History {
        first_seen: Some(UnixTime(row.get(0)?)),
        valid_from: row.get::<_, Option<i64>>(1)?.map(UnixTime),
        valid_until: row.get::<_, Option<i64>>(2)?.map(UnixTime),
        last_day: row.get(3)?,
        ..History::default()
    })
}

fn network(row: &Row<'_>) -> Result<KnownNetwork> {
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

/// As [`crate::gateway::ports::Store::note_login`] says; `false` when nobody has this id.
pub(super) fn note_login(
    db: &Connection,
    who: &Pseudonym,
    day: i64,
    network: Option<SubjectDigest>,
    keep_days: u32,
) -> Result<bool> {
    let last: Option<Option<i64>> = db
        .prepare_cached("SELECT last_day FROM subject WHERE pseudonym = ?1")?
        .query_row([who.as_str()], |row| row.get(0))
        .optional()?;
    let Some(last) = last else { return Ok(false) };
    if last.is_none_or(|last| last < day) {
        db.prepare_cached("UPDATE subject SET last_day = ?2 WHERE pseudonym = ?1")?
            .execute(params![who.as_str(), day])?;
    }
    // What an older key made would outlive its rotation (F-018).
    let newest = rows::newest_key(db)?;
    if let Some(network) = network.filter(|network| network.key_id >= newest && keep_days > 0) {
        db.prepare_cached(
            "INSERT INTO known_network (pseudonym, digest_key, digest, day) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET day = excluded.day",
        )?
        .execute(params![who.as_str(), network.key_id, network.digest, day])?;
    }
    prune(db, who, day, keep_days)?;
    Ok(true)
}

/// Networks that were not seen for long go, and those beyond the most there may be. A day that lies ahead comes from a
/// clock that was wrong: it would stay for as long as the clock was ahead.
fn prune(db: &Connection, who: &Pseudonym, day: i64, keep_days: u32) -> Result<()> {
    let oldest = day.saturating_sub(i64::from(keep_days));
    db.prepare_cached("DELETE FROM known_network WHERE pseudonym = ?1 AND (?4 = 0 OR day < ?2 OR day > ?3)")?
        .execute(params![who.as_str(), oldest, day.saturating_add(1), keep_days])?;
    db.prepare_cached(
        "DELETE FROM known_network WHERE pseudonym = ?1 AND (digest_key, digest) IN (
             SELECT digest_key, digest FROM known_network WHERE pseudonym = ?1
             ORDER BY day DESC, digest_key DESC, digest LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![who.as_str(), MOST_NETWORKS])?;
    Ok(())
}

pub(super) fn forget_networks_but(db: &Connection, who: &Pseudonym, key: u32) -> Result<u64> {
    db.prepare_cached("DELETE FROM known_network WHERE pseudonym = ?1 AND digest_key <> ?2")?
        .execute(params![who.as_str(), key])
        .map(|rows| u64::try_from(rows).unwrap_or(u64::MAX))
}
