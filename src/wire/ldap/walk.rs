//! Which attributes a search filter of a client names, found without recursion (RFC 4511 section 4.5.1.7).

use crate::wire::ldap::ber::{Element, Flaw, Malformed, OCTET_STRING, Reader, SEQUENCE};

const AND: u8 = 0xa0;
const OR: u8 = 0xa1;
const NOT: u8 = 0xa2;
const EQUALITY: u8 = 0xa3;
const SUBSTRINGS: u8 = 0xa4;
const AT_LEAST: u8 = 0xa5;
const AT_MOST: u8 = 0xa6;
/// Tag of the presence of an attribute.
pub(super) const PRESENT: u8 = 0x87;
const APPROXIMATE: u8 = 0xa8;
const EXTENSIBLE: u8 = 0xa9;
const RULE: u8 = 0x81;
const RULE_ATTRIBUTE: u8 = 0x82;
const RULE_VALUE: u8 = 0x83;

/// A filter that must not be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFilter {
    /// It is no filter, or of a kind that we do not know (B-008).
    #[error("malformed filter: {0}")]
    Malformed(#[from] Malformed),
    /// More conditions inside each other than allowed.
    #[error("the filter is nested deeper than {0} levels")]
    TooDeep(usize),
    /// A matching rule without an attribute: it is compared with every attribute that has the rule, secret
    /// ones included.
    #[error("the filter compares all attributes and names none")]
    NamesNone,
}

/// Iterator over the attribute descriptions in a filter that has been read to its end.
#[derive(Debug, Clone)]
pub struct FilterAttributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for FilterAttributes<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let mut reader = Reader::new(self.rest);
            let part = reader.element().ok()?;
            if matches!(part.tag, AND | OR | NOT) {
                // What is inside comes next, and then what is behind: the octets stand in that order.
                let header = part.whole.len().saturating_sub(part.body.len());
                self.rest = self.rest.get(header..)?;
            } else {
                self.rest = reader.rest();
                return condition(&part).ok();
            }
        }
    }
}

/// Reads a filter to its end and hands out what it names.
///
/// # Errors
///
/// [`BadFilter`].
pub(super) fn filter_attributes<'a>(
    filter: &Element<'a>,
    most: usize,
) -> Result<FilterAttributes<'a>, BadFilter> {
    let names = FilterAttributes { rest: filter.whole };
    // What is left of each "and", "or" and "not" around the place we are at.
    let mut open: Vec<Reader<'a>> = Vec::new();
    let mut part = Some(*filter);
    loop {
        if let Some(part) = part {
            if matches!(part.tag, AND | OR | NOT) {
                if open.len() >= most {
                    return Err(BadFilter::TooDeep(most));
                }
                open.push(inside(&part)?);
            } else {
                condition(&part)?;
            }
        }
        let Some(innermost) = open.last_mut() else { return Ok(names) };
        if innermost.is_empty() {
            open.pop();
            part = None;
        } else {
            part = Some(innermost.element()?);
        }
    }
}

/// A reader for the parts of "and", "or" and "not".
fn inside<'a>(part: &Element<'a>) -> Result<Reader<'a>, Malformed> {
    let reader = part.enter_uncounted();
    if part.tag == NOT {
        let mut one = reader;
        one.element()?;
        if !one.is_empty() {
            return Err(part.flaw(Flaw::Trailing));
        }
    }
    Ok(reader)
}

/// The attribute of a condition that holds no other one.
fn condition<'a>(part: &Element<'a>) -> Result<&'a [u8], BadFilter> {
    let mut reader = part.enter_uncounted();
    match part.tag {
        PRESENT => Ok(part.body),
        EQUALITY | AT_LEAST | AT_MOST | APPROXIMATE => {
            let attribute = reader.expect(OCTET_STRING)?.body;
            reader.expect(OCTET_STRING)?;
            reader.ignore_rest()?;
            Ok(attribute)
        }
        SUBSTRINGS => {
            let attribute = reader.expect(OCTET_STRING)?.body;
            reader.expect(SEQUENCE)?;
            reader.ignore_rest()?;
            Ok(attribute)
        }
        EXTENSIBLE => {
            reader.optional(RULE)?;
            let attribute = reader.optional(RULE_ATTRIBUTE)?.map(|element| element.body);
            reader.expect(RULE_VALUE)?;
            while !reader.is_empty() {
                let behind = reader.element()?;
                // Another reader may take the last attribute of several.
                if matches!(behind.tag, RULE | RULE_ATTRIBUTE | RULE_VALUE) {
                    return Err(behind.flaw(Flaw::Misplaced).into());
                }
            }
            attribute.filter(|name| !name.is_empty()).ok_or(BadFilter::NamesNone)
        }
        found => Err(part.flaw(Flaw::Tag { expected: PRESENT, found }).into()),
    }
}
