//! Java's own LDAP client, JNDI: what Tomcat, Jenkins, Jira and Keycloak ask with.

use std::process::Command;

use crate::support::ldap_app::{Ldap, Outcome, Way};
use crate::support::peer;
use crate::support::terminal::{Terminal, beside, settings};

/// A program that logs people in.
pub struct Java(Terminal);

impl Java {
    /// `None` when Java is not installed.
    pub fn start(ldap: &Ldap) -> Option<Self> {
        Self::start_as(ldap, false)
    }

    /// The same with a pool of connections, which it should not have.
    pub fn start_with_a_pool(ldap: &Ldap) -> Option<Self> {
        Self::start_as(ldap, true)
    }

    fn start_as(ldap: &Ldap, pool: bool) -> Option<Self> {
        let mut command = Command::new(peer("java")?);
        // A source file runs as it is; the better compiler would take longer than the program.
        command.args(["-XX:TieredStopAtLevel=1", "-Xmx64m", "-Dfile.encoding=UTF-8"]);
        command.arg(beside("Login.java")).envs(settings(ldap)).env("LAB_POOL", pool.to_string());
        Some(Self(Terminal::start(&mut command, "ready")))
    }

    /// Binds as the person; found with the service account, or named by the template.
    pub fn login(&self, way: Way, user: &str, password: &str) -> Outcome {
        self.0.login(way, user, password)
    }
}
