//! The lock-out of a directory, and how we stay below it (B-087, D-108).
//!
//! A directory that locks accounts counts wrong passwords, forgets them when none came for a while or when the right one
//! came, and does not care who typed them. So whoever can send us passwords could lock anybody. We keep the same count of
//! what went through us, and stop asking one short of the last that may be wrong.
//!
//! A stranger must not use up what the owner needs: whoever is known to come from some network has the last try that may
//! be wrong for himself, from such a network alone.

use std::time::Duration;

use crate::base::clock::UnixTime;
use crate::login::throttle::{Allowed, Failures, Limits, after_directory_failure, after_failure, allowed};

/// When a directory locks accounts (MS-ADTS section 3.1.1.4.5.17; MS-SAMR section 3.1.1.8.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutRule {
    /// Wrong passwords that lock an account; 0 when none do.
    pub threshold: u32,
    /// How long after a wrong password the one before it still counts.
    pub window: Duration,
    /// How long a lock lasts; `None` when only an administrator ends it.
    pub lasts: Option<Duration>,
}

impl LockoutRule {
    /// What it means for an account with `counted` wrong passwords that still count there; `None` when it never locks.
    #[must_use]
    pub fn of_account(self, counted: u32) -> Option<Lockout> {
        let Self { threshold, window, lasts: _ } = self;
        (threshold > 0).then_some(Lockout { threshold, window, counted })
    }
}

/// When its directory locks one account, and how far that is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// Wrong passwords that lock it; at least 1.
    pub threshold: u32,
    /// How long after a wrong password the one before it still counts.
    pub window: Duration,
    /// Those that the server which was asked counts now. Other servers may count more or fewer.
    pub counted: u32,
}

/// The wrong passwords of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// From places that it is not known to come from.
    pub strange: Failures,
    /// From places where it was let in before.
    pub familiar: Failures,
    /// Those that the directory may have counted, wherever they came from.
    pub directory: Failures,
}

impl Rows {
    /// None at all.
    pub const NONE: Self =
        Self { strange: Failures::NONE, familiar: Failures::NONE, directory: Failures::NONE };

    /// The row of the place that a login comes from.
    #[must_use]
    pub const fn own(&self, whence: Whence) -> &Failures {
        if whence.familiar { &self.familiar } else { &self.strange }
    }

    /// The rows after one more wrong password.
    #[must_use]
    pub fn after_wrong(mut self, whence: Whence, limits: &Limits, bounds: &Bounds, now: UnixTime) -> Self {
        let own = after_failure(self.own(whence), now, limits);
        if whence.familiar {
            self.familiar = own;
        } else {
            self.strange = own;
        }
        self.directory = after_directory_failure(&self.directory, now, bounds.window);
        self
    }
}

/// Where a login comes from, as far as its subject is known there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whence {
    /// It was let in from there a short while ago.
    pub familiar: bool,
    /// There is some place that it was let in from.
    pub has_familiar: bool,
}

/// How many wrong passwords of one account may reach its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// In a row, through us.
    pub most: u32,
    /// When none came for longer, the row begins anew.
    pub window: Duration,
    /// How many may still be wrong by the directory's own count, if it tells one.
    pub left: Option<u32>,
}

impl Bounds {
    /// Those of `limits`, or of the directory where it is stricter.
    ///
    /// The directory's clock starts when it is asked and ours when it has answered, so its window is stretched by
    /// `answering`: the most that may lie between.
    #[must_use]
    pub fn of(limits: &Limits, lockout: Option<Lockout>, answering: Duration) -> Self {
        let Some(Lockout { threshold, window, counted }) = lockout else {
            return Self { most: limits.free.max(1), window: limits.first_wait, left: None };
        };
        // With a threshold of 1 nobody could ever be asked about.
        let harmless = threshold.saturating_sub(1).max(1);
        Self {
            most: limits.free.min(harmless).max(1),
            window: limits.first_wait.max(window.saturating_add(answering)),
            left: Some(harmless.saturating_sub(counted)),
        }
    }

    /// Logins that may run side by side as long as none has failed: if all of them do, they are no more than might have
    /// been tried one after the other.
    #[must_use]
    pub fn side_by_side(&self) -> u32 {
        self.left.map_or(self.most, |left| self.most.min(left)).max(1)
    }

    /// What a stranger leaves to the owner: the last one, where there is more than one and the owner has a place to use
    /// it from.
    const fn reserve(&self, whence: Whence) -> u32 {
        if !whence.familiar && whence.has_familiar && self.most > 1 { 1 } else { 0 }
    }
}

/// Whether the directory may be asked about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// It may.
    Yes,
    /// Not as long as the wait after wrong passwords from such places goes on.
    Wait,
    /// One more that is wrong could lock the account, or take the last try from its owner.
    Guarded,
}

/// Whether the directory may be asked about a password that comes from `whence`, at `now`.
///
/// What the directory counts itself binds strangers alone: it counts those as well who never came through us, and they
/// would keep the owner out.
#[must_use]
pub fn may_ask(rows: &Rows, limits: &Limits, bounds: &Bounds, whence: Whence, now: UnixTime) -> Ask {
    if allowed(rows.own(whence), now, limits) != Allowed::Yes {
        return Ask::Wait;
    }
    let reserve = bounds.reserve(whence);
    let counted = rows.directory.directory_row(now, bounds.window);
    let none_left = !whence.familiar && bounds.left.is_some_and(|left| left <= reserve);
    if counted >= bounds.most.saturating_sub(reserve) || none_left { Ask::Guarded } else { Ask::Yes }
}

#[cfg(test)]
mod tests;
