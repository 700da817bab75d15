//! Protocols that ask us.

pub mod ldap;
pub mod radius;
