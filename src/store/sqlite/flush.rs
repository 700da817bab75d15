//! The thread behind the journal: it brings to the disk what was written, within a second or as soon as somebody waits for it,
//! and waits in place of logins where another process has the journal.

use std::mem;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::base::clock::Clock;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::hot::{Hot, about, lock};
use crate::store::sqlite::job::Ending;
use crate::store::sqlite::journal::trouble;
use crate::store::sqlite::writer::Order;

/// How long something may be written and not be on the disk.
const FLUSH: Duration = Duration::from_secs(1);
/// How long nothing must come before what was written is folded.
const IDLE: Duration = Duration::from_secs(2);
/// How long something may be missing in the tables although there is no pause: then it is folded as well, so that a copy of the
/// database alone is never much older than this.
const OLD: Duration = Duration::from_secs(300);
/// A disk that takes longer than this to flush is waited for, so that no more can be lost (D-118).
const LATE: Duration = Duration::from_secs(5);

/// What the thread is asked for.
#[derive(Default)]
pub(super) struct Flusher {
    asked: Mutex<Asked>,
    wakes: Condvar,
}

#[derive(Default)]
struct Asked {
    /// Since when something is not on the disk.
    since: Option<Instant>,
    /// How often something was written behind the mark that nothing is missing, and how often that is known to be on the disk.
    /// As long as these differ the disk may have the mark at the end of a journal that goes on.
    marks: (u64, u64),
    /// Something is not in the tables.
    unfolded: bool,
    /// Since when, as far as logins wrote it and nobody was asked to fold it.
    oldest: Option<Instant>,
    /// Likewise, of what is to be folded next, and of what is being folded.
    ordered: Option<Instant>,
    folding: Option<Instant>,
    waiting: Vec<Ending>,
    drain: bool,
    catch_ups: Vec<oneshot::Sender<Result<(), Fault>>>,
    fold: bool,
    /// It is to be folded because there is much of it, and that has not ended yet.
    wanted: bool,
    /// The journal is to be made anew from memory.
    anew: bool,
    look: bool,
    warm: bool,
    close: bool,
    /// Why it could not be folded, and when that was.
    unfoldable: Option<(Fault, Instant)>,
    /// Why it could not be flushed. Then only what is made anew is known to be on the disk.
    unflushable: Option<Fault>,
}

impl Asked {
    fn is_urgent(&self) -> bool {
        !self.waiting.is_empty()
            || !self.catch_ups.is_empty()
            || self.drain
            || self.fold
            || self.look
            || self.warm
            || self.close
    }

    /// Whether the last attempt to fold has failed, and that was just now.
    fn has_just_failed(&self, now: Instant) -> bool {
        let failed = self.unfoldable.as_ref();
        failed.is_some_and(|(_, when)| now.saturating_duration_since(*when) < IDLE)
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

impl Flusher {
    /// Something was written; whether who wrote it should wait for the disk: because it is slow, or because what stands there
    /// still says that nothing is missing. `first`: it stands behind that mark.
    pub(super) fn note_write(&self, clock: &dyn Clock, first: bool) -> bool {
        let now = clock.now().steady;
        let mut asked = lock(&self.asked);
        asked.unfolded = true;
        asked.oldest.get_or_insert(now);
        asked.marks.0 = asked.marks.0.wrapping_add(first.into());
        let marked = asked.marks.0 != asked.marks.1;
        match asked.since {
            Some(since) => marked || now.saturating_duration_since(since) > LATE,
            None => {
                asked.since = Some(now);
                self.wakes.notify_one();
                marked
            }
        }
    }

    /// Whether something has been missing in the tables for too long, and the last attempt is not just over.
    fn is_old(&self, now: Instant) -> bool {
        let asked = lock(&self.asked);
        let is_old = asked.oldest.is_some_and(|since| now.saturating_duration_since(since) >= OLD);
        is_old && !asked.has_just_failed(now)
    }

    /// What was written until now is to be folded.
    fn note_folding(&self) {
        let mut asked = lock(&self.asked);
        asked.unfolded = false;
        asked.ordered = earlier(asked.ordered, asked.oldest.take());
    }

    /// But it is not.
    fn note_full(&self) {
        let mut asked = lock(&self.asked);
        (asked.unfolded, asked.wanted) = (true, false);
        asked.oldest = earlier(asked.ordered.take(), asked.oldest);
    }

    /// It is being folded.
    pub(super) fn note_begun(&self) {
        let mut asked = lock(&self.asked);
        asked.folding = asked.ordered.take();
    }

    /// The journal that was opened holds what the tables do not have.
    pub(super) fn note_unfolded(&self) {
        self.order(|asked| asked.unfolded = true);
    }

    /// Tells when everything that was written is on the disk.
    pub(super) fn order_flush(&self, ending: Ending) {
        self.order(|asked| asked.waiting.push(ending));
    }

    pub(super) fn order_drain(&self) {
        self.order(|asked| asked.drain = true);
    }

    pub(super) fn order_catch_up(&self, reply: oneshot::Sender<Result<(), Fault>>) {
        self.order(|asked| asked.catch_ups.push(reply));
    }

    pub(super) fn order_fold(&self, anew: bool) {
        self.order(|asked| {
            asked.fold = true;
            asked.anew |= anew;
        });
    }

    /// The same because there is much to be folded; once, until that has ended, and not soon again where it has failed.
    pub(super) fn want_fold(&self, clock: &dyn Clock) {
        let mut asked = lock(&self.asked);
        if !asked.wanted && !asked.has_just_failed(clock.now().steady) {
            (asked.fold, asked.wanted) = (true, true);
            self.wakes.notify_one();
        }
    }

    /// Has somebody see what another program did to the tables.
    pub(super) fn order_look(&self) {
        self.order(|asked| asked.look = true);
    }

    /// Has somebody read into memory what there is room for.
    pub(super) fn order_warmth(&self) {
        self.order(|asked| asked.warm = true);
    }

    fn order(&self, what: impl FnOnce(&mut Asked)) {
        what(&mut lock(&self.asked));
        self.wakes.notify_one();
    }

    /// Whether the journal was to be made anew; it is tried now.
    pub(super) fn take_anew(&self) -> bool {
        mem::take(&mut lock(&self.asked).anew)
    }

    /// Why nothing more may be written; `full` when the journal must not grow.
    pub(super) fn broken(&self, full: bool) -> Option<Fault> {
        let asked = lock(&self.asked);
        let too_much = || {
            let what = "more was written than the disk takes into the tables; it goes on by itself, no restart is needed";
            Fault::new(FaultKind::StoreUnavailable, what)
        };
        let known = || asked.unfoldable.as_ref().map(|(fault, _)| fault.clone());
        let unfoldable = || full.then(|| known().unwrap_or_else(too_much));
        asked.unflushable.clone().or_else(unfoldable)
    }

    /// Whether what is written does not come to the disk, or not into the tables.
    pub(super) fn is_failing(&self) -> bool {
        let asked = lock(&self.asked);
        asked.unflushable.is_some() || asked.unfoldable.is_some()
    }

    /// How the last attempt to fold ended; `true` for the first that did not. Then the next pause is for another one, and what was
    /// to be folded is as old as it was.
    pub(super) fn note_fold(&self, clock: &dyn Clock, end: &Result<(), Fault>) -> bool {
        let mut asked = lock(&self.asked);
        let is_first = end.is_err() && asked.unfoldable.is_none();
        let what = "what logins wrote cannot be folded";
        asked.wanted = false;
        asked.unfoldable = end.as_ref().err().map(|fault| (about(what, fault), clock.now().steady));
        let folding = asked.folding.take();
        if end.is_ok() {
            asked.unflushable = None;
        }
        if end.is_err() {
            asked.unfolded = true;
            asked.oldest = earlier(folding, asked.oldest);
            self.wakes.notify_one();
        }
        is_first
    }

    /// Waits until there is something to do; `true` when it is only that nothing came for a while.
    fn wait(&self) -> (Asked, bool) {
        let mut asked = lock(&self.asked);
        loop {
            if asked.is_urgent() {
                return (self.take(&mut asked), false);
            }
            let time = match (asked.since, asked.unfolded) {
                (Some(_), _) => FLUSH,
                (None, true) => IDLE,
                (None, false) => {
                    asked = self.wakes.wait(asked).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
            };
            let waited = self.wakes.wait_timeout(asked, time);
            let (back, end) = waited.unwrap_or_else(PoisonError::into_inner);
            asked = back;
            if end.timed_out() {
                let idle = asked.since.is_none();
                return (self.take(&mut asked), idle);
            }
        }
    }

    fn take(&self, asked: &mut Asked) -> Asked {
        Asked {
            since: asked.since,
            waiting: mem::take(&mut asked.waiting),
            drain: mem::take(&mut asked.drain),
            catch_ups: mem::take(&mut asked.catch_ups),
            fold: mem::take(&mut asked.fold),
            look: mem::take(&mut asked.look),
            warm: mem::take(&mut asked.warm),
            close: asked.close,
            ..Asked::default()
        }
    }
}

/// The thread. Dropping it ends it, after all that was written is on the disk.
pub(super) struct Thread {
    hot: Arc<Hot>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    pub(super) fn start(hot: Arc<Hot>, writer: SyncSender<Order>) -> Result<Self, Fault> {
        let ours = hot.clone();
        let thread = std::thread::Builder::new()
            .name("store-journal".into())
            .spawn(move || serve(&ours, &writer))
            .map_err(|why| {
                let what = format!("cannot start the store's journal thread: {why}");
                Fault::new(FaultKind::StoreUnavailable, what)
            })?;
        Ok(Self { hot, thread: Some(thread) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.hot.flusher.order(|asked| asked.close = true);
        if let Some(thread) = self.thread.take() {
            // It ends by itself; a panic of it has been reported where it happened.
            let _ = thread.join();
        }
    }
}

fn serve(hot: &Hot, writer: &SyncSender<Order>) {
    loop {
        let (asked, idle) = hot.flusher.wait();
        if asked.drain || !asked.catch_ups.is_empty() {
            let end = hot.hold().map(drop);
            match &end {
                Ok(()) => hot.drain(),
                Err(fault) => hot.refuse_all(fault),
            }
            for reply in asked.catch_ups {
                let _gone = reply.send(end.clone());
            }
        }
        if asked.since.is_some() || !asked.waiting.is_empty() {
            flush(hot, asked.waiting);
        }
        if asked.fold || idle || hot.flusher.is_old(hot.clock.now().steady) {
            hot.flusher.note_folding();
            // Where its queue is full there will be another pause.
            if writer.try_send(Order::Fold { idle }).is_err() {
                hot.flusher.note_full();
            }
        } else if asked.look {
            let _full = writer.try_send(Order::Look);
        }
        if asked.warm && writer.try_send(Order::Warm).is_err() {
            hot.want_warmth();
        }
        if asked.close {
            return;
        }
    }
}

/// Brings to the disk what was written before, and tells those who wait for it.
fn flush(hot: &Hot, waiting: Vec<Ending>) {
    let (marks, _) = {
        let mut asked = lock(&hot.flusher.asked);
        asked.since = None;
        asked.marks
    };
    let journal = hot.seen.journal();
    let end = journal.map_or(Ok(()), |journal| journal.sync_data().map_err(|why| trouble(&why)));
    if end.is_ok() {
        lock(&hot.flusher.asked).marks.1 = marks;
    }
    if let Err(fault) = &end {
        // The system may have thrown away what it could not write; memory has all of it.
        lock(&hot.flusher.asked).unflushable = Some(fault.clone());
        hot.flusher.order_fold(true);
    }
    for Ending { reply, end: done } in waiting {
        let end = end.clone().and(done);
        Ending { reply, end }.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{ManualClock, UnixTime};

    #[test]
    fn what_is_written_without_a_pause_is_folded_after_five_minutes_counted_from_the_first() {
        let (clock, flusher) = (ManualClock::at(UnixTime(1_760_000_000_000)), Flusher::default());
        assert!(!flusher.is_old(clock.now().steady), "nothing is missing");
        flusher.note_write(&clock, false);
        clock.advance(OLD.checked_sub(Duration::from_secs(1)).unwrap());
        flusher.note_write(&clock, false);
        assert!(!flusher.is_old(clock.now().steady));
        clock.advance(Duration::from_secs(1));
        assert!(flusher.is_old(clock.now().steady), "a later write makes it no younger");
        flusher.note_folding();
        assert!(!flusher.is_old(clock.now().steady));
        flusher.note_write(&clock, false);
        clock.advance(OLD);
        assert!(flusher.is_old(clock.now().steady), "what came during a fold is counted from then");
    }

    #[test]
    fn what_could_not_be_folded_stays_as_old_as_it_was_and_is_tried_again_soon() {
        let (clock, flusher) = (ManualClock::at(UnixTime(1_760_000_000_000)), Flusher::default());
        let is_old = || flusher.is_old(clock.now().steady);
        let failed = Err(Fault::new(FaultKind::StoreUnavailable, "the disk is full"));
        flusher.note_write(&clock, false);
        clock.advance(OLD);
        flusher.note_folding();
        assert!(!is_old(), "it is ordered");
        flusher.note_full();
        assert!(is_old(), "the writer's queue was full");
        flusher.note_folding();
        flusher.note_begun();
        flusher.note_write(&clock, false);
        flusher.note_fold(&clock, &failed);
        assert!(!is_old(), "but not at once");
        clock.advance(IDLE);
        assert!(is_old());
        flusher.note_folding();
        flusher.note_begun();
        flusher.note_fold(&clock, &Ok(()));
        clock.advance(OLD);
        assert!(!is_old(), "nothing is missing");
    }

    #[test]
    fn what_is_ordered_while_something_else_is_folded_is_not_forgotten_with_that() {
        let (clock, flusher) = (ManualClock::at(UnixTime(1_760_000_000_000)), Flusher::default());
        let failed = Err(Fault::new(FaultKind::StoreUnavailable, "the disk is full"));
        flusher.note_write(&clock, false);
        flusher.note_folding();
        flusher.note_begun();
        flusher.note_write(&clock, false);
        flusher.note_folding();
        flusher.note_fold(&clock, &Ok(()));
        flusher.note_begun();
        clock.advance(OLD);
        flusher.note_fold(&clock, &failed);
        clock.advance(IDLE);
        assert!(flusher.is_old(clock.now().steady));
    }
}
