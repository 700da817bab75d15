//! What is known of a subject, from the store; and, where a fault mode holds because that is away, from memory.

use crate::base::clock::Now;
use crate::gateway::drive::work::{Held, Job, network_of};
use crate::gateway::drive::{Gateway, Live};
use crate::gateway::ports::{Counted, Soon, SubjectDigest, WrongPassword};
use crate::gateway::remember::Memory;
use crate::gateway::turns::{Room, Turn, Way};
use crate::login::flow::{Flow, Forgiven};
use crate::login::identity::Pseudonym;
use crate::login::step::{History, KnownNetwork, Outcome, Record};
use crate::login::throttle::day_of;
use crate::login::verdict::{Fault, FaultKind};

/// How many subjects the store is asked about again each second. It answers each in some twenty microseconds, and everybody
/// of whom something is remembered has his turn within seven minutes.
const LOOKED_AT: usize = 128;

impl Gateway {
    /// Takes the turn and loads what is known. A login that repeats what was confirmed before takes nothing from the
    /// rate of its subject, or an application that binds on every page would keep its user out elsewhere; nor does one
    /// from a familiar place, or whoever guesses elsewhere would (D-108).
    ///
    /// The turn is kept also when the store is away: what is counted in memory then must not be run past either.
    pub(super) fn recall<'a>(
        &'a self,
        (who, exempt): (&'a Pseudonym, bool),
        job: Job<'a>,
        held: &'a mut Held,
    ) -> Soon<'a, Outcome> {
        let Job { flow, live, now, since, .. } = job;
        let way = if exempt { Way::Beside } else { Way::Alone };
        if held.turn.is_none() {
            let at_once = live.admission.subject_at_once();
            let room = Room { free: flow.bounds().side_by_side(), at_once };
            match self.turns.take(who, way, room) {
                Soon::Now(Ok(turn)) => held.turn = Some(turn),
                Soon::Now(Err(fault)) => return Soon::Now(Outcome::Record(Err(fault))),
                Soon::Later(turn) => {
                    return Soon::later(async move {
                        match turn.await {
                            Ok(turn) => held.turn = Some(turn),
                            Err(fault) => return Outcome::Record(Err(fault)),
                        }
                        Outcome::Record(self.recall_in_turn(who, exempt, flow, live, held).await)
                    });
                }
            }
        }
        if !self.memory.may_owe()
            && let Soon::Now(Ok(record)) = self.parts.store.recall_since(who, since)
            && !has_failed(&record)
        {
            let record = self.known(who, exempt, flow, live, (Box::new(record), now), held);
            return Soon::Now(Outcome::Record(Ok(record)));
        }
        Soon::later(async move { Outcome::Record(self.recall_in_turn(who, exempt, flow, live, held).await) })
    }

    async fn recall_in_turn(
        &self,
        who: &Pseudonym,
        exempt: bool,
        flow: &Flow,
        live: &Live,
        held: &mut Held,
    ) -> Result<Box<Record>, Fault> {
        let mut record = Box::new(self.ask_store(who).await?);
        if has_failed(&record) && self.leave_company(&mut held.turn).await? {
            *record = self.ask_store(who).await?;
        }
        Ok(self.known(who, exempt, flow, live, (record, self.parts.clock.now()), held))
    }

    /// The record with what the store does not know.
    fn known(
        &self,
        who: &Pseudonym,
        exempt: bool,
        flow: &Flow,
        live: &Live,
        (mut record, now): (Box<Record>, Now),
        held: &mut Held,
    ) -> Box<Record> {
        let steady = now.steady;
        held.state = self.memory.keep_record(flow, &record, steady);
        let known = self.memory.recall(flow, &record.enrolments, steady);
        record.remembered = known.factor;
        record.spent = known.spent;
        record.familiar = known.password;
        record.before = self.memory.recall_place(flow, &record, steady);
        let repeats = known.factor.is_some() || known.spent;
        held.here = self.complete((who, exempt || repeats), (flow, live, now), &mut record);
        record
    }

    /// What was known of the subject last. Nothing counts again without a code but what the fault mode says.
    pub(super) async fn remembered(
        &self,
        who: &Pseudonym,
        exempt: bool,
        flow: &Flow,
        live: &Live,
        held: &mut Held,
    ) -> Option<Box<Record>> {
        held.state = None;
        let last_known = || self.memory.last_known(who, self.parts.clock.now().steady);
        let mut record = Box::new(last_known()?);
        if has_failed(&record) && self.leave_company(&mut held.turn).await.ok()? {
            *record = last_known()?;
        }
        let now = self.parts.clock.now();
        record.familiar = self.memory.recall(flow, &record.enrolments, now.steady).password;
        held.here = self.complete((who, exempt), (flow, live, now), &mut record);
        Some(record)
    }

    /// Asks the store again about a few of those whom a fault mode may let in: what an administrator has taken away must not
    /// count because its owner did not log in since. To be called about once a second.
    pub async fn look_again(&self) {
        for then in self.memory.next_known(LOOKED_AT) {
            // Where it is away, what is known is all there is.
            let Ok(record) = self.parts.store.recall(&then.who).await else { return };
            self.memory.renew(&then, &record, self.parts.clock.now().steady);
        }
    }

    /// Gives back a turn that others may have beside it, since they may use up what is still free, and waits until it is
    /// to be had alone; `false` when it is.
    async fn leave_company(&self, turn: &mut Option<Turn>) -> Result<bool, Fault> {
        let Some(held) = turn.take_if(|held| held.has_company()) else { return Ok(false) };
        *turn = Some(held.alone().await?);
        Ok(true)
    }

    /// What the store knows, after it has heard of what was counted without it.
    async fn ask_store(&self, who: &Pseudonym) -> Result<Record, Fault> {
        let store = &self.parts.store;
        let now = || self.parts.clock.now().steady;
        for owed in self.memory.owed(who, now()) {
            match store.count_wrong_password(who, owed.at, &owed.how).await {
                Ok(()) => self.memory.settled(who, &owed, now()),
                Err(fault) if is_unheard(&fault) => return Err(fault),
                // It does not know the subject any more.
                Err(_) => self.memory.settled(who, &owed, now()),
            }
        }
        store.recall(who).await
    }

    /// Where the login comes from and how often there was one, as far as that does not stand in the store. The newest digest
    /// of its network, where that had to be made.
    fn complete(
        &self,
        (who, is_unmeasured): (&Pseudonym, bool),
        (flow, live, now): (&Flow, &Live, Now),
        record: &mut Record,
    ) -> Option<SubjectDigest> {
        if !live.policy.faults.is_empty() {
            record.recent = self.memory.recall_recent(flow, record, now.steady);
        }
        let here = self.place(who, (flow, live, now), &mut record.history);
        let is_unmeasured = is_unmeasured || record.history.familiar;
        record.over_rate = !is_unmeasured && !live.admission.subject_may(who, now.steady);
        here
    }

    /// Which of the networks that the subject was let in from are still familiar, and whether this login comes from one of
    /// them.
    fn place(
        &self,
        who: &Pseudonym,
        (flow, live, now): (&Flow, &Live, Now),
        history: &mut History,
    ) -> Option<SubjectDigest> {
        let today = day_of(now.unix);
        history.networks.retain(|network| network.is_fresh(today, live.limits.remember_networks));
        history.has_networks = !history.networks.is_empty();
        let user = flow.attempt().origin.user.filter(|_| history.has_networks)?;
        let here = self.parts.vault.network_digests(who, network_of(user));
        let is_here = |network: &&KnownNetwork| {
            here.iter().any(|here| (here.key_id, here.digest) == (network.key_id, network.digest))
        };
        let last = history.networks.iter().filter(is_here).map(|network| network.day).max();
        history.familiar = last.is_some();
        history.noted = last.is_some_and(|day| day >= today);
        here.first().copied()
    }

    /// One more wrong password. Where the store cannot hear of it now, it does before it is asked about its subject again:
    /// whatever cannot be counted, nobody is asked about.
    pub(super) async fn count_wrong_password(
        &self,
        who: &Pseudonym,
        flow: &Flow,
        live: &Live,
    ) -> Result<(), Fault> {
        let how = WrongPassword {
            familiar: flow.whence().familiar,
            limits: live.limits.password,
            directory_window: flow.bounds().window,
        };
        let now = self.parts.clock.now();
        let mut guess = Guess { memory: &self.memory, who, flow, now, how, is_owed: true };
        if flow.is_without_store() {
            return Ok(());
        }
        let counted = self.parts.store.count_wrong_password(who, now.unix, &how).await;
        guess.is_owed = counted.as_ref().is_err_and(is_unheard);
        counted
    }

    /// A right password ends what it ends.
    pub(super) async fn forgive(&self, who: &Pseudonym, flow: &Flow) -> Result<(), Fault> {
        let forgiven @ Forgiven { familiar, directory } = flow.forgiven();
        if !flow.is_without_store() {
            let own = if familiar { Counted::FamiliarPassword } else { Counted::Password };
            self.parts.store.forget_failures(who, own, false).await?;
            if directory {
                self.parts.store.forget_failures(who, Counted::Directory, false).await?;
            }
        }
        self.memory.forgive(who, forgiven, self.parts.clock.now().steady);
        Ok(())
    }
}

/// A wrong password that is being counted. It counts in memory as soon as this ends, also where the time of the login ends
/// first: then the store may have heard of it all the same, and once too often is better than never.
struct Guess<'a> {
    memory: &'a Memory,
    who: &'a Pseudonym,
    flow: &'a Flow,
    now: Now,
    how: WrongPassword,
    /// The store is still to hear of it.
    is_owed: bool,
}

impl Drop for Guess<'_> {
    fn drop(&mut self) {
        self.memory.count_wrong_password(self.who, &self.how, self.is_owed, self.flow, self.now);
    }
}

/// Whether the store may hear of it another time.
const fn is_unheard(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::StoreUnavailable | FaultKind::Overloaded)
}

fn has_failed(record: &Record) -> bool {
    let rows = [record.password, record.familiar_password, record.directory];
    rows.iter().flatten().any(|failures| failures.row > 0)
}
