//! Amounts of memory as people write them, such as `64 KiB`.

use std::ops::RangeInclusive;

use crate::base::table::{Reader, Value};
use crate::base::text::safe;

const UNITS: [(&str, usize); 2] = [("MiB", 1024 * 1024), ("KiB", 1024)];

impl Reader<'_, '_> {
    /// The amount under `key` in octets, written with its unit; `default` when there is none.
    pub fn size(&mut self, key: &str, range: RangeInclusive<usize>, default: usize) -> usize {
        let Some(node) = self.node(key) else { return default };
        let hint = format!("the default is \"{}\"", friendly_size(default));
        let text = match &node.value {
            Value::Text(text) => text,
            Value::Whole(_) => {
                let hint = format!("with its unit, as in {key} = \"{}\"", friendly_size(default));
                self.wrong(&node.place, format!("{key} is a number without a unit"), hint);
                return default;
            }
            Value::Flag(_) | Value::Date(_) | Value::List(_) | Value::Table(_) | Value::Unfit => {
                let what = format!("{key} is {}, it must be an amount in quotes", node.value.kind());
                self.wrong(&node.place, what, hint);
                return default;
            }
        };
        match parsed(text) {
            Some(size) if range.contains(&size) => size,
            Some(_) => {
                let (low, high) = (friendly_size(*range.start()), friendly_size(*range.end()));
                self.wrong(&node.place, format!("{key} is {}, it may be {low} to {high}", safe(text)), hint);
                default
            }
            None => {
                let what = format!("{key} is \"{}\", which is no amount in KiB or MiB", safe(text));
                self.wrong(&node.place, what, hint);
                default
            }
        }
    }
}

fn parsed(text: &str) -> Option<usize> {
    let (number, unit) = UNITS.iter().find_map(|(unit, octets)| Some((text.strip_suffix(unit)?, octets)))?;
    let number = number.trim_end();
    number.bytes().all(|octet| octet.is_ascii_digit()).then_some(())?;
    number.parse::<usize>().ok()?.checked_mul(*unit)
}

/// An amount of whole KiB as people write it.
#[must_use]
pub fn friendly_size(octets: usize) -> String {
    let fits = |(_, unit): &&(&str, usize)| octets >= *unit && octets.is_multiple_of(*unit);
    match UNITS.iter().find(fits) {
        Some((word, unit)) => format!("{} {word}", octets.checked_div(*unit).unwrap_or(0)),
        None => format!("{octets} octets"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_a_unit_and_is_shown_as_it_can_be_written() {
        for (text, octets) in
            [("64 KiB", 65_536), ("4MiB", 4_194_304), ("1 KiB", 1024), ("1536 KiB", 1_572_864)]
        {
            assert_eq!(parsed(text), Some(octets), "{text}");
            assert_eq!(parsed(&friendly_size(octets)), Some(octets), "{text}");
        }
        for no_amount in
            ["", "4", "MiB", "-1 KiB", "+1 KiB", "1.5 MiB", "4 MB", "1 kib", "99999999999999999999 MiB"]
        {
            assert_eq!(parsed(no_amount), None, "{no_amount}");
        }
        assert_eq!(
            (friendly_size(3 << 20), friendly_size(1 << 16)),
            ("3 MiB".to_owned(), "64 KiB".to_owned())
        );
    }
}
