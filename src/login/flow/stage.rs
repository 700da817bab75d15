//! Where a login stands.

use crate::login::verdict::{Basis, FaultKind};

/// What a flow waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Fresh,
    Finding,
    /// The account under the name that the upstream confirms, beside the one that was typed.
    Confirming,
    Recalling,
    /// What was known of the subject is looked up, since the store is away.
    Remembering,
    VerifyingNobody,
    Verifying,
    Counting,
    /// The same, of a password that nobody said anything about.
    CountingUnanswered(FaultKind),
    Forgetting,
    /// That it is let in is written down, for this cause; the word is that of the stage before.
    Noting(Basis, &'static str),
    /// The upstream is asked.
    Relaying,
    Asking,
    /// The upstream's own question is put.
    AskingRelayed,
    /// For a new password.
    AskingNew,
    /// For the same once more.
    AskingAgain,
    Changing,
    Checking,
    Ended,
}

impl Stage {
    /// The fixed word in the audit.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "admission",
            Self::Finding | Self::Confirming | Self::VerifyingNobody => "subject",
            Self::Recalling | Self::Remembering => "rules",
            Self::Verifying
            | Self::Relaying
            | Self::Counting
            | Self::CountingUnanswered(_)
            | Self::Forgetting => "primary",
            Self::AskingNew | Self::AskingAgain | Self::Changing => "password-change",
            Self::Asking | Self::AskingRelayed => "challenge",
            Self::Checking => "factor",
            Self::Noting(_, before) => before,
            Self::Ended => "end",
        }
    }
}
