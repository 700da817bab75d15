//! `doorward policy exemptions`: which exemptions and fault modes are used, from where, and which are worth a look.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::base::clock::{Clock, SystemClock};
use crate::base::text::safe;
use crate::cli::audit::files::{each_record, place, rotated};
use crate::cli::desk::settings;
use crate::cli::exit::Failure;
use crate::cli::policy::uses::{Mark, ModeUse, Times, Use, Uses};
use crate::cli::terminal::say;
use crate::login::explain::{mode, moment};
use crate::login::policy::exempt::ExemptionKind;
use crate::login::policy::fault::FaultRule;
use crate::login::policy::{Exemption, Policy, Validity};

/// Say how each exemption and each fault mode was used and which are worth a look.
///
/// Reads the audit file and those that a rotation has put beside it, unless they are packed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward policy exemptions --since 2026-12-01T00:00:00Z")]
pub(super) struct Args {
    /// Only records from this time on.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Another file.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    let settings = settings(config)?;
    let policy = &*settings.policy;
    let path = place(config, args.file.as_ref())?;
    let exemptions = policy.exemptions.iter().map(|exemption| &*exemption.name);
    let mut uses = Uses::of(exemptions, policy.faults.iter().map(|rule| &*rule.name));
    let beside = rotated(&path);
    for file in beside.files.iter().chain([&path]) {
        each_record(file, |_, record| uses.look(record, args.since))?;
    }
    let packed: Vec<String> = beside.packed.iter().map(|path| path.display().to_string()).collect();
    let now = Timestamp::from_millisecond(SystemClock.now().unix.0).unwrap_or(Timestamp::MAX);
    if args.json {
        tell_programs(policy, &uses, &packed, now)
    } else {
        tell_people(policy, &uses, &packed, now)
    }
}

fn tell_people(policy: &Policy, uses: &Uses, packed: &[String], now: Timestamp) -> Result<(), Failure> {
    match uses.span {
        Some((first, last)) => say(&format!("records from {first} to {last}"))?,
        None => say("no records")?,
    }
    packed.iter().try_for_each(|path| say(&format!("not read, since it is packed: {path}")))?;
    if uses.exemptions.is_empty() {
        say("no exemption stands in the settings or in the records")?;
    }
    for (name, used) in &uses.exemptions {
        let exemption = named(policy, name);
        let kind = exemption.map_or(String::new(), |exemption| format!(" ({})", kind(exemption)));
        say(&format!("exemption \"{}\"{kind}", safe(name)))?;
        for line in exemption.map(about).unwrap_or_default().into_iter().chain(sentences(used)) {
            say(&format!("  {line}"))?;
        }
        for mark in marks(exemption, used, now) {
            say(&format!("  {}: {}", mark.word(), mark.advice()))?;
        }
    }
    uses.faults.iter().try_for_each(|(name, used)| tell_mode(policy, name, used, now))
}

fn tell_mode(policy: &Policy, name: &str, used: &ModeUse, now: Timestamp) -> Result<(), Failure> {
    let rule = policy.faults.iter().find(|rule| *rule.name == *name);
    say(&format!("fault mode \"{}\"", safe(name)))?;
    if let Some(rule) = rule {
        say(&format!("  owner: {}\n  reason: {}\n  valid: {}", rule.owner, rule.reason, valid(rule.valid)))?;
        say(&format!("  when no factor can be checked: {}", mode(&rule.then)))?;
    }
    say(&format!("  let in {}", told(used.accepted)))?;
    if used.refused.count > 0 {
        say(&format!("  not let in {}", told(used.refused)))?;
    }
    for mark in mode_marks(rule, now) {
        say(&format!("  {}: {}", mark.word(), mark.advice()))?;
    }
    Ok(())
}

/// What is worth a look of a fault mode: nothing says that one must be used.
fn mode_marks(rule: Option<&FaultRule>, now: Timestamp) -> Vec<Mark> {
    match rule {
        Some(rule) => Mark::of_end(rule.valid.until, now).into_iter().collect(),
        None => vec![Mark::NotConfigured],
    }
}

fn named<'a>(policy: &'a Policy, name: &str) -> Option<&'a Exemption> {
    policy.exemptions.iter().find(|exemption| *exemption.name == *name)
}

const fn kind(exemption: &Exemption) -> &'static str {
    match exemption.kind {
        ExemptionKind::Service => "service",
        ExemptionKind::BreakGlass => "break-glass",
    }
}

fn about(exemption: &Exemption) -> Vec<String> {
    let clients: Vec<&str> = exemption.clients.iter().map(|client| &**client).collect();
    let sources: Vec<String> = exemption.sources.iter().map(ToString::to_string).collect();
    let mut lines = vec![
        format!("owner: {}", exemption.owner),
        format!("reason: {}", exemption.reason),
        format!("valid: {}", valid(exemption.valid)),
        format!("at client {}, from {}", clients.join(", "), sources.join(", ")),
    ];
    if exemption.alarm || exemption.kind == ExemptionKind::BreakGlass {
        lines.push("each use raises an alarm".into());
    }
    lines
}

fn valid(valid: Validity) -> String {
    let from = valid.from.map(|from| format!("from {}", moment(from.0)));
    let until = valid.until.map(|until| format!("until {}", moment(until.0)));
    let both: Vec<String> = [from, until].into_iter().flatten().collect();
    if both.is_empty() { "always".into() } else { both.join(" ") }
}

/// What is worth a look: of its use, and of its end.
fn marks(exemption: Option<&Exemption>, used: &Use, now: Timestamp) -> Vec<Mark> {
    let end = exemption.and_then(|exemption| Mark::of_end(exemption.valid.until, now));
    used.marks(now).into_iter().chain(end).collect()
}

fn sentences(used: &Use) -> Vec<String> {
    let mut lines = vec![format!("binds {}", told(used.binds))];
    let others = [
        ("not let in", used.rejected),
        ("operations", used.operations),
        ("operations refused", used.refused),
    ];
    lines.extend(others.iter().filter(|(_, t)| t.count > 0).map(|(what, t)| format!("{what} {}", told(*t))));
    lines
        .extend(used.sources.iter().map(|(source, times)| format!("from {} {}", safe(source), told(*times))));
    lines.extend(used.elsewhere.iter().map(|([client, outcome, reason], times)| {
        format!("elsewhere at client {}, {} {} {}", safe(client), safe(outcome), safe(reason), told(*times))
    }));
    lines
}

fn told(times: Times) -> String {
    match times.span {
        Some((first, last)) if first == last => format!("{}, at {first}", times.count),
        Some((first, last)) => format!("{}, from {first} to {last}", times.count),
        None => "0".to_owned(),
    }
}

fn tell_programs(policy: &Policy, uses: &Uses, packed: &[String], now: Timestamp) -> Result<(), Failure> {
    let exemptions = uses.exemptions.iter().map(|(name, used)| one(named(policy, name), name, used, now));
    let faults = uses.faults.iter().map(|(name, used)| one_mode(policy, name, used, now));
    let report = json!({
        "from": uses.span.map(|(first, _)| first.to_string()),
        "to": uses.span.map(|(_, last)| last.to_string()),
        "not_read": packed,
        "exemptions": exemptions.collect::<Vec<_>>(),
        "fault_modes": faults.collect::<Vec<_>>(),
    });
    say(&report.to_string())
}

fn one(exemption: Option<&Exemption>, name: &str, used: &Use, now: Timestamp) -> Value {
    let sources = used.sources.iter().map(|(source, times)| with(json!({ "source": source }), *times));
    let elsewhere = used.elsewhere.iter().map(|([client, outcome, reason], times)| {
        with(json!({ "client": client, "outcome": outcome, "reason": reason }), *times)
    });
    json!({
        "exemption": name,
        "configured": used.configured,
        "kind": exemption.map(kind),
        "owner": exemption.map(|exemption| &*exemption.owner),
        "reason": exemption.map(|exemption| &*exemption.reason),
        "valid_from": exemption.and_then(|exemption| exemption.valid.from).map(|at| moment(at.0)),
        "valid_until": exemption.and_then(|exemption| exemption.valid.until).map(|at| moment(at.0)),
        "binds": with(json!({}), used.binds),
        "rejected": with(json!({}), used.rejected),
        "operations": with(json!({}), used.operations),
        "refused": with(json!({}), used.refused),
        "sources": sources.collect::<Vec<_>>(),
        "elsewhere": elsewhere.collect::<Vec<_>>(),
        "marks": marks(exemption, used, now).into_iter().map(Mark::word).collect::<Vec<_>>(),
    })
}

fn with(mut value: Value, times: Times) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.insert("count".into(), times.count.into());
        fields.insert("first".into(), times.span.map(|(first, _)| first.to_string()).into());
        fields.insert("last".into(), times.span.map(|(_, last)| last.to_string()).into());
    }
    value
}

fn one_mode(policy: &Policy, name: &str, used: &ModeUse, now: Timestamp) -> Value {
    let rule = policy.faults.iter().find(|rule| *rule.name == *name);
    json!({
        "on_fault": name,
        "owner": rule.map(|rule| &*rule.owner),
        "reason": rule.map(|rule| &*rule.reason),
        "then": rule.map(|rule| mode(&rule.then)),
        "valid_from": rule.and_then(|rule| rule.valid.from).map(|at| moment(at.0)),
        "valid_until": rule.and_then(|rule| rule.valid.until).map(|at| moment(at.0)),
        "accepted": used.accepted.count,
        "last_accepted": used.accepted.span.map(|(_, last)| last.to_string()),
        "not_accepted": used.refused.count,
        "marks": mode_marks(rule, now).into_iter().map(Mark::word).collect::<Vec<_>>(),
    })
}
