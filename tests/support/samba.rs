//! Samba as an Active Directory domain controller, private to one test.
//!
//! The domain is made once and kept beside the build; each test runs a copy of it on a loopback address of
//! its own, because the ports of a domain controller are fixed. They are below 1024, so this needs root.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::support::authority::Authority;
use crate::support::{missing, peer};

/// The password of everybody in the domain.
pub const PASSWORD: &str = "Correct.horse.1";

/// The password of the domain's administrator.
pub const ADMINISTRATOR_PASSWORD: &str = "Passw0rd.admin";

/// Raise it when the domain's content changes.
const EDITION: u32 = 4;

/// A domain, made once.
struct Domain {
    realm: &'static str,
    netbios: &'static str,
    /// What is in it besides what every domain has.
    people: &'static str,
}

const LAB: Domain = Domain { realm: "LAB.TEST", netbios: "LAB", people: PEOPLE };
/// A forest of its own, in which some names are the same. It is the large one, since Samba follows memberships group by
/// group, member by member.
const BRANCH: Domain = Domain { realm: "BRANCH.TEST", netbios: "BRANCH", people: BRANCH_PEOPLE };

/// A running domain controller. It ends when this is dropped, and when the test process dies.
pub struct Samba {
    child: Child,
    folder: tempfile::TempDir,
    pub authority: Authority,
    /// Where it listens: 389 and 636.
    pub address: Ipv4Addr,
}

/// What every script begins with.
const BEGIN: &str = r#"
import sys, ldb
from samba.samdb import SamDB
from samba.param import LoadParm
from samba import dsdb
from samba.auth import system_session
lp = LoadParm()
lp.load(sys.argv[1])
db = SamDB(url=sys.argv[2], session_info=system_session(), lp=lp)
base = db.domain_dn()
def user(name, **attributes):
    db.newuser(name, "Correct.horse.1")
    dn = db.search(base, expression="(sAMAccountName=%s)" % name, attrs=[])[0].dn
    m = ldb.Message()
    m.dn = dn
    for key, value in attributes.items():
        m[key] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, key)
    if attributes:
        db.modify(m)
def group(name, *members):
    db.newgroup(name)
    db.add_remove_group_members(name, list(members), add_members_operation=True)
"#;

const PEOPLE: &str = r#"
db.modify_ldif("""dn: %s
changetype: modify
replace: lockoutThreshold
lockoutThreshold: 3
-
replace: minPwdAge
minPwdAge: 0
""" % base)
user("anna", userPrincipalName="anna.k@mail.test", employeeNumber="4711", mail="Anna@web.test",
     department="OU=Research", otherMailbox=["box%04d@lab.test" % n for n in range(2000)])
user("müller")
user("carl")
user("disabled", userAccountControl="514")
user("expired", accountExpires="130000000000000000")
user("mustchange", pwdLastSet="0")
user("nights", logonHours=b"\0" * 21)
user("nightschange", logonHours=b"\0" * 21, pwdLastSet="0")
user("desk", userWorkstations="PC1")
user("locked")
user("aged")
user("S-1-5-21-1-2-3-500", displayName="Anna Karenina")
group("VPN Users", "anna")
group("Staff", "VPN Users")
group("Everyone Else", "Domain Users")
# A password as old as no policy lets one become; the database sets the time itself unless it is told not to.
m = ldb.Message()
m.dn = ldb.Dn(db, "CN=aged,CN=Users," + base)
m["pwdLastSet"] = ldb.MessageElement("130000000000000000", ldb.FLAG_MOD_REPLACE, "pwdLastSet")
db.modify(m, controls=["local_oid:%s:0" % dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID])
"#;

const BRANCH_PEOPLE: &str = r#"
user("anna")
user("berta", userPrincipalName="berta@mail.test", mail="berta@web.test")
user("dora", userPrincipalName="anna.k@mail.test", mail="anna@web.test")
group("VPN Users", "anna", "berta")
user("busy")
db.transaction_start()
many = []
for n in range(3000):
    dn = "CN=member%04d,CN=Users,%s" % (n, base)
    db.add({"dn": dn, "objectClass": "contact"})
    many.append(dn)
db.add({"dn": "CN=Crowd,CN=Users," + base, "objectClass": "group", "sAMAccountName": "Crowd",
        "member": many + ["CN=anna,CN=Users," + base]})
for n in range(300):
    db.add({"dn": "CN=team%04d,CN=Users,%s" % (n, base), "objectClass": "group",
            "sAMAccountName": "team%04d" % n, "member": "CN=busy,CN=Users," + base})
db.transaction_commit()
"#;

impl Samba {
    /// Starts one of `lab.test`; `None` when Samba is not installed or may not listen.
    pub fn start() -> Option<Self> {
        Self::of(&LAB)
    }

    /// Starts one of `branch.test`.
    pub fn branch() -> Option<Self> {
        Self::of(&BRANCH)
    }

    fn of(domain: &Domain) -> Option<Self> {
        let samba = peer("samba")?;
        peer("samba-tool")?;
        // Root, without asking the C library: only root owns a file it makes with id 0.
        let folder = tempfile::tempdir().unwrap();
        if std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.path()).unwrap()) != 0 {
            missing("Samba's ports are below 1024, and this is not root");
            return None;
        }
        copy(&template(domain), folder.path());
        let address = fresh_address();
        let authority = Authority::new();
        let (cert, key) =
            authority.server(&[&format!("dc1.{}", domain.realm.to_lowercase()), &address.to_string()]);
        let tls = folder.path().join("private/tls");
        fs::create_dir_all(&tls).unwrap();
        fs::write(tls.join("ca.pem"), authority.pem()).unwrap();
        fs::write(tls.join("cert.pem"), cert).unwrap();
        fs::write(tls.join("key.pem"), key).unwrap();
        private(&tls.join("key.pem"));
        let settings = settings(domain, folder.path(), &address);
        let log = File::create(folder.path().join("log.samba")).unwrap();
        // In the foreground it ends when its input does, and our end closes with us.
        let child = Command::new(samba)
            .arg(format!("--configfile={}", settings.display()))
            .args(["--interactive", "--model=single", "--debuglevel=1"])
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut samba = Self { child, folder, authority, address };
        for port in [389, 636] {
            samba.wait_for(SocketAddr::from((address, port)));
        }
        Some(samba)
    }

    /// The authority's certificate as a file.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("private/tls/ca.pem")
    }

    /// Runs samba-tool on the domain, as its administrator would.
    pub fn tool(&self, args: &[&str]) {
        let done = Command::new("samba-tool")
            .args(args)
            .arg(format!("--configfile={}", self.folder.path().join("smb.conf").display()))
            .arg(format!("-H{}", self.database()))
            .output()
            .unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Runs a script on the domain, with `db`, `base` and `user(name)`; what it printed.
    pub fn script(&self, text: &str) -> String {
        let file = self.folder.path().join("script.py");
        fs::write(&file, [BEGIN, text].concat()).unwrap();
        let settings = self.folder.path().join("smb.conf");
        let done =
            Command::new("/usr/bin/python3").arg(&file).arg(settings).arg(self.database()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Where the domain is kept.
    fn database(&self) -> String {
        format!("tdb://{}/private/sam.ldb", self.folder.path().display())
    }

    fn wait_for(&mut self, address: SocketAddr) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            let log = || fs::read_to_string(self.folder.path().join("log.samba")).unwrap_or_default();
            assert!(self.child.try_wait().unwrap().is_none(), "samba ended: {}", log());
            assert!(Instant::now() < deadline, "samba does not listen: {}", log());
            std::thread::yield_now();
        }
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn private(file: &Path) {
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// An address of 127.0.0.0/8 that no other test uses now.
pub fn fresh_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let one = NEXT.fetch_add(1, Ordering::Relaxed) % 7;
    // Never a multiple of 8, so that the last part is not 0.
    let [_, b, c, d] = std::process::id().wrapping_mul(8).wrapping_add(one).wrapping_add(1).to_be_bytes();
    Ipv4Addr::new(127, b | 0x80, c, d)
}

fn settings(domain: &Domain, folder: &Path, address: &Ipv4Addr) -> PathBuf {
    let (realm, netbios) = (domain.realm, domain.netbios);
    let place = folder.display();
    let text = format!(
        "[global]
netbios name = DC1
realm = {realm}
workgroup = {netbios}
server role = active directory domain controller
server services = ldap
dcerpc endpoint servers = none
interfaces = {address}/8
bind interfaces only = yes
private dir = {place}/private
lock directory = {place}
state directory = {place}/state
cache directory = {place}/cache
pid directory = {place}/run
ncalrpc dir = {place}/ncalrpc
ntp signd socket directory = {place}/ntp
winbindd socket directory = {place}/winbindd
log file = {place}/log
old password allowed period = 0
tls certfile = {place}/private/tls/cert.pem
tls keyfile = {place}/private/tls/key.pem
tls cafile = {place}/private/tls/ca.pem
"
    );
    for sub in ["state", "cache", "run"] {
        fs::create_dir_all(folder.join(sub)).unwrap();
    }
    let file = folder.join("smb.conf");
    fs::write(&file, text).unwrap();
    file
}

/// The domain as made once; other test processes wait for the one that makes it.
fn template(domain: &Domain) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(place).unwrap();
    let made = place.join(format!("samba-{}-{EDITION}", domain.netbios));
    let turn = File::create(place.join("samba-domain.lock")).unwrap();
    turn.lock().unwrap();
    if !made.is_dir() {
        let half = place.join("samba-domain-half");
        let _ = fs::remove_dir_all(&half);
        provision(domain, &half);
        fs::rename(&half, &made).unwrap();
    }
    made
}

fn provision(domain: &Domain, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let made = Command::new("samba-tool")
        .args(["domain", "provision", "--server-role=dc"])
        .arg(format!("--realm={}", domain.realm))
        .arg(format!("--domain={}", domain.netbios))
        .args(["--dns-backend=NONE", "--host-name=dc1", "--host-ip=127.0.0.1"])
        .arg(format!("--adminpass={ADMINISTRATOR_PASSWORD}"))
        .arg(format!("--targetdir={}", folder.display()))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let conf = settings(domain, folder, &Ipv4Addr::LOCALHOST);
    let script = folder.join("people.py");
    fs::write(&script, [BEGIN, "user(\"svc-doorward\")\n", domain.people].concat()).unwrap();
    // The distribution's own interpreter is the one that has Samba's modules.
    let filled = Command::new("/usr/bin/python3")
        .arg(&script)
        .arg(conf)
        .arg(format!("tdb://{}/private/sam.ldb", folder.display()))
        .output()
        .unwrap();
    assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
}

fn copy(from: &Path, to: &Path) {
    let done =
        Command::new("cp").arg("-a").arg("--sparse=always").arg(from.join(".")).arg(to).status().unwrap();
    assert!(done.success(), "cp");
}
