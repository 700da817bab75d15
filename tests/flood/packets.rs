//! Packets that nobody can want: of strangers, forged, malformed, about people there are none of, and too often the same.

use doorward::wire::radius::build::RequestBuilder;
use doorward::wire::radius::dictionary::PROXY_STATE;
use doorward::wire::radius::packet::{Code, MAX_LEN};

use crate::lab::{Appliance, PASSWORD, SECRET};
use crate::world::{Flood, HOME, House, PACKETS, device, heard, once, sockets, wifi};

/// How often alice logs in while others flood.
const LOGINS: usize = 20;
/// What a login is turned away for when there is too much to do.
const TURNED_AWAY: [&str; 9] = [
    "busy",
    "shed",
    "admission-full",
    "admission-client-full",
    "admission-client-rate",
    "admission-source-rate",
    "admission-source-full",
    "admission-rate",
    "admission-store-behind",
];

const STAFF: &str = "directory = \"staff\"\n";

/// Alice logs in again and again, and once more when it is over. How many copies of her packets are lost before they reach
/// the program is up to the system; the first that does lets her in, whatever else comes, and the others are known again.
fn the_house_gets_in(house: &House, flood: Flood) {
    let copies: usize = (0..LOGINS).map(|_| house.gets_in()).sum();
    flood.end();
    house.is_as_before();
    assert_eq!(house.counted("sent", "accept"), LOGINS + 1);
    let again = house.counted("sent", "repeated") + house.counted("dropped", "duplicate-in-work");
    assert!(again <= copies - LOGINS, "{again} came again, of {copies} packets for {LOGINS} logins");
    let turned_away = TURNED_AWAY.map(|reason| (reason, house.counted("dropped", reason)));
    assert!(turned_away.iter().all(|(_, count)| *count == 0), "{turned_away:?}");
}

#[test]
fn a_flood_of_strangers_costs_a_counter_and_one_line_a_024_d_112() {
    let house = House::start("", "");
    let before = house.memory();
    let stranger = Appliance::new(house.lab.radius, SECRET);
    let strangers = sockets((0..200).map(|n| [127, 0, 1, n]));
    let packet = move |n| stranger.request(&format!("user{n}"), "x,123456", None);
    the_house_gets_in(&house, Flood::start(&house.lab, strangers, packet));
    assert!(house.counted("dropped", "unknown-client") > PACKETS / 100, "they arrived");
    assert_eq!(house.lab.logins().len(), LOGINS + 1, "none became a login");
    assert_eq!(house.lines("unknown-client"), 1, "one line for all of them: {}", house.lab.log());
    house.has_not_grown_since(before);
}

#[test]
fn a_flood_of_forged_packets_costs_a_counter_and_one_line_a_035_d_112() {
    let house = House::start("", &wifi(STAFF));
    let before = house.memory();
    let forger = Appliance::new(house.lab.radius, "not the secret, but quite as long");
    // Whoever can forge packets can forge their sender, within the prefixes of a client.
    let spoofed = sockets((0..2000u16).map(|n| [127, 64, n.to_be_bytes()[0], n.to_be_bytes()[1]]));
    let packet = move |n| forger.request(&format!("user{n}"), "x,123456", None);
    the_house_gets_in(&house, Flood::start(&house.lab, spoofed, packet));
    assert!(house.counted("dropped", "message-authenticator-wrong") > PACKETS / 100, "they arrived");
    assert_eq!(house.lab.logins().len(), LOGINS + 1, "none became a login");
    assert_eq!(
        house.lines("message-authenticator-wrong"),
        1,
        "one for the client: {}",
        house.lab.log().len()
    );
    house.has_not_grown_since(before);
}

/// An attribute.
fn attribute(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, u8::try_from(value.len() + 2).unwrap()], value].concat()
}

/// An Access-Request with these attributes and no signature.
fn unsigned(attributes: &[u8]) -> Vec<u8> {
    packet_of(1, attributes)
}

fn packet_of(code: u8, attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
    [&[code, 7, length[0], length[1]][..], &[9; 16], attributes].concat()
}

#[test]
fn whatever_is_malformed_costs_a_counter_and_one_line_for_each_way_d_112() {
    let house = House::start("", &wifi(STAFF));
    let name = attribute(1, b"alice");
    let kinds: Vec<(&str, Vec<u8>)> = vec![
        ("too-short", vec![1, 7, 0, 12]),
        ("bad-length", [&[1, 7, 0, 4][..], &[0; 40]].concat()),
        ("truncated", [&[1, 7, 4, 0][..], &[0; 40]].concat()),
        ("bad-attribute", unsigned(&[1, 200, b'x'])),
        ("too-many-attributes", unsigned(&attribute(33, b"").repeat(201))),
        ("bad-attribute-size", unsigned(&attribute(80, b"short"))),
        ("repeated-attribute", unsigned(&name.repeat(2))),
        ("unexpected-code", packet_of(2, &name)),
        ("message-authenticator-missing", unsigned(&name)),
        ("message-authenticator-wrong", unsigned(&attribute(80, &[5; 16]))),
    ];
    const OF_EACH: usize = 400;
    let before = house.memory();
    let flooder = device(&house.lab, [127, 64, 0, 1]);
    for (reason, packet) in &kinds {
        house.pour(&flooder.socket, OF_EACH, |_| packet.clone(), || house.logs_in());
        assert_eq!(house.counted("dropped", reason), OF_EACH, "{reason}");
        assert_eq!(house.lines(reason), 1, "{reason}: {}", house.lab.log());
    }
    house.is_as_before();
    house.has_not_grown_since(before);
}

#[test]
fn a_flood_of_made_up_people_meets_the_limit_of_its_source_d_108_d_110() {
    let house = House::start("source-per-minute = 120\n", &wifi(STAFF));
    // The first password check takes the memory that later ones use again.
    house.is_as_before();
    let before = house.memory();
    let mut wifi = device(&house.lab, [127, 64, 0, 1]);
    wifi.from = Some("203.0.113.99".to_owned());
    let made_up = |n| wifi.request(&format!("made-up-{n}"), "x,123456", None);
    const COUNT: usize = 4000;
    house.pour(&wifi.socket, COUNT, made_up, || house.logs_in());
    let refused =
        ["admission-source-rate", "admission-client-rate"].map(|reason| house.counted("dropped", reason));
    house.is_as_before();
    let tried = house.logins("unknown-subject");
    assert_eq!(tried + refused.iter().sum::<usize>(), COUNT, "each is tried or counted");
    assert!((1..=300).contains(&tried), "{tried} reached the directory: 120 in a minute are allowed");
    for reason in ["admission-source-rate", "admission-client-rate", "unknown-subject"] {
        assert!(house.lines(reason) <= 1, "{reason}: {}", house.lab.log());
    }
    house.has_not_grown_since(before);
}

#[test]
fn whoever_tries_many_names_is_slowed_and_told_of_once_and_the_house_gets_in_d_109() {
    let lab = &House::start_as_usual("").lab;
    let mut device = lab.appliance();
    device.from = Some("203.0.113.99".to_owned());
    for n in 0..40 {
        let reply = device.ask(&format!("made-up-{n}"), &format!("guess {n},123456"));
        assert_eq!(reply.code, Code::AccessReject);
    }
    let mut vpn = lab.appliance();
    vpn.from = Some(HOME.to_owned());
    assert_eq!(vpn.ask("alice", &format!("{PASSWORD},000000")).code, Code::AccessReject);
    assert_eq!(lab.last_reason(), "wrong-code", "the password was looked at");
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

#[test]
fn a_flood_of_copies_is_one_login_with_one_answer_for_all_of_them_a_111_a_112() {
    let house = House::start("", &wifi("directory = \"staff\"\ncode-entry = \"separator\"\n"));
    let before = house.memory();
    let wifi = device(&house.lab, [127, 64, 0, 1]);
    let packet = wifi.request("alice", &format!("{PASSWORD},{}", house.code()), None);
    let first = once(&wifi, &packet);
    assert_eq!(first.code, Code::AccessAccept);
    const COUNT: usize = 4000;
    let mut answers = 0;
    house.pour(
        &wifi.socket,
        COUNT,
        |_| packet.clone(),
        || {
            house.logs_in();
            heard(&wifi.socket, |octets| {
                assert_eq!(octets, first.bytes, "the same octets");
                answers += 1;
            });
        },
    );
    assert!(answers > COUNT / 2, "{answers} were read meanwhile");
    assert_eq!(house.counted("sent", "repeated"), COUNT, "each is answered");
    let of_wifi = house.lab.logins().into_iter().filter(|login| login["client"] == "wifi").count();
    assert_eq!(of_wifi, 1, "one login, one line, one use of the code");
    house.is_as_before();
    house.has_not_grown_since(before);
}

#[test]
fn a_flood_of_signs_of_life_has_a_limit_of_its_own_for_each_client_a_132() {
    let house = House::start("", &wifi(STAFF));
    let before = house.memory();
    let [wifi, vpn] = [[127, 64, 0, 1], [127, 0, 0, 1]].map(|address| device(&house.lab, address));
    let probe = |device: &Appliance| {
        let mut authenticator = [0; 16];
        getrandom::fill(&mut authenticator).unwrap();
        let mut buffer = [0; MAX_LEN];
        let request = RequestBuilder::new(&mut buffer, Code::StatusServer, 9, authenticator).unwrap();
        request.sign(&device.secret).unwrap().to_vec()
    };
    const COUNT: usize = 4000;
    let mut asked = 0;
    house.pour(
        &wifi.socket,
        COUNT,
        |_| probe(&wifi),
        || {
            let reply = once(&vpn, &probe(&vpn));
            assert_eq!(reply.code, Code::AccessAccept, "another client is told that we live");
            asked += 1;
        },
    );
    let (told, dropped) =
        (house.counted("sent", "status"), house.counted("dropped", "status-server-too-often"));
    assert_eq!(told + dropped, COUNT + asked);
    assert!(dropped > COUNT / 10, "{dropped} of {COUNT} were too many");
    assert!(house.lines("status-server-too-often") <= 1, "{}", house.lab.log());
    house.is_as_before();
    house.has_not_grown_since(before);
}

#[test]
fn answers_to_what_nobody_asked_are_recorded_no_more_often_than_logins_a_070_d_112() {
    let house = House::start("client-per-second = 20\n", &wifi(STAFF));
    let before = house.memory();
    let wifi = device(&house.lab, [127, 64, 0, 1]);
    let state = |n: usize| format!("{n:032x}").into_bytes();
    const COUNT: usize = 4000;
    let made_up = |n| wifi.request("alice", "123456", Some(&state(n)));
    house.pour(&wifi.socket, COUNT, made_up, || {
        // The house's device is asked and answers, which is no new login for any limit.
        house.answers();
    });
    let (told, dropped) =
        (house.logins("unknown-challenge"), house.counted("dropped", "admission-client-rate"));
    assert_eq!(told + dropped, COUNT, "each is recorded or counted");
    assert!(dropped > COUNT / 2, "{told} were written to the audit");
    assert_eq!(house.lines("admission-client-rate"), 1, "{}", house.lab.log());
    house.is_as_before();
    house.has_not_grown_since(before);
}

#[test]
fn a_flood_of_refusals_that_must_echo_much_is_kept_within_the_bound_of_the_client_a_115() {
    let house = House::start("", &wifi(STAFF));
    let before = house.memory();
    let mut wifi = device(&house.lab, [127, 64, 0, 1]);
    // Six proxies would be a circle.
    wifi.extra = vec![(PROXY_STATE, vec![7; 253]); 5];
    // More than are kept of one client.
    const COUNT: usize = 17_000;
    // No login: a State that we cannot have given out. Each answer is kept for copies of its request.
    house.pour(
        &wifi.socket,
        COUNT,
        |_| wifi.request("alice", "x", Some(b"short")),
        || {
            house.logs_in();
            heard(&wifi.socket, |_| ());
        },
    );
    assert_eq!(house.counted("refused", "foreign-state"), COUNT);
    house.is_as_before();
    house.has_not_grown_since(before);
}
