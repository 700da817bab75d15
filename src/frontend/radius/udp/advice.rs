//! What to do about packets that are dropped.

use crate::frontend::radius::counters::Dropped;

/// Whose move it is.
pub(super) const fn advice(why: Dropped) -> &'static str {
    match why {
        Dropped::UnknownClient => "no client is configured for this address",
        Dropped::Unsigned => {
            "it has no message-authenticator; update the device, or set message-authenticator for this client"
        }
        Dropped::WrongSignature => "its message-authenticator does not fit; compare the shared secrets",
        Dropped::UnsignedProxyState => {
            "it came through a proxy and has no message-authenticator; update the proxy"
        }
        Dropped::ProxyLoop => "it has passed too many proxies; look for two that send to each other",
        Dropped::UnsignedUnusable => {
            "it makes no sense and has no message-authenticator; compare the shared secrets"
        }
        _ => "see the reason's entry in the manual",
    }
}
