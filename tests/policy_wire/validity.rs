//! Until when somebody may log in, and how long his session may last.

use doorward::wire::radius::dictionary::SESSION_TIMEOUT;

use crate::house::House;
use crate::lab::PASSWORD;
use crate::site::{Doors, Heard, house};

const NONE: &str = "[[rule]]\nname = \"all\"\nthen = \"none\"\n";

/// What both doors say to alice.
fn both(house: &House) -> [Heard; 2] {
    [house.vpn("203.0.113.7").log_in("alice"), house.bind("127.0.0.1", "alice", PASSWORD)]
}

#[test]
fn a_subject_gets_in_between_the_bounds_that_an_administrator_sets_and_not_outside() {
    let house = house(NONE);
    let valid =
        |bounds: &[&str]| house.lab.must(&[&["subject", "valid", "--user", "alice"], bounds].concat(), "");
    let (inside, outside) = ([Heard::let_in(), Heard::let_in()], [Heard::refused(), Heard::refused()]);
    valid(&["--from", "2027-03-03T13:00:00+03:00", "--until", "2027-03-03T11:00:00Z"]);
    assert_eq!(both(&house), inside, "from its first moment on");
    house.advance_to(3599);
    assert_eq!(both(&house), inside);
    house.advance_to(3600);
    assert_eq!(both(&house), outside);
    assert_eq!(house.last("reason"), "outside-validity");
    assert_eq!(house.vpn("203.0.113.7").log_in("bob"), Heard::let_in(), "others may");

    valid(&["--from", "2027-03-04", "--until", "2027-03-05"]);
    assert_eq!(both(&house), outside, "not yet");
    house.advance_to(14 * 3600);
    assert_eq!(both(&house), inside, "midnight");
    house.advance_to((14 + 48) * 3600 - 1);
    assert_eq!(both(&house), inside, "the last second of the last day");
    house.advance_to((14 + 48) * 3600);
    assert_eq!(both(&house), outside);
    valid(&["--always"]);
    assert_eq!(both(&house), inside);
}

#[test]
fn a_wrong_password_and_one_who_may_not_come_yet_are_told_the_same() {
    let house = house(NONE);
    house.lab.must(&["subject", "valid", "--user", "alice", "--from", "2027-03-04"], "");
    let vpn = house.vpn("203.0.113.7");
    assert_eq!(vpn.log_in("alice"), vpn.try_in("bob", "wrong"));
    let wrong = house.bind("127.0.0.1", "bob", "wrong");
    assert_eq!(house.bind("127.0.0.1", "alice", PASSWORD), wrong);
}

#[test]
fn a_rule_counts_between_its_days_and_the_next_one_decides_then() {
    let house = house(
        "[[rule]]\nname = \"project\"\nvalid-from = \"2027-03-04\"\nvalid-until = \"2027-03-04\"\nthen = \"none\"\n\
         [[rule]]\nname = \"nobody\"\nthen = \"refuse\"\n",
    );
    let (inside, outside) = ([Heard::let_in(), Heard::let_in()], [Heard::refused(), Heard::refused()]);
    for (seconds, expected) in
        [(0, &outside), (14 * 3600, &inside), (38 * 3600 - 1, &inside), (38 * 3600, &outside)]
    {
        house.advance_to(seconds);
        assert_eq!(&both(&house), expected, "{seconds} s");
    }
    assert_eq!(house.last("rule"), "nobody");
}

/// Seconds that alice's session may last.
fn session(house: &House) -> Option<u32> {
    house.vpn("203.0.113.7").accept("alice").number(SESSION_TIMEOUT)
}

const HOURS: &str = r#"
[[window]]
name = "day"
zone = "Europe/Istanbul"
hours = [{ days = ["mon-fri"], from = "08:00", to = "19:00" }]
[[rule]]
name = "day"
time = ["day"]
then = "none"
session-timeout = "4h"
valid-until = "2027-03-05T15:00:00Z"
[[reply]]
name = "told"
client = ["vpn"]
attributes = [{ name = "Session-Timeout", value = SECONDS }]
"#;

#[test]
fn a_session_lasts_as_long_as_the_shortest_of_rule_hours_validity_and_subject_say_a_079() {
    let house = house(&HOURS.replace("SECONDS", "100000"));
    assert_eq!(
        session(&house),
        Some(4 * 3600),
        "what the rule says: it is 13:00 in Istanbul, and closes at 19:00"
    );
    house.advance_to(4 * 3600);
    assert_eq!(session(&house), Some(2 * 3600), "17:00: the hours end first");
    house.lab.must(&["subject", "valid", "--user", "alice", "--until", "2027-03-03T15:00:00Z"], "");
    assert_eq!(session(&house), Some(3600), "18:00: the subject's own time ends first");
    house.lab.must(&["subject", "valid", "--user", "alice", "--always"], "");
    house.advance_to((48 + 4) * 3600 + 1800);
    assert_eq!(session(&house), Some(1800), "Friday, 17:30: the rule itself ends at 18:00");
}

#[test]
fn what_a_reply_rule_tells_is_cut_to_the_end_that_the_rules_know_and_may_be_shorter_a_079() {
    let house = house(&HOURS.replace("SECONDS", "600"));
    assert_eq!(session(&house), Some(600), "the reply rule's own");
    house.advance_to(6 * 3600 - 60);
    assert_eq!(session(&house), Some(60), "one minute to closing time");
}

#[test]
fn a_night_in_which_the_clocks_change_ends_an_hour_earlier_for_its_sessions_a_079() {
    let house = house(
        "[[window]]\nname = \"nights\"\nzone = \"America/New_York\"\n\
         hours = [{ days = [\"sat\"], from = \"22:00\", to = \"06:00\" }]\n\
         [[rule]]\nname = \"nights\"\ntime = [\"nights\"]\nthen = \"none\"\n\
         [[rule]]\nname = \"else\"\nthen = \"refuse\"\n",
    );
    // Sunday, 14 March 2027, half past midnight in New York. At two o'clock it is three.
    let half_past_midnight = 10 * 24 * 3600 + 19 * 3600 + 1800;
    house.advance_to(half_past_midnight);
    assert_eq!(session(&house), Some(4 * 3600 + 1800));
    house.advance_to(half_past_midnight + 4 * 3600 + 1799);
    assert_eq!(both(&house), [Heard::let_in(), Heard::let_in()]);
    house.advance_to(half_past_midnight + 4 * 3600 + 1800);
    assert_eq!(both(&house), [Heard::refused(), Heard::refused()]);
}
