//! The finished program with LDAP clients that mean it ill.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/lab.rs"]
mod lab;
#[path = "support/raw_ldap.rs"]
mod raw_ldap;
mod support;

use std::collections::BTreeSet;

use doorward::wire::ldap::message::op;
use gateway::{Gateway, Wish};
use raw_ldap::{Raw, simple_bind};
use support::slapd::PASSWORD;

const ANNA: &str = "uid=anna,ou=people,dc=lab,dc=test";
const BASE: &str = "dc=lab,dc=test";

impl Gateway {
    fn connect(&self) -> Raw {
        Raw::tls(self.ldaps, &self.ca_file())
    }
}

#[test]
fn binds_that_wait_behind_a_bind_are_logins_of_their_own_in_the_audit() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    let binds: Vec<u8> = (1..=5).flat_map(|id| simple_bind(id, ANNA, &gateway.password("anna"))).collect();
    raw.send(&binds);
    for id in 1..=5 {
        let answer = raw.must_answer();
        assert_eq!((answer.id, answer.tag, answer.code), (id, op::BIND_RESPONSE, Some(0)));
    }
    let attempts: BTreeSet<_> = gateway.lab.logins().iter().map(|r| r["attempt"].to_string()).collect();
    assert_eq!(attempts.len(), 5, "{attempts:?}");
}

#[test]
fn a_refusal_that_could_not_be_recorded_costs_no_later_operation_its_answer_d_117() {
    let Some(gateway) = Gateway::start() else { return };
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let mut raw = gateway.connect();
    assert_eq!(raw.bind("cn=service,dc=lab,dc=test", PASSWORD), 0);
    let audit = gateway.lab.path("audit.jsonl");
    let change = |from: &str, to: &str, reloads: u32| {
        gateway.lab.edit_config(from, to);
        gateway.lab.signal("HUP");
        gateway.lab.wait_for(|line| line.contains(&format!("\"reloads\":{reloads}")));
    };
    change(audit.to_str().unwrap(), "/dev/full", 1);
    let id = raw.next_id();
    raw.send(&raw_ldap::message(id, |writer| writer.bytes(op::DELETE_REQUEST, ANNA.as_bytes())));
    assert_eq!(raw.must_answer().code, Some(50));
    assert_eq!(raw.sees(BASE), (0, 52), "what is not recorded is not done");
    let id = raw.next_id();
    raw.send(&raw_ldap::message(id, |writer| writer.bytes(op::DELETE_REQUEST, ANNA.as_bytes())));
    assert_eq!(raw.must_answer().code, Some(50));
    change("/dev/full", audit.to_str().unwrap(), 2);
    assert_eq!(raw.sees(BASE).1, 0);
}

#[test]
fn a_reload_ends_what_was_granted_to_a_client_that_has_other_settings_now_or_is_gone() {
    let Some(gateway) = Gateway::start_as(&Wish { client: "read-only = false", ..Wish::default() }) else {
        return;
    };
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    let delete = |raw: &mut Raw| {
        let id = raw.next_id();
        raw.send(&raw_ldap::message(id, |writer| {
            writer.bytes(op::DELETE_REQUEST, b"cn=none,dc=lab,dc=test")
        }));
        raw.must_answer()
    };
    assert_ne!(delete(&mut raw).code, Some(53), "the directory judges");
    let change = |from: &str, to: &str, reloads: u32| {
        gateway.lab.edit_config(from, to);
        gateway.lab.signal("HUP");
        gateway.lab.wait_for(|line| line.contains(&format!("\"reloads\":{reloads}")));
    };
    change("read-only = false", "read-only = true", 1);
    let notice = delete(&mut raw);
    assert_eq!((notice.id, notice.code), (0, Some(52)), "what was granted was granted under other terms");
    assert!(raw.is_closed());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    assert_eq!(delete(&mut raw).code, Some(53), "this client may change nothing any more");
    change("addresses = [\"127.0.0.0/8\"]", "addresses = [\"192.0.2.0/24\"]", 2);
    let id = raw.next_id();
    raw.send(&raw_ldap::extended(id, "1.3.6.1.4.1.4203.1.11.3", None));
    let notice = raw.must_answer();
    assert_eq!((notice.id, notice.code), (0, Some(52)), "{notice:?}");
    assert!(raw.is_closed());
}

#[test]
fn the_old_password_of_somebody_else_is_not_tried_by_a_change_of_it_b_049_b_087() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    let change = |raw: &mut Raw, whose: &str, old: &str, new: &str| {
        let mut value = doorward::wire::ldap::ber::Writer::default();
        value.nested(0x30, |parts| {
            parts.bytes(0x80, whose.as_bytes());
            parts.bytes(0x81, old.as_bytes());
            parts.bytes(0x82, new.as_bytes());
        });
        let id = raw.next_id();
        raw.send(&raw_ldap::extended(id, "1.3.6.1.4.1.4203.1.11.1", Some(&value.finish())));
        raw.must_answer()
    };
    let other = "uid=müller,ou=people,dc=lab,dc=test";
    let answers = [PASSWORD, "wrong"].map(|old| change(&mut raw, other, old, "another password"));
    assert!(answers.iter().all(|answer| answer.code == Some(50) && answer.text.contains("one's own")));
    assert_eq!(
        change(&mut raw, ANNA, PASSWORD, "another password").code,
        Some(0),
        "one's own may be changed"
    );
    assert_eq!(raw.bind(ANNA, &format!("another password{}", gateway.code("anna"))), 0);
}
