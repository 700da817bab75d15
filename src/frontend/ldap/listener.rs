//! Where applications are waited for, and how their connections are protected.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::cidr::Prefix;
use crate::net::tls::ServerTls;

/// A listener as configured.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// Its name in clients, log and metrics.
    pub name: Arc<str>,
    /// Its addresses; at least one.
    pub listen: Vec<SocketAddr>,
    /// How its connections are encrypted.
    pub encryption: Encryption,
    /// What becomes of a bind that came readable.
    pub plain: PlainBinds,
    /// Whose connections begin with a PROXY header, which tells where they really come from. Nobody else's may.
    pub proxies: Vec<Prefix>,
}

/// How the connections of a listener are encrypted (B-070).
#[derive(Debug, Clone)]
pub enum Encryption {
    /// Not at all.
    None,
    /// When the application asks for it.
    StartTls(ServerTls),
    /// From the first octet on.
    Tls(ServerTls),
}

impl Encryption {
    /// What is needed for TLS, where there is any.
    #[must_use]
    pub const fn tls(&self) -> Option<&ServerTls> {
        match self {
            Self::None => None,
            Self::StartTls(tls) | Self::Tls(tls) => Some(tls),
        }
    }
}

/// What becomes of a bind that came readable (B-028).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainBinds {
    /// It is refused.
    Refused,
    /// It is taken from this machine itself.
    Loopback,
}
