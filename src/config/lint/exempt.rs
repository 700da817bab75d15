//! What stands open: exemptions without an end that somebody would notice.

use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Complaints, Place};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::lint::YEAR;

/// Warns of them.
pub(super) fn check(drafts: &Drafts<'_>, now: UnixTime, out: &mut Complaints) {
    for draft in drafts.exemptions {
        let who = format!("exemption \"{}\"", safe(&draft.exemption.name));
        let name = draft.name.as_ref().unwrap_or(&draft.place);
        ends(&who, draft.exemption.valid.until, name, draft.until.as_ref().unwrap_or(name), now, out);
    }
}

fn ends(
    who: &str,
    until: Option<UnixTime>,
    name: &Place,
    place: &Place,
    now: UnixTime,
    out: &mut Complaints,
) {
    let (at, what, hint) = match until {
        None => (name, "has no end", "write valid-until, so that somebody looks at it again within a year"),
        Some(until) if until <= now => (place, "has ended", "remove it, or give it another valid-until"),
        Some(until) if until.0 > now.0.saturating_add(YEAR) => {
            (place, "lasts for more than a year", "look at it once a year: write an earlier valid-until")
        }
        Some(_) => return,
    };
    out.warn(Complaint::wrong(at, format!("{who} {what}")).hint(hint));
}
