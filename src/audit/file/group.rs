//! Lines that are written together, and who waits for them.

use std::future::Future;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::audit::file::AuditLog;
use crate::login::verdict::Fault;

/// So many octets are written at once, whoever waits. Some two hundred lines; that a login ends takes far longer than
/// that one of them is polled again.
pub(super) const FULL: usize = 64 * 1024;
/// So many may wait for somebody who writes; whoever has more waits with all that it does. It is what comes in the tenth of a
/// second for which a disk may keep a writer waiting, and no more, so that one that hangs does not fill the memory.
pub(super) const MOST: usize = 1024 * 1024;
/// No room is kept beyond this once there was more to write than usual.
const USUAL: usize = 2 * FULL;

/// Lines that are still to be written.
#[derive(Default)]
pub(super) struct Gathering {
    lines: Vec<u8>,
    group: Arc<Group>,
    /// Room for further lines while these are written.
    spare: Vec<u8>,
    /// Somebody writes, and will look at these lines when it has.
    pub(super) is_being_written: bool,
    /// Of these lines nobody may look again, so whoever writes must not leave them.
    pub(super) is_left: bool,
    /// So many threads can do nothing else than wait for whoever writes.
    pub(super) blocked: usize,
}

/// Lines that are about to be.
pub(super) struct Gathered {
    pub(super) lines: Vec<u8>,
    pub(super) group: Arc<Group>,
}

impl Gathering {
    pub(super) fn add(&mut self, line: &[u8]) -> Line {
        self.lines.extend_from_slice(line);
        Line { group: Arc::clone(&self.group), end: self.lines.len() }
    }

    pub(super) const fn octets(&self) -> usize {
        self.lines.len()
    }

    /// All of them; whoever takes them writes them.
    pub(super) fn take(&mut self) -> Gathered {
        self.is_left = false;
        let lines = mem::replace(&mut self.lines, mem::take(&mut self.spare));
        Gathered { lines, group: mem::take(&mut self.group) }
    }

    /// Whether `line` is among them.
    pub(super) fn has(&self, line: &Line) -> bool {
        Arc::ptr_eq(&self.group, &line.group)
    }

    /// Those who wait for these lines and would write them.
    pub(super) fn waiting(&self) -> Vec<Waker> {
        match &mut *self.group.lock() {
            State::Waiting(waiting) => mem::take(waiting),
            State::Written { .. } => Vec::new(),
        }
    }

    /// Room to gather further lines in.
    pub(super) fn give_back(&mut self, mut room: Vec<u8>) {
        if room.capacity() <= USUAL {
            room.clear();
            self.spare = room;
        }
    }
}

/// Those whose lines are written together.
#[derive(Default)]
pub(super) struct Group(Mutex<State>);

enum State {
    /// Not all that wait for somebody else to write are in here: those who have not looked again are not.
    Waiting(Vec<Waker>),
    Written {
        octets: usize,
        fault: Option<Fault>,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(Vec::new())
    }
}

impl Group {
    /// So many octets of the lines are out of our hands; where that is not all, why.
    pub(super) fn is_written(&self, octets: usize, fault: Option<Fault>) {
        let before = mem::replace(&mut *self.lock(), State::Written { octets, fault });
        if let State::Waiting(waiting) = before {
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    fn is_over(&self) -> bool {
        matches!(*self.lock(), State::Written { .. })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One line of a group.
pub(super) struct Line {
    group: Arc<Group>,
    /// Where it ends among those of the group.
    end: usize,
}

impl Line {
    /// What became of it; nothing is wrong with one that is still to be written.
    pub(super) fn outcome(&self) -> Result<(), Fault> {
        self.of(&self.group.lock()).unwrap_or(Ok(()))
    }

    fn of(&self, state: &State) -> Option<Result<(), Fault>> {
        match state {
            State::Waiting(_) => None,
            State::Written { fault: Some(fault), octets } if *octets < self.end => Some(Err(fault.clone())),
            State::Written { .. } => Some(Ok(())),
        }
    }

    /// It is known what became of it.
    pub(super) fn is_over(&self) -> bool {
        self.group.is_over()
    }

    /// What became of it; who asks is woken when that is known, or when nobody writes any more.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Result<(), Fault>> {
        let mut state = self.group.lock();
        if let Some(outcome) = self.of(&state) {
            return Poll::Ready(outcome);
        }
        if let State::Waiting(waiting) = &mut *state
            && !waiting.iter().any(|waker| waker.will_wake(cx.waker()))
        {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Waits until a line is out of our hands. It looks away once, so that other logins of this moment add theirs; who of
/// them looks again first writes them all. Where somebody writes already, that one does. Dropped before, it gets its line
/// written all the same.
pub(super) struct Kept<L: Deref<Target = AuditLog>> {
    log: L,
    line: Line,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    LookedAway,
    Done,
}

impl<L: Deref<Target = AuditLog>> Kept<L> {
    pub(super) const fn new(log: L, line: Line) -> Self {
        Self { log, line, stage: Stage::Fresh }
    }
}

impl<L: Deref<Target = AuditLog> + Unpin> Future for Kept<L> {
    type Output = Result<(), Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.stage == Stage::Fresh {
            self.stage = Stage::LookedAway;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let outcome = self.log.look(&self.line, cx);
        if outcome.is_ready() {
            self.stage = Stage::Done;
        }
        outcome
    }
}

impl<L: Deref<Target = AuditLog>> Drop for Kept<L> {
    fn drop(&mut self) {
        if self.stage != Stage::Done {
            self.log.leave(&self.line);
        }
    }
}
