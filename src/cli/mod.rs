//! The command line: one file per group of commands; each ends in one call into another part.

mod appliance;
mod decode;
mod exit;
mod login;
mod terminal;

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
    after_help = "Exit codes are those of sysexits(3): 0 done, 64 wrong use, 65 wrong data, 66 no such file,\n\
    67 no such user, 69 something does not answer, 70 our mistake, 74 input or output, 77 refused,\n\
    78 wrong configuration."
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
    Login(login::Args),
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
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::complain(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Login(args) => login::run(&args),
        Command::Decode(args) => decode::run(&args),
    }
}
