//! Applications that people log in to, with a directory behind them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

#[path = "ldap_apps/apache.rs"]
mod apache;
#[path = "ldap_apps/dovecot.rs"]
mod dovecot;
#[path = "ldap_apps/ldap_utils.rs"]
mod ldap_utils;
#[path = "ldap_apps/postgres.rs"]
mod postgres;
mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::ldap::message::op;
use support::authority::Authority;
use support::fake_directory::{Act, FakeDirectory, Request, entry, result};
use support::ldap_app::{Ldap, Outcome, PATIENCE, Tls};
use support::slapd::{PASSWORD, Slapd};

/// RFC 4511, section 4.10.
const COMPARE_REQUEST: u8 = 0x6e;
const COMPARE_RESPONSE: u8 = 0x6f;

/// OpenLDAP's server, and how an application reaches it.
fn at(slapd: &Slapd, tls: Tls) -> Ldap {
    let port = if tls == Tls::Ldaps { slapd.tls_port } else { slapd.port };
    Ldap { port, tls, ca_file: slapd.ca_file(), ..nowhere() }
}

/// The same, but the application trusts another authority than the server's.
fn stranger(slapd: &Slapd, tls: Tls) -> Ldap {
    let ca_file = slapd.ca_file().with_file_name("stranger.pem");
    std::fs::write(&ca_file, Authority::new().pem()).unwrap();
    Ldap { ca_file, ..at(slapd, tls) }
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
    assert_eq!(login("keyless", PASSWORD), Outcome::Refused);
    assert_eq!(login("nobody", PASSWORD), Outcome::Refused);
}

fn broken(outcome: &Outcome, because: &str) -> bool {
    matches!(outcome, Outcome::Broken(told) if told.contains(because))
}

/// A directory where everybody is, which answers the binds of people with codes that can be changed.
struct Counting {
    fake: FakeDirectory,
    codes: Arc<Mutex<HashMap<String, u32>>>,
}

/// Stands for a bind that is not answered at all.
const SILENCE: u32 = u32::MAX;

impl Counting {
    fn start() -> Self {
        let codes = Arc::<Mutex<HashMap<String, u32>>>::default();
        let known = codes.clone();
        let fake = FakeDirectory::start(move |request: &Request| {
            let (id, person) = (request.id, person(request));
            match request.tag {
                op::BIND_REQUEST => {
                    let code = known.lock().unwrap().get(&person).copied().unwrap_or_default();
                    if code == SILENCE {
                        Act::Hang
                    } else {
                        Act::Send(result(id, op::BIND_RESPONSE, code, ""))
                    }
                }
                op::SEARCH_REQUEST => {
                    let mut answer = entry(id, &dn(&person), &[("uid", &[person.as_bytes()])]);
                    answer.extend(result(id, op::SEARCH_DONE, 0, ""));
                    Act::Send(answer)
                }
                COMPARE_REQUEST => Act::Send(result(id, COMPARE_RESPONSE, 6, "")),
                _ => Act::Close,
            }
        });
        Self { fake, codes }
    }

    fn ldap(&self) -> Ldap {
        Ldap { port: self.fake.port, ..nowhere() }
    }

    /// From now on binds of this one get this result code.
    fn answers(&self, person: &str, code: u32) {
        self.codes.lock().unwrap().insert(person.to_owned(), code);
    }

    /// What has come so far, in one word each, with the number of its connection.
    fn seen(&self) -> Vec<(usize, String)> {
        let word = |request: &Request| match request.tag {
            op::BIND_REQUEST => person(request),
            op::SEARCH_REQUEST => "search".to_owned(),
            COMPARE_REQUEST => "compare".to_owned(),
            op::UNBIND_REQUEST => "unbind".to_owned(),
            tag => format!("{tag:#x}"),
        };
        self.fake.requests().iter().map(|request| (request.connection, word(request))).collect()
    }

    /// The binds and searches that something makes an application do, each run of one connection apart.
    fn during(&self, something: impl FnOnce()) -> String {
        let before = self.fake.requests().len();
        something();
        let new: Vec<_> = self.seen().into_iter().skip(before).filter(|(_, what)| what != "unbind").collect();
        let runs = new.chunk_by(|(one, _), (other, _)| one == other);
        let words = runs.map(|run| run.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>().join(" "));
        words.collect::<Vec<_>>().join(" | ")
    }

    /// Waits until something has come.
    fn wait_until(&self, what: &str) {
        let until = SystemClock.now().steady + PATIENCE;
        while !self.seen().iter().any(|(_, seen)| seen == what) {
            assert!(SystemClock.now().steady < until, "{what} never came: {:?}", self.seen());
            std::thread::yield_now();
        }
    }
}

/// Who is meant by a bind or a search.
fn person(request: &Request) -> String {
    if request.tag == op::BIND_REQUEST && request.name().is_empty() {
        return "nobody at all".to_owned();
    }
    let known = ["anna", "ben", "service"].into_iter().find(|name| request.holds(name));
    known.unwrap_or("somebody").to_owned()
}

fn dn(person: &str) -> String {
    nowhere().user_dn(person)
}
