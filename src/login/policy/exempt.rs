//! Accounts that need no second factor in certain places (B-047).
//!
//! An exemption takes the place of the demand for a second factor and of nothing else: what a rule refuses stays
//! refused, the password is verified and wrong ones are counted.

use std::sync::Arc;

use crate::base::cidr::Prefix;
use crate::login::policy::condition::Validity;
use crate::login::policy::{Facts, Policy};

/// An account, such as an application's own, that needs no second factor in certain places (B-047).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// Its name in audit and `explain`.
    pub name: Arc<str>,
    /// The one account, by one of its [`crate::login::identity::Account::aliases`].
    pub account: Box<str>,
    /// At these clients alone.
    pub clients: Vec<Arc<str>>,
    /// From these networks alone: the address of the connection, not one that is claimed.
    pub sources: Vec<Prefix>,
    /// Who answers for it.
    pub owner: Arc<str>,
    /// Why it is there.
    pub reason: Arc<str>,
    /// From when to when.
    pub valid: Validity,
    /// Whose account it is.
    pub kind: ExemptionKind,
    /// Each use raises an alarm.
    pub alarm: bool,
}

/// Whose account an exemption is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExemptionKind {
    /// An application's.
    #[default]
    Service,
    /// That of a person in an emergency. Each use raises an alarm.
    BreakGlass,
}

/// How one exemption fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Account, client and source fit.
    Fits,
    /// It is not known yet whose login this is, or nobody's.
    NobodyKnown,
    /// It names another account.
    Account,
    /// It names the account, but not this client.
    Client,
    /// It names the account, but the connection comes from elsewhere.
    Source,
    /// It names the account, but where the connection comes from is not known.
    SourceUnknown,
    /// It names the account, but does not hold yet, or no longer.
    NotNow,
}

/// What all exemptions together say of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exempted<'a> {
    /// None names the account.
    Unnamed,
    /// This one fits.
    Here(&'a Exemption),
    /// This one names the account, but for another client or another source. Worth a trace: nobody but its
    /// application should use such an account.
    Elsewhere(&'a Exemption),
}

impl Exemption {
    /// One for `account` that holds nowhere.
    #[must_use]
    pub fn new(name: &str, account: &str) -> Self {
        Self {
            name: name.into(),
            account: account.into(),
            clients: Vec::new(),
            sources: Vec::new(),
            owner: "".into(),
            reason: "".into(),
            valid: Validity::default(),
            kind: ExemptionKind::Service,
            alarm: false,
        }
    }

    /// How it fares. The account is compared as a whole and exactly, so neither a part of a name nor another case
    /// of it fits.
    #[must_use]
    pub fn look(&self, facts: &Facts<'_>) -> Fit {
        if facts.subject.known().is_none() {
            return Fit::NobodyKnown;
        }
        if !facts.aliases.contains(&self.account) {
            return Fit::Account;
        }
        if !self.clients.iter().any(|name| **name == *facts.client.name) {
            return Fit::Client;
        }
        if !self.valid.contains(facts.at) {
            return Fit::NotNow;
        }
        match facts.source {
            Some(source) if self.sources.iter().any(|prefix| prefix.contains(source)) => Fit::Fits,
            Some(_) => Fit::Source,
            None => Fit::SourceUnknown,
        }
    }
}

impl Policy {
    /// What the exemptions say; the first that fits, else the first that names the account.
    #[must_use]
    pub fn exempted(&self, facts: &Facts<'_>) -> Exempted<'_> {
        let mut elsewhere = Exempted::Unnamed;
        for exemption in &self.exemptions {
            match exemption.look(facts) {
                Fit::Fits => return Exempted::Here(exemption),
                Fit::Client | Fit::Source | Fit::SourceUnknown | Fit::NotNow
                    if elsewhere == Exempted::Unnamed =>
                {
                    elsewhere = Exempted::Elsewhere(exemption);
                }
                Fit::Client
                | Fit::Source
                | Fit::SourceUnknown
                | Fit::NotNow
                | Fit::NobodyKnown
                | Fit::Account => {}
            }
        }
        elsewhere
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::clock::UnixTime;
    use crate::login::client::Client;
    use crate::login::factor::FactorKinds;
    use crate::login::identity::{Groups, Pseudonym};
    use crate::login::policy::{Condition, Decision, Demand, Input, Requirement, Rule};

    const DN: &str = "cn=svc-wiki,ou=services,dc=example,dc=org";

    fn exemption(name: &str, client: &str, source: &str) -> Exemption {
        Exemption {
            name: name.into(),
            account: DN.into(),
            clients: vec![client.into()],
            sources: vec![source.parse().unwrap()],
            ..Exemption::new("", "")
        }
    }

    fn rules(then: Requirement) -> Policy {
        let rule = Rule::new("all", Condition::ALWAYS, then);
        let exemptions = vec![exemption("wiki-service", "wiki", "192.0.2.0/28")];
        Policy { rules: vec![rule].into(), exemptions, ..Policy::default() }
    }

    fn decide(policy: &Policy, alias: &str, client: &str, source: Option<&str>) -> Decision {
        let (who, groups) = (Pseudonym::new("p1").unwrap(), Groups::new());
        let aliases = [Box::from("S-1-5-21-1-2-3-1104"), Box::from(alias)];
        let source = source.map(|address| address.parse().unwrap());
        let at = UnixTime::from_seconds(1_800_000_000);
        let client = Client::new(client, "staff");
        let subject = Input::Known((&who, &groups));
        policy.decide(&Facts { source, subject, aliases: &aliases, ..Facts::of(&client, at) }).unwrap()
    }

    #[test]
    fn only_account_and_client_and_source_together_are_exempt_b_047() {
        let policy = rules(Requirement::OneOf(FactorKinds::ALL));
        let exempt = |alias, client, source| decide(&policy, alias, client, source).exemption.is_some();
        assert!(exempt(DN, "wiki", Some("192.0.2.7")));
        assert!(exempt(DN, "wiki", Some("::ffff:192.0.2.7")), "one address, however it is written, A-026");
        assert!(!exempt(DN, "vpn", Some("192.0.2.7")), "another client");
        assert!(!exempt(DN, "wiki", Some("192.0.2.16")), "another network");
        assert!(!exempt(DN, "wiki", None), "an unknown address is in no network");
        for other in [
            "cn=svc-wiki,ou=services,dc=example",
            "cn=svc-wiki",
            "svc-wiki",
            "CN=svc-wiki,ou=services,dc=example,dc=org",
            "cn=svc-wiki,ou=services,dc=example,dc=org,dc=evil",
            "x,cn=svc-wiki,ou=services,dc=example,dc=org",
            "",
        ] {
            assert!(!exempt(other, "wiki", Some("192.0.2.7")), "{other}");
        }
    }

    #[test]
    fn a_rule_that_refuses_wins_over_an_exemption() {
        let decision = decide(&rules(Requirement::Refuse), DN, "wiki", Some("192.0.2.7"));
        assert_eq!((decision.demand.is_refusal(), decision.exemption), (true, None));
        assert_eq!(decision.rule.as_deref(), Some("all"));
    }

    #[test]
    fn an_exemption_takes_the_place_of_the_rule_that_asks() {
        let policy = rules(Requirement::OneOf(FactorKinds::ALL));
        let decision = decide(&policy, DN, "wiki", Some("192.0.2.7"));
        assert_eq!(decision.demand, Demand::NOTHING);
        assert_eq!((decision.exemption.as_deref(), decision.rule), (Some("wiki-service"), None));
    }

    #[test]
    fn an_exemption_leaves_the_session_and_the_reply_of_the_rule_as_they_are_and_ends_it_with_itself() {
        let moment = UnixTime::from_seconds;
        let until = |end| Condition::Valid(Validity { from: None, until: Some(moment(end)) });
        let mut rule = Rule::new("all", until(1_800_000_600), Requirement::OneOf(FactorKinds::ALL));
        rule.options.session = Some(Duration::from_secs(60));
        rule.options.remember = Some(Duration::from_secs(60));
        rule.options.reply = Some([Arc::from("limited")].into());
        rule.options.offer = Some("please enrol".into());
        let mut one = exemption("wiki-service", "wiki", "192.0.2.0/28");
        let mut ends = |until| {
            one.valid.until = until;
            let rules = vec![rule.clone()].into();
            let policy = Policy { rules, exemptions: vec![one.clone()], ..Policy::default() };
            let decision = decide(&policy, DN, "wiki", Some("192.0.2.7"));
            assert!(decision.demand.is_nothing() && decision.exemption.is_some());
            assert_eq!(decision.session, Some(Duration::from_secs(60)));
            assert_eq!(decision.reply.as_deref(), Some(&["limited".into()][..]));
            assert_eq!((decision.remember, decision.offer.as_deref()), (None, None), "no factor is shown");
            let (who, groups) = (Pseudonym::new("p1").unwrap(), Groups::new());
            let wiki = Client::new("wiki", "staff");
            policy.ends(
                &decision,
                &Facts {
                    source: "192.0.2.7".parse().ok(),
                    subject: Input::Known((&who, &groups)),
                    aliases: &[DN.into()],
                    ..Facts::of(&wiki, UnixTime(0))
                },
            )
        };
        assert_eq!(ends(Some(moment(1_800_000_300))), Some(moment(1_800_000_300)));
        assert_eq!(ends(Some(moment(1_800_000_900))), Some(moment(1_800_000_600)));
        assert_eq!(ends(None), Some(moment(1_800_000_600)));
    }

    #[test]
    fn an_exemption_holds_from_its_first_moment_and_no_longer_at_its_last() {
        let mut policy = rules(Requirement::OneOf(FactorKinds::ALL));
        let now = UnixTime::from_seconds(1_800_000_000);
        let near = |by: i64| Some(UnixTime(now.0 + by));
        for (from, until, exempt) in
            [(near(0), near(1), true), (near(1), None, false), (None, near(0), false), (None, None, true)]
        {
            policy.exemptions[0].valid = Validity { from, until };
            let decision = decide(&policy, DN, "wiki", Some("192.0.2.7"));
            assert_eq!(decision.exemption.is_some(), exempt, "{from:?} {until:?}");
        }
    }

    #[test]
    fn nobody_is_exempt_before_it_is_known_who_it_is() {
        let policy = rules(Requirement::OneOf(FactorKinds::ALL));
        let wiki = Client::new("wiki", "staff");
        let source = "192.0.2.7".parse().ok();
        let facts = Facts { source, aliases: &[DN.into()], ..Facts::of(&wiki, UnixTime(0)) };
        assert_eq!(policy.exempted(&facts), Exempted::Unnamed);
    }

    #[test]
    fn the_one_that_fits_counts_whatever_stands_before_it_and_else_the_first_that_names_the_account() {
        let (who, groups) = (Pseudonym::new("p1").unwrap(), Groups::new());
        let policy = Policy {
            exemptions: vec![
                exemption("git", "git", "192.0.2.0/28"),
                exemption("wiki", "wiki", "192.0.2.0/28"),
            ],
            ..Policy::default()
        };
        let at = |client, source: &str| {
            let client = Client::new(client, "staff");
            let found = policy.exempted(&Facts {
                source: source.parse().ok(),
                subject: Input::Known((&who, &groups)),
                aliases: &[DN.into()],
                ..Facts::of(&client, UnixTime(0))
            });
            match found {
                Exempted::Here(one) => format!("here {}", one.name),
                Exempted::Elsewhere(one) => format!("elsewhere {}", one.name),
                Exempted::Unnamed => String::new(),
            }
        };
        assert_eq!(at("wiki", "192.0.2.1"), "here wiki");
        assert_eq!(at("wiki", "203.0.113.1"), "elsewhere git");
        assert_eq!(at("vpn", "192.0.2.1"), "elsewhere git");
    }
}
