//! A client that speaks RADIUS.

use std::time::Duration;

use crate::base::cidr::Prefix;
use crate::base::report::Place;
use crate::base::secret::Secret;
use crate::base::table::Reader;
use crate::base::text::{is_hidden, safe};
use crate::config::client::{Named, charset, entry, relay};
use crate::config::reply::{CHOICES, WITHOUT};
use crate::config::secret::{Found, Surroundings, read};
use crate::config::settings::{RadiusClientSettings, SecretSource};
use crate::frontend::radius::address::AddressSource;
use crate::frontend::radius::clients::MessageAuthenticator;
use crate::login::client::{Capabilities, Client, PrimaryKind, Typed, WhenUnable};

/// The port for orders to devices (RFC 5176 section 3).
const DISCONNECT_PORT: u16 = 3799;

const SECOND: Duration = Duration::from_secs(1);

/// What a user is asked unless the client says otherwise.
const PROMPT: &str = "Enter the code from your app:";

/// Longest prompt in bytes; it must fit into one Reply-Message (RFC 2865 section 5.18).
pub(in crate::config::client) const LONGEST_PROMPT: usize = 253;

/// The words of `primary`.
pub(in crate::config) const PRIMARIES: [(&str, PrimaryKind); 3] = [
    ("directory", PrimaryKind::Directory),
    ("trusted", PrimaryKind::CheckedByClient),
    ("upstream", PrimaryKind::Upstream),
];
/// The words of `message-authenticator`.
pub(in crate::config) const AUTHENTICATORS: [(&str, MessageAuthenticator); 3] = [
    ("required", MessageAuthenticator::Required),
    ("auto", MessageAuthenticator::Auto),
    ("off", MessageAuthenticator::Off),
];
/// The words of `when-unable`.
pub(in crate::config) const UNABLE: [(&str, WhenUnable); 2] =
    [("silence", WhenUnable::Silence), ("reject", WhenUnable::Reject)];

/// Where the things stand that are compared with other tables.
#[derive(Default)]
pub(in crate::config) struct Places {
    pub(in crate::config) secret: Option<Place>,
    pub(in crate::config) previous_secret: Option<Place>,
    pub(in crate::config) message_authenticator: Option<Place>,
    pub(in crate::config) limit_proxy_state: Option<Place>,
    pub(in crate::config) disconnect: Option<Place>,
    pub(in crate::config) relay: relay::Places,
    pub(in crate::config) reply_rules: Option<Place>,
    pub(in crate::config) without_reply_rule: Option<Place>,
}

/// Reads what RADIUS needs besides a name, a directory and `addresses`.
pub(in crate::config::client) fn settle(
    reader: &mut Reader<'_, '_>,
    named: Named<'_>,
    addresses: Vec<Prefix>,
    around: Surroundings<'_>,
) -> (Client, RadiusClientSettings, Places) {
    if reader.node("addresses").is_none() {
        reader.missing("addresses", "for example addresses = [\"192.0.2.10\", \"2001:db8::/64\"]");
    }
    let secret = read(reader, "secret", around);
    if secret.is_none() && reader.node("secret").is_none() {
        reader.missing("secret", "write secret = { file = \"…\" }; openssl rand -base64 24 makes a good one");
    }
    let previous = read(reader, "previous-secret", around);
    let (login, relay, relay_places) = login(reader, named);
    let place_of = |key: &str| reader.node(key).map(|node| node.place.clone());
    let mut places = Places {
        message_authenticator: place_of("message-authenticator"),
        limit_proxy_state: place_of("limit-proxy-state"),
        disconnect: place_of("disconnect-port"),
        relay: relay_places,
        reply_rules: place_of("reply-rules"),
        without_reply_rule: place_of("without-reply-rule"),
        ..Places::default()
    };
    let (secret, secret_from) = parts(secret, &mut places.secret);
    let (previous_secret, previous_secret_from) = match previous {
        Some(found) => {
            places.previous_secret = Some(found.place);
            (Some(found.secret), Some(found.from))
        }
        None => (None, None),
    };
    let settings = RadiusClientSettings {
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
        password_charset: charset::read(reader),
        ways: relay.ways,
        passing: relay.passing,
        reply_rules: word(reader, "reply-rules", &CHOICES),
        without_reply_rule: word(reader, "without-reply-rule", &WITHOUT),
        disconnect_port: reader
            .node("disconnect-port")
            .map(|_| reader.port("disconnect-port", DISCONNECT_PORT)),
    };
    (login, settings, places)
}

/// One of a few words under `key`, for which nothing is assumed.
fn word<T: Copy>(reader: &mut Reader<'_, '_>, key: &str, words: &[(&str, T)]) -> Option<T> {
    let text = reader.text(key)?;
    reader.word(key, &text, words)
}

/// Without a secret there is an error already, and the settings are not used.
fn parts(found: Option<Found>, place: &mut Option<Place>) -> (Secret, SecretSource) {
    match found {
        Some(found) => {
            *place = Some(found.place);
            (found.secret, found.from)
        }
        None => (Secret::new(Vec::new()), SecretSource::Env("".into())),
    }
}

fn login(reader: &mut Reader<'_, '_>, named: Named<'_>) -> (Client, relay::Relay, relay::Places) {
    let primary = reader.choice("primary", &PRIMARIES, PrimaryKind::Directory);
    let entry = entry::asked(reader);
    if let Some(node) = reader.node("code-entry")
        && primary == PrimaryKind::CheckedByClient
        && entry.typed != Typed::Nothing
    {
        let what = "code-entry splits the password, but with primary = \"trusted\" no password is sent";
        reader.wrong(&node.place, what, "leave code-entry out: the field holds the code, or nothing yet");
    }
    let (relay, mut places) = relay::settle(reader, primary, entry.challenge);
    let (new_password, change_at) = relay::new_password(reader, primary, entry.challenge);
    places.change_password = change_at;
    let client = Client {
        name: named.name.into(),
        directory: named.directory.into(),
        groups: named.groups,
        order: named.order,
        primary,
        entry,
        prompt: prompt(reader).into(),
        can: Capabilities {
            prompts: entry.challenge,
            prompts_relayed: relay.prompts_relayed,
            tells_address: true,
        },
        login_timeout: named.login_timeout,
        challenge_life: reader.duration("challenge-life", 10 * SECOND..=600 * SECOND, 120 * SECOND),
        reject_delay: named.reject_delay,
        renaming: named.renaming,
        when_unable: reader.choice("when-unable", &UNABLE, WhenUnable::Silence),
        remember: None,
        upstream: relay.upstream.clone(),
        trusts_outer_name: relay.trusts_outer_name,
        new_password,
        badges: reader.flag("class", true),
        ..Client::new("", "")
    };
    (client, relay, places)
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
