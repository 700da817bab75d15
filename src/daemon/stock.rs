//! What stays from start to end, through every reload: store, keys, names, audit.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::audit::NetworkPrefix;
use crate::audit::file::AuditLog;
use crate::base::clock::{Clock, SystemClock, UnixTime};
use crate::base::random::{Random, SystemRandom};
use crate::config::settings::{AuditSettings, AuditTarget, KeyFile, LogFormat, Settings};
use crate::daemon::keys::{self, Keys};
use crate::gateway::drive::Parts;
use crate::gateway::ports::sessions::Sessions;
use crate::gateway::ports::{Audit, AuditRecord, Naming, SecondFactor, Store, Vault};
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
        Ok(Fresh { ring, audit: open(&settings.audit)? })
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

/// An audit whose target can be exchanged, and that knows whether the last record could be written.
pub struct AuditSwitch {
    target: ArcSwap<AuditLog>,
    failing: AtomicBool,
    /// A target that was exchanged has lost some, and that is not on record.
    missing: AtomicBool,
    /// Targets that were exchanged, until no login writes there any more: to end one takes as long as the disk does.
    retired: Mutex<Vec<Arc<AuditLog>>>,
}

/// More of them than this are given up, to whichever login comes last.
const MOST_RETIRED: usize = 16;

impl AuditSwitch {
    fn open(settings: &AuditSettings) -> Result<Self, Fault> {
        let target = ArcSwap::from_pointee(open(settings)?);
        let [failing, missing] = [(); 2].map(|()| AtomicBool::new(false));
        Ok(Self { target, failing, missing, retired: Mutex::default() })
    }

    fn exchange(&self, fresh: AuditLog) {
        let before = self.target.swap(Arc::new(fresh));
        let mut retired = self.retired();
        retired.insert(0, before);
        retired.truncate(MOST_RETIRED);
    }

    fn retired(&self) -> MutexGuard<'_, Vec<Arc<AuditLog>>> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends those targets that nobody writes to any more, on a thread that serves nobody.
    pub fn tidy(self: &Arc<Self>) {
        let free: Vec<_> = self.retired().extract_if(.., |log| Arc::strong_count(log) == 1).collect();
        if free.is_empty() {
            return;
        }
        let switch = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            for log in free.into_iter().filter_map(Arc::into_inner) {
                switch.note_end(&log.end());
            }
        });
    }

    fn note_end(&self, end: &Result<(), Fault>) {
        if end.is_err() {
            self.missing.store(true, Ordering::Relaxed);
        }
    }

    /// When the last record could not be written, or not be brought to the disk, writes one that says so and waits until that
    /// is there. Without it the health page would stay red for want of logins, and no logins would come because it is red
    /// (D-117).
    pub async fn try_again(&self, at: UnixTime) {
        if !self.is_failing() {
            return;
        }
        let gap = AuditRecord::bare(at, "audit", "end", "done", "records-were-lost");
        let proven = self.target.load_full().prove(&gap).await;
        self.note(&proven);
        if proven.is_ok() {
            self.missing.store(false, Ordering::Relaxed);
            tracing::info!(event = "audit.recovered", "audit records can be written again");
        }
    }

    /// The last record could not be written, or records were lost on the way to the disk.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let flags = [&self.failing, &self.missing];
        flags.iter().any(|flag| flag.load(Ordering::Relaxed)) || self.target.load().is_lost()
    }

    /// How the last record ended. All workers tell that after each login, so it is not written where nothing changes.
    fn note(&self, written: &Result<(), Fault>) {
        if self.failing.load(Ordering::Relaxed) != written.is_err() {
            self.failing.store(written.is_err(), Ordering::Relaxed);
        }
    }
}

impl Audit for AuditSwitch {
    fn record(&self, record: &AuditRecord) -> Result<(), Fault> {
        let written = self.target.load().record(record);
        self.note(&written);
        written
    }

    fn record_soon<'a>(
        &'a self,
        record: &AuditRecord,
    ) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>> {
        let kept = self.target.load_full().keep_soon(record);
        Box::pin(async move {
            let written = kept.await;
            self.note(&written);
            written
        })
    }
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

fn open(settings: &AuditSettings) -> Result<AuditLog, Fault> {
    let keep = NetworkPrefix { v4: settings.v4, v6: settings.v6 };
    match &settings.to {
        AuditTarget::File(path) => AuditLog::file(path, keep),
        AuditTarget::Stdout => Ok(AuditLog::stdout(keep)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_audit_that_failed_is_tried_again_without_a_login_and_says_that_records_are_missing_d_117() {
        let settings = |path: &str| AuditSettings { to: AuditTarget::File(path.into()), v4: 32, v6: 128 };
        let audit = AuditSwitch::open(&settings("/dev/full")).unwrap();
        audit.try_again(UnixTime(0)).await;
        assert!(!audit.is_failing(), "nothing is written while all is well");
        audit.failing.store(true, Ordering::Relaxed);
        audit.try_again(UnixTime(0)).await;
        assert!(audit.is_failing());

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        audit.exchange(open(&settings(path.to_str().unwrap())).unwrap());
        audit.try_again(UnixTime(0)).await;
        assert!(!audit.is_failing());
        assert!(std::fs::read_to_string(path).unwrap().contains("\"reason\":\"records-were-lost\""));
    }

    #[tokio::test]
    async fn records_of_logins_that_end_together_are_written_together_through_the_switch_d_117() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let settings = AuditSettings { to: AuditTarget::File(path.clone()), v4: 32, v6: 128 };
        let audit = AuditSwitch::open(&settings).unwrap();
        let record = AuditRecord::bare(UnixTime(0), "login", "factor", "accept", "confirmed");
        let (first, second) = (audit.record_soon(&record), audit.record_soon(&record));
        let lines = || std::fs::read_to_string(&path).unwrap().lines().count();
        assert_eq!(lines(), 0, "they wait for each other");
        first.await.unwrap();
        assert_eq!(lines(), 2, "whoever goes on first writes for both");
        second.await.unwrap();
        assert!(!audit.is_failing());
    }

    #[tokio::test]
    async fn a_target_that_was_exchanged_ends_with_the_last_login_that_writes_there_and_what_it_lost_is_told_d_117()
     {
        let folder = tempfile::tempdir().unwrap();
        let target =
            |name| AuditSettings { to: AuditTarget::File(folder.path().join(name)), v4: 32, v6: 128 };
        let text = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let audit = Arc::new(AuditSwitch::open(&target("old")).unwrap());
        let record = AuditRecord::bare(UnixTime(0), "login", "factor", "accept", "confirmed");
        let waits = audit.record_soon(&record);
        audit.exchange(open(&target("new")).unwrap());
        audit.tidy();
        assert_eq!(audit.retired().len(), 1, "somebody writes there");
        waits.await.unwrap();
        audit.tidy();
        assert_eq!((audit.retired().len(), text("old").lines().count()), (0, 1));

        audit.note_end(&Err(Fault::new(FaultKind::AuditUnavailable, "full")));
        audit.record(&record).unwrap();
        assert!(audit.is_failing(), "a record in the new one does not make good for it");
        audit.try_again(UnixTime(0)).await;
        assert!(!audit.is_failing());
        assert!(text("new").contains("\"reason\":\"records-were-lost\""));
        (0..2 * MOST_RETIRED).for_each(|_| audit.exchange(open(&target("new")).unwrap()));
        assert_eq!(audit.retired().len(), MOST_RETIRED);
    }
}
