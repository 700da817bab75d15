//! What each condition says where it begins and ends to hold, plain and compiled.

use super::*;
use crate::login::client::Client;
use crate::login::factor::FactorKind;
use crate::login::policy::calendar::Calendar;
use crate::login::policy::{Past, Policy, Requirement, Rule};

/// Whether the condition holds, compiled and as it stands.
fn says(condition: &Condition, change: impl Fn(&mut Facts<'_>)) -> Truth {
    let client = Client::new("vpn-1", "staff");
    let (who, groups) = (Pseudonym::new("p1").unwrap(), Groups::new());
    let mut facts = Facts {
        subject: Input::Known((&who, &groups)),
        past: Input::Unknown,
        enrolled: Input::Unknown,
        ..Facts::of(&client, UnixTime(100))
    };
    change(&mut facts);
    let plain = condition.look(&facts);
    // A rule that refuses refuses when it holds and when that cannot be told; one that asks for nothing decides only when
    // it holds.
    let decides = |then| {
        let rules = vec![Rule::new("one", condition.clone(), then)];
        Policy::new(rules).decide(&facts).map(|decision| decision.rule.is_some())
    };
    let compiled = match (decides(Requirement::Refuse), decides(Requirement::None)) {
        (None, None) => Truth::Pending,
        (Some(true), Some(true)) => Truth::Yes,
        (Some(true), Some(false)) => Truth::Unknown,
        (Some(false), Some(false)) => Truth::No,
        other => panic!("{condition:?}: {other:?}"),
    };
    assert_eq!(plain, compiled, "{condition:?}");
    plain
}

fn known(first_login: bool, new: bool, days: u32) -> Input<Past> {
    let (new_network, last_login_days) = (Input::Known(new), Input::Known(days));
    Input::Known(Past { first_login, new_network, last_login_days })
}

#[test]
fn what_was_before_is_compared_as_it_is_written() {
    for (wanted, is) in [(true, true), (true, false), (false, true), (false, false)] {
        let held = Truth::of(wanted == is);
        assert_eq!(says(&Condition::FirstLogin(wanted), |facts| facts.past = known(is, true, 0)), held);
        assert_eq!(says(&Condition::NewNetwork(wanted), |facts| facts.past = known(false, is, 0)), held);
    }
    for (days, held) in [(29, Truth::No), (30, Truth::Yes), (31, Truth::Yes)] {
        let condition = Condition::LastLoginBefore(30);
        assert_eq!(says(&condition, |facts| facts.past = known(false, true, days)), held, "{days}");
    }
    for input in [Input::Unknown, Input::Pending] {
        let expected = if input == Input::Unknown { Truth::Unknown } else { Truth::Pending };
        assert_eq!(says(&Condition::FirstLogin(true), |facts| facts.past = input), expected);
    }
}

#[test]
fn nothing_enrolled_is_a_kind_of_its_own() {
    let condition =
        |nothing| Condition::Enrolled { kinds: [FactorKind::Totp].into_iter().collect(), nothing };
    let told = |nothing, enrolled: &[FactorKind]| {
        let enrolled: FactorKinds = enrolled.iter().copied().collect();
        says(&condition(nothing), |facts| facts.enrolled = Input::Known(enrolled))
    };
    assert_eq!(told(true, &[]), Truth::Yes);
    assert_eq!(told(false, &[]), Truth::No);
    assert_eq!(told(true, &[FactorKind::Hotp]), Truth::No);
    assert_eq!(told(false, &[FactorKind::Hotp, FactorKind::Totp]), Truth::Yes);
    assert!(condition(false).needs_subject());
    assert!(Condition::Not(Box::new(Condition::Any(vec![condition(true)]))).needs_subject());
    assert!(!Condition::Any(vec![Condition::Asn(vec![1]), Condition::AddressUnknown]).needs_subject());
}

#[test]
fn what_is_valid_begins_with_its_first_moment_and_ends_before_its_last() {
    let valid = Validity { from: Some(UnixTime(100)), until: Some(UnixTime(200)) };
    for (at, held, next) in [
        (99, Truth::No, Some(100)),
        (100, Truth::Yes, Some(200)),
        (199, Truth::Yes, Some(200)),
        (200, Truth::No, None),
    ] {
        assert_eq!(says(&Condition::Valid(valid), |facts| facts.at = UnixTime(at)), held, "{at}");
        assert_eq!(valid.next_boundary(UnixTime(at)), next.map(UnixTime), "{at}");
    }
}

#[test]
fn a_boundary_is_found_however_deep_it_stands() {
    let calendar = Calendar::new([(UnixTime(300), UnixTime(400))]);
    let calendar = Condition::Calendar(vec![Arc::new(NamedCalendar { name: "c".into(), calendar })]);
    let valid = Condition::Valid(Validity { from: None, until: Some(UnixTime(200)) });
    let deep = Condition::Not(Box::new(Condition::Any(vec![Condition::All(vec![calendar]), valid])));
    assert!(deep.is_timed());
    for (at, next) in [(100, Some(200)), (200, Some(300)), (300, Some(400)), (400, None)] {
        assert_eq!(deep.next_boundary(UnixTime(at)), next.map(UnixTime), "{at}");
    }
    assert!(!Condition::Not(Box::new(Condition::AddressUnknown)).is_timed());
}

#[test]
fn in_an_empty_list_is_nothing_and_of_what_is_not_known_that_cannot_be_told() {
    let nowhere = Condition::Network(Vec::new());
    assert_eq!(says(&nowhere, |facts| facts.user = UserAt::Unknown), Truth::No);
    assert_eq!(says(&Condition::Asn(Vec::new()), |_| {}), Truth::Unknown);
    assert_eq!(says(&Condition::Asn(Vec::new()), |facts| facts.place.asn = Input::Known(1)), Truth::No);
    assert_eq!(says(&Condition::Group(Vec::new()), |facts| facts.subject = Input::Pending), Truth::Pending);
    assert_eq!(says(&Condition::Group(Vec::new()), |_| {}), Truth::No);
}

#[test]
fn what_will_be_known_in_a_moment_is_waited_for_beside_what_never_will_be() {
    let asn = || Condition::Asn(vec![64496]);
    let both = |other| Condition::All(vec![asn(), other]);
    let first = both(Condition::FirstLogin(true));
    let enrolled = both(Condition::Enrolled { kinds: FactorKinds::ALL, nothing: false });
    assert_eq!(says(&first, |facts| facts.past = Input::Pending), Truth::Pending);
    assert_eq!(says(&first, |_| {}), Truth::Unknown);
    assert_eq!(says(&enrolled, |facts| facts.enrolled = Input::Pending), Truth::Pending);
    let past = Past { first_login: false, new_network: Input::Pending, last_login_days: Input::Pending };
    for other in [Condition::NewNetwork(true), Condition::LastLoginBefore(1)] {
        assert_eq!(says(&both(other), |facts| facts.past = Input::Known(past)), Truth::Pending);
    }
}
