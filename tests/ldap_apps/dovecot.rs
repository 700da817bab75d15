//! Dovecot's `passdb` with `auth_bind`.

use std::thread;

use crate::gateway::Gateway;
use crate::support::counting::{Counting, SILENCE, lets_in_anna_alone};
use crate::support::dovecot::Dovecot;
use crate::support::ldap_app::{Ldap, Outcome, Tls, Way};
use crate::support::slapd::{PASSWORD, Slapd};
use crate::through::{asks_for_a_second_factor, refuses_a_replay, tells_a_fault_from_a_wrong_password};

#[test]
fn dovecot_opens_a_mailbox_for_the_password_of_a_template_or_found_account() {
    let Some(slapd) = Slapd::start() else { return };
    for (tls, way) in [(Tls::Ldaps, Way::Template), (Tls::StartTls, Way::Search)] {
        let Some(dovecot) = Dovecot::start(&Ldap::at(&slapd, tls), way) else { return };
        lets_in_anna_alone(|user, password| dovecot.login(user, password));
    }
}

#[test]
fn a_login_to_dovecot_is_one_bind_of_the_person_on_a_connection_that_stays() {
    for (way, first, next) in
        [(Way::Template, "service anna", "anna"), (Way::Search, "service search anna", "service search anna")]
    {
        let directory = Counting::start();
        let Some(dovecot) = Dovecot::start(&directory.ldap(), way) else { return };
        let login = || assert_eq!(dovecot.login("anna", PASSWORD), Outcome::Accepted, "{way:?}");
        assert_eq!(directory.during(login), first);
        assert_eq!(directory.during(login), next);
        let again = directory.during(|| {
            directory.fake.hang_up();
            login();
        });
        assert_eq!(again, first, "a connection that has ended is made again, and nobody notices");
        let connections = directory.seen().iter().map(|(number, _)| *number).max();
        assert_eq!(connections, Some(1));
    }
}

#[test]
fn dovecot_tells_a_mail_program_that_it_was_not_the_password_when_the_directory_was_busy_or_unavailable() {
    let directory = Counting::start();
    let Some(dovecot) = Dovecot::start(&directory.ldap(), Way::Search) else { return };
    for code in [51, 52] {
        directory.answers("anna", code);
        let asked = directory.during(|| {
            let outcome = dovecot.login("anna", PASSWORD);
            assert!(outcome.is_broken("1 NO [UNAVAILABLE]"), "{outcome:?}");
        });
        assert_eq!(asked, "service search anna");
    }
}

#[test]
fn dovecot_lets_others_in_while_one_waits_for_an_answer() {
    let directory = Counting::start();
    directory.answers("anna", SILENCE);
    let Some(dovecot) = Dovecot::start(&directory.ldap(), Way::Search) else { return };
    thread::scope(|scope| {
        let waiting = scope.spawn(|| dovecot.login("anna", PASSWORD));
        directory.wait_until("anna");
        assert_eq!(dovecot.login("ben", PASSWORD), Outcome::Accepted);
        assert!(!waiting.is_finished());
        // It is asked again on a new connection, and this time anna is let in.
        directory.answers("anna", 0);
        directory.fake.hang_up();
        assert_eq!(waiting.join().unwrap(), Outcome::Accepted);
    });
}

#[test]
fn without_an_account_of_its_own_dovecot_binds_as_nobody_and_works_only_where_that_may_be_done() {
    let directory = Counting::start();
    directory.answers("nobody at all", 48);
    let nobody = "dn =\ndnpass =\n";
    let Some(dovecot) = Dovecot::start_with(&directory.ldap(), Way::Template, nobody) else { return };
    let outcome = dovecot.login("anna", PASSWORD);
    assert!(outcome.is_broken("Inappropriate authentication"), "{outcome:?}");
    let seen = directory.seen();
    let asked = |who: &str| seen.iter().any(|(_, what)| what == who);
    assert!(asked("nobody at all") && !asked("anna"), "{seen:?}");
}

#[test]
fn dovecot_lets_nobody_in_by_a_server_that_it_cannot_verify() {
    let Some(slapd) = Slapd::start() else { return };
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(dovecot) = Dovecot::start(&Ldap::behind_a_stranger(&slapd, tls), Way::Search) else {
            return;
        };
        let outcome = dovecot.login("anna", PASSWORD);
        assert!(outcome.is_broken("1 NO [UNAVAILABLE]"), "{outcome:?}");
    }
}

#[test]
fn behind_the_gateway_dovecot_opens_a_mailbox_for_an_unused_code_and_nothing_less() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    for (tls, way) in [(Tls::Ldaps, Way::Search), (Tls::StartTls, Way::Template)] {
        let Some(dovecot) = Dovecot::start(&gateway.ldap(tls), way) else { return };
        asks_for_a_second_factor(&gateway, |user, password| dovecot.login(user, password));
        if tls == Tls::Ldaps {
            refuses_a_replay(&gateway, |user, password| dovecot.login(user, password));
        }
    }
}

#[test]
fn behind_the_gateway_dovecot_tells_a_mail_program_that_directory_or_gateway_are_away() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    let Some(dovecot) = Dovecot::start(&gateway.ldap(Tls::StartTls), Way::Search) else { return };
    tells_a_fault_from_a_wrong_password(
        gateway,
        ["1 NO [UNAVAILABLE]", "1 NO [UNAVAILABLE]"],
        |user, password| dovecot.login(user, password),
    );
}
