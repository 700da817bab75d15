//! Countries and autonomous systems of people's own addresses, by databases made for the test.

use std::fs;

use crate::lab::{self, PASSWORD};
use crate::mmdb;
use crate::site::{Doors, Heard, program_in};

const RULES: &str = r#"
[geo]
country = "{dir}/country.mmdb"
asn = "{dir}/asn.mmdb"
[[rule]]
name = "embargo"
country = ["US"]
then = "refuse"
say = "not-here"
[[rule]]
name = "at-home"
country = ["TR"]
asn = [64496]
then = "none"
[[rule]]
name = "travelling"
then = { require = ["hotp"] }
"#;

fn not_here() -> Heard {
    Heard::Refused("Sign-in is not possible from this place.".to_owned())
}

#[test]
fn a_rule_sees_country_and_system_of_the_address_and_the_audit_tells_which() {
    let dir = lab::folder();
    let countries = mmdb::countries(&[
        ("198.51.100.0", 24, "TR"),
        ("127.0.1.0", 24, "TR"),
        ("203.0.113.0", 24, "TR"),
        ("192.0.2.0", 24, "US"),
        ("127.0.2.0", 24, "US"),
        ("2001:db8:1::", 48, "TR"),
    ]);
    fs::write(dir.path().join("country.mmdb"), countries).unwrap();
    let systems = [
        ("198.51.100.0", 24, 64496),
        ("127.0.1.0", 24, 64496),
        ("2001:db8:1::", 48, 64496),
        ("203.0.113.0", 24, 64497),
    ];
    fs::write(dir.path().join("asn.mmdb"), mmdb::systems(&systems)).unwrap();
    let lab = program_in(dir, "", RULES);
    let alices = lab.generator("alice");

    for home in ["198.51.100.7", "2001:db8:1::7"] {
        assert_eq!(lab.vpn(home).log_in("alice"), Heard::let_in(), "{home}");
        let record = (lab.last("rule"), lab.last("country"), lab.last("asn"));
        assert_eq!(record, ("at-home".into(), "TR".into(), "64496".into()), "{home}");
    }
    assert_eq!(lab.bind("127.0.1.7", "alice", PASSWORD), Heard::let_in());
    assert_eq!((lab.last("country"), lab.last("asn")), ("TR".into(), "64496".into()));

    assert_eq!(lab.vpn("203.0.113.7").log_in("alice"), Heard::asked(), "another system");
    assert_eq!(lab.vpn("203.0.113.7").confirm("alice", &alices.code()), Heard::let_in());
    assert_eq!((lab.last("rule"), lab.last("asn")), ("travelling".into(), "64497".into()));

    assert_eq!(lab.vpn("192.0.2.7").log_in("alice"), not_here());
    assert_eq!((lab.last("rule"), lab.last("country")), ("embargo".into(), "US".into()));
    assert_eq!(lab.bind("127.0.2.7", "alice", &alices.field()), not_here());

    assert_eq!(lab.vpn("10.0.0.7").log_in("alice"), not_here(), "an address of no country may be of any");
    assert_eq!((lab.last("rule"), lab.last("country")), ("embargo".into(), String::new()));
    assert_eq!(lab.vpn("no address").log_in("alice"), not_here());
    assert_eq!(lab.bind("127.0.3.7", "alice", PASSWORD), not_here());
}
