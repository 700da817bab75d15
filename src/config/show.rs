//! The settings in effect, as a configuration that says everything; secrets stay where they are.

pub(in crate::config) mod ldap;
mod limits;
mod policy;
mod radius;

use std::path::Path;

use toml::{Table, Value};

use crate::base::cidr::Prefix;
use crate::base::table::{friendly, friendly_size};
use crate::config::client::ORDERS;
use crate::config::client::ldap::{ADDRESS_IS, EXTERNALS, REFERENCES};
use crate::config::sections::{FORMATS, LEVELS};
use crate::config::settings::{
    AuditSettings, AuditTarget, ClientProtocol, ClientSettings, DirectoryKind, DirectorySettings,
    LimitSettings, Pseudonyms, RadiusSettings, SecretSource, Settings,
};
use crate::config::show::limits::rates;
use crate::config::show::radius::{accounting, radius_client, upstream};
use crate::frontend::ldap::clients::LdapClient;
use crate::frontend::ldap::limits::LdapLimits;
use crate::login::client::{Client, PrimaryKind, Typed};
use crate::login::throttle::Limits;

impl Settings {
    /// As TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.shown()).unwrap_or_default()
    }

    /// As one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.shown()).unwrap_or_default()
    }

    fn shown(&self) -> Table {
        let mut root = Table::new();
        let mut put = |key: &str, pairs: Vec<(&str, Value)>| root.insert(key.into(), table(pairs));
        put("radius", radius(&self.radius));
        if !self.accounting.listen.is_empty() {
            put("accounting", accounting(&self.accounting));
        }
        if !self.listeners.is_empty() {
            put("ldap", ldap_limits(&self.ldap));
        }
        put("store", vec![("path", path(&self.store))]);
        let keys = match &self.keys.from {
            SecretSource::File(_) => path(&self.keys.path),
            from => source(from),
        };
        put("keys", vec![("file", keys)]);
        put("subjects", subjects(self));
        put("audit", audit(&self.audit));
        put(
            "log",
            vec![("level", word(&LEVELS, self.log.level)), ("format", word(&FORMATS, self.log.format))],
        );
        if let Some(address) = self.status {
            put("status", vec![("listen", address.to_string().into())]);
        }
        put("limits", limits(&self.limits));
        put("drain", vec![("timeout", friendly(self.drain_timeout).into())]);
        root.insert("directory".into(), Value::Array(self.directories.iter().map(directory).collect()));
        if !self.upstreams.is_empty() {
            root.insert("upstream".into(), Value::Array(self.upstreams.iter().map(upstream).collect()));
        }
        if !self.listeners.is_empty() {
            let listeners = self.listeners.iter().map(|listener| Value::Table(listener.shown.clone()));
            root.insert("listener".into(), Value::Array(listeners.collect()));
        }
        root.insert("client".into(), Value::Array(self.clients.iter().map(client).collect()));
        policy::put(self, &mut root);
        if !self.replies.is_empty() {
            let replies = self.replies.iter().cloned().map(Value::Table);
            root.insert("reply".into(), Value::Array(replies.collect()));
        }
        root
    }
}

fn subjects(settings: &Settings) -> Vec<(&'static str, Value)> {
    let pseudonym = match &settings.pseudonyms {
        Pseudonyms::Random => "random".into(),
        Pseudonyms::Attribute(name) => table(vec![("attribute", (**name).into())]),
    };
    let remembered = settings.remember_networks.unwrap_or_default();
    vec![("pseudonym", pseudonym), ("remember-networks", friendly(remembered).into())]
}

fn audit(settings: &AuditSettings) -> Vec<(&'static str, Value)> {
    let to = match &settings.to {
        AuditTarget::File(file) => path(file),
        AuditTarget::Stdout => "stdout".into(),
    };
    let prefix = table(vec![("v4", i64::from(settings.v4).into()), ("v6", i64::from(settings.v6).into())]);
    vec![("to", to), ("network-prefix", prefix)]
}

fn table(pairs: Vec<(&str, Value)>) -> Value {
    Value::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A list of texts.
pub(in crate::config) fn list<T: Into<String>>(texts: impl Iterator<Item = T>) -> Value {
    Value::Array(texts.map(|text| Value::String(text.into())).collect())
}

pub(in crate::config) fn path(path: &Path) -> Value {
    path.display().to_string().into()
}

/// The word for a value.
pub(in crate::config) fn word<T: Copy + PartialEq>(words: &[(&str, T)], value: T) -> Value {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word).into()
}

/// Whether a prefix holds more addresses than the machines of one purpose have.
pub(in crate::config) fn is_wide(prefix: &Prefix) -> bool {
    prefix.bits() < if prefix.is_v4() { 16 } else { 48 }
}

fn radius(radius: &RadiusSettings) -> Vec<(&'static str, Value)> {
    let mut pairs =
        vec![("workers", radius.workers.into()), ("answer-memory", friendly(radius.answer_memory).into())];
    if !radius.listen.is_empty() {
        pairs.push(("listen", list(radius.listen.iter().map(ToString::to_string))));
    }
    pairs
}

fn ldap_limits(limits: &LdapLimits) -> Vec<(&'static str, Value)> {
    let number = |number: usize| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    vec![
        ("connections", number(limits.connections)),
        ("connections-per-source", number(limits.connections_per_source)),
        ("first-message-timeout", friendly(limits.first_message).into()),
        ("message-timeout", friendly(limits.message).into()),
        ("idle-timeout", friendly(limits.idle).into()),
        ("write-timeout", friendly(limits.write).into()),
        ("message-size-before-bind", friendly_size(limits.size_before_bind).into()),
        ("message-size", friendly_size(limits.size).into()),
        ("operations", number(limits.operations)),
    ]
}

fn limits(limits: &LimitSettings) -> Vec<(&'static str, Value)> {
    let of = |limits: &Limits| {
        vec![
            ("free", limits.free.into()),
            ("first-wait", friendly(limits.first_wait).into()),
            ("longest-wait", friendly(limits.longest_wait).into()),
        ]
    };
    let mut factor = of(&limits.failures.factor);
    factor.push(("per-day", limits.failures.factor.per_day.into()));
    let release_after = limits.failures.factor.release_after.unwrap_or_default();
    factor.push(("release-after", friendly(release_after).into()));
    let mut pairs = vec![("password", table(of(&limits.failures.password))), ("factor", table(factor))];
    pairs.extend(rates(limits));
    pairs
}

fn directory(directory: &DirectorySettings) -> Value {
    match &directory.kind {
        DirectoryKind::File { path: file, .. } => {
            table(vec![("name", (*directory.name).into()), ("kind", "file".into()), ("path", path(file))])
        }
        DirectoryKind::Ldap { shown, .. } => Value::Table(shown.clone()),
    }
}

pub(in crate::config) fn source(source: &SecretSource) -> Value {
    match source {
        SecretSource::File(file) => table(vec![("file", path(file))]),
        SecretSource::Credential(name) => table(vec![("credential", (**name).into())]),
        SecretSource::Env(name) => table(vec![("env", (**name).into())]),
    }
}

fn client(client: &ClientSettings) -> Value {
    let login = &client.login;
    let mut pairs: Vec<(&str, Value)> = vec![
        ("name", (*login.name).into()),
        ("directory", (*login.directory).into()),
        ("login-timeout", friendly(login.login_timeout).into()),
        ("reject-delay", friendly(login.reject_delay).into()),
    ];
    if login.primary != PrimaryKind::CheckedByClient {
        pairs.push(("order", word(&ORDERS, login.order)));
    }
    if !login.groups.is_empty() {
        pairs.push(("groups", list(login.groups.iter().map(ToString::to_string))));
    }
    if let Some(rewrite) = &client.rewrite {
        pairs.push(("rewrite", rewrite.clone()));
    }
    entry(login, &mut pairs);
    match &client.protocol {
        ClientProtocol::Radius(radius) => radius_client(login, radius, &mut pairs),
        ClientProtocol::Ldap(ldap) => ldap_client(login, ldap, &mut pairs),
    }
    table(pairs)
}

fn entry(login: &Client, pairs: &mut Vec<(&str, Value)>) {
    let mut ways: Vec<&str> = Vec::new();
    match login.entry.typed {
        Typed::Nothing => {}
        Typed::Appended { digits } => {
            ways.push("append");
            pairs.push(("code-digits", i64::from(digits).into()));
        }
        Typed::Separated { separator } => {
            ways.push("separator");
            pairs.push(("code-separator", char::from(separator).to_string().into()));
        }
    }
    if login.entry.challenge {
        ways.push("challenge");
        pairs.push(("prompt", (*login.prompt).into()));
        pairs.push(("challenge-life", friendly(login.challenge_life).into()));
    }
    pairs.push(("code-entry", list(ways.into_iter())));
}

fn ldap_client(login: &Client, ldap: &LdapClient, pairs: &mut Vec<(&str, Value)>) {
    let known = &ldap.known_by;
    pairs.extend([
        ("protocol", "ldap".into()),
        ("read-only", ldap.read_only.into()),
        ("search-references", word(&REFERENCES, ldap.drops_references)),
        ("address-is", word(&ADDRESS_IS, ldap.connection_is)),
        ("remember", friendly(login.remember.unwrap_or_default()).into()),
    ]);
    if let Some(external) = ldap.external {
        pairs.push(("external", word(&EXTERNALS, external)));
    }
    if !known.addresses.is_empty() {
        pairs.push(("addresses", list(known.addresses.iter().map(Prefix::to_string))));
    }
    if !known.listeners.is_empty() {
        pairs.push(("listeners", list(known.listeners.iter().map(ToString::to_string))));
    }
    if !known.certificates.is_empty() {
        pairs.push(("certificates", list(known.certificates.iter().map(ToString::to_string))));
    }
}
