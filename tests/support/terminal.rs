//! A program of the outside where people log in line by line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};

use crate::support::ldap_app::{Ldap, Outcome, PATIENCE, Tls, Way};

/// A running program. It ends when its input does: when this is dropped, or the test process dies.
pub struct Terminal {
    child: Child,
    /// One login at a time, however many threads ask.
    talk: Mutex<Talk>,
}

struct Talk {
    input: Option<ChildStdin>,
    output: Receiver<String>,
}

impl Terminal {
    /// Starts a program and waits until it says a line with `ready` in it.
    pub fn start(command: &mut Command, ready: &str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (lines, output) = channel();
        let said = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in said.split(b'\n').map_while(Result::ok) {
                if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        let talk = Mutex::new(Talk { input: child.stdin.take(), output });
        let terminal = Self { child, talk };
        let started = terminal.talk().until(PATIENCE, |line| line.contains(ready));
        assert!(started.is_ok(), "it never said \"{ready}\": {started:?}");
        terminal
    }

    /// Types the lines, and waits for one that begins with `login: `: what stands behind that, and the lines
    /// before it.
    pub fn ask(&self, lines: &[&str]) -> (String, Vec<String>) {
        let mut talk = self.talk();
        let typed: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
        talk.input.as_mut().unwrap().write_all(typed.as_bytes()).unwrap();
        let mut said = talk
            .until(PATIENCE, |line| line.starts_with("login: "))
            .unwrap_or_else(|silence| panic!("no answer, but:\n{}", silence.said));
        let answer = said.pop().unwrap();
        (answer.trim_start_matches("login: ").to_owned(), said)
    }

    /// The same for a program that takes way, name and password, and answers with an outcome.
    pub fn login(&self, way: Way, user: &str, password: &str) -> Outcome {
        let way = match way {
            Way::Template => "template",
            Way::Search => "search",
        };
        match self.ask(&[way, user, password]).0.as_str() {
            "accepted" => Outcome::Accepted,
            "refused" => Outcome::Refused,
            other => Outcome::Broken(other.to_owned()),
        }
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap()
    }
}

/// A line that was wanted did not come.
#[derive(Debug)]
pub struct Silence {
    /// Because the program has ended.
    over: bool,
    /// What came instead.
    said: String,
}

impl Talk {
    /// Reads up to the line that is wanted.
    fn until(&self, patience: Duration, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, Silence> {
        let mut said = Vec::new();
        let end = SystemClock.now().steady + patience;
        loop {
            let left = end.saturating_duration_since(SystemClock.now().steady);
            let line = match self.output.recv_timeout(left) {
                Ok(line) => line,
                Err(why) => {
                    let over = why == RecvTimeoutError::Disconnected;
                    return Err(Silence { over, said: said.join("\n") });
                }
            };
            let found = wanted(&line);
            said.push(line);
            if found {
                return Ok(said);
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Also of one whose talk ended in a panic.
        let talk = self.talk.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(talk.input.take());
        // Its output ends when the last process that holds it has ended.
        if talk.until(Duration::from_secs(10), |_| false).is_err_and(|end| !end.over) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Tells a program where the directory is, the way the programs beside this file want it.
pub fn settings(ldap: &Ldap) -> Vec<(&'static str, String)> {
    let tls = match ldap.tls {
        Tls::Ldaps => "ldaps",
        Tls::StartTls => "starttls",
        Tls::None => "none",
    };
    vec![
        ("LC_ALL", "C.UTF-8".to_owned()),
        ("LAB_URL", ldap.url()),
        ("LAB_TLS", tls.to_owned()),
        ("LAB_CA_FILE", ldap.ca_file.display().to_string()),
        ("LAB_TEMPLATE", ldap.user_dn_template.clone()),
        ("LAB_PEOPLE_BASE", ldap.people_base.clone()),
        ("LAB_SERVICE_DN", ldap.service_dn.clone()),
        ("LAB_SERVICE_PASSWORD", ldap.service_password.clone()),
    ]
}

/// A file beside this one.
pub fn beside(name: &str) -> String {
    format!("{}/tests/support/{name}", env!("CARGO_MANIFEST_DIR"))
}
