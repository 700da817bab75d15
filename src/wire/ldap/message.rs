//! The envelope (RFC 4511 section 4.1.1) and the answers that we look into.

use std::ops;

use crate::wire::ldap::ber::{
    ENUMERATED, Element, Flaw, INTEGER, Malformed, OCTET_STRING, Reader, SEQUENCE, SET,
};
use crate::wire::ldap::result::ResultCode;

pub use crate::wire::ldap::control::{Control, Controls, MAX_CONTROLS, page_cookie};

/// Tags of the operations.
pub mod op {
    /// BindRequest.
    pub const BIND_REQUEST: u8 = 0x60;
    /// BindResponse.
    pub const BIND_RESPONSE: u8 = 0x61;
    /// UnbindRequest.
    pub const UNBIND_REQUEST: u8 = 0x42;
    /// SearchRequest.
    pub const SEARCH_REQUEST: u8 = 0x63;
    /// SearchResultEntry.
    pub const SEARCH_ENTRY: u8 = 0x64;
    /// SearchResultDone.
    pub const SEARCH_DONE: u8 = 0x65;
    /// SearchResultReference.
    pub const SEARCH_REFERENCE: u8 = 0x73;
    /// ModifyRequest.
    pub const MODIFY_REQUEST: u8 = 0x66;
    /// ModifyResponse.
    pub const MODIFY_RESPONSE: u8 = 0x67;
    /// AddRequest.
    pub const ADD_REQUEST: u8 = 0x68;
    /// AddResponse.
    pub const ADD_RESPONSE: u8 = 0x69;
    /// DelRequest; it is primitive.
    pub const DELETE_REQUEST: u8 = 0x4a;
    /// DelResponse.
    pub const DELETE_RESPONSE: u8 = 0x6b;
    /// ModifyDNRequest.
    pub const MODIFY_DN_REQUEST: u8 = 0x6c;
    /// ModifyDNResponse.
    pub const MODIFY_DN_RESPONSE: u8 = 0x6d;
    /// CompareRequest.
    pub const COMPARE_REQUEST: u8 = 0x6e;
    /// CompareResponse.
    pub const COMPARE_RESPONSE: u8 = 0x6f;
    /// AbandonRequest; it is primitive.
    pub const ABANDON_REQUEST: u8 = 0x50;
    /// ExtendedRequest.
    pub const EXTENDED_REQUEST: u8 = 0x77;
    /// ExtendedResponse.
    pub const EXTENDED_RESPONSE: u8 = 0x78;
    /// IntermediateResponse.
    pub const INTERMEDIATE_RESPONSE: u8 = 0x79;
}

/// Name of the request to begin TLS (RFC 4511 section 4.14.1).
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// Name of the unsolicited notice that the server ends the connection (RFC 4511 section 4.4.1).
pub const NOTICE_OF_DISCONNECTION: &[u8] = b"1.3.6.1.4.1.1466.20036";
/// Name of the request for one's own name (RFC 4532).
pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
/// Name of the request to change a password (RFC 3062).
pub const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";
/// Name of the request to end another one (RFC 3909).
pub const CANCEL: &str = "1.3.6.1.1.8";
/// Name of the request of Active Directory after which binds only check passwords (MS-ADTS 3.1.1.3.4.2.3).
pub const FAST_BIND: &str = "1.2.840.113556.1.4.1781";
/// Control to act as somebody else, as first drafted (draft-weltman-ldapv3-proxy-05).
pub const PROXIED_AUTHORIZATION_V1: &str = "2.16.840.1.113730.3.4.12";
/// Control to act as somebody else (RFC 4370).
pub const PROXIED_AUTHORIZATION_V2: &str = "2.16.840.1.113730.3.4.18";
/// Control for results in pages (RFC 2696).
pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// Tag of the sequence of controls.
pub(super) const CONTROLS: u8 = 0xa0;
const REFERRAL: u8 = 0xa3;
/// Tag of the name in an ExtendedResponse.
pub(super) const EXTENDED_RESPONSE_NAME: u8 = 0x8a;
/// Tag of the value in an ExtendedResponse.
pub(super) const EXTENDED_RESPONSE_VALUE: u8 = 0x8b;

/// A message whose operation has not been looked into; everything is a slice of what came.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Number of the request it belongs to, 0 for an unsolicited notice; at most 2^31 - 1 (B-007).
    pub id: u32,
    /// The operation, its tag being one of [`op`] or unknown.
    pub operation: Element<'a>,
    /// The sequence of controls as it came, if there is one.
    pub controls: Option<Element<'a>>,
}

impl<'a> Message<'a> {
    /// Reads one whole message as [`crate::wire::ldap::frame::cut`] gives it. Elements behind the controls
    /// are ignored (RFC 4511 section 4, B-008).
    ///
    /// # Errors
    ///
    /// Any flaw of the envelope, and controls at any other place than the one they have: another reader
    /// may find them there, so they must not be ignored. The operation's inside is not looked at.
    pub fn read(whole: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(whole);
        let mut inner = outer.enter(SEQUENCE)?;
        if !outer.is_empty() {
            return Err(Malformed {
                offset: whole.len().saturating_sub(outer.rest().len()),
                flaw: Flaw::Trailing,
            });
        }
        let id = inner.expect(INTEGER)?;
        let number = message_id(&id)?;
        let operation = inner.element()?;
        let controls = inner.optional(CONTROLS)?;
        while !inner.is_empty() {
            let unknown = inner.element()?;
            if unknown.tag == CONTROLS {
                return Err(unknown.flaw(Flaw::Misplaced));
            }
        }
        Ok(Self { id: number, operation, controls })
    }

    /// The controls, one after the other, up to the first malformed one, which is reported. More than
    /// [`MAX_CONTROLS`] are a flaw.
    #[must_use]
    pub fn controls(&self) -> Controls<'a> {
        Controls::new(self.controls)
    }

    /// The first control of the name `oid`.
    ///
    /// # Errors
    ///
    /// Any flaw of the controls before it.
    pub fn control(&self, oid: &str) -> Result<Option<Control<'a>>, Malformed> {
        for control in self.controls() {
            let control = control?;
            if control.oid == oid.as_bytes() {
                return Ok(Some(control));
            }
        }
        Ok(None)
    }
}

/// The value of a MessageID (RFC 4511 section 4.1.1.1).
///
/// # Errors
///
/// [`Flaw::IntegerRange`].
pub(super) fn message_id(element: &Element<'_>) -> Result<u32, Malformed> {
    let number = u32::try_from(element.integer()?).ok().filter(|id| *id <= MAX_MESSAGE_ID);
    number.ok_or_else(|| element.flaw(Flaw::IntegerRange))
}

/// Largest message id (RFC 4511 section 4.1.1.1).
pub const MAX_MESSAGE_ID: u32 = 0x7fff_ffff;

/// The value of an LDAPOID (RFC 4511 section 4.1.2). Nothing but a numeric OID is taken for one (RFC 4512
/// section 1.4), because a reader that stops at a NUL would find another name in it than we do.
///
/// # Errors
///
/// [`Flaw::Oid`].
pub(super) fn oid<'a>(element: &Element<'a>) -> Result<&'a [u8], Malformed> {
    let is_number = |arc: &[u8]| {
        arc.iter().all(u8::is_ascii_digit) && !arc.is_empty() && (arc == b"0" || arc.first() != Some(&b'0'))
    };
    let arcs = element.body.split(|octet| *octet == b'.');
    if element.body.contains(&b'.') && arcs.into_iter().all(is_number) {
        Ok(element.body)
    } else {
        Err(element.flaw(Flaw::Oid))
    }
}

/// What every answer but an entry ends with (RFC 4511 section 4.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LdapResult<'a> {
    /// What came of it.
    pub code: ResultCode,
    /// The entry nearest to the one that was not found.
    pub matched: &'a [u8],
    /// A text for people; untrusted, not always UTF-8.
    pub diagnostic: &'a [u8],
    /// Whether the answer names other servers (B-051: they are not asked).
    pub has_referral: bool,
}

impl<'a> LdapResult<'a> {
    /// Reads the result out of a BindResponse, SearchResultDone or any other answer of this kind.
    ///
    /// # Errors
    ///
    /// Any flaw of its three first elements.
    pub fn read(operation: &Element<'a>) -> Result<Self, Malformed> {
        Self::begin(&mut operation.enter()?)
    }

    fn begin(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let code = reader.expect(ENUMERATED)?;
        let number = u32::try_from(code.integer()?).map_err(|_| code.flaw(Flaw::IntegerRange))?;
        let matched = reader.expect(OCTET_STRING)?.body;
        let diagnostic = reader.expect(OCTET_STRING)?.body;
        let has_referral = reader.optional(REFERRAL)?.is_some();
        Ok(Self { code: ResultCode(number), matched, diagnostic, has_referral })
    }
}

/// An ExtendedResponse (RFC 4511 section 4.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedResponse<'a> {
    /// What came of it.
    pub result: LdapResult<'a>,
    /// Name of the answer.
    pub name: Option<&'a [u8]>,
    /// What it says.
    pub value: Option<&'a [u8]>,
}

impl<'a> ExtendedResponse<'a> {
    /// Reads an operation with the tag [`op::EXTENDED_RESPONSE`].
    ///
    /// # Errors
    ///
    /// Any flaw of it.
    pub fn read(operation: &Element<'a>) -> Result<Self, Malformed> {
        let mut reader = operation.enter()?;
        let result = LdapResult::begin(&mut reader)?;
        let name = reader.optional(EXTENDED_RESPONSE_NAME)?.map(|element| element.body);
        let value = reader.optional(EXTENDED_RESPONSE_VALUE)?.map(|element| element.body);
        Ok(Self { result, name, value })
    }
}

/// A SearchResultEntry (RFC 4511 section 4.5.2).
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its name, as text that is not always UTF-8.
    pub dn: &'a [u8],
    attributes: Reader<'a>,
}

impl<'a> Entry<'a> {
    /// Reads an operation with the tag [`op::SEARCH_ENTRY`].
    ///
    /// # Errors
    ///
    /// Any flaw of its outer elements; attributes are read by [`Entry::attributes`].
    pub fn read(operation: &Element<'a>) -> Result<Self, Malformed> {
        let mut reader = operation.enter()?;
        let dn = reader.expect(OCTET_STRING)?.body;
        Ok(Self { dn, attributes: reader.enter(SEQUENCE)? })
    }

    /// Its attributes, up to the first malformed one, which is reported.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.attributes }
    }
}

/// Iterator over the attributes of an [`Entry`].
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: Reader<'a>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let attribute = Attribute::read(&mut self.rest);
        if attribute.is_err() {
            self.rest = Reader::new(&[]);
        }
        Some(attribute)
    }
}

/// One attribute of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a> {
    /// Name and options as sent, such as `member;range=0-1499`.
    pub description: &'a [u8],
    /// Where that begins.
    at: usize,
    values: Reader<'a>,
}

impl<'a> Attribute<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut inner = reader.enter(SEQUENCE)?;
        let name = inner.expect(OCTET_STRING)?;
        let at = name.enter_uncounted().offset();
        Ok(Self { description: name.body, at, values: inner.enter(SET)? })
    }

    /// Where its description and its values are, in octets from the beginning of what [`Message::read`] was given: for
    /// whoever keeps the message and reads them again.
    #[must_use]
    pub fn places(&self) -> (ops::Range<usize>, ops::Range<usize>) {
        let from = |at: usize, length: usize| at..at.saturating_add(length);
        let values = self.values.rest().len();
        (from(self.at, self.description.len()), from(self.values.offset(), values))
    }

    /// Whether this is the attribute `name`, in any letter case and with any options (B-104).
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        let base = self.description.split(|octet| *octet == b';').next().unwrap_or_default();
        base.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Which values of it these are, when the server gives them in parts (B-091, MS-ADTS 3.1.1.3.1.3.3).
    #[must_use]
    pub fn range(&self) -> Option<Range> {
        let options = self.description.split(|octet| *octet == b';').skip(1);
        options.filter_map(|option| Range::read(std::str::from_utf8(option).ok()?)).next()
    }

    /// Its values, up to the first malformed one, which is reported.
    #[must_use]
    pub const fn values(&self) -> Values<'a> {
        Values { rest: self.values }
    }
}

impl<'a> Values<'a> {
    /// Those that stand in these octets, which [`Attribute::places`] has told.
    #[must_use]
    pub const fn within(octets: &'a [u8]) -> Self {
        Self { rest: Reader::new(octets) }
    }
}

/// The option `range=first-last` of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Position of the first value.
    pub first: u32,
    /// Position of the last value; `None` when these are the last there are.
    pub last: Option<u32>,
}

impl Range {
    fn read(option: &str) -> Option<Self> {
        let (key, value) = option.split_once('=')?;
        let (first, last) = value.split_once('-').filter(|_| key.eq_ignore_ascii_case("range"))?;
        let last = if last == "*" { None } else { Some(last.parse().ok()?) };
        Some(Self { first: first.parse().ok()?, last })
    }
}

/// Iterator over the values of an [`Attribute`].
#[derive(Debug, Clone)]
pub struct Values<'a> {
    rest: Reader<'a>,
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let value = self.rest.expect(OCTET_STRING).map(|element| element.body);
        if value.is_err() {
            self.rest = Reader::new(&[]);
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests;
