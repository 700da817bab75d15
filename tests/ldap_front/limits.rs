//! How much at once, how long, how large; and what serves the next bind.

use std::path::Path;

use data_encoding::BASE64;
use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::message::op;
use doorward::wire::ldap::request::{Scope, abandon, unbind};

use crate::gateway::{Behind, Gateway, Wish};
use crate::lab::{PASSWORD as FILE_PASSWORD, hash_password, private_file};
use crate::puppet::{Puppet, held};
use crate::raw_ldap::{Raw, message, replace, simple_bind};
use crate::support::authority::Authority;
use crate::support::fake_directory::{Act, entry, result};
use crate::support::slapd::{PASSWORD, Slapd};
use crate::{ANNA, BASE, subtree};

#[test]
fn many_operations_run_side_by_side_and_one_too_many_is_told_b_010() {
    let wish = Wish { tables: "[ldap]\noperations = 10\n", ..Wish::default() };
    let gateway = Gateway::in_front_of(Puppet::start(), &wish);
    let (mut raw, puppet) = (gateway.connect(), &gateway.slapd);
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    raw.send(&(101..=111).flat_map(subtree).collect::<Vec<_>>());
    let refused = raw.must_answer();
    assert_eq!((refused.id, refused.tag, refused.code), (111, op::SEARCH_DONE, Some(51)));
    let asked: Vec<_> = (0..10).map(|_| puppet.next()).collect();
    assert_eq!(asked.iter().map(|request| request.id).collect::<Vec<_>>(), (101..=110).collect::<Vec<_>>());
    // Answers come in whatever order the directory likes, one inside the other.
    let said: Vec<Vec<u8>> = [
        entry(105, ANNA, &[]),
        entry(101, ANNA, &[]),
        result(105, op::SEARCH_DONE, 0, ""),
        entry(110, ANNA, &[]),
        result(101, op::SEARCH_DONE, 4, "enough"),
        result(110, op::SEARCH_DONE, 0, ""),
    ]
    .into();
    puppet.say(&asked[0], &said.concat());
    for expected in said {
        assert_eq!(raw.must_answer().whole, expected);
    }
    raw.send(&subtree(101));
    assert_eq!(puppet.next().whole, subtree(101), "there is room again, and the number is free again");
}

#[test]
fn a_directory_that_does_not_answer_in_time_is_a_fault_and_its_late_yes_lets_nobody_in_b_043() {
    let wish = Wish { client: "login-timeout = \"1s\"", ..Wish::default() };
    let gateway = Gateway::in_front_of(Puppet::start_with(held(PASSWORD), |_| Act::Hang), &wish);
    let mut raw = gateway.connect();
    let field = gateway.password("anna");
    let id = raw.next_id();
    raw.send(&simple_bind(id, ANNA, &field));
    let bind = gateway.slapd.bind(0);
    assert_eq!(raw.must_answer().code, Some(52));
    gateway.slapd.say(&bind, &result(bind.id, op::BIND_RESPONSE, 0, ""));
    assert_eq!(raw.who_am_i(), "");
    assert_eq!(raw.sees(BASE), (0, 50));
    assert!(gateway.slapd.heard_nothing());
    // Whoever sees first that the time is over.
    let reason = gateway.wait_for_reasons(1).remove(0);
    assert!(["directory-unreachable", "timed-out"].contains(&reason.as_str()), "{reason}");
}

#[test]
fn a_connection_that_was_left_clean_serves_the_next_bind_and_no_other_does_b_024() {
    let gateway = Gateway::in_front_of(Puppet::start(), &Wish::default());
    let puppet = &gateway.slapd;
    let log_in = |place: usize| {
        let mut raw = gateway.connect();
        assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
        (raw, puppet.bind(place).connection)
    };
    let closed = |count: u64| {
        let line = format!("doorward_ldap_connections_total{{outcome=\"closed\",reason=\"unbind\"}} {count}");
        gateway.lab.wait_for_page("/metrics", &line);
    };
    let (mut raw, first) = log_in(0);
    raw.send(&subtree(10));
    let asked = puppet.next();
    puppet.say(&asked, &result(10, op::SEARCH_DONE, 0, ""));
    assert_eq!(raw.must_answer().code, Some(0));
    raw.send(&unbind(11));
    closed(1);
    let (mut raw, again) = log_in(1);
    assert_eq!(again, first, "everything was answered");
    raw.send(&[&subtree(10)[..], &abandon(11, 10), &unbind(12)].concat());
    closed(2);
    let (mut raw, third) = log_in(2);
    assert_ne!(third, first, "an answer may still come there");
    // A transaction that was begun, or whatever an operation that nobody knows leaves behind.
    raw.send(&message(10, |writer| writer.bytes(0x7a, b"")));
    let asked = loop {
        let asked = puppet.next();
        if asked.tag == 0x7a {
            break asked;
        }
    };
    puppet.say(&asked, &result(10, 0x7b, 0, ""));
    assert_eq!(raw.must_answer().id, 10);
    raw.send(&unbind(11));
    closed(3);
    let (_, fourth) = log_in(3);
    assert!(![first, third].contains(&fourth));
}

#[test]
fn before_a_bind_messages_are_small_and_afterwards_a_photo_passes_b_003() {
    let Some(gateway) = Gateway::start() else { return };
    let photo = vec![0xd8; 2 << 20];
    let change = |id| replace(id, ANNA, b"jpegPhoto", &photo);
    let mut stranger = gateway.connect();
    stranger.send(&change(1));
    let notice = stranger.must_answer();
    assert_eq!((notice.id, notice.code), (0, Some(2)), "{}", notice.text);
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    assert_eq!(raw.ask(change).code, Some(0));
    let answers = raw.search(ANNA, Scope::Base, &Filter::Present("uid"), &["jpegPhoto"]);
    assert!(
        answers[0].whole.len() > photo.len() && answers[0].whole.windows(64).any(|part| part == &photo[..64])
    );
    assert_eq!(raw.bind("müller", "wrong000000"), 49);
    raw.send(&change(500));
    assert_eq!(raw.must_answer().id, 0, "nobody again, and small again");
}

#[test]
fn a_name_or_a_password_of_any_octets_is_taken_or_refused_as_it_is() {
    let Some(slapd) = Slapd::start_open("") else { return };
    let octets = [0xff, 0xfe, 0x41, 0xc3, 0x28];
    assert!(slapd.add(&format!(
        "dn: uid=odd,ou=people,dc=lab,dc=test\nobjectClass: inetOrgPerson\nuid: odd\ncn: Odd\nsn: O\n\
         userPassword:: {}\n",
        BASE64.encode(&octets)
    )));
    let gateway = Gateway::in_front_of(slapd, &Wish::default());
    gateway.enrol("odd");
    let bind = |name: &[u8], password: &[u8]| {
        let mut raw = gateway.connect();
        let answer = raw.ask(|id| {
            message(id, |writer| {
                writer.nested(op::BIND_REQUEST, |bind| {
                    bind.integer(2, 3);
                    bind.bytes(4, name);
                    bind.bytes(0x80, password);
                });
            })
        });
        answer.code.unwrap()
    };
    assert_eq!(bind(b"odd", &[&octets[..], gateway.code("odd").as_bytes()].concat()), 0);
    assert_eq!(bind(b"odd", &[&octets[..4], gateway.code("odd").as_bytes()].concat()), 49);
    assert_eq!(bind(b"odd\xff", b"correct horse000000"), 49, "a name is text");
    assert_eq!(bind(b"an\0na", b"correct horse000000"), 49);
    assert_eq!(bind(b"odd", b"correct\0horse000000"), 49);
    assert_eq!(bind(b"odd", &[b'x'; 1024]), 49);
    assert_eq!(bind(b"odd", &[b'x'; 1025]), 53);
    assert_eq!(bind(&[b'x'; 60_000], b"correct horse000000"), 49);
}

/// A file with Alice in it.
struct Staff(Authority);

impl Behind for Staff {
    fn keys(&self, dir: &Path) -> String {
        let users = format!(
            "[[user]]\nid = \"00000000-0000-4000-8000-000000000001\"\nname = \"alice\"\npassword = \"{}\"\n",
            hash_password(FILE_PASSWORD)
        );
        private_file(&dir.join("users.toml"), &users);
        "kind = \"file\"\npath = \"users.toml\"\n".to_owned()
    }

    fn authority(&self) -> &Authority {
        &self.0
    }

    fn people(&self) -> Vec<&'static str> {
        vec!["alice"]
    }
}

#[test]
fn behind_a_file_people_bind_and_there_is_nothing_to_search() {
    let gateway = Gateway::in_front_of(Staff(Authority::new()), &Wish::default());
    let field = || format!("{FILE_PASSWORD}{}", gateway.code("alice"));
    let mut raw = gateway.connect();
    assert_eq!(raw.bind("alice", FILE_PASSWORD), 49);
    assert_eq!(raw.bind("alice", &format!("wrong{}", gateway.code("alice"))), 49);
    assert_eq!(raw.bind("ALICE", &field()), 0);
    assert_eq!(raw.who_am_i(), "u:ALICE");
    assert_eq!(raw.sees(BASE), (0, 53));
    assert_eq!(raw.extended("1.3.6.1.4.1.4203.1.11.1").code, Some(53));
    let root = format!("{:?}", raw.root());
    assert!(!root.contains("namingContexts") && !root.contains("supportedControl"), "{root}");
    assert_eq!(raw.bind("uid=alice,dc=lab,dc=test", &field()), 49, "a file knows no such names");
    let mut other = Raw::plain(gateway.ldap);
    assert_eq!(other.bind("alice", &field()), 13);
}
