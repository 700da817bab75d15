//! `doorward explain`: which rule a login would meet, and why.

use std::net::IpAddr;
use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::base::clock::UnixTime;
use crate::cli::desk::{Desk, with_desk};
use crate::cli::exit::Failure;
use crate::cli::subject::{closed, failures};
use crate::cli::terminal::say;
use crate::login::explain::{Explanation, Known, explain};
use crate::login::factor::{Enrolment, FactorKind};
use crate::login::identity::Groups;
use crate::login::policy::{Facts, Looked, Requirement};
use crate::login::throttle::Failures;

/// Say which rules a login would meet and how it would go, without any login.
///
/// Nobody is contacted but the directory that knows the user, and nothing is written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  doorward explain --client vpn-1 --user alice --from 203.0.113.7 --at 2026-12-24T18:00\n  \
                  doorward explain --client wiki --user CN=wiki,OU=Service,DC=corp,DC=example --source 192.0.2.7"
)]
pub(super) struct Args {
    /// The client that would ask.
    #[arg(long, value_name = "NAME")]
    client: String,
    /// Login name, or the whole distinguished name.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The user's address; without it, it is unknown.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// The address of the client's own connection, on which exemptions depend; without it, it is unknown.
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    /// When: local time of this machine, or with an offset such as Z; without it, now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<UnixTime>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<UnixTime, String> {
    let ms = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    let local = || {
        let civil = text.parse::<DateTime>().map_err(|error| error.to_string())?;
        let zoned = civil.to_zoned(TimeZone::system()).map_err(|error| error.to_string())?;
        Ok(zoned.timestamp().as_millisecond())
    };
    ms.or_else(|_| local()).map(UnixTime)
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    let told = with_desk(config, async |desk: &Desk| explained(desk, args).await)?;
    tell(&told, args.json)
}

/// An explanation, and what else stands in the way.
struct Told {
    explanation: Explanation,
    /// The rules cannot be decided without an account, and there is none.
    undecided: bool,
    /// Locks and waits.
    notes: Vec<String>,
}

async fn explained(desk: &Desk, args: &Args) -> Result<Told, Failure> {
    let named = |client: &&crate::config::settings::ClientSettings| *client.login.name == *args.client;
    let client = desk.settings.clients.iter().find(named).ok_or_else(|| {
        let names: Vec<&str> = desk.settings.clients.iter().map(|c| &*c.login.name).collect();
        Failure::usage(format!("there is no client \"{}\"; there are: {}", args.client, names.join(", ")))
    })?;
    let account = desk.renamed(Some(&client.login.directory), &args.user, &client.login.renaming).await;
    let account = match account {
        Ok(account) => Some(account),
        Err(failure) if failure.is_no_user() => None,
        Err(failure) => return Err(failure),
    };
    let at = args.at.unwrap_or_else(|| desk.stock.clock.now().unix);
    let (mut enrolled, mut notes) = (Vec::new(), Vec::new());
    let mut who = None;
    if let Some(account) = &account {
        who = desk.stock.names.known(account).await?;
        if let Some(who) = &who {
            let record = desk.stock.store.recall(who).await?;
            let closed = |(what, f): &(&str, Failures)| closed(f, at).map(|state| format!("{what}: {state}"));
            notes = failures(&record).iter().filter_map(closed).collect();
            enrolled = record.enrolments;
        }
    }
    let stranger =
        crate::login::identity::Pseudonym::new("never-seen").ok_or_else(|| Failure::software(""))?;
    let groups = account.as_ref().map_or_else(Groups::new, |account| account.groups.clone());
    let facts = Facts {
        client: &client.login.name,
        source: args.source,
        user: args.from,
        at,
        subject: account.as_ref().map(|_| (who.as_ref().unwrap_or(&stranger), &groups)),
        aliases: account.as_ref().map_or(&[], |account| &account.aliases),
    };
    let known = Known {
        standing: account.as_ref().map(|account| account.standing),
        enrolled: enrolled.iter().map(Enrolment::kind).collect(),
    };
    let undecided = desk.settings.policy.decide(&facts).is_none();
    let mut explanation = explain(&desk.settings.policy, &client.login, &facts, known);
    if undecided {
        // Where an account is needed and there is none, it ends; the rules below are not looked at.
        let needs =
            desk.settings.policy.rules.iter().position(|rule| rule.look(&facts) == Looked::NeedsSubject);
        explanation.rules.truncate(needs.map_or(0, |at| at.saturating_add(1)));
        explanation.path = vec!["rejected: the directory knows no such account".into()];
    }
    Ok(Told { explanation, undecided, notes })
}

fn tell(told: &Told, json: bool) -> Result<(), Failure> {
    let Told { explanation, undecided, notes } = told;
    let decision = &explanation.decision;
    if json {
        let rules: Vec<_> = explanation
            .rules
            .iter()
            .map(|(name, looked)| serde_json::json!({ "rule": &**name, "looked": looked }))
            .collect();
        let exemptions: Vec<_> = explanation
            .exemptions
            .iter()
            .map(|(name, looked)| serde_json::json!({ "exemption": &**name, "looked": looked }))
            .collect();
        let report = serde_json::json!({
            "rules": rules,
            "exemptions": exemptions,
            "rule": decision.rule.as_deref(),
            "exemption": decision.exemption.as_deref(),
            "then": if *undecided { Value::Null } else { then(decision.requirement) },
            "path": explanation.path,
            "notes": notes,
        });
        return say(&report.to_string());
    }
    for (name, looked) in &explanation.rules {
        say(&format!("rule \"{name}\": {looked}"))?;
    }
    for (name, looked) in &explanation.exemptions {
        say(&format!("exemption \"{name}\": {looked}"))?;
    }
    let demand = demand(decision.requirement);
    match (&decision.rule, &decision.exemption) {
        _ if *undecided => say("no rule decides")?,
        (_, Some(exemption)) => say(&format!("decided by exemption \"{exemption}\": {demand}"))?,
        (Some(rule), None) => say(&format!("decided by rule \"{rule}\": {demand}"))?,
        (None, None) => say(&format!("no rule matches: {demand}"))?,
    }
    explanation.path.iter().try_for_each(|step| say(&format!("  {step}")))?;
    notes.iter().try_for_each(|note| say(&format!("  but {note}; \"doorward subject unlock\" releases it")))
}

/// As `then` is written in a rule.
fn then(requirement: Requirement) -> Value {
    match requirement {
        Requirement::None => "none".into(),
        Requirement::Refuse => "refuse".into(),
        Requirement::OneOf(kinds) => {
            serde_json::json!({ "require": kinds.iter().map(FactorKind::word).collect::<Vec<_>>() })
        }
    }
}

fn demand(requirement: Requirement) -> String {
    match requirement {
        Requirement::None => "no second factor".to_owned(),
        Requirement::Refuse => "refuse".to_owned(),
        Requirement::OneOf(kinds) => {
            format!("one of {}", kinds.iter().map(FactorKind::word).collect::<Vec<_>>().join(", "))
        }
    }
}
