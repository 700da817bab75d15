//! `doorward policy replay`: logins of the past before other rules.

mod case;
mod groups;
mod judge;
mod report;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::cli::audit::files::{each_record, place, rotated, time};
use crate::cli::desk::{Desk, settings, with_desk};
use crate::cli::exit::Failure;
use crate::cli::policy::recorded::Recorded;
use crate::cli::policy::replay::groups::Wanted;
use crate::cli::policy::replay::judge::Judge;
use crate::cli::policy::replay::report::Report;
use crate::config::settings::Settings;

/// Say which logins of the past other settings would have treated differently.
///
/// Takes what the audit kept of each login, asks the rules of the settings that hold and those of the other ones about it,
/// and lists what differs by rule and count. Nobody is asked and nothing is written, unless --connect is given. What the
/// records do not hold is told apart: of such logins it cannot be told whether they change.
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
    /// Look up groups that the records do not hold in the directories, as they are now. That it was done is recorded in the
    /// audit; nobody is named.
    #[arg(long)]
    connect: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    let then = settings(&args.with)?;
    let path = place(config, args.audit.as_ref())?;
    let report = if args.connect {
        with_desk(config, async |desk: &Desk| connected(desk, &then, &path, args).await)?
    } else {
        let now = settings(config)?;
        let judge = Judge::new(&now, &then)?;
        let mut report = Report::default();
        each(&path, args, |recorded| report.take(&recorded, judge.look(&recorded)))?;
        report
    };
    tell(report, &path, args)
}

/// The same with the groups of now. The records are read twice: whose groups are needed is seen only then.
async fn connected(desk: &Desk, then: &Settings, path: &Path, args: &Args) -> Result<Report, Failure> {
    let judge = Judge::new(&desk.settings, then)?;
    let mut wanted = Wanted::default();
    each(path, args, |recorded| wanted.take(&recorded, &judge))?;
    let found = wanted.look_up(desk, &judge).await?;
    let mut report = Report::default();
    each(path, args, |mut recorded| {
        found.complete(&mut recorded, &judge);
        report.take(&recorded, judge.look(&recorded));
    })?;
    report.groups = Some(found);
    Ok(report)
}

/// Hands over each login that is asked about.
fn each(path: &Path, args: &Args, mut take: impl FnMut(Recorded)) -> Result<(), Failure> {
    for file in rotated(path).files.iter().map(PathBuf::as_path).chain([path]) {
        each_record(file, |_, record| {
            if args.since.is_none_or(|since| time(record).is_some_and(|at| at >= since))
                && let Some(recorded) = Recorded::read(record)
            {
                take(recorded);
            }
        })?;
    }
    Ok(())
}

fn tell(mut report: Report, path: &Path, args: &Args) -> Result<(), Failure> {
    report.not_read = rotated(path).packed.iter().map(|path| path.display().to_string()).collect();
    if args.json {
        report.programs()?;
    } else {
        report.people()?;
    }
    if report.changes() { Err(Failure::differs()) } else { Ok(()) }
}
