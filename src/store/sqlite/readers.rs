//! A few connections that only read, each behind a short lock. A point read from the page cache takes about
//! two microseconds, less than handing it to another thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::fault::{fault, spoils_connection};
use crate::store::sqlite::file::{Role, connect};
use crate::store::sqlite::writer::Place;

/// The reading side.
#[derive(Debug)]
pub(super) struct Readers {
    place: Place,
    slots: Vec<Mutex<Slot>>,
    next: AtomicUsize,
}

#[derive(Debug, Default)]
struct Slot {
    connection: Option<Connection>,
    generation: u64,
}

impl Readers {
    /// `count` readers, opened when first needed.
    pub(super) fn new(place: Place, count: usize) -> Self {
        let slots = (0..count.max(1)).map(|_| Mutex::default()).collect();
        Self { place, slots, next: AtomicUsize::new(0) }
    }

    /// Runs `work` on one state of the store.
    pub(super) fn read<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        let Some(mut slot) = self.free() else {
            return Err(Fault::new(FaultKind::Internal, format!("{doing}: the store has no reader")));
        };
        let generation = self.place.generation.load(Ordering::Acquire);
        let kept = slot.connection.take().filter(|_| slot.generation == generation);
        let connection = match kept {
            Some(connection) => connection,
            None => connect(&self.place.path, Role::Reader)?,
        };
        match work(&connection) {
            Ok(value) => {
                *slot = Slot { connection: Some(connection), generation };
                Ok(value)
            }
            Err(why) => {
                if !spoils_connection(&why) {
                    *slot = Slot { connection: Some(connection), generation };
                }
                Err(fault(doing, &why))
            }
        }
    }

    /// Closes what is open.
    pub(super) fn close(&self) {
        for slot in &self.slots {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Slot::default();
        }
    }

    /// A reader that nobody uses, or the next in turn.
    fn free(&self) -> Option<MutexGuard<'_, Slot>> {
        let start = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.slots.len())?;
        let in_turn = || self.slots.iter().cycle().skip(start).take(self.slots.len());
        for slot in in_turn() {
            match slot.try_lock() {
                Ok(guard) => return Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        in_turn().next().map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
