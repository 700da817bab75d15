//! Distinguished names (RFC 4514): read, compare RDN by RDN, escape. Never compare them as text (B-102).

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use crate::wire::ldap::ber;

/// Longest text that is looked at, in bytes.
const MAX_LENGTH: usize = 8192;
/// Most RDNs of a name.
const MAX_RDNS: usize = 128;

/// A name in the form in which names are compared: types by their short names, values without differences
/// of case, of width and of repeated spaces.
///
/// Equal for every spelling of one name under the matching rules that directories use for naming
/// attributes (RFC 4517 caseIgnoreMatch). It is not a text to send: keep the original for that.
///
/// It is one text, made in one pass, since each login reads several names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dn {
    key: String,
    steps: usize,
}

/// A part of a step; the parts of a multi-valued one are sorted.
type Part = (String, Value);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Value {
    Text(String),
    /// Not a string; equal only octet by octet (B-104).
    Octets(Vec<u8>),
}

/// Not a distinguished name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a distinguished name (RFC 4514), wrong at byte {offset}")]
pub struct NotADn {
    /// Where it stops being one.
    pub offset: usize,
}

impl std::str::FromStr for Dn {
    type Err = NotADn;

    /// Reads the text form, the older one of RFC 2253 with `;` and spaces around separators included. The
    /// empty text is the root.
    fn from_str(text: &str) -> Result<Self, NotADn> {
        Self::read(text, Parser::step)
    }
}

impl Dn {
    fn read<'a>(
        text: &'a str,
        step: impl Fn(&mut Parser<'a>, &mut String) -> Result<(), NotADn>,
    ) -> Result<Self, NotADn> {
        if text.len() > MAX_LENGTH {
            return Err(NotADn { offset: MAX_LENGTH });
        }
        let (mut key, mut steps) = (String::new(), 0_usize);
        if text.trim_matches(' ').is_empty() {
            return Ok(Self { key, steps });
        }
        key.reserve(text.len());
        let mut parser = Parser { text, at: 0 };
        loop {
            step(&mut parser, &mut key)?;
            let next = parser.next();
            steps = steps.saturating_add(1);
            if steps > MAX_RDNS {
                return Err(NotADn { offset: parser.at });
            }
            if next.is_none() {
                return Ok(Self { key, steps });
            }
            key.push(',');
        }
    }

    /// Whether this is `base` or lies under it, step by step (B-103).
    #[must_use]
    pub fn is_under(&self, base: &Self) -> bool {
        let Some(front) = self.key.strip_suffix(&*base.key) else { return false };
        base.steps == 0 || front.is_empty() || ends_a_step(front)
    }

    /// The name as a text that is the same for every spelling of it, so that names can be kept in sets.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// As [`Dn::key`].
    #[must_use]
    pub fn into_key(self) -> Box<str> {
        self.key.into()
    }

    /// Number of steps; 0 for the root.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.steps
    }

    /// The first value of the first step, as compared: of `CN=VPN Users,DC=x` this is `vpn users`. `None` for the
    /// root, and when it is no text.
    #[must_use]
    pub fn leaf(&self) -> Option<Cow<'_, str>> {
        let (_, value) = self.key.split_once('=')?;
        if value.starts_with('#') {
            return None;
        }
        let mut escaped = false;
        let end = value.find(|c| {
            let ends = !escaped && matches!(c, ',' | '+');
            escaped = !escaped && c == '\\';
            ends
        });
        let value = value.get(..end.unwrap_or(value.len()))?;
        Some(if value.contains('\\') { unescaped(value).into() } else { value.into() })
    }
}

/// Whether the beginning of a key ends with a comma that separates: one with no backslash of its own.
fn ends_a_step(front: &str) -> bool {
    let backslashes = |value: &str| value.bytes().rev().take_while(|octet| *octet == b'\\').count();
    front.strip_suffix(',').is_some_and(|value| backslashes(value).is_multiple_of(2))
}

/// What [`escape`] was given.
fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut parts = value.split('\\');
    out.extend(parts.next());
    while let Some(part) = parts.next() {
        match part.strip_prefix("00") {
            // Of what is escaped, NUL alone is written by its number.
            Some(rest) => out.extend(["\0", rest]),
            // Nothing between two backslashes: the second is the one that was escaped.
            None if part.is_empty() => out.extend(["\\", parts.next().unwrap_or_default()]),
            None => out.push_str(part),
        }
    }
    out
}

/// Writes `value` so that it can stand in the text of a name (B-101, RFC 4514 section 2.4).
#[must_use]
pub fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (position, c) in value.chars().enumerate() {
        let at_edge = (position == 0 && matches!(c, ' ' | '#')) || (position == last && c == ' ');
        match c {
            '\0' => out.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => out.extend(['\\', c]),
            _ if at_edge => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// The form in which values of case-ignoring attributes are compared (RFC 4518 section 2, as far as it
/// decides equality): compatibility forms folded, case folded, spaces trimmed and single.
#[must_use]
pub fn prepared(text: &str) -> String {
    // Nearly all names are ASCII, which has no other forms.
    let folded: String = if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
    };
    let mut out = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// What is no more than itself in a value: printable ASCII that neither separates nor escapes.
const fn is_plain(octet: u8) -> bool {
    matches!(octet, b' '..=b'~')
        && !matches!(octet, b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\')
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    /// Reads one step and puts it behind `key`.
    fn step(&mut self, key: &mut String) -> Result<(), NotADn> {
        let (began, before) = (self.at, key.len());
        if self.simple(key).is_some() && self.peek() != Some('+') {
            return Ok(());
        }
        self.at = began;
        key.truncate(before);
        self.parts(key)
    }

    /// A step of one short name and one value that is as plain as nearly all are; `None` for any other.
    fn simple(&mut self, key: &mut String) -> Option<()> {
        self.skip_spaces();
        let (name, rest) = self.rest().split_once('=')?;
        if !is_word(name) {
            return None;
        }
        let end = rest.bytes().position(|octet| !is_plain(octet)).unwrap_or(rest.len());
        let (value, behind) = rest.split_at_checked(end)?;
        if !matches!(behind.bytes().next(), None | Some(b',' | b';' | b'+')) {
            return None;
        }
        let at = self.at.checked_add(name.len())?.checked_add(1)?.checked_add(end)?;
        push_name(key, name);
        key.push('=');
        let begin = key.len();
        for word in value.split(' ').filter(|word| !word.is_empty()) {
            if key.len() > begin {
                key.push(' ');
            }
            key.push_str(word);
        }
        key.get_mut(begin..)?.make_ascii_lowercase();
        self.at = at;
        Some(())
    }

    /// A step of any kind.
    fn parts(&mut self, key: &mut String) -> Result<(), NotADn> {
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
                key.push('+');
            }
            key.push_str(kind);
            key.push('=');
            match value {
                Value::Text(text) => key.push_str(&escape(text)),
                Value::Octets(octets) => {
                    key.push('#');
                    data_encoding::HEXLOWER.encode_append(octets, key);
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

    fn next(&mut self) -> Option<char> {
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
        let name = short_name(name).unwrap_or(name).to_owned();
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

/// Whether this is an attribute's name in letters, with nothing around it.
fn is_word(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

/// Puts the name of an attribute behind `key`, in the form in which it is compared.
fn push_name(key: &mut String, name: &str) {
    let begin = key.len();
    key.push_str(name);
    let written = key.get_mut(begin..).unwrap_or_default();
    written.make_ascii_lowercase();
    if let Some(short) = short_name(written) {
        key.truncate(begin);
        key.push_str(short);
    }
}

/// One name for each naming attribute, whatever it is called in the text (RFC 4519); `None` when it has no other.
fn short_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "2.5.4.3" | "commonname" => "cn",
        "2.5.4.4" | "surname" => "sn",
        "2.5.4.5" => "serialnumber",
        "2.5.4.6" | "countryname" => "c",
        "2.5.4.7" | "localityname" => "l",
        "2.5.4.8" | "stateorprovincename" | "s" => "st",
        "2.5.4.9" | "streetaddress" => "street",
        "2.5.4.10" | "organizationname" => "o",
        "2.5.4.11" | "organizationalunitname" => "ou",
        "2.5.4.42" => "givenname",
        "0.9.2342.19200300.100.1.1" | "userid" => "uid",
        "0.9.2342.19200300.100.1.25" | "domaincomponent" => "dc",
        "1.2.840.113549.1.9.1" | "emailaddress" | "email" => "e",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dn(text: &str) -> Dn {
        text.parse().unwrap()
    }

    #[test]
    fn every_spelling_of_a_name_has_one_key_b_102() {
        let key = |text: &str| text.parse::<Dn>().unwrap().into_key();
        for spelling in [
            "CN=VPN\\, Users,OU=Groups,DC=x",
            "cn = vpn\\2c  USERS, ou=groups ; dc=X",
            "2.5.4.3=VPN\\, Users,2.5.4.11=Groups,DC=x",
        ] {
            assert_eq!(&*key(spelling), "cn=vpn\\, users,ou=groups,dc=x", "{spelling}");
        }
        assert_ne!(key("CN=a,DC=x"), key("CN=a\\,DC\\=x"), "an escaped comma separates nothing");
    }

    #[test]
    fn every_spelling_of_a_name_is_the_same_name_b_102() {
        let name = dn("CN=Anna  Müller+UID=anna,OU=VPN,DC=example,DC=org");
        for spelling in [
            "cn=anna müller+uid=ANNA,ou=vpn,dc=EXAMPLE,dc=org",
            "uid=anna + cn=Anna Mu\u{308}ller , OU = VPN ; DC=example, DC=org",
            "2.5.4.3=Anna M\\c3\\bcller+0.9.2342.19200300.100.1.1=anna,ou=vpn,dc=example,dc=org",
            "cn=\"Anna Müller\"+uid=anna,ou=vpn,dc=example,dc=org",
            "cn=#0c0c416e6e61204dc3bc6c6c6572+userid=anna,OID.2.5.4.11=VPN,dc=example,dc=org",
            "cn=Anna M\u{ff55}\u{308}ller+uid=anna,ou=vpn,dc=example,dc=org",
        ] {
            assert_eq!(dn(spelling), name, "{spelling}");
        }
        assert_ne!(dn("cn=Anna Müller,uid=anna,ou=VPN,dc=example,dc=org"), name);
    }

    #[test]
    fn under_a_base_means_step_by_step_and_not_by_the_end_of_the_text_b_103() {
        let base = dn("OU=VPN,DC=example,DC=org");
        assert!(dn("cn=a,ou=vpn,dc=Example,dc=org").is_under(&base));
        assert!(base.is_under(&base));
        assert!(!dn("cn=a,ou=xVPN,dc=example,dc=org").is_under(&base));
        assert!(!dn("cn=a\\,ou=VPN,dc=example,dc=org").is_under(&base));
        assert!(!dn("dc=example,dc=org").is_under(&base));
        assert!(base.is_under(&dn("")));
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_place() {
        for (text, offset) in [
            ("cn", 0),
            ("=x", 0),
            ("cn=a,", 5),
            ("cn=a\\", 5),
            ("cn=a\\zz", 5),
            ("cn=\"a", 5),
            ("cn=a<b", 4),
            ("cn=#0c05", 8),
            ("cn=#zz", 4),
            ("c n=a", 0),
            (",cn=a", 0),
        ] {
            assert_eq!(text.parse::<Dn>(), Err(NotADn { offset }), "{text}");
        }
    }

    #[test]
    fn a_name_of_endless_length_is_refused() {
        assert!("a=b,".repeat(3000).parse::<Dn>().is_err());
        assert!(format!("{}a=b", "a=b,".repeat(MAX_RDNS)).parse::<Dn>().is_err());
        assert_eq!(
            format!("{}a=b", "a=b,".repeat(MAX_RDNS - 1)).parse::<Dn>().map(|d| d.depth()),
            Ok(MAX_RDNS)
        );
    }

    #[test]
    fn values_that_are_no_text_are_compared_octet_by_octet_b_104() {
        assert_eq!(dn("x=\\ff\\fe"), dn("X=\\FF\\FE"));
        assert_ne!(dn("x=\\ff\\fe"), dn("x=\\ff\\fd"));
        assert_eq!(dn("cn=#0201ff"), dn("CN=#0201FF"));
    }

    #[test]
    fn the_examples_of_rfc_4514_section_4_are_read() {
        for text in [
            "UID=jsmith,DC=example,DC=net",
            "OU=Sales+CN=J.  Smith,DC=example,DC=net",
            "CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net",
            "CN=Before\\0dAfter,DC=example,DC=net",
            "1.3.6.1.4.1.1466.0=#04024869",
            "CN=Lu\\C4\\8Di\\C4\\87",
        ] {
            assert!(text.parse::<Dn>().is_ok(), "{text}");
        }
        assert_eq!(dn("1.3.6.1.4.1.1466.0=#04024869"), dn("1.3.6.1.4.1.1466.0=Hi"));
        assert_eq!(dn("CN=Lu\\C4\\8Di\\C4\\87"), dn("CN=Lučić"));
    }

    proptest! {
        #[test]
        fn an_escaped_value_stays_one_value_b_101(value in "\\PC{0,20}|[ #,+\"\\\\<>;=\\x00a]{0,12}") {
            let name: Dn = format!("cn={},dc=org", escape(&value)).parse().unwrap();
            prop_assert_eq!(name.depth(), 2);
            let expected = prepared(&value);
            prop_assert_eq!(name.leaf(), Some(Cow::Owned(expected)));
        }

        #[test]
        fn a_plain_step_is_read_as_any_other_would_be(
            text in "([a-zA-Z]{1,3}|2\\.5\\.4\\.3|UserID|oid\\.s)[ ]?=([ a-zA-Z0-9.#=ü\t-]|\\\\,|\\\\20|\\+b=){0,9}([,;] ?c ?=[ x\\\\\"]{0,3})?",
        ) {
            prop_assert_eq!(text.parse::<Dn>(), Dn::read(&text, Parser::parts));
        }

        #[test]
        fn a_name_is_under_what_is_left_of_it_without_its_first_step_and_under_nothing_else(
            value in "[a ,\\\\+=#\\x00é]{0,4}", tail in "(,(ou|dc)=[abx]{0,2}){1,3}",
        ) {
            let name = dn(&format!("cn={}{tail}", escape(&value)));
            let above = dn(tail.trim_start_matches(','));
            prop_assert!(name.is_under(&above) && !above.is_under(&name));
            let other = dn(&format!("a{}", tail.trim_start_matches(',')));
            prop_assert!(!name.is_under(&other));
        }

        #[test]
        fn ascii_is_prepared_like_any_other_text(text in "[\\x00-\\x7f]{0,40}") {
            let folded: String = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
            let words: Vec<&str> = folded.split_whitespace().collect();
            prop_assert_eq!(prepared(&text), words.join(" "));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-z=,+;#\"\\\\ 0-9ü]{0,40}|\\PC{0,40}") {
            let _ = text.parse::<Dn>();
        }
    }
}
