//! What a login carries for a server that checks credentials in our stead: opaque here. The front end that made a
//! [`Passage`] and the one that asks the server know what is inside, and so do they of [`Held`].

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::login::identity::LoginName;
use crate::login::step::PrimaryOutcome;

/// What a device's request brought that goes on to an upstream.
#[derive(Clone)]
pub struct Passage(Arc<dyn Any + Send + Sync>);

/// What an upstream answered: kept until the login is granted, and gone with the login otherwise.
#[derive(Clone)]
pub struct Held(Arc<dyn Any + Send + Sync>);

impl Passage {
    /// Wraps what is to go on.
    #[must_use]
    pub fn new(inside: impl Any + Send + Sync) -> Self {
        Self(Arc::new(inside))
    }

    /// What is inside, if it is a `T`.
    #[must_use]
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl Held {
    /// Wraps what was answered.
    #[must_use]
    pub fn new(inside: impl Any + Send + Sync) -> Self {
        Self(Arc::new(inside))
    }

    /// What is inside, if it is a `T`.
    #[must_use]
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passage(…)")
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held(…)")
    }
}

/// A way to log in whose proof only an upstream can check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// CHAP (RFC 2865 section 5.3).
    Chap,
    /// MS-CHAP (RFC 2548 section 2.1.3).
    MsChap,
    /// MS-CHAP version 2 (RFC 2548 section 2.3.2).
    MsChap2,
    /// EAP (RFC 3579): takes several rounds, and the name that the device tells may be made up.
    Eap,
}

impl Method {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Chap, Self::MsChap, Self::MsChap2, Self::Eap];

    /// The fixed word in the configuration, in log and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Chap => "chap",
            Self::MsChap => "ms-chap",
            Self::MsChap2 => "ms-chap-v2",
            Self::Eap => "eap",
        }
    }
}

/// What an upstream answered, and what its answer means.
#[derive(Debug)]
pub struct Heard {
    /// What it means.
    pub said: Said,
    /// The answer itself.
    pub held: Held,
}

/// What the answer of an upstream means.
#[derive(Debug, Clone)]
pub enum Said {
    /// The proof is right.
    Yes {
        /// Whose it is, where the upstream says so.
        name: Option<LoginName>,
    },
    /// It is not, or the account may not be used; never [`PrimaryOutcome::Correct`].
    No(PrimaryOutcome),
    /// It asks something before it decides.
    More,
}
