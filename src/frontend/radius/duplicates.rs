//! Repeated requests get the first answer (RFC 5080 section 2.2.2).
//!
//! A device that hears nothing sends the same packet again. While the first copy is being worked on, the
//! others are dropped; once it is answered, they get the same bytes, and nothing is asked or counted twice.

mod rings;

use std::collections::{VecDeque, hash_map};
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

use crate::base::spread::SpreadMap;
use crate::frontend::radius::duplicates::rings::Rings;

/// How long an answer is kept at most after it was sent.
pub const ANSWER_LIFE: Duration = Duration::from_secs(30);
/// Longer than any login may run. When there are too many, those that have run for longer are forgotten.
const RUNNING_LIFE: Duration = Duration::from_secs(900);
/// Answers kept by one socket.
const MOST_ANSWERS: usize = 65_536;
/// Answers kept for one client; beyond, its own oldest go.
const MOST_ANSWERS_PER_CLIENT: usize = 16_384;
/// Requests of one socket that are worked on at once.
const MOST_RUNNING: usize = 65_536;
/// How often those that never end are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// A ring that has become empty keeps room for so many.
const SMALL: usize = 64;

/// What tells requests apart. Each socket has its own table.
///
/// Of those that are remembered a keyed hash of it is kept, and not the key, which takes most of the room that a request
/// needs: should two keys ever have one hash, either is forgotten for the other as if it were a new request under the same
/// key, and none gets the other's answer, since their prints differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Who sent it.
    pub peer: SocketAddr,
    /// The address it was sent to.
    pub local: Option<IpAddr>,
    /// Its identifier.
    pub identifier: u8,
}

/// In few pieces: a table is asked several times for each request.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let last = u64::from(self.peer.port()) << 8 | u64::from(self.identifier);
        match (self.peer.ip(), self.local) {
            (IpAddr::V4(peer), Some(IpAddr::V4(local))) => {
                state.write_u64(u64::from(peer.to_bits()) << 32 | u64::from(local.to_bits()));
            }
            (peer, local) => {
                state.write_u128(bits(peer));
                state.write_u128(local.map_or(0, bits));
            }
        }
        state.write_u64(last);
    }
}

impl Key {
    /// Where it stands in the table.
    fn spot(&self) -> u64 {
        keyed().hash_one(self)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// What makes two requests under one key copies of each other: the Request Authenticator, and the
/// same question. A device whose authenticators repeat by mistake must not get one user's answer for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    authenticator: [u8; 16],
    question: u64,
}

/// All octets of a request. One that is alike octet by octet to one that was taken proves as much as that one did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(u64);

impl Whole {
    /// Of this request.
    #[must_use]
    pub fn of(packet: &[u8]) -> Self {
        Self(keyed().hash_one(packet))
    }
}

/// With a seed of this process: whoever types a name, or sends what he has heard on the way, cannot choose one that looks
/// like another.
fn keyed() -> SeedableRandomState {
    SeedableRandomState::with_seed(0, SharedSeed::global_random())
}

impl Print {
    /// Of a request with this authenticator; `question` is what it asks for: user, password, state.
    #[must_use]
    pub fn new<'a>(authenticator: [u8; 16], question: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = keyed().build_hasher();
        question.into_iter().for_each(|part| part.hash(&mut hasher));
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
struct Entry {
    /// The serial of a request that runs, the number of an answer.
    number: u64,
    print: Print,
    whole: Whole,
    state: State,
}

#[derive(Debug)]
enum State {
    Running { since: Instant },
    Answered { until: Instant, bytes: Arc<[u8]> },
}

/// An answer in the order in which they were sent.
#[derive(Debug)]
struct Kept {
    spot: u64,
    number: u64,
    sent: Instant,
    ring: usize,
}

/// The requests that one socket works on or has answered: one entry for each key.
#[derive(Debug)]
pub struct Duplicates {
    entries: SpreadMap<Entry>,
    running: usize,
    answers: usize,
    /// All answers; those that are gone from `entries` leave a mark until they are the oldest.
    order: VecDeque<Kept>,
    rings: Rings,
    most_running: usize,
    most_answers: usize,
    next: u64,
    swept: Option<Instant>,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self::with_limits(MOST_RUNNING, MOST_ANSWERS, MOST_ANSWERS_PER_CLIENT)
    }
}

impl Duplicates {
    fn with_limits(running: usize, answers: usize, per_client: usize) -> Self {
        Self {
            entries: SpreadMap::default(),
            running: 0,
            answers: 0,
            order: VecDeque::new(),
            rings: Rings::of_at_most(per_client),
            most_running: running,
            most_answers: answers,
            next: 0,
            swept: None,
        }
    }

    /// Looks a request up. Another print under the same key makes it a new request.
    #[must_use]
    pub fn look(&self, key: &Key, print: Print, now: Instant) -> Seen {
        self.entries
            .get(&key.spot())
            .filter(|entry| entry.print == print)
            .map_or(Seen::New, |entry| entry.seen(now))
    }

    /// The same for one that is alike octet by octet, which is found out before its proof is looked at: most copies are.
    /// One that differs may be a copy all the same.
    #[must_use]
    pub fn look_exactly(&self, key: &Key, whole: Whole, now: Instant) -> Seen {
        let entry = self.entries.get(&key.spot()).filter(|entry| entry.whole == whole);
        entry.map_or(Seen::New, |entry| entry.seen(now))
    }

    /// Takes up a new request. What ran or was answered under the same key is forgotten.
    ///
    /// # Errors
    ///
    /// [`Busy`] when too many are running; a running one is never pushed out by a new one.
    pub fn begin(&mut self, key: Key, print: Print, whole: Whole, now: Instant) -> Result<Serial, Busy> {
        let spot = key.spot();
        if self.running >= self.most_running {
            self.sweep(now);
            self.remove(spot);
            if self.running >= self.most_running {
                return Err(Busy);
            }
        }
        let number = self.number();
        let entry = Entry { number, print, whole, state: State::Running { since: now } };
        let before = self.entries.insert(spot, entry);
        self.running = self.running.saturating_add(1);
        self.discount(before.as_ref());
        Ok(Serial(number))
    }

    /// The request is answered; the answer is kept for `life`. `false` when a new request has taken its
    /// place: the answer may then not be sent.
    pub fn answer(&mut self, key: Key, serial: Serial, answer: Answer<'_>, now: Instant) -> bool {
        let (number, spot) = (self.number(), key.spot());
        let Some(entry) = self.entries.get_mut(&spot).filter(|entry| entry.runs_as(serial)) else {
            return false;
        };
        let until = now.checked_add(answer.life.min(ANSWER_LIFE)).unwrap_or(now);
        (entry.number, entry.state) = (number, State::Answered { until, bytes: answer.bytes });
        self.running = self.running.saturating_sub(1);
        self.answers = self.answers.saturating_add(1);
        let (ring, oldest) = self.rings.add(answer.client, spot, number);
        self.order.push_back(Kept { spot, number, sent: now, ring });
        if let Some((spot, number)) = oldest {
            self.drop_answer(spot, number);
        }
        self.make_room(now);
        true
    }

    /// The request ends without an answer: a copy of it will be taken for a new one. `false` as above.
    pub fn drop_unanswered(&mut self, key: &Key, serial: Serial) -> bool {
        let spot = key.spot();
        let runs = self.entries.get(&spot).is_some_and(|entry| entry.runs_as(serial));
        if runs {
            self.remove(spot);
        }
        runs
    }

    const fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        number
    }

    fn remove(&mut self, spot: u64) {
        let gone = self.entries.remove(&spot);
        self.discount(gone.as_ref());
    }

    const fn discount(&mut self, gone: Option<&Entry>) {
        match gone {
            Some(Entry { state: State::Running { .. }, .. }) => self.running = self.running.saturating_sub(1),
            Some(Entry { state: State::Answered { .. }, .. }) => {
                self.answers = self.answers.saturating_sub(1)
            }
            None => {}
        }
    }

    /// Drops an answer unless it is gone already.
    fn drop_answer(&mut self, spot: u64, number: u64) {
        let is_it = |entry: &Entry| entry.number == number && matches!(entry.state, State::Answered { .. });
        if let hash_map::Entry::Occupied(entry) = self.entries.entry(spot)
            && is_it(entry.get())
        {
            let gone = entry.remove();
            self.discount(Some(&gone));
        }
    }

    /// Drops the answers that are too old, and the oldest when there are too many.
    fn make_room(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let is_old = now.saturating_duration_since(oldest.sent) >= ANSWER_LIFE;
            // Marks of answers that are gone may not be more than answers.
            let many = self.order.len() > self.most_answers.saturating_mul(2).max(SMALL);
            if !is_old && !many && self.answers <= self.most_answers {
                break;
            }
            let Some(Kept { spot, number, ring, .. }) = self.order.pop_front() else { break };
            self.rings.forget(ring, number);
            self.drop_answer(spot, number);
        }
    }

    /// Whoever brings a request in brings it to an end. Should one be lost nevertheless, its place is found again.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|last| now.saturating_duration_since(last) < SWEEP_EVERY) {
            return;
        }
        self.swept = Some(now);
        let lost = |entry: &Entry| match entry.state {
            State::Running { since } => now.saturating_duration_since(since) >= RUNNING_LIFE,
            State::Answered { .. } => false,
        };
        let before = self.entries.len();
        self.entries.retain(|_, entry| !lost(entry));
        self.running = self.running.saturating_sub(before.saturating_sub(self.entries.len()));
    }

    /// Requests that are being worked on.
    #[must_use]
    pub const fn running(&self) -> usize {
        self.running
    }

    /// Answers that are kept, those not yet swept out included.
    #[must_use]
    pub const fn answers(&self) -> usize {
        self.answers
    }
}

impl Entry {
    /// What there is for a copy of it.
    fn seen(&self, now: Instant) -> Seen {
        match &self.state {
            State::Running { .. } => Seen::InWork,
            State::Answered { until, bytes, .. } if now < *until => Seen::Answered(bytes.clone()),
            State::Answered { .. } => Seen::New,
        }
    }

    fn runs_as(&self, serial: Serial) -> bool {
        self.number == serial.0 && matches!(self.state, State::Running { .. })
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
        Print::new([authenticator; 16], [&b"anna"[..], b"hidden"])
    }

    fn whole() -> Whole {
        Whole::of(b"a request")
    }

    fn bytes(text: &str) -> Arc<[u8]> {
        text.as_bytes().into()
    }

    fn answer<'a>(client: &'a Arc<str>, text: &str) -> Answer<'a> {
        Answer { client, bytes: bytes(text), life: ANSWER_LIFE }
    }

    fn answered(table: &mut Duplicates, port: u16, client: &Arc<str>, now: Instant) {
        let serial = table.begin(key(port, 1), print(1), whole(), now).unwrap();
        assert!(table.answer(key(port, 1), serial, answer(client, "answer"), now));
    }

    #[test]
    fn a_110_a_111_a_112_a_copy_is_dropped_while_in_work_and_then_gets_the_same_bytes() {
        let (mut table, now, vpn) = (Duplicates::default(), SystemClock.now().steady, Arc::from("vpn"));
        assert_eq!(table.look(&key(1, 1), print(1), now), Seen::New);
        let serial = table.begin(key(1, 1), print(1), whole(), now).unwrap();
        assert_eq!(table.look(&key(1, 1), print(1), now), Seen::InWork);
        assert_eq!(table.look(&key(2, 1), print(1), now), Seen::New, "another port");
        assert_eq!(table.look(&key(1, 2), print(1), now), Seen::New, "another identifier");
        let elsewhere = Key { local: Some(IpAddr::from([10, 0, 0, 1])), ..key(1, 1) };
        assert_eq!(table.look(&elsewhere, print(1), now), Seen::New, "sent to another address");
        assert!(table.answer(key(1, 1), serial, answer(&vpn, "no"), now));
        assert_eq!(table.look(&key(1, 1), print(1), now), Seen::Answered(bytes("no")));
        assert_eq!(table.look(&key(1, 1), print(2), now), Seen::New, "another authenticator");
        assert_eq!(table.look_exactly(&key(1, 1), whole(), now), Seen::Answered(bytes("no")));
        assert_eq!(table.look_exactly(&key(1, 1), Whole::of(b"another request"), now), Seen::New);
        assert_eq!(table.look_exactly(&key(1, 2), whole(), now), Seen::New, "another identifier");
    }

    #[test]
    fn one_users_answer_is_never_given_for_another_even_if_authenticators_repeat() {
        let (mut table, now, vpn) = (Duplicates::default(), SystemClock.now().steady, Arc::from("vpn"));
        let anna = print(1);
        let serial = table.begin(key(1, 1), anna, whole(), now).unwrap();
        assert!(table.answer(key(1, 1), serial, answer(&vpn, "yes"), now));
        let questions: [&[&[u8]]; 4] =
            [&[b"eve", b"hidden"], &[b"anna", b"other"], &[b"anna", b"hidden", b"state"], &[b"annahidden"]];
        for question in questions {
            assert_eq!(table.look(&key(1, 1), Print::new([1; 16], question.iter().copied()), now), Seen::New);
        }
        assert_eq!(table.look(&key(1, 1), anna, now), Seen::Answered(bytes("yes")));
    }

    #[test]
    fn a_113_a_new_request_under_the_same_key_ends_the_old_one() {
        let (mut table, now, vpn) = (Duplicates::default(), SystemClock.now().steady, Arc::from("vpn"));
        let old = table.begin(key(1, 1), print(1), whole(), now).unwrap();
        let new = table.begin(key(1, 1), print(2), whole(), now).unwrap();
        assert!(!table.answer(key(1, 1), old, answer(&vpn, "old"), now), "may not be sent");
        assert_eq!(table.look(&key(1, 1), print(2), now), Seen::InWork);
        assert!(table.answer(key(1, 1), new, answer(&vpn, "new"), now));
        table.begin(key(1, 1), print(3), whole(), now).unwrap();
        assert_eq!(table.look(&key(1, 1), print(2), now), Seen::New, "the old answer is purged");
    }

    #[test]
    fn a_115_an_answer_lives_for_its_time_after_it_was_sent() {
        let (mut table, now, vpn) = (Duplicates::default(), SystemClock.now().steady, Arc::from("vpn"));
        let serial = table.begin(key(1, 1), print(1), whole(), now).unwrap();
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
        let serial = table.begin(key(1, 1), print(1), whole(), now).unwrap();
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
        let first = table.begin(key(1, 1), print(1), whole(), now).unwrap();
        table.begin(key(2, 1), print(1), whole(), now).unwrap();
        assert_eq!(table.begin(key(3, 1), print(1), whole(), now), Err(Busy));
        assert!(table.drop_unanswered(&key(1, 1), first));
        assert!(table.begin(key(3, 1), print(1), whole(), now).is_ok());
        assert_eq!(table.running(), 2);
    }

    #[test]
    fn a_115_of_answers_that_are_too_old_nothing_is_left() {
        let (mut table, now) = (Duplicates::default(), SystemClock.now().steady);
        let clients: Vec<Arc<str>> = (0..10).map(|n| format!("client-{n}").into()).collect();
        for n in 0..2_000u16 {
            answered(&mut table, n, &clients[usize::from(n % 10)], now);
            // Each is asked again under the same key, which drops the answer before its time.
            if n % 3 == 0 {
                let serial = table.begin(key(n, 1), print(9), whole(), now).unwrap();
                assert!(table.drop_unanswered(&key(n, 1), serial));
            }
        }
        assert_eq!((table.answers(), table.running()), (1_333, 0));
        answered(&mut table, 9_999, &clients[0], now + ANSWER_LIFE);
        assert_eq!((table.answers(), table.entries.len(), table.order.len()), (1, 1, 1));
        let kept: usize = table.rings.all.iter().map(VecDeque::len).sum();
        let room: usize = table.rings.all.iter().map(VecDeque::capacity).sum();
        assert!(kept == 1 && room <= 11 * SMALL, "{kept} {room}");
    }

    #[test]
    fn memory_stays_flat_when_one_key_is_answered_for_ever() {
        let (mut table, now, vpn) =
            (Duplicates::with_limits(8, 6, 3), SystemClock.now().steady, "vpn".into());
        for _ in 0..10_000 {
            answered(&mut table, 1, &vpn, now);
        }
        assert_eq!((table.answers(), table.running(), table.entries.len()), (1, 0, 1));
        assert!(table.order.len() <= SMALL && table.rings.all[0].len() <= 3);
    }

    #[test]
    fn a_request_that_was_lost_gives_its_place_back_when_it_is_needed() {
        let (mut table, now) = (Duplicates::with_limits(1, 1, 1), SystemClock.now().steady);
        table.begin(key(1, 1), print(1), whole(), now).unwrap();
        assert_eq!(table.begin(key(2, 1), print(1), whole(), now + RUNNING_LIFE - SWEEP_EVERY), Err(Busy));
        assert!(table.begin(key(2, 1), print(1), whole(), now + RUNNING_LIFE).is_ok());
        assert_eq!((table.running(), table.entries.len()), (1, 1));
    }

    #[test]
    fn what_is_kept_of_an_answer_is_little() {
        let sizes = [size_of::<(u64, Entry)>(), size_of::<Kept>(), size_of::<(u64, u64)>()];
        assert!(sizes.iter().sum::<usize>() <= 136, "{sizes:?}");
    }

    #[test]
    fn keys_that_differ_in_anything_hash_apart() {
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let other = |change: fn(&mut Key)| {
            let mut key = Key { local: Some(IpAddr::from([10, 0, 0, 1])), ..key(1, 1) };
            change(&mut key);
            key
        };
        let keys = [
            other(|_| {}),
            other(|key| key.identifier = 2),
            other(|key| key.peer.set_port(2)),
            other(|key| key.peer.set_ip(IpAddr::from([192, 0, 2, 2]))),
            other(|key| key.local = Some(IpAddr::from([10, 0, 0, 2]))),
            other(|key| key.local = None),
            Key { local: Some(v6), ..key(1, 1) },
            Key { peer: SocketAddr::new(v6, 1), ..key(1, 1) },
        ];
        let hashes: std::collections::HashSet<u64> = keys.iter().map(Key::spot).collect();
        assert_eq!(hashes.len(), keys.len());
    }
}
