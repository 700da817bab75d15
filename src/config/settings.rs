//! Everything valid, as used.

mod policy;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::base::cidr::Prefix;
use crate::base::secret::Secret;
use crate::base::stamp::Stamp;
pub use crate::config::settings::policy::{
    CalendarSettings, Expectation, ExpectedSubject, GeoSettings, NetworkSettings,
};
use crate::directory::file::Users;
use crate::directory::ldap::LdapSettings;
use crate::frontend::ldap::clients::LdapClient;
use crate::frontend::ldap::limits::LdapLimits;
use crate::frontend::ldap::listener::ListenerSettings;
use crate::frontend::radius::address::AddressSource;
use crate::frontend::radius::charset::Charset;
use crate::frontend::radius::clients::MessageAuthenticator;
use crate::frontend::radius::method::Way;
use crate::frontend::radius::passing::Passing;
use crate::frontend::radius::reply::{Choice, Without};
use crate::gateway::admit::AdmissionLimits;
use crate::gateway::spray::SprayLimits;
use crate::login::client::Client;
use crate::login::policy::{Policy, Window};
use crate::login::relay::Method;
use crate::login::throttle::FlowLimits;

/// The whole configuration.
#[derive(Debug)]
pub struct Settings {
    /// `[radius]`
    pub radius: RadiusSettings,
    /// `[accounting]`
    pub accounting: AccountingSettings,
    /// `[ldap]`
    pub ldap: LdapLimits,
    /// `[store]`: file of the embedded store.
    pub store: PathBuf,
    /// `[keys]`
    pub keys: KeyFile,
    /// `[subjects]`
    pub pseudonyms: Pseudonyms,
    /// How long it is remembered from which networks somebody was let in; `None`: not at all.
    pub remember_networks: Option<Duration>,
    /// `[audit]`
    pub audit: AuditSettings,
    /// `[log]`
    pub log: LogSettings,
    /// `[status]`: where metrics and health are served; always a loopback address.
    pub status: Option<SocketAddr>,
    /// `[limits]`
    pub limits: LimitSettings,
    /// `[drain]`: how long running logins may take to end when the program stops.
    pub drain_timeout: Duration,
    /// `[[directory]]`, with different names.
    pub directories: Vec<DirectorySettings>,
    /// `[[upstream]]`, with different names.
    pub upstreams: Vec<UpstreamSettings>,
    /// `[[listener]]`, with different names and addresses; at least one where a client speaks LDAP.
    pub listeners: Vec<LdapListener>,
    /// `[[client]]`, with different names; each names a directory that is there, and no two could both be meant.
    pub clients: Vec<ClientSettings>,
    /// `[[rule]]`, `[[exemption]]` and `[[on-fault]]`
    pub policy: Arc<Policy>,
    /// `[[network]]`, with different names.
    pub networks: Vec<NetworkSettings>,
    /// `[[window]]`, with different names.
    pub windows: Vec<Arc<Window>>,
    /// `[[calendar]]`, with different names.
    pub calendars: Vec<CalendarSettings>,
    /// `[geo]`
    pub geo: GeoSettings,
    /// `[[expect]]`, with different names.
    pub expectations: Vec<Expectation>,
    /// `[[reply]]` as they were written; the clients have them in [`Client::telling`].
    pub replies: Vec<toml::Table>,
}

impl Settings {
    /// The directories whose accounts bring the site's own anonymous number.
    #[must_use]
    pub fn numbered(&self) -> BTreeSet<Arc<str>> {
        match self.pseudonyms {
            Pseudonyms::Random => BTreeSet::new(),
            Pseudonyms::Attribute(_) => self.directories.iter().map(|d| Arc::clone(&d.name)).collect(),
        }
    }
}

/// `[accounting]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountingSettings {
    /// Where records are taken; nowhere without the table.
    pub listen: Vec<SocketAddr>,
    /// The upstream that they are passed on to, by name.
    pub relay: Option<Arc<str>>,
    /// How long a session is remembered that nothing is heard of.
    pub session_life: Duration,
}

/// `[keys]`: the file with the sealing keys. It may not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Where it lies.
    pub path: PathBuf,
    /// How that was written.
    pub from: SecretSource,
}

impl KeyFile {
    /// Whether nobody but its owner may be able to read it. Who may read a credential is the business of the
    /// service manager: systemd lets the service read it by an access list, which shows as mode 0440.
    #[must_use]
    pub const fn must_be_private(&self) -> bool {
        matches!(self.from, SecretSource::File(_))
    }
}

/// `[radius]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RadiusSettings {
    /// Where to listen; at least one where a client speaks RADIUS.
    pub listen: Vec<SocketAddr>,
    /// Number of threads that serve; 0 means one per core.
    pub workers: u32,
    /// How long the answer to a request is kept for repetitions of it.
    pub answer_memory: Duration,
}

/// Where pseudonyms come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pseudonyms {
    /// Drawn at random.
    Random,
    /// The site's own numbers: from this attribute of LDAP accounts, from `number` in users files.
    Attribute(Box<str>),
}

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// Where records go.
    pub to: AuditTarget,
    /// How many bits of an IPv4 address are kept.
    pub v4: u8,
    /// How many bits of an IPv6 address are kept.
    pub v6: u8,
}

/// Where audit records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditTarget {
    /// To the end of this file.
    File(PathBuf),
    /// To standard output.
    Stdout,
}

/// `[log]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// What is logged.
    pub level: LogLevel,
    /// How.
    pub format: LogFormat,
}

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// What somebody must act on now.
    Error,
    /// And what somebody must act on this week.
    Warn,
    /// And start, stop, reload, verdicts.
    Info,
    /// And each step of a login.
    Debug,
    /// And bytes, without secrets.
    Trace,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// `[limits]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSettings {
    /// `password` and `factor`
    pub failures: FlowLimits,
    /// How many logins at once, and how often.
    pub admission: AdmissionLimits,
    /// `spray`
    pub spray: SprayLimits,
}

/// `[[directory]]`
#[derive(Debug)]
pub struct DirectorySettings {
    /// Its name in clients, audit and log.
    pub name: Arc<str>,
    /// What it is.
    pub kind: DirectoryKind,
    /// What reply rules want to know of its accounts: attributes by their names, lower case.
    pub attributes: Vec<Box<str>>,
}

/// What a directory is.
#[derive(Debug)]
pub enum DirectoryKind {
    /// A file with users.
    File {
        /// The file.
        path: PathBuf,
        /// How the file was when it was read; `None` when it is to be read again in any case.
        stamp: Option<Stamp>,
        /// What was in it.
        users: Arc<Users>,
    },
    /// LDAP servers.
    Ldap {
        /// How to ask them.
        settings: Box<LdapSettings>,
        /// What was written, with the defaults, without secrets.
        shown: toml::Table,
    },
}

/// `[[upstream]]`
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// Its name in clients and log.
    pub name: Arc<str>,
    /// Its servers in the order of preference; at least one, at most eight.
    pub servers: Vec<SocketAddr>,
    /// The secret shared with all of them; never empty.
    pub secret: Secret,
    /// Where it is read from.
    pub secret_from: SecretSource,
    /// Whether replies must carry Message-Authenticator.
    pub signed_only: bool,
    /// Time for one server before the next is asked.
    pub server_timeout: Duration,
    /// Whether signs of life are asked for.
    pub status_server: bool,
    /// NAS-Identifier of requests whose device gave none.
    pub nas_identifier: Box<str>,
    /// The port of its servers for accounting.
    pub accounting_port: u16,
}

/// `[[listener]]`
#[derive(Debug)]
pub struct LdapListener {
    /// How to listen.
    pub settings: ListenerSettings,
    /// What was written, with the defaults, without secrets.
    pub shown: toml::Table,
}

/// `[[client]]`
#[derive(Debug)]
pub struct ClientSettings {
    /// What a login sees of it.
    pub login: Arc<Client>,
    /// What its protocol needs besides.
    pub protocol: ClientProtocol,
    /// `rewrite` as it was written, with what is expected of it.
    pub rewrite: Option<toml::Value>,
}

impl ClientSettings {
    /// The ways to log in that it may use: by a method that its upstream checks, or, as `None`, by a password.
    #[must_use]
    pub fn methods(&self) -> Vec<Option<Method>> {
        let method = |way: &Way| match way {
            Way::Pap => None,
            Way::Relayed(method) => Some(*method),
        };
        self.radius().map_or_else(|| vec![None], |radius| radius.ways.iter().map(method).collect())
    }

    /// What is needed for RADIUS, if that is what it speaks.
    #[must_use]
    pub fn radius(&self) -> Option<&RadiusClientSettings> {
        match &self.protocol {
            ClientProtocol::Radius(radius) => Some(radius),
            ClientProtocol::Ldap(_) => None,
        }
    }

    /// What is needed for LDAP, if that is what it speaks.
    #[must_use]
    pub fn ldap(&self) -> Option<&Arc<LdapClient>> {
        match &self.protocol {
            ClientProtocol::Radius(_) => None,
            ClientProtocol::Ldap(ldap) => Some(ldap),
        }
    }
}

/// What a client speaks.
#[derive(Debug)]
pub enum ClientProtocol {
    /// RADIUS.
    Radius(Box<RadiusClientSettings>),
    /// LDAP; the front end's own form of it.
    Ldap(Arc<LdapClient>),
}

/// A client that speaks RADIUS.
#[derive(Debug, Clone)]
pub struct RadiusClientSettings {
    /// Where its requests come from; at least one, none of them another such client's.
    pub addresses: Vec<Prefix>,
    /// The shared secret; never empty.
    pub secret: Secret,
    /// Where it is read from.
    pub secret_from: SecretSource,
    /// The secret before the last change, still good.
    pub previous_secret: Option<Secret>,
    /// Where that is read from.
    pub previous_secret_from: Option<SecretSource>,
    /// Whether requests must be authentic.
    pub message_authenticator: MessageAuthenticator,
    /// Whether a request with Proxy-State and without Message-Authenticator is dropped.
    pub limit_proxy_state: bool,
    /// Where the user's address is looked for, in this order (E-003).
    pub user_address_from: Vec<AddressSource>,
    /// How passwords are read (E-005).
    pub password_charset: Charset,
    /// The ways to log in that it may use.
    pub ways: Vec<Way>,
    /// Which attributes go on to it from its upstream.
    pub passing: Passing,
    /// How many of the reply rules that fit are used, where several can.
    pub reply_rules: Option<Choice>,
    /// What becomes of somebody whom no reply rule fits, where that can be.
    pub without_reply_rule: Option<Without>,
    /// The port where the device is told to end sessions (RFC 5176); `None`: it is told nothing.
    pub disconnect_port: Option<u16>,
}

/// Where a secret is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file that only its owner can read.
    File(PathBuf),
    /// A credential that the service manager hands over, by name.
    Credential(Box<str>),
    /// A variable of the environment, by name.
    Env(Box<str>),
}
