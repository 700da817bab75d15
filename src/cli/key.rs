//! `doorward key`: the keys that seal the store. `doorward hash-password`: for the file directory.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use clap::Subcommand;

use crate::base::random::{Random, SystemRandom};
use crate::cli::desk::{Desk, settings, with_desk};
use crate::cli::exit::Failure;
use crate::cli::terminal::{ask_secret, complain, say};
use crate::daemon::keys;
use crate::daemon::stock::Stock;
use crate::gateway::ports::Vault;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::seal::KeyRing;
use crate::subjects::rekey::{KeyChange, Rekeying};

/// Subjects that are sealed anew at once.
const PAGE: usize = 500;

/// Make and change the keys that seal seeds and names.
///
/// Keep a copy of the key file apart from the store: without it nothing in the store can be used. Where the
/// service manager hands the file over as a credential, it does so at start: restart instead of reload.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A change of keys:\n  doorward key add && systemctl reload doorward\n  doorward key reseal\n  \
    doorward key drop-old && systemctl reload doorward"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the key file; one that is there is never replaced.
    #[command(after_help = "Example:\n  doorward key generate")]
    Generate,
    /// Add a key; it seals what is new from the next reload on.
    #[command(after_help = "Example:\n  doorward key add && systemctl reload doorward")]
    Add,
    /// List the ids of the keys, newest last.
    #[command(after_help = "Example:\n  doorward key list --json")]
    List {
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Seal everything anew under the newest key. May run while the gateway does, and be repeated.
    #[command(after_help = "Example:\n  doorward key reseal")]
    Reseal,
    /// Take all keys but the newest out of the file, once nothing needs them.
    #[command(after_help = "Example:\n  doorward key drop-old && systemctl reload doorward")]
    DropOld,
}

/// Hash a password for the users file of a directory of kind "file".
///
/// It is asked for; without a terminal it is the first line of standard input.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  doorward hash-password")]
pub(super) struct HashArgs {}

/// `doorward key`
pub(super) fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    match args.what {
        What::Generate => {
            let path = settings(config)?.keys.path;
            let ring = KeyRing::generate(random).map_err(|error| Failure::system(error.to_string()))?;
            write(&path, &ring, true)?;
            say(&format!("made {}; keep a copy of it in a safe place", path.display()))
        }
        What::Add => with_desk(config, async |desk: &Desk| add(desk).await),
        What::List { json } => {
            let ring = keys::read(&settings(config)?.keys, random)?;
            let mut ids: Vec<u32> = ring.ids().collect();
            ids.sort_unstable();
            if json {
                return say(&serde_json::json!({ "keys": ids, "newest": ring.newest_key() }).to_string());
            }
            ids.iter().try_for_each(|id| say(&id.to_string()))
        }
        What::Reseal => with_desk(config, async |desk: &Desk| reseal(desk).await),
        What::DropOld => with_desk(config, async |desk: &Desk| drop_old(desk).await),
    }
}

fn write(path: &Path, ring: &KeyRing, fresh: bool) -> Result<(), Failure> {
    keys::write(path, ring, fresh).map_err(|error| {
        let why = if error.kind() == ErrorKind::AlreadyExists {
            "it is there already".into()
        } else {
            error.to_string()
        };
        Failure::cannot_create(format!("{} was not written: {why}", path.display()))
    })
}

fn rekeying(desk: &Desk) -> Rekeying {
    let vault: Arc<dyn Vault> = desk.stock.keys.clone();
    let Stock { store, sessions, clock, .. } = &desk.stock;
    Rekeying::new(store.clone(), sessions.clone(), vault, clock.clone(), desk.audit())
}

/// Writes the key file under record.
async fn change(desk: &Desk, what: KeyChange, ring: &KeyRing) -> Result<(), Failure> {
    let mut written = Ok(());
    let deed = async {
        written = write(&desk.settings.keys.path, ring, false);
        let fault = |failure: &Failure| Fault::new(FaultKind::Internal, failure.to_string());
        written.as_ref().map_or_else(|failure| Err(fault(failure)), |()| Ok(()))
    };
    let recorded = rekeying(desk).change(what, deed).await;
    // What the system said of the file has an exit code of its own.
    written?;
    Ok(recorded?)
}

async fn add(desk: &Desk) -> Result<(), Failure> {
    let ring = desk.stock.keys.ring();
    let ring = ring.with_new_key().map_err(|error| Failure::system(error.to_string()))?;
    change(desk, KeyChange::Added, &ring).await?;
    say(&format!("key {} added; reload the gateway, then run \"doorward key reseal\"", ring.newest_key()))
}

async fn reseal(desk: &Desk) -> Result<(), Failure> {
    let rekeying = rekeying(desk);
    let tell = |report: &crate::subjects::rekey::Report| {
        complain(&format!("{} subjects looked at, {} records sealed anew", report.subjects, report.renewed));
    };
    let report = rekeying.run(None, PAGE, tell).await?;
    if report.lost > 0 {
        let what = format!(
            "{} records open with none of the keys; put the missing key back into the file",
            report.lost
        );
        return Err(Failure::data(what));
    }
    if !report.is_complete() {
        return Err(Failure::unavailable(format!(
            "{} records changed meanwhile; run it once more",
            report.busy
        )));
    }
    say(&format!("everything is sealed under key {}", desk.stock.keys.newest_key()))
}

/// Sealing anew first proves that nothing needs an old key.
async fn drop_old(desk: &Desk) -> Result<(), Failure> {
    reseal(desk).await?;
    let ring = desk.stock.keys.ring().newest_only();
    change(desk, KeyChange::Dropped, &ring).await?;
    say("the old keys are gone from the file; reload the gateway")
}

/// `doorward hash-password`
pub(super) fn hash_password(_args: &HashArgs) -> Result<(), Failure> {
    let password = ask_secret("Password: ")?;
    if password.is_empty() {
        return Err(Failure::data("an empty password lets nobody in"));
    }
    let hash = crate::directory::file::hash_password(&password, &SystemRandom)
        .map_err(|error| Failure::system(error.to_string()))?;
    say(&hash)
}
