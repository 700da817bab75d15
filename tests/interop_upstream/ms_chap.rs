//! MS-CHAP of both versions: proofs and keys come from the upstream and reach the device when the login is over.

use crate::mschap::Peer;
use crate::mschap_login::{assert_proof_and_keys, ms_chap_v2};
use crate::relayed::{EVERY, PASSED, Relayed, code, wrong_code};
use crate::support::freeradius::{PASSWORD, SECRET};
use crate::support::radclient::{Heard, Radclient};

/// What must be in no other answer than the last accept.
const HELD: [&str; 7] = [
    "MS-CHAP2-Success",
    "MS-MPPE-Send-Key",
    "MS-MPPE-Recv-Key",
    "MS-CHAP-MPPE-Keys",
    "MS-MPPE-Encryption-Policy",
    "Class",
    "Filter-Id",
];

#[track_caller]
fn assert_nothing_held(heard: &Heard) {
    for name in HELD {
        assert!(!heard.has(name), "{name}: {}", heard.0);
    }
}

#[test]
fn ms_chap_v2_is_relayed_and_proof_and_keys_reach_the_device_a_099_a_102() {
    let Some(relayed) = Relayed::start(&format!("{EVERY}\n{PASSED}")) else { return };
    let peer = Peer::new("dora", PASSWORD);
    let heard = ms_chap_v2(&relayed.radclient, relayed.lab.radius, "dora", &peer);
    assert_proof_and_keys(&heard, &peer);
    assert!(heard.has("Class") && heard.has("Filter-Id"), "{}", heard.0);
    let keys: usize = heard.attributes().iter().filter(|line| line.starts_with("MS-MPPE-Send-Key")).count();
    assert_eq!(keys, 1);
}

#[test]
fn a_refused_ms_chap_v2_says_so_in_the_words_of_the_protocol_whatever_the_cause_a_100_b_085() {
    let Some(relayed) = Relayed::start(EVERY) else { return };
    // A wrong password, a name that nobody has, and somebody who would have to type a code.
    let peers = [("dora", "wrong"), ("nobody", PASSWORD), ("alice", PASSWORD)];
    for (user, password) in peers {
        let peer = Peer::new(user, password);
        let heard = ms_chap_v2(&relayed.radclient, relayed.lab.radius, user, &peer);
        assert!(heard.is("Access-Reject"), "{user}: {}", heard.0);
        assert_nothing_held(&heard);
        let error = heard.value("MS-CHAP-Error");
        // radclient prints octets that are no text as \007.
        let (_, said) = error.split_once("E=").unwrap_or_else(|| panic!("{user}: {error}"));
        assert!(said.starts_with("691 R=0 C="), "{user}: {error}");
        let challenge = said.trim_start_matches("691 R=0 C=").split(' ').next().unwrap();
        assert!(challenge.len() == 32 && challenge.bytes().all(|b| b.is_ascii_hexdigit()), "{user}: {error}");
        assert!(said.contains(" V=3 M="), "{user}: {error}");
    }
    assert_eq!(relayed.reasons(), ["wrong-password", "unknown-subject", "cannot-be-asked"]);
}

#[test]
fn after_ms_chap_v2_a_question_holds_proof_and_keys_back_until_the_code_is_right_a_101() {
    let Some(relayed) = Relayed::start(&format!("{EVERY}\n{PASSED}\nchallenge-after-ms-chap = true")) else {
        return;
    };
    let code = code();
    let peer = Peer::new("alice", PASSWORD);
    let question = ms_chap_v2(&relayed.radclient, relayed.lab.radius, "alice", &peer);
    assert!(question.is("Access-Challenge"), "{}", question.0);
    assert_nothing_held(&question);
    let heard = relayed.answer("alice", wrong_code(&code), &question);
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    assert_nothing_held(&heard);

    let question = ms_chap_v2(&relayed.radclient, relayed.lab.radius, "alice", &peer);
    let heard = relayed.answer("alice", &code, &question);
    assert_proof_and_keys(&heard, &peer);
    assert!(heard.has("Class") && heard.has("Filter-Id"), "{}", heard.0);
    relayed.server().assert_received("Access-Request", 2);
}

#[test]
fn the_name_that_was_hashed_goes_to_the_upstream_as_it_was_typed_a_098() {
    // Here it is the name without the domain that somebody is looked up by.
    let rewrite = "rewrite = [ { strip-prefix = \"LAB\\\\\" } ]";
    let Some(relayed) = Relayed::start(&format!("{EVERY}\n{rewrite}")) else { return };
    let peer = Peer::new("dora", PASSWORD);
    let heard = ms_chap_v2(&relayed.radclient, relayed.lab.radius, "LAB\\dora", &peer);
    assert_proof_and_keys(&heard, &peer);
    relayed.server().wait_for(0, "User-Name = \"LAB\\\\dora\"");
}

#[test]
fn ms_chap_of_the_first_version_is_relayed_with_its_keys_a_103() {
    let Some(relayed) = Relayed::start(EVERY) else { return };
    let ask = |to, radclient: &Radclient, password| radclient.ms_chap(to, "dora", password, "");
    let heard = ask(relayed.lab.radius, &relayed.radclient, PASSWORD);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    // They depend on the password alone, so that those of the server itself are the same.
    let direct = ask(relayed.server().address, &relayed.radclient.with_secret(SECRET), PASSWORD);
    assert_eq!(heard.value("MS-CHAP-MPPE-Keys"), direct.value("MS-CHAP-MPPE-Keys"));
    let heard = ask(relayed.lab.radius, &relayed.radclient, "wrong");
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    assert_nothing_held(&heard);
}
