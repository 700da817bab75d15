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
    reason = "a bench prints, and ends at the first surprise"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use doorward::base::cidr::Prefix;
use doorward::base::clock::UnixTime;
use doorward::login::client::Client;
use doorward::login::factor::{FactorKind, FactorKinds};
use doorward::login::identity::{Groups, Pseudonym};
use doorward::login::policy::{
    Condition, Facts, Input, Network, Policy, Requirement, Rule, Rules, TimeWindow, UserAt, Window,
};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

const CLIENTS: usize = 50;
const GROUPS: usize = 2000;
const SETS: usize = 40;
const LOGINS: usize = 200;

/// A size to measure.
struct Size {
    rules: usize,
    prefixes: usize,
    groups: usize,
    address_known: bool,
}

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

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }

    fn some<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..=self.below(most)).map(|_| make(self)).collect()
    }
}

fn client(n: usize) -> Arc<str> {
    format!("client-{n:02}").into()
}

fn group(n: usize) -> Box<str> {
    format!("cn=group {n:04},ou=groups,dc=example,dc=org").into()
}

fn networks(prefixes: usize, dice: &mut Dice) -> Vec<Arc<Network>> {
    let each = prefixes / SETS;
    let prefix = |dice: &mut Dice| {
        let bits = 12 + u8::try_from(dice.below(13)).unwrap();
        Prefix::around(IpAddr::V4(Ipv4Addr::from((dice.next() >> 20) as u32)), bits, 64)
    };
    let set =
        |n: usize| Arc::new(Network::new(&format!("set-{n}"), (0..each).map(|_| prefix(dice)).collect()));
    (0..SETS).map(set).collect()
}

fn rules(count: usize, sets: &[Arc<Network>], dice: &mut Dice) -> Vec<Rule> {
    let zone = TimeZone::get("Europe/Istanbul").unwrap();
    let days = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    (0..count)
        .map(|number| {
            let mut when = vec![
                Condition::Client(dice.some(3, |dice| client(dice.below(CLIENTS)))),
                Condition::Group(dice.some(3, |dice| group(dice.below(GROUPS)))),
            ];
            if dice.below(2) == 0 {
                when.push(Condition::Network(dice.some(2, |dice| sets[dice.below(SETS)].clone())));
            }
            if dice.below(2) == 0 {
                let from = i8::try_from(dice.below(24)).unwrap();
                let hours = TimeWindow {
                    days: days.to_vec(),
                    from: Time::constant(from, 0, 0, 0),
                    to: Time::constant((from + 10) % 24, 0, 0, 0),
                    zone: zone.clone(),
                };
                when.push(Condition::Time(vec![Arc::new(Window { name: "".into(), hours: vec![hours] })]));
            }
            let totp: FactorKinds = [FactorKind::Totp].into_iter().collect();
            let then = [Requirement::Refuse, Requirement::None, Requirement::OneOf(totp)][dice.below(3)];
            Rule::new(&format!("rule {number}"), Condition::All(when), then)
        })
        .collect()
}

struct Login {
    client: Client,
    who: Pseudonym,
    groups: Groups,
    user: UserAt,
    at: UnixTime,
}

impl Login {
    fn new(size: &Size, sets: &[Arc<Network>], dice: &mut Dice) -> Self {
        let prefixes = sets[dice.below(SETS)].prefixes();
        let prefix = prefixes[dice.below(prefixes.len())].to_string();
        let inside: IpAddr = prefix.split('/').next().unwrap().parse().unwrap();
        let mut groups = Groups::new();
        while groups.len() < size.groups {
            groups.insert(group(dice.below(GROUPS)));
        }
        Self {
            client: Client::new(&client(dice.below(CLIENTS)), "staff"),
            who: Pseudonym::new("somebody").unwrap(),
            groups,
            user: if size.address_known { UserAt::Address(inside) } else { UserAt::Unknown },
            at: UnixTime::from_seconds(1_790_000_000 + i64::try_from(dice.below(20_000_000)).unwrap()),
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            user: self.user,
            subject: Input::Known((&self.who, &self.groups)),
            ..Facts::of(&self.client, self.at)
        }
    }
}
