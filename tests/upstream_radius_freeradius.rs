//! The upstream client and what it makes of the answers of a real FreeRADIUS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

#[allow(dead_code, reason = "shared with others")]
#[path = "support/mschap.rs"]
mod mschap;
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::random::SystemRandom;
use doorward::gateway::ports::upstream::Upstream;
use doorward::login::relay::{Heard, Held, Passage, Said};
use doorward::login::step::PrimaryOutcome;
use doorward::login::verdict::{Fault, FaultKind};
use doorward::primary::radius::Relay;
use doorward::upstream::radius::passage::Answered;
use doorward::upstream::radius::{Kind, Line, Pace, Request, Settings, Standing};
use doorward::wire::radius::packet::Code;
use mschap::Peer;
use support::freeradius::{FreeRadius, NEXT_CODE, NEXT_CODE_PLEASE, NO_SUCH_SESSION, PASSWORD, SECRET, Wish};
use support::radius_server::{SOON, shared};
use support::upstream;

fn settings(servers: &[SocketAddr], secret: &str, pace: Pace) -> Settings {
    let settings = upstream::settings(servers.to_vec(), secret, pace);
    Settings { name: "freeradius".into(), status_server: true, ..settings }
}

fn start(settings: &Settings) -> Relay {
    Relay::new(upstream::start(settings))
}

fn patient() -> Pace {
    Pace::new(SOON)
}

/// Gives a server that is held not much time, and one that answers enough.
fn hasty() -> Pace {
    Pace {
        worried: Duration::from_millis(50),
        probe: Duration::from_secs(1),
        ..Pace::new(Duration::from_secs(1))
    }
}

fn until() -> Instant {
    SystemClock.now().steady + 3 * SOON
}

fn attribute(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, u8::try_from(value.len() + 2).unwrap()], value].concat()
}

fn passage(user: &str, more: &[u8]) -> Passage {
    upstream::passage(&[&attribute(1, user.as_bytes()), more].concat())
}

async fn ask(
    relay: &Relay,
    passage: &Passage,
    password: Option<&str>,
    earlier: Option<&Held>,
) -> Result<Heard, Fault> {
    upstream::ask(relay, passage, password, earlier, until()).await
}

async fn log_in(relay: &Relay, user: &str, password: &str) -> Result<Said, Fault> {
    ask(relay, &passage(user, &[]), Some(password), None).await.map(|heard| heard.said)
}

fn confirms(said: &Said, user: &str) -> bool {
    matches!(said, Said::Yes { name: Some(name) } if name.typed() == user)
}

#[tokio::test]
async fn a_right_password_is_a_yes_with_all_attributes_and_a_wrong_one_a_no() {
    let Some(server) = FreeRadius::start() else { return };
    let relay = start(&settings(&[server.address], SECRET, patient()));
    let heard = ask(&relay, &passage("alice", &[]), Some(PASSWORD), None).await.unwrap();
    assert!(confirms(&heard.said, "alice"), "{heard:?}");
    let answered = heard.held.get::<Answered>().unwrap();
    assert_eq!(answered.find(None, 25), Some(&b"staff"[..]));
    assert_eq!(answered.find(Some(9), 1), Some(&b"shell:priv-lvl=15"[..]));
    let said = log_in(&relay, "alice", "wrong").await.unwrap();
    assert!(matches!(said, Said::No(PrimaryOutcome::Wrong)), "{said:?}");
}

#[tokio::test]
async fn a_095_chap_made_for_the_devices_authenticator_is_right_behind_the_gateway() {
    let Some(server) = FreeRadius::start() else { return };
    let relay = start(&settings(&[server.address], SECRET, patient()));
    let chap = |password: &str| {
        let response = md5(&[&[9], password.as_bytes(), &[5; 16]].concat());
        attribute(3, &[&[9][..], &response].concat())
    };
    let right = ask(&relay, &passage("bob", &chap(PASSWORD)), None, None).await.unwrap();
    assert!(confirms(&right.said, "bob"), "{right:?}");
    let wrong = ask(&relay, &passage("bob", &chap("wrong")), None, None).await.unwrap();
    assert!(matches!(wrong.said, Said::No(PrimaryOutcome::Wrong)), "{wrong:?}");
}

fn md5(bytes: &[u8]) -> [u8; 16] {
    use md5::{Digest, Md5};
    Md5::digest(bytes).into()
}

#[tokio::test]
async fn a_101_a_102_ms_chap_v2_brings_the_servers_proof_and_the_keys_that_the_peer_computes() {
    let Some(server) = FreeRadius::start() else { return };
    let relay = start(&settings(&[server.address], SECRET, patient()));
    let peer = Peer::new("alice", PASSWORD);
    let heard = ask(&relay, &passage("alice", &peer.attributes()), None, None).await.unwrap();
    assert!(confirms(&heard.said, "alice"), "{heard:?}");
    let answered = heard.held.get::<Answered>().unwrap();
    assert_eq!(answered.find(Some(311), 26), Some(&peer.success()[..]), "A-099");
    let key = |kind| {
        let piece = answered.pieces().iter().find(|piece| piece.is(Some(311), kind)).unwrap();
        piece.opened().unwrap().plain().expose().to_vec()
    };
    assert_eq!((key(16), key(17)), (peer.device_sends().to_vec(), peer.device_receives().to_vec()));
    let stranger = Peer::new("alice", "wrong");
    let heard = ask(&relay, &passage("alice", &stranger.attributes()), None, None).await.unwrap();
    assert!(matches!(heard.said, Said::No(PrimaryOutcome::Wrong)), "E=691: {heard:?}");
}

#[tokio::test]
async fn its_own_question_is_answered_with_its_own_state() {
    let Some(server) = FreeRadius::start() else { return };
    let relay = start(&settings(&[server.address], SECRET, patient()));
    for (code, right) in [("000000", false), (NEXT_CODE, true)] {
        let asked = ask(&relay, &passage("carol", &[]), Some(PASSWORD), None).await.unwrap();
        assert!(matches!(asked.said, Said::More), "{asked:?}");
        let question = asked.held.get::<Answered>().unwrap();
        assert_eq!(question.find(None, 18), Some(NEXT_CODE_PLEASE.as_bytes()));
        let heard = ask(&relay, &passage("carol", &[]), Some(code), Some(&asked.held)).await.unwrap();
        assert_eq!(matches!(heard.said, Said::Yes { .. }), right, "{code}: {heard:?}");
    }
}

#[tokio::test]
async fn a_wrong_secret_and_a_server_that_does_not_sign_are_faults_that_say_so() {
    let Some(old) = FreeRadius::start_as(&Wish { signs: false, ..Wish::default() }) else { return };
    let strict = start(&settings(&[old.address], SECRET, hasty()));
    let fault = log_in(&strict, "bob", PASSWORD).await.unwrap_err();
    assert!(fault.what.contains("message-authenticator = \"off\""), "{fault}");
    let lax = start(&Settings { signed_only: false, ..settings(&[old.address], SECRET, patient()) });
    assert!(confirms(&log_in(&lax, "bob", PASSWORD).await.unwrap(), "bob"));
    let wrong = start(&settings(&[old.address], "another", hasty()));
    let fault = log_in(&wrong, "bob", PASSWORD).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::UpstreamUnreachable, "it drops what is signed with another: {fault}");
    assert!(fault.what.contains("the same secret"), "{fault}");
}

#[tokio::test]
async fn a_125_a_133_when_the_first_is_held_the_second_is_asked_and_probes_bring_the_first_back() {
    let (Some(first), Some(second)) = (FreeRadius::start(), FreeRadius::start()) else { return };
    let relay = start(&settings(&[first.address, second.address], SECRET, hasty()));
    relay.probe(until()).await.unwrap();
    first.hold();
    // The answer to a probe may be on its way and speak for it once more.
    let deadline = until();
    while relay.status().next().unwrap().standing == Standing::Up {
        assert!(SystemClock.now().steady < deadline, "its silence says nothing");
        assert!(confirms(&log_in(&relay, "bob", PASSWORD).await.unwrap(), "bob"));
    }
    let mark = second.mark();
    assert!(confirms(&log_in(&relay, "alice", PASSWORD).await.unwrap(), "alice"), "without waiting for it");
    // Its last words about bob may be written behind the mark: it is her name that counts.
    second.wait_for(mark, "alice");
    first.go_on();
    let deadline = until();
    while relay.status().next().unwrap().standing != Standing::Up {
        assert!(SystemClock.now().steady < deadline, "no probe brought it back");
        tokio::task::yield_now().await;
    }
    let mark = first.mark();
    assert!(confirms(&log_in(&relay, "dora", PASSWORD).await.unwrap(), "dora"));
    first.wait_for(mark, "dora");
}

#[tokio::test]
async fn a_134_a_136_accounting_and_disconnects_are_understood() {
    let Some(server) = FreeRadius::start() else { return };
    let line = |address| {
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        Line::new(address, shared(SECRET), false, patient(), clock, random)
    };
    let started = [attribute(1, b"alice"), attribute(40, &[0, 0, 0, 1]), attribute(44, b"s-1")].concat();
    let request = Request { kind: Kind::Accounting, attributes: &started, password: None };
    let response = line(server.accounting).ask(&request, until()).await.unwrap();
    assert_eq!(response.code(), Code::AccountingResponse);
    assert!(server.detail().contains("Acct-Session-Id = \"s-1\""), "{}", server.detail());
    for (session, code) in [("s-1", Code::DisconnectAck), (NO_SUCH_SESSION, Code::DisconnectNak)] {
        let session = attribute(44, session.as_bytes());
        let request = Request { kind: Kind::Disconnect, attributes: &session, password: None };
        let response = line(server.disconnect).ask(&request, until()).await.unwrap();
        assert_eq!(response.code(), code);
    }
}
