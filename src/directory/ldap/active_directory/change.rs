//! A new password in place of the old one (B-093): unicodePwd, the old value taken away and the new one given in one step
//! (MS-ADTS 3.1.1.3.1.5), as anybody may who knows the old one. That works when the old one has expired and nobody can
//! bind with it any more, so the service account asks. It needs no right to set passwords, and must not have one.

use std::time::Instant;

use zeroize::Zeroizing;

use crate::base::secret::Secret;
use crate::directory::ldap::active_directory::ActiveDirectory;
use crate::login::identity::Account;
use crate::login::step::Changed;
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::ldap::connection::protocol;
use crate::upstream::ldap::dial::Endpoint;
use crate::upstream::ldap::trouble::{Trouble, refused, unhelped};
use crate::wire::ldap::message::LdapResult;
use crate::wire::ldap::request::exchange;
use crate::wire::ldap::result::{ResultCode, leading_number};

/// Win32 error codes at the beginning of the diagnostic message.
const INVALID_PASSWORD: u32 = 0x56;
const PASSWORD_RESTRICTION: u32 = 0x52d;
const LOCKED_OUT: u32 = 0x775;

impl ActiveDirectory {
    pub(crate) async fn change(
        &self,
        account: &Account,
        (old, new): (&Secret, &Secret),
        until: Instant,
    ) -> Result<Changed, Fault> {
        let Some(pool) = self.pool_of(Some(&account.handle)).filter(|pool| pool.can_change()) else {
            return Ok(Changed::Unsupported);
        };
        // What is no text was never a password here.
        let Some(old) = quoted(old) else { return Ok(Changed::WrongOld) };
        let Some(new) = quoted(new) else { return Ok(Changed::Refused) };
        let build = |id| exchange(id, &account.handle, "unicodePwd", (&old, &new));
        let (answer, server) = pool.change(&build, until).await?;
        let message = answer.last();
        let result = message.and_then(|message| LdapResult::read(&message.operation).map_err(protocol));
        match result {
            Ok(result) => outcome(pool.directory(), &server, &result),
            Err(broken) => Err(unhelped(pool.directory(), 1, Some((&server, Trouble::Broken(broken))))),
        }
    }
}

/// In quotation marks, as UTF-16 with the low octet first; `None` when it is empty or not UTF-8.
fn quoted(password: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(password.expose()).ok().filter(|text| !text.is_empty())?;
    // No character takes more octets than twice those of its UTF-8, so that no copy is left behind by growing.
    let mut octets = Zeroizing::new(Vec::with_capacity(text.len().saturating_mul(2).saturating_add(4)));
    for mark in ["\"", text, "\""] {
        mark.encode_utf16().for_each(|unit| octets.extend_from_slice(&unit.to_le_bytes()));
    }
    Some(octets)
}

/// What the answer to a change means. The number in its text only tells refusals apart: nothing but success is a change.
fn outcome(directory: &str, server: &Endpoint, result: &LdapResult<'_>) -> Result<Changed, Fault> {
    let fault = |advice: &str| {
        let what = format!(
            "directory \"{directory}\": {server} answered a change of password with {}; {advice}",
            result.code
        );
        Err(Fault::new(FaultKind::DirectoryRefusedUs, what))
    };
    match (result.code, leading_number(result.diagnostic)) {
        (ResultCode::SUCCESS, _) => Ok(Changed::Done),
        // Which of both was wrong does not matter to somebody who is locked: nothing is tried again.
        (ResultCode::CONSTRAINT_VIOLATION, Some(INVALID_PASSWORD | LOCKED_OUT)) => Ok(Changed::WrongOld),
        (ResultCode::CONSTRAINT_VIOLATION, _)
        | (ResultCode::UNWILLING_TO_PERFORM, Some(PASSWORD_RESTRICTION)) => Ok(Changed::Refused),
        (ResultCode::INSUFFICIENT_ACCESS_RIGHTS, _) => fault(
            "the account may not change its password, or the service account may not ask for it: look for \"User cannot change password\" there, and for who has the right \"Change Password\"",
        ),
        (ResultCode::UNWILLING_TO_PERFORM, _) => {
            fault("it changes passwords over TLS with 128 bits or more alone: look at its settings for TLS")
        }
        (ResultCode::REFERRAL, _) => {
            fault("it is a read-only domain controller: list one that can be written before it")
        }
        (code, _) => Err(refused(directory, server, "a change of password", code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: ResultCode, diagnostic: &str) -> Result<Changed, Fault> {
        let server = Endpoint { host: "dc1".into(), port: 636 };
        let result =
            LdapResult { code, matched: b"", diagnostic: diagnostic.as_bytes(), has_referral: false };
        outcome("corp", &server, &result)
    }

    #[test]
    fn a_password_is_sent_in_quotation_marks_as_utf_16_b_093() {
        let octets = quoted(&Secret::copied("aü😀".as_bytes())).unwrap();
        assert_eq!(**octets, *b"\"\0a\0\xfc\0\x3d\xd8\x00\xde\"\0");
        assert!(octets.capacity() >= octets.len());
        assert!(quoted(&Secret::copied(b"\xff")).is_none());
        assert!(quoted(&Secret::copied(b"")).is_none());
    }

    #[test]
    fn a_refusal_by_policy_is_told_from_a_wrong_old_password_b_093() {
        let constraint = |text| said(ResultCode::CONSTRAINT_VIOLATION, text);
        let policy = "0000052D: AtrErr: DSID-03190FD6, #1:\n\t0: 0000052D: DSID-03190FD6, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)";
        let wrong = "00000056: AtrErr: DSID-03190FD6, #1:\n\t0: 00000056: DSID-03190FD6, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)";
        assert_eq!(constraint(policy), Ok(Changed::Refused));
        assert_eq!(constraint(wrong), Ok(Changed::WrongOld));
        assert_eq!(constraint("00000775: locked"), Ok(Changed::WrongOld));
        assert_eq!(constraint(""), Ok(Changed::Refused));
        let unwilling =
            said(ResultCode::UNWILLING_TO_PERFORM, "0000052D: SvcErr: DSID-031A12D2, problem 5003");
        assert_eq!(unwilling, Ok(Changed::Refused));
    }

    #[test]
    fn only_success_is_a_change_whatever_the_text_says() {
        for code in 1..=200 {
            for text in ["", "00000000: ok", "0000052D: x", "00000056: x"] {
                assert_ne!(said(ResultCode(code), text), Ok(Changed::Done), "{code} {text}");
            }
        }
        assert_eq!(said(ResultCode::SUCCESS, "00000056: x"), Ok(Changed::Done));
    }

    #[test]
    fn what_an_administrator_must_change_is_a_fault_that_says_so() {
        let cases = [
            (ResultCode::INSUFFICIENT_ACCESS_RIGHTS, "User cannot change password"),
            (ResultCode::UNWILLING_TO_PERFORM, "over TLS"),
            (ResultCode::REFERRAL, "read-only domain controller"),
        ];
        for (code, advice) in cases {
            let fault = said(code, "00000005: SecErr").unwrap_err();
            assert_eq!(fault.kind, FaultKind::DirectoryRefusedUs, "{code}");
            assert!(
                fault.what.starts_with("directory \"corp\": dc1:636 answered a change of password"),
                "{fault}"
            );
            assert!(fault.what.contains(advice), "{fault}");
        }
        assert_eq!(said(ResultCode::BUSY, "").unwrap_err().kind, FaultKind::DirectoryUnreachable);
    }
}
