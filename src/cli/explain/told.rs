//! An explanation on paper: for people, and for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::clock::UnixTime;
use crate::cli::exit::Failure;
use crate::cli::explain::Told;
use crate::cli::terminal::say;
use crate::login::explain::{Looked, RuleTold, moment, word};
use crate::login::factor::FactorKind;
use crate::login::policy::{Clause, Decision, Demand};

/// The rules, each with its conditions.
pub(super) fn rules(rules: &[RuleTold]) -> Result<(), Failure> {
    for rule in rules {
        let tried = match rule.role {
            crate::login::explain::Role::Shadow => format!(", and would say: {}", word(rule.truth)),
            _ => String::new(),
        };
        say(&format!("rule \"{}\": {}{tried}", rule.name, rule.role.words()))?;
        conditions(&rule.conditions, 1)?;
    }
    Ok(())
}

fn conditions(list: &[Looked], depth: usize) -> Result<(), Failure> {
    for one in list {
        let indent = "    ".repeat(depth);
        let because = if one.why.is_empty() { String::new() } else { format!(", {}", one.why) };
        say(&format!("{indent}{}: {}{because}", one.key, word(one.truth)))?;
        conditions(&one.inner, depth.saturating_add(1))?;
    }
    Ok(())
}

/// The rules as JSON.
pub(super) fn rules_json(rules: &[RuleTold]) -> Value {
    let one = |rule: &RuleTold| {
        json!({
            "rule": &*rule.name,
            "value": word(rule.truth),
            "role": rule.role.word(),
            "looked": rule.role.words(),
            "conditions": conditions_json(&rule.conditions),
        })
    };
    rules.iter().map(one).collect()
}

fn conditions_json(list: &[Looked]) -> Value {
    let one = |one: &Looked| {
        json!({
            "condition": one.key,
            "value": word(one.truth),
            "why": one.why,
            "conditions": conditions_json(&one.inner),
        })
    };
    list.iter().map(one).collect()
}

/// What is decided, and what comes with it.
pub(super) fn decided(decision: &Decision, ends: Option<UnixTime>) -> Vec<String> {
    let demand = demand(&decision.demand);
    let mut lines = vec![match (&decision.rule, &decision.exemption) {
        (_, Some(exemption)) => format!("decided by exemption \"{exemption}\": {demand}"),
        (Some(rule), None) => format!("decided by rule \"{rule}\": {demand}"),
        (None, None) => format!("no rule matches: {demand}"),
    }];
    let perhaps = &decision.perhaps;
    lines
        .extend(perhaps.names().iter().map(|rule| format!("  narrowed by rule \"{rule}\", which may match")));
    if perhaps.more() > 0 {
        lines.push(format!("  and by {} more rules that may match", perhaps.more()));
    }
    if let Some(shadow) = &decision.shadow {
        let rule = shadow.rule.as_deref().map_or("no rule".to_owned(), |rule| format!("rule \"{rule}\""));
        lines.push(format!(
            "  with the rules that are only tried out, {rule} would decide: {}",
            self::demand(&shadow.demand)
        ));
    }
    if let Some(life) = decision.remember {
        lines.push(format!(
            "  a confirmed factor counts again from the same place for {}",
            crate::base::table::friendly(life)
        ));
    }
    if let Some(life) = decision.session {
        lines.push(format!("  a session lasts at most {}", crate::base::table::friendly(life)));
    }
    lines.extend(ends.map(|at| format!("  a session ends at {}", moment(at.0))));
    lines
}

/// Prints it for people.
pub(super) fn people(told: &Told) -> Result<(), Failure> {
    let Told { explanation, undecided, notes, ways, reply } = told;
    rules(&explanation.rules)?;
    for (name, looked) in &explanation.exemptions {
        say(&format!("exemption \"{name}\": {looked}"))?;
    }
    if *undecided {
        say("no rule decides")?;
    } else {
        decided(&explanation.decision, explanation.ends).iter().try_for_each(|line| say(line))?;
    }
    match ways.as_slice() {
        [] | [_] => explanation.path.iter().try_for_each(|step| say(&format!("  {step}")))?,
        several => several.iter().try_for_each(|(word, path)| {
            say(&format!("by {word}:"))?;
            path.iter().try_for_each(|step| say(&format!("  {step}")))
        })?,
    }
    match reply {
        None => {}
        Some(Ok(lines)) if lines.is_empty() => say("  the client is told no attribute")?,
        Some(Ok(lines)) => {
            say("  the client is told:")?;
            lines.iter().try_for_each(|line| say(&format!("    {} = {}", line.name, line.value)))?;
        }
        Some(Err(why)) => say(&format!("  rejected where it would be accepted: {why}"))?,
    }
    if let Some((name, mode)) = &explanation.fault {
        say(&format!("  if no factor can be checked, fault mode \"{name}\": {mode}"))?;
    }
    notes.iter().try_for_each(|note| say(&format!("  but {note}; \"doorward subject unlock\" releases it")))
}

/// Prints it for programs.
pub(super) fn programs(told: &Told) -> Result<(), Failure> {
    let Told { explanation, undecided, notes, ways, reply } = told;
    let decision = &explanation.decision;
    let exemptions: Vec<_> = explanation
        .exemptions
        .iter()
        .map(|(name, looked)| json!({ "exemption": &**name, "looked": looked }))
        .collect();
    let shadow = decision.shadow.as_ref();
    let report = json!({
        "rules": rules_json(&explanation.rules),
        "exemptions": exemptions,
        "rule": decision.rule.as_deref(),
        "perhaps": decision.perhaps.names().iter().map(|rule| &**rule).collect::<Vec<_>>(),
        "perhaps_more": decision.perhaps.more(),
        "exemption": decision.exemption.as_deref(),
        "then": if *undecided { Value::Null } else { then(&decision.demand) },
        "shadow": shadow.map(|shadow| json!({ "rule": shadow.rule.as_deref(), "then": then(&shadow.demand) })),
        "remember_seconds": decision.remember.map(|life| life.as_secs()),
        "session_seconds": decision.session.map(|life| life.as_secs()),
        "session_ends": explanation.ends.map(|at| moment(at.0)),
        "fault_mode": explanation.fault.as_ref().map(|(name, mode)| json!({ "name": &**name, "then": mode })),
        "path": explanation.path,
        "methods": ways.iter().cloned().collect::<BTreeMap<_, _>>(),
        "notes": notes,
        "attributes": reply.as_ref().and_then(|reply| reply.as_ref().ok()).map(|lines| {
            lines.iter().map(|line| json!([line.name, line.value])).collect::<Vec<_>>()
        }),
        "reply-incomplete": reply.as_ref().and_then(|reply| reply.as_ref().err()),
    });
    say(&report.to_string())
}

/// As `then` is written in a rule.
pub(in crate::cli) fn then(demand: &Demand) -> Value {
    let words = |clause: &Clause| clause.kinds.iter().map(FactorKind::word).collect::<Vec<_>>();
    match demand {
        Demand::Refuse(_) => "refuse".into(),
        Demand::Show(clauses) => match &**clauses {
            [] => "none".into(),
            [one] => json!({ "require": words(one) }),
            several => json!({ "require-each": several.iter().map(words).collect::<Vec<_>>() }),
        },
    }
}

/// The same in words.
pub(in crate::cli) fn demand(demand: &Demand) -> String {
    let one_of = |clause: &Clause| match clause.kinds.only() {
        Some(kind) => kind.word().to_owned(),
        None => {
            format!("one of {}", clause.kinds.iter().map(FactorKind::word).collect::<Vec<_>>().join(", "))
        }
    };
    match demand {
        Demand::Refuse(_) => "refuse".to_owned(),
        Demand::Show(clauses) if clauses.is_empty() => "no second factor".to_owned(),
        Demand::Show(clauses) => clauses.iter().map(one_of).collect::<Vec<_>>().join(", and "),
    }
}
