//! Decides one login. Pure: what happened goes in, what must happen next comes out; no sockets, no clock,
//! no randomness, no protocol.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod attempt;
pub mod client;
pub mod credential;
pub mod explain;
pub mod factor;
pub mod flow;
pub mod identity;
pub mod policy;
pub mod relay;
pub mod rename;
pub mod step;
pub mod telling;
pub mod throttle;
pub mod verdict;
