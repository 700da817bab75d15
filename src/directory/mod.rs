//! Where accounts and groups come from: one module per kind of directory.

pub mod file;
pub mod ldap;

use crate::login::identity::group_key;
use crate::wire::ldap::dn::Dn;

/// The form in which the name of a group is compared, in rules and in directories alike: a distinguished
/// name step by step (B-102), any other name as [`group_key`] has it.
#[must_use]
pub fn group_name(text: &str) -> Box<str> {
    match text.parse::<Dn>() {
        Ok(dn) if dn.depth() > 0 => dn.key().into(),
        _ => group_key(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_and_a_directory_mean_the_same_group_however_its_name_is_spelt() {
        let written = group_name("CN=VPN Users, OU=Groups, DC=corp, DC=example");
        assert_eq!(written, group_name("cn=vpn users,ou=groups,dc=corp,dc=example"));
        assert_eq!(group_name("VPN Users"), group_name("vpn users"));
        assert_ne!(written, group_name("VPN Users"));
    }
}
