//! A configured asker and what it is able to do.

use std::sync::Arc;
use std::time::Duration;

/// A client as a login sees it. Addresses and shared secrets stay in its front end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name in the configuration, in rules, audit and metrics.
    pub name: Arc<str>,
    /// The directory that knows its users.
    pub directory: Arc<str>,
    /// Who checks the password.
    pub primary: PrimaryKind,
    /// How its users give a code.
    pub entry: CodeEntry,
    /// What the user is asked when a code is missing.
    pub prompt: Arc<str>,
    /// What its protocol and product are able to do.
    pub can: Capabilities,
    /// Time for one round, from the request to the answer.
    pub login_timeout: Duration,
    /// How long a question stays open.
    pub challenge_life: Duration,
    /// A rejection leaves no sooner than this after its request came, whatever the cause (A-077, D-100).
    pub reject_delay: Duration,
    /// What to do when we could not find out.
    pub when_unable: WhenUnable,
    /// How long a confirmed factor counts again for the same password field from the same place (B-046).
    pub remember: Option<Duration>,
}

/// Who checks the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrimaryKind {
    /// The client's directory.
    Directory,
    /// The client itself; it sends the code alone.
    CheckedByClient,
}

/// How a code is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeEntry {
    /// It may be asked for.
    pub challenge: bool,
    /// It may stand in the password field.
    pub typed: Typed,
}

/// Where in the password field a code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// Nowhere.
    Nothing,
    /// At the end, this many digits.
    Appended {
        /// 6 to 8.
        digits: u8,
    },
    /// After the last separator.
    Separated {
        /// An ASCII character that is no letter and no digit.
        separator: u8,
    },
}

/// Differences between protocols and products as abilities, so that the core never asks "is it RADIUS?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It can put a question to the user.
    pub prompts: bool,
    /// It can tell the user's own address. Where the protocol has no place for it, all logins of a client would
    /// share the one bucket of unknown addresses.
    pub tells_address: bool,
}

/// What a client hears when we could not find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenUnable {
    /// Nothing, so that it tries its next server.
    Silence,
    /// A rejection.
    Reject,
}
