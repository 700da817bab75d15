//! The code before the password: what reaches the directory, and what a stranger can see.

use std::sync::atomic::Ordering;

use doorward::gateway::drive::Reply;
use doorward::login::client::{CodeEntry, Order, Typed};
use doorward::login::verdict::Reason;

use crate::world::{PASSWORD, World};

async fn world() -> World {
    let mut world = World::new().await;
    world.client.order = Order::FactorFirst;
    world
}

fn checks(world: &World) -> usize {
    world.directory.checks.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_spray_never_reaches_the_directory_and_every_name_sees_the_same_d_108() {
    let world = world().await;
    for user in ["alice", "mallory", "svc-wiki"] {
        for n in 0..20 {
            let reply = world.begin(user, b"Winter2026!").await;
            let Reply::Ask(id, prompt) = reply else { panic!("{user} {n}: {reply:?}") };
            assert_eq!(&*prompt.text, "Code:");
            let end = world.answer_as(user, id, "000000").await.reply;
            assert!(matches!(end, Reply::Reject(_)), "{user} {n}: {end:?}");
        }
    }
    assert_eq!(checks(&world), 0);
    assert_eq!(world.wrong_passwords().await, 0);
    let record = world.store.recall(&world.who).await.unwrap();
    assert!(record.codes.is_empty(), "nor is her factor any nearer to its lock: {:?}", record.codes);
}

#[tokio::test]
async fn the_right_code_and_then_the_right_password_let_in_with_one_question_to_the_directory() {
    let world = world().await;
    let id = world.question().await;
    assert_eq!(checks(&world), 0);
    let reply = world.answer(id, &world.code()).await;
    assert!(matches!(reply, Reply::Accept(_)), "{reply:?}");
    assert_eq!(checks(&world), 1);
}

#[tokio::test]
async fn a_wrong_password_behind_a_right_code_is_counted_and_the_code_is_used_up() {
    let world = world().await;
    let Reply::Ask(id, _) = world.begin("alice", b"wrong").await else { panic!("a question first") };
    let reply = world.answer(id, &world.code()).await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "{reply:?}");
    assert_eq!((checks(&world), world.wrong_passwords().await), (1, 1));
    let id = world.question().await;
    let reply = world.answer(id, &world.code()).await;
    assert!(matches!(reply, Reply::Reject(Reason::ReplayedCode)), "{reply:?}");
}

#[tokio::test]
async fn in_one_field_the_code_is_settled_before_the_password_leaves() {
    let mut world = world().await;
    world.client.entry = CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } };
    let reply = world.begin("alice", &[PASSWORD, b"000000"].concat()).await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongCode)), "{reply:?}");
    let reply = world.begin("mallory", &[PASSWORD, b"000000"].concat()).await;
    assert!(matches!(reply, Reply::Reject(Reason::UnknownSubject)), "{reply:?}");
    assert_eq!(checks(&world), 0);
    let reply = world.begin("alice", &[PASSWORD, world.code().as_bytes()].concat()).await;
    assert!(matches!(reply, Reply::Accept(_)), "{reply:?}");
    assert_eq!(checks(&world), 1);
}
