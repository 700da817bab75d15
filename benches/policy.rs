//! What a decision costs: rules by the thousand, prefixes by the hundred thousand, people in many groups.
//!
//! Times are CPU times of one decision of the compiled rules, of the same rules looked at one after the other, of asking
//! when the hours of a decision end, and of compiling. All is made from fixed numbers, so that two runs ask the same
//! questions.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a bench prints, and ends at the first surprise"
)]

mod rules;

use std::time::Duration;

use doorward::login::policy::{Policy, Rules};

use crate::rules::{Dice, Login, Size, networks, rules};

const LOGINS: usize = 200;

fn main() {
    // `cargo test` builds and runs every bench for a moment; nothing is measured then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!(
        "{:>8} {:>10} {:>9} {:>9} {:>14} {:>14} {:>12} {:>12}",
        "rules", "prefixes", "groups", "address", "compiled ns", "in order ns", "ends ns", "compile ms"
    );
    for rules in [10, 100, 1_000, 10_000] {
        measure(&Size { rules, prefixes: 320, groups: 20, address_known: true });
    }
    for rules in [10, 100, 1_000, 10_000] {
        measure(&Size { rules, prefixes: 100_000, groups: 1_000, address_known: true });
    }
    for rules in [10, 100, 1_000, 10_000] {
        measure(&Size { rules, prefixes: 100_000, groups: 1_000, address_known: false });
    }
}

fn measure(size: &Size) {
    let mut dice = Dice(88_172_645_463_325_252);
    let sets = networks(size.prefixes, &mut dice);
    let list = rules(size.rules, &sets, &mut dice);
    let compile =
        average(|| drop(std::hint::black_box(Rules::from(list.clone())))) - average(|| drop(list.clone()));
    let policy = Policy { rules: Rules::from(list), ..Policy::default() };
    let logins: Vec<_> = (0..LOGINS).map(|_| Login::new(size, &sets, &mut dice)).collect();
    for login in &logins {
        assert_eq!(policy.decide(&login.facts()), policy.decide_plainly(&login.facts()));
    }
    let decisions: Vec<_> = logins.iter().filter_map(|login| policy.decide(&login.facts())).collect();
    assert_eq!(decisions.len(), logins.len());
    let each = |total: f64| total / logins.len() as f64;
    let fast = each(average(|| {
        logins.iter().for_each(|login| drop(std::hint::black_box(policy.decide(&login.facts()))));
    }));
    let plain = each(average(|| {
        logins.iter().for_each(|login| drop(std::hint::black_box(policy.decide_plainly(&login.facts()))));
    }));
    let ends = each(average(|| {
        for (login, decision) in logins.iter().zip(&decisions) {
            std::hint::black_box(policy.ends(decision, &login.facts()));
        }
    }));
    println!(
        "{:>8} {:>10} {:>9} {:>9} {fast:>14.0} {plain:>14.0} {ends:>12.0} {:>12.1}",
        size.rules,
        size.prefixes,
        size.groups,
        if size.address_known { "known" } else { "unknown" },
        compile / 1e6,
    );
}

/// CPU time of doing it once, in nanoseconds: the least of some spells, each long enough for the kernel's clock ticks.
fn average(work: impl Fn()) -> f64 {
    let spell = || {
        let mut times = 1u32;
        loop {
            let begun = on_cpu();
            (0..times).for_each(|_| work());
            let spent = on_cpu() - begun;
            if spent >= SPELL {
                return spent.as_secs_f64() * 1e9 / f64::from(times);
            }
            times *= 2;
        }
    };
    (0..SPELLS).map(|_| spell()).fold(f64::INFINITY, f64::min)
}

const SPELLS: usize = 3;
const SPELL: Duration = Duration::from_millis(150);

/// How long this thread has run, without what others took from it meanwhile.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}
