//! What our own rules tell, beside what the upstream tells, as radclient prints it.

use crate::mschap::Peer;
use crate::mschap_login::{assert_proof_and_keys, ms_chap_v2};
use crate::relayed::{EVERY, Relayed, code};
use crate::support::freeradius::PASSWORD;
use crate::support::radclient::Heard;

/// One attribute of each form, and a name for the account's own.
const RULE: &str = r#"
[[reply]]
name = "everybody"
attributes = [
  { name = "Class", from = "department", before = "OU=", after = ";" },
  { name = "Fortinet-Group-Name", by-group = { "code" = "typed", "no code" = "untyped" } },
  { name = "Framed-IP-Netmask", value = "255.255.255.0" },
  { name = "Idle-Timeout", value = "600" },
  { name = "Tunnel-Type:1", value = "VLAN" },
  { name = "Tunnel-Medium-Type:1", value = "IEEE-802" },
  { name = "Tunnel-Private-Group-Id:1", value = "20" },
]
"#;

const SALES: &str = "attributes = { department = \"sales\" }";

/// What [`RULE`] tells of somebody in this group, as radclient prints it.
fn told(group: &str) -> Vec<String> {
    let group = format!("Fortinet-Group-Name = \"{group}\"");
    [
        "Class = 0x4f553d73616c65733b",
        &group,
        "Framed-IP-Netmask = 255.255.255.0",
        "Idle-Timeout = 600",
        "Tunnel-Type:1 = VLAN",
        "Tunnel-Medium-Type:1 = IEEE-802",
        "Tunnel-Private-Group-Id:1 = \"20\"",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[track_caller]
fn assert_tells(heard: &Heard, group: &str) {
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    let lines = heard.attributes();
    for line in told(group) {
        assert!(lines.contains(&line.as_str()), "{line}: {}", heard.0);
    }
}

#[test]
fn our_rules_tell_the_same_after_a_question_behind_the_password_and_without_a_code_a_073() {
    let entry = "code-entry = [\"challenge\", \"append\"]";
    let Some(relayed) = Relayed::start_for(entry, RULE, SALES) else { return };
    let code = code();
    let question = relayed.log_in("alice", PASSWORD);
    assert!(question.is("Access-Challenge") && !question.has("Class"), "{}", question.0);
    assert_tells(&relayed.answer("alice", &code, &question), "typed");
    assert_tells(&relayed.log_in("erin", &format!("{PASSWORD}{code}")), "typed");
    assert_tells(&relayed.log_in("bob", PASSWORD), "untyped");
    let refused = relayed.log_in("bob", "wrong");
    assert!(refused.is("Access-Reject") && !refused.has("Class"), "{}", refused.0);
}

#[test]
fn our_rules_tell_beside_the_keys_of_the_upstream() {
    let Some(relayed) = Relayed::start_for(EVERY, RULE, SALES) else { return };
    let peer = Peer::new("dora", PASSWORD);
    let heard = ms_chap_v2(&relayed.radclient, relayed.lab.radius, "dora", &peer);
    assert_proof_and_keys(&heard, &peer);
    assert_tells(&heard, "untyped");
}

#[test]
fn who_has_no_value_for_a_rule_is_refused_and_not_let_in_with_less() {
    let Some(relayed) = Relayed::start_for("", RULE, "") else { return };
    let heard = relayed.log_in("bob", PASSWORD);
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    assert_eq!(relayed.lab.last_reason(), "reply-incomplete");
}
