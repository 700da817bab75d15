//! Who checks a first credential that no directory of ours can: one module per kind of upstream.

pub mod radius;
