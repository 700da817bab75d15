//! `[[client]]`

use std::sync::Arc;
use std::time::Duration;

use crate::base::cidr::{NotAPrefix, Prefix};
use crate::base::report::Place;
use crate::base::secret::Secret;
use crate::base::table::{Reader, Written};
use crate::base::text::{is_hidden, safe};
use crate::config::secret::{Found, Surroundings, read};
use crate::config::settings::ClientSettings;
use crate::config::settings::SecretSource;
use crate::frontend::radius::address::AddressSource;
use crate::frontend::radius::clients::{Charset, MessageAuthenticator};
use crate::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed, WhenUnable};

const SECOND: Duration = Duration::from_secs(1);

/// What a user is asked unless the client says otherwise.
const PROMPT: &str = "Enter the code from your app:";

/// Longest prompt in bytes; it must fit into one Reply-Message (RFC 2865 section 5.18).
const LONGEST_PROMPT: usize = 253;

/// The words of `primary`.
pub(in crate::config) const PRIMARIES: [(&str, PrimaryKind); 2] =
    [("directory", PrimaryKind::Directory), ("trusted", PrimaryKind::CheckedByClient)];
/// The words of `message-authenticator`.
pub(in crate::config) const AUTHENTICATORS: [(&str, MessageAuthenticator); 3] = [
    ("required", MessageAuthenticator::Required),
    ("auto", MessageAuthenticator::Auto),
    ("off", MessageAuthenticator::Off),
];
/// The words of `when-unable`.
pub(in crate::config) const UNABLE: [(&str, WhenUnable); 2] =
    [("silence", WhenUnable::Silence), ("reject", WhenUnable::Reject)];
/// The words of `password-charset`.
pub(in crate::config) const CHARSETS: [(&str, Charset); 2] =
    [("utf-8", Charset::Utf8), ("latin1-fallback", Charset::Latin1Fallback)];

/// A client and where the things stand that are compared with other tables.
pub(in crate::config) struct Draft {
    pub(in crate::config) settings: ClientSettings,
    pub(in crate::config) place: Place,
    pub(in crate::config) name: Option<Place>,
    pub(in crate::config) directory: Option<Place>,
    pub(in crate::config) addresses: Vec<Place>,
    pub(in crate::config) secret: Option<Place>,
    pub(in crate::config) previous_secret: Option<Place>,
    pub(in crate::config) message_authenticator: Option<Place>,
    pub(in crate::config) limit_proxy_state: Option<Place>,
}

/// Reads one client; `reader` is already called by its name.
pub(in crate::config) fn settle(reader: &mut Reader<'_, '_>, around: Surroundings<'_>) -> Draft {
    let name = reader.need_text("name", "the name stands in rules, audit and log");
    if let Some(name) = &name {
        check_name(reader, name);
    }
    let directory = reader.need_text("directory", "name the [[directory]] that knows its users");
    let (addresses, places) = addresses(reader);
    let secret = secret(reader, "secret", around);
    if secret.is_none() && reader.node("secret").is_none() {
        reader.missing("secret", "write secret = { file = \"…\" }; openssl rand -base64 24 makes a good one");
    }
    let previous = secret_or_none(reader, "previous-secret", around);
    let login = login(reader, name.as_ref(), directory.as_ref());
    let place_of = |key: &str| reader.node(key).map(|node| node.place.clone());
    let (authenticator_at, proxy_at) = (place_of("message-authenticator"), place_of("limit-proxy-state"));
    let (secret, secret_from, secret_at) = parts(secret);
    let (previous_secret, previous_secret_from, previous_secret_at) = match previous {
        Some(found) => (Some(found.secret), Some(found.from), Some(found.place)),
        None => (None, None, None),
    };
    Draft {
        place: reader.whole_table().place.clone(),
        name: name.map(|name| name.place),
        directory: directory.map(|directory| directory.place),
        addresses: places,
        secret: secret_at,
        previous_secret: previous_secret_at,
        message_authenticator: authenticator_at,
        limit_proxy_state: proxy_at,
        settings: ClientSettings {
            login: Arc::new(login),
            addresses,
            secret,
            secret_from,
            previous_secret,
            previous_secret_from,
            message_authenticator: reader.choice(
                "message-authenticator",
                &AUTHENTICATORS,
                MessageAuthenticator::Required,
            ),
            limit_proxy_state: reader.flag("limit-proxy-state", true),
            user_address_from: user_address_from(reader),
            password_charset: reader.choice("password-charset", &CHARSETS, Charset::Utf8),
        },
    }
}

fn secret(reader: &mut Reader<'_, '_>, key: &str, around: Surroundings<'_>) -> Option<Found> {
    read(reader, key, around)
}

fn secret_or_none(reader: &mut Reader<'_, '_>, key: &str, around: Surroundings<'_>) -> Option<Found> {
    reader.node(key)?;
    read(reader, key, around)
}

/// Without a secret there is an error already, and the settings are not used.
fn parts(found: Option<Found>) -> (Secret, SecretSource, Option<Place>) {
    match found {
        Some(found) => (found.secret, found.from, Some(found.place)),
        None => (Secret::new(Vec::new()), SecretSource::Env("".into()), None),
    }
}

/// A name that is safe in audit, metrics and on a command line.
pub(in crate::config) fn check_name(reader: &mut Reader<'_, '_>, name: &Written<&str>) {
    let fits = (1..=64).contains(&name.value.len())
        && name.value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !fits {
        let what = format!("\"{}\" cannot be a name", safe(name.value));
        reader.wrong(&name.place, what, "1 to 64 of the letters a-z and A-Z, digits, \"-\", \"_\" and \".\"");
    }
}

fn addresses(reader: &mut Reader<'_, '_>) -> (Vec<Prefix>, Vec<Place>) {
    if reader.node("addresses").is_none() {
        reader.missing("addresses", "for example addresses = [\"192.0.2.10\", \"2001:db8::/64\"]");
    }
    let mut prefixes = Vec::new();
    let mut places = Vec::new();
    for text in reader.texts("addresses").unwrap_or_default() {
        if let Some(prefix) = prefix(reader, "addresses", &text) {
            prefixes.push(prefix);
            places.push(text.place);
        }
    }
    (prefixes, places)
}

/// Reads an address prefix that stands under `key`.
pub(in crate::config) fn prefix(
    reader: &mut Reader<'_, '_>,
    key: &str,
    text: &Written<&str>,
) -> Option<Prefix> {
    match text.value.parse::<Prefix>() {
        Ok(prefix) => Some(prefix),
        Err(NotAPrefix::Syntax) => {
            let what = format!("{key}: \"{}\" is not an address or prefix", safe(text.value));
            reader.wrong(
                &text.place,
                what,
                "for example \"192.0.2.10\" or \"10.0.0.0/8\"; names are not looked up",
            );
            None
        }
        Err(NotAPrefix::HostBits(network)) => {
            let what = format!("{key}: \"{}\" has address bits behind the prefix", safe(text.value));
            let one = text.value.split('/').next().unwrap_or_default();
            reader.wrong(
                &text.place,
                what,
                format!("the network is \"{network}\", the one address \"{one}\""),
            );
            None
        }
    }
}

fn login(
    reader: &mut Reader<'_, '_>,
    name: Option<&Written<&str>>,
    directory: Option<&Written<&str>>,
) -> Client {
    let primary = reader.choice("primary", &PRIMARIES, PrimaryKind::Directory);
    let entry = entry(reader);
    if let Some(node) = reader.node("code-entry")
        && primary == PrimaryKind::CheckedByClient
        && entry.typed != Typed::Nothing
    {
        let what = "code-entry splits the password, but with primary = \"trusted\" no password is sent";
        reader.wrong(&node.place, what, "leave code-entry out: the field holds the code, or nothing yet");
    }
    let login_timeout = reader.duration("login-timeout", SECOND..=300 * SECOND, 20 * SECOND);
    let reject_delay = reader.duration("reject-delay", Duration::ZERO..=5 * SECOND, SECOND);
    if let Some(node) = reader.node("reject-delay").filter(|_| reject_delay >= login_timeout) {
        let what = "reject-delay is not shorter than login-timeout, so every rejection would be late";
        reader.wrong(&node.place, what, "the default is \"1s\"");
    }
    Client {
        name: name.map_or("", |name| name.value).into(),
        directory: directory.map_or("", |directory| directory.value).into(),
        primary,
        entry,
        prompt: prompt(reader).into(),
        can: Capabilities { prompts: entry.challenge, tells_address: true },
        login_timeout,
        challenge_life: reader.duration("challenge-life", 10 * SECOND..=600 * SECOND, 120 * SECOND),
        reject_delay,
        when_unable: reader.choice("when-unable", &UNABLE, WhenUnable::Silence),
        remember: None,
    }
}

fn prompt<'a>(reader: &mut Reader<'a, '_>) -> &'a str {
    let Some(text) = reader.text("prompt") else { return PROMPT };
    if text.value.trim().is_empty() || text.value.len() > LONGEST_PROMPT || text.value.chars().any(is_hidden)
    {
        let what = format!("prompt must be 1 to {LONGEST_PROMPT} bytes of visible text on one line");
        reader.wrong(&text.place, what, format!("the default is \"{PROMPT}\""));
    }
    text.value
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Challenge,
    Append,
    Separator,
}

fn entry(reader: &mut Reader<'_, '_>) -> CodeEntry {
    let mut ways: Vec<Way> = Vec::new();
    for text in reader.texts("code-entry").unwrap_or_default() {
        let words = [("challenge", Way::Challenge), ("append", Way::Append), ("separator", Way::Separator)];
        match reader.word("code-entry", &text, &words) {
            Some(way) if ways.contains(&way) => {
                let what = format!("code-entry names \"{}\" twice", safe(text.value));
                reader.wrong(&text.place, what, "remove one of them");
            }
            Some(way) => ways.push(way),
            None => {}
        }
    }
    if let Some(node) = reader.node("code-entry") {
        if ways.contains(&Way::Append) && ways.contains(&Way::Separator) {
            let what = "code-entry has both \"append\" and \"separator\"; one field would have two readings";
            reader.wrong(&node.place, what, "choose one, so that one typing is one try at the directory");
        }
    } else {
        ways.push(Way::Challenge);
    }
    for key in ["prompt", "challenge-life"] {
        only_with(reader, key, "challenge", ways.contains(&Way::Challenge));
    }
    let digits = only_with(reader, "code-digits", "append", ways.contains(&Way::Append))
        .map_or(6, |()| u8::try_from(reader.whole("code-digits", 6..=8, 6)).unwrap_or(6));
    let separator = only_with(reader, "code-separator", "separator", ways.contains(&Way::Separator))
        .map_or(b',', |()| separator(reader));
    let typed = if ways.contains(&Way::Append) {
        Typed::Appended { digits }
    } else if ways.contains(&Way::Separator) {
        Typed::Separated { separator }
    } else {
        Typed::Nothing
    };
    CodeEntry { challenge: ways.contains(&Way::Challenge), typed }
}

/// A key that says something only when `code-entry` has `way`; without it, it would do nothing in silence.
fn only_with(reader: &mut Reader<'_, '_>, key: &str, way: &str, there: bool) -> Option<()> {
    let node = reader.node(key)?;
    if !there {
        let what = format!("{key} has no effect, code-entry does not name \"{way}\"");
        reader.wrong(&node.place, what, format!("add \"{way}\" to code-entry, or remove {key}"));
    }
    Some(())
}

fn separator(reader: &mut Reader<'_, '_>) -> u8 {
    let Some(text) = reader.text("code-separator") else { return b',' };
    match text.value.as_bytes() {
        [one] if one.is_ascii_punctuation() => *one,
        _ => {
            let what =
                format!("code-separator is \"{}\", it must be one ASCII punctuation mark", safe(text.value));
            reader.wrong(&text.place, what, "the default is \",\"");
            b','
        }
    }
}

fn user_address_from(reader: &mut Reader<'_, '_>) -> Vec<AddressSource> {
    let Some(texts) = reader.texts("user-address-from") else {
        return vec![AddressSource::CallingStationId, AddressSource::TunnelClientEndpoint];
    };
    let mut from = Vec::new();
    for text in texts {
        match reader.word("user-address-from", &text, &AddressSource::WORDS) {
            Some(place) if from.contains(&place) => {
                let what = format!("user-address-from names \"{}\" twice", safe(text.value));
                reader.wrong(&text.place, what, "remove one of them");
            }
            Some(place) => from.push(place),
            None => {}
        }
    }
    from
}
