//! Real sockets on the loopback interface, the real gateway, and a world of one user behind it.

use std::collections::HashMap;
use std::io::Write;
use std::num::NonZeroU32;
use std::process::{Command, Stdio};

use async_trait::async_trait;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::base::cidr::Prefix;
use crate::base::clock::{SystemClock, UnixTime};
use crate::base::random::SystemRandom;
use crate::base::secret::Secret;
use crate::frontend::radius::clients::RadiusClient;
use crate::frontend::radius::lab::{radius_client, request, secret, signed_with};
use crate::frontend::radius::socket::bind;
use crate::gateway::admit::{Admission, AdmissionLimits, CodesPerMinute};
use crate::gateway::drive::{Live, Parts, Shown};
use crate::gateway::ports::{
    Adopted, After, Audit, AuditRecord, Counted, Directory, Naming, NewEnrolment, NewSubject,
    Place as VaultPlace, SecondFactor, Store, SubjectDigest, SubjectRow, Totals, Vault, Verified,
    WrongPassword,
};
use crate::gateway::spray::{Spray, SprayLimits};
use crate::login::credential::Code as TypedCode;
use crate::login::factor::{
    Enrolment, EnrolmentId, FactorKind, FactorOutcome, Mark, Parameters, Progress, Proof, Sealed, Try,
};
use crate::login::identity::{Account, Groups, LoginName, Pseudonym, Standing, Subject};
use crate::login::policy::Policy;
use crate::login::step::{PrimaryOutcome, Record};
use crate::login::throttle::{FlowLimits, Limits};
use crate::login::verdict::{Fault, FaultKind};
use crate::wire::radius::dictionary::{PROXY_STATE, STATE};
use crate::wire::radius::packet::{Code, Packet};

const PATIENCE: Duration = Duration::from_secs(10);

/// Everything behind the gateway: anna, whose password is `hunter2` and whose code is `123456`. A check of
/// the password takes a permit, so that a test can hold a login where it is.
struct World {
    permits: Semaphore,
    asked: watch::Sender<u32>,
}

fn account() -> Account {
    Account {
        directory: "main".into(),
        id: Box::from(*b"1"),
        display: "anna".into(),
        handle: "anna".into(),
        groups: Groups::new(),
        standing: Standing::Active,
        number: None,
        aliases: Vec::new(),
        stamp: Box::default(),
        lockout: None,
        attributes: Default::default(),
    }
}

fn not_asked() -> Fault {
    Fault::new(FaultKind::Internal, "nobody asks for this in these tests")
}

#[async_trait]
impl Directory for World {
    async fn find(&self, name: &LoginName, _: std::time::Instant) -> Result<Option<Account>, Fault> {
        Ok((name.prepared() == "anna").then(account))
    }
    async fn verify(
        &self,
        account: Option<&Account>,
        password: &Secret,
        _: After,
        _: std::time::Instant,
    ) -> Result<Verified, Fault> {
        self.asked.send_modify(|count| *count += 1);
        self.permits.acquire().await.map_err(|_| not_asked())?.forget();
        let right = account.is_some() && password.expose() == b"hunter2";
        Ok(if right { PrimaryOutcome::Correct } else { PrimaryOutcome::Wrong }.into())
    }
    async fn probe(&self, _: std::time::Instant) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Naming for World {
    async fn subject(&self, account: Account) -> Result<Subject, Fault> {
        Ok(Subject { pseudonym: Pseudonym::new("p-1").unwrap(), account: Arc::new(account) })
    }
}

impl SecondFactor for World {
    fn kind(&self) -> FactorKind {
        FactorKind::Totp
    }
    fn judge(&self, _: &Enrolment, code: &TypedCode, _: UnixTime) -> Result<Option<Mark>, Fault> {
        Ok((code.secret().expose() == b"123456").then_some(Mark::Counter(1)))
    }
}

impl Vault for World {
    fn seal(&self, _: VaultPlace<'_>, plain: &Secret) -> Result<Sealed, Fault> {
        Ok(Sealed { key_id: 1, bytes: plain.expose().into() })
    }

    fn open(&self, _: VaultPlace<'_>, sealed: &Sealed) -> Result<Secret, Fault> {
        Ok(Secret::copied(&sealed.bytes))
    }

    fn digests(&self, _: &str, _: &[u8]) -> Vec<SubjectDigest> {
        Vec::new()
    }

    fn network_digests(&self, _: &Pseudonym, _: Prefix) -> Vec<SubjectDigest> {
        Vec::new()
    }

    fn newest_key(&self) -> u32 {
        1
    }
}

impl Audit for World {
    fn record(&self, _: &AuditRecord) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Store for World {
    async fn recall(&self, _: &Pseudonym) -> Result<Record, Fault> {
        let enrolment = Enrolment {
            id: EnrolmentId([1; 16]),
            parameters: Parameters::Totp {
                algorithm: crate::login::factor::OtpAlgorithm::Sha1,
                digits: 6,
                period: 30,
            },
            sealed: Sealed { key_id: 1, bytes: Box::default() },
            progress: Progress::UNUSED,
            created: UnixTime(0),
        };
        Ok(Record { enrolments: vec![enrolment], ..Record::default() })
    }
    async fn settle(
        &self,
        _: &Pseudonym,
        tries: &[Try],
        _: UnixTime,
        _: &Limits,
        _: Proof,
    ) -> Result<FactorOutcome, Fault> {
        let right = tries.iter().any(|one| one.mark.is_some());
        Ok(if right { FactorOutcome::Confirmed(FactorKind::Totp) } else { FactorOutcome::Wrong })
    }
    async fn count_wrong_password(&self, _: &Pseudonym, _: UnixTime, _: &WrongPassword) -> Result<(), Fault> {
        Ok(())
    }
    async fn forget_failures(&self, _: &Pseudonym, _: Counted, _: bool) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn pseudonym(&self, _: &SubjectDigest) -> Result<Option<Pseudonym>, Fault> {
        Err(not_asked())
    }
    async fn adopt(&self, _: NewSubject) -> Result<Adopted, Fault> {
        Err(not_asked())
    }
    async fn enrol(&self, _: &Pseudonym, _: NewEnrolment) -> Result<(), Fault> {
        Err(not_asked())
    }
    async fn revoke(&self, _: &Pseudonym, _: EnrolmentId) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn forget(&self, _: &Pseudonym) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn set_validity(
        &self,
        _: &Pseudonym,
        _: Option<UnixTime>,
        _: Option<UnixTime>,
    ) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn note_login(&self, _: &Pseudonym, _: i64, _: Option<SubjectDigest>, _: u32) -> Result<(), Fault> {
        Ok(())
    }
    async fn forget_networks_but(&self, _: &Pseudonym, _: u32) -> Result<u64, Fault> {
        Err(not_asked())
    }
    async fn subjects(&self, _: Option<&Pseudonym>, _: usize) -> Result<Vec<SubjectRow>, Fault> {
        Err(not_asked())
    }
    async fn subject(&self, _: &Pseudonym) -> Result<Option<SubjectRow>, Fault> {
        Err(not_asked())
    }
    async fn rekey_subject(&self, _: &SubjectRow, _: SubjectDigest, _: Sealed) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn rekey_enrolment(&self, _: EnrolmentId, _: &Sealed, _: Sealed) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn signing_clients(&self) -> Result<Vec<Box<str>>, Fault> {
        Err(not_asked())
    }
    async fn note_signing_client(&self, _: &str) -> Result<(), Fault> {
        Err(not_asked())
    }
    async fn totals(&self) -> Result<Totals, Fault> {
        Err(not_asked())
    }
    async fn probe(&self) -> Result<(), Fault> {
        Ok(())
    }
}

fn table(client: RadiusClient) -> ClientTable {
    let mut table = ClientTable::default();
    table.add(client, ["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]).map_err(|(p, _)| p).unwrap();
    table
}

struct Server {
    world: Arc<World>,
    front: Arc<Front>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<usize>>,
    address: SocketAddr,
}

impl Server {
    /// A server on a free port of `address` whose directory answers `permits` times.
    fn start(address: &str, sockets: usize, permits: usize) -> Self {
        Self::with(address, sockets, permits, 100)
    }

    fn with(address: &str, sockets: usize, permits: usize, places: usize) -> Self {
        let world = Arc::new(World { permits: Semaphore::new(permits), asked: watch::Sender::new(0) });
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rate = NonZeroU32::new(10_000).unwrap();
        let limits = AdmissionLimits {
            at_once: places,
            at_once_per_client: places,
            client_per_second: rate,
            source_per_minute: rate,
            subject_per_minute: rate,
            codes_per_minute: CodesPerMinute::each(|_| rate.get()),
            ..AdmissionLimits::default()
        };
        let parts = Parts {
            store: world.clone(),
            naming: world.clone(),
            factors: vec![world.clone()],
            audit: world.clone(),
            vault: world.clone(),
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
        };
        let directories: HashMap<Arc<str>, Arc<dyn Directory>> =
            HashMap::from([("main".into(), world.clone() as Arc<dyn Directory>)]);
        let admission = Arc::new(Admission::new(limits, ["vpn".into()], &clock));
        let live = Live {
            places: Arc::new(crate::gateway::ports::places::Nowhere),
            policy: Arc::new(Policy::default()),
            limits: FlowLimits::default(),
            directories,
            upstreams: HashMap::new(),
            admission,
            spray: Arc::new(Spray::new(SprayLimits::default(), &clock, &SystemRandom)),
            shown: Shown { v4: 32, v6: 128 },
        };
        let gateway = Arc::new(Gateway::new(parts, live));
        let front = Arc::new(Front::new(table(radius_client("vpn")), gateway, clock, Arc::new(SystemRandom)));
        let listeners = bind(address.parse().unwrap(), sockets).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let serve =
            |listener: Listener| tokio::spawn(listener.serve(front.clone(), stopped.clone(), PATIENCE));
        let tasks = listeners.into_iter().map(serve).collect();
        Self { world, front, stop, tasks, address }
    }

    async fn device(&self) -> Device {
        let local = if self.address.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        Device(UdpSocket::bind(local).await.unwrap())
    }

    /// Waits until the directory was asked `count` times.
    async fn asked(&self, count: u32) {
        let mut asked = self.world.asked.subscribe();
        timeout(PATIENCE, asked.wait_for(|asked| *asked >= count)).await.unwrap().unwrap();
    }

    fn count(&self, what: &str, why: &str) -> u64 {
        let all = self.front.counters().all();
        all.iter().find(|(w, y, _)| (*w, *y) == (what, why)).unwrap().2
    }
}

struct Device(UdpSocket);

impl Device {
    async fn send(&self, to: SocketAddr, packet: &[u8]) {
        self.0.send_to(packet, to).await.unwrap();
    }

    async fn hear(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 65_535];
        let (length, from) = timeout(PATIENCE, self.0.recv_from(&mut buffer)).await.unwrap().unwrap();
        buffer.truncate(length);
        (buffer, from)
    }

    async fn ask(&self, to: SocketAddr, packet: &[u8]) -> Vec<u8> {
        self.send(to, packet).await;
        let (reply, from) = self.hear().await;
        assert_eq!(from, to, "A-060");
        let authenticator = *Packet::parse(packet).unwrap().authenticator();
        let parsed = Packet::parse(&reply).unwrap();
        assert_eq!(secret("s3cret").check_reply(&parsed, &authenticator, true), Ok(()));
        reply
    }
}

fn log_in(identifier: u8, password: &[u8], extra: &[(u8, &[u8])]) -> Vec<u8> {
    signed_with(&secret("s3cret"), Code::AccessRequest, identifier, identifier, Some(password), extra)
}

fn probe(identifier: u8) -> Vec<u8> {
    signed_with(&secret("s3cret"), Code::StatusServer, identifier, 1, None, &[])
}

#[tokio::test]
async fn a_login_with_a_question_and_a_code_ends_in_an_accept() {
    let server = Server::start("127.0.0.1:0", 1, 9);
    let device = server.device().await;
    let challenge = device.ask(server.address, &log_in(1, b"hunter2", &[(PROXY_STATE, b"p")])).await;
    let challenge = Packet::parse(&challenge).unwrap();
    assert_eq!(challenge.code(), Code::AccessChallenge);
    assert_eq!(challenge.find(PROXY_STATE), Some(&b"p"[..]));
    let state = challenge.find(STATE).unwrap();
    let accept = device.ask(server.address, &log_in(2, b"123456", &[(STATE, state)])).await;
    assert_eq!(Packet::parse(&accept).unwrap().code(), Code::AccessAccept);
    let again = device.ask(server.address, &log_in(3, b"123456", &[(STATE, state)])).await;
    assert_eq!(Packet::parse(&again).unwrap().code(), Code::AccessReject, "A-069: a state works once");
}

#[tokio::test]
async fn a_password_with_its_code_behind_it_is_accepted_at_once() {
    let server = Server::start("127.0.0.1:0", 1, 9);
    let device = server.device().await;
    let reply = device.ask(server.address, &log_in(1, b"hunter2123456", &[])).await;
    assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessAccept);
    let reply = device.ask(server.address, &log_in(2, b"hunter1123456", &[])).await;
    assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessReject);
}

#[tokio::test]
async fn a_060_on_a_wildcard_the_answer_leaves_from_the_address_that_was_asked() {
    let server = Server::start("0.0.0.0:0", 1, 9);
    let device = server.device().await;
    for host in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 9, 9, 9]] {
        let to = SocketAddr::from((host, server.address.port()));
        device.ask(to, &probe(host[3])).await;
        device.ask(to, &log_in(host[3], b"wrong123456", &[])).await;
    }
}

#[tokio::test]
async fn a_060_ipv6_is_served_as_well_by_address_and_by_wildcard() {
    for address in ["[::1]:0", "[::]:0"] {
        let server = Server::start(address, 1, 9);
        let device = server.device().await;
        let to = SocketAddr::new("::1".parse().unwrap(), server.address.port());
        let reply = device.ask(to, &log_in(1, b"hunter2123456", &[])).await;
        assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessAccept, "{address}");
    }
}

#[tokio::test]
async fn both_families_can_be_bound_to_one_port() {
    let server = Server::start("0.0.0.0:0", 1, 0);
    let v6: SocketAddr = format!("[::]:{}", server.address.port()).parse().unwrap();
    assert!(bind(v6, 1).is_ok());
    assert!(bind(server.address, 1).is_err(), "the address is taken");
}

#[tokio::test]
async fn a_112_copies_of_a_slow_login_ask_the_directory_once() {
    let server = Server::start("127.0.0.1:0", 1, 0);
    let device = server.device().await;
    let packet = log_in(1, b"wrong123456", &[]);
    for _ in 0..3 {
        device.send(server.address, &packet).await;
    }
    server.asked(1).await;
    // The socket's task takes packets in their order: when the probe is answered, the copies were seen.
    device.ask(server.address, &probe(9)).await;
    server.world.permits.add_permits(1);
    let (first, _) = device.hear().await;
    assert_eq!(device.ask(server.address, &packet).await, first, "A-111");
    assert_eq!(*server.world.asked.borrow(), 1);
    assert_eq!(server.count("dropped", "duplicate-in-work"), 2);
}

#[tokio::test]
async fn a_flood_of_garbage_is_counted_and_does_not_disturb_a_login() {
    let server = Server::start("127.0.0.1:0", 1, 9);
    let device = server.device().await;
    for n in 0..100u8 {
        device.send(server.address, &vec![n; usize::from(n)]).await;
    }
    device.ask(server.address, &probe(1)).await;
    let reply = device.ask(server.address, &log_in(1, b"hunter2123456", &[])).await;
    assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessAccept);
    let dropped: u64 = server.front.counters().all_dropped().map(|(_, count)| count).sum();
    assert_eq!(dropped, 99, "all but the empty one, of which the kernel gives us nothing");
}

#[tokio::test]
async fn a_123_without_a_place_a_device_hears_nothing_and_may_try_again() {
    let server = Server::with("127.0.0.1:0", 1, 0, 1);
    let device = server.device().await;
    device.send(server.address, &log_in(1, b"wrong123456", &[])).await;
    server.asked(1).await;
    let second = log_in(2, b"wrong123456", &[]);
    device.send(server.address, &second).await;
    device.ask(server.address, &probe(9)).await;
    assert_eq!(server.count("dropped", "admission-client-full"), 1);
    server.world.permits.add_permits(2);
    device.hear().await;
    device.ask(server.address, &second).await;
}

#[tokio::test]
async fn a_reload_answers_what_runs_with_the_old_secret_and_what_comes_with_the_new() {
    let server = Server::start("127.0.0.1:0", 1, 0);
    let device = server.device().await;
    let old = log_in(1, b"wrong123456", &[]);
    device.send(server.address, &old).await;
    server.asked(1).await;
    server.front.reload(table(RadiusClient { secret: secret("new"), ..radius_client("vpn") }));
    device.send(server.address, &request(2, 2, &[])).await;
    server.world.permits.add_permits(1);
    let (reply, _) = device.hear().await;
    let reply = Packet::parse(&reply).unwrap();
    let authenticator = *Packet::parse(&old).unwrap().authenticator();
    assert_eq!(secret("s3cret").check_reply(&reply, &authenticator, true), Ok(()));
    let alive = signed_with(&secret("new"), Code::StatusServer, 3, 3, None, &[]);
    device.send(server.address, &alive).await;
    let (reply, _) = device.hear().await;
    assert_eq!(secret("new").check_reply(&Packet::parse(&reply).unwrap(), &[3; 16], true), Ok(()));
    assert_eq!(server.count("dropped", "message-authenticator-wrong"), 1, "the old secret is gone");
}

#[tokio::test]
async fn stopping_lets_running_logins_end_and_reads_no_more() {
    let mut server = Server::start("127.0.0.1:0", 1, 0);
    let device = server.device().await;
    device.send(server.address, &log_in(1, b"wrong123456", &[])).await;
    server.asked(1).await;
    server.stop.send_replace(true);
    server.world.permits.add_permits(1);
    let (reply, _) = device.hear().await;
    assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessReject);
    let task = server.tasks.remove(0);
    assert_eq!(timeout(PATIENCE, task).await.unwrap().unwrap(), 0, "nobody was cut off");
    assert!(bind(server.address, 1).is_ok(), "the socket is closed");
}

#[tokio::test]
async fn stopping_says_how_many_logins_were_cut_off() {
    let server = Server::start("127.0.0.1:0", 1, 0);
    let (stop, stopped) = watch::channel(false);
    let listener = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(listener.serve(server.front.clone(), stopped, Duration::ZERO));
    let device = server.device().await;
    device.send(address, &log_in(1, b"wrong123456", &[])).await;
    server.asked(1).await;
    drop(stop);
    assert_eq!(timeout(PATIENCE, task).await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn several_sockets_share_one_address() {
    let server = Server::start("127.0.0.1:0", 3, 99);
    assert_eq!(server.tasks.len(), 3);
    for n in 1..=20 {
        let device = server.device().await;
        let reply = device.ask(server.address, &log_in(n, b"hunter2123456", &[])).await;
        assert_eq!(Packet::parse(&reply).unwrap().code(), Code::AccessAccept);
    }
    assert_eq!(server.count("sent", "accept"), 20);
}

/// Runs FreeRADIUS' client with `request` on its input and gives back what it says; `None`, loudly, where it
/// is not installed. CI must have it.
async fn radclient(server: &Server, kind: &'static str, request: String) -> Option<String> {
    let to = server.address.to_string();
    let run = move || {
        let mut command = Command::new("radclient");
        command.args(["-x", "-r", "1", "-t", "5", &to, kind, "s3cret"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Some(format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    };
    let said = tokio::task::spawn_blocking(run).await.unwrap();
    if said.is_none() {
        eprintln!("radclient is not installed: nothing was tried against it");
        assert!(std::env::var_os("CI").is_none(), "CI must have radclient");
    }
    said
}

fn as_radclient_writes(password: &str, more: &str) -> String {
    format!(
        "User-Name = \"anna\"\nUser-Password = \"{password}\"\nNAS-Identifier = \"fw\"\nProxy-State = 0x6f6e65\n\
         Proxy-State = 0x74776f\nMessage-Authenticator = 0x00\n{more}\n"
    )
}

#[tokio::test]
async fn radclient_logs_in_and_finds_every_answer_authentic() {
    let server = Server::start("127.0.0.1:0", 1, 99);
    let ask = as_radclient_writes;
    let Some(said) = radclient(&server, "auth", ask("hunter2123456", "")).await else { return };
    assert!(said.contains("Received Access-Accept"), "{said}");
    let said = radclient(&server, "auth", ask("wrong123456", "")).await.unwrap();
    assert!(said.contains("Received Access-Reject") && said.contains("Sign-in failed."), "{said}");
    let said = radclient(&server, "auth", ask("hunter2", "")).await.unwrap();
    assert!(said.contains("Received Access-Challenge"), "{said}");
    assert!(said.contains("Proxy-State = 0x6f6e65\n\tProxy-State = 0x74776f"), "A-061: {said}");
    let more = said.lines().map(str::trim).find(|line| line.starts_with("State = 0x")).unwrap();
    let said = radclient(&server, "auth", ask("123456", more)).await.unwrap();
    assert!(said.contains("Received Access-Accept"), "{said}");
    let probe = "Message-Authenticator = 0x00\n".to_owned();
    let said = radclient(&server, "status", probe).await.unwrap();
    assert!(said.contains("Received Access-Accept"), "{said}");
}
