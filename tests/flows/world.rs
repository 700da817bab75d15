//! Real store and real factors behind a directory and an audit made for tests, and a clock that is moved by hand.

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
use doorward::gateway::admit::{Admission, AdmissionLimits, CodesPerMinute};
use doorward::gateway::drive::{Asker, Ended, Gateway, Live, Parts, Reply, Shown};
use doorward::gateway::ports::provision::Label;
use doorward::gateway::ports::{
    After, Audit, AuditRecord, Directory, Naming, Session, Soon, Store, Upstream, Vault, Verified,
};
use doorward::gateway::spray::{Spray, SprayLimits};
use doorward::login::attempt::{Answer, Attempt, AttemptId, ChallengeId, Origin};
use doorward::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed};
use doorward::login::credential::PrimaryCredential;
use doorward::login::factor::{OtpAlgorithm, Parameters};
use doorward::login::identity::{Account, Groups, LoginName, Pseudonym, Standing};
use doorward::login::policy::Policy;
use doorward::login::relay::{Method, Passage};
use doorward::login::step::{Changed, PrimaryOutcome};
use doorward::login::throttle::{FlowLimits, Lockout, LockoutRule};
use doorward::login::verdict::{Fault, FaultKind};
use doorward::store::seal::KeyRing;
use doorward::store::sqlite::{Size, Sqlite};
use doorward::subjects::enrol::{Enrolling, Tools};
use doorward::subjects::pseudonym::Names;
use tokio::sync::Semaphore;
use totp_rs::Totp;

use crate::fake::Boxed;

pub(crate) const PASSWORD: &[u8] = b"correct horse";
pub(crate) const SERVICE_PASSWORD: &[u8] = b"of the wiki itself";
/// The name by which a configuration calls the application's account.
pub(crate) const ALIAS: &str = "cn=svc-wiki,ou=services,dc=example,dc=org";
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
pub(crate) const T0: i64 = 1_800_000_000;

/// More than anybody takes of a gate.
pub(crate) const ALL: u32 = 1000;

/// What a directory knows of alice, who is a person; the application's account never changes.
pub(crate) struct Alice {
    pub(crate) password: Vec<u8>,
    pub(crate) stamp: Box<[u8]>,
    pub(crate) groups: Groups,
    pub(crate) standing: Standing,
    pub(crate) lockout: Option<Lockout>,
}

/// A directory with alice and the account of an application.
pub(crate) struct People {
    alice: Mutex<Alice>,
    /// It never answers a password check.
    pub(crate) hangs: AtomicBool,
    /// It has nobody to ask when it looks somebody up, as a users file.
    pub(crate) finds_at_once: AtomicBool,
    /// Who takes all of them keeps look-ups, or password checks that have begun, from ending.
    pub(crate) find_gate: Semaphore,
    pub(crate) check_gate: Semaphore,
    /// Look-ups and password checks so far, and most checks at the same time.
    pub(crate) finds: AtomicUsize,
    pub(crate) checks: AtomicUsize,
    pub(crate) at_once: AtomicUsize,
    pub(crate) most_at_once: AtomicUsize,
    /// Sessions that were opened and not dropped.
    pub(crate) sessions: Arc<AtomicUsize>,
}

impl Default for Alice {
    fn default() -> Self {
        Self {
            password: PASSWORD.to_vec(),
            stamp: Box::from(&b"1"[..]),
            groups: Groups::new(),
            standing: Standing::Active,
            lockout: None,
        }
    }
}

impl Default for People {
    fn default() -> Self {
        Self {
            alice: Mutex::default(),
            hangs: AtomicBool::new(false),
            finds_at_once: AtomicBool::new(false),
            find_gate: Semaphore::new(ALL as usize),
            check_gate: Semaphore::new(ALL as usize),
            finds: AtomicUsize::new(0),
            checks: AtomicUsize::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            sessions: Arc::default(),
        }
    }
}

impl People {
    /// Changes what the directory knows of alice.
    pub(crate) fn change_alice(&self, change: impl FnOnce(&mut Alice)) {
        change(&mut self.alice.lock().unwrap());
    }

    async fn look_up(&self, name: &LoginName) -> Result<Option<Account>, Fault> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        let _open = self.find_gate.acquire().await.unwrap();
        Ok(self.known(name))
    }

    fn known(&self, name: &LoginName) -> Option<Account> {
        let alice = self.alice.lock().unwrap();
        let account = |handle: &str| Account::new("staff", format!("the id of {handle}").as_bytes(), handle);
        match name.prepared() {
            "alice" => Some(Account {
                groups: alice.groups.clone().into(),
                standing: alice.standing,
                stamp: alice.stamp.clone(),
                lockout: alice.lockout,
                attributes: Default::default(),
                ..account("alice")
            }),
            "svc-wiki" => Some(Account { aliases: vec![ALIAS.into()], ..account("svc-wiki") }),
            _ => None,
        }
    }
}

/// What a right password opens here.
pub(crate) struct Opened(Arc<AtomicUsize>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Directory for People {
    fn find<'a>(&'a self, name: &'a LoginName, _: Instant) -> Soon<'a, Result<Option<Account>, Fault>> {
        if self.finds_at_once.load(Ordering::SeqCst) {
            return Soon::Now(Ok(self.known(name)));
        }
        Soon::later(self.look_up(name))
    }

    async fn verify(
        &self,
        who: Option<&Account>,
        password: &Secret,
        after: After,
        _: Instant,
    ) -> Result<Verified, Fault> {
        self.checks.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let _open = self.check_gate.acquire().await.unwrap();
        tokio::task::yield_now().await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let right = match who.map(|who| &*who.handle) {
            Some("alice") => password.expose() == self.alice.lock().unwrap().password,
            Some("svc-wiki") => password.expose() == SERVICE_PASSWORD,
            Some(_) | None => false,
        };
        if !right {
            return Ok(PrimaryOutcome::Wrong.into());
        }
        if who.is_some_and(|who| who.standing == Standing::MustChange) {
            return Ok(PrimaryOutcome::MustChange.into());
        }
        let session = (after == After::GoOn).then(|| {
            self.sessions.fetch_add(1, Ordering::SeqCst);
            Session::new(Opened(self.sessions.clone()))
        });
        Ok(Verified { outcome: PrimaryOutcome::Correct, session })
    }

    async fn change(&self, who: &Account, old: &Secret, new: &Secret, _: Instant) -> Result<Changed, Fault> {
        let mut alice = self.alice.lock().unwrap();
        assert_eq!(&*who.handle, "alice");
        Ok(if old.expose() != alice.password {
            Changed::WrongOld
        } else if new.expose().len() < 8 {
            Changed::Refused
        } else {
            alice.password = new.expose().to_vec();
            alice.standing = Standing::Active;
            alice.stamp = Box::from(&b"2"[..]);
            Changed::Done
        })
    }

    async fn probe(&self, _: Instant) -> Result<(), Fault> {
        Ok(())
    }

    /// As of alice, so that the domain has no finer policies.
    fn usual_lockout(&self) -> Option<LockoutRule> {
        let Lockout { threshold, window, .. } = self.alice.lock().unwrap().lockout?;
        Some(LockoutRule { threshold, window, lasts: None })
    }
}

/// Keeps records in memory, unless it is told to fail.
#[derive(Default)]
pub(crate) struct Notebook {
    pub(crate) records: Mutex<Vec<AuditRecord>>,
    pub(crate) full: AtomicBool,
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

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) directory: Arc<People>,
    pub(crate) upstream: Arc<Boxed>,
    pub(crate) audit: Arc<Notebook>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) enrolling: Enrolling,
    pub(crate) client: Client,
    /// Of alice.
    pub(crate) who: Pseudonym,
}

/// What a world is made with.
pub(crate) struct Plan {
    pub(crate) policy: Policy,
    pub(crate) subject_per_minute: u32,
    pub(crate) subject_at_once: usize,
    pub(crate) spray: SprayLimits,
    pub(crate) codes_per_minute: CodesPerMinute,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) no_upstream: bool,
    pub(crate) store: Size,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            subject_per_minute: 100_000,
            subject_at_once: AdmissionLimits::default().at_once_per_subject,
            spray: SprayLimits::default(),
            codes_per_minute: CodesPerMinute::each(|_| 100_000),
            random: Arc::new(SystemRandom),
            no_upstream: false,
            store: impatient(),
        }
    }
}

/// A test that takes the journal away does not want to wait for long.
fn impatient() -> Size {
    Size { patience: Duration::from_millis(100), ..Size::default() }
}

impl World {
    /// Alice has a TOTP generator; the code of `T0 - 30` s proved it.
    pub(crate) async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    pub(crate) async fn with(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(UnixTime::from_seconds(T0)));
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let store: Arc<dyn Store> =
            Arc::new(Sqlite::open_with(&folder.path().join("db"), plan.store).unwrap());
        let vault: Arc<dyn Vault> = Arc::new(KeyRing::generate(random.clone()).unwrap());
        let names = Arc::new(Names::new(
            store.clone(),
            vault.clone(),
            random.clone(),
            clock.clone(),
            std::collections::BTreeSet::new(),
        ));
        let (directory, audit) = (Arc::new(People::default()), Arc::new(Notebook::default()));
        let account = directory.find(&name("alice"), SystemClock.now().steady).await.unwrap().unwrap();
        let who = names.subject(account).await.unwrap().pseudonym;
        let factors = doorward::factor::all(&vault);
        let enrolling = Enrolling::new(Tools {
            store: store.clone(),
            vault: vault.clone(),
            random: random.clone(),
            clock: clock.clone(),
            factors: factors.clone(),
            provision: Arc::new(Provisioner::new(random)),
            audit: audit.clone(),
        });
        let parameters = Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 };
        let label = Label { issuer: "x", account: "x" };
        enrolling.import(&who, parameters, &Secret::copied(SEED.as_bytes()), 0, &label).await.unwrap();
        let upstream = Arc::new(Boxed::new(clock.clone()));
        let live = live(&directory, &upstream, &clock, &plan);
        let parts = Parts {
            store: store.clone(),
            naming: names,
            factors,
            audit: audit.clone(),
            vault: vault.clone(),
            clock: clock.clone(),
            random: plan.random,
        };
        let gateway = Arc::new(Gateway::new(parts, live));
        Self {
            folder,
            clock,
            directory,
            upstream,
            audit,
            store,
            vault,
            gateway,
            enrolling,
            client: client(),
            who,
        }
    }

    /// Exchanges the rules.
    pub(crate) fn reload(&self, plan: &Plan) {
        self.gateway.reload(live(&self.directory, &self.upstream, &self.clock, plan));
    }

    pub(crate) fn attempt(&self, user: &str, password: &[u8]) -> Attempt {
        Attempt {
            id: AttemptId([3; 8]),
            client: Arc::new(self.client.clone()),
            name: name(user),
            credential: PrimaryCredential::Password(Secret::copied(password)),
            origin: Origin { peer: IpAddr::from([192, 0, 2, 1]), user: None },
            device: Box::default(),
            listener: None,
            hint: None,
            place: doorward::login::policy::Place::NOWHERE,
            passage: self.passage("first"),
            began: self.clock.now(),
        }
    }

    /// A login by `method` at the upstream.
    pub(crate) fn relayed(&self, user: &str, method: Method) -> Attempt {
        Attempt { credential: PrimaryCredential::Relayed(method), ..self.attempt(user, b"") }
    }

    fn passage(&self, packet: &str) -> Option<Passage> {
        (self.client.primary == PrimaryKind::Upstream).then(|| Passage::new(packet.to_owned()))
    }

    pub(crate) async fn begin(&self, user: &str, password: &[u8]) -> Reply {
        self.run(self.attempt(user, password), Asker::patient()).await.reply
    }

    pub(crate) async fn run(&self, attempt: Attempt, asker: Asker) -> Ended {
        let place = self.gateway.admission().enter(&attempt.client, &attempt.origin, &attempt.name).unwrap();
        self.gateway.begin(attempt, place, asker).await
    }

    /// The last record of a login.
    pub(crate) fn last(&self) -> AuditRecord {
        let records = self.audit.records.lock().unwrap();
        records.iter().rfind(|record| record.event == "login").unwrap().clone()
    }

    /// Alice's wrong passwords in a row.
    pub(crate) async fn wrong_passwords(&self) -> u32 {
        self.store.recall(&self.who).await.unwrap().password.map_or(0, |failures| failures.row)
    }

    pub(crate) async fn question(&self) -> ChallengeId {
        match self.begin("alice", PASSWORD).await {
            Reply::Ask(id, _) => id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn answer(&self, id: ChallengeId, text: &str) -> Reply {
        self.answer_as("alice", id, text).await.reply
    }

    pub(crate) async fn answer_as(&self, user: &str, id: ChallengeId, text: &str) -> Ended {
        let client = Arc::new(self.client.clone());
        let place = self.gateway.admission().resume(&client.name).unwrap();
        let answer = Answer {
            client,
            name: name(user),
            device: Box::default(),
            text: Secret::copied(text.as_bytes()),
            passage: self.passage(text),
        };
        self.gateway.resume(id, answer, self.clock.now(), place).await
    }

    pub(crate) fn code(&self) -> String {
        code_at(self.clock.now().unix.seconds())
    }

    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        let records = self.audit.records.lock().unwrap();
        records.iter().filter(|r| r.event == "login").map(|r| r.reason).collect()
    }
}

pub(crate) fn code_at(seconds: i64) -> String {
    let app = Totp::from_url(format!("otpauth://totp/x:x?secret={SEED}&issuer=x")).unwrap();
    app.generate(u64::try_from(seconds).unwrap()).to_string()
}

pub(crate) fn name(text: &str) -> LoginName {
    LoginName::parse(text.as_bytes()).unwrap()
}

pub(crate) fn client() -> Client {
    Client {
        entry: CodeEntry { challenge: true, typed: Typed::Nothing },
        prompt: "Code:".into(),
        can: Capabilities { prompts: true, prompts_relayed: false, tells_address: true },
        reject_delay: Duration::ZERO,
        ..Client::new("vpn", "staff")
    }
}

fn live(directory: &Arc<People>, upstream: &Arc<Boxed>, clock: &Arc<ManualClock>, plan: &Plan) -> Live {
    let many = NonZeroU32::new(100_000).unwrap();
    let limits = AdmissionLimits {
        at_once: 1000,
        at_once_per_client: 1000,
        at_once_per_source: 1000,
        client_per_second: many,
        source_per_minute: many,
        at_once_per_subject: plan.subject_at_once,
        subject_per_minute: NonZeroU32::new(plan.subject_per_minute).unwrap(),
        codes_per_minute: plan.codes_per_minute,
        ..AdmissionLimits::default()
    };
    let directory: Arc<dyn Directory> = directory.clone();
    let upstream: Arc<dyn Upstream> = upstream.clone();
    let clock: Arc<dyn Clock> = clock.clone();
    Live {
        places: Arc::new(doorward::gateway::ports::places::Nowhere),
        policy: Arc::new(plan.policy.clone()),
        limits: FlowLimits::default(),
        directories: HashMap::from([("staff".into(), directory)]),
        upstreams: if plan.no_upstream { HashMap::new() } else { HashMap::from([("nps".into(), upstream)]) },
        admission: Arc::new(Admission::new(limits, ["vpn".into(), "wiki".into()], &clock)),
        spray: Arc::new(Spray::new(plan.spray, &clock, &*plan.random)),
        shown: Shown { v4: 32, v6: 128 },
    }
}

/// Waits until `there` holds, for at most ten seconds; other tasks run meanwhile.
pub(crate) async fn until(what: &str, there: impl Fn() -> bool) {
    let end = SystemClock.now().steady + Duration::from_secs(10);
    while !there() {
        assert!(SystemClock.now().steady < end, "{what}: not within ten seconds");
        tokio::task::yield_now().await;
    }
}
