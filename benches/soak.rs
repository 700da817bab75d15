//! Load that lasts: whether anything is lost, grows or gets slower.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward::wire::radius::packet::Code;

use crate::lab::Lab;
use crate::load::{LONGEST, Manner, Score, Sender, Shot, fire_from};
use crate::size::{enrolled, resident, steadily};
use crate::{MANY, Report, closed, machine, people, table};

/// Users in the load that lasts, and seconds for which a code of theirs is good: a million with usual generators has fewer
/// codes in a second than seven tenths of what two cores do.
const SOAKED: usize = 700_000;
const SOAK_STEP: i64 = 15;
/// Minutes of load that lasts; `SOAK_MINUTES` says otherwise.
const SOAK_MINUTES: u64 = 30;
/// How much of what it can do it is asked for.
const SOAK_LOAD: f64 = 0.7;
/// In this time nobody comes twice; a little more than a step.
const ROUND: Duration = Duration::from_millis(16_500);
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
    let (first, full) = (most(SOAKED, FIRST), most((codes * 10.0) as usize, Duration::from_secs(10)));
    let rate = (full * SOAK_LOAD).min(codes);
    let figures = format!("{first:.0}/s, {full:.0}/s, {rate:.0}/s");
    table::figure("everybody for the first time, full load, and the load that lasts", &figures);
    let course = Course { rate, sizes: vec![resident(&lab)], ..Course::default() };
    course.run(&lab, &mut sender, &mut shots, minutes).add_to(report);
}

/// Why the program says that it dropped something; once a minute and reason.
fn dropped(lab: &Lab) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for line in lab.log().lines().filter(|line| line.contains("radius.dropped")) {
        let reason = line.split("\"reason\":\"").nth(1).and_then(|rest| rest.split('"').next());
        *reasons.entry(reason.unwrap_or("?").to_owned()).or_default() += 1;
    }
    reasons
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
        let (over, audit) = (AtomicBool::new(false), lab.path("audit.jsonl"));
        std::thread::scope(|scope| {
            // What is written down in half an hour would fill a small disk. While the system empties a file whoever writes to it
            // waits, so it is done before there is much in it.
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    File::options().write(true).open(&audit).unwrap().set_len(0).unwrap();
                    std::thread::sleep(Duration::from_secs(1));
                }
            });
            let _at_the_end = Over(&over);
            for minute in 1..=minutes {
                let ports = [lab.radius.port(), sender.port()];
                let before = ports.map(machine::overflowed);
                let many = (self.rate * 60.0) as usize;
                let volley = || fire_from(sender, (&mut *shots).take(many), manner);
                let (score, cpu) = table::with_cpu(lab.pid(), volley);
                let after = ports.map(machine::overflowed);
                self.add(lab, minute, (&score, cpu), [after[0] - before[0], after[1] - before[1]]);
            }
        });
        self
    }

    /// A minute has passed; `full` requests and replies found a socket that was full.
    fn add(&mut self, lab: &Lab, minute: u64, (score, cpu): (&Score, Duration), full: [u64; 2]) {
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
        // Who had to ask again was not answered the first time.
        let failed = score.lost + score.wrong + score.again;
        if failed > 0 {
            let [ours, theirs] = full;
            println!("            {ours} requests and {theirs} replies found a socket that was full");
            println!("            dropped since the start, by the program's log: {:?}", dropped(lab));
            println!("            in its last moments, by the audit: {:?}", reasons(lab));
        }
        self.failed += failed;
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

/// How often the audit gives which reason.
fn reasons(lab: &Lab) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for line in BufReader::new(File::open(lab.path("audit.jsonl")).unwrap()).lines() {
        let record: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap_or_default();
        *found.entry(record["reason"].to_string()).or_default() += 1;
    }
    found
}
