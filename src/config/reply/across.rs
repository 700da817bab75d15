//! Reply rules beside the other tables: clients that have them, directories that are asked for what they tell.

use std::sync::Arc;

use crate::base::report::{Complaint, Complaints};
use crate::base::text::safe;
use crate::config::check::{Drafts, suggestion, twice};
use crate::config::reply::Draft;
use crate::config::settings::{ClientProtocol, DirectoryKind};
use crate::config::{client, directory};
use crate::directory::file::Users;
use crate::frontend::radius::reply::{Choice, Rules, Without};
use crate::login::telling::Telling;

impl Draft {
    /// Whether the rule can be for `client`.
    fn is_for(&self, client: &client::Draft) -> bool {
        let name = &*client.settings.login.name;
        let named = self.clients.as_ref().is_none_or(|names| names.iter().any(|n| n.value == name));
        named && client.settings.radius().is_some()
    }
}

/// Compares the rules with clients, directories and each other.
pub(in crate::config) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    twice("replies", drafts.replies.iter().map(|d| (&*d.rule.name, d.name.as_ref())), out);
    let known: Vec<&str> = drafts.clients.iter().map(|d| &*d.settings.login.name).collect();
    for draft in drafts.replies {
        for name in draft.clients.iter().flatten() {
            client_is_a_device(draft, &name.value, &name.place, (drafts, &known), out);
        }
        known_to_nobody(draft, drafts, out);
    }
    for client in drafts.clients {
        let rules: Vec<&Draft> = drafts.replies.iter().filter(|draft| draft.is_for(client)).collect();
        choices(client, &rules, out);
        never_reached(client, &rules, out);
    }
}

fn client_is_a_device(
    draft: &Draft,
    name: &str,
    place: &crate::base::report::Place,
    (drafts, known): (&Drafts<'_>, &[&str]),
    out: &mut Complaints,
) {
    let rule = safe(&draft.rule.name);
    match drafts.clients.iter().find(|client| *client.settings.login.name == *name) {
        None => {
            let what = format!("reply \"{rule}\": there is no client \"{}\"", safe(name));
            out.error(Complaint::wrong(place, what).hint(suggestion(name, known)));
        }
        Some(client) if client.settings.radius().is_none() => {
            let what = format!("reply \"{rule}\": client \"{}\" speaks LDAP and is told nothing", safe(name));
            out.error(Complaint::wrong(place, what).hint("attributes are for clients that speak RADIUS"));
        }
        Some(_) => {}
    }
}

/// What must be said where there are several rules, or none for some people; and what says nothing.
fn choices(client: &client::Draft, rules: &[&Draft], out: &mut Complaints) {
    let Some(radius) = client.settings.radius() else { return };
    let name = safe(&client.settings.login.name);
    let several = rules.len() > 1;
    let for_all = rules.iter().any(|draft| draft.rule.groups.is_none());
    match (&client.radius.reply_rules, radius.reply_rules) {
        (None, _) if several => {
            let what = format!("client \"{name}\": reply-rules is missing, {} rules are for it", rules.len());
            let hint = "write reply-rules = \"first\" (the first that fits) or \"merge\" (all that fit)";
            out.error(Complaint::missing(&client.place, what).hint(hint));
        }
        (Some(place), Some(_)) if !several => {
            let what = format!("client \"{name}\": reply-rules has no effect, there are no two rules for it");
            out.warn(Complaint::wrong(place, what).hint("remove it"));
        }
        _ => {}
    }
    match (&client.radius.without_reply_rule, radius.without_reply_rule) {
        (None, _) if !rules.is_empty() && !for_all => {
            let what = format!(
                "client \"{name}\": without-reply-rule is missing, and each rule for it is for some groups"
            );
            let hint =
                "write without-reply-rule = \"refuse\", or \"accept\" to let others in without any attribute";
            out.error(Complaint::missing(&client.place, what).hint(hint));
        }
        (Some(place), Some(_)) if rules.is_empty() || for_all => {
            let why = if rules.is_empty() { "there is no rule" } else { "a rule is for everybody" };
            let what = format!("client \"{name}\": without-reply-rule has no effect, {why}");
            out.warn(Complaint::wrong(place, what).hint("remove it"));
        }
        _ => {}
    }
}

fn never_reached(client: &client::Draft, rules: &[&Draft], out: &mut Complaints) {
    let first = client.settings.radius().is_some_and(|radius| radius.reply_rules == Some(Choice::First));
    let mut before: Option<&Draft> = None;
    for draft in rules.iter().filter(|_| first) {
        if let Some(before) = before {
            let what = format!(
                "reply \"{}\" is never reached at client \"{}\", \"{}\" before it is for everybody",
                safe(&draft.rule.name),
                safe(&client.settings.login.name),
                safe(&before.rule.name)
            );
            let other = before.name.as_ref().unwrap_or(&before.place);
            let place = draft.name.as_ref().unwrap_or(&draft.place);
            out.warn(
                Complaint::wrong(place, what).see(other).hint("the first rule that fits counts; swap them"),
            );
        }
        before = before.or(draft.rule.groups.is_none().then_some(draft));
    }
}

/// Groups and attributes that nobody has; only of users in files all are known here.
fn known_to_nobody(draft: &Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    let users_of = |client: &client::Draft| {
        let name = &client.settings.login.directory;
        let directory = drafts.directories.iter().find(|directory| directory.name == *name)?;
        match &directory.settings.as_ref()?.kind {
            DirectoryKind::File { users, .. } => Some(users.as_ref()),
            DirectoryKind::Ldap { .. } => None,
        }
    };
    let clients = drafts.clients.iter().filter(|client| draft.is_for(client));
    let Some(all) = clients.map(users_of).collect::<Option<Vec<&Users>>>() else { return };
    if all.is_empty() || all.iter().all(|users| users.is_empty()) {
        return;
    }
    let rule = safe(&draft.rule.name);
    for group in draft.groups.iter().filter(|group| !all.iter().any(|users| users.has_group(&group.value))) {
        let what = format!("reply \"{rule}\": no user in a file is in group \"{}\"", safe(&group.value));
        out.warn(Complaint::wrong(&group.place, what).hint("groups stand in the users file"));
    }
    for name in draft.wanted.iter().filter(|name| !all.iter().any(|users| users.has_attribute(&name.value))) {
        let what = format!("reply \"{rule}\": no user in a file has an attribute \"{}\"", safe(&name.value));
        out.warn(Complaint::wrong(&name.place, what).hint("it stands under attributes in the users file"));
    }
}

/// Gives each client its rules.
pub(in crate::config) fn tell(clients: &mut [client::Draft], replies: &[Draft]) {
    for client in clients {
        let rules: Vec<_> = replies
            .iter()
            .filter(|draft| draft.is_for(client))
            .map(|draft| Arc::clone(&draft.rule))
            .collect();
        let ClientProtocol::Radius(radius) = &client.settings.protocol else { continue };
        if !rules.is_empty() {
            let choice = radius.reply_rules.unwrap_or(Choice::First);
            let without = radius.without_reply_rule.unwrap_or(Without::Refuse);
            let telling = Telling::new(Rules { rules, choice, without });
            Arc::make_mut(&mut client.settings.login).telling = Some(telling);
        }
    }
}

/// Tells each directory what is wanted of its accounts.
pub(in crate::config) fn ask(
    directories: &mut [directory::Draft],
    clients: &[client::Draft],
    replies: &[Draft],
) {
    for directory in directories {
        let uses = |client: &&client::Draft| client.settings.login.directory == directory.name;
        let mut wanted: Vec<Box<str>> = Vec::new();
        for client in clients.iter().filter(uses) {
            let rules = replies.iter().filter(|draft| draft.is_for(client));
            wanted.extend(rules.flat_map(|draft| &draft.wanted).map(|name| name.value.clone()));
        }
        wanted.sort();
        wanted.dedup();
        if let Some(settings) = &mut directory.settings {
            settings.attributes = wanted;
        }
    }
}
