//! Things without a domain. A file enters only when two parts need it.

pub mod bounded;
pub mod cidr;
pub mod clock;
pub mod owner;
pub mod problem;
pub mod random;
pub mod report;
pub mod secret;
pub mod shards;
pub mod spread;
pub mod stamp;
pub mod table;
pub mod text;
pub mod turnstile;
