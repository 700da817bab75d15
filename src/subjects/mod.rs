//! What is done to an account outside a login: its anonymous id, its enrolments, its open sessions, its seals.
//!
//! Works on ports alone, so that whoever offers it to people shares one meaning of each act.

mod act;
pub mod disconnect;
pub mod enrol;
pub mod pseudonym;
pub mod rekey;

#[cfg(test)]
mod tests;
