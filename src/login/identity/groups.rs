//! Which groups somebody is in: there may be a thousand, which nobody wants to copy or to compare for each login.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use crate::login::identity::NUMBERS;

/// Keys under which a rule can name a group, lower case: its short name, and where it has them its
/// distinguished name and SID. Made by [`crate::login::identity::group_key`].
#[derive(Debug, Clone, Default)]
pub struct Groups {
    keys: BTreeSet<Box<str>>,
    /// Of all keys, once somebody has asked for it.
    number: OnceLock<u64>,
}

impl Groups {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { keys: BTreeSet::new(), number: OnceLock::new() }
    }

    /// A keyed hash of all of them, as long as the process lives.
    fn number(&self) -> u64 {
        *self.number.get_or_init(|| NUMBERS.hash_one(&self.keys))
    }
}

impl Deref for Groups {
    type Target = BTreeSet<Box<str>>;

    fn deref(&self) -> &Self::Target {
        &self.keys
    }
}

impl DerefMut for Groups {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.number = OnceLock::new();
        &mut self.keys
    }
}

impl Hash for Groups {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.number());
    }
}

impl PartialEq for Groups {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

impl Eq for Groups {}

impl FromIterator<Box<str>> for Groups {
    fn from_iter<I: IntoIterator<Item = Box<str>>>(keys: I) -> Self {
        Self { keys: keys.into_iter().collect(), number: OnceLock::new() }
    }
}

impl<const N: usize> From<[Box<str>; N]> for Groups {
    fn from(keys: [Box<str>; N]) -> Self {
        keys.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Groups {
    type Item = &'a Box<str>;
    type IntoIter = std::collections::btree_set::Iter<'a, Box<str>>;

    fn into_iter(self) -> Self::IntoIter {
        self.keys.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_groups_have_one_number_and_it_follows_every_change() {
        let mut some: Groups = ["vpn".into(), "staff".into()].into();
        let same: Groups = ["staff".into(), "vpn".into()].into();
        assert_eq!((some.number(), &some), (same.number(), &same));
        some.insert("admins".into());
        assert_ne!(some.number(), same.number());
        some.remove("admins");
        assert_eq!(some.number(), same.number());
        assert_ne!(Groups::new().number(), same.number());
    }
}
