//! Where a login stands.

/// What a flow waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Fresh,
    Finding,
    Recalling,
    VerifyingNobody,
    Verifying,
    Counting,
    Forgetting,
    Asking,
    Checking,
    Ended,
}

impl Stage {
    /// The fixed word in the audit.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "admission",
            Self::Finding | Self::VerifyingNobody => "subject",
            Self::Recalling => "rules",
            Self::Verifying | Self::Counting | Self::Forgetting => "primary",
            Self::Asking => "challenge",
            Self::Checking => "factor",
            Self::Ended => "end",
        }
    }
}
