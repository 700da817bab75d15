//! Rules, and what stands around them.

use std::sync::Arc;

use toml::{Table, Value};

use crate::base::cidr::Prefix;
use crate::base::clock::UnixTime;
use crate::base::table::friendly;
use crate::config::exemption::KINDS;
use crate::config::rule::hours::day_word;
use crate::config::settings::{
    CalendarSettings, ClientSettings, Expectation, ExpectedSubject, NetworkSettings, Settings,
};
use crate::config::show::{list, path, table, word};
use crate::login::factor::FactorKinds;
use crate::login::policy::fault::{FaultMode, FaultRule};
use crate::login::policy::{
    Condition, Exemption, Input, Network, Requirement, Rule, Say, TimeWindow, UserAt, Validity, Window,
};

type Pairs = Vec<(&'static str, Value)>;

/// Puts all of it into `root`.
pub(super) fn put(settings: &Settings, root: &mut Table) {
    let mut tables = |key: &str, list: Vec<Value>| {
        if !list.is_empty() {
            root.insert(key.to_owned(), Value::Array(list));
        }
    };
    let policy = &settings.policy;
    tables("network", settings.networks.iter().map(network).collect());
    tables("window", settings.windows.iter().map(|one| window(one)).collect());
    tables("calendar", settings.calendars.iter().map(calendar).collect());
    tables("exemption", policy.exemptions.iter().map(|one| exemption(one, &settings.clients)).collect());
    tables("rule", policy.rules.iter().map(rule).collect());
    tables("on-fault", policy.faults.iter().map(fault).collect());
    tables("expect", settings.expectations.iter().map(expectation).collect());
    let databases = [("country", &settings.geo.country), ("asn", &settings.geo.asn)];
    let databases = databases.into_iter().filter_map(|(key, file)| Some((key, path(file.as_ref()?))));
    let databases: Pairs = databases.collect();
    if !databases.is_empty() {
        root.insert("geo".to_owned(), table(databases));
    }
}

fn network(settings: &NetworkSettings) -> Value {
    let mut pairs: Pairs = vec![("name", (*settings.network.name).into())];
    if !settings.prefixes.is_empty() {
        pairs.push(("prefixes", list(settings.prefixes.iter().map(Prefix::to_string))));
    }
    pairs.extend(settings.file.as_ref().map(|file| ("file", path(file))));
    table(pairs)
}

/// All hours of a window are on one clock.
fn window(window: &Window) -> Value {
    let zone = window.hours.first().and_then(|hours| hours.zone.iana_name()).unwrap_or("UTC");
    let hours = window.hours.iter().map(|hours| table(span(hours))).collect();
    table(vec![("name", (*window.name).into()), ("zone", zone.into()), ("hours", Value::Array(hours))])
}

fn calendar(settings: &CalendarSettings) -> Value {
    let mut pairs: Pairs = vec![
        ("name", (*settings.calendar.name).into()),
        ("zone", settings.zone.iana_name().unwrap_or("UTC").into()),
    ];
    for (key, texts) in [("days", &settings.days), ("times", &settings.times)] {
        if !texts.is_empty() {
            pairs.push((key, list(texts.iter().map(ToString::to_string))));
        }
    }
    pairs.extend(settings.file.as_ref().map(|file| ("file", path(file))));
    table(pairs)
}

/// What the account may do is known at the clients that speak LDAP; at others there is nothing but a bind.
fn exemption(exemption: &Exemption, clients: &[ClientSettings]) -> Value {
    let allowed = |client: &ClientSettings| Some(client.ldap()?.exempt.get(&exemption.name)?.allowed);
    let searches = clients.iter().filter_map(allowed).any(|allowed| allowed.search);
    let mut pairs = vec![
        ("name", (*exemption.name).into()),
        ("client", names(&exemption.clients)),
        ("account", (*exemption.account).into()),
        ("source", list(exemption.sources.iter().map(Prefix::to_string))),
        ("may", list(["bind", "search"].into_iter().take(if searches { 2 } else { 1 }))),
        ("owner", (*exemption.owner).into()),
        ("reason", (*exemption.reason).into()),
        ("kind", word(&KINDS, exemption.kind)),
    ];
    if exemption.kind == crate::login::policy::exempt::ExemptionKind::Service {
        pairs.push(("alarm", exemption.alarm.into()));
    }
    pairs.extend(validity(&exemption.valid));
    table(pairs)
}

fn rule(rule: &Rule) -> Value {
    let mut pairs: Pairs = vec![("name", (*rule.name).into())];
    pairs.extend(conditions(rule.when.parts()));
    pairs.push(("then", then(rule.then)));
    let options = &rule.options;
    pairs.extend(options.grace_until.map(|until| ("grace-until", moment(until))));
    pairs.extend(options.offer.as_ref().map(|offer| ("offer", (**offer).into())));
    pairs.extend(options.remember.map(|time| ("remember", friendly(time).into())));
    pairs.extend(options.session.map(|time| ("session-timeout", friendly(time).into())));
    pairs.extend(options.reply.as_ref().map(|names| ("reply", list(names.iter().map(ToString::to_string)))));
    if options.shadow {
        pairs.push(("shadow", true.into()));
    }
    if rule.then == Requirement::Refuse && options.say != Say::default() {
        pairs.push(("say", options.say.word().into()));
    }
    table(pairs)
}

fn then(then: Requirement) -> Value {
    match then {
        Requirement::None => "none".into(),
        Requirement::Refuse => "refuse".into(),
        Requirement::OneOf(factors) => table(vec![("require", kinds(factors))]),
        Requirement::AllOf(factors) => table(vec![("require-all", kinds(factors))]),
    }
}

fn fault(fault: &FaultRule) -> Value {
    let mut pairs: Pairs = vec![
        ("name", (*fault.name).into()),
        ("owner", (*fault.owner).into()),
        ("reason", (*fault.reason).into()),
    ];
    pairs.extend(conditions(fault.when.parts()));
    pairs.extend(validity(&fault.valid));
    pairs.push((
        "then",
        match &fault.then {
            FaultMode::FirstFactorOnly => "first-factor-only".into(),
            FaultMode::RecentConfirmation(_) => "recent-confirmation".into(),
            FaultMode::Use { kinds: factors, prompt } => {
                let prompt = prompt.as_ref().map(|text| ("prompt", (**text).into()));
                table([("use", kinds(*factors))].into_iter().chain(prompt).collect())
            }
        },
    ));
    if let FaultMode::RecentConfirmation(within) = fault.then {
        pairs.push(("within", friendly(within).into()));
    }
    table(pairs)
}

fn expectation(expected: &Expectation) -> Value {
    let mut pairs: Pairs = vec![("name", (*expected.name).into()), ("client", (*expected.client).into())];
    pairs.extend(expected.subject.as_ref().map(|subject| match subject {
        ExpectedSubject::User(name) => ("user", (**name).into()),
        ExpectedSubject::Subject(who) => ("subject", who.to_string().into()),
        ExpectedSubject::InGroups(keys) => ("group", list(keys.iter().map(ToString::to_string))),
    }));
    pairs.extend(expected.listener.as_ref().map(|name| ("listener", (**name).into())));
    let from = match expected.from {
        UserAt::Address(address) => address.to_string(),
        UserAt::Within(_) | UserAt::Unknown => "unknown".to_owned(),
    };
    pairs.push(("from", from.into()));
    pairs.extend(said(expected.country, |country| country.to_string().into()).map(|to| ("country", to)));
    pairs.extend(said(expected.asn, |asn| i64::from(asn).into()).map(|to| ("asn", to)));
    pairs.extend(expected.at.map(|at| ("at", moment(at))));
    pairs.extend(expected.first.map(|first| ("first-credential", first.word().into())));
    pairs.extend(expected.enrolled.known().map(|kinds| ("enrolled", enrolled(kinds, kinds.is_empty()))));
    pairs.extend(expected.first_login.known().map(|first| ("first-login", first.into())));
    pairs.extend(expected.new_network.known().map(|new| ("new-network", new.into())));
    pairs.extend(expected.last_login_days.known().map(|days| ("last-login-days", i64::from(days).into())));
    pairs.extend(expected.then.map(|requirement| ("then", then(requirement))));
    pairs.extend(expected.rule.as_ref().map(|rule| ("rule", (**rule).into())));
    table(pairs)
}

/// What an expectation says of something that a database may say otherwise.
fn said<T>(input: Input<T>, show: impl FnOnce(T) -> Value) -> Option<Value> {
    match input {
        Input::Known(value) => Some(show(value)),
        Input::Unknown => Some("unknown".into()),
        Input::Pending => None,
    }
}

fn conditions(parts: &[Condition]) -> Pairs {
    parts.iter().flat_map(condition).collect()
}

fn condition(condition: &Condition) -> Pairs {
    let pair = match condition {
        Condition::Client(clients) => ("client", names(clients)),
        Condition::ClientGroup(groups) => ("client-group", names(groups)),
        Condition::Listener(listeners) => ("listener", names(listeners)),
        Condition::Protocol(protocols) => ("protocol", list(protocols.iter().map(|one| one.word()))),
        Condition::Directory(directories) => ("directory", names(directories)),
        Condition::Subject(subjects) => ("subject", list(subjects.iter().map(ToString::to_string))),
        Condition::Group(groups) => ("group", list(groups.iter().map(ToString::to_string))),
        Condition::Network(_) | Condition::AddressUnknown => {
            ("network", list(addresses(condition).into_iter()))
        }
        Condition::Country(countries) => ("country", list(countries.iter().map(ToString::to_string))),
        Condition::Asn(numbers) => {
            ("asn", Value::Array(numbers.iter().map(|number| i64::from(*number).into()).collect()))
        }
        Condition::Time(windows) => ("time", Value::Array(windows.iter().flat_map(times).collect())),
        Condition::Calendar(calendars) => {
            ("calendar", list(calendars.iter().map(|one| one.name.to_string())))
        }
        Condition::Valid(valid) => return validity(valid).collect(),
        Condition::FirstLogin(wanted) => ("first-login", (*wanted).into()),
        Condition::NewNetwork(wanted) => ("new-network", (*wanted).into()),
        Condition::LastLoginBefore(days) => ("last-login-before", i64::from(*days).into()),
        Condition::First(credentials) => ("first-credential", list(credentials.iter().map(|one| one.word()))),
        Condition::Enrolled { kinds, nothing } => ("enrolled", enrolled(*kinds, *nothing)),
        Condition::Any(ways) if ways.iter().any(is_about_addresses) => {
            ("network", list(ways.iter().flat_map(addresses)))
        }
        Condition::Any(ways) => ("any", nested(ways)),
        Condition::All(all) => ("all", nested(all)),
        Condition::Not(inner) => ("not", table(conditions(inner.parts()))),
    };
    vec![pair]
}

/// `network` with "unknown" beside networks; in `any` each way is a table.
const fn is_about_addresses(way: &Condition) -> bool {
    matches!(way, Condition::Network(_) | Condition::AddressUnknown)
}

fn nested(ways: &[Condition]) -> Value {
    Value::Array(ways.iter().map(|way| table(conditions(way.parts()))).collect())
}

fn addresses(way: &Condition) -> Vec<String> {
    let network = |network: &Arc<Network>| match &*network.name {
        "" => network.prefixes().iter().map(Prefix::to_string).collect(),
        name => vec![name.to_owned()],
    };
    match way {
        Condition::Network(networks) => networks.iter().flat_map(network).collect(),
        Condition::AddressUnknown => vec!["unknown".to_owned()],
        _ => Vec::new(),
    }
}

fn times(window: &Arc<Window>) -> Vec<Value> {
    let inline = |hours: &TimeWindow| {
        let mut pairs = span(hours);
        pairs.push(("zone", hours.zone.iana_name().unwrap_or("UTC").into()));
        table(pairs)
    };
    match &*window.name {
        "" => window.hours.iter().map(inline).collect(),
        name => vec![name.into()],
    }
}

fn span(hours: &TimeWindow) -> Pairs {
    vec![
        ("days", list(hours.days.iter().map(|day| day_word(*day)))),
        ("from", hours.from.strftime("%H:%M").to_string().into()),
        ("to", hours.to.strftime("%H:%M").to_string().into()),
    ]
}

fn validity(valid: &Validity) -> impl Iterator<Item = (&'static str, Value)> + use<> {
    let pairs = [("valid-from", valid.from), ("valid-until", valid.until)];
    pairs.into_iter().filter_map(|(key, at)| Some((key, moment(at?))))
}

fn moment(at: UnixTime) -> Value {
    jiff::Timestamp::from_millisecond(at.0).map(|time| time.to_string()).unwrap_or_default().into()
}

fn names(names: &[Arc<str>]) -> Value {
    list(names.iter().map(ToString::to_string))
}

fn kinds(kinds: FactorKinds) -> Value {
    list(kinds.iter().map(|kind| kind.word()))
}

fn enrolled(kinds: FactorKinds, nothing: bool) -> Value {
    list(kinds.iter().map(|kind| kind.word()).chain(nothing.then_some("nothing")))
}
