//! What must survive a restart: the registry of stores, and the sealing of what lies in them.

pub mod seal;
pub mod sqlite;
