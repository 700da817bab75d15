//! Finds subjects and their groups; binds.

pub mod file;
pub mod ldap;
