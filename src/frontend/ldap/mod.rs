//! LDAP (RFC 4511): applications that bind as their users. A bind succeeds after a second factor; everything else
//! passes to the directory as it came, on a connection that is bound as the person.

pub mod answers;
pub mod clients;
mod conversation;
pub mod counters;
pub mod limits;
pub mod listen;
pub mod listener;
pub mod no_tls;
pub mod operations;
mod outgoing;
mod places;
mod relay;
pub mod root;
pub mod secrets;
pub mod session;
mod stream;
pub mod translate;

#[cfg(test)]
mod lab;
