//! ldap-utils.

use data_encoding::BASE64;

use crate::gateway::Gateway;
use crate::support::counting::{Counting, SILENCE, lets_in_anna_alone};
use crate::support::ldap_app::{Ldap, Outcome, Tls, said};
use crate::support::ldap_utils::LdapUtils;
use crate::support::slapd::{PASSWORD, Slapd};
use crate::through::{
    PROTECTED, asks_for_a_second_factor, refuses_a_replay, tells_a_fault_from_a_wrong_password,
};

/// An attribute whose values are any octets, which the usual schema has only for secrets.
const SCHEMA: &str = "\
attributetype ( 2.999.1 NAME 'labId' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 2.999.2 NAME 'labThing' SUP top AUXILIARY MAY labId )";

/// Octets that a filter must escape, and some that are no text.
const ID: &[u8] = b"\x00\xff(*)\\\x80";

/// Far larger than one read of anybody's.
const PICTURE: usize = 300_000;

/// Seven more people, one of whom has the id and the picture.
fn crowd(picture: &str) -> String {
    let person = |no: u8| {
        format!(
            "dn: uid=crowd{no},ou=people,dc=lab,dc=test\nobjectClass: inetOrgPerson\nobjectClass: labThing\n\
             uid: crowd{no}\ncn: Crowd\nsn: {no}\n"
        )
    };
    let marked = format!("labId:: {}\njpegPhoto:: {picture}\n", BASE64.encode(ID));
    (0..7).map(|no| person(no) + if no == 3 { &marked } else { "" } + "\n").collect()
}

fn picture() -> String {
    let octets: Vec<u8> = (0..PICTURE).map(|no| u8::try_from(no * no % 251).unwrap()).collect();
    BASE64.encode(&octets)
}

/// The names of the entries in an answer.
fn names(answer: &str) -> Vec<&str> {
    let mut names: Vec<_> = answer.lines().filter(|line| line.starts_with("dn:")).collect();
    names.sort_unstable();
    names
}

#[test]
fn ldapwhoami_binds_with_the_right_password_over_each_protection() {
    let Some(slapd) = Slapd::start() else { return };
    for tls in [Tls::Ldaps, Tls::StartTls, Tls::None] {
        let Some(tools) = LdapUtils::start(&Ldap::at(&slapd, tls)) else { return };
        lets_in_anna_alone(|user, password| tools.login(user, password));
    }
}

/// What a test does, wherever it does it: at a directory, over these connections, with what anna types instead of
/// her password.
type Check = dyn Fn(&Slapd, &dyn Fn(Tls) -> Ldap, &dyn Fn(&str) -> String);

/// Does the same at OpenLDAP's server and through the gateway, where each command needs a code of its own.
fn with_and_without_the_gateway(settings: &str, check: &Check) {
    let Some(slapd) = Slapd::start_open(settings) else { return };
    check(&slapd, &|tls| Ldap::at(&slapd, tls), &str::to_owned);
    let Some(gateway) = Gateway::for_applications_with(settings, "") else { return };
    let typed = |password: &str| format!("{password}{}", gateway.code("anna"));
    check(&gateway.slapd, &|tls| gateway.ldap(tls), &typed);
}

#[test]
fn ldapsearch_gets_every_page_every_octet_and_what_a_binary_filter_names() {
    let picture = picture();
    with_and_without_the_gateway(SCHEMA, &move |slapd, at, typed| {
        assert!(slapd.add(&crowd(&picture)));
        for tls in PROTECTED {
            let Some(tools) = LdapUtils::start(&at(tls)) else { return };
            let search = |args: &[&str]| {
                let args = [&["-o", "ldif-wrap=no", "-b", "ou=people,dc=lab,dc=test"], args].concat();
                let output = tools.tool("ldapsearch", "anna", &typed(PASSWORD), &args, "");
                assert!(output.status.success(), "{args:?} {}", said(&output));
                said(&output)
            };
            let whole = search(&["(sn=*)", "1.1"]);
            let paged = search(&["-E", "pr=2/noprompt", "(sn=*)", "1.1"]);
            assert_eq!(names(&paged), names(&whole));
            assert!(names(&whole).len() >= 13);
            let pages = paged.matches("pagedresults: cookie=").count();
            assert!(pages >= names(&whole).len() / 2, "pages of two: {paged}");

            let escaped: String = ID.iter().map(|octet| format!("\\{octet:02x}")).collect();
            let found = search(&["-LLL", &format!("(labId={escaped})"), "jpegPhoto"]);
            assert_eq!(
                found.trim(),
                format!("dn: uid=crowd3,ou=people,dc=lab,dc=test\njpegPhoto:: {picture}")
            );
            let none = search(&["-LLL", "(labId=\\00\\ff)", "1.1"]);
            assert_eq!(none.trim(), "");
        }
    });
}

#[test]
fn ldapmodify_and_ldapcompare_run_with_the_rights_of_the_person() {
    with_and_without_the_gateway("", &|_slapd, at, typed| {
        for tls in PROTECTED {
            let Some(tools) = LdapUtils::start(&at(tls)) else { return };
            let run = |name: &str, args: &[&str], input: &str| {
                tools.tool(name, "anna", &typed(PASSWORD), args, input).status.code().unwrap()
            };
            let change = |whose: &str, value: &str| {
                let ldif = format!(
                    "dn: uid={whose},ou=people,dc=lab,dc=test\nchangetype: modify\nreplace: description\n\
                     description: {value}\n"
                );
                run("ldapmodify", &[], &ldif)
            };
            let compare = |what: &str| run("ldapcompare", &["uid=anna,ou=people,dc=lab,dc=test", what], "");
            let value = format!("seen over {tls:?}");
            assert_eq!(change("anna", &value), 0, "her own entry");
            assert_eq!(change("left", &value), 50, "insufficientAccessRights is the directory's own answer");
            assert_eq!(compare(&format!("description:{value}")), 6, "compareTrue");
            assert_eq!(compare("description:something else"), 5, "compareFalse");
            assert_eq!(compare("telephoneNumber:1"), 16, "noSuchAttribute");
        }
    });
}

#[test]
fn ldappasswd_changes_the_password_of_the_person_and_of_nobody_else() {
    with_and_without_the_gateway("", &|slapd, at, typed| {
        let mut old = PASSWORD.to_owned();
        for tls in PROTECTED {
            let Some(tools) = LdapUtils::start(&at(tls)) else { return };
            let change =
                |password: &str, args: &[&str]| tools.tool("ldappasswd", "anna", &typed(password), args, "");
            let refused = |args: &[&str], code: &str| {
                let output = change(&old, args);
                assert!(!output.status.success() && said(&output).contains(code), "{}", said(&output));
            };
            let new = format!("new over {tls:?}");
            refused(&["-s", "stolen", "uid=left,ou=people,dc=lab,dc=test"], "Insufficient access (50)");
            refused(&["-a", "wrong", "-s", &new], "unwilling to verify old password");
            let changed = change(&old, &["-a", &old, "-s", &new]);
            assert!(changed.status.success(), "{}", said(&changed));
            refused(&["-a", &old, "-s", &new], "Invalid credentials (49)");
            old = new;
        }
        let tools = LdapUtils::start(&at(Tls::Ldaps)).unwrap();
        assert_eq!(tools.login("anna", &typed(&old)), Outcome::Accepted);
        let others = LdapUtils::start(&Ldap::at(slapd, Tls::Ldaps)).unwrap();
        assert_eq!(others.login("left", PASSWORD), Outcome::Accepted);
    });
}

#[test]
fn behind_the_gateway_ldapwhoami_binds_with_an_unused_code_and_nothing_less() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    for tls in PROTECTED {
        let Some(tools) = LdapUtils::start(&gateway.ldap(tls)) else { return };
        asks_for_a_second_factor(&gateway, |user, password| tools.login(user, password));
        if tls == Tls::Ldaps {
            refuses_a_replay(&gateway, |user, password| tools.login(user, password));
        }
    }
    let Some(tools) = LdapUtils::start(&gateway.ldap(Tls::Ldaps)) else { return };
    tells_a_fault_from_a_wrong_password(gateway, ["Some(52)", "Some(255)"], |user, password| {
        tools.login(user, password)
    });
}

#[test]
fn behind_the_gateway_commands_share_a_code_that_is_remembered_and_no_password_is_changed_with_it() {
    let Some(gateway) = Gateway::for_applications("remember = \"5m\"") else { return };
    let Some(tools) = LdapUtils::start(&gateway.ldap(Tls::StartTls)) else { return };
    let typed = gateway.password("anna");
    let reasons = gateway.reasons(|| {
        for _ in 0..2 {
            assert_eq!(tools.login("anna", &typed), Outcome::Accepted);
        }
    });
    assert_eq!(reasons, ["confirmed", "remembered"]);
    let change = |typed: &str| {
        let output = tools.tool("ldappasswd", "anna", typed, &["-a", PASSWORD, "-s", "a new one"], "");
        (output.status.success(), said(&output))
    };
    let (changed, said) = change(&typed);
    assert!(!changed && said.contains("(8)") && said.contains("a code of its own"), "{said}");
    assert_eq!(change(&gateway.password("anna")), (true, String::new()));
    assert_eq!(tools.login("anna", &typed), Outcome::Refused, "the old password");
}

#[test]
fn behind_the_gateway_nobody_guesses_at_a_password_by_searching_or_comparing_b_049() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    let Some(tools) = LdapUtils::start(&gateway.ldap(Tls::Ldaps)) else { return };
    let run = |name: &str, args: &[&str]| {
        let output = tools.tool(name, "anna", &gateway.password("anna"), args, "");
        (output.status.code(), said(&output))
    };
    let her = "uid=anna,ou=people,dc=lab,dc=test";
    assert_eq!(run("ldapcompare", &[her, "userPassword:guess"]).0, Some(50));
    for filter in ["(userPassword=guess)", "(!(2.5.4.35=guess))", "(|(cn=x)(userPassword;x=*))"] {
        assert_eq!(run("ldapsearch", &["-b", her, filter, "1.1"]).0, Some(50), "{filter}");
    }
    let (code, said) =
        run("ldapsearch", &["-LLL", "-b", her, "(uid=anna)", "uid", "userPassword", "2.5.4.35"]);
    assert_eq!((code, said.trim()), (Some(0), &*format!("dn: {her}\nuid: anna")), "asked for, and left out");
}

#[test]
fn ldapwhoami_does_not_bind_at_a_server_that_it_cannot_verify() {
    let Some(slapd) = Slapd::start() else { return };
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(tools) = LdapUtils::start(&Ldap::behind_a_stranger(&slapd, tls)) else { return };
        let outcome = tools.login("anna", PASSWORD);
        assert!(outcome.is_broken("(-1"), "{outcome:?}");
    }
}

#[test]
fn ldapwhoami_ends_with_the_code_of_a_bind_and_gives_up_in_the_time_it_is_given() {
    let directory = Counting::start();
    let Some(mut tools) = LdapUtils::start(&directory.ldap()) else { return };
    for code in [51, 52] {
        directory.answers("anna", code);
        let asked = directory.during(|| {
            let outcome = tools.login("anna", PASSWORD);
            assert!(outcome.is_broken(&format!("Some({code})")), "{outcome:?}");
        });
        assert_eq!(asked, "anna");
    }
    tools.timeout = 1;
    directory.answers("anna", SILENCE);
    let outcome = tools.login("anna", PASSWORD);
    assert!(outcome.is_broken("Timed out"), "{outcome:?}");
}
