//! Listeners and the clients that speak LDAP, together: who can be reached where, and who is who.

use std::sync::Arc;

use crate::base::report::{Complaint, Complaints, Place};
use crate::base::text::safe;
use crate::config::check::{Drafts, suggestion, twice};
use crate::config::{client, listener};
use crate::frontend::ldap::clients::{KnownBy, LdapClient};

/// Compares listeners and clients.
pub(in crate::config) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    let names = drafts.listeners.iter().map(|l| (&*l.settings.settings.name, l.name.as_ref()));
    twice("listeners", names, out);
    let speaking: Vec<(&client::Draft, &Arc<LdapClient>)> =
        drafts.clients.iter().filter_map(|draft| Some((draft, draft.settings.ldap()?))).collect();
    for (draft, client) in &speaking {
        names_listeners(draft, drafts.listeners, out);
        shows_certificates(draft, client, drafts.listeners, out);
    }
    if let Some((draft, client)) = speaking.first().filter(|_| drafts.listeners.is_empty()) {
        let name = safe(&client.client.name);
        let what = format!("client \"{name}\" speaks LDAP, and there is no [[listener]] where it could");
        let hint = "add one with protocol = \"ldaps\", listen, certificate and key";
        out.error(Complaint::wrong(&draft.place, what).hint(hint));
    }
    used_by_somebody(drafts.listeners, &speaking, out);
    told_apart(&speaking, out);
}

fn names_listeners(draft: &client::Draft, listeners: &[listener::Draft], out: &mut Complaints) {
    let known: Vec<&str> = listeners.iter().map(|listener| &*listener.settings.settings.name).collect();
    for name in draft.ldap.listeners.iter().filter(|name| !known.contains(&name.value.as_str())) {
        if known.is_empty() {
            return;
        }
        let (client, wanted) = (safe(&draft.settings.login.name), safe(&name.value));
        let what = format!("client \"{client}\": there is no listener \"{wanted}\"");
        out.error(Complaint::wrong(&name.place, what).hint(suggestion(&name.value, &known)));
    }
}

/// The listeners that `client` may come to.
fn open_to<'a>(
    client: &'a KnownBy,
    listeners: &'a [listener::Draft],
) -> impl Iterator<Item = &'a listener::Draft> {
    listeners.iter().filter(move |listener| {
        client.listeners.is_empty() || client.listeners.contains(&listener.settings.settings.name)
    })
}

/// Keys about certificates do nothing where nobody is asked for one.
fn shows_certificates(
    draft: &client::Draft,
    client: &LdapClient,
    listeners: &[listener::Draft],
    out: &mut Complaints,
) {
    let mut open = open_to(&client.known_by, listeners).peekable();
    if open.peek().is_none() || open.any(|listener| listener.asks) {
        return;
    }
    for (key, place) in [("certificates", &draft.ldap.certificates), ("external", &draft.ldap.external)] {
        if let Some(place) = place {
            let name = safe(&client.client.name);
            let what =
                format!("client \"{name}\": {key} has no effect, no listener asks it for a certificate");
            let hint = "add client-certificates and client-ca-file to a [[listener]] that it uses";
            out.error(Complaint::wrong(place, what).hint(hint));
        }
    }
}

fn used_by_somebody(
    listeners: &[listener::Draft],
    speaking: &[(&client::Draft, &Arc<LdapClient>)],
    out: &mut Complaints,
) {
    for draft in listeners {
        let name = &draft.settings.settings.name;
        let open = |known: &KnownBy| known.listeners.is_empty() || known.listeners.contains(name);
        if !speaking.iter().any(|(_, client)| open(&client.known_by)) {
            let what = format!("listener \"{}\": no client uses it", safe(name));
            let hint = "remove it, or name it in a client with protocol = \"ldap\"";
            out.warn(Complaint::wrong(&draft.place, what).hint(hint));
        }
    }
}

/// Two clients must not be known by the same things: which of them a connection is would be a matter of their order.
fn told_apart(speaking: &[(&client::Draft, &Arc<LdapClient>)], out: &mut Complaints) {
    for (number, (draft, client)) in speaking.iter().enumerate() {
        let same =
            |(_, other): &&(&client::Draft, &Arc<LdapClient>)| alike(&client.known_by, &other.known_by);
        let Some((other_draft, other)) = speaking.iter().take(number).find(same) else { continue };
        let what = format!(
            "client \"{}\" cannot be told from client \"{}\": {}",
            safe(&client.client.name),
            safe(&other.client.name),
            what_is_shared(&client.known_by, &other.known_by)
        );
        let hint = "give one of them other addresses, another listener, or a name in a certificate";
        out.error(Complaint::wrong(place(draft), what).see(place(other_draft)).hint(hint));
    }
}

fn place(draft: &client::Draft) -> &Place {
    draft.name.as_ref().unwrap_or(&draft.place)
}

/// Whether a connection can fit both equally well, as [`crate::frontend::ldap::clients::ClientTable::find`] ranks
/// them: by a name in a certificate, then by the closest prefix, then by the listener.
fn alike(one: &KnownBy, other: &KnownBy) -> bool {
    fn share<T: PartialEq>(one: &[T], other: &[T]) -> bool {
        (one.is_empty() && other.is_empty()) || one.iter().any(|item| other.contains(item))
    }
    // That nothing at all is known of one of them is said elsewhere.
    *one != KnownBy::default()
        && share(&one.addresses, &other.addresses)
        && share(&one.listeners, &other.listeners)
        && share(&one.certificates, &other.certificates)
}

fn what_is_shared(one: &KnownBy, other: &KnownBy) -> String {
    let address =
        one.addresses.iter().find(|prefix| other.addresses.contains(prefix)).map(ToString::to_string);
    let listener = one.listeners.iter().find(|name| other.listeners.contains(name));
    let certificate = one.certificates.iter().find(|name| other.certificates.contains(name));
    let shared: Vec<String> = [
        address.map(|prefix| format!("both come from {prefix}")),
        listener.map(|name| format!("both use listener \"{}\"", safe(name))),
        certificate.map(|name| format!("both may show \"{}\"", safe(name))),
    ]
    .into_iter()
    .flatten()
    .collect();
    shared.join(", ")
}
