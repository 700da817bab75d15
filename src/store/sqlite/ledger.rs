//! What memory holds of the store: the subjects that were asked for, and what is not in the tables yet.

use std::collections::HashMap;
use std::mem;

use crate::gateway::ports::SubjectDigest;
use crate::login::identity::Pseudonym;
use crate::store::sqlite::bytes::Take;
use crate::store::sqlite::changes::{Changes, Fields};
use crate::store::sqlite::floor::Floor;
use crate::store::sqlite::journal::record::Record;
use crate::store::sqlite::known::{HalfDigest, Known};
use crate::store::sqlite::names::Names;
use crate::store::sqlite::shelf::{PARTS, Shelf, State};

/// Memory; behind a lock that is held to look a handful of people up or to change them. It takes longer where a part is written
/// anew, which is a thousandth of all, and where all is gone through: when the journal, or the store, is another one.
///
/// Of a subject it has all that is known, or what the tables do not have, or nothing. All that is known is right up to where
/// the journal was read, so it may be written into the tables at any time, and more than once.
#[derive(Debug)]
pub(super) struct Ledger {
    shelf: Shelf,
    room: usize,
    /// Whose tables somebody changes, and how many do.
    cold: HashMap<Pseudonym, u32>,
    /// Goes up with whatever makes what was read from the tables before it too old to be kept.
    clock: u64,
    /// When all that was read became so.
    outdated: u64,
    floor: Floor,
    /// For packing into.
    bytes: Vec<u8>,
}

/// What memory has of a subject.
enum Entry {
    /// All that is known.
    Whole(Known),
    /// What the tables do not have.
    Part(Changes),
}

impl Entry {
    fn read(whole: bool, what: &[u8]) -> Option<Self> {
        Some(if whole {
            Self::Whole(Known::unpack(what)?)
        } else {
            Self::Part(Changes::take(&mut Take(what))?)
        })
    }
}

/// What memory has of a subject, as it lies there. To take it apart takes longer than to copy it, and needs no lock.
#[derive(Debug)]
pub(super) struct Copied {
    entry: Option<(bool, Box<[u8]>)>,
    /// Of when it is.
    clock: u64,
}

impl Copied {
    pub(super) fn read(&self) -> Look {
        let entry = self.entry.as_ref().and_then(|(whole, what)| Entry::read(*whole, what));
        match entry {
            Some(Entry::Whole(known)) => Look::Found(known, self.clock),
            Some(Entry::Part(changes)) => Look::Tables(changes, self.clock),
            None => Look::Tables(Changes::default(), self.clock),
        }
    }
}

/// What is to be written of a subject into the tables, likewise.
#[derive(Debug)]
pub(super) struct Unfolded {
    fields: Fields,
    whole: bool,
    what: Box<[u8]>,
}

impl Unfolded {
    pub(super) fn read(&self) -> Option<Changes> {
        Some(match Entry::read(self.whole, &self.what)? {
            Entry::Whole(known) => Changes::of(&known, self.fields),
            Entry::Part(changes) => changes,
        })
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
        Self {
            shelf: Shelf::new(room),
            room,
            cold: HashMap::new(),
            clock: 0,
            outdated: 0,
            floor: Floor::default(),
            bytes: Vec::new(),
        }
    }

    pub(super) fn look(&mut self, who: &Pseudonym) -> Copied {
        let entry = self.shelf.get(who.as_str()).map(|(state, what)| (state.whole, what.into()));
        Copied { entry, clock: self.clock }
    }

    fn read(&mut self, who: &Pseudonym) -> Option<(State, Entry)> {
        let (state, what) = self.shelf.get(who.as_str())?;
        Some((state, Entry::read(state.whole, what)?))
    }

    /// Puts what the tables do not have to what was read from them, and keeps it unless they have changed since `clock`.
    pub(super) fn complete(&mut self, who: &Pseudonym, known: &mut Known, clock: u64) {
        let state = match self.read(who) {
            // Somebody else was faster, and it may have changed since.
            Some((_, Entry::Whole(kept))) => {
                *known = kept;
                return;
            }
            Some((state, Entry::Part(changes))) => {
                known.apply(&changes);
                state
            }
            None => State::default(),
        };
        if self.may_keep(who, clock) {
            self.put_whole(who, known, state);
        }
    }

    /// For [`Ledger::complete`]: before anything is read from the tables.
    pub(super) const fn clock(&self) -> u64 {
        self.clock
    }

    /// Whether somebody would have to make room for what is read in advance.
    pub(super) fn is_nearly_full(&self) -> bool {
        self.shelf.weight() > self.room / 8 * 7
    }

    fn may_keep(&self, who: &Pseudonym, clock: u64) -> bool {
        clock >= self.outdated
            && clock >= self.shelf.changed(who.as_str())
            && (self.cold.is_empty() || !self.cold.contains_key(who))
    }

    fn put_whole(&mut self, who: &Pseudonym, known: &Known, state: State) {
        self.bytes.clear();
        known.pack(&mut self.bytes);
        self.shelf.put(who.as_str(), State { whole: true, ..state }, &self.bytes);
    }

    fn put_part(&mut self, who: &Pseudonym, changes: &Changes, state: State) {
        self.bytes.clear();
        changes.put(&mut self.bytes);
        self.shelf.put(who.as_str(), State { whole: false, ..state }, &self.bytes);
    }

    /// The name of who has this digest, where that is known.
    pub(super) fn find(&mut self, digest: &SubjectDigest) -> Option<Box<str>> {
        self.shelf.find(&HalfDigest::of(digest)).map(Box::from)
    }

    /// Takes what was written of `who`; `known` is the subject with it, packed, as it was read at that time.
    pub(super) fn change(&mut self, who: &Pseudonym, changes: &Changes, known: Option<(&[u8], u64)>) {
        let state = self.shelf.get(who.as_str()).map_or_else(State::default, |(state, _)| state);
        let newer = State { newer: state.newer.and(changes.fields()), ..state };
        match known {
            Some((known, clock)) if self.may_keep(who, clock) => {
                self.shelf.put(who.as_str(), State { whole: true, ..newer }, known);
            }
            // What was decided on is not what is kept now; what came of it counts all the same.
            Some(_) | None => match self.read(who) {
                Some((_, Entry::Whole(mut kept))) => {
                    kept.apply(changes);
                    self.put_whole(who, &kept, newer);
                }
                Some((_, Entry::Part(mut kept))) => {
                    kept.absorb(changes);
                    self.put_part(who, &kept, newer);
                }
                None => self.put_part(who, changes, newer),
            },
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
                self.shelf.remove(who.as_str());
                self.outdate(who);
            }
            Record::Clean | Record::Left => {}
        }
    }

    /// What was read of `who` from the tables is not to be believed any more; what they do not have is.
    fn outdate(&mut self, who: &Pseudonym) {
        self.clock = self.clock.wrapping_add(1);
        self.shelf.set_changed(who.as_str(), self.clock);
        let Some((state, Entry::Whole(known))) = self.read(who) else { return };
        if state.is_unfolded() {
            let changes = Changes::of(&known, state.newer.and(state.older));
            self.put_part(who, &changes, state);
        } else {
            self.shelf.remove(who.as_str());
        }
    }

    /// Forgets what can be read again.
    pub(super) const fn forget_tables(&mut self) {
        self.clock = self.clock.wrapping_add(1);
        self.outdated = self.clock;
        self.shelf.outdate_all();
    }

    /// Forgets also what was not folded, for when the journal begins anew; but for what is used up, since whoever began it
    /// may not have known of that. What it was, since giving that back takes a while.
    #[must_use]
    pub(super) fn forget_all(&mut self) -> impl Send + use<> {
        let blank = Self { floor: self.floor, ..Self::new(self.room) };
        self.begin_anew(blank)
    }

    /// The same, and has what `other` has in its place.
    #[must_use]
    pub(super) fn begin_anew(&mut self, other: Self) -> impl Send + use<> {
        let used = self.unfolded_records();
        let clock = self.clock.wrapping_add(1);
        let before = mem::replace(self, Self { clock, outdated: clock, ..other });
        for record in used {
            if let Record::Changed(who, mut changes) = record
                && changes.keep_progress()
            {
                self.change(&who, &changes, None);
            }
        }
        before
    }

    /// Puts the names of some of those of whom the tables do not have all into `names`; of all when this was called for
    /// each number below [`Ledger::PORTIONS`].
    pub(super) fn name_unfolded(&self, portion: usize, names: &mut Names) {
        self.shelf.each_unfolded(portion, |name| names.push(name));
    }

    pub(super) const PORTIONS: usize = PARTS;

    /// What is to be written of somebody into the tables now; with it and all others they have what was known when it
    /// was begun.
    pub(super) fn begin_fold(&mut self, who: &Pseudonym) -> Option<Unfolded> {
        let (state, what) = self.shelf.get(who.as_str())?;
        let older = state.older.and(state.newer);
        if older.is_none() {
            return None;
        }
        let unfolded = Unfolded { fields: older, whole: state.whole, what: what.into() };
        self.shelf.set_state(who.as_str(), |state| Some(State { older, newer: Fields::default(), ..state }));
        Some(unfolded)
    }

    /// It has been written, or not.
    pub(super) fn end_fold(&mut self, who: &Pseudonym, written: bool) {
        self.clock = self.clock.wrapping_add(1);
        // Whoever read the tables before that may not know what is not in memory any more.
        self.shelf.set_changed(who.as_str(), self.clock);
        self.shelf.set_state(who.as_str(), |state| {
            let newer = if written { state.newer } else { state.newer.and(state.older) };
            let state = State { newer, older: Fields::default(), ..state };
            (state.whole || state.is_unfolded()).then_some(state)
        });
    }

    /// Bytes that what is not folded takes.
    pub(super) const fn unfolded(&self) -> usize {
        self.shelf.unfolded()
    }

    /// Those whose tables are being changed, as records that say so.
    pub(super) fn cold(&self) -> Vec<Record> {
        let each = self.cold.iter();
        each.flat_map(|(who, many)| (0..*many).map(|_| Record::Cold(who.clone()))).collect()
    }

    /// What is not folded, as records.
    pub(super) fn unfolded_records(&mut self) -> Vec<Record> {
        let mut names = Names::default();
        (0..Self::PORTIONS).for_each(|portion| self.name_unfolded(portion, &mut names));
        let record = |who: Pseudonym| {
            let changes = match self.read(&who)? {
                (state, Entry::Whole(known)) => Changes::of(&known, state.newer.and(state.older)),
                (_, Entry::Part(changes)) => changes,
            };
            Some(Record::Changed(who, changes))
        };
        names.all().filter_map(Pseudonym::new).filter_map(record).collect()
    }

    pub(super) const fn floor(&self) -> Floor {
        self.floor
    }

    pub(super) const fn set_floor(&mut self, floor: Floor) {
        self.floor = floor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::step::History;

    #[test]
    fn a_change_that_was_decided_before_a_fold_ended_is_not_hidden_by_what_was_kept_before_it_c_001() {
        let who = Pseudonym::new("p1").unwrap();
        let digest = HalfDigest::of(&SubjectDigest { key_id: 1, digest: [5; 32] });
        let known =
            Known { digest, history: History::default(), enrolments: Vec::new(), failures: Vec::new() };
        let mut ledger = Ledger::new(1 << 20);
        let mut read = known.clone();
        ledger.complete(&who, &mut read, 0);
        let Look::Found(mut decided, epoch) = ledger.look(&who).read() else { panic!("it is kept") };
        ledger.change(&who, &Changes { last_day: Some(19_999), ..Changes::default() }, None);
        assert!(ledger.begin_fold(&who).is_some());
        ledger.end_fold(&who, true);
        decided.history.last_day = Some(20_000);
        let changes = Changes { last_day: Some(20_000), ..Changes::default() };
        let mut packed = Vec::new();
        decided.pack(&mut packed);
        ledger.change(&who, &changes, Some((&packed, epoch)));
        let last_day = match ledger.look(&who).read() {
            Look::Found(known, _) => known.history.last_day,
            Look::Tables(changes, _) => changes.last_day,
        };
        assert_eq!(last_day, Some(20_000));
    }
}
