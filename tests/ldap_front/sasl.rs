//! Other ways to bind than a name and a password (B-060 to B-067).

use rcgen::{DnType, SanType};

use doorward::wire::ldap::message::op;

use crate::gateway::{Gateway, Wish};
use crate::raw_ldap::{Raw, message, with_certificate};
use crate::support::slapd::{PASSWORD, Slapd};
use crate::{ANNA, BASE};

fn plain(authzid: &str, authcid: &str, password: &str) -> Vec<u8> {
    [authzid, authcid, password].join("\0").into_bytes()
}

#[test]
fn plain_under_tls_is_a_bind_like_any_other_and_nobody_acts_as_somebody_else_b_062() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    for authzid in ["", "anna", "ANNA", "u:anna"] {
        let answer = raw.sasl("PLAIN", Some(&plain(authzid, "anna", &gateway.password("anna"))));
        assert_eq!(answer.code, Some(0), "as {authzid:?}");
        assert_eq!(raw.who_am_i(), format!("dn:{ANNA}"));
        assert_eq!(raw.sees(BASE).1, 0, "and searches run as the person");
    }
    let by_dn = plain("dn:uid=ANNA,ou=people, dc=lab,dc=test", ANNA, &gateway.password("anna"));
    assert_eq!(raw.sasl("PLAIN", Some(&by_dn)).code, Some(0));
    let logins = gateway.lab.logins().len();
    for (authzid, code) in
        [("müller", 49), ("u:müller", 49), ("dn:cn=service,dc=lab,dc=test", 49), ("u:", 49)]
    {
        let answer = raw.sasl("PLAIN", Some(&plain(authzid, "anna", &gateway.password("anna"))));
        assert_eq!(answer.code, Some(code), "as {authzid:?}");
        assert_eq!(raw.who_am_i(), "");
    }
    let bad: [(Option<&[u8]>, u32); 6] = [
        (None, 2),
        (Some(b""), 2),
        (Some(b"anna\0password"), 2),
        (Some(b"\0anna\0pass\0word"), 2),
        (Some(b"\0anna\0"), 53),
        (Some(b"\0\0password"), 49),
    ];
    for (credentials, code) in bad {
        assert_eq!(raw.sasl("PLAIN", credentials).code, Some(code), "{credentials:?}");
    }
    assert_eq!(gateway.lab.logins().len(), logins, "nobody was asked about any of these");
    assert_eq!(raw.sasl("PLAIN", Some(&plain("", "anna", PASSWORD))).code, Some(49), "no code");
    assert_eq!(gateway.reasons().last().unwrap(), "code-missing");
}

#[test]
fn plain_without_tls_is_refused_and_the_password_counts_as_exposed_b_028_b_062() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = Raw::plain(gateway.ldap);
    let answer = raw.sasl("PLAIN", Some(&plain("", "anna", &gateway.password("anna"))));
    assert_eq!(answer.code, Some(13), "{}", answer.text);
    let line = gateway.lab.wait_for(|line| line.contains("password-exposed"));
    assert!(!line.contains("anna") && !line.contains(PASSWORD), "{line}");
    assert!(gateway.lab.logins().is_empty());
}

#[test]
fn what_cannot_pass_is_refused_with_words_that_say_why_b_060_b_065() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    for mechanism in ["GSS-SPNEGO", "GSSAPI", "NTLM"] {
        let answer = raw.sasl(mechanism, Some(b"NTLMSSP\0\x01\0\0\0"));
        assert_eq!(answer.code, Some(7), "{mechanism}");
        assert!(answer.text.contains("Kerberos and NTLM cannot pass here"), "{mechanism}: {}", answer.text);
    }
    for step in [0x89_u8, 0x8a, 0x8b] {
        let answer = raw.ask(|id| {
            message(id, |writer| {
                writer.nested(op::BIND_REQUEST, |bind| {
                    bind.integer(2, 3);
                    bind.bytes(4, b"NTLM");
                    bind.bytes(step, b"NTLMSSP\0");
                });
            })
        });
        assert_eq!((answer.tag, answer.code), (op::BIND_RESPONSE, Some(7)), "Sicily {step:x}");
        assert!(answer.text.contains("NTLM cannot pass"), "{}", answer.text);
    }
    for mechanism in ["", "plain", "DIGEST-MD5", "SCRAM-SHA-256", "EXTERNAL", "ANONYMOUS", "LOGIN"] {
        let answer = raw.sasl(mechanism, None);
        assert_eq!(answer.code, Some(7), "{mechanism:?}");
        assert!(answer.text.contains("simple bind under TLS"), "{mechanism:?}: {}", answer.text);
        assert_eq!(raw.who_am_i(), "");
    }
    assert!(gateway.lab.logins().is_empty());
}

const ERNA: &str = "dn: uid=erna@lab.test,ou=people,dc=lab,dc=test\nobjectClass: inetOrgPerson\n\
                    uid: erna@lab.test\ncn: Erna\nsn: E\nuserPassword: correct horse\n";

#[test]
fn a_certificate_stands_for_the_password_and_never_for_the_second_factor_b_063() {
    let Some(slapd) = Slapd::start_open("") else { return };
    assert!(slapd.add(ERNA));
    let of = |email: &str| {
        let names = vec![SanType::Rfc822Name(email.try_into().unwrap())];
        slapd.authority.client(names, &[(DnType::CommonName, "somebody")])
    };
    let (erna, stranger, ca) = (of("erna@lab.test"), of("nobody@lab.test"), slapd.authority.pem().to_owned());
    let two = slapd.authority.client(
        ["erna@lab.test", "anna@lab.test"].map(|email| SanType::Rfc822Name(email.try_into().unwrap())).into(),
        &[],
    );
    let taken = "client-certificates = \"optional\"\nclient-ca-file = \"gateway-ca.pem\"";
    let wish = Wish {
        client: "external = \"email\"",
        listener: taken,
        ldaps_listener: taken,
        tables: "[[client]]\nname = \"console\"\nprotocol = \"ldap\"\naddresses = [\"127.0.0.2\"]\n\
                 directory = \"staff\"\nreject-delay = \"0s\"\nexternal = \"email\"\n\
                 [[rule]]\nname = \"console\"\nclient = [\"console\"]\nthen = \"none\"\n",
        ..Wish::default()
    };
    let gateway = Gateway::in_front_of(slapd, &wish);
    gateway.enrol("erna@lab.test");
    let showing = |certificate: &(String, String), source: &str| {
        Raw::plain_from(source.parse().unwrap(), gateway.ldaps)
            .encrypt_with(with_certificate(&ca, certificate))
    };
    let mut raw = showing(&erna, "127.0.0.1");
    let offered = format!("{:?}", raw.root());
    assert!(offered.contains("EXTERNAL") && offered.contains("PLAIN"), "{offered}");
    assert_eq!(raw.sasl("EXTERNAL", None).code, Some(49), "a code cannot be typed");
    assert_eq!(gateway.reasons(), ["code-missing"]);
    let mut raw = showing(&erna, "127.0.0.2");
    for authzid in [None, Some(&b""[..]), Some(b"erna@lab.test"), Some(b"u:erna@lab.test")] {
        assert_eq!(raw.sasl("EXTERNAL", authzid).code, Some(0), "{authzid:?}");
        assert!(raw.who_am_i().contains("erna@lab.test"), "{}", raw.who_am_i());
    }
    assert_eq!(raw.sees(BASE), (0, 53), "nobody has bound at the directory, so nothing is asked there");
    assert_eq!(raw.sasl("EXTERNAL", Some(b"u:anna")).code, Some(49), "as somebody else");
    assert_eq!(showing(&stranger, "127.0.0.2").sasl("EXTERNAL", None).code, Some(49), "no such account");
    assert_eq!(showing(&two, "127.0.0.2").sasl("EXTERNAL", None).code, Some(48), "two names name nobody");
    let mut without = gateway.connect_from("127.0.0.2");
    assert!(!format!("{:?}", without.root()).contains("EXTERNAL"));
    assert_eq!(without.sasl("EXTERNAL", None).code, Some(48), "no certificate");
    let mut open = Raw::plain(gateway.ldap);
    assert_eq!(open.sasl("EXTERNAL", None).code, Some(48), "no TLS");
}
