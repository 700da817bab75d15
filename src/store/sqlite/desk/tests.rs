use std::fs;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;

use super::*;
use crate::base::clock::{ManualClock, SystemClock, UnixTime};
use crate::gateway::ports::Store;
use crate::login::factor::{EnrolmentId, FactorKind, FactorOutcome, Mark, Proof, Try};
use crate::login::identity::Pseudonym;
use crate::login::throttle::Limits;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::deed::{Deed, Done};
use crate::store::sqlite::file::prepare;
use crate::store::sqlite::readers::Readers;
use crate::store::sqlite::size::Size;
use crate::store::sqlite::writer::Task;

/// A writer without its thread, so that its pauses can be called for.
fn desk(folder: &Path) -> Desk {
    let path: Arc<Path> = prepare(&folder.join("store.db")).unwrap().into();
    let role = Role::Writer { max_pages: None, patience: Duration::from_secs(1) };
    let place = Place { path, role, generation: Arc::new(AtomicU64::new(0)) };
    let mut connection = connect(&place.path, role).unwrap();
    migrate(&mut connection).unwrap();
    let clock = Arc::new(SystemClock);
    let boot = Some([1; 16]);
    let opened =
        open(&mut connection, &place, Circumstances { clock: &*clock, boot, memory: 1 << 20 }).unwrap();
    let hot = Hot::new(opened, Readers::new(place.clone(), 1), &Size::default(), (clock, boot));
    let inode = Some(inode(&place.path).unwrap());
    Desk {
        place,
        connection: Some(connection),
        inode,
        hot: Arc::new(hot),
        version: None,
        dirty: false,
        folding: None,
        again: None,
        warming: None,
        warmed: None,
    }
}

fn log_length(folder: &Path) -> u64 {
    fs::metadata(folder.join("store.db-wal")).unwrap().len()
}

fn write(desk: &mut Desk, name: &'static str) -> Result<usize, Fault> {
    execute(
        desk,
        "INSERT INTO subject (pseudonym, digest_key, digest, identity_key, identity, created)
         VALUES (?1, 1, randomblob(32), 1, x'00', 5)",
        name,
    )
}

fn execute(desk: &mut Desk, what: &'static str, name: &'static str) -> Result<usize, Fault> {
    let (reply, mut result) = oneshot::channel();
    let work = move |db: &Connection| db.execute(what, [name]);
    desk.commit(vec![Box::new(Task { doing: "write", about: None, work: Some(work), done: None, reply })]);
    result.try_recv().unwrap()
}

#[test]
fn a_pause_folds_the_log_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = desk(folder.path());
    assert_eq!(write(&mut desk, "p1"), Ok(1));
    assert!(log_length(folder.path()) > 0 && desk.dirty);
    desk.fold_log();
    assert_eq!(log_length(folder.path()), 0);
    assert!(!desk.dirty);
    let copy = folder.path().join("copy.db");
    fs::copy(folder.path().join("store.db"), &copy).unwrap();
    let copied: i64 = Connection::open(copy)
        .unwrap()
        .query_row("SELECT count(*) FROM subject", [], |row| row.get(0))
        .unwrap();
    assert_eq!(copied, 1, "the file alone has all of it");
}

#[test]
fn a_reader_in_the_way_of_a_pause_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = desk(folder.path());
    write(&mut desk, "p1").unwrap();
    let reader = connect(&desk.place.path, Role::Reader).unwrap();
    let count = |db: &Connection| -> i64 {
        db.query_row("SELECT count(*) FROM subject", [], |row| row.get(0)).unwrap()
    };
    let held = reader.unchecked_transaction().unwrap();
    assert_eq!(count(&held), 1);
    write(&mut desk, "p2").unwrap();
    desk.fold_log();
    assert_eq!(count(&held), 1, "a reader sees one state");
    held.commit().unwrap();
    write(&mut desk, "p3").unwrap();
    desk.fold_log();
    assert_eq!((count(&reader), log_length(folder.path())), (3, 0));
}

#[test]
fn a_batch_that_finds_no_file_answers_every_caller() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = desk(folder.path());
    fs::remove_file(&desk.place.path).unwrap();
    let fault = write(&mut desk, "p1").unwrap_err();
    assert_eq!(fault.kind, FaultKind::StoreUnavailable);
    assert!(fault.what.contains("put it back"), "{fault}");
}

#[test]
fn whoever_cannot_use_the_journal_answers_those_who_count_on_him_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let hot = desk(folder.path()).hot;
    fs::remove_file(folder.path().join("store.db.log")).unwrap();
    let (nobody, mut context) = (Pseudonym::new("-").unwrap(), Context::from_waker(Waker::noop()));
    let mut waits = pin!(hot.submit(&nobody, Deed::Probe));
    assert!(waits.as_mut().poll(&mut context).is_pending());
    assert!(hot.is_queued(), "as if he had found the journal taken");
    let Poll::Ready(Err(fault)) = pin!(hot.catch_up()).poll(&mut context) else { panic!("it is gone") };
    assert!(fault.what.contains("made anew"), "{fault}");
    assert!(!hot.is_queued());
    let Poll::Ready(Err(fault)) = waits.poll(&mut context) else { panic!("nobody answered") };
    assert!(fault.what.contains("made anew"), "{fault}");
}

#[test]
fn a_journal_that_somebody_made_while_we_were_about_to_is_kept_with_the_codes_in_it_c_001() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = desk(folder.path());
    write(&mut desk, "p1").unwrap();
    let generator =
        "INSERT INTO enrolment VALUES (?1, zeroblob(16), 'totp', 'sha1', 6, 30, 1, x'00', -1, 0, 0, NULL, 5)";
    execute(&mut desk, generator, "p1").unwrap();
    let (who, now) = (Pseudonym::new("p1").unwrap(), UnixTime::from_seconds(1_800_000_000));
    let one = |step| Try {
        enrolment: EnrolmentId([0; 16]),
        kind: FactorKind::Totp,
        mark: Some(Mark::Step { step, drift: 0 }),
    };
    let hot = desk.hot.clone();
    let wait = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let settle = |step| {
        let deed =
            Deed::Settle { tries: vec![one(step)], now, limits: Limits::FACTOR, standing: Proof::Proven };
        wait.block_on(hot.submit(&who, deed)).unwrap()
    };
    assert_eq!(settle(60_000_010), Done::Settled(FactorOutcome::Confirmed(FactorKind::Totp)));

    fs::remove_file(folder.path().join("store.db.log")).unwrap();
    hot.flusher.order_fold(true);
    desk.begin_fold(false);
    desk.fold_portion();
    let (clock, boot) = (Arc::new(ManualClock::at(now)), Some([1; 16]));
    let other = Sqlite::open_in(&desk.place.path, Size::default(), clock, boot).unwrap();
    let tries = [one(60_000_020)];
    let outcome = wait.block_on(other.settle(&who, &tries, now, &Limits::FACTOR, Proof::Proven));
    assert_eq!(outcome, Ok(FactorOutcome::Confirmed(FactorKind::Totp)));
    while desk.folding.is_some() {
        desk.fold_portion();
    }
    let replayed = Done::Settled(FactorOutcome::Replayed(FactorKind::Totp));
    assert_eq!(settle(60_000_020), replayed, "what the other one accepted");
    assert_eq!(settle(60_000_010), replayed, "and what we did");
    let tries = [one(60_000_010)];
    let outcome = wait.block_on(other.settle(&who, &tries, now, &Limits::FACTOR, Proof::Proven));
    assert_eq!(outcome, Ok(FactorOutcome::Replayed(FactorKind::Totp)), "and the other way round");
}
