//! Places where a factor was confirmed, for rules that say how long it counts again there.
//!
//! Unlike a field that comes again ([`crate::gateway::remember`]), what is known here is the place alone: subject, client,
//! the user's own address and what the client tells about his device. The password is verified each time. Without a user
//! address nothing is remembered: all the users of a client would share one place.

use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;
use crate::base::cidr::Prefix;
use crate::base::spread::Spreading;
use crate::gateway::remember::{MOST_OF_ONE, Mark, Memory};
use crate::login::factor::FactorKinds;
use crate::login::flow::Flow;
use crate::login::identity::Pseudonym;
use crate::login::step::{Before, Record};

/// Nothing is remembered for longer; what a rule says is at most this.
pub(super) const LONGEST: Duration = Flow::LONGEST_MEMORY;

/// The places of each subject.
pub(super) type Places = BoundedMap<Pseudonym, Vec<Place>, Spreading>;

/// One of them.
pub(super) struct Place {
    pub(super) print: Mark,
    /// Of what must not have changed.
    pub(super) state: Mark,
    pub(super) kinds: FactorKinds,
    pub(super) since: Instant,
    /// Something has changed since: it never counts again, not even when the change is taken back.
    pub(super) over: bool,
}

impl Memory {
    /// What was confirmed before where this login comes from; `record` is what its subject has now.
    pub(in crate::gateway) fn recall_place(
        &self,
        flow: &Flow,
        record: &Record,
        now: Instant,
    ) -> Option<Before> {
        let who = &flow.subject()?.pseudonym;
        self.places.look(who.number())?.get(who, now)?;
        let (print, state) = (self.print_of_place(flow)?, self.state_of_place(flow, record)?);
        let mut places = self.places.put(who.number());
        recall_in(places.get_mut(who, now)?, (print, state), now)
    }

    /// Remembers where factors of these kinds were confirmed. Their time does not begin anew when they count again.
    pub(in crate::gateway) fn keep_place(&self, flow: &Flow, kinds: FactorKinds, now: Instant) {
        let Some(subject) = flow.subject() else { return };
        let Some(print) = self.print_of_place(flow) else { return };
        let Some(state) = self.state_of_place(flow, flow.record()) else { return };
        let mut places = self.places.put(subject.pseudonym.number());
        let mut known = places.remove(&subject.pseudonym, now).unwrap_or_default();
        keep_in(&mut known, Place { print, state, kinds, since: now, over: false });
        places.insert(subject.pseudonym.clone(), known, now);
    }

    /// Nothing counts again that was confirmed of `who` anywhere.
    pub(super) fn end_places(&self, who: &Pseudonym, now: Instant) {
        let Some(mut places) = self.places.look(who.number()) else { return };
        places.get_mut(who, now).into_iter().flatten().for_each(|place| place.over = true);
    }

    fn print_of_place(&self, flow: &Flow) -> Option<Mark> {
        let attempt = flow.attempt();
        let network = Prefix::around(attempt.origin.user?, 32, 64);
        Some(self.marks.of(&("place", &attempt.client.name, network, &attempt.hint)))
    }

    /// Password, standing, groups, factors, and which of them are locked: whatever an administrator takes away ends it,
    /// and a lock that a login at one of the places meets. To release a lock or a wait is no change of these.
    pub(super) fn state_of_place(&self, flow: &Flow, record: &Record) -> Option<Mark> {
        let locked = record.codes.iter().filter(|(_, failures)| failures.locked);
        let locked: FactorKinds = locked.map(|(kind, _)| *kind).collect();
        Some(self.state(&flow.subject()?.account, &record.enrolments, locked))
    }
}

/// Puts a place among those of one subject, instead of what was known of it and of what no longer counts.
pub(super) fn keep_in(known: &mut Vec<Place>, place: Place) {
    known.retain(|before| {
        let lasts = place.since.saturating_duration_since(before.since) < LONGEST;
        lasts && !before.over && before.print != place.print
    });
    if known.len() >= MOST_OF_ONE {
        known.remove(0);
    }
    // Most have one, and there are tens of thousands of them.
    known.reserve_exact(1);
    known.push(place);
}

/// What was confirmed at the place with this print, as long as this state is as it was then. Where it is not, nothing
/// counts any more, wherever it was.
pub(super) fn recall_in(known: &mut [Place], (print, state): (Mark, Mark), now: Instant) -> Option<Before> {
    known.iter_mut().for_each(|place| place.over |= place.state != state);
    let here = known.iter().find(|place| !place.over && place.print == print)?;
    Some(Before { kinds: here.kinds, age: now.saturating_duration_since(here.since) })
}
