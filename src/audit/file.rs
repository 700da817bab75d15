//! Records at the end of a file, or on standard output. After somebody moved the file away, open the log
//! anew and put it in place of the old one; until then records go into the file that was moved.
//!
//! A system call for each record is what a login would pay most for here. So the lines of logins that end at about the
//! same time are gathered, and whoever of them is polled again first writes them all with one call; none of them is
//! done before its own line is out. Whoever finds somebody writing leaves its line to that one, so that no thread waits for
//! what another one asks of the system.

mod group;
mod out;
mod sync;

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::audit::file::group::{FULL, Gathered, Gathering, Kept, Line, MOST};
use crate::audit::file::out::{Out, Written};
use crate::audit::file::sync::{SYNC, Syncer};
use crate::audit::record::{NetworkPrefix, Second, write_by};
use crate::base::owner::open_or_make;
use crate::gateway::ports::{Audit, AuditRecord};
use crate::login::verdict::{Fault, FaultKind};

/// So often in a row somebody writes, its own line and what came meanwhile; then it is the turn of one of those who came.
const ROUNDS: u32 = 4;

/// Keeps records in a file or on standard output. What the system took is out of our hands, even when the process is
/// killed right after; a file's is on the disk within a second where the disk takes it.
pub struct AuditLog {
    keep: NetworkPrefix,
    path: Option<PathBuf>,
    gathering: Mutex<Gathering>,
    /// That somebody has written, for those who could do nothing else than wait.
    wrote: Condvar,
    /// Only ever locked by whoever writes.
    out: Mutex<Out>,
    sync: Option<Syncer>,
}

/// A record that was written, and how often something had been lost by then.
#[derive(Debug)]
pub struct Proof(u64);

thread_local! {
    /// Where the line of a record is made before it goes to the others, and the second of the one before it.
    static LINE: Cell<(Vec<u8>, Second)> = const { Cell::new((Vec::new(), Second::NONE)) };
}

impl AuditLog {
    /// Appends to the file at `path`, which is made when it is not there, readable by its owner alone. A line
    /// that a crash left unfinished is ended first.
    ///
    /// # Errors
    ///
    /// A fault when the file cannot be opened or made.
    pub fn file(path: &Path, keep: NetworkPrefix) -> Result<Self, Fault> {
        let fails = |error: io::Error| fault(Some(path), "cannot open", &error);
        let file = open(path).map_err(fails)?;
        let has_disk = file.metadata().map_err(fails)?.is_file();
        let sync = if has_disk {
            let disk = file.try_clone().map_err(fails)?;
            Some(syncer(Some(path), move || disk.sync_data()).map_err(fails)?)
        } else {
            None
        };
        Ok(Self { path: Some(path.to_owned()), sync, ..Self::over(file, keep) })
    }

    /// Writes to standard output, for a service manager or a container that keeps it.
    #[must_use]
    pub fn stdout(keep: NetworkPrefix) -> Self {
        Self::over(io::stdout(), keep)
    }

    /// Writes to `out`.
    fn over(out: impl Write + Send + 'static, keep: NetworkPrefix) -> Self {
        let out = Mutex::new(Out::new(Box::new(out)));
        Self { keep, path: None, gathering: Mutex::default(), wrote: Condvar::new(), out, sync: None }
    }

    /// One whose `disk` brings to the disk what was written to the file at `path`.
    #[cfg(test)]
    pub fn over_disk(path: &Path, disk: impl FnMut() -> io::Result<()> + Send + 'static) -> Self {
        let sync = Some(syncer(Some(path), disk).unwrap());
        Self { path: Some(path.to_owned()), sync, ..Self::over(open(path).unwrap(), NetworkPrefix::WHOLE) }
    }

    /// One that writes to `out`.
    #[cfg(test)]
    pub fn over_writer(out: impl Write + Send + 'static) -> Self {
        Self::over(out, NetworkPrefix::WHOLE)
    }

    /// Ends it where nobody waits for a login: this waits for the disk.
    ///
    /// # Errors
    ///
    /// A fault when what was written is not on the disk.
    pub fn end(mut self) -> Result<(), Fault> {
        self.sync.take().map_or(Ok(()), Syncer::end)
    }

    /// The disk did not take what was written. Nothing is until [`AuditLog::reached`] has shown that it takes it again.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost().is_some()
    }

    /// Why it did not, where it has not been shown since.
    #[must_use]
    pub fn lost(&self) -> Option<Fault> {
        self.sync.as_ref().and_then(Syncer::lost)
    }

    fn gathering(&self) -> MutexGuard<'_, Gathering> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Audit::record_soon`], where the log itself may be exchanged meanwhile.
    pub fn keep_soon(
        self: Arc<Self>,
        record: &AuditRecord,
    ) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let line = self.gather(record);
        Kept::new(self, line)
    }

    /// Writes a record; also where nothing is written because something was lost. To be waited for with
    /// [`AuditLog::reached`].
    ///
    /// # Errors
    ///
    /// A fault when it could not be written.
    pub fn write_proof(&self, record: &AuditRecord) -> Result<Proof, Fault> {
        // A loss that is found from here on may be this record's.
        let proof = Proof(self.sync.as_ref().map_or(0, Syncer::losses));
        if !self.is_lost() {
            return self.record(record).map(|()| proof);
        }
        let written = {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody knows what is left of the lines before.
            out.note_torn();
            self.made(record, |line| out.append(&mut line.to_vec()))
        };
        written.error.map_or(Ok(proof), |error| Err(self.cannot_write(&error)))
    }

    /// Waits until a record is on the disk. Then nothing is lost any more that was before it.
    ///
    /// # Errors
    ///
    /// A fault when it could not be brought there.
    pub async fn reached(&self, Proof(losses): Proof) -> Result<(), Fault> {
        match &self.sync {
            Some(sync) => sync.reached(losses).await,
            None => Ok(()),
        }
    }

    /// Makes the line of a record.
    fn made<T>(&self, record: &AuditRecord, then: impl FnOnce(&[u8]) -> T) -> T {
        // A thread at its end keeps nothing any more.
        let (mut line, mut second) = LINE.try_with(Cell::take).unwrap_or_default();
        write_by(&mut line, record, self.keep, &mut second);
        let end = then(&line);
        if line.capacity() <= FULL {
            line.clear();
            let _ended = LINE.try_with(|kept| kept.set((line, second)));
        }
        end
    }

    /// Takes a record down; it is written with those beside it.
    fn gather(&self, record: &AuditRecord) -> Line {
        let (line, gathering) = self.add(record);
        if gathering.octets() >= FULL && !gathering.is_being_written {
            self.write_out(gathering);
        }
        line
    }

    fn add(&self, record: &AuditRecord) -> (Line, MutexGuard<'_, Gathering>) {
        self.made(record, |line| {
            let mut gathering = self.gathering();
            while gathering.is_being_written && gathering.octets() >= MOST {
                gathering = self.wait(gathering);
            }
            (gathering.add(line), gathering)
        })
    }

    /// Waits until somebody has written.
    fn wait<'a>(&self, mut gathering: MutexGuard<'a, Gathering>) -> MutexGuard<'a, Gathering> {
        gathering.blocked = gathering.blocked.saturating_add(1);
        let mut gathering = self.wrote.wait(gathering).unwrap_or_else(PoisonError::into_inner);
        gathering.blocked = gathering.blocked.saturating_sub(1);
        gathering
    }

    /// What became of a line, which is written now unless somebody writes.
    fn look(&self, line: &Line, cx: &Context<'_>) -> Poll<Result<(), Fault>> {
        if !line.is_over() {
            let gathering = self.gathering();
            if gathering.has(line) {
                if gathering.is_being_written {
                    // Under the lock, so that whoever writes cannot go before it knows of this one.
                    return line.poll(cx);
                }
                self.write_out(gathering);
            }
        }
        line.poll(cx)
    }

    /// Nobody will look at that line again.
    fn leave(&self, line: &Line) {
        let mut gathering = self.gathering();
        if gathering.has(line) {
            if gathering.is_being_written {
                gathering.is_left = true;
            } else {
                self.write_out(gathering);
            }
        }
    }

    /// Writes what was gathered and what comes meanwhile, and tells those whose lines they are.
    fn write_out<'a>(&'a self, mut gathering: MutexGuard<'a, Gathering>) {
        gathering.is_being_written = true;
        let mut rounds = 0_u32;
        let (next, blocked) = loop {
            let gathered = gathering.take();
            drop(gathering);
            let room = self.write(gathered);
            rounds = rounds.saturating_add(1);
            gathering = self.gathering();
            gathering.give_back(room);
            let is_enough = rounds >= ROUNDS && !gathering.is_left;
            if gathering.octets() == 0 || is_enough {
                gathering.is_being_written = false;
                break (gathering.waiting(), gathering.blocked);
            }
            if gathering.blocked > 0 {
                self.wrote.notify_all();
            }
        };
        drop(gathering);
        // Whoever of them is first writes.
        next.into_iter().for_each(Waker::wake);
        if blocked > 0 {
            self.wrote.notify_all();
        }
    }

    fn write(&self, Gathered { mut lines, group }: Gathered) -> Vec<u8> {
        if let Some(fault) = self.lost() {
            group.is_written(0, Some(fault));
            return lines;
        }
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever goes wrong in there, those whose lines these are must hear of it, and the next ones must be written.
        let written = catch_unwind(AssertUnwindSafe(|| out.append(&mut lines)));
        let written = written.unwrap_or_else(|_| {
            out.note_torn();
            Written { octets: 0, error: Some(io::Error::other("it was broken off by a mistake of ours")) }
        });
        drop(out);
        if let Some(sync) = &self.sync
            && written.octets > 0
        {
            sync.note_written();
        }
        group.is_written(written.octets, written.error.map(|error| self.cannot_write(&error)));
        lines
    }

    fn cannot_write(&self, error: &io::Error) -> Fault {
        fault(self.path.as_deref(), "cannot write to", error)
    }
}

impl Audit for AuditLog {
    fn record(&self, record: &AuditRecord) -> Result<(), Fault> {
        let (line, mut gathering) = self.add(record);
        while gathering.is_being_written && !line.is_over() {
            gathering = self.wait(gathering);
        }
        if gathering.has(&line) {
            // Whoever waits for its line gets it written too.
            self.write_out(gathering);
        }
        line.outcome()
    }

    fn record_soon<'a>(
        &'a self,
        record: &AuditRecord,
    ) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>> {
        Box::pin(Kept::new(self, self.gather(record)))
    }
}

fn syncer(path: Option<&Path>, disk: impl FnMut() -> io::Result<()> + Send + 'static) -> io::Result<Syncer> {
    let path = path.map(Path::to_owned);
    let describe = move |error: &io::Error| fault(path.as_deref(), "cannot bring to the disk", error);
    Syncer::start(Box::new(disk), Box::new(describe), SYNC)
}

fn fault(path: Option<&Path>, did: &str, error: &io::Error) -> Fault {
    let place = path.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    let text = error.to_string().to_lowercase();
    Fault::new(
        FaultKind::AuditUnavailable,
        format!("audit: {did} {place}: {text}; nobody is let in until it works"),
    )
}

fn open(path: &Path) -> io::Result<File> {
    let mut file = open_or_make(OpenOptions::new().read(true).append(true).mode(0o600), path)?;
    if !file.metadata()?.is_file() {
        return Ok(file);
    }
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
