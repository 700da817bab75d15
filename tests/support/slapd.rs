//! OpenLDAP's server, private to one test.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::authority::Authority;
use crate::support::peer;

/// The password of everybody here.
pub const PASSWORD: &str = "correct horse";

/// A running slapd. It ends when this is dropped, and when the test process dies.
pub struct Slapd {
    child: Child,
    folder: tempfile::TempDir,
    pub authority: Authority,
    /// Port for StartTLS and plain connections.
    pub port: u16,
    /// Port for TLS.
    pub tls_port: u16,
    /// Its certificate need not be good for those who fill it.
    shows_anything: bool,
}

/// Makes certificate and key of a server.
pub type Show<'a> = &'a dyn Fn(&Authority) -> (String, String);

const SETTINGS: &str = r#"
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
{extra}
database mdb
directory {folder}/data
maxsize 1073741824
dbnosync
index objectClass,uid,mail,member,memberUid eq
suffix "dc=lab,dc=test"
rootdn "cn=admin,dc=lab,dc=test"
rootpw "correct horse"
{access}
overlay memberof
memberof-refint true
"#;

/// Who may do what: the service account reads, and nobody else anything.
const CLOSED: &str = r#"
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=service,dc=lab,dc=test" read by * none
"#;

/// Everybody reads what is not secret, and people write about themselves.
const OPEN: &str = r"
access to attrs=userPassword by anonymous auth by self =xw by * none
access to * by self write by users read by * none
";

const PEOPLE: &str = r"
dn: dc=lab,dc=test
objectClass: dcObject
objectClass: organization
o: Lab
dc: lab

dn: cn=service,dc=lab,dc=test
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: service
userPassword: correct horse

dn: ou=people,dc=lab,dc=test
objectClass: organizationalUnit
ou: people

dn: uid=anna,ou=people,dc=lab,dc=test
objectClass: inetOrgPerson
uid: anna
cn: Anna (Ops) * \28x\29
sn: A
mail: anna@lab.test
employeeNumber: 4711
userPassword: correct horse

dn: cn=Müller\, Ben,ou=people,dc=lab,dc=test
objectClass: inetOrgPerson
uid: müller
cn: Müller, Ben
sn: Müller
userPassword: correct horse

dn: uid=left,ou=people,dc=lab,dc=test
objectClass: inetOrgPerson
objectClass: shadowAccount
uid: left
cn: Left
sn: L
shadowExpire: 100
userPassword: correct horse

dn: uid=keyless,ou=people,dc=lab,dc=test
objectClass: inetOrgPerson
uid: keyless
cn: Keyless
sn: K

dn: uid=twin,ou=people,dc=lab,dc=test
objectClass: inetOrgPerson
uid: twin
cn: Twin
sn: T
userPassword: correct horse

dn: cn=other twin,ou=people,dc=lab,dc=test
objectClass: inetOrgPerson
uid: twin
cn: other twin
sn: T
userPassword: correct horse

dn: ou=groups,dc=lab,dc=test
objectClass: organizationalUnit
ou: groups

dn: cn=VPN Users,ou=groups,dc=lab,dc=test
objectClass: groupOfNames
cn: VPN Users
member: uid=anna,ou=people,dc=lab,dc=test
member: cn=Müller\, Ben,ou=people,dc=lab,dc=test

dn: cn=staff,ou=groups,dc=lab,dc=test
objectClass: groupOfNames
cn: staff
member: cn=VPN Users,ou=groups,dc=lab,dc=test
member: cn=circle,ou=groups,dc=lab,dc=test

dn: cn=circle,ou=groups,dc=lab,dc=test
objectClass: groupOfNames
cn: circle
member: cn=staff,ou=groups,dc=lab,dc=test

dn: cn=unix,ou=groups,dc=lab,dc=test
objectClass: posixGroup
cn: unix
gidNumber: 100
memberUid: anna
";

impl Slapd {
    /// Starts one with the usual people; `None` when slapd is not installed.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same with further global lines in its settings.
    pub fn start_with(extra: &str) -> Option<Self> {
        Self::start_as(extra, CLOSED)
    }

    /// The same where people may read what is not secret, and write about themselves.
    pub fn start_open(extra: &str) -> Option<Self> {
        Self::start_as(extra, OPEN)
    }

    /// The same with these lines about who may do what.
    pub fn start_as(extra: &str, access: &str) -> Option<Self> {
        Self::start_somehow(extra, access, None)
    }

    /// The usual one, with this certificate.
    pub fn start_showing(show: Show<'_>) -> Option<Self> {
        Self::start_somehow("", CLOSED, Some(show))
    }

    fn start_somehow(extra: &str, access: &str, show: Option<Show<'_>>) -> Option<Self> {
        let slapd = peer("slapd")?;
        let ldapadd = peer("ldapadd")?;
        // A port that was free may be taken before slapd binds it.
        (0..5)
            .find_map(|_| Self::try_start(&slapd, &ldapadd, extra, access, show))
            .or_else(|| panic!("slapd does not start"))
    }

    fn try_start(
        slapd: &Path,
        ldapadd: &Path,
        extra: &str,
        access: &str,
        show: Option<Show<'_>>,
    ) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let (cert, key) =
            show.map_or_else(|| authority.server(&["localhost", "127.0.0.1"]), |show| show(&authority));
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", authority.pem());
        write("cert.pem", &cert);
        write("key.pem", &key);
        let settings = SETTINGS
            .replace("{folder}", folder.path().to_str().unwrap())
            .replace("{extra}", extra)
            .replace("{access}", access.trim());
        write("slapd.conf", &settings);
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let (port, tls_port) = (free_port(), free_port());
        // The shell ends the server when our end of its input closes, however that happens.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "\"$@\" </dev/null & server=$!; exec 2>/dev/null; read line; kill $server; wait $server",
                "sh",
            ])
            .arg(slapd)
            .args([
                "-d",
                if extra.contains("logfile") { "stats" } else { "none" },
                "-h",
                &format!("ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}"),
            ])
            .arg("-f")
            .arg(folder.path().join("slapd.conf"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (ready, started) = mpsc::channel();
        std::thread::spawn(move || {
            for line in log.split(b'\n').map_while(Result::ok) {
                if String::from_utf8_lossy(&line).contains("slapd starting") {
                    let _ = ready.send(());
                }
            }
        });
        let slapd = Self { child, folder, authority, port, tls_port, shows_anything: show.is_some() };
        started.recv_timeout(Duration::from_secs(20)).ok()?;
        // Where another test's server answers on a port of ours, the certificate is not ours either.
        slapd.add_with(ldapadd, PEOPLE).then_some(slapd)
    }

    /// Adds entries; whether all were taken.
    pub fn add(&self, ldif: &str) -> bool {
        peer("ldapadd").is_some_and(|ldapadd| self.add_with(&ldapadd, ldif))
    }

    fn add_with(&self, ldapadd: &Path, ldif: &str) -> bool {
        let mut child = self.as_administrator(ldapadd).stdin(Stdio::piped()).spawn().unwrap();
        // One that gives up does not read to the end; its exit says so.
        let _ = child.stdin.take().unwrap().write_all(ldif.as_bytes());
        child.wait().unwrap().success()
    }

    /// One value of every entry that has both attributes, by a value of the other; empty when ldapsearch is
    /// not installed.
    pub fn values(&self, attribute: &str, by: &str) -> HashMap<String, String> {
        let Some(ldapsearch) = peer("ldapsearch") else { return HashMap::new() };
        let mut search = self.as_administrator(&ldapsearch);
        search.args([
            "-LLL",
            "-o",
            "ldif-wrap=no",
            "-b",
            "dc=lab,dc=test",
            &format!("({by}=*)"),
            attribute,
            by,
        ]);
        let output = search.stdout(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "ldapsearch");
        let text = String::from_utf8(output.stdout).unwrap();
        let value = |entry: &str, name: &str| {
            entry.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
        };
        text.split("\n\n").filter_map(|entry| Some((value(entry, by)?, value(entry, attribute)?))).collect()
    }

    fn as_administrator(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("LDAPTLS_CACERT", self.ca_file())
            .env("LDAPTLS_REQCERT", if self.shows_anything { "never" } else { "demand" })
            .args(["-x", "-H", &format!("ldaps://127.0.0.1:{}", self.tls_port)])
            .args(["-D", "cn=admin,dc=lab,dc=test", "-w", PASSWORD])
            .stdout(Stdio::null());
        command
    }

    /// The authority's certificate as a file.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Ends it now.
    pub fn stop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port of 127.0.0.1 that nobody listens on at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
