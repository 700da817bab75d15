//! Reads users key by key and says everything that is wrong with them.

use std::collections::HashMap;

use crate::base::report::{Complaint, Complaints, Place};
use crate::base::table::{Reader, Table, Written};
use crate::directory::file::gathered::Gathered;
use crate::directory::file::hash::Hash;
use crate::directory::file::packed::{New, Values};
use crate::directory::file::{USER, uuid};
use crate::directory::group_name;
use crate::login::identity::{LoginName, Pseudonym};

/// Where each id, name and number stands that one user alone may have.
#[derive(Default)]
pub(in crate::directory::file) struct Careful {
    seen: HashMap<(&'static str, Box<str>), Place>,
}

impl Careful {
    /// Adds the users of `table`, all of a file or a part of it, to `gathered`; what is wrong is added to `out`.
    /// Places in the table count from `offset`.
    pub(in crate::directory::file) fn read(
        &mut self,
        table: &Table,
        offset: usize,
        gathered: &mut Gathered,
        out: &mut Complaints,
    ) {
        let mut root = Reader::new(table, "the users file", &["user"], out);
        for table in root.tables("user") {
            // Without the name: what is said here ends up in the log (F-007).
            let mut reader = Reader::new(table, "user", USER, root.out());
            self.add(&mut reader, offset, gathered);
        }
    }

    fn add(&mut self, reader: &mut Reader<'_, '_>, offset: usize, gathered: &mut Gathered) {
        let id = self.id(reader);
        let name = reader.need_text("name", "the login name");
        let mut names = Vec::new();
        let aliases = reader.texts("aliases").unwrap_or_default();
        for text in name.iter().chain(&aliases) {
            names.extend(self.login_name(reader, text));
        }
        let hash = password(reader);
        let groups = reader.texts("groups").unwrap_or_default();
        let groups =
            groups.iter().map(|group| group_name(group.value)).filter(|key| !key.is_empty()).collect();
        let disabled = reader.flag("disabled", false);
        let number = self.number(reader);
        let attributes = attributes(reader);
        let (Some(id), Some(name), Some((hash, written))) = (id, name, hash) else { return };
        let new = New {
            id,
            name: name.value,
            names: &names,
            hash: (&hash, written),
            groups: gathered.groups(&groups),
            disabled,
            number,
            attributes: &attributes,
        };
        let here = &reader.whole_table().place;
        let here = Place {
            source: here.source,
            start: here.start.saturating_add(offset),
            end: here.end.saturating_add(offset),
        };
        if let Err(full) = gathered.add(&new, || here.clone(), reader.out()) {
            reader.out().error(full.into());
        }
    }

    /// Whether `key` is new; if not, complains and points to the other.
    fn first(&mut self, reader: &mut Reader<'_, '_>, kind: &'static str, key: &str, place: &Place) -> bool {
        match self.seen.get(&(kind, Box::from(key))) {
            Some(other) => {
                let what = format!("{}: this {kind} is another user's already", reader.who());
                reader.out().error(Complaint::wrong(place, what).see(other).hint("every user has one alone"));
                false
            }
            None => {
                self.seen.insert((kind, key.into()), place.clone());
                true
            }
        }
    }

    fn id(&mut self, reader: &mut Reader<'_, '_>) -> Option<[u8; 16]> {
        const HINT: &str = "uuidgen makes one; it stays with the person whatever else changes";
        let text = reader.need_text("id", HINT)?;
        let Some(id) = uuid(text.value) else {
            reader.wrong(&text.place, "id is not a UUID", HINT);
            return None;
        };
        self.first(reader, "id", &text.value.to_ascii_lowercase(), &text.place).then_some(id)
    }

    fn login_name(&mut self, reader: &mut Reader<'_, '_>, text: &Written<&str>) -> Option<Box<str>> {
        match LoginName::parse(text.value.as_bytes()) {
            Ok(name) => {
                self.first(reader, "name", name.prepared(), &text.place).then(|| name.prepared().into())
            }
            Err(bad) => {
                reader.wrong(&text.place, bad.to_string(), "nobody could log in by it");
                None
            }
        }
    }

    fn number<'a>(&mut self, reader: &mut Reader<'a, '_>) -> Option<&'a str> {
        let text = reader.text("number")?;
        if Pseudonym::new(text.value).is_none() {
            let hint = "1 to 64 of the letters a-z and A-Z, digits, \"-\", \"_\" and \".\"";
            reader.wrong(&text.place, "number cannot be an anonymous id", hint);
        }
        self.first(reader, "number", text.value, &text.place).then_some(text.value)
    }
}

/// What reply rules can tell of the user, by names in lower case.
fn attributes(reader: &mut Reader<'_, '_>) -> Values {
    let Some(table) = reader.table("attributes") else { return Values::default() };
    let names: Vec<&str> = table.entries.keys().map(String::as_str).collect();
    let mut inner = Reader::new(table, "user: attributes", &names, reader.out());
    let mut all = Values::new();
    for name in names {
        let texts = inner.texts(name).unwrap_or_default();
        let values: Vec<Box<[u8]>> = texts.iter().map(|text| text.value.as_bytes().into()).collect();
        if all.insert(name.to_ascii_lowercase().into(), values).is_some()
            && let Some((place, _)) = table.entries.get(name)
        {
            inner.wrong(place, "this attribute stands twice, in other letter cases", "remove one of them");
        }
    }
    all
}

fn password<'a>(reader: &mut Reader<'a, '_>) -> Option<(Hash, &'a str)> {
    const HINT: &str = "doorward hash-password asks for the password and prints its hash";
    let text = reader.need_text("password", HINT)?;
    match Hash::read(text.value) {
        Ok(hash) => Some((hash, text.value)),
        Err(bad) => {
            reader.wrong(&text.place, format!("password is not a hash we can use: {bad}"), HINT);
            None
        }
    }
}
