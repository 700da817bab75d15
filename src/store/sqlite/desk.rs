//! The writer's own side: batches of writes, the tables as they are left, and the file that lies at our path.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::fault::{fault, spoils_connection};
use crate::store::sqlite::file::{Inode, Role, connect, inode};
use crate::store::sqlite::fold::fold;
use crate::store::sqlite::hot::{Held, Hot, lock};
use crate::store::sqlite::journal::record::Record;
use crate::store::sqlite::ledger::Log;
use crate::store::sqlite::migrate::migrate;
use crate::store::sqlite::open::{Circumstances, open};
use crate::store::sqlite::writer::{About, Job, Order, Place};

/// Jobs in one commit. More would let the first wait long for the last.
const BATCH: usize = 256;
/// How long nothing must come before SQLite's log is folded into the file.
const IDLE: Duration = Duration::from_secs(2);
/// How long folding the log may wait for readers, and a look at it for writers.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(50);

/// What the thread works with.
pub(super) struct Desk {
    pub(super) place: Place,
    pub(super) connection: Option<Connection>,
    pub(super) inode: Option<Inode>,
    pub(super) hot: Arc<Hot>,
    /// What SQLite said last about whether others write.
    pub(super) version: Option<i64>,
    /// The log holds what is not in the file yet.
    pub(super) dirty: bool,
}

impl Desk {
    pub(super) fn serve(mut self, waiting: &Receiver<Order>) {
        while let Some(first) = self.next(waiting) {
            let mut batch = Vec::new();
            let mut other = None;
            for order in std::iter::once(first).chain(waiting.try_iter().take(BATCH.saturating_sub(1))) {
                match order {
                    Order::Job(job) => batch.push(job),
                    folds @ Order::Fold { .. } => other = Some(folds),
                    Order::Look => other = other.or(Some(Order::Look)),
                }
            }
            if !batch.is_empty() {
                self.commit(batch);
            }
            match other {
                Some(Order::Fold { idle }) => self.fold_journal(idle),
                Some(Order::Look) => self.look(),
                Some(Order::Job(_)) | None => {}
            }
        }
        if self.hot.desk().journal.has_written() {
            self.fold_journal(true);
        }
    }

    fn next(&mut self, waiting: &Receiver<Order>) -> Option<Order> {
        if self.dirty {
            match waiting.recv_timeout(IDLE) {
                Ok(order) => return Some(order),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.fold_log(),
            }
        }
        waiting.recv().ok()
    }

    /// Runs the batch and answers each of its callers.
    pub(super) fn commit(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let hot = self.hot.clone();
        let ends = match self.ready() {
            Ok(connection) => run_batch(connection, &hot, &mut batch),
            Err(fault) => Err(Broken::Known(fault)),
        };
        hot.drain();
        self.dirty = true;
        let spoils = match &ends {
            Ok(ends) => ends.iter().flatten().any(spoils_connection),
            Err(Broken::Sqlite(why)) => spoils_connection(why),
            Err(Broken::Known(_)) => false,
        };
        if spoils {
            self.connection = None;
        }
        self.publish();
        let forgets = batch.iter().any(|job| matches!(job.about(), Some(About::Forgets(_))));
        match ends {
            Ok(ends) => {
                for (job, end) in batch.into_iter().zip(ends) {
                    let end = end.map_or(Ok(()), |why| Err(fault(job.doing(), &why)));
                    job.finish(end);
                }
            }
            Err(broken) => {
                for job in batch {
                    let end = match &broken {
                        Broken::Sqlite(why) => fault(job.doing(), why),
                        Broken::Known(fault) => fault.clone(),
                    };
                    job.finish(Err(end));
                }
            }
        }
        if forgets {
            // The journal must not know for longer than the tables who has been forgotten (F-012).
            self.fold_journal(false);
        }
    }

    /// The connection to the file that lies at our path now.
    fn ready(&mut self) -> Result<&mut Connection, Fault> {
        let current = inode(&self.place.path)?;
        let is_other = self.inode != Some(current);
        if is_other || self.connection.is_none() {
            self.connection = None;
            let mut fresh = connect(&self.place.path, self.place.role)?;
            migrate(&mut fresh)?;
            if is_other {
                let world = Circumstances { clock: &*self.hot.clock, boot: self.hot.boot };
                let opened = open(&mut fresh, &self.place, world)?;
                self.place.generation.fetch_add(1, Ordering::Release);
                self.hot.begin_anew(opened);
            }
            self.inode = Some(current);
            self.version = None;
            self.connection = Some(fresh);
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            None => Err(Fault::new(FaultKind::Internal, "the store has no connection")),
        }
    }

    pub(super) fn fold_journal(&mut self, idle: bool) {
        let hot = self.hot.clone();
        let folded = self.ready().and_then(|connection| fold(connection, &hot, idle));
        self.dirty = true;
        self.publish();
        if hot.flusher.note_fold(&folded)
            && let Err(fault) = folded
        {
            tracing::warn!(event = "store.unfolded", "{fault}");
        }
    }

    fn look(&mut self) {
        let hot = self.hot.clone();
        match self.ready() {
            Ok(_) => self.publish(),
            Err(_) => drop(lock(&hot.ledger).forget_tables()),
        }
    }

    /// Notes how we leave SQLite's log, so that memory knows when others have written. What they wrote before is noticed
    /// here, and what they write from now on by the log. Nobody writes meanwhile: a commit is in the log before it counts,
    /// and must not be taken for one that was seen.
    pub(super) fn publish(&mut self) {
        let path = log_of(&self.place);
        let seen = self.connection.as_mut().and_then(|db| seen(db, &path, self.place.patience()).ok());
        let (log, version) = seen.unzip();
        let foreign = version.is_none() || version != self.version;
        self.version = version;
        let forgotten = lock(&self.hot.ledger).end_tables(log.flatten(), foreign);
        drop(forgotten);
    }

    /// Folds the log into the file, so that it stays small and a copy of the file is nearly complete. When
    /// readers are in the way, the next pause will do.
    pub(super) fn fold_log(&mut self) {
        self.dirty = false;
        let Role::Writer { patience, .. } = self.place.role else { return };
        let Some(connection) = &self.connection else { return };
        lock(&self.hot.ledger).begin_tables();
        let folded = connection
            .busy_timeout(CHECKPOINT_PATIENCE)
            .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
            .and_then(|()| connection.busy_timeout(patience));
        if folded.is_err() {
            self.connection = None;
        }
        self.publish();
    }
}

/// SQLite's log, and what SQLite says about whether others write, while nobody does. Whoever is at it for long is not
/// waited for; there will be another look.
fn seen(db: &mut Connection, log: &Path, patience: Duration) -> rusqlite::Result<(Option<Log>, i64)> {
    db.busy_timeout(CHECKPOINT_PATIENCE)?;
    let seen = db.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|alone| {
        let log = Log::at(log);
        alone.pragma_query_value(None, "data_version", |row| row.get(0)).map(|version| (log, version))
    });
    db.busy_timeout(patience)?;
    seen
}

fn log_of(place: &Place) -> PathBuf {
    let mut name = place.path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Why a whole batch came to nothing.
enum Broken {
    Sqlite(rusqlite::Error),
    Known(Fault),
}

/// How each job ended; `None` is well, and durable.
fn run_batch(
    connection: &mut Connection,
    hot: &Hot,
    batch: &mut [Box<dyn Job>],
) -> Result<Vec<Option<rusqlite::Error>>, Broken> {
    let mut tx =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Broken::Sqlite)?;
    lock(&hot.ledger).begin_tables();
    let mut ends = Vec::with_capacity(batch.len());
    let mut whom = Vec::new();
    for job in batch {
        let end = run_one(&mut tx, &mut **job).err();
        if tx.is_autocommit() {
            // SQLite has rolled back everything; what ran before in this batch is gone with it.
            return Err(end.map_or_else(
                || Broken::Known(Fault::new(FaultKind::StoreUnavailable, "the store rolled a commit back")),
                Broken::Sqlite,
            ));
        }
        if end.is_none() {
            whom.extend(job.about().cloned());
        }
        ends.push(end);
    }
    let announced = announce(hot, &whom).map_err(Broken::Known)?;
    let committed = tx.commit();
    take_back(hot, announced, &whom, committed.is_ok());
    committed.map_err(Broken::Sqlite)?;
    Ok(ends)
}

/// Says whose tables change, before they do: whoever has them in memory, here and in other processes, reads them each
/// time until it is over. If we end in between they go on doing so.
///
/// When somebody is forgotten nobody writes to the journal until that is over, so that nothing of him comes after it.
fn announce<'a>(hot: &'a Hot, whom: &[About]) -> Result<Option<Held<'a>>, Fault> {
    if whom.is_empty() {
        return Ok(None);
    }
    let records: Vec<Record> = whom.iter().map(|about| Record::Cold(about.whom().clone())).collect();
    let mut held = hot.hold()?;
    hot.write(&mut held, &records)?;
    Ok(whom.iter().any(|about| matches!(about, About::Forgets(_))).then_some(held))
}

fn take_back(hot: &Hot, held: Option<Held<'_>>, whom: &[About], committed: bool) {
    if whom.is_empty() {
        return;
    }
    let mut records = Vec::new();
    for about in whom {
        if let (About::Forgets(who), true) = (about, committed) {
            records.push(Record::Forgotten(who.clone()));
        }
        records.push(Record::Warm(about.whom().clone()));
    }
    let written = held.map_or_else(|| hot.hold(), Ok).and_then(|mut held| hot.write(&mut held, &records));
    if let Err(fault) = written {
        // They are read from the tables each time until the journal is made anew. It is slow and right.
        tracing::warn!(event = "store.cold", "{fault}");
    }
}

/// One job in a savepoint: what it did before it failed does not stay.
fn run_one(tx: &mut Transaction<'_>, job: &mut dyn Job) -> rusqlite::Result<()> {
    let savepoint = tx.savepoint()?;
    job.run(&savepoint)?;
    savepoint.commit()
}

#[cfg(test)]
mod tests;
