//! What differs, by rule and count.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::text::safe;
use crate::cli::exit::Failure;
use crate::cli::explain::told::demand;
use crate::cli::policy::recorded::Recorded;
use crate::cli::policy::replay::case::{By, Outcome};
use crate::cli::policy::replay::groups;
use crate::cli::policy::replay::judge::Verdict;
use crate::cli::terminal::say;
use crate::login::policy::{Demand, Input};

fn logins(count: u64) -> String {
    if count == 1 { "1 login".to_owned() } else { format!("{count} logins") }
}

/// Most kinds of change, and of reasons, that are told apart.
const MOST: usize = 1000;
/// Most logins that are named of each.
const EXAMPLES: usize = 3;

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Files that could not be read.
    pub(super) not_read: Vec<String>,
    /// Groups that were looked up.
    pub(super) groups: Option<groups::Found>,
    logins: u64,
    same: u64,
    changes: BTreeMap<Change, Found>,
    cannot_tell: BTreeMap<String, Found>,
    /// Of kinds beyond those that are told apart.
    others: u64,
}

/// From which rule to which, and from what to what.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    kind: Kind,
    from: (By, String),
    to: (By, String),
}

/// Which way it goes; what opens comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Less is demanded.
    Looser,
    /// Something else is demanded.
    Otherwise,
    /// More is demanded.
    Stricter,
    /// The same is demanded by another rule.
    ByAnother,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Looser => "looser",
            Self::Otherwise => "otherwise",
            Self::Stricter => "stricter",
            Self::ByAnother => "by-another",
        }
    }

    fn of(old: &Demand, new: &Demand) -> Self {
        match (old.implies(new), new.implies(old)) {
            (true, true) => Self::ByAnother,
            (true, false) => Self::Looser,
            (false, true) => Self::Stricter,
            (false, false) => Self::Otherwise,
        }
    }
}

/// How often, and some of them.
#[derive(Debug, Default)]
struct Found {
    count: u64,
    /// Logins that were let in and could not show what is demanded now.
    shut_out: u64,
    examples: Vec<String>,
}

impl Report {
    /// Whether something changes for certain.
    pub(super) fn changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Takes one login in.
    pub(super) fn take(&mut self, recorded: &Recorded, verdict: Verdict) {
        self.logins = self.logins.saturating_add(1);
        let found = match verdict {
            Verdict::Same => {
                self.same = self.same.saturating_add(1);
                return;
            }
            Verdict::Changes(old, new) => {
                let shut_out = recorded.outcome == "accept" && is_shut_out(recorded, &new.demand);
                let found = entry(&mut self.changes, change(old, new));
                match found {
                    None => None,
                    Some(found) => {
                        found.shut_out = found.shut_out.saturating_add(u64::from(shut_out));
                        Some(found)
                    }
                }
            }
            Verdict::CannotTell(why) => entry(&mut self.cannot_tell, why),
        };
        match found {
            None => self.others = self.others.saturating_add(1),
            Some(found) => {
                found.count = found.count.saturating_add(1);
                if found.examples.len() < EXAMPLES {
                    found.examples.push(recorded.attempt.clone());
                }
            }
        }
    }

    /// Prints it for people.
    pub(super) fn people(&self) -> Result<(), Failure> {
        self.not_read.iter().try_for_each(|path| say(&format!("not read, since it is packed: {path}")))?;
        self.groups.iter().flat_map(groups::Found::lines).try_for_each(|line| say(&line))?;
        say(&format!("{}, {} of them the same", logins(self.logins), self.same))?;
        for (change, found) in &self.changes {
            let (from, to) = (told(&change.from), told(&change.to));
            say(&format!("{}: {}, {from} -> {to}", change.kind.word(), logins(found.count)))?;
            if found.shut_out > 0 {
                say(&format!("  let in before, without anything of that enrolled: {}", found.shut_out))?;
            }
            examples(found)?;
        }
        for (why, found) in &self.cannot_tell {
            say(&format!("cannot tell: {}, the record is silent: {}", logins(found.count), safe(why)))?;
            examples(found)?;
        }
        if self.others > 0 {
            say(&format!("{} logins more, of further kinds", self.others))?;
        }
        Ok(())
    }

    /// Prints it for programs.
    pub(super) fn programs(&self) -> Result<(), Failure> {
        let changes = self.changes.iter().map(|(change, found)| {
            json!({
                "kind": change.kind.word(), "from": side(&change.from), "to": side(&change.to),
                "count": found.count, "shut_out": found.shut_out, "examples": found.examples,
            })
        });
        let silent = self
            .cannot_tell
            .iter()
            .map(|(why, found)| json!({ "why": why, "count": found.count, "examples": found.examples }));
        let report = json!({
            "logins": self.logins, "same": self.same, "not_read": self.not_read,
            "changes": changes.collect::<Vec<_>>(), "cannot_tell": silent.collect::<Vec<_>>(),
            "others": self.others, "groups_of_now": self.groups.as_ref().map(groups::Found::json),
        });
        say(&report.to_string())
    }
}

fn examples(found: &Found) -> Result<(), Failure> {
    let ids: Vec<String> = found.examples.iter().map(|id| safe(id).to_string()).collect();
    say(&format!("  such as {}", ids.join(", ")))
}

fn change(old: Outcome, new: Outcome) -> Change {
    let kind = Kind::of(&old.demand, &new.demand);
    Change { kind, from: (old.by, demand(&old.demand)), to: (new.by, demand(&new.demand)) }
}

/// Whoever was let in, and has no factor of some kind that is demanded.
fn is_shut_out(recorded: &Recorded, demanded: &Demand) -> bool {
    let Demand::Show(clauses) = demanded else { return true };
    let Input::Known(enrolled) = recorded.enrolled else { return false };
    let grace = enrolled.is_empty()
        && clauses.iter().all(|clause| clause.grace_until.is_some_and(|until| recorded.at < until));
    !grace && clauses.iter().any(|clause| !clause.kinds.iter().any(|kind| enrolled.contains(kind)))
}

fn told((by, demand): &(By, String)) -> String {
    match by {
        By::Rule(name) => format!("rule \"{name}\" ({demand})"),
        By::Exemption(name) => format!("exemption \"{name}\""),
        By::Nothing => format!("no rule ({demand})"),
        By::NotReached => "not known to anybody".into(),
        By::NoClient => "no such client".into(),
    }
}

fn side((by, demand): &(By, String)) -> Value {
    let (kind, name) = match by {
        By::Rule(name) => ("rule", Some(name)),
        By::Exemption(name) => ("exemption", Some(name)),
        By::Nothing => ("no-rule", None),
        By::NotReached => ("not-reached", None),
        By::NoClient => ("no-client", None),
    };
    json!({ "by": kind, "name": name.map(|name| &**name), "then": demand })
}

fn entry<K: Ord>(map: &mut BTreeMap<K, Found>, key: K) -> Option<&mut Found> {
    if map.len() >= MOST && !map.contains_key(&key) {
        return None;
    }
    Some(map.entry(key).or_default())
}
