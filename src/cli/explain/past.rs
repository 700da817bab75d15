//! A login of the past before the rules of today.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::audit::files::{each_record, place, rotated, word};
use crate::cli::desk::settings;
use crate::cli::exit::Failure;
use crate::cli::explain::told;
use crate::cli::policy::recorded::Recorded;
use crate::cli::policy::whereabouts::Whereabouts;
use crate::cli::terminal::say;
use crate::login::explain::{moment, rules};

/// Explains the login that the audit calls `attempt`.
pub(super) fn run(config: &Path, attempt: &str, file: Option<&PathBuf>, json: bool) -> Result<(), Failure> {
    let settings = settings(config)?;
    let recorded = find(&place(config, file)?, attempt)?;
    let named = |name: &str| *name == *recorded.client;
    let client = settings.clients.iter().find(|client| named(&client.login.name)).ok_or_else(|| {
        Failure::data(format!(
            "the login was at client \"{}\", which the settings no longer have",
            recorded.client
        ))
    })?;
    let policy = &settings.policy;
    let named = recorded.exemption.as_ref();
    let account = policy.exemptions.iter().find(|exemption| Some(&exemption.name) == named);
    let aliases: Vec<Box<str>> = account.map(|exemption| exemption.account.clone()).into_iter().collect();
    let facts = recorded.facts(&client.login, policy.named_groups(), &aliases);
    let facts = Whereabouts::open(&settings.geo)?.look_up(facts);
    let rules = rules(policy, &facts);
    let decision = policy.decide(&facts);
    if json {
        return say(&json!({
            "attempt": recorded.attempt,
            "at": moment(recorded.at.0),
            "client": recorded.client,
            "then": {
                "outcome": recorded.outcome, "reason": recorded.reason,
                "rule": recorded.rule.as_deref(), "demand": recorded.demand,
            },
            "rules": told::rules_json(&rules),
            "rule": decision.as_ref().and_then(|decision| decision.rule.as_deref()),
            "now": decision.as_ref().map(|decision| told::then(&decision.demand)),
        })
        .to_string());
    }
    let by = recorded.rule.as_deref().map_or("no rule".to_owned(), |rule| format!("rule \"{rule}\""));
    say(&format!(
        "at {}, client \"{}\": {}, {}",
        moment(recorded.at.0),
        recorded.client,
        recorded.outcome,
        recorded.reason
    ))?;
    let demanded = recorded.demand.as_deref().map_or_else(String::new, |demand| format!(": {demand}"));
    say(&format!("decided then by {by}{demanded}"))?;
    say("by the rules of today:")?;
    told::rules(&rules)?;
    match decision {
        Some(decision) => {
            let ends = policy.ends(&decision, &facts);
            told::decided(&decision, ends).iter().try_for_each(|line| say(line))
        }
        None => say("no rule decides: the record does not hold what one of them looks at"),
    }
}

fn find(path: &Path, attempt: &str) -> Result<Recorded, Failure> {
    let mut found = None;
    for file in rotated(path).files.iter().map(PathBuf::as_path).chain([path]) {
        each_record(file, |_, record| {
            if word(record, "attempt") == Some(attempt) {
                found = Recorded::read(record).or(found.take());
            }
        })?;
    }
    found.ok_or_else(|| {
        Failure::data(format!("no login is called \"{}\" in {}", attempt.escape_default(), path.display()))
    })
}
