//! The one LDAP client: directories look accounts up and check passwords with it, front ends pass on what a person
//! asks.

pub(crate) mod connection;
pub(crate) mod dial;
pub(crate) mod pool;
pub(crate) mod server;
pub(crate) mod trouble;
