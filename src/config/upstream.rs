//! `[[upstream]]`: RADIUS servers that check what people show.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::base::report::{Complaint, Complaints, Place};
use crate::base::secret::Secret;
use crate::base::table::{Reader, Written};
use crate::base::text::{is_hidden, safe};
use crate::config::check::{Drafts, suggestion, twice, weak_secret};
use crate::config::client::check_name;
use crate::config::secret::{Surroundings, read};
use crate::config::settings::{SecretSource, UpstreamSettings};

const SECOND: Duration = Duration::from_secs(1);

/// The port for Access-Requests (RFC 2865 section 3).
const PORT: u16 = 1812;
/// The port for Accounting-Requests (RFC 2866 section 3).
const ACCOUNTING_PORT: u16 = 1813;

/// Most servers of one upstream.
const MOST: usize = 8;

/// Longest NAS-Identifier in bytes.
const LONGEST_IDENTIFIER: usize = 253;

/// The words of `message-authenticator`, and whether replies without it are dropped.
pub(in crate::config) const AUTHENTICATORS: [(&str, bool); 2] = [("required", true), ("off", false)];

/// An upstream and where the things stand that are compared with other tables.
pub(in crate::config) struct Draft {
    pub(in crate::config) settings: UpstreamSettings,
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Place>,
    servers: Vec<Place>,
    secret: Option<Place>,
    message_authenticator: Option<Place>,
}

/// Reads one upstream; `reader` is already called by its name.
pub(in crate::config) fn settle(reader: &mut Reader<'_, '_>, around: Surroundings<'_>) -> Draft {
    let name = reader.need_text("name", "clients name the upstream by it");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    let servers = servers(reader);
    let found = read(reader, "secret", around);
    if found.is_none() && reader.node("secret").is_none() {
        reader.missing("secret", "write secret = { file = \"…\" }, the one that its servers have for us");
    }
    let (secret, secret_from, secret_at) = match found {
        Some(found) => (found.secret, found.from, Some(found.place)),
        // There is an error already, and the settings are not used.
        None => (Secret::new(Vec::new()), SecretSource::Env("".into()), None),
    };
    let message_authenticator = reader.node("message-authenticator").map(|node| node.place.clone());
    let settings = UpstreamSettings {
        name: name.as_ref().map_or("", |name| name.value).into(),
        servers: servers.iter().map(|(address, _)| *address).collect(),
        secret,
        secret_from,
        signed_only: reader.choice("message-authenticator", &AUTHENTICATORS, true),
        server_timeout: reader.duration("server-timeout", SECOND..=30 * SECOND, 5 * SECOND),
        status_server: reader.flag("status-server", true),
        nas_identifier: nas_identifier(reader),
        accounting_port: reader.port("accounting-port", ACCOUNTING_PORT),
    };
    Draft {
        settings,
        place: reader.whole_table().place.clone(),
        name: name.map(|name| name.place),
        servers: servers.into_iter().map(|(_, place)| place).collect(),
        secret: secret_at,
        message_authenticator,
    }
}

fn servers(reader: &mut Reader<'_, '_>) -> Vec<(SocketAddr, Place)> {
    if reader.node("servers").is_none() {
        reader.missing("servers", "for example servers = [\"192.0.2.20\", \"192.0.2.21:1645\"]");
    }
    let mut servers: Vec<(SocketAddr, Place)> = Vec::new();
    for text in reader.texts("servers").unwrap_or_default() {
        let Some(address) = server(reader, &text) else { continue };
        if servers.iter().any(|(other, _)| *other == address) {
            reader.wrong(&text.place, format!("servers: {address} stands here twice"), "remove one of them");
        } else if servers.len() >= MOST {
            reader.wrong(&text.place, format!("servers: there are more than {MOST}"), "the first ones serve");
            break;
        } else {
            servers.push((address, text.place));
        }
    }
    servers
}

fn server(reader: &mut Reader<'_, '_>, text: &Written<&str>) -> Option<SocketAddr> {
    let alone = |text: &str| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT));
    let address = text.value.parse().ok().or_else(|| alone(text.value));
    let usable = address.filter(|address: &SocketAddr| address.port() != 0 && !address.ip().is_unspecified());
    if usable.is_none() {
        let what = format!("servers: \"{}\" is not the address of a server", safe(text.value));
        let hint = "for example \"192.0.2.20\", \"192.0.2.20:1645\" or \"[2001:db8::20]:1812\"; names are not \
                    looked up";
        reader.wrong(&text.place, what, hint);
    }
    usable
}

fn nas_identifier(reader: &mut Reader<'_, '_>) -> Box<str> {
    const USUAL: &str = "doorward";
    let Some(text) = reader.text("nas-identifier") else { return USUAL.into() };
    let fits = (1..=LONGEST_IDENTIFIER).contains(&text.value.len()) && !text.value.chars().any(is_hidden);
    if !fits {
        let what = format!("nas-identifier must be 1 to {LONGEST_IDENTIFIER} bytes of visible text");
        reader.wrong(&text.place, what, format!("the default is \"{USUAL}\""));
    }
    text.value.into()
}

/// Compares upstreams with the other tables.
pub(in crate::config) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    twice("upstreams", drafts.upstreams.iter().map(|u| (&*u.settings.name, u.name.as_ref())), out);
    let known: Vec<&str> = drafts.upstreams.iter().map(|draft| &*draft.settings.name).collect();
    for client in drafts.clients {
        let (Some(place), Some(wanted)) = (&client.radius.relay.upstream, &client.settings.login.upstream)
        else {
            continue;
        };
        if !known.contains(&&**wanted) {
            let name = safe(&client.settings.login.name);
            let what = format!("client \"{name}\": there is no upstream \"{}\"", safe(wanted));
            let hint = if known.is_empty() {
                "add an [[upstream]] with name, servers and secret".to_owned()
            } else {
                suggestion(wanted, &known)
            };
            out.error(Complaint::wrong(place, what).hint(hint));
        }
    }
    for draft in drafts.upstreams {
        used(draft, drafts, out);
        trusted(draft, out);
        not_us(draft, drafts, out);
    }
}

fn used(draft: &Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    let name = &draft.settings.name;
    let passes_records_on = drafts.accounting_relay == Some(&**name);
    let is_asked = drafts.clients.iter().any(|client| client.settings.login.upstream.as_ref() == Some(name));
    if !is_asked && !passes_records_on {
        let what = format!("upstream \"{}\": no client uses it", safe(name));
        let hint = "remove it, or write primary = \"upstream\" and its name in a client";
        out.warn(Complaint::wrong(&draft.place, what).hint(hint));
    }
}

///
fn trusted(draft: &Draft, out: &mut Complaints) {
    let name = safe(&draft.settings.name);
    if let Some(place) = &draft.secret {
        weak_secret(&format!("upstream \"{name}\""), "secret", &draft.settings.secret, place, out);
    }
    if let Some(place) = draft.message_authenticator.as_ref().filter(|_| !draft.settings.signed_only) {
        let what = format!(
            "upstream \"{name}\": message-authenticator is \"off\"; somebody between us and its servers can turn \
             their rejections into acceptances (CVE-2024-3596)"
        );
        let hint = "update the servers so that they sign what they send, or keep the path encrypted";
        out.warn(Complaint::wrong(place, what).hint(hint));
    }
}

/// Requests that come back to us would go round for ever: what tells a proxy of a circle does not go on.
fn not_us(draft: &Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    for (server, place) in draft.settings.servers.iter().zip(&draft.servers) {
        let is_us = |listen: &SocketAddr| {
            let anywhere = listen.ip().is_unspecified() && server.ip().is_loopback();
            listen.port() == server.port() && (listen.ip() == server.ip() || anywhere)
        };
        if drafts.listen.iter().any(is_us) {
            let name = safe(&draft.settings.name);
            let what = format!("upstream \"{name}\": {server} is where we listen ourselves");
            let hint = "give radius.listen another port, or name the server that checks passwords";
            out.error(Complaint::wrong(place, what).hint(hint));
        }
    }
}
