//! Makes a connection: name, TCP, StartTLS or TLS, all before one deadline (B-095).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::upstream::ldap::connection::{Broken, Connection, protocol};
use crate::wire::ldap::frame::Inbox;
use crate::wire::ldap::message::{ExtendedResponse, Message, op};
use crate::wire::ldap::request::start_tls;

/// How a connection is protected.
#[derive(Debug, Clone)]
pub(crate) enum Protection {
    /// TLS from the first octet (`ldaps`).
    Tls(Arc<ClientConfig>),
    /// TLS after the StartTLS operation, or no connection at all (B-072).
    StartTls(Arc<ClientConfig>),
    /// None. Passwords cross the network readable.
    Plain,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address, as configured; the certificate must be valid for it (B-071).
    pub host: Box<str>,
    /// Port.
    pub port: u16,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Longest answer to StartTLS.
const MAX_START_TLS: usize = 4096;

/// Connects to `endpoint` in at most `within`. Nobody is bound on the new connection.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    protection: &Protection,
    within: Duration,
) -> Result<Connection, Broken> {
    match timeout(within, connect(endpoint, protection, within)).await {
        Ok(made) => made,
        Err(_) => Err(Broken::Late),
    }
}

async fn connect(
    endpoint: &Endpoint,
    protection: &Protection,
    within: Duration,
) -> Result<Connection, Broken> {
    let mut stream = tcp(endpoint, within).await?;
    let config = match protection {
        Protection::Plain => return Ok(Connection::start(Box::new(stream))),
        Protection::Tls(config) => config,
        Protection::StartTls(config) => {
            ask_for_tls(&mut stream).await?;
            config
        }
    };
    let name = ServerName::try_from(endpoint.host.to_string())
        .map_err(|_| Broken::Transport("the server's name cannot stand in a certificate".into()))?;
    let tls = TlsConnector::from(config.clone()).connect(name, stream).await;
    tls.map(|stream| Connection::start(Box::new(stream)))
        .map_err(|error| Broken::Transport(format!("TLS: {error}{}", advice(&error))))
}

/// Whose move it is when TLS does not come about.
fn advice(error: &std::io::Error) -> &'static str {
    let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return "; is that port for TLS?";
    };
    match inner {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "; check ca-file: it must hold the authority that signed the server's certificate",
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "; write the server as its certificate names it",
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "; the server needs a new certificate, or a clock is wrong",
        rustls::Error::InvalidMessage(_) => "; is that port for TLS?",
        _ => "",
    }
}

async fn tcp(endpoint: &Endpoint, within: Duration) -> Result<TcpStream, Broken> {
    let found = tokio::net::lookup_host((&*endpoint.host, endpoint.port)).await;
    let addresses: Vec<SocketAddr> =
        found.map_err(|error| Broken::Transport(format!("name: {}", error.kind())))?.take(8).collect();
    let mut last = Broken::Transport("the server's name has no address".into());
    // An address that does not answer must leave time for the others.
    let share = u32::try_from(addresses.len()).ok().and_then(|count| within.checked_div(count));
    for address in &addresses {
        match timeout(share.unwrap_or(within), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                prepare(&stream);
                return Ok(stream);
            }
            Ok(Err(error)) => last = Broken::Transport(format!("connect: {}", error.kind())),
            Err(_) => last = Broken::Late,
        }
    }
    Err(last)
}

/// Small requests leave at once, and a peer that vanished is noticed by the kernel.
fn prepare(stream: &TcpStream) {
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    let socket = socket2::SockRef::from(stream);
    // All three are improvements; a system that refuses one still has the deadlines of each request.
    let _ = (
        stream.set_nodelay(true),
        socket.set_tcp_keepalive(&keepalive),
        socket.set_tcp_user_timeout(Some(Duration::from_secs(20))),
    );
}

/// The StartTLS operation. Anything but success, and anything behind the answer that is not TLS, ends the
/// connection: both are what someone in between would send (B-026, B-072).
async fn ask_for_tls(stream: &mut TcpStream) -> Result<(), Broken> {
    let lost = |error: std::io::Error| Broken::Transport(format!("StartTLS: {}", error.kind()));
    stream.write_all(&start_tls(1)).await.map_err(lost)?;
    let mut inbox = Inbox::new(MAX_START_TLS);
    let mut chunk = [0; 512];
    loop {
        let count = stream.read(&mut chunk).await.map_err(lost)?;
        if count == 0 {
            return Err(Broken::Transport("StartTLS: the server closed the connection".into()));
        }
        inbox.push(chunk.get(..count).unwrap_or_default()).map_err(protocol)?;
        let Some(whole) = inbox.take().map_err(protocol)? else { continue };
        let message = Message::read(whole).map_err(protocol)?;
        if message.operation.tag != op::EXTENDED_RESPONSE {
            return Err(Broken::Protocol("another answer where that to StartTLS belongs".into()));
        }
        let response = ExtendedResponse::read(&message.operation).map_err(protocol)?;
        if message.id != 1 {
            return Err(Broken::Disconnected(response.result.code));
        }
        if !response.result.code.is_success() {
            return Err(Broken::Transport(format!("StartTLS was refused: {}", response.result.code)));
        }
        if inbox.waiting() > 0 {
            return Err(Broken::Protocol("readable octets behind the answer to StartTLS".into()));
        }
        return Ok(());
    }
}
