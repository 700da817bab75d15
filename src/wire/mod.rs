//! (see lib.rs)
pub mod ldap;
pub mod radius;
