//! How each rule fares, in order.

use std::sync::Arc;

use crate::login::explain::conditions::{Looked, looked};
use crate::login::policy::{Facts, Policy, Requirement, Rule, Truth};

/// How one rule fared.
#[derive(Debug, Clone)]
pub struct RuleTold {
    /// Its name.
    pub name: Arc<str>,
    /// All of its conditions together.
    pub truth: Truth,
    /// What that does to the decision.
    pub role: Role,
    /// Each of its conditions.
    pub conditions: Vec<Looked>,
}

/// What a rule does to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its conditions do not hold.
    Passes,
    /// It decides.
    Decides,
    /// It cannot be told whether it holds, and it refuses.
    RefusesUnknown,
    /// It cannot be told whether it holds, and what it demands comes on top.
    Adds,
    /// It cannot be told whether it holds, and it would demand nothing.
    OpensNothing,
    /// The same, and its limits on the session and on what the client is told hold.
    Limits,
    /// It needs what is not known yet, so that nothing is decided.
    Needs,
    /// It is only tried out.
    Shadow,
    /// A rule above it has decided.
    NotReached,
}

impl Role {
    /// What people read.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Passes => "no",
            Self::Decides => "matches, and decides",
            Self::RefusesUnknown => "it cannot be told whether it matches, so it refuses",
            Self::Adds => "it cannot be told whether it matches, so its demand is added",
            Self::OpensNothing => "it cannot be told whether it matches, so it opens nothing",
            Self::Limits => "it cannot be told whether it matches, so it opens nothing and its limits hold",
            Self::Needs => "it needs what is not known",
            Self::Shadow => "only tried out",
            Self::NotReached => "not reached",
        }
    }

    /// The fixed word for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Decides => "decides",
            Self::RefusesUnknown => "refuses-unknown",
            Self::Adds => "adds",
            Self::OpensNothing => "opens-nothing",
            Self::Limits => "limits",
            Self::Needs => "needs",
            Self::Shadow => "shadow",
            Self::NotReached => "not-reached",
        }
    }
}

/// Every rule of `policy`, in order, with what each of its conditions says of one login.
#[must_use]
pub fn rules(policy: &Policy, facts: &Facts<'_>) -> Vec<RuleTold> {
    let mut ended = false;
    let told = |rule: &Rule| {
        let truth = rule.when.look(facts);
        let role = role(rule, truth, ended);
        ended |= matches!(role, Role::Decides | Role::RefusesUnknown | Role::Needs);
        let conditions = rule.when.parts().iter().map(|part| looked(part, facts)).collect();
        RuleTold { name: rule.name.clone(), truth, role, conditions }
    };
    policy.rules.iter().map(told).collect()
}

fn role(rule: &Rule, truth: Truth, ended: bool) -> Role {
    match (truth, rule.then) {
        _ if ended => Role::NotReached,
        _ if rule.options.shadow => Role::Shadow,
        (Truth::No, _) => Role::Passes,
        (Truth::Yes, _) => Role::Decides,
        (Truth::Pending, _) => Role::Needs,
        (Truth::Unknown, Requirement::Refuse) => Role::RefusesUnknown,
        (Truth::Unknown, Requirement::None) if rule.narrows() => Role::Limits,
        (Truth::Unknown, Requirement::None) => Role::OpensNothing,
        (Truth::Unknown, Requirement::OneOf(_) | Requirement::AllOf(_)) => Role::Adds,
    }
}
