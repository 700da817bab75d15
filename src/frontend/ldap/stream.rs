//! The octets of a connection: plain, or inside TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::wire::proxy_protocol::{Header, MAX_V1, MAX_V2_BODY, read};

/// A connection of a client.
pub(super) enum Stream {
    /// As the network sees it.
    Plain(TcpStream),
    /// Inside TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// It was taken away to begin TLS, which failed.
    Gone,
}

impl Stream {
    /// Does the server's part of the handshake of TLS.
    ///
    /// # Errors
    ///
    /// What the peer or the network did wrong.
    pub(super) async fn encrypt(self, config: Arc<ServerConfig>) -> io::Result<Self> {
        match self {
            Self::Plain(tcp) => {
                let tls = TlsAcceptor::from(config).accept(tcp).await?;
                Ok(Self::Tls(Box::new(tls)))
            }
            Self::Tls(_) | Self::Gone => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Says that nothing more comes, where that is said, as far as the peer takes it at once. The stream is to be
    /// dropped then.
    pub(super) fn say_goodbye(&mut self) {
        if let Self::Tls(tls) = self {
            let _said_or_not = Pin::new(tls).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }

    /// The certificate that the peer has shown and that was verified.
    pub(super) fn certificate(&self) -> Option<&CertificateDer<'static>> {
        match self {
            Self::Tls(tls) => tls.get_ref().1.peer_certificates()?.first(),
            Self::Plain(_) | Self::Gone => None,
        }
    }
}

/// Why a connection does not begin with the header of a balancer.
#[derive(Debug)]
pub(super) struct NoHeader;

/// Reads a PROXY header and not one octet more, since what follows may be the handshake of TLS. `None` when the
/// connection is the balancer's own.
///
/// # Errors
///
/// [`NoHeader`] for anything else, and when the connection ends.
pub(super) async fn proxied(tcp: &mut TcpStream) -> Result<Option<SocketAddr>, NoHeader> {
    // The shortest header of version 1 has 15 octets, the head of version 2 has 16.
    let mut octets = vec![0; 15];
    octets.reserve_exact(MAX_V1);
    tcp.read_exact(&mut octets).await.map_err(|_| NoHeader)?;
    loop {
        match read(&octets).map_err(|_| NoHeader)? {
            Some((Header::Proxied { source, .. }, used)) if used == octets.len() => return Ok(Some(source)),
            Some((Header::Local, used)) if used == octets.len() => return Ok(None),
            Some(_) => return Err(NoHeader),
            None => {}
        }
        let missing = missing(&octets);
        let begin = octets.len();
        let end = begin.saturating_add(missing);
        if end > MAX_V2_BODY.saturating_add(16) {
            return Err(NoHeader);
        }
        octets.resize(end, 0);
        let rest = octets.get_mut(begin..).ok_or(NoHeader)?;
        tcp.read_exact(rest).await.map_err(|_| NoHeader)?;
    }
}

/// How many octets may be read without reading beyond the header: version 2 says how long it is, version 1 ends
/// with its line.
fn missing(octets: &[u8]) -> usize {
    match octets {
        [b'P', ..] => 1,
        [_, .., high, low] if octets.len() == 16 => usize::from(u16::from_be_bytes([*high, *low])).max(1),
        _ => 1,
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    /// What is read of a connection that sends `octets`, and what is left.
    async fn through(octets: &[u8]) -> (Option<Option<SocketAddr>>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut out = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        out.write_all(octets).await.unwrap();
        out.shutdown().await.unwrap();
        let (mut tcp, _) = listener.accept().await.unwrap();
        let header = proxied(&mut tcp).await.ok();
        let mut rest = Vec::new();
        tcp.read_to_end(&mut rest).await.unwrap();
        (header, rest)
    }

    #[tokio::test]
    async fn the_header_is_read_and_not_one_octet_of_what_follows() {
        let source = Some("192.0.2.7:51000".parse().unwrap());
        let v1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 636\r\n\x16\x03\x01rest";
        assert_eq!(through(v1).await, (Some(source), b"\x16\x03\x01rest".to_vec()));
        let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
        v2.extend_from_slice(&[192, 0, 2, 7, 198, 51, 100, 1, 0xc7, 0x38, 2, 0x7c]);
        v2.extend_from_slice(b"rest");
        assert_eq!(through(&v2).await, (Some(source), b"rest".to_vec()));
        assert_eq!(through(b"PROXY UNKNOWN\r\nrest").await, (Some(None), b"rest".to_vec()));
        assert_eq!(through(b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0rest").await, (Some(None), b"rest".to_vec()));
    }

    #[tokio::test]
    async fn a_connection_that_begins_otherwise_has_no_header() {
        for octets in
            [&b"0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\0\x80\0"[..], b"PROXY TCP4 nonsense\r\n", b""]
        {
            assert_eq!(through(octets).await.0, None, "{octets:?}");
        }
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 400]].concat();
        assert_eq!(through(&endless).await.0, None);
    }
}
