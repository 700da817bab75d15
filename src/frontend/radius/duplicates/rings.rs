//! Whose answers were sent when.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::quality::RandomState;

use crate::frontend::radius::duplicates::SMALL;

/// Clients whose answers are counted by themselves.
const MOST_CLIENTS: usize = 16_384;

/// The answers of each client in the order in which they were sent, so that nobody's push out another's.
#[derive(Debug)]
pub(super) struct Rings {
    by_name: HashMap<Arc<str>, usize, RandomState>,
    /// Whom the last answer was for: many in a row are for one.
    last: Option<(Arc<str>, usize)>,
    /// Clients beyond [`MOST_CLIENTS`] share the last one.
    pub(super) all: Vec<VecDeque<(u64, u64)>>,
    per_client: usize,
}

impl Rings {
    /// Rings of so many answers each.
    pub(super) fn of_at_most(per_client: usize) -> Self {
        Self { by_name: HashMap::default(), last: None, all: Vec::new(), per_client }
    }

    /// Adds an answer and says into which ring, and which of the same ring has to go for it.
    pub(super) fn add(&mut self, client: &Arc<str>, spot: u64, number: u64) -> (usize, Option<(u64, u64)>) {
        let at = self.of(client);
        let Some(ring) = self.all.get_mut(at) else { return (at, None) };
        ring.push_back((spot, number));
        let oldest = if ring.len() > self.per_client { ring.pop_front() } else { None };
        (at, oldest)
    }

    fn of(&mut self, client: &Arc<str>) -> usize {
        if let Some((_, at)) = self.last.as_ref().filter(|(last, _)| Arc::ptr_eq(last, client)) {
            return *at;
        }
        let at = self.by_name.get(client).copied().unwrap_or_else(|| self.open(client));
        self.last = Some((client.clone(), at));
        at
    }

    fn open(&mut self, client: &Arc<str>) -> usize {
        if self.all.len() > MOST_CLIENTS {
            return MOST_CLIENTS;
        }
        let at = self.all.len();
        self.all.push(VecDeque::new());
        if at < MOST_CLIENTS {
            self.by_name.insert(client.clone(), at);
        }
        at
    }

    /// Everything up to this number has gone.
    pub(super) fn forget(&mut self, at: usize, number: u64) {
        let Some(ring) = self.all.get_mut(at) else { return };
        while ring.front().is_some_and(|(_, oldest)| *oldest <= number) {
            ring.pop_front();
        }
        if ring.is_empty() && ring.capacity() > SMALL {
            *ring = VecDeque::new();
        }
    }
}
