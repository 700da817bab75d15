use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use tokio::sync::oneshot;

use super::*;
use crate::base::clock::SystemClock;
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
    let (reply, mut result) = oneshot::channel();
    let work = move |db: &Connection| {
        db.execute(
            "INSERT INTO subject (pseudonym, digest_key, digest, identity_key, identity, created)
         VALUES (?1, 1, randomblob(32), 1, x'00', 5)",
            [name],
        )
    };
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
