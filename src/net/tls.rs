//! TLS for the connections that we open: TLS 1.2 and 1.3, certificates always verified, the provider of
//! cryptography given explicitly.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why no connection with TLS can be made at all.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// The file of certificates cannot be read as PEM.
    #[error("the file of trusted certificates is not PEM: {0}")]
    NotPem(String),
    /// A certificate in it cannot be trusted as an authority.
    #[error("certificate {number} in the file of trusted certificates is malformed: {why}")]
    BadCertificate {
        /// Which one, from 1.
        number: usize,
        /// What is wrong.
        why: String,
    },
    /// There is nobody to trust.
    #[error("no trusted certificates were found in {0}")]
    NobodyToTrust(&'static str),
    /// The provider cannot do what we ask for.
    #[error("the provider of cryptography does not fit: {0}")]
    Provider(String),
}

/// Settings for connections to servers whose certificates lead to one of the authorities in `pem`, or to
/// one of the system's when it is `None` (B-070, B-071).
///
/// The server's name is always checked, against the names in subjectAltName alone.
///
/// # Errors
///
/// [`TlsProblem`], at start rather than at the first login.
pub fn client(pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, TlsProblem> {
    let roots = match pem {
        Some(pem) => from_pem(pem)?,
        None => from_system()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|e| TlsProblem::Provider(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn from_pem(pem: &[u8]) -> Result<RootCertStore, TlsProblem> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let certificate = certificate.map_err(|e| TlsProblem::NotPem(e.to_string()))?;
        roots.add(certificate).map_err(|e| TlsProblem::BadCertificate {
            number: index.saturating_add(1),
            why: e.to_string(),
        })?;
    }
    if roots.is_empty() { Err(TlsProblem::NobodyToTrust("the file")) } else { Ok(roots) }
}

fn from_system() -> Result<RootCertStore, TlsProblem> {
    let mut roots = RootCertStore::empty();
    // One bad certificate among the system's hundred must not stop us; none at all must.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsProblem::NobodyToTrust("the system's store")) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
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
}
