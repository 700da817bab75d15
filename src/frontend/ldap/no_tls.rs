//! Why the handshake of TLS failed, as one of few words, and whose move it is.

use std::io;

use rustls::{AlertDescription, Error};

use crate::frontend::words::words;

words! {
    /// Why a connection has no TLS.
    NoTls {
        /// The peer ended it, or its time was over.
        Ended = "ended",
        /// What came is no TLS.
        Other = "other-protocol",
        /// The peer does not take our certificate.
        OurCertificate = "our-certificate",
        /// The peer's certificate is not good.
        TheirCertificate = "their-certificate",
        /// The peer has shown no certificate.
        NoCertificate = "no-certificate-shown",
        /// No version, cipher or signature that both know.
        NothingInCommon = "nothing-in-common",
        /// The peer broke the protocol.
        Broken = "broken",
    }
}

impl NoTls {
    /// Of what TLS reports.
    pub(super) fn of(fault: &io::Error) -> Self {
        match fault.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            None => Self::Ended,
            Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. }) => Self::Other,
            Some(Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(Error::InvalidCertificate(_)) => Self::TheirCertificate,
            Some(Error::PeerIncompatible(_)) => Self::NothingInCommon,
            Some(Error::AlertReceived(alert)) => Self::told(*alert),
            Some(_) => Self::Broken,
        }
    }

    /// Of what the peer says itself (RFC 8446 section 6.2).
    const fn told(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            // The peer trusts an authority of the same name with another key, as after a renewal of it.
            | AlertDescription::DecryptError => Self::OurCertificate,
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity => Self::NothingInCommon,
            AlertDescription::CloseNotify | AlertDescription::UserCanceled => Self::Ended,
            _ => Self::Broken,
        }
    }

    /// What happened, and whose move it is.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::Ended => {
                "the handshake of TLS was not ended: an application that does not go on, or somebody who looks for open ports"
            }
            Self::Other => {
                "what came is no TLS: set the application to ldaps, or give it a listener with protocol = \"ldap\"; a balancer that sends a PROXY header belongs into proxy-protocol-from"
            }
            Self::OurCertificate => {
                "the application does not take the certificate of this listener: let it trust the authority, and connect to a name that stands in the certificate"
            }
            Self::TheirCertificate => {
                "the certificate that the application shows is not good: it has ended, is not for clients, or comes from an authority that is not in client-ca-file"
            }
            Self::NoCertificate => {
                "the application shows no certificate, and client-certificates is \"required\": give it one"
            }
            Self::NothingInCommon => {
                "the application knows no TLS that is spoken here, which is 1.2 and 1.3: update it"
            }
            Self::Broken => "the application broke the protocol of TLS, or says that we did",
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::{CertificateError, InvalidMessage, PeerIncompatible};

    use super::*;

    #[test]
    fn what_tls_reports_is_told_as_whose_move_it_is() {
        for (fault, expected) in [
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), NoTls::Other),
            (Error::AlertReceived(AlertDescription::UnknownCA), NoTls::OurCertificate),
            (Error::AlertReceived(AlertDescription::DecryptError), NoTls::OurCertificate),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), NoTls::NothingInCommon),
            (Error::AlertReceived(AlertDescription::CloseNotify), NoTls::Ended),
            (Error::AlertReceived(AlertDescription::InternalError), NoTls::Broken),
            (Error::InvalidCertificate(CertificateError::Expired), NoTls::TheirCertificate),
            (Error::NoCertificatesPresented, NoTls::NoCertificate),
            (Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered), NoTls::NothingInCommon),
            (Error::DecryptError, NoTls::Broken),
        ] {
            let text = fault.to_string();
            assert_eq!(NoTls::of(&io::Error::new(io::ErrorKind::InvalidData, fault)), expected, "{text}");
        }
        assert_eq!(NoTls::of(&io::ErrorKind::UnexpectedEof.into()), NoTls::Ended);
    }
}
