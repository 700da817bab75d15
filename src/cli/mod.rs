//! The command line: one file per group of commands; each ends in one call into another part.

mod appliance;
mod application;
mod audit;
mod decode;
mod demo;
mod desk;
mod enrol;
mod exit;
mod explain;
mod key;
mod lockout;
mod login;
mod policy;
mod run;
mod sessions;
mod subject;
mod terminal;
mod validity;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::exit::Failure;

/// Where the configuration lies unless told otherwise.
const CONFIG: &str = "/etc/doorward/doorward.toml";

/// A second factor in front of VPNs and directories.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes are those of sysexits(3): 0 done, 1 something differs, 64 wrong use, 65 wrong data, 66 no such file,\n\
    67 no such user, 69 something does not answer, 70 our mistake, 71 the system refused,\n\
    73 a file cannot be made, 74 input or output, 77 the login was refused, 78 wrong configuration."
)]
struct Cli {
    /// The configuration file.
    #[arg(long, short, global = true, value_name = "FILE", env = "DOORWARD_CONFIG", default_value = CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Check(run::CheckArgs),
    Show(run::ShowArgs),
    Explain(explain::Args),
    Demo(demo::Args),
    Login(login::Args),
    Enrol(enrol::Args),
    Subject(subject::SubjectArgs),
    Factor(subject::FactorArgs),
    Policy(policy::Args),
    Audit(audit::Args),
    Key(key::Args),
    HashPassword(key::HashArgs),
    Decode(decode::Args),
}

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _shown = error.print();
            let asked_for = matches!(
                error.kind(),
                clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
            );
            return if asked_for { ExitCode::SUCCESS } else { Failure::usage("").exit_code() };
        }
    };
    match obey(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::complain(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn obey(cli: &Cli) -> Result<(), Failure> {
    let config = &cli.config;
    match &cli.command {
        Command::Run(args) => run::run(config, args),
        Command::Check(args) => run::check(config, args),
        Command::Show(args) => run::show(config, args),
        Command::Explain(args) => explain::run(config, args),
        Command::Demo(args) => demo::run(args),
        Command::Login(args) => login::run(args),
        Command::Enrol(args) => enrol::run(config, args),
        Command::Subject(args) => subject::subject(config, args),
        Command::Factor(args) => subject::factor(config, args),
        Command::Policy(args) => policy::run(config, args),
        Command::Audit(args) => audit::run(config, args),
        Command::Key(args) => key::run(config, args),
        Command::HashPassword(args) => key::hash_password(args),
        Command::Decode(args) => decode::run(args),
    }
}
