//! The finished program in front of a directory, and people with generators of codes. Include with
//! `#[path = "support/gateway.rs"] mod gateway;` beside `mod lab` and `mod support`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub use crate::lab::hotp;
use crate::lab::{Lab, private_file};
use crate::support::authority::Authority;
use crate::support::samba::{self, Samba};
use crate::support::slapd::{PASSWORD, Slapd};

/// Seed of everybody's generator.
const SEED: &[u8] = b"an HOTP seed of tests";

/// The program with an LDAP and an LDAPS listener, one client on loopback whose people append their code, and an
/// exemption for the application's own account.
pub struct Gateway<D = Slapd> {
    pub lab: Lab,
    /// The directory behind it.
    pub slapd: D,
    /// With StartTLS; binds without it are refused unless `plain`.
    pub ldap: SocketAddr,
    pub ldaps: SocketAddr,
    counters: Mutex<std::collections::HashMap<String, u64>>,
}

/// What a test wants otherwise than usual: more keys for the tables.
#[derive(Default)]
pub struct Wish<'a> {
    /// Keys of `[[client]]`.
    pub client: &'a str,
    /// Keys of the `ldap` listener.
    pub listener: &'a str,
    /// Keys of the `ldaps` listener.
    pub ldaps_listener: &'a str,
    /// Whole tables: `[ldap]`, rules, further clients. `{dir}` is the folder of the program.
    pub tables: &'a str,
    /// What the service account may do; with nothing there is no exemption.
    pub exempt: Option<&'a str>,
}

/// People who have a generator.
pub const PEOPLE: [&str; 2] = ["anna", "müller"];

/// What can stand behind the program.
pub trait Behind {
    /// The keys of `[[directory]]` but its name. `dir`: a folder for files; `service.password` is in it already.
    fn keys(&self, dir: &Path) -> String;
    /// The authority that also signs the program's own certificate.
    fn authority(&self) -> &Authority;
    /// Who gets a generator of codes.
    fn people(&self) -> Vec<&'static str> {
        vec!["anna"]
    }
    /// The password of the service account.
    fn service_password(&self) -> &'static str {
        PASSWORD
    }
}

impl Behind for Slapd {
    fn keys(&self, dir: &Path) -> String {
        format!(
            "kind = \"ldap\"\nservers = [\"127.0.0.1:{}\"]\nca-file = \"{}\"\nbase-dn = \"dc=lab,dc=test\"\n\
             bind-dn = \"cn=service,dc=lab,dc=test\"\nbind-password = {{ file = \"{}/service.password\" }}\n\
             group-lookup = \"member-of\"\n",
            self.tls_port,
            self.ca_file().display(),
            dir.display()
        )
    }

    fn authority(&self) -> &Authority {
        &self.authority
    }

    fn people(&self) -> Vec<&'static str> {
        PEOPLE.to_vec()
    }
}

impl Behind for Samba {
    fn keys(&self, dir: &Path) -> String {
        format!(
            "kind = \"active-directory\"\nservers = [\"{}\"]\nca-file = \"{}\"\nbase-dn = \"dc=lab,dc=test\"\n\
             bind-dn = \"cn=svc-doorward,cn=users,dc=lab,dc=test\"\n\
             bind-password = {{ file = \"{}/service.password\" }}\nnetbios-domain = \"LAB\"\n\
             upn-suffixes = [\"mail.test\"]\n",
            self.address,
            self.ca_file().display(),
            dir.display()
        )
    }

    fn authority(&self) -> &Authority {
        &self.authority
    }

    fn people(&self) -> Vec<&'static str> {
        vec!["anna", "carl", "müller"]
    }

    fn service_password(&self) -> &'static str {
        samba::PASSWORD
    }
}

impl Gateway {
    /// With everything as usual; `None` when slapd is not installed.
    pub fn start() -> Option<Self> {
        Self::start_as(&Wish { exempt: Some("[\"bind\", \"search\"]"), ..Wish::default() })
    }

    pub fn start_as(wish: &Wish<'_>) -> Option<Self> {
        Some(Self::in_front_of(Slapd::start_open("")?, wish))
    }
}

impl<D: Behind> Gateway<D> {
    pub fn in_front_of(slapd: D, wish: &Wish<'_>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_certificate(dir.path(), slapd.authority());
        std::fs::write(dir.path().join("gateway-ca.pem"), slapd.authority().pem()).unwrap();
        private_file(&dir.path().join("service.password"), &format!("{}\n", slapd.service_password()));
        let tls = format!(
            "certificate = \"{0}/gateway.pem\"\nkey = {{ file = \"{0}/gateway.key\" }}",
            dir.path().display()
        );
        let mut config = format!(
            "[[directory]]\nname = \"staff\"\n{}\
             [[listener]]\nname = \"ldap\"\nprotocol = \"ldap\"\nlisten = [\"127.0.0.1:0\"]\n{tls}\n{}\n\
             [[listener]]\nname = \"ldaps\"\nprotocol = \"ldaps\"\nlisten = [\"127.0.0.1:0\"]\n{tls}\n{}\n\
             [[client]]\nname = \"wiki\"\nprotocol = \"ldap\"\n{}directory = \"staff\"\n\
             reject-delay = \"0s\"\n{}\n",
            slapd.keys(dir.path()),
            wish.listener,
            wish.ldaps_listener,
            if wish.client.contains("addresses") { "" } else { "addresses = [\"127.0.0.0/8\"]\n" },
            wish.client,
        );
        if let Some(may) = wish.exempt {
            config.push_str(&format!(
                "[[exemption]]\nname = \"wiki-service\"\nclient = [\"wiki\"]\naccount = \"cn=service,dc=lab,dc=test\"\n\
                 source = [\"127.0.0.0/8\"]\nmay = {may}\nowner = \"web team\"\nreason = \"it looks people up\"\n"
            ));
        }
        config.push_str(&wish.tables.replace("{dir}", dir.path().to_str().unwrap()));
        let lab = Lab::start_custom(dir, &config);
        let (ldap, ldaps) = (lab.ldap_address("ldap"), lab.ldap_address("ldaps"));
        let gateway = Self { lab, slapd, ldap, ldaps, counters: Mutex::default() };
        gateway.slapd.people().into_iter().for_each(|person| gateway.enrol(person));
        gateway
    }

    /// Gives a person a generator of codes.
    pub fn enrol(&self, user: &str) {
        self.lab.enrol_hotp(user, SEED);
    }

    /// The person's next code, which nobody has used.
    pub fn code(&self, user: &str) -> String {
        let mut counters = self.counters.lock().unwrap();
        let counter = counters.entry(user.to_owned()).or_default();
        let code = hotp(SEED, *counter);
        *counter += 1;
        code
    }

    /// The password with the person's next code behind it.
    pub fn password(&self, user: &str) -> String {
        format!("{PASSWORD}{}", self.code(user))
    }

    /// A code that is not the person's, now or soon.
    pub fn wrong_code(&self, user: &str) -> String {
        let from = self.counters.lock().unwrap().get(user).copied().unwrap_or_default();
        let good: Vec<String> =
            (from.saturating_sub(3)..from + 200).map(|counter| hotp(SEED, counter)).collect();
        (0..).map(|n| format!("{n:06}")).find(|code| !good.contains(code)).unwrap()
    }

    /// Who signs the program's own certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.lab.path("gateway-ca.pem")
    }
}

/// A fresh certificate of that authority for the program, with its key.
pub fn write_certificate(dir: &Path, authority: &Authority) {
    let (certificate, key) = authority.server(&["localhost", "127.0.0.1", "::1"]);
    std::fs::write(dir.join("gateway.pem"), certificate).unwrap();
    private_file(&dir.join("gateway.key"), &key);
}
