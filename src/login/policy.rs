//! Rules in order, first match wins → what a login must show; and exemptions from that.

pub mod calendar;
pub mod clauses;
pub mod compiled;
pub mod condition;
pub mod decision;
pub mod exempt;
pub mod facts;
pub mod fault;
pub mod renew;
pub mod rule;
pub mod rules;
pub mod seen;
pub mod truth;
pub mod window;

pub use crate::login::policy::clauses::Clauses;
pub use crate::login::policy::condition::{Condition, Network, Validity};
pub use crate::login::policy::decision::{Clause, Decision, Demand, Perhaps, Say, Shadow};
pub use crate::login::policy::exempt::{Exempted, Exemption};
pub use crate::login::policy::facts::{Country, Facts, First, Past, Place, UserAt};
pub use crate::login::policy::rule::{Options, Requirement, Rule};
pub use crate::login::policy::rules::Rules;
pub use crate::login::policy::seen::Seen;
pub use crate::login::policy::truth::{Input, Truth};
pub use crate::login::policy::window::{TimeWindow, Window};

use std::sync::OnceLock;

use crate::base::clock::UnixTime;
use crate::login::identity::Groups;
use crate::login::policy::fault::FaultRule;
use crate::login::policy::rule::{Deciding, Undecided, sooner};

/// The rules, in order, with what stands beside them.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The first that holds decides. None holds: one factor of any kind is required (D-122).
    pub rules: Rules,
    /// Accounts that need no second factor at certain clients and from certain networks.
    pub exemptions: Vec<Exemption>,
    /// What is done when a factor cannot be checked; the first that fits counts.
    pub faults: Vec<FaultRule>,
    /// The groups that the rules name, once somebody has asked.
    pub named: NamedGroups,
}

/// The groups that rules name: gathered when first asked for, since ten thousand rules take their time.
#[derive(Debug, Clone, Default)]
pub struct NamedGroups(OnceLock<Groups>);

impl Policy {
    /// These rules, and nothing else.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules: rules.into(), ..Self::default() }
    }

    /// The groups that some rule names, by their keys. The rules must not change afterwards.
    #[must_use]
    pub fn named_groups(&self) -> &Groups {
        self.named.0.get_or_init(|| {
            let mut all = Groups::new();
            let rules = self.rules.iter().map(|rule| &rule.when);
            for when in rules.chain(self.faults.iter().map(|rule| &rule.when)) {
                when.each(&mut |one| {
                    if let Condition::Group(keys) = one {
                        all.extend(keys.iter().cloned());
                    }
                });
            }
            all
        })
    }

    /// What is demanded: what the rules say, and nothing where an exemption fits and no rule refuses. `None` when
    /// that depends on what is not known yet.
    #[must_use]
    pub fn decide(&self, facts: &Facts<'_>) -> Option<Decision> {
        let compiled = self.rules.compiled();
        let mut look = compiled.look(facts);
        let ruled = self.ruled(facts, look.rules(false)).ok()?;
        let tried = compiled.has_shadows().then(|| self.ruled(facts, look.rules(true)));
        self.decided(facts, ruled, tried)
    }

    /// What a rule says that refuses a login of which no more is known yet than these facts.
    #[must_use]
    pub fn refuses(&self, facts: &Facts<'_>) -> Option<Decision> {
        // Most have no such rule, and nobody need be asked.
        let may_refuse = self.rules.compiled().refuses();
        may_refuse.then(|| self.decide(facts)).flatten().filter(|decision| decision.demand.is_refusal())
    }

    /// When the hours of `decision` end, which was made of `facts`: the first moment at which the deciding rule or one
    /// that may narrow it no longer holds, at which one above it begins to refuse, or at which the exemption no longer
    /// holds. `None`: that does not happen, or not soon; or nobody is let in. Only who lets somebody in needs to know, and
    /// it takes longer than the decision.
    #[must_use]
    pub fn ends(&self, decision: &Decision, facts: &Facts<'_>) -> Option<UnixTime> {
        if decision.demand.is_refusal() {
            return None;
        }
        let facts = &Facts { at: decision.at, ..*facts };
        let compiled = self.rules.compiled();
        let timed = compiled.is_timed();
        let ruled = timed.then(|| self.hours_end(facts, compiled.look(facts).at_any_time(false))).flatten();
        sooner(ruled, self.exemption_ends(decision, facts))
    }

    /// The same without what was compiled, one rule after the other as they stand in the settings: slower, and what
    /// [`Policy::decide`] is measured by.
    #[must_use]
    pub fn decide_plainly(&self, facts: &Facts<'_>) -> Option<Decision> {
        let plain = |tried: bool| {
            let rules = self.rules.iter().enumerate().filter(move |(_, rule)| tried || !rule.options.shadow);
            rules.map(|(number, rule)| (number, rule.when.look(facts)))
        };
        let ruled = self.ruled(facts, plain(false)).ok()?;
        let shadows = self.rules.iter().any(|rule| rule.options.shadow);
        let tried = shadows.then(|| self.ruled(facts, plain(true)));
        self.decided(facts, ruled, tried)
    }

    /// As [`Policy::ends`], in the manner of [`Policy::decide_plainly`].
    #[must_use]
    pub fn ends_plainly(&self, decision: &Decision, facts: &Facts<'_>) -> Option<UnixTime> {
        if decision.demand.is_refusal() {
            return None;
        }
        let facts = &Facts { at: decision.at, ..*facts };
        let rules = self.rules.iter().enumerate().filter(|(_, rule)| !rule.options.shadow);
        let ruled = self.hours_end(facts, rules.map(|(number, rule)| (number, rule.when.look(facts))));
        sooner(ruled, self.exemption_ends(decision, facts))
    }

    fn hours_end(&self, facts: &Facts<'_>, looked: impl Iterator<Item = (usize, Truth)>) -> Option<UnixTime> {
        let mut ends = None;
        for (number, truth) in looked {
            let Some(rule) = self.rules.get(number) else { continue };
            match truth {
                Truth::No if rule.then == Requirement::Refuse => {
                    ends = sooner(ends, rule.begins(facts, ends))
                }
                Truth::No => {}
                Truth::Yes => return sooner(ends, rule.ends(facts)),
                Truth::Unknown => ends = sooner(ends, rule.ends(facts)),
                // The decision was made of other facts: nothing is known to hold for any time.
                Truth::Pending => return Some(facts.at),
            }
        }
        ends
    }

    fn exemption_ends(&self, decision: &Decision, facts: &Facts<'_>) -> Option<UnixTime> {
        match self.exempted(facts) {
            Exempted::Here(exemption) if decision.exemption.is_some() => exemption.valid.until,
            Exempted::Here(_) | Exempted::Elsewhere(_) | Exempted::Unnamed => None,
        }
    }

    fn decided(
        &self,
        facts: &Facts<'_>,
        ruled: Decision,
        tried: Option<Result<Decision, Undecided>>,
    ) -> Option<Decision> {
        let shadow = match tried {
            Some(Ok(tried)) if tried.demand != ruled.demand => {
                Some(Shadow { rule: tried.rule, demand: tried.demand })
            }
            // Nobody is asked about somebody who is refused, least of all for a rule that changes nothing.
            Some(Err(Undecided)) if !ruled.demand.is_refusal() => return None,
            Some(Ok(_) | Err(Undecided)) | None => None,
        };
        let ruled = Decision { shadow, ..ruled };
        match self.exempted(facts) {
            // It stands in for the second factor alone: how long the session lasts and what the client is told stays.
            Exempted::Here(exemption) if !ruled.demand.is_refusal() => Some(Decision {
                demand: Demand::NOTHING,
                rule: None,
                remember: None,
                offer: None,
                exemption: Some(exemption.name.clone()),
                ..ruled
            }),
            Exempted::Here(_) | Exempted::Elsewhere(_) | Exempted::Unnamed => Some(ruled),
        }
    }

    /// What the rules say, given in order by number and what the condition of each says of the login.
    fn ruled(
        &self,
        facts: &Facts<'_>,
        looked: impl Iterator<Item = (usize, Truth)>,
    ) -> Result<Decision, Undecided> {
        let mut deciding = Deciding::new(facts.at);
        for (number, truth) in looked {
            let Some(rule) = self.rules.get(number) else { continue };
            if let Some(decided) = deciding.next(rule, truth) {
                return decided;
            }
        }
        Ok(deciding.end())
    }
}

#[cfg(test)]
mod tests;
