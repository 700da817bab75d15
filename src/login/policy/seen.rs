//! What the rules saw of a login, as the audit keeps it: enough to ask other rules about the same login later.

use std::fmt;
use std::sync::Arc;

use crate::login::client::Protocol;
use crate::login::factor::FactorKinds;
use crate::login::identity::Groups;
use crate::login::policy::decision::{Decision, Demand, Shadow};
use crate::login::policy::facts::{Facts, First, Past, Place};

/// What the rules saw of a login, and what they demanded. What is `None` was not known when it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What the client speaks.
    pub protocol: Protocol,
    /// Where it came in.
    pub listener: Option<Arc<str>>,
    /// The kind of the first credential.
    pub first: Option<First>,
    /// Where the user's address is.
    pub place: Place,
    /// Those of the subject's groups that some rule names.
    pub groups: Option<Vec<Box<str>>>,
    /// The kinds of factors that are enrolled.
    pub enrolled: Option<FactorKinds>,
    /// What was before this login.
    pub past: Option<Past>,
    /// What was demanded; `None` where it ended before the rules had decided.
    pub demand: Option<Demand>,
    /// What rules that are only tried out would have changed.
    pub shadow: Option<Shadow>,
}

impl Seen {
    /// What `facts` hold that is worth keeping. `named` are the groups that some rule names: no others are kept.
    #[must_use]
    pub fn of(facts: &Facts<'_>, decision: Option<&Decision>, named: &Groups) -> Self {
        Self {
            protocol: facts.client.protocol,
            listener: facts.listener.known().map(Into::into),
            first: facts.first.known(),
            place: facts.place,
            groups: facts.subject.known().map(|(_, groups)| both(groups, named)),
            enrolled: facts.enrolled.known(),
            past: facts.past.known(),
            demand: decision.map(|decision| decision.demand.clone()),
            shadow: decision.and_then(|decision| decision.shadow.clone()),
        }
    }
}

/// What is in both; the smaller set is gone through.
fn both(groups: &Groups, named: &Groups) -> Vec<Box<str>> {
    let (few, many) = if groups.len() < named.len() { (groups, named) } else { (named, groups) };
    few.iter().filter(|key| many.contains(*key)).cloned().collect()
}

/// `refuse`, `none`, or what must be shown: kinds that stand in for each other with `|` between them, and `+` between
/// what must be shown together, such as `totp|hotp+recovery`.
impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = Ok(());
        self.each_word(|word| all = all.and_then(|()| f.write_str(word)));
        all
    }
}

impl Demand {
    /// The words and signs of which its text consists, one after the other.
    pub fn each_word(&self, mut each: impl FnMut(&'static str)) {
        match self {
            Self::Show(clauses) if !clauses.is_empty() => {
                let mut sign = None;
                for clause in clauses.iter() {
                    for kind in clause.kinds.iter() {
                        sign.into_iter().for_each(&mut each);
                        each(kind.word());
                        sign = Some("|");
                    }
                    sign = Some("+");
                }
            }
            Self::Show(_) | Self::Refuse(_) => each(self.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixTime;
    use crate::login::client::Client;
    use crate::login::factor::FactorKind;
    use crate::login::identity::Pseudonym;
    use crate::login::policy::decision::Clause;
    use crate::login::policy::truth::Input;

    #[test]
    fn only_groups_that_a_rule_names_are_kept() {
        let client = Client::new("vpn", "staff");
        let who = Pseudonym::new("p1").unwrap();
        let groups: Groups = ["admins".into(), "choir".into(), "vpn".into()].into();
        let facts = Facts { subject: Input::Known((&who, &groups)), ..Facts::of(&client, UnixTime(0)) };
        let kept = |named: &[&str]| {
            Seen::of(&facts, None, &named.iter().map(|name| Box::from(*name)).collect()).groups.unwrap()
        };
        assert_eq!(kept(&["vpn"]), ["vpn".into()]);
        assert_eq!(kept(&["a", "b", "c", "d", "vpn", "admins"]), ["admins".into(), "vpn".into()]);
        assert!(kept(&[]).is_empty());
        let stranger = Facts { subject: Input::Pending, ..facts };
        assert_eq!(Seen::of(&stranger, None, &groups).groups, None, "nobody was found");
    }

    #[test]
    fn a_demand_is_written_with_all_that_it_takes() {
        let clause =
            |kinds: &[FactorKind]| Clause { kinds: kinds.iter().copied().collect(), grace_until: None };
        let both =
            Demand::show([clause(&[FactorKind::Totp, FactorKind::Hotp]), clause(&[FactorKind::Recovery])]);
        assert_eq!(both.to_string(), "totp|hotp+recovery");
        assert_eq!(Demand::NOTHING.to_string(), "none");
        assert_eq!(Demand::Refuse(crate::login::policy::decision::Say::NotNow).to_string(), "refuse");
    }
}
