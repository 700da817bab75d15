//! Names and types of the attributes that we print or use. Numbers from the IANA registry "RADIUS Types"
//! and the RFC named at each group; vendor attributes from the vendors' published manuals.
//!
//! Longer than 400 lines because it is a table.

/// RFC 2865 section 5.1.
pub const USER_NAME: u8 = 1;
/// RFC 2865 section 5.2.
pub const USER_PASSWORD: u8 = 2;
/// RFC 2865 section 5.3.
pub const CHAP_PASSWORD: u8 = 3;
/// RFC 2865 section 5.4.
pub const NAS_IP_ADDRESS: u8 = 4;
/// RFC 2865 section 5.5.
pub const NAS_PORT: u8 = 5;
/// RFC 2865 section 5.6.
pub const SERVICE_TYPE: u8 = 6;
/// RFC 2865 section 5.8.
pub const FRAMED_IP_ADDRESS: u8 = 8;
/// RFC 2865 section 5.11.
pub const FILTER_ID: u8 = 11;
/// RFC 2865 section 5.18.
pub const REPLY_MESSAGE: u8 = 18;
/// RFC 2865 section 5.24.
pub const STATE: u8 = 24;
/// RFC 2865 section 5.25.
pub const CLASS: u8 = 25;
/// RFC 2865 section 5.26.
pub const VENDOR_SPECIFIC: u8 = 26;
/// RFC 2865 section 5.27.
pub const SESSION_TIMEOUT: u8 = 27;
/// RFC 2865 section 5.30.
pub const CALLED_STATION_ID: u8 = 30;
/// RFC 2865 section 5.31.
pub const CALLING_STATION_ID: u8 = 31;
/// RFC 2865 section 5.32.
pub const NAS_IDENTIFIER: u8 = 32;
/// RFC 2865 section 5.33.
pub const PROXY_STATE: u8 = 33;
/// RFC 2865 section 5.40.
pub const CHAP_CHALLENGE: u8 = 60;
/// RFC 2868 section 3.3.
pub const TUNNEL_CLIENT_ENDPOINT: u8 = 66;
/// RFC 2868 section 3.5.
pub const TUNNEL_PASSWORD: u8 = 69;
/// RFC 2869 section 5.4.
pub const ARAP_PASSWORD: u8 = 70;
/// RFC 2869 section 5.10.
pub const PROMPT: u8 = 76;
/// RFC 3579 section 3.1.
pub const EAP_MESSAGE: u8 = 79;
/// RFC 3579 section 3.2.
pub const MESSAGE_AUTHENTICATOR: u8 = 80;
/// RFC 3162 section 2.1.
pub const NAS_IPV6_ADDRESS: u8 = 95;
/// RFC 5176 section 3.5.
pub const ERROR_CAUSE: u8 = 101;

/// Cisco's vendor number.
pub const CISCO: u32 = 9;
/// Microsoft's vendor number (RFC 2548).
pub const MICROSOFT: u32 = 311;
/// Fortinet's vendor number.
pub const FORTINET: u32 = 12356;
/// MikroTik's vendor number.
pub const MIKROTIK: u32 = 14988;
/// Palo Alto Networks' vendor number.
pub const PALO_ALTO: u32 = 25461;

/// `Cisco-AVPair`, a vendor type of [`CISCO`].
pub const CISCO_AVPAIR: u8 = 1;
/// `MS-CHAP-Response`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.1.3).
pub const MS_CHAP_RESPONSE: u8 = 1;
/// `MS-CHAP-Error`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.1.5).
pub const MS_CHAP_ERROR: u8 = 2;
/// `MS-CHAP-CPW-1`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.2.1).
pub const MS_CHAP_CPW_1: u8 = 3;
/// `MS-CHAP-CPW-2`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.2.2).
pub const MS_CHAP_CPW_2: u8 = 4;
/// `MS-CHAP-LM-Enc-PW`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.2.3).
pub const MS_CHAP_LM_ENC_PW: u8 = 5;
/// `MS-CHAP-NT-Enc-PW`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.2.4).
pub const MS_CHAP_NT_ENC_PW: u8 = 6;
/// `MS-CHAP-Challenge`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.1.2).
pub const MS_CHAP_CHALLENGE: u8 = 11;
/// `MS-CHAP-MPPE-Keys`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.4.1).
pub const MS_CHAP_MPPE_KEYS: u8 = 12;
/// `MS-MPPE-Send-Key`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.4.2).
pub const MS_MPPE_SEND_KEY: u8 = 16;
/// `MS-MPPE-Recv-Key`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.4.3).
pub const MS_MPPE_RECV_KEY: u8 = 17;
/// `MS-CHAP2-Response`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.3.2).
pub const MS_CHAP2_RESPONSE: u8 = 25;
/// `MS-CHAP2-Success`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.3.3).
pub const MS_CHAP2_SUCCESS: u8 = 26;
/// `MS-CHAP2-CPW`, a vendor type of [`MICROSOFT`] (RFC 2548 section 2.3.4).
pub const MS_CHAP2_CPW: u8 = 27;
/// `PaloAlto-Client-Source-IP`, a vendor type of [`PALO_ALTO`].
pub const PALO_ALTO_CLIENT_SOURCE_IP: u8 = 7;

/// What the value of an attribute is made of (RFC 8044 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text for people, meant to be UTF-8.
    Text,
    /// Text behind an optional tag (RFC 2868).
    TaggedText,
    /// Any bytes.
    Bytes,
    /// Four bytes, big-endian.
    Integer,
    /// A tag and three bytes, big-endian (RFC 2868).
    TaggedInteger,
    /// Eight bytes, big-endian.
    Integer64,
    /// Seconds since 1970, four bytes.
    Date,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An IPv6 prefix: a zero byte, the length in bits, the bytes of the prefix.
    Ipv6Prefix,
    /// Something that must not be shown.
    Hidden,
    /// Hidden with a salt (RFC 2548 section 2.4.2); what is inside must not be shown either.
    Salted,
    /// Hidden with a salt, behind a tag (RFC 2868 section 3.5).
    TaggedSalted,
    /// Hidden like User-Password (RFC 2548 section 2.4.1).
    Keys,
    /// A vendor number and the vendor's own attributes.
    Vendor,
}

impl Form {
    /// Whether a value of this form must not be shown.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Hidden | Self::Salted | Self::TaggedSalted | Self::Keys)
    }
}

/// One row of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The type on the wire.
    pub kind: u8,
    /// The name in the RFC.
    pub name: &'static str,
    /// What its value is made of.
    pub form: Form,
}

/// The row of a standard attribute.
#[must_use]
pub fn entry(kind: u8) -> Option<&'static Entry> {
    let at = STANDARD.binary_search_by_key(&kind, |entry| entry.kind).ok()?;
    STANDARD.get(at)
}

/// A vendor's name.
#[must_use]
pub fn vendor_name(vendor: u32) -> Option<&'static str> {
    VENDORS.iter().find(|(number, _)| *number == vendor).map(|(_, name)| *name)
}

/// The row of a vendor's attribute.
#[must_use]
pub fn vendor_entry(vendor: u32, kind: u8) -> Option<&'static Entry> {
    VENDOR_ATTRIBUTES.iter().find(|(number, entry)| *number == vendor && entry.kind == kind).map(|(_, e)| e)
}

/// The name of a value of an enumerated attribute, such as 8 of Service-Type.
#[must_use]
pub fn value_name(kind: u8, value: u32) -> Option<&'static str> {
    VALUES.iter().find(|(k, v, _)| (*k, *v) == (kind, value)).map(|(_, _, name)| *name)
}

const fn row(kind: u8, name: &'static str, form: Form) -> Entry {
    Entry { kind, name, form }
}

/// Sorted by type, for binary search.
static STANDARD: &[Entry] = &[
    // RFC 2865
    row(1, "User-Name", Form::Text),
    row(2, "User-Password", Form::Hidden),
    row(3, "CHAP-Password", Form::Hidden),
    row(4, "NAS-IP-Address", Form::Ipv4),
    row(5, "NAS-Port", Form::Integer),
    row(6, "Service-Type", Form::Integer),
    row(7, "Framed-Protocol", Form::Integer),
    row(8, "Framed-IP-Address", Form::Ipv4),
    row(9, "Framed-IP-Netmask", Form::Ipv4),
    row(10, "Framed-Routing", Form::Integer),
    row(11, "Filter-Id", Form::Text),
    row(12, "Framed-MTU", Form::Integer),
    row(13, "Framed-Compression", Form::Integer),
    row(14, "Login-IP-Host", Form::Ipv4),
    row(15, "Login-Service", Form::Integer),
    row(16, "Login-TCP-Port", Form::Integer),
    row(18, "Reply-Message", Form::Text),
    row(19, "Callback-Number", Form::Text),
    row(20, "Callback-Id", Form::Text),
    row(22, "Framed-Route", Form::Text),
    row(23, "Framed-IPX-Network", Form::Integer),
    row(24, "State", Form::Bytes),
    row(25, "Class", Form::Bytes),
    row(26, "Vendor-Specific", Form::Vendor),
    row(27, "Session-Timeout", Form::Integer),
    row(28, "Idle-Timeout", Form::Integer),
    row(29, "Termination-Action", Form::Integer),
    row(30, "Called-Station-Id", Form::Text),
    row(31, "Calling-Station-Id", Form::Text),
    row(32, "NAS-Identifier", Form::Text),
    row(33, "Proxy-State", Form::Bytes),
    row(34, "Login-LAT-Service", Form::Text),
    row(35, "Login-LAT-Node", Form::Text),
    row(36, "Login-LAT-Group", Form::Bytes),
    row(37, "Framed-AppleTalk-Link", Form::Integer),
    row(38, "Framed-AppleTalk-Network", Form::Integer),
    row(39, "Framed-AppleTalk-Zone", Form::Text),
    // RFC 2866
    row(40, "Acct-Status-Type", Form::Integer),
    row(41, "Acct-Delay-Time", Form::Integer),
    row(42, "Acct-Input-Octets", Form::Integer),
    row(43, "Acct-Output-Octets", Form::Integer),
    row(44, "Acct-Session-Id", Form::Text),
    row(45, "Acct-Authentic", Form::Integer),
    row(46, "Acct-Session-Time", Form::Integer),
    row(47, "Acct-Input-Packets", Form::Integer),
    row(48, "Acct-Output-Packets", Form::Integer),
    row(49, "Acct-Terminate-Cause", Form::Integer),
    row(50, "Acct-Multi-Session-Id", Form::Text),
    row(51, "Acct-Link-Count", Form::Integer),
    // RFC 2869
    row(52, "Acct-Input-Gigawords", Form::Integer),
    row(53, "Acct-Output-Gigawords", Form::Integer),
    row(55, "Event-Timestamp", Form::Date),
    // RFC 4675
    row(56, "Egress-VLANID", Form::Integer),
    row(57, "Ingress-Filters", Form::Integer),
    row(58, "Egress-VLAN-Name", Form::Text),
    row(59, "User-Priority-Table", Form::Bytes),
    // RFC 2865
    row(60, "CHAP-Challenge", Form::Bytes),
    row(61, "NAS-Port-Type", Form::Integer),
    row(62, "Port-Limit", Form::Integer),
    row(63, "Login-LAT-Port", Form::Text),
    // RFC 2868
    row(64, "Tunnel-Type", Form::TaggedInteger),
    row(65, "Tunnel-Medium-Type", Form::TaggedInteger),
    row(66, "Tunnel-Client-Endpoint", Form::TaggedText),
    row(67, "Tunnel-Server-Endpoint", Form::TaggedText),
    row(68, "Acct-Tunnel-Connection", Form::Text),
    row(69, "Tunnel-Password", Form::TaggedSalted),
    // RFC 2869
    row(70, "ARAP-Password", Form::Hidden),
    row(71, "ARAP-Features", Form::Bytes),
    row(72, "ARAP-Zone-Access", Form::Integer),
    row(73, "ARAP-Security", Form::Integer),
    row(74, "ARAP-Security-Data", Form::Hidden),
    row(75, "Password-Retry", Form::Integer),
    row(76, "Prompt", Form::Integer),
    row(77, "Connect-Info", Form::Text),
    row(78, "Configuration-Token", Form::Text),
    row(79, "EAP-Message", Form::Hidden),
    row(80, "Message-Authenticator", Form::Bytes),
    // RFC 2868
    row(81, "Tunnel-Private-Group-ID", Form::TaggedText),
    row(82, "Tunnel-Assignment-ID", Form::TaggedText),
    row(83, "Tunnel-Preference", Form::TaggedInteger),
    // RFC 2869
    row(84, "ARAP-Challenge-Response", Form::Hidden),
    row(85, "Acct-Interim-Interval", Form::Integer),
    // RFC 2867
    row(86, "Acct-Tunnel-Packets-Lost", Form::Integer),
    // RFC 2869
    row(87, "NAS-Port-Id", Form::Text),
    row(88, "Framed-Pool", Form::Text),
    // RFC 4372
    row(89, "Chargeable-User-Identity", Form::Bytes),
    // RFC 2868
    row(90, "Tunnel-Client-Auth-ID", Form::TaggedText),
    row(91, "Tunnel-Server-Auth-ID", Form::TaggedText),
    // RFC 4849
    row(92, "NAS-Filter-Rule", Form::Text),
    // RFC 7155
    row(94, "Originating-Line-Info", Form::Bytes),
    // RFC 3162
    row(95, "NAS-IPv6-Address", Form::Ipv6),
    row(96, "Framed-Interface-Id", Form::Bytes),
    row(97, "Framed-IPv6-Prefix", Form::Ipv6Prefix),
    row(98, "Login-IPv6-Host", Form::Ipv6),
    row(99, "Framed-IPv6-Route", Form::Text),
    row(100, "Framed-IPv6-Pool", Form::Text),
    // RFC 5176
    row(101, "Error-Cause", Form::Integer),
    // RFC 4072, RFC 7268
    row(102, "EAP-Key-Name", Form::Bytes),
    // RFC 5090
    row(103, "Digest-Response", Form::Hidden),
    row(104, "Digest-Realm", Form::Text),
    row(105, "Digest-Nonce", Form::Text),
    row(106, "Digest-Response-Auth", Form::Hidden),
    row(107, "Digest-Nextnonce", Form::Text),
    row(108, "Digest-Method", Form::Text),
    row(109, "Digest-URI", Form::Text),
    row(110, "Digest-Qop", Form::Text),
    row(111, "Digest-Algorithm", Form::Text),
    row(112, "Digest-Entity-Body-Hash", Form::Text),
    row(113, "Digest-CNonce", Form::Text),
    row(114, "Digest-Nonce-Count", Form::Text),
    row(115, "Digest-Username", Form::Text),
    row(116, "Digest-Opaque", Form::Text),
    row(117, "Digest-Auth-Param", Form::Text),
    row(118, "Digest-AKA-Auts", Form::Hidden),
    row(119, "Digest-Domain", Form::Text),
    row(120, "Digest-Stale", Form::Text),
    row(121, "Digest-HA1", Form::Hidden),
    row(122, "SIP-AOR", Form::Text),
    // RFC 4818
    row(123, "Delegated-IPv6-Prefix", Form::Ipv6Prefix),
    // RFC 5447
    row(124, "MIP6-Feature-Vector", Form::Integer64),
    row(125, "MIP6-Home-Link-Prefix", Form::Bytes),
    // RFC 5580
    row(126, "Operator-Name", Form::Text),
    row(127, "Location-Information", Form::Bytes),
    row(128, "Location-Data", Form::Bytes),
    row(129, "Basic-Location-Policy-Rules", Form::Bytes),
    row(130, "Extended-Location-Policy-Rules", Form::Bytes),
    row(131, "Location-Capable", Form::Integer),
    row(132, "Requested-Location-Info", Form::Integer),
    // RFC 5607
    row(133, "Framed-Management-Protocol", Form::Integer),
    row(134, "Management-Transport-Protection", Form::Integer),
    row(135, "Management-Policy-Id", Form::Text),
    row(136, "Management-Privilege-Level", Form::Integer),
    // RFC 5904
    row(137, "PKM-SS-Cert", Form::Bytes),
    row(138, "PKM-CA-Cert", Form::Bytes),
    // RFC 6911
    row(168, "Framed-IPv6-Address", Form::Ipv6),
    row(169, "DNS-Server-IPv6-Address", Form::Ipv6),
    row(170, "Route-IPv6-Information", Form::Ipv6Prefix),
    // RFC 7268
    row(177, "Mobility-Domain-Id", Form::Integer),
    row(178, "Preauth-Timeout", Form::Integer),
    row(186, "WLAN-Pairwise-Cipher", Form::Integer),
    row(187, "WLAN-Group-Cipher", Form::Integer),
    row(188, "WLAN-AKM-Suite", Form::Integer),
];

static VENDORS: &[(u32, &str)] = &[
    (CISCO, "Cisco"),
    (66, "Citrix"),
    (MICROSOFT, "Microsoft"),
    (2620, "Check Point"),
    (2636, "Juniper"),
    (3076, "Cisco VPN 3000"),
    (3375, "F5"),
    (5951, "NetScaler"),
    (6527, "Nokia"),
    (8741, "SonicWall"),
    (FORTINET, "Fortinet"),
    (MIKROTIK, "MikroTik"),
    (14823, "Aruba"),
    (PALO_ALTO, "Palo Alto Networks"),
];

static VENDOR_ATTRIBUTES: &[(u32, Entry)] = &[
    (CISCO, row(1, "Cisco-AVPair", Form::Text)),
    (66, row(16, "Citrix-User-Groups", Form::Text)),
    // RFC 2548
    (MICROSOFT, row(1, "MS-CHAP-Response", Form::Hidden)),
    (MICROSOFT, row(2, "MS-CHAP-Error", Form::Text)),
    (MICROSOFT, row(6, "MS-CHAP-NT-Enc-PW", Form::Hidden)),
    (MICROSOFT, row(7, "MS-MPPE-Encryption-Policy", Form::Integer)),
    (MICROSOFT, row(8, "MS-MPPE-Encryption-Types", Form::Integer)),
    (MICROSOFT, row(9, "MS-RAS-Vendor", Form::Integer)),
    (MICROSOFT, row(10, "MS-CHAP-Domain", Form::Text)),
    (MICROSOFT, row(11, "MS-CHAP-Challenge", Form::Bytes)),
    (MICROSOFT, row(12, "MS-CHAP-MPPE-Keys", Form::Keys)),
    (MICROSOFT, row(16, "MS-MPPE-Send-Key", Form::Salted)),
    (MICROSOFT, row(17, "MS-MPPE-Recv-Key", Form::Salted)),
    (MICROSOFT, row(18, "MS-RAS-Version", Form::Text)),
    (MICROSOFT, row(25, "MS-CHAP2-Response", Form::Hidden)),
    (MICROSOFT, row(26, "MS-CHAP2-Success", Form::Hidden)),
    (MICROSOFT, row(27, "MS-CHAP2-CPW", Form::Hidden)),
    (MICROSOFT, row(34, "MS-RAS-Client-Name", Form::Text)),
    (MICROSOFT, row(35, "MS-RAS-Client-Version", Form::Text)),
    (2620, row(229, "CP-Gaia-User-Role", Form::Text)),
    (2636, row(1, "Juniper-Local-User-Name", Form::Text)),
    (2636, row(46, "Juniper-Local-Group-Name", Form::Text)),
    (3076, row(25, "CVPN3000-Group-Policy", Form::Text)),
    (8741, row(3, "SonicWall-User-Group", Form::Text)),
    (FORTINET, row(1, "Fortinet-Group-Name", Form::Text)),
    (FORTINET, row(2, "Fortinet-Client-IP-Address", Form::Ipv4)),
    (FORTINET, row(3, "Fortinet-Vdom-Name", Form::Text)),
    (MIKROTIK, row(3, "Mikrotik-Group", Form::Text)),
    (MIKROTIK, row(8, "Mikrotik-Rate-Limit", Form::Text)),
    (MIKROTIK, row(19, "Mikrotik-Address-List", Form::Text)),
    (PALO_ALTO, row(1, "PaloAlto-Admin-Role", Form::Text)),
    (PALO_ALTO, row(5, "PaloAlto-User-Group", Form::Text)),
    (PALO_ALTO, row(7, "PaloAlto-Client-Source-IP", Form::Text)),
    (PALO_ALTO, row(8, "PaloAlto-Client-OS", Form::Text)),
];

static VALUES: &[(u8, u32, &str)] = &[
    // RFC 2865 section 5.6, RFC 5176 section 3.2
    (SERVICE_TYPE, 1, "Login"),
    (SERVICE_TYPE, 2, "Framed"),
    (SERVICE_TYPE, 3, "Callback-Login"),
    (SERVICE_TYPE, 4, "Callback-Framed"),
    (SERVICE_TYPE, 5, "Outbound"),
    (SERVICE_TYPE, 6, "Administrative"),
    (SERVICE_TYPE, 7, "NAS-Prompt"),
    (SERVICE_TYPE, 8, "Authenticate-Only"),
    (SERVICE_TYPE, 9, "Callback-NAS-Prompt"),
    (SERVICE_TYPE, 10, "Call-Check"),
    (SERVICE_TYPE, 11, "Callback-Administrative"),
    (SERVICE_TYPE, 17, "Authorize-Only"),
    // RFC 2865 section 5.7
    (7, 1, "PPP"),
    (7, 2, "SLIP"),
    // RFC 2866 section 5.1
    (40, 1, "Start"),
    (40, 2, "Stop"),
    (40, 3, "Interim-Update"),
    (40, 7, "Accounting-On"),
    (40, 8, "Accounting-Off"),
    // RFC 2865 section 5.41
    (61, 0, "Async"),
    (61, 1, "Sync"),
    (61, 2, "ISDN"),
    (61, 5, "Virtual"),
    (61, 15, "Ethernet"),
    (61, 19, "Wireless-802.11"),
    // RFC 2868 sections 3.1 and 3.2, RFC 3580 section 3.31
    (64, 1, "PPTP"),
    (64, 3, "L2TP"),
    (64, 9, "ESP"),
    (64, 13, "VLAN"),
    (65, 1, "IPv4"),
    (65, 2, "IPv6"),
    (65, 6, "IEEE-802"),
    // RFC 2869 section 5.10
    (PROMPT, 0, "No-Echo"),
    (PROMPT, 1, "Echo"),
    // RFC 5176 section 3.5
    (ERROR_CAUSE, 201, "Residual-Session-Context-Removed"),
    (ERROR_CAUSE, 401, "Unsupported-Attribute"),
    (ERROR_CAUSE, 402, "Missing-Attribute"),
    (ERROR_CAUSE, 403, "NAS-Identification-Mismatch"),
    (ERROR_CAUSE, 404, "Invalid-Request"),
    (ERROR_CAUSE, 405, "Unsupported-Service"),
    (ERROR_CAUSE, 406, "Unsupported-Extension"),
    (ERROR_CAUSE, 407, "Invalid-Attribute-Value"),
    (ERROR_CAUSE, 501, "Administratively-Prohibited"),
    (ERROR_CAUSE, 502, "Request-Not-Routable"),
    (ERROR_CAUSE, 503, "Session-Context-Not-Found"),
    (ERROR_CAUSE, 505, "Other-Proxy-Processing-Error"),
    (ERROR_CAUSE, 506, "Resources-Unavailable"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_every_row_is_found() {
        for pair in STANDARD.windows(2) {
            assert!(pair[0].kind < pair[1].kind, "{} before {}", pair[0].name, pair[1].name);
        }
        for row in STANDARD {
            assert_eq!(entry(row.kind), Some(row));
        }
        assert_eq!(entry(17), None);
    }

    #[test]
    fn whatever_carries_a_password_or_key_is_hidden() {
        for kind in [USER_PASSWORD, CHAP_PASSWORD, TUNNEL_PASSWORD, ARAP_PASSWORD, EAP_MESSAGE] {
            assert!(entry(kind).unwrap().form.is_secret(), "{kind}");
        }
        for kind in [1, 6, 12, 16, 17, 25, 26, 27] {
            assert!(vendor_entry(MICROSOFT, kind).unwrap().form.is_secret(), "{kind}");
        }
    }

    #[test]
    fn names_of_values_and_vendors_are_found() {
        assert_eq!(value_name(SERVICE_TYPE, 17), Some("Authorize-Only"));
        assert_eq!(value_name(SERVICE_TYPE, 99), None);
        assert_eq!(vendor_name(FORTINET), Some("Fortinet"));
        assert_eq!(vendor_entry(PALO_ALTO, 7).map(|e| e.name), Some("PaloAlto-Client-Source-IP"));
    }
}
