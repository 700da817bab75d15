//! Distinguished names (RFC 4514): read, compare RDN by RDN, escape. Never compare them as text (B-102).

mod parser;

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use crate::wire::ldap::dn::parser::{Parser, usual};

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
        match usual(text) {
            Some(steps) => Ok(Self { key: text.to_ascii_lowercase(), steps }),
            None => Self::read(text, Parser::step),
        }
    }
}

impl Dn {
    fn read<'a>(
        text: &'a str,
        step: impl Fn(&mut Parser<'a>, &mut Vec<u8>) -> Result<(), NotADn>,
    ) -> Result<Self, NotADn> {
        if text.len() > MAX_LENGTH {
            return Err(NotADn { offset: MAX_LENGTH });
        }
        if text.bytes().all(|octet| octet == b' ') {
            return Ok(Self { key: String::new(), steps: 0 });
        }
        let (mut key, mut steps) = (Vec::with_capacity(text.len()), 0_usize);
        let mut parser = Parser::new(text);
        loop {
            step(&mut parser, &mut key)?;
            let next = parser.next();
            steps = steps.saturating_add(1);
            if steps > MAX_RDNS {
                return Err(NotADn { offset: parser.at() });
            }
            if next.is_none() {
                // Nothing but text is put together, so that it is text.
                let key = String::from_utf8(key).map_err(|_| NotADn { offset: parser.at() })?;
                return Ok(Self { key, steps });
            }
            key.push(b',');
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
        fn a_usual_name_is_read_as_any_other_would_be(
            text in "((cn|S|c|uid|userId|Street-1|1x|)=[ a-zA-Z0-9.\\-]{0,4}[,;+ #]?){0,4}",
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
