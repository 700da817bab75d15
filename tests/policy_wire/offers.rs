//! Grace: time to enrol, and a word about it.

use std::time::Duration;

use crate::lab::PASSWORD;
use crate::site::{Doors, Heard, house, program};

const OFFER: &str = "From next month on you need a code. Ask at extension 1234.";

fn rules(until: &str) -> String {
    format!(
        "[[rule]]\nname = \"roll-out\"\nthen = {{ require = [\"hotp\"] }}\ngrace-until = \"{until}\"\noffer = \"{OFFER}\"\n"
    )
}

fn offered() -> Heard {
    Heard::LetIn(OFFER.to_owned())
}

#[test]
fn who_has_enrolled_nothing_reads_the_offer_with_his_accept_over_radius_and_ldap() {
    let lab = program(&rules("2099-12-31"));
    let vpn = lab.vpn("203.0.113.7");
    assert_eq!(vpn.log_in("bob"), offered());
    assert_eq!(lab.last("reason"), "grace");
    assert_eq!(lab.bind("127.0.0.1", "bob", PASSWORD), offered());
    assert_eq!((lab.last("reason"), lab.last("rule")), ("grace".into(), "roll-out".into()));
    assert_eq!(vpn.try_in("bob", "wrong"), Heard::refused(), "nobody is told of it who is not let in");
    assert_eq!(lab.bind("127.0.0.1", "mallory", PASSWORD), Heard::refused());
}

#[test]
fn who_has_a_factor_needs_it_in_the_time_of_grace_too_and_is_offered_nothing() {
    let lab = program(&rules("2099-12-31"));
    let alices = lab.generator("alice");
    let vpn = lab.vpn("203.0.113.7");
    assert_eq!(vpn.confirm("alice", &alices.code()), Heard::let_in());
    assert_eq!(lab.last("reason"), "confirmed");
    assert_eq!(lab.bind("127.0.0.1", "alice", PASSWORD), Heard::refused());
    assert_eq!(lab.last("reason"), "code-missing");
    assert_eq!(lab.bind("127.0.0.1", "alice", &alices.field()), Heard::let_in());
}

#[test]
fn grace_ends_with_its_last_day_over_radius_and_ldap() {
    let house = house(&rules("2027-03-03"));
    let vpn = house.vpn("203.0.113.7");
    let both = || [vpn.log_in("bob"), house.bind("127.0.0.1", "bob", PASSWORD)];
    assert_eq!(both(), [offered(), offered()]);
    house.advance(Duration::from_secs(14 * 3600 - 1));
    assert_eq!(both(), [offered(), offered()], "its last second");
    house.advance(Duration::from_secs(1));
    assert_eq!(both(), [Heard::refused(), Heard::refused()]);
    assert_eq!(house.last("reason"), "not-enrolled");
}
