//! `[accounting]`: where devices tell which sessions they keep open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::report::{Complaint, Complaints, Place};
use crate::base::table::{Reader, Table};
use crate::base::text::safe;
use crate::config::check::{Drafts, suggestion};
use crate::config::client;
use crate::config::file;
use crate::config::sections;
use crate::config::settings::AccountingSettings;

const HOUR: Duration = Duration::from_secs(3600);

/// The table and where the things stand that are compared with others.
pub(in crate::config) struct Draft {
    pub(in crate::config) settings: AccountingSettings,
    relay: Option<Place>,
    listen: Vec<(SocketAddr, Place)>,
}

/// Reads the table; without it there is no accounting.
pub(in crate::config) fn settle<'a>(root: &mut Reader<'a, '_>, none: &'a Table, out_of_use: bool) -> Draft {
    let table = root.table("accounting");
    let is_there = table.is_some();
    let mut reader = Reader::new(table.unwrap_or(none), "accounting", file::ACCOUNTING, root.out());
    let mut listen = sections::addresses(&mut reader);
    match reader.node("listen") {
        None if is_there => {
            reader.missing("listen", "for example listen = [\"0.0.0.0:1813\", \"[::]:1813\"]");
        }
        Some(node) if out_of_use => {
            let what = "listen has nobody to listen to, no client speaks RADIUS";
            reader.doubt(
                &node.place,
                what,
                "remove [accounting], or add a client with protocol = \"radius\"",
            );
        }
        Some(_) | None => {}
    }
    if !is_there {
        listen.clear();
    }
    let relay = reader.text("relay");
    let settings = AccountingSettings {
        listen: listen.iter().map(|(address, _)| *address).collect(),
        relay: relay.as_ref().map(|relay| Arc::from(relay.value)),
        session_life: reader.duration("session-life", HOUR..=24 * 31 * HOUR, 24 * HOUR),
    };
    Draft { settings, relay: relay.map(|relay| relay.place), listen }
}

/// Where no accounting comes back to us, nobody is given a note for it.
pub(in crate::config) fn tell(clients: &mut [client::Draft], draft: &Draft) {
    if draft.settings.listen.is_empty() {
        clients.iter_mut().for_each(client::Draft::without_class);
    }
}

/// Compares it with the other tables.
pub(in crate::config) fn check(draft: &Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    if let (Some(place), Some(wanted)) = (&draft.relay, &draft.settings.relay) {
        let known: Vec<&str> = drafts.upstreams.iter().map(|upstream| &*upstream.settings.name).collect();
        if !known.contains(&&**wanted) {
            let what = format!("accounting: there is no upstream \"{}\"", safe(wanted));
            let hint = if known.is_empty() {
                "add an [[upstream]] with name, servers and secret".to_owned()
            } else {
                suggestion(wanted, &known)
            };
            out.error(Complaint::wrong(place, what).hint(hint));
        }
    }
    for (address, place) in &draft.listen {
        if address.port() != 0 && drafts.listen.contains(address) {
            let what = format!("accounting: {address} is where logins are answered");
            out.error(Complaint::wrong(place, what).hint("accounting has a port of its own, such as 1813"));
        }
    }
    for client in drafts.clients {
        if let (Some(place), true) = (&client.radius.disconnect, draft.settings.listen.is_empty()) {
            let name = safe(&client.settings.login.name);
            let what = format!("client \"{name}\": disconnect-port is of no use without [accounting]");
            let hint = "which sessions are open is known from accounting alone; add [accounting] with listen";
            out.error(Complaint::wrong(place, what).hint(hint));
        }
    }
}
