//! What the rules can see of a login.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::cidr::Prefix;
use crate::base::clock::UnixTime;
use crate::login::client::Client;
use crate::login::factor::FactorKinds;
use crate::login::identity::{Groups, Pseudonym};
use crate::login::policy::truth::Input;
use crate::login::relay::Method;

/// What a rule can see of a login.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// Where it asked: the name of the listener, or the address that is listened on.
    pub listener: Input<&'a str>,
    /// The address of the client's own connection, if it is known.
    pub source: Option<IpAddr>,
    /// The user's address, as far as it is known.
    pub user: UserAt,
    /// Where that address is.
    pub place: Place,
    /// Time of the decision.
    pub at: UnixTime,
    /// The kind of the first credential.
    pub first: Input<First>,
    /// Who it is; pending before the directory was asked.
    pub subject: Input<(&'a Pseudonym, &'a Groups)>,
    /// Only of these groups it is known whether the subject is in them; `None`: of all.
    pub groups_known: Option<&'a Groups>,
    /// As [`crate::login::identity::Account::aliases`]; none before the directory was asked.
    pub aliases: &'a [Box<str>],
    /// What was before this login; pending before the store was asked.
    pub past: Input<Past>,
    /// The kinds of factors that are enrolled; pending before the store was asked.
    pub enrolled: Input<FactorKinds>,
}

impl<'a> Facts<'a> {
    /// A login of `client` at `at` of which nothing else is known.
    #[must_use]
    pub const fn of(client: &'a Client, at: UnixTime) -> Self {
        Self {
            client,
            listener: Input::Unknown,
            source: None,
            user: UserAt::Unknown,
            place: Place::NOWHERE,
            at,
            first: Input::Unknown,
            subject: Input::Pending,
            groups_known: None,
            aliases: &[],
            past: Input::Pending,
            enrolled: Input::Pending,
        }
    }
}

/// The user's own address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAt {
    /// This one.
    Address(IpAddr),
    /// One of these; what the audit keeps of an address.
    Within(Prefix),
    /// The client gave none.
    Unknown,
}

impl From<Option<IpAddr>> for UserAt {
    fn from(address: Option<IpAddr>) -> Self {
        address.map_or(Self::Unknown, Self::Address)
    }
}

/// What is shown in place of a password, or a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// A password that somebody checks.
    Password,
    /// The client has checked it itself.
    Trusted,
    /// A proof that an upstream checks.
    Relayed(Method),
    /// A certificate of TLS.
    Certificate,
}

impl First {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Password,
        Self::Trusted,
        Self::Relayed(Method::Chap),
        Self::Relayed(Method::MsChap),
        Self::Relayed(Method::MsChap2),
        Self::Relayed(Method::Eap),
        Self::Certificate,
    ];

    /// Its word in the configuration and the audit.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Trusted => "trusted",
            Self::Relayed(method) => method.code(),
            Self::Certificate => "certificate",
        }
    }
}

/// A country by the two letters of ISO 3166-1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads two ASCII letters of either case.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let letters: [u8; 2] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_alphabetic).then(|| Self(letters.map(|c| c.to_ascii_uppercase())))
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where an address is, as the databases of the configuration say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The country; unknown without a database and for an address that is not in it.
    pub country: Input<Country>,
    /// The number of the autonomous system.
    pub asn: Input<u32>,
}

impl Place {
    /// Nothing is known.
    pub const NOWHERE: Self = Self { country: Input::Unknown, asn: Input::Unknown };
}

/// What was before this login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// Nobody was ever let in as this subject.
    pub first_login: bool,
    /// It was not let in from this network yet; unknown without a user address, or when networks are not remembered.
    pub new_network: Input<bool>,
    /// Whole days since the last login; unknown of the first one.
    pub last_login_days: Input<u32>,
}

/// Names that rules give to things, shared by those who name them.
pub type Names = Vec<Arc<str>>;
