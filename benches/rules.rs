//! Rules and logins by the thousand, made from fixed numbers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use doorward::base::cidr::Prefix;
use doorward::base::clock::UnixTime;
use doorward::login::client::Client;
use doorward::login::factor::{FactorKind, FactorKinds};
use doorward::login::identity::{Groups, Pseudonym};
use doorward::login::policy::{
    Condition, Facts, Input, Network, Requirement, Rule, TimeWindow, UserAt, Window,
};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

const CLIENTS: usize = 50;
const GROUPS: usize = 2000;
const SETS: usize = 40;

/// A size to measure.
pub struct Size {
    pub rules: usize,
    pub prefixes: usize,
    pub groups: usize,
    pub address_known: bool,
}

pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }

    fn some<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..=self.below(most)).map(|_| make(self)).collect()
    }
}

fn client(n: usize) -> Arc<str> {
    format!("client-{n:02}").into()
}

fn group(n: usize) -> Box<str> {
    format!("cn=group {n:04},ou=groups,dc=example,dc=org").into()
}

pub fn networks(prefixes: usize, dice: &mut Dice) -> Vec<Arc<Network>> {
    let each = prefixes / SETS;
    let prefix = |dice: &mut Dice| {
        let bits = 12 + u8::try_from(dice.below(13)).unwrap();
        Prefix::around(IpAddr::V4(Ipv4Addr::from((dice.next() >> 20) as u32)), bits, 64)
    };
    let set =
        |n: usize| Arc::new(Network::new(&format!("set-{n}"), (0..each).map(|_| prefix(dice)).collect()));
    (0..SETS).map(set).collect()
}

pub fn rules(count: usize, sets: &[Arc<Network>], dice: &mut Dice) -> Vec<Rule> {
    let zone = TimeZone::get("Europe/Istanbul").unwrap();
    let days = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    (0..count)
        .map(|number| {
            let mut when = vec![
                Condition::Client(dice.some(3, |dice| client(dice.below(CLIENTS)))),
                Condition::Group(dice.some(3, |dice| group(dice.below(GROUPS)))),
            ];
            if dice.below(2) == 0 {
                when.push(Condition::Network(dice.some(2, |dice| sets[dice.below(SETS)].clone())));
            }
            if dice.below(2) == 0 {
                let from = i8::try_from(dice.below(24)).unwrap();
                let hours = TimeWindow {
                    days: days.to_vec(),
                    from: Time::constant(from, 0, 0, 0),
                    to: Time::constant((from + 10) % 24, 0, 0, 0),
                    zone: zone.clone(),
                };
                when.push(Condition::Time(vec![Arc::new(Window { name: "".into(), hours: vec![hours] })]));
            }
            let totp: FactorKinds = [FactorKind::Totp].into_iter().collect();
            let then = [Requirement::Refuse, Requirement::None, Requirement::OneOf(totp)][dice.below(3)];
            Rule::new(&format!("rule {number}"), Condition::All(when), then)
        })
        .collect()
}

pub struct Login {
    client: Client,
    who: Pseudonym,
    groups: Groups,
    user: UserAt,
    at: UnixTime,
}

impl Login {
    pub fn new(size: &Size, sets: &[Arc<Network>], dice: &mut Dice) -> Self {
        let prefixes = sets[dice.below(SETS)].prefixes();
        let prefix = prefixes[dice.below(prefixes.len())].to_string();
        let inside: IpAddr = prefix.split('/').next().unwrap().parse().unwrap();
        let mut groups = Groups::new();
        while groups.len() < size.groups {
            groups.insert(group(dice.below(GROUPS)));
        }
        Self {
            client: Client::new(&client(dice.below(CLIENTS)), "staff"),
            who: Pseudonym::new("somebody").unwrap(),
            groups,
            user: if size.address_known { UserAt::Address(inside) } else { UserAt::Unknown },
            at: UnixTime::from_seconds(1_790_000_000 + i64::try_from(dice.below(20_000_000)).unwrap()),
        }
    }

    pub fn facts(&self) -> Facts<'_> {
        Facts {
            user: self.user,
            subject: Input::Known((&self.who, &self.groups)),
            ..Facts::of(&self.client, self.at)
        }
    }
}
