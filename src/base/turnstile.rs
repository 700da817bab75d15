//! Places that are given out in turns: whoever asks for many waits behind his own, and nobody else behind him (D-121).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A number of places, and a line for each name that waits for one. The lines are served in turns, each from its front.
///
/// It holds an entry for each future of [`Turnstile::enter`] that waits, and nothing else: it has the bound of whatever
/// bounds those.
#[derive(Debug)]
pub struct Turnstile(Mutex<Lines>);

#[derive(Debug)]
struct Lines {
    free: usize,
    next: u64,
    /// None of them is empty.
    waiting: HashMap<Arc<str>, BTreeMap<u64, oneshot::Sender<Place>>>,
    /// Whose turn it is; each name that waits stands here once.
    order: VecDeque<Arc<str>>,
}

/// A place; the next in turn has it when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Place(Option<Arc<Turnstile>>);

/// One that stands in its line; it leaves when this is dropped.
struct Waiting<'a> {
    turnstile: &'a Turnstile,
    who: &'a Arc<str>,
    number: u64,
}

impl Turnstile {
    /// So many places, at least one.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self(Mutex::new(Lines {
            free: places.max(1),
            next: 0,
            waiting: HashMap::new(),
            order: VecDeque::new(),
        }))
    }

    /// A place, if there is one now.
    #[must_use]
    pub fn try_enter(self: &Arc<Self>) -> Option<Place> {
        let mut lines = self.lock();
        lines.free = lines.free.checked_sub(1)?;
        Some(Place(Some(self.clone())))
    }

    /// A place as soon as it is the turn of `who`.
    pub async fn enter(self: &Arc<Self>, who: &Arc<str>) -> Place {
        let (waiting, mut given) = {
            let mut lines = self.lock();
            if let Some(free) = lines.free.checked_sub(1) {
                lines.free = free;
                return Place(Some(self.clone()));
            }
            let (give, given) = oneshot::channel();
            (Waiting { turnstile: self, who, number: lines.stand(who, give) }, given)
        };
        let place = (&mut given).await;
        drop(waiting);
        // Whoever takes somebody out of a line gives him a place, so there is always one.
        place.unwrap_or(Place(None))
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting.values().map(BTreeMap::len).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn stand(&mut self, who: &Arc<str>, give: oneshot::Sender<Place>) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        if !self.waiting.contains_key(who) {
            self.order.push_back(who.clone());
        }
        self.waiting.entry(who.clone()).or_default().insert(number, give);
        number
    }

    /// The first of the line whose turn it is. That line goes behind the others.
    fn call(&mut self) -> Option<oneshot::Sender<Place>> {
        let who = self.order.pop_front()?;
        let line = self.waiting.get_mut(&who)?;
        let first = line.pop_first();
        if line.is_empty() {
            self.waiting.remove(&who);
        } else {
            self.order.push_back(who);
        }
        first.map(|(_, give)| give)
    }

    fn leave(&mut self, who: &Arc<str>, number: u64) {
        let Some(line) = self.waiting.get_mut(who) else { return };
        line.remove(&number);
        if line.is_empty() {
            self.waiting.remove(who);
            self.order.retain(|other| other != who);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.turnstile.lock().leave(self.who, self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(turnstile) = self.0.take() else { return };
        loop {
            let next = {
                let mut lines = turnstile.lock();
                let next = lines.call();
                if next.is_none() {
                    lines.free = lines.free.saturating_add(1);
                }
                next
            };
            let Some(give) = next else { return };
            match give.send(Self(Some(turnstile.clone()))) {
                Ok(()) => return,
                // He has left meanwhile; the one behind him gets it, and not by way of this drop.
                Err(mut refused) => refused.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
