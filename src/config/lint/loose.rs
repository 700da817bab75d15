//! Rules that let in more than it may seem, and clients where what they demand cannot be had.

use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Complaints};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::lint::cover::{at_any_time, implies, is_timed};
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
        let below = drafts.rules.iter().skip(number.saturating_add(1));
        asks_for_nothing(draft, below.clone(), drafts, out);
        if draft.rule.options.grace_until.is_some_and(|until| until <= now) {
            let hint = "people without a factor are rejected now; remove it";
            out.warn(about(draft, "grace-until", ": grace-until has passed", hint));
        }
        looser_at_other_times(draft, below, drafts, out);
        codes_come_first(draft, drafts, out);
        several_cannot_be_shown(draft, drafts, out);
    }
}

fn asks_for_nothing<'a>(
    draft: &rule::Draft,
    below: impl Iterator<Item = &'a rule::Draft>,
    drafts: &Drafts<'_>,
    out: &mut Complaints,
) {
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
    let only = |fits: &dyn Fn(&Condition) -> bool| {
        parts.iter().any(is_timed) && parts.iter().all(|part| is_timed(part) || fits(part))
    };
    let only_time = only(&|part| matches!(part, Condition::Valid(_)));
    let only_there = only(&is_about_the_client) && !refuses_otherwise(draft, below, drafts);
    if (only_time || only_there) && (nothing || grace) {
        let what = format!(
            " {}, whoever logs in, {}from anywhere",
            if nothing { "asks at certain times for nothing" } else { "gives grace at certain times" },
            if only_time { "wherever and " } else { "" },
        );
        let hint = "who has the password waits for the hour; add group or network";
        out.warn(about(draft, "then", &what, hint));
    } else if nothing && !parts.iter().any(is_about_a_place) {
        let what = " asks for nothing, at every client and from everywhere";
        out.warn(about(draft, "then", what, "add client or network"));
    }
}

/// Says nothing of people and of where they are.
fn is_about_the_client(part: &Condition) -> bool {
    match part {
        Condition::Client(_)
        | Condition::ClientGroup(_)
        | Condition::Listener(_)
        | Condition::Protocol(_)
        | Condition::Directory(_)
        | Condition::First(_)
        | Condition::Valid(_) => true,
        Condition::Not(one) => is_about_the_client(one),
        Condition::All(list) | Condition::Any(list) => {
            list.iter().all(|one| is_timed(one) || is_about_the_client(one))
        }
        _ => false,
    }
}

/// At all other times nobody gets in there: these are opening hours.
fn refuses_otherwise<'a>(
    draft: &rule::Draft,
    below: impl Iterator<Item = &'a rule::Draft>,
    drafts: &Drafts<'_>,
) -> bool {
    let always = at_any_time(draft);
    let mut below = below.take(MOST_BELOW).filter(|other| !other.rule.options.shadow);
    let next = below.find(|other| implies(&always, &other.rule.when, drafts.clients));
    next.is_some_and(|other| other.rule.then == Requirement::Refuse)
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
    let timed = draft.rule.when.parts().iter().any(is_timed);
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
