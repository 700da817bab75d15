//! The journal: what logins change is written behind each other into one file beside the store, and folded into its
//! tables later. See [`crate::store::sqlite`] for the whole.

pub(super) mod draft;
pub(super) mod record;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::journal::draft::Draft;
use crate::store::sqlite::journal::record::{CLEAN, HEADER, Header, Record, Rest, START, Scanner, as_place};

/// No journal of ours is longer; another file may be.
const LONGEST: u64 = 1 << 30;
/// Bytes that are read at once.
const PIECE: usize = 1 << 18;
/// How long to wait before it is tried again to lock the file.
const PAUSE: Duration = Duration::from_millis(1);

/// The file, read as far as it goes. Whoever changes it holds its lock.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Arc<File>,
    header: Header,
    /// Where what was read ends.
    end: u64,
    /// Everything in it is on the disk.
    clean: bool,
    /// We have written into it.
    wrote: bool,
    /// Records that were read and not told.
    left: Vec<Record>,
}

/// What somebody else did to the journal.
#[derive(Debug)]
pub(super) enum News {
    /// These records, or none.
    Records(Vec<Record>),
    /// Another file took its place after these records; what it holds was in the first one.
    Next(Vec<Record>),
    /// Another file took its place, and between them there was one that was not read. These records are in it.
    Other(Vec<Record>),
}

impl Journal {
    /// Where the journal of the store at `path` lies.
    pub(super) fn beside(store: &Path) -> PathBuf {
        let mut name = store.as_os_str().to_owned();
        name.push(".log");
        name.into()
    }

    /// Makes one without records, and locks it.
    pub(super) fn make(path: &Path, header: Header) -> Result<Self, Fault> {
        let draft = Draft::begin(path, header)?.ok_or_else(held)?;
        let (file, ..) = draft.finish(path, &[])?;
        Ok(Self {
            path: path.to_owned(),
            file,
            header,
            end: START,
            clean: false,
            wrote: false,
            left: Vec::new(),
        })
    }

    /// Opens and locks the one that is there, and reads its header; `None` when there is none.
    pub(super) fn open(path: &Path, patience: Duration) -> Result<Option<Self>, Fault> {
        let mut waited = Duration::ZERO;
        loop {
            let file = match OpenOptions::new().read(true).write(true).open(path) {
                Ok(file) => file,
                Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(why) => return Err(unusable(path, &format!("it cannot be opened for writing: {why}"))),
            };
            check(path, &file)?;
            let locked = try_lock(&file)?;
            if locked && file.metadata().map_err(|why| trouble(&why))?.nlink() > 0 {
                return Self::read_header(path, file).map(Some);
            }
            if waited >= patience {
                return Err(held());
            }
            std::thread::sleep(PAUSE);
            waited = waited.saturating_add(PAUSE);
        }
    }

    fn read_header(path: &Path, file: File) -> Result<Self, Fault> {
        let mut bytes = [0; HEADER];
        let read = file.read_exact_at(&mut bytes, 0);
        let header = read.ok().and_then(|()| Header::read(&bytes));
        let header = header.ok_or_else(|| unusable(path, DAMAGED))?;
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(file),
            header,
            end: START,
            clean: false,
            wrote: false,
            left: Vec::new(),
        })
    }

    pub(super) const fn header(&self) -> &Header {
        &self.header
    }

    pub(super) const fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Nothing in it can be lost.
    pub(super) const fn is_clean(&self) -> bool {
        self.clean
    }

    /// Nothing is in it but that.
    pub(super) fn is_blank(&self) -> bool {
        self.end == START || (self.clean && self.end == START.saturating_add(CLEAN))
    }

    pub(super) const fn has_written(&self) -> bool {
        self.wrote
    }

    /// Brings to the disk what was written.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        self.file.sync_data().map_err(|why| trouble(&why))
    }

    /// Takes the lock that processes share; `false` when another one has it.
    pub(super) fn try_lock(&self) -> Result<bool, Fault> {
        try_lock(&self.file)
    }

    pub(super) fn unlock(&self) {
        // It ends with the file at the latest.
        let _ended = self.file.unlock();
    }

    /// Reads what stands behind `start` for the first time; `true` for damage. A record that nobody ended writing is cut off;
    /// damage among what was whole once is a fault, unless `torn_anywhere`: pages reach the disk in any order.
    pub(super) fn read_from(
        &mut self,
        start: u64,
        torn_anywhere: bool,
        each: &mut dyn FnMut(Record),
    ) -> Result<bool, Fault> {
        let length = self.length()?;
        if length > LONGEST {
            return Err(unusable(&self.path, DAMAGED));
        }
        let mut ends_clean = self.clean;
        let start = start.max(START);
        let (whole, rest) = read(&self.file, self.header.generation, (start, length), &mut |record, _| {
            ends_clean = record == Record::Clean;
            each(record);
        })?;
        let damaged = rest == Rest::Damaged;
        self.end = start;
        if damaged && !torn_anywhere {
            return Err(unusable(&self.path, DAMAGED));
        }
        if rest == Rest::Torn {
            self.file.set_len(whole).map_err(|why| trouble(&why))?;
        }
        self.clean = match rest {
            Rest::Nothing => ends_clean,
            // The mark is the end again. Behind a loss of power it is not known what else there was.
            Rest::Torn => ends_clean && !torn_anywhere,
            Rest::Damaged => false,
        };
        self.end = if damaged { length } else { whole };
        Ok(damaged)
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> Result<u64, Fault> {
        self.file.metadata().map(|file| file.len()).map_err(|why| trouble(&why))
    }

    /// What others have written since. The lock is held, and afterwards it is that of the file which is there now.
    ///
    /// `None`: another process has the lock of that one.
    pub(super) fn catch_up(&mut self) -> Result<Option<News>, Fault> {
        let file = self.file.metadata().map_err(|why| trouble(&why))?;
        if file.nlink() > 0 && !self.is_left(file.len())? {
            return self.more(file.len()).map(|records| Some(News::Records(records)));
        }
        let next = match Self::open(&self.path, Duration::ZERO) {
            Ok(Some(next)) => next,
            Ok(None) if self.path.exists() => return Ok(None),
            Ok(None) => {
                let last = self.more(file.len())?;
                self.left.extend(last);
                return Err(unusable(&self.path, "somebody has removed it; it is made anew"));
            }
            Err(fault) if fault == held() => return Ok(None),
            Err(fault) => return Err(fault),
        };
        self.go_on_in(next, file.len()).map(Some)
    }

    /// Whether who replaced the file of this length has said so in it.
    fn is_left(&self, length: u64) -> Result<bool, Fault> {
        if length <= self.end {
            return Ok(false);
        }
        let mut is_left = false;
        read(&self.file, self.header.generation, (self.end, length), &mut |record, _| {
            is_left = record == Record::Left;
        })?;
        Ok(is_left)
    }

    /// Goes on in the file that took the place of this one, which ends at `length`.
    fn go_on_in(&mut self, mut next: Self, length: u64) -> Result<News, Fault> {
        if next.header.store != self.header.store {
            return Err(unusable(&self.path, "it belongs to another store"));
        }
        let mut all = Vec::new();
        next.read_from(START, false, &mut |record| all.push(record))?;
        let carried = next.carried_records()?.min(all.len());
        let last = self.more(length)?;
        let news = if next.header.generation == self.header.generation.saturating_add(1) {
            let left = std::mem::take(&mut self.left);
            News::Next(left.into_iter().chain(last).chain(all.drain(..).skip(carried)).collect())
        } else {
            News::Other(all)
        };
        next.wrote = self.wrote;
        *self = next;
        Ok(news)
    }

    /// What was in a file that nobody has any more, and nobody has heard of yet.
    pub(super) fn take_left(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.left)
    }

    /// How many of the records were carried over from the generation before.
    fn carried_records(&self) -> Result<usize, Fault> {
        let mut many = 0_usize;
        let until = START.saturating_add(self.header.carried);
        let count = &mut |_, _| many = many.saturating_add(1);
        read(&self.file, self.header.generation, (START, until), count)?;
        Ok(many)
    }

    fn more(&mut self, length: u64) -> Result<Vec<Record>, Fault> {
        if length < self.end {
            return Err(unusable(&self.path, "somebody has cut it; it is made anew"));
        }
        let mut records = Vec::new();
        if length > self.end {
            self.read_from(self.end, false, &mut |record| records.push(record))?;
        }
        Ok(records)
    }

    /// Writes `bytes`, whole records, behind what is there. When that fails nothing of them is left.
    pub(super) fn append(&mut self, bytes: &[u8], is_clean: bool) -> Result<(), Fault> {
        if let Err(why) = self.file.write_all_at(bytes, self.end) {
            // Where this fails too, whoever reads next finds whole records that were not acknowledged, or a torn one.
            let _cut = self.file.set_len(self.end);
            return Err(trouble(&why));
        }
        self.end = self.end.saturating_add(as_place(bytes.len()));
        self.clean = is_clean;
        self.wrote = true;
        Ok(())
    }

    /// Begins a file that is to take the place of this one; `None` when somebody else has begun one. What stands in
    /// this one can be copied into it without holding the lock.
    pub(super) fn draft(&self, boot: [u8; 16]) -> Result<Option<Draft>, Fault> {
        let generation = self.header.generation.saturating_add(1);
        Draft::begin(&self.path, Header { generation, boot, carried: 0, ..self.header })
    }

    /// Has `draft` take the place of this one, with these records at its end. All of it is on the disk when this returns.
    pub(super) fn give_way(&mut self, draft: Draft, records: &[Record]) -> Result<(), Fault> {
        let (file, header, end, clean) = draft.finish(&self.path, records)?;
        let before = std::mem::replace(&mut self.file, file);
        leave(&before, self.header.generation, self.end);
        let _ended = before.unlock();
        (self.header, self.end, self.clean) = (header, end, clean);
        Ok(())
    }
}

/// Reads records of a file from one place to another.
fn read(
    file: &File,
    generation: u64,
    (start, until): (u64, u64),
    each: &mut dyn FnMut(Record, u64),
) -> Result<(u64, Rest), Fault> {
    let mut scanner = Scanner::new(generation, start);
    let mut bytes = Vec::new();
    let mut at = start;
    while at < until {
        let left = usize::try_from(until.saturating_sub(at)).unwrap_or(usize::MAX);
        let kept = bytes.len();
        bytes.resize(kept.saturating_add(left.min(PIECE)), 0);
        let piece = bytes.get_mut(kept..).unwrap_or_default();
        at = at.saturating_add(as_place(piece.len()));
        let from = at.saturating_sub(as_place(piece.len()));
        file.read_exact_at(piece, from).map_err(|why| trouble(&why))?;
        let done = scanner.read(&bytes, at >= until, each);
        bytes.drain(..done);
    }
    Ok(scanner.end())
}

/// Tells whoever has the file open, which ends at `end`, that it has been replaced. One without a name says so by itself.
fn leave(file: &File, generation: u64, end: u64) {
    if file.metadata().is_ok_and(|file| file.nlink() > 0) {
        let mut last = Vec::new();
        Record::Left.put(generation, &mut last);
        // Where this fails they notice when somebody folds.
        let _written = file.write_all_at(&last, end);
    }
}

fn check(path: &Path, file: &File) -> Result<(), Fault> {
    let file = file.metadata().map_err(|why| trouble(&why))?;
    if !file.is_file() {
        return Err(unusable(path, "it is not a regular file"));
    }
    if file.mode() & 0o027 != 0 {
        return Err(unusable(path, "others may read or change it; chmod 600 it"));
    }
    Ok(())
}

fn try_lock(file: &File) -> Result<bool, Fault> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(why)) => Err(trouble(&why)),
    }
}

const DAMAGED: &str = "it is damaged, and with it the codes that were used last; look at the disk, move the file away and \
                       start again: what it held since the last pause is lost, so counter-based and recovery codes of that \
                       time can be used once more, and time-based ones of the last minutes count as used";

fn unusable(path: &Path, why: &str) -> Fault {
    Fault::new(
        FaultKind::StoreUnavailable,
        format!("cannot use the store's journal {}: {why}", path.display()),
    )
}

/// Another process had the lock all the time.
pub(super) fn held() -> Fault {
    let what = "another process holds the journal's lock for long; end it, no restart is needed";
    Fault::new(FaultKind::StoreUnavailable, what)
}

/// What the system says, in words that say what to do.
pub(super) fn trouble(why: &io::Error) -> Fault {
    let advice = match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "the disk is full; make room, no restart is needed"
        }
        _ => "the disk gave an error; look at the system log, then at the disk",
    };
    Fault::new(FaultKind::StoreUnavailable, format!("the journal: {advice} ({why})"))
}

#[cfg(test)]
mod tests;
