//! Why a server was of no help, and what is said about it: whose move it is.

use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::connection::{Broken, Step};
use crate::upstream::ldap::dial::Endpoint;
use crate::wire::ldap::message::LdapResult;
use crate::wire::ldap::result::{ResultCode, bind_data};

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
            Self::Broken(Broken::Late(step)) if had_its_time => Self::Broken(silent(step)),
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
pub(crate) fn silent(step: Step) -> Broken {
    Broken::Transport(step.to_string())
}

/// What the answer to the service account's bind means; `None` when it is bound.
///
/// Active Directory's numbers are hints for the text alone (B-084): without them the text says less.
pub(crate) fn service_refused(
    directory: &str,
    server: &Endpoint,
    result: &LdapResult<'_>,
) -> Option<Trouble> {
    let code = result.code;
    let advice = match (code, bind_data(result.diagnostic)) {
        (ResultCode::SUCCESS, _) => return None,
        (ResultCode::BUSY | ResultCode::UNAVAILABLE, _) => {
            return Some(Trouble::Broken(Broken::Disconnected(code)));
        }
        (ResultCode::INVALID_CREDENTIALS, _) if wants_binding(result) => CHANNEL_BINDING_ADVICE,
        (ResultCode::INVALID_CREDENTIALS, Some(data)) => about_service(data),
        (ResultCode::INVALID_CREDENTIALS | ResultCode::INVALID_DN_SYNTAX | ResultCode::NO_SUCH_OBJECT, _) => {
            "check bind-dn and bind-password"
        }
        (ResultCode::INAPPROPRIATE_AUTHENTICATION, _) => "the account has no password: check bind-dn",
        _ => return Some(Trouble::Refused(refused(directory, server, "the service account's bind", code))),
    };
    let what =
        format!("directory \"{directory}\": {server} refused the service account with {code}; {advice}");
    Some(Trouble::Refused(Fault::new(FaultKind::DirectoryRefusedUs, what)))
}

/// What to do about the service account, by Active Directory's number (B-084).
const fn about_service(data: u32) -> &'static str {
    match data {
        0x525 => "there is no such account: check bind-dn",
        0x52e => "its password is wrong: check bind-password, or bind-dn if that is right",
        0x52f | 0x568 | 0x569 => {
            "a policy of the domain forbids it to log on: look at its restrictions there"
        }
        0x530 => "it may not log on at this hour: allow it all hours there",
        0x531 => "it may not log on from here: look at the list of its workstations there",
        0x532 | 0x773 => "its password must be changed: set a new one there, and in bind-password",
        0x533 => "it is disabled: enable it there",
        0x701 => "it has expired: extend it there",
        0x775 => "it is locked: unlock it there, and look for who else uses it with an old password",
        _ => "check bind-dn and bind-password",
    }
}

/// SEC_E_BAD_BINDINGS: the bind is not tied to its TLS, and the domain controller wants that. The number stands at the
/// beginning of its text, too.
fn wants_binding(result: &LdapResult<'_>) -> bool {
    result.code == ResultCode::INVALID_CREDENTIALS
        && (result.diagnostic.starts_with(b"80090346") || bind_data(result.diagnostic) == Some(0x8009_0346))
}

const CHANNEL_BINDING_ADVICE: &str = "it demands channel binding, which a bind with a password cannot give: set \
     LdapEnforceChannelBinding to 1 (when supported) on the domain controllers";

/// A bind that was refused whatever its password, because the server wants it tied to its TLS: never "wrong
/// password" (B-089).
pub(crate) fn wants_channel_binding(
    directory: &str,
    server: &Endpoint,
    result: &LdapResult<'_>,
) -> Option<Fault> {
    wants_binding(result).then(|| {
        let what = format!("directory \"{directory}\": {server} refused a bind; {CHANNEL_BINDING_ADVICE}");
        Fault::new(FaultKind::DirectoryRefusedUs, what)
    })
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
                Broken::Transport(_) | Broken::Disconnected(_) | Broken::Late(_) => {
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
