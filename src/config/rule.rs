//! `[[rule]]`

use std::sync::Arc;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::base::clock::UnixTime;
use crate::base::report::Place;
use crate::base::table::{Reader, Table, Value, Written};
use crate::base::text::safe;
use crate::config::client::{check_name, prefix};
use crate::config::file;
use crate::directory::group_name;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::identity::Pseudonym;
use crate::login::policy::{Condition, Network, Options, Requirement, Rule, TimeWindow, Window};

/// A rule and where the things stand that are compared with other tables.
pub(in crate::config) struct Draft {
    pub(in crate::config) rule: Rule,
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Place>,
    pub(in crate::config) clients: Vec<Written<String>>,
    pub(in crate::config) groups: Vec<(Box<str>, Place)>,
    pub(in crate::config) grace_until: Option<Place>,
    pub(in crate::config) then: Option<Place>,
}

/// Reads one rule; `reader` is already called by its name.
pub(in crate::config) fn settle(reader: &mut Reader<'_, '_>) -> Draft {
    let name = reader.need_text("name", "the name stands in audit records and in explain");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    let clients: Option<Vec<Written<String>>> = reader.texts("client").map(|texts| {
        texts.into_iter().map(|t| Written { value: t.value.to_owned(), place: t.place }).collect()
    });
    let groups_at: Vec<Place> =
        reader.texts("group").unwrap_or_default().into_iter().map(|text| text.place).collect();
    let named = |list: &Vec<Written<String>>| list.iter().map(|name| name.value.as_str().into()).collect();
    let groups = groups(reader);
    let parts = [
        clients.as_ref().map(named).map(Condition::Client),
        network(reader),
        times(reader).map(|hours| Condition::Time(vec![Arc::new(Window { name: "".into(), hours })])),
        subjects(reader).map(Condition::Subject),
        groups.clone().map(Condition::Group),
    ];
    let when = Condition::All(parts.into_iter().flatten().collect());
    let then = then(reader);
    let grace_until = grace(reader);
    let place_of = |key: &str| reader.node(key).map(|node| node.place.clone());
    let (then_at, grace_at) = (place_of("then"), place_of("grace-until"));
    if let Some(place) = grace_at.as_ref().filter(|_| !matches!(then, Some(Requirement::OneOf(_)) | None)) {
        let hint = "a period of grace is for people without a factor where one is required";
        reader.wrong(place, "grace-until is only for then = { require = … }", hint);
    }
    Draft {
        place: reader.whole_table().place.clone(),
        rule: Rule {
            name: name.as_ref().map_or("", |name| name.value).into(),
            when,
            then: then.unwrap_or(Requirement::Refuse),
            options: Options { grace_until, ..Options::default() },
        },
        name: name.map(|name| name.place),
        clients: clients.unwrap_or_default(),
        groups: groups.unwrap_or_default().into_iter().zip(groups_at).collect(),
        grace_until: grace_at,
        then: then_at,
    }
}

pub(in crate::config) fn groups(reader: &mut Reader<'_, '_>) -> Option<Vec<Box<str>>> {
    let texts = reader.texts("group")?;
    let mut keys = Vec::with_capacity(texts.len());
    for text in texts {
        let key = group_name(text.value);
        if key.is_empty() {
            reader.wrong(&text.place, "group names nothing", "the short name of a group, or its whole DN");
        }
        keys.push(key);
    }
    Some(keys)
}

fn subjects(reader: &mut Reader<'_, '_>) -> Option<Vec<Pseudonym>> {
    let texts = reader.texts("subject")?;
    let mut found = Vec::with_capacity(texts.len());
    for text in texts {
        match Pseudonym::new(text.value) {
            Some(pseudonym) => found.push(pseudonym),
            None => {
                let what = format!("subject: \"{}\" is not a pseudonym", safe(text.value));
                reader.wrong(
                    &text.place,
                    what,
                    "rules name people by their anonymous id, as it stands in the audit",
                );
            }
        }
    }
    Some(found)
}

fn network(reader: &mut Reader<'_, '_>) -> Option<Condition> {
    let texts = reader.texts("network")?;
    let (mut prefixes, mut ways) = (Vec::new(), Vec::new());
    for text in texts {
        if text.value == "unknown" {
            ways.push(Condition::AddressUnknown);
        } else if let Some(prefix) = prefix(reader, "network", &text) {
            prefixes.push(prefix);
        }
    }
    if !prefixes.is_empty() {
        ways.push(Condition::Network(vec![Arc::new(Network::new("", prefixes))]));
    }
    Some(Condition::Any(ways))
}

fn then(reader: &mut Reader<'_, '_>) -> Option<Requirement> {
    const WAYS: &str = "write then = \"refuse\", \"none\" or { require = [\"totp\", …] }";
    let Some(node) = reader.node("then") else {
        reader.missing("then", WAYS);
        return None;
    };
    match &node.value {
        Value::Table(table) => {
            let who = format!("{}: then", reader.who());
            let mut inner = Reader::new(table, who, file::RULE_THEN, reader.out());
            if inner.node("require").is_none() {
                inner.missing("require", WAYS);
                return None;
            }
            let words: Vec<(&str, FactorKind)> = FactorKind::ALL.iter().map(|k| (k.word(), *k)).collect();
            let texts = inner.texts("require")?;
            let kinds: Vec<FactorKind> =
                texts.iter().filter_map(|text| inner.word("require", text, &words)).collect();
            Some(Requirement::OneOf(kinds.into_iter().collect::<FactorKinds>()))
        }
        Value::Text(_) => {
            let text = reader.text("then")?;
            reader.word("then", &text, &[("refuse", Requirement::Refuse), ("none", Requirement::None)])
        }
        Value::Whole(_) | Value::Flag(_) | Value::Date(_) | Value::List(_) | Value::Unfit => {
            reader.wrong(&node.place, format!("then is {}", node.value.kind()), WAYS);
            None
        }
    }
}

fn grace(reader: &mut Reader<'_, '_>) -> Option<UnixTime> {
    let node = reader.node("grace-until")?;
    let text = match &node.value {
        Value::Text(text) | Value::Date(text) => text,
        Value::Whole(_) | Value::Flag(_) | Value::List(_) | Value::Table(_) | Value::Unfit => {
            reader.wrong(&node.place, format!("grace-until is {}", node.value.kind()), DATES);
            return None;
        }
    };
    let end = moment(text);
    if end.is_none() {
        reader.wrong(&node.place, format!("grace-until is \"{}\", which is no date", safe(text)), DATES);
    }
    end
}

const DATES: &str = "a day such as \"2026-12-31\" (it ends with that day, UTC), or a time with its zone";

/// A time with its zone, or the end of a day in UTC.
fn moment(text: &str) -> Option<UnixTime> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(UnixTime(time.as_millisecond()));
    }
    let day: Date = text.parse().ok().filter(|_| text.len() == 10)?;
    let midnight = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(UnixTime(midnight.timestamp().as_millisecond()))
}

fn times(reader: &mut Reader<'_, '_>) -> Option<Vec<TimeWindow>> {
    let node = reader.node("time")?;
    let tables: Vec<&Table> = match &node.value {
        Value::Table(table) => vec![table],
        _ => reader.tables("time"),
    };
    if matches!(&node.value, Value::List(list) if list.is_empty()) {
        reader.wrong(&node.place, "time is an empty list", "name at least one window, or leave the key out");
    }
    let who = format!("{}: time", reader.who());
    let mut windows = Vec::with_capacity(tables.len());
    for table in tables {
        let mut inner = Reader::new(table, who.clone(), file::RULE_TIME, reader.out());
        windows.extend(window(&mut inner));
    }
    Some(windows)
}

fn window(reader: &mut Reader<'_, '_>) -> Option<TimeWindow> {
    let days = days(reader);
    let from = time_of_day(reader, "from", false);
    let to = time_of_day(reader, "to", true);
    let zone = zone(reader);
    Some(TimeWindow { days: days?, from: from?, to: to?, zone: zone? })
}

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// The word for a day.
pub(in crate::config) fn day_word(day: Weekday) -> &'static str {
    WEEK.iter().find(|(_, known)| *known == day).map_or("", |(word, _)| word)
}

fn days(reader: &mut Reader<'_, '_>) -> Option<Vec<Weekday>> {
    if reader.node("days").is_none() {
        reader.missing("days", "for example days = [\"mon-fri\"]");
    }
    let texts = reader.texts("days")?;
    let mut days: Vec<Weekday> = Vec::new();
    for text in texts {
        let (first, last) = text.value.split_once('-').unwrap_or((text.value, text.value));
        let named = |word: &str| WEEK.iter().position(|(known, _)| *known == word);
        let (Some(first), Some(last)) = (named(first), named(last)) else {
            let what = format!("days: \"{}\" is not a day", safe(text.value));
            reader.wrong(&text.place, what, "mon, tue, wed, thu, fri, sat, sun, or a span such as mon-fri");
            continue;
        };
        let length = last.saturating_add(7).saturating_sub(first) % 7;
        let span = WEEK.iter().cycle().skip(first).take(length.saturating_add(1)).map(|(_, day)| *day);
        days.extend(span.filter(|day| !days.contains(day)).collect::<Vec<_>>());
    }
    Some(days)
}

fn time_of_day(reader: &mut Reader<'_, '_>, key: &str, ends: bool) -> Option<Time> {
    let text = reader.need_text(key, "for example from = \"08:00\", to = \"18:00\"")?;
    if ends && text.value == "24:00" {
        return Some(Time::midnight());
    }
    let time = Time::strptime("%H:%M", text.value).ok();
    if time.is_none() {
        let what = format!("{key} is \"{}\", which is no time of day", safe(text.value));
        reader.wrong(&text.place, what, "hours and minutes, for example \"08:00\"");
    }
    time
}

fn zone(reader: &mut Reader<'_, '_>) -> Option<TimeZone> {
    let text = reader.need_text("zone", "for example zone = \"Europe/Berlin\" or \"UTC\"")?;
    let zone = TimeZone::get(text.value).ok();
    if zone.is_none() {
        let what = format!("zone: there is no time zone \"{}\"", safe(text.value));
        reader.wrong(
            &text.place,
            what,
            "a name such as \"Europe/Berlin\"; the list is in /usr/share/zoneinfo",
        );
    }
    zone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_grace_ends_with_the_day() {
        assert_eq!(moment("2026-12-31"), Some(UnixTime::from_seconds(1_798_761_600)));
        assert_eq!(moment("2026-12-31T12:00:00+01:00"), Some(UnixTime::from_seconds(1_798_714_800)));
        for no_date in ["", "2026-13-01", "tomorrow", "2026-12-31T12:00:00", "9999-12-31"] {
            assert_eq!(moment(no_date), None, "{no_date}");
        }
    }
}
