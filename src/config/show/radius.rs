//! What speaks RADIUS, at both ends.

use toml::Value;

use crate::base::cidr::Prefix;
use crate::base::table::friendly;
use crate::config::client::charset;
use crate::config::client::radius::{AUTHENTICATORS, PRIMARIES, UNABLE};
use crate::config::client::relay::{EAP_NAMES, NEW_PASSWORD};
use crate::config::reply::{CHOICES, WITHOUT};
use crate::config::settings::{AccountingSettings, RadiusClientSettings, UpstreamSettings};
use crate::config::show::{list, source, table, word};
use crate::config::upstream::AUTHENTICATORS as SIGNED;
use crate::frontend::radius::address::AddressSource;
use crate::frontend::radius::method::Way;
use crate::login::client::Client;
use crate::login::relay::Method;

/// What a client has that speaks RADIUS.
pub(super) fn radius_client(login: &Client, radius: &RadiusClientSettings, pairs: &mut Vec<(&str, Value)>) {
    let word_of =
        |from: &AddressSource| AddressSource::WORDS.iter().find(|(_, known)| known == from).map(|(w, _)| *w);
    pairs.extend([
        ("protocol", "radius".into()),
        ("addresses", list(radius.addresses.iter().map(Prefix::to_string))),
        ("secret", source(&radius.secret_from)),
        ("primary", word(&PRIMARIES, login.primary)),
        ("message-authenticator", word(&AUTHENTICATORS, radius.message_authenticator)),
        ("limit-proxy-state", radius.limit_proxy_state.into()),
        ("when-unable", word(&UNABLE, login.when_unable)),
        ("password-charset", charset::shown(&radius.password_charset)),
        ("user-address-from", list(radius.user_address_from.iter().filter_map(word_of))),
    ]);
    if let Some(from) = &radius.previous_secret_from {
        pairs.push(("previous-secret", source(from)));
    }
    if let Some(choice) = radius.reply_rules {
        pairs.push(("reply-rules", word(&CHOICES, choice)));
    }
    if let Some(without) = radius.without_reply_rule {
        pairs.push(("without-reply-rule", word(&WITHOUT, without)));
    }
    if let Some(port) = radius.disconnect_port {
        pairs.push(("disconnect-port", i64::from(port).into()));
    }
    pairs.push(("class", login.badges.into()));
    relayed(login, radius, pairs);
    if let Some(prompts) = &login.new_password {
        pairs.push(("change-password", true.into()));
        for ((key, _), text) in NEW_PASSWORD.iter().zip([&prompts.new, &prompts.again, &prompts.refused]) {
            pairs.push((key, (**text).into()));
        }
    }
}

/// What is of meaning only where logins go on.
fn relayed(login: &Client, radius: &RadiusClientSettings, pairs: &mut Vec<(&str, Value)>) {
    let Some(upstream) = &login.upstream else { return };
    pairs.extend([
        ("upstream", (**upstream).into()),
        ("methods", Value::Array(radius.ways.iter().map(|way| word(&Way::WORDS, *way)).collect())),
    ]);
    let speaks = |fits: fn(Method) -> bool| {
        radius.ways.iter().any(|way| matches!(way, Way::Relayed(method) if fits(*method)))
    };
    if speaks(|method| method != Method::Eap) {
        pairs.push(("challenge-after-ms-chap", login.can.prompts_relayed.into()));
    }
    if speaks(|method| method == Method::Eap) {
        pairs.push(("eap-name", word(&EAP_NAMES, login.trusts_outer_name)));
    }
    if !radius.passing.list.is_empty() {
        pairs.push(("pass-attributes", list(radius.passing.list.iter().map(|passed| passed.name()))));
        pairs.push(("administrative-attributes", radius.passing.administrative.into()));
    }
}

/// `[accounting]`
pub(super) fn accounting(settings: &AccountingSettings) -> Vec<(&'static str, Value)> {
    let mut pairs = vec![
        ("listen", list(settings.listen.iter().map(ToString::to_string))),
        ("session-life", friendly(settings.session_life).into()),
    ];
    if let Some(relay) = &settings.relay {
        pairs.push(("relay", (**relay).into()));
    }
    pairs
}

/// An upstream.
pub(super) fn upstream(upstream: &UpstreamSettings) -> Value {
    table(vec![
        ("name", (*upstream.name).into()),
        ("servers", list(upstream.servers.iter().map(ToString::to_string))),
        ("secret", source(&upstream.secret_from)),
        ("message-authenticator", word(&SIGNED, upstream.signed_only)),
        ("server-timeout", friendly(upstream.server_timeout).into()),
        ("status-server", upstream.status_server.into()),
        ("nas-identifier", (*upstream.nas_identifier).into()),
        ("accounting-port", i64::from(upstream.accounting_port).into()),
    ])
}
