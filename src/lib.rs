//! Doorward keeps the door: a daemon between those who ask (VPN appliances over RADIUS, applications over LDAP) and
//! those who know (Active Directory, LDAP, RADIUS servers, its own files). Nobody passes on one word alone.
//!
//! The parts and who may use whom are drawn in `docs/architecture.md` and guarded by
//! `tests/architecture.rs`.

/// One record per verdict.
pub mod audit;
/// Things without a domain: clocks, randomness, secrets, prefixes, bounded maps.
pub mod base;
/// The command line.
pub mod cli;
/// The TOML file.
pub mod config;
/// Puts it together.
pub mod daemon;
/// Finds subjects and their groups; binds.
pub mod directory;
/// One file per second factor.
pub mod factor;
/// Protocols that ask us.
pub mod frontend;
/// Runs flows; knows no protocol.
pub mod gateway;
/// Where addresses are: databases of countries and autonomous systems.
pub mod geo;
/// Decides one login; pure.
pub mod login;
/// Sockets and TLS, without protocol.
pub mod net;
/// Checks a first credential that no directory can.
pub mod primary;
/// What must survive a restart.
pub mod store;
/// What is done to an account outside a login.
pub mod subjects;
/// Servers that we call, by the protocols they speak.
pub mod upstream;
/// Codecs: bytes to values and back; no I/O, no time, no policy.
pub mod wire;
