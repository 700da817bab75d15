//! Logins whose first credential an upstream checks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use doorward::gateway::drive::{Asker, Ended, Reply};
use doorward::gateway::ports::AuditRecord;
use doorward::login::attempt::ChallengeId;
use doorward::login::client::{CodeEntry, PrimaryKind, Typed};
use doorward::login::policy::{Condition, Options, Policy, Requirement, Rule};
use doorward::login::relay::{Held, Method, Said};
use doorward::login::step::PrimaryOutcome;
use doorward::login::verdict::{Fault, FaultKind, Reason};
use tokio::sync::watch;

use crate::fake::{Asked, yes, yes_to};
use crate::world::{ALL, PASSWORD, Plan, World, until};

fn wrong() -> Result<Said, Fault> {
    Ok(Said::No(PrimaryOutcome::Wrong))
}

fn more() -> Result<Said, Fault> {
    Ok(Said::More)
}

async fn world_with(plan: Plan) -> World {
    let mut world = World::with(plan).await;
    world.client.primary = PrimaryKind::Upstream;
    world.client.upstream = Some("nps".into());
    world.client.can.prompts_relayed = true;
    world
}

async fn world() -> World {
    world_with(Plan::default()).await
}

/// Where no second factor is asked for.
async fn open_world() -> World {
    let rule = Rule {
        name: "none".into(),
        when: Condition::ALWAYS,
        then: Requirement::None,
        options: Options::default(),
    };
    world_with(Plan { policy: Policy { rules: vec![rule].into(), ..Policy::default() }, ..Plan::default() })
        .await
}

fn kept(held: Option<&Held>) -> Option<&'static str> {
    held.and_then(|held| held.get::<&'static str>()).copied()
}

/// The upstream's own question.
fn passed_on(reply: &Reply) -> ChallengeId {
    match reply {
        Reply::Ask(id, prompt) => {
            assert_eq!(kept(prompt.relay.as_ref()), Some("challenge"));
            *id
        }
        other => panic!("{other:?}"),
    }
}

/// Ours.
fn asked(ended: &Ended) -> ChallengeId {
    match &ended.reply {
        Reply::Ask(id, prompt) => {
            assert!(prompt.relay.is_none() && ended.held.is_none(), "nothing of the upstream's goes out");
            *id
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_password_goes_to_the_upstream_and_its_answer_comes_with_the_accept_alone_a_101() {
    let world = world().await;
    let id = asked(&world.run(world.attempt("alice", PASSWORD), Asker::patient()).await);
    let ended = world.answer_as("alice", id, "000000").await;
    assert!(matches!(ended.reply, Reply::Reject(Reason::WrongCode)) && ended.held.is_none());

    let id = asked(&world.run(world.attempt("alice", PASSWORD), Asker::patient()).await);
    let ended = world.answer_as("alice", id, &world.code()).await;
    assert!(matches!(ended.reply, Reply::Accept(_)), "{:?}", ended.reply);
    assert_eq!((kept(ended.held.as_ref()), ended.who.as_ref()), (Some("accept"), Some(&world.who)));
    let question = Asked { passage: "first".into(), password: Some(PASSWORD.to_vec()), earlier: None };
    assert_eq!(world.upstream.asked(), [question.clone(), question], "once in each login");
    assert_eq!(world.directory.checks.load(Ordering::SeqCst), 0, "the directory is asked for no password");
    let AuditRecord { outcome, reason, stage, pseudonym, .. } = world.last();
    assert_eq!((outcome, reason, stage), ("accept", "confirmed", "factor"));
    assert_eq!(pseudonym.as_ref(), Some(&world.who));
}

#[tokio::test]
async fn without_an_audit_record_nothing_of_the_upstream_goes_out_d_117() {
    let world = open_world().await;
    world.audit.full.store(true, Ordering::SeqCst);
    let ended = world.run(world.relayed("alice", Method::MsChap2), Asker::patient()).await;
    assert!(matches!(ended.reply, Reply::Unable(FaultKind::AuditUnavailable)), "{:?}", ended.reply);
    assert!(ended.held.is_none() && ended.badge.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_reach_the_upstream_four_times_and_one_by_one_b_087() {
    for method in [None, Some(Method::Chap), Some(Method::MsChap2)] {
        let world = Arc::new(world().await);
        world.upstream.will_say([wrong()]);
        let tries: Vec<_> = (0..40)
            .map(|_| {
                let attempt = match method {
                    Some(method) => world.relayed("alice", method),
                    None => world.attempt("alice", b"guess"),
                };
                let world = world.clone();
                tokio::spawn(async move { world.run(attempt, Asker::patient()).await.reply })
            })
            .collect();
        for one in tries {
            assert!(matches!(one.await.unwrap(), Reply::Reject(_)));
        }
        assert_eq!((world.upstream.asked().len(), world.wrong_passwords().await), (4, 4));
        assert_eq!(world.upstream.most_at_once.load(Ordering::SeqCst), 1);
        let throttled = world.reasons().iter().filter(|r| **r == "password-throttled").count();
        assert_eq!(throttled, 36);
    }
}

#[tokio::test]
async fn guesses_at_the_upstreams_own_question_count_like_passwords_b_087() {
    let world = world().await;
    for n in 1..=4 {
        world.upstream.will_say([more(), wrong()]);
        let id = passed_on(&world.begin("alice", PASSWORD).await);
        let reply = world.answer(id, "654321").await;
        assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "{reply:?}");
        assert_eq!(world.wrong_passwords().await, n);
    }
    let asked = world.upstream.asked();
    let reply = world.begin("alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::PasswordThrottled)), "{reply:?}");
    assert_eq!(world.upstream.asked(), asked);
}

#[tokio::test]
async fn an_answer_goes_to_the_upstream_with_what_it_asked_and_others_log_in_meanwhile() {
    let world = world().await;
    world.upstream.will_say([more(), more(), yes(), yes()]);
    let first = passed_on(&world.begin("alice", PASSWORD).await);
    let other = passed_on(&world.begin("alice", PASSWORD).await);
    let reply = world.answer(first, "next code").await;
    assert!(matches!(&reply, Reply::Ask(_, prompt) if prompt.relay.is_none()), "now ours: {reply:?}");
    let answered = Asked {
        passage: "next code".into(),
        password: Some(b"next code".to_vec()),
        earlier: Some("challenge"),
    };
    assert_eq!(world.upstream.asked().last(), Some(&answered));
    let foreign = world.answer_as("mallory", other, "stolen").await;
    assert!(matches!(foreign.reply, Reply::Reject(Reason::UnknownChallenge)), "{:?}", foreign.reply);
    assert_eq!(world.upstream.asked().len(), 3, "the upstream hears nothing of it");
}

#[tokio::test]
async fn eap_takes_many_rounds_and_ends_with_the_account_that_the_upstream_confirms_d_102() {
    let world = open_world().await;
    world.upstream.will_say((0..12).map(|_| more()).chain([yes_to("alice")]));
    let finds = world.directory.finds.load(Ordering::SeqCst);
    let mut ended = world.run(world.relayed("anonymous", Method::Eap), Asker::patient()).await;
    for round in 0..12 {
        let id = passed_on(&ended.reply);
        assert_eq!(world.directory.finds.load(Ordering::SeqCst), finds, "nobody is looked up before");
        ended = world.answer_as("anonymous", id, &format!("packet {round}")).await;
    }
    assert!(matches!(ended.reply, Reply::Accept(_)), "{:?}", ended.reply);
    assert_eq!((kept(ended.held.as_ref()), ended.who.as_ref()), (Some("accept"), Some(&world.who)));
    let asked = world.upstream.asked();
    assert!(asked.iter().all(|one| one.password.is_none()), "nothing is typed");
    assert_eq!((asked[0].earlier, asked[12].earlier), (None, Some("challenge")));
    assert_eq!(asked[12].passage, "packet 11");
    assert_eq!(world.gateway.tally().questions(), 12);
    assert_eq!(world.reasons(), ["rule-asks-none"], "one record for one login");
    assert_eq!(world.last().pseudonym.as_ref(), Some(&world.who));
    assert_eq!(world.gateway.questions(), 0);
}

#[tokio::test]
async fn a_name_inside_the_tunnel_decides_and_not_the_one_outside() {
    let world = open_world().await;
    world.upstream.will_say([yes_to("mallory")]);
    let ended = world.run(world.relayed("alice", Method::Eap), Asker::patient()).await;
    assert!(matches!(ended.reply, Reply::Reject(Reason::UnknownSubject)), "{:?}", ended.reply);
    assert!(ended.held.is_none());
    world.upstream.will_say([yes()]);
    let ended = world.run(world.relayed("alice", Method::Eap), Asker::patient()).await;
    assert!(matches!(ended.reply, Reply::Reject(Reason::UpstreamRefused)), "{:?}", ended.reply);
}

#[tokio::test]
async fn an_upstream_that_means_somebody_else_by_a_name_lets_nobody_in() {
    let world = open_world().await;
    for other in ["svc-wiki", "nobody"] {
        world.upstream.will_say([yes_to(other)]);
        let ended = world.run(world.attempt("alice", PASSWORD), Asker::patient()).await;
        assert!(matches!(ended.reply, Reply::Reject(Reason::AnotherName)), "{:?}", ended.reply);
        assert!(ended.held.is_none());
    }
    world.upstream.will_say([yes_to("ALICE")]);
    assert!(matches!(world.begin("alice", PASSWORD).await, Reply::Accept(_)));
}

#[tokio::test]
async fn the_upstream_hears_nothing_of_names_that_nobody_has_here() {
    let world = world().await;
    let reply = world.begin("mallory", PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::UnknownSubject)), "{reply:?}");
    assert_eq!(world.upstream.asked(), []);
}

#[tokio::test]
async fn an_upstream_that_is_down_or_gone_is_neither_a_yes_nor_a_no() {
    let world = world().await;
    world.upstream.will_say([Err(Fault::new(FaultKind::UpstreamUnreachable, "nobody there"))]);
    let reply = world.begin("alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Unable(FaultKind::UpstreamUnreachable)), "{reply:?}");
    assert_eq!(world.reasons(), ["upstream-unreachable"]);

    world.upstream.will_say([more()]);
    let id = passed_on(&world.begin("alice", PASSWORD).await);
    world.reload(&Plan { no_upstream: true, ..Plan::default() });
    let reply = world.answer(id, "654321").await;
    assert!(matches!(reply, Reply::Unable(FaultKind::Internal)), "{reply:?}");
    assert_eq!(world.gateway.admission().running(), 0);
}

#[tokio::test]
async fn an_upstream_that_is_silent_for_long_keeps_nobody_waiting_afterwards_and_leaves_one_guess_b_087() {
    let world = world().await;
    let silent = Fault::new(FaultKind::UpstreamUnreachable, "no answer to 3 copies").after_asking();
    for counted in [1, 2, 3, 3, 3, 3] {
        world.upstream.will_say([Err(silent.clone())]);
        let reply = world.begin("alice", PASSWORD).await;
        assert!(matches!(reply, Reply::Unable(FaultKind::UpstreamUnreachable)), "{reply:?}");
        assert_eq!(world.wrong_passwords().await, counted, "it may have counted them there");
    }
    assert_eq!(world.reasons(), ["upstream-unreachable"; 6]);
    world.upstream.will_say([yes()]);
    assert!(matches!(world.begin("alice", PASSWORD).await, Reply::Ask(..)));
    assert_eq!(world.wrong_passwords().await, 0);

    for _ in 0..3 {
        world.upstream.will_say([Err(silent.clone())]);
        let _unable = world.begin("alice", b"guess").await;
    }
    world.upstream.will_say([wrong()]);
    assert!(matches!(world.begin("alice", b"guess").await, Reply::Reject(Reason::WrongPassword)));
    assert!(matches!(world.begin("alice", b"guess").await, Reply::Reject(Reason::PasswordThrottled)));
}

#[tokio::test]
async fn an_upstream_that_hangs_until_the_time_is_over_has_been_asked_and_counts_b_087() {
    let mut world = world().await;
    world.client.login_timeout = Duration::from_millis(50);
    let _closed = world.upstream.gate.acquire_many(ALL).await.unwrap();
    let reply = world.begin("alice", PASSWORD).await;
    assert!(matches!(reply, Reply::Unable(FaultKind::TimedOut)), "{reply:?}");
    assert_eq!(world.wrong_passwords().await, 1);
}

#[tokio::test]
async fn the_time_that_the_upstream_took_to_refuse_counts_as_our_delay_a_077() {
    let mut world = world().await;
    world.client.reject_delay = Duration::from_secs(10);
    world.upstream.will_say([wrong()]);
    *world.upstream.takes.lock().unwrap() = Duration::from_secs(12);
    let before = SystemClock.now().steady;
    let reply = world.begin("alice", b"wrong").await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "{reply:?}");
    assert!(SystemClock.now().steady - before < Duration::from_secs(5), "it is not delayed again");

    world.client.reject_delay = Duration::from_millis(80);
    *world.upstream.takes.lock().unwrap() = Duration::ZERO;
    let before = SystemClock.now().steady;
    let _reply = world.begin("alice", b"wrong").await;
    assert!(
        SystemClock.now().steady - before >= Duration::from_millis(80),
        "a quick no waits like any d_100"
    );
}

#[tokio::test]
async fn hanging_up_before_the_upstream_answers_does_not_make_guessing_free_b_087() {
    let world = Arc::new(world().await);
    world.upstream.will_say([wrong()]);
    let closed = world.upstream.gate.acquire_many(ALL).await.unwrap();
    let (hang_up, gone) = watch::channel(false);
    let login = tokio::spawn({
        let world = world.clone();
        async move { world.run(world.attempt("alice", b"guess"), Asker::going_on(gone)).await }
    });
    until("the upstream is asked", || world.upstream.at_once.load(Ordering::SeqCst) == 1).await;
    drop(hang_up);
    drop(closed);
    let ended = tokio::time::timeout(Duration::from_secs(10), login).await.unwrap().unwrap();
    assert!(matches!(ended.reply, Reply::Reject(Reason::WrongPassword)), "{:?}", ended.reply);
    assert_eq!(world.wrong_passwords().await, 1);
}

#[tokio::test]
async fn a_remembered_factor_spares_the_code_and_never_the_upstream_b_046() {
    let mut world = world().await;
    world.client.entry = CodeEntry { challenge: true, typed: Typed::Appended { digits: 6 } };
    world.client.remember = Some(Duration::from_secs(300));
    let field = [PASSWORD, world.code().as_bytes()].concat();
    for basis in ["confirmed", "remembered"] {
        assert!(matches!(world.begin("alice", &field).await, Reply::Accept(_)));
        assert_eq!(world.last().reason, basis);
    }
    assert_eq!(world.upstream.asked().len(), 2);
    world.upstream.will_say([wrong(), yes()]);
    assert!(matches!(world.begin("alice", &field).await, Reply::Reject(Reason::WrongPassword)));
    let reply = world.begin("alice", &field).await;
    assert!(matches!(reply, Reply::Reject(Reason::ReplayedCode)), "a no ends what was remembered: {reply:?}");
}

#[tokio::test]
async fn where_a_code_is_needed_and_eap_has_no_place_for_one_the_audit_says_exactly_that_a_160() {
    let world = world().await;
    world.upstream.will_say([yes_to("alice")]);
    let ended = world.run(world.relayed("anonymous", Method::Eap), Asker::patient()).await;
    assert!(matches!(ended.reply, Reply::Reject(Reason::CannotBeAsked)) && ended.held.is_none());
    let last = world.last();
    assert_eq!((last.outcome, last.reason), ("reject", "cannot-be-asked"));
    assert_eq!(last.pseudonym.as_ref(), Some(&world.who), "and whose login it was");
}
