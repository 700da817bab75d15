//! From text to tables, past as many syntax errors as there are.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::base::report::{Complaint, Complaints, Nature, Place};
use crate::base::table::{Node, Table, Value};

/// Reads `text`, which is source number `source`. Syntax errors are added to `out`; what could be read is
/// returned all the same.
///
/// The parser skips to the next bracket after a broken header and would miss what is between; so such a
/// header is covered up, byte for byte, and the text is read again.
pub fn parse(source: usize, text: &str, out: &mut Complaints) -> Table {
    let mut covered = text.to_owned();
    let mut lines: Vec<usize> = Vec::new();
    // A cover is as long as what it covers, so lines begin where they began.
    let starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at.saturating_add(1)).collect();
    for _ in 0..MOST_HEADERS {
        let (table, errors) = DeTable::parse_recoverable(&covered);
        let mut again = None;
        let mut found: Vec<(usize, toml::de::Error)> =
            errors.into_iter().map(|error| (error.span().map_or(0, |span| span.start), error)).collect();
        found.sort_by_key(|(at, _)| *at);
        for (at, error) in found {
            if lines.len() >= MOST_ERRORS {
                break;
            }
            let (number, line) = line_of(&covered, &starts, at);
            if line.trim_start().starts_with('[') && again.is_none() && !lines.contains(&number) {
                again = cover(&covered, at);
            }
            let follows = number.checked_sub(1).is_some_and(|before| lines.contains(&before));
            if lines.contains(&number) || (follows && DeTable::parse(line).is_ok()) {
                lines.push(number);
                continue;
            }
            lines.push(number);
            out.error(syntax_error(source, text, &error));
        }
        match again {
            Some(text) => covered = text,
            None => return convert_table(source, Place::whole(source), table.into_inner()),
        }
    }
    Table { place: Place::whole(source), entries: BTreeMap::new() }
}

/// How many syntax errors of one text are looked at; what is no TOML at all has one in every line.
const MOST_ERRORS: usize = 500;

/// How many broken headers are looked past.
const MOST_HEADERS: usize = 20;

/// A header that stands for a broken one; tables of this name are left out.
const COVER: char = '_';

/// The line around `at`: its number counted from 0, and its text. `starts` holds where all lines but the first
/// begin.
fn line_of<'t>(text: &'t str, starts: &[usize], at: usize) -> (usize, &'t str) {
    let number = starts.partition_point(|start| *start <= at);
    let start = number.checked_sub(1).and_then(|before| starts.get(before)).copied().unwrap_or(0);
    (number, text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or(""))
}

/// `text` with the line around `at` turned into a header of the same length that is read as one.
fn cover(text: &str, at: usize) -> Option<String> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |n| n.saturating_add(1));
    let line = text.get(start..)?.lines().next()?;
    let inside = line.len().checked_sub(4).filter(|inside| *inside > 0)?;
    let header = format!("[[{}]]", COVER.to_string().repeat(inside));
    Some(format!("{}{header}{}", text.get(..start)?, text.get(start.saturating_add(line.len())..)?))
}

fn syntax_error(source: usize, text: &str, error: &toml::de::Error) -> Complaint {
    let message = error.message();
    let spanned = error.span().and_then(|span| text.get(span)).unwrap_or("");
    let value = message.starts_with("invalid ") || message.starts_with("string values must be quoted");
    let complaint = if value && spanned.trim().is_empty() {
        Complaint::whole("not valid TOML: there is no value").hint("write one after the equals sign")
    } else if value && is_bare(spanned) {
        Complaint::whole("not valid TOML: this is no number, no date, and neither true nor false")
            .hint("a text stands in quotes")
    } else {
        Complaint::whole(format!("not valid TOML: {}", message.replace('\n', "; ")))
    };
    // An empty range at the beginning would stand for the whole text.
    let place = error.span().map(|span| Place::new(source, &(span.start..span.end.max(1))));
    Complaint { place, nature: Nature::Syntax, ..complaint }
}

/// `info` where `"info"` was meant.
fn is_bare(text: &str) -> bool {
    !text.contains(['"', '\'', '[', ']', '{', '}', '='])
}

fn convert_table(source: usize, place: Place, table: DeTable<'_>) -> Table {
    let entries = table
        .into_iter()
        .filter(|(key, _)| key.get_ref().chars().any(|c| c != COVER))
        .map(|(key, value)| {
            let at = Place::new(source, &key.span());
            (key.into_inner().into_owned(), (at, convert(source, value)))
        })
        .collect();
    Table { place, entries }
}

fn convert(source: usize, value: Spanned<DeValue<'_>>) -> Node {
    let place = Place::new(source, &value.span());
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Unfit, Value::Whole)
        }
        DeValue::Float(_) => Value::Unfit,
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(list) => Value::List(list.into_iter().map(|item| convert(source, item)).collect()),
        DeValue::Table(table) => Value::Table(convert_table(source, place.clone(), table)),
    };
    Node { place, value }
}
