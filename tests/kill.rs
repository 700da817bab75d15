//! The process that holds a store is killed with SIGKILL in the middle of its work, again and again. What it
//! acknowledged before must be there afterwards, and no code that it accepted may pass again (C-001).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use doorward::base::random::{SystemRandom, bytes};
use doorward::gateway::ports::{NewEnrolment, Store, SubjectDigest};
use doorward::login::factor::{EnrolmentId, FactorKind, FactorOutcome, Mark, Proof, Try};
use doorward::login::throttle::Limits;
use doorward::store::sqlite::{Size, Sqlite};

#[path = "support/store.rs"]
#[allow(dead_code, reason = "shared with other tests and with measurements")]
mod support;

use support::{CREATED, enrolment, pseudonym, stranger, subject};

/// Subjects that log in at the same time.
const USERS: u64 = 16;
/// How often the process is killed.
const KILLS: usize = 8;
/// Where the child finds the store.
const FOLDER: &str = "DOORWARD_KILL_TEST_FOLDER";

/// Never in the way.
const PATIENT: Limits = Limits {
    free: u32::MAX,
    first_wait: Duration::ZERO,
    longest_wait: Duration::ZERO,
    per_day: 0,
    release_after: None,
};

/// What a child has been told is done. One line each: `ack settled <user> <enrolment> <counter>`,
/// `ack enrolled <user> <enrolment>`, `ack counted <user> <wrong passwords in a row>`, `ack noted <user> <day>`.
#[derive(Default)]
struct Acknowledged {
    settled: BTreeMap<(u64, EnrolmentId), BTreeSet<i64>>,
    enrolled: BTreeSet<(u64, EnrolmentId)>,
    counted: BTreeMap<u64, u32>,
    noted: BTreeMap<u64, i64>,
}

impl Acknowledged {
    fn note(&mut self, line: &str) -> bool {
        let Some((_, ack)) = line.split_once("ack ") else { return false };
        let words: Vec<&str> = ack.split(' ').collect();
        let user = words[1].parse().unwrap();
        let id = |word: &str| {
            EnrolmentId(data_encoding::HEXLOWER.decode(word.as_bytes()).unwrap().try_into().unwrap())
        };
        match words[0] {
            "settled" => {
                let counter = words[3].parse().unwrap();
                let fresh = self.settled.entry((user, id(words[2]))).or_default().insert(counter);
                assert!(fresh, "user {user} was let in twice with {counter}");
            }
            "enrolled" => assert!(self.enrolled.insert((user, id(words[2])))),
            "counted" => {
                let row = words[2].parse().unwrap();
                let before = self.counted.insert(user, row).unwrap_or(0);
                assert!(row > before, "failures of user {user} went from {before} to {row}");
            }
            "noted" => {
                let day = words[2].parse().unwrap();
                let before = self.noted.insert(user, day).unwrap_or(0);
                assert!(day > before, "the last login of user {user} went from {before} to {day}");
            }
            other => panic!("unknown word {other}"),
        }
        true
    }

    /// Looks at everything that was acknowledged, in a store that was opened after the kill.
    async fn check(&self, store: &Arc<dyn Store>) {
        for (user, id) in &self.enrolled {
            let record = store.recall(&pseudonym(*user)).await.unwrap();
            assert!(record.enrolments.iter().any(|e| e.id == *id), "user {user} lost an enrolment");
        }
        for (user, row) in &self.counted {
            let record = store.recall(&pseudonym(*user)).await.unwrap();
            let (own, directory) = (record.password.unwrap().row, record.directory.unwrap().row);
            assert!(own >= *row, "user {user} was given tries back");
            assert_eq!(own, directory, "user {user}: a wrong password counts in both rows or in none");
        }
        for (user, day) in &self.noted {
            let history = store.recall(&pseudonym(*user)).await.unwrap().history;
            assert!(history.last_day.unwrap() >= *day, "user {user} was let in later");
            let seen = history.networks.iter().map(|network| network.day).max();
            assert_eq!(seen, history.last_day, "user {user}: day and network are noted together");
        }
        for ((user, id), counters) in &self.settled {
            for counter in counters {
                let outcome = settle(&**store, *user, *id, *counter).await;
                assert_eq!(outcome, FactorOutcome::Replayed(FactorKind::Hotp), "user {user}, {counter}");
            }
        }
    }
}

async fn settle(store: &dyn Store, user: u64, id: EnrolmentId, counter: i64) -> FactorOutcome {
    let one = Try { enrolment: id, kind: FactorKind::Hotp, mark: Some(Mark::Counter(counter)) };
    store.settle(&pseudonym(user), &[one], CREATED, &PATIENT, Proof::Proven).await.unwrap()
}

fn open(folder: &Path) -> Arc<dyn Store> {
    // So small a journal is folded all the time, also at the moment of the kill.
    let size = Size { journal: 32 << 10, ..Size::default() };
    Arc::new(Sqlite::open_with(&folder.join("store.db"), size).unwrap())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Ends the child whatever becomes of the test.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Worker {
    fn start(folder: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_worker_that_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Reads acknowledgements, kills the child after `after` of them, and reads what it had still written.
    fn kill_after(mut self, after: usize, acknowledged: &mut Acknowledged) {
        let mut lines = BufReader::new(self.0.stdout.take().unwrap());
        let mut seen = 0;
        let mut line = String::new();
        // The last line may be cut off by the kill; then it acknowledges nothing.
        while lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
            seen += usize::from(acknowledged.note(line.trim_end()));
            line.clear();
            if seen == after {
                self.0.kill().unwrap();
            }
        }
        assert!(seen >= after, "the worker ended by itself after {seen} acknowledgements");
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost_and_no_accepted_code_passes_again_after_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    for _ in 0..KILLS {
        let [moment] = bytes::<1>(&SystemRandom).unwrap();
        Worker::start(folder.path()).kill_after(20 + 4 * usize::from(moment), &mut acknowledged);
        let runtime = runtime();
        let store = open(folder.path());
        runtime.block_on(acknowledged.check(&store));
    }
    assert!(acknowledged.enrolled.len() >= KILLS && !acknowledged.counted.is_empty());
    assert!(!acknowledged.noted.is_empty());
    let settled: usize = acknowledged.settled.values().map(BTreeSet::len).sum();
    assert!(settled >= KILLS, "{settled}");
}

#[test]
#[ignore = "the process that the other test starts and kills; alone it has nothing to do"]
fn the_worker_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        panic!("{FOLDER} names the store's folder; the other test sets it");
    };
    // The pipe closes when the parent is gone, however it went; then nobody is left to kill us.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(1);
    });
    let store = open(Path::new(&folder));
    runtime().block_on(async {
        let mut users = tokio::task::JoinSet::new();
        for user in 0..USERS {
            users.spawn(work(store.clone(), user));
        }
        users.join_all().await;
    });
}

/// Logs in, fails and enrols for ever, and says so each time it is done.
async fn work(store: Arc<dyn Store>, user: u64) {
    let who = pseudonym(user);
    store.adopt(subject(user)).await.unwrap();
    loop {
        let id = EnrolmentId(bytes(&SystemRandom).unwrap());
        let new = NewEnrolment { id, replaces: false, ..enrolment(0, FactorKind::Hotp) };
        store.enrol(&who, new).await.unwrap();
        say(&format!("ack enrolled {user} {id}"));
        for counter in 0..20 {
            assert_eq!(settle(&*store, user, id, counter).await, FactorOutcome::Confirmed(FactorKind::Hotp));
            say(&format!("ack settled {user} {id} {counter}"));
        }
        store.count_wrong_password(&who, CREATED, &stranger(PATIENT)).await.unwrap();
        let row = store.recall(&who).await.unwrap().password.unwrap().row;
        say(&format!("ack counted {user} {row}"));
        let day = store.recall(&who).await.unwrap().history.last_day.unwrap_or(0) + 1;
        let network = SubjectDigest { key_id: 1, digest: bytes(&SystemRandom).unwrap() };
        store.note_login(&who, day, Some(network), 30).await.unwrap();
        say(&format!("ack noted {user} {day}"));
    }
}

/// One whole line in one write, past the test harness.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
