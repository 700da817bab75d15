//! A configured asker and what it is able to do.

use std::sync::Arc;
use std::time::Duration;

use crate::login::rename::Renaming;
use crate::login::telling::Telling;

/// A client as a login sees it. Addresses and shared secrets stay in its front end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name in the configuration, in rules, audit and metrics.
    pub name: Arc<str>,
    /// Groups of clients that it belongs to.
    pub groups: Vec<Arc<str>>,
    /// What it speaks.
    pub protocol: Protocol,
    /// The directory that knows its users.
    pub directory: Arc<str>,
    /// What is checked first.
    pub order: Order,
    /// Who checks the password.
    pub primary: PrimaryKind,
    /// How its users give a code.
    pub entry: CodeEntry,
    /// What the user is asked when a code is missing.
    pub prompt: Arc<str>,
    /// What its protocol and product are able to do.
    pub can: Capabilities,
    /// Time for one round, from the request to the answer.
    pub login_timeout: Duration,
    /// How long a question stays open.
    pub challenge_life: Duration,
    /// A rejection leaves no sooner than this after its request came, whatever the cause (A-077, D-100).
    pub reject_delay: Duration,
    /// What to do when we could not find out.
    pub when_unable: WhenUnable,
    /// How long a confirmed factor counts again for the same password field from the same place (B-046).
    pub remember: Option<Duration>,
    /// The upstream that checks what its users show, with [`PrimaryKind::Upstream`].
    pub upstream: Option<Arc<str>>,
    /// In EAP the name outside the tunnel is taken for the person's own. It may be made up: only right where the
    /// upstream refuses one that is not.
    pub trusts_outer_name: bool,
    /// What people are asked whose password has expired; without it they are turned away.
    pub new_password: Option<NewPasswordPrompts>,
    /// What becomes of the names that it sends before anybody is looked up.
    pub renaming: Renaming,
    /// What it is told about whom it lets in.
    pub telling: Option<Telling>,
    /// It is given a sealed note of each login, which its accounting brings back.
    pub badges: bool,
}

/// The questions to somebody who has to choose a new password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasswordPrompts {
    /// For the new password.
    pub new: Arc<str>,
    /// For the same once more.
    pub again: Arc<str>,
    /// Before the first question, when what was chosen was not taken.
    pub refused: Arc<str>,
}

impl Client {
    /// A client that may do little: its directory checks passwords, a code stands at their end, nothing is asked.
    #[must_use]
    pub fn new(name: &str, directory: &str) -> Self {
        Self {
            name: name.into(),
            groups: Vec::new(),
            protocol: Protocol::Radius,
            directory: directory.into(),
            order: Order::PasswordFirst,
            primary: PrimaryKind::Directory,
            entry: CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } },
            prompt: "".into(),
            can: Capabilities { prompts: false, prompts_relayed: false, tells_address: false },
            login_timeout: Duration::from_secs(20),
            challenge_life: Duration::from_secs(120),
            reject_delay: Duration::from_secs(1),
            when_unable: WhenUnable::Silence,
            remember: None,
            upstream: None,
            trusts_outer_name: false,
            new_password: None,
            renaming: Renaming::default(),
            telling: None,
            badges: false,
        }
    }
}

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RADIUS.
    Radius,
    /// LDAP.
    Ldap,
}

impl Protocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Radius, Self::Ldap];

    /// Its word in the configuration and the audit.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Radius => "radius",
            Self::Ldap => "ldap",
        }
    }
}

/// What is checked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The password: who does not know it is asked for no code and locks no factor (C-004).
    PasswordFirst,
    /// The code: passwords are sent to the directory only by who has the factor (D-101, D-108).
    FactorFirst,
}

/// Who checks the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrimaryKind {
    /// The client's directory.
    Directory,
    /// The client itself; it sends the code alone.
    CheckedByClient,
    /// [`Client::upstream`]; the directory says who somebody is.
    Upstream,
}

/// How a code is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeEntry {
    /// It may be asked for.
    pub challenge: bool,
    /// It may stand in the password field.
    pub typed: Typed,
}

/// Where in the password field a code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// Nowhere.
    Nothing,
    /// At the end, this many digits.
    Appended {
        /// 6 to 8.
        digits: u8,
    },
    /// After the last separator.
    Separated {
        /// An ASCII character that is no letter and no digit.
        separator: u8,
    },
}

/// Differences between protocols and products as abilities, so that the core never asks "is it RADIUS?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It can put a question to the user.
    pub prompts: bool,
    /// It can do so after CHAP and MS-CHAP too. After EAP nothing can.
    pub prompts_relayed: bool,
    /// It can tell the user's own address. Where the protocol has no place for it, all logins of a client would
    /// share the one bucket of unknown addresses.
    pub tells_address: bool,
}

/// What a client hears when we could not find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenUnable {
    /// Nothing, so that it tries its next server.
    Silence,
    /// A rejection.
    Reject,
}
