//! What the rules say of a login.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::UnixTime;
use crate::login::factor::FactorKinds;
use crate::login::policy::clauses::Clauses;

/// What a login must show beyond the first credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Nothing helps.
    Refuse(Say),
    /// Each of these; of none, nothing.
    Show(Clauses),
}

/// One of some factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clause {
    /// One of these kinds.
    pub kinds: FactorKinds,
    /// Until then, a subject with nothing enrolled is let in with the first credential alone.
    pub grace_until: Option<UnixTime>,
}

/// What somebody reads whom a rule refuses: one of three sentences that tell nothing of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Say {
    /// What everybody reads who is rejected.
    #[default]
    Failed,
    /// Not at this time.
    NotNow,
    /// Not from this place.
    NotHere,
}

impl Say {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Failed, Self::NotNow, Self::NotHere];

    /// Its word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::NotNow => "not-now",
            Self::NotHere => "not-here",
        }
    }
}

impl Demand {
    /// Nothing is demanded.
    pub const NOTHING: Self = Self::Show(Clauses::NONE);

    /// One factor of these kinds.
    #[must_use]
    pub fn one_of(kinds: FactorKinds) -> Self {
        Self::Show(Clauses::one(Clause { kinds, grace_until: None }))
    }

    /// Each of these clauses.
    #[must_use]
    pub fn show(clauses: impl IntoIterator<Item = Clause>) -> Self {
        Self::Show(clauses.into_iter().collect())
    }

    /// Whether nothing helps.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refuse(_))
    }

    /// What somebody reads whom it refuses.
    #[must_use]
    pub const fn said(&self) -> Say {
        match self {
            Self::Refuse(say) => *say,
            Self::Show(_) => Say::Failed,
        }
    }

    /// Whether nothing is demanded.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Show(clauses) if clauses.is_empty())
    }

    /// What both demand.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refuse(say), _) | (_, Self::Refuse(say)) => Self::Refuse(say),
            (mine, Self::Show(none)) if none.is_empty() => mine,
            (Self::Show(clauses), Self::Show(more)) => {
                let mut clauses = clauses.to_vec();
                for clause in more.iter() {
                    if !clauses.iter().any(|known| known.implies(clause)) {
                        clauses.retain(|known| !clause.implies(known));
                        clauses.push(*clause);
                    }
                }
                Self::show(clauses)
            }
        }
    }

    /// Whether whoever meets this one also meets `other`.
    #[must_use]
    pub fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refuse(_), _) => true,
            (Self::Show(_), Self::Refuse(_)) => false,
            (Self::Show(mine), Self::Show(theirs)) => {
                theirs.iter().all(|their| mine.iter().any(|my| my.implies(their)))
            }
        }
    }

    /// Its word in the audit.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refuse(_) => "refuse",
            Self::Show(clauses) if clauses.is_empty() => "none",
            Self::Show(_) => "require",
        }
    }
}

impl Clause {
    /// Whether whoever meets this one also meets `other`.
    #[must_use]
    pub fn implies(&self, other: &Self) -> bool {
        let sooner = match (self.grace_until, other.grace_until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(their)) => mine <= their,
        };
        sooner && self.kinds.iter().all(|kind| other.kinds.contains(kind))
    }
}

/// What the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is demanded.
    pub demand: Demand,
    /// Of which moment it is: that of the facts.
    pub at: UnixTime,
    /// By which rule; `None` when none holds.
    pub rule: Option<Arc<str>>,
    /// Rules above it of which it cannot be told whether they hold, and which may narrow what is decided.
    pub perhaps: Perhaps,
    /// How long a session may last. When its hours end is said by [`crate::login::policy::Policy::ends`].
    pub session: Option<Duration>,
    /// How long a confirmed factor counts again from the same place.
    pub remember: Option<Duration>,
    /// What somebody is told who is let in without a factor for the time being.
    pub offer: Option<Arc<str>>,
    /// The reply rules that hold; `None`: all of the client's. Of none, nobody can be told what was meant.
    pub reply: Option<Arc<[Arc<str>]>>,
    /// The exemption that stands in for what a rule would have asked for.
    pub exemption: Option<Arc<str>>,
    /// What rules that are only tried out would have changed.
    pub shadow: Option<Shadow>,
}

/// What would be decided if rules that are only tried out were in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// The rule that would decide.
    pub rule: Option<Arc<str>>,
    /// What it would demand.
    pub demand: Demand,
}

/// Rules of which it cannot be told whether they hold, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Perhaps {
    names: Vec<Arc<str>>,
    more: usize,
}

impl Perhaps {
    /// So many are kept by name; of a country that is not known there may be thousands.
    pub const MOST: usize = 8;

    /// Adds one below the others.
    pub fn push(&mut self, rule: &Arc<str>) {
        if self.names.len() < Self::MOST {
            self.names.push(rule.clone());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// The first of them, [`Perhaps::MOST`] at most.
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// How many there are besides.
    #[must_use]
    pub const fn more(&self) -> usize {
        self.more
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl Decision {
    /// What holds at `at` when no rule does (D-122).
    #[must_use]
    pub fn default_demand(at: UnixTime) -> Self {
        Self::of(Demand::one_of(FactorKinds::ALL), at)
    }

    /// A decision without any rule.
    #[must_use]
    pub const fn of(demand: Demand, at: UnixTime) -> Self {
        Self {
            demand,
            at,
            rule: None,
            perhaps: Perhaps { names: Vec::new(), more: 0 },
            session: None,
            remember: None,
            offer: None,
            reply: None,
            exemption: None,
            shadow: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::factor::FactorKind;

    fn clause(kinds: &[FactorKind], grace: Option<i64>) -> Clause {
        Clause { kinds: kinds.iter().copied().collect(), grace_until: grace.map(UnixTime) }
    }

    #[test]
    fn a_clause_implies_another_when_it_is_as_narrow_and_its_grace_ends_no_later() {
        let (totp, either) = (&[FactorKind::Totp][..], &[FactorKind::Totp, FactorKind::Hotp][..]);
        for (one, other, implied) in [
            (clause(totp, None), clause(either, None), true),
            (clause(either, None), clause(totp, None), false),
            (clause(totp, None), clause(totp, Some(5)), true),
            (clause(totp, Some(5)), clause(totp, None), false),
            (clause(totp, Some(5)), clause(totp, Some(5)), true),
            (clause(totp, Some(4)), clause(either, Some(5)), true),
            (clause(totp, Some(6)), clause(either, Some(5)), false),
        ] {
            assert_eq!(one.implies(&other), implied, "{one:?} {other:?}");
        }
    }

    #[test]
    fn of_clauses_that_imply_each_other_the_narrowest_is_left() {
        let (totp, either) = (&[FactorKind::Totp][..], &[FactorKind::Totp, FactorKind::Hotp][..]);
        let show = |clauses: &[Clause]| Demand::show(clauses.iter().copied());
        let wide = show(&[clause(either, None)]);
        let narrow = show(&[clause(totp, None)]);
        assert_eq!(wide.clone().and(narrow.clone()), narrow);
        assert_eq!(narrow.clone().and(wide), narrow);
        let other = show(&[clause(&[FactorKind::Recovery], None)]);
        let both = show(&[clause(totp, None), clause(&[FactorKind::Recovery], None)]);
        assert_eq!(narrow.and(other), both);
    }

    #[test]
    fn of_two_refusals_the_first_says_why() {
        let refuse = |say| Demand::Refuse(say);
        assert_eq!(refuse(Say::NotNow).and(refuse(Say::NotHere)), refuse(Say::NotNow));
        assert_eq!(Demand::NOTHING.and(refuse(Say::NotHere)), refuse(Say::NotHere));
        assert!(!Demand::NOTHING.implies(&refuse(Say::Failed)));
    }
}
