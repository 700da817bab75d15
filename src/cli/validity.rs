//! When a subject may log in: `doorward subject valid`, and how it is shown.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::base::clock::UnixTime;
use crate::cli::desk::{Desk, Who};
use crate::cli::exit::Failure;
use crate::cli::subject::time;
use crate::cli::terminal::{complain, say};
use crate::login::step::History;

/// From when and until when; what is not named stays as it is.
#[derive(Debug, clap::Args)]
pub(super) struct Bounds {
    /// The first day (of UTC), or the first moment, such as 2026-11-01T08:00+03:00.
    #[arg(long, value_name = "TIME", value_parser = begin)]
    from: Option<UnixTime>,
    /// The last day (of UTC), or the first moment that is too late.
    #[arg(long, value_name = "TIME", value_parser = end)]
    until: Option<UnixTime>,
    /// No bounds any more.
    #[arg(long, conflicts_with_all = ["from", "until"])]
    always: bool,
}

/// `doorward subject valid`
pub(super) async fn set(desk: &Desk, who: &Who, bounds: &Bounds, json: bool) -> Result<(), Failure> {
    if bounds.from.is_none() && bounds.until.is_none() && !bounds.always {
        return Err(Failure::usage("say --from, --until or --always"));
    }
    // Somebody who is to come for a time gets his bounds before his first login.
    let who = desk.subject(who).await?;
    let before = desk.stock.store.recall(&who).await?.history;
    let (from, until) = match bounds.always {
        true => (None, None),
        false => (bounds.from.or(before.valid_from), bounds.until.or(before.valid_until)),
    };
    if let (Some(begin), Some(end)) = (from, until)
        && end <= begin
    {
        let (begin, end) = (time(begin), time(end));
        let what =
            format!("the end, {end}, is not after the beginning, {begin}; say both --from and --until");
        return Err(Failure::usage(what));
    }
    if !desk.enrolling().set_validity(&who, from, until).await? {
        return Err(Failure::no_user("nothing is known about this subject"));
    }
    let history = History { valid_from: from, valid_until: until, ..before };
    if json {
        let mut report = Map::from_iter([("subject".to_owned(), who.as_str().into())]);
        report.extend(validity_json(&history));
        return say(&Value::from(report).to_string());
    }
    say(&validity_text(&history).unwrap_or_else(|| "valid always".to_owned()))?;
    let now = desk.stock.clock.now().unix;
    if until.is_some_and(|end| end <= now) {
        complain(
            "that end has passed: no login from now on; what is open, \"doorward subject disconnect\" ends",
        );
    } else if from.is_some_and(|begin| now < begin) {
        complain("no login before that");
    }
    Ok(())
}

/// Bounds in words; `None` without any.
fn validity_text(history: &History) -> Option<String> {
    let from = history.valid_from.map(|at| format!(" from {}", time(at))).unwrap_or_default();
    let until = history.valid_until.map(|at| format!(" until {}", time(at))).unwrap_or_default();
    Some(format!("valid{from}{until}")).filter(|_| history.valid_from.or(history.valid_until).is_some())
}

fn validity_json(history: &History) -> Map<String, Value> {
    let or_null = |at: Option<UnixTime>| Value::from(at.map(time));
    Map::from_iter([
        ("valid_from".to_owned(), or_null(history.valid_from)),
        ("valid_until".to_owned(), or_null(history.valid_until)),
    ])
}

/// When somebody may log in, and when and where from he did, one line each.
pub(super) fn history_text(history: &History) -> Vec<String> {
    let last = history.last_day.and_then(day).map(|day| format!("let in last on {day}"));
    let networks = match history.networks.len() {
        0 => None,
        1 => Some("1 known network".to_owned()),
        many => Some(format!("{many} known networks")),
    };
    [validity_text(history), last, networks].into_iter().flatten().collect()
}

/// The same for machines.
pub(super) fn history_json(history: &History) -> Map<String, Value> {
    let mut report = validity_json(history);
    let networks = history.networks.iter().map(|network| json!({ "last_day": day(network.day) }));
    report.extend([
        ("first_seen".to_owned(), history.first_seen.map(time).into()),
        ("last_day".to_owned(), history.last_day.and_then(day).into()),
        ("known_networks".to_owned(), networks.collect()),
    ]);
    report
}

/// A day as people write it, from its number.
fn day(number: i64) -> Option<String> {
    let begins = jiff::Timestamp::from_second(number.checked_mul(24 * 60 * 60)?).ok()?;
    Some(begins.to_zoned(TimeZone::UTC).date().to_string())
}

fn begin(text: &str) -> Result<UnixTime, String> {
    moment(text, Some)
}

fn end(text: &str) -> Result<UnixTime, String> {
    moment(text, |day| day.tomorrow().ok())
}

/// A time with its zone, or the midnight of UTC that `edge` makes of a day, as in the configuration.
fn moment(text: &str, edge: impl Fn(Date) -> Option<Date>) -> Result<UnixTime, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(UnixTime(time.as_millisecond()));
    }
    let day = text.parse::<Date>().ok().filter(|_| text.len() == 10).and_then(edge);
    day.and_then(|day| day.to_zoned(TimeZone::UTC).ok())
        .map(|midnight| UnixTime(midnight.timestamp().as_millisecond()))
        .ok_or_else(|| "it is a day such as 2026-12-31, or a time with its zone".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_meant_whole_and_a_time_to_the_second() {
        let new_year = UnixTime::from_seconds(1_798_761_600);
        assert_eq!(begin("2027-01-01"), Ok(new_year));
        assert_eq!(end("2026-12-31"), Ok(new_year));
        for edge in [begin, end] {
            assert_eq!(edge("2027-01-01T03:00+03:00"), Ok(new_year));
            assert_eq!(edge("2027-01-01T00:00:00Z"), Ok(new_year));
            for wrong in ["", "tomorrow", "2027-02-30", "2027-01-01T00:00", "20270101", "9999-99-99"] {
                assert!(edge(wrong).is_err(), "{wrong}");
            }
        }
        assert_eq!(day(20_819).as_deref(), Some("2027-01-01"));
        assert_eq!(day(i64::MAX), None);
    }
}
