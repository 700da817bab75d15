use rcgen::ExtendedKeyUsagePurpose as Purpose;

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

/// A certificate and its key, signed by `by` or by itself.
struct Made {
    pem: String,
    key: Secret,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

fn made(name: &str, by: Option<&Made>, change: impl FnOnce(&mut rcgen::CertificateParams)) -> Made {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    change(&mut params);
    let certificate = match by {
        Some(by) => params.signed_by(&key, &by.issuer),
        None => params.self_signed(&key),
    };
    Made {
        pem: certificate.unwrap().pem(),
        key: Secret::copied(key.serialize_pem().as_bytes()),
        issuer: rcgen::Issuer::new(params, key),
    }
}

fn signing(params: &mut rcgen::CertificateParams) {
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
}

fn at(chain: &str, key: &Secret) -> Result<ServerTls, TlsProblem> {
    server(chain.as_bytes(), key, ClientCa::NotAsked)
}

/// How the handshake went at the server's side, or why it did not.
fn shake(
    client: &Arc<ClientConfig>,
    server: &ServerTls,
) -> Result<(rustls::HandshakeKind, rustls::ProtocolVersion, bool), rustls::Error> {
    let name = rustls::pki_types::ServerName::try_from("ldap.example.org").unwrap();
    let mut one = rustls::ClientConnection::new(client.clone(), name).unwrap();
    let mut other = rustls::ServerConnection::new(server.config.clone()).unwrap();
    let mut wire = Vec::new();
    for _ in 0..6 {
        wire.clear();
        while one.wants_write() {
            one.write_tls(&mut wire).unwrap();
        }
        other.read_tls(&mut wire.as_slice()).unwrap();
        other.process_new_packets()?;
        wire.clear();
        while other.wants_write() {
            other.write_tls(&mut wire).unwrap();
        }
        one.read_tls(&mut wire.as_slice()).unwrap();
        one.process_new_packets()?;
    }
    assert!(!other.is_handshaking());
    let shown = other.peer_certificates().is_some();
    Ok((other.handshake_kind().unwrap(), other.protocol_version().unwrap(), shown))
}

#[test]
fn both_versions_of_tls_are_spoken_and_a_session_is_resumed_without_early_data_b_070() {
    let own = made("ldap.example.org", None, |_| ());
    let server = at(&own.pem, &own.key).unwrap();
    assert_eq!(server.config.max_early_data_size, 0);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(own.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let client = Arc::new(client.with_root_certificates(roots).with_no_client_auth());
        let (first, spoken, _) = shake(&client, &server).unwrap();
        assert_eq!(spoken, version.version);
        assert_ne!(first, rustls::HandshakeKind::Resumed);
        assert_eq!(shake(&client, &server).unwrap().0, rustls::HandshakeKind::Resumed, "{version:?}");
    }
}

#[test]
fn a_client_certificate_is_verified_and_its_session_is_never_resumed() {
    let own = made("ldap.example.org", None, |_| ());
    let authority = made("authority", None, signing);
    let wiki = made("wiki.example.org", Some(&authority), |_| ());
    let stranger = made("wiki.example.org", None, signing);
    let client = |shows: Option<&Made>| {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(own.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        Arc::new(match shows {
            Some(made) => {
                let chain = vec![CertificateDer::from_pem_slice(made.pem.as_bytes()).unwrap()];
                builder.with_client_auth_cert(chain, key(&made.key).unwrap()).unwrap()
            }
            None => builder.with_no_client_auth(),
        })
    };
    let optional =
        server(own.pem.as_bytes(), &own.key, ClientCa::Optional(authority.pem.as_bytes())).unwrap();
    let required =
        server(own.pem.as_bytes(), &own.key, ClientCa::Required(authority.pem.as_bytes())).unwrap();
    for server in [&optional, &required] {
        let known = client(Some(&wiki));
        for _ in 0..2 {
            let (kind, _, shown) = shake(&known, server).unwrap();
            assert!(shown && kind != rustls::HandshakeKind::Resumed);
        }
        assert!(shake(&client(Some(&stranger)), server).is_err(), "another authority has signed it");
    }
    assert!(!shake(&client(None), &optional).unwrap().2);
    assert!(shake(&client(None), &required).is_err());
}

#[test]
fn the_dates_are_those_of_the_servers_own_certificate() {
    let authority = made("authority", None, signing);
    let own = made("ldap.example.org", Some(&authority), |params| {
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2026, 12, 31);
    });
    let tls = at(&(own.pem.clone() + &authority.pem), &own.key).unwrap();
    assert_eq!(tls.begins, UnixTime::from_seconds(1_767_312_000));
    assert_eq!(tls.expires, UnixTime::from_seconds(1_798_675_200));
    assert_eq!(tls.chain, Chain::Sound);
}

#[test]
fn a_certificate_that_is_no_servers_is_seen() {
    let judged = |change: fn(&mut rcgen::CertificateParams)| {
        let made = made("ldap.example.org", None, change);
        at(&made.pem, &made.key).unwrap().unfit
    };
    assert_eq!(judged(|_| ()), None);
    assert_eq!(judged(|params| params.subject_alt_names = vec![address([192, 0, 2, 1])]), None);
    assert_eq!(
        judged(|params| params.extended_key_usages = vec![Purpose::ClientAuth, Purpose::ServerAuth]),
        None
    );
    assert_eq!(judged(|params| params.extended_key_usages = vec![Purpose::Any]), None);
    assert_eq!(
        judged(|params| params.extended_key_usages = vec![Purpose::ClientAuth]),
        Some(Unfit::OtherPurpose)
    );
    assert_eq!(
        judged(|params| params.subject_alt_names.clear()),
        Some(Unfit::Nameless),
        "RFC 9525 section 2"
    );
    assert_eq!(judged(signing), Some(Unfit::Authority));
}

const fn address(octets: [u8; 4]) -> rcgen::SanType {
    rcgen::SanType::IpAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::from_octets(octets)))
}

#[test]
fn a_chain_that_ends_too_early_or_in_the_wrong_order_is_seen() {
    let root = made("root", None, signing);
    let between = made("between", Some(&root), signing);
    let logged = |params: &mut rcgen::CertificateParams| {
        let oid = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
        params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&oid, vec![4, 0]));
    };
    let public = made("ldap.example.org", Some(&between), logged);
    let private = made("ldap.example.org", Some(&between), |_| ());
    let judged = |own: &Made, rest: &[&Made]| {
        let rest: String = rest.iter().map(|made| made.pem.as_str()).collect();
        at(&(own.pem.clone() + &rest), &own.key).unwrap().chain
    };
    assert_eq!(judged(&public, &[]), Chain::WithoutIntermediate);
    assert_eq!(judged(&public, &[&between]), Chain::Sound);
    assert_eq!(judged(&private, &[]), Chain::Sound, "its authority may be the one that is trusted");
    assert_eq!(judged(&private, &[&between, &root]), Chain::Sound);
    assert_eq!(judged(&private, &[&root, &between]), Chain::BrokenAfter(1));
    assert_eq!(judged(&private, &[&between, &private]), Chain::BrokenAfter(2));
}

#[test]
fn every_mistake_with_certificate_and_key_has_a_name() {
    let authority = made("authority", None, signing);
    let own = made("ldap.example.org", Some(&authority), |_| ());
    let other = made("ldap.example.org", None, |_| ());
    let der = CertificateDer::from_pem_slice(own.pem.as_bytes()).unwrap();
    let text = |problem: Result<ServerTls, TlsProblem>| problem.err().map(|problem| problem.to_string());
    let of_chain = |chain: &[u8]| text(server(chain, &own.key, ClientCa::NotAsked)).unwrap_or_default();
    assert_eq!(of_chain(b" \n"), "the file is empty");
    assert_eq!(of_chain(&der), "the file is binary (DER or PKCS #12), and PEM is wanted");
    assert_eq!(of_chain(own.key.expose()), "the file is PEM, but what is wanted is not in it");
    assert_eq!(of_chain(b"hello"), "the file is not PEM");
    assert!(
        of_chain(own.pem.replace("-----END", "").as_bytes())
            .starts_with("certificate 1 in the file is damaged")
    );
    let short = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let second_damaged = of_chain((own.pem.clone() + short).as_bytes());
    assert!(second_damaged.starts_with("certificate 2 in the file is damaged"), "{second_damaged}");
    assert!(of_chain(own.pem.repeat(11).as_bytes()).starts_with("the file holds more than 10"));
    assert_eq!(
        of_chain((authority.pem + &own.pem).as_bytes()),
        "the key belongs to certificate 2 in the file, and the server's own must be the first"
    );
    assert_eq!(of_chain(other.pem.as_bytes()), "the key does not belong to the certificate");
    let of_key = |key: &[u8]| text(at(&own.pem, &Secret::copied(key))).unwrap_or_default();
    assert_eq!(of_key(own.key.expose()), "", "nothing is wrong");
    assert_eq!(of_key(b""), "the file is empty");
    assert_eq!(of_key(b"\x30\x82\x04\x00"), "the file is binary (DER or PKCS #12), and PEM is wanted");
    assert_eq!(of_key(own.pem.as_bytes()), "the file is PEM, but what is wanted is not in it");
    let locked = "the key is encrypted, and nobody is here to type its password";
    let pkcs8 = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMAA=\n\
               -----END RSA PRIVATE KEY-----\n";
    assert_eq!((of_key(pkcs8.as_bytes()), of_key(old.as_bytes())), (locked.to_owned(), locked.to_owned()));
    let broken = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    let unusable = "the key is damaged, or of a kind or size that cannot be used";
    assert_eq!(of_key(broken.as_bytes()), unusable);
    assert_eq!(of_key(own.key.expose_str().unwrap().replace("-----END", "").as_bytes()), unusable);
    let nobody = server(own.pem.as_bytes(), &own.key, ClientCa::Required(b"hello"));
    assert!(matches!(nobody, Err(TlsProblem::NobodyToTrust(_))));
}
