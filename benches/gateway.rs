//! The figures of `docs/performance.md`: the finished program on loopback, asked by many devices at once.
//!
//! `make bench`, or `cargo bench --bench gateway -- [--json]` and any of the words in `CASES`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    unreachable_pub,
    reason = "a measurement: it ends with a word when something is not as it should be"
)]

mod applications;
mod asking;
mod crowd;
mod devices;
mod flood;
mod goals;
mod growth;
mod histogram;
#[path = "../tests/support/lab.rs"]
mod lab;
mod load;
mod machine;
mod peers;
mod people;
mod responder;
mod size;
mod soak;
#[path = "../tests/support/store.rs"]
#[allow(dead_code, reason = "shared with tests")]
mod store;
#[path = "../tests/support/mod.rs"]
mod support;
mod table;

use std::fs::File;
use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use doorward::wire::radius::packet::Code;
use goals::{Figures, Note};
use lab::Lab;
use load::{Manner, Shot, fire};
use support::slapd::Slapd;
use table::Row;

/// A case is measured so often, and the one with the least CPU time is shown: what else runs on the machine
/// can only add to it.
const ROUNDS: i64 = 3;
/// Requests under way in the cases that look for the most there can be.
const MANY: usize = 128;
/// Seconds that a volley may take without leaving its time step.
const QUIET: i64 = 12;

/// Users who log in all at once, and after them those who log in one after another.
const CROWD: usize = 5_000;
const SINGLES: usize = 500;
/// Users who log in at a fixed rate, so many in a second.
const EVEN: usize = 4_497;
/// Users who ask as soon as the program is started, each once.
const STARTS: usize = 3;
const RATE: f64 = 5_000.0;
/// The same of the LDAP server, and how many are in one group of it.
const LDAP_CROWD: usize = 3000;
const GROUP: usize = 100;
const MILLION: usize = 1_000_000;

/// Measures something and adds it to the report.
type Case = fn(&mut Report);

/// Waits until a file is on the disk.
type Sync = fn(&File) -> std::io::Result<()>;

const CASES: [(&str, Case); 16] = [
    ("floor", floor),
    ("status", status),
    ("trusted", trusted),
    ("replay", size::replay),
    ("odd", devices::odd),
    ("directory", devices::directory),
    ("passwords", devices::passwords),
    ("upstream", devices::upstream),
    ("growth", growth::growth),
    ("million", million),
    ("ldap", ldap),
    ("binds", applications::binds),
    ("added", applications::added),
    ("relay", applications::relay),
    ("idle", applications::idle),
    ("flood", flood::flood),
];

/// Only when they are named, or with `--long`: each takes minutes, and a million users need memory.
const LONG: [(&str, Case); 3] =
    [("million-ldap", size::directory), ("million-file", size::file), ("soak", soak::soak)];

/// What was found so far.
#[derive(Default)]
struct Report {
    rows: Vec<Row>,
    figures: Figures,
    json: bool,
}

impl Report {
    /// Takes the best of some rounds of a case; its microseconds of CPU for each request.
    fn add(&mut self, rows: impl IntoIterator<Item = Row>) -> f64 {
        let best = rows.into_iter().min_by_key(|row| (!row.is_sound(), row.cpu)).unwrap();
        table::line(&best);
        if self.json {
            table::json(&best);
        }
        let each = best.cpu_us();
        self.rows.push(best);
        each
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    if has(machine::ECHO) {
        machine::echo();
        return ExitCode::SUCCESS;
    }
    if has(responder::UPSTREAM) {
        responder::accept();
        return ExitCode::SUCCESS;
    }
    if has(responder::DIRECTORY) {
        responder::respond();
        return ExitCode::SUCCESS;
    }
    if !has("--bench") {
        println!("this measures the optimised program: cargo bench --bench gateway");
        return ExitCode::SUCCESS;
    }
    histogram::check();
    machine::open_files();
    let all = words.iter().all(|word| word.starts_with("--"));
    let mut report = Report { json: has("--json"), ..Report::default() };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    table::figure("cores, shared by both sides", &cores.to_string());
    table::figure("processes that wanted a core in the last minute", &machine::load());
    table::head();
    let usual = CASES.iter().filter(|(name, _)| all || has(name));
    let long = LONG.iter().filter(|(name, _)| (all && has("--long")) || has(name));
    for (_, case) in usual.chain(long) {
        case(&mut report);
    }
    if has("--peers") {
        peers::compare(&mut report);
    }
    report.figures.print();
    report.figures.print_peers(report.json);
    report.figures.print_sizes();
    if report.json {
        report.figures.json();
    }
    if report.rows.iter().all(Row::is_sound) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Fires once and reads the CPU time of the process before and after.
fn measure(
    case: &'static str,
    (pid, server): (u32, std::net::SocketAddr),
    shots: &[Shot],
    manner: Manner<'_>,
) -> Row {
    let (score, cpu) = table::with_cpu(pid, || fire(server, shots, manner));
    Row { case, window: manner.window, cpu, score }
}

/// As many as the window holds at any time, each of which must be answered with `expect`.
fn closed(window: usize, expect: Option<Code>) -> Manner<'static> {
    Manner { window, expect, ..Manner::default() }
}

fn of(lab: &Lab) -> (u32, std::net::SocketAddr) {
    (lab.pid(), lab.radius)
}

/// What the machine can do without us.
fn floor(report: &mut Report) {
    let echo = machine::Echo::start();
    let shots = people::probes();
    let round = |_| measure("echo of datagrams", (echo.pid(), echo.address), &shots, closed(MANY, None));
    report.add((0..ROUNDS).map(round));
    report.add([measure("echo of datagrams", (echo.pid(), echo.address), &shots[..2000], closed(1, None))]);
    let evenly = Manner { rate: Some(RATE), ..closed(people::MOST_AT_ONCE, None) };
    report.add([measure("echo, at 5,000/s", (echo.pid(), echo.address), &shots[..EVEN], evenly)]);
    let dir = people::folder();
    let ways: [(&str, bool, Sync); 3] = [
        ("fdatasync of 4 KiB at the end of a file", false, File::sync_data),
        ("fdatasync of 4 KiB over what was there", true, File::sync_data),
        ("fsync of 4 KiB over what was there", true, File::sync_all),
    ];
    for (what, over, sync) in ways {
        let times = machine::sync_times(dir.path(), over, sync);
        let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e6;
        table::figure(&format!("{what}, p50 and p99"), &format!("{:.0} us, {:.0} us", at(50), at(99)));
    }
}

fn status(report: &mut Report) {
    let lab = people::probed();
    let alive = Some(Code::AccessAccept);
    let round = |_| {
        // What a device may ask for in a second is used up by each round.
        std::thread::sleep(Duration::from_millis(1100));
        measure("Status-Server", of(&lab), &people::probes(), closed(MANY, alive))
    };
    let each = report.add((0..ROUNDS).map(round));
    report.figures.add("R5", each);
    std::thread::sleep(Duration::from_millis(1100));
    report.add([measure("Status-Server", of(&lab), &people::probes()[..2000], closed(1, alive))]);
}

/// Everybody in the crowd logs in once per round, each time with a later code; then some, one by one. The CPU time of one
/// login among many.
fn log_in(
    report: &mut Report,
    case: &'static str,
    lab: &Lab,
    crowd: usize,
    rounds: i64,
    prefix: &str,
) -> f64 {
    let accept = Some(Code::AccessAccept);
    let round = |round| {
        let shots = people::logins(0..crowd, round - 1, QUIET, prefix);
        measure(case, of(lab), &shots, closed(MANY, accept))
    };
    let each = report.add((0..rounds).map(round));
    let singles = people::logins(crowd..crowd + SINGLES, 0, QUIET, prefix);
    report.add([measure(case, of(lab), &singles, closed(1, accept))]);
    each
}

/// A fixed number of logins in a second, evenly and whatever is answered meanwhile.
fn evenly(report: &mut Report, lab: &Lab, users: Range<usize>) {
    let accept = Some(Code::AccessAccept);
    let manner = Manner { rate: Some(RATE), ..closed(people::MOST_AT_ONCE, accept) };
    let round = |round| {
        let shots = people::logins(users.clone(), round - 1, QUIET, "");
        measure("code alone, at 5,000/s", of(lab), &shots, manner)
    };
    let each = report.add((0..ROUNDS).map(round));
    let score = &report.rows[report.rows.len() - 1].score;
    let (half, most) = (score.waits.quantile(0.5), score.waits.quantile(0.99));
    let late = |part| score.lateness.quantile(part);
    let lateness = format!("{:.0} us, {:.0} us", late(0.5), late(0.99));
    table::figure("  in this, how late requests were sent, p50 and p99", &lateness);
    for (id, figure) in [("R1b", each), ("R1c p50", half), ("R1c p99", most)] {
        report.figures.add(id, figure);
    }
}

fn trusted(report: &mut Report) {
    let all = CROWD + SINGLES + EVEN + STARTS;
    let mut lab = people::trusted(all);
    people::enrol(&mut lab, people::file_ids(all));
    let what = "start to first answer, 10,000 enrolments and 10,000 users in a file";
    size::starts(report, "S1 10,000", what, &mut lab, all - STARTS..all);
    let ready = machine::peak_memory(lab.pid());
    table::figure("peak memory when ready, 10,000 users in its file", &format!("{ready:.0} MiB"));
    let resident = machine::memory(lab.pid()) * 1024.0 / 1e6;
    table::figure("resident when ready, 10,000 users in its file", &format!("{resident:.1} MB"));
    report.figures.add("M1", resident);
    let each = log_in(report, "code alone, 10,000 enrolments", &lab, CROWD, ROUNDS, "");
    report.figures.add("R1", each);
    evenly(report, &lab, CROWD + SINGLES..CROWD + SINGLES + EVEN);
    let resident = machine::memory(lab.pid()) * 1024.0 / 1e6;
    table::figure("resident when 10,000 people have logged in", &format!("{resident:.1} MB"));
    let (audited, records) = people::audited(&lab);
    table::figure("audit of a login", &format!("{:.0} octets", audited / records));
    report.figures.note(Note::Resident, resident);
    report.figures.note(Note::Audited, audited / records);
    report.figures.note(Note::Stored, people::store_size(&lab) * 1024.0 * 1024.0 / all as f64);
}

fn million(report: &mut Report) {
    let mut lab = people::trusted(CROWD + SINGLES);
    people::enrol(&mut lab, people::file_ids(CROWD + SINGLES));
    people::crowd_out(&lab, MILLION);
    table::figure("store with 1,000,000 enrolments", &format!("{:.0} MiB", people::store_size(&lab)));
    lab.run();
    log_in(report, "code alone, 1,000,000 enrolments", &lab, CROWD, 1, "");
    table::figure(
        "peak memory, 1,000,000 enrolments",
        &format!("{:.0} MiB", machine::peak_memory(lab.pid())),
    );
}

fn ldap(report: &mut Report) {
    if let Some(missing) = ["slapd", "ldapadd", "ldapsearch"].into_iter().find(|p| support::find(p).is_none())
    {
        table::figure("password and code, LDAP bind", &format!("not measured: {missing} is not installed"));
        return;
    }
    let Some(slapd) = Slapd::start() else { return };
    assert!(slapd.add(&people::ldif(LDAP_CROWD + SINGLES, GROUP)), "ldapadd");
    let known = slapd.values("entryUUID", "uid");
    let ids = (0..LDAP_CROWD + SINGLES).map(|n| known[&people::name(n)].clone().into_bytes());
    let server = format!("127.0.0.1:{}", slapd.tls_port);
    let mut lab = people::bound(people::folder(), &server, &slapd.ca_file());
    people::enrol(&mut lab, ids);
    lab.run();
    log_in(report, "password and code, LDAP bind over TLS", &lab, LDAP_CROWD, ROUNDS, people::PASSWORD);
}
