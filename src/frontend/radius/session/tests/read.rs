//! What is read from a request that is heard, and what makes it no login.

use super::*;
use crate::frontend::radius::charset::{Charset, Encoding};
use crate::login::rename::{Change, Renaming};
use crate::wire::radius::attribute::vendor_attributes;

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
fn where_the_client_checks_passwords_the_field_is_the_code() {
    let mut bench = Bench::new(with(|client| client.primary = PrimaryKind::CheckedByClient));
    let (_, attempt) = bench.begun(&request(1, 1, &[]));
    assert!(
        matches!(attempt.credential, PrimaryCredential::CheckedByClient(Some(code)) if code.expose() == b"hunter2")
    );
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
fn e_009_a_client_may_change_the_names_that_it_sends() {
    let suffix = |text| with(|client| client.renaming = Renaming::new(vec![Change::add_suffix(text)]));
    let (_, attempt) = Bench::new(suffix("@corp.example")).begun(&request(1, 1, &[]));
    assert_eq!((attempt.name.prepared(), attempt.name.typed()), ("anna@corp.example", "anna"));
    let long = "x".repeat(253);
    assert_eq!(refused(&Bench::new(suffix(&long)).send(&request(1, 1, &[]))), Refusal::BadName, "B-105");
}
