//! What could not be found out.

use std::fmt;

/// We asked and could not find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whose move it is.
    pub kind: FaultKind,
    /// What we did, with what, what came back. For the log: no names, no secrets.
    pub what: String,
    /// Somebody may have seen the password that he was asked about, and have counted it, before this came about.
    asked: bool,
}

impl Fault {
    /// A fault with its story.
    #[must_use]
    pub fn new(kind: FaultKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), asked: false }
    }

    /// The same, of somebody who was given a password and may have seen it; of a code: other factors that would do could
    /// have been checked.
    #[must_use]
    pub fn after_asking(self) -> Self {
        Self { asked: true, ..self }
    }

    /// Somebody was given a password and may have seen it; of a code: other factors that would do could have been
    /// checked.
    #[must_use]
    pub const fn was_asked(&self) -> bool {
        self.asked
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}

/// The kinds of fault, by whose move it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// No server of a directory answered in time.
    DirectoryUnreachable,
    /// A directory refused us: service account, TLS demands, configuration.
    DirectoryRefusedUs,
    /// A directory answered what it must not: a broken protocol, more than can be.
    DirectoryConfusing,
    /// One account is not what it should be: two of one name, no immutable id, no number of its own. Says
    /// nothing about the directory; a login that meets it is rejected (B-052).
    UnclearAccount,
    /// No server of an upstream answered in time.
    UpstreamUnreachable,
    /// An upstream answered what it must not.
    UpstreamConfusing,
    /// The store cannot be read or written.
    StoreUnavailable,
    /// The audit record cannot be written.
    AuditUnavailable,
    /// A sealed secret does not open with any key we have.
    KeyMissing,
    /// No place left, or no time.
    Overloaded,
    /// The login took longer than it may.
    TimedOut,
    /// Something that must not happen did.
    Internal,
}

impl FaultKind {
    /// Every kind, for metrics and the manual.
    pub const ALL: [Self; 12] = [
        Self::DirectoryUnreachable,
        Self::DirectoryRefusedUs,
        Self::DirectoryConfusing,
        Self::UnclearAccount,
        Self::UpstreamUnreachable,
        Self::UpstreamConfusing,
        Self::StoreUnavailable,
        Self::AuditUnavailable,
        Self::KeyMissing,
        Self::Overloaded,
        Self::TimedOut,
        Self::Internal,
    ];

    /// The fixed word in audit and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DirectoryUnreachable => "directory-unreachable",
            Self::DirectoryRefusedUs => "directory-refused-us",
            Self::DirectoryConfusing => "directory-confusing",
            Self::UnclearAccount => "unclear-account",
            Self::UpstreamUnreachable => "upstream-unreachable",
            Self::UpstreamConfusing => "upstream-confusing",
            Self::StoreUnavailable => "store-unavailable",
            Self::AuditUnavailable => "audit-unavailable",
            Self::KeyMissing => "key-missing",
            Self::Overloaded => "overloaded",
            Self::TimedOut => "timed-out",
            Self::Internal => "internal",
        }
    }
}
