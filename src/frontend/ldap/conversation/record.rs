//! What an exempt account does is recorded before it is done (D-117).

use std::pin::Pin;
use std::task::{Context, Poll};

use zeroize::Zeroizing;

use crate::frontend::ldap::conversation::Conversation;
use crate::frontend::ldap::operations::ExemptOperation;
use crate::frontend::ldap::session::Action;
use crate::login::verdict::Fault;

/// A record that is written together with others of the moment, and what waits for it. Nothing else is asked of the
/// connection meanwhile. Dropped before it is written, nothing of what waits is done.
pub(super) struct Recording {
    /// The message that it is about.
    id: u32,
    keeping: Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>,
    /// To be done behind it; the first of them passes the message on.
    then: Vec<Action>,
}

impl Recording {
    /// Those of the messages that wait.
    pub(super) fn octets(&self) -> usize {
        let each = self
            .then
            .iter()
            .map(|action| if let Action::ForwardQueued(whole) = action { whole.len() } else { 0 });
        each.fold(0, usize::saturating_add)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.keeping.as_mut().poll(cx)
    }
}

impl Conversation {
    /// Has `operation` recorded before the first of `then` is done, and the others after that; `whole` is the message
    /// that the session was given.
    pub(super) fn record_first(
        &mut self,
        operation: &ExemptOperation,
        then: impl Iterator<Item = Action>,
        whole: &[u8],
    ) {
        let keeping = Box::pin(self.front.record_soon(operation));
        let kept = |action| match action {
            Action::Forward => Action::ForwardQueued(Zeroizing::new(whole.to_vec())),
            action => action,
        };
        let then = then.map(kept).collect();
        self.recording = Some(Box::new(Recording { id: operation.id, keeping, then }));
    }

    /// What cannot be recorded is not passed on.
    pub(super) fn recorded(&mut self, outcome: &Result<(), Fault>) {
        let Some(recording) = self.recording.take() else { return };
        let Recording { id, mut then, .. } = *recording;
        // Why is in the log: the gateway has put it there.
        if outcome.is_err() {
            then.drain(..then.len().min(1));
            self.session.on_unrecorded(id, &mut then);
        }
        self.actions.extend(then);
    }

    /// What was refused has nothing behind it that could be left out.
    pub(super) fn record_refused(&mut self, operation: &ExemptOperation) {
        if self.front.record(operation).is_err() {
            self.session.on_unrecorded(operation.id, &mut self.actions);
        }
    }
}
