//! `doorward policy`: what rules and exemptions do, did, and would do.

mod exemptions;
pub(super) mod expectations;
mod lint;
pub(super) mod recorded;
mod replay;
mod uses;
pub(super) mod whereabouts;

use std::path::Path;

use crate::cli::exit::Failure;

/// Look at rules and exemptions: how they are used, and what others would change.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Test(expectations::Args),
    Lint(lint::Args),
    Replay(replay::Args),
    Exemptions(exemptions::Args),
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    match &args.what {
        What::Test(args) => expectations::run(config, args),
        What::Lint(args) => lint::run(config, args),
        What::Replay(args) => replay::run(config, args),
        What::Exemptions(args) => exemptions::run(config, args),
    }
}
