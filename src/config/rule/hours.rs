//! Weekdays and hours, in rules and in windows.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::base::table::{Reader, Table};
use crate::base::text::safe;
use crate::config::file;
use crate::login::policy::TimeWindow;

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

/// Reads hours that stand in a rule, with their zone.
pub(in crate::config) fn in_rule(
    reader: &mut Reader<'_, '_>,
    who: &str,
    table: &Table,
) -> Option<TimeWindow> {
    let mut inner = Reader::new(table, who, file::RULE_TIME, reader.out());
    let (days, from, to) = span(&mut inner);
    let zone = zone(&mut inner);
    Some(TimeWindow { days: days?, from: from?, to: to?, zone: zone? })
}

/// Reads hours that stand in a window, whose zone they have.
pub(in crate::config) fn in_window(
    reader: &mut Reader<'_, '_>,
    who: &str,
    table: &Table,
    zone: &TimeZone,
) -> Option<TimeWindow> {
    let mut inner = Reader::new(table, who, file::WINDOW_HOURS, reader.out());
    let (days, from, to) = span(&mut inner);
    Some(TimeWindow { days: days?, from: from?, to: to?, zone: zone.clone() })
}

type Parts = (Option<Vec<Weekday>>, Option<Time>, Option<Time>);

fn span(reader: &mut Reader<'_, '_>) -> Parts {
    let parts = (days(reader), time_of_day(reader, "from", false), time_of_day(reader, "to", true));
    let (_, from, to) = &parts;
    if from.is_some_and(|from| from != Time::midnight())
        && from == to
        && let Some(place) = reader.place_of("to")
    {
        let hint = "write another end; a whole day is from = \"00:00\", to = \"24:00\"";
        reader.doubt(&place, "to is the same as from, so it lasts until then on the next day", hint);
    }
    parts
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

/// Reads `zone`.
pub(in crate::config) fn zone(reader: &mut Reader<'_, '_>) -> Option<TimeZone> {
    let text = reader.need_text("zone", "for example zone = \"Europe/Berlin\" or \"UTC\"")?;
    let zone = TimeZone::get(text.value).ok();
    if zone.is_some()
        && let Some(doubt) = doubtful_zone(text.value)
    {
        reader.doubt(&text.place, doubt, "name a place, such as \"Europe/Berlin\", or \"UTC\"");
    }
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

/// Names that are in the list of zones, and hardly stand for what they seem to.
fn doubtful_zone(name: &str) -> Option<String> {
    if ["EST", "MST", "HST"].iter().any(|fixed| name.eq_ignore_ascii_case(fixed)) {
        return Some(format!("zone \"{}\" has no daylight saving", safe(name)));
    }
    let turned = name.get(..7).filter(|start| start.eq_ignore_ascii_case("etc/gmt"))?;
    let (sign, hours) =
        (name.get(turned.len()..)?.chars().next()?, name.get(turned.len().saturating_add(1)..)?);
    let side = match sign {
        '+' => "behind",
        '-' => "ahead of",
        _ => return None,
    };
    Some(format!("zone \"{}\" is {hours} h {side} UTC: in these names the sign is turned round", safe(name)))
}
