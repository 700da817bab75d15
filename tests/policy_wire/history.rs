//! Rules about what was before: the first login, new networks, how long ago the last login was.

use std::time::Duration;

use crate::lab::PASSWORD;
use crate::site::{Doors, Heard, house};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A code where `condition` holds, otherwise the password alone.
fn code_where(condition: &str) -> String {
    format!(
        "[subjects]\nremember-networks = \"2d\"\n\
         [[rule]]\nname = \"strict\"\n{condition}\nthen = {{ require = [\"hotp\"] }}\n\
         [[rule]]\nname = \"otherwise\"\nthen = \"none\"\n"
    )
}

#[test]
fn a_first_login_is_first_once_whichever_door_it_comes_through() {
    let house = house(&code_where("first-login = true"));
    let (alices, bobs) = (house.generator("alice"), house.generator("bob"));
    let vpn = house.vpn("203.0.113.7");
    assert_eq!(vpn.log_in("alice"), Heard::asked());
    assert_eq!(vpn.confirm("alice", "000000"), Heard::refused(), "a try that failed is no login");
    assert_eq!(vpn.confirm("alice", &alices.code()), Heard::let_in());
    assert_eq!(house.last("first_login"), "true");
    assert_eq!(vpn.log_in("alice"), Heard::let_in());
    assert_eq!((house.last("rule"), house.last("first_login")), ("otherwise".into(), "false".into()));
    assert_eq!(house.bind("127.0.0.1", "alice", PASSWORD), Heard::let_in());

    assert_eq!(house.bind("127.0.0.1", "bob", PASSWORD), Heard::refused());
    assert_eq!(house.last("reason"), "code-missing");
    assert_eq!(house.bind("127.0.0.1", "bob", &bobs.field()), Heard::let_in());
    assert_eq!(house.bind("127.0.0.1", "bob", PASSWORD), Heard::let_in());
    assert_eq!(vpn.log_in("bob"), Heard::let_in());
}

#[test]
fn a_network_is_new_until_somebody_was_let_in_from_it_and_again_when_it_is_forgotten() {
    let house = house(&code_where("new-network = true"));
    let alices = house.generator("alice");
    assert_eq!(house.vpn("203.0.113.7").confirm("alice", &alices.code()), Heard::let_in());
    assert_eq!(house.last("new_network"), "true");
    assert_eq!(house.vpn("203.0.113.200").log_in("alice"), Heard::let_in(), "the same /24");
    assert_eq!(house.last("new_network"), "false");
    assert_eq!(house.vpn("203.0.114.7").log_in("alice"), Heard::asked());
    assert_eq!(house.vpn("2001:db8:1:2::7").confirm("alice", &alices.code()), Heard::let_in());
    assert_eq!(house.vpn("2001:db8:1:2:ffff::1").log_in("alice"), Heard::let_in(), "the same /64");
    assert_eq!(house.vpn("2001:db8:1:3::7").log_in("alice"), Heard::asked());
    assert_eq!(house.vpn("not an address").confirm("alice", &alices.code()), Heard::let_in());
    assert_eq!(house.last("new_network"), "", "nobody knows, and nothing is learnt from it");
    assert_eq!(house.vpn("not an address").log_in("alice"), Heard::asked());

    assert_eq!(house.bind("127.0.1.1", "alice", PASSWORD), Heard::refused());
    assert_eq!(house.bind("127.0.1.1", "alice", &alices.field()), Heard::let_in());
    assert_eq!(house.bind("127.0.1.2", "alice", PASSWORD), Heard::let_in());
    assert_eq!(house.bind("127.0.2.1", "alice", PASSWORD), Heard::refused());

    house.advance(DAY);
    assert_eq!(house.vpn("203.0.113.7").log_in("alice"), Heard::let_in(), "seen again today");
    house.advance(2 * DAY);
    assert_eq!(house.vpn("203.0.113.7").log_in("alice"), Heard::let_in());
    assert_eq!(
        house.bind("127.0.1.1", "alice", PASSWORD),
        Heard::refused(),
        "nobody was there for three days"
    );
    house.advance(3 * DAY);
    assert_eq!(house.vpn("203.0.113.7").log_in("alice"), Heard::asked());
}

#[test]
fn an_account_that_nobody_used_for_so_many_days_needs_a_code_again() {
    let house = house(&code_where("last-login-before = 30\nfirst-login = false"));
    let alices = house.generator("alice");
    let vpn = house.vpn("203.0.113.7");
    assert_eq!(vpn.log_in("alice"), Heard::let_in(), "a first login is no long absence");
    house.advance(29 * DAY);
    assert_eq!(vpn.log_in("alice"), Heard::let_in());
    assert_eq!(house.last("last_login_days"), "29");
    house.advance(30 * DAY);
    assert_eq!(house.bind("127.0.0.1", "alice", PASSWORD), Heard::refused());
    assert_eq!((house.last("reason"), house.last("last_login_days")), ("code-missing".into(), "30".into()));
    assert_eq!(vpn.log_in("alice"), Heard::asked());
    assert_eq!(vpn.confirm("alice", &alices.code()), Heard::let_in());
    assert_eq!(house.bind("127.0.0.1", "alice", PASSWORD), Heard::let_in(), "she was there today");
}
