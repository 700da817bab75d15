//! What a device is told about somebody who is let in: his group, his network, his address, by typed rules.
//!
//! Whatever cannot be told as it was meant ends the login: a device that hears less than it should may allow
//! more. Nothing is cut, replaced or guessed.

pub mod source;
pub mod target;

use std::collections::HashSet;
use std::sync::Arc;

use crate::frontend::radius::reply::source::{Missing, Source, Why};
use crate::frontend::radius::reply::target::{Often, Target};
use crate::login::identity::Account;
use crate::login::telling::{Tell, Told, Untold};
use crate::wire::radius::packet::{HEADER_LEN, MAX_LEN};

/// Most bytes of attributes: what an accept has room for beside its Message-Authenticator.
const MOST: usize = MAX_LEN - HEADER_LEN - 18;

/// The rules of one client, in their order.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Those that can be for this client.
    pub rules: Vec<Arc<Rule>>,
    /// How many of those that fit are used.
    pub choice: Choice,
    /// What becomes of somebody whom none of them fits.
    pub without: Without,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// For whom it is: accounts in one of these groups, by their keys; all when there are none.
    pub groups: Option<Vec<Box<str>>>,
    /// What it tells, in the order on the wire.
    pub attributes: Vec<Attribute>,
}

/// How many of the rules that fit are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The first alone.
    First,
    /// All of them, one after the other.
    Merge,
}

/// What becomes of somebody whom no rule fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// The device is told nothing of him.
    Accept,
    /// He is not let in.
    Refuse,
}

/// What a rule tells of one attribute.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Which attribute.
    pub target: Target,
    /// Where its values come from.
    pub source: Source,
    /// What becomes of an account that has none.
    pub missing: Missing,
}

/// Why somebody cannot be told of. It names no value: those are about a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// No rule is for him.
    #[error("no reply rule fits, and without-reply-rule is \"refuse\"")]
    NoRule,
    /// Two of the login's rules may hold, and name different ones.
    #[error("rules of which it cannot be told whether they match name different reply rules")]
    NoneInCommon,
    /// One of the attributes of a rule.
    #[error("reply \"{rule}\": {attribute}: {why}")]
    Attribute {
        /// The rule.
        rule: Arc<str>,
        /// The attribute.
        attribute: Box<str>,
        /// What is wrong.
        why: Why,
    },
    /// It is more than fits into one packet.
    #[error("the attributes together have more than {MOST} bytes, and an accept has room for no more")]
    TooMuch,
}

impl Rules {
    /// The attributes for `account`, whole, as they stand on the wire: by the rules named in `only`, or by all.
    ///
    /// An attribute that an accept has once is told by the first that has a value for it; what follows it is for
    /// accounts for which it has none. Of several rules that are merged only the first tells a Filter-Id.
    ///
    /// # Errors
    ///
    /// [`Failed`], which says what an administrator has to look at.
    pub fn attributes(&self, account: &Account, only: Option<&[Arc<str>]>) -> Result<Vec<u8>, Failed> {
        if only.is_some_and(<[_]>::is_empty) {
            return Err(Failed::NoneInCommon);
        }
        let is_named = |rule: &&Arc<Rule>| only.is_none_or(|names| names.contains(&rule.name));
        let most = match self.choice {
            Choice::First => 1,
            Choice::Merge => usize::MAX,
        };
        let mut told = ToldSoFar::default();
        let mut some = false;
        for rule in self.rules.iter().filter(is_named).filter(|rule| rule.fits(account)).take(most) {
            some = true;
            rule.tell(account, &mut told)?;
        }
        if !some && self.without == Without::Refuse {
            return Err(Failed::NoRule);
        }
        if told.bytes.len() > MOST {
            return Err(Failed::TooMuch);
        }
        Ok(told.bytes)
    }
}

impl Tell for Rules {
    fn tell(&self, account: &Account, only: Option<&[Arc<str>]>) -> Result<Told, Untold> {
        self.attributes(account, only).map(Told::new).map_err(|_| Untold)
    }

    fn why_not(&self, account: &Account, only: Option<&[Arc<str>]>) -> Option<String> {
        self.attributes(account, only).err().map(|failed| failed.to_string())
    }
}

/// What is told by the rules and attributes before.
#[derive(Default)]
struct ToldSoFar {
    bytes: Vec<u8>,
    /// Each attribute once: rules that are merged may say the same.
    whole: HashSet<Box<[u8]>>,
    /// By earlier rules, by earlier attributes of this rule.
    rules: HashSet<(Option<u32>, u8)>,
    rule: HashSet<(Option<u32>, u8)>,
}

impl ToldSoFar {
    fn has(&self, target: &Target) -> bool {
        let key = target.key();
        match target.often() {
            Often::Once => self.rules.contains(&key) || self.rule.contains(&key),
            Often::OnceInMerged => self.rules.contains(&key),
            Often::Any => false,
        }
    }
}

impl Rule {
    fn fits(&self, account: &Account) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups.iter().any(|group| account.groups.contains(group)))
    }

    fn tell(&self, account: &Account, told: &mut ToldSoFar) -> Result<(), Failed> {
        for attribute in &self.attributes {
            if told.has(&attribute.target) {
                continue;
            }
            let failed = |why| Failed::Attribute {
                rule: Arc::clone(&self.name),
                attribute: attribute.target.name().into(),
                why,
            };
            for whole in
                attribute.source.values(&attribute.target, account, attribute.missing).map_err(failed)?
            {
                told.rule.insert(attribute.target.key());
                if told.whole.insert(whole.clone()) {
                    told.bytes.extend_from_slice(&whole);
                }
            }
        }
        let rule: Vec<_> = told.rule.drain().collect();
        told.rules.extend(rule);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
