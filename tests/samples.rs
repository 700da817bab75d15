//! The samples are sound, and code, sample and manual name the same keys. The unit keeps its promises.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

#[path = "support/mmdb.rs"]
mod mmdb;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward::base::clock::UnixTime;
use doorward::base::report::render;
use doorward::base::table::{Table, Value, parse};
use doorward::config::Environment;
use doorward::config::file::{INNER, REPEATED, SINGLE};
use doorward::config::settings::Settings;

/// 2026-11-21T00:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn samples() -> Vec<PathBuf> {
    let mut files = vec![root().join("conf/doorward.toml")];
    let examples = fs::read_dir(root().join("conf/examples")).unwrap();
    files.extend(examples.map(|entry| entry.unwrap().path()));
    assert!(files.len() >= 13, "the examples are gone");
    files
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn authority() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.self_signed(&key).unwrap().pem()
}

/// A listener's certificate and its key.
fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["doorward.corp.example".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Loads `text` as the file that an administrator would have in `/etc/doorward`, with everything it names.
fn load(text: &str) -> Result<(Settings, String), String> {
    let dir = tempfile::tempdir().unwrap();
    let here = format!("{}/", dir.path().display());
    write(&dir.path().join("doorward.toml"), &text.replace("/etc/doorward/", &here));
    write(&dir.path().join("corp-ca.pem"), &authority());
    fs::write(dir.path().join("country.mmdb"), mmdb::countries(&[("192.0.2.0", 24, "TR")])).unwrap();
    fs::write(dir.path().join("asn.mmdb"), mmdb::systems(&[("192.0.2.0", 24, 64496)])).unwrap();
    write(&dir.path().join("office.txt"), "198.51.100.0/24 # the new floor\n");
    write(&dir.path().join("holidays.ics"), "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n");
    let (certificate, key) = certificate();
    write(&dir.path().join("ldap.pem"), &certificate);
    for (number, rest) in text.split("credential = \"").skip(1).enumerate() {
        let name = rest.split('"').next().unwrap();
        let content = format!("{number:02} random characters of one secret");
        let content = match name {
            "users" => String::new(),
            "ldap-key" => key.clone(),
            _ => content,
        };
        write(&dir.path().join("credentials").join(name), &content);
    }
    let credentials = dir.path().join("credentials");
    let environment = Environment::of(&[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())]);
    match Settings::load(&dir.path().join("doorward.toml"), &environment, NOW) {
        Ok((settings, warnings)) => Ok((settings, render(&warnings))),
        Err(problems) => Err(problems.to_string()),
    }
}

#[test]
fn every_sample_is_sound_and_warns_of_nothing_but_unsigned_requests() {
    for path in samples() {
        let name = path.display();
        let (settings, warnings) =
            load(&fs::read_to_string(&path).unwrap()).unwrap_or_else(|problems| panic!("{name}\n{problems}"));
        assert!(!settings.clients.is_empty(), "{name}");
        let expected = ["message-authenticator is \"auto\""];
        for warning in warnings.lines().filter(|line| !line.starts_with("  ")) {
            assert!(expected.iter().any(|text| warning.contains(text)), "{name}\n{warning}");
        }
    }
}

/// The sample with its commented keys and tables taken in.
fn whole_sample() -> String {
    let text = fs::read_to_string(root().join("conf/doorward.toml")).unwrap();
    let begins = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase() || "[]{".contains(c));
    let of = |line: &str| match line.strip_prefix('#') {
        Some(rest) if begins(rest) => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(of).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_commented_out_in_the_sample_is_the_default() {
    let sample = fs::read_to_string(root().join("conf/doorward.toml")).unwrap();
    let defaults = load(&sample).unwrap().0;
    // These have no default, or stand for another way of doing it.
    let other = ["code-digits", "code-separator", "previous-secret"];
    let stays = |line: &&str| !other.iter().any(|key| line.starts_with(key));
    let all = whole_sample().lines().filter(stays).collect::<Vec<_>>().join("\n");
    let (settings, _) = load(&all).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(settings.status.is_some(), "[status] is off unless it is there");
    assert_eq!(settings.directories.len(), 4);
    let shown = |settings: &Settings| {
        let mut table: toml::Table = settings.to_toml().parse().unwrap();
        let examples = [
            "status",
            "keys",
            "directory",
            "rule",
            "ldap",
            "listener",
            "exemption",
            "upstream",
            "reply",
            "accounting",
            "network",
            "window",
            "calendar",
            "geo",
            "on-fault",
            "expect",
        ];
        for examples in examples {
            table.remove(examples);
        }
        let clients = table["client"].as_array_mut().unwrap();
        clients.retain(|client| client["name"].as_str() == Some("vpn-1"));
        for client in clients {
            let client = client.as_table_mut().unwrap();
            // Examples of what has no default.
            for key in ["groups", "rewrite", "reply-rules", "without-reply-rule", "class", "disconnect-port"]
            {
                client.remove(key);
            }
        }
        table
    };
    assert_eq!(shown(&settings), shown(&defaults));
}

/// What an application needs and no more.
const APPLICATION: &str = "
[[listener]]
name = \"x\"
protocol = \"ldaps\"
listen = \"127.0.0.1:636\"
certificate = \"/etc/doorward/ldap.pem\"
key = { credential = \"ldap-key\" }

[[client]]
name = \"x\"
protocol = \"ldap\"
listeners = \"x\"
directory = \"corp\"
";

#[test]
fn what_the_sample_says_of_an_application_is_the_default() {
    let shown = |text: &str| {
        let (settings, _) = load(text).unwrap_or_else(|problems| panic!("{problems}"));
        let table: toml::Table = settings.to_toml().parse().unwrap();
        let of = |name: &str| {
            let tables = table[name].as_array().unwrap().iter().map(|item| item.as_table().unwrap().clone());
            tables.filter(|item| item["protocol"].as_str() != Some("radius")).collect::<Vec<_>>()
        };
        [vec![table["ldap"].as_table().unwrap().clone()], of("listener"), of("client")].concat()
    };
    let sample = fs::read_to_string(root().join("conf/doorward.toml")).unwrap();
    let defaults = shown(&(sample + APPLICATION));
    let written = whole_sample();
    let typed = |line: &&str| !["code-separator", "previous-secret"].iter().any(|key| line.starts_with(key));
    // The device of the sample asks, and so has no use for code-digits.
    let radius = written.find("code-digits").unwrap();
    let (before, behind) = written.split_at(radius);
    let behind = behind.split_once('\n').unwrap().1;
    let all = format!("{before}{behind}").lines().filter(typed).collect::<Vec<_>>().join("\n");
    let said = shown(&all);
    assert_eq!((defaults.len(), said.len()), (3, 3), "limits, a listener, a client");
    let examples = ["name", "listen", "listeners", "certificate", "client-certificates"];
    let mut compared = 0;
    for (default, said) in defaults.iter().zip(&said) {
        for (key, value) in default.iter().filter(|(key, _)| !examples.contains(&key.as_str())) {
            assert_eq!(said.get(key), Some(value), "{key}");
            compared += 1;
        }
    }
    assert!(compared >= 20, "only {compared} keys were compared");
}

#[test]
fn the_other_ways_to_give_a_code_in_the_sample_are_sound() {
    let ask = "code-entry = \"challenge\"";
    for (way, other) in [("append", "code-separator"), ("separator", "code-digits")] {
        let all = whole_sample().replace(ask, &format!("code-entry = [\"{way}\", \"challenge\"]"));
        let all: Vec<&str> = all.lines().filter(|line| !line.starts_with(other)).collect();
        load(&all.join("\n")).unwrap_or_else(|problems| panic!("{problems}"));
    }
}

/// Tables whose keys are not ours.
const OPEN: [&str; 3] = ["expect", "by-group", "not"];

/// Lists of tables whose keys are those of a rule.
const CONDITIONS: [&str; 2] = ["any", "all"];

/// `section.key` for every key in `table`, inner tables too.
fn keys_of(table: &Table, path: &str, found: &mut BTreeSet<String>) {
    for (key, (_, node)) in &table.entries {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match &node.value {
            // The keys of these are names of people, groups and the like.
            Value::Table(_) if OPEN.contains(&key.as_str()) => drop(found.insert(path)),
            Value::Table(inner) => {
                found.insert(path.clone());
                keys_of(inner, &path, found);
            }
            Value::List(_) if CONDITIONS.contains(&key.as_str()) => drop(found.insert(path)),
            Value::List(list) => {
                found.insert(path.clone());
                for item in list {
                    if let Value::Table(inner) = &item.value {
                        keys_of(inner, &path, found);
                    }
                }
            }
            _ => drop(found.insert(path)),
        }
    }
}

/// Every key that the code knows, but for those of the file with users and of places of secrets.
fn known() -> BTreeSet<String> {
    let tables = SINGLE.iter().chain(&REPEATED).chain(&INNER);
    let tables = tables.filter(|(table, _)| !["user", "secret"].contains(table));
    tables.flat_map(|(table, keys)| keys.iter().map(move |key| format!("{table}.{key}"))).collect()
}

#[test]
fn the_sample_holds_every_key_of_the_code_and_no_other() {
    let mut out = doorward::base::report::Complaints::default();
    let table = parse(0, &whole_sample(), &mut out);
    assert!(out.errors.is_empty(), "{:?}", out.errors);
    let mut found = BTreeSet::new();
    keys_of(&table, "", &mut found);
    let secret =
        |key: &String| ["credential", "file", "env"].iter().any(|way| key.ends_with(&format!("d.{way}")));
    found.retain(|key| key.contains('.') && !key.ends_with(".credential") && !secret(key));
    // Named in a comment, since the default stands there.
    found.insert("subjects.pseudonym.attribute".to_owned());
    assert!(whole_sample().contains("{ attribute = \"employeeNumber\" }"));
    assert_eq!(found, known());
}

#[test]
fn the_manual_has_every_key_of_the_code_and_no_other() {
    let manual = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let mut found = BTreeSet::new();
    let mut section = String::new();
    for line in manual.lines() {
        if line.starts_with('#') {
            let title = line.trim_start_matches('#').trim();
            section = title.trim_matches(['`', '[', ']']).to_lowercase();
            section = if section == "secrets" { "secret".to_owned() } else { section };
        } else if let Some(key) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
            found.insert(format!("{section}.{key}"));
        }
    }
    found.retain(|key| !key.starts_with("configuration."));
    let tables = SINGLE.iter().chain(&REPEATED).chain(&INNER);
    let known: BTreeSet<String> =
        tables.flat_map(|(table, keys)| keys.iter().map(move |key| format!("{table}.{key}"))).collect();
    assert_eq!(found, known);
}

/// A tool that this machine may not have; a build that must be complete says `CI`.
fn tool(name: &str) -> Option<Command> {
    let there = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("{name} is not here, so what it would say about the unit is not known");
        assert!(std::env::var_os("CI").is_none(), "{name} is needed");
    }
    there.then(|| Command::new(name))
}

#[test]
fn the_unit_gives_the_service_little_to_break() {
    let Some(mut tool) = tool("systemd-analyze") else { return };
    let unit = root().join("systemd/doorward.service");
    let output = tool.args(["security", "--offline=true", "--threshold=20"]).arg(&unit).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("Overall exposure level"), "{text}");
    assert!(output.status.success(), "above 2.0:\n{text}");
}

#[test]
fn the_unit_lets_the_service_see_which_run_of_the_system_this_is() {
    let unit = fs::read_to_string(root().join("systemd/doorward.service")).unwrap();
    let hides =
        |line: &str| line.starts_with("ProcSubset=pid") || line.starts_with("InaccessiblePaths=/proc");
    assert!(!unit.lines().any(hides), "the store could not tell a crash from a loss of power");
}

/// Lets systemd read the unit, with drop-ins as (name, text); what it says about ours.
fn verified(drop_ins: &[(&str, &str)]) -> Option<Vec<String>> {
    let mut tool = tool("systemd-analyze")?;
    let unit = fs::read_to_string(root().join("systemd/doorward.service")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("doorward.service");
    // What is not installed cannot be started; any program will do.
    write(&path, &unit.replace("/usr/bin/doorward", "/bin/true"));
    fs::create_dir(dir.path().join("doorward.service.d")).unwrap();
    for (name, text) in drop_ins {
        write(&dir.path().join("doorward.service.d").join(name), text);
    }
    let output = tool.arg("verify").arg(&path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(text.lines().filter(|line| line.contains("doorward")).map(ToOwned::to_owned).collect())
}

#[test]
fn the_unit_has_no_line_that_systemd_does_not_understand() {
    let Some(ours) = verified(&[]) else { return };
    assert!(ours.is_empty(), "{}", ours.join("\n"));
}

#[test]
fn the_drop_in_for_low_ports_undoes_what_would_make_the_capability_worth_nothing() {
    let drop_in = fs::read_to_string(root().join("systemd/low-ports.conf")).unwrap();
    for line in [
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "PrivateUsers=no",
    ] {
        assert!(drop_in.lines().any(|has| has == line), "{line}");
    }
    let Some(ours) = verified(&[("low-ports.conf", &drop_in)]) else { return };
    assert!(ours.is_empty(), "{}", ours.join("\n"));
    let wrong = verified(&[("low-ports.conf", &drop_in.replace("PrivateUsers", "PrivateUser"))]).unwrap();
    assert!(!wrong.is_empty(), "the drop-in is read");
}
