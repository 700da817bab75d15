//! Several domains in one directory: what each is called, who answers for it, and where a bare name belongs (B-082).

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::directory::ldap::active_directory::{PlainNames, Realm};
use crate::directory::ldap::config::{Complaints, LdapConfig};

/// Most domains of one directory.
const MOST_DOMAINS: usize = 16;
/// The word of `default-domain` for whichever domain has the name.
const ANY: &str = "any";

/// A further domain as written in the file. What is left out and does not say otherwise is as in its directory.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OtherDomain {
    /// Where its accounts and groups are.
    pub base_dn: Spanned<String>,
    /// Its DNS name; default: from the `DC` parts of `base-dn`.
    pub domain: Option<Spanned<String>>,
    /// Its NetBIOS name; default: none.
    pub netbios_domain: Option<Spanned<String>>,
    /// What stands behind `@` in its user principal names besides its own name; default: nothing.
    pub upn_suffixes: Option<Spanned<Vec<String>>>,
    /// Its servers; when left out, DNS names those of `domain`.
    pub servers: Option<Spanned<Vec<String>>>,
    /// Without `servers` only. The site whose domain controllers come first; default: none.
    pub site: Option<Spanned<String>>,
    /// Without `servers` only. Port of every server that DNS names.
    pub port: Option<Spanned<u16>>,
    /// Without `servers` only. Which names DNS may give.
    pub server_names: Option<Spanned<Vec<String>>>,
    /// DNS servers for its names.
    pub dns_servers: Option<Spanned<Vec<String>>>,
    /// PEM file with the authorities whose certificates its servers have.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// The service account that searches there; belongs together with its password.
    pub bind_dn: Option<Spanned<String>>,
    /// File with that account's password.
    pub bind_password_file: Option<Spanned<PathBuf>>,
}

impl OtherDomain {
    /// The directory as it would be written if it had this domain alone.
    fn alone(&self, whole: &LdapConfig) -> LdapConfig {
        let own_service = self.bind_dn.is_some() || self.bind_password_file.is_some();
        let (bind_dn, bind_password_file) = if own_service {
            (self.bind_dn.clone(), self.bind_password_file.clone())
        } else {
            (whole.bind_dn.clone(), whole.bind_password_file.clone())
        };
        LdapConfig {
            base_dn: self.base_dn.clone(),
            domain: self.domain.clone(),
            netbios_domain: self.netbios_domain.clone(),
            upn_suffixes: self.upn_suffixes.clone(),
            servers: self.servers.clone(),
            site: self.site.clone(),
            port: self.port.clone(),
            server_names: self.server_names.clone(),
            dns_servers: self.dns_servers.clone().or_else(|| whole.dns_servers.clone()),
            ca_file: self.ca_file.clone().or_else(|| whole.ca_file.clone()),
            bind_dn,
            bind_password_file,
            ..whole.clone()
        }
    }
}

impl LdapConfig {
    /// Each domain as if it were alone, the directory's own first.
    pub(super) fn domains(&self, complaints: &mut Complaints<'_>) -> Vec<Self> {
        if let Some(surplus) = self.other_domain.get(MOST_DOMAINS - 1) {
            let what = format!("there are more than {MOST_DOMAINS} domains");
            complaints.add(surplus.base_dn.span(), what, "make a directory of its own for some");
        }
        let others = self.other_domain.iter().map(|other| other.alone(self));
        std::iter::once(self.clone()).chain(others).collect()
    }

    /// What the domain is called.
    pub(super) fn realm(&self, complaints: &mut Complaints<'_>) -> Realm {
        let lower = |text: &Spanned<String>| text.get_ref().trim().to_lowercase().into_boxed_str();
        let domain = self.domain.as_ref().map(lower).or_else(|| domain_of(self.base_dn.get_ref()));
        if domain.is_none() {
            complaints.add(
                self.base_dn.span(),
                "base-dn does not tell the domain's DNS name",
                "add domain = \"corp.example\"",
            );
        }
        let suffixes = self.upn_suffixes.as_ref().map(Spanned::get_ref);
        let suffix = |text: &String| text.trim().trim_start_matches('@').to_lowercase().into_boxed_str();
        Realm {
            base: self.base_dn.get_ref().as_str().into(),
            domain: domain.unwrap_or_default(),
            netbios: self.netbios_domain.as_ref().map(lower),
            suffixes: suffixes.into_iter().flatten().map(suffix).collect(),
        }
    }

    /// Where a bare name belongs. With several domains it must be said: nobody is to get into an account of another
    /// domain because his own is gone.
    pub(super) fn plain_names(&self, realms: &[Realm], complaints: &mut Complaints<'_>) -> PlainNames {
        let own = PlainNames::In(0);
        if self.other_domain.is_empty() {
            return own;
        }
        let Some(written) = &self.default_domain else {
            complaints.add(
                self.base_dn.span(),
                "there are several domains and no default-domain",
                "name the one that people mean who type no domain, or write default-domain = \"any\"",
            );
            return own;
        };
        let name = written.get_ref().trim().to_lowercase();
        let called = |realm: &Realm| *realm.domain == *name || realm.netbios.as_deref() == Some(&*name);
        match realms.iter().position(called) {
            Some(place) => PlainNames::In(place),
            None if name == ANY => PlainNames::Anywhere,
            None => {
                let hint = "write the DNS or NetBIOS name of one of them, or \"any\"";
                complaints.add(written.span(), "default-domain is none of the domains", hint);
                own
            }
        }
    }
}

/// No two domains may be called the same, or lie in the same place.
pub(super) fn distinct(domains: &[LdapConfig], realms: &[Realm], complaints: &mut Complaints<'_>) {
    for (place, (config, realm)) in domains.iter().zip(realms).enumerate() {
        let before = realms.get(..place).unwrap_or_default();
        let hint = "every domain of a directory has names and a base of its own";
        let span = |written: &Option<Spanned<String>>| {
            written.as_ref().map_or_else(|| config.base_dn.span(), Spanned::span)
        };
        let names =
            |other: &Realm, name: &str| *other.domain == *name || other.netbios.as_deref() == Some(name);
        if before.iter().any(|other| names(other, &realm.domain)) {
            complaints.add(span(&config.domain), "two domains have the same DNS name", hint);
        }
        if realm.netbios.as_ref().is_some_and(|name| before.iter().any(|other| names(other, name))) {
            complaints.add(span(&config.netbios_domain), "two domains have the same NetBIOS name", hint);
        }
        let same_base = |other: &Realm| {
            crate::directory::group_name(&other.base) == crate::directory::group_name(&realm.base)
        };
        if before.iter().any(same_base) {
            complaints.add(config.base_dn.span(), "two domains have the same base-dn", hint);
        }
    }
}

/// `dc=corp,dc=example` → `corp.example`; what stands before the DC parts does not matter.
fn domain_of(base: &str) -> Option<Box<str>> {
    let lower = base.to_lowercase();
    let parts: Vec<&str> =
        lower.split(',').filter_map(|rdn| rdn.trim().strip_prefix("dc=")).map(str::trim).collect();
    (!parts.is_empty()).then(|| parts.join(".").into())
}
