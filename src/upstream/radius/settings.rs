//! What is to be known about an upstream before it can be asked.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::upstream::radius::pace::Pace;
use crate::wire::radius::authenticator::SharedSecret;

/// Most servers of one upstream.
pub const MOST_SERVERS: usize = 8;

/// What the servers listen for at these ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Access-Request.
    Access,
    /// Accounting-Request.
    Accounting,
}

/// An upstream: servers that know the same accounts.
#[derive(Clone)]
pub struct Settings {
    /// Its name, for faults and logs.
    pub name: Arc<str>,
    /// Addresses and ports in the order of preference; those behind the eighth are left out.
    pub servers: Vec<SocketAddr>,
    /// The secret shared with all of them.
    pub secret: SharedSecret,
    /// Replies must carry Message-Authenticator.
    pub signed_only: bool,
    /// What its port is for.
    pub service: Service,
    /// Ask for signs of life by Status-Server (RFC 5997).
    pub status_server: bool,
    /// NAS-Identifier of our own requests, and of others' that have none; at most 253 bytes.
    pub nas_identifier: Box<str>,
    /// The rhythm.
    pub pace: Pace,
}
