//! What is asked of Active Directory and what of other directories, from the same table.

use toml::Spanned;

use crate::directory::ldap::config::domains::distinct;
use crate::directory::ldap::config::{Complaints, GroupLookup, LdapConfig, ReadFile, base};
use crate::directory::ldap::{active_directory, plain};
use crate::upstream::ldap::pool::Source;
use crate::upstream::ldap::server::Access;
use crate::wire::ldap::filter::is_attribute_name;

/// How a directory is asked, and whom.
#[derive(Debug)]
pub(crate) enum Manner {
    /// As Active Directory; the servers of each domain.
    ActiveDirectory(active_directory::Settings, Vec<(Access, Source)>),
    /// As any other.
    Plain(plain::Settings, Box<(Access, Source)>),
}

impl LdapConfig {
    pub(super) fn active_directory(
        &self,
        read: ReadFile<'_>,
        complaints: &mut Complaints<'_>,
    ) -> Option<Manner> {
        let domains = self.domains(complaints);
        let servers: Vec<_> = domains.iter().map(|domain| domain.access(read, complaints)).collect();
        let realms: Vec<_> = domains.iter().map(|domain| domain.realm(complaints)).collect();
        distinct(&domains, &realms, complaints);
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
        let settings = active_directory::Settings {
            plain: self.plain_names(&realms, complaints),
            realms,
            logins: self.logins(complaints),
            groups,
            number: attribute(self.number_attribute.as_ref(), "number-attribute", complaints),
            wanted: Vec::new(),
        };
        servers.into_iter().collect::<Option<_>>().map(|servers| Manner::ActiveDirectory(settings, servers))
    }

    /// Which of the names of an account people type.
    fn logins(&self, complaints: &mut Complaints<'_>) -> active_directory::Logins {
        let Some(written) = &self.login_attributes else {
            return active_directory::Logins { account: true, principal: true, mail: false };
        };
        let mut logins = active_directory::Logins { account: false, principal: false, mail: false };
        for name in written.get_ref() {
            match &*name.to_ascii_lowercase() {
                "samaccountname" => logins.account = true,
                "userprincipalname" => logins.principal = true,
                "mail" => logins.mail = true,
                _ => complaints.add(
                    written.span(),
                    format_args!("\"{name}\" is not what people log in with in Active Directory"),
                    "use \"sAMAccountName\", \"userPrincipalName\" and \"mail\"",
                ),
            }
        }
        if written.get_ref().is_empty() {
            let hint = "name at least one, or remove the key";
            complaints.add(written.span(), "login-attributes is empty", hint);
        }
        logins
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
            above: self.base_dn.get_ref().parse().ok(),
            logins,
            class: attribute(self.user_class.as_ref(), "user-class", complaints),
            id: attribute(self.id_attribute.as_ref(), "id-attribute", complaints)
                .unwrap_or_else(|| "entryUUID".into()),
            groups,
            number: attribute(self.number_attribute.as_ref(), "number-attribute", complaints),
            wanted: Vec::new(),
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
