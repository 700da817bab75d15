//! Flows that wait for a user's reply, by challenge id.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
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
    flows: HashMap<ChallengeId, Box<Flow>>,
    /// When the time of each flow ends, client by client; none is empty.
    deadlines: HashMap<Arc<str>, BTreeSet<(Instant, [u8; 16])>>,
}

impl Waiting {
    fn remove(&mut self, id: ChallengeId) -> Option<Box<Flow>> {
        let flow = self.flows.remove(&id)?;
        let client = &flow.attempt().client.name;
        if let Some(deadlines) = self.deadlines.get_mut(client) {
            deadlines.remove(&(flow.deadline(), id.0));
            if deadlines.is_empty() {
                self.deadlines.remove(client);
            }
        }
        Some(flow)
    }

    /// Of the client that has the most, the flow whose time ends first.
    fn least_missed(&self) -> Option<ChallengeId> {
        let most = self.deadlines.values().max_by_key(|deadlines| deadlines.len())?;
        most.first().map(|(_, id)| ChallengeId(*id))
    }

    /// The flows whose time is over.
    fn late(&self, now: Instant) -> Vec<ChallengeId> {
        let all = self.deadlines.values();
        let late = all.flat_map(|of_one| of_one.iter().take_while(|(deadline, _)| *deadline <= now));
        late.map(|(_, id)| ChallengeId(*id)).collect()
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

    /// Keeps `flow` until its deadline. Gives back the flow that had to make room: of the client that has the most, the
    /// one whose time ends first. So whoever can begin logins at one device, as anybody can by EAP, without a password,
    /// takes nothing from those who log in elsewhere (D-121).
    pub fn keep(&self, id: ChallengeId, flow: Box<Flow>) -> Option<Box<Flow>> {
        let mut waiting = self.lock();
        let full = waiting.flows.len() >= self.capacity;
        let least = if full { waiting.least_missed() } else { None };
        let displaced = least.and_then(|id| waiting.remove(id));
        let client = flow.attempt().client.name.clone();
        waiting.deadlines.entry(client).or_default().insert((flow.deadline(), id.0));
        waiting.flows.insert(id, flow);
        displaced
    }

    /// Whether a flow of this client waits under this id.
    #[must_use]
    pub fn holds(&self, id: ChallengeId, client: &str) -> bool {
        self.lock().flows.get(&id).is_some_and(|flow| *flow.attempt().client.name == *client)
    }

    /// Takes the flow that `answer` belongs to; it can be taken once.
    pub fn take(&self, id: ChallengeId, answer: &Answer) -> Taken {
        let mut waiting = self.lock();
        let Some(attempt) = waiting.flows.get(&id).map(|flow| flow.attempt()) else { return Taken::Nothing };
        if attempt.client.name != answer.client.name {
            return Taken::Nothing;
        }
        let same = attempt.name.prepared() == answer.name.prepared() && attempt.device == answer.device;
        match waiting.remove(id) {
            Some(flow) if same => Taken::Flow(flow),
            Some(flow) => Taken::Foreign(flow),
            None => Taken::Nothing,
        }
    }

    /// Takes out the flows whose time is over.
    #[must_use]
    pub fn expire(&self, now: Instant) -> Vec<Box<Flow>> {
        let mut waiting = self.lock();
        let late = waiting.late(now);
        late.into_iter().filter_map(|id| waiting.remove(id)).collect()
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::*;
    use crate::base::clock::{Clock, ManualClock, UnixTime};
    use crate::login::attempt::{Attempt, AttemptId, Origin};
    use crate::login::client::Client;
    use crate::login::credential::PrimaryCredential;
    use crate::login::identity::LoginName;
    use crate::login::policy::{Place, Policy};
    use crate::login::relay::Method;
    use crate::login::throttle::FlowLimits;

    fn flow(client: &str, clock: &ManualClock) -> Box<Flow> {
        let attempt = Attempt {
            id: AttemptId([0; 8]),
            client: Arc::new(Client::new(client, "staff")),
            name: LoginName::parse(b"anna").unwrap(),
            credential: PrimaryCredential::Relayed(Method::Eap),
            origin: Origin { peer: IpAddr::from([192, 0, 2, 1]), user: None },
            device: Box::default(),
            listener: None,
            hint: None,
            place: Place::NOWHERE,
            passage: None,
            began: clock.now(),
        };
        Box::new(Flow::new(attempt, Arc::new(Policy::default()), FlowLimits::default()))
    }

    fn id(number: u8) -> ChallengeId {
        ChallengeId([number; 16])
    }

    #[test]
    fn a_client_that_fills_all_the_room_pushes_out_its_own_questions_and_nobody_elses_d_121() {
        let clock = ManualClock::at(UnixTime(0));
        let pending = Pending::new(4);
        assert!(pending.keep(id(0), flow("vpn", &clock)).is_none());
        for number in 1..=20 {
            clock.advance(Duration::from_millis(1));
            let displaced = pending.keep(id(number), flow("wifi", &clock));
            let whose = displaced.map(|flow| flow.attempt().client.name.to_string());
            assert_eq!(whose.as_deref(), (number > 3).then_some("wifi"), "{number}");
        }
        assert_eq!(pending.len(), 4);
        let left = [0, 17, 18, 19, 20].map(|number| pending.lock().remove(id(number)).is_some());
        assert_eq!(left, [true, false, true, true, true], "the oldest of its own went");
        assert!(pending.is_empty() && pending.lock().deadlines.is_empty());
    }

    #[test]
    fn those_of_all_clients_end_in_their_time() {
        let clock = ManualClock::at(UnixTime(0));
        let pending = Pending::new(9);
        for (number, client) in ["vpn", "wifi", "vpn", "wifi"].into_iter().enumerate() {
            assert!(pending.keep(id(number.try_into().unwrap()), flow(client, &clock)).is_none());
            clock.advance(Duration::from_secs(1));
        }
        let life = flow("vpn", &clock).deadline().saturating_duration_since(clock.now().steady);
        let second = clock.now().steady - Duration::from_secs(3) + life;
        assert_eq!(pending.expire(second).len(), 2);
        assert_eq!(pending.expire(second).len(), 0);
        assert_eq!((pending.expire(second + life).len(), pending.len()), (2, 0));
        assert!(pending.lock().deadlines.is_empty());
    }
}
