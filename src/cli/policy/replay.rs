//! `doorward policy replay`: logins of the past before other rules.

mod case;
mod judge;
mod report;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::cli::audit::files::{each_record, place, rotated, time};
use crate::cli::desk::settings;
use crate::cli::exit::Failure;
use crate::cli::policy::recorded::Recorded;
use crate::cli::policy::replay::judge::Judge;
use crate::cli::policy::replay::report::Report;

/// Say which logins of the past other settings would have treated differently.
///
/// Takes what the audit kept of each login, asks the rules of the settings that hold and those of the other ones about it,
/// and lists what differs by rule and count. Nobody is asked and nothing is written. What the records do not hold is told
/// apart: of such logins it cannot be told whether they change.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward policy replay --with new/doorward.toml\n  \
                  doorward policy replay --audit audit.jsonl --with new/doorward.toml --since 2026-12-01T00:00:00Z --json")]
pub(super) struct Args {
    /// The other settings.
    #[arg(long, value_name = "FILE")]
    with: PathBuf,
    /// The audit file, where that is another than the settings say.
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Only logins from this time on.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    let (now, then) = (settings(config)?, settings(&args.with)?);
    let path = place(config, args.audit.as_ref())?;
    let judge = Judge::new(&now, &then)?;
    let mut report = Report::default();
    let beside = rotated(&path);
    for file in beside.files.iter().chain([&path]) {
        each_record(file, |_, record| {
            if args.since.is_none_or(|since| time(record).is_some_and(|at| at >= since))
                && let Some(recorded) = Recorded::read(record)
            {
                report.take(&recorded, judge.look(&recorded));
            }
        })?;
    }
    report.not_read = beside.packed.iter().map(|path| path.display().to_string()).collect();
    if args.json {
        report.programs()?
    } else {
        report.people()?
    }
    if report.changes() { Err(Failure::differs()) } else { Ok(()) }
}
