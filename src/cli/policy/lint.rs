//! `doorward policy lint`: rules that are allowed and hardly meant.

use std::path::Path;

use serde_json::json;

use crate::cli::desk::wrong;
use crate::cli::exit::Failure;
use crate::cli::terminal::say;
use crate::daemon;

/// Look for rules that are allowed and hardly meant.
///
/// Such as rules that never decide, windows that let in more than before them, exemptions without an end, networks that
/// overlap. "doorward check" warns of them too, among everything else.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward policy lint")]
pub(super) struct Args {
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    let (_, mut warnings) = daemon::load(config).map_err(|problems| wrong(&problems))?;
    warnings.retain(|warning| warning.lint);
    if args.json {
        let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        say(&json!({ "warnings": told }).to_string())?;
    } else {
        warnings.iter().try_for_each(|warning| say(&warning.to_string()))?;
        if warnings.is_empty() {
            say("nothing to look at")?;
        }
    }
    if warnings.is_empty() { Ok(()) } else { Err(Failure::differs()) }
}
