//! Runs flows; knows no protocol.

pub mod ports;
