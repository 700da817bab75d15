//! What connections may cost (B-003, B-010).

use std::time::Duration;

/// The limits of all LDAP listeners together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LdapLimits {
    /// Connections at once, all listeners together.
    pub connections: usize,
    /// Connections at once from one address (IPv6: from one /64).
    pub connections_per_source: usize,
    /// From the connection to the end of its first message, the handshake of TLS included.
    pub first_message: Duration,
    /// From the first octet of a message to its last.
    pub message: Duration,
    /// Without an octet from either side, whether or not an operation runs: a silent directory must not hold a
    /// connection for ever.
    pub idle: Duration,
    /// How long a peer may take no octet of what we have for it.
    pub write: Duration,
    /// Longest message before a successful bind, in octets.
    pub size_before_bind: usize,
    /// Longest message after it, in octets.
    pub size: usize,
    /// Operations of one connection that wait for their answers.
    pub operations: usize,
}

impl Default for LdapLimits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_source: 2_000,
            first_message: Duration::from_secs(10),
            message: Duration::from_secs(30),
            idle: Duration::from_secs(900),
            write: Duration::from_secs(30),
            size_before_bind: 64 * 1024,
            size: 4 * 1024 * 1024,
            operations: 100,
        }
    }
}
