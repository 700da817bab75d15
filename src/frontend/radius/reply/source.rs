//! Where the values of an attribute come from: the configuration, an attribute of the account, its groups.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::base::text::is_hidden;
use crate::frontend::radius::reply::target::{Form, Refused, Target};
use crate::login::identity::Account;
use crate::wire::radius::dictionary::MAX_TAG;

/// Signs that divide values from each other in what devices read, or end them (E-006): a group called
/// `users;OU=admins` would be two.
pub const SEPARATORS: &str = ";,=|\"";

/// Where values come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The configuration: the whole attribute.
    Fixed(Box<[u8]>),
    /// The account.
    Account(Box<FromAccount>),
    /// The groups of the account.
    Groups {
        /// Keys of groups with whole attributes, in the order to look.
        rows: Vec<(Box<str>, Box<[u8]>)>,
        /// All that fit, not the first alone.
        every: bool,
    },
}

/// What an attribute in a directory becomes.
#[derive(Debug, Clone)]
pub struct FromAccount {
    /// Its name, lower case.
    pub name: Box<str>,
    /// What stands before each value.
    pub before: Box<str>,
    /// What stands behind each value.
    pub after: Box<str>,
    /// Signs that may stand in a value although they divide values elsewhere.
    pub allow: Box<str>,
    /// Which of several values.
    pub take: Take,
}

/// Which of several values of an account is told. A directory has them in no order, so they are put in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The only one; with several nobody knows which is meant.
    Only,
    /// The first in the order of their bytes.
    First,
    /// All.
    All,
}

/// What becomes of an account without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is not let in.
    Refuse,
    /// The attribute is left out.
    Omit,
}

/// Why an account has no value that can be told. Names none: what stands in a directory is about a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// There is none.
    #[error("the account has no \"{0}\", and missing is \"refuse\"")]
    NoValue(Box<str>),
    /// It is in none of the groups.
    #[error("the account is in none of the groups of by-group, and missing is \"refuse\"")]
    NoGroup,
    /// There are several and one is expected.
    #[error("the account has {1} values of \"{0}\", and one is expected")]
    Several(Box<str>, usize),
    /// It is not UTF-8.
    #[error("a value of \"{0}\" is not text")]
    NotText(Box<str>),
    /// A sign in it would change what the device reads.
    #[error("a value of \"{0}\" holds {1:?}, which may divide or end values on the device")]
    Separator(Box<str>, char),
    /// A character in it cannot be seen.
    #[error("a value of \"{0}\" holds a character that cannot be seen")]
    Hidden(Box<str>),
    /// It would be read as something else than text.
    #[error("a value of \"{0}\" begins like a tag or like bytes in hexadecimal")]
    Ambiguous(Box<str>),
    /// It is none of the attribute's values.
    #[error("a value of \"{0}\" does not fit: {1}")]
    Unfit(Box<str>, Refused),
}

impl Source {
    /// Whole attributes for `account`. Not empty unless `missing` allows it.
    pub(super) fn values(
        &self,
        target: &Target,
        account: &Account,
        missing: Missing,
    ) -> Result<Vec<Box<[u8]>>, Why> {
        match self {
            Self::Fixed(whole) => Ok(vec![whole.clone()]),
            Self::Account(from) => from.values(target, account, missing),
            Self::Groups { rows, every } => {
                let most = if *every { usize::MAX } else { 1 };
                let fitting = rows.iter().filter(|(group, _)| account.groups.contains(group));
                let found: Vec<_> = fitting.take(most).map(|(_, whole)| whole.clone()).collect();
                match missing {
                    Missing::Refuse if found.is_empty() => Err(Why::NoGroup),
                    Missing::Refuse | Missing::Omit => Ok(found),
                }
            }
        }
    }

    /// Whether every account has a value.
    #[must_use]
    pub const fn is_certain(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }
}

impl FromAccount {
    fn values(&self, target: &Target, account: &Account, missing: Missing) -> Result<Vec<Box<[u8]>>, Why> {
        let name = || self.name.clone();
        let mut texts = BTreeSet::new();
        for value in account.attributes.get(&self.name).into_iter().flatten() {
            let text = std::str::from_utf8(value).map_err(|_| Why::NotText(name()))?;
            if !text.trim().is_empty() {
                texts.insert(text);
            }
        }
        let most = match self.take {
            Take::Only if texts.len() > 1 => return Err(Why::Several(name(), texts.len())),
            Take::Only | Take::First => 1,
            Take::All => usize::MAX,
        };
        if texts.is_empty() && missing == Missing::Refuse {
            return Err(Why::NoValue(name()));
        }
        texts.into_iter().take(most).map(|text| self.whole(target, text)).collect()
    }

    /// The attribute with one value of the account in it.
    fn whole(&self, target: &Target, value: &str) -> Result<Box<[u8]>, Why> {
        let name = || self.name.clone();
        if value.chars().any(is_hidden) {
            return Err(Why::Hidden(name()));
        }
        let text = match target.form() {
            Form::Text | Form::TaggedText | Form::Bytes => {
                if let Some(sign) = value.chars().find(|c| self.divides(*c)) {
                    return Err(Why::Separator(name(), sign));
                }
                let text = format!("{}{value}{}", self.before, self.after);
                if self.is_ambiguous(target, &text) {
                    return Err(Why::Ambiguous(name()));
                }
                text
            }
            // Active Directory keeps addresses as numbers with a sign (msRADIUSFramedIPAddress).
            Form::Ipv4 => address(value).map_or_else(|| value.to_owned(), |address| address.to_string()),
            Form::Integer
            | Form::TaggedInteger
            | Form::Integer64
            | Form::Date
            | Form::Ipv6
            | Form::Ipv6Prefix
            | Form::Hidden
            | Form::Salted
            | Form::TaggedSalted
            | Form::Keys
            | Form::Vendor => value.to_owned(),
        };
        target.whole(&text).map_err(|refused| Why::Unfit(name(), refused))
    }

    fn divides(&self, c: char) -> bool {
        let around = |c: char| {
            c.is_ascii_punctuation()
                && !"-_.".contains(c)
                && (self.before.contains(c) || self.after.contains(c))
        };
        (SEPARATORS.contains(c) || around(c)) && !self.allow.contains(c)
    }

    /// Whether the text would be read as a tag and a text, or as bytes in hexadecimal, for what the account has in it.
    fn is_ambiguous(&self, target: &Target, text: &str) -> bool {
        let is_tag = |text: &str| {
            text.split_once(':').is_some_and(|(tag, _)| tag.parse::<u8>().is_ok_and(|tag| tag <= MAX_TAG))
        };
        match target.form() {
            Form::Bytes => text.starts_with("0x") && !self.before.starts_with("0x"),
            Form::TaggedText => target.tag().is_none() && is_tag(text) && !is_tag(&self.before),
            _ => false,
        }
    }
}

/// An address that is written as a number of 32 bits, with or without a sign.
fn address(text: &str) -> Option<Ipv4Addr> {
    let number: i64 = text.parse().ok()?;
    let signed = i32::try_from(number).map(i32::cast_unsigned).ok();
    u32::try_from(number).ok().or(signed).map(Ipv4Addr::from_bits)
}
