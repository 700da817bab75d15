//! Our LDAP client against Samba as an Active Directory domain controller.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[path = "interop_samba/accounts.rs"]
mod accounts;
#[path = "interop_samba/domains.rs"]
mod domains;
#[path = "interop_samba/lockout.rs"]
mod lockout;
#[path = "interop_samba/passwords.rs"]
mod passwords;
mod support;

use doorward::login::identity::Standing;
use doorward::login::step::PrimaryOutcome;
use doorward::login::verdict::FaultKind;
use doorward::wire::ldap::result::ResultCode;
use support::ldap::{Lab, Speaker};
use support::samba::{PASSWORD, Samba};

fn lab(samba: &Samba, tls: &str, more: &str) -> Lab {
    Lab::new(&table(samba, tls, more))
}

fn table(samba: &Samba, tls: &str, more: &str) -> String {
    let password = samba.ca_file().with_file_name("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let ca = if tls == "none" { String::new() } else { format!("ca-file = {:?}\n", samba.ca_file()) };
    format!(
        "name = \"corp\"\nkind = \"active-directory\"\nservers = [\"{}\"]\ntls = \"{tls}\"\n{ca}base-dn = \"DC=lab,DC=test\"\n\
         bind-dn = \"CN=svc-doorward,CN=Users,DC=lab,DC=test\"\nbind-password-file = {password:?}\n\
         netbios-domain = \"LAB\"\nupn-suffixes = [\"mail.test\"]\n{more}",
        samba.address
    )
}

#[test]
fn every_form_of_a_name_leads_to_the_same_account_b_081_b_083() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "number-attribute = \"employeeNumber\"");
    let anna = lab.account("anna");
    assert_eq!((anna.id.len(), anna.standing), (16, Standing::Active), "objectGUID");
    assert_eq!((anna.number.as_deref(), &*anna.display), (Some("4711"), "anna"));
    for name in ["ANNA", "LAB\\anna", "lab\\Anna", "lab.test\\anna", "anna@lab.test", "Anna.K@MAIL.test"] {
        assert_eq!(lab.account(name).id, anna.id, "{name}");
        assert_eq!(lab.log_in(name, PASSWORD), Ok(PrimaryOutcome::Correct), "{name}");
        assert_eq!(lab.log_in(name, "wrong"), Ok(PrimaryOutcome::Wrong), "{name}");
    }
    for name in
        ["anna.k", "anna@mail.test", "anna@other.test", "OTHER\\anna", "anna.k@lab.test", "an*", "anna)(cn=*"]
    {
        assert!(lab.find(name).unwrap().is_none(), "{name}");
        assert_eq!(lab.log_in(name, PASSWORD), Ok(PrimaryOutcome::Wrong), "{name}");
    }
    assert_eq!(lab.log_in("müller", PASSWORD), Ok(PrimaryOutcome::Correct));
}

#[test]
fn a_distinguished_name_leads_to_the_same_account_or_to_nobody_b_050_b_103() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    let anna = lab.account("anna");
    let [dn, sid] = &*anna.aliases else { panic!("two exact names") };
    assert_eq!(&**dn, "cn=anna,cn=users,dc=lab,dc=test");
    assert!(sid.starts_with("S-1-5-21-"), "{sid}");
    assert!(anna.stamp.len() > 10, "pwdLastSet");
    for dn in [
        "CN=anna,CN=Users,DC=lab,DC=test",
        "cn=ANNA, cn=users, dc=LAB, dc=test",
        "cn=\\61nna,CN=Users,DC=lab,DC=test",
    ] {
        let found = lab.find_dn(dn).unwrap().unwrap_or_else(|| panic!("no account {dn}"));
        assert_eq!(
            (&found.id, &found.display, &found.aliases),
            (&anna.id, &anna.display, &anna.aliases),
            "{dn}"
        );
        assert_eq!((&found.groups, &found.stamp), (&anna.groups, &anna.stamp), "{dn}");
        assert_eq!(lab.verify(Some(&found), PASSWORD), Ok(PrimaryOutcome::Correct), "{dn}");
    }
    for dn in [
        "DC=lab,DC=test",
        "CN=Users,DC=lab,DC=test",
        "CN=Staff,CN=Users,DC=lab,DC=test",
        "CN=DC1,OU=Domain Controllers,DC=lab,DC=test",
        "CN=nobody,CN=Users,DC=lab,DC=test",
        "CN=anna,CN=Users,DC=xlab,DC=test",
        "CN=anna,CN=Users,DC=lab,DC=test,DC=evil",
        "CN=Configuration,DC=lab,DC=test",
        "CN=x,DC=sub,DC=lab,DC=test",
        "unheard-of=anna,CN=Users,DC=lab,DC=test",
        "CN=\\00,CN=Users,DC=lab,DC=test",
        "CN=,CN=Users,DC=lab,DC=test",
        &format!("<SID={sid}>"),
        &format!("<SID={sid}>;CN=anna,CN=Users,DC=lab,DC=test"),
        "anna",
        "LAB\\anna",
    ] {
        match lab.find_dn(dn) {
            Ok(None) => {}
            Ok(Some(_)) => panic!("an account for {dn}"),
            Err(fault) => panic!("{dn}: {fault}"),
        }
    }
}

#[test]
fn searches_run_as_the_person_and_the_next_one_on_the_connection_is_somebody_else_b_048() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    let accounts = ["anna", "carl"].map(|name| lab.account(name));
    // Whose SIDs the server gives to whoever asks its root for them: those of who asks (MS-ADTS 3.1.1.3.2).
    let sids = accounts.each_ref().map(|account| sid_bytes(account.aliases.last().unwrap()));
    for _ in 0..2 {
        for (account, sid) in accounts.iter().zip(&sids) {
            let mut speaker = Speaker::new(&lab, lab.bound(account, PASSWORD));
            let (entry, code) = speaker.read("", &["tokenGroups"]);
            assert_eq!(code, ResultCode::SUCCESS);
            for other in &sids {
                let holds = entry.windows(other.len()).any(|window| window == other);
                assert_eq!(holds, other == sid, "the person's own and nobody else's");
            }
            let bare = speaker.bare;
            lab.block_on(async { bare.give_back() });
        }
    }
}

/// `S-1-5-…` as it is sent (MS-DTYP 2.4.2).
fn sid_bytes(text: &str) -> Vec<u8> {
    let numbers: Vec<u32> = text.split('-').skip(3).map(|number| number.parse().unwrap()).collect();
    assert!(text.starts_with("S-1-5-"));
    let mut bytes = vec![1, u8::try_from(numbers.len()).unwrap(), 0, 0, 0, 0, 0, 5];
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

#[test]
fn nested_groups_and_the_primary_one_are_found_both_ways_b_090() {
    let Some(samba) = Samba::start() else { return };
    for lookup in ["token-groups", "in-chain"] {
        let lab = lab(&samba, "starttls", &format!("group-lookup = \"{lookup}\""));
        // The second time the names come from memory.
        for round in 1..=2 {
            let groups = lab.account("anna").groups;
            for group in [
                "lab\\vpn users",
                "vpn users",
                "staff",
                "domain users",
                "everyone else",
                "cn=staff,cn=users,dc=lab,dc=test",
            ] {
                assert!(groups.contains(group), "{lookup}, round {round}: {group} in {groups:?}");
            }
            assert!(groups.iter().any(|group| group.starts_with("s-1-5-21-") && group.ends_with("-513")));
            let others = lab.account("carl").groups;
            assert!(others.contains("domain users") && !others.contains("staff"), "{others:?}");
        }
    }
}

#[test]
fn an_account_that_may_not_log_in_says_why_and_is_never_correct_b_085_b_086() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    let cases = [
        ("disabled", Standing::Disabled, PrimaryOutcome::Disabled),
        ("expired", Standing::Expired, PrimaryOutcome::Expired),
        ("mustchange", Standing::MustChange, PrimaryOutcome::MustChange),
    ];
    for (name, standing, outcome) in cases {
        assert_eq!(lab.account(name).standing, standing, "{name}");
        assert_eq!(lab.log_in(name, PASSWORD), Ok(outcome), "{name}");
        assert_eq!(lab.log_in(name, "wrong"), Ok(PrimaryOutcome::Wrong), "{name}");
    }
}

#[test]
fn an_account_that_the_domain_has_locked_is_reported_as_locked() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    for _ in 0..3 {
        assert_eq!(lab.log_in("locked", "wrong"), Ok(PrimaryOutcome::Wrong));
    }
    assert_eq!(lab.account("locked").standing, Standing::Locked);
    assert_eq!(lab.log_in("locked", PASSWORD), Ok(PrimaryOutcome::Locked));
}

#[test]
fn a_bind_connection_carries_nothing_over_to_the_next_bind() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    let (anna, carl) = (lab.account("anna"), lab.account("carl"));
    // Samba keeps the earlier identity on a connection after a failed bind.
    for _ in 0..3 {
        assert_eq!(lab.verify(Some(&anna), PASSWORD), Ok(PrimaryOutcome::Correct));
        assert_eq!(lab.verify(Some(&carl), "wrong"), Ok(PrimaryOutcome::Wrong));
        assert_eq!(lab.verify(None, PASSWORD), Ok(PrimaryOutcome::Wrong));
        assert!(lab.account("anna").groups.contains("staff"), "searches are still the service account's");
    }
}

#[test]
fn a_password_with_a_nul_is_not_cut_there() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    let anna = lab.account("anna");
    for password in ["Correct.horse.1\0", "Correct.horse.1\0x", ""] {
        assert_eq!(lab.verify(Some(&anna), password), Ok(PrimaryOutcome::Wrong), "{password:?}");
    }
}

#[test]
fn a_controller_that_wants_tls_is_a_configuration_fault_b_089() {
    let Some(samba) = Samba::start() else { return };
    let fault = lab(&samba, "none", "").find("anna").unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryRefusedUs);
    assert!(fault.what.contains("strongerAuthRequired (8); it wants TLS before a password"), "{fault}");
}
