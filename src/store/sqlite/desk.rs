//! The writer's own side: batches of writes, the tables as they are left, and the file that lies at our path.
//!
//! Longer than 400 lines: batches, folds and reading ahead take turns in one thread with one connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::fault::{fault, spoils_connection};
use crate::store::sqlite::file::{Inode, Role, connect, inode};
use crate::store::sqlite::fold::{Fold, Step};
use crate::store::sqlite::hot::{Held, Hot};
use crate::store::sqlite::journal::record::Record;
use crate::store::sqlite::migrate::migrate;
use crate::store::sqlite::open::{Circumstances, open};
use crate::store::sqlite::seen::Log;
use crate::store::sqlite::warm::Warm;
use crate::store::sqlite::writer::{About, Job, Order, Place};

/// Jobs in one commit. More would let the first wait long for the last.
const BATCH: usize = 256;
/// How long nothing must come before SQLite's log is folded into the file.
const IDLE: Duration = Duration::from_secs(2);
/// Bytes of a journal that is folded at the end; more would take longer than reading it at the next start.
const LONG: u64 = 16 << 20;
/// How often those who are likely to come are read into memory at most, however often others change the tables.
const OFTEN: Duration = Duration::from_secs(30);
/// The longest pause between two portions.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
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
    /// What is being folded, and how long to wait before the next portion.
    pub(super) folding: Option<(Fold, Duration)>,
    /// What is being read into memory, likewise, and when that was last begun.
    pub(super) warming: Option<(Warm, Duration)>,
    pub(super) warmed: Option<Instant>,
    /// It is to be folded once more afterwards, as if nothing came or not.
    pub(super) again: Option<bool>,
}

impl Desk {
    pub(super) fn serve(mut self, waiting: &Receiver<Order>) {
        loop {
            match self.next(waiting) {
                Ok(first) => {
                    self.take(first, waiting);
                    // Also when there is always something else to do.
                    self.fold_portion();
                }
                Err(RecvTimeoutError::Timeout) if self.folding.is_some() || self.warming.is_some() => {
                    self.warm_portion();
                    self.fold_portion();
                }
                Err(RecvTimeoutError::Timeout) => self.fold_log(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.end();
    }

    /// What is to be done next, unless it is time to go on with what is under way.
    fn next(&self, waiting: &Receiver<Order>) -> Result<Order, RecvTimeoutError> {
        let fold = self.folding.as_ref().map(|(_, pause)| *pause);
        let warm = self.warming.as_ref().map(|(_, pause)| *pause);
        match fold.or(warm).or(self.dirty.then_some(IDLE)) {
            Some(pause) => waiting.recv_timeout(pause),
            None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn take(&mut self, first: Order, waiting: &Receiver<Order>) {
        let mut batch = Vec::new();
        let mut other = None;
        for order in std::iter::once(first).chain(waiting.try_iter().take(BATCH.saturating_sub(1))) {
            match order {
                Order::Job(job) => batch.push(job),
                folds @ Order::Fold { .. } => other = Some(folds),
                Order::Look => other = other.or(Some(Order::Look)),
                Order::Warm => self.begin_warming(),
            }
        }
        if !batch.is_empty() {
            self.commit(batch);
        }
        match other {
            Some(Order::Fold { idle }) => self.begin_fold(idle),
            Some(Order::Look) => self.look(),
            Some(Order::Job(_) | Order::Warm) | None => {}
        }
    }

    /// Leaves everything in the tables, or, where that would take long, in a journal that says that nothing is missing.
    fn end(&mut self) {
        let is_long = |desk: &Self| desk.hot.desk().journal.end() > LONG;
        while self.folding.is_some() && !is_long(self) {
            self.fold_portion();
        }
        if !self.hot.desk().journal.has_written() {
            return;
        }
        if is_long(self) {
            self.folding = None;
            if let Err(fault) = mark_clean(&self.hot) {
                tracing::warn!(event = "store.unmarked", "{fault}");
            }
            return;
        }
        self.begin_fold(true);
        while self.folding.is_some() {
            self.fold_portion();
        }
    }

    /// Runs the batch and answers each of its callers.
    pub(super) fn commit(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let hot = self.hot.clone();
        let ends = match self.ready() {
            Ok(connection) => run_batch(connection, &hot, &mut batch),
            Err(fault) => Err(Broken::Known(fault)),
        };
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
        hot.drain();
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
            self.begin_fold(false);
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
                let world =
                    Circumstances { clock: &*self.hot.clock, boot: self.hot.boot, memory: self.hot.memory };
                let opened = open(&mut fresh, &self.place, world)?;
                self.place.generation.fetch_add(1, Ordering::Release);
                self.warming = None;
                if self.folding.take().is_some() {
                    // There is nothing left for it to do.
                    self.hot.flusher.note_fold(&*self.hot.clock, &Ok(()));
                }
                self.hot.begin_anew(opened);
            }
            self.inode = Some(current);
            self.version = None;
            self.connection = Some(fresh);
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            None => Err(no_connection()),
        }
    }

    /// Begins to fold the journal, or does so again after what is under way, which may not have all of it.
    fn begin_fold(&mut self, idle: bool) {
        if self.folding.is_some() {
            self.again = Some(idle);
            return;
        }
        self.hot.flusher.note_begun();
        let begun = self.ready().map(drop).and_then(|()| Fold::begin(&self.hot, idle));
        self.hot.drain();
        match begun {
            Ok(Some(fold)) => self.folding = Some((fold, Duration::ZERO)),
            Ok(None) => self.end_fold(Ok(())),
            Err(fault) => self.end_fold(Err(fault)),
        }
    }

    /// Folds a portion, where something is being folded.
    fn fold_portion(&mut self) {
        if self.folding.is_none() {
            return;
        }
        // Where another store lies there now, nothing of this one is folded into it.
        let ready = self.ready().map(drop);
        let Some((mut fold, _)) = self.folding.take() else { return };
        let hot = self.hot.clone();
        let begun = hot.clock.now().steady;
        let connection = self.connection.as_mut().ok_or_else(no_connection);
        let step = ready.and_then(|()| fold.step(connection?, &hot));
        self.dirty = true;
        self.publish();
        // After that, since it may take long and others may write to the tables meanwhile.
        let step = match step {
            Ok(Step::Written) => fold.cut(&hot).map(|()| Step::Done),
            other => other,
        };
        hot.drain();
        match step {
            Ok(Step::More) => {
                let took = hot.clock.now().steady.saturating_duration_since(begun);
                self.folding = Some((fold, Fold::pause(&hot, took)));
            }
            Ok(Step::Written | Step::Done) => self.end_fold(Ok(())),
            Err(fault) => self.end_fold(Err(fault)),
        }
    }

    fn end_fold(&mut self, folded: Result<(), Fault>) {
        let hot = self.hot.clone();
        if hot.flusher.note_fold(&*hot.clock, &folded)
            && let Err(fault) = folded
        {
            tracing::warn!(event = "store.unfolded", "{fault}");
        }
        if let Some(idle) = self.again.take() {
            self.begin_fold(idle);
        }
    }

    fn begin_warming(&mut self) {
        let now = self.hot.clock.now().steady;
        let is_soon = |before: Instant| now.saturating_duration_since(before) < OFTEN;
        if self.warmed.is_some_and(is_soon) {
            self.hot.want_warmth();
        } else {
            (self.warmed, self.warming) = (Some(now), Some((Warm::default(), Duration::ZERO)));
        }
    }

    /// Reads some subjects into memory, where that is under way.
    fn warm_portion(&mut self) {
        let Some((mut warm, _)) = self.warming.take() else { return };
        let hot = self.hot.clone();
        let begun = hot.clock.now().steady;
        // Where it cannot be read logins say so.
        if let Ok(connection) = self.ready()
            && matches!(warm.step(connection, &hot), Ok(true))
        {
            let took = hot.clock.now().steady.saturating_duration_since(begun);
            self.warming = Some((warm, took.min(LONGEST_PAUSE)));
        }
    }

    fn look(&mut self) {
        let hot = self.hot.clone();
        match self.ready() {
            Ok(_) => self.publish(),
            Err(_) => hot.ledger().forget_tables(),
        }
    }

    /// Notes how we leave SQLite's log, so that memory knows when others have written. What they wrote before is noticed
    /// here, and what they write from now on by the log. Nobody writes meanwhile: a commit is in the log before it counts,
    /// and must not be taken for one that was seen.
    pub(super) fn publish(&mut self) {
        let mut seen = self.see(Duration::ZERO);
        if seen.is_none() {
            // Somebody else is writing: what he writes is not ours, and logins do not wait for him.
            self.hot.seen.end_tables(None);
            self.hot.drain();
            seen = self.see(CHECKPOINT_PATIENCE);
        }
        let (log, version) = seen.unzip();
        let foreign = version.is_none() || version != self.version;
        self.version = version;
        if foreign {
            // Before anybody may believe memory again.
            self.hot.ledger().forget_tables();
        }
        self.hot.seen.end_tables(log.flatten());
        if foreign {
            self.hot.want_warmth();
        }
    }

    /// SQLite's log, and what SQLite says about whether others write, while nobody does.
    fn see(&mut self, patience: Duration) -> Option<(Option<Log>, i64)> {
        let path = log_of(&self.place);
        let usual = self.place.patience();
        self.connection.as_mut().and_then(|db| seen(db, &path, (patience, usual)).ok())
    }

    /// Folds the log into the file, so that it stays small and a copy of the file is nearly complete. When
    /// readers are in the way, the next pause will do.
    pub(super) fn fold_log(&mut self) {
        self.dirty = false;
        let Role::Writer { patience, .. } = self.place.role else { return };
        // SQLite's lock is not ours meanwhile: what others wrote is seen before, as far as the log can tell it afterwards.
        self.publish();
        let Some(connection) = &self.connection else { return };
        self.hot.seen.begin_emptying();
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

/// The same. Whoever is at it for longer than the first of these times is not waited for; there will be another look.
fn seen(
    db: &mut Connection,
    log: &Path,
    (patience, usual): (Duration, Duration),
) -> rusqlite::Result<(Option<Log>, i64)> {
    db.busy_timeout(patience)?;
    let seen = db.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|alone| {
        let log = Log::at(log);
        alone.pragma_query_value(None, "data_version", |row| row.get(0)).map(|version| (log, version))
    });
    db.busy_timeout(usual)?;
    seen
}

fn no_connection() -> Fault {
    Fault::new(FaultKind::Internal, "the store has no connection")
}

/// Says in the journal that nothing of it can be lost.
fn mark_clean(hot: &Hot) -> Result<(), Fault> {
    let mut held = hot.hold()?;
    if held.journal.is_clean() {
        return Ok(());
    }
    held.journal.sync()?;
    hot.write(&mut held, &[Record::Clean])?;
    held.journal.sync()
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
    hot.begin_tables();
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
