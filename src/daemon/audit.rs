//! The audit of the service: opened anew by a reload, and distrusted as long as something is missing from it that is not on
//! record.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::task::spawn_blocking;

use crate::audit::NetworkPrefix;
use crate::audit::file::AuditLog;
use crate::base::clock::UnixTime;
use crate::config::settings::{AuditSettings, AuditTarget};
use crate::gateway::ports::{Audit, AuditRecord};
use crate::login::verdict::{Fault, FaultKind};

/// An audit whose target can be exchanged, and that knows whether the last record could be written.
pub struct AuditSwitch {
    target: ArcSwap<AuditLog>,
    failing: AtomicBool,
    missing: Missing,
    /// Targets that were exchanged, until no login writes there any more: to end one takes as long as the disk does.
    retired: Mutex<Vec<Arc<AuditLog>>>,
    /// Held by who writes a record that says that others are missing: where the disk hangs, one thread waits for it.
    proving: Arc<tokio::sync::Mutex<()>>,
}

/// What a target has lost that was exchanged, as long as that is not on record. The one in its place may be on the same disk.
#[derive(Default)]
struct Missing {
    is: AtomicBool,
    why: Mutex<Why>,
}

#[derive(Default)]
struct Why {
    fault: Option<Fault>,
    times: u64,
}

impl Missing {
    fn why(&self) -> MutexGuard<'_, Why> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, fault: Fault) {
        let mut why = self.why();
        *why = Why { fault: Some(fault), times: why.times.saturating_add(1) };
        self.is.store(true, Ordering::Release);
    }

    fn fault(&self) -> Option<Fault> {
        if self.is.load(Ordering::Acquire) { self.why().fault.clone() } else { None }
    }

    fn times(&self) -> u64 {
        self.why().times
    }

    /// All is on record that was missing when it had been noted so often.
    fn end(&self, times: u64) {
        let mut why = self.why();
        if why.times == times {
            why.fault = None;
            self.is.store(false, Ordering::Release);
        }
    }
}

impl AuditSwitch {
    /// With the target that the settings name.
    ///
    /// # Errors
    ///
    /// A fault when it cannot be opened.
    pub fn open(settings: &AuditSettings) -> Result<Self, Fault> {
        Ok(Self {
            target: ArcSwap::from_pointee(open(settings)?),
            failing: AtomicBool::new(false),
            missing: Missing::default(),
            retired: Mutex::default(),
            proving: Arc::default(),
        })
    }

    /// Writes to `fresh` from now on.
    pub fn exchange(&self, fresh: AuditLog) {
        let before = self.target.swap(Arc::new(fresh));
        // Whoever opens a file again does not hear what became of what was written before.
        if let Some(fault) = before.lost() {
            self.missing.note(fault);
        }
        self.retired().push(before);
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
        spawn_blocking(move || {
            for log in free.into_iter().filter_map(Arc::into_inner) {
                if let Err(fault) = log.end() {
                    switch.missing.note(fault);
                }
            }
        });
    }

    /// When the last record could not be written, or not be brought to the disk, writes one that says so and waits until that
    /// is there. Without it the health page would stay red for want of logins, and no logins would come because it is red
    /// (D-117).
    pub async fn try_again(&self, at: UnixTime) {
        if !self.is_failing() {
            return;
        }
        let Ok(only) = Arc::clone(&self.proving).try_lock_owned() else { return };
        let missing = self.missing.times();
        let proven = prove(self.target.load_full(), at, only).await;
        self.note(&proven);
        if proven.is_ok() {
            self.missing.end(missing);
            tracing::info!(event = "audit.recovered", "audit records can be written again");
        }
    }

    /// The last record could not be written, or records were lost on the way to the disk.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed) || self.missing.fault().is_some() || self.target.load().is_lost()
    }

    /// How the last record ended. All workers tell that after each login, so it is not written where nothing changes.
    fn note(&self, written: &Result<(), Fault>) {
        if self.failing.load(Ordering::Relaxed) != written.is_err() {
            self.failing.store(written.is_err(), Ordering::Relaxed);
        }
    }
}

/// Writes a record that says that others are missing and waits until it is on the disk. It is written on a thread that serves
/// nobody, which a disk that hangs may keep, and `only` with it.
async fn prove<T: Send + 'static>(log: Arc<AuditLog>, at: UnixTime, only: T) -> Result<(), Fault> {
    let gap = AuditRecord::bare(at, "audit", "end", "done", "records-were-lost");
    let writer = Arc::clone(&log);
    let written = spawn_blocking(move || {
        let _only = only;
        writer.write_proof(&gap)
    });
    let ended = |_| {
        Fault::new(
            FaultKind::AuditUnavailable,
            "audit: what wrote to it has ended; nobody is let in until it works",
        )
    };
    log.reached(written.await.map_err(ended)??).await
}

impl Audit for AuditSwitch {
    fn record(&self, record: &AuditRecord) -> Result<(), Fault> {
        self.missing.fault().map_or(Ok(()), Err)?;
        let written = self.target.load().record(record);
        self.note(&written);
        written
    }

    fn record_soon<'a>(
        &'a self,
        record: &AuditRecord,
    ) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>> {
        if let Some(fault) = self.missing.fault() {
            return Box::pin(std::future::ready(Err(fault)));
        }
        let kept = self.target.load_full().keep_soon(record);
        Box::pin(async move {
            let written = kept.await;
            self.note(&written);
            written
        })
    }
}

/// The target that the settings name.
///
/// # Errors
///
/// A fault when it cannot be opened.
pub fn open(settings: &AuditSettings) -> Result<AuditLog, Fault> {
    let keep = NetworkPrefix { v4: settings.v4, v6: settings.v6 };
    match &settings.to {
        AuditTarget::File(path) => AuditLog::file(path, keep),
        AuditTarget::Stdout => Ok(AuditLog::stdout(keep)),
    }
}

#[cfg(test)]
mod tests;
