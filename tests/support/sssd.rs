//! SSSD, and a login through PAM that asks it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::ldap_app::{Ldap, Outcome, Tls};
use crate::support::terminal::{Terminal, beside};
use crate::support::{missing, peer};

/// A running SSSD with a PAM service.
pub struct Sssd {
    terminal: Terminal,
    // Behind the terminal, so that nobody writes there any more when it goes.
    _home: TempDir,
}

/// People that it knows: those with this class and these attributes.
pub const MAKE_ANNA_A_UNIX_USER: &str = "dn: uid=anna,ou=people,dc=lab,dc=test
changetype: modify
add: objectClass
objectClass: posixAccount
-
add: uidNumber
uidNumber: 20001
-
add: gidNumber
gidNumber: 20001
-
add: homeDirectory
homeDirectory: /home/anna
";

const SETTINGS: &str = "[sssd]
services = nss, pam
domains = lab

[domain/lab]
id_provider = ldap
auth_provider = ldap
access_provider = permit
sudo_provider = none
autofs_provider = none
ldap_uri = {url}
ldap_id_use_start_tls = {start_tls}
ldap_tls_cacert = {ca_file}
ldap_tls_reqcert = demand
ldap_search_base = {base}
ldap_user_search_base = {people_base}
ldap_schema = rfc2307bis
ldap_default_bind_dn = {service_dn}
ldap_default_authtok = {service_password}
ldap_opt_timeout = 70
cache_credentials = {cache}
ldap_auth_disable_tls_never_use_in_production = {plain}
";

const PAM: &str = "auth required pam_sss.so\naccount required pam_sss.so\n";

impl Sssd {
    /// Starts one; `None` when it is not installed, or may not have mounts of its own.
    pub fn start(ldap: &Ldap) -> Option<Self> {
        Self::start_as(ldap, false)
    }

    /// The same, but it keeps what people typed, which it should not.
    pub fn start_caching(ldap: &Ldap) -> Option<Self> {
        Self::start_as(ldap, true)
    }

    fn start_as(ldap: &Ldap, cache: bool) -> Option<Self> {
        peer("sssd")?;
        peer("pamtester")?;
        let mut apart = own_mounts()?;
        let home = tempfile::tempdir().unwrap();
        let settings = SETTINGS
            .replace("{url}", &ldap.url())
            .replace("{start_tls}", if ldap.tls == Tls::StartTls { "true" } else { "false" })
            .replace("{plain}", if ldap.tls == Tls::None { "true" } else { "false" })
            .replace("{cache}", &cache.to_string())
            .replace("{ca_file}", &ldap.ca_file.display().to_string())
            .replace("{base}", &ldap.base)
            .replace("{people_base}", &ldap.people_base)
            .replace("{service_dn}", &ldap.service_dn)
            .replace("{service_password}", &ldap.service_password);
        private(&home.path().join("sssd.conf"), &settings);
        std::fs::create_dir(home.path().join("pam.d")).unwrap();
        std::fs::write(home.path().join("pam.d/doorward-lab"), PAM).unwrap();
        apart.args(["sh", &beside("sssd.sh")]).arg(home.path());
        apart.env("PATH", std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin");
        let terminal = Terminal::start(&mut apart, "All services have successfully started");
        Some(Self { terminal, _home: home })
    }

    /// A login. PAM does not tell each fault from a wrong password or an unknown name; SSSD's own log knows
    /// which result its bind had, and whether there was one.
    pub fn login(&self, user: &str, password: &str) -> Outcome {
        let (answer, log) = self.terminal.ask(&[user, password]);
        let bind = log.iter().rev().find_map(|line| Some(line.split_once("Bind result: ")?.1));
        let offline = log.iter().find(|line| line.contains("going offline") || line.contains("is offline"));
        match (answer.rsplit(": ").next().unwrap_or_default(), bind.or(offline.map(String::as_str))) {
            ("account management done.", _) => Outcome::Accepted,
            // (0) is the bind of SSSD's own account, where the person's never came.
            ("Authentication failure", Some(why))
                if !["(0)", "(49)"].iter().any(|code| why.contains(code)) =>
            {
                Outcome::Broken(why.to_owned())
            }
            ("User not known to the underlying authentication module", Some(why)) if offline.is_some() => {
                Outcome::Broken(why.to_owned())
            }
            ("Authentication failure" | "User not known to the underlying authentication module", _) => {
                Outcome::Refused
            }
            _ => Outcome::Broken(answer),
        }
    }
}

/// A command that runs the next one with mounts and a process table of its own, as far as that is allowed.
pub fn own_mounts() -> Option<Command> {
    let unshare = peer("unshare")?;
    // Who is not root here may still be root in a world of his own.
    for user in [&[] as &[&str], &["--user", "--map-root-user"]] {
        let command = || {
            let mut command = Command::new(&unshare);
            command.args(user).args(["--mount", "--pid", "--fork", "--kill-child"]);
            command
        };
        if command().args(["mount", "--make-rprivate", "/"]).output().is_ok_and(|end| end.status.success()) {
            return Some(command());
        }
    }
    missing("nobody may have mounts of his own on this machine");
    None
}

fn private(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
}
