//! Logins whose asker goes away: nobody is let in, and nobody guesses for free.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::gateway::drive::{Asker, Ended, Reply};
use doorward::login::client::{CodeEntry, Typed};
use doorward::login::verdict::Reason;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::{ALL, Opened, PASSWORD, World, until};

/// A connection that somebody logs in on, and may hang up.
struct Line {
    hang_up: watch::Sender<bool>,
    login: JoinHandle<Ended>,
}

impl Line {
    fn open(world: &Arc<World>, field: &[u8]) -> Self {
        let (hang_up, gone) = watch::channel(false);
        let (attempt, world) = (world.attempt("alice", field), world.clone());
        let login = tokio::spawn(async move { world.run(attempt, Asker::going_on(gone)).await });
        Self { hang_up, login }
    }

    /// The end of the login, which must come soon.
    async fn end(self) -> Ended {
        tokio::time::timeout(Duration::from_secs(10), self.login).await.expect("it ends").unwrap()
    }

    async fn hung_up(self) -> Ended {
        self.hang_up.send_replace(true);
        self.end().await
    }
}

/// Codes are typed behind the password.
async fn world() -> World {
    let mut world = World::new().await;
    world.client.entry = CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } };
    world
}

fn field(world: &World) -> Vec<u8> {
    [PASSWORD, world.code().as_bytes()].concat()
}

#[tokio::test]
async fn who_stays_is_let_in_and_handed_what_his_password_opened() {
    let world = Arc::new(world().await);
    let ended = Line::open(&world, &field(&world)).end().await;
    assert!(matches!(ended.reply, Reply::Accept(_)), "{:?}", ended.reply);
    assert_eq!(ended.who.as_ref(), Some(&world.who));
    let opened = ended.session.unwrap().open::<Opened>();
    assert_eq!(world.directory.sessions.load(Ordering::SeqCst), 1);
    drop(opened);
    assert_eq!(world.directory.sessions.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn hanging_up_before_the_directory_answers_does_not_make_guessing_free_b_087() {
    let world = Arc::new(world().await);
    for n in 1..=4 {
        let closed = world.directory.check_gate.acquire_many(ALL).await.unwrap();
        let line = Line::open(&world, b"guess000000");
        until("the directory is asked", || world.directory.at_once.load(Ordering::SeqCst) == 1).await;
        line.hang_up.send_replace(true);
        drop(closed);
        let ended = line.end().await;
        assert!(matches!(ended.reply, Reply::Reject(Reason::WrongPassword)), "{:?}", ended.reply);
        assert_eq!(world.wrong_passwords().await, n);
    }
    let reply = world.begin("alice", b"guess000000").await;
    assert!(matches!(reply, Reply::Reject(Reason::PasswordThrottled)), "{reply:?}");
    assert_eq!(world.directory.checks.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn nobody_is_let_in_who_has_gone_and_what_his_password_opened_is_dropped() {
    let world = Arc::new(world().await);
    let closed = world.directory.check_gate.acquire_many(ALL).await.unwrap();
    let line = Line::open(&world, &field(&world));
    until("the directory is asked", || world.directory.at_once.load(Ordering::SeqCst) == 1).await;
    line.hang_up.send_replace(true);
    drop(closed);
    let ended = line.end().await;
    assert!(matches!(ended.reply, Reply::Reject(Reason::CalledOff)), "{:?}", ended.reply);
    assert!(ended.session.is_none());
    assert_eq!(world.directory.sessions.load(Ordering::SeqCst), 0);
    assert_eq!(world.reasons(), ["called-off"], "and the audit speaks of no accept");
    let reply = world.begin("alice", &field(&world)).await;
    assert!(matches!(reply, Reply::Accept(_)), "the code was not used up for nobody: {reply:?}");
}

#[tokio::test]
async fn who_hangs_up_while_he_waits_for_his_turn_ends_at_once_and_his_place_comes_back() {
    let world = Arc::new(world().await);
    let closed = world.directory.check_gate.acquire_many(ALL).await.unwrap();
    let first = Line::open(&world, &field(&world));
    until("the directory is asked", || world.directory.at_once.load(Ordering::SeqCst) == 1).await;
    let finds = world.directory.finds.load(Ordering::SeqCst);
    let second = Line::open(&world, &field(&world));
    until("the second is looked up", || world.directory.finds.load(Ordering::SeqCst) > finds).await;
    let ended = second.hung_up().await;
    assert!(matches!(ended.reply, Reply::Reject(Reason::CalledOff)), "{:?}", ended.reply);
    assert_eq!(world.gateway.admission().running(), 1, "the first still runs");
    drop(closed);
    assert!(matches!(first.end().await.reply, Reply::Accept(_)));
}

#[tokio::test]
async fn who_hangs_up_while_his_name_is_looked_up_ends_at_once() {
    let world = Arc::new(world().await);
    let _closed = world.directory.find_gate.acquire_many(ALL).await.unwrap();
    let finds = world.directory.finds.load(Ordering::SeqCst);
    let line = Line::open(&world, &field(&world));
    until("he is looked up", || world.directory.finds.load(Ordering::SeqCst) > finds).await;
    let ended = line.hung_up().await;
    assert!(matches!(ended.reply, Reply::Reject(Reason::CalledOff)), "{:?}", ended.reply);
    assert_eq!(world.directory.checks.load(Ordering::SeqCst), 0);
    assert_eq!(world.gateway.admission().running(), 0);
}

#[tokio::test]
async fn who_was_gone_before_anything_began_costs_the_directory_nothing() {
    let world = Arc::new(world().await);
    let finds = world.directory.finds.load(Ordering::SeqCst);
    let (hang_up, gone) = watch::channel(false);
    drop(hang_up);
    let ended = world.run(world.attempt("alice", &field(&world)), Asker::going_on(gone)).await;
    assert!(matches!(ended.reply, Reply::Reject(Reason::CalledOff)), "{:?}", ended.reply);
    assert_eq!(world.directory.finds.load(Ordering::SeqCst), finds);
}

#[tokio::test]
async fn a_rejection_is_not_held_back_for_nobody() {
    let mut world = world().await;
    world.client.reject_delay = Duration::from_secs(60);
    let world = Arc::new(world);
    let line = Line::open(&world, b"wrong000000");
    until("it is rejected", || world.reasons() == ["wrong-password"]).await;
    assert!(!line.login.is_finished(), "it is held back");
    assert!(matches!(line.hung_up().await.reply, Reply::Reject(Reason::WrongPassword)));
}
