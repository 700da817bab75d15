//! What was known of each subject when the store was asked last, for fault modes: without the store, somebody must not be
//! let in who is locked, who has to wait or whose time is over; and where a mode says so, a factor that was confirmed not
//! long ago counts once more.
//!
//! Wrong passwords that come while the store is away are counted here under the same limits, and the store hears of them
//! before it is asked about their subject again. Seeds are not kept.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;
use crate::base::cidr::Prefix;
use crate::base::clock::{Now, UnixTime};
use crate::base::shards::SHARDS;
use crate::base::spread::Spreading;
use crate::gateway::ports::{SubjectDigest, WrongPassword};
use crate::gateway::remember::bare::{Bare, Counted};
use crate::gateway::remember::by_rule::{Place, keep_in, recall_in};
use crate::gateway::remember::{Mark, Memory};
use crate::login::factor::FactorKinds;
use crate::login::flow::{Flow, Forgiven};
use crate::login::identity::Pseudonym;
use crate::login::step::{Before, KnownNetwork, Record};
use crate::login::throttle::lockout::Rows;
use crate::login::throttle::{Failures, after_success};

/// How long somebody is remembered who was not seen.
pub(super) const LONGEST: Duration = Flow::LONGEST_MEMORY;
/// Most wrong passwords of which the store is still to hear; of more the last ones. So many in a row keep everybody waiting
/// for the longest time there is.
const MOST_OWED: usize = 16;

/// Most networks of one of them: as many as the store keeps.
const MOST_NETWORKS: usize = 16;

/// What is known of each subject; boxed, since a table doubles as it grows.
pub(super) type LastKnown = BoundedMap<Pseudonym, Box<Known>, Spreading>;

/// How often it is put down that somebody was seen.
const OFTEN: Duration = Duration::from_secs(60);

/// What is known of one.
pub(super) struct Known {
    bare: Bare,
    /// How often the store was asked in a login.
    asked: u32,
    recent: Vec<Place>,
    owed: Vec<Owed>,
}

impl Known {
    fn new(bare: Bare) -> Box<Self> {
        Box::new(Self { bare, asked: 0, recent: Vec::new(), owed: Vec::new() })
    }
}

/// Somebody who is known, as he was known at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct Then {
    /// Who.
    pub(in crate::gateway) who: Pseudonym,
    number: u64,
    asked: u32,
}

/// Where among all who are known.
#[derive(Debug, Default)]
pub(super) struct Next {
    part: usize,
    number: u64,
}

/// A wrong password of which the store is still to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) struct Owed {
    /// When it came.
    pub(in crate::gateway) at: UnixTime,
    /// How it is counted.
    pub(in crate::gateway) how: WrongPassword,
}

impl Memory {
    /// Keeps what the store has just said of the subject of this login. Tells its state, where that had to be found out.
    /// Also where there is no fault mode: one that is put in place when the store is already away must help.
    pub(in crate::gateway) fn keep_record(&self, flow: &Flow, record: &Record, now: Instant) -> Option<Mark> {
        let who = &flow.subject()?.pseudonym;
        let mut subjects = self.last_known.put(who.number());
        let Some(known) = subjects.renew(who, OFTEN, now) else {
            subjects.insert(who.clone(), Known::new(Bare::of(record)), now);
            return None;
        };
        known.asked = known.asked.wrapping_add(1);
        if !known.bare.is_of(record) {
            known.bare = Bare::of(record);
        }
        if known.recent.is_empty() {
            return None;
        }
        let state = self.state_of_place(flow, record);
        let lasts = |place: &Place| now.saturating_duration_since(place.since) < LONGEST;
        known.recent.retain(|place| Some(place.state) == state && lasts(place));
        state
    }

    /// The next few of those who are known, each as he is known now; all of them in turn.
    pub(in crate::gateway) fn next_known(&self, many: usize) -> Vec<Then> {
        let mut next = self.next_known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::new();
        for _ in 0..SHARDS {
            let Some(subjects) = self.last_known.part(next.part) else { break };
            let wanted = many.saturating_sub(all.len());
            let found = subjects.following(next.number, wanted);
            let last = found.last().map(|(last, _)| last.saturating_add(1));
            let is_enough = found.len() >= wanted;
            let asked = |who: &Pseudonym| subjects.peek(who).map_or(0, |known| known.asked);
            all.extend(found.into_iter().map(|(number, who)| Then { asked: asked(&who), who, number }));
            if is_enough {
                next.number = last.unwrap_or(next.number);
                break;
            }
            let part = next.part.saturating_add(1);
            *next = Next { part: if part < SHARDS { part } else { 0 }, number: 0 };
        }
        all
    }

    /// Takes up what the store says of somebody without a login of his, unless there was one meanwhile. Whom it does not know
    /// any more, nobody knows; where a factor is gone or locked, or there is another, nothing counts once more.
    pub(in crate::gateway) fn renew(&self, then: &Then, record: &Record, now: Instant) {
        let Then { who, number, asked } = then;
        let Some(mut subjects) = self.last_known.look(who.number()) else { return };
        if subjects.number(who) != Some(*number) {
            return;
        }
        let Some(known) = subjects.get_mut(who, now).filter(|known| known.asked == *asked) else { return };
        if record.history.first_seen.is_none() {
            subjects.remove(who, now);
            return;
        }
        let counted = known.bare.counted();
        let before = std::mem::replace(&mut known.bare, Bare::of(record));
        if !known.bare.has_factors_of(&before) {
            known.recent.clear();
        }
        if !known.owed.is_empty() {
            // More was counted than the store has heard of.
            let fresh = known.bare.counted();
            known.bare.count(counted.with_codes_of(fresh));
        }
    }

    /// The store has noted that `who` was let in on this day, from this network.
    pub(in crate::gateway) fn note_login(
        &self,
        who: &Pseudonym,
        day: i64,
        network: Option<SubjectDigest>,
        now: Instant,
    ) {
        let Some(mut subjects) = self.last_known.look(who.number()) else { return };
        let Some(known) = subjects.get_mut(who, now) else { return };
        let history = &mut known.bare.history;
        history.last_day = history.last_day.max(Some(day));
        let Some(SubjectDigest { key_id, digest }) = network else { return };
        history.networks.retain(|one| (one.key_id, one.digest) != (key_id, digest));
        history.networks.sort_unstable_by_key(|one| std::cmp::Reverse(one.day));
        history.networks.truncate(MOST_NETWORKS.saturating_sub(1));
        // Most have one, and there are tens of thousands of them.
        history.networks.reserve_exact(1);
        history.networks.push(KnownNetwork { key_id, digest, day });
    }

    /// What was known of `who` last.
    pub(in crate::gateway) fn last_known(&self, who: &Pseudonym, now: Instant) -> Option<Record> {
        self.last_known.look(who.number())?.get(who, now).map(|known| known.bare.record())
    }

    /// Factors that were confirmed at the client of this login and from its network; `record` is what its subject has now,
    /// or had last.
    pub(in crate::gateway) fn recall_recent(
        &self,
        flow: &Flow,
        record: &Record,
        now: Instant,
    ) -> Option<Before> {
        let who = &flow.subject()?.pseudonym;
        self.last_known.look(who.number())?.get(who, now).filter(|known| !known.recent.is_empty())?;
        let (print, state) = (self.print_of_network(flow)?, self.state_of_place(flow, record)?);
        let mut subjects = self.last_known.look(who.number())?;
        recall_in(&mut subjects.get_mut(who, now)?.recent, (print, state), now)
    }

    /// Remembers that factors of these kinds were confirmed in this login; `state` is that of its subject, where that is
    /// known. Also where there is no fault mode, as in [`Memory::keep_record`].
    pub(in crate::gateway) fn keep_recent(
        &self,
        flow: &Flow,
        kinds: FactorKinds,
        state: Option<Mark>,
        now: Instant,
    ) {
        let Some(subject) = flow.subject() else { return };
        let Some(print) = self.print_of_network(flow) else { return };
        let Some(state) = state.or_else(|| self.state_of_place(flow, flow.record())) else { return };
        let Some(mut subjects) = self.last_known.look(subject.pseudonym.number()) else { return };
        let Some(known) = subjects.get_mut(&subject.pseudonym, now) else { return };
        keep_in(&mut known.recent, Place { print, state, kinds, since: now, over: false });
    }

    /// Nothing counts once more that was confirmed of `who`.
    pub(super) fn end_recent(&self, who: &Pseudonym, now: Instant) {
        let Some(mut subjects) = self.last_known.look(who.number()) else { return };
        if let Some(known) = subjects.get_mut(who, now) {
            known.recent.clear();
        }
    }

    /// Counts a wrong password; of one that is owed the store is still to hear. The flow has just been told what is known
    /// of its subject, so there is something to count it with.
    pub(in crate::gateway) fn count_wrong_password(
        &self,
        who: &Pseudonym,
        how: &WrongPassword,
        is_owed: bool,
        flow: &Flow,
        now: Now,
    ) {
        let mut subjects = self.last_known.put(who.number());
        let mut known =
            subjects.remove(who, now.steady).unwrap_or_else(|| Known::new(Bare::of(flow.record())));
        let row = |failures: Option<Failures>| failures.unwrap_or(Failures::NONE);
        let counted = known.bare.counted();
        let rows = Rows {
            strange: row(counted.password),
            familiar: row(counted.familiar_password),
            directory: row(counted.directory),
        };
        let rows = rows.after_wrong(flow.whence(), &how.limits, &flow.bounds(), now.unix);
        known.bare.count(Counted {
            password: Some(rows.strange),
            familiar_password: Some(rows.familiar),
            directory: Some(rows.directory),
            ..counted
        });
        if is_owed {
            if known.owed.len() >= MOST_OWED {
                known.owed.remove(0);
            }
            self.owed.fetch_add(1, Ordering::AcqRel);
            known.owed.push(Owed { at: now.unix, how: *how });
        }
        subjects.insert(who.clone(), known, now.steady);
    }

    /// A right password has come. Where the store is away, what that has counted before stays there.
    pub(in crate::gateway) fn forgive(&self, who: &Pseudonym, forgiven: Forgiven, now: Instant) {
        let Some(mut subjects) = self.last_known.look(who.number()) else { return };
        let Some(known) = subjects.get_mut(who, now) else { return };
        let mut counted = known.bare.counted();
        let own = if forgiven.familiar { &mut counted.familiar_password } else { &mut counted.password };
        *own = own.as_ref().map(after_success);
        if forgiven.directory {
            counted.directory = counted.directory.as_ref().map(after_success);
            known.owed.retain(|owed| owed.how.familiar != forgiven.familiar);
        }
        known.bare.count(counted);
    }

    /// Whether there may be somebody of whose wrong passwords the store is still to hear: nearly never.
    pub(in crate::gateway) fn may_owe(&self) -> bool {
        self.owed.load(Ordering::Acquire) != self.heard.load(Ordering::Acquire)
    }

    /// The wrong passwords of which the store is still to hear.
    pub(in crate::gateway) fn owed(&self, who: &Pseudonym, now: Instant) -> Vec<Owed> {
        let subjects = self.last_known.look(who.number());
        subjects.and_then(|all| all.get(who, now).map(|known| known.owed.clone())).unwrap_or_default()
    }

    /// It has heard of this one.
    pub(in crate::gateway) fn settled(&self, who: &Pseudonym, owed: &Owed, now: Instant) {
        let Some(mut subjects) = self.last_known.look(who.number()) else { return };
        let Some(known) = subjects.get_mut(who, now) else { return };
        if let Some(at) = known.owed.iter().position(|one| one == owed) {
            known.owed.remove(at);
        }
    }

    pub(super) fn tidy_last_known(&self, now: Instant) {
        // Whatever is owed from here on is more than this.
        let owed = self.owed.load(Ordering::Acquire);
        let mut all_heard = true;
        self.last_known.tidy(|subjects| {
            subjects.expire(now);
            all_heard =
                all_heard && (!self.may_owe() || subjects.values().all(|known| known.owed.is_empty()));
            !subjects.is_empty()
        });
        if all_heard {
            self.heard.fetch_max(owed, Ordering::AcqRel);
        }
    }

    /// Of client and user network; `None` where the user's address is not known.
    fn print_of_network(&self, flow: &Flow) -> Option<Mark> {
        let attempt = flow.attempt();
        let network = Prefix::around(attempt.origin.user?, 24, 64);
        Some(self.marks.of(&("network", &attempt.client.name, network)))
    }
}
