//! What logins ask the store: answered at once, from memory as a rule, unless another process has written something.

use crate::gateway::ports::{Moment, Soon, SubjectDigest};
use crate::login::identity::Pseudonym;
use crate::login::step::Record;
use crate::login::verdict::Fault;
use crate::store::sqlite::hot::{Hot, about};
use crate::store::sqlite::journal::trouble;
use crate::store::sqlite::rows;

impl Hot {
    /// What is known of a subject, by all that was written anywhere before `since`.
    pub(super) fn recall<'a>(&'a self, who: &'a Pseudonym, since: Moment) -> Soon<'a, Result<Record, Fault>> {
        let doing = "cannot read what is known about a subject";
        self.once_caught_up(doing, since, move || {
            let known = self.find(who, doing)?;
            Ok(known.map(|(known, _)| known.into_record()).unwrap_or_default())
        })
    }

    /// Whose digest it is, likewise.
    pub(super) fn pseudonym<'a>(
        &'a self,
        digest: &'a SubjectDigest,
        since: Moment,
    ) -> Soon<'a, Result<Option<Pseudonym>, Fault>> {
        let doing = "cannot look a subject up";
        self.once_caught_up(doing, since, move || {
            let known = self.ledger().find(digest);
            known.and_then(|known| Pseudonym::new(&known)).map_or_else(
                || self.readers.read(doing, |db| rows::pseudonym_of(db, digest)),
                |known| Ok(Some(known)),
            )
        })
    }

    /// Reads when all that other processes wrote has been read; at once, as nearly always, where they wrote nothing.
    fn once_caught_up<'a, T: 'a>(
        &'a self,
        doing: &'static str,
        since: Moment,
        read: impl FnOnce() -> Result<T, Fault> + Send + 'a,
    ) -> Soon<'a, Result<T, Fault>> {
        if self.seen.has_looked(since) {
            return Soon::Now(read());
        }
        let look = self.seen.begin_look();
        if self.has_caught_up().is_ok_and(|is_there| is_there) {
            match self.mind_tables() {
                Ok(true) => self.seen.end_look(look),
                // What memory had of them is forgotten.
                Ok(false) => {}
                Err(fault) => return Soon::Now(Err(about(doing, &fault))),
            }
            return Soon::Now(read());
        }
        Soon::later(async move {
            let caught_up = self.catch_up().await.and_then(|()| self.mind_tables());
            caught_up.map_err(|fault| about(doing, &fault))?;
            read()
        })
    }

    pub(super) fn has_caught_up(&self) -> Result<bool, Fault> {
        self.seen.knows_journal().map_err(|why| trouble(&why))
    }
}
