//! Fault modes with a store that really fails and with keys that are really gone.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::base::clock::{Clock, UnixTime};
use doorward::gateway::alarm::Alarm;
use doorward::gateway::drive::{Asker, Reply};
use doorward::gateway::ports::{AuditRecord, Counted};
use doorward::login::attempt::{Attempt, ChallengeId};
use doorward::login::factor::{Enrolment, FactorKind, FactorKinds, Sealed};
use doorward::login::identity::Standing;
use doorward::login::policy::fault::{FaultMode, FaultRule};
use doorward::login::policy::{Condition, Policy, Requirement, Rule, Validity};
use doorward::login::throttle::{Limits, Lockout};
use doorward::login::verdict::{Basis, FaultKind, Reason};

use crate::world::{PASSWORD, Plan, T0, World};

const HOME: [u8; 4] = [203, 0, 113, 7];
const HOUR: Duration = Duration::from_secs(3600);

fn plan(then: FaultMode) -> Plan {
    let rule = FaultRule {
        name: "store-move".into(),
        owner: "network team".into(),
        reason: "the store moves".into(),
        when: Condition::Client(vec!["vpn".into()]),
        valid: Validity { from: None, until: Some(UnixTime::from_seconds(T0 + 30 * 86_400)) },
        then,
    };
    Plan { policy: Policy { faults: vec![rule], ..Policy::default() }, ..Plan::default() }
}

fn recent() -> FaultMode {
    FaultMode::RecentConfirmation(HOUR)
}

fn paper() -> FaultMode {
    FaultMode::Use { kinds: [FactorKind::Recovery].into_iter().collect(), prompt: Some("Paper:".into()) }
}

/// The store of a world, from another connection.
struct Elsewhere(rusqlite::Connection);

impl Elsewhere {
    fn new(world: &World) -> Self {
        Self(rusqlite::Connection::open(world.folder.path().join("db")).unwrap())
    }

    /// The daemon no longer finds its tables: nothing that matters can be read or written.
    fn breaks(&self) {
        self.rename("", "_elsewhere");
    }

    fn mends(&self) {
        self.rename("_elsewhere", "");
    }

    /// What is there can be read, and nothing that a login does can be written, as on a full disk: somebody else has
    /// the journal.
    fn fills(world: &World) -> std::fs::File {
        let journal = std::fs::File::open(world.folder.path().join("db.log")).unwrap();
        journal.lock().unwrap();
        journal
    }

    fn rename(&self, from: &str, to: &str) {
        for table in ["subject", "failure"] {
            self.0.execute_batch(&format!("ALTER TABLE {table}{from} RENAME TO {table}{to}")).unwrap();
        }
    }
}

impl World {
    fn at_home(&self, password: &[u8]) -> Attempt {
        let mut attempt = self.attempt("alice", password);
        attempt.origin.user = Some(IpAddr::from(HOME));
        attempt
    }

    async fn home(&self, password: &[u8]) -> Reply {
        self.run(self.at_home(password), Asker::patient()).await.reply
    }

    async fn asked_at_home(&self) -> ChallengeId {
        let Reply::Ask(id, _) = self.home(PASSWORD).await else { panic!("a question first") };
        id
    }

    /// Alice was seen, nobody knows where.
    async fn seen(then: FaultMode) -> Self {
        let world = Self::with(plan(then)).await;
        let _asked = world.question().await;
        world
    }

    /// Alice logs in at home, with a code.
    async fn confirmed(then: FaultMode) -> Self {
        let world = Self::with(plan(then)).await;
        let id = world.asked_at_home().await;
        let reply = world.answer(id, &world.code()).await;
        assert_eq!(basis(&reply), Some(Basis::Confirmed(FactorKind::Totp)));
        world
    }

    fn alarms_of_modes(&self) -> Vec<AuditRecord> {
        let records = self.audit.records.lock().unwrap();
        records
            .iter()
            .filter(|record| record.event == "alarm" && record.reason == "fault-mode")
            .cloned()
            .collect()
    }

    async fn enrolled(&self) -> Vec<Enrolment> {
        self.store.recall(&self.who).await.unwrap().enrolments
    }

    /// The key of alice's factors of this kind is lost.
    async fn lose_key_of(&self, kind: FactorKind) {
        for one in self.enrolled().await.iter().filter(|one| one.kind() == kind) {
            let lost = Sealed { key_id: 99, bytes: [0; 49].into() };
            assert!(self.store.rekey_enrolment(one.id, &one.sealed, lost).await.unwrap());
        }
    }

    async fn print_codes(&self) -> String {
        let codes = self.enrolling.recovery_codes(&self.who).await.unwrap();
        String::from_utf8(codes[0].expose().to_vec()).unwrap()
    }
}

fn basis(reply: &Reply) -> Option<Basis> {
    match reply {
        Reply::Accept(grant) => Some(grant.basis()),
        _ => None,
    }
}

fn is_away(reply: &Reply) -> bool {
    matches!(reply, Reply::Unable(FaultKind::StoreUnavailable))
}

#[tokio::test]
async fn as_long_as_the_store_is_there_a_mode_changes_nothing() {
    let world = World::confirmed(FaultMode::FirstFactorOnly).await;
    let _asked = world.asked_at_home().await;
    assert_eq!((world.alarms_of_modes().len(), world.last().on_fault), (0, None));
}

#[tokio::test]
async fn without_a_mode_a_store_that_is_away_lets_nobody_in_d_117() {
    let world = World::new().await;
    let id = world.question().await;
    assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)));
    Elsewhere::new(&world).breaks();
    assert!(is_away(&world.begin("alice", PASSWORD).await));
    assert_eq!(world.last().on_fault, None);
}

#[tokio::test]
async fn who_was_seen_gets_in_while_the_store_is_away_and_each_time_that_is_on_record() {
    let world = World::confirmed(FaultMode::FirstFactorOnly).await;
    let store = Elsewhere::new(&world);
    store.breaks();
    for _ in 0..3 {
        assert_eq!(basis(&world.home(PASSWORD).await), Some(Basis::FaultFirstFactor));
        let record = world.last();
        assert_eq!((record.outcome, record.reason), ("accept", "fault-first-factor"));
        assert_eq!(record.on_fault.as_deref(), Some("store-move"));
        assert_eq!(record.pseudonym.as_ref(), Some(&world.who));
    }
    let alarms = world.alarms_of_modes();
    assert_eq!(alarms.len(), 1, "one for all whom the mode lets in");
    assert_eq!((alarms[0].on_fault.as_deref(), &alarms[0].pseudonym), (Some("store-move"), &None));
    assert_eq!(world.gateway.alarms().all().find(|(kind, _)| *kind == Alarm::FaultMode).unwrap().1, 1);
    store.mends();
    let _asked = world.asked_at_home().await;
}

#[tokio::test]
async fn who_was_not_seen_since_the_start_is_not_let_in() {
    let world = World::with(plan(FaultMode::FirstFactorOnly)).await;
    Elsewhere::new(&world).breaks();
    assert!(is_away(&world.begin("alice", PASSWORD).await));
    assert_eq!((world.checks(), world.last().on_fault.as_deref()), (0, Some("store-move")));
}

#[tokio::test]
async fn a_mode_that_is_put_in_place_when_the_store_is_away_knows_everybody_who_came_before_it() {
    let modes = [
        (FaultMode::FirstFactorOnly, Basis::FaultFirstFactor),
        (recent(), Basis::FaultRecent(FactorKind::Totp)),
    ];
    for (mode, expected) in modes {
        let world = World::new().await;
        let id = world.asked_at_home().await;
        assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)));
        let store = Elsewhere::new(&world);
        store.breaks();
        assert!(is_away(&world.home(PASSWORD).await), "there is no mode yet");
        world.reload(&plan(mode));
        assert_eq!(basis(&world.home(PASSWORD).await), Some(expected));
    }
}

#[tokio::test]
async fn without_an_audit_record_nobody_is_let_in_under_a_mode_either_d_117() {
    let world = World::confirmed(FaultMode::FirstFactorOnly).await;
    Elsewhere::new(&world).breaks();
    world.audit.full.store(true, Ordering::SeqCst);
    let reply = world.home(PASSWORD).await;
    assert!(matches!(reply, Reply::Unable(FaultKind::AuditUnavailable)), "{reply:?}");
}

#[tokio::test]
async fn a_recent_confirmation_counts_at_its_client_and_network_and_no_longer_than_the_mode_says() {
    let world = World::confirmed(recent()).await;
    Elsewhere::new(&world).breaks();
    assert_eq!(basis(&world.home(PASSWORD).await), Some(Basis::FaultRecent(FactorKind::Totp)));
    assert_eq!((world.last().reason, world.last().factor), ("fault-recent", Some(FactorKind::Totp)));
    let mut neighbour = world.at_home(PASSWORD);
    neighbour.origin.user = Some(IpAddr::from([203, 0, 113, 99]));
    assert!(basis(&world.run(neighbour, Asker::patient()).await.reply).is_some(), "the same network");
    let mut elsewhere = world.at_home(PASSWORD);
    elsewhere.origin.user = Some(IpAddr::from([203, 0, 114, 7]));
    assert!(is_away(&world.run(elsewhere, Asker::patient()).await.reply));
    assert!(is_away(&world.begin("alice", PASSWORD).await), "from where is not known");
    world.clock.advance(HOUR);
    assert!(basis(&world.home(PASSWORD).await).is_some());
    world.clock.advance(Duration::from_secs(1));
    assert!(is_away(&world.home(PASSWORD).await), "being let in by it does not renew it");
}

#[tokio::test]
async fn whatever_changes_about_the_account_ends_a_confirmation_for_good() {
    for n in 0..3 {
        let world = World::confirmed(recent()).await;
        let store = Elsewhere::new(&world);
        match n {
            0 => world.directory.change_alice(|alice| alice.stamp = Box::from(&b"2"[..])),
            1 => world.directory.change_alice(|alice| alice.groups = ["vpn".into()].into()),
            _ => {
                let factor = world.enrolled().await[0].id;
                assert!(world.enrolling.revoke(&world.who, factor).await.unwrap());
                world.print_codes().await;
                let _a_later_recall = world.home(PASSWORD).await;
            }
        }
        store.breaks();
        assert!(is_away(&world.home(PASSWORD).await), "{n}");
        world.directory.change_alice(|alice| {
            alice.stamp = Box::from(&b"1"[..]);
            alice.groups.clear();
        });
        assert!(is_away(&world.home(PASSWORD).await), "{n}: not even when it is taken back");
    }
}

#[tokio::test]
async fn what_an_administrator_took_away_is_gone_also_where_its_owner_did_not_log_in_since() {
    let world = World::confirmed(recent()).await;
    world.print_codes().await;
    let _asked = world.asked_at_home().await;
    let id = world.asked_at_home().await;
    world.clock.advance(Duration::from_secs(30));
    assert!(basis(&world.answer(id, &world.code()).await).is_some());
    let store = Elsewhere::new(&world);
    store.breaks();
    world.gateway.look_again().await;
    assert_eq!(basis(&world.home(PASSWORD).await), Some(Basis::FaultRecent(FactorKind::Totp)));
    store.mends();
    let factor = world.enrolled().await.into_iter().find(|one| one.kind() == FactorKind::Totp).unwrap();
    assert!(world.enrolling.revoke(&world.who, factor.id).await.unwrap());
    world.gateway.look_again().await;
    store.breaks();
    assert!(is_away(&world.home(PASSWORD).await));
}

#[tokio::test]
async fn whose_time_was_ended_or_who_was_forgotten_before_the_store_went_away_stays_out() {
    for is_forgotten in [false, true] {
        let world = World::confirmed(FaultMode::FirstFactorOnly).await;
        if is_forgotten {
            assert!(world.store.forget(&world.who).await.unwrap());
        } else {
            let now = world.clock.now().unix;
            world.store.set_validity(&world.who, None, Some(now)).await.unwrap();
        }
        world.gateway.look_again().await;
        Elsewhere::new(&world).breaks();
        let reply = world.home(PASSWORD).await;
        match is_forgotten {
            true => assert!(is_away(&reply), "{reply:?}"),
            false => assert!(matches!(reply, Reply::Reject(Reason::OutsideValidity)), "{reply:?}"),
        }
    }
}

#[tokio::test]
async fn to_look_again_forgets_no_guess_that_the_store_has_not_heard_of() {
    let world = World::seen(FaultMode::FirstFactorOnly).await;
    let store = Elsewhere::new(&world);
    store.breaks();
    for _ in 0..4 {
        assert!(matches!(world.begin("alice", b"wrong").await, Reply::Reject(Reason::WrongPassword)));
    }
    store.mends();
    world.gateway.look_again().await;
    store.breaks();
    let reply = world.begin("alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::PasswordThrottled)), "{reply:?}");
}

#[tokio::test]
async fn an_account_that_was_disabled_meanwhile_stays_out() {
    let world = World::confirmed(FaultMode::FirstFactorOnly).await;
    Elsewhere::new(&world).breaks();
    world.directory.change_alice(|alice| alice.standing = Standing::Disabled);
    let reply = world.home(PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::AccountDisabled)), "{reply:?}");
}

#[tokio::test]
async fn a_factor_that_was_locked_and_a_subject_whose_time_is_over_stay_so_while_the_store_is_away() {
    let world = World::confirmed(FaultMode::FirstFactorOnly).await;
    for _ in 0..Limits::FACTOR.free {
        let id = world.asked_at_home().await;
        assert!(matches!(world.answer(id, "000000").await, Reply::Reject(Reason::WrongCode)));
    }
    let reply = world.home(PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::FactorLocked)), "{reply:?}");
    let store = Elsewhere::new(&world);
    store.breaks();
    let reply = world.home(PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::FactorLocked)), "{reply:?}");
    store.mends();
    world.store.forget_failures(&world.who, Counted::Factor(FactorKind::Totp), true).await.unwrap();
    let until = world.clock.now().unix.plus(HOUR);
    world.store.set_validity(&world.who, None, Some(until)).await.unwrap();
    let _asked = world.asked_at_home().await;
    store.breaks();
    let reply = world.home(PASSWORD).await;
    let Reply::Accept(grant) = &reply else { panic!("{reply:?}") };
    assert_eq!(grant.session(), Some(HOUR), "no longer than his own time");
    world.clock.advance(HOUR);
    let reply = world.home(PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::OutsideValidity)), "{reply:?}");
}

#[tokio::test]
async fn guesses_are_counted_in_memory_under_the_same_limits_and_the_store_hears_of_them_b_087() {
    let world = World::seen(FaultMode::FirstFactorOnly).await;
    let store = Elsewhere::new(&world);
    store.breaks();
    let before = world.checks();
    for n in 0..10 {
        let reply = world.begin("alice", format!("guess {n}").as_bytes()).await;
        let expected = if n < 4 { Reason::WrongPassword } else { Reason::PasswordThrottled };
        assert!(matches!(reply, Reply::Reject(why) if why == expected), "{n}: {reply:?}");
    }
    assert_eq!(world.checks() - before, 4);
    assert!(matches!(world.begin("alice", PASSWORD).await, Reply::Reject(Reason::PasswordThrottled)));
    store.mends();
    let reply = world.begin("alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::PasswordThrottled)), "the wait goes on: {reply:?}");
    assert_eq!(world.wrong_passwords().await, 4);
    let reply = world.begin("alice", b"guess").await;
    assert!(matches!(reply, Reply::Reject(Reason::PasswordThrottled)), "{reply:?}");
    assert_eq!(world.wrong_passwords().await, 4, "each is told once");
}

#[tokio::test]
async fn guesses_that_a_full_disk_does_not_take_are_counted_in_memory_b_087() {
    let world = World::seen(FaultMode::FirstFactorOnly).await;
    let full = Elsewhere::fills(&world);
    let before = world.checks();
    for n in 0..10 {
        let reply = world.begin("alice", format!("guess {n}").as_bytes()).await;
        match n {
            0 => assert!(is_away(&reply), "the record was read, and cannot be written: {reply:?}"),
            1..4 => assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "{n}: {reply:?}"),
            _ => assert!(matches!(reply, Reply::Reject(Reason::PasswordThrottled)), "{n}: {reply:?}"),
        }
    }
    assert_eq!(world.checks() - before, 4);
    assert!(matches!(world.begin("alice", PASSWORD).await, Reply::Reject(Reason::PasswordThrottled)));
    drop(full);
    assert!(matches!(world.begin("alice", PASSWORD).await, Reply::Reject(Reason::PasswordThrottled)));
    assert_eq!(world.wrong_passwords().await, 4);
}

#[tokio::test]
async fn without_a_mode_nobody_is_asked_about_a_second_guess_that_cannot_be_counted_b_087() {
    let world = World::new().await;
    let _asked = world.question().await;
    let full = Elsewhere::fills(&world);
    let before = world.checks();
    for n in 0..5 {
        assert!(is_away(&world.begin("alice", format!("guess {n}").as_bytes()).await), "{n}");
    }
    assert_eq!(world.checks() - before, 1);
    drop(full);
    let _asked = world.question().await;
}

#[tokio::test]
async fn what_the_store_counted_before_it_went_away_counts_to_the_last_guess_b_087() {
    let world = World::seen(FaultMode::FirstFactorOnly).await;
    for _ in 0..4 {
        assert!(matches!(world.begin("alice", b"wrong").await, Reply::Reject(Reason::WrongPassword)));
    }
    Elsewhere::new(&world).breaks();
    let reply = world.begin("alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::PasswordThrottled)), "{reply:?}");
}

#[tokio::test]
async fn a_wait_in_memory_ends_and_a_right_password_ends_its_row() {
    let world = World::seen(FaultMode::FirstFactorOnly).await;
    let store = Elsewhere::new(&world);
    store.breaks();
    for _ in 0..4 {
        assert!(matches!(world.begin("alice", b"wrong").await, Reply::Reject(Reason::WrongPassword)));
    }
    world.clock.advance(Limits::PASSWORD.first_wait + Duration::from_secs(1));
    assert_eq!(basis(&world.begin("alice", PASSWORD).await), Some(Basis::FaultFirstFactor));
    for _ in 0..3 {
        let reply = world.begin("alice", b"wrong").await;
        assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "a new row begins: {reply:?}");
    }
    store.mends();
    let _asked = world.question().await;
    assert_eq!(world.wrong_passwords().await, 0, "three that the right password ends again");
}

#[tokio::test]
async fn the_lock_out_guard_holds_while_the_store_is_away_b_087() {
    let world = World::with(plan(FaultMode::FirstFactorOnly)).await;
    let lockout = Lockout { threshold: 3, window: HOUR, counted: 0 };
    world.directory.change_alice(|alice| alice.lockout = Some(lockout));
    let _asked = world.question().await;
    Elsewhere::new(&world).breaks();
    let before = world.checks();
    for n in 0..6 {
        let reply = world.begin("alice", format!("guess {n}").as_bytes()).await;
        assert!(matches!(reply, Reply::Reject(_)), "{reply:?}");
    }
    assert_eq!(world.checks() - before, 2, "one short of the threshold");
}

#[tokio::test]
async fn strangers_leave_the_last_try_to_the_owner_while_the_store_is_away_d_108() {
    let world = World::confirmed(FaultMode::FirstFactorOnly).await;
    Elsewhere::new(&world).breaks();
    let before = world.checks();
    for n in 0..6 {
        let reply = world.begin("alice", format!("guess {n}").as_bytes()).await;
        let expected = if n < 3 { Reason::WrongPassword } else { Reason::LockoutGuard };
        assert!(matches!(reply, Reply::Reject(why) if why == expected), "{n}: {reply:?}");
    }
    assert_eq!(world.checks() - before, 3);
    assert_eq!(basis(&world.home(PASSWORD).await), Some(Basis::FaultFirstFactor));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_while_the_store_is_away_reach_the_directory_four_times_b_087() {
    let world = Arc::new(World::seen(FaultMode::FirstFactorOnly).await);
    Elsewhere::new(&world).breaks();
    let before = world.checks();
    let tries: Vec<_> = (0..40)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.begin("alice", b"guess").await })
        })
        .collect();
    for one in tries {
        assert!(matches!(one.await.unwrap(), Reply::Reject(_)));
    }
    assert_eq!(world.checks() - before, 4);
}

#[tokio::test]
async fn a_factor_whose_key_is_lost_is_no_obstacle_where_a_mode_says_so() {
    let world = World::confirmed(FaultMode::FirstFactorOnly).await;
    world.lose_key_of(FactorKind::Totp).await;
    let id = world.asked_at_home().await;
    let reply = world.answer(id, "123456").await;
    assert_eq!(basis(&reply), Some(Basis::FaultFirstFactor), "{reply:?}");
    assert_eq!(world.store.recall(&world.who).await.unwrap().codes, [], "and no failure of hers");
}

#[tokio::test]
async fn a_code_on_paper_stands_in_for_a_factor_whose_key_is_lost_and_is_used_up() {
    let mut plan = plan(paper());
    let totp = Requirement::OneOf([FactorKind::Totp].into_iter().collect());
    plan.policy.rules.push(Rule::new("totp", Condition::ALWAYS, totp));
    let world = World::with(plan).await;
    let code = world.print_codes().await;
    world.lose_key_of(FactorKind::Totp).await;
    for is_first in [true, false] {
        let id = world.question().await;
        let reply = world.answer(id, "123456").await;
        let Reply::Ask(id, prompt) = reply else { panic!("{reply:?}") };
        assert_eq!(&*prompt.text, "Paper:");
        let reply = world.answer(id, &code).await;
        if is_first {
            assert_eq!(basis(&reply), Some(Basis::FaultFactor(FactorKind::Recovery)));
            let record = world.last();
            assert_eq!((record.reason, record.factor), ("fault-factor", Some(FactorKind::Recovery)));
            assert_eq!(record.on_fault.as_deref(), Some("store-move"));
        } else {
            assert!(matches!(reply, Reply::Reject(Reason::ReplayedCode)), "{reply:?}");
        }
    }
    assert_eq!(world.alarms_of_modes().len(), 1);
}

#[tokio::test]
async fn nobody_gets_around_a_factor_that_can_be_checked_by_typing_for_one_that_cannot() {
    for (lost, typed) in [(FactorKind::Recovery, "abcd-efgh-ijkl-mnop"), (FactorKind::Totp, "123456")] {
        for then in [FaultMode::FirstFactorOnly, recent()] {
            let world = World::confirmed(then).await;
            world.print_codes().await;
            let id = world.asked_at_home().await;
            world.lose_key_of(lost).await;
            let reply = world.answer(id, typed).await;
            assert!(matches!(reply, Reply::Unable(FaultKind::KeyMissing)), "{lost}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn under_a_mode_nothing_new_is_remembered() {
    let mut plan = plan(FaultMode::FirstFactorOnly);
    let mut rule = Rule::new("all", Condition::ALWAYS, Requirement::OneOf(FactorKinds::ALL));
    rule.options.remember = Some(8 * HOUR);
    plan.policy.rules.push(rule);
    let world = World::with(plan).await;
    let _asked = world.asked_at_home().await;
    let store = Elsewhere::new(&world);
    store.breaks();
    assert_eq!(basis(&world.home(PASSWORD).await), Some(Basis::FaultFirstFactor));
    store.mends();
    let _asked = world.asked_at_home().await;
}
