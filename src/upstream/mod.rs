//! Servers that we call, as one client for all parts that call them.

pub(crate) mod dns;
pub mod ldap;
pub mod radius;
pub(crate) mod srv;
