//! A new password in place of one that has expired, from the first question to the directory.

use doorward::gateway::drive::Reply;
use doorward::login::attempt::ChallengeId;
use doorward::login::client::NewPasswordPrompts;
use doorward::login::identity::Standing;
use doorward::login::verdict::Reason;

use crate::world::{PASSWORD, World};

async fn world() -> World {
    let mut world = World::new().await;
    world.client.new_password =
        Some(NewPasswordPrompts { new: "New:".into(), again: "Again:".into(), refused: "Not taken.".into() });
    world.directory.change_alice(|alice| alice.standing = Standing::MustChange);
    world
}

fn asked(reply: &Reply, text: &str) -> ChallengeId {
    match reply {
        Reply::Ask(id, prompt) if &*prompt.text == text => *id,
        other => panic!("{text:?} is asked: {other:?}"),
    }
}

#[tokio::test]
async fn a_password_that_must_be_changed_is_changed_after_the_code_and_the_new_one_is_the_only_one_b_093() {
    let world = world().await;
    let code = asked(&world.begin("alice", PASSWORD).await, "Code:");
    let new = asked(&world.answer(code, &world.code()).await, "New:");
    let again = asked(&world.answer(new, "short").await, "Again:");
    let new = asked(&world.answer(again, "short").await, "Not taken. New:");
    let again = asked(&world.answer(new, "long enough").await, "Again:");
    let reply = world.answer(again, "long enough").await;
    assert!(matches!(reply, Reply::Accept(_)), "{reply:?}");
    let last = world.last();
    assert_eq!((last.outcome, last.reason, last.stage), ("accept", "confirmed", "password-change"));
    assert_eq!(world.wrong_passwords().await, 0);

    assert!(matches!(world.begin("alice", PASSWORD).await, Reply::Reject(Reason::WrongPassword)));
    assert!(matches!(world.begin("alice", b"long enough").await, Reply::Ask(..)));
}

#[tokio::test]
async fn the_old_password_without_the_code_changes_nothing() {
    let world = world().await;
    let code = asked(&world.begin("alice", PASSWORD).await, "Code:");
    assert!(matches!(world.answer(code, "000000").await, Reply::Reject(Reason::WrongCode)));
    let code = asked(&world.begin("alice", PASSWORD).await, "Code:");
    let new = asked(&world.answer(code, &world.code()).await, "New:");
    let foreign = world.answer_as("mallory", new, "chosen by another").await.reply;
    assert!(matches!(foreign, Reply::Reject(Reason::UnknownChallenge)), "{foreign:?}");
    let dead = world.answer(new, "chosen too late").await;
    assert!(matches!(dead, Reply::Reject(Reason::UnknownChallenge)), "{dead:?}");
    assert!(matches!(world.begin("alice", PASSWORD).await, Reply::Ask(..)), "the old one is still right");
}

#[tokio::test]
async fn an_account_that_is_disabled_while_its_owner_chooses_keeps_its_password_a_073() {
    let world = world().await;
    let code = asked(&world.begin("alice", PASSWORD).await, "Code:");
    let new = asked(&world.answer(code, &world.code()).await, "New:");
    let again = asked(&world.answer(new, "long enough").await, "Again:");
    world.directory.change_alice(|alice| alice.standing = Standing::Disabled);
    let reply = world.answer(again, "long enough").await;
    assert!(matches!(reply, Reply::Reject(Reason::AccountDisabled)), "{reply:?}");
    world.directory.change_alice(|alice| assert_eq!(alice.password, PASSWORD));
}
