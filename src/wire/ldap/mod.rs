//! LDAP (RFC 4511) as borrowed slices: nothing is copied to be read, and what we do not look into can be
//! passed on byte by byte.

pub mod ber;
pub mod dn;
pub mod filter;
pub mod frame;
pub mod message;
pub mod request;
pub mod result;
