//! `rewrite`: what becomes of the names that a client sends.

use toml::{Table, Value};

use crate::base::report::Complaint;
use crate::base::table::{self, Reader, Written};
use crate::base::text::{is_hidden, safe};
use crate::config::file;
use crate::login::identity::{LoginName, MAX_NAME};
use crate::login::rename::{BadPattern, Change, Pattern, Renaming};

/// No client changes its names in more steps.
const MOST: usize = 50;

/// The ways to change a name, one of which each entry names.
const WAYS: &str = "write { strip-prefix = \"…\" }, { strip-suffix = \"…\" }, { add-suffix = \"…\" } or { pattern = \"…\", … }";

/// Reads the list. Gives back what to show of it, too.
pub(in crate::config) fn read(reader: &mut Reader<'_, '_>) -> (Renaming, Option<Value>) {
    let Some(node) = reader.node("rewrite") else { return (Renaming::default(), None) };
    if !matches!(node.value, table::Value::List(_)) {
        let what = format!("rewrite is {}, it must be a list of entries in braces", node.value.kind());
        reader.wrong(&node.place, what, "for example rewrite = [{ strip-suffix = \"@corp.example\" }]");
        return (Renaming::default(), None);
    }
    let tables = reader.tables("rewrite");
    if tables.len() > MOST {
        let what = format!("rewrite has {} entries, at most {MOST} are taken", tables.len());
        reader.wrong(&node.place, what, "a pattern can do the work of several");
    }
    let who = format!("{}: rewrite", reader.who());
    let mut changes = Vec::new();
    let mut shown = Vec::new();
    for table in tables {
        let mut inner = Reader::new(table, who.clone(), file::CLIENT_REWRITE, reader.out());
        if let Some((change, written)) = entry(&mut inner) {
            changes.push(change);
            shown.push(Value::Table(written));
        }
    }
    (Renaming::new(changes), Some(Value::Array(shown)))
}

fn entry(reader: &mut Reader<'_, '_>) -> Option<(Change, Table)> {
    let given: Vec<&str> = ["strip-prefix", "strip-suffix", "add-suffix", "pattern"]
        .into_iter()
        .filter(|key| reader.node(key).is_some())
        .collect();
    let &[key] = given.as_slice() else {
        let table = reader.whole_table();
        let what = if given.is_empty() { "an entry changes nothing" } else { "an entry has two ways" };
        // About a key that nobody knows there is a complaint already.
        if table.entries.keys().all(|key| file::CLIENT_REWRITE.contains(&key.as_str())) {
            reader.wrong(&table.place, what, WAYS);
        }
        return None;
    };
    let text = reader.text(key)?;
    let change = match key {
        "strip-prefix" => plain(reader, key, &text).then(|| Change::strip_prefix(text.value)),
        "strip-suffix" => plain(reader, key, &text).then(|| Change::strip_suffix(text.value)),
        "add-suffix" => plain(reader, key, &text).then(|| Change::add_suffix(text.value)),
        _ => pattern(reader, &text),
    };
    if key != "pattern"
        && let Some(node) = reader.node("to")
    {
        reader.wrong(&node.place, format!("to has no effect with {key}"), "it belongs to pattern");
    }
    let expected = expectations(reader, key)?;
    let change = change?;
    let held = hold(reader, key, &text, &change, &expected);
    let mut shown = Table::new();
    shown.insert(key.to_owned(), text.value.into());
    if let Some(to) = reader.text("to") {
        shown.insert("to".to_owned(), to.value.into());
    }
    if !expected.is_empty() {
        let pairs = expected.iter().map(|(from, to)| (from.value.to_owned(), Value::from(to.value)));
        shown.insert("expect".to_owned(), Value::Table(pairs.collect()));
    }
    held.then_some((change, shown))
}

/// Whether `text` can stand at an end of a name.
fn plain(reader: &mut Reader<'_, '_>, key: &str, text: &Written<&str>) -> bool {
    let fits = (1..=MAX_NAME).contains(&text.value.len()) && !text.value.chars().any(is_hidden);
    if !fits {
        let what = format!("{key} must be 1 to {MAX_NAME} bytes of visible text");
        reader.wrong(&text.place, what, "for example \"@corp.example\"");
    }
    fits
}

fn pattern(reader: &mut Reader<'_, '_>, text: &Written<&str>) -> Option<Change> {
    let to =
        reader.need_text("to", "what takes the name's place; $1 is what the first (…) of pattern holds")?;
    match Pattern::new(text.value, to.value) {
        Ok(pattern) => Some(Change::replace(pattern)),
        Err(BadPattern::NoGroup(name)) => {
            let hint =
                "$1 is the first (…) of pattern, ${1} where a letter or digit follows, $$ a dollar sign";
            let what = format!("to cannot be used: pattern has no parentheses \"{}\"", safe(&name));
            reader.wrong(&to.place, what, hint);
            None
        }
        Err(bad) => {
            let hint =
                "the syntax is that of docs.rs/regex; a backslash is written twice, or 'in single quotes'";
            reader.wrong(&text.place, format!("pattern cannot be used: {bad}"), hint);
            None
        }
    }
}

type Expected<'a> = Vec<(Written<&'a str>, Written<&'a str>)>;

/// Names with what is to become of them, in the order of the file; `None` when they cannot be read.
fn expectations<'a>(reader: &mut Reader<'a, '_>, key: &str) -> Option<Expected<'a>> {
    const HINT: &str =
        "write expect = { \"bob@old.example\" = \"bob@new.example\" }: names and what becomes of them here";
    if reader.node("expect").is_none() {
        if key == "pattern" {
            reader.missing("expect", HINT);
            return None;
        }
        return Some(Vec::new());
    }
    let table = reader.table("expect")?;
    let mut expected: Expected<'a> = Vec::new();
    for (from, (place, node)) in &table.entries {
        match &node.value {
            table::Value::Text(to) => expected.push((
                Written { value: from, place: place.clone() },
                Written { value: to, place: node.place.clone() },
            )),
            other => {
                let what = format!("expect: a name is {}, it must be a text", other.kind());
                reader.wrong(&node.place, what, HINT);
            }
        }
    }
    expected.sort_by(|(a, _), (b, _)| a.place.cmp(&b.place));
    Some(expected)
}

/// Whether what is expected is what comes out. An expression that nobody has seen at work is not taken.
fn hold(
    reader: &mut Reader<'_, '_>,
    key: &str,
    text: &Written<&str>,
    change: &Change,
    expected: &Expected<'_>,
) -> bool {
    let alone = Renaming::new(vec![change.clone()]);
    let mut held = true;
    let mut changed = false;
    for (from, to) in expected {
        let Ok(name) = LoginName::parse(from.value.as_bytes()) else {
            reader.wrong(
                &from.place,
                format!("expect: \"{}\" can be no name", safe(from.value)),
                "remove it",
            );
            held = false;
            continue;
        };
        changed |= change.of(name.prepared()).is_some();
        let due = LoginName::parse(to.value.as_bytes());
        let got = alone.apply(name);
        let same = matches!((&got, &due), (Ok(got), Ok(due)) if got.prepared() == due.prepared());
        if !same {
            held = false;
            let shown = match &got {
                Ok(got) => format!("\"{}\"", safe(got.prepared())),
                Err(bad) => format!("no name: {bad}"),
            };
            let what = format!(
                "{}: expect: \"{}\" becomes {shown}, not \"{}\"",
                reader.who(),
                safe(from.value),
                safe(to.value)
            );
            let complaint = Complaint::wrong(&to.place, what).see(&text.place);
            reader.out().error(complaint.hint(format!("correct {key}, or what is expected of it")));
        }
    }
    if held && !changed && !expected.is_empty() {
        let what = format!("expect names nothing that {key} changes");
        let place = reader.node("expect").map_or(&text.place, |node| &node.place).clone();
        reader.wrong(&place, what, "name one that it does change, and what becomes of it");
        held = false;
    }
    held
}
