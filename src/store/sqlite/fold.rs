//! Brings what logins wrote into the tables, and leaves behind what is in them of the journal.
//!
//! The order is that of the whole store: SQLite's write lock first, the journal's second. Logins go on meanwhile: the
//! journal is locked only to see where it ends, and to cut it.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::login::verdict::Fault;
use crate::store::sqlite::fault::fault;
use crate::store::sqlite::hot::{Desk, Hot, lock};
use crate::store::sqlite::journal::held;
use crate::store::sqlite::journal::record::{Record, START};
use crate::store::sqlite::ledger::Unfolded;

const DOING: &str = "cannot fold what logins wrote into the tables";

/// Folds all there is. With `idle` the journal ends with a mark that nothing of it can be lost.
pub(super) fn fold(connection: &mut Connection, hot: &Hot, idle: bool) -> Result<(), Fault> {
    let anew = hot.flusher.take_anew();
    let done = try_fold(connection, hot, idle, anew);
    hot.drain();
    done
}

fn try_fold(connection: &mut Connection, hot: &Hot, idle: bool, anew: bool) -> Result<(), Fault> {
    let broken = |why: &rusqlite::Error| fault(DOING, why);
    let tx =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|why| broken(&why))?;
    lock(&hot.ledger).begin_tables();
    // Whoever else folds has to wait for the transaction: what is taken here is the newest there is.
    let held = match hot.hold() {
        Ok(held) => Some(held),
        // One that somebody else holds is in use.
        Err(fault) if anew && fault != held() => None,
        Err(fault) => return Err(fault),
    };
    let is_broken = held.is_none();
    let is_folded = lock(&hot.ledger).is_folded();
    let (generation, end) = match &held {
        Some(held) if is_folded && (held.journal.is_clean() || (!idle && held.journal.end() == START)) => {
            return Ok(());
        }
        Some(held) => (held.journal.header().generation, held.journal.end()),
        None => (hot.desk().journal.header().generation.saturating_add(1), START),
    };
    let unfolded = lock(&hot.ledger).begin_fold();
    drop(held);
    hot.drain();
    let written = write(&tx, &unfolded, generation, end).and_then(|()| tx.commit());
    drop(unfolded);
    lock(&hot.ledger).end_fold(written.is_ok());
    written.map_err(|why| broken(&why))?;
    if is_broken { make_anew(hot, &mut hot.desk()) } else { cut(hot, generation, end, idle) }
}

/// Writes everything, and up to where.
fn write(tx: &Transaction<'_>, unfolded: &Unfolded, generation: u64, end: u64) -> rusqlite::Result<()> {
    // Neighbours share pages.
    let mut all: Vec<_> = unfolded.iter().collect();
    all.sort_unstable_by_key(|(who, _)| who.as_str());
    let newest = all.iter().filter_map(|(_, changes)| changes.newest()).max();
    for (who, changes) in all {
        changes.fold(tx, who)?;
    }
    let place = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    tx.prepare_cached("UPDATE journal SET generation = ?1, folded = ?2, newest = max(newest, ?3)")?
        .execute(params![place(generation), place(end), newest.map_or(0, |at| at.0)])
        .map(drop)
}

/// Leaves behind what is folded, unless somebody else has.
fn cut(hot: &Hot, generation: u64, end: u64, idle: bool) -> Result<(), Fault> {
    let mut held = hot.hold()?;
    if held.journal.header().generation != generation {
        return Ok(());
    }
    let cold = lock(&hot.ledger).cold();
    let boot = hot.boot.unwrap_or_default();
    if idle && cold.is_empty() && held.journal.end() == end {
        held.journal.replace(boot, &[Record::Clean])?;
    } else {
        held.journal.cut(end, boot, cold)?;
    }
    let (file, end) = (held.journal.file().clone(), held.journal.end());
    lock(&hot.ledger).set_journal(file, end);
    Ok(())
}

/// A journal in place of one that is gone or damaged. All that was in it is in the tables now.
fn make_anew(hot: &Hot, desk: &mut Desk) -> Result<(), Fault> {
    let (newer, cold) = {
        let mut ledger = lock(&hot.ledger);
        desk.journal.take_left().iter().for_each(|record| ledger.take(record));
        (ledger.newer_records(), ledger.cold())
    };
    let records: Vec<Record> = cold.into_iter().chain(newer).collect();
    desk.journal.replace(hot.boot.unwrap_or_default(), &records)?;
    desk.journal.unlock();
    lock(&hot.ledger).set_journal(desk.journal.file().clone(), desk.journal.end());
    Ok(())
}
