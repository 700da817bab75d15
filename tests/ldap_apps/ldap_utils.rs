//! ldap-utils.

use data_encoding::BASE64;

use crate::support::counting::{Counting, SILENCE, lets_in_anna_alone};
use crate::support::ldap_app::{Ldap, Outcome, Tls, said};
use crate::support::ldap_utils::LdapUtils;
use crate::support::slapd::{PASSWORD, Slapd};

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

#[test]
fn ldapsearch_gets_every_page_every_octet_and_what_a_binary_filter_names() {
    let Some(slapd) = Slapd::start_open(SCHEMA) else { return };
    let picture = picture();
    assert!(slapd.add(&crowd(&picture)));
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(tools) = LdapUtils::start(&Ldap::at(&slapd, tls)) else { return };
        let search = |args: &[&str]| {
            let args = [&["-o", "ldif-wrap=no", "-b", "ou=people,dc=lab,dc=test"], args].concat();
            let output = tools.tool("ldapsearch", "anna", PASSWORD, &args, "");
            assert!(output.status.success(), "{args:?} {}", said(&output));
            said(&output)
        };
        let whole = search(&["(sn=*)", "1.1"]);
        let paged = search(&["-E", "pr=2/noprompt", "(sn=*)", "1.1"]);
        assert_eq!(names(&paged), names(&whole));
        assert_eq!(names(&whole).len(), 13);
        assert_eq!(paged.matches("pagedresults: cookie=").count(), 7, "pages of two: {paged}");

        let escaped: String = ID.iter().map(|octet| format!("\\{octet:02x}")).collect();
        let found = search(&["-LLL", &format!("(labId={escaped})"), "jpegPhoto"]);
        assert_eq!(found.trim(), format!("dn: uid=crowd3,ou=people,dc=lab,dc=test\njpegPhoto:: {picture}"));
        let none = search(&["-LLL", "(labId=\\00\\ff)", "1.1"]);
        assert_eq!(none.trim(), "");
    }
}

#[test]
fn ldapmodify_and_ldapcompare_run_with_the_rights_of_the_person() {
    let Some(slapd) = Slapd::start_open("") else { return };
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(tools) = LdapUtils::start(&Ldap::at(&slapd, tls)) else { return };
        let run = |name: &str, args: &[&str], input: &str| {
            tools.tool(name, "anna", PASSWORD, args, input).status.code().unwrap()
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
}

#[test]
fn ldappasswd_changes_the_password_of_the_person_and_of_nobody_else() {
    let Some(slapd) = Slapd::start_open("") else { return };
    let mut old = PASSWORD.to_owned();
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(tools) = LdapUtils::start(&Ldap::at(&slapd, tls)) else { return };
        let change = |password: &str, args: &[&str]| tools.tool("ldappasswd", "anna", password, args, "");
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
    let tools = LdapUtils::start(&Ldap::at(&slapd, Tls::Ldaps)).unwrap();
    assert_eq!(tools.login("anna", &old), Outcome::Accepted);
    assert_eq!(tools.login("left", PASSWORD), Outcome::Accepted);
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
