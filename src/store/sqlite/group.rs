//! Deeds that are decided one after the other and written together.

use crate::login::identity::Pseudonym;
use crate::login::verdict::Fault;
use crate::store::sqlite::deed::{Deed, Done};
use crate::store::sqlite::hot::{Held, Hot, about};
use crate::store::sqlite::job::{Ending, Job};
use crate::store::sqlite::journal::record::put_changes;
use crate::store::sqlite::settle::Case;

/// Some deeds.
pub(super) struct Group<'a> {
    hot: &'a Hot,
    jobs: Vec<Job>,
    /// Whom they are about; `None` for somebody unknown.
    cases: Vec<(Pseudonym, Option<(Case, u64)>)>,
}

impl<'a> Group<'a> {
    pub(super) fn of(hot: &'a Hot, jobs: Vec<Job>) -> Self {
        let cases = Vec::with_capacity(jobs.len());
        Self { hot, jobs, cases }
    }

    /// Does all of them; what may be told already. The others are told when the disk has them.
    pub(super) fn carry_out(mut self, held: &mut Held<'_>) -> Vec<Ending> {
        let jobs = std::mem::take(&mut self.jobs);
        // What somebody else wrote to the tables counts from here on.
        let ends: Vec<Result<Done, Fault>> = match self.hot.mind_tables() {
            Ok(_) => jobs.iter().map(|job| self.decide(held, job)).collect(),
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
        let at = match self.cases.iter().position(|(who, _)| *who == job.who) {
            Some(at) => at,
            None => {
                let found = self.hot.find(&job.who, doing)?;
                self.cases.push((job.who.clone(), found.map(|(known, epoch)| (Case::new(known), epoch))));
                self.cases.len().saturating_sub(1)
            }
        };
        let floor = self.hot.ledger().floor();
        match self.cases.get_mut(at) {
            Some((_, Some((case, _)))) => job.deed.run(case, &floor, &self.hot.readers),
            _ => job.deed.run_for_nobody().map_err(|fault| about(doing, &fault)),
        }
    }

    /// Writes what is new, and then it counts; `false` when nothing is.
    fn write(&self, held: &mut Held<'_>) -> Result<bool, Fault> {
        let generation = held.journal.header().generation;
        held.bytes.clear();
        for (who, case) in &self.cases {
            if let Some((case, _)) = case.as_ref().filter(|(case, _)| !case.changes.is_empty()) {
                put_changes(generation, &mut held.bytes, who, &case.changes);
            }
        }
        if held.bytes.is_empty() {
            return Ok(false);
        }
        let full = !self.hot.has_room(held);
        if let Some(fault) = self.hot.flusher.broken(full) {
            return Err(fault);
        }
        self.hot.append(held, false)?;
        let mut ledger = self.hot.ledger();
        for (who, case) in &self.cases {
            if let Some((case, epoch)) = case.as_ref().filter(|(case, _)| !case.changes.is_empty()) {
                ledger.change(who, &case.changes, Some((&case.known, *epoch)));
            }
        }
        Ok(true)
    }
}
