//! A client that speaks LDAP: an application that binds as its users.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::cidr::Prefix;
use crate::base::report::Place;
use crate::base::table::{Reader, Written};
use crate::base::text::safe;
use crate::config::client::{Named, entry};
use crate::config::directory;
use crate::frontend::ldap::clients::{ConnectionIs, ExternalName, KnownBy, LdapClient, Root};
use crate::login::client::{Capabilities, Client, PrimaryKind, Protocol, WhenUnable};
use crate::net::certificate;

/// A confirmed factor counts again for no longer than this (B-046).
const LONGEST_MEMORY: Duration = Duration::from_secs(15 * 60);

/// The words of `search-references`, and whether they are dropped.
pub(in crate::config) const REFERENCES: [(&str, bool); 2] = [("pass", false), ("drop", true)];
/// The words of `address-is`.
pub(in crate::config) const ADDRESS_IS: [(&str, ConnectionIs); 2] =
    [("application", ConnectionIs::Application), ("person", ConnectionIs::Person)];
/// The words of `external`.
pub(in crate::config) const EXTERNALS: [(&str, ExternalName); 3] = [
    ("email", ExternalName::Email),
    ("principal", ExternalName::Principal),
    ("subject", ExternalName::Subject),
];

/// Where the things stand that are compared with other tables.
#[derive(Default)]
pub(in crate::config) struct Places {
    pub(in crate::config) listeners: Vec<Written<String>>,
    pub(in crate::config) certificates: Option<Place>,
    pub(in crate::config) external: Option<Place>,
}

/// Reads what LDAP needs besides a name, a directory and `addresses`.
pub(in crate::config::client) fn settle(
    reader: &mut Reader<'_, '_>,
    named: Named<'_>,
    addresses: Vec<Prefix>,
    directories: &[directory::Draft],
) -> (LdapClient, Places) {
    if ["addresses", "listeners", "certificates"].iter().all(|key| reader.node(key).is_none()) {
        reader.missing(
            "addresses, listeners or certificates",
            "say how its connections are told from others; all that are given must fit",
        );
    }
    let connection_is = reader.choice("address-is", &ADDRESS_IS, ConnectionIs::Application);
    let external = reader.text("external");
    let places = Places {
        listeners: listeners(reader),
        certificates: reader.node("certificates").map(|node| node.place.clone()),
        external: external.as_ref().map(|text| text.place.clone()),
    };
    let external = external.and_then(|text| reader.word("external", &text, &EXTERNALS));
    let root = root(directories, named.directory);
    let client = LdapClient {
        client: Arc::new(login(reader, named, connection_is)),
        known_by: KnownBy {
            addresses,
            listeners: places.listeners.iter().map(|name| name.value.as_str().into()).collect(),
            certificates: certificates(reader),
        },
        root,
        read_only: reader.flag("read-only", false),
        drops_references: reader.choice("search-references", &REFERENCES, false),
        connection_is,
        external,
        exempt: HashMap::new(),
    };
    (client, places)
}

fn login(reader: &mut Reader<'_, '_>, named: Named<'_>, connection_is: ConnectionIs) -> Client {
    let remember = reader.duration("remember", Duration::ZERO..=LONGEST_MEMORY, Duration::ZERO);
    Client {
        protocol: Protocol::Ldap,
        name: named.name.into(),
        directory: named.directory.into(),
        groups: named.groups,
        order: named.order,
        primary: PrimaryKind::Directory,
        entry: entry::typed(reader),
        // Nobody is ever asked.
        prompt: "".into(),
        challenge_life: Duration::ZERO,
        can: Capabilities {
            prompts: false,
            prompts_relayed: false,
            tells_address: connection_is == ConnectionIs::Person,
        },
        login_timeout: named.login_timeout,
        reject_delay: named.reject_delay,
        renaming: named.renaming,
        // LDAP has an answer of its own for that (B-043).
        when_unable: WhenUnable::Reject,
        remember: (!remember.is_zero()).then_some(remember),
        ..Client::new("", "")
    }
}

fn listeners(reader: &mut Reader<'_, '_>) -> Vec<Written<String>> {
    let mut found: Vec<Written<String>> = Vec::new();
    for text in reader.texts("listeners").unwrap_or_default() {
        if found.iter().any(|other| other.value == text.value) {
            let what = format!("listeners names \"{}\" twice", safe(text.value));
            reader.wrong(&text.place, what, "remove one of them");
        } else {
            found.push(Written { value: text.value.to_owned(), place: text.place });
        }
    }
    found
}

fn certificates(reader: &mut Reader<'_, '_>) -> Vec<Box<str>> {
    let mut found = Vec::new();
    for text in reader.texts("certificates").unwrap_or_default() {
        match certificate::name(text.value) {
            Some(name) if found.contains(&name) => {
                let what = format!("certificates names \"{}\" twice", safe(text.value));
                reader.wrong(&text.place, what, "remove one of them");
            }
            Some(name) => found.push(name),
            None => {
                let what = format!("certificates: \"{}\" is no name in a certificate", safe(text.value));
                let hint = "its kind stands in front: \"dns:wiki.example.org\", \"email:…\", \"upn:…\", \"uri:…\" \
                            or \"subject:CN=wiki,O=Example\"";
                reader.wrong(&text.place, what, hint);
            }
        }
    }
    found
}

/// What the root entry says of the directory `name`.
fn root(directories: &[directory::Draft], name: &str) -> Root {
    let known = directories.iter().find(|directory| *directory.name == *name);
    known.and_then(|directory| directory.settings.as_ref()).map(directory::root).unwrap_or_default()
}
