//! Controls (RFC 4511 section 4.1.11).

use crate::wire::ldap::ber::{BOOLEAN, Element, Flaw, INTEGER, Malformed, OCTET_STRING, Reader, SEQUENCE};
use crate::wire::ldap::message::oid;

/// Most controls of one message; every one is looked at, and nobody needs more.
pub const MAX_CONTROLS: usize = 64;

/// One control (RFC 4511 section 4.1.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control<'a> {
    /// Its name.
    pub oid: &'a [u8],
    /// Whether the operation is not to be done without it.
    pub critical: bool,
    /// What it says.
    pub value: Option<&'a [u8]>,
}

impl<'a> Control<'a> {
    fn read(mut reader: Reader<'a>) -> Result<Self, Malformed> {
        let oid = oid(&reader.expect(OCTET_STRING)?)?;
        let critical = reader.optional(BOOLEAN)?.map_or(Ok(false), |element| element.boolean())?;
        let value = reader.optional(OCTET_STRING)?.map(|element| element.body);
        while !reader.is_empty() {
            let behind = reader.element()?;
            // Another reader may find its value there.
            if matches!(behind.tag, BOOLEAN | OCTET_STRING) {
                return Err(behind.flaw(Flaw::Misplaced));
            }
        }
        Ok(Self { oid, critical, value })
    }
}

/// Iterator over the controls of a [`crate::wire::ldap::message::Message`].
#[derive(Debug, Clone)]
pub struct Controls<'a> {
    /// Not opened yet.
    list: Option<Element<'a>>,
    rest: Reader<'a>,
    seen: usize,
}

impl<'a> Controls<'a> {
    pub(super) const fn new(list: Option<Element<'a>>) -> Self {
        Self { list, rest: Reader::new(&[]), seen: 0 }
    }

    fn read(&mut self) -> Result<Option<Control<'a>>, Malformed> {
        if let Some(list) = self.list.take() {
            self.rest = list.enter()?;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let control = self.rest.expect(SEQUENCE)?;
        self.seen = self.seen.saturating_add(1);
        if self.seen > MAX_CONTROLS {
            return Err(control.flaw(Flaw::TooMany));
        }
        Control::read(control.enter()?).map(Some)
    }
}

impl<'a> Iterator for Controls<'a> {
    type Item = Result<Control<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let control = self.read();
        if control.is_err() {
            self.rest = Reader::new(&[]);
        }
        control.transpose()
    }
}

/// The cookie in a paged-results control; empty when there are no more pages (RFC 2696 section 2).
///
/// # Errors
///
/// Any flaw of the value.
pub fn page_cookie(control_value: &[u8]) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(control_value).enter(SEQUENCE)?;
    reader.expect(INTEGER)?;
    Ok(reader.expect(OCTET_STRING)?.body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ldap::ber::Writer;

    fn read(write: impl FnOnce(&mut Writer)) -> bool {
        let mut whole = Writer::default();
        whole.nested(SEQUENCE, write);
        let whole = whole.finish();
        Control::read(Reader::new(&whole).enter(SEQUENCE).unwrap()).is_ok()
    }

    #[test]
    fn a_control_has_nothing_where_another_reader_would_find_its_value() {
        const UNKNOWN: u8 = 0x85;
        let good = |control: &mut Writer| {
            control.bytes(OCTET_STRING, b"1.2.3");
            control.boolean(BOOLEAN, true);
            control.bytes(OCTET_STRING, b"value");
        };
        assert!(read(good));
        assert!(read(|control| {
            good(control);
            control.bytes(UNKNOWN, b"of a later version");
        }));
        for tag in [OCTET_STRING, BOOLEAN] {
            assert!(!read(|control| {
                good(control);
                control.bytes(tag, b"\xff");
            }));
        }
        assert!(!read(|control| {
            control.bytes(OCTET_STRING, b"1.2.3");
            control.bytes(UNKNOWN, b"");
            control.bytes(OCTET_STRING, b"userPassword");
        }));
    }
}
