//! What was read of a users file so far.

use crate::base::report::{Complaint, Complaints, Place};
use crate::directory::file::Users;
use crate::directory::file::hash::Hash;
use crate::directory::file::index::{Index, Twice};
use crate::directory::file::packed::{Full, New, Packed, User};
use crate::login::identity::Groups;

/// Users, and the hash that all others are compared with.
#[derive(Default)]
pub(in crate::directory::file) struct Gathered {
    users: Packed,
    first: Option<Hash>,
}

impl Gathered {
    /// With room for a file of so many bytes. A user is a little more than a third as long as what is written of him.
    pub(in crate::directory::file) fn with_room_for(text: usize) -> Self {
        let mut users = Packed::default();
        users.reserve(text.div_ceil(2));
        Self { users, first: None }
    }

    /// The number of a combination of groups.
    pub(in crate::directory::file) fn groups(&mut self, groups: &Groups) -> u32 {
        self.users.groupings.number(groups)
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

    /// Everybody, to be looked up, and the keys that two of them have.
    pub(in crate::directory::file) fn finish(mut self) -> (Users, Vec<Twice>) {
        self.users.close();
        let users = self.users;
        let mut twice = Vec::new();
        let names = Index::new(&users, users.names(), |user| user.names().map(str::as_bytes), &mut twice);
        let ids = Index::new(&users, users.len(), |user| std::iter::once(user.id.as_slice()), &mut twice);
        // Nobody is looked up by his number: this one is for the comparison alone.
        drop(Index::new(
            &users,
            users.numbered(),
            |user| user.number.map(str::as_bytes).into_iter(),
            &mut twice,
        ));
        let nobody = Hash::of_nobody(self.first.as_ref());
        (Users { users, names, ids, nobody }, twice)
    }
}
