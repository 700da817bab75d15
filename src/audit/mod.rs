//! One record per verdict, and per act of an administrator: one line of JSON each.

pub mod file;
mod record;

pub use record::{NetworkPrefix, write};
