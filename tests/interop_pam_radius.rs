//! The finished program asked by PAM: a Unix machine whose logins `pam_radius_auth` decides.

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

use lab::{Lab, PASSWORD, SEED, quiet_step, totp};
use support::pam_radius::PamRadius;

/// Without blanks, which the module cannot read.
const SECRET: &str = "a-lab-secret-of-32-octets,654321";

/// The program, where alice has a generator of codes, and a machine that asks it.
fn machine(client: &str, seconds: u8) -> Option<(Lab, PamRadius)> {
    let dir = lab::folder();
    lab::private_file(&dir.path().join("vpn.secret"), SECRET);
    let tables = lab::staff(dir.path()) + &lab::client(dir.path(), client);
    let lab = Lab::start_custom(dir, &tables);
    lab.enrol_totp("alice");
    let machine = PamRadius::ask(lab.radius, SECRET, seconds)?;
    Some((lab, machine))
}

#[test]
fn pam_radius_asks_for_the_code_and_lets_in_with_the_right_one() {
    let Some((lab, machine)) = machine("message-authenticator = \"auto\"", 20) else { return };
    let code = totp(SEED, quiet_step(15));
    let wrong = if code == "000000" { "000001" } else { "000000" };

    let end = machine.log_in("alice", &["not the password", &code]);
    assert!(!end.accepted, "{}", end.screen);
    assert!(!end.screen.contains("code"), "a wrong password is not asked for a code: {}", end.screen);
    assert_eq!(lab.last_reason(), "wrong-password");

    let end = machine.log_in("alice", &[PASSWORD, wrong]);
    assert!(!end.accepted, "{}", end.screen);
    assert!(end.screen.contains("code"), "the question of the program is on the screen: {}", end.screen);
    assert_eq!(lab.last_reason(), "wrong-code");

    let end = machine.log_in("alice", &[PASSWORD, &code]);
    assert!(end.accepted, "{}", end.screen);

    let end = machine.log_in("alice", &[PASSWORD, &code]);
    assert!(!end.accepted, "a code is good once: {}", end.screen);
}

#[test]
fn pam_radius_without_message_authenticator_is_not_answered_where_it_is_required_a_037() {
    let Some((lab, machine)) = machine("", 1) else { return };
    let end = machine.log_in("alice", &[PASSWORD]);
    assert!(!end.accepted, "{}", end.screen);
    assert!(lab.logins().is_empty());
    lab.wait_for(|line| line.contains("message-authenticator-missing"));
}
