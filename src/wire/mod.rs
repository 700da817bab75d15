//! (see lib.rs)
pub mod radius;
pub mod ldap;
