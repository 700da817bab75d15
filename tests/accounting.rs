//! Accounting at the finished program: which sessions are open, whose they are, and how they are ended.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "support/lab.rs"]
mod lab;
mod support;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex};

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::secret::Secret;
use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::build::{NoticeBuilder, ReplyBuilder, ReplyTo};
use doorward::wire::radius::dictionary::{
    ACCT_SESSION_ID, ACCT_STATUS_TYPE, CLASS, ERROR_CAUSE, NAS_IDENTIFIER, USER_NAME,
};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};
use lab::{Appliance, Lab, PASSWORD, PATIENCE, SECRET, text};
use serde_json::Value;
use support::radclient::Radclient;

/// A rule that lets alice and bob in with their password.
const PASSWORD_IS_ENOUGH: &str = "[[rule]]\nname = \"all\"\nthen = \"none\"\n";

fn shared(text: &str) -> SharedSecret {
    SharedSecret::new(Secret::copied(text.as_bytes())).unwrap()
}

/// The program with accounting, and where that is answered; `more` are tables in which `FOLDER` is the lab's.
fn gateway(client_extra: &str, accounting: &str, more: &str) -> (Lab, SocketAddr) {
    let dir = lab::folder();
    let accounting = format!("[accounting]\nlisten = [\"127.0.0.1:0\"]\n{accounting}\n{PASSWORD_IS_ENOUGH}");
    let known = lab::staff(dir.path()) + &lab::client(dir.path(), client_extra);
    let tables = accounting + &known + &more.replace("FOLDER", dir.path().to_str().unwrap());
    let lab = Lab::start_custom(dir, &tables);
    let line = lab.wait_for_event("accounting.listening");
    let value: Value = serde_json::from_str(&line).unwrap();
    let address = value["address"].as_str().unwrap().parse().unwrap();
    (lab, address)
}

/// Logs `user` in; the note in the accept.
fn class(lab: &Lab, user: &str) -> Vec<u8> {
    let reply = lab.appliance().ask(user, PASSWORD);
    assert_eq!(reply.code, Code::AccessAccept);
    Packet::parse(&reply.bytes).unwrap().find(CLASS).expect("a Class").to_vec()
}

/// An accounting record as bytes.
fn record(status: u32, id: &str, class: &[u8]) -> Vec<u8> {
    let mut buffer = [0; MAX_LEN];
    let mut notice = NoticeBuilder::new(&mut buffer, Code::AccountingRequest, 7).unwrap();
    notice.attribute(ACCT_STATUS_TYPE, &status.to_be_bytes()).unwrap();
    notice.attribute(ACCT_SESSION_ID, id.as_bytes()).unwrap();
    notice.attribute(CLASS, class).unwrap();
    notice.attribute(USER_NAME, b"alice").unwrap();
    notice.attribute(NAS_IDENTIFIER, b"fw").unwrap();
    notice.sign(&shared(SECRET)).unwrap().to_vec()
}

/// Sends a record and waits until it is acknowledged; such a reply is proven by its authenticator alone.
fn account(to: SocketAddr, status: u32, id: &str, class: &[u8]) {
    acknowledged(&Appliance::new(to, SECRET), &record(status, id, class));
}

fn acknowledged(device: &Appliance, packet: &[u8]) {
    device.socket.send(packet).unwrap();
    let mut buffer = [0; MAX_LEN];
    let length = device.socket.recv(&mut buffer).expect("an acknowledgement in time");
    let reply = Packet::parse(&buffer[..length]).unwrap();
    let authenticator: [u8; 16] = packet[4..20].try_into().unwrap();
    device.secret.check_reply(&reply, &authenticator, false).expect("an authentic reply");
    assert_eq!((reply.code(), reply.identifier()), (Code::AccountingResponse, packet[1]));
}

/// Records of sessions in the audit.
fn sessions(lab: &Lab) -> Vec<Value> {
    lab.audit().into_iter().filter(|record| record["event"] == "session").collect()
}

#[test]
fn a_login_is_joined_to_its_session_from_start_to_stop_and_nobody_is_named_a_080() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let (lab, accounting) = gateway("", "", "");
    let class = data_encoding::HEXLOWER.encode(&class(&lab, "alice"));
    let attributes = |status: &str, more: &str| {
        format!(
            "Acct-Status-Type = {status}\nAcct-Session-Id = \"0001\"\nUser-Name = \"alice\"\nClass = 0x{class}\n\
             NAS-Identifier = \"fw\"\nCalling-Station-Id = \"203.0.113.9\"\n{more}"
        )
    };
    for status in ["Start", "Interim-Update"] {
        let heard = radclient.send_unsigned(accounting, "acct", &attributes(status, ""), 30);
        assert!(heard.is("Accounting-Response"), "{}", heard.0);
    }
    let shown: Value =
        serde_json::from_str(&lab.must(&["subject", "show", "--user", "alice", "--json"], "")).unwrap();
    let login = &lab.logins()[0];
    assert_eq!(shown["sessions"][0]["client"], "vpn");
    assert_eq!(shown["sessions"][0]["attempt"], login["attempt"]);
    assert!(lab.must(&["subject", "show", "--user", "alice"], "").contains("session at vpn since "));
    lab.wait_for_page("/metrics", "doorward_sessions_open 1\n");

    let counts = "Acct-Session-Time = 90\nAcct-Input-Octets = 10\nAcct-Output-Octets = 20\n";
    let heard = radclient.send_unsigned(accounting, "acct", &attributes("Stop", counts), 30);
    assert!(heard.is("Accounting-Response"), "{}", heard.0);
    let records = sessions(&lab);
    assert_eq!(records.len(), 2, "{records:?}");
    for (record, stage) in records.iter().zip(["start", "stop"]) {
        assert_eq!((&record["stage"], &record["reason"]), (&Value::from(stage), &Value::from(stage)));
        assert_eq!((&record["subject"], &record["attempt"]), (&login["subject"], &login["attempt"]));
        assert_eq!(record["network"], "203.0.113.9");
    }
    let stop = &records[1];
    assert_eq!((&stop["octets_from_user"], &stop["octets_to_user"]), (&10.into(), &20.into()));
    assert_eq!(stop["elapsed_ms"], 90_000.0);
    let metrics = lab.wait_for_page("/metrics", "doorward_sessions_open 0\n");
    assert!(
        metrics.contains("doorward_accounting_datagrams_total{outcome=\"sent\",reason=\"accounting\"} 3\n")
    );
    let everything = lab.log() + &fs::read_to_string(lab.path("audit.jsonl")).unwrap();
    assert!(!everything.contains("alice"), "F-007");
}

#[test]
fn radclient_with_another_secret_is_not_acknowledged_and_a_login_is_none_here_a_134() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let (lab, accounting) = gateway("", "", "");
    let stranger = radclient.with_secret("another secret of 32 octets, 654321");
    let attributes = "Acct-Status-Type = Start\nAcct-Session-Id = \"1\"\n";
    assert!(stranger.send_unsigned(accounting, "acct", attributes, 1).nothing());
    lab.wait_for(|line| line.contains("accounting.dropped") && line.contains("message-authenticator-wrong"));
    let heard = radclient.send(accounting, "auth", "User-Name = \"alice\"\nUser-Password = \"x\"\n", 1);
    assert!(heard.nothing(), "{}", heard.0);
    let heard = radclient.send(accounting, "disconnect", "Acct-Session-Id = \"1\"\n", 1);
    assert!(heard.nothing(), "A-137: {}", heard.0);
    let page = lab.page("/metrics");
    assert!(
        page.contains(
            "doorward_accounting_datagrams_total{outcome=\"dropped\",reason=\"unexpected-code\"} 2\n"
        )
    );
    let heard = radclient.send(accounting, "status", "", 30);
    assert!(heard.is("Accounting-Response"), "A-131: {}", heard.0);
    assert!(sessions(&lab).is_empty() && lab.logins().is_empty());
}

#[test]
fn without_room_for_a_record_nothing_is_acknowledged_and_the_copy_is_a_134() {
    let (lab, accounting) = gateway("", "", "");
    let class = class(&lab, "alice");
    lab.edit_config(lab.path("audit.jsonl").to_str().unwrap(), "/dev/full");
    lab.signal("HUP");
    lab.wait_for_event("daemon.reloaded");
    let device = Appliance::new(accounting, SECRET);
    let start = record(1, "1", &class);
    device.hears_nothing(&start, std::time::Duration::from_millis(300));
    lab.wait_for(|line| line.contains("accounting.fault") && line.contains("audit-unavailable"));
    lab.edit_config("/dev/full", lab.path("audit.jsonl").to_str().unwrap());
    lab.signal("HUP");
    lab.wait_for(|line| line.contains("daemon.reloaded") && line.contains("\"reloads\":2"));
    acknowledged(&device, &start);
    assert_eq!(sessions(&lab).len(), 1, "it was kept once");
}

/// A server for accounting that acknowledges what comes when it is told to, and keeps it.
struct Upstream {
    address: SocketAddr,
    heard: Arc<(Mutex<Vec<Vec<u8>>>, Condvar)>,
}

/// Takes packets of one kind at a socket and answers each as `answer` says.
fn server(
    secret: &'static str,
    code: Code,
    answer: impl Fn(usize) -> Option<(Code, Option<u32>)> + Send + 'static,
) -> Upstream {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let heard: Arc<(Mutex<Vec<Vec<u8>>>, Condvar)> = Arc::default();
    let seen = heard.clone();
    std::thread::spawn(move || {
        let key = shared(secret);
        loop {
            let mut bytes = [0; MAX_LEN];
            let Ok((length, from)) = socket.recv_from(&mut bytes) else { return };
            let packet = Packet::parse(&bytes[..length]).unwrap();
            if packet.code() != code {
                continue;
            }
            assert!(key.proves_notice(&packet), "signed as accounting is");
            let count = {
                let mut all = seen.0.lock().unwrap();
                all.push(bytes[..length].to_vec());
                seen.1.notify_all();
                all.len()
            };
            let Some((code, cause)) = answer(count) else { continue };
            let (mut buffer, to) = ([0; MAX_LEN], ReplyTo::from(&packet));
            let mut reply = ReplyBuilder::new(&mut buffer, code, &to).unwrap();
            if let Some(cause) = cause {
                reply.attribute(ERROR_CAUSE, &cause.to_be_bytes()).unwrap();
            }
            socket.send_to(reply.sign(&key).unwrap(), from).unwrap();
        }
    });
    Upstream { address, heard }
}

impl Upstream {
    /// Waits for the n-th packet that it gets, counted from 1.
    fn wait_for(&self, n: usize) -> Vec<u8> {
        let until = SystemClock.now().steady + PATIENCE;
        let mut all = self.heard.0.lock().unwrap();
        while all.len() < n {
            let left = until.saturating_duration_since(SystemClock.now().steady);
            assert!(!left.is_zero(), "packet {n} never came");
            all = self.heard.1.wait_timeout(all, left).unwrap().0;
        }
        all[n - 1].clone()
    }

    fn count(&self) -> usize {
        self.heard.0.lock().unwrap().len()
    }
}

#[test]
fn a_record_that_is_passed_on_is_acknowledged_when_the_server_behind_has_it_a_134() {
    let behind =
        server(SECRET, Code::AccountingRequest, |n| (n > 1).then_some((Code::AccountingResponse, None)));
    let upstream = format!(
        "[[upstream]]\nname = \"books\"\nservers = [\"127.0.0.1\"]\naccounting-port = {}\nsecret = {{ file = \"FOLDER/vpn.secret\" }}\n\
         status-server = false\n",
        behind.address.port()
    );
    let (lab, accounting) = gateway("", "relay = \"books\"", &upstream);
    let class = class(&lab, "alice");
    // The server does not answer the first copy: the device hears only after the second.
    account(accounting, 1, "0001", &class);
    assert_eq!(behind.count(), 2);
    let passed = behind.wait_for(2);
    let passed = Packet::parse(&passed).unwrap();
    assert_eq!(passed.find(CLASS), Some(&class[..]), "the note goes on as it is");
    assert_eq!(passed.find(ACCT_SESSION_ID), Some(&b"0001"[..]));
    assert_eq!(sessions(&lab).len(), 1);
    // What is not ours is passed on as well, and nothing is kept of it.
    account(accounting, 1, "0002", b"another");
    assert_eq!(behind.count(), 3);
    assert_eq!(sessions(&lab).len(), 1);
}

/// The program whose devices take orders at `port`, with two open sessions of alice.
fn with_sessions(port: u16) -> (Lab, SocketAddr) {
    let (lab, accounting) = gateway(&format!("disconnect-port = {port}"), "", "");
    let class = class(&lab, "alice");
    for id in ["0001", "0002"] {
        account(accounting, 1, id, &class);
    }
    (lab, accounting)
}

#[test]
fn subject_disconnect_ends_all_sessions_at_their_device_and_says_so_a_136() {
    let device = server(SECRET, Code::DisconnectRequest, |_| Some((Code::DisconnectAck, None)));
    let (lab, accounting) = with_sessions(device.address.port());
    let said = lab.must(&["subject", "disconnect", "--user", "alice", "--json"], "");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["sessions"].as_array().unwrap().len(), 2, "{said}");
    assert!(said["sessions"].as_array().unwrap().iter().all(|session| session["fate"] == "ended"));
    let mut ids: Vec<Vec<u8>> = (1..=2)
        .map(|n| Packet::parse(&device.wait_for(n)).unwrap().find(ACCT_SESSION_ID).unwrap().to_vec())
        .collect();
    ids.sort();
    assert_eq!(ids, [b"0001", b"0002"]);
    assert_eq!(lab.must(&["subject", "disconnect", "--user", "alice"], ""), "no session is open\n");
    let acts: Vec<Value> =
        lab.audit().into_iter().filter(|record| record["event"] == "admin.disconnect").collect();
    let reasons: Vec<&str> = acts.iter().map(|act| act["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["asked", "all-ended", "asked", "nothing-there"]);
    // The device tells of the end afterwards, which is the end of the session in the audit, too.
    let class = Packet::parse(&device.wait_for(1)).unwrap().find(CLASS).map(<[u8]>::to_vec);
    assert_eq!(class, None, "the note is no business of an order");
    account(accounting, 2, "0001", b"");
}

#[test]
fn a_session_that_may_still_be_open_is_told_by_the_exit_code_and_stays_known_a_138() {
    let device = server(SECRET, Code::DisconnectRequest, |n| {
        Some(if n == 1 { (Code::DisconnectAck, None) } else { (Code::DisconnectNak, Some(501)) })
    });
    let (lab, _) = with_sessions(device.address.port());
    let output = lab.command(&["subject", "disconnect", "--user", "alice"], "");
    assert_eq!(output.status.code(), Some(69), "{}", text(&output));
    let said = text(&output);
    assert!(
        said.contains(": ended") && said.contains("refused: Administratively-Prohibited (501)"),
        "{said}"
    );
    assert!(said.contains("1 of 2 sessions may still be open"), "{said}");
    let shown = lab.must(&["subject", "show", "--user", "alice"], "");
    assert_eq!(shown.matches("session at vpn").count(), 1, "{shown}");
}

#[test]
fn who_is_forgotten_or_loses_a_factor_loses_the_sessions_too_a_139() {
    let device = server(SECRET, Code::DisconnectRequest, |_| Some((Code::DisconnectAck, None)));
    let (lab, accounting) = with_sessions(device.address.port());
    lab.enrol_totp("alice");
    let list: Value =
        serde_json::from_str(&lab.must(&["factor", "list", "--user", "alice", "--json"], "")).unwrap();
    let id = list[0]["id"].as_str().unwrap().to_owned();
    let said = lab.must(&["factor", "revoke", "--user", "alice", "--id", &id], "");
    assert!(said.starts_with("revoked\n") && said.matches(": ended\n").count() == 2, "{said}");
    assert_eq!(device.count(), 2);

    let class = class(&lab, "alice");
    account(accounting, 1, "0003", &class);
    lab.enrol_totp("alice");
    let list: Value =
        serde_json::from_str(&lab.must(&["factor", "list", "--user", "alice", "--json"], "")).unwrap();
    let id = list[0]["id"].as_str().unwrap().to_owned();
    lab.must(&["factor", "revoke", "--user", "alice", "--id", &id, "--keep-sessions"], "");
    assert_eq!(device.count(), 2, "they were to be left alone");
    let said = lab.must(&["subject", "forget", "--user", "alice", "--yes"], "");
    assert!(said.starts_with("forgotten\n") && said.contains(": ended\n"), "{said}");
    assert_eq!(device.count(), 3);
}

#[test]
fn a_device_that_takes_no_orders_is_named_and_the_subject_is_forgotten_all_the_same() {
    let (lab, accounting) = gateway("", "", "");
    let class = class(&lab, "alice");
    account(accounting, 1, "0001", &class);
    let output = lab.command(&["subject", "forget", "--user", "alice", "--yes"], "");
    assert!(output.status.success(), "{}", text(&output));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("may still be open") && said.contains("disconnect-port"), "{said}");
    lab.wait_for_page("/metrics", "doorward_sessions_open 0\n");
}

#[test]
fn open_sessions_outlive_a_restart_and_a_reload_may_move_the_sockets() {
    let (mut lab, accounting) = gateway("", "", "");
    let class = class(&lab, "alice");
    account(accounting, 1, "0001", &class);
    lab.end("TERM");
    lab.run();
    assert!(lab.must(&["subject", "show", "--user", "alice"], "").contains("session at vpn"));
    lab.edit_config("[accounting]\nlisten = [\"127.0.0.1:0\"]\n", "");
    lab.signal("HUP");
    lab.wait_for_event("daemon.reloaded");
    lab.wait_for_event("accounting.closed");
    let reply = lab.appliance().ask("bob", PASSWORD);
    assert!(!Packet::parse(&reply.bytes).unwrap().has(CLASS), "nobody would bring the note back");
}
