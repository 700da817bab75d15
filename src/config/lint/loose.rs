//! Rules that let in more than it may seem, and clients where what they demand cannot be had.

use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Complaints};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::lint::cover::{at_any_time, implies};
use crate::config::lint::never::at_client;
use crate::config::lint::{about, called};
use crate::config::rule;
use crate::login::client::{Order, Protocol};
use crate::login::policy::{Condition, Requirement, Truth};

/// Rules further down than this are not compared with one about hours.
const MOST_BELOW: usize = 200;

/// Warns of them.
pub(super) fn check(drafts: &Drafts<'_>, now: UnixTime, out: &mut Complaints) {
    for (number, draft) in drafts.rules.iter().enumerate().filter(|(_, draft)| draft.sound) {
        asks_for_nothing(draft, out);
        if draft.rule.options.grace_until.is_some_and(|until| until <= now) {
            let hint = "people without a factor are rejected now; remove it";
            out.warn(about(draft, "grace-until", ": grace-until has passed", hint));
        }
        looser_at_other_times(draft, drafts.rules.iter().skip(number.saturating_add(1)), drafts, out);
        codes_come_first(draft, drafts, out);
        several_cannot_be_shown(draft, drafts, out);
    }
}

fn asks_for_nothing(draft: &rule::Draft, out: &mut Complaints) {
    let parts = draft.rule.when.parts();
    let nothing = draft.rule.then == Requirement::None;
    let grace = draft.rule.options.grace_until.is_some();
    if parts.is_empty() {
        if nothing {
            let what = " lets everybody it meets in with the password alone";
            out.warn(about(draft, "then", what, "add the conditions under which that is meant"));
        }
        return;
    }
    let timed = |part: &Condition| matches!(part, Condition::Time(_) | Condition::Calendar(_));
    let only_time = parts.iter().any(timed)
        && parts.iter().all(|part| timed(part) || matches!(part, Condition::Valid(_)));
    if only_time && (nothing || grace) {
        let what = if nothing {
            " asks at certain times for nothing, whoever logs in, wherever and from anywhere"
        } else {
            " gives grace at certain times, whoever logs in, wherever and from anywhere"
        };
        let hint = "who has the password waits for the hour; add client, group or network";
        out.warn(about(draft, "then", what, hint));
    } else if nothing && !parts.iter().any(is_about_a_place) {
        let what = " asks for nothing, at every client and from everywhere";
        out.warn(about(draft, "then", what, "add client or network"));
    }
}

fn is_about_a_place(part: &Condition) -> bool {
    let mut found = false;
    part.each(&mut |one| {
        found |= matches!(
            one,
            Condition::Client(_) | Condition::ClientGroup(_) | Condition::Listener(_) | Condition::Network(_)
        );
    });
    found
}

/// A factor by day and none by night is seldom what was meant.
fn looser_at_other_times<'a>(
    draft: &rule::Draft,
    below: impl Iterator<Item = &'a rule::Draft>,
    drafts: &Drafts<'_>,
    out: &mut Complaints,
) {
    let timed = draft
        .rule
        .when
        .parts()
        .iter()
        .any(|part| matches!(part, Condition::Time(_) | Condition::Calendar(_)));
    let requires = matches!(draft.rule.then, Requirement::OneOf(_) | Requirement::AllOf(_));
    if !timed || !requires || draft.rule.options.shadow {
        return;
    }
    let always = at_any_time(draft);
    let meets = |other: &&rule::Draft| implies(&always, &other.rule.when, drafts.clients);
    let Some(other) = below.take(MOST_BELOW).find(meets) else { return };
    if other.rule.then == Requirement::None && !other.rule.options.shadow {
        let what = format!(
            " requires a factor at certain times, and at all others rule \"{}\" lets the same people in without one",
            safe(&other.rule.name)
        );
        let complaint =
            about(draft, "time", &what, "name the times at which less is asked, not those at which more is");
        out.warn(complaint.see(other.at()));
    }
}

/// D-101: the code stands before the password so that who has none does not reach the directory.
fn codes_come_first(draft: &rule::Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    if draft.rule.then != Requirement::None {
        return;
    }
    let first = |client: &&crate::config::client::Draft| {
        client.settings.login.order == Order::FactorFirst && at_client(&draft.rule.when, client) != Truth::No
    };
    let Some(client) = drafts.clients.iter().find(first) else { return };
    let what = format!(
        " asks for nothing at client \"{}\", where the code comes first: passwords of these people reach the directory \
         without one",
        safe(&client.settings.login.name)
    );
    out.warn(about(draft, "then", &what, "require a factor there, or name the other clients in the rule"));
}

/// A field holds one code; more of them take a question.
fn several_cannot_be_shown(draft: &rule::Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    let Requirement::AllOf(kinds) = draft.rule.then else { return };
    if kinds.only().is_some() {
        return;
    }
    let silent = |client: &&crate::config::client::Draft| {
        let login = &client.settings.login;
        let asks = login.entry.challenge && login.can.prompts;
        !asks && at_client(&draft.rule.when, client) != Truth::No
    };
    let Some(client) = drafts.clients.iter().find(silent) else { return };
    let what = format!(
        "{} requires several factors, and client \"{}\" cannot ask for a second code: nobody gets in there",
        called(draft),
        safe(&client.settings.login.name)
    );
    let hint = match client.settings.login.protocol {
        Protocol::Ldap => "write require there: LDAP has no way to ask",
        Protocol::Radius => "write require there, or let that client ask: code-entry = \"challenge\"",
    };
    out.warn(Complaint::wrong(draft.key("then"), what).hint(hint));
}
