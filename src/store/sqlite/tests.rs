use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::login::step::History;

struct Lab {
    folder: TempDir,
}

impl Lab {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(&self.path()).unwrap()
    }
}

fn subject(name: &str) -> NewSubject {
    let mut digest = [0; 32];
    digest[..name.len()].copy_from_slice(name.as_bytes());
    NewSubject {
        digest: SubjectDigest { key_id: 1, digest },
        pseudonym: Pseudonym::new(name).unwrap(),
        identity: Sealed { key_id: 1, bytes: [0; 40].into() },
        created: UnixTime(5),
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn insert(db: &Connection, name: &str) -> rusqlite::Result<usize> {
    db.execute(
        "INSERT INTO subject (pseudonym, digest_key, digest, identity_key, identity, created)
         VALUES (?1, 1, randomblob(32), 1, x'00', 5)",
        [name],
    )
}

#[test]
fn a_new_file_is_readable_by_its_owner_alone_and_so_is_its_log() {
    let lab = Lab::new();
    let store = lab.open();
    wait(store.adopt(subject("p1"))).unwrap();
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let mode = fs::metadata(lab.folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_file_or_folder_that_others_may_change_is_refused_with_a_way_out() {
    let lab = Lab::new();
    drop(lab.open());
    fs::set_permissions(lab.path(), Permissions::from_mode(0o644)).unwrap();
    assert!(Sqlite::open(&lab.path()).unwrap_err().what.contains("chmod 600"));
    fs::set_permissions(lab.path(), Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(lab.folder.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(Sqlite::open(&lab.path()).unwrap_err().what.contains("chmod o-w"));
    fs::set_permissions(lab.folder.path(), Permissions::from_mode(0o700)).unwrap();
    assert!(Sqlite::open(&lab.path()).is_ok());
}

#[test]
fn a_missing_folder_and_a_file_that_is_no_database_are_told_apart() {
    let lab = Lab::new();
    let nowhere = lab.folder.path().join("none/store.db");
    assert!(Sqlite::open(&nowhere).unwrap_err().what.contains("create it"));
    fs::write(lab.path(), b"this is no database, it is a text of some length").unwrap();
    fs::set_permissions(lab.path(), Permissions::from_mode(0o600)).unwrap();
    let fault = Sqlite::open(&lab.path()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::StoreUnavailable);
    assert!(fault.what.contains("restore a backup"), "{fault}");
}

#[test]
fn one_bad_job_does_not_spoil_the_others_of_its_commit() {
    let lab = Lab::new();
    let store = lab.open();
    let (release, held) = mpsc::channel::<()>();
    let (good, bad, last) = wait(async {
        // The first job holds the writer until the others wait behind it, so that they share one commit.
        let first = store.writer.write("hold", move |_| {
            held.recv().unwrap();
            Ok(())
        });
        let good = store.writer.write("good", |db| insert(db, "p1"));
        let bad = store.writer.write("bad", |db| {
            insert(db, "p2")?;
            insert(db, "p1")
        });
        let last = store.writer.write("last", |db| insert(db, "p3"));
        let release = async { release.send(()).unwrap() };
        let (first, good, bad, last, ()) = tokio::join!(first, good, bad, last, release);
        first.unwrap();
        (good, bad, last)
    });
    assert_eq!((good, last), (Ok(1), Ok(1)));
    assert_eq!(bad.unwrap_err().kind, FaultKind::Internal);
    let names: Vec<String> =
        wait(store.subjects(None, 10)).unwrap().iter().map(|s| s.pseudonym.to_string()).collect();
    assert_eq!(names, ["p1", "p3"], "what the bad job did first is undone");
}

#[test]
fn a_full_queue_is_a_fault_and_not_a_wait() {
    let lab = Lab::new();
    let store = Sqlite::open_with(&lab.path(), Size { queue: 1, ..Size::default() }).unwrap();
    let (release, held) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    wait(async {
        let first = store.writer.write("hold", move |_| {
            begun.send(()).unwrap();
            held.recv().unwrap();
            Ok(())
        });
        let rest = async {
            begins.recv().unwrap();
            let waits = store.adopt(subject("p1"));
            let refused = async {
                let fault = store.adopt(subject("p2")).await.unwrap_err();
                assert_eq!(fault.kind, FaultKind::Overloaded, "no fault mode is for that");
                assert!(fault.what.contains("too many writes"), "{fault}");
                release.send(()).unwrap();
            };
            let (waits, ()) = tokio::join!(waits, refused);
            assert_eq!(waits, Ok(Adopted::New));
        };
        let (first, ()) = tokio::join!(first, rest);
        first.unwrap();
    });
}

#[test]
fn what_another_process_writes_is_seen_at_once_and_the_other_way_round() {
    let lab = Lab::new();
    let (daemon, command) = (lab.open(), lab.open());
    wait(async {
        daemon.adopt(subject("p1")).await.unwrap();
        assert_eq!(command.adopt(subject("p1")).await, Ok(Adopted::Known(subject("p1").pseudonym)));
        command.adopt(subject("p2")).await.unwrap();
        assert_eq!(daemon.pseudonym(&subject("p2").digest).await, Ok(Some(subject("p2").pseudonym)));
        assert_eq!(daemon.totals().await, Ok(Totals { subjects: 2, enrolments: 0 }));
    });
}

#[test]
fn what_another_process_wrote_before_a_request_came_is_seen_by_it_whoever_looked_before() {
    let lab = Lab::new();
    let (daemon, command) = (lab.open(), lab.open());
    let who = subject("p1").pseudonym;
    let how = WrongPassword { familiar: false, limits: Limits::PASSWORD, directory_window: Duration::ZERO };
    wait(async {
        let row = |record: Record| record.password.map_or(0, |failures| failures.row);
        daemon.adopt(subject("p1")).await.unwrap();
        let mut shared = 0;
        for round in 0..20 {
            let early = daemon.moment();
            assert_eq!(row(daemon.recall_since(&who, early).await.unwrap()), round);
            // Not when something was new, as while somebody folds.
            let looked = daemon.hot.seen.has_looked(early);
            command.count_wrong_password(&who, UnixTime(5), &how).await.unwrap();
            let late = daemon.moment();
            if looked {
                // One look is enough for it. It may hear of what came later, as when somebody folds in between.
                let told = row(daemon.recall_since(&who, early).await.unwrap());
                assert!(told == round || told == round + 1, "{told} of {round}");
                shared += 1;
            }
            assert_eq!(row(daemon.recall_since(&who, late).await.unwrap()), round + 1);
        }
        assert!(shared > 0);
        let early = daemon.moment();
        assert_eq!(daemon.pseudonym_since(&subject("p1").digest, early).await, Ok(Some(who.clone())));
        command.forget(&who).await.unwrap();
        let late = daemon.moment();
        assert_eq!(daemon.pseudonym_since(&subject("p1").digest, late).await, Ok(None));
        assert_eq!(row(daemon.recall_since(&who, late).await.unwrap()), 0);
        assert_eq!(
            daemon.pseudonym_since(&subject("p1").digest, early).await,
            Ok(None),
            "nothing comes back"
        );
    });
}

#[test]
fn what_any_program_did_to_the_tables_before_a_request_came_is_seen_by_it_whoever_looked_before() {
    let lab = Lab::new();
    let store = lab.open();
    let who = subject("p1").pseudonym;
    wait(async {
        store.adopt(subject("p1")).await.unwrap();
        let other = Connection::open(lab.path()).unwrap();
        for day in 100..120 {
            let early = store.moment();
            store.recall_since(&who, early).await.unwrap();
            other.execute("UPDATE subject SET last_day = ?1", [day]).unwrap();
            let record = store.recall_since(&who, store.moment()).await.unwrap();
            assert_eq!(record.history.last_day, Some(day));
        }
    });
}

#[test]
fn a_file_that_was_taken_away_is_a_fault_and_the_one_put_back_is_used_without_a_restart() {
    let lab = Lab::new();
    let store = lab.open();
    wait(store.adopt(subject("p1"))).unwrap();
    let aside = tempfile::tempdir().unwrap();
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        fs::rename(lab.folder.path().join(file), aside.path().join(file)).unwrap();
    }
    let fault = wait(store.adopt(subject("p2"))).unwrap_err();
    assert_eq!(fault.kind, FaultKind::StoreUnavailable);
    assert!(fault.what.contains("put it back"), "{fault}");
    assert!(!lab.path().exists(), "no empty store takes its place");

    let other = Lab::new();
    wait(other.open().adopt(subject("p9"))).unwrap();
    fs::rename(other.path(), lab.path()).unwrap();
    wait(store.probe()).unwrap();
    assert_eq!(wait(store.pseudonym(&subject("p9").digest)), Ok(Some(subject("p9").pseudonym)));
    assert_eq!(wait(store.pseudonym(&subject("p1").digest)), Ok(None));
}

#[test]
fn a_damaged_file_is_a_fault_that_says_so() {
    let lab = Lab::new();
    wait(lab.open().adopt(subject("p1"))).unwrap();
    let mut bytes = fs::read(lab.path()).unwrap();
    // The pages that hold the schema stay, and what says where the journal is, so that the file opens; those of what lies in it become noise.
    let tables = "SELECT rootpage FROM sqlite_schema WHERE rootpage > 0 AND tbl_name <> 'journal'";
    let pages: Vec<u32> = {
        let db = Connection::open(lab.path()).unwrap();
        let mut all = db.prepare(tables).unwrap();
        all.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    for page in pages {
        let end = usize::try_from(page).unwrap() * 4096;
        bytes[end - 4096..end].fill(0xa5);
    }
    fs::write(lab.path(), bytes).unwrap();
    let store = lab.open();
    let fault = wait(store.pseudonym(&subject("p1").digest)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::StoreUnavailable);
    assert!(fault.what.contains("restore a backup"), "{fault}");
    assert_eq!(wait(store.adopt(subject("p2"))).unwrap_err().kind, FaultKind::StoreUnavailable);
}

#[test]
fn an_unknown_subject_has_an_empty_record_and_cannot_be_written_for() {
    let lab = Lab::new();
    let store = lab.open();
    let nobody = Pseudonym::new("nobody").unwrap();
    let record = wait(store.recall(&nobody)).unwrap();
    assert!(record.enrolments.is_empty() && record.codes.is_empty() && record.password.is_none());
    let how = WrongPassword { familiar: false, limits: Limits::PASSWORD, directory_window: Duration::ZERO };
    let counted = wait(store.count_wrong_password(&nobody, UnixTime(5), &how));
    assert_eq!(counted.unwrap_err().kind, FaultKind::Internal);
    assert_eq!(wait(store.note_login(&nobody, 5, None, 30)).unwrap_err().kind, FaultKind::Internal);
    assert_eq!(wait(store.set_validity(&nobody, None, None)), Ok(false));
    assert_eq!(record.history, History::default());
}

#[test]
fn the_log_is_empty_after_a_clean_end() {
    let lab = Lab::new();
    wait(lab.open().adopt(subject("p1"))).unwrap();
    assert!(!lab.folder.path().join("store.db-wal").exists());
    assert!(fs::metadata(lab.path()).unwrap().len() > 4096);
}

#[test]
fn a_process_that_holds_the_lock_for_long_causes_a_fault_and_no_harm() {
    let lab = Lab::new();
    let size = Size { patience: Duration::from_millis(10), ..Size::default() };
    let store = Sqlite::open_with(&lab.path(), size).unwrap();
    let other = Connection::open(lab.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let fault = wait(store.adopt(subject("p1"))).unwrap_err();
    assert_eq!(fault.kind, FaultKind::StoreUnavailable);
    assert!(fault.what.contains("another process"), "{fault}");
    assert_eq!(wait(store.pseudonym(&subject("p1").digest)), Ok(None), "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(wait(store.adopt(subject("p1"))), Ok(Adopted::New));
}

mod many;
mod model;
