//! The answers that we give ourselves.

use crate::wire::ldap::ber::{ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, Writer};
use crate::wire::ldap::message::{
    EXTENDED_RESPONSE_NAME, EXTENDED_RESPONSE_VALUE, NOTICE_OF_DISCONNECTION, op,
};
use crate::wire::ldap::result::ResultCode;

/// Any answer that is an LDAPResult and nothing more (RFC 4511 section 4.1.9).
///
/// * `id`: the request's.
/// * `tag`: [`crate::wire::ldap::ask::Request::answer`] of the request.
/// * `text`: for people; no name, no secret.
#[must_use]
pub fn result(id: u32, tag: u8, code: ResultCode, text: &str) -> Vec<u8> {
    message(id, |message| message.nested(tag, |answer| begin(answer, code, text)))
}

/// A BindResponse (RFC 4511 section 4.2.2) without server credentials.
#[must_use]
pub fn bind(id: u32, code: ResultCode, text: &str) -> Vec<u8> {
    result(id, op::BIND_RESPONSE, code, text)
}

/// An ExtendedResponse (RFC 4511 section 4.12).
///
/// An empty `value` is written as one without octets, which is something else than none (B-030); an unknown
/// request is answered without a `name` (B-033).
#[must_use]
pub fn extended(id: u32, code: ResultCode, text: &str, name: Option<&str>, value: Option<&[u8]>) -> Vec<u8> {
    message(id, |message| {
        message.nested(op::EXTENDED_RESPONSE, |answer| {
            begin(answer, code, text);
            if let Some(name) = name {
                answer.bytes(EXTENDED_RESPONSE_NAME, name.as_bytes());
            }
            if let Some(value) = value {
                answer.bytes(EXTENDED_RESPONSE_VALUE, value);
            }
        });
    })
}

/// A SearchResultEntry (RFC 4511 section 4.5.2). With `types_only` the values are left out, as the request
/// wanted it.
#[must_use]
pub fn entry(id: u32, dn: &str, attributes: &[(&str, Vec<&str>)], types_only: bool) -> Vec<u8> {
    message(id, |message| {
        message.nested(op::SEARCH_ENTRY, |entry| {
            entry.bytes(OCTET_STRING, dn.as_bytes());
            entry.nested(SEQUENCE, |list| {
                for (name, values) in attributes {
                    list.nested(SEQUENCE, |attribute| {
                        attribute.bytes(OCTET_STRING, name.as_bytes());
                        attribute.nested(SET, |set| {
                            let values = values.iter().filter(|_| !types_only);
                            values.for_each(|value| set.bytes(OCTET_STRING, value.as_bytes()));
                        });
                    });
                }
            });
        });
    })
}

/// The unsolicited notice that we end the connection (RFC 4511 section 4.4.1, B-029).
#[must_use]
pub fn notice_of_disconnection(code: ResultCode, text: &str) -> Vec<u8> {
    message(0, |message| {
        message.nested(op::EXTENDED_RESPONSE, |answer| {
            begin(answer, code, text);
            answer.bytes(EXTENDED_RESPONSE_NAME, NOTICE_OF_DISCONNECTION);
        });
    })
}

/// Result code, no matched name, text.
fn begin(answer: &mut Writer, code: ResultCode, text: &str) {
    answer.integer(ENUMERATED, i64::from(code.0));
    answer.bytes(OCTET_STRING, b"");
    answer.bytes(OCTET_STRING, text.as_bytes());
}

fn message(id: u32, operation: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::with_capacity(128);
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, i64::from(id));
        operation(message);
    });
    // No secret is in it, so it leaves the wiped buffer.
    std::mem::take(&mut writer.finish())
}

#[cfg(test)]
mod tests;
