//! Logins that have their place and wait for their turn, while an administrator's command writes to the same store.

use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::base::clock::Clock;
use doorward::gateway::drive::{Asker, Reply};
use doorward::gateway::ports::Store;
use doorward::login::attempt::Attempt;
use doorward::login::client::{CodeEntry, Typed};
use doorward::login::policy::{Condition, Policy, Requirement, Rule};
use doorward::login::verdict::{Basis, FaultKind, Reason};
use doorward::store::sqlite::Sqlite;

use crate::world::{PASSWORD, Plan, World};

/// Longer than those who begin together need for it, and shorter than a device waits.
const A_STALL: Duration = Duration::from_secs(5);

/// What lets alice in without a code that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A rule that asks for none.
    NoCode,
    /// One that was confirmed a short while ago.
    Remembered,
}

/// Alice, who is let in by her password and what is known of her.
struct Waiting {
    world: World,
    command: Sqlite,
    field: Vec<u8>,
    way: Way,
}

impl Waiting {
    async fn new(way: Way) -> Self {
        let rules = match way {
            Way::NoCode => vec![Rule::new("all", Condition::ALWAYS, Requirement::None)],
            Way::Remembered => Vec::new(),
        };
        let mut world = World::with(Plan { policy: Policy::new(rules), ..Plan::default() }).await;
        world.directory.finds_at_once.store(true, Ordering::SeqCst);
        let mut field = PASSWORD.to_vec();
        if way == Way::Remembered {
            world.client.entry = CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } };
            world.client.remember = Some(Duration::from_secs(300));
            field.extend_from_slice(world.code().as_bytes());
            let reply = world.begin("alice", &field).await;
            assert!(
                matches!(&reply, Reply::Accept(g) if matches!(g.basis(), Basis::Confirmed(_))),
                "{reply:?}"
            );
        }
        let command = Sqlite::open(&world.folder.path().join("db")).unwrap();
        Self { world, command, field, way }
    }

    fn attempt(&self) -> Attempt {
        self.world.attempt("alice", &self.field)
    }

    /// Somebody else's login looks whether anything was written, and nothing was.
    async fn others_look(&self) {
        for _ in 0..3 {
            self.world.store.recall(&self.world.who).await.unwrap();
        }
    }

    /// The administrator takes away what lets her in, and is told that it is gone.
    async fn revoke(&self) {
        let (who, now) = (&self.world.who, self.world.clock.now().unix);
        match self.way {
            Way::NoCode => assert!(self.command.set_validity(who, None, Some(now)).await.unwrap()),
            Way::Remembered => {
                let factor = self.command.recall(who).await.unwrap().enrolments[0].id;
                assert!(self.command.revoke(who, factor).await.unwrap());
            }
        }
    }

    fn is_turned_away(&self, reply: &Reply) -> bool {
        match self.way {
            Way::NoCode => matches!(reply, Reply::Reject(Reason::OutsideValidity)),
            Way::Remembered => matches!(reply, Reply::Reject(_)),
        }
    }
}

#[tokio::test]
async fn whoever_waits_for_his_turn_is_judged_by_what_is_known_when_it_comes() {
    for way in [Way::NoCode, Way::Remembered] {
        let waiting = Waiting::new(way).await;
        let gateway = &waiting.world.gateway;
        let attempt = waiting.attempt();
        let place = gateway.admit(&attempt).unwrap();
        waiting.others_look().await;
        waiting.revoke().await;
        waiting.world.clock.advance(A_STALL);
        let ended = gateway.begin(attempt, place, Asker::patient()).await;
        assert!(waiting.is_turned_away(&ended.reply), "{way:?}: {:?}", ended.reply);
    }
}

#[tokio::test]
async fn whoever_is_held_up_behind_one_of_his_turn_knows_what_was_written_meanwhile() {
    for way in [Way::NoCode, Way::Remembered] {
        let waiting = Waiting::new(way).await;
        let gateway = &waiting.world.gateway;
        let turn = gateway.since(waiting.world.clock.now());
        let [first, second] = [(); 2].map(|()| {
            let attempt = waiting.attempt();
            let place = gateway.admit(&attempt).unwrap().with(turn);
            (attempt, place)
        });
        let ended = gateway.begin(first.0, first.1, Asker::patient()).await;
        assert!(matches!(ended.reply, Reply::Accept(_)), "{way:?}: {:?}", ended.reply);
        waiting.others_look().await;
        waiting.revoke().await;
        waiting.world.clock.advance(A_STALL);
        let ended = gateway.begin(second.0, second.1, Asker::patient()).await;
        assert!(waiting.is_turned_away(&ended.reply), "{way:?}: {:?}", ended.reply);
    }
}

#[tokio::test]
async fn a_login_that_begins_when_its_device_has_given_up_uses_up_no_code() {
    let mut world = World::new().await;
    world.client.entry = CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } };
    let field = [PASSWORD, world.code().as_bytes()].concat();
    let attempt = world.attempt("alice", &field);
    let place = world.gateway.admit(&attempt).unwrap();
    world.clock.advance(world.client.login_timeout);
    let ended = world.gateway.begin(attempt, place, Asker::patient()).await;
    assert!(matches!(ended.reply, Reply::Unable(FaultKind::TimedOut)), "{:?}", ended.reply);
    assert_eq!(world.directory.checks.load(Ordering::SeqCst), 0, "nor is anybody asked");
    let reply = world.begin("alice", &field).await;
    assert!(matches!(reply, Reply::Accept(_)), "{reply:?}");
}
