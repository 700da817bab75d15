//! Dovecot's IMAP server with an LDAP password database that binds as the person.

use std::io::{BufRead, BufReader, Write};

use tempfile::TempDir;

use crate::support::ldap_app::{
    Daemon, Ldap, Outcome, Tls, Way, ca_for, connect, file, home, installed, owner,
};
use crate::support::slapd::free_port;
use crate::support::{missing, peer};

/// A server; it ends when this is dropped.
pub struct Dovecot {
    daemon: Daemon,
    port: u16,
    _home: TempDir,
}

impl Dovecot {
    /// Starts one; `None` when it is not installed.
    pub fn start(ldap: &Ldap, way: Way) -> Option<Self> {
        Self::start_with(ldap, way, "blocking = yes\n")
    }

    /// The same with other lines at the end of its LDAP settings.
    pub fn start_with(ldap: &Ldap, way: Way, settings: &str) -> Option<Self> {
        let server = peer("dovecot")?;
        let parts = ["/usr/lib/dovecot/imap-login", "/usr/lib/dovecot/modules/auth/libauthdb_ldap.so"];
        if parts.iter().any(|part| installed(part).is_none()) {
            missing("Dovecot's IMAP or LDAP part is not installed");
            return None;
        }
        let home = home();
        file(&home, "ldap.conf", &(directory(&home, ldap, way) + settings));
        (0..5)
            .find_map(|_| {
                let port = free_port();
                let path = file(&home, "dovecot.conf", &configuration(&home, port));
                let args = ["-F", "-c", path.to_str().unwrap()];
                let daemon = Daemon::start(&server, &args, &[("LDAPCONF", "/dev/null")], "TERM");
                daemon.wait_for(0, "starting up for imap").map(|_| (daemon, port))
            })
            .map(|(daemon, port)| Self { daemon, port, _home: home })
            .or_else(|| panic!("Dovecot does not start"))
    }

    /// One connection of a mail program that logs in.
    pub fn login(&self, user: &str, password: &str) -> Outcome {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let mut stream = connect(self.port);
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let command = format!("1 LOGIN {} {}\r\n2 LOGOUT\r\n", quoted(user), quoted(password));
        stream.write_all(command.as_bytes()).unwrap();
        let answer = lines.map_while(Result::ok).find(|line| line.starts_with("1 "));
        match answer {
            Some(line) if line.starts_with("1 OK ") => Outcome::Accepted,
            Some(line) if line.starts_with("1 NO [AUTHENTICATIONFAILED]") => Outcome::Refused,
            other => Outcome::Broken(format!("{other:?}\n{}", self.daemon.log())),
        }
    }
}

fn configuration(home: &TempDir, port: u16) -> String {
    let here = home.path().display();
    let (user, group) = owner();
    format!(
        r"
base_dir = {here}/run
state_dir = {here}/state
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
auth_failure_delay = 0
auth_cache_size = 0
mail_location = maildir:{here}/mail/%u
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  # Otherwise every wrong password makes the next login from the same address wait longer.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
passdb {{
  driver = ldap
  args = {here}/ldap.conf
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={here}/mail/%u
}}
"
    )
}

/// `dovecot-ldap.conf.ext`
fn directory(home: &TempDir, ldap: &Ldap, way: Way) -> String {
    let Ldap { people_base, service_dn, service_password, .. } = ldap;
    let tls = match ldap.tls {
        Tls::None => String::new(),
        mode => format!(
            "tls = {}\ntls_require_cert = demand\ntls_ca_cert_file = {}\n",
            if mode == Tls::StartTls { "yes" } else { "no" },
            ca_for(home, ldap).display()
        ),
    };
    let find = match way {
        Way::Template => format!("auth_bind_userdn = {}\n", ldap.user_dn("%u")),
        Way::Search => {
            "pass_filter = (&(objectClass=inetOrgPerson)(uid=%u))\npass_attrs = uid=user\n".to_owned()
        }
    };
    // Without an account of its own it binds as nobody first, however it finds people.
    format!(
        "uris = {}\n{tls}dn = {service_dn}\ndnpass = {service_password}\nbase = {people_base}\n\
         auth_bind = yes\n{find}",
        ldap.url()
    )
}
