//! The recipes of `docs/policies.md`, each run by the finished program with the expectations that stand in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[path = "support/lab.rs"]
mod lab;

use std::fs;

use lab::command_in as doorward;

const PAGE: &str = include_str!("../docs/policies.md");

/// The clients that the page names, and a directory.
const CLIENTS: &str = r#"
[radius]
listen = ["127.0.0.1:0"]
[store]
path = "doorward.db"
[keys]
file = "keys"
[audit]
to = "./audit.jsonl"
[[directory]]
name = "staff"
kind = "file"
path = "users.toml"
[[client]]
name = "vpn-1"
groups = ["vpn"]
addresses = ["127.0.0.1"]
secret = { file = "client.secret" }
directory = "staff"
[[client]]
name = "vpn-2"
groups = ["vpn"]
addresses = ["127.0.0.2"]
secret = { file = "other.secret" }
directory = "staff"
[[client]]
name = "wifi"
addresses = ["127.0.0.3"]
secret = { file = "third.secret" }
directory = "staff"
"#;

/// The title of each recipe, with its rules.
fn recipes() -> Vec<(&'static str, &'static str)> {
    let sections = PAGE.split("\n## ").skip(1);
    sections
        .map(|section| {
            let (title, rest) = section.split_once('\n').unwrap();
            let (_, rules) = rest.split_once("```toml\n").expect("a recipe has its rules");
            (title, rules.split_once("```").unwrap().0)
        })
        .collect()
}

/// A folder with the clients and these rules.
fn site(rules: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, secret) in [("client", "one"), ("other", "two"), ("third", "three")] {
        let secret = format!("{secret}-{}", "x8Zq2Lw9Rt4Vb7Nc5Md1Kf6H");
        lab::private_file(&folder.path().join(format!("{file}.secret")), &secret);
    }
    lab::private_file(&folder.path().join("users.toml"), "");
    fs::write(folder.path().join("doorward.toml"), format!("{CLIENTS}\n{rules}")).unwrap();
    folder
}

#[test]
fn every_recipe_does_what_its_expectations_say() {
    let recipes = recipes();
    assert!(recipes.len() >= 12, "{}", recipes.len());
    for (title, rules) in recipes {
        let expectations = rules.matches("[[expect]]").count();
        assert!(expectations > 0, "{title} expects nothing");
        let folder = site(rules);
        let output = doorward(folder.path(), &["policy", "test"]);
        let told = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{title}\n{told}{complaint}");
        let names = rules.split("[[expect]]\n").skip(1).map(|table| {
            let name = table.lines().next().unwrap();
            name.split('"').nth(1).unwrap()
        });
        for name in names {
            assert!(told.contains(name), "{title}: \"{name}\" was not run\n{told}");
        }
    }
}

#[test]
fn an_expectation_that_does_not_hold_is_found_by_test_and_check() {
    let (_, rules) = recipes().into_iter().next().unwrap();
    let wrong = rules.replacen("from = \"192.0.2.10\"", "from = \"192.0.3.10\"", 1);
    assert_ne!(wrong, rules);
    let folder = site(&wrong);
    for command in [&["policy", "test"][..], &["check"]] {
        let output = doorward(folder.path(), command);
        let told = [output.stdout.as_slice(), &output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(!output.status.success(), "{command:?} {told}");
        assert!(told.contains("in the office the password is enough"), "{command:?} {told}");
    }
}
