//! Libraries and logins that people's passwords go through, with a directory behind them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

#[path = "support/gateway.rs"]
mod gateway;
#[path = "ldap_people/java.rs"]
mod java;
#[path = "support/lab.rs"]
mod lab;
#[path = "ldap_people/python.rs"]
mod python;
#[path = "ldap_people/sssd.rs"]
mod sssd;
mod support;
#[path = "support/through.rs"]
mod through;
