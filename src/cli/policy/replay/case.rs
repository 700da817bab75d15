//! One login before the rules of one configuration, where what its record lacks may be this or that.

use std::collections::hash_map::DefaultHasher;
use std::fmt::{self, Write};
use std::hash::Hasher;
use std::sync::Arc;

use crate::login::policy::rule::Deciding;
use crate::login::policy::{Condition, Demand, Facts, Policy, Truth, UserAt};

/// What rules make of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The rule that decides, or the exemption in its place.
    pub(super) by: By,
    /// What it demands.
    pub(super) demand: Demand,
}

/// What decides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Rule(Arc<str>),
    Exemption(Arc<str>),
    /// No rule holds.
    Nothing,
    /// The login ended before anybody was found, and no rule refuses before that.
    NotReached,
    /// There is no such client.
    NoClient,
}

/// A configuration's rules, each condition with a number that is the same for the same condition.
#[derive(Debug)]
pub(super) struct Side<'a> {
    pub(super) policy: &'a Policy,
    numbers: Vec<u64>,
}

/// What is taken to hold, of conditions about which the record is silent.
pub(super) type Guesses = Vec<(u64, bool)>;

/// The record does not say whether this condition held.
#[derive(Debug)]
pub(super) struct Silent {
    pub(super) number: u64,
    pub(super) why: String,
}

impl<'a> Side<'a> {
    pub(super) fn new(policy: &'a Policy) -> Self {
        Self { policy, numbers: policy.rules.iter().map(|rule| number(&rule.when)).collect() }
    }

    /// What is decided, if `guesses` hold.
    pub(super) fn decide(&self, facts: &Facts<'_>, guesses: &Guesses) -> Result<Outcome, Silent> {
        let mut deciding = Deciding::new(facts.at);
        for (rule, number) in self.policy.rules.iter().zip(&self.numbers) {
            if rule.options.shadow {
                continue;
            }
            let truth = match (look(&rule.when, facts), guesses.iter().find(|(known, _)| known == number)) {
                (Truth::Pending, Some((_, holds))) => Truth::of(*holds),
                (Truth::Pending, None) if facts.subject.known().is_some() || !rule.when.needs_subject() => {
                    return Err(Silent { number: *number, why: silent(&rule.name, &rule.when, facts) });
                }
                (truth, _) => truth,
            };
            match deciding.next(rule, truth) {
                None => {}
                Some(Ok(decision)) => {
                    let by = decision.rule.map_or(By::Nothing, By::Rule);
                    return Ok(Outcome { by, demand: decision.demand });
                }
                Some(Err(_)) => return Ok(Outcome { by: By::NotReached, demand: Demand::NOTHING }),
            }
        }
        let decision = deciding.end();
        Ok(Outcome { by: decision.rule.map_or(By::Nothing, By::Rule), demand: decision.demand })
    }
}

/// As [`Condition::look`], but what the record does not hold, though the login had it, is pending: which groups nobody
/// asked about, and the part of an address that was cut off.
pub(super) fn look(condition: &Condition, facts: &Facts<'_>) -> Truth {
    match condition {
        Condition::All(list) => list.iter().fold(Truth::Yes, |all, one| all.and(look(one, facts))),
        Condition::Any(list) => list.iter().fold(Truth::No, |any, one| any.or(look(one, facts))),
        Condition::Not(one) => look(one, facts).not(),
        Condition::Group(_) => pending(condition.look(facts)),
        Condition::Network(_) if matches!(facts.user, UserAt::Within(_)) => pending(condition.look(facts)),
        _ => condition.look(facts),
    }
}

const fn pending(truth: Truth) -> Truth {
    match truth {
        Truth::Unknown => Truth::Pending,
        known => known,
    }
}

/// Which rule needs what.
fn silent(rule: &str, when: &Condition, facts: &Facts<'_>) -> String {
    let mut keys: Vec<&str> = Vec::new();
    when.each(&mut |one| {
        let leaf = !matches!(one, Condition::All(_) | Condition::Any(_) | Condition::Not(_));
        let told = crate::login::explain::looked(one, facts).key;
        if leaf && look(one, facts) == Truth::Pending && !keys.contains(&told) {
            keys.push(told);
        }
    });
    format!("rule \"{rule}\" looks at {}", keys.join(" and "))
}

/// A number for a condition, from all that it shows of itself.
fn number(condition: &Condition) -> u64 {
    struct Into(DefaultHasher);
    impl Write for Into {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut into = Into(DefaultHasher::new());
    // Nothing that is hashed can fail.
    let _ = write!(into, "{condition:?}");
    into.0.finish()
}
