//! Applications that are broken or evil, in front of the finished program: each costs its own connection and nothing
//! else, the counters tell, and somebody else logs in meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/lab.rs"]
mod lab;
#[path = "support/raw_ldap.rs"]
mod raw_ldap;
mod support;
#[path = "support/watch.rs"]
mod watch;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::message::{START_TLS, op};
use doorward::wire::ldap::request::start_tls;
use gateway::{Gateway, Wish};
use raw_ldap::{PATIENCE, Raw, extended, message, simple_bind};
use socket2::{Domain, SockRef, Socket, Type};
use watch::{now, wait, with_many_files};

const ANNA: &str = "uid=anna,ou=people,dc=lab,dc=test";
const BASE: &str = "dc=lab,dc=test";

impl Gateway {
    fn connect(&self) -> Raw {
        Raw::tls(self.ldaps, &self.ca_file())
    }

    /// Somebody logs in and sees the directory, as if nothing were the matter.
    #[track_caller]
    fn lets_in(&self, raw: &mut Raw) {
        assert_eq!(raw.bind(ANNA, &self.password("anna")), 0);
        assert_eq!(raw.sees(BASE).1, 0);
    }

    #[track_caller]
    fn lets_somebody_in(&self) {
        self.lets_in(&mut self.connect());
    }

    fn closed(&self, why: &str) -> usize {
        self.lab.closed(why)
    }

    fn open(&self) -> usize {
        self.lab.open()
    }

    #[track_caller]
    fn waits_for(&self, why: &str, count: usize) {
        self.lab.waits_for_closed(why, count);
    }
}

/// A connection from another address of this machine.
fn from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// It is served: its request is answered.
fn is_served(stream: &mut TcpStream) -> bool {
    let asked = stream.write_all(&extended(1, doorward::wire::ldap::message::WHO_AM_I, None));
    let mut octet = [0];
    asked.is_ok() && matches!(stream.read(&mut octet), Ok(1))
}

/// Ends without a goodbye.
fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// "not" inside "not", so deep; built from the inside, each header once.
fn deep_filter(depth: usize) -> Vec<u8> {
    let mut parts = vec![b"\x87\x0bobjectClass".to_vec()];
    let mut length = parts[0].len();
    for _ in 0..depth {
        let octets = u32::try_from(length).unwrap().to_be_bytes();
        parts.push([&[0xa2, 0x84][..], &octets].concat());
        length += 6;
    }
    parts.reverse();
    parts.concat()
}

fn search_with(id: u32, base: &str, filter: &[u8]) -> Vec<u8> {
    search_for(id, base, filter, &[])
}

fn search_for(id: u32, base: &str, filter: &[u8], attributes: &[&str]) -> Vec<u8> {
    message(id, |message| {
        message.nested(op::SEARCH_REQUEST, |search| {
            search.bytes(4, base.as_bytes());
            search.integer(10, 0);
            search.integer(10, 0);
            search.integer(2, 0);
            search.integer(2, 0);
            search.boolean(1, false);
            search.raw(filter);
            search.nested(0x30, |list| attributes.iter().for_each(|name| list.bytes(4, name.as_bytes())));
        });
    })
}

fn root_dse(id: u32) -> Vec<u8> {
    search_with(id, "", b"\x87\x0bobjectClass")
}

/// The same, with everything that there is in it.
fn whole_root_dse(id: u32) -> Vec<u8> {
    search_for(id, "", b"\x87\x0bobjectClass", &["+", "*"])
}

fn subtree(id: u32) -> Vec<u8> {
    raw_ldap::subtree(id, BASE, &Filter::Present("objectClass"), &[])
}

/// Elements inside elements, as many as fit.
fn bomb(tag: u8, octets: usize) -> Vec<u8> {
    let mut parts: Vec<[u8; 6]> = Vec::new();
    for length in (0..octets).step_by(6).map(|length| u32::try_from(length).unwrap().to_be_bytes()) {
        parts.push([tag, 0x84, length[0], length[1], length[2], length[3]]);
    }
    parts.reverse();
    parts.concat()
}

#[test]
fn octets_that_are_no_message_cost_the_connection_that_sent_them_b_001_b_003_b_006() {
    let Some(gateway) = Gateway::start() else { return };
    let numbered = |id: &[u8]| {
        let inside = [&[2, u8::try_from(id.len()).unwrap()][..], id, &[0x42, 0]].concat();
        [&[0x30, u8::try_from(inside.len()).unwrap()][..], &inside].concat()
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("elements in elements", bomb(0x30, 60_000), "malformed"),
        ("sets in sets", bomb(0x31, 60_000), "malformed"),
        ("four gigabytes", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 1], "message-too-long"),
        ("sixteen exabytes", [&[0x30, 0x88][..], &[0xff; 8]].concat(), "message-too-long"),
        ("a length of nine octets", [&[0x30, 0x89][..], &[0; 9]].concat(), "malformed"),
        ("a length of 126 octets", vec![0x30, 0xfe, 0], "malformed"),
        ("no length", vec![0x30, 0x80, 2, 1, 1, 0x42, 0, 0, 0], "malformed"),
        ("an octet more than allowed", vec![0x30, 0x83, 1, 0, 0], "message-too-long"),
        ("a negative number", numbered(&[0xff]), "malformed"),
        ("a number beyond 2^31", numbered(&[0, 0x80, 0, 0, 0]), "malformed"),
        ("a number of nine octets", numbered(&[0; 9]), "malformed"),
        ("no number", vec![0x30, 4, 4, 2, b'a', b'b'], "malformed"),
        ("no operation", vec![0x30, 3, 2, 1, 1], "malformed"),
        ("an operation that is longer", vec![0x30, 5, 2, 1, 1, 0x60, 9], "malformed"),
        ("an empty message", vec![0x30, 0], "malformed"),
        ("an answer", numbered_answer(), "unknown-operation"),
        ("an operation nobody knows", message(1, |m| m.bytes(0x5d, b"x")), "unknown-operation"),
        ("a string", message(1, |m| m.bytes(4, b"hello")), "unknown-operation"),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: wiki.example.org\r\n\r\n".to_vec(), "malformed"),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), "malformed"),
        ("SSH", b"SSH-2.0-scanner\r\n".to_vec(), "malformed"),
    ];
    for (what, octets, why) in &cases {
        let before = gateway.closed(why);
        let mut raw = Raw::plain(gateway.ldap);
        raw.send(octets);
        let notice = raw.must_answer();
        assert_eq!((notice.id, notice.tag, notice.code), (0, op::EXTENDED_RESPONSE, Some(2)), "{what}");
        assert!(raw.answer().is_none(), "{what}");
        gateway.waits_for(why, before + 1);
    }
    let mut raw = Raw::plain(gateway.ldap);
    raw.send(&message(0, |m| m.bytes(op::DELETE_REQUEST, b"")));
    assert_eq!(raw.must_answer().code, Some(2));
    gateway.waits_for("message-id", 1);
    gateway.lets_somebody_in();
}

fn numbered_answer() -> Vec<u8> {
    message(1, |m| m.bytes(op::BIND_RESPONSE, b"\x0a\x01\x00\x04\x00\x04\x00"))
}

#[test]
fn random_octets_are_answered_refused_or_thrown_out_and_never_more() {
    let Some(gateway) = Gateway::start() else { return };
    // Xorshift: the same octets in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let good = [root_dse(1), simple_bind(2, ANNA, "x"), extended(3, "1.2.3", None), subtree(4)].concat();
    for round in 0..60 {
        let mut octets: Vec<u8> = if round % 2 == 0 {
            (0..200).map(|_| next().to_be_bytes()[0]).collect()
        } else {
            let mut spoilt = good.clone();
            for _ in 0..4 {
                let at = usize::try_from(next()).unwrap() % spoilt.len();
                spoilt[at] = next().to_be_bytes()[0];
            }
            spoilt
        };
        octets.truncate(octets.len().saturating_sub(round % 7));
        let mut stream = from([127, 0, 0, 1], gateway.ldap);
        stream.write_all(&octets).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answers = Vec::new();
        let _ended_or_reset = stream.read_to_end(&mut answers);
        let granted = answers.windows(5).any(|window| window == [0x61, 0x07, 0x0a, 0x01, 0x00]);
        assert!(!granted, "round {round}: {answers:?}");
    }
    gateway.lets_somebody_in();
    assert_eq!(gateway.closed("fault"), 0);
}

#[test]
fn a_request_whose_inside_is_a_bomb_is_refused_and_the_connection_goes_on_b_004() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    let inside = bomb(0x30, 60_000);
    for tag in [op::BIND_REQUEST, op::SEARCH_REQUEST, op::MODIFY_REQUEST, op::EXTENDED_REQUEST] {
        let id = raw.next_id();
        raw.send(&message(id, |m| m.bytes(tag, &inside)));
        let answer = raw.must_answer();
        assert!(answer.id == id && matches!(answer.code, Some(2 | 50)), "{answer:?}");
    }
    // Before a bind a filter of this depth is longer than any message may be.
    let id = raw.next_id();
    raw.send(&search_with(id, BASE, &deep_filter(10_000)));
    assert_eq!(raw.must_answer().code, Some(50), "nobody is bound");
    let id = raw.next_id();
    raw.send(&search_with(id, "", &deep_filter(10_000)));
    let root = raw.must_answer();
    assert_eq!((root.tag, root.code), (op::SEARCH_DONE, Some(0)), "it is true of no root");
    let mut other = gateway.connect();
    other.send(&search_with(1, BASE, &deep_filter(100_000)));
    assert_eq!(other.must_answer().code, Some(2));
    gateway.lets_in(&mut raw);
    let id = raw.next_id();
    raw.send(&search_with(id, BASE, &deep_filter(100_000)));
    let refused = raw.must_answer();
    assert_eq!((refused.id, refused.tag, refused.code), (id, op::SEARCH_DONE, Some(11)));
    assert_eq!(raw.sees(BASE).1, 0, "the same connection goes on");
    gateway.lets_somebody_in();
}

#[test]
fn what_stands_behind_the_end_of_a_request_is_ignored_b_008() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    let password = gateway.password("anna");
    let bind = message(1, |writer| {
        writer.nested(op::BIND_REQUEST, |bind| {
            bind.integer(2, 3);
            bind.bytes(4, ANNA.as_bytes());
            bind.bytes(0x80, password.as_bytes());
            bind.bytes(0x8f, b"what a later version may add");
        });
        writer.bytes(0xab, b"and here");
    });
    raw.send(&bind);
    assert_eq!(raw.must_answer().code, Some(0));
}

#[test]
fn a_number_that_is_in_use_ends_the_connection_b_007() {
    let Some(gateway) = Gateway::start() else { return };
    let bind = simple_bind(7, ANNA, &gateway.password("anna"));
    for behind in [root_dse(7), bind.clone(), extended(7, START_TLS, None)] {
        let mut raw = gateway.connect();
        raw.send(&[&bind[..], &behind].concat());
        let notice = raw.must_answer();
        assert_eq!((notice.id, notice.code), (0, Some(2)), "the bind is not answered, nor is the other");
        assert!(raw.answer().is_none());
    }
    gateway.waits_for("message-id", 3);
    gateway.lets_somebody_in();
}

#[test]
fn sixteen_requests_wait_behind_a_bind_and_one_more_ends_the_connection_b_022() {
    let Some(gateway) = Gateway::start() else { return };
    let behind = |count: u32| {
        let first = simple_bind(1, ANNA, &gateway.password("anna"));
        let rest = (2..2 + count).flat_map(|id| simple_bind(id, ANNA, ""));
        first.into_iter().chain(rest).collect::<Vec<u8>>()
    };
    let mut raw = gateway.connect();
    raw.send(&behind(16));
    let codes: Vec<_> = (0..17).map(|_| raw.must_answer()).map(|answer| (answer.id, answer.code)).collect();
    assert_eq!(codes[0], (1, Some(0)));
    assert!(codes[1..].iter().zip(2..).all(|((id, code), wanted)| *id == wanted && *code == Some(53)));
    for count in [17, 1000] {
        let mut raw = gateway.connect();
        raw.send(&behind(count));
        let notice = raw.must_answer();
        assert_eq!((notice.id, notice.code), (0, Some(51)), "busy, and no bind is answered");
        assert!(raw.answer().is_none());
    }
    gateway.waits_for("queue-full", 2);
    gateway.lets_somebody_in();
}

#[test]
fn what_was_sent_while_a_client_did_not_read_is_done_when_it_reads_b_010() {
    let Some(gateway) = Gateway::start() else { return };
    // All of them come at once, and their answers are more than is kept for somebody who does not read.
    const MANY: u32 = 350;
    let mut raw = Raw::plain(gateway.ldap);
    raw.send(&(1..=MANY).flat_map(whole_root_dse).collect::<Vec<u8>>());
    let mut octets = 0;
    for id in 1..=MANY {
        let (entry, done) = (raw.must_answer(), raw.must_answer());
        octets += entry.whole.len();
        assert_eq!((entry.id, entry.tag, done.id, done.code), (id, op::SEARCH_ENTRY, id, Some(0)));
    }
    assert!(octets > 70_000, "{octets}");

    // And of somebody who is bound, whose requests wait for a directory as well.
    let mut raw = gateway.connect();
    gateway.lets_in(&mut raw);
    let first = raw.next_id() + 1;
    let ids = first..first + 90;
    raw.send(&ids.clone().flat_map(subtree).collect::<Vec<u8>>());
    let mut done: Vec<u32> = Vec::new();
    while done.len() < ids.len() {
        let answer = raw.must_answer();
        if answer.tag == op::SEARCH_DONE {
            assert_eq!(answer.code, Some(0));
            done.push(answer.id);
        }
    }
    done.sort_unstable();
    assert!(done.into_iter().eq(ids));
}

#[test]
fn a_client_that_sends_much_and_reads_late_is_slowed_down_and_nothing_is_lost_b_010() {
    let small = "[ldap]\nmessage-size-before-bind = \"4 KiB\"\n";
    for tables in ["", small] {
        let Some(gateway) = Gateway::start_as(&Wish { tables, ..Wish::default() }) else { return };
        sends_much_and_reads_late(&gateway);
        if !tables.is_empty() {
            let mut raw = Raw::plain(gateway.ldap);
            raw.send(&message(9999, |m| m.bytes(op::SEARCH_REQUEST, &[0; 5000])));
            assert_eq!(raw.must_answer().code, Some(2), "B-003");
        }
    }
}

fn sends_much_and_reads_late(gateway: &Gateway) {
    let mut raw = Raw::plain(gateway.ldap);
    let requests: Vec<u8> = (1..=5000).flat_map(whole_root_dse).collect();
    let mut writer = raw.socket().try_clone().unwrap();
    let sender = std::thread::spawn(move || writer.write_all(&requests).unwrap());
    // Nothing is read until both ways are full, or everything is sent.
    wait(
        || {
            let sent = "doorward_ldap_octets_total{outcome=\"sent\",reason=\"\"} ";
            sender.is_finished() || gateway.lab.metric(sent) > 100_000
        },
        || "nothing was sent".into(),
    );
    (0..10_000).for_each(|_| drop(raw.must_answer()));
    sender.join().unwrap();
    assert_eq!(gateway.closed("fault"), 0);
}

#[test]
fn one_octet_at_a_time_is_slow_and_nothing_else() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = Raw::plain(gateway.ldap);
    start_tls(1).iter().for_each(|octet| raw.send(&[*octet]));
    assert_eq!(raw.must_answer().code, Some(0));
    let mut raw = raw.encrypt(&gateway.ca_file());
    let bind = simple_bind(2, ANNA, &gateway.password("anna"));
    bind.iter().for_each(|octet| raw.send(&[*octet]));
    assert_eq!(raw.must_answer().code, Some(0));
    subtree(3).iter().for_each(|octet| raw.send(&[*octet]));
    assert_eq!(raw.rest_of(3).last().unwrap().code, Some(0));
}

#[test]
fn after_the_consent_to_tls_nothing_else_is_taken_for_it_b_026() {
    let Some(gateway) = Gateway::start() else { return };
    let bind = simple_bind(2, ANNA, &gateway.password("anna"));
    // In the same segment, in the next one, and after the consent.
    let mut together = Raw::plain(gateway.ldap);
    together.send(&[&start_tls(1)[..], &bind].concat());
    assert!(together.is_closed());
    let mut after = Raw::plain(gateway.ldap);
    after.send(&start_tls(1));
    assert_eq!(after.must_answer().code, Some(0));
    after.send(&bind);
    assert_eq!(after.socket().read(&mut [0; 5]).unwrap_or(0), 5, "an alert of TLS, or the end");
    let mut rest = Vec::new();
    let _reset_or_ended = after.socket().read_to_end(&mut rest);
    assert!(!rest.windows(2).any(|window| window == [0x61, 0x07]), "no BindResponse");
    gateway.waits_for("plaintext-behind-start-tls", 1);
    gateway.waits_for("handshake", 1);
    assert!(gateway.lab.logins().is_empty());
    gateway.lets_somebody_in();
}

#[test]
fn five_hundred_connections_that_drip_end_by_the_limits_and_others_log_in_b_010() {
    with_many_files();
    let tables = "[ldap]\nfirst-message-timeout = \"3s\"\nmessage-timeout = \"3s\"\n";
    let Some(gateway) = Gateway::start_as(&Wish { tables, ..Wish::default() }) else { return };
    let mut good = gateway.connect();
    gateway.lets_in(&mut good);
    // Half of them have said something whole before.
    let mut slow: Vec<TcpStream> = (0..500).map(|_| from([127, 0, 0, 2], gateway.ldap)).collect();
    slow[..250].iter_mut().for_each(|stream| assert!(is_served(stream)));
    let message = [&[0x30, 0x82, 0xff, 0, 2, 1, 2, 0x63][..], &[0; 0xff00]].concat();
    let until = now() + PATIENCE;
    for (n, octet) in message.iter().enumerate() {
        slow.iter_mut().for_each(|stream| drop(stream.write(&[*octet])));
        if n == 20 {
            gateway.lets_in(&mut good);
        }
        if gateway.closed("first-message-late") + gateway.closed("message-late") == 500 {
            break;
        }
        assert!(now() < until, "they stay");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!((gateway.closed("first-message-late"), gateway.closed("message-late")), (250, 250));
    gateway.lets_in(&mut good);
    wait(|| gateway.open() == 1, || format!("{} stay open", gateway.open()));
}

#[test]
fn a_thousand_idle_connections_hold_nobody_up() {
    with_many_files();
    let Some(gateway) = Gateway::start() else { return };
    let mut idle: Vec<TcpStream> = (0..1000).map(|_| from([127, 0, 0, 2], gateway.ldap)).collect();
    idle.iter_mut().step_by(2).for_each(|stream| assert!(is_served(stream)));
    let mut bound: Vec<Raw> = (0..5).map(|_| gateway.connect()).collect();
    bound.iter_mut().for_each(|raw| gateway.lets_in(raw));
    assert_eq!(gateway.open(), 1005);
    gateway.lets_somebody_in();
    drop(idle);
    wait(|| gateway.open() == 5, || format!("{} stay open", gateway.open()));
    bound.iter_mut().for_each(|raw| assert_eq!(raw.sees(BASE).1, 0));
}

#[test]
fn neither_one_source_nor_all_of_them_take_more_connections_than_there_are_b_010() {
    let tables = "[ldap]\nconnections = 30\nconnections-per-source = 12\n";
    let Some(gateway) = Gateway::start_as(&Wish { tables, ..Wish::default() }) else { return };
    let fill = |source: [u8; 4]| {
        let mut streams: Vec<TcpStream> = (0..12).map(|_| from(source, gateway.ldap)).collect();
        streams.iter_mut().for_each(|stream| assert!(is_served(stream)));
        streams
    };
    let first = fill([127, 0, 0, 2]);
    for n in 1..=5 {
        assert!(!is_served(&mut from([127, 0, 0, 2], gateway.ldap)));
        gateway.waits_for("source-full", n);
    }
    gateway.lets_somebody_in();
    wait(|| gateway.open() == 12, || "it has left".into());
    let _second = fill([127, 0, 0, 3]);
    let mut third: Vec<TcpStream> = (0..6).map(|_| from([127, 0, 0, 4], gateway.ldap)).collect();
    third.iter_mut().for_each(|stream| assert!(is_served(stream)));
    assert!(!is_served(&mut from([127, 0, 0, 1], gateway.ldap)));
    gateway.waits_for("connections-full", 1);
    drop(first);
    wait(|| gateway.open() == 18, || "their places come back".into());
    gateway.lets_somebody_in();
    wait(|| gateway.open() == 18, || "it has left".into());
    assert_eq!(fill([127, 0, 0, 2]).len(), 12);
}

#[test]
fn handshakes_that_stop_half_way_or_are_none_end_by_themselves_b_010() {
    let tables = "[ldap]\nfirst-message-timeout = \"3s\"\n";
    let Some(gateway) = Gateway::start_as(&Wish { tables, ..Wish::default() }) else { return };
    let mut good = gateway.connect();
    gateway.lets_in(&mut good);
    let mut silent: Vec<TcpStream> = (0..100).map(|_| from([127, 0, 0, 2], gateway.ldaps)).collect();
    // Half a ClientHello, a request in the open, a record longer than any, an alert, HTTP.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and no more";
    silent.iter_mut().step_by(2).for_each(|stream| stream.write_all(hello).unwrap());
    let garbage: [&[u8]; 4] = [
        &root_dse(1),
        b"\x16\x03\x01\xff\xff\x01",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for octets in garbage {
        let mut stream = from([127, 0, 0, 2], gateway.ldaps);
        stream.write_all(octets).unwrap();
        let _alert_or_reset = stream.read_to_end(&mut Vec::new());
    }
    gateway.waits_for("handshake", garbage.len());
    gateway.lets_in(&mut good);
    // One that waits with its handshake behind the consent to StartTLS.
    let mut consented = Raw::plain(gateway.ldap);
    consented.send(&start_tls(1));
    assert_eq!(consented.must_answer().code, Some(0));
    gateway.waits_for("first-message-late", 100);
    gateway.waits_for("handshake", garbage.len() + 1);
    gateway.lets_in(&mut good);
    wait(|| gateway.open() == 1, || format!("{} stay open", gateway.open()));
}

#[test]
fn whoever_vanishes_leaves_nothing_behind_in_whatever_state() {
    let Some(gateway) = Gateway::start() else { return };
    let mut good = gateway.connect();
    gateway.lets_in(&mut good);
    let bind = |gateway: &Gateway| simple_bind(1, ANNA, &gateway.password("anna"));
    type State<'a> = (&'a str, Box<dyn Fn() -> Raw + 'a>);
    let states: Vec<State<'_>> = vec![
        ("nothing was said", Box::new(|| Raw::plain(gateway.ldap))),
        ("half a handshake", Box::new(|| Raw::plain(gateway.ldaps))),
        ("half a message", Box::new(|| said(Raw::plain(gateway.ldap), &root_dse(1)[..9]))),
        ("half a consent", Box::new(|| said(Raw::plain(gateway.ldap), &start_tls(1)))),
        ("a bind is pending", Box::new(|| said(gateway.connect(), &bind(&gateway)))),
        (
            "more waits behind it",
            Box::new(|| said(gateway.connect(), &[bind(&gateway), subtree(2)].concat())),
        ),
        (
            "answers are on their way",
            Box::new(|| {
                let mut raw = gateway.connect();
                gateway.lets_in(&mut raw);
                said(raw, &(10..90).flat_map(subtree).collect::<Vec<u8>>())
            }),
        ),
    ];
    for (what, state) in &states {
        for _ in 0..3 {
            let raw = state();
            reset(raw.socket());
            drop(raw);
        }
        wait(|| gateway.open() == 1, || format!("{what}: {} stay", gateway.open()));
    }
    gateway.lets_in(&mut good);
    assert_eq!(gateway.closed("fault"), 0);
}

fn said(mut raw: Raw, octets: &[u8]) -> Raw {
    raw.send(octets);
    raw
}
