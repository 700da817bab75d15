//! What is read of an account: state, groups, attributes.

use doorward::login::identity::Standing;
use doorward::login::step::PrimaryOutcome;

use crate::lab;
use crate::support::ldap::Lab;
use crate::support::samba::{PASSWORD, Samba};

#[test]
fn every_state_that_a_search_can_show_is_shown_b_086() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    for (name, standing) in [
        ("anna", Standing::Active),
        ("disabled", Standing::Disabled),
        ("expired", Standing::Expired),
        ("mustchange", Standing::MustChange),
        ("aged", Standing::PasswordExpired),
        ("nights", Standing::OutsideHours),
        ("nightschange", Standing::OutsideHours),
        // Which workstations are meant is for the domain controller to know, and a search does not ask it.
        ("desk", Standing::Active),
    ] {
        assert_eq!(lab.account(name).standing, standing, "{name}");
    }
}

#[test]
fn a_password_that_is_too_old_is_told_from_one_that_must_be_changed_b_084() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    assert_eq!(lab.log_in("aged", PASSWORD), Ok(PrimaryOutcome::PasswordExpired));
    assert_eq!(lab.log_in("aged", "wrong"), Ok(PrimaryOutcome::Wrong));
    assert_eq!(lab.log_in("mustchange", PASSWORD), Ok(PrimaryOutcome::MustChange));
}

#[test]
fn an_account_in_very_many_groups_has_all_of_them_by_name_and_by_sid_b_092() {
    let Some(samba) = Samba::branch() else { return };
    let groups = branch(&samba).account("busy").groups;
    for number in 0..300 {
        let short = format!("team{number:04}");
        assert!(groups.contains(&*short), "{short}");
        assert!(groups.contains(&*format!("branch\\{short}")), "{short}");
        assert!(groups.contains(&*format!("cn={short},cn=users,dc=branch,dc=test")), "{short}");
    }
    assert!(groups.iter().filter(|group| group.starts_with("s-1-5-21-")).count() > 300);
}

#[test]
fn a_member_of_a_group_of_three_thousand_is_found_without_its_list_b_091() {
    let Some(samba) = Samba::branch() else { return };
    let lab = branch(&samba);
    let groups = lab.account("anna").groups;
    assert!(groups.contains("crowd") && groups.contains("vpn users"), "{groups:?}");
    assert!(!lab.account("berta").groups.contains("crowd"));
}

/// The large domain, alone.
fn branch(samba: &Samba) -> Lab {
    let table = crate::table(samba, "ldaps", "");
    Lab::new(&table.replace("DC=lab,", "DC=branch,").replace("\"LAB\"", "\"BRANCH\""))
}

#[test]
fn the_attributes_that_are_asked_for_come_whole_and_no_others() {
    let Some(samba) = Samba::start() else { return };
    let table = crate::table(&samba, "ldaps", "");
    let lab = Lab::asking_for(&table, &["Department", "otherMailbox", "title", "memberOf", "sAMAccountName"]);
    let attributes = lab.account("anna").attributes;
    let names: Vec<&str> = attributes.keys().map(AsRef::as_ref).collect();
    assert_eq!(names, ["department", "memberof", "othermailbox", "samaccountname"], "title has no value");
    assert_eq!(attributes["department"], [Box::from(*b"OU=Research")]);
    assert_eq!(attributes["othermailbox"].len(), 2000);
    assert!(attributes["memberof"].iter().any(|value| value.starts_with(b"CN=VPN Users,")));
    assert!(Lab::asking_for(&table, &["department"]).account("carl").attributes.is_empty());
}

#[test]
fn mail_is_a_login_name_where_that_is_configured_b_081() {
    let Some(samba) = Samba::start() else { return };
    let without = lab(&samba, "ldaps", "");
    assert!(without.find("anna@web.test").unwrap().is_none());
    let keys = "login-attributes = [\"sAMAccountName\", \"userPrincipalName\", \"mail\"]";
    let with = lab(&samba, "ldaps", keys);
    let anna = with.account("anna").id;
    for name in ["anna@web.test", "ANNA@WEB.TEST", "anna.k@mail.test", "anna@lab.test"] {
        assert_eq!(with.account(name).id, anna, "{name}");
    }
    let only = lab(&samba, "ldaps", "login-attributes = [\"mail\"]");
    assert_eq!(only.account("anna@web.test").id, anna);
    for name in ["anna", "LAB\\anna", "anna.k@mail.test", "anna@lab.test"] {
        assert!(only.find(name).unwrap().is_none(), "{name}");
    }
}

#[test]
fn no_form_that_only_a_bind_understands_leads_to_an_account_b_081() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    let anna = lab.account("anna");
    let sid = &*anna.aliases[1];
    let guid: Vec<String> = anna.id.iter().map(|octet| format!("{octet:02x}")).collect();
    let guid = guid.concat();
    for name in [
        "Anna Karenina",
        sid,
        &format!("{{{guid}}}"),
        &format!("<GUID={guid}>"),
        "lab.test/People/anna",
        "anna@lab.test@lab.test",
        "CN=anna,CN=Users,DC=lab,DC=test",
    ] {
        assert!(lab.find(name).unwrap().is_none(), "{name}");
    }
    // Somebody who is called like the SID of another is himself.
    let other = lab.account("S-1-5-21-1-2-3-500");
    assert_ne!(other.id, anna.id);
    assert!(other.groups.iter().all(|group| &**group != "s-1-5-21-1-2-3-500"));
}
