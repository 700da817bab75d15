//! What becomes of a journal, whatever happens to the process, the system, the disk and other processes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;

use tempfile::TempDir;

use super::*;
use crate::base::clock::{Clock, ManualClock, UnixTime};
use crate::gateway::ports::{Counted, NewEnrolment, NewSubject, Store, SubjectDigest};
use crate::login::factor::{
    EnrolmentId, FactorKind, FactorOutcome, Mark, OtpAlgorithm, Parameters, Progress, Proof, Sealed, Try,
};
use crate::login::identity::Pseudonym;
use crate::login::throttle::Limits;
use crate::store::sqlite::journal::record::Record;
use crate::store::sqlite::{Size, Sqlite};

const T0: UnixTime = UnixTime::from_seconds(1_800_000_000);
/// The step of that time.
const HERE: i64 = 60_000_000;
const FIRST_RUN: Option<[u8; 16]> = Some([1; 16]);
const SECOND_RUN: Option<[u8; 16]> = Some([2; 16]);
const CONFIRMED: FactorOutcome = FactorOutcome::Confirmed(FactorKind::Totp);
const REPLAYED: FactorOutcome = FactorOutcome::Replayed(FactorKind::Totp);

fn who() -> Pseudonym {
    Pseudonym::new("p1").unwrap()
}

fn totp(n: u8) -> NewEnrolment {
    NewEnrolment {
        id: EnrolmentId([n; 16]),
        parameters: Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 },
        sealed: Sealed { key_id: 1, bytes: [0; 49].into() },
        progress: Progress::UNUSED,
        created: T0,
        replaces: false,
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Asks until it is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let clock = crate::base::clock::SystemClock;
    let begun = clock.now().steady;
    while !is_so() {
        assert!(clock.now().steady.duration_since(begun) < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

/// A folder with a store, in which p1 has a generator.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        let store = lab.open();
        wait(async {
            store.adopt(subject()).await.unwrap();
            store.enrol(&who(), totp(1)).await.unwrap();
        });
        drop(store);
        lab
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    fn journal(&self) -> PathBuf {
        self.0.path().join("store.db.log")
    }

    fn open(&self) -> Sqlite {
        self.open_in(FIRST_RUN, T0)
    }

    fn open_in(&self, run: Option<[u8; 16]>, now: UnixTime) -> Sqlite {
        self.try_open(run, now).unwrap()
    }

    fn try_open(&self, run: Option<[u8; 16]>, now: UnixTime) -> Result<Sqlite, Fault> {
        Sqlite::open_in(&self.path(), impatient(), Arc::new(ManualClock::at(now)), run)
    }

    /// The files as they are at this moment: what is left when the process ends without a warning.
    fn killed(&self) -> Self {
        let copy = tempfile::tempdir().unwrap();
        for file in ["store.db", "store.db-wal", "store.db.log"] {
            let _missing = fs::copy(self.0.path().join(file), copy.path().join(file));
        }
        Self(copy)
    }

    fn records(&self) -> Vec<Record> {
        let bytes = fs::read(self.journal()).unwrap();
        let header = Header::read(&bytes).unwrap();
        let (mut scanner, mut records) = (Scanner::new(header.generation, START), Vec::new());
        scanner.read(&bytes[HEADER..], true, &mut |record, _| records.push(record));
        assert_eq!(scanner.end().1, Rest::Nothing);
        records
    }

    /// The last step that the tables know.
    fn folded(&self) -> i64 {
        let db = rusqlite::Connection::open(self.path()).unwrap();
        db.query_row("SELECT last FROM enrolment WHERE id = ?1", [[1; 16]], |row| row.get(0)).unwrap()
    }
}

fn impatient() -> Size {
    Size { patience: Duration::from_millis(200), ..Size::default() }
}

fn subject() -> NewSubject {
    NewSubject {
        digest: SubjectDigest { key_id: 1, digest: [1; 32] },
        pseudonym: who(),
        identity: Sealed { key_id: 1, bytes: [0; 40].into() },
        created: T0,
    }
}

fn try_step(store: &Sqlite, step: i64) -> Result<FactorOutcome, Fault> {
    try_mark(store, 1, Mark::Step { step, drift: 0 })
}

fn try_mark(store: &Sqlite, n: u8, mark: Mark) -> Result<FactorOutcome, Fault> {
    let one = Try { enrolment: EnrolmentId([n; 16]), kind: mark.kind(), mark: Some(mark) };
    wait(store.settle(&who(), &[one], T0, &Limits::FACTOR, Proof::Proven))
}

fn step(store: &Sqlite, number: i64) -> FactorOutcome {
    try_step(store, number).unwrap()
}

fn wrong(store: &Sqlite) -> FactorOutcome {
    let one = Try { enrolment: EnrolmentId([1; 16]), kind: FactorKind::Totp, mark: None };
    wait(store.settle(&who(), &[one], T0, &Limits::FACTOR, Proof::Proven)).unwrap()
}

fn last(store: &Sqlite) -> i64 {
    wait(store.recall(&who())).unwrap().enrolments[0].progress.last
}

#[test]
fn a_clean_end_leaves_everything_in_the_tables_and_the_journal_says_so() {
    let lab = Lab::new();
    let store = lab.open();
    assert_eq!(step(&store, HERE), CONFIRMED);
    assert_eq!(fs::metadata(lab.journal()).unwrap().permissions().mode() & 0o777, 0o600);
    drop(store);
    assert_eq!((lab.folded(), lab.records()), (HERE, vec![Record::Clean]));
    let store = lab.open_in(SECOND_RUN, T0);
    assert_eq!(step(&store, HERE + 1), CONFIRMED, "no code is lost, so none is kept out");
}

#[test]
fn who_only_looks_leaves_the_journal_as_it_is() {
    let lab = Lab::new();
    let (daemon, before) = (lab.open(), lab.records());
    step(&daemon, HERE);
    let written = fs::read(lab.journal()).unwrap();
    assert_ne!(lab.records(), before);
    let command = lab.open();
    assert_eq!(last(&command), HERE);
    drop(command);
    assert_eq!(fs::read(lab.journal()).unwrap(), written);
}

#[test]
fn what_was_accepted_is_used_up_after_the_process_was_killed_and_nothing_else_is_d_118() {
    let lab = Lab::new();
    let store = lab.open();
    assert_eq!(step(&store, HERE), CONFIRMED);
    assert_eq!(wrong(&store), FactorOutcome::Wrong);
    let after = lab.killed();
    let store = after.open();
    assert_eq!(step(&store, HERE), REPLAYED);
    let (_, failures) = wait(store.recall(&who())).unwrap().codes[0];
    assert_eq!(failures.row, 1);
    assert_eq!(step(&store, HERE + 1), CONFIRMED);
}

#[test]
fn a_code_that_was_accepted_before_the_power_failed_is_not_good_again_c_001() {
    let lab = Lab::new();
    let store = lab.open();
    assert_eq!(step(&store, HERE), CONFIRMED);
    assert_eq!(step(&store, HERE + 1), CONFIRMED);
    let after = lab.killed();
    // The disk has nothing of what was written last.
    let length = Journal::open(&after.journal(), Duration::ZERO).unwrap().unwrap();
    length.file().set_len(START).unwrap();
    drop(length);
    for restart in 0..2 {
        let store = after.open_in(SECOND_RUN, T0.plus(Duration::from_secs(5)));
        for number in [HERE, HERE + 1, HERE + 2] {
            assert_eq!(step(&store, number), REPLAYED, "{number} at start {restart}");
        }
        assert_eq!(wrong(&store), FactorOutcome::Wrong);
    }
    let store = after.open_in(SECOND_RUN, T0);
    assert_eq!(step(&store, HERE + 3), CONFIRMED, "and the next one is");
    let db = rusqlite::Connection::open(after.path()).unwrap();
    let floor: Option<i64> = db.query_row("SELECT used_until FROM journal", [], |row| row.get(0)).unwrap();
    assert_eq!(floor, Some(T0.plus(Duration::from_secs(5)).0), "the first start after it says until when");
}

#[test]
fn a_clock_that_comes_back_years_early_makes_no_accepted_code_good_again_c_028() {
    let lab = Lab::new();
    let store = lab.open();
    assert_eq!(step(&store, HERE), CONFIRMED);
    drop(store);
    let store = lab.open();
    assert_eq!(step(&store, HERE + 1), CONFIRMED);
    let after = lab.killed();
    drop(store);
    fs::remove_file(after.journal()).unwrap();
    let store = after.open_in(SECOND_RUN, UnixTime::from_seconds(1000));
    assert_eq!(step(&store, HERE + 1), REPLAYED);
    assert_eq!(step(&store, HERE + 9), CONFIRMED);
}

#[test]
fn where_the_run_of_the_system_is_not_known_each_is_another_one() {
    let lab = Lab::new();
    let store = lab.open_in(None, T0);
    assert_eq!(step(&store, HERE), CONFIRMED);
    let after = lab.killed();
    assert_eq!(step(&after.open_in(None, T0), HERE + 1), REPLAYED);
    drop(store);
    assert_eq!(step(&lab.open_in(None, T0), HERE + 1), CONFIRMED, "a clean end is one all the same");
}

#[test]
fn a_record_that_nobody_ended_writing_is_cut_off_and_all_before_it_count() {
    let lab = Lab::new();
    let store = lab.open();
    step(&store, HERE);
    let whole = fs::metadata(lab.journal()).unwrap().len();
    step(&store, HERE + 1);
    let longer = fs::metadata(lab.journal()).unwrap().len();
    let lab = lab.killed();
    drop(store);
    for length in whole + 1..longer {
        let after = lab.killed();
        OpenOptions::new().write(true).open(after.journal()).unwrap().set_len(length).unwrap();
        let store = after.open();
        assert_eq!((step(&store, HERE), last(&store)), (REPLAYED, HERE), "{length} bytes");
        assert_eq!(step(&store, HERE + 1), CONFIRMED);
        drop(store);
        assert_eq!(after.folded(), HERE + 1);
    }
}

#[test]
fn a_record_that_a_process_left_half_written_is_cut_off_by_the_next_one_that_writes() {
    let lab = Lab::new();
    let store = lab.open();
    step(&store, HERE);
    let whole = fs::metadata(lab.journal()).unwrap().len();
    let file = OpenOptions::new().write(true).open(lab.journal()).unwrap();
    file.write_all_at(&[40, 0, 0, 0, 1, 2, 3], whole).unwrap();
    assert_eq!((last(&store), step(&store, HERE)), (HERE, REPLAYED));
    assert_eq!(step(&store, HERE + 1), CONFIRMED);
    assert!(matches!(lab.records().last(), Some(Record::Changed(..))), "the half one is gone");
}

#[test]
fn damage_among_what_was_written_is_a_fault_with_a_way_out_and_no_mark_is_forgotten_for_it() {
    let lab = Lab::new();
    let store = lab.open();
    step(&store, HERE);
    wrong(&store);
    let after = lab.killed();
    let mut bytes = fs::read(after.journal()).unwrap();
    bytes[HEADER + 30] ^= 1;
    fs::write(after.journal(), &bytes).unwrap();
    let fault = after.try_open(FIRST_RUN, T0).map(drop).unwrap_err();
    assert_eq!(fault.kind, FaultKind::StoreUnavailable);
    assert!(fault.what.contains("is damaged") && fault.what.contains("move the file away"), "{fault}");
    assert_eq!(fs::read(after.journal()).unwrap(), bytes, "nothing was changed");
    let store = after.open_in(SECOND_RUN, T0);
    assert_eq!(step(&store, HERE), REPLAYED, "after a loss of power pages may be missing anywhere");
    assert_eq!(wait(store.recall(&who())).unwrap().codes.len(), 1, "what is whole behind it counts");
    drop((after, store));
    let after = lab.killed();
    fs::write(after.journal(), b"no journal").unwrap();
    fs::set_permissions(after.journal(), Permissions::from_mode(0o600)).unwrap();
    let fault = after.try_open(FIRST_RUN, T0).map(drop).unwrap_err();
    assert!(fault.what.contains("is damaged"), "{fault}");
    fs::remove_file(after.journal()).unwrap();
    assert_eq!(step(&after.open(), HERE + 1), REPLAYED, "without it codes of then count as used");
}

#[test]
fn a_journal_that_others_may_change_or_that_is_none_is_refused() {
    let lab = Lab::new();
    fs::set_permissions(lab.journal(), Permissions::from_mode(0o644)).unwrap();
    assert!(lab.try_open(FIRST_RUN, T0).map(drop).unwrap_err().what.contains("chmod 600"));
    fs::remove_file(lab.journal()).unwrap();
    fs::create_dir(lab.journal()).unwrap();
    assert_eq!(lab.try_open(FIRST_RUN, T0).map(drop).unwrap_err().kind, FaultKind::StoreUnavailable);
}

#[test]
fn the_journal_of_another_store_or_of_before_a_backup_tells_this_one_nothing() {
    let (lab, other) = (Lab::new(), Lab::new());
    let theirs = other.open();
    assert_eq!(step(&theirs, HERE), CONFIRMED);
    fs::copy(other.journal(), lab.journal()).unwrap();
    assert_eq!(last(&lab.open()), -1);
    drop(theirs);

    let old = lab.killed();
    let store = lab.open();
    step(&store, HERE + 5);
    drop(store);
    fs::copy(old.journal(), lab.journal()).unwrap();
    let store = lab.open();
    assert_eq!(last(&store), HERE + 5);
    assert_eq!(step(&store, HERE + 5), REPLAYED);
}

#[test]
fn a_code_is_good_once_while_memory_is_full_and_makes_room_all_the_time_c_001() {
    let lab = Lab::new();
    for memory in (0..400_000).step_by(20_000) {
        let size = Size { memory, ..impatient() };
        let store = Sqlite::open_in(&lab.path(), size, Arc::new(ManualClock::at(T0)), FIRST_RUN).unwrap();
        for number in (last(&store) + 1).max(HERE)..HERE + i64::try_from(memory).unwrap() / 5_000 {
            assert_eq!(step(&store, number), CONFIRMED, "{number}, {memory} bytes");
            assert_eq!(step(&store, number), REPLAYED, "{number}, {memory} bytes");
            assert_eq!(last(&store), number, "{memory} bytes");
        }
    }
}

#[test]
fn a_journal_that_is_taken_away_is_made_anew_from_memory() {
    let lab = Lab::new();
    let store = lab.open();
    step(&store, HERE);
    for (n, spoil) in (1..).zip([(|lab: &Lab| fs::remove_file(lab.journal()).unwrap()) as fn(&Lab), |lab| {
        OpenOptions::new().write(true).open(lab.journal()).unwrap().set_len(10).unwrap()
    }]) {
        spoil(&lab);
        let fault = try_step(&store, HERE + n).unwrap_err();
        assert!(fault.what.contains("made anew"), "{fault}");
        until("it is made anew", || wait(store.recall(&who())).is_ok());
        assert_eq!(last(&store), HERE + n - 1, "nothing is lost, and nothing was used up");
        assert_eq!(step(&store, HERE + n), CONFIRMED);
    }
    drop(store);
    assert_eq!(lab.folded(), HERE + 2);
}

#[test]
fn a_journal_that_another_process_made_anew_makes_no_code_good_again_that_it_did_not_know_of_c_001() {
    let lab = Lab::new();
    let store = lab.open();
    assert_eq!((step(&store, HERE), step(&store, HERE + 1)), (CONFIRMED, CONFIRMED));
    fs::remove_file(lab.journal()).unwrap();
    let command = lab.open();
    assert_eq!(step(&store, HERE + 1), REPLAYED);
    assert_eq!((step(&store, HERE), last(&store)), (REPLAYED, HERE + 1));
    drop(command);
    until("it is folded", || lab.folded() == HERE + 1);
    assert_eq!(step(&store, HERE + 3), CONFIRMED);
}

#[test]
fn what_is_not_folded_is_folded_when_nothing_comes_for_a_while() {
    let lab = Lab::new();
    let store = lab.open();
    step(&store, HERE);
    assert_eq!(lab.folded(), -1);
    until("it is folded", || lab.folded() == HERE && lab.records() == [Record::Clean]);
    assert_eq!(step(&store, HERE), REPLAYED);
    assert_eq!(step(&store, HERE + 1), CONFIRMED);
    assert_eq!(last(&store), HERE + 1);
}

#[test]
fn what_comes_without_a_pause_is_in_the_tables_after_five_minutes() {
    let lab = Lab::new();
    let clock = Arc::new(ManualClock::at(T0));
    let store = Sqlite::open_in(&lab.path(), impatient(), clock.clone(), FIRST_RUN).unwrap();
    assert_eq!((step(&store, HERE), lab.folded()), (CONFIRMED, -1));
    clock.advance(Duration::from_secs(301));
    let number = std::cell::Cell::new(HERE);
    until("it is folded", || {
        number.set(number.get() + 1);
        assert_eq!(step(&store, number.get()), CONFIRMED);
        // The thread behind the journal looks round at once, and never finds that nothing came for a while.
        store.hot.flusher.order_drain();
        lab.folded() >= HERE
    });
}

#[test]
fn folding_in_one_process_takes_nothing_from_the_other() {
    let lab = Lab::new();
    let (one, other) = (lab.open(), lab.open());
    for n in (0..40).step_by(2) {
        assert_eq!(step(&one, HERE + n), CONFIRMED);
        other.hot.flusher.order_fold(false);
        until("it is folded", || lab.folded() == HERE + n);
        assert_eq!((last(&one), last(&other)), (HERE + n, HERE + n));
        assert_eq!((step(&one, HERE + n), step(&other, HERE + n)), (REPLAYED, REPLAYED));
        assert_eq!(step(&other, HERE + n + 1), CONFIRMED);
        one.hot.flusher.order_fold(n % 4 == 0);
        assert_eq!((step(&one, HERE + n + 1), last(&one)), (REPLAYED, HERE + n + 1));
    }
    drop((one, other));
    assert_eq!((lab.folded(), lab.records()), (HERE + 39, vec![Record::Clean]));
}

#[test]
fn a_backup_that_gives_the_journal_a_second_name_keeps_no_process_in_the_one_that_was_left_behind_c_001() {
    let lab = Lab::new();
    let (one, other) = (lab.open(), lab.open());
    assert_eq!(step(&one, HERE), CONFIRMED);
    for n in [0, 3, 6] {
        fs::hard_link(lab.journal(), lab.0.path().join(format!("backup{n}"))).unwrap();
        other.hot.flusher.order_fold(false);
        until("it is folded", || lab.folded() == HERE + n);
        until("it is cut", || lab.records().is_empty());
        assert_eq!(step(&other, HERE + n + 1), CONFIRMED);
        assert_eq!((step(&one, HERE + n + 1), last(&one)), (REPLAYED, HERE + n + 1));
        assert_eq!(step(&one, HERE + n + 2), CONFIRMED);
        assert_eq!(step(&lab.killed().open(), HERE + n + 2), REPLAYED);
        assert_eq!((step(&other, HERE + n + 2), step(&one, HERE + n + 3)), (REPLAYED, CONFIRMED));
    }
}

#[test]
fn a_journal_that_somebody_holds_is_not_made_anew_behind_his_back() {
    let lab = Lab::new();
    let store = lab.open();
    assert_eq!(step(&store, HERE), CONFIRMED);
    let other = Journal::open(&lab.journal(), Duration::from_secs(1)).unwrap().unwrap();
    store.hot.flusher.order_fold(true);
    until("folding was tried", || store.hot.flusher.is_failing());
    assert!(other.file().metadata().unwrap().nlink() > 0, "nobody has replaced it");
    drop(other);
    assert_eq!(step(&store, HERE), REPLAYED);
    until("it is folded", || lab.folded() == HERE);
}

#[test]
fn what_was_torn_behind_the_mark_leaves_the_mark_and_whoever_writes_there_waits_for_the_disk_d_118() {
    let lab = Lab::new();
    let store = lab.open();
    step(&store, HERE);
    drop(store);
    assert_eq!(lab.records(), [Record::Clean]);
    let tear = || {
        let journal = OpenOptions::new().write(true).open(lab.journal()).unwrap();
        journal.write_all_at(&[9; 5], journal.metadata().unwrap().len()).unwrap();
    };
    tear();
    let store = lab.open();
    assert!(store.hot.desk().journal.is_clean(), "as it is on the disk");
    tear();
    assert_eq!(last(&store), HERE);
    assert!(store.hot.desk().journal.is_clean(), "however it was found");
    assert_eq!(step(&store, HERE + 1), CONFIRMED);
    assert!(!store.hot.desk().journal.is_clean());
}

#[test]
fn while_another_process_has_the_journal_nothing_is_written_and_reading_goes_on() {
    let lab = Lab::new();
    let store = lab.open();
    let other = Journal::open(&lab.journal(), Duration::from_secs(1)).unwrap().unwrap();
    let fault = try_step(&store, HERE).unwrap_err();
    assert_eq!(fault.kind, FaultKind::StoreUnavailable);
    assert!(fault.what.contains("another process holds the journal"), "{fault}");
    assert_eq!(last(&store), -1);
    drop(other);
    assert_eq!(step(&store, HERE), CONFIRMED, "it was not used up");
}

#[test]
fn a_full_queue_of_logins_is_a_fault_at_once_and_no_mode_is_for_it_d_112() {
    let lab = Lab::new();
    let size = Size { queue: 2, patience: Duration::from_secs(20), ..Size::default() };
    let store = Sqlite::open_in(&lab.path(), size, Arc::new(ManualClock::at(T0)), FIRST_RUN).unwrap();
    let other = Journal::open(&lab.journal(), Duration::from_secs(1)).unwrap().unwrap();
    wait(async {
        let one = |step| {
            let mark = Some(Mark::Step { step, drift: 0 });
            Try { enrolment: EnrolmentId([1; 16]), kind: FactorKind::Totp, mark }
        };
        let tries = [[one(HERE)], [one(HERE + 1)], [one(HERE + 2)]];
        let who = who();
        let settle = |n: usize| store.settle(&who, &tries[n], T0, &Limits::FACTOR, Proof::Proven);
        let last = async {
            let end = settle(2).await;
            drop(other);
            end
        };
        let (first, second, third) = tokio::join!(settle(0), settle(1), last);
        assert_eq!((first, second), (Ok(CONFIRMED), Ok(CONFIRMED)));
        let fault = third.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Overloaded);
        assert!(fault.what.contains("too many writes"), "{fault}");
    });
}

#[test]
fn a_login_that_nobody_waits_for_any_more_is_written_all_the_same_c_002() {
    let lab = Lab::new();
    let store = lab.open();
    let tries = [Try { enrolment: EnrolmentId([1; 16]), kind: FactorKind::Totp, mark: None }];
    for n in 1..=3 {
        let who = who();
        let mut guess = store.settle(&who, &tries, T0, &Limits::FACTOR, Proof::Proven);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(guess.as_mut().poll(&mut context).is_pending());
        drop(guess);
        assert_eq!(wait(store.recall(&who)).unwrap().codes[0].1.row, n, "to hang up gives no try back");
    }
}

#[test]
fn a_journal_that_cannot_be_folded_stops_growing_and_goes_on_by_itself() {
    let lab = Lab::new();
    let size = Size { journal: 1000, ..impatient() };
    let store = Sqlite::open_in(&lab.path(), size, Arc::new(ManualClock::at(T0)), FIRST_RUN).unwrap();
    let busy = rusqlite::Connection::open(lab.path()).unwrap();
    busy.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut number = HERE;
    let fault = loop {
        match try_step(&store, number) {
            Ok(outcome) => assert_eq!(outcome, CONFIRMED),
            Err(fault) => break fault,
        }
        number += 1;
        assert!(number < HERE + 1000, "a thousand logins in four thousand bytes");
    };
    assert_eq!(fault.kind, FaultKind::StoreUnavailable);
    assert!(fs::metadata(lab.journal()).unwrap().len() < 4200);
    assert_eq!(last(&store), number - 1, "what was refused is not used up");
    busy.execute_batch("ROLLBACK").unwrap();
    until("it goes on", || try_step(&store, number) == Ok(CONFIRMED));
}

#[test]
fn nothing_in_the_journal_names_who_was_forgotten_f_012() {
    let lab = Lab::new();
    let store = lab.open();
    step(&store, HERE);
    let holds = || fs::read(lab.journal()).unwrap().windows(2).any(|bytes| bytes == b"p1");
    assert!(holds());
    assert_eq!(wait(store.forget(&who())), Ok(true));
    until("it is begun anew", || !holds());
    assert!(wait(store.recall(&who())).unwrap().enrolments.is_empty());
    wait(store.adopt(subject())).unwrap();
    wait(store.enrol(&who(), totp(1))).unwrap();
    assert_eq!(last(&store), -1, "whoever comes back is somebody new");
}

#[test]
fn what_another_process_takes_away_counts_at_the_next_login() {
    let lab = Lab::new();
    let (daemon, command) = (lab.open(), lab.open());
    for _ in 0..5 {
        wrong(&daemon);
    }
    assert_eq!(try_step(&daemon, HERE), Ok(FactorOutcome::Locked));
    let totp = Counted::Factor(FactorKind::Totp);
    assert_eq!(wait(command.forget_failures(&who(), totp, true)), Ok(true));
    assert_eq!(step(&daemon, HERE), CONFIRMED, "a release");
    assert_eq!(wait(command.revoke(&who(), EnrolmentId([1; 16]))), Ok(true));
    assert_eq!(step(&daemon, HERE + 1), FactorOutcome::Wrong, "a factor that is revoked");
    assert_eq!(wait(command.set_validity(&who(), None, Some(T0))), Ok(true));
    assert_eq!(wait(daemon.recall(&who())).unwrap().history.valid_until, Some(T0), "the end of his time");
    let digest = SubjectDigest { key_id: 1, digest: [1; 32] };
    assert_eq!(wait(daemon.pseudonym(&digest)), Ok(Some(who())));
    assert_eq!(wait(command.forget(&who())), Ok(true));
    assert_eq!(wait(daemon.pseudonym(&digest)), Ok(None), "and himself");
}

#[test]
fn a_process_that_ends_while_it_changes_the_tables_leaves_nobody_with_what_was_before() {
    let lab = Lab::new();
    let store = lab.open();
    assert_eq!(last(&store), -1);
    {
        let other = lab.open();
        let mut held = other.hot.hold().unwrap();
        other.hot.write(&mut held, &[Record::Cold(who())]).unwrap();
    }
    assert_eq!(last(&store), -1, "he may be read, and is not kept");
    let seen = store.hot.ledger().cold();
    assert_eq!(seen, [Record::Cold(who())]);
    assert_eq!(step(&store, HERE), CONFIRMED);
    store.hot.flusher.order_fold(false);
    until("it is folded", || lab.folded() == HERE);
    // As the other one would have, had it been the one to write. No sign of it comes afterwards.
    let db = rusqlite::Connection::open(lab.path()).unwrap();
    db.execute("DELETE FROM enrolment", []).unwrap();
    assert_eq!(step(&store, HERE + 1), FactorOutcome::Wrong);
    assert!(wait(store.recall(&who())).unwrap().enrolments.is_empty());
    assert_eq!(store.hot.ledger().cold(), [Record::Cold(who())], "to begin the journal anew does not end it");
}

#[test]
fn what_any_other_program_does_to_the_tables_is_seen_at_once() {
    let lab = Lab::new();
    let store = lab.open();
    let db = rusqlite::Connection::open(lab.path()).unwrap();
    for n in 0..50 {
        assert_eq!(step(&store, HERE + n), CONFIRMED);
        let valid = T0.0 + n;
        db.execute("UPDATE subject SET valid_until = ?1", [valid]).unwrap();
        assert_eq!(wait(store.recall(&who())).unwrap().history.valid_until, Some(UnixTime(valid)), "{n}");
        assert_eq!(last(&store), HERE + n, "and what is not in the tables stays");
    }
    db.execute("DELETE FROM enrolment", []).unwrap();
    assert_eq!(step(&store, HERE + 99), FactorOutcome::Wrong);
}

#[test]
fn what_another_program_did_before_we_began_to_write_is_not_taken_for_ours_c_008() {
    let lab = Lab::new();
    let store = lab.open();
    assert_eq!((step(&store, HERE), last(&store)), (CONFIRMED, HERE));
    rusqlite::Connection::open(lab.path()).unwrap().execute("DELETE FROM enrolment", []).unwrap();
    let ((begun, begins), (release, held)) = (mpsc::channel(), mpsc::channel());
    let one = [Try {
        enrolment: EnrolmentId([1; 16]),
        kind: FactorKind::Totp,
        mark: Some(Mark::Step { step: HERE + 1, drift: 0 }),
    }];
    wait(async {
        let writes = store.writer.write("hold", move |_| {
            begun.send(()).unwrap();
            held.recv().unwrap();
            Ok(())
        });
        let (who, limits) = (who(), Limits::FACTOR);
        let login = async {
            begins.recv().unwrap();
            let outcome = store.settle(&who, &one, T0, &limits, Proof::Proven).await;
            let record = store.recall(&who).await;
            release.send(()).unwrap();
            (outcome, record.unwrap().enrolments.len())
        };
        let (written, told) = tokio::join!(writes, login);
        assert_eq!((written, told), (Ok(()), (Ok(FactorOutcome::Wrong), 0)));
    });
}

#[test]
fn what_is_not_bound_to_time_and_what_administrators_do_waits_for_the_disk_d_118() {
    use crate::store::sqlite::deed::{Deed, Done};
    let settle = |mark: Mark| Deed::Settle {
        tries: vec![Try { enrolment: EnrolmentId([1; 16]), kind: mark.kind(), mark: Some(mark) }],
        now: T0,
        limits: Limits::FACTOR,
        standing: Proof::Proven,
    };
    let confirmed = |kind| Done::Settled(FactorOutcome::Confirmed(kind));
    assert!(settle(Mark::Counter(1)).waits_for_disk(confirmed(FactorKind::Hotp)));
    assert!(settle(Mark::Index(1)).waits_for_disk(confirmed(FactorKind::Recovery)));
    assert!(!settle(Mark::Step { step: 1, drift: 0 }).waits_for_disk(confirmed(FactorKind::Totp)));
    let forget = |release| Deed::ForgetFailures { what: Counted::Password, release };
    assert!(forget(true).waits_for_disk(Done::Changed(true)));
    assert!(!forget(false).waits_for_disk(Done::Changed(true)));
}

#[test]
fn as_long_as_the_disk_says_that_nothing_is_missing_whoever_writes_waits_for_it_d_118() {
    let lab = Lab::new();
    let store = lab.open();
    let flusher = &store.hot.flusher;
    let clock = crate::base::clock::SystemClock;
    assert_eq!(lab.records(), [Record::Clean]);
    assert_eq!(step(&store, HERE), CONFIRMED);
    assert!(!flusher.note_write(&clock, false), "who came first waited until the mark was gone");
    assert!(flusher.note_write(&clock, true) && flusher.note_write(&clock, false));
    until("it is flushed", || !flusher.note_write(&clock, false));
    drop(store);
    let store = lab.open();
    wait(store.set_validity(&who(), None, Some(T0))).unwrap();
    assert!(!store.hot.ledger().cold().contains(&Record::Cold(who())));
    assert!(matches!(lab.records()[..], [Record::Clean, Record::Cold(_), Record::Warm(_)]));
    assert_eq!(step(&store, HERE + 1), CONFIRMED);
}
