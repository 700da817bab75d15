//! Logins of the past before rules that differ.

use super::*;
use crate::config::settings::GeoSettings;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::policy::{Condition, Exemption, Network, Requirement, Rule};
use serde_json::{Value, json};
use std::sync::Arc;

const TOTP: Requirement = Requirement::OneOf(FactorKinds::ALL);

fn record(more: &Value) -> Recorded {
    let mut record = json!({
        "time": "2026-11-21T08:30:00Z", "event": "login", "attempt": "0011223344556677", "client": "vpn",
        "subject": "p1", "outcome": "accept", "reason": "confirmed", "network": "203.0.113.0/24",
        "protocol": "radius", "method": "password", "groups": ["users"], "enrolled": ["totp"],
        "first_login": false, "new_network": false, "last_login_days": 1, "demand": "totp",
    });
    for (key, value) in more.as_object().unwrap() {
        record[key] = value.clone();
    }
    Recorded::read(&record).unwrap()
}

fn judged(now: &Policy, then: &Policy, recorded: &Recorded) -> Verdict {
    let client = Client::new("vpn", "staff");
    let whole = |policy| Whole {
        side: Side::new(policy),
        whereabouts: nowhere(),
        clients: [("vpn", &client)].into(),
    };
    let named = now.exemptions.iter().map(|exemption| &*exemption.account).collect();
    Judge { now: whole(now), then: whole(then), named }.look(recorded)
}

/// Without databases.
fn nowhere() -> Whereabouts {
    Whereabouts::open(&GeoSettings::default()).unwrap()
}

fn group(name: &str, key: &str, then: Requirement) -> Rule {
    Rule::new(name, Condition::Group(vec![key.into()]), then)
}

fn network(name: &str, prefix: &str, then: Requirement) -> Rule {
    let network = Network::new(name, vec![prefix.parse().unwrap()]);
    Rule::new(name, Condition::Network(vec![Arc::new(network)]), then)
}

fn rest(then: Requirement) -> Rule {
    Rule::new("rest", Condition::ALWAYS, then)
}

#[test]
fn the_same_rules_change_nothing_whatever_the_record_does_not_hold() {
    let rules = || {
        Policy::new(vec![
            network("half", "203.0.113.0/25", Requirement::None),
            group("choir", "choir", Requirement::Refuse),
            Rule::new("abroad", Condition::Asn(vec![1]), Requirement::Refuse),
            rest(TOTP),
        ])
    };
    let bare = json!({ "protocol": null, "groups": null, "enrolled": null, "first_login": null });
    for more in [json!({}), bare] {
        assert_eq!(judged(&rules(), &rules(), &record(&more)), Verdict::Same);
    }
}

#[test]
fn what_differs_is_told_by_rule_and_demand() {
    let now = Policy::new(vec![group("users", "users", TOTP), rest(Requirement::Refuse)]);
    let then = Policy::new(vec![group("users", "users", Requirement::None), rest(Requirement::Refuse)]);
    let Verdict::Changes(old, new) = judged(&now, &then, &record(&json!({}))) else { panic!("no change") };
    assert_eq!((old.by, new.by), (By::Rule("users".into()), By::Rule("users".into())));
    assert_eq!((old.demand.word(), new.demand.word()), ("require", "none"));
    let other = record(&json!({ "groups": [] }));
    assert_eq!(judged(&now, &then, &other), Verdict::Same, "who is in no group is refused before and after");
}

#[test]
fn a_group_that_no_rule_named_cannot_be_told_unless_it_makes_no_difference() {
    let now = Policy::new(vec![rest(TOTP)]);
    let then = Policy::new(vec![group("choir", "choir", Requirement::None), rest(TOTP)]);
    let expected = Verdict::CannotTell("rule \"choir\" looks at group".into());
    assert_eq!(judged(&now, &then, &record(&json!({}))), expected);
    let member = record(&json!({ "groups": ["choir"] }));
    assert!(matches!(judged(&now, &then, &member), Verdict::Changes(..)), "a rule of the time named it");
    let away = network("away", "198.51.100.0/24", Requirement::None);
    let both = Condition::All(vec![away.when.clone(), Condition::Group(vec!["choir".into()])]);
    let then = Policy::new(vec![Rule::new("choir", both, Requirement::None), rest(TOTP)]);
    assert_eq!(judged(&now, &then, &record(&json!({}))), Verdict::Same, "the network alone says no");
}

#[test]
fn a_shortened_address_is_inside_outside_or_cannot_be_told() {
    let now = Policy::new(vec![rest(TOTP)]);
    let with = |prefix| Policy::new(vec![network("office", prefix, Requirement::None), rest(TOTP)]);
    let inside = |prefix| judged(&now, &with(prefix), &record(&json!({})));
    assert!(matches!(inside("203.0.0.0/16"), Verdict::Changes(..)));
    assert_eq!(inside("198.51.100.0/24"), Verdict::Same);
    assert_eq!(inside("203.0.113.128/25"), Verdict::CannotTell("rule \"office\" looks at network".into()));
    let whole = record(&json!({ "network": "203.0.113.129" }));
    let half = with("203.0.113.128/25");
    assert!(matches!(judged(&now, &half, &whole), Verdict::Changes(..)));
}

#[test]
fn an_address_that_was_unknown_is_unknown_and_not_silent() {
    let now = Policy::new(vec![rest(TOTP)]);
    let then = Policy::new(vec![network("abroad", "0.0.0.0/1", Requirement::Refuse), rest(TOTP)]);
    let nowhere = record(&json!({ "network": null }));
    let Verdict::Changes(_, new) = judged(&now, &then, &nowhere) else { panic!("no change") };
    assert!(new.demand.is_refusal(), "a refusal holds wherever it may hold");
}

#[test]
fn of_an_unknown_name_nothing_changes_and_a_client_that_is_gone_is_told() {
    let now = Policy::new(vec![group("users", "users", TOTP)]);
    let then = Policy::new(vec![group("users", "users", Requirement::None)]);
    let nobody = record(&json!({ "subject": null, "groups": null, "outcome": "reject" }));
    assert_eq!(judged(&now, &then, &nobody), Verdict::Same);
    let client = Client::new("vpn", "staff");
    let here = Whole { side: Side::new(&now), whereabouts: nowhere(), clients: [("vpn", &client)].into() };
    let gone = Whole { side: Side::new(&then), whereabouts: nowhere(), clients: HashMap::new() };
    let judge = Judge { now: here, then: gone, named: BTreeSet::new() };
    let Verdict::Changes(_, new) = judge.look(&record(&json!({}))) else { panic!("no change") };
    assert_eq!(new.by, By::NoClient);
}

#[test]
fn an_exemption_is_known_by_the_name_in_the_record_and_a_new_one_cannot_be_told() {
    let exemption = |name: &str, account: &str| Exemption {
        clients: vec!["vpn".into()],
        sources: vec!["192.0.2.0/24".parse().unwrap()],
        ..Exemption::new(name, account)
    };
    let mut now = Policy::new(vec![rest(TOTP)]);
    now.exemptions.push(exemption("wiki", "cn=wiki"));
    let without = Policy::new(vec![rest(TOTP)]);
    let used = record(&json!({ "exemption": "wiki", "source": "192.0.2.7" }));
    assert_eq!(judged(&now, &now, &used), Verdict::Same);
    let Verdict::Changes(old, new) = judged(&now, &without, &used) else { panic!("no change") };
    assert_eq!((old.by, new.by), (By::Exemption("wiki".into()), By::Rule("rest".into())));
    let mut more = now.clone();
    more.exemptions.push(exemption("git", "cn=git"));
    let person = record(&json!({}));
    assert!(matches!(judged(&now, &more, &person), Verdict::CannotTell(_)), "it may be the account of git");
    let elsewhere = record(&json!({ "source": "203.0.113.9" }));
    assert_eq!(judged(&now, &more, &elsewhere), Verdict::Same, "it came from elsewhere");
}

#[test]
fn rules_that_are_only_tried_out_change_nothing() {
    let now = Policy::new(vec![rest(TOTP)]);
    let mut tried = rest(Requirement::Refuse);
    tried.options.shadow = true;
    let then = Policy::new(vec![tried, rest(TOTP)]);
    assert_eq!(judged(&now, &then, &record(&json!({}))), Verdict::Same);
    let only = Requirement::OneOf([FactorKind::Totp].into_iter().collect());
    let then = Policy::new(vec![rest(only)]);
    assert!(matches!(judged(&now, &then, &record(&json!({}))), Verdict::Changes(..)));
}
