use super::*;
use crate::base::clock::{ManualClock, UnixTime};
use crate::base::random::SeededRandom;
use crate::login::attempt::{AttemptId, Origin};
use crate::login::client::Client;
use crate::login::credential::PrimaryCredential;
use crate::login::identity::LoginName;
use std::net::IpAddr;

/// Small numbers, and a different one for each.
const LIMITS: SprayLimits = SprayLimits {
    window: Duration::from_secs(600),
    names_per_source: 5,
    names_per_password: 4,
    sources_per_name: 3,
    slowed_per_minute: NonZeroU32::new(2).unwrap(),
};

const MINUTE: Duration = Duration::from_secs(60);

struct Watch {
    clock: Arc<ManualClock>,
    spray: Spray,
    client: Client,
}

/// One login: (name, password, user address).
type Login<'a> = (&'a str, &'a str, Option<&'a str>);

impl Watch {
    fn new() -> Self {
        Self::with(LIMITS)
    }

    fn with(limits: SprayLimits) -> Self {
        let clock = Arc::new(ManualClock::at(UnixTime(0)));
        let dynamic: Arc<dyn Clock> = clock.clone();
        let mut client = Client::new("vpn", "staff");
        client.can.tells_address = true;
        Self { spray: Spray::new(limits, &dynamic, &SeededRandom::new(1)), clock, client }
    }

    fn attempt(&self, (name, _, from): Login<'_>) -> Attempt {
        Attempt {
            id: AttemptId([0; 8]),
            client: Arc::new(self.client.clone()),
            name: LoginName::parse(name.as_bytes()).unwrap(),
            credential: PrimaryCredential::Proven,
            origin: Origin {
                peer: IpAddr::from([192, 0, 2, 1]),
                user: from.map(|from| from.parse().unwrap()),
            },
            device: Box::default(),
            listener: None,
            hint: None,
            place: crate::login::policy::Place::NOWHERE,
            passage: None,
            began: self.clock.now(),
        }
    }

    fn failed(&self, login: Login<'_>) -> Vec<Sign> {
        let (attempt, password) = (self.attempt(login), Secret::copied(login.1.as_bytes()));
        let tried = Tried { attempt: &attempt, who: None, password: Some(&password), familiar: false };
        self.spray
            .failed(&tried, &Sign::ALL, self.clock.now().steady)
            .into_iter()
            .map(|found| found.sign)
            .collect()
    }

    fn look(&self, login: Login<'_>) -> Speed {
        self.look_as(login, false)
    }

    fn look_as(&self, login: Login<'_>, familiar: bool) -> Speed {
        let (attempt, password) = (self.attempt(login), Secret::copied(login.1.as_bytes()));
        let tried = Tried { attempt: &attempt, who: None, password: Some(&password), familiar };
        self.spray.look(&tried, self.clock.now().steady)
    }

    /// So many names fail from one source, each with a password of its own, at `apart` from each other.
    fn names_from(&self, from: &str, names: u32, apart: Duration) -> Vec<Sign> {
        let all = (0..names).map(|n| {
            self.clock.advance(apart);
            self.failed((&format!("name-{n}"), &format!("password {n}"), Some(from)))
        });
        all.last().unwrap_or_default()
    }
}

const SOURCE: Option<&str> = Some("203.0.113.7");
const ELSEWHERE: Option<&str> = Some("203.0.113.8");

#[test]
fn a_source_that_fails_with_many_names_is_slowed_and_its_neighbour_is_not_d_109() {
    let watch = Watch::new();
    assert_eq!(watch.names_from("203.0.113.7", 4, Duration::ZERO), []);
    assert_eq!(watch.look(("anybody", "x", SOURCE)), Speed::Normal, "one below the limit");
    assert_eq!(watch.failed(("one more", "y", SOURCE)), [Sign::NamesFromSource]);
    let looks: Vec<_> = (0..4).map(|n| watch.look((&format!("later-{n}"), "z", SOURCE))).collect();
    let slowed = Speed::Slowed(Sign::NamesFromSource);
    assert_eq!(looks, [Speed::Normal, Speed::Normal, slowed, slowed], "two in a minute");
    assert_eq!(watch.look(("anybody", "x", ELSEWHERE)), Speed::Normal);
    watch.clock.advance(MINUTE / 2);
    let looks: Vec<_> = (0..2).map(|_| watch.look(("anybody", "x", SOURCE))).collect();
    assert_eq!(looks, [Speed::Normal, slowed], "half a minute later, one more");
}

#[test]
fn a_source_is_free_again_when_its_window_is_over() {
    let watch = Watch::new();
    watch.names_from("203.0.113.7", 5, Duration::ZERO);
    for _ in 0..3 {
        let _used_up = watch.look(("anybody", "x", SOURCE));
    }
    watch.clock.advance(LIMITS.window - Duration::from_millis(1));
    let looks: Vec<_> = (0..3).map(|_| watch.look(("anybody", "x", SOURCE))).collect();
    assert_eq!(looks.last(), Some(&Speed::Slowed(Sign::NamesFromSource)), "not yet");
    watch.clock.advance(Duration::from_millis(1));
    for _ in 0..10 {
        assert_eq!(watch.look(("anybody", "x", SOURCE)), Speed::Normal);
    }
}

#[test]
fn a_password_and_a_name_are_free_again_when_their_window_is_over() {
    let watch = Watch::new();
    let sprayed: Vec<_> = (0..5)
        .map(|n| watch.failed((&format!("c-{n}"), "Winter2026!", Some(&format!("198.51.100.{n}")))))
        .collect();
    assert!(sprayed[4].contains(&Sign::NamesWithPassword), "{sprayed:?}");
    let guessed: Vec<_> = (0..5)
        .map(|n| watch.failed(("anna", &format!("guess {n}"), Some(&format!("192.0.2.{n}")))))
        .collect();
    assert!(guessed[4].contains(&Sign::SourcesOnName), "{guessed:?}");
    let looks = |login: Login<'_>| (0..3).map(|_| watch.look(login)).last().unwrap();
    let (spraying, guessing) = (("later", "Winter2026!", ELSEWHERE), ("anna", "right", ELSEWHERE));
    watch.clock.advance(LIMITS.window - Duration::from_millis(1));
    assert_eq!(looks(spraying), Speed::Slowed(Sign::NamesWithPassword), "not yet");
    assert_eq!(looks(guessing), Speed::Slowed(Sign::SourcesOnName), "not yet");
    watch.clock.advance(Duration::from_millis(1));
    assert_eq!((looks(spraying), looks(guessing)), (Speed::Normal, Speed::Normal));
}

#[test]
fn the_window_slides_and_slow_failures_of_many_people_are_no_spray() {
    let watch = Watch::new();
    // Four fall into any ten minutes.
    assert_eq!(watch.names_from("203.0.113.7", 40, Duration::from_secs(151)), []);
    assert_eq!(watch.look(("anybody", "x", SOURCE)), Speed::Normal);
    // Five do.
    assert_eq!(watch.names_from("203.0.113.8", 40, Duration::from_secs(149)), [Sign::NamesFromSource]);
}

#[test]
fn whoever_goes_on_stays_slowed_by_the_few_tries_that_he_is_left() {
    let watch = Watch::new();
    watch.names_from("203.0.113.7", 5, Duration::ZERO);
    let mut asked = 0;
    for n in 0..3600 {
        watch.clock.advance(Duration::from_secs(1));
        let (name, password) = (format!("made-up-{n}"), format!("guess {n}"));
        if watch.look((&name, &password, SOURCE)) == Speed::Normal {
            asked += 1;
            watch.failed((&name, &password, SOURCE));
        }
    }
    assert!((118..=123).contains(&asked), "{asked} in an hour: two in a minute");
}

#[test]
fn one_name_that_fails_for_ever_is_no_spray() {
    let watch = Watch::new();
    for n in 0..1000 {
        assert_eq!(watch.failed(("forgetful", &format!("guess {n}"), SOURCE)), []);
    }
    assert_eq!(watch.look(("anybody", "x", SOURCE)), Speed::Normal);
}

#[test]
fn one_password_over_many_names_is_slowed_wherever_it_comes_from_d_109() {
    let watch = Watch::new();
    let tries: Vec<_> = (0..5)
        .map(|n| watch.failed((&format!("name-{n}"), "Winter2026!", Some(&format!("198.51.100.{n}")))))
        .collect();
    assert_eq!(tries[2], []);
    assert_eq!(tries[3], [Sign::NamesWithPassword]);
    assert_eq!(tries[4], [Sign::NamesWithPassword]);
    let sprayed = ("name-9", "Winter2026!", SOURCE);
    let looks: Vec<_> = (0..3).map(|_| watch.look(sprayed)).collect();
    assert_eq!(looks[2], Speed::Slowed(Sign::NamesWithPassword));
    assert_eq!(watch.look(("name-9", "winter2026!", SOURCE)), Speed::Normal, "another password");
    assert_eq!(
        watch.look_as(sprayed, true),
        Speed::Normal,
        "somebody whose password it is, where he always is"
    );
}

#[test]
fn one_name_from_many_sources_is_slowed_except_where_its_owner_always_is_d_109() {
    let watch = Watch::new();
    let tries: Vec<_> = (0..3)
        .map(|n| watch.failed(("Boss", &format!("guess {n}"), Some(&format!("198.51.100.{n}")))))
        .collect();
    assert_eq!(tries[2], [Sign::SourcesOnName]);
    let looks: Vec<_> = (0..3).map(|_| watch.look(("boss", "right", SOURCE))).collect();
    assert_eq!(looks[2], Speed::Slowed(Sign::SourcesOnName), "however it is spelt");
    assert_eq!(watch.look_as(("boss", "right", SOURCE), true), Speed::Normal);
    assert_eq!(watch.look(("somebody else", "right", SOURCE)), Speed::Normal);
}

#[test]
fn a_subject_is_one_name_however_it_is_spelt() {
    let watch = Watch::new();
    let who = Pseudonym::new("p7f3k").unwrap();
    let fails = |name: &str, from| {
        let (attempt, password) = (watch.attempt((name, "", Some(from))), Secret::copied(name.as_bytes()));
        let tried = Tried { attempt: &attempt, who: Some(&who), password: Some(&password), familiar: false };
        watch.spray.failed(&tried, &Sign::ALL, watch.clock.now().steady)
    };
    assert_eq!(fails("alice", "198.51.100.1"), []);
    assert_eq!(fails("LAB\\alice", "198.51.100.2"), []);
    let found = fails("alice@lab.example", "198.51.100.3");
    assert_eq!(found.iter().map(|found| found.sign).collect::<Vec<_>>(), [Sign::SourcesOnName]);
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(fails(name, "203.0.113.9").iter().filter(|f| f.sign == Sign::NamesFromSource).count(), 0);
    }
}

#[test]
fn all_addresses_of_one_ipv6_network_are_one_source_and_so_are_all_unknown_ones_d_110() {
    let watch = Watch::new();
    let from_network: Vec<_> = (0..5)
        .map(|n| watch.failed((&format!("a-{n}"), &format!("p {n}"), Some(&format!("2001:db8::{n}")))))
        .collect();
    assert_eq!(from_network[4], [Sign::NamesFromSource]);
    let unknown: Vec<_> =
        (0..5).map(|n| watch.failed((&format!("b-{n}"), &format!("q {n}"), None))).collect();
    assert_eq!(unknown[4], [Sign::NamesFromSource]);
}

#[test]
fn people_without_an_address_are_not_slowed_by_what_one_of_them_does_and_it_is_told() {
    let watch = Watch::new();
    let told: Vec<_> = (0..5).map(|n| watch.failed((&format!("b-{n}"), &format!("q {n}"), None))).collect();
    assert_eq!(told[4], [Sign::NamesFromSource]);
    for _ in 0..100 {
        assert_eq!(watch.look(("anna", "right", None)), Speed::Normal);
    }
    let sprayed: Vec<_> = (0..4).map(|n| watch.failed((&format!("c-{n}"), "Winter2026!", None))).collect();
    assert!(sprayed[3].contains(&Sign::NamesWithPassword), "{sprayed:?}");
    let looked: Vec<_> = (0..100).map(|_| watch.look(("berta", "Winter2026!", None))).collect();
    assert!(looked.contains(&Speed::Slowed(Sign::NamesWithPassword)), "one password is slowed all the same");
}

#[test]
fn a_client_that_cannot_tell_addresses_has_no_source_that_all_its_people_would_share() {
    let mut watch = Watch::new();
    watch.client.can.tells_address = false;
    for n in 0..100 {
        assert_eq!(watch.failed((&format!("b-{n}"), &format!("q {n}"), None)), []);
    }
    assert_eq!(watch.look(("anybody", "x", None)), Speed::Normal);
    let sprayed: Vec<_> = (0..4).map(|n| watch.failed((&format!("c-{n}"), "Winter2026!", None))).collect();
    assert_eq!(sprayed[3], [Sign::NamesWithPassword], "one password shows all the same");
}

#[test]
fn a_source_of_one_client_is_another_than_the_same_address_at_another_d_121() {
    let mut watch = Watch::new();
    watch.names_from("203.0.113.7", 5, Duration::ZERO);
    watch.client.name = "wiki".into();
    for _ in 0..10 {
        assert_eq!(watch.look(("anybody", "x", SOURCE)), Speed::Normal);
    }
}

#[test]
fn a_detector_whose_number_is_zero_is_off() {
    let off = SprayLimits { names_per_source: 0, names_per_password: 0, sources_per_name: 0, ..LIMITS };
    let watch = Watch::with(off);
    for n in 0..50 {
        let name = format!("name-{n}");
        assert_eq!(watch.failed((&name, "Winter2026!", SOURCE)), []);
        assert_eq!(watch.failed(("boss", &name, Some(&format!("198.51.100.{n}")))), []);
        assert_eq!(watch.look((&name, "Winter2026!", SOURCE)), Speed::Normal);
    }
    let tables = watch.spray.lock();
    assert!(tables.sources.is_empty() && tables.passwords.is_empty() && tables.names.is_empty());
}

/// Memory of this process, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_million_names_from_a_million_sources_leave_a_bounded_memory_d_112() {
    let watch = Watch::new();
    let now = watch.clock.now().steady;
    let before = resident();
    for n in 0..1_000_000_u64 {
        let prints = Prints { source: Some(n), password: Some(n), name: Some(n) };
        assert_eq!(watch.spray.count(&prints, &Sign::ALL, now), []);
    }
    let tables = watch.spray.lock();
    for table in [&tables.sources, &tables.passwords, &tables.names] {
        assert_eq!(table.len(), MOST_KEYS);
    }
    let growth = resident().saturating_sub(before);
    assert!(growth < 48 * 1024, "{growth} KiB for three full tables");
}

#[test]
fn of_one_source_no_more_is_kept_than_its_limit() {
    let watch = Watch::new();
    watch.names_from("203.0.113.7", 10_000, Duration::from_millis(1));
    let mut tables = watch.spray.lock();
    let prints = watch.spray.prints(&Tried {
        attempt: &watch.attempt(("x", "", SOURCE)),
        who: None,
        password: None,
        familiar: false,
    });
    let marks = tables.of(Sign::NamesFromSource).get(&prints.source.unwrap(), watch.clock.now().steady);
    assert_eq!(marks.map(Vec::len), Some(5));
    assert!(marks.unwrap().capacity() <= 8);
}

#[test]
fn a_flood_of_others_does_not_push_out_a_source_that_is_still_at_it() {
    let watch = Watch::new();
    watch.names_from("203.0.113.7", 4, Duration::ZERO);
    let now = watch.clock.now().steady;
    for round in 0..4_u64 {
        for n in 0..40_000 {
            let other = Some(round * 40_000 + n);
            watch.spray.count(&Prints { source: other, password: None, name: other }, &Sign::ALL, now);
        }
        watch.failed(("name-0", "again", SOURCE));
    }
    assert_eq!(watch.failed(("the fifth", "y", SOURCE)), [Sign::NamesFromSource]);
}

#[test]
fn what_is_too_old_is_dropped() {
    let watch = Watch::new();
    watch.names_from("203.0.113.7", 5, Duration::ZERO);
    watch.clock.advance(LIMITS.window);
    watch.spray.tidy(watch.clock.now().steady);
    let tables = watch.spray.lock();
    assert!(tables.sources.is_empty() && tables.passwords.is_empty() && tables.names.is_empty());
}

#[test]
fn a_reload_keeps_what_was_seen_when_the_numbers_stay() {
    let watch = Watch::new();
    assert!(watch.spray.is_for(&LIMITS));
    assert!(!watch.spray.is_for(&SprayLimits { names_per_source: 6, ..LIMITS }));
}
