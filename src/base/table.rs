//! TOML as people wrote it: every value with its place, read key by key, every mistake kept.
//!
//! Reading goes on after a mistake with the default, so that one run finds all of them; whoever reads
//! throws the result away when there was an error.

mod optional;
mod parse;
mod size;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::base::report::{Complaint, Complaints, Place};
pub use crate::base::table::parse::parse;
pub use crate::base::table::size::friendly_size;
use crate::base::text::safe;
use jiff::fmt::friendly::SpanPrinter;

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Whole(i64),
    /// `true` or `false`.
    Flag(bool),
    /// A date or time, as written.
    Date(String),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// Something that no setting takes: a fraction, or an integer beyond 64 bits.
    Unfit,
}

impl Value {
    /// What it is, for people.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Unfit => "a number with a fraction, or too large a one",
        }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where.
    pub place: Place,
    /// What.
    pub value: Value,
}

/// A table and where it begins.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its header, or all of it when it is written in braces.
    pub place: Place,
    /// Key → place of the key, value.
    pub entries: BTreeMap<String, (Place, Node)>,
}

/// Something written, and where.
#[derive(Debug, Clone)]
pub struct Written<T> {
    /// What.
    pub value: T,
    /// Where.
    pub place: Place,
}

/// Reads one table and remembers everything that is wrong with it.
#[derive(Debug)]
pub struct Reader<'a, 'o> {
    table: &'a Table,
    who: String,
    out: &'o mut Complaints,
}

impl<'a, 'o> Reader<'a, 'o> {
    /// Reads `table`, called `who` in messages (the whole document has no name), and complains about keys
    /// that are not in `known`.
    pub fn new(table: &'a Table, who: impl Into<String>, known: &[&str], out: &'o mut Complaints) -> Self {
        let who = who.into();
        for (key, (place, _)) in &table.entries {
            if out.is_full() {
                break;
            }
            if !known.contains(&key.as_str()) {
                let what = if who.is_empty() { "there is no table" } else { "there is no key" };
                let complaint = Complaint::wrong(place, about(&who, &format!("{what} \"{}\"", safe(key))));
                out.error(match nearest(key, known) {
                    Some(near) => complaint.hint(format!("did you mean \"{near}\"?")),
                    None => complaint.hint(format!("the keys are {}", known.join(", "))),
                });
            }
        }
        Self { table, who, out }
    }

    /// The table itself.
    #[must_use]
    pub const fn whole_table(&self) -> &'a Table {
        self.table
    }

    /// How the table is called in messages.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.who
    }

    /// All complaints so far.
    pub const fn out(&mut self) -> &mut Complaints {
        self.out
    }

    /// What is written under `key`.
    #[must_use]
    pub fn node(&self, key: &str) -> Option<&'a Node> {
        self.table.entries.get(key).map(|(_, node)| node)
    }

    /// Adds an error about `place`; `what` follows after the table's name.
    pub fn wrong(&mut self, place: &Place, what: impl AsRef<str>, hint: impl Into<String>) {
        let what = about(&self.who, what.as_ref());
        self.out.error(Complaint::wrong(place, what).hint(hint));
    }

    /// Adds a warning about `place`.
    pub fn doubt(&mut self, place: &Place, what: impl AsRef<str>, hint: impl Into<String>) {
        let what = about(&self.who, what.as_ref());
        self.out.warn(Complaint::wrong(place, what).hint(hint));
    }

    /// Complains that `key` is not there.
    pub fn missing(&mut self, key: &str, hint: impl Into<String>) {
        let what = about(&self.who, &format!("{key} is missing"));
        self.out.error(Complaint::missing(&self.table.place, what).hint(hint));
    }

    fn kind_wrong(&mut self, key: &str, node: &Node, due: &str, hint: impl Into<String>) {
        self.wrong(&node.place, format!("{key} is {}, it must be {due}", node.value.kind()), hint);
    }

    /// The text under `key`, if there is one.
    pub fn text(&mut self, key: &str) -> Option<Written<&'a str>> {
        let node = self.node(key)?;
        if let Value::Text(text) = &node.value {
            return Some(Written { value: text, place: node.place.clone() });
        }
        self.kind_wrong(key, node, "a text", "write it in quotes");
        None
    }

    /// The text under `key`; its absence is an error.
    pub fn need_text(&mut self, key: &str, hint: &str) -> Option<Written<&'a str>> {
        if self.node(key).is_none() {
            self.missing(key, hint);
        }
        self.text(key)
    }

    /// The number under `key`, `default` when there is none.
    pub fn whole(&mut self, key: &str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let Some(node) = self.node(key) else { return default };
        let hint = format!("the default is {default}");
        let Value::Whole(number) = node.value else {
            self.kind_wrong(key, node, "a number", hint);
            return default;
        };
        match u32::try_from(number).ok().filter(|n| range.contains(n)) {
            Some(number) => number,
            None => {
                let (low, high) = (range.start(), range.end());
                self.wrong(&node.place, format!("{key} is {number}, it may be {low} to {high}"), hint);
                default
            }
        }
    }

    /// The UDP or TCP port under `key`, `default` when there is none.
    pub fn port(&mut self, key: &str, default: u16) -> u16 {
        u16::try_from(self.whole(key, 1..=u32::from(u16::MAX), default.into())).unwrap_or(default)
    }

    /// The time under `key`, such as `"1m 30s"`; `default` when there is none.
    pub fn duration(&mut self, key: &str, range: RangeInclusive<Duration>, default: Duration) -> Duration {
        let hint = format!("the default is \"{}\"", friendly(default));
        self.time(key, range, &hint).unwrap_or(default)
    }

    /// `true` or `false` under `key`.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let Some(node) = self.node(key) else { return default };
        let Value::Flag(flag) = node.value else {
            self.kind_wrong(key, node, "true or false", format!("the default is {default}, without quotes"));
            return default;
        };
        flag
    }

    /// One of a few words under `key`; `default` when there is none.
    pub fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(key) else { return default };
        self.word(key, &text, words).unwrap_or(default)
    }

    /// What the word `text`, written under `key`, stands for.
    pub fn word<T: Copy>(&mut self, key: &str, text: &Written<&str>, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let what = format!("{key} is \"{}\", it may be {}", safe(text.value), any_of(&known));
            match nearest(text.value, &known) {
                Some(near) => self.wrong(&text.place, what, format!("did you mean \"{near}\"?")),
                None => self.out.error(Complaint::wrong(&text.place, about(&self.who, &what))),
            }
        }
        found
    }

    /// The texts under `key`: a list, or one text alone. `None` when there is nothing.
    pub fn texts(&mut self, key: &str) -> Option<Vec<Written<&'a str>>> {
        let node = self.node(key)?;
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            Value::Text(_) => std::slice::from_ref(node),
            Value::Whole(_) | Value::Flag(_) | Value::Date(_) | Value::Table(_) | Value::Unfit => {
                self.kind_wrong(key, node, "a list of texts", format!("write {key} = [\"…\", \"…\"]"));
                return None;
            }
        };
        if nodes.is_empty() {
            self.wrong(
                &node.place,
                format!("{key} is an empty list"),
                "name at least one, or leave the key out",
            );
        }
        let mut texts = Vec::with_capacity(nodes.len());
        for item in nodes {
            match &item.value {
                Value::Text(text) => texts.push(Written { value: text.as_str(), place: item.place.clone() }),
                _ => self.kind_wrong(&format!("an entry of {key}"), item, "a text", "write it in quotes"),
            }
        }
        Some(texts)
    }

    /// The table under `key`, if there is one.
    pub fn table(&mut self, key: &str) -> Option<&'a Table> {
        let node = self.node(key)?;
        if let Value::Table(table) = &node.value {
            return Some(table);
        }
        self.kind_wrong(key, node, "a table", format!("write {key} = {{ … }}"));
        None
    }

    /// The tables under `key`, each from a `[[key]]` or from a list of tables in braces.
    pub fn tables(&mut self, key: &str) -> Vec<&'a Table> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Value::List(nodes) = &node.value else {
            self.kind_wrong(
                key,
                node,
                "a list of tables",
                format!("write [[{key}]] with two brackets, or {key} = [{{ … }}]"),
            );
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(nodes.len());
        for item in nodes {
            match &item.value {
                Value::Table(table) => tables.push(table),
                _ => self.kind_wrong(&format!("an entry of {key}"), item, "a table", "write it in braces"),
            }
        }
        tables
    }
}

fn about(who: &str, what: &str) -> String {
    if who.is_empty() { what.to_owned() } else { format!("{who}: {what}") }
}

/// A time as people write it, such as `1m 30s`.
#[must_use]
pub fn friendly(time: Duration) -> String {
    SpanPrinter::new().unsigned_duration_to_string(&time)
}

fn any_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// The one of `known` that `word` was most likely meant to be.
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase().replace('_', "-");
    let close = |known: &&&'k str| distance(&word, known);
    let best = known.iter().min_by_key(close)?;
    let allowed = (best.chars().count().saturating_add(1) / 3).clamp(1, 3);
    (distance(&word, best) <= allowed).then_some(*best)
}

/// Number of characters to insert, delete or replace (Levenshtein), one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (line, x) in a.chars().enumerate() {
        let mut left = line.saturating_add(1);
        let mut diagonal = line;
        let mut next = vec![left];
        for (above, y) in row.iter().skip(1).zip(b.chars()) {
            let replace = if x == y { diagonal } else { diagonal.saturating_add(1) };
            diagonal = *above;
            left = replace.min(above.saturating_add(1)).min(left.saturating_add(1));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
