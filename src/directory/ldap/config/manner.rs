//! What is asked of Active Directory and what of other directories, from the same table.

use toml::Spanned;

use crate::directory::ldap::config::{Complaints, GroupLookup, LdapConfig, base};
use crate::directory::ldap::{active_directory, plain};
use crate::wire::ldap::filter::is_attribute_name;

/// How a directory is asked.
#[derive(Debug)]
pub(crate) enum Manner {
    /// As Active Directory.
    ActiveDirectory(active_directory::Settings),
    /// As any other.
    Plain(plain::Settings),
}

impl Manner {
    /// Where accounts and groups are.
    pub(super) const fn base(&self) -> &str {
        match self {
            Self::ActiveDirectory(settings) => &settings.base,
            Self::Plain(settings) => &settings.base,
        }
    }
}

impl LdapConfig {
    pub(super) fn active_directory(&self, complaints: &mut Complaints<'_>) -> active_directory::Settings {
        let lower = |text: &Spanned<String>| text.get_ref().trim().to_lowercase().into_boxed_str();
        let groups = match self.group_lookup.as_ref().map(|lookup| (*lookup.get_ref(), lookup.span())) {
            None | Some((GroupLookup::TokenGroups, _)) => active_directory::GroupLookup::TokenGroups,
            Some((GroupLookup::InChain, _)) => active_directory::GroupLookup::InChain,
            Some((GroupLookup::MemberOf | GroupLookup::Member | GroupLookup::None, span)) => {
                complaints.add(
                    span,
                    "this group-lookup is for kind = \"ldap\"",
                    "use \"token-groups\" or \"in-chain\"",
                );
                active_directory::GroupLookup::TokenGroups
            }
        };
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
        active_directory::Settings {
            base: self.base_dn.get_ref().as_str().into(),
            domain: domain.unwrap_or_default(),
            netbios: self.netbios_domain.as_ref().map(lower),
            suffixes: suffixes.into_iter().flatten().map(suffix).collect(),
            groups,
            number: attribute(self.number_attribute.as_ref(), "number-attribute", complaints),
        }
    }

    pub(super) fn plain(&self, complaints: &mut Complaints<'_>) -> plain::Settings {
        let groups = match self.group_lookup.as_ref().map(|lookup| (*lookup.get_ref(), lookup.span())) {
            None | Some((GroupLookup::MemberOf, _)) => plain::GroupLookup::MemberOf,
            Some((GroupLookup::None, _)) => plain::GroupLookup::None,
            Some((GroupLookup::Member, _)) => self.members(complaints),
            Some((GroupLookup::TokenGroups | GroupLookup::InChain, span)) => {
                complaints.add(
                    span,
                    "this group-lookup is for kind = \"active-directory\"",
                    "use \"member-of\", \"member\" or \"none\"",
                );
                plain::GroupLookup::None
            }
        };
        let mut logins: Vec<Box<str>> = Vec::new();
        if let Some(written) = &self.login_attributes {
            for name in written.get_ref() {
                if is_attribute_name(name) {
                    logins.push(name.as_str().into());
                } else {
                    complaints.add(
                        written.span(),
                        format_args!("\"{name}\" is not an attribute's name"),
                        "write a name such as uid or mail",
                    );
                }
            }
            if written.get_ref().is_empty() {
                complaints.add(
                    written.span(),
                    "login-attributes is empty",
                    "name at least one, or remove the key",
                );
            }
        } else {
            logins.push("uid".into());
        }
        plain::Settings {
            base: self.base_dn.get_ref().as_str().into(),
            logins,
            class: attribute(self.user_class.as_ref(), "user-class", complaints),
            id: attribute(self.id_attribute.as_ref(), "id-attribute", complaints)
                .unwrap_or_else(|| "entryUUID".into()),
            groups,
            number: attribute(self.number_attribute.as_ref(), "number-attribute", complaints),
        }
    }

    fn members(&self, complaints: &mut Complaints<'_>) -> plain::GroupLookup {
        if let Some(written) = &self.group_base_dn {
            base(written, "group-base-dn", complaints);
        }
        let place = self.group_base_dn.as_ref().unwrap_or(&self.base_dn);
        let attribute = attribute(self.group_member_attribute.as_ref(), "group-member-attribute", complaints);
        plain::GroupLookup::Member {
            base: place.get_ref().as_str().into(),
            attribute: attribute.unwrap_or_else(|| "member".into()),
        }
    }
}

fn attribute(
    written: Option<&Spanned<String>>,
    key: &str,
    complaints: &mut Complaints<'_>,
) -> Option<Box<str>> {
    let written = written?;
    if !is_attribute_name(written.get_ref()) {
        complaints.add(
            written.span(),
            format_args!("{key} is not an attribute's name"),
            "write a name such as employeeNumber",
        );
    }
    Some(written.get_ref().as_str().into())
}

/// `dc=corp,dc=example` → `corp.example`; what stands before the DC parts does not matter.
fn domain_of(base: &str) -> Option<Box<str>> {
    let lower = base.to_lowercase();
    let parts: Vec<&str> =
        lower.split(',').filter_map(|rdn| rdn.trim().strip_prefix("dc=")).map(str::trim).collect();
    (!parts.is_empty()).then(|| parts.join(".").into())
}
