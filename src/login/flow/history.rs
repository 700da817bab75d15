//! When a subject may log in, and what was before this login.

use crate::base::clock::Now;
use crate::login::flow::Flow;
use crate::login::flow::stage::Stage;
use crate::login::policy::{Input, Past, Validity};
use crate::login::step::{Step, Work};
use crate::login::throttle::day_of;
use crate::login::verdict::Basis;

impl Flow {
    /// Whether the subject may log in now, whatever the rules say.
    pub(super) fn is_valid(&self, now: Now) -> bool {
        let history = &self.record.history;
        Validity { from: history.valid_from, until: history.valid_until }.contains(now.unix)
    }

    /// What the record says of the time before.
    pub(super) fn past(&self, now: Now) -> Past {
        let history = &self.record.history;
        let ago = |day: i64| u32::try_from(day_of(now.unix).saturating_sub(day)).unwrap_or(0);
        let new = if self.has_network() { Input::Known(!history.familiar) } else { Input::Unknown };
        Past {
            first_login: history.last_day.is_none(),
            new_network: new,
            last_login_days: history.last_day.map(ago).into(),
        }
    }

    /// The work to do before the subject is let in, so that the next login knows of this one: at most once a day and
    /// network, since it waits for the disk.
    pub(super) fn note(&mut self, basis: Basis, now: Now) -> Option<Step> {
        let history = &self.record.history;
        let is_new_day = history.last_day.is_none_or(|day| day < day_of(now.unix));
        let is_new_place = self.has_network() && !history.noted;
        // Where a factor cannot be checked, nothing is written that could fail.
        if self.noted || self.faulty.is_some() || !(is_new_day || is_new_place) {
            return None;
        }
        let who = self.subject.as_ref()?.pseudonym.clone();
        self.stage = Stage::Noting(basis, self.stage.word());
        Some(Step::Do(Work::NoteLogin(who)))
    }

    /// It is known where the user is, and such places are remembered.
    const fn has_network(&self) -> bool {
        self.limits.remember_networks > 0 && self.attempt.origin.user.is_some()
    }
}
