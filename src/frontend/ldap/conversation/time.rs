//! When a connection has had its time (B-010, D-113).

use std::time::{Duration, Instant};

use crate::frontend::ldap::conversation::Conversation;
use crate::frontend::ldap::counters::Closed;

impl Conversation {
    /// Ends the connection when it has had its time; `true` when it is of no use to say goodbye.
    pub(super) fn is_out_of_time(&mut self, now: Instant) -> bool {
        let passed = |since: Option<Instant>, limit: Duration| {
            since.is_some_and(|since| now.saturating_duration_since(since) >= limit)
        };
        if passed(self.since.stalled, self.limits.write) {
            self.farewell(Closed::ReaderTooSlow);
            return true;
        }
        if self.closing.is_some() || self.session.is_binding() {
            return false;
        }
        if !self.since.heard && passed(Some(self.since.began), self.limits.first_message) {
            self.farewell(Closed::FirstMessageLate);
        } else if passed(self.since.message, self.limits.message) {
            self.farewell(Closed::MessageLate);
        } else if passed(Some(self.since.traffic), self.limits.idle) {
            self.farewell(Closed::Idle);
        } else if self.session.ends().is_some_and(|end| now >= end) {
            self.farewell(Closed::TimeOver);
        }
        false
    }

    /// The next time to look. The timer only ever moves when it must ring sooner, or has rung: moving it for every
    /// message would cost more than the message.
    pub(super) fn set_timer(&mut self, now: Instant) {
        let after = |since: Instant, limit: Duration| since.checked_add(limit).unwrap_or(since);
        let limits = &self.limits;
        let mut due = after(self.since.traffic, limits.idle);
        if !self.since.heard {
            due = due.min(after(self.since.began, limits.first_message));
        }
        if let Some(since) = self.since.message {
            due = due.min(after(since, limits.message));
        }
        if let Some(since) = self.since.stalled {
            due = due.min(after(since, limits.write));
        }
        if let Some(end) = self.session.ends() {
            due = due.min(end);
        }
        // A login that runs has its own time; what is due meanwhile is looked at after it.
        let due = due.max(after(now, Duration::from_millis(100)));
        let due = tokio::time::Instant::from_std(due);
        if due < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(due);
        }
    }
}
