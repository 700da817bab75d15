//! What memory has of subjects, close together.
//!
//! An entry stands under its name in one of many small parts. A part is a [`Heap`], in which entries stand one behind the
//! other, and an index of where they begin; what is replaced by something longer leaves a gap, and when there are too many
//! the part is written anew. So a subject takes some twenty bytes more than what is known of it, and no step takes longer
//! than a part, however many there are.
//!
//! Longer than 400 lines: shelf, part and entry share one layout of bytes, which nobody else should know.
//!
//! What can be read again makes room when all of it is too much; what the tables do not have stays.

mod heap;

use std::hash::{BuildHasher, RandomState};
use std::mem;

use crate::store::sqlite::bytes::{Put, Take};
use crate::store::sqlite::changes::{Changes, Fields};
use crate::store::sqlite::index::Index;
use crate::store::sqlite::known::{HalfDigest, Known};
use crate::store::sqlite::shelf::heap::Heap;

/// Parts of a shelf.
pub(super) const PARTS: usize = 1024;
/// Bytes that an entry takes in the two indexes, which are three quarters full.
const PLACES: usize = 28;

/// How an entry stands to the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct State {
    /// It is all that is known, and not only what the tables do not have.
    pub(super) whole: bool,
    /// What the tables do not have.
    pub(super) newer: Fields,
    /// What is being written into them.
    pub(super) older: Fields,
}

impl State {
    /// The tables do not have all of it.
    pub(super) const fn is_unfolded(self) -> bool {
        !self.newer.is_none() || !self.older.is_none()
    }
}

/// Entries by name, and the names of whole ones by digest.
#[derive(Debug)]
pub(super) struct Shelf {
    parts: Vec<Part>,
    /// Where whole entries stand, by parts of their digests. What it says is held against the entry.
    digests: Vec<Index<Place>>,
    numbers: RandomState,
    /// Bytes of a part beyond which it makes room.
    room: usize,
    unfolded: usize,
    /// Goes up when whole entries are not to be believed any more. Each part is told when it is next asked.
    version: u64,
}

/// The part in which an entry stands, and under which number.
type Place = (u16, u32);

#[derive(Debug, Default)]
struct Part {
    heap: Heap,
    index: Index<u32>,
    /// Bytes of the heap that belong to nobody.
    waste: usize,
    /// Bytes of entries that the tables do not have.
    unfolded: usize,
    version: u64,
    /// When something of it became too old to be kept.
    changed: u64,
    /// Where room was made last.
    hand: u32,
}

/// An entry as it lies in the heap.
#[derive(Clone, Copy)]
struct Entry<'a> {
    state: State,
    /// Somebody asked for it since room was made.
    asked: bool,
    name: &'a [u8],
    what: &'a [u8],
    /// Bytes of all of it.
    size: usize,
}

/// What becomes of an entry when its part is written anew.
enum Fate {
    Stays,
    /// And was not asked for since.
    Rests,
    Goes,
    Becomes(State, Vec<u8>),
}

const WHOLE: u8 = 1;
const ASKED: u8 = 2;

impl<'a> Entry<'a> {
    fn at(heap: &'a Heap, at: u32) -> Option<Self> {
        let all = heap.at(at)?;
        let mut from = Take(all);
        let [marks, fields] = from.array()?;
        let body = from.counted()?;
        let size = all.len().saturating_sub(from.0.len());
        let mut from = Take(body);
        let name = from.counted()?;
        let (newer, older) = Fields::both(fields);
        let state = State { whole: marks & WHOLE > 0, newer, older };
        Some(Self { state, asked: marks & ASKED > 0, name, what: from.0, size })
    }

    fn digest(&self) -> Option<HalfDigest> {
        self.state.whole.then(|| Known::digest_in(self.what)).flatten()
    }
}

fn marks(state: State, asked: bool) -> [u8; 2] {
    let whole = if state.whole { WHOLE } else { 0 };
    [whole | if asked { ASKED } else { 0 }, state.newer.with(state.older)]
}

/// Bytes of a number as [`Put::number`] writes it, below 2^21.
const fn width(number: usize) -> usize {
    match number {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        _ => 3,
    }
}

impl Shelf {
    /// One that may take `room` bytes for what could be read again.
    pub(super) fn new(room: usize) -> Self {
        Self {
            parts: (0..PARTS).map(|_| Part::default()).collect(),
            digests: (0..PARTS).map(|_| Index::default()).collect(),
            numbers: RandomState::new(),
            room: room.checked_div(PARTS).unwrap_or(0),
            unfolded: 0,
            version: 0,
        }
    }

    /// Bytes of what the tables do not have.
    pub(super) const fn unfolded(&self) -> usize {
        self.unfolded
    }

    /// Bytes of all that it holds.
    pub(super) fn weight(&self) -> usize {
        self.parts.iter().map(Part::weight).fold(0, usize::saturating_add)
    }

    pub(super) fn get(&mut self, name: &str) -> Option<(State, &[u8])> {
        let (number, tag) = self.place(name);
        self.refresh(number);
        let part = self.parts.get_mut(usize::from(number))?;
        let at = part.find(tag, name.as_bytes())?;
        part.note_asked(at);
        Entry::at(&part.heap, at).map(|entry| (entry.state, entry.what))
    }

    /// The name of whoever has this digest, where all is known of him.
    pub(super) fn find(&mut self, digest: &HalfDigest) -> Option<&str> {
        let (number, hash) = place_of(digest);
        let parts = &self.parts;
        let version = self.version;
        let found = self.digests.get(usize::from(number))?.find(hash, |(number, tag)| {
            let Some(part) = parts.get(usize::from(number)).filter(|part| part.version == version) else {
                return false;
            };
            part.at_digest(tag, digest).is_some()
        });
        let (number, tag) = found?;
        let part = self.parts.get_mut(usize::from(number))?;
        let at = part.at_digest(tag, digest)?;
        part.note_asked(at);
        std::str::from_utf8(Entry::at(&part.heap, at)?.name).ok()
    }

    /// Keeps `what` under `name`, in place of what was there.
    pub(super) fn put(&mut self, name: &str, state: State, what: &[u8]) {
        let (number, tag) = self.place(name);
        self.refresh(number);
        self.with(number, |part, digests| part.put(digests, (number, tag), name.as_bytes(), state, what));
        self.make_room(number);
    }

    /// Changes how an entry stands to the tables; `None` takes it away.
    pub(super) fn set_state(&mut self, name: &str, to: impl FnOnce(State) -> Option<State>) {
        let (number, tag) = self.place(name);
        self.refresh(number);
        self.with(number, |part, digests| {
            let Some(at) = part.find(tag, name.as_bytes()) else { return };
            let Some(before) = Entry::at(&part.heap, at).map(|entry| entry.state) else { return };
            match to(before) {
                Some(state) => part.set_state(at, state),
                None => part.remove(digests, (number, tag), at),
            }
        });
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.set_state(name, |_| None);
    }

    /// Whole entries are not to be believed any more.
    pub(super) const fn outdate_all(&mut self) {
        self.version = self.version.wrapping_add(1);
    }

    /// When what was read of `name` became too old to be kept.
    pub(super) fn changed(&self, name: &str) -> u64 {
        self.parts.get(usize::from(self.place(name).0)).map_or(0, |part| part.changed)
    }

    pub(super) fn set_changed(&mut self, name: &str, clock: u64) {
        let number = usize::from(self.place(name).0);
        self.parts.get_mut(number).into_iter().for_each(|part| part.changed = clock);
    }

    /// Gives the names of those in a part of whom the tables do not have all.
    pub(super) fn each_unfolded(&self, part: usize, mut each: impl FnMut(&str)) {
        let Some(part) = self.parts.get(part).filter(|part| part.unfolded > 0) else { return };
        for at in part.index.values() {
            let entry = Entry::at(&part.heap, at).filter(|entry| entry.state.is_unfolded());
            entry.and_then(|entry| std::str::from_utf8(entry.name).ok()).into_iter().for_each(&mut each);
        }
    }

    fn place(&self, name: &str) -> Place {
        let [a, b, c, d, e, f, ..] = self.numbers.hash_one(name).to_be_bytes();
        (in_parts([a, b]), u32::from_be_bytes([c, d, e, f]))
    }

    /// Does something to a part, and keeps account of it.
    fn with(&mut self, number: u16, what: impl FnOnce(&mut Part, &mut [Index<Place>])) {
        let Some(part) = self.parts.get_mut(usize::from(number)) else { return };
        let before = part.unfolded;
        what(part, &mut self.digests);
        self.unfolded = self.unfolded.saturating_sub(before).saturating_add(part.unfolded);
    }

    fn rewrite(&mut self, number: u16, mut fate: impl FnMut(&Entry<'_>) -> Fate) {
        self.with(number, |part, digests| part.rewrite(digests, number, |_, entry| fate(entry)));
    }

    /// Takes away what is not to be believed any more.
    fn refresh(&mut self, number: u16) {
        let version = self.version;
        let Some(part) = self.parts.get_mut(usize::from(number)) else { return };
        if part.version == version {
            return;
        }
        part.version = version;
        self.rewrite(number, |entry| match entry.state {
            State { whole: false, .. } => Fate::Stays,
            state if state.is_unfolded() => Known::unpack(entry.what).map_or(Fate::Goes, |known| {
                let mut what = Vec::new();
                Changes::of(&known, state.newer.and(state.older)).put(&mut what);
                Fate::Becomes(State { whole: false, ..state }, what)
            }),
            _ => Fate::Goes,
        });
    }

    fn make_room(&mut self, number: u16) {
        let room = self.room;
        let Some(part) = self.parts.get(usize::from(number)) else { return };
        let clean = part.live().saturating_sub(part.unfolded);
        if part.weight() <= room || clean <= part.live() / 8 {
            return;
        }
        let mut too_much = part.weight().saturating_sub(room / 8 * 7);
        // First those who were not asked for since the last time, each in his turn, and then anybody.
        for spares_asked in [true, false] {
            self.with(number, |part, digests| {
                let mut hand = part.hand;
                part.rewrite(digests, number, |tag, entry| {
                    if too_much == 0 || entry.state.is_unfolded() {
                        return Fate::Stays;
                    }
                    hand = tag;
                    if entry.asked && spares_asked {
                        return Fate::Rests;
                    }
                    too_much = too_much.saturating_sub(entry.size.saturating_add(PLACES));
                    Fate::Goes
                });
                part.hand = hand;
            });
            if too_much == 0 {
                return;
            }
        }
    }
}

impl Part {
    fn live(&self) -> usize {
        self.heap.len().saturating_sub(self.waste)
    }

    /// What pieces have left at their ends is not counted: as a rule some hundredths.
    fn weight(&self) -> usize {
        self.live().saturating_add(self.index.len().saturating_mul(PLACES))
    }

    fn find(&self, tag: u32, name: &[u8]) -> Option<u32> {
        self.index.find(tag, |at| Entry::at(&self.heap, at).is_some_and(|entry| entry.name == name))
    }

    fn at_digest(&self, tag: u32, digest: &HalfDigest) -> Option<u32> {
        let is_his = |at| Entry::at(&self.heap, at).and_then(|entry| entry.digest()) == Some(*digest);
        self.index.find(tag, is_his)
    }

    fn note_asked(&mut self, at: u32) {
        let first = self.heap.at_mut(at).and_then(<[u8]>::first_mut);
        first.into_iter().for_each(|marks| *marks |= ASKED);
    }

    fn set_state(&mut self, at: u32, state: State) {
        let Some(Entry { state: before, asked, size, .. }) = Entry::at(&self.heap, at) else { return };
        self.account(before, state, size, size);
        let first = self.heap.at_mut(at).and_then(<[u8]>::first_chunk_mut);
        first.into_iter().for_each(|first| *first = marks(state, asked));
    }

    /// Of `size` bytes that the tables did or did not have become `after`.
    fn account(&mut self, before: State, state: State, size: usize, after: usize) {
        let less = if before.is_unfolded() { size } else { 0 };
        let more = if state.is_unfolded() { after } else { 0 };
        self.unfolded = self.unfolded.saturating_sub(less).saturating_add(more);
    }

    fn put(&mut self, digests: &mut [Index<Place>], place: Place, name: &[u8], state: State, what: &[u8]) {
        let body = name.len().saturating_add(width(name.len())).saturating_add(what.len());
        let size = body.saturating_add(width(body)).saturating_add(2);
        let old = self.find(place.1, name);
        let before = old.and_then(|at| Entry::at(&self.heap, at));
        let entry = Entry { state, asked: before.is_some_and(|one| one.asked), name, what, size };
        let digest = (before.and_then(|one| one.digest()), entry.digest());
        let (known, took) = before.map_or_else(Default::default, |one| (one.state, one.size));
        self.account(known, state, took, size);
        if digest.0 != digest.1 {
            digest.0.iter().for_each(|digest| forget(digests, digest, place));
            digest.1.iter().for_each(|digest| note(digests, digest, place));
        }
        match old {
            Some(at) if took == size => self.write_over(at, &entry),
            Some(at) => {
                self.waste = self.waste.saturating_add(took);
                let new = self.append(&entry);
                self.index.replace(place.1, at, new);
            }
            None => {
                let new = self.append(&entry);
                self.index.insert(place.1, new);
            }
        }
        if self.waste > self.heap.len() / 8 && self.waste > 512 {
            self.rewrite(digests, place.0, |_, _| Fate::Stays);
        }
    }

    fn write_over(&mut self, at: u32, entry: &Entry<'_>) {
        let all = self.heap.at_mut(at).and_then(|all| all.split_at_mut_checked(entry.size));
        let Some((all, _)) = all else { return };
        let start = entry.size.saturating_sub(entry.what.len());
        if let Some((first, what)) = all.split_at_mut_checked(start) {
            first.first_chunk_mut().into_iter().for_each(|first| *first = marks(entry.state, entry.asked));
            what.copy_from_slice(entry.what);
        }
    }

    fn append(&mut self, entry: &Entry<'_>) -> u32 {
        // A place where nothing is, for when there are more than can be counted.
        let Some((at, heap)) = self.heap.begin(entry.size) else { return u32::MAX };
        heap.extend_from_slice(&marks(entry.state, entry.asked));
        let width = width(entry.name.len());
        let body = entry.name.len().saturating_add(width).saturating_add(entry.what.len());
        heap.number(u64::try_from(body).unwrap_or(u64::MAX));
        heap.counted(entry.name);
        heap.extend_from_slice(entry.what);
        at
    }

    fn remove(&mut self, digests: &mut [Index<Place>], place: Place, at: u32) {
        let Some(entry) = Entry::at(&self.heap, at) else { return };
        entry.digest().iter().for_each(|digest| forget(digests, digest, place));
        let (state, size) = (entry.state, entry.size);
        self.account(state, State::default(), size, size);
        // Whoever is forgotten does not stay until the part is written anew (F-012).
        let bytes = self.heap.at_mut(at).and_then(|all| all.get_mut(..size));
        bytes.into_iter().for_each(|bytes| bytes.fill(0));
        self.waste = self.waste.saturating_add(size);
        self.index.remove(place.1, at);
    }

    /// Writes the part anew, beginning where room was made last.
    fn rewrite(
        &mut self,
        digests: &mut [Index<Place>],
        number: u16,
        mut fate: impl FnMut(u32, &Entry<'_>) -> Fate,
    ) {
        let anew = Heap::for_bytes(self.live());
        let before = mem::replace(&mut self.heap, anew);
        let slots = self.index.take_all(self.hand);
        (self.waste, self.unfolded) = (0, 0);
        for (tag, at) in slots {
            let Some(mut entry) = Entry::at(&before, at) else { continue };
            let digest = entry.digest();
            let made;
            match fate(tag, &entry) {
                Fate::Stays => {}
                Fate::Rests => entry.asked = false,
                Fate::Goes => {
                    digest.iter().for_each(|digest| forget(digests, digest, (number, tag)));
                    continue;
                }
                Fate::Becomes(state, what) => {
                    let goes = digest.filter(|_| !state.whole);
                    goes.iter().for_each(|digest| forget(digests, digest, (number, tag)));
                    made = what;
                    (entry.state, entry.what) = (state, &made);
                    let body = entry.name.len().saturating_add(width(entry.name.len()));
                    let body = body.saturating_add(made.len());
                    entry.size = body.saturating_add(width(body)).saturating_add(2);
                }
            }
            self.account(State::default(), entry.state, 0, entry.size);
            let at = self.append(&entry);
            self.index.insert(tag, at);
        }
    }
}

fn place_of(digest: &HalfDigest) -> Place {
    // A digest is spread evenly by itself; keys are told apart when it is held against the entry.
    let [a, b, c, d, e, f, ..] = *digest.half();
    (in_parts([a, b]), u32::from_be_bytes([c, d, e, f]))
}

fn in_parts(bytes: [u8; 2]) -> u16 {
    u16::from_be_bytes(bytes) >> 6
}

fn note(digests: &mut [Index<Place>], digest: &HalfDigest, place: Place) {
    let (number, hash) = place_of(digest);
    digests.get_mut(usize::from(number)).into_iter().for_each(|index| index.insert(hash, place));
}

fn forget(digests: &mut [Index<Place>], digest: &HalfDigest, place: Place) {
    let (number, hash) = place_of(digest);
    digests.get_mut(usize::from(number)).into_iter().for_each(|index| index.remove(hash, place));
}

#[cfg(test)]
mod tests;
