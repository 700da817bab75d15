//! Questions of an upstream.

use super::*;

/// A question of an upstream with everything in it that must not reach the device.
fn question(message: Option<&[u8]>) -> Held {
    answered(Code::AccessChallenge, |reply| {
        accept_with(reply);
        reply.attribute(PROMPT, &[0, 0, 0, 1]).unwrap();
        message.into_iter().for_each(|message| reply.long(EAP_MESSAGE, message).unwrap());
    })
}

fn relayed(held: Held) -> Reply {
    Reply::Ask(ChallengeId([5; 16]), Prompt { text: "".into(), relay: Some(held) })
}

#[test]
fn a_064_a_101_of_an_upstreams_question_only_the_question_is_put() {
    let mut bench = Bench::new(passing(&["Class", "Filter-Id", "Service-Type"], true));
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    let out = bench.reply(&ticket, relayed(question(None))).unwrap();
    let reply = authentic(&out.bytes, &sent, "s3cret");
    assert_eq!(kinds(&reply), [MESSAGE_AUTHENTICATOR, STATE, REPLY_MESSAGE, PROMPT, SESSION_TIMEOUT]);
    assert_eq!(reply.find(STATE), Some(ChallengeId([5; 16]).text().as_bytes()), "A-171");
    assert_eq!(reply.find(REPLY_MESSAGE), Some(&b"welcome"[..]));
    assert_eq!(reply.find(PROMPT), Some(&[0, 0, 0, 1][..]));
    assert_eq!(reply.find(SESSION_TIMEOUT), Some(&[0, 0, 0, 60][..]), "no longer than we wait ourselves");
}

#[test]
fn a_143_an_eap_question_of_any_length_comes_through_whole() {
    for length in [5usize, 252, 253, 254, 1500, 3000] {
        let said = u16::try_from(length).unwrap().to_be_bytes();
        let mut message = vec![1, 42, said[0], said[1], 25];
        message.resize(length, 7);
        let mut bench = Bench::new(relaying());
        let sent = identity(1);
        let (ticket, _) = bench.begun(&sent);
        let out = bench.reply(&ticket, relayed(question(Some(&message)))).unwrap();
        let reply = authentic(&out.bytes, &sent, "s3cret");
        assert_eq!(reply.all(EAP_MESSAGE).collect::<Vec<_>>().concat(), message);
        assert!(
            reply
                .attributes()
                .all(|a| { matches!(a.kind, MESSAGE_AUTHENTICATOR | STATE | EAP_MESSAGE | SESSION_TIMEOUT) })
        );
    }
}

#[test]
fn a_160_no_question_of_ours_is_put_to_eap() {
    let mut bench = Bench::new(relaying());
    let (ticket, _) = bench.begun(&identity(1));
    assert_eq!(bench.reply(&ticket, ask(1)), None);
    assert_eq!(bench.count(Dropped::NotOurs), 1);
}

#[test]
fn an_upstreams_question_that_is_no_eap_says_nothing_to_eap() {
    let mut bench = Bench::new(relaying());
    let (ticket, _) = bench.begun(&identity(1));
    assert_eq!(bench.reply(&ticket, relayed(question(None))), None);
    assert_eq!(bench.count(Dropped::NotOurs), 1);
}

#[test]
fn a_111_another_proof_under_the_same_identifier_is_another_request() {
    let mut bench = Bench::new(relaying());
    let (_first, _) = bench.begun(&identity(1));
    assert_eq!(bench.dropped(&identity(1)), Dropped::InWork);
    let other = proof(1, &[(EAP_MESSAGE, &[2, 41, 0, 6, 1, b'b'])], &[]);
    let (_second, _) = bench.begun(&other);
    let (_third, _) = bench.begun(&ms_chap_2(1));
    assert_eq!(bench.dropped(&ms_chap_2(1)), Dropped::InWork);
}

#[test]
fn nothing_of_what_an_upstream_said_shows_in_debug_output() {
    let held = answered(Code::AccessAccept, accept_with);
    let shown = format!("{:?} {:?}", ended(accepted(), held), Bench::new(relaying()).send(&ms_chap_2(1)));
    for word in ["sending", "theirs", "Anna"] {
        assert!(!shown.contains(word), "{shown}");
    }
}
