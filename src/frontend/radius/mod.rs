//! RADIUS (RFC 2865, RFC 3579, RFC 5997) over UDP.

pub mod address;
pub mod charset;
pub mod clients;
pub mod counters;
pub mod duplicates;
pub mod session;
pub mod socket;
pub mod translate;
pub mod udp;

#[cfg(test)]
mod lab;
