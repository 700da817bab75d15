//! A login whose second factor nobody can check, since the store is away or a key is missing: it ends as "could not find
//! out", unless a fault mode says otherwise for a limited time.
//!
//! The rules decide first, with what is not known of the past and of what is enrolled as unknown, and the first credential
//! is verified whatever a mode says. A login under a mode writes nothing to the store. Of somebody whose record cannot be
//! had the gateway says what it knew last: when he may log in, his locks, waits and failures. They hold here as ever.

use std::sync::Arc;

use crate::base::clock::{Now, UnixTime};
use crate::login::factor::FactorKinds;
use crate::login::flow::second::Left;
use crate::login::flow::stage::Stage;
use crate::login::flow::{Flow, reject, unable};
use crate::login::policy::fault::{FaultMode, FaultRule};
use crate::login::policy::{Clause, Clauses, Demand, Input};
use crate::login::step::{Record, Step, Work};
use crate::login::verdict::{Basis, Fault, FaultKind, Reason};

/// What cannot be checked in this login, and which fault mode holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faulty {
    /// Which of the policy's.
    number: usize,
    /// How the login ends where the mode does not help.
    kind: FaultKind,
    away: Away,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Away {
    /// The record; what stands in its place is what was known last.
    Record,
    /// Factors of these kinds.
    Factors {
        kinds: FactorKinds,
        /// Others that would do could be checked: whoever chooses what cannot be gains nothing by that.
        others: bool,
    },
}

impl Flow {
    /// Whether what was known of the subject last stands in for its record, so that failures are counted in memory.
    #[must_use]
    pub fn is_without_store(&self) -> bool {
        self.faulty.is_some_and(|faulty| faulty.away == Away::Record)
    }

    /// The kinds of factors that would meet something that is still demanded, whatever was typed.
    #[must_use]
    pub fn wanted_kinds(&self) -> FactorKinds {
        match self.decision.as_ref().map(|decision| &decision.demand) {
            Some(Demand::Show(clauses)) => self.wanted(&self.open(clauses)),
            Some(Demand::Refuse(_)) | None => FactorKinds::NONE,
        }
    }

    /// Name of the fault mode that holds.
    pub(super) fn fault_mode(&self) -> Option<Arc<str>> {
        self.fault_rule().map(|rule| rule.name.clone())
    }

    /// When it ends.
    pub(super) fn fault_ends(&self) -> Option<UnixTime> {
        self.fault_rule()?.valid.until
    }

    fn fault_rule(&self) -> Option<&FaultRule> {
        self.policy.faults.get(self.faulty?.number)
    }

    /// The store cannot be written, or must not be relied on: what a right password ends in it stays.
    pub(super) fn must_not_write(&self) -> bool {
        self.faulty.is_some() && !self.is_without_store()
    }

    /// Looks for the fault mode that holds: the first that fits.
    fn take_up(&mut self, kind: FaultKind, away: Away, now: Now) -> bool {
        let facts = self.facts(now);
        let number = self.policy.faults.iter().position(|rule| rule.fits(&facts));
        self.faulty = number.map(|number| Faulty { number, kind, away });
        self.faulty.is_some()
    }

    /// The record cannot be had: what to do, if there is a fault mode.
    pub(super) fn recall_without_store(&mut self, kind: FaultKind, now: Now) -> Option<Step> {
        // A new password is chosen only by who has shown a factor that still counts.
        if kind != FaultKind::StoreUnavailable || self.change.is_some() {
            return None;
        }
        let who = self.subject.as_ref()?.pseudonym.clone();
        (self.past, self.enrolled) = (Input::Unknown, Input::Unknown);
        if !self.take_up(kind, Away::Record, now) {
            return None;
        }
        self.stage = Stage::Remembering;
        Some(Step::Do(Work::Remember { who, exempt: self.exempt }))
    }

    /// Goes on with what was known of the subject last.
    pub(super) fn remembered(&mut self, known: Option<Box<Record>>, now: Now) -> Step {
        let Some(record) = known else {
            return unable(self.faulty.map_or(FaultKind::Internal, |faulty| faulty.kind));
        };
        self.record = *record;
        self.read_code();
        self.judged(now)
    }

    /// The record was recalled after all.
    pub(super) fn store_is_back(&mut self) {
        self.faulty = self.faulty.filter(|faulty| faulty.away != Away::Record);
    }

    /// The code could not be checked.
    pub(super) fn not_checked(&mut self, fault: &Fault, now: Now) -> Step {
        let before = match self.faulty.map(|faulty| faulty.away) {
            Some(Away::Factors { kinds, .. }) => kinds,
            Some(Away::Record) | None => FactorKinds::NONE,
        };
        let away = Away::Factors { kinds: self.checking.or(before), others: fault.was_asked() };
        let is_away = matches!(fault.kind, FaultKind::StoreUnavailable | FaultKind::KeyMissing);
        // A code that was held against nothing says nothing.
        if !is_away || self.checking.is_empty() || !self.take_up(fault.kind, away, now) {
            return unable(fault.kind);
        }
        self.go_on(now)
    }

    /// As [`Flow::factors`], under the fault mode: why what was shown is enough, or what is to be done.
    pub(super) fn factors_in_fault(&mut self, faulty: Faulty, now: Now) -> Result<Basis, Step> {
        let no_help = || unable(faulty.kind);
        // It may have ended while an answer was waited for.
        let rule = self.fault_rule().filter(|rule| rule.fits(&self.facts(now)));
        let then = rule.map(|rule| rule.then.clone()).ok_or_else(no_help)?;
        if let FaultMode::Use { kinds, prompt } = then {
            let Away::Factors { kinds: gone, .. } = faulty.away else { return Err(no_help()) };
            return self.stand_in(faulty.kind, gone, kinds, prompt, now);
        }
        let left = self.left(now)?;
        let is_safe = !matches!(faulty.away, Away::Factors { others: true, .. });
        let open = match left {
            Left::Nothing(basis @ (Basis::RuleAsksNone | Basis::Exempt)) => return Ok(basis),
            // Whether he has no factor yet cannot be told.
            Left::Nothing(Basis::Grace) if then == FaultMode::FirstFactorOnly => Clauses::NONE,
            Left::Nothing(_) => return Err(no_help()),
            Left::Open(open) => open,
        };
        self.none_is_locked(&open, now)?;
        match then {
            FaultMode::FirstFactorOnly if is_safe => Ok(Basis::FaultFirstFactor),
            FaultMode::RecentConfirmation(within) if is_safe => {
                let within = within.min(Self::LONGEST_MEMORY);
                let recent = self.record.recent.filter(|before| before.age <= within);
                let wanted = self.wanted(&open);
                let kind = recent.and_then(|before| self.meets_all(before, &open, wanted, now));
                let kind = kind.ok_or_else(no_help)?;
                self.factor = Some(kind);
                Ok(Basis::FaultRecent(kind))
            }
            FaultMode::FirstFactorOnly | FaultMode::RecentConfirmation(_) | FaultMode::Use { .. } => {
                Err(no_help())
            }
        }
    }

    /// Another factor in place of those of the kinds in `gone`. What is demanded beside them may not stand in for them:
    /// two things that must be shown stay two.
    fn stand_in(
        &mut self,
        kind: FaultKind,
        gone: FactorKinds,
        others: FactorKinds,
        prompt: Option<Arc<str>>,
        now: Now,
    ) -> Result<Basis, Step> {
        let clauses = match self.decision.as_ref().map(|decision| &decision.demand) {
            Some(Demand::Show(clauses)) => clauses.clone(),
            Some(Demand::Refuse(_)) => return Err(reject(Reason::RefusedByRule)),
            None => return Err(unable(FaultKind::Internal)),
        };
        let is_hit = |clause: &Clause| !clause.kinds.and(gone).is_empty();
        let apart = clauses.iter().filter(|clause| !is_hit(clause));
        let apart = apart.fold(FactorKinds::NONE, |all, clause| all.or(clause.kinds));
        let others = others.without(gone).without(apart);
        let widened = |clause: &Clause| match is_hit(clause) {
            true => Clause { kinds: clause.kinds.without(gone).or(others), ..*clause },
            false => *clause,
        };
        let widened: Clauses = clauses.iter().map(widened).collect();
        let open = self.open(&widened);
        if open.is_empty() {
            let last = self.shown_last.ok_or_else(|| unable(FaultKind::Internal))?;
            return Ok(Basis::FaultFactor(last));
        }
        let hit: Clauses = clauses.iter().chain(open.iter()).copied().collect();
        self.none_is_locked(&hit, now)?;
        let can_be = |clause: &Clause| self.wanted(std::slice::from_ref(clause));
        if open.iter().any(|clause| can_be(clause).is_empty()) {
            return Err(unable(kind));
        }
        if self.typed.is_some() {
            return Err(self.check(self.wanted(&open)));
        }
        if !self.can_be_asked() {
            return Err(unable(kind));
        }
        Err(match prompt {
            Some(prompt) => self.ask_this(prompt, now),
            None => self.ask(now),
        })
    }

    /// No factor that would do is locked or waits: whoever has guessed at one gains nothing by a fault.
    fn none_is_locked(&self, open: &[Clause], now: Now) -> Result<(), Step> {
        let mut wanted = self.wanted(open).iter();
        if wanted.any(|kind| self.is_locked(kind, now)) { Err(reject(Reason::FactorLocked)) } else { Ok(()) }
    }
}
