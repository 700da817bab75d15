use super::*;
use crate::wire::ldap::ber::Element;
use crate::wire::ldap::frame::{MAX_MESSAGE, cut};
use crate::wire::ldap::message::{Entry, ExtendedResponse, LdapResult, Message, WHO_AM_I};

fn operation(bytes: &[u8], id: u32, tag: u8) -> Element<'_> {
    assert_eq!(cut(bytes, MAX_MESSAGE), Ok(Some(bytes.len())), "one whole message");
    let message = Message::read(bytes).unwrap();
    assert_eq!((message.id, message.operation.tag), (id, tag));
    message.operation
}

#[test]
fn a_refused_bind_is_written_octet_by_octet_as_rfc_4511_says() {
    let wanted = [&[0x30, 0x0e, 2, 1, 7, 0x61, 9, 10, 1, 49, 4, 0, 4, 2][..], b"no"].concat();
    assert_eq!(bind(7, ResultCode::INVALID_CREDENTIALS, "no"), wanted);
}

#[test]
fn every_answer_says_what_it_was_given() {
    for tag in [op::SEARCH_DONE, op::MODIFY_RESPONSE, op::DELETE_RESPONSE, op::COMPARE_RESPONSE] {
        let bytes = result(0x7fff_ffff, tag, ResultCode::AUTHORIZATION_DENIED, "a text");
        let result = LdapResult::read(&operation(&bytes, 0x7fff_ffff, tag)).unwrap();
        assert_eq!((result.code, result.diagnostic), (ResultCode::AUTHORIZATION_DENIED, &b"a text"[..]));
        assert!(result.matched.is_empty() && !result.has_referral);
    }
}

#[test]
fn a_value_without_octets_is_there_and_no_value_is_not_b_030() {
    let bytes = extended(2, ResultCode::SUCCESS, "", None, Some(b""));
    assert_eq!(bytes, [0x30, 0x0e, 2, 1, 2, 0x78, 9, 10, 1, 0, 4, 0, 4, 0, 0x8b, 0]);
    let bytes = extended(2, ResultCode::PROTOCOL_ERROR, "unknown", None, None);
    let answer = ExtendedResponse::read(&operation(&bytes, 2, op::EXTENDED_RESPONSE)).unwrap();
    assert_eq!((answer.name, answer.value), (None, None), "B-033");
    let bytes = extended(2, ResultCode::SUCCESS, "", Some(WHO_AM_I), Some(b"u:anna"));
    let answer = ExtendedResponse::read(&operation(&bytes, 2, op::EXTENDED_RESPONSE)).unwrap();
    assert_eq!((answer.name, answer.value), (Some(WHO_AM_I.as_bytes()), Some(&b"u:anna"[..])));
}

#[test]
fn the_notice_of_disconnection_has_number_0_and_its_name_b_029() {
    let bytes = notice_of_disconnection(ResultCode::UNAVAILABLE, "stopping");
    let notice = ExtendedResponse::read(&operation(&bytes, 0, op::EXTENDED_RESPONSE)).unwrap();
    assert_eq!(notice.result.code, ResultCode::UNAVAILABLE);
    assert_eq!((notice.name, notice.value), (Some(NOTICE_OF_DISCONNECTION), None));
}

#[test]
fn an_entry_has_its_values_or_only_their_types() {
    let attributes = [("supportedLDAPVersion", vec!["3"]), ("namingContexts", vec!["dc=a", "dc=b"])];
    for types_only in [false, true] {
        let bytes = entry(3, "", &attributes, types_only);
        let entry = Entry::read(&operation(&bytes, 3, op::SEARCH_ENTRY)).unwrap();
        assert!(entry.dn.is_empty());
        let read: Vec<_> = entry.attributes().map(Result::unwrap).collect();
        assert_eq!(read.len(), 2);
        for (attribute, (name, values)) in read.iter().zip(&attributes) {
            assert!(attribute.is(name));
            let got: Vec<_> = attribute.values().map(Result::unwrap).collect();
            let wanted = values.iter().filter(|_| !types_only).map(|value| value.as_bytes());
            assert_eq!(got, wanted.collect::<Vec<_>>());
        }
    }
}
