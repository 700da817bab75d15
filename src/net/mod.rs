//! Sockets and TLS, without protocol.

pub mod http;
pub mod tls;
