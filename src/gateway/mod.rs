//! Runs flows; knows no protocol.

pub mod admit;
pub mod asker;
pub mod badge;
pub mod drive;
pub mod pending;
pub mod ports;
pub mod remember;
pub mod tally;
pub mod turns;
