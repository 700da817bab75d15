//! Passwords that the device hands over, and CHAP.

use crate::lab;
use crate::relayed::{EVERY, PASSED, Relayed, code, wrong_code};
use crate::support::freeradius::{NEXT_CODE, NEXT_CODE_PLEASE, PASSWORD, STAFF_GET, Wish};
use crate::support::radclient::Heard;

/// What of [`STAFF_GET`] makes nobody an administrator.
fn of_everybody() -> Vec<&'static str> {
    let administrative = ["Service-Type", "Cisco-AVPair"];
    STAFF_GET.into_iter().filter(|line| !administrative.iter().any(|name| line.starts_with(name))).collect()
}

/// What an accept says about a person.
fn about(heard: &Heard) -> Vec<&str> {
    heard.attributes().into_iter().filter(|line| !line.starts_with("Message-Authenticator")).collect()
}

#[test]
fn the_upstream_alone_decides_about_a_password_and_the_code_comes_after_it() {
    let Some(relayed) = Relayed::start("") else { return };
    let code = code();
    let heard = relayed.log_in("alice", lab::PASSWORD);
    assert!(heard.is("Access-Reject"), "the password of the directory: {}", heard.0);
    let question = relayed.log_in("alice", PASSWORD);
    assert!(question.is("Access-Challenge"), "{}", question.0);
    assert!(question.value("Reply-Message").contains("code"), "{}", question.0);
    let heard = relayed.answer("alice", wrong_code(&code), &question);
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    let question = relayed.log_in("alice", PASSWORD);
    let heard = relayed.answer("alice", &code, &question);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    let heard = relayed.log_in("bob", PASSWORD);
    assert!(heard.is("Access-Accept"), "no code for bob: {}", heard.0);
    relayed.server().assert_received("Access-Request", 4);
    assert_eq!(
        relayed.reasons(),
        ["wrong-password", "wrong-code", "confirmed", "rule-asks-none"],
        "{:?}",
        relayed.lab.logins()
    );
}

#[test]
fn who_is_unknown_to_the_directory_is_refused_without_a_question_to_the_upstream() {
    let Some(relayed) = Relayed::start("") else { return };
    let heard = relayed.log_in("nobody", PASSWORD);
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    relayed.server().assert_received("Access-Request", 0);
}

#[test]
fn a_code_behind_the_password_never_leaves_the_house() {
    let Some(relayed) = Relayed::start("code-entry = [\"challenge\", \"append\"]") else { return };
    let code = code();
    let heard = relayed.log_in("alice", &format!("{PASSWORD}{code}"));
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    relayed.server().wait_for(0, &format!("User-Password = \"{PASSWORD}\""));
    relayed.server().wait_for(0, "Sent Access-Accept");
    let log = relayed.server().log();
    assert!(!log.contains(&code), "{log}");
}

#[test]
fn the_accept_says_the_same_after_a_question_and_without_one_a_073() {
    let Some(relayed) = Relayed::start(&format!("{PASSED}\ncode-entry = [\"challenge\", \"append\"]")) else {
        return;
    };
    let code = code();
    let question = relayed.log_in("alice", PASSWORD);
    assert!(!question.has("Class") && !question.has("Filter-Id"), "{}", question.0);
    let asked = relayed.answer("alice", &code, &question);
    let direct = relayed.log_in("dora", PASSWORD);
    for heard in [&asked, &direct] {
        assert!(heard.is("Access-Accept"), "{}", heard.0);
        for attribute in of_everybody() {
            assert!(heard.attributes().contains(&attribute), "{attribute}: {}", heard.0);
        }
        assert!(!heard.has("Service-Type") && !heard.has("Cisco-AVPair"), "A-076: {}", heard.0);
    }
    assert_eq!(about(&asked), about(&direct));
}

#[test]
fn an_upstream_makes_administrators_only_where_that_is_allowed_a_076() {
    let Some(relayed) = Relayed::start(&format!("{PASSED}\nadministrative-attributes = true")) else {
        return;
    };
    let heard = relayed.log_in("dora", PASSWORD);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    for attribute in STAFF_GET {
        assert!(heard.attributes().contains(&attribute), "{attribute}: {}", heard.0);
    }
}

#[test]
fn nothing_of_the_accept_passes_that_is_not_on_the_list() {
    let Some(relayed) = Relayed::start("pass-attributes = [\"Filter-Id\"]") else { return };
    let heard = relayed.log_in("dora", PASSWORD);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    assert_eq!(about(&heard), ["Filter-Id = \"staff\""], "{}", heard.0);
}

#[test]
fn an_upstream_that_asks_itself_is_answered_before_our_own_question() {
    let Some(relayed) = Relayed::start("") else { return };
    let code = code();
    let first = relayed.log_in("carol", PASSWORD);
    assert!(first.is("Access-Challenge"), "{}", first.0);
    assert_eq!(first.value("Reply-Message"), format!("\"{NEXT_CODE_PLEASE}\""));
    let second = relayed.answer("carol", NEXT_CODE, &first);
    assert!(second.is("Access-Challenge"), "{}", second.0);
    assert!(second.value("Reply-Message").contains("app"), "{}", second.0);
    assert_ne!(first.value("State"), second.value("State"));
    let heard = relayed.answer("carol", &code, &second);
    assert!(heard.is("Access-Accept"), "{}", heard.0);

    let question = relayed.log_in("carol", PASSWORD);
    let heard = relayed.answer("carol", "000000", &question);
    assert!(heard.is("Access-Reject"), "{}", heard.0);
}

#[test]
fn chap_is_relayed_and_the_upstream_decides() {
    let Some(relayed) = Relayed::start(&format!("{EVERY}\n{PASSED}")) else { return };
    let chap = |user, password| relayed.radclient.chap(relayed.lab.radius, user, password, "");
    let heard = chap("dora", PASSWORD);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    assert!(heard.attributes().contains(&"Class = 0x7374616666"), "{}", heard.0);
    let heard = chap("dora", lab::PASSWORD);
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    let heard = chap("alice", PASSWORD);
    assert!(heard.is("Access-Reject"), "who must type a code cannot after CHAP: {}", heard.0);
    assert_eq!(relayed.reasons(), ["rule-asks-none", "wrong-password", "cannot-be-asked"]);
}

#[test]
fn chap_is_followed_by_a_question_where_the_device_can_put_one() {
    let Some(relayed) = Relayed::start(&format!("{EVERY}\n{PASSED}\nchallenge-after-ms-chap = true")) else {
        return;
    };
    let code = code();
    let question = relayed.radclient.chap(relayed.lab.radius, "alice", PASSWORD, "");
    assert!(question.is("Access-Challenge"), "{}", question.0);
    assert!(!question.has("Class"), "{}", question.0);
    let heard = relayed.answer("alice", &code, &question);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    assert!(heard.attributes().contains(&"Class = 0x7374616666"), "{}", heard.0);
}

#[test]
fn a_method_that_is_not_listed_reaches_no_upstream() {
    let Some(relayed) = Relayed::start("") else { return };
    let heard = relayed.radclient.chap(relayed.lab.radius, "dora", PASSWORD, "");
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    let heard = relayed.radclient.ms_chap(relayed.lab.radius, "dora", PASSWORD, "");
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    relayed.server().assert_received("Access-Request", 0);
}

#[test]
fn an_upstream_that_does_not_sign_is_believed_only_where_that_is_allowed_a_044() {
    let unsigned = Wish { signs: false, ..Wish::default() };
    let Some(relayed) = Relayed::start_as(&[unsigned], "when-unable = \"reject\"", "", "") else { return };
    let heard = relayed.log_in("dora", PASSWORD);
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    assert!(
        relayed.reasons().last().is_some_and(|reason| reason.starts_with("upstream-")),
        "{:?}",
        relayed.reasons()
    );
    let lax = "message-authenticator = \"off\"";
    let Some(relayed) = Relayed::start_as(&[unsigned], "", lax, "") else { return };
    let heard = relayed.log_in("dora", PASSWORD);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
}
