//! Times that do not repeat by the week: holidays, maintenance.

use crate::base::clock::UnixTime;
use crate::login::policy::truth::Truth;

/// A piece of time: its first moment, and the first one that is no longer inside.
pub type Span = (UnixTime, UnixTime);

/// All of time.
pub const ALWAYS: Span = (UnixTime(i64::MIN), UnixTime(i64::MAX));

/// Spans of time, in order and apart from each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    spans: Box<[Span]>,
    known: Span,
}

impl Default for Calendar {
    /// Without any span, at any time.
    fn default() -> Self {
        Self { spans: Box::default(), known: ALWAYS }
    }
}

impl Calendar {
    /// A calendar of spans, each from its first moment to the first one that is no longer inside; those that touch
    /// become one, those that are empty are left out.
    #[must_use]
    pub fn new(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut all: Vec<Span> = spans.into_iter().filter(|(from, until)| from < until).collect();
        all.sort_unstable();
        let mut merged: Vec<Span> = Vec::with_capacity(all.len());
        for (from, until) in all {
            match merged.last_mut() {
                Some((_, end)) if from <= *end => *end = until.max(*end),
                _ => merged.push((from, until)),
            }
        }
        Self { spans: merged.into(), known: ALWAYS }
    }

    /// The same, which does not know of the time outside of `known`: what repeats without an end is written out for
    /// some years only.
    #[must_use]
    pub const fn known_for(mut self, known: Span) -> Self {
        self.known = known;
        self
    }

    /// Whether `at` is inside of one of them.
    #[must_use]
    pub fn contains(&self, at: UnixTime) -> Truth {
        if at < self.known.0 || at >= self.known.1 {
            Truth::Unknown
        } else {
            Truth::of(self.at(at).is_some())
        }
    }

    /// The first moment after `at` at which it is otherwise than at `at`; `None` when there is none.
    #[must_use]
    pub fn next_boundary(&self, at: UnixTime) -> Option<UnixTime> {
        let (first, last) = self.known;
        if at < first {
            return (first < last).then_some(first);
        }
        let next = match self.at(at) {
            Some((_, until)) => Some(until),
            None => self.spans.get(self.begun_by(at)).map(|(from, _)| *from),
        };
        let end = (last != ALWAYS.1).then_some(last);
        [next, end].into_iter().flatten().min().filter(|_| at < last)
    }

    /// Its spans.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// How many spans have begun at `at`.
    fn begun_by(&self, at: UnixTime) -> usize {
        self.spans.partition_point(|(from, _)| *from <= at)
    }

    fn at(&self, at: UnixTime) -> Option<Span> {
        let span = *self.spans.get(self.begun_by(at).checked_sub(1)?)?;
        (at < span.1).then_some(span)
    }
}

/// What lies in both.
#[must_use]
pub fn overlap(one: Span, other: Span) -> Span {
    (one.0.max(other.0), one.1.min(other.1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(from: i64, until: i64) -> Span {
        (UnixTime(from), UnixTime(until))
    }

    #[test]
    fn spans_that_touch_or_overlap_are_one_and_empty_ones_are_none() {
        let calendar = Calendar::new([span(30, 40), span(10, 20), span(20, 25), span(12, 15), span(50, 50)]);
        assert_eq!(calendar.spans(), [span(10, 25), span(30, 40)]);
    }

    #[test]
    fn the_first_moment_is_inside_and_the_last_is_not() {
        let calendar = Calendar::new([span(10, 20)]);
        for (at, inside) in [(9, Truth::No), (10, Truth::Yes), (19, Truth::Yes), (20, Truth::No)] {
            assert_eq!(calendar.contains(UnixTime(at)), inside, "{at}");
        }
        assert_eq!(calendar.next_boundary(UnixTime(0)), Some(UnixTime(10)));
        assert_eq!(calendar.next_boundary(UnixTime(10)), Some(UnixTime(20)));
        assert_eq!(calendar.next_boundary(UnixTime(20)), None);
    }

    #[test]
    fn what_a_calendar_does_not_know_it_does_not_deny() {
        let calendar = Calendar::new([span(10, 20), span(95, 120)]).known_for(span(5, 100));
        for (at, inside) in [
            (4, Truth::Unknown),
            (5, Truth::No),
            (10, Truth::Yes),
            (99, Truth::Yes),
            (100, Truth::Unknown),
            (119, Truth::Unknown),
        ] {
            assert_eq!(calendar.contains(UnixTime(at)), inside, "{at}");
        }
        for (at, next) in [(0, Some(5)), (5, Some(10)), (20, Some(95)), (95, Some(100)), (100, None)] {
            assert_eq!(calendar.next_boundary(UnixTime(at)), next.map(UnixTime), "{at}");
        }
    }

    #[test]
    fn an_empty_calendar_contains_nothing_and_never_changes() {
        assert_eq!(Calendar::default().contains(UnixTime(0)), Truth::No);
        assert_eq!(Calendar::default().next_boundary(UnixTime(i64::MIN)), None);
    }

    proptest! {
        #[test]
        fn a_calendar_says_what_its_spans_say_one_by_one(
            spans in prop::collection::vec((-50_i64..50, -50_i64..50), 0..12),
            known in prop::option::of((-60_i64..60, 0_i64..60)),
        ) {
            let spans: Vec<Span> = spans.into_iter().map(|(from, until)| span(from, until)).collect();
            let known = known.map(|(from, length)| span(from, from + length));
            let calendar = Calendar::new(spans.clone()).known_for(known.unwrap_or(ALWAYS));
            let within = |at: i64| move |span: &Span| span.0.0 <= at && at < span.1.0;
            let naive = |at: i64| match known {
                Some(known) if !within(at)(&known) => Truth::Unknown,
                _ => Truth::of(spans.iter().any(within(at))),
            };
            for at in -70..70 {
                prop_assert_eq!(calendar.contains(UnixTime(at)), naive(at), "{}", at);
                let changes = (at + 1..130).find(|later| naive(*later) != naive(at));
                prop_assert_eq!(calendar.next_boundary(UnixTime(at)), changes.map(UnixTime), "{}", at);
            }
        }
    }
}
