//! `[[rule]]`

pub(in crate::config) mod conditions;
pub(in crate::config) mod dates;
pub(in crate::config) mod hours;
pub(in crate::config) mod names;
pub(in crate::config) mod outcome;

use std::collections::BTreeMap;

use crate::base::report::Place;
use crate::base::table::{Reader, Written};
use crate::config::client::check_name;
use crate::config::rule::conditions::Gathered;
pub(in crate::config) use crate::config::rule::conditions::groups;
use crate::config::sets::Sets;
use crate::login::policy::{Condition, Requirement, Rule, Validity};

/// A rule and where the things stand that are compared with other tables.
pub(in crate::config) struct Draft {
    pub(in crate::config) rule: Rule,
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Place>,
    pub(in crate::config) gathered: Gathered,
    pub(in crate::config) replies: Vec<Written<String>>,
    pub(in crate::config) grace_until: Option<Place>,
    pub(in crate::config) then: Option<Place>,
    pub(in crate::config) valid: Validity,
    /// Nothing was wrong in it.
    pub(in crate::config) sound: bool,
    /// Where the value of each key stands.
    pub(in crate::config) keys: BTreeMap<String, Place>,
}

impl Draft {
    /// Where its name stands, or else where it begins.
    pub(in crate::config) fn at(&self) -> &Place {
        self.name.as_ref().unwrap_or(&self.place)
    }

    /// Where `key` stands, or else the name.
    pub(in crate::config) fn key(&self, key: &str) -> &Place {
        self.keys.get(key).unwrap_or(self.at())
    }
}

/// Reads one rule; `reader` is already called by its name.
pub(in crate::config) fn settle(reader: &mut Reader<'_, '_>, sets: &Sets) -> Draft {
    let before = reader.out().errors.len();
    let name = reader.need_text("name", "the name stands in audit records and in explain");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    let mut gathered = Gathered::default();
    let mut parts = conditions::read(reader, sets, &mut gathered);
    let valid = dates::validity(reader);
    if valid != Validity::default() {
        parts.insert(0, Condition::Valid(valid));
    }
    let when = Condition::All(parts);
    let outcome = outcome::read(reader, &when);
    let sound = reader.out().errors.len() == before;
    let table = reader.whole_table();
    Draft {
        sound,
        place: table.place.clone(),
        rule: Rule {
            name: name.as_ref().map_or("", |name| name.value).into(),
            when,
            then: outcome.then.unwrap_or(Requirement::Refuse),
            options: outcome.options,
        },
        name: name.map(|name| name.place),
        gathered,
        replies: outcome.replies,
        grace_until: reader.place_of("grace-until"),
        then: reader.place_of("then"),
        valid,
        keys: table.entries.iter().map(|(key, (_, node))| (key.clone(), node.place.clone())).collect(),
    }
}
