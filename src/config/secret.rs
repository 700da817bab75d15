//! Secrets, read from where the configuration says they are; they never stand in it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::report::Place;
use crate::base::secret::Secret;
use crate::base::table::{Reader, Value};
use crate::config::environment::Environment;
use crate::config::file::SECRET;
use crate::config::kept::Kept;
use crate::config::settings::SecretSource;

/// No secret is longer than this many bytes.
const LONGEST: usize = 4096;

/// Where secrets are looked for.
#[derive(Clone, Copy)]
pub(in crate::config) struct Surroundings<'a> {
    /// Variables and credentials.
    pub(in crate::config) environment: &'a Environment,
    /// Folder of the configuration file; relative paths begin here.
    pub(in crate::config) folder: &'a Path,
    /// What may be taken over from settings that hold; logins go on meanwhile.
    pub(in crate::config) beside: Option<&'a Kept>,
}

/// A secret that was read.
pub(in crate::config) struct Found {
    /// The secret; not empty.
    pub(in crate::config) secret: Secret,
    /// Where from.
    pub(in crate::config) from: SecretSource,
    /// Where that is written.
    pub(in crate::config) place: Place,
}

/// Reads the secret that `key` points to.
pub(in crate::config) fn read(
    reader: &mut Reader<'_, '_>,
    key: &str,
    around: Surroundings<'_>,
) -> Option<Found> {
    let (from, place) = source(reader, key)?;
    let bytes = match &from {
        SecretSource::Env(name) => match around.environment.get(name) {
            Some(value) => Some(value.as_bytes().to_vec()),
            None => {
                reader.wrong(&place, format!("{key}: the variable {name} is not set"), SET_IT);
                return None;
            }
        },
        SecretSource::File(_) | SecretSource::Credential(_) => {
            let path = path_of(reader, key, &from, &place, around)?;
            let private = matches!(from, SecretSource::File(_));
            bytes_of(reader, key, &path, &place, private, LONGEST)
        }
    }?;
    let secret = without_line_end(bytes);
    if secret.is_empty() {
        reader.wrong(&place, format!("{key} is empty"), "openssl rand -base64 24 makes a good one");
        return None;
    }
    Some(Found { secret, from, place })
}

const SET_IT: &str = "set it in the unit, or point to a file or a credential";

/// Where the file or credential that `from` names lies.
pub(in crate::config) fn path_of(
    reader: &mut Reader<'_, '_>,
    key: &str,
    from: &SecretSource,
    place: &Place,
    around: Surroundings<'_>,
) -> Option<PathBuf> {
    match from {
        SecretSource::File(path) => Some(around.folder.join(path)),
        SecretSource::Credential(name) => {
            let path = around.environment.credential(name);
            if path.is_none() {
                let what = format!("{key}: there are no credentials here, CREDENTIALS_DIRECTORY is not set");
                let hint = "systemd sets it for the service; to try by hand: \
                            CREDENTIALS_DIRECTORY=/etc/doorward/credentials doorward check";
                reader.wrong(place, what, hint);
            }
            path
        }
        SecretSource::Env(_) => {
            reader.wrong(
                place,
                format!("{key} cannot come from a variable"),
                "point to a file or a credential",
            );
            None
        }
    }
}

/// Which kind of place `key` names.
pub(in crate::config) fn source(reader: &mut Reader<'_, '_>, key: &str) -> Option<(SecretSource, Place)> {
    let node = reader.node(key)?;
    let ways = format!("write {key} = {{ file = \"…\" }}, {{ credential = \"…\" }} or {{ env = \"…\" }}");
    let Value::Table(table) = &node.value else {
        let what = if matches!(node.value, Value::Text(_)) {
            format!("{key} stands here in plain text; it must be kept elsewhere")
        } else {
            format!("{key} is {}, it must say where the secret is", node.value.kind())
        };
        reader.wrong(&node.place, what, ways);
        return None;
    };
    let who = format!("{}: {key}", reader.who());
    let mut inner = Reader::new(table, who, SECRET, reader.out());
    let places = [inner.text("file"), inner.text("credential"), inner.text("env")];
    let written = table.entries.len();
    let [file, credential, env] = places;
    let found = match (&file, &credential, &env) {
        (Some(text), None, None) => Some((SecretSource::File(PathBuf::from(text.value)), text)),
        (None, Some(text), None) => Some((SecretSource::Credential(text.value.into()), text)),
        (None, None, Some(text)) => Some((SecretSource::Env(text.value.into()), text)),
        _ if written != 1 => {
            inner.wrong(&node.place, "exactly one of file, credential and env is needed", ways);
            return None;
        }
        _ => None,
    };
    let (source, text) = found?;
    let plain_name = |name: &str| !name.is_empty() && !name.contains(['/', '\0']) && !name.starts_with('.');
    let named_badly = match &source {
        SecretSource::File(path) => path.as_os_str().is_empty(),
        SecretSource::Credential(name) | SecretSource::Env(name) => !plain_name(name),
    };
    if named_badly {
        inner.wrong(&text.place, "this is no name", ways);
        return None;
    }
    Some((source, text.place.clone()))
}

/// The bytes of a file that is asked for under `key`. With `private`, nobody but its owner may read it.
pub(in crate::config) fn bytes_of(
    reader: &mut Reader<'_, '_>,
    key: &str,
    path: &Path,
    place: &Place,
    private: bool,
    longest: usize,
) -> Option<Vec<u8>> {
    let file = open(reader, key, path, place, private)?;
    all_of(reader, key, file, path, place, longest)
}

/// All bytes of `file`, which is at `path`.
pub(in crate::config) fn all_of(
    reader: &mut Reader<'_, '_>,
    key: &str,
    file: File,
    path: &Path,
    place: &Place,
    longest: usize,
) -> Option<Vec<u8>> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let limit = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
    if let Err(error) = file.take(limit).read_to_end(&mut bytes) {
        let what = format!("{key}: {shown} cannot be read: {}", reason(&error));
        reader.wrong(place, what, "check the disk");
        return None;
    }
    if bytes.len() > longest {
        let what = format!("{key}: {shown} is longer than {longest} bytes");
        reader.wrong(place, what, "is it the right file?");
        return None;
    }
    Some(bytes)
}

/// Opens a file that is asked for under `key`. With `private`, nobody but its owner may read it.
pub(in crate::config) fn open(
    reader: &mut Reader<'_, '_>,
    key: &str,
    path: &Path,
    place: &Place,
    private: bool,
) -> Option<File> {
    let shown = path.display();
    let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    let (file, metadata) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let what = format!("{key}: {shown} cannot be read: {}", reason(&error));
            reader.wrong(place, what, "check the path and who may read it");
            return None;
        }
    };
    if !metadata.is_file() {
        reader.wrong(place, format!("{key}: {shown} is not a file"), "name the file itself");
        return None;
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if private && mode & 0o077 != 0 {
        let what = format!("{key}: others than its owner can read {shown} (mode {mode:04o})");
        reader.wrong(place, what, format!("chmod 600 {shown}"));
    }
    Some(file)
}

/// What the system said, without the number.
pub(in crate::config) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.to_lowercase()
}

fn without_line_end(mut bytes: Vec<u8>) -> Secret {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Secret::new(bytes)
}
