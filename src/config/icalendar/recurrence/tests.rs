use jiff::tz::TimeZone;

use super::*;
use crate::config::icalendar::lines::lines;

const MANY: u32 = 1_000_000;

fn line(text: &str) -> Line {
    lines(text).next().unwrap().unwrap()
}

fn begin(start: &str) -> Moment {
    moment::only(&line(&format!("DTSTART;TZID=America/New_York:{start}T090000")), &TimeZone::UTC).unwrap()
}

fn read(start: &str, rule: &str) -> Result<Rule, String> {
    Rule::read(&line(&format!("RRULE:{rule}")), &begin(start)).map_err(|mistake| mistake.what)
}

/// The days of a rule as month and day, by year.
fn days(start: &str, rule: &str, first: &str, last: &str) -> String {
    let mut found: Vec<Date> = Vec::new();
    let (first, last) = (moment::date(first).unwrap(), moment::date(last).unwrap());
    let rule = read(start, rule).unwrap();
    let each = |day| {
        found.push(day);
        Some(())
    };
    rule.days(&begin(start), first, last, &mut Budget(MANY), each).unwrap();
    let mut told = String::new();
    let mut year = 0;
    for day in found.into_iter().filter(|day| *day >= first) {
        if day.year() != year {
            year = day.year();
            told.push_str(&format!("{}{year}:", if told.is_empty() { "" } else { " " }));
        }
        told.push_str(&format!(" {}/{}", day.month(), day.day()));
    }
    told
}

/// The examples of RFC 5545 section 3.8.5.3 that are made of the parts that are read.
#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn the_examples_of_the_rfc_name_the_days_that_it_says_rfc_5545_3_8_5_3() {
    for (start, rule, expected) in [
        ("19970902", "FREQ=DAILY;COUNT=10", "1997: 9/2 9/3 9/4 9/5 9/6 9/7 9/8 9/9 9/10 9/11"),
        ("19970902", "FREQ=DAILY;INTERVAL=10;COUNT=5", "1997: 9/2 9/12 9/22 10/2 10/12"),
        ("19970902", "FREQ=WEEKLY;COUNT=10", "1997: 9/2 9/9 9/16 9/23 9/30 10/7 10/14 10/21 10/28 11/4"),
        (
            "19970902",
            "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
            "1997: 9/2 9/4 9/9 9/11 9/16 9/18 9/23 9/25 9/30 10/2",
        ),
        (
            "19970901",
            "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
            "1997: 9/1 9/3 9/5 9/15 9/17 9/19 9/29 10/1 10/3 10/13 10/15 10/17 10/27 10/29 10/31 11/10 11/12 11/14 \
             11/24 11/26 11/28 12/8 12/10 12/12 12/22",
        ),
        (
            "19970902",
            "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
            "1997: 9/2 9/4 9/16 9/18 9/30 10/2 10/14 10/16",
        ),
        (
            "19970905",
            "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
            "1997: 9/5 10/3 11/7 12/5 1998: 1/2 2/6 3/6 4/3 5/1 6/5",
        ),
        ("19970905", "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR", "1997: 9/5 10/3 11/7 12/5"),
        (
            "19970907",
            "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
            "1997: 9/7 9/28 11/2 11/30 1998: 1/4 1/25 3/1 3/29 5/3 5/31",
        ),
        ("19970922", "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "1997: 9/22 10/20 11/17 12/22 1998: 1/19 2/16"),
        ("19970928", "FREQ=MONTHLY;COUNT=6;BYMONTHDAY=-3", "1997: 9/28 10/29 11/28 12/29 1998: 1/29 2/26"),
        (
            "19970902",
            "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
            "1997: 9/2 9/15 10/2 10/15 11/2 11/15 12/2 12/15 1998: 1/2 1/15",
        ),
        (
            "19970930",
            "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
            "1997: 9/30 10/1 10/31 11/1 11/30 12/1 12/31 1998: 1/1 1/31 2/1",
        ),
        (
            "19970910",
            "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
            "1997: 9/10 9/11 9/12 9/13 9/14 9/15 1999: 3/10 3/11 3/12 3/13",
        ),
        (
            "19970610",
            "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
            "1997: 6/10 7/10 1998: 6/10 7/10 1999: 6/10 7/10 2000: 6/10 7/10 2001: 6/10 7/10",
        ),
        (
            "19970310",
            "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
            "1997: 3/10 1999: 1/10 2/10 3/10 2001: 1/10 2/10 3/10 2003: 1/10 2/10 3/10",
        ),
        ("19970519", "FREQ=YEARLY;BYDAY=20MO;COUNT=3", "1997: 5/19 1998: 5/18 1999: 5/17"),
        (
            "19970313",
            "FREQ=YEARLY;BYMONTH=3;BYDAY=TH;COUNT=11",
            "1997: 3/13 3/20 3/27 1998: 3/5 3/12 3/19 3/26 1999: 3/4 3/11 3/18 3/25",
        ),
        (
            "19980213",
            "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=5",
            "1998: 2/13 3/13 11/13 1999: 8/13 2000: 10/13",
        ),
        (
            "19970913",
            "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13;COUNT=10",
            "1997: 9/13 10/11 11/8 12/13 1998: 1/10 2/7 3/7 4/11 5/9 6/13",
        ),
        (
            "19961105",
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;COUNT=3",
            "1996: 11/5 2000: 11/7 2004: 11/2",
        ),
        ("19970904", "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997: 9/4 10/7 11/6"),
        (
            "19970929",
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=7",
            "1997: 9/29 10/30 11/27 12/30 1998: 1/29 2/26 3/30",
        ),
        ("19970805", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997: 8/5 8/10 8/19 8/24"),
        ("19970805", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997: 8/5 8/17 8/19 8/31"),
        ("20070115", "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "2007: 1/15 1/30 2/15 3/15 3/30"),
    ] {
        assert_eq!(days(start, rule, "19900101", "20201231"), expected, "{rule}");
    }
}

#[test]
fn a_rule_without_an_end_is_found_at_once_long_after_its_beginning() {
    for (start, rule, expected) in [
        ("16010101", "FREQ=YEARLY", "2026: 1/1 2027: 1/1"),
        ("16010228", "FREQ=MONTHLY;INTERVAL=6;BYMONTHDAY=-1", "2026: 2/28 8/31 2027: 2/28 8/31"),
        ("19000102", "FREQ=WEEKLY;INTERVAL=40;BYDAY=TU", "2026: 6/30 2027: 4/6"),
        ("19000102", "FREQ=DAILY;INTERVAL=400;BYMONTH=3", ""),
        ("20240229", "FREQ=YEARLY", ""),
    ] {
        let mut budget = Budget(1000);
        let (first, last) = (moment::date("20260101").unwrap(), moment::date("20271231").unwrap());
        let read = read(start, rule).unwrap();
        assert_eq!(read.days(&begin(start), first, last, &mut budget, |_| Some(())), Some(true), "{rule}");
        assert_eq!(days(start, rule, "20260101", "20271231"), expected, "{rule}");
    }
}

#[test]
fn skipping_what_is_long_past_changes_no_day() {
    for rule in [
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=DAILY;INTERVAL=7;BYMONTH=2,3",
        "FREQ=WEEKLY;INTERVAL=5;BYDAY=MO,SU;WKST=SU",
        "FREQ=MONTHLY;INTERVAL=5;BYDAY=-1FR",
        "FREQ=YEARLY;INTERVAL=3;BYDAY=53TH,1MO",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1,1",
    ] {
        let whole = days("19991231", rule, "19991231", "20301231");
        for first in ["20000229", "20101231", "20290101"] {
            let part = days("19991231", rule, first, "20301231");
            let counted = days("19991231", &format!("{rule};COUNT=100000"), first, "20301231");
            assert_eq!(part, counted, "{rule} from {first}");
            let last_year = part.rsplit(' ').next().unwrap();
            assert!(whole.ends_with(last_year), "{rule}");
        }
    }
}

#[test]
fn what_is_not_understood_is_said_and_nothing_is_read_of_it() {
    for (rule, what) in [
        ("FREQ=HOURLY", "RRULE: FREQ=HOURLY is not understood"),
        ("COUNT=3", "RRULE has no FREQ"),
        ("", "RRULE:  is not understood"),
        ("FREQ=DAILY;BYHOUR=9", "RRULE: BYHOUR=9 is not understood"),
        ("FREQ=YEARLY;BYWEEKNO=20", "RRULE: BYWEEKNO=20 is not understood"),
        ("FREQ=YEARLY;BYYEARDAY=100", "RRULE: BYYEARDAY=100 is not understood"),
        ("FREQ=DAILY;INTERVAL=0", "RRULE: INTERVAL=0 is not understood"),
        ("FREQ=DAILY;INTERVAL=-1", "RRULE: INTERVAL=-1 is not understood"),
        ("FREQ=DAILY;COUNT=99999999999", "RRULE: COUNT=99999999999 is not understood"),
        ("FREQ=DAILY;UNTIL=20261029", "RRULE: UNTIL=20261029 is not understood"),
        ("FREQ=DAILY;UNTIL=20261029T080000", "RRULE: UNTIL=20261029T080000 is not understood"),
        ("FREQ=MONTHLY;BYDAY=0MO", "RRULE: BYDAY=0MO is not understood"),
        ("FREQ=MONTHLY;BYDAY=1\u{fc}U", "RRULE: BYDAY=1\u{fc}U is not understood"),
        ("FREQ=MONTHLY;BYDAY=T\u{fc}", "RRULE: BYDAY=T\u{fc} is not understood"),
        ("FREQ=MONTHLY;BYDAY=M", "RRULE: BYDAY=M is not understood"),
        ("FREQ=MONTHLY;BYDAY=MO,", "RRULE: BYDAY=MO, is not understood"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "RRULE: BYMONTHDAY=32 is not understood"),
        ("FREQ=MONTHLY;BYMONTHDAY=--1", "RRULE: BYMONTHDAY=--1 is not understood"),
        ("FREQ=YEARLY;BYMONTH=13", "RRULE: BYMONTH=13 is not understood"),
        ("FREQ=DAILY;X-A=1", "RRULE: X-A=1 is not understood"),
        ("FREQ=DAILY;FREQ=WEEKLY", "RRULE: FREQ stands in it twice"),
        ("FREQ=DAILY;COUNT=1;UNTIL=20261029T080000Z", "RRULE: COUNT and UNTIL exclude each other"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "RRULE: BYMONTHDAY has no meaning in a week"),
        ("FREQ=WEEKLY;BYDAY=1MO", "RRULE: BYDAY with a number is for months and years"),
        (
            "FREQ=MONTHLY;BYSETPOS=1",
            "RRULE: BYSETPOS chooses among what another BY… names, and there is none",
        ),
    ] {
        assert_eq!(read("20261029", rule).map(drop), Err(what.to_owned()), "{rule}");
    }
    assert!(
        read("20261029", "freq=daily;count=2;").is_ok(),
        "letters of either case, and a semicolon too many"
    );
}

#[test]
fn a_rule_that_names_no_day_ends() {
    assert_eq!(days("20260228", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "20260101", "20361231"), "");
    assert_eq!(days("20260228", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5", "20260101", "20361231"), "");
    let mut budget = Budget(100);
    let rule = read("20260228", "FREQ=DAILY;COUNT=4000000000").unwrap();
    let (first, last) = (moment::date("20260101").unwrap(), moment::date("99991231").unwrap());
    assert_eq!(rule.days(&begin("20260228"), first, last, &mut budget, |_| Some(())), None);
    assert!(budget.is_spent());
}
