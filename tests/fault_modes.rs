//! Fault modes in the finished program: its store fails for real, since its tables are no longer where they were.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "support/lab.rs"]
mod lab;

use std::time::Duration;

use doorward::wire::radius::dictionary::SESSION_TIMEOUT;
use doorward::wire::radius::packet::Code;
use lab::{Lab, PASSWORD, SEED, quiet_step, totp};

const MODE: &str = "
[[on-fault]]
name = \"store-move\"
owner = \"network team\"
reason = \"the store moves\"
client = [\"vpn\"]
valid-until = \"2099-12-31\"
then = \"first-factor-only\"
";

fn rename(lab: &Lab, from: &str, to: &str) {
    let store = rusqlite::Connection::open(lab.path("doorward.db")).unwrap();
    for table in ["subject", "failure"] {
        store.execute_batch(&format!("ALTER TABLE {table}{from} RENAME TO {table}{to}")).unwrap();
    }
}

/// Alice has logged in with a code, and then the store goes away. Bob has a factor and was never seen.
fn without_store(more: &str) -> Lab {
    let lab = Lab::start("", more);
    lab.enrol_totp("alice");
    lab.enrol_totp("bob");
    let vpn = lab.appliance();
    let question = vpn.ask("alice", PASSWORD);
    let code = totp(SEED, quiet_step(10));
    assert_eq!(vpn.answer("alice", &code, &question).code, Code::AccessAccept);
    rename(&lab, "", "_elsewhere");
    lab
}

#[test]
fn who_has_logged_in_gets_in_while_the_store_is_away_and_who_was_not_seen_does_not() {
    let lab = without_store(MODE);
    let vpn = lab.appliance();
    let reply = vpn.ask("alice", PASSWORD);
    assert_eq!(reply.code, Code::AccessAccept);
    assert!(reply.number(SESSION_TIMEOUT).is_some(), "no session outlives the mode");
    let login = lab.logins().pop().unwrap();
    assert_eq!((&login["reason"], &login["on_fault"]), (&"fault-first-factor".into(), &"store-move".into()));
    let line = lab.wait_for_event("alarm.fault-mode");
    assert!(line.contains("\"on_fault\":\"store-move\""), "{line}");
    let alarm = lab.audit().into_iter().find(|record| record["event"] == "alarm").unwrap();
    assert_eq!((&alarm["reason"], &alarm["on_fault"]), (&"fault-mode".into(), &"store-move".into()));
    lab.wait_for_page("/metrics", "doorward_alarms_total{kind=\"fault-mode\"} 1");

    assert_eq!(vpn.ask("alice", "wrong").code, Code::AccessReject);
    assert_eq!(lab.last_reason(), "wrong-password");
    vpn.hears_nothing(&vpn.request("bob", PASSWORD, None), Duration::from_millis(700));
    assert_eq!(lab.last_reason(), "store-unavailable");
    let told = lab.must(&["policy", "exemptions"], "");
    assert!(told.contains("fault mode \"store-move\"") && told.contains("let in 1, at "), "{told}");

    rename(&lab, "_elsewhere", "");
    let told = lab.must(&["explain", "--client", "vpn", "--user", "alice"], "");
    assert!(told.contains("fault mode \"store-move\": the first credential is enough"), "{told}");
    assert_eq!(vpn.ask("alice", PASSWORD).code, Code::AccessChallenge, "a code as ever");
}

#[test]
fn without_a_fault_mode_nobody_gets_in_while_the_store_is_away_d_117() {
    let lab = without_store("");
    let vpn = lab.appliance();
    vpn.hears_nothing(&vpn.request("alice", PASSWORD, None), Duration::from_millis(700));
    assert_eq!(lab.last_reason(), "store-unavailable");
    assert!(lab.audit().iter().all(|record| record["on_fault"].is_null()));
}
