//! The one RADIUS client: upstreams check credentials and take accounting through it, devices are told to end
//! sessions through it.
//!
//! From the outside in: [`Servers`] prefers one server and fails over to the next, a server has a health and a
//! [`Line`], a line has sockets and sends one request until it is answered, a socket pairs replies with requests.

mod health;
mod line;
mod pace;
pub mod passage;
mod request;
mod server;
mod servers;
mod settings;
mod socket;
mod trouble;
mod waiting;

pub use crate::upstream::radius::health::Standing;
pub use crate::upstream::radius::line::{Line, Response};
pub use crate::upstream::radius::pace::Pace;
pub use crate::upstream::radius::request::{Kind, Request};
pub use crate::upstream::radius::server::{Tally, Which};
pub use crate::upstream::radius::servers::{Servers, Status};
pub use crate::upstream::radius::settings::{MOST_SERVERS, Service, Settings};
pub use crate::upstream::radius::trouble::Trouble;
pub use crate::upstream::radius::waiting::Refused;
