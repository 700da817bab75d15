//! An LDAP directory with its domains, as a configuration that says everything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Spanned, Table, Value};

use crate::base::table::friendly;
use crate::config::ldap::{Passwords, lookup_word, tls_word};
use crate::config::show::{list, path, source};
use crate::directory::ldap::{Kind, LdapConfig, OtherDomain};

/// What is not said keeps its default, which its kind decides.
pub(in crate::config) fn directory(config: &LdapConfig, passwords: &Passwords) -> Table {
    let kind = match config.kind {
        Kind::ActiveDirectory => "active-directory",
        Kind::Ldap => "ldap",
    };
    let seconds = config.server_timeout.as_ref().map_or(3, |seconds| *seconds.get_ref());
    let mut table = Table::new();
    put(&mut table, "name", Some(config.name.as_str().into()));
    put(&mut table, "kind", Some(kind.into()));
    put(&mut table, "tls", Some(tls_word(config.tls).into()));
    put(&mut table, "base-dn", Some(config.base_dn.get_ref().as_str().into()));
    put(&mut table, "server-timeout", Some(friendly(Duration::from_secs(seconds.into())).into()));
    put(&mut table, "ca-file", file(&config.ca_file));
    put(&mut table, "bind-password", password(&config.bind_password_file, passwords));
    let lookup = config.group_lookup.as_ref().map(|lookup| lookup_word(*lookup.get_ref()).into());
    put(&mut table, "group-lookup", lookup);
    put(&mut table, "port", port(&config.port));
    for (key, text) in [
        ("bind-dn", &config.bind_dn),
        ("srv-domain", &config.srv_domain),
        ("site", &config.site),
        ("domain", &config.domain),
        ("netbios-domain", &config.netbios_domain),
        ("default-domain", &config.default_domain),
        ("user-class", &config.user_class),
        ("id-attribute", &config.id_attribute),
        ("group-base-dn", &config.group_base_dn),
        ("group-member-attribute", &config.group_member_attribute),
    ] {
        put(&mut table, key, word(text));
    }
    for (key, some) in [
        ("servers", &config.servers),
        ("server-names", &config.server_names),
        ("dns-servers", &config.dns_servers),
        ("upn-suffixes", &config.upn_suffixes),
        ("login-attributes", &config.login_attributes),
    ] {
        put(&mut table, key, words(some));
    }
    if !config.other_domain.is_empty() {
        let domains = config.other_domain.iter().map(|domain| Value::Table(other(domain, passwords)));
        put(&mut table, "other-domain", Some(Value::Array(domains.collect())));
    }
    table
}

fn other(domain: &OtherDomain, passwords: &Passwords) -> Table {
    let mut table = Table::new();
    put(&mut table, "base-dn", Some(domain.base_dn.get_ref().as_str().into()));
    put(&mut table, "ca-file", file(&domain.ca_file));
    put(&mut table, "bind-password", password(&domain.bind_password_file, passwords));
    put(&mut table, "port", port(&domain.port));
    for (key, text) in [
        ("bind-dn", &domain.bind_dn),
        ("site", &domain.site),
        ("domain", &domain.domain),
        ("netbios-domain", &domain.netbios_domain),
    ] {
        put(&mut table, key, word(text));
    }
    for (key, some) in [
        ("servers", &domain.servers),
        ("server-names", &domain.server_names),
        ("dns-servers", &domain.dns_servers),
        ("upn-suffixes", &domain.upn_suffixes),
    ] {
        put(&mut table, key, words(some));
    }
    table
}

fn put(table: &mut Table, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        table.insert(key.to_owned(), value);
    }
}

fn word(text: &Option<Spanned<String>>) -> Option<Value> {
    text.as_ref().map(|text| text.get_ref().as_str().into())
}

fn words(texts: &Option<Spanned<Vec<String>>>) -> Option<Value> {
    texts.as_ref().map(|texts| list(texts.get_ref().iter().map(String::as_str)))
}

fn port(port: &Option<Spanned<u16>>) -> Option<Value> {
    port.as_ref().map(|port| i64::from(*port.get_ref()).into())
}

fn file(file: &Option<Spanned<PathBuf>>) -> Option<Value> {
    file.as_ref().map(|file| path(file.get_ref()))
}

/// Where the password is that `file` stands for.
fn password(file: &Option<Spanned<PathBuf>>, passwords: &Passwords) -> Option<Value> {
    let known_by: &Path = file.as_ref()?.get_ref();
    passwords.iter().find(|(known, _)| known == known_by).map(|(_, found)| source(&found.from))
}
