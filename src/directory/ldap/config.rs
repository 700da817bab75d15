//! The table of an LDAP directory, as written and as used.

use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::base::problem::Problem;
use crate::base::secret::Secret;
use crate::upstream::ldap::dial::{Endpoint, Protection};
use crate::upstream::ldap::server::{Access, Service};
use crate::wire::ldap::dn::Dn;

/// An LDAP directory as written in the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LdapConfig {
    /// Name used by clients, rules and logs. Unique; no default.
    pub name: String,
    /// `active-directory` (also Samba) or `ldap`.
    pub kind: Kind,
    /// Servers in the order of preference, each `host`, `host:port` or `[address]:port`; at least one, at
    /// most 8. The port is 636 with `tls = "ldaps"`, otherwise 389, unless it is given.
    pub servers: Spanned<Vec<String>>,
    /// `ldaps`, `starttls` or `none`; default `ldaps`. `none` sends passwords readable.
    #[serde(default)]
    pub tls: Tls,
    /// PEM file with the authorities whose certificates are trusted; default: those of the system.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// Where accounts and groups are: `DC=corp,DC=example`.
    pub base_dn: Spanned<String>,
    /// The service account that searches; without it searches are anonymous.
    pub bind_dn: Option<Spanned<String>>,
    /// File with the service account's password; a newline at its end does not count.
    pub bind_password_file: Option<Spanned<PathBuf>>,
    /// Seconds one server may take before the next is asked. 1 to 30; default 3.
    pub server_timeout: Option<Spanned<u8>>,
    /// Attribute with the site's own anonymous number of an account; default: none.
    pub number_attribute: Option<Spanned<String>>,
    /// How groups are found. `active-directory`: `token-groups` (default) or `in-chain`. `ldap`: `member-of`
    /// (default), `member` or `none`.
    pub group_lookup: Option<Spanned<GroupLookup>>,
    /// `active-directory` only. DNS name of the domain; default: from the `DC` parts of `base-dn`.
    pub domain: Option<Spanned<String>>,
    /// `active-directory` only. NetBIOS name of the domain, for logins as `DOMAIN\user`; default: none.
    pub netbios_domain: Option<Spanned<String>>,
    /// `active-directory` only. What stands behind `@` in user principal names besides the domain's own
    /// name; default: nothing.
    pub upn_suffixes: Option<Spanned<Vec<String>>>,
    /// `ldap` only. Attributes that hold what people type; default `["uid"]`.
    pub login_attributes: Option<Spanned<Vec<String>>>,
    /// `ldap` only. Object class of accounts; default: any.
    pub user_class: Option<Spanned<String>>,
    /// `ldap` only. Attribute that never changes for an account; default `entryUUID`.
    pub id_attribute: Option<Spanned<String>>,
    /// `ldap` with `group-lookup = "member"` only. Where groups are; default `base-dn`.
    pub group_base_dn: Option<Spanned<String>>,
    /// `ldap` with `group-lookup = "member"` only. Attribute of groups that holds their members: `member`
    /// (default), `uniqueMember` or `memberUid`.
    pub group_member_attribute: Option<Spanned<String>>,
}

/// What kind of server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Active Directory or Samba.
    ActiveDirectory,
    /// Anything else.
    Ldap,
}

/// How connections are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// TLS from the beginning.
    #[default]
    Ldaps,
    /// TLS on request, which must be granted.
    Starttls,
    /// None.
    None,
}

/// How groups are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupLookup {
    /// Active Directory's attribute tokenGroups.
    TokenGroups,
    /// Active Directory's matching rule.
    InChain,
    /// The account's attribute memberOf.
    MemberOf,
    /// A search for groups that hold the account.
    Member,
    /// Not at all.
    None,
}

/// A directory that can be started.
#[derive(Debug)]
pub struct LdapSettings {
    access: Access,
    endpoints: Vec<Endpoint>,
    manner: Manner,
}

impl LdapSettings {
    /// Name of the directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.access.directory
    }

    /// Where accounts and groups are; a distinguished name as it was written.
    #[must_use]
    pub const fn base_dn(&self) -> &str {
        self.manner.base()
    }

    /// It is asked as Active Directory, where accounts have SIDs.
    #[must_use]
    pub const fn is_active_directory(&self) -> bool {
        matches!(self.manner, Manner::ActiveDirectory(_))
    }

    /// Passwords cross a network readable: `tls = "none"` and a server that is not on this machine. Worth a
    /// warning.
    #[must_use]
    pub fn sends_passwords_readable(&self) -> bool {
        let local = |endpoint: &Endpoint| {
            &*endpoint.host == "localhost" || endpoint.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        };
        matches!(self.access.protection, Protection::Plain) && !self.endpoints.iter().all(local)
    }

    pub(crate) fn into_parts(self) -> (Access, Vec<Endpoint>, Manner) {
        (self.access, self.endpoints, self.manner)
    }
}

/// Reads a file that the configuration names.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> std::io::Result<Vec<u8>>;

/// Adds complaints, each with the directory's name in front.
struct Complaints<'a> {
    name: &'a str,
    problems: &'a mut Vec<Problem>,
    before: usize,
}

impl Complaints<'_> {
    fn add(&mut self, at: Range<usize>, what: impl std::fmt::Display, hint: &str) {
        let problem = Problem::at(at, format!("directory \"{}\": {what}", self.name));
        self.problems.push(problem.hint(hint));
    }

    const fn none(&self) -> bool {
        self.problems.len() == self.before
    }
}

impl LdapConfig {
    /// Turns what was written into what is used, adding every complaint to `problems`. Files are read with
    /// `read`.
    #[must_use]
    pub fn settle(self, read: ReadFile<'_>, problems: &mut Vec<Problem>) -> Option<LdapSettings> {
        let before = problems.len();
        let mut complaints = Complaints { name: &self.name, problems, before };
        let endpoints = self.endpoints(&mut complaints);
        let protection = self.protection(read, &mut complaints);
        let service = self.service(read, &mut complaints);
        let server_timeout = self.timeout(&mut complaints);
        base(&self.base_dn, "base-dn", &mut complaints);
        self.misplaced(&mut complaints);
        let manner = match self.kind {
            Kind::ActiveDirectory => Manner::ActiveDirectory(self.active_directory(&mut complaints)),
            Kind::Ldap => Manner::Plain(self.plain(&mut complaints)),
        };
        let clean = complaints.none();
        let access =
            Access { directory: self.name.as_str().into(), protection: protection?, service, server_timeout };
        clean.then_some(LdapSettings { access, endpoints, manner })
    }

    fn endpoints(&self, complaints: &mut Complaints<'_>) -> Vec<Endpoint> {
        let servers = self.servers.get_ref();
        if servers.is_empty() || servers.len() > 8 {
            let what = format!("servers has {} entries, it may have 1 to 8", servers.len());
            complaints.add(self.servers.span(), what, "name each server once, the nearest first");
        }
        let default = if self.tls == Tls::Ldaps { 636 } else { 389 };
        let mut endpoints = Vec::new();
        for server in servers {
            match endpoint(server, default) {
                Some(endpoint) => endpoints.push(endpoint),
                None => complaints.add(
                    self.servers.span(),
                    format_args!("\"{server}\" is not a server"),
                    "write host, host:port or [address]:port; tls is chosen by the key tls, not by a URL",
                ),
            }
        }
        endpoints
    }

    fn protection(&self, read: ReadFile<'_>, complaints: &mut Complaints<'_>) -> Option<Protection> {
        if self.tls == Tls::None {
            if let Some(file) = &self.ca_file {
                complaints.add(
                    file.span(),
                    "ca-file has no effect without TLS",
                    "remove it, or set tls = \"ldaps\"",
                );
            }
            return Some(Protection::Plain);
        }
        let pem = match &self.ca_file {
            Some(file) => Some(read_file(file, "ca-file", read, complaints)?),
            None => None,
        };
        match (crate::net::tls::client(pem.as_deref()), self.tls) {
            (Ok(config), Tls::Starttls) => Some(Protection::StartTls(config)),
            (Ok(config), Tls::Ldaps | Tls::None) => Some(Protection::Tls(config)),
            (Err(problem), _) => {
                let at = self.ca_file.as_ref().map_or_else(|| self.servers.span(), Spanned::span);
                complaints.add(at, problem, "name a PEM file with the authority's certificate in ca-file");
                None
            }
        }
    }

    fn service(&self, read: ReadFile<'_>, complaints: &mut Complaints<'_>) -> Option<Service> {
        let (name, file) = match (&self.bind_dn, &self.bind_password_file) {
            (None, None) => return None,
            (Some(name), Some(file)) => (name, file),
            (Some(one), None) => {
                complaints.add(
                    one.span(),
                    "bind-dn without a password",
                    "say where the password is, or leave out both keys to search anonymously",
                );
                return None;
            }
            (None, Some(one)) => {
                complaints.add(
                    one.span(),
                    "a password without bind-dn",
                    "add bind-dn, the name it belongs to",
                );
                return None;
            }
        };
        if name.get_ref().trim().is_empty() {
            complaints.add(name.span(), "bind-dn is empty", "leave out both keys to search anonymously");
        }
        let mut password = read_file(file, "bind-password", read, complaints)?;
        if password.last() == Some(&b'\n') {
            password.pop();
            if password.last() == Some(&b'\r') {
                password.pop();
            }
        }
        let password = Secret::new(password);
        if password.is_empty() || password.expose().contains(&0) {
            complaints.add(
                file.span(),
                "the service account's password is empty or holds a NUL",
                "no directory takes such a password",
            );
            return None;
        }
        Some(Service { name: name.get_ref().as_str().into(), password })
    }

    fn timeout(&self, complaints: &mut Complaints<'_>) -> Duration {
        let Some(written) = &self.server_timeout else { return Duration::from_secs(3) };
        let seconds = *written.get_ref();
        if !(1..=30).contains(&seconds) {
            let what = format!("server-timeout is {seconds} s, it may be 1 to 30 s");
            complaints.add(written.span(), what, "all servers together must fit in a client's login-timeout");
        }
        Duration::from_secs(seconds.into())
    }

    /// Keys that mean nothing here are mistakes, not decoration.
    fn misplaced(&self, complaints: &mut Complaints<'_>) {
        let lookup = self.group_lookup.as_ref().map(|lookup| *lookup.get_ref());
        let members = lookup == Some(GroupLookup::Member);
        let plain = self.kind == Kind::Ldap;
        let keys = [
            ("domain", self.domain.as_ref().map(Spanned::span), !plain, "kind = \"active-directory\""),
            (
                "netbios-domain",
                self.netbios_domain.as_ref().map(Spanned::span),
                !plain,
                "kind = \"active-directory\"",
            ),
            (
                "upn-suffixes",
                self.upn_suffixes.as_ref().map(Spanned::span),
                !plain,
                "kind = \"active-directory\"",
            ),
            ("login-attributes", self.login_attributes.as_ref().map(Spanned::span), plain, "kind = \"ldap\""),
            ("user-class", self.user_class.as_ref().map(Spanned::span), plain, "kind = \"ldap\""),
            ("id-attribute", self.id_attribute.as_ref().map(Spanned::span), plain, "kind = \"ldap\""),
            (
                "group-base-dn",
                self.group_base_dn.as_ref().map(Spanned::span),
                members,
                "group-lookup = \"member\"",
            ),
            (
                "group-member-attribute",
                self.group_member_attribute.as_ref().map(Spanned::span),
                members,
                "group-lookup = \"member\"",
            ),
        ];
        for (key, span, fits, only) in keys {
            if let Some(span) = span.filter(|_| !fits) {
                complaints.add(
                    span,
                    format_args!("{key} has no effect here"),
                    &format!("it belongs to {only}; remove it"),
                );
            }
        }
    }
}

fn read_file(
    file: &Spanned<PathBuf>,
    key: &str,
    read: ReadFile<'_>,
    complaints: &mut Complaints<'_>,
) -> Option<Vec<u8>> {
    read(file.get_ref())
        .map_err(|error| {
            let what = format!("{key} cannot be read: {}", error.kind());
            complaints.add(file.span(), what, "check the path and who may read the file");
        })
        .ok()
}

fn base(written: &Spanned<String>, key: &str, complaints: &mut Complaints<'_>) {
    let dn = written.get_ref().parse::<Dn>();
    if dn.is_err() || dn.is_ok_and(|dn| dn.depth() == 0) {
        complaints.add(
            written.span(),
            format_args!("{key} is not a distinguished name"),
            "write it as DC=corp,DC=example",
        );
    }
}

fn endpoint(text: &str, default: u16) -> Option<Endpoint> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                port.strip_prefix(':')
                    .map_or((port.is_empty()).then_some(default), |port| port.parse().ok())?,
            )
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (text, default),
        },
    };
    let name = !host.is_empty()
        && host.len() <= 253
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let address = host.parse::<IpAddr>().is_ok();
    (port != 0 && (name || address)).then(|| Endpoint { host: host.into(), port })
}

pub(crate) use crate::directory::ldap::config::manner::Manner;

mod manner;

#[cfg(test)]
mod tests;
