//! Hours of the week, and calendars, by name.

use std::sync::Arc;

use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use crate::base::clock::UnixTime;
use crate::login::policy::calendar::Calendar;

/// Hours under a name; one of them is enough.
#[derive(Debug, Clone)]
pub struct Window {
    /// Its name; empty for hours that stand in the rule itself.
    pub name: Arc<str>,
    /// The hours.
    pub hours: Vec<TimeWindow>,
}

impl Window {
    /// Whether one of its hours is open at `at`.
    #[must_use]
    pub fn contains(&self, at: UnixTime) -> bool {
        self.hours.iter().any(|hours| hours.contains(at))
    }

    /// The first moment after `at` at which it may be otherwise than at `at`.
    #[must_use]
    pub fn next_boundary(&self, at: UnixTime) -> Option<UnixTime> {
        self.hours.iter().filter_map(|hours| hours.next_boundary(at)).min()
    }
}

/// Days and times under a name.
#[derive(Debug, Clone)]
pub struct NamedCalendar {
    /// Its name.
    pub name: Arc<str>,
    /// The times.
    pub calendar: Calendar,
}

/// Hours that are the same for as many edges, a week and a change of the clocks, are so for ever.
const MOST_STEPS: usize = 20;

/// Weekdays and hours in a time zone.
#[derive(Debug, Clone)]
pub struct TimeWindow {
    /// Days on which the window begins.
    pub days: Vec<Weekday>,
    /// First moment of the day that is inside.
    pub from: Time,
    /// First moment that is no longer inside. Not after `from` means that the window ends on the next day;
    /// equal to `from` means the whole day.
    pub to: Time,
    /// Where the clock hangs.
    pub zone: TimeZone,
}

impl TimeWindow {
    /// The first moment after `at` at which it is otherwise than at `at`; `None` when it is always open or never.
    #[must_use]
    pub fn next_boundary(&self, at: UnixTime) -> Option<UnixTime> {
        let open = self.contains(at);
        let mut next = at;
        for _ in 0..MOST_STEPS {
            next = self.next_step(next)?;
            if self.contains(next) != open {
                return Some(next);
            }
        }
        None
    }

    /// The first moment after `at` at which it may be otherwise: where the hours of that day or the next begin or end,
    /// both times where daylight saving repeats that moment, and where the clocks change.
    fn next_step(&self, at: UnixTime) -> Option<UnixTime> {
        let instant = jiff::Timestamp::from_millisecond(at.0).ok()?;
        let today = self.zone.to_datetime(instant).date();
        let days = [Some(today), today.tomorrow().ok()].into_iter().flatten();
        let edges = days.flat_map(|day| [day.to_datetime(self.from), day.to_datetime(self.to)]);
        let moments = edges.flat_map(|local| {
            let ambiguous = self.zone.to_ambiguous_timestamp(local);
            [ambiguous.earlier(), ambiguous.later()].into_iter().flatten()
        });
        let change = self.zone.following(instant).next().map(|transition| transition.timestamp());
        let next = moments.chain(change).filter(|moment| *moment > instant).min()?;
        // A millisecond is the smallest step of our time; no edge lies between two.
        Some(UnixTime(next.as_millisecond())).filter(|next| *next > at)
    }

    /// Whether the window is open at `at`, on the clock of its zone. An hour that daylight saving repeats is
    /// inside both times; one that it skips does not come (D-116).
    #[must_use]
    pub fn contains(&self, at: UnixTime) -> bool {
        local(at, &self.zone).is_some_and(|local| self.is_open(local))
    }

    /// Whether it is open when the clock of its zone shows `local`.
    #[must_use]
    pub fn is_open(&self, local: DateTime) -> bool {
        let (time, today) = (local.time(), local.weekday());
        let begins = |day: Weekday| self.days.contains(&day);
        if self.from < self.to {
            begins(today) && time >= self.from && time < self.to
        } else {
            (begins(today) && time >= self.from) || (begins(today.previous()) && time < self.to)
        }
    }
}

/// What the clocks of a zone show at `at`; `None` for a time that no calendar has.
#[must_use]
pub fn local(at: UnixTime, zone: &TimeZone) -> Option<DateTime> {
    let instant = jiff::Timestamp::from_millisecond(at.0).ok()?;
    Some(zone.to_datetime(instant))
}

#[cfg(test)]
mod tests;
