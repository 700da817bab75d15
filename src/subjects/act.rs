//! What an administrator does is written down before and after: an act that cannot be recorded does not
//! happen (D-117).

use std::sync::Arc;

use crate::base::clock::Clock;
use crate::gateway::ports::{Audit, AuditRecord};
use crate::login::factor::FactorKind;
use crate::login::identity::Pseudonym;
use crate::login::policy::Validity;
use crate::login::verdict::Fault;

/// Writes the records of administrative acts.
#[derive(Clone)]
pub(super) struct Acts {
    pub(super) audit: Arc<dyn Audit>,
    pub(super) clock: Arc<dyn Clock>,
}

/// One act.
#[derive(Clone, Copy)]
pub(super) struct Act<'a> {
    /// `admin.…`
    pub(super) event: &'static str,
    pub(super) who: Option<&'a Pseudonym>,
    pub(super) factor: Option<FactorKind>,
    /// From when and until when somebody may log in from now on.
    pub(super) valid: Option<Validity>,
}

impl<'a> Act<'a> {
    /// An act upon a subject, or upon none, of which nothing else is to be told.
    pub(super) const fn of(event: &'static str, who: Option<&'a Pseudonym>) -> Self {
        Self { event, who, factor: None, valid: None }
    }
}

impl Acts {
    /// Records that the act is asked for, does it, and records how it ended: `done` with the fixed word that
    /// `word` gives, or `unable` with the kind of fault.
    pub(super) async fn carry_out<T>(
        &self,
        act: Act<'_>,
        deed: impl Future<Output = Result<T, Fault>>,
        word: impl FnOnce(&T) -> &'static str,
    ) -> Result<T, Fault> {
        self.record(act, "asked", "done", "asked")?;
        match deed.await {
            Ok(value) => {
                self.record(act, "ended", "done", word(&value))?;
                Ok(value)
            }
            Err(fault) => {
                // The act's own fault says more than a second one of the audit would.
                let _ = self.record(act, "ended", "unable", fault.kind.code());
                Err(fault)
            }
        }
    }

    fn record(
        &self,
        act: Act<'_>,
        stage: &'static str,
        outcome: &'static str,
        reason: &'static str,
    ) -> Result<(), Fault> {
        self.audit.record(&AuditRecord {
            pseudonym: act.who.cloned(),
            factor: act.factor,
            valid: act.valid,
            ..AuditRecord::bare(self.clock.now().unix, act.event, stage, outcome, reason)
        })
    }
}
