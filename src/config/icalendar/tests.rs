use proptest::prelude::*;

use super::*;
use crate::base::report::{Source, render};
use crate::login::policy::calendar::Calendar;
use crate::login::policy::truth::Truth;

fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn now() -> UnixTime {
    at("2026-11-22T00:00:00Z")
}

fn istanbul() -> TimeZone {
    TimeZone::get("Europe/Istanbul").unwrap()
}

/// A calendar of events, each of which is a list of lines.
fn file(events: &[&str]) -> String {
    let events: Vec<String> =
        events.iter().map(|lines| format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT\n")).collect();
    format!("BEGIN:VCALENDAR\nVERSION:2.0\n{}END:VCALENDAR\n", events.concat())
}

/// What is read of a text, and what is said about it: errors and warnings.
fn read_text(text: &str) -> (Read, String, String) {
    let mut out = Complaints::default();
    let found = read(0, text, &istanbul(), now(), &mut out);
    let sources = [Source { name: "a.ics".into(), text: text.into(), people: true }];
    let (errors, warnings) = (render(&out.errors_in(&sources)), render(&out.warnings_in(&sources)));
    (found, errors, warnings)
}

/// The spans of events that are in order, in UTC.
fn spans(events: &[&str]) -> Vec<String> {
    let (read, errors, warnings) = read_text(&file(events));
    assert_eq!((errors.as_str(), warnings.as_str()), ("", ""));
    let told = |time: UnixTime| {
        jiff::Timestamp::from_millisecond(time.0).unwrap().strftime("%Y-%m-%dT%H:%M").to_string()
    };
    Calendar::new(read.spans)
        .spans()
        .iter()
        .map(|(from, until)| format!("{} {}", told(*from), told(*until)))
        .collect()
}

fn complaint(event: &str) -> String {
    let (_, errors, _) = read_text(&file(&[event]));
    errors.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_day_is_a_day_of_the_calendars_zone() {
    assert_eq!(spans(&["DTSTART;VALUE=DATE:20261029"]), ["2026-10-28T21:00 2026-10-29T21:00"]);
    assert_eq!(
        spans(&["DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20270101"]),
        ["2026-12-23T21:00 2026-12-31T21:00"]
    );
    assert_eq!(spans(&["DTSTART;VALUE=DATE:20261029\nDURATION:P2D"]), ["2026-10-28T21:00 2026-10-30T21:00"]);
}

#[test]
fn a_time_is_in_utc_in_the_zone_it_names_or_in_the_calendars() {
    assert_eq!(
        spans(&["DTSTART:20261101T220000Z\nDTEND:20261102T040000Z"]),
        ["2026-11-01T22:00 2026-11-02T04:00"]
    );
    assert_eq!(
        spans(&["DTSTART;TZID=America/New_York:20261101T220000\nDURATION:PT6H"]),
        ["2026-11-02T03:00 2026-11-02T09:00"]
    );
    assert_eq!(spans(&["DTSTART:20261101T220000\nDURATION:PT6H"]), ["2026-11-01T19:00 2026-11-02T01:00"]);
}

#[test]
fn an_event_that_repeats_keeps_its_hour_over_a_change_of_the_clocks() {
    let event = "DTSTART;TZID=America/New_York:20261024T230000\nDTEND;TZID=America/New_York:20261025T030000\nRRULE:FREQ=WEEKLY;COUNT=3";
    assert_eq!(
        spans(&[event]),
        [
            "2026-10-25T03:00 2026-10-25T07:00",
            "2026-11-01T03:00 2026-11-01T07:00",
            "2026-11-08T04:00 2026-11-08T08:00"
        ]
    );
}

#[test]
fn a_length_that_was_given_by_an_end_stays_the_same_over_a_change_of_the_clocks_rfc_5545_3_8_5_3() {
    // The night of the change has an hour more: four hours after 23:00 it is 02:00.
    let of = |length: &str| {
        spans(&[&format!(
            "DTSTART;TZID=America/New_York:20261024T230000\n{length}\nRRULE:FREQ=WEEKLY;COUNT=2;INTERVAL=1"
        )])
    };
    assert_eq!(of("DTEND;TZID=America/New_York:20261025T230000")[1], "2026-11-01T03:00 2026-11-02T03:00");
    assert_eq!(
        of("DURATION:P1D")[1],
        "2026-11-01T03:00 2026-11-02T04:00",
        "a day on the calendar has 25 hours"
    );
}

#[test]
fn times_that_are_taken_out_added_or_moved_are() {
    let daily = "UID:1\nDTSTART:20261101T100000Z\nDTEND:20261101T110000Z\nRRULE:FREQ=DAILY;COUNT=3\n\
                 EXDATE:20261102T100000Z\nRDATE:20261110T100000Z\nRDATE;VALUE=PERIOD:20261111T100000Z/PT3H,20261112T100000Z/20261112T103000Z";
    let moved = "UID:1\nRECURRENCE-ID;TZID=Europe/Istanbul:20261103T130000\nDTSTART:20261104T100000Z\nDTEND:20261104T113000Z";
    assert_eq!(
        spans(&[moved, daily]),
        [
            "2026-11-01T10:00 2026-11-01T11:00",
            "2026-11-04T10:00 2026-11-04T11:30",
            "2026-11-10T10:00 2026-11-10T11:00",
            "2026-11-11T10:00 2026-11-11T13:00",
            "2026-11-12T10:00 2026-11-12T10:30"
        ]
    );
    let cancelled = "UID:1\nRECURRENCE-ID:20261103T100000Z\nSTATUS:CANCELLED";
    let other = "UID:2\nRECURRENCE-ID:20261101T100000Z\nSTATUS:CANCELLED";
    assert_eq!(spans(&[daily, cancelled, other]).len(), 4);
    assert_eq!(spans(&[daily, "UID:3\nSTATUS:cancelled\nDTSTART:x"]).len(), 5, "a cancelled event is none");
}

#[test]
fn what_repeats_without_an_end_is_known_for_some_years() {
    let (read, ..) = read_text(&file(&["DTSTART;VALUE=DATE:19231029\nRRULE:FREQ=YEARLY"]));
    let calendar = Calendar::new(read.spans).known_for(read.known);
    assert_eq!(calendar.contains(at("2026-10-29T12:00:00Z")), Truth::Yes);
    assert_eq!(calendar.contains(at("2036-10-29T12:00:00Z")), Truth::Yes);
    assert_eq!(calendar.contains(at("2026-11-29T12:00:00Z")), Truth::No);
    assert_eq!(calendar.contains(at("2037-11-29T12:00:00Z")), Truth::Unknown);
    assert_eq!(calendar.contains(at("2023-11-29T12:00:00Z")), Truth::Unknown);
    let (read, ..) = read_text(&file(&["DTSTART;VALUE=DATE:20251029\nRRULE:FREQ=YEARLY;COUNT=3"]));
    assert_eq!(read.known, ALWAYS, "all of it is written out");
    let (read, ..) = read_text(&file(&["DTSTART;VALUE=DATE:20251029\nRRULE:FREQ=YEARLY;UNTIL=20271029"]));
    assert_eq!((read.known, read.spans.len()), (ALWAYS, 3));
}

#[test]
fn an_event_that_began_before_what_is_written_out_and_lasts_is_there() {
    let (read, ..) = read_text(&file(&["DTSTART;VALUE=DATE:20241101\nDURATION:P5W\nRRULE:FREQ=YEARLY"]));
    assert!(Calendar::new(read.spans).contains(at("2024-11-25T00:00:00Z")) == Truth::Yes);
}

#[test]
fn each_line_that_has_to_do_with_time_and_is_not_understood_is_told_with_its_place() {
    for (event, expected) in [
        ("SUMMARY:x", "a.ics:3:1: the event does not begin"),
        ("DTSTART:tomorrow", "a.ics:4:1: DTSTART is no day and no time"),
        ("DTSTART:20261029T080000Z", "a.ics:4:1: the event takes no time"),
        ("DTSTART:20261029T080000Z\nDURATION:-PT1H", "a.ics:5:1: DURATION does not fit DTSTART"),
        ("DTSTART;VALUE=DATE:20261029\nDURATION:PT1H", "a.ics:5:1: DURATION does not fit DTSTART"),
        ("DTSTART;VALUE=DATE:20261029\nDTEND:20261029T080000Z", "a.ics:5:1: DTEND does not fit DTSTART"),
        ("DTSTART;VALUE=DATE:20261029\nDTEND;VALUE=DATE:20261029", "a.ics:5:1: DTEND does not fit DTSTART"),
        (
            "DTSTART;VALUE=DATE:20261029\nDTEND;VALUE=DATE:20261030\nDURATION:P1D",
            "a.ics:5:1: the event has DTEND and DURATION",
        ),
        (
            "DTSTART;VALUE=DATE:20261029\nDTSTART;VALUE=DATE:20261030",
            "a.ics:5:1: DTSTART stands in one event twice",
        ),
        (
            "DTSTART;VALUE=DATE:20261029\nRRULE:FREQ=YEARLY\nRRULE:FREQ=DAILY",
            "a.ics:6:1: RRULE stands in one event twice",
        ),
        (
            "DTSTART;VALUE=DATE:20261029\nRRULE:FREQ=YEARLY;BYMONTH=5",
            "a.ics:5:1: RRULE does not name the day of DTSTART",
        ),
        (
            "DTSTART;VALUE=DATE:20261029\nRRULE:FREQ=SECONDLY",
            "a.ics:5:1: RRULE: FREQ=SECONDLY is not understood",
        ),
        ("DTSTART;VALUE=DATE:20261029\nEXRULE:FREQ=YEARLY", "a.ics:5:1: EXRULE is not understood"),
        (
            "DTSTART;VALUE=DATE:20261029\nEXDATE:20271029T000000Z",
            "a.ics:5:1: EXDATE is not of the kind of DTSTART",
        ),
        (
            "DTSTART;VALUE=DATE:20261029\nRDATE:20271029T000000Z",
            "a.ics:5:1: RDATE is not of the kind of DTSTART",
        ),
        (
            "DTSTART;VALUE=DATE:20261029\nRDATE;VALUE=PERIOD:20271029T000000Z",
            "a.ics:5:1: RDATE is not a period",
        ),
        ("DTSTART;VALUE=DATE:20261029\nRECURRENCE-ID:20261029", "a.ics:5:1: RECURRENCE-ID without UID"),
        (
            "UID:1\nDTSTART;VALUE=DATE:20261029\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261029",
            "a.ics:6:1: RECURRENCE-ID with a RANGE is not understood",
        ),
        (
            "DTSTART;TZID=Istanbul Time:20261029T080000\nDURATION:PT1H",
            "a.ics:4:1: there is no time zone \"Istanbul Time\"",
        ),
        (
            "DTSTART:20261029\nRRULE FREQ=DAILY",
            "a.ics:5:1: this is no line of iCalendar: there is no colon in it",
        ),
    ] {
        assert_eq!(complaint(event), expected, "{event}");
    }
}

#[test]
fn a_file_that_was_cut_off_or_is_another_is_refused() {
    let whole = file(&["DTSTART;VALUE=DATE:20261029"]);
    for length in 1..whole.len() - 1 {
        let (_, errors, _) = read_text(&whole[..length]);
        assert_ne!(errors, "", "{:?}", &whole[..length]);
    }
    for (text, what) in [
        ("", "there is no calendar in it"),
        ("<html></html>", "this is no line of iCalendar: there is no colon in it"),
        ("DTSTART:20261029", "this line stands outside of BEGIN:VCALENDAR and END:VCALENDAR"),
        ("BEGIN:VEVENT", "BEGIN:VEVENT has no place here"),
        ("END:VCALENDAR", "END:VCALENDAR where nothing has begun"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", "END:VCALENDAR where VEVENT has begun"),
        ("BEGIN:VCALENDAR\nBEGIN:VCALENDAR", "BEGIN:VCALENDAR has no place here"),
        ("BEGIN:VCALENDAR\nVERSION:1.0", "the calendar is of version 1.0"),
        ("BEGIN:VCALENDAR\nCALSCALE:JULIAN", "the calendar counts days by JULIAN"),
        ("BEGIN:VCALENDAR\nMETHOD:CANCEL", "the calendar is a message of the kind CANCEL"),
    ] {
        let (_, errors, _) = read_text(text);
        assert!(errors.contains(what), "{text}: {errors}");
    }
}

#[test]
fn what_is_no_event_is_passed_over_and_said() {
    let (read, errors, warnings) = read_text(
        "\u{feff}BEGIN:VCALENDAR\r\nPRODID:x\r\nMETHOD:PUBLISH\r\nBEGIN:VTIMEZONE\r\nTZID:X\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n\
         END:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261029\r\nBEGIN:VALARM\r\n\
         DURATION:nonsense\r\nEND:VALARM\r\nSUMMARY:Anna is on leave\r\nEND:VEVENT\r\nBEGIN:VTODO\r\nDTSTART:x\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
    );
    assert_eq!((errors.as_str(), read.spans.len()), ("", 1));
    assert_eq!(
        warnings,
        "a.ics:17:1: VTODO is no event and counts for nothing\n  hint: only VEVENT is read\n"
    );
    let (_, errors, warnings) = read_text(&file(&[]));
    assert_eq!(errors, "");
    assert!(warnings.contains("there is no event in it"), "{warnings}");
}

#[test]
fn a_file_cannot_make_more_work_than_is_bounded() {
    let every_day = "DTSTART;VALUE=DATE:20161029\nRRULE:FREQ=DAILY";
    let (read, errors, _) = read_text(&file(&vec![every_day; 100]));
    assert!(errors.contains("there is more in this calendar than 100000 times"), "{errors}");
    assert!(read.spans.len() <= MOST_SPANS + 1);
    let endless = "DTSTART;VALUE=DATE:00010101\nRRULE:FREQ=DAILY;COUNT=4000000000";
    let (_, errors, _) = read_text(&file(&vec![endless; 1000]));
    assert!(errors.contains("there is more in this calendar"), "{errors}");
    let deep = "BEGIN:VALARM\n".repeat(100_000);
    assert!(read_text(&file(&[&deep])).1.contains("components lie too deep in each other"));
}

/// A list that is compared with every day, and parameters that are compared with each other, would cost hours.
#[test]
fn a_long_line_is_refused_before_it_costs_anything() {
    for part in ["BYMONTHDAY=", "BYDAY=", "BYMONTH=", "BYSETPOS="] {
        let one = if part == "BYDAY=" { "MO," } else { "1," };
        let list = one.repeat(1_000_000);
        let event =
            format!("DTSTART;VALUE=DATE:20261101\nRRULE:FREQ=YEARLY;{part}{}", list.trim_end_matches(','));
        assert!(complaint(&event).contains("is not understood"), "{part}");
    }
    let parameters: String = (0..500_000).map(|number| format!(";X{number}=")).collect();
    let said = complaint(&format!("DTSTART:20261101\nATTENDEE{parameters}:x"));
    assert_eq!(said, "a.ics:5:1: this is no line of iCalendar: it has more than 100 parameters");
}

#[test]
fn what_a_list_names_twice_is_named_once() {
    let of = |list: &str| {
        spans(&[&format!("DTSTART;VALUE=DATE:20261101\nRRULE:FREQ=MONTHLY;COUNT=3;BYMONTHDAY={list}")])
    };
    assert_eq!(of("1,1,2,1"), of("1,2"));
    assert_eq!(of("1,1,2,1").len(), 2, "days that touch are one span");
}

#[test]
fn an_event_behind_the_one_that_used_up_the_work_is_not_left_out_without_a_word() {
    let text =
        file(&["DTSTART;VALUE=DATE:20261029\nRRULE:FREQ=DAILY;COUNT=3", "DTSTART;VALUE=DATE:20271029"]);
    let mut enough = 0;
    for days in 0..20 {
        let mut out = Complaints::default();
        let read = read_within(Budget(days), 0, &text, &istanbul(), now(), &mut out);
        match out.errors.as_slice() {
            [] => assert_eq!(read.spans.len(), 4, "{days}"),
            [..] => assert_eq!(enough, 0, "{days}: what was enough is no longer"),
        }
        enough += usize::from(out.errors.is_empty());
    }
    assert!(enough > 0 && enough < 20, "{enough}");
}

#[test]
fn an_event_inside_of_another_component_is_a_mistake() {
    for outer in ["VTIMEZONE", "VEVENT", "VTODO"] {
        let text = format!(
            "BEGIN:VCALENDAR\nBEGIN:{outer}\nDTSTART:20261028\nBEGIN:VEVENT\nDTSTART:20261029\nEND:VEVENT\nEND:{outer}\nEND:VCALENDAR\n"
        );
        let (_, errors, _) = read_text(&text);
        assert!(errors.contains("a.ics:4:1: an event lies in another component"), "{outer}: {errors}");
    }
}

#[test]
fn nothing_that_people_wrote_is_repeated_f_007() {
    let event = "SUMMARY:Anna\nDTSTART:Anna\nATTENDEE;CN=Anna:x\nRRULE:FREQ=DAILY\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:20261029\nDTEND:Anna\nDURATION:Anna";
    let (_, errors, warnings) = read_text(&file(&[event]));
    assert_ne!(errors, "");
    assert!(!errors.contains("Anna") && !warnings.contains("Anna"), "{errors}{warnings}");
}

const SEED: &str = "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20261029\nDTEND;VALUE=DATE:20261030\n\
    RRULE:FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=29;COUNT=5\nEXDATE;VALUE=DATE:20271029\nEND:VEVENT\nBEGIN:VEVENT\nUID:2\n\
    DTSTART;TZID=Europe/Istanbul:20261101T220000\nDURATION:PT6H\nRRULE:FREQ=MONTHLY;BYDAY=1SU;UNTIL=20271231T000000Z\n\
    RDATE;VALUE=PERIOD:20261111T100000Z/PT3H\nEND:VEVENT\nBEGIN:VEVENT\nUID:2\nRECURRENCE-ID:20261206T190000Z\n\
    STATUS:CANCELLED\nEND:VEVENT\nEND:VCALENDAR\n";

proptest! {
    #[test]
    fn whatever_a_file_holds_it_is_read_or_refused(
        changes in prop::collection::vec((0_usize..600, prop::option::of("\\PC|[\\n0-9:;,=TZ-]{1,3}")), 0..6),
    ) {
        let mut text: Vec<char> = SEED.chars().collect();
        for (place, new) in changes {
            let place = place % text.len();
            match new {
                Some(new) => drop(text.splice(place..=place, new.chars())),
                None => drop(text.remove(place)),
            }
        }
        let text: String = text.into_iter().collect();
        let (read, _, _) = read_text(&text);
        prop_assert!(read.spans.len() <= MOST_SPANS + 1);
        prop_assert!(read.spans.iter().all(|(from, until)| from <= until));
    }

    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let (_, errors, _) = read_text(&String::from_utf8_lossy(&noise));
        prop_assert_ne!(errors, "");
    }
}
