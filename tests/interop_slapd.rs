//! Our LDAP client against OpenLDAP's server.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod support;

use doorward::login::identity::Standing;
use doorward::login::step::PrimaryOutcome;
use doorward::login::verdict::FaultKind;
use support::authority::Authority;
use support::ldap::Lab;
use support::slapd::{PASSWORD, Slapd, free_port};

/// The table of a directory at this server.
fn table(slapd: &Slapd, server: &str, tls: &str, more: &str) -> String {
    let folder = slapd.ca_file().parent().unwrap().to_owned();
    std::fs::write(folder.join("password"), format!("{PASSWORD}\n")).unwrap();
    let ca = if tls == "none" { String::new() } else { format!("ca-file = {:?}\n", slapd.ca_file()) };
    format!(
        "name = \"lab\"\nkind = \"ldap\"\nservers = [{server}]\ntls = \"{tls}\"\n{ca}base-dn = \"dc=lab,dc=test\"\n\
         bind-dn = \"cn=service,dc=lab,dc=test\"\nbind-password-file = {:?}\n{more}",
        folder.join("password")
    )
}

fn ldaps(slapd: &Slapd, more: &str) -> Lab {
    Lab::new(&table(slapd, &format!("\"127.0.0.1:{}\"", slapd.tls_port), "ldaps", more))
}

#[test]
fn the_right_password_is_correct_and_any_other_is_wrong_over_each_protection() {
    let Some(slapd) = Slapd::start() else { return };
    let plain = format!("\"localhost:{}\"", slapd.port);
    let labs = [
        ldaps(&slapd, ""),
        Lab::new(&table(&slapd, &plain, "starttls", "")),
        Lab::new(&table(&slapd, &plain, "none", "")),
    ];
    for lab in labs {
        let anna = lab.account("anna");
        for password in ["wrong", "correct hors", "correct horse ", "Correct Horse", "*"] {
            assert_eq!(lab.verify(Some(&anna), password), Ok(PrimaryOutcome::Wrong), "{password}");
        }
        assert_eq!(lab.verify(Some(&anna), PASSWORD), Ok(PrimaryOutcome::Correct));
    }
}

#[test]
fn an_empty_password_or_one_with_a_nul_is_never_correct_b_041() {
    // With these permissions OpenLDAP says success to an empty password.
    let Some(slapd) = Slapd::start_with("allow bind_anon_cred bind_anon_dn") else { return };
    let lab = ldaps(&slapd, "");
    let anna = lab.account("anna");
    for password in ["", "\0", "correct horse\0", "\0correct horse"] {
        assert_eq!(lab.verify(Some(&anna), password), Ok(PrimaryOutcome::Wrong), "{password:?}");
    }
}

#[test]
fn nobody_is_let_in_whatever_the_password_d_100() {
    let Some(slapd) = Slapd::start() else { return };
    let lab = ldaps(&slapd, "");
    for name in ["nobody", "anna*", "*", "anna)(uid=*", "uid=anna,ou=people,dc=lab,dc=test", "cn=service"] {
        assert!(lab.find(name).unwrap().is_none(), "{name}");
        assert_eq!(lab.log_in(name, PASSWORD), Ok(PrimaryOutcome::Wrong), "{name}");
    }
}

#[test]
fn an_account_comes_with_its_immutable_id_its_number_and_its_groups() {
    let Some(slapd) = Slapd::start() else { return };
    let lab = ldaps(
        &slapd,
        "number-attribute = \"employeeNumber\"\nlogin-attributes = [\"uid\", \"mail\"]\nuser-class = \"inetOrgPerson\"",
    );
    let anna = lab.account("anna");
    assert_eq!(anna.id.len(), 36, "entryUUID");
    assert_eq!(anna.number.as_deref(), Some("4711"));
    assert_eq!(anna.standing, Standing::Active);
    let groups: Vec<&str> = anna.groups.iter().map(AsRef::as_ref).collect();
    assert_eq!(groups, ["cn=vpn users,ou=groups,dc=lab,dc=test", "vpn users"]);
    for spelling in ["ANNA", "Anna@LAB.test", " anna "] {
        assert_eq!(lab.account(spelling).id, anna.id, "{spelling}, B-083");
    }
}

#[test]
fn every_spelling_of_a_distinguished_name_leads_to_the_same_account_b_050_b_102() {
    let Some(slapd) = Slapd::start() else { return };
    let lab = ldaps(&slapd, "group-lookup = \"member\"");
    let anna = lab.account("anna");
    assert_eq!(anna.aliases, ["uid=anna,ou=people,dc=lab,dc=test".into()]);
    for dn in [
        "uid=anna,ou=people,dc=lab,dc=test",
        "UID=ANNA, OU=People, DC=Lab, DC=Test",
        "userid=anna,2.5.4.11=people,domainComponent=lab,dc=test",
        "0.9.2342.19200300.100.1.1=anna;ou=people;dc=lab;dc=test",
        "uid=\\61nna,ou=people,dc=lab,dc=test",
    ] {
        let found = lab.find_dn(dn).unwrap().unwrap_or_else(|| panic!("no account {dn}"));
        assert_eq!((&found.id, &found.handle), (&anna.id, &anna.handle), "{dn}");
        assert_eq!(
            (&found.groups, &found.aliases, &found.stamp),
            (&anna.groups, &anna.aliases, &anna.stamp),
            "{dn}"
        );
        assert_eq!(&*found.display, "anna", "{dn}");
        assert_eq!(lab.verify(Some(&found), PASSWORD), Ok(PrimaryOutcome::Correct), "{dn}");
        assert_eq!(lab.verify(Some(&found), "wrong"), Ok(PrimaryOutcome::Wrong), "{dn}");
    }
    let ben = lab.find_dn("cn=Müller\\2c Ben,ou=people,dc=lab,dc=test").unwrap().unwrap();
    assert_eq!((&ben.id, &*ben.display), (&lab.account("müller").id, "müller"));
    assert_ne!(ben.id, anna.id);
}

#[test]
fn a_distinguished_name_that_is_no_accounts_is_nobodys_b_103() {
    let Some(slapd) = Slapd::start() else { return };
    let labs = [("", ldaps(&slapd, "")), ("class", ldaps(&slapd, "user-class = \"inetOrgPerson\""))];
    for (class, lab) in &labs {
        for dn in [
            "dc=lab,dc=test",
            "ou=people,dc=lab,dc=test",
            "cn=staff,ou=groups,dc=lab,dc=test",
            "cn=unix,ou=groups,dc=lab,dc=test",
            "uid=nobody,ou=people,dc=lab,dc=test",
            "uid=anna,ou=nowhere,dc=lab,dc=test",
            "uid=anna,ou=people,dc=xlab,dc=test",
            "uid=anna,ou=people,dc=lab,dc=test,dc=evil",
            "uid=anna\\,ou\\=people\\,dc\\=lab\\,dc\\=test",
            "cn=Subschema",
            "cn=admin,dc=lab,dc=test",
            "unheard-of=anna,dc=lab,dc=test",
            "uid=anna+unheard-of=x,ou=people,dc=lab,dc=test",
            "uid=,ou=people,dc=lab,dc=test",
            "uid=*,ou=people,dc=lab,dc=test",
            "anna",
            "<GUID=00>",
            "uid=anna,,dc=lab,dc=test",
        ] {
            assert!(lab.find_dn(dn).unwrap().is_none(), "{class} {dn}");
        }
    }
    // An application's own account has no login attribute; it is one by its class, unless there is another for all.
    let [(_, any), (_, people)] = labs;
    let service = any.find_dn("CN=Service,dc=lab,dc=test").unwrap().unwrap();
    assert_eq!((&*service.display, &*service.handle), ("service", "cn=service,dc=lab,dc=test"));
    assert_eq!(any.verify(Some(&service), PASSWORD), Ok(PrimaryOutcome::Correct));
    assert!(people.find_dn("cn=service,dc=lab,dc=test").unwrap().is_none());
}

#[test]
fn a_new_password_makes_a_new_stamp() {
    let Some(slapd) = Slapd::start() else { return };
    let lab = ldaps(&slapd, "");
    let before = lab.account("anna").stamp;
    assert!(!before.is_empty());
    assert_eq!(lab.account("anna").stamp, before, "and only that");
    // The server counts in seconds, so the first new one may come within the same.
    support::ldap::eventually("the stamp changes", || {
        assert!(slapd.add(
            "dn: uid=anna,ou=people,dc=lab,dc=test\nchangetype: modify\nreplace: userPassword\nuserPassword: new\n"
        ));
        lab.account("anna").stamp != before
    });
}

#[test]
fn groups_in_groups_are_found_and_a_circle_of_them_ends() {
    let Some(slapd) = Slapd::start() else { return };
    let lab = ldaps(&slapd, "group-lookup = \"member\"\ngroup-base-dn = \"ou=groups,dc=lab,dc=test\"");
    for name in ["anna", "müller"] {
        let groups = lab.account(name).groups;
        for group in ["vpn users", "staff", "circle", "cn=staff,ou=groups,dc=lab,dc=test"] {
            assert!(groups.contains(group), "{name} {group} {groups:?}");
        }
    }
    assert!(lab.account("keyless").groups.is_empty());
    let unix = ldaps(&slapd, "group-lookup = \"member\"\ngroup-member-attribute = \"memberUid\"");
    assert!(unix.account("anna").groups.contains("unix"));
    assert!(ldaps(&slapd, "group-lookup = \"none\"").account("anna").groups.is_empty());
}

#[test]
fn a_name_that_two_accounts_have_is_a_fault_b_052() {
    let Some(slapd) = Slapd::start() else { return };
    let fault = ldaps(&slapd, "").find("twin").unwrap_err();
    assert_eq!(fault.kind, FaultKind::UnclearAccount);
    assert!(fault.what.contains("two accounts for one login name"), "{fault}");
    assert!(!fault.what.contains("twin"), "no name in a fault: {fault}");
}

#[test]
fn a_name_with_every_special_character_of_a_dn_can_log_in_b_101() {
    let Some(slapd) = Slapd::start() else { return };
    let lab = ldaps(&slapd, "");
    assert_eq!(lab.log_in("mu\u{308}LLER", PASSWORD), Ok(PrimaryOutcome::Correct));
    assert_eq!(lab.log_in("müller", "wrong"), Ok(PrimaryOutcome::Wrong));
}

#[test]
fn an_expired_account_says_so_and_one_without_a_password_is_wrong_b_086() {
    let Some(slapd) = Slapd::start() else { return };
    let lab = ldaps(&slapd, "");
    assert_eq!(lab.account("left").standing, Standing::Expired);
    assert_eq!(lab.log_in("keyless", PASSWORD), Ok(PrimaryOutcome::Wrong));
}

#[test]
fn a_certificate_of_another_authority_or_for_another_name_is_refused_b_071() {
    let Some(slapd) = Slapd::start() else { return };
    let stranger = slapd.ca_file().with_file_name("stranger.pem");
    std::fs::write(&stranger, Authority::new().pem()).unwrap();
    for (tls, port) in [("ldaps", slapd.tls_port), ("starttls", slapd.port)] {
        let server = format!("\"localhost:{port}\"");
        let table = table(&slapd, &server, tls, "").replace("ca.pem", "stranger.pem");
        let fault = Lab::new(&table).find("anna").unwrap_err();
        assert_eq!(fault.kind, FaultKind::DirectoryUnreachable);
        assert!(fault.what.contains("invalid peer certificate"), "{fault}");
    }
    let other_name = table(&slapd, &format!("\"127.0.0.2:{}\"", slapd.tls_port), "ldaps", "");
    assert!(Lab::new(&other_name).find("anna").is_err());
}

#[test]
fn where_tls_is_required_a_plain_connection_is_a_configuration_fault_b_089() {
    let Some(slapd) = Slapd::start_with("security tls=1") else { return };
    let lab = Lab::new(&table(&slapd, &format!("\"127.0.0.1:{}\"", slapd.port), "none", ""));
    let fault = lab.find("anna").unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryRefusedUs);
    assert!(fault.what.contains("set tls = \"ldaps\" or tls = \"starttls\""), "{fault}");
    let nobody = lab.verify(None, "x").unwrap_err();
    assert_eq!(nobody.kind, FaultKind::DirectoryRefusedUs);
}

#[test]
fn a_refused_service_account_is_our_fault_and_not_asked_again_at_once() {
    let Some(slapd) = Slapd::start() else { return };
    let table = table(&slapd, &format!("\"127.0.0.1:{}\"", slapd.tls_port), "ldaps", "");
    let lab = Lab::new(&table.replace("cn=service", "cn=servant"));
    for _ in 0..3 {
        let fault = lab.find("anna").unwrap_err();
        assert_eq!(fault.kind, FaultKind::DirectoryRefusedUs);
        assert!(fault.what.contains("check bind-dn and bind-password"), "{fault}");
    }
}

#[test]
fn when_a_server_is_down_the_next_one_answers() {
    let Some(mut first) = Slapd::start() else { return };
    let Some(second) = Slapd::start() else { return };
    let both = format!(
        "{}\n{}",
        std::fs::read_to_string(first.ca_file()).unwrap(),
        std::fs::read_to_string(second.ca_file()).unwrap()
    );
    std::fs::write(first.ca_file(), both).unwrap();
    let servers = format!("\"127.0.0.1:{}\", \"127.0.0.1:{}\"", first.tls_port, second.tls_port);
    let lab = Lab::new(&table(&first, &servers, "ldaps", ""));
    assert_eq!(lab.log_in("anna", PASSWORD), Ok(PrimaryOutcome::Correct));
    first.stop();
    for _ in 0..3 {
        assert_eq!(lab.log_in("anna", PASSWORD), Ok(PrimaryOutcome::Correct), "the second server");
        assert_eq!(lab.log_in("anna", "wrong"), Ok(PrimaryOutcome::Wrong), "the second server");
    }
}

#[test]
fn when_no_server_answers_it_is_a_fault_and_never_a_wrong_password_b_043() {
    let Some(slapd) = Slapd::start() else { return };
    let servers = format!("\"127.0.0.1:{}\", \"127.0.0.1:{}\"", free_port(), free_port());
    let lab = Lab::new(&table(&slapd, &servers, "ldaps", ""));
    let fault = lab.find("anna").unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryUnreachable);
    assert!(fault.what.contains("none of 2 servers tried was of help"), "{fault}");
    assert_eq!(lab.verify(None, PASSWORD).unwrap_err().kind, FaultKind::DirectoryUnreachable);
}

#[test]
fn a_look_at_the_directory_says_whose_move_it_is() {
    let Some(slapd) = Slapd::start() else { return };
    let good = table(&slapd, &format!("\"127.0.0.1:{}\"", slapd.tls_port), "ldaps", "");
    assert_eq!(Lab::new(&good).probe(), Ok(()));
    let port = free_port();
    let other_authority = slapd.ca_file().with_file_name("other.pem");
    std::fs::write(&other_authority, Authority::new().pem()).unwrap();
    let replaced = |from: &str, to: &str| good.replace(from, to);
    for (settings, said) in [
        (replaced("\"dc=lab,dc=test\"", "\"dc=lab,dc=tset\""), "a look at base-dn with noSuchObject"),
        (replaced(slapd.ca_file().to_str().unwrap(), other_authority.to_str().unwrap()), "check ca-file"),
        (replaced(&slapd.tls_port.to_string(), &slapd.port.to_string()), "is that port for TLS?"),
        (replaced("127.0.0.1:", "127.0.0.2:"), "127.0.0.2"),
        (replaced(&slapd.tls_port.to_string(), &port.to_string()), &format!("\": 127.0.0.1:{port}: connect")),
    ] {
        assert_ne!(settings, good, "{said}");
        let fault = Lab::new(&settings).probe().unwrap_err();
        assert!(fault.what.contains(said), "{said}: {fault}");
    }
}

#[test]
fn a_hundred_logins_at_once_each_get_their_own_answer() {
    let Some(slapd) = Slapd::start() else { return };
    let lab = ldaps(&slapd, "");
    let (anna, ben) = (lab.account("anna"), lab.account("müller"));
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let (directory, account) =
                (lab.directory.clone(), if number % 2 == 0 { anna.clone() } else { ben.clone() });
            lab.spawn(async move {
                use doorward::gateway::ports::{After, Directory};
                let until = support::ldap::after(std::time::Duration::from_secs(20));
                let name = if number % 2 == 0 { "anna" } else { "müller" };
                let found = directory.find(&support::ldap::login(name), until).await.unwrap().unwrap();
                assert_eq!(found.id, account.id);
                let password = if number % 3 == 0 { "wrong" } else { PASSWORD };
                let secret = doorward::base::secret::Secret::copied(password.as_bytes());
                (number % 3 == 0, directory.verify(Some(&account), &secret, After::Nothing, until).await)
            })
        })
        .collect();
    for task in tasks {
        let (wrong, outcome) = lab.block_on(task).unwrap();
        let expected = if wrong { PrimaryOutcome::Wrong } else { PrimaryOutcome::Correct };
        assert_eq!(outcome.map(|verified| verified.outcome), Ok(expected));
    }
}

#[test]
fn another_client_sees_the_same_directory_as_ours() {
    let Some(slapd) = Slapd::start() else { return };
    let lab = ldaps(&slapd, "");
    let theirs = lab.block_on(async {
        let (connection, mut client) =
            ldap3::LdapConnAsync::new(&format!("ldap://127.0.0.1:{}", slapd.port)).await.unwrap();
        tokio::spawn(connection.drive());
        client.simple_bind("cn=service,dc=lab,dc=test", PASSWORD).await.unwrap().success().unwrap();
        let found = client
            .search("dc=lab,dc=test", ldap3::Scope::Subtree, "(uid=müller)", vec!["entryUUID"])
            .await
            .unwrap();
        let (entries, _) = found.success().unwrap();
        ldap3::SearchEntry::construct(entries.into_iter().next().unwrap())
    });
    let ours = lab.account("müller");
    assert_eq!(*ours.handle, *theirs.dn);
    assert_eq!(&*ours.id, theirs.attrs["entryUUID"][0].as_bytes());
}
