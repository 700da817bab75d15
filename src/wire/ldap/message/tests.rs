use super::*;
use crate::wire::ldap::ber::Writer;
use crate::wire::ldap::filter::Filter;
use crate::wire::ldap::request::{
    Page, Scope, Search, Selection, abandon, exchange, search, simple_bind, start_tls, unbind,
};
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn a_simple_bind_is_written_as_other_clients_write_it() {
    let bytes = simple_bind(1, "cn=a", b"pw").unwrap();
    assert_eq!(*bytes, hex("30 12 02 01 01 60 0d 02 01 03 04 04 636e3d61 80 02 7077"));
}

#[test]
fn an_empty_password_and_a_nul_are_never_written_b_041() {
    assert!(simple_bind(1, "cn=a", b"").is_none());
    assert!(simple_bind(1, "cn=a", b"secret\0x").is_none());
    assert!(simple_bind(1, "cn=a\0", b"secret").is_none());
}

#[test]
fn a_bind_leaves_no_copy_of_the_password_in_a_smaller_buffer() {
    let password = [b'x'; 4000];
    let bytes = simple_bind(1, "cn=a", &password).unwrap();
    assert!(bytes.capacity() >= bytes.len() && bytes.len() < 4000 + 64 + 4);
}

#[test]
fn one_value_is_exchanged_for_another_in_one_request_b_093() {
    let bytes = exchange(3, "cn=a", "x", (b"o", b"n"));
    let expected = "302b 020103 6626 0404 636e3d61 301e
        300d 0a0101 3008 040178 3103 04016f  300d 0a0100 3008 040178 3103 04016e";
    assert_eq!(*bytes, hex(expected));
    let secret = [b'x'; 4000];
    let bytes = exchange(3, "cn=a", "unicodePwd", (&secret, &secret));
    assert!(bytes.capacity() >= bytes.len() && bytes.len() < 8000 + 128 + 4, "no copy in a smaller buffer");
}

#[test]
fn start_tls_unbind_and_abandon_are_written_as_rfc_4511_shows_them() {
    assert_eq!(*start_tls(1), hex("301d020101 7718 8016 312e332e362e312e342e312e313436362e3230303337"));
    assert_eq!(*unbind(2), hex("3005020102 4200"));
    assert_eq!(*abandon(200, 6), hex("300702 0200c8 500106"));
}

#[test]
fn a_paged_search_is_written_octet_by_octet_as_rfc_2696_says() {
    let bytes = search(
        2,
        &Search {
            base: "dc=x",
            scope: Scope::Subtree,
            size_limit: 2,
            time_limit: 5,
            filter: &Filter::Present("objectClass"),
            attributes: Selection::NOTHING,
            page: Some(Page { size: 100, cookie: b"" }),
        },
    );
    let expected = "3056 020102 6329 0404 64633d78 0a0102 0a0100 020102 020105 010100 870b 6f626a656374436c617373
        3005 0403 312e31 a026 3024 0416 312e322e3834302e3131333535362e312e342e333139 0101ff 0407 3005 020164 0400";
    assert_eq!(*bytes, hex(expected));
    let message = Message::read(&bytes).unwrap();
    let control = message.control(PAGED_RESULTS).unwrap().unwrap();
    assert!(control.critical);
    assert_eq!(page_cookie(control.value.unwrap()), Ok(&b""[..]));
    assert_eq!(message.control("1.2.3").unwrap(), None);
}

#[test]
fn a_bind_response_of_active_directory_with_its_long_lengths_is_read() {
    let bytes = hex("3084 00000017 020101 6184 0000000e 0a0131 0400 0407 64617461203533");
    let message = Message::read(&bytes).unwrap();
    let result = LdapResult::read(&message.operation).unwrap();
    assert_eq!((message.id, message.operation.tag), (1, op::BIND_RESPONSE));
    assert_eq!((result.code, result.diagnostic), (ResultCode::INVALID_CREDENTIALS, &b"data 53"[..]));
    assert!(Message::read(&hex("3084 00000016 020101 6184 0000000e 0a0131 0400 0407 646174612035")).is_err());
}

#[test]
fn an_entry_with_octets_that_are_no_text_is_read() {
    let bytes = hex(
        "302d 020102 6428 0404 636e3d61 3020 3010 040a 6f626a65637447554944 3102 0400 300c 0401 6d 3107 0402 fffe 0401 00",
    );
    let message = Message::read(&bytes).unwrap();
    let entry = Entry::read(&message.operation).unwrap();
    let attributes: Vec<_> = entry.attributes().collect::<Result<_, _>>().unwrap();
    assert_eq!(entry.dn, b"cn=a");
    assert!(attributes[0].is("OBJECTGUID") && !attributes[1].is("objectGUID"));
    let values: Vec<_> = attributes[1].values().collect::<Result<_, _>>().unwrap();
    assert_eq!(values, [&[0xff, 0xfe][..], &[0]]);
}

#[test]
fn an_attribute_is_found_again_where_it_says_that_it_is() {
    let short = "302d 020102 6428 0404 636e3d61 3020 3010 040a 6f626a65637447554944 3102 0400 300c 0401 6d 3107 0402 fffe 0401 00";
    let long = "3084 00000042 020102 6484 00000039 0484 00000004 636e3d61 3084 00000029 \
        3010 040a 6f626a65637447554944 3102 0400 3015 0484 00000001 6d 3184 00000008 0402 fffe 0482 0000";
    for bytes in [short, long].map(hex) {
        let message = Message::read(&bytes).unwrap();
        for attribute in Entry::read(&message.operation).unwrap().attributes() {
            let attribute = attribute.unwrap();
            let (description, values) = attribute.places();
            assert_eq!(&bytes[description], attribute.description);
            assert!(Values::within(&bytes[values]).eq(attribute.values()));
        }
    }
}

#[test]
fn nothing_is_selected_in_the_words_of_rfc_4511() {
    assert_eq!(Selection::of(["1.1"]), *Selection::NOTHING);
}

#[test]
fn options_of_an_attribute_are_parsed_and_not_compared_as_text_b_091() {
    let range = |description: &str| {
        let mut writer = Writer::default();
        writer.nested(SEQUENCE, |attribute| {
            attribute.bytes(OCTET_STRING, description.as_bytes());
            attribute.nested(SET, |_| {});
        });
        let bytes = writer.finish();
        let attribute = Attribute::read(&mut Reader::new(&bytes)).unwrap();
        assert!(attribute.is("Member"), "{description}");
        attribute.range()
    };
    assert_eq!(range("member;range=0-1499"), Some(Range { first: 0, last: Some(1499) }));
    assert_eq!(range("MEMBER;binary;Range=1500-*"), Some(Range { first: 1500, last: None }));
    assert_eq!(range("member;lang-de"), None);
    assert_eq!(range("member;range=x-1"), None);
}

#[test]
fn a_message_id_out_of_range_is_refused_b_007() {
    for id in ["02 01 ff", "02 05 0080000000", "02 00", "02 09 000000000000000001"] {
        let inner = [hex(id), hex("6107 0a0100 0400 0400")].concat();
        let mut writer = Writer::default();
        writer.bytes(SEQUENCE, &inner);
        assert!(Message::read(&writer.finish()).is_err(), "{id}");
    }
}

#[test]
fn unknown_elements_behind_the_known_ones_are_ignored_b_008() {
    let bytes = hex("3011 020101 610a 0a0100 0400 0400 850103 8800");
    let message = Message::read(&bytes).unwrap();
    assert_eq!(LdapResult::read(&message.operation).unwrap().code, ResultCode::SUCCESS);
}

#[test]
fn a_notice_of_disconnection_is_recognised_b_029() {
    let mut writer = Writer::default();
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, 0);
        message.nested(op::EXTENDED_RESPONSE, |notice| {
            notice.integer(ENUMERATED, 52);
            notice.bytes(OCTET_STRING, b"");
            notice.bytes(OCTET_STRING, b"shutting down");
            notice.bytes(0x8a, NOTICE_OF_DISCONNECTION);
        });
    });
    let bytes = writer.finish();
    let message = Message::read(&bytes).unwrap();
    let notice = ExtendedResponse::read(&message.operation).unwrap();
    assert_eq!((message.id, notice.result.code), (0, ResultCode::UNAVAILABLE));
    assert_eq!(notice.name, Some(NOTICE_OF_DISCONNECTION));
}

proptest! {
    #[test]
    fn a_bind_carries_name_and_password_octet_by_octet(name in "\\PC{0,200}", password in proptest::collection::vec(1_u8.., 1..300), id in 0_u32..=MAX_MESSAGE_ID) {
        let bytes = simple_bind(id, &name, &password).unwrap();
        let message = Message::read(&bytes).unwrap();
        let mut bind = message.operation.enter().unwrap();
        prop_assert_eq!(message.id, id);
        prop_assert_eq!(bind.expect(INTEGER).unwrap().integer(), Ok(3));
        prop_assert_eq!(bind.expect(OCTET_STRING).unwrap().body, name.as_bytes());
        prop_assert_eq!(bind.expect(0x80).unwrap().body, &password[..]);
    }

    #[test]
    fn no_message_makes_a_reader_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), good in any::<bool>()) {
        if good {
            bytes.splice(0..0, hex("020101 64"));
            let mut writer = Writer::default();
            writer.bytes(SEQUENCE, &bytes);
            bytes = writer.finish().to_vec();
        }
        let Ok(message) = Message::read(&bytes) else { return Ok(()) };
        let _ = (LdapResult::read(&message.operation), ExtendedResponse::read(&message.operation), message.control("1"));
        if let Ok(entry) = Entry::read(&message.operation) {
            for attribute in entry.attributes().flatten() {
                let _ = (attribute.range(), attribute.values().count());
            }
        }
    }
}
