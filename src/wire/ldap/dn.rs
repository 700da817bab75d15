//! Distinguished names (RFC 4514): read, compare RDN by RDN, escape. Never compare them as text (B-102).

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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dn(Vec<Rdn>);

/// One step of a name; the parts of a multi-valued one are sorted.
type Rdn = Vec<(String, Value)>;

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
        if text.len() > MAX_LENGTH {
            return Err(NotADn { offset: MAX_LENGTH });
        }
        let mut rdns: Vec<Rdn> = Vec::new();
        let mut current: Rdn = Vec::new();
        let mut parser = Parser { text, at: 0 };
        if text.trim_matches(' ').is_empty() {
            return Ok(Self(rdns));
        }
        loop {
            let (kind, value) = (parser.kind()?, parser.value()?);
            current.push((kind, value));
            let next = parser.next();
            if next == Some('+') {
                continue;
            }
            current.sort();
            rdns.push(std::mem::take(&mut current));
            if rdns.len() > MAX_RDNS {
                return Err(NotADn { offset: parser.at });
            }
            if next.is_none() {
                return Ok(Self(rdns));
            }
        }
    }
}

impl Dn {
    /// Whether this is `base` or lies under it, step by step (B-103).
    #[must_use]
    pub fn is_under(&self, base: &Self) -> bool {
        self.0.ends_with(&base.0)
    }

    /// The name as a text that is the same for every spelling of it, so that names can be kept in sets.
    #[must_use]
    pub fn key(&self) -> String {
        let part = |(kind, value): &(String, Value)| match value {
            Value::Text(text) => format!("{kind}={}", escape(text)),
            Value::Octets(octets) => format!("{kind}=#{}", data_encoding::HEXLOWER.encode(octets)),
        };
        let step = |rdn: &Rdn| rdn.iter().map(part).collect::<Vec<_>>().join("+");
        self.0.iter().map(step).collect::<Vec<_>>().join(",")
    }

    /// Number of steps; 0 for the root.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// The first value of the first step, as compared: of `CN=VPN Users,DC=x` this is `vpn users`.
    #[must_use]
    pub fn leaf(&self) -> Option<&str> {
        self.0.first()?.first().and_then(|(_, value)| match value {
            Value::Text(text) => Some(text.as_str()),
            Value::Octets(_) => None,
        })
    }
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

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
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
        let name = short_name(name).to_owned();
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

/// One name for each naming attribute, whatever it is called in the text (RFC 4519).
fn short_name(name: &str) -> &str {
    match name {
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
        other => other,
    }
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
        let key = |text: &str| text.parse::<Dn>().unwrap().key();
        for spelling in [
            "CN=VPN\\, Users,OU=Groups,DC=x",
            "cn = vpn\\2c  USERS, ou=groups ; dc=X",
            "2.5.4.3=VPN\\, Users,2.5.4.11=Groups,DC=x",
        ] {
            assert_eq!(key(spelling), "cn=vpn\\, users,ou=groups,dc=x", "{spelling}");
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
            prop_assert_eq!(name.leaf(), Some(expected.as_str()));
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
