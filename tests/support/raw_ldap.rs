//! A client that can send what a good one would not: any octets, in any order. Include with
//! `#[path = "support/raw_ldap.rs"] mod raw_ldap;`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorward::wire::ldap::ber::Writer;
use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::frame::{CHUNK, Inbox};
use doorward::wire::ldap::message::{LdapResult, Message, op};
use doorward::wire::ldap::request::{Scope, Search, Selection, search};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{Domain, Socket, Type};

/// How long an answer may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is taken.
const LONGEST: usize = 64 << 20;

trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}

pub struct Raw {
    stream: Box<dyn Duplex>,
    tcp: TcpStream,
    inbox: Inbox,
    id: u32,
}

/// One message of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub id: u32,
    pub tag: u8,
    /// The result code, where the message is a result.
    pub code: Option<u32>,
    pub text: String,
    pub whole: Vec<u8>,
}

impl Raw {
    pub fn plain(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        tcp.set_nodelay(true).unwrap();
        Self::over(Box::new(tcp.try_clone().unwrap()), tcp)
    }

    /// From another address of this machine.
    pub fn plain_from(source: IpAddr, address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        let tcp = TcpStream::from(socket);
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::over(Box::new(tcp.try_clone().unwrap()), tcp)
    }

    pub fn tls(address: SocketAddr, ca_file: &Path) -> Self {
        Self::plain(address).encrypt(ca_file)
    }

    fn over(stream: Box<dyn Duplex>, tcp: TcpStream) -> Self {
        Self { stream, tcp, inbox: Inbox::new(LONGEST), id: 0 }
    }

    /// The client's part of the handshake of TLS.
    pub fn encrypt(self, ca_file: &Path) -> Self {
        let config = doorward::net::tls::client(Some(&std::fs::read(ca_file).unwrap())).unwrap();
        self.encrypt_with(config)
    }

    pub fn encrypt_with(self, config: Arc<ClientConfig>) -> Self {
        self.try_encrypt(config).expect("TLS")
    }

    /// The same where it may fail.
    pub fn try_encrypt(self, config: Arc<ClientConfig>) -> std::io::Result<Self> {
        let tls = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(tls, self.tcp.try_clone().unwrap());
        stream.flush()?;
        Ok(Self { id: self.id, ..Self::over(Box::new(stream), self.tcp) })
    }

    /// StartTLS, and the handshake behind it.
    pub fn start_tls(mut self, ca_file: &Path) -> Self {
        let request = doorward::wire::ldap::request::start_tls(self.next_id());
        self.send(&request);
        assert_eq!(self.must_answer().code, Some(0), "StartTLS");
        self.encrypt(ca_file)
    }

    pub fn next_id(&mut self) -> u32 {
        self.id += 1;
        self.id
    }

    /// Sends octets; a server that has closed does not hear them.
    pub fn send(&mut self, octets: &[u8]) {
        let _heard_or_not = self.stream.write_all(octets).and_then(|()| self.stream.flush());
    }

    /// The next message, or `None` when the server has closed.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut chunk = vec![0; CHUNK];
        loop {
            if let Some(whole) = self.inbox.take().expect("LDAP") {
                return Some(Answer::read(whole));
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.inbox.push(&chunk[..count]).unwrap(),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => panic!("no answer in time"),
                    _ => return None,
                },
            }
        }
    }

    pub fn must_answer(&mut self) -> Answer {
        self.answer().expect("an answer, not the end of the connection")
    }

    /// Nothing comes within `time`, and the connection stays.
    pub fn hears_nothing(&mut self, time: Duration) {
        self.tcp.set_read_timeout(Some(time)).unwrap();
        let mut chunk = [0; 512];
        match self.stream.read(&mut chunk) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            other => panic!("silence was expected: {other:?}"),
        }
        self.tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    /// Whether the server closes, whatever it says before.
    pub fn is_closed(&mut self) -> bool {
        while self.answer().is_some() {}
        true
    }

    /// A simple bind; its result code.
    pub fn bind(&mut self, name: &str, password: &str) -> u32 {
        let id = self.next_id();
        self.send(&simple_bind(id, name, password));
        let answer = self.must_answer();
        assert_eq!((answer.id, answer.tag), (id, op::BIND_RESPONSE));
        answer.code.unwrap()
    }

    /// A request with the next number; the first answer to it.
    pub fn ask(&mut self, request: impl FnOnce(u32) -> Vec<u8>) -> Answer {
        let id = self.next_id();
        self.send(&request(id));
        let answer = self.must_answer();
        assert_eq!(answer.id, id, "{answer:?}");
        answer
    }

    /// A SASL bind; its answer.
    pub fn sasl(&mut self, mechanism: &str, credentials: Option<&[u8]>) -> Answer {
        let answer = self.ask(|id| sasl_bind(id, mechanism, credentials));
        assert_eq!(answer.tag, op::BIND_RESPONSE);
        answer
    }

    /// The root DSE, attributes and values as text.
    pub fn root(&mut self) -> Vec<(String, Vec<String>)> {
        let answers = self.search("", Scope::Base, &Filter::Present("objectClass"), &["*", "+"]);
        assert_eq!(answers.len(), 2, "{answers:?}");
        answers[0].attributes()
    }

    /// A search; everything that is answered to it.
    pub fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &Filter<'_>,
        attributes: &[&str],
    ) -> Vec<Answer> {
        let id = self.next_id();
        self.send(&search_for(id, (base, scope), filter, attributes));
        self.rest_of(id)
    }

    /// Everything up to the result of a search.
    pub fn rest_of(&mut self, id: u32) -> Vec<Answer> {
        let mut answers = Vec::new();
        loop {
            let answer = self.must_answer();
            assert_eq!(answer.id, id, "{answer:?}");
            let done = answer.tag == op::SEARCH_DONE;
            answers.push(answer);
            if done {
                return answers;
            }
        }
    }

    /// Whether the directory shows anything to whoever is bound here, and with which result.
    pub fn sees(&mut self, base: &str) -> (usize, u32) {
        let answers = self.search(base, Scope::Subtree, &Filter::Present("objectClass"), &["1.1"]);
        (answers.len() - 1, answers.last().unwrap().code.unwrap())
    }

    /// An extended request without a value.
    pub fn extended(&mut self, name: &str) -> Answer {
        let id = self.next_id();
        self.send(&extended(id, name, None));
        self.must_answer()
    }

    /// Who the gateway says that we are.
    pub fn who_am_i(&mut self) -> String {
        let answer = self.extended("1.3.6.1.4.1.4203.1.11.3");
        assert_eq!(answer.code, Some(0), "{answer:?}");
        let message = Message::read(&answer.whole).unwrap();
        let response = doorward::wire::ldap::message::ExtendedResponse::read(&message.operation).unwrap();
        String::from_utf8(response.value.unwrap().to_vec()).unwrap()
    }

    pub fn socket(&self) -> &TcpStream {
        &self.tcp
    }
}

impl Answer {
    /// Of an entry: attributes and their values, as text.
    pub fn attributes(&self) -> Vec<(String, Vec<String>)> {
        assert_eq!(self.tag, op::SEARCH_ENTRY, "{self:?}");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let message = Message::read(&self.whole).unwrap();
        let mut parts = message.operation.enter().unwrap();
        parts.element().unwrap();
        let mut list = parts.enter(0x30).unwrap();
        let mut attributes = Vec::new();
        while list.peek().is_some() {
            let mut attribute = list.enter(0x30).unwrap();
            let name = text(attribute.expect(4).unwrap().body);
            let (mut set, mut values) = (attribute.enter(0x31).unwrap(), Vec::new());
            while set.peek().is_some() {
                values.push(text(set.expect(4).unwrap().body));
            }
            attributes.push((name, values));
        }
        attributes
    }

    fn read(whole: &[u8]) -> Self {
        let message = Message::read(whole).expect("a message");
        let result = LdapResult::read(&message.operation).ok();
        Self {
            id: message.id,
            tag: message.operation.tag,
            code: result.map(|result| result.code.0),
            text: result.map(|r| String::from_utf8_lossy(r.diagnostic).into_owned()).unwrap_or_default(),
            whole: whole.to_vec(),
        }
    }
}

/// TLS that trusts this authority and shows this certificate with its key, all of it PEM.
pub fn with_certificate(ca: &str, (certificate, key): &(String, String)) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    Arc::new(config.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap())
}

/// A simple BindRequest of version 3, whatever the name and the password are.
pub fn simple_bind(id: u32, name: &str, password: &str) -> Vec<u8> {
    message(id, |writer| {
        writer.nested(op::BIND_REQUEST, |bind| {
            bind.integer(2, 3);
            bind.bytes(4, name.as_bytes());
            bind.bytes(0x80, password.as_bytes());
        });
    })
}

/// A search of everything below.
pub fn subtree(id: u32, base: &str, filter: &Filter<'_>, attributes: &[&str]) -> Vec<u8> {
    search_for(id, (base, Scope::Subtree), filter, attributes)
}

fn search_for(id: u32, (base, scope): (&str, Scope), filter: &Filter<'_>, attributes: &[&str]) -> Vec<u8> {
    let attributes = &Selection::of(attributes.iter().copied());
    search(id, &Search { base, scope, size_limit: 0, time_limit: 0, filter, attributes, page: None })
}

/// A ModifyRequest that puts one value in place of those of an attribute.
pub fn replace(id: u32, dn: &str, attribute: &[u8], value: &[u8]) -> Vec<u8> {
    message(id, |writer| {
        writer.nested(op::MODIFY_REQUEST, |modify| {
            modify.bytes(4, dn.as_bytes());
            modify.nested(0x30, |changes| {
                changes.nested(0x30, |change| {
                    change.integer(10, 2);
                    change.nested(0x30, |one| {
                        one.bytes(4, attribute);
                        one.nested(0x31, |values| values.bytes(4, value));
                    });
                });
            });
        });
    })
}

/// A SASL BindRequest.
pub fn sasl_bind(id: u32, mechanism: &str, credentials: Option<&[u8]>) -> Vec<u8> {
    message(id, |writer| {
        writer.nested(op::BIND_REQUEST, |bind| {
            bind.integer(2, 3);
            bind.bytes(4, b"");
            bind.nested(0xa3, |sasl| {
                sasl.bytes(4, mechanism.as_bytes());
                if let Some(credentials) = credentials {
                    sasl.bytes(4, credentials);
                }
            });
        });
    })
}

/// An ExtendedRequest.
pub fn extended(id: u32, name: &str, value: Option<&[u8]>) -> Vec<u8> {
    message(id, |writer| {
        writer.nested(op::EXTENDED_REQUEST, |request| {
            request.bytes(0x80, name.as_bytes());
            if let Some(value) = value {
                request.bytes(0x81, value);
            }
        });
    })
}

/// An envelope around an operation.
pub fn message(id: u32, operation: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nested(0x30, |message| {
        message.integer(2, i64::from(id));
        operation(message);
    });
    writer.finish().to_vec()
}
