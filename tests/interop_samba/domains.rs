//! Two domains in one directory.

use doorward::login::step::PrimaryOutcome;
use doorward::login::verdict::FaultKind;

use crate::support::ldap::Lab;
use crate::support::samba::{PASSWORD, Samba};
use crate::table;

/// `lab.test` with `keys`, and behind it `branch.test` with `others`.
fn text(lab: &Samba, branch: &Samba, keys: &str, others: &str) -> String {
    let password = branch.ca_file().with_file_name("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let own = table(lab, "ldaps", keys);
    format!(
        "{own}\n[[other-domain]]\nservers = [\"{}\"]\nca-file = {:?}\nbase-dn = \"DC=branch,DC=test\"\n\
         netbios-domain = \"BRANCH\"\nbind-dn = \"svc-doorward@branch.test\"\nbind-password-file = {password:?}\n{others}\n",
        branch.address,
        branch.ca_file()
    )
}

fn both() -> Option<(Samba, Samba)> {
    Some((Samba::start()?, Samba::branch()?))
}

#[test]
fn each_name_leads_to_the_account_of_its_own_domain_b_082() {
    let Some((lab, branch)) = both() else { return };
    let both =
        Lab::new(&text(&lab, &branch, "default-domain = \"lab.test\"", "upn-suffixes = [\"out.test\"]"));
    both.probe().unwrap();
    let (here, there) = (both.account("LAB\\anna"), both.account("BRANCH\\anna"));
    assert_ne!(here.id, there.id);
    assert_eq!(here.directory, there.directory);
    for name in ["anna", "anna@lab.test", "lab.test\\anna", "anna.k@mail.test"] {
        assert_eq!(both.account(name).id, here.id, "{name}");
    }
    for name in ["anna@branch.test", "branch.test\\anna", "Branch\\ANNA"] {
        assert_eq!(both.account(name).id, there.id, "{name}");
    }
    // Each password is tried at a controller that knows the account.
    for name in ["anna", "BRANCH\\anna", "berta@branch.test"] {
        assert_eq!(both.log_in(name, PASSWORD), Ok(PrimaryOutcome::Correct), "{name}");
        assert_eq!(both.log_in(name, "wrong"), Ok(PrimaryOutcome::Wrong), "{name}");
    }
    for name in
        ["berta", "LAB\\berta", "BRANCH\\carl", "carl@branch.test", "berta@mail.test", "anna@out.test"]
    {
        assert!(both.find(name).unwrap().is_none(), "{name}");
    }
    for (dn, account) in
        [("cn=anna,cn=users,dc=branch,dc=test", &there), ("CN=anna, CN=Users, DC=lab, DC=test", &here)]
    {
        assert_eq!(both.find_dn(dn).unwrap().map(|found| found.id).as_ref(), Some(&account.id), "{dn}");
    }
}

#[test]
fn a_name_that_two_domains_have_is_nobodys_b_082() {
    let Some((lab, branch)) = both() else { return };
    let keys =
        "default-domain = \"any\"\nlogin-attributes = [\"sAMAccountName\", \"userPrincipalName\", \"mail\"]";
    let any = Lab::new(&text(&lab, &branch, keys, "upn-suffixes = [\"mail.test\"]"));
    for (name, why) in [
        ("anna", "the account name"),
        ("anna.k@mail.test", "a principal name that both have"),
        ("anna@web.test", "an address that both have"),
    ] {
        let fault = any.find(name).unwrap_err();
        assert_eq!(fault.kind, FaultKind::UnclearAccount, "{why}");
        let said = "an account in lab.test and one in branch.test; make the name unique";
        assert!(fault.what.contains(said) && !fault.what.contains("anna"), "{fault}");
    }
    // Names that only one has.
    assert_eq!(any.account("carl").id, any.account("LAB\\carl").id);
    assert_eq!(any.account("berta").id, any.account("berta@mail.test").id);
    assert_eq!(any.log_in("berta", PASSWORD), Ok(PrimaryOutcome::Correct));
}

#[test]
fn a_group_of_another_domain_is_not_called_as_one_of_our_own() {
    let Some((lab, branch)) = both() else { return };
    let both = Lab::new(&text(&lab, &branch, "default-domain = \"LAB\"", ""));
    let (here, there) = (both.account("LAB\\anna").groups, both.account("BRANCH\\anna").groups);
    assert!(here.contains("vpn users") && here.contains("lab\\vpn users"), "{here:?}");
    assert!(there.contains("branch\\vpn users"), "{there:?}");
    assert!(there.contains("cn=vpn users,cn=users,dc=branch,dc=test"), "{there:?}");
    for foreign in ["vpn users", "crowd", "domain users", "lab\\vpn users"] {
        assert!(!there.contains(foreign), "{foreign}");
    }
    let sids = |groups: &doorward::login::identity::Groups| {
        groups.iter().filter(|group| group.starts_with("s-1-5-21-")).cloned().collect::<Vec<_>>()
    };
    assert!(sids(&here).iter().all(|sid| !there.contains(sid)), "no group is in both forests");
}

#[test]
fn a_domain_that_is_gone_stops_its_own_accounts_and_names_that_might_be_its_own() {
    let Some((lab, branch)) = both() else { return };
    let [one, any] = ["lab.test", "any"].map(|default| {
        let keys = format!("default-domain = \"{default}\"\nserver-timeout = 1");
        Lab::new(&text(&lab, &branch, &keys, ""))
    });
    drop(branch);
    assert_eq!(one.log_in("anna", PASSWORD), Ok(PrimaryOutcome::Correct));
    assert_eq!(one.find("BRANCH\\anna").unwrap_err().kind, FaultKind::DirectoryUnreachable);
    assert_eq!(one.probe().unwrap_err().kind, FaultKind::DirectoryUnreachable);
    // It might have an anna, too.
    assert_eq!(any.find("anna").unwrap_err().kind, FaultKind::DirectoryUnreachable);
    assert_eq!(any.log_in("LAB\\anna", PASSWORD), Ok(PrimaryOutcome::Correct));
}

#[test]
fn a_controller_that_is_gone_is_replaced_by_the_next_of_its_domain_b_095() {
    let (Some(lab), Some(gone)) = (Samba::start(), Samba::start()) else { return };
    let address = gone.address;
    drop(gone);
    let own = table(&lab, "ldaps", "server-timeout = 1");
    let servers = format!("servers = [\"{}\"]", lab.address);
    assert!(own.contains(&servers));
    let two = Lab::new(&own.replace(&servers, &format!("servers = [\"{address}\", \"{}\"]", lab.address)));
    assert_eq!(two.log_in("anna", PASSWORD), Ok(PrimaryOutcome::Correct));
    assert!(two.account("anna").groups.contains("staff"));
}
