//! What logins of one device cost and wait while others send as fast as the machine lets them, and when that is over.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use doorward::base::secret::Secret;
use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::packet::Code;

use crate::lab::Lab;
use crate::load::{self, BATCH, Manner, Sender, Shot};
use crate::people::{self, device, home};
use crate::{QUIET, Report, closed, machine, measure, of, table};

/// Logins in a second while others flood, and how many.
const RATE: f64 = 500.0;
const LOGINS: usize = 1000;
/// Logins one by one as soon as a flood is over.
const AFTER: usize = 20;
/// Packets of one flood, sent again and again.
const KINDS: usize = 4000;

type Make = fn(usize, &SharedSecret) -> Shot;

/// What is sent, and whether it is made with the other client's own secret.
const FLOODS: [(&str, bool, Make); 5] = [
    ("strangers", true, |n, secret| from(9, n, secret)),
    ("forged packets", false, |n, secret| from(64, n, secret)),
    ("copies of one request", true, |_, secret| login(device(64, 0), 7, "nobody", secret)),
    ("Status-Server of one client", true, |n, secret| {
        load::probe(device(64, n / BATCH), identifier(n), secret)
    }),
    ("refused logins of one client", true, |n, secret| from(64, n, secret)),
];

fn identifier(n: usize) -> u8 {
    u8::try_from(n % 256).unwrap()
}

fn from(kind: u8, n: usize, secret: &SharedSecret) -> Shot {
    login(device(kind, n / BATCH), identifier(n), &format!("nobody-{n}"), secret)
}

fn login(from: std::net::Ipv4Addr, identifier: u8, name: &str, secret: &SharedSecret) -> Shot {
    load::login(from, identifier, (name, home(0)), "123456", None, secret)
}

/// The same logins in quiet and under each flood; the figure is how much later the slowest of a hundred are answered.
pub fn flood(report: &mut Report) {
    let dir = people::folder();
    let file = dir.path().join("vpn.secret");
    let other = format!(
        "[[client]]\nname = \"wifi\"\naddresses = [\"127.64.0.0/16\"]\nsecret = {{ file = {file:?} }}\n\
         directory = \"people\"\nprimary = \"trusted\"\nreject-delay = \"0s\"\n"
    );
    let all = (FLOODS.len() + 1) * (LOGINS + AFTER);
    let mut lab = people::in_file(all, "primary = \"trusted\"\nreject-delay = \"0s\"", &other);
    people::enrol(&mut lab, people::file_ids(all));
    // Twice what is measured: without a bound the flood would only be a rush of logins.
    lab.edit_config("client-per-second = 100000", &format!("client-per-second = {}", 2.0 * RATE));
    lab.run();
    let mut users = 0..0;
    let quiet = evenly(report, &lab, "code alone, quiet, at 500/s", next(&mut users, LOGINS));
    for (what, own, make) in FLOODS {
        let memory = machine::memory(lab.pid());
        let siege = Siege::start(lab.radius, own, make);
        let p99 = evenly(report, &lab, "code alone, under a flood, at 500/s", next(&mut users, LOGINS));
        let sent = siege.end();
        // The one that is sent in the moment when the flood ends.
        let shots = logins(next(&mut users, AFTER));
        let after =
            measure("the first after the flood", of(&lab), &shots, closed(1, Some(Code::AccessAccept)));
        let longest = after.score.waits.most().as_secs_f64() * 1e3;
        let growth = (machine::memory(lab.pid()) - memory) / 1024.0;
        table::figure(
            &format!("  of {what}"),
            &format!(
                "{sent} packets; p99 {:.1} x quiet; longest of {AFTER} after it {longest:.1} ms; {growth:.1} MiB more",
                p99 / quiet
            ),
        );
    }
}

fn next(users: &mut Range<usize>, many: usize) -> Range<usize> {
    *users = users.end..users.end + many;
    users.clone()
}

fn logins(users: Range<usize>) -> Vec<Shot> {
    people::logins(users, 0, QUIET, "")
}

/// Logins at a fixed rate; the slowest of a hundred, in microseconds.
fn evenly(report: &mut Report, lab: &Lab, case: &'static str, users: Range<usize>) -> f64 {
    let manner = Manner { rate: Some(RATE), ..closed(people::MOST_AT_ONCE, Some(Code::AccessAccept)) };
    let shots = logins(users);
    let row = measure(case, of(lab), &shots, manner);
    let p99 = row.score.waits.quantile(0.99);
    report.add([row]);
    p99
}

/// Somebody who sends and hears nothing, on a thread of his own.
struct Siege {
    over: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Siege {
    fn start(to: SocketAddr, own: bool, make: Make) -> Self {
        let secret = if own {
            load::secret()
        } else {
            SharedSecret::new(Secret::copied(b"quite as long as the secret, but wrong")).unwrap()
        };
        let shots: Vec<Shot> = (0..KINDS).map(|n| make(n, &secret)).collect();
        let over = Arc::new(AtomicBool::new(false));
        let stop = over.clone();
        let thread = std::thread::spawn(move || {
            let (mut sender, mut sent) = (Sender::new(to), 0);
            // What is sent in one call comes from one address.
            let runs: Vec<&[Shot]> = shots.chunk_by(|one, other| one.from == other.from).collect();
            for run in runs.iter().flat_map(|run| run.chunks(BATCH)).cycle() {
                if stop.load(Ordering::Acquire) {
                    break;
                }
                sender.send(run);
                sent += run.len();
            }
            sent
        });
        // It is under way before anybody logs in.
        std::thread::sleep(Duration::from_millis(200));
        Self { over, thread }
    }

    fn end(self) -> usize {
        self.over.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}
