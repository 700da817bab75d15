//! A spray over ten thousand names and a guessing run at a few people, through RADIUS and LDAP together, with Active
//! Directory behind, for which Samba stands: no account is locked there, and whose name it is gets in (B-087, D-108).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/lab.rs"]
mod lab;
#[path = "support/raw_ldap.rs"]
mod raw_ldap;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::radius::packet::Code;
use gateway::{Gateway, Wish};
use lab::{Appliance, Lab, PATIENCE, SECRET, private_file};
use raw_ldap::Raw;
use support::samba::{PASSWORD, Samba};

/// Wrong passwords that lock an account of the domain.
const THRESHOLD: u32 = 5;
/// Names that are sprayed, by each protocol.
const BY_RADIUS: usize = 8_000;
const BY_LDAP: usize = 2_000;
/// How many of all names somebody has, at even distances.
const KNOWN: usize = 50;
/// Wrong passwords for each of the people who are guessed at, by each protocol.
const GUESSES: usize = 150;
/// Who is guessed at. All have a generator of codes.
const VICTIMS: [&str; 3] = ["anna", "carl", "müller"];
/// Where anna usually comes from.
const HOME: &str = "198.51.100.7";
/// What the program may grow by, in KiB.
const GROWTH: usize = 64 * 1024;

const CLIENT: &str = r#"
[[client]]
name = "vpn"
addresses = ["127.0.0.0/8"]
secret = { file = "{secret}" }
code-entry = "append"
directory = "staff"
reject-delay = "0s"

[limits]
subject-per-minute = 100000
source-per-minute = 1000000
realm-per-minute = 1000000
client-per-second = 100000
logins-per-second = 100000
"#;

/// The name number `n` of the spray.
fn sprayed(n: usize) -> String {
    let every = (BY_RADIUS + BY_LDAP) / KNOWN;
    if n.is_multiple_of(every) { format!("spray{:02}", n / every) } else { format!("nobody{n:05}") }
}

/// A domain with the people who are sprayed, and the program before it.
fn start() -> Option<Gateway<Samba>> {
    let samba = Samba::start()?;
    samba.tool(&[
        "domain",
        "passwordsettings",
        "set",
        &format!("--account-lockout-threshold={THRESHOLD}"),
        "--reset-account-lockout-after=30",
        "--account-lockout-duration=30",
    ]);
    samba.script(&format!("for n in range({KNOWN}):\n    user(\"spray%02d\" % n)\n"));
    let secret = samba.ca_file().with_file_name("vpn.secret");
    private_file(&secret, SECRET);
    let tables = CLIENT.replace("{secret}", secret.to_str().unwrap());
    Some(Gateway::in_front_of(samba, &Wish { tables: &tables, ..Wish::default() }))
}

/// What the domain counts of everybody: wrong passwords, and whether they have locked the account.
fn counted(samba: &Samba) -> BTreeMap<String, (u32, bool)> {
    let said = samba.script(
        "for one in db.search(base, expression=\"(objectClass=user)\", attrs=[\"sAMAccountName\", \"badPwdCount\", \"lockoutTime\"]):\n    \
             print(one[\"sAMAccountName\"][0], one.get(\"badPwdCount\", [b\"0\"])[0].decode(), one.get(\"lockoutTime\", [b\"0\"])[0].decode())\n",
    );
    let one = |line: &str| {
        let mut words = line.rsplitn(3, ' ');
        let (locked, count, name) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        (name.to_owned(), (count.parse().unwrap(), locked != "0"))
    };
    said.lines().map(one).collect()
}

/// Memory of the program now, in KiB.
fn memory(lab: &Lab) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", lab.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// An appliance whose user comes from there.
fn appliance(lab: &Lab, from: &str) -> Appliance {
    let mut appliance = Appliance::new(lab.radius, SECRET);
    appliance.from = Some(from.to_owned());
    appliance
}

/// Sprays every name of a range by RADIUS, each from another network.
fn spray_by_radius(lab: &Lab, names: std::ops::Range<usize>) {
    let mut appliance = Appliance::new(lab.radius, SECRET);
    for n in names {
        appliance.from = Some(format!("10.{}.{}.9", n / 250, n % 250));
        let reply = appliance.ask(&sprayed(n), "Winter.2026!123456");
        assert_eq!(reply.code, Code::AccessReject);
    }
}

fn spray_by_ldap(raw: &mut Raw, names: std::ops::Range<usize>) {
    for n in names {
        let name = format!("{}@lab.test", sprayed(n));
        assert_eq!(raw.bind(&name, "Winter.2026!123456"), 49, "invalidCredentials");
    }
}

#[test]
fn a_spray_and_a_guessing_run_lock_nobody_in_the_domain_and_the_owner_gets_in_b_087_d_108() {
    let Some(gateway) = start() else { return };
    let lab = &gateway.lab;
    let owner = appliance(lab, HOME);
    let enter = || owner.ask("anna", &format!("{PASSWORD}{}", gateway.code("anna"))).code;
    assert_eq!(enter(), Code::AccessAccept, "before anything happens");
    let before = memory(lab);
    let began = SystemClock.now().steady;
    let guessed = AtomicUsize::new(0);

    thread::scope(|all| {
        all.spawn(|| spray_by_radius(lab, 0..BY_RADIUS / 2));
        all.spawn(|| spray_by_radius(lab, BY_RADIUS / 2..BY_RADIUS));
        all.spawn(|| {
            let mut raw = Raw::tls(gateway.ldaps, &gateway.ca_file());
            spray_by_ldap(&mut raw, BY_RADIUS..BY_RADIUS + BY_LDAP);
        });
        for (number, victim) in VICTIMS.into_iter().enumerate() {
            let guessed = &guessed;
            all.spawn(move || {
                let appliance = appliance(lab, &format!("203.0.113.{number}"));
                for n in 0..GUESSES {
                    let reply = appliance.ask(victim, &format!("by radius {n}!000000"));
                    assert_eq!(reply.code, Code::AccessReject);
                    guessed.fetch_add(1, Ordering::SeqCst);
                }
            });
            let gateway = &gateway;
            all.spawn(move || {
                let mut raw = Raw::tls(gateway.ldaps, &gateway.ca_file());
                for n in 0..GUESSES {
                    assert_eq!(raw.bind(victim, &format!("by ldap {n}!000000")), 49, "invalidCredentials");
                    guessed.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        // In the midst of it, over and over.
        for part in 1..=8 {
            wait_until(|| guessed.load(Ordering::SeqCst) >= part * VICTIMS.len() * GUESSES / 4);
            assert_eq!(enter(), Code::AccessAccept, "after {part} parts of 8");
        }
    });

    assert_eq!(enter(), Code::AccessAccept, "after all of it");
    let took = SystemClock.now().steady - began;
    let grown = memory(lab).saturating_sub(before);
    let domain = counted(&gateway.slapd);
    for (name, (count, is_locked)) in &domain {
        assert!(!is_locked && *count < THRESHOLD, "{name}: {count} wrong passwords, locked: {is_locked}");
    }
    assert!(domain.len() > KNOWN, "{domain:?}");
    let mut reasons = BTreeMap::<String, usize>::new();
    for record in lab.logins() {
        *reasons.entry(record["reason"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let asked = reasons["wrong-password"];
    // Everybody who is sprayed at most once, and the victims as often as the guard lets.
    let most = KNOWN + VICTIMS.len() * (THRESHOLD as usize - 1);
    assert!((1..=most).contains(&asked), "{reasons:?}");
    assert!(reasons["lockout-guard"] > 0, "{reasons:?}");
    assert!(grown < GROWTH, "grown by {grown} KiB");
    println!(
        "{reasons:?}: {asked} wrong passwords reached an account of the domain, grown by {grown} KiB, took {took:?}"
    );
}

/// Waits for something that the other threads bring about.
fn wait_until(mut holds: impl FnMut() -> bool) {
    let until = SystemClock.now().steady + 4 * PATIENCE;
    while !holds() {
        assert!(SystemClock.now().steady < until, "it never came");
        thread::park_timeout(std::time::Duration::from_millis(5));
    }
}
