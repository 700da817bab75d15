//! What the one who types commands meets: exit codes, messages, JSON; and what `doorward run` says when it
//! cannot begin.

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
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use doorward::wire::radius::packet::Code;
use lab::{Lab, PASSWORD, SEED, code, command_in as doorward, complaint, quiet_step, text, totp};
use serde_json::Value;

/// A second program's configuration beside the lab's: the same, but for its store and its address.
fn beside(lab: &Lab, store: &str, listen: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = fs::read_to_string(lab.path("doorward.toml")).unwrap();
    let config = config
        .replace("listen = [\"127.0.0.1:0\"]", &format!("listen = [\"{listen}\"]"))
        .replace(lab.path("doorward.db").to_str().unwrap(), store);
    fs::write(folder.path().join("doorward.toml"), config).unwrap();
    folder
}

#[test]
fn every_exit_code_is_the_one_that_the_manual_names() {
    let lab = Lab::start("", "");
    let revoke = ["factor", "revoke", "--user", "alice", "--id", "00112233445566778899aabbccddeeff"];
    let cases: &[(&[&str], &str, i32)] = &[
        (&["check"], "", 0),
        (&[], "", 64),
        (&["bogus"], "", 64),
        (&["subject", "show"], "", 64),
        (&["audit", "--outcome", "acept"], "", 64),
        (&["audit", "--last", "0"], "", 64),
        (&["explain", "--client", "nope", "--user", "alice"], "", 64),
        (&["login", "--server", "127.0.0.1", "--secret-file", "Cargo.toml", "--user", "alice"], "x\n", 64),
        (&["decode"], "zz", 65),
        (&["hash-password"], "", 65),
        (&["enrol", "totp", "--user", "alice"], "", 65),
        (&["subject", "name", "--subject", "NOT AN ID"], "", 65),
        (&["audit", "--file", "there-is-no-such-file"], "", 66),
        (&["login", "--secret-file", "there-is-no-such-file", "--user", "alice"], "", 66),
        (&["subject", "show", "--user", "nobody"], "", 67),
        (&revoke, "", 67),
        (&["key", "generate"], "", 73),
    ];
    for (args, input, expected) in cases {
        let output = lab.command(args, input);
        assert_eq!(code(&output), *expected, "{args:?}: {}", text(&output));
    }
    let missing = doorward(&lab.path("there-is-no-such-folder"), &["check"]);
    assert_eq!(code(&missing), 78, "{}", text(&missing));
}

#[test]
fn a_failure_says_what_is_wrong_on_standard_error_alone() {
    let lab = Lab::start("", "");
    for (args, expected) in [
        (&["subject", "show", "--user", "nobody"][..], "doorward: the directory knows no such account\n"),
        (&["subject", "show", "--user", "bob"], "doorward: nothing is known about this subject\n"),
        (
            &["login", "--server", "127.0.0.1", "--secret-file", "Cargo.toml", "--user", "alice"],
            "doorward: --server 127.0.0.1: say HOST:PORT, as in 127.0.0.1:1812 or [::1]:1812\n",
        ),
        (
            &["explain", "--client", "vpn-9", "--user", "alice"],
            "doorward: there is no client \"vpn-9\"; there are: vpn\n",
        ),
    ] {
        let output = lab.command(args, "x\n");
        assert_eq!((complaint(&output).as_str(), output.stdout.len()), (expected, 0), "{args:?}");
    }
}

#[test]
fn what_is_printed_as_json_is_json() {
    let lab = Lab::start("", "");
    lab.enrol_totp("alice");
    assert_eq!(lab.appliance().ask("alice", "wrong").code, Code::AccessReject);
    let whole: &[&[&str]] = &[
        &["check", "--json"],
        &["check", "--connect", "--json"],
        &["show", "--json"],
        &["explain", "--client", "vpn", "--user", "alice", "--json"],
        &["explain", "--client", "vpn", "--user", "nobody", "--json"],
        &["subject", "show", "--user", "alice", "--json"],
        &["subject", "unlock", "--user", "alice", "--json"],
        &["subject", "valid", "--user", "alice", "--until", "2027-01-31", "--json"],
        &["factor", "list", "--user", "alice", "--json"],
        &["key", "list", "--json"],
    ];
    for args in whole {
        let printed = lab.must(args, "");
        assert!(serde_json::from_str::<Value>(&printed).is_ok(), "{args:?}: {printed}");
    }
    for args in [&["subject", "list", "--json"][..], &["audit", "--json"]] {
        let printed = lab.must(args, "");
        assert!(!printed.is_empty(), "{args:?}");
        for line in printed.lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{args:?}: {line}");
        }
    }
    lab.edit_config("reject-delay", "reject-delai");
    let output = lab.command(&["check", "--json"], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), report["errors"].as_array().unwrap().len()), (78, 1), "{report}");
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for words in [
        &["run"][..],
        &["check"],
        &["show"],
        &["explain"],
        &["demo"],
        &["login"],
        &["enrol", "totp"],
        &["enrol", "hotp"],
        &["enrol", "recovery"],
        &["subject", "list"],
        &["subject", "show"],
        &["subject", "name"],
        &["subject", "unlock"],
        &["subject", "valid"],
        &["factor", "list"],
        &["factor", "revoke"],
        &["audit"],
        &["policy", "exemptions"],
        &["policy", "test"],
        &["policy", "lint"],
        &["policy", "replay"],
        &["key", "generate"],
        &["key", "add"],
        &["key", "list"],
        &["key", "reseal"],
        &["key", "drop-old"],
        &["hash-password"],
        &["decode"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_doorward")).args(words).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(output.status.success() && help.contains("Example:"), "{words:?}: {help}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_news() {
    let lab = Lab::start("", "");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.arg("--config").arg(lab.path("doorward.toml")).arg("show").stdout(writer);
    let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((code(&output), complaint(&output).as_str()), (74, ""));
}

// ---- explain -----------------------------------------------------------------------------------------

#[test]
fn explain_ends_where_an_account_is_needed_and_there_is_none() {
    let rules = "[[rule]]\nname = \"users\"\ngroup = \"vpn users\"\nthen = { require = \"totp\" }\n\
                 [[rule]]\nname = \"rest\"\nthen = \"refuse\"\n";
    let lab = Lab::start("", rules);
    let told = lab.must(&["explain", "--client", "vpn", "--user", "nobody"], "");
    let expected = "rule \"users\": it needs what is not known\n    \
                    group: not known yet, it is not known whose login it is\n\
                    rule \"rest\": not reached\nno rule decides\n  \
                    rejected: the directory knows no such account\n";
    assert_eq!(told, expected);
    lab.appliance().ask("nobody", "x");
    assert_eq!(lab.last_reason(), "unknown-subject", "and so does a login");
}

#[test]
fn explain_tells_for_each_method_whether_a_code_has_a_place_a_160() {
    let client = "primary = \"upstream\"\nupstream = \"nps\"\nmethods = [\"pap\", \"ms-chap-v2\", \"eap\"]\neap-name = \"upstream\"";
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("upstream-secret");
    lab::private_file(&secret, "a secret that only the upstream knows");
    let upstream = format!(
        "[[upstream]]\nname = \"nps\"\nservers = [\"127.0.0.1:9\"]\nsecret = {{ file = \"{}\" }}\n\
         status-server = false\n",
        secret.display()
    );
    let lab = Lab::start(client, &upstream);
    lab.enrol_totp("alice");
    let explain = ["explain", "--client", "vpn", "--user", "alice"];
    let told = lab.must(&explain, "");
    let (pap, others) = told.split_once("by ms-chap-v2:\n").unwrap();
    let (ms_chap, eap) = others.split_once("by eap:\n").unwrap();
    assert!(pap.contains("by pap:\n") && pap.contains("\n  accepted with a code of: totp\n"), "{told}");
    assert!(ms_chap.contains("has no place for one") && !ms_chap.contains("accepted"), "{told}");
    assert!(eap.contains("nothing can be asked after eap") && !eap.contains("accepted"), "{told}");
    let told = lab.must(&[&explain[..], &["--method", "eap"]].concat(), "");
    assert!(told.contains("nothing can be asked after eap") && !told.contains("accepted"), "{told}");
    let told = lab.must(&[&explain[..], &["--json"]].concat(), "");
    let told: Value = serde_json::from_str(&told).unwrap();
    let paths = ["pap", "ms-chap-v2", "eap"].map(|method| told["methods"][method].as_array().unwrap().len());
    assert!(paths.iter().all(|steps| *steps > 1), "{told}");
    let output = lab.command(&[&explain[..], &["--method", "chap"]].concat(), "");
    assert_eq!(code(&output), 64);
    assert!(
        text(&output).contains("may not log in by chap; it may by: pap, ms-chap-v2, eap"),
        "{}",
        text(&output)
    );
}

#[test]
fn explain_tells_of_a_lock() {
    let lab = Lab::start("code-entry = \"separator\"", "[limits]\nfactor = { free = 1, per-day = 2 }\n");
    lab.enrol_totp("alice");
    let vpn = lab.appliance();
    let right = totp(SEED, quiet_step(10));
    let wrong = if right == "000000" { "111111" } else { "000000" };
    for _ in 0..2 {
        assert_eq!(vpn.ask("alice", &format!("{PASSWORD},{wrong}")).code, Code::AccessReject);
    }
    assert_eq!(vpn.ask("alice", &format!("{PASSWORD},{right}")).code, Code::AccessReject);
    assert_eq!(lab.last_reason(), "factor-locked");
    let told = lab.must(&["explain", "--client", "vpn", "--user", "alice"], "");
    assert!(told.contains("\n  but totp: no try before "), "{told}");
    lab.must(&["subject", "unlock", "--user", "alice"], "");
    let told = lab.must(&["explain", "--client", "vpn", "--user", "alice"], "");
    assert!(!told.contains("  but "), "{told}");
}

// ---- enrol -------------------------------------------------------------------------------------------

#[test]
fn codes_of_a_length_that_a_client_does_not_take_are_told_at_enrolment() {
    let lab = Lab::start("code-entry = \"append\"\ncode-digits = 8", "");
    let seed = lab.path("seed");
    lab::private_file(&seed, &data_encoding::BASE32_NOPAD.encode(SEED));
    for (user, digits, told) in [("alice", "6", true), ("bob", "8", false)] {
        let args =
            ["enrol", "totp", "--user", user, "--digits", digits, "--seed-file", seed.to_str().unwrap()];
        let output = lab.command(&args, "");
        assert_eq!(code(&output), 0, "{}", text(&output));
        assert_eq!(
            complaint(&output).contains("client \"vpn\" takes codes of another length"),
            told,
            "{digits}"
        );
    }
}

// ---- audit -------------------------------------------------------------------------------------------

#[test]
fn a_damaged_line_does_not_hide_the_records_behind_it() {
    let lab = Lab::start("", "");
    lab.appliance().ask("mallory", "x");
    let mut file = fs::OpenOptions::new().append(true).open(lab.path("audit.jsonl")).unwrap();
    file.write_all(b"{\"time\":\"2026\xff\xfe\n{\"event\":\"lo\n").unwrap();
    lab.appliance().ask("mallory", "y");
    let told = lab.must(&["audit", "--reason", "unknown-subject"], "");
    assert_eq!(told.lines().count(), 2, "{told}");
}

// ---- keys --------------------------------------------------------------------------------------------

#[test]
fn keys_of_another_store_are_refused_by_the_service_and_by_commands() {
    let mut lab = Lab::start("", "");
    lab.enrol_totp("alice");
    let (keys, kept) = (lab.path("keys"), lab.path("keys.kept"));
    fs::rename(&keys, &kept).unwrap();
    lab.must(&["key", "generate"], "");

    lab.signal("HUP");
    let why = lab.wait_for_event("daemon.reload-failed");
    assert!(why.contains("do not belong to the store"), "{why}");
    for args in [
        &["subject", "show", "--user", "alice"][..],
        &["key", "drop-old"],
        &["factor", "list", "--user", "alice"],
    ] {
        let output = lab.command(args, "");
        assert_eq!(code(&output), 78, "{args:?}: {}", text(&output));
        assert!(complaint(&output).contains("do not belong to the store"), "{}", text(&output));
    }
    lab.end("TERM");
    let output = lab.command(&["run"], "");
    assert_eq!(code(&output), 78, "{}", text(&output));

    fs::rename(&kept, &keys).unwrap();
    lab.run();
    assert!(lab.must(&["factor", "list", "--user", "alice"], "").contains("totp"));
}

#[test]
fn a_credential_may_show_a_readable_group_and_a_file_may_not() {
    // systemd lets the service read its credentials by an access list, which shows as mode 0440.
    let lab = Lab::start("", "");
    fs::set_permissions(lab.path("keys"), fs::Permissions::from_mode(0o440)).unwrap();
    let output = lab.command(&["key", "list"], "");
    assert_eq!(code(&output), 78, "{}", text(&output));
    let file = format!("file = \"{}\"", lab.path("keys").display());
    lab.edit_config(&file, "file = { credential = \"keys\" }");
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .env("CREDENTIALS_DIRECTORY", lab.dir.path())
        .arg("--config")
        .arg(lab.path("doorward.toml"))
        .args(["key", "list"])
        .output()
        .unwrap();
    assert_eq!((code(&output), &*output.stdout), (0, &b"1\n"[..]), "{}", text(&output));
}

// ---- run ---------------------------------------------------------------------------------------------

#[test]
fn a_second_service_on_the_same_store_does_not_start() {
    let lab = Lab::start("", "");
    let output = lab.command(&["run"], "");
    assert_eq!(code(&output), 69, "{}", text(&output));
    assert!(complaint(&output).contains("another gateway runs on the store"), "{}", text(&output));
}

#[test]
fn a_second_service_on_the_same_port_does_not_start() {
    let lab = Lab::start("", "");
    let store = lab.path("other.db");
    let second = beside(&lab, store.to_str().unwrap(), &lab.radius.to_string());
    let output = doorward(second.path(), &["run"]);
    assert_eq!(code(&output), 71, "{}", text(&output));
    assert!(complaint(&output).contains("another program has it"), "{}", text(&output));
}

#[test]
fn a_reload_that_could_not_hold_is_refused_by_name() {
    let lab = Lab::start("", "[drain]\ntimeout = \"1s\"\n");
    lab.edit_config("format = \"json\"", "format = \"text\"");
    lab.edit_config("timeout = \"1s\"", "timeout = \"2s\"");
    lab.signal("HUP");
    let why = lab.wait_for_event("daemon.reload-failed");
    assert!(why.contains("log.format, drain.timeout cannot change while the program runs"), "{why}");
}

#[test]
fn the_last_bucket_of_a_histogram_holds_everything() {
    let lab = Lab::start("", "");
    lab.appliance().ask("mallory", "x");
    let page = lab.wait_for_page("/metrics", "doorward_login_time_seconds_count 1");
    assert!(page.contains("doorward_login_time_seconds_bucket{le=\"+Inf\"} 1\n"), "{page}");
}

#[test]
fn forgetting_somebody_asks_for_a_yes_and_then_nothing_is_left_f_012() {
    let lab = Lab::start("", "");
    lab.enrol_totp("alice");
    let before = lab.must(&["subject", "list", "--json"], "");
    let asked = lab.command(&["subject", "forget", "--user", "alice"], "");
    assert_eq!(asked.status.code(), Some(64), "{}", text(&asked));
    assert_eq!(lab.must(&["subject", "list", "--json"], ""), before, "nothing happened");
    assert_eq!(lab.must(&["subject", "forget", "--user", "alice", "--yes"], ""), "forgotten\n");
    assert_eq!(lab.must(&["subject", "list", "--json"], ""), "");
    let gone = lab.command(&["subject", "forget", "--user", "alice", "--yes"], "");
    assert_eq!(gone.status.code(), Some(67));
    assert_eq!(lab.appliance().ask("alice", PASSWORD).code, Code::AccessReject);
    assert_eq!(lab.last_reason(), "not-enrolled");
}

// ---- validity, history and failures of a subject -------------------------------------------------------

#[test]
fn a_subject_is_given_its_days_before_its_first_login_and_what_is_not_named_stays() {
    let lab = Lab::start("", "");
    let valid = |more: &[&str]| lab.must(&[&["subject", "valid", "--user", "bob"], more].concat(), "");
    assert_eq!(valid(&["--until", "2027-01-31"]), "valid until 2027-02-01T00:00:00Z\n");
    let both = "valid from 2026-11-01T05:00:00Z until 2027-02-01T00:00:00Z\n";
    assert_eq!(valid(&["--from", "2026-11-01T08:00+03:00"]), both);
    let shown = lab.must(&["subject", "show", "--user", "bob"], "");
    assert!(shown.contains(&format!("\n  {both}")), "{shown}");
    let shown = lab.must(&["subject", "show", "--user", "bob", "--json"], "");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (shown["valid_from"].as_str(), shown["valid_until"].as_str()),
        (Some("2026-11-01T05:00:00Z"), Some("2027-02-01T00:00:00Z"))
    );
    let nothing = (shown["last_day"].is_null(), shown["known_networks"].as_array().unwrap().len());
    assert_eq!(nothing, (true, 0), "{shown}");
    let turned = lab.command(&["subject", "valid", "--user", "bob", "--until", "2026-10-01"], "");
    assert_eq!(code(&turned), 64, "{}", text(&turned));
    assert_eq!(valid(&["--from", "2026-09-01", "--until", "2026-09-30"]).lines().count(), 1);
    assert_eq!(valid(&["--always"]), "valid always\n");
    let shown = lab.must(&["subject", "show", "--user", "bob"], "");
    assert!(!shown.contains("valid"), "{shown}");

    for (wrong, expected) in [
        (&["--user", "bob"][..], 64),
        (&["--user", "bob", "--always", "--until", "2027-01-31"], 64),
        (&["--user", "bob", "--until", "soon"], 64),
        (&["--user", "nobody", "--always"], 67),
        (&["--subject", "pabcdefghijklmnopqrs", "--always"], 67),
    ] {
        let output = lab.command(&[&["subject", "valid"], wrong].concat(), "");
        assert_eq!(code(&output), expected, "{wrong:?}: {}", text(&output));
    }
    let acts: Vec<(String, String)> = lab
        .audit()
        .iter()
        .filter(|record| record["event"] == "admin.validity" && record["stage"] == "ended")
        .map(|record| (record["outcome"].to_string(), record["reason"].to_string()))
        .collect();
    let reasons: Vec<&str> = acts.iter().map(|(_, reason)| reason.trim_matches('"')).collect();
    assert_eq!(reasons, ["bounded", "bounded", "bounded", "unbounded", "nothing-there"]);
}

#[test]
fn unlock_releases_every_row_that_a_wrong_password_lengthened_and_each_release_is_recorded() {
    let lab = Lab::start("", "");
    lab.enrol_totp("alice");
    let released = |args: &[&str]| {
        let told = lab.must(&[&["subject", "unlock", "--user", "alice", "--json"], args].concat(), "");
        let told: Value = serde_json::from_str(&told).unwrap();
        told["released"]
            .as_array()
            .unwrap()
            .iter()
            .map(|what| what.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(lab.appliance().ask("alice", "wrong").code, Code::AccessReject);
    let shown = lab.must(&["subject", "show", "--user", "alice"], "");
    for row in ["password", "directory"] {
        assert!(shown.contains(&format!("\n  {row}: 1 failures in a row, 1 on the last day\n")), "{shown}");
    }
    assert_eq!(released(&["--what", "familiar-password"]), [""; 0]);
    assert_eq!(released(&["--what", "directory"]), ["directory"]);
    assert_eq!(released(&[]), ["password"]);
    assert_eq!(released(&[]), [""; 0]);
    let records = lab.audit();
    let unlocked = records.iter().filter(|record| record["event"] == "admin.unlock");
    assert_eq!(unlocked.filter(|record| record["reason"] == "released").count(), 2);
    let odd = lab.command(&["subject", "unlock", "--user", "alice", "--what", "nothing"], "");
    assert_eq!(code(&odd), 64, "{}", text(&odd));
}
