//! The one LDAP client: directories look accounts up and check passwords with it, front ends pass on what a person
//! asks.

mod bound;
pub(crate) mod connection;
pub(crate) mod dial;
mod driver;
pub(crate) mod pool;
pub(crate) mod server;
pub(crate) mod trouble;

pub use crate::upstream::ldap::bound::{Bare, Bound};
pub use crate::upstream::ldap::dial::Endpoint;
