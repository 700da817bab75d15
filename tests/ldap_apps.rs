//! Applications that people log in to, with a directory behind them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

#[path = "ldap_apps/active_directory.rs"]
mod active_directory;
#[path = "ldap_apps/apache.rs"]
mod apache;
#[path = "ldap_apps/dovecot.rs"]
mod dovecot;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/lab.rs"]
mod lab;
#[path = "ldap_apps/ldap_utils.rs"]
mod ldap_utils;
#[path = "ldap_apps/postgres.rs"]
mod postgres;
mod support;
#[path = "support/through.rs"]
mod through;
