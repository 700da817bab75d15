//! The requests that we send.

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::wire::ldap::ber::{BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, Writer};
use crate::wire::ldap::filter::Filter;
use crate::wire::ldap::message::{CONTROLS, MAX_MESSAGE_ID, PAGED_RESULTS, START_TLS, op};

const SIMPLE: u8 = 0x80;
const EXTENDED_REQUEST_NAME: u8 = 0x80;

/// How far below its base a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The base alone.
    Base = 0,
    /// The entries directly under it.
    One = 1,
    /// All of it.
    Subtree = 2,
}

/// A SearchRequest (RFC 4511 section 4.5.1); aliases are never followed.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// Where to begin.
    pub base: &'a str,
    /// How far to look.
    pub scope: Scope,
    /// Most entries wanted, 0 for no limit; some servers ignore it.
    pub size_limit: u32,
    /// Most seconds the server may take, 0 for no limit.
    pub time_limit: u32,
    /// What to look for.
    pub filter: &'a Filter<'a>,
    /// What to bring.
    pub attributes: &'a Selection,
    /// The page to bring, when the result is wanted in pages.
    pub page: Option<Page<'a>>,
}

impl<'a> Search<'a> {
    /// Whether there is an entry of this name, and nothing of what is in it; the empty name is the root entry, which
    /// every server has.
    #[must_use]
    pub const fn presence(base: &'a str) -> Self {
        Self {
            base,
            scope: Scope::Base,
            size_limit: 1,
            time_limit: 0,
            filter: &Filter::Present("objectClass"),
            attributes: Selection::NOTHING,
            page: None,
        }
    }
}

/// The attributes that a search is to bring, as it sends them (RFC 4511 section 4.5.1): the same for every login, so that they
/// are written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection(Cow<'static, [u8]>);

impl Selection {
    /// None, in the words of RFC 4511 section 4.5.1.8: the one that is called `1.1`.
    pub const NOTHING: &'static Self = &Self(Cow::Borrowed(b"\x30\x05\x04\x031.1"));

    /// Those of these names; of no names all that are not operational.
    #[must_use]
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut writer = Writer::default();
        writer.nested(SEQUENCE, |all| {
            names.into_iter().for_each(|name| all.bytes(OCTET_STRING, name.as_bytes()));
        });
        Self(std::mem::take(&mut *writer.finish()).into())
    }
}

/// Which page of a result (RFC 2696).
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Most entries of it.
    pub size: u32,
    /// What the server gave with the page before; empty for the first.
    pub cookie: &'a [u8],
}

/// A simple BindRequest of version 3 (RFC 4511 section 4.2), or `None` for what must never be sent: an
/// empty password, which would be an unauthenticated bind that servers answer with success (B-041), and
/// names or passwords with a NUL, which Samba cuts there.
#[must_use]
pub fn simple_bind(id: u32, name: &str, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if password.is_empty() || password.contains(&0) || name.contains('\0') {
        return None;
    }
    let room = name.len().saturating_add(password.len()).saturating_add(64);
    Some(message(id, room, |writer| {
        writer.nested(op::BIND_REQUEST, |bind| {
            bind.integer(INTEGER, 3);
            bind.bytes(OCTET_STRING, name.as_bytes());
            bind.bytes(SIMPLE, password);
        });
    }))
}

/// A SearchRequest. There is no secret in it, so that it is not wiped.
#[must_use]
pub fn search(id: u32, search: &Search<'_>) -> Vec<u8> {
    let known = search.base.len().saturating_add(search.attributes.0.len());
    let mut writer = Writer::with_capacity(known.saturating_add(256));
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, i64::from(id));
        message.nested(op::SEARCH_REQUEST, |request| {
            request.bytes(OCTET_STRING, search.base.as_bytes());
            request.integer(ENUMERATED, search.scope as i64);
            request.integer(ENUMERATED, 0);
            request.integer(INTEGER, i64::from(search.size_limit.min(MAX_MESSAGE_ID)));
            request.integer(INTEGER, i64::from(search.time_limit.min(MAX_MESSAGE_ID)));
            request.boolean(BOOLEAN, false);
            search.filter.write(request);
            request.raw(&search.attributes.0);
        });
        if let Some(page) = search.page {
            message.nested(CONTROLS, |controls| page.write(controls));
        }
    });
    std::mem::take(&mut *writer.finish())
}

impl Page<'_> {
    fn write(self, controls: &mut Writer) {
        controls.nested(SEQUENCE, |control| {
            control.bytes(OCTET_STRING, PAGED_RESULTS.as_bytes());
            control.boolean(BOOLEAN, true);
            control.nested(OCTET_STRING, |value| {
                value.nested(SEQUENCE, |page| {
                    page.integer(INTEGER, i64::from(self.size.min(MAX_MESSAGE_ID)));
                    page.bytes(OCTET_STRING, self.cookie);
                });
            });
        });
    }
}

/// A ModifyRequest (RFC 4511 section 4.6) that takes the value `old` of `attribute` of the entry `dn` away and gives it
/// `new` in the same step.
#[must_use]
pub fn exchange(id: u32, dn: &str, attribute: &str, (old, new): (&[u8], &[u8])) -> Zeroizing<Vec<u8>> {
    const ADD: i64 = 0;
    const DELETE: i64 = 1;
    let room =
        [dn.len(), old.len(), new.len(), 128].iter().fold(0_usize, |sum, one| sum.saturating_add(*one));
    message(id, room, |writer| {
        writer.nested(op::MODIFY_REQUEST, |request| {
            request.bytes(OCTET_STRING, dn.as_bytes());
            request.nested(SEQUENCE, |changes| {
                for (operation, value) in [(DELETE, old), (ADD, new)] {
                    changes.nested(SEQUENCE, |change| {
                        change.integer(ENUMERATED, operation);
                        change.nested(SEQUENCE, |modification| {
                            modification.bytes(OCTET_STRING, attribute.as_bytes());
                            modification.nested(SET, |values| values.bytes(OCTET_STRING, value));
                        });
                    });
                }
            });
        });
    })
}

/// An AbandonRequest for the request `abandoned`; there is no answer to it.
#[must_use]
pub fn abandon(id: u32, abandoned: u32) -> Zeroizing<Vec<u8>> {
    message(id, 32, |writer| writer.integer(op::ABANDON_REQUEST, i64::from(abandoned)))
}

/// An UnbindRequest: the end of the connection.
#[must_use]
pub fn unbind(id: u32) -> Zeroizing<Vec<u8>> {
    message(id, 32, |writer| writer.bytes(op::UNBIND_REQUEST, b""))
}

/// An ExtendedRequest to begin TLS.
#[must_use]
pub fn start_tls(id: u32) -> Zeroizing<Vec<u8>> {
    message(id, 64, |writer| {
        writer.nested(op::EXTENDED_REQUEST, |request| {
            request.bytes(EXTENDED_REQUEST_NAME, START_TLS.as_bytes());
        });
    })
}

fn message(id: u32, room: usize, operation: impl FnOnce(&mut Writer)) -> Zeroizing<Vec<u8>> {
    let mut writer = Writer::with_capacity(room);
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, i64::from(id));
        operation(message);
    });
    writer.finish()
}
