//! What a certificate says of its holder (RFC 5280), as texts that can be compared.
//!
//! Whether a certificate is genuine is not judged here: that is the business of TLS, before anything is read.

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::asn1::{
    BmpString, ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef,
};
use x509_cert::der::{Decode, Encode, Tag, Tagged};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName};
use x509_cert::name::Name;

use crate::base::clock::UnixTime;
use crate::base::text::is_hidden;
use crate::wire::ldap::dn::{Dn, escape};

/// More names of one certificate are not looked at.
const MOST_NAMES: usize = 256;

/// The user principal name of Active Directory, an otherName with a UTF8String in it.
const PRINCIPAL_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// The list of public logs that know a certificate (RFC 6962 section 3.3): only public authorities have it.
const PUBLIC_LOGS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

/// What a certificate may be used for (RFC 5280 section 4.2.1.12): a server of TLS, and anything.
const SERVER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// Why peers refuse a certificate of our own, whoever has signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is an authority's, which signs others.
    Authority,
    /// It is for something else than a server.
    OtherPurpose,
    /// No name or address of a host is in it; the commonName does not count.
    Nameless,
}

/// The names in a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Every name, with its kind in front: `dns:wiki.example.org`, `email:…` and `upn:…` in lower case, `uri:…` as
    /// it stands, `subject:…` followed by the key of the distinguished name ([`Dn::key`]). The commonName alone is
    /// no name (B-074, RFC 9525 section 2).
    pub all: Vec<Box<str>>,
    /// The key of the subject's distinguished name; `None` when it is empty or cannot be written as text.
    pub subject: Option<Box<str>>,
    /// Last moment of its validity (RFC 5280 section 4.1.2.5).
    pub expires: UnixTime,
}

/// The names in a certificate that TLS has verified.
///
/// `None` when it cannot be read, or two of its extensions hold the names: then nobody is known by it.
#[must_use]
pub fn names(der: &CertificateDer<'_>) -> Option<Names> {
    let certificate = Certificate::from_der(der).ok()?;
    let body = certificate.tbs_certificate();
    let others = body.get_extension::<SubjectAltName>().ok()?.map_or_else(Vec::new, |(_, names)| names.0);
    let mut all: Vec<Box<str>> = others.iter().take(MOST_NAMES).filter_map(named).collect();
    let subject: Option<Box<str>> = key(body.subject()).map(String::into_boxed_str);
    all.extend(subject.as_ref().map(|subject| format!("subject:{subject}").into_boxed_str()));
    Some(Names { all, subject, expires: unix(body.validity().not_after) })
}

/// A name as a configuration writes it, in the form of [`Names::all`]. `None` when it is none.
#[must_use]
pub fn name(text: &str) -> Option<Box<str>> {
    let (kind, rest) = text.split_once(':')?;
    if rest.is_empty() || rest.chars().any(|c| is_hidden(c) || (c == ' ' && kind != "subject")) {
        return None;
    }
    let rest = match kind {
        "dns" | "email" => rest.to_ascii_lowercase(),
        "upn" => rest.to_lowercase(),
        "uri" => rest.to_owned(),
        "subject" => rest.parse::<Dn>().ok().filter(|dn| dn.depth() > 0)?.into_key().into(),
        _ => return None,
    };
    Some(format!("{kind}:{rest}").into_boxed_str())
}

/// A name with its kind in front. A name with signs that cannot be seen is none: no configuration can mean it.
fn named(name: &GeneralName) -> Option<Box<str>> {
    let (kind, text) = match name {
        GeneralName::DnsName(name) => ("dns", name.as_str().to_ascii_lowercase()),
        GeneralName::Rfc822Name(name) => ("email", name.as_str().to_ascii_lowercase()),
        GeneralName::UniformResourceIdentifier(name) => ("uri", name.as_str().to_owned()),
        GeneralName::OtherName(other) if other.type_id == PRINCIPAL_NAME => {
            ("upn", other.value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_lowercase())
        }
        _ => return None,
    };
    (!text.is_empty() && !text.chars().any(is_hidden)).then(|| format!("{kind}:{text}").into_boxed_str())
}

/// The key of a distinguished name, its last step first as LDAP writes it (RFC 4514 section 2.1).
fn key(name: &Name) -> Option<String> {
    let mut steps = Vec::new();
    for rdn in name.iter_rdn() {
        let parts: Option<Vec<String>> =
            rdn.iter().map(|part| Some(format!("{}={}", part.oid, value(&part.value)?))).collect();
        steps.push(parts?.join("+"));
    }
    steps.reverse();
    let dn: Dn = steps.join(",").parse().ok()?;
    (dn.depth() > 0).then(|| dn.into_key().into())
}

/// A value as it stands in the text of a name: escaped, or `#` and its encoding when it is no text.
fn value(any: &x509_cert::der::Any) -> Option<String> {
    let text = match any.tag() {
        Tag::Utf8String => any.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::PrintableString => any.decode_as::<PrintableStringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::Ia5String => any.decode_as::<x509_cert::der::asn1::Ia5StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::TeletexString => any.decode_as::<TeletexStringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::BmpString => any.decode_as::<BmpString>().ok()?.to_string(),
        _ => return Some(format!("#{}", data_encoding::HEXLOWER.encode(&any.to_der().ok()?))),
    };
    Some(escape(&text))
}

fn unix(time: x509_cert::time::Time) -> UnixTime {
    UnixTime(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX))
}

/// What is looked at in a certificate of our own before it is shown to anybody.
#[derive(Debug)]
pub(in crate::net) struct Own {
    certificate: Certificate,
}

impl Own {
    pub(in crate::net) fn read(der: &CertificateDer<'_>) -> Result<Self, String> {
        let certificate = Certificate::from_der(der).map_err(|error| error.to_string())?;
        Ok(Self { certificate })
    }

    pub(in crate::net) fn begins(&self) -> UnixTime {
        unix(self.certificate.tbs_certificate().validity().not_before)
    }

    pub(in crate::net) fn expires(&self) -> UnixTime {
        unix(self.certificate.tbs_certificate().validity().not_after)
    }

    pub(in crate::net) fn is_issued_by(&self, other: &Self) -> bool {
        self.certificate.tbs_certificate().issuer() == other.certificate.tbs_certificate().subject()
    }

    /// Why peers that look for a server's certificate refuse this one (RFC 5280 sections 4.2.1.9 and 4.2.1.12, RFC 9525
    /// section 2). An extension that cannot be read says nothing.
    pub(in crate::net) fn unfit(&self) -> Option<Unfit> {
        let body = self.certificate.tbs_certificate();
        let purposes = body.get_extension::<ExtendedKeyUsage>().ok().flatten();
        let is_server = |(_, purposes): &(bool, ExtendedKeyUsage)| {
            purposes.0.iter().any(|purpose| [SERVER, ANY_PURPOSE].contains(purpose))
        };
        let names = body.get_extension::<SubjectAltName>().ok().flatten();
        let names_a_host = |(_, names): &(bool, SubjectAltName)| {
            names.0.iter().any(|name| matches!(name, GeneralName::DnsName(_) | GeneralName::IpAddress(_)))
        };
        if body.get_extension::<BasicConstraints>().ok().flatten().is_some_and(|(_, basic)| basic.ca) {
            Some(Unfit::Authority)
        } else if purposes.is_some_and(|purposes| !is_server(&purposes)) {
            Some(Unfit::OtherPurpose)
        } else if !names.is_some_and(|names| names_a_host(&names)) {
            Some(Unfit::Nameless)
        } else {
            None
        }
    }

    /// Whether it stands in the public logs, so that a public authority has issued it: those sign by way of an
    /// intermediate certificate, which the server must send along.
    pub(in crate::net) fn is_public(&self) -> bool {
        let extensions = self.certificate.tbs_certificate().extensions();
        extensions.is_some_and(|all| all.iter().any(|extension| extension.extn_id == PUBLIC_LOGS))
    }
}

#[cfg(test)]
mod tests;
