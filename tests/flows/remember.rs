//! A factor that was confirmed a short while ago counts again, where a client allows it (B-046).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::base::clock::Clock;
use doorward::base::random::{NoRandomness, Random};
use doorward::gateway::drive::{Asker, Reply};
use doorward::gateway::ports::NewEnrolment;
use doorward::login::attempt::Attempt;
use doorward::login::client::{CodeEntry, Typed};
use doorward::login::factor::{EnrolmentId, Parameters, Progress, Sealed};
use doorward::login::identity::{Groups, Standing};
use doorward::login::policy::{Condition, Options, Policy, Requirement, Rule};
use doorward::login::verdict::{Basis, Reason};

use crate::world::{Alice, PASSWORD, Plan, World};

const LIFE: Duration = Duration::from_secs(300);

/// Somebody who binds with password and code in one field.
struct Page {
    world: World,
    field: Vec<u8>,
}

impl Page {
    /// The first page: its code is right and used up.
    async fn first(plan: Plan) -> Self {
        let mut world = World::with(plan).await;
        world.client.entry = CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } };
        world.client.remember = Some(LIFE);
        let field = [PASSWORD, world.code().as_bytes()].concat();
        let page = Self { world, field };
        let reply = page.again().await;
        assert!(matches!(&reply, Reply::Accept(g) if matches!(g.basis(), Basis::Confirmed(_))), "{reply:?}");
        page
    }

    fn attempt(&self) -> Attempt {
        self.world.attempt("alice", &self.field)
    }

    async fn run(&self, attempt: Attempt) -> Reply {
        self.world.run(attempt, Asker::patient()).await.reply
    }

    /// The next page, with the same field.
    async fn again(&self) -> Reply {
        self.run(self.attempt()).await
    }

    async fn is_remembered(&self) -> bool {
        match self.again().await {
            Reply::Accept(grant) => matches!(grant.basis(), Basis::Remembered(_)),
            Reply::Reject(Reason::ReplayedCode) => false,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_same_field_from_the_same_place_counts_again_until_an_absolute_time_b_046() {
    let page = Page::first(Plan::default()).await;
    for _ in 0..3 {
        assert!(page.is_remembered().await);
        page.world.clock.advance(Duration::from_secs(99));
    }
    assert_eq!(page.world.directory.checks.load(Ordering::SeqCst), 4, "the password is verified each time");
    assert_eq!(page.world.last().reason, "remembered");
    assert!(page.world.last().factor.is_some());
    page.world.clock.advance(Duration::from_secs(3));
    assert!(!page.is_remembered().await, "five minutes after the code, however often it counted meanwhile");
}

#[tokio::test]
async fn an_application_that_goes_on_with_a_field_whose_time_is_over_does_not_lock_its_user_c_002() {
    let page = Page::first(Plan { subject_per_minute: 2, ..Plan::default() }).await;
    page.world.clock.advance(LIFE);
    for _ in 0..3 {
        for n in 0..10 {
            assert!(!page.is_remembered().await, "{n}: and each time it is the replay of a used code");
        }
        page.world.clock.advance(Duration::from_secs(3600));
    }
    let fresh = [PASSWORD, page.world.code().as_bytes()].concat();
    let reply = page.world.begin("alice", &fresh).await;
    assert!(matches!(reply, Reply::Accept(_)), "the factor is not locked: {reply:?}");
}

#[tokio::test]
async fn it_counts_for_no_other_place_and_no_other_field_b_046() {
    let page = Page::first(Plan::default()).await;
    let other = |change: fn(&mut Attempt)| {
        let mut attempt = page.attempt();
        change(&mut attempt);
        attempt
    };
    let from = |address: &str| -> IpAddr { address.parse().unwrap() };
    let places = [
        other(|a| {
            let mut client = (*a.client).clone();
            client.name = "wiki".into();
            a.client = Arc::new(client);
        }),
        other(|a| a.origin.peer = IpAddr::from([192, 0, 2, 99])),
        other(|a| a.origin.user = Some(IpAddr::from([203, 0, 113, 7]))),
        other(|a| a.device = Box::from(&b"x"[..])),
    ];
    for attempt in places {
        let reply = page.run(attempt).await;
        assert!(matches!(reply, Reply::Reject(Reason::ReplayedCode)), "{reply:?}");
    }
    assert!(page.is_remembered().await, "its own place has lost nothing by that");
    let mut mapped = page.attempt();
    mapped.origin.peer = from("::ffff:192.0.2.1");
    let reply = page.run(mapped).await;
    assert!(matches!(reply, Reply::Accept(_)), "one address, however it is written: {reply:?}");
    let reply = page.world.begin("alice", &[PASSWORD, b"000000"].concat()).await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongCode)), "{reply:?}");
}

#[tokio::test]
async fn where_a_client_does_not_say_so_nothing_is_remembered_b_046() {
    let mut page = Page::first(Plan::default()).await;
    page.world.client.remember = None;
    assert!(!page.is_remembered().await, "not what was remembered before either");
    page.world.client.remember = Some(Duration::from_secs(60));
    assert!(page.is_remembered().await);
    page.world.clock.advance(Duration::from_secs(60));
    assert!(!page.is_remembered().await, "the shorter time counts at once");
    page.world.client.remember = Some(Duration::from_secs(86_400));
    page.world.clock.advance(Duration::from_secs(13 * 60));
    assert!(page.is_remembered().await);
    page.world.clock.advance(Duration::from_secs(60));
    assert!(!page.is_remembered().await, "a quarter of an hour is the longest");
}

#[tokio::test]
async fn a_code_that_was_asked_for_is_not_in_the_field_and_is_not_remembered() {
    let mut world = World::new().await;
    world.client.remember = Some(LIFE);
    let id = world.question().await;
    assert!(matches!(world.answer(id, &world.code()).await, Reply::Accept(_)));
    let _asked_again = world.question().await;
}

#[tokio::test]
async fn a_factor_that_is_added_or_taken_away_ends_it_for_good_b_046() {
    let page = Page::first(Plan::default()).await;
    let id = EnrolmentId([9; 16]);
    let added = NewEnrolment {
        id,
        parameters: Parameters::Recovery,
        sealed: Sealed { key_id: 99, bytes: [0; 49].into() },
        progress: Progress::UNUSED,
        created: doorward::base::clock::UnixTime(0),
        replaces: false,
    };
    page.world.store.enrol(&page.world.who, added).await.unwrap();
    assert!(!page.is_remembered().await);
    assert!(page.world.store.revoke(&page.world.who, id).await.unwrap());
    assert!(!page.is_remembered().await, "not when everything is as before again");
}

#[tokio::test]
async fn a_new_password_other_groups_or_a_lock_end_it_for_good_b_046() {
    for what in ["password", "groups", "lock"] {
        let page = Page::first(Plan::default()).await;
        page.world.directory.change_alice(|alice| match what {
            "password" => alice.stamp = Box::from(&b"2"[..]),
            "groups" => alice.groups = Groups::from(["g".into()]),
            _ => alice.standing = Standing::Locked,
        });
        let reply = page.again().await;
        assert!(matches!(reply, Reply::Reject(_)), "{what}: {reply:?}");
        page.world.directory.change_alice(|alice| *alice = Alice::default());
        assert!(!page.is_remembered().await, "{what}");
    }
}

#[tokio::test]
async fn a_wrong_password_ends_it_and_an_old_one_is_never_good_b_046() {
    let page = Page::first(Plan::default()).await;
    let reply = page.world.begin("alice", b"wrong").await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "{reply:?}");
    assert!(!page.is_remembered().await);

    let page = Page::first(Plan::default()).await;
    page.world.directory.change_alice(|alice| alice.password = b"another".to_vec());
    let reply = page.again().await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "the directory says so: {reply:?}");
}

#[tokio::test]
async fn a_rule_counts_at_once_whatever_is_remembered_b_046() {
    let page = Page::first(Plan::default()).await;
    let when = Condition::ALWAYS;
    let rule = Rule { name: "closed".into(), when, then: Requirement::Refuse, options: Options::default() };
    let policy = Policy { rules: vec![rule].into(), ..Policy::default() };
    page.world.reload(&Plan { policy, ..Plan::default() });
    let reply = page.again().await;
    assert!(matches!(reply, Reply::Reject(Reason::RefusedByRule)), "{reply:?}");
}

#[tokio::test]
async fn pages_take_nothing_from_the_rate_of_their_user() {
    let page = Page::first(Plan { subject_per_minute: 2, ..Plan::default() }).await;
    for n in 0..20 {
        assert!(page.is_remembered().await, "page {n}");
    }
    let wrong = [PASSWORD, b"000000"].concat();
    let reply = page.world.begin("alice", &wrong).await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongCode)), "one is left: {reply:?}");
    let reply = page.world.begin("alice", &wrong).await;
    assert!(matches!(reply, Reply::Reject(Reason::TooManyLogins)), "{reply:?}");
    assert!(page.is_remembered().await);
}

#[tokio::test]
async fn of_many_places_of_one_person_the_oldest_makes_room_d_112() {
    let mut page = Page::first(Plan::default()).await;
    let at = |page: &Page, device: u8| {
        let mut attempt = page.attempt();
        attempt.device = Box::from([device]);
        attempt
    };
    let first = page.attempt();
    let mut second = None;
    for device in 1..=8 {
        page.world.clock.advance(Duration::from_secs(30));
        page.field = [PASSWORD, page.world.code().as_bytes()].concat();
        let reply = page.run(at(&page, device)).await;
        assert!(matches!(reply, Reply::Accept(_)), "{reply:?}");
        second.get_or_insert(at(&page, device));
    }
    let now = |attempt| Attempt { began: page.world.clock.now(), ..attempt };
    let reply = page.run(now(second.unwrap())).await;
    assert!(matches!(&reply, Reply::Accept(g) if matches!(g.basis(), Basis::Remembered(_))), "{reply:?}");
    let reply = page.run(now(first)).await;
    assert!(matches!(reply, Reply::Reject(Reason::WrongCode)), "nothing is known of it any more: {reply:?}");
}

#[tokio::test]
async fn without_randomness_nothing_is_remembered() {
    struct Dry;
    impl Random for Dry {
        fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
            Err(NoRandomness)
        }
    }
    let page = Page::first(Plan { random: Arc::new(Dry), ..Plan::default() }).await;
    assert!(!page.is_remembered().await);
}
