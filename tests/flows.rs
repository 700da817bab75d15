//! The assembled gateway inside the test process: real store, real factors, a directory and an audit made
//! for tests, and a clock that is moved by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "flows/badge.rs"]
mod badge;
#[path = "flows/behind.rs"]
mod behind;
#[path = "flows/by_rule.rs"]
mod by_rule;
#[path = "flows/called_off.rs"]
mod called_off;
#[path = "flows/change.rs"]
mod change;
#[path = "flows/code_first.rs"]
mod code_first;
#[path = "flows/exempt.rs"]
mod exempt;
#[path = "flows/fake.rs"]
mod fake;
#[path = "flows/faulty.rs"]
mod faulty;
#[path = "flows/lockout.rs"]
mod lockout;
#[path = "flows/rates.rs"]
mod rates;
#[path = "flows/remember.rs"]
mod remember;
#[path = "flows/spray.rs"]
mod spray;
#[path = "flows/upstream.rs"]
mod upstream;
#[path = "flows/waiting.rs"]
mod waiting;
#[path = "flows/world.rs"]
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock, UnixTime};
use doorward::gateway::drive::Reply;
use doorward::gateway::ports::NewEnrolment;
use doorward::login::factor::{EnrolmentId, OtpAlgorithm, Parameters, Progress, Sealed};
use doorward::login::throttle::Limits;
use doorward::login::verdict::{FaultKind, Reason};

use crate::world::{PASSWORD, T0, World};

#[tokio::test]
async fn a_question_that_nobody_answers_ends_in_one_record_and_its_id_is_dead() {
    let world = World::new().await;
    let id = world.question().await;
    assert_eq!(world.gateway.questions(), 1);
    world.clock.advance(Duration::from_secs(119));
    world.gateway.tidy();
    assert_eq!(world.reasons(), [""; 0], "not yet");
    world.clock.advance(Duration::from_secs(1));
    world.gateway.tidy();
    assert_eq!(world.reasons(), ["answer-late"]);
    assert_eq!(world.gateway.questions(), 0);
    let reply = world.answer(id, &world.code()).await;
    assert!(matches!(reply, Reply::Reject(Reason::UnknownChallenge)), "{reply:?}");
}

#[tokio::test]
async fn a_code_let_in_once_is_refused_after_the_clock_jumps_back_c_028() {
    let world = World::new().await;
    let id = world.question().await;
    let code = world.code();
    assert!(matches!(world.answer(id, &code).await, Reply::Accept(_)));
    for back in [0, 30, 90, 86_400] {
        world.clock.jump_to(UnixTime::from_seconds(T0 - back));
        let id = world.question().await;
        let reply = world.answer(id, &world.code()).await;
        assert!(matches!(reply, Reply::Reject(Reason::ReplayedCode)), "{back} s back: {reply:?}");
    }
}

#[tokio::test]
async fn a_directory_that_hangs_is_a_fault_in_time_and_never_a_no() {
    let mut world = World::new().await;
    world.client.login_timeout = Duration::from_millis(50);
    world.directory.hangs.store(true, Ordering::SeqCst);
    let reply = world.begin("alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Unable(FaultKind::TimedOut)), "{reply:?}");
    assert_eq!(world.reasons(), ["timed-out"]);
}

#[tokio::test]
async fn without_an_audit_record_there_is_no_accept_d_117() {
    let world = World::new().await;
    let id = world.question().await;
    world.audit.full.store(true, Ordering::SeqCst);
    let reply = world.answer(id, &world.code()).await;
    assert!(matches!(reply, Reply::Unable(FaultKind::AuditUnavailable)), "{reply:?}");
}

#[tokio::test]
async fn no_rejection_leaves_before_its_time_whatever_its_cause_d_100() {
    let mut world = World::new().await;
    world.client.reject_delay = Duration::from_millis(80);
    for (user, password) in
        [("alice", &b"wrong"[..]), ("mallory", PASSWORD), ("alice", b""), ("alice", b"a\0b")]
    {
        // The gateway waits on the runtime's clock; ours stands still meanwhile.
        let before = SystemClock.now().steady;
        let reply = world.begin(user, password).await;
        let took = SystemClock.now().steady - before;
        assert!(matches!(reply, Reply::Reject(_)), "{reply:?}");
        assert!(took >= Duration::from_millis(80), "{user} after {took:?}");
    }
}

#[tokio::test]
async fn at_the_end_of_the_program_rejections_do_not_wait() {
    let mut world = World::new().await;
    world.client.reject_delay = Duration::from_secs(10);
    world.gateway.hurry();
    let before = SystemClock.now().steady;
    let _reply = world.begin("alice", b"wrong").await;
    assert!(SystemClock.now().steady - before < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_at_a_password_reach_the_directory_four_times_b_087() {
    let world = Arc::new(World::new().await);
    let tries: Vec<_> = (0..40)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.begin("alice", b"guess").await })
        })
        .collect();
    for one in tries {
        assert!(matches!(one.await.unwrap(), Reply::Reject(_)));
    }
    assert_eq!(world.directory.checks.load(Ordering::SeqCst), 4, "then the gateway waits on its own");
    assert_eq!(world.directory.most_at_once.load(Ordering::SeqCst), 1, "one login of a subject at a time");
    let throttled = world.reasons().iter().filter(|r| **r == "password-throttled").count();
    assert_eq!(throttled, 36);
}

#[tokio::test]
async fn after_the_wait_the_right_password_lets_in_and_the_row_is_over() {
    let world = World::new().await;
    for _ in 0..4 {
        let _reply = world.begin("alice", b"wrong").await;
    }
    assert!(matches!(world.begin("alice", PASSWORD).await, Reply::Reject(Reason::PasswordThrottled)));
    world.clock.advance(Limits::PASSWORD.first_wait + Duration::from_secs(1));
    let id = world.question().await;
    assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)));
    for _ in 0..3 {
        let reply = world.begin("alice", b"wrong").await;
        assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "a new row begins: {reply:?}");
    }
}

#[tokio::test]
async fn a_login_that_is_dropped_in_the_middle_blocks_nobody() {
    let world = Arc::new(World::new().await);
    world.directory.hangs.store(true, Ordering::SeqCst);
    let hanging = tokio::spawn({
        let world = world.clone();
        async move { world.begin("alice", PASSWORD).await }
    });
    while world.directory.checks.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    hanging.abort();
    assert!(hanging.await.unwrap_err().is_cancelled());
    world.directory.hangs.store(false, Ordering::SeqCst);
    let id = world.question().await;
    assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)));
    assert_eq!(world.gateway.admission().running(), 0, "places come back");
}

#[tokio::test]
async fn a_seed_that_does_not_open_does_not_make_guessing_at_the_others_free_c_002() {
    let world = World::new().await;
    let lost = NewEnrolment {
        id: EnrolmentId([9; 16]),
        parameters: Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 },
        sealed: Sealed { key_id: 99, bytes: [0; 49].into() },
        progress: Progress::UNUSED,
        created: world.clock.now().unix,
        replaces: false,
    };
    world.store.enrol(&world.who, lost).await.unwrap();
    let id = world.question().await;
    assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)), "the other one is whole");
    for _ in 0..Limits::FACTOR.free {
        let id = world.question().await;
        let reply = world.answer(id, "000000").await;
        assert!(matches!(reply, Reply::Unable(FaultKind::KeyMissing)), "{reply:?}");
    }
    let reply = world.begin("alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::FactorLocked)), "{reply:?}");
}

#[tokio::test]
async fn two_open_questions_do_not_answer_each_other_a_072() {
    let world = World::new().await;
    let (first, second) = (world.question().await, world.question().await);
    assert!(matches!(world.answer(first, &world.code()).await, Reply::Accept(_)));
    let reply = world.answer(second, &world.code()).await;
    assert!(matches!(reply, Reply::Reject(Reason::ReplayedCode)), "its own code is needed: {reply:?}");
    world.clock.advance(Duration::from_secs(30));
    let third = world.question().await;
    assert!(matches!(world.answer(third, &world.code()).await, Reply::Accept(_)));
}
