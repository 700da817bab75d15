//! A rule that says how long a confirmed factor counts again: for the same person at the same client, from the same
//! address, and from the same machine where the device tells which.

use std::time::Duration;

use crate::house::House;
use crate::lab::PASSWORD;
use crate::site::{Doors, Heard, house};

const HOUR: Duration = Duration::from_secs(3600);
const HOME: &str = "203.0.113.7";
const MAC: &str = "0A-1B-2C-3D-4E-5F";

const RULES: &str = "[[rule]]\nname = \"daily\"\nthen = { require = [\"hotp\"] }\nremember = \"8h\"\n\
                     [limits]\nsubject-per-minute = 100\n";

/// Somebody who has shown his code with this machine at home.
fn known() -> House {
    let house = house(RULES);
    let alices = house.generator("alice");
    let vpn = house.vpn_with_mac(MAC, HOME);
    assert_eq!(vpn.confirm("alice", &alices.code()), Heard::let_in());
    assert_eq!(vpn.log_in("alice"), Heard::let_in());
    assert_eq!((house.last("reason"), house.last("factor")), ("remembered".into(), "hotp".into()));
    house
}

#[test]
fn a_code_counts_again_for_the_same_machine_at_the_same_address_and_client_alone() {
    let house = known();
    for spelling in ["0a:1b:2c:3d:4e:5f", "0a1b.2c3d.4e5f", "0A1B2C3D4E5F"] {
        assert_eq!(house.vpn_with_mac(spelling, HOME).log_in("alice"), Heard::let_in(), "{spelling}");
    }
    let elsewhere = [
        ("another network", house.vpn_with_mac(MAC, "198.51.100.7")),
        ("an address beside it", house.vpn_with_mac(MAC, "203.0.113.8")),
        ("another machine", house.vpn_with_mac("0A-1B-2C-3D-4E-60", HOME)),
        ("no machine told", house.vpn(HOME)),
        ("no address told", house.vpn(MAC)),
        ("another client", house.vpn_with_mac(MAC, HOME).at_the_branch()),
    ];
    for (what, vpn) in elsewhere {
        assert_eq!(vpn.log_in("alice"), Heard::asked(), "{what}");
    }
    assert_eq!(
        house.bind("127.0.0.1", "alice", PASSWORD),
        Heard::refused(),
        "an application is another client"
    );
    assert_eq!(house.vpn_with_mac(MAC, HOME).log_in("bob"), Heard::refused(), "another person");
    assert_eq!(house.last("reason"), "not-enrolled");
    assert_eq!(house.vpn_with_mac(MAC, HOME).log_in("alice"), Heard::let_in(), "and it still counts here");
}

#[test]
fn its_time_begins_with_the_code_and_not_anew_with_each_login() {
    let house = known();
    let vpn = house.vpn_with_mac(MAC, HOME);
    house.advance(4 * HOUR);
    assert_eq!(vpn.log_in("alice"), Heard::let_in());
    house.advance(4 * HOUR - Duration::from_millis(1));
    assert_eq!(vpn.log_in("alice"), Heard::let_in(), "its last moment");
    house.advance(Duration::from_millis(1));
    assert_eq!(vpn.log_in("alice"), Heard::asked());
}

#[test]
fn a_factor_that_is_revoked_takes_what_is_remembered_with_it() {
    let house = known();
    let listed = house.lab.must(&["factor", "list", "--user", "alice", "--json"], "");
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].as_str().unwrap();
    house.lab.must(&["factor", "revoke", "--user", "alice", "--id", id], "");
    let vpn = house.vpn_with_mac(MAC, HOME);
    assert_eq!(vpn.log_in("alice"), Heard::refused());
    assert_eq!(house.last("reason"), "not-enrolled");
    let _new = house.generator("alice");
    assert_eq!(vpn.log_in("alice"), Heard::asked(), "the next factor does not inherit it");
}

#[test]
fn a_wrong_password_ends_what_is_remembered() {
    let house = known();
    let vpn = house.vpn_with_mac(MAC, HOME);
    assert_eq!(vpn.try_in("alice", "wrong"), Heard::refused());
    assert_eq!(house.last("reason"), "wrong-password");
    assert_eq!(vpn.log_in("alice"), Heard::asked());
}

#[test]
fn over_ldap_the_password_alone_is_enough_at_the_address_where_the_code_was_shown_until_its_time_is_over() {
    let house = house(RULES);
    let alices = house.generator("alice");
    assert_eq!(house.bind("127.0.0.1", "alice", PASSWORD), Heard::refused());
    assert_eq!(house.bind("127.0.0.1", "alice", &alices.field()), Heard::let_in());
    house.advance(8 * HOUR - Duration::from_millis(1));
    assert_eq!(house.bind("127.0.0.1", "alice", PASSWORD), Heard::let_in());
    assert_eq!(house.last("reason"), "remembered");
    assert_eq!(house.bind("127.0.0.3", "alice", PASSWORD), Heard::refused(), "from elsewhere");
    assert_eq!(house.last("reason"), "code-missing");
    house.advance(Duration::from_millis(1));
    assert_eq!(house.bind("127.0.0.1", "alice", PASSWORD), Heard::refused());
    assert_eq!(house.last("reason"), "code-missing");
}
