//! What all threads share, in several parts with a lock each: a thread that loses its core while it holds one of them stops
//! few others, and where nothing is kept nobody locks at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many parts there are.
pub const SHARDS: usize = 16;

/// Parts of a table, told apart by a keyed hash of what is looked for.
#[derive(Debug)]
pub struct Shards<T>([Shard<T>; SHARDS]);

/// In cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Shard<T> {
    /// Something may be kept. Changed by whoever has the lock.
    used: AtomicBool,
    table: Mutex<T>,
}

impl<T> Shards<T> {
    /// Parts that `make` gives, in which nothing is kept.
    pub fn new(mut make: impl FnMut() -> T) -> Self {
        Self(std::array::from_fn(|_| Shard { used: AtomicBool::new(false), table: Mutex::new(make()) }))
    }

    /// The part in which something with this hash may be kept; `None` as long as nothing is.
    pub fn look(&self, hash: u64) -> Option<MutexGuard<'_, T>> {
        let shard = self.shard(hash);
        shard.used.load(Ordering::Acquire).then(|| lock(&shard.table))
    }

    /// The part in which something with this hash is to be kept.
    pub fn put(&self, hash: u64) -> MutexGuard<'_, T> {
        let shard = self.shard(hash);
        let table = lock(&shard.table);
        if !shard.used.load(Ordering::Relaxed) {
            shard.used.store(true, Ordering::Release);
        }
        table
    }

    /// Hands each part to `tidy`, which says whether something is left in it.
    pub fn tidy(&self, mut tidy: impl FnMut(&mut T) -> bool) {
        for shard in self.0.iter().filter(|shard| shard.used.load(Ordering::Acquire)) {
            let mut table = lock(&shard.table);
            shard.used.store(tidy(&mut table), Ordering::Release);
        }
    }

    /// The part with this number, which is less than [`SHARDS`].
    pub fn part(&self, number: usize) -> Option<MutexGuard<'_, T>> {
        self.0.get(number).map(|shard| lock(&shard.table))
    }

    /// By bits of which a table of the part makes no use.
    fn shard(&self, hash: u64) -> &Shard<T> {
        let [first, ..] = &self.0;
        usize::try_from((hash >> 48) & 15).ok().and_then(|at| self.0.get(at)).unwrap_or(first)
    }
}

fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_somewhere_is_found_there_until_it_is_tidied_away() {
        let shards = Shards::new(Vec::new);
        let hash = 7 << 48 | 5;
        assert!(shards.look(hash).is_none());
        shards.put(hash).push(1);
        assert_eq!(shards.look(hash).map(|table| table.clone()), Some(vec![1]));
        assert!(shards.look(8 << 48).is_none(), "another part");
        shards.tidy(|table| !table.is_empty());
        assert!(shards.look(hash).is_some(), "something is left");
        shards.tidy(|table| {
            table.clear();
            false
        });
        assert!(shards.look(hash).is_none());
    }

    #[test]
    fn all_parts_are_used_and_each_has_a_number() {
        let shards = Shards::new(|| 0);
        for hash in 0..SHARDS as u64 {
            *shards.put(hash << 48) += 1;
        }
        assert!((0..SHARDS).all(|number| shards.part(number).is_some_and(|one| *one == 1)));
        assert!(shards.part(SHARDS).is_none());
    }

    #[test]
    fn who_holds_one_part_keeps_nobody_from_another() {
        let shards = Shards::new(|| 0);
        let one = shards.put(0);
        *shards.put(1 << 48) += 1;
        drop(one);
    }
}
