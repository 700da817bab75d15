//! A rule may say how long a confirmed factor counts again at the same place.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use doorward::base::clock::{Clock, UnixTime};
use doorward::gateway::drive::{Asker, Reply};
use doorward::gateway::ports::{Counted, NewEnrolment};
use doorward::login::attempt::Attempt;
use doorward::login::client::Order;
use doorward::login::factor::{
    EnrolmentId, FactorKind, FactorKinds, Parameters, Progress, Proof, Sealed, Try,
};
use doorward::login::identity::{Groups, Standing};
use doorward::login::policy::{Condition, Options, Policy, Requirement, Rule};
use doorward::login::throttle::Limits;
use doorward::login::verdict::{Basis, Reason};

use crate::world::{Alice, PASSWORD, Plan, World};

const HOME: [u8; 4] = [203, 0, 113, 7];
const HOUR: Duration = Duration::from_secs(3600);

fn plan(remember: Option<Duration>) -> Plan {
    let options = Options { remember, ..Options::default() };
    let then = Requirement::OneOf(FactorKinds::ALL);
    let rule = Rule { name: "vpn".into(), when: Condition::ALWAYS, then, options };
    Plan { policy: Policy::new(vec![rule]), ..Plan::default() }
}

fn at_home(world: &World) -> Attempt {
    let mut attempt = world.attempt("alice", PASSWORD);
    attempt.origin.user = Some(IpAddr::from(HOME));
    attempt.hint = Some(Box::from(&b"0a1b2c3d4e5f"[..]));
    attempt
}

/// Somebody who has shown his code at home.
async fn known() -> World {
    let world = World::with(plan(Some(8 * HOUR))).await;
    let Reply::Ask(id, _) = run(&world, at_home(&world)).await else { panic!("a question first") };
    let code = world.code();
    assert!(matches!(world.answer(id, &code).await, Reply::Accept(_)));
    world
}

async fn run(world: &World, attempt: Attempt) -> Reply {
    world.run(attempt, Asker::patient()).await.reply
}

async fn counts(world: &World, attempt: Attempt) -> bool {
    match run(world, attempt).await {
        Reply::Accept(grant) => matches!(grant.basis(), Basis::Remembered(_)),
        Reply::Ask(..) => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_factor_counts_again_at_its_place_for_as_long_as_the_rule_says_and_the_password_is_verified() {
    let world = known().await;
    for _ in 0..7 {
        assert!(counts(&world, at_home(&world)).await);
        world.clock.advance(HOUR);
    }
    assert_eq!(world.last().reason, "remembered");
    let checks = world.directory.checks.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(checks, 8);
    world.clock.advance(HOUR);
    assert!(!counts(&world, at_home(&world)).await, "its time does not begin anew");
    let mut wrong = at_home(&world);
    wrong.credential = world.attempt("alice", b"wrong").credential;
    let reply = run(&world, wrong).await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "{reply:?}");
}

#[tokio::test]
async fn it_counts_at_no_other_place_and_nowhere_when_the_place_is_not_known() {
    let world = known().await;
    let other = |change: fn(&mut Attempt)| {
        let mut attempt = at_home(&world);
        change(&mut attempt);
        attempt
    };
    for attempt in [
        other(|a| a.origin.user = Some(IpAddr::from([203, 0, 113, 8]))),
        other(|a| a.origin.user = None),
        other(|a| a.hint = None),
        other(|a| a.hint = Some(Box::from(&b"another device"[..]))),
        other(|a| {
            let mut client = (*a.client).clone();
            client.name = "wiki".into();
            a.client = Arc::new(client);
        }),
    ] {
        assert!(!counts(&world, attempt).await);
    }
    assert!(counts(&world, at_home(&world)).await);
}

#[tokio::test]
async fn without_a_user_address_nothing_is_remembered() {
    let world = World::with(plan(Some(8 * HOUR))).await;
    let id = world.question().await;
    assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)));
    assert!(!counts(&world, world.attempt("alice", PASSWORD)).await);
}

#[tokio::test]
async fn a_rule_that_says_nothing_or_less_counts_at_once() {
    let world = known().await;
    world.reload(&plan(None));
    assert!(!counts(&world, at_home(&world)).await);
    world.reload(&plan(Some(HOUR)));
    assert!(counts(&world, at_home(&world)).await);
    world.clock.advance(HOUR);
    assert!(!counts(&world, at_home(&world)).await);
    world.reload(&plan(Some(1000 * HOUR)));
    world.clock.advance(166 * HOUR);
    assert!(counts(&world, at_home(&world)).await);
    world.clock.advance(HOUR);
    assert!(!counts(&world, at_home(&world)).await, "a week is the longest");
}

#[tokio::test]
async fn whatever_changes_about_the_account_ends_it_for_good() {
    for what in ["password", "groups", "lock", "wrong password"] {
        let world = known().await;
        if what == "wrong password" {
            assert!(matches!(world.begin("alice", b"wrong").await, Reply::Reject(Reason::WrongPassword)));
        }
        world.directory.change_alice(|alice| match what {
            "password" => alice.stamp = Box::from(&b"2"[..]),
            "groups" => alice.groups = Groups::from(["g".into()]),
            "lock" => alice.standing = Standing::Locked,
            _ => {}
        });
        let _changed = run(&world, at_home(&world)).await;
        world.directory.change_alice(|alice| *alice = Alice::default());
        assert!(!counts(&world, at_home(&world)).await, "{what}");
    }
}

async fn enrol(world: &World, n: u8, parameters: Parameters, replaces: bool) {
    let enrolment = NewEnrolment {
        id: EnrolmentId([n; 16]),
        parameters,
        sealed: Sealed { key_id: 99, bytes: [0; 49].into() },
        progress: Progress::UNUSED,
        created: UnixTime(0),
        replaces,
    };
    world.store.enrol(&world.who, enrolment).await.unwrap();
}

#[tokio::test]
async fn a_factor_that_is_replaced_ends_its_places_for_good() {
    let world = known().await;
    let parameters = world.store.recall(&world.who).await.unwrap().enrolments[0].parameters;
    assert!(counts(&world, at_home(&world)).await);
    enrol(&world, 9, parameters, true).await;
    assert!(!counts(&world, at_home(&world)).await, "the new one is asked for");
}

#[tokio::test]
async fn of_two_factors_the_one_that_is_taken_away_ends_the_places_of_both() {
    let world = World::with(plan(Some(8 * HOUR))).await;
    enrol(&world, 9, Parameters::Recovery, false).await;
    let Reply::Ask(id, _) = run(&world, at_home(&world)).await else { panic!("a question first") };
    assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)));
    assert!(counts(&world, at_home(&world)).await);
    assert!(world.store.revoke(&world.who, EnrolmentId([9; 16])).await.unwrap());
    assert!(!counts(&world, at_home(&world)).await);
    enrol(&world, 9, Parameters::Recovery, false).await;
    assert!(!counts(&world, at_home(&world)).await, "not when everything is as before again");
}

#[tokio::test]
async fn whoever_is_forgotten_is_a_stranger_at_the_places_where_he_was_known() {
    let world = known().await;
    assert!(world.store.forget(&world.who).await.unwrap());
    let reply = run(&world, at_home(&world)).await;
    assert!(matches!(reply, Reply::Reject(Reason::NotEnrolled)), "{reply:?}");
}

#[tokio::test]
async fn a_lock_that_is_released_leaves_the_places_alone_unless_their_owner_came_meanwhile() {
    for came_meanwhile in [false, true] {
        let world = known().await;
        let kind = FactorKind::Totp;
        let tries = [Try { enrolment: EnrolmentId([7; 16]), kind, mark: None }];
        let limits = Limits { per_day: 1, ..Limits::FACTOR };
        let now = world.clock.now().unix;
        world.store.settle(&world.who, &tries, now, &limits, Proof::Proven).await.unwrap();
        let record = world.store.recall(&world.who).await.unwrap();
        assert!(record.codes.iter().any(|(of, failures)| *of == kind && failures.locked), "{record:?}");
        if came_meanwhile {
            assert!(!counts_or_is_refused(&world).await);
        }
        assert!(world.store.forget_failures(&world.who, Counted::Factor(kind), true).await.unwrap());
        assert_eq!(counts(&world, at_home(&world)).await, !came_meanwhile);
    }
}

/// Whether a login at home is let in by what is remembered; with a lock it is refused.
async fn counts_or_is_refused(world: &World) -> bool {
    match run(world, at_home(world)).await {
        Reply::Accept(_) => true,
        Reply::Ask(..) | Reply::Reject(_) => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_password_that_is_wrong_behind_a_question_ends_it_as_any_other_does() {
    let world = known().await;
    world.clock.advance(Duration::from_secs(60));
    let mut elsewhere = world.attempt("alice", b"wrong");
    let mut client = (*elsewhere.client).clone();
    client.order = Order::FactorFirst;
    elsewhere.client = Arc::new(client);
    let Reply::Ask(id, _) = run(&world, elsewhere).await else { panic!("the code first") };
    let reply = world.answer(id, &world.code()).await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "{reply:?}");
    assert!(!counts(&world, at_home(&world)).await);
}

#[tokio::test]
async fn a_factor_that_is_taken_away_takes_its_places_with_it() {
    let world = known().await;
    let record = world.store.recall(&world.who).await.unwrap();
    for enrolment in record.enrolments {
        assert!(world.store.revoke(&world.who, enrolment.id).await.unwrap());
    }
    let reply = run(&world, at_home(&world)).await;
    assert!(matches!(reply, Reply::Reject(Reason::NotEnrolled)), "{reply:?}");
}
