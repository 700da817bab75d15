//! What devices send beside a login with a code: challenges, refusals, copies, junk, and logins that others decide.

use std::ops::Range;
use std::time::Duration;

use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::dictionary::STATE;
use doorward::wire::radius::packet::{Code, Packet};

use crate::goals::Note;
use crate::lab::{self, Lab};
use crate::load::{self, BATCH, Manner, Sender, Shot, fire_from};
use crate::machine::{self, Cpu};
use crate::people::{self, PASSWORD, device, home, name};
use crate::responder::{RadiusResponder, Responder};
use crate::table::{self, Row};
use crate::{MANY, QUIET, ROUNDS, Report, SINGLES, closed, measure, of};

/// Users of one case, who all log in once in each round.
const CROWD: usize = 4000;
/// Copies of each request, in each round.
const COPIES: usize = 5;
/// Datagrams of one kind of junk, in each round.
const JUNK: usize = 100_000;

/// Logins that are asked for their code, logins that are refused, copies, and junk.
pub fn odd(report: &mut Report) {
    let mut lab = people::in_file(2 * CROWD, "primary = \"trusted\"\nreject-delay = \"0s\"", "");
    people::enrol(&mut lab, people::file_ids(2 * CROWD));
    lab.run();
    challenges(report, &lab, 0..CROWD);
    refusals(report, &lab, 0..CROWD);
    copies(report, &lab, CROWD..2 * CROWD);
    junk(report, &lab);
}

/// Everybody is asked, and then answers.
fn challenges(report: &mut Report, lab: &Lab, users: Range<usize>) {
    let case = "challenge login, both packets";
    let round = |round: i64| {
        let secret = load::secret();
        let code = lab::totp(lab::SEED, lab::quiet_step(QUIET) + round - 1);
        let begin: Vec<Shot> = shots(users.clone(), "", &secret);
        let keep = Manner { keep: true, ..closed(MANY, Some(Code::AccessChallenge)) };
        let asked = measure(case, of(lab), &begin, keep);
        let answer = |(at, n): (usize, usize)| {
            let state = Packet::parse(&asked.score.replies[at]).unwrap().find(STATE).map(<[u8]>::to_vec);
            people::login(at, &name(n), home(n), &code, state.as_deref(), &secret)
        };
        let answers: Vec<Shot> = users.clone().enumerate().map(answer).collect();
        let mut row = measure(case, of(lab), &answers, closed(MANY, Some(Code::AccessAccept)));
        row.cpu += asked.cpu;
        row.score.elapsed += asked.score.elapsed;
        row.score.wrong += asked.score.wrong;
        row.score.lost += asked.score.lost;
        row
    };
    let each = report.add((0..ROUNDS).map(round));
    report.figures.add("R2", each);
}

fn shots(users: Range<usize>, password: &str, secret: &SharedSecret) -> Vec<Shot> {
    users.enumerate().map(|(at, n)| people::login(at, &name(n), home(n), password, None, secret)).collect()
}

/// Wrong codes of people, and names that nobody has.
fn refusals(report: &mut Report, lab: &Lab, users: Range<usize>) {
    let reject = closed(MANY, Some(Code::AccessReject));
    let secret = load::secret();
    let round = |_| {
        let now = lab::quiet_step(QUIET);
        let right: Vec<String> = (now - 5..now + 5).map(|step| lab::totp(lab::SEED, step)).collect();
        let wrong = (0..).map(|n| format!("{n:06}")).find(|code| !right.contains(code)).unwrap();
        measure("refused: wrong code", of(lab), &shots(users.clone(), &wrong, &secret), reject)
    };
    let before = count(lab, "wrong-code");
    let each = report.add((0..ROUNDS).map(round));
    report.figures.add("R9 wrong code", each);
    let counted = count(lab, "wrong-code") - before;
    assert_eq!(counted, users.len() * usize::try_from(ROUNDS).unwrap(), "each was looked at and counted");
    let round = |round| {
        let one = |(at, n): (usize, usize)| {
            let name = format!("nobody{round}{n:07}");
            people::login(at, &name, home(n), "123456", None, &secret)
        };
        let shots: Vec<Shot> = users.clone().enumerate().map(one).collect();
        measure("refused: a name that nobody has", of(lab), &shots, reject)
    };
    let each = report.add((0..ROUNDS).map(round));
    report.figures.add("R9 nobody", each);
}

/// How many logins ended for this reason, by the audit.
fn count(lab: &Lab, reason: &str) -> usize {
    let text = std::fs::read_to_string(lab.path("audit.jsonl")).unwrap();
    text.matches(&format!("\"reason\":\"{reason}\"")).count()
}

/// Everybody logs in, and all requests come again.
fn copies(report: &mut Report, lab: &Lab, users: Range<usize>) {
    let records = |lab: &Lab| {
        let text = std::fs::read_to_string(lab.path("audit.jsonl")).unwrap();
        text.matches("\"event\":\"login\"").count()
    };
    let before = records(lab);
    let requests = people::logins(users.clone(), 0, QUIET, "");
    let accept = Some(Code::AccessAccept);
    let mut sender = Sender::new(lab.radius);
    let first =
        fire_from(&mut sender, requests.iter().cloned(), Manner { keep: true, ..closed(MANY, accept) });
    assert_eq!((first.wrong, first.lost), (0, 0), "everybody is let in at first");
    let manner = Manner { alike: Some(&first.replies), ..closed(MANY, accept) };
    let round = |_| {
        let shots = requests.iter().cycle().take(COPIES * requests.len()).cloned();
        let (score, cpu) = table::with_cpu(lab.pid(), || fire_from(&mut sender, shots, manner));
        Row { case: "copy of an answered request", window: MANY, cpu, score }
    };
    let rows: Vec<Row> = (0..ROUNDS).map(round).collect();
    let not_alike: usize = rows.iter().map(|row| row.score.wrong + row.score.lost).sum();
    let each = report.add(rows);
    report.figures.add("R10", each);
    report.figures.add("R10 answers", not_alike as f64);
    report.figures.add("R10 audit", (records(lab) - before) as f64 / users.len() as f64);
}

/// What never becomes a login. Nothing answers it, so the program's own counters say how much of it arrived.
fn junk(report: &mut Report, lab: &Lab) {
    let forger =
        SharedSecret::new(doorward::base::secret::Secret::copied(b"not the secret, but quite as long"))
            .unwrap();
    let stranger = |n: usize| login_from(device(9, n / BATCH % 200), n, &load::secret());
    let forged = |n: usize| login_from(device(2, n / BATCH % 200), n, &forger);
    let malformed = |n: usize| {
        let mut shot = login_from(device(2, n / BATCH % 200), n, &forger);
        // An attribute that ends behind the packet.
        shot.bytes[21] = 255;
        shot
    };
    type Kind<'a> = &'a dyn Fn(usize) -> Shot;
    let kinds: [(&str, &str, Kind<'_>); 3] = [
        ("R11 stranger", "dropped: unknown source", &stranger),
        ("R11 forged", "dropped: forged", &forged),
        ("R11 malformed", "dropped: malformed", &malformed),
    ];
    let lines = lab.log().lines().count();
    let memory = machine::memory(lab.pid());
    for (goal, case, kind) in kinds {
        let shots: Vec<Shot> = (0..4000).map(kind).collect();
        let rounds = (0..ROUNDS).map(|_| flood(lab, &shots));
        let (each, arrived) = rounds.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        table::figure(case, &format!("{each:.2} us of CPU each, {arrived} of {JUNK} arrived"));
        report.figures.add(goal, each);
    }
    report.figures.add("R11 log", (lab.log().lines().count() - lines) as f64);
    report.figures.add("R11 memory", (machine::memory(lab.pid()) - memory) * 1024.0 / 1e6);
}

fn login_from(from: std::net::Ipv4Addr, n: usize, secret: &SharedSecret) -> Shot {
    load::login(from, u8::try_from(n % 256).unwrap(), (&name(n), home(n)), "123456", None, secret)
}

/// Sends as fast as the socket takes it; microseconds of CPU for each datagram that arrived, and how many did.
fn flood(lab: &Lab, shots: &[Shot]) -> (f64, usize) {
    let mut sender = Sender::new(lab.radius);
    let dropped = dropped(lab);
    let before = Cpu::of(lab.pid());
    for run in shots.chunks(BATCH).cycle().take(JUNK / BATCH) {
        sender.send(run);
    }
    settle(lab.pid());
    let cpu = before.since(lab.pid());
    let arrived = self::dropped(lab) - dropped;
    (cpu.as_secs_f64() * 1e6 / arrived as f64, arrived)
}

/// Waits until the process has had nothing to do for a while.
fn settle(pid: u32) {
    const PAUSE: Duration = Duration::from_millis(50);
    let mut quiet = 0;
    while quiet < 4 {
        let before = Cpu::of(pid);
        std::thread::sleep(PAUSE);
        quiet = if before.since(pid) < PAUSE / 50 { quiet + 1 } else { 0 };
    }
}

/// How many datagrams were dropped so far, whatever for.
fn dropped(lab: &Lab) -> usize {
    let page = lab.page("/metrics");
    let counts =
        page.lines().filter(|line| line.starts_with("doorward_radius_datagrams_total{outcome=\"dropped\""));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

/// A password and a code in one string, for whom a directory that costs nothing is asked.
pub fn directory(report: &mut Report) {
    let responder = Responder::start();
    let mut lab = people::answered(&responder.address.to_string(), "code-entry = \"append\"");
    let all = CROWD + SINGLES;
    people::enrol(&mut lab, (0..all).map(|n| people::entry_uuid(n).into_bytes()));
    lab.run();
    let case = "PAP, LDAP search and bind, code";
    let accept = Some(Code::AccessAccept);
    let round = |round| {
        let shots = people::logins(0..CROWD, round - 1, QUIET, PASSWORD);
        measure(case, of(&lab), &shots, closed(MANY, accept))
    };
    let each = report.add((0..ROUNDS).map(round));
    report.figures.add("R6", each);
    let singles = people::logins(CROWD..all, 0, QUIET, PASSWORD);
    let each = report.add([measure(case, of(&lab), &singles, closed(1, accept))]);
    report.figures.note(Note::Alone, each);
}

/// A password whose hash stands in a file, and a code. The hash is meant to be slow, so there are few of them.
pub fn passwords(report: &mut Report) {
    const FEW: usize = 100;
    let mut lab = people::in_file(FEW, "code-entry = \"append\"", "");
    people::enrol(&mut lab, people::file_ids(FEW));
    lab.run();
    let shots = people::logins(0..FEW, 0, QUIET, PASSWORD);
    let case = "PAP, password in a file (argon2id), code";
    let each = report.add([measure(case, of(&lab), &shots, closed(4, Some(Code::AccessAccept)))]);
    report.figures.note(Note::Hashed, each);
}

/// Logins that another RADIUS server decides.
pub fn upstream(report: &mut Report) {
    let responder = RadiusResponder::start();
    let keys = "primary = \"upstream\"\nupstream = \"nps\"";
    let secret = people::folder();
    let file = secret.path().join("vpn.secret");
    let tables = format!(
        "[[upstream]]\nname = \"nps\"\nservers = [\"{}\"]\nsecret = {{ file = {file:?} }}\n\
         [[rule]]\nname = \"nothing-more\"\nthen = \"none\"\n",
        responder.address,
    );
    let lab = people::in_file(CROWD, keys, &tables);
    let round = |_| {
        let shots = people::logins(0..CROWD, 0, QUIET, PASSWORD);
        measure("relay to a RADIUS server", of(&lab), &shots, closed(MANY, Some(Code::AccessAccept)))
    };
    // Who comes for the first time gets an anonymous id, once and for all.
    let first = round(0);
    table::figure(
        "relay to a RADIUS server, everybody's first login",
        &format!("{:.1} us of CPU each", first.cpu_us()),
    );
    let each = report.add((0..ROUNDS).map(round));
    report.figures.add("R7", each);
}
