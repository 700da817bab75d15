//! Rules across tables: names that must exist or differ, secrets that are weak or shared, rules that can
//! never match. What is only doubtful is a warning and never stops the start.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::base::cidr::Prefix;
use crate::base::report::{Complaint, Complaints, Place};
use crate::base::secret::Secret;
use crate::base::table::nearest;
use crate::base::text::safe;
use crate::config::sets::Sets;
use crate::config::settings::GeoSettings;
use crate::config::{client, directory, exemption, expect, fault, listener, reply, rule, show, upstream};
use crate::frontend::radius::clients::MessageAuthenticator;

/// Secrets that everybody tries first (D-111).
const COMMON: [&str; 24] = [
    "testing123",
    "secret",
    "radius",
    "cisco",
    "password",
    "sharedsecret",
    "shared-secret",
    "changeme",
    "change-me",
    "admin",
    "test",
    "test123",
    "testing",
    "default",
    "letmein",
    "p@ssw0rd",
    "passw0rd",
    "password123",
    "radiussecret",
    "radius123",
    "freeradius",
    "fortinet",
    "12345678",
    "1234567890123456",
];

/// Everything that is compared.
pub(in crate::config) struct Drafts<'a> {
    pub(in crate::config) directories: &'a [directory::Draft],
    pub(in crate::config) upstreams: &'a [upstream::Draft],
    pub(in crate::config) accounting_relay: Option<&'a str>,
    /// Where RADIUS is answered.
    pub(in crate::config) listen: &'a [SocketAddr],
    pub(in crate::config) listeners: &'a [listener::Draft],
    pub(in crate::config) clients: &'a [client::Draft],
    pub(in crate::config) exemptions: &'a [exemption::Draft],
    pub(in crate::config) rules: &'a [rule::Draft],
    pub(in crate::config) faults: &'a [fault::Draft],
    pub(in crate::config) expectations: &'a [expect::Draft],
    pub(in crate::config) replies: &'a [reply::Draft],
    pub(in crate::config) sets: &'a Sets,
    pub(in crate::config) geo: &'a GeoSettings,
    pub(in crate::config) remembers_networks: bool,
    /// Anonymous ids are drawn, and not kept by the site.
    pub(in crate::config) draws_ids: bool,
}

/// Compares the tables with each other.
pub(in crate::config) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    names_differ(drafts, out);
    clients_name_directories(drafts, out);
    addresses_differ(drafts.clients, out);
    for draft in drafts.clients {
        doubtful_secret(draft, out);
        doubtful_addresses(draft, out);
        doubtful_authenticity(draft, out);
    }
    secrets_differ(drafts.clients, out);
    rule::names::check(drafts, out);
}

/// Complains about names that stand twice, however they are written: metrics and people mix them up.
pub(in crate::config) fn twice<'a>(
    kind: &str,
    names: impl Iterator<Item = (&'a str, Option<&'a Place>)>,
    out: &mut Complaints,
) {
    let mut first: HashMap<String, &Place> = HashMap::new();
    for (name, place) in names {
        let Some(place) = place else { continue };
        match first.get(&name.to_lowercase()) {
            Some(other) => out.error(
                Complaint::wrong(place, format!("two {kind} are called \"{}\"", safe(name)))
                    .see(other)
                    .hint("give one of them another name"),
            ),
            None => {
                first.insert(name.to_lowercase(), place);
            }
        }
    }
}

fn names_differ(drafts: &Drafts<'_>, out: &mut Complaints) {
    let directories = drafts.directories.iter().map(|d| (&*d.name, d.name_at.as_ref()));
    twice("directories", directories, out);
    twice("clients", drafts.clients.iter().map(|d| (&*d.settings.login.name, d.name.as_ref())), out);
    twice("rules", drafts.rules.iter().map(|d| (&*d.rule.name, d.name.as_ref())), out);
}

fn clients_name_directories(drafts: &Drafts<'_>, out: &mut Complaints) {
    let known: Vec<&str> = drafts.directories.iter().map(|d| &*d.name).collect();
    for draft in drafts.clients {
        let Some(place) = &draft.directory else { continue };
        let wanted = &*draft.settings.login.directory;
        if !known.contains(&wanted) && !known.is_empty() {
            let name = &draft.settings.login.name;
            let what = format!("client \"{}\": there is no directory \"{}\"", safe(name), safe(wanted));
            out.error(Complaint::wrong(place, what).hint(suggestion(wanted, &known)));
        }
    }
    for draft in drafts.directories {
        let name = &draft.name;
        if !drafts.clients.iter().any(|client| client.settings.login.directory == *name) {
            let what = format!("directory \"{}\": no client uses it", safe(name));
            out.warn(Complaint::wrong(&draft.place, what).hint("remove it, or name it in a client"));
        }
    }
}

/// What was meant instead of `word`, or all there are.
pub(in crate::config) fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("there are {}", known.join(", ")),
    }
}

fn addresses_differ(clients: &[client::Draft], out: &mut Complaints) {
    let mut first: HashMap<Prefix, &Place> = HashMap::new();
    for draft in clients {
        let Some(radius) = draft.settings.radius() else { continue };
        for (prefix, place) in radius.addresses.iter().zip(&draft.addresses) {
            match first.get(prefix) {
                Some(other) => {
                    let name = safe(&draft.settings.login.name);
                    let what = format!("client \"{name}\": {prefix} is taken already");
                    out.error(Complaint::wrong(place, what).see(other).hint(
                        "the address decides which secret is used; one network has one client, a part of \
                         it may have another",
                    ));
                }
                None => {
                    first.insert(*prefix, place);
                }
            }
        }
    }
}

/// A-031, D-111.
fn doubtful_secret(draft: &client::Draft, out: &mut Complaints) {
    let Some(settings) = draft.settings.radius() else { return };
    let name = safe(&draft.settings.login.name);
    let both = [("secret", Some(&settings.secret), &draft.radius.secret), {
        ("previous-secret", settings.previous_secret.as_ref(), &draft.radius.previous_secret)
    }];
    for (key, secret, place) in both {
        let (Some(secret), Some(place)) = (secret, place) else { continue };
        weak_secret(&format!("client \"{name}\""), key, secret, place, out);
    }
    if let (Some(previous), Some(place)) = (&settings.previous_secret, &draft.radius.previous_secret)
        && *previous == settings.secret
    {
        let what = format!("client \"{name}\": previous-secret is the same as secret");
        out.warn(Complaint::wrong(place, what).hint("remove it when the change is over"));
    }
}

/// Warns about a secret that is easily guessed.
pub(in crate::config) fn weak_secret(
    whose: &str,
    key: &str,
    secret: &Secret,
    place: &Place,
    out: &mut Complaints,
) {
    let what = if is_common(secret) {
        format!("{whose}: {key} is one that everybody tries first")
    } else if secret.len() <= 12 {
        format!("{whose}: {key} has {} bytes, at least 24 are advised", secret.len())
    } else {
        return;
    };
    out.warn(Complaint::wrong(place, what).hint("openssl rand -base64 24 makes a good one"));
}

fn is_common(secret: &Secret) -> bool {
    secret
        .expose_str()
        .is_some_and(|text| COMMON.iter().any(|common| common.eq_ignore_ascii_case(text.trim())))
}

fn doubtful_addresses(draft: &client::Draft, out: &mut Complaints) {
    let Some(radius) = draft.settings.radius() else { return };
    for (prefix, place) in radius.addresses.iter().zip(&draft.addresses) {
        if show::is_wide(prefix) {
            let what = format!(
                "client \"{}\": {prefix} is wide; everybody in it who learns the secret is this client",
                safe(&draft.settings.login.name)
            );
            out.warn(Complaint::wrong(place, what).hint("name the devices themselves where you can"));
        }
    }
}

///
fn doubtful_authenticity(draft: &client::Draft, out: &mut Complaints) {
    let Some(radius) = draft.settings.radius() else { return };
    let name = safe(&draft.settings.login.name);
    let place = draft.radius.message_authenticator.as_ref().unwrap_or(&draft.place);
    let unlimited = draft.radius.limit_proxy_state.as_ref().filter(|_| !radius.limit_proxy_state);
    let (word, when) = match radius.message_authenticator {
        MessageAuthenticator::Required => {
            if let Some(place) = unlimited {
                let what = format!("client \"{name}\": limit-proxy-state has no effect here");
                let hint = "it is for a client whose message-authenticator is not \"required\"";
                out.warn(Complaint::wrong(place, what).hint(hint));
            }
            return;
        }
        MessageAuthenticator::Auto => ("auto", " until it has sent one"),
        MessageAuthenticator::Off => ("off", ""),
    };
    let what = format!(
        "client \"{name}\": message-authenticator is \"{word}\"; somebody between it and us can turn any \
         answer into an acceptance{when}, with or without a second factor (CVE-2024-3596)"
    );
    let hint = "let the device send Message-Authenticator and write \"required\", or keep the path encrypted";
    out.warn(Complaint::wrong(place, what).hint(hint));
    if let Some(place) = unlimited {
        let what = format!("client \"{name}\": without limit-proxy-state that attack is at its easiest");
        out.warn(Complaint::wrong(place, what).hint("only a client that is itself a proxy needs false"));
    }
}

///
fn secrets_differ(clients: &[client::Draft], out: &mut Complaints) {
    let secret = |draft: &client::Draft| draft.settings.radius().map(|radius| radius.secret.clone());
    for (number, draft) in clients.iter().enumerate() {
        let Some(own) = secret(draft).filter(|own| !own.is_empty()) else { continue };
        let same = clients.iter().take(number).find(|other| secret(other).as_ref() == Some(&own));
        let (Some(same), Some(place)) = (same, &draft.radius.secret) else { continue };
        let Some(other) = &same.radius.secret else { continue };
        let what = format!(
            "client \"{}\": its secret is also that of client \"{}\"",
            safe(&draft.settings.login.name),
            safe(&same.settings.login.name)
        );
        let hint = "with a secret of its own, the loss of one device does not open the other";
        out.warn(Complaint::wrong(place, what).see(other).hint(hint));
    }
}
