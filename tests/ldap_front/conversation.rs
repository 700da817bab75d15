//! The life of a connection: binds one after the other, what is called off, StartTLS, ends (B.2).

use doorward::wire::ldap::message::{START_TLS, op};
use doorward::wire::ldap::request::{abandon, unbind};

use crate::gateway::{Gateway, Wish};
use crate::puppet::{Puppet, held};
use crate::raw_ldap::{Answer, Raw, extended, message, simple_bind};
use crate::support::fake_directory::{Act, entry, result};
use crate::support::slapd::PASSWORD;
use crate::{ANNA, BASE, subtree};

/// Many logins of one person from one place, all within a moment.
const NO_RATES: &str =
    "[limits]\nsubject-per-minute = 10000\nsource-per-minute = 10000\nclient-per-second = 10000\n";

fn version_2(id: u32) -> Vec<u8> {
    message(id, |writer| {
        writer.nested(op::BIND_REQUEST, |bind| {
            bind.integer(2, 2);
            bind.bytes(4, ANNA.as_bytes());
            bind.bytes(0x80, PASSWORD.as_bytes());
        });
    })
}

/// What the notice before the end of a connection says.
fn notice(raw: &mut Raw) -> Answer {
    let notice = raw.must_answer();
    assert_eq!((notice.id, notice.tag), (0, op::EXTENDED_RESPONSE), "{notice:?}");
    let oid = b"1.3.6.1.4.1.1466.20036";
    assert!(notice.whole.windows(oid.len()).any(|part| part == oid), "{notice:?}");
    assert!(raw.answer().is_none(), "nothing comes behind a notice");
    notice
}

#[test]
fn a_bind_drops_who_was_bound_and_one_that_fails_leaves_nobody_b_021() {
    let Some(gateway) = Gateway::start_as(&Wish { tables: NO_RATES, ..Wish::default() }) else { return };
    let mut raw = gateway.connect();
    assert_eq!(raw.who_am_i(), "", "nobody yet: an identity of no length (B-030)");
    assert_eq!(raw.bind("müller", &gateway.password("müller")), 0);
    assert!(raw.who_am_i().contains("ller"));
    type Bind = fn(&mut Raw) -> Answer;
    let fails: [(&str, u32, Bind); 7] = [
        ("a wrong password", 49, |raw| raw.ask(|id| simple_bind(id, ANNA, "wrong000000"))),
        ("no code", 49, |raw| raw.ask(|id| simple_bind(id, ANNA, PASSWORD))),
        ("no password", 53, |raw| raw.ask(|id| simple_bind(id, ANNA, ""))),
        ("nobody", 48, |raw| raw.ask(|id| simple_bind(id, "", ""))),
        ("version 2", 2, |raw| raw.ask(version_2)),
        ("an unknown mechanism", 7, |raw| raw.sasl("SCRAM-SHA-256", Some(b"n,,n=anna,r=x"))),
        ("broken", 2, |raw| raw.ask(|id| message(id, |writer| writer.bytes(op::BIND_REQUEST, b"\x02\x01")))),
    ];
    for (what, code, bind) in fails {
        assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0, "before {what}");
        assert_eq!(raw.who_am_i(), format!("dn:{ANNA}"));
        let answer = bind(&mut raw);
        assert_eq!((answer.tag, answer.code), (op::BIND_RESPONSE, Some(code)), "{what}: {}", answer.text);
        assert_eq!(raw.who_am_i(), "", "after {what}");
        assert_eq!(raw.sees(BASE), (0, 50), "after {what}");
    }
}

#[test]
fn an_abandoned_search_is_answered_no_more_and_the_connection_lives_on_b_025() {
    let gateway = Gateway::in_front_of(Puppet::start(), &Wish::default());
    let (mut raw, puppet) = (gateway.connect(), &gateway.slapd);
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    raw.send(&subtree(10));
    let searched = puppet.next();
    raw.send(&abandon(11, 9));
    raw.send(&abandon(12, 10));
    assert_eq!(puppet.next().whole, *abandon(12, 10), "it is told to the directory, what is unknown is not");
    let late = [entry(10, ANNA, &[]), result(10, op::SEARCH_DONE, 0, "")].concat();
    puppet.say(&searched, &late);
    raw.send(&subtree(13));
    let again = puppet.next();
    puppet.say(&again, &result(13, op::SEARCH_DONE, 0, ""));
    let answer = raw.must_answer();
    assert_eq!((answer.id, answer.code), (13, Some(0)), "late answers are left out");
    assert_eq!(gateway.count("ldap_operations", "answer-left-out", "not-outstanding"), 2);
}

#[test]
fn an_abandoned_bind_is_called_off_answered_and_uses_no_code_up() {
    let gateway = Gateway::in_front_of(Puppet::start_with(held(PASSWORD), |_| Act::Hang), &Wish::default());
    let (mut raw, puppet) = (gateway.connect(), &gateway.slapd);
    let password = gateway.password("anna");
    raw.send(&simple_bind(1, ANNA, &password));
    let bind = puppet.bind(0);
    raw.send(&abandon(2, 1));
    let answer = raw.must_answer();
    assert_eq!((answer.id, answer.tag, answer.code), (1, op::BIND_RESPONSE, Some(49)));
    puppet.say(&bind, &result(bind.id, op::BIND_RESPONSE, 0, ""));
    assert_eq!(gateway.wait_for_reasons(1), ["called-off"]);
    raw.send(&subtree(3));
    assert_eq!(raw.must_answer().code, Some(50), "the password was right, and still it is nobody");
    assert!(puppet.heard_nothing());
    raw.send(&simple_bind(4, ANNA, &password));
    let bind = puppet.bind(1);
    puppet.say(&bind, &result(bind.id, op::BIND_RESPONSE, 0, ""));
    assert_eq!(raw.must_answer().code, Some(0), "the code had not been looked at");
}

#[test]
fn a_hundred_guesses_with_an_early_end_lock_as_those_with_patience_do() {
    let wish = Wish { listener: "plain-binds = \"loopback\"", tables: NO_RATES, ..Wish::default() };
    let gateway = Gateway::in_front_of(Puppet::start_with(held("wrong"), |_| Act::Hang), &wish);
    let puppet = &gateway.slapd;
    for guess in 0..100 {
        let mut raw = Raw::plain(gateway.ldap);
        raw.send(&simple_bind(1, ANNA, &format!("wrong{guess:03}000000")));
        // The first four are free; each is a question to the directory that is open when the asker goes.
        let asked = (guess < 4).then(|| puppet.bind(guess));
        match guess % 3 {
            0 => raw.send(&unbind(2)),
            1 => raw.send(&abandon(2, 1)),
            _ => {}
        }
        drop(raw);
        if let Some(asked) = asked {
            puppet.say(&asked, &result(asked.id, op::BIND_RESPONSE, 49, ""));
            gateway.wait_for_reasons(guess + 1);
        }
    }
    let reasons = gateway.wait_for_reasons(100);
    assert_eq!(puppet.binds(), 4, "the directory saw no guess beyond those: {reasons:?}");
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 49);
    assert_eq!(gateway.wait_for_reasons(101)[100], "password-throttled", "{reasons:?}");
    assert!(gateway.lab.must(&["subject", "show", "--user", "anna"], "").contains("password"));
}

#[test]
fn tls_begins_once_while_nothing_runs_and_makes_everybody_nobody_b_026_b_027() {
    let wish = Wish { listener: "plain-binds = \"loopback\"", ..Wish::default() };
    let gateway = Gateway::in_front_of(Puppet::start(), &wish);
    let puppet = &gateway.slapd;
    let mut raw = Raw::plain(gateway.ldap);
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    let id = raw.next_id();
    raw.send(&subtree(id));
    let searched = puppet.next();
    let refused = raw.extended(START_TLS);
    assert_eq!((refused.tag, refused.code), (op::EXTENDED_RESPONSE, Some(1)), "a search runs");
    puppet.say(&searched, &result(id, op::SEARCH_DONE, 0, ""));
    assert_eq!(raw.must_answer().code, Some(0));
    assert_eq!(raw.ask(|id| extended(id, START_TLS, Some(b"x"))).code, Some(2), "it has no value");
    assert_eq!(raw.who_am_i(), format!("dn:{ANNA}"), "what was refused changed nothing");
    let mut raw = raw.start_tls(&gateway.ca_file());
    assert_eq!(raw.who_am_i(), "");
    assert_eq!(raw.sees(BASE), (0, 50));
    assert_eq!(raw.extended(START_TLS).code, Some(1), "once is enough");
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0, "and it goes on");
    assert!(puppet.heard_nothing());
}

#[test]
fn a_message_number_of_zero_or_in_use_ends_the_connection_b_007() {
    let gateway = Gateway::in_front_of(Puppet::start_with(held("slow"), |_| Act::Hang), &Wish::default());
    let mut zero = gateway.connect();
    zero.send(&subtree(0));
    assert_eq!(notice(&mut zero).code, Some(2));
    let mut reused = gateway.connect();
    assert_eq!(reused.bind(ANNA, &gateway.password("anna")), 0);
    reused.send(&[subtree(7), subtree(7)].concat());
    assert_eq!(notice(&mut reused).code, Some(2));
    let mut binding = gateway.connect();
    binding.send(&[simple_bind(7, ANNA, "slow000000"), subtree(7)].concat());
    assert_eq!(notice(&mut binding).code, Some(2));
    gateway.lab.wait_for_page(
        "/metrics",
        "doorward_ldap_connections_total{outcome=\"closed\",reason=\"message-id\"} 3",
    );
}

#[test]
fn at_the_end_of_the_program_a_pending_bind_is_answered_and_everybody_is_told_b_029() {
    let mut gateway =
        Gateway::in_front_of(Puppet::start_with(held(PASSWORD), |_| Act::Hang), &Wish::default());
    let (mut idle, mut pending) = (gateway.connect(), gateway.connect());
    assert_eq!(idle.who_am_i(), "");
    pending.send(&simple_bind(1, ANNA, &gateway.password("anna")));
    let bind = gateway.slapd.bind(0);
    gateway.lab.signal("TERM");
    let told = notice(&mut idle);
    assert!(told.code == Some(52) && told.text.starts_with("The service ends"), "{told:?}");
    gateway.slapd.say(&bind, &result(bind.id, op::BIND_RESPONSE, 0, ""));
    let answer = pending.must_answer();
    assert_eq!((answer.id, answer.code), (1, Some(0)));
    assert_eq!(notice(&mut pending).code, Some(52));
    assert!(gateway.lab.end("TERM").success());
}

#[test]
fn a_reload_without_the_listener_tells_its_connections_and_leaves_the_others_b_029() {
    let Some(gateway) = Gateway::start() else { return };
    let (mut gone, mut stays) = (Raw::plain(gateway.ldap), gateway.connect());
    assert_eq!((gone.who_am_i(), stays.bind(ANNA, &gateway.password("anna"))), (String::new(), 0));
    gateway.lab.edit_config("name = \"ldap\"\nprotocol", "name = \"other\"\nprotocol");
    gateway.lab.signal("HUP");
    gateway.lab.wait_for_event("daemon.reloaded");
    assert_eq!(notice(&mut gone).code, Some(52));
    assert_eq!(stays.sees(BASE).1, 0);
    assert_eq!(Raw::plain(gateway.lab.ldap_address("other")).who_am_i(), "");
}

#[test]
fn nobody_goes_on_under_settings_that_a_reload_has_taken_away() {
    let Some(gateway) = Gateway::start() else { return };
    let (mut service, mut anna, mut nobody) = (gateway.connect(), gateway.connect(), gateway.connect());
    assert_eq!(service.bind("cn=service,dc=lab,dc=test", PASSWORD), 0);
    assert_eq!((anna.bind(ANNA, &gateway.password("anna")), nobody.who_am_i()), (0, String::new()));
    gateway.lab.signal("HUP");
    gateway.lab.wait_for_page("/metrics", "doorward_reloads_total{outcome=\"done\",reason=\"\"} 1");
    assert_eq!((service.sees(BASE).1, anna.sees(BASE).1), (0, 0), "nothing has changed for them");

    gateway.lab.edit_config("reject-delay = \"0s\"", "reject-delay = \"0s\"\nread-only = true");
    gateway.lab.signal("HUP");
    gateway.lab.wait_for_page("/metrics", "doorward_reloads_total{outcome=\"done\",reason=\"\"} 2");
    for raw in [&mut service, &mut anna] {
        raw.send(&subtree(1000));
        assert_eq!(notice(raw).code, Some(52), "they must come again");
    }
    assert_eq!(nobody.bind(ANNA, &gateway.password("anna")), 0, "who was nobody loses nothing");
    let id = nobody.next_id();
    nobody.send(&message(id, |writer| writer.bytes(op::DELETE_REQUEST, ANNA.as_bytes())));
    assert_eq!(nobody.must_answer().code, Some(53), "and is under the new settings");
}

#[test]
fn the_root_entry_offers_what_works_now_and_says_nothing_of_the_directory_b_032() {
    let Some(gateway) = Gateway::start() else { return };
    let values = |root: &[(String, Vec<String>)], name: &str| {
        root.iter().find(|(known, _)| known == name).map(|(_, values)| values.clone()).unwrap_or_default()
    };
    let mut raw = Raw::plain(gateway.ldap);
    let open = raw.root();
    assert_eq!(values(&open, "supportedLDAPVersion"), ["3"]);
    assert_eq!(values(&open, "namingContexts"), [BASE]);
    assert!(values(&open, "supportedSASLMechanisms").is_empty(), "no password without TLS");
    let who_am_i = "1.3.6.1.4.1.4203.1.11.3";
    assert_eq!(values(&open, "supportedExtension"), [who_am_i, START_TLS]);
    let mut raw = raw.start_tls(&gateway.ca_file());
    let encrypted = raw.root();
    assert_eq!(values(&encrypted, "supportedSASLMechanisms"), ["PLAIN"]);
    assert_eq!(values(&encrypted, "supportedExtension"), [who_am_i]);
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    let password_modify = "1.3.6.1.4.1.4203.1.11.1";
    assert_eq!(values(&raw.root(), "supportedExtension"), [who_am_i, password_modify]);
    for root in [open, encrypted] {
        assert!(!format!("{root:?}").contains("OpenLDAP"), "{root:?}");
    }
}

#[test]
fn nothing_but_the_root_entry_is_shown_to_nobody_b_020() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    let asked: [(u8, &[u8], u8); 5] = [
        (op::DELETE_REQUEST, ANNA.as_bytes(), op::DELETE_RESPONSE),
        (op::MODIFY_REQUEST, b"\x04\x00\x30\x00", op::MODIFY_RESPONSE),
        (op::ADD_REQUEST, b"\x04\x00\x30\x00", op::ADD_RESPONSE),
        (op::MODIFY_DN_REQUEST, b"\x04\x00\x04\x00\x01\x01\x00", op::MODIFY_DN_RESPONSE),
        (op::COMPARE_REQUEST, b"\x04\x00\x30\x05\x04\x01a\x04\x00", op::COMPARE_RESPONSE),
    ];
    for (request, body, response) in asked {
        let answer = raw.ask(|id| message(id, |writer| writer.bytes(request, body)));
        assert_eq!((answer.tag, answer.code), (response, Some(50)), "{request:x}");
    }
    let unknown = raw.extended("1.3.6.1.4.1.99999.1");
    assert_eq!((unknown.tag, unknown.code), (op::EXTENDED_RESPONSE, Some(2)), "B-033");
    raw.send(&message(99, |writer| writer.bytes(0x7d, b"")));
    assert_eq!(notice(&mut raw).code, Some(2));
}
