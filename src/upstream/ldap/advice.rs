//! Why no connection came about, in words that say what to change and where.

use std::io::{Error, ErrorKind};

use rustls::{AlertDescription, CertificateError, OtherError};

use crate::net::tls::Foreign;
use crate::upstream::ldap::connection::Broken;
use crate::wire::ldap::result::ResultCode;

/// TCP did not come about.
pub(crate) fn unconnected(kind: ErrorKind) -> Broken {
    let advice = match kind {
        ErrorKind::ConnectionRefused => "; nobody listens there: is it running, and is that its port?",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "; check its address, and the routes of this machine"
        }
        ErrorKind::PermissionDenied => "; something on this machine forbids it: look at its firewall",
        _ => "",
    };
    Broken::Transport(format!("connect: {kind}{advice}"))
}

/// The connection ended where an answer to StartTLS belongs.
pub(crate) fn no_start_tls(kind: ErrorKind) -> Broken {
    let what = match kind {
        ErrorKind::UnexpectedEof => "the server does not speak LDAP without TLS".to_owned(),
        kind => kind.to_string(),
    };
    Broken::Transport(format!("StartTLS: {what}; is that port for TLS? then set tls = \"ldaps\""))
}

/// The server will not do StartTLS (B-072).
pub(crate) fn start_tls_refused(code: ResultCode) -> Broken {
    let advice = match code {
        // A server without a certificate does not know the operation, or knows it and cannot.
        ResultCode::PROTOCOL_ERROR | ResultCode::UNAVAILABLE | ResultCode::UNWILLING_TO_PERFORM => {
            "has it a certificate? give it one, or look into its log"
        }
        _ => "look into its log",
    };
    Broken::Transport(format!("StartTLS was refused: {code}; {advice}"))
}

/// A server does not understand LDAP without TLS.
pub(crate) fn no_plain(what: &str) -> Broken {
    Broken::Transport(format!("{what}; is that port for TLS? then set tls = \"ldaps\""))
}

/// TLS did not come about.
pub(crate) fn no_tls(error: &Error) -> Broken {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let advice = match inner {
        None | Some(rustls::Error::InvalidMessage(_)) => "; is that port for TLS?",
        Some(rustls::Error::InvalidCertificate(why)) => about_certificate(why),
        Some(rustls::Error::AlertReceived(alert)) => about_alert(*alert),
        Some(rustls::Error::PeerIncompatible(_)) => {
            "; the server must speak TLS 1.2 or 1.3, with an algorithm of today"
        }
        Some(_) => "",
    };
    match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other)))) => {
            Broken::Transport(format!("TLS: {other}{advice}"))
        }
        Some(_) | None => Broken::Transport(format!("TLS: {error}{advice}")),
    }
}

fn about_certificate(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "; check ca-file: it must hold the authority that signed the server's certificate"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "; write the server as its certificate names it, in subjectAltName"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "; the server needs a new certificate, or a clock is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "; a clock is wrong: compare those of this machine and of whoever made the certificate"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "; the server needs a certificate for server authentication"
        }
        CertificateError::Revoked => "; the server needs a new certificate",
        CertificateError::Other(other) if other.0.is::<Foreign>() => {
            "; list its name in server-names if it is one of yours, and mend DNS if not"
        }
        _ => "; the server needs a certificate with a key and a signature of today",
    }
}

const fn about_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::ProtocolVersion => "; the server must speak TLS 1.2 or 1.3",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "; the server has no certificate, or no algorithm of today: look into its log"
        }
        AlertDescription::InternalError => "; the server cannot use its certificate: look into its log",
        AlertDescription::CertificateRequired => {
            "; the server wants a certificate of ours, which we have not: do not demand one there"
        }
        _ => "; look into its log",
    }
}
