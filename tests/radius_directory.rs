//! Logins over RADIUS against the finished program with real directories behind it: OpenLDAP's server and
//! Samba as an Active Directory domain controller.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "support/lab.rs"]
mod lab;
mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::radius::packet::Code;
use lab::{Lab, PATIENCE, SEED, private_file, quiet_step, totp};
use support::samba::{self, Samba};
use support::slapd::{self, Slapd};

const SEPARATOR: &str = "code-entry = [\"separator\", \"challenge\"]\n";

/// The program with `directory` as its one directory `staff`; `client` are keys of the client, `more` are
/// tables behind it.
fn gateway(directory: impl Fn(&Path) -> String, client: &str, more: &str) -> Lab {
    let dir = lab::folder();
    let tables = format!("{}{}{more}", directory(dir.path()), lab::client(dir.path(), client));
    Lab::start_custom(dir, &tables)
}

/// A table for slapd; `tls` is as in the configuration.
fn plain(server: &Slapd, folder: &Path, tls: &str) -> String {
    private_file(&folder.join("service"), slapd::PASSWORD);
    let port = if tls == "ldaps" { server.tls_port } else { server.port };
    let ca = if tls == "none" { String::new() } else { format!("ca-file = {:?}\n", server.ca_file()) };
    format!(
        "[[directory]]\nname = \"staff\"\nkind = \"ldap\"\nservers = [\"127.0.0.1:{port}\"]\ntls = \"{tls}\"\n{ca}\
         base-dn = \"dc=lab,dc=test\"\nbind-dn = \"cn=service,dc=lab,dc=test\"\n\
         bind-password = {{ file = \"service\" }}\nlogin-attributes = [\"uid\", \"mail\"]\n\
         group-lookup = \"member\"\ngroup-base-dn = \"ou=groups,dc=lab,dc=test\"\nserver-timeout = \"1s\"\n"
    )
}

fn active(server: &Samba, folder: &Path, tls: &str) -> String {
    private_file(&folder.join("service"), samba::PASSWORD);
    format!(
        "[[directory]]\nname = \"staff\"\nkind = \"active-directory\"\nservers = [\"{}\"]\ntls = \"{tls}\"\n\
         ca-file = {:?}\nbase-dn = \"DC=lab,DC=test\"\nbind-dn = \"CN=svc-doorward,CN=Users,DC=lab,DC=test\"\n\
         bind-password = {{ file = \"service\" }}\nnetbios-domain = \"LAB\"\nupn-suffixes = [\"mail.test\"]\n",
        server.address,
        server.ca_file()
    )
}

/// Staff need a code, all others are refused.
const STAFF_ONLY: &str = "[[rule]]\nname = \"staff\"\ngroup = \"staff\"\nthen = { require = [\"totp\"] }\n\
                          [[rule]]\nname = \"others\"\nthen = \"refuse\"\n";

/// Logs in with password and code in one field.
fn enter(lab: &Lab, name: &str, password: &str, code: &str) -> Code {
    lab.appliance().ask(name, &format!("{password},{code}")).code
}

/// What the audit says about the last login.
fn last(lab: &Lab, key: &str) -> String {
    let record = lab.logins().pop().expect("a record");
    record[key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_login_through_openldap_needs_password_and_code_over_each_protection() {
    let Some(server) = Slapd::start() else { return };
    for tls in ["ldaps", "starttls"] {
        let lab = gateway(|folder| plain(&server, folder, tls), SEPARATOR, "");
        lab.enrol_totp("anna");
        let vpn = lab.appliance();
        let code = totp(SEED, quiet_step(15));
        assert_eq!(enter(&lab, "anna", "wrong", &code), Code::AccessReject, "{tls}");
        assert_eq!(lab.last_reason(), "wrong-password");
        let question = vpn.ask("anna", slapd::PASSWORD);
        assert_eq!(question.code, Code::AccessChallenge, "{tls}");
        assert_eq!(vpn.answer("anna", &code, &question).code, Code::AccessAccept, "{tls}");
        assert_eq!((last(&lab, "factor"), lab.last_reason()), ("totp".into(), "confirmed".into()));
        let subject = last(&lab, "subject");
        assert_eq!(enter(&lab, "Anna@LAB.test", slapd::PASSWORD, &code), Code::AccessReject, "{tls}");
        assert_eq!((lab.last_reason(), last(&lab, "subject")), ("replayed-code".into(), subject), "B-083");
        assert_eq!(enter(&lab, "nobody", slapd::PASSWORD, &code), Code::AccessReject, "{tls}");
        assert_eq!(lab.last_reason(), "unknown-subject");
        assert_eq!(enter(&lab, "left", slapd::PASSWORD, &code), Code::AccessReject, "{tls}");
        assert_eq!(lab.last_reason(), "account-expired");
    }
}

#[test]
fn one_request_is_at_most_one_bind_of_the_user_b_087() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("slapd.log");
    let Some(server) = Slapd::start_with(&format!("logfile {}", log.display())) else { return };
    let lab = gateway(|folder| plain(&server, folder, "ldaps"), SEPARATOR, "");
    lab.enrol_totp("anna");
    // slapd writes the request before it answers it.
    let binds = |who: &str| {
        let lines = fs::read(&log).unwrap();
        let lines = String::from_utf8_lossy(&lines).into_owned();
        lines
            .lines()
            .filter(|line| line.contains(&format!("BIND dn=\"{who}")) && line.contains("method="))
            .count()
    };
    let code = totp(SEED, quiet_step(15));
    let anna = "uid=anna,ou=people";
    for (password, code, expected) in [
        ("wrong", code.as_str(), Code::AccessReject),
        (slapd::PASSWORD, "000000", Code::AccessReject),
        (slapd::PASSWORD, code.as_str(), Code::AccessAccept),
        (slapd::PASSWORD, code.as_str(), Code::AccessReject),
    ] {
        let before = binds(anna);
        let vpn = lab.appliance();
        let packet = vpn.request("anna", &format!("{password},{code}"), None);
        assert_eq!(vpn.exchange(&packet).code, expected);
        assert_eq!(vpn.exchange(&packet).code, expected, "a copy");
        assert_eq!(binds(anna) - before, 1, "{}", lab.last_reason());
    }
    let vpn = lab.appliance();
    let before = binds(anna);
    let question = vpn.ask("anna", slapd::PASSWORD);
    assert_eq!(vpn.answer("anna", "000000", &question).code, Code::AccessReject);
    assert_eq!(binds(anna) - before, 1, "the reply to the question needs none");
    let before = binds("");
    assert_eq!(enter(&lab, "anna", "", &code), Code::AccessReject, "B-041");
    assert_eq!(binds("") - before, 0, "an empty password reaches no directory");
}

#[test]
fn every_form_of_a_name_is_one_subject_with_one_replay_counter_b_081_b_083() {
    let Some(server) = Samba::start() else { return };
    let lab = gateway(|folder| active(&server, folder, "ldaps"), SEPARATOR, STAFF_ONLY);
    lab.enrol_totp("anna");
    let code = totp(SEED, quiet_step(20));
    assert_eq!(enter(&lab, "Anna.K@MAIL.test", samba::PASSWORD, &code), Code::AccessAccept);
    assert_eq!(last(&lab, "rule"), "staff", "through a group in a group");
    let subject = last(&lab, "subject");
    assert!(!subject.is_empty());
    for name in ["anna", "ANNA", "LAB\\anna", "lab.test\\Anna", "anna@lab.test", "anna.k@mail.test"] {
        assert_eq!(enter(&lab, name, samba::PASSWORD, &code), Code::AccessReject, "{name}");
        assert_eq!((lab.last_reason(), last(&lab, "subject")), ("replayed-code".into(), subject.clone()));
    }
    for name in ["OTHER\\anna", "anna@other.test", "anna.k"] {
        assert_eq!(enter(&lab, name, samba::PASSWORD, &code), Code::AccessReject, "{name}");
        assert_eq!((lab.last_reason(), last(&lab, "subject")), ("unknown-subject".into(), String::new()));
    }
    assert_eq!(enter(&lab, "carl", samba::PASSWORD, &code), Code::AccessReject);
    assert_eq!((lab.last_reason(), last(&lab, "rule")), ("refused-by-rule".into(), "others".into()));
}

#[test]
fn an_account_that_may_not_log_in_is_rejected_for_its_own_reason_b_086() {
    let Some(server) = Samba::start() else { return };
    let lab = gateway(|folder| active(&server, folder, "starttls"), SEPARATOR, "");
    for (name, reason) in [
        ("disabled", "account-disabled"),
        ("expired", "account-expired"),
        ("mustchange", "must-change-password"),
        ("aged", "password-expired"),
        ("nights", "outside-hours"),
        ("carl", "not-enrolled"),
    ] {
        assert_eq!(enter(&lab, name, samba::PASSWORD, "123456"), Code::AccessReject, "{name}");
        assert_eq!(lab.last_reason(), reason, "{name}");
        assert_eq!(enter(&lab, name, "wrong", "123456"), Code::AccessReject, "{name}");
        assert_eq!(lab.last_reason(), "wrong-password", "{name}");
    }
    for _ in 0..3 {
        enter(&lab, "locked", "wrong", "123456");
    }
    assert_eq!(enter(&lab, "locked", samba::PASSWORD, "123456"), Code::AccessReject);
    assert_eq!(
        lab.last_reason(),
        "not-enrolled",
        "the domain locks after three; nobody is locked through us, B-087"
    );
}

#[test]
fn where_no_password_is_tried_the_state_of_the_account_still_counts_b_086() {
    let Some(server) = Samba::start() else { return };
    let lab = gateway(|folder| active(&server, folder, "ldaps"), "primary = \"trusted\"\n", "");
    for (name, reason) in [
        ("disabled", "account-disabled"),
        ("expired", "account-expired"),
        ("mustchange", "must-change-password"),
        ("aged", "password-expired"),
        ("nights", "outside-hours"),
        ("nightschange", "outside-hours"),
        ("carl", "not-enrolled"),
    ] {
        assert_eq!(lab.appliance().ask(name, "123456").code, Code::AccessReject, "{name}");
        assert_eq!(lab.last_reason(), reason, "{name}");
    }
}

#[test]
fn an_expired_password_is_changed_after_the_second_factor_and_not_before_b_093() {
    const NEW: &str = "Another.horse.2";
    let Some(server) = Samba::start() else { return };
    let keys = "code-entry = \"challenge\"\nchange-password = true\n";
    let lab = gateway(|folder| active(&server, folder, "ldaps"), keys, "");
    for name in ["aged", "mustchange"] {
        lab.enrol_totp(name);
        let device = lab.appliance();
        let (code, question) = (totp(SEED, quiet_step(20)), device.ask(name, samba::PASSWORD));
        assert_eq!(question.code, Code::AccessChallenge, "{name}");
        // Whoever has the old password alone comes no further.
        assert_eq!(device.answer(name, "000000", &question).code, Code::AccessReject, "{name}");
        assert_eq!(lab.last_reason(), "wrong-code", "{name}");
        let question = device.ask(name, samba::PASSWORD);
        let new = device.answer(name, &code, &question);
        assert_eq!(new.code, Code::AccessChallenge, "{name}");
        // The domain does not take this one.
        let again = device.answer(name, "short", &new);
        let new = device.answer(name, "short", &again);
        assert_eq!((again.code, new.code), (Code::AccessChallenge, Code::AccessChallenge), "{name}");
        let again = device.answer(name, NEW, &new);
        assert_eq!(again.code, Code::AccessChallenge, "{name}");
        assert_eq!(device.answer(name, NEW, &again).code, Code::AccessAccept, "{name}");
        assert_eq!(last(&lab, "stage"), "password-change", "{name}");
        assert_eq!(device.ask(name, samba::PASSWORD).code, Code::AccessReject, "{name}");
        assert_eq!(lab.last_reason(), "wrong-password", "{name}");
        assert_eq!(device.ask(name, NEW).code, Code::AccessChallenge, "{name}: for the code");
    }
    // Outside its hours no account gets so far.
    assert_eq!(lab.appliance().ask("nightschange", samba::PASSWORD).code, Code::AccessReject);
    assert!(!lab.log().contains(NEW), "nothing is logged of it");
}

#[test]
fn a_directory_that_is_gone_is_no_wrong_password_a_124_b_043() {
    let Some(mut server) = Slapd::start() else { return };
    let client = |unable| format!("{SEPARATOR}when-unable = \"{unable}\"\n");
    let silent = gateway(|folder| plain(&server, folder, "ldaps"), &client("silence"), "");
    let loud = gateway(|folder| plain(&server, folder, "ldaps"), &client("reject"), "");
    for lab in [&silent, &loud] {
        lab.enrol_totp("anna");
        assert_eq!(enter(lab, "anna", slapd::PASSWORD, &totp(SEED, quiet_step(15))), Code::AccessAccept);
    }
    server.stop();
    assert_eq!(enter(&loud, "anna", slapd::PASSWORD, "123456"), Code::AccessReject);
    assert_eq!(
        (loud.last_reason(), last(&loud, "outcome")),
        ("directory-unreachable".into(), "unable".into())
    );

    let vpn = silent.appliance();
    vpn.socket.send(&vpn.request("anna", "correct horse,123456", None)).unwrap();
    wait_until("the verdict is recorded", || silent.logins().len() == 2);
    assert_eq!(silent.last_reason(), "directory-unreachable");
    vpn.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    assert!(vpn.socket.recv(&mut [0; 4096]).is_err(), "the device is to try its next server, A-124");
}

#[test]
fn a_service_account_that_is_refused_is_our_fault_and_no_wrong_password_b_043() {
    let Some(server) = Slapd::start() else { return };
    let client = format!("{SEPARATOR}when-unable = \"reject\"\n");
    let broken = |folder: &Path| {
        let table = plain(&server, folder, "ldaps");
        private_file(&folder.join("service"), "not its password");
        table
    };
    let lab = gateway(broken, &client, "");
    for _ in 0..2 {
        assert_eq!(enter(&lab, "anna", slapd::PASSWORD, "123456"), Code::AccessReject);
        assert_eq!(lab.last_reason(), "directory-refused-us");
    }
    let complaint = lab.wait_for(|line| line.contains("check bind-dn"));
    assert!(!complaint.contains("anna") && !complaint.contains("not its password"), "{complaint}");
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = SystemClock.now().steady + PATIENCE;
    while !done() {
        assert!(SystemClock.now().steady < until, "it never came to pass: {what}");
        std::thread::yield_now();
    }
}
