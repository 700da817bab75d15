//! A store whose disk is slower than what comes: who has begun goes on, and nobody begins.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use doorward::gateway::admit::Refused;
use doorward::gateway::drive::Reply;
use doorward::login::attempt::ChallengeId;
use doorward::login::verdict::FaultKind;
use doorward::store::sqlite::Size;

use crate::world::{PASSWORD, Plan, T0, World, code_at};

/// Writes that may wait.
const ROOM: usize = 8;

/// As many writes as there is room for, one by one, each of which waits for the disk.
async fn writes(world: &World, many: usize) -> Vec<tokio::task::JoinHandle<()>> {
    let mut writes = Vec::new();
    for _ in 0..many {
        let (store, who) = (world.store.clone(), world.who.clone());
        writes.push(tokio::spawn(async move { store.note_login(&who, 1, None, 0).await.unwrap() }));
        tokio::task::yield_now().await;
    }
    writes
}

#[tokio::test]
async fn a_store_that_is_behind_takes_replies_to_its_end_and_new_logins_to_its_half_a_122_a_123() {
    let store = Size { queue: ROOM, patience: Duration::from_secs(60), ..Size::default() };
    let world = World::with(Plan { store, ..Plan::default() }).await;
    let question = world.question().await;
    let client: Arc<str> = world.client.name.clone();
    let begin = || world.gateway.admit(&world.attempt("alice", PASSWORD)).map(drop);
    assert_eq!(begin(), Ok(()));

    // Another process has the journal, and keeps it for as long as a disk may hang.
    let journal = File::open(world.folder.path().join("db.log")).unwrap();
    journal.lock().unwrap();
    let mut waiting = writes(&world, ROOM / 2).await;
    assert_eq!(begin(), Ok(()), "half of the room is for everybody");
    waiting.extend(writes(&world, 1).await);
    assert_eq!(begin(), Err(Refused::StoreBehind));
    let stray = world.gateway.admit_reply(ChallengeId([9; 16]), &client);
    assert_eq!(stray.map(drop), Err(Refused::StoreBehind), "nobody asked that");
    assert!(world.gateway.admit_reply(question, &client).is_ok(), "whoever was asked may answer");

    // The answer waits for the journal like the writes before it.
    let code = code_at(T0);
    let answer = world.answer(question, &code);
    let rest = async {
        waiting.extend(writes(&world, ROOM - ROOM / 2 - 2).await);
        let fault = world.store.note_login(&world.who, 1, None, 0).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Overloaded, "then it is full");
        assert!(waiting.iter().all(|write| !write.is_finished()));
        journal.unlock().unwrap();
        for write in waiting {
            write.await.unwrap();
        }
    };
    let (reply, ()) = tokio::join!(answer, rest);
    assert!(matches!(reply, Reply::Accept(_)), "{reply:?}");
    assert_eq!(begin(), Ok(()), "as soon as it has caught up");
}
