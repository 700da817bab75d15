//! Where accounts and groups come from: one module per kind of directory.

pub mod ldap;
