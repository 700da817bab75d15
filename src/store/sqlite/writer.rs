//! The one thread that writes: it takes what waits, up to a bound, and makes one durable commit of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::fault::{fault, spoils_connection};
use crate::store::sqlite::file::{Inode, Role, connect, inode};
use crate::store::sqlite::migrate::migrate;

/// Jobs in one commit. More would let the first wait long for the last.
const BATCH: usize = 256;
/// How long nothing must come before the log is folded into the file.
const IDLE: Duration = Duration::from_secs(2);
/// How long folding the log may wait for readers.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(50);

/// The way to the writer. Dropping it lets the writer finish what waits, and waits for that.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on an open connection. `generation` goes up when the file was changed for another.
    pub(super) fn start(place: Place, connection: Connection, queue: usize) -> Result<Self, Fault> {
        let inode = inode(&place.path)?;
        let (jobs, waiting) = sync_channel(queue);
        let desk = Desk { place, connection: Some((connection, inode)), dirty: true };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || desk.serve(&waiting))
            .map_err(|why| {
                Fault::new(
                    FaultKind::StoreUnavailable,
                    format!("cannot start the store's writer thread: {why}"),
                )
            })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` inside a write transaction and gives its result once that is durable. A result that is an
    /// error, or a commit that fails, changes nothing.
    ///
    /// `work` runs even when the caller has stopped waiting.
    pub(super) async fn write<T, W>(&self, doing: &'static str, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let task = Task { doing, work: Some(work), done: None, reply };
        let ended = || Fault::new(FaultKind::StoreUnavailable, format!("{doing}: the store has been closed"));
        match self.jobs.as_ref().map(|jobs| jobs.try_send(Box::new(task))) {
            Some(Ok(())) => result.await.unwrap_or_else(|_| Err(ended())),
            // Not away: whoever sends enough logins can fill it, and nobody must be let in with less for that.
            Some(Err(TrySendError::Full(_))) => Err(Fault::new(
                FaultKind::Overloaded,
                format!("{doing}: too many writes wait for the disk; it is slower than the logins that come"),
            )),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(ended()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It ends by itself; a panic of it has been reported where it happened.
            let _ = thread.join();
        }
    }
}

/// Where the store lies.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: Arc<Path>,
    pub(super) role: Role,
    /// Goes up when another file was found in the place of ours, so that readers open it too.
    pub(super) generation: Arc<AtomicU64>,
}

trait Job: Send {
    /// Does the work inside the batch's transaction; called once.
    fn run(&mut self, tx: &Connection) -> rusqlite::Result<()>;
    /// What it was about.
    fn doing(&self) -> &'static str;
    /// Tells the caller. `Ok` only after the commit.
    fn finish(self: Box<Self>, end: Result<(), Fault>);
}

struct Task<T, W> {
    doing: &'static str,
    work: Option<W>,
    done: Option<T>,
    reply: oneshot::Sender<Result<T, Fault>>,
}

impl<T, W> Job for Task<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, tx: &Connection) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.done = Some(work(tx)?);
        }
        Ok(())
    }

    fn doing(&self) -> &'static str {
        self.doing
    }

    fn finish(self: Box<Self>, end: Result<(), Fault>) {
        let Self { doing, done, reply, .. } = *self;
        let lost = || Fault::new(FaultKind::Internal, format!("{doing}: there is no result"));
        // Nobody waits any more when the login ran out of time.
        let _ = reply.send(end.and_then(|()| done.ok_or_else(lost)));
    }
}

/// The writer's own side.
struct Desk {
    place: Place,
    connection: Option<(Connection, Inode)>,
    /// The log holds what is not in the file yet.
    dirty: bool,
}

impl Desk {
    fn serve(mut self, waiting: &Receiver<Box<dyn Job>>) {
        while let Some(first) = self.next(waiting) {
            let mut batch = vec![first];
            batch.extend(waiting.try_iter().take(BATCH.saturating_sub(1)));
            self.commit(batch);
        }
    }

    fn next(&mut self, waiting: &Receiver<Box<dyn Job>>) -> Option<Box<dyn Job>> {
        if self.dirty {
            match waiting.recv_timeout(IDLE) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.fold_log(),
            }
        }
        waiting.recv().ok()
    }

    /// Runs the batch and answers each of its callers.
    fn commit(&mut self, mut batch: Vec<Box<dyn Job>>) {
        let ends = match self.ready() {
            Ok(connection) => run_batch(connection, &mut batch),
            Err(fault) => Err(Broken::Known(fault)),
        };
        self.dirty = true;
        match ends {
            Ok(ends) => {
                if ends.iter().flatten().any(spoils_connection) {
                    self.connection = None;
                }
                for (job, end) in batch.into_iter().zip(ends) {
                    let end = end.map_or(Ok(()), |why| Err(fault(job.doing(), &why)));
                    job.finish(end);
                }
            }
            Err(broken) => {
                if let Broken::Sqlite(why) = &broken
                    && spoils_connection(why)
                {
                    self.connection = None;
                }
                for job in batch {
                    let end = match &broken {
                        Broken::Sqlite(why) => fault(job.doing(), why),
                        Broken::Known(fault) => fault.clone(),
                    };
                    job.finish(Err(end));
                }
            }
        }
    }

    /// The connection to the file that lies at our path now.
    fn ready(&mut self) -> Result<&mut Connection, Fault> {
        let current = inode(&self.place.path)?;
        if self.connection.as_ref().is_none_or(|(_, opened)| *opened != current) {
            self.connection = None;
            let mut fresh = connect(&self.place.path, self.place.role)?;
            migrate(&mut fresh)?;
            self.place.generation.fetch_add(1, Ordering::Release);
            self.connection = Some((fresh, current));
        }
        match &mut self.connection {
            Some((connection, _)) => Ok(connection),
            None => Err(Fault::new(FaultKind::Internal, "the store has no connection")),
        }
    }

    /// Folds the log into the file, so that it stays small and a copy of the file is nearly complete. When
    /// readers are in the way, the next pause will do.
    fn fold_log(&mut self) {
        self.dirty = false;
        let Role::Writer { patience, .. } = self.place.role else { return };
        let Some((connection, _)) = &self.connection else { return };
        let folded = connection
            .busy_timeout(CHECKPOINT_PATIENCE)
            .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
            .and_then(|()| connection.busy_timeout(patience));
        if folded.is_err() {
            self.connection = None;
        }
    }
}

/// Why a whole batch came to nothing.
enum Broken {
    Sqlite(rusqlite::Error),
    Known(Fault),
}

/// How each job ended; `None` is well, and durable.
fn run_batch(
    connection: &mut Connection,
    batch: &mut [Box<dyn Job>],
) -> Result<Vec<Option<rusqlite::Error>>, Broken> {
    let mut tx =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(Broken::Sqlite)?;
    let mut ends = Vec::with_capacity(batch.len());
    for job in batch {
        let end = run_one(&mut tx, &mut **job).err();
        if tx.is_autocommit() {
            // SQLite has rolled back everything; what ran before in this batch is gone with it.
            return Err(end.map_or_else(
                || Broken::Known(Fault::new(FaultKind::StoreUnavailable, "the store rolled a commit back")),
                Broken::Sqlite,
            ));
        }
        ends.push(end);
    }
    tx.commit().map_err(Broken::Sqlite)?;
    Ok(ends)
}

/// One job in a savepoint: what it did before it failed does not stay.
fn run_one(tx: &mut Transaction<'_>, job: &mut dyn Job) -> rusqlite::Result<()> {
    let savepoint = tx.savepoint()?;
    job.run(&savepoint)?;
    savepoint.commit()
}

#[cfg(test)]
mod tests;
