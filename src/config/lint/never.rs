//! Rules that can never match, and conditions whose input is never known.

use crate::base::clock::UnixTime;
use crate::base::report::Complaints;
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::lint::cover::{can_be_unknown, excludes};
use crate::config::lint::{about, called};
use crate::config::{client, rule};
use crate::login::client::{PrimaryKind, Protocol};
use crate::login::policy::{Condition, First, Requirement, Truth};

/// What repeats has been seen when so much time has gone by, in milliseconds: a week and a day.
const REPEATS: i64 = 8 * 24 * 60 * 60 * 1000;

/// No more changes than these are looked at for one rule, and for all of them.
const MOST_CHANGES: usize = 2_000;
const MOST_CHANGES_OF_ALL: usize = 50_000;

/// Of rules with more conditions than these not all are compared with each other.
const MOST_PARTS: usize = 100;

/// Warns of them.
pub(super) fn check(drafts: &Drafts<'_>, now: UnixTime, out: &mut Complaints) {
    let mut changes = MOST_CHANGES_OF_ALL;
    for draft in drafts.rules {
        if draft.valid.until.is_some_and(|until| until <= now) {
            let hint = "remove the rule, or give it another date";
            out.warn(about(draft, "valid-until", ": valid-until has passed, so it never matches", hint));
        } else if !opens_again(&draft.rule.when, now, &mut changes) {
            let hint = "its hours, calendars and dates have no moment in common that is still to come";
            out.warn(about(draft, "name", " never matches at any time", hint));
        } else if !nowhere(draft, drafts, out) {
            contradicts_itself(draft, drafts, out);
        }
        never_known(draft, drafts, out);
    }
}

/// Whether there is a moment at which its conditions about time do not stand in the way. `true` in doubt.
fn opens_again(when: &Condition, now: UnixTime, changes: &mut usize) -> bool {
    let mut last = now;
    let mut timed = 0_usize;
    when.each(&mut |one| match one {
        Condition::Time(_) => timed = timed.saturating_add(1),
        Condition::Calendar(calendars) => {
            timed = timed.saturating_add(2);
            for named in calendars {
                let ends = named.calendar.spans().last().map(|(_, until)| *until);
                last = last.max(ends.unwrap_or(now));
            }
        }
        Condition::Valid(valid) => {
            timed = timed.saturating_add(2);
            last = last.max(valid.from.unwrap_or(now)).max(valid.until.unwrap_or(now));
        }
        _ => {}
    });
    // Hours alone open every week.
    if timed < 2 {
        return true;
    }
    let end = UnixTime(last.0.saturating_add(REPEATS));
    let mut at = now;
    for _ in 0..MOST_CHANGES {
        if at_time(when, at) != Truth::No || *changes == 0 {
            return true;
        }
        *changes = changes.saturating_sub(1);
        match when.next_boundary(at) {
            Some(next) if next <= end => at = next,
            Some(_) | None => return false,
        }
    }
    true
}

/// What it says at a moment, when nothing else is known.
fn at_time(condition: &Condition, at: UnixTime) -> Truth {
    match condition {
        Condition::All(list) => list.iter().fold(Truth::Yes, |all, one| all.and(at_time(one, at))),
        Condition::Any(list) => list.iter().fold(Truth::No, |any, one| any.or(at_time(one, at))),
        Condition::Not(inner) => at_time(inner, at).not(),
        Condition::Time(windows) => Truth::of(windows.iter().any(|window| window.contains(at))),
        Condition::Calendar(list) => {
            list.iter().fold(Truth::No, |any, named| any.or(named.calendar.contains(at)))
        }
        Condition::Valid(valid) => Truth::of(valid.contains(at)),
        _ => Truth::Unknown,
    }
}

/// Conditions that cannot hold together, whoever comes from wherever.
fn contradicts_itself(draft: &rule::Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    let mut parts: Vec<&Condition> = Vec::new();
    for part in draft.rule.when.parts() {
        parts.extend(part.parts());
    }
    if parts.len() > MOST_PARTS {
        return;
    }
    let apart = |(number, one): (usize, &&Condition)| {
        parts.iter().take(number).any(|other| excludes(one, other, drafts.clients))
    };
    if !parts.iter().enumerate().any(apart) {
        return;
    }
    let what = if draft.rule.then != Requirement::None && can_be_unknown(&draft.rule.when) {
        " matches only where that cannot be told, its conditions exclude each other"
    } else {
        " can never match, its conditions exclude each other"
    };
    out.warn(about(draft, "name", what, "all conditions of a rule must hold; for one of several write any"));
}

/// No client, or nothing that its clients send, fits.
fn nowhere(draft: &rule::Draft, drafts: &Drafts<'_>, out: &mut Complaints) -> bool {
    let clients = drafts.clients;
    if clients.is_empty() || draft.gathered.names.iter().any(|(_, name)| name.value.is_empty()) {
        return false;
    }
    let never = |part: &Condition| clients.iter().all(|client| at_client(part, client) == Truth::No);
    if !never(&draft.rule.when) {
        return false;
    }
    // A name that nothing has is an error of its own.
    let alone = draft.rule.when.parts().iter().find(|part| never(part));
    let (key, what, hint) = match alone {
        Some(Condition::First(_)) => (
            "first-credential",
            " can never match, no client takes such a first credential",
            "compare methods and \
             primary of the clients",
        ),
        Some(Condition::Protocol(_)) => (
            "protocol",
            " can never match, no client speaks that protocol",
            "remove the rule, or add such a client",
        ),
        Some(Condition::Network(_)) => {
            ("network", " can never match, its networks hold no prefix", "add one, or look into their files")
        }
        Some(Condition::Not(_)) => (
            "not",
            " can never match, what it excludes is everything",
            "leave something that is not excluded",
        ),
        Some(Condition::Client(_) | Condition::ClientGroup(_) | Condition::Directory(_)) => return true,
        _ => (
            "name",
            " can never match, no client fits all of its conditions",
            "each client has one protocol, one directory and its own listeners",
        ),
    };
    out.warn(about(draft, key, what, hint));
    true
}

/// What it says at a client, when nothing else is known.
pub(super) fn at_client(condition: &Condition, client: &client::Draft) -> Truth {
    let login = &client.settings.login;
    match condition {
        Condition::All(list) => list.iter().fold(Truth::Yes, |all, one| all.and(at_client(one, client))),
        Condition::Any(list) => list.iter().fold(Truth::No, |any, one| any.or(at_client(one, client))),
        Condition::Not(inner) => at_client(inner, client).not(),
        Condition::Client(names) => Truth::of(names.contains(&login.name)),
        Condition::ClientGroup(names) => Truth::of(login.groups.iter().any(|group| names.contains(group))),
        Condition::Protocol(list) => Truth::of(list.contains(&login.protocol)),
        Condition::Directory(names) => Truth::of(names.contains(&login.directory)),
        Condition::Listener(names) => at_listener(names, client),
        Condition::First(list) if !firsts(client).iter().any(|first| list.contains(first)) => Truth::No,
        Condition::Network(list) if list.iter().all(|network| network.prefixes().is_empty()) => Truth::No,
        Condition::AddressUnknown if !login.can.tells_address => Truth::Yes,
        _ => Truth::Unknown,
    }
}

/// Names of listeners are those of LDAP; of RADIUS there are addresses.
fn at_listener(names: &[std::sync::Arc<str>], client: &client::Draft) -> Truth {
    let is_address = |name: &str| name.parse::<std::net::SocketAddr>().is_ok();
    let possible = |name: &std::sync::Arc<str>| match client.settings.ldap() {
        None => is_address(name),
        Some(ldap) => {
            let own = &ldap.known_by.listeners;
            !is_address(name) && (own.is_empty() || own.contains(name))
        }
    };
    if names.iter().any(possible) { Truth::Unknown } else { Truth::No }
}

/// The first credentials that can come from a client.
fn firsts(client: &client::Draft) -> Vec<First> {
    let login = &client.settings.login;
    if login.primary == PrimaryKind::CheckedByClient {
        return vec![First::Trusted];
    }
    let of_method = |method| match method {
        None => First::Password,
        Some(method) => First::Relayed(method),
    };
    let mut all: Vec<First> = client.settings.methods().into_iter().map(of_method).collect();
    if login.protocol == Protocol::Ldap && client.ldap.external.is_some() {
        all.push(First::Certificate);
    }
    all
}

/// Conditions that look at what nobody can know here.
fn never_known(draft: &rule::Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    let unknown =
        "a condition that cannot be told adds what its rule demands, and refuses where the rule does";
    for (key, place) in &draft.gathered.geo {
        let database = if *key == "country" { &drafts.geo.country } else { &drafts.geo.asn };
        if database.is_none() {
            let what = format!("{}: {key} is never known, there is no [geo] with {key}", called(draft));
            out.warn(crate::base::report::Complaint::wrong(place, what).hint(unknown));
        }
    }
    for place in draft.gathered.history.iter().filter(|_| !drafts.remembers_networks) {
        let what = format!(
            "{}: new-network is never known, remember-networks of [subjects] is \"0s\"",
            called(draft)
        );
        out.warn(crate::base::report::Complaint::wrong(place, what).hint(unknown));
    }
    let looks = draft.rule.when.parts().iter().find_map(|part| {
        let mut found = false;
        part.each(&mut |one| found |= matches!(one, Condition::Network(_)));
        let key = match part {
            Condition::Any(_) => "any",
            Condition::All(_) => "all",
            Condition::Not(_) => "not",
            _ => "network",
        };
        found.then_some(key)
    });
    let mut here =
        drafts.clients.iter().filter(|client| at_client(&draft.rule.when, client) != Truth::No).peekable();
    let (Some(key), Some(first)) = (looks, here.peek().copied()) else { return };
    if here.all(|client| !client.settings.login.can.tells_address) {
        let what = format!(
            ": network is never known, client \"{}\" tells nobody's address",
            safe(&first.settings.login.name)
        );
        out.warn(about(draft, key, &what, unknown));
    }
}
