//! Brings what logins wrote into the tables, and leaves behind what is in them of the journal.
//!
//! It is done in portions, each a transaction of its own, so that whoever else writes has his turn in between. All of
//! whom something is not in the tables are written in the order of their keys: each page of the tables once, however many
//! have logged in. Of each everything is written that is known by then. So when all are written, the tables have at least
//! what stood in the journal at the beginning, and what came since is copied into a new one. If it ends in between, the
//! next one begins anew and writes some of it twice, which is as good as once.
//!
//! The order is that of the whole store: SQLite's write lock first, the journal's second. Logins go on meanwhile: the
//! journal is locked only to see where it ends, and to copy the little that came while the rest was copied.

use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::base::clock::UnixTime;
use crate::login::identity::Pseudonym;
use crate::login::verdict::Fault;
use crate::store::sqlite::changes::Changes;
use crate::store::sqlite::fault::fault;
use crate::store::sqlite::hot::Hot;
use crate::store::sqlite::journal::held as held_elsewhere;
use crate::store::sqlite::journal::record::{Record, START};
use crate::store::sqlite::ledger::Ledger;
use crate::store::sqlite::names::Names;

const DOING: &str = "cannot fold what logins wrote into the tables";
/// Portions of memory that are asked in one step whom they have: a sixteenth of it. To name all at once and to put them in
/// order would take a core for a fifth of a second where there are a million.
const NAMED: usize = Ledger::PORTIONS / 16;
/// Subjects in one transaction.
const PORTION: usize = 2048;
/// Subjects that are looked up while memory is locked once.
const HANDFUL: usize = 4;
/// What comes while the journal is copied is copied as well before logins are made to wait, as long as it is more than this.
const LITTLE: u64 = 16 << 10;
/// But not more often than this.
const ROUNDS: usize = 8;
/// The longest pause between two portions.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A fold that has begun.
#[derive(Debug)]
pub(super) struct Fold {
    /// Which journal is folded, and up to where; `None` when there is none any more and another one is to be made.
    journal: Option<(u64, u64)>,
    /// Nothing comes at the moment: the new journal says that nothing of it can be lost.
    idle: bool,
    names: Names,
    /// So many portions of memory have named whom they have.
    named: usize,
    newest: Option<UnixTime>,
}

/// How far a fold has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    More,
    /// The tables have all of it, and the journal is to be cut.
    Written,
    Done,
}

impl Fold {
    /// Begins to fold all there is; `None` when that is nothing. With `idle` the journal ends with a mark that nothing of it
    /// can be lost.
    pub(super) fn begin(hot: &Hot, idle: bool) -> Result<Option<Self>, Fault> {
        let anew = hot.flusher.take_anew();
        let held = match hot.hold() {
            Ok(held) => Some(held),
            // One that somebody else holds is in use.
            Err(fault) if anew && fault != held_elsewhere() => None,
            Err(fault) => return Err(fault),
        };
        let is_folded = hot.unfolded() == 0;
        let journal = match &held {
            Some(held) if is_folded && held.journal.is_blank() && (!idle || held.journal.is_clean()) => {
                return Ok(None);
            }
            Some(held) => Some((held.journal.header().generation, held.journal.end())),
            None => None,
        };
        drop(held);
        hot.drain();
        Ok(Some(Self { journal, idle, names: Names::default(), named: 0, newest: None }))
    }

    /// One portion. After an error this fold has ended, and what it did not write is for the next one.
    pub(super) fn step(&mut self, connection: &mut Connection, hot: &Hot) -> Result<Step, Fault> {
        if self.named < Ledger::PORTIONS {
            self.name(hot);
            return Ok(Step::More);
        }
        let tx = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|why| fault(DOING, &why))?;
        hot.begin_tables();
        if let Some((generation, _)) = self.journal {
            let current = hot.hold()?.journal.header().generation;
            hot.drain();
            if current != generation {
                // Somebody else has folded what he knew of.
                hot.flusher.note_unfolded();
                return Ok(Step::Done);
            }
        }
        let portion = self.take(hot);
        let is_last = self.names.is_empty();
        let written = self.write(hot, tx, &portion);
        for handful in portion.chunks(HANDFUL) {
            let mut ledger = hot.ledger();
            handful.iter().for_each(|(who, _)| ledger.end_fold(who, written == Ok(true)));
        }
        match self.journal {
            // There is a journal again, and it is folded as usual.
            _ if !written? => self.begin_again(hot),
            _ if !is_last => Ok(Step::More),
            Some(_) => Ok(Step::Written),
            None => Ok(Step::Done),
        }
    }

    fn begin_again(&mut self, hot: &Hot) -> Result<Step, Fault> {
        Ok(match Self::begin(hot, self.idle)? {
            Some(fold) => {
                *self = fold;
                Step::More
            }
            None => Step::Done,
        })
    }

    /// Leaves behind what is folded.
    pub(super) fn cut(&self, hot: &Hot) -> Result<(), Fault> {
        self.journal.map_or(Ok(()), |(generation, end)| cut(hot, generation, end, self.idle))
    }

    /// How long to leave the disk and the processor to others after a portion that took this long.
    pub(super) fn pause(hot: &Hot, took: Duration) -> Duration {
        if hot.presses() { Duration::ZERO } else { took.min(LONGEST_PAUSE) }
    }

    /// Finds out of some of whom there is something to write. Whoever was to be written when this fold began still is.
    fn name(&mut self, hot: &Hot) {
        let end = self.named.saturating_add(NAMED);
        for portion in self.named..end {
            hot.ledger().name_unfolded(portion, &mut self.names);
        }
        self.names.end_run();
        self.named = end;
    }

    /// What is to be written next.
    fn take(&mut self, hot: &Hot) -> Vec<(Pseudonym, Changes)> {
        let mut names = Vec::with_capacity(PORTION);
        while names.len() < PORTION
            && let Some(name) = self.names.take_first()
        {
            names.extend(Pseudonym::new(name));
        }
        let mut portion = Vec::with_capacity(names.len());
        for handful in names.chunks(HANDFUL) {
            let begun: Vec<_> = {
                let mut ledger = hot.ledger();
                handful.iter().map(|who| ledger.begin_fold(who)).collect()
            };
            let each = handful.iter().zip(begun);
            portion.extend(each.filter_map(|(who, begun)| Some((who.clone(), begun?.read()?))));
        }
        let newest = portion.iter().filter_map(|(_, changes)| changes.newest()).max();
        self.newest = self.newest.max(newest);
        portion
    }

    /// Writes a portion, and behind the last one up to where everything is written; `false` when that must not count because
    /// the journal that was to be made anew has been by somebody else.
    fn write(&self, hot: &Hot, tx: Transaction<'_>, portion: &[(Pseudonym, Changes)]) -> Result<bool, Fault> {
        let broken = |why: rusqlite::Error| fault(DOING, &why);
        portion.iter().try_for_each(|(who, changes)| changes.fold(&tx, who)).map_err(broken)?;
        if self.names.is_empty() {
            let place = match self.journal {
                Some(place) => Some(place),
                None => make_anew(hot)?.map(|generation| (generation, START)),
            };
            let Some((generation, end)) = place else { return Ok(false) };
            note(&tx, generation, end, self.newest).map_err(broken)?;
        }
        tx.commit().map_err(broken)?;
        Ok(true)
    }
}

/// Says up to where everything is written.
fn note(tx: &Transaction<'_>, generation: u64, end: u64, newest: Option<UnixTime>) -> rusqlite::Result<()> {
    let place = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    tx.prepare_cached("UPDATE journal SET generation = ?1, folded = ?2, newest = max(newest, ?3)")?
        .execute(params![place(generation), place(end), newest.map_or(0, |at| at.0)])
        .map(drop)
}

/// Leaves behind what is folded, unless somebody else does.
fn cut(hot: &Hot, generation: u64, end: u64, idle: bool) -> Result<(), Fault> {
    let boot = hot.boot.unwrap_or_default();
    let held = hot.hold()?;
    if held.journal.header().generation != generation {
        return Ok(());
    }
    let Some(mut draft) = held.journal.draft(boot)? else { return Ok(()) };
    let file = held.journal.file().clone();
    let mut known = held.journal.end();
    drop(held);
    hot.drain();
    let mut copied = end;
    for _ in 0..ROUNDS {
        if known.saturating_sub(copied) <= LITTLE {
            break;
        }
        draft.copy((&file, generation), (copied, known))?;
        draft.sync()?;
        copied = known;
        known = hot.seen.known_journal();
    }
    let mut held = hot.hold()?;
    if held.journal.header().generation != generation {
        return Ok(());
    }
    draft.copy((&file, generation), (copied, held.journal.end()))?;
    let mut last = hot.ledger().cold();
    if idle && last.is_empty() && held.journal.end() == end {
        last.push(Record::Clean);
    }
    held.journal.give_way(draft, &last)?;
    let (file, end) = (held.journal.file().clone(), held.journal.end());
    hot.seen.set_journal(file, end);
    Ok(())
}

/// A journal in place of one that is gone or damaged, with all that the tables do not have yet; its generation, or `None` when
/// somebody else has made one meanwhile, and may have used up a code by that. SQLite's lock keeps away whoever opens the store,
/// and the draft whoever has it open.
fn make_anew(hot: &Hot) -> Result<Option<u64>, Fault> {
    let mut desk = hot.desk();
    let draft = desk.journal.draft(hot.boot.unwrap_or_default())?.ok_or_else(held_elsewhere)?;
    if hot.is_mended(&mut desk)? {
        return Ok(None);
    }
    let (newer, cold) = {
        let mut ledger = hot.ledger();
        desk.journal.take_left().iter().for_each(|record| ledger.take(record));
        (ledger.unfolded_records(), ledger.cold())
    };
    let records: Vec<Record> = cold.into_iter().chain(newer).collect();
    let given = desk.journal.give_way(draft, &records);
    desk.journal.unlock();
    given?;
    hot.seen.set_journal(desk.journal.file().clone(), desk.journal.end());
    Ok(Some(desk.journal.header().generation))
}
