//! A complaint about the configuration: place, text, hint.

use std::ops::Range;

/// One thing that is wrong (or doubtful) in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Byte range of the offending text in its file; `None` when the problem belongs to no single place.
    pub at: Option<Range<usize>>,
    /// What is wrong: a sentence without capital and full stop.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at a place.
    #[must_use]
    pub fn at(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { at: Some(span), what: what.into(), hint: None }
    }

    /// A problem of the whole.
    #[must_use]
    pub fn whole(what: impl Into<String>) -> Self {
        Self { at: None, what: what.into(), hint: None }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
