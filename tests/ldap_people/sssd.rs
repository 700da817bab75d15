//! SSSD behind PAM.

use crate::gateway::Gateway;
use crate::support::counting::{
    Counting, binds_once_and_tells_a_fault_from_a_wrong_password, gives_the_password_to_no_stranger,
    lets_in_anna_alone, takes_names_as_they_are,
};
use crate::support::ldap_app::{Ldap, Outcome, Tls};
use crate::support::slapd::{PASSWORD, Slapd};
use crate::support::sssd::{MAKE_ANNA_A_UNIX_USER, Sssd};
use crate::through::{
    PROTECTED, asks_for_a_second_factor, refuses_a_replay, tells_a_fault_from_a_wrong_password,
};

#[test]
fn a_login_through_pam_and_sssd_takes_the_right_password_over_ldaps_and_starttls() {
    let Some(slapd) = Slapd::start() else { return };
    assert!(slapd.add(MAKE_ANNA_A_UNIX_USER), "slapd takes the attributes");
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(sssd) = Sssd::start(&Ldap::at(&slapd, tls)) else { return };
        lets_in_anna_alone(|user, password| sssd.login(user, password));
        takes_names_as_they_are(|user, password| sssd.login(user, password));
    }
}

#[test]
fn sssd_binds_once_and_its_log_tells_a_fault_from_a_wrong_password() {
    let directory = Counting::start();
    let Some(sssd) = Sssd::start(&directory.ldap()) else { return };
    binds_once_and_tells_a_fault_from_a_wrong_password(&directory, |user, password| {
        sssd.login(user, password)
    });
}

#[test]
fn sssd_gives_no_password_to_a_server_of_another_authority() {
    let Some(slapd) = Slapd::start() else { return };
    assert!(slapd.add(MAKE_ANNA_A_UNIX_USER), "slapd takes the attributes");
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(sssd) = Sssd::start(&Ldap::behind_a_stranger(&slapd, tls)) else { return };
        gives_the_password_to_no_stranger(|user, password| sssd.login(user, password));
    }
}

#[test]
fn while_the_directory_is_away_sssd_lets_nobody_in() {
    let directory = Counting::start();
    let Some(sssd) = Sssd::start(&directory.ldap()) else { return };
    assert_eq!(sssd.login("anna", PASSWORD), Outcome::Accepted);
    drop(directory);
    let outcome = sssd.login("anna", PASSWORD);
    assert!(matches!(outcome, Outcome::Broken(_)), "{outcome:?}");
}

#[test]
fn an_sssd_that_caches_lets_in_without_asking_which_is_why_the_manual_forbids_it() {
    let directory = Counting::start();
    let Some(sssd) = Sssd::start_caching(&directory.ldap()) else { return };
    assert_eq!(sssd.login("anna", PASSWORD), Outcome::Accepted);
    drop(directory);
    assert_eq!(sssd.login("anna", PASSWORD), Outcome::Accepted, "from its memory");
    assert_ne!(sssd.login("anna", "wrong"), Outcome::Accepted);
}

#[test]
fn behind_the_gateway_pam_and_sssd_let_in_with_an_unused_code_and_nothing_less() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    for tls in PROTECTED {
        let Some(sssd) = Sssd::start(&gateway.ldap(tls)) else { return };
        asks_for_a_second_factor(&gateway, |user, password| sssd.login(user, password));
        if tls == Tls::Ldaps {
            refuses_a_replay(&gateway, |user, password| sssd.login(user, password));
        }
    }
}

#[test]
fn behind_the_gateway_the_log_of_sssd_tells_that_directory_or_gateway_are_away() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    let Some(sssd) = Sssd::start(&gateway.ldap(Tls::Ldaps)) else { return };
    tells_a_fault_from_a_wrong_password(
        gateway,
        ["Server is unavailable(52)", "cannot retrieve authentication info"],
        |user, password| sssd.login(user, password),
    );
}
