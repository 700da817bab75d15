//! MS-CHAP and MS-CHAPv2 in requests and replies (RFC 2548 sections 2.1 to 2.3, RFC 2433, RFC 2759). The
//! hashes are the business of the server that knows the password; here are forms, sizes and texts.

use crate::wire::radius::dictionary::{
    MICROSOFT, MS_CHAP_CHALLENGE, MS_CHAP_CPW_1, MS_CHAP_CPW_2, MS_CHAP_LM_ENC_PW, MS_CHAP_NT_ENC_PW,
    MS_CHAP_RESPONSE, MS_CHAP2_CPW, MS_CHAP2_RESPONSE, VENDOR_SPECIFIC,
};
use crate::wire::radius::packet::Packet;

/// Length of the new password, encrypted, over all its attributes (RFC 2548 section 2.2.3).
const ENCRYPTED_PASSWORD: usize = 516;
/// Each of those attributes has a code, an identifier and a sequence number before its part.
const FRAGMENT_HEADER: usize = 4;
/// Room for the value of a vendor's attribute.
const MAX_VENDOR_VALUE: usize = 247;

/// Which MS-CHAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// RFC 2433.
    V1,
    /// RFC 2759.
    V2,
}

/// What a device says of an MS-CHAP login.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MsChap<'a> {
    /// Which of both.
    pub version: Version,
    /// The identifier that goes into the replies to it.
    pub identifier: u8,
    /// What the peer was asked: 8 bytes, or 16 in version 2.
    pub challenge: &'a [u8],
    /// The peer does not log in, it sends a new password.
    pub changes_password: bool,
}

/// Why an MS-CHAP login cannot be used: the request is to be rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMsChap {
    /// An attribute has a length that it must not have.
    #[error("microsoft attribute {kind} has {length} bytes, it must have {expected}")]
    Size {
        /// The vendor's type.
        kind: u8,
        /// Length of its value.
        length: usize,
        /// Length that it must have.
        expected: usize,
    },
    /// There is a response and no MS-CHAP-Challenge.
    #[error("the ms-chap-challenge is missing")]
    NoChallenge,
    /// There are several responses, challenges or changes of a password.
    #[error("there is more than one ms-chap login in the request")]
    Several,
    /// The new password is not there as a whole.
    #[error("the encrypted new password has {0} bytes, it must have 516")]
    NewPassword(usize),
}

/// Attributes that make a login: vendor type, version, length of the value, where the identifier stands,
/// whether a password is changed.
const LOGINS: [(u8, Version, usize, usize, bool); 5] = [
    (MS_CHAP_RESPONSE, Version::V1, 50, 0, false),
    (MS_CHAP2_RESPONSE, Version::V2, 50, 0, false),
    (MS_CHAP_CPW_1, Version::V1, 70, 1, true),
    (MS_CHAP_CPW_2, Version::V1, 84, 1, true),
    (MS_CHAP2_CPW, Version::V2, 68, 1, true),
];

impl<'a> MsChap<'a> {
    /// Reads the MS-CHAP login of a request; `None` if it has none. A challenge alone is none.
    ///
    /// Flags and reserved bytes are left to the server that judges the response.
    ///
    /// # Errors
    ///
    /// [`BadMsChap`] for what forbid.
    pub fn read(packet: &Packet<'a>) -> Result<Option<Self>, BadMsChap> {
        let mut found = None;
        if !packet.has(VENDOR_SPECIFIC) {
            return Ok(None);
        }
        for (kind, version, expected, at, changes_password) in LOGINS {
            for value in packet.vendor(MICROSOFT, kind) {
                let identifier = sized(kind, value, expected)?.get(at).copied().unwrap_or_default();
                let challenge = challenge(packet, version)?;
                let login = Self { version, identifier, challenge, changes_password };
                if found.replace(login).is_some() {
                    return Err(BadMsChap::Several);
                }
                new_password(packet, kind)?;
            }
        }
        Ok(found)
    }
}

/// A challenge with its answer can be tried against many passwords, so neither is shown.
impl std::fmt::Debug for MsChap<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("MsChap");
        shown.field("version", &self.version).field("changes_password", &self.changes_password);
        shown.finish_non_exhaustive()
    }
}

fn sized(kind: u8, value: &[u8], expected: usize) -> Result<&[u8], BadMsChap> {
    let length = value.len();
    if length == expected { Ok(value) } else { Err(BadMsChap::Size { kind, length, expected }) }
}

fn challenge<'a>(packet: &Packet<'a>, version: Version) -> Result<&'a [u8], BadMsChap> {
    let expected = match version {
        Version::V1 => 8,
        Version::V2 => 16,
    };
    let mut all = packet.vendor(MICROSOFT, MS_CHAP_CHALLENGE);
    let challenge = all.next().ok_or(BadMsChap::NoChallenge)?;
    if all.next().is_some() {
        return Err(BadMsChap::Several);
    }
    sized(MS_CHAP_CHALLENGE, challenge, expected)
}

/// A change has the new password with it, in several attributes; the first form of it has it inside.
fn new_password(packet: &Packet<'_>, kind: u8) -> Result<(), BadMsChap> {
    let parts: &[u8] = match kind {
        MS_CHAP2_CPW => &[MS_CHAP_NT_ENC_PW],
        MS_CHAP_CPW_2 => &[MS_CHAP_NT_ENC_PW, MS_CHAP_LM_ENC_PW],
        _ => return Ok(()),
    };
    for (place, part) in parts.iter().enumerate() {
        let fragments = packet.vendor(MICROSOFT, *part);
        let total: usize = fragments.map(|value| value.len().saturating_sub(FRAGMENT_HEADER)).sum();
        // The hash for old clients may be left out (RFC 2548 section 2.2.2); half of it may not.
        if total != ENCRYPTED_PASSWORD && (place == 0 || total != 0) {
            return Err(BadMsChap::NewPassword(total));
        }
    }
    Ok(())
}

/// Why a peer is told that its login failed (RFC 2759 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// Logins are restricted to other hours.
    OutsideHours,
    /// The account is disabled.
    Disabled,
    /// The password has expired.
    PasswordExpired,
    /// The account may not dial in.
    NoDialIn,
    /// The credentials do not fit; the only one that we send of ourselves (B-085).
    Authentication,
    /// A password could not be changed.
    ChangingPassword,
}

impl ErrorCode {
    const ALL: [Self; 6] = [
        Self::OutsideHours,
        Self::Disabled,
        Self::PasswordExpired,
        Self::NoDialIn,
        Self::Authentication,
        Self::ChangingPassword,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::OutsideHours => 646,
            Self::Disabled => 647,
            Self::PasswordExpired => 648,
            Self::NoDialIn => 649,
            Self::Authentication => 691,
            Self::ChangingPassword => 709,
        }
    }
}

/// The code in the value of an MS-CHAP-Error, `E=` and decimal digits (RFC 2548 section 2.1.5). Before it
/// stands the identifier, which some servers leave out. `None` for a code that RFC 2759 does not name.
#[must_use]
pub fn error_code(value: &[u8]) -> Option<ErrorCode> {
    let text = value.strip_prefix(b"E=").or_else(|| value.get(1..)?.strip_prefix(b"E="))?;
    let digits = text.split(|byte| !byte.is_ascii_digit()).next()?;
    let number: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    ErrorCode::ALL.into_iter().find(|code| code.number() == number)
}

/// The value of an MS-CHAP-Error that allows no second try, for the peer that sent a response with
/// `identifier`.
///
/// * `challenge`: random bytes that nobody will answer, for the form demands some.
/// * `message`: for people, in version 2 alone; control characters are left out, and what has no room.
#[must_use]
pub fn error_value(
    version: Version,
    identifier: u8,
    code: ErrorCode,
    challenge: &[u8; 16],
    message: &str,
) -> Vec<u8> {
    let hex = |bytes: &[u8]| data_encoding::HEXUPPER.encode(bytes);
    let number = code.number();
    let mut text = match version {
        Version::V1 => {
            let (front, _) = challenge.split_at(8);
            return [&[identifier][..], format!("E={number} R=0 C={} V=2", hex(front)).as_bytes()].concat();
        }
        Version::V2 => format!("E={number} R=0 C={} V=3 M=", hex(challenge)),
    };
    for letter in message.chars().filter(|letter| !letter.is_control()) {
        // One byte is for the identifier.
        if text.len().saturating_add(letter.len_utf8()) >= MAX_VENDOR_VALUE {
            break;
        }
        text.push(letter);
    }
    [&[identifier][..], text.as_bytes()].concat()
}

/// What proves to the peer that the server knows the password, too (RFC 2548 section 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Success<'a> {
    /// The identifier of the response that it belongs to.
    pub identifier: u8,
    /// `S=` and 40 hexadecimal digits.
    pub text: &'a [u8; 42],
}

impl<'a> Success<'a> {
    /// Reads the value of an MS-CHAP2-Success; `None` if it has not the form that A-099 asks for: an accept
    /// with it would be refused by the peer.
    #[must_use]
    pub fn read(value: &'a [u8]) -> Option<Self> {
        let (identifier, text) = value.split_first()?;
        let text: &[u8; 42] = text.try_into().ok()?;
        let digits = text.strip_prefix(b"S=")?;
        let upper = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
        upper.then_some(Self { identifier: *identifier, text })
    }
}

#[cfg(test)]
mod tests;
