//! Sockets and TLS, without protocol.

pub mod http;
