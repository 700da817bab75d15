//! Files that rules look things up in, against the finished program: they change, and nobody tells the program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "support/lab.rs"]
mod lab;
#[path = "support/mmdb.rs"]
mod mmdb;

use std::fs;
use std::path::Path;

use doorward::wire::radius::packet::Code;
use lab::{Appliance, Lab, PASSWORD};

const RULES: &str = r#"
[[network]]
name = "office"
prefixes = ["192.0.2.0/24"]
file = "{dir}/office.txt"
[[calendar]]
name = "closed"
zone = "Europe/Istanbul"
file = "{dir}/closed.ics"
[geo]
country = "{dir}/country.mmdb"
asn = "{dir}/asn.mmdb"
[limits]
source-per-minute = 100000
subject-per-minute = 100000
client-per-second = 100000
[[rule]]
name = "closed"
calendar = ["closed"]
then = "refuse"
[[rule]]
name = "at-the-office"
network = ["office"]
then = "none"
[[rule]]
name = "at-home"
country = ["TR"]
asn = [64496]
then = "none"
[[rule]]
name = "elsewhere"
then = "refuse"
"#;

/// In place of the file in one step, as a program that is careful does it.
fn replace(path: &Path, bytes: &[u8]) {
    let other = path.with_extension("new");
    fs::write(&other, bytes).unwrap();
    fs::rename(&other, path).unwrap();
}

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n")
}

/// All days there are.
const ALWAYS: &str =
    "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20200101\r\nDTEND;VALUE=DATE:20990101\r\nEND:VEVENT\r\n";

fn systems(number: u32) -> Vec<u8> {
    mmdb::systems(&[("198.51.100.0", 24, number)])
}

fn start() -> Lab {
    let dir = lab::folder();
    fs::write(dir.path().join("office.txt"), "203.0.113.0/24 # the second floor\n").unwrap();
    fs::write(dir.path().join("closed.ics"), calendar("")).unwrap();
    fs::write(dir.path().join("country.mmdb"), mmdb::countries(&[("198.51.100.0", 24, "TR")])).unwrap();
    fs::write(dir.path().join("asn.mmdb"), systems(64496)).unwrap();
    let rules = RULES.replace("{dir}", dir.path().to_str().unwrap());
    let tables = format!("{}{}{rules}", lab::staff(dir.path()), lab::client(dir.path(), ""));
    Lab::start_custom(dir, &tables)
}

/// Whether somebody at this address is let in.
fn let_in(vpn: &mut Appliance, address: &str) -> bool {
    vpn.from = Some(address.to_owned());
    vpn.ask("alice", PASSWORD).code == Code::AccessAccept
}

/// How often the log has this event by now.
fn times(lab: &Lab, event: &str) -> usize {
    lab.log().lines().filter(|line| line.contains(&format!("\"event\":\"{event}\""))).count()
}

/// Waits until the log has this event once more than `before`; the last of them.
fn wait_for_another(lab: &Lab, event: &str, before: usize) -> String {
    let wanted = format!("\"event\":\"{event}\"");
    let skipped = std::cell::Cell::new(0);
    lab.wait_for(|line| {
        // The lines are gone through from the first one on each time.
        if line.contains("\"daemon.ready\"") {
            skipped.set(0);
        }
        let fits = line.contains(&wanted);
        skipped.set(skipped.get() + usize::from(fits));
        fits && skipped.get() > before
    })
}

#[test]
fn a_decision_changes_with_the_file_it_rests_on_and_without_a_signal() {
    let lab = start();
    let mut vpn = lab.appliance();
    let addresses = ["192.0.2.1", "203.0.113.1", "198.51.100.1", "10.0.0.1"];
    let mut all = || addresses.map(|address| let_in(&mut vpn, address));
    assert_eq!(all(), [true, true, true, false], "as the files are at the start");

    let reloaded = times(&lab, "policy.data-reloaded");
    replace(&lab.path("office.txt"), b"10.0.0.0/8\n");
    let line = wait_for_another(&lab, "policy.data-reloaded", reloaded);
    assert!(line.contains("\"prefixes\":2"), "{line}");
    assert_eq!(all(), [true, false, true, true], "another office");

    replace(&lab.path("country.mmdb"), &mmdb::countries(&[("198.51.100.0", 24, "DE")]));
    wait_for_another(&lab, "policy.data-reloaded", reloaded + 1);
    assert_eq!(all(), [true, false, false, true], "another country");

    replace(&lab.path("closed.ics"), calendar(ALWAYS).as_bytes());
    wait_for_another(&lab, "policy.data-reloaded", reloaded + 2);
    assert_eq!(all(), [false; 4], "closed");
    assert_eq!(times(&lab, "daemon.reloaded"), 0);
}

#[test]
fn what_cannot_be_read_leaves_everything_as_it_was() {
    let lab = start();
    let mut vpn = lab.appliance();
    assert!(let_in(&mut vpn, "203.0.113.1"));

    replace(&lab.path("office.txt"), b"10.0.0.0/8\noffice.example.org\n");
    let line = wait_for_another(&lab, "policy.data-refused", 0);
    assert!(
        line.contains("office.txt:2:1: \\\"office.example.org\\\" is not an address or prefix"),
        "{line}"
    );
    assert!(let_in(&mut vpn, "203.0.113.1"), "the old prefixes hold");
    lab.wait_for_page("/metrics", "\ndoorward_rule_files_refused 1\n");
    assert!(!let_in(&mut vpn, "10.0.0.1"));

    fs::remove_file(lab.path("office.txt")).unwrap();
    wait_for_another(&lab, "policy.data-refused", 1);
    assert!(let_in(&mut vpn, "203.0.113.1"), "a file that is gone takes nothing with it");

    fs::write(lab.path("office.txt"), "203.0.113.0/24\n").unwrap();
    wait_for_another(&lab, "policy.data-reloaded", 0);
    lab.wait_for_page("/metrics", "\ndoorward_rule_files_refused 0\n");
    replace(&lab.path("asn.mmdb"), b"nothing of the kind");
    let line = wait_for_another(&lab, "policy.data-refused", 2);
    assert!(line.contains("asn.mmdb is no database in the MaxMind format"), "{line}");
    assert!(let_in(&mut vpn, "198.51.100.1"), "the old database holds");
}

#[test]
fn what_is_still_written_or_was_cut_off_widens_nothing() {
    let lab = start();
    let mut vpn = lab.appliance();
    fs::write(lab.path("office.txt"), "").unwrap();
    let line = wait_for_another(&lab, "policy.data-refused", 0);
    assert!(line.contains("office.txt: there is nothing in it"), "{line}");
    assert!(let_in(&mut vpn, "203.0.113.1"), "the old prefixes hold");

    fs::write(lab.path("office.txt"), "203.0.113.0/24\n0.0.0.0/").unwrap();
    let line = wait_for_another(&lab, "policy.data-refused", 1);
    assert!(line.contains("office.txt:2:1: the last line has no end"), "{line}");
    fs::write(lab.path("office.txt"), "203.0.113.0/24\n0.0.0.0/0").unwrap();
    wait_for_another(&lab, "policy.data-refused", 2);
    assert!(!let_in(&mut vpn, "10.0.0.1"));
    fs::write(lab.path("office.txt"), "203.0.113.0/24\n0.0.0.0/0\n").unwrap();
    wait_for_another(&lab, "policy.data-reloaded", 0);
    assert!(let_in(&mut vpn, "10.0.0.1"), "it was meant");
}

#[test]
fn a_file_that_looks_as_old_and_as_long_as_before_is_read_again() {
    let lab = start();
    let mut vpn = lab.appliance();
    let path = lab.path("office.txt");
    let before = fs::metadata(&path).unwrap();
    let text = "198.18.77.0/24 # the second floor\n";
    assert_eq!(before.len(), text.len() as u64);
    fs::write(&path, text).unwrap();
    let times = fs::FileTimes::new().set_modified(before.modified().unwrap());
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_times(times).unwrap();
    wait_for_another(&lab, "policy.data-reloaded", 0);
    assert!(let_in(&mut vpn, "198.18.77.1"));
    assert!(!let_in(&mut vpn, "203.0.113.1"));
}

#[test]
fn a_half_edited_configuration_does_not_slip_in_with_a_file() {
    let lab = start();
    let mut vpn = lab.appliance();
    lab.edit_config("then = \"none\"", "then = \"refuse\"");
    replace(&lab.path("office.txt"), b"10.0.0.0/8\n");
    wait_for_another(&lab, "policy.data-reloaded", 0);
    assert!(let_in(&mut vpn, "10.0.0.1"), "the rules that run are kept");
}

// ---- questions about logins --------------------------------------------------------------------------

#[test]
fn explain_looks_addresses_up_as_a_login_does_unless_it_is_told_where_they_are() {
    let lab = start();
    let explain = ["explain", "--client", "vpn", "--user", "alice", "--from", "198.51.100.1"];
    let decided = |more: &[&str]| {
        let told = lab.must(&[&explain[..], more].concat(), "");
        let line = told.lines().find(|line| line.starts_with("decided by")).unwrap().to_owned();
        (line, told)
    };
    let (line, told) = decided(&[]);
    assert_eq!(line, "decided by rule \"at-home\": no second factor", "{told}");
    assert!(told.contains("country: yes, it is TR") && told.contains("asn: yes, it is 64496"), "{told}");
    let (line, told) = decided(&["--country", "DE"]);
    assert_eq!(line, "decided by rule \"elsewhere\": refuse", "{told}");
    let (line, told) = decided(&["--asn", "unknown"]);
    assert_eq!(line, "decided by rule \"elsewhere\": refuse", "{told}");
    assert!(told.contains("asn: unknown, no database says where the user's address is"), "{told}");
    let elsewhere = ["explain", "--client", "vpn", "--user", "alice", "--from", "203.0.114.1"];
    let told = lab.must(&elsewhere, "");
    assert!(told.contains("country: unknown, no database says where the user's address is"), "{told}");
}

const EXPECTED: &str = r#"
[[expect]]
name = "the database says at home"
client = "vpn"
from = "198.51.100.7"
rule = "at-home"
[[expect]]
name = "the database is not asked where the expectation says it"
client = "vpn"
from = "198.51.100.7"
country = "DE"
rule = "elsewhere"
[[expect]]
name = "nobody knows the system"
client = "vpn"
from = "198.51.100.7"
asn = "unknown"
rule = "elsewhere"
[[expect]]
name = "in no database"
client = "vpn"
from = "203.0.114.1"
rule = "elsewhere"
"#;

#[test]
fn expectations_are_tried_with_the_databases_unless_they_say_otherwise() {
    let lab = start();
    let config = fs::read_to_string(lab.path("doorward.toml")).unwrap();
    fs::write(lab.path("doorward.toml"), format!("{config}{EXPECTED}")).unwrap();
    let told = lab.must(&["policy", "test"], "");
    assert!(told.ends_with("4 expectations, 0 failed\n"), "{told}");
    replace(&lab.path("country.mmdb"), &mmdb::countries(&[("198.51.100.0", 24, "DE")]));
    let output = lab.command(&["check"], "");
    let said = lab::text(&output);
    assert!(said.contains("expect \"the database says at home\"") && !output.status.success(), "{said}");
    let shown = lab.must(&["show"], "");
    assert!(shown.contains("asn = \"unknown\"") && shown.contains("country = \"DE\""), "{shown}");
}

#[test]
fn logins_whose_records_have_no_place_are_looked_up_for_replay_and_explain() {
    let lab = start();
    let mut vpn = lab.appliance();
    assert!(let_in(&mut vpn, "198.51.100.1"));
    let attempt = lab.logins().pop().unwrap()["attempt"].as_str().unwrap().to_owned();
    // As a version without databases has written it.
    let audit = fs::read_to_string(lab.path("audit.jsonl")).unwrap();
    let old = audit.replace(",\"country\":\"TR\"", "").replace(",\"asn\":64496", "");
    assert_ne!(audit, old);
    let (path, with) = (lab.path("old.jsonl"), lab.path("other.toml"));
    fs::write(&path, old).unwrap();
    let here = fs::read_to_string(lab.path("doorward.toml")).unwrap();
    fs::write(&with, here.replace("country = [\"TR\"]", "country = [\"DE\"]")).unwrap();
    let (path, with) = (path.to_str().unwrap(), with.to_str().unwrap());
    let output = lab.command(&["policy", "replay", "--audit", path, "--with", with], "");
    let told = lab::text(&output);
    let expected = "stricter: 1 login, rule \"at-home\" (no second factor) -> rule \"elsewhere\" (refuse)";
    assert!(told.contains(expected) && !told.contains("cannot tell"), "{told}");
    let told = lab.must(&["explain", "--attempt", &attempt, "--file", path], "");
    assert!(told.contains("country: yes, it is TR"), "{told}");
}

#[test]
fn a_database_that_is_none_is_told_with_its_place_before_the_start() {
    let lab = start();
    fs::write(lab.path("country.mmdb"), systems(64496)).unwrap();
    fs::write(lab.path("office.txt"), "192.0.2.1/24\n").unwrap();
    let output = lab.command(&["check"], "");
    let said = lab::text(&output);
    assert!(!output.status.success());
    assert!(said.contains("is a database of the type Test-ASN, in which no country was found"), "{said}");
    assert!(said.contains("office.txt:1:1: 192.0.2.1/24 has address bits behind the prefix"), "{said}");
}
