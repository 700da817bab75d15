//! Times that do not repeat by the week: holidays, maintenance.

use crate::base::clock::UnixTime;

/// Spans of time, in order and apart from each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    spans: Vec<(UnixTime, UnixTime)>,
}

impl Calendar {
    /// A calendar of spans, each from its first moment to the first one that is no longer inside; those that touch
    /// become one, those that are empty are left out.
    #[must_use]
    pub fn new(spans: impl IntoIterator<Item = (UnixTime, UnixTime)>) -> Self {
        let mut all: Vec<_> = spans.into_iter().filter(|(from, until)| from < until).collect();
        all.sort_unstable();
        let mut merged: Vec<(UnixTime, UnixTime)> = Vec::with_capacity(all.len());
        for (from, until) in all {
            match merged.last_mut() {
                Some((_, end)) if from <= *end => *end = until.max(*end),
                _ => merged.push((from, until)),
            }
        }
        Self { spans: merged }
    }

    /// Whether `at` is inside of one of them.
    #[must_use]
    pub fn contains(&self, at: UnixTime) -> bool {
        self.at(at).is_some()
    }

    /// The first moment after `at` at which it is otherwise than at `at`; `None` when there is none.
    #[must_use]
    pub fn next_boundary(&self, at: UnixTime) -> Option<UnixTime> {
        if let Some((_, until)) = self.at(at) {
            return Some(until);
        }
        let next = self.spans.partition_point(|(from, _)| *from <= at);
        self.spans.get(next).map(|(from, _)| *from)
    }

    /// Its spans.
    #[must_use]
    pub fn spans(&self) -> &[(UnixTime, UnixTime)] {
        &self.spans
    }

    fn at(&self, at: UnixTime) -> Option<(UnixTime, UnixTime)> {
        let after = self.spans.partition_point(|(from, _)| *from <= at);
        let (from, until) = *self.spans.get(after.checked_sub(1)?)?;
        (at < until).then_some((from, until))
    }
}
