//! RADIUS (RFC 2865 and its family): packets, attributes, authenticators, hidden passwords.

pub mod attribute;
pub mod authenticator;
pub mod build;
pub mod chap;
pub mod code;
pub mod describe;
pub mod dictionary;
pub mod eap;
pub mod encode;
pub mod extended;
pub mod hidden;
pub mod mschap;
pub mod packet;
pub mod password;

#[cfg(test)]
mod vectors;
