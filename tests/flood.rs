//! Floods at the finished program: of packets that nobody can want, of what one client may send, of connections. Memory
//! and log stay bounded, what is dropped is counted by its reason, and the people of other clients get in (A-122, A-123,
//! D-112, D-121). What is asserted is counted; how long anything takes is for the bench.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "flood/clients.rs"]
mod clients;
#[path = "flood/connections.rs"]
mod connections;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/lab.rs"]
mod lab;
#[path = "flood/packets.rs"]
mod packets;
#[path = "support/raw_ldap.rs"]
mod raw_ldap;
mod support;
#[path = "support/watch.rs"]
mod watch;
#[path = "flood/world.rs"]
mod world;
