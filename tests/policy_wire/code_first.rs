//! The code before the password, in front of OpenLDAP's server, whose own log tells what came to it (D-108).

use std::fs;
use std::path::Path;

use crate::gateway::{Gateway, Wish};
use crate::lab::{Appliance, SECRET};
use crate::raw_ldap::Raw;
use crate::site::Heard;
use crate::support::slapd::{PASSWORD, Slapd};

/// A client that asks, whose secret lies in this folder.
fn vpn(place: &Path) -> String {
    let secret = place.join("vpn.secret");
    crate::lab::private_file(&secret, SECRET);
    format!(
        "[[client]]\nname = \"vpn\"\naddresses = [\"127.0.0.0/8\"]\nsecret = {{ file = {secret:?} }}\n\
         directory = \"staff\"\nreject-delay = \"0s\"\norder = \"factor-first\"\n[limits]\nsubject-per-minute = 100\n"
    )
}

/// How often the directory was asked about a password of anybody's but the service account's. slapd writes a request down
/// before it answers.
fn binds(log: &Path) -> usize {
    let lines = fs::read(log).unwrap();
    let lines = String::from_utf8_lossy(&lines);
    let binds = lines.lines().filter(|line| line.contains("BIND dn=\"") && line.contains("method="));
    binds.filter(|line| !line.contains("cn=service") && !line.contains("cn=admin")).count()
}

#[test]
fn a_wrong_code_never_reaches_the_directory_and_the_password_behind_a_right_one_does_once_d_108() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("slapd.log");
    let Some(slapd) = Slapd::start_open(&format!("logfile {}", log.display())) else { return };
    let wish = Wish {
        client: "order = \"factor-first\"",
        listener: "plain-binds = \"loopback\"",
        tables: &vpn(place.path()),
        ..Wish::default()
    };
    let gateway = Gateway::in_front_of(slapd, &wish);
    let vpn = Appliance::new(gateway.lab.radius, SECRET);

    for user in ["anna", "nobody-of-this-name", "keyless"] {
        for password in [PASSWORD, "Winter2026!"] {
            let question = vpn.ask(user, password);
            assert_eq!(Heard::of(&question), Heard::asked(), "{user}: everybody is asked");
            assert_eq!(Heard::of(&vpn.answer(user, "000000", &question)), Heard::refused(), "{user}");
            let field = format!("{password}000000");
            assert_eq!(Raw::plain(gateway.ldap).bind(user, &field), 49, "{user}");
        }
    }
    assert_eq!(binds(&log), 0, "{:?}", gateway.lab.logins());

    let question = vpn.ask("anna", "Winter2026!");
    assert_eq!(Heard::of(&vpn.answer("anna", &gateway.code("anna"), &question)), Heard::refused());
    assert_eq!((binds(&log), gateway.lab.last_reason()), (1, "wrong-password".into()));
    let question = vpn.ask("anna", PASSWORD);
    assert_eq!(binds(&log), 1, "not before the code");
    assert_eq!(Heard::of(&vpn.answer("anna", &gateway.code("anna"), &question)), Heard::let_in());
    assert_eq!(binds(&log), 2);
    assert_eq!(Raw::plain(gateway.ldap).bind("anna", &gateway.password("anna")), 0);
    assert!(binds(&log) > 2, "what goes through later is bound as anna");
}
