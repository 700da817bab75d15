//! Messages as clients write them, and what is read out of the answers.

use crate::frontend::ldap::lab::ANNA;
use crate::wire::ldap::ber::{BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, Writer};
use crate::wire::ldap::filter::Filter;
use crate::wire::ldap::message::{ExtendedResponse, LdapResult, Message, op};

pub(crate) fn message(id: i64, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::with_capacity(64);
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, id);
        write(message);
    });
    writer.finish().to_vec()
}

/// `message` with this control behind its operation.
pub(crate) fn controlled(message: &[u8], oid: &str, critical: bool, value: Option<&[u8]>) -> Vec<u8> {
    let read = Message::read(message).unwrap();
    self::message(read.id.into(), |out| {
        out.raw(read.operation.whole);
        out.nested(0xa0, |controls| {
            controls.nested(SEQUENCE, |control| {
                control.bytes(OCTET_STRING, oid.as_bytes());
                control.boolean(BOOLEAN, critical);
                if let Some(value) = value {
                    control.bytes(OCTET_STRING, value);
                }
            });
        });
    })
}

pub(crate) fn bind_of(id: i64, version: i64, name: &[u8], method: impl FnOnce(&mut Writer)) -> Vec<u8> {
    message(id, |message| {
        message.nested(op::BIND_REQUEST, |bind| {
            bind.integer(INTEGER, version);
            bind.bytes(OCTET_STRING, name);
            method(bind);
        });
    })
}

pub(crate) fn bind(id: i64, name: &str, password: &[u8]) -> Vec<u8> {
    bind_of(id, 3, name.as_bytes(), |bind| bind.bytes(0x80, password))
}

pub(crate) fn sasl(id: i64, mechanism: &str, credentials: Option<&[u8]>) -> Vec<u8> {
    bind_of(id, 3, b"ignored", |bind| {
        bind.nested(0xa3, |sasl| {
            sasl.bytes(OCTET_STRING, mechanism.as_bytes());
            if let Some(credentials) = credentials {
                sasl.bytes(OCTET_STRING, credentials);
            }
        });
    })
}

pub(crate) fn unbind(id: i64) -> Vec<u8> {
    message(id, |message| message.bytes(op::UNBIND_REQUEST, b""))
}

pub(crate) fn abandon(id: i64, abandoned: i64) -> Vec<u8> {
    message(id, |message| message.integer(op::ABANDON_REQUEST, abandoned))
}

pub(crate) fn search_for(id: i64, base: &str, scope: i64, filter: &[u8], attributes: &[&str]) -> Vec<u8> {
    message(id, |message| {
        message.nested(op::SEARCH_REQUEST, |search| {
            search.bytes(OCTET_STRING, base.as_bytes());
            search.integer(ENUMERATED, scope);
            search.integer(ENUMERATED, 0);
            search.integer(INTEGER, 0);
            search.integer(INTEGER, 0);
            search.boolean(BOOLEAN, false);
            search.raw(filter);
            search.nested(SEQUENCE, |list| {
                attributes.iter().for_each(|name| list.bytes(OCTET_STRING, name.as_bytes()));
            });
        });
    })
}

pub(crate) fn filter(filter: &Filter<'_>) -> Vec<u8> {
    let mut writer = Writer::with_capacity(32);
    filter.write(&mut writer);
    writer.finish().to_vec()
}

pub(crate) fn any_object() -> Vec<u8> {
    filter(&Filter::Present("objectClass"))
}

pub(crate) fn search(id: i64) -> Vec<u8> {
    search_for(id, "dc=example,dc=org", 2, &filter(&Filter::Equal("uid", b"bob")), &["mail"])
}

pub(crate) fn root_dse(id: i64, attributes: &[&str]) -> Vec<u8> {
    search_for(id, "", 0, &any_object(), attributes)
}

pub(crate) fn compare(id: i64, attribute: &str) -> Vec<u8> {
    message(id, |message| {
        message.nested(op::COMPARE_REQUEST, |compare| {
            compare.bytes(OCTET_STRING, ANNA.as_bytes());
            compare.nested(SEQUENCE, |assertion| {
                assertion.bytes(OCTET_STRING, attribute.as_bytes());
                assertion.bytes(OCTET_STRING, b"x");
            });
        });
    })
}

pub(crate) fn modify(id: i64, attribute: &str) -> Vec<u8> {
    message(id, |message| {
        message.nested(op::MODIFY_REQUEST, |modify| {
            modify.bytes(OCTET_STRING, ANNA.as_bytes());
            modify.nested(SEQUENCE, |changes| {
                changes.nested(SEQUENCE, |change| {
                    change.integer(ENUMERATED, 2);
                    change.nested(SEQUENCE, |attribute_and_values| {
                        attribute_and_values.bytes(OCTET_STRING, attribute.as_bytes());
                        attribute_and_values.nested(SET, |set| set.bytes(OCTET_STRING, b"x"));
                    });
                });
            });
        });
    })
}

pub(crate) fn delete(id: i64) -> Vec<u8> {
    message(id, |message| message.bytes(op::DELETE_REQUEST, ANNA.as_bytes()))
}

pub(crate) fn extended(id: i64, name: &str, value: Option<&[u8]>) -> Vec<u8> {
    message(id, |message| {
        message.nested(op::EXTENDED_REQUEST, |request| {
            request.bytes(0x80, name.as_bytes());
            if let Some(value) = value {
                request.bytes(0x81, value);
            }
        });
    })
}

/// An operation that nobody has defined.
pub(crate) fn unknown(id: i64) -> Vec<u8> {
    message(id, |message| message.bytes(0x5d, b"?"))
}

/// Message id, tag and result code of an answer.
pub(crate) fn result(bytes: &[u8]) -> (u32, u8, u32) {
    let message = Message::read(bytes).unwrap();
    (message.id, message.operation.tag, LdapResult::read(&message.operation).unwrap().code.0)
}

/// Name and value of an ExtendedResponse.
pub(crate) fn extended_parts(bytes: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let message = Message::read(bytes).unwrap();
    let response = ExtendedResponse::read(&message.operation).unwrap();
    (response.name.map(<[u8]>::to_vec), response.value.map(<[u8]>::to_vec))
}
