//! Extended and long-extended attributes (RFC 6929 section 2): one more byte of type, and values that go on
//! in the next attribute.

use crate::wire::radius::attribute::Attribute;

/// Types 241 to 244 are extended, 245 and 246 long-extended.
const EXTENDED: std::ops::RangeInclusive<u8> = 241..=244;
const LONG: std::ops::RangeInclusive<u8> = 245..=246;
/// The flag that says that the value goes on; the other seven bits mean nothing yet and are ignored.
const MORE: u8 = 0x80;
/// Only a full attribute may go on (RFC 6929 section 2.2).
const FULL: usize = 253;

/// One extended attribute, put together from its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extended {
    /// Offset of its first part in the packet.
    pub offset: usize,
    /// Its type, 241 to 246.
    pub kind: u8,
    /// Its extended type; `None` when the attribute is invalid: too short, or its parts do not fit together.
    /// It is then ignored, and the packet lives (RFC 6929 section 2.8).
    pub extended: Option<u8>,
    /// Its value; at least one byte when it is valid.
    pub value: Vec<u8>,
}

/// Whether attributes of this type have an extended type.
#[must_use]
pub fn is_extended(kind: u8) -> bool {
    EXTENDED.contains(&kind) || LONG.contains(&kind)
}

/// Reads the extended attributes among `attributes`, long ones put together. They go on in the attribute
/// that follows at once; anything else in between makes them invalid.
#[must_use]
pub fn extended<'a>(attributes: impl Iterator<Item = Attribute<'a>>) -> Vec<Extended> {
    let mut all: Vec<Extended> = Vec::new();
    // The last one of `all` waits for its next part.
    let mut open = false;
    for attribute in attributes {
        let part = part(&attribute);
        if open {
            if let (Some(last), Some(Part { extended, value, more })) = (all.last_mut(), &part)
                && last.kind == attribute.kind
                && last.extended == Some(*extended)
            {
                last.value.extend_from_slice(value);
                open = *more;
                continue;
            }
            invalidate(all.last_mut());
            open = false;
        }
        if !is_extended(attribute.kind) {
            continue;
        }
        let (offset, kind) = (attribute.offset, attribute.kind);
        match part {
            Some(Part { extended, value, more }) => {
                all.push(Extended { offset, kind, extended: Some(extended), value: value.to_vec() });
                open = more;
            }
            None => all.push(Extended { offset, kind, extended: None, value: attribute.value.to_vec() }),
        }
    }
    if open {
        invalidate(all.last_mut());
    }
    all
}

fn invalidate(last: Option<&mut Extended>) {
    if let Some(last) = last {
        last.extended = None;
    }
}

struct Part<'a> {
    extended: u8,
    value: &'a [u8],
    more: bool,
}

/// `None` for what is too short, or claims to go on without being full.
fn part<'a>(attribute: &Attribute<'a>) -> Option<Part<'a>> {
    if LONG.contains(&attribute.kind) {
        let [extended, flags, value @ ..] = attribute.value else { return None };
        let more = flags & MORE != 0;
        let sound = !value.is_empty() && (!more || attribute.value.len() == FULL);
        return sound.then_some(Part { extended: *extended, value, more });
    }
    if EXTENDED.contains(&attribute.kind) {
        let [extended, value @ ..] = attribute.value else { return None };
        return (!value.is_empty()).then_some(Part { extended: *extended, value, more: false });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::radius::attribute::Attributes;

    /// Attributes as (type, value).
    fn read(attributes: &[(u8, Vec<u8>)]) -> Vec<Extended> {
        let mut bytes = Vec::new();
        for (kind, value) in attributes {
            bytes.push(*kind);
            bytes.push(u8::try_from(value.len() + 2).unwrap());
            bytes.extend_from_slice(value);
        }
        extended(Attributes::new(&bytes, 20))
    }

    fn full(extended: u8, flags: u8) -> Vec<u8> {
        let mut value = vec![extended, flags];
        value.resize(FULL, 7);
        value
    }

    #[test]
    fn an_extended_attribute_is_known_by_both_types_a_019() {
        let got = read(&[(1, b"alice".to_vec()), (241, vec![5, b'x', b'y'])]);
        assert_eq!(got, [Extended { offset: 27, kind: 241, extended: Some(5), value: b"xy".to_vec() }]);
    }

    #[test]
    fn a_long_value_is_put_together_and_reserved_bits_mean_nothing() {
        let got = read(&[(245, full(1, 0xff)), (245, vec![1, 0x7f, b'z'])]);
        assert_eq!(got.len(), 1);
        assert_eq!((got[0].extended, got[0].value.len()), (Some(1), 252));
    }

    #[test]
    fn what_does_not_fit_together_is_invalid_and_the_rest_lives() {
        let short = [(241, vec![]), (241, vec![9]), (245, vec![]), (245, vec![9]), (245, vec![9, 0])];
        for one in short {
            let got = read(&[one.clone(), (242, vec![1, 1])]);
            assert_eq!((got[0].extended, got[1].extended), (None, Some(1)), "{one:?}");
        }
        let more_but_not_full = read(&[(245, vec![1, MORE, 1]), (245, vec![1, 0, 2])]);
        assert_eq!(more_but_not_full[0].extended, None);
        let torn = read(&[(245, full(1, MORE)), (1, b"x".to_vec()), (245, vec![1, 0, 2])]);
        assert_eq!((torn[0].extended, torn[1].extended), (None, Some(1)));
        let other = read(&[(245, full(1, MORE)), (245, vec![2, 0, 2])]);
        assert_eq!((other[0].extended, other[1].extended), (None, Some(2)));
        assert_eq!(read(&[(246, full(1, MORE))])[0].extended, None, "nothing follows");
    }
}
