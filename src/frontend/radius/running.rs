//! The logins that one task drives: each is polled where its request was read, and goes on when it wakes itself.
//!
//! A task of its own for each login would cost two wakings and a way between threads; a login that waits for nothing
//! has no need of them. The seats of logins that ended are used again, so that most logins allocate nothing here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Places for futures that are kept for the next ones when nothing runs.
const SPARE: usize = 64;
/// How often in one turn those that wake themselves at once are polled.
const ROUNDS: usize = 8;

/// A future ended by a panic. What it was about is known to whoever began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panicked;

/// Futures under way, each with a tag that comes back at its end.
pub(super) struct Running<K, F> {
    seats: Vec<Seat<K, F>>,
    /// Seats in which nobody sits.
    free: Vec<usize>,
    /// What held a future, to hold another one.
    spare: Vec<Pin<Box<Option<F>>>>,
    bell: Arc<Bell>,
    /// Those that are polled in this round.
    round: Vec<usize>,
}

struct Seat<K, F> {
    taken: Option<(K, Pin<Box<Option<F>>>)>,
    waker: Waker,
    call: Arc<Call>,
}

impl<K, F: Future> Running<K, F> {
    /// Nothing runs.
    pub(super) fn new() -> Self {
        Self {
            seats: Vec::new(),
            free: Vec::new(),
            spare: Vec::new(),
            bell: Arc::default(),
            round: Vec::new(),
        }
    }

    /// How many run.
    pub(super) fn len(&self) -> usize {
        self.seats.len().saturating_sub(self.free.len())
    }

    /// Polls what `make` gives once. What ends by that comes back with its tag; anything else goes on by
    /// [`Running::go_on`]. Logins take some kilobytes, so they are made where they stay.
    pub(super) fn begin(
        &mut self,
        tag: K,
        make: impl FnOnce() -> F,
    ) -> Option<(K, Result<F::Output, Panicked>)> {
        let mut place = self.spare.pop().unwrap_or_else(|| Box::pin(None));
        place.set(Some(make()));
        let at = self.free.pop().unwrap_or_else(|| self.widen());
        self.seats.get_mut(at)?.taken = Some((tag, place));
        self.poll(at)
    }

    /// Polls whoever has been woken, a few times over if they wake themselves, and hands what ends to `each`.
    pub(super) fn go_on(&mut self, mut each: impl FnMut(K, Result<F::Output, Panicked>)) {
        for _ in 0..ROUNDS {
            let mut round = std::mem::take(&mut self.round);
            std::mem::swap(&mut round, &mut self.bell.lock().called);
            for at in &round {
                if let Some((tag, done)) = self.poll(*at) {
                    each(tag, done);
                }
            }
            let nobody = round.is_empty();
            round.clear();
            self.round = round;
            if nobody {
                break;
            }
        }
    }

    /// From now on whoever is woken wakes the task of `cx`; at once if somebody has been woken since the last round.
    pub(super) fn rest(&self, cx: &Context<'_>) {
        let mut state = self.bell.lock();
        if state.called.is_empty() {
            match &mut state.task {
                Some(task) => task.clone_from(cx.waker()),
                task @ None => *task = Some(cx.waker().clone()),
            }
        } else {
            drop(state);
            cx.waker().wake_by_ref();
        }
    }

    fn widen(&mut self) -> usize {
        let at = self.seats.len();
        let call = Arc::new(Call { at, bell: self.bell.clone(), pending: AtomicBool::new(false) });
        self.seats.push(Seat { taken: None, waker: call.clone().into(), call });
        at
    }

    fn poll(&mut self, at: usize) -> Option<(K, Result<F::Output, Panicked>)> {
        let seat = self.seats.get_mut(at)?;
        seat.call.answered();
        // A late call for somebody who has left already.
        let (_, place) = seat.taken.as_mut()?;
        let mut cx = Context::from_waker(&seat.waker);
        let polled =
            catch_unwind(AssertUnwindSafe(|| place.as_mut().as_pin_mut().map(|one| one.poll(&mut cx))));
        let done = match polled {
            Ok(Some(Poll::Pending)) => return None,
            Ok(Some(Poll::Ready(output))) => Ok(output),
            Ok(None) | Err(_) => Err(Panicked),
        };
        let (tag, mut place) = seat.taken.take()?;
        self.free.push(at);
        let emptied = catch_unwind(AssertUnwindSafe(|| place.set(None)));
        if emptied.is_ok() && self.spare.len() < SPARE {
            self.spare.push(place);
        }
        Some((tag, done))
    }
}

/// Who has been woken, and which task polls them.
#[derive(Default)]
struct Bell(Mutex<State>);

#[derive(Default)]
struct State {
    called: Vec<usize>,
    /// Nobody while the task polls: it looks by itself when it is through.
    task: Option<Waker>,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one seat.
struct Call {
    at: usize,
    /// Whether it has been woken and not been polled since.
    pending: AtomicBool,
    bell: Arc<Bell>,
}

impl Call {
    fn answered(&self) {
        self.pending.store(false, Ordering::Release);
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        let task = {
            let mut state = self.bell.lock();
            state.called.push(self.at);
            state.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests;
