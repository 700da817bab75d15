//! Where addresses are.

use std::net::IpAddr;

use crate::login::policy::Place;

/// Tells the country and the autonomous system of an address.
pub trait Places: Send + Sync {
    /// Where `address` is, as far as that is known. An IPv4-mapped IPv6 address counts as IPv4.
    fn place(&self, address: IpAddr) -> Place;
}

/// Knows of no address where it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl Places for Nowhere {
    fn place(&self, _: IpAddr) -> Place {
        Place::NOWHERE
    }
}
