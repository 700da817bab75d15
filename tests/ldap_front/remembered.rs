//! A confirmed factor that counts again for a while (B-046).

use doorward::wire::ldap::ber::Writer;

use crate::gateway::{Gateway, Wish, hotp};
use crate::lab::private_file;
use crate::puppet::Puppet;
use crate::raw_ldap::{Raw, extended, replace, simple_bind};
use crate::support::slapd::PASSWORD;
use crate::{ANNA, BASE};

const REMEMBER: Wish<'static> = Wish {
    client: "remember = \"5m\"",
    listener: "",
    ldaps_listener: "",
    tables: "[limits]\nsubject-per-minute = 1000\n",
    exempt: None,
};

/// The basis or reason of the login that this bind is.
fn bind<D>(gateway: &Gateway<D>, raw: &mut Raw, field: &str) -> (u32, String) {
    let before = gateway.reasons().len();
    let code = raw.bind(ANNA, field);
    (code, gateway.wait_for_reasons(before + 1).pop().unwrap())
}

#[test]
fn the_same_field_counts_again_from_the_same_place_and_the_password_is_checked_each_time_b_046() {
    let gateway = Gateway::in_front_of(Puppet::start(), &REMEMBER);
    let field = gateway.password("anna");
    assert_eq!(bind(&gateway, &mut gateway.connect(), &field), (0, "confirmed".into()));
    for again in 2..5 {
        assert_eq!(bind(&gateway, &mut gateway.connect(), &field), (0, "remembered".into()));
        assert_eq!(gateway.slapd.binds(), again, "one bind at the directory each");
    }
    let other = format!("{PASSWORD}{}", gateway.wrong_code("anna"));
    assert_eq!(bind(&gateway, &mut gateway.connect(), &other), (49, "wrong-code".into()));
    assert_eq!(bind(&gateway, &mut gateway.connect_from("127.0.0.2"), &field).0, 49, "from elsewhere");
    let mut at_the_other_listener = Raw::plain(gateway.ldap).start_tls(&gateway.ca_file());
    assert_eq!(bind(&gateway, &mut at_the_other_listener, &field).0, 49, "at another listener");
    assert_eq!(bind(&gateway, &mut gateway.connect(), &field), (0, "remembered".into()), "and it still does");
    let wrong = field.replace("horse", "house");
    assert_eq!(bind(&gateway, &mut gateway.connect(), &wrong), (49, "wrong-password".into()));
    let (code, reason) = bind(&gateway, &mut gateway.connect(), &field);
    assert_eq!((code, reason.as_str()), (49, "replayed-code"), "a wrong password ends it");
}

#[test]
fn without_the_setting_nothing_counts_again() {
    let Some(gateway) = Gateway::start() else { return };
    let field = gateway.password("anna");
    let mut raw = gateway.connect();
    assert_eq!(bind(&gateway, &mut raw, &field), (0, "confirmed".into()));
    assert_eq!(bind(&gateway, &mut raw, &field).0, 49);
}

#[test]
fn what_changes_about_a_person_ends_what_is_remembered_b_046() {
    let Some(gateway) = Gateway::start_as(&REMEMBER) else { return };
    let confirmed = || {
        let field = gateway.password("anna");
        assert_eq!(bind(&gateway, &mut gateway.connect(), &field), (0, "confirmed".into()));
        assert_eq!(bind(&gateway, &mut gateway.connect(), &field), (0, "remembered".into()));
        field
    };
    let over = |what: &str, field: &str| {
        let (code, reason) = bind(&gateway, &mut gateway.connect(), field);
        assert_eq!((code, reason.as_str()), (49, "replayed-code"), "{what}");
    };

    let field = confirmed();
    let changed = || gateway.slapd.values("modifyTimestamp", "uid")["anna"].clone();
    let before = changed();
    // The directory counts seconds.
    while changed() == before {
        assert!(gateway.slapd.add(&format!(
            "dn: {ANNA}\nchangetype: modify\nreplace: userPassword\nuserPassword: {PASSWORD}\n\n"
        )));
    }
    over("the password was set", &field);

    let field = confirmed();
    assert!(gateway.slapd.add(&format!(
        "dn: cn=circle,ou=groups,dc=lab,dc=test\nchangetype: modify\nadd: member\nmember: {ANNA}\n\n"
    )));
    over("a group came", &field);

    let field = confirmed();
    let seed = gateway.lab.path("seed");
    private_file(&seed, &data_encoding::BASE32_NOPAD.encode(b"another seed of tests"));
    let enrol = ["enrol", "hotp", "--directory", "staff", "--user", "anna", "--seed-file"];
    gateway.lab.must(&[&enrol[..], &[seed.to_str().unwrap()]].concat(), "");
    over("another generator came", &field);
    let field = format!("{PASSWORD}{}", hotp(b"another seed of tests", 0));
    assert_eq!(bind(&gateway, &mut gateway.connect(), &field), (0, "confirmed".into()));
    assert_eq!(bind(&gateway, &mut gateway.connect(), &field), (0, "remembered".into()));
    let listed = gateway.lab.must(&["factor", "list", "--user", "anna", "--json"], "");
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
    for enrolment in &listed {
        let id = enrolment["id"].as_str().unwrap();
        gateway.lab.must(&["factor", "revoke", "--user", "anna", "--id", id], "");
    }
    let (code, reason) = bind(&gateway, &mut gateway.connect(), &field);
    assert_eq!((code, reason.as_str()), (49, "not-enrolled"), "the generators are gone");
}

#[test]
fn a_password_is_changed_on_the_strength_of_a_fresh_code_alone_b_031() {
    let wish = Wish { listener: "plain-binds = \"loopback\"", ..REMEMBER };
    let Some(gateway) = Gateway::start_as(&wish) else { return };
    let by_operation = |id: u32| {
        let mut value = Writer::default();
        value.nested(0x30, |change| {
            change.bytes(0x81, PASSWORD.as_bytes());
            change.bytes(0x82, PASSWORD.as_bytes());
        });
        extended(id, "1.3.6.1.4.1.4203.1.11.1", Some(&value.finish()))
    };
    let by_attribute = |id: u32| replace(id, ANNA, b"USERpassword;x-y", PASSWORD.as_bytes());
    let field = gateway.password("anna");
    let mut raw = gateway.connect();
    assert_eq!(bind(&gateway, &mut raw, &field), (0, "confirmed".into()));
    assert_eq!(bind(&gateway, &mut raw, &field), (0, "remembered".into()));
    assert_eq!(raw.sees(BASE).1, 0);
    assert_eq!(raw.ask(by_operation).code, Some(8), "strongerAuthRequired");
    assert_eq!(raw.ask(by_attribute).code, Some(8));
    let offered = format!("{:?}", raw.root());
    assert!(!offered.contains("1.3.6.1.4.1.4203.1.11.1"), "nor is it offered: {offered}");
    let mut open = Raw::plain(gateway.ldap);
    assert_eq!(open.bind(ANNA, &gateway.password("anna")), 0);
    assert_eq!(open.ask(by_operation).code, Some(13), "confidentialityRequired");
    assert_eq!(open.ask(by_attribute).code, Some(13));
    assert_eq!(bind(&gateway, &mut raw, &gateway.password("anna")), (0, "confirmed".into()));
    assert_eq!(raw.ask(by_operation).code, Some(0), "a code of its own");
}

/// The reasons of twenty binds at once with one field, each on a connection of its own, and how many were let in.
fn at_once(gateway: &Gateway<Puppet>, field: &str) -> (Vec<String>, usize) {
    let mut all: Vec<Raw> = (0..20).map(|_| gateway.connect()).collect();
    all.iter_mut().for_each(|raw| raw.send(&simple_bind(1, ANNA, field)));
    let codes: Vec<_> = all.iter_mut().map(|raw| raw.must_answer().code.unwrap()).collect();
    let mut reasons = gateway.wait_for_reasons(20);
    reasons.sort();
    (reasons, codes.iter().filter(|code| **code == 0).count())
}

#[test]
fn one_code_on_twenty_connections_at_once_lets_one_of_them_in() {
    let rates = "[limits]\nsubject-per-minute = 1000\nfactor = { free = 100 }\n";
    let gateway = Gateway::in_front_of(Puppet::start(), &Wish { tables: rates, ..Wish::default() });
    let (reasons, let_in) = at_once(&gateway, &gateway.password("anna"));
    assert_eq!(let_in, 1, "{reasons:?}");
    assert_eq!(reasons.iter().filter(|reason| *reason == "confirmed").count(), 1, "{reasons:?}");
    assert_eq!(gateway.slapd.binds(), 20, "and each password was checked once");
}

#[test]
fn where_factors_are_remembered_one_code_is_confirmed_once_and_the_others_go_by_that() {
    let gateway = Gateway::in_front_of(Puppet::start(), &REMEMBER);
    let (reasons, let_in) = at_once(&gateway, &gateway.password("anna"));
    assert_eq!(let_in, 20, "a page with twenty pictures: {reasons:?}");
    assert_eq!((reasons[0].as_str(), reasons[1].as_str()), ("confirmed", "remembered"), "{reasons:?}");
    assert!(reasons[1..].iter().all(|reason| reason == "remembered"), "{reasons:?}");
}
