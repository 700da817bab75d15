//! Which application a connection is: by address, listener, certificate; behind a balancer.

use std::io::Read;

use rcgen::{DnType, SanType};

use crate::ANNA;
use crate::gateway::{Gateway, Wish};
use crate::puppet::Puppet;
use crate::raw_ldap::{Raw, with_certificate};
use crate::support::authority::Authority;
use crate::support::slapd::PASSWORD;

fn client(name: &str, keys: &str) -> String {
    format!(
        "[[client]]\nname = \"{name}\"\nprotocol = \"ldap\"\ndirectory = \"staff\"\nreject-delay = \"0s\"\n{keys}\n"
    )
}

impl<D> Gateway<D> {
    /// At which client a login on this connection counts.
    fn client_of(&self, mut raw: Raw) -> String {
        let before = self.lab.logins().len();
        assert_eq!(raw.bind(ANNA, "wrong000000"), 49);
        self.wait_for_reasons(before + 1);
        self.lab.logins().last().unwrap()["client"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_connection_is_the_client_that_says_most_about_it() {
    let puppet = Puppet::start();
    let certificate = crate::gateway::Behind::authority(&puppet).client(
        vec![SanType::DnsName("forge.lab.test".try_into().unwrap())],
        &[(DnType::CommonName, "wiki")],
    );
    let ca = crate::gateway::Behind::authority(&puppet).pem().to_owned();
    let tables = [
        "[limits]\npassword = { free = 100 }\n".to_owned(),
        client("near", "addresses = [\"127.0.0.2\"]"),
        client("start-tls", "addresses = [\"127.0.0.0/8\"]\nlisteners = [\"ldap\"]"),
        client("forge", "certificates = [\"dns:forge.lab.test\"]"),
    ]
    .concat();
    let taken = "client-certificates = \"optional\"\nclient-ca-file = \"gateway-ca.pem\"";
    let wish = Wish { ldaps_listener: taken, tables: &tables, ..Wish::default() };
    let gateway = Gateway::in_front_of(puppet, &wish);
    let ca_file = gateway.ca_file();
    let showing = |source: &str| {
        Raw::plain_from(source.parse().unwrap(), gateway.ldaps)
            .encrypt_with(with_certificate(&ca, &certificate))
    };
    assert_eq!(gateway.client_of(gateway.connect()), "wiki");
    assert_eq!(gateway.client_of(gateway.connect_from("127.0.0.2")), "near", "a closer prefix");
    assert_eq!(gateway.client_of(Raw::plain(gateway.ldap).start_tls(&ca_file)), "start-tls", "the listener");
    let near = Raw::plain_from("127.0.0.2".parse().unwrap(), gateway.ldap).start_tls(&ca_file);
    assert_eq!(gateway.client_of(near), "near", "a closer prefix before the listener");
    assert_eq!(gateway.client_of(showing("127.0.0.1")), "forge", "a certificate before all");
    assert_eq!(gateway.client_of(showing("127.0.0.2")), "forge");
}

#[test]
fn a_stranger_is_closed_before_a_word_is_said() {
    let tables = client("forge", "listeners = [\"ldaps\"]\ncertificates = [\"dns:forge.lab.test\"]");
    let taken = "client-certificates = \"optional\"\nclient-ca-file = \"gateway-ca.pem\"";
    let wish = Wish {
        client: "addresses = [\"127.0.0.2\"]\nlisteners = [\"ldap\"]",
        ldaps_listener: taken,
        tables: &tables,
        ..Wish::default()
    };
    let puppet = Puppet::start();
    let other = crate::gateway::Behind::authority(&puppet)
        .client(vec![SanType::DnsName("other.lab.test".try_into().unwrap())], &[]);
    let ca = crate::gateway::Behind::authority(&puppet).pem().to_owned();
    let gateway = Gateway::in_front_of(puppet, &wish);
    assert!(Raw::plain(gateway.ldap).answer().is_none(), "from nowhere that is known: no octet");
    assert_eq!(Raw::plain_from("127.0.0.2".parse().unwrap(), gateway.ldap).who_am_i(), "");
    assert!(gateway.connect().answer().is_none(), "without the certificate it is nobody");
    let config = with_certificate(&ca, &other);
    assert!(Raw::plain(gateway.ldaps).encrypt_with(config).answer().is_none(), "with another as well");
    let line = "doorward_ldap_connections_total{outcome=\"closed\",reason=\"unknown-client\"} 3";
    gateway.lab.wait_for_page("/metrics", line);
}

#[test]
fn certificates_of_others_are_refused_and_where_they_are_required_so_is_their_absence_b_070() {
    let taken = "client-certificates = \"required\"\nclient-ca-file = \"gateway-ca.pem\"";
    let puppet = Puppet::start();
    let names = || vec![SanType::DnsName("wiki.lab.test".try_into().unwrap())];
    let ours = crate::gateway::Behind::authority(&puppet).client(names(), &[]);
    let server = crate::gateway::Behind::authority(&puppet).server(&["wiki.lab.test"]);
    let foreign = Authority::new().client(names(), &[]);
    let ca = crate::gateway::Behind::authority(&puppet).pem().to_owned();
    let wish = Wish {
        client: "certificates = [\"dns:wiki.lab.test\"]",
        ldaps_listener: taken,
        listener: taken,
        ..Wish::default()
    };
    let gateway = Gateway::in_front_of(puppet, &wish);
    let good = Raw::plain(gateway.ldaps).encrypt_with(with_certificate(&ca, &ours));
    assert_eq!(gateway.client_of(good), "wiki");
    for (what, certificate) in [("another authority", &foreign), ("a server's certificate", &server)] {
        // With TLS 1.3 the client hears of it when it reads.
        let refused = Raw::plain(gateway.ldaps).try_encrypt(with_certificate(&ca, certificate));
        assert!(refused.is_err() || refused.is_ok_and(|mut raw| raw.answer().is_none()), "{what}");
    }
    let trusting = doorward::net::tls::client(Some(ca.as_bytes())).unwrap();
    let none = Raw::plain(gateway.ldaps).try_encrypt(trusting);
    assert!(none.is_err() || none.is_ok_and(|mut raw| raw.answer().is_none()), "no certificate");
    let mut open = Raw::plain(gateway.ldap);
    assert_eq!(open.bind(ANNA, PASSWORD), 13, "before TLS nobody is known by a certificate");
    let stranger = doorward::net::tls::client(Some(Authority::new().pem().as_bytes())).unwrap();
    assert!(Raw::plain(gateway.ldaps).try_encrypt(stranger).is_err(), "another authority at the application");
    let line = "doorward_ldap_connections_total{outcome=\"closed\",reason=\"handshake\"} 4";
    gateway.lab.wait_for_page("/metrics", line);
    for cause in ["their-certificate", "no-certificate-shown", "our-certificate"] {
        gateway.lab.wait_for(|log| log.contains(&format!("\"{cause}\"")));
    }
}

/// A header of version 2 for an IPv4 connection.
fn version_2(command: u8, source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, 0x11, 0, 12]);
    header.extend(source);
    header.extend([198, 51, 100, 1, 0xc0, 0, 2, 0x7c]);
    header
}

#[test]
fn behind_a_balancer_the_address_is_what_its_header_tells_and_nobody_else_may_tell_one() {
    let wish = Wish {
        client: "addresses = [\"203.0.113.0/24\", \"127.0.0.1\"]\naddress-is = \"person\"",
        ldaps_listener: "proxy-protocol-from = [\"127.0.0.9\"]",
        tables: "[[rule]]\nname = \"office\"\nnetwork = [\"203.0.113.128/25\"]\nthen = \"none\"\n",
        ..Wish::default()
    };
    let gateway = Gateway::in_front_of(Puppet::start(), &wish);
    let ca_file = gateway.ca_file();
    let behind = |header: &[u8]| {
        let mut raw = Raw::plain_from("127.0.0.9".parse().unwrap(), gateway.ldaps);
        raw.send(header);
        raw
    };
    let v1 = |source: &str| format!("PROXY TCP4 {source} 198.51.100.1 51000 636\r\n").into_bytes();
    let mut office = behind(&v1("203.0.113.200")).encrypt(&ca_file);
    assert_eq!(office.bind(ANNA, PASSWORD), 0, "the rule asks none of whom it sees in the office");
    let mut office = behind(&version_2(1, [203, 0, 113, 201])).encrypt(&ca_file);
    assert_eq!(office.bind(ANNA, PASSWORD), 0, "version 2 says the same");
    let mut outside = behind(&v1("203.0.113.7")).encrypt(&ca_file);
    assert_eq!(outside.bind(ANNA, PASSWORD), 49);
    assert_eq!(outside.bind(ANNA, &gateway.password("anna")), 0);
    let networks: Vec<_> =
        gateway.lab.logins().iter().map(|r| r["network"].as_str().unwrap_or("").to_owned()).collect();
    let seen = ["203.0.113.200", "203.0.113.201", "203.0.113.7", "203.0.113.7"];
    assert!(networks.iter().zip(seen).all(|(told, seen)| told.starts_with(seen)), "{networks:?}");
    assert_eq!(gateway.reasons(), ["rule-asks-none", "rule-asks-none", "code-missing", "confirmed"]);

    assert!(behind(&v1("192.0.2.1")).answer().is_none(), "from where no client is");
    assert!(behind(&version_2(0, [0; 4])).answer().is_none(), "the balancer itself is no client");
    let mut none = Raw::plain_from("127.0.0.9".parse().unwrap(), gateway.ldaps);
    none.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00");
    assert!(none.answer().is_none(), "a balancer without a header");
    let mut liar = Raw::plain(gateway.ldaps);
    liar.send(&v1("203.0.113.200"));
    liar.send(&[0; 600]);
    let mut alert = Vec::new();
    let _ended_or_reset = liar.socket().read_to_end(&mut alert);
    assert!(alert.is_empty() || alert[0] == 21, "a header of somebody else is no TLS: {alert:?}");
    let mut direct = gateway.connect();
    assert_eq!(direct.bind(ANNA, PASSWORD), 49, "who comes directly is who it is");
    let closed =
        |why: &str| format!("doorward_ldap_connections_total{{outcome=\"closed\",reason=\"{why}\"}}");
    gateway.lab.wait_for_page("/metrics", &format!("{} 1", closed("proxy-header")));
    gateway.lab.wait_for_page("/metrics", &format!("{} 2", closed("unknown-client")));
    gateway.lab.wait_for_page("/metrics", &format!("{} 1", closed("handshake")));
}

#[test]
fn a_rule_about_a_listener_holds_for_connections_to_it_alone() {
    let tables = "[[rule]]\nname = \"inner\"\nlistener = [\"ldaps\"]\nthen = \"none\"\n\
                  [[rule]]\nname = \"elsewhere\"\nthen = \"refuse\"\n";
    let Some(gateway) = Gateway::start_as(&Wish { tables, ..Wish::default() }) else { return };
    assert_eq!(gateway.connect().bind(ANNA, PASSWORD), 0);
    assert_eq!(Raw::plain(gateway.ldap).start_tls(&gateway.ca_file()).bind(ANNA, PASSWORD), 49);
    let told: Vec<_> = gateway.lab.logins().into_iter().map(|record| record["listener"].clone()).collect();
    assert_eq!(told, ["ldaps", "ldap"]);
}
