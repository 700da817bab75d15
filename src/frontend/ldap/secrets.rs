//! Attributes that nobody reads, searches or compares through us (B-049): passwords, their hashes and histories,
//! keys, seeds. A comparison with a password is a bind without a second factor; so is a search for one.

use std::sync::LazyLock;

use crate::wire::ldap::ask::attribute_type;

/// Whether this attribute description, options and all, names a secret: by name or OID, in any letter case.
#[must_use]
pub fn is_secret(description: &[u8]) -> bool {
    let name = attribute_type(description);
    SECRETS.first_of(name).is_some_and(|secret| !secret.whole || secret.name.len() == name.len())
}

/// Whether the value of a control speaks of a secret attribute anywhere.
///
/// Controls can read attributes, compare them or sort by them (RFC 4527, RFC 4528, RFC 2891, RFC 3876 and more),
/// each in a syntax of its own. None of them has a reason to hold such a name, so it is looked for as text.
#[must_use]
pub fn speaks_of_secret(value: &[u8]) -> bool {
    (0..value.len()).any(|at| value.get(at..).is_some_and(|rest| SECRETS.first_of(rest).is_some()))
}

/// Made once from the lists below.
static SECRETS: LazyLock<Secrets> = LazyLock::new(Secrets::new);

/// The names in an order in which each is found in a few steps: a message may hold millions of names, or one value
/// that could begin a name at every octet, and is read while others wait.
struct Secrets {
    /// Folded and sorted, none of them the beginning of another.
    names: Vec<Name>,
    /// Whether any of them begins with this octet, folded.
    begins: [bool; 256],
}

struct Name {
    name: Vec<u8>,
    /// It must be all of an attribute's name, not its beginning.
    whole: bool,
}

impl Secrets {
    fn new() -> Self {
        let named = |whole| move |name: &&str| Name { name: name.as_bytes().to_ascii_lowercase(), whole };
        let wholes = NAMES.iter().chain(OIDS).map(named(true));
        let mut names: Vec<Name> = wholes.chain(PREFIXES.iter().map(named(false))).collect();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        let mut begins = [false; 256];
        for name in &names {
            if let Some(begin) = name.name.first().and_then(|first| begins.get_mut(usize::from(*first))) {
                *begin = true;
            }
        }
        Self { names, begins }
    }

    /// The one that `text` begins with, in any letter case.
    fn first_of(&self, text: &[u8]) -> Option<&Name> {
        let first = text.first()?.to_ascii_lowercase();
        if !self.begins.get(usize::from(first)).is_some_and(|begins| *begins) {
            return None;
        }
        let found = self.names.binary_search_by(|name| {
            let begin = text.get(..name.name.len()).unwrap_or(text);
            let begin = begin.iter().map(u8::to_ascii_lowercase);
            // A text that ends within a name stands before it.
            name.name.iter().copied().cmp(begin)
        });
        found.ok().and_then(|at| self.names.get(at))
    }
}

/// Whether a change of this attribute is a change of a password (B-031).
#[must_use]
pub fn is_password(description: &[u8]) -> bool {
    let name = attribute_type(description);
    PASSWORDS.iter().any(|password| name.eq_ignore_ascii_case(password.as_bytes()))
}

/// What people change when they change their password, by name and OID.
const PASSWORDS: &[&str] = &[
    "userPassword",
    "2.5.4.35",
    "unicodePwd",
    "1.2.840.113556.1.4.90",
    "clearTextPassword",
    "authPassword",
    "1.3.6.1.4.1.4203.1.3.4",
    "sambaNTPassword",
    "1.3.6.1.4.1.7165.2.1.25",
    "sambaLMPassword",
    "1.3.6.1.4.1.7165.2.1.24",
    "krbPrincipalKey",
    "2.16.840.1.113719.1.301.4.39.1",
    "unixUserPassword",
    "1.2.840.113556.1.4.1910",
    "dBCSPwd",
    "1.2.840.113556.1.4.55",
];

/// Windows LAPS: passwords of the machines' administrators.
const PREFIXES: &[&str] = &["msLAPS-", "1.2.840.113556.1.6.44.1."];

const NAMES: &[&str] = &[
    // Any directory.
    "userPassword",
    "authPassword",
    "clearTextPassword",
    "userPKCS12",
    "pwdHistory",
    "passwordHistory",
    "ntPwdHash",
    "lmPwdHash",
    // Active Directory (MS-ADA1 to MS-ADA3).
    "unicodePwd",
    "dBCSPwd",
    "ntPwdHistory",
    "lmPwdHistory",
    "supplementalCredentials",
    "unixUserPassword",
    "msSFU30Password",
    "currentValue",
    "priorValue",
    "pekList",
    "initialAuthIncoming",
    "initialAuthOutgoing",
    "trustAuthIncoming",
    "trustAuthOutgoing",
    "ms-Mcs-AdmPwd",
    "msDS-ManagedPassword",
    "msDS-ExecuteScriptPassword",
    "msFVE-RecoveryPassword",
    "msFVE-KeyPackage",
    "msTPM-OwnerInformation",
    "msPKIAccountCredentials",
    "msPKIDPAPIMasterKeys",
    // Samba with another directory.
    "sambaNTPassword",
    "sambaLMPassword",
    "sambaPasswordHistory",
    "sambaClearTextPassword",
    "sambaPreviousClearTextPassword",
    // Kerberos and FreeIPA.
    "krbPrincipalKey",
    "krbMKey",
    "krbPwdHistory",
    "krb5Key",
    "ipaNTHash",
    "ipatokenOTPkey",
    // One-time codes and servers of their own.
    "oathSecret",
    "olcRootPW",
    "nsslapd-rootpw",
];

const OIDS: &[&str] = &[
    // userPassword, authPassword, userPKCS12, pwdHistory.
    "2.5.4.35",
    "1.3.6.1.4.1.4203.1.3.4",
    "2.16.840.1.113730.3.1.216",
    "1.3.6.1.4.1.42.2.27.8.1.20",
    // unicodePwd, dBCSPwd, ntPwdHistory, lmPwdHistory, supplementalCredentials, unixUserPassword.
    "1.2.840.113556.1.4.90",
    "1.2.840.113556.1.4.55",
    "1.2.840.113556.1.4.94",
    "1.2.840.113556.1.4.160",
    "1.2.840.113556.1.4.125",
    "1.2.840.113556.1.4.1910",
    // currentValue, priorValue, pekList.
    "1.2.840.113556.1.4.27",
    "1.2.840.113556.1.4.100",
    "1.2.840.113556.1.4.865",
    // initialAuthIncoming, initialAuthOutgoing, trustAuthIncoming, trustAuthOutgoing.
    "1.2.840.113556.1.4.539",
    "1.2.840.113556.1.4.540",
    "1.2.840.113556.1.4.129",
    "1.2.840.113556.1.4.135",
    // ms-Mcs-AdmPwd, msDS-ManagedPassword, msDS-ExecuteScriptPassword.
    "1.2.840.113556.1.8000.2554.50051.45980.28112.18903.35903.6685103.1224907.2.1",
    "1.2.840.113556.1.4.2196",
    "1.2.840.113556.1.4.1783",
    // msFVE-RecoveryPassword, msFVE-KeyPackage, msTPM-OwnerInformation.
    "1.2.840.113556.1.4.1964",
    "1.2.840.113556.1.4.1999",
    "1.2.840.113556.1.4.1966",
    // msPKIAccountCredentials, msPKIDPAPIMasterKeys.
    "1.2.840.113556.1.4.1894",
    "1.2.840.113556.1.4.1893",
    // sambaNTPassword, sambaLMPassword, sambaPasswordHistory, sambaClearTextPassword and the one before it.
    "1.3.6.1.4.1.7165.2.1.25",
    "1.3.6.1.4.1.7165.2.1.24",
    "1.3.6.1.4.1.7165.2.1.54",
    "1.3.6.1.4.1.7165.2.1.68",
    "1.3.6.1.4.1.7165.2.1.69",
    // krbPrincipalKey, krb5Key, ipaNTHash, ipatokenOTPkey.
    "2.16.840.1.113719.1.301.4.39.1",
    "1.3.6.1.4.1.5322.10.1.10",
    "2.16.840.1.113730.3.8.11.2",
    "2.16.840.1.113730.3.8.16.1.4",
    // oathSecret, olcRootPW.
    "1.3.6.1.4.1.5427.1.389.4226.4.1",
    "1.3.6.1.4.1.4203.1.12.2.3.2.0.9",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_a_secret_attribute_is_missed_b_049() {
        for spelling in [
            "userPassword",
            "USERPASSWORD",
            "userpassword;lang-en;x-more",
            "2.5.4.35",
            "OID.2.5.4.35",
            "oid.2.5.4.35;binary",
            " userPassword ",
            "userPassword\0x",
            "unicodePwd",
            "ms-Mcs-AdmPwd",
            "msLAPS-Password",
            "MSLAPS-EncryptedPasswordHistory;range=0-1",
            "1.2.840.113556.1.6.44.1.2",
            "krbPrincipalKey",
            "sambantpassword",
            "msDS-ManagedPassword",
        ] {
            assert!(is_secret(spelling.as_bytes()), "{spelling}");
        }
    }

    #[test]
    fn what_only_looks_like_a_secret_attribute_passes() {
        for harmless in [
            "cn",
            "pwdLastSet",
            "msDS-UserPasswordExpiryTimeComputed",
            "userPasswordHint",
            "2.5.4.3",
            "*",
            "+",
            "1.1",
            "",
        ] {
            assert!(!is_secret(harmless.as_bytes()), "{harmless}");
        }
        assert!(!is_secret(b"2.5.4.351"));
        assert!(!is_secret(b"msLAPS"));
    }

    #[test]
    fn a_control_that_speaks_of_a_secret_attribute_is_found_whatever_its_syntax_b_049() {
        assert!(speaks_of_secret(b"\x30\x0e\x04\x0cUSERpassword"));
        assert!(speaks_of_secret(b"\x30\x0a\x04\x082.5.4.35"));
        assert!(!speaks_of_secret(b"\x30\x05\x02\x01\x64\x04\x00"));
        assert!(!speaks_of_secret(b""));
    }

    #[test]
    fn no_secret_begins_with_another_so_that_each_is_found() {
        let names = &SECRETS.names;
        assert_eq!(names.len(), NAMES.len() + OIDS.len() + PREFIXES.len());
        for pair in names.windows(2) {
            assert!(!pair[1].name.starts_with(&pair[0].name), "{}", String::from_utf8_lossy(&pair[1].name));
        }
        for secret in NAMES.iter().chain(OIDS).chain(PREFIXES) {
            assert!(is_secret(secret.as_bytes()), "{secret}");
            let value = [b"\x04\x10", secret.to_ascii_uppercase().as_bytes(), b"\x04"].concat();
            assert!(speaks_of_secret(&value), "{secret}");
            assert!(!speaks_of_secret(&value[..value.len() - 2]), "{secret} is cut off");
        }
    }

    #[test]
    fn every_password_that_people_change_is_also_one_that_nobody_reads() {
        for password in PASSWORDS {
            assert!(is_secret(password.as_bytes()), "{password}");
        }
    }
}
