//! The one thread that writes to the tables: it takes what waits, up to a bound, and makes one durable commit of it. It
//! also folds what logins wrote into the journal.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::login::identity::Pseudonym;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::desk::Desk;
use crate::store::sqlite::file::{Role, inode};
use crate::store::sqlite::hot::Hot;

/// The way to the writer. Dropping it lets the writer finish what waits, and waits for that.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on an open connection. `generation` goes up when the file was changed for another.
    pub(super) fn start(
        place: Place,
        connection: Connection,
        hot: Arc<Hot>,
        queue: usize,
    ) -> Result<Self, Fault> {
        let inode = inode(&place.path)?;
        let (jobs, waiting) = sync_channel(queue);
        let mut desk = Desk {
            place,
            connection: Some(connection),
            inode: Some(inode),
            hot,
            version: None,
            dirty: true,
            folding: None,
            again: None,
            warming: None,
            warmed: None,
        };
        desk.publish();
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

    /// For whoever finds that something is to be folded.
    pub(super) fn orders(&self) -> Option<SyncSender<Order>> {
        self.jobs.clone()
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
        self.write_about(None, doing, work).await
    }

    /// The same for what changes or forgets a subject that somebody may have in memory.
    pub(super) async fn write_about<T, W>(
        &self,
        about: Option<About>,
        doing: &'static str,
        work: W,
    ) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let task = Task { doing, about, work: Some(work), done: None, reply };
        let ended = || Fault::new(FaultKind::StoreUnavailable, format!("{doing}: the store has been closed"));
        match self.jobs.as_ref().map(|jobs| jobs.try_send(Order::Job(Box::new(task)))) {
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

impl Place {
    /// How long to wait for other processes.
    pub(super) const fn patience(&self) -> Duration {
        match self.role {
            Role::Writer { patience, .. } => patience,
            Role::Reader => Duration::ZERO,
        }
    }
}

/// Whom a write is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// Something of this subject is other than it was.
    Changes(Pseudonym),
    /// Nothing is left of it.
    Forgets(Pseudonym),
}

impl About {
    pub(super) const fn whom(&self) -> &Pseudonym {
        match self {
            Self::Changes(who) | Self::Forgets(who) => who,
        }
    }
}

/// What the thread is to do.
pub(super) enum Order {
    Job(Box<dyn Job>),
    /// Fold the journal; `idle` when nothing has come for a while.
    Fold {
        idle: bool,
    },
    /// See what another program did to the tables.
    Look,
    /// Read subjects into memory.
    Warm,
}

pub(super) trait Job: Send {
    /// Does the work inside the batch's transaction; called once.
    fn run(&mut self, tx: &Connection) -> rusqlite::Result<()>;
    /// What we do.
    fn doing(&self) -> &'static str;
    /// Whom it is about.
    fn about(&self) -> Option<&About>;
    /// Tells the caller. `Ok` only after the commit.
    fn finish(self: Box<Self>, end: Result<(), Fault>);
}

pub(super) struct Task<T, W> {
    pub(super) doing: &'static str,
    pub(super) about: Option<About>,
    pub(super) work: Option<W>,
    pub(super) done: Option<T>,
    pub(super) reply: oneshot::Sender<Result<T, Fault>>,
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

    fn about(&self) -> Option<&About> {
        self.about.as_ref()
    }

    fn finish(self: Box<Self>, end: Result<(), Fault>) {
        let Self { doing, done, reply, .. } = *self;
        let lost = || Fault::new(FaultKind::Internal, format!("{doing}: there is no result"));
        // Nobody waits any more when the login ran out of time.
        let _ = reply.send(end.and_then(|()| done.ok_or_else(lost)));
    }
}
