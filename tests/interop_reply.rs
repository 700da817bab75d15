//! Reply rules in the finished program, as FreeRADIUS' `radclient` prints what it was told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "support/lab.rs"]
mod lab;
mod support;

use std::fs;
use std::process::Command;

use doorward::frontend::radius::reply::target::{Target, Untellable};
use lab::{Lab, PASSWORD, SECRET, SEED, quiet_step, totp};
use support::radclient::Radclient;

/// What everybody of "vpn users" is told: every form there is.
const RULES: &str = r#"
[[reply]]
name = "users"
group = ["VPN Users"]
attributes = [
  { name = "Class", from = "department", before = "OU=", after = ";" },
  { name = "Filter-Id", by-group = { "Admins" = "admins", "VPN Users" = "users" } },
  { name = "Fortinet-Group-Name", value = "staff" },
  { name = "Framed-IP-Address", from = "address", missing = "omit" },
  { name = "Framed-IP-Address", value = "192.0.2.1" },
  { name = "Tunnel-Type:1", value = "VLAN" },
  { name = "Tunnel-Medium-Type:1", value = "IEEE-802" },
  { name = "Tunnel-Private-Group-ID:1", from = "vlan", take = "first", missing = "omit" },
  { name = "Session-Timeout", value = 3600 },
]
"#;

/// The program with alice, who has these attributes, and bob, who has none; `extra` are keys of the client.
fn gateway(attributes: &str, extra: &str, rules: &str) -> Lab {
    let dir = lab::folder();
    let users = dir.path().join("users.toml");
    let text = fs::read_to_string(&users).unwrap();
    let alice = format!("name = \"alice\"\nattributes = {attributes}\n");
    lab::private_file(&users, &text.replace("name = \"alice\"\n", &alice));
    let client = lab::client(dir.path(), &format!("without-reply-rule = \"refuse\"\n{extra}"));
    let tables = format!("{}{client}{rules}", lab::staff(dir.path()));
    let lab = Lab::start_custom(dir, &tables);
    lab.enrol_totp("alice");
    lab
}

const ALICE: &str = r#"{ department = "sales", address = "-1062731519", vlan = ["30", "20"] }"#;

#[test]
fn the_same_is_told_with_the_code_behind_the_password_and_after_a_question_a_073_d_026() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let lab = gateway(ALICE, "code-entry = [\"append\", \"challenge\"]", RULES);
    let step = quiet_step(20);
    let code = totp(SEED, step - 1);
    let direct = radclient.log_in(lab.radius, "alice", &format!("{PASSWORD}{code}"), "");
    assert!(direct.is("Access-Accept"), "{}", direct.0);
    let expected = [
        "Class = 0x4f553d73616c65733b",
        "Filter-Id = \"users\"",
        "Fortinet-Group-Name = \"staff\"",
        "Framed-IP-Address = 192.168.1.1",
        "Tunnel-Type:1 = VLAN",
        "Tunnel-Medium-Type:1 = IEEE-802",
        "Tunnel-Private-Group-Id:1 = \"20\"",
        "Session-Timeout = 3600",
    ];
    let told = |lines: Vec<&str>| -> Vec<String> {
        let ours = lines.into_iter().filter(|line| !line.starts_with("Message-Authenticator"));
        ours.map(ToOwned::to_owned).collect()
    };
    assert_eq!(told(direct.attributes()), expected);
    let question = radclient.log_in(lab.radius, "alice", PASSWORD, "");
    assert!(question.is("Access-Challenge"), "{}", question.0);
    for name in ["Class", "Filter-Id", "Fortinet-Group-Name", "Framed-IP-Address", "Tunnel-Type:1"] {
        assert!(!question.has(name), "nothing is told before the code: {}", question.0);
    }
    let state = format!("State = {}\n", question.value("State"));
    let answer = radclient.log_in(lab.radius, "alice", &totp(SEED, step), &state);
    assert!(answer.is("Access-Accept"), "{}", answer.0);
    assert_eq!(told(answer.attributes()), expected);
}

#[test]
fn what_cannot_be_told_lets_nobody_in_and_the_audit_says_so() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    for attributes in
        ["{ title = \"x\" }", "{ department = \"sales;OU=admins\" }", "{ department = [\"a\", \"b;\"] }"]
    {
        let lab = gateway(attributes, "code-entry = \"append\"", RULES);
        let code = totp(SEED, quiet_step(10));
        let heard = radclient.log_in(lab.radius, "alice", &format!("{PASSWORD}{code}"), "");
        assert!(heard.is("Access-Reject"), "{attributes}: {}", heard.0);
        assert!(!heard.has("Class") && !heard.has("Filter-Id"), "{}", heard.0);
        let logins = lab.logins();
        assert_eq!(logins[0]["reason"], "reply-incomplete", "{attributes}");
        assert!(!logins[0].to_string().contains("sales"), "no value of a person stands in the audit");
    }
}

#[test]
fn who_is_in_no_group_of_a_rule_is_refused_where_that_was_said() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let lab = gateway(ALICE, "code-entry = \"append\"", &RULES.replace("[\"VPN Users\"]", "[\"Board\"]"));
    let code = totp(SEED, quiet_step(10));
    let heard = radclient.log_in(lab.radius, "alice", &format!("{PASSWORD}{code}"), "");
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    assert_eq!(lab.logins()[0]["reason"], "reply-incomplete");
}

#[test]
fn explain_shows_what_would_be_told_and_why_it_cannot_be() {
    let lab = gateway(ALICE, "rewrite = [{ strip-prefix = \"CORP\\\\\" }]", RULES);
    let explained = |user: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.arg("--config").arg(lab.dir.path().join("doorward.toml"));
        let output = command.args(["explain", "--client", "vpn", "--user", user]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let told = explained("corp\\Alice");
    assert!(told.contains("    Filter-Id = \"users\"\n"), "{told}");
    assert!(told.contains("    Framed-IP-Address = 192.168.1.1\n"), "{told}");
    let told = explained("bob");
    let why = "reply \"users\": Class: the account has no \"department\", and missing is \"refuse\"";
    assert!(told.contains(why), "{told}");
}

#[test]
fn every_attribute_that_the_page_about_them_names_has_that_name() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reply-attributes.md")).unwrap();
    let is_name = |span: &&str| {
        let (name, _) = span.split_once(':').unwrap_or((span, ""));
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.contains('-')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    // Names of values, of files, and of attributes that devices have.
    let other = ["IEEE-802", "Framed-User"];
    let names: Vec<&str> =
        page.split('`').skip(1).step_by(2).filter(is_name).filter(|name| !other.contains(name)).collect();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        assert!(!matches!(Target::named(name, true), Err(Untellable::Unknown(_))), "{name}");
    }
}
