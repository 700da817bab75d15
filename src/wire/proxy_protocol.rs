//! The PROXY protocol, versions 1 and 2 (HAProxy, `doc/proxy-protocol.txt`): what a load balancer puts before
//! the first octet of a connection to say whose it is.
//!
//! Whoever may send this header may claim any address; the caller reads it from configured balancers alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::base::cidr::canonical;

/// Most octets of a header of version 1, line end included.
pub const MAX_V1: usize = 107;
/// Most octets of addresses and additions that we take in version 2.
pub const MAX_V2_BODY: usize = 2048;
/// Octets of a header of version 2 before its addresses.
const V2_HEAD: usize = 16;
const V1_START: &[u8] = b"PROXY ";
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The connection is the balancer's own, such as a health check, or it does not know whose it is. The
    /// address of the socket counts.
    Local,
    /// The connection is passed on.
    Proxied {
        /// Who opened it, an IPv4-mapped address being its IPv4 form.
        source: SocketAddr,
        /// The address at the balancer that it was opened to.
        destination: SocketAddr,
    },
}

/// Why the octets are no header that we take. The connection must be closed: what follows may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAProxyHeader {
    /// They begin otherwise; the balancer does not send the header, or this is not the balancer.
    #[error("the connection does not begin with a PROXY header")]
    Start,
    /// A line of version 1 that does not end in time, or does not say what it must.
    #[error("malformed PROXY header of version 1")]
    Line,
    /// A version or a command that does not exist.
    #[error("PROXY header with version and command {0:#04x}")]
    Command(u8),
    /// Something else than TCP over IP.
    #[error("PROXY header for address family and transport {0:#04x}, only TCP over IPv4 and IPv6 is taken")]
    Family(u8),
    /// Fewer octets than the addresses need.
    #[error("PROXY header with {0} octets, too few for its addresses")]
    TooShort(usize),
    /// More octets than we take.
    #[error("PROXY header announces {0} octets, {MAX_V2_BODY} are allowed")]
    TooLong(usize),
}

/// Reads the header that `bytes` begins with; returns it and the number of its octets, or `None` while it is
/// incomplete. What stands behind it is not looked at. Additions (TLVs) of version 2 are skipped.
///
/// # Errors
///
/// [`NotAProxyHeader`], as soon as the octets show it.
pub fn read(bytes: &[u8]) -> Result<Option<(Header, usize)>, NotAProxyHeader> {
    if begins(bytes, V1_START) {
        version_1(bytes)
    } else if begins(bytes, V2_START) {
        version_2(bytes)
    } else {
        Err(NotAProxyHeader::Start)
    }
}

/// Whether as much of `start` is there as has arrived.
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(got, wanted)| got == wanted)
}

fn version_1(bytes: &[u8]) -> Result<Option<(Header, usize)>, NotAProxyHeader> {
    let seen = bytes.get(..MAX_V1).unwrap_or(bytes);
    let Some(end) = seen.iter().position(|octet| *octet == b'\n') else {
        return if seen.len() < MAX_V1 { Ok(None) } else { Err(NotAProxyHeader::Line) };
    };
    let line = seen.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(NotAProxyHeader::Line)?;
    let header = line.strip_prefix(V1_START).and_then(words).ok_or(NotAProxyHeader::Line)?;
    Ok(Some((header, end.saturating_add(1))))
}

/// The words of a line behind `PROXY`, separated by one blank each.
fn words(line: &[u8]) -> Option<Header> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(Header::Local);
    }
    let address = |word: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (source, destination) = (address(words.next()?)?, address(words.next()?)?);
    let (source_port, destination_port) = (port(words.next()?)?, port(words.next()?)?);
    let nothing_follows = words.next().is_none();
    nothing_follows.then(|| proxied(source, source_port, destination, destination_port))
}

/// A port in its shortest form.
fn port(word: &str) -> Option<u16> {
    let digits = word.bytes().all(|octet| octet.is_ascii_digit());
    let shortest = word == "0" || !word.starts_with('0');
    if digits && shortest { word.parse().ok() } else { None }
}

fn version_2(bytes: &[u8]) -> Result<Option<(Header, usize)>, NotAProxyHeader> {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    let Some(head) = bytes.get(..V2_HEAD) else {
        return match bytes.get(V2_START.len()) {
            Some(command) if !matches!(*command, LOCAL | PROXY) => Err(NotAProxyHeader::Command(*command)),
            _ => Ok(None),
        };
    };
    let [.., command, family, high, low] = *head else { return Ok(None) };
    if !matches!(command, LOCAL | PROXY) {
        return Err(NotAProxyHeader::Command(command));
    }
    let octets = usize::from(u16::from_be_bytes([high, low]));
    if octets > MAX_V2_BODY {
        return Err(NotAProxyHeader::TooLong(octets));
    }
    let end = V2_HEAD.saturating_add(octets);
    let Some(body) = bytes.get(V2_HEAD..end) else { return Ok(None) };
    let header = if command == LOCAL { Header::Local } else { addresses(family, body)? };
    Ok(Some((header, end)))
}

/// The addresses that version 2 begins its body with.
fn addresses(family: u8, body: &[u8]) -> Result<Header, NotAProxyHeader> {
    const UNSPECIFIED: u8 = 0x00;
    const TCP_4: u8 = 0x11;
    const TCP_6: u8 = 0x21;
    let too_short = NotAProxyHeader::TooShort(body.len());
    let (source, destination, ports) = match family {
        UNSPECIFIED => return Ok(Header::Local),
        TCP_4 => {
            let (source, rest) = body.split_first_chunk::<4>().ok_or(too_short)?;
            let (destination, rest) = rest.split_first_chunk::<4>().ok_or(too_short)?;
            (IpAddr::from(*source), IpAddr::from(*destination), rest)
        }
        TCP_6 => {
            let (source, rest) = body.split_first_chunk::<16>().ok_or(too_short)?;
            let (destination, rest) = rest.split_first_chunk::<16>().ok_or(too_short)?;
            (IpAddr::from(*source), IpAddr::from(*destination), rest)
        }
        other => return Err(NotAProxyHeader::Family(other)),
    };
    let ([s1, s2, d1, d2], _additions) = ports.split_first_chunk::<4>().ok_or(too_short)?;
    Ok(proxied(source, u16::from_be_bytes([*s1, *s2]), destination, u16::from_be_bytes([*d1, *d2])))
}

fn proxied(source: IpAddr, source_port: u16, destination: IpAddr, destination_port: u16) -> Header {
    Header::Proxied {
        source: SocketAddr::new(canonical(source), source_port),
        destination: SocketAddr::new(canonical(destination), destination_port),
    }
}

#[cfg(test)]
mod tests;
