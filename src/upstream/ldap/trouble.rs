//! Why a server was of no help, and what is said about it: whose move it is.

use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::connection::Broken;
use crate::upstream::ldap::dial::Endpoint;
use crate::wire::ldap::result::ResultCode;

/// Why a server was of no help.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// No answer.
    Broken(Broken),
    /// It answered that it does not want us; asking again is of no use.
    Refused(Fault),
}

impl Trouble {
    /// The same, knowing whether the server had all the time that it may take: then no answer is a sign.
    pub(crate) fn after(self, had_its_time: bool) -> Self {
        match self {
            Self::Broken(Broken::Late) if had_its_time => Self::Broken(silent()),
            Self::Broken(_) | Self::Refused(_) => self,
        }
    }
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// Why a bind has no answer, told apart by whether the server may have seen the password (B-087).
#[derive(Debug)]
pub(crate) enum BindTrouble {
    /// It cannot have: another server may be asked.
    NotAsked(Trouble),
    /// It may have: nobody else is asked.
    Asked(Trouble),
}

/// A server that lets all its time pass.
pub(crate) fn silent() -> Broken {
    Broken::Transport("no sign of life in time".into())
}

/// What the answer to the service account's bind means; `None` when it is bound.
pub(crate) fn service_refused(directory: &str, server: &Endpoint, code: ResultCode) -> Option<Trouble> {
    match code {
        ResultCode::SUCCESS => None,
        ResultCode::BUSY | ResultCode::UNAVAILABLE => Some(Trouble::Broken(Broken::Disconnected(code))),
        ResultCode::INVALID_CREDENTIALS | ResultCode::INVALID_DN_SYNTAX | ResultCode::NO_SUCH_OBJECT => {
            Some(Trouble::Refused(Fault::new(
                FaultKind::DirectoryRefusedUs,
                format!(
                    "directory \"{directory}\": {server} refused the service account with {code}; check bind-dn and bind-password"
                ),
            )))
        }
        code => Some(Trouble::Refused(refused(directory, server, "the service account's bind", code))),
    }
}

/// A result that is no answer to what was asked.
pub(crate) fn refused(directory: &str, server: &Endpoint, what: &str, code: ResultCode) -> Fault {
    let (kind, advice) = match code {
        ResultCode::STRONGER_AUTH_REQUIRED | ResultCode::CONFIDENTIALITY_REQUIRED => (
            FaultKind::DirectoryRefusedUs,
            "it wants TLS before a password: set tls = \"ldaps\" or tls = \"starttls\"",
        ),
        ResultCode::AUTH_METHOD_NOT_SUPPORTED => {
            (FaultKind::DirectoryRefusedUs, "it does not take simple binds: allow them over TLS there")
        }
        ResultCode::OPERATIONS_ERROR | ResultCode::INSUFFICIENT_ACCESS_RIGHTS => (
            FaultKind::DirectoryRefusedUs,
            "the service account may not read here: check bind-dn and its rights",
        ),
        ResultCode::REFERRAL => {
            (FaultKind::DirectoryRefusedUs, "it names other servers, which are not asked: check base-dn")
        }
        ResultCode::NO_SUCH_OBJECT | ResultCode::INVALID_DN_SYNTAX => {
            (FaultKind::DirectoryRefusedUs, "there is no such base: check base-dn and group-base-dn")
        }
        ResultCode::BUSY | ResultCode::UNAVAILABLE | ResultCode::TIME_LIMIT_EXCEEDED => {
            (FaultKind::DirectoryUnreachable, "it has too much to do; look at its load")
        }
        ResultCode::SIZE_LIMIT_EXCEEDED => (
            FaultKind::DirectoryConfusing,
            "an account has more groups than it gives at once: raise its limit, or use another group-lookup",
        ),
        _ => (FaultKind::DirectoryConfusing, "look into its log"),
    };
    Fault::new(kind, format!("directory \"{directory}\": {server} answered {what} with {code}; {advice}"))
}

/// What is said when no server helped.
pub(crate) fn unhelped(directory: &str, tried: usize, last: Option<(&Endpoint, Trouble)>) -> Fault {
    match last {
        None => Fault::new(
            FaultKind::DirectoryUnreachable,
            format!("directory \"{directory}\": no time was left to ask a server"),
        ),
        Some((_, Trouble::Refused(fault))) => fault,
        Some((server, Trouble::Broken(broken))) => {
            let kind = match broken {
                Broken::Transport(_) | Broken::Disconnected(_) | Broken::Late => {
                    FaultKind::DirectoryUnreachable
                }
                Broken::Protocol(_) | Broken::TooLarge => FaultKind::DirectoryConfusing,
                Broken::Full => FaultKind::Overloaded,
                Broken::Unsendable => FaultKind::Internal,
            };
            let others = match tried {
                0 | 1 => String::new(),
                _ => format!("none of {tried} servers tried was of help; "),
            };
            Fault::new(kind, format!("directory \"{directory}\": {others}{server}: {broken}"))
        }
    }
}
