//! The finished program in front of OpenLDAP: what a connection may and may not do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

#[path = "support/ber_forms.rs"]
mod ber_forms;
#[path = "ldap_front/binds.rs"]
mod binds;
#[path = "ldap_front/clients.rs"]
mod clients;
#[path = "ldap_front/conversation.rs"]
mod conversation;
#[path = "ldap_front/exemptions.rs"]
mod exemptions;
#[path = "ldap_front/faulty.rs"]
mod faulty;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/lab.rs"]
mod lab;
#[path = "ldap_front/limits.rs"]
mod limits;
#[path = "ldap_front/puppet.rs"]
mod puppet;
#[path = "support/raw_ldap.rs"]
mod raw_ldap;
#[path = "ldap_front/relay.rs"]
mod relay;
#[path = "ldap_front/remembered.rs"]
mod remembered;
#[path = "ldap_front/sasl.rs"]
mod sasl;
#[path = "ldap_front/status.rs"]
mod status;
mod support;
#[path = "ldap_front/tls.rs"]
mod tls;

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::message::{START_TLS, op};
use gateway::{Gateway, Wish};
use raw_ldap::{PATIENCE, Raw, extended, simple_bind};
use support::slapd::PASSWORD;

const ANNA: &str = "uid=anna,ou=people,dc=lab,dc=test";
const BASE: &str = "dc=lab,dc=test";

impl<D> Gateway<D> {
    fn connect(&self) -> Raw {
        Raw::tls(self.ldaps, &self.lab.path("gateway-ca.pem"))
    }

    /// Reasons of all logins so far, oldest first.
    fn reasons(&self) -> Vec<String> {
        self.lab.logins().iter().map(|record| record["reason"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until so many logins are on record; their reasons.
    fn wait_for_reasons(&self, count: usize) -> Vec<String> {
        let until = SystemClock.now().steady + PATIENCE;
        loop {
            // A record may be half written at this moment.
            let text = std::fs::read_to_string(self.lab.path("audit.jsonl")).unwrap_or_default();
            if text.ends_with('\n') && text.matches("\"event\":\"login\"").count() >= count {
                return self.reasons();
            }
            assert!(SystemClock.now().steady < until, "{count} logins were never on record: {text}");
            std::thread::yield_now();
        }
    }

    /// One number of the metrics page.
    fn count(&self, metric: &str, outcome: &str, reason: &str) -> u64 {
        let line = format!("doorward_{metric}_total{{outcome=\"{outcome}\",reason=\"{reason}\"}} ");
        let page = self.lab.page("/metrics");
        let number = page.lines().find_map(|text| text.strip_prefix(&line));
        number.unwrap_or_else(|| panic!("no {line}: {page}")).parse().unwrap()
    }
}

fn subtree(id: u32) -> Vec<u8> {
    raw_ldap::subtree(id, BASE, &Filter::Present("objectClass"), &["1.1"])
}

#[test]
fn a_bind_succeeds_after_a_second_factor_and_with_nothing_less() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    let password = gateway.password("anna");
    assert_eq!(raw.bind(ANNA, PASSWORD), 49, "no code");
    assert_eq!(raw.bind(ANNA, &format!("{PASSWORD}{}", gateway.wrong_code("anna"))), 49, "a wrong code");
    assert_eq!(raw.bind(ANNA, &format!("wrong{}", gateway.code("anna"))), 49, "a wrong password");
    assert_eq!(raw.sees(BASE).1, 50, "nobody is nobody");
    assert_eq!(raw.bind(ANNA, &password), 0);
    let (seen, code) = raw.sees(BASE);
    assert!(code == 0 && seen > 5, "{seen} entries, {code}");
    assert_eq!(raw.who_am_i(), format!("dn:{ANNA}"));
    assert_eq!(
        raw.bind(ANNA, &password),
        49,
        "a code that was used, which to a counter is as wrong as any other"
    );
    assert_eq!(raw.sees(BASE).1, 50, "a failed bind leaves nobody, not the one before (B-021)");
    let reasons: Vec<_> =
        gateway.lab.logins().iter().map(|r| r["reason"].as_str().unwrap().to_owned()).collect();
    assert_eq!(reasons, ["code-missing", "wrong-code", "wrong-password", "confirmed", "wrong-code"]);
}

#[test]
fn whatever_a_name_is_spelled_like_it_is_one_subject_b_050() {
    let Some(gateway) = Gateway::start() else { return };
    for name in [
        ANNA,
        "anna",
        "UID=Anna , OU=People,DC=LAB,dc=test",
        "0.9.2342.19200300.100.1.1=an\\6ea,ou=people;dc=lab,dc=test",
    ] {
        assert_eq!(gateway.connect().bind(name, &gateway.password("anna")), 0, "{name}");
    }
    let subjects: std::collections::BTreeSet<_> =
        gateway.lab.logins().iter().map(|record| record["subject"].to_string()).collect();
    assert_eq!(subjects.len(), 1);
}

#[test]
fn a_password_without_tls_is_refused_and_nobody_is_asked_about_it_b_028() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = Raw::plain(gateway.ldap);
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 13);
    assert!(gateway.lab.logins().is_empty());
    let line = gateway.lab.wait_for(|line| line.contains("password-exposed"));
    assert!(!line.contains("anna") && !line.contains(PASSWORD), "{line}");
    let mut raw = raw.start_tls(&gateway.ca_file());
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    assert_eq!(raw.sees(BASE).1, 0);
}

#[test]
fn nothing_readable_behind_start_tls_survives_it_b_026() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = Raw::plain(gateway.ldap);
    let octets = [extended(1, START_TLS, None), simple_bind(2, ANNA, &gateway.password("anna"))].concat();
    raw.send(&octets);
    assert!(raw.is_closed());
    assert!(gateway.lab.logins().is_empty());
}

#[test]
fn what_comes_behind_a_bind_waits_for_its_end_b_022() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    raw.send(&[simple_bind(1, ANNA, &gateway.password("anna")), subtree(2)].concat());
    let first = raw.must_answer();
    assert_eq!((first.id, first.tag, first.code), (1, op::BIND_RESPONSE, Some(0)));
    assert_eq!(raw.rest_of(2).last().unwrap().code, Some(0));
    raw.send(
        &[
            simple_bind(3, ANNA, PASSWORD),
            subtree(4),
            simple_bind(5, ANNA, &gateway.password("anna")),
            subtree(6),
        ]
        .concat(),
    );
    assert_eq!(raw.must_answer().code, Some(49));
    assert_eq!(raw.rest_of(4).last().unwrap().code, Some(50), "nobody asks");
    assert_eq!(raw.must_answer().code, Some(0));
    assert_eq!(raw.rest_of(6).last().unwrap().code, Some(0));
}

#[test]
fn an_empty_password_never_reaches_the_directory_b_041() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, ""), 53);
    assert_eq!(raw.bind("", ""), 48, "nobody in particular");
    assert_eq!(raw.bind(ANNA, &gateway.code("anna")), 49, "a code alone leaves an empty password");
    assert_eq!(raw.sees(BASE).1, 50);
}

#[test]
fn a_directory_that_is_away_is_unavailable_and_never_a_wrong_password_b_043() {
    let Some(mut gateway) = Gateway::start() else { return };
    let mut bound = gateway.connect();
    assert_eq!(bound.bind(ANNA, &gateway.password("anna")), 0);
    assert_eq!(bound.sees(BASE).1, 0);
    gateway.slapd.stop();
    let notice = bound.must_answer();
    assert_eq!((notice.id, notice.code), (0, Some(52)), "{notice:?}");
    assert!(bound.is_closed());
    assert_eq!(gateway.connect().bind(ANNA, &gateway.password("anna")), 52);
}

#[test]
fn an_exempt_account_may_do_what_its_exemption_says_and_it_is_written_down_b_047() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    assert_eq!(raw.bind("CN=Service,dc=lab,dc=test", PASSWORD), 0);
    assert_eq!(raw.sees(BASE).1, 0);
    let id = raw.next_id();
    raw.send(&raw_ldap::message(id, |writer| writer.bytes(op::DELETE_REQUEST, ANNA.as_bytes())));
    assert_eq!(raw.must_answer().code, Some(50), "it may search, not delete");
    let records = gateway.lab.audit();
    let of = |event: &str| records.iter().filter(|record| record["event"] == event).collect::<Vec<_>>();
    assert_eq!(of("login").last().unwrap()["exemption"], "wiki-service");
    assert!(of("exempt-operation").iter().any(|record| record["stage"] == "search"), "{records:?}");
}

#[test]
fn without_its_exemption_a_service_account_is_a_person_like_all_others() {
    let Some(gateway) = Gateway::start_as(&Wish::default()) else { return };
    assert_eq!(gateway.connect().bind("cn=service,dc=lab,dc=test", PASSWORD), 49);
}
