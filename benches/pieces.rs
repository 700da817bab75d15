//! What a login is made of, piece by piece, in one process and without sockets: for the benches that count instructions
//! and time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorward::audit::{self, NetworkPrefix};
use doorward::base::clock::{Clock, ManualClock, SystemClock};
use doorward::base::random::SeededRandom;
use doorward::base::secret::Secret;
use doorward::daemon::assemble;
use doorward::daemon::stock::Stock;
use doorward::frontend::radius::clients::ClientTable;
use doorward::frontend::radius::counters::Counters;
use doorward::frontend::radius::session::{Action, Session};
use doorward::frontend::radius::translate::{Arrival, Fresh};
use doorward::gateway::drive::{Asker, Gateway, Parts, Reply};
use doorward::gateway::ports::{AuditRecord, Place, SecondFactor, Store, Vault};
use doorward::login::attempt::AttemptId;
use doorward::login::credential::Code as Typed;
use doorward::login::factor::{Enrolment, FactorKind, FactorOutcome, Proof, Try};
use doorward::login::identity::Pseudonym;
use doorward::login::policy::{Policy, Rules};
use doorward::wire::ldap::answer;
use doorward::wire::ldap::ask::{Bind, Method};
use doorward::wire::ldap::message::Message;
use doorward::wire::ldap::request::simple_bind;
use doorward::wire::ldap::result::ResultCode;
use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::build::{ReplyBuilder, ReplyTo, RequestBuilder};
use doorward::wire::radius::dictionary::{CALLING_STATION_ID, USER_NAME};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};

use crate::crowd::{self, PASSWORD, home, name};
use crate::lab::{self, Lab};
use crate::rules::{self, Dice, Login, Size};
use crate::store;

/// People; when all of them have logged in, the next time step begins.
const USERS: usize = 128;
/// How long a step is.
const STEP: Duration = Duration::from_secs(30);
/// Logins, or uses of codes, that are made at once in the pieces whose names say so.
const GROUP: usize = 32;
/// What one client may ask in a second, and a little less.
const PROBES: u64 = 40;

/// Something that is done over and over.
pub trait Piece {
    /// What one turn begins with; not counted.
    fn prepare(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// One turn.
    fn run(&mut self, input: &[u8]);

    /// Things done in one turn.
    fn count(&self) -> usize {
        1
    }

    /// Turns after which what is counted stands out from what varies from run to run: seeds of hash tables, and who waits
    /// for whom.
    fn turns(&self) -> usize {
        4096
    }
}

/// Every piece has a name.
pub const NAMES: [&str; 17] = [
    "packet", "status", "stranger", "forged", "copy", "login", "logins", "refused", "settle", "settles",
    "recall", "rules", "judge", "unseal", "digest", "audit", "bind",
];

/// The piece of this name.
pub fn piece(name: &str) -> Box<dyn Piece> {
    match name {
        "packet" => Box::new(WholePacket(World::new())),
        "status" => Box::new(Probe(World::new())),
        "stranger" => {
            Box::new(Junk { world: World::new(), from: Ipv4Addr::new(127, 9, 0, 1), secret: secret() })
        }
        "forged" => {
            let other = SharedSecret::new(Secret::copied(b"not the secret, but quite as long")).unwrap();
            Box::new(Junk { world: World::new(), from: Ipv4Addr::LOCALHOST, secret: other })
        }
        "copy" => Box::new(Copy::new()),
        "login" => Box::new(LogIn { world: World::new(), at_once: 1, right: true }),
        "logins" => Box::new(LogIn { world: World::new(), at_once: GROUP, right: true }),
        "refused" => Box::new(LogIn { world: World::new(), at_once: 1, right: false }),
        "settle" => Box::new(Settle { world: World::new(), at_once: 1 }),
        "settles" => Box::new(Settle { world: World::new(), at_once: GROUP }),
        "recall" => Box::new(Recall(World::new())),
        "rules" => Box::new(Decide::new()),
        "judge" => Box::new(Judge::new()),
        "unseal" => Box::new(Unseal::new()),
        "digest" => Box::new(Digest(World::new())),
        "audit" => Box::new(Record::new()),
        "bind" => Box::new(BindMessage),
        other => panic!("no piece {other}"),
    }
}

/// The gateway of the finished program with users in a file, its store on the disk, and a clock that is moved by hand.
struct World {
    runtime: tokio::runtime::Runtime,
    clock: Arc<ManualClock>,
    stock: Stock,
    gateway: Arc<Gateway>,
    clients: ClientTable,
    session: Session,
    listener: Arc<str>,
    secret: SharedSecret,
    /// Requests that were built, and turns that were taken.
    built: u64,
    taken: u64,
    first_step: i64,
    _lab: Lab,
}

fn secret() -> SharedSecret {
    SharedSecret::new(Secret::copied(lab::SECRET.as_bytes())).unwrap()
}

impl World {
    fn new() -> Self {
        // In memory where there is such a place: instructions are counted here, and no flush is to be waited for.
        let folder =
            ["/dev/shm", env!("CARGO_TARGET_TMPDIR")].into_iter().find(|path| Path::new(path).is_dir());
        let dir = tempfile::TempDir::with_prefix_in("pieces-", folder.unwrap()).unwrap();
        lab::private_file(&dir.path().join("vpn.secret"), lab::SECRET);
        let users = dir.path().join("users.toml");
        crowd::write_users(&users, USERS, 1);
        let tables = format!(
            "{}[[directory]]\nname = \"people\"\nkind = \"file\"\npath = {users:?}\n\
             [[client]]\nname = \"vpn\"\naddresses = [\"127.0.0.1\"]\nsecret = {{ file = {:?} }}\n\
             directory = \"people\"\nprimary = \"trusted\"\nreject-delay = \"0s\"\n",
            crowd::LIMITS,
            dir.path().join("vpn.secret"),
        );
        let lab = Lab::prepared(dir, &tables);
        let (mut settings, _) = doorward::daemon::load(&lab.path("doorward.toml")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let clock = Arc::new(ManualClock::at(SystemClock.now().unix));
        let (stock, gateway) = runtime.block_on(async {
            let stock = Stock::open(&settings).await.unwrap();
            let vault: Arc<dyn Vault> = stock.keys.clone();
            let into: Arc<dyn Store> = stock.store.clone();
            store::fill_accounts(&into, &vault, "people", crowd::file_ids(USERS)).await.unwrap();
            let parts =
                Parts { clock: clock.clone(), random: Arc::new(SeededRandom::new(1)), ..stock.parts() };
            let dynamic: Arc<dyn Clock> = clock.clone();
            let live = assemble::live(&mut settings, None, &dynamic, &parts.random.clone()).unwrap();
            (stock, Arc::new(Gateway::new(parts, live)))
        });
        let first_step = clock.now().unix.seconds() / 30;
        Self {
            runtime,
            clients: assemble::clients(&settings).unwrap(),
            session: Session::new(Arc::new(Counters::default())),
            clock,
            stock,
            gateway,
            listener: "127.0.0.1:1812".into(),
            secret: secret(),
            built: 0,
            taken: 0,
            first_step,
            _lab: lab,
        }
    }

    /// Whose turn it is, and at which step.
    fn turn(count: u64) -> (usize, i64) {
        let users = USERS as u64;
        (usize::try_from(count % users).unwrap(), i64::try_from(count / users).unwrap())
    }

    /// The next request of a login, with the code of its step, or with another one.
    fn request(&mut self, right: bool) -> Vec<u8> {
        let (user, round) = Self::turn(self.built);
        let step = self.first_step + round;
        let code =
            if right { lab::totp(lab::SEED, step) } else { lab::totp(b"another seed, of 24 octets", step) };
        let bytes = request(self.built, user, &code, &self.secret);
        self.built += 1;
        bytes
    }

    /// Takes the next turn; everybody has logged in when a step ends.
    fn take(&mut self) -> u64 {
        let taken = self.taken;
        self.taken += 1;
        if self.taken.is_multiple_of(USERS as u64) {
            self.clock.advance(STEP);
        }
        taken
    }

    /// What the session makes of a datagram that came from this address.
    fn on_datagram(&mut self, from: Ipv4Addr, count: u64, bytes: &[u8]) -> Action {
        let arrival = Arrival {
            now: self.clock.now(),
            local: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            listener: &self.listener,
            peer: SocketAddr::from((from, 1024 + u16::try_from(count / 256 % 60_000).unwrap())),
            bytes,
            fresh: Fresh::new([7; Fresh::LEN]),
        };
        self.session.on_datagram(&self.clients, &arrival)
    }

    fn who(user: usize) -> Pseudonym {
        store::pseudonym(user as u64)
    }

    fn enrolment(&self, user: usize) -> Enrolment {
        let record = self.runtime.block_on(self.stock.store.recall(&Self::who(user))).unwrap();
        record.enrolments[0].clone()
    }
}

fn request(count: u64, user: usize, password: &str, secret: &SharedSecret) -> Vec<u8> {
    let mut authenticator = [0x5a; 16];
    authenticator[..8].copy_from_slice(&count.to_be_bytes());
    let mut buffer = [0; MAX_LEN];
    let identifier = u8::try_from(count % 256).unwrap();
    let mut request =
        RequestBuilder::new(&mut buffer, Code::AccessRequest, identifier, authenticator).unwrap();
    request.attribute(USER_NAME, name(user).as_bytes()).unwrap();
    request.password(password.as_bytes(), secret).unwrap();
    request.attribute(CALLING_STATION_ID, home(user).to_string().as_bytes()).unwrap();
    request.sign(secret).unwrap().to_vec()
}

/// Taking a request apart and proving it, and building and signing the reply.
struct WholePacket(World);

impl Piece for WholePacket {
    fn prepare(&mut self) -> Vec<u8> {
        self.0.request(true)
    }

    fn run(&mut self, input: &[u8]) {
        let packet = Packet::parse(input).unwrap();
        let _proof = std::hint::black_box(self.0.secret.check_request(&packet));
        let mut buffer = [0; MAX_LEN];
        let to = ReplyTo::from(&packet);
        let reply = ReplyBuilder::new(&mut buffer, Code::AccessAccept, &to).unwrap();
        std::hint::black_box(reply.sign(&self.0.secret).unwrap());
    }
}

/// A Status-Server request from the datagram to its answer.
struct Probe(World);

impl Piece for Probe {
    fn prepare(&mut self) -> Vec<u8> {
        let mut buffer = [0; MAX_LEN];
        let request = RequestBuilder::new(&mut buffer, Code::StatusServer, 0, [0x5a; 16]).unwrap();
        request.sign(&self.0.secret).unwrap().to_vec()
    }

    fn run(&mut self, input: &[u8]) {
        self.0.taken += 1;
        if self.0.taken.is_multiple_of(PROBES) {
            self.0.clock.advance(Duration::from_secs(1));
        }
        let action = self.0.on_datagram(Ipv4Addr::LOCALHOST, 0, input);
        assert!(matches!(action, Action::Send(_)), "{action:?}");
    }
}

/// A datagram that nothing comes of.
struct Junk {
    world: World,
    from: Ipv4Addr,
    secret: SharedSecret,
}

impl Piece for Junk {
    fn prepare(&mut self) -> Vec<u8> {
        self.world.built += 1;
        request(self.world.built, 0, "123456", &self.secret)
    }

    fn run(&mut self, input: &[u8]) {
        let action = self.world.on_datagram(self.from, 0, input);
        assert!(matches!(action, Action::Drop(_)), "{action:?}");
    }
}

/// A copy of a request that was answered.
struct Copy {
    world: World,
    bytes: Vec<u8>,
}

impl Copy {
    fn new() -> Self {
        let mut login = LogIn { world: World::new(), at_once: 1, right: true };
        let bytes = login.prepare();
        login.run(&bytes);
        Self { world: login.world, bytes: single(&bytes).next().unwrap().to_vec() }
    }
}

impl Piece for Copy {
    fn run(&mut self, _: &[u8]) {
        let action = self.world.on_datagram(Ipv4Addr::LOCALHOST, 0, &self.bytes);
        assert!(matches!(action, Action::Send(_)), "{action:?}");
    }
}

/// Whole logins, from datagram to reply.
struct LogIn {
    world: World,
    at_once: usize,
    right: bool,
}

/// The packets that stand in here one after another, each with its length in its header.
fn single(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]));
        let (one, rest) = bytes.split_at(length);
        bytes = rest;
        Some(one)
    })
}

impl Piece for LogIn {
    fn prepare(&mut self) -> Vec<u8> {
        (0..self.at_once).flat_map(|_| self.world.request(self.right)).collect()
    }

    fn run(&mut self, input: &[u8]) {
        let mut begun = Vec::with_capacity(self.at_once);
        let since = self.world.gateway.since(self.world.clock.now());
        for bytes in single(input) {
            let count = self.world.taken;
            // The clock moves with the turn, after the step's last login.
            match self.world.on_datagram(Ipv4Addr::LOCALHOST, count, bytes) {
                Action::Begin(ticket, attempt) => {
                    let place = self.world.gateway.admit(&attempt).unwrap().with(since);
                    begun.push((ticket, attempt, place));
                }
                other => panic!("{other:?}"),
            }
            self.world.taken += 1;
        }
        let (gateway, alone) = (&self.world.gateway, self.at_once == 1);
        let ended = self.world.runtime.block_on(async {
            if alone {
                let (ticket, attempt, place) = begun.pop().unwrap();
                return vec![(ticket, gateway.begin(*attempt, place, Asker::patient()).await)];
            }
            let begin = |(ticket, attempt, place): (_, Box<_>, _)| {
                let gateway = gateway.clone();
                tokio::spawn(async move { (ticket, gateway.begin(*attempt, place, Asker::patient()).await) })
            };
            let tasks: Vec<_> = begun.drain(..).map(begin).collect();
            let mut ended = Vec::with_capacity(tasks.len());
            for task in tasks {
                ended.push(task.await.unwrap());
            }
            ended
        });
        for (ticket, ended) in ended {
            assert_eq!(matches!(ended.reply, Reply::Accept(_)), self.right, "{:?}", ended.reply);
            let now = self.world.clock.now();
            std::hint::black_box(self.world.session.on_reply(&ticket, now, &ended).unwrap());
        }
        if self.world.taken % (USERS as u64) < self.at_once as u64 {
            self.world.clock.advance(STEP);
        }
    }

    fn count(&self) -> usize {
        self.at_once
    }

    fn turns(&self) -> usize {
        1024 / self.at_once
    }
}

/// Using up codes so that no crash gives them back.
struct Settle {
    world: World,
    at_once: usize,
}

impl Settle {
    fn next(&mut self) -> (Pseudonym, Try) {
        let (user, round) = World::turn(self.world.take());
        let mark = store::step(self.world.first_step + round);
        (World::who(user), store::good(user as u64, mark))
    }
}

impl Piece for Settle {
    fn run(&mut self, _: &[u8]) {
        let tries: Vec<_> = (0..self.at_once).map(|_| self.next()).collect();
        let (store, now) = (self.world.stock.store.clone(), self.world.clock.now().unix);
        self.world.runtime.block_on(async move {
            let settle = |(who, code): (Pseudonym, Try)| {
                let store = store.clone();
                async move { store.settle(&who, &[code], now, &crowd::GUESSES, Proof::Proven).await.unwrap() }
            };
            let confirmed = FactorOutcome::Confirmed(FactorKind::Totp);
            if let [one] = &*tries {
                assert_eq!(settle(one.clone()).await, confirmed);
                return;
            }
            let tasks: Vec<_> = tries.into_iter().map(|one| tokio::spawn(settle(one))).collect();
            for task in tasks {
                assert_eq!(task.await.unwrap(), confirmed);
            }
        });
    }

    fn count(&self) -> usize {
        self.at_once
    }

    fn turns(&self) -> usize {
        1024 / self.at_once
    }
}

/// Reading what the store has of somebody.
struct Recall(World);

impl Piece for Recall {
    fn run(&mut self, _: &[u8]) {
        let (user, _) = World::turn(self.0.take());
        let record = self.0.runtime.block_on(self.0.stock.store.recall(&World::who(user))).unwrap();
        assert_eq!(record.enrolments.len(), 1);
    }
}

/// A decision among a hundred rules, about somebody in twenty groups.
struct Decide {
    policy: Policy,
    logins: Vec<Login>,
    next: usize,
}

impl Decide {
    fn new() -> Self {
        let size = Size { rules: 100, prefixes: 320, groups: 20, address_known: true };
        let mut dice = Dice(88_172_645_463_325_252);
        let sets = rules::networks(size.prefixes, &mut dice);
        let list = rules::rules(size.rules, &sets, &mut dice);
        let logins = (0..200).map(|_| Login::new(&size, &sets, &mut dice)).collect();
        Self { policy: Policy { rules: Rules::from(list), ..Policy::default() }, logins, next: 0 }
    }
}

impl Piece for Decide {
    fn run(&mut self, _: &[u8]) {
        self.next = (self.next + 1) % self.logins.len();
        let decision = self.policy.decide(&self.logins[self.next].facts());
        assert!(std::hint::black_box(decision).is_some());
    }
}

/// Holding a right code against an enrolment.
struct Judge {
    world: World,
    factor: Arc<dyn SecondFactor>,
    enrolment: Enrolment,
    code: Typed,
}

impl Judge {
    fn new() -> Self {
        let world = World::new();
        let factors = world.stock.factors();
        let factor = factors.into_iter().find(|factor| factor.kind() == FactorKind::Totp).unwrap();
        let code = Typed::read(lab::totp(lab::SEED, world.first_step).as_bytes()).unwrap();
        Self { factor, enrolment: world.enrolment(0), code, world }
    }
}

impl Piece for Judge {
    fn run(&mut self, _: &[u8]) {
        let now = self.world.clock.now().unix;
        assert!(self.factor.judge(&self.enrolment, &self.code, now).unwrap().is_some());
    }
}

/// Opening a sealed seed.
struct Unseal {
    world: World,
    enrolment: Enrolment,
}

impl Unseal {
    fn new() -> Self {
        let world = World::new();
        Self { enrolment: world.enrolment(0), world }
    }
}

impl Piece for Unseal {
    fn run(&mut self, _: &[u8]) {
        let Enrolment { id, sealed, .. } = &self.enrolment;
        std::hint::black_box(self.world.stock.keys.open(Place::Seed(*id), sealed).unwrap());
    }
}

/// Under what an account is found in the store.
struct Digest(World);

impl Piece for Digest {
    fn run(&mut self, _: &[u8]) {
        std::hint::black_box(self.0.stock.keys.digests("people", &[0x40; 16]));
    }
}

/// A line of the audit.
struct Record {
    record: AuditRecord,
    line: Vec<u8>,
}

impl Record {
    fn new() -> Self {
        let now = SystemClock.now().unix;
        let record = AuditRecord {
            attempt: Some(AttemptId([7; 8])),
            client: Some("vpn".into()),
            pseudonym: Some(World::who(0)),
            factor: Some(FactorKind::Totp),
            rule: Some("vpn-users".into()),
            source: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            network: Some(IpAddr::V4(home(0))),
            elapsed_us: 1234,
            ..AuditRecord::bare(now, "login", "factor", "accept", "confirmed")
        };
        Self { record, line: Vec::with_capacity(1024) }
    }
}

impl Piece for Record {
    fn run(&mut self, _: &[u8]) {
        self.line.clear();
        audit::write(&mut self.line, &self.record, NetworkPrefix::WHOLE);
        std::hint::black_box(&self.line);
    }
}

/// Reading a bind and writing its answer.
struct BindMessage;

impl Piece for BindMessage {
    fn prepare(&mut self) -> Vec<u8> {
        let dn = format!("uid={},ou=people,dc=lab,dc=test", name(0));
        simple_bind(1, &dn, format!("{PASSWORD}123456").as_bytes()).unwrap().to_vec()
    }

    fn run(&mut self, input: &[u8]) {
        let message = Message::read(input).unwrap();
        let bind = Bind::read(&message.operation).unwrap();
        assert!(matches!(bind.method, Method::Simple(_)));
        std::hint::black_box(answer::bind(message.id, ResultCode::SUCCESS, ""));
    }
}
