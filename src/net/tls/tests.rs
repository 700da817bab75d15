use super::*;

fn authority() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.self_signed(&key).unwrap().pem()
}

#[test]
fn every_certificate_of_the_file_is_trusted() {
    let pem = authority() + &authority();
    assert_eq!(from_pem(pem.as_bytes()).unwrap().len(), 2);
    assert!(client(Some(pem.as_bytes())).is_ok());
}

#[test]
fn a_file_without_certificates_is_a_problem_and_not_an_empty_trust() {
    assert!(matches!(client(Some(b"")), Err(TlsProblem::NobodyToTrust(_))));
    assert!(matches!(client(Some(b"hello")), Err(TlsProblem::NobodyToTrust(_))));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(client(Some(broken.as_bytes())), Err(TlsProblem::BadCertificate { number: 1, .. })));
    let cut = authority().replace("-----END CERTIFICATE-----", "");
    assert!(matches!(client(Some(cut.as_bytes())), Err(TlsProblem::NotPem(_))));
}
