//! All rules, in order.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::login::policy::compiled::Compiled;
use crate::login::policy::rule::Rule;

/// Rules in order, which no longer change: other ones are other rules.
#[derive(Clone, Default)]
pub struct Rules {
    list: Vec<Rule>,
    compiled: Arc<Compiled>,
}

impl Rules {
    /// Adds a rule below all others. Many are better given at once.
    pub fn push(&mut self, rule: Rule) {
        let mut list = std::mem::take(&mut self.list);
        list.push(rule);
        *self = list.into();
    }
}

impl Rules {
    /// The same rules as they are asked at every login.
    #[must_use]
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

impl From<Vec<Rule>> for Rules {
    fn from(list: Vec<Rule>) -> Self {
        let compiled = Arc::new(Compiled::new(&list));
        Self { list, compiled }
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
