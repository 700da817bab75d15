//! What the machine itself can do, and what it says about a process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};

use crate::responder::Again;

/// The word on the command line that makes this program an echo of datagrams.
pub const ECHO: &str = "--echo";

/// Bytes that an echo sends back; about an Access-Accept.
const ECHOED: usize = 60;

/// CPU time that a process has used so far, as far as can be told.
pub struct Cpu {
    /// User and system of the whole process, in hundredths of a second (proc(5)).
    coarse: Duration,
    /// Of each of its threads, in nanoseconds (`schedstat`, Documentation/scheduler/sched-stats.rst of the kernel).
    threads: BTreeMap<u32, Duration>,
}

impl Cpu {
    pub fn of(pid: u32) -> Self {
        let thread = |entry: io::Result<fs::DirEntry>| {
            let path = entry.ok()?.path();
            let text = fs::read_to_string(path.join("schedstat")).ok()?;
            let nanos = text.split(' ').next()?.parse().ok()?;
            Some((path.file_name()?.to_str()?.parse().ok()?, Duration::from_nanos(nanos)))
        };
        let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().filter_map(thread).collect();
        Self { coarse: ticks(pid), threads }
    }

    /// What was used since: to the nanosecond, or, when a thread has ended and taken its account along, to a hundredth of
    /// a second.
    pub fn until(&self, later: &Self) -> Duration {
        if self.threads.keys().any(|thread| !later.threads.contains_key(thread)) {
            return later.coarse - self.coarse;
        }
        later.threads.values().sum::<Duration>() - self.threads.values().sum::<Duration>()
    }

    /// What the process has used since.
    pub fn since(&self, pid: u32) -> Duration {
        self.until(&Self::of(pid))
    }
}

fn ticks(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name of the program may hold anything, but ends with the last parenthesis; behind it stands field 3.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap()
}

/// Most memory that a process ever had, in MiB (VmHWM).
pub fn peak_memory(pid: u32) -> f64 {
    status(pid, "VmHWM:") / 1024.0
}

/// Memory that a process has now, in KiB (VmRSS).
pub fn memory(pid: u32) -> f64 {
    status(pid, "VmRSS:")
}

fn status(pid: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// Lets this process and those that it starts open as many files as they may; how many that is.
pub fn open_files() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let enough = 65_536;
    // Only somebody with privileges may have more than was allowed before.
    let _raised = setrlimit(Resource::Nofile, Rlimit { current: Some(enough), maximum: Some(enough) });
    let allowed = getrlimit(Resource::Nofile);
    let _raised = setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, ..allowed });
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap())
}

/// Datagrams that found the sockets of this port full, and are lost (proc_net_udp of the kernel, IPv4).
pub fn overflowed(port: u16) -> u64 {
    let text = fs::read_to_string("/proc/net/udp").unwrap();
    let drops = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, found) = fields[1].split_once(':').unwrap();
        (u16::from_str_radix(found, 16).unwrap() == port).then(|| fields[12].parse::<u64>().unwrap())
    };
    text.lines().skip(1).filter_map(drops).sum()
}

/// Processes that wanted a core in the last minute, as the kernel averages it.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap();
    text.split(' ').next().unwrap().to_owned()
}

/// Times of `sync`, such as `fdatasync`, after 4 KiB were written to a file in `folder`, in rising order: each
/// at the file's end, or each over what stood in the file before, as in a log that is used again.
pub fn sync_times(folder: &Path, over: bool, sync: impl Fn(&File) -> io::Result<()>) -> Vec<Duration> {
    const COUNT: usize = 300;
    let mut file = File::create(folder.join("sync")).unwrap();
    // The first time that a block is written again may be slow, where the disk is an image in a file.
    for _ in 0..if over { 3 } else { 0 } {
        write_and_sync(&mut file, COUNT, &sync);
    }
    let mut times = write_and_sync(&mut file, COUNT, &sync);
    times.sort_unstable();
    times
}

fn write_and_sync(file: &mut File, count: usize, sync: impl Fn(&File) -> io::Result<()>) -> Vec<Duration> {
    file.rewind().unwrap();
    let one = |_| {
        file.write_all(&[0x5a; 4096]).unwrap();
        let began = SystemClock.now().steady;
        sync(file).unwrap();
        SystemClock.now().steady - began
    };
    (0..count).map(one).collect()
}

/// A process that echoes datagrams; it ends when this is dropped.
pub struct Echo {
    child: Again,
    pub address: SocketAddr,
}

impl Echo {
    /// This program again, as an echo.
    pub fn start() -> Self {
        let (child, address) = Again::start(ECHO);
        Self { child, address }
    }

    pub fn pid(&self) -> u32 {
        self.child.pid()
    }
}

/// What the echo does: the least that any server of datagrams does on this runtime.
pub fn echo() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        println!("{}", socket.local_addr().unwrap());
        let mut buffer = [0; 4096];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            socket.send_to(&buffer[..length.min(ECHOED)], from).await.unwrap();
        }
    });
}
