//! Apache httpd with mod_authnz_ldap.

use std::io::{Read, Write};

use data_encoding::BASE64;
use tempfile::TempDir;

use crate::support::ldap_app::{Daemon, Ldap, Outcome, Tls, Way, ca_for, connect, file, home, installed};
use crate::support::slapd::free_port;
use crate::support::{missing, peer};

/// A server with a page for each way to find a person. It ends when this is dropped.
pub struct Apache {
    daemon: Daemon,
    port: u16,
    _home: TempDir,
}

/// What httpd needs for passwords that are good once: no cache of them, a connection for each request, and no
/// second try with a password that may be used up.
pub const SETTINGS: &str =
    "LDAPCacheEntries 0\nLDAPOpCacheEntries 0\nLDAPConnectionPoolTTL 0\nLDAPRetries 0\n";

const MODULES: &str = "/usr/lib/apache2/modules";

impl Apache {
    /// Starts one with further settings of the whole server; `None` when it is not installed.
    pub fn start(ldap: &Ldap, settings: &str) -> Option<Self> {
        let server = peer("apache2")?;
        if installed(&format!("{MODULES}/mod_authnz_ldap.so")).is_none() {
            missing("mod_authnz_ldap is not installed");
            return None;
        }
        let home = home();
        for page in ["template", "search", "group"] {
            std::fs::create_dir(home.path().join(page)).unwrap();
            file(&home, &format!("{page}/index.html"), "the page\n");
        }
        (0..5)
            .find_map(|_| {
                let port = free_port();
                let path = file(&home, "httpd.conf", &configuration(&home, ldap, port, settings));
                let args = ["-DFOREGROUND", "-f", path.to_str().unwrap()];
                let daemon = Daemon::start(&server, &args, &[("LDAPCONF", "/dev/null")], "TERM");
                daemon.wait_for(0, "resuming normal operations").map(|_| (daemon, port))
            })
            .map(|(daemon, port)| Self { daemon, port, _home: home })
            .or_else(|| panic!("httpd does not start"))
    }

    /// One request for a page that needs a login.
    pub fn login(&self, way: Way, user: &str, password: &str) -> Outcome {
        let page = match way {
            Way::Template => "template",
            Way::Search => "search",
        };
        self.get(page, user, password)
    }

    /// The same for a page that only members of a group may see.
    pub fn login_of_member(&self, user: &str, password: &str) -> Outcome {
        self.get("group", user, password)
    }

    fn get(&self, page: &str, user: &str, password: &str) -> Outcome {
        let mark = self.daemon.mark();
        let credentials = BASE64.encode(format!("{user}:{password}").as_bytes());
        let request = format!(
            "GET /{page}/index.html HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Basic {credentials}\r\n\r\n"
        );
        let mut stream = connect(self.port);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let person = answer.lines().find_map(|line| line.strip_prefix("X-Person: "));
        match status {
            "200" if answer.ends_with("the page\n") && person == Some(user) => Outcome::Accepted,
            "401" => Outcome::Refused,
            "500" => {
                // Why it could not find out is in its log alone, which comes when it comes.
                let log = self.daemon.wait_for(mark, "auth_ldap authenticate").unwrap_or_default();
                Outcome::Broken(format!("{answer}\n{}", log.join("\n")))
            }
            _ => Outcome::Broken(answer.into_owned()),
        }
    }
}

fn configuration(home: &TempDir, ldap: &Ldap, port: u16, settings: &str) -> String {
    let modules = [
        "mpm_event",
        "mime",
        "headers",
        "authn_core",
        "authz_core",
        "authz_user",
        "auth_basic",
        "ldap",
        "authnz_ldap",
    ];
    let load = |name: &&str| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n");
    let load: String = modules.iter().map(load).collect();
    let here = home.path().display();
    let trust = match ldap.tls {
        Tls::None => String::new(),
        _ => format!("LDAPTrustedGlobalCert CA_BASE64 {}\n", ca_for(home, ldap).display()),
    };
    let mode = if ldap.tls == Tls::StartTls { " STARTTLS" } else { "" };
    let Ldap { base, people_base, service_dn, service_password, .. } = ldap;
    let (before, behind) = ldap.around_user();
    let ask = format!(
        "AuthType Basic\nAuthName lab\nAuthBasicProvider ldap\nHeader set X-Person expr=%{{REMOTE_USER}}\n\
         AuthLDAPURL \"{}/{people_base}?uid?sub?(objectClass=inetOrgPerson)\"{mode}\n",
        ldap.url()
    );
    let service = format!("AuthLDAPBindDN \"{service_dn}\"\nAuthLDAPBindPassword \"{service_password}\"\n");
    format!(
        "ServerRoot {here}\nServerName localhost\nPidFile {here}/httpd.pid\nMutex file:{here}\n\
         Listen 127.0.0.1:{port}\nStartServers 1\n{load}ErrorLog \"||/bin/cat\"\nLogLevel ldap:info authnz_ldap:info\nDocumentRoot {here}\n\
         TypesConfig /dev/null\n{trust}{settings}\n\
         <Location /template>\n{ask}AuthLDAPInitialBindAsUser on\n\
         AuthLDAPInitialBindPattern (.+) \"{before}$1{behind}\"\nAuthLDAPSearchAsUser on\n\
         AuthLDAPCompareAsUser on\nRequire valid-user\n</Location>\n\
         <Location /search>\n{ask}{service}Require valid-user\n</Location>\n\
         <Location /group>\n{ask}{service}Require ldap-group cn=VPN Users,ou=groups,{base}\n</Location>\n"
    )
}
