//! How often, and how many at once, one subject may log in: each limit shuts, stays shut, and opens again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::gateway::drive::Reply;
use doorward::login::verdict::Reason;

use tokio::task::JoinSet;

use crate::world::{ALL, PASSWORD, Plan, World};

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// Whether alice's right password leads to the question; otherwise it must be the rate that stops her.
async fn may(world: &World) -> bool {
    match world.begin("alice", PASSWORD).await {
        Reply::Ask(..) => true,
        Reply::Reject(Reason::TooManyLogins) => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_subject_has_so_many_logins_in_a_minute_and_gets_them_back_one_by_one() {
    let world = World::with(Plan { subject_per_minute: 2, ..Plan::default() }).await;
    assert_eq!([may(&world).await, may(&world).await, may(&world).await], [true, true, false]);
    world.clock.advance(HALF_A_MINUTE - Duration::from_secs(1));
    assert!(!may(&world).await, "not yet");
    let checks = world.directory.checks.load(Ordering::SeqCst);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!([may(&world).await, may(&world).await], [true, false], "one of two after half a minute");
    assert_eq!(world.directory.checks.load(Ordering::SeqCst), checks + 1, "who is over it asks no directory");
    world.clock.advance(100 * HALF_A_MINUTE);
    world.gateway.tidy();
    assert_eq!(
        [may(&world).await, may(&world).await, may(&world).await],
        [true, true, false],
        "and no more than two, however long nobody came"
    );
    assert_eq!(world.last().reason, "too-many-logins");
}

#[tokio::test]
async fn so_many_logins_of_a_subject_run_or_wait_at_once_and_time_makes_no_room_but_an_end_does() {
    let world = Arc::new(World::with(Plan { subject_at_once: 2, ..Plan::default() }).await);
    let shut = world.directory.check_gate.acquire_many(ALL).await.unwrap();
    let mut running = JoinSet::new();
    for _ in 0..3 {
        let world = world.clone();
        running.spawn(async move { world.begin("alice", PASSWORD).await });
    }
    let turned_away = running.join_next().await.unwrap().unwrap();
    assert!(matches!(turned_away, Reply::Reject(Reason::TooManyLogins)), "{turned_away:?}");
    assert_eq!(running.len(), 2, "one runs and one waits");
    assert!(!may(&world).await);
    world.clock.advance(Duration::from_secs(3600));
    world.gateway.tidy();
    assert!(!may(&world).await, "an hour later both are still there");

    drop(shut);
    while let Some(ended) = running.join_next().await {
        let _late_or_not = ended.unwrap();
    }
    assert!(may(&world).await, "they have gone");
    assert_eq!(world.gateway.admission().running(), 0);
}
