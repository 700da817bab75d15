use rcgen::string::Ia5String;
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair, OtherNameValue, SanType};

use super::*;

fn certificate(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    change(&mut params);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

fn all(der: &CertificateDer<'_>) -> Vec<String> {
    names(der).unwrap().all.iter().map(ToString::to_string).collect()
}

fn ia5(text: &str) -> Ia5String {
    text.try_into().unwrap()
}

#[test]
fn every_kind_of_name_is_read_in_the_form_a_configuration_has_it() {
    let principal = vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3];
    let der = certificate(|params| {
        params.not_after = rcgen::date_time_ymd(2026, 12, 31);
        params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
        params.distinguished_name.push(DnType::CommonName, "Wiki");
        params.subject_alt_names = vec![
            SanType::DnsName(ia5("Wiki.Example.ORG")),
            SanType::Rfc822Name(ia5("Alice@Example.org")),
            SanType::URI(ia5("spiffe://example.org/Wiki")),
            SanType::OtherName((principal, OtherNameValue::Utf8String("Älice@Corp.example".into()))),
            SanType::OtherName((vec![1, 2, 3], OtherNameValue::Utf8String("other".into()))),
            SanType::IpAddress([192, 0, 2, 1].into()),
        ];
    });
    let expected = [
        "dns:wiki.example.org",
        "email:alice@example.org",
        "uri:spiffe://example.org/Wiki",
        "upn:älice@corp.example",
        "subject:cn=wiki,o=example\\, inc.",
    ];
    assert_eq!(all(&der), expected);
    let written = [
        "dns:WIKI.example.org",
        "email:alice@EXAMPLE.org",
        "uri:spiffe://example.org/Wiki",
        "upn:Älice@corp.example",
        "subject:CN=Wiki, O=Example\\, Inc.",
    ];
    assert_eq!(written.map(|text| name(text).unwrap().to_string()), expected);
    let names = names(&der).unwrap();
    assert_eq!(names.subject.as_deref(), Some("cn=wiki,o=example\\, inc."));
    assert_eq!(names.expires, UnixTime::from_seconds(1_798_675_200));
}

#[test]
fn the_common_name_alone_is_no_name_of_a_machine_b_074() {
    let der = certificate(|params| params.distinguished_name.push(DnType::CommonName, "wiki.example.org"));
    assert_eq!(all(&der), ["subject:cn=wiki.example.org"]);
}

#[test]
fn a_name_cannot_be_continued_behind_a_sign_that_nobody_sees() {
    let der = certificate(|params| {
        params.subject_alt_names =
            vec![SanType::DnsName(ia5("wiki.example.org\0.example.net")), SanType::DnsName(ia5("b.example"))];
    });
    assert_eq!(all(&der), ["dns:b.example"]);
}

#[test]
fn signs_with_a_meaning_in_names_stay_part_of_their_value() {
    let der = certificate(|params| {
        params.distinguished_name.push(DnType::CommonName, "wiki,O=Example");
    });
    let subject = names(&der).unwrap().subject.unwrap();
    assert_ne!(*subject, *name("subject:CN=wiki,O=Example").unwrap());
    assert_eq!(subject.parse::<Dn>().unwrap().depth(), 1);
}

#[test]
fn nobody_is_known_by_what_cannot_be_read_or_says_two_things() {
    for garbage in [&b""[..], b"\x30\x00", b"hello", &[0x30; 300]] {
        assert_eq!(names(&CertificateDer::from(garbage.to_vec())), None);
    }
    let twice = certificate(|params| {
        params.subject_alt_names = vec![SanType::DnsName(ia5("a.example"))];
        let other = CustomExtension::from_oid_content(&[2, 5, 29, 17], b"\x30\x0b\x82\x09b.example".to_vec());
        params.custom_extensions.push(other);
    });
    assert_eq!(names(&twice), None);
    let der = certificate(|params| params.subject_alt_names = vec![SanType::DnsName(ia5("a.example"))]);
    assert!((1..der.len()).all(|end| names(&CertificateDer::from(der[..end].to_vec())).is_none()));
}

#[test]
fn what_no_certificate_can_say_is_no_name() {
    let bad = [
        "",
        "dns:",
        "wiki.example.org",
        "DNS:a",
        "dns: a",
        "dns:a\u{200b}",
        "ip:192.0.2.1",
        "subject:",
        "subject:wiki",
    ];
    for text in bad {
        assert_eq!(name(text), None, "{text}");
    }
}
