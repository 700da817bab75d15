//! Protocols that ask us.

pub mod complaints;
pub mod ldap;
pub mod radius;
mod words;
