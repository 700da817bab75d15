//! The threads that serve logins: each has a runtime of its own and one socket of every address, and does the whole of a
//! request. Handing a request from thread to thread costs more than answering it.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle as TaskHandle;

use crate::daemon::Stopped;

/// Turns of tasks between two looks at timers and at the connections to directories: a socket under load has no end of
/// turns, and each of them may last as long as some dozens of logins.
const TURNS: u32 = 4;
/// A timer that is to ring before all others wakes its thread's poller by a system call, and that once for nothing, even
/// where it is set on this thread. With one that rings so often, those of logins are never the first.
const TICK: Duration = Duration::from_secs(1);
/// At the end, for what runs on threads for blocking calls.
const PATIENCE: Duration = Duration::from_secs(1);
/// So often in a row may a thread be found without a turn since the last time before that is told.
const MISSES: u32 = 5;

/// The threads. They end when this is dropped, and with them whatever still runs there.
pub(in crate::daemon) struct Workers(Vec<Worker>);

struct Worker {
    home: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Ends as soon as the thread has a turn.
    beat: Option<TaskHandle<()>>,
    misses: u32,
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
            .map_err(|error| Stopped::System(format!("a thread that serves logins could not start: {error}")))
    }

    /// Their runtimes.
    pub(in crate::daemon) fn homes(&self) -> Vec<Handle> {
        self.0.iter().map(|worker| worker.home.clone()).collect()
    }

    /// Whether each of them had a turn for its tasks since this was asked last. A thread that hangs keeps its share of the
    /// devices waiting for ever, since the kernel goes on to give them to it, and nobody else would notice.
    pub(in crate::daemon) fn all_had_a_turn(&mut self) -> bool {
        // Each is asked, also behind one that hangs.
        self.0.iter_mut().map(Worker::had_a_turn).fold(true, |all, had| all & had)
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
            // Ends with the runtime.
            let _ticking = runtime.spawn(tick());
            let _told_or_dropped = runtime.block_on(stopped);
            runtime.shutdown_timeout(PATIENCE);
        };
        let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(work)?;
        let home = told.recv().map_err(std::io::Error::other)??;
        Ok(Self { home, stop: Some(stop), thread: Some(thread), beat: None, misses: 0 })
    }

    fn had_a_turn(&mut self) -> bool {
        if self.beat.as_ref().is_none_or(TaskHandle::is_finished) {
            self.beat = Some(self.home.spawn(async {}));
            self.misses = 0;
            return true;
        }
        self.misses = self.misses.saturating_add(1);
        if self.misses == MISSES {
            let thread = self.thread.as_ref().and_then(|thread| thread.thread().name()).unwrap_or_default();
            tracing::error!(
                event = "daemon.worker-stuck",
                thread,
                "a thread that serves logins hangs; under a service manager with a watchdog the program is started anew"
            );
        }
        false
    }
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().event_interval(TURNS).global_queue_interval(TURNS).build()
}

async fn tick() {
    loop {
        tokio::time::sleep(TICK).await;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_hangs_is_noticed_until_it_goes_on_and_the_others_are_not_taken_for_it() {
        let mut workers = Workers::start(2).unwrap();
        assert!(workers.all_had_a_turn());
        let (go_on, hangs) = mpsc::channel::<()>();
        let (tell, begun) = mpsc::channel();
        let homes = workers.homes();
        let stuck = homes[1].spawn(async move {
            tell.send(()).unwrap();
            hangs.recv().unwrap_err();
        });
        begun.recv().unwrap();
        let here = Builder::new_current_thread().build().unwrap();
        // Its beat of before has ended; the next one cannot.
        here.block_on(workers.0[1].beat.take().unwrap()).unwrap();
        for n in 0..2 * MISSES {
            here.block_on(workers.0[0].beat.take().unwrap()).unwrap();
            assert_eq!(workers.all_had_a_turn(), n == 0, "{n}");
        }
        assert_eq!((workers.0[0].misses, workers.0[1].misses), (0, 2 * MISSES - 1));
        drop(go_on);
        here.block_on(stuck).unwrap();
        for worker in &workers.0 {
            while !worker.beat.as_ref().unwrap().is_finished() {
                thread::yield_now();
            }
        }
        assert!(workers.all_had_a_turn() && workers.0[1].misses == 0);
    }
}
