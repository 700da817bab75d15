//! What a RADIUS client says of its upstream, and the dialogue for a new password.

use std::sync::Arc;

use crate::base::report::Place;
use crate::base::table::{Reader, Written, nearest};
use crate::base::text::{is_hidden, safe};
use crate::config::client::radius::LONGEST_PROMPT;
use crate::frontend::radius::method::Way;
use crate::frontend::radius::passing::{NotPassed, Passed, Passing};
use crate::login::client::{NewPasswordPrompts, PrimaryKind};
use crate::login::relay::Method;

/// The words of `eap-name`, and whether the name outside the tunnel is believed.
pub(in crate::config) const EAP_NAMES: [(&str, bool); 2] = [("upstream", false), ("outer", true)];

/// The prompts of the dialogue for a new password: key and what is asked unless it is said.
pub(in crate::config) const NEW_PASSWORD: [(&str, &str); 3] = [
    ("new-password-prompt", "Your password has expired. Enter a new one:"),
    ("new-password-again-prompt", "Enter it again:"),
    ("new-password-refused", "It was not accepted."),
];

/// What was read.
pub(in crate::config::client) struct Relay {
    pub(in crate::config::client) upstream: Option<Arc<str>>,
    pub(in crate::config::client) ways: Vec<Way>,
    pub(in crate::config::client) passing: Passing,
    pub(in crate::config::client) prompts_relayed: bool,
    pub(in crate::config::client) trusts_outer_name: bool,
}

/// Where the things stand that are compared with other tables.
#[derive(Default)]
pub(in crate::config) struct Places {
    pub(in crate::config) upstream: Option<Place>,
    pub(in crate::config) methods: Option<Place>,
    pub(in crate::config) eap_name: Option<Place>,
    pub(in crate::config) change_password: Option<Place>,
}

/// Reads what stands about the upstream. `asks`: the client can put a question to a user who typed a password.
pub(in crate::config::client) fn settle(
    reader: &mut Reader<'_, '_>,
    primary: PrimaryKind,
    asks: bool,
) -> (Relay, Places) {
    let has_upstream = primary == PrimaryKind::Upstream;
    let upstream = upstream(reader, has_upstream);
    let ways = ways(reader, has_upstream);
    let speaks = |method| ways.contains(&Way::Relayed(method));
    let from_password = [Method::Chap, Method::MsChap, Method::MsChap2].into_iter().any(speaks);
    let prompts_relayed = reader.flag("challenge-after-ms-chap", false);
    if let Some(node) = reader.node("challenge-after-ms-chap").filter(|_| prompts_relayed) {
        if !from_password {
            let what =
                "challenge-after-ms-chap has no effect, methods names neither \"chap\" nor \"ms-chap\"";
            reader.wrong(&node.place, what, "add \"chap\", \"ms-chap\" or \"ms-chap-v2\", or remove it");
        } else if !asks {
            let what = "challenge-after-ms-chap has no effect, code-entry does not name \"challenge\"";
            reader.wrong(&node.place, what, "add \"challenge\" to code-entry, or remove it");
        }
    }
    let trusts_outer_name = reader.choice("eap-name", &EAP_NAMES, false);
    // No default is right: FreeRADIUS by itself confirms the name outside the tunnel, which anybody may make up.
    if has_upstream && speaks(Method::Eap) && reader.node("eap-name").is_none() {
        let hint = "\"upstream\": whom its Access-Accept names, once it is set to name who is inside the tunnel, as \
                    docs/upstream-radius.md shows; \"outer\": whom the device names, where the upstream refuses another \
                    one inside";
        reader.missing("eap-name", hint);
    }
    if let Some(node) = reader.node("eap-name").filter(|_| !speaks(Method::Eap)) {
        reader.wrong(&node.place, "eap-name has no effect, methods does not name \"eap\"", "remove it");
    }
    let places = Places {
        upstream: reader.node("upstream").map(|node| node.place.clone()),
        methods: reader.node("methods").map(|node| node.place.clone()),
        eap_name: reader.node("eap-name").map(|node| node.place.clone()),
        change_password: None,
    };
    let passing = passing(reader, has_upstream);
    (Relay { upstream, ways, passing, prompts_relayed, trusts_outer_name }, places)
}

fn upstream(reader: &mut Reader<'_, '_>, has_upstream: bool) -> Option<Arc<str>> {
    let text = reader.text("upstream");
    match (&text, reader.node("upstream")) {
        (_, None) if has_upstream => {
            reader.missing("upstream", "name the [[upstream]] that checks the passwords of its users");
        }
        (Some(text), _) if !has_upstream => {
            let what = "upstream has no effect, primary is not \"upstream\"";
            reader.wrong(&text.place, what, "write primary = \"upstream\", or remove it");
        }
        _ => {}
    }
    text.map(|text| text.value.into())
}

/// The ways to log in; a password alone when none is said.
fn ways(reader: &mut Reader<'_, '_>, has_upstream: bool) -> Vec<Way> {
    let Some(texts) = reader.texts("methods") else { return vec![Way::Pap] };
    let mut ways = Vec::new();
    for text in texts {
        match reader.word("methods", &text, &Way::WORDS) {
            Some(way) if ways.contains(&way) => {
                let what = format!("methods names \"{}\" twice", safe(text.value));
                reader.wrong(&text.place, what, "remove one of them");
            }
            Some(Way::Relayed(method)) if !has_upstream => {
                let what = format!(
                    "methods: \"{}\" cannot be checked here, a directory does not hold what it is made of",
                    method.code()
                );
                let hint = "write primary = \"upstream\" and name a RADIUS server that can, or use \"pap\"";
                reader.wrong(&text.place, what, hint);
            }
            Some(way) => ways.push(way),
            None => {}
        }
    }
    ways
}

fn passing(reader: &mut Reader<'_, '_>, has_upstream: bool) -> Passing {
    let administrative = reader.flag("administrative-attributes", false);
    let Some(node) = reader.node("pass-attributes") else {
        if let Some(node) = reader.node("administrative-attributes") {
            let what = "administrative-attributes has no effect without pass-attributes";
            reader.wrong(&node.place, what, "it is about what is passed from the upstream; remove it");
        }
        return Passing { list: Vec::new(), administrative };
    };
    if !has_upstream {
        let what = "pass-attributes has no effect, there is no upstream that attributes could come from";
        reader.wrong(&node.place, what, "write primary = \"upstream\", or remove it");
        return Passing::default();
    }
    let mut passing = Passing { list: Vec::new(), administrative };
    for text in reader.texts("pass-attributes").unwrap_or_default() {
        match Passed::named(text.value) {
            Ok(passed) if passing.list.contains(&passed) => {
                let what = format!("pass-attributes names \"{}\" twice", passed.name());
                reader.wrong(&text.place, what, "remove one of them");
            }
            Ok(passed) if passed.is_administrative() && !administrative => {
                let what = format!(
                    "pass-attributes: \"{}\" makes people administrators of the device",
                    passed.name()
                );
                let hint = "if the upstream may say so, write administrative-attributes = true";
                reader.wrong(&text.place, what, hint);
            }
            Ok(passed) => passing.list.push(passed),
            Err(why) => not_passed(reader, &text, why),
        }
    }
    passing
}

fn not_passed(reader: &mut Reader<'_, '_>, text: &Written<&str>, why: NotPassed) {
    let what = format!("pass-attributes: \"{}\": {why}", safe(text.value));
    let hint = match why {
        NotPassed::Unnamed(_) => match nearest(text.value, &Passed::names()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "for example \"Class\", \"Filter-Id\" or \"Framed-IP-Address\"".to_owned(),
        },
        NotPassed::Tag => "leave the tag out".to_owned(),
        NotPassed::Conversation | NotPassed::Always => "remove it".to_owned(),
    };
    reader.wrong(&text.place, what, hint);
}

/// The dialogue for a new password, if the client has it.
pub(in crate::config::client) fn new_password(
    reader: &mut Reader<'_, '_>,
    primary: PrimaryKind,
    asks: bool,
) -> (Option<NewPasswordPrompts>, Option<Place>) {
    let wanted = reader.flag("change-password", false);
    let place = reader.node("change-password").filter(|_| wanted).map(|node| node.place.clone());
    for (key, _) in NEW_PASSWORD {
        if let Some(node) = reader.node(key).filter(|_| !wanted) {
            let what = format!("{key} has no effect, change-password is not true");
            reader.wrong(&node.place, what, "write change-password = true, or remove it");
        }
    }
    let Some(at) = &place else { return (None, None) };
    if primary != PrimaryKind::Directory {
        let what = "change-password needs primary = \"directory\", only there the password is seen";
        reader.wrong(at, what, "remove it; elsewhere people change their password before they log in");
    } else if !asks {
        let what = "change-password asks questions, and code-entry does not name \"challenge\"";
        reader.wrong(at, what, "add \"challenge\" to code-entry, or remove it");
    }
    let [new, again, refused] = NEW_PASSWORD.map(|(key, usual)| prompt(reader, key, usual));
    (Some(NewPasswordPrompts { new, again, refused }), place)
}

fn prompt(reader: &mut Reader<'_, '_>, key: &str, usual: &str) -> Arc<str> {
    let Some(text) = reader.text(key) else { return usual.into() };
    // Two of them stand in one Reply-Message.
    let most = LONGEST_PROMPT / 2;
    if text.value.trim().is_empty() || text.value.len() > most || text.value.chars().any(is_hidden) {
        let what = format!("{key} must be 1 to {most} bytes of visible text on one line");
        reader.wrong(&text.place, what, format!("the default is \"{usual}\""));
    }
    text.value.into()
}
