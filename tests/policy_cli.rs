//! What the commands about rules and exemptions tell, by the finished program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "support/lab.rs"]
mod lab;

use std::fs;

use lab::{Lab, code, command_in as doorward, complaint, text};
use serde_json::Value;

// ---- explain -----------------------------------------------------------------------------------------

const RULES: &str = r#"
[[rule]]
name = "office"
network = ["192.0.2.0/24", "198.51.100.0/24"]
then = "none"
[[rule]]
name = "admins"
group = "admins"
then = "refuse"
[[rule]]
name = "users"
then = { require = ["totp"] }
"#;

#[test]
fn explain_shows_every_rule_in_order_with_the_value_of_each_condition() {
    let lab = Lab::start("", RULES);
    let explain = ["explain", "--client", "vpn", "--user", "alice", "--from", "203.0.113.7"];
    let told = lab.must(&explain, "");
    let expected = "rule \"office\": no\n    network: no, 203.0.113.7 is not in 2 prefixes\n\
                    rule \"admins\": no\n    group: no, not in group \"admins\"\n\
                    rule \"users\": matches, and decides\ndecided by rule \"users\": totp\n";
    assert!(told.starts_with(expected), "{told}");
    let told = lab.must(&["explain", "--client", "vpn", "--user", "alice"], "");
    assert!(
        told.contains("rule \"office\": it cannot be told whether it matches, so it opens nothing"),
        "{told}"
    );
    assert!(told.contains("network: unknown, the user's address is unknown"), "{told}");
    let told = lab.must(&[&explain[..], &["--group", "Admins", "--enrolled", "nothing"]].concat(), "");
    assert!(
        told.contains("rule \"admins\": matches, and decides\n    group: yes, in group \"admins\""),
        "{told}"
    );
    assert!(told.contains("rule \"users\": not reached"), "{told}");
    let told: Value = serde_json::from_str(&lab.must(&[&explain[..], &["--json"]].concat(), "")).unwrap();
    assert_eq!(told["rules"][1]["conditions"][0]["why"], "not in group \"admins\"", "{told}");
    assert_eq!(told["rules"][2]["role"], "decides", "{told}");
}

#[test]
fn a_login_of_the_past_is_explained_by_the_rules_of_today_from_its_record() {
    let lab = Lab::start("code-entry = \"separator\"", RULES);
    lab.appliance().ask("alice", "wrong");
    let record = lab.logins().pop().unwrap();
    assert_eq!(record["protocol"], "radius", "{record}");
    assert_eq!(record["method"], "password", "{record}");
    assert_eq!(record["groups"], serde_json::json!([]), "alice is in no group that a rule names: {record}");
    assert_eq!(record["enrolled"], serde_json::json!([]), "{record}");
    assert_eq!(record["demand"], "totp", "{record}");
    let attempt = record["attempt"].as_str().unwrap();
    lab.edit_config(
        "name = \"users\"\nthen = { require = [\"totp\"] }",
        "name = \"users\"\nthen = \"refuse\"",
    );
    let told = lab.must(&["explain", "--attempt", attempt], "");
    assert!(told.contains("decided then by rule \"users\": totp\nby the rules of today:\n"), "{told}");
    assert!(told.contains("rule \"admins\": no\n    group: no, not in group \"admins\"\n"), "{told}");
    assert!(told.ends_with("decided by rule \"users\": refuse\n"), "{told}");
    let told = lab.must(&["explain", "--attempt", attempt, "--json"], "");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["then"]["demand"], &told["now"]), (&"totp".into(), &"refuse".into()), "{told}");
    let output = lab.command(&["explain", "--attempt", "ffffffffffffffff"], "");
    assert_eq!(code(&output), 65, "{}", text(&output));
    assert_eq!(code(&lab.command(&["explain"], "")), 64, "nothing says which login is meant");
}

// ---- exemptions --------------------------------------------------------------------------------------

/// Settings with an application and an exemption for its account; nothing runs and nothing is asked.
fn with_an_exemption() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display();
    let settings = format!(
        r#"
[store]
path = "{here}/doorward.db"
[keys]
file = "{here}/keys"
[audit]
to = "{here}/audit.jsonl"
[[listener]]
name = "apps"
listen = "127.0.0.1:0"
protocol = "ldap"
plain-binds = "loopback"
[[directory]]
name = "staff"
kind = "ldap"
servers = ["127.0.0.1:9"]
tls = "none"
base-dn = "dc=example,dc=org"
bind-dn = "cn=doorward,dc=example,dc=org"
bind-password = {{ file = "{here}/service.secret" }}
[[client]]
name = "wiki"
protocol = "ldap"
addresses = ["127.0.0.0/8"]
directory = "staff"
[[exemption]]
name = "wiki-service"
account = "cn=svc-wiki,ou=services,dc=example,dc=org"
client = "wiki"
source = "127.0.0.1"
may = ["bind", "search"]
owner = "web team"
reason = "the wiki looks people up as itself"
"#
    );
    fs::write(folder.path().join("doorward.toml"), settings).unwrap();
    lab::private_file(&folder.path().join("service.secret"), "x");
    folder
}

#[test]
fn exemptions_reads_rotated_files_too_and_says_what_is_worth_a_look_b_047() {
    let folder = with_an_exemption();
    let record = |time: &str, more: &str| format!("{{\"time\":\"{time}\",\"event\":\"login\",{more}}}\n");
    let bind = "\"client\":\"wiki\",\"outcome\":\"accept\",\"reason\":\"exempt\",\
                \"exemption\":\"wiki-service\",\"source\":\"127.0.0.1\"";
    let guess = "\"client\":\"vpn\",\"outcome\":\"reject\",\"reason\":\"wrong-password\",\
                 \"missed_exemption\":\"wiki-service\",\"source\":\"192.0.2.9\"";
    fs::write(folder.path().join("audit.jsonl.2.gz"), "x").unwrap();
    fs::write(folder.path().join("audit.jsonl.1"), record("2026-01-01T12:00:00Z", bind)).unwrap();
    let now = format!("{}torn", record("2026-01-02T12:00:00Z", guess));
    fs::write(folder.path().join("audit.jsonl"), now).unwrap();
    let output = doorward(folder.path(), &["policy", "exemptions"]);
    let packed = folder.path().join("audit.jsonl.2.gz");
    let expected = format!(
        "records from 2026-01-01T12:00:00Z to 2026-01-02T12:00:00Z\n\
         not read, since it is packed: {}\n\
         exemption \"wiki-service\" (service)\n  \
         owner: web team\n  reason: the wiki looks people up as itself\n  valid: always\n  \
         at client wiki, from 127.0.0.1/32\n  binds 1, at 2026-01-01T12:00:00Z\n  \
         from 127.0.0.1 1, at 2026-01-01T12:00:00Z\n  \
         elsewhere at client vpn, reject wrong-password 1, at 2026-01-02T12:00:00Z\n  \
         unused: not used in the last 30 days: take it away if its application is gone\n  \
         elsewhere: its account logged in where it is not exempt: nobody but its application should\n  \
         open-ended: it has no valid-until, so nobody will ask whether it is still needed\n",
        packed.display()
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", complaint(&output));
    let since = ["policy", "exemptions", "--since", "2026-01-02T00:00:00Z", "--json"];
    let output = doorward(folder.path(), &since);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["exemptions"][0]["binds"]["count"], 0);
    assert_eq!(told["exemptions"][0]["marks"], serde_json::json!(["unused", "elsewhere", "open-ended"]));
    let plain = doorward(folder.path(), &["audit", "--outcome", "accept", "--file", "audit.jsonl.1"]);
    assert_eq!(code(&plain), 66, "a file is looked for where one stands");
    let file = folder.path().join("audit.jsonl.1");
    let plain = doorward(folder.path(), &["audit", "--outcome", "accept", "--file", file.to_str().unwrap()]);
    assert!(text(&plain).contains("accept   exempt"), "{}", text(&plain));
}

// ---- replay ------------------------------------------------------------------------------------------

/// A login as the audit keeps it, at the client of [`with_an_exemption`].
fn login(attempt: u32, more: &str) -> String {
    format!(
        "{{\"time\":\"2026-11-21T08:30:00Z\",\"event\":\"login\",\"attempt\":\"{attempt:016x}\",\"client\":\"wiki\",\
         \"subject\":\"p1\",\"outcome\":\"accept\",\"reason\":\"confirmed\",\"protocol\":\"ldap\",\
         \"method\":\"password\",\"enrolled\":[\"totp\"],\"first_login\":false,\"last_login_days\":1,{more},\
         \"demand\":\"totp\",\"elapsed_ms\":1.000}}\n"
    )
}

/// Two configurations: the second has these rules in place of `rules`.
fn two(rules: &str, others: &str) -> tempfile::TempDir {
    let folder = with_an_exemption();
    let config = fs::read_to_string(folder.path().join("doorward.toml")).unwrap();
    fs::write(folder.path().join("doorward.toml"), format!("{config}{rules}")).unwrap();
    fs::write(folder.path().join("new.toml"), format!("{config}{others}")).unwrap();
    folder
}

const TOTP: &str = "[[rule]]\nname = \"rest\"\nthen = { require = [\"totp\"] }\n";

#[test]
fn replay_lists_what_changes_by_rule_and_count_and_what_cannot_be_told_apart() {
    let others = format!(
        "[[rule]]\nname = \"office\"\nnetwork = [\"192.0.2.0/25\"]\nthen = \"none\"\n\
         [[rule]]\nname = \"hotp\"\nnetwork = [\"198.51.100.0/24\"]\nthen = {{ require = [\"hotp\"] }}\n{TOTP}"
    );
    let folder = two(TOTP, &others);
    let office = "\"groups\":[],\"network\":\"192.0.2.7\"";
    let half = "\"groups\":[],\"network\":\"192.0.2.0/24\"";
    let abroad = "\"groups\":[],\"network\":\"198.51.100.0/24\"";
    let home = "\"groups\":[],\"network\":\"203.0.113.7\"";
    let audit = folder.path().join("audit.jsonl");
    fs::write(folder.path().join("audit.jsonl.1"), login(1, office) + &login(2, office)).unwrap();
    fs::write(&audit, login(3, half) + &login(4, abroad) + &login(5, home) + "torn").unwrap();
    let new = folder.path().join("new.toml");
    let replay = ["policy", "replay", "--with", new.to_str().unwrap()];
    let output = doorward(folder.path(), &replay);
    let expected = "5 logins, 1 of them the same\n\
        looser: 2 logins, rule \"rest\" (totp) -> rule \"office\" (no second factor)\n  \
        such as 0000000000000001, 0000000000000002\n\
        otherwise: 1 login, rule \"rest\" (totp) -> rule \"hotp\" (hotp)\n  \
        let in before, without anything of that enrolled: 1\n  such as 0000000000000004\n\
        cannot tell: 1 login, the record is silent: rule \"office\" looks at network\n  \
        such as 0000000000000003\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", complaint(&output));
    assert_eq!(code(&output), 1, "something changes");
    let told = doorward(folder.path(), &[&replay[..], &["--json"]].concat());
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["changes"][0]["from"]["name"], "rest", "{told}");
    assert_eq!(told["cannot_tell"][0]["count"], 1, "{told}");
    let same = folder.path().join("doorward.toml");
    let output = doorward(folder.path(), &["policy", "replay", "--with", same.to_str().unwrap()]);
    assert_eq!((code(&output), text(&output).trim()), (0, "5 logins, 5 of them the same"));
}

#[test]
fn replay_looks_groups_up_that_no_record_holds_when_it_may_and_names_nobody_f_008() {
    let lab = Lab::start("code-entry = \"separator\"", TOTP);
    for user in ["alice", "bob"] {
        lab.appliance().ask(user, "wrong");
    }
    let config = fs::read_to_string(lab.path("doorward.toml")).unwrap();
    let users = "[[rule]]\nname = \"users\"\ngroup = \"VPN Users\"\nthen = \"refuse\"\n";
    fs::write(lab.path("new.toml"), config.replace(TOTP, &format!("{users}{TOTP}"))).unwrap();
    let new = lab.path("new.toml");
    let replay = ["policy", "replay", "--with", new.to_str().unwrap()];
    let told = text(&lab.command(&replay, ""));
    let silent = "2 logins, 0 of them the same\n\
                  cannot tell: 2 logins, the record is silent: rule \"users\" looks at group\n";
    assert!(told.starts_with(silent), "{told}");
    assert!(!lab.audit().iter().any(|record| record["event"] == "admin.replay"), "nobody was asked");

    let people = fs::read_to_string(lab.path("users.toml")).unwrap();
    lab::private_file(&lab.path("users.toml"), &people.replace("\"bob\"", "\"robert\""));
    let output = lab.command(&[&replay[..], &["--connect"]].concat(), "");
    let told = text(&output);
    let expected = "groups as of now, where the records lack them: of 1 people\n\
                    not found any more by the name of that time: 1 people\n\
                    2 logins, 0 of them the same\n\
                    stricter: 1 login, rule \"rest\" (totp) -> rule \"users\" (refuse)\n";
    assert!(told.starts_with(expected) && told.contains("cannot tell: 1 login"), "{told}");
    assert!(!told.contains("alice") && !told.contains("bob") && !told.contains("robert"), "{told}");
    assert_eq!(code(&output), 1);
    let acts = lab.audit().into_iter().filter(|record| record["event"] == "admin.replay");
    let acts: Vec<_> = acts.map(|record| (record["stage"].clone(), record["reason"].clone())).collect();
    assert_eq!(acts, [("asked".into(), "asked".into()), ("ended".into(), "looked-up".into())]);
    let told = text(&lab.command(&[&replay[..], &["--connect", "--json"]].concat(), ""));
    let told: Value = serde_json::from_str(&told).unwrap();
    let looked = serde_json::json!({ "people": 1, "not_found": 1, "logins_left_out": 0 });
    assert_eq!(told["groups_of_now"], looked, "{told}");
}

// ---- expectations ------------------------------------------------------------------------------------

const EXPECTED: &str = r#"
[[expect]]
name = "nobody needs a code in the office"
client = "vpn"
user = "alice"
from = "192.0.2.7"
then = "none"
rule = "office"
[[expect]]
name = "admins stay out"
client = "vpn"
group = "admins"
from = "203.0.113.7"
then = "refuse"
[[expect]]
name = "everywhere else a code"
client = "vpn"
user = "alice"
from = "203.0.113.7"
then = { require = ["totp"] }
"#;

#[test]
fn check_says_which_expectations_it_could_not_try_without_a_directory() {
    let lab = Lab::start("", "");
    let directory = "[[directory]]\nname = \"people\"\nkind = \"ldap\"\nservers = [\"127.0.0.1:9\"]\ntls = \"none\"\n\
                     base-dn = \"dc=lab,dc=test\"\n[[client]]\nname = \"other\"\naddresses = [\"192.0.2.9\"]\n\
                     secret = { file = \"vpn.secret\" }\ndirectory = \"people\"\n";
    let expect = "[[expect]]\nname = \"anna\"\nclient = \"other\"\nuser = \"anna\"\nthen = \"refuse\"\n";
    fs::create_dir(lab.path("conf.d")).unwrap();
    fs::write(lab.path("conf.d/people.toml"), format!("{directory}{expect}")).unwrap();
    let told = lab.must(&["check"], "");
    let wanted = "1 expectation not tried, since a directory must be asked: doorward policy test --connect\n\
                  the settings are good\n";
    assert_eq!(told, wanted);
}

#[test]
fn an_expectation_without_a_time_that_is_met_by_the_hour_alone_is_told_before_it_fails() {
    let rule = |name: &str, first: usize| {
        let span = |hour: usize| {
            let (from, to) = (format!("{hour:02}:00"), format!("{:02}:00", (hour + 1) % 24));
            format!("{{ days = [\"mon-sun\"], from = \"{from}\", to = \"{to}\", zone = \"UTC\" }}")
        };
        let spans: Vec<_> = (first..24).step_by(2).map(span).collect();
        format!("[[rule]]\nname = \"{name}\"\ntime = [{}]\nthen = \"refuse\"\n", spans.join(", "))
    };
    let expect = |name: &str, keys: &str| {
        format!("[[expect]]\nname = \"{name}\"\nclient = \"vpn\"\ngroup = \"x\"\n{keys}\n")
    };
    let rules = format!("{}{}", rule("even", 0), rule("odd", 1));
    let sure = expect("refused", "then = \"refuse\"")
        + &expect("at ten", "rule = \"even\"\nat = \"2026-11-20T10:30:00Z\"");
    let lab = Lab::start("", &format!("{rules}{sure}"));
    let told = lab.must(&["policy", "test"], "");
    assert_eq!(told, "met: refused\nmet: at ten\n2 expectations, 0 failed\n");

    // One of these two is met in the hour of this test, and the other one in the next.
    let by_the_hour = expect("even", "rule = \"even\"") + &expect("odd", "rule = \"odd\"");
    let lab = Lab::start("", &format!("{rules}{by_the_hour}"));
    let told = text(&lab.command(&["policy", "test"], ""));
    assert!(told.contains("2 expectations, 1 failed"), "{told}");
    assert_eq!(told.matches("met now: ").count(), 1, "{told}");
    let doubt = "it says no time (at), and at ";
    assert!(told.contains(doubt) && told.contains("it would fail: expected by rule"), "{told}");
    let checked = complaint(&lab.command(&["check"], ""));
    assert!(checked.contains("warning: ") && checked.contains(doubt), "{checked}");
}

#[test]
fn expectations_are_tried_by_test_and_by_check_and_a_failure_says_where_and_why() {
    let lab = Lab::start("", &format!("{RULES}{EXPECTED}"));
    let told = lab.must(&["policy", "test"], "");
    assert!(told.ends_with("3 expectations, 0 failed\n"), "{told}");
    lab.must(&["check"], "");
    lab.edit_config(
        "network = [\"192.0.2.0/24\", \"198.51.100.0/24\"]\nthen = \"none\"",
        "network = [\"198.51.100.0/24\"]\nthen = \"none\"",
    );
    let output = lab.command(&["policy", "test"], "");
    assert_eq!(code(&output), 78);
    let told = text(&output);
    let why = "expect \"nobody needs a code in the office\": expected no second factor by rule \"office\", came totp \
               by rule \"users\"; rule \"office\": no (";
    assert!(told.contains(why) && told.contains("192.0.2.7 is not in 198.51.100.0/24"), "{told}");
    assert!(told.contains("doorward.toml:"), "{told}");
    let output = lab.command(&["check"], "");
    assert_eq!(code(&output), 78);
    assert!(complaint(&output).contains("came totp by rule \"users\""), "{}", complaint(&output));
    let output = lab.command(&["policy", "test", "--json"], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["failed"], &report["expectations"][1]["result"]),
        (&1.into(), &"met".into()),
        "{report}"
    );
}

// ---- lint --------------------------------------------------------------------------------------------

#[test]
fn lint_tells_of_rules_that_never_decide_and_says_nothing_of_good_ones() {
    let shadowed = "[[rule]]\nname = \"everybody\"\nthen = \"refuse\"\n[[rule]]\nname = \"late\"\nclient = \"vpn\"\nthen = \"none\"\n";
    let lab = Lab::start("", shadowed);
    let output = lab.command(&["policy", "lint"], "");
    assert_eq!(code(&output), 1, "{}", text(&output));
    assert!(text(&output).contains("\"late\""), "{}", text(&output));
    let good = Lab::start("", "[[rule]]\nname = \"everybody\"\nthen = { require = [\"totp\"] }\n");
    let output = good.command(&["policy", "lint"], "");
    assert_eq!((code(&output), text(&output).trim()), (0, "nothing to look at"), "{}", complaint(&output));
}
