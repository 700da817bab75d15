//! The environment: overrides of single keys, credentials, secrets in variables.
//!
//! It is handed in, so that a test brings its own and `check` can be asked about another machine's.

use std::path::PathBuf;

use figment::value::{Dict, Map, Value as Given};
use figment::{Figment, Metadata, Profile, Provider};

use crate::base::report::{Complaint, Complaints, Place, Source};
use crate::base::table::{Node, Table, Value, nearest};
use crate::config::file::{REPEATED, SINGLE};

/// Variables with this beginning override keys.
const PREFIX: &str = "DOORWARD_";

/// Variables of ours that override nothing.
const OTHERS: [&str; 1] = ["DOORWARD_CONFIG"];

/// Names and values.
#[derive(Clone, Default)]
pub struct Environment {
    variables: Vec<(String, String)>,
}

impl Environment {
    /// The environment of this process; what is no UTF-8 is left out.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |s: std::ffi::OsString| s.into_string().ok();
        Self { variables: std::env::vars_os().filter_map(|(k, v)| Some((text(k)?, text(v)?))).collect() }
    }

    /// These variables.
    #[must_use]
    pub fn of(variables: &[(&str, &str)]) -> Self {
        Self { variables: variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect() }
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Where the credential `name` lies. A folder that the unit loads as `doorward` appears file by file
    /// under names that begin with `doorward_`, so that is looked for as well.
    ///
    /// `None` when nobody hands credentials over.
    #[must_use]
    pub fn credential(&self, name: &str) -> Option<PathBuf> {
        let folder = PathBuf::from(self.get("CREDENTIALS_DIRECTORY")?);
        let of_folder = folder.join(format!("doorward_{name}"));
        let single = folder.join(name);
        Some(if !single.exists() && of_folder.exists() { of_folder } else { single })
    }

    /// The keys that variables override, as a table to lay over the files. Each variable becomes a source.
    pub(in crate::config) fn overrides(&self, sources: &mut Vec<Source>, out: &mut Complaints) -> Table {
        let first = sources.len();
        let mut layers = Figment::new();
        let mut sorted: Vec<&(String, String)> =
            self.variables.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        sorted.sort();
        for (name, value) in sorted {
            if OTHERS.contains(&name.as_str()) {
                continue;
            }
            let place = Place::new(sources.len(), &(0..value.len()));
            sources.push(Source { name: format!("${name}"), text: value.clone(), people: false });
            match path_of(name) {
                Ok(path) => layers = layers.merge(Variable { name: format!("${name}"), path, value }),
                Err((what, hint)) => out.error(Complaint::wrong(&place, what).hint(hint)),
            }
        }
        let place = Place::whole(first);
        let Ok(data) = layers.data() else {
            out.error(Complaint::whole("the overrides in the environment cannot be read together"));
            return Table { place, entries: std::collections::BTreeMap::new() };
        };
        let dict = data.into_iter().next().map(|(_, dict)| dict).unwrap_or_default();
        table_of(&layers, sources, &place, dict)
    }
}

/// `DOORWARD_LOG__LEVEL` → `log.level`, or what is wrong with the name.
fn path_of(name: &str) -> Result<String, (String, String)> {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    let parts: Vec<String> = rest.split("__").map(|part| part.to_lowercase().replace('_', "-")).collect();
    let sections: Vec<&str> = SINGLE.iter().map(|(section, _)| *section).collect();
    let section = parts.first().map_or("", String::as_str);
    if parts.len() < 2 || parts.iter().any(String::is_empty) {
        let hint = "section and key are divided by two underscores, as in DOORWARD_LOG__LEVEL=debug";
        return Err(("the variable names no setting".to_owned(), hint.to_owned()));
    }
    if section == "keys" || REPEATED.iter().any(|(name, _)| *name == section) {
        let what = format!("{section} cannot be set from the environment");
        return Err((what, "write it into the file, or into a file in conf.d".to_owned()));
    }
    if !sections.contains(&section) {
        let hint = nearest(section, &sections).map_or_else(
            || format!("the sections are {}", sections.join(", ")),
            |s| format!("did you mean {s}?"),
        );
        return Err((format!("there is no section \"{section}\""), hint));
    }
    Ok(parts.join("."))
}

struct Variable<'a> {
    name: String,
    path: String,
    value: &'a str,
}

impl Provider for Variable<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let Ok(value) = self.value.parse::<Given>();
        let nested = figment::util::nest(&self.path, value);
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}

fn table_of(layers: &Figment, sources: &[Source], place: &Place, dict: Dict) -> Table {
    let entries = dict
        .into_iter()
        .map(|(key, value)| {
            let node = node_of(layers, sources, place, value);
            (key, (node.place.clone(), node))
        })
        .collect();
    Table { place: place.clone(), entries }
}

/// The variable that a value came from is the one whose layer has the value's tag.
fn node_of(layers: &Figment, sources: &[Source], parent: &Place, value: Given) -> Node {
    let name = layers.get_metadata(value.tag()).map(|metadata| metadata.name.as_ref());
    let place = sources.iter().position(|source| Some(source.name.as_str()) == name).map_or_else(
        || parent.clone(),
        |at| Place::new(at, &(0..sources.get(at).map_or(0, |s| s.text.len()))),
    );
    let value = match value {
        Given::String(_, text) => Value::Text(text),
        Given::Char(_, c) => Value::Text(c.to_string()),
        Given::Bool(_, flag) => Value::Flag(flag),
        Given::Num(_, number) => number.to_i128().and_then(|n| i64::try_from(n).ok()).map_or_else(
            || number.to_u128().and_then(|n| i64::try_from(n).ok()).map_or(Value::Unfit, Value::Whole),
            Value::Whole,
        ),
        Given::Empty(_, _) => Value::Text(String::new()),
        Given::Dict(_, dict) => Value::Table(table_of(layers, sources, &place, dict)),
        Given::Array(_, list) => {
            Value::List(list.into_iter().map(|item| node_of(layers, sources, &place, item)).collect())
        }
    };
    Node { place, value }
}
