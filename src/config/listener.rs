//! `[[listener]]`

mod tls;

use std::net::SocketAddr;

use toml::{Table as Shown, Value as ShownValue};

use crate::base::cidr::canonical;
use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Place};
use crate::base::table::{Node, Reader, Value};
use crate::config::client::{check_name, prefixes};
use crate::config::listener::tls::Tls;
use crate::config::secret::Surroundings;
use crate::config::sections::addresses;
use crate::config::settings::LdapListener;
use crate::config::show;
use crate::frontend::ldap::listener::{Encryption, ListenerSettings, PlainBinds};

/// What is spoken at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Ldap,
    Ldaps,
}

const PROTOCOLS: [(&str, Protocol); 2] = [("ldap", Protocol::Ldap), ("ldaps", Protocol::Ldaps)];

/// The words of `plain-binds`.
const PLAIN: [(&str, PlainBinds); 2] = [("refuse", PlainBinds::Refused), ("loopback", PlainBinds::Loopback)];

/// Whether clients show certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    None,
    Optional,
    Required,
}

/// The words of `client-certificates`.
const SHOW: [(&str, Show); 3] =
    [("none", Show::None), ("optional", Show::Optional), ("required", Show::Required)];

/// A listener and where the things stand that are compared with other tables.
pub(in crate::config) struct Draft {
    pub(in crate::config) settings: LdapListener,
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Place>,
    pub(in crate::config) listen: Vec<(SocketAddr, Place)>,
    /// Whether a client can show a certificate there.
    pub(in crate::config) asks: bool,
}

/// Reads one listener; `reader` is already called by its name.
pub(in crate::config) fn settle(
    reader: &mut Reader<'_, '_>,
    around: Surroundings<'_>,
    now: UnixTime,
) -> Draft {
    let name = reader.need_text("name", "clients, log and metrics name the listener by it");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    let word = reader.need_text("protocol", "protocol = \"ldaps\", or \"ldap\" for StartTLS");
    let protocol = word.and_then(|text| reader.word("protocol", &text, &PROTOCOLS));
    if reader.node("listen").is_none() {
        reader.missing("listen", "for example listen = [\"0.0.0.0:636\", \"[::]:636\"]");
    }
    let listen = addresses(reader);
    let show = reader.choice("client-certificates", &SHOW, Show::None);
    let tls = tls::read(reader, show, around, now);
    let plain = plain(reader, protocol, &listen);
    let proxies = proxies(reader, plain);
    if let (Some(protocol), Tls::NotThere) = (protocol, &tls) {
        without_certificate(reader, protocol, plain);
    }
    let encryption = match (protocol, tls) {
        (_, Tls::NotThere | Tls::Wrong) => Encryption::None,
        (Some(Protocol::Ldap), Tls::Whole(tls)) => Encryption::StartTls(*tls),
        (Some(Protocol::Ldaps) | None, Tls::Whole(tls)) => Encryption::Tls(*tls),
    };
    let settings = ListenerSettings {
        name: name.as_ref().map_or("", |name| name.value).into(),
        listen: listen.iter().map(|(address, _)| *address).collect(),
        encryption,
        plain,
        proxies,
    };
    let shown = shown(reader, &settings, show);
    Draft {
        settings: LdapListener { settings, shown },
        place: reader.whole_table().place.clone(),
        name: name.map(|name| name.place),
        listen,
        asks: show != Show::None,
    }
}

/// Nobody could bind, or TLS is promised and cannot be.
fn without_certificate(reader: &mut Reader<'_, '_>, protocol: Protocol, plain: PlainBinds) {
    match (protocol, plain) {
        (Protocol::Ldaps, _) => {
            reader.missing(
                "certificate",
                "\"ldaps\" needs certificate and key: PEM files, see docs/configuration.md",
            );
        }
        (Protocol::Ldap, PlainBinds::Refused) => {
            let hint = "without TLS every bind is refused, since its password can be read on the way; add \
                        certificate and key for StartTLS";
            reader.missing("certificate", hint);
        }
        (Protocol::Ldap, PlainBinds::Loopback) => {}
    }
}

/// Readable binds are for this machine alone (B-028).
fn plain(
    reader: &mut Reader<'_, '_>,
    protocol: Option<Protocol>,
    listen: &[(SocketAddr, Place)],
) -> PlainBinds {
    let plain = reader.choice("plain-binds", &PLAIN, PlainBinds::Refused);
    let Some(node) = reader.node("plain-binds").filter(|_| plain == PlainBinds::Loopback) else {
        return plain;
    };
    if protocol == Some(Protocol::Ldaps) {
        let what = "plain-binds has no effect with protocol = \"ldaps\", where everything is encrypted";
        reader.wrong(&node.place, what, "remove it, or write protocol = \"ldap\"");
    }
    for (address, place) in listen.iter().filter(|_| protocol != Some(Protocol::Ldaps)) {
        if !canonical(address.ip()).is_loopback() {
            let what = format!(
                "plain-binds is \"loopback\", but {address} is an address that others reach; their passwords \
                 could be read on the way"
            );
            let hint = "listen on \"127.0.0.1:389\" or \"[::1]:389\" there, and give the network a listener with TLS";
            reader.wrong(place, what, hint);
        }
    }
    plain
}

fn proxies(reader: &mut Reader<'_, '_>, plain: PlainBinds) -> Vec<crate::base::cidr::Prefix> {
    let (proxies, places) = prefixes(reader, "proxy-protocol-from");
    for (prefix, place) in proxies.iter().zip(&places) {
        if show::is_wide(prefix) {
            let what = format!(
                "proxy-protocol-from: {prefix} is wide; whoever connects from there can claim any address"
            );
            reader.doubt(place, what, "name the balancers themselves");
        }
    }
    if let Some(place) = places.first().filter(|_| plain == PlainBinds::Loopback) {
        let what = "connections come from a balancer and need no TLS; passwords can be read on the way to it";
        reader.doubt(place, what, "good only when the balancer on this machine takes TLS connections itself");
    }
    proxies
}

fn shown(reader: &Reader<'_, '_>, settings: &ListenerSettings, show: Show) -> Shown {
    let mut table = Shown::new();
    let mut put = |key: &str, value: ShownValue| table.insert(key.to_owned(), value);
    put("name", (*settings.name).into());
    put("listen", show::list(settings.listen.iter().map(ToString::to_string)));
    put("client-certificates", show::word(&SHOW, show));
    put("plain-binds", show::word(&PLAIN, settings.plain));
    if !settings.proxies.is_empty() {
        put("proxy-protocol-from", show::list(settings.proxies.iter().map(ToString::to_string)));
    }
    // As they were written: a word, paths, and where the key is.
    for key in ["protocol", "certificate", "client-ca-file", "key"] {
        if let Some(value) = reader.node(key).and_then(as_written) {
            put(key, value);
        }
    }
    table
}

fn as_written(node: &Node) -> Option<ShownValue> {
    match &node.value {
        Value::Text(text) => Some(text.as_str().into()),
        Value::Table(table) => {
            let text = |(key, (_, node)): (&String, &(Place, Node))| Some((key.clone(), as_written(node)?));
            Some(ShownValue::Table(table.entries.iter().filter_map(text).collect()))
        }
        Value::Whole(_) | Value::Flag(_) | Value::Date(_) | Value::List(_) | Value::Unfit => None,
    }
}

/// Complains about an address that stands at two listeners, or at the status page.
pub(in crate::config) fn addresses_differ(listeners: &[Draft], status: Option<SocketAddr>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut seen: Vec<(SocketAddr, &Place)> = Vec::new();
    for (address, place) in listeners.iter().flat_map(|listener| &listener.listen) {
        if address.port() == 0 {
            continue;
        }
        if let Some((_, other)) = seen.iter().find(|(known, at)| known == address && *at != place) {
            let what = format!("two listeners have the address {address}");
            complaints.push(Complaint::wrong(place, what).see(other).hint("give each a port of its own"));
        }
        if status == Some(*address) {
            let what = format!("{address} is also the address of the status page");
            complaints.push(Complaint::wrong(place, what).hint("give each a port of its own"));
        }
        seen.push((*address, place));
    }
    complaints
}
