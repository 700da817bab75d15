//! What would be known of a login that is only asked about: the store and the directory say it, unless the question does.

use crate::cli::policy::recorded;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::identity::{Groups, group_key};
use crate::login::policy::{Country, First, Input, Past, Place, UserAt};
use crate::login::step::History;

/// What is asked about in place of what is so.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What if")]
pub(super) struct WhatIf {
    /// Where it would come in: the name of a listener, or the address that is listened on.
    #[arg(long, value_name = "NAME")]
    pub(super) listener: Option<String>,
    /// The first credential: password, trusted, chap, ms-chap, ms-chap-v2, eap or certificate.
    #[arg(long, value_name = "KIND", value_parser = first)]
    pub(super) first_credential: Option<First>,
    /// The country of the user's address, by its two letters, or "unknown"; without it, what the databases say.
    #[arg(long, value_name = "CODE", value_parser = country)]
    country: Option<Input<Country>>,
    /// The autonomous system of the user's address, or "unknown"; without it, what the databases say.
    #[arg(long, value_name = "NUMBER", value_parser = asn)]
    asn: Option<Input<u32>>,
    /// A group that the user is in as well; may be repeated.
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// A kind of factor that is enrolled, or "nothing"; may be repeated.
    #[arg(long, value_name = "KIND", value_parser = ["totp", "hotp", "recovery", "nothing"], hide_possible_values = true)]
    enrolled: Vec<String>,
    /// Whether it would be the first login of all.
    #[arg(long, value_name = "BOOL")]
    first_login: Option<bool>,
    /// Whether the user was never let in from this network.
    #[arg(long, value_name = "BOOL")]
    new_network: Option<bool>,
    /// Days since the last login.
    #[arg(long, value_name = "N")]
    last_login_days: Option<u32>,
}

fn first(word: &str) -> Result<First, String> {
    recorded::first(word).ok_or_else(|| {
        let words: Vec<&str> = First::ALL.iter().map(|first| first.word()).collect();
        format!("there are: {}", words.join(", "))
    })
}

fn country(text: &str) -> Result<Input<Country>, String> {
    if text == UNKNOWN {
        return Ok(Input::Unknown);
    }
    Country::new(text).map(Input::Known).ok_or_else(|| "two letters, such as TR, or \"unknown\"".to_owned())
}

fn asn(text: &str) -> Result<Input<u32>, String> {
    if text == UNKNOWN {
        return Ok(Input::Unknown);
    }
    text.parse().map(Input::Known).map_err(|_| "a number, such as 64496, or \"unknown\"".to_owned())
}

/// The word for what nobody knows.
const UNKNOWN: &str = "unknown";

impl WhatIf {
    /// The kinds that are enrolled.
    pub(super) fn enrolled(&self, so: FactorKinds) -> FactorKinds {
        if self.enrolled.is_empty() {
            return so;
        }
        self.enrolled.iter().filter_map(|word| FactorKind::from_word(word)).collect()
    }

    /// The groups of the account, and those that it is to be in.
    pub(super) fn groups(&self, so: &Groups) -> Groups {
        so.iter().cloned().chain(self.group.iter().map(|name| group_key(name))).collect()
    }

    /// Where the user is.
    pub(super) fn place(&self, so: Place) -> Place {
        Place { country: self.country.unwrap_or(so.country), asn: self.asn.unwrap_or(so.asn) }
    }

    /// What was before. `today` counts days from the epoch.
    pub(super) fn past(&self, history: &History, user: UserAt, today: i64) -> Past {
        let ago = history.last_day.map(|day| today.saturating_sub(day));
        let ago = ago.and_then(|days| u32::try_from(days).ok());
        let days = self.last_login_days.or(ago);
        let new_network = match user {
            UserAt::Unknown => Input::Unknown,
            UserAt::Address(_) | UserAt::Within(_) => self.new_network.into(),
        };
        Past {
            first_login: self.first_login.unwrap_or(self.last_login_days.is_none() && ago.is_none()),
            new_network,
            last_login_days: if self.first_login == Some(true) { Input::Unknown } else { days.into() },
        }
    }
}
