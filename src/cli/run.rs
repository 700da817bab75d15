//! `doorward run`: the daemon. `doorward check` and `doorward show`: its settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::base::clock::{Clock, SystemClock};
use crate::base::random::{Random, SystemRandom};
use crate::cli::desk::{settings, wrong};
use crate::cli::exit::Failure;
use crate::cli::lockout::{self, Said};
use crate::cli::policy::expectations::{Trial, offline};
use crate::cli::terminal::{complain, say};
use crate::daemon::{self, Stopped, assemble};
use crate::gateway::ports::{DomainLockout, ServerState};
use crate::login::throttle::Limits;

/// How long a directory or an upstream may take to answer `check --connect`.
const PATIENCE: Duration = Duration::from_secs(10);

/// Run the gateway until it is told to stop.
///
/// SIGHUP reads the settings again; with any mistake in them the old ones stay. SIGTERM and SIGINT end it
/// once the running logins are answered.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward run --config /etc/doorward/doorward.toml")]
pub(super) struct RunArgs {}

/// Check the settings without starting anything.
///
/// All mistakes are shown at once, each with its place and what to do; then the doubtful things.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward check --connect && systemctl reload doorward")]
pub(super) struct CheckArgs {
    /// Ask each directory and each upstream, too: whether it answers, takes the service account and has base-dn; shows
    /// its servers, and when its domains lock accounts.
    #[arg(long)]
    connect: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Show the settings that hold, defaults included and secrets left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward show --json | jq .client")]
pub(super) struct ShowArgs {
    /// Print as JSON instead of TOML.
    #[arg(long)]
    json: bool,
}

/// Runs the daemon.
pub(super) fn run(config: &Path, _args: &RunArgs) -> Result<(), Failure> {
    daemon::run(config).map_err(|stopped| match stopped {
        Stopped::Configuration(problems) => wrong(&problems),
        Stopped::Fault(fault) => fault.into(),
        Stopped::System(what) => Failure::system(what),
        Stopped::Internal(what) => Failure::software(what),
    })
}

/// Checks the settings.
pub(super) fn check(config: &Path, args: &CheckArgs) -> Result<(), Failure> {
    let (errors, warnings, settings) = match daemon::load(config) {
        Ok((settings, warnings)) => (Vec::new(), warnings, Some(settings)),
        Err(problems) => (problems.errors, problems.warnings, None),
    };
    let trials = settings.as_ref().map_or(Ok(Vec::new()), offline)?;
    let failed: Vec<String> = trials.iter().filter_map(Trial::failure).collect();
    let Probed { faults, servers, upstreams, lockouts, mut doubts } = match settings {
        Some(mut settings) if args.connect => probe(&mut settings)?,
        _ => Probed::default(),
    };
    doubts.extend(trials.iter().filter_map(Trial::doubt));
    if args.json {
        let text =
            |findings: &[daemon::Warning]| findings.iter().map(ToString::to_string).collect::<Vec<_>>();
        let warnings = [text(&warnings), doubts].concat();
        let report = serde_json::json!({
            "errors": text(&errors), "warnings": warnings, "directories": faults,
            "servers": servers, "upstreams": upstreams, "lockout": lockouts.json,
            "expectations": failed,
        });
        say(&report.to_string())?;
    } else {
        errors.iter().for_each(|finding| complain(&finding.to_string()));
        warnings.iter().for_each(|finding| complain(&format!("warning: {finding}")));
        failed.iter().for_each(|failure| complain(failure));
        doubts.iter().for_each(|doubt| complain(&format!("warning: {doubt}")));
        for (directory, servers) in &servers {
            say(&format!("directory \"{directory}\": {}", servers.join(", ")))?;
        }
        lockouts.lines.iter().try_for_each(|line| say(line))?;
        for (upstream, servers) in &upstreams {
            say(&format!("upstream \"{upstream}\": {}", servers.join(", ")))?;
        }
        faults.iter().for_each(|fault| complain(fault));
        let skipped = trials.iter().filter(|trial| trial.is_skipped()).count();
        if skipped > 0 {
            let what = count(skipped, "expectation");
            say(&format!(
                "{what} not tried, since a directory must be asked: doorward policy test --connect"
            ))?;
        }
    }
    if !errors.is_empty() {
        return Err(Failure::config(if args.json { String::new() } else { count(errors.len(), "mistake") }));
    }
    if !failed.is_empty() {
        let what = count(failed.len(), "expectation");
        return Err(Failure::config(if args.json {
            String::new()
        } else {
            format!("the rules fail {what}")
        }));
    }
    if !faults.is_empty() {
        return Err(Failure::unavailable(""));
    }
    if args.json { Ok(()) } else { say("the settings are good") }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// What a look at directories and upstreams has brought.
#[derive(Default)]
struct Probed {
    faults: Vec<String>,
    /// By directory, in the order of preference.
    servers: BTreeMap<String, Vec<String>>,
    /// By upstream, the same.
    upstreams: BTreeMap<String, Vec<String>>,
    /// When directories lock accounts.
    lockouts: Lockouts,
    /// What is doubtful about that.
    doubts: Vec<String>,
}

#[derive(Default)]
struct Lockouts {
    lines: Vec<String>,
    /// By directory.
    json: serde_json::Map<String, serde_json::Value>,
}

impl Probed {
    fn note(&mut self, directory: &str, domains: &[DomainLockout], limits: &Limits) {
        if domains.is_empty() {
            return;
        }
        let Said { lines, warnings } = lockout::said(directory, domains, limits);
        self.lockouts.lines.extend(lines);
        self.doubts.extend(warnings);
        self.lockouts.json.insert(directory.to_owned(), lockout::json(domains));
    }
}

fn shown(servers: &[ServerState]) -> Vec<String> {
    let servers = servers.iter();
    servers.map(|one| format!("{}{}", one.name, if one.up { "" } else { " (down)" })).collect()
}

fn probe(settings: &mut crate::config::settings::Settings) -> Result<Probed, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(SystemClock);
        let mut probed = Probed::default();
        let password = settings.limits.failures.password;
        for (name, directory) in assemble::directories(settings, &clock, &SystemRandom)? {
            let now = clock.now().steady;
            let until = now.checked_add(PATIENCE).unwrap_or(now);
            match directory.probe(until).await {
                Ok(()) => probed.note(&name, &directory.lockouts(until).await, &password),
                Err(fault) => probed.faults.push(fault.to_string()),
            }
            if let Some(servers) = directory.servers().filter(|servers| !servers.is_empty()) {
                probed.servers.insert(name.to_string(), shown(&servers));
            }
        }
        let random: std::sync::Arc<dyn Random> = std::sync::Arc::new(SystemRandom);
        let mut upstreams: Vec<_> = assemble::upstreams(settings, &clock, &random)?.into_iter().collect();
        upstreams.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (name, upstream) in upstreams {
            let now = clock.now().steady;
            match upstream.probe(now.checked_add(PATIENCE).unwrap_or(now)).await {
                Ok(servers) => _ = probed.upstreams.insert(name.to_string(), shown(&servers)),
                Err(fault) => probed.faults.push(fault.to_string()),
            }
        }
        Ok(probed)
    })
}

/// Shows the settings.
pub(super) fn show(config: &Path, args: &ShowArgs) -> Result<(), Failure> {
    let settings = settings(config)?;
    say(if args.json { settings.to_json() } else { settings.to_toml() }.trim_end())
}
