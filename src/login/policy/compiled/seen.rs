//! One login in the numbers of the rules. What takes time is found out when the first condition asks for it.

use jiff::civil::DateTime;

use crate::login::identity::Groups;
use crate::login::policy::compiled::bits::Bits;
use crate::login::policy::compiled::check::Kind;
use crate::login::policy::compiled::words::Words;
use crate::login::policy::facts::{Facts, UserAt};
use crate::login::policy::truth::{Input, Truth};
use crate::login::policy::window::local;

/// What is known of a login; `None` in place of a number: something that no rule names.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    words: &'a Words,
    facts: &'a Facts<'a>,
    client: Option<usize>,
    client_groups: Vec<usize>,
    directory: Option<usize>,
    listener: Input<Option<usize>>,
    subject: Input<Option<usize>>,
    country: Input<Option<usize>>,
    asn: Input<Option<usize>>,
    networks: Bits,
    /// Networks that a part of the possible addresses is in.
    perhaps: Option<Bits>,
    /// Groups that somebody is in, and those of which that is not known.
    groups: Option<(Bits, Option<Bits>)>,
    /// What may still be spent on single groups before it pays to look at all of them, counted in what it costs to look
    /// at one of all.
    spare: usize,
    open: Vec<Option<bool>>,
    marked: Vec<Option<Truth>>,
    clocks: Vec<Option<Option<DateTime>>>,
}

/// Numbers that a login has of a kind.
pub(super) enum Has<'s> {
    /// This one.
    One(Option<usize>),
    /// These.
    List(&'s [usize]),
    /// Those of the first set, and, unless it is `None`, perhaps those of the second.
    Set(&'s Bits, Option<&'s Bits>),
    /// That cannot be told.
    Unknown,
    /// That cannot be told yet.
    Pending,
}

impl<'a> Seen<'a> {
    /// Nothing but what costs nothing is found out.
    pub(super) fn new(words: &'a Words, facts: &'a Facts<'a>) -> Self {
        let mut seen = Self {
            words,
            facts,
            client: words.clients.get(&*facts.client.name),
            client_groups: facts
                .client
                .groups
                .iter()
                .filter_map(|group| words.client_groups.get(group))
                .collect(),
            directory: words.directories.get(&*facts.client.directory),
            listener: map(facts.listener, |name| words.listeners.get(name)),
            subject: map(facts.subject, |(who, _)| words.subjects.get(who)),
            country: map(facts.place.country, |country| words.countries.get(&country)),
            asn: map(facts.place.asn, |asn| words.asns.get(&asn)),
            networks: Bits::default(),
            perhaps: None,
            groups: None,
            spare: facts.subject.known().map_or(0, |(_, mine)| mine.len()),
            open: Vec::new(),
            marked: Vec::new(),
            clocks: Vec::new(),
        };
        seen.find_networks();
        seen
    }

    fn find_networks(&mut self) {
        let count = self.words.network_count();
        if count == 0 || self.facts.user == UserAt::Unknown {
            return;
        }
        let tree = &self.words.networks;
        self.networks = Bits::none(count);
        match self.facts.user {
            UserAt::Address(address) => tree.at(address).for_each(|network| self.networks.add(network)),
            UserAt::Within(part) => {
                let mut perhaps = Bits::none(count);
                tree.around(part).for_each(|network| self.networks.add(network));
                tree.inside(part).for_each(|network| perhaps.add(network));
                perhaps.remove_all(&self.networks);
                self.perhaps = Some(perhaps);
            }
            UserAt::Unknown => {}
        }
    }

    /// The login as it was told.
    pub(super) const fn facts(&self) -> &'a Facts<'a> {
        self.facts
    }

    /// Whether something is not known yet.
    pub(super) fn is_pending(&self) -> bool {
        let Facts { listener, place, first, subject, past, enrolled, .. } = self.facts;
        let past_is = match past {
            Input::Known(past) => pends(past.new_network) || pends(past.last_login_days),
            Input::Unknown => false,
            Input::Pending => true,
        };
        past_is
            || pends(*listener)
            || pends(place.country)
            || pends(place.asn)
            || pends(*first)
            || pends(*subject)
            || pends(*enrolled)
    }

    /// What the login has of a kind.
    pub(super) fn has(&mut self, kind: Kind) -> Has<'_> {
        match kind {
            Kind::Client => Has::One(self.client),
            Kind::ClientGroup => Has::List(&self.client_groups),
            Kind::Listener => one(self.listener),
            Kind::Directory => Has::One(self.directory),
            Kind::Subject => one(self.subject),
            Kind::Group => match self.facts.subject {
                Input::Known((_, mine)) => {
                    let (words, told) = (self.words, self.facts.groups_known);
                    let (sure, perhaps) = self.groups.get_or_insert_with(|| grouped(words, mine, told));
                    Has::Set(sure, perhaps.as_ref())
                }
                Input::Unknown => Has::Unknown,
                Input::Pending => Has::Pending,
            },
            Kind::Network if self.facts.user == UserAt::Unknown => Has::Unknown,
            Kind::Network => Has::Set(&self.networks, self.perhaps.as_ref()),
            Kind::NoAddress => Has::One((self.facts.user == UserAt::Unknown).then_some(0)),
            Kind::Country => one(self.country),
            Kind::Asn => one(self.asn),
        }
    }

    /// Whether so much is still spent without looking at all groups that somebody is in. What is spent never comes to
    /// more than that would have cost, and somebody in a thousand groups is seldom asked about more than a few.
    pub(super) fn spares_groups(&mut self, effort: usize) -> bool {
        if self.groups.is_some() {
            return false;
        }
        let left = self.spare.checked_sub(effort);
        self.spare = left.unwrap_or(0);
        left.is_some()
    }

    /// Whether somebody is in one of these groups, each looked for by itself.
    fn in_one_of(&self, list: &[usize], mine: &Groups) -> Truth {
        let (names, told) = (&self.words.group_list, self.facts.groups_known);
        let one = |number: &usize| match names.get(*number) {
            Some(key) if mine.contains(key) => Truth::Yes,
            Some(key) if told.is_some_and(|told| !told.contains(key)) => Truth::Unknown,
            Some(_) | None => Truth::No,
        };
        list.iter().map(one).fold(Truth::No, Truth::or)
    }

    /// Whether what the login has of a kind is among these numbers, in rising order.
    pub(super) fn among(&mut self, kind: Kind, list: &[usize]) -> Truth {
        if kind == Kind::Group
            && let Input::Known((_, mine)) = self.facts.subject
            && self.spares_groups(list.len().saturating_mul(ORDERED))
        {
            return self.in_one_of(list, mine);
        }
        let one_of = |set: &Bits| list.iter().any(|number| set.has(*number));
        match self.has(kind) {
            Has::One(number) => Truth::of(number.is_some_and(|number| list.binary_search(&number).is_ok())),
            Has::List(numbers) => Truth::of(numbers.iter().any(|number| list.binary_search(number).is_ok())),
            Has::Set(sure, _) if one_of(sure) => Truth::Yes,
            Has::Set(_, Some(perhaps)) if one_of(perhaps) => Truth::Unknown,
            Has::Set(..) => Truth::No,
            Has::Unknown => Truth::Unknown,
            Has::Pending => Truth::Pending,
        }
    }

    /// Whether a window is open; looked at once.
    pub(super) fn is_open(&mut self, window: usize) -> bool {
        if let Some(known) = remembered(&mut self.open, window, self.words.windows.len()) {
            return known;
        }
        let hours = self.words.windows.get(window).map_or(&[][..], |hours| hours);
        let is =
            hours.iter().any(|hours| self.clock(hours.zone).is_some_and(|local| hours.window.is_open(local)));
        remember(&mut self.open, window, is)
    }

    /// Whether the time is in a calendar; looked at once.
    pub(super) fn is_marked(&mut self, calendar: usize) -> Truth {
        if let Some(known) = remembered(&mut self.marked, calendar, self.words.calendars.len()) {
            return known;
        }
        let at = self.facts.at;
        let is = self.words.calendars.get(calendar).map_or(Truth::No, |named| named.calendar.contains(at));
        remember(&mut self.marked, calendar, is)
    }

    /// What the clocks of a zone show; `None` for a time that no calendar has.
    fn clock(&mut self, zone: usize) -> Option<DateTime> {
        if let Some(known) = remembered(&mut self.clocks, zone, self.words.zones.len()) {
            return known;
        }
        let at = self.facts.at;
        let local = self.words.zones.get(zone).and_then(|zone| local(at, zone));
        remember(&mut self.clocks, zone, local)
    }
}

/// What was found out about a number before; there will be `count` of them.
fn remembered<T: Copy>(known: &mut Vec<Option<T>>, number: usize, count: usize) -> Option<T> {
    if known.is_empty() {
        known.resize(count, None);
    }
    *known.get(number)?
}

fn remember<T: Copy>(known: &mut [Option<T>], number: usize, value: T) -> T {
    if let Some(place) = known.get_mut(number) {
        *place = Some(value);
    }
    value
}

fn map<T, U>(input: Input<T>, to: impl FnOnce(T) -> U) -> Input<U> {
    match input {
        Input::Known(value) => Input::Known(to(value)),
        Input::Unknown => Input::Unknown,
        Input::Pending => Input::Pending,
    }
}

const fn one(input: Input<Option<usize>>) -> Has<'static> {
    match input {
        Input::Known(number) => Has::One(number),
        Input::Unknown => Has::Unknown,
        Input::Pending => Has::Pending,
    }
}

const fn pends<T: Copy>(input: Input<T>) -> bool {
    matches!(input, Input::Pending)
}

/// So much longer does it take to find a name in an ordered set than in a table.
const ORDERED: usize = 8;

/// Which of the groups that rules name are among `mine`, and of which that is not known, if only of `told` it is.
fn grouped(words: &Words, mine: &Groups, told: Option<&Groups>) -> (Bits, Option<Bits>) {
    let groups = &words.groups;
    let mut sure = Bits::none(groups.len());
    if groups.len().saturating_mul(ORDERED) < mine.len() {
        groups.iter().filter(|(key, _)| mine.contains(*key)).for_each(|(_, number)| sure.add(number));
    } else {
        mine.iter().filter_map(|key| groups.get(key)).for_each(|number| sure.add(number));
    }
    let perhaps = told.map(|told| {
        let mut perhaps = Bits::none(groups.len());
        groups.iter().filter(|(key, _)| !told.contains(*key)).for_each(|(_, number)| perhaps.add(number));
        perhaps.remove_all(&sure);
        perhaps
    });
    (sure, perhaps)
}
