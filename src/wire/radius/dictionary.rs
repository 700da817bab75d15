//! Names, numbers and forms of attributes: those that we use ourselves as constants, those that an
//! administrator may name, and that a description shows, as tables.

mod administrative;
mod cisco;
mod firewalls;
mod microsoft;
mod standard;
mod values;
mod wireless;

pub use administrative::is_administrative;

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
/// RFC 2865 section 5.28.
pub const IDLE_TIMEOUT: u8 = 28;
/// RFC 2865 section 5.30.
pub const CALLED_STATION_ID: u8 = 30;
/// RFC 2865 section 5.31.
pub const CALLING_STATION_ID: u8 = 31;
/// RFC 2865 section 5.32.
pub const NAS_IDENTIFIER: u8 = 32;
/// RFC 2865 section 5.33.
pub const PROXY_STATE: u8 = 33;
/// RFC 2866 section 5.1.
pub const ACCT_STATUS_TYPE: u8 = 40;
/// RFC 2866 section 5.3.
pub const ACCT_INPUT_OCTETS: u8 = 42;
/// RFC 2866 section 5.4.
pub const ACCT_OUTPUT_OCTETS: u8 = 43;
/// RFC 2866 section 5.5.
pub const ACCT_SESSION_ID: u8 = 44;
/// RFC 2866 section 5.7.
pub const ACCT_SESSION_TIME: u8 = 46;
/// RFC 2866 section 5.11.
pub const ACCT_MULTI_SESSION_ID: u8 = 50;
/// RFC 2869 section 5.1.
pub const ACCT_INPUT_GIGAWORDS: u8 = 52;
/// RFC 2869 section 5.2.
pub const ACCT_OUTPUT_GIGAWORDS: u8 = 53;
/// RFC 2869 section 5.3.
pub const EVENT_TIMESTAMP: u8 = 55;
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
/// RFC 2869 section 5.17.
pub const NAS_PORT_ID: u8 = 87;
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

impl Form {
    /// Whether a tag stands before the value (RFC 2868 section 3).
    #[must_use]
    pub const fn is_tagged(self) -> bool {
        matches!(self, Self::TaggedText | Self::TaggedInteger | Self::TaggedSalted)
    }
}

/// Where an attribute may stand, and what it does to the one who gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In an Access-Accept.
    Accept,
    /// In an Access-Accept, where it gives rights over the device itself.
    Administrative,
    /// In an Access-Accept, where some of its values give rights over the device itself.
    ByValue,
    /// In requests, in accounting, or where the protocol puts it; in an accept by nobody's wish.
    Never,
}

/// One row of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The vendor's number, or `None` for a standard attribute.
    pub vendor: Option<u32>,
    /// The type on the wire; of a vendor's attribute, the vendor's own.
    pub kind: u8,
    /// The name in the RFC or in the vendor's manual.
    pub name: &'static str,
    /// What its value is made of.
    pub form: Form,
    /// Where it may stand.
    pub place: Place,
}

impl Entry {
    /// The name of a value of an enumerated attribute, such as 8 of Service-Type.
    #[must_use]
    pub fn value_name(&self, value: u32) -> Option<&'static str> {
        self.names().iter().find(|(number, _)| *number == value).map(|(_, name)| *name)
    }

    /// The value that has a name; case does not matter.
    #[must_use]
    pub fn value_of(&self, name: &str) -> Option<u32> {
        self.names().iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(number, _)| *number)
    }

    /// Values and their names; none for an attribute that is not enumerated. A value may have several.
    #[must_use]
    pub fn names(&self) -> &'static [(u32, &'static str)] {
        values::VALUES.iter().find(|(name, _)| *name == self.name).map_or(&[], |(_, names)| names)
    }

    /// Whether `value` in this attribute gives rights over the device itself.
    #[must_use]
    pub fn is_administrative(&self, value: &[u8]) -> bool {
        match self.place {
            Place::Administrative => true,
            Place::Accept | Place::Never => false,
            Place::ByValue => administrative::by_value(self, value),
        }
    }
}

/// The row of a standard attribute.
#[must_use]
pub fn entry(kind: u8) -> Option<&'static Entry> {
    let at = standard::STANDARD.binary_search_by_key(&kind, |entry| entry.kind).ok()?;
    standard::STANDARD.get(at)
}

/// A vendor's name.
#[must_use]
pub fn vendor_name(vendor: u32) -> Option<&'static str> {
    VENDORS.iter().find(|(number, ..)| *number == vendor).map(|(_, name, _)| *name)
}

/// The row of a vendor's attribute.
#[must_use]
pub fn vendor_entry(vendor: u32, kind: u8) -> Option<&'static Entry> {
    let (_, _, entries) = VENDORS.iter().find(|(number, ..)| *number == vendor)?;
    entries.iter().find(|entry| entry.kind == kind)
}

/// All rows, standard attributes first. A few vendor attributes have a second row with an older name.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    standard::STANDARD.iter().chain(VENDORS.iter().flat_map(|(_, _, entries)| *entries))
}

/// An attribute as an administrator has named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Its row.
    pub entry: Entry,
    /// The tag behind its name, for attributes that belong to one of several tunnels.
    pub tag: Option<u8>,
}

/// Why a name names no attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unnamed {
    /// The dictionary has no such name.
    #[error(
        "no attribute has this name; one that is not known here is written Attr-26.<vendor number>.<type>"
    )]
    Unknown,
    /// The attribute has a tag behind its name and no place for one.
    #[error("this attribute has no tag")]
    NoTag,
    /// The tag is not one.
    #[error("a tag is a number from 0 to 31")]
    BadTag,
}

/// Finds an attribute by its name; case does not matter. Behind the name of a tunnel attribute may stand a
/// tag: `Tunnel-Type:1` (RFC 2868 section 3).
///
/// A vendor's attribute that the dictionary does not have is named by its numbers, `Attr-26.9.252`. Its value
/// is bytes, and as nobody here knows what it does, it counts as one that gives rights over the device.
///
/// # Errors
///
/// [`Unnamed`].
pub fn named(text: &str) -> Result<Named, Unnamed> {
    let (name, tag) = match text.split_once(':') {
        Some((name, tag)) => (name, Some(tag)),
        None => (text, None),
    };
    let known = entries().find(|entry| entry.name.eq_ignore_ascii_case(name)).copied();
    let entry = known.or_else(|| numbered(name)).ok_or(Unnamed::Unknown)?;
    let Some(tag) = tag else { return Ok(Named { entry, tag: None }) };
    if !entry.form.is_tagged() {
        return Err(Unnamed::NoTag);
    }
    let tag = tag.parse().ok().filter(|tag| *tag <= MAX_TAG).ok_or(Unnamed::BadTag)?;
    Ok(Named { entry, tag: Some(tag) })
}

/// Greatest tag (RFC 2868 section 3.1).
pub const MAX_TAG: u8 = 31;

fn numbered(name: &str) -> Option<Entry> {
    let prefix = name.get(..8).filter(|prefix| prefix.eq_ignore_ascii_case("Attr-26."))?;
    let (vendor, kind) = name.strip_prefix(prefix)?.split_once('.')?;
    let vendor = vendor.parse().ok().filter(|vendor| (1..=0x00ff_ffff).contains(vendor))?;
    let kind = kind.parse().ok()?;
    let unknown = Entry {
        vendor: Some(vendor),
        kind,
        name: "Vendor-Specific",
        form: Form::Bytes,
        place: Place::Administrative,
    };
    Some(vendor_entry(vendor, kind).copied().unwrap_or(unknown))
}

/// Writes a table of entries: the vendor's number or `None`; then for each its type, its name, its form, and
/// its place unless that is [`Place::Accept`].
macro_rules! table {
    ($vendor:expr; $($kind:literal $name:literal $form:ident $($place:ident)?;)*) => {
        &[$($crate::wire::radius::dictionary::Entry {
            vendor: $vendor,
            kind: $kind,
            name: $name,
            form: $crate::wire::radius::dictionary::Form::$form,
            place: $crate::wire::radius::dictionary::table!(@place $($place)?),
        }),*]
    };
    (@place) => { $crate::wire::radius::dictionary::Place::Accept };
    (@place $place:ident) => { $crate::wire::radius::dictionary::Place::$place };
}
use table;

/// Vendors with their attributes; those without are only named.
static VENDORS: &[(u32, &str, &[Entry])] = &[
    (CISCO, "Cisco", cisco::CISCO),
    (11, "HP", cisco::HP),
    (66, "Citrix", firewalls::CITRIX),
    (MICROSOFT, "Microsoft", microsoft::MICROSOFT),
    (890, "Zyxel", firewalls::ZYXEL),
    (2604, "Sophos", &[]),
    (2620, "Check Point", firewalls::CHECK_POINT),
    (2636, "Juniper", firewalls::JUNIPER),
    (3076, "Cisco ASA", cisco::ASA),
    (3097, "WatchGuard", &[]),
    (3224, "Juniper NetScreen", firewalls::NETSCREEN),
    (3375, "F5", firewalls::F5),
    (5951, "NetScaler", &[]),
    (6527, "Nokia", &[]),
    (8741, "SonicWall", firewalls::SONICWALL),
    (11256, "Stormshield", &[]),
    (FORTINET, "Fortinet", firewalls::FORTINET),
    (13644, "pfSense", firewalls::PFSENSE),
    (14122, "WISPr", wireless::WISPR),
    (14179, "Cisco WLC", cisco::AIRESPACE),
    (14823, "Aruba", wireless::ARUBA),
    (MIKROTIK, "MikroTik", firewalls::MIKROTIK),
    (25053, "Ruckus", wireless::RUCKUS),
    (PALO_ALTO, "Palo Alto Networks", firewalls::PALO_ALTO),
    (29671, "Cisco Meraki", cisco::MERAKI),
];

#[cfg(test)]
mod tests;
