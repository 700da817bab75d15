//! Values for which nothing is assumed when they are not there.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

use crate::base::report::Place;
use crate::base::table::{Node, Reader, Value, Written, friendly};
use crate::base::text::safe;

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// Reads a time as people write it, such as `1m 30s` or `30d`; a day has 24 hours.
pub(in crate::base::table) fn time_of(text: &str) -> Option<Duration> {
    if let Ok(time) = SpanParser::new().parse_unsigned_duration(text) {
        return Some(time);
    }
    let (days, rest) = text.trim().split_once('d')?;
    let days: u64 = days.trim().parse().ok()?;
    let days = Duration::from_secs(days.checked_mul(SECONDS_OF_A_DAY)?);
    match rest.trim() {
        "" => Some(days),
        rest => days.checked_add(SpanParser::new().parse_unsigned_duration(rest).ok()?),
    }
}

impl<'a> Reader<'a, '_> {
    /// Where the value of `key` stands.
    #[must_use]
    pub fn place_of(&self, key: &str) -> Option<Place> {
        self.node(key).map(|node| node.place.clone())
    }

    /// The time under `key`, if there is one.
    pub fn time(&mut self, key: &str, range: RangeInclusive<Duration>, hint: &str) -> Option<Duration> {
        let node = self.node(key)?;
        let text = match &node.value {
            Value::Text(text) => text,
            Value::Whole(number) => {
                let hint = format!("for seconds write {key} = \"{number}s\"");
                self.wrong(&node.place, format!("{key} is a number without a unit"), hint);
                return None;
            }
            Value::Flag(_) | Value::Date(_) | Value::List(_) | Value::Table(_) | Value::Unfit => {
                let what = format!("{key} is {}, it must be a time in quotes", node.value.kind());
                self.wrong(&node.place, what, "for example \"30s\" or \"1m 30s\"");
                return None;
            }
        };
        match time_of(text) {
            Some(time) if range.contains(&time) => Some(time),
            Some(time) => {
                let (low, high) = (friendly(*range.start()), friendly(*range.end()));
                let what = format!("{key} is {}, it may be {low} to {high}", friendly(time));
                self.wrong(&node.place, what, hint);
                None
            }
            None => {
                self.wrong(&node.place, format!("{key} is \"{}\", which is no time", safe(text)), hint);
                None
            }
        }
    }

    /// The number under `key`, if there is one.
    pub fn number(&mut self, key: &str, range: RangeInclusive<u32>, hint: &str) -> Option<u32> {
        let node = self.node(key)?;
        self.number_at(key, node, range, hint)
    }

    fn number_at(&mut self, key: &str, node: &Node, range: RangeInclusive<u32>, hint: &str) -> Option<u32> {
        let Value::Whole(number) = node.value else {
            self.wrong(&node.place, format!("{key} is {}, it must be a number", node.value.kind()), hint);
            return None;
        };
        let fits = u32::try_from(number).ok().filter(|number| range.contains(number));
        if fits.is_none() {
            let (low, high) = (range.start(), range.end());
            self.wrong(&node.place, format!("{key} is {number}, it may be {low} to {high}"), hint);
        }
        fits
    }

    /// The numbers under `key`: a list, or one number alone. `None` when there is nothing.
    pub fn numbers(
        &mut self,
        key: &str,
        range: RangeInclusive<u32>,
        hint: &str,
    ) -> Option<Vec<Written<u32>>> {
        let node = self.node(key)?;
        let nodes: &'a [Node] = match &node.value {
            Value::List(nodes) => nodes,
            _ => std::slice::from_ref(node),
        };
        if nodes.is_empty() {
            let hint = "name at least one, or leave the key out";
            self.wrong(&node.place, format!("{key} is an empty list"), hint);
        }
        let mut numbers = Vec::with_capacity(nodes.len());
        for node in nodes {
            if let Some(value) = self.number_at(key, node, range.clone(), hint) {
                numbers.push(Written { value, place: node.place.clone() });
            }
        }
        Some(numbers)
    }

    /// `true` or `false` under `key`, if there is one of them.
    pub fn maybe(&mut self, key: &str) -> Option<bool> {
        let node = self.node(key)?;
        let Value::Flag(flag) = node.value else {
            let what = format!("{key} is {}, it must be true or false", node.value.kind());
            self.wrong(&node.place, what, "without quotes");
            return None;
        };
        Some(flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_24_hours_and_anything_else_is_as_before() {
        let day = Duration::from_secs(SECONDS_OF_A_DAY);
        assert_eq!(time_of("30d"), Some(30 * day));
        assert_eq!(time_of("1d 12h"), Some(day + day / 2));
        assert_eq!(time_of("1m 30s"), Some(Duration::from_secs(90)));
        for no_time in
            ["", "d", "-1d", "1d 1d", "1.5d", "soon", "99999999999999999999d", "18446744073709551615d"]
        {
            assert_eq!(time_of(no_time), None, "{no_time}");
        }
    }
}
