//! Days and moments: `valid-from`, `valid-until`, `grace-until`.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::base::clock::UnixTime;
use crate::base::table::{Reader, Value};
use crate::base::text::safe;
use crate::login::policy::Validity;

/// Which moment of a day is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

const ENDS: &str = "a day such as \"2026-12-31\" (it ends with that day, UTC), or a time with its zone";
const BEGINS: &str = "a day such as \"2026-11-01\" (it begins with that day, UTC), or a time with its zone";

/// Reads `valid-from` and `valid-until`.
pub(in crate::config) fn validity(reader: &mut Reader<'_, '_>) -> Validity {
    let from = read(reader, "valid-from", Edge::Begin);
    let until = read(reader, "valid-until", Edge::End);
    if let (Some(begin), Some(end), Some(place)) = (from, until, reader.place_of("valid-until"))
        && end <= begin
    {
        reader.wrong(&place, "valid-until is not after valid-from", "swap them, or correct one of them");
    }
    Validity { from, until }
}

/// Reads the end of something: the last day, or the first moment behind it.
pub(in crate::config) fn end(reader: &mut Reader<'_, '_>, key: &str) -> Option<UnixTime> {
    read(reader, key, Edge::End)
}

/// Reads a time with its zone.
pub(in crate::config) fn at(reader: &mut Reader<'_, '_>, key: &str) -> Option<UnixTime> {
    let node = reader.node(key)?;
    let text = match &node.value {
        Value::Text(text) | Value::Date(text) => text.as_str(),
        _ => "",
    };
    let time = text.parse::<jiff::Timestamp>().ok();
    if time.is_none() {
        let what = format!("{key} is no time with its zone");
        reader.wrong(&node.place, what, "for example \"2026-11-20T10:00:00+03:00\"");
    }
    time.map(|time| UnixTime(time.as_millisecond()))
}

fn read(reader: &mut Reader<'_, '_>, key: &str, edge: Edge) -> Option<UnixTime> {
    let hint = if edge == Edge::End { ENDS } else { BEGINS };
    let node = reader.node(key)?;
    let text = match &node.value {
        Value::Text(text) | Value::Date(text) => text,
        Value::Whole(_) | Value::Flag(_) | Value::List(_) | Value::Table(_) | Value::Unfit => {
            reader.wrong(&node.place, format!("{key} is {}", node.value.kind()), hint);
            return None;
        }
    };
    let found = moment(text, edge);
    if found.is_none() {
        reader.wrong(&node.place, format!("{key} is \"{}\", which is no date", safe(text)), hint);
    }
    found
}

/// A time with its zone, or the beginning or end of a day in UTC.
fn moment(text: &str, edge: Edge) -> Option<UnixTime> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(UnixTime(time.as_millisecond()));
    }
    let day: Date = text.parse().ok().filter(|_| text.len() == 10)?;
    let day = if edge == Edge::End { day.tomorrow().ok()? } else { day };
    let midnight = day.to_zoned(TimeZone::UTC).ok()?;
    Some(UnixTime(midnight.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_grace_ends_with_the_day() {
        let ends = |text| moment(text, Edge::End);
        assert_eq!(ends("2026-12-31"), Some(UnixTime::from_seconds(1_798_761_600)));
        assert_eq!(ends("2026-12-31T12:00:00+01:00"), Some(UnixTime::from_seconds(1_798_714_800)));
        for no_date in ["", "2026-13-01", "tomorrow", "2026-12-31T12:00:00", "9999-12-31"] {
            assert_eq!(ends(no_date), None, "{no_date}");
        }
    }

    #[test]
    fn what_is_valid_from_a_day_is_valid_from_its_first_moment() {
        assert_eq!(moment("2027-01-01", Edge::Begin), moment("2026-12-31", Edge::End));
    }
}
