//! What a client has sent behind a bind that is not answered yet (B-022).

use std::collections::VecDeque;

use zeroize::Zeroizing;

use crate::login::attempt::AttemptId;

/// Most messages that wait.
pub(super) const MOST_MESSAGES: usize = 16;
/// Most octets that wait, all messages together.
pub(super) const MOST_OCTETS: usize = 64 * 1024;

/// A message that waits.
pub(super) struct Queued {
    pub(super) id: u32,
    pub(super) fresh: AttemptId,
    /// There may be a password in it.
    pub(super) whole: Zeroizing<Vec<u8>>,
}

/// Messages in the order in which they came.
#[derive(Default)]
pub(super) struct Queue {
    messages: VecDeque<Queued>,
    octets: usize,
}

/// There is no room.
pub(super) struct Full;

impl Queue {
    pub(super) fn push(&mut self, id: u32, fresh: AttemptId, whole: &[u8]) -> Result<(), Full> {
        let octets = self.octets.saturating_add(whole.len());
        if self.messages.len() >= MOST_MESSAGES || octets > MOST_OCTETS {
            return Err(Full);
        }
        self.octets = octets;
        self.messages.push_back(Queued { id, fresh, whole: Zeroizing::new(whole.to_vec()) });
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        let queued = self.messages.pop_front()?;
        self.octets = self.octets.saturating_sub(queued.whole.len());
        if self.messages.is_empty() {
            // An idle connection keeps no room for what it once had.
            self.messages = VecDeque::new();
        }
        Some(queued)
    }

    /// Takes out the message with this id, unless `keep` says that it stays.
    pub(super) fn remove(&mut self, id: u32, keep: impl Fn(&[u8]) -> bool) {
        let kept = |queued: &Queued| queued.id != id || keep(&queued.whole);
        self.messages.retain(kept);
        self.octets = self.messages.iter().map(|queued| queued.whole.len()).sum();
    }

    pub(super) fn has(&self, id: u32) -> bool {
        self.messages.iter().any(|queued| queued.id == id)
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) const fn octets(&self) -> usize {
        self.octets
    }
}
