//! `doorward audit`: reads the audit file.

pub(super) mod files;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::audit::files::{each_record, place, time, word};
use crate::cli::exit::Failure;
use crate::cli::terminal::{complain, say};

/// Print records of the audit file, oldest first. They hold anonymous ids, never names.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward audit --outcome reject --since 2026-12-24T00:00:00Z")]
pub(super) struct Args {
    /// Only of this event, for example alarm.
    #[arg(long, value_name = "WORD")]
    event: Option<String>,
    /// Only of this subject (anonymous id).
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only of this client.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Only with this outcome: accept, reject, unable, done, raised.
    #[arg(long, value_name = "WORD", value_parser = ["accept", "reject", "unable", "done", "raised"], hide_possible_values = true)]
    outcome: Option<String>,
    /// Only with this reason.
    #[arg(long, value_name = "WORD")]
    reason: Option<String>,
    /// Only logins with which a rule that is only tried out would have dealt otherwise.
    #[arg(long)]
    shadow: bool,
    /// Only of this login.
    #[arg(long, value_name = "ID")]
    attempt: Option<String>,
    /// Not before this time.
    #[arg(long, value_name = "TIME")]
    since: Option<jiff::Timestamp>,
    /// At most the last N that fit.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    last: u32,
    /// Another file, for example a rotated one.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print the records as they are.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    let path = place(config, args.file.as_ref())?;
    let mut kept = std::collections::VecDeque::new();
    let most = usize::try_from(args.last).unwrap_or(usize::MAX);
    each_record(&path, |line, record| {
        if args.wants(record) {
            if kept.len() >= most {
                kept.pop_front();
            }
            kept.push_back(if args.json { line } else { sentence(record) });
        }
    })?;
    if kept.is_empty() {
        complain(&format!("no record in {} fits", path.display()));
    }
    kept.iter().try_for_each(|line| say(line))
}

impl Args {
    fn wants(&self, record: &Value) -> bool {
        let is = |key: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| word(record, key) == Some(wanted))
        };
        let recent = self.since.is_none_or(|since| time(record).is_some_and(|time| time >= since));
        recent
            && (!self.shadow || word(record, "shadow_then").is_some())
            && is("event", &self.event)
            && is("subject", &self.subject)
            && is("client", &self.client)
            && is("outcome", &self.outcome)
            && is("reason", &self.reason)
            && is("attempt", &self.attempt)
    }
}

fn sentence(record: &Value) -> String {
    let part = |key: &str| word(record, key).unwrap_or("-");
    let mut sentence = format!(
        "{}  {}  {:<8} {:<20} client {}  subject {}  factor {}  rule {}  from {}  stage {}  attempt {}",
        part("time"),
        part("event"),
        part("outcome"),
        part("reason"),
        part("client"),
        part("subject"),
        part("factor"),
        part("rule"),
        part("network"),
        part("stage"),
        part("attempt"),
    );
    let more = [
        ("exemption", "exemption"),
        ("missed_exemption", "missed"),
        ("on_fault", "on-fault"),
        ("source", "source"),
        ("shadow", "tried out"),
        ("shadow_then", "would demand"),
    ];
    for (key, called) in more {
        if let Some(value) = word(record, key) {
            let value = if value.is_empty() { "no rule" } else { value };
            sentence.push_str(&format!("  {called} {value}"));
        }
    }
    sentence
}
