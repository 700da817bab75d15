//! The command line.

pub mod appliance;
pub mod exit;
