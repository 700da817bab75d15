//! The assembled gateway inside the test process: real store, real factors, a directory and an audit made
//! for tests, and a clock that is moved by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use doorward::base::clock::{Clock, ManualClock, SystemClock, UnixTime};
use doorward::base::random::{Random, SystemRandom};
use doorward::base::secret::Secret;
use doorward::factor::provision::Provisioner;
use doorward::gateway::admit::{Admission, AdmissionLimits};
use doorward::gateway::drive::{Asker, Gateway, Live, Parts, Reply};
use doorward::gateway::ports::provision::Label;
use doorward::gateway::ports::{
    After, Audit, AuditRecord, Directory, Naming, NewEnrolment, Store, Vault, Verified,
};
use doorward::login::attempt::{Answer, Attempt, AttemptId, ChallengeId, Origin};
use doorward::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed, WhenUnable};
use doorward::login::credential::PrimaryCredential;
use doorward::login::factor::{EnrolmentId, OtpAlgorithm, Parameters, Progress, Sealed};
use doorward::login::identity::{Account, Groups, LoginName, Standing};
use doorward::login::policy::Policy;
use doorward::login::step::PrimaryOutcome;
use doorward::login::throttle::{FlowLimits, Limits};
use doorward::login::verdict::{Fault, FaultKind, Reason};
use doorward::store::seal::KeyRing;
use doorward::store::sqlite::Sqlite;
use doorward::subjects::enrol::{Enrolling, Tools};
use doorward::subjects::pseudonym::Names;
use totp_rs::Totp;

const PASSWORD: &[u8] = b"correct horse";
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const T0: i64 = 1_800_000_000;

/// A directory with alice alone.
#[derive(Default)]
struct OneUser {
    /// It never answers a password check.
    hangs: AtomicBool,
    /// Password checks so far, and most at the same time.
    checks: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

#[async_trait]
impl Directory for OneUser {
    async fn find(&self, name: &LoginName, _: Instant) -> Result<Option<Account>, Fault> {
        Ok((name.prepared() == "alice").then(|| Account {
            directory: "staff".into(),
            id: Box::from(&b"alice's id"[..]),
            display: "Alice".into(),
            handle: "alice".into(),
            groups: Groups::new(),
            standing: Standing::Active,
            number: None,
            aliases: Vec::new(),
            stamp: Box::default(),
        }))
    }

    async fn verify(
        &self,
        who: Option<&Account>,
        password: &Secret,
        _: After,
        _: Instant,
    ) -> Result<Verified, Fault> {
        self.checks.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let right = who.is_some() && password.expose() == PASSWORD;
        Ok(if right { PrimaryOutcome::Correct } else { PrimaryOutcome::Wrong }.into())
    }

    async fn probe(&self, _: Instant) -> Result<(), Fault> {
        Ok(())
    }
}

/// Keeps records in memory, unless it is told to fail.
#[derive(Default)]
struct Notebook {
    records: Mutex<Vec<AuditRecord>>,
    full: AtomicBool,
}

impl Audit for Notebook {
    fn record(&self, record: &AuditRecord) -> Result<(), Fault> {
        if self.full.load(Ordering::SeqCst) {
            return Err(Fault::new(FaultKind::AuditUnavailable, "no room"));
        }
        self.records.lock().unwrap().push(record.clone());
        Ok(())
    }
}

struct World {
    _folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    directory: Arc<OneUser>,
    audit: Arc<Notebook>,
    gateway: Arc<Gateway>,
    client: Client,
}

impl World {
    /// Alice has a TOTP generator; the code of `T0 - 30` s proved it.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(T0)));
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&folder.path().join("db")).unwrap());
        let vault: Arc<dyn Vault> = Arc::new(KeyRing::generate(random.clone()).unwrap());
        let names = Arc::new(Names::new(
            store.clone(),
            vault.clone(),
            random.clone(),
            clock.clone(),
            std::collections::BTreeSet::new(),
        ));
        let (directory, audit) = (Arc::new(OneUser::default()), Arc::new(Notebook::default()));
        let account = directory.find(&name("alice"), SystemClock.now().steady).await.unwrap().unwrap();
        let who = names.subject(account).await.unwrap().pseudonym;
        let factors = doorward::factor::all(&vault);
        let enrolling = Enrolling::new(Tools {
            store: store.clone(),
            vault,
            random: random.clone(),
            clock: clock.clone(),
            factors: factors.clone(),
            provision: Arc::new(Provisioner::new(random.clone())),
            audit: audit.clone(),
        });
        let parameters = Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 };
        let label = Label { issuer: "x", account: "x" };
        enrolling.import(&who, parameters, &Secret::copied(SEED.as_bytes()), 0, &label).await.unwrap();
        let dyn_clock: Arc<dyn Clock> = clock.clone();
        let parts =
            Parts { store, naming: names, factors, audit: audit.clone(), clock: dyn_clock.clone(), random };
        let gateway = Arc::new(Gateway::new(parts, live(&directory, &dyn_clock)));
        Self { _folder: folder, clock, directory, audit, gateway, client: client() }
    }

    fn attempt(&self, user: &str, password: &[u8]) -> Attempt {
        Attempt {
            id: AttemptId([3; 8]),
            client: Arc::new(self.client.clone()),
            name: name(user),
            credential: PrimaryCredential::Password(Secret::copied(password)),
            origin: Origin { peer: IpAddr::from([192, 0, 2, 1]), user: None },
            device: Box::default(),
            began: self.clock.now(),
        }
    }

    async fn begin(&self, user: &str, password: &[u8]) -> Reply {
        let attempt = self.attempt(user, password);
        let place = self.gateway.admission().enter(&attempt.client, &attempt.origin).unwrap();
        self.gateway.begin(attempt, place, Asker::patient()).await.reply
    }

    async fn question(&self) -> ChallengeId {
        match self.begin("alice", PASSWORD).await {
            Reply::Ask(id, _) => id,
            other => panic!("{other:?}"),
        }
    }

    async fn answer(&self, id: ChallengeId, text: &str) -> Reply {
        let client = Arc::new(self.client.clone());
        let place = self.gateway.admission().resume(&client.name).unwrap();
        let answer = Answer {
            client,
            name: name("alice"),
            device: Box::default(),
            text: Secret::copied(text.as_bytes()),
        };
        self.gateway.resume(id, answer, self.clock.now(), place).await
    }

    fn code(&self) -> String {
        code_at(self.clock.now().unix.seconds())
    }

    fn reasons(&self) -> Vec<&'static str> {
        let records = self.audit.records.lock().unwrap();
        records.iter().filter(|r| r.event == "login").map(|r| r.reason).collect()
    }
}

fn code_at(seconds: i64) -> String {
    let app = Totp::from_url(format!("otpauth://totp/x:x?secret={SEED}&issuer=x")).unwrap();
    app.generate(u64::try_from(seconds).unwrap()).to_string()
}

fn name(text: &str) -> LoginName {
    LoginName::parse(text.as_bytes()).unwrap()
}

fn client() -> Client {
    Client {
        name: "vpn".into(),
        directory: "staff".into(),
        primary: PrimaryKind::Directory,
        entry: CodeEntry { challenge: true, typed: Typed::Nothing },
        prompt: "Code:".into(),
        can: Capabilities { prompts: true, tells_address: true },
        login_timeout: Duration::from_secs(20),
        challenge_life: Duration::from_secs(120),
        reject_delay: Duration::ZERO,
        when_unable: WhenUnable::Silence,
        remember: None,
    }
}

fn live(directory: &Arc<OneUser>, clock: &Arc<dyn Clock>) -> Live {
    let many = NonZeroU32::new(100_000).unwrap();
    let limits = AdmissionLimits {
        at_once: 1000,
        at_once_per_client: 1000,
        client_per_second: many,
        source_per_minute: many,
        subject_per_minute: many,
    };
    let dyn_directory: Arc<dyn Directory> = directory.clone();
    Live {
        policy: Arc::new(Policy::default()),
        limits: FlowLimits::default(),
        directories: HashMap::from([("staff".into(), dyn_directory)]),
        admission: Arc::new(Admission::new(limits, ["vpn".into()], clock)),
    }
}

#[tokio::test]
async fn a_question_that_nobody_answers_ends_in_one_record_and_its_id_is_dead() {
    let world = World::new().await;
    let id = world.question().await;
    assert_eq!(world.gateway.questions(), 1);
    world.clock.advance(Duration::from_secs(119));
    world.gateway.tidy();
    assert_eq!(world.reasons(), [""; 0], "not yet");
    world.clock.advance(Duration::from_secs(1));
    world.gateway.tidy();
    assert_eq!(world.reasons(), ["answer-late"]);
    assert_eq!(world.gateway.questions(), 0);
    let reply = world.answer(id, &world.code()).await;
    assert!(matches!(reply, Reply::Reject(Reason::UnknownChallenge)), "{reply:?}");
}

#[tokio::test]
async fn a_code_let_in_once_is_refused_after_the_clock_jumps_back_c_028() {
    let world = World::new().await;
    let id = world.question().await;
    let code = world.code();
    assert!(matches!(world.answer(id, &code).await, Reply::Accept(_)));
    for back in [0, 30, 90, 86_400] {
        world.clock.jump_to(UnixTime::from_seconds(T0 - back));
        let id = world.question().await;
        let reply = world.answer(id, &world.code()).await;
        assert!(matches!(reply, Reply::Reject(Reason::ReplayedCode)), "{back} s back: {reply:?}");
    }
}

#[tokio::test]
async fn a_directory_that_hangs_is_a_fault_in_time_and_never_a_no() {
    let mut world = World::new().await;
    world.client.login_timeout = Duration::from_millis(50);
    world.directory.hangs.store(true, Ordering::SeqCst);
    let reply = world.begin("alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Unable(FaultKind::TimedOut)), "{reply:?}");
    assert_eq!(world.reasons(), ["timed-out"]);
}

#[tokio::test]
async fn without_an_audit_record_there_is_no_accept_d_117() {
    let world = World::new().await;
    let id = world.question().await;
    world.audit.full.store(true, Ordering::SeqCst);
    let reply = world.answer(id, &world.code()).await;
    assert!(matches!(reply, Reply::Unable(FaultKind::AuditUnavailable)), "{reply:?}");
}

#[tokio::test]
async fn no_rejection_leaves_before_its_time_whatever_its_cause_d_100() {
    let mut world = World::new().await;
    world.client.reject_delay = Duration::from_millis(80);
    for (user, password) in
        [("alice", &b"wrong"[..]), ("mallory", PASSWORD), ("alice", b""), ("alice", b"a\0b")]
    {
        // The gateway waits on the runtime's clock; ours stands still meanwhile.
        let before = SystemClock.now().steady;
        let reply = world.begin(user, password).await;
        let took = SystemClock.now().steady - before;
        assert!(matches!(reply, Reply::Reject(_)), "{reply:?}");
        assert!(took >= Duration::from_millis(80), "{user} after {took:?}");
    }
}

#[tokio::test]
async fn at_the_end_of_the_program_rejections_do_not_wait() {
    let mut world = World::new().await;
    world.client.reject_delay = Duration::from_secs(10);
    world.gateway.hurry();
    let before = SystemClock.now().steady;
    let _reply = world.begin("alice", b"wrong").await;
    assert!(SystemClock.now().steady - before < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_at_a_password_reach_the_directory_four_times_b_087() {
    let world = Arc::new(World::new().await);
    let tries: Vec<_> = (0..40)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.begin("alice", b"guess").await })
        })
        .collect();
    for one in tries {
        assert!(matches!(one.await.unwrap(), Reply::Reject(_)));
    }
    assert_eq!(world.directory.checks.load(Ordering::SeqCst), 4, "then the gateway waits on its own");
    assert_eq!(world.directory.most_at_once.load(Ordering::SeqCst), 1, "one login of a subject at a time");
    let throttled = world.reasons().iter().filter(|r| **r == "password-throttled").count();
    assert_eq!(throttled, 36);
}

#[tokio::test]
async fn after_the_wait_the_right_password_lets_in_and_the_row_is_over() {
    let world = World::new().await;
    for _ in 0..4 {
        let _reply = world.begin("alice", b"wrong").await;
    }
    assert!(matches!(world.begin("alice", PASSWORD).await, Reply::Reject(Reason::PasswordThrottled)));
    world.clock.advance(Limits::PASSWORD.first_wait + Duration::from_secs(1));
    let id = world.question().await;
    assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)));
    for _ in 0..3 {
        let reply = world.begin("alice", b"wrong").await;
        assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "a new row begins: {reply:?}");
    }
}

#[tokio::test]
async fn a_login_that_is_dropped_in_the_middle_blocks_nobody() {
    let world = Arc::new(World::new().await);
    world.directory.hangs.store(true, Ordering::SeqCst);
    let hanging = tokio::spawn({
        let world = world.clone();
        async move { world.begin("alice", PASSWORD).await }
    });
    while world.directory.checks.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    hanging.abort();
    assert!(hanging.await.unwrap_err().is_cancelled());
    world.directory.hangs.store(false, Ordering::SeqCst);
    let id = world.question().await;
    assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)));
    assert_eq!(world.gateway.admission().running(), 0, "places come back");
}

#[tokio::test]
async fn a_seed_that_does_not_open_does_not_make_guessing_at_the_others_free_c_002() {
    let world = World::new().await;
    let store = Sqlite::open(&world._folder.path().join("db")).unwrap();
    let who = store.subjects(None, 1).await.unwrap()[0].pseudonym.clone();
    let lost = NewEnrolment {
        id: EnrolmentId([9; 16]),
        parameters: Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 },
        sealed: Sealed { key_id: 99, bytes: [0; 49].into() },
        progress: Progress::UNUSED,
        created: world.clock.now().unix,
        replaces: false,
    };
    store.enrol(&who, lost).await.unwrap();
    let id = world.question().await;
    assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)), "the other one is whole");
    for _ in 0..Limits::FACTOR.free {
        let id = world.question().await;
        let reply = world.answer(id, "000000").await;
        assert!(matches!(reply, Reply::Unable(FaultKind::KeyMissing)), "{reply:?}");
    }
    let reply = world.begin("alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::FactorLocked)), "{reply:?}");
}

#[tokio::test]
async fn two_open_questions_do_not_answer_each_other_a_072() {
    let world = World::new().await;
    let (first, second) = (world.question().await, world.question().await);
    assert!(matches!(world.answer(first, &world.code()).await, Reply::Accept(_)));
    let reply = world.answer(second, &world.code()).await;
    assert!(matches!(reply, Reply::Reject(Reason::ReplayedCode)), "its own code is needed: {reply:?}");
    world.clock.advance(Duration::from_secs(30));
    let third = world.question().await;
    assert!(matches!(world.answer(third, &world.code()).await, Reply::Accept(_)));
}
