//! The two LDAP libraries of Python, in a program each.

use std::process::Command;

use crate::support::ldap_app::{Ldap, Outcome, Way, run, said};
use crate::support::missing;
use crate::support::terminal::{Terminal, beside, settings};

/// Debian's own, which has Debian's libraries; another one may stand before it in the path.
const PYTHON: &str = "/usr/bin/python3";

/// A program that logs people in.
pub struct Python(Terminal);

impl Python {
    /// With python-ldap, which is OpenLDAP's own library underneath; `None` when it is not installed.
    pub fn with_python_ldap(ldap: &Ldap) -> Option<Self> {
        Self::start("ldap", "login_python_ldap.py", ldap)
    }

    /// With ldap3, which is all Python; `None` when it is not installed.
    pub fn with_ldap3(ldap: &Ldap) -> Option<Self> {
        Self::start("ldap3", "login_ldap3.py", ldap)
    }

    fn start(library: &str, program: &str, ldap: &Ldap) -> Option<Self> {
        Some(Self(Terminal::start(&mut python(library, program, ldap)?, "ready")))
    }

    /// Binds as the person; found with the service account, or named by the template.
    pub fn login(&self, way: Way, user: &str, password: &str) -> Outcome {
        self.0.login(way, user, password)
    }
}

/// What ldap3 makes of the values of somebody's own entry, over LDAPS; `None` when it is not installed.
pub fn read_with_ldap3(ldap: &Ldap, dn: &str, password: &str, attributes: &[&str]) -> Option<String> {
    let mut command = python("ldap3", "read_ldap3.py", ldap)?;
    let output = run(command.args([dn, password]).args(attributes), "");
    assert!(output.status.success(), "{}", said(&output));
    Some(said(&output))
}

fn python(library: &str, program: &str, ldap: &Ldap) -> Option<Command> {
    let has = Command::new(PYTHON).args(["-I", "-c", &format!("import {library}")]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        missing(&format!("{PYTHON} has no library {library}"));
        return None;
    }
    let mut command = Command::new(PYTHON);
    command.args(["-I", &beside(program)]).envs(settings(ldap)).env("LDAPNOINIT", "1");
    Some(command)
}
