use proptest::prelude::*;

use super::*;
use crate::base::secret::Secret;
use crate::wire::radius::build::{Buffer, ReplyBuilder, ReplyTo};
use crate::wire::radius::dictionary::REPLY_MESSAGE;
use crate::wire::radius::packet::MAX_LEN;

const AUTHENTICATOR: [u8; 16] = *b"request of ours.";

fn secret(text: &str) -> SharedSecret {
    SharedSecret::new(Secret::copied(text.as_bytes())).unwrap()
}

fn reply(code: Code, identifier: u8, authenticator: [u8; 16], with: &SharedSecret) -> Vec<u8> {
    let to = ReplyTo { identifier, authenticator, proxy_states: Vec::new() };
    let mut buffer: Buffer = [0; MAX_LEN];
    let mut reply = ReplyBuilder::new(&mut buffer, code, &to).unwrap();
    reply.attribute(REPLY_MESSAGE, b"hello").unwrap();
    reply.sign(with).unwrap().to_vec()
}

/// The same reply without Message-Authenticator, its Response Authenticator made anew.
fn unsigned(mut reply: Vec<u8>, with: &SharedSecret) -> Vec<u8> {
    reply.drain(20..38);
    let length = u16::try_from(reply.len()).unwrap();
    reply[2..4].copy_from_slice(&length.to_be_bytes());
    let authenticator = with.response_authenticator(&reply, &AUTHENTICATOR);
    reply[4..20].copy_from_slice(&authenticator);
    reply
}

fn one_waits(kind: Kind) -> (Waiting, u8, oneshot::Receiver<Outcome>) {
    let mut waiting = Waiting::new(7);
    let (identifier, from) = waiting.begin(kind).unwrap();
    waiting.aim(identifier, AUTHENTICATOR);
    (waiting, identifier, from)
}

#[test]
fn a_reply_that_proves_itself_reaches_the_one_who_asked_once() {
    let shared = secret("s");
    let (mut waiting, id, mut from) = one_waits(Kind::Access);
    let mut padded = reply(Code::AccessAccept, id, AUTHENTICATOR, &shared);
    let bytes = padded.clone();
    padded.extend([0; 5]);
    assert_eq!(waiting.hear(&padded, &shared, true), Heard::Answer { signed: true });
    assert_eq!(&*from.try_recv().unwrap().unwrap(), bytes, "without the padding");
    assert_eq!(waiting.hear(&bytes, &shared, true), Heard::Unmatched, "A-121: a copy");
    assert_eq!(waiting.end(id), None);
    assert!(waiting.is_idle());
}

#[test]
fn a_045_a_reply_that_fails_a_check_leaves_the_request_open_for_a_better_one() {
    let (shared, other) = (secret("s"), secret("t"));
    let (mut waiting, id, mut from) = one_waits(Kind::Access);
    let good = reply(Code::AccessReject, id, AUTHENTICATOR, &shared);
    let mut forged = good.clone();
    forged[22] ^= 1;
    let authenticator = shared.response_authenticator(&forged, &AUTHENTICATOR);
    forged[4..20].copy_from_slice(&authenticator);
    let mut cut = good.clone();
    cut.pop();
    let refused = |error: NotAuthentic| Heard::Refused(Refused::NotAuthentic(error));
    let truncated = ParseError::Truncated { said: 45, got: 44 };
    let bad = [
        (reply(Code::AccessAccept, id, AUTHENTICATOR, &other), refused(NotAuthentic::ResponseAuthenticator)),
        (reply(Code::AccessAccept, id, [9; 16], &shared), refused(NotAuthentic::ResponseAuthenticator)),
        (unsigned(good.clone(), &shared), refused(NotAuthentic::Unsigned)),
        (forged, refused(NotAuthentic::MessageAuthenticator)),
        (cut, Heard::Refused(Refused::Malformed(truncated))),
        (
            reply(Code::AccountingResponse, id, AUTHENTICATOR, &shared),
            Heard::Refused(Refused::Code(Code::AccountingResponse)),
        ),
        (reply(Code::AccessAccept, id.wrapping_add(1), AUTHENTICATOR, &shared), Heard::Unmatched),
        (vec![2], Heard::Unmatched),
    ];
    for (datagram, verdict) in bad {
        assert_eq!(waiting.hear(&datagram, &shared, true), verdict);
        assert!(from.try_recv().is_err(), "{verdict:?}");
    }
    assert_eq!(
        waiting.refused(id),
        Some(Refused::Code(Code::AccountingResponse)),
        "the last that was for it"
    );
    assert_eq!(waiting.hear(&good, &shared, true), Heard::Answer { signed: true });
    assert_eq!(&*from.try_recv().unwrap().unwrap(), good);
}

#[test]
fn a_044_an_unsigned_reply_counts_where_none_is_demanded_and_a_140_never_with_eap() {
    let shared = secret("s");
    let (mut waiting, id, _from) = one_waits(Kind::Access);
    let plain = unsigned(reply(Code::AccessAccept, id, AUTHENTICATOR, &shared), &shared);
    let mut eap = plain.clone();
    eap[20] = EAP_MESSAGE;
    let authenticator = shared.response_authenticator(&eap, &AUTHENTICATOR);
    eap[4..20].copy_from_slice(&authenticator);
    let unsigned = Heard::Refused(Refused::NotAuthentic(NotAuthentic::Unsigned));
    assert_eq!(waiting.hear(&eap, &shared, false), unsigned);
    assert_eq!(waiting.hear(&plain, &shared, true), unsigned);
    assert_eq!(waiting.hear(&plain, &shared, false), Heard::Answer { signed: false });
}

#[test]
fn a_133_only_an_accept_is_a_sign_of_life() {
    let shared = secret("s");
    let (mut waiting, id, mut from) = one_waits(Kind::AccessStatus);
    for code in [Code::AccessReject, Code::AccessChallenge, Code::AccountingResponse, Code::ProtocolError] {
        let datagram = reply(code, id, AUTHENTICATOR, &shared);
        assert_eq!(waiting.hear(&datagram, &shared, true), Heard::Refused(Refused::Code(code)));
    }
    let foreign = unsigned(reply(Code::AccessAccept, id, AUTHENTICATOR, &secret("t")), &secret("t"));
    let refused = Heard::Refused(Refused::NotAuthentic(NotAuthentic::ResponseAuthenticator));
    assert_eq!(waiting.hear(&foreign, &shared, true), refused);
    let old = unsigned(reply(Code::AccessAccept, id, AUTHENTICATOR, &shared), &shared);
    assert_eq!(waiting.hear(&old, &shared, true), Heard::Answer { signed: false }, "proof enough of life");
    assert!(from.try_recv().is_ok());
}

#[test]
fn a_120_an_identifier_is_not_used_again_before_its_request_ended_and_then_last_of_all() {
    let mut waiting = Waiting::new(250);
    let mut begun: Vec<_> = (0..256).map(|_| waiting.begin(Kind::Access).unwrap()).collect();
    let distinct: std::collections::HashSet<u8> = begun.iter().map(|(id, _)| *id).collect();
    assert_eq!((distinct.len(), begun[0].0), (256, 250));
    assert!(waiting.begin(Kind::Access).is_none(), "all 256 wait");
    let (third, _) = begun.remove(2);
    let (first, _) = begun.remove(0);
    waiting.end(third);
    waiting.end(first);
    assert_eq!(waiting.begin(Kind::Access).unwrap().0, third, "free for longest");
    assert_eq!(waiting.begin(Kind::Access).unwrap().0, first);
}

#[test]
fn a_reply_to_a_request_that_was_given_up_reaches_nobody_and_changes_nothing() {
    let shared = secret("s");
    let (mut waiting, id, from) = one_waits(Kind::Access);
    drop(from);
    let datagram = reply(Code::AccessAccept, id, AUTHENTICATOR, &shared);
    assert_eq!(waiting.hear(&datagram, &shared, true), Heard::Unmatched);
    assert!(!waiting.is_idle(), "its identifier is still its own");
    waiting.end(id);
    assert!(waiting.is_idle());
}

#[test]
fn nothing_answers_a_request_that_was_not_sent() {
    let shared = secret("s");
    let mut waiting = Waiting::new(0);
    let (id, mut from) = waiting.begin(Kind::Access).unwrap();
    let datagram = reply(Code::AccessAccept, id, [0; 16], &shared);
    assert_eq!(waiting.hear(&datagram, &shared, true), Heard::Unmatched);
    assert!(from.try_recv().is_err());
}

#[test]
fn a_notice_is_answered_by_its_own_kind_of_reply_signed_or_not() {
    let shared = secret("s");
    let pairs = [
        (Kind::Accounting, Code::AccountingResponse, Code::AccessAccept),
        (Kind::AccountingStatus, Code::AccountingResponse, Code::AccessAccept),
        (Kind::Disconnect, Code::DisconnectNak, Code::CoaAck),
        (Kind::Coa, Code::CoaAck, Code::DisconnectAck),
    ];
    for (kind, right, wrong) in pairs {
        let (mut waiting, id, _from) = one_waits(kind);
        let refused = waiting.hear(&reply(wrong, id, AUTHENTICATOR, &shared), &shared, true);
        assert_eq!(refused, Heard::Refused(Refused::Code(wrong)), "{kind:?}");
        let mut datagram = reply(right, id, AUTHENTICATOR, &shared);
        if datagram[20] == MESSAGE_AUTHENTICATOR {
            datagram = unsigned(datagram, &shared);
        }
        assert_eq!(
            waiting.hear(&datagram, &shared, true),
            Heard::Answer { signed: true },
            "{kind:?}: as it should be"
        );
    }
}

#[test]
fn all_who_wait_learn_that_nothing_listens_there() {
    let mut waiting = Waiting::new(0);
    let mut all: Vec<_> = (0..3).map(|_| waiting.begin(Kind::Access).unwrap()).collect();
    waiting.end_all(Ended::NotListening);
    for (id, from) in &mut all {
        assert_eq!(from.try_recv().unwrap(), Err(Ended::NotListening));
        waiting.end(*id);
    }
    assert!(waiting.is_idle());
}

proptest! {
    #[test]
    fn no_bytes_without_the_secret_are_an_answer_whatever_they_are(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        aimed: bool,
        strict: bool,
    ) {
        let (mut waiting, id, mut from) = one_waits(Kind::Access);
        let mut bytes = bytes;
        if aimed && bytes.len() >= 4 {
            bytes[0] = 2;
            bytes[1] = id;
            let length = u16::try_from(bytes.len()).unwrap();
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
        }
        let heard = waiting.hear(&bytes, &secret("s"), strict);
        prop_assert!(!matches!(heard, Heard::Answer { .. }), "{:?}", heard);
        prop_assert!(from.try_recv().is_err());
        waiting.end(id);
        prop_assert!(waiting.is_idle());
    }

    #[test]
    fn a_reply_with_one_changed_bit_is_no_answer(bit in 0usize..45 * 8, strict: bool) {
        let shared = secret("s");
        let (mut waiting, id, mut from) = one_waits(Kind::Access);
        let mut bytes = reply(Code::AccessAccept, id, AUTHENTICATOR, &shared);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let heard = waiting.hear(&bytes, &shared, strict);
        prop_assert!(!matches!(heard, Heard::Answer { .. }), "{:?}", heard);
        prop_assert!(from.try_recv().is_err());
    }
}
