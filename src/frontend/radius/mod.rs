//! RADIUS (RFC 2865, RFC 3579, RFC 5997) over UDP.

pub mod accounting;
pub mod address;
pub mod answer;
pub mod charset;
pub mod clients;
pub mod counters;
pub mod duplicates;
mod granted;
pub mod method;
pub mod passing;
pub mod reply;
mod running;
pub mod session;
pub mod socket;
pub mod translate;
pub mod udp;

#[cfg(test)]
mod lab;
