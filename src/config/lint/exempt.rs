//! What stands open: exemptions and fault modes without an end that somebody would notice.

use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Complaints, Place};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::lint::YEAR;
use crate::login::policy::fault::FaultMode;

/// Warns of them.
pub(super) fn check(drafts: &Drafts<'_>, now: UnixTime, out: &mut Complaints) {
    for draft in drafts.exemptions {
        let who = format!("exemption \"{}\"", safe(&draft.exemption.name));
        let name = draft.name.as_ref().unwrap_or(&draft.place);
        ends(&who, draft.exemption.valid.until, name, draft.until.as_ref().unwrap_or(name), now, out);
    }
    for draft in drafts.faults {
        let who = format!("on-fault \"{}\"", safe(&draft.fault.name));
        let place = draft.until.as_ref().unwrap_or(draft.at());
        if draft.until.is_some() {
            ends(&who, draft.fault.valid.until, draft.at(), place, now, out);
        }
        if draft.fault.then == FaultMode::FirstFactorOnly && draft.fault.when.parts().is_empty() {
            let what =
                format!("{who} lets everybody in with the password alone while factors cannot be checked");
            let hint = "add client, client-group or group: whom it would hurt most to wait";
            out.warn(Complaint::wrong(draft.then.as_ref().unwrap_or(draft.at()), what).hint(hint));
        }
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
