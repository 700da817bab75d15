//! `[[on-fault]]`: what is done, for a limited time, when a factor cannot be checked.

use std::sync::Arc;
use std::time::Duration;

use crate::base::report::{Complaints, Place};
use crate::base::table::{Reader, Value};
use crate::base::text::{is_hidden, safe};
use crate::config::check::{Drafts, twice};
use crate::config::client::check_name;
use crate::config::file;
use crate::config::rule::conditions::{self, Gathered};
use crate::config::rule::names::Names;
use crate::config::rule::{dates, outcome};
use crate::config::sets::Sets;
use crate::login::factor::FactorKinds;
use crate::login::policy::Condition;
use crate::login::policy::fault::{FaultMode, FaultRule};

/// Longest `owner` and `reason`, in bytes.
const LONGEST: usize = 200;

const MINUTE: Duration = Duration::from_secs(60);
/// Longest prompt in bytes; it must fit into one Reply-Message (RFC 2865 section 5.18).
const LONGEST_PROMPT: usize = 253;
/// How old a confirmation may be that counts again.
const LONGEST_WITHIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A fault mode and where the things stand that are compared with other tables.
pub(in crate::config) struct Draft {
    pub(in crate::config) fault: FaultRule,
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Place>,
    pub(in crate::config) then: Option<Place>,
    pub(in crate::config) until: Option<Place>,
    pub(in crate::config) gathered: Gathered,
}

impl Draft {
    /// Where its name stands, or else where it begins.
    pub(in crate::config) fn at(&self) -> &Place {
        self.name.as_ref().unwrap_or(&self.place)
    }
}

/// Reads one; `reader` is already called by its name.
pub(in crate::config) fn settle(reader: &mut Reader<'_, '_>, sets: &Sets) -> Draft {
    let name = reader.need_text("name", "the name stands in audit records and in explain");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    let owner = told(reader, "owner", "who answers for it, such as \"network team\"");
    let reason = told(reader, "reason", "why it is there, for whoever finds it next year");
    let mut gathered = Gathered::default();
    let when = Condition::All(conditions::read(reader, sets, &mut gathered));
    if reader.node("valid-until").is_none() {
        reader.missing(
            "valid-until",
            "what is open in an emergency must close again; at most a year ahead is advised",
        );
    }
    let valid = dates::validity(reader);
    let then = then(reader);
    Draft {
        place: reader.whole_table().place.clone(),
        fault: FaultRule {
            name: name.as_ref().map_or("", |name| name.value).into(),
            owner: owner.into(),
            reason: reason.into(),
            when,
            valid,
            // What is used when there was a mistake is thrown away with everything else.
            then: then.unwrap_or(FaultMode::Use { kinds: FactorKinds::NONE, prompt: None }),
        },
        name: name.map(|name| name.place),
        then: reader.place_of("then"),
        until: reader.place_of("valid-until"),
        gathered,
    }
}

/// Reads a text for people that must be given.
pub(in crate::config) fn told<'a>(reader: &mut Reader<'a, '_>, key: &str, hint: &str) -> &'a str {
    let Some(text) = reader.need_text(key, hint) else { return "" };
    let fits = (1..=LONGEST).contains(&text.value.trim().len()) && !text.value.chars().any(is_hidden);
    if !fits {
        let what = format!("{key} must be 1 to {LONGEST} bytes of visible text on one line");
        reader.wrong(&text.place, what, hint);
    }
    text.value
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    FirstFactorOnly,
    RecentConfirmation,
}

fn then(reader: &mut Reader<'_, '_>) -> Option<FaultMode> {
    const WAYS: &str =
        "write then = \"first-factor-only\", \"recent-confirmation\" or { use = [\"recovery\"] }";
    let word = match reader.node("then").map(|node| (&node.value, &node.place)) {
        None => {
            reader.missing("then", WAYS);
            return None;
        }
        Some((Value::Table(table), _)) => {
            let who = format!("{}: then", reader.who());
            let mut inner = Reader::new(table, who, file::FAULT_THEN, reader.out());
            if inner.node("use").is_none() {
                inner.missing("use", WAYS);
            }
            let kinds = outcome::kinds(&mut inner, "use");
            let prompt = prompt(&mut inner);
            idle_within(reader);
            return kinds.map(|kinds| FaultMode::Use { kinds, prompt });
        }
        Some((Value::Text(_), _)) => {
            let text = reader.text("then")?;
            let words = [
                ("first-factor-only", Word::FirstFactorOnly),
                ("recent-confirmation", Word::RecentConfirmation),
            ];
            reader.word("then", &text, &words)
        }
        Some((other, place)) => {
            reader.wrong(place, format!("then is {}", other.kind()), WAYS);
            None
        }
    };
    match word? {
        Word::FirstFactorOnly => {
            idle_within(reader);
            Some(FaultMode::FirstFactorOnly)
        }
        Word::RecentConfirmation => {
            let hint = "for example within = \"12h\"";
            if reader.node("within").is_none() {
                reader.missing("within", hint);
            }
            reader.time("within", MINUTE..=LONGEST_WITHIN, hint).map(FaultMode::RecentConfirmation)
        }
    }
}

/// Reads the question for the factor that stands in.
fn prompt(reader: &mut Reader<'_, '_>) -> Option<Arc<str>> {
    let text = reader.text("prompt")?;
    let fits = (1..=LONGEST_PROMPT).contains(&text.value.len()) && !text.value.chars().any(is_hidden);
    if !fits {
        let what = format!("prompt must be 1 to {LONGEST_PROMPT} bytes of visible text on one line");
        reader.wrong(&text.place, what, "for example prompt = \"Enter one of your recovery codes:\"");
    }
    Some(text.value.into())
}

fn idle_within(reader: &mut Reader<'_, '_>) {
    if let Some(place) = reader.place_of("within") {
        let hint = "it is for then = \"recent-confirmation\"; write that, or remove it";
        reader.wrong(&place, "within has no effect here", hint);
    }
}

/// Compares fault modes with each other and with what they name.
pub(in crate::config) fn check(drafts: &Drafts<'_>, out: &mut Complaints) {
    twice("fault modes", drafts.faults.iter().map(|d| (&*d.fault.name, d.name.as_ref())), out);
    let names = Names::of(drafts);
    for draft in drafts.faults {
        let who = format!("on-fault \"{}\"", safe(&draft.fault.name));
        names.check(&who, &draft.gathered, out);
    }
}
