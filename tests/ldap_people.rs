//! Libraries and logins that people's passwords go through, with a directory behind them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

#[path = "ldap_people/java.rs"]
mod java;
#[path = "ldap_people/python.rs"]
mod python;
#[path = "ldap_people/sssd.rs"]
mod sssd;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use doorward::wire::ldap::ber::{ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, Writer};
use doorward::wire::ldap::message::op;
use support::authority::Authority;
use support::fake_directory::{Act, FakeDirectory, Request, entry, result};
use support::ldap_app::{Ldap, Outcome, Tls};
use support::slapd::{PASSWORD, Slapd};

const ANNA: &str = "uid=anna,ou=people,dc=lab,dc=test";

/// OpenLDAP's server, and how an application reaches it.
fn at(slapd: &Slapd, tls: Tls) -> Ldap {
    let port = if tls == Tls::Ldaps { slapd.tls_port } else { slapd.port };
    Ldap { port, tls, ca_file: slapd.ca_file(), ..nowhere() }
}

fn nowhere() -> Ldap {
    Ldap {
        host: "127.0.0.1".to_owned(),
        port: 0,
        tls: Tls::None,
        ca_file: "/dev/null".into(),
        base: "dc=lab,dc=test".to_owned(),
        people_base: "ou=people,dc=lab,dc=test".to_owned(),
        user_dn_template: "uid=%s,ou=people,dc=lab,dc=test".to_owned(),
        service_dn: "cn=service,dc=lab,dc=test".to_owned(),
        service_password: PASSWORD.to_owned(),
    }
}

/// What must hold for every application, however it finds people.
fn lets_in_anna_alone(login: impl Fn(&str, &str) -> Outcome) {
    assert_eq!(login("anna", PASSWORD), Outcome::Accepted);
    for password in ["wrong", "correct horse1", "Correct Horse", "*"] {
        assert_eq!(login("anna", password), Outcome::Refused, "{password}");
    }
    assert_eq!(login("anna", PASSWORD), Outcome::Accepted, "a wrong password before does not matter");
    for name in ["keyless", "nobody", "anna*", "*", "anna,ou=people", "anna)(uid=*"] {
        assert_eq!(login(name, PASSWORD), Outcome::Refused, "{name}");
    }
}

/// A directory where only anna is, which answers her binds with a code that can be changed.
struct Counting {
    fake: FakeDirectory,
    code: Arc<AtomicU32>,
}

impl Counting {
    fn start() -> Self {
        let code = Arc::new(AtomicU32::new(0));
        let hers = code.clone();
        let fake = FakeDirectory::start(move |request| match request.tag {
            op::BIND_REQUEST if request.name() == ANNA => {
                Act::Send(result(request.id, op::BIND_RESPONSE, hers.load(Ordering::SeqCst), "lab"))
            }
            op::BIND_REQUEST => Act::Send(result(request.id, op::BIND_RESPONSE, 0, "")),
            op::SEARCH_REQUEST => Act::Send(found(request)),
            op::EXTENDED_REQUEST => Act::Send(who_am_i(request)),
            _ => Act::Close,
        });
        Self { fake, code }
    }

    fn ldap(&self) -> Ldap {
        Ldap { port: self.fake.port, ..nowhere() }
    }

    /// From now on her binds get this result code.
    fn answers(&self, code: u32) {
        self.code.store(code, Ordering::SeqCst);
    }

    /// How often her password was tried.
    fn binds(&self) -> usize {
        let hers = |request: &&Request| request.tag == op::BIND_REQUEST && request.name() == ANNA;
        self.fake.requests().iter().filter(hers).count()
    }
}

fn found(request: &Request) -> Vec<u8> {
    let mut answer = match request.name().as_str() {
        "" => entry(request.id, "", &[("supportedLDAPVersion", &[b"3"])]),
        _ if request.holds("anna") && !request.holds("posixGroup") => {
            let unix: &[(&str, &[&[u8]])] = &[
                ("objectClass", &[b"inetOrgPerson", b"posixAccount"]),
                ("uid", &[b"anna"]),
                ("uidNumber", &[b"20001"]),
                ("gidNumber", &[b"20001"]),
                ("homeDirectory", &[b"/home/anna"]),
            ];
            entry(request.id, ANNA, unix)
        }
        _ => Vec::new(),
    };
    answer.extend(result(request.id, op::SEARCH_DONE, 0, ""));
    answer
}

/// RFC 4532, section 2.2: an extended response whose value is who one is.
fn who_am_i(request: &Request) -> Vec<u8> {
    assert!(request.holds("1.3.6.1.4.1.4203.1.11.3"), "no other extended operation is expected");
    let mut writer = Writer::default();
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, i64::from(request.id));
        message.nested(op::EXTENDED_RESPONSE, |response| {
            response.integer(ENUMERATED, 0);
            response.bytes(OCTET_STRING, b"");
            response.bytes(OCTET_STRING, b"");
            response.bytes(0x8b, format!("dn:{ANNA}").as_bytes());
        });
    });
    writer.finish().to_vec()
}

/// What must hold for every application: a login is one bind of the person, and a fault of the directory is
/// neither a wrong password nor a reason to try again.
fn binds_once_and_tells_a_fault_from_a_wrong_password(
    directory: &Counting,
    login: impl Fn(&str, &str) -> Outcome,
) {
    for (code, number) in [(0, 1), (49, 2), (51, 3), (52, 4), (0, 5)] {
        directory.answers(code);
        let outcome = login("anna", PASSWORD);
        match code {
            0 => assert_eq!(outcome, Outcome::Accepted),
            49 => assert_eq!(outcome, Outcome::Refused),
            _ => assert!(
                matches!(&outcome, Outcome::Broken(text) if text.contains(&code.to_string())),
                "{code}: {outcome:?}, B-043"
            ),
        }
        assert_eq!(directory.binds(), number, "{code}: one bind for one login");
    }
}

/// OpenLDAP's server as an application sees it that trusts another authority.
fn behind_a_stranger(slapd: &Slapd, tls: Tls) -> Ldap {
    let ca_file = slapd.ca_file().with_file_name("stranger.pem");
    std::fs::write(&ca_file, Authority::new().pem()).unwrap();
    Ldap { ca_file, ..at(slapd, tls) }
}

/// What must hold for every application: nobody's password goes to a server that cannot show who it is.
fn gives_the_password_to_no_stranger(login: impl Fn(&str, &str) -> Outcome) {
    let outcome = login("anna", PASSWORD);
    assert!(matches!(outcome, Outcome::Broken(_)), "{outcome:?}");
}
