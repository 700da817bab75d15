//! Protocols that ask us.

pub mod radius;
