//! A bounded table that forgets what nobody asks for.
//!
//! It is cut into many small parts. Each has a young half and an old one: what is asked for moves to the young half, and when
//! that is full the old half is forgotten and the young one becomes old. So no entry knows its neighbours, and to make room
//! takes no longer however much there is.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::mem;

/// Parts of a table.
const PARTS: usize = 256;

/// Keeps values by a 64-bit number that is spread evenly.
#[derive(Debug)]
pub(super) struct Cache<V> {
    parts: Vec<Part<V>>,
    /// Most that one half of one part may weigh.
    most: usize,
}

#[derive(Debug)]
struct Part<V> {
    young: HashMap<u64, V, BuildHasherDefault<Plain>>,
    old: HashMap<u64, V, BuildHasherDefault<Plain>>,
    weight: usize,
}

impl<V> Default for Part<V> {
    fn default() -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), weight: 0 }
    }
}

/// How much of memory a value takes, its place in the table included.
pub(super) trait Weight {
    /// In bytes.
    fn weight(&self) -> usize;
}

/// A number and a byte of the table, which is between half and all full.
const PLACE: usize = 24;

impl Weight for Box<[u8]> {
    fn weight(&self) -> usize {
        // A pointer and a length in the table, and what the allocator adds.
        self.len().saturating_add(PLACE + 24 + 16)
    }
}

impl Weight for u64 {
    fn weight(&self) -> usize {
        PLACE + 12
    }
}

impl<V: Weight> Cache<V> {
    /// One that weighs `most` bytes at most.
    pub(super) fn new(most: usize) -> Self {
        let parts = (0..PARTS).map(|_| Part::default()).collect();
        Self { parts, most: most.checked_div(2 * PARTS).unwrap_or(0) }
    }

    /// What is kept under `key`.
    pub(super) fn get(&mut self, key: u64) -> Option<&V> {
        let most = self.most;
        let part = self.part(key)?;
        if let Some(value) = part.old.remove(&key) {
            part.keep(key, value, most);
        }
        part.young.get(&key)
    }

    /// Keeps `value`, in place of what was there.
    pub(super) fn insert(&mut self, key: u64, value: V) {
        let most = self.most;
        if let Some(part) = self.part(key) {
            part.keep(key, value, most);
        }
    }

    pub(super) fn remove(&mut self, key: u64) {
        if let Some(part) = self.part(key) {
            part.forget(key);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.young.len() + part.old.len()).sum()
    }

    fn part(&mut self, key: u64) -> Option<&mut Part<V>> {
        let [first, ..] = key.to_be_bytes();
        self.parts.get_mut(usize::from(first))
    }
}

impl<V: Weight> Part<V> {
    fn keep(&mut self, key: u64, value: V, most: usize) {
        // Before the halves change places: what was there must not be found again in the old one.
        self.forget(key);
        let weight = value.weight();
        if self.weight.saturating_add(weight) > most {
            self.old = mem::take(&mut self.young);
            self.weight = 0;
        }
        if weight > most {
            return;
        }
        self.weight = self.weight.saturating_add(weight);
        self.young.insert(key, value);
    }

    fn forget(&mut self, key: u64) {
        self.old.remove(&key);
        if let Some(value) = self.young.remove(&key) {
            self.weight = self.weight.saturating_sub(value.weight());
        }
    }
}

/// Numbers for names, which nobody who chooses the names can foresee.
#[derive(Debug, Default)]
pub(super) struct Numbers(RandomState);

impl Numbers {
    pub(super) fn of(&self, name: &str) -> u64 {
        self.0.hash_one(name)
    }
}

/// The number is spread already.
#[derive(Debug, Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Never called for a number; it would be right all the same.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_weight_is_bounded() {
        let numbers = Numbers::default();
        let mut cache = Cache::<u64>::new(PARTS * 2 * 36 * 8);
        let asked: Vec<u64> = (0..64).map(|n| numbers.of(&format!("a{n}"))).collect();
        asked.iter().for_each(|key| cache.insert(*key, *key));
        for n in 0..100_000 {
            let key = numbers.of(&n.to_string());
            cache.insert(key, key);
            if n % 8 == 0 {
                let key = asked[n / 8 % asked.len()];
                let _kept = cache.get(key).copied();
            }
            assert!(cache.len() <= PARTS * 16, "{}", cache.len());
        }
        let kept = asked.iter().filter(|key| cache.get(**key) == Some(*key)).count();
        assert!(kept > asked.len() / 2, "{kept} of those that were asked for all the time");
    }

    #[test]
    fn what_is_replaced_while_room_is_made_is_never_found_again_c_001() {
        let numbers = Numbers::default();
        let mut cache = Cache::<u64>::new(PARTS * 2 * 36 * 8);
        let keys: Vec<u64> = (0..PARTS * 32).map(|n| numbers.of(&n.to_string())).collect();
        for round in 0..8 {
            for key in &keys {
                assert!(cache.get(*key).is_none_or(|before| *before + 1 == round), "round {round}");
                cache.insert(*key, round);
                assert_eq!(cache.get(*key), Some(&round));
            }
        }
        let mut cache = Cache::<Box<[u8]>>::new(PARTS * 2 * 1000);
        cache.insert(7, [1].into());
        cache.insert(7, vec![0; 100_000].into());
        assert_eq!(cache.get(7), None, "nor is what made no room for something larger");
    }

    #[test]
    fn what_is_replaced_or_removed_is_not_found_and_weighs_nothing() {
        let mut cache = Cache::<Box<[u8]>>::new(PARTS * 2 * 1000);
        for n in 0..10_000_u64 {
            cache.insert(7, vec![1; usize::try_from(n % 100).unwrap()].into());
        }
        assert_eq!((cache.len(), cache.get(7).map(|bytes| bytes.len())), (1, Some(99)));
        cache.remove(7);
        assert_eq!((cache.len(), cache.get(7)), (0, None));
        cache.insert(7, vec![0; 100_000].into());
        assert_eq!(cache.get(7), None, "what is larger than all room is not kept");
    }
}
