#![allow(clippy::arithmetic_side_effects, reason = "test code")]

use proptest::prelude::*;

use super::*;
use crate::wire::radius::dictionary::{
    CHAP_PASSWORD, MESSAGE_AUTHENTICATOR, PROXY_STATE, REPLY_MESSAGE, STATE, USER_NAME, USER_PASSWORD,
};
use crate::wire::radius::vectors as rfc;

fn packet(attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER_LEN + attributes.len()).unwrap().to_be_bytes();
    [&[1, 0][..], &length, &[0; 16], attributes].concat()
}

fn attribute(kind: u8, length: usize) -> Vec<u8> {
    [&[kind, u8::try_from(length + 2).unwrap()][..], &vec![1; length]].concat()
}

#[test]
fn reads_the_request_of_rfc_2865_section_7_1() {
    let packet = Packet::parse(&rfc::RFC_2865_7_1_REQUEST).unwrap();
    assert_eq!((packet.code(), packet.identifier()), (Code::AccessRequest, 0));
    assert_eq!(packet.find(USER_NAME), Some(&b"nemo"[..]));
    let kinds: Vec<_> = packet.attributes().map(|a| (a.kind, a.offset)).collect();
    assert_eq!(kinds, [(1, 20), (2, 26), (4, 44), (5, 50)]);
}

#[test]
fn every_answer_in_rfc_2865_section_7_and_rfc_5997_section_6_fits_its_request() {
    let pairs: [(&[u8], &[u8]); 5] = [
        (&rfc::RFC_2865_7_1_REQUEST, &rfc::RFC_2865_7_1_ACCEPT),
        (&rfc::RFC_2865_7_2_REQUEST, &rfc::RFC_2865_7_2_ACCEPT),
        (&rfc::RFC_2865_7_3_REQUEST, &rfc::RFC_2865_7_3_CHALLENGE),
        (&rfc::RFC_2865_7_3_ANSWER, &rfc::RFC_2865_7_3_REJECT),
        (&rfc::STATUS_SERVER, &rfc::STATUS_ACCEPT),
    ];
    for (request, reply) in pairs {
        let request = Packet::parse(request).unwrap();
        let reply = Packet::parse(reply).unwrap();
        assert_eq!(reply.identifier(), request.identifier());
        let verdict = rfc::secret("xyzzy5461").check_reply(&reply, request.authenticator(), false);
        assert_eq!(verdict, Ok(()), "{:?}", reply.code());
    }
    let challenge = Packet::parse(&rfc::RFC_2865_7_3_CHALLENGE).unwrap();
    assert_eq!(challenge.find(STATE), Some(&b"32769430"[..]));
    assert_eq!(challenge.find(REPLY_MESSAGE), Some(&b"Challenge 32769430.  Enter response at prompt."[..]));
}

#[test]
fn a_001_fewer_than_20_bytes_are_no_packet() {
    for length in 0..20 {
        let error = Packet::parse(&rfc::STATUS_SERVER[..length]).err();
        assert_eq!(error, Some(ParseError::TooShort(length)));
    }
}

#[test]
fn a_002_the_length_field_lies_between_20_and_4096() {
    for said in [0, 19, 4097, 65535] {
        let mut bytes = vec![0; 5000];
        bytes[2..4].copy_from_slice(&u16::to_be_bytes(said));
        assert_eq!(Packet::parse(&bytes).err(), Some(ParseError::BadLength(said)));
    }
    assert!(Packet::parse(&packet(&attribute(18, 253).repeat(15))).is_ok());
    assert!(
        Packet::parse(&packet(&[attribute(18, 253).repeat(15), attribute(18, 249)].concat())).is_ok(),
        "4096"
    );
}

#[test]
fn a_003_a_datagram_cut_on_the_way_is_no_packet() {
    let error = Packet::parse(&rfc::STATUS_SERVER[..37]).err();
    assert_eq!(error, Some(ParseError::Truncated { said: 38, got: 37 }));
}

#[test]
fn a_004_bytes_behind_the_packet_take_no_part_in_anything() {
    let padded = [&rfc::STATUS_SERVER[..], &[0xff; 40]].concat();
    let packet = Packet::parse(&padded).unwrap();
    assert_eq!(packet.bytes(), rfc::STATUS_SERVER);
    let proof = rfc::secret("xyzzy5461").check_request(&packet);
    assert_eq!(proof, crate::wire::radius::authenticator::Proof::Valid);
}

#[test]
fn a_006_a_007_an_attribute_without_room_spoils_the_packet() {
    let good = attribute(USER_NAME, 4);
    for bad in [&[18u8][..], &[18, 0], &[18, 1], &[18, 3], &[18, 4, 0], &[18, 0, 0, 0]] {
        let bytes = packet(&[&good[..], bad].concat());
        assert_eq!(Packet::parse(&bytes).err(), Some(ParseError::BadAttribute { offset: 26 }), "{bad:?}");
    }
}

#[test]
fn a_009_attributes_that_decide_about_security_have_fixed_sizes() {
    let allowed = |kind: u8, length: usize| match kind {
        MESSAGE_AUTHENTICATOR => length == 16,
        CHAP_PASSWORD => length == 17,
        _ => length != 0 && length <= 128 && length.is_multiple_of(16),
    };
    for kind in [MESSAGE_AUTHENTICATOR, CHAP_PASSWORD, USER_PASSWORD] {
        for length in 0..=253 {
            let bytes = packet(&attribute(kind, length));
            let error = (!allowed(kind, length)).then_some(ParseError::BadSize { kind, offset: 20, length });
            assert_eq!(Packet::parse(&bytes).err(), error, "{kind} with {length} bytes");
        }
    }
}

#[test]
fn a_009_what_may_stand_once_may_not_stand_twice() {
    let sizes =
        [(USER_NAME, 4), (USER_PASSWORD, 16), (CHAP_PASSWORD, 17), (STATE, 16), (MESSAGE_AUTHENTICATOR, 16)];
    for (kind, size) in sizes {
        let one = attribute(kind, size);
        let bytes = packet(&[&one[..], &attribute(PROXY_STATE, 1), &one].concat());
        let offset = HEADER_LEN + size + 2 + 3;
        assert_eq!(Packet::parse(&bytes).err(), Some(ParseError::Repeated { kind, offset }));
    }
    assert!(Packet::parse(&packet(&attribute(REPLY_MESSAGE, 1).repeat(9))).is_ok());
}

#[test]
fn a_010_unknown_types_are_kept_and_harmless() {
    let bytes = packet(&[attribute(250, 0), attribute(0, 3), attribute(255, 5)].concat());
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.attributes().map(|a| a.kind).collect::<Vec<_>>(), [250, 0, 255]);
    assert_eq!(packet.find(250), Some(&[][..]));
}

#[test]
fn a_015_a_nul_inside_a_name_stays_data() {
    let bytes = packet(&[USER_NAME, 6, b'a', 0, b'b', 0]);
    assert_eq!(Packet::parse(&bytes).unwrap().find(USER_NAME), Some(&b"a\0b\0"[..]));
}

#[test]
fn a_017_at_most_200_attributes_are_taken() {
    assert!(Packet::parse(&packet(&attribute(33, 1).repeat(200))).is_ok());
    let error = Packet::parse(&packet(&attribute(33, 1).repeat(201))).err();
    assert_eq!(error, Some(ParseError::TooManyAttributes));
}

#[test]
fn every_code_keeps_its_number() {
    for number in 0..=255 {
        assert_eq!(Code::from(number).number(), number);
        assert_eq!(Code::from(number).name().is_none(), matches!(Code::from(number), Code::Other(_)));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic_and_a_packet_is_the_sum_of_its_attributes(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        length in 20u16..120,
    ) {
        let mut bytes = bytes;
        if let Some(field) = bytes.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        if let Ok(packet) = Packet::parse(&bytes) {
            let all: Vec<u8> = packet.attributes().flat_map(|a| a.whole.to_vec()).collect();
            prop_assert_eq!(&all[..], packet.attribute_bytes());
            prop_assert_eq!(packet.bytes().len(), usize::from(length));
        }
    }
}

#[test]
fn a_020_a_vendor_attribute_is_found_wherever_it_stands() {
    let attributes = [
        &[26, 12, 0, 0, 1, 55, 11, 3, 7, 25, 3, 8][..],
        &[26, 9, 0, 0, 0, 9, 11, 3, 6],
        &[26, 9, 0, 0, 1, 55, 11, 4, 5],
        &[26, 9, 0, 0, 1, 55, 11, 3, 9],
    ]
    .concat();
    let length = u16::try_from(20 + attributes.len()).unwrap().to_be_bytes();
    let bytes = [&[1, 0][..], &length, &[0; 16], &attributes].concat();
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.vendor(311, 11).collect::<Vec<_>>(), [[7], [9]], "the third is malformed inside");
    assert_eq!(packet.vendor(311, 25).collect::<Vec<_>>(), [[8]]);
    assert_eq!(packet.vendor(9, 25).count(), 0);
}

#[test]
fn a_173_the_proxies_that_a_packet_has_passed_are_counted() {
    let bytes = [&[1, 0, 0, 30][..], &[0; 16], &[33, 3, 1, 33, 2, 1, 3, b'a', 33, 2]].concat();
    assert_eq!(Packet::parse(&bytes).unwrap().proxies_passed(), 3);
}
