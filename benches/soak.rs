//! Load that lasts: whether anything is lost, grows or gets slower.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::radius::packet::Code;

use crate::lab::{Lab, PATIENCE};
use crate::load::{LONGEST, Manner, Score, Sender, Shot, fire_from};
use crate::size::{enrolled, resident, steadily};
use crate::{MANY, Report, closed, machine, people, table};

/// Users in the load that lasts, and seconds for which a code of theirs is good: a million with usual generators has fewer
/// codes in a second than seven tenths of what two cores do.
const SOAKED: usize = 700_000;
const SOAK_STEP: i64 = 8;
/// Minutes of load that lasts; `SOAK_MINUTES` says otherwise.
const SOAK_MINUTES: u64 = 30;
/// Minutes of full load before it, in which the store does what it does now and then; `SOAK_FULL` says otherwise.
const FULL_MINUTES: u64 = 10;
/// At a rate requests leave together that come due within this time.
const TICK: Duration = Duration::from_micros(500);
/// How much of what it can do it is asked for.
const SOAK_LOAD: f64 = 0.7;
/// In this time nobody comes twice; a little more than a step.
const ROUND: Duration = Duration::from_millis(8_800);
/// How often the audit's file is rotated.
const ROTATED: Duration = Duration::from_secs(60);
/// The time that everybody has to log in for the first time.
const FIRST: Duration = Duration::from_secs(90);
const MINUTE: Duration = Duration::from_secs(60);

/// Full load, and then load that lasts at seven tenths of it or as fast as the users' codes allow.
pub fn soak(report: &mut Report) {
    let time = |name, usual| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let (minutes, most): (u64, u64) = (time("SOAK_MINUTES", SOAK_MINUTES), time("SOAK_FULL", FULL_MINUTES));
    let mut lab = enrolled(SOAKED, SOAK_STEP);
    lab.run();
    let (mut sender, mut shots) = (Sender::new(lab.radius), steadily(0, SOAKED, SOAK_STEP));
    // Everybody once, so that what is kept of people is there and no growth.
    let accept = Some(Code::AccessAccept);
    let manner = Manner { limit: Some(FIRST), ..closed(MANY, accept) };
    let first = fire_from(&mut sender, shots.by_ref().take(SOAKED), manner);
    assert_eq!((first.wrong, first.lost), (0, 0), "of everybody, wrong and lost within {FIRST:?}");
    rotate(&lab);
    while_rotated(&lab, || {
        let mut course = Course::new(&lab, &mut sender, &mut shots);
        println!("full load, {:.1} MB at its beginning:", course.sizes[0]);
        // Everybody's code is good once; a little more leaves room for the turn of a step.
        let codes = SOAKED as f64 / ROUND.as_secs_f64();
        for _ in 0..most {
            let rate = course.minute(closed(MANY, accept));
            assert!(
                rate <= codes,
                "{rate:.0} logins a second, and {SOAKED} people have {codes:.0} codes a second: whoever comes twice within \
                 {SOAK_STEP} s is refused rightly. Give it more people or a shorter step (SOAKED and SOAK_STEP in {})",
                file!()
            );
        }
        let full = course.rate();
        let rate = (full * SOAK_LOAD).min(codes);
        report.figures.add("M3", course.growth());
        let figures = format!("{:.0}/s, {full:.0}/s, {rate:.0}/s", first.rate());
        table::figure("everybody for the first time, full load, and the load that lasts", &figures);
        let mut course = course.again();
        let manner = Manner { rate: Some(rate), tick: Some(TICK), ..closed(people::MOST_AT_ONCE, accept) };
        for _ in 0..minutes {
            course.minute(manner);
        }
        course.add_to(report);
    });
}

/// What the program has counted so far of logins and datagrams, by outcome and reason.
fn counted(lab: &Lab) -> BTreeMap<String, f64> {
    const WANTED: [&str; 2] = ["doorward_logins_total{", "doorward_radius_datagrams_total{"];
    let page = lab.page("/metrics");
    let wanted = page.lines().filter(|line| WANTED.iter().any(|name| line.starts_with(name)));
    let number = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    wanted.map(number).collect()
}

/// How often settings were read again since the start.
fn reloads(lab: &Lab) -> f64 {
    let page = lab.page("/metrics");
    let done = |line: &&str| line.starts_with("doorward_reloads_total{") && line.contains("\"done\"");
    page.lines().find(done).and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

/// The audit's file makes room for an empty one, as those do it who keep a month of it.
fn rotate(lab: &Lab) {
    let (path, old) = (lab.path("audit.jsonl"), lab.path("audit.jsonl.1"));
    let before = reloads(lab);
    std::fs::rename(&path, &old).unwrap();
    lab.signal("HUP");
    let end = SystemClock.now().steady + PATIENCE;
    while reloads(lab) <= before {
        assert!(SystemClock.now().steady < end, "the audit is opened anew");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::fs::remove_file(old).unwrap();
}

/// Ends what goes on beside the load, also when that ends by a fault.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Rotates the audit as long as `what` goes on: what is written down in half an hour would fill a small disk.
fn while_rotated(lab: &Lab, what: impl FnOnce()) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = SystemClock.now().steady;
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(100));
                if SystemClock.now().steady - last >= ROTATED {
                    last += ROTATED;
                    rotate(lab);
                }
            }
        });
        let _at_the_end = Over(&over);
        what();
    });
}

/// How load goes that lasts, minute by minute.
struct Course<'a, I> {
    lab: &'a Lab,
    sender: &'a mut Sender,
    shots: &'a mut I,
    /// Requests that were lost, answered wrongly or sent more than once, each of them once.
    failed: usize,
    answers: usize,
    time: Duration,
    /// Memory before the first minute and after each of them, in MB.
    sizes: Vec<f64>,
    /// p99 of each minute, in microseconds.
    slowest: Vec<f64>,
}

impl<'a, I: Iterator<Item = Shot>> Course<'a, I> {
    fn new(lab: &'a Lab, sender: &'a mut Sender, shots: &'a mut I) -> Self {
        // A code that was shown is not shown again.
        std::thread::sleep(ROUND);
        let sizes = vec![resident(lab)];
        Self { lab, sender, shots, failed: 0, answers: 0, time: Duration::ZERO, sizes, slowest: Vec::new() }
    }

    /// Another one with the same users; what failed before, under the full load, counts there too.
    fn again(self) -> Self {
        Self { failed: self.failed, ..Self::new(self.lab, self.sender, self.shots) }
    }

    /// A minute of load; answers in a second.
    fn minute(&mut self, manner: Manner<'_>) -> f64 {
        let ports = [self.lab.radius.port(), self.sender.port()];
        let (full, before) = (ports.map(machine::overflowed), counted(self.lab));
        let end = SystemClock.now().steady + MINUTE;
        let shots = self.shots.by_ref().take_while(|_| SystemClock.now().steady < end);
        let manner = Manner { limit: Some(MINUTE + LONGEST), ..manner };
        let (score, cpu) = table::with_cpu(self.lab.pid(), || fire_from(self.sender, shots, manner));
        self.add(&score, cpu);
        if score.failed > 0 {
            let after = ports.map(machine::overflowed);
            let [ours, theirs] = [after[0] - full[0], after[1] - full[1]];
            println!("            {ours} requests and {theirs} replies found a socket that was full");
            for (name, value) in counted(self.lab) {
                let more = value - before.get(&name).copied().unwrap_or_default();
                if more > 0.0 {
                    println!("            {name} {more}");
                }
            }
        }
        score.rate()
    }

    /// A minute has passed.
    fn add(&mut self, score: &Score, cpu: Duration) {
        let (size, late) = (resident(self.lab), score.waits.quantile(0.99));
        self.failed += score.failed;
        self.answers += score.waits.len();
        self.time += score.elapsed;
        self.sizes.push(size);
        self.slowest.push(late);
        println!(
            "minute {:>3}: {:>8} answers, {} lost, {} wrong, {} sent more than once, p50 {:.0} us, p99 {late:.0} us, \
             longest {:.1} ms, {:.1} us of CPU each, {size:.1} MB",
            self.slowest.len(),
            score.waits.len(),
            score.lost,
            score.wrong,
            score.again,
            score.waits.quantile(0.5),
            score.waits.most().as_secs_f64() * 1e3,
            cpu.as_secs_f64() * 1e6 / score.waits.len().max(1) as f64,
        );
    }

    /// Answers in a second.
    fn rate(&self) -> f64 {
        self.answers as f64 / self.time.as_secs_f64()
    }

    /// Memory after the last minute less that before the first one, in MB: when everybody has logged in once, and what comes
    /// of the first minute itself is growth.
    fn growth(&self) -> f64 {
        self.sizes[self.sizes.len() - 1] - self.sizes[0]
    }

    fn add_to(&self, report: &mut Report) {
        let Self { failed, sizes, slowest, .. } = self;
        let average = |some: &[f64]| some.iter().sum::<f64>() / some.len() as f64;
        let (tenth, ends) = ((sizes.len() / 10).max(1), (slowest.len() / 2).clamp(1, 5));
        let (first, last) = (&slowest[..ends], &slowest[slowest.len() - ends..]);
        report.figures.add("soak lost", *failed as f64);
        report.figures.add("soak growth", sizes[sizes.len() - 1] - sizes[tenth]);
        report.figures.add("soak p99", average(last) / average(first));
    }
}
