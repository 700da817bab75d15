//! Applications that ask through the gateway, and what must hold for each of them. Include with
//! `#[path = "support/through.rs"] mod through;` beside `mod gateway`, `mod lab` and `mod support`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

use crate::gateway::{Gateway, Wish};
use crate::lab;
use crate::support::ldap_app::{Ldap, Outcome, Tls};
use crate::support::slapd::{PASSWORD, Slapd};

/// Both ways to be out of others' sight.
pub const PROTECTED: [Tls; 2] = [Tls::Ldaps, Tls::StartTls];

/// Tess has a generator that goes with the clock, which alone can tell a used code from a wrong one.
const TESS: &str = "
dn: uid=tess,ou=people,dc=lab,dc=test
objectClass: inetOrgPerson
objectClass: posixAccount
uid: tess
cn: Tess
sn: T
uidNumber: 20002
gidNumber: 20002
homeDirectory: /home/tess
userPassword: correct horse

dn: uid=anna,ou=people,dc=lab,dc=test
changetype: modify
add: objectClass
objectClass: posixAccount
-
add: uidNumber
uidNumber: 20001
-
add: gidNumber
gidNumber: 20001
-
add: homeDirectory
homeDirectory: /home/anna
";

/// Tests log in faster than people, and all from one address.
pub const PATIENT: &str = "[limits]\nsource-per-minute = 10000\nsubject-per-minute = 10000\n";

impl Gateway {
    /// As applications meet it, with further keys of the client; `None` when slapd is not installed.
    pub fn for_applications(client: &str) -> Option<Self> {
        Self::for_applications_with("", client)
    }

    /// The same with further lines in the settings of the directory behind it.
    pub fn for_applications_with(slapd: &str, client: &str) -> Option<Self> {
        let slapd = Slapd::start_open(slapd)?;
        assert!(slapd.add(TESS));
        let wish =
            Wish { client, tables: PATIENT, exempt: Some("[\"bind\", \"search\"]"), ..Wish::default() };
        Some(Self::in_front_of(slapd, &wish))
    }

    /// How an application reaches it.
    pub fn ldap(&self, tls: Tls) -> Ldap {
        let port = if tls == Tls::Ldaps { self.ldaps.port() } else { self.ldap.port() };
        Ldap { tls, ca_file: self.ca_file(), ..Ldap::readable(port) }
    }

    /// Why the logins of people ended as they did while something was done, in its order.
    pub fn reasons(&self, during: impl FnOnce()) -> Vec<String> {
        let before = self.lab.logins().len();
        during();
        let new = self.lab.logins().into_iter().skip(before);
        let people = new.filter(|record| record["exemption"].is_null());
        people.map(|record| record["reason"].as_str().unwrap().to_owned()).collect()
    }
}

/// Anna gets in with a code that was not used before, and with nothing less; each of her logins is one login of the
/// gateway's.
pub fn asks_for_a_second_factor(gateway: &Gateway, login: impl Fn(&str, &str) -> Outcome) {
    let right = gateway.password("anna");
    let tries = [
        (PASSWORD.to_owned(), Outcome::Refused, "code-missing"),
        (format!("{PASSWORD}{}", gateway.wrong_code("anna")), Outcome::Refused, "wrong-code"),
        (right.clone(), Outcome::Accepted, "confirmed"),
        // A counter cannot tell a used code from one that never was.
        (right, Outcome::Refused, "wrong-code"),
        (format!("wrong{}", gateway.code("anna")), Outcome::Refused, "wrong-password"),
        (gateway.password("anna"), Outcome::Accepted, "confirmed"),
    ];
    for (password, expected, reason) in tries {
        let reasons = gateway.reasons(|| assert_eq!(login("anna", &password), expected, "{reason}"));
        assert_eq!(reasons, [reason], "one login");
    }
}

/// A code that was right once is a replay afterwards.
pub fn refuses_a_replay(gateway: &Gateway, login: impl Fn(&str, &str) -> Outcome) {
    gateway.lab.enrol_totp("tess");
    let right = format!("{PASSWORD}{}", lab::totp(lab::SEED, lab::step_now()));
    for (expected, reason) in [(Outcome::Accepted, "confirmed"), (Outcome::Refused, "replayed-code")] {
        let reasons = gateway.reasons(|| assert_eq!(login("tess", &right), expected, "{reason}"));
        assert_eq!(reasons, [reason], "one login");
    }
}

/// When the directory is away, and when the gateway itself is, an application says these words and not that the
/// password was wrong (B-043).
pub fn tells_a_fault_from_a_wrong_password(
    mut gateway: Gateway,
    words: [&str; 2],
    login: impl Fn(&str, &str) -> Outcome,
) {
    assert_eq!(login("anna", &gateway.password("anna")), Outcome::Accepted);
    gateway.slapd.stop();
    let password = gateway.password("anna");
    let outcome = login("anna", &password);
    assert!(outcome.is_broken(words[0]), "without the directory: {outcome:?}");
    let _status = gateway.lab.end("TERM");
    let outcome = login("anna", &password);
    assert!(outcome.is_broken(words[1]), "without the gateway: {outcome:?}");
}
