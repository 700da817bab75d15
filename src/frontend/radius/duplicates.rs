//! Repeated requests get the first answer (RFC 5080 section 2.2.2).
//!
//! A device that hears nothing sends the same packet again. While the first copy is being worked on, the
//! others are dropped; once it is answered, they get the same bytes, and nothing is asked or counted twice.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;

/// How long an answer is kept at most after it was sent.
pub const ANSWER_LIFE: Duration = Duration::from_secs(30);
/// Longer than any login may run; a request that never ends is forgotten then.
const RUNNING_LIFE: Duration = Duration::from_secs(900);
/// Answers kept by one socket.
const MOST_ANSWERS: usize = 65_536;
/// Answers kept for one client; beyond, its own oldest go.
const MOST_ANSWERS_PER_CLIENT: usize = 16_384;
/// Requests of one socket that are worked on at once.
const MOST_RUNNING: usize = 65_536;
/// Clients for which answers are counted.
const MOST_CLIENTS: usize = 16_384;
/// How long a client that sends nothing is remembered by the count.
const CLIENT_LIFE: Duration = Duration::from_secs(86_400);

/// What tells requests apart. Each socket has its own table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Who sent it.
    pub peer: SocketAddr,
    /// The address it was sent to.
    pub local: Option<IpAddr>,
    /// Its identifier.
    pub identifier: u8,
}

/// What makes two requests under one key copies of each other: the Request Authenticator, and the
/// same question. A device whose authenticators repeat by mistake must not get one user's answer for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    authenticator: [u8; 16],
    question: u64,
}

impl Print {
    /// Of a request with this authenticator; `question` is what it asks for: user, password, state.
    #[must_use]
    pub fn new(authenticator: [u8; 16], question: &[Option<&[u8]>]) -> Self {
        // Not keyed: who can choose these bytes knows the shared secret, or may as well be anybody.
        let mut hasher = DefaultHasher::new();
        question.hash(&mut hasher);
        Self { authenticator, question: hasher.finish() }
    }
}

/// Tells a request from a later one under the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serial(u64);

/// Whether a request was seen before.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// No.
    New,
    /// Yes, and it is being worked on.
    InWork,
    /// Yes, and this was the answer.
    Answered(Arc<[u8]>),
}

/// No room for one more running request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// An answer to be kept.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Name of the client that gets it.
    pub client: &'a Arc<str>,
    /// The packet.
    pub bytes: Arc<[u8]>,
    /// How long it is kept; at most [`ANSWER_LIFE`].
    pub life: Duration,
}

#[derive(Debug)]
struct Running {
    serial: Serial,
    print: Print,
}

#[derive(Debug)]
struct Answered {
    serial: Serial,
    print: Print,
    bytes: Arc<[u8]>,
    until: Instant,
}

/// The requests that one socket works on or has answered.
#[derive(Debug)]
pub struct Duplicates {
    running: BoundedMap<Key, Running>,
    answered: BoundedMap<Key, Answered>,
    order: BoundedMap<Arc<str>, VecDeque<(Key, Serial)>>,
    most_running: usize,
    per_client: usize,
    next: u64,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self::with_limits(MOST_RUNNING, MOST_ANSWERS, MOST_ANSWERS_PER_CLIENT)
    }
}

impl Duplicates {
    fn with_limits(running: usize, answers: usize, per_client: usize) -> Self {
        Self {
            running: BoundedMap::new(running, RUNNING_LIFE),
            answered: BoundedMap::new(answers, ANSWER_LIFE),
            order: BoundedMap::new(MOST_CLIENTS, CLIENT_LIFE),
            most_running: running,
            per_client,
            next: 0,
        }
    }

    /// Looks a request up. Another print under the same key makes it a new request.
    pub fn look(&self, key: &Key, print: Print, now: Instant) -> Seen {
        if self.running.get(key, now).is_some_and(|running| running.print == print) {
            return Seen::InWork;
        }
        match self.answered.get(key, now) {
            Some(answered) if answered.print == print && now < answered.until => {
                Seen::Answered(answered.bytes.clone())
            }
            _ => Seen::New,
        }
    }

    /// Takes up a new request. What ran or was answered under the same key is forgotten.
    ///
    /// # Errors
    ///
    /// [`Busy`] when too many are running; a running one is never pushed out by a new one.
    pub fn begin(&mut self, key: Key, print: Print, now: Instant) -> Result<Serial, Busy> {
        self.running.remove(&key, now);
        self.answered.remove(&key, now);
        self.running.expire(now);
        if self.running.len() >= self.most_running {
            return Err(Busy);
        }
        let serial = Serial(self.next);
        self.next = self.next.wrapping_add(1);
        self.running.insert(key, Running { serial, print }, now);
        Ok(serial)
    }

    /// The request is answered; the answer is kept for `life`. `false` when a new request has taken its
    /// place: the answer may then not be sent.
    pub fn answer(&mut self, key: Key, serial: Serial, answer: Answer<'_>, now: Instant) -> bool {
        let Some(running) = self.forget(&key, serial, now) else { return false };
        self.count(key, serial, answer.client, now);
        let until = now.checked_add(answer.life).unwrap_or(now);
        let answered = Answered { serial, print: running.print, bytes: answer.bytes, until };
        self.answered.insert(key, answered, now);
        true
    }

    /// The request ends without an answer: a copy of it will be taken for a new one. `false` as above.
    pub fn drop_unanswered(&mut self, key: &Key, serial: Serial, now: Instant) -> bool {
        self.forget(key, serial, now).is_some()
    }

    fn forget(&mut self, key: &Key, serial: Serial, now: Instant) -> Option<Running> {
        self.running.expire(now);
        self.running.get(key, now).filter(|running| running.serial == serial)?;
        self.running.remove(key, now)
    }

    /// Makes room among the client's own answers.
    fn count(&mut self, key: Key, serial: Serial, client: &Arc<str>, now: Instant) {
        if self.order.get(client, now).is_none() {
            self.order.insert(client.clone(), VecDeque::new(), now);
        }
        let Some(order) = self.order.get_mut(client, now) else { return };
        order.push_back((key, serial));
        if order.len() <= self.per_client {
            return;
        }
        if let Some((oldest, serial)) = order.pop_front()
            && self.answered.get(&oldest, now).is_some_and(|answered| answered.serial == serial)
        {
            self.answered.remove(&oldest, now);
        }
    }

    /// Requests that are being worked on.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Answers that are kept, those not yet swept out included.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.answered.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, SystemClock};

    fn key(port: u16, identifier: u8) -> Key {
        Key { peer: SocketAddr::from(([192, 0, 2, 1], port)), local: None, identifier }
    }

    fn print(authenticator: u8) -> Print {
        Print::new([authenticator; 16], &[Some(b"anna"), Some(b"hidden"), None])
    }

    fn bytes(text: &str) -> Arc<[u8]> {
        text.as_bytes().into()
    }

    fn answer<'a>(client: &'a Arc<str>, text: &str) -> Answer<'a> {
        Answer { client, bytes: bytes(text), life: ANSWER_LIFE }
    }

    fn answered(table: &mut Duplicates, port: u16, client: &Arc<str>, now: Instant) {
        let serial = table.begin(key(port, 1), print(1), now).unwrap();
        assert!(table.answer(key(port, 1), serial, answer(client, "answer"), now));
    }

    #[test]
    fn a_110_a_111_a_112_a_copy_is_dropped_while_in_work_and_then_gets_the_same_bytes() {
        let (mut table, now, vpn) = (Duplicates::default(), SystemClock.now().steady, Arc::from("vpn"));
        assert_eq!(table.look(&key(1, 1), print(1), now), Seen::New);
        let serial = table.begin(key(1, 1), print(1), now).unwrap();
        assert_eq!(table.look(&key(1, 1), print(1), now), Seen::InWork);
        assert_eq!(table.look(&key(2, 1), print(1), now), Seen::New, "another port");
        assert_eq!(table.look(&key(1, 2), print(1), now), Seen::New, "another identifier");
        let elsewhere = Key { local: Some(IpAddr::from([10, 0, 0, 1])), ..key(1, 1) };
        assert_eq!(table.look(&elsewhere, print(1), now), Seen::New, "sent to another address");
        assert!(table.answer(key(1, 1), serial, answer(&vpn, "no"), now));
        assert_eq!(table.look(&key(1, 1), print(1), now), Seen::Answered(bytes("no")));
        assert_eq!(table.look(&key(1, 1), print(2), now), Seen::New, "another authenticator");
    }

    #[test]
    fn one_users_answer_is_never_given_for_another_even_if_authenticators_repeat() {
        let (mut table, now, vpn) = (Duplicates::default(), SystemClock.now().steady, Arc::from("vpn"));
        let anna = Print::new([1; 16], &[Some(b"anna"), Some(b"hidden"), None]);
        let serial = table.begin(key(1, 1), anna, now).unwrap();
        assert!(table.answer(key(1, 1), serial, answer(&vpn, "yes"), now));
        for question in [
            [Some(&b"eve"[..]), Some(&b"hidden"[..]), None],
            [Some(b"anna"), Some(b"other"), None],
            [Some(b"anna"), Some(b"hidden"), Some(b"state")],
            [Some(b"annahidden"), None, None],
        ] {
            assert_eq!(table.look(&key(1, 1), Print::new([1; 16], &question), now), Seen::New);
        }
        assert_eq!(table.look(&key(1, 1), anna, now), Seen::Answered(bytes("yes")));
    }

    #[test]
    fn a_113_a_new_request_under_the_same_key_ends_the_old_one() {
        let (mut table, now, vpn) = (Duplicates::default(), SystemClock.now().steady, Arc::from("vpn"));
        let old = table.begin(key(1, 1), print(1), now).unwrap();
        let new = table.begin(key(1, 1), print(2), now).unwrap();
        assert!(!table.answer(key(1, 1), old, answer(&vpn, "old"), now), "may not be sent");
        assert_eq!(table.look(&key(1, 1), print(2), now), Seen::InWork);
        assert!(table.answer(key(1, 1), new, answer(&vpn, "new"), now));
        table.begin(key(1, 1), print(3), now).unwrap();
        assert_eq!(table.look(&key(1, 1), print(2), now), Seen::New, "the old answer is purged");
    }

    #[test]
    fn a_115_an_answer_lives_for_its_time_after_it_was_sent() {
        let (mut table, now, vpn) = (Duplicates::default(), SystemClock.now().steady, Arc::from("vpn"));
        let serial = table.begin(key(1, 1), print(1), now).unwrap();
        let later = now + Duration::from_secs(300);
        assert_eq!(table.look(&key(1, 1), print(1), later), Seen::InWork, "as long as the request");
        assert!(table.answer(key(1, 1), serial, answer(&vpn, "a"), later));
        let look = |after| table.look(&key(1, 1), print(1), later + after);
        assert_eq!(look(ANSWER_LIFE - Duration::from_secs(1)), Seen::Answered(bytes("a")));
        assert_eq!(look(ANSWER_LIFE), Seen::New);
    }

    #[test]
    fn a_115_the_life_of_an_answer_can_be_shortened() {
        let (mut table, now, vpn) = (Duplicates::default(), SystemClock.now().steady, Arc::from("vpn"));
        let serial = table.begin(key(1, 1), print(1), now).unwrap();
        let short = Answer { life: Duration::from_secs(5), ..answer(&vpn, "a") };
        assert!(table.answer(key(1, 1), serial, short, now));
        let look = |after| table.look(&key(1, 1), print(1), now + Duration::from_secs(after));
        assert_eq!((look(4), look(5)), (Seen::Answered(bytes("a")), Seen::New));
    }

    #[test]
    fn a_115_answers_are_bounded_per_client_and_in_all() {
        let (now, vpn, wifi) = (SystemClock.now().steady, Arc::from("vpn"), Arc::from("wifi"));
        let mut table = Duplicates::with_limits(8, 6, 3);
        answered(&mut table, 1, &wifi, now);
        for port in 2..=20 {
            answered(&mut table, port, &vpn, now);
        }
        assert_eq!(table.answers(), 4, "three of one, one of the other");
        assert_eq!(table.look(&key(1, 1), print(1), now), Seen::Answered(bytes("answer")), "not pushed out");
        for port in 30..60 {
            answered(&mut table, port, &format!("client-{port}").into(), now);
        }
        assert_eq!(table.answers(), 6);
    }

    #[test]
    fn a_running_request_is_never_pushed_out() {
        let (mut table, now) = (Duplicates::with_limits(2, 2, 2), SystemClock.now().steady);
        let first = table.begin(key(1, 1), print(1), now).unwrap();
        table.begin(key(2, 1), print(1), now).unwrap();
        assert_eq!(table.begin(key(3, 1), print(1), now), Err(Busy));
        assert!(table.drop_unanswered(&key(1, 1), first, now));
        assert!(table.begin(key(3, 1), print(1), now).is_ok());
        assert_eq!(table.running(), 2);
    }
}
