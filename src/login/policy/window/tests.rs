//! Hours on the days when clocks change. The changes below are those of the zone database, written down here once
//! more, so that a wall clock can be worked out without it.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::login::client::Client;
use crate::login::policy::{Condition, Facts, Requirement, Rule};

/// A change of the clocks: zone, when, and the offsets before and after in minutes.
struct Change {
    zone: &'static str,
    at: &'static str,
    before: i64,
    after: i64,
}

const CHANGES: [Change; 11] = [
    // Clocks went from 03:00 to 04:00.
    Change { zone: "Europe/Istanbul", at: "2015-03-29T01:00:00Z", before: 120, after: 180 },
    // From 04:00 to 03:00, two weeks later than planned: there was an election.
    Change { zone: "Europe/Istanbul", at: "2015-11-08T01:00:00Z", before: 180, after: 120 },
    Change { zone: "Europe/Istanbul", at: "2016-03-27T01:00:00Z", before: 120, after: 180 },
    // Summer time became the time of the whole year: no clock moved, then or since.
    Change { zone: "Europe/Istanbul", at: "2016-09-06T21:00:00Z", before: 180, after: 180 },
    Change { zone: "Europe/Istanbul", at: "2016-10-30T01:00:00Z", before: 180, after: 180 },
    Change { zone: "America/New_York", at: "2026-03-08T07:00:00Z", before: -300, after: -240 },
    Change { zone: "America/New_York", at: "2026-11-01T06:00:00Z", before: -240, after: -300 },
    // Half an hour.
    Change { zone: "Australia/Lord_Howe", at: "2026-04-04T15:00:00Z", before: 660, after: 630 },
    Change { zone: "Australia/Lord_Howe", at: "2026-10-03T15:30:00Z", before: 630, after: 660 },
    // At midnight: the day began at 01:00, and another one ended twice.
    Change { zone: "America/Sao_Paulo", at: "2018-11-04T03:00:00Z", before: -180, after: -120 },
    Change { zone: "America/Sao_Paulo", at: "2019-02-17T02:00:00Z", before: -120, after: -180 },
];

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440;

fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<Timestamp>().unwrap().as_millisecond())
}

fn shown(time: UnixTime) -> String {
    Timestamp::from_millisecond(time.0).unwrap().to_string()
}

fn time(minutes: i64) -> Time {
    Time::new(i8::try_from(minutes / 60).unwrap(), i8::try_from(minutes % 60).unwrap(), 0, 0).unwrap()
}

fn window(days: &[Weekday], from: (i8, i8), to: (i8, i8), zone: &str) -> TimeWindow {
    TimeWindow {
        days: days.to_vec(),
        from: Time::constant(from.0, from.1, 0, 0),
        to: Time::constant(to.0, to.1, 0, 0),
        zone: TimeZone::get(zone).unwrap(),
    }
}

/// Every piece of time in which a window is open, from `first` to `last`, minute by minute.
fn open(window: &TimeWindow, first: &str, last: &str) -> Vec<String> {
    let mut pieces: Vec<(UnixTime, UnixTime)> = Vec::new();
    let mut now = at(first);
    while now < at(last) {
        let next = UnixTime(now.0 + MINUTE);
        if window.contains(now) {
            match pieces.last_mut() {
                Some((_, end)) if *end == now => *end = next,
                _ => pieces.push((now, next)),
            }
        }
        now = next;
    }
    pieces.iter().map(|(from, until)| format!("{} {}", shown(*from), shown(*until))).collect()
}

const SUNDAY: &[Weekday] = &[Weekday::Sunday];
const SATURDAY: &[Weekday] = &[Weekday::Saturday];

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn hours_that_the_clock_skips_are_shorter_and_those_it_repeats_come_twice_d_116() {
    for (zone, from, to, first, last, expected) in [
        // 03:00 becomes 04:00.
        (
            "Europe/Istanbul",
            (2, 0),
            (5, 0),
            "2016-03-26T22:00:00Z",
            "2016-03-27T12:00:00Z",
            vec!["2016-03-27T00:00:00Z 2016-03-27T02:00:00Z"],
        ),
        // All of it is skipped.
        ("Europe/Istanbul", (3, 0), (4, 0), "2016-03-26T22:00:00Z", "2016-03-27T12:00:00Z", vec![]),
        // It begins inside of what is skipped: at once behind it.
        (
            "Europe/Istanbul",
            (3, 30),
            (5, 0),
            "2016-03-26T22:00:00Z",
            "2016-03-27T12:00:00Z",
            vec!["2016-03-27T01:00:00Z 2016-03-27T02:00:00Z"],
        ),
        // It ends inside of what is skipped: before it.
        (
            "Europe/Istanbul",
            (2, 0),
            (3, 30),
            "2016-03-26T22:00:00Z",
            "2016-03-27T12:00:00Z",
            vec!["2016-03-27T00:00:00Z 2016-03-27T01:00:00Z"],
        ),
        // 04:00 becomes 03:00.
        (
            "Europe/Istanbul",
            (2, 0),
            (5, 0),
            "2015-11-07T22:00:00Z",
            "2015-11-08T12:00:00Z",
            vec!["2015-11-07T23:00:00Z 2015-11-08T03:00:00Z"],
        ),
        // It ends inside of what is repeated: open, closed, open again.
        (
            "Europe/Istanbul",
            (2, 0),
            (3, 30),
            "2015-11-07T22:00:00Z",
            "2015-11-08T12:00:00Z",
            vec!["2015-11-07T23:00:00Z 2015-11-08T00:30:00Z", "2015-11-08T01:00:00Z 2015-11-08T01:30:00Z"],
        ),
        // It begins inside of what is repeated: twice too.
        (
            "Europe/Istanbul",
            (3, 30),
            (5, 0),
            "2015-11-07T22:00:00Z",
            "2015-11-08T12:00:00Z",
            vec!["2015-11-08T00:30:00Z 2015-11-08T01:00:00Z", "2015-11-08T01:30:00Z 2015-11-08T03:00:00Z"],
        ),
        (
            "America/New_York",
            (2, 30),
            (4, 0),
            "2026-03-08T05:00:00Z",
            "2026-03-08T15:00:00Z",
            vec!["2026-03-08T07:00:00Z 2026-03-08T08:00:00Z"],
        ),
        (
            "America/New_York",
            (1, 0),
            (1, 30),
            "2026-11-01T04:00:00Z",
            "2026-11-01T15:00:00Z",
            vec!["2026-11-01T05:00:00Z 2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z 2026-11-01T06:30:00Z"],
        ),
        // Half an hour: 02:00 becomes 01:30.
        (
            "Australia/Lord_Howe",
            (1, 0),
            (1, 45),
            "2026-04-04T13:30:00Z",
            "2026-04-04T22:00:00Z",
            vec!["2026-04-04T14:00:00Z 2026-04-04T14:45:00Z", "2026-04-04T15:00:00Z 2026-04-04T15:15:00Z"],
        ),
        // And 02:00 becomes 02:30.
        (
            "Australia/Lord_Howe",
            (1, 0),
            (2, 15),
            "2026-10-03T14:00:00Z",
            "2026-10-03T22:00:00Z",
            vec!["2026-10-03T14:30:00Z 2026-10-03T15:30:00Z"],
        ),
    ] {
        assert_eq!(open(&window(SUNDAY, from, to, zone), first, last), expected, "{zone} {from:?} {to:?}");
    }
}

#[test]
fn a_night_over_midnight_has_an_hour_less_or_more_where_the_clocks_change_d_116() {
    for (zone, first, last, expected) in [
        (
            "Europe/Istanbul",
            "2016-03-26T12:00:00Z",
            "2016-03-28T12:00:00Z",
            "2016-03-26T20:00:00Z 2016-03-27T03:00:00Z",
        ),
        (
            "Europe/Istanbul",
            "2015-11-07T12:00:00Z",
            "2015-11-09T12:00:00Z",
            "2015-11-07T19:00:00Z 2015-11-08T04:00:00Z",
        ),
        (
            "America/New_York",
            "2026-03-07T12:00:00Z",
            "2026-03-09T12:00:00Z",
            "2026-03-08T03:00:00Z 2026-03-08T10:00:00Z",
        ),
        (
            "America/New_York",
            "2026-10-31T12:00:00Z",
            "2026-11-02T12:00:00Z",
            "2026-11-01T02:00:00Z 2026-11-01T11:00:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-04T03:00:00Z",
            "2026-04-06T03:00:00Z",
            "2026-04-04T11:00:00Z 2026-04-04T19:30:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03T03:00:00Z",
            "2026-10-05T03:00:00Z",
            "2026-10-03T11:30:00Z 2026-10-03T19:00:00Z",
        ),
    ] {
        assert_eq!(open(&window(SATURDAY, (22, 0), (6, 0), zone), first, last), [expected], "{zone}");
    }
}

#[test]
fn a_zone_that_gave_up_daylight_saving_keeps_its_hours_where_it_used_to_change() {
    let hours = window(SUNDAY, (2, 0), (5, 0), "Europe/Istanbul");
    let once = ["2026-10-24T23:00:00Z 2026-10-25T02:00:00Z"];
    assert_eq!(open(&hours, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"), once);
    let wednesday = window(&[Weekday::Wednesday], (0, 0), (1, 0), "Europe/Istanbul");
    let night = ["2016-09-06T21:00:00Z 2016-09-06T22:00:00Z"];
    assert_eq!(open(&wednesday, "2016-09-06T12:00:00Z", "2016-09-07T12:00:00Z"), night, "the change of 2016");
}

#[test]
fn a_session_ends_when_its_hours_do_and_never_in_the_past_a_079() {
    let client = Client::new("vpn-1", "staff");
    let end = |from, to, zone: &str, now: &str| {
        let hours = Window { name: "".into(), hours: vec![window(SUNDAY, from, to, zone)] };
        let rule = Rule::new("hours", Condition::Time(vec![hours.into()]), Requirement::None);
        let end = rule.ends(&Facts::of(&client, at(now))).unwrap();
        assert!(end > at(now), "{now}");
        shown(end)
    };
    // The end is skipped: the hours are over when the clock jumps over it.
    assert_eq!(end((2, 0), (3, 30), "Europe/Istanbul", "2016-03-27T00:10:00Z"), "2016-03-27T01:00:00Z");
    // The end comes twice: the first time, and the second time for who came in between.
    assert_eq!(end((2, 0), (3, 30), "Europe/Istanbul", "2015-11-08T00:10:00Z"), "2015-11-08T00:30:00Z");
    assert_eq!(end((2, 0), (3, 30), "Europe/Istanbul", "2015-11-08T01:10:00Z"), "2015-11-08T01:30:00Z");
    assert_eq!(end((1, 0), (1, 30), "America/New_York", "2026-11-01T06:15:00Z"), "2026-11-01T06:30:00Z");
    // The hours go on over the change, and an hour longer.
    assert_eq!(end((0, 0), (4, 0), "America/New_York", "2026-11-01T05:15:00Z"), "2026-11-01T09:00:00Z");
    assert_eq!(end((0, 0), (4, 0), "America/New_York", "2026-03-08T06:59:00Z"), "2026-03-08T08:00:00Z");
    assert_eq!(end((1, 0), (1, 45), "Australia/Lord_Howe", "2026-04-04T15:05:00Z"), "2026-04-04T15:15:00Z");
    assert_eq!(end((1, 0), (2, 15), "Australia/Lord_Howe", "2026-10-03T15:29:00Z"), "2026-10-03T15:30:00Z");
}

#[test]
fn hours_that_never_change_have_no_boundary() {
    let always: Vec<Weekday> = Weekday::Monday.cycle_forward().take(7).collect();
    for zone in ["UTC", "America/New_York", "Australia/Lord_Howe", "Europe/Istanbul"] {
        for now in ["2026-11-01T05:30:00Z", "2026-04-04T14:59:59Z", "2026-07-01T00:00:00Z"] {
            assert_eq!(window(&always, (0, 0), (0, 0), zone).next_boundary(at(now)), None, "{zone} {now}");
            assert_eq!(window(&[], (8, 0), (18, 0), zone).next_boundary(at(now)), None, "{zone} {now}");
        }
    }
}

/// Whether hours are open, worked out from the offset alone.
fn by_the_wall(change: &Change, days: &[Weekday], from: i64, to: i64, now: UnixTime) -> bool {
    let offset = if now < at(change.at) { change.before } else { change.after };
    let local = now.0.div_euclid(MINUTE) + offset;
    let (day, minute) = (local.div_euclid(DAY), local.rem_euclid(DAY));
    // 1970-01-01 was a Thursday.
    let weekday = |day: i64| {
        Weekday::Thursday.cycle_forward().nth(usize::try_from(day.rem_euclid(7)).unwrap()).unwrap()
    };
    let (today, yesterday) = (days.contains(&weekday(day)), days.contains(&weekday(day - 1)));
    if from < to {
        today && (from..to).contains(&minute)
    } else {
        (today && minute >= from) || (yesterday && minute < to)
    }
}

#[test]
fn the_wall_clock_of_these_tests_is_that_of_the_zone_database() {
    for change in &CHANGES {
        let zone = TimeZone::get(change.zone).unwrap();
        for (shift, offset) in
            [(-1, change.before), (0, change.after), (DAY, change.after), (-DAY, change.before)]
        {
            let now = Timestamp::from_millisecond(at(change.at).0 + shift * MINUTE).unwrap();
            assert_eq!(i64::from(zone.to_offset(now).seconds()), offset * 60, "{} {now}", change.zone);
        }
    }
    assert_eq!(Date::constant(1970, 1, 1).weekday(), Weekday::Thursday);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn hours_are_open_when_a_clock_on_the_wall_says_so_and_change_when_it_does_d_116(
        change in 0..CHANGES.len(),
        days in prop::collection::vec(0_usize..7, 0..5),
        from in 0_i64..96,
        to in 0_i64..96,
        near in prop::bool::ANY,
        start in -1500_i64..1500,
    ) {
        let change = &CHANGES[change];
        // Edges close to the change are the ones that matter.
        let base = (at(change.at).0 / MINUTE + change.before).rem_euclid(DAY);
        let edge = |quarter: i64| if near { (base + (quarter - 48) * 3).rem_euclid(DAY) } else { quarter * 15 };
        let (from, to) = (edge(from), edge(to));
        let days: Vec<Weekday> =
            days.into_iter().map(|day| Weekday::Monday.cycle_forward().nth(day).unwrap()).collect();
        let hours = TimeWindow {
            days: days.clone(),
            from: time(from),
            to: time(to),
            zone: TimeZone::get(change.zone).unwrap(),
        };
        let minute = |n: i64| UnixTime(at(change.at).0 + n * MINUTE);
        let wall = |n: i64| by_the_wall(change, &days, from, to, minute(n));
        for n in start..start + 300 {
            prop_assert_eq!(hours.contains(minute(n)), wall(n), "{}", shown(minute(n)));
        }
        let changes = (start + 1..start + 8 * DAY).find(|n| wall(*n) != wall(start));
        prop_assert_eq!(hours.next_boundary(minute(start)).map(shown), changes.map(|n| shown(minute(n))));
    }
}
