//! Applications that ask a person's password over LDAP: where they ask, what they say, and how a test runs
//! their servers. An application is a value of its own module; it ends when that is dropped, and when the
//! test process dies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use tempfile::TempDir;

use crate::support::authority::Authority;
use crate::support::slapd::{PASSWORD, Slapd};

/// How long anything may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Programs that refuse to run as root run as this one; it owns nothing.
const NOBODY: u32 = 65534;

/// How a connection is protected.
#[allow(clippy::enum_variant_names, reason = "StartTLS is its name")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    Ldaps,
    StartTls,
    None,
}

/// Where an application asks: a directory, or a gateway in front of it.
#[derive(Debug, Clone)]
pub struct Ldap {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    /// Authority of the server's certificate, PEM.
    pub ca_file: PathBuf,
    /// Where everything is.
    pub base: String,
    /// Where people are.
    pub people_base: String,
    /// How a login name becomes a DN; the name takes the place of `%s`.
    pub user_dn_template: String,
    /// The application's own account, for those that look a person up first.
    pub service_dn: String,
    pub service_password: String,
}

impl Ldap {
    /// The lab's names, on a port of 127.0.0.1 where everything can be read.
    pub fn readable(port: u16) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port,
            tls: Tls::None,
            ca_file: "/dev/null".into(),
            base: "dc=lab,dc=test".to_owned(),
            people_base: "ou=people,dc=lab,dc=test".to_owned(),
            user_dn_template: "uid=%s,ou=people,dc=lab,dc=test".to_owned(),
            service_dn: "cn=service,dc=lab,dc=test".to_owned(),
            service_password: PASSWORD.to_owned(),
        }
    }

    /// OpenLDAP's server, and how an application reaches it.
    pub fn at(slapd: &Slapd, tls: Tls) -> Self {
        let port = if tls == Tls::Ldaps { slapd.tls_port } else { slapd.port };
        Self { tls, ca_file: slapd.ca_file(), ..Self::readable(port) }
    }

    /// The same, but the application trusts another authority than the server's.
    pub fn behind_a_stranger(slapd: &Slapd, tls: Tls) -> Self {
        let ca_file = slapd.ca_file().with_file_name("stranger.pem");
        std::fs::write(&ca_file, Authority::new().pem()).unwrap();
        Self { ca_file, ..Self::at(slapd, tls) }
    }

    /// `ldaps://127.0.0.1:636`
    pub fn url(&self) -> String {
        format!("{}://{}:{}", self.scheme(), self.host, self.port)
    }

    /// `ldaps` or `ldap`.
    pub fn scheme(&self) -> &'static str {
        if self.tls == Tls::Ldaps { "ldaps" } else { "ldap" }
    }

    /// The DN that an application makes of a login name by itself.
    pub fn user_dn(&self, user: &str) -> String {
        self.user_dn_template.replace("%s", user)
    }

    /// What stands before and behind the login name in that DN.
    pub fn around_user(&self) -> (&str, &str) {
        self.user_dn_template.split_once("%s").unwrap()
    }
}

/// How a login ended, as far as the application can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// The application says that name or password is wrong.
    Refused,
    /// The application says that it could not find out, with what it said.
    Broken(String),
}

impl Outcome {
    /// It could not find out, and these words were among what it said.
    pub fn is_broken(&self, because: &str) -> bool {
        matches!(self, Self::Broken(told) if told.contains(because))
    }
}

/// How an application finds out as whom to bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It makes the DN itself, and needs no account of its own.
    Template,
    /// It looks the person up with its own account, and binds as what it found.
    Search,
}

/// A folder of a server's own, which it may read and write whoever it runs as.
pub fn home() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if is_root() {
        std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    folder
}

/// Writes a file into it; its path.
pub fn file(home: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = home.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The same, for a server that insists that nobody else can read it.
pub fn private_file(home: &TempDir, name: &str, text: &str) {
    let path = file(home, name, text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    if is_root() {
        std::os::unix::fs::chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// The authority's certificate where a server that is not root can read it.
pub fn ca_for(home: &TempDir, ldap: &Ldap) -> PathBuf {
    let path = home.path().join("ca.pem");
    if ldap.tls != Tls::None {
        std::fs::copy(&ldap.ca_file, &path).unwrap();
    }
    path
}

/// The user and group that a server of a test runs as.
pub fn owner() -> (String, String) {
    let name = |flag: &str| {
        let output = not_as_root(Command::new("id").arg(flag)).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    (name("-un"), name("-gn"))
}

/// Gives root away, where the test has it.
pub fn not_as_root(command: &mut Command) -> &mut Command {
    if is_root() { command.uid(NOBODY).gid(NOBODY) } else { command }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a command to its end, which must come in time.
pub fn run(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that gives up does not read to the end; its exit says so.
    let _read_or_not = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// A command that ends after [`PATIENCE`] at the latest.
pub fn in_time(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg(PATIENCE.as_secs().to_string()).arg(program).env("LC_ALL", "C");
    command
}

/// Both outputs of a command.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The newest of the files that a pattern means, like `/usr/lib/postgresql/*/bin/postgres`: one `*`, for a
/// whole name.
pub fn installed(pattern: &str) -> Option<PathBuf> {
    let Some((before, behind)) = pattern.split_once("/*/") else {
        return Some(PathBuf::from(pattern)).filter(|path| path.is_file());
    };
    let names = std::fs::read_dir(before).ok()?.map_while(Result::ok).map(|entry| entry.path());
    let mut found: Vec<_> = names.map(|name| name.join(behind)).filter(|path| path.is_file()).collect();
    found.sort();
    found.pop()
}

/// A connection whose reads end in time.
pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A server in the foreground, with everything that it said.
pub struct Daemon {
    child: Child,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    state: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    /// How many of the two outputs have ended.
    ended: u8,
}

impl Log {
    fn said(&self) -> MutexGuard<'_, Said> {
        // A test that failed while it held the log must still end its server.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, said: MutexGuard<'a, Said>, left: Duration) -> MutexGuard<'a, Said> {
        self.more.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Runs the server behind our back so that it ends when our end of the shell's input closes, however that
/// happens; a server with processes of its own ends those.
const KEEPER: &str = "signal=$1; shift; \"$@\" </dev/null & server=$!; exec >/dev/null 2>&1; \
                      read line; kill -s \"$signal\" $server; wait $server";

impl Daemon {
    /// Starts a server that stays in the foreground and ends with its processes at the signal `stop`.
    pub fn start(program: &Path, args: &[&str], environment: &[(&str, &str)], stop: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh", stop]).arg(program).args(args);
        command.envs(environment.iter().copied()).env("LC_ALL", "C").current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that nothing is left even of a server that cannot end.
        let mut child = not_as_root(command.process_group(0)).spawn().unwrap();
        let log = Arc::<Log>::default();
        listen(child.stdout.take().unwrap(), log.clone());
        listen(child.stderr.take().unwrap(), log.clone());
        Self { child, log }
    }

    /// How many lines it has said so far.
    pub fn mark(&self) -> usize {
        self.log.said().lines.len()
    }

    /// Waits for a line with this text, from that mark on; all lines from the mark to it. `None` when the
    /// server ended without it.
    pub fn wait_for(&self, mark: usize, text: &str) -> Option<Vec<String>> {
        let until = SystemClock.now().steady + PATIENCE;
        let mut state = self.log.said();
        loop {
            let new = state.lines.get(mark..).unwrap_or_default();
            if let Some(at) = new.iter().position(|line| line.contains(text)) {
                return Some(new.iter().take(at + 1).cloned().collect());
            }
            if state.ended == 2 {
                return None;
            }
            let left = until.saturating_duration_since(SystemClock.now().steady);
            assert!(
                !left.is_zero(),
                "the server never said \"{text}\"; it said:\n{}",
                state.lines.join("\n")
            );
            state = self.log.wait(state, left);
        }
    }

    /// Everything it said.
    pub fn log(&self) -> String {
        self.log.said().lines.join("\n")
    }
}

fn listen(output: impl Read + Send + 'static, log: Arc<Log>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            log.said().lines.push(String::from_utf8_lossy(&line).into_owned());
            log.more.notify_all();
        }
        log.said().ended += 1;
        log.more.notify_all();
    });
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let until = SystemClock.now().steady + Duration::from_secs(10);
        let mut state = self.log.said();
        // Its outputs end when the last process that holds them has ended.
        while state.ended < 2 {
            let left = until.saturating_duration_since(SystemClock.now().steady);
            if left.is_zero() {
                let group = format!("-{}", self.child.id());
                let _gone = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
                break;
            }
            state = self.log.wait(state, left);
        }
        let _reaped = self.child.wait();
    }
}
