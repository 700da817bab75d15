//! Whom the session hears: known addresses, whole packets, good signatures.

use super::*;

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
