//! Flows that wait for a user's reply, by challenge id.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::login::attempt::{Answer, ChallengeId};
use crate::login::flow::Flow;

/// The waiting flows. Bounded in number by its capacity and in age by each flow's deadline.
#[derive(Debug)]
pub struct Pending {
    capacity: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    flows: HashMap<ChallengeId, Flow>,
    deadlines: BTreeSet<(Instant, [u8; 16])>,
}

impl Waiting {
    fn remove(&mut self, id: ChallengeId) -> Option<Flow> {
        let flow = self.flows.remove(&id)?;
        self.deadlines.remove(&(flow.deadline(), id.0));
        Some(flow)
    }
}

/// What a reply leads to.
#[derive(Debug)]
pub enum Taken {
    /// The flow it belongs to.
    Flow(Box<Flow>),
    /// A flow of the same client, but of another user or device: the reply is refused, and the flow ends
    /// with it.
    Foreign(Box<Flow>),
    /// No flow of this client waits under this id: unknown, expired, answered, or another client's, which is
    /// left alone (D-107).
    Nothing,
}

impl Pending {
    /// Room for `capacity` flows.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, waiting: Mutex::default() }
    }

    /// Keeps `flow` until its deadline. Gives back the flow that had to make room, the one whose time ends
    /// first.
    pub fn keep(&self, id: ChallengeId, flow: Flow) -> Option<Flow> {
        let mut waiting = self.lock();
        let full = waiting.flows.len() >= self.capacity;
        let first = if full { waiting.deadlines.first().copied() } else { None };
        let displaced = first.and_then(|(_, id)| waiting.remove(ChallengeId(id)));
        waiting.deadlines.insert((flow.deadline(), id.0));
        waiting.flows.insert(id, flow);
        displaced
    }

    /// Takes the flow that `answer` belongs to; it can be taken once.
    pub fn take(&self, id: ChallengeId, answer: &Answer) -> Taken {
        let mut waiting = self.lock();
        let Some(attempt) = waiting.flows.get(&id).map(Flow::attempt) else { return Taken::Nothing };
        if attempt.client.name != answer.client.name {
            return Taken::Nothing;
        }
        let same = attempt.name.prepared() == answer.name.prepared() && attempt.device == answer.device;
        match waiting.remove(id) {
            Some(flow) if same => Taken::Flow(Box::new(flow)),
            Some(flow) => Taken::Foreign(Box::new(flow)),
            None => Taken::Nothing,
        }
    }

    /// Takes out the flows whose time is over.
    #[must_use]
    pub fn expire(&self, now: Instant) -> Vec<Flow> {
        let mut waiting = self.lock();
        let mut late = Vec::new();
        while let Some((deadline, id)) = waiting.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            late.extend(waiting.remove(ChallengeId(id)));
        }
        late
    }

    /// Number of waiting flows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().flows.len()
    }

    /// Nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
