mod relayed;

use std::net::Ipv4Addr;

use super::*;
use crate::frontend::radius::charset::{Charset, Encoding};
use crate::frontend::radius::clients::MessageAuthenticator;
use crate::frontend::radius::duplicates::ANSWER_LIFE;
use crate::frontend::radius::lab::{
    Bench, DEVICE, Extra, accepted, bare, client, radius_client, request, secret, signed_with, unsigned,
};
use crate::login::client::{Client, PrimaryKind, WhenUnable};
use crate::login::credential::PrimaryCredential;
use crate::login::rename::{Change, Renaming};
use crate::login::step::Prompt;
use crate::login::verdict::{FaultKind, REJECTED_TEXT, Reason};
use crate::wire::radius::attribute::vendor_attributes;
use crate::wire::radius::dictionary::{
    CALLING_STATION_ID, CHAP_PASSWORD, CLASS, NAS_IDENTIFIER, NAS_IP_ADDRESS, PROMPT, REPLY_MESSAGE,
    SERVICE_TYPE, VENDOR_SPECIFIC,
};

fn off() -> RadiusClient {
    RadiusClient { message_authenticator: MessageAuthenticator::Off, ..radius_client("vpn") }
}

fn auto() -> RadiusClient {
    RadiusClient { message_authenticator: MessageAuthenticator::Auto, ..radius_client("vpn") }
}

fn with(change: impl FnOnce(&mut Client)) -> RadiusClient {
    let mut client = client("vpn");
    change(&mut client);
    RadiusClient::new(client.into(), secret("s3cret"))
}

fn ask(id: u8) -> Reply {
    Reply::Ask(ChallengeId([id; 16]), Prompt { text: "Code?".into(), relay: None })
}

fn refused(action: &Action) -> Refusal {
    match action {
        Action::Refuse(why, _) => *why,
        other => panic!("{other:?}"),
    }
}

/// Checks that `reply` answers `request` under `secret` and reads it.
fn authentic<'a>(reply: &'a [u8], request: &[u8], word: &str) -> Packet<'a> {
    let request = Packet::parse(request).unwrap();
    let reply = Packet::parse(reply).unwrap();
    assert_eq!(secret(word).check_reply(&reply, request.authenticator(), true), Ok(()));
    assert_eq!(reply.identifier(), request.identifier());
    assert_eq!(reply.bytes()[20], MESSAGE_AUTHENTICATOR, "A-041");
    reply
}

fn kinds(packet: &Packet<'_>) -> Vec<u8> {
    packet.attributes().map(|a| a.kind).collect()
}

#[test]
fn a_login_becomes_an_attempt_and_its_acceptance_a_signed_accept() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = request(5, 1, &[(CALLING_STATION_ID, b"203.0.113.9"), (NAS_IDENTIFIER, b"fw")]);
    let (ticket, attempt) = bench.begun(&sent);
    assert_eq!(&*attempt.client.name, "vpn");
    assert_eq!(attempt.name.prepared(), "anna");
    assert_eq!(attempt.origin.peer, Ipv4Addr::from(DEVICE));
    assert_eq!(attempt.origin.user, Some(Ipv4Addr::new(203, 0, 113, 9).into()));
    assert_eq!(&*attempt.device, [&[NAS_IDENTIFIER, 4][..], b"fw"].concat());
    assert!(matches!(attempt.credential, PrimaryCredential::Password(p) if p.expose() == b"hunter2"));

    let out = bench.reply(&ticket, accepted()).unwrap();
    assert_eq!(out.peer, SocketAddr::from((DEVICE, 40_000)));
    assert_eq!(out.local, Some(Ipv4Addr::new(10, 0, 0, 254).into()), "A-060");
    let reply = authentic(&out.bytes, &sent, "s3cret");
    assert_eq!((reply.code(), kinds(&reply)), (Code::AccessAccept, vec![MESSAGE_AUTHENTICATOR]));
    assert_eq!(bench.sent(Sent::Accept), 1);
}

#[test]
fn a_024_a_026_only_known_addresses_are_heard() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = request(1, 1, &[]);
    let stranger = SocketAddr::from(([192, 0, 2, 1], 40_000));
    assert!(matches!(bench.send_from(stranger, &sent), Action::Drop(Dropped::UnknownClient)));
    let mapped: SocketAddr = "[::ffff:10.0.0.1]:40000".parse().unwrap();
    assert!(matches!(bench.send_from(mapped, &sent), Action::Begin(..)));
    assert_eq!(bench.count(Dropped::UnknownClient), 1, "A-023");
}

#[test]
fn a_005_only_access_request_and_status_server_are_heard() {
    let mut bench = Bench::new(radius_client("vpn"));
    for code in (0..=255).filter(|code| *code != 1 && *code != 12) {
        let sent = signed_with(&secret("s3cret"), Code::from(code), 1, 1, Some(b"x"), &[]);
        assert_eq!(bench.dropped(&sent), Dropped::UnexpectedCode, "code {code}");
    }
}

#[test]
fn a_023_every_malformed_form_has_its_counter() {
    let good = request(1, 1, &[]);
    let mut bench = Bench::new(radius_client("vpn"));
    let mut long = good.clone();
    long[2..4].copy_from_slice(&5000u16.to_be_bytes());
    let mut cut = good.clone();
    cut.truncate(good.len() - 1);
    let mut hole = good.clone();
    hole[21] = 1;
    let cases = [
        (good[..19].to_vec(), Dropped::TooShort),
        (long, Dropped::BadLength),
        (cut, Dropped::Truncated),
        (hole, Dropped::BadAttribute),
        (request(1, 1, &[(33, &[0][..])].repeat(200)), Dropped::TooManyAttributes),
        (request(1, 1, &[(CHAP_PASSWORD, b"short")]), Dropped::BadAttributeSize),
        (request(1, 1, &[(USER_NAME, b"eve")]), Dropped::RepeatedAttribute),
    ];
    for (bytes, why) in cases {
        assert_eq!(bench.dropped(&bytes), why);
        assert_eq!(bench.count(why), 1);
    }
}

#[test]
fn a_037_an_unsigned_request_is_dropped_where_a_signature_is_required() {
    let mut bench = Bench::new(radius_client("vpn"));
    assert_eq!(bench.dropped(&unsigned(&request(1, 1, &[]))), Dropped::Unsigned);
}

#[test]
fn a_035_a_wrong_signature_is_dropped_whatever_is_required() {
    for client in [radius_client("vpn"), auto(), off()] {
        let mut bench = Bench::new(client);
        let sent = signed_with(&secret("other"), Code::AccessRequest, 1, 1, Some(b"hunter2"), &[]);
        assert_eq!(bench.dropped(&sent), Dropped::WrongSignature);
    }
}

#[test]
fn a_038_auto_becomes_required_with_the_first_valid_signature_and_not_with_a_wrong_one() {
    let mut bench = Bench::new(auto());
    let wrong = signed_with(&secret("other"), Code::AccessRequest, 1, 1, Some(b"x"), &[]);
    assert_eq!(bench.dropped(&wrong), Dropped::WrongSignature);
    let _ticket = bench.begun(&unsigned(&request(1, 1, &[])));
    let _ticket = bench.begun(&request(2, 2, &[]));
    assert_eq!(bench.dropped(&unsigned(&request(3, 3, &[]))), Dropped::Unsigned);
}

#[test]
fn a_038_what_every_device_must_sign_does_not_make_auto_required() {
    let mut bench = Bench::new(auto());
    let probe = signed_with(&secret("s3cret"), Code::StatusServer, 1, 1, None, &[]);
    assert!(matches!(bench.send(&probe), Action::Send(_)));
    let eap =
        signed_with(&secret("s3cret"), Code::AccessRequest, 2, 2, None, &[(EAP_MESSAGE, &[2, 1, 0, 4])]);
    assert!(matches!(bench.send(&eap), Action::Refuse(..)));
    let _ticket = bench.begun(&unsigned(&request(3, 3, &[])));
}

#[test]
fn a_039_proxy_state_needs_a_signature_unless_the_client_is_excused() {
    let proxied = request(1, 1, &[(PROXY_STATE, b"p")]);
    let mut bench = Bench::new(off());
    assert_eq!(bench.dropped(&unsigned(&proxied)), Dropped::UnsignedProxyState);
    let _ticket = bench.begun(&proxied);
    let mut excused = Bench::new(RadiusClient { limit_proxy_state: false, ..off() });
    let _ticket = excused.begun(&unsigned(&proxied));
}

#[test]
fn a_042_it_does_not_matter_where_the_signature_stands() {
    let first = request(1, 1, &[]);
    let parsed = Packet::parse(&first).unwrap();
    let mut attributes: Vec<_> = parsed.attributes().map(|a| a.whole.to_vec()).collect();
    attributes.rotate_left(1);
    let mut last = [&first[..20], &attributes.concat()].concat();
    let at = last.len() - 16;
    last[at..].fill(0);
    let mac = secret("s3cret").message_authenticator(&last, &[1; 16], at);
    last[at..].copy_from_slice(&mac);
    let _ticket = Bench::new(radius_client("vpn")).begun(&last);
}

#[test]
fn during_a_change_of_secrets_the_answer_is_signed_with_the_secret_of_the_question() {
    let client = RadiusClient { previous_secret: Some(secret("old")), ..radius_client("vpn") };
    let mut bench = Bench::new(client);
    for (word, identifier) in [("s3cret", 1), ("old", 2)] {
        let sent = signed_with(&secret(word), Code::AccessRequest, identifier, 1, Some(b"hunter2"), &[]);
        let (ticket, attempt) = bench.begun(&sent);
        assert!(matches!(attempt.credential, PrimaryCredential::Password(p) if p.expose() == b"hunter2"));
        let out = bench.reply(&ticket, Reply::Reject(Reason::WrongPassword)).unwrap();
        authentic(&out.bytes, &sent, word);
    }
    let third = signed_with(&secret("older"), Code::AccessRequest, 3, 1, Some(b"x"), &[]);
    assert_eq!(bench.dropped(&third), Dropped::WrongSignature);
}

#[test]
fn a_012_two_ways_to_log_in_are_refused_when_signed_and_dropped_when_not() {
    let eap: &[u8] = &[2, 9, 0, 5, 1];
    let ms_chap = [&[0, 0, 1, 55, 25, 52][..], &[0; 50]].concat();
    for second in [(CHAP_PASSWORD, &[0; 17][..]), (70, &[0; 16]), (VENDOR_SPECIFIC, &ms_chap)] {
        let sent = request(1, 1, &[second]);
        let mut bench = Bench::new(off());
        assert_eq!(bench.dropped(&unsigned(&sent)), Dropped::UnsignedUnusable);
        assert_eq!(refused(&bench.send(&sent)), Refusal::TwoMethods, "attribute {}", second.0);
    }
    let sent = request(1, 1, &[(EAP_MESSAGE, eap)]);
    assert_eq!(refused(&Bench::new(off()).send(&sent)), Refusal::TwoMethods);
    assert_eq!(Bench::new(off()).dropped(&unsigned(&sent)), Dropped::UnsignedEap, "A-140");
}

#[test]
fn a_013_no_way_to_log_in_is_refused_when_signed_and_dropped_when_not() {
    let sent = signed_with(&secret("s3cret"), Code::AccessRequest, 1, 1, None, &[(USER_NAME, b"anna")]);
    let mut bench = Bench::new(off());
    assert_eq!(bench.dropped(&unsigned(&sent)), Dropped::UnsignedUnusable);
    assert_eq!(refused(&bench.send(&sent)), Refusal::NoMethod);
}

#[test]
fn a_074_a_094_a_096_what_cannot_be_checked_is_refused_at_once() {
    let ms_chap = [&[0, 0, 1, 55, 1, 52][..], &[0; 50]].concat();
    let anna: (u8, &[u8]) = (USER_NAME, b"anna");
    let cases: [(Extra<'_>, Refusal); 4] = [
        (&[anna, (CHAP_PASSWORD, &[0; 17])], Refusal::Chap),
        (&[anna, (70, &[0; 16])], Refusal::Arap),
        (&[anna, (VENDOR_SPECIFIC, &ms_chap)], Refusal::MsChap),
        (&[anna, (SERVICE_TYPE, &[0, 0, 0, 17])], Refusal::ServiceType),
    ];
    for (attributes, why) in cases {
        let sent = signed_with(&secret("s3cret"), Code::AccessRequest, 1, 1, None, attributes);
        assert_eq!(refused(&Bench::new(radius_client("vpn")).send(&sent)), why);
    }
    for service in [10, 17] {
        let sent = request(1, 1, &[(SERVICE_TYPE, &[0, 0, 0, service])]);
        assert_eq!(refused(&Bench::new(radius_client("vpn")).send(&sent)), Refusal::ServiceType);
    }
    let _ticket = Bench::new(radius_client("vpn")).begun(&request(1, 1, &[(SERVICE_TYPE, &[0, 0, 0, 8])]));
    let odd = request(1, 1, &[(SERVICE_TYPE, &[0, 17])]);
    let _ticket = Bench::new(radius_client("vpn")).begun(&odd);
}

#[test]
fn a_141_eap_is_answered_with_eap_failure_and_no_text() {
    let attributes: [(u8, &[u8]); 2] = [(USER_NAME, b"anna"), (EAP_MESSAGE, &[2, 9, 0, 6, 1, b'a'])];
    let sent = signed_with(&secret("s3cret"), Code::AccessRequest, 1, 1, None, &attributes);
    let Action::Refuse(Refusal::Eap, bytes) = Bench::new(radius_client("vpn")).send(&sent) else { panic!() };
    let reply = authentic(&bytes, &sent, "s3cret");
    assert_eq!(reply.find(EAP_MESSAGE), Some(&[4, 9, 0, 4][..]));
    assert_eq!(kinds(&reply), [MESSAGE_AUTHENTICATOR, EAP_MESSAGE], "A-066");
}

#[test]
fn b_105_a_name_that_cannot_be_one_is_refused() {
    let secret = secret("s3cret");
    let long = [b'a'; 253];
    for name in [&b""[..], b" ", b"an\0na", b"an\nna", b"\xff", &long] {
        let mut buffer = [0; MAX_LEN];
        let mut sent =
            crate::wire::radius::build::RequestBuilder::new(&mut buffer, Code::AccessRequest, 1, [1; 16])
                .unwrap();
        sent.attribute(USER_NAME, name).unwrap();
        sent.password(b"hunter2", &secret).unwrap();
        let sent = sent.sign(&secret).unwrap();
        let action = Bench::new(radius_client("vpn")).send(sent);
        match name.len() {
            253 => assert!(matches!(action, Action::Begin(..)), "long, but a name"),
            _ => assert_eq!(refused(&action), Refusal::BadName, "{name:?}"),
        }
    }
}

#[test]
fn a_091_a_092_e_005_a_password_is_text_in_the_clients_character_set() {
    let send = |client: RadiusClient, password: &[u8], sign: bool| {
        let sent = signed_with(&secret("s3cret"), Code::AccessRequest, 1, 1, Some(password), &[]);
        Bench::new(client).send(&if sign { sent } else { unsigned(&sent) })
    };
    let encodings = || ["utf-8", "iso-8859-1"].map(|name| Encoding::named(name).unwrap());
    let latin1 = || RadiusClient { charset: Charset::new(encodings().into()), ..radius_client("vpn") };
    assert_eq!(refused(&send(radius_client("vpn"), b"pass\0word", true)), Refusal::NulInPassword);
    assert_eq!(refused(&send(radius_client("vpn"), b"gr\xfcn", true)), Refusal::PasswordNotText);
    assert!(matches!(send(off(), b"gr\xfcn", false), Action::Drop(Dropped::UnsignedUnusable)));
    for (client, typed) in [
        (latin1(), &b"gr\xfcn"[..]),
        (latin1(), "grün".as_bytes()),
        (radius_client("vpn"), "grün".as_bytes()),
    ] {
        match send(client, typed, true) {
            Action::Begin(_, attempt) => assert!(
                matches!(attempt.credential, PrimaryCredential::Password(p) if p.expose_str() == Some("grün"))
            ),
            other => panic!("{other:?}"),
        }
    }
}

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
fn a_070_a_state_that_we_never_gave_out_is_refused_without_a_password_check() {
    let upper = "AB".repeat(16);
    for state in [&b""[..], b"x", &[0; 16], upper.as_bytes(), &[b'a'; 33]] {
        let sent =
            [&request(1, 1, &[])[20..], &[STATE, u8::try_from(state.len() + 2).unwrap()], state].concat();
        let length = u16::try_from(sent.len() + 20).unwrap().to_be_bytes();
        let mut sent = [&[1, 1][..], &length, &[1; 16], &sent].concat();
        sent[22..38].fill(0);
        let mac = secret("s3cret").message_authenticator(&sent, &[1; 16], 22);
        sent[22..38].copy_from_slice(&mac);
        assert_eq!(
            refused(&Bench::new(radius_client("vpn")).send(&sent)),
            Refusal::ForeignState,
            "{state:?}"
        );
    }
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
fn where_the_client_checks_passwords_the_field_is_the_code() {
    let mut bench = Bench::new(with(|client| client.primary = PrimaryKind::CheckedByClient));
    let (_, attempt) = bench.begun(&request(1, 1, &[]));
    assert!(
        matches!(attempt.credential, PrimaryCredential::CheckedByClient(Some(code)) if code.expose() == b"hunter2")
    );
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
fn a_110_a_111_a_112_one_login_for_three_copies_and_copies_get_the_first_answer() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    assert_eq!(bench.dropped(&sent), Dropped::InWork);
    bench.clock.advance(Duration::from_secs(3));
    assert_eq!(bench.dropped(&sent), Dropped::InWork);
    let out = bench.reply(&ticket, Reply::Reject(Reason::WrongCode)).unwrap();
    let Action::Send(again) = bench.send(&sent) else { panic!() };
    assert_eq!(again, out.bytes);
    bench.clock.advance(ANSWER_LIFE);
    let _ticket = bench.begun(&sent);
    assert_eq!((bench.count(Dropped::InWork), bench.sent(Sent::Repeated)), (2, 1));
}

#[test]
fn a_113_a_new_request_under_the_old_identifier_silences_the_old_login() {
    let mut bench = Bench::new(radius_client("vpn"));
    let (old, _) = bench.begun(&request(1, 1, &[]));
    let new_bytes = request(1, 2, &[]);
    let (new, _) = bench.begun(&new_bytes);
    assert_eq!(bench.reply(&old, accepted()), None);
    assert_eq!(bench.count(Dropped::Superseded), 1);
    let out = bench.reply(&new, Reply::Reject(Reason::ReplayedCode)).unwrap();
    authentic(&out.bytes, &new_bytes, "s3cret");
}

#[test]
fn a_114_a_forged_packet_neither_ends_a_login_nor_fetches_its_answer() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    let forged = signed_with(&secret("guess"), Code::AccessRequest, 1, 2, Some(b"x"), &[]);
    assert_eq!(bench.dropped(&forged), Dropped::WrongSignature);
    let out = bench.reply(&ticket, accepted()).unwrap();
    let mut touched = sent.clone();
    *touched.last_mut().unwrap() ^= 1;
    assert_eq!(bench.dropped(&touched), Dropped::WrongSignature);
    let Action::Send(again) = bench.send(&sent) else { panic!() };
    assert_eq!(again, out.bytes);
}

#[test]
fn copies_of_a_refused_request_are_refused_with_the_same_bytes() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = signed_with(&secret("s3cret"), Code::AccessRequest, 1, 1, None, &[(USER_NAME, b"anna")]);
    let Action::Refuse(_, first) = bench.send(&sent) else { panic!() };
    let Action::Send(again) = bench.send(&sent) else { panic!() };
    assert_eq!(first, again);
    assert_eq!(bench.session.waiting(), 0);
}

#[test]
fn a_forgotten_request_may_come_again() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    let now = bench.now();
    bench.session.forget(&ticket, now, Dropped::AdmissionFull);
    let _ticket = bench.begun(&sent);
    assert_eq!(bench.count(Dropped::AdmissionFull), 1);
}

#[test]
fn an_accept_or_a_question_that_comes_too_late_is_not_sent() {
    for (reply, heard) in [(accepted(), false), (ask(1), false), (Reply::Reject(Reason::WrongCode), true)] {
        let mut bench = Bench::new(radius_client("vpn"));
        let (ticket, _) = bench.begun(&request(1, 1, &[]));
        bench.clock.advance(Duration::from_secs(11));
        assert_eq!(bench.reply(&ticket, reply).is_some(), heard);
        assert_eq!(bench.count(Dropped::Late), u64::from(!heard));
        assert_eq!(bench.session.waiting(), 0);
    }
}

#[test]
fn a_130_status_server_must_be_signed_whatever_the_client_is_excused_from() {
    let secret_word = secret("s3cret");
    let probe = signed_with(&secret_word, Code::StatusServer, 9, 1, None, &[]);
    let mut bench = Bench::new(off());
    assert_eq!(bench.dropped(&unsigned(&probe)), Dropped::Unsigned);
    let wrong = signed_with(&secret("other"), Code::StatusServer, 9, 1, None, &[]);
    assert_eq!(bench.dropped(&wrong), Dropped::WrongSignature);
    let stranger = SocketAddr::from(([192, 0, 2, 1], 40_000));
    assert!(matches!(bench.send_from(stranger, &probe), Action::Drop(Dropped::UnknownClient)));
}

#[test]
fn a_131_status_server_gets_a_bare_accept_that_is_no_longer_than_itself() {
    let mut bench = Bench::new(radius_client("vpn"));
    let extra: [(u8, &[u8]); 2] = [(USER_NAME, b"anna"), (PROXY_STATE, b"p")];
    let probe = signed_with(&secret("s3cret"), Code::StatusServer, 9, 1, None, &extra);
    let Action::Send(bytes) = bench.send(&probe) else { panic!() };
    let reply = authentic(&bytes, &probe, "s3cret");
    assert_eq!(reply.code(), Code::AccessAccept);
    assert_eq!(kinds(&reply), [MESSAGE_AUTHENTICATOR, PROXY_STATE]);
    assert!(bytes.len() <= probe.len(), "D-124");
    assert_eq!((bench.session.waiting(), bench.sent(Sent::Status)), (0, 1));
}

#[test]
fn a_132_status_server_is_answered_so_often_in_a_second_and_no_more() {
    let mut bench = Bench::new(radius_client("vpn"));
    let probe = signed_with(&secret("s3cret"), Code::StatusServer, 9, 1, None, &[]);
    for _ in 0..PROBES_PER_SECOND {
        assert!(matches!(bench.send(&probe), Action::Send(_)));
    }
    assert_eq!(bench.dropped(&probe), Dropped::ProbedTooOften);
    bench.clock.advance(Duration::from_secs(1));
    assert!(matches!(bench.send(&probe), Action::Send(_)));
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

#[test]
fn a_061_a_173_a_few_proxies_get_their_states_back_and_a_circle_of_them_gets_nothing() {
    let mut bench = Bench::new(radius_client("vpn"));
    let states: Vec<(u8, &[u8])> = vec![(PROXY_STATE, &[7; 253]); 5];
    let sent = request(1, 1, &states);
    let (ticket, _) = bench.begun(&sent);
    let out = bench.reply(&ticket, Reply::Reject(Reason::WrongCode)).unwrap();
    assert_eq!(authentic(&out.bytes, &sent, "s3cret").all(PROXY_STATE).count(), 5, "A-061");
    let circling: Vec<(u8, &[u8])> = vec![(PROXY_STATE, b"p"); 6];
    assert_eq!(bench.dropped(&request(2, 2, &circling)), Dropped::ProxyLoop);
    let unproven = signed_with(&secret("other"), Code::AccessRequest, 3, 3, Some(b"x"), &circling);
    assert_eq!(bench.dropped(&unproven), Dropped::WrongSignature, "nobody is named as a proxy without proof");
}

#[test]
fn a_010_unknown_attributes_change_nothing() {
    let strange = [&[0, 1, 2, 3, 250, 9][..], b"whatever"].concat();
    let sent =
        request(1, 1, &[(250, b"x"), (VENDOR_SPECIFIC, b"bad"), (VENDOR_SPECIFIC, &strange), (241, b"")]);
    assert!(vendor_attributes(b"bad").is_none());
    let (_, attempt) = Bench::new(radius_client("vpn")).begun(&sent);
    assert_eq!(attempt.name.prepared(), "anna");
}

#[test]
fn a_011_the_order_of_attributes_changes_nothing() {
    let extra: [(u8, &[u8]); 3] =
        [(PROXY_STATE, b"p"), (CALLING_STATION_ID, b"192.0.2.7"), (NAS_IDENTIFIER, b"n")];
    let turned: Vec<_> = extra.iter().rev().copied().collect();
    let (_, one) = Bench::new(radius_client("vpn")).begun(&request(1, 1, &extra));
    let (_, other) = Bench::new(radius_client("vpn")).begun(&request(1, 1, &turned));
    assert_eq!((one.origin, one.device), (other.origin, other.device));
}

#[test]
fn nothing_of_a_ticket_or_an_attempt_shows_a_password_or_a_name() {
    let mut bench = Bench::new(radius_client("vpn"));
    let action = bench.send(&request(1, 1, &[]));
    let shown = format!("{action:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("anna") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn e_009_a_client_may_change_the_names_that_it_sends() {
    let suffix = |text| with(|client| client.renaming = Renaming::new(vec![Change::add_suffix(text)]));
    let (_, attempt) = Bench::new(suffix("@corp.example")).begun(&request(1, 1, &[]));
    assert_eq!((attempt.name.prepared(), attempt.name.typed()), ("anna@corp.example", "anna"));
    let long = "x".repeat(253);
    assert_eq!(refused(&Bench::new(suffix(&long)).send(&request(1, 1, &[]))), Refusal::BadName, "B-105");
}
