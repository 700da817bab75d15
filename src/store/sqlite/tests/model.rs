//! Whatever is done through two stores over one file, in whatever order, with folds, ends and kills in between: it is as if
//! one simple table had been written.

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::*;
use crate::base::clock::ManualClock;
use crate::base::random::{SeededRandom, bytes};
use crate::login::factor::{FactorKind, Mark, OtpAlgorithm, Parameters, Progress};

const T0: UnixTime = UnixTime::from_seconds(1_800_000_000);
const PEOPLE: u8 = 4;
const RUN: Option<[u8; 16]> = Some([7; 16]);

/// Never in the way.
const PATIENT: Limits = Limits {
    free: u32::MAX,
    first_wait: Duration::ZERO,
    longest_wait: Duration::ZERO,
    per_day: 0,
    release_after: None,
};

/// What is known of one person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Person {
    enrolments: BTreeMap<[u8; 16], (FactorKind, i64)>,
    rows: BTreeMap<&'static str, u32>,
    last_day: Option<i64>,
    networks: BTreeMap<u8, i64>,
    valid_until: Option<i64>,
}

impl Person {
    fn of(record: &Record) -> Self {
        let word = |what: Counted| what.word();
        let named = [
            (word(Counted::Password), record.password),
            (word(Counted::FamiliarPassword), record.familiar_password),
            (word(Counted::Directory), record.directory),
            (word(Counted::Unproven), record.unproven),
        ];
        let codes = record.codes.iter().map(|(kind, row)| (word(Counted::Factor(*kind)), Some(*row)));
        Self {
            enrolments: record
                .enrolments
                .iter()
                .map(|one| (one.id.0, (one.kind(), one.progress.last)))
                .collect(),
            rows: named.into_iter().chain(codes).filter_map(|(word, row)| Some((word, row?.row))).collect(),
            last_day: record.history.last_day,
            networks: record.history.networks.iter().map(|one| (one.digest[0], one.day)).collect(),
            valid_until: record.history.valid_until.map(|at| at.0),
        }
    }
}

struct World {
    folder: TempDir,
    size: Size,
    stores: Vec<Sqlite>,
    people: BTreeMap<u8, Person>,
    next_id: u64,
}

fn person(n: u8) -> Pseudonym {
    Pseudonym::new(&format!("p{n}")).unwrap()
}

impl World {
    fn new(size: Size) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self { folder, size, stores: Vec::new(), people: BTreeMap::new(), next_id: 1 };
        world.stores = vec![world.open(), world.open()];
        world
    }

    fn open(&self) -> Sqlite {
        let clock = Arc::new(ManualClock::at(T0));
        Sqlite::open_in(&self.folder.path().join("store.db"), self.size, clock, RUN).unwrap()
    }

    /// One thing done by one store, and the same in the model.
    async fn act(&mut self, [which, what, n, value]: [u8; 4]) {
        let n = n % PEOPLE;
        let (at, who) = (usize::from(which % 2), person(n));
        match what % 24 {
            0..8 => self.settle(at, n, i64::from(value), false).await,
            8..10 => self.settle(at, n, i64::from(value), true).await,
            10 | 11 => self.wrong_password(at, n, value.is_multiple_of(2)).await,
            12 => self.forget_failures(at, n, value).await,
            13 | 14 => self.note_login(at, n, value).await,
            15 | 16 => self.enrol(at, n, value).await,
            17 => self.revoke(at, n, value).await,
            18 => {
                let until = Some(UnixTime(i64::from(value)));
                let set = self.stores[at].set_validity(&who, None, until).await.unwrap();
                let known = self.people.get_mut(&n);
                assert_eq!(set, known.is_some());
                known.into_iter().for_each(|known| known.valid_until = Some(value.into()));
            }
            19 if value < 64 => {
                let forgotten = self.stores[at].forget(&who).await.unwrap();
                assert_eq!(forgotten, self.people.remove(&n).is_some());
            }
            20 | 19 => self.stores[at].hot.flusher.order_fold(false),
            21 if value < 100 => {
                let other = self.open();
                drop(std::mem::replace(&mut self.stores[at], other));
            }
            21 => {
                self.stores[at].probe().await.unwrap();
            }
            _ => self.adopt(at, n).await,
        }
    }

    async fn adopt(&mut self, at: usize, n: u8) {
        let known = self.people.contains_key(&n);
        let adopted = self.stores[at].adopt(subject(&format!("p{n}"))).await.unwrap();
        assert_eq!(adopted, if known { Adopted::Known(person(n)) } else { Adopted::New });
        self.people.entry(n).or_default();
    }

    async fn settle(&mut self, at: usize, n: u8, number: i64, is_wrong: bool) {
        let Some(known) = self.people.get_mut(&n) else { return };
        let Some((id, (kind, last))) = known.enrolments.iter_mut().next_back() else { return };
        let mark = match kind {
            FactorKind::Totp => Mark::Step { step: number, drift: 0 },
            _ => Mark::Counter(number),
        };
        let one = Try { enrolment: EnrolmentId(*id), kind: *kind, mark: Some(mark).filter(|_| !is_wrong) };
        let outcome = self.stores[at].settle(&person(n), &[one], T0, &PATIENT, Proof::Proven).await.unwrap();
        let word = Counted::Factor(*kind).word();
        let expected = if is_wrong {
            *known.rows.entry(word).or_default() += 1;
            FactorOutcome::Wrong
        } else if number > *last {
            *last = number;
            known.rows.entry(word).and_modify(|row| *row = 0);
            FactorOutcome::Confirmed(*kind)
        } else {
            FactorOutcome::Replayed(*kind)
        };
        assert_eq!(outcome, expected);
    }

    async fn wrong_password(&mut self, at: usize, n: u8, familiar: bool) {
        let how = WrongPassword { familiar, limits: PATIENT, directory_window: Duration::from_secs(60) };
        let counted = self.stores[at].count_wrong_password(&person(n), T0, &how).await;
        let Some(known) = self.people.get_mut(&n) else {
            assert_eq!(counted.unwrap_err().kind, FaultKind::Internal);
            return;
        };
        counted.unwrap();
        let own = if familiar { Counted::FamiliarPassword } else { Counted::Password };
        for what in [own, Counted::Directory] {
            *known.rows.entry(what.word()).or_default() += 1;
        }
    }

    async fn forget_failures(&mut self, at: usize, n: u8, value: u8) {
        let what = Counted::ALL[usize::from(value) % Counted::ALL.len()];
        let release = value >= 128;
        let done = self.stores[at].forget_failures(&person(n), what, release).await.unwrap();
        let Some(known) = self.people.get_mut(&n) else { return assert!(!done) };
        let row = known.rows.get(what.word()).copied();
        assert_eq!(done, row.is_some_and(|row| release || row > 0), "{what} {row:?}");
        match row {
            Some(_) if release => drop(known.rows.remove(what.word())),
            Some(_) => drop(known.rows.insert(what.word(), 0)),
            None => {}
        }
    }

    async fn note_login(&mut self, at: usize, n: u8, value: u8) {
        let day = 20_000 + i64::from(value / 32);
        let network = SubjectDigest { key_id: 1, digest: [value % 8; 32] };
        let noted = self.stores[at].note_login(&person(n), day, Some(network), 5).await;
        let Some(known) = self.people.get_mut(&n) else { return assert!(noted.is_err()) };
        noted.unwrap();
        known.last_day = known.last_day.max(Some(day));
        known.networks.insert(value % 8, day);
        known.networks.retain(|_, seen| (day - 5..=day + 1).contains(seen));
    }

    async fn enrol(&mut self, at: usize, n: u8, value: u8) {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.next_id.to_be_bytes());
        self.next_id += 1;
        let is_totp = value.is_multiple_of(2);
        let new = NewEnrolment {
            id: EnrolmentId(id),
            parameters: if is_totp {
                Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 }
            } else {
                Parameters::Hotp { digits: 6 }
            },
            sealed: Sealed { key_id: 1, bytes: [0; 40].into() },
            progress: Progress::UNUSED,
            created: T0,
            replaces: value >= 128,
        };
        let enrolled = self.stores[at].enrol(&person(n), new).await;
        let Some(known) = self.people.get_mut(&n) else { return assert!(enrolled.is_err()) };
        enrolled.unwrap();
        let kind = if is_totp { FactorKind::Totp } else { FactorKind::Hotp };
        known.enrolments.retain(|_, (other, _)| value < 128 || *other != kind);
        known.enrolments.insert(id, (kind, -1));
    }

    async fn revoke(&mut self, at: usize, n: u8, value: u8) {
        let Some(known) = self.people.get_mut(&n) else { return };
        let nth = usize::from(value) % known.enrolments.len().max(1);
        let Some(id) = known.enrolments.keys().nth(nth).copied() else { return };
        assert_eq!(self.stores[at].revoke(&person(n), EnrolmentId(id)).await, Ok(true));
        known.enrolments.remove(&id);
    }

    async fn compare(&self, n: u8, round: usize) {
        let expected = self.people.get(&n).cloned().unwrap_or_default();
        for (at, store) in self.stores.iter().enumerate() {
            let told = Person::of(&store.recall(&person(n)).await.unwrap());
            assert_eq!(told, expected, "p{n} in store {at} after round {round}");
            let known = self.people.contains_key(&n).then(|| person(n));
            assert_eq!(store.pseudonym(&subject(&format!("p{n}")).digest).await, Ok(known));
        }
    }
}

fn run(seed: u64, size: Size) {
    let random = SeededRandom::new(seed);
    let mut world = World::new(size);
    wait(async {
        for round in 0..400 {
            let dice: [u8; 4] = bytes(&random).unwrap();
            world.act(dice).await;
            world.compare(dice[2] % PEOPLE, round).await;
        }
    });
    world.stores.clear();
    world.stores.push(world.open());
    wait(async {
        for n in 0..PEOPLE {
            world.compare(n, usize::MAX).await;
        }
    });
}

#[test]
fn two_stores_over_one_file_are_one_table() {
    for seed in 0..4 {
        run(seed, Size::default());
    }
}

#[test]
fn what_makes_room_in_memory_is_not_lost() {
    for (seed, memory) in (4..).zip([0, 0, 150_000, 200_000, 300_000]) {
        run(seed, Size { memory, ..Size::default() });
    }
}

#[test]
fn a_journal_that_is_folded_all_the_time_is_one_table_too() {
    for seed in 9..11 {
        run(seed, Size { journal: 500, ..Size::default() });
    }
}
