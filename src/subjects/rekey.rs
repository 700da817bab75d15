//! Seals everything anew under the newest key, so that old keys can be thrown away (F-018).
//!
//! What is under the newest key already is passed over, so it may be stopped and begun again at any time,
//! and run while logins go on.

use std::sync::Arc;

use crate::base::clock::Clock;
use crate::gateway::ports::sessions::Sessions;
use crate::gateway::ports::{Audit, Place, Store, SubjectRow, Vault};
use crate::login::identity::Pseudonym;
use crate::login::verdict::{Fault, FaultKind};
use crate::subjects::act::{Act, Acts};
use crate::subjects::pseudonym::read_identity;

/// Seals everything anew.
pub struct Rekeying {
    store: Arc<dyn Store>,
    sessions: Arc<dyn Sessions>,
    vault: Arc<dyn Vault>,
    acts: Acts,
}

/// What becomes of the key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChange {
    /// It gets a key more.
    Added,
    /// It keeps the newest alone.
    Dropped,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Subjects looked at.
    pub subjects: u64,
    /// Digests, identities, seeds and what open sessions are known by that were sealed anew.
    pub renewed: u64,
    /// Somebody changed them at the same moment; a second run finds them again if need be.
    pub busy: u64,
    /// They do not open with any key we have, and stay as they are.
    pub lost: u64,
    /// The last subject that was looked at: where to go on after a stop.
    pub reached: Option<Pseudonym>,
}

impl Report {
    /// Whether no old key is needed any more.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.busy == 0 && self.lost == 0
    }
}

enum Done {
    Already,
    Renewed,
    Busy,
    Lost,
}

impl Rekeying {
    /// Reads and writes `store` and `sessions`, with the keys of `vault`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        sessions: Arc<dyn Sessions>,
        vault: Arc<dyn Vault>,
        clock: Arc<dyn Clock>,
        audit: Arc<dyn Audit>,
    ) -> Self {
        Self { store, sessions, vault, acts: Acts { audit, clock } }
    }

    /// Goes through all subjects after `after`, `page` at a time, and calls `progress` after each page.
    ///
    /// Being complete says that every subject that was looked at needs the newest key alone: for those
    /// before `after` an earlier report has said so.
    ///
    /// # Errors
    ///
    /// A fault of store or audit; `progress` has told how far it came.
    pub async fn run(
        &self,
        after: Option<Pseudonym>,
        page: usize,
        progress: impl FnMut(&Report),
    ) -> Result<Report, Fault> {
        let act = Act::of("admin.rekey", None);
        let word = |report: &Report| if report.is_complete() { "complete" } else { "incomplete" };
        self.acts.carry_out(act, self.pages(after, page.max(1), progress), word).await
    }

    /// Changes the key file, which is what `deed` does, and records it.
    ///
    /// # Errors
    ///
    /// A fault of the audit, or that of the deed.
    pub async fn change(
        &self,
        what: KeyChange,
        deed: impl Future<Output = Result<(), Fault>>,
    ) -> Result<(), Fault> {
        let (event, word) = match what {
            KeyChange::Added => ("admin.key-add", "added"),
            KeyChange::Dropped => ("admin.key-drop", "dropped"),
        };
        self.acts.carry_out(Act::of(event, None), deed, |()| word).await
    }

    async fn pages(
        &self,
        after: Option<Pseudonym>,
        page: usize,
        mut progress: impl FnMut(&Report),
    ) -> Result<Report, Fault> {
        let mut report = Report { reached: after, ..Report::default() };
        loop {
            let rows = self.store.subjects(report.reached.as_ref(), page).await?;
            if rows.is_empty() {
                return Ok(report);
            }
            for row in rows {
                self.enrolments(&row.pseudonym, &mut report).await?;
                self.open_sessions(&row.pseudonym, &mut report).await?;
                let done = self.identity(&row).await?;
                count(&mut report, &done);
                self.networks(&row.pseudonym).await?;
                report.subjects = report.subjects.saturating_add(1);
                report.reached = Some(row.pseudonym);
            }
            progress(&report);
        }
    }

    async fn identity(&self, row: &SubjectRow) -> Result<Done, Fault> {
        let newest = self.vault.newest_key();
        if row.digest.key_id == newest && row.identity.key_id == newest {
            return Ok(Done::Already);
        }
        let place = Place::Identity(&row.pseudonym);
        let Some(identity) = known(self.vault.open(place, &row.identity))? else { return Ok(Done::Lost) };
        let person = read_identity(&identity)?;
        let digests = self.vault.digests(&person.directory, &person.id);
        let Some(digest) = digests.first() else { return Ok(Done::Lost) };
        let sealed = self.vault.seal(place, &identity)?;
        renewed(self.store.rekey_subject(row, *digest, sealed).await?)
    }

    /// Nothing leads back from a digest to the network, so it cannot be made anew and goes: the place is a new one until
    /// somebody is let in from there again, which is the stricter of the two. The subject's own digest has the newest
    /// key by now, so the store takes no network of an older one any more.
    async fn networks(&self, who: &Pseudonym) -> Result<(), Fault> {
        let newest = self.vault.newest_key();
        let known = self.store.recall(who).await?.history.networks;
        if known.iter().any(|network| network.key_id != newest) {
            self.store.forget_networks_but(who, newest).await?;
        }
        Ok(())
    }

    async fn enrolments(&self, who: &Pseudonym, report: &mut Report) -> Result<(), Fault> {
        for enrolment in self.store.recall(who).await?.enrolments {
            if enrolment.sealed.key_id == self.vault.newest_key() {
                continue;
            }
            let place = Place::Seed(enrolment.id);
            let done = match known(self.vault.open(place, &enrolment.sealed))? {
                Some(seed) => {
                    let sealed = self.vault.seal(place, &seed)?;
                    renewed(self.store.rekey_enrolment(enrolment.id, &enrolment.sealed, sealed).await?)?
                }
                None => Done::Lost,
            };
            count(report, &done);
        }
        Ok(())
    }
}

impl Rekeying {
    async fn open_sessions(&self, who: &Pseudonym, report: &mut Report) -> Result<(), Fault> {
        for session in self.sessions.sessions_of(who).await? {
            if session.marks.key_id == self.vault.newest_key() {
                continue;
            }
            let place = session.key.place();
            let done = match known(self.vault.open(Place::Session(&place), &session.marks))? {
                Some(marks) => {
                    let sealed = self.vault.seal(Place::Session(&place), &marks)?;
                    renewed(self.sessions.rekey_session(&session.key, &session.marks, sealed).await?)?
                }
                None => Done::Lost,
            };
            count(report, &done);
        }
        Ok(())
    }
}

const fn count(report: &mut Report, done: &Done) {
    match done {
        Done::Already => {}
        Done::Renewed => report.renewed = report.renewed.saturating_add(1),
        Done::Busy => report.busy = report.busy.saturating_add(1),
        Done::Lost => report.lost = report.lost.saturating_add(1),
    }
}

const fn renewed(yes: bool) -> Result<Done, Fault> {
    Ok(if yes { Done::Renewed } else { Done::Busy })
}

/// One record whose key is gone must not keep all others under the old key.
fn known<T>(opened: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match opened {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.kind == FaultKind::KeyMissing => Ok(None),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
