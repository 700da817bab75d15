//! Reads the text of a name and writes the form in which it is compared.

use crate::wire::ldap::ber;
use crate::wire::ldap::dn::{MAX_LENGTH, MAX_RDNS, NotADn, escape, prepared};

/// Longest name of an attribute, in bytes.
const LONGEST_NAME: usize = 128;

/// A part of a step; the parts of a multi-valued one are sorted.
type Part = (String, Value);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Value {
    Text(String),
    /// Not a string; equal only octet by octet (B-104).
    Octets(Vec<u8>),
}

/// Whether an octet of a value is compared in lower case and that is all that is to be known of it: printable ASCII that
/// neither separates nor escapes.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = b' ';
    while octet <= b'~' {
        let special = matches!(octet, b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\');
        #[allow(clippy::indexing_slicing, reason = "when it is compiled, and an octet is below 256")]
        if !special {
            table[octet as usize] = true;
        }
        octet = octet.saturating_add(1);
    }
    table
};

fn is_plain(octet: u8) -> bool {
    PLAIN.get(usize::from(octet)).is_some_and(|plain| *plain)
}

/// How many steps a name has that is compared as it stands, but for its letter case, as nearly all are: steps of one
/// name that has no other and one plain value, without a space too many. `None` for any other.
pub(super) fn usual(text: &str) -> Option<usize> {
    let octets = text.as_bytes();
    if octets.len() > MAX_LENGTH {
        return None;
    }
    let (mut steps, mut begin, mut in_value, mut before) = (0_usize, 0_usize, false, b',');
    for (at, octet) in octets.iter().copied().enumerate() {
        match octet {
            b',' if in_value && before != b' ' => (begin, in_value) = (at.saturating_add(1), false),
            b'=' if !in_value => {
                has_no_other_name(octets.get(begin..at)?).then_some(())?;
                (steps, in_value) = (steps.saturating_add(1), true);
            }
            b' ' if in_value && !matches!(before, b' ' | b'=') => {}
            b' ' => return None,
            _ if in_value && is_plain(octet) => {}
            _ if !in_value && (octet.is_ascii_alphanumeric() || octet == b'-') => {}
            _ => return None,
        }
        before = octet;
    }
    (in_value && before != b' ' && steps <= MAX_RDNS).then_some(steps)
}

/// Whether this is the name of an attribute, in any letter case, that is compared as it stands.
fn has_no_other_name(name: &[u8]) -> bool {
    // None of the names that stand for others has two or three octets, as nearly all have.
    let is_short = matches!(name.len(), 2 | 3);
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.len() <= LONGEST_NAME
        && (is_short || short_name(&name.to_ascii_lowercase()).is_none())
}

/// Reads a name step by step.
pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// How much has been read.
    pub(super) const fn at(&self) -> usize {
        self.at
    }
}

impl Parser<'_> {
    /// Reads one step and puts it behind `key`.
    pub(super) fn step(&mut self, key: &mut Vec<u8>) -> Result<(), NotADn> {
        let (began, before) = (self.at, key.len());
        if self.simple(key).is_some() {
            return Ok(());
        }
        self.at = began;
        key.truncate(before);
        self.parts(key)
    }

    /// A step of one short name and one value that is as plain as nearly all are; `None` for any other.
    fn simple(&mut self, key: &mut Vec<u8>) -> Option<()> {
        self.skip_spaces();
        let rest = self.rest().as_bytes();
        let (name, value) = rest.split_at_checked(rest.iter().position(|octet| *octet == b'=')?)?;
        let is_name = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'-';
        if !name.first()?.is_ascii_alphabetic() || name.len() > LONGEST_NAME || !name.iter().all(is_name) {
            return None;
        }
        let value = value.get(1..)?;
        let length = value.iter().take_while(|octet| is_plain(**octet)).count();
        let (value, behind) = value.split_at_checked(length)?;
        if !matches!(behind.first(), None | Some(b',' | b';')) {
            return None;
        }
        let begin = key.len();
        key.extend(name.iter().map(u8::to_ascii_lowercase));
        if let Some(short) = short_name(key.get(begin..)?) {
            key.truncate(begin);
            key.extend_from_slice(short.as_bytes());
        }
        key.push(b'=');
        let words = value.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
        for (number, word) in words.enumerate() {
            if number > 0 {
                key.push(b' ');
            }
            key.extend(word.iter().map(u8::to_ascii_lowercase));
        }
        self.at = self.text.len().saturating_sub(behind.len());
        Some(())
    }

    /// A step of any kind.
    pub(super) fn parts(&mut self, key: &mut Vec<u8>) -> Result<(), NotADn> {
        let mut parts: Vec<Part> = Vec::new();
        loop {
            parts.push((self.kind()?, self.value()?));
            if self.peek() != Some('+') {
                break;
            }
            self.next();
        }
        parts.sort();
        for (number, (kind, value)) in parts.iter().enumerate() {
            if number > 0 {
                key.push(b'+');
            }
            key.extend_from_slice(kind.as_bytes());
            key.push(b'=');
            match value {
                Value::Text(text) => key.extend_from_slice(escape(text).as_bytes()),
                Value::Octets(octets) => {
                    key.push(b'#');
                    key.extend_from_slice(data_encoding::HEXLOWER.encode(octets).as_bytes());
                }
            }
        }
        Ok(())
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The next sign.
    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at = self.at.saturating_add(c.len_utf8());
        Some(c)
    }

    fn skip_spaces(&mut self) {
        while self.peek() == Some(' ') {
            self.next();
        }
    }

    const fn wrong<T>(&self) -> Result<T, NotADn> {
        Err(NotADn { offset: self.at })
    }

    /// The attribute type and the `=` behind it.
    fn kind(&mut self) -> Result<String, NotADn> {
        self.skip_spaces();
        let length = self.rest().find('=').ok_or(NotADn { offset: self.at })?;
        let name = self.rest().get(..length).unwrap_or_default().trim_end_matches(' ').to_ascii_lowercase();
        let name = name.strip_prefix("oid.").unwrap_or(&name);
        if !crate::wire::ldap::filter::is_attribute_name(name) {
            return self.wrong();
        }
        let name = short_name(name.as_bytes()).unwrap_or(name).to_owned();
        self.at = self.at.saturating_add(length).saturating_add(1);
        Ok(name)
    }

    /// The value up to the next separator, which is left.
    fn value(&mut self) -> Result<Value, NotADn> {
        self.skip_spaces();
        let value = match self.peek() {
            Some('#') => self.hex()?,
            Some('"') => self.quoted()?,
            _ => self.plain()?,
        };
        match self.peek() {
            None | Some(',' | ';' | '+') => Ok(value),
            Some(_) => self.wrong(),
        }
    }

    fn plain(&mut self) -> Result<Value, NotADn> {
        let mut octets = Vec::new();
        let mut kept = 0;
        loop {
            match self.peek() {
                None | Some(',' | ';' | '+') => break,
                Some('\\') => {
                    self.escaped(&mut octets)?;
                    kept = octets.len();
                }
                Some('"' | '<' | '>' | '\0') => return self.wrong(),
                Some(c) => {
                    self.next();
                    push(&mut octets, c);
                    if c != ' ' {
                        kept = octets.len();
                    }
                }
            }
        }
        octets.truncate(kept);
        Ok(value_of(octets))
    }

    /// RFC 2253 section 4 still has to be read.
    fn quoted(&mut self) -> Result<Value, NotADn> {
        self.next();
        let mut octets = Vec::new();
        loop {
            match self.peek() {
                None => return self.wrong(),
                Some('"') => break,
                Some('\\') => self.escaped(&mut octets)?,
                Some(c) => {
                    self.next();
                    push(&mut octets, c);
                }
            }
        }
        self.next();
        self.skip_spaces();
        Ok(value_of(octets))
    }

    fn escaped(&mut self, octets: &mut Vec<u8>) -> Result<(), NotADn> {
        self.next();
        match self.hex_pair() {
            Some(octet) => octets.push(octet),
            None => match self.peek() {
                Some(c @ (' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\')) => {
                    self.next();
                    push(octets, c);
                }
                _ => return self.wrong(),
            },
        }
        Ok(())
    }

    /// `#` and the BER of the value in hexadecimal digits.
    fn hex(&mut self) -> Result<Value, NotADn> {
        self.next();
        let mut encoded = Vec::new();
        while let Some(octet) = self.hex_pair() {
            encoded.push(octet);
        }
        self.skip_spaces();
        let mut reader = ber::Reader::new(&encoded);
        match reader.element() {
            Ok(element) if reader.is_empty() => Ok(match element.tag {
                // OCTET STRING and the string types whose octets are ASCII or UTF-8.
                0x04 | 0x0c | 0x12 | 0x13 | 0x16 | 0x1a => value_of(element.body.to_vec()),
                _ => Value::Octets(encoded),
            }),
            _ => self.wrong(),
        }
    }

    fn hex_pair(&mut self) -> Option<u8> {
        let pair = self.rest().get(..2).filter(|pair| pair.bytes().all(|octet| octet.is_ascii_hexdigit()))?;
        let octet = u8::from_str_radix(pair, 16).ok()?;
        self.at = self.at.saturating_add(2);
        Some(octet)
    }
}

fn push(octets: &mut Vec<u8>, c: char) {
    octets.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn value_of(octets: Vec<u8>) -> Value {
    match String::from_utf8(octets) {
        Ok(text) => Value::Text(prepared(&text)),
        Err(not_text) => Value::Octets(not_text.into_bytes()),
    }
}

/// One name for each naming attribute, whatever it is called in the text (RFC 4519); `None` when it has no other.
fn short_name(name: &[u8]) -> Option<&'static str> {
    Some(match name {
        b"2.5.4.3" | b"commonname" => "cn",
        b"2.5.4.4" | b"surname" => "sn",
        b"2.5.4.5" => "serialnumber",
        b"2.5.4.6" | b"countryname" => "c",
        b"2.5.4.7" | b"localityname" => "l",
        b"2.5.4.8" | b"stateorprovincename" | b"s" => "st",
        b"2.5.4.9" | b"streetaddress" => "street",
        b"2.5.4.10" | b"organizationname" => "o",
        b"2.5.4.11" | b"organizationalunitname" => "ou",
        b"2.5.4.42" => "givenname",
        b"0.9.2342.19200300.100.1.1" | b"userid" => "uid",
        b"0.9.2342.19200300.100.1.25" | b"domaincomponent" => "dc",
        b"1.2.840.113549.1.9.1" | b"emailaddress" | b"email" => "e",
        _ => return None,
    })
}
