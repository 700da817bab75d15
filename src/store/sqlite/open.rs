//! Opens the journal of a store, whatever came before.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::base::clock::{Clock, UnixTime};
use crate::login::verdict::Fault;
use crate::store::sqlite::fault::fault;
use crate::store::sqlite::floor::Floor;
use crate::store::sqlite::flush::Flusher;
use crate::store::sqlite::journal::record::{Header, Record, START};
use crate::store::sqlite::journal::{Journal, held};
use crate::store::sqlite::ledger::Ledger;
use crate::store::sqlite::writer::Place;

const DOING: &str = "cannot open the store's journal";

/// What the tables say about the journal.
struct Row {
    store: [u8; 16],
    /// Every generation before this one is folded.
    generation: u64,
    /// And of this one what stands before here.
    folded: u64,
    newest: UnixTime,
    floor: Floor,
}

impl Row {
    /// Whether it is the journal of this store, and no older one that somebody put in its place.
    fn fits(&self, journal: &Journal) -> bool {
        let Header { store, generation, .. } = *journal.header();
        let is_whole =
            generation > self.generation || journal.length().is_ok_and(|length| length >= self.folded);
        store == self.store && generation >= self.generation && is_whole
    }
}

/// A journal that was opened and is locked, and what is not in the tables.
pub(super) struct Opened {
    journal: Journal,
    ledger: Ledger,
}

impl Opened {
    /// Gives the journal back unlocked, and what it holds.
    pub(super) fn enter(self, flusher: &Flusher) -> (Journal, Ledger) {
        let Self { journal, ledger } = self;
        if ledger.unfolded() > 0 {
            flusher.note_unfolded();
        }
        journal.unlock();
        (journal, ledger)
    }
}

/// What is known of the world in which it is opened.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    pub(super) clock: &'a dyn Clock,
    pub(super) boot: Option<[u8; 16]>,
    /// Bytes of memory for subjects.
    pub(super) memory: usize,
}

/// Opens the journal, or makes one. When what was written last may have been lost with the power, codes of that time
/// count as used from then on ([`Floor`]).
pub(super) fn open(
    connection: &mut Connection,
    place: &Place,
    world: Circumstances<'_>,
) -> Result<Opened, Fault> {
    let broken = |why: rusqlite::Error| fault(DOING, &why);
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(broken)?;
    let row = read(&tx).map_err(broken)?;
    let path = Journal::beside(&place.path);
    let found = Journal::open(&path, place.patience())?.filter(|journal| row.fits(journal));
    let boot = world.boot.unwrap_or_else(unknown_run);
    let mut ledger = Ledger::new(world.memory);
    let Some(mut journal) = found else {
        let generation = row.generation.saturating_add(1);
        let journal = Journal::make(&path, Header { store: row.store, generation, carried: 0, boot })?;
        // A store that never had one has lost none.
        let floor =
            if row.generation == 0 { row.floor } else { raise(&tx, &row, None, world).map_err(broken)? };
        note(&tx, generation, START).map_err(broken)?;
        tx.commit().map_err(broken)?;
        ledger.set_floor(floor);
        return Ok(Opened { journal, ledger });
    };
    let same_run = world.boot.is_some_and(|boot| boot == journal.header().boot);
    let start = if journal.header().generation == row.generation { row.folded } else { START };
    let mut newest = None;
    let damaged = journal.read_from(start, !same_run, &mut |record| {
        if let Record::Changed(_, changes) = &record {
            newest = changes.newest().max(newest);
        }
        // Whoever changed tables in another run has ended.
        if same_run || !matches!(record, Record::Cold(_) | Record::Warm(_)) {
            ledger.take(&record);
        }
    })?;
    let mut floor = row.floor;
    if !same_run {
        if damaged || !journal.is_clean() {
            floor = raise(&tx, &row, newest, world).map_err(broken)?;
        }
        // The floor first: once the journal is of this run, nobody asks any more what was before.
        tx.commit().map_err(broken)?;
        let mut draft = journal.draft(boot)?.ok_or_else(held)?;
        draft.copy((journal.file(), journal.header().generation), (start.max(START), journal.end()))?;
        journal.give_way(draft, &[])?;
    } else if !journal.is_clean() {
        // Whoever wrote behind the mark that nothing is missing may have ended before the disk had it, and we answer
        // without waiting for the disk from now on.
        journal.sync()?;
    }
    ledger.set_floor(floor);
    Ok(Opened { journal, ledger })
}

/// Stands for a run that the system does not name.
fn unknown_run() -> [u8; 16] {
    tracing::warn!(
        event = "store.no-boot-id",
        "/proc/sys/kernel/random/boot_id cannot be read, so each crash counts as a loss of power: let it be seen, as with \
         ProcSubset=all in the unit"
    );
    [0; 16]
}

/// Sets the floor, and says so.
fn raise(
    tx: &Transaction<'_>,
    row: &Row,
    newest: Option<UnixTime>,
    world: Circumstances<'_>,
) -> rusqlite::Result<Floor> {
    let around = newest.max(Some(row.newest));
    let floor = Floor { until: Some(world.clock.now().unix).max(row.floor.until), around };
    tracing::warn!(
        event = "store.floor",
        "the store was not closed and what it wrote last may be lost: time-based codes up to now count as used"
    );
    let time = |at: Option<UnixTime>| at.map(|at| at.0);
    tx.execute(
        "UPDATE journal SET used_until = ?1, used_around = ?2",
        params![time(floor.until), time(floor.around)],
    )?;
    Ok(floor)
}

fn note(tx: &Transaction<'_>, generation: u64, folded: u64) -> rusqlite::Result<()> {
    let place = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    tx.execute("UPDATE journal SET generation = ?1, folded = ?2", params![place(generation), place(folded)])
        .map(drop)
}

fn read(db: &Connection) -> rusqlite::Result<Row> {
    let place = |number: i64| u64::try_from(number).unwrap_or(0);
    db.query_row(
        "SELECT store, generation, folded, newest, used_until, used_around FROM journal",
        [],
        |row| {
            Ok(Row {
                store: row.get(0)?,
                generation: place(row.get(1)?),
                folded: place(row.get(2)?),
                newest: UnixTime(row.get(3)?),
                floor: Floor {
                    until: row.get::<_, Option<i64>>(4)?.map(UnixTime),
                    around: row.get::<_, Option<i64>>(5)?.map(UnixTime),
                },
            })
        },
    )
}
