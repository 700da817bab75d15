//! Groups that records do not hold, looked up in the directories as they are now.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::policy::recorded::Recorded;
use crate::cli::policy::replay::judge::{Judge, Verdict};
use crate::login::identity::{Groups, Pseudonym};

/// Most people who are looked up for one question.
const MOST: usize = 10_000;

/// Whose groups would be needed.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    whose: BTreeSet<Pseudonym>,
    /// Logins of people beyond [`MOST`].
    left_out: u64,
}

impl Wanted {
    /// Notes whose login it is, if groups may decide about it.
    pub(super) fn take(&mut self, recorded: &Recorded, judge: &Judge<'_>) {
        let Some(who) = &recorded.who else { return };
        let decides = judge.lacks_groups(recorded) && matches!(judge.look(recorded), Verdict::CannotTell(_));
        if !decides || self.whose.contains(who) {
            return;
        }
        if self.whose.len() < MOST {
            self.whose.insert(who.clone());
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Looks them up, one after the other.
    pub(super) async fn look_up(self, desk: &Desk, judge: &Judge<'_>) -> Result<Found, Failure> {
        let asked = self.whose.len();
        let mut groups = HashMap::new();
        if asked > 0 {
            for (who, person) in desk.stock.names.people(self.whose, &desk.audit()).await? {
                let Some(account) = desk.again(&person).await? else { continue };
                let named = account.groups.iter().filter(|group| judge.names(group)).cloned();
                groups.insert(who, named.collect());
            }
        }
        let not_found = asked.saturating_sub(groups.len());
        Ok(Found { groups, not_found, left_out: self.left_out })
    }
}

/// What was found; of groups only those that rules name.
#[derive(Debug)]
pub(super) struct Found {
    groups: HashMap<Pseudonym, Groups>,
    not_found: usize,
    left_out: u64,
}

impl Found {
    /// Puts in what the record lacks.
    pub(super) fn complete(&self, recorded: &mut Recorded, judge: &Judge<'_>) {
        if let Some(groups) = recorded.who.as_ref().and_then(|who| self.groups.get(who)) {
            recorded.complete(judge.asked(), groups);
        }
    }

    /// In words, without saying who they are.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines =
            vec![format!("groups as of now, where the records lack them: of {} people", self.groups.len())];
        if self.not_found > 0 {
            lines.push(format!("not found any more by the name of that time: {} people", self.not_found));
        }
        if self.left_out > 0 {
            lines
                .push(format!("not looked up: the people of {} logins, beyond {MOST} people", self.left_out));
        }
        lines
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({ "people": self.groups.len(), "not_found": self.not_found, "logins_left_out": self.left_out })
    }
}
