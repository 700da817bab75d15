//! What rules do, as devices and applications see it: the finished program where time does not matter, and the program
//! put together in the test with a clock moved by hand where it does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "policy_wire/calendars.rs"]
mod calendars;
#[path = "policy_wire/code_first.rs"]
mod code_first;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "policy_wire/history.rs"]
mod history;
#[path = "support/house.rs"]
mod house;
#[path = "support/lab.rs"]
mod lab;
#[path = "support/mmdb.rs"]
mod mmdb;
#[path = "policy_wire/offers.rs"]
mod offers;
#[path = "policy_wire/outcomes.rs"]
mod outcomes;
#[path = "policy_wire/places.rs"]
mod places;
#[path = "support/raw_ldap.rs"]
mod raw_ldap;
#[path = "policy_wire/remembered.rs"]
mod remembered;
#[path = "policy_wire/site.rs"]
mod site;
mod support;
#[path = "policy_wire/validity.rs"]
mod validity;
