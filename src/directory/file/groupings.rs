//! Which groups people are in: most share a few combinations of a few groups.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;

use crate::login::identity::Groups;

/// Most groups in all combinations that are kept put together.
const MOST_COMBINED: usize = 20_000;

/// Combinations of groups, by numbers. Number 0 is no group at all.
#[derive(Clone, Default)]
pub(in crate::directory::file) struct Groupings {
    groups: Vec<Box<str>>,
    /// The groups of all combinations, one combination behind the other, each in the order of the names.
    members: Vec<u32>,
    /// Where each combination but number 0 ends.
    ends: Vec<u32>,
    /// For reading only.
    known: Known,
}

#[derive(Clone, Default)]
struct Known {
    groups: HashMap<Box<str>, u32>,
    combinations: HashMap<Box<[u32]>, u32>,
}

impl Groupings {
    /// The number of a combination; groups are named by their keys.
    pub(in crate::directory::file) fn number(&mut self, groups: &Groups) -> u32 {
        if groups.is_empty() {
            return 0;
        }
        let numbers: Box<[u32]> = groups.iter().map(|group| self.group(group)).collect();
        if let Some(number) = self.known.combinations.get(&numbers) {
            return *number;
        }
        self.members.extend_from_slice(&numbers);
        self.ends.push(count(self.members.len()));
        let number = count(self.ends.len());
        self.known.combinations.insert(numbers, number);
        number
    }

    fn group(&mut self, key: &str) -> u32 {
        if let Some(number) = self.known.groups.get(key) {
            return *number;
        }
        let number = count(self.groups.len());
        self.groups.push(key.into());
        self.known.groups.insert(key.into(), number);
        number
    }

    /// The combination with a number.
    pub(in crate::directory::file) fn get(&self, number: u32) -> Groups {
        let Some(last) = number.checked_sub(1) else { return Groups::new() };
        let end_of = |number: u32| self.ends.get(usize::try_from(number).ok()?).copied();
        let start = last.checked_sub(1).map_or(Some(0), end_of);
        let range = start.zip(end_of(last)).map(|(start, end)| start as usize..end as usize);
        let members = range.and_then(|range| self.members.get(range)).unwrap_or_default();
        members.iter().filter_map(|group| self.groups.get(*group as usize)).cloned().collect()
    }

    /// Whether somebody is in a group.
    pub(in crate::directory::file) fn has(&self, key: &str) -> bool {
        self.groups.iter().any(|group| **group == *key)
    }

    /// The same without what only reading needs.
    pub(in crate::directory::file) fn closed(mut self) -> Self {
        self.known = Known::default();
        self.groups.shrink_to_fit();
        self.members.shrink_to_fit();
        self.ends.shrink_to_fit();
        self
    }
}

/// A file that is small enough to be read has fewer than 2³² of anything.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Combinations of those who logged in a short while ago, put together: somebody may be in a thousand groups, and many are in
/// the same ones. When there are too many all are forgotten. Whoever finds what he looks for waits for nobody.
#[derive(Debug)]
pub(in crate::directory::file) struct Combined {
    nobody: Arc<Groups>,
    /// Each at the place of its number; those for whose numbers there are too few places share them.
    slots: Box<[Slot]>,
    /// Groups of all of them.
    groups: AtomicUsize,
}

type Slot = ArcSwapOption<(u32, Arc<Groups>)>;

impl Combined {
    /// Room for these.
    pub(in crate::directory::file) fn of(groupings: &Groupings) -> Self {
        let slots = groupings.ends.len().min(MOST_COMBINED);
        Self {
            nobody: Arc::default(),
            slots: (0..slots).map(|_| Slot::empty()).collect(),
            groups: AtomicUsize::new(0),
        }
    }

    /// The combination with a number.
    pub(in crate::directory::file) fn get(&self, number: u32, groupings: &Groupings) -> Arc<Groups> {
        let Some(slot) = number.checked_sub(1).and_then(|place| self.slot(place)) else {
            return self.nobody.clone();
        };
        if let Some(known) = &*slot.load()
            && known.0 == number
        {
            return known.1.clone();
        }
        let groups = Arc::new(groupings.get(number));
        let before = slot.swap(Some(Arc::new((number, groups.clone()))));
        self.count(&groups, before.as_ref().map(|before| &*before.1));
        groups
    }

    fn slot(&self, place: u32) -> Option<&Slot> {
        self.slots.get(usize::try_from(place).ok()?.checked_rem(self.slots.len())?)
    }

    fn count(&self, new: &Groups, before: Option<&Groups>) {
        // An entry takes some room, too.
        let room = |groups: &Groups| groups.len().saturating_add(1);
        let gone = before.map_or(0, room);
        let counted = |all: usize| all.saturating_add(room(new)).saturating_sub(gone);
        let update = |all: usize| {
            let all = counted(all);
            Some(if all > MOST_COMBINED { 0 } else { all })
        };
        let before = self.groups.fetch_update(Ordering::AcqRel, Ordering::Acquire, update);
        if before.is_ok_and(|all| counted(all) > MOST_COMBINED) {
            self.slots.iter().for_each(|slot| slot.store(None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_with_the_same_groups_share_them_and_no_more_are_kept_than_there_is_room_for() {
        let mut groupings = Groupings::default();
        let of = |n: usize| -> Groups { (0..100).map(|g| format!("{n}-{g}").into()).collect() };
        let numbers: Vec<u32> = (0..1000).map(|n| groupings.number(&of(n))).collect();
        let combined = Combined::of(&groupings);
        let one = combined.get(numbers[7], &groupings);
        assert_eq!(*one, of(7));
        assert!(Arc::ptr_eq(&one, &combined.get(numbers[7], &groupings)));
        for number in numbers {
            let _groups = combined.get(number, &groupings);
            let kept = combined.slots.iter().filter_map(ArcSwapOption::load_full);
            let groups: usize = kept.map(|kept| kept.1.len() + 1).sum();
            assert!(groups <= MOST_COMBINED && groups == combined.groups.load(Ordering::Relaxed), "{groups}");
        }
        assert!(combined.get(0, &groupings).is_empty());
    }
}
