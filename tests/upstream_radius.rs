//! The RADIUS client against servers that lose, delay, forge and mix up: what counts, who is asked, and what is said
//! when nobody helps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

mod support;

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::random::SystemRandom;
use doorward::base::secret::Secret;
use doorward::login::verdict::{Fault, FaultKind};
use doorward::upstream::radius::{
    Kind, Line, Pace, Request, Response, Servers, Service, Settings, Standing, Which,
};
use doorward::wire::radius::authenticator::Proof;
use doorward::wire::radius::packet::Code;
use doorward::wire::radius::password::reveal;
use support::radius_server::{Came, RadiusServer, SOON, shared, unsigned};
use support::upstream::{self, start};

const SECRET: &str = "the upstream's secret";

/// Fast enough for a test, and in the same proportions as [`Pace::new`].
fn quick() -> Pace {
    Pace {
        first: Duration::from_millis(40),
        longest: Duration::from_millis(320),
        copies: 3,
        server: Duration::from_millis(400),
        probe: Duration::from_millis(200),
        calm: Duration::from_millis(200),
        worried: Duration::from_millis(20),
        rarely: Duration::from_secs(3600),
        rest: Duration::from_secs(3600),
    }
}

/// Gives a server that is asked all the time it could want.
fn patient() -> Pace {
    Pace { first: SOON, longest: SOON, server: SOON, probe: SOON, ..quick() }
}

fn settings(servers: &[SocketAddr], pace: Pace) -> Settings {
    upstream::settings(servers.to_vec(), SECRET, pace)
}

fn until(later: Duration) -> Instant {
    SystemClock.now().steady + later
}

const ANNA: [u8; 6] = [1, 6, b'a', b'n', b'n', b'a'];

async fn ask_at(servers: &Servers, stay: Option<Which>) -> Result<(Response, Which), Fault> {
    let password = Secret::copied(b"correct horse");
    let request = Request { kind: Kind::Access, attributes: &ANNA, password: Some(&password) };
    servers.ask(&request, stay, until(SOON)).await
}

async fn ask(servers: &Servers) -> Result<Code, Fault> {
    ask_at(servers, None).await.map(|(response, _)| response.code())
}

fn accept(came: &Came) -> Vec<Vec<u8>> {
    vec![came.reply(Code::AccessAccept, &[], &shared(SECRET))]
}

fn nothing(_: &Came) -> Vec<Vec<u8>> {
    Vec::new()
}

/// Waits until the first server stands like this.
async fn stands(servers: &Servers, standing: Standing) {
    let deadline = until(SOON);
    while servers.status().next().unwrap().standing != standing {
        assert!(SystemClock.now().steady < deadline, "it never became {standing:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_043_a_170_what_is_asked_is_signed_first_and_the_password_is_hidden_for_the_server() {
    let server = RadiusServer::start(accept);
    let servers = start(&settings(&[server.address], patient()));
    assert_eq!(ask(&servers).await.unwrap(), Code::AccessAccept);
    let came = server.next();
    let packet = came.packet();
    assert_eq!(packet.code(), Code::AccessRequest);
    assert_eq!(packet.attributes().next().unwrap().kind, 80, "A-043");
    assert_eq!(shared(SECRET).check_request(&packet), Proof::Valid);
    assert_eq!(packet.find(1), Some(&b"anna"[..]));
    let password = reveal(packet.find(2).unwrap(), shared(SECRET).raw(), packet.authenticator()).unwrap();
    assert_eq!(password.expose(), b"correct horse");
}

#[tokio::test]
async fn a_119_a_lost_request_is_sent_again_byte_for_byte_from_the_same_port() {
    let mut copies = 0;
    let server = RadiusServer::start(move |came| {
        copies += 1;
        if copies == 3 { accept(came) } else { Vec::new() }
    });
    let servers = start(&settings(&[server.address], Pace { server: SOON, ..quick() }));
    assert_eq!(ask(&servers).await.unwrap(), Code::AccessAccept);
    let (first, second, third) = (server.next(), server.next(), server.next());
    assert_eq!((&first.bytes, first.from), (&second.bytes, second.from));
    assert_eq!((&first.bytes, first.from), (&third.bytes, third.from));
}

#[tokio::test]
async fn a_120_every_request_has_an_authenticator_of_its_own_and_the_next_identifier() {
    let server = RadiusServer::start(accept);
    let servers = start(&settings(&[server.address], patient()));
    let mut seen = HashSet::new();
    let mut last: Option<u8> = None;
    for _ in 0..300 {
        ask(&servers).await.unwrap();
        let came = server.next();
        assert!(seen.insert(*came.packet().authenticator()));
        let identifier = came.packet().identifier();
        assert!(last.is_none_or(|last| identifier == last.wrapping_add(1)), "least recently used first");
        last = Some(identifier);
    }
}

#[tokio::test]
async fn a_120_more_than_256_requests_at_once_use_more_sockets_and_each_gets_its_own_answer() {
    let mut waiting: Vec<Came> = Vec::new();
    let server = RadiusServer::start(move |came| {
        waiting.push(came.clone());
        Vec::new()
    });
    let servers = Arc::new(start(&settings(&[server.address], Pace { copies: 1, ..patient() })));
    let logins: Vec<_> = (0..600_u16)
        .map(|n| {
            let servers = servers.clone();
            tokio::spawn(async move {
                let name = [&[1, 7][..], format!("{n:05}").as_bytes()].concat();
                let request = Request { kind: Kind::Access, attributes: &name, password: None };
                let (response, _) = servers.ask(&request, None, until(SOON)).await.unwrap();
                (name[2..].to_vec(), response.packet().unwrap().find(18).unwrap().to_vec())
            })
        })
        .collect();
    let taken = tokio::task::spawn_blocking(move || {
        let came: Vec<Came> = (0..600).map(|_| server.next()).collect();
        (server, came)
    });
    let (server, came) = taken.await.unwrap();
    let ports: HashSet<_> = came.iter().map(|came| came.from).collect();
    let pairs: HashSet<_> = came.iter().map(|came| (came.from, came.packet().identifier())).collect();
    assert_eq!((ports.len(), pairs.len()), (3, 600));
    for came in came.iter().rev() {
        let name = came.packet().find(1).unwrap();
        server.send(&came.reply(Code::AccessAccept, &[(18, name)], &shared(SECRET)), came.from);
    }
    for login in logins {
        let (asked, told) = login.await.unwrap();
        assert_eq!(asked, told);
    }
}

#[test]
fn a_reply_is_read_by_the_runtime_that_asked_while_others_stand_still() {
    let server = RadiusServer::start(|came| vec![came.reply(Code::AccessAccept, &[], &shared(SECRET))]);
    let [first, second] =
        [(); 2].map(|()| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    let servers = first.block_on(async { start(&settings(&[server.address], patient())) });
    for home in [&first, &second, &first] {
        home.block_on(ask(&servers)).unwrap();
    }
    let ports: Vec<_> = server.all().iter().map(|came| came.from).collect();
    assert_eq!((ports.len(), ports[0]), (3, ports[2]), "each runtime keeps its socket");
    assert_ne!(ports[0], ports[1]);
}

#[tokio::test]
async fn a_045_what_fails_a_check_is_dropped_and_the_good_reply_behind_it_counts() {
    let server = RadiusServer::start(|came| {
        let (ours, other) = (shared(SECRET), shared("another secret"));
        let good = came.reply(Code::AccessReject, &[], &ours);
        let mut wrong_number = came.reply(Code::AccessAccept, &[], &ours);
        wrong_number[1] = wrong_number[1].wrapping_add(1);
        let mut changed = came.reply(Code::AccessReject, &[], &ours);
        changed[0] = 2;
        vec![
            b"?".to_vec(),
            vec![0; 5000],
            came.reply(Code::AccessAccept, &[], &other),
            unsigned(came.reply(Code::AccessAccept, &[], &ours), came, &ours),
            came.reply(Code::AccountingResponse, &[], &ours),
            wrong_number,
            changed,
            good.clone(),
            good,
        ]
    });
    let servers = start(&settings(&[server.address], patient()));
    assert_eq!(ask(&servers).await.unwrap(), Code::AccessReject);
    let tally = servers.status().next().unwrap().tally;
    assert_eq!((tally.asked, tally.answered, tally.unsigned), (1, 1, 0));
    assert!(tally.refused >= 4, "{tally:?}");
    assert_eq!(server.all().len(), 1, "A-045: a failed check does not touch the timers");
}

#[tokio::test]
async fn a_045_a_reply_from_another_port_or_address_reaches_nobody() {
    let server = RadiusServer::start(nothing);
    let servers = Arc::new(start(&settings(&[server.address], patient())));
    let login = tokio::spawn({
        let servers = servers.clone();
        async move { ask(&servers).await }
    });
    let came = tokio::task::spawn_blocking(move || (server.next(), server));
    let (came, server) = came.await.unwrap();
    let good = |code| came.reply(code, &[], &shared(SECRET));
    for elsewhere in ["127.0.0.1:0", "127.0.0.2:0"] {
        let stranger = UdpSocket::bind(elsewhere).unwrap();
        let _refused_by_the_kernel = stranger.send_to(&good(Code::AccessAccept), came.from);
    }
    server.send(&good(Code::AccessReject), came.from);
    assert_eq!(login.await.unwrap().unwrap(), Code::AccessReject);
}

#[tokio::test]
async fn a_125_the_next_server_is_asked_only_after_the_first_had_its_time() {
    let (first, second) = (RadiusServer::start(nothing), RadiusServer::start(accept));
    let servers = start(&settings(&[first.address, second.address], quick()));
    let began = SystemClock.now().steady;
    let (_, which) = ask_at(&servers, None).await.unwrap();
    assert!(SystemClock.now().steady - began >= quick().server);
    let (asked, other) = (first.all(), second.all());
    assert_eq!((asked.len(), other.len()), (3, 1), "all copies, then the other");
    assert_ne!(asked[0].packet().authenticator(), other[0].packet().authenticator(), "A-170");
    let (_, again) = ask_at(&servers, None).await.unwrap();
    assert_eq!(which, again);
    assert!(first.all().is_empty(), "whoever was silent is not asked first any more");
}

#[tokio::test]
async fn a_reject_is_an_answer_and_nobody_else_is_asked() {
    let first = RadiusServer::start(|came| vec![came.reply(Code::AccessReject, &[], &shared(SECRET))]);
    let second = RadiusServer::start(accept);
    let servers = start(&settings(&[first.address, second.address], patient()));
    assert_eq!(ask(&servers).await.unwrap(), Code::AccessReject);
    assert!(second.all().is_empty());
}

#[tokio::test]
async fn a_port_that_nobody_listens_at_costs_no_time() {
    let nobody = RadiusServer::start(nothing).address;
    let second = RadiusServer::start(accept);
    let servers = start(&settings(&[nobody, second.address], patient()));
    let soon = tokio::time::timeout(SOON / 2, ask(&servers)).await.expect("the system says so at once");
    assert_eq!(soon.unwrap(), Code::AccessAccept);
    assert_eq!(servers.status().next().unwrap().standing, Standing::Down);
}

#[tokio::test]
async fn a_conversation_stays_with_the_server_that_began_it() {
    let (first, second) = (RadiusServer::start(nothing), RadiusServer::start(accept));
    let servers = start(&settings(&[first.address, second.address], quick()));
    let (_, second_one) = ask_at(&servers, None).await.unwrap();
    first.play(accept);
    second.play(nothing);
    let _ = (first.all(), second.all());
    let fault = ask_at(&servers, Some(second_one)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::UpstreamUnreachable);
    assert!(fault.what.contains("began this conversation"), "{fault}");
    assert!(first.all().is_empty(), "it would not know the State");
}

#[tokio::test]
async fn a_wrong_secret_is_told_from_silence() {
    let server = RadiusServer::start(|came| vec![came.reply(Code::AccessAccept, &[], &shared("theirs"))]);
    let servers = start(&settings(&[server.address], quick()));
    let fault = ask(&servers).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::UpstreamConfusing);
    assert!(fault.what.contains("compare the secret"), "{fault}");
    server.play(nothing);
    let fault = ask(&servers).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::UpstreamUnreachable);
    assert!(fault.what.contains("no answer to 3 copies of a request"), "{fault}");
    assert!(!fault.what.contains(SECRET) && !fault.what.contains("anna"), "{fault}");
}

#[tokio::test]
async fn a_044_a_server_that_does_not_sign_is_refused_unless_the_settings_let_it() {
    let server = RadiusServer::start(|came| {
        vec![unsigned(came.reply(Code::AccessAccept, &[], &shared(SECRET)), came, &shared(SECRET))]
    });
    let strict = start(&settings(&[server.address], quick()));
    let fault = ask(&strict).await.unwrap_err();
    assert!(fault.what.contains("message-authenticator = \"off\""), "{fault}");
    let lax = start(&Settings { signed_only: false, ..settings(&[server.address], patient()) });
    assert_eq!(ask(&lax).await.unwrap(), Code::AccessAccept);
    assert_eq!(lax.status().next().unwrap().tally.unsigned, 1);
}

#[tokio::test]
async fn a_121_a_reply_after_its_time_reaches_nobody_and_the_next_request_is_not_confused() {
    let server = RadiusServer::start(nothing);
    let servers = start(&settings(&[server.address], quick()));
    ask(&servers).await.unwrap_err();
    let late = server.all().remove(0);
    server.send(&late.reply(Code::AccessAccept, &[], &shared(SECRET)), late.from);
    server.play(|came| vec![came.reply(Code::AccessReject, &[], &shared(SECRET))]);
    assert_eq!(ask(&servers).await.unwrap(), Code::AccessReject);
}

#[tokio::test]
async fn a_174_nothing_is_sent_any_more_when_nobody_waits() {
    let server = RadiusServer::start(nothing);
    let slower = Pace { first: Duration::from_millis(100), server: Duration::from_millis(400), ..quick() };
    let servers = start(&settings(&[server.address], slower));
    let gone = tokio::time::timeout(Duration::from_millis(5), ask(&servers)).await;
    assert!(gone.is_err());
    assert_eq!(servers.status().next().unwrap().underway, 0);
    ask(&servers).await.unwrap_err();
    let came = server.all();
    let given_up = *came[0].packet().authenticator();
    let copies = came.iter().filter(|came| *came.packet().authenticator() == given_up).count();
    assert_eq!((copies, came.len()), (1, 4), "while the other request got all its three copies");
}

#[tokio::test]
async fn the_time_of_a_login_ends_the_asking() {
    let server = RadiusServer::start(nothing);
    let servers = start(&settings(&[server.address, server.address], patient()));
    let request = Request { kind: Kind::Access, attributes: &ANNA, password: None };
    let asked = servers.ask(&request, None, until(Duration::from_millis(50)));
    let fault = tokio::time::timeout(SOON / 2, asked).await.expect("it ends in time").unwrap_err();
    assert_eq!(fault.kind, FaultKind::UpstreamUnreachable);
    assert_eq!(servers.status().next().unwrap().standing, Standing::Up, "a hurried login is no sign");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_133_probes_find_a_server_that_is_back_and_logins_go_to_it_again() {
    let (first, second) = (RadiusServer::start(accept), RadiusServer::start(accept));
    let with_status = Settings { status_server: true, ..settings(&[first.address, second.address], quick()) };
    let servers = start(&with_status);
    assert_eq!(
        first.next().packet().code(),
        Code::StatusServer,
        "asked at once, to learn whether it answers"
    );
    first.play(nothing);
    stands(&servers, Standing::Down).await;
    let _ = (first.all(), second.all());
    ask(&servers).await.unwrap();
    assert!(second.all().iter().any(|came| came.packet().code() == Code::AccessRequest));
    first.play(accept);
    stands(&servers, Standing::Up).await;
    let _ = first.all();
    ask(&servers).await.unwrap();
    assert!(first.all().iter().any(|came| came.packet().code() == Code::AccessRequest));
}

#[tokio::test]
async fn a_133_a_probe_is_never_sent_twice_and_says_who_asks() {
    let server = RadiusServer::start(nothing);
    let servers = start(&Settings { status_server: true, ..settings(&[server.address], quick()) });
    for _ in 0..4 {
        let _silent = servers.probe().await.unwrap_err();
    }
    let probes = server.all();
    let distinct: HashSet<_> = probes.iter().map(|came| *came.packet().authenticator()).collect();
    assert!(probes.len() >= 4);
    assert_eq!(distinct.len(), probes.len());
    for came in &probes {
        assert_eq!(came.packet().code(), Code::StatusServer);
        assert_eq!(came.packet().find(32), Some(&b"doorward"[..]));
        assert!(!came.packet().has(1) && !came.packet().has(2), "A-133: no made-up user");
        assert_eq!(shared(SECRET).check_request(&came.packet()), Proof::Valid);
    }
}

#[tokio::test]
async fn a_look_at_the_servers_tells_of_each_whether_it_answers() {
    let (silent, good) = (RadiusServer::start(nothing), RadiusServer::start(accept));
    let both = [silent.address, good.address];
    let servers = start(&Settings { status_server: true, ..settings(&both, quick()) });
    let expected = vec![(Which::at(silent.address), false), (Which::at(good.address), true)];
    assert_eq!(servers.probe().await.unwrap(), expected);
}

#[tokio::test]
async fn a_server_that_does_not_know_probes_is_judged_by_requests_alone() {
    let server = RadiusServer::start(|came| {
        if came.packet().code() == Code::StatusServer { Vec::new() } else { accept(came) }
    });
    let servers = start(&Settings { status_server: true, ..settings(&[server.address], quick()) });
    for _ in 0..4 {
        let fault = servers.probe().await.unwrap_err();
        assert!(fault.what.contains("status-server = false"), "{fault}");
    }
    assert_eq!(servers.status().next().unwrap().standing, Standing::Up);
    assert_eq!(ask(&servers).await.unwrap(), Code::AccessAccept);
}

#[tokio::test]
async fn a_server_that_drops_one_request_on_purpose_is_cleared_by_the_next_probe() {
    let server = RadiusServer::start(|came| {
        if came.packet().code() == Code::StatusServer { accept(came) } else { Vec::new() }
    });
    let servers = start(&Settings { status_server: true, ..settings(&[server.address], quick()) });
    servers.probe().await.unwrap();
    ask(&servers).await.unwrap_err();
    stands(&servers, Standing::Up).await;
}

#[tokio::test]
async fn a_silent_server_gets_the_next_request_from_another_port() {
    let server = RadiusServer::start(nothing);
    let servers = start(&settings(&[server.address], quick()));
    ask(&servers).await.unwrap_err();
    ask(&servers).await.unwrap_err();
    let ports: HashSet<_> = server.all().iter().map(|came| came.from.port()).collect();
    assert_eq!(
        ports.len(),
        2,
        "the way may have been lost, as in a translation of addresses that was forgotten"
    );
}

#[tokio::test]
async fn servers_over_ipv6_are_asked_too() {
    let Ok(probe) = UdpSocket::bind("[::1]:0") else {
        return support::missing("this machine has no IPv6 loopback");
    };
    drop(probe);
    let server = RadiusServer::start_at("[::1]:0".parse().unwrap(), accept);
    let servers = start(&settings(&[server.address], patient()));
    assert_eq!(ask(&servers).await.unwrap(), Code::AccessAccept);
}

#[tokio::test]
async fn a_134_accounting_is_acknowledged_by_its_own_reply_and_probed_by_it() {
    let acknowledge = |came: &Came| vec![came.reply(Code::AccountingResponse, &[], &shared(SECRET))];
    let server = RadiusServer::start(acknowledge);
    let accounting = Settings { service: Service::Accounting, ..settings(&[server.address], patient()) };
    let servers = start(&accounting);
    let record = [40, 6, 0, 0, 0, 1, 44, 5, b's', b'i', b'd'];
    let request = Request { kind: Kind::Accounting, attributes: &record, password: None };
    let (response, _) = servers.ask(&request, None, until(SOON)).await.unwrap();
    assert_eq!(response.code(), Code::AccountingResponse);
    let came = server.all().remove(0);
    assert!(shared(SECRET).proves_notice(&came.packet()));
    assert_eq!(came.packet().attribute_bytes(), record, "A-134: no message-authenticator");
    assert_eq!(servers.status().next().unwrap().tally.unsigned, 0, "such replies have no signature to miss");
    let probed = start(&Settings { status_server: true, ..accounting });
    probed.probe().await.unwrap();
    assert!(server.all().iter().all(|came| came.packet().code() == Code::StatusServer));
}

#[tokio::test]
async fn a_136_an_order_to_a_device_is_signed_and_its_refusal_is_an_answer() {
    let device = RadiusServer::start(|came| {
        vec![came.reply(Code::DisconnectNak, &[(101, &[0, 0, 1, 247])], &shared(SECRET))]
    });
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let line = Line::new(device.address, shared(SECRET), false, patient(), clock, random);
    let session = [44, 5, b's', b'i', b'd'];
    let request = Request { kind: Kind::Disconnect, attributes: &session, password: None };
    let response = line.ask(&request, until(SOON)).await.unwrap();
    assert_eq!(response.code(), Code::DisconnectNak);
    assert_eq!(response.packet().unwrap().find(101), Some(&[0, 0, 1, 247][..]));
    let came = device.all().remove(0);
    assert_eq!(came.packet().attributes().next().unwrap().kind, 80);
    assert!(shared(SECRET).proves_notice(&came.packet()));
}
