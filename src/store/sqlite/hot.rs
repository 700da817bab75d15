//! What logins do to the store: decided in memory, written in groups, without a thread in between.
//!
//! Whoever wants something puts it into a queue, lets others go first by one turn of the runtime, and does the whole queue
//! when nobody has done it meanwhile. A group takes the journal's lock, reads what other processes wrote, decides each of its
//! deeds on what is known then, and writes all that came of it at once. Nothing of it counts before it is written.
//!
//! Longer than 400 lines: queue, journal and memory are locked in one order, which is seen where they stand together.

use std::future::poll_fn;
use std::mem;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::base::clock::Clock;
use crate::login::identity::Pseudonym;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::deed::{Deed, Done};
use crate::store::sqlite::flush::Flusher;
use crate::store::sqlite::group::Group;
use crate::store::sqlite::job::{Ending, Job, Reply};
use crate::store::sqlite::journal::record::Record;
use crate::store::sqlite::journal::{Journal, News, held, trouble};
use crate::store::sqlite::known::Known;
use crate::store::sqlite::ledger::{Ledger, Look};
use crate::store::sqlite::line::Line;
use crate::store::sqlite::open::Opened;
use crate::store::sqlite::readers::Readers;
use crate::store::sqlite::seen::Seen;
use crate::store::sqlite::size::Size;

/// Deeds in one group. More would let the first wait long for the last.
const GROUP: usize = 64;
/// So often somebody looks whether memory is free before he sleeps, some microseconds in all. As a rule nobody has it for longer
/// than to look a handful of people up ([`Ledger`]); to sleep and be woken takes longer, and while one sleeps all others who come
/// sleep as well.
const LOOKS: u32 = 64;
/// Pauses of the processor between two of them.
const PER_LOOK: u32 = 4;
/// How long to wait before it is tried again to lock the journal.
const PAUSE: Duration = Duration::from_millis(1);

/// Memory and journal of a store.
pub(super) struct Hot {
    queue: Mutex<Vec<Job>>,
    /// How many are in it.
    queued: AtomicUsize,
    line: Line,
    desk: Mutex<Desk>,
    ledger: Mutex<Ledger>,
    /// Bytes of memory that the tables do not have, as when it was locked last.
    unfolded: AtomicUsize,
    pub(super) seen: Seen,
    pub(super) readers: Readers,
    pub(super) flusher: Flusher,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) patience: Duration,
    pub(super) boot: Option<[u8; 16]>,
    bounds: Bounds,
    pub(super) memory: usize,
    /// Subjects that had to be read from the tables since those who are likely to come were read, or were to be.
    missed: AtomicU32,
}

/// How much may stand in the journal and not in the tables.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Bytes of the journal from which on it is folded.
    fold: u64,
    /// Bytes beyond which nothing more is taken.
    most: u64,
    /// Bytes that subjects whose changes are not folded may take of memory; from half of that on they are folded.
    memory: usize,
}

impl Bounds {
    fn of(size: &Size) -> Self {
        let most = size.journal.saturating_mul(4);
        Self { fold: size.journal, most, memory: size.memory.max(LEAST_UNFOLDED) }
    }
}

/// Whoever looks at no more subjects than this has no use for all the others.
const FEW: u32 = 16;
/// However little memory there is for subjects, those whose changes are not folded may take this much.
const LEAST_UNFOLDED: usize = 32 << 20;

/// What only one at a time has.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) journal: Journal,
    pub(super) bytes: Vec<u8>,
}

/// The journal, locked against everybody else, and read to its end.
pub(super) struct Held<'a>(MutexGuard<'a, Desk>);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.journal.unlock();
    }
}

impl std::ops::Deref for Held<'_> {
    type Target = Desk;
    fn deref(&self) -> &Desk {
        &self.0
    }
}

impl std::ops::DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Desk {
        &mut self.0
    }
}

/// Memory, locked. What of it is told without that is told when this ends.
pub(super) struct Open<'a>(MutexGuard<'a, Ledger>, &'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let unfolded = self.0.unfolded();
        if self.1.load(Ordering::Relaxed) != unfolded {
            self.1.store(unfolded, Ordering::Relaxed);
        }
    }
}

impl std::ops::Deref for Open<'_> {
    type Target = Ledger;
    fn deref(&self) -> &Ledger {
        &self.0
    }
}

impl std::ops::DerefMut for Open<'_> {
    fn deref_mut(&mut self) -> &mut Ledger {
        &mut self.0
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hot {
    /// Memory and journal as they were opened.
    pub(super) fn new(
        opened: Opened,
        readers: Readers,
        size: &Size,
        (clock, boot): (Arc<dyn Clock>, Option<[u8; 16]>),
    ) -> Self {
        let flusher = Flusher::default();
        let (journal, ledger) = opened.enter(&flusher);
        let seen = Seen::default();
        seen.set_journal(journal.file().clone(), journal.end());
        Self {
            queue: Mutex::default(),
            queued: AtomicUsize::new(0),
            line: Line::new(size.queue),
            desk: Mutex::new(Desk { journal, bytes: Vec::new() }),
            unfolded: AtomicUsize::new(ledger.unfolded()),
            ledger: Mutex::new(ledger),
            seen,
            readers,
            flusher,
            clock,
            patience: size.patience,
            boot,
            bounds: Bounds::of(size),
            memory: size.memory,
            missed: AtomicU32::new(0),
        }
    }

    /// Memory, as soon as nobody else has it.
    pub(super) fn ledger(&self) -> Open<'_> {
        for _ in 0..LOOKS {
            match self.ledger.try_lock() {
                Ok(ledger) => return Open(ledger, &self.unfolded),
                Err(TryLockError::Poisoned(poisoned)) => return Open(poisoned.into_inner(), &self.unfolded),
                Err(TryLockError::WouldBlock) => (0..PER_LOOK).for_each(|_| std::hint::spin_loop()),
            }
        }
        Open(lock(&self.ledger), &self.unfolded)
    }

    /// Bytes of memory that the tables do not have.
    pub(super) fn unfolded(&self) -> usize {
        self.unfolded.load(Ordering::Relaxed)
    }

    /// Whether more is to be written than is: half of those who may wait do, or the journal grows faster than it is folded.
    /// A store that fails is not behind: whoever asks it shall hear why.
    pub(super) fn is_behind(&self) -> bool {
        if self.line.is_half_full() {
            return true;
        }
        let half = self.bounds.fold.midpoint(self.bounds.most);
        let is_much = self.seen.known_journal() > half || self.unfolded() > self.bounds.memory / 8 * 7;
        is_much && !self.flusher.is_failing()
    }

    /// Has `deed` done; also when the caller stops waiting.
    pub(super) async fn submit(&self, who: &Pseudonym, deed: Deed) -> Result<Done, Fault> {
        let doing = deed.doing();
        let (to, result) = oneshot::channel();
        let Some(seat) = self.line.join() else {
            let what =
                format!("{doing}: too many writes wait for the disk; it is slower than the logins that come");
            return Err(Fault::new(FaultKind::Overloaded, what));
        };
        self.in_queue(|queue| queue.push(Job { who: who.clone(), deed, reply: Reply::new(to, seat) }));
        let turn = Turn(self);
        others_first().await;
        drop(turn);
        let closed =
            || Fault::new(FaultKind::StoreUnavailable, format!("{doing}: the store has been closed"));
        result.await.unwrap_or_else(|_| Err(closed()))
    }

    /// What somebody else wrote to the tables is read anew from here on; `true` when nobody has written.
    pub(super) fn mind_tables(&self) -> Result<bool, Fault> {
        let known = self.seen.knows_tables().map_err(|why| trouble(&why))?;
        if !known {
            self.ledger().forget_tables();
            self.flusher.order_look();
        }
        Ok(known)
    }

    /// We begin to write to the tables, whose lock we have: what others wrote to them before is read anew first.
    pub(super) fn begin_tables(&self) {
        if !matches!(self.seen.knows_tables(), Ok(true)) {
            self.ledger().forget_tables();
        }
        self.seen.begin_tables();
    }

    /// The subject from memory, or else from the tables; and of when that is.
    pub(super) fn find(&self, who: &Pseudonym, doing: &str) -> Result<Option<(Known, u64)>, Fault> {
        let copied = self.ledger().look(who);
        self.found(who, copied.read(), doing)
    }

    /// The same by what memory was found to have.
    pub(super) fn found(
        &self,
        who: &Pseudonym,
        look: Look,
        doing: &str,
    ) -> Result<Option<(Known, u64)>, Fault> {
        let (before, epoch) = match look {
            Look::Found(known, epoch) => return Ok(Some((known, epoch))),
            Look::Tables(before, epoch) => (before, epoch),
        };
        let Some(mut known) = self.readers.read(doing, |db| Known::load(db, who))? else { return Ok(None) };
        // What was not folded before the tables were read may have been since.
        known.apply(&before);
        self.ledger().complete(who, &mut known, epoch);
        if self.missed.fetch_add(1, Ordering::Relaxed) == FEW {
            self.flusher.order_warmth();
        }
        Ok(Some((known, epoch)))
    }

    /// Reads those who are likely to come when some are missed from now on.
    pub(super) fn want_warmth(&self) {
        self.missed.store(0, Ordering::Relaxed);
    }

    fn in_queue<T>(&self, what: impl FnOnce(&mut Vec<Job>) -> T) -> T {
        let mut queue = lock(&self.queue);
        let done = what(&mut queue);
        self.queued.store(queue.len(), Ordering::Relaxed);
        done
    }

    /// Whether somebody waits. Most find that others have done theirs, and lock nothing to see it.
    pub(super) fn is_queued(&self) -> bool {
        // Whoever came and found the journal taken counts on this being looked at after it was given back: one of both
        // sees what the other has done.
        fence(Ordering::SeqCst);
        self.queued.load(Ordering::Relaxed) > 0
    }

    /// Does what waits, as long as nobody else is at it. Whoever is looks again when he has finished.
    pub(super) fn drain(&self) {
        while self.is_queued() {
            let mut held = match self.try_hold() {
                Ok(Some(held)) => held,
                Ok(None) => return,
                Err(fault) => return self.refuse_all(&fault),
            };
            let ends = self.run(&mut held);
            drop(held);
            ends.into_iter().for_each(Ending::tell);
        }
    }

    /// One group; what may be told already.
    pub(super) fn run(&self, held: &mut Held<'_>) -> Vec<Ending> {
        let mut room = Vec::with_capacity(GROUP);
        self.in_queue(|queue| {
            if queue.len() > GROUP {
                room.extend(queue.drain(..GROUP));
            } else {
                mem::swap(queue, &mut room);
            }
        });
        Group::of(self, room).carry_out(held)
    }

    /// Everybody who waits hears of a fault.
    pub(super) fn refuse_all(&self, fault: &Fault) {
        for job in self.in_queue(mem::take) {
            let end = Err(about(job.deed.doing(), fault));
            Ending { reply: job.reply, end }.tell();
        }
    }

    /// The journal, if nobody has it. Where another process does, the thread behind us waits for it.
    fn try_hold(&self) -> Result<Option<Held<'_>>, Fault> {
        let mut desk = match self.desk.try_lock() {
            Ok(desk) => desk,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        if self.lock_and_read(&mut desk)? {
            return Ok(Some(Held(desk)));
        }
        drop(desk);
        self.flusher.order_drain();
        Ok(None)
    }

    /// The journal, as soon as nobody else has it; only for threads of our own.
    pub(super) fn hold(&self) -> Result<Held<'_>, Fault> {
        let mut waited = Duration::ZERO;
        loop {
            let mut desk = lock(&self.desk);
            if self.lock_and_read(&mut desk)? {
                return Ok(Held(desk));
            }
            drop(desk);
            if waited >= self.patience {
                return Err(held());
            }
            std::thread::sleep(PAUSE);
            waited = waited.saturating_add(PAUSE);
        }
    }

    /// The journal without its lock and whatever it holds; for when it is to be made anew.
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }

    /// Whether the journal can be used again because somebody else has put another one in its place. Where it cannot it is
    /// locked as it is.
    pub(super) fn is_mended(&self, desk: &mut Desk) -> Result<bool, Fault> {
        match self.lock_and_read(desk) {
            Ok(true) => desk.journal.unlock(),
            Err(_) if desk.journal.try_lock()? => return Ok(false),
            // Whoever holds it uses it.
            Ok(false) | Err(_) => return Err(held()),
        }
        Ok(true)
    }

    /// Goes on with another store that lies at our path now.
    pub(super) fn begin_anew(&self, opened: Opened) {
        let mut desk = lock(&self.desk);
        let (journal, other) = opened.enter(&self.flusher);
        let forgotten = self.ledger().begin_anew(other);
        self.seen.begin_anew(journal.file().clone(), journal.end());
        desk.journal = journal;
        drop(desk);
        drop(forgotten);
        self.drain();
    }

    fn lock_and_read(&self, desk: &mut Desk) -> Result<bool, Fault> {
        let journal = &mut desk.journal;
        if !journal.try_lock()? {
            return Ok(false);
        }
        let mut was_clean = journal.is_clean();
        let news = match journal.catch_up() {
            Ok(Some(news)) => news,
            Ok(None) => {
                journal.unlock();
                return Ok(false);
            }
            Err(fault) => {
                journal.unlock();
                self.flusher.order_fold(true);
                return Err(fault);
            }
        };
        if matches!(&news, News::Records(records) if records.is_empty()) {
            return Ok(true);
        }
        // Another file may have begun with the mark.
        was_clean |= !matches!(&news, News::Records(_));
        if was_clean && !journal.is_clean() {
            self.flusher.note_write(&*self.clock, true);
        }
        let mut ledger = self.ledger();
        let (records, forgotten) = match news {
            News::Records(records) | News::Next(records) => (records, None),
            News::Other(records) => {
                self.flusher.note_unfolded();
                (records, Some(ledger.forget_all()))
            }
        };
        records.iter().for_each(|record| ledger.take(record));
        drop(ledger);
        // Whoever sees that it is known finds it in memory.
        self.seen.set_journal(journal.file().clone(), journal.end());
        drop(forgotten);
        if records.iter().any(|record| matches!(record, Record::Forgotten(_))) {
            // Whoever wrote it may leave it to us to forget it here as well (F-012).
            self.flusher.order_fold(false);
        }
        Ok(true)
    }

    /// Reads what other processes wrote.
    pub(super) async fn catch_up(&self) -> Result<(), Fault> {
        if self.has_caught_up()? {
            return Ok(());
        }
        let caught_up = match self.try_hold() {
            Ok(None) => None,
            end => Some(end.map(drop)),
        };
        if let Some(end) = caught_up {
            // Whoever came meanwhile found the journal taken, and counts on us, also where we could not use it.
            self.drain();
            return end;
        }
        let (reply, result) = oneshot::channel();
        self.flusher.order_catch_up(reply);
        result.await.unwrap_or_else(|_| Err(held()))
    }

    /// Writes records that are no login's, and takes them; the journal is held.
    pub(super) fn write(&self, desk: &mut Desk, records: &[Record]) -> Result<(), Fault> {
        let generation = desk.journal.header().generation;
        desk.bytes.clear();
        records.iter().for_each(|record| record.put(generation, &mut desk.bytes));
        let was_clean = desk.journal.is_clean();
        self.append(desk, records.last() == Some(&Record::Clean))?;
        if was_clean {
            // What comes behind them must not look as if nothing could be missing.
            desk.journal.sync()?;
        }
        let mut ledger = self.ledger();
        records.iter().for_each(|record| ledger.take(record));
        Ok(())
    }

    /// Writes what was put together; the journal is held.
    pub(super) fn append(&self, desk: &mut Desk, is_clean: bool) -> Result<(), Fault> {
        let end = desk.journal.end().saturating_add(u64::try_from(desk.bytes.len()).unwrap_or(u64::MAX));
        self.seen.promise(end);
        let written = desk.journal.append(&desk.bytes, is_clean);
        self.seen.know(desk.journal.end());
        written
    }

    /// Whether the journal may grow; it must not when it cannot be folded for long.
    pub(super) fn has_room(&self, desk: &Desk) -> bool {
        let unfolded = self.unfolded();
        if desk.journal.end() > self.bounds.fold || unfolded > self.bounds.memory / 2 {
            self.flusher.want_fold(&*self.clock);
        }
        desk.journal.end() <= self.bounds.most && unfolded <= self.bounds.memory
    }

    /// Whether logins come faster than they are folded: then it must not take its time.
    pub(super) fn presses(&self) -> bool {
        self.seen.known_journal() > self.bounds.fold.saturating_mul(2)
            || self.unfolded() > self.bounds.memory / 4 * 3
    }
}

/// Where a login stands whose deed is in the queue: however it ends, the queue is looked after.
struct Turn<'a>(&'a Hot);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.drain();
    }
}

/// Lets whatever else is ready run once, so that what comes at the same time is one group.
async fn others_first() {
    let mut been = false;
    poll_fn(|context| {
        if mem::replace(&mut been, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The same fault, with what we did.
pub(super) fn about(doing: &str, fault: &Fault) -> Fault {
    Fault::new(fault.kind, format!("{doing}: {}", fault.what))
}
