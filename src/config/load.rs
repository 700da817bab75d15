//! Reads the main file, the files in `conf.d` beside it and the environment, and settles them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Complaints, Finding, Place, Source, render};
use crate::base::table::{Node, Reader, Table, Value, parse};
use crate::base::text::safe;
use crate::config::check::{Drafts, check};
use crate::config::drafted::Drafted;
use crate::config::environment::Environment;
use crate::config::file::{REPEATED, SINGLE};
use crate::config::kept::Kept;
use crate::config::secret::{Surroundings, reason};
use crate::config::settings::Settings;
use crate::config::{
    accounting, demands, exemption, expect, fault, lint, listener, reach, relayed, reply, rule, sections,
    upstream,
};
use crate::login::policy::Policy;

/// No configuration file is longer than this many bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// No more files than this are read from `conf.d`.
const MOST_FILES: usize = 1000;

/// Something doubtful; the program starts all the same.
pub type Warning = Finding;

/// Everything that keeps the program from starting, and what is doubtful besides.
#[derive(Debug)]
pub struct Problems {
    /// In the order of their places; at least one.
    pub errors: Vec<Finding>,
    /// In the order of their places.
    pub warnings: Vec<Warning>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render(&self.errors))
    }
}

impl std::error::Error for Problems {}

impl Settings {
    /// Reads the configuration file at `path`, the `*.toml` files in the folder `conf.d` beside it in the
    /// order of their names, and the overrides in `environment`. `now` tells whether dates have passed.
    /// Nothing but files is touched.
    ///
    /// # Errors
    ///
    /// All [`Problems`] at once.
    pub fn load(
        path: &Path,
        environment: &Environment,
        now: UnixTime,
    ) -> Result<(Self, Vec<Warning>), Problems> {
        Self::read(path, environment, now, None)
    }

    /// As [`Self::load`], beside logins that go on: on one thread alone, and without what did not change since `kept`
    /// was read.
    ///
    /// # Errors
    ///
    /// All [`Problems`] at once.
    pub fn load_beside(
        path: &Path,
        environment: &Environment,
        now: UnixTime,
        kept: &Kept,
    ) -> Result<(Self, Vec<Warning>), Problems> {
        Self::read(path, environment, now, Some(kept))
    }

    fn read(
        path: &Path,
        environment: &Environment,
        now: UnixTime,
        beside: Option<&Kept>,
    ) -> Result<(Self, Vec<Warning>), Problems> {
        let mut sources = Vec::new();
        let mut out = Complaints::default();
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let around = Surroundings { environment, folder, beside };
        let settings = read(path, around, now, &mut sources, &mut out);
        let errors = out.errors_in(&sources);
        let warnings = out.warnings_in(&sources);
        match settings {
            Some(settings) if errors.is_empty() => Ok((settings, warnings)),
            _ => Err(Problems { errors, warnings }),
        }
    }
}

fn read(
    path: &Path,
    around: Surroundings<'_>,
    now: UnixTime,
    sources: &mut Vec<Source>,
    out: &mut Complaints,
) -> Option<Settings> {
    let mut whole = Table { place: Place::whole(0), entries: BTreeMap::new() };
    for file in files(path, out) {
        if let Some(text) = text_of(&file, out) {
            let table = parse(sources.len(), &text, out);
            sources.push(Source { name: file.display().to_string(), text, people: false });
            lay_over(&mut whole, table);
        }
    }
    if sources.is_empty() {
        return None;
    }
    lay_over(&mut whole, around.environment.overrides(sources, out));
    Some(settle(&whole, around, now, sources, out))
}

/// The main file, then those in `conf.d`.
fn files(path: &Path, out: &mut Complaints) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or_else(|| Path::new("")).join("conf.d");
    let mut files = vec![path.to_owned()];
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return files,
        Err(error) => {
            let what = format!("{} cannot be read: {}", folder.display(), reason(&error));
            out.error(Complaint::whole(what).hint("check who may read it"));
            return files;
        }
    };
    let mut more: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')))
        .collect();
    more.sort();
    if more.len() > MOST_FILES {
        let what = format!("{} holds more than {MOST_FILES} files", folder.display());
        out.error(Complaint::whole(what).hint("put several clients into one file"));
        more.truncate(MOST_FILES);
    }
    files.extend(more);
    files
}

fn text_of(path: &Path, out: &mut Complaints) -> Option<String> {
    let mut bytes = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(LONGEST.saturating_add(1)).read_to_end(&mut bytes));
    let shown = path.display();
    if let Err(error) = read {
        let what = format!("{shown} cannot be read: {}", reason(&error));
        out.error(Complaint::whole(what).hint("check the path and who may read it"));
        return None;
    }
    if bytes.len() > usize::try_from(LONGEST).unwrap_or(usize::MAX) {
        let what = format!("{shown} is longer than {LONGEST} bytes");
        out.error(Complaint::whole(what).hint("is it the right file?"));
        return None;
    }
    let text = String::from_utf8(bytes);
    if text.is_err() {
        out.error(Complaint::whole(format!("{shown} is not UTF-8")).hint("save it as UTF-8"));
    }
    text.ok()
}

/// Lays `over` over `under`: lists of tables are joined, tables are laid over each other key by key, and
/// of everything else the upper one counts.
fn lay_over(under: &mut Table, over: Table) {
    for (key, (key_place, node)) in over.entries {
        let joined = REPEATED.iter().any(|(name, _)| *name == key);
        match (under.entries.get_mut(&key).map(|(_, node)| node), node) {
            (Some(Node { value: Value::List(below), .. }), Node { value: Value::List(above), .. })
                if joined =>
            {
                below.extend(above);
            }
            (Some(Node { value: Value::Table(below), .. }), Node { value: Value::Table(above), .. }) => {
                if is_source_of_secret(&above) {
                    *below = above
                } else {
                    lay_over(below, above)
                }
            }
            (_, node) => {
                under.entries.insert(key, (key_place, node));
            }
        }
    }
}

/// `{ file = "…" }` replaces `{ credential = "…" }`; the two together would be a contradiction.
fn is_source_of_secret(table: &Table) -> bool {
    ["file", "credential", "env"]
        .iter()
        .any(|way| matches!(table.entries.get(*way), Some((_, Node { value: Value::Text(_), .. }))))
}

fn settle(
    whole: &Table,
    around: Surroundings<'_>,
    now: UnixTime,
    sources: &mut Vec<Source>,
    out: &mut Complaints,
) -> Settings {
    let known: Vec<&str> = SINGLE.iter().chain(&REPEATED).map(|(name, _)| *name).collect();
    let none = Table { place: whole.place.clone(), entries: BTreeMap::new() };
    let mut root = Reader::new(whole, "", &known, out);
    let mut all = Drafted::read(&mut root, &none, around, now, sources);
    let drafts = all.view();
    compare(&drafts, now, root.out());
    accounting::check(&all.accounting, &drafts, root.out());
    all.tell(sources);
    let status = status(&mut root, &all.listeners);
    let settings = Settings {
        radius: all.radius,
        accounting: all.accounting.settings,
        ldap: sections::ldap(&mut root, &none, !all.listeners.is_empty()),
        store: sections::store(&mut root, &none, around.folder),
        keys: sections::keys(&mut root, &none, around),
        pseudonyms: all.pseudonyms,
        remember_networks: all.remember_networks,
        audit: sections::audit(&mut root, &none, around.folder),
        log: sections::log(&mut root, &none),
        status,
        limits: sections::limits(&mut root, &none, all.remember_networks),
        drain_timeout: sections::drain(&mut root, &none),
        directories: all.directories.into_iter().filter_map(|draft| draft.settings).collect(),
        upstreams: all.upstreams.into_iter().map(|draft| draft.settings).collect(),
        listeners: all.listeners.into_iter().map(|draft| draft.settings).collect(),
        clients: all.clients.into_iter().map(|draft| draft.settings).collect(),
        policy: policy(all.rules, all.exemptions, all.faults),
        networks: all.sets.networks.into_iter().map(|draft| draft.settings).collect(),
        windows: all.sets.windows.into_iter().map(|draft| draft.settings).collect(),
        calendars: all.sets.calendars.into_iter().map(|draft| draft.settings).collect(),
        geo: all.geo,
        expectations: all.expectations.into_iter().map(|draft| draft.settings).collect(),
        replies: all.replies.into_iter().map(|draft| draft.shown).collect(),
    };
    demands::files_differ(&settings, root.out());
    settings
}

/// The rules with what stands beside them.
fn policy(
    rules: Vec<rule::Draft>,
    exemptions: Vec<exemption::Draft>,
    faults: Vec<fault::Draft>,
) -> Arc<Policy> {
    Arc::new(Policy {
        rules: rules.into_iter().map(|draft| draft.rule).collect(),
        exemptions: exemptions.into_iter().map(|draft| draft.exemption).collect(),
        faults: faults.into_iter().map(|draft| draft.fault).collect(),
        ..Policy::default()
    })
}

/// Where the status pages are; not where applications are waited for.
fn status(root: &mut Reader<'_, '_>, listeners: &[listener::Draft]) -> Option<SocketAddr> {
    let status = sections::status(root);
    for complaint in listener::addresses_differ(listeners, status) {
        root.out().error(complaint);
    }
    status
}

/// Compares the tables with each other.
fn compare(drafts: &Drafts<'_>, now: UnixTime, out: &mut Complaints) {
    check(drafts, out);
    demands::check(drafts, out);
    reach::check(drafts, out);
    upstream::check(drafts, out);
    relayed::check(drafts, out);
    exemption::check(drafts, out);
    fault::check(drafts, out);
    expect::check(drafts, out);
    reply::check(drafts, out);
    lint::lint(drafts, now, out);
}

/// How a table is called in messages: by its name where it has one.
pub(in crate::config) fn called(kind: &str, table: &Table) -> String {
    match table.entries.get("name").map(|(_, node)| &node.value) {
        Some(Value::Text(name)) => format!("{kind} \"{}\"", safe(name)),
        _ => kind.to_owned(),
    }
}
