//! How many instructions the pieces of a login take, by valgrind's callgrind: the one figure that a noisy machine does not
//! falsify.
//!
//! `make bench-instructions` compares with `benches/instructions.txt` and fails when a piece takes more than a twentieth
//! more. `cargo bench --bench hot -- [--bless] [pieces]`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    missing_docs,
    unreachable_pub,
    reason = "a measurement: it ends with a word when something is not as it should be"
)]

mod crowd;
#[path = "../tests/support/lab.rs"]
mod lab;
mod pieces;
mod rules;
#[path = "../tests/support/store.rs"]
#[allow(dead_code, reason = "shared with tests")]
mod store;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The word that makes this program the one that is counted: a piece and how often follow.
const COUNTED: &str = "--counted";
/// How much more than before a piece may take.
const MOST: f64 = 1.05;
/// What was counted before.
const BEFORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, piece, turns, ..] = &*words
        && word == COUNTED
    {
        run(piece, turns.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    if !words.iter().any(|word| word == "--bench") {
        println!("this counts instructions: cargo bench --bench hot");
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!(
            "valgrind is not installed, and nothing else counts instructions: apt-get install valgrind"
        );
        return ExitCode::FAILURE;
    }
    let chosen = |name: &&str| words.iter().all(|w| w.starts_with("--")) || words.iter().any(|w| w == name);
    let names: Vec<&str> = pieces::NAMES.into_iter().filter(chosen).collect();
    compare(&names, words.iter().any(|word| word == "--bless"))
}

/// Takes the same preparations whatever `turns` is, and then so many turns.
fn run(name: &str, turns: usize) {
    let mut piece = pieces::piece(name);
    let inputs: Vec<Vec<u8>> = (0..2 * piece.turns()).map(|_| piece.prepare()).collect();
    for input in inputs.iter().take(turns) {
        piece.run(input);
    }
}

fn compare(names: &[&str], bless: bool) -> ExitCode {
    let (compiler_before, before) = read();
    let compiler = compiler();
    if !bless && compiler_before != compiler {
        println!(
            "counted before with {compiler_before}, now with {compiler}: some of the difference may be theirs"
        );
    }
    println!("{:<12} {:>12} {:>12} {:>8}", "piece", "before", "now", "change");
    let (mut now, mut worse) = (before.clone(), Vec::new());
    for name in names {
        let count = count(name);
        now.insert((*name).to_owned(), count);
        let Some(old) = before.get(*name) else {
            println!("{name:<12} {:>12} {count:>12} {:>8}", "-", "new");
            continue;
        };
        let ratio = count as f64 / *old as f64;
        println!("{name:<12} {old:>12} {count:>12} {:>+7.1}%", (ratio - 1.0) * 100.0);
        if ratio > MOST {
            worse.push(*name);
        }
    }
    if bless {
        now.retain(|name, _| pieces::NAMES.contains(&&**name));
        std::fs::write(BEFORE, text(&compiler, &now)).unwrap();
        return ExitCode::SUCCESS;
    }
    if worse.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("more than a twentieth above before: {}. BLESS=1 accepts what is counted now", worse.join(", "));
    ExitCode::FAILURE
}

/// Instructions of one thing that a piece does: what a run takes more that has twice as many turns as another.
fn count(name: &str) -> u64 {
    let piece = pieces::piece(name);
    let (turns, each) = (piece.turns(), piece.count());
    drop(piece);
    let one = instructions(name, turns);
    let two = instructions(name, 2 * turns);
    (two - one) / (turns * each) as u64
}

/// Instructions of a whole run, of all threads and without the kernel.
fn instructions(name: &str, turns: usize) -> u64 {
    let folder = tempfile::TempDir::with_prefix_in("hot-", env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--fair-sched=yes"]);
    command.arg(format!("--callgrind-out-file={}", Path::new(folder.path()).join("out").display()));
    command.arg(std::env::current_exe().unwrap()).args([COUNTED, name, &turns.to_string()]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let line =
        said.lines().find_map(|line| line.split_once("Collected : ")).unwrap_or_else(|| panic!("{said}"));
    line.1.trim().parse().unwrap()
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or("unknown".to_owned(), |output| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// The compiler and the counts of the file; nothing where there is none.
fn read() -> (String, BTreeMap<String, u64>) {
    let text = std::fs::read_to_string(BEFORE).unwrap_or_default();
    let compiler =
        text.lines().find_map(|line| line.strip_prefix("# compiler: ")).unwrap_or("none").to_owned();
    let counts = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
    (compiler, counts.map(|(name, count)| (name.to_owned(), count.trim().parse().unwrap())).collect())
}

fn text(compiler: &str, counts: &BTreeMap<String, u64>) -> String {
    let mut text = format!(
        "# Instructions of each piece (benches/pieces.rs), by callgrind: make bench-instructions, BLESS=1 renews them.\n\
         # compiler: {compiler}\n"
    );
    for (name, count) in counts {
        writeln!(text, "{name} {count}").unwrap();
    }
    text
}
