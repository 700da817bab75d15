//! The thread that brings to the disk what was written, within a second. Without it a loss of power takes as much as the system
//! keeps back, which may be half a minute, and what it then writes in one go makes everybody wait who writes meanwhile.
//!
//! Nothing that a login waits for is locked while the disk works.

use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::login::verdict::{Fault, FaultKind};

/// How long something may be written and not be on its way to the disk.
pub(super) const SYNC: Duration = Duration::from_secs(1);

/// What brings all to the disk that was written before.
pub(super) type Disk = Box<dyn FnMut() -> io::Result<()> + Send>;
/// What an error of it is called.
pub(super) type Describe = Box<dyn Fn(&io::Error) -> Fault + Send>;

/// The thread. Dropping it ends it, after all that was written is on the disk.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Something was written, and nobody has begun to bring it to the disk.
    written: AtomicBool,
    /// The disk did not take what was written, and has not shown since that it takes anything.
    lost: AtomicBool,
    asked: Mutex<Asked>,
    wakes: Condvar,
}

#[derive(Default)]
struct Asked {
    waiting: Vec<Waits>,
    close: bool,
    /// Why what was written is lost.
    fault: Option<Fault>,
    /// How often the disk did not take what was written.
    losses: u64,
}

/// Somebody whose record was written after so many losses.
struct Waits {
    losses: u64,
    tell: oneshot::Sender<Result<(), Fault>>,
}

impl Syncer {
    /// `every`: how long it waits for more after something was written.
    pub(super) fn start(disk: Disk, describe: Describe, every: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("audit-sync".into());
        let thread = thread.spawn(move || serve(&ours, disk, &describe, every))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Something was written.
    pub(super) fn note_written(&self) {
        // The thread sleeps only as long as this is not set.
        if !self.shared.written.swap(true, Ordering::AcqRel) {
            let _not_about_to_sleep = self.shared.asked();
            self.shared.wakes.notify_one();
        }
    }

    /// Why nothing may be written: what was written before is not on the disk and never will be.
    pub(super) fn lost(&self) -> Option<Fault> {
        if self.shared.lost.load(Ordering::Acquire) { self.shared.asked().fault.clone() } else { None }
    }

    /// How often the disk did not take what was written; for [`Syncer::reached`].
    pub(super) fn losses(&self) -> u64 {
        self.shared.asked().losses
    }

    /// Waits until what was written after so many losses is on the disk. Where nothing was lost since, that also makes good
    /// for the loss before.
    pub(super) async fn reached(&self, losses: u64) -> Result<(), Fault> {
        let (tell, told) = oneshot::channel();
        {
            let mut asked = self.shared.asked();
            // On a disk that hangs, those who have given up do not pile up.
            asked.waiting.retain(|waits| !waits.tell.is_closed());
            asked.waiting.push(Waits { losses, tell });
        }
        self.shared.wakes.notify_one();
        told.await.unwrap_or_else(|_| Err(unsure("the thread that brings it to the disk has ended")))
    }

    /// Ends it; whether all that was written is on the disk.
    pub(super) fn end(mut self) -> Result<(), Fault> {
        self.stop();
        self.lost().map_or(Ok(()), Err)
    }

    fn stop(&mut self) {
        self.shared.asked().close = true;
        self.shared.wakes.notify_one();
        if let Some(thread) = self.thread.take() {
            // It ends by itself; a panic of it has been reported where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Asked {
    const fn is_urgent(&self) -> bool {
        self.close || !self.waiting.is_empty()
    }
}

impl Shared {
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to do: whom to tell, and whether that is all.
    fn wait(&self, every: Duration) -> (Vec<Waits>, bool) {
        let mut asked = self.asked();
        while !asked.is_urgent() && !self.written.load(Ordering::Acquire) {
            asked = self.wakes.wait(asked).unwrap_or_else(PoisonError::into_inner);
        }
        let waited = self.wakes.wait_timeout_while(asked, every, |asked| !asked.is_urgent());
        let (mut asked, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (mem::take(&mut asked.waiting), asked.close)
    }

    /// The disk took all that was written before those waited, or it did not; tells them.
    fn note(&self, end: Result<(), Fault>, waiting: Vec<Waits>) {
        let mut asked = self.asked();
        let mut why = asked.fault.clone();
        match end {
            Err(fault) => {
                asked.losses = asked.losses.saturating_add(1);
                if asked.fault.replace(fault.clone()).is_none() {
                    tracing::error!(event = "audit.fault", fault = fault.kind.code(), "{fault}");
                }
                why = Some(fault);
            }
            // A record of before the last loss may be among what was lost.
            Ok(()) if waiting.iter().any(|waits| waits.losses == asked.losses) => asked.fault = None,
            Ok(()) => {}
        }
        self.lost.store(asked.fault.is_some(), Ordering::Release);
        let losses = asked.losses;
        drop(asked);
        for waits in waiting {
            let is_there = waits.losses == losses;
            let lost = || why.clone().unwrap_or_else(|| unsure("what was lost is not known any more"));
            let _gone = waits.tell.send(if is_there { Ok(()) } else { Err(lost()) });
        }
    }
}

fn unsure(why: &str) -> Fault {
    Fault::new(
        FaultKind::AuditUnavailable,
        format!("audit: {why}; nobody is let in until a record is on the disk"),
    )
}

fn serve(shared: &Shared, mut disk: Disk, describe: &Describe, every: Duration) {
    loop {
        let (waiting, close) = shared.wait(every);
        if shared.written.swap(false, Ordering::AcqRel) || !waiting.is_empty() {
            let end = sync(&mut disk).map_err(|why| describe(&why));
            shared.note(end, waiting);
        }
        if close {
            return;
        }
    }
}

fn sync(disk: &mut Disk) -> io::Result<()> {
    loop {
        match disk() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // There is no disk behind it: fsync(2), EINVAL.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
            {
                return Ok(());
            }
            end => return end,
        }
    }
}
