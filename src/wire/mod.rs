//! Codecs: bytes to values and back; no I/O, no time, no policy.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod ldap;
pub mod proxy_protocol;
pub mod radius;
pub mod reader;
