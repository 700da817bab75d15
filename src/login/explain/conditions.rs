//! What each condition of a rule says of a login, and why, in words.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::base::clock::UnixTime;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::policy::facts::Country;
use crate::login::policy::window::NamedCalendar;
use crate::login::policy::{Condition, Facts, First, Input, Network, Truth, UserAt, Validity, Window};

/// Most values of a list that are told one by one.
const MOST_TOLD: usize = 4;

/// A condition, and what it says of one login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Its key, as in a rule.
    pub key: &'static str,
    /// What it says.
    pub truth: Truth,
    /// Why, with the value that it looked at; empty where that stands in `inner`.
    pub why: String,
    /// The conditions inside of it.
    pub inner: Vec<Self>,
}

/// The word for what a condition says.
#[must_use]
pub const fn word(truth: Truth) -> &'static str {
    match truth {
        Truth::No => "no",
        Truth::Yes => "yes",
        Truth::Unknown => "unknown",
        Truth::Pending => "not known yet",
    }
}

/// What `condition` says of the login that `facts` are about, and why.
#[must_use]
pub fn looked(condition: &Condition, facts: &Facts<'_>) -> Looked {
    // A table with one condition is that condition.
    if let Condition::All(list) = condition
        && let [one] = list.as_slice()
    {
        return looked(one, facts);
    }
    let inner: Vec<Looked> = if let Condition::Not(one) = condition {
        vec![looked(one, facts)]
    } else if let Condition::All(list) | Condition::Any(list) = condition {
        list.iter().map(|one| looked(one, facts)).collect()
    } else {
        Vec::new()
    };
    let why = if inner.is_empty() { why(condition, facts) } else { String::new() };
    Looked { key: key(condition), truth: condition.look(facts), why, inner }
}

const fn key(condition: &Condition) -> &'static str {
    match condition {
        Condition::All(_) => "all",
        Condition::Any(_) => "any",
        Condition::Not(_) => "not",
        Condition::Client(_) => "client",
        Condition::ClientGroup(_) => "client-group",
        Condition::Listener(_) => "listener",
        Condition::Protocol(_) => "protocol",
        Condition::Directory(_) => "directory",
        Condition::Subject(_) => "subject",
        Condition::Group(_) => "group",
        Condition::Network(_) | Condition::AddressUnknown => "network",
        Condition::Country(_) => "country",
        Condition::Asn(_) => "asn",
        Condition::Time(_) => "time",
        Condition::Calendar(_) => "calendar",
        Condition::Valid(Validity { from: Some(_), until: None }) => "valid-from",
        Condition::Valid(_) => "valid-until",
        Condition::FirstLogin(_) => "first-login",
        Condition::NewNetwork(_) => "new-network",
        Condition::LastLoginBefore(_) => "last-login-before",
        Condition::First(_) => "first-credential",
        Condition::Enrolled { .. } => "enrolled",
    }
}

fn why(condition: &Condition, facts: &Facts<'_>) -> String {
    match condition {
        Condition::All(_) => "nothing is asked for".into(),
        Condition::Any(_) | Condition::Not(_) => "nothing is named".into(),
        Condition::Client(names) => one_of(&quoted(&facts.client.name), names),
        Condition::ClientGroup(names) => client_groups(facts, names),
        Condition::Listener(names) => match facts.listener {
            Input::Known(name) => one_of(&quoted(name), names),
            Input::Unknown | Input::Pending => "the listener is not known".into(),
        },
        Condition::Protocol(list) => {
            one_of(facts.client.protocol.word(), list.iter().map(|protocol| protocol.word()))
        }
        Condition::Directory(names) => one_of(&quoted(&facts.client.directory), names),
        Condition::Subject(list) => match facts.subject {
            // Its own id would lead from the name that was asked about to all records of a person.
            Input::Known((who, _)) if list.contains(who) => "it is one that is named".into(),
            Input::Known(_) => format!("it is none of {} that are named", list.len()),
            Input::Unknown | Input::Pending => NOBODY.into(),
        },
        Condition::Group(list) => groups(facts, list),
        Condition::Network(list) => network(facts.user, list),
        Condition::AddressUnknown => match facts.user {
            UserAt::Unknown => "the client gave no address of the user".into(),
            UserAt::Address(_) | UserAt::Within(_) => "the user's address is known".into(),
        },
        Condition::Country(list) => country(facts, list),
        Condition::Asn(list) => place(facts, facts.place.asn.known().map(|asn| asn.to_string()), list),
        Condition::Time(list) => hours(facts, list),
        Condition::Calendar(list) => calendars(facts, list),
        Condition::Valid(span) => validity(facts, *span),
        Condition::FirstLogin(_) | Condition::NewNetwork(_) | Condition::LastLoginBefore(_) => {
            past(condition, facts)
        }
        Condition::First(list) => match facts.first {
            Input::Known(first) => one_of(first.word(), list.iter().map(|first| First::word(*first))),
            Input::Unknown | Input::Pending => "the kind of the first credential is not known".into(),
        },
        Condition::Enrolled { .. } => match facts.enrolled {
            Input::Known(kinds) => enrolled(kinds),
            Input::Unknown | Input::Pending => "what is enrolled is not known".into(),
        },
    }
}

const NOBODY: &str = "it is not known whose login it is";

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// `value`, and whether it is in a list that is told in short.
fn one_of<T: AsRef<str>>(value: &str, list: impl IntoIterator<Item = T>) -> String {
    let all: Vec<T> = list.into_iter().collect();
    let bare = value.trim_matches('"');
    if all.iter().any(|one| one.as_ref() == bare) {
        return format!("it is {value}");
    }
    let told: Vec<&str> = all.iter().take(MOST_TOLD).map(AsRef::as_ref).collect();
    format!("it is {value}, not {}{}", told.join(" or "), more(all.len()))
}

fn more(count: usize) -> String {
    match count.saturating_sub(MOST_TOLD) {
        0 => String::new(),
        rest => format!(" or one of {rest} more"),
    }
}

fn client_groups(facts: &Facts<'_>, names: &[Arc<str>]) -> String {
    let mine = &facts.client.groups;
    match names.iter().find(|name| mine.contains(name)) {
        Some(name) => format!("client \"{}\" is in \"{name}\"", facts.client.name),
        None if mine.is_empty() => format!("client \"{}\" is in no group", facts.client.name),
        None => {
            let told: Vec<&str> = mine.iter().take(MOST_TOLD).map(|name| &**name).collect();
            format!("client \"{}\" is in {}{}", facts.client.name, told.join(", "), more(mine.len()))
        }
    }
}

fn groups(facts: &Facts<'_>, list: &[Box<str>]) -> String {
    let Input::Known((_, groups)) = facts.subject else { return NOBODY.into() };
    if let Some(key) = list.iter().find(|key| groups.contains(*key)) {
        return format!("in group \"{key}\"");
    }
    if let Some(known) = facts.groups_known
        && let Some(key) = list.iter().find(|key| !known.contains(*key))
    {
        return format!("the record does not say whether the subject is in \"{key}\"");
    }
    match list {
        [one] => format!("not in group \"{one}\""),
        several => format!("in none of {} groups", several.len()),
    }
}

fn network(user: UserAt, list: &[Arc<Network>]) -> String {
    let told = |network: &Network| {
        let count = network.prefixes().len();
        match (&*network.name, network.prefixes()) {
            ("", [one]) => one.to_string(),
            ("", _) => format!("{count} prefixes"),
            (name, _) => format!("\"{name}\" ({count} prefixes)"),
        }
    };
    let (at, found) = match user {
        UserAt::Unknown => return "the user's address is unknown".into(),
        UserAt::Address(address) => (address.to_string(), Truth::Yes),
        UserAt::Within(part) => (part.to_string(), Truth::Yes),
    };
    if let Some(network) = list.iter().find(|network| network.contains(user) == found) {
        return format!("{at} is in {}", told(network));
    }
    if let Some(network) = list.iter().find(|network| network.contains(user) == Truth::Unknown) {
        return format!("only a part of {at} is in {}", told(network));
    }
    let all: Vec<String> = list.iter().take(MOST_TOLD).map(|network| told(network)).collect();
    format!("{at} is not in {}{}", all.join(" or "), more(list.len()))
}

fn country(facts: &Facts<'_>, list: &[Country]) -> String {
    place(facts, facts.place.country.known().map(|country| country.to_string()), list)
}

fn place<T: ToString>(facts: &Facts<'_>, value: Option<String>, list: &[T]) -> String {
    match (value, facts.user) {
        (Some(value), _) => one_of(&value, list.iter().map(ToString::to_string)),
        (None, UserAt::Unknown) => "the user's address is unknown".into(),
        (None, UserAt::Address(_) | UserAt::Within(_)) => {
            "no database says where the user's address is".into()
        }
    }
}

fn hours(facts: &Facts<'_>, list: &[Arc<Window>]) -> String {
    let mut zones = list.iter().flat_map(|window| window.hours.iter().map(|hours| &hours.zone));
    match list.iter().find(|window| window.contains(facts.at)) {
        Some(window) => {
            let at = on_clock(facts.at, window.hours.first().map(|hours| &hours.zone));
            inside(&at, &[&*window.name], "inside the hours")
        }
        None => {
            let first = zones.next();
            let at = on_clock(facts.at, first.filter(|first| zones.all(|zone| zone == *first)));
            inside(&at, &names(list, |window| &window.name), "outside the hours")
        }
    }
}

fn calendars(facts: &Facts<'_>, list: &[Arc<NamedCalendar>]) -> String {
    let with = |truth| list.iter().find(|one| one.calendar.contains(facts.at) == truth);
    match (with(Truth::Yes), with(Truth::Unknown)) {
        (Some(named), _) => inside(&moment(facts.at.0), &[&*named.name], "inside the calendar"),
        (None, Some(_)) => format!("no calendar tells of {}", moment(facts.at.0)),
        (None, None) => {
            inside(&moment(facts.at.0), &names(list, |named| &named.name), "outside the calendar")
        }
    }
}

/// A moment on the clock that hours are of, with its weekday; in UTC without one.
fn on_clock(at: UnixTime, zone: Option<&TimeZone>) -> String {
    let zoned = |zone: &TimeZone| {
        let stamp = jiff::Timestamp::from_second(at.0.div_euclid(1000)).ok()?;
        Some(stamp.to_zoned(zone.clone()).strftime("%a %Y-%m-%dT%H:%M:%S%:z").to_string())
    };
    zone.and_then(zoned).unwrap_or_else(|| moment(at.0))
}

fn inside(at: &str, names: &[&str], what: &str) -> String {
    let name =
        names.iter().find(|name| !name.is_empty()).map_or(String::new(), |name| format!(" \"{name}\""));
    format!("{at} is {what}{name}")
}

fn validity(facts: &Facts<'_>, validity: Validity) -> String {
    match (validity.from, validity.until) {
        (Some(from), _) if facts.at < from => format!("it begins at {}", moment(from.0)),
        (_, Some(until)) if facts.at >= until => format!("it ended at {}", moment(until.0)),
        (_, Some(until)) => format!("it ends at {}", moment(until.0)),
        (_, None) => "it has begun".into(),
    }
}

fn names<T>(list: &[Arc<T>], name: impl Fn(&T) -> &Arc<str>) -> Vec<&str> {
    list.iter().map(|one| &**name(one)).collect()
}

/// A moment in UTC, to the second.
#[must_use]
pub fn moment(unix_ms: i64) -> String {
    let stamp = jiff::Timestamp::from_second(unix_ms.div_euclid(1000));
    stamp.map_or_else(|_| "a time beyond all calendars".into(), |stamp| stamp.to_string())
}

fn past(condition: &Condition, facts: &Facts<'_>) -> String {
    let past = match facts.past {
        Input::Known(past) => past,
        Input::Unknown | Input::Pending => return "earlier logins are not known".into(),
    };
    match (condition, past.new_network, past.last_login_days) {
        (Condition::FirstLogin(_), ..) if past.first_login => "nobody was let in as this subject yet".into(),
        (Condition::FirstLogin(_), ..) => "the subject was let in before".into(),
        (Condition::NewNetwork(_), Input::Known(true), _) => {
            "the subject was not let in from there yet".into()
        }
        (Condition::NewNetwork(_), Input::Known(false), _) => {
            "the subject was let in from there before".into()
        }
        (Condition::NewNetwork(_), ..) if facts.user == UserAt::Unknown => {
            "the user's address is unknown".into()
        }
        (Condition::NewNetwork(_), ..) => "known networks are not remembered".into(),
        (_, _, Input::Known(1)) => "the last login was 1 day ago".into(),
        (_, _, Input::Known(days)) => format!("the last login was {days} days ago"),
        (..) if past.first_login => "there was no login yet".into(),
        (..) => "the last login is not known".into(),
    }
}

fn enrolled(kinds: FactorKinds) -> String {
    if kinds.is_empty() {
        return "nothing is enrolled".into();
    }
    let words: Vec<_> = kinds.iter().map(FactorKind::word).collect();
    format!("enrolled: {}", words.join(", "))
}

#[cfg(test)]
mod tests;
