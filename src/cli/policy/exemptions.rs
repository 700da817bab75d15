//! `doorward policy exemptions`: which exemptions are used, from where, and which are worth a look.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::base::clock::{Clock, SystemClock};
use crate::base::text::safe;
use crate::cli::audit::files::{each_record, place, rotated};
use crate::cli::desk::settings;
use crate::cli::exit::Failure;
use crate::cli::policy::uses::{Mark, Times, Use, Uses};
use crate::cli::terminal::say;

/// Say how each exemption was used and which are worth a look.
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
    let path = place(config, args.file.as_ref())?;
    let mut uses = Uses::of(settings.policy.exemptions.iter().map(|exemption| &*exemption.name));
    let beside = rotated(&path);
    for file in beside.files.iter().chain([&path]) {
        each_record(file, |_, record| uses.look(record, args.since))?;
    }
    let packed: Vec<String> = beside.packed.iter().map(|path| path.display().to_string()).collect();
    let now = Timestamp::from_millisecond(SystemClock.now().unix.0).unwrap_or(Timestamp::MAX);
    if args.json { tell_programs(&uses, &packed, now) } else { tell_people(&uses, &packed, now) }
}

fn tell_people(uses: &Uses, packed: &[String], now: Timestamp) -> Result<(), Failure> {
    match uses.span {
        Some((first, last)) => say(&format!("records from {first} to {last}"))?,
        None => say("no records")?,
    }
    packed.iter().try_for_each(|path| say(&format!("not read, since it is packed: {path}")))?;
    if uses.exemptions.is_empty() {
        return say("no exemption stands in the settings or in the records");
    }
    for (name, used) in &uses.exemptions {
        say(&format!("exemption \"{}\"", safe(name)))?;
        for line in sentences(used) {
            say(&format!("  {line}"))?;
        }
        for mark in used.marks(now) {
            say(&format!("  {}: {}", mark.word(), mark.advice()))?;
        }
    }
    Ok(())
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

fn tell_programs(uses: &Uses, packed: &[String], now: Timestamp) -> Result<(), Failure> {
    let exemptions: Vec<Value> = uses.exemptions.iter().map(|(name, used)| one(name, used, now)).collect();
    let report = json!({
        "from": uses.span.map(|(first, _)| first.to_string()),
        "to": uses.span.map(|(_, last)| last.to_string()),
        "not_read": packed,
        "exemptions": exemptions,
    });
    say(&report.to_string())
}

fn one(name: &str, used: &Use, now: Timestamp) -> Value {
    let sources = used.sources.iter().map(|(source, times)| with(json!({ "source": source }), *times));
    let elsewhere = used.elsewhere.iter().map(|([client, outcome, reason], times)| {
        with(json!({ "client": client, "outcome": outcome, "reason": reason }), *times)
    });
    json!({
        "exemption": name,
        "configured": used.configured,
        "binds": with(json!({}), used.binds),
        "rejected": with(json!({}), used.rejected),
        "operations": with(json!({}), used.operations),
        "refused": with(json!({}), used.refused),
        "sources": sources.collect::<Vec<_>>(),
        "elsewhere": elsewhere.collect::<Vec<_>>(),
        "marks": used.marks(now).into_iter().map(Mark::word).collect::<Vec<_>>(),
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
