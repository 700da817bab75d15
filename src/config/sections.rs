//! The tables that stand once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::report::{Complaints, Place};
use crate::base::table::{Reader, Table, Value, Written, friendly_size};
use crate::config::file;
use crate::config::limits::{admission, spray};
use crate::config::secret::{Surroundings, open, path_of, source};
use crate::config::settings::{
    AuditSettings, AuditTarget, GeoSettings, KeyFile, LimitSettings, LogFormat, LogLevel, LogSettings,
    Pseudonyms, RadiusSettings, SecretSource,
};
use crate::frontend::ldap::limits::LdapLimits;
use crate::geo::{Database, Wanted};
use crate::login::throttle::{FlowLimits, Limits};

/// Default of `store.path`.
const STORE: &str = "/var/lib/doorward/doorward.db";
/// Default of `audit.to`.
const AUDIT: &str = "/var/log/doorward/audit.jsonl";
const SECOND: Duration = Duration::from_secs(1);
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The words for log levels.
pub(in crate::config) const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

/// The words for log formats.
pub(in crate::config) const FORMATS: [(&str, LogFormat); 2] =
    [("text", LogFormat::Text), ("json", LogFormat::Json)];

/// An empty table in place of one that is not there.
fn section<'a>(root: &mut Reader<'a, '_>, name: &str, none: &'a Table) -> &'a Table {
    root.table(name).unwrap_or(none)
}

/// `[radius]`; `spoken` when there is a client that speaks it.
pub(in crate::config) fn radius<'a>(
    root: &mut Reader<'a, '_>,
    none: &'a Table,
    spoken: bool,
) -> RadiusSettings {
    let table = section(root, "radius", none);
    let mut reader = Reader::new(table, "radius", file::RADIUS, root.out());
    let mut listen: Vec<SocketAddr> =
        addresses(&mut reader).into_iter().map(|(address, _)| address).collect();
    match reader.node("listen") {
        None if spoken => listen = vec![([0, 0, 0, 0], 1812).into(), ([0u16; 8], 1812).into()],
        Some(node) if !spoken => {
            let what = "listen has nobody to listen to, no client speaks RADIUS";
            reader.doubt(&node.place, what, "remove it, or add a client with protocol = \"radius\"");
        }
        Some(_) | None => {}
    }
    RadiusSettings {
        listen,
        workers: reader.whole("workers", 0..=256, 0),
        answer_memory: reader.duration("answer-memory", 5 * SECOND..=30 * SECOND, 30 * SECOND),
    }
}

/// The addresses under `listen`, each once, and where they stand.
pub(in crate::config) fn addresses(reader: &mut Reader<'_, '_>) -> Vec<(SocketAddr, Place)> {
    let mut listen: Vec<(SocketAddr, Place)> = Vec::new();
    for text in reader.texts("listen").unwrap_or_default() {
        match address(reader, &text) {
            Some(address) if address.port() != 0 && listen.iter().any(|(other, _)| *other == address) => {
                reader.wrong(&text.place, format!("{address} stands here twice"), "remove one of them");
            }
            Some(address) => listen.push((address, text.place)),
            None => {}
        }
    }
    listen
}

fn address(reader: &mut Reader<'_, '_>, text: &Written<&str>) -> Option<SocketAddr> {
    let address = text.value.parse().ok();
    if address.is_none() {
        let what =
            format!("listen: \"{}\" is not an address with a port", crate::base::text::safe(text.value));
        let port = if reader.who().starts_with("listener") { 636 } else { 1812 };
        reader.wrong(&text.place, what, format!("for example \"0.0.0.0:{port}\" or \"[::]:{port}\""));
    }
    address
}

/// `[ldap]`; `heard` when there is a listener.
pub(in crate::config) fn ldap<'a>(root: &mut Reader<'a, '_>, none: &'a Table, heard: bool) -> LdapLimits {
    let table = section(root, "ldap", none);
    let mut reader = Reader::new(table, "ldap", file::LDAP, root.out());
    if !heard && !table.entries.is_empty() {
        reader.doubt(
            &table.place,
            "it limits nothing, there is no [[listener]]",
            "remove it, or add a listener",
        );
    }
    let usual = LdapLimits::default();
    let connections = count(&mut reader, "connections", 1_000_000, usual.connections);
    let per_source = usual.connections_per_source.min(connections);
    let limits = LdapLimits {
        connections,
        connections_per_source: count(&mut reader, "connections-per-source", 1_000_000, per_source),
        first_message: reader.duration("first-message-timeout", SECOND..=300 * SECOND, usual.first_message),
        message: reader.duration("message-timeout", SECOND..=600 * SECOND, usual.message),
        idle: reader.duration("idle-timeout", 10 * SECOND..=DAY, usual.idle),
        write: reader.duration("write-timeout", SECOND..=600 * SECOND, usual.write),
        size_before_bind: reader.size("message-size-before-bind", 4 * KIB..=MIB, usual.size_before_bind),
        size: reader.size("message-size", 64 * KIB..=64 * MIB, usual.size),
        operations: count(&mut reader, "operations", 10_000, usual.operations),
    };
    compare(&mut reader, &limits);
    limits
}

fn count(reader: &mut Reader<'_, '_>, key: &str, most: u32, usual: usize) -> usize {
    let number = reader.whole(key, 1..=most, u32::try_from(usual).unwrap_or(most));
    usize::try_from(number).unwrap_or(usual)
}

fn compare(reader: &mut Reader<'_, '_>, limits: &LdapLimits) {
    let (all, one) = (limits.connections, limits.connections_per_source);
    if let Some(node) = reader.node("connections-per-source").filter(|_| one > all) {
        let what = format!("connections-per-source is {one}, more than connections, which is {all}");
        reader.wrong(&node.place, what, "lower it, or raise connections");
    }
    let node = reader.node("message-size").or_else(|| reader.node("message-size-before-bind"));
    if let Some(node) = node.filter(|_| limits.size < limits.size_before_bind) {
        let what = format!(
            "message-size is {}, less than message-size-before-bind, which is {}",
            friendly_size(limits.size),
            friendly_size(limits.size_before_bind)
        );
        reader.wrong(&node.place, what, "strangers get no more than those who have logged in");
    }
}

/// `[store]`
pub(in crate::config) fn store<'a>(root: &mut Reader<'a, '_>, none: &'a Table, folder: &Path) -> PathBuf {
    let table = section(root, "store", none);
    let mut reader = Reader::new(table, "store", file::STORE, root.out());
    let text = reader.text("path");
    if let Some(text) = text.as_ref().filter(|text| text.value.is_empty()) {
        reader.wrong(&text.place, "path is empty", format!("the default is \"{STORE}\""));
    }
    folder.join(text.map_or(STORE, |text| text.value))
}

/// `[keys]`
pub(in crate::config) fn keys<'a>(
    root: &mut Reader<'a, '_>,
    none: &'a Table,
    around: Surroundings<'_>,
) -> KeyFile {
    let none_yet = KeyFile { path: PathBuf::new(), from: SecretSource::File(PathBuf::new()) };
    let table = section(root, "keys", none);
    let mut reader = Reader::new(table, "keys", file::KEYS, root.out());
    if reader.node("file").is_none() {
        let hint = "write [keys] with file = { credential = \"keys\" } or file = \"/etc/doorward/keys\"";
        reader.missing("file", hint);
        return none_yet;
    }
    let written = match reader.node("file").map(|node| (&node.value, &node.place)) {
        // A path is no secret, so it may stand here without braces.
        Some((Value::Text(path), place)) if !path.is_empty() => {
            Some((SecretSource::File(PathBuf::from(path)), place.clone()))
        }
        _ => source(&mut reader, "file"),
    };
    let Some((from, place)) = written else { return none_yet };
    let Some(path) = path_of(&mut reader, "file", &from, &place, around) else { return none_yet };
    // A file that cannot be looked at may be there; opening it says what is in the way.
    if path.try_exists().unwrap_or(true) {
        open(&mut reader, "file", &path, &place, matches!(from, SecretSource::File(_)));
    } else {
        let what = format!("file: {} does not exist", path.display());
        reader.doubt(&place, what, "doorward key generate writes the first one");
    }
    KeyFile { path, from }
}

/// `[subjects]`
pub(in crate::config) fn subjects<'a>(
    root: &mut Reader<'a, '_>,
    none: &'a Table,
) -> (Pseudonyms, Option<Duration>) {
    let table = section(root, "subjects", none);
    let mut reader = Reader::new(table, "subjects", file::SUBJECTS, root.out());
    let remembered = reader.duration("remember-networks", Duration::ZERO..=365 * DAY, 30 * DAY);
    if let Some(place) =
        reader.place_of("remember-networks").filter(|_| !remembered.as_secs().is_multiple_of(DAY.as_secs()))
    {
        reader.wrong(&place, "remember-networks is not a number of whole days", "for example \"30d\"");
    }
    (pseudonyms(&mut reader), (!remembered.is_zero()).then_some(remembered))
}

fn pseudonyms(reader: &mut Reader<'_, '_>) -> Pseudonyms {
    let Some(node) = reader.node("pseudonym") else { return Pseudonyms::Random };
    let Value::Table(inner) = &node.value else {
        reader.choice("pseudonym", &[("random", ())], ());
        return Pseudonyms::Random;
    };
    let mut inner = Reader::new(inner, "subjects: pseudonym", file::PSEUDONYM, reader.out());
    let Some(text) = inner.need_text("attribute", "for example { attribute = \"employeeNumber\" }") else {
        return Pseudonyms::Random;
    };
    let fits = (1..=64).contains(&text.value.len())
        && text.value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    if !fits {
        inner.wrong(
            &text.place,
            "attribute is not the name of an attribute",
            "for example \"employeeNumber\"",
        );
    }
    Pseudonyms::Attribute(text.value.into())
}

/// `[geo]`: databases in the MaxMind format; without them countries and autonomous systems are unknown.
pub(in crate::config) fn geo<'a>(root: &mut Reader<'a, '_>, none: &'a Table, folder: &Path) -> GeoSettings {
    let table = section(root, "geo", none);
    let mut reader = Reader::new(table, "geo", file::GEO, root.out());
    let mut database = |wanted: Wanted| {
        let text = reader.text(wanted.word())?;
        let path = folder.join(text.value);
        if let Err(unusable) = Database::open(&path, wanted) {
            let hint = "a database in the MaxMind format (.mmdb); none is shipped";
            reader.wrong(&text.place, format!("{}: {unusable}", wanted.word()), hint);
        }
        Some(path)
    };
    GeoSettings { country: database(Wanted::Country), asn: database(Wanted::Asn) }
}

/// `[audit]`
pub(in crate::config) fn audit<'a>(
    root: &mut Reader<'a, '_>,
    none: &'a Table,
    folder: &Path,
) -> AuditSettings {
    let table = section(root, "audit", none);
    let mut reader = Reader::new(table, "audit", file::AUDIT, root.out());
    let to = match reader.text("to") {
        Some(text) if text.value == "stdout" => AuditTarget::Stdout,
        Some(text) if !text.value.contains('/') => {
            let what =
                format!("to is \"{}\", it may be \"stdout\" or a path", crate::base::text::safe(text.value));
            reader.wrong(&text.place, what, format!("a path has a slash, for example \"{AUDIT}\""));
            AuditTarget::Stdout
        }
        Some(text) => AuditTarget::File(folder.join(text.value)),
        None => AuditTarget::File(PathBuf::from(AUDIT)),
    };
    let inner = section(&mut reader, "network-prefix", none);
    let mut inner = Reader::new(inner, "audit: network-prefix", file::NETWORK_PREFIX, reader.out());
    let mut bits =
        |key: &str, all: u8| u8::try_from(inner.whole(key, 0..=all.into(), all.into())).unwrap_or(all);
    AuditSettings { to, v4: bits("v4", 32), v6: bits("v6", 128) }
}

/// `[log]`
pub(in crate::config) fn log<'a>(root: &mut Reader<'a, '_>, none: &'a Table) -> LogSettings {
    let table = section(root, "log", none);
    let mut reader = Reader::new(table, "log", file::LOG, root.out());
    LogSettings {
        level: reader.choice("level", &LEVELS, LogLevel::Info),
        format: reader.choice("format", &FORMATS, LogFormat::Text),
    }
}

/// `[status]`
pub(in crate::config) fn status(root: &mut Reader<'_, '_>) -> Option<SocketAddr> {
    let table = root.table("status")?;
    let mut reader = Reader::new(table, "status", file::STATUS, root.out());
    let text =
        reader.need_text("listen", "for example listen = \"127.0.0.1:9812\"; leave [status] out for none")?;
    let address = address(&mut reader, &text)?;
    if !address.ip().is_loopback() {
        let hint = "it tells what is going on here to whoever asks; use \"127.0.0.1:9812\" and a proxy that \
                    checks who asks";
        reader.wrong(&text.place, format!("listen is {address}, it may only be a loopback address"), hint);
    }
    Some(address)
}

/// `[drain]`
pub(in crate::config) fn drain<'a>(root: &mut Reader<'a, '_>, none: &'a Table) -> Duration {
    let table = section(root, "drain", none);
    Reader::new(table, "drain", file::DRAIN, root.out()).duration(
        "timeout",
        Duration::ZERO..=60 * SECOND,
        10 * SECOND,
    )
}

/// `[limits]`
pub(in crate::config) fn limits<'a>(
    root: &mut Reader<'a, '_>,
    none: &'a Table,
    remember_networks: Option<Duration>,
) -> LimitSettings {
    let days = remember_networks.map_or(0, |time| time.as_secs() / DAY.as_secs());
    let remember_networks = u32::try_from(days).unwrap_or(u32::MAX);
    let table = section(root, "limits", none);
    let mut reader = Reader::new(table, "limits", file::LIMITS, root.out());
    let password = section(&mut reader, "password", none);
    let password =
        failures(password, "limits: password", file::LIMITS_PASSWORD, Limits::PASSWORD, reader.out());
    let factor = section(&mut reader, "factor", none);
    let factor = failures(factor, "limits: factor", file::LIMITS_FACTOR, Limits::FACTOR, reader.out());
    LimitSettings {
        failures: FlowLimits { password, factor, remember_networks },
        admission: admission(&mut reader, none),
        spray: spray(&mut reader, none),
    }
}

fn failures(table: &Table, who: &str, known: &[&str], usual: Limits, out: &mut Complaints) -> Limits {
    let mut reader = Reader::new(table, who, known, out);
    let limits = Limits {
        free: reader.whole("free", 1..=100, usual.free),
        first_wait: reader.duration("first-wait", SECOND..=DAY, usual.first_wait),
        longest_wait: reader.duration("longest-wait", SECOND..=7 * DAY, usual.longest_wait),
        per_day: if known.contains(&"per-day") {
            reader.whole("per-day", 0..=1000, usual.per_day)
        } else {
            0
        },
        release_after: release_after(&mut reader),
    };
    let place =
        reader.node("first-wait").or_else(|| reader.node("longest-wait")).map(|node| node.place.clone());
    if let Some(place) = place.filter(|_| limits.first_wait > limits.longest_wait) {
        let what = format!(
            "first-wait is {}, more than longest-wait, which is {}",
            crate::base::table::friendly(limits.first_wait),
            crate::base::table::friendly(limits.longest_wait)
        );
        reader.wrong(&place, what, "the first wait is the shortest");
    }
    if let Some(node) = reader.node("per-day").filter(|_| limits.per_day != 0 && limits.per_day < limits.free)
    {
        let what = format!("per-day is {}, less than free, which is {}", limits.per_day, limits.free);
        reader.wrong(&node.place, what, "the lock of a day must come after the first wait");
    }
    if let Some(node) =
        reader.node("release-after").filter(|_| limits.release_after.is_some() && limits.per_day == 0)
    {
        reader.doubt(
            &node.place,
            "release-after opens nothing: with per-day = 0 nothing is locked",
            "leave one out",
        );
    }
    limits
}

/// When a lock opens by itself; nothing for 0s.
fn release_after(reader: &mut Reader<'_, '_>) -> Option<Duration> {
    let after = reader.duration("release-after", Duration::ZERO..=30 * DAY, Duration::ZERO);
    if let Some(node) = reader.node("release-after").filter(|_| after > Duration::ZERO && after < 60 * SECOND)
    {
        let what = format!("release-after is {}, it may be 1m to 720h", crate::base::table::friendly(after));
        reader.wrong(&node.place, what, "leave it out, and only an administrator releases a lock");
    }
    Some(after).filter(|after| *after > Duration::ZERO)
}
