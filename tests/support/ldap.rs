//! Directories under test, made from the TOML that an administrator would write.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::problem::Problem;
use doorward::base::random::SystemRandom;
use doorward::base::secret::Secret;
use doorward::directory::ldap::{LdapConfig, LdapDirectory, LdapSettings};
use doorward::gateway::ports::{After, Directory, DomainLockout, Verified};
use doorward::login::identity::{Account, LoginName};
use doorward::login::step::{Changed, PrimaryOutcome};
use doorward::login::verdict::Fault;
use doorward::upstream::ldap::{Bare, Bound};
use doorward::wire::ldap::ber::{INTEGER, OCTET_STRING, Reader, SEQUENCE, Writer};
use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::frame::cut;
use doorward::wire::ldap::message::{LdapResult, Message, op};
use doorward::wire::ldap::request::{Scope, Search, Selection, search};
use doorward::wire::ldap::result::ResultCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Reads a table and its files.
pub fn settle(toml: &str) -> Result<LdapSettings, Vec<Problem>> {
    let config: LdapConfig = toml::from_str(toml).map_err(|error| vec![Problem::whole(error.to_string())])?;
    let mut problems = Vec::new();
    config.settle(&|path| std::fs::read(path), &mut problems).ok_or(problems)
}

/// A directory and the runtime it lives in.
pub struct Lab {
    runtime: tokio::runtime::Runtime,
    clock: Arc<dyn Clock>,
    pub directory: Arc<LdapDirectory>,
}

impl Lab {
    /// Starts the directory of this table.
    pub fn new(toml: &str) -> Self {
        Self::of(settle(toml).unwrap())
    }

    /// The same, by this clock.
    pub fn at(toml: &str, clock: Arc<dyn Clock>) -> Self {
        Self::made(settle(toml).unwrap(), clock)
    }

    /// Starts the directory of this table, and reads these attributes of its accounts.
    pub fn asking_for(toml: &str, attributes: &[&str]) -> Self {
        let names = attributes.iter().map(|name| (*name).into()).collect();
        Self::of(settle(toml).unwrap().with_attributes(names))
    }

    fn of(settings: LdapSettings) -> Self {
        Self::made(settings, Arc::new(SystemClock))
    }

    fn made(settings: LdapSettings, clock: Arc<dyn Clock>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let its = clock.clone();
        let start = async { LdapDirectory::start(settings, its, &SystemRandom).unwrap() };
        let directory = Arc::new(runtime.block_on(start));
        Self { runtime, clock, directory }
    }

    /// Runs something in the directory's runtime.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Runs something beside the test.
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(future)
    }

    /// Looks a name up within 10 s.
    pub fn find(&self, name: &str) -> Result<Option<Account>, Fault> {
        self.find_within(name, Duration::from_secs(10))
    }

    /// Asks whether it can be used, as `doorward check --connect` does.
    pub fn probe(&self) -> Result<(), Fault> {
        self.block_on(self.directory.probe(after(Duration::from_secs(10))))
    }

    /// When its domains lock accounts, as `doorward check --connect` asks.
    pub fn lockouts(&self) -> Vec<DomainLockout> {
        self.block_on(self.directory.lockouts(self.clock.now().steady + Duration::from_secs(10)))
    }

    /// Looks a name up.
    pub fn find_within(&self, name: &str, time: Duration) -> Result<Option<Account>, Fault> {
        self.block_on(self.directory.find(&login(name), self.clock.now().steady + time))
    }

    /// The account that must be there.
    pub fn account(&self, name: &str) -> Account {
        self.find(name).unwrap().unwrap_or_else(|| panic!("no account {name}"))
    }

    /// Tries a password within 10 s; without a name against nobody.
    pub fn verify(&self, account: Option<&Account>, password: &str) -> Result<PrimaryOutcome, Fault> {
        let password = Secret::copied(password.as_bytes());
        let until = after(Duration::from_secs(10));
        let verified = self.block_on(self.directory.verify(account, &password, After::Nothing, until))?;
        Ok(verified.outcome)
    }

    /// Looks up a distinguished name.
    pub fn find_dn(&self, dn: &str) -> Result<Option<Account>, Fault> {
        let name = LoginName::distinguished(dn).unwrap();
        self.block_on(self.directory.find(&name, after(Duration::from_secs(10))))
    }

    /// Tries a password, and goes on as the person if it is right.
    pub fn go_on(&self, account: Option<&Account>, password: &str) -> Result<Verified, Fault> {
        let password = Secret::copied(password.as_bytes());
        let until = after(Duration::from_secs(10));
        self.block_on(self.directory.verify(account, &password, After::GoOn, until))
    }

    /// The connection that a right password leaves.
    pub fn bound(&self, account: &Account, password: &str) -> Bound {
        let session = self.go_on(Some(account), password).unwrap().session;
        session.unwrap_or_else(|| panic!("the password opened nothing")).open().unwrap()
    }

    /// Changes a password within 10 s.
    pub fn change(&self, account: &Account, old: &str, new: &str) -> Result<Changed, Fault> {
        let (old, new) = (Secret::copied(old.as_bytes()), Secret::copied(new.as_bytes()));
        self.block_on(self.directory.change(account, &old, &new, after(Duration::from_secs(10))))
    }

    /// Looks the name up and tries the password.
    pub fn log_in(&self, name: &str, password: &str) -> Result<PrimaryOutcome, Fault> {
        let account = self.find(name)?;
        self.verify(account.as_ref(), password)
    }
}

/// A name that may be typed.
pub fn login(name: &str) -> LoginName {
    LoginName::parse(name.as_bytes()).unwrap()
}

/// That long from now.
pub fn after(time: Duration) -> Instant {
    SystemClock.now().steady + time
}

/// Speaks LDAP on a bare stream, one request after the other, ids from 1000.
pub struct Speaker<'a> {
    pub bare: Bare,
    lab: &'a Lab,
    id: u32,
}

impl<'a> Speaker<'a> {
    /// Goes on where the bind of `bound` ended.
    pub fn new(lab: &'a Lab, bound: Bound) -> Self {
        let bare = bound.into_stream().unwrap();
        Self { bare, lab, id: 1000 }
    }

    /// Sends one request and reads the messages of its answer, the last with the tag `ends_with`.
    pub fn ask(&mut self, ends_with: u8, request: impl FnOnce(u32) -> Vec<u8>) -> Vec<Vec<u8>> {
        self.id += 1;
        let (id, bare) = (self.id, &mut self.bare);
        let conversation = async {
            bare.write_all(&request(id)).await.unwrap();
            bare.flush().await.unwrap();
            let (mut answer, mut octets) = (Vec::new(), Vec::new());
            loop {
                while let Some(length) = cut(&octets, 1 << 24).unwrap() {
                    let whole: Vec<u8> = octets.drain(..length).collect();
                    let message = Message::read(&whole).unwrap();
                    assert_eq!(message.id, id);
                    let ends = message.operation.tag == ends_with;
                    answer.push(whole);
                    if ends {
                        assert!(octets.is_empty(), "nothing comes behind the answer");
                        return answer;
                    }
                }
                assert!(bare.read_buf(&mut octets).await.unwrap() > 0, "the server hung up");
            }
        };
        self.lab
            .block_on(async { tokio::time::timeout(Duration::from_secs(20), conversation).await.unwrap() })
    }

    /// Who the server says it speaks with (RFC 4532).
    pub fn who_am_i(&mut self) -> String {
        let answer = self.ask(op::EXTENDED_RESPONSE, |id| {
            let mut writer = Writer::default();
            writer.nested(SEQUENCE, |message| {
                message.integer(INTEGER, i64::from(id));
                message
                    .nested(op::EXTENDED_REQUEST, |request| request.bytes(0x80, b"1.3.6.1.4.1.4203.1.11.3"));
            });
            writer.finish().to_vec()
        });
        let message = Message::read(answer.last().unwrap()).unwrap();
        let mut parts = Reader::new(message.operation.body);
        let code = parts.element().unwrap().integer().unwrap();
        assert_eq!(code, 0);
        parts.expect(OCTET_STRING).unwrap();
        parts.expect(OCTET_STRING).unwrap();
        String::from_utf8(parts.expect(0x8b).unwrap().body.to_vec()).unwrap()
    }

    /// Looks at one entry; whether it came, and the result.
    pub fn look_at(&mut self, dn: &str) -> (bool, ResultCode) {
        let (entry, code) = self.read(dn, &[]);
        (!entry.is_empty(), code)
    }

    /// Reads attributes of one entry: the message with them, empty without an entry, and the result.
    pub fn read(&mut self, dn: &str, attributes: &[&str]) -> (Vec<u8>, ResultCode) {
        let mut answer = self.ask(op::SEARCH_DONE, |id| {
            let request = Search {
                base: dn,
                scope: Scope::Base,
                size_limit: 0,
                time_limit: 0,
                filter: &Filter::Present("objectClass"),
                attributes: &Selection::of(attributes.iter().copied()),
                page: None,
            };
            search(id, &request).to_vec()
        });
        let done = answer.pop().unwrap();
        let code = LdapResult::read(&Message::read(&done).unwrap().operation).unwrap().code;
        (answer.pop().unwrap_or_default(), code)
    }
}

/// Waits until something holds that others bring about, at most 10 s.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = after(Duration::from_secs(10));
    while !holds() {
        assert!(after(Duration::ZERO) < deadline, "{what}");
        std::thread::yield_now();
    }
}
