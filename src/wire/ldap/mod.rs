//! LDAP (RFC 4511) as borrowed slices: nothing is copied to be read, and what we do not look into can be
//! passed on byte by byte.

pub mod answer;
pub mod ask;
pub mod ber;
mod control;
pub mod dn;
pub mod filter;
pub mod frame;
mod kind;
pub mod message;
pub mod passage;
pub mod request;
pub mod result;
mod walk;
