//! Says what is wrong with a users file.

use std::collections::HashSet;

use crate::base::report::{Complaint, Complaints, Place};
use crate::base::table::parse;
use crate::directory::file::Users;
use crate::directory::file::careful::Careful;
use crate::directory::file::gathered::Gathered;
use crate::directory::file::index::Twice;
use crate::directory::file::straight::{LONGEST_PART, Part, Parts, Straight};

/// No more parts of a long text than this are looked at carefully.
const MOST_PARTS: usize = 1000;

/// Reads all of `text` carefully. Whoever is right is kept.
pub(in crate::directory::file) fn whole(source: usize, text: &str, out: &mut Complaints) -> Users {
    let table = parse(source, text, out);
    let mut gathered = Gathered::default();
    Careful::default().read(&table, 0, &mut gathered, out);
    gathered.finish(true).0
}

/// As [`whole`], of a text that is too long for it: looks at the users alone with whom something is wrong, and at those
/// who have in common what `twice` says.
pub(in crate::directory::file) fn parts(source: usize, text: &str, twice: &[Twice], out: &mut Complaints) {
    let shared: HashSet<&[u8]> = twice.iter().map(|twice| &*twice.0).collect();
    let mut excerpt = Excerpt::default();
    let (mut parts, mut straight) = (Parts::of(text), Straight::new(source, Gathered::default()));
    let mut end = straight.gathered().end();
    while let Some((part, read)) = straight.next(&mut parts) {
        let mut added = straight.gathered().since(end);
        let is_wanted = read.is_err() || added.any(|user| user.keys().any(|key| shared.contains(key)));
        end = straight.gathered().end();
        if is_wanted && !excerpt.add(&part) {
            break;
        }
        if part.text.len() > LONGEST_PART {
            let what =
                format!("here are more than {LONGEST_PART} bytes without a line that begins with [[user]]");
            let complaint = Complaint::wrong(&part.place(source), what);
            return out.error(complaint.hint("give each user such a line, without blanks"));
        }
    }
    let mut found = Complaints::default();
    whole(source, &excerpt.text, &mut found);
    if found.errors.is_empty() {
        let complaint = Complaint::whole("the users file cannot be read one user at a time");
        found.error(complaint.hint("no text in it may hold a line that begins with [[user]]"));
    }
    for complaint in found.errors {
        let (place, see) =
            (complaint.place.map(|at| excerpt.origin(at)), complaint.see.map(|at| excerpt.origin(at)));
        out.error(Complaint { place, see, ..complaint });
    }
}

/// Parts of a text, and where they were.
#[derive(Default)]
struct Excerpt {
    text: String,
    /// Where each part begins here, and where it began.
    parts: Vec<(usize, usize)>,
}

impl Excerpt {
    /// Adds a part; `false` when there is no more room.
    fn add(&mut self, part: &Part<'_>) -> bool {
        let length = self.text.len().saturating_add(part.text.len());
        if self.parts.len() >= MOST_PARTS || length > LONGEST_PART {
            return self.parts.is_empty();
        }
        self.parts.push((self.text.len(), part.start));
        self.text.push_str(part.text);
        true
    }

    /// Where a place of the excerpt was.
    fn origin(&self, place: Place) -> Place {
        let next = self.parts.partition_point(|(here, _)| *here <= place.start);
        let Some((here, there)) = next.checked_sub(1).and_then(|at| self.parts.get(at)) else { return place };
        let moved = |at: usize| at.saturating_sub(*here).saturating_add(*there);
        Place { source: place.source, start: moved(place.start), end: moved(place.end) }
    }
}
