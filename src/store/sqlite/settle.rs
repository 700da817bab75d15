//! Decides a typed code, counts a wrong password and notes a login, on what is known of one subject (C-001, C-002).

use std::cmp::Reverse;

use crate::base::clock::UnixTime;
use crate::gateway::ports::{Counted, MOST_NETWORKS, SubjectDigest, WrongPassword};
use crate::login::factor::{EnrolmentId, FactorKind, FactorKinds, FactorOutcome, Mark, Progress, Proof, Try};
use crate::login::step::KnownNetwork;
use crate::login::throttle::{
    Allowed, Failures, Limits, after_directory_failure, after_failure, after_success, allowed,
};
use crate::store::sqlite::changes::Changes;
use crate::store::sqlite::floor::Floor;
use crate::store::sqlite::known::Known;

/// One subject while something is decided of it: what is known, and what of it is new.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) known: Known,
    pub(super) changes: Changes,
}

impl Case {
    pub(super) fn new(known: Known) -> Self {
        Self { known, changes: Changes::default() }
    }

    /// As [`crate::gateway::ports::Store::settle`] says.
    pub(super) fn settle(
        &mut self,
        tries: &[Try],
        now: UnixTime,
        limits: &Limits,
        standing: Proof,
        floor: &Floor,
    ) -> FactorOutcome {
        let kinds: FactorKinds = tries.iter().map(|one| one.kind).collect();
        let unproven = match standing {
            Proof::Unproven => Some(self.failures(Counted::Unproven)),
            Proof::Proven | Proof::Familiar => None,
        };
        let open: FactorKinds = kinds
            .iter()
            .filter(|kind| is_open(&self.failures(Counted::Factor(*kind)), unproven.as_ref(), now, limits))
            .collect();
        if open.is_empty() && !tries.is_empty() {
            return FactorOutcome::Locked;
        }
        let (mut good, mut replayed) = (None, None);
        for one in tries.iter().filter(|one| open.contains(one.kind)) {
            match self.use_up(one, now, floor) {
                Use::Good => good = good.or(Some(one.kind)),
                Use::Spent => replayed = replayed.or(Some(one.kind)),
                Use::Misfit => {}
            }
        }
        // A code that was right once is no guess: a client that repeats its last login must not lock its user.
        // And it is used up in every enrolment that it fits: two with one seed are one, not two uses.
        if let Some(kind) = replayed {
            return FactorOutcome::Replayed(kind);
        }
        if let Some(kind) = good {
            // A success ends the row that its own failure would have lengthened (C-005).
            let what = unproven.map_or(Counted::Factor(kind), |_| Counted::Unproven);
            let failures = self.failures(what);
            if failures.row > 0 || failures.wait_until != UnixTime(0) {
                self.set_failures(what, Some(after_success(&failures)));
            }
            return FactorOutcome::Confirmed(kind);
        }
        self.count_wrong_code(open, now, limits, standing);
        FactorOutcome::Wrong
    }

    fn count_wrong_code(&mut self, open: FactorKinds, now: UnixTime, limits: &Limits, standing: Proof) {
        let counting = match standing {
            Proof::Proven => *limits,
            Proof::Familiar | Proof::Unproven => waiting(limits),
        };
        let mut count = |what| {
            let more = after_failure(&self.failures(what), now, &counting);
            self.set_failures(what, Some(more));
        };
        match standing {
            // One guess, however many kinds it was held against.
            Proof::Unproven if !open.is_empty() => count(Counted::Unproven),
            Proof::Unproven => {}
            Proof::Proven | Proof::Familiar => open.iter().map(Counted::Factor).for_each(count),
        }
    }

    /// As [`crate::gateway::ports::Store::count_wrong_password`] says.
    pub(super) fn count_wrong_password(&mut self, now: UnixTime, how: &WrongPassword) {
        let own = if how.familiar { Counted::FamiliarPassword } else { Counted::Password };
        self.set_failures(own, Some(after_failure(&self.failures(own), now, &how.limits)));
        let before = self.failures(Counted::Directory);
        let after = after_directory_failure(&before, now, how.directory_window);
        self.set_failures(Counted::Directory, Some(after));
    }

    /// As [`crate::gateway::ports::Store::forget_failures`] says.
    pub(super) fn forget_failures(&mut self, what: Counted, release: bool) -> bool {
        let Some(before) = self.known.failures_in(what) else { return false };
        let after = after_success(&before);
        if !release && after == before {
            return false;
        }
        self.set_failures(what, (!release).then_some(after));
        true
    }

    /// As [`crate::gateway::ports::Store::note_login`] says; `network` is of the newest key.
    pub(super) fn note_login(&mut self, day: i64, network: Option<SubjectDigest>, keep_days: u32) {
        let history = &mut self.known.history;
        if history.last_day.is_none_or(|last| last < day) {
            history.last_day = Some(day);
            self.changes.last_day = Some(day);
        }
        let mut networks = history.networks.clone();
        if let Some(SubjectDigest { key_id, digest }) = network.filter(|_| keep_days > 0) {
            networks.retain(|known| (known.key_id, known.digest) != (key_id, digest));
            networks.push(KnownNetwork { key_id, digest, day });
        }
        // A day that lies ahead comes from a clock that was wrong: it would stay for as long as the clock was ahead.
        networks.retain(|known| known.is_fresh(day, keep_days));
        networks.sort_unstable_by_key(|known| (Reverse((known.day, known.key_id)), known.digest));
        networks.truncate(usize::try_from(MOST_NETWORKS).unwrap_or(usize::MAX));
        networks.sort_unstable_by_key(|known| (known.digest, known.key_id));
        self.set_networks(networks);
    }

    /// As [`crate::gateway::ports::Store::forget_networks_but`] says.
    pub(super) fn forget_networks_but(&mut self, key: u32) -> u64 {
        let mut networks = self.known.history.networks.clone();
        let before = networks.len();
        networks.retain(|known| known.key_id == key);
        let gone = before.saturating_sub(networks.len());
        self.set_networks(networks);
        u64::try_from(gone).unwrap_or(u64::MAX)
    }

    fn failures(&self, what: Counted) -> Failures {
        self.known.failures_in(what).unwrap_or(Failures::NONE)
    }

    fn set_failures(&mut self, what: Counted, failures: Option<Failures>) {
        self.known.set_failures(what, failures);
        self.changes.set_failures(what, failures);
    }

    fn set_networks(&mut self, networks: Vec<KnownNetwork>) {
        if self.known.history.networks != networks {
            self.known.history.has_networks = !networks.is_empty();
            self.known.history.networks.clone_from(&networks);
            self.changes.networks = Some(networks);
        }
    }

    fn use_up(&mut self, one: &Try, now: UnixTime, floor: &Floor) -> Use {
        let Some(mark) = one.mark else { return Use::Misfit };
        match self.after(one.enrolment, one.kind, mark, now, floor) {
            Ok(progress) => {
                self.changes.set_progress(one.enrolment, progress);
                Use::Good
            }
            Err(other) => other,
        }
    }

    fn after(
        &mut self,
        id: EnrolmentId,
        kind: FactorKind,
        mark: Mark,
        now: UnixTime,
        floor: &Floor,
    ) -> Result<Progress, Use> {
        let mut enrolments = self.known.enrolments.iter_mut();
        let one = enrolments.find(|one| one.id == id).ok_or(Use::Misfit)?;
        if one.kind() != kind || kind != mark.kind() {
            return Err(Use::Misfit);
        }
        if floor.spends(mark, &one.parameters) {
            return Err(Use::Spent);
        }
        one.progress = one.progress.after(mark, now).ok_or(Use::Spent)?;
        Ok(one.progress)
    }
}

enum Use {
    /// It was good and is used up now.
    Good,
    /// It was used up before.
    Spent,
    /// It fits no enrolment, or one that was revoked meanwhile.
    Misfit,
}

/// Whether codes of a kind may be looked at: by its own row, or by that of codes from strangers, whom only a lock of
/// the kind itself stops besides.
fn is_open(of_kind: &Failures, unproven: Option<&Failures>, now: UnixTime, limits: &Limits) -> bool {
    let by_kind = allowed(of_kind, now, limits);
    unproven.map_or(by_kind == Allowed::Yes, |failures| {
        by_kind != Allowed::Locked && allowed(failures, now, &waiting(limits)) == Allowed::Yes
    })
}

/// The same limits without a lock: nobody without the password must be able to lock somebody's factor (C-004).
const fn waiting(limits: &Limits) -> Limits {
    Limits { per_day: 0, ..*limits }
}
