//! Puts it together.

pub mod logging;
pub mod metrics;
pub mod notify;
