//! A packet in words, for `doorward decode` and for the log at its most talkative. Nothing that could be
//! used to log in is shown: passwords, answers to challenges and keys appear only as their length.

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::base::text::safe;
use crate::wire::radius::attribute::{Attribute, untagged, vendor_attributes};
use crate::wire::radius::authenticator::{Proof, SharedSecret};
use crate::wire::radius::dictionary::{self, Entry, Form};
use crate::wire::radius::extended::{Extended, extended, is_extended};
use crate::wire::radius::packet::{Code, HEADER_LEN, Packet, ParseError};
use crate::wire::radius::password::{BadPassword, reveal};

/// One line of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Offset of the first byte that the line is about, from the start of the packet.
    pub offset: usize,
    /// Name of the field or attribute.
    pub name: String,
    /// Its value, safe to print.
    pub value: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4}  {:<26}  {}", self.offset, self.name, self.value)
    }
}

/// Puts a packet into lines: one for each field of the header, one for each attribute.
///
/// With the `secret` of its sender a request's Message-Authenticator is checked and the line of
/// User-Password says whether it looks like text, which it rarely does with a wrong secret (A-092).
///
/// # Errors
///
/// [`ParseError`] if the bytes are not a packet; its text names offset and rule.
pub fn describe(datagram: &[u8], secret: Option<&SharedSecret>) -> Result<Vec<Line>, ParseError> {
    let packet = Packet::parse(datagram)?;
    let mut lines = header(&packet);
    for attribute in packet.attributes().filter(|attribute| !is_extended(attribute.kind)) {
        lines.extend(attribute_lines(&packet, &attribute, secret));
    }
    lines.extend(extended(packet.attributes()).iter().map(extended_line));
    lines.sort_by_key(|line| line.offset);
    let padding = datagram.len().saturating_sub(packet.bytes().len());
    if padding > 0 {
        let value = format!("{padding} bytes behind the packet, ignored");
        lines.push(line(packet.bytes().len(), "padding", value));
    }
    Ok(lines)
}

/// Puts whole attributes into lines, as they stand in an Access-Accept that is not signed yet.
#[must_use]
pub fn attributes(whole: &[u8]) -> Vec<Line> {
    let length = u16::try_from(whole.len().saturating_add(HEADER_LEN)).unwrap_or(u16::MAX).to_be_bytes();
    let packet = [&[2, 0], &length[..], &[0; 16], whole].concat();
    let lines = describe(&packet, None).unwrap_or_default();
    lines.into_iter().filter(|line| line.offset >= HEADER_LEN).collect()
}

fn line(offset: usize, name: impl Into<String>, value: impl Into<String>) -> Line {
    Line { offset, name: name.into(), value: value.into() }
}

fn header(packet: &Packet<'_>) -> Vec<Line> {
    let code = packet.code();
    let name = code.name().unwrap_or("unknown");
    vec![
        line(0, "code", format!("{name} ({})", code.number())),
        line(1, "identifier", packet.identifier().to_string()),
        line(2, "length", format!("{} bytes, header {HEADER_LEN}", packet.bytes().len())),
        line(4, "authenticator", hex(packet.authenticator())),
    ]
}

fn attribute_lines(packet: &Packet<'_>, a: &Attribute<'_>, secret: Option<&SharedSecret>) -> Vec<Line> {
    let entry = dictionary::entry(a.kind);
    let name = entry.map_or_else(|| format!("attribute {}", a.kind), |entry| entry.name.to_owned());
    if a.kind == dictionary::VENDOR_SPECIFIC {
        return vendor_lines(a);
    }
    let value = match a.kind {
        dictionary::MESSAGE_AUTHENTICATOR => format!("{} {}", hex(a.value), proof(packet, secret)),
        dictionary::USER_PASSWORD => format!("{}{}", hidden(a.value), legible(packet, a.value, secret)),
        _ => shown(entry, a.value),
    };
    vec![line(a.offset, name, value)]
}

/// What stands in an attribute that we do not know may well be a key.
fn extended_line(attribute: &Extended) -> Line {
    let (name, value) = match attribute.extended {
        Some(extended) => (format!("attribute {}.{extended}", attribute.kind), hidden(&attribute.value)),
        None => (format!("attribute {}", attribute.kind), "(invalid, ignored)".to_owned()),
    };
    line(attribute.offset, name, value)
}

fn vendor_lines(a: &Attribute<'_>) -> Vec<Line> {
    let Some(pieces) = vendor_attributes(a.value) else {
        return vec![line(
            a.offset,
            "Vendor-Specific",
            format!("({} bytes in an unknown form, hidden)", a.value.len()),
        )];
    };
    let mut lines = Vec::new();
    for piece in pieces {
        let entry = dictionary::vendor_entry(piece.vendor, piece.kind);
        let name =
            entry.map_or_else(|| vendor_attribute_name(piece.vendor, piece.kind), |e| e.name.to_owned());
        // A vendor's attribute that we do not know may well be a key.
        let value = entry.map_or_else(|| hidden(piece.value), |entry| shown(Some(entry), piece.value));
        lines.push(line(a.offset, name, value));
    }
    lines
}

fn vendor_attribute_name(vendor: u32, kind: u8) -> String {
    match dictionary::vendor_name(vendor) {
        Some(name) => format!("{name} attribute {kind}"),
        None => format!("vendor {vendor} attribute {kind}"),
    }
}

fn proof(packet: &Packet<'_>, secret: Option<&SharedSecret>) -> &'static str {
    match (packet.code(), secret) {
        (_, None) => "(not checked: no secret given)",
        (Code::AccessRequest | Code::StatusServer, Some(secret)) => match secret.check_request(packet) {
            Proof::Valid => "(valid)",
            Proof::Absent | Proof::Wrong => "(WRONG: another secret, or the packet was changed)",
        },
        (_, Some(_)) => "(not checked: that needs the request)",
    }
}

fn legible(packet: &Packet<'_>, value: &[u8], secret: Option<&SharedSecret>) -> &'static str {
    let Some(secret) = secret else { return "" };
    match reveal(value, secret.raw(), packet.authenticator()) {
        Ok(plain) if plain.is_empty() => ", empty with this secret",
        Ok(plain) if plain.expose_str().is_some_and(|text| !text.contains(char::is_control)) => {
            ", readable text with this secret"
        }
        Ok(_) | Err(BadPassword::NulInside | BadPassword::Length(_)) => {
            ", NOT readable text: the shared secret is probably wrong"
        }
    }
}

/// The value of an attribute in its form; a value that does not suit its form is shown as bytes (A-008,
/// A-018).
fn shown(entry: Option<&Entry>, value: &[u8]) -> String {
    let form = entry.map_or(Form::Bytes, |entry| entry.form);
    match form {
        Form::Text => text(value),
        Form::TaggedText => {
            let (tag, rest) = untagged(value);
            tag.map_or_else(|| text(rest), |tag| format!("{} (tag {tag})", text(rest)))
        }
        Form::Hidden | Form::Salted | Form::TaggedSalted | Form::Keys => hidden(value),
        Form::Integer => <[u8; 4]>::try_from(value).map_or_else(|_| bytes(value), |b| integer(entry, b)),
        Form::TaggedInteger => tagged_integer(entry, value),
        Form::Integer64 => match <[u8; 8]>::try_from(value) {
            Ok(number) => u64::from_be_bytes(number).to_string(),
            Err(_) => bytes(value),
        },
        Form::Date => match <[u8; 4]>::try_from(value) {
            Ok(seconds) => format!("{} s after 1970", u32::from_be_bytes(seconds)),
            Err(_) => bytes(value),
        },
        Form::Ipv4 => {
            <[u8; 4]>::try_from(value).map_or_else(|_| bytes(value), |b| Ipv4Addr::from(b).to_string())
        }
        Form::Ipv6 => {
            <[u8; 16]>::try_from(value).map_or_else(|_| bytes(value), |b| Ipv6Addr::from(b).to_string())
        }
        Form::Ipv6Prefix => ipv6_prefix(value),
        Form::Bytes | Form::Vendor => bytes(value),
    }
}

fn integer(entry: Option<&Entry>, value: [u8; 4]) -> String {
    let number = u32::from_be_bytes(value);
    entry
        .and_then(|entry| entry.value_name(number))
        .map_or_else(|| number.to_string(), |name| format!("{name} ({number})"))
}

fn tagged_integer(entry: Option<&Entry>, value: &[u8]) -> String {
    let [tag, high, middle, low] = value else { return bytes(value) };
    format!("{} (tag {tag})", integer(entry, [0, *high, *middle, *low]))
}

fn ipv6_prefix(value: &[u8]) -> String {
    let [_, length, prefix @ ..] = value else { return bytes(value) };
    let mut address = [0; 16];
    let Some(front) = address.get_mut(..prefix.len()).filter(|_| *length <= 128) else { return bytes(value) };
    front.copy_from_slice(prefix);
    format!("{}/{length}", Ipv6Addr::from(address))
}

fn text(value: &[u8]) -> String {
    std::str::from_utf8(value).map_or_else(|_| bytes(value), |text| format!("\"{}\"", safe(text)))
}

fn hidden(value: &[u8]) -> String {
    format!("({} bytes, hidden)", value.len())
}

/// At most 64 bytes, as text where all of them are visible ASCII.
fn bytes(value: &[u8]) -> String {
    let (front, more) = value.split_at_checked(64).unwrap_or((value, &[]));
    let mut out = match std::str::from_utf8(front) {
        Ok(text) if !front.is_empty() && front.iter().all(|b| b.is_ascii_graphic() || *b == b' ') => {
            format!("\"{text}\"")
        }
        _ => hex(front),
    };
    if !more.is_empty() {
        let _ = write!(out, " … ({} bytes)", value.len());
    }
    out
}

fn hex(value: &[u8]) -> String {
    if value.is_empty() { "(empty)".to_owned() } else { data_encoding::HEXLOWER.encode(value) }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test code")]
mod tests {
    use super::*;
    use crate::wire::radius::vectors::{RFC_2865_7_1_REQUEST, STATUS_SERVER, secret};

    fn lines(datagram: &[u8], secret: Option<&SharedSecret>) -> Vec<String> {
        describe(datagram, secret).unwrap().iter().map(ToString::to_string).collect()
    }

    fn packet(attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEADER_LEN + attributes.len()).unwrap().to_be_bytes();
        [&[1, 0][..], &length, &[0; 16], attributes].concat()
    }

    #[test]
    fn the_rfc_example_in_words_without_its_password() {
        assert_eq!(
            lines(&RFC_2865_7_1_REQUEST, Some(&secret("xyzzy5461"))),
            [
                "   0  code                        Access-Request (1)",
                "   1  identifier                  0",
                "   2  length                      56 bytes, header 20",
                "   4  authenticator               0f403f9473978057bd83d5cb98f4227a",
                "  20  User-Name                   \"nemo\"",
                "  26  User-Password               (16 bytes, hidden), readable text with this secret",
                "  44  NAS-IP-Address              192.168.1.16",
                "  50  NAS-Port                    3",
            ]
        );
    }

    #[test]
    fn a_wrong_secret_is_said_to_be_wrong() {
        let with = |word: &str| lines(&STATUS_SERVER, Some(&secret(word))).concat();
        assert!(with("xyzzy5461").contains("(valid)"));
        assert!(with("other").contains("(WRONG"));
        assert!(lines(&STATUS_SERVER, None).concat().contains("(not checked"));
        let wrong = lines(&RFC_2865_7_1_REQUEST, Some(&secret("other"))).concat();
        assert!(wrong.contains("NOT readable text: the shared secret is probably wrong"), "{wrong}");
    }

    #[test]
    fn a_018_d_104_a_name_with_control_characters_stays_on_one_line() {
        let shown = lines(&packet(b"\x01\x08a\r\n\x1b[m"), None).concat();
        assert!(shown.contains(r#""a\u{d}\u{a}\u{1b}[m""#), "{shown}");
        let shown = lines(&packet(b"\x01\x04\xff\xfe"), None).concat();
        assert!(shown.ends_with("fffe"), "{shown}");
    }

    #[test]
    fn vendor_attributes_are_named_and_unknown_ones_are_not_shown() {
        let known = packet(&[26, 12, 0, 0, 0, 9, 1, 6, b'a', b'=', b'b', b'c']);
        assert!(lines(&known, None).concat().contains("Cisco-AVPair                \"a=bc\""));
        let unknown = packet(&[26, 12, 0, 0, 0, 9, 99, 6, b'k', b'e', b'y', b'!']);
        let shown = lines(&unknown, None).concat();
        assert!(shown.contains("Cisco attribute 99") && shown.contains("(4 bytes, hidden)"), "{shown}");
        let key = packet(&[26, 12, 0, 0, 1, 55, 16, 6, b'k', b'e', b'y', b'!']);
        assert!(lines(&key, None).concat().contains("MS-MPPE-Send-Key            (4 bytes, hidden)"));
    }

    #[test]
    fn a_008_a_value_that_does_not_suit_its_type_is_shown_as_bytes() {
        assert!(lines(&packet(&[4, 5, 192, 0, 2]), None).concat().contains("c00002"));
        assert!(lines(&packet(&[6, 6, 0, 0, 0, 17]), None).concat().contains("Authorize-Only (17)"));
        assert!(lines(&packet(&[64, 6, 1, 0, 0, 13]), None).concat().contains("VLAN (13) (tag 1)"));
        assert!(lines(&packet(&[97, 6, 0, 32, 0x20, 1]), None).concat().contains("2001::/32"));
    }
}
