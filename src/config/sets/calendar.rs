//! `[[calendar]]`: days and times that do not repeat by the week.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::base::clock::UnixTime;
use crate::base::table::Reader;
use crate::base::text::safe;
use crate::config::client::check_name;
use crate::config::rule::hours;
use crate::config::sets::{Draft, Files, whose};
use crate::config::settings::CalendarSettings;
use crate::login::policy::calendar::Span;

/// Reads one; `reader` is already called by its name.
pub(super) fn settle(reader: &mut Reader<'_, '_>, around: &mut Files<'_>) -> Draft<CalendarSettings> {
    let name = reader.need_text("name", "rules name it in calendar");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    let zone = hours::zone(reader).unwrap_or(TimeZone::UTC);
    let file = reader.text("file").map(|text| around.folder.join(text.value));
    if file.is_none() && ["days", "times"].iter().all(|key| reader.node(key).is_none()) {
        let hint = "for example days = [\"2026-12-24/2026-12-31\"], or the file of an iCalendar";
        reader.missing("days, times or file", hint);
    }
    let mut spans = read(
        reader,
        "days",
        &zone,
        days,
        "a day such as \"2026-12-31\", or a first and a last one, \
        \"2026-12-24/2026-12-31\"",
    );
    spans.extend(read(
        reader,
        "times",
        &zone,
        times,
        "a beginning and an end such as \
        \"2026-11-01T22:00/2026-11-02T04:00\"",
    ));
    let written = |reader: &mut Reader<'_, '_>, key: &str| {
        let texts = reader.texts(key).unwrap_or_default();
        texts.into_iter().map(|text| text.value.into()).collect::<Vec<Box<str>>>()
    };
    let (days, times) = (written(reader, "days"), written(reader, "times"));
    let called = name.as_ref().map_or("", |name| name.value);
    let before = (reader.out().errors.len(), reader.out().warnings.len());
    let calendar = around.gathering(reader.out()).calendar(called, &zone, &spans, file.as_deref());
    whose(reader, before);
    Draft {
        settings: CalendarSettings { calendar, zone, days, times, spans, file },
        place: reader.whole_table().place.clone(),
        name: name.map(|name| name.place),
    }
}

fn read(
    reader: &mut Reader<'_, '_>,
    key: &str,
    zone: &TimeZone,
    span: fn(&str, &TimeZone) -> Option<Span>,
    hint: &str,
) -> Vec<Span> {
    let mut spans = Vec::new();
    for text in reader.texts(key).unwrap_or_default() {
        match span(text.value, zone).filter(|(from, until)| from < until) {
            Some(span) => spans.push(span),
            None => {
                let kind = if key == "days" { "no day, and no span of days" } else { "no span of time" };
                let what = format!("{key}: \"{}\" is {kind}", safe(text.value));
                reader.wrong(&text.place, what, hint);
            }
        }
    }
    spans
}

/// A day, or a first and a last one, as whole days on the clock of `zone`.
fn days(text: &str, zone: &TimeZone) -> Option<Span> {
    let (first, last) = text.split_once('/').unwrap_or((text, text));
    let day = |text: &str| text.trim().parse::<Date>().ok().filter(|_| text.trim().len() == 10);
    let begin = |day: Date| day.to_zoned(zone.clone()).ok();
    let (from, until) = (begin(day(first)?)?, begin(day(last)?.tomorrow().ok()?)?);
    Some((UnixTime(from.timestamp().as_millisecond()), UnixTime(until.timestamp().as_millisecond())))
}

/// A beginning and an end on the clock of `zone`, or each with an offset of its own.
fn times(text: &str, zone: &TimeZone) -> Option<Span> {
    let (from, until) = text.split_once('/')?;
    let moment = |text: &str| {
        let text = text.trim();
        let timestamp = match text.parse::<jiff::Timestamp>() {
            Ok(timestamp) => timestamp,
            Err(_) => text
                .parse::<DateTime>()
                .ok()
                .filter(|_| text.contains('T'))?
                .to_zoned(zone.clone())
                .ok()?
                .timestamp(),
        };
        Some(UnixTime(timestamp.as_millisecond()))
    };
    Some((moment(from)?, moment(until)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Istanbul").unwrap()
    }

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn whole_days_begin_and_end_on_the_clock_of_their_zone() {
        let one = Some((at("2026-10-28T21:00:00Z"), at("2026-10-29T21:00:00Z")));
        assert_eq!(days("2026-10-29", &zone()), one);
        let span = days("2026-12-24/2026-12-31", &zone());
        assert_eq!(span, Some((at("2026-12-23T21:00:00Z"), at("2026-12-31T21:00:00Z"))));
        for wrong in ["", "2026-13-01", "20261029", "2026-10-29T00:00", "2026-10-29/", "christmas"] {
            assert_eq!(days(wrong, &zone()), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_on_the_clock_of_their_zone_unless_they_say_their_offset() {
        let night = Some((at("2026-11-01T19:00:00Z"), at("2026-11-02T01:00:00Z")));
        assert_eq!(times("2026-11-01T22:00/2026-11-02T04:00", &zone()), night);
        assert_eq!(times("2026-11-01T20:00:00+01:00/2026-11-02T01:00:00Z", &zone()), night);
        for wrong in ["", "2026-11-01T22:00", "2026-11-01/2026-11-02", "22:00/04:00"] {
            assert_eq!(times(wrong, &zone()), None, "{wrong}");
        }
    }
}
