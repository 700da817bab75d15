//! The path a login would take, in words, for `explain`. Decides nothing: it asks the rules and reads the
//! client's settings.

use std::sync::Arc;

use crate::login::client::{Client, PrimaryKind, Typed};
use crate::login::factor::FactorKinds;
use crate::login::identity::Standing;
use crate::login::policy::{Condition, Decision, Facts, Looked, Policy, Requirement};

/// What would happen.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Each rule looked at, in order, up to the one that matched.
    pub rules: Vec<(Arc<str>, &'static str)>,
    /// What the rules demand.
    pub decision: Decision,
    /// The login step by step, as sentences.
    pub path: Vec<String>,
}

/// What is known about the account.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// What the directory says; `None` when it knows no such account.
    pub standing: Option<Standing>,
    /// Kinds of factors that are enrolled.
    pub enrolled: FactorKinds,
}

/// Follows a login of `client` through `policy`. `facts` must have a subject if one was found.
#[must_use]
pub fn explain(policy: &Policy, client: &Client, facts: &Facts<'_>, known: Known) -> Explanation {
    let mut rules = Vec::new();
    for rule in &policy.rules {
        let looked = rule.look(facts);
        rules.push((rule.name.clone(), word(looked)));
        if looked == Looked::Matches {
            break;
        }
    }
    let decision = policy.decide(facts).unwrap_or(Decision::DEFAULT);
    let path = path(client, facts, known, &decision);
    Explanation { rules, decision, path }
}

const fn word(looked: Looked) -> &'static str {
    match looked {
        Looked::Matches => "matches",
        Looked::NeedsSubject => "no: there is no such account",
        Looked::Fails(Condition::Client) => "no: another client",
        Looked::Fails(Condition::Group) => "no: not in one of the groups",
        Looked::Fails(Condition::Subject) => "no: another subject",
        Looked::Fails(Condition::Network) => "no: outside the networks",
        Looked::Fails(Condition::AddressUnknown) => {
            "no: the user's address is unknown and the rule does not name that"
        }
        Looked::Fails(Condition::Time) => "no: outside the hours",
    }
}

fn path(client: &Client, facts: &Facts<'_>, known: Known, decision: &Decision) -> Vec<String> {
    let mut path = Vec::new();
    if decision.requirement == Requirement::Refuse {
        path.push("rejected: a rule refuses".into());
        return path;
    }
    path.push(match client.primary {
        PrimaryKind::Directory => format!("the password is checked by directory \"{}\"", client.directory),
        PrimaryKind::CheckedByClient => {
            format!("the password is not checked: client \"{}\" has done it", client.name)
        }
    });
    match known.standing {
        None => path.push("rejected: the directory knows no such account".into()),
        Some(Standing::Active) => second(client, facts, known, decision, &mut path),
        Some(standing) => path.push(format!("rejected: the account is {}", condition(standing))),
    }
    path
}

fn second(client: &Client, facts: &Facts<'_>, known: Known, decision: &Decision, path: &mut Vec<String>) {
    let Requirement::OneOf(kinds) = decision.requirement else {
        path.push("accepted: the rule asks for no second factor".into());
        return;
    };
    let fitting: FactorKinds = kinds.iter().filter(|kind| known.enrolled.contains(*kind)).collect();
    if fitting.is_empty() {
        let grace = decision.grace_until.is_some_and(|until| facts.at < until);
        path.push(if grace {
            "accepted with the password alone: nothing is enrolled and the rule grants time".into()
        } else {
            format!("rejected: none of {} is enrolled", words(kinds))
        });
        return;
    }
    path.push(entry(client));
    path.push(format!("accepted with a code of: {}", words(fitting)));
}

fn entry(client: &Client) -> String {
    let typed = match (client.primary, client.entry.typed) {
        (PrimaryKind::CheckedByClient, _) => Some("the password field is the code".to_owned()),
        (PrimaryKind::Directory, Typed::Nothing) => None,
        (PrimaryKind::Directory, Typed::Appended { digits }) => {
            Some(format!("the last {digits} digits of the password field are the code"))
        }
        (PrimaryKind::Directory, Typed::Separated { separator }) => Some(format!(
            "what follows the last '{}' of the password field is the code",
            char::from(separator)
        )),
    };
    let asked = client.entry.challenge && client.can.prompts;
    match (typed, asked) {
        (Some(typed), true) => format!("{typed}; if there is none, it is asked for"),
        (Some(typed), false) => format!("{typed}; if there is none, the login is rejected"),
        (None, true) => "the code is asked for".into(),
        (None, false) => "there is no way to give a code: the login is rejected".into(),
    }
}

fn words(kinds: FactorKinds) -> String {
    let words: Vec<_> = kinds.iter().map(crate::login::factor::FactorKind::word).collect();
    words.join(", ")
}

const fn condition(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Disabled => "disabled",
        Standing::Expired => "expired",
        Standing::Locked => "locked in the directory",
        Standing::MustChange => "waiting for a new password",
    }
}
