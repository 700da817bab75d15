//! `[[directory]]`

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::clock::UnixTime;
use crate::base::report::{Complaints, Place, Source};
use crate::base::stamp::Stamp;
use crate::base::table::{Reader, Table, Value};
use crate::config::client::check_name;
use crate::config::file;
use crate::config::ldap as config_ldap;
use crate::config::load::called;
use crate::config::secret::{Surroundings, all_of, open, path_of, source};
use crate::config::settings::{DirectoryKind, DirectorySettings, Pseudonyms, SecretSource};
use crate::directory::file::Users;
use crate::directory::ldap;
use crate::frontend::ldap::clients::Root;

/// No users file is longer than this many bytes.
const LONGEST: usize = 1024 * 1024 * 1024;

/// A directory and where its name stands.
pub(in crate::config) struct Draft {
    /// `None` when there is an error in it.
    pub(in crate::config) settings: Option<DirectorySettings>,
    pub(in crate::config) name: Arc<str>,
    pub(in crate::config) place: Place,
    pub(in crate::config) name_at: Option<Place>,
}

/// What kind of directory it is.
#[derive(Clone, Copy)]
enum Kind {
    File,
    Ldap(ldap::Kind),
}

/// The words of `kind`.
const KINDS: [(&str, Kind); 3] = [
    ("active-directory", Kind::Ldap(ldap::Kind::ActiveDirectory)),
    ("ldap", Kind::Ldap(ldap::Kind::Ldap)),
    ("file", Kind::File),
];

/// Reads one directory. A users file becomes a source of its own.
pub(in crate::config) fn settle(
    out: &mut Complaints,
    table: &Table,
    pseudonyms: &Pseudonyms,
    around: Surroundings<'_>,
    now: UnixTime,
    sources: &mut Vec<Source>,
) -> Draft {
    let known = match table.entries.get("kind").map(|(_, node)| &node.value) {
        Some(Value::Text(kind)) if kind == "file" => file::DIRECTORY_FILE.to_vec(),
        Some(Value::Text(kind)) if KINDS.iter().any(|(word, _)| word == kind) => {
            file::DIRECTORY_LDAP.to_vec()
        }
        _ => [file::DIRECTORY_FILE, file::DIRECTORY_LDAP].concat(),
    };
    let mut reader = Reader::new(table, called("directory", table), &known, out);
    let name = reader.need_text("name", "clients name the directory by it");
    if let Some(name) = &name {
        check_name(&mut reader, name);
    }
    let kind = reader.need_text("kind", "kind = \"active-directory\", \"ldap\" or \"file\"");
    let kind = match kind.and_then(|text| reader.word("kind", &text, &KINDS)) {
        Some(Kind::File) => users_file(&mut reader, pseudonyms, around, now, sources),
        Some(Kind::Ldap(kind)) => config_ldap::settle(&mut reader, kind, pseudonyms, around),
        None => None,
    };
    let called: Arc<str> = name.as_ref().map_or("", |name| name.value).into();
    Draft {
        settings: kind.map(|kind| DirectorySettings {
            name: Arc::clone(&called),
            kind,
            attributes: Vec::new(),
        }),
        name: called,
        place: table.place.clone(),
        name_at: name.map(|name| name.place),
    }
}

/// What the root entry of LDAP says of a directory. A file has people and no entries: who binds there cannot go on.
pub(in crate::config) fn root(settings: &DirectorySettings) -> Root {
    match &settings.kind {
        DirectoryKind::File { .. } => Root::default(),
        DirectoryKind::Ldap { settings, .. } => Root {
            naming_contexts: settings.base_dns().map(Into::into).collect(),
            active_directory: settings.is_active_directory(),
            has_entries: true,
        },
    }
}

fn users_file(
    reader: &mut Reader<'_, '_>,
    pseudonyms: &Pseudonyms,
    around: Surroundings<'_>,
    now: UnixTime,
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
    let file = open(reader, "path", &path, &place, private)?;
    let stamp = stamp(&file);
    let kept = stamp.and_then(|stamp| around.beside?.users(&path, stamp));
    let (users, stamp) = match kept.or_else(|| straight(&file, stamp?, around)) {
        Some(users) => (users, stamp.filter(|stamp| !stamp.is_recent(now))),
        None => (Arc::new(carefully(reader, file, &path, &place, sources)?), None),
    };
    let missing = users.without_number();
    if *pseudonyms != Pseudonyms::Random && missing > 0 {
        let what = format!("path: {missing} of its {} users have no number", users.len());
        reader.wrong(&place, what, "give each its number, or write subjects.pseudonym = \"random\"");
    }
    Some(DirectoryKind::File { path, stamp, users })
}

fn stamp(file: &File) -> Option<Stamp> {
    file.metadata().ok().map(|metadata| Stamp::of(&metadata))
}

/// The users of a file without a mistake or doubt, which nobody writes to meanwhile.
fn straight(file: &File, before: Stamp, around: Surroundings<'_>) -> Option<Arc<Users>> {
    // Beside logins that go on, the other cores are theirs.
    let threads = match around.beside {
        None => std::thread::available_parallelism().map_or(1, usize::from),
        Some(_) => 1,
    };
    let length = usize::try_from(before.length()).ok().filter(|length| *length <= LONGEST)?;
    let users = Users::straight(file, length, threads)?;
    (stamp(file) == Some(before)).then(|| Arc::new(users))
}

/// The users of any file; it becomes a source, and what is wrong is said.
fn carefully(
    reader: &mut Reader<'_, '_>,
    file: File,
    path: &Path,
    place: &Place,
    sources: &mut Vec<Source>,
) -> Option<Users> {
    let bytes = all_of(reader, "path", file, path, place, LONGEST)?;
    let Ok(text) = String::from_utf8(bytes) else {
        let what = format!("path: {} is not UTF-8", path.display());
        reader.wrong(place, what, "save it as UTF-8");
        return None;
    };
    let users = Users::read(sources.len(), &text, reader.out());
    sources.push(Source { name: path.display().to_string(), text, people: true });
    Some(users)
}
