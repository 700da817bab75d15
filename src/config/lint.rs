//! Rules that are allowed and yet hardly meant: those that never decide, those that let in more than whoever wrote them
//! had in mind, and what stands open for longer than anybody looks.
//!
//! All of it is about what is written and the clients there are, never about people. Where it cannot be told
//! without guessing whether something is meant, nothing is said.

mod cover;
mod exempt;
mod loose;
mod misread;
mod never;
mod sets;
mod unheard;

use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Complaints};
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::rule;

/// A year with a leap day, in milliseconds.
const YEAR: i64 = 366 * 24 * 60 * 60 * 1000;

/// Warns of them.
pub(in crate::config) fn lint(drafts: &Drafts<'_>, now: UnixTime, out: &mut Complaints) {
    let (sound, before) = (out.errors.is_empty(), out.warnings.len());
    cover::check(drafts, out);
    loose::check(drafts, now, out);
    unheard::check(drafts, out);
    misread::check(drafts, now, out);
    exempt::check(drafts, now, out);
    // What was left out for a mistake would seem to be the reason here.
    if sound {
        never::check(drafts, now, out);
        sets::check(drafts, out);
        misread::sets(drafts, now, out);
    }
    out.warnings.iter_mut().skip(before).for_each(|doubt| doubt.lint = true);
}

fn called(draft: &rule::Draft) -> String {
    format!("rule \"{}\"", safe(&draft.rule.name))
}

/// A warning about a rule, at the place of one of its keys.
fn about(draft: &rule::Draft, key: &str, what: &str, hint: &str) -> Complaint {
    Complaint::wrong(draft.key(key), format!("{}{what}", called(draft))).hint(hint)
}
