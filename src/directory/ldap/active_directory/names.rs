//! What a typed name can mean, in which domain (B-081, B-082).

use crate::directory::ldap::active_directory::{PlainNames, Realm, Settings};
use crate::login::identity::{LoginName, NameForm};
use crate::wire::ldap::filter::Filter;

/// The domains that may have the account, by their places among the realms, and how it is looked for in each. A domain
/// or suffix that is not ours means none: there is no falling back to the bare user name.
///
/// The other forms that a simple bind of Active Directory takes (display name, SID, objectGUID, canonical name, service
/// principal name) are no login names here; typed, they are looked for as the form that they look like.
pub(super) fn meanings<'a>(settings: &Settings, name: &'a LoginName) -> Vec<(usize, Filter<'a>)> {
    let logins = settings.logins;
    let account = |user: &'a str| Filter::Equal("sAMAccountName", user.as_bytes());
    let realms = settings.realms.iter().enumerate();
    match name.form() {
        NameForm::Distinguished(_) => Vec::new(),
        NameForm::Plain(user) if logins.account => {
            let here = |place: usize| match settings.plain {
                PlainNames::In(only) => place == only,
                PlainNames::Anywhere => true,
            };
            realms.filter(|(place, _)| here(*place)).map(|(place, _)| (place, account(user))).collect()
        }
        NameForm::Domain(domain, user) if logins.account && !user.is_empty() => {
            let ours = |realm: &Realm| realm.netbios.as_deref() == Some(domain) || *realm.domain == *domain;
            realms.filter(|(_, realm)| ours(realm)).map(|(place, _)| (place, account(user))).collect()
        }
        NameForm::Plain(_) | NameForm::Domain(..) => Vec::new(),
        NameForm::Principal("", _) => Vec::new(),
        NameForm::Principal(user, suffix) => {
            let whole = name.prepared().as_bytes();
            let ways = |realm: &Realm| {
                let implicit = *realm.domain == *suffix;
                let known = implicit || realm.suffixes.iter().any(|known| **known == *suffix);
                let mut ways = Vec::new();
                ways.extend((logins.principal && known).then_some(Filter::Equal("userPrincipalName", whole)));
                ways.extend((logins.account && implicit).then(|| account(user)));
                ways.extend(logins.mail.then_some(Filter::Equal("mail", whole)));
                ways
            };
            let ways = realms.map(|(place, realm)| (place, ways(realm)));
            ways.filter(|(_, ways)| !ways.is_empty()).map(|(place, ways)| (place, Filter::Or(ways))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ldap::active_directory::{GroupLookup, Logins};

    const USUAL: Logins = Logins { account: true, principal: true, mail: false };

    fn settings(plain: PlainNames, logins: Logins) -> Settings {
        let realm = |base: &str, domain: &str, netbios: &str, suffixes: &[&str]| Realm {
            base: base.into(),
            domain: domain.into(),
            netbios: Some(netbios.into()),
            suffixes: suffixes.iter().map(|suffix| Box::from(*suffix)).collect(),
        };
        Settings {
            realms: vec![
                realm("DC=corp,DC=example", "corp.example", "corp", &["mail.example"]),
                realm("DC=eu,DC=corp,DC=example", "eu.corp.example", "eu", &["corp.example", "mail.example"]),
                realm("DC=other,DC=test", "other.test", "other", &[]),
            ],
            plain,
            logins,
            groups: GroupLookup::TokenGroups,
            number: None,
            wanted: Vec::new(),
        }
    }

    /// For each domain that is asked: its place, and what is looked for there.
    fn asked(settings: &Settings, name: &str) -> Vec<(usize, String)> {
        let name = LoginName::parse(name.as_bytes()).unwrap();
        let text = |filter: &Filter<'_>| match filter {
            Filter::Equal(attribute, value) => format!("{attribute}={}", String::from_utf8_lossy(value)),
            other => panic!("{other:?}"),
        };
        let all = |filter: Filter<'_>| match filter {
            Filter::Or(parts) => parts.iter().map(text).collect::<Vec<_>>().join(" or "),
            one => text(&one),
        };
        meanings(settings, &name).into_iter().map(|(place, filter)| (place, all(filter))).collect()
    }

    fn one(place: usize, text: &str) -> Vec<(usize, String)> {
        vec![(place, text.to_owned())]
    }

    #[test]
    fn each_form_of_a_name_is_looked_up_in_its_own_attribute_and_domain_b_081() {
        let usual = settings(PlainNames::In(0), USUAL);
        assert_eq!(asked(&usual, "Anna"), one(0, "sAMAccountName=anna"));
        assert_eq!(asked(&usual, "CORP\\Anna"), one(0, "sAMAccountName=anna"));
        assert_eq!(asked(&usual, "EU\\Anna"), one(1, "sAMAccountName=anna"));
        assert_eq!(asked(&usual, "other.test\\anna"), one(2, "sAMAccountName=anna"));
        let both = "userPrincipalName=anna@other.test or sAMAccountName=anna";
        assert_eq!(asked(&usual, "anna@other.test"), one(2, both));
    }

    #[test]
    fn a_suffix_that_several_domains_have_is_looked_for_in_each_of_them_b_082() {
        let usual = settings(PlainNames::In(0), USUAL);
        let principal = "userPrincipalName=anna@mail.example";
        assert_eq!(asked(&usual, "anna@mail.example"), [one(0, principal), one(1, principal)].concat());
        // Before the DNS name of its domain an account name counts as well; behind a suffix it never does.
        let own = "userPrincipalName=anna@corp.example or sAMAccountName=anna";
        let foreign = "userPrincipalName=anna@corp.example";
        assert_eq!(asked(&usual, "anna@corp.example"), [one(0, own), one(1, foreign)].concat());
    }

    #[test]
    fn a_name_without_a_domain_belongs_where_the_configuration_says_and_nowhere_else_b_082() {
        assert_eq!(asked(&settings(PlainNames::In(1), USUAL), "anna"), one(1, "sAMAccountName=anna"));
        let everywhere = asked(&settings(PlainNames::Anywhere, USUAL), "anna");
        assert_eq!(everywhere.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_foreign_domain_or_suffix_means_nobody_b_082() {
        let usual = settings(PlainNames::Anywhere, USUAL);
        for name in [
            "UNKNOWN\\anna",
            "anna@unknown.example",
            "anna@corp.example.invalid",
            "anna@corp",
            "CORP\\",
            "@corp.example",
            "\\anna",
            "anna@",
            "MAIL.EXAMPLE\\anna",
        ] {
            assert_eq!(asked(&usual, name), [], "{name}");
        }
    }

    #[test]
    fn only_what_is_configured_is_a_login_name() {
        let only =
            |account, principal, mail| settings(PlainNames::In(0), Logins { account, principal, mail });
        let mail = only(true, true, true);
        let expected = [
            one(0, "userPrincipalName=anna@corp.example or sAMAccountName=anna or mail=anna@corp.example"),
            one(1, "userPrincipalName=anna@corp.example or mail=anna@corp.example"),
            one(2, "mail=anna@corp.example"),
        ];
        assert_eq!(asked(&mail, "anna@corp.example"), expected.concat());
        assert_eq!(asked(&mail, "anna@web.example").len(), 3, "no suffix is foreign to mail");
        assert_eq!(asked(&mail, "anna"), one(0, "sAMAccountName=anna"), "mail has an at sign");
        let principal = only(false, true, false);
        for name in ["anna", "CORP\\anna", "other.test\\anna"] {
            assert_eq!(asked(&principal, name), [], "{name}");
        }
        assert_eq!(asked(&principal, "anna@other.test"), one(2, "userPrincipalName=anna@other.test"));
    }

    #[test]
    fn display_name_sid_guid_and_canonical_name_are_no_forms_of_their_own_b_081() {
        let usual = settings(PlainNames::In(0), USUAL);
        for name in [
            "Anna Karenina",
            "S-1-5-21-1-2-3-1104",
            "{4fa050f0-f561-11cf-bdd9-00aa003a77b6}",
            "corp.example/People/Anna Karenina",
            "ldap/dc1.corp.example",
        ] {
            assert_eq!(
                asked(&usual, name),
                one(0, &format!("sAMAccountName={}", name.to_lowercase())),
                "{name}"
            );
        }
    }
}
