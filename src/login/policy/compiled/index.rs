//! Which rules come into question for a login.

use std::collections::HashMap;

use crate::login::policy::compiled::anchor::{Anchor, anchors};
use crate::login::policy::compiled::bits::Bits;
use crate::login::policy::compiled::check::{Check, Kind};
use crate::login::policy::compiled::seen::{Has, Seen};
use crate::login::policy::rule::{Requirement, Rule};

/// Rules by their anchors.
#[derive(Debug, Default)]
pub(super) struct Index {
    count: usize,
    /// Rules without an anchor.
    always: Bits,
    /// By kind, in the order of [`Kind::ALL`].
    kinds: Vec<Anchored>,
    /// Those by which some rule is found, but groups, which are looked at last.
    used: Vec<Kind>,
    /// Rules that narrow what is decided below them when it cannot be told whether they hold.
    narrowing: Bits,
    /// Some rules are about the time.
    timed: bool,
    /// Some rule that is in force refuses.
    refuses: bool,
    /// Rules that are only tried out.
    shadows: Option<Bits>,
}

/// Rules that have something of one kind for an anchor.
#[derive(Debug, Default)]
struct Anchored {
    /// By number.
    by_number: Vec<Named>,
    /// All of them.
    all: Bits,
}

/// Rules that name something.
#[derive(Debug)]
enum Named {
    /// These.
    Few(Vec<usize>),
    /// So many that all bits are less.
    Many(Bits),
}

impl Anchored {
    fn is_empty(&self) -> bool {
        self.by_number.is_empty() && self.all.is_empty()
    }
}

impl Index {
    /// Finds an anchor for each rule: the one that is likely to bring it into question least often.
    pub(super) fn new(rules: &[Rule], checks: &[Check]) -> Self {
        let mut all: Vec<_> = checks.iter().map(anchors).collect();
        let mut counts: HashMap<(Kind, usize), usize> = HashMap::new();
        for key in all.iter().flatten().flat_map(|anchor| &anchor.keys) {
            let count = counts.entry(*key).or_default();
            *count = count.saturating_add(1);
        }
        let count = rules.len();
        let mut index = Self {
            count,
            always: Bits::none(count),
            kinds: Kind::ALL
                .iter()
                .map(|_| Anchored { by_number: Vec::new(), all: Bits::none(count) })
                .collect(),
            used: Vec::new(),
            narrowing: Bits::none(count),
            timed: rules.iter().any(|rule| rule.when.is_timed()),
            refuses: rules.iter().any(|rule| rule.then == Requirement::Refuse && !rule.options.shadow),
            shadows: None,
        };
        for (number, (rule, anchors)) in rules.iter().zip(&mut all).enumerate() {
            if rule.narrows() {
                index.narrowing.add(number);
            }
            if rule.options.shadow {
                index.shadows.get_or_insert_with(|| Bits::none(count)).add(number);
            }
            let named = |key| counts.get(&key).copied().unwrap_or(0);
            match std::mem::take(anchors).into_iter().min_by_key(|anchor| anchor.effort(named)) {
                Some(anchor) => index.hang(number, &anchor),
                None => index.always.add(number),
            }
        }
        index.shorten();
        let hangs = |kind: &Kind| index.kinds.get(*kind as usize).is_some_and(|here| !here.is_empty());
        index.used = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Group && hangs(kind)).collect();
        index
    }

    fn hang(&mut self, rule: usize, anchor: &Anchor) {
        for kind in &anchor.kinds {
            if let Some(anchored) = self.kinds.get_mut(*kind as usize) {
                anchored.all.add(rule);
            }
        }
        for (kind, number) in &anchor.keys {
            let Some(anchored) = self.kinds.get_mut(*kind as usize) else { continue };
            if anchored.by_number.len() <= *number {
                anchored.by_number.resize_with(number.saturating_add(1), || Named::Few(Vec::new()));
            }
            if let Some(Named::Few(list)) = anchored.by_number.get_mut(*number)
                && list.last() != Some(&rule)
            {
                list.push(rule);
            }
        }
    }

    /// Long lists become bits.
    fn shorten(&mut self) {
        let count = self.count;
        let words = count / 64;
        for named in self.kinds.iter_mut().flat_map(|anchored| &mut anchored.by_number) {
            if let Named::Few(list) = named {
                if list.len() > words {
                    let mut bits = Bits::none(count);
                    list.iter().for_each(|rule| bits.add(*rule));
                    *named = Named::Many(bits);
                } else {
                    list.shrink_to_fit();
                }
            }
        }
    }

    /// Whether some rules are about the time.
    pub(super) const fn is_timed(&self) -> bool {
        self.timed
    }

    /// Whether some rules are only tried out.
    pub(super) const fn refuses(&self) -> bool {
        self.refuses
    }

    pub(super) const fn has_shadows(&self) -> bool {
        self.shadows.is_some()
    }

    /// The first rule that has a group for an anchor and does not stand above `from`.
    fn grouped_from(&self, from: usize) -> Option<usize> {
        self.kinds.get(Kind::Group as usize)?.all.next(from)
    }

    /// Starts to go through the rules that come into question.
    pub(super) fn walk<'a>(&'a self, seen: &mut Seen<'_>, tried: bool) -> Walk<'a> {
        let mut walk = Walk {
            index: self,
            found: self.always.clone(),
            at: 0,
            groups_from: self.grouped_from(0),
            left_out: self.shadows.as_ref().filter(|_| !tried),
            unnarrowing: seen.is_pending(),
        };
        self.used.iter().for_each(|kind| walk.add(*kind, seen));
        walk
    }
}

/// A way through the rules that come into question, in order.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    index: &'a Index,
    found: Bits,
    at: usize,
    /// From this rule on, those that have a group for an anchor have not been added yet.
    groups_from: Option<usize>,
    left_out: Option<&'a Bits>,
    /// Rules that narrow nothing matter even where it cannot be told whether they hold: one of them may need what is not
    /// known yet.
    unnarrowing: bool,
}

impl Walk<'_> {
    /// The next rule.
    pub(super) fn next(&mut self, seen: &mut Seen<'_>) -> Option<usize> {
        loop {
            let next = self.found.next(self.at);
            // Groups take longest. Often a rule decides before it would have paid to look at all that somebody is in.
            if let Some(from) = self.groups_from
                && next.is_none_or(|next| next >= from)
            {
                if seen.spares_groups(1) {
                    self.found.add(from);
                    self.groups_from = self.index.grouped_from(from.saturating_add(1));
                } else {
                    self.groups_from = None;
                    self.add(Kind::Group, seen);
                }
                continue;
            }
            let next = next?;
            self.at = next.saturating_add(1);
            if !self.left_out.is_some_and(|shadows| shadows.has(next)) {
                return Some(next);
            }
        }
    }

    fn add(&mut self, kind: Kind, seen: &mut Seen<'_>) {
        let Some(anchored) = self.index.kinds.get(kind as usize) else { return };
        if anchored.is_empty() {
            return;
        }
        match seen.has(kind) {
            Has::One(number) => number.iter().for_each(|number| self.add_named(anchored, *number)),
            Has::List(numbers) => numbers.iter().for_each(|number| self.add_named(anchored, *number)),
            Has::Set(sure, perhaps) => {
                for set in std::iter::once(sure).chain(perhaps) {
                    set.iter().for_each(|number| self.add_named(anchored, number));
                }
            }
            Has::Unknown if !self.unnarrowing => self.found.add_common(&anchored.all, &self.index.narrowing),
            Has::Unknown | Has::Pending => self.found.add_all(&anchored.all),
        }
    }

    fn add_named(&mut self, anchored: &Anchored, number: usize) {
        match anchored.by_number.get(number) {
            Some(Named::Few(list)) => list.iter().for_each(|rule| self.found.add(*rule)),
            Some(Named::Many(bits)) => self.found.add_all(bits),
            None => {}
        }
    }
}
