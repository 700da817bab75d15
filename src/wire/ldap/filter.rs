//! Search filters, written as BER and never as text, so that no value can become syntax (B-100).

use crate::wire::ldap::ber::{OCTET_STRING, Writer};

/// A search filter (RFC 4511 section 4.5.1.7). Values are octets and are sent as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter<'a> {
    /// All of them hold.
    And(Vec<Self>),
    /// One of them holds.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The attribute has this value.
    Equal(&'a str, &'a [u8]),
    /// The attribute has any value.
    Present(&'a str),
    /// The attribute matches by a rule other than its own.
    Extensible {
        /// OID of the rule.
        rule: &'a str,
        /// The attribute.
        attribute: &'a str,
        /// What to match with.
        value: &'a [u8],
    },
}

/// Active Directory follows a link of entries to any depth with this rule (MS-ADTS 3.1.1.3.4.4.3).
pub const MATCHING_RULE_IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
/// Active Directory tests bits with this rule; all given bits must be set (MS-ADTS 3.1.1.3.4.4.1).
pub const MATCHING_RULE_BIT_AND: &str = "1.2.840.113556.1.4.803";

const AND: u8 = 0xa0;
const OR: u8 = 0xa1;
const NOT: u8 = 0xa2;
const EQUALITY: u8 = 0xa3;
const PRESENT: u8 = 0x87;
const EXTENSIBLE: u8 = 0xa9;
const RULE: u8 = 0x81;
const RULE_ATTRIBUTE: u8 = 0x82;
const RULE_VALUE: u8 = 0x83;

impl Filter<'_> {
    /// Writes the filter as one element.
    pub fn write(&self, writer: &mut Writer) {
        match self {
            Self::And(parts) => writer.nested(AND, |inner| parts.iter().for_each(|part| part.write(inner))),
            Self::Or(parts) => writer.nested(OR, |inner| parts.iter().for_each(|part| part.write(inner))),
            Self::Not(part) => writer.nested(NOT, |inner| part.write(inner)),
            Self::Equal(attribute, value) => writer.nested(EQUALITY, |inner| {
                inner.bytes(OCTET_STRING, attribute.as_bytes());
                inner.bytes(OCTET_STRING, value);
            }),
            Self::Present(attribute) => writer.bytes(PRESENT, attribute.as_bytes()),
            Self::Extensible { rule, attribute, value } => writer.nested(EXTENSIBLE, |inner| {
                inner.bytes(RULE, rule.as_bytes());
                inner.bytes(RULE_ATTRIBUTE, attribute.as_bytes());
                inner.bytes(RULE_VALUE, value);
            }),
        }
    }
}

/// Whether `text` can stand as an attribute's name: a word or an OID without options (RFC 4512
/// section 1.4). For names that come from the configuration.
#[must_use]
pub fn is_attribute_name(text: &str) -> bool {
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let oid = text.starts_with(|c: char| c.is_ascii_digit())
        && text.split('.').all(|arc| !arc.is_empty() && arc.chars().all(|c| c.is_ascii_digit()));
    text.len() <= 128 && (word || oid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ldap::ber::Reader;
    use proptest::prelude::*;

    fn written(filter: &Filter<'_>) -> Vec<u8> {
        let mut writer = Writer::default();
        filter.write(&mut writer);
        writer.finish().to_vec()
    }

    #[test]
    fn a_filter_is_written_octet_by_octet_as_rfc_4511_says() {
        let filter = Filter::And(vec![
            Filter::Equal("uid", b"a*b"),
            Filter::Not(Box::new(Filter::Present("mail"))),
            Filter::Extensible { rule: "1.2.3", attribute: "member", value: b"x" },
        ]);
        let parts = [
            &[0xa3, 10, 4, 3][..],
            b"uid",
            &[4, 3],
            b"a*b",
            &[0xa2, 6, 0x87, 4],
            b"mail",
            &[0xa9, 18, 0x81, 5],
            b"1.2.3",
            &[0x82, 6],
            b"member",
            &[0x83, 1],
            b"x",
        ]
        .concat();
        assert_eq!(written(&filter), [&[0xa0, 40][..], &parts].concat());
    }

    #[test]
    fn only_words_and_oids_are_attribute_names() {
        for good in ["uid", "sAMAccountName", "msDS-PrincipalName", "2.5.4.3"] {
            assert!(is_attribute_name(good), "{good}");
        }
        for bad in ["", "uid=", "uid;binary", "u id", "1.", "1..2", "-a", "ü", "uid)(x"] {
            assert!(!is_attribute_name(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_name_yields_a_filter_of_the_same_shape_b_100(name in proptest::collection::vec(any::<u8>(), 0..300)) {
            let filter = written(&Filter::Or(vec![Filter::Equal("uid", &name), Filter::Equal("mail", &name)]));
            let mut outer = Reader::new(&filter);
            let mut parts = outer.enter(OR).unwrap();
            prop_assert!(outer.is_empty());
            for attribute in ["uid", "mail"] {
                let mut part = parts.enter(EQUALITY).unwrap();
                prop_assert_eq!(part.expect(OCTET_STRING).unwrap().body, attribute.as_bytes());
                prop_assert_eq!(part.expect(OCTET_STRING).unwrap().body, &name[..]);
                prop_assert!(part.is_empty());
            }
            prop_assert!(parts.is_empty());
        }
    }
}
