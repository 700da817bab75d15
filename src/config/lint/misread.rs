//! Rules and sets that do something else than they seem to say.

use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Complaints, Place};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::lint::cover::{at_any_time, implies};
use crate::config::lint::{YEAR, about};
use crate::config::rule;
use crate::config::sets::Draft;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::policy::{Condition, Requirement};

/// Rules further down than this are not compared with one about hours.
const MOST_BELOW: usize = 200;

/// With very many rules not all of them are compared: a start must not take long.
const MOST_COMPARED: usize = 500_000;

/// Warns of them.
pub(super) fn check(drafts: &Drafts<'_>, now: UnixTime, out: &mut Complaints) {
    let mut compared = 0_usize;
    for (number, draft) in drafts.rules.iter().enumerate().filter(|(_, draft)| draft.sound) {
        long_grace(draft, now, out);
        first_logins(draft, out);
        nothing_enrolled(draft, out);
        everywhere(draft, out);
        strange_subjects(draft, drafts, out);
        let below = drafts.rules.iter().skip(number.saturating_add(1)).take(MOST_BELOW);
        if draft.valid.until.is_none_or(|until| now < until) && compared < MOST_COMPARED {
            let below = below.inspect(|_| compared = compared.saturating_add(1));
            as_much_at_other_times(draft, below, drafts, out);
        }
    }
}

/// Warns of calendars in which nothing is to come.
pub(super) fn sets(drafts: &Drafts<'_>, now: UnixTime, out: &mut Complaints) {
    for draft in &drafts.sets.calendars {
        let named = &draft.settings.calendar;
        if named.calendar.spans().last().is_some_and(|(_, until)| *until <= now) {
            let what = format!("calendar \"{}\": the last of its days is over", safe(&named.name));
            out.warn(Complaint::wrong(at(draft), what).hint("add those that are to come"));
        }
    }
}

fn at<T>(draft: &Draft<T>) -> &Place {
    draft.name.as_ref().unwrap_or(&draft.place)
}

/// The key of the rule that a condition stands under.
const fn key(part: &Condition) -> &'static str {
    match part {
        Condition::Any(_) => "any",
        Condition::All(_) => "all",
        Condition::Not(_) => "not",
        Condition::Network(_) => "network",
        Condition::Subject(_) => "subject",
        Condition::Enrolled { .. } => "enrolled",
        Condition::LastLoginBefore(_) => "last-login-before",
        Condition::Time(_) => "time",
        Condition::Calendar(_) => "calendar",
        Condition::Valid(_) => "valid-until",
        _ => "name",
    }
}

/// The first part in which something is that `fits`.
fn part_with<'a>(draft: &'a rule::Draft, fits: &dyn Fn(&Condition) -> bool) -> Option<&'a Condition> {
    draft.rule.when.parts().iter().find(|part| {
        let mut found = false;
        part.each(&mut |one| found |= fits(one));
        found
    })
}

fn requires(draft: &rule::Draft) -> bool {
    matches!(draft.rule.then, Requirement::OneOf(_) | Requirement::AllOf(_))
}

fn long_grace(draft: &rule::Draft, now: UnixTime, out: &mut Complaints) {
    let far = UnixTime(now.0.saturating_add(YEAR));
    if draft.rule.options.grace_until.is_some_and(|until| until > far) {
        let hint = "until then the password alone is enough for whoever enrols nothing; write an earlier day";
        out.warn(about(draft, "grace-until", ": grace-until is more than a year away", hint));
    }
}

/// The first login has no login before it, so that cannot be told, and what cannot be told refuses.
fn first_logins(draft: &rule::Draft, out: &mut Complaints) {
    let absent = part_with(draft, &|one| matches!(one, Condition::LastLoginBefore(_)));
    let first = part_with(draft, &|one| matches!(one, Condition::FirstLogin(_)));
    let (Some(part), None) = (absent, first) else { return };
    if draft.rule.then == Requirement::Refuse {
        let what = " refuses everybody's first login as well: how long ago the one before it was cannot be told then";
        out.warn(about(draft, key(part), what, "add first-login = false"));
    }
}

/// Who has enrolled nothing can only be let in or kept out by that.
fn nothing_enrolled(draft: &rule::Draft, out: &mut Complaints) {
    let nothing = |part: &&Condition| matches!(part, Condition::Enrolled { nothing: true, .. });
    let alone = |part: &Condition| matches!(part, Condition::Enrolled { kinds, .. } if kinds.is_empty());
    let Some(part) = draft.rule.when.parts().iter().find(nothing) else { return };
    if draft.rule.then == Requirement::None {
        let what =
            " asks for nothing of those who have enrolled nothing: who never enrols never needs a factor";
        let hint = "require a factor, with grace-until for the time to enrol";
        out.warn(about(draft, key(part), what, hint));
    } else if requires(draft) && alone(part) && draft.rule.options.grace_until.is_none() {
        let what = " requires a factor of those who have enrolled none: none of them gets in";
        out.warn(about(draft, key(part), what, "write then = \"refuse\", or add grace-until"));
    }
}

/// A prefix that holds a large part of all addresses is no place.
fn everywhere(draft: &rule::Draft, out: &mut Complaints) {
    if draft.rule.then != Requirement::None {
        return;
    }
    for part in draft.rule.when.parts() {
        let Condition::Network(list) = part else { continue };
        let prefixes = list.iter().flat_map(|network| network.prefixes());
        let huge = prefixes.filter(|prefix| prefix.bits() < if prefix.is_v4() { 8 } else { 16 });
        if let Some(prefix) = huge.min_by_key(|prefix| prefix.bits()) {
            let what = format!(" asks for nothing in {prefix}, which is nearly everywhere");
            out.warn(about(draft, "network", &what, "name the networks that are meant"));
        }
    }
}

/// Names of people are no ids of theirs.
fn strange_subjects(draft: &rule::Draft, drafts: &Drafts<'_>, out: &mut Complaints) {
    if !drafts.draws_ids {
        return;
    }
    for part in draft.rule.when.parts() {
        let mut strange = None;
        part.each(&mut |one| {
            if let Condition::Subject(list) = one {
                strange = strange.take().or_else(|| list.iter().find(|id| !is_drawn(id.as_str())).cloned());
            }
        });
        if let Some(id) = strange {
            let what = format!(": subject: \"{id}\" does not look like an anonymous id that was drawn here");
            out.warn(about(
                draft,
                key(part),
                &what,
                "\"doorward subject show --user NAME\" prints the right one",
            ));
        }
    }
}

/// As `subjects::pseudonym` draws them.
fn is_drawn(id: &str) -> bool {
    let drawn = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
    id.len() == 20 && id.starts_with('p') && id.bytes().all(drawn)
}

/// A rule with hours that requires something keeps nobody out at other hours: what follows it does, or nothing.
fn as_much_at_other_times<'a>(
    draft: &rule::Draft,
    below: impl Iterator<Item = &'a rule::Draft>,
    drafts: &Drafts<'_>,
    out: &mut Complaints,
) {
    let parts = draft.rule.when.parts();
    let timed = |part: &&Condition| matches!(part, Condition::Time(_) | Condition::Calendar(_));
    let ends = |part: &&Condition| matches!(part, Condition::Valid(valid) if valid.until.is_some());
    let is_about_people =
        parts.iter().any(|part| matches!(part, Condition::Group(_) | Condition::Subject(_)));
    // To ask for more of everybody for a time is a thing to mean.
    let people_for_a_time = is_about_people && matches!(draft.rule.then, Requirement::OneOf(_));
    let part = parts.iter().find(timed).or_else(|| parts.iter().find(ends).filter(|_| people_for_a_time));
    let options = &draft.rule.options;
    let says_more = options.remember.is_some() || options.session.is_some() || options.reply.is_some();
    let Some(part) = part else { return };
    if !requires(draft) || options.shadow || options.grace_until.is_some() || says_more {
        return;
    }
    let always = at_any_time(draft);
    let mut other = None;
    for rule in below.filter(|other| !other.rule.options.shadow) {
        if implies(&always, &rule.rule.when, drafts.clients) {
            other = Some(rule);
            break;
        }
        if implies(&draft.rule.when, &rule.rule.when, drafts.clients) {
            // It is the exception of this one.
            return;
        }
    }
    let then =
        other.map_or(Requirement::OneOf(FactorKind::ALL.into_iter().collect()), |other| other.rule.then);
    if !is_as_loose(then, draft.rule.then) {
        return;
    }
    let (when, later) = match part {
        Condition::Valid(_) => ("up to valid-until", "afterwards"),
        _ => ("at certain times", "at all others"),
    };
    let by = other.map_or_else(
        || "no rule is about the same people, so that any factor lets them in".to_owned(),
        |other| format!("rule \"{}\" lets the same people in with as much", safe(&other.rule.name)),
    );
    let what = format!(" requires a factor {when}, and {later} {by}: it keeps nobody out");
    let hint = "add a rule below it that refuses them, or take the times away";
    let complaint = about(draft, key(part), &what, hint);
    out.warn(match other {
        Some(other) => complaint.see(other.at()),
        None => complaint,
    });
}

/// Whether whoever meets `strict` meets `then`, which asks for a factor.
fn is_as_loose(then: Requirement, strict: Requirement) -> bool {
    let within = |few: FactorKinds, many: FactorKinds| few.iter().all(|kind| many.contains(kind));
    match (then, strict) {
        (Requirement::OneOf(then), Requirement::OneOf(strict)) => within(strict, then),
        (Requirement::OneOf(then), Requirement::AllOf(strict)) => {
            strict.iter().any(|kind| then.contains(kind))
        }
        (Requirement::AllOf(then), Requirement::AllOf(strict)) => within(then, strict),
        _ => false,
    }
}
