//! Each condition says what it looked at.

use jiff::civil::{Time, Weekday};

use super::*;
use crate::base::clock::UnixTime;
use crate::login::client::Client;
use crate::login::identity::{Groups, Pseudonym};
use crate::login::policy::calendar::Calendar;
use crate::login::policy::{Past, Place, TimeWindow};

fn network(name: &str, prefixes: &[&str]) -> Arc<Network> {
    Arc::new(Network::new(name, prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect()))
}

fn told(condition: &Condition, facts: &Facts<'_>) -> String {
    let one = looked(condition, facts);
    format!("{}: {}, {}", one.key, word(one.truth), one.why)
}

fn at(address: &str) -> UserAt {
    UserAt::Address(address.parse().unwrap())
}

#[test]
fn a_network_is_told_with_the_address_and_the_size_of_the_set() {
    let client = Client::new("vpn-1", "staff");
    let facts = Facts { user: at("203.0.113.7"), ..Facts::of(&client, UnixTime(0)) };
    let office = network("office", &["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"]);
    let inline = network("", &["203.0.113.0/24"]);
    let away = Condition::Network(vec![office.clone()]);
    assert_eq!(told(&away, &facts), "network: no, 203.0.113.7 is not in \"office\" (3 prefixes)");
    let both = Condition::Network(vec![office.clone(), inline]);
    assert_eq!(told(&both, &facts), "network: yes, 203.0.113.7 is in 203.0.113.0/24");
    let nowhere = Facts { user: UserAt::Unknown, ..facts };
    assert_eq!(told(&away, &nowhere), "network: unknown, the user's address is unknown");
    let short = Facts { user: UserAt::Within("192.0.0.0/16".parse().unwrap()), ..facts };
    let part = "network: unknown, only a part of 192.0.0.0/16 is in \"office\" (3 prefixes)";
    assert_eq!(told(&away, &short), part);
    let named = Condition::AddressUnknown;
    assert_eq!(told(&named, &nowhere), "network: yes, the client gave no address of the user");
}

#[test]
fn clients_and_groups_are_told_by_name_and_long_lists_in_short() {
    let client = Client { groups: vec!["vpn".into()], ..Client::new("vpn-1", "staff") };
    let (who, groups) = (Pseudonym::new("p1").unwrap(), Groups::from(["vpn users".into()]));
    let facts = Facts { subject: Input::Known((&who, &groups)), ..Facts::of(&client, UnixTime(0)) };
    let names = |list: &[&str]| list.iter().map(|name| Arc::from(*name)).collect::<Vec<Arc<str>>>();
    assert_eq!(told(&Condition::Client(names(&["vpn-1"])), &facts), "client: yes, it is \"vpn-1\"");
    let long = Condition::Client(names(&["a", "b", "c", "d", "e", "f"]));
    let short = "client: no, it is \"vpn-1\", not a or b or c or d or one of 2 more";
    assert_eq!(told(&long, &facts), short);
    let of_group = Condition::ClientGroup(names(&["vpn"]));
    assert_eq!(told(&of_group, &facts), "client-group: yes, client \"vpn-1\" is in \"vpn\"");
    let member = Condition::Group(vec!["vpn users".into(), "x".into()]);
    assert_eq!(told(&member, &facts), "group: yes, in group \"vpn users\"");
    let stranger = Condition::Group(vec!["x".into()]);
    assert_eq!(told(&stranger, &facts), "group: no, not in group \"x\"");
    let recorded = Facts { groups_known: Some(&groups), ..facts };
    let silent = "group: unknown, the record does not say whether the subject is in \"x\"";
    assert_eq!(told(&stranger, &recorded), silent);
    let nobody = Facts { subject: Input::Pending, ..facts };
    assert_eq!(told(&stranger, &nobody), format!("group: not known yet, {NOBODY}"));
}

#[test]
fn times_are_told_in_utc_with_the_name_of_what_they_are_in() {
    let client = Client::new("vpn-1", "staff");
    let facts = Facts::of(&client, UnixTime(90_000_123));
    let calendar = |from, until| {
        let calendar = Calendar::new([(UnixTime(from), UnixTime(until))]);
        Condition::Calendar(vec![Arc::new(NamedCalendar { name: "holidays".into(), calendar })])
    };
    let inside = "calendar: yes, 1970-01-02T01:00:00Z is inside the calendar \"holidays\"";
    assert_eq!(told(&calendar(0, 100_000_000), &facts), inside);
    assert!(told(&calendar(0, 1), &facts).ends_with("is outside the calendar \"holidays\""));
    let ended = Condition::Valid(Validity { from: None, until: Some(UnixTime(1000)) });
    assert_eq!(told(&ended, &facts), "valid-until: no, it ended at 1970-01-01T00:00:01Z");
}

#[test]
fn hours_are_told_on_their_own_clock_with_the_weekday() {
    let client = Client::new("vpn-1", "staff");
    let facts = Facts::of(&client, UnixTime(90_000_123));
    let hours = |zone: &str, from: i8, to: i8| TimeWindow {
        days: vec![Weekday::Friday],
        from: Time::constant(from, 0, 0, 0),
        to: Time::constant(to, 0, 0, 0),
        zone: TimeZone::get(zone).unwrap(),
    };
    let window = |name: &str, hours| Arc::new(Window { name: name.into(), hours });
    let day = window("day", vec![hours("Asia/Kolkata", 6, 8)]);
    let inside = "time: yes, Fri 1970-01-02T06:30:00+05:30 is inside the hours \"day\"";
    assert_eq!(told(&Condition::Time(vec![day]), &facts), inside);
    let evening = || window("evening", vec![hours("Asia/Kolkata", 20, 22)]);
    let outside = "time: no, Fri 1970-01-02T06:30:00+05:30 is outside the hours \"evening\"";
    assert_eq!(told(&Condition::Time(vec![evening()]), &facts), outside);
    let elsewhere = window("west", vec![hours("America/New_York", 1, 2)]);
    let two = told(&Condition::Time(vec![evening(), elsewhere]), &facts);
    assert!(two.starts_with("time: no, 1970-01-02T01:00:00Z is outside"), "on no clock of the two: {two}");
}

#[test]
fn a_table_with_one_condition_is_told_as_that_condition() {
    let client = Client::new("vpn-1", "staff");
    let facts = Facts::of(&client, UnixTime(0));
    let wiki = Condition::All(vec![Condition::Client(vec!["wiki".into()])]);
    let not = looked(&Condition::Not(Box::new(wiki)), &facts);
    assert_eq!((not.key, not.truth), ("not", Truth::Yes));
    let inner: Vec<_> = not.inner.iter().map(|one| (one.key, one.why.as_str())).collect();
    assert_eq!(inner, [("client", "it is \"vpn-1\", not wiki")]);
}

#[test]
fn history_enrolment_and_place_are_told_with_their_values() {
    let client = Client::new("vpn-1", "staff");
    let past = Past { first_login: false, new_network: Input::Unknown, last_login_days: Input::Known(31) };
    let facts = Facts {
        user: at("203.0.113.7"),
        place: Place { country: Input::from(Country::new("de")), asn: Input::Unknown },
        past: Input::Known(past),
        enrolled: Input::Known([FactorKind::Totp].into_iter().collect()),
        ..Facts::of(&client, UnixTime(0))
    };
    let last = Condition::LastLoginBefore(30);
    assert_eq!(told(&last, &facts), "last-login-before: yes, the last login was 31 days ago");
    let new = "new-network: unknown, known networks are not remembered";
    assert_eq!(told(&Condition::NewNetwork(true), &facts), new);
    let nothing = Condition::Enrolled { kinds: FactorKinds::default(), nothing: true };
    assert_eq!(told(&nothing, &facts), "enrolled: no, enrolled: totp");
    let home = Condition::Country(vec![Country::new("TR").unwrap()]);
    assert_eq!(told(&home, &facts), "country: no, it is DE, not TR");
    let asn = "asn: unknown, no database says where the user's address is";
    assert_eq!(told(&Condition::Asn(vec![64496]), &facts), asn);
}

#[test]
fn what_is_inside_of_a_condition_is_told_one_by_one() {
    let client = Client::new("vpn-1", "staff");
    let facts = Facts::of(&client, UnixTime(0));
    let client_is = |name: &str| Condition::Client(vec![name.into()]);
    let not = Condition::Not(Box::new(Condition::Any(vec![client_is("a"), client_is("vpn-1")])));
    let one = looked(&not, &facts);
    assert_eq!((one.key, one.truth, one.inner.len()), ("not", Truth::No, 1));
    let any = one.inner.first().unwrap();
    let values: Vec<Truth> = any.inner.iter().map(|inner| inner.truth).collect();
    assert_eq!((any.key, values), ("any", vec![Truth::No, Truth::Yes]));
}
