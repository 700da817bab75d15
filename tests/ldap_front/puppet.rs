//! A directory that knows Anna, and does with what she asks what a test says.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use doorward::wire::ldap::message::op;

use crate::gateway::Behind;
use crate::raw_ldap::PATIENCE;
use crate::support::authority::Authority;
use crate::support::fake_directory::{Act, FakeDirectory, Request, entry, result};
use crate::support::slapd::PASSWORD;
use crate::{ANNA, BASE};

const SERVICE: &str = "cn=service,dc=lab,dc=test";

pub(crate) struct Puppet {
    pub(crate) fake: FakeDirectory,
    authority: Authority,
    relayed: Mutex<Receiver<Request>>,
}

impl Puppet {
    /// It answers nothing of what Anna asks after her bind: the test does.
    pub(crate) fn start() -> Self {
        Self::start_with(|bind| Some(if bind.holds(PASSWORD) { 0 } else { 49 }), |_| Act::Hang)
    }

    /// * `bind`: the result of a bind as anybody but the service account; `None` to leave it open.
    /// * `relayed`: what it does about what was asked on a connection on which such a bind succeeded.
    pub(crate) fn start_with(
        bind: impl Fn(&Request) -> Option<u32> + Send + Sync + 'static,
        relayed: impl Fn(&Request) -> Act + Send + Sync + 'static,
    ) -> Self {
        let (tell, heard) = channel();
        let bound = Mutex::new(BTreeSet::new());
        let fake = FakeDirectory::start(move |request| {
            let mut bound = bound.lock().unwrap();
            match request.tag {
                op::BIND_REQUEST => {
                    bound.remove(&request.connection);
                    let code = if request.name() == SERVICE { Some(0) } else { bind(request) };
                    if code == Some(0) && request.name() != SERVICE {
                        bound.insert(request.connection);
                    }
                    code.map_or(Act::Hang, |code| {
                        Act::Send(result(request.id, op::BIND_RESPONSE, code, "data 0, as told"))
                    })
                }
                _ if bound.contains(&request.connection) => {
                    let _heard_or_not = tell.send(request.clone());
                    relayed(request)
                }
                op::SEARCH_REQUEST => Act::Send(lookup(request)),
                _ => Act::Hang,
            }
        });
        Self { fake, authority: Authority::new(), relayed: Mutex::new(heard) }
    }

    /// The next thing that somebody asked after a bind.
    pub(crate) fn next(&self) -> Request {
        let next = self.relayed.lock().unwrap().recv_timeout(PATIENCE);
        next.unwrap_or_else(|_| panic!("nothing was passed on"))
    }

    /// Whether nothing was passed on since the last look.
    pub(crate) fn heard_nothing(&self) -> bool {
        matches!(self.relayed.lock().unwrap().try_recv(), Err(TryRecvError::Empty))
    }

    /// Says something on the connection on which that came.
    pub(crate) fn say(&self, to: &Request, octets: &[u8]) {
        self.fake.say_to(to.connection, octets);
    }

    /// Waits for the bind with this place among those that are not the service account's.
    pub(crate) fn bind(&self, place: usize) -> Request {
        self.fake.wait_for(place, is_a_persons_bind)
    }

    /// How many binds came that are not the service account's.
    pub(crate) fn binds(&self) -> usize {
        self.fake.requests().iter().filter(|request| is_a_persons_bind(request)).count()
    }
}

fn is_a_persons_bind(request: &Request) -> bool {
    request.tag == op::BIND_REQUEST && request.name() != SERVICE
}

/// Anna to whoever looks for her, and nobody else.
fn lookup(request: &Request) -> Vec<u8> {
    let wanted = request.name().eq_ignore_ascii_case(ANNA) || request.holds("anna");
    let anna = entry(
        request.id,
        ANNA,
        &[("entryUUID", &[b"b2f6e0a2-0000-4000-8000-000000000001"]), ("uid", &[b"anna"])],
    );
    let done = result(request.id, op::SEARCH_DONE, 0, "");
    if wanted { [anna, done].concat() } else { done }
}

impl Behind for Puppet {
    fn keys(&self, dir: &Path) -> String {
        format!(
            "kind = \"ldap\"\nservers = [\"127.0.0.1:{}\"]\ntls = \"none\"\nbase-dn = \"{BASE}\"\n\
             bind-dn = \"{SERVICE}\"\nbind-password = {{ file = \"{}/service.password\" }}\n\
             group-lookup = \"member-of\"\n",
            self.fake.port,
            dir.display()
        )
    }

    fn authority(&self) -> &Authority {
        &self.authority
    }
}

/// Keeps the result of a bind back until the test says it.
pub(crate) fn held(wanted: &'static str) -> impl Fn(&Request) -> Option<u32> + Send + Sync + 'static {
    move |bind| match bind.holds(wanted) {
        true => None,
        false => Some(if bind.holds(PASSWORD) { 0 } else { 49 }),
    }
}
