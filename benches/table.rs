//! What was measured, as a table for people and, on demand, as lines for machines.

use std::time::Duration;

use crate::load::Score;
use crate::machine::Cpu;

/// The figures of one case.
pub struct Row {
    pub case: &'static str,
    /// Requests under way at any time; with a fixed rate, how many there may be.
    pub window: usize,
    /// CPU time of the measured process alone.
    pub cpu: Duration,
    pub score: Score,
}

impl Row {
    /// CPU microseconds of one answered request.
    pub fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / (self.score.waits.len().max(1) as f64)
    }

    /// Every request was answered as it should be.
    pub fn is_sound(&self) -> bool {
        self.score.wrong == 0 && self.score.lost == 0
    }
}

/// Prints the head of the table of cases.
pub fn head() {
    println!(
        "{:<48} {:>7} {:>8} {:>10} {:>9} {:>9} {:>11}",
        "case", "at once", "requests", "requests/s", "p50 us", "p99 us", "CPU us each"
    );
}

/// Prints a case.
pub fn line(row: &Row) {
    let Row { case, window, score, .. } = row;
    print!("{case:<48} {window:>7} {:>8} {:>10.0}", score.waits.len(), score.rate());
    print!(" {:>9.0} {:>9.0} {:>11.1}", score.waits.quantile(0.5), score.waits.quantile(0.99), row.cpu_us());
    if score.again > 0 {
        print!("  ({} sent more than once)", score.again);
    }
    if !row.is_sound() {
        print!("  {} WRONG, {} LOST", score.wrong, score.lost);
    }
    println!();
}

/// Prints a figure that is no case.
pub fn figure(what: &str, value: &str) {
    println!("{what:<60} {value}");
}

/// Prints a case as one line of JSON.
pub fn json(row: &Row) {
    let score = &row.score;
    let value = serde_json::json!({
        "case": row.case,
        "at_once": row.window,
        "requests": score.waits.len(),
        "per_second": score.rate(),
        "p50_us": score.waits.quantile(0.5),
        "p99_us": score.waits.quantile(0.99),
        "longest_us": score.waits.most().as_secs_f64() * 1e6,
        "cpu_us": row.cpu_us(),
        "again": score.again,
        "wrong": score.wrong,
        "lost": score.lost,
    });
    println!("{value}");
}

/// Does something and gives what it returns with the CPU time that the process `pid` used meanwhile.
pub fn with_cpu<T>(pid: u32, work: impl FnOnce() -> T) -> (T, Duration) {
    let before = Cpu::of(pid);
    let result = work();
    (result, before.since(pid))
}
