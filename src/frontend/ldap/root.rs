//! The root DSE (RFC 4512 section 5.1), answered by us: what works here and now, and nothing of what the directory
//! behind us says about itself (B-032) but where its schema is, for those who are bound there.

use crate::frontend::ldap::clients::Root;
use crate::wire::ldap::answer;
use crate::wire::ldap::ask::{Asked, attribute_type};
use crate::wire::ldap::ber::Malformed;
use crate::wire::ldap::message::{PAGED_RESULTS, PASSWORD_MODIFY, START_TLS, WHO_AM_I, op};
use crate::wire::ldap::result::ResultCode;

/// Active Directory, for applications that look for its mark (MS-ADTS 3.1.1.3.4.5).
const IS_ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";

/// What every Active Directory since Windows 2003 knows and applications ask for before they use it: deleted entries,
/// sorting, extended names, security descriptor flags, domain scope, search options, attribute scoped queries.
const ACTIVE_DIRECTORY_CONTROLS: [&str; 7] = [
    "1.2.840.113556.1.4.417",
    "1.2.840.113556.1.4.473",
    "1.2.840.113556.1.4.529",
    "1.2.840.113556.1.4.801",
    "1.2.840.113556.1.4.1339",
    "1.2.840.113556.1.4.1340",
    "1.2.840.113556.1.4.1504",
];

/// What would work on this connection right now.
#[derive(Debug, Clone, Copy)]
pub struct Offers<'a> {
    /// What the settings say of the directory.
    pub root: &'a Root,
    /// Where the schema is, for who is bound at a directory that has told it. Without it clients such as ldap3 take all
    /// values for text.
    pub schema: Option<&'a str>,
    /// TLS could begin.
    pub start_tls: bool,
    /// A change of the own password would be passed on.
    pub password_modify: bool,
    /// SASL mechanisms.
    pub mechanisms: &'a [&'static str],
}

/// The answer to a search for the root DSE, one message after the other.
///
/// # Errors
///
/// A malformed list of attributes.
pub fn answer(id: u32, asked: &Asked<'_>, offers: &Offers<'_>) -> Result<Vec<Vec<u8>>, Malformed> {
    let wanted = Wanted::read(asked)?;
    let mut messages = Vec::with_capacity(2);
    if asked.is_presence_of_object_class() {
        let mut shown = attributes(offers);
        let user = offers.root.active_directory;
        shown.retain(|(name, oid, values)| !values.is_empty() && wanted.has(name, oid, user));
        let shown: Vec<_> = shown.into_iter().map(|(name, _, values)| (name, values)).collect();
        messages.push(answer::entry(id, "", &shown, asked.types_only()));
    }
    messages.push(answer::result(id, op::SEARCH_DONE, ResultCode::SUCCESS, ""));
    Ok(messages)
}

/// Name, OID where it has one (RFC 4512 section 5.1, RFC 4519), values.
type Row<'a> = (&'static str, &'static str, Vec<&'a str>);

const OBJECT_CLASS: &str = "objectClass";

fn attributes<'a>(offers: &Offers<'a>) -> Vec<Row<'a>> {
    let root = offers.root;
    let contexts: Vec<&str> = root.naming_contexts.iter().map(AsRef::as_ref).collect();
    let first: Vec<&str> = contexts.iter().take(1).filter(|_| root.active_directory).copied().collect();
    let mark = if root.active_directory { vec![IS_ACTIVE_DIRECTORY] } else { Vec::new() };
    vec![
        (OBJECT_CLASS, "2.5.4.0", vec!["top"]),
        ("supportedLDAPVersion", "1.3.6.1.4.1.1466.101.120.15", vec!["3"]),
        ("namingContexts", "1.3.6.1.4.1.1466.101.120.5", contexts),
        ("supportedExtension", "1.3.6.1.4.1.1466.101.120.7", extensions(offers)),
        ("supportedControl", "1.3.6.1.4.1.1466.101.120.13", controls(root)),
        ("supportedSASLMechanisms", "1.3.6.1.4.1.1466.101.120.14", offers.mechanisms.to_vec()),
        ("subschemaSubentry", "2.5.18.10", offers.schema.into_iter().collect()),
        ("defaultNamingContext", "", first.clone()),
        ("rootDomainNamingContext", "", first),
        ("supportedCapabilities", "", mark),
    ]
}

fn extensions(offers: &Offers<'_>) -> Vec<&'static str> {
    let start_tls = offers.start_tls.then_some(START_TLS);
    // Active Directory changes passwords by a modification of an attribute.
    let change = offers.password_modify && !offers.root.active_directory;
    [Some(WHO_AM_I), start_tls, change.then_some(PASSWORD_MODIFY)].into_iter().flatten().collect()
}

/// Controls are passed on, so what is listed is what the directory can be trusted to know. Clients that do not find
/// pages here search without them, and a large directory then cuts their results off.
fn controls(root: &Root) -> Vec<&'static str> {
    let mut known = Vec::new();
    if root.has_entries {
        known.push(PAGED_RESULTS);
    }
    if root.has_entries && root.active_directory {
        known.extend(ACTIVE_DIRECTORY_CONTROLS);
    }
    known
}

/// Which attributes are asked for (RFC 4511 section 4.5.1.8).
struct Wanted<'a> {
    /// `*`, or no list at all.
    user: bool,
    /// `+` (RFC 3673).
    operational: bool,
    named: Vec<&'a [u8]>,
}

/// Most names in a list of attributes that are looked at; there are ten attributes.
const MOST_NAMED: usize = 64;

impl<'a> Wanted<'a> {
    fn read(asked: &Asked<'a>) -> Result<Self, Malformed> {
        let mut wanted = Self { user: false, operational: false, named: Vec::new() };
        let mut empty = true;
        for description in asked.attributes() {
            empty = false;
            match description? {
                b"*" => wanted.user = true,
                b"+" => wanted.operational = true,
                name if wanted.named.len() < MOST_NAMED => wanted.named.push(attribute_type(name)),
                _ => {}
            }
        }
        wanted.user |= empty;
        Ok(wanted)
    }

    /// `all_are_user`: Active Directory shows all of its root DSE to whoever asks for user attributes.
    fn has(&self, name: &str, oid: &str, all_are_user: bool) -> bool {
        let is_user = all_are_user || name == OBJECT_CLASS;
        let is = |asked: &&&[u8]| {
            asked.eq_ignore_ascii_case(name.as_bytes()) || (!oid.is_empty() && **asked == oid.as_bytes())
        };
        (self.user && is_user)
            || (self.operational && name != OBJECT_CLASS)
            || self.named.iter().find(is).is_some()
    }
}

#[cfg(test)]
mod tests;
