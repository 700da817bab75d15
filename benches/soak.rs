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
/// How much of what it can do it is asked for.
const SOAK_LOAD: f64 = 0.7;
/// In this time nobody comes twice; a little more than a step.
const ROUND: Duration = Duration::from_millis(8_800);
/// What it can do is measured for so long that what the store does now and then is part of it.
const FULL: Duration = Duration::from_secs(60);
/// How often the audit's file is rotated.
const ROTATED: Duration = Duration::from_secs(60);
/// The time that everybody has to log in for the first time.
const FIRST: Duration = Duration::from_secs(90);

/// Load that lasts, at seven tenths of what the program can do or as fast as the users' codes allow.
pub fn soak(report: &mut Report) {
    let minutes = std::env::var("SOAK_MINUTES").map_or(SOAK_MINUTES, |text| text.parse().unwrap());
    let mut lab = enrolled(SOAKED, SOAK_STEP);
    lab.run();
    // Everybody's code is good once; a little more leaves room for the turn of a step.
    let codes = SOAKED as f64 / ROUND.as_secs_f64();
    let (mut sender, mut shots) = (Sender::new(lab.radius), steadily(0, SOAKED, SOAK_STEP));
    // Everybody once, so that what is kept of people is there and no growth; then as fast as it goes.
    let mut most = |users: usize, time: Duration| {
        let manner = Manner { limit: Some(time), ..closed(MANY, Some(Code::AccessAccept)) };
        let rate = fire_from(&mut sender, shots.by_ref().take(users), manner).rate();
        std::thread::sleep(ROUND);
        rate
    };
    let first = most(SOAKED, FIRST);
    let full = most((codes * FULL.as_secs_f64()) as usize, FULL);
    let rate = (full * SOAK_LOAD).min(codes);
    let figures = format!("{first:.0}/s, {full:.0}/s, {rate:.0}/s");
    table::figure("everybody for the first time, full load, and the load that lasts", &figures);
    let course = Course { rate, sizes: vec![resident(&lab)], ..Course::default() };
    course.run(&lab, &mut sender, &mut shots, minutes).add_to(report);
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

/// How load went that lasts.
#[derive(Default)]
struct Course {
    rate: f64,
    failed: usize,
    /// Memory before and after each minute, in MB.
    sizes: Vec<f64>,
    /// p99 of each minute, in microseconds.
    slowest: Vec<f64>,
}

impl Course {
    fn run(
        mut self,
        lab: &Lab,
        sender: &mut Sender,
        shots: &mut dyn Iterator<Item = Shot>,
        minutes: u64,
    ) -> Self {
        let manner = Manner {
            rate: Some(self.rate),
            limit: Some(LONGEST * 6),
            ..closed(people::MOST_AT_ONCE, Some(Code::AccessAccept))
        };
        let over = AtomicBool::new(false);
        rotate(lab);
        std::thread::scope(|scope| {
            // What is written down in half an hour would fill a small disk.
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
            for minute in 1..=minutes {
                let ports = [lab.radius.port(), sender.port()];
                let before = ports.map(machine::overflowed);
                let many = (self.rate * 60.0) as usize;
                let counted_before = counted(lab);
                let volley = || fire_from(sender, (&mut *shots).take(many), manner);
                let (score, cpu) = table::with_cpu(lab.pid(), volley);
                let after = ports.map(machine::overflowed);
                self.add(lab, minute, (&score, cpu));
                // Who had to ask again was not answered the first time.
                if score.lost + score.wrong + score.again > 0 {
                    let [ours, theirs] = [after[0] - before[0], after[1] - before[1]];
                    println!("            {ours} requests and {theirs} replies found a socket that was full");
                    for (name, value) in counted(lab) {
                        let more = value - counted_before.get(&name).copied().unwrap_or_default();
                        if more > 0.0 {
                            println!("            {name} {more}");
                        }
                    }
                }
            }
        });
        self
    }

    /// A minute has passed.
    fn add(&mut self, lab: &Lab, minute: u64, (score, cpu): (&Score, Duration)) {
        let (size, late) = (resident(lab), score.waits.quantile(0.99));
        println!(
            "minute {minute:>3}: {:>8} answers, {} lost, {} wrong, {} sent more than once, p50 {:.0} us, p99 {late:.0} us, \
             longest {:.1} ms, {:.1} us of CPU each, {size:.1} MB",
            score.waits.len(),
            score.lost,
            score.wrong,
            score.again,
            score.waits.quantile(0.5),
            score.waits.most().as_secs_f64() * 1e3,
            cpu.as_secs_f64() * 1e6 / score.waits.len().max(1) as f64,
        );
        self.failed += score.lost + score.wrong + score.again;
        self.sizes.push(size);
        self.slowest.push(late);
    }

    fn add_to(&self, report: &mut Report) {
        let Self { failed, sizes, slowest, .. } = self;
        let average = |some: &[f64]| some.iter().sum::<f64>() / some.len() as f64;
        let (tenth, ends) = ((sizes.len() / 10).max(1), (slowest.len() / 2).clamp(1, 5));
        let (first, last) = (&slowest[..ends], &slowest[slowest.len() - ends..]);
        report.figures.add("soak lost", *failed as f64);
        report.figures.add("soak growth", sizes[sizes.len() - 1] - sizes[tenth]);
        report.figures.add("soak p99", average(last) / average(first));
        report.figures.add("M3", sizes[sizes.len().min(11) - 1] - sizes[0]);
    }
}
