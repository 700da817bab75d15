//! Start, memory and reload with ten thousand people and with a million.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use doorward::base::clock::{Clock, SystemClock};
use doorward::gateway::ports::Store;
use doorward::login::factor::{FactorKind, FactorOutcome, Proof};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};

use crate::crowd;
use crate::lab::{self, Lab};
use crate::load::{self, Manner, Sender, Shot, fire_from};
use crate::machine::{self, Cpu};
use crate::people::{self, home, name};
use crate::responder::Responder;
use crate::table;
use crate::{MANY, MILLION, QUIET, ROUNDS, Report, closed, store};

/// Nobody is in the file: the directory knows them.
const SOME: usize = 300_000;
/// Milliseconds by which those who ask are behind, so that nobody shows the code of a step that the program has not reached.
const AHEAD: i64 = 20;
/// Seconds of a step of time, as generators have it.
const STEP: i64 = 30;
/// Logins in a second while settings are read again, and for how long.
const DURING: f64 = 500.0;
const AROUND: Duration = Duration::from_secs(15);
/// Uses of codes for D1.
const USES: usize = 20_000;
const USERS: usize = 2000;

fn now() -> Instant {
    SystemClock.now().steady
}

/// Memory of the process now, in millions of octets.
pub fn resident(lab: &Lab) -> f64 {
    machine::memory(lab.pid()) * 1024.0 / 1e6
}

/// The time from starting the program, which must be stopped, to the first accept, for which this user asks again and
/// again from the beginning. The port is the one that it had before.
pub fn first_answer(lab: &mut Lab, user: usize) -> Duration {
    let port = lab.radius.port();
    let config = std::fs::read_to_string(lab.path("doorward.toml")).unwrap();
    std::fs::write(
        lab.path("doorward.toml"),
        config.replacen(
            "[radius]\nlisten = [\"127.0.0.1:0\"]",
            &format!("[radius]\nlisten = [\"127.0.0.1:{port}\"]"),
            1,
        ),
    )
    .unwrap();
    let socket = UdpSocket::bind("127.2.0.1:0").unwrap();
    socket.connect(lab.radius).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let code = lab::totp(lab::SEED, lab::quiet_step(QUIET));
    let shot = load::login(people::device(2, 0), 7, (&name(user), home(user)), &code, None, &load::secret());
    let began = now();
    let asking = std::thread::spawn(move || {
        let mut reply = [0; MAX_LEN];
        loop {
            // Before anybody listens the kernel says so, to either call.
            let _refused = socket.send(&shot.bytes);
            if let Ok(length) = socket.recv(&mut reply) {
                assert_eq!(Packet::parse(&reply[..length]).unwrap().code(), Code::AccessAccept);
                return now();
            }
            assert!(now() - began < lab::PATIENCE, "no answer");
        }
    });
    lab.run();
    asking.join().unwrap() - began
}

/// The best of some starts, each of which another one of `users` asks.
pub fn starts(report: &mut Report, goal: &str, what: &str, lab: &mut Lab, users: std::ops::Range<usize>) {
    let start = |user| {
        if lab.is_running() {
            lab.end("TERM");
        }
        first_answer(lab, user)
    };
    let best = users.map(start).min().unwrap().as_secs_f64() * 1e3;
    table::figure(what, &format!("{best:.0} ms"));
    report.figures.add(goal, best);
}

/// What using a code up costs so that no crash gives it back, when many are used up at once: the store alone, in this
/// process, less what running as many tasks costs that do nothing.
pub fn replay(report: &mut Report) {
    let mut lab = people::trusted(1);
    people::enrol(&mut lab, people::file_ids(USERS));
    let (settings, _) = doorward::daemon::load(&lab.path("doorward.toml")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stock = runtime.block_on(doorward::daemon::stock::Stock::open(&settings)).unwrap();
    let mut first = lab::step_now();
    let mut uses = |real: bool| {
        let before = Cpu::of(std::process::id());
        for round in 0..USES / USERS {
            let step = store::step(first + i64::try_from(round).unwrap());
            let now = SystemClock.now().unix;
            for some in (0..USERS as u64).collect::<Vec<_>>().chunks(MANY) {
                runtime.block_on(async {
                    let one = |n: u64| {
                        let store = stock.store.clone();
                        tokio::spawn(async move {
                            let (who, code) = (store::pseudonym(n), store::good(n, step));
                            if !real {
                                return FactorOutcome::Confirmed(FactorKind::Totp);
                            }
                            store.settle(&who, &[code], now, &crowd::GUESSES, Proof::Proven).await.unwrap()
                        })
                    };
                    let tasks: Vec<_> = some.iter().map(|n| one(*n)).collect();
                    for task in tasks {
                        assert_eq!(task.await.unwrap(), FactorOutcome::Confirmed(FactorKind::Totp));
                    }
                });
            }
        }
        first += i64::try_from(USES / USERS).unwrap();
        before.since(std::process::id()).as_secs_f64() * 1e6 / USES as f64
    };
    let nothing = (0..ROUNDS).map(|_| uses(false)).fold(f64::INFINITY, f64::min);
    let real = (0..ROUNDS).map(|_| uses(true)).fold(f64::INFINITY, f64::min);
    table::figure(
        "using a code up, 128 at once, the store alone",
        &format!("{:.2} us of CPU", real - nothing),
    );
    report.figures.add("D1", real - nothing);
    let other = runtime.block_on(doorward::daemon::stock::Stock::open(&settings)).unwrap();
    let one = one_by_one(&runtime, [&*stock.store, &*stock.store], first);
    let two = one_by_one(&runtime, [&*stock.store, &*other.store], first + 1);
    let figures = format!("{one:.1} us, {two:.1} us of CPU");
    table::figure("the same one by one, and by two processes in turn", &figures);
}

/// Everybody's code of a step used up, in turn through these stores on one file; microseconds of CPU for each.
fn one_by_one(runtime: &tokio::runtime::Runtime, stores: [&dyn Store; 2], step: i64) -> f64 {
    let before = Cpu::of(std::process::id());
    for (n, store) in (0..USERS as u64).zip(stores.into_iter().cycle()) {
        let (who, codes, now) =
            (store::pseudonym(n), [store::good(n, store::step(step))], SystemClock.now().unix);
        let settled = store.settle(&who, &codes, now, &crowd::GUESSES, Proof::Proven);
        assert_eq!(runtime.block_on(settled).unwrap(), FactorOutcome::Confirmed(FactorKind::Totp));
    }
    before.since(std::process::id()).as_secs_f64() * 1e6 / USERS as f64
}

/// A million enrolments, and people in a directory that answers out of its head.
pub fn directory(report: &mut Report) {
    let responder = Responder::start();
    let mut lab = people::answered(&responder.address.to_string(), "primary = \"trusted\"");
    people::enrol_all(&mut lab, STEP, (0..MILLION).map(|n| people::entry_uuid(n).into_bytes()));
    let what = "start to first answer, 1,000,000 enrolments, people in LDAP";
    starts(report, "S1 LDAP", what, &mut lab, SOME..SOME + 3);
    let figure = |what: &str, lab: &Lab| table::figure(what, &format!("{:.1} MB", resident(lab)));
    figure("resident when ready, 1,000,000 enrolments, people in LDAP", &lab);
    million_come(report, "M2 LDAP", &mut lab);
}

/// Some of a million log in while the others never did; and then others, where everybody has within a month.
fn million_come(report: &mut Report, goal: &str, lab: &mut Lab) {
    let done = crowd_in(lab, 0..SOME);
    let what = format!("the same after {done} of them have logged in, and the others never did");
    table::figure(&what, &format!("{:.1} MB", resident(lab)));
    people::let_all_in(lab);
    let done = crowd_in(lab, SOME..2 * SOME);
    // The others are read meanwhile, and that may take longer than these logins.
    let mut before = 0.0;
    while resident(lab) > before + 1.0 {
        before = resident(lab);
        std::thread::sleep(Duration::from_secs(2));
    }
    let what = format!("the same after a start and {done} logins, where all have within a month");
    table::figure(&what, &format!("{:.1} MB", resident(lab)));
    report.figures.add(goal, resident(lab));
}

/// These users log in, as many as do so in a minute and a half.
fn crowd_in(lab: &Lab, users: std::ops::Range<usize>) -> usize {
    const AT_ONCE: usize = 10_000;
    let end = now() + Duration::from_secs(90);
    let mut done = 0;
    for begin in users.clone().step_by(AT_ONCE) {
        let some = begin..users.end.min(begin + AT_ONCE);
        let shots = people::logins(some, 0, 4, "");
        let score = load::fire(lab.radius, &shots, closed(MANY, Some(Code::AccessAccept)));
        assert_eq!((score.wrong, score.lost), (0, 0), "all are let in");
        done += score.waits.len();
        if now() > end {
            break;
        }
    }
    done
}

/// So many users in a file, all of whom have a generator with a code for each `period`; nothing runs.
pub fn enrolled(users: usize, period: i64) -> Lab {
    let mut lab = people::trusted(users);
    people::enrol_all(&mut lab, period, people::file_ids(users));
    lab
}

/// A million users in a file: start, memory, and a reload while people log in.
pub fn file(report: &mut Report) {
    let mut lab = enrolled(MILLION, STEP);
    let what = "start to first answer, 1,000,000 users in a file";
    starts(report, "S1 1,000,000", what, &mut lab, MILLION - 3..MILLION);
    table::figure("resident when ready, 1,000,000 users in a file", &format!("{:.1} MB", resident(&lab)));
    million_come(report, "M2 file", &mut lab);
    reload(report, &lab);
}

/// Logins at a fixed rate while the settings and a million users are read again.
fn reload(report: &mut Report, lab: &Lab) {
    let before = resident(lab);
    let manner = Manner { rate: Some(DURING), ..closed(MANY * 4, Some(Code::AccessAccept)) };
    let most = |from: usize, time: Duration| {
        let count = (DURING * time.as_secs_f64()) as usize;
        let score =
            fire_from(&mut Sender::new(lab.radius), steadily(from, MILLION, STEP).take(count), manner);
        assert_eq!((score.wrong, score.lost), (0, 0), "all are let in");
        score.waits
    };
    let quiet = most(2 * SOME, AROUND / 3);
    let over = AtomicBool::new(false);
    let (waits, peak) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut peak = 0.0_f64;
            while !over.load(Ordering::Relaxed) {
                peak = peak.max(resident(lab));
                std::thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        let asking = scope.spawn(|| most(2 * SOME + 20_000, AROUND));
        std::thread::sleep(Duration::from_secs(1));
        lab.signal("HUP");
        lab.wait_for_event("daemon.reloaded");
        let waits = asking.join().unwrap();
        over.store(true, Ordering::Relaxed);
        (waits, watching.join().unwrap())
    });
    let ms = |waits: &crate::histogram::Histogram| waits.most().as_secs_f64() * 1e3;
    let after = resident(lab);
    table::figure("longest wait for an answer, quiet", &format!("{:.1} ms", ms(&quiet)));
    table::figure("the same during a reload of 1,000,000 users", &format!("{:.1} ms", ms(&waits)));
    let memory = format!("{before:.0}, {peak:.0} and {after:.0} MB");
    table::figure("resident before, at most and after", &memory);
    report.figures.add("S2 silence", ms(&waits));
    report.figures.add("S2 memory", after / before);
}

/// Logins of one of `users` after another, each with the code of the moment, for ever.
pub fn steadily(from: usize, users: usize, period: i64) -> impl Iterator<Item = Shot> {
    let secret = load::secret();
    let (mut step, mut code) = (i64::MIN, String::new());
    (0..).map(move |at: usize| {
        let now = (SystemClock.now().unix.0 - AHEAD) / (1000 * period);
        if now != step {
            (step, code) = (now, lab::totp(lab::SEED, now));
        }
        let user = (from + at) % (users - 10);
        people::login(at, &name(user), home(user), &code, None, &secret)
    })
}
