//! Conditions of rules, and what they say of a login.

use std::sync::Arc;

use crate::base::cidr::{Prefix, PrefixTable};
use crate::base::clock::UnixTime;
use crate::login::client::Protocol;
use crate::login::factor::FactorKinds;
use crate::login::identity::{Groups, Pseudonym};
use crate::login::policy::facts::{Country, Facts, First, Names, UserAt};
use crate::login::policy::truth::{Input, Truth};
use crate::login::policy::window::{NamedCalendar, Window};

/// A condition. A list holds when one of its members does, except in [`Condition::All`].
#[derive(Debug, Clone)]
pub enum Condition {
    /// All of them; of none, always.
    All(Vec<Self>),
    /// One of them; of none, never.
    Any(Vec<Self>),
    /// Not this one.
    Not(Box<Self>),
    /// Names of clients.
    Client(Names),
    /// Groups of clients.
    ClientGroup(Names),
    /// Listeners.
    Listener(Names),
    /// Protocols.
    Protocol(Vec<Protocol>),
    /// Directories, by the client's own.
    Directory(Names),
    /// Anonymous ids.
    Subject(Vec<Pseudonym>),
    /// Keys of groups, as made by [`crate::login::identity::group_key`].
    Group(Vec<Box<str>>),
    /// The user's own address is in one of these networks.
    Network(Vec<Arc<Network>>),
    /// The client gave no user address.
    AddressUnknown,
    /// The country of the user's address.
    Country(Vec<Country>),
    /// The autonomous system of the user's address.
    Asn(Vec<u32>),
    /// The time of day.
    Time(Vec<Arc<Window>>),
    /// Days and times.
    Calendar(Vec<Arc<NamedCalendar>>),
    /// From a moment on, and up to another.
    Valid(Validity),
    /// Nobody was ever let in as this subject (`true`), or somebody was.
    FirstLogin(bool),
    /// The subject was not let in from this network yet (`true`), or it was.
    NewNetwork(bool),
    /// The last login is at least so many days ago.
    LastLoginBefore(u32),
    /// The kind of the first credential.
    First(Vec<First>),
    /// A factor of one of these kinds is enrolled; or nothing is.
    Enrolled {
        /// The kinds.
        kinds: FactorKinds,
        /// Nothing is enrolled.
        nothing: bool,
    },
}

/// A set of address prefixes.
#[derive(Debug, Clone)]
pub struct Network {
    /// Its name; empty for prefixes that stand in the rule itself.
    pub name: Arc<str>,
    prefixes: Vec<Prefix>,
    table: PrefixTable<()>,
}

impl Network {
    /// The set of these prefixes.
    #[must_use]
    pub fn new(name: &str, prefixes: Vec<Prefix>) -> Self {
        let mut table = PrefixTable::default();
        for prefix in &prefixes {
            table.insert(*prefix, ());
        }
        Self { name: name.into(), prefixes, table }
    }

    /// Its prefixes.
    #[must_use]
    pub fn prefixes(&self) -> &[Prefix] {
        &self.prefixes
    }

    /// Whether somebody at `user` is inside.
    #[must_use]
    pub fn contains(&self, user: UserAt) -> Truth {
        match user {
            UserAt::Address(address) => Truth::of(self.table.get(address).is_some()),
            UserAt::Within(part) => {
                let mut inside = self.prefixes.iter().filter(|prefix| prefix.overlaps(&part));
                match inside.next() {
                    None => Truth::No,
                    Some(first) => {
                        let whole = std::iter::once(first).chain(inside).any(|p| p.bits() <= part.bits());
                        if whole { Truth::Yes } else { Truth::Unknown }
                    }
                }
            }
            UserAt::Unknown => Truth::Unknown,
        }
    }
}

/// From when to when something holds; what is `None` has no end on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    /// First moment.
    pub from: Option<UnixTime>,
    /// First moment that is no longer inside.
    pub until: Option<UnixTime>,
}

impl Validity {
    /// Whether `at` is inside.
    #[must_use]
    pub fn contains(&self, at: UnixTime) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// The first moment after `at` at which it is otherwise than at `at`.
    #[must_use]
    pub fn next_boundary(&self, at: UnixTime) -> Option<UnixTime> {
        [self.from, self.until].into_iter().flatten().filter(|moment| *moment > at).min()
    }
}

impl Condition {
    /// The condition that always holds.
    pub const ALWAYS: Self = Self::All(Vec::new());

    /// What it says of a login.
    #[must_use]
    pub fn look(&self, facts: &Facts<'_>) -> Truth {
        match self {
            Self::All(list) => list.iter().fold(Truth::Yes, |all, one| all.and(one.look(facts))),
            Self::Any(list) => list.iter().fold(Truth::No, |any, one| any.or(one.look(facts))),
            Self::Not(condition) => condition.look(facts).not(),
            Self::Client(names) => named(names, &facts.client.name),
            Self::ClientGroup(names) => {
                Truth::of(facts.client.groups.iter().any(|group| names.contains(group)))
            }
            Self::Listener(names) => facts.listener.told(|name| named(names, name)),
            Self::Protocol(list) => Truth::of(list.contains(&facts.client.protocol)),
            Self::Directory(names) => named(names, &facts.client.directory),
            Self::Subject(list) => facts.subject.judged(|(who, _)| list.contains(who)),
            Self::Group(list) => facts.subject.told(|(_, groups)| grouped(list, groups, facts.groups_known)),
            Self::Network(list) => {
                list.iter().fold(Truth::No, |any, network| any.or(network.contains(facts.user)))
            }
            Self::AddressUnknown => Truth::of(facts.user == UserAt::Unknown),
            Self::Country(list) => facts.place.country.judged(|country| list.contains(&country)),
            Self::Asn(list) => facts.place.asn.judged(|asn| list.contains(&asn)),
            Self::Time(list) => Truth::of(list.iter().any(|window| window.contains(facts.at))),
            Self::Calendar(list) => {
                list.iter().fold(Truth::No, |any, named| any.or(named.calendar.contains(facts.at)))
            }
            Self::Valid(validity) => Truth::of(validity.contains(facts.at)),
            Self::FirstLogin(wanted) => facts.past.judged(|past| past.first_login == *wanted),
            Self::NewNetwork(wanted) => facts.past.told(|past| past.new_network.judged(|new| new == *wanted)),
            Self::LastLoginBefore(days) => {
                facts.past.told(|past| past.last_login_days.judged(|ago| ago >= *days))
            }
            Self::First(list) => facts.first.judged(|first| list.contains(&first)),
            Self::Enrolled { kinds, nothing } => facts.enrolled.judged(|enrolled| {
                kinds.iter().any(|kind| enrolled.contains(kind)) || (*nothing && enrolled.is_empty())
            }),
        }
    }

    /// What it says of a login of which the time is not known: [`Truth::No`] where it never holds.
    #[must_use]
    #[allow(clippy::wildcard_enum_match_arm, reason = "all but these are the same at any time")]
    pub fn look_at_any_time(&self, facts: &Facts<'_>) -> Truth {
        match self {
            Self::All(list) => list.iter().fold(Truth::Yes, |all, one| all.and(one.look_at_any_time(facts))),
            Self::Any(list) => list.iter().fold(Truth::No, |any, one| any.or(one.look_at_any_time(facts))),
            Self::Not(condition) => condition.look_at_any_time(facts).not(),
            Self::Time(_) | Self::Calendar(_) | Self::Valid(_) => Truth::Unknown,
            other => other.look(facts),
        }
    }

    /// The first moment after `at` at which a condition about time inside of it may be otherwise than at `at`.
    #[must_use]
    pub fn next_boundary(&self, at: UnixTime) -> Option<UnixTime> {
        match self {
            Self::All(list) | Self::Any(list) => {
                list.iter().filter_map(|condition| condition.next_boundary(at)).min()
            }
            Self::Not(condition) => condition.next_boundary(at),
            Self::Time(list) => list.iter().filter_map(|window| window.next_boundary(at)).min(),
            Self::Calendar(list) => list.iter().filter_map(|named| named.calendar.next_boundary(at)).min(),
            Self::Valid(validity) => validity.next_boundary(at),
            Self::Client(_)
            | Self::ClientGroup(_)
            | Self::Listener(_)
            | Self::Protocol(_)
            | Self::Directory(_)
            | Self::Subject(_)
            | Self::Group(_)
            | Self::Network(_)
            | Self::AddressUnknown
            | Self::Country(_)
            | Self::Asn(_)
            | Self::FirstLogin(_)
            | Self::NewNetwork(_)
            | Self::LastLoginBefore(_)
            | Self::First(_)
            | Self::Enrolled { .. } => None,
        }
    }

    /// Whether it, or one inside of it, is about the time.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        let mut timed = false;
        self.each(&mut |one| timed |= matches!(one, Self::Time(_) | Self::Calendar(_) | Self::Valid(_)));
        timed
    }

    /// Calls `visit` with this condition and every one inside of it.
    #[allow(clippy::wildcard_enum_match_arm, reason = "all but these three hold no other condition")]
    pub fn each(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        match self {
            Self::All(list) | Self::Any(list) => list.iter().for_each(|one| one.each(visit)),
            Self::Not(condition) => condition.each(visit),
            _ => {}
        }
    }

    /// The conditions that must hold together.
    #[allow(clippy::wildcard_enum_match_arm, reason = "every other condition stands alone")]
    #[must_use]
    pub fn parts(&self) -> &[Self] {
        match self {
            Self::All(list) => list,
            one => std::slice::from_ref(one),
        }
    }

    /// Whether it can hold at the client of this name, as far as the parts that name clients say.
    #[allow(clippy::wildcard_enum_match_arm, reason = "only these name clients")]
    #[must_use]
    pub fn is_for_client(&self, client: &str) -> bool {
        self.parts().iter().all(|part| match part {
            Self::Client(names) => names.iter().any(|name| **name == *client),
            _ => true,
        })
    }

    /// Whether it, or one inside of it, depends on who logs in.
    #[must_use]
    pub fn needs_subject(&self) -> bool {
        let mut needs = false;
        self.each(&mut |one| {
            needs |= matches!(
                one,
                Self::Subject(_)
                    | Self::Group(_)
                    | Self::FirstLogin(_)
                    | Self::NewNetwork(_)
                    | Self::LastLoginBefore(_)
                    | Self::Enrolled { .. }
            );
        });
        needs
    }
}

fn named(names: &Names, name: &str) -> Truth {
    Truth::of(names.iter().any(|known| **known == *name))
}

fn grouped(list: &[Box<str>], groups: &Groups, known: Option<&Groups>) -> Truth {
    let in_one = |key: &str| {
        if groups.contains(key) {
            return Truth::Yes;
        }
        let input =
            if known.is_none_or(|known| known.contains(key)) { Input::Known(false) } else { Input::Unknown };
        input.judged(|holds| holds)
    };
    list.iter().fold(Truth::No, |any, key| any.or(in_one(key.as_ref())))
}

#[cfg(test)]
mod tests;
