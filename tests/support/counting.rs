//! A directory that counts what applications ask of it, and what must hold for each of them at any directory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::ldap::ber::{ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, Writer};
use doorward::wire::ldap::message::op;

use crate::support::fake_directory::{Act, FakeDirectory, Request, entry, result};
use crate::support::ldap_app::{Ldap, Outcome, PATIENCE};
use crate::support::slapd::PASSWORD;

/// RFC 4511, section 4.10.
const COMPARE_REQUEST: u8 = 0x6e;
const COMPARE_RESPONSE: u8 = 0x6f;

/// Stands for a bind that is not answered at all.
pub const SILENCE: u32 = u32::MAX;

/// A directory where anna and ben are, which answers the binds of people with codes that can be changed.
pub struct Counting {
    pub fake: FakeDirectory,
    codes: Arc<Mutex<HashMap<String, u32>>>,
}

impl Counting {
    pub fn start() -> Self {
        let codes = Arc::<Mutex<HashMap<String, u32>>>::default();
        let known = codes.clone();
        let fake = FakeDirectory::start(move |request: &Request| {
            let id = request.id;
            match request.tag {
                op::BIND_REQUEST => {
                    let code = known.lock().unwrap().get(&person(request)).copied().unwrap_or_default();
                    if code == SILENCE {
                        Act::Hang
                    } else {
                        Act::Send(result(id, op::BIND_RESPONSE, code, "lab"))
                    }
                }
                op::SEARCH_REQUEST => Act::Send(found(request)),
                op::EXTENDED_REQUEST => Act::Send(who_am_i(request)),
                COMPARE_REQUEST => Act::Send(result(id, COMPARE_RESPONSE, 6, "")),
                _ => Act::Close,
            }
        });
        Self { fake, codes }
    }

    pub fn ldap(&self) -> Ldap {
        Ldap::readable(self.fake.port)
    }

    /// From now on binds of this one get this result code.
    pub fn answers(&self, person: &str, code: u32) {
        self.codes.lock().unwrap().insert(person.to_owned(), code);
    }

    /// What has come so far, in one word each, with the number of its connection.
    pub fn seen(&self) -> Vec<(usize, String)> {
        let word = |request: &Request| match request.tag {
            op::BIND_REQUEST => person(request),
            op::SEARCH_REQUEST => "search".to_owned(),
            COMPARE_REQUEST => "compare".to_owned(),
            op::UNBIND_REQUEST => "unbind".to_owned(),
            tag => format!("{tag:#x}"),
        };
        self.fake.requests().iter().map(|request| (request.connection, word(request))).collect()
    }

    /// How often this one's password was tried.
    pub fn binds(&self, person: &str) -> usize {
        self.seen().iter().filter(|(_, what)| what == person).count()
    }

    /// The binds and searches that something makes an application do, each run of one connection apart.
    pub fn during(&self, something: impl FnOnce()) -> String {
        let before = self.fake.requests().len();
        something();
        let new: Vec<_> = self.seen().into_iter().skip(before).filter(|(_, what)| what != "unbind").collect();
        let runs = new.chunk_by(|(one, _), (other, _)| one == other);
        let words = runs.map(|run| run.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>().join(" "));
        words.collect::<Vec<_>>().join(" | ")
    }

    /// Waits until something has come.
    pub fn wait_until(&self, what: &str) {
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
    Ldap::readable(0).user_dn(person)
}

fn found(request: &Request) -> Vec<u8> {
    let person = person(request);
    let mut answer = match request.name().as_str() {
        "" => entry(request.id, "", &[("supportedLDAPVersion", &[b"3"])]),
        _ if ["anna", "ben"].contains(&&*person) && !request.holds("posixGroup") => {
            let unix: &[(&str, &[&[u8]])] = &[
                ("objectClass", &[b"inetOrgPerson", b"posixAccount"]),
                ("uid", &[person.as_bytes()]),
                ("uidNumber", &[b"20001"]),
                ("gidNumber", &[b"20001"]),
                ("homeDirectory", &[b"/home/lab"]),
            ];
            entry(request.id, &dn(&person), unix)
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
            response.bytes(0x8b, format!("dn:{}", dn("anna")).as_bytes());
        });
    });
    writer.finish().to_vec()
}

// ---- what must hold for every application, however it finds people -----------------------------------

/// People get in by their own password alone.
pub fn lets_in_anna_alone(login: impl Fn(&str, &str) -> Outcome) {
    assert_eq!(login("anna", PASSWORD), Outcome::Accepted);
    for password in ["wrong", "correct horse1", "Correct Horse", "*"] {
        assert_eq!(login("anna", password), Outcome::Refused, "{password}");
    }
    assert_eq!(login("anna", PASSWORD), Outcome::Accepted, "a wrong password before does not matter");
    assert_eq!(login("keyless", PASSWORD), Outcome::Refused);
    assert_eq!(login("nobody", PASSWORD), Outcome::Refused);
}

/// A name is a name, whatever signs of filters and DNs are in it.
pub fn takes_names_as_they_are(login: impl Fn(&str, &str) -> Outcome) {
    for name in ["anna*", "*", "anna,ou=people", "anna)(uid=*"] {
        assert_eq!(login(name, PASSWORD), Outcome::Refused, "{name}");
    }
}

/// A login is one bind of the person, and a fault of the directory is neither a wrong password nor a reason to try
/// again.
pub fn binds_once_and_tells_a_fault_from_a_wrong_password(
    directory: &Counting,
    login: impl Fn(&str, &str) -> Outcome,
) {
    for (code, number) in [(0, 1), (49, 2), (51, 3), (52, 4), (0, 5)] {
        directory.answers("anna", code);
        let outcome = login("anna", PASSWORD);
        match code {
            0 => assert_eq!(outcome, Outcome::Accepted),
            49 => assert_eq!(outcome, Outcome::Refused),
            _ => assert!(outcome.is_broken(&code.to_string()), "{code}: {outcome:?}, B-043"),
        }
        assert_eq!(directory.binds("anna"), number, "{code}: one bind for one login");
    }
}

/// Nobody's password goes to a server that cannot show who it is.
pub fn gives_the_password_to_no_stranger(login: impl Fn(&str, &str) -> Outcome) {
    let outcome = login("anna", PASSWORD);
    assert!(matches!(outcome, Outcome::Broken(_)), "{outcome:?}");
}
