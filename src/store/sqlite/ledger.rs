//! What memory holds of the store: the subjects that were asked for, and what is not in the tables yet.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use crate::gateway::ports::SubjectDigest;
use crate::login::identity::Pseudonym;
use crate::store::sqlite::cache::{Cache, Numbers};
use crate::store::sqlite::changes::Changes;
use crate::store::sqlite::floor::Floor;
use crate::store::sqlite::journal::record::Record;
use crate::store::sqlite::known::Known;

/// What a login changed and the tables do not have yet, by subject.
pub(super) type Unfolded = HashMap<Pseudonym, Changes>;

/// Memory; behind a lock that nobody holds for longer than it takes to look something up.
#[derive(Debug)]
pub(super) struct Ledger {
    numbers: Numbers,
    subjects: Cache<Box<[u8]>>,
    /// Numbers of subjects by their digests. What it says is held against the subject itself.
    digests: Cache<u64>,
    room: usize,
    newer: Unfolded,
    /// What is being written into the tables.
    older: Arc<Unfolded>,
    /// Somebody else has written that, too, or it stands in the journal that came after.
    older_is_elsewhere: bool,
    /// Whose tables somebody changes, and how many do.
    cold: HashMap<Pseudonym, u32>,
    /// Goes up with whatever makes what was read from the tables before it too old to be kept.
    epoch: u64,
    floor: Floor,
    seen: Seen,
}

/// How far the files have been read.
#[derive(Debug, Default)]
struct Seen {
    journal: Option<Arc<File>>,
    /// Bytes of the journal that are in here.
    known: u64,
    /// Bytes that it may have because we are writing.
    promised: u64,
    /// SQLite's log and how it was after the last write of ours.
    log: Option<Log>,
    /// SQLite's log changes because we write.
    writing: bool,
}

/// Tells whether a file has been written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, u64, u64, i64, i64);

impl Stamp {
    fn of(file: &fs::Metadata) -> Self {
        Self(file.ino(), file.nlink(), file.len(), file.mtime(), file.mtime_nsec())
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

/// What memory knows of a subject.
pub(super) enum Look {
    /// All, and of when that is.
    Found(Known, u64),
    /// What the tables do not have; and of when that is.
    Tables(Changes, u64),
}

impl Ledger {
    /// One that may take `room` bytes for what it could read again.
    pub(super) fn new(room: usize) -> Self {
        let (subjects, digests) = caches(room);
        Self {
            numbers: Numbers::default(),
            subjects,
            digests,
            room,
            newer: Unfolded::default(),
            older: Arc::default(),
            older_is_elsewhere: false,
            cold: HashMap::new(),
            epoch: 0,
            floor: Floor::default(),
            seen: Seen::default(),
        }
    }

    /// Whether the journal is as far as we know.
    pub(super) fn knows_journal(&self) -> io::Result<bool> {
        let Some(journal) = &self.seen.journal else { return Ok(false) };
        let file = journal.metadata()?;
        Ok(file.nlink() > 0 && (self.seen.known..=self.seen.promised).contains(&file.len()))
    }

    /// Whether the tables are as we left them.
    pub(super) fn knows_tables(&self) -> io::Result<bool> {
        if self.seen.writing {
            return Ok(true);
        }
        let Some(Log(log, stamp)) = &self.seen.log else { return Ok(false) };
        Ok(Stamp::of(&log.metadata()?) == *stamp)
    }

    pub(super) fn look(&mut self, who: &Pseudonym) -> Look {
        let number = self.numbers.of(who.as_str());
        match self.subjects.get(number).and_then(|packed| Known::unpack(packed, who)) {
            Some(known) => Look::Found(known, self.epoch),
            None => Look::Tables(self.unfolded(who), self.epoch),
        }
    }

    /// What the tables do not have of `who`.
    pub(super) fn unfolded(&self, who: &Pseudonym) -> Changes {
        let mut changes = self.older.get(who).cloned().unwrap_or_default();
        if let Some(newer) = self.newer.get(who) {
            changes.absorb(newer);
        }
        changes
    }

    /// Keeps what was read from the tables, and has all that they do not have, unless they have changed since `epoch`.
    pub(super) fn keep(&mut self, who: &Pseudonym, known: &Known, epoch: u64) {
        if self.may_keep(who, epoch) {
            let number = self.numbers.of(who.as_str());
            self.subjects.insert(number, known.pack(who));
            self.digests.insert(number_of(&known.digest), number);
        }
    }

    fn may_keep(&self, who: &Pseudonym, epoch: u64) -> bool {
        epoch == self.epoch && !self.cold.contains_key(who)
    }

    /// Who has this digest, where that is known.
    pub(super) fn find(&mut self, digest: &SubjectDigest) -> Option<Pseudonym> {
        let number = *self.digests.get(number_of(digest))?;
        Known::pseudonym_in(self.subjects.get(number)?, digest)
    }

    /// Takes what was written of `who`; `known` is the subject with it, where it may be kept.
    pub(super) fn change(&mut self, who: &Pseudonym, changes: &Changes, known: Option<(&Known, u64)>) {
        match self.newer.get_mut(who) {
            Some(before) => before.absorb(changes),
            None => {
                self.newer.insert(who.clone(), changes.clone());
            }
        }
        match known {
            Some((known, epoch)) if self.may_keep(who, epoch) => self.keep(who, known, epoch),
            // What is kept has not this change, and must not be found any more.
            Some(_) | None => self.drop_one(who),
        }
    }

    /// Takes a record that was read.
    pub(super) fn take(&mut self, record: &Record) {
        match record {
            Record::Changed(who, changes) => self.change(who, changes, None),
            Record::Cold(who) => {
                let many = self.cold.entry(who.clone()).or_default();
                *many = many.saturating_add(1);
                self.outdate(who);
            }
            Record::Warm(who) => {
                if let Some(many) = self.cold.get_mut(who) {
                    *many = many.saturating_sub(1);
                    if *many == 0 {
                        self.cold.remove(who);
                    }
                }
                self.outdate(who);
            }
            Record::Forgotten(who) => {
                self.newer.remove(who);
                self.outdate(who);
            }
            Record::Clean | Record::Left => {}
        }
    }

    fn outdate(&mut self, who: &Pseudonym) {
        self.epoch = self.epoch.wrapping_add(1);
        self.drop_one(who);
    }

    fn drop_one(&mut self, who: &Pseudonym) {
        let number = self.numbers.of(who.as_str());
        self.subjects.remove(number);
    }

    /// Forgets what can be read again; what it was, since giving that back takes a while.
    #[must_use]
    pub(super) fn forget_tables(&mut self) -> impl Send + use<> {
        self.epoch = self.epoch.wrapping_add(1);
        let (subjects, digests) = caches(self.room);
        (mem::replace(&mut self.subjects, subjects), mem::replace(&mut self.digests, digests))
    }

    /// Forgets also what was not folded, for when the journal begins anew; but for what is used up, since whoever began it
    /// may not have known of that.
    #[must_use]
    pub(super) fn forget_all(&mut self) -> impl Send + use<> {
        self.cold.clear();
        self.older_is_elsewhere = true;
        self.newer.retain(|_, changes| changes.keep_progress());
        self.forget_tables()
    }

    /// What is to be written into the tables from now on. What is left of an earlier time that failed is in it.
    pub(super) fn begin_fold(&mut self) -> Arc<Unfolded> {
        self.older_is_elsewhere = false;
        self.older = Arc::new(mem::take(&mut self.newer));
        self.older.clone()
    }

    /// It has been written, or not.
    pub(super) fn end_fold(&mut self, written: bool) {
        self.epoch = self.epoch.wrapping_add(1);
        let mut older = Arc::unwrap_or_clone(mem::take(&mut self.older));
        if !written {
            if self.older_is_elsewhere {
                older.retain(|_, changes| changes.keep_progress());
            }
            let newer = mem::replace(&mut self.newer, older);
            for (who, changes) in newer {
                self.newer.entry(who).or_default().absorb(&changes);
            }
        }
    }

    /// Subjects of whom something is not folded.
    pub(super) fn unfolded_subjects(&self) -> usize {
        self.newer.len().saturating_add(self.older.len())
    }

    /// Nothing is left to be folded.
    pub(super) fn is_folded(&self) -> bool {
        self.newer.is_empty()
    }

    /// Those whose tables are being changed, as records that say so.
    pub(super) fn cold(&self) -> Vec<Record> {
        let each = self.cold.iter();
        each.flat_map(|(who, many)| (0..*many).map(|_| Record::Cold(who.clone()))).collect()
    }

    /// What is not folded and not being folded, as records.
    pub(super) fn newer_records(&self) -> Vec<Record> {
        self.newer.iter().map(|(who, changes)| Record::Changed(who.clone(), changes.clone())).collect()
    }

    pub(super) const fn floor(&self) -> Floor {
        self.floor
    }

    pub(super) const fn set_floor(&mut self, floor: Floor) {
        self.floor = floor;
    }

    /// The journal that is read from now on, as far as it is known.
    pub(super) fn set_journal(&mut self, journal: Arc<File>, known: u64) {
        self.seen.journal = Some(journal);
        self.know(known);
    }

    pub(super) fn journal(&self) -> Option<Arc<File>> {
        self.seen.journal.clone()
    }

    /// Bytes of the journal as far as it is known.
    pub(super) const fn known_journal(&self) -> u64 {
        self.seen.known
    }

    /// The journal is known up to here, and nobody writes behind it but others.
    pub(super) const fn know(&mut self, known: u64) {
        self.seen.known = known;
        self.seen.promised = known;
    }

    /// We write up to here.
    pub(super) const fn promise(&mut self, end: u64) {
        self.seen.promised = end;
    }

    /// We begin to write to the tables; nobody else does.
    pub(super) const fn begin_tables(&mut self) {
        self.seen.writing = true;
    }

    /// We have ended, and left SQLite's log like this. `foreign`: somebody else has written to the tables before.
    #[must_use]
    pub(super) fn end_tables(&mut self, log: Option<Log>, foreign: bool) -> impl Send + use<> {
        self.seen.writing = false;
        self.seen.log = log;
        foreign.then(|| self.forget_tables())
    }
}

fn caches(room: usize) -> (Cache<Box<[u8]>>, Cache<u64>) {
    // A subject takes some 260 bytes and its digest 36.
    let digests = room.checked_div(8).unwrap_or(0);
    (Cache::new(room.saturating_sub(digests)), Cache::new(digests))
}

/// A digest is spread evenly by itself; keys are told apart when it is held against the subject.
fn number_of(digest: &SubjectDigest) -> u64 {
    digest.digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::step::History;

    #[test]
    fn a_change_that_was_decided_before_a_fold_ended_is_not_hidden_by_what_was_kept_before_it_c_001() {
        let who = Pseudonym::new("p1").unwrap();
        let digest = SubjectDigest { key_id: 1, digest: [5; 32] };
        let known =
            Known { digest, history: History::default(), enrolments: Vec::new(), failures: Vec::new() };
        let mut ledger = Ledger::new(1 << 20);
        ledger.keep(&who, &known, ledger.epoch);
        let Look::Found(mut decided, epoch) = ledger.look(&who) else { panic!("it is kept") };
        drop(ledger.begin_fold());
        ledger.end_fold(true);
        decided.history.last_day = Some(20_000);
        let changes = Changes { last_day: Some(20_000), ..Changes::default() };
        ledger.change(&who, &changes, Some((&decided, epoch)));
        let last_day = match ledger.look(&who) {
            Look::Found(known, _) => known.history.last_day,
            Look::Tables(changes, _) => changes.last_day,
        };
        assert_eq!(last_day, Some(20_000));
    }
}
