//! Deeds that are decided one after the other and written together.

use crate::login::identity::Pseudonym;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::deed::{Deed, Done};
use crate::store::sqlite::floor::Floor;
use crate::store::sqlite::hot::{Held, Hot, about};
use crate::store::sqlite::job::{Ending, Job};
use crate::store::sqlite::journal::record::put_changes;
use crate::store::sqlite::ledger::Copied;
use crate::store::sqlite::settle::Case;

/// Deeds for which memory is locked once.
const HANDFUL: usize = 16;

/// Some deeds.
pub(super) struct Group<'a> {
    hot: &'a Hot,
    jobs: Vec<Job>,
    /// Whom they are about.
    cases: Vec<(Pseudonym, Stand)>,
    floor: Floor,
}

/// What is known of somebody, as far as it was needed.
enum Stand {
    /// As memory had it.
    Copied(Copied),
    /// What it is now, and of when that is.
    Known(Box<Case>, u64),
    Unknown,
}

impl<'a> Group<'a> {
    pub(super) fn of(hot: &'a Hot, jobs: Vec<Job>) -> Self {
        let cases = Vec::with_capacity(jobs.len());
        Self { hot, jobs, cases, floor: Floor::default() }
    }

    /// Does all of them; what may be told already. The others are told when the disk has them.
    pub(super) fn carry_out(mut self, held: &mut Held<'_>) -> Vec<Ending> {
        let jobs = std::mem::take(&mut self.jobs);
        // What somebody else wrote to the tables counts from here on.
        let ends: Vec<Result<Done, Fault>> = match self.hot.mind_tables() {
            Ok(_) => {
                self.look(&jobs);
                jobs.iter().map(|job| self.decide(held, job)).collect()
            }
            Err(fault) => jobs.iter().map(|_| Err(fault.clone())).collect(),
        };
        let was_clean = held.journal.is_clean();
        let written = self.write(held);
        let wrote = matches!(written, Ok(true));
        // The first record behind the mark that nothing is missing takes it away, and must not be missing itself.
        let late = wrote && self.hot.flusher.note_write(&*self.hot.clock, was_clean);
        let mut told = Vec::with_capacity(jobs.len());
        for (Job { deed, reply, .. }, end) in jobs.into_iter().zip(ends) {
            let end = match (&written, end) {
                (Err(fault), _) => Err(about(deed.doing(), fault)),
                (Ok(_), end) => end,
            };
            let waits = wrote && end.as_ref().is_ok_and(|done| late || deed.waits_for_disk(*done));
            let ending = Ending { reply, end };
            if waits { self.hot.flusher.order_flush(ending) } else { told.push(ending) }
        }
        told
    }

    /// What memory has of all of them.
    fn look(&mut self, jobs: &[Job]) {
        for handful in jobs.chunks(HANDFUL) {
            let mut ledger = self.hot.ledger();
            self.floor = ledger.floor();
            for Job { who, deed, .. } in handful {
                let is_new = self.cases.iter().all(|(other, _)| other != who);
                if is_new && !matches!(deed, Deed::Probe) {
                    self.cases.push((who.clone(), Stand::Copied(ledger.look(who))));
                }
            }
        }
    }

    fn decide(&mut self, held: &Held<'_>, job: &Job) -> Result<Done, Fault> {
        let doing = job.deed.doing();
        if matches!(job.deed, Deed::Probe) {
            let full = !self.hot.has_room(held);
            return self
                .hot
                .flusher
                .broken(full)
                .map_or(Ok(Done::Nothing), |fault| Err(about(doing, &fault)));
        }
        let Some((_, stand)) = self.cases.iter_mut().find(|(who, _)| *who == job.who) else {
            return Err(Fault::new(FaultKind::Internal, format!("{doing}: nobody was looked up")));
        };
        if let Stand::Copied(copied) = stand {
            // Where that fails the next deed about the same subject tries it again.
            let found = self.hot.found(&job.who, copied.read(), doing)?;
            *stand = found
                .map_or(Stand::Unknown, |(known, epoch)| Stand::Known(Box::new(Case::new(known)), epoch));
        }
        match stand {
            Stand::Known(case, _) => job.deed.run(case, &self.floor, &self.hot.readers),
            Stand::Copied(_) | Stand::Unknown => {
                job.deed.run_for_nobody().map_err(|fault| about(doing, &fault))
            }
        }
    }

    /// Writes what is new, and then it counts; `false` when nothing is.
    fn write(&self, held: &mut Held<'_>) -> Result<bool, Fault> {
        let generation = held.journal.header().generation;
        held.bytes.clear();
        for (who, case, _) in self.changed() {
            put_changes(generation, &mut held.bytes, who, &case.changes);
        }
        if held.bytes.is_empty() {
            return Ok(false);
        }
        let full = !self.hot.has_room(held);
        if let Some(fault) = self.hot.flusher.broken(full) {
            return Err(fault);
        }
        self.hot.append(held, false)?;
        let packed: Vec<_> =
            self.changed().map(|(who, case, epoch)| (who, case, epoch, case.known.packed())).collect();
        for handful in packed.chunks(HANDFUL) {
            let mut ledger = self.hot.ledger();
            for (who, case, epoch, packed) in handful {
                ledger.change(who, &case.changes, Some((packed, *epoch)));
            }
        }
        Ok(true)
    }

    /// Those of whom something is new.
    fn changed(&self) -> impl Iterator<Item = (&Pseudonym, &Case, u64)> {
        self.cases.iter().filter_map(|(who, stand)| match stand {
            Stand::Known(case, epoch) if !case.changes.is_empty() => Some((who, &**case, *epoch)),
            Stand::Known(..) | Stand::Copied(_) | Stand::Unknown => None,
        })
    }
}
