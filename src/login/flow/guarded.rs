//! How near the directory's lock-out a login may come (B-087, D-108).

use std::time::Duration;

use crate::base::clock::Now;
use crate::login::client::PrimaryKind;
use crate::login::flow::stage::Stage;
use crate::login::flow::{Flow, reject, unable};
use crate::login::step::Step;
use crate::login::throttle::lockout::{Ask, Bounds, Rows, Whence, may_ask};
use crate::login::throttle::{Failures, Lockout};
use crate::login::verdict::{FaultKind, Reason};

/// How long a count may take when the time of the login has run out.
pub(super) const TIME_TO_COUNT: Duration = Duration::from_secs(2);

/// What a right password ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgiven {
    /// The row of familiar places, and not that of the others.
    pub familiar: bool,
    /// The row of the directory.
    pub directory: bool,
}

impl Flow {
    /// Where it comes from, as far as its subject is known there.
    #[must_use]
    pub const fn whence(&self) -> Whence {
        let history = &self.record.history;
        Whence { familiar: history.familiar, has_familiar: history.has_networks }
    }

    /// How many wrong passwords of its subject may reach the directory.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds_under(self.subject.as_ref().and_then(|subject| subject.account.lockout))
    }

    /// The same where the directory locks accounts like this.
    #[must_use]
    pub fn bounds_under(&self, lockout: Option<Lockout>) -> Bounds {
        let answering = self.attempt.client.login_timeout.saturating_add(TIME_TO_COUNT);
        Bounds::of(&self.limits.password, lockout, answering)
    }

    /// What the right password ends. An upstream need not be the directory: what that counts has ended only if it says
    /// so.
    #[must_use]
    pub fn forgiven(&self) -> Forgiven {
        let lockout = self.subject.as_ref().and_then(|subject| subject.account.lockout);
        let was_asked = self.attempt.client.primary == PrimaryKind::Directory;
        let directory = was_asked || lockout.is_none_or(|lockout| lockout.counted == 0);
        Forgiven { familiar: self.whence().familiar, directory }
    }

    fn rows(&self) -> Rows {
        let row = |failures: Option<Failures>| failures.unwrap_or(Failures::NONE);
        Rows {
            strange: row(self.record.password),
            familiar: row(self.record.familiar_password),
            directory: row(self.record.directory),
        }
    }

    /// Why nobody is asked about the password now.
    pub(super) fn must_wait(&mut self, now: Now) -> Option<Reason> {
        let ask = may_ask(&self.rows(), &self.limits.password, &self.bounds(), self.whence(), now.unix);
        let reason = match ask {
            Ask::Yes => None,
            Ask::Wait => Some(Reason::PasswordThrottled),
            Ask::Guarded => Some(Reason::LockoutGuard),
        };
        // The wait is for those who guess; that somebody else knows the password does not end it for them.
        self.keeps_failures = reason.is_some();
        reason.filter(|_| !(self.exempt && self.record.familiar))
    }

    /// Nobody was asked about the password, since whoever logs in like this tries many names (D-109).
    pub(super) const fn slowed(&self) -> Step {
        if matches!(self.stage, Stage::Verifying | Stage::VerifyingNobody | Stage::Relaying) {
            reject(Reason::Slowed)
        } else {
            unable(FaultKind::Internal)
        }
    }

    /// Whether one more wrong password keeps nobody waiting.
    pub(super) fn one_more_is_free(&self, now: Now) -> bool {
        let (limits, bounds, whence) = (&self.limits.password, self.bounds(), self.whence());
        let rows = self.rows().after_wrong(whence, limits, &bounds, now.unix);
        may_ask(&rows, limits, &bounds, whence, now.unix) == Ask::Yes
    }

    /// There are wrong passwords that the right one ends.
    pub(super) fn has_failed(&self) -> bool {
        let (rows, forgiven) = (self.rows(), self.forgiven());
        rows.own(self.whence()).row > 0 || (forgiven.directory && rows.directory.row > 0)
    }
}
