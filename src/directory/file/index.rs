//! Finds users by a key that stands in them, without keeping the key a second time.

use std::hash::{BuildHasher, RandomState};

use crate::directory::file::packed::{Packed, Place, User};

/// No user begins there.
const NOBODY: Place = Place::MAX;

/// So many keys that two users have are told.
const MOST_TOLD: usize = 1000;

/// A table with open addressing and linear probing, three quarters full: places of users, by the hash of a key.
#[derive(Clone, Default)]
pub(in crate::directory::file) struct Index {
    slots: Vec<Slot>,
    hasher: RandomState,
}

/// Where somebody is, with a part of the hash of his key, so that hardly anybody else is looked at. In bytes, since
/// numbers would have to be aligned.
#[derive(Clone, Copy)]
struct Slot {
    place: [u8; size_of::<Place>()],
    tag: [u8; 2],
}

impl Slot {
    const EMPTY: Self = Self::new(NOBODY, 0);

    const fn new(place: Place, tag: u16) -> Self {
        Self { place: place.to_ne_bytes(), tag: tag.to_ne_bytes() }
    }

    const fn place(self) -> Place {
        Place::from_ne_bytes(self.place)
    }

    const fn tag(self) -> u16 {
        u16::from_ne_bytes(self.tag)
    }
}

/// A key that two users have.
pub(in crate::directory::file) struct Twice(pub(in crate::directory::file) Box<[u8]>);

impl Index {
    /// An index of everybody by each of the keys that `keys` lists, `count` in all, and those that two have.
    pub(in crate::directory::file) fn new<'p, K: Iterator<Item = &'p [u8]>>(
        users: &'p Packed,
        count: usize,
        keys: impl Fn(&User<'p>) -> K,
    ) -> (Self, Vec<Twice>) {
        let mut twice = Vec::new();
        // One slot at least stays empty, so that looking ends.
        let slots = if count == 0 { 0 } else { count.saturating_add(count.div_ceil(3)) };
        let mut index = Self { slots: vec![Slot::EMPTY; slots], hasher: RandomState::new() };
        for (place, user) in users.all() {
            for key in keys(&user) {
                let has = |other| users.at(other).is_some_and(|user| keys(&user).any(|theirs| theirs == key));
                if !index.put(place, key, has) && twice.len() < MOST_TOLD {
                    twice.push(Twice(key.into()));
                }
            }
        }
        (index, twice)
    }

    /// Whether nobody else has the key.
    fn put(&mut self, place: Place, key: &[u8], has: impl Fn(Place) -> bool) -> bool {
        let (start, tag) = self.start(key);
        let Some((before, after)) = self.slots.split_at_mut_checked(start) else { return true };
        for slot in after.iter_mut().chain(before) {
            let other = slot.place();
            if other == NOBODY {
                *slot = Slot::new(place, tag);
                return true;
            }
            // What one user has is told apart when he is read.
            if slot.tag() == tag && other != place && has(other) {
                return false;
            }
        }
        true
    }

    /// The first of those whose key may be this one that `has` it.
    pub(in crate::directory::file) fn find<'p>(
        &self,
        users: &'p Packed,
        key: &[u8],
        has: impl Fn(&User<'p>) -> bool,
    ) -> Option<User<'p>> {
        let (start, tag) = self.start(key);
        let (before, after) = self.slots.split_at_checked(start)?;
        let near = after.iter().chain(before).take_while(|slot| slot.place() != NOBODY);
        near.filter(|slot| slot.tag() == tag).find_map(|slot| users.at(slot.place()).filter(|user| has(user)))
    }

    /// Where to begin to look, each slot as likely as any other; and the tag.
    fn start(&self, key: &[u8]) -> (usize, u16) {
        let hash = self.hasher.hash_one(key);
        let slots = u128::try_from(self.slots.len()).unwrap_or(0);
        let start = usize::try_from(u128::from(hash).saturating_mul(slots) >> 64).unwrap_or(0);
        // The slot comes from the bits on the left.
        let [.., left, right] = hash.to_be_bytes();
        (start, u16::from_be_bytes([left, right]))
    }

    /// Bytes that it takes.
    #[cfg(test)]
    pub(in crate::directory::file) const fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }
}
