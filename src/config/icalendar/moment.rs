//! Dates, times and durations (RFC 5545 sections 3.3.4 to 3.3.6).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use crate::base::clock::UnixTime;
use crate::base::text::safe;
use crate::config::icalendar::Mistake;
use crate::config::icalendar::lines::Line;

/// A day, or a time of a day in a zone.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// On the clock of the zone; of a day its beginning.
    pub(super) civil: DateTime,
    /// Where that clock hangs.
    pub(super) zone: TimeZone,
    /// How it was written.
    pub(super) form: Form,
}

/// How a moment was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `20261029`
    Day,
    /// `20261029T080000Z`
    Utc,
    /// `TZID=Europe/Istanbul:20261029T080000`
    Zoned,
    /// `20261029T080000`: on the clock of whoever looks.
    Floating,
}

/// How long something lasts: so many days on the calendar, then so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Length {
    pub(super) days: i64,
    pub(super) ms: i64,
}

impl Moment {
    /// The same time of day on another day, and the same zone.
    pub(super) fn on(&self, day: Date) -> Self {
        Self { civil: day.to_datetime(self.civil.time()), zone: self.zone.clone(), form: self.form }
    }

    /// When it is. A time that the change to daylight saving skips is read with the offset before the change, one
    /// that comes twice is the first of the two (RFC 5545 section 3.3.5). `None` beyond the years that are known.
    pub(super) fn at(&self) -> Option<UnixTime> {
        self.zone.to_timestamp(self.civil).ok().map(|time| UnixTime(time.as_millisecond()))
    }

    /// When something ends that begins then.
    pub(super) fn end(&self, length: Length) -> Option<UnixTime> {
        let days = jiff::Span::new().try_days(length.days).ok()?;
        let at = self.on(self.civil.date().checked_add(days).ok()?).at()?;
        Some(UnixTime(at.0.checked_add(length.ms)?))
    }

    /// From this day to that one, or from this time to that one; `None` when the two are not of one kind.
    pub(super) fn until(&self, end: &Self) -> Option<Length> {
        match (self.form, end.form) {
            (Form::Day, Form::Day) => {
                let days = self.civil.date().until(end.civil.date()).ok()?.get_days();
                Some(Length { days: days.into(), ms: 0 })
            }
            (Form::Day, _) | (_, Form::Day) => None,
            _ => Some(Length { days: 0, ms: end.at()?.0.checked_sub(self.at()?.0)? }),
        }
    }
}

impl Length {
    /// Whether it lasts at all, and does not end before it begins.
    pub(super) const fn is_some(self) -> bool {
        self.days >= 0 && self.ms >= 0 && (self.days > 0 || self.ms > 0)
    }
}

const MOMENTS: &str =
    "a day is VALUE=DATE:20261029, a time is 20261029T080000Z or TZID=Europe/Istanbul:20261029T080000";
const ZONES: &str = "zones are named as in the database of the IANA, such as Europe/Istanbul";

/// The moments on a line, which are separated by commas; `floating` is the zone of those that name none. A period
/// of RDATE is left for [`period`].
pub(super) fn moments(line: &Line, floating: &TimeZone) -> Result<Vec<Moment>, Mistake> {
    let value = line.parameter("VALUE").unwrap_or("DATE-TIME");
    if !["DATE", "DATE-TIME"].iter().any(|known| value.eq_ignore_ascii_case(known)) {
        return Err(line.wrong(format!("{} is a {}, which is not read", line.name, safe(value)), MOMENTS));
    }
    let day = value.eq_ignore_ascii_case("DATE");
    line.value.split(',').map(|text| moment(line, text, floating, day)).collect()
}

/// The one moment on a line.
pub(super) fn only(line: &Line, floating: &TimeZone) -> Result<Moment, Mistake> {
    let mut found = moments(line, floating)?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(line.wrong(format!("{} is more than one moment", line.name), MOMENTS)),
    }
}

/// A period: two moments, or a moment and a duration, with a slash between them.
pub(super) fn period(line: &Line, text: &str, floating: &TimeZone) -> Result<(Moment, Length), Mistake> {
    let wrong = || {
        line.wrong(format!("{} is not a period", line.name), "20261101T220000Z/20261102T040000Z or …/PT6H")
    };
    let (from, to) = text.split_once('/').ok_or_else(wrong)?;
    let from = moment(line, from, floating, false)?;
    let length = match duration(to) {
        Some(length) => length,
        None => from.until(&moment(line, to, floating, false)?).ok_or_else(wrong)?,
    };
    if length.is_some() { Ok((from, length)) } else { Err(wrong()) }
}

fn moment(line: &Line, text: &str, floating: &TimeZone, day: bool) -> Result<Moment, Mistake> {
    let wrong = || line.wrong(format!("{} is no day and no time", line.name), MOMENTS);
    let zone_named = line.parameter("TZID");
    // Eight digits are a day, also where a program forgot to say so.
    if let (Some(date), None) = (date(text), zone_named) {
        return Ok(Moment {
            civil: date.to_datetime(Time::midnight()),
            zone: floating.clone(),
            form: Form::Day,
        });
    }
    if day {
        return Err(wrong());
    }
    let (local, utc) = match text.strip_suffix(['Z', 'z']) {
        Some(local) => (local, true),
        None => (text, false),
    };
    let civil = date_time(local).ok_or_else(wrong)?;
    let (zone, form) = match (zone_named, utc) {
        (None, true) => (TimeZone::UTC, Form::Utc),
        (None, false) => (floating.clone(), Form::Floating),
        (Some(name), false) => (zone(line, name)?, Form::Zoned),
        (Some(_), true) => {
            let what = format!("{} names a zone, and is in UTC by the Z at its end", line.name);
            return Err(line.wrong(what, MOMENTS));
        }
    };
    Ok(Moment { civil, zone, form })
}

fn zone(line: &Line, name: &str) -> Result<TimeZone, Mistake> {
    let unknown = |_| line.wrong(format!("there is no time zone \"{}\"", safe(name)), ZONES);
    TimeZone::get(name).map_err(unknown)
}

/// `20261029`
pub(super) fn date(text: &str) -> Option<Date> {
    let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    let text = text.get(..).filter(|_| digits)?;
    Date::new(text.get(..4)?.parse().ok()?, text.get(4..6)?.parse().ok()?, text.get(6..8)?.parse().ok()?).ok()
}

/// `20261029T080000`
pub(super) fn date_time(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once(['T', 't'])?;
    if time.len() != 6 || !time.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| time.get(from..to)?.parse::<i8>().ok();
    // A leap second is read as the second before it.
    let second = part(4, 6)?;
    let second = if second == 60 { 59 } else { second };
    let time = Time::new(part(0, 2)?, part(2, 4)?, second, 0).ok()?;
    Some(date(day)?.to_datetime(time))
}

/// `P1W`, `P1DT2H30M`, `PT15M`; `None` for anything else, and for what goes backwards.
pub(super) fn duration(text: &str) -> Option<Length> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let rest = text.strip_prefix('P')?;
    let (days, times) = match rest.split_once('T') {
        Some((days, times)) => (days, Some(times)),
        None => (rest, None),
    };
    let in_days = units(days, &[('W', 7), ('D', 1)])?;
    let seconds = match times {
        Some(times) => Some(units(times, &[('H', 3600), ('M', 60), ('S', 1)])?),
        None => None,
    };
    match (in_days, seconds) {
        (None, None) | (_, Some(None)) => None,
        (days, seconds) => {
            let ms = seconds.flatten().unwrap_or(0).checked_mul(1000)?;
            Some(Length { days: days.unwrap_or(0), ms })
        }
    }
}

/// The sum of numbers with units, each unit at most once and in order: `None` if it is something else, `Some(None)`
/// if there is nothing.
#[allow(clippy::option_option, reason = "nothing there and something wrong there are two things")]
fn units(text: &str, known: &[(char, i64)]) -> Option<Option<i64>> {
    if text.is_empty() {
        return Some(None);
    }
    let (mut sum, mut rest) = (0_i64, text);
    for (unit, worth) in known {
        let Some((number, behind)) = rest.split_once(*unit) else { continue };
        let fits = (1..=7).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        let number: i64 = Some(number).filter(|_| fits)?.parse().ok()?;
        sum = sum.checked_add(number.checked_mul(*worth)?)?;
        rest = behind;
    }
    rest.is_empty().then_some(Some(sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::icalendar::lines::lines;

    fn read(text: &str) -> Result<Moment, String> {
        let line = lines(text).next().unwrap().unwrap();
        only(&line, &TimeZone::get("Europe/Istanbul").unwrap()).map_err(|mistake| mistake.what)
    }

    fn shown(text: &str) -> String {
        let at = read(text).unwrap().at().unwrap();
        jiff::Timestamp::from_millisecond(at.0).unwrap().to_string()
    }

    #[test]
    fn a_time_is_in_utc_in_its_zone_or_in_that_of_the_calendar_rfc_5545_3_3_5() {
        assert_eq!(shown("DTSTART:19980119T070000Z"), "1998-01-19T07:00:00Z");
        assert_eq!(shown("DTSTART;TZID=America/New_York:19980119T020000"), "1998-01-19T07:00:00Z");
        assert_eq!(shown("DTSTART:20261029T080000"), "2026-10-29T05:00:00Z");
        assert_eq!(shown("DTSTART;VALUE=DATE:20261029"), "2026-10-28T21:00:00Z");
        assert_eq!(shown("DTSTART:20261029"), "2026-10-28T21:00:00Z", "a day that does not say so");
        assert_eq!(shown("DTSTART:20161231T235960Z"), "2016-12-31T23:59:59Z", "a leap second");
    }

    #[test]
    fn a_skipped_time_is_read_with_the_offset_before_and_a_doubled_one_is_the_first_rfc_5545_3_3_5() {
        assert_eq!(shown("DTSTART;TZID=America/New_York:20070311T023000"), "2007-03-11T07:30:00Z");
        assert_eq!(shown("DTSTART;TZID=America/New_York:20071104T013000"), "2007-11-04T05:30:00Z");
    }

    #[test]
    fn what_is_no_moment_is_complained_about() {
        for (text, what) in [
            ("DTSTART:2026102", "DTSTART is no day and no time"),
            ("DTSTART:20261329", "DTSTART is no day and no time"),
            ("DTSTART:20260229", "DTSTART is no day and no time"),
            ("DTSTART:+2026102", "DTSTART is no day and no time"),
            ("DTSTART:20261029T0800", "DTSTART is no day and no time"),
            ("DTSTART:20261029T250000", "DTSTART is no day and no time"),
            ("DTSTART;VALUE=DATE:20261029T080000", "DTSTART is no day and no time"),
            ("DTSTART;TZID=Europe/Istanbul:20261029", "DTSTART is no day and no time"),
            ("DTSTART;VALUE=TEXT:20261029", "DTSTART is a TEXT, which is not read"),
            ("DTSTART:20261029,20261030", "DTSTART is more than one moment"),
            (
                "DTSTART;TZID=W. Europe Standard Time:20261029T080000",
                "there is no time zone \"W. Europe Standard Time\"",
            ),
            ("DTSTART;TZID=../../etc/passwd:20261029T080000", "there is no time zone \"../../etc/passwd\""),
            (
                "DTSTART;TZID=Europe/Istanbul:20261029T080000Z",
                "DTSTART names a zone, and is in UTC by the Z at its end",
            ),
            ("DTSTART:２０２６1029", "DTSTART is no day and no time"),
        ] {
            assert_eq!(read(text).map(|m| m.civil), Err(what.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_duration_is_days_of_the_calendar_and_then_time_rfc_5545_3_3_6() {
        for (text, days, seconds) in [
            ("P15DT5H0M20S", 15, 5 * 3600 + 20),
            ("P7W", 49, 0),
            ("+PT15M", 0, 900),
            ("P1D", 1, 0),
            ("PT0S", 0, 0),
        ] {
            assert_eq!(duration(text), Some(Length { days, ms: seconds * 1000 }), "{text}");
        }
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "-P1D",
            "1D",
            "P1H",
            "PT1D",
            "PT1M2H",
            "P1",
            "PT99999999H",
            "P1D1D",
            "P-1D",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_of_the_calendar_may_have_twenty_three_or_twenty_five_hours() {
        let start = read("DTSTART;TZID=America/New_York:20261031T120000").unwrap();
        let day = start.end(Length { days: 1, ms: 0 }).unwrap();
        assert_eq!(day.since(start.at().unwrap()).as_secs(), 25 * 3600);
    }
}
