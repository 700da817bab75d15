//! Accounting (RFC 2866): which sessions devices keep open for people we let in.
//!
//! Nothing of a record is kept but what is needed to find a session's owner, by the note that his login got, and
//! to end it (RFC 5176). A session that began without us has no note, and nothing is kept of it.

pub mod book;
pub mod orders;
pub mod relay;
pub mod report;
pub mod session;
pub mod udp;

#[cfg(test)]
mod tests;
