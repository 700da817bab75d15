//! The finished program in front of FreeRADIUS, which alone knows the passwords.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "interop_upstream/accounting.rs"]
mod accounting;
#[path = "interop_upstream/eap.rs"]
mod eap;
#[path = "support/lab.rs"]
mod lab;
#[path = "interop_upstream/ms_chap.rs"]
mod ms_chap;
#[allow(dead_code, reason = "shared with others")]
#[path = "support/mschap.rs"]
mod mschap;
#[path = "support/mschap_login.rs"]
mod mschap_login;
#[path = "interop_upstream/outage.rs"]
mod outage;
#[path = "interop_upstream/pap.rs"]
mod pap;
#[path = "interop_upstream/relayed.rs"]
mod relayed;
#[path = "interop_upstream/reply.rs"]
mod reply;
mod support;
