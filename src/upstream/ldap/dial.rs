//! Makes a connection: name, TCP, StartTLS or TLS, all before one deadline (B-095).

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::upstream::dns::{Dns, MAX_ADDRESSES};
use crate::upstream::ldap::advice::{no_plain, no_start_tls, no_tls, start_tls_refused, unconnected};
use crate::upstream::ldap::connection::{Broken, Step, Stream, protocol};
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

impl Protection {
    /// The same, with what to look at when a server does not understand what is readable for everybody.
    pub(crate) fn hint(&self, broken: Broken) -> Broken {
        match (self, broken) {
            (Self::Plain, Broken::Transport(what)) => no_plain(&what),
            (_, broken) => broken,
        }
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address, as configured or as DNS named it; the certificate must be valid for it (B-071, B-073).
    pub host: Arc<str>,
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

/// Connects to `endpoint` in at most `within`, the question for its addresses included. Nobody is bound on the new
/// connection.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    dns: &Dns,
    protection: &Protection,
    within: Duration,
) -> Result<Stream, Broken> {
    let mut step = Step::Name;
    let made = timeout(within, connect(endpoint, dns, protection, within, &mut step)).await;
    made.unwrap_or(Err(Broken::Late(step)))
}

async fn connect(
    endpoint: &Endpoint,
    dns: &Dns,
    protection: &Protection,
    within: Duration,
    step: &mut Step,
) -> Result<Stream, Broken> {
    let addresses = addresses(endpoint, dns).await?;
    *step = Step::Connect;
    let mut stream = tcp(&addresses, within).await?;
    let config = match protection {
        Protection::Plain => return Ok(Box::new(stream)),
        Protection::Tls(config) => config,
        Protection::StartTls(config) => {
            *step = Step::StartTls;
            ask_for_tls(&mut stream).await?;
            config
        }
    };
    let name = ServerName::try_from(endpoint.host.to_string()).map_err(|_| {
        let what = "its name cannot stand in a certificate; write the server as its certificate names it";
        Broken::Transport(what.into())
    })?;
    *step = Step::Handshake;
    let tls = TlsConnector::from(config.clone()).connect(name, stream).await;
    tls.map(|stream| Box::new(stream) as Stream).map_err(|error| no_tls(&error))
}

async fn addresses(endpoint: &Endpoint, dns: &Dns) -> Result<Vec<SocketAddr>, Broken> {
    let found = dns.addresses(&endpoint.host).await;
    let found = found.map_err(|error| {
        Broken::Transport(format!(
            "{dns} has no address for it: {error}; check the server's name, and who is asked for it"
        ))
    })?;
    Ok(found.into_iter().take(MAX_ADDRESSES).map(|address| (address, endpoint.port).into()).collect())
}

async fn tcp(addresses: &[SocketAddr], within: Duration) -> Result<TcpStream, Broken> {
    let mut last = Broken::Late(Step::Connect);
    // An address that does not answer must leave time for the others.
    let share = u32::try_from(addresses.len()).ok().and_then(|count| within.checked_div(count));
    for address in addresses {
        match timeout(share.unwrap_or(within), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                prepare(&stream);
                return Ok(stream);
            }
            Ok(Err(error)) => last = unconnected(error.kind()),
            Err(_) => last = Broken::Late(Step::Connect),
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
    let lost = |error: std::io::Error| no_start_tls(error.kind());
    stream.write_all(&start_tls(1)).await.map_err(lost)?;
    let mut inbox = Inbox::new(MAX_START_TLS);
    let mut chunk = [0; 512];
    loop {
        let count = stream.read(&mut chunk).await.map_err(lost)?;
        let came = chunk.get(..count).unwrap_or_default();
        if came.is_empty() || (inbox.waiting() == 0 && is_tls(came)) {
            return Err(no_start_tls(ErrorKind::UnexpectedEof));
        }
        inbox.push(came).map_err(protocol)?;
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
            return Err(start_tls_refused(response.result.code));
        }
        if inbox.waiting() > 0 {
            return Err(Broken::Protocol("readable octets behind the answer to StartTLS".into()));
        }
        return Ok(());
    }
}

/// The beginning of a record of TLS (RFC 8446 section 5.1): an alert, or a handshake. No message of LDAP begins so.
pub(super) const fn is_tls(octets: &[u8]) -> bool {
    matches!(octets, [0x15 | 0x16, ..])
}
