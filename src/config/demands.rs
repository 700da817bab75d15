//! Rules and clients together: what is demanded of people, and whether it can be typed where they type it.

use crate::base::report::{Complaint, Complaints};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::settings::{AuditTarget, DirectoryKind, Settings};
use crate::config::{client, exemption, rule};
use crate::directory::file::Users;
use crate::frontend::radius::clients::MessageAuthenticator;
use crate::login::client::{PrimaryKind, Typed};
use crate::login::factor::FactorKind;
use crate::login::policy::Requirement;

/// Compares rules with the clients they are for.
pub(in crate::config) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    for client in drafts.clients {
        unsigned_codes(client, out);
        divided_recovery_codes(client, out);
        external_for_nobody(client, drafts, out);
    }
    for rule in drafts.rules {
        let named = |client: &&client::Draft| rule.rule.when.is_for_client(&client.settings.login.name);
        let clients: Vec<&client::Draft> = drafts.clients.iter().filter(named).collect();
        nothing_is_checked(rule, &clients, out);
        codes_that_cannot_be_typed(rule, &clients, out);
        groups_of_nobody(rule, &clients, drafts, out);
    }
}

/// Wrong codes count without a password before them, so requests must be genuine (C-004).
fn unsigned_codes(draft: &client::Draft, out: &mut Complaints) {
    let settings = &draft.settings;
    let unsigned = settings
        .radius()
        .is_some_and(|radius| radius.message_authenticator != MessageAuthenticator::Required);
    if settings.login.primary != PrimaryKind::CheckedByClient || !unsigned {
        return;
    }
    let place = draft.radius.message_authenticator.as_ref().unwrap_or(&draft.place);
    let what = format!(
        "client \"{}\": with primary = \"trusted\" whoever can send from its address can lock everybody's \
         factors with wrong codes, as long as its requests need no Message-Authenticator",
        safe(&settings.login.name)
    );
    out.warn(Complaint::wrong(place, what).hint("write message-authenticator = \"required\""));
}

fn divided_recovery_codes(draft: &client::Draft, out: &mut Complaints) {
    if draft.settings.login.entry.typed == (Typed::Separated { separator: b'-' }) {
        let what = format!(
            "client \"{}\": code-separator is \"-\", which also stands in recovery codes; people would have \
             to leave it out of them",
            safe(&draft.settings.login.name)
        );
        out.warn(Complaint::wrong(&draft.place, what).hint("the default is \",\""));
    }
}

/// A bind with a certificate has no field for a code, so it is of use only where none is asked for.
fn external_for_nobody(draft: &client::Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    let Some(place) = &draft.ldap.external else { return };
    let name = &draft.settings.login.name;
    let asks_for_none = |rule: &rule::Draft| {
        let here = rule.rule.when.is_for_client(name);
        here && (rule.rule.then == Requirement::None || rule.rule.options.grace_until.is_some())
    };
    let exempt = |draft: &exemption::Draft| draft.exemption.clients.contains(name);
    if !drafts.rules.iter().any(asks_for_none) && !drafts.exemptions.iter().any(exempt) {
        let what = format!(
            "client \"{}\": nobody can bind with a certificate alone, a factor is asked of all and external has \
             no field for a code",
            safe(name)
        );
        let hint =
            "remove external, or add a rule with then = \"none\" or an [[exemption]] for whom it is meant";
        out.warn(Complaint::wrong(place, what).hint(hint));
    }
}

/// A client that has checked the password itself, and a rule that asks for nothing more.
fn nothing_is_checked(draft: &rule::Draft, clients: &[&client::Draft], out: &mut Complaints) {
    let place = match draft.rule.then {
        Requirement::None => draft.then.as_ref(),
        Requirement::OneOf(_) | Requirement::AllOf(_) => draft.grace_until.as_ref(),
        Requirement::Refuse => None,
    };
    let trusted = clients.iter().find(|c| c.settings.login.primary == PrimaryKind::CheckedByClient);
    let (Some(place), Some(client)) = (place, trusted) else { return };
    let whom = if draft.rule.then == Requirement::None { "" } else { " people without a factor" };
    let what = format!(
        "rule \"{}\" asks{whom} for nothing, and client \"{}\" is trusted with the password: nothing at all is \
         checked here",
        safe(&draft.rule.name),
        safe(&client.settings.login.name)
    );
    out.warn(Complaint::wrong(place, what).hint("name the other clients in the rule, or require a factor"));
}

fn codes_that_cannot_be_typed(draft: &rule::Draft, clients: &[&client::Draft], out: &mut Complaints) {
    let Requirement::OneOf(kinds) = draft.rule.then else { return };
    if kinds.only() != Some(FactorKind::Recovery) {
        return;
    }
    let digits_alone = |client: &&&client::Draft| {
        let login = &client.settings.login;
        login.primary == PrimaryKind::Directory
            && !login.entry.challenge
            && matches!(login.entry.typed, Typed::Appended { .. })
    };
    let Some(client) = clients.iter().find(digits_alone) else { return };
    let what = format!(
        "rule \"{}\" requires a recovery code, which has letters; at client \"{}\" only digits can be appended",
        safe(&draft.rule.name),
        safe(&client.settings.login.name)
    );
    let hint = if client.settings.radius().is_some() {
        "let that client ask: code-entry = [\"append\", \"challenge\"]"
    } else {
        "write code-entry = \"separator\" there: whatever stands behind the separator is the code"
    };
    out.warn(Complaint::wrong(draft.then.as_ref().unwrap_or(&draft.place), what).hint(hint));
}

/// Only of users in files all groups are known here.
fn groups_of_nobody(
    draft: &rule::Draft,
    clients: &[&client::Draft],
    drafts: &Drafts<'_>,
    out: &mut Complaints,
) {
    let users_of = |client: &&client::Draft| {
        let name = &client.settings.login.directory;
        let of_name = drafts.directories.iter().find(|directory| directory.name == *name)?;
        match &of_name.settings.as_ref()?.kind {
            DirectoryKind::File { users, .. } => Some(users.as_ref()),
            DirectoryKind::Ldap { .. } => None,
        }
    };
    let Some(all) = clients.iter().map(users_of).collect::<Option<Vec<&Users>>>() else { return };
    for (group, place) in &draft.gathered.groups {
        if !all.is_empty() && !all.iter().any(|users| users.has_group(group)) {
            let name = safe(&draft.rule.name);
            let what = format!("rule \"{name}\": no user in a file is in group \"{}\"", safe(group));
            let hint = "groups stand in the users file; upper and lower case are the same";
            out.warn(Complaint::wrong(place, what).hint(hint));
        }
    }
}

/// Two things in one file destroy each other.
pub(in crate::config) fn files_differ(settings: &Settings, out: &mut Complaints) {
    let audit = match &settings.audit.to {
        AuditTarget::File(path) => Some(("audit.to", path)),
        AuditTarget::Stdout => None,
    };
    let files: Vec<_> = [("store.path", &settings.store), ("keys.file", &settings.keys.path)]
        .into_iter()
        .chain(audit)
        .collect();
    for (number, (key, path)) in files.iter().enumerate() {
        if let Some((other, _)) = files.iter().take(number).find(|(_, other)| other == path) {
            let what = format!("{other} and {key} are one file, {}", path.display());
            out.error(Complaint::whole(what).hint("give each a file of its own"));
        }
    }
}
