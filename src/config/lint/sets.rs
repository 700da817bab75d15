//! Networks that overlap, and sets that nobody names.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::cidr::Prefix;
use crate::base::report::{Complaint, Complaints, Place};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::lint::cover::lies_in;
use crate::login::policy::Condition;

/// So many networks that overlap are told; then it is plain that it is meant.
const MOST_TOLD: usize = 20;

/// Warns of them.
pub(super) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    overlapping(drafts, out);
    unnamed(drafts, out);
}

/// A prefix and the number of its network, in the order in which one that holds others stands before them.
fn overlapping(drafts: &Drafts<'_>, out: &mut Complaints) {
    let networks = &drafts.sets.networks;
    let mut all: Vec<(Prefix, usize)> = Vec::new();
    for (number, draft) in networks.iter().enumerate() {
        all.extend(draft.settings.network.prefixes().iter().map(|prefix| (*prefix, number)));
    }
    all.sort_unstable();
    let mut around: Vec<(Prefix, usize)> = Vec::new();
    let mut told: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (prefix, number) in all {
        while around.last().is_some_and(|(outer, _)| !lies_in(&prefix, outer)) {
            around.pop();
        }
        for (outer, other) in &around {
            let pair = (number.min(*other), number.max(*other));
            if told.len() >= MOST_TOLD || !told.insert(pair) {
                continue;
            }
            let (Some(mine), Some(its)) = (networks.get(number), networks.get(*other)) else { continue };
            let name = safe(&mine.settings.network.name);
            let at = |draft: &'_ crate::config::sets::Draft<_>| -> Place {
                draft.name.clone().unwrap_or_else(|| draft.place.clone())
            };
            let complaint = if number == *other {
                let what = format!("network \"{name}\": {prefix} lies in its own {outer}");
                Complaint::wrong(&at(mine), what).hint("remove one of the two")
            } else {
                let what = format!(
                    "network \"{name}\": {prefix} lies in {outer} of network \"{}\"",
                    safe(&its.settings.network.name)
                );
                let hint = "an address there is in both; the order of the rules decides which of them counts";
                Complaint::wrong(&at(mine), what).see(&at(its)).hint(hint)
            };
            out.warn(complaint);
        }
        around.push((prefix, number));
    }
}

/// What nobody names decides nothing; most likely a rule is missing.
fn unnamed(drafts: &Drafts<'_>, out: &mut Complaints) {
    let mut named: BTreeSet<(&'static str, Arc<str>)> = BTreeSet::new();
    for draft in drafts.rules {
        draft.rule.when.each(&mut |one| match one {
            Condition::Network(list) => named.extend(list.iter().map(|one| ("network", one.name.clone()))),
            Condition::Time(list) => named.extend(list.iter().map(|one| ("window", one.name.clone()))),
            Condition::Calendar(list) => named.extend(list.iter().map(|one| ("calendar", one.name.clone()))),
            _ => {}
        });
    }
    let sets = drafts.sets;
    let networks =
        sets.networks.iter().map(|d| ("network", &d.settings.network.name, d.name.as_ref(), &d.place));
    let windows = sets.windows.iter().map(|d| ("window", &d.settings.name, d.name.as_ref(), &d.place));
    let calendars =
        sets.calendars.iter().map(|d| ("calendar", &d.settings.calendar.name, d.name.as_ref(), &d.place));
    for (kind, name, at, place) in networks.chain(windows).chain(calendars) {
        if !named.contains(&(kind, name.clone())) {
            let what = format!("{kind} \"{}\": no rule names it", safe(name));
            out.warn(Complaint::wrong(at.unwrap_or(place), what).hint("remove it, or name it in a rule"));
        }
    }
}
