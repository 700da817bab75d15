//! Address prefixes, sets of them, and look-up by longest prefix.

use std::hash::{Hash, Hasher};
use std::io::Write;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

/// The IPv4 form of an IPv4-mapped IPv6 address, any other address unchanged.
#[must_use]
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// An address prefix such as `192.0.2.0/24` or `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix(IpNet);

/// In few pieces: where a login comes from is hashed several times.
impl Hash for Prefix {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            IpNet::V4(net) => {
                state.write_u64(u64::from(net.addr().to_bits()) << 8 | u64::from(net.prefix_len()));
            }
            IpNet::V6(net) => {
                state.write_u128(net.addr().to_bits());
                state.write_u8(net.prefix_len());
            }
        }
    }
}

/// Why a text is not an address prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPrefix {
    /// Not an address, or a length that does not fit it.
    #[error("not an address or prefix")]
    Syntax,
    /// Bits are set behind the prefix, so one of the two numbers is a mistake.
    #[error("address bits are set behind the prefix; the network is {0}")]
    HostBits(Prefix),
}

impl FromStr for Prefix {
    type Err = NotAPrefix;

    /// Reads `a.b.c.d`, `a.b.c.d/n`, `x::y` or `x::y/n`. A bare address is the prefix of that one address.
    ///
    /// A number that begins with a zero is none: some programs read `010` as eight, others as ten.
    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        let Some((address, bits)) = text.split_once('/') else {
            let address = text.parse::<IpAddr>().map_err(|_| NotAPrefix::Syntax)?;
            return Ok(Self(IpNet::from(canonical(address))));
        };
        let address = address.parse::<IpAddr>().map_err(|_| NotAPrefix::Syntax)?;
        let digits = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
        let plain = digits && (bits == "0" || !bits.starts_with('0'));
        let bits = bits.parse::<u8>().ok().filter(|_| plain).ok_or(NotAPrefix::Syntax)?;
        let net = IpNet::new(address, bits).map_err(|_| NotAPrefix::Syntax)?;
        let trunc = net.trunc();
        if trunc.addr() != net.addr() {
            return Err(NotAPrefix::HostBits(Self(trunc)));
        }
        Ok(Self(unmapped(trunc)))
    }
}

fn decimal(rest: &mut &mut [u8], number: u8) {
    if number >= 100 {
        push(rest, b'0' + number / 100);
    }
    if number >= 10 {
        push(rest, b'0' + number / 10 % 10);
    }
    push(rest, b'0' + number % 10);
}

fn push(rest: &mut &mut [u8], byte: u8) {
    if let Some((first, behind)) = std::mem::take(rest).split_first_mut() {
        *first = byte;
        *rest = behind;
    }
}

/// The IPv4 form of a prefix of IPv4-mapped addresses: in its IPv6 form it would contain nobody, and a rule
/// that refuses by it would refuse nobody.
fn unmapped(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let bits = v6.prefix_len().checked_sub(96);
    match (v6.addr().to_ipv4_mapped(), bits) {
        (Some(v4), Some(bits)) => Ipv4Net::new(v4, bits).map_or(net, IpNet::V4),
        (Some(_) | None, _) => net,
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Prefix {
    /// Room for the text of any of them.
    pub const TEXT: usize = 48;

    /// What it is shown as, written into `room`: without the machinery of formatting, for those that each login has.
    pub fn text<'r>(&self, room: &'r mut [u8; Self::TEXT]) -> &'r [u8] {
        let mut rest = &mut room[..];
        match self.0 {
            IpNet::V4(net) => {
                for (octet, behind) in net.addr().octets().into_iter().zip(*b".../") {
                    decimal(&mut rest, octet);
                    push(&mut rest, behind);
                }
                decimal(&mut rest, net.prefix_len());
            }
            // The room is enough, so that writing does not fail.
            IpNet::V6(net) => drop(write!(rest, "{net}")),
        }
        let left = rest.len();
        room.get(..room.len().saturating_sub(left)).unwrap_or_default()
    }

    /// Whether `address` lies inside; IPv4-mapped IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&canonical(address))
    }

    /// Whether there is an address that lies inside both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }

    /// Number of bits that are fixed.
    #[must_use]
    pub fn bits(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether it holds IPv4 addresses.
    #[must_use]
    pub const fn is_v4(&self) -> bool {
        matches!(self.0, IpNet::V4(_))
    }

    /// The address, if there is no other one inside.
    #[must_use]
    pub fn single(&self) -> Option<IpAddr> {
        (self.0.prefix_len() == self.0.max_prefix_len()).then(|| self.0.addr())
    }

    /// The prefix of `address` that keeps `v4` or `v6` bits, whichever suits it; more bits than there
    /// are keep all.
    #[must_use]
    pub fn around(address: IpAddr, v4: u8, v6: u8) -> Self {
        let address = canonical(address);
        let net = match address {
            IpAddr::V4(a) => Ipv4Net::new(a, v4.min(32)).map(IpNet::V4),
            IpAddr::V6(a) => Ipv6Net::new(a, v6.min(128)).map(IpNet::V6),
        };
        Self(net.map_or_else(|_| IpNet::from(address), |net| net.trunc()))
    }
}

/// Finds the value whose prefix fits an address best.
#[derive(Debug, Clone)]
pub struct PrefixTable<T> {
    v4: PrefixMap<Ipv4Net, T>,
    v6: PrefixMap<Ipv6Net, T>,
}

impl<T> Default for PrefixTable<T> {
    fn default() -> Self {
        Self { v4: PrefixMap::new(), v6: PrefixMap::new() }
    }
}

impl<T> PrefixTable<T> {
    /// Puts `value` under `prefix`; gives back what stood there before.
    pub fn insert(&mut self, prefix: Prefix, value: T) -> Option<T> {
        match prefix.0 {
            IpNet::V4(net) => self.v4.insert(net, value),
            IpNet::V6(net) => self.v6.insert(net, value),
        }
    }

    /// The value with the longest prefix that contains `address`.
    #[must_use]
    pub fn get(&self, address: IpAddr) -> Option<&T> {
        match canonical(address) {
            IpAddr::V4(a) => self.v4.get_lpm(&Ipv4Net::from(a)).map(|(_, value)| value),
            IpAddr::V6(a) => self.v6.get_lpm(&Ipv6Net::from(a)).map(|(_, value)| value),
        }
    }

    /// The longest prefix that contains all of `part`, which may be `part` itself, and its value.
    #[must_use]
    pub fn covering(&self, part: Prefix) -> Option<(Prefix, &T)> {
        match part.0 {
            IpNet::V4(net) => self.v4.get_lpm(&net).map(|(found, value)| (Prefix(found.into()), value)),
            IpNet::V6(net) => self.v6.get_lpm(&net).map(|(found, value)| (Prefix(found.into()), value)),
        }
    }

    /// The values of all prefixes that lie inside `part`, its own included.
    pub fn inside(&self, part: Prefix) -> impl Iterator<Item = &T> {
        let (v4, v6) = match part.0 {
            IpNet::V4(net) => (Some(self.v4.children(&net)), None),
            IpNet::V6(net) => (None, Some(self.v6.children(&net))),
        };
        let v4 = v4.into_iter().flatten().map(|(_, value)| value);
        v4.chain(v6.into_iter().flatten().map(|(_, value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn the_text_is_what_is_shown() {
        for text in [
            "0.0.0.0/0",
            "10.20.30.0/24",
            "192.0.2.199/32",
            "255.255.255.255/32",
            "::/0",
            "2001:db8:0:7::/64",
        ] {
            let prefix: Prefix = text.parse().unwrap();
            assert_eq!(prefix.text(&mut [0; Prefix::TEXT]), text.as_bytes());
        }
        let longest: Prefix = "1111:2222:3333:4444:5555:6666:7777:8888/128".parse().unwrap();
        assert_eq!(longest.text(&mut [0; Prefix::TEXT]), longest.to_string().as_bytes());
    }

    #[test]
    fn what_covers_a_part_and_what_lies_inside_of_it_is_found() {
        let mut table = PrefixTable::default();
        for text in ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.2.0.0/16", "2001:db8::/32"] {
            table.insert(prefix(text), text);
        }
        let covering =
            |text: &str| table.covering(prefix(text)).map(|(found, value)| (found.to_string(), *value));
        let inside = |text: &str| table.inside(prefix(text)).copied().collect::<Vec<_>>();
        assert_eq!(covering("10.1.0.0/20"), Some(("10.1.0.0/16".into(), "10.1.0.0/16")));
        assert_eq!(covering("10.1.0.0/16"), Some(("10.1.0.0/16".into(), "10.1.0.0/16")));
        assert_eq!(covering("10.0.0.0/7"), None);
        assert_eq!(covering("2001:db8:1::/48"), Some(("2001:db8::/32".into(), "2001:db8::/32")));
        assert_eq!(inside("10.1.0.0/16"), ["10.1.0.0/16", "10.1.2.0/24"]);
        assert_eq!(inside("10.1.2.128/25"), [""; 0]);
        assert_eq!(inside("::/0"), ["2001:db8::/32"]);
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let mut table = PrefixTable::default();
        table.insert(prefix("10.0.0.0/8"), "wide");
        table.insert(prefix("10.1.2.3"), "one");
        table.insert(prefix("10.1.0.0/16"), "middle");
        let get = |a: &str| table.get(a.parse().unwrap()).copied();
        assert_eq!(get("10.1.2.3"), Some("one"));
        assert_eq!(get("10.1.9.9"), Some("middle"));
        assert_eq!(get("::ffff:10.9.9.9"), Some("wide"), "A-026");
        assert_eq!(get("192.0.2.1"), None);
    }

    #[test]
    fn a_prefix_of_mapped_addresses_is_one_of_ipv4_addresses_a_026() {
        assert_eq!(prefix("::ffff:203.0.113.0/120"), prefix("203.0.113.0/24"));
        assert!(prefix("::ffff:0:0/96").contains("192.0.2.1".parse().unwrap()));
        assert!(!prefix("::/0").is_v4() && !prefix("::fffe:0:0/95").is_v4());
    }

    /// Found by the fuzz target "prefixes".
    #[test]
    fn a_number_that_begins_with_a_zero_is_none_a_026() {
        for text in
            ["010.0.0.0/8", "10.0.00.0/8", "192.0.02.1", "::ffff:1.0.00.0/104", "10.0.0.0/08", "10.0.0.0/+8"]
        {
            assert_eq!(text.parse::<Prefix>(), Err(NotAPrefix::Syntax), "{text}");
        }
        assert_eq!(prefix("0.0.0.0/0").to_string(), "0.0.0.0/0");
        assert_eq!(prefix("2001:0db8:00::/32").to_string(), "2001:db8::/32", "groups are hexadecimal anyhow");
    }

    #[test]
    fn host_bits_are_pointed_out() {
        assert_eq!("10.1.2.3/8".parse::<Prefix>(), Err(NotAPrefix::HostBits(prefix("10.0.0.0/8"))));
        assert_eq!("10.1.2.3/33".parse::<Prefix>(), Err(NotAPrefix::Syntax));
        assert_eq!("vpn.example.org".parse::<Prefix>(), Err(NotAPrefix::Syntax));
    }

    #[test]
    fn an_address_is_shortened_to_its_network() {
        assert_eq!(Prefix::around("203.0.113.77".parse().unwrap(), 24, 48).to_string(), "203.0.113.0/24");
        assert_eq!(Prefix::around("2001:db8:1:2::3".parse().unwrap(), 24, 48).to_string(), "2001:db8:1::/48");
        assert_eq!(Prefix::around("203.0.113.77".parse().unwrap(), 99, 48).to_string(), "203.0.113.77/32");
    }
}
