//! A login as its audit record tells it, for rules that are asked about it later.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

use crate::base::cidr::Prefix;
use crate::base::clock::UnixTime;
use crate::cli::audit::files::{time, word};
use crate::login::client::Client;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::identity::{Groups, Pseudonym};
use crate::login::policy::{Country, Facts, First, Input, Past, Place, UserAt};

/// A login of the past. What the record does not hold, though the login had it, is pending.
#[derive(Debug)]
pub(in crate::cli) struct Recorded {
    pub(in crate::cli) attempt: String,
    pub(in crate::cli) client: String,
    pub(in crate::cli) at: UnixTime,
    pub(in crate::cli) outcome: String,
    pub(in crate::cli) reason: String,
    /// The rule that decided then.
    pub(in crate::cli) rule: Option<Arc<str>>,
    /// What it demanded, as the record writes it.
    pub(in crate::cli) demand: Option<String>,
    /// The exemption that names the account, whether it held or not.
    pub(in crate::cli) exemption: Option<Arc<str>>,
    pub(in crate::cli) source: Option<IpAddr>,
    pub(in crate::cli) enrolled: Input<FactorKinds>,
    pub(in crate::cli) who: Option<Pseudonym>,
    listener: Input<String>,
    user: UserAt,
    place: Place,
    first: Input<First>,
    past: Input<Past>,
    groups: Option<Groups>,
    /// Nothing about groups is missing, since what the record lacked was looked up.
    all_groups: bool,
    none: Groups,
}

impl Recorded {
    /// Reads the record of a login; `None` for any other.
    pub(in crate::cli) fn read(record: &Value) -> Option<Self> {
        if word(record, "event") != Some("login") {
            return None;
        }
        let text = |key| word(record, key).map(ToOwned::to_owned);
        let shared = |key| word(record, key).map(Arc::from);
        // Records of earlier versions hold nothing of what the rules saw.
        let tells = word(record, "protocol").is_some();
        // Where the store was away, what stands in it was unknown and not left out.
        let missing = if word(record, "on_fault").is_some() { Gap::Unknown } else { Gap::Pending };
        let left_out = |known| if tells { Input::Unknown } else { known };
        let listener = text("listener").map_or(left_out(Input::Pending), Input::Known);
        Some(Self {
            attempt: text("attempt")?,
            client: text("client")?,
            at: UnixTime(time(record)?.as_millisecond()),
            outcome: text("outcome")?,
            reason: text("reason").unwrap_or_default(),
            rule: shared("rule"),
            demand: text("demand"),
            exemption: shared("exemption").or_else(|| shared("missed_exemption")),
            source: word(record, "source").and_then(|source| source.parse().ok()),
            enrolled: missing.or(kinds(record)),
            who: word(record, "subject").and_then(Pseudonym::new),
            listener,
            user: user(record),
            place: place(record),
            first: pending(word(record, "method").and_then(first)),
            past: missing.or(past(record)),
            groups: strings(record, "groups").map(|keys| keys.map(Into::into).collect()),
            all_groups: false,
            none: Groups::new(),
        })
    }

    /// What the rules can see of it at `client`, by the name of the one that it came from. `asked` are the groups that
    /// the rules of the time named; whether the subject was in any other is not known.
    pub(in crate::cli) fn facts<'a>(
        &'a self,
        client: &'a Client,
        asked: &'a Groups,
        aliases: &'a [Box<str>],
    ) -> Facts<'a> {
        let groups = self.groups.as_ref().unwrap_or(&self.none);
        let known = if self.groups.is_some() { asked } else { &self.none };
        Facts {
            listener: match &self.listener {
                Input::Known(name) => Input::Known(name),
                Input::Unknown => Input::Unknown,
                Input::Pending => Input::Pending,
            },
            source: self.source,
            user: self.user,
            place: self.place,
            first: self.first,
            subject: self.who.as_ref().map_or(Input::Pending, |who| Input::Known((who, groups))),
            groups_known: (!self.all_groups).then_some(known),
            aliases,
            past: self.past,
            enrolled: self.enrolled,
            ..Facts::of(client, self.at)
        }
    }
}

impl Recorded {
    /// Whether it says of any group whether the subject was in it.
    pub(in crate::cli) const fn has_groups(&self) -> bool {
        self.groups.is_some()
    }

    /// Takes groups of now, where the record says nothing about them: it does of those in `asked`, if it holds any at all.
    pub(in crate::cli) fn complete(&mut self, asked: &Groups, now: &Groups) {
        let mut groups = self.groups.take();
        let recorded = groups.is_some();
        let others = now.iter().filter(|key| !(recorded && asked.contains(*key)));
        groups.get_or_insert_default().extend(others.cloned());
        self.groups = groups;
        self.all_groups = true;
    }
}

/// What it means that a record is silent.
#[derive(Clone, Copy)]
enum Gap {
    Unknown,
    Pending,
}

impl Gap {
    fn or<T>(self, value: Option<T>) -> Input<T> {
        match (value, self) {
            (Some(value), _) => Input::Known(value),
            (None, Self::Unknown) => Input::Unknown,
            (None, Self::Pending) => Input::Pending,
        }
    }
}

fn pending<T>(value: Option<T>) -> Input<T> {
    value.map_or(Input::Pending, Input::Known)
}

fn strings<'a>(record: &'a Value, key: &str) -> Option<impl Iterator<Item = &'a str>> {
    Some(record.get(key)?.as_array()?.iter().filter_map(Value::as_str))
}

fn kinds(record: &Value) -> Option<FactorKinds> {
    Some(strings(record, "enrolled")?.filter_map(FactorKind::from_word).collect())
}

/// The word of a first credential.
pub(in crate::cli) fn first(word: &str) -> Option<First> {
    First::ALL.into_iter().find(|first| first.word() == word)
}

/// A user's address is always in the record where it was known.
fn user(record: &Value) -> UserAt {
    let Some(text) = word(record, "network") else { return UserAt::Unknown };
    if let Ok(address) = text.parse::<IpAddr>() {
        return UserAt::Address(address);
    }
    text.parse::<Prefix>().map_or(UserAt::Unknown, UserAt::Within)
}

/// Of an address without a place it is not known whether there was a database to look it up in.
fn place(record: &Value) -> Place {
    let country = word(record, "country").and_then(Country::new);
    let asn = record.get("asn").and_then(Value::as_u64).and_then(|asn| u32::try_from(asn).ok());
    if user(record) == UserAt::Unknown {
        return Place { country: country.into(), asn: asn.into() };
    }
    Place { country: pending(country), asn: pending(asn) }
}

fn past(record: &Value) -> Option<Past> {
    let first_login = record.get("first_login")?.as_bool()?;
    let new_network = record.get("new_network").and_then(Value::as_bool);
    let days =
        record.get("last_login_days").and_then(Value::as_u64).and_then(|days| u32::try_from(days).ok());
    let nowhere = user(record) == UserAt::Unknown;
    Some(Past {
        first_login,
        new_network: if nowhere { new_network.into() } else { pending(new_network) },
        last_login_days: if first_login { days.into() } else { pending(days) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::policy::{Condition, Truth};
    use serde_json::json;

    fn record() -> Value {
        json!({
            "time": "2026-11-21T08:30:00.125000Z", "event": "login", "attempt": "0011223344556677",
            "client": "vpn-1", "subject": "p1", "stage": "factor", "outcome": "accept", "reason": "confirmed",
            "rule": "vpn", "network": "203.0.113.0/24", "protocol": "radius", "method": "password",
            "country": "TR", "groups": ["vpn users"], "enrolled": ["totp"], "first_login": false,
            "last_login_days": 3, "demand": "totp",
        })
    }

    #[test]
    fn what_the_rules_saw_they_see_again_and_what_is_not_in_the_record_is_pending() {
        let recorded = Recorded::read(&record()).unwrap();
        let client = Client::new("vpn-1", "staff");
        let asked: Groups = ["vpn users".into(), "admins".into()].into();
        let facts = recorded.facts(&client, &asked, &[]);
        let group = |key: &str| Condition::Group(vec![key.into()]).look(&facts);
        assert_eq!(group("vpn users"), Truth::Yes);
        assert_eq!(group("admins"), Truth::No, "the rules asked, and the subject was not in it");
        assert_eq!(group("choir"), Truth::Unknown, "nobody asked");
        assert_eq!(facts.first, Input::Known(First::Password));
        assert_eq!(facts.user, UserAt::Within("203.0.113.0/24".parse().unwrap()));
        assert_eq!(facts.place, Place { country: Input::from(Country::new("TR")), asn: Input::Pending });
        assert_eq!(facts.listener, Input::Unknown);
        let past = facts.past.known().unwrap();
        assert_eq!((past.new_network, past.last_login_days), (Input::Pending, Input::Known(3)));
    }

    #[test]
    fn a_record_of_an_earlier_version_says_nothing_of_what_the_rules_saw() {
        let mut old = record();
        let keys = ["protocol", "method", "country", "groups", "enrolled", "first_login", "demand"];
        keys.iter().for_each(|key| _ = old.as_object_mut().unwrap().remove(*key));
        let recorded = Recorded::read(&old).unwrap();
        let client = Client::new("vpn-1", "staff");
        let asked: Groups = ["vpn users".into()].into();
        let facts = recorded.facts(&client, &asked, &[]);
        assert_eq!(Condition::Group(vec!["vpn users".into()]).look(&facts), Truth::Unknown);
        assert_eq!((facts.first, facts.enrolled), (Input::Pending, Input::Pending));
        assert_eq!((facts.past, facts.listener), (Input::Pending, Input::Pending));
    }

    #[test]
    fn what_a_login_under_a_fault_mode_leaves_out_was_unknown_to_its_rules() {
        let mut blind = record();
        let keys = ["enrolled", "first_login", "new_network", "last_login_days"];
        keys.iter().for_each(|key| _ = blind.as_object_mut().unwrap().remove(*key));
        let read = |record: &Value| {
            let recorded = Recorded::read(record).unwrap();
            (recorded.enrolled, recorded.past)
        };
        assert_eq!(read(&blind), (Input::Pending, Input::Pending));
        blind["on_fault"] = "store-move".into();
        assert_eq!(read(&blind), (Input::Unknown, Input::Unknown));
    }

    #[test]
    fn groups_of_now_stand_in_for_those_alone_that_nobody_asked_about() {
        let client = Client::new("vpn-1", "staff");
        let asked: Groups = ["vpn users".into(), "admins".into()].into();
        let now: Groups = ["admins".into(), "choir".into()].into();
        let looked = |record: &Value, key: &str| {
            let mut recorded = Recorded::read(record).unwrap();
            recorded.complete(&asked, &now);
            Condition::Group(vec![key.into()]).look(&recorded.facts(&client, &asked, &[]))
        };
        let expected =
            [("vpn users", Truth::Yes), ("admins", Truth::No), ("choir", Truth::Yes), ("x", Truth::No)];
        for (key, truth) in expected {
            assert_eq!(looked(&record(), key), truth, "{key}");
        }
        let mut old = record();
        old.as_object_mut().unwrap().remove("groups");
        let expected = [("vpn users", Truth::No), ("admins", Truth::Yes), ("choir", Truth::Yes)];
        for (key, truth) in expected {
            assert_eq!(looked(&old, key), truth, "{key} of a record without groups");
        }
    }

    #[test]
    fn other_records_are_no_logins() {
        let mut other = record();
        other["event"] = "session".into();
        assert!(Recorded::read(&other).is_none());
    }
}
