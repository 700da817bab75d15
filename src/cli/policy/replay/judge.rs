//! One login before two configurations.

use std::collections::{BTreeSet, HashMap};

use crate::cli::exit::Failure;
use crate::cli::policy::recorded::Recorded;
use crate::cli::policy::replay::case::{By, Guesses, Outcome, Side, Silent};
use crate::cli::policy::whereabouts::Whereabouts;
use crate::config::settings::{ClientSettings, Settings};
use crate::login::client::Client;
use crate::login::identity::Groups;
use crate::login::policy::exempt::Fit;
use crate::login::policy::{Demand, Exempted, Facts, Policy};

/// Most conditions about which one record may be silent before it is given up.
const MOST_GUESSES: usize = 6;

/// How a login fares.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same way, whatever the record does not hold.
    Same,
    /// Another way.
    Changes(Outcome, Outcome),
    /// It depends on what the record does not hold.
    CannotTell(String),
}

/// Both configurations.
pub(super) struct Judge<'a> {
    now: Whole<'a>,
    then: Whole<'a>,
    /// Accounts of which the records of the time say when they log in.
    named: BTreeSet<&'a str>,
}

struct Whole<'a> {
    side: Side<'a>,
    whereabouts: Whereabouts,
    clients: HashMap<&'a str, &'a Client>,
}

impl<'a> Whole<'a> {
    fn new(settings: &'a Settings) -> Result<Self, Failure> {
        let named = |client: &'a ClientSettings| (&*client.login.name, &*client.login);
        Ok(Self {
            side: Side::new(&settings.policy),
            whereabouts: Whereabouts::open(&settings.geo)?,
            clients: settings.clients.iter().map(named).collect(),
        })
    }
}

impl<'a> Judge<'a> {
    /// The settings that hold, and the other ones.
    pub(super) fn new(now: &'a Settings, then: &'a Settings) -> Result<Self, Failure> {
        let named = now.policy.exemptions.iter().map(|exemption| &*exemption.account).collect();
        Ok(Self { now: Whole::new(now)?, then: Whole::new(then)?, named })
    }

    /// The groups that the rules of the records' time asked about.
    pub(super) fn asked(&self) -> &Groups {
        self.now.side.policy.named_groups()
    }

    /// Whether rules ask about a group of which this record says nothing.
    pub(super) fn lacks_groups(&self, recorded: &Recorded) -> bool {
        !recorded.has_groups() || !self.then.side.policy.named_groups().is_subset(self.asked())
    }

    /// Whether rules of either configuration ask about this group.
    pub(super) fn names(&self, group: &str) -> bool {
        [&self.now, &self.then].iter().any(|whole| whole.side.policy.named_groups().contains(group))
    }

    /// How this login fares.
    pub(super) fn look(&self, recorded: &Recorded) -> Verdict {
        let asked = self.asked();
        let name = recorded.exemption.as_ref();
        let account = self.now.side.policy.exemptions.iter().find(|exemption| Some(&exemption.name) == name);
        if name.is_some() && account.is_none() {
            return Verdict::CannotTell("the exemption of its account is no longer in the settings".into());
        }
        let aliases: Vec<Box<str>> = account.map(|exemption| exemption.account.clone()).into_iter().collect();
        let facts = |whole: &Whole<'a>| {
            let client = whole.clients.get(&*recorded.client)?;
            Some(whole.whereabouts.look_up(recorded.facts(client, asked, &aliases)))
        };
        match (facts(&self.now), facts(&self.then)) {
            (None, _) => Verdict::CannotTell("the settings that hold have no such client".into()),
            (Some(now), then) => self.compare(&now, then.as_ref(), &mut Guesses::new()),
        }
    }

    /// Tries both values of each condition about which the record is silent.
    fn compare(&self, now: &Facts<'_>, then: Option<&Facts<'_>>, guesses: &mut Guesses) -> Verdict {
        let old = self.decide(&self.now, now, guesses);
        let new = match then {
            Some(then) => self.decide(&self.then, then, guesses),
            None => Ok(Outcome { by: By::NoClient, demand: Demand::Refuse(Default::default()) }),
        };
        let silent = match (old, new) {
            (Ok(old), Ok(new)) if old == new => return Verdict::Same,
            // Nobody was found, so nobody was let in, nor would be.
            (Ok(old), Ok(new)) if [&old.by, &new.by].contains(&&By::NotReached) => return Verdict::Same,
            (Ok(old), Ok(new)) => return Verdict::Changes(old, new),
            (Err(silent), _) | (_, Err(silent)) => silent,
        };
        if guesses.len() >= MOST_GUESSES {
            return Verdict::CannotTell(silent.why);
        }
        let mut with = |holds| {
            guesses.push((silent.number, holds));
            let verdict = self.compare(now, then, guesses);
            guesses.pop();
            verdict
        };
        match (with(true), with(false)) {
            (yes, no) if yes == no => yes,
            (Verdict::CannotTell(why), _) | (_, Verdict::CannotTell(why)) => Verdict::CannotTell(why),
            _ => Verdict::CannotTell(silent.why),
        }
    }

    fn decide(&self, whole: &Whole<'a>, facts: &Facts<'_>, guesses: &Guesses) -> Result<Outcome, Silent> {
        let ruled = whole.side.decide(facts, guesses)?;
        if ruled.demand.is_refusal() || ruled.by == By::NotReached {
            return Ok(ruled);
        }
        let policy: &Policy = whole.side.policy;
        if let Exempted::Here(exemption) = policy.exempted(facts) {
            return Ok(Outcome { by: By::Exemption(exemption.name.clone()), demand: Demand::NOTHING });
        }
        if ruled.demand.is_nothing() {
            return Ok(ruled);
        }
        // An exemption that nobody knew of at the time may be for this account.
        for exemption in policy.exemptions.iter().filter(|one| !self.named.contains(&*one.account)) {
            let account = [exemption.account.clone()];
            let fit = exemption.look(&Facts { aliases: &account, ..*facts });
            if matches!(fit, Fit::Fits | Fit::SourceUnknown) {
                let number = number_of(&exemption.name);
                return match guesses.iter().find(|(known, _)| *known == number) {
                    Some((_, true)) => {
                        Ok(Outcome { by: By::Exemption(exemption.name.clone()), demand: Demand::NOTHING })
                    }
                    Some((_, false)) => continue,
                    None => Err(Silent {
                        number,
                        why: format!(
                            "exemption \"{}\" is for an account that the records do not name",
                            exemption.name
                        ),
                    }),
                };
            }
        }
        Ok(ruled)
    }
}

/// A number for a guess about an exemption, apart from those of conditions by all but a miracle.
fn number_of(name: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    ("exemption", name).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
