//! What may be passed on to the directory, in whose name, and what is refused.
//!
//! The directory judges what the person may do; here stands only what it cannot know: that a login was remembered,
//! that a connection is not encrypted, that an account is exempt and so may do little, that a comparison with a
//! password would be a bind without a second factor.

mod strike;

use std::net::IpAddr;
use std::sync::Arc;

use crate::frontend::ldap::clients::Allowed;
use crate::frontend::ldap::counters::{Operation, Refusal};
pub use crate::frontend::ldap::operations::strike::without_secrets;
use crate::frontend::ldap::secrets::{is_password, is_secret, speaks_of_secret};
use crate::login::attempt::AttemptId;
use crate::login::identity::Pseudonym;
use crate::wire::ldap::answer;
use crate::wire::ldap::ask::{
    Asked, BadFilter, Compared, ExtendedRequest, Modified, PasswordChange, Request,
};
use crate::wire::ldap::ber::Malformed;
use crate::wire::ldap::dn::Dn;
use crate::wire::ldap::message::{
    CANCEL, FAST_BIND, Message, PASSWORD_MODIFY, PROXIED_AUTHORIZATION_V1, PROXIED_AUTHORIZATION_V2,
    START_TLS, WHO_AM_I,
};
use crate::wire::ldap::result::ResultCode;

/// How deep filters may be nested (B-004).
pub const FILTER_DEPTH: usize = 64;

/// Extended operations that would get around what is judged here.
///
/// After a fast bind a connection checks passwords, in any number and for no second factor (B-088); so does the
/// verification of credentials that OpenLDAP can load. A batch (MS-ADTS 3.1.1.3.4.2.5), a bulk update (RFC 4373) and a
/// multi-update carry operations that would not be seen. After a turn (RFC 4531) the directory asks and the client
/// answers. FreeIPA sets and hands out the keys of Kerberos, which are as good as a password. The other two are ours to
/// answer.
const NEVER: [&str; 11] = [
    FAST_BIND,
    "1.3.6.1.4.1.4203.666.6.5",
    "2.16.840.1.113730.3.8.10.1",
    "2.16.840.1.113730.3.8.10.5",
    "1.2.840.113556.1.4.2212",
    "1.3.6.1.1.17.1",
    "1.3.6.1.1.17.5",
    "1.3.6.1.4.1.30221.2.6.17",
    "1.3.6.1.1.19",
    START_TLS,
    WHO_AM_I,
];

/// What the extended operations of eDirectory begin with that read and set passwords and secrets of logins.
const NEVER_BELOW: &[u8] = b"2.16.840.1.113719.1.39.42.100.";

/// Controls by which somebody would act as somebody else: both versions of proxied authorization, and the one by which
/// a proxy tells for whom it asks.
const OTHER_IDENTITIES: [&str; 3] =
    [PROXIED_AUTHORIZATION_V1, PROXIED_AUTHORIZATION_V2, "1.3.6.1.4.1.30221.2.5.2"];

/// Controls that leave nothing behind on a connection: ManageDsaIT (RFC 3296), domain scope, search options, security
/// descriptor flags, extended names, deleted entries (MS-ADTS 3.1.1.3.4.1), subentries (RFC 3672).
const STATELESS: [&str; 7] = [
    "2.16.840.1.113730.3.4.2",
    "1.2.840.113556.1.4.1339",
    "1.2.840.113556.1.4.1340",
    "1.2.840.113556.1.4.801",
    "1.2.840.113556.1.4.529",
    "1.2.840.113556.1.4.417",
    "1.3.6.1.4.1.4203.1.10.1",
];

/// What whoever is bound may do through us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// There is a connection to a directory that is bound as this person.
    pub has_upstream: bool,
    /// The client may change nothing.
    pub read_only: bool,
    /// The connection is under TLS.
    pub encrypted: bool,
    /// The second factor was confirmed by an earlier login (B-046).
    pub remembered: bool,
    /// It is an exempt account, and this is what it may do.
    pub exempt: Option<Allowed>,
}

impl Rights {
    /// Whether a change of the own password would be passed on (B-031).
    #[must_use]
    pub const fn may_change_password(self) -> bool {
        self.has_upstream && !self.read_only && self.encrypted && !self.remembered && self.exempt.is_none()
    }
}

/// A request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// It leaves nothing behind: after its end the connection can serve another bind.
    pub harmless: bool,
}

/// A request may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct No {
    /// What the client hears.
    pub code: ResultCode,
    /// What is counted.
    pub why: Refusal,
    /// What people read.
    pub text: &'static str,
}

const fn no(code: ResultCode, why: Refusal, text: &'static str) -> No {
    No { code, why, text }
}

/// Its inside cannot be read, so it cannot be judged (B-006).
pub const MALFORMED: No = no(ResultCode::PROTOCOL_ERROR, Refusal::Malformed, "The request is malformed.");
/// Nobody is bound (B-020).
pub const NOT_BOUND: No = no(
    ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
    Refusal::NotBound,
    "Only those who are bound may do this; the bind comes first.",
);
/// An extended operation that is not offered (B-033).
pub const NOT_OFFERED: No =
    no(ResultCode::PROTOCOL_ERROR, Refusal::NotOffered, "This extended operation is not offered.");
/// What an exempt account does is recorded before it is done, or it is not done.
pub const NOT_RECORDED: No =
    no(ResultCode::UNAVAILABLE, Refusal::NotRecorded, "This is not possible at the moment.");
/// Too many operations wait for their answers (B-010).
pub const TOO_MANY: No = no(
    ResultCode::BUSY,
    Refusal::TooManyOperations,
    "Too many operations of this connection wait for their answers.",
);
/// A critical control at what we answer ourselves (B-009).
pub const CRITICAL_CONTROL: No = no(
    ResultCode::UNAVAILABLE_CRITICAL_EXTENSION,
    Refusal::CriticalControl,
    "A critical control is not supported with this operation.",
);

const NO_DIRECTORY: No = no(
    ResultCode::UNWILLING_TO_PERFORM,
    Refusal::NoDirectory,
    "There is no directory behind this bind; binds are all that is served.",
);
const READ_ONLY: No =
    no(ResultCode::UNWILLING_TO_PERFORM, Refusal::ReadOnly, "This client may change nothing.");
const BEYOND_EXEMPTION: No = no(
    ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
    Refusal::BeyondExemption,
    "The exemption of this account from the second factor does not allow this.",
);
const SECRET: No = no(
    ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
    Refusal::SecretAttribute,
    "Attributes that hold secrets are neither read nor compared here.",
);
const OTHER_IDENTITY: No =
    no(ResultCode::AUTHORIZATION_DENIED, Refusal::OtherIdentity, "Nobody may act as somebody else here.");
const UNENCRYPTED_PASSWORD: No = no(
    ResultCode::CONFIDENTIALITY_REQUIRED,
    Refusal::PasswordChange,
    "Passwords are changed under TLS alone.",
);
const ANOTHERS_PASSWORD: No = no(
    ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
    Refusal::PasswordChange,
    "Nobody's old password is shown here but one's own.",
);
const REMEMBERED_PASSWORD: No = no(
    ResultCode::STRONGER_AUTH_REQUIRED,
    Refusal::PasswordChange,
    "Passwords are changed after a bind with a code of its own.",
);

impl From<Malformed> for No {
    fn from(_: Malformed) -> Self {
        MALFORMED
    }
}

impl From<BadFilter> for No {
    fn from(bad: BadFilter) -> Self {
        match bad {
            BadFilter::Malformed(_) => MALFORMED,
            BadFilter::TooDeep(_) => no(
                ResultCode::ADMIN_LIMIT_EXCEEDED,
                Refusal::FilterTooDeep,
                "The filter is nested too deeply.",
            ),
            BadFilter::NamesNone => no(
                ResultCode::UNWILLING_TO_PERFORM,
                Refusal::FilterNamesNone,
                "A condition of the filter names no attribute.",
            ),
        }
    }
}

/// Judges a request of somebody who is bound. What we answer ourselves does not come here.
///
/// # Errors
///
/// [`No`] when it must not be passed on.
pub fn judge(message: &Message<'_>, kind: Request, rights: Rights) -> Result<Pass, No> {
    match rights.exempt {
        Some(Allowed { search: true }) if matches!(kind, Request::Search | Request::Compare) => {}
        Some(_) => return Err(BEYOND_EXEMPTION),
        None => {}
    }
    let stateless = controls(message)?;
    let operation = &message.operation;
    match kind {
        Request::Search => search(&Asked::read(operation)?)?,
        Request::Compare if is_secret(Compared::read(operation)?.attribute) => return Err(SECRET),
        Request::Add | Request::Delete | Request::ModifyDn | Request::Unknown if rights.read_only => {
            return Err(READ_ONLY);
        }
        Request::Modify => modify(message, rights)?,
        Request::Extended => extended(&ExtendedRequest::read(operation)?, rights)?,
        Request::Bind
        | Request::Unbind
        | Request::Abandon
        | Request::Add
        | Request::Delete
        | Request::ModifyDn
        | Request::Compare
        | Request::Unknown => {}
    }
    if !rights.has_upstream {
        return Err(NO_DIRECTORY);
    }
    let plain = matches!(kind, Request::Search | Request::Compare) || kind.writes();
    Ok(Pass { harmless: plain && stateless })
}

/// Whether all controls leave nothing behind. Those that we do not know are the directory's to judge (B-009), which
/// does so with the rights of the person.
fn controls(message: &Message<'_>) -> Result<bool, No> {
    let mut stateless = true;
    for control in message.controls() {
        let control = control?;
        let is = |oid: &str| control.oid == oid.as_bytes();
        if OTHER_IDENTITIES.iter().any(|oid| is(oid)) {
            return Err(OTHER_IDENTITY);
        }
        if control.value.is_some_and(speaks_of_secret) {
            return Err(SECRET);
        }
        stateless &= STATELESS.iter().any(|oid| is(oid));
    }
    Ok(stateless)
}

/// Secret attributes are not searched by (B-049); where they are asked for, [`without_secrets`] strikes them out.
fn search(asked: &Asked<'_>) -> Result<(), No> {
    for attribute in asked.attributes() {
        attribute?;
    }
    let mut named = asked.filter_attributes(FILTER_DEPTH)?;
    if named.any(is_secret) { Err(SECRET) } else { Ok(()) }
}

fn modify(message: &Message<'_>, rights: Rights) -> Result<(), No> {
    if rights.read_only {
        return Err(READ_ONLY);
    }
    for change in Modified::read(&message.operation)?.changes {
        if is_password(change?.attribute) {
            password_change(rights)?;
        }
    }
    Ok(())
}

/// Never in the open, never on the strength of a code that was shown to an earlier login (B-031).
const fn password_change(rights: Rights) -> Result<(), No> {
    if !rights.encrypted {
        Err(UNENCRYPTED_PASSWORD)
    } else if rights.remembered {
        Err(REMEMBERED_PASSWORD)
    } else {
        Ok(())
    }
}

/// Whoever changes somebody's password by showing the old one learns whether it is the right one, and Active Directory
/// lets everybody do that for everybody: a bind without a second factor that nobody counts (B-049, B-087). So the old
/// password of nobody but oneself is shown. To set one anew for somebody else is another matter, and the directory's.
///
/// * `own`: who is bound, as RFC 4513 section 5.2.1.8 writes it.
///
/// # Errors
///
/// [`No`] for the old password of somebody else.
pub fn shows_own_password(message: &Message<'_>, kind: Request, own: &str) -> Result<(), No> {
    let whose = match kind {
        Request::Modify => {
            let Modified { entry, changes } = Modified::read(&message.operation)?;
            let mut shown = false;
            for change in changes {
                let change = change?;
                shown |= change.deletes_values && is_password(change.attribute);
            }
            shown.then_some(entry)
        }
        Request::Extended => match ExtendedRequest::read(&message.operation)? {
            request if request.name == PASSWORD_MODIFY.as_bytes() => {
                let change = PasswordChange::read(request.value)?;
                change.whose.filter(|_| change.shows_old)
            }
            _ => None,
        },
        _ => None,
    };
    if whose.is_none_or(|whose| is_own(whose, own)) { Ok(()) } else { Err(ANOTHERS_PASSWORD) }
}

fn is_own(whose: &[u8], own: &str) -> bool {
    let Ok(whose) = std::str::from_utf8(whose) else { return false };
    let name = |text: &str| text.strip_prefix("dn:").unwrap_or(text).parse::<Dn>();
    whose == own
        || matches!((name(whose), name(own)), (Ok(whose), Ok(own)) if own.depth() > 0 && whose == own)
}

/// Of what an extended operation does its name alone tells: where nothing may be changed, none passes but the one
/// that ends another.
fn extended(request: &ExtendedRequest<'_>, rights: Rights) -> Result<(), No> {
    let is = |oid: &str| request.name == oid.as_bytes();
    if NEVER.iter().any(|oid| is(oid)) || request.name.starts_with(NEVER_BELOW) {
        Err(NOT_OFFERED)
    } else if is(PASSWORD_MODIFY) {
        if rights.read_only { Err(READ_ONLY) } else { password_change(rights) }
    } else if rights.read_only && !is(CANCEL) {
        Err(NOT_OFFERED)
    } else {
        Ok(())
    }
}

/// The refusal of a request as its own kind of answer (B-012); `None` when it has none.
#[must_use]
pub fn refusal(id: u32, kind: Request, no: &No) -> Option<Vec<u8>> {
    match kind {
        Request::Extended => Some(answer::extended(id, no.code, no.text, None, None)),
        _ => kind.answer().map(|tag| answer::result(id, tag, no.code, no.text)),
    }
}

/// What an exempt account did, or wanted to do, after its bind (B-047).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExemptOperation {
    /// The message, for [`crate::frontend::ldap::session::Session::on_unrecorded`].
    pub id: u32,
    /// The login that it goes on with.
    pub attempt: AttemptId,
    /// Through which client.
    pub client: Arc<str>,
    /// Who, anonymously.
    pub who: Option<Pseudonym>,
    /// By which exemption.
    pub exemption: Arc<str>,
    /// Where the connection comes from.
    pub source: IpAddr,
    /// What.
    pub operation: Operation,
    /// Why it was refused; `None` when it is passed on.
    pub refused: Option<Refusal>,
}

#[cfg(test)]
mod tests;
