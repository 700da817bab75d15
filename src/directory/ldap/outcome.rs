//! What the result code of a bind means for a login: the one table from LDAP's words to ours.

use crate::login::step::PrimaryOutcome;
use crate::login::verdict::Fault;
use crate::upstream::ldap::dial::Endpoint;
use crate::upstream::ldap::trouble::{refused, wants_channel_binding};
use crate::wire::ldap::message::LdapResult;
use crate::wire::ldap::result::{ResultCode, bind_data};

/// What a user's bind came to.
///
/// Only success is a yes; what says "wrong", "locked" or the like is an answer; everything else is a fault,
/// never "wrong password" (B-043, B-089).
///
/// # Errors
///
/// A fault that names the server and whose move it is.
pub(crate) fn of_bind(
    directory: &str,
    server: &Endpoint,
    result: &LdapResult<'_>,
) -> Result<PrimaryOutcome, Fault> {
    if let Some(fault) = wants_channel_binding(directory, server, result) {
        return Err(fault);
    }
    match result.code {
        ResultCode::SUCCESS => Ok(PrimaryOutcome::Correct),
        ResultCode::INVALID_CREDENTIALS => Ok(hinted(bind_data(result.diagnostic))),
        // No such entry any more, or one without a password.
        ResultCode::NO_SUCH_OBJECT | ResultCode::INAPPROPRIATE_AUTHENTICATION => Ok(PrimaryOutcome::Wrong),
        // 389 Directory Server and FreeIPA: too many failures, and an inactivated account.
        ResultCode::CONSTRAINT_VIOLATION => Ok(PrimaryOutcome::Locked),
        ResultCode::UNWILLING_TO_PERFORM => Ok(PrimaryOutcome::Disabled),
        code => Err(refused(directory, server, "a bind", code)),
    }
}

/// Active Directory's numbers (B-084, B-085): a hint for the audit, and never a yes. All but 525, 52e and 775 are given
/// only to who knows the password; 775 says nothing about it.
const fn hinted(data: Option<u32>) -> PrimaryOutcome {
    match data {
        // A policy forbids it: an empty password, a protected user; too many groups for a token.
        Some(0x52f | 0x568 | 0x569) => PrimaryOutcome::Restricted,
        Some(0x530) => PrimaryOutcome::OutsideHours,
        Some(0x531) => PrimaryOutcome::WrongWorkstation,
        Some(0x532) => PrimaryOutcome::PasswordExpired,
        Some(0x533) => PrimaryOutcome::Disabled,
        Some(0x701) => PrimaryOutcome::Expired,
        Some(0x773) => PrimaryOutcome::MustChange,
        Some(0x775) => PrimaryOutcome::Locked,
        // 525, 52e, and what nobody has described.
        _ => PrimaryOutcome::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::verdict::FaultKind;

    fn bind(code: ResultCode, diagnostic: &[u8]) -> Result<PrimaryOutcome, FaultKind> {
        let server = Endpoint { host: "dc1".into(), port: 636 };
        let result = LdapResult { code, matched: b"", diagnostic, has_referral: false };
        of_bind("corp", &server, &result).map_err(|fault| fault.kind)
    }

    #[test]
    fn only_success_is_a_yes_whatever_the_text_says_b_085() {
        for code in 1..=200 {
            for data in ["", "data 0", "data 52e", "data 532", "data 773", "data 775"] {
                assert_ne!(
                    bind(ResultCode(code), data.as_bytes()),
                    Ok(PrimaryOutcome::Correct),
                    "{code} {data}"
                );
            }
        }
        assert_eq!(bind(ResultCode::SUCCESS, b"data 52e"), Ok(PrimaryOutcome::Correct));
    }

    #[test]
    fn active_directorys_numbers_tell_the_audit_why_b_084() {
        let hints = [
            ("525", PrimaryOutcome::Wrong),
            ("52e", PrimaryOutcome::Wrong),
            ("52f", PrimaryOutcome::Restricted),
            ("530", PrimaryOutcome::OutsideHours),
            ("531", PrimaryOutcome::WrongWorkstation),
            ("532", PrimaryOutcome::PasswordExpired),
            ("533", PrimaryOutcome::Disabled),
            ("568", PrimaryOutcome::Restricted),
            ("569", PrimaryOutcome::Restricted),
            ("701", PrimaryOutcome::Expired),
            ("773", PrimaryOutcome::MustChange),
            ("775", PrimaryOutcome::Locked),
            ("57", PrimaryOutcome::Wrong),
        ];
        for (data, outcome) in hints {
            let text = format!("80090308: LdapErr: DSID-0C09042A, comment: x, data {data}, v3839");
            assert_eq!(bind(ResultCode::INVALID_CREDENTIALS, text.as_bytes()), Ok(outcome), "{data}");
        }
        assert_eq!(bind(ResultCode::INVALID_CREDENTIALS, b""), Ok(PrimaryOutcome::Wrong));
    }

    #[test]
    fn a_wish_for_tls_is_a_fault_that_says_what_to_change_b_089() {
        let server = Endpoint { host: "dc1".into(), port: 389 };
        let result = LdapResult {
            code: ResultCode::STRONGER_AUTH_REQUIRED,
            matched: b"",
            diagnostic: b"",
            has_referral: false,
        };
        let fault = of_bind("corp", &server, &result).unwrap_err();
        assert_eq!(fault.kind, FaultKind::DirectoryRefusedUs);
        assert_eq!(
            fault.what,
            "directory \"corp\": dc1:389 answered a bind with strongerAuthRequired (8); it wants TLS before a password: set tls = \"ldaps\" or tls = \"starttls\""
        );
    }

    #[test]
    fn unavailable_and_referral_are_faults_and_never_a_wrong_password_b_043_b_051() {
        assert_eq!(bind(ResultCode::UNAVAILABLE, b""), Err(FaultKind::DirectoryUnreachable));
        assert_eq!(bind(ResultCode::BUSY, b""), Err(FaultKind::DirectoryUnreachable));
        assert_eq!(bind(ResultCode::REFERRAL, b""), Err(FaultKind::DirectoryRefusedUs));
        assert_eq!(bind(ResultCode(80), b""), Err(FaultKind::DirectoryConfusing));
    }
}
