//! FreeRADIUS' `radclient`: a device that prints what it was answered.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::support::ldap_app::{run, said};
use crate::support::peer;

/// How long it waits for an answer, in seconds.
const PATIENCE: u8 = 30;

/// The program, with the secret that it shares with whom it asks.
pub struct Radclient {
    program: PathBuf,
    secret: &'static str,
}

/// What it had to say.
pub struct Heard(pub String);

impl Radclient {
    /// `None` when it is not installed.
    pub fn find(secret: &'static str) -> Option<Self> {
        Some(Self { program: peer("radclient")?, secret })
    }

    /// The same device with another secret.
    pub fn with_secret(&self, secret: &'static str) -> Self {
        Self { program: self.program.clone(), secret }
    }

    /// Sends one request, once, and waits `seconds` for its answer. `code`: `auth`, `acct`, `status`,
    /// `disconnect`. `attributes`: one a line, `User-Name = "alice"`.
    pub fn send(&self, to: SocketAddr, code: &str, attributes: &str, seconds: u8) -> Heard {
        self.send_unsigned(to, code, &format!("{attributes}Message-Authenticator = 0x00\n"), seconds)
    }

    /// The same without Message-Authenticator, unless it is among the attributes.
    pub fn send_unsigned(&self, to: SocketAddr, code: &str, attributes: &str, seconds: u8) -> Heard {
        let mut command = Command::new(&self.program);
        command.args(["-x", "-r", "1", "-t", &seconds.to_string()]);
        command.args([&to.to_string(), code, self.secret]);
        Heard(said(&run(&mut command, attributes)))
    }

    /// The same, as long as it takes.
    pub fn ask(&self, to: SocketAddr, code: &str, attributes: &str) -> Heard {
        self.send(to, code, attributes, PATIENCE)
    }

    /// A login with a password that it hides as User-Password.
    pub fn log_in(&self, to: SocketAddr, user: &str, password: &str, more: &str) -> Heard {
        self.ask(to, "auth", &format!("User-Name = \"{user}\"\nUser-Password = \"{password}\"\n{more}"))
    }

    /// With CHAP: it makes the challenge and the response itself.
    pub fn chap(&self, to: SocketAddr, user: &str, password: &str, more: &str) -> Heard {
        self.ask(to, "auth", &format!("User-Name = \"{user}\"\nCHAP-Password = \"{password}\"\n{more}"))
    }

    /// With MS-CHAP, the first version: it makes the challenge and the response itself.
    pub fn ms_chap(&self, to: SocketAddr, user: &str, password: &str, more: &str) -> Heard {
        self.ask(to, "auth", &format!("User-Name = \"{user}\"\nMS-CHAP-Password = \"{password}\"\n{more}"))
    }
}

impl Heard {
    /// radclient checks the Response Authenticator before it says this.
    pub fn is(&self, code: &str) -> bool {
        self.0.contains(&format!("Received {code} "))
    }

    /// Nothing came that proves the secret.
    pub fn nothing(&self) -> bool {
        self.0.contains("No reply from server") && !self.0.contains("Received Access")
    }

    /// The lines of the answer, `Class = 0x01`, in the order of the packet.
    pub fn attributes(&self) -> Vec<&str> {
        let (_, received) = self.0.split_once("Received ").unwrap_or_else(|| panic!("no answer: {}", self.0));
        let lines = received.lines().skip(1).take_while(|line| line.starts_with('\t'));
        lines.map(str::trim).collect()
    }

    /// The answer has this attribute.
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes().iter().any(|line| line.starts_with(&format!("{attribute} = ")))
    }

    /// The first value of an attribute, as it is printed.
    pub fn value(&self, attribute: &str) -> String {
        let found = self
            .attributes()
            .into_iter()
            .find_map(|line| line.strip_prefix(&format!("{attribute} = ")).map(str::to_owned));
        found.unwrap_or_else(|| panic!("no {attribute} in {}", self.0))
    }

    /// The line that carries the State on: for the answer to a challenge.
    pub fn state(&self) -> String {
        format!("State = {}\n", self.value("State"))
    }
}
