//! The rules as they are asked at every login: the same answers as the conditions themselves give, one after the other,
//! without looking at most of them.
//!
//! Each rule is found by its *anchor*: something that it can only hold with, such as a client or a group. A login has
//! few of those, so few rules come into question; these are looked at in order. What many conditions share (which
//! networks an address is in, which of the groups that rules name somebody is in, which hours are open) is found out
//! once for a login, and not before it is needed.

mod anchor;
mod bits;
mod check;
mod index;
mod networks;
mod seen;
mod words;

use crate::login::policy::compiled::check::Check;
use crate::login::policy::compiled::index::{Index, Walk};
use crate::login::policy::compiled::seen::Seen;
use crate::login::policy::compiled::words::Words;
use crate::login::policy::facts::Facts;
use crate::login::policy::rule::Rule;
use crate::login::policy::truth::Truth;

/// Rules, compiled. Made once when the settings are read.
#[derive(Debug, Default)]
pub struct Compiled {
    checks: Vec<Check>,
    words: Words,
    index: Index,
}

impl Compiled {
    /// Compiles rules.
    #[must_use]
    pub fn new(rules: &[Rule]) -> Self {
        let mut words = Words::default();
        let checks: Vec<_> = rules.iter().map(|rule| Check::new(&rule.when, &mut words)).collect();
        words.finish();
        let index = Index::new(rules, &checks);
        Self { checks, words, index }
    }

    /// Looks at a login.
    #[must_use]
    pub fn look<'a>(&'a self, facts: &'a Facts<'a>) -> Look<'a> {
        Look { checks: &self.checks, index: &self.index, seen: Seen::new(&self.words, facts) }
    }

    /// Whether some rules are about the time.
    #[must_use]
    pub const fn is_timed(&self) -> bool {
        self.index.is_timed()
    }

    /// Whether some rule refuses, of those that are in force.
    #[must_use]
    pub const fn refuses(&self) -> bool {
        self.index.refuses()
    }

    /// Whether some rules are only tried out.
    #[must_use]
    pub const fn has_shadows(&self) -> bool {
        self.index.has_shadows()
    }
}

/// What is known of one login so far.
#[derive(Debug)]
pub struct Look<'a> {
    checks: &'a [Check],
    index: &'a Index,
    seen: Seen<'a>,
}

impl<'a> Look<'a> {
    /// The rules that may decide about this login or add to what is decided, in order: the number of each, and what its
    /// condition says. Rules that are only tried out are among them when `tried` is set.
    ///
    /// A rule that is left out does not hold, or cannot be told to and would narrow nothing.
    pub fn rules(&mut self, tried: bool) -> impl Iterator<Item = (usize, Truth)> + use<'_, 'a> {
        self.at_any_time(tried).filter(|(_, truth)| *truth != Truth::No)
    }

    /// The same with those that do not hold now and may at another time.
    pub fn at_any_time(&mut self, tried: bool) -> Rules<'_, 'a> {
        let walk = self.index.walk(&mut self.seen, tried);
        Rules { checks: self.checks, walk, seen: &mut self.seen }
    }
}

/// Rules that come into question.
#[derive(Debug)]
pub struct Rules<'l, 'a> {
    checks: &'a [Check],
    walk: Walk<'a>,
    seen: &'l mut Seen<'a>,
}

impl Iterator for Rules<'_, '_> {
    type Item = (usize, Truth);

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.walk.next(self.seen)?;
        Some((number, self.checks.get(number)?.look(self.seen)))
    }
}
