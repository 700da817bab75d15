//! What failures are counted against.

use std::fmt;
use std::time::Duration;

use crate::login::factor::FactorKind;
use crate::login::throttle::Limits;

/// What failures are counted against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// The password, from places that the subject is not known to come from.
    Password,
    /// The password, from places where it was let in before.
    FamiliarPassword,
    /// What the directory may have counted itself, wherever it came from (B-087).
    Directory,
    /// Codes that were shown before the password was right, from unfamiliar places (C-004).
    Unproven,
    /// One kind of factor.
    Factor(FactorKind),
}

impl Counted {
    /// Everything there is.
    pub const ALL: [Self; 7] = [
        Self::Password,
        Self::FamiliarPassword,
        Self::Directory,
        Self::Unproven,
        Self::Factor(FactorKind::Totp),
        Self::Factor(FactorKind::Hotp),
        Self::Factor(FactorKind::Recovery),
    ];

    /// The word for it in the store and on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::FamiliarPassword => "familiar-password",
            Self::Directory => "directory",
            Self::Unproven => "unproven",
            Self::Factor(kind) => kind.word(),
        }
    }

    /// What `word` stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.word() == word)
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How one wrong password is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongPassword {
    /// It came from a place where the subject was let in before.
    pub familiar: bool,
    /// For the row of such places, or of the others.
    pub limits: Limits,
    /// When the directory forgets a wrong password that none followed. Longer than the directory's own window by as long
    /// as an answer of it may take: its clock starts when it is asked, and ours when it has answered.
    pub directory_window: Duration,
}
