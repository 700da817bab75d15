//! Names in rules: whether there is such a thing.

use std::sync::Arc;

use crate::base::report::{Complaint, Complaints};
use crate::base::text::safe;
use crate::config::check::{Drafts, suggestion};
use crate::config::rule::Draft;
use crate::config::rule::conditions::{Gathered, Named};
use crate::login::policy::Condition;

/// Everything that conditions can name.
pub(in crate::config) struct Names<'a> {
    clients: Vec<&'a str>,
    groups: Vec<&'a str>,
    listeners: Vec<&'a str>,
    directories: Vec<&'a str>,
    radius_listens: Vec<String>,
}

impl<'a> Names<'a> {
    /// All there are.
    pub(in crate::config) fn of(drafts: &Drafts<'a>) -> Self {
        let mut groups: Vec<&str> = Vec::new();
        for group in drafts.clients.iter().flat_map(|draft| draft.settings.login.groups.iter()) {
            if !groups.contains(&&**group) {
                groups.push(group);
            }
        }
        Self {
            clients: drafts.clients.iter().map(|draft| &*draft.settings.login.name).collect(),
            groups,
            listeners: drafts.listeners.iter().map(|draft| &*draft.settings.settings.name).collect(),
            directories: drafts.directories.iter().map(|draft| &*draft.name).collect(),
            radius_listens: drafts.listen.iter().map(ToString::to_string).collect(),
        }
    }

    /// Complains about names in `gathered` that nothing has; `who` is the table that they stand in.
    pub(in crate::config) fn check(&self, who: &str, gathered: &Gathered, out: &mut Complaints) {
        for (kind, name) in &gathered.names {
            let (word, known) = match kind {
                Named::Client => ("client", self.clients.clone()),
                Named::ClientGroup => ("client group", self.groups.clone()),
                Named::Directory => ("directory", self.directories.clone()),
                Named::Listener => (
                    "listener",
                    self.listeners
                        .iter()
                        .copied()
                        .chain(self.radius_listens.iter().map(String::as_str))
                        .collect(),
                ),
            };
            if known.contains(&name.value.as_str()) {
                continue;
            }
            let other = match kind {
                Named::Client if self.groups.contains(&name.value.as_str()) => Some(format!(
                    "it is a group of clients: write client-group = [\"{}\"]",
                    safe(&name.value)
                )),
                Named::ClientGroup if self.clients.contains(&name.value.as_str()) => {
                    Some(format!("it is a client: write client = [\"{}\"]", safe(&name.value)))
                }
                _ => None,
            };
            let hint = other.unwrap_or_else(|| match known.is_empty() {
                true if *kind == Named::ClientGroup => {
                    "groups are named in [[client]], groups = [\"…\"]".to_owned()
                }
                true => format!("there is no {word} at all"),
                false => suggestion(&name.value, &known),
            });
            let what = format!("{who}: there is no {word} \"{}\"", safe(&name.value));
            out.error(Complaint::wrong(&name.place, what).hint(hint));
        }
    }
}

/// Compares the names in rules with what there is.
pub(in crate::config) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    let names = Names::of(drafts);
    for draft in drafts.rules {
        let who = format!("rule \"{}\"", safe(&draft.rule.name));
        names.check(&who, &draft.gathered, out);
        for reply in &draft.replies {
            named_reply(draft, reply, drafts, out);
        }
    }
}

/// Names of clients that a rule is for; `None` for all.
fn clients_of(draft: &Draft) -> Option<&[Arc<str>]> {
    draft.rule.when.parts().iter().find_map(|part| match part {
        Condition::Client(names) => Some(names.as_slice()),
        _ => None,
    })
}

fn named_reply(
    draft: &Draft,
    reply: &crate::base::table::Written<String>,
    drafts: &Drafts<'_>,
    out: &mut Complaints,
) {
    let rule = safe(&draft.rule.name);
    let name = safe(&reply.value);
    let Some(found) = drafts.replies.iter().find(|known| *known.rule.name == *reply.value) else {
        let known: Vec<&str> = drafts.replies.iter().map(|known| &*known.rule.name).collect();
        let what = format!("rule \"{rule}\": there is no reply rule \"{name}\"");
        let hint = match known.is_empty() {
            true => format!("add [[reply]] with name = \"{name}\""),
            false => suggestion(&reply.value, &known),
        };
        out.error(Complaint::wrong(&reply.place, what).hint(hint));
        return;
    };
    let (Some(mine), Some(its)) = (clients_of(draft), &found.clients) else { return };
    if !mine.iter().any(|client| its.iter().any(|other| *other.value == **client)) {
        let what = format!("rule \"{rule}\": reply rule \"{name}\" is for none of the clients of this rule");
        out.error(
            Complaint::wrong(&reply.place, what)
                .see(found.name.as_ref().unwrap_or(&found.place))
                .hint("add one of them to client of the [[reply]], or remove it here"),
        );
    }
}
