//! The one LDAP client: directories look accounts up and check passwords with it, front ends pass on what a person
//! asks.

mod advice;
mod bound;
mod change;
pub(crate) mod connection;
pub(crate) mod dial;
pub(crate) mod discovery;
mod driver;
mod link;
mod pages;
pub(crate) mod pool;
mod roster;
pub(crate) mod server;
pub(crate) mod trouble;

pub use crate::upstream::ldap::bound::{Bare, Bound};
pub use crate::upstream::ldap::dial::Endpoint;
