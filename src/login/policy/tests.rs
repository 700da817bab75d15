//! The rules in small.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use super::*;
use crate::base::clock::UnixTime;
use crate::login::client::Client;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::identity::{Groups, Pseudonym, group_key};

static CLIENT: LazyLock<Client> = LazyLock::new(|| Client::new("vpn-1", "staff"));

fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn rule(name: &str, when: Condition, then: Requirement) -> Rule {
    Rule::new(name, when, then)
}

fn facts<'a>(user: Option<&str>, subject: Option<(&'a Pseudonym, &'a Groups)>) -> Facts<'a> {
    Facts {
        user: user.map(|a| a.parse().unwrap()).into(),
        subject: subject.map_or(Input::Pending, Input::Known),
        ..Facts::of(&CLIENT, at("2026-11-21T12:00:00Z"))
    }
}

fn inside(prefixes: &[&str], unknown: bool) -> Condition {
    let prefixes = prefixes.iter().map(|p| p.parse().unwrap()).collect();
    let mut ways = vec![Condition::Network(vec![Arc::new(Network::new("", prefixes))])];
    ways.extend(unknown.then_some(Condition::AddressUnknown));
    Condition::Any(ways)
}

fn hours(days: &[Weekday], from: i8, to: i8, zone: &str) -> TimeWindow {
    TimeWindow {
        days: days.to_vec(),
        from: Time::constant(from, 0, 0, 0),
        to: Time::constant(to, 0, 0, 0),
        zone: TimeZone::get(zone).unwrap(),
    }
}

#[test]
fn without_a_match_any_factor_is_required_d_122() {
    let decision = Policy::default().decide(&facts(None, None)).unwrap();
    assert_eq!(decision.demand, Demand::one_of(FactorKinds::ALL));
    assert_eq!(decision.rule, None);
}

#[test]
fn the_first_match_wins() {
    let policy = Policy::new(vec![
        rule("other client", Condition::Client(vec!["wifi".into()]), Requirement::None),
        rule("office", inside(&["10.0.0.0/8"], false), Requirement::None),
        rule("rest", Condition::ALWAYS, Requirement::Refuse),
    ]);
    let rule_for = |user| policy.decide(&facts(user, None)).unwrap().rule.unwrap();
    assert_eq!(&*rule_for(Some("10.1.2.3")), "office");
    assert_eq!(&*rule_for(Some("::ffff:10.1.2.3")), "office");
    assert_eq!(&*rule_for(Some("203.0.113.7")), "rest");
}

#[test]
fn an_unknown_address_matches_only_a_rule_that_names_it() {
    let policy = Policy::new(vec![
        rule("everywhere", inside(&["0.0.0.0/0", "::/0"], false), Requirement::None),
        rule("nowhere", inside(&[], true), Requirement::Refuse),
    ]);
    assert_eq!(policy.decide(&facts(None, None)).unwrap().demand, Demand::Refuse(Say::Failed));
    assert_eq!(policy.rules[0].when.look(&facts(None, None)), Truth::Unknown);
}

#[test]
fn a_rule_about_groups_waits_for_the_subject() {
    let vpn = Condition::Group(vec![group_key("VPN Users")]);
    let totp: FactorKinds = [FactorKind::Totp].into_iter().collect();
    let policy = Policy::new(vec![rule("vpn", vpn, Requirement::OneOf(totp))]);
    assert_eq!(policy.decide(&facts(None, None)), None);
    let (who, member) = (Pseudonym::new("p1").unwrap(), Groups::from([group_key("vpn users")]));
    let stranger = Groups::new();
    let found = |groups| policy.decide(&facts(None, Some((&who, groups)))).unwrap().rule;
    assert_eq!(found(&member).as_deref(), Some("vpn"));
    assert_eq!(found(&stranger), None);
}

#[test]
fn a_refusal_that_needs_no_subject_is_known_before_the_directory_is_asked() {
    let policy = Policy::new(vec![rule("abroad", inside(&["203.0.113.0/24"], false), Requirement::Refuse)]);
    let decision = policy.decide(&facts(Some("203.0.113.9"), None)).unwrap();
    assert_eq!(decision.demand, Demand::Refuse(Say::Failed));
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
    let window = hours(&[Weekday::Friday], 22, 6, "Europe/Berlin");
    for (time, inside) in [
        ("2026-11-20T20:59:59Z", false), // Friday 21:59:59
        ("2026-11-20T21:00:00Z", true),
        ("2026-11-21T04:59:59Z", true), // Saturday 05:59:59
        ("2026-11-21T05:00:00Z", false),
        ("2026-11-21T22:00:00Z", false), // Saturday 23:00
    ] {
        assert_eq!(window.contains(at(time)), inside, "{time}");
    }
}

#[test]
fn the_hour_that_comes_twice_is_inside_both_times_and_the_skipped_one_never_comes_d_116() {
    let window = hours(&[Weekday::Sunday], 2, 3, "Europe/Berlin");
    for (time, inside) in [
        ("2026-10-24T23:59:59Z", false), // 01:59:59 summer time
        ("2026-10-25T00:30:00Z", true),  // 02:30 summer time
        ("2026-10-25T01:30:00Z", true),  // 02:30 winter time
        ("2026-10-25T02:00:00Z", false), // 03:00
        ("2026-03-29T00:59:59Z", false), // 01:59:59, then 03:00
        ("2026-03-29T01:00:00Z", false),
    ] {
        assert_eq!(window.contains(at(time)), inside, "{time}");
    }
}

#[test]
fn equal_ends_mean_the_whole_day() {
    let window = hours(&[Weekday::Saturday], 0, 0, "UTC");
    assert!(window.contains(at("2026-11-21T00:00:00Z")));
    assert!(window.contains(at("2026-11-21T23:59:59Z")));
    assert!(!window.contains(at("2026-11-22T00:00:00Z")));
}

#[test]
fn a_rule_with_hours_says_when_they_end_a_079() {
    let ends = |windows: Vec<TimeWindow>, time: &str| {
        let when = Condition::Time(vec![Arc::new(Window { name: "".into(), hours: windows })]);
        rule("hours", when, Requirement::None)
            .ends(&Facts::of(&CLIENT, at(time)))
            .map(|end| jiff::Timestamp::from_millisecond(end.0).unwrap().to_string())
    };
    let week = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    let every = Weekday::Monday.cycle_forward().take(7).collect::<Vec<_>>();
    let office = || hours(&week, 8, 18, "Europe/Berlin");
    assert_eq!(ends(vec![office()], "2026-11-20T12:00:00Z").as_deref(), Some("2026-11-20T17:00:00Z"));
    let night = || hours(&[Weekday::Friday], 18, 6, "Europe/Berlin");
    assert_eq!(ends(vec![night()], "2026-11-20T22:00:00Z").as_deref(), Some("2026-11-21T05:00:00Z"));
    assert_eq!(ends(vec![night()], "2026-11-21T04:00:00Z").as_deref(), Some("2026-11-21T05:00:00Z"));
    let both = vec![office(), night()];
    assert_eq!(ends(both, "2026-11-20T12:00:00Z").as_deref(), Some("2026-11-21T05:00:00Z"), "no gap");
    assert_eq!(ends(vec![hours(&every, 0, 0, "UTC")], "2026-11-20T12:00:00Z"), None, "never");
}

fn totp() -> FactorKinds {
    [FactorKind::Totp].into_iter().collect()
}

#[test]
fn a_rule_of_which_it_cannot_be_told_adds_its_demand_to_what_comes_below() {
    let office = || inside(&["10.0.0.0/8"], false);
    let decided = |then, below| {
        let rules = vec![rule("office", office(), then), rule("rest", Condition::ALWAYS, below)];
        Policy::new(rules).decide(&facts(None, None)).unwrap()
    };
    let any = Requirement::OneOf(FactorKinds::ALL);
    assert_eq!(decided(Requirement::None, any).demand, Demand::one_of(FactorKinds::ALL));
    let refused = decided(Requirement::Refuse, Requirement::None);
    assert_eq!((refused.demand, refused.rule.as_deref()), (Demand::Refuse(Say::Failed), Some("office")));
    let asked = decided(Requirement::OneOf(totp()), Requirement::None);
    assert_eq!((asked.demand, asked.rule.as_deref()), (Demand::one_of(totp()), Some("rest")));
    assert_eq!(asked.perhaps.names(), ["office".into()]);
    assert!(decided(Requirement::OneOf(totp()), Requirement::Refuse).demand.is_refusal());
    assert_eq!(
        decided(any, Requirement::OneOf(totp())).demand,
        Demand::one_of(totp()),
        "the stricter of both"
    );
}

#[test]
fn a_rule_that_is_tried_out_changes_nothing_and_is_told() {
    let mut tried = rule("tried", Condition::ALWAYS, Requirement::Refuse);
    tried.options.shadow = true;
    let policy = Policy::new(vec![tried, rule("rest", Condition::ALWAYS, Requirement::None)]);
    let decision = policy.decide(&facts(None, None)).unwrap();
    assert_eq!((decision.demand, decision.rule.as_deref()), (Demand::NOTHING, Some("rest")));
    let shadow = decision.shadow.unwrap();
    assert_eq!((shadow.demand.word(), shadow.rule.as_deref()), ("refuse", Some("tried")));
}

/// A rule about an autonomous system that nobody knows.
fn perhaps(name: &str, then: Requirement, options: Options) -> Rule {
    Rule { options, ..rule(name, Condition::Asn(vec![64496]), then) }
}

fn hours_of(seconds: u64) -> Options {
    Options { session: Some(Duration::from_secs(seconds)), ..Options::default() }
}

fn replies(names: &[&str]) -> Options {
    Options { reply: Some(names.iter().map(|name| Arc::from(*name)).collect()), ..Options::default() }
}

#[test]
fn a_rule_that_may_hold_and_asks_for_nothing_opens_nothing_and_lengthens_no_session() {
    let below =
        Rule { options: hours_of(600), ..rule("rest", Condition::ALWAYS, Requirement::OneOf(totp())) };
    let session = |options: Options| {
        let rules = vec![perhaps("perhaps", Requirement::None, options), below.clone()];
        let decision = Policy::new(rules).decide(&facts(None, None)).unwrap();
        assert_eq!(decision.demand, Demand::one_of(totp()));
        (decision.session.unwrap().as_secs(), decision.perhaps.is_empty())
    };
    assert_eq!(session(hours_of(60)), (60, false));
    assert_eq!(session(hours_of(6000)), (600, false));
    assert_eq!(session(Options::default()), (600, true), "it has nothing to say");
}

#[test]
fn of_reply_rules_those_hold_that_all_rules_name_that_may_hold() {
    let told = |upper: &[Options], lower: Options| {
        let mut rules: Vec<_> =
            upper.iter().map(|options| perhaps("perhaps", Requirement::None, options.clone())).collect();
        rules.push(Rule { options: lower, ..rule("rest", Condition::ALWAYS, Requirement::None) });
        let decision = Policy::new(rules).decide(&facts(None, None)).unwrap();
        assert_eq!(decision.demand, Demand::NOTHING);
        decision.reply.map(|names| names.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" "))
    };
    let all = Options::default;
    assert_eq!(told(&[all()], all()), None);
    assert_eq!(told(&[replies(&["a"])], all()).as_deref(), Some("a"));
    assert_eq!(told(&[all()], replies(&["a"])).as_deref(), Some("a"));
    assert_eq!(told(&[replies(&["a", "b"])], replies(&["b", "a"])).as_deref(), Some("b a"));
    assert_eq!(told(&[replies(&["a", "b"])], replies(&["c", "b"])).as_deref(), Some("b"));
    assert_eq!(told(&[replies(&["a", "b"]), replies(&["c", "b"])], all()).as_deref(), Some("b"));
    assert_eq!(
        told(&[replies(&["a"])], replies(&["b"])).as_deref(),
        Some(""),
        "the front end tells of nobody"
    );
}

#[test]
fn of_a_thousand_rules_that_may_hold_eight_are_kept_by_name_and_all_are_counted() {
    let mut rules: Vec<_> = (0..1000)
        .map(|n| perhaps(&format!("rule {n}"), Requirement::OneOf(totp()), hours_of(5000 - n)))
        .collect();
    rules.push(rule("rest", Condition::ALWAYS, Requirement::None));
    let decision = Policy::new(rules).decide(&facts(None, None)).unwrap();
    assert_eq!(
        (decision.perhaps.names().len(), decision.perhaps.more()),
        (Perhaps::MOST, 1000 - Perhaps::MOST)
    );
    assert_eq!(decision.perhaps.names().first().map(|name| &**name), Some("rule 0"));
    assert_eq!(decision.session, Some(Duration::from_secs(4001)), "that of the last one");
    assert_eq!(decision.demand, Demand::one_of(totp()), "a thousand times the same");
}

#[test]
fn a_session_ends_with_the_hours_of_the_deciding_rule_and_of_those_that_may_hold_a_079() {
    let every = Weekday::Monday.cycle_forward().take(7).collect::<Vec<_>>();
    let until = |hour: i8| {
        let hours = vec![hours(&every, 6, hour, "UTC")];
        Condition::Time(vec![Arc::new(Window { name: "".into(), hours })])
    };
    let may = |hour: i8| Condition::All(vec![Condition::Asn(vec![64496]), until(hour)]);
    let ends = |rules: Vec<Rule>| {
        let policy = Policy::new(rules);
        let decision = policy.decide(&facts(None, None)).unwrap();
        // Asked later, it is still the end of what was decided at noon.
        let later = Facts { at: at("2026-11-21T23:00:00Z"), ..facts(None, None) };
        let ends = policy.ends(&decision, &later);
        assert_eq!(ends, policy.ends_plainly(&decision, &later));
        ends.map(|end| jiff::Timestamp::from_millisecond(end.0).unwrap().to_string())
    };
    let none = |name: &str, when| rule(name, when, Requirement::None);
    let rest = || none("rest", until(18));
    assert_eq!(ends(vec![rest()]).as_deref(), Some("2026-11-21T18:00:00Z"));
    assert_eq!(ends(vec![none("may", may(15)), rest()]).as_deref(), Some("2026-11-21T15:00:00Z"));
    assert_eq!(ends(vec![none("may", may(20)), rest()]).as_deref(), Some("2026-11-21T18:00:00Z"));
    assert_eq!(ends(vec![rest(), none("below", may(15))]).as_deref(), Some("2026-11-21T18:00:00Z"));
    assert_eq!(ends(vec![none("not now", until(8)), rest()]).as_deref(), Some("2026-11-21T18:00:00Z"));
    let shadow = Rule { options: Options { shadow: true, ..Options::default() }, ..none("tried", until(13)) };
    assert_eq!(ends(vec![shadow, rest()]).as_deref(), Some("2026-11-21T18:00:00Z"));
    assert_eq!(ends(vec![none("always", Condition::ALWAYS)]), None);
}

#[test]
fn a_session_ends_when_a_rule_above_begins_to_refuse_and_not_for_one_that_never_will_a_079() {
    let valid = |from: &str| {
        let from = Some(at(&format!("2026-11-21T{from}:00Z")));
        Condition::Valid(Validity { from, until: from.map(|from| UnixTime(from.0 + 3_600_000)) })
    };
    let ends = |rules: Vec<Rule>| {
        let policy = Policy::new(rules);
        let decision = policy.decide(&facts(None, None)).unwrap();
        let ends = policy.ends(&decision, &facts(None, None));
        assert_eq!(ends, policy.ends_plainly(&decision, &facts(None, None)));
        ends.map(|end| jiff::Timestamp::from_millisecond(end.0).unwrap().to_string())
    };
    let refuses = |when| rule("maintenance", when, Requirement::Refuse);
    let rest = || rule("rest", Condition::ALWAYS, Requirement::OneOf(totp()));
    let both = |one, other| Condition::All(vec![one, other]);
    assert_eq!(ends(vec![refuses(valid("15:00")), rest()]).as_deref(), Some("2026-11-21T15:00:00Z"));
    let two = vec![refuses(valid("15:00")), refuses(valid("14:00")), rest()];
    assert_eq!(ends(two).as_deref(), Some("2026-11-21T14:00:00Z"), "whichever comes first");
    assert_eq!(ends(vec![rest(), refuses(valid("15:00"))]), None, "below");
    assert_eq!(ends(vec![refuses(valid("09:00")), rest()]), None, "over");
    let elsewhere = Condition::Client(vec!["mail".into()]);
    assert_eq!(ends(vec![refuses(both(elsewhere, valid("15:00"))), rest()]), None, "never here");
    let may = Condition::Asn(vec![64496]);
    let perhaps = vec![refuses(both(may, valid("15:00"))), rest()];
    assert_eq!(ends(perhaps).as_deref(), Some("2026-11-21T15:00:00Z"), "it may refuse then");
    let stricter = rule("strict", valid("15:00"), Requirement::AllOf(totp()));
    assert_eq!(ends(vec![stricter, rest()]), None, "it would not refuse");
}

#[test]
fn where_more_must_be_known_than_the_decision_was_made_of_a_session_ends_at_once() {
    let vpn = Condition::Group(vec![group_key("VPN Users")]);
    let hours = Condition::Valid(Validity { from: None, until: Some(at("2027-01-01T00:00:00Z")) });
    let policy = Policy::new(vec![rule("vpn", Condition::All(vec![vpn, hours]), Requirement::OneOf(totp()))]);
    let (who, member) = (Pseudonym::new("p1").unwrap(), Groups::from([group_key("vpn users")]));
    let known = facts(None, Some((&who, &member)));
    let decision = policy.decide(&known).unwrap();
    assert_eq!(policy.ends(&decision, &known), Some(at("2027-01-01T00:00:00Z")));
    assert_eq!(policy.ends(&decision, &facts(None, None)), Some(decision.at));
}

/// Found by the fuzz target "policy": what was compiled and what was not said something else of it.
#[test]
fn who_is_refused_for_what_may_hold_has_no_hours_whatever_is_not_known_yet() {
    let turkey = Condition::Country(vec![Country::new("TR").unwrap()]);
    let group = Condition::Group(vec![group_key("VPN Users")]);
    let policy = Policy::new(vec![
        rule("perhaps", turkey, Requirement::Refuse),
        rule("vpn", group, Requirement::OneOf(totp())),
    ]);
    let early = facts(None, None);
    let decision = policy.decide(&early).unwrap();
    assert!(decision.demand.is_refusal());
    assert_eq!((policy.ends(&decision, &early), policy.ends_plainly(&decision, &early)), (None, None));
}

#[test]
fn all_of_some_factors_is_a_demand_for_each() {
    let kinds: FactorKinds = [FactorKind::Totp, FactorKind::Recovery].into_iter().collect();
    let alone = |kind| Clause { kinds: [kind].into_iter().collect(), grace_until: None };
    let demand = |then| rule("one", Condition::ALWAYS, then).demand();
    assert_eq!(
        demand(Requirement::AllOf(kinds)),
        Demand::show([alone(FactorKind::Totp), alone(FactorKind::Recovery)])
    );
    assert_eq!(demand(Requirement::OneOf(kinds)), Demand::one_of(kinds));
}

#[test]
fn of_hours_that_follow_each_other_without_a_gap_no_more_is_told_than_sixteen_edges_a_079() {
    let every = Weekday::Monday.cycle_forward().take(7).collect::<Vec<_>>();
    let halves = vec![hours(&every, 0, 12, "UTC"), hours(&every, 12, 0, "UTC")];
    let when = Condition::Time(vec![Arc::new(Window { name: "".into(), hours: halves })]);
    let ends = rule("hours", when, Requirement::None).ends(&facts(None, None));
    assert_eq!(ends, Some(at("2026-11-29T12:00:00Z")), "eight days of two halves");
}

#[test]
fn a_rule_that_is_tried_out_and_would_change_nothing_is_not_told() {
    let mut tried = rule("tried", Condition::ALWAYS, Requirement::OneOf(totp()));
    tried.options.shadow = true;
    let rest = rule("rest", Condition::ALWAYS, Requirement::OneOf(totp()));
    assert_eq!(Policy::new(vec![tried, rest]).decide(&facts(None, None)).unwrap().shadow, None);
}
