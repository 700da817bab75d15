//! Sentences that nobody ever reads: `say` is heard only where a rule refuses before anybody is looked up (D-100), and a
//! rule above it may have to know first who logs in.

use crate::base::report::Complaints;
use crate::base::text::safe;
use crate::config::check::Drafts;
use crate::config::lint::about;
use crate::config::lint::cover::implies;
use crate::config::{client, rule};
use crate::login::policy::{Condition, Say};

/// With very many rules not all of them are compared with all others.
const MOST_ABOVE: usize = 1000;

/// Warns of them.
pub(super) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    for (number, draft) in drafts.rules.iter().enumerate().filter(|(_, draft)| draft.sound) {
        let says = draft.rule.options.say;
        if says == Say::Failed || draft.rule.when.needs_subject() {
            continue;
        }
        let mut above = drafts.rules.iter().take(number).take(MOST_ABOVE);
        let Some(waiting) = above.find(|other| waits(other, draft, drafts.clients)) else { continue };
        let what = format!(
            ": nobody reads \"{}\", for rule \"{}\" before it people are looked up first, and after that all refusals \
             read the same",
            says.word(),
            safe(&waiting.rule.name)
        );
        let hint = "put this rule before it, or remove say";
        out.warn(about(draft, "say", &what, hint).see(waiting.at()));
    }
}

/// Whether nobody is refused by `draft` before it is known who logs in, since `above` depends on that.
fn waits(above: &rule::Draft, draft: &rule::Draft, clients: &[client::Draft]) -> bool {
    let (narrow, wide) = (&draft.rule.when, &above.rule.when);
    let look = Look { narrow, clients };
    let is_reached = !implies(narrow, wide, clients);
    above.sound
        && !above.rule.options.shadow
        && wide.needs_subject()
        && is_reached
        && look.is_never(wide, false)
}

/// What conditions say of logins that `narrow` is about, as long as nobody was looked up.
#[derive(Clone, Copy)]
struct Look<'a> {
    narrow: &'a Condition,
    clients: &'a [client::Draft],
}

impl Look<'_> {
    /// Whether `condition` certainly does not come out as `yes`: true or false.
    fn is_never(self, condition: &Condition, yes: bool) -> bool {
        match condition {
            Condition::Not(one) => self.is_never(one, !yes),
            Condition::All(list) if yes => list.iter().any(|one| self.is_never(one, true)),
            Condition::All(list) => list.iter().all(|one| self.is_never(one, false)),
            Condition::Any(list) if yes => list.iter().all(|one| self.is_never(one, true)),
            Condition::Any(list) => list.iter().any(|one| self.is_never(one, false)),
            one => one.needs_subject() || (!yes && implies(self.narrow, one, self.clients)),
        }
    }
}
