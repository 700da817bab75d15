//! The account of an application, which can show no second factor (B-047).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward::base::clock::Clock;
use doorward::gateway::drive::{Asker, Reply};
use doorward::gateway::ports::ExemptLogin;
use doorward::login::attempt::{Attempt, AttemptId};
use doorward::login::policy::{Exemption, Policy};
use doorward::login::throttle::Limits;
use doorward::login::verdict::{Basis, FaultKind, Reason};

use crate::world::{ALIAS, ALL, PASSWORD, Plan, SERVICE_PASSWORD, World, until};

const ITS_PLACE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

fn plan() -> Plan {
    let exemption = Exemption {
        name: "wiki-service".into(),
        account: ALIAS.into(),
        clients: vec!["wiki".into()],
        sources: vec!["192.0.2.0/28".parse().unwrap()],
        ..Exemption::new("", "")
    };
    let policy = Policy { exemptions: vec![exemption], ..Policy::default() };
    Plan { policy, subject_per_minute: 2, ..Plan::default() }
}

impl World {
    /// A bind of the application's account.
    fn service(&self, client: &str, peer: IpAddr, password: &[u8]) -> Attempt {
        let mut attempt = self.attempt("svc-wiki", password);
        let mut asks = self.client.clone();
        asks.name = client.into();
        asks.can.prompts = false;
        attempt.client = Arc::new(asks);
        attempt.origin.peer = peer;
        attempt
    }

    async fn bind(&self, peer: IpAddr, password: &[u8]) -> Reply {
        self.run(self.service("wiki", peer, password), Asker::patient()).await.reply
    }
}

fn is_exempt(reply: &Reply) -> bool {
    matches!(reply, Reply::Accept(grant) if grant.basis() == Basis::Exempt)
}

#[tokio::test]
async fn the_account_of_an_application_needs_no_factor_at_its_place_and_the_audit_names_the_exemption_b_047()
{
    let world = World::with(plan()).await;
    let reply = world.bind(ITS_PLACE, SERVICE_PASSWORD).await;
    assert!(is_exempt(&reply), "{reply:?}");
    let record = world.last();
    assert_eq!((record.outcome, record.reason, record.stage), ("accept", "exempt", "primary"));
    assert_eq!((record.exemption.as_deref(), record.source), (Some("wiki-service"), Some(ITS_PLACE)));
    assert_eq!(world.directory.checks.load(Ordering::SeqCst), 1, "its password is verified");
    let counted = world.gateway.tally().verdicts();
    assert!(counted.contains(&("accept", "exempt", 1)), "{counted:?}");
}

#[tokio::test]
async fn the_same_account_from_another_network_or_client_meets_the_rules_and_that_is_on_record_b_047() {
    let world = World::with(plan()).await;
    for (client, peer) in [("wiki", ELSEWHERE), ("vpn", ITS_PLACE)] {
        let attempt = world.service(client, peer, SERVICE_PASSWORD);
        let reply = world.run(attempt, Asker::patient()).await.reply;
        assert!(matches!(reply, Reply::Reject(Reason::NotEnrolled)), "{reply:?}");
        let record = world.last();
        assert_eq!((record.exemption, record.missed.as_deref()), (None, Some("wiki-service")));
        assert_eq!((record.client.as_deref(), record.source), (Some(client), Some(peer)));
    }
}

#[tokio::test]
async fn people_who_use_the_client_of_an_exemption_are_asked_as_ever_b_047() {
    let world = World::with(plan()).await;
    let mut attempt = world.service("wiki", ITS_PLACE, PASSWORD);
    attempt.name = crate::world::name("alice");
    let reply = world.run(attempt, Asker::patient()).await.reply;
    assert!(matches!(reply, Reply::Reject(Reason::CodeMissing)), "{reply:?}");
    let record = world.last();
    assert_eq!((record.exemption, record.missed), (None, None));
    assert_eq!(
        (record.network, record.source),
        (None, Some(ITS_PLACE)),
        "all that is known of where it came from"
    );
    let mut attempt = world.service("wiki", ITS_PLACE, PASSWORD);
    (attempt.name, attempt.origin.user) = (crate::world::name("alice"), Some(ELSEWHERE));
    let reply = world.run(attempt, Asker::patient()).await.reply;
    assert!(matches!(reply, Reply::Reject(Reason::CodeMissing)), "{reply:?}");
    let record = world.last();
    assert_eq!((record.network, record.source), (Some(ELSEWHERE), None), "her own address is enough");
}

#[tokio::test]
async fn an_exempt_account_has_no_rate_and_takes_nothing_from_the_one_it_has_elsewhere() {
    let world = World::with(plan()).await;
    for n in 0..20 {
        assert!(is_exempt(&world.bind(ITS_PLACE, SERVICE_PASSWORD).await), "bind {n}");
    }
    for n in 0..3 {
        let reply = world.bind(ELSEWHERE, SERVICE_PASSWORD).await;
        let expected = if n < 2 { Reason::NotEnrolled } else { Reason::TooManyLogins };
        assert!(matches!(reply, Reply::Reject(reason) if reason == expected), "{n}: {reply:?}");
    }
}

#[tokio::test]
async fn binds_of_an_exempt_account_run_side_by_side_and_no_more_than_wrong_ones_are_free_b_087() {
    let world = Arc::new(World::with(plan()).await);
    let free = usize::try_from(Limits::PASSWORD.free).unwrap();
    let closed = world.directory.check_gate.acquire_many(ALL).await.unwrap();
    let binds: Vec<_> = (0..200)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.bind(ITS_PLACE, SERVICE_PASSWORD).await })
        })
        .collect();
    until("side by side", || world.directory.at_once.load(Ordering::SeqCst) == free).await;
    drop(closed);
    for bind in binds {
        let reply = bind.await.unwrap();
        assert!(is_exempt(&reply), "none is turned away: {reply:?}");
    }
    assert_eq!(world.directory.most_at_once.load(Ordering::SeqCst), free);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_wrong_passwords_of_an_exempt_account_reach_the_directory_four_times_b_087() {
    let world = Arc::new(World::with(plan()).await);
    let binds: Vec<_> = (0..40)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.bind(ITS_PLACE, b"of last year").await })
        })
        .collect();
    for bind in binds {
        let reply = bind.await.unwrap();
        let wrong = matches!(reply, Reply::Reject(Reason::WrongPassword | Reason::PasswordThrottled));
        assert!(wrong, "{reply:?}");
    }
    assert_eq!(world.directory.checks.load(Ordering::SeqCst), 4);
    let reply = world.bind(ITS_PLACE, SERVICE_PASSWORD).await;
    assert!(matches!(reply, Reply::Reject(Reason::PasswordThrottled)), "it was never known: {reply:?}");
}

#[tokio::test]
async fn guesses_of_a_stranger_stop_neither_the_application_nor_are_they_made_free_by_it_b_087() {
    let world = World::with(Plan { subject_per_minute: 100, ..plan() }).await;
    assert!(is_exempt(&world.bind(ITS_PLACE, SERVICE_PASSWORD).await));
    for _ in 0..4 {
        let reply = world.bind(ELSEWHERE, b"guess").await;
        assert!(matches!(reply, Reply::Reject(Reason::WrongPassword)), "{reply:?}");
    }
    for _ in 0..3 {
        assert!(is_exempt(&world.bind(ITS_PLACE, SERVICE_PASSWORD).await));
        for (place, password) in [(ELSEWHERE, b"guess"), (ITS_PLACE, b"other"), (ELSEWHERE, b"third")] {
            let reply = world.bind(place, password).await;
            assert!(matches!(reply, Reply::Reject(Reason::PasswordThrottled)), "{reply:?}");
        }
    }
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(10 * 60));
        let reply = world.bind(ITS_PLACE, SERVICE_PASSWORD).await;
        assert!(is_exempt(&reply), "each bind that was right is as good as the first: {reply:?}");
    }
}

#[tokio::test]
async fn what_an_exempt_account_does_is_recorded_or_it_must_not_do_it_d_117() {
    let world = World::with(plan()).await;
    let login = ExemptLogin {
        attempt: AttemptId([3; 8]),
        client: "wiki".into(),
        who: None,
        exemption: "wiki-service".into(),
        source: ITS_PLACE,
    };
    let search = login.operation(world.clock.now().unix, "search", "done", "forwarded");
    world.gateway.note(&search).unwrap();
    let kept = world.audit.records.lock().unwrap().last().unwrap().clone();
    assert_eq!(
        (kept.event, kept.stage, kept.exemption.as_deref()),
        ("exempt-operation", "search", Some("wiki-service"))
    );
    world.audit.full.store(true, Ordering::SeqCst);
    assert_eq!(world.gateway.note(&search).unwrap_err().kind, FaultKind::AuditUnavailable);
}
