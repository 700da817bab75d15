//! `[[directory]]`

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::report::{Place, Source};
use crate::base::table::{Reader, Table, Value, parse};
use crate::config::client::check_name;
use crate::config::file;
use crate::config::load::called;
use crate::config::secret::{Surroundings, bytes_of, path_of, source};
use crate::config::settings::{DirectoryKind, DirectorySettings, SecretSource};
use crate::directory::file::Users;

/// No users file is longer than this many bytes.
const LONGEST: usize = 16 * 1024 * 1024;

/// A directory and where its name stands.
pub(in crate::config) struct Draft {
    /// `None` when there is an error in it.
    pub(in crate::config) settings: Option<DirectorySettings>,
    pub(in crate::config) name: Arc<str>,
    pub(in crate::config) place: Place,
    pub(in crate::config) name_at: Option<Place>,
}

/// The kinds there are.
const KINDS: [&str; 1] = ["file"];

/// Reads one directory. A users file becomes a source of its own.
pub(in crate::config) fn settle(
    root: &mut Reader<'_, '_>,
    table: &Table,
    around: Surroundings<'_>,
    sources: &mut Vec<Source>,
) -> Draft {
    let who = called("directory", table);
    let mut reader = Reader::new(table, who, file::DIRECTORY_FILE, root.out());
    let name = reader.need_text("name", "clients name the directory by it");
    if let Some(name) = &name {
        check_name(&mut reader, name);
    }
    let words: Vec<(&str, ())> = KINDS.iter().map(|kind| (*kind, ())).collect();
    let kind = reader.need_text("kind", "kind = \"file\"");
    let known = kind.and_then(|text| reader.word("kind", &text, &words));
    let kind = known.and_then(|()| users_file(&mut reader, around, sources));
    let called: Arc<str> = name.as_ref().map_or("", |name| name.value).into();
    Draft {
        settings: kind.map(|kind| DirectorySettings { name: Arc::clone(&called), kind }),
        name: called,
        place: table.place.clone(),
        name_at: name.map(|name| name.place),
    }
}

fn users_file(
    reader: &mut Reader<'_, '_>,
    around: Surroundings<'_>,
    sources: &mut Vec<Source>,
) -> Option<DirectoryKind> {
    let node = reader.node("path");
    let (from, place) = match node.map(|node| (&node.value, &node.place)) {
        None => {
            reader.missing("path", "name the file with the users");
            return None;
        }
        Some((Value::Text(path), place)) => (SecretSource::File(PathBuf::from(path)), place.clone()),
        Some(_) => source(reader, "path")?,
    };
    let path = path_of(reader, "path", &from, &place, around)?;
    let private = matches!(from, SecretSource::File(_));
    let bytes = bytes_of(reader, "path", &path, &place, private, LONGEST)?;
    let Ok(text) = String::from_utf8(bytes) else {
        let what = format!("path: {} is not UTF-8", path.display());
        reader.wrong(&place, what, "save it as UTF-8");
        return None;
    };
    let number = sources.len();
    let table = parse(number, &text, reader.out());
    sources.push(Source { name: path.display().to_string(), text });
    let users = Users::read(&table, reader.out());
    Some(DirectoryKind::File { path, users: Arc::new(users) })
}
