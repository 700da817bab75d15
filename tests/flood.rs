//! Floods of packets from strangers, forgers and made-up people: memory stays bounded, the log stays short,
//! and the people of the house still get in (A-122, D-112).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "support/lab.rs"]
mod lab;

use std::fs;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::radius::packet::Code;
use lab::{Appliance, Lab, PASSWORD, PATIENCE, SECRET, SEED, quiet_step, totp};

/// Packets of one flood.
const PACKETS: usize = 20_000;
/// What the program may grow by under any of them, in KiB.
const GROWTH: usize = 64 * 1024;
/// Where people of the house say they come from.
const HOME: &str = "198.51.100.7";

/// The gateway with a client on 127.0.0.1 and in 127.64.0.0/10; other addresses are strangers.
fn gateway() -> Lab {
    let dir = lab::folder();
    let client = lab::client(dir.path(), "code-entry = \"separator\"\n")
        .replace("127.0.0.0/8", "127.0.0.1\", \"127.64.0.0/10");
    let tables = lab::staff(dir.path()) + &client;
    let lab = Lab::start_custom(dir, &tables);
    lab.enrol_totp("alice");
    lab
}

/// Memory of the program now, in KiB.
fn memory(lab: &Lab) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", lab.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How many datagrams met this end.
fn counted(lab: &Lab, outcome: &str, reason: &str) -> usize {
    let name = format!("doorward_radius_datagrams_total{{outcome=\"{outcome}\",reason=\"{reason}\"}} ");
    let page = lab.page("/metrics");
    let count = page.lines().find_map(|line| line.strip_prefix(&name));
    count.unwrap_or_else(|| panic!("{name} in {page}")).parse().unwrap()
}

/// Warnings and errors of one kind in the log.
fn lines(lab: &Lab, reason: &str) -> usize {
    lab.log().matches(&format!("\"reason\":\"{reason}\"")).count()
}

/// A flood in the background, of [`PACKETS`] packets and as many more as it takes.
struct Flood {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Flood {
    /// `packet` makes the packet number n; each of `sockets` sends in its turn.
    fn start(
        lab: &Lab,
        sockets: Vec<UdpSocket>,
        mut packet: impl FnMut(usize) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let (to, enough) = (lab.radius, Arc::new(AtomicBool::new(false)));
        let stop = enough.clone();
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            while number < PACKETS || !stop.load(Ordering::Acquire) {
                // A full buffer is the flooder's own trouble.
                let _lost = sockets[number % sockets.len()].send_to(&packet(number), to);
                number += 1;
            }
        });
        Self { enough, thread }
    }

    fn end(self) {
        self.enough.store(true, Ordering::Release);
        self.thread.join().unwrap();
    }
}

/// A device with a user who says where he is; it sends its packet again until it is answered, as devices do.
fn persistent(lab: &Lab) -> (Appliance, impl Fn(&Appliance, &str) -> Code) {
    let mut vpn = lab.appliance();
    vpn.from = Some(HOME.to_owned());
    let ask = |vpn: &Appliance, field: &str| {
        let packet = vpn.request("alice", field, None);
        let until = SystemClock.now().steady + PATIENCE;
        vpn.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        loop {
            vpn.socket.send(&packet).unwrap();
            let mut buffer = [0; 4096];
            if vpn.socket.peek(&mut buffer).is_ok() {
                return vpn.receive(&packet).code;
            }
            assert!(SystemClock.now().steady < until, "no answer under the flood");
        }
    };
    (vpn, ask)
}

/// A login while the flood runs, and one after it: a wrong code and then the right one.
fn the_house_gets_in(lab: &Lab, flood: Flood) {
    let (vpn, ask) = persistent(lab);
    assert_eq!(ask(&vpn, &format!("{PASSWORD},000000")), Code::AccessReject);
    assert_eq!(lab.logins().iter().filter(|login| login["reason"] == "wrong-code").count(), 1);
    flood.end();
    after_the_flood(lab);
}

fn after_the_flood(lab: &Lab) {
    let (vpn, ask) = persistent(lab);
    let code = totp(SEED, quiet_step(10));
    assert_eq!(ask(&vpn, &format!("{PASSWORD},{code}")), Code::AccessAccept);
}

fn sockets(addresses: impl Iterator<Item = [u8; 4]>) -> Vec<UdpSocket> {
    addresses.map(|address| UdpSocket::bind((std::net::Ipv4Addr::from(address), 0)).unwrap()).collect()
}

#[test]
fn a_flood_of_strangers_costs_a_counter_and_one_line_a_024_d_112() {
    let lab = gateway();
    let before = memory(&lab);
    let stranger = Appliance::new(lab.radius, SECRET);
    let strangers = sockets((0..200).map(|n| [127, 0, 1, n]));
    let flood =
        Flood::start(&lab, strangers, move |n| stranger.request(&format!("user{n}"), "x,123456", None));
    the_house_gets_in(&lab, flood);
    assert!(counted(&lab, "dropped", "unknown-client") > PACKETS / 100, "they arrived");
    assert!(lab.logins().iter().all(|login| login["reason"] != "unknown-subject"), "none became a login");
    assert_eq!(lines(&lab, "unknown-client"), 1, "one line for all of them: {}", lab.log());
    let growth = memory(&lab).saturating_sub(before);
    assert!(growth < GROWTH, "{growth} KiB more");
}

#[test]
fn a_flood_of_forged_packets_costs_a_counter_and_one_line_a_035_d_112() {
    let lab = gateway();
    let before = memory(&lab);
    let forger = Appliance::new(lab.radius, "not the secret, but quite as long");
    // Whoever can forge packets can forge their sender, within the prefixes of a client.
    let spoofed = sockets((0..2000u16).map(|n| [127, 64, n.to_be_bytes()[0], n.to_be_bytes()[1]]));
    let flood = Flood::start(&lab, spoofed, move |n| forger.request(&format!("user{n}"), "x,123456", None));
    the_house_gets_in(&lab, flood);
    assert!(counted(&lab, "dropped", "message-authenticator-wrong") > PACKETS / 100, "they arrived");
    assert!(lab.logins().iter().all(|login| login["reason"] != "unknown-subject"), "none became a login");
    assert_eq!(lines(&lab, "message-authenticator-wrong"), 1, "one line for the client: {}", lab.log().len());
    let growth = memory(&lab).saturating_sub(before);
    assert!(growth < GROWTH, "{growth} KiB more");
}

#[test]
fn a_flood_of_made_up_people_meets_the_limit_of_its_source_d_108_d_110() {
    let lab = gateway();
    // The first password check takes the memory that later ones use again.
    let (vpn, ask) = persistent(&lab);
    assert_eq!(ask(&vpn, "wrong,123456"), Code::AccessReject);
    let before = memory(&lab);
    let mut device = lab.appliance();
    device.from = Some("203.0.113.99".to_owned());
    let flood = Flood::start(&lab, sockets([[127, 0, 0, 1]].into_iter()), move |n| {
        device.request(&format!("made-up-{n}"), "x,123456", None)
    });
    // Together they use up what the client may ask in a second; the house's device tries again and again.
    flood.end();
    after_the_flood(&lab);
    let refused =
        counted(&lab, "dropped", "admission-source-rate") + counted(&lab, "dropped", "admission-client-rate");
    assert!(refused > PACKETS / 100, "{refused} were refused");
    let tried = lab.logins().iter().filter(|login| login["reason"] == "unknown-subject").count();
    assert!((1..=300).contains(&tried), "{tried} reached the directory: 120 in a minute are allowed");
    for reason in ["admission-source-rate", "admission-client-rate", "unknown-subject"] {
        assert!(lines(&lab, reason) <= 1, "{reason}: {}", lab.log());
    }
    let growth = memory(&lab).saturating_sub(before);
    assert!(growth < GROWTH, "{growth} KiB more");
}

#[test]
fn whoever_tries_many_names_is_slowed_and_told_of_once_and_the_house_gets_in_d_109() {
    let lab = gateway();
    let mut device = lab.appliance();
    device.from = Some("203.0.113.99".to_owned());
    for n in 0..40 {
        let reply = device.ask(&format!("made-up-{n}"), &format!("guess {n},123456"));
        assert_eq!(reply.code, Code::AccessReject);
    }
    after_the_flood(&lab);
    let reasons = |wanted: &str| lab.logins().iter().filter(|login| login["reason"] == wanted).count();
    let (tried, slowed) = (reasons("unknown-subject"), reasons("slowed"));
    assert!((26..=32).contains(&tried) && tried + slowed == 40, "{tried}, {slowed}: 20, and 6 in a minute");
    assert_eq!(lab.log().matches("\"event\":\"alarm.stuffing\"").count(), 1, "{}", lab.log());
    assert!(!lab.log().contains("made-up") && !lab.log().contains("guess "), "no name, no password");
    assert!(lab.page("/metrics").contains("doorward_alarms_total{kind=\"stuffing\"} 1\n"));
    let shown = lab.must(&["audit", "--event", "alarm"], "");
    assert_eq!(shown.lines().count(), 1, "{shown}");
    for part in ["alarm", "raised", "stuffing", "from 203.0.113.99"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}
