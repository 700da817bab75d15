//! The finished program against FreeRADIUS' `radclient`.

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
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use lab::{Appliance, Lab, PASSWORD, PATIENCE, SECRET, SEED, quiet_step, totp};
use support::radclient::Radclient;

/// The program on `listen`, whose client may come from everywhere on loopback; `extra` are keys of the client.
fn gateway(listen: &str, extra: &str) -> Lab {
    let dir = lab::folder();
    let client = lab::client(dir.path(), extra).replace("\"127.0.0.0/8\"", "\"127.0.0.0/8\", \"::1\"");
    // A later file is laid over the lab's own.
    fs::create_dir(dir.path().join("conf.d")).unwrap();
    fs::write(dir.path().join("conf.d/listen.toml"), format!("[radius]\nlisten = [{listen}]\n")).unwrap();
    let tables = lab::staff(dir.path()) + &client;
    Lab::start_custom(dir, &tables)
}

#[test]
fn radclient_is_accepted_with_a_code_behind_a_separator() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let lab = gateway("\"127.0.0.1:0\"", "code-entry = \"separator\"\ncode-separator = \",\"");
    lab.enrol_totp("alice");
    let code = totp(SEED, quiet_step(15));
    let heard = radclient.log_in(lab.radius, "alice", &format!("{PASSWORD},000000"), "");
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    let heard = radclient.log_in(lab.radius, "alice", &format!("wrong,{code}"), "");
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    let heard = radclient.log_in(lab.radius, "alice", &format!("{PASSWORD},{code}"), "");
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    assert_eq!(lab.logins().len(), 3);
}

#[test]
fn radclient_is_asked_and_its_answer_with_the_state_is_accepted() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let lab = gateway("\"127.0.0.1:0\"", "");
    lab.enrol_totp("alice");
    let code = totp(SEED, quiet_step(15));
    let question = radclient.log_in(lab.radius, "alice", PASSWORD, "");
    assert!(question.is("Access-Challenge"), "{}", question.0);
    assert!(question.value("Reply-Message").contains("code"), "E-002");
    let state = format!("State = {}\n", question.value("State"));
    let answer = radclient.log_in(lab.radius, "alice", &code, &state);
    assert!(answer.is("Access-Accept"), "{}", answer.0);
    let question = radclient.log_in(lab.radius, "alice", "wrong", "");
    assert!(question.is("Access-Reject"), "a wrong password is not asked for a code: {}", question.0);
}

#[test]
fn radclient_hears_that_the_server_lives() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let lab = gateway("\"127.0.0.1:0\"", "");
    let heard = radclient.send(lab.radius, "status", "", 10);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    assert!(lab.logins().is_empty(), "A-131");
}

#[test]
fn radclient_with_another_secret_hears_nothing() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let lab = gateway("\"127.0.0.1:0\"", "");
    let stranger = radclient.with_secret("another secret of 32 octets, 654321");
    for (code, attributes) in [("auth", "User-Name = \"alice\"\nUser-Password = \"x\"\n"), ("status", "")] {
        let heard = stranger.send(lab.radius, code, attributes, 1);
        assert!(heard.nothing(), "{code}: {}", heard.0);
    }
    assert!(lab.logins().is_empty());
    lab.wait_for(|line| line.contains("message-authenticator-wrong"));
}

#[test]
fn radclient_is_accepted_over_ipv6() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    if UdpSocket::bind("[::1]:0").is_err() {
        return support::missing("there is no IPv6 loopback");
    }
    let lab = gateway("\"[::1]:0\"", "code-entry = \"separator\"");
    assert!(lab.radius.is_ipv6());
    lab.enrol_totp("alice");
    let code = totp(SEED, quiet_step(15));
    let heard = radclient.log_in(lab.radius, "alice", &format!("{PASSWORD},{code}"), "");
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    let heard = radclient.send(lab.radius, "status", "", 10);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
}

#[test]
fn answers_leave_from_the_address_that_was_asked_a_060() {
    let lab = gateway("\"0.0.0.0:0\"", "primary = \"trusted\"");
    assert!(lab.radius.ip().is_unspecified());
    for last in [1, 2, 77] {
        let asked = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), lab.radius.port()));
        let vpn = Appliance::new(asked, SECRET);
        let packet = vpn.request("alice", "123456", None);
        // One that would take an answer from anywhere.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        for copy in ["first", "repeated"] {
            socket.send_to(&packet, asked).unwrap();
            let mut buffer = [0; 4096];
            let (_, from) = socket.recv_from(&mut buffer).expect("an answer");
            assert_eq!(from, asked, "{copy}");
            assert_eq!(buffer[1], packet[1]);
        }
    }
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let asked = SocketAddr::from((IpAddr::from([127, 0, 0, 2]), lab.radius.port()));
    let heard = radclient.send(asked, "status", "", 10);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
}
