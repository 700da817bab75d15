//! Logins over RADIUS against the finished program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "support/lab.rs"]
mod lab;

use std::time::Duration;

use doorward::wire::radius::dictionary::{REPLY_MESSAGE, SESSION_TIMEOUT};
use doorward::wire::radius::packet::{Code, Packet};
use lab::{Appliance, Lab, PASSWORD, SECRET, SEED, quiet_step, totp};

#[test]
fn password_question_code_accept_and_the_same_code_is_refused_afterwards() {
    let lab = Lab::start("", "");
    lab.enrol_totp("alice");
    let vpn = lab.appliance();
    let code = totp(SEED, quiet_step(10));

    let question = vpn.ask("alice", PASSWORD);
    assert_eq!(question.code, Code::AccessChallenge);
    assert!(Packet::parse(&question.bytes).unwrap().has(REPLY_MESSAGE), "E-002");
    assert_eq!(vpn.answer("alice", &code, &question).code, Code::AccessAccept);

    let question = vpn.ask("alice", PASSWORD);
    assert_eq!(vpn.answer("alice", &code, &question).code, Code::AccessReject);
    assert_eq!(lab.last_reason(), "replayed-code");
    assert_eq!(lab.logins().len(), 2, "one record per verdict");
}

#[test]
fn a_code_typed_after_the_password_needs_no_question() {
    for (entry, field) in [
        ("code-entry = [\"append\", \"challenge\"]", format!("{PASSWORD}CODE")),
        ("code-entry = \"separator\"\ncode-separator = \",\"", format!("{PASSWORD},CODE")),
    ] {
        let lab = Lab::start(entry, "");
        lab.enrol_totp("alice");
        let code = totp(SEED, quiet_step(10));
        assert_eq!(
            lab.appliance().ask("alice", &field.replace("CODE", &code)).code,
            Code::AccessAccept,
            "{entry}"
        );
        assert_eq!(lab.logins().last().unwrap()["factor"], "totp");
    }
}

#[test]
fn a_client_that_checks_passwords_itself_sends_the_code_alone() {
    let lab = Lab::start("primary = \"trusted\"", "");
    lab.enrol_totp("alice");
    let code = totp(SEED, quiet_step(10));
    assert_eq!(lab.appliance().ask("alice", &code).code, Code::AccessAccept);
    assert_eq!(lab.appliance().ask("alice", &code).code, Code::AccessReject, "used up");
}

#[test]
fn every_rejection_looks_the_same_d_100() {
    let lab = Lab::start("code-entry = \"separator\"\ncode-separator = \",\"", "");
    lab.enrol_totp("alice");
    let vpn = lab.appliance();
    let body = |user: &str, field: &str| {
        let reply = vpn.ask(user, field);
        assert_eq!(reply.code, Code::AccessReject, "{user} {field}");
        // Behind the header and the 18 bytes of Message-Authenticator.
        reply.bytes[38..].to_vec()
    };
    let cases = [
        ("mallory", format!("{PASSWORD},123456"), "unknown-subject"),
        ("alice", "wrong,123456".to_owned(), "wrong-password"),
        ("alice", format!("{PASSWORD},000000"), "wrong-code"),
        ("alice", format!("{PASSWORD},"), "not-a-code"),
        ("alice", ",123456".to_owned(), "empty-password"),
        ("bob", format!("{PASSWORD},123456"), "not-enrolled"),
    ];
    let bodies: Vec<_> = cases
        .iter()
        .map(|(user, field, reason)| {
            let body = body(user, field);
            assert_eq!(lab.last_reason(), *reason);
            body
        })
        .collect();
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

#[test]
fn five_copies_of_a_packet_are_one_evaluation_and_five_identical_answers_a_111() {
    let lab = Lab::start("code-entry = \"separator\"", "");
    lab.enrol_totp("alice");
    let vpn = lab.appliance();
    let packet = vpn.request("alice", &format!("{PASSWORD},{}", totp(SEED, quiet_step(10))), None);
    let first = vpn.exchange(&packet);
    assert_eq!(first.code, Code::AccessAccept);
    for _ in 0..4 {
        assert_eq!(vpn.exchange(&packet), first);
    }
    assert_eq!(lab.logins().len(), 1);
}

#[test]
fn a_changed_packet_under_the_same_identifier_is_a_new_request_a_113() {
    let lab = Lab::start("code-entry = \"separator\"", "");
    lab.enrol_totp("alice");
    let vpn = lab.appliance();
    let first = vpn.request("alice", "wrong,123456", None);
    assert_eq!(vpn.exchange(&first).code, Code::AccessReject);
    let second = loop {
        let packet = vpn.request("alice", &format!("{PASSWORD},{}", totp(SEED, quiet_step(10))), None);
        if packet[1] == first[1] {
            break packet;
        }
    };
    assert_eq!(vpn.exchange(&second).code, Code::AccessAccept);
    assert_eq!(lab.logins().len(), 2);
}

#[test]
fn fifty_users_of_one_code_are_one_accept_d_106() {
    let lab = Lab::start(
        "primary = \"trusted\"",
        "[limits]\nsubject-per-minute = 1000\nsource-per-minute = 1000\n",
    );
    lab.enrol_totp("alice");
    let code = totp(SEED, quiet_step(15));
    let server = lab.radius;
    let threads: Vec<_> = (0..50)
        .map(|_| {
            let code = code.clone();
            std::thread::spawn(move || Appliance::new(server, SECRET).ask("alice", &code).code)
        })
        .collect();
    let codes: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == Code::AccessAccept).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == Code::AccessReject).count(), 49);
}

#[test]
fn a_used_code_stays_used_after_kill_9_d_118() {
    let mut lab = Lab::start("primary = \"trusted\"", "");
    lab.enrol_totp("alice");
    let code = totp(SEED, quiet_step(20));
    assert_eq!(lab.appliance().ask("alice", &code).code, Code::AccessAccept);
    lab.end("KILL");
    lab.run();
    assert_eq!(lab.appliance().ask("alice", &code).code, Code::AccessReject);
    assert_eq!(lab.last_reason(), "replayed-code");
}

#[test]
fn wrong_codes_lock_the_factor_and_wrong_passwords_do_not_c_004() {
    let lab = Lab::start("code-entry = \"separator\"", "");
    lab.enrol_totp("alice");
    let vpn = lab.appliance();
    for _ in 0..6 {
        vpn.ask("alice", "wrong,000000");
    }
    assert_eq!(lab.last_reason(), "password-throttled", "B-087");
    lab.must(&["subject", "unlock", "--directory", "staff", "--user", "alice"], "");
    let right = format!("{PASSWORD},{}", totp(SEED, quiet_step(10)));
    assert_eq!(vpn.ask("alice", &right).code, Code::AccessAccept, "the factor was never locked");
    for _ in 0..6 {
        vpn.ask("alice", &format!("{PASSWORD},000000"));
    }
    assert_eq!(lab.last_reason(), "factor-locked");
}

#[test]
fn a_state_belongs_to_its_user_and_is_good_once_a_071() {
    let lab = Lab::start("", "");
    lab.enrol_totp("alice");
    let vpn = lab.appliance();
    let code = totp(SEED, quiet_step(10));
    let question = vpn.ask("alice", PASSWORD);
    assert_eq!(vpn.answer("bob", &code, &question).code, Code::AccessReject, "another user");
    assert_eq!(vpn.answer("alice", &code, &question).code, Code::AccessReject, "the challenge died with it");
    let question = vpn.ask("alice", PASSWORD);
    assert_eq!(vpn.answer("alice", &code, &question).code, Code::AccessAccept);
    assert_eq!(
        vpn.answer("alice", &code, &question).code,
        Code::AccessReject,
        "A-070: not tried as a password"
    );
    assert_eq!(lab.last_reason(), "unknown-challenge");
}

#[test]
fn strangers_and_forgers_hear_nothing_a_024_a_035() {
    let lab = Lab::start("", "");
    let forger = Appliance::new(lab.radius, "not the secret, but quite as long");
    forger.hears_nothing(&forger.request("alice", PASSWORD, None), Duration::from_millis(500));
    let vpn = lab.appliance();
    let mut unsigned = vpn.request("alice", PASSWORD, None);
    unsigned.drain(20..38);
    let length = u16::try_from(unsigned.len()).unwrap().to_be_bytes();
    unsigned[2..4].copy_from_slice(&length);
    vpn.hears_nothing(&unsigned, Duration::from_millis(500));
    assert!(lab.logins().is_empty());
    assert!(lab.page("/metrics").contains("doorward_radius_datagrams"), "they are counted");
}

#[test]
fn neither_names_nor_secrets_reach_log_audit_or_metrics_f_007() {
    let mut lab = Lab::start("code-entry = \"separator\"", "");
    lab.enrol_totp("alice");
    let vpn = lab.appliance();
    let code = totp(SEED, quiet_step(10));
    vpn.ask("alice", &format!("{PASSWORD},{code}"));
    vpn.ask("alice", "a typo of it,123456");
    vpn.ask("hunter2-in-the-wrong-box", "x,1");
    let metrics = lab.page("/metrics");
    lab.end("TERM");
    let audit = std::fs::read_to_string(lab.path("audit.jsonl")).unwrap();
    let everything = format!("{}{metrics}{audit}", lab.log());
    for secret in ["alice", PASSWORD, "a typo of it", "hunter2", &code, SECRET] {
        assert!(!everything.to_lowercase().contains(secret), "{secret:?} leaked");
    }
    let store = std::fs::read(lab.path("doorward.db")).unwrap();
    for secret in [b"alice".as_slice(), SEED] {
        assert!(!store.windows(secret.len()).any(|w| w == secret), "in the store, F-003");
    }
}

#[test]
fn a_session_ends_with_the_hours_of_the_rule_that_let_it_in_a_079() {
    let hours = "[[rule]]\nname = \"day\"\nthen = \"none\"\n\
                 time = [{ days = [\"mon-sun\"], from = \"00:00\", to = \"23:59\", zone = \"ZONE\" }]\n";
    // In one of the two zones it is not the last minute of the day.
    for zone in ["UTC", "Asia/Kolkata"] {
        let lab = Lab::start("", &hours.replace("ZONE", zone));
        let reply = lab.appliance().ask("alice", PASSWORD);
        if reply.code != Code::AccessAccept {
            continue;
        }
        let packet = Packet::parse(&reply.bytes).unwrap();
        let seconds: [u8; 4] = packet.find(SESSION_TIMEOUT).expect("a Session-Timeout").try_into().unwrap();
        assert!((1..86_400).contains(&u32::from_be_bytes(seconds)), "{seconds:?}");
        return;
    }
    panic!("no zone let alice in");
}

#[test]
fn a_rule_about_a_listener_is_about_the_address_that_the_request_came_to() {
    let dir = lab::folder();
    std::fs::create_dir(dir.path().join("conf.d")).unwrap();
    let listen = "[radius]\nlisten = [\"127.0.0.1:0\", \"127.0.0.2:0\"]\n";
    std::fs::write(dir.path().join("conf.d/listen.toml"), listen).unwrap();
    let rules = "[[rule]]\nname = \"inner\"\nlistener = [\"127.0.0.2:0\"]\nthen = \"none\"\n\
                 [[rule]]\nname = \"elsewhere\"\nthen = \"refuse\"\n";
    let tables = format!("{}{}{rules}", lab::staff(dir.path()), lab::client(dir.path(), ""));
    let lab = Lab::start_custom(dir, &tables);
    for (host, code) in [("127.0.0.1", Code::AccessReject), ("127.0.0.2", Code::AccessAccept)] {
        let named = format!("\"address\":\"{host}:");
        let line = lab.wait_for(|line| line.contains("\"radius.listening\"") && line.contains(&named));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = value["address"].as_str().unwrap().parse().unwrap();
        assert_eq!(Appliance::new(address, SECRET).ask("alice", PASSWORD).code, code, "{host}");
        let record = lab.logins().pop().unwrap();
        assert_eq!(record["listener"], format!("{host}:0"), "as the settings call it");
    }
}
