//! What stays from start to end, through every reload: store, keys, names, audit.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::audit::file::AuditLog;
use crate::base::clock::{Clock, SystemClock};
use crate::base::random::{Random, SystemRandom};
use crate::config::settings::{KeyFile, LogFormat, Settings};
use crate::daemon::audit::{self, AuditSwitch};
use crate::daemon::keys::{self, Keys};
use crate::gateway::drive::Parts;
use crate::gateway::ports::sessions::Sessions;
use crate::gateway::ports::{Naming, SecondFactor, Store, Vault};
use crate::login::verdict::{Fault, FaultKind};
use crate::store::seal::KeyRing;
use crate::store::sqlite::Sqlite;
use crate::subjects::pseudonym::{Names, opens};

/// Opened from the settings once; also what the commands of an administrator work with.
pub struct Stock {
    /// The system's clock.
    pub clock: Arc<dyn Clock>,
    /// The system's randomness.
    pub random: Arc<dyn Random>,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Open sessions, in the same store.
    pub sessions: Arc<dyn Sessions>,
    /// The sealing keys.
    pub keys: Arc<Keys>,
    /// Anonymous ids.
    pub names: Arc<Names>,
    /// The audit.
    pub audit: Arc<AuditSwitch>,
    fixed: Fixed,
}

/// Settings that a reload cannot change.
#[derive(Debug, PartialEq, Eq)]
struct Fixed {
    store: PathBuf,
    keys: KeyFile,
    numbered: BTreeSet<Arc<str>>,
    workers: u32,
    format: LogFormat,
    drain: Duration,
}

impl Fixed {
    fn of(settings: &Settings) -> Self {
        Self {
            store: settings.store.clone(),
            keys: settings.keys.clone(),
            numbered: settings.numbered(),
            workers: settings.radius.workers,
            format: settings.log.format,
            drain: settings.drain_timeout,
        }
    }
}

impl Stock {
    /// Opens store, keys and audit. Keys that do not open what lies in the store are refused: with them
    /// nobody would be known, and everybody would be given a new anonymous id.
    ///
    /// # Errors
    ///
    /// The first of them that cannot be opened, with what to do about it.
    pub async fn open(settings: &Settings) -> Result<Self, Fault> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let ring = keys::read(&settings.keys, random.clone())?;
        let sqlite = Arc::new(Sqlite::open(&settings.store)?);
        let sessions: Arc<dyn Sessions> = sqlite.clone();
        let store: Arc<dyn Store> = sqlite;
        fits(&*store, &ring, settings).await?;
        let keys = Arc::new(Keys::new(ring));
        let fixed = Fixed::of(settings);
        let numbered = fixed.numbered.clone();
        let names =
            Arc::new(Names::new(store.clone(), keys.clone(), random.clone(), clock.clone(), numbered));
        let audit = Arc::new(AuditSwitch::open(&settings.audit)?);
        Ok(Self { clock, random, store, sessions, keys, names, audit, fixed })
    }

    /// The second factors, with our keys.
    #[must_use]
    pub fn factors(&self) -> Vec<Arc<dyn SecondFactor>> {
        let vault: Arc<dyn Vault> = self.keys.clone();
        crate::factor::all(&vault)
    }

    /// What the gateway works with.
    #[must_use]
    pub fn parts(&self) -> Parts {
        Parts {
            store: self.store.clone(),
            naming: self.naming(),
            factors: self.factors(),
            audit: self.audit.clone(),
            vault: self.keys.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
        }
    }

    /// The anonymous ids as a port.
    #[must_use]
    pub fn naming(&self) -> Arc<dyn Naming> {
        self.names.clone()
    }

    /// What in `settings` needs a restart; empty when nothing does.
    #[must_use]
    pub fn needs_restart(&self, settings: &Settings) -> Vec<&'static str> {
        let new = Fixed::of(settings);
        let checks = [
            (self.fixed.store != new.store, "store.path"),
            (self.fixed.keys != new.keys, "keys.file"),
            (self.fixed.numbered != new.numbered, "subjects.pseudonym"),
            (self.fixed.workers != new.workers, "radius.workers"),
            (self.fixed.format != new.format, "log.format"),
            (self.fixed.drain != new.drain, "drain.timeout"),
        ];
        checks.into_iter().filter(|(changed, _)| *changed).map(|(_, key)| key).collect()
    }

    /// Reads the key file again and opens the audit anew, the latter also for those who rotate its file.
    /// Nothing changes by that.
    ///
    /// # Errors
    ///
    /// A fault of either.
    pub async fn read_again(&self, settings: &Settings) -> Result<Fresh, Fault> {
        let ring = keys::read(&settings.keys, self.random.clone())?;
        fits(&*self.store, &ring, settings).await?;
        Ok(Fresh { ring, audit: audit::open(&settings.audit)? })
    }

    /// Uses what was read from now on.
    pub fn exchange(&self, fresh: Fresh) {
        self.keys.exchange(fresh.ring);
        self.audit.exchange(fresh.audit);
    }
}

/// Keys and audit that wait to be used.
pub struct Fresh {
    ring: KeyRing,
    audit: AuditLog,
}

/// Whether the keys are those of the store.
async fn fits(store: &dyn Store, ring: &KeyRing, settings: &Settings) -> Result<(), Fault> {
    opens(store, ring).await.map_err(|fault| match fault.kind {
        FaultKind::KeyMissing => Fault::new(
            FaultKind::KeyMissing,
            format!(
                "the keys in {} do not belong to the store {}: {}",
                settings.keys.path.display(),
                settings.store.display(),
                fault.what
            ),
        ),
        _ => fault,
    })
}
