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

use crate::login::verdict::Fault;

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
    waiting: Vec<oneshot::Sender<Result<(), Fault>>>,
    close: bool,
    /// Why what was written is lost.
    fault: Option<Fault>,
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

    /// Waits until all that was written before is on the disk. Where something was lost, this tells whether the disk takes
    /// what comes now.
    pub(super) async fn reached(&self) -> Result<(), Fault> {
        let (tell, told) = oneshot::channel();
        {
            let mut asked = self.shared.asked();
            // On a disk that hangs, those who have given up do not pile up.
            asked.waiting.retain(|waiting| !waiting.is_closed());
            asked.waiting.push(tell);
        }
        self.shared.wakes.notify_one();
        // It tells everybody before it ends, and it ends when this is dropped.
        told.await.unwrap_or(Ok(()))
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
    fn wait(&self, every: Duration) -> (Vec<oneshot::Sender<Result<(), Fault>>>, bool) {
        let mut asked = self.asked();
        while !asked.is_urgent() && !self.written.load(Ordering::Acquire) {
            asked = self.wakes.wait(asked).unwrap_or_else(PoisonError::into_inner);
        }
        let waited = self.wakes.wait_timeout_while(asked, every, |asked| !asked.is_urgent());
        let (mut asked, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (mem::take(&mut asked.waiting), asked.close)
    }

    /// `proven`: what the disk was given had been written after it was found that something was lost.
    fn note(&self, end: &Result<(), Fault>, proven: bool) {
        let mut asked = self.asked();
        match end {
            Err(fault) => {
                if asked.fault.replace(fault.clone()).is_none() {
                    tracing::error!(event = "audit.fault", fault = fault.kind.code(), "{fault}");
                }
            }
            Ok(()) if proven => asked.fault = None,
            Ok(()) => {}
        }
        self.lost.store(asked.fault.is_some(), Ordering::Release);
    }
}

fn serve(shared: &Shared, mut disk: Disk, describe: &Describe, every: Duration) {
    loop {
        let (waiting, close) = shared.wait(every);
        if shared.written.swap(false, Ordering::AcqRel) || !waiting.is_empty() {
            let end = sync(&mut disk).map_err(|why| describe(&why));
            shared.note(&end, !waiting.is_empty());
            for waits in waiting {
                let _gone = waits.send(end.clone());
            }
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
