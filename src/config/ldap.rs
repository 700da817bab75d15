//! `[[directory]]` of kind `active-directory` or `ldap`: read here, settled by the directory itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use crate::base::report::Place;
use crate::base::table::{Reader, Written, friendly};
use crate::config::domain;
use crate::config::secret::{Found, Surroundings, read};
use crate::config::settings::{DirectoryKind, Pseudonyms};
use crate::config::show;
use crate::directory::ldap::{GroupLookup, Kind, LdapConfig, Tls};

/// The words of `tls`.
const TLS: [(&str, Tls); 3] = [("ldaps", Tls::Ldaps), ("starttls", Tls::Starttls), ("none", Tls::None)];

/// The words of `group-lookup`.
const LOOKUPS: [(&str, GroupLookup); 5] = [
    ("token-groups", GroupLookup::TokenGroups),
    ("in-chain", GroupLookup::InChain),
    ("member-of", GroupLookup::MemberOf),
    ("member", GroupLookup::Member),
    ("none", GroupLookup::None),
];

/// How long one server may take unless it is said.
const SERVER_TIMEOUT: Duration = Duration::from_secs(3);

/// Stands for the service account's password, which is read already.
const PASSWORD: &str = "bind-password";

/// Passwords that are read already, each under what stands for it.
pub(in crate::config) type Passwords = [(PathBuf, Found)];

/// Reads the table and settles it; `None` when there is an error in it.
pub(in crate::config) fn settle(
    reader: &mut Reader<'_, '_>,
    kind: Kind,
    pseudonyms: &Pseudonyms,
    around: Surroundings<'_>,
) -> Option<DirectoryKind> {
    let source = reader.whole_table().place.source;
    let errors = reader.out().errors.len();
    let password = bind(reader, around);
    let mut config = config(reader, kind, pseudonyms, password.as_ref());
    let mut passwords: Vec<_> = password.map(|found| (PathBuf::from(PASSWORD), found)).into_iter().collect();
    config.other_domain = domain::read(reader, around, &mut passwords);
    let shown = show::ldap::directory(&config, &passwords);
    let mut problems = Vec::new();
    let settings = config.settle(&|path| file(path, &passwords, around), &mut problems);
    reader.out().extend_from(source, problems);
    if reader.out().errors.len() != errors {
        return None;
    }
    let settings = settings?;
    if settings.sends_passwords_readable() {
        let place = reader.node("tls").map_or(&reader.whole_table().place, |node| &node.place).clone();
        let hint = "whoever listens on the way learns every password; use \"ldaps\" or \"starttls\"";
        reader.doubt(&place, "passwords are sent to its servers readable", hint);
    }
    Some(DirectoryKind::Ldap { settings: Box::new(settings), shown })
}

fn file(path: &Path, passwords: &Passwords, around: Surroundings<'_>) -> std::io::Result<Vec<u8>> {
    match passwords.iter().find(|(known, _)| known == path) {
        Some((_, found)) => Ok(found.secret.expose().to_vec()),
        None => std::fs::read(around.folder.join(path)),
    }
}

/// The service account's password. Name and password belong together.
pub(in crate::config) fn bind(reader: &mut Reader<'_, '_>, around: Surroundings<'_>) -> Option<Found> {
    let (dn, password) = (reader.node("bind-dn"), reader.node("bind-password"));
    match (dn, password) {
        (Some(_), None) => reader.missing("bind-password", "write bind-password = { file = \"…\" }"),
        (None, Some(node)) => {
            reader.wrong(&node.place, "bind-password without bind-dn", "add bind-dn, the name it belongs to");
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    let found = read(reader, "bind-password", around);
    found.filter(|_| dn.is_some())
}

fn config(
    reader: &mut Reader<'_, '_>,
    kind: Kind,
    pseudonyms: &Pseudonyms,
    password: Option<&Found>,
) -> LdapConfig {
    let servers = servers(reader, kind);
    let base_dn = base_dn(reader);
    let name = reader.text("name").map_or("", |name| name.value).to_owned();
    let ca_file = reader.text("ca-file").map(|text| spanned(&text.place, PathBuf::from(text.value)));
    LdapConfig {
        name,
        kind,
        tls: reader.choice("tls", &TLS, Tls::Ldaps),
        ca_file,
        bind_dn: text(reader, "bind-dn").filter(|_| password.is_some()),
        bind_password_file: password.map(|found| spanned(&found.place, PathBuf::from(PASSWORD))),
        server_timeout: server_timeout(reader),
        number_attribute: number_attribute(reader, pseudonyms),
        group_lookup: group_lookup(reader),
        domain: text(reader, "domain"),
        netbios_domain: text(reader, "netbios-domain"),
        upn_suffixes: texts(reader, "upn-suffixes"),
        default_domain: text(reader, "default-domain"),
        other_domain: Vec::new(),
        login_attributes: texts(reader, "login-attributes"),
        user_class: text(reader, "user-class"),
        id_attribute: text(reader, "id-attribute"),
        group_base_dn: text(reader, "group-base-dn"),
        group_member_attribute: text(reader, "group-member-attribute"),
        srv_domain: text(reader, "srv-domain"),
        site: text(reader, "site"),
        port: port(reader),
        server_names: texts(reader, "server-names"),
        dns_servers: texts(reader, "dns-servers").filter(|servers| !servers.get_ref().is_empty()),
        servers,
        base_dn,
    }
}

pub(in crate::config) fn spanned<T>(place: &Place, value: T) -> Spanned<T> {
    Spanned::new(place.start..place.end, value)
}

pub(in crate::config) fn text(reader: &mut Reader<'_, '_>, key: &str) -> Option<Spanned<String>> {
    reader.text(key).map(|text| spanned(&text.place, text.value.to_owned()))
}

pub(in crate::config) fn texts(reader: &mut Reader<'_, '_>, key: &str) -> Option<Spanned<Vec<String>>> {
    let place = reader.node(key)?.place.clone();
    let texts = reader.texts(key)?;
    Some(spanned(&place, texts.iter().map(|text: &Written<&str>| text.value.to_owned()).collect()))
}

pub(in crate::config) fn base_dn(reader: &mut Reader<'_, '_>) -> Spanned<String> {
    match reader.need_text("base-dn", "for example base-dn = \"DC=corp,DC=example\"") {
        Some(base) => spanned(&base.place, base.value.to_owned()),
        // What is missing is said; the rest is looked at all the same.
        None => spanned(&reader.whole_table().place, "DC=missing".to_owned()),
    }
}

/// The servers as listed; `None` when DNS is to name them.
pub(in crate::config) fn servers(reader: &mut Reader<'_, '_>, kind: Kind) -> Option<Spanned<Vec<String>>> {
    let domain = match kind {
        Kind::ActiveDirectory => "domain",
        Kind::Ldap => "srv-domain",
    };
    if reader.node("servers").is_none() {
        if reader.node(domain).is_some() {
            return None;
        }
        let hint = format!("write servers = [\"…\"], or {domain} = \"corp.example\" to let DNS name them");
        reader.missing("servers", hint);
    }
    match texts(reader, "servers").filter(|servers| !servers.get_ref().is_empty()) {
        Some(servers) => Some(servers),
        None => Some(spanned(&reader.whole_table().place, vec!["missing".to_owned()])),
    }
}

pub(in crate::config) fn port(reader: &mut Reader<'_, '_>) -> Option<Spanned<u16>> {
    let node = reader.node("port")?;
    let port = reader.whole("port", 1..=65535, 636);
    Some(spanned(&node.place, u16::try_from(port).unwrap_or(636)))
}

fn server_timeout(reader: &mut Reader<'_, '_>) -> Option<Spanned<u8>> {
    let second = Duration::from_secs(1);
    let time = reader.duration("server-timeout", second..=30 * second, SERVER_TIMEOUT);
    let node = reader.node("server-timeout")?;
    if time.subsec_nanos() != 0 {
        let what = format!("server-timeout is {}, it must be whole seconds", friendly(time));
        reader.wrong(&node.place, what, "for example \"3s\"");
    }
    Some(spanned(&node.place, u8::try_from(time.as_secs()).unwrap_or(3)))
}

/// One attribute serves all directories; it was looked at where it is written.
fn number_attribute(reader: &Reader<'_, '_>, pseudonyms: &Pseudonyms) -> Option<Spanned<String>> {
    match pseudonyms {
        Pseudonyms::Random => None,
        Pseudonyms::Attribute(name) => Some(spanned(&reader.whole_table().place, name.to_string())),
    }
}

fn group_lookup(reader: &mut Reader<'_, '_>) -> Option<Spanned<GroupLookup>> {
    let text = reader.text("group-lookup")?;
    reader.word("group-lookup", &text, &LOOKUPS).map(|lookup| spanned(&text.place, lookup))
}

/// The word for a value of `tls`.
pub(in crate::config) fn tls_word(tls: Tls) -> &'static str {
    TLS.iter().find(|(_, known)| *known == tls).map_or("", |(word, _)| word)
}

/// The word for a value of `group-lookup`.
pub(in crate::config) fn lookup_word(lookup: GroupLookup) -> &'static str {
    LOOKUPS.iter().find(|(_, known)| *known == lookup).map_or("", |(word, _)| word)
}
