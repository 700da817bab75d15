//! Runs flows; knows no protocol.

pub mod admit;
pub mod alarm;
pub mod asker;
pub mod badge;
pub(in crate::gateway) mod digest;
pub mod drive;
pub(in crate::gateway) mod faults;
pub mod pending;
pub mod ports;
pub mod remember;
pub mod spray;
pub(in crate::gateway) mod strangers;
pub mod tally;
pub mod turns;
