//! Many people: whoever is likely to come is read into memory before he does, and they are folded in portions.

use super::*;
use crate::base::clock::ManualClock;
use crate::login::factor::{EnrolmentId, FactorKind, Mark};
use crate::store::sqlite::ledger::Look;

const T0: UnixTime = UnixTime::from_seconds(1_800_000_000);
const RUN: Option<[u8; 16]> = Some([7; 16]);
/// More than are folded at once.
const PEOPLE: u16 = 2500;

fn person(n: u16) -> Pseudonym {
    Pseudonym::new(&format!("p{n:05}")).unwrap()
}

fn id(n: u16) -> EnrolmentId {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    EnrolmentId(id)
}

fn open(folder: &Path) -> Sqlite {
    let clock = Arc::new(ManualClock::at(T0));
    Sqlite::open_in(&folder.join("store.db"), Size::default(), clock, RUN).unwrap()
}

/// Day of `T0`.
const TODAY: i64 = 1_800_000_000 / (24 * 60 * 60);

/// The day on which somebody was let in last: a month ago, before that, or never.
const fn last_day(n: u16) -> Option<i64> {
    match n % 7 {
        3 => None,
        5 => Some(TODAY - 32),
        _ => Some(TODAY - 31),
    }
}

/// A store in which each has a generator, and the second one has failed once.
fn filled() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let db = Connection::open(folder.path().join("store.db")).unwrap();
    db.execute_batch("BEGIN").unwrap();
    for n in 0..PEOPLE {
        let name = person(n).to_string();
        db.execute(
            "INSERT INTO subject VALUES (?1, 1, randomblob(32), 1, x'00', 5, NULL, NULL, ?2)",
            (&name, last_day(n)),
        )
        .unwrap();
        db.execute(
            "INSERT INTO enrolment VALUES (?1, ?2, 'totp', 'sha1', 6, 30, 1, x'00', 41, 0, 0, NULL, 5)",
            (&name, id(n).0),
        )
        .unwrap();
    }
    db.execute("INSERT INTO failure VALUES ('p00001', 'totp', 1, 0, 0, 0, 0, 0)", []).unwrap();
    db.execute("INSERT INTO known_network VALUES ('p00001', 1, zeroblob(32), 7)", []).unwrap();
    db.execute_batch("COMMIT").unwrap();
    folder
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = SystemClock.now().steady;
    while !is_so() {
        assert!(SystemClock.now().steady.duration_since(begun) < Duration::from_secs(30), "{what}");
        std::thread::yield_now();
    }
}

async fn settle(store: &Sqlite, n: u16, step: i64) -> FactorOutcome {
    let mark = Some(Mark::Step { step, drift: 0 });
    let one = Try { enrolment: id(n), kind: FactorKind::Totp, mark };
    store.settle(&person(n), &[one], T0, &Limits::FACTOR, Proof::Proven).await.unwrap()
}

#[test]
fn when_some_were_missed_all_who_came_within_a_month_are_read_as_they_would_be_one_by_one() {
    let folder = filled();
    let store = open(folder.path());
    let of = |n: u16| match store.hot.ledger().look(&person(n)).read() {
        Look::Found(known, _) => Some(format!("{:?}", known.into_record())),
        Look::Tables(..) => None,
    };
    wait(async {
        assert_eq!(settle(&store, 1, 100).await, FactorOutcome::Confirmed(FactorKind::Totp));
        for n in 0..15 {
            store.recall(&person(n)).await.unwrap();
        }
        assert!(of(PEOPLE - 1).is_none(), "few are missed by a command too");
        for n in 15..20 {
            store.recall(&person(n)).await.unwrap();
        }
    });
    until("all are read", || of(PEOPLE - 1).is_some());
    for n in 20..PEOPLE {
        assert_eq!(of(n).is_some(), last_day(n) == Some(TODAY - 31), "{n}");
    }
    let other = open(folder.path());
    for n in [0, 1, 2, PEOPLE / 2, PEOPLE - 1] {
        let read = wait(other.recall(&person(n))).unwrap();
        assert_eq!(of(n), Some(format!("{read:?}")), "{n}");
    }
    let enrolments = wait(other.recall(&person(1))).unwrap().enrolments;
    assert_eq!(enrolments[0].progress.last, 100, "with what the tables do not have");
}

#[test]
fn logins_that_come_between_the_portions_of_a_fold_are_neither_lost_nor_good_again_c_001() {
    let folder = filled();
    let store = open(folder.path());
    let good = FactorOutcome::Confirmed(FactorKind::Totp);
    let tables = |n: u16| -> i64 {
        let db = Connection::open(folder.path().join("store.db")).unwrap();
        db.query_row("SELECT last FROM enrolment WHERE id = ?1", [id(n).0], |row| row.get(0)).unwrap()
    };
    wait(async {
        for n in 0..PEOPLE {
            assert_eq!(settle(&store, n, 100).await, good);
        }
        store.hot.flusher.order_fold(false);
        for n in (0..PEOPLE).step_by(7) {
            assert_eq!(settle(&store, n, 101).await, good);
        }
    });
    until("the last one is folded", || tables(PEOPLE - 1) >= 100);
    let other = open(folder.path());
    wait(async {
        for store in [&store, &other] {
            for n in 0..PEOPLE {
                let last = if n % 7 == 0 { 101 } else { 100 };
                assert_eq!(settle(store, n, last).await, FactorOutcome::Replayed(FactorKind::Totp), "{n}");
            }
        }
    });
    drop(other);
    drop(store);
    assert!((0..PEOPLE).step_by(7).all(|n| tables(n) == 101));
}
