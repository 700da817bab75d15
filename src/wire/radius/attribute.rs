//! Attributes: type, length, value (RFC 2865 section 5), vendor attributes inside them (section 5.26),
//! tags in front of tunnel values (RFC 2868 section 3), long texts over several of them.

use crate::wire::reader::Reader;

/// Greatest length of one attribute's value, in bytes: the length field counts two more.
pub const MAX_VALUE: usize = 253;

/// One attribute as it stands in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The type; names are in [`crate::wire::radius::dictionary`].
    pub kind: u8,
    /// The value, 0 to 253 bytes.
    pub value: &'a [u8],
    /// The same with its type and length bytes.
    pub whole: &'a [u8],
    /// Offset of the type byte from the start of the packet.
    pub offset: usize,
}

/// Walks through attributes in their order and ends at the first that is malformed.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    rest: &'a [u8],
    /// Where the rest begins.
    offset: usize,
}

impl<'a> Attributes<'a> {
    /// Walks through `bytes`, which start `base` bytes behind the start of the packet.
    #[must_use]
    pub const fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { rest: bytes, offset: base }
    }

    /// The next attribute, `None` behind the last.
    ///
    /// # Errors
    ///
    /// The offset of an attribute whose length is 0 or 1 or runs past the end, or of a single left-over
    /// byte.
    #[inline]
    pub fn step(&mut self) -> Result<Option<Attribute<'a>>, usize> {
        let (offset, bytes) = (self.offset, self.rest);
        let [kind, length, ..] = *bytes else {
            return if bytes.is_empty() { Ok(None) } else { Err(offset) };
        };
        let (whole, rest) = bytes.split_at_checked(length.into()).ok_or(offset)?;
        let value = whole.get(2..).ok_or(offset)?;
        (self.rest, self.offset) = (rest, offset.saturating_add(whole.len()));
        Ok(Some(Attribute { kind, value, whole, offset }))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attribute<'a>> {
        self.step().ok().flatten()
    }
}

/// One piece of a Vendor-Specific attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VendorAttribute<'a> {
    /// The vendor's number (SMI Private Enterprise Code).
    pub vendor: u32,
    /// The vendor's own type.
    pub kind: u8,
    /// The value.
    pub value: &'a [u8],
}

/// The pieces inside the value of a Vendor-Specific attribute, in the form that RFC 2865 section 5.26
/// recommends: one byte of type, one of length, value; several of them may follow each other.
///
/// Returns `None`, and the whole attribute is then to be ignored, when the vendor number has bits in its
/// high byte, when there is no piece, or when the pieces do not fill the value exactly.
#[must_use]
pub fn vendor_attributes(value: &[u8]) -> Option<impl Iterator<Item = VendorAttribute<'_>>> {
    let mut reader = Reader::new(value);
    let vendor = reader.u32().filter(|number| *number <= 0x00ff_ffff)?;
    let pieces = Attributes::new(reader.rest(), 0);
    let mut check = pieces;
    check.step().ok().flatten()?;
    while check.step().ok()?.is_some() {}
    Some(pieces.map(move |piece| VendorAttribute { vendor, kind: piece.kind, value: piece.value }))
}

/// Takes the tag off the value of a tunnel attribute (RFC 2868 section 3): a first byte up to 0x1F is a
/// tag, any other belongs to the text.
#[must_use]
pub fn untagged(value: &[u8]) -> (Option<u8>, &[u8]) {
    match value.split_first() {
        Some((tag, rest)) if *tag <= 0x1f => (Some(*tag), rest),
        _ => (None, value),
    }
}

/// Cuts a text into pieces that each fit one attribute and are valid UTF-8 by themselves. No
/// piece is empty; an empty text has no pieces.
pub fn split_text(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = (0..=MAX_VALUE).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        let (piece, behind) = rest.split_at_checked(at).filter(|(piece, _)| !piece.is_empty())?;
        rest = behind;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_020_a_vendor_attribute_may_hold_several_pieces() {
        let value = [0, 0, 0, 9, 1, 4, b'a', b'b', 2, 3, b'c'];
        let pieces: Vec<_> =
            vendor_attributes(&value).unwrap().map(|p| (p.vendor, p.kind, p.value)).collect();
        assert_eq!(pieces, [(9, 1, &b"ab"[..]), (9, 2, &b"c"[..])]);
    }

    #[test]
    fn a_020_a_vendor_attribute_with_a_wrong_inside_is_ignored_as_a_whole() {
        let wrong: [&[u8]; 7] = [
            b"",
            &[0, 0, 9],
            &[0, 0, 0, 9],
            &[1, 0, 0, 9, 1, 3, b'a'],
            &[0, 0, 0, 9, 1],
            &[0, 0, 0, 9, 1, 1],
            &[0, 0, 0, 9, 1, 3, b'a', 2, 9, b'b'],
        ];
        for value in wrong {
            assert!(vendor_attributes(value).is_none(), "{value:?}");
        }
    }

    #[test]
    fn a_022_only_a_first_byte_up_to_1f_is_a_tag() {
        assert_eq!(untagged(b"\x01192.0.2.1"), (Some(1), &b"192.0.2.1"[..]));
        assert_eq!(untagged(b"\x00192.0.2.1"), (Some(0), &b"192.0.2.1"[..]));
        assert_eq!(untagged(b"\x20x"), (None, &b"\x20x"[..]));
        assert_eq!(untagged(b""), (None, &b""[..]));
    }

    #[test]
    fn a_066_a_text_is_cut_between_characters() {
        let text = "é".repeat(300);
        let pieces: Vec<&str> = split_text(&text).collect();
        assert_eq!(pieces.iter().map(|p| p.len()).collect::<Vec<_>>(), [252, 252, 96]);
        assert_eq!(pieces.concat(), text);
        assert_eq!(split_text("").count(), 0);
        assert_eq!(split_text(&"x".repeat(253)).count(), 1);
    }
}
