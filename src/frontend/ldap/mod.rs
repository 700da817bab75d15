//! LDAP (RFC 4511): applications that bind as their users. A bind succeeds after a second factor; everything else
//! passes to the directory as it came, on a connection that is bound as the person.

pub mod clients;
pub mod counters;
pub mod limits;
pub mod listener;
pub mod operations;
pub mod root;
pub mod secrets;
pub mod session;
pub mod translate;
