//! `doorward explain`: which rule a login would meet, and why.

use std::collections::BTreeMap;
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
use crate::config::settings::ClientSettings;
use crate::gateway::ports::Counted;
use crate::login::client::Client;
use crate::login::explain::{Explanation, Known, explain};
use crate::login::factor::{Enrolment, FactorKind};
use crate::login::identity::{Account, Groups, Pseudonym};
use crate::login::policy::{Clause, Demand, Facts, Input, Truth};
use crate::login::relay::Method;
use crate::login::step::Record;
use crate::login::throttle::{Failures, FlowLimits};
use crate::wire::radius::describe::{Line, attributes};

/// Say which rules a login would meet and how it would go, without any login.
///
/// Nobody is contacted but the directory that knows the user, and nothing is written.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  doorward explain --client vpn-1 --user alice --from 203.0.113.7 --at 2026-12-24T18:00\n  \
                  doorward explain --client wiki --user CN=wiki,OU=Service,DC=corp,DC=example --source 192.0.2.7\n  \
                  doorward explain --client wifi --user alice --method eap"
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
    /// How: pap, chap, ms-chap, ms-chap-v2 or eap; without it, each way that the client may use.
    #[arg(long, value_name = "METHOD", value_parser = way)]
    method: Option<Way>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// A way to log in: a method, or a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way(Option<Method>);

impl Way {
    const fn word(self) -> &'static str {
        match self.0 {
            None => "pap",
            Some(method) => method.code(),
        }
    }
}

fn way(text: &str) -> Result<Way, String> {
    let ways: Vec<Way> = [None].into_iter().chain(Method::ALL.map(Some)).map(Way).collect();
    let words: Vec<&str> = ways.iter().map(|way| way.word()).collect();
    let known = ways.iter().find(|way| way.word() == text).copied();
    known.ok_or_else(|| format!("there are: {}", words.join(", ")))
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
    /// The path by each way, where there is a choice.
    ways: Vec<(&'static str, Vec<String>)>,
    /// What the client would be told about the account, or why that cannot be.
    reply: Option<Result<Vec<Line>, String>>,
}

/// What waits or is locked at that time.
fn barred(record: &Record, limits: &FlowLimits, at: UnixTime) -> Vec<String> {
    let state =
        |(what, f): (Counted, Failures)| closed(what, &f, limits, at).map(|state| format!("{what}: {state}"));
    failures(record).into_iter().filter_map(state).collect()
}

async fn explained(desk: &Desk, args: &Args) -> Result<Told, Failure> {
    let named = |client: &&ClientSettings| *client.login.name == *args.client;
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
            notes = barred(&record, &desk.settings.limits.failures, at);
            enrolled = record.enrolments;
        }
    }
    let stranger = Pseudonym::new("never-seen").ok_or_else(|| Failure::software(""))?;
    let groups = account.as_ref().map_or_else(Groups::new, |account| account.groups.clone());
    let subject = account.as_ref().map(|_| (who.as_ref().unwrap_or(&stranger), &groups));
    let facts = Facts {
        source: args.source,
        user: args.from.into(),
        subject: subject.map_or(Input::Pending, Input::Known),
        aliases: account.as_ref().map_or(&[], |account| &account.aliases),
        past: Input::Unknown,
        enrolled: Input::Known(enrolled.iter().map(Enrolment::kind).collect()),
        ..Facts::of(&client.login, at)
    };
    let known = Known {
        standing: account.as_ref().map(|account| account.standing),
        enrolled: enrolled.iter().map(Enrolment::kind).collect(),
        method: None,
    };
    let undecided = desk.settings.policy.decide(&facts).is_none();
    let mut by_way = Vec::new();
    for way in ways(client, args)? {
        let known = Known { method: way.0, ..known };
        by_way.push((way.word(), explain(&desk.settings.policy, &client.login, &facts, known)));
    }
    let ways = by_way.iter().map(|(word, explained)| (*word, explained.path.clone())).collect();
    let first = by_way.into_iter().next().map(|(_, explained)| explained);
    let mut explanation = first.ok_or_else(|| Failure::software("no way to log in was explained"))?;
    if undecided {
        // Where an account is needed and there is none, it ends; the rules below are not looked at.
        let needs =
            desk.settings.policy.rules.iter().position(|rule| rule.when.look(&facts) == Truth::Pending);
        explanation.rules.truncate(needs.map_or(0, |at| at.saturating_add(1)));
        explanation.path = vec!["rejected: the directory knows no such account".into()];
    }
    let ways = if undecided || client.radius().is_none() { Vec::new() } else { ways };
    let reply = account
        .as_ref()
        .and_then(|account| reply(&client.login, account, explanation.decision.reply.as_deref()));
    Ok(Told { explanation, undecided, notes, ways, reply })
}

/// The ways to be told of: the one that is asked about, or all that the client may use.
fn ways(client: &ClientSettings, args: &Args) -> Result<Vec<Way>, Failure> {
    let mut may: Vec<Way> = client.methods().into_iter().map(Way).collect();
    if let Some(way) = args.method {
        if !may.contains(&way) {
            let may: Vec<&str> = may.iter().map(|way| way.word()).collect();
            let (client, way, may) = (&args.client, way.word(), may.join(", "));
            return Err(Failure::usage(format!(
                "client \"{client}\" may not log in by {way}; it may by: {may}"
            )));
        }
        may.retain(|other| *other == way);
    }
    Ok(may)
}

/// What a client with reply rules would be told about `account`.
fn reply(
    client: &Client,
    account: &Account,
    only: Option<&[std::sync::Arc<str>]>,
) -> Option<Result<Vec<Line>, String>> {
    let telling = client.telling.as_ref()?;
    Some(match telling.tell(account, only) {
        Ok(told) => Ok(attributes(told.bytes())),
        Err(untold) => Err(telling.why_not(account, only).unwrap_or_else(|| untold.to_string())),
    })
}

fn tell(told: &Told, json: bool) -> Result<(), Failure> {
    let Told { explanation, undecided, notes, ways, reply } = told;
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
            "then": if *undecided { Value::Null } else { then(&decision.demand) },
            "path": explanation.path,
            "methods": ways.iter().cloned().collect::<BTreeMap<_, _>>(),
            "notes": notes,
            "attributes": reply.as_ref().and_then(|reply| reply.as_ref().ok()).map(|lines| {
                lines.iter().map(|line| serde_json::json!([line.name, line.value])).collect::<Vec<_>>()
            }),
            "reply-incomplete": reply.as_ref().and_then(|reply| reply.as_ref().err()),
        });
        return say(&report.to_string());
    }
    for (name, looked) in &explanation.rules {
        say(&format!("rule \"{name}\": {looked}"))?;
    }
    for (name, looked) in &explanation.exemptions {
        say(&format!("exemption \"{name}\": {looked}"))?;
    }
    let demand = demand(&decision.demand);
    match (&decision.rule, &decision.exemption) {
        _ if *undecided => say("no rule decides")?,
        (_, Some(exemption)) => say(&format!("decided by exemption \"{exemption}\": {demand}"))?,
        (Some(rule), None) => say(&format!("decided by rule \"{rule}\": {demand}"))?,
        (None, None) => say(&format!("no rule matches: {demand}"))?,
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
    notes.iter().try_for_each(|note| say(&format!("  but {note}; \"doorward subject unlock\" releases it")))
}

/// As `then` is written in a rule.
fn then(demand: &Demand) -> Value {
    let words = |clause: &Clause| clause.kinds.iter().map(FactorKind::word).collect::<Vec<_>>();
    match demand {
        Demand::Refuse(_) => "refuse".into(),
        Demand::Show(clauses) => match clauses.as_slice() {
            [] => "none".into(),
            [one] => serde_json::json!({ "require": words(one) }),
            several => serde_json::json!({ "require-each": several.iter().map(words).collect::<Vec<_>>() }),
        },
    }
}

fn demand(demand: &Demand) -> String {
    let one_of = |clause: &Clause| {
        format!("one of {}", clause.kinds.iter().map(FactorKind::word).collect::<Vec<_>>().join(", "))
    };
    match demand {
        Demand::Refuse(_) => "refuse".to_owned(),
        Demand::Show(clauses) if clauses.is_empty() => "no second factor".to_owned(),
        Demand::Show(clauses) => clauses.iter().map(one_of).collect::<Vec<_>>().join(", and "),
    }
}
