//! One rule, and how rules in order make a decision.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::UnixTime;
use crate::login::factor::FactorKinds;
use crate::login::policy::clauses::Clauses;
use crate::login::policy::condition::Condition;
use crate::login::policy::decision::{Clause, Decision, Demand, Perhaps, Say};
use crate::login::policy::facts::Facts;
use crate::login::policy::truth::Truth;

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name in audit and `explain`.
    pub name: Arc<str>,
    /// When it holds.
    pub when: Condition,
    /// What it demands.
    pub then: Requirement,
    /// What else it says.
    pub options: Options,
}

/// What a rule demands beyond the first credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Nothing.
    None,
    /// One of these factors.
    OneOf(FactorKinds),
    /// All of these factors.
    AllOf(FactorKinds),
    /// Nothing helps.
    Refuse,
}

/// What a rule says besides its demand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Until then, a subject with nothing enrolled is let in with the first credential alone.
    pub grace_until: Option<UnixTime>,
    /// What he is told then.
    pub offer: Option<Arc<str>>,
    /// It is computed and recorded, and changes nothing.
    pub shadow: bool,
    /// How long a confirmed factor counts again from the same place.
    pub remember: Option<Duration>,
    /// How long a session may last.
    pub session: Option<Duration>,
    /// The reply rules that hold, by name.
    pub reply: Option<Arc<[Arc<str>]>>,
    /// What somebody reads whom it refuses.
    pub say: Say,
}

impl Rule {
    /// A rule without options.
    #[must_use]
    pub fn new(name: &str, when: Condition, then: Requirement) -> Self {
        Self { name: name.into(), when, then, options: Options::default() }
    }

    /// What it demands.
    #[must_use]
    pub fn demand(&self) -> Demand {
        let grace_until = self.options.grace_until;
        match self.then {
            Requirement::Refuse => Demand::Refuse(self.options.say),
            Requirement::None => Demand::NOTHING,
            Requirement::OneOf(kinds) => Demand::Show(Clauses::one(Clause { kinds, grace_until })),
            Requirement::AllOf(kinds) => {
                let alone = |kind| Clause { kinds: [kind].into_iter().collect(), grace_until };
                Demand::Show(kinds.iter().map(alone).collect())
            }
        }
    }

    /// Whether it narrows what is decided below it where it cannot be told whether it holds: it demands something, or it
    /// would let nobody in for as long or with as much.
    #[must_use]
    pub fn narrows(&self) -> bool {
        self.then != Requirement::None
            || self.options.session.is_some()
            || self.options.reply.is_some()
            || self.when.is_timed()
    }

    /// When it ceases to hold, if it holds at the time of `facts`, or cannot be told not to, and nothing but the time
    /// changes.
    #[must_use]
    pub fn ends(&self, facts: &Facts<'_>) -> Option<UnixTime> {
        let mut at = facts.at;
        for _ in 0..LONGEST_CHAIN {
            at = self.when.next_boundary(at)?;
            if self.when.look(&Facts { at, ..*facts }) != Truth::Yes {
                return Some(at);
            }
        }
        // Nobody looks further ahead: to say that it never ends would be to say too much.
        Some(at)
    }

    /// When it begins to hold, or not to be told not to, if it does not at the time of `facts` and nothing but the time
    /// changes; `None`: never, or not before `limit`.
    #[must_use]
    pub fn begins(&self, facts: &Facts<'_>, limit: Option<UnixTime>) -> Option<UnixTime> {
        if self.when.look_at_any_time(facts) == Truth::No {
            return None;
        }
        let mut at = facts.at;
        for _ in 0..LONGEST_CHAIN {
            at = self.when.next_boundary(at).filter(|at| limit.is_none_or(|limit| *at < limit))?;
            if self.when.look(&Facts { at, ..*facts }) != Truth::No {
                return Some(at);
            }
        }
        Some(at)
    }
}

/// Of hours that follow each other for longer, no more is told than that they last, or do not begin, until then.
const LONGEST_CHAIN: usize = 16;

/// Rules in order become a decision: the first that holds decides, and those above it of which that cannot be told
/// narrow it to what they would have decided, so that nobody has more for an input that is unknown than for any value
/// it could have.
#[derive(Debug)]
pub struct Deciding {
    at: UnixTime,
    narrowed: Narrowed,
}

/// What rules of which it cannot be told whether they hold leave of the decision below them.
#[derive(Debug)]
struct Narrowed {
    /// Comes on top. Of clauses that imply each other one is left, so there are never more than sets of kinds.
    demand: Demand,
    /// A session lasts no longer.
    session: Option<Duration>,
    /// Nothing is remembered for longer; `None`: nothing is.
    remember: Option<Duration>,
    /// No other reply rules hold; `None`: all may.
    reply: Option<Arc<[Arc<str>]>>,
    rules: Perhaps,
}

impl Deciding {
    /// Before the first rule; `at` is the time of the facts.
    #[must_use]
    pub fn new(at: UnixTime) -> Self {
        Self { at, narrowed: Narrowed::default() }
    }

    /// Takes the next rule, with what its condition says; `Some` ends it: with the decision, or, as `Err`, since the
    /// rule needs what is not known yet.
    #[must_use]
    pub fn next(&mut self, rule: &Rule, looked: Truth) -> Option<Result<Decision, Undecided>> {
        match looked {
            Truth::No => None,
            Truth::Pending => Some(Err(Undecided)),
            Truth::Yes => Some(Ok(self.decided(Some(rule)))),
            Truth::Unknown if rule.then == Requirement::Refuse => Some(Ok(self.decided(Some(rule)))),
            Truth::Unknown => {
                if rule.narrows() {
                    self.narrowed.add(rule);
                }
                None
            }
        }
    }

    /// After the last rule.
    #[must_use]
    pub fn end(&mut self) -> Decision {
        self.decided(None)
    }

    fn decided(&mut self, rule: Option<&Rule>) -> Decision {
        let narrowed = std::mem::take(&mut self.narrowed);
        let mut decision = Decision::default_demand(self.at);
        if let Some(rule) = rule {
            let options = &rule.options;
            decision = Decision {
                demand: rule.demand(),
                rule: Some(rule.name.clone()),
                session: options.session,
                remember: options.remember,
                offer: options.offer.clone(),
                reply: options.reply.clone(),
                ..decision
            };
        }
        Decision {
            demand: decision.demand.and(narrowed.demand),
            session: sooner(decision.session, narrowed.session),
            remember: decision.remember.zip(narrowed.remember).map(|(one, other)| one.min(other)),
            reply: in_both(decision.reply, narrowed.reply.as_ref()),
            perhaps: narrowed.rules,
            ..decision
        }
    }
}

impl Default for Narrowed {
    fn default() -> Self {
        Self {
            demand: Demand::NOTHING,
            session: None,
            remember: Some(Duration::MAX),
            reply: None,
            rules: Perhaps::default(),
        }
    }
}

impl Narrowed {
    fn add(&mut self, rule: &Rule) {
        let options = &rule.options;
        self.demand = std::mem::replace(&mut self.demand, Demand::NOTHING).and(rule.demand());
        self.session = sooner(self.session, options.session);
        self.reply = in_both(self.reply.take(), options.reply.as_ref());
        // Where no factor is asked for, none is remembered; one that was shown all the same may be.
        if rule.then != Requirement::None {
            self.remember = self.remember.zip(options.remember).map(|(one, other)| one.min(other));
        }
        self.rules.push(&rule.name);
    }
}

/// The smaller of two limits; what is `None` has none.
pub(in crate::login) fn sooner<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The names that are in both lists; `None` is the list of all.
fn in_both(one: Option<Arc<[Arc<str>]>>, other: Option<&Arc<[Arc<str>]>>) -> Option<Arc<[Arc<str>]>> {
    match (one, other) {
        (None, other) => other.cloned(),
        (one, None) => one,
        (Some(one), Some(other)) if one.iter().all(|name| other.contains(name)) => Some(one),
        (Some(one), Some(other)) => Some(one.iter().filter(|name| other.contains(name)).cloned().collect()),
    }
}

/// It depends on what is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecided;
