use proptest::prelude::*;

use super::*;
use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::build::RequestBuilder;
use crate::wire::radius::packet::{Code, MAX_LEN};
use crate::wire::radius::vectors::secret;

fn request<'b>(buffer: &'b mut [u8; MAX_LEN], secret: &SharedSecret, eap: &[u8]) -> Packet<'b> {
    let mut request = RequestBuilder::new(buffer, Code::AccessRequest, 1, [1; 16]).unwrap();
    request.long(EAP_MESSAGE, eap).unwrap();
    Packet::parse(request.sign(secret).unwrap()).unwrap()
}

fn eap(code: u8, identifier: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len() + 4).unwrap().to_be_bytes();
    [&[code, identifier][..], &length, rest].concat()
}

#[test]
fn a_142_a_response_is_read_and_what_stands_behind_it_is_left_out() {
    let whole = eap(2, 9, b"\x01anna@example.org");
    let read = EapPacket::read([&whole[..], b"\0\0padding"].concat()).unwrap();
    assert_eq!(
        (read.code(), read.identifier(), read.kind()),
        (EapCode::Response, 9, Some(EapType::IDENTITY))
    );
    assert_eq!((read.bytes(), read.identity()), (&whole[..], Some(&b"anna@example.org"[..])));
    assert_eq!(EapPacket::read(eap(1, 9, b"\x01anna")).unwrap().identity(), None, "a request names nobody");
    assert_eq!(EapPacket::read(eap(2, 9, b"\x15anna")).unwrap().identity(), None);
}

#[test]
fn a_142_a_length_that_counts_more_than_there_is_or_less_than_a_header_is_refused() {
    for (bytes, error) in [
        (&b""[..], BadEap::TooShort(0)),
        (&[2, 1, 0], BadEap::TooShort(3)),
        (&[2, 1, 0, 6, 1], BadEap::Length { said: 6, got: 5 }),
        (&[2, 1, 0, 3, 1], BadEap::Length { said: 3, got: 5 }),
        (&[2, 1, 255, 255, 1], BadEap::Length { said: 65535, got: 5 }),
        (&[2, 1, 0, 4, 1], BadEap::Form(2)),
        (&[1, 1, 0, 4], BadEap::Form(1)),
        (&[3, 1, 0, 5, 1], BadEap::Form(3)),
        (&[4, 1, 0, 5, 1], BadEap::Form(4)),
    ] {
        assert_eq!(EapPacket::read(bytes.to_vec()), Err(error), "{bytes:?}");
    }
}

#[test]
fn a_146_the_failure_is_an_end_with_the_identifier_of_the_last_response() {
    let read = EapPacket::read(failure(77).to_vec()).unwrap();
    assert_eq!((read.code(), read.identifier(), read.kind()), (EapCode::Failure, 77, None));
    assert_eq!(read.bytes(), failure(77));
}

#[test]
fn empty_attributes_ask_us_to_begin_and_none_are_no_eap() {
    let with = |attributes: &[u8]| {
        let length = 20 + u8::try_from(attributes.len()).unwrap();
        let bytes = [&[1, 0, 0, length][..], &[0; 16], attributes].concat();
        Eap::read(&Packet::parse(&bytes).unwrap())
    };
    assert_eq!(with(&[EAP_MESSAGE, 2]), Ok(Some(Eap::Start)));
    assert_eq!(with(&[1, 3, b'a']), Ok(None));
    assert_eq!(with(&[EAP_MESSAGE, 3, 2]), Err(BadEap::TooShort(1)));
}

#[test]
fn debug_output_does_not_show_what_may_be_a_password() {
    let read = Eap::Message(EapPacket::read(eap(2, 9, b"\x06secret")).unwrap());
    let shown = format!("{read:?}");
    assert!(!shown.contains("115") && shown.contains("length: 11"), "{shown}");
}

proptest! {
    #[test]
    fn a_143_an_eap_packet_of_any_length_comes_back_whole(
        code in 1u8..=2,
        identifier: u8,
        rest in proptest::collection::vec(any::<u8>(), 1..2000),
    ) {
        let whole = eap(code, identifier, &rest);
        let mut buffer = [0; MAX_LEN];
        let packet = request(&mut buffer, &secret("s"), &whole);
        let lengths: Vec<usize> = packet.all(EAP_MESSAGE).map(<[u8]>::len).collect();
        prop_assert!(lengths.iter().rev().skip(1).all(|length| *length == 253));
        let Ok(Some(Eap::Message(read))) = Eap::read(&packet) else { panic!("no message") };
        prop_assert_eq!(read.bytes(), whole);
        prop_assert_eq!(read.kind(), rest.first().map(|kind| EapType(*kind)));
    }

    #[test]
    fn any_bytes_are_an_eap_packet_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(read) = EapPacket::read(bytes.clone()) {
            prop_assert!(bytes.starts_with(read.bytes()));
            prop_assert_eq!(EapPacket::read(read.bytes().to_vec()), Ok(read));
        }
    }
}
