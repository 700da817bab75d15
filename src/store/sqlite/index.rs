//! A table of small values by numbers that are spread evenly.
//!
//! It takes a few bytes for a value and grows by a half, where a table that doubles is half empty after it. Whoever asks
//! holds what he is given against what he means: numbers may be the same by chance.

use std::mem;
use std::num::NonZeroU32;

/// Values by number.
#[derive(Debug)]
pub(super) struct Index<V> {
    /// A value stands where its number belongs by its size, or else in the next free place.
    slots: Vec<Option<Slot<V>>>,
    taken: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot<V> {
    number: NonZeroU32,
    value: V,
}

impl<V> Default for Index<V> {
    fn default() -> Self {
        Self { slots: Vec::new(), taken: 0 }
    }
}

/// Zero stands for a free place.
fn solid(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

impl<V: Copy + PartialEq> Index<V> {
    pub(super) const fn len(&self) -> usize {
        self.taken
    }

    /// The first value under `number` that is meant.
    pub(super) fn find(&self, number: u32, is_meant: impl Fn(V) -> bool) -> Option<V> {
        let at = self.position(solid(number), is_meant)?;
        self.slots.get(at).copied().flatten().map(|slot| slot.value)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = V> {
        self.slots.iter().flatten().map(|slot| slot.value)
    }

    pub(super) fn insert(&mut self, number: u32, value: V) {
        if self.taken.saturating_mul(8) >= self.slots.len().saturating_mul(7) {
            self.grow();
        }
        self.place(Slot { number: solid(number), value });
        self.taken = self.taken.saturating_add(1);
    }

    pub(super) fn replace(&mut self, number: u32, old: V, new: V) {
        let at = self.position(solid(number), |value| value == old);
        let slot = at.and_then(|at| self.slots.get_mut(at)?.as_mut());
        slot.into_iter().for_each(|slot| slot.value = new);
    }

    pub(super) fn remove(&mut self, number: u32, value: V) {
        let Some(mut free) = self.position(solid(number), |one| one == value) else { return };
        self.taken = self.taken.saturating_sub(1);
        self.set(free, None);
        // Whoever stands behind only because this place was taken moves up.
        let mut at = free;
        loop {
            at = self.next(at);
            let Some(slot) = self.slots.get(at).copied().flatten() else { return };
            if self.distance(self.home(slot.number), at) >= self.distance(free, at) {
                self.set(free, Some(slot));
                self.set(at, None);
                free = at;
            }
        }
    }

    /// Takes everything out, in its order, beginning where `from` belongs.
    pub(super) fn take_all(&mut self, from: u32) -> Vec<(u32, V)> {
        let start = self.home(solid(from));
        let slots = mem::take(&mut self.slots);
        self.slots = vec![None; slots.len()];
        self.taken = 0;
        let in_turn = slots.iter().cycle().skip(start).take(slots.len());
        in_turn.flatten().map(|slot| (slot.number.get(), slot.value)).collect()
    }

    fn grow(&mut self) {
        let room = self.slots.len().saturating_add(self.slots.len() / 2).max(8);
        let before = mem::replace(&mut self.slots, vec![None; room]);
        before.into_iter().flatten().for_each(|slot| self.place(slot));
    }

    fn position(&self, number: NonZeroU32, is_meant: impl Fn(V) -> bool) -> Option<usize> {
        let mut at = self.home(number);
        while let Some(slot) = self.slots.get(at).copied().flatten() {
            if slot.number == number && is_meant(slot.value) {
                return Some(at);
            }
            at = self.next(at);
        }
        None
    }

    fn place(&mut self, slot: Slot<V>) {
        let mut at = self.home(slot.number);
        while self.slots.get(at).is_some_and(Option::is_some) {
            at = self.next(at);
        }
        self.set(at, Some(slot));
    }

    fn set(&mut self, at: usize, to: Option<Slot<V>>) {
        self.slots.get_mut(at).into_iter().for_each(|slot| *slot = to);
    }

    /// Where a number belongs: numbers from 0 to 2^32 are laid out over all places.
    fn home(&self, number: NonZeroU32) -> usize {
        let places = u64::try_from(self.slots.len()).unwrap_or(0);
        let at = u64::from(number.get()).saturating_mul(places) >> 32;
        usize::try_from(at).unwrap_or(0)
    }

    const fn next(&self, at: usize) -> usize {
        let next = at.saturating_add(1);
        if next < self.slots.len() { next } else { 0 }
    }

    const fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to.saturating_sub(from)
        } else {
            to.saturating_add(self.slots.len()).saturating_sub(from)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::base::random::{SeededRandom, bytes};

    #[test]
    fn whatever_is_put_in_and_taken_out_it_holds_what_a_plain_list_would() {
        let random = SeededRandom::new(1);
        let (mut index, mut plain) = (Index::default(), BTreeSet::new());
        for turn in 0..20_000 {
            let [what, high, value]: [u8; 3] = bytes(&random).unwrap();
            // Few numbers, at both ends, so that many stand in the places of others.
            let number = if high < 128 { u32::from(high / 16) } else { u32::MAX - u32::from(high / 16) };
            let has = index.find(number, |one| one == value) == Some(value);
            assert_eq!(has, plain.contains(&(number.max(1), value)), "{turn}");
            match (what < 120, has) {
                (true, false) => {
                    index.insert(number, value);
                    plain.insert((number.max(1), value));
                }
                (false, _) => {
                    index.remove(number, value);
                    plain.remove(&(number.max(1), value));
                }
                _ => {}
            }
            assert_eq!(index.len(), plain.len());
        }
        assert!(!plain.is_empty() && index.values().count() == plain.len());
        let all: BTreeSet<_> = index.take_all(u32::MAX / 2).into_iter().collect();
        assert!(all == plain && index.len() == 0);
    }

    #[test]
    fn a_place_takes_a_few_bytes() {
        assert_eq!((size_of::<Option<Slot<u32>>>(), size_of::<Option<Slot<(u16, u32)>>>()), (8, 12));
    }
}
