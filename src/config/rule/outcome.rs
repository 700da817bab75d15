//! What a rule demands, and what else it says.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::base::report::Place;
use crate::base::table::{Reader, Table, Value, Written};
use crate::base::text::{is_hidden, safe};
use crate::config::file;
use crate::config::rule::dates;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::flow::Flow;
use crate::login::policy::{Condition, Options, Requirement, Say};

const WAYS: &str =
    "write then = \"refuse\", \"none\", { require = [\"totp\", …] } or { require-all = [\"totp\", …] }";

/// Longest text that is offered with an accept, in bytes; one Reply-Message has room for 253.
const LONGEST_OFFER: usize = 200;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a confirmed factor may count again: no longer than it is remembered.
const REMEMBER: RangeInclusive<Duration> = MINUTE..=Flow::LONGEST_MEMORY;

/// What a rule says, and where the names of reply rules stand.
pub(in crate::config) struct Outcome {
    pub(in crate::config) then: Option<Requirement>,
    pub(in crate::config) options: Options,
    pub(in crate::config) replies: Vec<Written<String>>,
}

/// Reads it; `when` are the conditions.
pub(in crate::config) fn read(reader: &mut Reader<'_, '_>, when: &Condition) -> Outcome {
    let then = then(reader);
    let replies = replies(reader);
    let options = Options {
        grace_until: dates::end(reader, "grace-until"),
        offer: offer(reader),
        shadow: reader.flag("shadow", false),
        remember: reader.time("remember", REMEMBER, "for example \"8h\" or \"7d\""),
        session: reader.time("session-timeout", MINUTE..=30 * DAY, "for example \"8h\""),
        reply: replies
            .as_ref()
            .map(|names| names.iter().map(|name| Arc::from(name.value.as_str())).collect()),
        say: say(reader, when),
    };
    without_effect(reader, then);
    Outcome { then, options, replies: replies.unwrap_or_default() }
}

/// Reads `then`.
pub(in crate::config) fn then(reader: &mut Reader<'_, '_>) -> Option<Requirement> {
    let Some(node) = reader.node("then") else {
        reader.missing("then", WAYS);
        return None;
    };
    match &node.value {
        Value::Table(table) => required(reader, table),
        Value::Text(_) => {
            let text = reader.text("then")?;
            match text.value {
                "refuse" => Some(Requirement::Refuse),
                "none" => Some(Requirement::None),
                other => {
                    let what = format!("then is \"{}\", it may be \"refuse\" or \"none\"", safe(other));
                    let hint = if FactorKind::from_word(other).is_some() {
                        format!("write then = {{ require = [\"{other}\"] }}")
                    } else {
                        WAYS.to_owned()
                    };
                    reader.wrong(&text.place, what, hint);
                    None
                }
            }
        }
        Value::Whole(_) | Value::Flag(_) | Value::Date(_) | Value::List(_) | Value::Unfit => {
            reader.wrong(&node.place, format!("then is {}", node.value.kind()), WAYS);
            None
        }
    }
}

fn required(reader: &mut Reader<'_, '_>, table: &Table) -> Option<Requirement> {
    let who = format!("{}: then", reader.who());
    let mut inner = Reader::new(table, who, file::RULE_THEN, reader.out());
    match (inner.place_of("require"), inner.place_of("require-all")) {
        (None, None) => {
            inner.missing("require", WAYS);
            None
        }
        (Some(_), Some(all)) => {
            let hint = "require takes one of its factors, require-all takes each; write one of the two";
            inner.wrong(&all, "require and require-all stand together", hint);
            None
        }
        (Some(_), None) => kinds(&mut inner, "require").map(Requirement::OneOf),
        (None, Some(place)) => {
            let kinds = kinds(&mut inner, "require-all")?;
            if kinds.only().is_some() {
                let what = "require-all names one kind of factor, of which it takes one like require";
                inner.wrong(&place, what, "name a second kind, or write require");
            }
            Some(Requirement::AllOf(kinds))
        }
    }
}

/// Reads kinds of factors.
pub(in crate::config) fn kinds(reader: &mut Reader<'_, '_>, key: &str) -> Option<FactorKinds> {
    let words: Vec<(&str, FactorKind)> = FactorKind::ALL.iter().map(|kind| (kind.word(), *kind)).collect();
    let texts = reader.texts(key)?;
    Some(texts.iter().filter_map(|text| reader.word(key, text, &words)).collect())
}

fn offer(reader: &mut Reader<'_, '_>) -> Option<Arc<str>> {
    let text = reader.text("offer")?;
    let fits = (1..=LONGEST_OFFER).contains(&text.value.len()) && !text.value.chars().any(is_hidden);
    if !fits || text.value.trim().is_empty() {
        let what = format!("offer must be 1 to {LONGEST_OFFER} bytes of visible text on one line");
        reader.wrong(&text.place, what, "for example \"Please enrol a second factor at desk.example.org\"");
    }
    Some(text.value.into())
}

fn replies(reader: &mut Reader<'_, '_>) -> Option<Vec<Written<String>>> {
    let mut found: Vec<Written<String>> = Vec::new();
    for text in reader.texts("reply")? {
        if found.iter().any(|other| other.value == text.value) {
            let what = format!("reply names \"{}\" twice", safe(text.value));
            reader.wrong(&text.place, what, "remove one of them");
        } else {
            found.push(Written { value: text.value.to_owned(), place: text.place });
        }
    }
    Some(found)
}

/// What people read must not tell an attacker whom a rule is about.
fn say(reader: &mut Reader<'_, '_>, when: &Condition) -> Say {
    let Some(text) = reader.text("say") else { return Say::default() };
    let words: Vec<(&str, Say)> = Say::ALL.iter().map(|say| (say.word(), *say)).collect();
    let Some(say) = reader.word("say", &text, &words) else { return Say::default() };
    if say != Say::Failed && when.needs_subject() {
        let what = format!(
            "say is \"{}\" in a rule that depends on who logs in, so the sentence would tell who is known",
            say.word()
        );
        let hint = "remove say, or the conditions about people";
        reader.wrong(&text.place, what, hint);
    }
    say
}

/// A key that does nothing would be taken for one that does.
fn without_effect(reader: &mut Reader<'_, '_>, then: Option<Requirement>) {
    let Some(then) = then else { return };
    let requires = matches!(then, Requirement::OneOf(_) | Requirement::AllOf(_));
    let refuses = then == Requirement::Refuse;
    if let Some(place) = reader.place_of("grace-until").filter(|_| !requires) {
        let hint = "a period of grace is for people without a factor where one is required";
        reader.wrong(&place, "grace-until is only for then = { require = … }", hint);
    }
    let graceless = reader.node("grace-until").is_none();
    let letting_in = "it is about people who are let in; remove it";
    let with_factor = "a factor is remembered where one is required; remove it";
    let cases: [(&str, bool, &str, &str); 5] = [
        (
            "offer",
            graceless,
            "there is no grace-until",
            "it is told people who are let in by grace; add one, or remove it",
        ),
        ("remember", !requires, "no factor is required", with_factor),
        ("session-timeout", refuses, "the rule refuses", letting_in),
        ("reply", refuses, "the rule refuses", letting_in),
        ("say", !refuses, "the rule does not refuse", "it is what people read who are refused; remove it"),
    ];
    for (key, idle, why, hint) in cases {
        if let Some(place) = reader.place_of(key).filter(|_| idle) {
            idle_key(reader, &place, key, why, hint);
        }
    }
}

fn idle_key(reader: &mut Reader<'_, '_>, place: &Place, key: &str, why: &str, hint: &str) {
    reader.wrong(place, format!("{key} has no effect, {why}"), hint);
}
