//! What the commands of an administrator work with: settings, stock, and the accounts behind names.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::base::secret::Secret;
use crate::cli::exit::Failure;
use crate::config::Problems;
use crate::config::settings::Settings;
use crate::daemon;
use crate::daemon::assemble::{self, Directories};
use crate::daemon::stock::Stock;
use crate::factor::provision::Provisioner;
use crate::gateway::ports::{Audit, Naming, Vault};
use crate::login::identity::{Account, LoginName, Pseudonym};
use crate::login::rename::Renaming;
use crate::login::verdict::FaultKind;
use crate::subjects::enrol::{Enrolling, Tools};
use crate::subjects::pseudonym::Person;
use crate::wire::ldap::dn::Dn;

/// How long a directory may take for one question of an administrator.
const PATIENCE: Duration = Duration::from_secs(10);

/// An opened desk.
pub(super) struct Desk {
    pub(super) settings: Settings,
    pub(super) stock: Stock,
    directories: Directories,
}

/// Loads the settings; warnings are for `check`.
pub(super) fn settings(config: &Path) -> Result<Settings, Failure> {
    daemon::load(config).map(|(settings, _)| settings).map_err(|problems| wrong(&problems))
}

/// All mistakes in the settings.
pub(super) fn wrong(problems: &Problems) -> Failure {
    Failure::config(problems.to_string().trim_end())
}

/// Runs `work` with an opened desk.
pub(super) fn with_desk<T>(
    config: &Path,
    work: impl AsyncFnOnce(&Desk) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut settings = settings(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stock = Stock::open(&settings).await?;
        let directories = assemble::directories(&mut settings, &stock.clock, &*stock.random)?;
        work(&Desk { settings, stock, directories }).await
    })
}

/// What was typed, as the names that it can be: a distinguished name first, as applications bind with and as the
/// accounts of applications have no other, and what people type.
fn names(typed: &str) -> Result<Vec<LoginName>, Failure> {
    let is_distinguished = typed.contains('=') && typed.parse::<Dn>().is_ok_and(|name| name.depth() > 0);
    let distinguished = is_distinguished.then(|| LoginName::distinguished(typed));
    let plain = LoginName::parse(typed.as_bytes());
    match (distinguished, plain) {
        (Some(Ok(name)), plain) => Ok([Some(name), plain.ok()].into_iter().flatten().collect()),
        (Some(Err(_)) | None, plain) => Ok(vec![plain.map_err(|error| Failure::data(error.to_string()))?]),
    }
}

impl Desk {
    /// The account that `user` means in `directory`, or in the only one there is.
    pub(super) async fn account(&self, directory: Option<&str>, user: &str) -> Result<Account, Failure> {
        self.renamed(directory, user, &Renaming::default()).await
    }

    /// The account that `user` means at a client that changes names.
    pub(super) async fn renamed(
        &self,
        directory: Option<&str>,
        user: &str,
        renaming: &Renaming,
    ) -> Result<Account, Failure> {
        let directory = match (directory, self.directories.len()) {
            (Some(name), _) => self.directories.get(name).ok_or_else(|| {
                Failure::usage(format!(
                    "there is no directory \"{name}\"; there are: {}",
                    self.names().join(", ")
                ))
            })?,
            (None, 1) => self.directories.values().next().ok_or_else(|| Failure::software("no directory"))?,
            (None, _) => {
                return Err(Failure::usage(format!(
                    "say --directory; there are: {}",
                    self.names().join(", ")
                )));
            }
        };
        for name in names(user)? {
            let name = renaming.apply(name).map_err(|error| Failure::data(error.to_string()))?;
            let now = self.stock.clock.now().steady;
            if let Some(account) = directory.find(&name, now.checked_add(PATIENCE).unwrap_or(now)).await? {
                return Ok(account);
            }
        }
        Err(Failure::no_user("the directory knows no such account"))
    }

    /// The account of somebody who was seen before, as the directory has it now. `None` when nobody has his name there any
    /// more, or somebody else has it.
    pub(super) async fn again(&self, person: &Person) -> Result<Option<Account>, Failure> {
        let Some(directory) = self.directories.get(&*person.directory) else { return Ok(None) };
        let Ok(names) = names(&person.display) else { return Ok(None) };
        for name in names {
            let now = self.stock.clock.now().steady;
            match directory.find(&name, now.checked_add(PATIENCE).unwrap_or(now)).await {
                Ok(Some(account)) if account.id == person.id => return Ok(Some(account)),
                Ok(_) => {}
                Err(fault) if fault.kind == FaultKind::UnclearAccount => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(None)
    }

    /// The anonymous id of an account; a new account gets one.
    pub(super) async fn subject(&self, who: &Who) -> Result<Pseudonym, Failure> {
        if let Some(text) = &who.subject {
            return Pseudonym::new(text).ok_or_else(|| Failure::data("that is no anonymous id"));
        }
        let Some(user) = &who.user else { return Err(Failure::usage("say --user or --subject")) };
        let account = self.account(who.directory.as_deref(), user).await?;
        Ok(self.stock.names.subject(account).await?.pseudonym)
    }

    /// The tools for enrolments.
    pub(super) fn enrolling(&self) -> Enrolling {
        let vault: Arc<dyn Vault> = self.stock.keys.clone();
        Enrolling::new(Tools {
            store: self.stock.store.clone(),
            vault,
            random: self.stock.random.clone(),
            clock: self.stock.clock.clone(),
            factors: self.stock.factors(),
            provision: Arc::new(Provisioner::new(self.stock.random.clone())),
            audit: self.audit(),
        })
    }

    /// The audit as a port.
    pub(super) fn audit(&self) -> Arc<dyn Audit> {
        self.stock.audit.clone()
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.directories.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }
}

/// Who is meant: by name, or by anonymous id.
#[derive(Debug, clap::Args)]
pub(super) struct Who {
    /// Login name, or the whole distinguished name.
    #[arg(long, value_name = "NAME", conflicts_with = "subject")]
    pub(super) user: Option<String>,
    /// The directory that knows the name; not needed when there is only one.
    #[arg(long, value_name = "NAME", conflicts_with = "subject")]
    pub(super) directory: Option<String>,
    /// Anonymous id, instead of a name.
    #[arg(long, value_name = "ID")]
    pub(super) subject: Option<String>,
}

/// Text of a secret that is meant to be read.
pub(super) fn shown(secret: &Secret) -> &str {
    secret.expose_str().unwrap_or_default()
}
