//! What the tests stand on: real servers and hostile ones, each on loopback, each gone when its value is.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "test code; no test uses all of it"
)]

pub mod apache;
pub mod authority;
pub mod counting;
pub mod dns;
pub mod dovecot;
pub mod eapol;
pub mod fake_directory;
pub mod freeradius;
pub mod java;
pub mod ldap;
pub mod ldap_app;
pub mod ldap_utils;
pub mod pam_radius;
pub mod postgres;
pub mod python;
pub mod radclient;
pub mod radius_server;
pub mod samba;
pub mod slapd;
pub mod slow;
pub mod sssd;
pub mod terminal;
pub mod upstream;

use std::path::PathBuf;

/// Where a program of the outside is.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin:/sbin";
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Where a program of the outside is, that a test talks to. When it is not installed the test says so, and
/// fails where `CI` is set; Rust has no other way to skip.
pub fn peer(program: &str) -> Option<PathBuf> {
    let found = find(program);
    if found.is_none() {
        missing(&format!("{program} is not installed"));
    }
    found
}

/// Says that a test was not done, and why.
pub fn missing(why: &str) {
    eprintln!("NOT TESTED: {why}");
    assert!(std::env::var_os("CI").is_none(), "{why}, and CI must test everything");
}
