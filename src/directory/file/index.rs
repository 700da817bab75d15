//! Finds users by a key that stands in them, without keeping the key a second time.

use std::hash::{BuildHasher, RandomState};

use crate::directory::file::packed::{Packed, Place, User};

/// No user begins there.
const NOBODY: Place = Place::MAX;

/// So many keys that two users have are told.
const MOST_TOLD: usize = 1000;

/// A table with open addressing and linear probing, at most half full: places of users, by the hash of a key.
#[derive(Clone, Default)]
pub(in crate::directory::file) struct Index {
    slots: Vec<Place>,
    hasher: RandomState,
}

/// A key that two users have.
pub(in crate::directory::file) struct Twice(pub(in crate::directory::file) Box<[u8]>);

impl Index {
    /// An index of everybody by each of the keys that `keys` lists, `count` in all.
    pub(in crate::directory::file) fn new<'p, K: Iterator<Item = &'p [u8]>>(
        users: &'p Packed,
        count: usize,
        keys: impl Fn(&User<'p>) -> K,
        twice: &mut Vec<Twice>,
    ) -> Self {
        let slots = if count == 0 { 0 } else { count.saturating_mul(2) };
        let mut index = Self { slots: vec![NOBODY; slots], hasher: RandomState::new() };
        for (place, user) in users.all() {
            for key in keys(&user) {
                let has = |other| users.at(other).is_some_and(|user| keys(&user).any(|theirs| theirs == key));
                if !index.put(place, key, has) && twice.len() < MOST_TOLD {
                    twice.push(Twice(key.into()));
                }
            }
        }
        index
    }

    /// Whether nobody else has the key.
    fn put(&mut self, place: Place, key: &[u8], has: impl Fn(Place) -> bool) -> bool {
        let start = self.start(key);
        let Some((before, after)) = self.slots.split_at_mut_checked(start) else { return true };
        for slot in after.iter_mut().chain(before) {
            if *slot == NOBODY {
                *slot = place;
                return true;
            }
            // What one user has is told apart when he is read.
            if *slot != place && has(*slot) {
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
        let (before, after) = self.slots.split_at_checked(self.start(key))?;
        let mut near = after.iter().chain(before).take_while(|slot| **slot != NOBODY);
        near.find_map(|slot| users.at(*slot).filter(|user| has(user)))
    }

    /// Where to begin to look; each slot is as likely as any other.
    fn start(&self, key: &[u8]) -> usize {
        let hash = u128::from(self.hasher.hash_one(key));
        let slots = u128::try_from(self.slots.len()).unwrap_or(0);
        usize::try_from(hash.saturating_mul(slots) >> 64).unwrap_or(0)
    }

    /// Bytes that it takes.
    #[cfg(test)]
    pub(in crate::directory::file) const fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Place>()
    }
}
