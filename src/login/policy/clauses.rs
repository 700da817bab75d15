//! What must be shown, in the room of one clause: hardly any rule has more.

use std::ops::Deref;

use crate::login::policy::decision::Clause;

/// Some clauses, in order. They are read as a slice.
#[derive(Debug, Clone, Default)]
pub struct Clauses(Room);

#[derive(Debug, Clone, Default)]
enum Room {
    #[default]
    None,
    One([Clause; 1]),
    Many(Vec<Clause>),
}

impl Clauses {
    /// None at all.
    pub const NONE: Self = Self(Room::None);

    /// This one.
    #[must_use]
    pub const fn one(clause: Clause) -> Self {
        Self(Room::One([clause]))
    }
}

impl Deref for Clauses {
    type Target = [Clause];

    fn deref(&self) -> &[Clause] {
        match &self.0 {
            Room::None => &[],
            Room::One(one) => one,
            Room::Many(many) => many,
        }
    }
}

impl PartialEq for Clauses {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Clauses {}

impl FromIterator<Clause> for Clauses {
    fn from_iter<I: IntoIterator<Item = Clause>>(clauses: I) -> Self {
        let mut clauses = clauses.into_iter();
        let Some(first) = clauses.next() else { return Self::NONE };
        let Some(second) = clauses.next() else { return Self::one(first) };
        Self(Room::Many([first, second].into_iter().chain(clauses).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::factor::{FactorKind, FactorKinds};

    #[test]
    fn any_number_of_clauses_comes_back_in_order() {
        let clause = |kind| Clause { kinds: FactorKinds::NONE.with(kind), grace_until: None };
        let all = FactorKind::ALL.map(clause);
        for count in 0..=all.len() {
            let clauses: Clauses = all[..count].iter().copied().collect();
            assert_eq!(*clauses, all[..count]);
            assert_eq!(clauses, clauses.clone());
        }
        assert_eq!(*Clauses::one(all[0]), all[..1]);
    }
}
