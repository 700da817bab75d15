//! How a login ends, and the words for it.

mod fault;

pub use crate::login::verdict::fault::{Fault, FaultKind};

use std::sync::Arc;
use std::time::Duration;

use crate::login::factor::FactorKind;
use crate::login::policy::Say;
use crate::login::telling::Told;

/// The end of a login.
#[must_use]
#[derive(Debug)]
pub enum Verdict {
    /// Let in.
    Accept(Grant),
    /// Kept out. The reason is for the audit, never for the user.
    Reject(Reason),
    /// We could not find out. Never a yes, and never a "wrong password".
    Unable(FaultKind),
}

/// Proof that a login was granted. Only [`crate::login::flow`] can make one, and every accepting reply
/// needs one in its hand.
#[derive(Debug)]
pub struct Grant {
    basis: Basis,
    session: Option<Duration>,
    exemption: Option<Arc<str>>,
    told: Told,
    offer: Option<Arc<str>>,
    fault: Option<Arc<str>>,
}

/// Why a login was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A second factor was confirmed.
    Confirmed(FactorKind),
    /// A rule asks for none.
    RuleAsksNone,
    /// No factor is enrolled yet and a rule grants time to do so.
    Grace,
    /// This account is exempt at this client and from this network.
    Exempt,
    /// A factor of this kind was confirmed a short while ago (B-046).
    Remembered(FactorKind),
    /// No factor could be checked, and a fault mode takes the first credential alone.
    FaultFirstFactor,
    /// No factor could be checked, and a fault mode takes one of this kind that was confirmed not long ago.
    FaultRecent(FactorKind),
    /// The factor that was shown could not be checked, and one of this kind was confirmed in its place.
    FaultFactor(FactorKind),
}

impl Grant {
    pub(in crate::login) const fn new(
        basis: Basis,
        session: Option<Duration>,
        exemption: Option<Arc<str>>,
        told: Told,
        offer: Option<Arc<str>>,
        fault: Option<Arc<str>>,
    ) -> Self {
        Self { basis, session, exemption, told, offer, fault }
    }

    /// Name of the fault mode that let somebody in whose factor could not be checked.
    #[must_use]
    pub const fn fault(&self) -> Option<&Arc<str>> {
        self.fault.as_ref()
    }

    /// What the user is to read who was let in without a factor for the time being.
    #[must_use]
    pub fn offer(&self) -> Option<&str> {
        self.offer.as_deref()
    }

    /// What the client is told about whom it lets in.
    #[must_use]
    pub const fn told(&self) -> &Told {
        &self.told
    }

    /// Name of the exemption that let the account in.
    #[must_use]
    pub const fn exemption(&self) -> Option<&Arc<str>> {
        self.exemption.as_ref()
    }

    /// Why it was granted.
    #[must_use]
    pub const fn basis(&self) -> Basis {
        self.basis
    }

    /// How long a session may last: to the end of the hours of the rule that let it in, of the subject's own time, or of
    /// what the rule says itself, whichever is first; `None` where there is no such end.
    #[must_use]
    pub const fn session(&self) -> Option<Duration> {
        self.session
    }
}

impl Basis {
    /// The fixed word in audit and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Confirmed(_) => "confirmed",
            Self::RuleAsksNone => "rule-asks-none",
            Self::Grace => "grace",
            Self::Exempt => "exempt",
            Self::Remembered(_) => "remembered",
            Self::FaultFirstFactor => "fault-first-factor",
            Self::FaultRecent(_) => "fault-recent",
            Self::FaultFactor(_) => "fault-factor",
        }
    }
}

/// Why a login was rejected. To the user they are all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No account has this name.
    UnknownSubject,
    /// The directory has several accounts for the name, or one that lacks what makes it usable (B-052).
    AccountUnclear,
    /// The directory says that the password is wrong.
    WrongPassword,
    /// The password field is empty, or only a code was in it.
    EmptyPassword,
    /// The password holds bytes that no password check may be given.
    BadPassword,
    /// Too many wrong passwords; the directory was not asked.
    PasswordThrottled,
    /// One more wrong password could lock the account in the directory, or take the last try from its owner; the
    /// directory was not asked.
    LockoutGuard,
    /// The account is switched off.
    AccountDisabled,
    /// The account's last day has passed.
    AccountExpired,
    /// The directory has locked the account.
    AccountLocked,
    /// The password was right but must be changed first.
    MustChangePassword,
    /// The directory refuses a right password: hours, workstation, restriction.
    AccountRestricted,
    /// A rule refuses.
    RefusedByRule,
    /// A rule refuses, and says that it does so for the time.
    RefusedNow,
    /// A rule refuses, and says that it does so for the place.
    RefusedHere,
    /// The subject may not log in yet, or no longer.
    OutsideValidity,
    /// No factor that the rule asks for is enrolled.
    NotEnrolled,
    /// A code is needed, none was typed, and the client cannot ask.
    CodeMissing,
    /// What was typed cannot be a code.
    NotACode,
    /// The code is wrong.
    WrongCode,
    /// The code was right once and has been used.
    ReplayedCode,
    /// Too many wrong codes; nothing was compared.
    FactorLocked,
    /// Too many logins of this subject in a short time.
    TooManyLogins,
    /// The account that the name leads to changed between question and reply.
    SubjectChanged,
    /// The question was not answered in time.
    AnswerLate,
    /// The reply belongs to no open question, or to somebody else's.
    UnknownChallenge,
    /// The password was right and has expired.
    PasswordExpired,
    /// The password was right, but the directory does not allow the account at this hour.
    OutsideHours,
    /// The password was right, but the directory does not allow the account from this workstation.
    WrongWorkstation,
    /// A new password had to be chosen, and none was taken.
    PasswordNotChanged,
    /// The upstream refuses, or does not say whom it confirms.
    UpstreamRefused,
    /// The upstream confirms a name that leads to another account than the one that was typed, or to none.
    AnotherName,
    /// A code is needed, and the way in which the user logs in has no place for one.
    CannotBeAsked,
    /// An attribute that the client must be told cannot be made for the account.
    ReplyIncomplete,
    /// Who asked went away before there was an answer.
    CalledOff,
    /// Whoever logs in like this tries many names; the directory was not asked (D-109).
    Slowed,
    /// Too many codes of this subject in a minute; nothing was compared.
    TooManyCodes,
}

impl Reason {
    /// Every reason, for metrics and the manual.
    pub const ALL: [Self; 37] = [
        Self::UnknownSubject,
        Self::AccountUnclear,
        Self::WrongPassword,
        Self::EmptyPassword,
        Self::BadPassword,
        Self::PasswordThrottled,
        Self::LockoutGuard,
        Self::AccountDisabled,
        Self::AccountExpired,
        Self::AccountLocked,
        Self::MustChangePassword,
        Self::AccountRestricted,
        Self::RefusedByRule,
        Self::RefusedNow,
        Self::RefusedHere,
        Self::OutsideValidity,
        Self::NotEnrolled,
        Self::CodeMissing,
        Self::NotACode,
        Self::WrongCode,
        Self::ReplayedCode,
        Self::FactorLocked,
        Self::TooManyLogins,
        Self::SubjectChanged,
        Self::AnswerLate,
        Self::UnknownChallenge,
        Self::PasswordExpired,
        Self::OutsideHours,
        Self::WrongWorkstation,
        Self::PasswordNotChanged,
        Self::UpstreamRefused,
        Self::AnotherName,
        Self::CannotBeAsked,
        Self::ReplyIncomplete,
        Self::CalledOff,
        Self::Slowed,
        Self::TooManyCodes,
    ];

    /// The fixed word in audit and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownSubject => "unknown-subject",
            Self::AccountUnclear => "account-unclear",
            Self::WrongPassword => "wrong-password",
            Self::EmptyPassword => "empty-password",
            Self::BadPassword => "bad-password",
            Self::PasswordThrottled => "password-throttled",
            Self::LockoutGuard => "lockout-guard",
            Self::AccountDisabled => "account-disabled",
            Self::AccountExpired => "account-expired",
            Self::AccountLocked => "account-locked",
            Self::MustChangePassword => "must-change-password",
            Self::AccountRestricted => "account-restricted",
            Self::RefusedByRule => "refused-by-rule",
            Self::RefusedNow => "refused-now",
            Self::RefusedHere => "refused-here",
            Self::OutsideValidity => "outside-validity",
            Self::NotEnrolled => "not-enrolled",
            Self::CodeMissing => "code-missing",
            Self::NotACode => "not-a-code",
            Self::WrongCode => "wrong-code",
            Self::ReplayedCode => "replayed-code",
            Self::FactorLocked => "factor-locked",
            Self::TooManyLogins => "too-many-logins",
            Self::SubjectChanged => "subject-changed",
            Self::AnswerLate => "answer-late",
            Self::UnknownChallenge => "unknown-challenge",
            Self::PasswordExpired => "password-expired",
            Self::OutsideHours => "outside-hours",
            Self::WrongWorkstation => "wrong-workstation",
            Self::PasswordNotChanged => "password-not-changed",
            Self::UpstreamRefused => "upstream-refused",
            Self::AnotherName => "another-name",
            Self::CannotBeAsked => "cannot-be-asked",
            Self::ReplyIncomplete => "reply-incomplete",
            Self::CalledOff => "called-off",
            Self::Slowed => "slowed",
            Self::TooManyCodes => "too-many-codes",
        }
    }

    /// The reason of a rule that refuses with `say`.
    #[must_use]
    pub const fn refused(say: Say) -> Self {
        match say {
            Say::Failed => Self::RefusedByRule,
            Say::NotNow => Self::RefusedNow,
            Say::NotHere => Self::RefusedHere,
        }
    }

    /// What the user reads: the same for every reason, but for the two that are certain before anybody is looked up and
    /// so tell nothing of him.
    #[must_use]
    #[allow(clippy::wildcard_enum_match_arm, reason = "every other reason, and every new one, says the same")]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::RefusedNow => "Sign-in is not possible at this time.",
            Self::RefusedHere => "Sign-in is not possible from this place.",
            _ => REJECTED_TEXT,
        }
    }
}

/// What a rejected user reads, whatever the reason (A-067, D-100).
pub const REJECTED_TEXT: &str = "Sign-in failed.";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_reason_and_fault_has_a_code_of_its_own() {
        let reasons: HashSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(reasons.len(), Reason::ALL.len());
        let faults: HashSet<_> = FaultKind::ALL.iter().map(|k| k.code()).collect();
        assert_eq!(faults.len(), FaultKind::ALL.len());
        assert!(reasons.is_disjoint(&faults));
    }

    #[test]
    fn a_reason_has_a_sentence_of_its_own_only_where_a_rule_may_say_so_d_100() {
        let own: Vec<_> =
            Reason::ALL.into_iter().filter(|reason| reason.sentence() != REJECTED_TEXT).collect();
        assert_eq!(own, [Reason::RefusedNow, Reason::RefusedHere]);
        let sentences: HashSet<_> = Say::ALL.map(|say| Reason::refused(say).sentence()).into();
        assert_eq!(sentences.len(), Say::ALL.len());
    }
}
