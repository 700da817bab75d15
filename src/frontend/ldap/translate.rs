//! Between LDAP and a login: BindRequest → [`Attempt`]; what the gateway says → BindResponse. Result codes of a
//! login stop existing beyond this file.

use std::net::IpAddr;
use std::sync::Arc;

use crate::base::clock::Now;
use crate::base::secret::Secret;
use crate::frontend::ldap::clients::{ConnectionIs, ExternalName, LdapClient};
use crate::frontend::ldap::counters::Refusal;
use crate::gateway::drive::Reply;
use crate::login::attempt::{Attempt, AttemptId, Origin};
use crate::login::credential::PrimaryCredential;
use crate::login::identity::{LoginName, MAX_DISTINGUISHED};
use crate::login::policy::Place;
use crate::login::verdict::{FaultKind, Grant, REJECTED_TEXT, Reason};
use crate::wire::ldap::answer;
use crate::wire::ldap::ask::{Bind, Method, SaslPlain};
use crate::wire::ldap::dn::Dn;
use crate::wire::ldap::result::ResultCode;

/// Longest password field that is looked at, in octets.
pub const MAX_PASSWORD: usize = 1024;

/// SASL PLAIN (RFC 4616).
pub const PLAIN: &str = "PLAIN";
/// SASL EXTERNAL (RFC 4422 appendix A).
pub const EXTERNAL: &str = "EXTERNAL";

/// A bind, and where it came from.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// When it is looked at.
    pub now: Now,
    /// Name of the login that may begin with it.
    pub id: AttemptId,
    /// Address of the connection, in its canonical form.
    pub peer: IpAddr,
    /// Name of the listener.
    pub listener: &'a Arc<str>,
    /// Names in the verified client certificate.
    pub certificate: &'a [Box<str>],
    /// Whether the connection is under TLS.
    pub encrypted: bool,
    /// Whether passwords may come without TLS (B-028).
    pub plain_binds: bool,
}

/// A bind that becomes no login: the answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoLogin {
    /// What the client hears.
    pub code: ResultCode,
    /// What people read.
    pub text: &'static str,
    /// What is counted.
    pub why: Refusal,
    /// Whether a password came in the open, where others may have read it (B-028).
    pub exposed: bool,
}

const fn no(code: ResultCode, why: Refusal, text: &'static str) -> NoLogin {
    NoLogin { code, text, why, exposed: false }
}

/// Who logs in, and with what.
struct Claim {
    name: LoginName,
    credential: PrimaryCredential,
}

/// Takes a BindRequest apart.
///
/// # Errors
///
/// [`NoLogin`] for what is none: it is answered at once, and nobody is asked. That tells a stranger about the
/// form of what he sent and nothing about anybody's account.
pub fn read(bind: &Bind<'_>, client: &LdapClient, arrival: &Arrival<'_>) -> Result<Attempt, NoLogin> {
    if bind.version != 3 {
        return Err(no(
            ResultCode::PROTOCOL_ERROR,
            Refusal::Version,
            "Only version 3 of LDAP is spoken here.",
        ));
    }
    let claim = match bind.method {
        Method::Simple(password) => simple(bind.name, password, arrival)?,
        Method::Sasl { mechanism, credentials } => sasl(mechanism, credentials, client, arrival)?,
        Method::Sicily(_) => {
            return Err(no(ResultCode::AUTH_METHOD_NOT_SUPPORTED, Refusal::Mechanism, NO_NTLM));
        }
        Method::Other(_) => {
            return Err(no(ResultCode::AUTH_METHOD_NOT_SUPPORTED, Refusal::Mechanism, UNKNOWN));
        }
    };
    let user = match client.connection_is {
        ConnectionIs::Application => None,
        ConnectionIs::Person => Some(arrival.peer),
    };
    Ok(Attempt {
        id: arrival.id,
        client: client.client.clone(),
        name: client.client.renaming.apply(claim.name).map_err(|_| BAD_NAME)?,
        credential: claim.credential,
        origin: Origin { peer: arrival.peer, user },
        device: device(arrival),
        listener: Some(arrival.listener.clone()),
        hint: None,
        place: Place::NOWHERE,
        passage: None,
        began: arrival.now,
    })
}

/// The answer to a bind on a connection that is no client's: only a certificate can still make it one.
#[must_use]
pub fn nobody(bind: &Bind<'_>, arrival: &Arrival<'_>) -> NoLogin {
    if arrival.encrypted {
        let text = "This connection needs a client certificate that tells which application it is.";
        return no(ResultCode::INAPPROPRIATE_AUTHENTICATION, Refusal::NoCertificate, text);
    }
    let exposed = match bind.method {
        Method::Simple(password) => !password.is_empty(),
        Method::Sasl { mechanism, credentials } => mechanism == b"PLAIN" && credentials.is_some(),
        Method::Sicily(_) | Method::Other(_) => false,
    };
    NoLogin { exposed, ..no(ResultCode::CONFIDENTIALITY_REQUIRED, Refusal::NotEncrypted, IN_THE_OPEN) }
}

/// What these mechanisms would need, and why they cannot have it (B-065).
const NO_NTLM: &str = "Kerberos and NTLM cannot pass here: they prove a person to the directory alone, bound to its own \
     TLS certificate, and leave no place for a second factor. Use a simple bind or SASL PLAIN under TLS.";
const UNKNOWN: &str = "This way to bind is not offered. Use a simple bind under TLS.";
const IN_THE_OPEN: &str =
    "A password is taken under TLS alone; the one that was just sent may have been read by others.";

/// A name and a password field (RFC 4513 section 5.1).
fn simple(name: &[u8], password: &[u8], arrival: &Arrival<'_>) -> Result<Claim, NoLogin> {
    match (name.is_empty(), password.is_empty()) {
        (true, true) => {
            let text = "Anonymous binds are not served.";
            Err(no(ResultCode::INAPPROPRIATE_AUTHENTICATION, Refusal::Anonymous, text))
        }
        // Directories answer this with success, and it proves nothing (B-041).
        (false, true) => {
            let text = "A bind with a name needs a password.";
            Err(no(ResultCode::UNWILLING_TO_PERFORM, Refusal::EmptyPassword, text))
        }
        (_, false) => by_password(name, password, arrival),
    }
}

fn by_password(name: &[u8], password: &[u8], arrival: &Arrival<'_>) -> Result<Claim, NoLogin> {
    if !arrival.encrypted && !arrival.plain_binds {
        let refused = no(ResultCode::CONFIDENTIALITY_REQUIRED, Refusal::NotEncrypted, IN_THE_OPEN);
        return Err(NoLogin { exposed: true, ..refused });
    }
    if password.len() > MAX_PASSWORD {
        let text = "The password is longer than any that is accepted.";
        return Err(no(ResultCode::UNWILLING_TO_PERFORM, Refusal::PasswordTooLong, text));
    }
    let name = login_name(name).ok_or(BAD_NAME)?;
    Ok(Claim { name, credential: PrimaryCredential::Password(Secret::copied(password)) })
}

const BAD_NAME: NoLogin = no(ResultCode::INVALID_CREDENTIALS, Refusal::BadName, REJECTED_TEXT);
const OTHER_IDENTITY: NoLogin = no(ResultCode::INVALID_CREDENTIALS, Refusal::OtherIdentity, REJECTED_TEXT);

/// A distinguished name where it reads as one, any other form of name elsewhere (B-050, B-081).
fn login_name(name: &[u8]) -> Option<LoginName> {
    if name.len() > MAX_DISTINGUISHED {
        return None;
    }
    let text = std::str::from_utf8(name).ok()?;
    let parsed = if is_distinguished(text) { LoginName::distinguished(text) } else { LoginName::parse(name) };
    parsed.ok()
}

fn is_distinguished(text: &str) -> bool {
    text.contains('=') && text.parse::<Dn>().is_ok_and(|name| name.depth() > 0)
}

/// SASL (RFC 4513 section 5.2); the name field of the bind means nothing here (B-060).
fn sasl(
    mechanism: &[u8],
    credentials: Option<&[u8]>,
    client: &LdapClient,
    arrival: &Arrival<'_>,
) -> Result<Claim, NoLogin> {
    match mechanism {
        b"PLAIN" => plain(credentials, arrival),
        b"EXTERNAL" => match client.external {
            Some(which) => external(which, credentials, arrival),
            None => Err(no(ResultCode::AUTH_METHOD_NOT_SUPPORTED, Refusal::Mechanism, UNKNOWN)),
        },
        b"GSSAPI" | b"GSS-SPNEGO" | b"NTLM" => {
            Err(no(ResultCode::AUTH_METHOD_NOT_SUPPORTED, Refusal::Mechanism, NO_NTLM))
        }
        _ => Err(no(ResultCode::AUTH_METHOD_NOT_SUPPORTED, Refusal::Mechanism, UNKNOWN)),
    }
}

/// PLAIN (B-062). Nobody but a client that sends its first message at once is served: all do.
fn plain(credentials: Option<&[u8]>, arrival: &Arrival<'_>) -> Result<Claim, NoLogin> {
    let text = "SASL PLAIN begins with the client's message: two NULs between identity, name and password.";
    let malformed = no(ResultCode::PROTOCOL_ERROR, Refusal::Malformed, text);
    let credentials = credentials.ok_or(malformed)?;
    if !arrival.encrypted {
        let refused = no(ResultCode::CONFIDENTIALITY_REQUIRED, Refusal::NotEncrypted, IN_THE_OPEN);
        return Err(NoLogin { exposed: !credentials.is_empty(), ..refused });
    }
    let parts = SaslPlain::read(credentials).ok_or(malformed)?;
    if parts.authcid.is_empty() {
        return Err(BAD_NAME);
    }
    let claim = simple(parts.authcid, parts.password, arrival)?;
    if is_same_identity(parts.authzid, &claim.name) { Ok(claim) } else { Err(OTHER_IDENTITY) }
}

/// EXTERNAL: the certificate says who it is, in place of a password and never of a second factor (B-063).
fn external(which: ExternalName, authzid: Option<&[u8]>, arrival: &Arrival<'_>) -> Result<Claim, NoLogin> {
    let text = "SASL EXTERNAL needs TLS with a client certificate that names one person.";
    let none = no(ResultCode::INAPPROPRIATE_AUTHENTICATION, Refusal::NoCertificate, text);
    let name = arrival.encrypted.then(|| certified_name(which, arrival.certificate)).flatten().ok_or(none)?;
    // "No initial response" and an empty one both ask for the identity of the certificate (RFC 4422 appendix A.1).
    if is_same_identity(authzid.unwrap_or_default(), &name) {
        Ok(Claim { name, credential: PrimaryCredential::Proven })
    } else {
        Err(OTHER_IDENTITY)
    }
}

/// The one name of this kind in a certificate; none when there are two.
#[must_use]
pub fn certified_name(which: ExternalName, certificate: &[Box<str>]) -> Option<LoginName> {
    let kind = match which {
        ExternalName::Email => "email:",
        ExternalName::Principal => "upn:",
        ExternalName::Subject => "subject:",
    };
    let mut names = certificate.iter().filter_map(|name| name.strip_prefix(kind));
    let (only, None) = (names.next()?, names.next()) else { return None };
    match which {
        ExternalName::Email | ExternalName::Principal => LoginName::parse(only.as_bytes()).ok(),
        ExternalName::Subject if is_distinguished(only) => LoginName::distinguished(only).ok(),
        ExternalName::Subject => None,
    }
}

/// Whether an asserted authorization identity is no other than the one that logs in: nothing, the same name, or
/// the same name in one of the forms of RFC 4513 section 5.2.1.8.
fn is_same_identity(authzid: &[u8], name: &LoginName) -> bool {
    let same = |asserted: &[u8]| login_name(asserted).is_some_and(|asserted| is_same_name(&asserted, name));
    let form = |prefix: &[u8]| authzid.strip_prefix(prefix).is_some_and(same);
    authzid.is_empty() || same(authzid) || form(b"u:") || form(b"dn:")
}

fn is_same_name(a: &LoginName, b: &LoginName) -> bool {
    match (a.typed().parse::<Dn>(), b.typed().parse::<Dn>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a.prepared() == b.prepared(),
    }
}

/// What tells one device behind a client from another: where it asked, and by what certificate.
fn device(arrival: &Arrival<'_>) -> Box<[u8]> {
    let mut device = Vec::from(arrival.listener.as_bytes());
    for name in arrival.certificate {
        device.push(0);
        device.extend_from_slice(name.as_bytes());
    }
    device.into()
}

/// Writes what the gateway says as the answer to a bind. The one table from outcomes to result codes (B-043); every
/// success needs a [`Grant`].
#[must_use]
pub fn write(id: u32, reply: &Reply) -> (ResultCode, Vec<u8>) {
    let (code, text) = match reply {
        Reply::Accept(grant) => accept(grant),
        Reply::Reject(reason) => reject(*reason),
        // A bind has no place for a question, and its clients say so: that one comes is a fault of ours.
        Reply::Ask(..) => unable(FaultKind::Internal),
        Reply::Unable(kind) => unable(*kind),
    };
    (code, answer::bind(id, code, text))
}

fn accept(grant: &Grant) -> (ResultCode, &str) {
    (ResultCode::SUCCESS, grant.offer().unwrap_or_default())
}

/// The same for every reason that says something of anybody, so that none of them can be told from another (B-042,
/// D-100).
#[must_use]
pub const fn reject(reason: Reason) -> (ResultCode, &'static str) {
    (ResultCode::INVALID_CREDENTIALS, reason.sentence())
}

/// Never the code of a wrong password: clients would tell their users so, and count it (B-043).
const fn unable(kind: FaultKind) -> (ResultCode, &'static str) {
    match kind {
        FaultKind::Overloaded => busy(),
        FaultKind::DirectoryUnreachable
        | FaultKind::DirectoryRefusedUs
        | FaultKind::DirectoryConfusing
        | FaultKind::UnclearAccount
        | FaultKind::UpstreamUnreachable
        | FaultKind::UpstreamConfusing
        | FaultKind::StoreUnavailable
        | FaultKind::AuditUnavailable
        | FaultKind::KeyMissing
        | FaultKind::TimedOut
        | FaultKind::Internal => (ResultCode::UNAVAILABLE, "Sign-in is not possible at the moment."),
    }
}

/// There is no place for it now.
#[must_use]
pub const fn busy() -> (ResultCode, &'static str) {
    (ResultCode::BUSY, "Too much to do at the moment.")
}

/// The mechanisms that would work right now (B-032, RFC 4513 section 5.2.1.5).
#[must_use]
pub fn mechanisms(
    client: Option<&Arc<LdapClient>>,
    encrypted: bool,
    certificate: &[Box<str>],
) -> Vec<&'static str> {
    let Some(client) = client.filter(|_| encrypted) else { return Vec::new() };
    let by_certificate = client.external.and_then(|which| certified_name(which, certificate));
    let external = by_certificate.map(|_| EXTERNAL);
    [Some(PLAIN), external].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
