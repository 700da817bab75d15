//! Python: python-ldap and ldap3.

use crate::gateway::Gateway;
use crate::support::counting::{
    Counting, binds_once_and_tells_a_fault_from_a_wrong_password, gives_the_password_to_no_stranger,
    lets_in_anna_alone, takes_names_as_they_are,
};
use crate::support::ldap_app::{Ldap, Tls, Way};
use crate::support::python::{Python, read_with_ldap3};
use crate::support::slapd::{PASSWORD, Slapd};
use crate::through::{
    PROTECTED, asks_for_a_second_factor, refuses_a_replay, tells_a_fault_from_a_wrong_password,
};

type Start = fn(&Ldap) -> Option<Python>;

const LIBRARIES: [Start; 2] = [Python::with_python_ldap, Python::with_ldap3];

fn lets_in_by(start: Start) {
    let Some(slapd) = Slapd::start() else { return };
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(python) = start(&Ldap::at(&slapd, tls)) else { return };
        for way in [Way::Template, Way::Search] {
            lets_in_anna_alone(|user, password| python.login(way, user, password));
            takes_names_as_they_are(|user, password| python.login(way, user, password));
        }
    }
}

#[test]
fn python_ldap_lets_in_by_the_password_of_its_template_or_found_account() {
    lets_in_by(Python::with_python_ldap);
}

#[test]
fn ldap3_lets_in_by_the_password_of_its_template_or_found_account() {
    lets_in_by(Python::with_ldap3);
}

#[test]
fn both_libraries_bind_once_and_tell_a_fault_from_a_wrong_password() {
    for start in LIBRARIES {
        for way in [Way::Template, Way::Search] {
            let directory = Counting::start();
            let Some(python) = start(&directory.ldap()) else { return };
            binds_once_and_tells_a_fault_from_a_wrong_password(&directory, |user, password| {
                python.login(way, user, password)
            });
        }
    }
}

#[test]
fn neither_library_gives_a_password_to_a_server_of_another_authority() {
    let Some(slapd) = Slapd::start() else { return };
    for (start, tls) in LIBRARIES.into_iter().flat_map(|start| [(start, Tls::Ldaps), (start, Tls::StartTls)])
    {
        let Some(python) = start(&Ldap::behind_a_stranger(&slapd, tls)) else { return };
        gives_the_password_to_no_stranger(|user, password| python.login(Way::Template, user, password));
    }
}

#[test]
fn behind_the_gateway_both_libraries_get_in_with_an_unused_code_and_nothing_less() {
    for start in LIBRARIES {
        let Some(gateway) = Gateway::for_applications("") else { return };
        for tls in PROTECTED {
            let Some(python) = start(&gateway.ldap(tls)) else { return };
            for way in [Way::Template, Way::Search] {
                asks_for_a_second_factor(&gateway, |user, password| python.login(way, user, password));
            }
            if tls == Tls::Ldaps {
                refuses_a_replay(&gateway, |user, password| python.login(Way::Search, user, password));
            }
        }
    }
}

#[test]
fn behind_the_gateway_both_libraries_tell_that_directory_or_gateway_are_away() {
    let words = [["UNAVAILABLE 52", "SERVER_DOWN"], ["LDAPUnavailableResult", "LDAPSocketOpenError"]];
    for (start, words) in LIBRARIES.into_iter().zip(words) {
        let Some(gateway) = Gateway::for_applications("") else { return };
        let Some(python) = start(&gateway.ldap(Tls::StartTls)) else { return };
        tells_a_fault_from_a_wrong_password(gateway, words, |user, password| {
            python.login(Way::Template, user, password)
        });
    }
}

#[test]
fn behind_the_gateway_values_have_the_types_that_the_schema_of_the_directory_gives_them() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    let read = |ldap: &Ldap, password: &str| {
        read_with_ldap3(
            ldap,
            &ldap.user_dn("anna"),
            password,
            &["uidNumber", "createTimestamp", "mail", "cn"],
        )
    };
    let Some(direct) = read(&Ldap::at(&gateway.slapd, Tls::Ldaps), PASSWORD) else { return };
    assert!(direct.contains("uidNumber 20001\n") && direct.contains("datetime"), "{direct}");
    assert_eq!(read(&gateway.ldap(Tls::Ldaps), &gateway.password("anna")), Some(direct));
}
