//! One login of a subject at a time, so that parallel guesses see each other's failures before they reach
//! a directory (B-087, C-002).
//!
//! The account of an application binds for each login of somebody, and would be the bottleneck of them all. As long
//! as none of its passwords was wrong, as many of its logins run side by side as wrong ones are free: if all of them
//! turn out to be wrong, they are no more than would have been tried one after the other.

use std::sync::{Arc, MutexGuard};

use tokio::sync::Semaphore;

use crate::base::shards::Shards;
use crate::base::spread::SpreadMap;
use crate::gateway::ports::Soon;
use crate::login::identity::Pseudonym;
use crate::login::verdict::{Fault, FaultKind};

/// Most logins of an exempt account that run or wait for their turn; its client has a limit of its own.
const LONGEST_EXEMPT_QUEUE: usize = 1024;
/// Most logins of one subject side by side.
const WIDEST: u32 = 8;

/// How many of one subject there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Wrong passwords in a row that are free: no more may run side by side.
    pub free: u32,
    /// Logins that may run or wait, unless the account is exempt; at least one.
    pub at_once: usize,
}

/// How a login takes its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing else of the subject runs meanwhile.
    Alone,
    /// Others of this way run meanwhile.
    Beside,
}

impl Way {
    const fn shares_of(self, width: u32) -> u32 {
        match self {
            Self::Alone => width,
            Self::Beside => 1,
        }
    }
}

/// Who has the turn, subject by subject. Holds entries only for subjects whose logins run now, under the numbers of their
/// ids: should two ever have the same, they wait for each other.
#[derive(Debug)]
pub struct Turns {
    queues: Shards<SpreadMap<Queue>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { queues: Shards::new(SpreadMap::default) }
    }
}

#[derive(Debug)]
struct Queue {
    width: u32,
    /// Those who run or wait.
    length: usize,
    /// What nobody has, until somebody waits.
    free: u32,
    /// What nobody has, and who waits for it; most logins meet nobody and need none.
    waiting: Option<Arc<Semaphore>>,
}

/// The turn of one login; the next one has it when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    way: Way,
    seat: Seat,
}

#[derive(Debug)]
struct Seat {
    turns: Arc<Turns>,
    key: u64,
    /// What it has.
    shares: u32,
}

impl Turn {
    /// Others of its subject may run beside it.
    #[must_use]
    pub fn has_company(&self) -> bool {
        self.way == Way::Beside
    }

    /// Gives the turn back and waits, in the same queue, until it is to be had alone.
    ///
    /// # Errors
    ///
    /// A fault of the program only.
    pub async fn alone(self) -> Result<Self, Fault> {
        let Self { mut seat, .. } = self;
        seat.give_back(false);
        seat.wait(Way::Alone).await
    }
}

impl Seat {
    async fn wait(mut self, way: Way) -> Result<Turn, Fault> {
        let closed = || Fault::new(FaultKind::Internal, "the queue of a subject was closed");
        let (needed, waiting) = {
            let mut queues = self.turns.lock(self.key);
            let queue = queues.get_mut(&self.key).ok_or_else(closed)?;
            let free = &mut queue.free;
            let begun = || Arc::new(Semaphore::new(usize::try_from(std::mem::take(free)).unwrap_or(0)));
            (way.shares_of(queue.width), queue.waiting.get_or_insert_with(begun).clone())
        };
        let shares = waiting.acquire_many(needed).await.map_err(|_| closed())?;
        // From here on they are given back with the seat.
        shares.forget();
        self.shares = needed;
        Ok(Turn { way, seat: self })
    }

    fn give_back(&mut self, leaves: bool) {
        let shares = std::mem::take(&mut self.shares);
        let mut queues = self.turns.lock(self.key);
        let Some(queue) = queues.get_mut(&self.key) else { return };
        match &queue.waiting {
            Some(waiting) => waiting.add_permits(usize::try_from(shares).unwrap_or(0)),
            None => queue.free = queue.free.saturating_add(shares),
        }
        if leaves {
            queue.length = queue.length.saturating_sub(1);
            if queue.length == 0 {
                queues.remove(&self.key);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.give_back(true);
    }
}

impl Turns {
    /// The turn of `who`, in the order of asking. The place in the queue is given up when what is waited for is dropped.
    /// [`FaultKind::Overloaded`] when too many wait already.
    pub fn take(
        self: &Arc<Self>,
        who: &Pseudonym,
        way: Way,
        room: Room,
    ) -> Soon<'static, Result<Turn, Fault>> {
        match self.sit_down(who, way, room) {
            Err(fault) => Soon::Now(Err(fault)),
            Ok(seat) if seat.shares > 0 => Soon::Now(Ok(Turn { way, seat })),
            Ok(seat) => Soon::later(seat.wait(way)),
        }
    }

    /// A seat in the queue, with the turn where that is free.
    fn sit_down(self: &Arc<Self>, who: &Pseudonym, way: Way, room: Room) -> Result<Seat, Fault> {
        let most = match way {
            Way::Alone => room.at_once.max(1),
            Way::Beside => LONGEST_EXEMPT_QUEUE,
        };
        let key = who.number();
        let mut queues = self.lock(key);
        let queue = queues.entry(key).or_insert_with(|| Queue::new(room.free.clamp(1, WIDEST)));
        if queue.length >= most {
            let what = format!("{most} logins of one subject wait for each other");
            return Err(Fault::new(FaultKind::Overloaded, what));
        }
        queue.length = queue.length.saturating_add(1);
        let needed = way.shares_of(queue.width);
        // Nobody overtakes those who wait.
        let left = queue.free.checked_sub(needed).filter(|_| queue.waiting.is_none());
        queue.free = left.unwrap_or(queue.free);
        Ok(Seat { turns: self.clone(), key, shares: if left.is_some() { needed } else { 0 } })
    }

    fn lock(&self, key: u64) -> MutexGuard<'_, SpreadMap<Queue>> {
        self.queues.put(key)
    }
}

impl Queue {
    const fn new(width: u32) -> Self {
        Self { width, length: 0, free: width, waiting: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: u32 = 4;
    const ROOM: Room = Room { free: FREE, at_once: 64 };

    fn who(text: &str) -> Pseudonym {
        Pseudonym::new(text).unwrap()
    }

    /// Whether the turn is to be had at once; it is given back.
    async fn at_once(turns: &Arc<Turns>, way: Way) -> bool {
        let taking = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(&who("a"), way, ROOM).await.map(drop) }
        });
        tokio::task::yield_now().await;
        let done = taking.is_finished();
        taking.abort();
        let _gone = taking.await;
        done
    }

    #[tokio::test]
    async fn the_second_waits_for_the_first_and_others_do_not() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(&who("a"), Way::Alone, ROOM).await.unwrap();
        let _other = turns.take(&who("b"), Way::Alone, ROOM).await.unwrap();
        let second = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(&who("a"), Way::Alone, ROOM).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        assert_eq!(second.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn as_many_run_side_by_side_as_wrong_passwords_are_free_and_nobody_beside_one_alone_b_087() {
        let turns = Arc::new(Turns::default());
        let mut beside = Vec::new();
        for n in 0..FREE {
            assert!(at_once(&turns, Way::Beside).await, "{n} run");
            assert_eq!(at_once(&turns, Way::Alone).await, n == 0, "{n} run");
            beside.push(turns.take(&who("a"), Way::Beside, ROOM).await.unwrap());
        }
        assert!(!at_once(&turns, Way::Beside).await);
        drop(beside);
        let alone = turns.take(&who("a"), Way::Alone, ROOM).await.unwrap();
        assert!(!at_once(&turns, Way::Beside).await);
        drop(alone);
        assert!(at_once(&turns, Way::Beside).await);
    }

    #[tokio::test]
    async fn one_that_wants_to_be_alone_after_all_waits_for_those_beside_it_and_keeps_its_seat() {
        let turns = Arc::new(Turns::default());
        let one = turns.take(&who("a"), Way::Beside, ROOM).await.unwrap();
        let other = turns.take(&who("a"), Way::Beside, ROOM).await.unwrap();
        assert!(one.has_company());
        let alone = tokio::spawn(one.alone());
        tokio::task::yield_now().await;
        assert!(!alone.is_finished());
        drop(other);
        let alone = alone.await.unwrap().unwrap();
        assert!(!alone.has_company() && !at_once(&turns, Way::Beside).await);
        drop(alone);
        assert!(turns.lock(who("a").number()).is_empty());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_those_who_have_gone_and_the_queue_is_bounded() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(&who("a"), Way::Alone, ROOM).await.unwrap();
        let sit = |way| turns.sit_down(&who("a"), way, ROOM);
        let seats: Vec<_> = (1..ROOM.at_once).map(|_| sit(Way::Alone).unwrap()).collect();
        assert_eq!(sit(Way::Alone).map(drop).unwrap_err().kind, FaultKind::Overloaded);
        let more: Vec<_> = (ROOM.at_once..LONGEST_EXEMPT_QUEUE).map(|_| sit(Way::Beside).unwrap()).collect();
        assert_eq!(sit(Way::Beside).map(drop).unwrap_err().kind, FaultKind::Overloaded);
        drop((first, seats, more));
        assert!(turns.lock(who("a").number()).is_empty());
    }
}
