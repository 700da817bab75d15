//! Certificates of the listeners, while they are served (B-070).

use crate::gateway::{Gateway, Wish, write_certificate};
use crate::puppet::Puppet;
use crate::raw_ldap::Raw;
use crate::support::authority::Authority;
use crate::support::fake_directory::{Act, result};
use crate::support::slapd::PASSWORD;
use crate::{ANNA, BASE};
use doorward::wire::ldap::message::op;

#[test]
fn a_new_certificate_is_shown_to_new_connections_and_a_broken_one_to_nobody_b_070() {
    let done = |request: &crate::support::fake_directory::Request| {
        Act::Send(result(request.id, op::SEARCH_DONE, 0, ""))
    };
    let puppet = Puppet::start_with(|bind| Some(if bind.holds(PASSWORD) { 0 } else { 49 }), done);
    let gateway = Gateway::in_front_of(puppet, &Wish::default());
    let ca_file = gateway.ca_file();
    let mut old = gateway.connect();
    assert_eq!(old.bind(ANNA, &gateway.password("anna")), 0);
    let mut waits = Raw::plain(gateway.ldap);
    assert_eq!(waits.who_am_i(), "");

    let other = Authority::new();
    write_certificate(gateway.lab.dir.path(), &other);
    let other_file = gateway.lab.path("other-ca.pem");
    std::fs::write(&other_file, other.pem()).unwrap();
    gateway.lab.signal("HUP");
    gateway.lab.wait_for_event("daemon.reloaded");
    let trusts = |file| doorward::net::tls::client(Some(&std::fs::read(file).unwrap())).unwrap();
    let shown = |file| Raw::plain(gateway.ldaps).try_encrypt(trusts(file)).map(|mut raw| raw.who_am_i());
    assert_eq!(shown(&other_file).unwrap(), "", "new connections see the new certificate");
    assert!(shown(&ca_file).is_err(), "and not the old one");
    assert_eq!(old.sees(BASE), (0, 0), "what is open lives on");
    assert_eq!(old.bind(ANNA, &gateway.password("anna")), 0);

    let all_broken = ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "nonsense"];
    for (failed, broken) in all_broken.into_iter().enumerate() {
        std::fs::write(gateway.lab.path("gateway.pem"), broken).unwrap();
        gateway.lab.signal("HUP");
        let count = format!("doorward_reloads_total{{outcome=\"failed\",reason=\"\"}} {}", failed + 1);
        gateway.lab.wait_for_page("/metrics", &count);
        assert_eq!(shown(&other_file).unwrap(), "", "the last good one stays: {broken:?}");
    }
    assert!(gateway.lab.log().contains("gateway.pem"), "the log says which file");
    // A good certificate that belongs to another key.
    let (foreign, _) = other.server(&["localhost"]);
    std::fs::write(gateway.lab.path("gateway.pem"), foreign).unwrap();
    gateway.lab.signal("HUP");
    gateway.lab.wait_for_page("/metrics", "doorward_reloads_total{outcome=\"failed\",reason=\"\"} 4");
    assert_eq!(shown(&other_file).unwrap(), "");
    let mut waits = waits.start_tls(&ca_file);
    assert_eq!(waits.who_am_i(), "", "a connection begins TLS with what it came to");
}

#[test]
fn a_certificate_that_ends_is_told_of_with_the_name_of_its_listener() {
    let gateway = Gateway::in_front_of(Puppet::start(), &Wish::default());
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 31);
    std::fs::write(gateway.lab.path("gateway.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(gateway.lab.path("gateway.key"), key.serialize_pem()).unwrap();
    gateway.lab.signal("HUP");
    let line = gateway.lab.wait_for_event("tls.certificate-ends");
    assert!(line.contains("\"listener\":\"ldap\""), "the first by name of two with one certificate: {line}");
    assert!(line.contains("\"days_left\":-"), "{line}");
}

#[test]
fn a_handshake_that_fails_behind_start_tls_is_told_of_as_any_other() {
    let Some(gateway) = Gateway::start() else { return };
    let foreign = gateway.lab.path("foreign.pem");
    std::fs::write(&foreign, Authority::new().pem()).unwrap();
    let mut raw = Raw::plain(gateway.ldap);
    let id = raw.next_id();
    raw.send(&doorward::wire::ldap::request::start_tls(id));
    assert_eq!(raw.must_answer().code, Some(0));
    let trusts = doorward::net::tls::client(Some(&std::fs::read(foreign).unwrap())).unwrap();
    assert!(raw.try_encrypt(trusts).is_err(), "the application does not trust us");
    let line = gateway.lab.wait_for(|line| line.contains("\"our-certificate\""));
    assert!(line.contains("\"listener\":\"ldap\""), "{line}");
}
