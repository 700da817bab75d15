//! Java: JNDI.

use crate::gateway::Gateway;
use crate::support::counting::{
    Counting, binds_once_and_tells_a_fault_from_a_wrong_password, gives_the_password_to_no_stranger,
    lets_in_anna_alone, takes_names_as_they_are,
};
use crate::support::java::Java;
use crate::support::ldap_app::{Ldap, Outcome, Tls, Way};
use crate::support::slapd::{PASSWORD, Slapd};
use crate::through::{
    PROTECTED, asks_for_a_second_factor, refuses_a_replay, tells_a_fault_from_a_wrong_password,
};

#[test]
fn jndi_lets_in_by_the_password_of_its_template_or_found_account() {
    let Some(slapd) = Slapd::start() else { return };
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(java) = Java::start(&Ldap::at(&slapd, tls)) else { return };
        for way in [Way::Template, Way::Search] {
            lets_in_anna_alone(|user, password| java.login(way, user, password));
            takes_names_as_they_are(|user, password| java.login(way, user, password));
        }
    }
}

#[test]
fn jndi_binds_once_and_tells_a_fault_from_a_wrong_password() {
    for way in [Way::Template, Way::Search] {
        let directory = Counting::start();
        let Some(java) = Java::start(&directory.ldap()) else { return };
        binds_once_and_tells_a_fault_from_a_wrong_password(&directory, |user, password| {
            java.login(way, user, password)
        });
    }
}

#[test]
fn jndi_gives_no_password_to_a_server_of_another_authority() {
    let Some(slapd) = Slapd::start() else { return };
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(java) = Java::start(&Ldap::behind_a_stranger(&slapd, tls)) else { return };
        gives_the_password_to_no_stranger(|user, password| java.login(Way::Template, user, password));
    }
}

#[test]
fn a_pool_of_jndi_lets_in_without_asking_which_is_why_the_manual_forbids_it() {
    let directory = Counting::start();
    let Some(java) = Java::start_with_a_pool(&directory.ldap()) else { return };
    assert_eq!(java.login(Way::Template, "anna", PASSWORD), Outcome::Accepted);
    directory.answers("anna", 49);
    assert_eq!(java.login(Way::Template, "anna", PASSWORD), Outcome::Accepted, "the same connection");
    assert_eq!(directory.binds("anna"), 1);
}

#[test]
fn behind_the_gateway_jndi_gets_in_with_an_unused_code_and_nothing_less() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    for tls in PROTECTED {
        let Some(java) = Java::start(&gateway.ldap(tls)) else { return };
        for way in [Way::Template, Way::Search] {
            asks_for_a_second_factor(&gateway, |user, password| java.login(way, user, password));
        }
        if tls == Tls::Ldaps {
            refuses_a_replay(&gateway, |user, password| java.login(Way::Search, user, password));
        }
    }
}

#[test]
fn behind_the_gateway_jndi_tells_that_directory_or_gateway_are_away() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    let Some(java) = Java::start(&gateway.ldap(Tls::Ldaps)) else { return };
    tells_a_fault_from_a_wrong_password(
        gateway,
        ["ServiceUnavailableException", "CommunicationException"],
        |user, password| java.login(Way::Template, user, password),
    );
}
