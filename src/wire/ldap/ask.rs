//! The requests of a client, as far as a gateway must understand them; the rest is passed on as it came.
//!
//! What is read here decides what may pass, while another reader acts on the same octets. So nothing is read
//! leniently: an element with another tag than the one that belongs there is a flaw and never skipped.

use crate::wire::ldap::ber::{
    BOOLEAN, ENUMERATED, Element, Flaw, INTEGER, Malformed, OCTET_STRING, Reader, SEQUENCE, SET,
};
use crate::wire::ldap::message::{message_id, oid};
use crate::wire::ldap::walk;

pub use crate::wire::ldap::kind::Request;
pub use crate::wire::ldap::walk::{BadFilter, FilterAttributes};

const SIMPLE: u8 = 0x80;
const SASL: u8 = 0xa3;
const SICILY: std::ops::RangeInclusive<u8> = 0x89..=0x8b;
const EXTENDED_REQUEST_NAME: u8 = 0x80;
const EXTENDED_REQUEST_VALUE: u8 = 0x81;

/// A BindRequest (RFC 4511 section 4.2). It cannot be printed: there may be a password in it.
#[derive(Clone, Copy)]
pub struct Bind<'a> {
    /// Version of the protocol; only 3 is spoken (B-023).
    pub version: i64,
    /// The name, as text that is not always UTF-8; empty for an anonymous bind, without meaning for SASL.
    pub name: &'a [u8],
    /// How the client proves who it is.
    pub method: Method<'a>,
}

/// How a client proves who it is.
#[derive(Clone, Copy)]
pub enum Method<'a> {
    /// By this password, which may be empty (B-041).
    Simple(&'a [u8]),
    /// By SASL (RFC 4513 section 5.2).
    Sasl {
        /// Name of the mechanism.
        mechanism: &'a [u8],
        /// What it says first; none is something else than an empty one (B-061).
        credentials: Option<&'a [u8]>,
    },
    /// By NTLM as old clients of Active Directory wrap it (MS-ADTS 5.1.1.1.3); the tag says which step.
    Sicily(u8),
    /// By something else; this is its tag (B-008).
    Other(u8),
}

impl<'a> Bind<'a> {
    /// Reads an operation with the tag [`crate::wire::ldap::message::op::BIND_REQUEST`]. Elements behind the method are ignored.
    ///
    /// # Errors
    ///
    /// Any flaw of it. A method we do not know is none.
    pub fn read(operation: &Element<'a>) -> Result<Self, Malformed> {
        let mut reader = operation.enter()?;
        let version = reader.expect(INTEGER)?.integer()?;
        let name = reader.expect(OCTET_STRING)?.body;
        let method = reader.element()?;
        let method = match method.tag {
            SIMPLE => Method::Simple(method.body),
            SASL => {
                let mut sasl = method.enter()?;
                let mechanism = sasl.expect(OCTET_STRING)?.body;
                let credentials = sasl.optional(OCTET_STRING)?.map(|element| element.body);
                sasl.ignore_rest()?;
                Method::Sasl { mechanism, credentials }
            }
            tag if SICILY.contains(&tag) => Method::Sicily(tag),
            tag => Method::Other(tag),
        };
        reader.ignore_rest()?;
        Ok(Self { version, name, method })
    }
}

/// What the mechanism PLAIN says (RFC 4616 section 2). It cannot be printed: there is a password in it.
#[derive(Clone, Copy)]
pub struct SaslPlain<'a> {
    /// Whom the client wants to act as; empty for the one who logs in.
    pub authzid: &'a [u8],
    /// Who logs in.
    pub authcid: &'a [u8],
    /// The password.
    pub password: &'a [u8],
}

impl<'a> SaslPlain<'a> {
    /// Takes the three parts apart, each of which may be empty; `None` unless there are exactly two NULs
    /// (B-062).
    #[must_use]
    pub fn read(credentials: &'a [u8]) -> Option<Self> {
        let mut parts = credentials.split(|octet| *octet == 0);
        let (authzid, authcid, password) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then_some(Self { authzid, authcid, password })
    }
}

/// A SearchRequest (RFC 4511 section 4.5.1).
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Where to begin, as text that is not always UTF-8.
    pub base: &'a [u8],
    /// How far to look: 0 the base alone, 1 one level, 2 the subtree; servers may know more.
    pub scope: i64,
    types_only: bool,
    filter: Element<'a>,
    attributes: Reader<'a>,
}

impl<'a> Asked<'a> {
    /// Reads an operation with the tag [`crate::wire::ldap::message::op::SEARCH_REQUEST`]. Elements behind the attributes are ignored.
    ///
    /// # Errors
    ///
    /// Any flaw of it. The filter and the attributes are read by the functions that need them.
    pub fn read(operation: &Element<'a>) -> Result<Self, Malformed> {
        let mut reader = operation.enter()?;
        let base = reader.expect(OCTET_STRING)?.body;
        let scope = reader.expect(ENUMERATED)?.integer()?;
        let _dereferenced_aliases = reader.expect(ENUMERATED)?;
        let _size_limit = reader.expect(INTEGER)?;
        let _time_limit = reader.expect(INTEGER)?;
        let types_only = reader.expect(BOOLEAN)?.boolean()?;
        let filter = reader.element()?;
        let attributes = reader.enter(SEQUENCE)?;
        reader.ignore_rest()?;
        Ok(Self { base, scope, types_only, filter, attributes })
    }

    /// Whether it asks for the root DSE: the base is empty and looked at alone (RFC 4512 section 5.1).
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.base.is_empty() && self.scope == 0
    }

    /// The attributes to bring, as sent, up to the first malformed one, which is reported. None at all
    /// stands for every one.
    #[must_use]
    pub const fn attributes(&self) -> Descriptions<'a> {
        Descriptions { rest: self.attributes }
    }

    /// Whether values are to be left out.
    #[must_use]
    pub const fn types_only(&self) -> bool {
        self.types_only
    }

    /// Every attribute that the filter names, with options as sent. The filter is read to its end first, so
    /// what comes out is complete.
    ///
    /// * `most`: how many of "and", "or" and "not" may stand inside each other; nothing recurses (B-004).
    ///
    /// # Errors
    ///
    /// [`BadFilter`]: it is malformed, too deep, or compares every attribute without naming one.
    pub fn filter_attributes(&self, most: usize) -> Result<FilterAttributes<'a>, BadFilter> {
        walk::filter_attributes(&self.filter, most)
    }

    /// Whether the filter is the presence of `objectClass`, which every entry has: the one filter for the
    /// root DSE (RFC 4512 section 5.1).
    #[must_use]
    pub fn is_presence_of_object_class(&self) -> bool {
        let name = self.filter.body;
        self.filter.tag == walk::PRESENT && (name.eq_ignore_ascii_case(b"objectClass") || name == b"2.5.4.0")
    }
}

/// Iterator over attribute descriptions that stand side by side.
#[derive(Debug, Clone)]
pub struct Descriptions<'a> {
    rest: Reader<'a>,
}

impl<'a> Iterator for Descriptions<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let description = self.rest.expect(OCTET_STRING).map(|element| element.body);
        if description.is_err() {
            self.rest = Reader::new(&[]);
        }
        Some(description)
    }
}

/// A CompareRequest (RFC 4511 section 4.10), without the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared<'a> {
    /// Name of the entry, as text that is not always UTF-8.
    pub entry: &'a [u8],
    /// The attribute, with options as sent.
    pub attribute: &'a [u8],
}

impl<'a> Compared<'a> {
    /// Reads an operation with the tag [`crate::wire::ldap::message::op::COMPARE_REQUEST`].
    ///
    /// # Errors
    ///
    /// Any flaw of it.
    pub fn read(operation: &Element<'a>) -> Result<Self, Malformed> {
        let mut reader = operation.enter()?;
        let entry = reader.expect(OCTET_STRING)?.body;
        let mut assertion = reader.enter(SEQUENCE)?;
        let attribute = assertion.expect(OCTET_STRING)?.body;
        assertion.expect(OCTET_STRING)?;
        assertion.ignore_rest()?;
        reader.ignore_rest()?;
        Ok(Self { entry, attribute })
    }
}

/// A ModifyRequest (RFC 4511 section 4.6), without the values.
#[derive(Debug, Clone)]
pub struct Modified<'a> {
    /// Name of the entry, as text that is not always UTF-8.
    pub entry: &'a [u8],
    /// What is changed, up to the first malformed change, which is reported.
    pub changes: Changes<'a>,
}

/// One change of a ModifyRequest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// The attribute, with options as sent.
    pub attribute: &'a [u8],
    /// Certain values are taken away: the change fails unless they are there.
    pub deletes_values: bool,
}

impl<'a> Modified<'a> {
    /// Reads an operation with the tag [`crate::wire::ldap::message::op::MODIFY_REQUEST`].
    ///
    /// # Errors
    ///
    /// Any flaw of its outer elements.
    pub fn read(operation: &Element<'a>) -> Result<Self, Malformed> {
        let mut reader = operation.enter()?;
        let entry = reader.expect(OCTET_STRING)?.body;
        let changes = reader.enter(SEQUENCE)?;
        reader.ignore_rest()?;
        Ok(Self { entry, changes: Changes { rest: changes } })
    }
}

/// Iterator over the changes of a ModifyRequest.
#[derive(Debug, Clone)]
pub struct Changes<'a> {
    rest: Reader<'a>,
}

impl<'a> Changes<'a> {
    fn read(&mut self) -> Result<Change<'a>, Malformed> {
        const DELETE: i64 = 1;
        let mut change = self.rest.enter(SEQUENCE)?;
        let kind = change.expect(ENUMERATED)?.integer()?;
        let mut attribute = change.enter(SEQUENCE)?;
        let name = attribute.expect(OCTET_STRING)?.body;
        let has_values = !attribute.expect(SET)?.body.is_empty();
        Ok(Change { attribute: name, deletes_values: kind == DELETE && has_values })
    }
}

impl<'a> Iterator for Changes<'a> {
    type Item = Result<Change<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let change = self.read();
        if change.is_err() {
            self.rest = Reader::new(&[]);
        }
        Some(change)
    }
}

/// Whose password is changed by the extended request for that (RFC 3062 section 2). The passwords stay where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordChange<'a> {
    /// Whose; of whoever is bound, when it is not said.
    pub whose: Option<&'a [u8]>,
    /// The old password comes along, to be compared with the one that there is.
    pub shows_old: bool,
}

impl<'a> PasswordChange<'a> {
    /// Reads the value of the request, which may be left out.
    ///
    /// # Errors
    ///
    /// Any flaw of it, and anything behind its three parts.
    pub fn read(value: Option<&'a [u8]>) -> Result<Self, Malformed> {
        const WHOSE: u8 = 0x80;
        const OLD: u8 = 0x81;
        const NEW: u8 = 0x82;
        let Some(value) = value else { return Ok(Self { whose: None, shows_old: false }) };
        let mut outer = Reader::new(value);
        let mut parts = outer.enter(SEQUENCE)?;
        let whose = parts.optional(WHOSE)?.map(|element| element.body);
        let shows_old = parts.optional(OLD)?.is_some();
        parts.optional(NEW)?;
        for mut rest in [parts, outer] {
            if !rest.is_empty() {
                return Err(rest.element()?.flaw(Flaw::Misplaced));
            }
        }
        Ok(Self { whose, shows_old })
    }
}

/// The number of the request that an AbandonRequest ends (RFC 4511 section 4.11).
///
/// # Errors
///
/// A number out of range.
pub fn abandoned(operation: &Element<'_>) -> Result<u32, Malformed> {
    message_id(operation)
}

/// An ExtendedRequest (RFC 4511 section 4.12). It cannot be printed: there may be a password in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ExtendedRequest<'a> {
    /// What is wanted; always a numeric OID.
    pub name: &'a [u8],
    /// What belongs to it.
    pub value: Option<&'a [u8]>,
}

impl<'a> ExtendedRequest<'a> {
    /// Reads an operation with the tag [`crate::wire::ldap::message::op::EXTENDED_REQUEST`].
    ///
    /// # Errors
    ///
    /// Any flaw of it, and a name that is no OID.
    pub fn read(operation: &Element<'a>) -> Result<Self, Malformed> {
        let mut reader = operation.enter()?;
        let name = oid(&reader.expect(EXTENDED_REQUEST_NAME)?)?;
        let value = reader.optional(EXTENDED_REQUEST_VALUE)?.map(|element| element.body);
        while !reader.is_empty() {
            let behind = reader.element()?;
            // Another reader may take the last name of several, or a value that stands elsewhere.
            if matches!(behind.tag, EXTENDED_REQUEST_NAME | EXTENDED_REQUEST_VALUE) {
                return Err(behind.flaw(Flaw::Misplaced));
            }
        }
        Ok(Self { name, value })
    }
}

/// The attribute type of a description: without options, without the prefix `OID.` that RFC 2251 clients
/// know, without what some servers cut off (blanks around it, a NUL and all behind it). Compare it ignoring
/// case.
#[must_use]
pub fn attribute_type(description: &[u8]) -> &[u8] {
    let is_end = |octet: &u8| matches!(octet, b';' | 0);
    let name = description.split(is_end).next().unwrap_or_default().trim_ascii();
    match name.split_at_checked(4) {
        Some((prefix, oid)) if prefix.eq_ignore_ascii_case(b"OID.") => oid,
        _ => name,
    }
}

#[cfg(test)]
mod tests;
