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
        Dropped::Shed => "more new logins come than get done; look how busy the threads named worker are",
        Dropped::AdmissionStoreBehind => {
            "logins wait to be written; look at the disk of the store and of the audit"
        }
        Dropped::AdmissionFull
        | Dropped::AdmissionClientFull
        | Dropped::AdmissionClientRate
        | Dropped::AdmissionSourceRate
        | Dropped::AdmissionSourceFull
        | Dropped::AdmissionRealmRate
        | Dropped::AdmissionRate => {
            "a login was turned away by one of the [limits]; the manual says by which, and how many the metrics count"
        }
        _ => "see the reason's entry in the manual",
    }
}
