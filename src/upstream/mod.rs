//! Servers that we call, as one client for all parts that call them.

pub(crate) mod dns;
pub mod ldap;
pub(crate) mod srv;
