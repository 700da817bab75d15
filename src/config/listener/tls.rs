//! The files that TLS needs at a listener: read, put together, and what is wrong or doubtful about them.

use std::path::PathBuf;

use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Place};
use crate::base::secret::Secret;
use crate::base::table::Reader;
use crate::config::listener::Show;
use crate::config::secret::{Surroundings, bytes_of, path_of, source};
use crate::config::settings::SecretSource;
use crate::net::certificate::Unfit;
use crate::net::tls::{self, Chain, ClientCa, NotFound, ServerTls, TlsProblem};

/// No file with certificates is longer than this many bytes.
const LONGEST: usize = 4 * 1024 * 1024;
/// No file with a key is.
const LONGEST_KEY: usize = 64 * 1024;
/// A certificate that ends sooner than this, in days, is worth a warning.
const SOON: i64 = 30;

/// A file that was read, and where it is named.
struct Named<T> {
    content: T,
    path: PathBuf,
    place: Place,
}

/// What was found of what TLS needs.
pub(in crate::config::listener) enum Tls {
    /// Nothing.
    NotThere,
    /// There is an error already.
    Wrong,
    /// All of it.
    Whole(Box<ServerTls>),
}

/// Reads the files and puts them together.
pub(in crate::config::listener) fn read(
    reader: &mut Reader<'_, '_>,
    show: Show,
    around: Surroundings<'_>,
    now: UnixTime,
) -> Tls {
    let there = |key: &str| reader.node(key).is_some();
    let (has_certificate, has_key) = (there("certificate"), there("key"));
    match (has_certificate, has_key) {
        (true, false) => reader.missing("key", "write key = { credential = \"…\" } or { file = \"…\" }"),
        (false, true) => reader.missing("certificate", "name the PEM file with the certificate of the key"),
        (true, true) | (false, false) => {}
    }
    let authorities = authorities(reader, show, has_certificate, around);
    let certificate = file(reader, "certificate", around);
    let key = key(reader, around);
    let (Some(certificate), Some(key)) = (certificate, key) else {
        return if has_certificate || has_key { Tls::Wrong } else { Tls::NotThere };
    };
    let client_ca = match (&authorities, show) {
        (_, Show::None) => ClientCa::NotAsked,
        (Some(file), Show::Optional) => ClientCa::Optional(&file.content),
        (Some(file), Show::Required) => ClientCa::Required(&file.content),
        (None, Show::Optional | Show::Required) => return Tls::Wrong,
    };
    match tls::server(&certificate.content, &key.content, client_ca) {
        Ok(tls) => {
            doubtful_certificate(reader, &certificate, &tls, now);
            Tls::Whole(Box::new(tls))
        }
        Err(problem) => {
            explain(reader, &problem, &certificate, &key, authorities.as_ref().unwrap_or(&certificate));
            Tls::Wrong
        }
    }
}

/// The authorities whose certificates clients may show. What is given without effect is an error.
fn authorities(
    reader: &mut Reader<'_, '_>,
    show: Show,
    has_certificate: bool,
    around: Surroundings<'_>,
) -> Option<Named<Vec<u8>>> {
    let node = reader.node("client-ca-file").map(|node| node.place.clone());
    match (show, node) {
        (Show::None, Some(place)) => {
            let what = "client-ca-file has no effect, nobody is asked for a certificate";
            reader.wrong(&place, what, "add client-certificates = \"optional\" or \"required\"");
            return None;
        }
        (Show::Optional | Show::Required, None) => {
            let hint = "name the PEM file with the authorities that issue certificates to applications";
            reader.missing("client-ca-file", hint);
        }
        (Show::None, None) | (Show::Optional | Show::Required, Some(_)) => {}
    }
    if let Some(node) = reader.node("client-certificates").filter(|_| show != Show::None && !has_certificate)
    {
        let what = "client-certificates has no effect without TLS";
        reader.wrong(&node.place, what, "add certificate and key of the listener itself");
    }
    file(reader, "client-ca-file", around)
}

/// A file that everybody may read.
fn file(reader: &mut Reader<'_, '_>, key: &str, around: Surroundings<'_>) -> Option<Named<Vec<u8>>> {
    let text = reader.text(key)?;
    let path = around.folder.join(text.value);
    let content = bytes_of(reader, key, &path, &text.place, false, LONGEST)?;
    Some(Named { content, path, place: text.place })
}

fn key(reader: &mut Reader<'_, '_>, around: Surroundings<'_>) -> Option<Named<Secret>> {
    let (from, place) = source(reader, "key")?;
    let path = path_of(reader, "key", &from, &place, around)?;
    let private = matches!(from, SecretSource::File(_));
    let content = bytes_of(reader, "key", &path, &place, private, LONGEST_KEY)?;
    Some(Named { content: Secret::new(content), path, place })
}

/// Says what is wrong with the files, and what to do about it.
fn explain(
    reader: &mut Reader<'_, '_>,
    problem: &TlsProblem,
    certificate: &Named<Vec<u8>>,
    key: &Named<Secret>,
    authorities: &Named<Vec<u8>>,
) {
    let (word, path, place) = match problem {
        TlsProblem::NoCertificate(_)
        | TlsProblem::Damaged { .. }
        | TlsProblem::LongChain(_)
        | TlsProblem::NotFirst(_)
        | TlsProblem::Provider(_) => ("certificate", &certificate.path, &certificate.place),
        TlsProblem::NoKey(_) | TlsProblem::EncryptedKey | TlsProblem::BadKey | TlsProblem::OtherKey => {
            ("key", &key.path, &key.place)
        }
        TlsProblem::NotPem(_) | TlsProblem::BadCertificate { .. } | TlsProblem::NobodyToTrust(_) => {
            ("client-ca-file", &authorities.path, &authorities.place)
        }
    };
    let what = format!("{}: {word}: {}: {problem}", reader.who(), path.display());
    let complaint = Complaint::wrong(place, what).hint(hint(problem, &path.display().to_string()));
    reader.out().error(match problem {
        TlsProblem::OtherKey => complaint.see(&certificate.place),
        _ => complaint,
    });
}

fn hint(problem: &TlsProblem, path: &str) -> String {
    match problem {
        TlsProblem::NoCertificate(NotFound::Binary) => format!(
            "openssl x509 -inform der -in {path} -out cert.pem writes it as PEM; from PKCS #12: openssl pkcs12 -in \
             {path} -nokeys -out cert.pem"
        ),
        TlsProblem::NoCertificate(_) => {
            "a certificate begins with -----BEGIN CERTIFICATE-----; are certificate and key mixed up?"
                .to_owned()
        }
        TlsProblem::Damaged { .. } => "copy it anew from where it was issued".to_owned(),
        TlsProblem::LongChain(_) | TlsProblem::NotFirst(_) => {
            "first the server's own certificate, then the one that signed it, and so on".to_owned()
        }
        TlsProblem::NoKey(NotFound::Binary) => {
            format!(
                "openssl pkey -inform der -in {path} -out key.pem writes it as PEM; from PKCS #12: openssl pkcs12 \
                 -in {path} -nocerts -nodes -out key.pem"
            )
        }
        TlsProblem::NoKey(_) => {
            "a key begins with -----BEGIN PRIVATE KEY----- or similar; are certificate and key mixed up?"
                .to_owned()
        }
        TlsProblem::EncryptedKey => {
            format!("openssl pkey -in {path} -out key.pem writes it without one; let nobody else read it")
        }
        TlsProblem::BadKey => {
            "good are RSA of 2048 bits and more, ECDSA on P-256, P-384 and P-521, and Ed25519".to_owned()
        }
        TlsProblem::OtherKey => {
            "name the key that the certificate was asked for with; openssl pkey -pubout and openssl x509 -noout \
             -pubkey print the same for the two. A credential of systemd is the one of the last start: a new key \
             there takes a restart"
                .to_owned()
        }
        TlsProblem::NotPem(_) | TlsProblem::BadCertificate { .. } | TlsProblem::NobodyToTrust(_) => {
            "PEM, each certificate between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----"
                .to_owned()
        }
        TlsProblem::Provider(_) => "use a certificate of another kind".to_owned(),
    }
}

fn doubtful_certificate(
    reader: &mut Reader<'_, '_>,
    certificate: &Named<Vec<u8>>,
    tls: &ServerTls,
    now: UnixTime,
) {
    const RENEW: &str = "put the new one in its place, then systemctl reload doorward; with a new key that is a \
                         credential, systemctl restart doorward";
    let (file, place) = (certificate.path.display(), &certificate.place);
    let days = tls.expires.seconds().saturating_sub(now.seconds()).div_euclid(24 * 60 * 60);
    if tls.expires <= now {
        let what =
            format!("certificate: {file} ended on {}; applications refuse to connect", day(tls.expires));
        reader.doubt(place, what, RENEW);
    } else if days < SOON {
        let what = format!("certificate: {file} ends on {}, in {days} days", day(tls.expires));
        reader.doubt(place, what, RENEW);
    }
    if tls.begins > now {
        let what = format!(
            "certificate: {file} is not valid before {}; applications refuse to connect",
            day(tls.begins)
        );
        reader.doubt(place, what, "is the clock of this machine right?");
    }
    if let Some(unfit) = tls.unfit {
        let (why, hint) = match unfit {
            Unfit::Authority => {
                ("is an authority's own", "use one that the authority has issued to this host")
            }
            Unfit::OtherPurpose => ("is not for servers", "ask for one with serverAuth among its purposes"),
            Unfit::Nameless => {
                ("names no host in subjectAltName", "ask for one with the name that applications connect to")
            }
        };
        let what = format!("certificate: {file} {why}; applications may refuse to connect");
        reader.doubt(place, what, hint);
    }
    match tls.chain {
        Chain::Sound => {}
        Chain::WithoutIntermediate => {
            let what = format!(
                "certificate: {file} holds the server's own alone; a public authority has issued it by way of \
                 another, which applications do not have"
            );
            reader.doubt(place, what, "use the file with the whole chain, often called fullchain.pem");
        }
        Chain::BrokenAfter(number) => {
            let what = format!(
                "certificate: {file}: certificate {number} was not issued by the one behind it; applications may \
                 refuse to connect"
            );
            reader.doubt(place, what, "each is followed by the one that signed it; leave out all others");
        }
    }
}

fn day(time: UnixTime) -> String {
    let time = jiff::Timestamp::from_millisecond(time.0);
    time.map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}
