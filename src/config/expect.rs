//! `[[expect]]`: what the rules are meant to do with a login, to be tried by whoever changes them.

use crate::base::report::{Complaint, Complaints, Place, Source, positions};
use crate::base::table::{Node, Reader, Value, Written};
use crate::base::text::safe;
use crate::config::check::{Drafts, suggestion, twice};
use crate::config::rule::conditions::inputs;
use crate::config::rule::{conditions, dates, outcome};
use crate::config::settings::{Expectation, ExpectedSubject};
use crate::login::factor::FactorKinds;
use crate::login::policy::{Input, UserAt};

/// An expectation and where the things stand that are compared with other tables.
pub(in crate::config) struct Draft {
    pub(in crate::config) settings: Expectation,
    name: Option<Place>,
    client: Option<Written<String>>,
    rule: Option<Written<String>>,
}

/// The word for what nobody knows.
const UNKNOWN: &str = "unknown";

/// Reads one; `reader` is already called by its name.
pub(in crate::config) fn settle(reader: &mut Reader<'_, '_>) -> Draft {
    let name = reader.need_text("name", "a sentence will do, such as \"office without code\"");
    if let Some(name) = name.as_ref().filter(|name| !fits(name.value)) {
        reader.wrong(
            &name.place,
            "name must be 1 to 200 bytes of visible text on one line",
            "a sentence will do",
        );
    }
    let owned = |text: Written<&str>| Written { value: text.value.to_owned(), place: text.place };
    let client = reader.need_text("client", "the name of the client where the login comes from").map(owned);
    let rule = reader.text("rule").map(owned);
    if reader.node("then").is_none() && rule.is_none() {
        reader.missing(
            "then",
            "say what is expected: then = \"refuse\", or rule = \"name of the rule that decides\"",
        );
    }
    let then = reader.node("then").and_then(|_| outcome::then(reader));
    let settings = Expectation {
        name: name.as_ref().map_or("", |name| name.value).into(),
        place: reader.whole_table().place.clone(),
        line: String::new(),
        subject: subject(reader),
        client: client.as_ref().map_or("", |client| client.value.as_str()).into(),
        listener: reader.text("listener").map(|text| text.value.into()),
        from: from(reader),
        country: country(reader),
        asn: asn(reader),
        at: dates::at(reader, "at"),
        first: first(reader),
        enrolled: enrolled(reader),
        first_login: reader.maybe("first-login").into(),
        new_network: reader.maybe("new-network").into(),
        last_login_days: reader.number("last-login-days", 0..=36_500, "a number of days").into(),
        then,
        rule: rule.as_ref().map(|rule| rule.value.as_str().into()),
    };
    Draft { settings, name: name.map(|name| name.place), client, rule }
}

fn fits(name: &str) -> bool {
    (1..=200).contains(&name.trim().len()) && !name.chars().any(crate::base::text::is_hidden)
}

fn subject(reader: &mut Reader<'_, '_>) -> Option<ExpectedSubject> {
    let ways: Vec<&str> =
        ["user", "subject", "group"].into_iter().filter(|key| reader.node(key).is_some()).collect();
    if let [_, second, ..] = ways.as_slice()
        && let Some(place) = reader.place_of(second)
    {
        reader.wrong(&place, format!("{} stand together", ways.join(" and ")), "say in one way who logs in");
    }
    match *ways.first()? {
        "user" => reader.text("user").map(|text| ExpectedSubject::User(text.value.into())),
        "group" => conditions::groups(reader).map(ExpectedSubject::InGroups),
        _ => conditions::subjects(reader)?.into_iter().next().map(ExpectedSubject::Subject),
    }
}

/// Without it the address is unknown, as a client's that tells none.
fn from(reader: &mut Reader<'_, '_>) -> UserAt {
    let Some(text) = reader.text("from") else { return UserAt::Unknown };
    if text.value == UNKNOWN {
        return UserAt::Unknown;
    }
    match text.value.parse() {
        Ok(address) => UserAt::Address(address),
        Err(_) => {
            let what = format!("from is \"{}\", which is no address", safe(text.value));
            reader.wrong(&text.place, what, "for example \"192.0.2.10\", or \"unknown\"");
            UserAt::Unknown
        }
    }
}

fn country(reader: &mut Reader<'_, '_>) -> Input<crate::login::policy::facts::Country> {
    let Some(text) = reader.text("country") else { return Input::Pending };
    if text.value == UNKNOWN {
        return Input::Unknown;
    }
    let country = inputs::country(text.value);
    if country.is_none() {
        let what = format!("country: \"{}\" is no country", safe(text.value));
        reader.wrong(
            &text.place,
            what,
            "two letters of ISO 3166-1, such as \"TR\" or \"DE\", or \"unknown\"",
        );
    }
    country.into()
}

fn asn(reader: &mut Reader<'_, '_>) -> Input<u32> {
    if matches!(reader.node("asn"), Some(Node { value: Value::Text(text), .. }) if text == UNKNOWN) {
        return Input::Unknown;
    }
    let hint = "the number of an autonomous system, or \"unknown\"";
    reader.number("asn", 1..=u32::MAX, hint).map_or(Input::Pending, Input::Known)
}

fn first(reader: &mut Reader<'_, '_>) -> Option<crate::login::policy::First> {
    inputs::first_credentials(reader)?.first().copied()
}

fn enrolled(reader: &mut Reader<'_, '_>) -> Input<FactorKinds> {
    let Some(place) = reader.place_of("enrolled") else { return Input::Unknown };
    let Some((kinds, nothing)) = inputs::enrolled(reader) else { return Input::Unknown };
    if nothing && !kinds.is_empty() {
        reader.wrong(&place, "enrolled names \"nothing\" beside kinds of factors", "write one or the other");
    }
    Input::Known(kinds)
}

/// Says of each where it stands.
pub(in crate::config) fn place(drafts: &mut [Draft], sources: &[Source]) {
    let lines = positions(sources, drafts.iter().map(|draft| &draft.settings.place));
    for (draft, line) in drafts.iter_mut().zip(lines) {
        draft.settings.line = line;
    }
}

/// Compares expectations with clients and rules.
pub(in crate::config) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    twice("expectations", drafts.expectations.iter().map(|d| (&*d.settings.name, d.name.as_ref())), out);
    let clients: Vec<&str> = drafts.clients.iter().map(|d| &*d.settings.login.name).collect();
    let rules: Vec<&str> = drafts.rules.iter().map(|d| &*d.rule.name).collect();
    for draft in drafts.expectations {
        for (kind, name, known) in [("client", &draft.client, &clients), ("rule", &draft.rule, &rules)] {
            let Some(name) = name.as_ref().filter(|name| !known.contains(&name.value.as_str())) else {
                continue;
            };
            let what = format!(
                "expect \"{}\": there is no {kind} \"{}\"",
                safe(&draft.settings.name),
                safe(&name.value)
            );
            let hint = match known.is_empty() {
                true => format!("there is no {kind} at all"),
                false => suggestion(&name.value, known),
            };
            out.error(Complaint::wrong(&name.place, what).hint(hint));
        }
    }
}
