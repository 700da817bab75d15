//! The table of an LDAP directory, as written and as used.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::base::problem::Problem;
use crate::base::secret::Secret;
use crate::net::tls::{client, client_of_found};
use crate::upstream::ldap::dial::Protection;
use crate::upstream::ldap::pool::Source;
use crate::upstream::ldap::server::{Access, Service};
use crate::wire::ldap::dn::Dn;

/// An LDAP directory as written in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LdapConfig {
    /// Name used by clients, rules and logs. Unique; no default.
    pub name: String,
    /// `active-directory` (also Samba) or `ldap`.
    pub kind: Kind,
    /// Servers in the order of preference, each `host`, `host:port` or `[address]:port`; at least one, at
    /// most 8. The port is 636 with `tls = "ldaps"`, otherwise 389, unless it is given. When left out, DNS names
    /// them: those of `domain`, or of `srv-domain`.
    pub servers: Option<Spanned<Vec<String>>>,
    /// `ldap` without `servers` only. DNS name whose SRV records name the servers.
    pub srv_domain: Option<Spanned<String>>,
    /// `active-directory` without `servers` only. The site whose domain controllers come first; default: none.
    pub site: Option<Spanned<String>>,
    /// Without `servers` only. Port of every server that DNS names; default: that of its record, but 636 for a record
    /// of `_ldap` with `tls = "ldaps"`.
    pub port: Option<Spanned<u16>>,
    /// Without `servers` only. Which names DNS may give, each a name or `*.` and a name; default: those below the
    /// domain, and any with a certificate for the domain itself.
    pub server_names: Option<Spanned<Vec<String>>>,
    /// DNS servers for all names of this directory, each `address`, `address:port` or `[address]:port`, at most 4;
    /// default: those of the system.
    pub dns_servers: Option<Spanned<Vec<String>>>,
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
    /// `active-directory` with several domains only, where it must be given. Where a name without a domain belongs: the
    /// DNS or NetBIOS name of one of them, or `any`.
    pub default_domain: Option<Spanned<String>>,
    /// `active-directory` only. Further domains, of the same forest or of others; default: none.
    #[serde(default)]
    pub other_domain: Vec<OtherDomain>,
    /// Attributes that hold what people type. `ldap`: any; default `["uid"]`. `active-directory`: of `sAMAccountName`,
    /// `userPrincipalName` and `mail`; default the first two.
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
        let problem = Problem::at(at, format!("directory \"{}\": {what}", self.name)).hint(hint);
        // What one domain has from another is looked at in both.
        let said = |known: &Problem| known.at == problem.at && known.what == problem.what;
        if !self.problems.iter().any(said) {
            self.problems.push(problem);
        }
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
        let manner = match self.kind {
            Kind::ActiveDirectory => self.active_directory(read, &mut complaints),
            Kind::Ldap => {
                let servers = self.access(read, &mut complaints);
                let settings = self.plain(&mut complaints);
                servers.map(|servers| Manner::Plain(settings, Box::new(servers)))
            }
        };
        let clean = complaints.none();
        let name = self.name.as_str().into();
        manner.filter(|_| clean).map(|manner| LdapSettings { name, manner })
    }

    /// The servers of one domain, or of the whole directory, and how they are spoken to.
    fn access(&self, read: ReadFile<'_>, complaints: &mut Complaints<'_>) -> Option<(Access, Source)> {
        let source = self.source(complaints);
        let dns = self.dns(complaints);
        let protection = self.protection(source.as_ref(), read, complaints);
        let service = self.service(read, complaints);
        let server_timeout = self.timeout(complaints);
        base(&self.base_dn, "base-dn", complaints);
        self.misplaced(complaints);
        let (directory, protection) = (self.name.as_str().into(), protection?);
        Some((Access { directory, protection, dns, service, server_timeout }, source?))
    }

    fn protection(
        &self,
        source: Option<&Source>,
        read: ReadFile<'_>,
        complaints: &mut Complaints<'_>,
    ) -> Option<Protection> {
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
        let config = match source {
            Some(Source::Dns(sought)) => client_of_found(pem.as_deref(), sought.lawful.clone()),
            Some(Source::Listed(_)) | None => client(pem.as_deref()),
        };
        match (config, self.tls) {
            (Ok(config), Tls::Starttls) => Some(Protection::StartTls(config)),
            (Ok(config), Tls::Ldaps | Tls::None) => Some(Protection::Tls(config)),
            (Err(problem), _) => {
                let at = self.ca_file.as_ref().map_or_else(|| self.base_dn.span(), Spanned::span);
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

pub use crate::directory::ldap::config::domains::OtherDomain;
pub(crate) use crate::directory::ldap::config::manner::Manner;
pub use crate::directory::ldap::config::settled::LdapSettings;

mod domains;
mod manner;
mod misplaced;
mod servers;
mod settled;

#[cfg(test)]
mod tests;
