//! `[[reply]]`: what devices are told about whom they let in.

mod across;

use std::sync::Arc;

use toml::{Table, Value};

use crate::base::report::Place;
use crate::base::table::{self, Reader, Written};
use crate::base::text::safe;
use crate::config::client::check_name;
pub(in crate::config) use crate::config::reply::across::{ask, check, tell};
use crate::config::show::{list, word};
use crate::config::{file, rule};
use crate::directory::group_name;
use crate::frontend::radius::reply::source::{FromAccount, Missing, SEPARATORS, Source, Take};
use crate::frontend::radius::reply::target::{Often, Refused, Target, Untellable};
use crate::frontend::radius::reply::{Attribute, Choice, Rule, Without};

/// The words of `reply-rules`.
pub(in crate::config) const CHOICES: [(&str, Choice); 2] =
    [("first", Choice::First), ("merge", Choice::Merge)];
/// The words of `without-reply-rule`.
pub(in crate::config) const WITHOUT: [(&str, Without); 2] =
    [("accept", Without::Accept), ("refuse", Without::Refuse)];
/// The words of `missing`.
const MISSING: [(&str, Missing); 2] = [("refuse", Missing::Refuse), ("omit", Missing::Omit)];
/// The words of `take`.
const TAKE: [(&str, Take); 3] = [("only", Take::Only), ("first", Take::First), ("all", Take::All)];

/// Longest text before or behind a value, in bytes; no attribute has room for more.
const LONGEST: usize = 253;

/// A rule and where the things stand that are compared with other tables.
pub(in crate::config) struct Draft {
    pub(in crate::config) rule: Arc<Rule>,
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Place>,
    /// `None` for all that speak RADIUS.
    pub(in crate::config) clients: Option<Vec<Written<String>>>,
    /// Keys of groups, in conditions and in `by-group`.
    pub(in crate::config) groups: Vec<Written<Box<str>>>,
    /// Attributes of accounts, lower case.
    pub(in crate::config) wanted: Vec<Written<Box<str>>>,
    /// As it was written.
    pub(in crate::config) shown: Table,
}

/// What is read of one rule besides its attributes.
#[derive(Default)]
struct Gathered {
    groups: Vec<Written<Box<str>>>,
    wanted: Vec<Written<Box<str>>>,
    attributes: Vec<Attribute>,
    places: Vec<Place>,
    shown: Vec<Value>,
}

/// Reads one rule; `reader` is already called by its name.
pub(in crate::config) fn settle(reader: &mut Reader<'_, '_>) -> Draft {
    let name = reader.need_text("name", "the name stands in explain and in what is said about the rule");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    let written = |texts: Vec<Written<&str>>| -> Vec<Written<String>> {
        texts.into_iter().map(|t| Written { value: t.value.to_owned(), place: t.place }).collect()
    };
    let clients = reader.texts("client").map(written);
    let places = reader.texts("group").unwrap_or_default().into_iter().map(|text| text.place);
    let groups = rule::groups(reader);
    let mut gathered = Gathered::default();
    for (value, place) in groups.iter().flatten().zip(places) {
        gathered.groups.push(Written { value: value.clone(), place });
    }
    let administrative = reader.flag("administrative", false);
    attributes(reader, administrative, &mut gathered);
    let mut shown = Table::new();
    shown.insert("name".to_owned(), name.as_ref().map_or("", |name| name.value).into());
    if let Some(clients) = &clients {
        shown.insert("client".to_owned(), list(clients.iter().map(|client| client.value.as_str())));
    }
    if let Some(groups) = &groups {
        shown.insert("group".to_owned(), list(groups.iter().map(|group| &**group)));
    }
    shown.insert("administrative".to_owned(), administrative.into());
    shown.insert("attributes".to_owned(), Value::Array(gathered.shown));
    Draft {
        rule: Arc::new(Rule {
            name: name.as_ref().map_or("", |name| name.value).into(),
            groups,
            attributes: gathered.attributes,
        }),
        place: reader.whole_table().place.clone(),
        name: name.map(|name| name.place),
        clients,
        groups: gathered.groups,
        wanted: gathered.wanted,
        shown,
    }
}

fn attributes(reader: &mut Reader<'_, '_>, administrative: bool, gathered: &mut Gathered) {
    if reader.node("attributes").is_none() {
        let hint = "for example attributes = [{ name = \"Filter-Id\", value = \"users\" }]";
        reader.missing("attributes", hint);
    }
    let who = format!("{}: attributes", reader.who());
    for table in reader.tables("attributes") {
        let mut inner = Reader::new(table, who.clone(), file::REPLY_ATTRIBUTE, reader.out());
        attribute(&mut inner, administrative, gathered);
    }
}

fn attribute(reader: &mut Reader<'_, '_>, administrative: bool, gathered: &mut Gathered) {
    let name = reader.need_text("name", "the attribute's name, such as \"Filter-Id\" or \"Class\"");
    let target = name.as_ref().and_then(|name| target(reader, name, administrative));
    let ways: Vec<&str> =
        ["value", "from", "by-group"].into_iter().filter(|key| reader.node(key).is_some()).collect();
    let &[way] = ways.as_slice() else {
        let place = reader.whole_table().place.clone();
        let what = if ways.is_empty() { "an entry has no value" } else { "an entry has several sources" };
        let hint =
            "write value = \"…\", from = \"attribute of the account\" or by-group = { \"group\" = \"…\" }";
        reader.wrong(&place, what, hint);
        return;
    };
    for (key, with) in
        [("before", "from"), ("after", "from"), ("allow", "from"), ("take", "from"), ("every", "by-group")]
    {
        no_effect(reader, key, way == with, with);
    }
    no_effect(reader, "missing", way != "value", "from and by-group");
    let Some(target) = target else { return };
    let mut shown = Table::new();
    shown.insert("name".to_owned(), target.name().into());
    let source = match way {
        "value" => fixed(reader, &target, &mut shown),
        "from" => from_account(reader, &target, gathered, &mut shown),
        _ => by_group(reader, &target, gathered, &mut shown),
    };
    let missing = reader.choice("missing", &MISSING, Missing::Refuse);
    if way != "value" {
        shown.insert("missing".to_owned(), word(&MISSING, missing));
    }
    let Some(source) = source else { return };
    let attribute = Attribute { target, source, missing };
    never_reached(reader, &attribute, gathered);
    gathered.attributes.push(attribute);
    gathered.places.push(reader.whole_table().place.clone());
    gathered.shown.push(Value::Table(shown));
}

fn no_effect(reader: &mut Reader<'_, '_>, key: &str, has_effect: bool, with: &str) {
    if let Some(node) = reader.node(key).filter(|_| !has_effect) {
        reader.wrong(&node.place, format!("{key} has no effect here, it goes with {with}"), "remove it");
    }
}

/// Behind an entry that always has a value another for an attribute that stands once would do nothing.
fn never_reached(reader: &mut Reader<'_, '_>, attribute: &Attribute, gathered: &Gathered) {
    let before = gathered.attributes.iter().zip(&gathered.places).find(|(before, _)| {
        let ends = before.source.is_certain() || before.missing == Missing::Refuse;
        before.target.key() == attribute.target.key() && ends
    });
    if let Some((_, place)) = before.filter(|_| attribute.target.often() == Often::Once) {
        let what = format!("{}: this entry is never used", reader.who());
        let complaint = crate::base::report::Complaint::wrong(&reader.whole_table().place, what).see(place);
        let hint = format!(
            "an accept has one {} at most, and the entry before it always has a value or refuses",
            attribute.target.name()
        );
        reader.out().error(complaint.hint(hint));
    }
}

fn target(reader: &mut Reader<'_, '_>, name: &Written<&str>, administrative: bool) -> Option<Target> {
    let why = match Target::named(name.value, administrative) {
        Ok(target) => return Some(target),
        Err(why) => why,
    };
    let hint = match &why {
        Untellable::Unknown(Some(near)) => format!("did you mean \"{near}\"?"),
        Untellable::Unknown(None) => {
            "a vendor's attribute that has no name here is written Attr-26.<vendor>.<type>".to_owned()
        }
        Untellable::Tag(_) => {
            "a tag stands behind names of tunnel attributes, such as Tunnel-Type:1".to_owned()
        }
        Untellable::Secret => "keys come from an upstream alone; leave it out".to_owned(),
        Untellable::Text => "people read the prompt of the client; leave it out".to_owned(),
        Untellable::Never(_) => "leave it out".to_owned(),
        Untellable::Administrative => {
            "write administrative = true in a rule for administrators alone, if that is what you mean"
                .to_owned()
        }
    };
    reader.wrong(&name.place, format!("\"{}\" cannot be told: {why}", safe(name.value)), hint);
    None
}

/// What a text becomes on the wire.
fn whole(reader: &mut Reader<'_, '_>, target: &Target, text: &str, place: &Place) -> Option<Box<[u8]>> {
    let why = match target.whole(text) {
        Ok(whole) => return Some(whole),
        Err(why) => why,
    };
    let hint = match &why {
        Refused::Administrative => "write administrative = true in a rule for administrators alone",
        Refused::Unfit(_) | Refused::Interval => "docs/reply-attributes.md says what the forms are",
    };
    reader.wrong(place, format!("\"{}\" is no value of {}: {why}", safe(text), target.name()), hint);
    None
}

/// A text, or a number that stands for its digits.
fn text_of(node: &table::Node) -> Option<String> {
    match &node.value {
        table::Value::Text(text) => Some(text.clone()),
        table::Value::Whole(number) => Some(number.to_string()),
        table::Value::Flag(_)
        | table::Value::Date(_)
        | table::Value::List(_)
        | table::Value::Table(_)
        | table::Value::Unfit => None,
    }
}

fn fixed(reader: &mut Reader<'_, '_>, target: &Target, shown: &mut Table) -> Option<Source> {
    let node = reader.node("value")?;
    let Some(text) = text_of(node) else {
        let what = format!("value is {}, it must be a text or a number", node.value.kind());
        reader.wrong(&node.place, what, "several values are several entries");
        return None;
    };
    shown.insert("value".to_owned(), text.as_str().into());
    whole(reader, target, &text, &node.place).map(Source::Fixed)
}

fn from_account(
    reader: &mut Reader<'_, '_>,
    target: &Target,
    gathered: &mut Gathered,
    shown: &mut Table,
) -> Option<Source> {
    let name = reader.text("from")?;
    let fits = (1..=128).contains(&name.value.len())
        && name.value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    if !fits {
        let what = format!("from: \"{}\" is no name of an attribute in a directory", safe(name.value));
        reader.wrong(
            &name.place,
            what,
            "for example \"department\"; options such as \";lang-de\" are not read",
        );
        return None;
    }
    let lower: Box<str> = name.value.to_ascii_lowercase().into();
    gathered.wanted.push(Written { value: lower.clone(), place: name.place });
    let usual = if target.often() == Often::Any { Take::All } else { Take::Only };
    let take = reader.choice("take", &TAKE, usual);
    if let Some(node) = reader.node("take").filter(|_| take == Take::All && target.often() == Often::Once) {
        let what = format!("take is \"all\", and an accept has one {} at most", target.name());
        reader.wrong(&node.place, what, "write \"only\" or \"first\"");
    }
    let (before, after) = (around(reader, "before"), around(reader, "after"));
    let allow = reader.text("allow");
    if let Some(allow) = &allow {
        let odd = allow
            .value
            .chars()
            .find(|c| !c.is_ascii_punctuation() || before.contains(*c) || after.contains(*c));
        if let Some(odd) = odd {
            let what = format!("allow: {odd:?} cannot be allowed");
            let hint =
                format!("it is for signs such as {SEPARATORS} that stand neither in before nor in after");
            reader.wrong(&allow.place, what, hint);
        }
    }
    let allow = allow.map_or("", |text| text.value);
    shown.insert("from".to_owned(), (*lower).into());
    shown.insert("take".to_owned(), word(&TAKE, take));
    for (key, text) in [("before", before), ("after", after), ("allow", allow)] {
        if !text.is_empty() {
            shown.insert(key.to_owned(), text.into());
        }
    }
    Some(Source::Account(Box::new(FromAccount {
        name: lower,
        before: before.into(),
        after: after.into(),
        allow: allow.into(),
        take,
    })))
}

fn around<'a>(reader: &mut Reader<'a, '_>, key: &str) -> &'a str {
    let Some(text) = reader.text(key) else { return "" };
    if text.value.len() > LONGEST || text.value.chars().any(char::is_control) {
        reader.wrong(
            &text.place,
            format!("{key} must be visible text of up to {LONGEST} bytes"),
            "shorten it",
        );
    }
    text.value
}

fn by_group(
    reader: &mut Reader<'_, '_>,
    target: &Target,
    gathered: &mut Gathered,
    shown: &mut Table,
) -> Option<Source> {
    let node = reader.node("by-group")?;
    // A list of tables says the same and keeps its order wherever it is written.
    let tables = if matches!(node.value, table::Value::List(_)) {
        reader.tables("by-group")
    } else {
        reader.table("by-group").into_iter().collect()
    };
    let every = reader.flag("every", false);
    if let Some(node) = reader.node("every").filter(|_| every && target.often() == Often::Once) {
        let what = format!("every is true, and an accept has one {} at most", target.name());
        reader.wrong(&node.place, what, "leave it out: the first group that fits counts");
    }
    let mut entries: Vec<_> = tables.iter().flat_map(|table| &table.entries).collect();
    entries.sort_by_key(|(_, (place, _))| place.start);
    if entries.is_empty() {
        reader.wrong(
            &node.place,
            "by-group names no group",
            "write by-group = { \"VPN Users\" = \"users\" }",
        );
    }
    let (mut rows, mut written) = (Vec::new(), Vec::new());
    for (group, (place, node)) in entries {
        let key = group_name(group);
        let Some(text) = text_of(node) else {
            let what = format!("by-group: a value is {}, it must be a text or a number", node.value.kind());
            reader.wrong(&node.place, what, "write by-group = { \"VPN Users\" = \"users\" }");
            continue;
        };
        if key.is_empty() || rows.iter().any(|(other, _)| *other == key) {
            let what =
                format!("by-group: \"{}\" names no group, or one that stands here already", safe(group));
            reader.wrong(place, what, "upper and lower case are the same");
            continue;
        }
        if let Some(whole) = whole(reader, target, &text, &node.place) {
            gathered.groups.push(Written { value: key.clone(), place: place.clone() });
            rows.push((key, whole));
            written.push(Value::Table([(group.clone(), text.into())].into_iter().collect()));
        }
    }
    shown.insert("by-group".to_owned(), Value::Array(written));
    shown.insert("every".to_owned(), every.into());
    Some(Source::Groups { rows, every })
}
