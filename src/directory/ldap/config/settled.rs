//! A directory as it is used: everything in it has been looked at.

use std::net::IpAddr;

use crate::directory::ldap::config::Manner;
use crate::upstream::ldap::dial::{Endpoint, Protection};
use crate::upstream::ldap::pool::Source;
use crate::upstream::ldap::server::Access;

/// A directory that can be started.
#[derive(Debug)]
pub struct LdapSettings {
    pub(super) name: Box<str>,
    pub(super) manner: Manner,
}

impl LdapSettings {
    /// Name of the directory.
    #[must_use]
    pub const fn name(&self) -> &str {
        &self.name
    }

    /// Where accounts and groups are; a distinguished name as it was written. With several domains, those of the first.
    #[must_use]
    pub fn base_dn(&self) -> &str {
        self.base_dns().next().unwrap_or_default()
    }

    /// Where accounts and groups are, domain by domain.
    pub fn base_dns(&self) -> impl Iterator<Item = &str> {
        let (realms, plain) = match &self.manner {
            Manner::ActiveDirectory(settings, _) => (&*settings.realms, None),
            Manner::Plain(settings, _) => (&[][..], Some(&*settings.base)),
        };
        realms.iter().map(|realm| &*realm.base).chain(plain)
    }

    /// It is asked as Active Directory, where accounts have SIDs.
    #[must_use]
    pub const fn is_active_directory(&self) -> bool {
        matches!(self.manner, Manner::ActiveDirectory(..))
    }

    /// A password that has expired can be changed here: Active Directory, with TLS and a service account (B-093).
    #[must_use]
    pub fn changes_passwords(&self) -> bool {
        match &self.manner {
            Manner::ActiveDirectory(_, servers) => servers.iter().all(|(access, _)| access.can_change()),
            Manner::Plain(..) => false,
        }
    }

    /// Passwords cross a network readable: `tls = "none"` and a server that is not on this machine. Worth a
    /// warning.
    #[must_use]
    pub fn sends_passwords_readable(&self) -> bool {
        let local = |endpoint: &Endpoint| {
            &*endpoint.host == "localhost" || endpoint.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        };
        let readable = |(access, source): &(Access, Source)| {
            let all_local = match source {
                Source::Listed(endpoints) => endpoints.iter().all(local),
                Source::Dns(_) => false,
            };
            matches!(access.protection, Protection::Plain) && !all_local
        };
        match &self.manner {
            Manner::ActiveDirectory(_, servers) => servers.iter().any(readable),
            Manner::Plain(_, servers) => readable(servers),
        }
    }

    /// The same, and these attributes are read of every account: names as in the directory, without options, in any
    /// letter case. They come with the account, under their names in lower case.
    #[must_use]
    pub fn with_attributes(mut self, names: Vec<Box<str>>) -> Self {
        let wanted = match &mut self.manner {
            Manner::ActiveDirectory(settings, _) => &mut settings.wanted,
            Manner::Plain(settings, _) => &mut settings.wanted,
        };
        for name in names {
            if !wanted.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                wanted.push(name);
            }
        }
        self
    }

    pub(crate) fn into_manner(self) -> Manner {
        self.manner
    }
}
