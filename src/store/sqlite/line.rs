//! How many wait to hear that what they had done is written, and how many may.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Those who wait, in a queue or for the disk.
#[derive(Debug)]
pub(super) struct Line {
    waiting: Arc<AtomicUsize>,
    room: usize,
}

/// One who waits, until this is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Line {
    /// Room for so many.
    pub(super) fn new(room: usize) -> Self {
        Self { waiting: Arc::default(), room }
    }

    /// One more; `None` when there is no room.
    pub(super) fn join(&self) -> Option<Seat> {
        let one_more = |waiting: usize| (waiting < self.room).then(|| waiting.saturating_add(1));
        let joined = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        joined.ok().map(|_| Seat(self.waiting.clone()))
    }

    /// Whether half of the room is taken: what is left is for those who have begun.
    pub(super) fn is_half_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > self.room / 2
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_and_each_place_comes_back() {
        let line = Line::new(4);
        let mut seats: Vec<Seat> = (0..2).map_while(|_| line.join()).collect();
        assert!(seats.len() == 2 && !line.is_half_full());
        seats.extend((0..9).map_while(|_| line.join()));
        assert!(seats.len() == 4 && line.is_half_full());
        seats.truncate(2);
        assert!(!line.is_half_full() && line.join().is_some());
    }
}
