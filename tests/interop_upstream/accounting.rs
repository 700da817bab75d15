//! Sessions that devices tell of: passed on to FreeRADIUS, joined to the login, and ended at FreeRADIUS as the device.

use std::net::SocketAddr;

use crate::lab;
use crate::relayed::{Relayed, code};
use crate::support::freeradius::{self, NO_SUCH_SESSION, PASSWORD};
use crate::support::radclient::Heard;

/// The program with accounting that it passes on, and clients whose sessions it may end; the device's secret is
/// that of FreeRADIUS, which plays the device as well.
fn start() -> Option<(Relayed, SocketAddr)> {
    let relayed = Relayed::start_accounting()?;
    let line = relayed.lab.wait_for_event("accounting.listening");
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = value["address"].as_str().unwrap().parse().unwrap();
    Some((relayed, address))
}

/// What a device tells of a session: `Start`, `Interim-Update` or `Stop`.
fn tell(relayed: &Relayed, to: SocketAddr, what: &str, session: &str, class: &str) -> Heard {
    let device = relayed.server().disconnect.ip();
    let radclient = relayed.radclient.with_secret(freeradius::SECRET);
    radclient.send_unsigned(
        to,
        "acct",
        &format!(
            "User-Name = \"alice\"\nAcct-Status-Type = {what}\nAcct-Session-Id = \"{session}\"\nClass = {class}\n\
             NAS-IP-Address = {device}\nNAS-Port = 7\nAcct-Session-Time = 61\n\
             Packet-Src-IP-Address = {device}\n"
        ),
        5,
    )
}

/// A login of alice with her code; the Class that she gets.
fn class_of_a_login(relayed: &Relayed) -> String {
    let radclient = relayed.radclient.with_secret(freeradius::SECRET);
    let question = radclient.log_in(relayed.lab.radius, "alice", PASSWORD, "");
    let heard = radclient.log_in(relayed.lab.radius, "alice", &code(), &question.state());
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    heard.value("Class")
}

#[test]
fn a_session_is_passed_on_joined_to_its_login_and_ended_at_the_device() {
    let Some((relayed, accounting)) = start() else { return };
    let class = class_of_a_login(&relayed);
    let heard = tell(&relayed, accounting, "Start", "s-1", &class);
    assert!(heard.is("Accounting-Response"), "{}", heard.0);
    let detail = relayed.server().detail();
    assert!(detail.contains("Acct-Session-Id = \"s-1\"") && detail.contains(&class), "{detail}");
    let sessions = |lab: &lab::Lab| {
        lab.audit().into_iter().filter(|record| record["event"] == "session").collect::<Vec<_>>()
    };
    let begun = sessions(&relayed.lab);
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert_eq!(begun[0]["subject"], relayed.lab.logins()[0]["subject"], "A-080: {begun:?}");
    assert_eq!(begun[0]["attempt"], relayed.lab.logins()[0]["attempt"], "A-080: {begun:?}");

    let said = relayed.lab.must(&["subject", "disconnect", "--directory", "staff", "--user", "alice"], "");
    assert!(said.contains("ended"), "{said}");
    relayed.server().wait_for(0, "Received Disconnect-Request");
    relayed.server().wait_for(0, "Acct-Session-Id = \"s-1\"");
    relayed.server().wait_for(0, "Sent Disconnect-ACK");
}

#[test]
fn a_session_that_the_device_does_not_know_counts_as_ended() {
    let Some((relayed, accounting)) = start() else { return };
    let class = class_of_a_login(&relayed);
    assert!(tell(&relayed, accounting, "Start", NO_SUCH_SESSION, &class).is("Accounting-Response"));
    let said = relayed.lab.must(&["subject", "disconnect", "--directory", "staff", "--user", "alice"], "");
    assert!(said.contains("ended it before"), "{said}");
    relayed.server().wait_for(0, "Sent Disconnect-NAK");
    let said = relayed.lab.must(&["subject", "disconnect", "--directory", "staff", "--user", "alice"], "");
    assert!(said.contains("no session is open"), "{said}");
}

#[test]
fn a_record_that_the_upstream_did_not_take_is_not_acknowledged_a_134() {
    let Some((mut relayed, accounting)) = start() else { return };
    let class = class_of_a_login(&relayed);
    relayed.servers[0].stop();
    let heard = tell(&relayed, accounting, "Start", "s-2", &class);
    assert!(!heard.is("Accounting-Response"), "{}", heard.0);
    assert!(relayed.servers[0].run());
    let until_it_is_taken =
        (0..10).find(|_| tell(&relayed, accounting, "Start", "s-2", &class).is("Accounting-Response"));
    assert!(until_it_is_taken.is_some(), "{}", relayed.lab.log());
    assert!(relayed.server().detail().contains("Acct-Session-Id = \"s-2\""));
}
