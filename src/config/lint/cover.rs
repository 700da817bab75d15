//! Rules that are never reached, since one above them holds whenever they do.

use crate::base::cidr::Prefix;
use crate::base::report::{Complaint, Complaints};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::lint::called;
use crate::config::lint::never::at_client;
use crate::config::{client, rule};
use crate::login::policy::{Condition, Network, Requirement, TimeWindow, Truth, Validity, Window};

/// With very many rules not all of them are compared with all others: a start must not take long.
const MOST_COMPARED: usize = 3_000_000;

/// The same where each client of a rule is looked at by itself.
const MOST_BY_CLIENT: usize = 300_000;

/// Longer lists are not compared entry by entry.
const LONGEST_LIST: usize = 1000;

/// Warns of them.
pub(super) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    let (mut compared, mut by_client) = (0_usize, 0_usize);
    // What was left out of a rule for a mistake makes it seem wider than it is.
    for (number, draft) in drafts.rules.iter().enumerate().filter(|(_, draft)| draft.sound) {
        let mut above =
            drafts.rules.iter().take(number).filter(|other| other.sound && !other.rule.options.shadow);
        let covering = above.find(|other| {
            compared = compared.saturating_add(1);
            compared <= MOST_COMPARED && implies(&draft.rule.when, &other.rule.when, drafts.clients)
        });
        let Some(covering) = covering else {
            client_by_client(number, draft, drafts, &mut by_client, out);
            continue;
        };
        let name = safe(&covering.rule.name);
        let (what, hint) = if covering.rule.when.parts().is_empty() {
            (
                format!("{} is never reached, rule \"{name}\" before it matches always", called(draft)),
                "the first rule that matches decides; swap them",
            )
        } else if draft.rule.then != Requirement::None
            && can_be_unknown(&draft.rule.when)
            && can_be_unknown(&covering.rule.when)
        {
            (
                format!(
                    "{} decides only when it cannot be told whether it matches, rule \"{name}\" before it matches \
                     whenever it does",
                    called(draft)
                ),
                "the first rule that matches decides; put the narrower one first, or remove it",
            )
        } else {
            (
                format!(
                    "{} is never reached, rule \"{name}\" before it matches whenever it does",
                    called(draft)
                ),
                "the first rule that matches decides; put the narrower one first, or remove it",
            )
        };
        out.warn(Complaint::wrong(draft.at(), what).see(covering.at()).hint(hint));
    }
}

/// Warns of a rule that is covered by others together: by one of them at each of its clients.
fn client_by_client(
    number: usize,
    draft: &rule::Draft,
    drafts: &Drafts<'_>,
    compared: &mut usize,
    out: &mut Complaints,
) {
    let here = drafts.clients.iter().filter(|client| at_client(&draft.rule.when, client) != Truth::No);
    let mut covering: Option<&rule::Draft> = None;
    for client in here {
        if *compared >= MOST_BY_CLIENT {
            return;
        }
        let at = Condition::Client(vec![client.settings.login.name.clone()]);
        let parts = std::iter::once(at).chain(draft.rule.when.parts().iter().cloned());
        let narrow = Condition::All(parts.collect());
        let mut above =
            drafts.rules.iter().take(number).filter(|other| other.sound && !other.rule.options.shadow);
        let found = above.find(|other| {
            *compared = compared.saturating_add(1);
            *compared <= MOST_BY_CLIENT && implies(&narrow, &other.rule.when, drafts.clients)
        });
        let Some(found) = found else { return };
        covering.get_or_insert(found);
    }
    let Some(covering) = covering else { return };
    let decides = if draft.rule.then != Requirement::None && can_be_unknown(&draft.rule.when) {
        "decides only when it cannot be told whether it matches"
    } else {
        "is never reached"
    };
    let what = format!(
        "{} {decides}, at each of its clients a rule before it matches whenever it does, the first is \"{}\"",
        called(draft),
        safe(&covering.rule.name)
    );
    let hint = "the first rule that matches decides; put the narrower one first, or remove it";
    out.warn(Complaint::wrong(draft.at(), what).see(covering.at()).hint(hint));
}

/// Whether it looks at something that may not be known of a login.
pub(super) fn can_be_unknown(when: &Condition) -> bool {
    let mut unknown = false;
    when.each(&mut |one| {
        unknown |= matches!(
            one,
            Condition::Listener(_)
                | Condition::Network(_)
                | Condition::Country(_)
                | Condition::Asn(_)
                | Condition::Calendar(_)
                | Condition::FirstLogin(_)
                | Condition::NewNetwork(_)
                | Condition::LastLoginBefore(_)
        );
    });
    unknown
}

/// Whether `wide` certainly holds whenever `narrow` does.
pub(super) fn implies(narrow: &Condition, wide: &Condition, clients: &[client::Draft]) -> bool {
    if let Condition::All(parts) = wide {
        return parts.iter().all(|part| implies(narrow, part, clients));
    }
    match (narrow, wide) {
        (Condition::All(parts), _) => parts.iter().any(|part| implies(part, wide, clients)),
        (Condition::Any(ways), _) => !ways.is_empty() && ways.iter().all(|way| implies(way, wide, clients)),
        (_, Condition::Any(ways)) => ways.iter().any(|way| implies(narrow, way, clients)),
        (_, Condition::Not(wide)) => excludes(narrow, wide, clients),
        (Condition::Client(names), _) => at_clients(names, wide, clients),
        _ => same_kind(narrow, wide),
    }
}

/// Whether `other` certainly does not hold whenever `one` does.
pub(super) fn excludes(one: &Condition, other: &Condition, clients: &[client::Draft]) -> bool {
    match (one, other) {
        (_, Condition::Not(other)) => implies(one, other, clients),
        (Condition::Not(one), _) => implies(other, one, clients),
        (Condition::All(parts), _) => parts.iter().any(|part| excludes(part, other, clients)),
        (_, Condition::All(parts)) => parts.iter().any(|part| excludes(one, part, clients)),
        (Condition::Any(ways), _) => !ways.is_empty() && ways.iter().all(|way| excludes(way, other, clients)),
        (_, Condition::Any(ways)) => !ways.is_empty() && ways.iter().all(|way| excludes(one, way, clients)),
        (Condition::Client(one), Condition::Client(other))
        | (Condition::Listener(one), Condition::Listener(other))
        | (Condition::Directory(one), Condition::Directory(other)) => apart(one, other),
        (Condition::Protocol(one), Condition::Protocol(other)) => apart(one, other),
        (Condition::Country(one), Condition::Country(other)) => apart(one, other),
        (Condition::Asn(one), Condition::Asn(other)) => apart(one, other),
        (Condition::First(one), Condition::First(other)) => apart(one, other),
        (Condition::Network(one), Condition::Network(other)) => networks_apart(one, other),
        (Condition::AddressUnknown, Condition::Network(_) | Condition::Country(_) | Condition::Asn(_))
        | (Condition::Network(_) | Condition::Country(_) | Condition::Asn(_), Condition::AddressUnknown) => {
            true
        }
        (Condition::FirstLogin(one), Condition::FirstLogin(other))
        | (Condition::NewNetwork(one), Condition::NewNetwork(other)) => one != other,
        _ => false,
    }
}

fn apart<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.len() <= LONGEST_LIST && other.len() <= LONGEST_LIST && !one.iter().any(|each| other.contains(each))
}

fn networks_apart(one: &[std::sync::Arc<Network>], other: &[std::sync::Arc<Network>]) -> bool {
    let prefixes = |list: &[std::sync::Arc<Network>]| -> Vec<Prefix> {
        list.iter()
            .flat_map(|network| network.prefixes())
            .take(LONGEST_LIST.saturating_add(1))
            .copied()
            .collect()
    };
    let (one, other) = (prefixes(one), prefixes(other));
    let are_compared = one.len() <= LONGEST_LIST && other.len() <= LONGEST_LIST;
    are_compared && !one.iter().any(|prefix| other.iter().any(|against| against.overlaps(prefix)))
}

/// What is fixed at a client holds for each of them.
fn at_clients(names: &[std::sync::Arc<str>], wide: &Condition, clients: &[client::Draft]) -> bool {
    let every = |holds: &dyn Fn(&client::Draft) -> bool| {
        names
            .iter()
            .all(|name| clients.iter().find(|draft| draft.settings.login.name == *name).is_some_and(holds))
    };
    match wide {
        Condition::Client(wide) => within(names, wide),
        Condition::ClientGroup(groups) => {
            every(&|draft| draft.settings.login.groups.iter().any(|group| groups.contains(group)))
        }
        Condition::Protocol(protocols) => every(&|draft| protocols.contains(&draft.settings.login.protocol)),
        Condition::Directory(names) => every(&|draft| names.contains(&draft.settings.login.directory)),
        _ => false,
    }
}

fn same_kind(narrow: &Condition, wide: &Condition) -> bool {
    match (narrow, wide) {
        (Condition::ClientGroup(narrow), Condition::ClientGroup(wide))
        | (Condition::Listener(narrow), Condition::Listener(wide))
        | (Condition::Directory(narrow), Condition::Directory(wide)) => within(narrow, wide),
        (Condition::Protocol(narrow), Condition::Protocol(wide)) => within(narrow, wide),
        (Condition::Subject(narrow), Condition::Subject(wide)) => within(narrow, wide),
        (Condition::Group(narrow), Condition::Group(wide)) => within(narrow, wide),
        (Condition::Country(narrow), Condition::Country(wide)) => within(narrow, wide),
        (Condition::Asn(narrow), Condition::Asn(wide)) => within(narrow, wide),
        (Condition::First(narrow), Condition::First(wide)) => within(narrow, wide),
        (Condition::AddressUnknown, Condition::AddressUnknown) => true,
        (Condition::Network(narrow), Condition::Network(wide)) => narrow.iter().all(|one| inside(one, wide)),
        (Condition::Time(narrow), Condition::Time(wide)) => {
            narrow.iter().all(|one| wide.iter().any(|other| opens_within(one, other)))
        }
        (Condition::Calendar(narrow), Condition::Calendar(wide)) => {
            narrow.iter().all(|one| wide.iter().any(|other| one.name == other.name))
        }
        (Condition::Valid(narrow), Condition::Valid(wide)) => lasts_within(narrow, wide),
        (Condition::FirstLogin(one), Condition::FirstLogin(other))
        | (Condition::NewNetwork(one), Condition::NewNetwork(other)) => one == other,
        (Condition::LastLoginBefore(narrow), Condition::LastLoginBefore(wide)) => narrow >= wide,
        (
            Condition::Enrolled { kinds, nothing },
            Condition::Enrolled { kinds: wide, nothing: wide_nothing },
        ) => kinds.iter().all(|kind| wide.contains(kind)) && (*wide_nothing || !nothing),
        _ => false,
    }
}

fn within<T: PartialEq>(narrow: &[T], wide: &[T]) -> bool {
    narrow.len() <= LONGEST_LIST && wide.len() <= LONGEST_LIST && narrow.iter().all(|one| wide.contains(one))
}

fn inside(network: &Network, wide: &[std::sync::Arc<Network>]) -> bool {
    if !network.name.is_empty() && wide.iter().any(|other| other.name == network.name) {
        return true;
    }
    let prefixes: Vec<&Prefix> = wide.iter().flat_map(|other| other.prefixes()).collect();
    !network.prefixes().is_empty()
        && network.prefixes().len() <= LONGEST_LIST
        && prefixes.len() <= LONGEST_LIST
        && network.prefixes().iter().all(|inner| prefixes.iter().any(|outer| lies_in(inner, outer)))
}

/// Whether a prefix lies inside another one.
pub(super) fn lies_in(inner: &Prefix, outer: &Prefix) -> bool {
    outer.overlaps(inner) && outer.bits() <= inner.bits()
}

fn opens_within(narrow: &Window, wide: &Window) -> bool {
    (!narrow.name.is_empty() && narrow.name == wide.name)
        || (!narrow.hours.is_empty()
            && narrow.hours.iter().all(|hours| wide.hours.iter().any(|other| hours_within(hours, other))))
}

/// Hours over midnight lie only within the same ones.
fn hours_within(narrow: &TimeWindow, wide: &TimeWindow) -> bool {
    let days = narrow.days.iter().all(|day| wide.days.contains(day));
    let same = narrow.from == wide.from && narrow.to == wide.to;
    let one_day = |hours: &TimeWindow| hours.from < hours.to;
    let shorter = one_day(narrow) && one_day(wide) && wide.from <= narrow.from && narrow.to <= wide.to;
    days && narrow.zone == wide.zone && (same || shorter)
}

fn lasts_within(narrow: &Validity, wide: &Validity) -> bool {
    let from = wide.from.is_none_or(|wide| narrow.from.is_some_and(|narrow| wide <= narrow));
    let until = wide.until.is_none_or(|wide| narrow.until.is_some_and(|narrow| narrow <= wide));
    from && until
}

/// Whether it is about hours or calendars, and about nothing else.
pub(super) fn is_timed(condition: &Condition) -> bool {
    match condition {
        Condition::Time(_) | Condition::Calendar(_) => true,
        Condition::Not(one) => is_timed(one),
        Condition::All(list) | Condition::Any(list) => !list.is_empty() && list.iter().all(is_timed),
        _ => false,
    }
}

/// The conditions of a rule without those about time.
pub(super) fn at_any_time(draft: &rule::Draft) -> Condition {
    let timeless = |part: &&Condition| !is_timed(part) && !matches!(part, Condition::Valid(_));
    Condition::All(draft.rule.when.parts().iter().filter(timeless).cloned().collect())
}
