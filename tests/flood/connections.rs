//! Connections of applications that nobody can want: silent, half a handshake, half a StartTLS, guesses without end.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use doorward::wire::ldap::message::WHO_AM_I;
use doorward::wire::ldap::request::start_tls;

use crate::gateway::{Gateway, Wish};
use crate::raw_ldap::{PATIENCE, Raw, extended, simple_bind};
use crate::support::authority::Authority;
use crate::watch::{now, wait, with_many_files};
use crate::world::GROWTH;

const ANNA: &str = "uid=anna,ou=people,dc=lab,dc=test";

/// Connections that one source may have here.
const PLACES: usize = 100;
/// Connections of one flood.
const COUNT: usize = 2000;

/// For anna, who logs in again and again.
const OFTEN: &str = "[limits]\nsubject-per-minute = 100000\n";
/// For her, who logs in again and again.
const WIDE: &str = "[limits.codes-per-minute]\nhotp = 100000\n";

/// The program with few places for one source, and time enough for whoever says nothing to stay for the whole test.
fn gateway(more: &str) -> Option<Gateway> {
    with_many_files();
    let tables =
        format!("[ldap]\nconnections-per-source = {PLACES}\nfirst-message-timeout = \"60s\"\n{more}\n{WIDE}");
    Gateway::start_as(&Wish { tables: &tables, ..Wish::default() })
}

impl Gateway {
    /// Somebody logs in over a new connection.
    #[track_caller]
    fn lets_anna_in(&self) {
        let mut raw = Raw::tls(self.ldaps, &self.ca_file());
        assert_eq!(raw.bind(ANNA, &self.password("anna")), 0, "{}", self.lab.last_reason());
    }

    /// The first connection after a flood is served, and nothing of the flood is left.
    #[track_caller]
    fn is_as_before(&self, memory: usize) {
        wait(|| self.lab.open() == 0, || format!("{} stay open", self.lab.open()));
        self.lets_anna_in();
        let running = || self.lab.metric("doorward_logins_running ");
        wait(|| running() == 0, || format!("{} logins still run", running()));
        let growth = self.lab.most_memory().saturating_sub(memory);
        assert!(growth < GROWTH, "{growth} KiB more");
    }
}

fn from(source: [u8; 4], to: SocketAddr) -> Raw {
    Raw::plain_from(IpAddr::from(source), to)
}

/// A ClientHello as a good client begins with it.
fn hello() -> Vec<u8> {
    let config = doorward::net::tls::client(Some(Authority::new().pem().as_bytes())).unwrap();
    let mut client = rustls::ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut octets = Vec::new();
    client.write_tls(&mut octets).unwrap();
    octets
}

/// Makes connections from one source, of which the last ones are thrown out; the house logs in meanwhile. All of them are
/// kept, so that none makes room for another.
fn besieged(gateway: &Gateway, to: SocketAddr, begin: impl Fn(&mut Raw)) -> Vec<Raw> {
    let connect = |n: usize| {
        let mut raw = from([127, 0, 0, 2], to);
        begin(&mut raw);
        if n == PLACES || n.is_multiple_of(COUNT / 10) {
            gateway.lets_anna_in();
        }
        raw
    };
    (0..COUNT).map(connect).collect()
}

/// One source, as many connections as it can make: what it may have stays, the rest is thrown out, others get in.
fn one_source_has_its_places_and_no_more(to: impl Fn(&Gateway) -> SocketAddr, begin: impl Fn(&mut Raw)) {
    let Some(gateway) = gateway(OFTEN) else { return };
    gateway.lets_anna_in();
    let before = gateway.lab.most_memory();
    let kept = besieged(&gateway, to(&gateway), begin);
    wait(
        || gateway.lab.closed("source-full") == COUNT - PLACES,
        || format!("{} were thrown out", gateway.lab.closed("source-full")),
    );
    assert_eq!(gateway.lab.open(), PLACES, "the rest has gone");
    assert_eq!(gateway.lab.log().matches("\"reason\":\"source-full\"").count(), 1, "{}", gateway.lab.log());
    drop(kept);
    gateway.is_as_before(before);
}

#[test]
fn connections_on_which_nothing_is_said_fill_the_places_of_their_source_alone_b_010() {
    one_source_has_its_places_and_no_more(|gateway| gateway.ldap, |_| ());
}

#[test]
fn handshakes_that_are_never_begun_fill_the_places_of_their_source_alone_b_010() {
    one_source_has_its_places_and_no_more(|gateway| gateway.ldaps, |_| ());
}

#[test]
fn handshakes_that_stop_after_their_first_message_fill_the_places_of_their_source_alone_b_010() {
    let hello = hello();
    one_source_has_its_places_and_no_more(|gateway| gateway.ldaps, |raw| raw.send(&hello));
}

#[test]
fn handshakes_that_stop_in_the_middle_of_a_message_fill_the_places_of_their_source_alone_b_010() {
    let hello = hello();
    let half = &hello[..hello.len() / 2];
    one_source_has_its_places_and_no_more(|gateway| gateway.ldaps, |raw| raw.send(half));
}

#[test]
fn tls_that_was_asked_for_and_does_not_come_fills_the_places_of_its_source_alone_b_010() {
    one_source_has_its_places_and_no_more(|gateway| gateway.ldap, |raw| raw.send(&start_tls(1)));
}

#[test]
fn half_a_request_on_each_connection_fills_the_places_of_its_source_alone_b_005_b_010() {
    // As long as a message before a bind may be, but for its last octet.
    let mut half = vec![0x30, 0x82, 0xff, 0xf0, 2, 1, 1];
    half.resize(65_000, 0);
    one_source_has_its_places_and_no_more(|gateway| gateway.ldap, |raw| raw.send(&half));
}

/// Threads that do something again and again until they are told to stop.
struct Siege {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<usize>>,
}

impl Siege {
    fn of(threads: u8, once: impl Fn(u8) + Clone + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let threads = (0..threads).map(|number| {
            let (over, once) = (over.clone(), once.clone());
            std::thread::spawn(move || {
                let mut count = 0;
                while !over.load(Ordering::Acquire) {
                    once(number);
                    count += 1;
                }
                count
            })
        });
        let threads = threads.collect();
        Self { over, threads }
    }

    fn end(self) -> usize {
        self.over.store(true, Ordering::Release);
        self.threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    }
}

#[test]
fn handshakes_that_come_and_go_as_fast_as_they_can_keep_nobody_out_b_010() {
    let Some(gateway) = gateway(OFTEN) else { return };
    gateway.lets_anna_in();
    let before = gateway.lab.most_memory();
    let (to, hello) = (gateway.ldaps, hello());
    let siege = Siege::of(4, move |number| {
        let mut raw = from([127, 0, 0, 2 + number], to);
        raw.send(&hello);
        // The server's part of the work is done when it has answered.
        let _answered = raw.socket().read(&mut [0; 64]);
    });
    for _ in 0..50 {
        gateway.lets_anna_in();
    }
    let made = siege.end();
    wait(
        || gateway.lab.closed("handshake") == made,
        || format!("{} of {made}", gateway.lab.closed("handshake")),
    );
    assert!(gateway.lab.log().matches("\"event\":\"ldap.refused\"").count() <= 2, "{}", gateway.lab.log());
    gateway.is_as_before(before);
}

#[test]
fn an_application_that_guesses_over_many_connections_uses_up_its_own_rate_d_121() {
    let shop = "[[client]]\nname = \"shop\"\nprotocol = \"ldap\"\naddresses = [\"127.0.0.2\"]\ndirectory = \"staff\"\n\
                reject-delay = \"0s\"\n[limits]\nsubject-per-minute = 100000\nclient-per-second = 50";
    let Some(gateway) = gateway(shop) else { return };
    gateway.lets_anna_in();
    let before = gateway.lab.most_memory();
    let (to, ca_file) = (gateway.ldaps, gateway.ca_file());
    let (refused, busy) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let counters = (refused.clone(), busy.clone());
    let siege = Siege::of(4, move |number| {
        let mut raw = from([127, 0, 0, 2], to).encrypt(&ca_file);
        for n in 0..20 {
            let name = format!("uid=made-up-{number}-{n},ou=people,dc=lab,dc=test");
            let met = match raw.bind(&name, "wrong 000000") {
                49 => &counters.0,
                51 => &counters.1,
                other => panic!("neither refused nor told to come later: {other}"),
            };
            met.fetch_add(1, Ordering::AcqRel);
        }
    });
    for _ in 0..20 {
        gateway.lets_anna_in();
    }
    let until = now() + PATIENCE;
    while busy.load(Ordering::Acquire) < 100 {
        gateway.lets_anna_in();
        assert!(now() < until, "it never came to its rate");
    }
    siege.end();
    let logins = gateway.lab.logins();
    let (shop, wiki): (Vec<_>, Vec<_>) = logins.iter().partition(|login| login["client"] == "shop");
    assert_eq!(shop.len(), refused.load(Ordering::Acquire), "whoever is told to come later is not recorded");
    assert!(wiki.iter().all(|login| login["outcome"] == "accept"), "nobody of the other one was turned away");
    gateway.is_as_before(before);
}

#[test]
fn whoever_asks_much_and_reads_nothing_costs_what_is_kept_for_him_and_no_more_b_010() {
    let Some(gateway) = gateway(&format!("write-timeout = \"60s\"\n{OFTEN}")) else { return };
    gateway.lets_anna_in();
    let before = gateway.lab.most_memory();
    let requests: Vec<u8> = (1..=400).flat_map(|id| extended(id, WHO_AM_I, None)).collect();
    let mut kept = Vec::new();
    for n in 0..10_usize {
        let raw = from([127, 0, 0, 2], gateway.ldap);
        raw.socket().set_nonblocking(true).unwrap();
        // Until the system takes no more for it, which is when the program reads no more.
        let mut socket: &TcpStream = raw.socket();
        while std::io::Write::write(&mut socket, &requests).is_ok() {}
        if n.is_multiple_of(2) {
            gateway.lets_anna_in();
        }
        kept.push(raw);
    }
    gateway.lets_anna_in();
    drop(kept);
    gateway.is_as_before(before);
}

#[test]
fn a_bind_that_nobody_waits_for_gives_its_place_back_b_022() {
    let Some(gateway) = gateway(OFTEN) else { return };
    gateway.lets_anna_in();
    let before = gateway.lab.most_memory();
    let (to, ca_file) = (gateway.ldaps, gateway.ca_file());
    let siege = Siege::of(2, move |number| {
        let mut raw = from([127, 0, 0, 2 + number], to).encrypt(&ca_file);
        raw.send(&simple_bind(1, "uid=nobody,ou=people,dc=lab,dc=test", "wrong 000000"));
    });
    for _ in 0..20 {
        gateway.lets_anna_in();
    }
    assert!(siege.end() > 0);
    gateway.is_as_before(before);
}
