//! How the cost of a login grows with clients, rules, groups and people.

use std::fmt::Write;

use doorward::wire::radius::packet::Code;

use crate::lab::Lab;
use crate::people;
use crate::table;
use crate::{MANY, QUIET, ROUNDS, Report, closed, measure, of};

/// Users who log in, and those of them who are in many groups.
const CROWD: usize = 3000;
const FEW: usize = 500;
const CLIENTS: usize = 2000;
const RULES: [usize; 2] = [10, 1000];
const GROUPS: usize = 1000;

/// The same logins with one thing more, one after another.
pub fn growth(report: &mut Report) {
    let trusted = "primary = \"trusted\"";
    logins(report, "code alone, one client, no rule", people::in_file(CROWD, trusted, ""), CROWD);
    let clients = people::in_file(CROWD, trusted, &more_clients());
    logins(report, "code alone, 2,000 clients", clients, CROWD);
    for count in RULES {
        let what = if count == RULES[0] { "code alone, 10 rules" } else { "code alone, 1,000 rules" };
        logins(report, what, people::in_file(CROWD, trusted, &rules(count)), CROWD);
    }
    let tables = rules(RULES[0]);
    let crowded = people::in_groups(FEW, GROUPS, trusted, &tables);
    logins(report, "code alone, 10 rules, 1,000 groups each", crowded, FEW);
}

fn logins(report: &mut Report, case: &'static str, mut lab: Lab, users: usize) {
    people::enrol(&mut lab, people::file_ids(users));
    lab.run();
    let round = |round| {
        let shots = people::logins(0..users, round - 1, QUIET, "");
        measure(case, of(&lab), &shots, closed(MANY, Some(Code::AccessAccept)))
    };
    let _each = report.add((0..ROUNDS).map(round));
    let memory = crate::machine::memory(lab.pid()) * 1024.0 / 1e6;
    table::figure("  resident then", &format!("{memory:.1} MB"));
}

/// Clients that send nothing.
fn more_clients() -> String {
    let mut text = String::new();
    for n in 1..CLIENTS {
        write!(
            text,
            "[[client]]\nname = \"other-{n}\"\naddresses = [\"10.1.{}.{}\"]\nsecret = {{ file = \"{{folder}}/vpn.secret\" }}\n\
             directory = \"people\"\n",
            n / 250,
            n % 250 + 1,
        )
        .unwrap();
    }
    text
}

/// Rules of which the last one alone holds.
fn rules(count: usize) -> String {
    let mut text = String::new();
    for n in 1..count {
        write!(
            text,
            "[[rule]]\nname = \"rule-{n}\"\ngroup = [\"no such group {n}\", \"nor this one {n}\"]\nthen = \"refuse\"\n"
        )
        .unwrap();
    }
    text + "[[rule]]\nname = \"last\"\nthen = { require = [\"totp\"] }\n"
}
