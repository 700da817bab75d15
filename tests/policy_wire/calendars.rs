//! Holidays and maintenance, at the moments when they begin and end.

use crate::house::House;
use crate::lab::{self, PASSWORD};
use crate::site::{Doors, Heard, house_in};

const NOT_NOW: &str = "Sign-in is not possible at this time.";

const RULES: &str = r#"
[[calendar]]
name = "holidays"
zone = "Europe/Istanbul"
days = ["2027-03-03"]
times = ["2027-03-04T22:00/2027-03-05T04:00"]
file = "{dir}/closed.ics"
[[rule]]
name = "closed"
calendar = ["holidays"]
then = "refuse"
say = "not-now"
[[rule]]
name = "open"
then = "none"
"#;

/// Every Saturday from ten to twelve in New York.
const SATURDAYS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n\
    DTSTART;TZID=America/New_York:20270306T100000\r\nDTEND;TZID=America/New_York:20270306T120000\r\n\
    RRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// What both doors say at so many seconds after the beginning, where it is one thing.
fn at(house: &House, seconds: u64) -> Heard {
    house.advance_to(seconds);
    let over_radius = house.vpn("203.0.113.7").log_in("alice");
    assert_eq!(house.bind("127.0.0.1", "alice", PASSWORD), over_radius, "{seconds} s");
    over_radius
}

#[test]
fn today_is_a_holiday_until_midnight_where_it_is_kept_and_maintenance_comes_and_goes() {
    let dir = lab::folder();
    std::fs::write(dir.path().join("closed.ics"), SATURDAYS).unwrap();
    let house = house_in(dir, RULES);
    let closed = || Heard::Refused(NOT_NOW.to_owned());
    assert_eq!(at(&house, 0), closed());
    assert_eq!((house.last("reason"), house.last("rule")), ("refused-now".into(), "closed".into()));
    let midnight = 11 * 3600;
    assert_eq!(at(&house, midnight - 1), closed());
    assert_eq!(at(&house, midnight), Heard::let_in());

    let maintenance = midnight + 22 * 3600;
    assert_eq!(at(&house, maintenance - 1), Heard::let_in());
    assert_eq!(at(&house, maintenance), closed());
    assert_eq!(at(&house, maintenance + 6 * 3600 - 1), closed());
    assert_eq!(at(&house, maintenance + 6 * 3600), Heard::let_in());

    // 6 March, 15:00 UTC; a week later, on the 13th, still winter; on the 20th it is 14:00 UTC.
    let saturday = 3 * 24 * 3600 + 5 * 3600;
    assert_eq!(at(&house, saturday - 1), Heard::let_in());
    assert_eq!(at(&house, saturday), closed());
    assert_eq!(at(&house, saturday + 2 * 3600), Heard::let_in());
    let later = saturday + 14 * 24 * 3600 - 3600;
    assert_eq!(at(&house, later - 1), Heard::let_in());
    assert_eq!(at(&house, later), closed(), "ten o'clock is ten o'clock in summer");
    assert_eq!(at(&house, later + 2 * 3600), Heard::let_in());
}
