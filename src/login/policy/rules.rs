//! All rules, in order.

use std::ops::Deref;

use crate::login::policy::rule::Rule;

/// Rules in order, which no longer change: other ones are other rules.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    list: Vec<Rule>,
}

impl Rules {
    /// Adds a rule below all others. Many are better given at once.
    pub fn push(&mut self, rule: Rule) {
        let mut list = std::mem::take(&mut self.list);
        list.push(rule);
        *self = list.into();
    }
}

impl From<Vec<Rule>> for Rules {
    fn from(list: Vec<Rule>) -> Self {
        Self { list }
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        Self::from(rules.into_iter().collect::<Vec<_>>())
    }
}

impl Deref for Rules {
    type Target = [Rule];

    fn deref(&self) -> &[Rule] {
        &self.list
    }
}

impl<'a> IntoIterator for &'a Rules {
    type Item = &'a Rule;
    type IntoIter = std::slice::Iter<'a, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}
