//! Keys that mean nothing where they stand are mistakes, not decoration.

use toml::Spanned;

use crate::directory::ldap::config::{Complaints, GroupLookup, Kind, LdapConfig};

impl LdapConfig {
    pub(super) fn misplaced(&self, complaints: &mut Complaints<'_>) {
        fn at<T>(written: &Option<Spanned<T>>) -> Option<std::ops::Range<usize>> {
            written.as_ref().map(Spanned::span)
        }
        const ACTIVE_DIRECTORY: &str = "kind = \"active-directory\"";
        const PLAIN: &str = "kind = \"ldap\"";
        const MEMBERS: &str = "group-lookup = \"member\"";
        const FOUND: &str = "servers that DNS names";
        let lookup = self.group_lookup.as_ref().map(|lookup| *lookup.get_ref());
        let members = lookup == Some(GroupLookup::Member);
        let plain = self.kind == Kind::Ldap;
        let found = self.servers.is_none();
        let keys = [
            ("srv-domain", at(&self.srv_domain), plain && found, "kind = \"ldap\" without servers"),
            ("site", at(&self.site), !plain && found, "kind = \"active-directory\" without servers"),
            ("port", at(&self.port), found, FOUND),
            ("server-names", at(&self.server_names), found, FOUND),
            ("domain", at(&self.domain), !plain, ACTIVE_DIRECTORY),
            ("netbios-domain", at(&self.netbios_domain), !plain, ACTIVE_DIRECTORY),
            ("upn-suffixes", at(&self.upn_suffixes), !plain, ACTIVE_DIRECTORY),
            ("default-domain", at(&self.default_domain), !self.other_domain.is_empty(), "several domains"),
            ("user-class", at(&self.user_class), plain, PLAIN),
            ("id-attribute", at(&self.id_attribute), plain, PLAIN),
            ("group-base-dn", at(&self.group_base_dn), members, MEMBERS),
            ("group-member-attribute", at(&self.group_member_attribute), members, MEMBERS),
        ];
        for (key, span, fits, only) in keys {
            if let Some(span) = span.filter(|_| !fits) {
                let hint = format!("it belongs to {only}; remove it");
                complaints.add(span, format_args!("{key} has no effect here"), &hint);
            }
        }
        if let (true, Some(other)) = (plain, self.other_domain.first()) {
            let hint = format!("it belongs to {ACTIVE_DIRECTORY}; remove it");
            complaints.add(other.base_dn.span(), "other-domain has no effect here", &hint);
        }
    }
}
