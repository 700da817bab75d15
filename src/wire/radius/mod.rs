//! RADIUS (RFC 2865 and its family): packets, attributes, authenticators, hidden passwords.

pub mod attribute;
pub mod authenticator;
pub mod build;
pub mod describe;
pub mod dictionary;
pub mod extended;
pub mod hidden;
pub mod packet;
pub mod password;

#[cfg(test)]
mod vectors;
