//! What logins ask the store: answered at once, from memory as a rule, unless another process has written something.

use crate::gateway::ports::{Soon, SubjectDigest};
use crate::login::identity::Pseudonym;
use crate::login::step::Record;
use crate::login::verdict::Fault;
use crate::store::sqlite::hot::{Hot, about, lock};
use crate::store::sqlite::journal::trouble;
use crate::store::sqlite::rows;

impl Hot {
    /// What is known of a subject, by all that was written anywhere before this was called.
    pub(super) fn recall<'a>(&'a self, who: &'a Pseudonym) -> Soon<'a, Result<Record, Fault>> {
        let doing = "cannot read what is known about a subject";
        self.once_caught_up(doing, move || self.told_of(who, doing))
    }

    fn told_of(&self, who: &Pseudonym, doing: &str) -> Result<Record, Fault> {
        self.mind_tables().map_err(|fault| about(doing, &fault))?;
        let known = self.find(who, doing)?;
        Ok(known.map(|(known, _)| known.into_record()).unwrap_or_default())
    }

    /// Whose digest it is, likewise.
    pub(super) fn pseudonym<'a>(
        &'a self,
        digest: &'a SubjectDigest,
    ) -> Soon<'a, Result<Option<Pseudonym>, Fault>> {
        let doing = "cannot look a subject up";
        self.once_caught_up(doing, move || {
            let known = lock(&self.ledger).find(digest);
            known.map_or_else(
                || self.readers.read(doing, |db| rows::pseudonym_of(db, digest)),
                |known| Ok(Some(known)),
            )
        })
    }

    /// Reads when all that other processes wrote has been read; at once, as nearly always, where they wrote nothing.
    fn once_caught_up<'a, T: 'a>(
        &'a self,
        doing: &'static str,
        read: impl FnOnce() -> Result<T, Fault> + Send + 'a,
    ) -> Soon<'a, Result<T, Fault>> {
        if self.has_caught_up().is_ok_and(|is_there| is_there) {
            return Soon::Now(read());
        }
        Soon::later(async move {
            self.catch_up().await.map_err(|fault| about(doing, &fault))?;
            read()
        })
    }

    pub(super) fn has_caught_up(&self) -> Result<bool, Fault> {
        lock(&self.ledger).knows_journal().map_err(|why| trouble(&why))
    }
}
