//! Servers that we call, as one client for all parts that call them.

pub mod ldap;
