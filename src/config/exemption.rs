//! `[[exemption]]`: accounts that need no second factor in certain places (B-047).

use std::sync::Arc;

use crate::base::report::{Complaint, Complaints, Place};
use crate::base::table::{Reader, Written};
use crate::base::text::safe;
use crate::config::check::{Drafts, suggestion, twice};
use crate::config::client::{self, check_name, prefixes};
use crate::config::fault::told;
use crate::config::rule::dates;
use crate::config::settings::{ClientProtocol, DirectoryKind};
use crate::config::{directory, show};
use crate::directory::ldap::LdapSettings;
use crate::directory::{distinguished_name, lies_under, security_identifier};
use crate::frontend::ldap::clients::{Allowed, Exempt};
use crate::login::client::PrimaryKind;
use crate::login::policy::Exemption;
use crate::login::policy::exempt::ExemptionKind;

/// The words of `kind`.
pub(in crate::config) const KINDS: [(&str, ExemptionKind); 2] =
    [("service", ExemptionKind::Service), ("break-glass", ExemptionKind::BreakGlass)];

/// The words of `may`.
const MAY: [(&str, May); 2] = [("bind", May::Bind), ("search", May::Search)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    Bind,
    Search,
}

/// An exemption and where the things stand that are compared with other tables.
pub(in crate::config) struct Draft {
    pub(in crate::config) exemption: Exemption,
    pub(in crate::config) allowed: Allowed,
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Place>,
    pub(in crate::config) until: Option<Place>,
    clients: Vec<Written<String>>,
    account: Option<Place>,
    sources: Vec<Place>,
    /// Where `may` names "search".
    search: Option<Place>,
}

/// Reads one exemption; `reader` is already called by its name.
pub(in crate::config) fn settle(reader: &mut Reader<'_, '_>) -> Draft {
    let name = reader.need_text("name", "the name stands in audit records and in explain");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    if reader.node("client").is_none() {
        reader.missing("client", "name the clients where the account needs no second factor");
    }
    let clients: Vec<Written<String>> = reader
        .texts("client")
        .unwrap_or_default()
        .into_iter()
        .map(|text| Written { value: text.value.to_owned(), place: text.place })
        .collect();
    let account = account(reader);
    if reader.node("source").is_none() {
        reader.missing(
            "source",
            "name the addresses that the account is used from; its password would be enough anywhere",
        );
    }
    let (sources, sources_at) = prefixes(reader, "source");
    let search = may(reader);
    let owner = told(reader, "owner", "who answers for it, such as \"web team\"");
    let reason = told(reader, "reason", "why it is there, for whoever finds it next year");
    let valid = dates::validity(reader);
    let kind = reader.choice("kind", &KINDS, ExemptionKind::Service);
    let alarm = alarm(reader, kind);
    Draft {
        place: reader.whole_table().place.clone(),
        exemption: Exemption {
            name: name.as_ref().map_or("", |name| name.value).into(),
            account: account.as_ref().map_or("".into(), |account| account.value.clone()),
            clients: clients.iter().map(|client| client.value.as_str().into()).collect(),
            sources,
            owner: owner.into(),
            reason: reason.into(),
            valid,
            kind,
            alarm,
        },
        allowed: Allowed { search: search.is_some() },
        name: name.map(|name| name.place),
        until: reader.place_of("valid-until"),
        clients,
        account: account.map(|account| account.place),
        sources: sources_at,
        search,
    }
}

/// Who uses the way in for emergencies is heard of in any case.
fn alarm(reader: &mut Reader<'_, '_>, kind: ExemptionKind) -> bool {
    let said = reader.maybe("alarm");
    if let Some(place) = reader.place_of("alarm").filter(|_| kind == ExemptionKind::BreakGlass) {
        let what = "alarm has no effect, each use of a break-glass account raises one";
        reader.wrong(&place, what, "remove it");
    }
    kind == ExemptionKind::BreakGlass || said.unwrap_or(false)
}

/// The account in its one form. A login name will not do: it can be given to another account tomorrow.
fn account(reader: &mut Reader<'_, '_>) -> Option<Written<Box<str>>> {
    const FORMS: &str = "write account = \"CN=wiki,OU=Service,DC=corp,DC=example\" or \"S-1-5-21-…\"";
    let text = reader.need_text("account", FORMS)?;
    let value = security_identifier(text.value).or_else(|| distinguished_name(text.value));
    if value.is_none() {
        let what = format!(
            "account is \"{}\", it must be a whole distinguished name or a SID; a login name can be given to \
             somebody else",
            safe(text.value)
        );
        reader.wrong(&text.place, what, FORMS);
    }
    value.map(|value| Written { value, place: text.place })
}

/// Where "search" is allowed, if it is.
fn may(reader: &mut Reader<'_, '_>) -> Option<Place> {
    const WAYS: &str = "write may = [\"bind\"], or may = [\"bind\", \"search\"]";
    let Some(node) = reader.node("may") else {
        reader.missing("may", WAYS);
        return None;
    };
    let mut allowed: Vec<(May, Place)> = Vec::new();
    for text in reader.texts("may").unwrap_or_default() {
        match reader.word("may", &text, &MAY) {
            Some(may) if allowed.iter().any(|(other, _)| *other == may) => {
                reader.wrong(&text.place, format!("may names \"{}\" twice", safe(text.value)), WAYS);
            }
            Some(may) => allowed.push((may, text.place)),
            None => {}
        }
    }
    let search = allowed.iter().find(|(may, _)| *may == May::Search).map(|(_, place)| place.clone());
    if search.is_some() && !allowed.iter().any(|(may, _)| *may == May::Bind) {
        reader.wrong(
            &node.place,
            "may has \"search\" without \"bind\", and nobody searches before a bind",
            WAYS,
        );
    }
    search
}

/// Tells each client that speaks LDAP what exempt accounts may do at it.
pub(in crate::config) fn tell(clients: &mut [client::Draft], exemptions: &[Draft]) {
    for draft in clients {
        let ClientProtocol::Ldap(client) = &mut draft.settings.protocol else { continue };
        for exemption in
            exemptions.iter().filter(|e| e.exemption.clients.contains(&draft.settings.login.name))
        {
            let exempt = Exempt { allowed: exemption.allowed, definition: exemption.exemption.clone() };
            Arc::make_mut(client).exempt.insert(exemption.exemption.name.clone(), exempt);
        }
    }
}

/// Compares exemptions with clients, directories and each other.
pub(in crate::config) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    twice("exemptions", drafts.exemptions.iter().map(|d| (&*d.exemption.name, d.name.as_ref())), out);
    let known: Vec<&str> = drafts.clients.iter().map(|d| &*d.settings.login.name).collect();
    for (number, draft) in drafts.exemptions.iter().enumerate() {
        for name in draft.clients.iter().filter(|name| !known.contains(&name.value.as_str())) {
            let what = format!("{}: there is no client \"{}\"", called(draft), safe(&name.value));
            out.error(Complaint::wrong(&name.place, what).hint(suggestion(&name.value, &known)));
        }
        told_twice(draft, drafts.exemptions.iter().take(number), out);
        wide(draft, out);
        let named = |client: &&client::Draft| draft.exemption.clients.contains(&client.settings.login.name);
        let clients: Vec<&client::Draft> = drafts.clients.iter().filter(named).collect();
        searches_somewhere(draft, &clients, out);
        for client in clients {
            can_be_known(draft, client, drafts.directories, out);
            comes_from_there(draft, client, out);
            nothing_is_checked(draft, client, out);
        }
    }
}

fn called(draft: &Draft) -> String {
    format!("exemption \"{}\"", safe(&draft.exemption.name))
}

/// With two, which of them is in the audit, and what the account may do, would be a matter of their order.
fn told_twice<'a>(draft: &Draft, others: impl Iterator<Item = &'a Draft>, out: &mut Complaints) {
    let Some(place) = &draft.account else { return };
    for other in others.filter(|other| other.exemption.account == draft.exemption.account) {
        let shared = draft.exemption.clients.iter().find(|name| other.exemption.clients.contains(name));
        let (Some(client), Some(see)) = (shared, &other.account) else { continue };
        let what = format!(
            "{} is for the same account at client \"{}\" as {}",
            called(draft),
            safe(client),
            called(other)
        );
        out.error(Complaint::wrong(place, what).see(see).hint("put their sources into one of them"));
    }
}

fn wide(draft: &Draft, out: &mut Complaints) {
    for (prefix, place) in draft.exemption.sources.iter().zip(&draft.sources) {
        if show::is_wide(prefix) {
            let what = format!(
                "{}: {prefix} is wide; from everywhere in it the account's password alone is enough",
                called(draft)
            );
            out.warn(Complaint::wrong(place, what).hint("name the machines that use the account"));
        }
    }
}

fn searches_somewhere(draft: &Draft, clients: &[&client::Draft], out: &mut Complaints) {
    let Some(place) = &draft.search else { return };
    if !clients.is_empty() && clients.iter().all(|client| client.settings.radius().is_some()) {
        let what = format!("{}: may names \"search\", and none of its clients speaks LDAP", called(draft));
        out.error(Complaint::wrong(place, what).hint("write may = [\"bind\"]"));
    }
}

/// An account that the client's directory cannot have would never match.
fn can_be_known(
    draft: &Draft,
    client: &client::Draft,
    directories: &[directory::Draft],
    out: &mut Complaints,
) {
    let login = &client.settings.login;
    let directory = directories.iter().find(|directory| directory.name == login.directory);
    let (Some(place), Some(settings)) = (&draft.account, directory.and_then(|d| d.settings.as_ref())) else {
        return;
    };
    let account = &draft.exemption.account;
    let is_sid = security_identifier(account).is_some();
    let (what, hint) = match &settings.kind {
        DirectoryKind::File { .. } => (
            "is a file, whose users have neither a distinguished name nor a SID".to_owned(),
            "leave that client out; a rule can ask for nothing there",
        ),
        DirectoryKind::Ldap { settings, .. } if is_sid && !settings.is_active_directory() => (
            "is of kind \"ldap\", where accounts have no SID".to_owned(),
            "write the account's whole distinguished name",
        ),
        DirectoryKind::Ldap { settings, .. }
            if !is_sid && !settings.base_dns().any(|base| lies_under(account, base)) =>
        {
            (
                format!("knows only what lies under \"{}\"", bases(settings)),
                "correct account, or widen base-dn of the directory",
            )
        }
        DirectoryKind::Ldap { .. } => return,
    };
    let what = format!(
        "{}: client \"{}\" uses directory \"{}\", which {what}",
        called(draft),
        safe(&login.name),
        safe(&login.directory)
    );
    out.error(Complaint::wrong(place, what).hint(hint));
}

fn bases(settings: &LdapSettings) -> String {
    settings.base_dns().map(|base| safe(base).to_string()).collect::<Vec<_>>().join("\" or \"")
}

fn comes_from_there(draft: &Draft, client: &client::Draft, out: &mut Complaints) {
    let addresses = match &client.settings.protocol {
        ClientProtocol::Radius(radius) => &radius.addresses,
        ClientProtocol::Ldap(ldap) => &ldap.known_by.addresses,
    };
    let sources = &draft.exemption.sources;
    let meet = addresses.iter().any(|address| sources.iter().any(|source| source.overlaps(address)));
    if !meet && !addresses.is_empty() && !sources.is_empty() {
        let name = safe(&client.settings.login.name);
        let what =
            format!("{}: client \"{name}\" comes from none of its sources, so it never holds", called(draft));
        let place = draft.sources.first().unwrap_or(&draft.place);
        out.warn(
            Complaint::wrong(place, what)
                .hint("source is where the connection comes from, the client's own address"),
        );
    }
}

fn nothing_is_checked(draft: &Draft, client: &client::Draft, out: &mut Complaints) {
    if client.settings.login.primary == PrimaryKind::CheckedByClient {
        let what = format!(
            "{}: client \"{}\" is trusted with the password: nothing at all is checked here",
            called(draft),
            safe(&client.settings.login.name)
        );
        let place = draft.name.as_ref().unwrap_or(&draft.place);
        out.warn(Complaint::wrong(place, what).hint("leave that client out of the exemption"));
    }
}
