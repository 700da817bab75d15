//! Our codec against an independent one: what both are given, both accept or refuse, except where the
//! other is known to differ from the RFC; what both accept, both understand and write alike.
#![allow(clippy::unwrap_used, reason = "test code")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "test code")]

use std::net::Ipv4Addr;

use doorward::base::secret::Secret;
use doorward::wire::radius::authenticator::SharedSecret;
use doorward::wire::radius::build::{NoticeBuilder, ReplyBuilder, ReplyTo, RequestBuilder};
use doorward::wire::radius::chap::Chap;
use doorward::wire::radius::dictionary as ours_dictionary;
use doorward::wire::radius::hidden::{Salts, Scheme};
use doorward::wire::radius::mschap::{MsChap, Success, Version};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet, ParseError};
use doorward::wire::radius::password::reveal;
use proptest::prelude::*;
use radius::core::code::Code as TheirCode;
use radius::core::packet::Packet as TheirPacket;
use radius::core::tag::Tag;
use radius::core::{rfc2865, rfc2866, rfc2868};

#[path = "support/fuzz_radius.rs"]
mod fuzz_radius;
#[path = "support/mschap.rs"]
mod mschap_peer;

const SECRET: &[u8] = b"xyzzy5461";

fn secret() -> SharedSecret {
    SharedSecret::new(Secret::copied(SECRET)).unwrap()
}

/// Packets that are nearly right: a header with a fitting length before attributes that mostly fit.
fn nearly_a_packet() -> impl Strategy<Value = Vec<u8>> {
    let attribute = (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40), -1i16..=1).prop_map(
        |(kind, value, skew)| {
            let length = i16::try_from(value.len()).unwrap() + 2;
            let skewed = if skew == 0 || kind.is_multiple_of(8) { length + skew } else { length };
            [&[kind, u8::try_from(skewed).unwrap()][..], &value].concat()
        },
    );
    let known = (prop_oneof![Just(1u8), Just(2), Just(3), Just(24), Just(33), Just(80)], 0usize..70)
        .prop_map(|(kind, length)| {
            [&[kind, u8::try_from(length + 2).unwrap()][..], &vec![7; length]].concat()
        });
    (
        prop_oneof![Just(1u8), Just(12), any::<u8>()],
        proptest::collection::vec(prop_oneof![attribute, known], 0..12),
        prop_oneof![8 => Just(0i32), 1 => -3..3i32],
        proptest::collection::vec(any::<u8>(), 0..4),
    )
        .prop_map(|(code, attributes, skew, padding)| {
            let attributes = attributes.concat();
            let length = u16::try_from(i32::try_from(attributes.len()).unwrap() + 20 + skew).unwrap();
            [&[code, 9][..], &length.to_be_bytes(), &[3; 16], &attributes, &padding].concat()
        })
}

fn login<'b>(buffer: &'b mut [u8; MAX_LEN], attributes: &[u8]) -> Packet<'b> {
    let mut request = RequestBuilder::new(buffer, Code::AccessRequest, 1, [8; 16]).unwrap();
    request.raw(attributes).unwrap();
    Packet::parse(request.sign(&secret()).unwrap()).unwrap()
}

#[test]
fn the_logins_of_real_peers_are_read() {
    let peer = mschap_peer::Peer::new("anna", "correct horse");
    let mut buffer = [0; MAX_LEN];
    let read = MsChap::read(&login(&mut buffer, &peer.attributes())).unwrap().unwrap();
    assert_eq!((read.version, read.identifier), (Version::V2, peer.identifier));
    assert_eq!((read.challenge, read.changes_password), (&peer.challenge[..], false));
    let success = peer.success();
    assert_eq!(Success::read(&success).unwrap().identifier, peer.identifier);

    let first = mschap_peer::first_version("correct horse", 9, b"8 bytes!");
    let read = MsChap::read(&login(&mut buffer, &first)).unwrap().unwrap();
    assert_eq!((read.version, read.identifier, read.challenge), (Version::V1, 9, &b"8 bytes!"[..]));

    let attributes = mschap_peer::chap("correct horse", 5, b"challenge-of-nas");
    let chap = Chap::read(&login(&mut buffer, &attributes)).unwrap().unwrap();
    assert_eq!(*chap.response, mschap_peer::chap_response("correct horse", 5, chap.challenge));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_codecs_accept_and_refuse_the_same_except_for_our_stricter_rules(bytes in nearly_a_packet()) {
        let theirs = TheirPacket::decode(&bytes, SECRET);
        match Packet::parse(&bytes) {
            Ok(packet) => {
                let theirs = theirs.unwrap();
                prop_assert_eq!(packet.identifier(), theirs.get_identifier());
                prop_assert_eq!(&packet.authenticator()[..], &theirs.get_authenticator()[..]);
                let name = packet.find(ours_dictionary::USER_NAME);
                // A name that is no text they refuse to give out.
                if let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) {
                    prop_assert_eq!(Ok(name.to_owned()), rfc2865::lookup_user_name(&theirs).unwrap());
                }
                // They keep the attributes of a request unchanged, in their order.
                if matches!(packet.code(), Code::AccessRequest | Code::StatusServer) {
                    prop_assert_eq!(theirs.encode().unwrap(), packet.bytes());
                }
            }
            // are ours alone; what comes behind such an attribute we no longer look at.
            Err(ParseError::BadSize { .. } | ParseError::Repeated { .. } | ParseError::TooManyAttributes) => {}
            Err(error) => prop_assert!(theirs.is_err(), "{error}"),
        }
    }

    #[test]
    fn their_passwords_are_read_by_us_and_ours_by_them(password in "[ -~]{1,128}") {
        let mut theirs = TheirPacket::new(TheirCode::AccessRequest, SECRET);
        rfc2865::add_user_password(&mut theirs, password.as_bytes()).unwrap();
        let bytes = theirs.encode().unwrap();
        let packet = Packet::parse(&bytes).unwrap();
        let hidden = packet.find(ours_dictionary::USER_PASSWORD).unwrap();
        let plain = reveal(hidden, secret().raw(), packet.authenticator()).unwrap();
        prop_assert_eq!(plain.expose(), password.as_bytes());

        let mut buffer = [0; MAX_LEN];
        let mut ours = RequestBuilder::new(&mut buffer, Code::AccessRequest, 1, [8; 16]).unwrap();
        ours.password(password.as_bytes(), &secret()).unwrap();
        let theirs = TheirPacket::decode(ours.sign(&secret()).unwrap(), SECRET).unwrap();
        prop_assert_eq!(rfc2865::lookup_user_password(&theirs).unwrap().unwrap(), password.as_bytes());
    }

    #[test]
    fn they_find_our_replies_authentic_and_read_them(identifier: u8, text in "[ -~]{1,200}") {
        let mut request = TheirPacket::new_with_identifier(TheirCode::AccessRequest, SECRET, identifier);
        rfc2865::add_user_name(&mut request, "anna");
        rfc2865::add_proxy_state(&mut request, b"first");
        rfc2865::add_proxy_state(&mut request, b"second");
        rfc2865::add_nas_ip_address(&mut request, &Ipv4Addr::new(192, 0, 2, 1));
        let request = request.encode().unwrap();

        let to = ReplyTo::from(&Packet::parse(&request).unwrap());
        let mut buffer = [0; MAX_LEN];
        let mut reply = ReplyBuilder::new(&mut buffer, Code::AccessReject, &to).unwrap();
        reply.text(ours_dictionary::REPLY_MESSAGE, &text).unwrap();
        let reply = reply.sign(&secret()).unwrap();

        prop_assert!(TheirPacket::is_authentic_response(reply, &request, SECRET));
        let theirs = TheirPacket::decode(reply, SECRET).unwrap();
        prop_assert_eq!(theirs.get_identifier(), identifier);
        prop_assert_eq!(rfc2865::lookup_reply_message(&theirs).unwrap().unwrap(), text);
        prop_assert_eq!(rfc2865::lookup_all_proxy_state(&theirs), [b"first".to_vec(), b"second".to_vec()]);
    }

    #[test]
    fn a_134_each_finds_the_accounting_requests_of_the_other_authentic(session in "[ -~]{1,40}") {
        let mut theirs = TheirPacket::new(TheirCode::AccountingRequest, SECRET);
        rfc2866::add_acct_session_id(&mut theirs, &session);
        let bytes = theirs.encode().unwrap();
        prop_assert!(secret().proves_notice(&Packet::parse(&bytes).unwrap()));

        let mut buffer = [0; MAX_LEN];
        let mut ours = NoticeBuilder::new(&mut buffer, Code::AccountingRequest, 7).unwrap();
        ours.attribute(44, session.as_bytes()).unwrap();
        let bytes = ours.sign(&secret()).unwrap();
        prop_assert!(TheirPacket::is_authentic_request(bytes, SECRET));
        prop_assert!(!TheirPacket::is_authentic_request(bytes, b"other"));
    }

    /// They leave out the length byte, so it is put in front of what they are given.
    #[test]
    fn a_102_each_opens_the_salted_values_of_the_other(password in "[ -~]{1,100}", salt: [u8; 2]) {
        let with_length =
            [&[u8::try_from(password.len()).unwrap()][..], password.as_bytes()].concat();
        let mut theirs = TheirPacket::new(TheirCode::AccessRequest, SECRET);
        rfc2868::add_tunnel_password(&mut theirs, Some(&Tag::new(3)), &with_length).unwrap();
        let authenticator: [u8; 16] = theirs.get_authenticator()[..].try_into().unwrap();
        let bytes = theirs.encode().unwrap();
        let packet = Packet::parse(&bytes).unwrap();
        let value = packet.find(ours_dictionary::TUNNEL_PASSWORD).unwrap();
        let opened = Scheme::TaggedSalted.open(value, secret().raw(), &authenticator).unwrap();
        prop_assert_eq!((opened.tag(), opened.plain().expose()), (Some(3), password.as_bytes()));

        let mut buffer = [0; MAX_LEN];
        let mut ours = RequestBuilder::new(&mut buffer, Code::AccessRequest, 1, [8; 16]).unwrap();
        let value = opened.hide(&mut Salts::new(salt), secret().raw(), &[8; 16]).unwrap();
        ours.attribute(ours_dictionary::TUNNEL_PASSWORD, &value).unwrap();
        let theirs = TheirPacket::decode(ours.sign(&secret()).unwrap(), SECRET).unwrap();
        let (read, tag) = rfc2868::lookup_tunnel_password(&theirs).unwrap().unwrap();
        prop_assert_eq!(tag.get_value(), 3);
        prop_assert_eq!(&read[..with_length.len()], &with_length);
    }

    #[test]
    fn we_find_their_replies_authentic(identifier: u8) {
        let request = TheirPacket::new_with_identifier(TheirCode::AccessRequest, SECRET, identifier);
        let reply = request.make_response_packet(TheirCode::AccessAccept).encode().unwrap();
        let authenticator: [u8; 16] = request.get_authenticator()[..].try_into().unwrap();
        let reply = Packet::parse(&reply).unwrap();
        prop_assert_eq!(secret().check_reply(&reply, &authenticator, false), Ok(()));
    }

    #[test]
    fn the_body_of_the_packet_fuzzer_holds_for_packets_that_are_nearly_right(bytes in nearly_a_packet()) {
        fuzz_radius::packet(&bytes);
    }

    #[test]
    fn the_body_of_the_session_fuzzer_holds_for_scripts_of_all_kinds(
        script in proptest::collection::vec((0u8..8, proptest::collection::vec(any::<u8>(), 0..16)), 0..60),
    ) {
        let written = |(what, argument): &(u8, Vec<u8>)| {
            [&[what | u8::try_from(argument.len()).unwrap() << 4][..], argument].concat()
        };
        fuzz_radius::session(&script.iter().flat_map(written).collect::<Vec<_>>());
    }
}
