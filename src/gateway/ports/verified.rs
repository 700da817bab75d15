//! What comes of a password at a directory.

use std::any::Any;
use std::fmt;

use crate::login::step::PrimaryOutcome;

/// What comes after a right password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing: it was to be checked.
    Nothing,
    /// Whoever asked wants to go on at the directory as this person, without a second try of the password (B-045).
    GoOn,
}

/// What came of a password.
#[derive(Debug)]
pub struct Verified {
    /// Whether it is right.
    pub outcome: PrimaryOutcome,
    /// What a right one opened, if that was asked for and the directory has such a thing.
    pub session: Option<Session>,
}

impl From<PrimaryOutcome> for Verified {
    fn from(outcome: PrimaryOutcome) -> Self {
        Self { outcome, session: None }
    }
}

/// What a right password opened at a directory. The gateway only carries it: the front end that goes on with it
/// and the directory that made it know what it is. Dropping it ends it.
pub struct Session(Box<dyn Any + Send>);

impl Session {
    /// Wraps what the password opened.
    #[must_use]
    pub fn new(opened: impl Any + Send) -> Self {
        Self(Box::new(opened))
    }

    /// What is inside, if it is a `T`.
    #[must_use]
    pub fn open<T: Any>(self) -> Option<T> {
        self.0.downcast().ok().map(|opened| *opened)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(…)")
    }
}
