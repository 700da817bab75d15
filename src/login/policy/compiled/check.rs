//! Conditions with numbers in place of names.

use crate::login::policy::compiled::seen::Seen;
use crate::login::policy::compiled::words::Words;
use crate::login::policy::condition::Condition;
use crate::login::policy::truth::Truth;

/// A condition, compiled.
#[derive(Debug)]
pub(super) enum Check {
    /// All of them, cheap ones first.
    All(Box<[Self]>),
    /// One of them, cheap ones first.
    Any(Box<[Self]>),
    /// Not this one.
    Not(Box<Self>),
    /// What the login has of this kind is among these, in rising order.
    Among(Kind, Box<[usize]>),
    /// One of these windows is open.
    Windows(Box<[usize]>),
    /// It is in one of these calendars.
    Calendars(Box<[usize]>),
    /// What needs no preparation.
    Plain(Condition),
}

/// What a login has one of, or several, and rules name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Client,
    ClientGroup,
    Listener,
    Directory,
    Subject,
    Group,
    Network,
    /// Number 0: there is no user address.
    NoAddress,
    Country,
    Asn,
}

impl Kind {
    pub(super) const ALL: [Self; 10] = [
        Self::Client,
        Self::ClientGroup,
        Self::Listener,
        Self::Directory,
        Self::Subject,
        Self::Group,
        Self::Network,
        Self::NoAddress,
        Self::Country,
        Self::Asn,
    ];
}

impl Check {
    /// Compiles a condition; what it names gets numbers in `words`.
    pub(super) fn new(condition: &Condition, words: &mut Words) -> Self {
        match condition {
            Condition::All(list) => Self::all(list, words),
            Condition::Any(list) => {
                let mut list: Vec<_> = list.iter().map(|one| Self::new(one, words)).collect();
                list.sort_by_key(Self::effort);
                Self::Any(list.into())
            }
            Condition::Not(inner) => Self::Not(Box::new(Self::new(inner, words))),
            Condition::Client(list) => among(Kind::Client, list, |name| words.clients.of(name)),
            Condition::ClientGroup(list) => {
                among(Kind::ClientGroup, list, |name| words.client_groups.of(name))
            }
            Condition::Listener(list) => among(Kind::Listener, list, |name| words.listeners.of(name)),
            Condition::Directory(list) => among(Kind::Directory, list, |name| words.directories.of(name)),
            Condition::Subject(list) => among(Kind::Subject, list, |who| words.subjects.of(who)),
            Condition::Group(list) => among(Kind::Group, list, |key| words.group(key)),
            // In none of no networks is an address that is not known, either.
            Condition::Network(list) if list.is_empty() => Self::Any(Box::new([])),
            Condition::Network(list) => among(Kind::Network, list, |network| words.network(network)),
            Condition::AddressUnknown => Self::Among(Kind::NoAddress, Box::new([0])),
            Condition::Country(list) => among(Kind::Country, list, |country| words.countries.of(country)),
            Condition::Asn(list) => among(Kind::Asn, list, |asn| words.asns.of(asn)),
            Condition::Time(list) => Self::Windows(numbers(list, |window| words.window(window))),
            Condition::Calendar(list) => Self::Calendars(numbers(list, |calendar| words.calendar(calendar))),
            Condition::Protocol(_)
            | Condition::Valid(_)
            | Condition::FirstLogin(_)
            | Condition::NewNetwork(_)
            | Condition::LastLoginBefore(_)
            | Condition::First(_)
            | Condition::Enrolled { .. } => Self::Plain(condition.clone()),
        }
    }

    /// All of a list; what stands inside of another such list is brought up.
    fn all(list: &[Condition], words: &mut Words) -> Self {
        let mut flat = Vec::new();
        for one in list {
            let check = Self::new(one, words);
            if let Self::All(inner) = check {
                flat.extend(inner);
            } else {
                flat.push(check);
            }
        }
        flat.sort_by_key(Self::effort);
        Self::All(flat.into())
    }

    /// What a look costs, roughly, in nanoseconds; what is found out only when it is needed comes late.
    fn effort(&self) -> u32 {
        match self {
            Self::Plain(_) => 1,
            Self::Among(Kind::Group, _) => 1000,
            Self::Among(_, _) => 2,
            Self::Calendars(_) => 50,
            Self::Windows(_) => 100,
            Self::Not(inner) => inner.effort(),
            Self::All(list) | Self::Any(list) => list.iter().map(Self::effort).fold(0, u32::saturating_add),
        }
    }

    /// What it says of a login. The order of a list matters to its speed alone.
    pub(super) fn look(&self, seen: &mut Seen<'_>) -> Truth {
        match self {
            Self::All(list) => {
                let mut all = Truth::Yes;
                for one in list {
                    all = all.and(one.look(seen));
                    if all == Truth::No {
                        break;
                    }
                }
                all
            }
            Self::Any(list) => {
                let mut any = Truth::No;
                for one in list {
                    any = any.or(one.look(seen));
                    if any == Truth::Yes {
                        break;
                    }
                }
                any
            }
            Self::Not(inner) => inner.look(seen).not(),
            Self::Among(kind, list) => seen.among(*kind, list),
            Self::Windows(list) => Truth::of(list.iter().any(|window| seen.is_open(*window))),
            Self::Calendars(list) => {
                list.iter().fold(Truth::No, |any, calendar| any.or(seen.is_marked(*calendar)))
            }
            Self::Plain(condition) => condition.look(seen.facts()),
        }
    }
}

fn among<T>(kind: Kind, list: &[T], number: impl FnMut(&T) -> usize) -> Check {
    Check::Among(kind, numbers(list, number))
}

fn numbers<T>(list: &[T], number: impl FnMut(&T) -> usize) -> Box<[usize]> {
    let mut numbers: Vec<_> = list.iter().map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into()
}
