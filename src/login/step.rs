//! What goes into a flow and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::UnixTime;
use crate::base::secret::Secret;
use crate::login::attempt::Answer;
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, FactorKind, FactorKinds, FactorOutcome, Proof};
use crate::login::identity::{Account, Pseudonym, Subject};
use crate::login::policy::Seen;
use crate::login::relay::{Heard, Held};
use crate::login::throttle::Failures;
use crate::login::verdict::{Fault, Verdict};

/// What just happened to a login.
#[derive(Debug)]
pub enum Event {
    /// It began.
    Began,
    /// Work was done.
    Worked(Outcome),
    /// The user replied to a question.
    Answered(Answer),
    /// [`crate::login::flow::Flow::deadline`] passed.
    TimedOut,
    /// Nobody waits for the verdict any more, and the work that was asked for was stopped: [`Work::may_stop`] said
    /// that it may be. Where work goes on, [`crate::login::flow::Flow::call_off`] says so instead.
    CalledOff,
}

/// What the driver must do next.
#[must_use]
#[derive(Debug)]
pub enum Step {
    /// Do this, then report an [`Event::Worked`].
    Do(Work),
    /// Put this to the user and keep the flow under a fresh challenge id.
    Ask(Prompt),
    /// Answer the client, write the audit record, forget the flow.
    Done(Verdict),
}

/// Something that needs the outside.
#[derive(Debug)]
pub enum Work {
    /// Look the login name up: [`Outcome::Subject`].
    FindSubject,
    /// Load what is known about the subject, and let no other login of it run meanwhile: [`Outcome::Record`]. An
    /// exempt account binds for each login of somebody: it has no rate, and as many of its logins may run side by
    /// side as wrong passwords are free.
    Recall {
        /// Whose.
        who: Pseudonym,
        /// An exemption fits this login.
        exempt: bool,
    },
    /// The store is away: say what was known of the subject when it was recalled last: [`Outcome::Remembered`]. Writes
    /// nothing, and what is counted or forgotten from then on in this login is so in memory alone.
    Remember {
        /// Whose.
        who: Pseudonym,
        /// As in [`Work::Recall`].
        exempt: bool,
    },
    /// Check the password; of nobody, at the same cost, when there is no account: [`Outcome::Primary`].
    VerifyPrimary(Option<Arc<Account>>, Secret),
    /// Ask the client's upstream about what the device sent last, with this password in place of the one it sent:
    /// [`Outcome::Upstream`].
    AskUpstream(Option<Secret>),
    /// Change the password of the account from the first to the second: [`Outcome::Changed`].
    ChangePassword(Arc<Account>, Secret, Secret),
    /// Count a wrong password: [`Outcome::Counted`].
    CountWrongPassword(Pseudonym),
    /// Forget earlier wrong passwords: [`Outcome::Counted`].
    ForgetWrongPasswords(Pseudonym),
    /// Note that the subject is let in, today and from its network: [`Outcome::Counted`].
    NoteLogin(Pseudonym),
    /// Hold the code against the subject's enrolments of these kinds and use it up; whether something else was shown before
    /// says where a wrong one is counted: [`Outcome::Factor`].
    Check(Pseudonym, Code, FactorKinds, Proof),
}

impl Work {
    /// Whether it may be stopped when nobody waits for the verdict any more. What may have asked somebody about a
    /// password or a code may not: the answer must be counted, or hanging up early would make guessing free
    /// (B-087, C-002).
    #[must_use]
    pub const fn may_stop(&self) -> bool {
        match self {
            Self::FindSubject | Self::Recall { .. } | Self::Remember { .. } => true,
            Self::VerifyPrimary(..)
            | Self::AskUpstream(_)
            | Self::ChangePassword(..)
            | Self::CountWrongPassword(_)
            | Self::ForgetWrongPasswords(_)
            | Self::NoteLogin(_)
            | Self::Check(..) => false,
        }
    }

    /// Whether others are asked, over the network as a rule.
    #[must_use]
    pub const fn asks_others(&self) -> bool {
        match self {
            Self::FindSubject | Self::VerifyPrimary(..) | Self::AskUpstream(_) | Self::ChangePassword(..) => {
                true
            }
            Self::Recall { .. }
            | Self::Remember { .. }
            | Self::CountWrongPassword(_)
            | Self::ForgetWrongPasswords(_)
            | Self::NoteLogin(_)
            | Self::Check(..) => false,
        }
    }
}

/// What came of a piece of work. `Err(Fault)` means "could not find out", never "no".
#[derive(Debug)]
pub enum Outcome {
    /// Of [`Work::VerifyPrimary`] and [`Work::AskUpstream`]: nobody was asked, since whoever logs in like this tries
    /// many names (D-109).
    Slowed,
    /// Of [`Work::FindSubject`].
    Subject(Result<Option<Subject>, Fault>),
    /// Of [`Work::Recall`].
    Record(Result<Box<Record>, Fault>),
    /// Of [`Work::Remember`]; `None` of somebody who was not seen since the start.
    Remembered(Option<Box<Record>>),
    /// Of [`Work::VerifyPrimary`].
    Primary(Result<PrimaryOutcome, Fault>),
    /// Of [`Work::CountWrongPassword`], [`Work::ForgetWrongPasswords`] and [`Work::NoteLogin`].
    Counted(Result<(), Fault>),
    /// Of [`Work::AskUpstream`].
    Upstream(Result<Heard, Fault>),
    /// Of [`Work::ChangePassword`].
    Changed(Result<Changed, Fault>),
    /// Of [`Work::Check`].
    Factor(Result<FactorOutcome, Fault>),
}

impl Outcome {
    /// Of [`Work::Recall`], where all is well.
    #[must_use]
    pub fn known(record: Record) -> Self {
        Self::Record(Ok(Box::new(record)))
    }

    /// Of [`Work::Remember`], of somebody who was seen.
    #[must_use]
    pub fn remembered(record: Record) -> Self {
        Self::Remembered(Some(Box::new(record)))
    }
}

/// What the one who knows the password says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrimaryOutcome {
    /// It is right.
    Correct,
    /// It is wrong, or there is no such account.
    Wrong,
    /// It was found wrong a short while ago, so nobody was asked now and nothing counts.
    WrongAgain,
    /// It is right, but must be changed first.
    MustChange,
    /// It was right, and has expired.
    PasswordExpired,
    /// The account is switched off.
    Disabled,
    /// The account's last day has passed.
    Expired,
    /// The directory has locked the account; says nothing about the password.
    Locked,
    /// It is right, but not at this hour.
    OutsideHours,
    /// It is right, but not from this workstation.
    WrongWorkstation,
    /// It is right, but something else forbids the login.
    Restricted,
}

/// What came of changing a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is the new one now.
    Done,
    /// The directory does not take the new one: too short, used before, too young.
    Refused,
    /// The old one is not right.
    WrongOld,
    /// This directory cannot do it.
    Unsupported,
}

/// What is remembered about a subject.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Its factors.
    pub enrolments: Vec<Enrolment>,
    /// Its wrong passwords, from places that it is not known to come from.
    pub password: Option<Failures>,
    /// Its wrong passwords from places where it was let in before.
    pub familiar_password: Option<Failures>,
    /// Wrong passwords that the directory may have counted, wherever they came from (B-087). The row counts only as long
    /// as [`Failures::directory_row`] says so.
    pub directory: Option<Failures>,
    /// Wrong codes that came before the password was right, from unfamiliar places (C-004).
    pub unproven: Option<Failures>,
    /// Its wrong codes, by kind of factor.
    pub codes: Vec<(FactorKind, Failures)>,
    /// It logs in too often at the moment.
    pub over_rate: bool,
    /// A factor of this kind was confirmed a short while ago with all that was typed now, from the same place, and
    /// nothing has changed since (B-046).
    pub remembered: Option<FactorKind>,
    /// A factor was confirmed with all that was typed now, from the same place, and it does not count again any more.
    /// An application that goes on sending it guesses nothing, and must not lock the factor of its user.
    pub spent: bool,
    /// Factors that were confirmed before at the place that this login comes from, and how long ago.
    pub before: Option<Before>,
    /// Factors that were confirmed before at this client and from this network, whatever the rules said of it, and how
    /// long ago; for fault modes.
    pub recent: Option<Before>,
    /// The account is exempt, and the directory found this very password right a short while ago, from the same
    /// place. Then wrong passwords of others do not keep it waiting.
    pub familiar: bool,
    /// When it may log in, and when and where from it did.
    pub history: History,
}

/// Factors that were confirmed before, in one login from the same place, with nothing changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Their kinds.
    pub kinds: FactorKinds,
    /// How long ago.
    pub age: Duration,
}

/// When a subject may log in, and when and where from it did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// It may not log in before.
    pub valid_from: Option<UnixTime>,
    /// It may not log in any more at this time.
    pub valid_until: Option<UnixTime>,
    /// When the account was first heard of; `None` when the store does not know the subject.
    pub first_seen: Option<UnixTime>,
    /// Day (UTC, counted from the epoch) on which it was let in last; `None` when it never was.
    pub last_day: Option<i64>,
    /// Some network that it was let in from is remembered; the store does not look how long ago.
    pub has_networks: bool,
    /// It was let in a short while ago from the network that this login comes from; the gateway sets it.
    pub familiar: bool,
    /// It was let in from there today, and that is written down; the gateway sets it.
    pub noted: bool,
    /// The networks that it was let in from.
    pub networks: Vec<KnownNetwork>,
}

/// A network that a subject was let in from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownNetwork {
    /// Which key made the digest.
    pub key_id: u32,
    /// Keyed digest of subject and network.
    pub digest: [u8; 32],
    /// Day (UTC, counted from the epoch) on which it was let in from there last.
    pub day: i64,
}

impl KnownNetwork {
    /// Whether it was seen in the `keep_days` days before `today`. A day that lies ahead comes from a clock that was
    /// wrong; it counts for nothing (D-116).
    #[must_use]
    pub fn is_fresh(&self, today: i64, keep_days: u32) -> bool {
        keep_days > 0
            && self.day >= today.saturating_sub(i64::from(keep_days))
            && self.day <= today.saturating_add(1)
    }
}

/// A question to the user.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// What he reads.
    pub text: Arc<str>,
    /// The upstream's own question, which the device is to get in place of ours.
    pub relay: Option<Held>,
}

/// What the audit says about a login, as far as it went.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// Who, anonymously.
    pub pseudonym: Option<Pseudonym>,
    /// The rule that decided.
    pub rule: Option<Arc<str>>,
    /// The exemption that it came under.
    pub exemption: Option<Arc<str>>,
    /// An exemption names the account, but not for where this login came from.
    pub missed: Option<Arc<str>>,
    /// The fault mode that held, since a factor could not be checked.
    pub on_fault: Option<Arc<str>>,
    /// The factor that was used, or tried, last.
    pub factor: Option<FactorKind>,
    /// The kinds of factors that were confirmed.
    pub shown: FactorKinds,
    /// Where it ended.
    pub stage: &'static str,
    /// What the rules saw of it.
    pub seen: Option<Seen>,
}
