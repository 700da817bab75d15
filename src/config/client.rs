//! `[[client]]`: what clients of both protocols have. What one alone has is in the file of its protocol.

pub(in crate::config) mod charset;
mod entry;
pub(in crate::config) mod ldap;
pub(in crate::config) mod radius;
pub(in crate::config) mod relay;

use std::sync::Arc;
use std::time::Duration;

use crate::base::cidr::{NotAPrefix, Prefix};
use crate::base::report::Place;
use crate::base::table::{Node, Reader, Value, Written};
use crate::base::text::safe;
use crate::config::directory;
use crate::config::file::{CLIENT_LDAP, CLIENT_RADIUS};
use crate::config::rewrite;
use crate::config::secret::Surroundings;
use crate::config::settings::{ClientProtocol, ClientSettings};
use crate::login::client::{Order, Protocol};
use crate::login::rename::Renaming;

const SECOND: Duration = Duration::from_secs(1);

/// A client and where the things stand that are compared with other tables.
pub(in crate::config) struct Draft {
    pub(in crate::config) settings: ClientSettings,
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Place>,
    pub(in crate::config) directory: Option<Place>,
    pub(in crate::config) addresses: Vec<Place>,
    pub(in crate::config) order: Option<Place>,
    pub(in crate::config) radius: radius::Places,
    pub(in crate::config) ldap: ldap::Places,
}

impl Draft {
    /// Nothing comes back to us from its accounting, so it is given no note.
    pub(in crate::config) fn without_class(&mut self) {
        Arc::make_mut(&mut self.settings.login).badges = false;
    }
}

/// What every client has.
#[derive(Clone)]
pub(in crate::config::client) struct Named<'a> {
    name: &'a str,
    directory: &'a str,
    groups: Vec<Arc<str>>,
    order: Order,
    login_timeout: Duration,
    reject_delay: Duration,
    renaming: Renaming,
}

/// The words of `protocol`.
const PROTOCOLS: [(&str, Protocol); 2] = [("radius", Protocol::Radius), ("ldap", Protocol::Ldap)];

/// The words of `order`.
pub(in crate::config) const ORDERS: [(&str, Order); 2] =
    [("password-first", Order::PasswordFirst), ("factor-first", Order::FactorFirst)];

/// Reads one client; `reader` is already called by its name.
pub(in crate::config) fn settle(
    reader: &mut Reader<'_, '_>,
    directories: &[directory::Draft],
    around: Surroundings<'_>,
) -> Draft {
    let name = reader.need_text("name", "the name stands in rules, audit and log");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    let directory = reader.need_text("directory", "name the [[directory]] that knows its users");
    let protocol = protocol(reader);
    misplaced(reader, protocol);
    let (addresses, places) = prefixes(reader, "addresses");
    let (login_timeout, reject_delay) = times(reader);
    let (renaming, rewrite) = rewrite::read(reader);
    let named = Named {
        groups: groups(reader),
        order: order(reader),
        renaming,
        name: name.as_ref().map_or("", |name| name.value),
        directory: directory.as_ref().map_or("", |directory| directory.value),
        login_timeout,
        reject_delay,
    };
    let mut draft_radius = radius::Places::default();
    let mut draft_ldap = ldap::Places::default();
    let settings = match protocol {
        Protocol::Radius => {
            let (login, radius, places) = radius::settle(reader, named, addresses, around);
            draft_radius = places;
            ClientSettings {
                login: Arc::new(login),
                protocol: ClientProtocol::Radius(Box::new(radius)),
                rewrite,
            }
        }
        Protocol::Ldap => {
            let (client, places) = ldap::settle(reader, named, addresses, directories);
            draft_ldap = places;
            ClientSettings {
                login: Arc::clone(&client.client),
                protocol: ClientProtocol::Ldap(Arc::new(client)),
                rewrite,
            }
        }
    };
    Draft {
        settings,
        place: reader.whole_table().place.clone(),
        name: name.map(|name| name.place),
        directory: directory.map(|directory| directory.place),
        addresses: places,
        order: reader.place_of("order"),
        radius: draft_radius,
        ldap: draft_ldap,
    }
}

/// What the client speaks. When the word is wrong, what was meant is guessed, so that no complaint about keys of
/// the other protocol follows.
fn protocol(reader: &mut Reader<'_, '_>) -> Protocol {
    let Some(text) = reader.text("protocol") else { return Protocol::Radius };
    let guess = if reader.node("secret").is_some() { Protocol::Radius } else { Protocol::Ldap };
    reader.word("protocol", &text, &PROTOCOLS).unwrap_or(guess)
}

/// Complains about keys that only a client of the other protocol has: they would do nothing in silence.
fn misplaced(reader: &mut Reader<'_, '_>, protocol: Protocol) {
    let (own, others, other) = match protocol {
        Protocol::Radius => (CLIENT_RADIUS, CLIENT_LDAP, "ldap"),
        Protocol::Ldap => (CLIENT_LDAP, CLIENT_RADIUS, "radius"),
    };
    let table = reader.whole_table();
    for (key, (place, _)) in &table.entries {
        if others.contains(&key.as_str()) && !own.contains(&key.as_str()) {
            let hint = format!("it belongs to protocol = \"{other}\"; write that, or remove the key");
            reader.wrong(place, format!("{key} has no effect here"), hint);
        }
    }
}

fn groups(reader: &mut Reader<'_, '_>) -> Vec<Arc<str>> {
    let mut groups: Vec<Arc<str>> = Vec::new();
    for text in reader.texts("groups").unwrap_or_default() {
        check_name(reader, &text);
        if groups.iter().any(|group| **group == *text.value) {
            let what = format!("groups names \"{}\" twice", safe(text.value));
            reader.wrong(&text.place, what, "remove one of them");
        }
        groups.push(text.value.into());
    }
    groups
}

/// Who has checked the password itself asks for nothing but the code.
fn order(reader: &mut Reader<'_, '_>) -> Order {
    let order = reader.choice("order", &ORDERS, Order::PasswordFirst);
    let trusted =
        matches!(reader.node("primary"), Some(Node { value: Value::Text(word), .. }) if word == "trusted");
    if let Some(place) = reader.place_of("order").filter(|_| trusted) {
        let what = "order has no effect, with primary = \"trusted\" no password comes here";
        reader.wrong(&place, what, "remove it");
    }
    order
}

fn times(reader: &mut Reader<'_, '_>) -> (Duration, Duration) {
    let login_timeout = reader.duration("login-timeout", SECOND..=300 * SECOND, 20 * SECOND);
    let reject_delay = reader.duration("reject-delay", Duration::ZERO..=5 * SECOND, SECOND);
    if let Some(node) = reader.node("reject-delay").filter(|_| reject_delay >= login_timeout) {
        let what = "reject-delay is not shorter than login-timeout, so every rejection would be late";
        reader.wrong(&node.place, what, "the default is \"1s\"");
    }
    (login_timeout, reject_delay)
}

/// A name that is safe in audit, metrics and on a command line.
pub(in crate::config) fn check_name(reader: &mut Reader<'_, '_>, name: &Written<&str>) {
    let fits = (1..=64).contains(&name.value.len())
        && name.value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !fits {
        let what = format!("\"{}\" cannot be a name", safe(name.value));
        reader.wrong(&name.place, what, "1 to 64 of the letters a-z and A-Z, digits, \"-\", \"_\" and \".\"");
    }
}

/// The prefixes under `key`, and where each stands.
pub(in crate::config) fn prefixes(reader: &mut Reader<'_, '_>, key: &str) -> (Vec<Prefix>, Vec<Place>) {
    let mut prefixes = Vec::new();
    let mut places = Vec::new();
    for text in reader.texts(key).unwrap_or_default() {
        if let Some(prefix) = prefix(reader, key, &text) {
            prefixes.push(prefix);
            places.push(text.place);
        }
    }
    (prefixes, places)
}

/// An address that ends in 0 is most likely a network whose length was forgotten.
fn bare_network(reader: &mut Reader<'_, '_>, key: &str, text: &Written<&str>) {
    let Ok(address) = text.value.parse::<std::net::Ipv4Addr>() else { return };
    if address.octets().last() == Some(&0) {
        let what = format!("{key}: \"{address}\" is one address, and looks like a network");
        let hint = format!("write the length of the network, such as {address}/24, or else {address}/32");
        reader.doubt(&text.place, what, hint);
    }
}

/// Reads an address prefix that stands under `key`.
pub(in crate::config) fn prefix(
    reader: &mut Reader<'_, '_>,
    key: &str,
    text: &Written<&str>,
) -> Option<Prefix> {
    match text.value.parse::<Prefix>() {
        Ok(prefix) => {
            bare_network(reader, key, text);
            Some(prefix)
        }
        Err(NotAPrefix::Syntax) => {
            let what = format!("{key}: \"{}\" is not an address or prefix", safe(text.value));
            reader.wrong(
                &text.place,
                what,
                "for example \"192.0.2.10\" or \"10.0.0.0/8\"; names are not looked up",
            );
            None
        }
        Err(NotAPrefix::HostBits(network)) => {
            let what = format!("{key}: \"{}\" has address bits behind the prefix", safe(text.value));
            let one = text.value.split('/').next().unwrap_or_default();
            reader.wrong(
                &text.place,
                what,
                format!("the network is \"{network}\", the one address \"{one}\""),
            );
            None
        }
    }
}
