//! Body of the fuzz target of the rules: rules and a login made of bytes, and what must hold of every decision,
//! whatever they are.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use doorward::base::cidr::Prefix;
use doorward::base::clock::UnixTime;
use doorward::login::client::{Client, Protocol};
use doorward::login::factor::{FactorKind, FactorKinds};
use doorward::login::identity::{Groups, Pseudonym};
use doorward::login::policy::calendar::Calendar;
use doorward::login::policy::facts::Country;
use doorward::login::policy::window::NamedCalendar;
use doorward::login::policy::{
    Condition, Decision, Demand, Exemption, Facts, First, Input, Network, Options, Past, Place, Policy,
    Requirement, Rule, Say, TimeWindow, Truth, UserAt, Validity, Window,
};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

/// What was reached, so that a test can tell that the target gets anywhere.
pub(crate) type Reached = BTreeSet<&'static str>;

/// Holds a policy and a login made of `bytes` to every promise.
///
/// # Panics
///
/// When one is broken.
pub(crate) fn policy(bytes: &[u8]) -> Reached {
    let mut case = Case::new(bytes);
    let mut reached = Reached::new();
    reached.extend(compiled_equals_plain(&case));
    reached.extend(what_may_hold_narrows(&case));
    order_within_a_rule_does_not_matter(&mut case);
    a_refuse_rule_never_widens(&mut case);
    reached.extend(unknown_never_widens(&case));
    shadows_change_nothing(&case);
    reached.extend(early_is_nothing_or_what_it_will_be(&case));
    reached
}

/// Rules and a login.
pub(crate) struct Case<'a> {
    dice: Dice<'a>,
    policy: Policy,
    login: Login,
}

impl<'a> Case<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut dice = Dice::new(bytes);
        let count = if dice.one_in(6) { 60 + dice.below(240) } else { dice.below(9) };
        let rules = (0..count).map(|number| rule(number, &mut dice)).collect();
        let exemptions = (0..dice.below(4)).map(|_| exemption(&mut dice)).collect();
        let policy = Policy { rules, exemptions, ..Policy::default() };
        let login = login(&mut dice);
        Self { dice, policy, login }
    }
}

/// The compiled rules say what the rules say one after the other, to the last detail.
pub(crate) fn compiled_equals_plain(case: &Case<'_>) -> Reached {
    let mut reached = Reached::new();
    for login in [case.login.clone(), case.login.clone().early()] {
        let facts = login.facts();
        let decision = case.policy.decide(&facts);
        let plain = case.policy.decide_plainly(&facts);
        assert_eq!(decision, plain, "{:#?}\n{login:#?}", case.policy.rules);
        let ends = decision.as_ref().and_then(|decision| case.policy.ends(decision, &facts));
        let plain = decision.as_ref().and_then(|decision| case.policy.ends_plainly(decision, &facts));
        assert_eq!(ends, plain, "{:#?}\n{login:#?}", case.policy.rules);
        reached.insert(match decision {
            None => "undecided",
            Some(Decision { exemption: Some(_), .. }) => "exempt",
            Some(Decision { demand: Demand::Refuse(_), .. }) => "refused",
            Some(Decision { demand, .. }) if demand.is_nothing() => "nothing",
            Some(Decision { perhaps, .. }) if !perhaps.is_empty() => "perhaps",
            Some(Decision { shadow: Some(_), .. }) => "shadow",
            Some(_) if ends.is_some() => "ends",
            Some(Decision { rule: Some(_), .. }) => "ruled",
            Some(_) => "default",
        });
    }
    reached
}

/// Of the rule that decides and those above it that may hold, the narrowest of each counts, and of replies what all name.
pub(crate) fn what_may_hold_narrows(case: &Case<'_>) -> Reached {
    let mut reached = Reached::new();
    let facts = case.login.facts();
    let Some(decision) = case.policy.decide(&facts) else { return reached };
    let mut of: Vec<&Rule> = Vec::new();
    let mut decides = None;
    for rule in case.policy.rules.iter().filter(|rule| !rule.options.shadow) {
        let truth = rule.when.look(&facts);
        of.extend((truth != Truth::No).then_some(rule));
        if truth == Truth::Yes || (truth == Truth::Unknown && rule.then == Requirement::Refuse) {
            decides = Some(rule);
            break;
        }
    }
    let text = || format!("{decision:#?}\n{of:#?}\n{:#?}", case.login);
    assert_eq!(decision.session, of.iter().filter_map(|rule| rule.options.session).min(), "{}", text());
    let named: Vec<&[Arc<str>]> = of.iter().filter_map(|rule| rule.options.reply.as_deref()).collect();
    for name in REPLIES.map(Arc::from) {
        let told = decision.reply.as_ref().is_none_or(|names| names.contains(&name));
        assert_eq!(told, named.iter().all(|names| names.contains(&name)), "{}", text());
    }
    let asks =
        |rule: &&&Rule| rule.then != Requirement::None || decides.is_some_and(|one| one.name == rule.name);
    let remembered: Option<Vec<Duration>> =
        of.iter().filter(asks).map(|rule| rule.options.remember).collect();
    if decision.exemption.is_none() {
        let remembered = remembered.filter(|_| decides.is_some()).and_then(|all| all.into_iter().min());
        assert_eq!(decision.remember, remembered, "{}", text());
        assert_eq!(decision.rule.as_ref(), decides.map(|rule| &rule.name), "{}", text());
    }
    for rule in &of {
        assert!(decision.exemption.is_some() || decision.demand.implies(&rule.demand()), "{}", text());
    }
    if let Some(first) = of.iter().find(|rule| decides.is_none_or(|one| one.name != rule.name)) {
        let held = decision.session.is_some_and(|life| first.options.session == Some(life));
        reached
            .extend((held && first.then == Requirement::None).then_some("held by a rule that asks nothing"));
    }
    let torn = decision.reply.as_ref().is_some_and(|names| names.is_empty());
    reached.extend(torn.then_some("no reply in common"));
    reached
}

/// Conditions of a rule, and those inside of them, may stand in any order.
pub(crate) fn order_within_a_rule_does_not_matter(case: &mut Case<'_>) {
    let mut shuffled = case.policy.clone();
    let rules = shuffled.rules.iter().cloned();
    shuffled.rules = rules.map(|rule| Rule { when: shuffle(rule.when, &mut case.dice), ..rule }).collect();
    for login in [case.login.clone(), case.login.clone().early()] {
        let facts = login.facts();
        let decision = case.policy.decide(&facts);
        assert_eq!(decision, shuffled.decide(&facts), "{:#?}\n{login:#?}", shuffled.rules);
        if let Some(decision) = decision {
            assert_eq!(case.policy.ends(&decision, &facts), shuffled.ends(&decision, &facts));
        }
        assert_eq!(case.policy.decide_plainly(&facts), shuffled.decide_plainly(&facts));
    }
}

fn shuffle(condition: Condition, dice: &mut Dice<'_>) -> Condition {
    let mut list = |list: Vec<Condition>| {
        let mut list: Vec<_> = list.into_iter().map(|one| shuffle(one, dice)).collect();
        for at in 1..list.len() {
            list.swap(at, dice.below(at + 1));
        }
        list
    };
    match condition {
        Condition::All(all) => Condition::All(list(all)),
        Condition::Any(any) => Condition::Any(list(any)),
        Condition::Not(inner) => Condition::Not(Box::new(shuffle(*inner, dice))),
        other => other,
    }
}

/// A rule that refuses, anywhere among the others, refuses or changes nothing.
pub(crate) fn a_refuse_rule_never_widens(case: &mut Case<'_>) {
    let mut rules = case.policy.rules.to_vec();
    let mut refuse = Rule { then: Requirement::Refuse, ..rule(rules.len(), &mut case.dice) };
    refuse.options.shadow = false;
    rules.insert(case.dice.below(rules.len() + 1), refuse);
    let stricter = Policy { rules: rules.into(), ..case.policy.clone() };
    for login in [case.login.clone(), case.login.clone().early()] {
        let (before, after) = (case.policy.decide(&login.facts()), stricter.decide(&login.facts()));
        if after.as_ref().is_some_and(|after| !after.demand.is_refusal()) {
            assert_eq!(before, after, "{:#?}\n{login:#?}", stricter.rules);
        }
    }
}

/// Nobody has more for an input that is not known than for any value it could have.
pub(crate) fn unknown_never_widens(case: &Case<'_>) -> Reached {
    let mut reached = Reached::new();
    for (unknown, values) in case.login.in_the_dark() {
        let nowhere = unknown.user == UserAt::Unknown;
        let named = case.policy.rules.iter().any(|rule| names_the_unknown_address(&rule.when));
        if nowhere && named && values.iter().any(|value| value.user != UserAt::Unknown) {
            // Such a rule is about the address that is not known, and says so itself.
            continue;
        }
        let dark = case.policy.decide(&unknown.facts());
        for value in values {
            let light = case.policy.decide(&value.facts());
            let (Some(dark), Some(light)) = (&dark, &light) else {
                let fine = dark.as_ref().is_none_or(|dark| dark.demand.is_refusal());
                assert!(fine, "decided in the dark alone: {dark:#?}\n{:#?}\n{value:#?}", case.policy.rules);
                continue;
            };
            let decides = |rule: &&Rule| Some(&rule.name) == light.rule.as_ref();
            let then = case.policy.rules.iter().find(decides).map(|rule| rule.then);
            let ends = |decision: &Decision, login: &Login| case.policy.ends(decision, &login.facts());
            // An exemption ends with its own time, and nobody is exempt in the dark.
            let same_exemption = dark.exemption == light.exemption;
            let longer = same_exemption && outlasts(ends(dark, &unknown), ends(light, &value));
            assert!(
                no_wider(dark, light, then) && (dark.demand.is_refusal() || !longer),
                "{dark:#?}\nis wider than\n{light:#?}\n{:#?}\n{unknown:#?}\n{value:#?}",
                case.policy.rules
            );
            reached.insert(if dark == light { "the same" } else { "stricter in the dark" });
        }
    }
    reached
}

fn names_the_unknown_address(condition: &Condition) -> bool {
    let mut named = false;
    condition.each(&mut |one| named |= matches!(one, Condition::AddressUnknown));
    named
}

fn no_wider(dark: &Decision, light: &Decision, then: Option<Requirement>) -> bool {
    if !dark.demand.implies(&light.demand) {
        return false;
    }
    if dark.demand.is_refusal() {
        return true;
    }
    // Where nothing is asked for in the light, a factor that is shown in the dark all the same may be remembered.
    let asks = light.exemption.is_none() && then != Some(Requirement::None);
    let remembers = |decision: &Decision| decision.remember.unwrap_or_default();
    let told = light.reply.as_ref().is_none_or(|light| {
        dark.reply.as_ref().is_some_and(|dark| dark.iter().all(|name| light.contains(name)))
    });
    (!asks || remembers(dark) <= remembers(light)) && !outlasts(dark.session, light.session) && told
}

/// Whether the first limit is later than the other; what is `None` has no end.
fn outlasts<T: Ord>(one: Option<T>, other: Option<T>) -> bool {
    other.is_some_and(|other| one.is_none_or(|one| one > other))
}

/// Rules that are only tried out change nothing, and delay no refusal.
pub(crate) fn shadows_change_nothing(case: &Case<'_>) {
    let real = case.policy.rules.iter().filter(|rule| !rule.options.shadow).cloned().collect();
    let real = Policy { rules: real, ..case.policy.clone() };
    for login in [case.login.clone(), case.login.clone().early()] {
        let with = case.policy.decide(&login.facts());
        let without = real.decide(&login.facts());
        match with {
            Some(with) => {
                let facts = login.facts();
                assert_eq!(case.policy.ends(&with, &facts), real.ends(&with, &facts));
                assert_eq!(Some(Decision { shadow: None, ..with }), without, "{:#?}", case.policy.rules)
            }
            // It is not known yet whether they would change something.
            None => assert!(without.is_none_or(|real| login.is_pending() && !real.demand.is_refusal())),
        }
    }
}

/// Before everything is known there is no decision, or the one that will be.
pub(crate) fn early_is_nothing_or_what_it_will_be(case: &Case<'_>) -> Reached {
    let Some(early) = case.policy.decide(&case.login.clone().early().facts()) else {
        return ["too early"].into();
    };
    let login = &case.login;
    let Some(late) = case.policy.decide(&login.facts()) else {
        panic!("decided early, and no longer: {login:#?}")
    };
    if late.exemption.is_some() {
        assert!(!early.demand.is_refusal());
        assert_eq!((early.session, early.reply), (late.session, late.reply));
        return ["exempt later"].into();
    }
    // What holds for more than one reason may hold for longer than the first one.
    let before = case.policy.ends(&early, &login.clone().early().facts());
    assert!(!outlasts(before, case.policy.ends(&late, &login.facts())), "{early:#?}\n{late:#?}");
    let shadow = if early.demand.is_refusal() { late.shadow.clone() } else { early.shadow.clone() };
    assert_eq!(Decision { shadow, ..early }, late, "{:#?}\n{login:#?}", case.policy.rules);
    ["early"].into()
}

/// A login, with all that its facts borrow.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    client: Client,
    listener: Input<&'static str>,
    source: Option<IpAddr>,
    user: UserAt,
    place: Place,
    at: UnixTime,
    first: Input<First>,
    subject: Input<&'static str>,
    groups: Groups,
    groups_known: Option<Groups>,
    aliases: Vec<Box<str>>,
    past: Input<Past>,
    enrolled: Input<FactorKinds>,
    who: Option<Pseudonym>,
}

impl Login {
    fn facts(&self) -> Facts<'_> {
        Facts {
            client: &self.client,
            listener: self.listener,
            source: self.source,
            user: self.user,
            place: self.place,
            at: self.at,
            first: self.first,
            subject: match (&self.subject, &self.who) {
                (Input::Known(_), Some(who)) => Input::Known((who, &self.groups)),
                (Input::Pending, _) => Input::Pending,
                (Input::Known(_) | Input::Unknown, _) => Input::Unknown,
            },
            groups_known: self.groups_known.as_ref(),
            aliases: &self.aliases,
            past: self.past,
            enrolled: self.enrolled,
        }
    }

    fn of_subject(mut self, name: Input<&'static str>) -> Self {
        self.who = name.known().and_then(Pseudonym::new);
        self.subject = name;
        self
    }

    /// The same before the directory and the store were asked.
    fn early(self) -> Self {
        let aliases = Vec::new();
        Self { past: Input::Pending, enrolled: Input::Pending, aliases, ..self }.of_subject(Input::Pending)
    }

    fn is_pending(&self) -> bool {
        matches!(self.subject, Input::Pending)
    }

    /// This login, each time with another input unknown; and with some values that this input could have.
    fn in_the_dark(&self) -> Vec<(Self, Vec<Self>)> {
        let mut all = Vec::new();
        let mut add = |dark: Self, values: Vec<Self>| all.push((dark, values));
        let login = || self.clone();
        let users = || ADDRESSES.iter().map(|user| Self { user: UserAt::Address(address(user)), ..login() });
        add(Self { user: UserAt::Unknown, ..login() }, users().collect());
        for bits in [8, 16, 24] {
            let part =
                Prefix::around(address(ADDRESSES[bits % ADDRESSES.len()]), u8::try_from(bits).unwrap(), 40);
            let inside = |login: &Self| matches!(login.user, UserAt::Address(user) if part.contains(user));
            add(Self { user: UserAt::Within(part), ..login() }, users().filter(inside).collect());
        }
        let listener = |listener| Self { listener, ..login() };
        add(listener(Input::Unknown), LISTENERS.iter().map(|name| listener(Input::Known(*name))).collect());
        let country = |country| Self { place: Place { country, ..self.place }, ..login() };
        add(country(Input::Unknown), COUNTRIES.iter().map(|c| country(Input::Known(land(c)))).collect());
        let asn = |asn| Self { place: Place { asn, ..self.place }, ..login() };
        add(asn(Input::Unknown), ASNS.iter().map(|number| asn(Input::Known(*number))).collect());
        let first = |first| Self { first, ..login() };
        add(first(Input::Unknown), First::ALL.iter().map(|kind| first(Input::Known(*kind))).collect());
        let subject = |name| login().of_subject(name);
        add(subject(Input::Unknown), SUBJECTS.iter().map(|name| subject(Input::Known(*name))).collect());
        let enrolled = |enrolled| Self { enrolled, ..login() };
        add(enrolled(Input::Unknown), kind_sets().map(|kinds| enrolled(Input::Known(kinds))).collect());
        let past = |past| Self { past, ..login() };
        add(past(Input::Unknown), pasts().map(|known| past(Input::Known(known))).collect());
        for known in pasts() {
            let new = |new_network| past(Input::Known(Past { new_network, ..known }));
            add(new(Input::Unknown), [true, false].map(|value| new(Input::Known(value))).to_vec());
            let days = |last_login_days| past(Input::Known(Past { last_login_days, ..known }));
            add(days(Input::Unknown), [0, 5, 30].map(|value| days(Input::Known(value))).to_vec());
        }
        // Of one group it is not known whether the subject is in it.
        for group in GROUPS {
            let told =
                GROUPS.iter().filter(|other| **other != group).map(|other| Box::from(*other)).collect();
            let without: Groups = self.groups.iter().filter(|other| ***other != *group).cloned().collect();
            let within: Groups = without.iter().cloned().chain([Box::from(group)]).collect();
            let with = |groups: &Groups, told| Self { groups: groups.clone(), groups_known: told, ..login() };
            add(with(&without, Some(told)), vec![with(&without, None), with(&within, None)]);
        }
        all
    }
}

fn pasts() -> impl Iterator<Item = Past> {
    let known = |first_login, new, days| Past {
        first_login,
        new_network: Input::Known(new),
        last_login_days: if first_login { Input::Unknown } else { Input::Known(days) },
    };
    [known(true, true, 0), known(false, true, 3), known(false, false, 40)].into_iter()
}

fn kind_sets() -> impl Iterator<Item = FactorKinds> {
    (0..8).map(|bits| {
        FactorKind::ALL.into_iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, k)| k).collect()
    })
}

const CLIENTS: [&str; 4] = ["vpn", "wiki", "mail", "wifi"];
const CLIENT_GROUPS: [&str; 3] = ["outside", "inside", "old"];
const LISTENERS: [&str; 3] = ["radius", "ldaps", "192.0.2.1:1812"];
const DIRECTORIES: [&str; 2] = ["staff", "guests"];
const SUBJECTS: [&str; 4] = ["p1", "p2", "p3", "p4"];
const GROUPS: [&str; 5] = ["admins", "staff", "contractors", "vpn users", "interns"];
const COUNTRIES: [&str; 3] = ["TR", "DE", "US"];
const ASNS: [u32; 3] = [64496, 64497, 64511];
const REPLIES: [&str; 2] = ["limited", "full"];
const ADDRESSES: [&str; 8] = [
    "10.0.0.1",
    "10.1.0.1",
    "10.1.2.3",
    "10.1.2.200",
    "192.0.2.7",
    "203.0.113.9",
    "2001:db8::1",
    "2001:db8:1::1",
];
const ZONES: [&str; 4] = ["Europe/Istanbul", "America/New_York", "Australia/Lord_Howe", "UTC"];
const DAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];
/// A Saturday noon.
const START: i64 = 1_795_262_400_000;
const HOUR: i64 = 3_600_000;

static NETWORKS: LazyLock<Vec<Arc<Network>>> = LazyLock::new(|| {
    let network = |name: &str, list: &[&str]| {
        Arc::new(Network::new(name, list.iter().map(|prefix| prefix.parse().unwrap()).collect()))
    };
    vec![
        network("office", &["10.1.0.0/16", "2001:db8::/48"]),
        network("lab", &["10.1.2.0/24", "10.1.2.128/25"]),
        network("all of ours", &["10.0.0.0/8", "2001:db8::/32"]),
        network("", &["192.0.2.7", "203.0.113.0/24"]),
        network("everywhere", &["0.0.0.0/0", "::/0"]),
        network("nowhere", &[]),
    ]
});

static WINDOWS: LazyLock<Vec<Arc<Window>>> = LazyLock::new(|| {
    let hours = |days: &[Weekday], from, to, zone: &str| TimeWindow {
        days: days.to_vec(),
        from: Time::constant(from, 0, 0, 0),
        to: Time::constant(to, 0, 0, 0),
        zone: TimeZone::get(zone).unwrap(),
    };
    let window = |name: &str, hours: Vec<TimeWindow>| Arc::new(Window { name: name.into(), hours });
    vec![
        window("office", vec![hours(&DAYS[..5], 8, 19, ZONES[0]), hours(&DAYS[5..6], 9, 13, ZONES[0])]),
        window("night", vec![hours(&DAYS, 22, 6, ZONES[1])]),
        window("weekend", vec![hours(&DAYS[5..], 0, 0, ZONES[2])]),
        window("", vec![hours(&DAYS, 11, 12, ZONES[3]), hours(&DAYS, 12, 15, ZONES[3])]),
        window("never", Vec::new()),
    ]
});

static CALENDARS: LazyLock<Vec<Arc<NamedCalendar>>> = LazyLock::new(|| {
    let moment = |hours: i64| UnixTime(START + hours * HOUR);
    let calendar = |name: &str, calendar| Arc::new(NamedCalendar { name: name.into(), calendar });
    vec![
        calendar("holidays", Calendar::new([(moment(-24), moment(24)), (moment(240), moment(264))])),
        calendar("known", Calendar::new([(moment(3), moment(5))]).known_for((moment(-10), moment(10)))),
        calendar("empty", Calendar::default()),
    ]
});

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn land(text: &str) -> Country {
    Country::new(text).unwrap()
}

/// Numbers out of bytes; when they are used up, what follows depends on them.
pub(crate) struct Dice<'a> {
    bytes: std::slice::Iter<'a, u8>,
    after: u64,
}

impl<'a> Dice<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self { bytes: bytes.iter(), after: bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix) | 1 }
    }

    fn below(&mut self, limit: usize) -> usize {
        let byte = self.bytes.next().copied().unwrap_or_else(|| {
            self.after ^= self.after << 13;
            self.after ^= self.after >> 7;
            self.after ^= self.after << 17;
            self.after.to_le_bytes()[3]
        });
        usize::from(byte) % limit.max(1)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    fn some<T: Clone>(&mut self, list: &[T]) -> Vec<T> {
        (0..=self.below(2)).map(|_| self.pick(list)).collect()
    }

    fn input<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Input<T> {
        if self.one_in(5) { Input::Unknown } else { Input::Known(value(self)) }
    }
}

fn rule(number: usize, dice: &mut Dice<'_>) -> Rule {
    let kinds: Vec<_> = kind_sets().skip(1).collect();
    let then = match dice.below(6) {
        0 | 1 => Requirement::None,
        2 => Requirement::Refuse,
        3 => Requirement::AllOf(dice.pick(&kinds)),
        _ => Requirement::OneOf(dice.pick(&kinds)),
    };
    let hours = |dice: &mut Dice<'_>| Duration::from_secs(3600 * (1 + dice.below(3) as u64));
    let options = Options {
        grace_until: dice.one_in(4).then(|| UnixTime(START + HOUR * (dice.below(48) as i64 - 24))),
        offer: dice.one_in(5).then(|| "please enrol".into()),
        shadow: dice.one_in(5),
        remember: dice.one_in(3).then(|| hours(dice)),
        session: dice.one_in(3).then(|| hours(dice)),
        reply: dice.one_in(3).then(|| dice.some(&REPLIES).into_iter().map(Arc::from).collect()),
        say: dice.pick(&Say::ALL),
    };
    let count = 1 + dice.below(3);
    let when = Condition::All((0..count).map(|_| condition(2, dice)).collect());
    Rule { options, ..Rule::new(&format!("rule {number}"), when, then) }
}

fn condition(depth: usize, dice: &mut Dice<'_>) -> Condition {
    if depth > 0 && dice.one_in(4) {
        let list = |dice: &mut Dice<'_>| (0..dice.below(4)).map(|_| condition(depth - 1, dice)).collect();
        return match dice.below(3) {
            0 => Condition::All(list(dice)),
            1 => Condition::Any(list(dice)),
            _ => Condition::Not(Box::new(condition(depth - 1, dice))),
        };
    }
    let names = |list: Vec<&str>| list.into_iter().map(Arc::from).collect();
    match dice.below(19) {
        0 => Condition::Client(names(dice.some(&CLIENTS))),
        1 => Condition::ClientGroup(names(dice.some(&CLIENT_GROUPS))),
        2 => Condition::Listener(names(dice.some(&LISTENERS))),
        3 => Condition::Protocol(dice.some(&Protocol::ALL)),
        4 => Condition::Directory(names(dice.some(&DIRECTORIES))),
        5 => Condition::Subject(dice.some(&SUBJECTS).into_iter().filter_map(Pseudonym::new).collect()),
        6 | 7 => Condition::Group(dice.some(&GROUPS).into_iter().map(Box::from).collect()),
        8 => Condition::Network(dice.some(&NETWORKS)),
        9 => network_and_perhaps_unknown(dice),
        10 => Condition::Country(dice.some(&COUNTRIES).into_iter().map(land).collect()),
        11 => Condition::Asn(dice.some(&ASNS)),
        12 => Condition::Time(dice.some(&WINDOWS)),
        13 => Condition::Calendar(dice.some(&CALENDARS)),
        14 => Condition::Valid(validity(dice)),
        15 => Condition::FirstLogin(dice.one_in(2)),
        16 => {
            if dice.one_in(2) {
                Condition::NewNetwork(dice.one_in(2))
            } else {
                Condition::LastLoginBefore(dice.pick(&[1, 5, 30]))
            }
        }
        17 => Condition::First(dice.some(&First::ALL)),
        _ => Condition::Enrolled {
            kinds: dice.pick(&kind_sets().collect::<Vec<_>>()),
            nothing: dice.one_in(2),
        },
    }
}

/// As the settings write it; and seldom, or no policy would be without.
fn network_and_perhaps_unknown(dice: &mut Dice<'_>) -> Condition {
    let network = Condition::Network(dice.some(&NETWORKS));
    if dice.one_in(4) { Condition::Any(vec![network, Condition::AddressUnknown]) } else { network }
}

fn validity(dice: &mut Dice<'_>) -> Validity {
    let moment =
        |dice: &mut Dice<'_>| dice.one_in(2).then(|| UnixTime(START + HOUR * (dice.below(96) as i64 - 48)));
    Validity { from: moment(dice), until: moment(dice) }
}

fn exemption(dice: &mut Dice<'_>) -> Exemption {
    Exemption {
        name: "exempt".into(),
        account: dice.pick(&["service", "service", "wiki"]).into(),
        clients: dice.some(&CLIENTS).into_iter().map(Arc::from).collect(),
        sources: vec!["192.0.2.0/24".parse().unwrap()],
        owner: "somebody".into(),
        reason: "a test".into(),
        valid: validity(dice),
        kind: doorward::login::policy::exempt::ExemptionKind::Service,
        alarm: false,
    }
}

fn login(dice: &mut Dice<'_>) -> Login {
    let mut client = Client::new(dice.pick(&CLIENTS), dice.pick(&DIRECTORIES));
    client.groups = (0..dice.below(3)).map(|_| Arc::from(dice.pick(&CLIENT_GROUPS))).collect();
    client.protocol = dice.pick(&Protocol::ALL);
    let mut groups: Groups = (0..dice.below(4)).map(|_| Box::from(dice.pick(&GROUPS))).collect();
    if dice.one_in(3) {
        // So many that those that rules name are looked for one by one.
        groups.extend((0..60).map(|number| format!("choir {number}").into()));
    }
    let told: Groups = GROUPS.iter().map(|group| Box::from(*group)).filter(|_| dice.one_in(2)).collect();
    let user = match dice.below(6) {
        0 => UserAt::Unknown,
        1 => UserAt::Within(Prefix::around(address(dice.pick(&ADDRESSES)), dice.pick(&[8, 16, 24, 30]), 40)),
        _ => UserAt::Address(address(dice.pick(&ADDRESSES))),
    };
    let subject = dice.input(|dice| dice.pick(&SUBJECTS));
    let login = Login {
        client,
        listener: dice.input(|dice| dice.pick(&LISTENERS)),
        source: dice.one_in(2).then(|| address("192.0.2.9")),
        user,
        place: Place {
            country: dice.input(|dice| land(dice.pick(&COUNTRIES))),
            asn: dice.input(|dice| dice.pick(&ASNS)),
        },
        at: UnixTime(START + HOUR / 2 * (dice.below(96) as i64 - 48)),
        first: dice.input(|dice| dice.pick(&First::ALL)),
        subject: Input::Unknown,
        groups,
        groups_known: dice.one_in(4).then_some(told),
        aliases: if dice.one_in(2) { vec!["service".into()] } else { Vec::new() },
        past: dice.input(|dice| dice.pick(&pasts().collect::<Vec<_>>())),
        enrolled: dice.input(|dice| dice.pick(&kind_sets().collect::<Vec<_>>())),
        who: None,
    };
    login.of_subject(subject)
}
