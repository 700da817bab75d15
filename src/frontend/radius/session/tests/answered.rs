//! What a device is told, and how long that may be.

use super::*;
use crate::login::client::WhenUnable;
use crate::login::verdict::FaultKind;
use crate::wire::radius::dictionary::NAS_IP_ADDRESS;

#[test]
fn a_061_e_001_e_002_a_question_is_a_challenge_with_one_state_and_a_text() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = request(1, 1, &[(PROXY_STATE, b"a"), (CLASS, b"x"), (PROXY_STATE, b"b")]);
    let (ticket, _) = bench.begun(&sent);
    let out = bench.reply(&ticket, ask(0xab)).unwrap();
    let reply = authentic(&out.bytes, &sent, "s3cret");
    assert_eq!(reply.code(), Code::AccessChallenge);
    assert_eq!(
        kinds(&reply),
        [MESSAGE_AUTHENTICATOR, STATE, REPLY_MESSAGE, PROMPT, PROXY_STATE, PROXY_STATE],
        "A-064, and A-046: nothing else of the request"
    );
    let state = reply.find(STATE).unwrap();
    assert!(state.len() <= 64 && state.iter().all(u8::is_ascii_graphic), "E-001");
    assert_eq!(reply.find(REPLY_MESSAGE), Some(&b"Code?"[..]));
    assert_eq!(reply.find(PROMPT), Some(&[0; 4][..]));
    assert_eq!(reply.all(PROXY_STATE).collect::<Vec<_>>(), [b"a", b"b"]);
}

#[test]
fn e_002_prompt_is_left_out_for_clients_that_do_not_want_it_and_the_text_is_never_empty() {
    let mut bench = Bench::new(RadiusClient { hide_answer: false, ..radius_client("vpn") });
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    let question = Reply::Ask(ChallengeId([1; 16]), Prompt { text: " ".into(), relay: None });
    let out = bench.reply(&ticket, question).unwrap();
    let reply = authentic(&out.bytes, &sent, "s3cret");
    assert_eq!(kinds(&reply), [MESSAGE_AUTHENTICATOR, STATE, REPLY_MESSAGE]);
    assert_eq!(reply.find(REPLY_MESSAGE), Some(&b"Code:"[..]));
}

#[test]
fn a_069_a_072_an_answer_names_its_own_question() {
    let mut bench = Bench::new(radius_client("vpn"));
    let state = ChallengeId([0xcd; 16]).text();
    let extra: [(u8, &[u8]); 3] =
        [(STATE, state.as_bytes()), (NAS_IP_ADDRESS, &[10, 0, 0, 1]), (NAS_IDENTIFIER, b"fw")];
    let (_, id, answer) = bench.resumed(&request(2, 2, &extra));
    assert_eq!(id, ChallengeId([0xcd; 16]));
    assert_eq!(answer.text.expose(), b"hunter2");
    assert_eq!(answer.name.prepared(), "anna", "A-071");
    assert_eq!(&*answer.client.name, "vpn");
    // the same device, whatever the order of its attributes.
    let turned: Vec<_> = extra.iter().rev().copied().collect();
    let (_, _, again) = bench.resumed(&request(3, 3, &turned));
    assert_eq!(answer.device, again.device);
    assert_eq!(answer.device.len(), 6 + 4);
}

#[test]
fn an_empty_reply_to_a_question_is_an_answer() {
    let state = ChallengeId([1; 16]).text();
    let extra: [(u8, &[u8]); 1] = [(STATE, state.as_bytes())];
    let sent = signed_with(&secret("s3cret"), Code::AccessRequest, 1, 1, Some(b""), &extra);
    let (_, _, answer) = Bench::new(radius_client("vpn")).resumed(&sent);
    assert!(answer.text.is_empty());
}

#[test]
fn a_063_a_067_d_100_a_rejection_is_the_same_bytes_for_every_reason() {
    let sent = request(1, 1, &[]);
    let mut seen = std::collections::HashSet::new();
    for reason in Reason::ALL {
        let mut bench = Bench::new(radius_client("vpn"));
        let (ticket, _) = bench.begun(&sent);
        let out = bench.reply(&ticket, Reply::Reject(reason)).unwrap();
        let reply = authentic(&out.bytes, &sent, "s3cret");
        assert_eq!(
            (reply.code(), kinds(&reply)),
            (Code::AccessReject, vec![MESSAGE_AUTHENTICATOR, REPLY_MESSAGE])
        );
        assert_eq!(reply.find(REPLY_MESSAGE), Some(reason.sentence().as_bytes()));
        // Certain before anybody is looked up: it says nothing of a name.
        if !matches!(reason, Reason::RefusedNow | Reason::RefusedHere) {
            seen.insert(out.bytes.to_vec());
        }
    }
    assert_eq!(seen.len(), 1);
}

#[test]
fn a_123_a_124_when_we_cannot_find_out_the_client_hears_what_it_is_set_to() {
    for kind in FaultKind::ALL {
        for when in [WhenUnable::Silence, WhenUnable::Reject] {
            let mut bench = Bench::new(with(|client| client.when_unable = when));
            let sent = request(1, 1, &[]);
            let (ticket, _) = bench.begun(&sent);
            let out = bench.reply(&ticket, Reply::Unable(kind));
            let heard = when == WhenUnable::Reject && kind != FaultKind::Overloaded;
            assert_eq!(out.is_some(), heard, "{kind:?} {when:?}");
            match out {
                Some(out) => assert_eq!(authentic(&out.bytes, &sent, "s3cret").code(), Code::AccessReject),
                None => {
                    assert_eq!(bench.count(Dropped::Unable), 1);
                    let _tried_again = bench.begun(&sent);
                }
            }
        }
    }
}

#[test]
fn d_124_an_answer_to_an_unproven_request_is_no_longer_than_it() {
    let replies =
        [accepted(), Reply::Reject(Reason::WrongCode), Reply::Unable(FaultKind::StoreUnavailable), ask(1)];
    for reply in replies {
        let client = RadiusClient {
            message_authenticator: MessageAuthenticator::Off,
            ..with(|client| {
                client.primary = PrimaryKind::CheckedByClient;
                client.when_unable = WhenUnable::Reject;
            })
        };
        let mut bench = Bench::new(client);
        let sent = unsigned(&request(1, 1, &[]));
        let (ticket, _) = bench.begun(&sent);
        let ended = bare(reply);
        match bench.ended(&ticket, &ended) {
            Some(out) => assert!(out.bytes.len() <= sent.len(), "{ended:?}"),
            None => assert!(matches!(ended.reply, Reply::Ask(..)), "only a question does not fit"),
        }
    }
    let mut bench = Bench::new(off());
    let sent = unsigned(&signed_with(
        &secret("s3cret"),
        Code::AccessRequest,
        1,
        1,
        None,
        &[(SERVICE_TYPE, &[0, 0, 0, 17])],
    ));
    assert_eq!(bench.dropped(&sent), Dropped::DoesNotFit);
}

#[test]
fn d_124_a_right_password_proves_enough_to_be_asked_for_a_code() {
    let mut bench = Bench::new(off());
    let sent = unsigned(&request(1, 1, &[]));
    let (ticket, _) = bench.begun(&sent);
    let out = bench.reply(&ticket, ask(1)).unwrap();
    authentic(&out.bytes, &sent, "s3cret");
}
