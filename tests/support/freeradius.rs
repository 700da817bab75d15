//! FreeRADIUS, private to one test: as the server behind the gateway that knows the passwords, as a device that
//! is told to end a session, and as a proxy in front of the gateway.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::authority::Authority;
use crate::support::ldap_app::{Daemon, file, home};
use crate::support::peer;
use crate::support::samba::fresh_address;

/// What it shares with whoever asks it.
pub const SECRET: &str = "upstream secret of 34 octets, 9876";

/// The password that it knows for everybody. Other servers of the lab know another one, so that a login tells
/// which of them was asked.
pub const PASSWORD: &str = "battery staple";

/// What carol must answer when she is asked for one more code.
pub const NEXT_CODE: &str = "424242";

/// How carol is asked.
pub const NEXT_CODE_PLEASE: &str = "Wait for the code to change, then enter the next one";

/// As a device it does not know this session.
pub const NO_SUCH_SESSION: &str = "long-gone";

/// What the accepts of alice and dora say about them, as radclient prints it. Nothing is said about bob
/// and erin.
pub const STAFF_GET: [&str; 8] = [
    "Class = 0x7374616666",
    "Filter-Id = \"staff\"",
    "Framed-IP-Address = 192.0.2.17",
    "Service-Type = Administrative-User",
    "Tunnel-Type:1 = VLAN",
    "Tunnel-Medium-Type:1 = IEEE-802",
    "Tunnel-Private-Group-Id:1 = \"42\"",
    "Cisco-AVPair = \"shell:priv-lvl=15\"",
];

/// What User-Name an accept has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// The name that was proven, after a tunnel the one inside it.
    Proven,
    /// After a tunnel the one outside of it, which nobody has proven: FreeRADIUS' own way where nothing is said
    /// about it.
    Claimed,
    /// None.
    None,
}

/// What a test wants otherwise than usual.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Whom an accept says that it is for.
    pub names: Names,
    /// Whether replies carry Message-Authenticator where EAP does not ask for it anyway.
    pub signs: bool,
    /// Whether it answers Status-Server.
    pub status_server: bool,
    /// How long a fragment of its TLS records is, in octets.
    pub fragment: u16,
    /// Statements at the beginning of `authorize`.
    pub authorize: &'a str,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self { names: Names::Proven, signs: true, status_server: true, fragment: 1024, authorize: "" }
    }
}

/// A running FreeRADIUS. It ends when this is dropped, and when the test process dies.
pub struct FreeRadius {
    daemon: Option<Daemon>,
    folder: TempDir,
    /// Who signs its certificate, which is good for `radius.lab.test`.
    pub authority: Authority,
    /// Where it takes Access-Request.
    pub address: SocketAddr,
    /// Where it takes Accounting-Request.
    pub accounting: SocketAddr,
    /// Where it takes Disconnect-Request, as a device.
    pub disconnect: SocketAddr,
}

/// Where it passes everything on to.
struct Home<'a> {
    server: SocketAddr,
    secret: &'a str,
    signs: bool,
}

impl FreeRadius {
    /// Starts one that knows people; `None` when it is not installed.
    pub fn start() -> Option<Self> {
        Self::start_as(&Wish::default())
    }

    /// The same, otherwise than usual.
    pub fn start_as(wish: &Wish<'_>) -> Option<Self> {
        Self::start_with(wish, None)
    }

    /// Starts one that knows nobody and asks `server`, with which it shares `secret`.
    pub fn in_front_of(server: SocketAddr, secret: &str) -> Option<Self> {
        Self::proxy(&Home { server, secret, signs: true })
    }

    /// The same, but what it passes on has no Message-Authenticator, as that of old ones.
    pub fn unsigned_in_front_of(server: SocketAddr, secret: &str) -> Option<Self> {
        Self::proxy(&Home { server, secret, signs: false })
    }

    fn proxy(home: &Home<'_>) -> Option<Self> {
        // It adds nothing to what it is told.
        let wish = Wish { signs: false, authorize: TO_THE_SERVER_BEHIND, ..Wish::default() };
        Self::start_with(&wish, Some(home))
    }

    fn start_with(wish: &Wish<'_>, behind: Option<&Home<'_>>) -> Option<Self> {
        peer("freeradius")?;
        // A port that was free may be taken before the server binds it.
        (0..5).find_map(|_| Self::try_start(wish, behind)).or_else(|| panic!("FreeRADIUS does not start"))
    }

    fn try_start(wish: &Wish<'_>, behind: Option<&Home<'_>>) -> Option<Self> {
        let folder = home();
        let authority = Authority::new();
        let (certificate, key) = authority.server(&["radius.lab.test"]);
        file(&folder, "ca.pem", authority.pem());
        file(&folder, "cert.pem", &certificate);
        file(&folder, "key.pem", &key);
        file(&folder, "people", &people());
        let [address, accounting, disconnect] = free_ports();
        let (folder_name, address_name) = (folder.path().display().to_string(), address.ip().to_string());
        let ports = [address, accounting, disconnect].map(|each| each.port().to_string());
        let settings = settings(wish, behind)
            .replace("{folder}", &folder_name)
            .replace("{address}", &address_name)
            .replace("{port}", &ports[0])
            .replace("{accounting}", &ports[1])
            .replace("{disconnect}", &ports[2]);
        file(&folder, "radiusd.conf", &settings);
        let mut server = Self { daemon: None, folder, authority, address, accounting, disconnect };
        server.run().then_some(server)
    }

    /// Starts it (again) where it was; whether it did.
    pub fn run(&mut self) -> bool {
        let program = crate::support::find("freeradius").unwrap();
        let folder = self.folder.path().to_str().unwrap();
        let daemon = Daemon::start(&program, &["-X", "-P", "-d", folder, "-n", "radiusd"], &[], "TERM");
        let ready = daemon.wait_for(0, "Ready to process requests").is_some();
        if !ready && !daemon.log().contains("Address already in use") {
            panic!("FreeRADIUS does not start: {}", daemon.log());
        }
        self.daemon = Some(daemon);
        ready
    }

    /// Ends it now.
    pub fn stop(&mut self) {
        self.daemon = None;
    }

    /// It hears nothing until [`go_on`](Self::go_on), and its port stays open.
    pub fn hold(&self) {
        self.signal("STOP");
    }

    /// It hears again, and what came meanwhile, too.
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap();
        let sent = Command::new("kill").args(["-s", signal, pid.trim()]).status().unwrap();
        assert!(sent.success(), "kill -s {signal} {pid}");
    }

    /// Everything it said, names and passwords included.
    pub fn log(&self) -> String {
        self.daemon.as_ref().map(Daemon::log).unwrap_or_default()
    }

    /// How many lines it has said so far.
    pub fn mark(&self) -> usize {
        self.daemon.as_ref().unwrap().mark()
    }

    /// Waits for a line with this text from that mark on; all lines from the mark to it.
    pub fn wait_for(&self, mark: usize, text: &str) -> Vec<String> {
        self.daemon
            .as_ref()
            .unwrap()
            .wait_for(mark, text)
            .unwrap_or_else(|| panic!("FreeRADIUS has ended: {}", self.log()))
    }

    /// It has received so many packets of this kind since it was started, and no more. What it said may be
    /// on its way.
    #[track_caller]
    pub fn assert_received(&self, code: &str, times: usize) {
        let heard = format!("Received {code} Id ");
        let mut mark = 0;
        for _ in 0..times {
            mark += self.wait_for(mark, &heard).len();
        }
        let log = self.log();
        let all = log.lines().filter(|line| line.contains(&heard)).count();
        assert_eq!(all, times, "{code}: {log}");
    }

    /// What it was told in Accounting-Requests.
    pub fn detail(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("detail")).unwrap_or_default()
    }

    /// Who signs its certificate, as a file.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for FreeRadius {
    fn drop(&mut self) {
        // One that is held would not hear that it shall end; one that has ended needs nothing.
        if let (true, Ok(pid)) =
            (self.daemon.is_some(), std::fs::read_to_string(self.folder.path().join("pid")))
        {
            let _gone_already = Command::new("kill").args(["-s", "CONT", pid.trim()]).status();
        }
    }
}

const TO_THE_SERVER_BEHIND: &str = "update control {
            &Proxy-To-Realm := \"behind\"
        }
        ok {
            ok = return
        }";

const WITHOUT_SIGNATURE: &str = "update proxy-request {
            &Message-Authenticator !* ANY
        }";

/// All but the places.
fn settings(wish: &Wish<'_>, behind: Option<&Home<'_>>) -> String {
    let home = behind.map(|home| {
        format!(
            "home_server behind {{\n    type = auth\n    ipaddr = {}\n    port = {}\n    secret = \"{}\"\n    \
             response_window = 20\n    status_check = none\n}}\n\
             home_server_pool behind {{\n    type = fail-over\n    home_server = behind\n}}\n\
             realm behind {{\n    auth_pool = behind\n    nostrip\n}}",
            home.server.ip(),
            home.server.port(),
            home.secret
        )
    });
    let when = |wanted: bool, text: &'static str| if wanted { text } else { "" };
    include_str!("freeradius/radiusd.conf")
        .replace("{proxies}", if behind.is_some() { "yes" } else { "no" })
        .replace("{home}", &home.unwrap_or_default())
        .replace("{secret}", SECRET)
        .replace("{status_server}", if wish.status_server { "yes" } else { "no" })
        .replace("{fragment}", &wish.fragment.to_string())
        .replace("{authorize}", wish.authorize)
        .replace(
            "{signed}",
            when(wish.signs, "update reply {\n            &Message-Authenticator := 0x00\n        }"),
        )
        .replace(
            "{name}",
            match wish.names {
                Names::Proven => NAME,
                Names::Claimed => "",
                Names::None => NO_NAME,
            },
        )
        .replace("{inner_name}", if wish.names == Names::Proven { INNER_NAME } else { NO_NAME })
        .replace("{pre_proxy}", if behind.is_some_and(|home| !home.signs) { WITHOUT_SIGNATURE } else { "ok" })
        .replace("{password}", PASSWORD)
        .replace("{next_code}", NEXT_CODE)
        .replace("{next_code_please}", NEXT_CODE_PLEASE)
        .replace("{no_such_session}", NO_SUCH_SESSION)
}

/// The module for EAP has put the name outside of the tunnel there.
const NAME: &str = "if (&session-state:User-Name) {
            update reply {
                &User-Name !* ANY
            }
        }
        else {
            update reply {
                &User-Name := &User-Name
            }
        }";

const NO_NAME: &str = "update reply {
            &User-Name !* ANY
        }";

const INNER_NAME: &str = "update reply {
            &User-Name := &User-Name
        }";

/// The people, and what is said about them in an accept.
fn people() -> String {
    let about: Vec<String> = STAFF_GET.iter().map(|attribute| format!("    {attribute}")).collect();
    let person = |name: &str| format!("{name} Cleartext-Password := \"{PASSWORD}\"\n");
    let staff = ["alice", "dora"].map(|name| person(name) + &about.join(",\n") + "\n\n");
    staff.concat() + &person("bob") + &person("erin")
}

/// Three ports of one loopback address on which nobody listens at the moment.
fn free_ports() -> [SocketAddr; 3] {
    let address: Ipv4Addr = fresh_address();
    let sockets = [(); 3].map(|()| UdpSocket::bind((address, 0)).unwrap());
    sockets.map(|socket| socket.local_addr().unwrap())
}
