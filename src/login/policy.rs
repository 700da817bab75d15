//! Rules in order, first match wins → what a login must show; and exemptions from that.

pub mod exempt;

pub use crate::login::policy::exempt::{Exempted, Exemption};

use std::net::IpAddr;
use std::sync::Arc;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::base::cidr::Prefix;
use crate::base::clock::UnixTime;
use crate::login::factor::FactorKinds;
use crate::login::identity::{Groups, Pseudonym};

/// What a login must show beyond the first credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Nothing.
    None,
    /// One of these factors.
    OneOf(FactorKinds),
    /// Nothing helps.
    Refuse,
}

/// The rules, in order.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// First match wins. None matches: one factor of any kind is required (D-122).
    pub rules: Vec<Rule>,
    /// Accounts that need no second factor at certain clients and from certain networks.
    pub exemptions: Vec<Exemption>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name in audit and `explain`.
    pub name: Arc<str>,
    /// When it matches: all conditions that are set must hold.
    pub when: Conditions,
    /// What it demands.
    pub then: Requirement,
    /// Until then, a subject without a fitting enrolment is let in with the first credential alone.
    pub grace_until: Option<UnixTime>,
}

/// Conditions of a rule; what is `None` is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// Names of clients.
    pub clients: Option<Vec<Arc<str>>>,
    /// Keys of groups, as made by [`crate::login::identity::group_key`]; one of them is enough.
    pub groups: Option<Vec<Box<str>>>,
    /// Anonymous ids.
    pub subjects: Option<Vec<Pseudonym>>,
    /// The user's own address.
    pub network: Option<NetworkCondition>,
    /// The time of day; one window is enough.
    pub time: Option<Vec<TimeWindow>>,
}

/// Which user addresses match.
#[derive(Debug, Clone, Default)]
pub struct NetworkCondition {
    /// Inside one of these.
    pub prefixes: Vec<Prefix>,
    /// The client gave no address. It never matches unless the rule names it.
    pub unknown: bool,
}

/// Weekdays and hours in a time zone.
#[derive(Debug, Clone)]
pub struct TimeWindow {
    /// Days on which the window begins.
    pub days: Vec<Weekday>,
    /// First moment of the day that is inside.
    pub from: Time,
    /// First moment that is no longer inside. Not after `from` means that the window ends on the next day;
    /// equal to `from` means the whole day.
    pub to: Time,
    /// Where the clock hangs.
    pub zone: TimeZone,
}

/// What a rule can see of a login.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Name of the client.
    pub client: &'a str,
    /// The address of the client's own connection, if it is known.
    pub source: Option<IpAddr>,
    /// The user's address, if the client gave one.
    pub user: Option<IpAddr>,
    /// Time of the decision.
    pub at: UnixTime,
    /// Who it is; `None` before the directory was asked.
    pub subject: Option<(&'a Pseudonym, &'a Groups)>,
    /// As [`crate::login::identity::Account::aliases`]; none before the directory was asked.
    pub aliases: &'a [Box<str>],
}

/// What the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is demanded.
    pub requirement: Requirement,
    /// By which rule; `None` when none matched.
    pub rule: Option<Arc<str>>,
    /// As [`Rule::grace_until`].
    pub grace_until: Option<UnixTime>,
    /// When the hours of that rule end; `None` when it has none, or they never end.
    pub ends: Option<UnixTime>,
    /// The exemption that stands in for what a rule would have asked for.
    pub exemption: Option<Arc<str>>,
}

/// How one rule fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// All its conditions hold.
    Matches,
    /// This condition does not hold.
    Fails(Condition),
    /// This condition needs the subject, which is not known yet.
    NeedsSubject,
}

/// Names a condition, for `explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// `client`
    Client,
    /// `group`
    Group,
    /// `subject`
    Subject,
    /// `network`
    Network,
    /// `network`, because the address is not known
    AddressUnknown,
    /// `time`
    Time,
}

impl Policy {
    /// What is demanded: what the rules say, and nothing where an exemption fits and no rule refuses. `None` when
    /// that depends on a subject that `facts` does not have.
    #[must_use]
    pub fn decide(&self, facts: &Facts<'_>) -> Option<Decision> {
        let ruled = self.ruled(facts)?;
        match self.exempted(facts) {
            Exempted::Here(exemption) if ruled.requirement != Requirement::Refuse => Some(Decision {
                requirement: Requirement::None,
                exemption: Some(exemption.name.clone()),
                ..Decision::DEFAULT
            }),
            Exempted::Here(_) | Exempted::Elsewhere(_) | Exempted::Unnamed => Some(ruled),
        }
    }

    fn ruled(&self, facts: &Facts<'_>) -> Option<Decision> {
        for rule in &self.rules {
            match rule.look(facts) {
                Looked::Matches => {
                    return Some(Decision {
                        requirement: rule.then,
                        rule: Some(rule.name.clone()),
                        grace_until: rule.grace_until,
                        ends: rule.ends(facts.at),
                        exemption: None,
                    });
                }
                Looked::NeedsSubject => return None,
                Looked::Fails(_) => {}
            }
        }
        Some(Decision::DEFAULT)
    }
}

impl Decision {
    /// What holds when no rule matches (D-122).
    pub const DEFAULT: Self = Self {
        requirement: Requirement::OneOf(FactorKinds::ALL),
        rule: None,
        grace_until: None,
        ends: None,
        exemption: None,
    };
}

impl Rule {
    /// How the rule fares; conditions that need no subject are looked at first.
    #[must_use]
    pub fn look(&self, facts: &Facts<'_>) -> Looked {
        let when = &self.when;
        if when.clients.as_ref().is_some_and(|names| !names.iter().any(|name| **name == *facts.client)) {
            return Looked::Fails(Condition::Client);
        }
        if let Some(network) = &when.network {
            match facts.user {
                Some(user) if !network.prefixes.iter().any(|p| p.contains(user)) => {
                    return Looked::Fails(Condition::Network);
                }
                None if !network.unknown => return Looked::Fails(Condition::AddressUnknown),
                Some(_) | None => {}
            }
        }
        if when.time.as_ref().is_some_and(|windows| !windows.iter().any(|w| w.contains(facts.at))) {
            return Looked::Fails(Condition::Time);
        }
        if when.groups.is_none() && when.subjects.is_none() {
            return Looked::Matches;
        }
        let Some((pseudonym, groups)) = facts.subject else { return Looked::NeedsSubject };
        if when.subjects.as_ref().is_some_and(|list| !list.contains(pseudonym)) {
            return Looked::Fails(Condition::Subject);
        }
        if when.groups.as_ref().is_some_and(|list| !list.iter().any(|group| groups.contains(group))) {
            return Looked::Fails(Condition::Group);
        }
        Looked::Matches
    }
}

/// A chain of windows that goes on for longer has no end worth telling.
const LONGEST_CHAIN: usize = 16;

impl Rule {
    /// When the hours that hold at `at` end, those that follow without a gap included.
    fn ends(&self, at: UnixTime) -> Option<UnixTime> {
        let windows = self.when.time.as_ref()?;
        let mut end = at;
        for _ in 0..LONGEST_CHAIN {
            let next = windows.iter().filter(|w| w.contains(end)).filter_map(|w| w.end(end)).max();
            match next {
                Some(later) if later > end => end = later,
                _ => return (end > at).then_some(end),
            }
        }
        None
    }
}

impl TimeWindow {
    /// The end of the window that is open at `at`.
    fn end(&self, at: UnixTime) -> Option<UnixTime> {
        let local = jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(self.zone.clone());
        let over_midnight = self.from >= self.to;
        let ends_tomorrow =
            over_midnight && local.time() >= self.from && self.days.contains(&local.weekday());
        let day = if ends_tomorrow { local.date().tomorrow().ok()? } else { local.date() };
        let end = day.to_datetime(self.to).to_zoned(self.zone.clone()).ok()?;
        Some(UnixTime(end.timestamp().as_millisecond()))
    }

    /// Whether the window is open at `at`, on the clock of its zone. An hour that daylight saving repeats is
    /// inside both times; one that it skips does not come (D-116).
    #[must_use]
    pub fn contains(&self, at: UnixTime) -> bool {
        let Ok(instant) = jiff::Timestamp::from_millisecond(at.0) else { return false };
        let local = instant.to_zoned(self.zone.clone());
        let (time, today) = (local.time(), local.weekday());
        let begins = |day: Weekday| self.days.contains(&day);
        if self.from < self.to {
            begins(today) && time >= self.from && time < self.to
        } else {
            (begins(today) && time >= self.from) || (begins(today.previous()) && time < self.to)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::factor::FactorKind;
    use crate::login::identity::group_key;

    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn rule(name: &str, when: Conditions, then: Requirement) -> Rule {
        Rule { name: name.into(), when, then, grace_until: None }
    }

    fn facts<'a>(user: Option<&str>, subject: Option<(&'a Pseudonym, &'a Groups)>) -> Facts<'a> {
        Facts {
            client: "vpn-1",
            source: None,
            user: user.map(|a| a.parse().unwrap()),
            at: at("2026-11-21T12:00:00Z"),
            subject,
            aliases: &[],
        }
    }

    fn inside(prefixes: &[&str], unknown: bool) -> Conditions {
        let prefixes = prefixes.iter().map(|p| p.parse().unwrap()).collect();
        Conditions { network: Some(NetworkCondition { prefixes, unknown }), ..Conditions::default() }
    }

    fn hours(days: &[Weekday], from: i8, to: i8, zone: &str) -> TimeWindow {
        TimeWindow {
            days: days.to_vec(),
            from: Time::constant(from, 0, 0, 0),
            to: Time::constant(to, 0, 0, 0),
            zone: TimeZone::get(zone).unwrap(),
        }
    }

    #[test]
    fn without_a_match_any_factor_is_required_d_122() {
        let decision = Policy::default().decide(&facts(None, None)).unwrap();
        assert_eq!(decision.requirement, Requirement::OneOf(FactorKinds::ALL));
        assert_eq!(decision.rule, None);
    }

    #[test]
    fn the_first_match_wins() {
        let policy = Policy {
            exemptions: Vec::new(),
            rules: vec![
                rule(
                    "other client",
                    Conditions { clients: Some(vec!["wifi".into()]), ..Conditions::default() },
                    Requirement::None,
                ),
                rule("office", inside(&["10.0.0.0/8"], false), Requirement::None),
                rule("rest", Conditions::default(), Requirement::Refuse),
            ],
        };
        let rule_for = |user| policy.decide(&facts(user, None)).unwrap().rule.unwrap();
        assert_eq!(&*rule_for(Some("10.1.2.3")), "office");
        assert_eq!(&*rule_for(Some("::ffff:10.1.2.3")), "office");
        assert_eq!(&*rule_for(Some("203.0.113.7")), "rest");
    }

    #[test]
    fn an_unknown_address_matches_only_a_rule_that_names_it() {
        let policy = Policy {
            exemptions: Vec::new(),
            rules: vec![
                rule("everywhere", inside(&["0.0.0.0/0", "::/0"], false), Requirement::None),
                rule("nowhere", inside(&[], true), Requirement::Refuse),
            ],
        };
        assert_eq!(policy.decide(&facts(None, None)).unwrap().requirement, Requirement::Refuse);
        assert_eq!(policy.rules[0].look(&facts(None, None)), Looked::Fails(Condition::AddressUnknown));
    }

    #[test]
    fn a_rule_about_groups_waits_for_the_subject() {
        let vpn = Conditions { groups: Some(vec![group_key("VPN Users")]), ..Conditions::default() };
        let totp: FactorKinds = [FactorKind::Totp].into_iter().collect();
        let policy =
            Policy { rules: vec![rule("vpn", vpn, Requirement::OneOf(totp))], exemptions: Vec::new() };
        assert_eq!(policy.decide(&facts(None, None)), None);
        let (who, member) = (Pseudonym::new("p1").unwrap(), Groups::from([group_key("vpn users")]));
        let stranger = Groups::new();
        let found = |groups| policy.decide(&facts(None, Some((&who, groups)))).unwrap().rule;
        assert_eq!(found(&member).as_deref(), Some("vpn"));
        assert_eq!(found(&stranger), None);
    }

    #[test]
    fn a_refusal_that_needs_no_subject_is_known_before_the_directory_is_asked() {
        let policy = Policy {
            rules: vec![rule("abroad", inside(&["203.0.113.0/24"], false), Requirement::Refuse)],
            exemptions: Vec::new(),
        };
        let decision = policy.decide(&facts(Some("203.0.113.9"), None)).unwrap();
        assert_eq!(decision.requirement, Requirement::Refuse);
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
        let window = hours(&[Weekday::Friday], 22, 6, "Europe/Berlin");
        for (time, inside) in [
            ("2026-11-20T20:59:59Z", false), // Friday 21:59:59
            ("2026-11-20T21:00:00Z", true),
            ("2026-11-21T04:59:59Z", true), // Saturday 05:59:59
            ("2026-11-21T05:00:00Z", false),
            ("2026-11-21T22:00:00Z", false), // Saturday 23:00
        ] {
            assert_eq!(window.contains(at(time)), inside, "{time}");
        }
    }

    #[test]
    fn the_hour_that_comes_twice_is_inside_both_times_and_the_skipped_one_never_comes_d_116() {
        let window = hours(&[Weekday::Sunday], 2, 3, "Europe/Berlin");
        for (time, inside) in [
            ("2026-10-24T23:59:59Z", false), // 01:59:59 summer time
            ("2026-10-25T00:30:00Z", true),  // 02:30 summer time
            ("2026-10-25T01:30:00Z", true),  // 02:30 winter time
            ("2026-10-25T02:00:00Z", false), // 03:00
            ("2026-03-29T00:59:59Z", false), // 01:59:59, then 03:00
            ("2026-03-29T01:00:00Z", false),
        ] {
            assert_eq!(window.contains(at(time)), inside, "{time}");
        }
    }

    #[test]
    fn equal_ends_mean_the_whole_day() {
        let window = hours(&[Weekday::Saturday], 0, 0, "UTC");
        assert!(window.contains(at("2026-11-21T00:00:00Z")));
        assert!(window.contains(at("2026-11-21T23:59:59Z")));
        assert!(!window.contains(at("2026-11-22T00:00:00Z")));
    }

    #[test]
    fn a_rule_with_hours_says_when_they_end_a_079() {
        let ends = |windows: Vec<TimeWindow>, time: &str| {
            let when = Conditions { time: Some(windows), ..Conditions::default() };
            rule("hours", when, Requirement::None)
                .ends(at(time))
                .map(|end| jiff::Timestamp::from_millisecond(end.0).unwrap().to_string())
        };
        let week =
            [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
        let every = Weekday::Monday.cycle_forward().take(7).collect::<Vec<_>>();
        let office = || hours(&week, 8, 18, "Europe/Berlin");
        assert_eq!(ends(vec![office()], "2026-11-20T12:00:00Z").as_deref(), Some("2026-11-20T17:00:00Z"));
        let night = || hours(&[Weekday::Friday], 18, 6, "Europe/Berlin");
        assert_eq!(ends(vec![night()], "2026-11-20T22:00:00Z").as_deref(), Some("2026-11-21T05:00:00Z"));
        assert_eq!(ends(vec![night()], "2026-11-21T04:00:00Z").as_deref(), Some("2026-11-21T05:00:00Z"));
        let both = vec![office(), night()];
        assert_eq!(ends(both, "2026-11-20T12:00:00Z").as_deref(), Some("2026-11-21T05:00:00Z"), "no gap");
        assert_eq!(ends(vec![hours(&every, 0, 0, "UTC")], "2026-11-20T12:00:00Z"), None, "never");
    }
}
