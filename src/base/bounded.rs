//! A map with a capacity and an age: the only kind of table that the sender of a packet can fill.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::{Duration, Instant};

/// Remembers up to `capacity` entries, each for `age` after it was put in.
///
/// When it is full the oldest entry goes, so a flood costs the flooder's own entries first. All calls
/// take amortised constant time.
#[derive(Debug)]
pub struct BoundedMap<K, V, S = RandomState> {
    entries: HashMap<K, (u64, Instant, V), S>,
    order: VecDeque<(u64, K)>,
    next: u64,
    capacity: usize,
    age: Duration,
}

impl<K: Hash + Eq + Clone, V> BoundedMap<K, V> {
    /// An empty map. `capacity` of 0 remembers nothing.
    #[must_use]
    pub fn new(capacity: usize, age: Duration) -> Self {
        Self::hashed(capacity, age)
    }
}

impl<K: Hash + Eq + Clone, V, S: BuildHasher + Default> BoundedMap<K, V, S> {
    /// The same with hashes of its own; they must be keyed where somebody else chooses the keys.
    #[must_use]
    pub fn hashed(capacity: usize, age: Duration) -> Self {
        Self { entries: HashMap::default(), order: VecDeque::new(), next: 0, capacity, age }
    }

    /// Puts `value` under `key`, in place of what was there; its age starts now.
    pub fn insert(&mut self, key: K, value: V, now: Instant) {
        self.expire(now);
        if self.capacity == 0 {
            return;
        }
        self.entries.remove(&key);
        while self.entries.len() >= self.capacity && self.drop_oldest() {}
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.order.push_back((number, key.clone()));
        self.entries.insert(key, (number, now, value));
        self.tidy(0);
    }

    /// What is kept under `key`, unless it is too old.
    pub fn get(&self, key: &K, now: Instant) -> Option<&V> {
        self.entries.get(key).filter(|(_, since, _)| self.is_young(*since, now)).map(|(_, _, value)| value)
    }

    /// The same, to change it in place; its age is not renewed.
    pub fn get_mut(&mut self, key: &K, now: Instant) -> Option<&mut V> {
        let age = self.age;
        let (_, since, value) = self.entries.get_mut(key)?;
        (now.saturating_duration_since(*since) < age).then_some(value)
    }

    /// The same, whose age begins anew; where it is less than `often`, that may wait for another time.
    pub fn renew(&mut self, key: &K, often: Duration, now: Instant) -> Option<&mut V> {
        self.tidy(1);
        let (number, since, value) = self.entries.get_mut(key)?;
        let old = now.saturating_duration_since(*since);
        if old >= self.age {
            return None;
        }
        if old >= often {
            (*number, *since) = (self.next, now);
            self.order.push_back((self.next, key.clone()));
            self.next = self.next.wrapping_add(1);
        }
        Some(value)
    }

    /// Takes out what is kept under `key`, unless it is too old.
    pub fn remove(&mut self, key: &K, now: Instant) -> Option<V> {
        let (_, since, value) = self.entries.remove(key)?;
        self.tidy(0);
        (now.saturating_duration_since(since) < self.age).then_some(value)
    }

    /// Up to `many` of the keys that were put in as this number or later, in that order, each with its number. Whoever goes on
    /// behind the last one comes to all of them.
    #[must_use]
    pub fn following(&self, number: u64, many: usize) -> Vec<(u64, K)> {
        let behind = self.order.range(self.order.partition_point(|(one, _)| *one < number)..);
        behind.filter(|(one, key)| self.number(key) == Some(*one)).take(many).cloned().collect()
    }

    /// What is kept under `key`, however old it is.
    #[must_use]
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, _, value)| value)
    }

    /// As what `key` was put in; another number once something else is kept under it.
    #[must_use]
    pub fn number(&self, key: &K) -> Option<u64> {
        self.entries.get(key).map(|(number, _, _)| *number)
    }

    /// All that is kept, however old it is, in any order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|(_, _, value)| value)
    }

    /// Number of entries, those not yet swept out included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Drops what is too old.
    pub fn expire(&mut self, now: Instant) {
        while let Some((number, key)) = self.order.front() {
            let keep = match self.entries.get(key) {
                Some((current, since, _)) if current == number => self.is_young(*since, now),
                _ => false,
            };
            if keep {
                return;
            }
            self.drop_oldest();
        }
    }

    fn is_young(&self, since: Instant, now: Instant) -> bool {
        now.saturating_duration_since(since) < self.age
    }

    fn drop_oldest(&mut self) -> bool {
        let Some((number, key)) = self.order.pop_front() else { return false };
        if self.entries.get(&key).is_some_and(|(current, _, _)| *current == number) {
            self.entries.remove(&key);
        }
        true
    }

    /// Removed and replaced entries leave a mark in `order`; it may not grow past twice the capacity, with so many `more`.
    fn tidy(&mut self, more: usize) {
        if self.order.len().saturating_add(more) > self.capacity.saturating_mul(2).max(16) {
            let entries = &self.entries;
            self.order.retain(|(number, key)| entries.get(key).is_some_and(|(n, _, _)| n == number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, SystemClock};

    #[test]
    fn the_oldest_entry_makes_room() {
        let now = SystemClock.now().steady;
        let mut map = BoundedMap::new(2, Duration::from_secs(10));
        for key in 1..=3 {
            map.insert(key, key * 10, now);
        }
        assert_eq!((map.get(&1, now), map.get(&2, now), map.get(&3, now)), (None, Some(&20), Some(&30)));
    }

    #[test]
    fn an_entry_is_gone_when_its_age_is_over() {
        let now = SystemClock.now().steady;
        let mut map = BoundedMap::new(2, Duration::from_secs(10));
        map.insert("a", 1, now);
        assert_eq!(map.get(&"a", now + Duration::from_secs(9)), Some(&1));
        assert_eq!(map.get(&"a", now + Duration::from_secs(10)), None);
        assert_eq!(map.remove(&"a", now + Duration::from_secs(10)), None);
    }

    #[test]
    fn memory_stays_flat_when_one_key_is_replaced_for_ever() {
        let now = SystemClock.now().steady;
        let mut map = BoundedMap::new(4, Duration::from_secs(10));
        for n in 0..10_000 {
            map.insert("same", n, now);
            map.remove(&"same", now);
        }
        assert!(map.order.len() <= 16, "{}", map.order.len());
    }

    #[test]
    fn whoever_goes_on_behind_the_last_number_comes_to_every_key_once() {
        let now = SystemClock.now().steady;
        let mut map = BoundedMap::new(8, Duration::from_secs(10));
        for key in ["a", "b", "c", "d", "b"] {
            map.insert(key, (), now);
        }
        map.remove(&"c", now);
        let first = map.following(0, 2);
        assert_eq!(first, [(0, "a"), (3, "d")]);
        assert_eq!(map.following(4, 2), [(4, "b")]);
        assert_eq!((map.following(5, 2), map.number(&"b"), map.number(&"c")), (vec![], Some(4), None));
    }

    #[test]
    fn an_entry_that_is_used_is_renewed_as_often_as_asked_and_never_once_it_is_too_old() {
        let now = SystemClock.now().steady;
        let after = |seconds| now + Duration::from_secs(seconds);
        let often = Duration::from_secs(3);
        let mut map = BoundedMap::new(2, Duration::from_secs(10));
        map.insert("a", 1, now);
        map.insert("b", 2, now);
        assert_eq!(map.renew(&"a", often, after(2)), Some(&mut 1));
        assert_eq!(map.number(&"a"), Some(0), "that was too soon");
        assert_eq!(map.renew(&"a", often, after(9)), Some(&mut 1));
        map.insert("c", 3, after(9));
        assert_eq!((map.get(&"a", after(18)), map.get(&"b", after(9))), (Some(&1), None));
        assert_eq!(map.renew(&"a", often, after(19)), None);
        for n in 0..1000 {
            map.renew(&"c", Duration::ZERO, after(9 + n / 1000));
        }
        assert!(map.order.len() <= 16, "{}", map.order.len());
    }

    #[test]
    fn replacing_an_entry_renews_its_age() {
        let now = SystemClock.now().steady;
        let mut map = BoundedMap::new(4, Duration::from_secs(10));
        map.insert("a", 1, now);
        map.insert("a", 2, now + Duration::from_secs(8));
        map.expire(now + Duration::from_secs(12));
        assert_eq!(map.get(&"a", now + Duration::from_secs(12)), Some(&2));
    }
}
