//! What is said when a directory cannot be used: what is wrong, and whose move it is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::net::TcpListener;
use std::time::Duration;

use doorward::login::verdict::{Fault, FaultKind};
use doorward::wire::ldap::message::op;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use support::authority::Authority;
use support::dns::{Dns, Mood};
use support::fake_directory::{Act, FakeDirectory, result};
use support::ldap::Lab;
use support::slapd::{PASSWORD, Slapd, free_port};
use support::slow::Slow;

/// A directory at one server, with a service account.
struct Site {
    folder: tempfile::TempDir,
    ca: String,
}

impl Site {
    fn new(ca: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
        Self { folder, ca: ca.to_owned() }
    }

    fn lab(&self, server: &str, tls: &str, more: &str) -> Lab {
        let path = |name: &str| self.folder.path().join(name);
        std::fs::write(path("ca.pem"), &self.ca).unwrap();
        let ca = if tls == "none" { String::new() } else { format!("ca-file = {:?}\n", path("ca.pem")) };
        Lab::new(&format!(
            "name = \"lab\"\nkind = \"ldap\"\nservers = [\"{server}\"]\ntls = \"{tls}\"\n{ca}base-dn = \"dc=lab,dc=test\"\n\
             bind-dn = \"cn=service,dc=lab,dc=test\"\nbind-password-file = {:?}\n{more}",
            path("password")
        ))
    }

    fn fault(&self, server: &str, tls: &str, more: &str) -> Fault {
        self.lab(server, tls, more).probe().unwrap_err()
    }
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

#[test]
fn a_bad_certificate_is_told_by_what_is_bad_about_it_b_071() {
    type Change = fn(&mut CertificateParams);
    let cases: [(&[&str], Change, &str); 5] = [
        (
            &["127.0.0.1"],
            |params| params.not_after = date_time_ymd(2020, 1, 1),
            "the server needs a new certificate",
        ),
        (
            &["127.0.0.1"],
            |params| params.not_before = date_time_ymd(2090, 1, 1),
            "a clock is wrong: compare those",
        ),
        (&["dc7.lab.test"], |_| {}, "write the server as its certificate names it, in subjectAltName"),
        (
            &[],
            |params| params.distinguished_name.push(rcgen::DnType::CommonName, "127.0.0.1"),
            "in subjectAltName",
        ),
        (
            &["127.0.0.1"],
            |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            "a certificate for server authentication",
        ),
    ];
    for (names, change, said) in cases {
        let show = |authority: &Authority| authority.server_but(names, change);
        let Some(slapd) = Slapd::start_showing(&show) else { return };
        let site = Site::new(slapd.authority.pem());
        for (port, tls) in [(slapd.tls_port, "ldaps"), (slapd.port, "starttls")] {
            let fault = site.fault(&local(port), tls, "");
            assert_eq!(fault.kind, FaultKind::DirectoryUnreachable);
            assert!(fault.what.contains("TLS: invalid peer certificate"), "{tls}: {fault}");
            assert!(fault.what.contains(said), "{said}: {fault}");
        }
    }
}

#[test]
fn a_certificate_of_another_authority_is_for_ca_file() {
    let Some(slapd) = Slapd::start() else { return };
    let fault = Site::new(Authority::new().pem()).fault(&local(slapd.tls_port), "ldaps", "");
    assert!(fault.what.contains("check ca-file"), "{fault}");
}

#[test]
fn a_port_of_the_other_kind_is_told_for_each_way_to_speak_b_072() {
    let Some(slapd) = Slapd::start() else { return };
    let site = Site::new(slapd.authority.pem());
    for (port, tls, said) in [
        (slapd.port, "ldaps", "is that port for TLS?"),
        (slapd.tls_port, "starttls", "is that port for TLS? then set tls = \"ldaps\""),
        (slapd.tls_port, "none", "is that port for TLS? then set tls = \"ldaps\""),
    ] {
        let fault = site.fault(&local(port), tls, "");
        assert_eq!(fault.kind, FaultKind::DirectoryUnreachable, "{tls}: {fault}");
        assert!(fault.what.contains(said), "{tls}: {fault}");
    }
}

#[test]
fn start_tls_that_is_refused_is_never_gone_without_b_072() {
    for (code, said) in [
        (2, "StartTLS was refused: protocolError (2); has it a certificate?"),
        (52, "StartTLS was refused: unavailable (52); has it a certificate?"),
        (1, "StartTLS was refused: operationsError (1); look into its log"),
    ] {
        let fake = FakeDirectory::start(move |request| {
            Act::Send(result(request.id, op::EXTENDED_RESPONSE, code, ""))
        });
        let fault = Site::new(Authority::new().pem()).fault(&local(fake.port), "starttls", "");
        assert!(fault.what.contains(said), "{fault}");
        assert_eq!(fake.count(op::BIND_REQUEST), 0, "no password was sent");
    }
}

#[test]
fn nobody_there_is_told_from_somebody_who_says_nothing_b_095() {
    let site = Site::new(Authority::new().pem());
    let fault = site.fault(&local(free_port()), "ldaps", "");
    assert!(
        fault.what.ends_with(
            "connect: connection refused; nobody listens there: is it running, and is that its port?"
        ),
        "{fault}"
    );

    // The system takes connections for it, and nobody reads them.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let server = local(silent.local_addr().unwrap().port());
    for (tls, said) in [
        ("ldaps", "connected, but TLS did not come about in time"),
        ("starttls", "connected, but StartTLS was not answered in time"),
        ("none", "connected, but no answer in time"),
    ] {
        let fault = site.fault(&server, tls, "server-timeout = 1");
        assert_eq!(fault.kind, FaultKind::DirectoryUnreachable);
        assert!(fault.what.contains(said), "{tls}: {fault}");
    }
}

#[test]
fn a_slow_server_is_waited_for_as_long_as_server_timeout_says_and_no_longer_b_095() {
    let Some(slapd) = Slapd::start() else { return };
    let site = Site::new(slapd.authority.pem());
    let slow = Slow::before(slapd.tls_port, Duration::from_millis(150));
    assert_eq!(site.lab(&local(slow.port), "ldaps", "server-timeout = 5").probe(), Ok(()));
    let slower = Slow::before(slapd.tls_port, Duration::from_millis(1500));
    let fault = site.fault(&local(slower.port), "ldaps", "server-timeout = 1");
    assert!(fault.what.contains("connected, but TLS did not come about in time"), "{fault}");
    let quick = format!("{}\", \"{}", local(slower.port), local(slapd.tls_port));
    assert_eq!(site.lab(&quick, "ldaps", "server-timeout = 1").probe(), Ok(()), "the next one answers");
}

#[test]
fn a_service_account_that_is_refused_is_told_by_what_is_wrong_with_it_b_084() {
    let data = |code: &str| {
        format!("80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v4563")
    };
    for (code, text, said) in [
        (49, data("52e"), "its password is wrong: check bind-password"),
        (49, data("525"), "there is no such account: check bind-dn"),
        (49, data("530"), "it may not log on at this hour"),
        (49, data("531"), "it may not log on from here"),
        (49, data("532"), "its password must be changed"),
        (49, data("773"), "its password must be changed"),
        (49, data("533"), "it is disabled: enable it there"),
        (49, data("701"), "it has expired: extend it there"),
        (49, data("775"), "it is locked: unlock it there"),
        (49, data("80090346").replace("80090308", "80090346"), "it demands channel binding"),
        (49, String::new(), "check bind-dn and bind-password"),
        (48, String::new(), "the account has no password"),
        (
            8,
            "00002028: LdapErr: DSID-0C0903CB".to_owned(),
            "it wants TLS before a password: set tls = \"ldaps\"",
        ),
        (13, String::new(), "it wants TLS before a password"),
        (7, String::new(), "it does not take simple binds"),
    ] {
        let answer = text.clone();
        let fake = FakeDirectory::start(move |request| {
            Act::Send(result(request.id, op::BIND_RESPONSE, code, &answer))
        });
        let fault = Site::new("").fault(&local(fake.port), "none", "");
        assert_eq!(fault.kind, FaultKind::DirectoryRefusedUs, "{text}");
        assert!(fault.what.contains(said), "{said}: {fault}");
        assert!(!fault.what.contains("LdapErr"), "what the server says is a hint: {fault}");
    }
}

#[test]
fn a_wish_for_channel_binding_is_never_a_wrong_password_b_089() {
    let text = "80090346: LdapErr: DSID-0C090597, comment: AcceptSecurityContext error, data 80090346, v4563";
    let fake = FakeDirectory::start(move |request| match request.name().as_str() {
        "cn=service,dc=lab,dc=test" => Act::Send(result(request.id, op::BIND_RESPONSE, 0, "")),
        _ => Act::Send(result(request.id, op::BIND_RESPONSE, 49, text)),
    });
    let fault = Site::new("").lab(&local(fake.port), "none", "").verify(None, "x").unwrap_err();
    assert_eq!(fault.kind, FaultKind::DirectoryRefusedUs);
    assert!(fault.what.contains("LdapEnforceChannelBinding"), "{fault}");
}

#[test]
fn a_name_without_an_address_is_for_whoever_keeps_dns() {
    let dns = Dns::start();
    let site = Site::new(Authority::new().pem());
    let fault = || site.fault("dc1.lab.test:636", "ldaps", &format!("server-timeout = 1\n{}", dns.key()));
    let about = format!("dc1.lab.test:636: DNS at 127.0.0.1:{} has no address for it", dns.port);
    for (mood, said) in [
        (Mood::Honest, format!("{about}: there is no such name; check the server's name")),
        (Mood::Failing(2), format!("{about}: the answer is an error: server failure")),
        (Mood::Failing(5), format!("{about}: the answer is an error: query refused")),
        (Mood::Silent, "its name was not resolved in time; check dns-servers".to_owned()),
    ] {
        dns.is(mood);
        let fault = fault();
        assert_eq!(fault.kind, FaultKind::DirectoryUnreachable);
        assert!(fault.what.contains(&said), "{said}: {fault}");
    }
}

#[test]
fn a_name_is_asked_for_where_the_administrator_says() {
    let Some(slapd) = Slapd::start_showing(&|authority| authority.server(&["dc1.lab.test"])) else { return };
    let (site, dns) = (Site::new(slapd.authority.pem()), Dns::start());
    dns.hosts(&["dc1.lab.test"]);
    let lab = site.lab(&format!("dc1.lab.test:{}", slapd.tls_port), "ldaps", &dns.key());
    assert_eq!(lab.probe(), Ok(()));
    assert!(dns.asked().iter().all(|name| name == "dc1.lab.test"), "{:?}", dns.asked());
}
