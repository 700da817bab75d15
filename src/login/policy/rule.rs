//! One rule, and how rules in order make a decision.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::UnixTime;
use crate::login::factor::FactorKinds;
use crate::login::policy::condition::Condition;
use crate::login::policy::decision::{Clause, Decision, Demand, Say};
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
            Requirement::OneOf(kinds) => Demand::Show(vec![Clause { kinds, grace_until }]),
            Requirement::AllOf(kinds) => {
                let alone = |kind| Clause { kinds: [kind].into_iter().collect(), grace_until };
                Demand::Show(kinds.iter().map(alone).collect())
            }
        }
    }

    /// When it ceases to hold, if it holds at the time of `facts` and nothing but the time changes.
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
}

/// Of hours that follow each other without a gap for longer, no more is told than that they last until then.
const LONGEST_CHAIN: usize = 16;

/// Rules in order become a decision: the first that holds decides, and those above it of which that cannot be told add
/// what they demand, so that nobody has more for an input that is unknown than for any value it could have.
#[derive(Debug)]
pub struct Deciding<'a> {
    facts: &'a Facts<'a>,
    perhaps: Vec<&'a Rule>,
}

impl<'a> Deciding<'a> {
    /// Before the first rule.
    #[must_use]
    pub const fn new(facts: &'a Facts<'a>) -> Self {
        Self { facts, perhaps: Vec::new() }
    }

    /// Takes the next rule, with what its condition says; `Some` ends it: with the decision, or, as `Err`, since the
    /// rule needs what is not known yet.
    #[must_use]
    pub fn next(&mut self, rule: &'a Rule, looked: Truth) -> Option<Result<Decision, Undecided>> {
        match looked {
            Truth::No => None,
            Truth::Pending => Some(Err(Undecided)),
            Truth::Yes => Some(Ok(self.decided(Some(rule)))),
            Truth::Unknown if rule.then == Requirement::Refuse => Some(Ok(self.decided(Some(rule)))),
            Truth::Unknown => {
                if rule.then != Requirement::None {
                    self.perhaps.push(rule);
                }
                None
            }
        }
    }

    /// After the last rule.
    #[must_use]
    pub fn end(&self) -> Decision {
        self.decided(None)
    }

    fn decided(&self, rule: Option<&Rule>) -> Decision {
        let mut decision = Decision::default_demand();
        if let Some(rule) = rule {
            let options = &rule.options;
            decision = Decision {
                demand: rule.demand(),
                rule: Some(rule.name.clone()),
                ends: rule.ends(self.facts),
                session: options.session,
                remember: options.remember,
                offer: options.offer.clone(),
                reply: options.reply.clone(),
                ..decision
            };
        }
        for other in &self.perhaps {
            let options = &other.options;
            decision.demand = decision.demand.and(other.demand());
            if options.reply != decision.reply {
                // Which of the two holds is not known, nor which of them gives less.
                decision.demand = Demand::Refuse(Say::Failed);
            }
            decision.remember =
                decision.remember.and_then(|life| options.remember.map(|other| life.min(other)));
            decision.session = [decision.session, options.session].into_iter().flatten().min();
            decision.ends =
                [decision.ends, other.when.next_boundary(self.facts.at)].into_iter().flatten().min();
            decision.perhaps.push(other.name.clone());
        }
        decision
    }
}

/// It depends on what is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecided;
