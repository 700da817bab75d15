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
        Ok(dn) if dn.depth() > 0 => dn.into_key(),
        _ => group_key(text),
    }
}

/// The form in which the distinguished name of an account is compared; `None` when `text` is none.
#[must_use]
pub fn distinguished_name(text: &str) -> Option<Box<str>> {
    let dn: Dn = text.parse().ok()?;
    (dn.depth() > 0).then(|| dn.into_key())
}

/// The form in which the SID of an account is compared ([MS-DTYP] section 2.4.2.1); `None` when `text` is none.
#[must_use]
pub fn security_identifier(text: &str) -> Option<Box<str>> {
    let text = text.trim().to_ascii_uppercase();
    let numbers: Vec<&str> = text.strip_prefix("S-1-")?.split('-').collect();
    let number = |text: &&str| text.len() <= 15 && text.parse::<u64>().is_ok() && !text.starts_with('+');
    ((2..=16).contains(&numbers.len()) && numbers.iter().all(number)).then(|| text.into())
}

/// Whether the entry `name` is `base` or lies under it, step by step (B-103).
#[must_use]
pub fn lies_under(name: &str, base: &str) -> bool {
    match (name.parse::<Dn>(), base.parse::<Dn>()) {
        (Ok(name), Ok(base)) => name.is_under(&base),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_named_by_its_whole_name_or_its_sid_and_by_nothing_else_b_047() {
        let one = distinguished_name("CN=Wiki\\, Service,OU=x, DC=corp,DC=example").unwrap();
        assert_eq!(Some(one), distinguished_name("cn=wiki\\2c service,ou=X,dc=corp,dc=example"));
        assert_eq!(security_identifier(" s-1-5-21-1-2-3-1104").as_deref(), Some("S-1-5-21-1-2-3-1104"));
        for text in [
            "",
            "wiki",
            "CORP\\wiki",
            "wiki@corp.example",
            "S-1-5",
            "S-1-5-",
            "S-1-5-+1",
            "S-1-5-x",
            "S-2-5-1",
        ] {
            assert_eq!((distinguished_name(text), security_identifier(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn lying_under_is_a_matter_of_steps_and_not_of_letters_b_103() {
        assert!(lies_under("cn=a,DC=corp,dc=example", "DC=corp,DC=Example"));
        assert!(!lies_under("cn=a\\,dc=corp,dc=example", "dc=corp,dc=example"));
        assert!(!lies_under("cn=a,dc=mycorp,dc=example", "dc=corp,dc=example"));
    }

    #[test]
    fn a_rule_and_a_directory_mean_the_same_group_however_its_name_is_spelt() {
        let written = group_name("CN=VPN Users, OU=Groups, DC=corp, DC=example");
        assert_eq!(written, group_name("cn=vpn users,ou=groups,dc=corp,dc=example"));
        assert_eq!(group_name("VPN Users"), group_name("vpn users"));
        assert_ne!(written, group_name("VPN Users"));
    }
}
