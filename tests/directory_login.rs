//! Logins over RADIUS against the finished program in front of real directories.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

#[path = "support/lab.rs"]
mod lab;
mod support;

use doorward::wire::radius::packet::Code;
use lab::{Lab, SEED, folder, private_file, quiet_step, totp};
use support::samba::Samba;
use support::slapd::Slapd;

/// The program with one directory, `lines` being its own keys.
fn lab(lines: &str, password: &str, rules: &str) -> Lab {
    let dir = folder();
    private_file(&dir.path().join("service.password"), password);
    let client = lab::client(dir.path(), "");
    let place = dir.path().display();
    let tables = format!(
        "[[directory]]\nname = \"staff\"\nbind-password = {{ file = \"{place}/service.password\" }}\n{lines}\n{client}{rules}"
    );
    Lab::start_custom(dir, &tables)
}

fn at_samba(samba: &Samba, rules: &str) -> Lab {
    let lines = format!(
        "kind = \"active-directory\"\nservers = [\"{}\"]\nca-file = {:?}\nbase-dn = \"DC=lab,DC=test\"\n\
         bind-dn = \"CN=svc-doorward,CN=Users,DC=lab,DC=test\"\nnetbios-domain = \"LAB\"\nupn-suffixes = [\"mail.test\"]",
        samba.address,
        samba.ca_file()
    );
    lab(&lines, support::samba::PASSWORD, rules)
}

#[test]
fn every_form_of_a_name_meets_the_same_enrolment_and_the_same_used_code_d_014() {
    let Some(samba) = Samba::start() else { return };
    let lab = at_samba(&samba, "");
    lab.enrol_totp("anna");
    let vpn = lab.appliance();
    let code = totp(SEED, quiet_step(15));
    let forms = ["LAB\\Anna", "anna", "ANNA.K@mail.test", "anna@lab.test"];
    let (first, others) = forms.split_first().unwrap();
    let question = vpn.ask(first, support::samba::PASSWORD);
    assert_eq!(question.code, Code::AccessChallenge);
    assert_eq!(vpn.answer(first, &code, &question).code, Code::AccessAccept);
    for form in others {
        let question = vpn.ask(form, support::samba::PASSWORD);
        assert_eq!(question.code, Code::AccessChallenge, "{form}");
        assert_eq!(vpn.answer(form, &code, &question).code, Code::AccessReject, "{form}");
        assert_eq!(lab.last_reason(), "replayed-code", "{form}");
    }
    let pseudonyms: std::collections::BTreeSet<_> =
        lab.logins().iter().map(|record| record["pseudonym"].to_string()).collect();
    assert_eq!(pseudonyms.len(), 1, "one person, however the name is typed");
}

#[test]
fn a_rule_about_a_nested_group_decides_and_the_audit_tells_why_the_others_failed() {
    let Some(samba) = Samba::start() else { return };
    let rule = "[[rule]]\nname = \"staff\"\ngroup = \"Staff\"\nthen = \"none\"\n";
    let lab = at_samba(&samba, rule);
    let vpn = lab.appliance();
    let cases = [
        ("anna", support::samba::PASSWORD, Code::AccessAccept, "rule-asks-none"),
        ("anna", "wrong", Code::AccessReject, "wrong-password"),
        ("carl", support::samba::PASSWORD, Code::AccessReject, "not-enrolled"),
        ("disabled", support::samba::PASSWORD, Code::AccessReject, "account-disabled"),
        ("expired", support::samba::PASSWORD, Code::AccessReject, "account-expired"),
        ("mustchange", support::samba::PASSWORD, Code::AccessReject, "must-change-password"),
        ("nobody", support::samba::PASSWORD, Code::AccessReject, "unknown-subject"),
        ("OTHER\\anna", support::samba::PASSWORD, Code::AccessReject, "unknown-subject"),
    ];
    for (user, password, code, reason) in cases {
        assert_eq!(vpn.ask(user, password).code, code, "{user}");
        assert_eq!(lab.last_reason(), reason, "{user}");
    }
    let log = lab.log();
    for secret in ["anna", "carl", support::samba::PASSWORD] {
        assert!(!log.contains(secret), "no name and no password in the log");
    }
}

#[test]
fn when_the_directory_is_gone_the_appliance_hears_nothing_and_nobody_gets_in_b_043() {
    let Some(mut slapd) = Slapd::start() else { return };
    let lines = format!(
        "kind = \"ldap\"\nservers = [\"127.0.0.1:{}\"]\nca-file = {:?}\nbase-dn = \"dc=lab,dc=test\"\n\
         bind-dn = \"cn=service,dc=lab,dc=test\"",
        slapd.tls_port,
        slapd.ca_file()
    );
    let rule = "[[rule]]\nname = \"vpn\"\ngroup = \"VPN Users\"\nthen = \"none\"\n";
    let lab = lab(&lines, support::slapd::PASSWORD, rule);
    let vpn = lab.appliance();
    assert_eq!(vpn.ask("anna", support::slapd::PASSWORD).code, Code::AccessAccept);
    slapd.stop();
    vpn.hears_nothing(
        &vpn.request("anna", support::slapd::PASSWORD, None),
        std::time::Duration::from_secs(2),
    );
    assert_eq!(lab.last_reason(), "directory-unreachable");
}
