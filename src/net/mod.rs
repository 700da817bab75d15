//! Sockets, TLS and certificates, without protocol.

pub mod certificate;
pub mod http;
pub mod tls;
