//! One login of a subject at a time, so that parallel guesses see each other's failures before they reach
//! a directory (B-087, C-002).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::login::identity::Pseudonym;
use crate::login::verdict::{Fault, FaultKind};

/// Most logins of one subject that wait for their turn.
const LONGEST_QUEUE: usize = 64;

/// Who has the turn, subject by subject. Holds entries only for subjects whose logins run now.
#[derive(Debug, Default)]
pub struct Turns {
    queues: Mutex<HashMap<Pseudonym, Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    turn: Arc<tokio::sync::Mutex<()>>,
    length: usize,
}

/// The turn of one login; the next one has it when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    _guard: OwnedMutexGuard<()>,
    _seat: Seat,
}

#[derive(Debug)]
struct Seat {
    turns: Arc<Turns>,
    who: Pseudonym,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut queues = self.turns.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get_mut(&self.who) {
            queue.length = queue.length.saturating_sub(1);
            if queue.length == 0 {
                queues.remove(&self.who);
            }
        }
    }
}

impl Turns {
    /// Waits for the turn of `who`. The place in the queue is given up when the future is dropped.
    ///
    /// # Errors
    ///
    /// [`FaultKind::Overloaded`] when too many wait already.
    pub async fn take(self: &Arc<Self>, who: &Pseudonym) -> Result<Turn, Fault> {
        let (turn, seat) = self.sit_down(who)?;
        Ok(Turn { _guard: turn.lock_owned().await, _seat: seat })
    }

    fn sit_down(self: &Arc<Self>, who: &Pseudonym) -> Result<(Arc<tokio::sync::Mutex<()>>, Seat), Fault> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(who.clone()).or_default();
        if queue.length >= LONGEST_QUEUE {
            return Err(Fault::new(
                FaultKind::Overloaded,
                format!("{LONGEST_QUEUE} logins of one subject wait for each other"),
            ));
        }
        queue.length = queue.length.saturating_add(1);
        Ok((queue.turn.clone(), Seat { turns: self.clone(), who: who.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(text: &str) -> Pseudonym {
        Pseudonym::new(text).unwrap()
    }

    #[tokio::test]
    async fn the_second_waits_for_the_first_and_others_do_not() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(&who("a")).await.unwrap();
        let _other = turns.take(&who("b")).await.unwrap();
        let second = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(&who("a")).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        assert_eq!(second.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn nothing_is_kept_of_those_who_have_gone_and_the_queue_is_bounded() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(&who("a")).await.unwrap();
        let seats: Vec<_> = (1..LONGEST_QUEUE).map(|_| turns.sit_down(&who("a")).unwrap()).collect();
        assert_eq!(turns.take(&who("a")).await.map(drop).unwrap_err().kind, FaultKind::Overloaded);
        drop((first, seats));
        assert!(turns.queues.lock().unwrap().is_empty());
    }
}
