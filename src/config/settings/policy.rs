//! What rules name, and what is expected of them.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::base::cidr::Prefix;
use crate::base::clock::UnixTime;
use crate::base::report::Place;
use crate::login::factor::FactorKinds;
use crate::login::identity::Pseudonym;
use crate::login::policy::calendar::Span;
use crate::login::policy::facts::Country;
use crate::login::policy::window::NamedCalendar;
use crate::login::policy::{First, Input, Network, Requirement, UserAt};

/// `[[network]]`
#[derive(Debug, Clone)]
pub struct NetworkSettings {
    /// Name and all prefixes, as the rules have it.
    pub network: Arc<Network>,
    /// Those of them that stand in the configuration.
    pub prefixes: Vec<Prefix>,
    /// Where the others stand.
    pub file: Option<PathBuf>,
}

/// `[[calendar]]`
#[derive(Debug, Clone)]
pub struct CalendarSettings {
    /// Name and all times, as the rules have it.
    pub calendar: Arc<NamedCalendar>,
    /// On whose clock days begin.
    pub zone: TimeZone,
    /// `days`, as they were written.
    pub days: Vec<Box<str>>,
    /// `times`, as they were written.
    pub times: Vec<Box<str>>,
    /// Both of them.
    pub spans: Vec<Span>,
    /// Where others stand.
    pub file: Option<PathBuf>,
}

/// `[geo]`: databases in the MaxMind format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GeoSettings {
    /// Addresses and their countries.
    pub country: Option<PathBuf>,
    /// Addresses and their autonomous systems.
    pub asn: Option<PathBuf>,
}

/// `[[expect]]`: a login, and what the rules are meant to do with it.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Its name.
    pub name: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// The same as `file:line:column`.
    pub line: String,
    /// Who logs in; `None`: somebody in no group.
    pub subject: Option<ExpectedSubject>,
    /// The client, which there is.
    pub client: Arc<str>,
    /// The name of the listener, or the address that is listened on.
    pub listener: Option<Arc<str>>,
    /// The user's address.
    pub from: UserAt,
    /// Its country, in place of what the database says; pending where nothing is said.
    pub country: Input<Country>,
    /// Its autonomous system, in place of what the database says; pending where nothing is said.
    pub asn: Input<u32>,
    /// When; `None`: now.
    pub at: Option<UnixTime>,
    /// The first credential; `None`: the client's own.
    pub first: Option<First>,
    /// What is enrolled.
    pub enrolled: Input<FactorKinds>,
    /// Whether nobody was ever let in as this subject.
    pub first_login: Input<bool>,
    /// Whether it was not let in from this network yet.
    pub new_network: Input<bool>,
    /// Whole days since the last login.
    pub last_login_days: Input<u32>,
    /// What must be demanded; at least this or the rule is given.
    pub then: Option<Requirement>,
    /// The rule that must decide, which there is.
    pub rule: Option<Arc<str>>,
}

/// Whose login an expectation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedSubject {
    /// Whoever has this login name at the client.
    User(Box<str>),
    /// This anonymous id.
    Subject(Pseudonym),
    /// Somebody in exactly these groups, by their keys.
    InGroups(Vec<Box<str>>),
}
