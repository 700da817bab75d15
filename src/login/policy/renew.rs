//! The same rules over networks and calendars that were read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::login::policy::condition::{Condition, Network};
use crate::login::policy::fault::FaultRule;
use crate::login::policy::rule::Rule;
use crate::login::policy::window::NamedCalendar;
use crate::login::policy::{NamedGroups, Policy};

/// Networks and calendars by name.
#[derive(Debug, Clone, Default)]
pub struct Sets {
    /// Address prefixes.
    pub networks: BTreeMap<Arc<str>, Arc<Network>>,
    /// Days and times.
    pub calendars: BTreeMap<Arc<str>, Arc<NamedCalendar>>,
}

impl Policy {
    /// The same rules, in which the networks and calendars that `sets` names are those of `sets`.
    #[must_use]
    pub fn renewed(&self, sets: &Sets) -> Self {
        let rules: Vec<Rule> =
            self.rules.iter().map(|rule| Rule { when: rule.when.renewed(sets), ..rule.clone() }).collect();
        let faults = self
            .faults
            .iter()
            .map(|fault| FaultRule { when: fault.when.renewed(sets), ..fault.clone() })
            .collect();
        Self {
            rules: rules.into(),
            faults,
            exemptions: self.exemptions.clone(),
            named: NamedGroups::default(),
        }
    }
}

impl Condition {
    fn renewed(&self, sets: &Sets) -> Self {
        let all = |list: &[Self]| list.iter().map(|one| one.renewed(sets)).collect();
        match self {
            Self::All(list) => Self::All(all(list)),
            Self::Any(list) => Self::Any(all(list)),
            Self::Not(one) => Self::Not(Box::new(one.renewed(sets))),
            Self::Network(list) => {
                let new = |one: &Arc<Network>| sets.networks.get(&one.name).unwrap_or(one).clone();
                Self::Network(list.iter().map(new).collect())
            }
            Self::Calendar(list) => {
                let new = |one: &Arc<NamedCalendar>| sets.calendars.get(&one.name).unwrap_or(one).clone();
                Self::Calendar(list.iter().map(new).collect())
            }
            Self::Client(_)
            | Self::ClientGroup(_)
            | Self::Listener(_)
            | Self::Protocol(_)
            | Self::Directory(_)
            | Self::Subject(_)
            | Self::Group(_)
            | Self::AddressUnknown
            | Self::Country(_)
            | Self::Asn(_)
            | Self::Time(_)
            | Self::Valid(_)
            | Self::FirstLogin(_)
            | Self::NewNetwork(_)
            | Self::LastLoginBefore(_)
            | Self::First(_)
            | Self::Enrolled { .. } => self.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixTime;
    use crate::login::client::Client;
    use crate::login::policy::calendar::Calendar;
    use crate::login::policy::{Demand, Facts, Requirement, Say};

    fn network(name: &str, prefix: &str) -> Arc<Network> {
        Arc::new(Network::new(name, vec![prefix.parse().unwrap()]))
    }

    fn calendar(name: &str, from: i64, until: i64) -> Arc<NamedCalendar> {
        let calendar = Calendar::new([(UnixTime(from), UnixTime(until))]);
        Arc::new(NamedCalendar { name: name.into(), calendar })
    }

    #[test]
    fn rules_use_what_was_read_again_however_deep_it_is_named_and_keep_the_rest() {
        let deep = Condition::Not(Box::new(Condition::Any(vec![
            Condition::All(vec![Condition::Network(vec![
                network("office", "192.0.2.0/24"),
                network("", "10.0.0.0/8"),
            ])]),
            Condition::Calendar(vec![calendar("holidays", 0, 10)]),
        ])));
        let policy = Policy::new(vec![Rule::new("elsewhere", deep, Requirement::Refuse)]);
        let sets = Sets {
            networks: BTreeMap::from([("office".into(), network("office", "203.0.113.0/24"))]),
            calendars: BTreeMap::from([("holidays".into(), calendar("holidays", 20, 30))]),
        };
        let renewed = policy.renewed(&sets);
        let client = Client::new("vpn-1", "staff");
        let refused = |policy: &Policy, user: &str, at: i64| {
            let user = user.parse::<std::net::IpAddr>().ok().into();
            let facts = Facts { user, ..Facts::of(&client, UnixTime(at)) };
            policy.decide(&facts).unwrap().demand == Demand::Refuse(Say::Failed)
        };
        for (user, at, before, after) in [
            ("192.0.2.1", 15, false, true),
            ("203.0.113.1", 15, true, false),
            ("10.1.1.1", 15, false, false),
            ("198.51.100.1", 5, false, true),
            ("198.51.100.1", 25, true, false),
        ] {
            assert_eq!(refused(&policy, user, at), before, "{user} {at}");
            assert_eq!(refused(&renewed, user, at), after, "{user} {at}");
        }
    }
}
