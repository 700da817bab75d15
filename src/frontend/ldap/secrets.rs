//! Attributes that nobody reads, searches or compares through us (B-049): passwords, their hashes and histories,
//! keys, seeds. A comparison with a password is a bind without a second factor; so is a search for one.

use crate::wire::ldap::ask::attribute_type;

/// Whether this attribute description, options and all, names a secret: by name or OID, in any letter case.
#[must_use]
pub fn is_secret(description: &[u8]) -> bool {
    let name = attribute_type(description);
    let starts = |prefix: &str| {
        name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    NAMES.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
        || OIDS.iter().any(|secret| name == secret.as_bytes())
        || PREFIXES.iter().any(|prefix| starts(prefix))
}

/// Whether the value of a control speaks of a secret attribute anywhere.
///
/// Controls can read attributes, compare them or sort by them (RFC 4527, RFC 4528, RFC 2891, RFC 3876 and more),
/// each in a syntax of its own. None of them has a reason to hold such a name, so it is looked for as text.
#[must_use]
pub fn speaks_of_secret(value: &[u8]) -> bool {
    let mut all = NAMES.iter().chain(OIDS).chain(PREFIXES);
    all.any(|secret| value.windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret.as_bytes())))
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
    fn every_password_that_people_change_is_also_one_that_nobody_reads() {
        for password in PASSWORDS {
            assert!(is_secret(password.as_bytes()), "{password}");
        }
    }
}
