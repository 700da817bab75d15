//! Other servers with the same requests from the same asking side: FreeRADIUS, radsecproxy and OpenLDAP's slapd, as they
//! come with the system. What is not installed is said and left out.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::radius::packet::Code;
use tempfile::TempDir;

use crate::applications::{self, Turn};
use crate::asking::{self, Ask, Door};
use crate::lab;
use crate::load::{self, Shot};
use crate::people::{self, PASSWORD, home, name};
use crate::responder::{RadiusResponder, Responder};
use crate::support;
use crate::table::{self, Row};
use crate::{MANY, QUIET, ROUNDS, Report, closed, measure};

/// People whom each of the servers knows.
const CROWD: usize = 3000;
/// The lab's seed as authenticator apps have it.
const SEED_BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// Everything that can be compared, beside our figures of the same run where there are any.
pub fn compare(report: &mut Report) {
    freeradius(report);
    radsecproxy(report);
    slapd(report);
}

/// A server of somebody else; it ends when this is dropped.
struct Peer {
    child: Child,
    _folder: TempDir,
}

impl Peer {
    /// `None` when it is not installed.
    fn start(program: &str, folder: TempDir, args: &[&str]) -> Option<Self> {
        let Some(path) = support::find(program) else {
            table::figure(program, "not compared: it is not installed");
            return None;
        };
        let mut command = Command::new(path);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Some(Self { child: command.spawn().unwrap(), _folder: folder })
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks again and again until it is there.
    fn wait_for(&mut self, mut is_there: impl FnMut() -> bool) {
        let end = SystemClock.now().steady + lab::PATIENCE;
        while !is_there() {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended instead of serving");
            assert!(SystemClock.now().steady < end, "it does not serve");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A port of loopback on which nobody listens at the moment.
fn udp_port() -> SocketAddr {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn tcp_port() -> SocketAddr {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// Whether this server answers a Status-Server request, or a login where it does not know those.
fn answers(server: SocketAddr, shot: &Shot) -> bool {
    let socket = UdpSocket::bind((shot.from, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let sent = socket.send_to(&shot.bytes, server);
    sent.is_ok() && socket.recv(&mut [0; 4096]).is_ok()
}

/// The best of some rounds, beside our figure for the same.
fn best(report: &mut Report, goal: &str, rounds: impl Iterator<Item = Row>) {
    let row = rounds.min_by_key(|row| (!row.is_sound(), row.cpu)).unwrap();
    table::line(&row);
    if report.json {
        table::json(&row);
    }
    report.figures.peer(goal, row.case, row.cpu_us());
}

fn logins(password: &str) -> Vec<Shot> {
    let secret = load::secret();
    (0..CROWD).map(|n| people::login(n, &name(n), home(n), password, None, &secret)).collect()
}

/// Its three servers in one process: passwords of a file, codes for seeds of a file, and a proxy.
fn freeradius(report: &mut Report) {
    let behind = RadiusResponder::start();
    let folder = TempDir::new().unwrap();
    let (passwords, codes, relay, directory) = (udp_port(), udp_port(), udp_port(), udp_port());
    let responder = Responder::start();
    let has_ldap = Path::new("/usr/lib/freeradius/rlm_ldap.so").exists();
    let when = |text: &'static str| if has_ldap { text } else { "" };
    let mut text = String::new();
    for n in 0..CROWD {
        writeln!(text, "{} Cleartext-Password := \"{PASSWORD}\", TOTP-Secret := \"{SEED_BASE32}\"", name(n))
            .unwrap();
    }
    std::fs::write(folder.path().join("people"), text).unwrap();
    let settings = include_str!("peers/radiusd.conf")
        .replace("{ldap}", when(LDAP_MODULE))
        .replace("{directory}", when(LDAP_SERVER))
        .replace("{ldap_port}", &responder.address.port().to_string())
        .replace("{directory_port}", &directory.port().to_string())
        .replace("{folder}", &folder.path().display().to_string())
        .replace("{secret}", lab::SECRET)
        .replace("{passwords}", &passwords.port().to_string())
        .replace("{codes}", &codes.port().to_string())
        .replace("{relay}", &relay.port().to_string())
        .replace("{behind}", &behind.address.port().to_string());
    std::fs::write(folder.path().join("radiusd.conf"), settings).unwrap();
    let at = folder.path().display().to_string();
    let Some(mut peer) = Peer::start("freeradius", folder, &["-f", "-d", &at, "-n", "radiusd"]) else {
        return;
    };
    let probe = load::probe(people::device(1, 0), 0, &load::secret());
    peer.wait_for(|| answers(passwords, &probe));
    let pid = peer.pid();
    let accept = closed(MANY, Some(Code::AccessAccept));
    let round = |_| measure("FreeRADIUS: Status-Server", (pid, passwords), &people::probes(), accept);
    best(report, "R5", (0..ROUNDS).map(round));
    let right = logins(PASSWORD);
    let round = |_| measure("FreeRADIUS: PAP, users file", (pid, passwords), &right, accept);
    best(report, "", (0..ROUNDS).map(round));
    let round = |_| {
        let shots = people::logins(0..CROWD, 0, QUIET, "");
        measure("FreeRADIUS: rlm_totp, codes good again and again", (pid, codes), &shots, accept)
    };
    best(report, "R1", (0..ROUNDS).map(round));
    let round = |_| measure("FreeRADIUS: proxy", (pid, relay), &right, accept);
    best(report, "R7", (0..ROUNDS).map(round));
    if has_ldap {
        let round = |_| measure("FreeRADIUS: rlm_ldap, no code", (pid, directory), &right, accept);
        best(report, "R6", (0..ROUNDS).map(round));
    } else {
        table::figure("FreeRADIUS: rlm_ldap", "not compared: freeradius-ldap is not installed");
    }
}

/// Searches as the service account and binds as the person, on connections that are kept.
const LDAP_MODULE: &str = "ldap {
        server = '127.0.0.1'
        port = {ldap_port}
        identity = 'cn=service,dc=lab,dc=test'
        password = 'correct horse'
        base_dn = 'dc=lab,dc=test'
        user {
            base_dn = 'dc=lab,dc=test'
            filter = \"(uid=%{User-Name})\"
        }
        pool {
            start = 4
            min = 4
            max = 16
            spare = 4
            uses = 0
            lifetime = 0
            idle_timeout = 0
        }
    }";

const LDAP_SERVER: &str = "server directory {
    listen {
        type = auth
        ipaddr = 127.0.0.1
        port = {directory_port}
    }
    authorize {
        ldap
        update control {
            &Auth-Type := LDAP
        }
    }
    authenticate {
        Auth-Type LDAP {
            ldap
        }
    }
    post-auth {
        update reply {
            &Message-Authenticator := 0x00
        }
    }
}";

fn radsecproxy(report: &mut Report) {
    let behind = RadiusResponder::start();
    let (folder, at) = (TempDir::new().unwrap(), udp_port());
    let settings = format!(
        "ListenUDP 127.0.0.1:{}\nLogLevel 5\nclient 127.0.0.0/8 {{\n type udp\n secret \"{secret}\"\n}}\n\
         server behind {{\n host 127.0.0.1\n port {}\n type udp\n secret \"{secret}\"\n}}\n\
         realm * {{\n server behind\n}}\n",
        at.port(),
        behind.address.port(),
        secret = lab::SECRET,
    );
    let file = folder.path().join("radsecproxy.conf");
    std::fs::write(&file, settings).unwrap();
    let file = file.display().to_string();
    let Some(mut peer) = Peer::start("radsecproxy", folder, &["-f", "-c", &file]) else { return };
    let right = logins(PASSWORD);
    peer.wait_for(|| answers(at, &right[0]));
    let accept = closed(MANY, Some(Code::AccessAccept));
    let round = |_| measure("radsecproxy: proxy", (peer.pid(), at), &right, accept);
    best(report, "R7", (0..ROUNDS).map(round));
}

/// What slapd does with binds by itself, and as a proxy to the directory that costs nothing.
fn slapd(report: &mut Report) {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let own = "database mdb\nsuffix dc=lab,dc=test\nrootdn cn=admin,dc=lab,dc=test\nmaxsize 268435456\n\
               directory {folder}/data\nindex objectClass,uid eq\ndbnosync\n\
               access to attrs=userPassword by anonymous auth by * none\naccess to * by * read\n";
    let file = settings(folder.path(), own);
    let ldif = folder.path().join("people.ldif");
    std::fs::write(&ldif, TREE.to_owned() + &people::ldif(CROWD, CROWD)).unwrap();
    if let Some(slapadd) = support::find("slapadd") {
        let added = Command::new(slapadd).args(["-q", "-f", &file, "-l"]).arg(&ldif).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    }
    bind_at(report, "slapd", folder, &file);
    let responder = Responder::start();
    let folder = TempDir::new().unwrap();
    let proxy = format!(
        "moduleload back_ldap\ndatabase ldap\nsuffix dc=lab,dc=test\nuri ldap://{}\n",
        responder.address
    );
    let file = settings(folder.path(), &proxy);
    bind_at(report, "slapd with back-ldap", folder, &file);
}

/// Above the people.
const TREE: &str = "dn: dc=lab,dc=test\nobjectClass: dcObject\nobjectClass: organization\ndc: lab\no: lab\n\n\
                    dn: ou=people,dc=lab,dc=test\nobjectClass: organizationalUnit\nou: people\n\n\
                    dn: ou=groups,dc=lab,dc=test\nobjectClass: organizationalUnit\nou: groups\n\n\
                    dn: cn=service,dc=lab,dc=test\nobjectClass: organizationalRole\n\
                    objectClass: simpleSecurityObject\ncn: service\nuserPassword: correct horse\n\n";

fn settings(folder: &Path, database: &str) -> String {
    let text = format!(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\npidfile {{folder}}/pid\nargsfile {{folder}}/args\n\
         modulepath /usr/lib/ldap\nmoduleload back_mdb\n{database}"
    );
    let file = folder.join("slapd.conf");
    std::fs::write(&file, text.replace("{folder}", &folder.display().to_string())).unwrap();
    file.display().to_string()
}

fn bind_at(report: &mut Report, who: &str, folder: TempDir, file: &str) {
    let at = tcp_port();
    let Some(mut peer) =
        Peer::start("slapd", folder, &["-d", "0", "-f", file, "-h", &format!("ldap://{at}")])
    else {
        return;
    };
    peer.wait_for(|| TcpStream::connect(at).is_ok());
    let cases: [(&str, &str, bool, Turn); 3] = [
        ("L1", "bind, kept", true, applications::bind_alone),
        ("L2", "connect, bind, unbind", false, applications::bind_alone),
        ("L3", "service bind, search, bind, kept", true, applications::search_and_bind),
    ];
    for (goal, what, kept, turn) in cases {
        let case: &'static str = Box::leak(format!("{who}: {what}").into_boxed_str());
        let round = |_| {
            let runtime = asking::runtime();
            let turns: Vec<Vec<Ask>> = (0..CROWD).map(|n| turn(&name(n), PASSWORD)).collect();
            let lines = applications::lines(&runtime, &Door::plain(at), kept, applications::MANY_AT_ONCE);
            let ((score, _, _lines), cpu) =
                table::with_cpu(peer.pid(), || asking::take_turns(&runtime, lines, turns));
            Row { case, window: applications::MANY_AT_ONCE, cpu, score }
        };
        best(report, goal, (0..ROUNDS).map(round));
    }
}
