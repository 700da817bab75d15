//! The threads that serve logins: each has a runtime of its own and one socket of every address, and does the whole of a
//! request. Handing a request from thread to thread costs more than answering it.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use crate::daemon::Stopped;

/// Turns of tasks between two looks at timers and at the connections to directories: a socket under load has no end of
/// turns, and each of them may last as long as some dozens of logins.
const TURNS: u32 = 4;
/// At the end, for what runs on threads for blocking calls.
const PATIENCE: Duration = Duration::from_secs(1);

/// The threads. They end when this is dropped, and with them whatever still runs there.
pub(in crate::daemon) struct Workers(Vec<Worker>);

struct Worker {
    home: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    /// Starts as many as `wanted`; 0 are one per core.
    ///
    /// # Errors
    ///
    /// [`Stopped::System`] when the system gives no more threads or files.
    pub(in crate::daemon) fn start(wanted: u32) -> Result<Self, Stopped> {
        (0..count(wanted))
            .map(Worker::start)
            .collect::<std::io::Result<_>>()
            .map(Self)
            .map_err(|error| Stopped::System(format!("a thread that serves RADIUS could not start: {error}")))
    }

    /// Their runtimes.
    pub(in crate::daemon) fn homes(&self) -> Vec<Handle> {
        self.0.iter().map(|worker| worker.home.clone()).collect()
    }
}

/// How many workers the settings ask for.
pub(in crate::daemon) fn count(wanted: u32) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    usize::try_from(wanted).ok().filter(|n| *n > 0).unwrap_or(cores)
}

impl Worker {
    fn start(number: usize) -> std::io::Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::sync_channel(1);
        let work = move || {
            let runtime = match runtime() {
                Ok(runtime) => runtime,
                Err(error) => return drop(tell.send(Err(error))),
            };
            let _heard = tell.send(Ok(runtime.handle().clone()));
            let _told_or_dropped = runtime.block_on(stopped);
            runtime.shutdown_timeout(PATIENCE);
        };
        let thread = thread::Builder::new().name(format!("radius-{number}")).spawn(work)?;
        let home = told.recv().map_err(std::io::Error::other)??;
        Ok(Self { home, stop: Some(stop), thread: Some(thread) })
    }
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().event_interval(TURNS).global_queue_interval(TURNS).build()
}

impl Drop for Workers {
    fn drop(&mut self) {
        // All are told before the first is waited for.
        self.0.iter_mut().for_each(|worker| drop(worker.stop.take()));
        for thread in self.0.iter_mut().filter_map(|worker| worker.thread.take()) {
            let _ended = thread.join();
        }
    }
}
