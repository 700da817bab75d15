//! PostgreSQL's `ldap` method.

use crate::gateway::Gateway;
use crate::support::counting::{Counting, SILENCE, lets_in_anna_alone};
use crate::support::ldap_app::{Ldap, Outcome, Tls, Way};
use crate::support::postgres::Postgres;
use crate::support::slapd::{PASSWORD, Slapd};
use crate::through::{
    PROTECTED, asks_for_a_second_factor, refuses_a_replay, tells_a_fault_from_a_wrong_password,
};

#[test]
fn postgres_lets_a_role_in_by_the_password_of_its_template_or_found_account() {
    let Some(slapd) = Slapd::start() else { return };
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(postgres) = Postgres::start(&Ldap::at(&slapd, tls)) else { return };
        for way in [Way::Template, Way::Search] {
            lets_in_anna_alone(|user, password| postgres.login(way, user, password));
        }
    }
}

#[test]
fn a_login_to_postgres_is_one_bind_of_the_person_on_a_connection_of_its_own() {
    let directory = Counting::start();
    let Some(postgres) = Postgres::start(&directory.ldap()) else { return };
    for _ in 0..2 {
        for (way, expected) in [(Way::Template, "anna"), (Way::Search, "service search | anna")] {
            let asked =
                directory.during(|| assert_eq!(postgres.login(way, "anna", PASSWORD), Outcome::Accepted));
            assert_eq!(asked, expected);
        }
    }
}

#[test]
fn postgres_tries_a_bind_once_and_logs_that_the_directory_was_busy_or_unavailable() {
    let directory = Counting::start();
    let Some(postgres) = Postgres::start(&directory.ldap()) else { return };
    for (code, words) in [(51, "Server is busy"), (52, "Server is unavailable")] {
        directory.answers("anna", code);
        for (way, expected) in [(Way::Template, "anna"), (Way::Search, "service search | anna")] {
            let asked = directory.during(|| {
                let outcome = postgres.login(way, "anna", PASSWORD);
                assert!(outcome.is_broken(words), "{outcome:?}");
            });
            assert_eq!(asked, expected);
        }
    }
}

#[test]
fn postgres_gives_up_and_hangs_up_after_its_authentication_timeout() {
    let directory = Counting::start();
    let Some(postgres) = Postgres::start_with(&directory.ldap(), "1s") else { return };
    directory.answers("anna", SILENCE);
    let outcome = postgres.login(Way::Template, "anna", PASSWORD);
    assert!(outcome.is_broken("LDAP login failed"), "{outcome:?}");
    directory.wait_until("unbind");
}

#[test]
fn a_wrong_password_reaches_the_directory_twice_where_postgres_takes_connections_without_tls() {
    // That is libpq: with its default it tries again without TLS what was refused with it.
    let directory = Counting::start();
    directory.answers("anna", 49);
    let Some(postgres) = Postgres::start(&directory.ldap()) else { return };
    let refused = |outcome| assert_eq!(outcome, Outcome::Refused);
    assert_eq!(directory.during(|| refused(postgres.login(Way::Template, "anna", "wrong"))), "anna");
    let asked = directory.during(|| refused(postgres.login_that_may_be_bare("anna", "wrong")));
    assert_eq!(asked, "anna | anna");
}

#[test]
fn postgres_lets_nobody_in_by_a_server_that_it_cannot_verify() {
    let Some(slapd) = Slapd::start() else { return };
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(postgres) = Postgres::start(&Ldap::behind_a_stranger(&slapd, tls)) else { return };
        for way in [Way::Template, Way::Search] {
            let outcome = postgres.login(way, "anna", PASSWORD);
            assert!(outcome.is_broken("LDAP"), "{outcome:?}");
        }
    }
}

#[test]
fn behind_the_gateway_a_role_gets_in_with_an_unused_code_and_nothing_less() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    for tls in PROTECTED {
        let Some(postgres) = Postgres::start(&gateway.ldap(tls)) else { return };
        for way in [Way::Template, Way::Search] {
            asks_for_a_second_factor(&gateway, |user, password| postgres.login(way, user, password));
        }
        if tls == Tls::Ldaps {
            refuses_a_replay(&gateway, |user, password| postgres.login(Way::Search, user, password));
        }
    }
}

#[test]
fn behind_the_gateway_postgres_logs_that_directory_or_gateway_were_away() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    let Some(postgres) = Postgres::start(&gateway.ldap(Tls::StartTls)) else { return };
    tells_a_fault_from_a_wrong_password(
        gateway,
        ["Server is unavailable", "Can't contact LDAP server"],
        |user, password| postgres.login(Way::Template, user, password),
    );
}
