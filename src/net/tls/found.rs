//! Certificates of servers that DNS has named, where anybody may have put their names (B-073).

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

/// Which names such a server may prove to have. What DNS says is no reason to trust a name; the administrator's word
/// is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lawful {
    domain: ServerName<'static>,
    /// The domain's name in lower case.
    below: Box<str>,
    /// Names, or `*.` and a name for all that lie below that; empty when the domain alone decides.
    pinned: Vec<Box<str>>,
}

/// A server's name lies outside of what was configured, and its certificate is not for the domain either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its name comes from DNS and lies outside of the domain, and its certificate is not for the domain")]
pub struct Foreign;

impl Lawful {
    /// The rule of one domain: a server has a name below it, or a certificate for the domain's own name, as domain
    /// controllers have. With names in `pinned` these count alone; each is a name, or `*.` and a name for all that lie
    /// below that.
    ///
    /// `None` when the domain is no DNS name, or one in `pinned` is none.
    #[must_use]
    pub fn new(domain: &str, pinned: &[String]) -> Option<Self> {
        let name = |text: &str| ServerName::try_from(text.to_ascii_lowercase()).ok().filter(is_dns);
        let pinned = pinned.iter().map(|text| {
            let text = text.to_ascii_lowercase();
            name(text.strip_prefix("*.").unwrap_or(&text)).map(|_| text.into_boxed_str())
        });
        Some(Self {
            domain: name(domain)?,
            below: domain.to_ascii_lowercase().into(),
            pinned: pinned.collect::<Option<_>>()?,
        })
    }

    /// A server may have this name.
    #[must_use]
    pub fn permits(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        if self.pinned.is_empty() {
            return host == *self.below || is_below(&host, &self.below);
        }
        self.pinned.iter().any(|name| match name.strip_prefix("*.") {
            Some(above) => is_below(&host, above),
            None => host == **name,
        })
    }

    /// A certificate for the domain's own name is enough.
    #[must_use]
    pub const fn takes_the_domain(&self) -> bool {
        self.pinned.is_empty()
    }
}

fn is_dns(name: &ServerName<'_>) -> bool {
    matches!(name, ServerName::DnsName(_))
}

fn is_below(host: &str, above: &str) -> bool {
    host.strip_suffix(above).and_then(|rest| rest.strip_suffix('.')).is_some_and(|rest| !rest.is_empty())
}

/// Verifies as always, against a lawful name alone.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) inner: Arc<WebPkiServerVerifier>,
    pub(super) lawful: Lawful,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify =
            |name| self.inner.verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
        let permitted = is_dns(server_name) && self.lawful.permits(&server_name.to_str());
        let refusal = if permitted {
            match verify(server_name) {
                Err(error) if is_another_name(&error) => error,
                verdict => return verdict,
            }
        } else {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Foreign))))
        };
        if !self.lawful.takes_the_domain() {
            return Err(refusal);
        }
        match verify(&self.lawful.domain) {
            Err(error) if is_another_name(&error) => Err(refusal),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

const fn is_another_name(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lawful(pinned: &[&str]) -> Lawful {
        let pinned: Vec<String> = pinned.iter().map(|name| (*name).to_owned()).collect();
        Lawful::new("Corp.Example", &pinned).unwrap()
    }

    #[test]
    fn a_server_has_a_name_below_the_domain_by_whole_labels_b_073() {
        let rule = lawful(&[]);
        for name in ["corp.example", "dc1.corp.example", "DC1.Berlin.CORP.example"] {
            assert!(rule.permits(name), "{name}");
        }
        for name in
            ["evilcorp.example", "corp.example.evil", "example", "", ".corp.example", "dc1.evil.example"]
        {
            assert!(!rule.permits(name), "{name}");
        }
    }

    #[test]
    fn pinned_names_count_alone_b_073() {
        let rule = lawful(&["dc1.corp.example", "*.DCs.example"]);
        assert!(rule.permits("dc1.corp.example") && rule.permits("a.b.dcs.example"));
        for name in ["dc2.corp.example", "dcs.example", "x.dc1.corp.example", "corp.example"] {
            assert!(!rule.permits(name), "{name}");
        }
        assert!(!rule.takes_the_domain());
    }

    #[test]
    fn what_is_no_name_is_no_rule() {
        assert_eq!(Lawful::new("10.0.0.1", &[]), None);
        assert_eq!(Lawful::new("", &[]), None);
        for name in ["*", "*.", "*.*.corp.example", "d*.corp.example", "10.0.0.1"] {
            assert_eq!(Lawful::new("corp.example", &[name.to_owned()]), None, "{name}");
        }
    }
}
