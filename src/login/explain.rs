//! The path a login would take, in words, for `explain`. Decides nothing: it asks the rules and reads the
//! client's settings.

mod conditions;
mod rules;

use std::sync::Arc;

use crate::base::clock::UnixTime;
use crate::login::client::{Client, PrimaryKind, Typed};
pub use crate::login::explain::conditions::{Looked, looked, moment, word};
pub use crate::login::explain::rules::{Role, RuleTold, rules};
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::identity::Standing;
use crate::login::policy::exempt::Fit;
use crate::login::policy::fault::FaultMode;
use crate::login::policy::{Clause, Decision, Demand, Facts, Policy};
use crate::login::relay::Method;

/// What would happen.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Every rule, in order.
    pub rules: Vec<RuleTold>,
    /// Each exemption that names the account.
    pub exemptions: Vec<(Arc<str>, &'static str)>,
    /// What would be done if no factor could be checked: the first fault mode that fits.
    pub fault: Option<(Arc<str>, String)>,
    /// What is demanded.
    pub decision: Decision,
    /// When the hours end of whom it lets in.
    pub ends: Option<UnixTime>,
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
    /// What is shown in place of a password.
    pub method: Option<Method>,
}

/// Follows a login of `client` through `policy`. `facts` must have a subject if one was found.
#[must_use]
pub fn explain(policy: &Policy, client: &Client, facts: &Facts<'_>, known: Known) -> Explanation {
    let decision = policy.decide(facts).unwrap_or_else(|| Decision::default_demand(facts.at));
    let refused = decision.demand.is_refusal();
    let fits = policy.exemptions.iter().map(|exemption| (&exemption.name, exemption.look(facts)));
    let exemptions: Vec<_> =
        fits.filter_map(|(name, fit)| Some((name.clone(), fitting(fit, refused)?))).collect();
    let path = path(client, facts, known, &decision);
    let ends = policy.ends(&decision, facts);
    let fault = policy.faults.iter().find(|rule| rule.fits(facts));
    let fault = fault.map(|rule| (rule.name.clone(), mode(&rule.then)));
    Explanation { rules: rules(policy, facts), exemptions, ends, fault, decision, path }
}

/// How an exemption fared; `None` when it is about somebody else.
const fn fitting(fit: Fit, refused: bool) -> Option<&'static str> {
    match fit {
        Fit::NobodyKnown | Fit::Account => None,
        Fit::Fits if refused => Some("fits, but opens nothing that a rule refuses"),
        Fit::Fits => Some("fits"),
        Fit::Client => Some("no: it is for this account, but for another client"),
        Fit::Source => Some("no: it is for this account, but the client's connection comes from elsewhere"),
        Fit::NotNow => Some("no: it is for this account, but not at this time"),
        Fit::SourceUnknown => {
            Some("no: it is for this account, but the address of the client's connection is not known")
        }
    }
}

/// What is done in place of refusing.
#[must_use]
pub fn mode(then: &FaultMode) -> String {
    match then {
        FaultMode::Use { kinds, .. } => format!("{} may be shown in its place", words(*kinds)),
        FaultMode::RecentConfirmation(within) => {
            format!(
                "a factor that was confirmed at this client and from this network within {} s counts again",
                within.as_secs()
            )
        }
        FaultMode::FirstFactorOnly => "the first credential is enough".into(),
    }
}

fn path(client: &Client, facts: &Facts<'_>, known: Known, decision: &Decision) -> Vec<String> {
    let mut path = Vec::new();
    if decision.demand.is_refusal() {
        path.push("rejected: a rule refuses".into());
        return path;
    }
    path.push(first(client, known.method));
    let expired = matches!(known.standing, Some(Standing::MustChange | Standing::PasswordExpired));
    match known.standing {
        None => path.push("rejected: the directory knows no such account".into()),
        Some(Standing::Active) => second(client, facts, known, decision, &mut path),
        Some(standing) if expired && has_dialogue(client, known.method) => {
            second(client, facts, known, decision, &mut path);
            new_password(standing, &mut path);
        }
        Some(standing) => path.push(format!("rejected: the account is {}", condition(standing))),
    }
    path
}

/// Who checks the first credential.
fn first(client: &Client, method: Option<Method>) -> String {
    let upstream = client.upstream.as_deref().unwrap_or_default();
    match (client.primary, method) {
        (PrimaryKind::Directory, _) => {
            format!("the password is checked by directory \"{}\"", client.directory)
        }
        (PrimaryKind::CheckedByClient, _) => {
            format!("the password is not checked: client \"{}\" has done it", client.name)
        }
        (PrimaryKind::Upstream, None) => format!("the password is checked by upstream \"{upstream}\""),
        (PrimaryKind::Upstream, Some(Method::Eap)) if client.trusts_outer_name => format!(
            "eap is relayed to upstream \"{upstream}\"; it is whoever the upstream confirms by name, and who the \
             name outside of the tunnel says where it confirms none"
        ),
        (PrimaryKind::Upstream, Some(Method::Eap)) => format!(
            "eap is relayed to upstream \"{upstream}\"; it is whoever the upstream confirms by name, and nobody \
             where it confirms none"
        ),
        (PrimaryKind::Upstream, Some(method)) => {
            format!("the proof by {} is checked by upstream \"{upstream}\"", method.code())
        }
    }
}

/// A password that has expired can be changed.
fn has_dialogue(client: &Client, method: Option<Method>) -> bool {
    let can_be_asked = client.entry.challenge && client.can.prompts;
    let is_ours = client.primary == PrimaryKind::Directory && method.is_none();
    is_ours && client.new_password.is_some() && can_be_asked
}

/// What comes after everything else. Only a code opens the dialogue.
fn new_password(standing: Standing, path: &mut Vec<String>) {
    // What follows an accept is about the old password.
    let Some(at) = path.iter().position(|step| step.starts_with("accepted")) else { return };
    path.truncate(at.saturating_add(1));
    let Some(last) = path.pop() else { return };
    if last.starts_with(WITH_A_CODE) {
        path.push(format!(
            "the account is {}: after the code a new one is asked for twice",
            condition(standing)
        ));
        path.push(last);
    } else {
        path.push(format!(
            "rejected: the account is {}, and a new one can be chosen only after a code",
            condition(standing)
        ));
    }
}

/// How the last step of a login that shows a code begins.
const WITH_A_CODE: &str = "accepted with a code of";

fn second(client: &Client, facts: &Facts<'_>, known: Known, decision: &Decision, path: &mut Vec<String>) {
    let clauses = match &decision.demand {
        Demand::Show(clauses) => &**clauses,
        Demand::Refuse(_) => &[],
    };
    if clauses.is_empty() {
        path.push(match &decision.exemption {
            Some(name) => format!("accepted with the password alone: exemption \"{name}\""),
            None => "accepted: the rule asks for no second factor".into(),
        });
        return;
    }
    if let Some(step) = not_enrolled(clauses, known.enrolled, facts) {
        path.push(step);
        return;
    }
    match entry(client, known.method) {
        Ok(way) => path.push(way),
        Err(no_way) => return path.push(no_way),
    }
    let asks = client.entry.challenge
        && if known.method.is_some() { client.can.prompts_relayed } else { client.can.prompts };
    let at_once = |kind: &FactorKind| clauses.iter().all(|clause| clause.kinds.contains(*kind));
    if clauses.len() > 1 && !asks && !known.enrolled.iter().any(|kind| at_once(&kind)) {
        let client = &client.name;
        return path.push(format!(
            "rejected: codes of several kinds are needed, and client \"{client}\" cannot ask for the second"
        ));
    }
    let codes: Vec<_> = clauses.iter().map(|clause| words(clause.kinds.and(known.enrolled))).collect();
    path.push(format!("{WITH_A_CODE}: {}", codes.join(", and one of: ")));
    let counts_again = known.method.is_none() && client.entry.typed != Typed::Nothing;
    if let Some(life) = client.remember.filter(|_| counts_again) {
        path.push(format!(
            "the same password field from the same place counts again for {} s, without a new code",
            life.as_secs()
        ));
    }
}

/// What becomes of somebody who has no factor for one of the clauses; `None` when he has one for each.
fn not_enrolled(clauses: &[Clause], enrolled: FactorKinds, facts: &Facts<'_>) -> Option<String> {
    let missing = clauses.iter().find(|clause| clause.kinds.and(enrolled).is_empty())?;
    let lasts = |clause: &Clause| clause.grace_until.is_some_and(|until| facts.at < until);
    let kinds = match missing.kinds.only() {
        Some(kind) => format!("no {}", kind.word()),
        None => format!("none of {}", words(missing.kinds)),
    };
    Some(match (clauses.iter().all(lasts), enrolled.is_empty()) {
        (true, true) => {
            "accepted with the password alone: nothing is enrolled and the rule grants time".to_owned()
        }
        (true, false) => format!(
            "rejected: {kinds} is enrolled; the time that the rule grants is for those who have enrolled nothing"
        ),
        (false, _) => format!("rejected: {kinds} is enrolled"),
    })
}

/// How the code is given; as an error, that it cannot be.
fn entry(client: &Client, method: Option<Method>) -> Result<String, String> {
    let is_asked = |can: bool| client.entry.challenge && can;
    let typed = match (method, client.primary, client.entry.typed) {
        (Some(Method::Eap), ..) => {
            return Err("rejected: a code is needed, and nothing can be asked after eap".into());
        }
        (Some(_), ..) if is_asked(client.can.prompts_relayed) => return Ok("the code is asked for".into()),
        (Some(method), ..) => {
            return Err(format!(
                "rejected: a code is needed, and a login by {} has no place for one; where the device can ask \
                 afterwards, set challenge-after-ms-chap",
                method.code()
            ));
        }
        (None, PrimaryKind::CheckedByClient, _) => Some("the password field is the code".to_owned()),
        (None, PrimaryKind::Directory | PrimaryKind::Upstream, Typed::Nothing) => None,
        (None, PrimaryKind::Directory | PrimaryKind::Upstream, Typed::Appended { digits }) => {
            Some(format!("the last {digits} digits of the password field are the code"))
        }
        (None, PrimaryKind::Directory | PrimaryKind::Upstream, Typed::Separated { separator }) => Some(
            format!("what follows the last '{}' of the password field is the code", char::from(separator)),
        ),
    };
    match (typed, is_asked(client.can.prompts)) {
        (Some(typed), true) => Ok(format!("{typed}; if there is none, it is asked for")),
        (Some(typed), false) => Ok(format!("{typed}; if there is none, the login is rejected")),
        (None, true) => Ok("the code is asked for".into()),
        (None, false) => Err("rejected: a code is needed, and there is no way to give one".into()),
    }
}

fn words(kinds: FactorKinds) -> String {
    let words: Vec<_> = kinds.iter().map(FactorKind::word).collect();
    words.join(", ")
}

const fn condition(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Disabled => "disabled",
        Standing::Expired => "expired",
        Standing::Locked => "locked in the directory",
        Standing::MustChange => "waiting for a new password",
        Standing::PasswordExpired => "with a password that has expired",
        Standing::OutsideHours => "outside its hours in the directory",
    }
}

#[cfg(test)]
mod tests;
