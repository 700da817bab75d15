//! Logins that an upstream checks: what is taken from a request, and what of the upstream's answer comes back.

mod questions;

use super::*;
use crate::base::secret::Secret;
use crate::frontend::radius::lab::granted;
use crate::frontend::radius::method::Way;
use crate::frontend::radius::passing::{Passed, Passing};
use crate::login::identity::Account;
use crate::login::relay::{Held, Method};
use crate::login::telling::{Tell, Telling, Told, Untold};
use crate::upstream::radius::Which as Server;
use crate::upstream::radius::passage::{Answered, Forwarded};
use crate::wire::radius::build::{ReplyBuilder, RequestBuilder};
use crate::wire::radius::dictionary::{
    ERROR_CAUSE, FILTER_ID, MICROSOFT, MS_CHAP_CHALLENGE, MS_CHAP_ERROR, MS_CHAP_RESPONSE, MS_CHAP2_CPW,
    MS_CHAP2_RESPONSE, MS_CHAP2_SUCCESS, MS_MPPE_RECV_KEY, MS_MPPE_SEND_KEY, SESSION_TIMEOUT,
    TUNNEL_PASSWORD,
};
use crate::wire::radius::hidden::{Salts, hide, open};

const UPSTREAMS: &str = "a secret of the upstream";
const PROVED: [u8; 16] = [9; 16];

fn relaying() -> RadiusClient {
    let client = with(|client| {
        client.primary = PrimaryKind::Upstream;
        client.upstream = Some("nps".into());
    });
    RadiusClient { ways: Way::WORDS.map(|(_, way)| way).to_vec(), ..client }
}

fn passing(names: &[&str], administrative: bool) -> RadiusClient {
    let list = names.iter().map(|name| Passed::named(name).unwrap()).collect();
    RadiusClient { passing: Passing { list, administrative }, ..relaying() }
}

/// A request of anna without a password, with standard and Microsoft's attributes.
fn proof(identifier: u8, extra: Extra<'_>, microsofts: Extra<'_>) -> Vec<u8> {
    let mut buffer = [0; MAX_LEN];
    let mut request =
        RequestBuilder::new(&mut buffer, Code::AccessRequest, identifier, [identifier; 16]).unwrap();
    request.attribute(USER_NAME, b"CORP\\Anna").unwrap();
    for (kind, value) in extra {
        request.attribute(*kind, value).unwrap();
    }
    for (kind, value) in microsofts {
        request.vendor(MICROSOFT, *kind, value).unwrap();
    }
    request.sign(&secret("s3cret")).unwrap().to_vec()
}

fn ms_chap_2(identifier: u8) -> Vec<u8> {
    let response = [&[77, 0][..], &[3; 16], &[0; 8], &[4; 24]].concat();
    proof(identifier, &[], &[(MS_CHAP_CHALLENGE, &[1; 16]), (MS_CHAP2_RESPONSE, &response)])
}

fn identity(identifier: u8) -> Vec<u8> {
    proof(identifier, &[(EAP_MESSAGE, &[2, 41, 0, 6, 1, b'a'])], &[])
}

fn refusal(client: RadiusClient, sent: &[u8]) -> Refusal {
    refused(&Bench::new(client).send(sent))
}

/// What an upstream answers, with `write` in it.
fn answered(code: Code, write: impl FnOnce(&mut ReplyBuilder<'_, '_>)) -> Held {
    let to = ReplyTo { identifier: 1, authenticator: PROVED, proxy_states: Vec::new() };
    let mut buffer = [0; MAX_LEN];
    let mut reply = ReplyBuilder::new(&mut buffer, code, &to).unwrap();
    write(&mut reply);
    let bytes = reply.sign(&secret(UPSTREAMS)).unwrap();
    let server = Server::at(([192, 0, 2, 40], 1812).into());
    Held::new(Answered::of(&Packet::parse(bytes).unwrap(), &PROVED, server, &secret(UPSTREAMS)).unwrap())
}

fn hidden(plain: &[u8], salt: u8) -> Vec<u8> {
    hide(plain, Salts::new([0, salt]).draw(), secret(UPSTREAMS).raw(), &PROVED).unwrap()
}

fn accept_with(reply: &mut ReplyBuilder<'_, '_>) {
    reply.vendor(MICROSOFT, MS_MPPE_SEND_KEY, &hidden(b"sending", 1)).unwrap();
    reply.vendor(MICROSOFT, MS_MPPE_RECV_KEY, &hidden(b"receiving", 2)).unwrap();
    reply.vendor(MICROSOFT, MS_CHAP2_SUCCESS, b"\x4dS=0123456789").unwrap();
    reply.attribute(CLASS, b"theirs").unwrap();
    reply.attribute(FILTER_ID, b"vpn").unwrap();
    reply.attribute(SERVICE_TYPE, &[0, 0, 0, 6]).unwrap();
    reply.attribute(TUNNEL_PASSWORD, &[&[1][..], &hidden(b"tunnel", 3)].concat()).unwrap();
    reply.attribute(SESSION_TIMEOUT, &[0, 0, 14, 16]).unwrap();
    reply.attribute(REPLY_MESSAGE, b"welcome").unwrap();
    reply.attribute(STATE, b"theirs").unwrap();
}

fn ended(reply: Reply, held: Held) -> Ended {
    Ended { held: Some(held), ..bare(reply) }
}

fn forwarded(passage: Option<&crate::login::relay::Passage>) -> &Forwarded {
    passage.and_then(|passage| passage.get::<Forwarded>()).unwrap()
}

struct Rules(Vec<u8>);

impl Tell for Rules {
    fn tell(&self, _: &Account, _: Option<&[Arc<str>]>) -> Result<Told, Untold> {
        Ok(Told::new(self.0.clone()))
    }
}

fn told(attributes: &[(u8, &[u8])]) -> Reply {
    let whole = attributes.iter().flat_map(|(kind, value)| {
        let length = u8::try_from(value.len() + 2).unwrap();
        [&[*kind, length][..], value].concat()
    });
    granted(Some(Telling::new(Rules(whole.collect()))))
}

#[test]
fn every_way_to_log_in_becomes_its_method_and_goes_on() {
    let chap = proof(1, &[(CHAP_PASSWORD, &[5; 17])], &[]);
    let ms_chap = proof(2, &[], &[(MS_CHAP_CHALLENGE, &[1; 8]), (MS_CHAP_RESPONSE, &[0; 50])]);
    let start = {
        let mut bytes = proof(5, &[], &[]);
        bytes.extend([EAP_MESSAGE, 2]);
        let length = u16::try_from(bytes.len()).unwrap();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        bytes[22..38].fill(0);
        let mac = secret("s3cret").message_authenticator(&bytes, &[5; 16], 22);
        bytes[22..38].copy_from_slice(&mac);
        bytes
    };
    for (sent, method) in [
        (chap, Method::Chap),
        (ms_chap, Method::MsChap),
        (ms_chap_2(3), Method::MsChap2),
        (identity(4), Method::Eap),
        (start, Method::Eap),
    ] {
        let (_, attempt) = Bench::new(relaying()).begun(&sent);
        assert!(matches!(attempt.credential, PrimaryCredential::Relayed(m) if m == method), "{method:?}");
        let forwarded = forwarded(attempt.passage.as_ref());
        assert!(forwarded.has_proof());
        assert_eq!(forwarded.is_eap(), method == Method::Eap);
    }
    let (_, attempt) = Bench::new(relaying()).begun(&request(6, 6, &[]));
    assert!(matches!(attempt.credential, PrimaryCredential::Password(p) if p.expose() == b"hunter2"));
    assert!(!forwarded(attempt.passage.as_ref()).has_proof(), "a password is hidden anew by who asks");
    let (_, attempt) = Bench::new(radius_client("vpn")).begun(&request(6, 6, &[]));
    assert!(attempt.passage.is_none(), "without an upstream nothing goes on");
}

#[test]
fn e_010_what_a_client_may_not_use_is_refused_before_it_is_looked_into() {
    let only = |way| RadiusClient { ways: vec![way], ..relaying() };
    let broken_ms_chap = proof(1, &[], &[(MS_CHAP2_RESPONSE, b"short")]);
    assert_eq!(refusal(only(Way::Pap), &broken_ms_chap), Refusal::MsChap);
    assert_eq!(refusal(only(Way::Pap), &proof(1, &[(CHAP_PASSWORD, &[5; 17])], &[])), Refusal::Chap);
    assert_eq!(refusal(only(Way::Pap), &identity(1)), Refusal::Eap);
    let eap = Way::Relayed(Method::Eap);
    assert_eq!(refusal(only(eap), &request(1, 1, &[])), Refusal::Pap);
    assert_eq!(refusal(only(Way::Relayed(Method::MsChap)), &ms_chap_2(1)), Refusal::MsChap);
    let no_upstream = RadiusClient { ways: Way::WORDS.map(|(_, way)| way).to_vec(), ..radius_client("vpn") };
    assert_eq!(refusal(no_upstream, &identity(1)), Refusal::Eap, "a directory cannot check it");
}

#[test]
fn a_094_a_097_a_105_a_142_a_145_what_has_a_wrong_form_is_refused() {
    let cases: [(Vec<u8>, Refusal); 8] = [
        (proof(1, &[(CHAP_PASSWORD, &[5; 17]), (60, b"1234")], &[]), Refusal::Malformed),
        (proof(1, &[], &[(MS_CHAP2_RESPONSE, &[0; 50])]), Refusal::Malformed),
        (proof(1, &[], &[(MS_CHAP_CHALLENGE, &[1; 8]), (MS_CHAP2_RESPONSE, &[0; 50])]), Refusal::Malformed),
        (proof(1, &[], &[(MS_CHAP_CHALLENGE, &[1; 16]), (MS_CHAP2_RESPONSE, &[0; 49])]), Refusal::Malformed),
        (proof(1, &[], &[(MS_CHAP_CHALLENGE, &[1; 16]), (MS_CHAP2_CPW, &[0; 68])]), Refusal::Malformed),
        (proof(1, &[(EAP_MESSAGE, &[1, 2, 0, 5, 1])], &[]), Refusal::EapRequest),
        (proof(1, &[(EAP_MESSAGE, &[2, 2, 0, 6, 25, 0])], &[]), Refusal::EapWithoutState),
        (
            proof(1, &[(CHAP_PASSWORD, &[5; 17]), (STATE, ChallengeId([1; 16]).text().as_bytes())], &[]),
            Refusal::ProofWithState,
        ),
    ];
    for (sent, why) in cases {
        assert_eq!(refusal(relaying(), &sent), why);
    }
    let mut change: Vec<(u8, Vec<u8>)> = vec![(MS_CHAP_CHALLENGE, vec![1; 16]), (MS_CHAP2_CPW, vec![0; 68])];
    change.extend([243, 243, 42].map(|length| (6, vec![0; length])));
    let change: Vec<(u8, &[u8])> = change.iter().map(|(kind, value)| (*kind, &value[..])).collect();
    assert_eq!(refusal(relaying(), &proof(1, &[], &change)), Refusal::NewPassword, "A-105");
}

#[test]
fn a_142_eap_that_is_no_packet_is_dropped() {
    for message in [&[2, 1, 0, 9, 1][..], &[2, 1, 0], &[3, 1, 0, 4], &[4, 1, 0, 4], &[9, 1, 0, 4]] {
        let sent = proof(1, &[(EAP_MESSAGE, message)], &[]);
        assert_eq!(Bench::new(relaying()).dropped(&sent), Dropped::BadEap, "{message:?}");
    }
}

#[test]
fn a_reply_to_a_question_is_typed_or_the_devices_own() {
    let state = ChallengeId([1; 16]).text();
    let eap_only = RadiusClient { ways: vec![Way::Relayed(Method::Eap)], ..relaying() };
    let (_, id, answer) = Bench::new(eap_only).resumed(&request(1, 1, &[(STATE, state.as_bytes())]));
    assert_eq!((id, answer.text.expose()), (ChallengeId([1; 16]), &b"hunter2"[..]), "an answer is no login");
    assert!(!forwarded(answer.passage.as_ref()).has_proof());
    let peap = proof(2, &[(STATE, state.as_bytes()), (EAP_MESSAGE, &[2, 2, 0, 6, 25, 0])], &[]);
    let (_, _, answer) = Bench::new(relaying()).resumed(&peap);
    assert!(answer.text.is_empty());
    let forwarded = forwarded(answer.passage.as_ref());
    assert!(forwarded.is_eap());
    let attributes = forwarded.attributes(false, None, "x");
    assert!(!attributes.windows(32).any(|part| part == state.as_bytes()), "our State is ours (A-171)");
}

#[test]
fn a_101_a_102_keys_come_back_hidden_for_this_device_and_this_request() {
    let mut bench = Bench::new(passing(&["Tunnel-Password"], false));
    let sent = ms_chap_2(7);
    let (ticket, _) = bench.begun(&sent);
    let out = bench.ended(&ticket, &ended(accepted(), answered(Code::AccessAccept, accept_with))).unwrap();
    let reply = authentic(&out.bytes, &sent, "s3cret");
    let device = secret("s3cret");
    let opened = |kind| {
        let value = reply.vendor(MICROSOFT, kind).next().unwrap();
        assert_eq!(value[0] & 0x80, 0x80, "the salt's top bit");
        (open(value, device.raw(), &[7; 16]).unwrap(), [value[0], value[1]])
    };
    let (send, recv) = (opened(MS_MPPE_SEND_KEY), opened(MS_MPPE_RECV_KEY));
    assert_eq!((send.0.expose(), recv.0.expose()), (&b"sending"[..], &b"receiving"[..]));
    let tunnel = reply.find(TUNNEL_PASSWORD).unwrap();
    assert_eq!(tunnel[0], 1, "its tag");
    assert_eq!(open(&tunnel[1..], device.raw(), &[7; 16]).unwrap(), Secret::copied(b"tunnel"));
    let salts = [send.1, recv.1, [tunnel[1], tunnel[2]]];
    assert!(salts[0] != salts[1] && salts[1] != salts[2] && salts[0] != salts[2]);
    assert_eq!(reply.vendor(MICROSOFT, MS_CHAP2_SUCCESS).next(), Some(&b"\x4dS=0123456789"[..]));
    assert_eq!(reply.find(STATE), None);
    assert_eq!(reply.find(CLASS), None, "not listed");
}

#[test]
fn a_101_after_a_challenge_the_keys_fit_the_last_request_of_the_device() {
    let mut bench = Bench::new(relaying());
    let (ticket, _) = bench.begun(&ms_chap_2(7));
    let asked = bench.reply(&ticket, ask(3)).unwrap();
    let challenge = Packet::parse(&asked.bytes).unwrap();
    assert!(challenge.attributes().all(|a| a.kind != VENDOR_SPECIFIC), "no key in a question");
    let typed = request(8, 8, &[(STATE, challenge.find(STATE).unwrap())]);
    let (ticket, _, _) = bench.resumed(&typed);
    let out = bench.ended(&ticket, &ended(accepted(), answered(Code::AccessAccept, accept_with))).unwrap();
    let reply = authentic(&out.bytes, &typed, "s3cret");
    let key = reply.vendor(MICROSOFT, MS_MPPE_SEND_KEY).next().unwrap();
    assert_eq!(open(key, secret("s3cret").raw(), &[8; 16]).unwrap(), Secret::copied(b"sending"));
    assert!(reply.vendor(MICROSOFT, MS_CHAP2_SUCCESS).next().is_some());
}

#[test]
fn a_076_an_upstream_makes_no_administrators_unless_it_may() {
    for (allowed, expected) in [(false, None), (true, Some(&[0, 0, 0, 6][..]))] {
        let mut bench = Bench::new(passing(&["Service-Type", "Class", "Filter-Id"], allowed));
        let sent = request(1, 1, &[]);
        let (ticket, _) = bench.begun(&sent);
        let out =
            bench.ended(&ticket, &ended(accepted(), answered(Code::AccessAccept, accept_with))).unwrap();
        let reply = authentic(&out.bytes, &sent, "s3cret");
        assert_eq!(reply.find(SERVICE_TYPE), expected);
        assert_eq!((reply.find(CLASS), reply.find(FILTER_ID)), (Some(&b"theirs"[..]), Some(&b"vpn"[..])));
        assert_eq!(reply.find(REPLY_MESSAGE), None);
    }
}

#[test]
fn a_075_what_our_rules_tell_goes_before_what_the_upstream_says() {
    let mut bench = Bench::new(passing(&["Class", "Filter-Id"], false));
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    let held = answered(Code::AccessAccept, accept_with);
    let ours = told(&[(FILTER_ID, b"staff"), (SESSION_TIMEOUT, &[0, 0, 0, 60])]);
    let badge: Option<Arc<[u8]>> = Some(b"a note of ours".as_slice().into());
    let out = bench.ended(&ticket, &Ended { badge, ..ended(ours, held) }).unwrap();
    let reply = authentic(&out.bytes, &sent, "s3cret");
    assert_eq!(reply.all(FILTER_ID).collect::<Vec<_>>(), [b"staff"]);
    assert_eq!(reply.all(CLASS).collect::<Vec<_>>(), [&b"theirs"[..], b"a note of ours"], "A-080");
    assert_eq!(reply.all(SESSION_TIMEOUT).collect::<Vec<_>>(), [[0, 0, 0, 60]], "the shortest, once (A-079)");
}

#[test]
fn a_079_the_upstreams_end_of_the_session_holds_whether_it_is_listed_or_not() {
    let mut bench = Bench::new(relaying());
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    let held = answered(Code::AccessAccept, accept_with);
    let out = bench.ended(&ticket, &ended(told(&[(SESSION_TIMEOUT, &[0, 1, 0, 0])]), held)).unwrap();
    let reply = authentic(&out.bytes, &sent, "s3cret");
    assert_eq!(reply.all(SESSION_TIMEOUT).collect::<Vec<_>>(), [[0, 0, 14, 16]]);
}

#[test]
fn a_062_an_accept_that_does_not_fit_is_not_made_smaller() {
    let mut bench = Bench::new(relaying());
    let (ticket, _) = bench.begun(&request(1, 1, &[]));
    let long = [7; 253];
    let much: Vec<(u8, &[u8])> = vec![(CLASS, &long); 17];
    assert_eq!(bench.reply(&ticket, told(&much)), None);
    assert_eq!(bench.count(Dropped::DoesNotFit), 1);
}

#[test]
fn a_078_a_146_an_accept_to_eap_ends_it_and_names_whom_the_upstream_confirms() {
    for (confirmed, expected) in [(Some(&b"anna@inner"[..]), &b"anna@inner"[..]), (None, b"CORP\\Anna")] {
        let mut bench = Bench::new(passing(&["Reply-Message", "User-Name", "Class"], false));
        let sent = identity(1);
        let (ticket, _) = bench.begun(&sent);
        let held = answered(Code::AccessAccept, |reply| {
            accept_with(reply);
            reply.attribute(EAP_MESSAGE, &[3, 41, 0, 4]).unwrap();
            if let Some(name) = confirmed {
                reply.attribute(USER_NAME, name).unwrap();
            }
        });
        let out = bench.ended(&ticket, &ended(accepted(), held)).unwrap();
        let reply = authentic(&out.bytes, &sent, "s3cret");
        assert_eq!(reply.all(EAP_MESSAGE).collect::<Vec<_>>(), [[3, 41, 0, 4]]);
        assert_eq!(reply.all(USER_NAME).collect::<Vec<_>>(), [expected]);
        assert_eq!(reply.find(REPLY_MESSAGE), None, "A-066");
        assert_eq!(reply.find(CLASS), Some(&b"theirs"[..]));
    }
}

#[test]
fn a_100_b_085_every_rejection_of_ms_chap_has_the_same_words() {
    let v1 = proof(1, &[], &[(MS_CHAP_CHALLENGE, &[1; 8]), (MS_CHAP_RESPONSE, &[6; 50])]);
    for (sent, identifier, form) in [
        (ms_chap_2(1), 77, format!("E=691 R=0 C={} V=3 M={REJECTED_TEXT}", "07".repeat(16))),
        (v1, 6, format!("E=691 R=0 C={} V=2", "07".repeat(8))),
    ] {
        for reason in [Reason::UnknownSubject, Reason::AccountLocked, Reason::PasswordExpired] {
            let mut bench = Bench::new(relaying());
            let (ticket, _) = bench.begun(&sent);
            let held = answered(Code::AccessReject, |reply| {
                reply.vendor(MICROSOFT, MS_CHAP_ERROR, b"\x01E=648 R=1").unwrap();
                reply.attribute(ERROR_CAUSE, &[0, 0, 1, 1]).unwrap();
            });
            let out = bench.ended(&ticket, &ended(Reply::Reject(reason), held)).unwrap();
            let reply = authentic(&out.bytes, &sent, "s3cret");
            let expected = [&[identifier][..], form.as_bytes()].concat();
            assert_eq!(reply.vendor(MICROSOFT, MS_CHAP_ERROR).collect::<Vec<_>>(), [&expected[..]]);
            assert_eq!(kinds(&reply), [MESSAGE_AUTHENTICATOR, VENDOR_SPECIFIC, REPLY_MESSAGE], "A-063");
        }
    }
}

#[test]
fn a_146_every_rejection_of_eap_is_a_failure_and_nothing_else() {
    let mut bench = Bench::new(relaying());
    let sent = identity(1);
    let (ticket, _) = bench.begun(&sent);
    let out = bench.reply(&ticket, Reply::Reject(Reason::CannotBeAsked)).unwrap();
    let reply = authentic(&out.bytes, &sent, "s3cret");
    assert_eq!(kinds(&reply), [MESSAGE_AUTHENTICATOR, EAP_MESSAGE]);
    assert_eq!(reply.find(EAP_MESSAGE), Some(&[4, 41, 0, 4][..]));
    let foreign = proof(2, &[(STATE, b"?"), (EAP_MESSAGE, &[2, 42, 0, 6, 25, 0])], &[]);
    let Action::Refuse(Refusal::ForeignState, bytes) = bench.send(&foreign) else { panic!("not refused") };
    assert_eq!(authentic(&bytes, &foreign, "s3cret").find(EAP_MESSAGE), Some(&[4, 42, 0, 4][..]));
}

#[test]
fn a_080_a_class_of_the_upstream_that_looks_like_our_note_goes_to_no_device() {
    let mut bench = Bench::new(passing(&["Class"], false));
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    let held = answered(Code::AccessAccept, |reply| {
        reply.attribute(CLASS, b"theirs").unwrap();
        reply.attribute(CLASS, b"doorward:of-another-login").unwrap();
    });
    let badge: Option<Arc<[u8]>> = Some(b"doorward:of-this-login".as_slice().into());
    let out = bench.ended(&ticket, &Ended { badge, ..ended(told(&[]), held) }).unwrap();
    let reply = authentic(&out.bytes, &sent, "s3cret");
    assert_eq!(reply.all(CLASS).collect::<Vec<_>>(), [&b"theirs"[..], b"doorward:of-this-login"]);
}
