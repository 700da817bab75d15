//! What people who run it get to see: explanations, health, numbers.

use crate::gateway::Gateway;
use crate::support::slapd::PASSWORD;
use crate::{ANNA, BASE};

#[test]
fn an_explanation_says_how_a_login_of_an_application_would_go() {
    let Some(gateway) = Gateway::start() else { return };
    let explain = |args: &[&str]| gateway.lab.must(&[&["explain", "--client", "wiki"], args].concat(), "");
    let anna = explain(&["--user", "anna"]);
    assert!(anna.contains("hotp"), "{anna}");
    let by_dn = explain(&["--user", ANNA]);
    assert_eq!(by_dn, anna, "whatever spelling of the name");
    let service = ["--user", "cn=service,dc=lab,dc=test"];
    let exempt = explain(&[&service[..], &["--source", "127.0.0.1"]].concat());
    assert!(exempt.contains("wiki-service"), "{exempt}");
    let elsewhere = explain(&[&service[..], &["--source", "192.0.2.1"]].concat());
    assert_ne!(exempt, elsewhere);
    let unknown = gateway.lab.command(&["explain", "--client", "forge", "--user", "anna"], "");
    assert!(!unknown.status.success());
}

#[test]
fn numbers_and_health_tell_what_applications_did() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, PASSWORD), 49);
    assert_eq!(raw.bind(ANNA, ""), 53);
    assert_eq!(raw.sees(BASE), (0, 50));
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    let (seen, code) = raw.sees(BASE);
    assert_eq!(code, 0);
    assert_eq!(gateway.count("ldap_binds", "answered", "success"), 1);
    assert_eq!(gateway.count("ldap_binds", "answered", "invalid-credentials"), 1);
    assert_eq!(gateway.count("ldap_binds", "answered", "unwilling-to-perform"), 1);
    assert_eq!(gateway.count("ldap_operations", "asked", "bind"), 3);
    assert_eq!(gateway.count("ldap_operations", "asked", "search"), 2);
    assert_eq!(gateway.count("ldap_operations", "refused", "not-bound"), 1);
    assert_eq!(gateway.count("ldap_operations", "refused", "empty-password"), 1);
    assert_eq!(gateway.count("logins", "accept", "confirmed"), 1);
    assert_eq!(gateway.count("logins", "reject", "code-missing"), 1);
    assert!(gateway.count("ldap_octets", "sent", "") > u64::try_from(seen).unwrap() * 10);
    let page = gateway.lab.page("/metrics");
    assert!(page.contains("doorward_ldap_connections_open 1"), "{page}");
    assert!(page.contains("doorward_certificate_ends_timestamp_seconds "), "{page}");
    for secret in ["anna", "wiki", "127.0.0.1", PASSWORD] {
        let body = page.split("\r\n\r\n").nth(1).unwrap();
        assert!(!body.contains(secret), "{secret}: {body}");
    }
    drop(raw);
    gateway.lab.wait_for_page(
        "/metrics",
        "doorward_ldap_connections_total{outcome=\"closed\",reason=\"hung-up\"} 1",
    );
    gateway.lab.wait_for_page("/metrics", "doorward_ldap_connections_open 0");
    assert!(gateway.lab.page("/health").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_directory_that_is_down_is_counted_and_named_b_095() {
    let Some(mut gateway) = Gateway::start() else { return };
    let state = |state: &str, number: u64| {
        format!("doorward_directory_servers{{directory=\"staff\",state=\"{state}\"}} {number}\n")
    };
    assert_eq!(gateway.connect().bind(ANNA, &gateway.password("anna")), 0);
    let page = gateway.lab.page("/metrics");
    assert!(page.contains(&state("up", 1)) && page.contains(&state("down", 0)), "{page}");
    assert!(gateway.lab.page("/health").contains("\"directories_down\":[]"));
    gateway.slapd.stop();
    assert_eq!(gateway.connect().bind(ANNA, &gateway.password("anna")), 52, "B-043");
    let page = gateway.lab.page("/metrics");
    assert!(page.contains(&state("up", 0)) && page.contains(&state("down", 1)), "{page}");
    let health = gateway.lab.page("/health");
    assert!(health.starts_with("HTTP/1.1 200"), "logins elsewhere go on: {health}");
    assert!(health.contains("\"directories_down\":[\"staff\"]"), "{health}");
}
