//! Apache httpd's mod_authnz_ldap.

use crate::gateway::{Gateway, Wish};
use crate::support::apache::{Apache, SETTINGS};
use crate::support::counting::{Counting, SILENCE, lets_in_anna_alone};
use crate::support::ldap_app::{Ldap, Outcome, Tls, Way};
use crate::support::slapd::{PASSWORD, Slapd};
use crate::through::{
    PROTECTED, asks_for_a_second_factor, refuses_a_replay, tells_a_fault_from_a_wrong_password,
};

#[test]
fn httpd_shows_a_page_for_the_password_of_a_template_or_found_account() {
    let Some(slapd) = Slapd::start_open("") else { return };
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(apache) = Apache::start(&Ldap::at(&slapd, tls), SETTINGS) else { return };
        for way in [Way::Template, Way::Search] {
            lets_in_anna_alone(|user, password| apache.login(way, user, password));
        }
        lets_in_anna_alone(|user, password| apache.login_of_member(user, password));
        assert_eq!(apache.login_of_member("left", PASSWORD), Outcome::Refused, "not a member");
    }
}

#[test]
fn a_request_to_httpd_is_one_bind_of_the_person_that_it_has_looked_up() {
    let directory = Counting::start();
    let Some(apache) = Apache::start(&directory.ldap(), SETTINGS) else { return };
    for _ in 0..2 {
        let asked =
            directory.during(|| assert_eq!(apache.login(Way::Search, "anna", PASSWORD), Outcome::Accepted));
        assert_eq!(asked, "service search anna");
        let asked =
            directory.during(|| assert_eq!(apache.login_of_member("anna", PASSWORD), Outcome::Accepted));
        assert_eq!(
            asked, "service search anna | service compare",
            "groups are asked for with its own account"
        );
    }
}

#[test]
fn httpd_tries_a_password_twice_where_it_makes_the_dn_itself() {
    let directory = Counting::start();
    let Some(apache) = Apache::start(&directory.ldap(), SETTINGS) else { return };
    let asked =
        directory.during(|| assert_eq!(apache.login(Way::Template, "anna", PASSWORD), Outcome::Accepted));
    assert_eq!(asked, "anna search anna");
}

#[test]
fn httpd_answers_500_when_the_directory_was_busy_or_unavailable_and_tries_once() {
    let directory = Counting::start();
    let Some(apache) = Apache::start(&directory.ldap(), SETTINGS) else { return };
    for (code, words) in [(51, "Server is busy"), (52, "Server is unavailable")] {
        directory.answers("anna", code);
        let asked = directory.during(|| {
            let outcome = apache.login(Way::Search, "anna", PASSWORD);
            assert!(outcome.is_broken("HTTP/1.1 500 ") && outcome.is_broken(words), "{outcome:?}");
        });
        assert_eq!(asked, "service search anna", "{code}");
    }
}

#[test]
fn httpd_gives_up_after_its_timeout() {
    let directory = Counting::start();
    let settings = format!("{SETTINGS}LDAPTimeout 1\n");
    let Some(apache) = Apache::start(&directory.ldap(), &settings) else { return };
    directory.answers("anna", SILENCE);
    let outcome = apache.login(Way::Search, "anna", PASSWORD);
    assert!(outcome.is_broken("HTTP/1.1 500 ") && outcome.is_broken("Timed out"), "{outcome:?}");
    directory.wait_until("unbind");
}

#[test]
fn by_its_defaults_httpd_lets_a_password_in_again_without_asking_and_repeats_a_bind_that_failed() {
    let directory = Counting::start();
    let Some(apache) = Apache::start(&directory.ldap(), "") else { return };
    let login = || apache.login(Way::Search, "anna", PASSWORD);
    assert_eq!(directory.during(|| assert_eq!(login(), Outcome::Accepted)), "service search anna");
    directory.answers("anna", 49);
    assert_eq!(directory.during(|| assert_eq!(login(), Outcome::Accepted)), "", "from its cache");
    directory.answers("ben", 52);
    let asked = directory.during(|| {
        let outcome = apache.login(Way::Search, "ben", PASSWORD);
        assert!(outcome.is_broken("Server is unavailable"), "{outcome:?}");
    });
    assert_eq!(asked, ["service search ben"; 4].join(" | "));
}

#[test]
fn httpd_lets_nobody_in_by_a_server_that_it_cannot_verify() {
    let Some(slapd) = Slapd::start_open("") else { return };
    for tls in [Tls::Ldaps, Tls::StartTls] {
        let Some(apache) = Apache::start(&Ldap::behind_a_stranger(&slapd, tls), SETTINGS) else { return };
        for way in [Way::Template, Way::Search] {
            let outcome = apache.login(way, "anna", PASSWORD);
            assert!(outcome.is_broken("HTTP/1.1 500 "), "{outcome:?}");
        }
    }
}

#[test]
fn behind_the_gateway_httpd_shows_a_page_for_an_unused_code_and_nothing_less() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    for tls in PROTECTED {
        let Some(apache) = Apache::start(&gateway.ldap(tls), SETTINGS) else { return };
        asks_for_a_second_factor(&gateway, |user, password| apache.login(Way::Search, user, password));
        asks_for_a_second_factor(&gateway, |user, password| apache.login_of_member(user, password));
        if tls == Tls::Ldaps {
            refuses_a_replay(&gateway, |user, password| apache.login(Way::Search, user, password));
        }
    }
}

#[test]
fn behind_the_gateway_an_httpd_that_binds_twice_is_served_by_what_is_remembered_and_not_without() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    let Some(apache) = Apache::start(&gateway.ldap(Tls::Ldaps), SETTINGS) else { return };
    let password = gateway.password("anna");
    let reasons = gateway.reasons(|| {
        assert_eq!(apache.login(Way::Template, "anna", &password), Outcome::Refused);
    });
    assert_eq!(reasons, ["confirmed", "wrong-code"], "the code is used up by the first bind");

    let Some(slapd) = Slapd::start_open("") else { return };
    let wish = Wish { client: "remember = \"5m\"", ..Wish::default() };
    let gateway = Gateway::in_front_of(slapd, &wish);
    let Some(apache) = Apache::start(&gateway.ldap(Tls::Ldaps), SETTINGS) else { return };
    let password = gateway.password("anna");
    for expected in [["confirmed", "remembered"], ["remembered", "remembered"]] {
        let reasons = gateway.reasons(|| {
            assert_eq!(apache.login(Way::Template, "anna", &password), Outcome::Accepted);
        });
        assert_eq!(reasons, expected, "one request, two binds");
    }
    // Two binds a request would be too many for one person in a minute if they counted.
    let reasons = gateway.reasons(|| {
        for _ in 0..20 {
            assert_eq!(apache.login(Way::Template, "anna", &password), Outcome::Accepted);
        }
    });
    assert_eq!(reasons, ["remembered"; 40]);
    assert_eq!(apache.login(Way::Template, "anna", PASSWORD), Outcome::Refused, "without its code");
    let other = format!("{PASSWORD}{}", gateway.wrong_code("anna"));
    assert_eq!(apache.login(Way::Template, "anna", &other), Outcome::Refused);
}

#[test]
fn behind_the_gateway_httpd_answers_500_when_directory_or_gateway_are_away() {
    let Some(gateway) = Gateway::for_applications("") else { return };
    let Some(apache) = Apache::start(&gateway.ldap(Tls::Ldaps), SETTINGS) else { return };
    tells_a_fault_from_a_wrong_password(
        gateway,
        ["Server is unavailable", "Can't contact LDAP server"],
        |user, password| apache.login(Way::Search, user, password),
    );
}
