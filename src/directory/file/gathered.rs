//! What was read of a users file so far.

use std::sync::{Arc, Mutex, PoisonError};

use crate::base::report::{Complaint, Complaints, Place};
use crate::directory::file::Users;
use crate::directory::file::groupings::Groupings;
use crate::directory::file::hash::Hash;
use crate::directory::file::index::{Index, Twice};
use crate::directory::file::packed::{Full, New, Packed, User};
use crate::login::identity::{Attributes, Groups};

/// Users, and the hash that all others are compared with.
#[derive(Default)]
pub(in crate::directory::file) struct Gathered {
    users: Packed,
    groups: Arc<Mutex<Groupings>>,
    first: Option<Hash>,
}

impl Gathered {
    /// With room for a text of so many bytes. A user is about half as long as what is written of him.
    pub(in crate::directory::file) fn with_room_for(text: usize) -> Self {
        let mut gathered = Self::default();
        gathered.users.reserve(text.div_ceil(2));
        gathered
    }

    /// For what follows in the same file, to be read at the same time.
    pub(in crate::directory::file) fn sibling(&self) -> Self {
        Self { groups: Arc::clone(&self.groups), ..Self::default() }
    }

    /// Adds what its sibling gathered; `false` when its hashes cost something else.
    pub(in crate::directory::file) fn append(&mut self, sibling: &Self) -> Result<bool, Full> {
        let same = match (&self.first, &sibling.first) {
            (Some(ours), Some(theirs)) => ours.cost() == theirs.cost(),
            (_, None) => true,
            (None, Some(_)) => false,
        };
        self.users.append(&sibling.users)?;
        Ok(same)
    }

    /// The number of a combination of groups.
    pub(in crate::directory::file) fn groups(&self, groups: &Groups) -> u32 {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).number(groups)
    }

    /// Where the next user will be.
    pub(in crate::directory::file) const fn end(&self) -> usize {
        self.users.end()
    }

    /// Who was added from there on.
    pub(in crate::directory::file) fn since(&self, end: usize) -> impl Iterator<Item = User<'_>> {
        self.users.since(end).map(|(_, user)| user)
    }

    /// Adds a user whose table begins at `place`; says what is doubtful about him.
    pub(in crate::directory::file) fn add(
        &mut self,
        new: &New<'_>,
        place: impl Fn() -> Place,
        out: &mut Complaints,
    ) -> Result<(), Full> {
        let (hash, _) = new.hash;
        let usual = self.first.get_or_insert_with(|| hash.clone()).cost();
        if hash.is_weak() {
            let what = "user: the hash is cheap to try for whoever gets this file";
            out.warn(Complaint::wrong(&place(), what).hint("doorward hash-password makes a better one"));
        }
        if hash.cost() != usual {
            let what = "user: the hash costs more or less than that of the first user";
            let hint = "the time of an answer then tells who exists; doorward hash-password makes equal ones";
            out.warn(Complaint::wrong(&place(), what).hint(hint));
        }
        self.users.push(new)
    }

    /// Everybody, to be looked up, and the keys that two of them have. Works on two threads at once where it may.
    pub(in crate::directory::file) fn finish(self, alone: bool) -> (Users, Vec<Twice>) {
        let mut users = self.users;
        users.close();
        let groupings = std::mem::take(&mut *self.groups.lock().unwrap_or_else(PoisonError::into_inner));
        let by_name = || Index::new(&users, users.names(), |user| user.names().map(str::as_bytes));
        let by_id = || {
            // Nobody is looked up by his number: that index is for the comparison alone.
            let numbers =
                Index::new(&users, users.numbered(), |user| user.number.map(str::as_bytes).into_iter());
            let (ids, mut twice) =
                Index::new(&users, users.len(), |user| std::iter::once(user.id.as_slice()));
            twice.extend(numbers.1);
            (ids, twice)
        };
        let ((names, mut twice), (ids, more)) = match alone {
            true => (by_name(), by_id()),
            false => std::thread::scope(|scope| {
                let other = std::thread::Builder::new().spawn_scoped(scope, by_id).ok();
                let names = by_name();
                // A thread that did not begin, or did not end well, has left its work to this one.
                (names, other.and_then(|other| other.join().ok()).unwrap_or_else(by_id))
            }),
        };
        twice.extend(more);
        let nobody = Hash::of_nobody(self.first.as_ref());
        let no_attributes = Attributes::default();
        (Users { users, groups: groupings.closed(), names, ids, nobody, no_attributes }, twice)
    }
}
