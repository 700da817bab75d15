//! A house under siege: one device whose people must get in, whatever others send, and what counts what they send.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};

use crate::lab::{self, Appliance, Lab, PASSWORD, Reply, SECRET, hotp};
use crate::watch::{now, wait};

/// Packets of one flood that is not counted one by one.
pub(crate) const PACKETS: usize = 20_000;
/// What the program may grow by under any flood, in KiB.
pub(crate) const GROWTH: usize = 64 * 1024;
/// Where people of the house say they come from.
pub(crate) const HOME: &str = "198.51.100.7";
/// Seed of alice's generator.
const GENERATOR: &[u8] = b"a generator in a house";
/// How long a device waits before it sends its packet again.
const AGAIN: Duration = Duration::from_millis(300);
/// How long a device tries.
const PATIENCE: Duration = Duration::from_secs(60);
/// Packets that surely find room in the buffer of a socket that nobody reads yet.
const WINDOW: usize = 40;
/// Numbers for people that nothing in these tests is to meet by chance; the floods meet those of their test.
const WIDE: &str = "[limits]\nsource-per-minute = 1000000\nsource-at-once = 1000000\nsubject-per-minute = 100000\n\
                    FURTHER[limits.codes-per-minute]\nhotp = 100000\n\
                    [limits.spray]\nnames-per-source = 0\nnames-per-password = 0\nsources-per-name = 0\n";

/// The program with the house's device on 127.0.0.1, of whose people alice has a generator of codes.
pub(crate) struct House {
    pub(crate) lab: Lab,
    vpn: Appliance,
    codes: Cell<u64>,
}

impl House {
    /// With more keys of `[limits]`, and tables of which `FOLDER` is the program's folder.
    pub(crate) fn start(limits: &str, tables: &str) -> Self {
        let limits = if limits.contains("source-per-minute") {
            WIDE.replace("source-per-minute = 1000000\n", "").replace("FURTHER", limits)
        } else {
            WIDE.replace("FURTHER", limits)
        };
        Self::start_with(&(limits + tables))
    }

    /// With the limits that hold where nothing is said.
    pub(crate) fn start_as_usual(tables: &str) -> Self {
        Self::start_with(tables)
    }

    fn start_with(tables: &str) -> Self {
        let dir = lab::folder();
        let vpn = lab::client(dir.path(), "code-entry = [\"challenge\", \"separator\"]\n")
            .replace("127.0.0.0/8", "127.0.0.1");
        let tables = tables.replace("FOLDER", dir.path().to_str().unwrap());
        let tables = [lab::staff(dir.path()), vpn, tables].concat();
        let lab = Lab::start_custom(dir, &tables);
        lab.enrol_hotp("alice", GENERATOR);
        let mut vpn = lab.appliance();
        vpn.from = Some(HOME.to_owned());
        Self { lab, vpn, codes: Cell::new(0) }
    }

    /// Alice's next code, which nobody has used.
    pub(crate) fn code(&self) -> String {
        hotp(GENERATOR, self.codes.replace(self.codes.get() + 1))
    }

    /// Alice's request with password and code.
    fn request(&self) -> Vec<u8> {
        self.vpn.request("alice", &format!("{PASSWORD},{}", self.code()), None)
    }

    /// Alice logs in at the house's device, whose one packet is answered.
    #[track_caller]
    pub(crate) fn logs_in(&self) {
        let reply = once(&self.vpn, &self.request());
        assert_eq!(reply.code, Code::AccessAccept, "{}", self.lab.last_reason());
    }

    /// Alice logs in while some packets may find no room in a buffer of the system; how many copies of hers it took.
    #[track_caller]
    pub(crate) fn gets_in(&self) -> usize {
        let (reply, copies) = persist(&self.vpn, &self.request());
        assert_eq!(reply.code, Code::AccessAccept, "{}", self.lab.last_reason());
        copies
    }

    /// Alice is asked for her code and answers, each with one packet.
    #[track_caller]
    pub(crate) fn answers(&self) {
        let question = once(&self.vpn, &self.vpn.request("alice", PASSWORD, None));
        assert_eq!(question.code, Code::AccessChallenge, "{}", self.lab.last_reason());
        let reply = once(&self.vpn, &self.vpn.request("alice", &self.code(), Some(&question.state())));
        assert_eq!(reply.code, Code::AccessAccept, "{}", self.lab.last_reason());
    }

    /// After whatever has been: the very first login passes with its first packet, and nothing runs that was begun.
    #[track_caller]
    pub(crate) fn is_as_before(&self) {
        self.logs_in();
        let running = || self.lab.metric("doorward_logins_running ");
        wait(|| running() == 0, || format!("{} logins still run", running()));
    }

    /// How many datagrams met this end.
    pub(crate) fn counted(&self, outcome: &str, reason: &str) -> usize {
        self.lab
            .metric(&format!("doorward_radius_datagrams_total{{outcome=\"{outcome}\",reason=\"{reason}\"}} "))
    }

    /// Records of logins that ended for this reason.
    pub(crate) fn logins(&self, reason: &str) -> usize {
        self.lab.logins().iter().filter(|login| login["reason"] == reason).count()
    }

    /// Lines of the log about this reason.
    pub(crate) fn lines(&self, reason: &str) -> usize {
        self.lab.log().matches(&format!("\"reason\":\"{reason}\"")).count()
    }

    /// Memory of the program now, in KiB.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.lab.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[track_caller]
    pub(crate) fn has_not_grown_since(&self, before: usize) {
        let growth = self.memory().saturating_sub(before);
        assert!(growth < GROWTH, "{growth} KiB more");
    }

    /// Sends `count` packets so that all of them arrive, and does `between` again and again meanwhile.
    pub(crate) fn pour(
        &self,
        socket: &UdpSocket,
        count: usize,
        mut packet: impl FnMut(usize) -> Vec<u8>,
        mut between: impl FnMut(),
    ) {
        for first in (0..count).step_by(WINDOW) {
            let before = self.counted("received", "");
            let window = first..count.min(first + WINDOW);
            let arrived = before + window.len();
            window.for_each(|n| assert!(socket.send(&packet(n)).is_ok()));
            wait(|| self.counted("received", "") >= arrived, || "packets were lost".into());
            if (first / WINDOW).is_multiple_of(10) {
                between();
            }
        }
    }
}

/// Another client's table, of devices in 127.64.0.0/10; `keys` are more of its keys.
pub(crate) fn wifi(keys: &str) -> String {
    format!(
        "[[client]]\nname = \"wifi\"\naddresses = [\"127.64.0.0/10\"]\nsecret = {{ file = \"FOLDER/vpn.secret\" }}\n\
         reject-delay = \"0s\"\n{keys}\n"
    )
}

/// A device at this address.
pub(crate) fn device(lab: &Lab, address: [u8; 4]) -> Appliance {
    Appliance { socket: socket(lab, address), ..Appliance::new(lab.radius, SECRET) }
}

pub(crate) fn socket(lab: &Lab, address: [u8; 4]) -> UdpSocket {
    let socket = UdpSocket::bind((IpAddr::from(address), 0)).unwrap();
    socket.connect(lab.radius).unwrap();
    socket.set_read_timeout(Some(lab::PATIENCE)).unwrap();
    socket
}

/// Sends a packet once and takes its answer.
#[track_caller]
pub(crate) fn once(device: &Appliance, packet: &[u8]) -> Reply {
    device.socket.send(packet).unwrap();
    answer(device, packet, PATIENCE).expect("an answer to the first packet")
}

/// Sends a packet again until it is answered, as devices do; the answer, and how many copies that took.
#[track_caller]
pub(crate) fn persist(device: &Appliance, packet: &[u8]) -> (Reply, usize) {
    let (until, mut copies) = (now() + PATIENCE, 0);
    loop {
        device.socket.send(packet).unwrap();
        copies += 1;
        if let Some(reply) = answer(device, packet, AGAIN) {
            return (reply, copies);
        }
        assert!(now() < until, "no answer to {copies} copies");
    }
}

/// The answer to a packet; what answers earlier ones is passed over.
fn answer(device: &Appliance, packet: &[u8], patience: Duration) -> Option<Reply> {
    device.socket.set_read_timeout(Some(patience)).unwrap();
    let mut buffer = [0; MAX_LEN];
    while let Ok(length) = device.socket.recv(&mut buffer) {
        let reply = Packet::parse(&buffer[..length]).unwrap();
        let authenticator = packet[4..20].try_into().unwrap();
        if device.secret.check_reply(&reply, &authenticator, true).is_ok() {
            return Some(Reply { code: reply.code(), bytes: buffer[..length].to_vec() });
        }
    }
    None
}

/// A flood that is sent as fast as the machine lets it, of [`PACKETS`] packets and as many more as it takes.
pub(crate) struct Flood {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Flood {
    /// `packet` makes the packet number n; each of `sockets` sends in its turn.
    pub(crate) fn start(
        lab: &Lab,
        sockets: Vec<UdpSocket>,
        mut packet: impl FnMut(usize) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let (to, enough) = (lab.radius, Arc::new(AtomicBool::new(false)));
        let stop = enough.clone();
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            while number < PACKETS || !stop.load(Ordering::Acquire) {
                // A full buffer is the flooder's own trouble.
                let _lost = sockets[number % sockets.len()].send_to(&packet(number), to);
                number += 1;
            }
            number
        });
        Self { enough, thread }
    }

    /// How many packets it was.
    pub(crate) fn end(self) -> usize {
        self.enough.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

/// A socket at each of these addresses, not connected.
pub(crate) fn sockets(addresses: impl Iterator<Item = [u8; 4]>) -> Vec<UdpSocket> {
    addresses.map(|address| UdpSocket::bind((Ipv4Addr::from(address), 0)).unwrap()).collect()
}

/// Takes what has come to a socket.
pub(crate) fn heard(socket: &UdpSocket, mut each: impl FnMut(&[u8])) {
    let mut buffer = [0; MAX_LEN];
    socket.set_nonblocking(true).unwrap();
    while let Ok(length) = socket.recv(&mut buffer) {
        each(&buffer[..length]);
    }
    socket.set_nonblocking(false).unwrap();
}
