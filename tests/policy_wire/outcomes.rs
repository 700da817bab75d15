//! What a rule makes of a login besides a code: words, reply rules, two factors, and what it would do if it counted.

use doorward::wire::radius::dictionary::FILTER_ID;

use crate::lab::{self, PASSWORD};
use crate::site::{Doors, Heard, QUESTION, program, program_in};

const SENTENCES: &str = r#"
[[calendar]]
name = "always"
zone = "UTC"
days = ["2020-01-01/2099-12-31"]
[[rule]]
name = "not-from-there"
network = ["198.51.100.0/24", "127.0.1.0/24"]
then = "refuse"
say = "not-here"
[[rule]]
name = "not-today"
network = ["192.0.2.0/24", "127.0.2.0/24"]
calendar = ["always"]
then = "refuse"
say = "not-now"
[[rule]]
name = "not-you"
group = ["vpn users"]
then = "refuse"
"#;

#[test]
fn a_rule_that_refuses_says_one_of_three_sentences_and_says_it_to_strangers_too() {
    let lab = program(SENTENCES);
    let cases = [
        ("198.51.100.7", "127.0.1.1", "Sign-in is not possible from this place.", "refused-here"),
        ("192.0.2.7", "127.0.2.1", "Sign-in is not possible at this time.", "refused-now"),
        ("203.0.113.7", "127.0.0.1", "Sign-in failed.", "refused-by-rule"),
    ];
    for (over_radius, over_ldap, sentence, reason) in cases {
        let said = Heard::Refused(sentence.to_owned());
        assert_eq!(lab.vpn(over_radius).log_in("alice"), said);
        assert_eq!(lab.last("reason"), reason);
        assert_eq!(lab.bind(over_ldap, "alice", PASSWORD), said);
        assert_eq!(lab.last("reason"), reason);
        assert_eq!(lab.vpn(over_radius).try_in("mallory", "wrong"), said, "whoever it is");
        assert_eq!(lab.bind(over_ldap, "mallory", "wrong"), said);
        assert_eq!(lab.last("subject"), "");
    }
}

#[test]
fn rules_tell_the_doors_apart_by_protocol_listener_and_group_of_clients() {
    let lab = program_in(
        lab::folder(),
        "groups = [\"appliances\"]",
        "[[rule]]\nname = \"appliances\"\nclient-group = [\"appliances\"]\nprotocol = [\"radius\"]\nthen = \"none\"\n\
         [[rule]]\nname = \"applications\"\nlistener = [\"apps\"]\nprotocol = [\"ldap\"]\nthen = \"none\"\n\
         [[rule]]\nname = \"nobody-else\"\nthen = \"refuse\"\n",
    );
    let vpn = || lab.vpn("203.0.113.7");
    assert_eq!((vpn().log_in("alice"), lab.last("rule")), (Heard::let_in(), "appliances".into()));
    let bound = lab.bind("127.0.0.1", "alice", PASSWORD);
    assert_eq!((bound, lab.last("rule")), (Heard::let_in(), "applications".into()));
    let branch = vpn().at_the_branch().log_in("alice");
    assert_eq!((branch, lab.last("rule")), (Heard::refused(), "nobody-else".into()));
}

/// Two reply rules, and two rules that name one of them each.
fn replies(then: &str) -> String {
    format!(
        "[[reply]]\nname = \"gold\"\nclient = [\"vpn\"]\nattributes = [{{ name = \"Filter-Id\", value = \"gold\" }}]\n\
         [[reply]]\nname = \"iron\"\nclient = [\"vpn\"]\nattributes = [{{ name = \"Filter-Id\", value = \"iron\" }}]\n\
         [[rule]]\nname = \"office\"\nclient = [\"vpn\"]\nnetwork = [\"192.0.2.0/24\"]\nthen = {then}\nreply = [\"iron\"]\n\
         [[rule]]\nname = \"rest\"\nclient = [\"vpn\"]\nthen = {then}\nreply = [\"gold\"]\n"
    )
}

#[test]
fn the_rule_that_decides_chooses_what_the_device_is_told() {
    let lab = program_in(lab::folder(), "reply-rules = \"first\"", &replies("\"none\""));
    let told = |from: &str| lab.vpn(from).accept("alice").text(FILTER_ID);
    assert_eq!(told("192.0.2.7").as_deref(), Some("iron"), "though the other stands before it");
    assert_eq!(told("203.0.113.7").as_deref(), Some("gold"));
    let refused = lab.vpn("192.0.2.7").0.ask("alice", "wrong");
    assert_eq!((Heard::of(&refused), refused.find(FILTER_ID)), (Heard::refused(), None));
}

#[test]
fn where_two_rules_may_decide_and_tell_different_things_nobody_is_let_in() {
    let lab = program_in(lab::folder(), "reply-rules = \"first\"", &replies("{ require = [\"hotp\"] }"));
    let alices = lab.generator("alice");
    assert_eq!(lab.vpn("192.0.2.7").confirm("alice", &alices.code()), Heard::let_in());
    assert_eq!(lab.vpn("not an address").confirm("alice", &alices.code()), Heard::refused());
    assert_eq!(lab.last("reason"), "reply-incomplete");
}

#[test]
fn two_factors_are_two_questions_in_either_order_and_no_code_counts_twice() {
    let lab = program(
        "[[rule]]\nname = \"vault\"\nthen = { require-all = [\"hotp\", \"recovery\"] }\n\
         [limits]\nsubject-per-minute = 100\n",
    );
    let alices = lab.generator("alice");
    let paper = lab.must(&["enrol", "recovery", "--directory", "staff", "--user", "alice"], "");
    let mut paper = paper.lines();
    let vpn = lab.vpn("203.0.113.7");
    let second = Heard::Asked(format!("2. {QUESTION}"));

    let in_this_order = |first: &str, then: &str| {
        let question = vpn.0.ask("alice", PASSWORD);
        assert_eq!(Heard::of(&question), Heard::asked());
        let again = vpn.0.answer("alice", first, &question);
        assert_eq!(Heard::of(&again), second);
        assert_ne!(again.state(), question.state(), "a question of its own, A-072");
        Heard::of(&vpn.0.answer("alice", then, &again))
    };
    let (mut code, mut word) = (alices.code(), paper.next().unwrap());
    assert_eq!(in_this_order(&code, word), Heard::let_in());
    assert_eq!(
        (lab.last("reason"), lab.last("factors")),
        ("confirmed".into(), r#"["hotp","recovery"]"#.into())
    );
    (code, word) = (alices.code(), paper.next().unwrap());
    assert_eq!(in_this_order(word, &code), Heard::let_in());
    assert_eq!(lab.last("factors"), r#"["hotp","recovery"]"#);

    let used = word;
    code = alices.code();
    assert_eq!(in_this_order(&code, used), Heard::refused(), "a word of paper that was used");
    code = alices.code();
    assert_eq!(in_this_order(&code, &code), Heard::refused(), "one factor twice");
    word = paper.next().unwrap();
    assert_eq!(in_this_order(word, "000000"), Heard::refused());
    assert_eq!(lab.last("reason"), "wrong-code");

    assert_eq!(lab.bind("127.0.0.1", "alice", &alices.field()), Heard::refused(), "one field holds one code");
}

#[test]
fn what_a_rule_would_do_that_is_only_tried_out_stands_in_the_audit_and_nowhere_else() {
    let lab = program(
        "[[rule]]\nname = \"no-more-abroad\"\nnot = { network = [\"192.0.2.0/24\", \"127.0.0.0/24\"] }\n\
         then = \"refuse\"\nsay = \"not-here\"\nshadow = true\n\
         [[rule]]\nname = \"everybody\"\nthen = \"none\"\n",
    );
    let shadow = || [lab.last("rule"), lab.last("shadow"), lab.last("shadow_then")];
    for (over_radius, over_ldap, recorded) in [
        ("192.0.2.7", "127.0.0.1", ["everybody", "", ""]),
        ("203.0.113.7", "127.0.1.1", ["everybody", "no-more-abroad", "refuse"]),
    ] {
        assert_eq!(lab.vpn(over_radius).log_in("alice"), Heard::let_in());
        assert_eq!(shadow(), recorded);
        assert_eq!(lab.bind(over_ldap, "alice", PASSWORD), Heard::let_in());
        assert_eq!(shadow(), recorded);
    }
}
