//! What those see who look after directories and upstreams.

use crate::login::throttle::LockoutRule;
use crate::login::verdict::Fault;

/// A server of a directory or an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// Host and port.
    pub name: Box<str>,
    /// It answered when it was last asked, or was not asked yet.
    pub up: bool,
}

/// When one domain of a directory locks accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainLockout {
    /// DNS name of the domain.
    pub domain: Box<str>,
    /// Its own policy; a fault when it cannot be read.
    pub rule: Result<LockoutRule, Fault>,
    /// Its fine-grained policies that can be read, by name.
    pub finer: Vec<(Box<str>, LockoutRule)>,
}
