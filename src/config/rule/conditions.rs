//! Conditions as they are written: one key for each, lists that hold when one of their entries does, and `any`,
//! `all` and `not` around more of them.

pub(in crate::config) mod inputs;

use std::sync::Arc;

use crate::base::report::Place;
use crate::base::table::{Reader, Table, Value, Written};
use crate::base::text::safe;
use crate::config::file;
use crate::config::rule::hours;
use crate::config::sets::Sets;
use crate::directory::group_name;
use crate::login::identity::Pseudonym;
use crate::login::policy::{Condition, Window};

/// Tables of conditions may stand inside each other this deep.
const DEEPEST: usize = 8;

/// What names stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Named {
    Client,
    ClientGroup,
    Listener,
    Directory,
}

/// What is read of conditions besides themselves: whatever is compared with other tables.
#[derive(Default)]
pub(in crate::config) struct Gathered {
    pub(in crate::config) names: Vec<(Named, Written<String>)>,
    pub(in crate::config) groups: Vec<(Box<str>, Place)>,
    /// Conditions about country or autonomous system, at any depth.
    pub(in crate::config) geo: Vec<(&'static str, Place)>,
    /// Conditions about networks that somebody was let in from before.
    pub(in crate::config) history: Vec<Place>,
}

/// Reads the conditions that stand in the table of `reader`, all of which must hold.
pub(in crate::config) fn read(
    reader: &mut Reader<'_, '_>,
    sets: &Sets,
    gathered: &mut Gathered,
) -> Vec<Condition> {
    level(reader, sets, gathered, 0)
}

fn level(reader: &mut Reader<'_, '_>, sets: &Sets, gathered: &mut Gathered, depth: usize) -> Vec<Condition> {
    let mut parts: Vec<Option<Condition>> = vec![
        inputs::protocols(reader),
        names(reader, "client", Named::Client, gathered).map(Condition::Client),
        names(reader, "client-group", Named::ClientGroup, gathered).map(Condition::ClientGroup),
        names(reader, "listener", Named::Listener, gathered).map(Condition::Listener),
        names(reader, "directory", Named::Directory, gathered).map(Condition::Directory),
        inputs::networks(reader, sets),
        inputs::countries(reader),
        inputs::systems(reader),
        times(reader, sets),
        inputs::calendars(reader, sets),
        inputs::first(reader),
        subjects(reader).map(Condition::Subject),
        grouped(reader, gathered),
    ];
    parts.extend(inputs::history(reader));
    for key in ["country", "asn"] {
        gathered.geo.extend(reader.place_of(key).map(|place| (key, place)));
    }
    gathered.history.extend(reader.place_of("new-network"));
    parts.extend([
        tables(reader, "any", sets, gathered, depth).map(Condition::Any),
        tables(reader, "all", sets, gathered, depth).map(Condition::All),
        negated(reader, sets, gathered, depth),
    ]);
    parts.into_iter().flatten().collect()
}

fn names(
    reader: &mut Reader<'_, '_>,
    key: &str,
    kind: Named,
    gathered: &mut Gathered,
) -> Option<Vec<Arc<str>>> {
    let texts = reader.texts(key)?;
    let names = texts.iter().map(|text| Arc::from(text.value)).collect();
    let written = |text: Written<&str>| Written { value: text.value.to_owned(), place: text.place };
    gathered.names.extend(texts.into_iter().map(|text| (kind, written(text))));
    Some(names)
}

fn grouped(reader: &mut Reader<'_, '_>, gathered: &mut Gathered) -> Option<Condition> {
    let keys = written_groups(reader)?;
    let condition = Condition::Group(keys.iter().map(|(key, _)| key.clone()).collect());
    gathered.groups.extend(keys);
    Some(condition)
}

/// The keys of groups, as they are compared.
pub(in crate::config) fn groups(reader: &mut Reader<'_, '_>) -> Option<Vec<Box<str>>> {
    written_groups(reader).map(|keys| keys.into_iter().map(|(key, _)| key).collect())
}

fn written_groups(reader: &mut Reader<'_, '_>) -> Option<Vec<(Box<str>, Place)>> {
    let texts = reader.texts("group")?;
    let mut keys = Vec::with_capacity(texts.len());
    for text in texts {
        let key = group_name(text.value);
        if key.is_empty() {
            reader.wrong(&text.place, "group names nothing", "the short name of a group, or its whole DN");
        }
        keys.push((key, text.place));
    }
    Some(keys)
}

/// Reads anonymous ids.
pub(in crate::config) fn subjects(reader: &mut Reader<'_, '_>) -> Option<Vec<Pseudonym>> {
    let texts = reader.texts("subject")?;
    let mut found = Vec::with_capacity(texts.len());
    for text in texts {
        match Pseudonym::new(text.value) {
            Some(pseudonym) => found.push(pseudonym),
            None => {
                let what = format!("subject: \"{}\" is not an anonymous id", safe(text.value));
                reader.wrong(
                    &text.place,
                    what,
                    "rules name people by their anonymous id, as it stands in the audit",
                );
            }
        }
    }
    Some(found)
}

/// One inline table, or a list of tables and of names of windows.
fn times(reader: &mut Reader<'_, '_>, sets: &Sets) -> Option<Condition> {
    let node = reader.node("time")?;
    let nodes = match &node.value {
        Value::List(nodes) => nodes.as_slice(),
        Value::Table(_) | Value::Text(_) => std::slice::from_ref(node),
        Value::Whole(_) | Value::Flag(_) | Value::Date(_) | Value::Unfit => {
            let what = format!("time is {}, it must be a list of names and tables", node.value.kind());
            reader.wrong(&node.place, what, "write time = [\"name of a [[window]]\"], or time = [{ … }]");
            return None;
        }
    };
    if nodes.is_empty() {
        reader.wrong(&node.place, "time is an empty list", "name at least one window, or leave the key out");
    }
    let who = format!("{}: time", reader.who());
    let (mut windows, mut inline) = (Vec::new(), Vec::new());
    for node in nodes {
        match &node.value {
            Value::Text(name) => {
                let text = Written { value: name.as_str(), place: node.place.clone() };
                windows.extend(sets.window(reader, &text));
            }
            Value::Table(table) => inline.extend(hours::in_rule(reader, &who, table)),
            other => {
                let what = format!("an entry of time is {}, it must be a name or a table", other.kind());
                reader.wrong(&node.place, what, "write the name of a [[window]] in quotes");
            }
        }
    }
    if !inline.is_empty() {
        windows.push(Arc::new(Window { name: "".into(), hours: inline }));
    }
    Some(Condition::Time(windows))
}

fn tables(
    reader: &mut Reader<'_, '_>,
    key: &str,
    sets: &Sets,
    gathered: &mut Gathered,
    depth: usize,
) -> Option<Vec<Condition>> {
    let node = reader.node(key)?;
    let tables = reader.tables(key);
    if matches!(&node.value, Value::List(list) if list.is_empty()) {
        let hint = "name at least one table of conditions, or leave the key out";
        reader.wrong(&node.place, format!("{key} is an empty list"), hint);
    }
    Some(tables.into_iter().map(|table| nested(reader, key, table, sets, gathered, depth)).collect())
}

fn negated(
    reader: &mut Reader<'_, '_>,
    sets: &Sets,
    gathered: &mut Gathered,
    depth: usize,
) -> Option<Condition> {
    let table = reader.table("not")?;
    Some(Condition::Not(Box::new(nested(reader, "not", table, sets, gathered, depth))))
}

fn nested(
    reader: &mut Reader<'_, '_>,
    key: &str,
    table: &Table,
    sets: &Sets,
    gathered: &mut Gathered,
    depth: usize,
) -> Condition {
    let who = format!("{}: {key}", reader.who());
    let mut inner = Reader::new(table, who, file::CONDITIONS, reader.out());
    let depth = depth.saturating_add(1);
    if depth > DEEPEST {
        let what = format!("any, all and not stand inside each other more than {DEEPEST} deep");
        inner.wrong(&table.place, what, "make several rules of it");
        return Condition::ALWAYS;
    }
    if table.entries.is_empty() {
        inner.wrong(&table.place, "it holds no condition", "name one, or leave the table out");
    }
    Condition::All(level(&mut inner, sets, gathered, depth))
}
