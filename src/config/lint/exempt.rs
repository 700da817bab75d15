//! What stands open: exemptions and fault modes without an end that somebody would notice.

use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Complaints, Place};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::fault;
use crate::config::lint::YEAR;
use crate::config::lint::cover::implies;
use crate::config::lint::never::at_client;
use crate::login::client::Client;
use crate::login::policy::Truth;
use crate::login::policy::fault::FaultMode;

/// Warns of them.
pub(super) fn check(drafts: &Drafts<'_>, now: UnixTime, out: &mut Complaints) {
    for draft in drafts.exemptions {
        let who = format!("exemption \"{}\"", safe(&draft.exemption.name));
        let name = draft.name.as_ref().unwrap_or(&draft.place);
        ends(&who, draft.exemption.valid.until, name, draft.until.as_ref().unwrap_or(name), now, out);
    }
    for (number, draft) in drafts.faults.iter().enumerate() {
        let place = draft.until.as_ref().unwrap_or(draft.at());
        if draft.until.is_some() {
            ends(&called(draft), draft.fault.valid.until, draft.at(), place, now, out);
        }
        opens(draft, out);
        helps_nobody(draft, drafts, out);
        hidden(draft, drafts.faults.iter().take(number), drafts, out);
    }
}

fn called(draft: &fault::Draft) -> String {
    format!("on-fault \"{}\"", safe(&draft.fault.name))
}

fn opens(draft: &fault::Draft, out: &mut Complaints) {
    if draft.fault.then == FaultMode::FirstFactorOnly && draft.fault.when.parts().is_empty() {
        let who = called(draft);
        let what = format!("{who} lets everybody in with the password alone while factors cannot be checked");
        let hint = "add client, client-group or group: whom it would hurt most to wait";
        out.warn(Complaint::wrong(draft.then.as_ref().unwrap_or(draft.at()), what).hint(hint));
    }
}

/// Clients where the mode can let nobody in.
fn helps_nobody(draft: &fault::Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    let cannot = |login: &Client| match draft.fault.then {
        FaultMode::Use { .. } => !(login.entry.challenge && login.can.prompts),
        FaultMode::RecentConfirmation(_) => !login.can.tells_address,
        FaultMode::FirstFactorOnly => false,
    };
    let is_one = |client: &&crate::config::client::Draft| {
        cannot(&client.settings.login) && at_client(&draft.fault.when, client) != Truth::No
    };
    let Some(client) = drafts.clients.iter().find(is_one) else { return };
    let (lacks, hint) = match draft.fault.then {
        FaultMode::Use { .. } => (
            "cannot ask for another factor",
            "name the clients that can: those with code-entry = \"challenge\"; over LDAP nobody can be asked",
        ),
        FaultMode::RecentConfirmation(_) | FaultMode::FirstFactorOnly => (
            "does not tell where its users are",
            "name the clients that do: those with user-address-from; over LDAP nobody tells",
        ),
    };
    let what = format!(
        "{} helps nobody at client \"{}\", which {lacks}",
        called(draft),
        safe(&client.settings.login.name)
    );
    out.warn(Complaint::wrong(draft.then.as_ref().unwrap_or(draft.at()), what).hint(hint));
}

/// The first that fits counts.
fn hidden<'a>(
    draft: &fault::Draft,
    mut before: impl Iterator<Item = &'a fault::Draft>,
    drafts: &Drafts<'_>,
    out: &mut Complaints,
) {
    let covers = |other: &&fault::Draft| {
        let (mine, theirs) = (draft.fault.valid, other.fault.valid);
        let from = theirs.from.is_none_or(|from| mine.from.is_some_and(|mine| from <= mine));
        let until = theirs.until.is_none_or(|until| mine.until.is_some_and(|mine| mine <= until));
        from && until && implies(&draft.fault.when, &other.fault.when, drafts.clients)
    };
    if let Some(other) = before.find(covers) {
        let what = format!(
            "{} is never reached, on-fault \"{}\" before it fits whenever it does",
            called(draft),
            safe(&other.fault.name)
        );
        let hint = "the first that fits counts; put the narrower one first, or remove it";
        out.warn(Complaint::wrong(draft.at(), what).see(other.at()).hint(hint));
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
