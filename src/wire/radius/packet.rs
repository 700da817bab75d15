//! The view of a RADIUS packet: code, identifier, length, authenticator, attributes (RFC 2865 section 3).

use crate::wire::radius::attribute::{Attribute, Attributes, VendorAttribute, vendor_attributes};
use crate::wire::radius::dictionary;

pub use crate::wire::radius::code::Code;

/// Length of the header before the attributes, in bytes (RFC 2865 section 3).
pub const HEADER_LEN: usize = 20;
/// Greatest length of a packet, in bytes (RFC 2865 section 3).
pub const MAX_LEN: usize = 4096;
/// Greatest number of attributes that is accepted in one packet.
pub const MAX_ATTRIBUTES: usize = 200;

/// Why bytes are not a packet that may be used. Such a packet is dropped whole and never answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    ///
    #[error("the datagram has {0} bytes, a packet has at least 20")]
    TooShort(usize),
    ///
    #[error("the length field says {0}, it may be 20 to 4096")]
    BadLength(u16),
    ///
    #[error("the length field says {said}, but only {got} bytes came")]
    Truncated {
        /// What the length field says.
        said: u16,
        /// Bytes in the datagram.
        got: usize,
    },
    ///
    #[error("the attribute at offset {offset} has no place for its own length, or runs past the end")]
    BadAttribute {
        /// Offset from the start of the packet.
        offset: usize,
    },
    ///
    #[error("more than 200 attributes")]
    TooManyAttributes,
    /// an attribute that decides about security has a size it may not have.
    #[error("attribute {kind} at offset {offset} has {length} bytes of value, which its type does not allow")]
    BadSize {
        /// The attribute's type.
        kind: u8,
        /// Offset from the start of the packet.
        offset: usize,
        /// Length of its value.
        length: usize,
    },
    /// an attribute that may stand once stands twice.
    #[error("attribute {kind} stands in the packet twice; the second is at offset {offset}")]
    Repeated {
        /// The attribute's type.
        kind: u8,
        /// Offset of the second one from the start of the packet.
        offset: usize,
    },
}

impl ParseError {
    /// A fixed word for counters and the log.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooShort(_) => "too-short",
            Self::BadLength(_) => "bad-length",
            Self::Truncated { .. } => "truncated",
            Self::BadAttribute { .. } => "bad-attribute",
            Self::TooManyAttributes => "too-many-attributes",
            Self::BadSize { .. } => "bad-attribute-size",
            Self::Repeated { .. } => "repeated-attribute",
        }
    }
}

/// A packet whose form has been checked, borrowed from the datagram it came in. Nothing is copied.
///
/// The form says nothing about who sent it: see [`crate::wire::radius::authenticator`].
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    code: Code,
    identifier: u8,
    authenticator: &'a [u8; 16],
    attributes: &'a [u8],
    kinds: Kinds,
    single: Single,
}

/// Which types of attributes a packet has: most of what is looked for is not there, and need not be walked for.
#[derive(Clone, Copy, Default)]
struct Kinds([u64; 4]);

impl Kinds {
    fn note(&mut self, kind: u8) {
        if let Some(word) = self.0.get_mut(usize::from(kind >> 6)) {
            *word |= 1 << (kind & 63);
        }
    }

    fn have(&self, kind: u8) -> bool {
        self.0.get(usize::from(kind >> 6)).is_some_and(|word| word & (1 << (kind & 63)) != 0)
    }
}

impl<'a> Packet<'a> {
    /// Reads one packet from the front of `datagram` (RFC 2865 section 3).
    ///
    /// Bytes after the packet's own length are padding: they are left out of the view and so of every
    /// later computation. Types that are not known are kept.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for every form that forbid.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let mut packet = Self::header(datagram)?;
        packet.check_attributes()?;
        Ok(packet)
    }

    fn header(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let short = ParseError::TooShort(datagram.len());
        let (header, _) = datagram.split_first_chunk::<HEADER_LEN>().ok_or(short)?;
        let [code, identifier, high, low, authenticator @ ..] = header;
        let said = u16::from_be_bytes([*high, *low]);
        let length = usize::from(said);
        if !(HEADER_LEN..=MAX_LEN).contains(&length) {
            return Err(ParseError::BadLength(said));
        }
        let bytes = datagram.get(..length).ok_or(ParseError::Truncated { said, got: datagram.len() })?;
        let attributes = bytes.get(HEADER_LEN..).ok_or(short)?;
        let (code, identifier) = (Code::from(*code), *identifier);
        let (kinds, single) = (Kinds::default(), Single::default());
        Ok(Self { bytes, code, identifier, authenticator, attributes, kinds, single })
    }

    fn check_attributes(&mut self) -> Result<(), ParseError> {
        let mut walk = self.attributes();
        for count in 0.. {
            match walk.step() {
                Ok(None) => break,
                Ok(Some(_)) if count >= MAX_ATTRIBUTES => return Err(ParseError::TooManyAttributes),
                Ok(Some(attribute)) => {
                    check_size(&attribute)?;
                    self.single.note(&attribute)?;
                    self.kinds.note(attribute.kind);
                }
                Err(offset) => return Err(ParseError::BadAttribute { offset }),
            }
        }
        Ok(())
    }

    /// What the packet is for.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The number that pairs a reply with its request.
    #[must_use]
    pub const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// The Request Authenticator of a request, or the Response Authenticator of a reply.
    #[must_use]
    pub const fn authenticator(&self) -> &'a [u8; 16] {
        self.authenticator
    }

    /// The whole packet, without padding behind it.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Everything behind the header.
    #[must_use]
    pub const fn attribute_bytes(&self) -> &'a [u8] {
        self.attributes
    }

    /// All attributes in their order.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.attributes, HEADER_LEN)
    }

    /// The value of the first attribute of a type. Its length is not checked: an empty value is
    /// there as well.
    #[must_use]
    pub fn find(&self, kind: u8) -> Option<&'a [u8]> {
        self.first(kind).map(|attribute| attribute.value)
    }

    /// The first attribute of a type.
    #[must_use]
    pub fn first(&self, kind: u8) -> Option<Attribute<'a>> {
        let Some(offset) = self.single.offset(kind) else { return self.whole(kind).next() };
        let offset = usize::from(offset);
        Attributes::new(self.bytes.get(offset..).filter(|_| offset > 0)?, offset).next()
    }

    /// The values of all attributes of a type, in their order.
    pub fn all(&self, kind: u8) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.whole(kind).map(|attribute| attribute.value)
    }

    /// All attributes of a type, in their order.
    pub fn whole(&self, kind: u8) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        let all = if self.has(kind) { self.attributes() } else { Attributes::new(&[], HEADER_LEN) };
        all.filter(move |attribute| attribute.kind == kind)
    }

    /// Whether there is an attribute of a type.
    #[must_use]
    pub fn has(&self, kind: u8) -> bool {
        self.kinds.have(kind)
    }

    /// The values of all attributes of a vendor and a type of its own, in their order, wherever they stand
    ///
    pub fn vendor(&self, vendor: u32, kind: u8) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let fits = move |piece: &VendorAttribute<'_>| (piece.vendor, piece.kind) == (vendor, kind);
        self.pieces().filter(fits).map(|piece| piece.value)
    }

    /// What stands in all vendors' attributes, in its order.
    pub fn pieces(&self) -> impl Iterator<Item = VendorAttribute<'a>> + use<'a> {
        self.all(dictionary::VENDOR_SPECIFIC).filter_map(vendor_attributes).flatten()
    }

    /// How many proxies the packet has passed, as far as they say so (RFC 2865 section 5.33); many of them
    /// mean that it runs in a circle.
    #[must_use]
    pub fn proxies_passed(&self) -> usize {
        self.all(dictionary::PROXY_STATE).count()
    }

    /// All Proxy-State attributes, type and length bytes included, one behind the other in their order:
    /// what every reply has to carry. Empty, and not allocated, when there is none.
    #[must_use]
    pub fn proxy_states(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for attribute in self.whole(dictionary::PROXY_STATE) {
            out.extend_from_slice(attribute.whole);
        }
        out
    }
}

/// sizes that the attributes which decide about security must have.
fn check_size(attribute: &Attribute<'_>) -> Result<(), ParseError> {
    let length = attribute.value.len();
    let fits = match attribute.kind {
        dictionary::MESSAGE_AUTHENTICATOR => length == 16,
        dictionary::CHAP_PASSWORD => length == 17,
        dictionary::USER_PASSWORD => (16..=128).contains(&length) && length.is_multiple_of(16),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    Err(ParseError::BadSize { kind: attribute.kind, offset: attribute.offset, length })
}

/// where the attributes begin that may stand once, from the start of the packet; 0 where there is none. They are
/// those that every request is asked for.
#[derive(Clone, Copy, Default)]
struct Single {
    name: u16,
    password: u16,
    chap: u16,
    state: u16,
    message_authenticator: u16,
}

impl Single {
    fn note(&mut self, attribute: &Attribute<'_>) -> Result<(), ParseError> {
        let place = match attribute.kind {
            dictionary::USER_NAME => &mut self.name,
            dictionary::USER_PASSWORD => &mut self.password,
            dictionary::CHAP_PASSWORD => &mut self.chap,
            dictionary::STATE => &mut self.state,
            dictionary::MESSAGE_AUTHENTICATOR => &mut self.message_authenticator,
            _ => return Ok(()),
        };
        let Attribute { kind, offset, .. } = *attribute;
        if std::mem::replace(place, u16::try_from(offset).unwrap_or(u16::MAX)) != 0 {
            return Err(ParseError::Repeated { kind, offset });
        }
        Ok(())
    }

    /// `None` for a type that may stand more than once.
    const fn offset(&self, kind: u8) -> Option<u16> {
        Some(match kind {
            dictionary::USER_NAME => self.name,
            dictionary::USER_PASSWORD => self.password,
            dictionary::CHAP_PASSWORD => self.chap,
            dictionary::STATE => self.state,
            dictionary::MESSAGE_AUTHENTICATOR => self.message_authenticator,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
