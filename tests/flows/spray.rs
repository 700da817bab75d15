//! Many names from one source, one password over many names, one name from many sources (D-109); names that nobody has;
//! codes without end; and the alarms.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::gateway::admit::CodesPerMinute;
use doorward::gateway::alarm::Alarm;
use doorward::gateway::drive::{Asker, Reply};
use doorward::gateway::ports::AuditRecord;
use doorward::gateway::spray::SprayLimits;
use doorward::login::client::PrimaryKind;
use doorward::login::factor::FactorKind;
use doorward::login::policy::exempt::ExemptionKind;
use doorward::login::policy::{Condition, Exemption, Policy, Requirement, Rule};
use doorward::login::relay::{Method, Said};
use doorward::login::step::PrimaryOutcome;
use doorward::login::throttle::Lockout;
use doorward::login::verdict::Reason;

use crate::world::{ALIAS, PASSWORD, Plan, SERVICE_PASSWORD, World};

const MINUTE: Duration = Duration::from_secs(60);

/// Small numbers, and a different one for each.
fn plan() -> Plan {
    let spray = SprayLimits {
        window: 10 * MINUTE,
        names_per_source: 6,
        names_per_password: 4,
        sources_per_name: 3,
        slowed_per_minute: NonZeroU32::new(2).unwrap(),
    };
    Plan { spray, ..Plan::default() }
}

impl World {
    async fn from(&self, last: u8, user: &str, password: &[u8]) -> Reply {
        let mut attempt = self.attempt(user, password);
        attempt.origin.user = Some(IpAddr::from([203, 0, 113, last]));
        self.run(attempt, Asker::patient()).await.reply
    }

    /// So many made-up names fail from there, each with a password of its own.
    async fn names_from(&self, last: u8, names: u32) {
        for n in 0..names {
            let reply = self.from(last, &format!("made-up-{n}"), format!("guess {n}").as_bytes()).await;
            assert!(matches!(reply, Reply::Reject(Reason::UnknownSubject)), "{n}: {reply:?}");
        }
    }

    pub(crate) fn checks(&self) -> usize {
        self.directory.checks.load(Ordering::SeqCst)
    }

    fn alarms(&self) -> Vec<AuditRecord> {
        let records = self.audit.records.lock().unwrap();
        records.iter().filter(|record| record.event == "alarm").cloned().collect()
    }

    fn raised(&self, of: Alarm) -> u64 {
        self.gateway.alarms().all().find(|(alarm, _)| *alarm == of).unwrap().1
    }
}

fn is_slowed(reply: &Reply) -> bool {
    matches!(reply, Reply::Reject(Reason::Slowed))
}

#[tokio::test]
async fn a_source_that_tries_many_names_is_slowed_and_the_directory_not_asked_and_others_get_in_d_109() {
    let world = World::with(plan()).await;
    world.names_from(7, 6).await;
    let before = world.checks();
    let tries = [world.from(7, "x", b"1").await, world.from(7, "y", b"2").await];
    assert!(!tries.iter().any(is_slowed), "two in a minute are left");
    assert_eq!(world.checks(), before + 2);
    for (user, password) in [("z", &b"3"[..]), ("alice", b"wrong"), ("alice", PASSWORD)] {
        let reply = world.from(7, user, password).await;
        assert!(is_slowed(&reply), "known or not, right or wrong: {reply:?}");
    }
    assert_eq!(world.checks(), before + 2, "nobody was asked");
    assert_eq!((world.last().reason, world.wrong_passwords().await), ("slowed", 0), "nor anything counted");
    let reply = world.from(8, "alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Ask(..)), "{reply:?}");
    world.clock.advance(MINUTE / 2);
    let reply = world.from(7, "alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Ask(..)), "half a minute later one more: {reply:?}");
    world.clock.advance(10 * MINUTE);
    for _ in 0..5 {
        let reply = world.from(7, "alice", PASSWORD).await;
        assert!(matches!(reply, Reply::Ask(..)), "its window is over: {reply:?}");
    }
}

#[tokio::test]
async fn a_source_that_tries_many_names_is_one_alarm_in_ten_minutes_that_names_nobody() {
    let world = World::with(plan()).await;
    world.names_from(7, 8).await;
    let alarms = world.alarms();
    let [alarm] = &alarms[..] else { panic!("{alarms:?}") };
    assert_eq!((alarm.reason, alarm.stage, alarm.outcome), ("stuffing", "stuffing", "raised"));
    assert_eq!(alarm.network, Some(IpAddr::from([203, 0, 113, 7])));
    assert_eq!((alarm.client.as_deref(), alarm.pseudonym.clone()), (Some("vpn"), None));
    assert_eq!((world.raised(Alarm::Stuffing), world.raised(Alarm::Spray)), (1, 0));
    world.clock.advance(11 * MINUTE);
    world.names_from(7, 5).await;
    assert_eq!(world.alarms().len(), 1, "that is an ordinary morning");
    world.names_from(7, 6).await;
    assert_eq!(world.alarms().len(), 2);
}

#[tokio::test]
async fn a_success_takes_nothing_back_d_109() {
    let world = World::with(plan()).await;
    world.names_from(7, 5).await;
    let reply = world.from(7, "alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Ask(..)), "{reply:?}");
    let _one_more = world.from(7, "the sixth", b"x").await;
    assert_eq!(world.raised(Alarm::Stuffing), 1);
}

#[tokio::test]
async fn one_password_over_many_names_is_slowed_from_everywhere_and_another_password_is_not_d_109() {
    let world = World::with(plan()).await;
    for n in 0..4 {
        let _wrong = world.from(n, &format!("made-up-{n}"), b"Winter2026!").await;
    }
    let alarms = world.alarms();
    assert_eq!(alarms.iter().map(|alarm| alarm.reason).collect::<Vec<_>>(), ["spray"]);
    let _left = [world.from(20, "x", b"Winter2026!").await, world.from(21, "y", b"Winter2026!").await];
    let before = world.checks();
    assert!(is_slowed(&world.from(22, "alice", b"Winter2026!").await));
    assert_eq!((world.checks(), world.wrong_passwords().await), (before, 0));
    assert!(matches!(world.from(22, "alice", PASSWORD).await, Reply::Ask(..)));
}

#[tokio::test]
async fn one_name_from_many_sources_is_slowed_and_the_alarm_has_its_anonymous_id_d_109() {
    let world = World::with(plan()).await;
    for n in 0..3 {
        let reply = world.from(n, "alice", format!("guess {n}").as_bytes()).await;
        assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "{reply:?}");
    }
    let alarms = world.alarms();
    let [alarm] = &alarms[..] else { panic!("{alarms:?}") };
    assert_eq!((alarm.reason, alarm.pseudonym.as_ref()), ("guessing", Some(&world.who)));
    let question = [world.from(9, "alice", PASSWORD).await, world.from(10, "ALICE", PASSWORD).await];
    assert!(question.iter().all(|reply| matches!(reply, Reply::Ask(..))), "{question:?}");
    assert!(is_slowed(&world.from(11, "alice", PASSWORD).await));
    world.clock.advance(MINUTE);
    assert!(matches!(world.from(11, "alice", PASSWORD).await, Reply::Ask(..)));
}

#[tokio::test]
async fn who_guesses_from_many_sources_is_seen_although_the_account_waits_long_before_d_109() {
    let spray = SprayLimits { sources_per_name: 10, ..SprayLimits::default() };
    let world = World::with(Plan { spray, ..Plan::default() }).await;
    for n in 0..10 {
        assert_eq!(world.raised(Alarm::Guessing), 0, "{n}");
        let _wrong = world.from(n, "alice", format!("guess {n}").as_bytes()).await;
    }
    assert!(world.checks() < 10, "most of them reached nobody");
    let alarms = world.alarms();
    let guessing: Vec<_> = alarms.iter().filter(|alarm| alarm.reason == "guessing").collect();
    assert_eq!(guessing.len(), 1, "{alarms:?}");
    assert_eq!(guessing[0].pseudonym.as_ref(), Some(&world.who));
}

#[tokio::test]
async fn people_whom_guesses_from_elsewhere_make_wait_do_not_make_their_house_suspect_d_108() {
    let spray = SprayLimits { names_per_source: 1, sources_per_name: 0, ..plan().spray };
    let world = World::with(Plan { spray, ..Plan::default() }).await;
    for n in 0..9 {
        let _wrong = world.from(n, "alice", format!("guess {n}").as_bytes()).await;
    }
    let raised = world.raised(Alarm::Stuffing);
    let reply = world.from(99, "alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::PasswordThrottled | Reason::LockoutGuard)), "{reply:?}");
    assert_eq!(world.raised(Alarm::Stuffing), raised);
}

#[tokio::test]
async fn wrong_codes_are_no_spray() {
    let world = World::with(plan()).await;
    for n in 0..5 {
        let Reply::Ask(id, _) = world.from(n, "alice", PASSWORD).await else { panic!("no question") };
        let _wrong = world.answer(id, "000000").await;
    }
    assert!(world.alarms().is_empty(), "{:?}", world.alarms());
    assert!(matches!(
        world.from(9, "alice", PASSWORD).await,
        Reply::Ask(..) | Reply::Reject(Reason::FactorLocked)
    ));
}

#[tokio::test]
async fn a_code_of_a_kind_that_nobody_asks_for_is_wrong_and_not_one_too_many() {
    let world = World::new().await;
    let id = world.question().await;
    let reply = world.answer(id, "ABCDEFGHIJKLMNOP").await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongCode)), "{reply:?}");
}

/// Twenty wrong passwords, seven minutes apart, for alice and for a name that nobody has, with the domain's lock-out as
/// it is given; the numbers of those that nobody was asked about.
async fn twenty_tries(lockout: Option<Lockout>, password: impl Fn(u32) -> String) -> Vec<u32> {
    let spray =
        SprayLimits { names_per_source: 0, names_per_password: 0, sources_per_name: 0, ..plan().spray };
    let world = World::with(Plan { spray, ..Plan::default() }).await;
    world.directory.change_alice(|alice| alice.lockout = lockout);
    let asked =
        || (world.directory.finds.load(Ordering::SeqCst), world.directory.checks.load(Ordering::SeqCst));
    let mut spared = Vec::new();
    for n in 1..=20 {
        let start = asked();
        let _known = world.begin("alice", password(n).as_bytes()).await;
        let between = asked();
        let _unknown = world.begin("nobody", password(n).as_bytes()).await;
        let end = asked();
        let known = (between.0 - start.0, between.1 - start.1);
        let unknown = (end.0 - between.0, end.1 - between.1);
        assert_eq!(known, unknown, "look-ups and checks of try {n}");
        if known.1 == 0 {
            spared.push(n);
        }
        // Long enough for a wait to end now and then.
        world.clock.advance(7 * MINUTE);
    }
    spared
}

#[tokio::test]
async fn a_known_and_an_unknown_name_cost_the_directory_the_same_at_every_try_d_100() {
    let spared = twenty_tries(None, |n| format!("guess {n}")).await;
    assert!(spared.starts_with(&[5, 6, 7, 8]) && spared.len() < 16, "{spared:?}");
    let strict = Lockout { threshold: 3, window: 20 * MINUTE, counted: 0 };
    let spared = twenty_tries(Some(strict), |n| format!("guess {n}")).await;
    assert!(spared.starts_with(&[3, 4]) && spared.len() < 18, "where two are too many: {spared:?}");
    let usual = Lockout { threshold: 10, window: 30 * MINUTE, counted: 0 };
    let spared = twenty_tries(Some(usual), |_| "the old one".to_owned()).await;
    assert!(spared.starts_with(&[2, 3]) && spared.len() < 19, "one password again and again: {spared:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_at_a_name_that_nobody_has_reach_the_directory_four_times_d_100() {
    let world = Arc::new(World::new().await);
    let tries: Vec<_> = (0..40)
        .map(|n| {
            let world = world.clone();
            tokio::spawn(async move { world.begin("nobody", format!("guess {n}").as_bytes()).await })
        })
        .collect();
    for one in tries {
        let reply = one.await.unwrap();
        assert!(matches!(reply, Reply::Reject(Reason::UnknownSubject)), "{reply:?}");
    }
    assert_eq!(world.checks(), 4);
}

#[tokio::test]
async fn more_codes_than_anybody_types_in_a_minute_are_not_compared_and_the_minute_ends() {
    let codes_per_minute = CodesPerMinute::each(|kind| if kind == FactorKind::Totp { 2 } else { 1 });
    let world = World::with(Plan { codes_per_minute, ..Plan::default() }).await;
    for _ in 0..2 {
        let id = world.question().await;
        let reply = world.answer(id, "000000").await;
        assert!(matches!(reply, Reply::Reject(Reason::WrongCode)), "{reply:?}");
    }
    let id = world.question().await;
    let reply = world.answer(id, &world.code()).await;
    assert!(matches!(reply, Reply::Reject(Reason::TooManyCodes)), "right, but not looked at: {reply:?}");
    let failures = world.store.recall(&world.who).await.unwrap().codes;
    assert_eq!(failures.iter().map(|(_, failures)| failures.row).collect::<Vec<_>>(), [2]);
    world.clock.advance(MINUTE / 2);
    let id = world.question().await;
    let reply = world.answer(id, &world.code()).await;
    assert!(matches!(reply, Reply::Accept(_)), "{reply:?}");
}

#[tokio::test]
async fn guesses_at_an_upstream_are_slowed_before_it_is_asked() {
    let mut world = World::with(plan()).await;
    world.client.primary = PrimaryKind::Upstream;
    world.client.upstream = Some("nps".into());
    world.upstream.will_say([Ok(Said::No(PrimaryOutcome::Wrong))]);
    for n in 0..3 {
        let _wrong = world.from(n, "alice", format!("guess {n}").as_bytes()).await;
    }
    let asked = world.upstream.asked().len();
    let mut by_chap = world.relayed("alice", Method::Chap);
    by_chap.origin.user = Some(IpAddr::from([203, 0, 113, 8]));
    world.upstream.will_say([Ok(Said::Yes { name: None })]);
    let tries = [
        world.run(by_chap.clone(), Asker::patient()).await.reply,
        world.run(by_chap.clone(), Asker::patient()).await.reply,
        world.run(by_chap, Asker::patient()).await.reply,
    ];
    assert_eq!(tries.iter().filter(|reply| is_slowed(reply)).count(), 1, "{tries:?}");
    assert_eq!(world.upstream.asked().len(), asked + 2);
}

#[tokio::test]
async fn names_outside_the_tunnel_of_eap_are_nobodys_and_not_watched() {
    let mut world = World::with(plan()).await;
    world.client.primary = PrimaryKind::Upstream;
    world.client.upstream = Some("nps".into());
    world.upstream.will_say([Ok(Said::No(PrimaryOutcome::Wrong))]);
    for n in 0..20 {
        let mut attempt = world.relayed("anonymous", Method::Eap);
        attempt.origin.user = Some(IpAddr::from([203, 0, 113, n]));
        let reply = world.run(attempt, Asker::patient()).await.reply;
        assert!(matches!(reply, Reply::Reject(Reason::UpstreamRefused)), "{reply:?}");
    }
    assert!(world.alarms().is_empty());
}

fn exempt_plan(kind: ExemptionKind, alarm: bool) -> Plan {
    let exemption = Exemption {
        clients: vec!["vpn".into()],
        sources: vec!["192.0.2.0/28".parse().unwrap()],
        kind,
        alarm,
        ..Exemption::new("wiki-service", ALIAS)
    };
    Plan { policy: Policy { exemptions: vec![exemption], ..Policy::default() }, ..plan() }
}

#[tokio::test]
async fn the_account_of_an_application_is_slowed_only_with_a_password_that_was_never_right() {
    let world = World::with(exempt_plan(ExemptionKind::Service, false)).await;
    assert!(matches!(world.from(7, "svc-wiki", SERVICE_PASSWORD).await, Reply::Accept(_)));
    world.names_from(7, 6).await;
    for n in 0..10 {
        let reply = world.from(7, "svc-wiki", SERVICE_PASSWORD).await;
        assert!(matches!(reply, Reply::Accept(_)), "bind {n}: {reply:?}");
    }
    let tries = [
        world.from(7, "svc-wiki", b"a").await,
        world.from(7, "svc-wiki", b"b").await,
        world.from(7, "svc-wiki", b"c").await,
    ];
    assert!(is_slowed(&tries[2]), "{tries:?}");
    assert!(world.alarms().iter().all(|alarm| alarm.reason == "stuffing"), "{:?}", world.alarms());
}

#[tokio::test]
async fn each_use_of_an_account_for_emergencies_is_an_alarm_and_of_a_service_where_it_is_wanted() {
    for (kind, alarm, expected) in [
        (ExemptionKind::BreakGlass, false, &["break-glass"][..]),
        (ExemptionKind::BreakGlass, true, &["break-glass"]),
        (ExemptionKind::Service, true, &["exemption-used"]),
        (ExemptionKind::Service, false, &[]),
    ] {
        let world = World::with(exempt_plan(kind, alarm)).await;
        let _wrong = world.from(7, "svc-wiki", b"wrong").await;
        assert!(world.alarms().is_empty(), "nobody was let in");
        for _ in 0..3 {
            assert!(matches!(world.from(7, "svc-wiki", SERVICE_PASSWORD).await, Reply::Accept(_)));
        }
        let alarms = world.alarms();
        assert_eq!(alarms.iter().map(|alarm| alarm.reason).collect::<Vec<_>>(), expected);
        for alarm in alarms {
            assert_eq!(alarm.exemption.as_deref(), Some("wiki-service"));
            assert!(alarm.pseudonym.is_some());
        }
        assert!(matches!(world.from(8, "svc-wiki", SERVICE_PASSWORD).await, Reply::Accept(_)));
        assert_eq!(world.alarms().len(), 2 * expected.len(), "from elsewhere it may be somebody else");
    }
}

#[tokio::test]
async fn an_audit_that_cannot_be_written_takes_no_alarm_from_the_counters() {
    let world = World::with(plan()).await;
    world.audit.full.store(true, Ordering::SeqCst);
    for n in 0..6 {
        let _unable = world.from(7, &format!("made-up-{n}"), format!("guess {n}").as_bytes()).await;
    }
    assert_eq!(world.raised(Alarm::Stuffing), 1, "guesses count all the same");
}

#[tokio::test]
async fn a_rule_that_asks_for_no_factor_is_no_way_around_the_detector() {
    let rules = vec![Rule::new("all", Condition::ALWAYS, Requirement::None)];
    let world = World::with(Plan { policy: Policy::new(rules), ..plan() }).await;
    world.names_from(7, 6).await;
    let tries = [
        world.from(7, "alice", PASSWORD).await,
        world.from(7, "alice", PASSWORD).await,
        world.from(7, "alice", PASSWORD).await,
    ];
    assert!(is_slowed(&tries[2]) && matches!(&tries[0], Reply::Accept(_)), "{tries:?}");
}
