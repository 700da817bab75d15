//! What one client may send, all of it at once: it fills its own places and lines, and not those of others (D-121).

use std::net::{SocketAddr, UdpSocket};
use std::num::NonZero;

use doorward::wire::radius::build::NoticeBuilder;
use doorward::wire::radius::dictionary::{
    ACCT_SESSION_ID, ACCT_STATUS_TYPE, EAP_MESSAGE, REPLY_MESSAGE, STATE, USER_NAME,
};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};

use crate::lab::{Appliance, PASSWORD, SECRET};
use crate::support::fake_directory::{Act, FakeDirectory};
use crate::support::radius_server::{Came, RadiusServer, shared};
use crate::watch::wait;
use crate::world::{House, device, heard, once, wifi};

/// An upstream at this port of loopback.
fn upstream(server: &RadiusServer, keys: &str) -> String {
    format!(
        "[[upstream]]\nname = \"nps\"\nservers = [\"{}\"]\nsecret = {{ file = \"FOLDER/vpn.secret\" }}\n\
         status-server = false\n{keys}\n",
        server.address
    )
}

fn says(came: &Came, code: Code, attributes: &[(u8, &[u8])]) -> Vec<Vec<u8>> {
    vec![came.reply(code, attributes, &shared(SECRET))]
}

fn is_from(came: &Came, name: &str) -> bool {
    came.packet().find(USER_NAME) == Some(name.as_bytes())
}

#[test]
fn a_client_that_uses_up_its_rate_takes_nothing_from_another_d_121() {
    let house =
        House::start("client-per-second = 20\n", &wifi("directory = \"staff\"\nprimary = \"trusted\"\n"));
    let before = house.memory();
    let wifi = device(&house.lab, [127, 64, 0, 1]);
    const COUNT: usize = 4000;
    house.pour(
        &wifi.socket,
        COUNT,
        |_| wifi.request("bob", "123456", None),
        || {
            house.logs_in();
            heard(&wifi.socket, |_| ());
        },
    );
    house.is_as_before();
    let begun = house.lab.logins().iter().filter(|login| login["client"] == "wifi").count();
    let dropped = house.counted("dropped", "admission-client-rate");
    assert_eq!(begun + dropped, COUNT, "each is judged or counted");
    assert!(dropped > COUNT / 2, "{begun} were begun");
    assert_eq!(house.lines("admission-client-rate"), 1, "{}", house.lab.log());
    house.has_not_grown_since(before);
}

#[test]
fn passwords_of_one_client_wait_behind_each_other_and_before_nobody_elses_d_121() {
    let house = House::start(
        "client-per-second = 100000\nlogins-per-second = 100000\n",
        &wifi("directory = \"staff\"\ncode-entry = \"append\"\nlogin-timeout = \"5m\"\n"),
    );
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let wifi = device(&house.lab, [127, 64, 0, 1]);
    let judged = || house.lab.logins().iter().filter(|login| login["client"] == "wifi").count();
    // As many more as it takes until enough of them wait, however fast the machine judges passwords.
    let (mut count, mut before) = (0, 0);
    while count - before <= 8 * threads + 16 {
        assert!(count < 20_000, "{before} of {count}: they are judged as fast as they come");
        let made_up = |n| wifi.request(&format!("made-up-{}", count + n), "wrong 123456", None);
        house.pour(&wifi.socket, 150 * threads.min(12), made_up, || ());
        count += 150 * threads.min(12);
        before = judged();
    }
    house.logs_in();
    let meanwhile = judged() - before;
    assert!(meanwhile <= 8 * threads, "{meanwhile} of {} went before", count - before);
    wait(|| judged() == count, || format!("{} of {count} were judged", judged()));
    heard(&wifi.socket, |_| ());
    house.is_as_before();
}

/// A client whose upstream lets alice in and never answers about bob, of whom there can be 16 logins at once.
fn half_deaf() -> (House, RadiusServer) {
    let server = RadiusServer::start(|came| match is_from(came, "alice") {
        true => says(came, Code::AccessAccept, &[]),
        false => Vec::new(),
    });
    let client =
        "directory = \"staff\"\nprimary = \"upstream\"\nupstream = \"nps\"\ncode-entry = \"challenge\"\n";
    let tables = upstream(&server, "server-timeout = \"30s\"") + &wifi(client);
    (House::start("logins-per-client = 16\n", &tables), server)
}

#[test]
fn whoever_was_asked_is_heard_while_new_logins_fill_all_places_of_the_client_a_122_a_123() {
    let (house, server) = half_deaf();
    let wifi = device(&house.lab, [127, 64, 0, 1]);
    let asked: Vec<_> = (0..3).map(|_| once(&wifi, &wifi.request("alice", PASSWORD, None))).collect();
    assert!(asked.iter().all(|question| question.code == Code::AccessChallenge));
    const COUNT: usize = 400;
    let flooder = device(&house.lab, [127, 64, 0, 2]);
    let bob = |_| flooder.request("bob", PASSWORD, None);
    house.pour(&flooder.socket, COUNT, bob, || house.logs_in());
    assert_eq!(house.counted("dropped", "admission-client-full"), COUNT - 16, "the rest hears nothing");
    assert_eq!(house.lab.metric("doorward_logins_running "), 16);
    // No new one gets in there, and those who were asked get in with their first packet.
    let new = wifi.request("alice", PASSWORD, None);
    wifi.socket.send(&new).unwrap();
    wait(
        || house.counted("dropped", "admission-client-full") == COUNT - 16 + 1,
        || "a new login had to be dropped".into(),
    );
    for question in &asked {
        let answer = wifi.request("alice", &house.code(), Some(&question.state()));
        let reply = once(&wifi, &answer);
        assert_eq!(reply.code, Code::AccessAccept, "{}", house.lab.last_reason());
    }
    assert_eq!(house.lines("admission-client-full"), 1, "{}", house.lab.log());
    server.play(|came| says(came, Code::AccessReject, &[(REPLY_MESSAGE, b"no")]));
    house.is_as_before();
}

#[test]
fn conversations_that_are_begun_and_left_open_are_bounded_and_end_by_themselves_d_112() {
    let server = RadiusServer::start(|came| {
        says(came, Code::AccessChallenge, &[(STATE, b"theirs"), (EAP_MESSAGE, b"\x01\x07\x00\x06\x15\x20")])
    });
    let client = "directory = \"staff\"\nprimary = \"upstream\"\nupstream = \"nps\"\nmethods = [\"eap\"]\n\
                  eap-name = \"upstream\"\nchallenge-life = \"10s\"\n";
    let limits = "client-per-second = 100000\nlogins-per-second = 100000\n";
    let house = House::start(limits, &(upstream(&server, "") + &wifi(client)));
    let before = house.memory();
    let mut wifi = device(&house.lab, [127, 64, 0, 1]);
    // An identity, outside of any tunnel.
    wifi.extra = vec![(EAP_MESSAGE, b"\x02\x06\x00\x09\x01whoe".to_vec())];
    const COUNT: usize = 3000;
    let begin = |_| eap(&wifi);
    house.pour(&wifi.socket, COUNT, begin, || {
        house.answers();
        heard(&wifi.socket, |_| ());
    });
    let open = || house.lab.metric("doorward_questions_open ");
    wait(|| house.lab.metric("doorward_questions_total ") >= COUNT, || format!("{} are open", open()));
    house.has_not_grown_since(before);
    wait(|| open() == 0, || format!("{} stay open", open()));
    house.is_as_before();
}

/// An Access-Request with EAP and no password.
fn eap(device: &Appliance) -> Vec<u8> {
    use doorward::wire::radius::build::RequestBuilder;
    let mut authenticator = [0; 16];
    getrandom::fill(&mut authenticator).unwrap();
    let mut buffer = [0; MAX_LEN];
    let mut request =
        RequestBuilder::new(&mut buffer, Code::AccessRequest, authenticator[0], authenticator).unwrap();
    request.attribute(USER_NAME, b"whoever").unwrap();
    for (kind, value) in &device.extra {
        request.attribute(*kind, value).unwrap();
    }
    request.sign(&device.secret).unwrap().to_vec()
}

#[test]
fn a_directory_that_hangs_holds_up_its_own_client_and_nobody_else_d_121() {
    let silent = FakeDirectory::start(|_| Act::Hang);
    let directory = format!(
        "[[directory]]\nname = \"far\"\nkind = \"ldap\"\nservers = [\"127.0.0.1:{}\"]\ntls = \"none\"\n\
         base-dn = \"dc=lab,dc=test\"\nbind-dn = \"cn=service,dc=lab,dc=test\"\n\
         bind-password = {{ file = \"FOLDER/vpn.secret\" }}\nserver-timeout = \"30s\"\n",
        silent.port
    );
    // None of them is to end before all have come.
    let client = wifi("directory = \"far\"\ncode-entry = \"append\"\nlogin-timeout = \"5m\"\n");
    let house = House::start("logins-per-client = 64\n", &(directory + &client));
    let before = house.memory();
    let wifi = device(&house.lab, [127, 64, 0, 1]);
    const COUNT: usize = 2000;
    let someone = |n| wifi.request(&format!("somebody-{n}"), "secret 123456", None);
    house.pour(&wifi.socket, COUNT, someone, || house.logs_in());
    let (begun, dropped) = (
        house.lab.metric("doorward_logins_running "),
        house.counted("dropped", "admission-client-full") + house.counted("dropped", "admission-client-rate"),
    );
    assert_eq!((begun, dropped), (64, COUNT - 64));
    // However long they wait, it is the same for the others.
    (0..10).for_each(|_| house.logs_in());
    drop(silent);
    house.is_as_before();
    let lines = house.lab.log().lines().filter(|line| line.contains("\"level\":\"WARN\"")).count();
    assert!(lines < 16, "{lines} lines: {}", house.lab.log());
    house.has_not_grown_since(before);
}

/// An accounting record as bytes.
fn record(device: &Appliance, id: &str, user: &str) -> Vec<u8> {
    let mut buffer = [0; MAX_LEN];
    let identifier = id.bytes().fold(0, |sum: u8, octet| sum.wrapping_mul(31).wrapping_add(octet));
    let mut notice = NoticeBuilder::new(&mut buffer, Code::AccountingRequest, identifier).unwrap();
    notice.attribute(ACCT_STATUS_TYPE, &1u32.to_be_bytes()).unwrap();
    notice.attribute(ACCT_SESSION_ID, id.as_bytes()).unwrap();
    notice.attribute(USER_NAME, user.as_bytes()).unwrap();
    notice.sign(&device.secret).unwrap().to_vec()
}

/// Whether a record is acknowledged; it is sent once.
fn is_acknowledged(device: &Appliance, packet: &[u8]) -> bool {
    device.socket.send(packet).unwrap();
    let mut buffer = [0; MAX_LEN];
    let length = device.socket.recv(&mut buffer).unwrap_or_default();
    let reply = Packet::parse(&buffer[..length]);
    reply.is_ok_and(|reply| reply.code() == Code::AccountingResponse && reply.identifier() == packet[1])
}

#[test]
fn records_of_one_client_that_cannot_be_passed_on_leave_room_for_those_of_another_d_121() {
    let server = RadiusServer::start(|came| match is_from(came, "alice") {
        true => {
            let mut buffer = [0; MAX_LEN];
            let to = doorward::wire::radius::build::ReplyTo::from(&came.packet());
            let reply =
                doorward::wire::radius::build::ReplyBuilder::new(&mut buffer, Code::AccountingResponse, &to);
            vec![reply.unwrap().sign(&shared(SECRET)).unwrap().to_vec()]
        }
        false => Vec::new(),
    });
    let accounting = "[accounting]\nlisten = [\"127.0.0.1:0\"]\nrelay = \"nps\"\n";
    let port = format!("accounting-port = {}\nserver-timeout = \"30s\"\n", server.address.port());
    let house =
        House::start("", &[accounting, &upstream(&server, &port), &wifi("directory = \"staff\"\n")].concat());
    let line = house.lab.wait_for_event("accounting.listening");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let accounting: SocketAddr = line["address"].as_str().unwrap().parse().unwrap();
    let at = |address: [u8; 4]| {
        let socket = UdpSocket::bind((std::net::IpAddr::from(address), 0)).unwrap();
        socket.connect(accounting).unwrap();
        socket.set_read_timeout(Some(crate::lab::PATIENCE)).unwrap();
        Appliance { socket, ..Appliance::new(accounting, SECRET) }
    };
    const COUNT: usize = 2000;
    let counted = |outcome: &str, reason: &str| {
        house.lab.metric(&format!(
            "doorward_accounting_datagrams_total{{outcome=\"{outcome}\",reason=\"{reason}\"}} "
        ))
    };
    // Each from a socket of its own, or a record would take the place of the one before it.
    for n in 0..COUNT {
        let wifi = at([127, 64, 0, 1]);
        wifi.socket.send(&record(&wifi, &format!("wifi-{n}"), "bob")).unwrap();
        if n % 40 == 0 {
            wait(|| counted("received", "") >= n, || "packets were lost".into());
        }
    }
    wait(|| counted("received", "") == COUNT, || "packets were lost".into());
    for n in 0..32 {
        let vpn = at([127, 0, 0, 1]);
        assert!(is_acknowledged(&vpn, &record(&vpn, &format!("vpn-{n}"), "alice")), "record {n}");
    }
    assert_eq!(counted("sent", "accounting"), 32);
    assert!(counted("dropped", "unable") >= COUNT / 4, "the rest is dropped, and its device sends it again");
    house.is_as_before();
}
