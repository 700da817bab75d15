//! A login that runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::frontend::ldap::session::Ticket;
use crate::gateway::admit::Place;
use crate::gateway::asker::{Asker, Ended};
use crate::gateway::drive::Gateway;
use crate::login::attempt::Attempt;

type Running = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// A login that the task of its connection drives along, so that nothing of it waits for another task. Dropping it
/// tells the gateway that nobody waits any more; what is owed is done all the same, by a task of its own then: a wrong
/// password that was shown counts, whoever hangs up.
pub(super) struct Login {
    pub(super) ticket: Ticket,
    /// `None` once it has ended.
    running: Option<Running>,
    waits: Option<watch::Sender<bool>>,
}

impl Login {
    /// Begins it; nothing happens before it is polled.
    pub(super) fn begin(ticket: Ticket, gateway: Arc<Gateway>, attempt: Attempt, place: Place) -> Self {
        let (waits, gone) = watch::channel(false);
        let running: Running =
            Box::pin(async move { gateway.begin(attempt, place, Asker::going_on(gone)).await });
        Self { ticket, running: Some(running), waits: Some(waits) }
    }

    /// Ready with its end, which is `None` when it broke by a fault of the program.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ended>> {
        let Some(running) = &mut self.running else { return Poll::Ready(None) };
        // It shares the task of its connection, whose client is to hear of it even so. What broke is not polled again.
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(ended)) => Some(ended),
            // What there is to say of it the hook for panics has said already.
            Err(_broken) => None,
        };
        self.running = None;
        Poll::Ready(ended)
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        drop(self.waits.take());
        if let (Some(running), Ok(runtime)) = (self.running.take(), Handle::try_current()) {
            runtime.spawn(running);
        }
    }
}
