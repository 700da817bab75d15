//! What an upstream's answers mean for a login, and what it is asked: the adapter against a server that plays a
//! script.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

mod support;

use std::time::{Duration, Instant};

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::secret::Secret;
use doorward::login::relay::{Heard, Held, Passage, Said};
use doorward::login::step::PrimaryOutcome;
use doorward::login::verdict::{Fault, FaultKind};
use doorward::primary::radius::Relay;
use doorward::upstream::radius::Pace;
use doorward::upstream::radius::passage::Answered;
use doorward::wire::radius::hidden;
use doorward::wire::radius::packet::Code;
use doorward::wire::radius::password::reveal;
use support::radius_server::{Came, RadiusServer, SOON, shared};
use support::upstream::{self, passage};

const SECRET: &str = "the upstream's secret";
const ANNA: [u8; 6] = [1, 6, b'a', b'n', b'n', b'a'];

fn relay(servers: &[&RadiusServer], pace: Pace) -> Relay {
    let servers = servers.iter().map(|server| server.address).collect();
    Relay::new(upstream::start(&upstream::settings(servers, SECRET, pace)))
}

fn patient() -> Pace {
    Pace { first: SOON, ..Pace::new(SOON) }
}

/// Long enough for an answer, short enough for a test that waits for none.
fn quick() -> Pace {
    Pace { first: Duration::from_millis(40), copies: 2, ..Pace::new(Duration::from_millis(100)) }
}

fn until() -> Instant {
    SystemClock.now().steady + SOON
}

async fn ask(
    relay: &Relay,
    passage: &Passage,
    password: Option<&str>,
    earlier: Option<&Held>,
) -> Result<Heard, Fault> {
    upstream::ask(relay, passage, password, earlier, until()).await
}

fn answers(
    code: Code,
    attributes: &'static [(u8, &'static [u8])],
) -> impl FnMut(&Came) -> Vec<Vec<u8>> + Send {
    move |came| vec![came.reply(code, attributes, &shared(SECRET))]
}

#[tokio::test]
async fn an_accept_is_a_yes_with_the_name_that_it_confirms() {
    let server =
        RadiusServer::start(answers(Code::AccessAccept, &[(1, b"anna@example.org"), (25, b"class")]));
    let relay = relay(&[&server], patient());
    let heard = ask(&relay, &passage(&ANNA), Some("correct horse"), None).await.unwrap();
    let Said::Yes { name: Some(name) } = heard.said else { panic!("{heard:?}") };
    assert_eq!(name.typed(), "anna@example.org");
    assert_eq!(heard.held.get::<Answered>().unwrap().find(None, 25), Some(&b"class"[..]));
    server.play(answers(Code::AccessAccept, &[(1, b"\x07bell")]));
    let heard = ask(&relay, &passage(&ANNA), Some("correct horse"), None).await.unwrap();
    assert!(matches!(heard.said, Said::Yes { name: None }), "a name that is none confirms nobody");
}

#[tokio::test]
async fn a_100_a_reject_says_why_as_far_as_ms_chap_error_tells() {
    const CODES: [(&[u8], PrimaryOutcome); 7] = [
        (b"\x00\x00\x01\x37\x02\x0a\x01E=646 R", PrimaryOutcome::OutsideHours),
        (b"\x00\x00\x01\x37\x02\x0a\x01E=647 R", PrimaryOutcome::Disabled),
        (b"\x00\x00\x01\x37\x02\x0a\x01E=648 R", PrimaryOutcome::PasswordExpired),
        (b"\x00\x00\x01\x37\x02\x0a\x01E=649 R", PrimaryOutcome::Restricted),
        (b"\x00\x00\x01\x37\x02\x0a\x01E=691 R", PrimaryOutcome::Wrong),
        (b"\x00\x00\x01\x37\x02\x0a\x01E=999 R", PrimaryOutcome::Wrong),
        (b"\x00\x00\x00\x09\x02\x0a\x01E=647 R", PrimaryOutcome::Wrong),
    ];
    let mut turn = CODES.iter();
    let server = RadiusServer::start(move |came| {
        let (value, _) = turn.next().unwrap();
        vec![came.reply(Code::AccessReject, &[(26, value)], &shared(SECRET))]
    });
    let relay = relay(&[&server], patient());
    for (_, expected) in CODES {
        let heard = ask(&relay, &passage(&ANNA), Some("x"), None).await.unwrap();
        assert!(matches!(heard.said, Said::No(outcome) if outcome == expected), "{heard:?}: {expected:?}");
    }
    server.play(answers(Code::AccessReject, &[(18, b"E=647")]));
    let heard = ask(&relay, &passage(&ANNA), Some("x"), None).await.unwrap();
    assert!(matches!(heard.said, Said::No(PrimaryOutcome::Wrong)), "a text for people is no code");
}

#[tokio::test]
async fn a_question_of_the_upstream_is_answered_with_its_own_state_at_the_server_that_asked() {
    let other = RadiusServer::start(answers(Code::AccessAccept, &[]));
    let server =
        RadiusServer::start(answers(Code::AccessChallenge, &[(24, b"their state"), (18, b"Next code?")]));
    let relay = relay(&[&server, &other], patient());
    let first = ask(&relay, &passage(&ANNA), Some("correct horse"), None).await.unwrap();
    assert!(matches!(first.said, Said::More));
    assert_eq!(first.held.get::<Answered>().unwrap().find(None, 18), Some(&b"Next code?"[..]));
    server.play(answers(Code::AccessAccept, &[]));
    let ours = [&ANNA[..], &[24, 6, b'o', b'u', b'r', b's']].concat();
    let last = ask(&relay, &passage(&ours), Some("123456"), Some(&first.held)).await.unwrap();
    assert!(matches!(last.said, Said::Yes { name: None }));
    let came = server.all();
    assert_eq!(came[0].packet().find(24), None);
    assert_eq!(came[1].packet().all(24).collect::<Vec<_>>(), [b"their state"], "A-171");
    let typed =
        reveal(came[1].packet().find(2).unwrap(), shared(SECRET).raw(), came[1].packet().authenticator());
    assert_eq!(typed.unwrap().expose(), b"123456");
    assert!(other.all().is_empty(), "A-125");
}

#[tokio::test]
async fn a_conversation_whose_server_is_gone_is_a_fault_and_nobody_else_hears_of_it() {
    let other = RadiusServer::start(answers(Code::AccessAccept, &[]));
    let server = RadiusServer::start(answers(Code::AccessChallenge, &[(24, b"their state")]));
    let relay = relay(&[&server, &other], quick());
    let first = ask(&relay, &passage(&ANNA), Some("correct horse"), None).await.unwrap();
    server.play(|_| Vec::new());
    let fault = ask(&relay, &passage(&ANNA), Some("123456"), Some(&first.held)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::UpstreamUnreachable);
    assert!(other.all().is_empty());
}

#[tokio::test]
async fn eap_goes_there_and_back_whole() {
    const REQUEST: &[u8] = b"\x01\x07\x00\x06\x15\x20";
    let server = RadiusServer::start(answers(Code::AccessChallenge, &[(24, b"s"), (79, REQUEST)]));
    let relay = relay(&[&server], patient());
    let response = [&ANNA[..], &[79, 11, 2, 6, 0, 9, 1, b'a', b'n', b'n', b'a']].concat();
    let first = ask(&relay, &passage(&response), None, None).await.unwrap();
    assert!(matches!(first.said, Said::More));
    assert_eq!(first.held.get::<Answered>().unwrap().find(None, 79), Some(REQUEST));
    assert_eq!(server.next().packet().find(79), Some(&response[8..]));
    server.play(answers(Code::AccessAccept, &[(1, b"anna"), (79, b"\x03\x07\x00\x04")]));
    let last = ask(&relay, &passage(&response), None, Some(&first.held)).await.unwrap();
    assert!(matches!(last.said, Said::Yes { name: Some(_) }));
    assert_eq!(server.next().packet().find(24), Some(&b"s"[..]));
}

#[tokio::test]
async fn a_146_an_eap_packet_that_contradicts_its_packet_is_a_fault_and_no_yes() {
    let server = RadiusServer::start(answers(Code::AccessAccept, &[(79, b"\x04\x07\x00\x04")]));
    let relay = relay(&[&server], patient());
    let eap = passage(&[79, 7, 2, 6, 0, 5, 1]);
    let contradictions: [&'static [(u8, &'static [u8])]; 3] =
        [&[(79, b"\x03\x07\x00\x04")], &[(24, b"s")], &[(79, b"\x01\x07\x00\x60\x15")]];
    let fault = ask(&relay, &eap, None, None).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::UpstreamConfusing, "EAP-Failure in an accept");
    server.play(answers(Code::AccessAccept, &[(1, b"anna")]));
    let fault = ask(&relay, &eap, None, None).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::UpstreamConfusing, "an accept without EAP-Success");
    for attributes in contradictions {
        server.play(answers(Code::AccessChallenge, attributes));
        let fault = ask(&relay, &eap, None, None).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::UpstreamConfusing, "{attributes:?}");
    }
}

#[tokio::test]
async fn a_102_a_key_in_the_accept_can_be_hidden_for_the_device() {
    let server = RadiusServer::start(|came| {
        let authenticator = *came.packet().authenticator();
        let value = hidden::hide(&[9; 16], [0x81, 2], shared(SECRET).raw(), &authenticator).unwrap();
        let length = u8::try_from(value.len() + 2).unwrap();
        let value = [&[0, 0, 1, 55, 17, length][..], &value].concat();
        vec![came.reply(Code::AccessAccept, &[(26, &value)], &shared(SECRET))]
    });
    let relay = relay(&[&server], patient());
    let heard = ask(&relay, &passage(&ANNA), Some("x"), None).await.unwrap();
    let answered = heard.held.get::<Answered>().unwrap();
    let key = answered.pieces().iter().find(|piece| piece.is(Some(311), 17)).unwrap().opened().unwrap();
    let device = Secret::copied(b"the device's secret");
    let again = key.hide(&mut hidden::Salts::new([1, 1]), &device, &[5; 16]).unwrap();
    assert_eq!(hidden::open(&again, &device, &[5; 16]).unwrap().expose(), [9; 16]);
}

#[tokio::test]
async fn a_protocol_error_is_a_fault_with_its_cause() {
    let server = RadiusServer::start(answers(Code::ProtocolError, &[(101, &[0, 0, 1, 246])]));
    let relay = relay(&[&server], patient());
    let fault = ask(&relay, &passage(&ANNA), Some("x"), None).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::UpstreamConfusing);
    assert!(fault.what.contains("error-cause 502"), "{fault}");
}

#[tokio::test]
async fn a_request_without_any_proof_asks_nobody() {
    let server = RadiusServer::start(answers(Code::AccessAccept, &[]));
    let relay = relay(&[&server], patient());
    let nothing = ask(&relay, &passage(&ANNA), None, None).await.unwrap_err();
    let foreign = ask(&relay, &Passage::new("of another protocol"), Some("x"), None).await.unwrap_err();
    let lost = ask(&relay, &passage(&ANNA), Some("x"), Some(&Held::new(7))).await.unwrap_err();
    for fault in [nothing, foreign, lost] {
        assert_eq!(fault.kind, FaultKind::Internal, "{fault}");
    }
    assert!(server.all().is_empty());
}

#[tokio::test]
async fn a_password_longer_than_the_scheme_can_hide_is_a_fault_and_goes_nowhere() {
    let server = RadiusServer::start(answers(Code::AccessAccept, &[]));
    let relay = relay(&[&server], patient());
    let fault = ask(&relay, &passage(&ANNA), Some(&"x".repeat(129)), None).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Internal);
    assert!(server.all().is_empty());
}
