//! How near the directory's lock-out logins come: from where nobody knows the subject, and from where it is known.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::base::cidr::Prefix;
use doorward::base::clock::Clock;
use doorward::gateway::drive::{Asker, Reply};
use doorward::login::attempt::Origin;
use doorward::login::throttle::{Lockout, day_of};
use doorward::login::verdict::Reason;

use crate::world::{PASSWORD, Plan, World};

const HOME: [u8; 4] = [198, 51, 100, 7];
const ABROAD: [u8; 4] = [203, 0, 113, 9];

/// A world whose directory locks alice at this many wrong passwords in half an hour, and where she is known at home.
async fn world(threshold: u32) -> World {
    world_with(threshold, Plan::default()).await
}

async fn world_with(threshold: u32, plan: Plan) -> World {
    let world = World::with(plan).await;
    world.directory.change_alice(|alice| {
        let window = Duration::from_secs(30 * 60);
        alice.lockout = Some(Lockout { threshold, window, counted: 0 });
    });
    let network = Prefix::around(IpAddr::from(HOME), 24, 64);
    let digest = world.vault.network_digests(&world.who, network)[0];
    let today = day_of(world.clock.now().unix);
    world.store.note_login(&world.who, today, Some(digest), 30).await.unwrap();
    world
}

/// How alice's login with `password` from there ends; `None` when she is let in or asked for the code.
async fn log_in(world: &World, from: [u8; 4], password: &[u8]) -> Option<Reason> {
    let mut attempt = world.attempt("alice", password);
    attempt.origin = Origin { user: Some(IpAddr::from(from)), ..attempt.origin };
    match world.run(attempt, Asker::patient()).await.reply {
        Reply::Reject(reason) => Some(reason),
        Reply::Accept(_) | Reply::Ask(..) => None,
        Reply::Unable(kind) => panic!("{kind:?}"),
    }
}

fn checks(world: &World) -> usize {
    world.directory.checks.load(Ordering::SeqCst)
}

async fn guesses(world: &World, from: [u8; 4], n: usize) -> Vec<Option<Reason>> {
    let mut reasons = Vec::new();
    for number in 0..n {
        let guess = format!("guess {number} after {}", world.audit.records.lock().unwrap().len());
        reasons.push(log_in(world, from, guess.as_bytes()).await);
    }
    reasons
}

#[tokio::test]
async fn strangers_stop_short_of_the_lock_out_and_leave_the_last_try_to_the_owner_b_087_d_108() {
    let world = world(4).await;
    let (wrong, guarded) = (Some(Reason::WrongPassword), Some(Reason::LockoutGuard));
    assert_eq!(guesses(&world, ABROAD, 5).await, [wrong, wrong, guarded, guarded, guarded]);
    assert_eq!(checks(&world), 2, "the directory locks at four");
    assert_eq!(world.last().reason, "lockout-guard");
    assert_eq!(log_in(&world, ABROAD, PASSWORD).await, guarded, "who knows it is as strange there");
    assert_eq!(log_in(&world, [198, 51, 100, 200], PASSWORD).await, None, "the same network");
    assert_eq!(checks(&world), 3);
    // The right password has ended the directory's own row.
    assert_eq!(guesses(&world, ABROAD, 3).await, [wrong, wrong, Some(Reason::PasswordThrottled)]);
}

#[tokio::test]
async fn the_owner_s_own_mistakes_are_bounded_too_and_forgotten_with_time_b_087() {
    let world = world(3).await;
    let (wrong, guarded) = (Some(Reason::WrongPassword), Some(Reason::LockoutGuard));
    assert_eq!(guesses(&world, ABROAD, 2).await, [wrong, guarded]);
    assert_eq!(guesses(&world, HOME, 2).await, [wrong, guarded]);
    assert_eq!(checks(&world), 2, "the directory locks at three");
    // Its window, and the longest that an answer may take.
    world.clock.advance(Duration::from_secs(30 * 60 + 22));
    assert_eq!(log_in(&world, HOME, PASSWORD).await, guarded);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(log_in(&world, HOME, PASSWORD).await, None);
}

#[tokio::test]
async fn a_network_is_no_longer_familiar_after_a_month() {
    let world = world(3).await;
    world.clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    let (wrong, guarded) = (Some(Reason::WrongPassword), Some(Reason::LockoutGuard));
    assert_eq!(guesses(&world, HOME, 3).await, [wrong, wrong, guarded], "nobody is known anywhere");
    assert_eq!(log_in(&world, HOME, PASSWORD).await, guarded);
}

#[tokio::test]
async fn the_same_wrong_password_is_asked_about_and_counted_once_b_087() {
    let world = world(5).await;
    for _ in 0..20 {
        assert_eq!(log_in(&world, HOME, b"last year's").await, Some(Reason::WrongPassword));
    }
    assert_eq!(checks(&world), 1);
    let record = world.store.recall(&world.who).await.unwrap();
    assert_eq!(record.directory.map(|failures| failures.row), Some(1));
    assert_eq!(log_in(&world, ABROAD, b"last year's").await, Some(Reason::WrongPassword));
    assert_eq!(checks(&world), 1, "wherever it comes from");
    assert_eq!(log_in(&world, HOME, PASSWORD).await, None);

    // It is asked about again once the directory has forgotten it, or the account has another password.
    assert_eq!(log_in(&world, HOME, b"last year's").await, Some(Reason::WrongPassword));
    assert_eq!(checks(&world), 2);
    world.clock.advance(Duration::from_secs(31 * 60));
    assert_eq!(log_in(&world, HOME, b"last year's").await, Some(Reason::WrongPassword));
    assert_eq!(checks(&world), 3);
    world.directory.change_alice(|alice| {
        alice.password = b"last year's".to_vec();
        alice.stamp = Box::from(&b"2"[..]);
    });
    assert_eq!(log_in(&world, HOME, b"last year's").await, None);
}

#[tokio::test]
async fn what_the_directory_has_counted_without_us_keeps_strangers_from_it_and_not_the_owner_d_108() {
    let world = world(5).await;
    world.directory.change_alice(|alice| alice.lockout.as_mut().unwrap().counted = 4);
    assert_eq!(log_in(&world, ABROAD, PASSWORD).await, Some(Reason::LockoutGuard));
    assert_eq!(checks(&world), 0);
    assert_eq!(log_in(&world, HOME, PASSWORD).await, None);
}

#[tokio::test]
async fn whoever_guesses_as_often_as_the_rate_lets_takes_nothing_of_it_from_the_owner_d_108() {
    let world = world_with(5, Plan { subject_per_minute: 3, ..Plan::default() }).await;
    let reasons = guesses(&world, ABROAD, 6).await;
    assert_eq!(reasons.last(), Some(&Some(Reason::TooManyLogins)), "{reasons:?}");
    assert_eq!(log_in(&world, ABROAD, PASSWORD).await, Some(Reason::TooManyLogins));
    assert_eq!(log_in(&world, HOME, PASSWORD).await, None);
}
