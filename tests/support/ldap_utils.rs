//! OpenLDAP's command-line tools.

use std::path::PathBuf;
use std::process::Output;

use crate::support::ldap_app::{Ldap, Outcome, Tls, in_time, run, said};
use crate::support::peer;

/// The tools, set for one server.
pub struct LdapUtils {
    ldap: Ldap,
    /// How long they wait for an answer, in seconds.
    pub timeout: u8,
}

impl LdapUtils {
    /// `None` when they are not installed.
    pub fn start(ldap: &Ldap) -> Option<Self> {
        peer("ldapwhoami")?;
        Some(Self { ldap: ldap.clone(), timeout: 60 })
    }

    /// A bind, and the question who one is now.
    pub fn login(&self, user: &str, password: &str) -> Outcome {
        let dn = self.ldap.user_dn(user);
        let output = self.tool("ldapwhoami", user, password, &[], "");
        // The tools end with the result code of the operation.
        match output.status.code() {
            Some(0) if said(&output).trim().eq_ignore_ascii_case(&format!("dn:{dn}")) => Outcome::Accepted,
            Some(49) => Outcome::Refused,
            other => Outcome::Broken(format!("{other:?} {}", said(&output))),
        }
    }

    /// Runs one of the tools as this person; its exit is the result code.
    pub fn tool(&self, name: &str, user: &str, password: &str, args: &[&str], input: &str) -> Output {
        let program: PathBuf = peer(name).unwrap();
        let mut command = in_time(&program);
        command
            .envs([("LDAPCONF", "/dev/null".as_ref()), ("LDAPTLS_CACERT", self.ldap.ca_file.as_os_str())])
            .env("LDAPTIMEOUT", self.timeout.to_string())
            .args(["-x", "-H", &self.ldap.url(), "-D", &self.ldap.user_dn(user), "-w", password]);
        if self.ldap.tls == Tls::StartTls {
            command.arg("-ZZ");
        }
        run(command.args(args), input)
    }
}
