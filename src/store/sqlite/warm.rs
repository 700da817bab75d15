//! Reads subjects into memory before somebody asks for them.
//!
//! To read one by itself takes eight steps down the trees of SQLite; to read many in their order takes none. It is
//! begun when the first ones were missed, and done in small portions by the thread that writes, in its pauses, as far as there
//! is room. What others change meanwhile counts as for any other subject that is read.
//!
//! Whoever has not been let in for a month, as the tables know, is left out: most of them will not come, and would take memory
//! for it. Whoever does come is read when he does.

use std::mem;

use rusqlite::{Connection, Result, Row, Statement, params};

use crate::login::identity::Pseudonym;
use crate::login::throttle::day_of;
use crate::store::sqlite::hot::Hot;
use crate::store::sqlite::known::Known;
use crate::store::sqlite::{history, rows};

/// Subjects that are looked at at once.
const PORTION: usize = 256;
/// Days since the last login after which somebody is not expected: most holidays are shorter.
const LONG_AGO: i64 = 31;
/// Subjects that are put into memory while it is locked once.
const HANDFUL: usize = 16;

/// How far they are read.
#[derive(Debug, Default)]
pub(super) struct Warm {
    /// Everybody up to this one is.
    last: String,
}

impl Warm {
    /// Reads some more; `false` when there is no more to read or no more room.
    pub(super) fn step(&mut self, db: &Connection, hot: &Hot) -> Result<bool> {
        let clock = {
            let ledger = hot.ledger();
            if ledger.is_nearly_full() {
                return Ok(false);
            }
            ledger.clock()
        };
        let since = day_of(hot.clock.now().unix).saturating_sub(LONG_AGO);
        db.prepare_cached("BEGIN")?.execute([])?;
        let read = self.read(db, since);
        db.prepare_cached("COMMIT")?.execute([])?;
        let Some(mut read) = read? else { return Ok(false) };
        for handful in read.chunks_mut(HANDFUL) {
            let mut ledger = hot.ledger();
            handful.iter_mut().for_each(|(who, known)| ledger.complete(who, known, clock));
        }
        Ok(true)
    }

    /// Those among the next ones who were let in on this day or later; `None` behind the last.
    fn read(&mut self, db: &Connection, since: i64) -> Result<Option<Vec<(Pseudonym, Known)>>> {
        let mut all = history::histories_after(db, &self.last, PORTION)?;
        let Some(end) = all.last().map(|(who, _)| who.as_str().to_owned()) else { return Ok(None) };
        let after = mem::replace(&mut self.last, end);
        all.retain(|(_, known)| known.history.last_day.is_some_and(|day| day >= since));
        if all.is_empty() {
            return Ok(Some(all));
        }
        let range = (&*after, &*self.last);
        each(&mut *rows::enrolments_between(db)?, range, &mut all, |known, row| {
            known.enrolments.push(rows::enrolment(row)?);
            Ok(())
        })?;
        each(&mut *rows::failures_between(db)?, range, &mut all, |known, row| {
            known.failures.push(rows::counted_failures(row)?);
            Ok(())
        })?;
        each(&mut *history::networks_between(db)?, range, &mut all, |known, row| {
            known.history.networks.push(history::network(row)?);
            known.history.has_networks = true;
            Ok(())
        })?;
        for (_, known) in &mut all {
            rows::in_order(&mut known.enrolments);
        }
        Ok(Some(all))
    }
}

/// Gives each row of a range to whom it belongs; the last column says who that is, and both are in their order.
fn each(
    statement: &mut Statement<'_>,
    (after, end): (&str, &str),
    all: &mut [(Pseudonym, Known)],
    mut take: impl FnMut(&mut Known, &Row<'_>) -> Result<()>,
) -> Result<()> {
    let column = statement.column_count().saturating_sub(1);
    let mut whose = all.iter_mut().peekable();
    let mut rows = statement.query(params![after, end])?;
    while let Some(row) = rows.next()? {
        let name = row.get_ref(column)?.as_str()?;
        while whose.next_if(|(who, _)| who.as_str() < name).is_some() {}
        if let Some((_, known)) = whose.peek_mut().filter(|(who, _)| who.as_str() == name) {
            take(known, row)?;
        }
    }
    Ok(())
}
