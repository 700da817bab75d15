//! How far the files have been read: whoever asks sees whether somebody else has written, and waits for nobody.
//!
//! A look at the files has a number. A [`Moment`] is that of the last look which had begun; a look with a greater number
//! began later, so it saw all that was written before that moment, and whoever came before it needs no look of his own.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;

use crate::gateway::ports::Moment;

/// What has been read, and what we are writing. Who changes it holds the journal, or is the thread that writes to the tables.
#[derive(Debug, Default)]
pub(super) struct Seen {
    journal: ArcSwapOption<Read>,
    log: ArcSwapOption<Log>,
    /// SQLite's log changes because we write.
    writing: AtomicBool,
    /// It may become empty because we fold it into the file.
    emptying: AtomicBool,
    /// Goes up whenever we begin or end one of these.
    turns: AtomicU64,
    /// Looks that have begun.
    begun: AtomicU64,
    /// The last of them that found nothing new.
    ended: AtomicU64,
}

/// A journal, as far as it is known.
#[derive(Debug)]
struct Read {
    file: Arc<File>,
    /// Bytes of it that memory has.
    known: AtomicU64,
    /// Bytes that it may have because we are writing. Memory has all that others wrote below that.
    promised: AtomicU64,
}

/// Tells whether a file has been written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, u64, u64, i64, i64);

impl Stamp {
    fn of(file: &fs::Metadata) -> Self {
        Self(file.ino(), file.nlink(), file.len(), file.mtime(), file.mtime_nsec())
    }

    /// The same file, and nothing is in it.
    const fn is_emptied(self, before: Self) -> bool {
        self.0 == before.0 && self.1 == before.1 && self.2 == 0
    }
}

/// SQLite's log as it was at some time.
#[derive(Debug)]
pub(super) struct Log(File, Stamp);

impl Log {
    /// As it is now; `None` when it cannot be told.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let stamp = Stamp::of(&file.metadata().ok()?);
        Some(Self(file, stamp))
    }
}

impl Seen {
    /// All that is written before this counts for whoever asks with it.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.begun.load(Ordering::SeqCst))
    }

    /// The number of a look that begins now.
    pub(super) fn begin_look(&self) -> Moment {
        Moment(self.begun.fetch_add(1, Ordering::SeqCst).wrapping_add(1))
    }

    /// That look has found nothing new.
    pub(super) fn end_look(&self, look: Moment) {
        self.ended.fetch_max(look.0, Ordering::SeqCst);
    }

    /// Whether somebody has looked since.
    pub(super) fn has_looked(&self, since: Moment) -> bool {
        self.ended.load(Ordering::SeqCst) > since.0
    }

    /// Whether memory has all of the journal.
    pub(super) fn knows_journal(&self) -> io::Result<bool> {
        let journal = self.journal.load();
        let Some(journal) = &*journal else { return Ok(false) };
        // It grows; one that is shorter than it was known to be before was cut.
        let before = journal.known.load(Ordering::SeqCst);
        let file = journal.file.metadata()?;
        let promised = journal.promised.load(Ordering::SeqCst);
        Ok(file.nlink() > 0 && (before..=promised).contains(&file.len()))
    }

    /// Whether the tables are as we left them.
    pub(super) fn knows_tables(&self) -> io::Result<bool> {
        loop {
            let turn = self.turns.load(Ordering::SeqCst);
            if self.writing.load(Ordering::SeqCst) {
                return Ok(true);
            }
            let may_be_empty = self.emptying.load(Ordering::SeqCst);
            let log = self.log.load();
            let Some(Log(file, stamp)) = log.as_deref() else { return Ok(false) };
            let now = Stamp::of(&file.metadata()?);
            let same = now == *stamp || (may_be_empty && now.is_emptied(*stamp));
            // Where we have begun to write meanwhile it may be other for that.
            if same || self.turns.load(Ordering::SeqCst) == turn {
                return Ok(same);
            }
        }
    }

    /// The journal that is read from now on, as far as memory has it.
    pub(super) fn set_journal(&self, file: Arc<File>, known: u64) {
        let read = Read { file, known: known.into(), promised: known.into() };
        self.journal.store(Some(Arc::new(read)));
    }

    pub(super) fn journal(&self) -> Option<Arc<File>> {
        self.journal.load().as_ref().map(|journal| journal.file.clone())
    }

    /// Bytes of the journal as far as it is known.
    pub(super) fn known_journal(&self) -> u64 {
        self.journal.load().as_ref().map_or(0, |journal| journal.known.load(Ordering::SeqCst))
    }

    /// The journal is known up to here, and nobody writes behind it but others.
    pub(super) fn know(&self, known: u64) {
        if let Some(journal) = &*self.journal.load() {
            journal.promised.store(known, Ordering::SeqCst);
            journal.known.store(known, Ordering::SeqCst);
        }
    }

    /// We write up to here.
    pub(super) fn promise(&self, end: u64) {
        if let Some(journal) = &*self.journal.load() {
            journal.promised.store(end, Ordering::SeqCst);
        }
    }

    /// We begin to write to the tables. Nobody else can, and what others wrote before is known: from here on it would be taken
    /// for ours.
    pub(super) fn begin_tables(&self) {
        self.writing.store(true, Ordering::SeqCst);
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    /// We begin to fold SQLite's log into the file. Others can write meanwhile: then it does not stay as it is, nor empty.
    pub(super) fn begin_emptying(&self) {
        self.emptying.store(true, Ordering::SeqCst);
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    /// We have ended, and left SQLite's log like this.
    pub(super) fn end_tables(&self, log: Option<Log>) {
        self.log.store(log.map(Arc::new));
        self.writing.store(false, Ordering::SeqCst);
        self.emptying.store(false, Ordering::SeqCst);
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    /// Another store lies there: of its tables nothing is known yet.
    pub(super) fn begin_anew(&self, file: Arc<File>, known: u64) {
        self.set_journal(file, known);
        self.end_tables(None);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    /// A journal of ten bytes that are known, and somebody else who has it open.
    fn journal(folder: &Path) -> (Seen, File) {
        let path = folder.join("journal");
        fs::write(&path, [0; 10]).unwrap();
        let seen = Seen::default();
        seen.set_journal(Arc::new(File::open(&path).unwrap()), 10);
        (seen, OpenOptions::new().append(true).open(&path).unwrap())
    }

    #[test]
    fn what_others_append_is_news_until_it_is_known_and_what_we_write_never_is() {
        let folder = tempfile::tempdir().unwrap();
        let (seen, mut other) = journal(folder.path());
        assert!(seen.knows_journal().unwrap());
        other.write_all(&[0; 5]).unwrap();
        assert!(!seen.knows_journal().unwrap());
        seen.know(15);
        assert!(seen.knows_journal().unwrap());
        seen.promise(20);
        assert!(seen.knows_journal().unwrap(), "nothing of it is written yet");
        other.write_all(&[0; 5]).unwrap();
        assert!(seen.knows_journal().unwrap());
        seen.know(20);
        other.write_all(&[0; 1]).unwrap();
        assert!(!seen.knows_journal().unwrap());
    }

    #[test]
    fn a_journal_that_was_cut_removed_or_replaced_is_news() {
        let folder = tempfile::tempdir().unwrap();
        let (seen, other) = journal(folder.path());
        other.set_len(9).unwrap();
        assert!(!seen.knows_journal().unwrap());
        other.set_len(10).unwrap();
        assert!(seen.knows_journal().unwrap());
        fs::write(folder.path().join("next"), [0; 10]).unwrap();
        fs::rename(folder.path().join("next"), folder.path().join("journal")).unwrap();
        assert!(!seen.knows_journal().unwrap());
    }

    #[test]
    fn a_look_counts_for_those_who_came_before_it_and_for_nobody_else() {
        let seen = Seen::default();
        let before = seen.moment();
        assert!(!seen.has_looked(before));
        let look = seen.begin_look();
        let meanwhile = seen.moment();
        seen.end_look(look);
        assert!(seen.has_looked(before));
        assert!(!seen.has_looked(meanwhile), "it may have been over the place already");
        assert!(!seen.has_looked(seen.moment()));
        let (early, late) = (seen.begin_look(), seen.begin_look());
        seen.end_look(late);
        seen.end_look(early);
        assert!(seen.has_looked(early), "one that takes long takes nothing back");
    }

    #[test]
    fn the_tables_are_as_we_left_them_until_somebody_else_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, [0; 10]).unwrap();
        let seen = Seen::default();
        assert!(!seen.knows_tables().unwrap(), "nobody has seen them");
        seen.end_tables(Log::at(&path));
        assert!(seen.knows_tables().unwrap());
        seen.begin_tables();
        fs::write(&path, [0; 20]).unwrap();
        assert!(seen.knows_tables().unwrap(), "it is we who write");
        seen.end_tables(Log::at(&path));
        assert!(seen.knows_tables().unwrap());
        fs::write(&path, [0; 30]).unwrap();
        assert!(!seen.knows_tables().unwrap());
    }

    #[test]
    fn a_log_that_we_empty_is_known_and_what_others_write_before_or_after_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, [0; 10]).unwrap();
        let seen = Seen::default();
        seen.end_tables(Log::at(&path));
        let other = OpenOptions::new().write(true).open(&path).unwrap();
        seen.begin_emptying();
        assert!(seen.knows_tables().unwrap());
        other.set_len(20).unwrap();
        assert!(!seen.knows_tables().unwrap(), "that is not emptying it");
        other.set_len(0).unwrap();
        assert!(seen.knows_tables().unwrap());
        other.set_len(5).unwrap();
        assert!(!seen.knows_tables().unwrap(), "somebody has begun it anew");
        seen.end_tables(Log::at(&path));
        assert!(seen.knows_tables().unwrap());
        other.set_len(0).unwrap();
        assert!(!seen.knows_tables().unwrap(), "it was not us who emptied it now");
    }
}
