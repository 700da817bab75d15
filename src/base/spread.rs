//! Tables by numbers that are keyed hashes already: to hash them once more would cost and change nothing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table by a hash of the key, which must be a keyed one where somebody else chooses the keys.
pub type SpreadMap<V> = HashMap<u64, V, Spreading>;

/// How to make a hasher that takes numbers as they are.
pub type Spreading = BuildHasherDefault<Spread>;

/// Takes a number as it is.
#[derive(Debug, Default, Clone, Copy)]
pub struct Spread(u64);

impl Hasher for Spread {
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
    use std::hash::{BuildHasher, Hash};

    #[test]
    fn a_number_is_its_own_hash() {
        let of = |what: &dyn Fn(&mut Spread)| {
            let mut hasher = BuildHasherDefault::<Spread>::default().build_hasher();
            what(&mut hasher);
            hasher.finish()
        };
        assert_eq!(of(&|hasher| 7_u64.hash(hasher)), 7);
        assert_ne!(of(&|hasher| b"ab".hash(hasher)), of(&|hasher| b"ba".hash(hasher)));
    }
}
