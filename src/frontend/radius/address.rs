//! The user's own address, as far as a device reports it (E-003).

use std::net::{IpAddr, Ipv6Addr};

use crate::base::cidr::canonical;
use crate::wire::radius::attribute::untagged;
use crate::wire::radius::dictionary::{
    CALLING_STATION_ID, CISCO, CISCO_AVPAIR, PALO_ALTO, PALO_ALTO_CLIENT_SOURCE_IP, TUNNEL_CLIENT_ENDPOINT,
};
use crate::wire::radius::packet::Packet;

/// Where in a request the user's address may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressSource {
    /// Calling-Station-Id.
    CallingStationId,
    /// Tunnel-Client-Endpoint, with or without a tag.
    TunnelClientEndpoint,
    /// PaloAlto-Client-Source-IP.
    PaloAltoClientSourceIp,
    /// Cisco-AVPair `ip:source-ip=…`.
    CiscoAvPair,
}

impl AddressSource {
    /// The word for each in the configuration: the attribute's name.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("Calling-Station-Id", Self::CallingStationId),
        ("Tunnel-Client-Endpoint", Self::TunnelClientEndpoint),
        ("Cisco-AVPair:ip:source-ip", Self::CiscoAvPair),
        ("PaloAlto-Client-Source-IP", Self::PaloAltoClientSourceIp),
    ];

    /// The first address that stands in `packet` at this place; `station` is that of the first Calling-Station-Id.
    fn read(self, packet: &Packet<'_>, station: Option<IpAddr>) -> Option<IpAddr> {
        match self {
            Self::CallingStationId => {
                station.or_else(|| packet.all(CALLING_STATION_ID).skip(1).find_map(parse))
            }
            Self::TunnelClientEndpoint => {
                packet.all(TUNNEL_CLIENT_ENDPOINT).find_map(|value| parse(untagged(value).1))
            }
            Self::PaloAltoClientSourceIp => vendor(packet, PALO_ALTO, PALO_ALTO_CLIENT_SOURCE_IP, parse),
            Self::CiscoAvPair => {
                vendor(packet, CISCO, CISCO_AVPAIR, |value| parse(value.strip_prefix(b"ip:source-ip=")?))
            }
        }
    }
}

/// What a request says of the user's own device.
#[derive(Debug, Clone, Copy)]
pub struct Station<'a> {
    /// The first Calling-Station-Id.
    pub written: Option<&'a [u8]>,
    /// The address that it is.
    address: Option<IpAddr>,
}

impl<'a> Station<'a> {
    /// Of this request.
    #[must_use]
    pub fn of(packet: &Packet<'a>) -> Self {
        let written = packet.find(CALLING_STATION_ID);
        Self { written, address: written.and_then(parse) }
    }

    /// It is an address.
    #[must_use]
    pub const fn is_address(&self) -> bool {
        self.address.is_some()
    }

    /// The first address that any of `sources` gives in its request, in their order.
    #[must_use]
    pub fn user_address(&self, packet: &Packet<'_>, sources: &[AddressSource]) -> Option<IpAddr> {
        sources.iter().find_map(|source| source.read(packet, self.address))
    }
}

fn vendor(
    packet: &Packet<'_>,
    vendor: u32,
    kind: u8,
    read: impl Fn(&[u8]) -> Option<IpAddr>,
) -> Option<IpAddr> {
    packet.pieces().find_map(|piece| {
        let fits = (piece.vendor, piece.kind) == (vendor, kind);
        if fits { read(piece.value) } else { None }
    })
}

/// Reads an address as devices write it: IPv4 or IPv6, blanks around it, a port in brackets behind it
/// (`192.0.2.1[4500]`) or, for IPv4 alone, behind a colon.
///
/// `None` for anything else: a MAC address, a host name, a telephone number, and addresses that no user
/// can have, such as `0.0.0.0` (D-110).
#[must_use]
pub fn parse(value: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    let text = without_port(text)?;
    if is_eui64(text) {
        return None;
    }
    usable(text.parse().ok()?)
}

fn without_port(text: &str) -> Option<&str> {
    if let Some((address, port)) = text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        return is_port(port).then_some(address);
    }
    match text.split_once(':') {
        Some((address, port)) if address.contains('.') => is_port(port).then_some(address),
        _ => Some(text),
    }
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Eight pairs of digits are the hardware address of a radio, although they read as an IPv6 address.
fn is_eui64(text: &str) -> bool {
    text.len() == 23 && text.split(':').all(|group| group.len() == 2)
}

fn usable(address: IpAddr) -> Option<IpAddr> {
    let address = canonical(address);
    let useless = match address {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => v6 == Ipv6Addr::UNSPECIFIED || v6.is_multicast(),
    };
    (!useless).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::radius::packet::HEADER_LEN;

    #[test]
    fn e_003_addresses_are_read_as_devices_write_them() {
        let cases = [
            ("192.0.2.1", "192.0.2.1"),
            ("  192.0.2.1\t", "192.0.2.1"),
            ("192.0.2.1[4500]", "192.0.2.1"),
            ("192.0.2.1:50000", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:db8::1[4500]", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
        ];
        for (written, meant) in cases {
            assert_eq!(parse(written.as_bytes()), Some(meant.parse().unwrap()), "{written}");
        }
    }

    #[test]
    fn e_003_d_110_what_is_no_address_is_unknown() {
        let cases = [
            "",
            " ",
            "00-11-22-33-44-55",
            "00:11:22:33:44:55",
            "0011.2233.4455",
            "001122334455",
            "00:11:22:33:44:55:66:77",
            "vpn.example.org",
            "+49 30 123456",
            "192.0.2.1[",
            "192.0.2.1[x]",
            "192.0.2.1[70000]",
            "192.0.2.1:",
            "192.0.2.1:port",
            "192.0.2",
            "010.0.0.1",
            "192.0.2.1 192.0.2.2",
            "192.0.2.1\0",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "ff02::1",
            "2001:db8::1%eth0",
            "[2001:db8::1]:4500",
            "192.0.2.1\n",
        ];
        for written in cases {
            assert_eq!(parse(written.as_bytes()), None, "{written:?}");
        }
        assert_eq!(parse(b"\xff\xfe"), None);
    }

    fn packet(attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HEADER_LEN + attributes.len()).unwrap().to_be_bytes();
        [&[1, 0][..], &length, &[0; 16], attributes].concat()
    }

    fn vsa(vendor: u32, kind: u8, value: &[u8]) -> Vec<u8> {
        let length = u8::try_from(value.len()).unwrap();
        [&[26, length + 8][..], &vendor.to_be_bytes(), &[kind, length + 2], value].concat()
    }

    #[test]
    fn every_source_finds_its_own_attribute_and_no_other() {
        let station = [&[31, 11][..], b"192.0.2.1"].concat();
        let endpoint = [&[66, 12, 1][..], b"192.0.2.2"].concat();
        let palo = vsa(PALO_ALTO, 7, b"192.0.2.3");
        let cisco = [vsa(CISCO, 1, b"shell:priv-lvl=15"), vsa(CISCO, 1, b"ip:source-ip=192.0.2.4")].concat();
        let all = packet(&[station, endpoint, palo, cisco].concat());
        let packet = Packet::parse(&all).unwrap();
        let sources = [
            AddressSource::CallingStationId,
            AddressSource::TunnelClientEndpoint,
            AddressSource::PaloAltoClientSourceIp,
            AddressSource::CiscoAvPair,
        ];
        let found = sources.map(|source| Station::of(&packet).user_address(&packet, &[source]));
        let expected = [1, 2, 3, 4].map(|n| Some(IpAddr::from([192, 0, 2, n])));
        assert_eq!(found, expected);
    }

    #[test]
    fn sources_are_asked_in_their_order_and_a_mac_address_is_passed_over() {
        let all = packet(&[&[31, 19][..], b"00-11-22-33-44-55", &[66, 11], b"192.0.2.2"].concat());
        let packet = Packet::parse(&all).unwrap();
        let sources = [AddressSource::CallingStationId, AddressSource::TunnelClientEndpoint];
        assert_eq!(Station::of(&packet).user_address(&packet, &sources), Some(IpAddr::from([192, 0, 2, 2])));
        assert_eq!(Station::of(&packet).user_address(&packet, &sources[..1]), None);
        assert_eq!(Station::of(&packet).user_address(&packet, &[]), None);
    }
}
