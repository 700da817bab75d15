//! TLS for the connections that we open and for those that we take: TLS 1.2 and 1.3, certificates always
//! verified, the provider of cryptography given explicitly.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ConfigBuilder, InconsistentKeys, RootCertStore, ServerConfig, WantsVerifier};

use crate::base::clock::UnixTime;
use crate::base::secret::Secret;
use crate::net::certificate::{Own, Unfit};

pub use crate::net::tls::found::{Foreign, Lawful};

mod found;

/// Sessions that are kept so that a peer that comes back needs no whole handshake; each takes less than 1 KiB.
const SESSIONS: usize = 4096;

/// Most certificates in one chain.
const LONGEST_CHAIN: usize = 10;

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
    /// The file of our own certificate holds none.
    #[error("{0}")]
    NoCertificate(NotFound),
    /// The file of our own certificate is damaged.
    #[error("certificate {number} in the file is damaged: {why}")]
    Damaged {
        /// Which one, from 1.
        number: usize,
        /// What is wrong.
        why: String,
    },
    /// More certificates than any chain has.
    #[error("the file holds more than {0} certificates; is it the list of trusted authorities?")]
    LongChain(usize),
    /// The file of our key holds none.
    #[error("{0}")]
    NoKey(NotFound),
    /// The key is locked with a password.
    #[error("the key is encrypted, and nobody is here to type its password")]
    EncryptedKey,
    /// The key cannot be used.
    #[error("the key is damaged, or of a kind or size that cannot be used")]
    BadKey,
    /// The key belongs to another certificate than the first.
    #[error("the key belongs to certificate {0} in the file, and the server's own must be the first")]
    NotFirst(usize),
    /// The key belongs to no certificate in the file.
    #[error("the key does not belong to the certificate")]
    OtherKey,
    /// The provider cannot do what we ask for.
    #[error("the provider of cryptography does not fit: {0}")]
    Provider(String),
}

/// What a file holds that should hold PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Nothing at all.
    #[error("the file is empty")]
    Empty,
    /// The binary form of what is wanted, or a PKCS #12 container.
    #[error("the file is binary (DER or PKCS #12), and PEM is wanted")]
    Binary,
    /// PEM of something else.
    #[error("the file is PEM, but what is wanted is not in it")]
    Other,
    /// Something else.
    #[error("the file is not PEM")]
    NotPem,
}

/// TLS as a server.
#[derive(Clone)]
pub struct ServerTls {
    /// For each connection that is accepted.
    pub config: Arc<ServerConfig>,
    /// First moment at which our own certificate is valid.
    pub begins: UnixTime,
    /// Last moment at which it is.
    pub expires: UnixTime,
    /// Whether peers get all the certificates they need.
    pub chain: Chain,
    /// Why peers refuse our own certificate, whoever has signed it; `None` when nothing is known against it.
    pub unfit: Option<Unfit>,
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls")
            .field("expires", &self.expires)
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

/// What is known of the certificates behind our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// Nothing is known to be wrong.
    Sound,
    /// A public authority has issued it, and the certificate between is not there.
    WithoutIntermediate,
    /// This one, counted from 1, was not issued by the one behind it.
    BrokenAfter(usize),
}

/// Who must show a certificate, and whose certificates are good.
#[derive(Clone, Copy)]
pub enum ClientCa<'a> {
    /// Nobody is asked.
    NotAsked,
    /// Who shows one must show a good one; authorities in PEM.
    Optional(&'a [u8]),
    /// Nobody is spoken to without one; authorities in PEM.
    Required(&'a [u8]),
}

/// Settings for connections that we take (B-070): the certificate in `chain_pem`, its own first, with the key in
/// `key_pem`. A peer may resume a session, so that it needs no whole handshake; nothing is taken before the
/// handshake has ended. A session that began with a client's certificate is not resumed: it would outlive the
/// certificate.
///
/// That the certificate has begun and not ended is for the caller to look at, since it may be mended later.
///
/// # Errors
///
/// [`TlsProblem`], with what to do about it where that is known.
pub fn server(chain_pem: &[u8], key_pem: &Secret, client_ca: ClientCa<'_>) -> Result<ServerTls, TlsProblem> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = chain(chain_pem)?;
    let own: Vec<Own> = parsed(&chain)?;
    let certified = certified(&provider, chain, key(key_pem)?)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|e| TlsProblem::Provider(e.to_string()))?;
    let builder = match client_ca {
        ClientCa::NotAsked => builder.with_no_client_auth(),
        ClientCa::Optional(pem) | ClientCa::Required(pem) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(from_pem(pem)?), provider);
            let required = matches!(client_ca, ClientCa::Required(_));
            let verifier = if required { verifier } else { verifier.allow_unauthenticated() };
            builder
                .with_client_cert_verifier(verifier.build().map_err(|e| TlsProblem::Provider(e.to_string()))?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    config.max_early_data_size = 0;
    match client_ca {
        ClientCa::NotAsked => {
            config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
            // One is enough to come back with, and gives the next: each costs a draw of randomness, a record and a place.
            config.send_tls13_tickets = 1;
        }
        ClientCa::Optional(_) | ClientCa::Required(_) => {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
    }
    let first = own.first().ok_or(TlsProblem::NoCertificate(NotFound::Empty))?;
    Ok(ServerTls {
        config: Arc::new(config),
        begins: first.begins(),
        expires: first.expires(),
        chain: judged(&own),
        unfit: first.unfit(),
    })
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let mut chain = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let number = chain.len().saturating_add(1);
        chain.push(certificate.map_err(|e| TlsProblem::Damaged { number, why: e.to_string() })?);
        if chain.len() > LONGEST_CHAIN {
            return Err(TlsProblem::LongChain(LONGEST_CHAIN));
        }
    }
    if chain.is_empty() { Err(TlsProblem::NoCertificate(instead(pem))) } else { Ok(chain) }
}

fn parsed(chain: &[CertificateDer<'_>]) -> Result<Vec<Own>, TlsProblem> {
    let read = |(index, der): (usize, &CertificateDer<'_>)| {
        Own::read(der).map_err(|why| TlsProblem::Damaged { number: index.saturating_add(1), why })
    };
    chain.iter().enumerate().map(read).collect()
}

fn judged(chain: &[Own]) -> Chain {
    let broken = chain.iter().zip(chain.iter().skip(1)).position(|(one, next)| !one.is_issued_by(next));
    match (broken, chain) {
        (Some(index), _) => Chain::BrokenAfter(index.saturating_add(1)),
        (None, [alone]) if alone.is_public() => Chain::WithoutIntermediate,
        (None, _) => Chain::Sound,
    }
}

fn key(pem: &Secret) -> Result<PrivateKeyDer<'static>, TlsProblem> {
    let holds = |text: &str| pem.expose().windows(text.len()).any(|window| window == text.as_bytes());
    match PrivateKeyDer::from_pem_slice(pem.expose()) {
        Ok(_) if holds("Proc-Type: 4,ENCRYPTED") => Err(TlsProblem::EncryptedKey),
        Ok(key) => Ok(key),
        Err(_) if holds("ENCRYPTED") => Err(TlsProblem::EncryptedKey),
        Err(pem::Error::NoItemsFound) => Err(TlsProblem::NoKey(instead(pem.expose()))),
        // What the parser says could repeat a part of the key.
        Err(_) => Err(TlsProblem::BadKey),
    }
}

/// What is in a file that should be PEM and has not what was looked for.
fn instead(bytes: &[u8]) -> NotFound {
    let pem = bytes.windows(11).any(|window| window == b"-----BEGIN ");
    match bytes {
        _ if bytes.trim_ascii().is_empty() => NotFound::Empty,
        _ if pem => NotFound::Other,
        // A SEQUENCE, which all of the binary forms are.
        [0x30, ..] => NotFound::Binary,
        _ => NotFound::NotPem,
    }
}

/// Puts key and chain together when they belong together.
fn certified(
    provider: &CryptoProvider,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, TlsProblem> {
    let key = provider.key_provider.load_private_key(key).map_err(|_| TlsProblem::BadKey)?;
    let fits = |certificate: &CertificateDer<'static>| {
        let alone = CertifiedKey::new(vec![certificate.clone()], Arc::clone(&key));
        match alone.keys_match() {
            // A key whose public half cannot be told is tried as it is.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(true),
            Err(rustls::Error::InconsistentKeys(_)) => Ok(false),
            Err(e) => Err(TlsProblem::Damaged { number: 1, why: e.to_string() }),
        }
    };
    let mut owner = None;
    for (index, certificate) in chain.iter().enumerate() {
        if fits(certificate)? {
            owner = Some(index);
            break;
        }
    }
    match owner {
        Some(0) => Ok(CertifiedKey::new(chain, key)),
        Some(index) => Err(TlsProblem::NotFirst(index.saturating_add(1))),
        None => Err(TlsProblem::OtherKey),
    }
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
    let (builder, _) = client_builder()?;
    Ok(Arc::new(builder.with_root_certificates(roots(pem)?).with_no_client_auth()))
}

/// The same for servers that DNS has named: the name to which a connection is made is not enough, it must be one that
/// is [`Lawful`] (B-073). The settings are for the servers of one domain; sessions are resumed among those alone.
///
/// # Errors
///
/// As [`client`].
pub fn client_of_found(pem: Option<&[u8]>, lawful: Lawful) -> Result<Arc<ClientConfig>, TlsProblem> {
    let (builder, provider) = client_builder()?;
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(pem)?), provider).build();
    let inner = inner.map_err(|e| TlsProblem::Provider(e.to_string()))?;
    let verifier = Arc::new(found::Verifier { inner, lawful });
    Ok(Arc::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

type ClientBuilder = ConfigBuilder<ClientConfig, WantsVerifier>;

fn client_builder() -> Result<(ClientBuilder, Arc<CryptoProvider>), TlsProblem> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|e| TlsProblem::Provider(e.to_string()))?;
    Ok((builder, provider))
}

fn roots(pem: Option<&[u8]>) -> Result<RootCertStore, TlsProblem> {
    match pem {
        Some(pem) => from_pem(pem),
        None => from_system(),
    }
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
mod tests;
