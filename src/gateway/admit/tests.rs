use super::*;
use crate::base::clock::{ManualClock, UnixTime};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn client(name: &Arc<str>) -> Client {
    use crate::login::client::Capabilities;
    let can = Capabilities { prompts: true, prompts_relayed: false, tells_address: true };
    Client { can, ..Client::new(name, "staff") }
}

fn admission(clock: &Arc<ManualClock>) -> (Admission, Arc<str>) {
    let limits = AdmissionLimits {
        at_once: 3,
        at_once_per_client: 2,
        client_per_second: number(100),
        source_per_minute: number(5),
        subject_per_minute: number(2),
        ..AdmissionLimits::default()
    };
    (with(limits, clock), "vpn".into())
}

fn with(limits: AdmissionLimits, clock: &Arc<ManualClock>) -> Admission {
    let clock: Arc<dyn Clock> = clock.clone();
    Admission::new(limits, ["vpn".into(), "wifi".into()], &clock)
}

fn named(name: &str) -> LoginName {
    LoginName::parse(name.as_bytes()).unwrap()
}

/// A login that ends at once.
fn passes(admission: &Admission, client: &Client, origin: &Origin, name: &str) -> Result<(), Refused> {
    admission.enter(client, origin, &named(name)).map(drop)
}

fn from(user: Option<&str>) -> Origin {
    Origin { peer: IpAddr::from([192, 0, 2, 1]), user: user.map(|a| a.parse().unwrap()) }
}

#[test]
fn one_client_cannot_take_all_places_and_places_come_back() {
    let (admission, vpn) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
    let wifi: Arc<str> = "wifi".into();
    type Enter<'a> = &'a dyn Fn(&Arc<str>) -> Result<Place, Refused>;
    let begin: Enter<'_> = &|name| admission.enter(&client(name), &from(None), &named("a"));
    let answer: Enter<'_> = &|name| admission.resume(name);
    let mut kept = Vec::new();
    for (enter, left) in [(begin, 2), (answer, 4)] {
        let first = enter(&vpn).unwrap();
        kept.push(enter(&vpn).unwrap());
        assert_eq!(enter(&vpn).unwrap_err(), Refused::ClientFull);
        kept.push(enter(&wifi).unwrap());
        assert_eq!(enter(&wifi).unwrap_err(), Refused::Full);
        drop(first);
        assert!(enter(&wifi).is_ok());
        assert_eq!(admission.running(), left);
    }
}

#[test]
fn new_logins_leave_the_places_of_replies_alone_a_122() {
    let (admission, vpn) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
    let begin = || admission.enter(&client(&vpn), &from(None), &named("a"));
    let _new = (begin().unwrap(), begin().unwrap());
    assert_eq!(begin().unwrap_err(), Refused::ClientFull);
    assert_eq!(admission.stray(&vpn).unwrap_err(), Refused::ClientFull, "nobody asked that");
    let _replies = (admission.resume(&vpn).unwrap(), admission.resume(&vpn).unwrap());
    assert_eq!(admission.resume(&vpn).unwrap_err(), Refused::ClientFull);
    assert_eq!(admission.running(), 4);
}

#[test]
fn replies_to_what_nobody_asked_are_as_many_as_new_logins_may_be() {
    let (admission, vpn) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
    let tries: Vec<_> = (0..101).map(|_| admission.stray(&vpn).map(drop)).collect();
    assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 100);
    assert_eq!(tries.last(), Some(&Err(Refused::ClientRate)));
    assert_eq!(
        passes(&admission, &client(&vpn), &from(None), "a"),
        Err(Refused::ClientRate),
        "and they are new logins"
    );
    assert!(admission.resume(&vpn).is_ok(), "a reply is none");
}

#[test]
fn a_source_is_limited_alone_and_recovers() {
    let clock = Arc::new(ManualClock::at(UnixTime(0)));
    let (admission, vpn) = admission(&clock);
    let tries =
        |user| (0..6).map(|_| passes(&admission, &client(&vpn), &from(user), "a")).collect::<Vec<_>>();
    assert_eq!(tries(Some("203.0.113.7")).last(), Some(&Err(Refused::SourceRate)));
    assert_eq!(passes(&admission, &client(&vpn), &from(Some("203.0.113.8")), "a"), Ok(()));
    clock.advance(Duration::from_secs(60));
    assert_eq!(passes(&admission, &client(&vpn), &from(Some("203.0.113.7")), "a"), Ok(()));
}

#[test]
fn all_addresses_of_one_ipv6_network_and_all_unknown_ones_share_a_bucket_d_110() {
    let (admission, vpn) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
    for n in 0..5 {
        assert!(passes(&admission, &client(&vpn), &from(Some(&format!("2001:db8::{n}"))), "a").is_ok());
        assert!(passes(&admission, &client(&vpn), &from(None), "a").is_ok());
    }
    assert_eq!(
        passes(&admission, &client(&vpn), &from(Some("2001:db8::ffff")), "a"),
        Err(Refused::SourceRate)
    );
    assert_eq!(passes(&admission, &client(&vpn), &from(None), "a"), Err(Refused::SourceRate));
}

#[test]
fn a_client_that_cannot_tell_addresses_has_no_bucket_of_unknown_ones() {
    let (admission, vpn) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
    let mut wiki = client(&vpn);
    wiki.can.tells_address = false;
    for _ in 0..6 {
        assert_eq!(passes(&admission, &wiki, &from(None), "a"), Ok(()));
    }
    let tries = (0..6).map(|_| passes(&admission, &wiki, &from(Some("203.0.113.7")), "a"));
    assert_eq!(tries.last(), Some(Err(Refused::SourceRate)), "one it tells all the same is limited");
}

#[test]
fn a_subject_is_limited_whatever_its_source_and_recovers() {
    let clock = Arc::new(ManualClock::at(UnixTime(0)));
    let (admission, _) = admission(&clock);
    let (a, b) = (Pseudonym::new("a").unwrap(), Pseudonym::new("b").unwrap());
    let may = |who: &Pseudonym| admission.subject_may(who, clock.now().steady);
    assert!(may(&a) && may(&a));
    assert!(!may(&a));
    assert!(may(&b));
    clock.advance(Duration::from_secs(29));
    assert!(!may(&a), "not yet");
    clock.advance(Duration::from_secs(1));
    assert!(may(&a) && !may(&a), "one of two after half a minute");
    assert!(may(&b) && may(&b), "the other had one left and has two again");
    clock.advance(Duration::from_secs(3600));
    assert!(may(&a) && may(&a) && !may(&a));
}

#[test]
fn a_client_is_limited_in_each_second_and_recovers_without_a_loss_for_another() {
    let clock = Arc::new(ManualClock::at(UnixTime(0)));
    let admission =
        with(AdmissionLimits { client_per_second: number(4), ..AdmissionLimits::default() }, &clock);
    let (vpn, wifi) = (client(&"vpn".into()), client(&"wifi".into()));
    let enters = |who: &Client| {
        let tries = (0..10).map(|n| passes(&admission, who, &from(Some(&format!("203.0.113.{n}"))), "a"));
        tries.filter(Result::is_ok).count()
    };
    assert_eq!((enters(&vpn), enters(&wifi)), (4, 4));
    assert_eq!(passes(&admission, &vpn, &from(None), "a"), Err(Refused::ClientRate));
    clock.advance(Duration::from_millis(249));
    assert_eq!(enters(&vpn), 0, "not yet");
    clock.advance(Duration::from_millis(1));
    assert_eq!((enters(&vpn), enters(&wifi)), (1, 1), "a quarter of a second");
    clock.advance(Duration::from_secs(60));
    assert_eq!(enters(&vpn), 4, "what was not used is not saved up");
}

#[test]
fn places_are_held_for_as_long_as_logins_run_and_come_back_with_their_end_whatever_the_time_is() {
    let clock = Arc::new(ManualClock::at(UnixTime(0)));
    let limits = AdmissionLimits {
        at_once: 3,
        at_once_per_client: 2,
        at_once_per_source: 1,
        ..AdmissionLimits::default()
    };
    let admission = with(limits, &clock);
    let (vpn, wifi) = (client(&"vpn".into()), client(&"wifi".into()));
    let enter = |who: &Client, user: &str| admission.enter(who, &from(Some(user)), &named("a"));
    let one = enter(&vpn, "203.0.113.1").unwrap();
    let two = enter(&vpn, "203.0.113.2").unwrap();
    let three = enter(&wifi, "203.0.113.1").unwrap();
    let shut = || {
        [
            enter(&wifi, "203.0.113.1").map(drop).unwrap_err(),
            enter(&vpn, "203.0.113.3").map(drop).unwrap_err(),
        ]
    };
    assert_eq!(shut(), [Refused::Full, Refused::ClientFull]);
    clock.advance(Duration::from_secs(24 * 3600));
    admission.tidy();
    assert_eq!(shut(), [Refused::Full, Refused::ClientFull], "time makes no room");

    drop(one);
    assert_eq!(enter(&wifi, "203.0.113.1").map(drop), Err(Refused::SourceFull), "its one place is taken");
    assert_eq!(enter(&vpn, "203.0.113.2").map(drop), Err(Refused::SourceFull));
    let four = enter(&vpn, "203.0.113.1").unwrap();
    drop(two);
    assert_eq!(enter(&vpn, "203.0.113.2").map(drop), Ok(()), "a login that ends at once");
    drop((three, four));
    assert_eq!(enter(&wifi, "203.0.113.1").map(drop), Ok(()));
    assert_eq!(admission.running(), 0);
}

#[test]
fn a_source_that_floods_takes_nothing_from_the_others_behind_its_client() {
    let clock = Arc::new(ManualClock::at(UnixTime(0)));
    let (admission, vpn) = admission(&clock);
    for _ in 0..1000 {
        let _turned_away = passes(&admission, &client(&vpn), &from(Some("203.0.113.7")), "a");
    }
    assert_eq!(passes(&admission, &client(&vpn), &from(Some("203.0.113.8")), "a"), Ok(()));
}

#[test]
fn a_reload_keeps_what_is_remembered_when_the_numbers_and_clients_stay() {
    let (admission, _) = admission(&Arc::new(ManualClock::at(UnixTime(0))));
    let limits = admission.limits;
    assert!(admission.is_for(&limits, &["wifi".into(), "vpn".into()]));
    assert!(!admission.is_for(&limits, &["vpn".into()]));
    assert!(!admission.is_for(&limits, &["vpn".into(), "lan".into()]));
    let other = AdmissionLimits { at_once: 4, ..limits };
    assert!(!admission.is_for(&other, &["wifi".into(), "vpn".into()]));
}

#[test]
fn all_clients_together_are_limited_and_recover_in_a_second() {
    let clock = Arc::new(ManualClock::at(UnixTime(0)));
    let admission = with(AdmissionLimits { per_second: number(3), ..AdmissionLimits::default() }, &clock);
    let (vpn, wifi) = (client(&"vpn".into()), client(&"wifi".into()));
    let tries = |n| {
        let who = if n % 2 == 0 { &vpn } else { &wifi };
        passes(&admission, who, &from(Some(&format!("203.0.113.{n}"))), "a")
    };
    assert_eq!((0..4).map(tries).collect::<Vec<_>>(), [Ok(()), Ok(()), Ok(()), Err(Refused::Rate)]);
    clock.advance(Duration::from_millis(334));
    assert_eq!((4..6).map(tries).collect::<Vec<_>>(), [Ok(()), Err(Refused::Rate)], "a third of a second");
}

#[test]
fn a_realm_is_limited_at_all_clients_together_and_takes_nothing_from_another() {
    let clock = Arc::new(ManualClock::at(UnixTime(0)));
    let limits = AdmissionLimits { realm_per_minute: number(2), ..AdmissionLimits::default() };
    let admission = with(limits, &clock);
    let (vpn, wifi) = (client(&"vpn".into()), client(&"wifi".into()));
    let source = from(None);
    assert_eq!(passes(&admission, &vpn, &source, "a@lab.example"), Ok(()));
    assert_eq!(passes(&admission, &wifi, &source, "b@LAB.example"), Ok(()));
    assert_eq!(passes(&admission, &vpn, &source, "c@lab.example"), Err(Refused::RealmRate));
    for other in ["a@other.example", "LAB\\a", "a", "b"] {
        assert_eq!(passes(&admission, &vpn, &source, other), Ok(()), "{other}");
    }
    assert_eq!(passes(&admission, &vpn, &source, "c"), Err(Refused::RealmRate), "names without one are one");
    let entry = LoginName::distinguished("uid=a,dc=lab,dc=example").unwrap();
    assert_eq!(
        admission.enter(&vpn, &source, &entry).map(drop),
        Err(Refused::RealmRate),
        "and so are entries"
    );
    clock.advance(Duration::from_secs(30));
    assert_eq!(passes(&admission, &wifi, &source, "d@lab.example"), Ok(()));
}

#[test]
fn so_many_logins_of_one_source_run_at_once_and_places_come_back() {
    let clock = Arc::new(ManualClock::at(UnixTime(0)));
    let limits = AdmissionLimits { at_once_per_source: 2, ..AdmissionLimits::default() };
    let admission = with(limits, &clock);
    let vpn = client(&"vpn".into());
    let enter = |user: &str| admission.enter(&vpn, &from(Some(user)), &named("a"));
    let first = enter("2001:db8::1").unwrap();
    let _second = enter("2001:db8::2").unwrap();
    assert_eq!(enter("2001:db8::3").map(drop), Err(Refused::SourceFull));
    assert_eq!(admission.running(), 2, "who is refused holds no place");
    let _elsewhere = enter("2001:db8:0:1::1").unwrap();
    drop(first);
    let _again = enter("2001:db8::3").unwrap();
    assert_eq!(enter("2001:db8::4").map(drop), Err(Refused::SourceFull));
    assert!(admission.resume(&vpn.name).is_ok(), "who was asked may answer");
}

#[test]
fn nothing_is_kept_of_sources_whose_logins_have_ended_d_112() {
    let clock = Arc::new(ManualClock::at(UnixTime(0)));
    let admission =
        with(AdmissionLimits { per_second: number(100_000), ..AdmissionLimits::default() }, &clock);
    let vpn = client(&"vpn".into());
    for n in 0..500_u32 {
        let user = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        let origin = Origin { peer: user, user: Some(user) };
        passes(&admission, &vpn, &origin, "a").unwrap();
    }
    assert_eq!(admission.clients["vpn"].here.lock().unwrap().len(), 0);
}

#[test]
fn codes_of_each_kind_are_limited_by_themselves_and_recover() {
    let clock = Arc::new(ManualClock::at(UnixTime(0)));
    let number_of = |kind| if kind == FactorKind::Recovery { 1 } else { 2 };
    let codes_per_minute = CodesPerMinute::each(number_of);
    let admission = with(AdmissionLimits { codes_per_minute, ..AdmissionLimits::default() }, &clock);
    let (a, b) = (Pseudonym::new("a").unwrap(), Pseudonym::new("b").unwrap());
    let tries = |who, kind| {
        (0..3)
            .map(|_| admission.code_may(who, kind, Proof::Proven, clock.now().steady))
            .filter(|may| *may)
            .count()
    };
    for who in [&a, &b] {
        for kind in FactorKind::ALL {
            assert_eq!(tries(who, kind), usize::try_from(number_of(kind)).unwrap(), "{who} {kind}");
        }
    }
    assert!(
        admission.code_may(&a, FactorKind::Totp, Proof::Unproven, clock.now().steady),
        "those of strangers are others, C-004"
    );
    clock.advance(Duration::from_secs(30));
    assert_eq!((tries(&a, FactorKind::Totp), tries(&a, FactorKind::Recovery)), (1, 0));
    clock.advance(Duration::from_secs(30));
    assert_eq!((tries(&a, FactorKind::Totp), tries(&a, FactorKind::Recovery)), (1, 1));
}
