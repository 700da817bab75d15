//! User names as devices write them, turned into those that the directory knows: a realm taken off, another put on
//! (E-009). One of the two places where a name changes; the other is the one normalisation of [`LoginName`] (B-105),
//! on whose result the changes work. So spellings of one name stay one name, whatever is changed (D-102).
//!
//! What was typed stays beside it: upstreams and the hash of MS-CHAP need the name as it came.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::login::identity::{BadName, LoginName, folded};

/// Longest expression, and longest text that takes the place of what it finds, in bytes.
pub const LONGEST: usize = 1000;

/// What an expression may take up when it is compiled, in bytes. Matching takes time in proportion to the name.
const MOST_MEMORY: usize = 1024 * 1024;

/// The changes of one client, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renaming(Arc<[Change]>);

/// One change. All of them look at the normalised name, so upper and lower case are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    StripPrefix(Box<str>),
    StripSuffix(Box<str>),
    AddSuffix(Box<str>),
    Replace(Pattern),
}

impl Change {
    /// Takes `text` off the beginning of a name that begins with it and goes on.
    #[must_use]
    pub fn strip_prefix(text: &str) -> Self {
        Self(Kind::StripPrefix(folded(text).into()))
    }

    /// Takes `text` off the end of a name that ends with it and has more before it.
    #[must_use]
    pub fn strip_suffix(text: &str) -> Self {
        Self(Kind::StripSuffix(folded(text).into()))
    }

    /// Puts `text` behind a name that has neither realm nor domain: no `@` and no `\`.
    #[must_use]
    pub fn add_suffix(text: &str) -> Self {
        Self(Kind::AddSuffix(folded(text).into()))
    }

    /// Puts something else in the place of a name that fits a pattern.
    #[must_use]
    pub const fn replace(pattern: Pattern) -> Self {
        Self(Kind::Replace(pattern))
    }

    /// The name afterwards; `None` when it stays as it is.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<String> {
        let rest = |rest: &str| (!rest.is_empty()).then(|| rest.to_owned());
        match &self.0 {
            Kind::StripPrefix(prefix) => name.strip_prefix(&**prefix).and_then(rest),
            Kind::StripSuffix(suffix) => name.strip_suffix(&**suffix).and_then(rest),
            Kind::AddSuffix(suffix) => (!name.contains(['@', '\\'])).then(|| format!("{name}{suffix}")),
            Kind::Replace(pattern) => pattern.of(name),
        }
    }
}

/// An expression that a whole name must fit, and what takes the name's place: `$1` or `${1}` stand for what the first
/// pair of parentheses holds, `${name}` for one that has a name, `$$` for a dollar sign.
#[derive(Clone)]
pub struct Pattern {
    regex: Regex,
    to: Box<str>,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// It is no regular expression, or none that takes linear time; says what is wrong, on one line.
    #[error("it is no regular expression that we know: {0}")]
    Syntax(String),
    /// It would take too much memory.
    #[error("it is longer than {LONGEST} bytes, or takes more than 1 MiB of memory")]
    TooLarge,
    /// What takes the name's place mentions parentheses that are not there.
    #[error("it has no parentheses \"{0}\"")]
    NoGroup(String),
}

impl Pattern {
    /// Compiles `pattern`, which must fit a whole name whether or not it says so.
    ///
    /// # Errors
    ///
    /// [`BadPattern`]
    pub fn new(pattern: &str, to: &str) -> Result<Self, BadPattern> {
        if pattern.len() > LONGEST || to.len() > LONGEST {
            return Err(BadPattern::TooLarge);
        }
        // By itself first: half a pair of parentheses must not meet ours.
        let compile = |text: &str| {
            RegexBuilder::new(text)
                .case_insensitive(true)
                .size_limit(MOST_MEMORY)
                .dfa_size_limit(MOST_MEMORY)
                .build()
        };
        let compiled = compile(pattern).and_then(|_| compile(&format!("^(?:{pattern})$")));
        let regex = compiled.map_err(|error| bad(&error))?;
        let there = |name: &str| match name.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|known| known == name),
        };
        match mentioned(to).into_iter().find(|name| !there(name)) {
            Some(name) => Err(BadPattern::NoGroup(name.to_owned())),
            None => Ok(Self { regex, to: to.into() }),
        }
    }

    fn of(&self, name: &str) -> Option<String> {
        let found = self.regex.captures(name)?;
        let mut renamed = String::new();
        found.expand(&self.to, &mut renamed);
        Some(renamed)
    }
}

fn bad(error: &regex::Error) -> BadPattern {
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return BadPattern::TooLarge;
    }
    // The expression stands on lines of its own, and what is wrong with it on the last.
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default().trim();
    BadPattern::Syntax(line.strip_prefix("error: ").unwrap_or(line).to_owned())
}

/// The names behind dollar signs, read as [`regex::Captures::expand`] reads them.
fn mentioned(to: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = to;
    while let Some((_, behind)) = rest.split_once('$') {
        if let Some(behind) = behind.strip_prefix('$') {
            rest = behind;
        } else if let Some((name, behind)) = behind.strip_prefix('{').and_then(|inner| inner.split_once('}'))
        {
            names.push(name);
            rest = behind;
        } else {
            let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
            let (name, behind) = behind.split_at_checked(end).unwrap_or((behind, ""));
            if !name.is_empty() {
                names.push(name);
            }
            rest = behind;
        }
    }
    names
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (self.regex.as_str(), &self.to) == (other.regex.as_str(), &other.to)
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({} → {})", self.regex, self.to)
    }
}

impl Renaming {
    /// These changes, one after the other.
    #[must_use]
    pub fn new(changes: Vec<Change>) -> Self {
        Self(changes.into())
    }

    /// The name under which the account is looked for. A distinguished name is the directory's own and never changes.
    ///
    /// # Errors
    ///
    /// [`BadName`] when what comes out cannot be a name.
    pub fn apply(&self, name: LoginName) -> Result<LoginName, BadName> {
        if self.0.is_empty() || name.is_distinguished() {
            return Ok(name);
        }
        let renamed = self.0.iter().fold(None, |so_far: Option<String>, change| {
            change.of(so_far.as_deref().unwrap_or(name.prepared())).or(so_far)
        });
        match renamed {
            None => Ok(name),
            Some(renamed) => name.known_as(&renamed),
        }
    }

    /// [`LoginName::parse`] and [`Renaming::apply`].
    ///
    /// # Errors
    ///
    /// [`BadName`] for what cannot be a name before or after the changes.
    pub fn read(&self, bytes: &[u8]) -> Result<LoginName, BadName> {
        self.apply(LoginName::parse(bytes)?)
    }
}

#[cfg(test)]
mod tests;
