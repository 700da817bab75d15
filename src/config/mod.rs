//! The TOML file: from text to settings, or to everything that is wrong with it.

mod accounting;
mod check;
mod client;
pub mod data;
mod demands;
mod directory;
mod domain;
mod drafted;
mod environment;
mod exemption;
mod expect;
mod fault;
pub mod file;
pub mod icalendar;
mod kept;
mod ldap;
mod limits;
mod lint;
mod listener;
mod load;
mod reach;
mod relayed;
mod reply;
mod rewrite;
mod rule;
mod secret;
mod sections;
mod sets;
pub mod settings;
mod show;
mod upstream;

pub use environment::Environment;
pub use kept::Kept;
pub use load::{Problems, Warning};
