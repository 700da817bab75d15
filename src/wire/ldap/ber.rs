//! The part of BER that LDAP uses (RFC 4511 section 5.1): one-octet tags, definite lengths.
//!
//! Reading never recurses: an element is a slice, and a reader for its inside exists only after
//! [`Reader::enter`], which counts how deep it is (B-004). So eight thousand nested tags cost nothing until
//! someone opens them, and nobody can open more than [`MAX_DEPTH`].

use zeroize::Zeroizing;

/// How many constructed elements may be opened inside each other. The deepest answer we read has five.
pub const MAX_DEPTH: u8 = 32;

/// Universal BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// Universal INTEGER.
pub const INTEGER: u8 = 0x02;
/// Universal OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// Universal ENUMERATED.
pub const ENUMERATED: u8 = 0x0a;
/// Universal SEQUENCE and SEQUENCE OF.
pub const SEQUENCE: u8 = 0x30;
/// Universal SET OF.
pub const SET: u8 = 0x31;

/// Bytes that are not the BER that LDAP allows; `offset` counts from where the outermost reader began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed BER at offset {offset}: {flaw}")]
pub struct Malformed {
    /// Where the element with the flaw begins.
    pub offset: usize,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What is wrong with an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The bytes end inside a header or a value.
    #[error("the element is cut off")]
    Truncated,
    /// A tag of more than one octet; LDAP has none.
    #[error("a tag of more than one octet")]
    LongTag,
    /// Length octet 0x80, which RFC 4511 section 5.1 forbids.
    #[error("an indefinite length")]
    Indefinite,
    /// A length of more than eight octets, or one that no address space holds.
    #[error("a length out of range")]
    LengthRange,
    /// Another tag than the one that must stand here.
    #[error("tag {found:#04x} where {expected:#04x} belongs")]
    Tag {
        /// What the syntax asks for.
        expected: u8,
        /// What is there.
        found: u8,
    },
    /// An integer without octets, or one that does not fit.
    #[error("an integer out of range")]
    IntegerRange,
    /// A BOOLEAN that is not one octet long.
    #[error("a boolean of a wrong length")]
    Boolean,
    /// More than [`MAX_DEPTH`] elements opened inside each other.
    #[error("nested too deeply")]
    TooDeep,
    /// A name that must be a numeric OID is none.
    #[error("a name that is not a numeric OID")]
    Oid,
    /// More elements of a kind than anybody needs.
    #[error("too many elements of a kind")]
    TooMany,
    /// An element stands where it does not belong.
    #[error("an element where it does not belong")]
    Misplaced,
    /// Bytes are left where the syntax has ended.
    #[error("bytes behind the end")]
    Trailing,
}

/// A header: what comes, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The identifier octet.
    pub tag: u8,
    /// Number of octets of tag and length together: 2 to 10.
    pub header: usize,
    /// Number of octets of the value, as announced; the value itself need not be there.
    pub value: usize,
}

/// Reads an element's header, whether or not its value has arrived (B-002).
///
/// Returns `None` while the header itself is incomplete. Lengths may be longer than necessary, as Active
/// Directory writes them, up to eight octets.
///
/// # Errors
///
/// [`Flaw::LongTag`], [`Flaw::Indefinite`] or [`Flaw::LengthRange`].
pub fn header(bytes: &[u8]) -> Result<Option<Header>, Flaw> {
    let Some((&tag, rest)) = bytes.split_first() else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(Flaw::LongTag);
    }
    let Some((&first, rest)) = rest.split_first() else { return Ok(None) };
    if first < 0x80 {
        return Ok(Some(Header { tag, header: 2, value: usize::from(first) }));
    }
    let octets = usize::from(first & 0x7f);
    if octets == 0 {
        return Err(Flaw::Indefinite);
    }
    if octets > 8 {
        return Err(Flaw::LengthRange);
    }
    let Some(length) = rest.get(..octets) else { return Ok(None) };
    let value = length.iter().fold(0_u64, |sum, octet| (sum << 8) | u64::from(*octet));
    let value = usize::try_from(value).map_err(|_| Flaw::LengthRange)?;
    Ok(Some(Header { tag, header: octets.saturating_add(2), value }))
}

/// One element: its tag, its value, and both as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet.
    pub tag: u8,
    /// The value.
    pub body: &'a [u8],
    /// Tag, length and value, for passing on unchanged.
    pub whole: &'a [u8],
    /// Where it begins.
    pub offset: usize,
    depth: u8,
}

impl<'a> Element<'a> {
    /// A reader for the elements inside.
    ///
    /// # Errors
    ///
    /// [`Flaw::TooDeep`] inside [`MAX_DEPTH`] others.
    pub fn enter(&self) -> Result<Reader<'a>, Malformed> {
        if self.depth >= MAX_DEPTH {
            return Err(self.flaw(Flaw::TooDeep));
        }
        Ok(Reader { depth: self.depth.saturating_add(1), ..self.enter_uncounted() })
    }

    /// A reader for the elements inside that does not count as one more opened, for a caller that counts
    /// them itself.
    #[must_use]
    pub(super) const fn enter_uncounted(&self) -> Reader<'a> {
        let header = self.whole.len().saturating_sub(self.body.len());
        Reader { rest: self.body, offset: self.offset.saturating_add(header), depth: self.depth }
    }

    /// The value as a signed number (two's complement, 1 to 8 octets, leading ones and zeros allowed).
    ///
    /// # Errors
    ///
    /// [`Flaw::IntegerRange`].
    pub fn integer(&self) -> Result<i64, Malformed> {
        let Some(first) = self.body.first().filter(|_| self.body.len() <= 8) else {
            return Err(self.flaw(Flaw::IntegerRange));
        };
        let start = if first & 0x80 == 0 { 0_i64 } else { -1 };
        Ok(self.body.iter().fold(start, |sum, octet| (sum << 8) | i64::from(*octet)))
    }

    /// The value as a truth: anything but 0 is true (B-001).
    ///
    /// # Errors
    ///
    /// [`Flaw::Boolean`] unless it has one octet.
    pub fn boolean(&self) -> Result<bool, Malformed> {
        match self.body {
            [octet] => Ok(*octet != 0),
            _ => Err(self.flaw(Flaw::Boolean)),
        }
    }

    /// A complaint about this element.
    #[must_use]
    pub const fn flaw(&self, flaw: Flaw) -> Malformed {
        Malformed { offset: self.offset, flaw }
    }
}

/// Reads elements one after the other and cannot run past the end.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    /// Reads from the first of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0, depth: 0 }
    }

    /// Nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How far the next element is from the first octet of all.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What has not been read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next element, if there is one.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever its tag.
    ///
    /// # Errors
    ///
    /// Any flaw of its header, and [`Flaw::Truncated`].
    pub fn element(&mut self) -> Result<Element<'a>, Malformed> {
        let at = |flaw| Malformed { offset: self.offset, flaw };
        let header = header(self.rest).map_err(at)?.ok_or_else(|| at(Flaw::Truncated))?;
        let total = header.header.checked_add(header.value).ok_or_else(|| at(Flaw::LengthRange))?;
        let (whole, rest) = self.rest.split_at_checked(total).ok_or_else(|| at(Flaw::Truncated))?;
        let body = whole.get(header.header..).ok_or_else(|| at(Flaw::Truncated))?;
        let element = Element { tag: header.tag, body, whole, offset: self.offset, depth: self.depth };
        self.rest = rest;
        self.offset = self.offset.saturating_add(total);
        Ok(element)
    }

    /// The next element, which must have this tag.
    ///
    /// # Errors
    ///
    /// As [`Reader::element`], and [`Flaw::Tag`].
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        let element = self.element()?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(element.flaw(Flaw::Tag { expected: tag, found: element.tag }))
        }
    }

    /// The next element if it has this tag; otherwise nothing is read.
    ///
    /// # Errors
    ///
    /// As [`Reader::element`].
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.peek() == Some(tag) { self.element().map(Some) } else { Ok(None) }
    }

    /// Opens the next element, which must have this tag.
    ///
    /// # Errors
    ///
    /// As [`Reader::expect`] and [`Element::enter`].
    pub fn enter(&mut self, tag: u8) -> Result<Self, Malformed> {
        self.expect(tag)?.enter()
    }

    /// Reads to the end what nobody asks for (B-008); it must be elements.
    ///
    /// # Errors
    ///
    /// As [`Reader::element`].
    pub fn ignore_rest(mut self) -> Result<(), Malformed> {
        while !self.is_empty() {
            self.element()?;
        }
        Ok(())
    }
}

/// Writes elements; lengths are as short as they can be. What it holds is wiped when it goes.
#[derive(Default)]
pub struct Writer {
    out: Zeroizing<Vec<u8>>,
}

impl Writer {
    /// A writer with room for `capacity` octets; give enough when a secret is written, so that growing
    /// leaves no copy of it behind.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { out: Zeroizing::new(Vec::with_capacity(capacity)) }
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Zeroizing<Vec<u8>> {
        self.out
    }

    /// An element with `body` as its value.
    pub fn bytes(&mut self, tag: u8, body: &[u8]) {
        match u8::try_from(body.len()) {
            Ok(short @ ..0x80) => self.out.extend_from_slice(&[tag, short]),
            _ => {
                let (length, octets) = length(body.len());
                self.out.push(tag);
                self.out.extend_from_slice(length.get(..octets).unwrap_or_default());
            }
        }
        self.out.extend_from_slice(body);
    }

    /// Elements that are complete already.
    pub fn raw(&mut self, elements: &[u8]) {
        self.out.extend_from_slice(elements);
    }

    /// An INTEGER or ENUMERATED in the fewest octets.
    pub fn integer(&mut self, tag: u8, value: i64) {
        if let Ok(small @ ..0x80) = u8::try_from(value) {
            self.out.extend_from_slice(&[tag, 1, small]);
            return;
        }
        let octets = value.to_be_bytes();
        let mut body = octets.as_slice();
        while let [first, rest @ ..] = body {
            let Some(second) = rest.first() else { break };
            let sign_repeats = (*first == 0 && second & 0x80 == 0) || (*first == 0xff && second & 0x80 != 0);
            if !sign_repeats {
                break;
            }
            body = rest;
        }
        self.bytes(tag, body);
    }

    /// A BOOLEAN; true is 0xff.
    pub fn boolean(&mut self, tag: u8, value: bool) {
        self.bytes(tag, &[if value { 0xff } else { 0 }]);
    }

    /// An element whose value is what `inside` writes.
    pub fn nested(&mut self, tag: u8, inside: impl FnOnce(&mut Self)) {
        self.out.extend_from_slice(&[tag, 0]);
        let start = self.out.len();
        inside(self);
        let (length, octets) = length(self.out.len().saturating_sub(start));
        let more = octets.saturating_sub(1);
        if more > 0 {
            // Only now is it known that one octet is not enough: the value makes room for the others.
            self.out.extend(std::iter::repeat_n(0, more));
            self.out.get_mut(start..).unwrap_or_default().rotate_right(more);
        }
        let place = self.out.get_mut(start.saturating_sub(1)..).unwrap_or_default();
        place.iter_mut().zip(length).take(octets).for_each(|(place, octet)| *place = octet);
    }
}

/// A length as it is written, and how many octets of it are used.
fn length(value: usize) -> ([u8; 9], usize) {
    let mut written = [0; 9];
    let octets = value.to_be_bytes();
    let used = octets.iter().skip_while(|octet| **octet == 0);
    match u8::try_from(value) {
        Ok(short @ ..0x80) => {
            written[0] = short;
            (written, 1)
        }
        _ => {
            let count = used.clone().count();
            written[0] = 0x80 | u8::try_from(count).unwrap_or(8);
            written.iter_mut().skip(1).zip(used).for_each(|(place, octet)| *place = *octet);
            (written, count.saturating_add(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(bytes: &[u8]) -> Result<Element<'_>, Flaw> {
        Reader::new(bytes).element().map_err(|malformed| malformed.flaw)
    }

    #[test]
    fn lengths_longer_than_necessary_are_read_b_002() {
        for bytes in [
            &[4, 1, 7][..],
            &[4, 0x81, 1, 7],
            &[4, 0x84, 0, 0, 0, 1, 7],
            &[4, 0x88, 0, 0, 0, 0, 0, 0, 0, 1, 7],
        ] {
            assert_eq!(first(bytes).map(|e| e.body), Ok(&[7][..]), "{bytes:x?}");
        }
    }

    #[test]
    fn forms_that_ldap_does_not_have_are_refused_b_001() {
        assert_eq!(first(&[0x30, 0x80, 0, 0]).err(), Some(Flaw::Indefinite));
        assert_eq!(first(&[4, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7]).err(), Some(Flaw::LengthRange));
        assert_eq!(first(&[4, 0xff]).err(), Some(Flaw::LengthRange));
        assert_eq!(first(&[0x1f, 0x81, 1, 0]).err(), Some(Flaw::LongTag));
        assert_eq!(first(&[4, 2, 0]).err(), Some(Flaw::Truncated));
        assert_eq!(
            first(&[4, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]).err(),
            Some(Flaw::LengthRange)
        );
        assert_eq!(first(&[]).err(), Some(Flaw::Truncated));
    }

    #[test]
    fn any_octet_but_zero_is_true_and_two_octets_are_not_a_boolean_b_001() {
        assert_eq!(first(&[1, 1, 0]).unwrap().boolean(), Ok(false));
        assert_eq!(first(&[1, 1, 1]).unwrap().boolean(), Ok(true));
        assert!(first(&[1, 2, 0, 0]).unwrap().boolean().is_err());
    }

    #[test]
    fn nobody_opens_more_elements_than_the_limit_b_004() {
        let mut writer = Writer::default();
        fn nest(writer: &mut Writer, levels: u32) {
            if levels > 0 {
                writer.nested(SEQUENCE, |inner| nest(inner, levels - 1));
            }
        }
        nest(&mut writer, 100);
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes);
        let mut opened = 0;
        let end = loop {
            match reader.enter(SEQUENCE) {
                Ok(inner) => reader = inner,
                Err(end) => break end.flaw,
            }
            opened += 1;
        };
        assert_eq!((opened, end), (u32::from(MAX_DEPTH), Flaw::TooDeep));
    }

    #[test]
    fn the_offset_points_into_the_outermost_bytes() {
        let bytes = [0x30, 5, 2, 1, 9, 4, 9];
        let mut inner = Reader::new(&bytes).enter(SEQUENCE).unwrap();
        inner.expect(INTEGER).unwrap();
        assert_eq!(inner.expect(OCTET_STRING), Err(Malformed { offset: 5, flaw: Flaw::Truncated }));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(tag in 0_u8..0x1f, body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut writer = Writer::default();
            writer.nested(SEQUENCE, |inner| { inner.bytes(tag, &body); inner.boolean(BOOLEAN, true); });
            let bytes = writer.finish();
            let mut inner = Reader::new(&bytes).enter(SEQUENCE).unwrap();
            prop_assert_eq!(inner.expect(tag).unwrap().body, &body[..]);
            prop_assert_eq!(inner.expect(BOOLEAN).unwrap().body, &[0xff][..]);
            prop_assert!(inner.is_empty());
        }

        #[test]
        fn every_number_is_written_shortest_and_read_back(value in any::<i64>(), shift in 0_u32..64) {
            let value = value >> shift;
            let mut writer = Writer::default();
            writer.integer(INTEGER, value);
            let bytes = writer.finish();
            prop_assert_eq!(first(&bytes).unwrap().integer(), Ok(value));
            if let [_, _, a, b, ..] = bytes[..] {
                let repeats_its_sign = if b < 0x80 { a == 0 } else { a == 0xff };
                prop_assert!(!repeats_its_sign);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic_or_pass_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            let mut seen = 0;
            while let Ok(element) = reader.element() {
                seen += element.whole.len();
                let _ = (element.integer(), element.boolean());
            }
            prop_assert!(seen <= bytes.len());
        }
    }
}
