//! Values of attributes from text, as an administrator writes them or a directory holds them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::radius::attribute::MAX_VALUE;
use crate::wire::radius::dictionary::{
    Entry, Form, IDLE_TIMEOUT, MAX_TAG, Place, SESSION_TIMEOUT, VENDOR_SPECIFIC,
};

/// Greatest length of a vendor attribute's value, in bytes: its own header and the vendor's number are in
/// the same attribute (E-006).
pub const MAX_VENDOR_VALUE: usize = 247;
/// Greatest number that three bytes hold.
const MAX_TAGGED: u32 = 0x00ff_ffff;

/// Why a text cannot be the value of an attribute. None of the texts has the value in it, for that may come
/// from a directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is nothing to send.
    #[error("the value is empty, and an attribute without a value is not sent")]
    Empty,
    /// The attribute has no room for it.
    #[error("the value has {length} bytes, and this attribute has room for {most}")]
    TooLong {
        /// Length of the value.
        length: usize,
        /// Greatest length.
        most: usize,
    },
    /// The attribute is a number.
    #[error("a number from {least} to {most} is expected{}", names(.entry))]
    Number {
        /// Least number that may stand there.
        least: u32,
        /// Greatest number.
        most: u64,
        /// The attribute, whose values may have names.
        entry: Entry,
    },
    /// The attribute is an address or a prefix.
    #[error("{0} is expected")]
    Address(&'static str),
    /// What stands behind `0x` is not bytes.
    #[error("behind 0x an even number of hexadecimal digits is expected")]
    Hexadecimal,
    /// The text has a character that devices would not expect in it.
    #[error("the text has a control character")]
    ControlCharacter,
    /// A tag is given for an attribute without one, or one that is too large.
    #[error("{}", if *.0 { "a tag is a number from 0 to 31" } else { "this attribute has no tag" })]
    Tag(bool),
    /// The value is a secret that is hidden for each packet.
    #[error("this attribute carries a password or a key and cannot be told by a rule")]
    Secret,
    /// The attribute belongs elsewhere.
    #[error("this attribute belongs to requests or to the protocol itself and cannot be told by a rule")]
    Place,
}

fn names(entry: &Entry) -> String {
    let all: Vec<&str> = entry.names().iter().map(|(_, name)| *name).collect();
    if all.is_empty() { String::new() } else { format!(", or one of {}", all.join(", ")) }
}

/// Makes the value of an attribute from `text`.
///
/// * Text as it stands; bytes likewise, or in hexadecimal behind `0x`.
/// * A number in decimal, or the name of one of the attribute's values; Session-Timeout and Idle-Timeout are
///   above 0.
/// * Addresses and prefixes in their usual form, a date in seconds after 1970.
///
/// An attribute of a tunnel takes its tag from `tag`. When that is `None`, the text may begin with one and a
/// colon, `1:VLAN-10`, unless all of it is an address. Without any, a text has no tag and a number the tag 0,
/// which means that there is one tunnel (RFC 2868 section 3).
///
/// Returns at least one byte and as many as fit: 253, in a vendor's attribute 247.
///
/// # Errors
///
/// [`Unfit`], which says what is expected.
pub fn encode(entry: &Entry, tag: Option<u8>, text: &str) -> Result<Vec<u8>, Unfit> {
    if entry.form.is_secret() {
        return Err(Unfit::Secret);
    }
    if entry.place == Place::Never {
        return Err(Unfit::Place);
    }
    let (tag, text) = tagged(entry, tag, text)?;
    if text.is_empty() {
        return Err(Unfit::Empty);
    }
    let value = match entry.form {
        Form::Text | Form::TaggedText => {
            if text.contains(char::is_control) {
                return Err(Unfit::ControlCharacter);
            }
            tag.into_iter().chain(text.bytes()).collect()
        }
        Form::Bytes => bytes(text)?,
        Form::Integer => number(entry, text, u32::MAX)?.to_be_bytes().to_vec(),
        Form::TaggedInteger => {
            let [_, rest @ ..] = number(entry, text, MAX_TAGGED)?.to_be_bytes();
            [&[tag.unwrap_or(0)][..], &rest].concat()
        }
        Form::Integer64 => long_number(entry, text)?.to_be_bytes().to_vec(),
        Form::Date => number(entry, text, u32::MAX)?.to_be_bytes().to_vec(),
        Form::Ipv4 => address::<Ipv4Addr>(text, IPV4)?.octets().to_vec(),
        Form::Ipv6 => address::<Ipv6Addr>(text, IPV6)?.octets().to_vec(),
        Form::Ipv6Prefix => prefix(text)?,
        Form::Hidden | Form::Salted | Form::TaggedSalted | Form::Keys => return Err(Unfit::Secret),
        Form::Vendor => return Err(Unfit::Place),
    };
    fits(entry, &value)?;
    Ok(value)
}

/// Makes a whole attribute, type and length bytes included, from a value: what
/// [`crate::wire::radius::build::ReplyBuilder::raw`] takes.
///
/// # Errors
///
/// [`Unfit::Empty`] and [`Unfit::TooLong`].
pub fn whole(entry: &Entry, value: &[u8]) -> Result<Vec<u8>, Unfit> {
    fits(entry, value)?;
    let too_long = Unfit::TooLong { length: value.len(), most: room(entry) };
    let inner = value.len().checked_add(2).and_then(|inner| u8::try_from(inner).ok());
    let inner = inner.ok_or(too_long.clone())?;
    let Some(vendor) = entry.vendor else { return Ok([&[entry.kind, inner][..], value].concat()) };
    let outer = inner.checked_add(6).ok_or(too_long)?;
    let front = [&[VENDOR_SPECIFIC, outer][..], &vendor.to_be_bytes(), &[entry.kind, inner]].concat();
    Ok([&front, value].concat())
}

const IPV4: &str = "an IPv4 address, such as 192.0.2.1,";
const IPV6: &str = "an IPv6 address, such as 2001:db8::1,";
const PREFIX: &str = "an IPv6 prefix without bits behind it, such as 2001:db8::/48,";

const fn room(entry: &Entry) -> usize {
    if entry.vendor.is_some() { MAX_VENDOR_VALUE } else { MAX_VALUE }
}

const fn fits(entry: &Entry, value: &[u8]) -> Result<(), Unfit> {
    let (length, most) = (value.len(), room(entry));
    if length == 0 {
        return Err(Unfit::Empty);
    }
    if length > most { Err(Unfit::TooLong { length, most }) } else { Ok(()) }
}

fn tagged<'t>(entry: &Entry, tag: Option<u8>, text: &'t str) -> Result<(Option<u8>, &'t str), Unfit> {
    if !entry.form.is_tagged() {
        return if tag.is_none() { Ok((None, text)) } else { Err(Unfit::Tag(false)) };
    }
    if let Some(tag) = tag {
        return if tag <= MAX_TAG { Ok((Some(tag), text)) } else { Err(Unfit::Tag(true)) };
    }
    let split = text.split_once(':').filter(|_| text.parse::<IpAddr>().is_err());
    let inside = split.and_then(|(tag, rest)| Some((tag.parse().ok().filter(|tag| *tag <= MAX_TAG)?, rest)));
    Ok(inside.map_or((None, text), |(tag, rest)| (Some(tag), rest)))
}

fn bytes(text: &str) -> Result<Vec<u8>, Unfit> {
    match text.strip_prefix("0x") {
        Some("") => Err(Unfit::Hexadecimal),
        Some(digits) => {
            data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| Unfit::Hexadecimal)
        }
        None => Ok(text.as_bytes().to_vec()),
    }
}

fn number(entry: &Entry, text: &str, most: u32) -> Result<u32, Unfit> {
    let times = entry.vendor.is_none() && matches!(entry.kind, SESSION_TIMEOUT | IDLE_TIMEOUT);
    let least = u32::from(times);
    let written = digits(text).and_then(|digits| digits.parse().ok());
    let number = written.or_else(|| entry.value_of(text));
    let expected = Unfit::Number { least, most: most.into(), entry: *entry };
    number.filter(|number| (least..=most).contains(number)).ok_or(expected)
}

fn long_number(entry: &Entry, text: &str) -> Result<u64, Unfit> {
    let expected = Unfit::Number { least: 0, most: u64::MAX, entry: *entry };
    digits(text).and_then(|digits| digits.parse().ok()).ok_or(expected)
}

/// The library would take a sign as well.
fn digits(text: &str) -> Option<&str> {
    Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn address<A: std::str::FromStr>(text: &str, expected: &'static str) -> Result<A, Unfit> {
    text.parse().map_err(|_| Unfit::Address(expected))
}

/// A zero byte, the length in bits, and as many bytes as the length needs, the bits behind it zero
/// (RFC 3162 section 2.3).
fn prefix(text: &str) -> Result<Vec<u8>, Unfit> {
    let expected = || Unfit::Address(PREFIX);
    let (address, length) = text.split_once('/').ok_or_else(expected)?;
    let address: Ipv6Addr = address.parse().map_err(|_| expected())?;
    let length: u8 = digits(length).and_then(|length| length.parse().ok()).ok_or_else(expected)?;
    let free = 128u32.checked_sub(length.into()).ok_or_else(expected)?;
    if address.to_bits().trailing_zeros() < free {
        return Err(expected());
    }
    let octets = address.octets();
    let front = octets.get(..usize::from(length.div_ceil(8))).ok_or_else(expected)?;
    Ok([&[0, length][..], front].concat())
}

#[cfg(test)]
mod tests;
