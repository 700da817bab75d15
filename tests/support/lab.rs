//! The finished program with throwaway settings, and an appliance that asks it. Include with
//! `#[path = "support/lab.rs"] mod lab;`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::secret::Secret;
use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::build::RequestBuilder;
use doorward::wire::radius::dictionary::{CALLING_STATION_ID, STATE, USER_NAME};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use tempfile::TempDir;

/// Shared secret of the lab's client.
pub const SECRET: &str = "a lab secret of 32 octets, 123456";
/// Alice's password.
pub const PASSWORD: &str = "correct horse";
/// Alice's TOTP seed.
pub const SEED: &[u8] = b"12345678901234567890";

/// How long anything may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Lab {
    pub dir: TempDir,
    pub radius: SocketAddr,
    pub status: SocketAddr,
    /// Variables of the environment for the next start.
    pub environment: Vec<(String, String)>,
    child: Option<Child>,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// Everything but users, client extras and rules.
fn base_config(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"
[radius]
listen = ["127.0.0.1:0"]
[store]
path = "{dir}/doorward.db"
[keys]
file = "{dir}/keys"
[audit]
to = "{dir}/audit.jsonl"
[log]
format = "json"
[status]
listen = "127.0.0.1:0"
"#
    )
}

/// A client on loopback with the lab's secret, whose users are in directory `staff`; `extra` are more keys.
pub fn client(dir: &Path, extra: &str) -> String {
    format!(
        "[[client]]\nname = \"vpn\"\naddresses = [\"127.0.0.0/8\"]\nsecret = {{ file = \"{}/vpn.secret\" }}\n\
         directory = \"staff\"\nreject-delay = \"0s\"\n{extra}\n",
        dir.display()
    )
}

/// The file directory with alice and bob.
pub fn staff(dir: &Path) -> String {
    format!("[[directory]]\nname = \"staff\"\nkind = \"file\"\npath = \"{}/users.toml\"\n", dir.display())
}

pub fn private_file(path: &Path, text: &str) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A folder with users, secret and keys, and nothing running.
pub fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    private_file(&dir.path().join("vpn.secret"), SECRET);
    let hash = hash_password(PASSWORD);
    let user = |id: u8, name: &str| {
        format!(
            "[[user]]\nid = \"00000000-0000-4000-8000-0000000000{id:02x}\"\nname = \"{name}\"\n\
             password = \"{hash}\"\ngroups = [\"vpn users\"]\n\n"
        )
    };
    private_file(&dir.path().join("users.toml"), &format!("{}{}", user(1, "alice"), user(2, "bob")));
    dir
}

/// One hash for all tests of a process: it is meant to be slow.
pub fn hash_password(password: &str) -> String {
    static KNOWN: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap();
    if let Some((_, hash)) = known.iter().find(|(text, _)| text == password) {
        return hash.clone();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    let mut child =
        command.arg("hash-password").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let hash = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    known.push((password.to_owned(), hash.clone()));
    hash
}

fn doorward(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.arg("--config").arg(dir.join("doorward.toml"));
    command
}

/// A command of the program on the `doorward.toml` of a folder.
pub fn command_in(folder: &Path, args: &[&str]) -> Output {
    doorward(folder).args(args).stdin(Stdio::null()).output().unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

impl Lab {
    /// The program with alice and bob in a file, and one client with `client_extra` keys; `more` is put
    /// behind it: rules, limits.
    pub fn start(client_extra: &str, more: &str) -> Self {
        let dir = folder();
        let config = format!(
            "{}{}{}{more}",
            base_config(dir.path()),
            staff(dir.path()),
            client(dir.path(), client_extra)
        );
        Self::start_with(dir, &config)
    }

    /// The program with a configuration that stands in for all but the base tables.
    pub fn start_custom(dir: TempDir, tables: &str) -> Self {
        let config = format!("{}{tables}", base_config(dir.path()));
        Self::start_with(dir, &config)
    }

    fn start_with(dir: TempDir, config: &str) -> Self {
        let mut lab = Self::prepared_with(dir, config);
        lab.run();
        lab
    }

    /// The folder with a configuration that stands in for all but the base tables, and nothing running.
    pub fn prepared(dir: TempDir, tables: &str) -> Self {
        let config = format!("{}{tables}", base_config(dir.path()));
        Self::prepared_with(dir, &config)
    }

    fn prepared_with(dir: TempDir, config: &str) -> Self {
        fs::write(dir.path().join("doorward.toml"), config).unwrap();
        let keys = doorward(dir.path()).args(["key", "generate"]).output().unwrap();
        assert!(keys.status.success() || dir.path().join("keys").exists(), "{}", text(&keys));
        let unbound = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            dir,
            radius: unbound,
            status: unbound,
            environment: Vec::new(),
            child: None,
            log: Arc::default(),
        }
    }

    /// Starts the program (again) on the same folder.
    pub fn run(&mut self) {
        self.log = Arc::default();
        let mut child = doorward(self.dir.path())
            .arg("run")
            .envs(self.environment.iter().cloned())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = self.log.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                log.lines.lock().unwrap().push(line);
                log.more.notify_all();
            }
            log.lines.lock().unwrap().push(r#"{"event":"test.ended"}"#.to_owned());
            log.more.notify_all();
        });
        self.child = Some(child);
        self.wait_for_event("daemon.ready");
        if self.log().contains("\"radius.listening\"") {
            self.radius = self.address("radius.listening");
        }
        self.status = self.address("status.listening");
    }

    fn address(&self, event: &str) -> SocketAddr {
        let line = self.wait_for_event(event);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        value["address"].as_str().unwrap().parse().unwrap()
    }

    /// Where the LDAP listener of this name is.
    pub fn ldap_address(&self, listener: &str) -> SocketAddr {
        let named = format!("\"listener\":\"{listener}\"");
        let line =
            self.wait_for(|line| line.contains("\"event\":\"ldap.listening\"") && line.contains(&named));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        value["address"].as_str().unwrap().parse().unwrap()
    }

    /// Waits for a log line with this event and returns it.
    pub fn wait_for_event(&self, event: &str) -> String {
        self.wait_for(|line| line.contains(&format!("\"event\":\"{event}\"")))
    }

    pub fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> String {
        let until = SystemClock.now().steady + PATIENCE;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| wanted(line)) {
                return line.clone();
            }
            let ended = lines.last().is_some_and(|line| line.contains("test.ended"));
            let left = until.saturating_duration_since(SystemClock.now().steady);
            assert!(!ended && !left.is_zero(), "the program never said it; it said:\n{}", lines.join("\n"));
            lines = self.log.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    pub fn log(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    pub const fn is_running(&self) -> bool {
        self.child.is_some()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn signal(&self, signal: &str) {
        let status =
            Command::new("kill").arg(format!("-{signal}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Ends the program with a signal and waits for its end.
    pub fn end(&mut self, signal: &str) -> std::process::ExitStatus {
        self.signal(signal);
        self.child.take().unwrap().wait().unwrap()
    }

    /// Runs a command of the program against the same configuration.
    pub fn command(&self, args: &[&str], input: &str) -> Output {
        let mut command = doorward(self.dir.path());
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that needs no input may have ended before it could be given any.
        let _read_or_not = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Runs a command that must succeed; what it printed.
    pub fn must(&self, args: &[&str], input: &str) -> String {
        let output = self.command(args, input);
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Enrols a known TOTP seed; the code that proves it is the one of the step before now, so that the
    /// present one is still good.
    pub fn enrol_totp(&self, user: &str) {
        let seed = self.dir.path().join("seed");
        private_file(&seed, &data_encoding::BASE32_NOPAD.encode(SEED));
        let code = totp(SEED, step_now() - 1);
        let args =
            ["enrol", "totp", "--directory", "staff", "--user", user, "--seed-file", seed.to_str().unwrap()];
        self.must(&args, &format!("{code}\n"));
    }

    /// Enrols a known HOTP seed, of which no code was shown yet.
    pub fn enrol_hotp(&self, user: &str, seed: &[u8]) {
        let file = self.dir.path().join("seed");
        private_file(&file, &data_encoding::BASE32_NOPAD.encode(seed));
        let args =
            ["enrol", "hotp", "--directory", "staff", "--user", user, "--seed-file", file.to_str().unwrap()];
        self.must(&args, "");
    }

    pub fn appliance(&self) -> Appliance {
        Appliance::new(self.radius, SECRET)
    }

    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.dir.path().join("audit.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The records of logins alone.
    pub fn logins(&self) -> Vec<serde_json::Value> {
        self.audit().into_iter().filter(|record| record["event"] == "login").collect()
    }

    /// The reason in the last record of a login.
    pub fn last_reason(&self) -> String {
        self.logins().last().map(|r| r["reason"].as_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The metrics or health page.
    pub fn page(&self, path: &str) -> String {
        use std::io::Read;
        let mut stream = std::net::TcpStream::connect(self.status).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page
    }

    /// Asks for a page until it holds `text`.
    pub fn wait_for_page(&self, path: &str, text: &str) -> String {
        let until = SystemClock.now().steady + PATIENCE;
        loop {
            let page = self.page(path);
            if page.contains(text) {
                return page;
            }
            assert!(SystemClock.now().steady < until, "{text} never came: {page}");
            std::thread::yield_now();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Replaces a text in the configuration file.
    pub fn edit_config(&self, from: &str, to: &str) {
        let path = self.path("doorward.toml");
        let config = fs::read_to_string(&path).unwrap();
        assert!(config.contains(from), "{config}");
        fs::write(&path, config.replace(from, to)).unwrap();
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

pub fn text(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Number of the present 30-second step.
pub fn step_now() -> i64 {
    SystemClock.now().unix.seconds() / 30
}

/// A step that will not end within the next `seconds`, so that a test does not straddle two.
pub fn quiet_step(seconds: i64) -> i64 {
    loop {
        let now = SystemClock.now().unix;
        if 30 - now.seconds().rem_euclid(30) > seconds {
            return now.seconds() / 30;
        }
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

/// The six digits of a seed at a step, computed apart from the program (RFC 6238, SHA-1).
pub fn totp(seed: &[u8], step: i64) -> String {
    hotp(seed, u64::try_from(step).unwrap())
}

/// The six digits of a seed and a counter, computed apart from the program (RFC 4226).
pub fn hotp(seed: &[u8], counter: u64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(seed).unwrap();
    mac.update(&counter.to_be_bytes());
    let hash: [u8; 20] = mac.finalize().into_bytes().into();
    let at = usize::from(hash[19] & 15);
    let word = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// A device made for tests: it can do what a good one would not.
pub struct Appliance {
    pub server: SocketAddr,
    pub secret: SharedSecret,
    pub socket: UdpSocket,
    /// Calling-Station-Id.
    pub from: Option<String>,
    /// Further attributes, by their numbers.
    pub extra: Vec<(u8, Vec<u8>)>,
}

/// A reply that has proven the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: Code,
    pub bytes: Vec<u8>,
}

impl Reply {
    pub fn state(&self) -> Vec<u8> {
        self.find(STATE).expect("a State")
    }

    /// The value of its first attribute of this kind.
    pub fn find(&self, kind: u8) -> Option<Vec<u8>> {
        Packet::parse(&self.bytes).unwrap().find(kind).map(<[u8]>::to_vec)
    }

    /// The same as text.
    pub fn text(&self, kind: u8) -> Option<String> {
        Some(String::from_utf8(self.find(kind)?).unwrap())
    }

    /// The same as a number.
    pub fn number(&self, kind: u8) -> Option<u32> {
        Some(u32::from_be_bytes(self.find(kind)?.try_into().unwrap()))
    }
}

impl Appliance {
    pub fn new(server: SocketAddr, secret: &str) -> Self {
        let socket = UdpSocket::bind((if server.is_ipv4() { "127.0.0.1" } else { "::1" }, 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let secret = SharedSecret::new(Secret::copied(secret.as_bytes())).unwrap();
        Self { server, secret, socket, from: None, extra: Vec::new() }
    }

    /// An Access-Request as bytes.
    pub fn request(&self, user: &str, password: &str, state: Option<&[u8]>) -> Vec<u8> {
        let mut authenticator = [0; 16];
        getrandom::fill(&mut authenticator).unwrap();
        let mut buffer = [0; MAX_LEN];
        let mut request =
            RequestBuilder::new(&mut buffer, Code::AccessRequest, authenticator[0], authenticator).unwrap();
        request.attribute(USER_NAME, user.as_bytes()).unwrap();
        request.password(password.as_bytes(), &self.secret).unwrap();
        if let Some(from) = &self.from {
            request.attribute(CALLING_STATION_ID, from.as_bytes()).unwrap();
        }
        for (kind, value) in &self.extra {
            request.attribute(*kind, value).unwrap();
        }
        if let Some(state) = state {
            request.attribute(STATE, state).unwrap();
        }
        request.sign(&self.secret).unwrap().to_vec()
    }

    /// Sends a packet and waits for its reply; it must prove the secret and carry Message-Authenticator
    /// as its first attribute (A-041).
    pub fn exchange(&self, packet: &[u8]) -> Reply {
        self.socket.send(packet).unwrap();
        self.receive(packet)
    }

    pub fn receive(&self, packet: &[u8]) -> Reply {
        let mut buffer = [0; MAX_LEN];
        loop {
            let length = self.socket.recv(&mut buffer).expect("a reply in time");
            let reply = Packet::parse(&buffer[..length]).unwrap();
            if reply.identifier() != packet[1] {
                continue;
            }
            let authenticator: [u8; 16] = packet[4..20].try_into().unwrap();
            self.secret.check_reply(&reply, &authenticator, true).expect("an authentic reply");
            assert_eq!(buffer[20], 80, "Message-Authenticator comes first, A-041");
            return Reply { code: reply.code(), bytes: buffer[..length].to_vec() };
        }
    }

    pub fn ask(&self, user: &str, password: &str) -> Reply {
        self.exchange(&self.request(user, password, None))
    }

    pub fn answer(&self, user: &str, text: &str, to: &Reply) -> Reply {
        self.exchange(&self.request(user, text, Some(&to.state())))
    }

    /// Nothing comes within `time`.
    pub fn hears_nothing(&self, packet: &[u8], time: Duration) {
        self.socket.send(packet).unwrap();
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; MAX_LEN];
        assert!(self.socket.recv(&mut buffer).is_err(), "silence was expected");
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}
