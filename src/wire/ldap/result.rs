//! Result codes (RFC 4511 section 4.1.9) and what Active Directory adds to them.

/// A result code as the peer sent it; known or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResultCode(pub u32);

impl ResultCode {
    /// It was done.
    pub const SUCCESS: Self = Self(0);
    /// The server could not do it now, or not in this order.
    pub const OPERATIONS_ERROR: Self = Self(1);
    /// The server did not understand us.
    pub const PROTOCOL_ERROR: Self = Self(2);
    /// The search took too long for the server.
    pub const TIME_LIMIT_EXCEEDED: Self = Self(3);
    /// More entries matched than the server or we allow.
    pub const SIZE_LIMIT_EXCEEDED: Self = Self(4);
    /// The server does not know this way to bind.
    pub const AUTH_METHOD_NOT_SUPPORTED: Self = Self(7);
    /// The server wants TLS or signing first.
    pub const STRONGER_AUTH_REQUIRED: Self = Self(8);
    /// Ask another server.
    pub const REFERRAL: Self = Self(10);
    /// A limit that the administrator has set.
    pub const ADMIN_LIMIT_EXCEEDED: Self = Self(11);
    /// A control that must be obeyed is not known, or not allowed.
    pub const UNAVAILABLE_CRITICAL_EXTENSION: Self = Self(12);
    /// The server wants TLS first.
    pub const CONFIDENTIALITY_REQUIRED: Self = Self(13);
    /// The entry has no such attribute.
    pub const NO_SUCH_ATTRIBUTE: Self = Self(16);
    /// The schema has no such attribute.
    pub const UNDEFINED_ATTRIBUTE_TYPE: Self = Self(17);
    /// The attribute has no such way to match.
    pub const INAPPROPRIATE_MATCHING: Self = Self(18);
    /// A rule of the server stands against it; slapd's password policy says so of locked accounts.
    pub const CONSTRAINT_VIOLATION: Self = Self(19);
    /// There is no such entry.
    pub const NO_SUCH_OBJECT: Self = Self(32);
    /// What we sent as a name is none.
    pub const INVALID_DN_SYNTAX: Self = Self(34);
    /// This entry cannot bind this way.
    pub const INAPPROPRIATE_AUTHENTICATION: Self = Self(48);
    /// Wrong name or password.
    pub const INVALID_CREDENTIALS: Self = Self(49);
    /// We may not do this.
    pub const INSUFFICIENT_ACCESS_RIGHTS: Self = Self(50);
    /// The server has too much to do.
    pub const BUSY: Self = Self(51);
    /// The server is not there for this.
    pub const UNAVAILABLE: Self = Self(52);
    /// The server refuses.
    pub const UNWILLING_TO_PERFORM: Self = Self(53);
    /// It was ended on request (RFC 3909).
    pub const CANCELED: Self = Self(118);
    /// There is no such operation to end (RFC 3909).
    pub const NO_SUCH_OPERATION: Self = Self(119);
    /// It is too late to end the operation (RFC 3909).
    pub const TOO_LATE: Self = Self(120);
    /// This operation cannot be ended (RFC 3909).
    pub const CANNOT_CANCEL: Self = Self(121);
    /// Nobody may act as somebody else here (RFC 4370).
    pub const AUTHORIZATION_DENIED: Self = Self(123);

    /// It was done.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::SUCCESS
    }
}

impl std::fmt::Display for ResultCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match *self {
            Self::SUCCESS => "success",
            Self::OPERATIONS_ERROR => "operationsError",
            Self::PROTOCOL_ERROR => "protocolError",
            Self::TIME_LIMIT_EXCEEDED => "timeLimitExceeded",
            Self::SIZE_LIMIT_EXCEEDED => "sizeLimitExceeded",
            Self::AUTH_METHOD_NOT_SUPPORTED => "authMethodNotSupported",
            Self::STRONGER_AUTH_REQUIRED => "strongerAuthRequired",
            Self::REFERRAL => "referral",
            Self::ADMIN_LIMIT_EXCEEDED => "adminLimitExceeded",
            Self::UNAVAILABLE_CRITICAL_EXTENSION => "unavailableCriticalExtension",
            Self::CONFIDENTIALITY_REQUIRED => "confidentialityRequired",
            Self::NO_SUCH_ATTRIBUTE => "noSuchAttribute",
            Self::UNDEFINED_ATTRIBUTE_TYPE => "undefinedAttributeType",
            Self::INAPPROPRIATE_MATCHING => "inappropriateMatching",
            Self::CONSTRAINT_VIOLATION => "constraintViolation",
            Self::NO_SUCH_OBJECT => "noSuchObject",
            Self::INVALID_DN_SYNTAX => "invalidDNSyntax",
            Self::INAPPROPRIATE_AUTHENTICATION => "inappropriateAuthentication",
            Self::INVALID_CREDENTIALS => "invalidCredentials",
            Self::INSUFFICIENT_ACCESS_RIGHTS => "insufficientAccessRights",
            Self::BUSY => "busy",
            Self::UNAVAILABLE => "unavailable",
            Self::UNWILLING_TO_PERFORM => "unwillingToPerform",
            Self::CANCELED => "canceled",
            Self::NO_SUCH_OPERATION => "noSuchOperation",
            Self::TOO_LATE => "tooLate",
            Self::CANNOT_CANCEL => "cannotCancel",
            Self::AUTHORIZATION_DENIED => "authorizationDenied",
            Self(code) => return write!(f, "result {code}"),
        };
        write!(f, "{name} ({})", self.0)
    }
}

/// The `data` number in the diagnostic message of a refused bind, as Active Directory and Samba write it:
/// `80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 532, v3839`.
///
/// A hint only: RFC 4511 section 4.1.9 forbids to rely on the text, so its absence means nothing (B-084).
#[must_use]
pub fn bind_data(diagnostic: &[u8]) -> Option<u32> {
    // The server decides how long this text is; the number stands near its beginning.
    let text = diagnostic.get(..512).unwrap_or(diagnostic).to_ascii_lowercase();
    let mut words =
        text.split(|octet| matches!(octet, b' ' | b',' | b':' | b'\0')).filter(|word| !word.is_empty());
    words.find(|word| *word == b"data")?;
    let digits = words.next()?;
    let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The number that the diagnostic message begins with, as Active Directory and Samba write it in answers to changes:
/// `0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0`. A Win32 error code; a hint only, as
/// [`bind_data`].
#[must_use]
pub fn leading_number(diagnostic: &[u8]) -> Option<u32> {
    let (digits, rest) = diagnostic.split_at_checked(8)?;
    let fits = rest.first() == Some(&b':') && digits.iter().all(u8::is_ascii_hexdigit);
    u32::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| fits)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_refused_change_stands_at_the_beginning_b_093() {
        assert_eq!(leading_number(b"0000052D: SvcErr: DSID-031A12D2"), Some(0x52d));
        assert_eq!(leading_number(b"00000056: x"), Some(0x56));
        for other in [&b""[..], b"0000052D", b"52D: x", b"+000052D: x", b"x 0000052D: x", b"0000052G: x"] {
            assert_eq!(leading_number(other), None);
        }
    }

    #[test]
    fn the_data_number_is_found_in_the_texts_of_active_directory_and_samba_b_084() {
        let windows =
            b"80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 52e, v3839\0";
        let samba =
            b"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 533, v1db1";
        assert_eq!(bind_data(windows), Some(0x52e));
        assert_eq!(bind_data(samba), Some(0x533));
        assert_eq!(bind_data(b"ERROR, DATA 0x773,"), Some(0x773));
    }

    #[test]
    fn a_text_without_the_number_says_nothing_b_084() {
        for text in
            [&b""[..], b"data", b"data xyz", b"metadata 52e", b"data 123456789abc", b"invalid credentials"]
        {
            assert_eq!(bind_data(text), None, "{text:?}");
        }
    }
}
